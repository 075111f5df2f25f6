//! Older bytes of the log over TCP, until the live stream is in reach.
mod fault;
mod peer;
pub mod protocol;

pub use fault::Fault;
pub use peer::{Difference, Peer};
