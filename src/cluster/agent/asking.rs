//! When a node asks for votes without anybody's wish: one that starts to serve, and a primary that
//! a node follows no longer because of an epoch that nobody leads.
//!
//! Questions disturb nobody, so they are repeated for as long as they must be. An epoch that was
//! promised and not won does: after each such one the node waits twice as long, and no two nodes
//! wait equally long, so that two who take each other's votes do not do so for ever.

use crate::cluster::Membership;
use crate::types::Nanos;

/// How often the time to the next asking is doubled at most.
const DOUBLED_MAX: u32 = 4;

/// Asks until it follows somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    again_ns: u64,
    at: Nanos,
    /// Epochs that were promised and not won.
    lost: u32,
}

impl Asking {
    /// Asks at once, and after `again_ns` again; longer by a part for each place in the membership.
    pub(super) fn new(again_ns: u64, membership: &Membership) -> Self {
        let nodes = membership.nodes().len() as u64;
        let place = membership.index_of(membership.own()).unwrap_or_default() as u64;
        let apart_ns = again_ns * place / nodes;
        Self { again_ns: again_ns + apart_ns, at: Nanos(0), lost: 0 }
    }

    pub(super) fn is_due(&self, now: Nanos) -> bool {
        now >= self.at
    }

    /// It asked, or gave its vote to another.
    pub(super) fn wait(&mut self, now: Nanos) {
        let ns = self.again_ns << self.lost.min(DOUBLED_MAX);
        self.at = Nanos(now.get().saturating_add(ns));
    }

    /// It was refused, with an epoch promised or without.
    pub(super) fn on_refused(&mut self, promised: bool, now: Nanos) {
        self.lost += u32::from(promised);
        self.wait(now);
    }
}

#[cfg(test)]
mod tests {
    use isochron_cluster::AckPolicy;

    use super::*;
    use crate::cluster::tests::members;

    const AGAIN_NS: u64 = 1_000;

    fn asking(node: u32) -> Asking {
        Asking::new(AGAIN_NS, &members(node, 3, AckPolicy::QUORUM))
    }

    #[test]
    fn questions_are_repeated_and_lost_epochs_wait_longer() {
        let mut asking = asking(1);
        assert!(asking.is_due(Nanos(0)), "at once");
        for round in 1..=100 {
            let now = Nanos(round * AGAIN_NS);
            assert!(asking.is_due(now));
            asking.on_refused(false, now);
            assert!(!asking.is_due(Nanos(now.get() + AGAIN_NS - 1)));
        }
        let mut now = Nanos(1_000_000);
        for doubled in [2, 4, 8, 16, 16] {
            asking.on_refused(true, now);
            let due = now.get() + doubled * AGAIN_NS;
            assert!(!asking.is_due(Nanos(due - 1)) && asking.is_due(Nanos(due)));
            now = Nanos(due);
        }
    }

    #[test]
    fn no_two_nodes_wait_equally_long() {
        let waits = [1, 2, 3].map(|node| {
            let mut asking = asking(node);
            asking.wait(Nanos(0));
            asking.at.get()
        });
        assert_eq!(waits, [1_000, 1_333, 1_666]);
    }
}
