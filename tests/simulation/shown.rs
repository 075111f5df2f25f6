//! What each node shows of itself to somebody who sees all of them: which log it holds, and how
//! far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isochron::store::{EpochStart, LogPlace};
use isochron::types::{Epoch, Position};

use crate::network::Node;

/// A node, as it was when it did its last work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Which run of its process.
    pub(crate) run: u64,
    /// The epoch that it follows or writes in.
    pub(crate) epoch: Epoch,
    pub(crate) is_primary: bool,
    /// The end of what it holds.
    pub(crate) end: Position,
    /// What a standby holds, with its chain.
    pub(crate) held: Option<LogPlace>,
    /// Where the epochs of what it holds begin.
    pub(crate) epochs: Vec<EpochStart>,
    /// What it once acknowledged, a loss of power may have taken: others have it.
    pub(crate) is_bereft: bool,
}

impl Standing {
    /// The epochs of which something is held, each with the end of what is.
    fn spans(&self) -> impl Iterator<Item = (EpochStart, Position)> {
        let ends = self.epochs.iter().skip(1).map(|next| next.base).chain([self.end]);
        let spans = self.epochs.iter().copied().zip(ends);
        spans
            .map(|(start, end)| (start, end.min(self.end)))
            .filter(|(start, end)| start.base < *end)
    }

    /// How far two logs are equal. One writer wrote an epoch, so two nodes that have its beginning
    /// have the same bytes as far as both have any.
    fn equal_to(&self, other: &Self) -> Position {
        let mut equal = Position(0);
        for ((ours, our_end), (theirs, their_end)) in self.spans().zip(other.spans()) {
            if ours != theirs {
                break;
            }
            equal = our_end.min(their_end);
            if our_end != their_end {
                break;
            }
        }
        equal
    }
}

/// All nodes' standings. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<Standing>>>);

impl Shown {
    fn all(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node shows itself.
    pub(crate) fn update(&self, node: Node, change: impl FnOnce(&mut Standing)) {
        let mut all = self.all();
        if all.len() <= node {
            all.resize_with(node + 1, Standing::default);
        }
        change(&mut all[node]);
    }

    pub(crate) fn of(&self, node: Node) -> Standing {
        self.all().get(node).cloned().unwrap_or_default()
    }

    /// The primary of the highest epoch, where it is above another.
    pub(crate) fn primary_above(&self, epoch: Epoch) -> Option<(Node, Standing)> {
        let all = self.all();
        let primaries = all.iter().enumerate().filter(|(_, it)| it.is_primary && it.epoch > epoch);
        let newest = primaries.max_by_key(|(_, it)| it.epoch);
        newest.map(|(node, standing)| (node, standing.clone()))
    }

    /// Who has a transaction of an epoch, by what they showed when they ran last; not who may have
    /// lost it with its power.
    pub(crate) fn who_has(&self, epoch: Epoch, end: Position) -> Vec<Node> {
        let all = self.all();
        let has = |standing: &Standing| {
            let mut spans = standing.spans();
            spans.any(|(start, to)| start.epoch == epoch && start.base < end && end <= to)
        };
        let holders = all.iter().enumerate().filter(|(_, one)| !one.is_bereft && has(one));
        holders.map(|(node, _)| node).collect()
    }

    /// How many nodes have a node's log up to a position; those count that once had it, and lost
    /// it with their power.
    pub(crate) fn holders(&self, node: Node, end: Position) -> usize {
        let all = self.all();
        let one = &all[node];
        all.iter().filter(|other| other.is_bereft || other.equal_to(one) >= end).count()
    }
}
