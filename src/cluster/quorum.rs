//! How far an epoch is committed: what enough nodes have, at an end of a transaction.
//!
//! ```text
//!   primary  ────────────────────────┤ 900
//!   node 2   ──────────────────┤ 700           of three, two have 700: the last known end at or
//!   node 3   ────────────┤ 500                 below it is committed, if the quorum has the
//!            base ├─ EpochStarted ─┤ floor     epoch's first transaction
//! ```
//!
//! Only what was acknowledged in this epoch counts: an acknowledgement of an older one says nothing
//! of bytes that another primary may have cut since. And nothing is committed before the quorum has
//! a transaction of this epoch (Raft, section 5.4.2): older bytes that a majority holds can be cut
//! by a primary that a later vote makes, new ones cannot.

use std::collections::VecDeque;

use isochron_cluster::AckPolicy;

use crate::limits::ENDS_KEPT_MAX;
use crate::store::LogPlace;
use crate::types::Position;

use super::Membership;

/// Ends of transactions with the chains there, the newest ones. Bounded: when it is full, what is
/// committed is forgotten first, and then an end makes room for the next one, so that a commit
/// comes in coarser steps and never later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// By position.
    places: VecDeque<LogPlace>,
}

impl Ends {
    /// A transaction ends here.
    ///
    /// # Panics
    /// It ends before one that was told earlier.
    pub(super) fn push(&mut self, end: LogPlace, committed: Position) {
        if let Some(last) = self.places.back() {
            assert!(last.position <= end.position, "ends are told in order");
            if last.position == end.position {
                return;
            }
        }
        if self.places.len() == ENDS_KEPT_MAX {
            match self.places.front() {
                Some(first) if first.position <= committed => drop(self.places.pop_front()),
                _ => drop(self.places.pop_back()),
            }
        }
        self.places.push_back(end);
    }

    /// The last end at or before a position.
    #[must_use]
    pub(super) fn at_or_before(&self, position: Position) -> Option<LogPlace> {
        let after = self.places.partition_point(|place| place.position <= position);
        after.checked_sub(1).map(|last| self.places[last])
    }
}

/// Which positions the nodes have in one epoch, and what is committed by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quorum {
    needed: usize,
    /// The primary alone decides.
    alone: bool,
    own: usize,
    /// What each node has, by its place in the membership; `None` before it said so in this epoch.
    have: Vec<Option<Position>>,
    /// The end of the epoch's first transaction.
    floor: Option<Position>,
    ends: Ends,
    committed: LogPlace,
}

impl Quorum {
    /// An epoch begins at this node; `committed` is what it knows of from before.
    #[must_use]
    pub(super) fn new(membership: &Membership, committed: LogPlace) -> Self {
        Self {
            needed: membership.needed(),
            alone: membership.ack() == AckPolicy::NONE,
            own: membership.index_of(membership.own()).expect("this node is configured"),
            have: vec![None; membership.nodes().len()],
            floor: None,
            ends: Ends::default(),
            committed,
        }
    }

    /// The primary wrote a transaction; of the epoch's first one this is the floor.
    pub(super) fn on_end(&mut self, end: LogPlace) {
        self.floor.get_or_insert(end.position);
        self.ends.push(end, self.committed.position);
    }

    /// What the primary itself has now.
    pub(super) fn on_own(&mut self, position: Position) {
        self.have[self.own] = Some(position);
    }

    /// What the node at a place of the membership has, as it said in this epoch; `None`: nothing
    /// that counts.
    pub(super) fn on_node(&mut self, place: usize, position: Option<Position>) {
        self.have[place] = position;
    }

    /// How many nodes must have a transaction.
    #[must_use]
    pub(super) fn needed(&self) -> usize {
        self.needed
    }

    /// The ends that are known.
    #[must_use]
    pub(super) fn ends(&self) -> &Ends {
        &self.ends
    }

    /// What is committed. It never falls.
    #[must_use]
    pub(super) fn committed(&self) -> LogPlace {
        self.committed
    }

    /// Commits what enough nodes have; the new place, where it advanced.
    pub(super) fn advance(&mut self) -> Option<LogPlace> {
        let floor = self.floor?;
        let position = self.had_by_enough()?;
        if position < floor {
            return None;
        }
        let end = self.ends.at_or_before(position)?;
        if end.position < floor || end.position <= self.committed.position {
            return None;
        }
        self.committed = end;
        Some(end)
    }

    /// Takes older epochs' ends for this one's: what the model must find out.
    #[cfg(test)]
    pub(super) fn forget_floor(&mut self, ends: impl Iterator<Item = LogPlace>) {
        self.floor = Some(Position(0));
        ends.for_each(|end| self.ends.push(end, Position(0)));
    }

    /// The highest position that so many nodes have as are needed.
    fn had_by_enough(&self) -> Option<Position> {
        if self.alone {
            return self.have[self.own];
        }
        let mut have = [Position(0); crate::limits::NODES_MAX];
        let mut count = 0;
        for position in self.have.iter().flatten() {
            have[count] = *position;
            count += 1;
        }
        have[..count].sort_unstable();
        count.checked_sub(self.needed).map(|place| have[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::members;
    use crate::store::Chain;

    fn place(position: u64) -> LogPlace {
        LogPlace { position: Position(position), chain: Chain(position ^ 0x55) }
    }

    fn quorum(nodes: u32, ack: AckPolicy) -> Quorum {
        let mut quorum = Quorum::new(&members(1, nodes, ack), place(100));
        for end in [200, 300, 400, 500] {
            quorum.on_end(place(end));
        }
        quorum
    }

    /// What is committed when the nodes (the primary first) have this.
    fn committed(ack: AckPolicy, have: &[u64]) -> u64 {
        let mut quorum = quorum(have.len() as u32, ack);
        quorum.on_own(Position(have[0]));
        for (place, position) in have.iter().enumerate().skip(1) {
            quorum.on_node(place, (*position != 0).then_some(Position(*position)));
        }
        let advanced = quorum.advance();
        assert_eq!(advanced.is_some(), quorum.committed() != place(100));
        assert_eq!(quorum.advance(), None, "once");
        quorum.committed().position.get()
    }

    #[test]
    fn what_enough_nodes_have_is_committed() {
        use AckPolicy as Ack;
        for (ack, have, expected) in [
            (Ack::QUORUM, &[500, 0, 0][..], 100),
            (Ack::QUORUM, &[500, 300, 0], 300),
            (Ack::QUORUM, &[500, 300, 400], 400),
            // Nobody waits for the primary's own disk.
            (Ack::QUORUM, &[300, 400, 500], 400),
            (Ack::QUORUM, &[500, 400, 0, 0], 100),
            (Ack::QUORUM, &[500, 400, 300, 0], 300),
            (Ack::QUORUM, &[500, 500, 400, 300, 200], 400),
            (Ack::QUORUM, &[500], 500),
            (Ack::ONE, &[500, 0, 0, 0, 0], 100),
            (Ack::ONE, &[500, 0, 300, 0, 0], 300),
            (Ack::NONE, &[400, 500, 500], 400),
            // Between two ends is the one before; below the floor is nothing.
            (Ack::QUORUM, &[500, 399, 0], 300),
            (Ack::QUORUM, &[500, 199, 0], 100),
            (Ack::QUORUM, &[150, 199, 500], 100),
            // More than was written is not more than that.
            (Ack::QUORUM, &[9_000, 9_000, 0], 500),
        ] {
            assert_eq!(committed(ack, have), expected, "{ack} {have:?}");
        }
    }

    #[test]
    fn it_never_falls() {
        let mut quorum = quorum(3, AckPolicy::QUORUM);
        quorum.on_own(Position(500));
        quorum.on_node(1, Some(Position(400)));
        assert_eq!(quorum.advance(), Some(place(400)));
        quorum.on_node(1, Some(Position(200)));
        assert_eq!((quorum.advance(), quorum.committed()), (None, place(400)));
        quorum.on_node(2, Some(Position(500)));
        assert_eq!(quorum.advance(), Some(place(500)));
    }

    #[test]
    fn nothing_is_committed_before_the_epochs_first_transaction() {
        let mut quorum = Quorum::new(&members(1, 3, AckPolicy::QUORUM), place(100));
        quorum.on_own(Position(200));
        quorum.on_node(1, Some(Position(200)));
        assert_eq!(quorum.advance(), None, "what was before is there, the epoch's own is not");
        quorum.on_end(place(264));
        quorum.on_own(Position(264));
        assert_eq!(quorum.advance(), None);
        quorum.on_node(1, Some(Position(264)));
        assert_eq!(quorum.advance(), Some(place(264)));
    }

    #[test]
    fn ends_are_bounded_and_the_newest_is_known() {
        let mut ends = Ends::default();
        let far = ENDS_KEPT_MAX as u64 + 10;
        for number in 1..=far {
            ends.push(place(number * 32), Position(5 * 32));
        }
        assert_eq!(ends.places.len(), ENDS_KEPT_MAX);
        assert_eq!(ends.at_or_before(Position(u64::MAX)), Some(place(far * 32)));
        // The five committed ones made room, then those next to the newest did.
        assert_eq!(ends.at_or_before(Position(5 * 32)), None);
        assert_eq!(ends.at_or_before(Position(6 * 32)), Some(place(6 * 32)));
        let kept = ENDS_KEPT_MAX as u64 + 4;
        assert_eq!(ends.at_or_before(Position((far - 1) * 32)), Some(place(kept * 32)));
    }

    #[test]
    #[should_panic(expected = "ends are told in order")]
    fn an_end_before_the_last_is_a_fault() {
        quorum(3, AckPolicy::QUORUM).on_end(place(400));
    }
}
