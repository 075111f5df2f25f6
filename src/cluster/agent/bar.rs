//! The bar that keeps a node of another state from leading, until its state is right again.
//!
//! It outlives the process, since the state may: a snapshot was made of it, and what is executed
//! from there is as wrong. That nobody contradicts any more heals nothing; a majority that agrees
//! does, and so does a directory that is filled anew.
//!
//! A bar of an earlier run is no knowledge of the state now: it stops this node as a candidate that
//! asks for votes, and is told to nobody.

use crate::cluster::Hashes;
use crate::store::Voter;

/// Whether this node is barred.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    /// As the store has it.
    is_durable: bool,
    is_wrong: bool,
}

impl Bar {
    /// As an earlier role or process has left it.
    pub(super) fn new(voter: &Voter) -> Self {
        Self { is_durable: voter.is_barred(), is_wrong: false }
    }

    /// Whether the node may not lead, unless it is forced to. What the disk does not take counts
    /// all the same.
    pub(super) fn is_set(&self) -> bool {
        self.is_durable || self.is_wrong
    }

    /// What is known now: `is_wrong` where this node executed to another outcome than its log's,
    /// or its state is not the one that counts. Durable before it returns, or tried again the next
    /// time.
    pub(super) fn judge(&mut self, voter: &Voter, hashes: &Hashes, is_wrong: bool) {
        self.is_wrong = is_wrong;
        let wanted = is_wrong || (self.is_durable && !hashes.most_agree());
        if wanted != self.is_durable && voter.bar(wanted).is_ok() {
            self.is_durable = wanted;
        }
    }
}
