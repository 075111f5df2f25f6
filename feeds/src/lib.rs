//! What a consumer of the market data feed links: cores without sockets or clocks.
//!
#![doc = include_str!("../README.md")]

pub mod book;
pub mod books;
pub mod channel;
pub mod checksum;
pub mod envelope;
mod index;
pub mod ladder;
pub mod limits;
pub mod mold;
pub mod publisher;
pub mod quotes;
pub mod snapshot;
pub mod subscriber;
