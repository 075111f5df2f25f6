//! What a node knows and has promised of epochs: durable before anybody is told.

use std::io;

use crate::types::Epoch;

/// Votes for a node, at its store. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Voter {
    _private: (),
}

impl Voter {
    /// The newest epoch that this node knows of: followed, begun or promised. Frames and
    /// acknowledgements of lower ones are over.
    #[must_use]
    pub fn known(&self) -> Epoch {
        unimplemented!()
    }

    /// The node that got this node's vote last, and in which epoch; 0 and 0 without one.
    #[must_use]
    pub fn vote(&self) -> (Epoch, u32) {
        unimplemented!()
    }

    /// Promises an epoch to a node, once; false where that epoch is over, has begun or is another
    /// node's. Durable in both slots of the marks before it returns. Waits for the disk.
    ///
    /// # Errors
    /// The system's: nothing is promised, and the same can be asked again.
    pub fn promise(&self, epoch: Epoch, node: u32) -> io::Result<bool> {
        let _ = (epoch, node);
        unimplemented!()
    }
}
