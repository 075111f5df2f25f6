//! Says what is committed, for a writer whose commits others decide.

use crate::types::{Epoch, Position};

/// The one who writes *committed*, taken from a writer once; it may live on another thread.
#[derive(Debug)]
pub struct Committer {
    _private: (),
}

impl Committer {
    /// The writer's epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        unimplemented!()
    }

    /// The end of the last transaction.
    #[must_use]
    pub fn published(&self) -> Position {
        unimplemented!()
    }

    /// What is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        unimplemented!()
    }

    /// How far readers may read.
    #[must_use]
    pub fn committed(&self) -> Position {
        unimplemented!()
    }

    /// Lets readers read to a position: an end of a transaction. One below is no news. False where
    /// the writer is gone.
    ///
    /// # Panics
    /// If it is beyond the published position.
    pub fn commit_to(&mut self, position: Position) -> bool {
        let _ = position;
        unimplemented!()
    }
}
