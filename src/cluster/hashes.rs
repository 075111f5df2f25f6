//! The state hashes of all nodes, side by side: who executed the log to another state.
//!
//! Nodes hash their state at the same positions. Two hashes at one position that differ name two
//! nodes, one of which executed a command wrongly; which one, the majority of the configured nodes
//! says. Positions are kept, the newest ones, until all nodes have told theirs.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::limits::STATE_HASHES_KEPT_MAX;
use crate::types::Position;

use super::Membership;

/// What the hashes say, told once for each position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashChange {
    /// All nodes that have told a hash have told the same one, and they are a majority.
    Agreed {
        /// Where.
        position: Position,
        /// How many nodes.
        nodes: usize,
    },
    /// Two nodes have different states.
    Differ {
        /// Where.
        position: Position,
        /// A node, and its hash.
        one: (u32, u128),
        /// Another, and its.
        other: (u32, u128),
    },
    /// A majority has one state, and this node has another.
    MajorityDiffers {
        /// Where.
        position: Position,
        /// This node's hash.
        ours: u128,
        /// The majority's.
        theirs: u128,
        /// How many nodes that is.
        nodes: usize,
    },
}

impl fmt::Display for HashChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreed { position, nodes } => {
                write!(f, "{nodes} nodes have the same state at {position}")
            }
            Self::Differ { position, one, other } => write!(
                f,
                "at {position} the state of node {} is {:032x}, and of node {} it is {:032x}",
                one.0, one.1, other.0, other.1
            ),
            Self::MajorityDiffers { position, ours, theirs, nodes } => write!(
                f,
                "at {position} the state of {nodes} nodes is {theirs:032x}, and here {ours:032x}"
            ),
        }
    }
}

/// One position's hashes, by place in the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    hashes: Vec<Option<u128>>,
    /// What was said of it already.
    agreed: bool,
    differ: bool,
    majority: bool,
}

/// Compares. Calling order: `on_hash` for this node's hashes and the others', then `poll_change`
/// until `None`.
#[derive(Clone, Debug)]
pub struct Hashes {
    membership: Membership,
    rows: BTreeMap<Position, Row>,
    /// The highest position that was forgotten: what is not above it is not taken again.
    forgotten: Option<Position>,
    changes: VecDeque<HashChange>,
}

impl Hashes {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(membership: Membership) -> Self {
        let (rows, changes) = (BTreeMap::new(), VecDeque::new());
        Self { membership, rows, forgotten: None, changes }
    }

    /// A node's hash after the command that ends at a position. A node that tells another one for
    /// the same position has executed again: the last one counts.
    pub fn on_hash(&mut self, node: u32, position: Position, hash: u128) {
        let Some(place) = self.membership.index_of(node) else { return };
        if self.forgotten.is_some_and(|forgotten| position <= forgotten) {
            return;
        }
        let nodes = self.membership.nodes().len();
        let row = self.rows.entry(position).or_insert_with(|| Row {
            hashes: vec![None; nodes],
            agreed: false,
            differ: false,
            majority: false,
        });
        row.hashes[place] = Some(hash);
        self.judge(position);
        while self.rows.len() > STATE_HASHES_KEPT_MAX {
            self.forgotten = self.rows.pop_first().map(|(position, _)| position);
        }
    }

    /// What the hashes say that was not said before.
    #[must_use]
    pub fn poll_change(&mut self) -> Option<HashChange> {
        self.changes.pop_front()
    }

    fn judge(&mut self, position: Position) {
        let own = self.membership.index_of(self.membership.own());
        let Some(row) = self.rows.get_mut(&position) else { return };
        let told = || row.hashes.iter().enumerate().filter_map(|(at, hash)| Some((at, (*hash)?)));
        let Some((first, one)) = told().next() else { return };
        let count = |hash: u128| told().filter(|(_, other)| *other == hash).count();
        let other = told().find(|(_, hash)| *hash != one);
        let most = told().find(|(_, hash)| count(*hash) >= self.membership.majority());
        let most = most.map(|(_, hash)| (hash, count(hash)));
        let ours = own.and_then(|own| row.hashes[own]);
        let number = |place: usize| self.membership.nodes()[place].node;
        match (other, most) {
            (None, Some((_, nodes))) if !row.agreed => {
                row.agreed = true;
                self.changes.push_back(HashChange::Agreed { position, nodes });
            }
            (Some((second, hash)), _) if !row.differ => {
                row.differ = true;
                let (one, other) = ((number(first), one), (number(second), hash));
                self.changes.push_back(HashChange::Differ { position, one, other });
            }
            _ => {}
        }
        if let (Some((theirs, nodes)), Some(ours)) = (most, ours)
            && theirs != ours
            && !row.majority
        {
            row.majority = true;
            let change = HashChange::MajorityDiffers { position, ours, theirs, nodes };
            self.changes.push_back(change);
        }
    }
}
