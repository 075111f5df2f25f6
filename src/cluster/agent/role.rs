//! What a node is to become: what its agents say, and the wiring does. And what the agents are told
//! by those who execute the log.

use std::fmt;

use crate::cluster::{MayBeLost, NotLeading};
use crate::store::{FollowRefused, LogPlace};
use crate::types::{Epoch, Position};

/// Another role for this node. The agent that says so stands still from then on.
#[derive(Debug)]
pub enum RoleChange {
    /// A standby was voted for, or forced: its store becomes the writer of this epoch, and the
    /// agent of the primary takes its place.
    Lead {
        /// The epoch.
        epoch: Epoch,
        /// What may be lost, where nobody voted.
        forced: Option<MayBeLost>,
    },
    /// A primary is none any more: its store is opened again as a standby's.
    Follow {
        /// Why.
        why: NotLeading,
    },
    /// A standby holds another log than the epoch that it should follow. It goes on answering, and
    /// follows nobody until its operator says what is to become of that log.
    Stop {
        /// Why.
        why: FollowRefused,
    },
    /// A standby's log is of no use: no node has what follows it. Its store is put aside, and its
    /// directory filled as an empty one is.
    BeginAnew {
        /// Why.
        why: String,
    },
}

impl fmt::Display for RoleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lead { epoch, .. } => write!(f, "becomes the primary of epoch {epoch}"),
            Self::Follow { why } => write!(f, "becomes a standby: {why}"),
            Self::Stop { why } => write!(f, "follows nobody: {why}"),
            Self::BeginAnew { why } => write!(f, "begins anew: {why}"),
        }
    }
}

/// Who executes the node's log, as far as the other nodes are told of it.
pub trait Executed: Send {
    /// Everything before it was executed.
    fn applied(&self) -> Position;

    /// Whether execution and log differ.
    fn differs(&self) -> bool;

    /// The next place that all nodes choose alike, and the hash of all state there, once; those
    /// that were made before anybody asked too, as far as they are kept.
    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)>;
}

/// Nobody executes it here.
impl Executed for () {
    fn applied(&self) -> Position {
        Position(0)
    }

    fn differs(&self) -> bool {
        false
    }

    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)> {
        None
    }
}
