//! Repairs a market data feed, on both ends of a connection: cores without sockets or clocks.
//!
#![doc = include_str!("../README.md")]

pub mod access;
pub mod client;
pub mod consumer;
pub mod library;
pub mod limits;
mod outgoing;
pub mod rate;
pub mod rerequest;
pub mod server;
pub mod soup;

pub use library::{Library, SequencedLog};

#[cfg(test)]
mod tests;
