//! The cluster: which node writes, and what is committed.
//!
//! ```text
//!                                datagrams, one SBE message each, a MAC where there is a key
//!                                                     │
//!                                         ControlChannel: open, seal
//!                ┌────────────────────────────────────┼───────────────────────────────┐
//!   the primary  │                     any node       │                 a standby     │
//!      Ack ─▶ Leader ─▶ Commit,    VoteRequest ─▶ answer_vote      Announce, ─▶ Follower ─▶ Ack
//!               │       Announce            │         ▲            Commit          │
//!               ▼                           ▼         │                            ▼
//!           Committer                   Ballot (durable)                      ReplicaStore
//!
//!   who is to become the primary: Candidate ─▶ StatusRequest, VoteRequest ─▶ won, or why not
//!   every node: StateHash ─▶ Hashes ─▶ who executed to another state
//! ```
//!
//! Every core here is handed messages and times and tells what is to be sent; none knows a socket,
//! a clock or a file. What a node promises is durable before it is told: [`Ballot`] is the store's.
//! A vote is counted, a position is committed, and an epoch begins, by the rules of Raft (Ongaro
//! and Ousterhout, 2014); what Raft calls a term is an epoch here, and the log travels by multicast
//! instead of in its messages. An election by timers is the same [`Candidate`], begun by a timer.

pub mod agent;

mod ballot;
mod candidate;
mod channel;
mod contract;
mod follower;
mod hashes;
mod leader;
mod membership;
mod message;
mod quorum;

#[cfg(test)]
mod tests;

pub use ballot::{Ballot, LogStatus, answer_status, answer_vote, last_epoch};
pub use candidate::{
    Candidate, InTheWay, MayBeLost, Outcome, Refusal, Step, answer_promote, judge_promote,
};
pub use channel::{ControlChannel, Envelope, OPERATOR};
pub use contract::{Contract, Difference};
pub use follower::{AnnounceRefused, CommitRefused, Follower, Primary};
pub use hashes::{Comparison, Hashes, Outvoted};
pub use leader::{AckRefused, Change, Leader, MajorityDiffers, NotLeading, PeerStatus};
pub use membership::{Membership, MembershipError, NodeAddress};
pub use message::{Malformed, Refused};
use quorum::Quorum;
