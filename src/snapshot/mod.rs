//! Snapshots: a follower of the log executes it again, and now and then saves all state.
//!
//! ```text
//!   store ──▶ Follower ──▶ snapshots/<position>.snapshot.new
//!   events    Replay,             │ read back, restored, hash compared
//!             sections            ▼
//!                          snapshots/<position>.snapshot     the newest few are kept
//! ```
//!
//! It reads the log as any reader does, in the exchange's process or in one of its own, at its own
//! pace: the core does not notice it. Each command is executed again and its outcomes compared, so
//! that a snapshot is of what the log says. It goes on with the state that it read back, so that
//! the log goes on to test every snapshot.
//!
//! A component on the reading side that must go on with the same numbers after a start has a
//! [`SnapshotSection`] in each snapshot. `cadence.rs` says how far apart snapshots may be,
//! `keep.rs` which are kept, `agent.rs` is the loop. `retention.rs` lets the log begin at one of them.

mod agent;
mod cadence;
mod follower;
mod keep;
mod retention;

pub use agent::{SnapshotAgent, SnapshotCounters, SnapshotOptions};
pub use cadence::{Budget, Speed, commands_between};
pub use follower::{Begun, FollowError, Follower, MakeSections, SnapshotSection, TakeError, Taken};
pub use keep::{Plan, plan};
pub use retention::{RetentionAgent, RetentionError, holders};
