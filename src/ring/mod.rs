//! The byte ring between two agents: one producer, one consumer, nothing dropped.
//!
//! ```text
//!           tail: next byte to write           head: next byte to read
//!                      │                                  │
//!  producer ═▶ try_claim, try_write ═▶ [record|record|…] ═▶ peek and release, read ═▶ consumer
//!                      ▲                                  │
//!                      └───── free again once released ───┘
//! ```
//!
//! A full ring tells its producer so ([`Refusal::Full`]); whether to wait is the producer's
//! business. The consumer frees each record by itself, so a bound on its work is a bound on what
//! leaves the ring. `spsc.rs` is the algorithm, over any memory and any atomics; `block.rs` is the
//! memory: its positions live beside the bytes, so a process that died can attach again.

mod block;
#[cfg(all(test, loom))]
mod loom_tests;
mod spsc;
#[cfg(all(test, not(loom)))]
mod tests;

pub use block::{Block, pair};
pub use spsc::{AttachError, Claim, Consumer, Fault, Memory, Producer, Refusal, Word};
