//! What must hold, whatever happens: seen from outside, by somebody who sees all nodes at once.
//!
//! The first time a primary says that a transaction is committed, it is written down here, and
//! from then on it is the truth: nobody may ever show another one in its place, and nobody may
//! become primary without it.
//!
//! ```text
//!   truth   ── a ── b ── c ── d          of epoch 2, until a node that has a and b is forced
//!                     └─ e ── f          of epoch 3; c and d are lost
//! ```
//!
//! Only a forced promotion takes something from the truth, and it must have named each node that
//! still has it. What was lost may be shown by a node whose log has no later epoch in its place,
//! and by no other one; and it is the truth again when a primary that holds it, forced or voted
//! for by those who held it too, confirms what follows. Nothing else is forgiven.

use std::collections::BTreeMap;

use isochron::cluster::MayBeLost;
use isochron::store::{EpochStart, LogPlace};
use isochron::types::{Epoch, Position};

use crate::follower::{BEGINNING, Place, Transaction};
use crate::network::Node;
use crate::shown::Shown;

/// All that was ever confirmed, and who wrote when.
#[derive(Default)]
pub(crate) struct Oracle {
    /// Every transaction that was confirmed at some time, by its end.
    known: BTreeMap<Place, Transaction>,
    /// Those that are, in order.
    confirmed: Vec<Transaction>,
    /// The ends of those that a promotion by force took from them.
    lost: Vec<Position>,
    came_back: usize,
    writers: BTreeMap<Epoch, Node>,
    /// The state at places that all choose alike, as the first one told it who had executed that.
    states: BTreeMap<Place, u128>,
}

impl Oracle {
    /// What is confirmed, in order.
    pub(crate) fn confirmed(&self) -> &[Transaction] {
        &self.confirmed
    }

    /// The end of what is confirmed.
    pub(crate) fn end(&self) -> Position {
        self.place().0
    }

    fn place(&self) -> Place {
        let LogPlace { position, chain } = BEGINNING;
        self.confirmed.last().map_or((position, chain.0), Transaction::place)
    }

    pub(crate) fn epochs(&self) -> usize {
        self.writers.len()
    }

    /// The newest epoch that was written in.
    pub(crate) fn newest_epoch(&self) -> Option<Epoch> {
        self.writers.last_key_value().map(|(epoch, _)| *epoch)
    }

    /// Whether a promotion by force lost something beyond a position.
    pub(crate) fn has_lost_beyond(&self, position: Position) -> bool {
        self.lost.iter().any(|end| *end > position)
    }

    /// Transactions that were lost, and are confirmed again.
    pub(crate) fn came_back(&self) -> usize {
        self.came_back
    }

    /// What is or was confirmed there.
    pub(crate) fn known(&self, place: Place) -> Option<&Transaction> {
        self.known.get(&place)
    }

    /// The transactions of a log up to a place where something is or was confirmed, from its
    /// first; nothing at its beginning.
    pub(crate) fn log_up_to(&self, place: Place) -> Vec<Transaction> {
        let of = |place: &Place| self.known.get(place).copied();
        let back = std::iter::successors(of(&place), |transaction| of(&transaction.before));
        let mut log: Vec<Transaction> = back.collect();
        log.reverse();
        assert!(log.iter().enumerate().all(|(index, one)| one.index == index), "none is missing");
        log
    }

    /// A node has executed all up to a place, and hashed its state.
    pub(crate) fn on_state(&mut self, node: Node, place: Place, hash: u128) {
        let first = *self.states.entry(place).or_insert(hash);
        assert_eq!(hash, first, "node {node}: the state at {} is another one", place.0);
    }

    /// A node began to write in an epoch.
    pub(crate) fn on_epoch(&mut self, epoch: Epoch, node: Node) {
        if let Some(other) = self.writers.insert(epoch, node) {
            panic!("node {node} writes in epoch {epoch}, as node {other} does");
        }
    }

    /// A primary, whose log has these epochs, shows a transaction as committed.
    pub(crate) fn on_confirmed(&mut self, node: Node, epochs: &[EpochStart], shown: Transaction) {
        if shown.index < self.confirmed.len() {
            return self.on_released(node, epochs, &shown);
        }
        check_epoch(node, epochs, &shown);
        self.come_back(node, &shown);
        if let Some(known) = self.known.insert(shown.place(), shown) {
            assert_eq!(shown, known, "node {node} confirms again, and not what was lost");
        }
        self.confirmed.push(shown);
    }

    /// What is between the truth and a transaction that was confirmed just now, was lost, and is
    /// the truth again: it has held all of it, and was promoted with it.
    fn come_back(&mut self, node: Node, shown: &Transaction) {
        let (mut before, mut back) = (shown.before, Vec::new());
        while shown.index - back.len() > self.confirmed.len() {
            let Some(known) = self.known.get(&before) else {
                let (end, to) = (shown.end, self.end());
                panic!("node {node} confirmed {end} before what is between it and {to}");
            };
            back.push(*known);
            before = known.before;
        }
        let (end, truth) = (shown.end, self.place());
        assert_eq!(before, truth, "node {node} confirmed {end} on another log than the truth");
        self.came_back += back.len();
        self.confirmed.extend(back.into_iter().rev());
    }

    /// Any node, whose log has these epochs, shows a transaction as committed.
    pub(crate) fn on_released(&self, node: Node, epochs: &[EpochStart], shown: &Transaction) {
        check_epoch(node, epochs, shown);
        let Some(known) = self.known.get(&shown.place()) else {
            let (end, to) = (shown.end, self.end());
            match self.confirmed.get(shown.index) {
                None => panic!("node {node} released up to {end}, and only {to} was confirmed"),
                Some(known) => panic!(
                    "node {node}: transaction {} is another one than was confirmed: {shown:?} is \
                     not {known:?}",
                    shown.index
                ),
            }
        };
        check_equal(node, shown, known);
    }

    /// A node that becomes primary shows what it holds: all that is confirmed must be in it.
    pub(crate) fn on_promoted(&self, node: Node, held: &[Transaction]) {
        let (held_count, confirmed) = (held.len(), self.confirmed.len());
        assert!(
            held_count >= confirmed,
            "node {node} became primary with {held_count} transactions, {confirmed} were confirmed"
        );
        for (shown, known) in held.iter().zip(&self.confirmed) {
            check_equal(node, shown, known);
        }
    }

    /// A node became primary by force, with what it holds: how many confirmed transactions that
    /// lost. They are lost only where it named that so much was committed, or each node that has
    /// them: as one that is ahead, or one that was not heard.
    pub(crate) fn on_forced(
        &mut self,
        node: Node,
        held: &[Transaction],
        named: &MayBeLost,
        shown: &Shown,
    ) -> usize {
        let both = held.iter().zip(&self.confirmed);
        let kept = both.take_while(|(ours, confirmed)| ours == confirmed).count();
        let lost = self.confirmed.split_off(kept);
        let Some(last) = lost.last() else { return 0 };
        if named.committed < last.end {
            let ahead = named.ahead.iter().map(|ahead| ahead.node);
            let named: Vec<u32> = ahead.chain(named.unheard.iter().copied()).collect();
            let is_unnamed = |other: &Node| *other != node && !named.contains(&(*other as u32 + 1));
            let unnamed = shown.who_has(last.epoch, last.end).into_iter().find(is_unnamed);
            assert!(
                !named.is_empty() && unnamed.is_none(),
                "node {node} was forced, and lost what was confirmed up to {} unnamed: {unnamed:?} \
                 has it, and {named:?} are named",
                last.end
            );
        }
        self.lost.extend(lost.iter().map(|lost| lost.end));
        lost.len()
    }
}

/// What a node shows is of the epoch that its log says was written there.
fn check_epoch(node: Node, epochs: &[EpochStart], shown: &Transaction) {
    let of = epochs.iter().rev().find(|start| start.base < shown.end).map(|start| start.epoch);
    assert!(
        of.is_none_or(|epoch| epoch == shown.epoch),
        "node {node} shows {} of epoch {}, and its log has epoch {of:?} there",
        shown.end,
        shown.epoch
    );
}

fn check_equal(node: Node, shown: &Transaction, known: &Transaction) {
    let index = known.index;
    let place = |it: &Transaction| (it.index, it.before, it.place(), it.epoch);
    assert_eq!(
        place(shown),
        place(known),
        "node {node}: transaction {index} is another one than was confirmed"
    );
    assert_eq!(shown.feed, known.feed, "node {node}: the feed's bytes up to {index}");
    assert_eq!(shown.numbers, known.numbers, "node {node}: what the sources sent up to {index}");
}
