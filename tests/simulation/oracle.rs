//! What must hold, whatever happens: seen from outside, by somebody who sees all nodes at once.
//!
//! The first time a primary says that a transaction is committed, it is written down here, and
//! from then on it is the truth: nobody may ever show another one in its place, and nobody may
//! become primary without it.

use std::collections::BTreeMap;

use isochron::types::{Epoch, Position};

use crate::follower::Transaction;
use crate::network::Node;

/// All that was ever confirmed, and who wrote when.
#[derive(Default)]
pub(crate) struct Oracle {
    confirmed: Vec<Transaction>,
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

    /// Any node shows a transaction as committed, or holds it at the moment of its promotion.
    pub(crate) fn on_released(&self, node: Node, index: usize, transaction: Transaction) {
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
    pub(crate) fn on_promoted(&self, node: Node, held: usize) {
        let confirmed = self.confirmed.len();
        assert!(
            held >= confirmed,
            "node {node} became primary with {held} transactions, {confirmed} were confirmed"
        );
    }
}
