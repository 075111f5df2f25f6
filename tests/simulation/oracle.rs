//! What must hold, whatever happens: seen from outside, by somebody who sees all nodes at once.
//!
//! The first time a primary says that a transaction is committed, it is written down here, and
//! from then on it is the truth: nobody may ever show another one in its place, and nobody may
//! become primary without it. Only one that was forced may, and it must have named who has what it
//! lacks; what that was is no truth any more, and may still be shown by those who had it.

use std::collections::BTreeMap;

use isochron::cluster::MayBeLost;
use isochron::types::{Epoch, Position};

use crate::follower::Transaction;
use crate::network::Node;

/// All that was ever confirmed, and who wrote when.
#[derive(Default)]
pub(crate) struct Oracle {
    confirmed: Vec<Transaction>,
    /// What was, and was lost by force, with its number.
    lost: Vec<(usize, Transaction)>,
    writers: BTreeMap<Epoch, Node>,
}

impl Oracle {
    /// What was confirmed, in order.
    pub(crate) fn confirmed(&self) -> &[Transaction] {
        &self.confirmed
    }

    /// The end of what was confirmed.
    pub(crate) fn end(&self) -> Position {
        self.confirmed.last().map_or(Position(0), |last| last.end)
    }

    pub(crate) fn epochs(&self) -> usize {
        self.writers.len()
    }

    /// The newest epoch that was written in.
    pub(crate) fn newest_epoch(&self) -> Option<Epoch> {
        self.writers.last_key_value().map(|(epoch, _)| *epoch)
    }

    /// Whether a promotion by force lost something.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// A node began to write in an epoch.
    pub(crate) fn on_epoch(&mut self, epoch: Epoch, node: Node) {
        if let Some(other) = self.writers.insert(epoch, node) {
            panic!("node {node} writes in epoch {epoch}, as node {other} does");
        }
    }

    /// A primary shows a transaction as committed.
    pub(crate) fn on_confirmed(&mut self, node: Node, index: usize, transaction: Transaction) {
        if index == self.confirmed.len() {
            self.confirmed.push(transaction);
        } else {
            self.on_released(node, index, transaction);
        }
    }

    /// Any node shows a transaction as committed.
    pub(crate) fn on_released(&self, node: Node, index: usize, transaction: Transaction) {
        if !self.lost.contains(&(index, transaction)) {
            self.check(node, index, &transaction);
        }
    }

    fn check(&self, node: Node, index: usize, transaction: &Transaction) {
        let Some(known) = self.confirmed.get(index) else {
            let (end, to) = (transaction.end, self.end());
            panic!("node {node} released up to {end}, and only {to} was ever confirmed");
        };
        assert_eq!(
            (transaction.end, transaction.chain, transaction.epoch),
            (known.end, known.chain, known.epoch),
            "node {node}: transaction {index} is another one than was confirmed"
        );
        assert_eq!(transaction.feed, known.feed, "node {node}: the feed's bytes up to {index}");
        assert_eq!(transaction.state, known.state, "node {node}: the state behind {index}");
    }

    /// A node that becomes primary shows what it holds: all that was confirmed must be in it.
    pub(crate) fn on_promoted(&self, node: Node, held: &[Transaction]) {
        let (held_count, confirmed) = (held.len(), self.confirmed.len());
        assert!(
            held_count >= confirmed,
            "node {node} became primary with {held_count} transactions, {confirmed} were confirmed"
        );
        for (index, transaction) in held[..confirmed].iter().enumerate() {
            self.check(node, index, transaction);
        }
    }

    /// A node became primary by force, with what it holds: how many confirmed transactions that
    /// lost. They are lost only where it named how far was committed, or a node that has more or
    /// was not heard.
    pub(crate) fn on_forced(
        &mut self,
        node: Node,
        held: &[Transaction],
        named: &MayBeLost,
    ) -> usize {
        let both = held.iter().zip(&self.confirmed);
        let kept = both.take_while(|(ours, confirmed)| ours == confirmed).count();
        let lost: Vec<Transaction> = self.confirmed.drain(kept..).collect();
        if let Some(last) = lost.last() {
            let told = named.committed >= last.end;
            assert!(
                told || !named.ahead.is_empty() || !named.unheard.is_empty(),
                "node {node} was forced, and lost what was confirmed up to {} unnamed",
                last.end
            );
        }
        let count = lost.len();
        self.lost.extend((kept..).zip(lost));
        count
    }
}
