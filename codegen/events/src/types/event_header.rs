//! The composite `EventHeader`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{read, write};

/// What every event of the log begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventHeader {
    /// The command's number, from 1; outcomes carry their command's.
    pub sequence: u64,
    /// The sequencer's time, nanoseconds since 1970 UTC.
    pub timestamp: u64,
    /// The root command's number: a continuation carries its root's.
    pub cause: u64,
    /// The session that owns the event; 0 is none.
    pub session: u32,
    /// 1 end of transaction, 2 end of event, 4 continuation.
    pub flags: u16,
}

impl EventHeader {
    /// Bytes on the wire.
    pub const LENGTH: usize = 32;

    /// Writes the composite; what pads it becomes zero.
    #[inline]
    pub fn encode(&self, block: &mut [u8; Self::LENGTH]) {
        write::<0, 8, _>(block, self.sequence.to_le_bytes());
        write::<8, 8, _>(block, self.timestamp.to_le_bytes());
        write::<16, 8, _>(block, self.cause.to_le_bytes());
        write::<24, 4, _>(block, self.session.to_le_bytes());
        write::<28, 2, _>(block, self.flags.to_le_bytes());
        write::<30, 2, _>(block, [0; 2]);
    }

    /// Reads the composite: every bytes are one.
    #[inline]
    #[must_use]
    pub fn decode(block: &[u8; Self::LENGTH]) -> Self {
        EventHeader {
            sequence: u64::from_le_bytes(read::<0, 8, _>(block)),
            timestamp: u64::from_le_bytes(read::<8, 8, _>(block)),
            cause: u64::from_le_bytes(read::<16, 8, _>(block)),
            session: u32::from_le_bytes(read::<24, 4, _>(block)),
            flags: u16::from_le_bytes(read::<28, 2, _>(block)),
        }
    }
}
