//! Says what is committed, for a writer whose commits others decide.

use std::sync::Arc;

use crate::types::{Epoch, Position};

use super::control::Control;
use super::tenure::Tenure;

/// The one who writes *committed*, taken from a writer once; it may live on another thread.
#[derive(Debug)]
pub struct Committer {
    epoch: Epoch,
    control: Arc<Control>,
    tenure: Tenure,
}

impl Committer {
    pub(super) fn new(epoch: Epoch, control: Arc<Control>, tenure: Tenure) -> Self {
        Self { epoch, control, tenure }
    }

    /// The writer's epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The end of the last transaction.
    #[must_use]
    #[inline]
    pub fn published(&self) -> Position {
        self.control.published()
    }

    /// What is durable.
    #[must_use]
    #[inline]
    pub fn synced(&self) -> Position {
        self.control.synced()
    }

    /// How far readers may read.
    #[must_use]
    #[inline]
    pub fn committed(&self) -> Position {
        self.control.committed()
    }

    /// The writer takes nothing more in its epoch: so many nodes, a majority, do not have the state
    /// that its log leads to here.
    pub fn take_nothing(&mut self, nodes: u64) {
        if self.control.differing_nodes() == 0
            && let Some(_step) = self.tenure.step()
        {
            self.control.set_differing_nodes(nodes);
        }
    }

    /// Lets readers read to a position: an end of a transaction. One below is no news. False where
    /// the writer is gone: the store may be another's.
    ///
    /// # Panics
    /// If it is beyond the published position.
    pub fn commit_to(&mut self, position: Position) -> bool {
        let Some(_step) = self.tenure.step() else { return false };
        let published = self.control.published();
        assert!(position <= published, "commit {position} is beyond {published}");
        if position > self.control.committed() {
            self.control.set_committed(position);
        }
        true
    }
}
