//! The two agents of a node that is not alone: of the primary, and of a standby.
//!
//! ```text
//!   primary   log ─▶ ends ─▶ Leader ─▶ Committer      standby   Receiver ─▶ ReplicaStore
//!               └──▶ Sender ═══ data ═════════════════════════════▶ │ ▲        │ held
//!                      ▲ ══════ answers ◀═══════════════════════════┘ catch-up ▼
//!             Leader ◀══ Ack ═══════════════ control ════════════════════ Follower
//!                    ══▶ Announce, Commit ══ control ══▶ Follower ─▶ follow, commit
//! ```
//!
//! Each owns its cores and does in one duty cycle what belongs together: what a standby received it
//! has inserted and acknowledged when the cycle ends, and a primary has told its store of a commit
//! before it tells anybody else. Neither changes into the other: an agent that must says so, once
//! ([`RoleChange`]), and stands still; the wiring stops it, converts its store and starts the
//! other.
//!
//! They are handed what carries datagrams and streams, and times, so that production and the
//! simulation of whole nodes run the same code.

mod asking;
mod bar;
mod primary;
mod role;
mod standby;
#[cfg(test)]
mod tests;
mod voice;

pub use primary::{PrimaryAgent, PrimaryOptions, PrimaryParts};
pub use role::{Executed, RoleChange};
pub use standby::{News, StandbyAgent, StandbyOptions, StandbyParts};
pub use voice::{Voice, VoiceCounts};
