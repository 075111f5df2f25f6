//! Counters that other processes can watch, and latencies without a cost on the hot path.
//!
//! ```text
//!  hot thread ── CounterWriter::add ──▶ mapped file ──▶ Counters::attach: `stat`, the demo, a test
//!  hot thread ── Recorder::record ────▶ fixed queue ──▶ Collector::collect ──▶ Percentiles
//! ```
//!
//! `table.rs` is the list of all counters. A counter has one writer and any number of readers.

mod counters;
mod histogram;
mod table;
mod thread_usage;

pub use counters::{AttachError, CounterWriter, Counters};
pub use histogram::{Collector, Percentiles, Recorder, latencies};
pub use table::{Counter, RINGS_MAX, Row, TABLE};
pub use thread_usage::ThreadUsage;
