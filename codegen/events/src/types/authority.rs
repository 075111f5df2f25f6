//! The composite `Authority`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{read, write};

/// Who gave an administrative command, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The user.
    pub by: u32,
    /// The reason, padded with zero bytes.
    pub why: [u8; 32],
}

impl Authority {
    /// Bytes on the wire.
    pub const LENGTH: usize = 40;

    /// Writes the composite; what pads it becomes zero.
    #[inline]
    pub fn encode(&self, block: &mut [u8; Self::LENGTH]) {
        write::<0, 4, _>(block, self.by.to_le_bytes());
        write::<4, 4, _>(block, [0; 4]);
        write::<8, 32, _>(block, self.why);
    }

    /// Reads the composite: every bytes are one.
    #[inline]
    #[must_use]
    pub fn decode(block: &[u8; Self::LENGTH]) -> Self {
        Authority { by: u32::from_le_bytes(read::<0, 4, _>(block)), why: read::<8, 32, _>(block) }
    }
}
