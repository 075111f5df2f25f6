//! The repair service: replay and snapshots over TCP, re-requests over UDP, from the feed's logs.
//!
//! ```text
//!                    ┌── RecoveryAgent ────────────────────────────────────────────┐
//!  SoupBinTCP ══════▶│ Port ─▶ turns, seeded ─▶ Place ─▶ server::Connection        │
//!  MoldUDP64  ══════▶│ rerequest::Responder          │ a slice a turn              │
//!                    └──────┬────────────────────────┼───────────────────────┬─────┘
//!                 passwords │              FeedLibrary                images │
//!                    ┌──────▼──────┐           │ committed messages   ┌──────▼─────┐
//!                    │PasswordAgent│    <store>/feed/<session>/ ─────▶│ ImageAgent │
//!                    └─────────────┘                                  └────────────┘
//! ```
//!
//! It reads what the publisher has sent on both lines, never more, so that nobody who replays is
//! ahead of those who listen; and it shares nothing with the publisher but the logs, so that
//! nobody who replays slows it. What the protocols decide is in the crate `isochron-recovery`;
//! here are sockets, the logs, the fair order of turns, and the limits of one process.

mod agent;
mod counters;
mod doors;
mod image_agent;
mod images;
mod library;
mod password_agent;
mod place;
mod turns;

#[cfg(test)]
mod tests;

pub use agent::{Listening, Opened, RecoveryAgent, RecoveryError, RecoveryOptions};
pub use image_agent::ImageAgent;
pub use password_agent::PasswordAgent;
