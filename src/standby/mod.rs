//! The executing follower: every node executes what is committed, compares what comes out with the
//! log, and has the state ready for the day it becomes the primary.
//!
//! ```text
//!   own store ──▶ committed ──▶ execute again ──▶ equal? ──▶ applied
//!   (filled by the               │                 │ no: an alarm, both outcomes; never primary
//!    stream, or by the core)     │                 ▼
//!                                │              board ──▶ other nodes: applied, hash of all state
//!                                └── the state, warm: a promotion begins with it
//! ```
//!
//! The log is the authority: a node whose execution differs goes on storing what comes, for the
//! others' sake, and is barred from writing it. `follower.rs` is the core, `board.rs` is what it
//! tells the agent that speaks with other nodes, `agent.rs` is the loop.

mod agent;
mod board;
mod follower;

pub use agent::{FollowerAgent, FollowerCounters, FollowerOptions, LoadState, State};
pub use board::{Board, Checkpoint};
pub use follower::{AttachError, Fault, Follower, reader_at};
