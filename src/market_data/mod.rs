//! Market data: committed events become the public feed.
//!
//! ```text
//!  store ──▶ L3 ──▶ Publisher ──▶ UDP multicast, line A
//!  events    feed   MoldUDP64      ╲
//!            messages               heartbeats, end of session
//! ```
//!
//! `l3.rs` is the pure core: it rebuilds the books from outcomes and says what the public may
//! know, anonymously, once per event. The bytes and numbers it emits are a function of the log
//! alone, so that a restart or another node's publisher sends the same. `sent.rs` notes how far
//! they were sent, `agent.rs` is the loop around them. How messages are packed and received, and
//! how sessions are named, is the crate `isochron-feeds`, which knows nothing of the exchange.

mod agent;
mod l3;
mod sent;

pub use agent::{FeedAgent, FeedError, FeedOptions};
pub use l3::{CHANNEL_L3, L3, Output};
pub use sent::{Mark, Sent};
