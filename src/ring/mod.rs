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
//! business; the ring counts it. The consumer frees each record by itself, so a bound on its work
//! is a bound on what leaves the ring. `spsc.rs` is the algorithm, over any memory and any atomics;
//! `block.rs` is the memory: its positions live beside the bytes, so a process that died can attach
//! again; `mapped.rs` is a block in a file, between processes.
//!
//! # When one side dies
//!
//! * A producer that dies leaves whole messages, which are taken, and the beginning of one that
//!   nobody sees. Another one [attaches](mapped::attach) behind the last whole message.
//! * A consumer that dies may have executed the message that it did not free. So its successor
//!   takes nothing of what it finds: [`Consumer::skip`] passes over it, and nothing is taken before
//!   the producer has said that it knows. Until then a producer that asks for space is answered
//!   [`Refusal::Renewed`]: **what it has written so far and does not find in the log was not
//!   accepted, and never will be.** It reads the log up to the beginning of the epoch that is the
//!   consumer's generation, calls [`Producer::rejoin`], and may send what it did not find again,
//!   under the same numbers.
//! * A consumer that meets bytes that no producer writes gives that ring up, alone:
//!   [`Consumer::fault`] says where, and the producer gets [`Refusal::Damaged`].

mod block;
#[cfg(all(test, loom))]
mod loom_tests;
pub mod mapped;
#[cfg(all(test, not(loom)))]
mod mapped_tests;
mod spsc;
#[cfg(all(test, not(loom)))]
mod tests;

pub use block::{Block, pair};
pub use spsc::{AttachError, Claim, Consumer, Fault, Mark, Memory, Producer, Refusal, Word};
