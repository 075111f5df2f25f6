//! The composite `CommandOrigin`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{read, write};

/// Where a command came from, so that it is taken exactly once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandOrigin {
    /// The source's own number of the command, ascending.
    pub source_sequence: u64,
    /// The source; 0 is the core itself.
    pub source: u32,
}

impl CommandOrigin {
    /// Bytes on the wire.
    pub const LENGTH: usize = 16;

    /// Writes the composite; what pads it becomes zero.
    #[inline]
    pub fn encode(&self, block: &mut [u8; Self::LENGTH]) {
        write::<0, 8, _>(block, self.source_sequence.to_le_bytes());
        write::<8, 4, _>(block, self.source.to_le_bytes());
        write::<12, 4, _>(block, [0; 4]);
    }

    /// Reads the composite: every bytes are one.
    #[inline]
    #[must_use]
    pub fn decode(block: &[u8; Self::LENGTH]) -> Self {
        CommandOrigin {
            source_sequence: u64::from_le_bytes(read::<0, 8, _>(block)),
            source: u32::from_le_bytes(read::<8, 4, _>(block)),
        }
    }
}
