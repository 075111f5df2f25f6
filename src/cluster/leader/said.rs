//! What a primary's control core says: why it does not count what came, why it leads no longer, and
//! what a person should know.

use std::fmt;

use isochron_cluster::{Ack, NodeFlags};

use crate::cluster::Comparison;
use crate::store::{Chain, EpochStart};
use crate::types::{Epoch, Nanos, Position};

/// Why an acknowledgement does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckRefused {
    /// It is of another epoch.
    Epoch {
        /// Whose.
        node: u32,
        /// The epoch that the node follows.
        epoch: Epoch,
        /// This primary's.
        ours: Epoch,
    },
    /// One that was sent later came before it.
    Overtaken {
        /// Whose.
        node: u32,
    },
    /// It names what was never written in this epoch.
    Beyond {
        /// Whose.
        node: u32,
        /// What it says it holds.
        held: Position,
        /// What was written.
        published: Position,
    },
    /// It says that more is durable than is held.
    Contradiction {
        /// Whose.
        node: u32,
        /// What it says it holds.
        held: Position,
        /// What it says is durable.
        synced: Position,
    },
    /// The node's log is another one.
    ChainDiffers {
        /// Whose.
        node: u32,
        /// Where.
        position: Position,
        /// The node's chain there.
        theirs: Chain,
        /// This primary's.
        ours: Chain,
    },
}

impl fmt::Display for AckRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch { node, epoch, ours } => {
                write!(f, "node {node} acknowledges in epoch {epoch}, this is epoch {ours}")
            }
            Self::Overtaken { node } => write!(f, "an acknowledgement of node {node} came late"),
            Self::Beyond { node, held, published } => {
                write!(f, "node {node} says it holds {held}, and {published} was written")
            }
            Self::Contradiction { node, held, synced } => {
                write!(f, "node {node} says {synced} is durable, of {held} that it holds")
            }
            Self::ChainDiffers { node, position, theirs, ours } => write!(
                f,
                "node {node} has another log: at {position} its chain is {theirs}, here {ours}"
            ),
        }
    }
}

impl std::error::Error for AckRefused {}

/// Why a primary confirms nothing any more, and takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLeading {
    /// This node promised a higher epoch.
    Promised {
        /// Which.
        epoch: Epoch,
    },
    /// A node is the primary of a higher epoch.
    Deposed {
        /// Which node.
        by: u32,
        /// Its epoch, and where it began.
        start: EpochStart,
    },
    /// A node knows of a higher epoch, and nobody says that he leads it: a promotion came to
    /// nothing, and that node keeps its promise. This one asks for votes of an epoch above.
    Passed {
        /// Which node.
        by: u32,
        /// The epoch that it knows of.
        epoch: Epoch,
    },
    /// Another node says that it is the primary of this epoch too.
    TwoPrimaries {
        /// Which node.
        other: u32,
        /// The epoch.
        epoch: Epoch,
    },
}

impl fmt::Display for NotLeading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promised { epoch } => write!(f, "this node has promised epoch {epoch}"),
            Self::Deposed { by, start } => write!(
                f,
                "node {by} is the primary of epoch {}, which began at {}",
                start.epoch, start.base
            ),
            Self::Passed { by, epoch } => write!(
                f,
                "node {by} knows of epoch {epoch}, and nobody leads it: this node asks for votes"
            ),
            Self::TwoPrimaries { other, epoch } => write!(
                f,
                "node {other} says that it is the primary of epoch {epoch}, as this node is: \
                 a promotion was forced twice, or a node's number is used twice"
            ),
        }
    }
}

/// Most nodes do not have the state that this primary's log leads to here. What is in the log is
/// confirmed as ever, and followed; nothing is added until somebody has decided whose state is
/// right: for the rest of the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MajorityDiffers {
    /// How many nodes say so.
    pub nodes: usize,
    /// How many are configured.
    pub of: usize,
}

impl fmt::Display for MajorityDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, of } = self;
        write!(f, "{nodes} of {of} nodes executed this log to another state: nothing is taken")
    }
}

/// What a person, or the node, should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enough nodes are there to commit.
    QuorumReached {
        /// Nodes that are heard, this one included.
        heard: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Too few are. What is accepted waits for them, up to the bound of what may be uncommitted.
    QuorumLost {
        /// Nodes that are heard, this one included.
        heard: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A node follows this epoch now, or again.
    NodeHeard {
        /// Which.
        node: u32,
    },
    /// Nothing came from a node for a while.
    NodeSilent {
        /// Which.
        node: u32,
    },
    /// A node is far behind; it falls back to catching up by itself, and nobody waits for it.
    NodeSlow {
        /// Which.
        node: u32,
        /// By so much.
        behind_bytes: u64,
    },
    /// It is not any more.
    NodeKeepsUp {
        /// Which.
        node: u32,
    },
    /// A node knows of a higher epoch, and follows this one no longer. Where nobody won that epoch,
    /// this primary asks for the votes of the one above it: see [`NotLeading::Passed`].
    HigherEpoch {
        /// Which node.
        node: u32,
        /// The epoch.
        epoch: Epoch,
    },
    /// A node executed the log to another outcome, or has another state: it is not promoted.
    NodeDiverged {
        /// Which.
        node: u32,
    },
    /// A node's state was compared with this one's, and it came out otherwise than before.
    State(Comparison),
    /// This primary takes nothing any more.
    MajorityDiffers(MajorityDiffers),
    /// This primary confirms nothing any more.
    NotLeading(NotLeading),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QuorumReached { heard, needed } => {
                write!(f, "quorum reached: nodes heard {heard}, needed {needed}")
            }
            Self::QuorumLost { heard, needed } => {
                write!(f, "quorum lost: nodes heard {heard}, needed {needed}")
            }
            Self::NodeHeard { node } => write!(f, "node {node} follows"),
            Self::NodeSilent { node } => write!(f, "node {node} is silent"),
            Self::NodeSlow { node, behind_bytes } => {
                write!(f, "node {node} is slow: {behind_bytes} bytes behind")
            }
            Self::NodeKeepsUp { node } => write!(f, "node {node} keeps up"),
            Self::HigherEpoch { node, epoch } => {
                write!(f, "node {node} knows of epoch {epoch} and follows this one no longer")
            }
            Self::NodeDiverged { node } => {
                write!(f, "node {node} executed the log to another state: it is not promoted")
            }
            Self::State(comparison) => write!(f, "{comparison}"),
            Self::MajorityDiffers(why) => write!(f, "{why}"),
            Self::NotLeading(why) => write!(f, "leads no longer: {why}"),
        }
    }
}

/// What a primary knows of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its number.
    pub node: u32,
    /// Its last acknowledgement in this epoch.
    pub ack: Option<Ack>,
    /// When that came.
    pub heard_at: Option<Nanos>,
    /// Nothing came for a while.
    pub silent: bool,
    /// It is far behind.
    pub slow: bool,
    /// Its log is another one.
    pub log_differs: bool,
    /// The highest epoch it knows of.
    pub known_epoch: Epoch,
}

impl PeerStatus {
    /// Whether it says that its execution differs.
    pub(super) fn diverged(&self) -> bool {
        self.ack.is_some_and(|ack| ack.flags.contains(NodeFlags::DIVERGED))
    }
}
