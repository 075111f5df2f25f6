//! What a node knows and has promised of epochs, and whether it may lead one: durable before
//! anybody is told.

use std::io;
use std::sync::Arc;

use crate::types::Epoch;

use super::sync::Syncing;
use super::tenure::Tenure;

/// Votes for a node, at its store. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Voter {
    syncing: Arc<Syncing>,
    tenure: Tenure,
}

impl Voter {
    pub(super) fn new(syncing: Arc<Syncing>, tenure: Tenure) -> Self {
        Self { syncing, tenure }
    }

    /// The newest epoch that this node knows of: followed, begun or promised. Frames and
    /// acknowledgements of lower ones are over.
    #[must_use]
    #[inline]
    pub fn known(&self) -> Epoch {
        self.syncing.epoch()
    }

    /// The node that got this node's vote last, and in which epoch; 0 and 0 without one.
    #[must_use]
    pub fn vote(&self) -> (Epoch, u32) {
        self.syncing.syncer().marks.marks.vote
    }

    /// Promises an epoch to a node, once; false where that epoch is over, has begun or is another
    /// node's, and where the store is closed. Durable in both slots of the marks before it returns.
    /// Waits for the disk.
    ///
    /// # Errors
    /// The system's: nothing is promised, and the same can be asked again.
    pub fn promise(&self, epoch: Epoch, node: u32) -> io::Result<bool> {
        let Some(_step) = self.tenure.step() else { return Ok(false) };
        let mut syncer = self.syncing.syncer();
        let marks = &syncer.marks.marks;
        if marks.vote == (epoch, node) && !marks.has_begun(epoch) && marks.epoch == epoch {
            return Ok(true);
        }
        if epoch < marks.epoch || marks.vote.0 >= epoch || marks.has_begun(epoch) {
            return Ok(false);
        }
        self.syncing.store_marks(&mut syncer, |marks| {
            (marks.epoch, marks.vote) = (epoch, (epoch, node));
        })?;
        Ok(true)
    }

    /// Whether this node is barred from leading; see [`Self::bar`].
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.syncing.syncer().marks.marks.barred
    }

    /// Notes that what was executed here led to another state than the one that counts, or that it
    /// does not any more. It outlives the process, because the state may: a snapshot was made of
    /// it. A store that is made anew is not barred. Durable before it returns; waits for the disk.
    ///
    /// # Errors
    /// The system's: it is as it was, and the same can be asked again.
    pub fn bar(&self, barred: bool) -> io::Result<()> {
        let Some(_step) = self.tenure.step() else { return Ok(()) };
        let mut syncer = self.syncing.syncer();
        self.syncing.store_marks(&mut syncer, |marks| marks.barred = barred)
    }
}
