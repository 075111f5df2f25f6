//! The composite `ControlHeader`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use crate::runtime::{read, write};

/// From whom, to whom, and which of the sender's datagrams: what every message begins
/// with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlHeader {
    /// 64-bit XXH3 over the exchange's name and number.
    pub exchange: u64,
    /// Which run of the sender's process: higher with each start.
    pub run: u64,
    /// The recipient's run, as far as the sender has heard; 0 where it has not.
    pub recipient_run: u64,
    /// The number of the datagram within the run, from 1.
    pub counter: u64,
    /// The node that sends; 0 is an operator's command.
    pub sender: u32,
    /// The node it is for; 0 is an operator's command.
    pub recipient: u32,
    /// The highest epoch that the sender knows of.
    pub known_epoch: u32,
}

impl ControlHeader {
    /// Bytes on the wire.
    pub const LENGTH: usize = 48;

    /// Writes the composite; what pads it becomes zero.
    #[inline]
    pub fn encode(&self, block: &mut [u8; Self::LENGTH]) {
        write::<0, 8, _>(block, self.exchange.to_le_bytes());
        write::<8, 8, _>(block, self.run.to_le_bytes());
        write::<16, 8, _>(block, self.recipient_run.to_le_bytes());
        write::<24, 8, _>(block, self.counter.to_le_bytes());
        write::<32, 4, _>(block, self.sender.to_le_bytes());
        write::<36, 4, _>(block, self.recipient.to_le_bytes());
        write::<40, 4, _>(block, self.known_epoch.to_le_bytes());
        write::<44, 4, _>(block, [0; 4]);
    }

    /// Reads the composite: every bytes are one.
    #[inline]
    #[must_use]
    pub fn decode(block: &[u8; Self::LENGTH]) -> Self {
        ControlHeader {
            exchange: u64::from_le_bytes(read::<0, 8, _>(block)),
            run: u64::from_le_bytes(read::<8, 8, _>(block)),
            recipient_run: u64::from_le_bytes(read::<16, 8, _>(block)),
            counter: u64::from_le_bytes(read::<24, 8, _>(block)),
            sender: u32::from_le_bytes(read::<32, 4, _>(block)),
            recipient: u32::from_le_bytes(read::<36, 4, _>(block)),
            known_epoch: u32::from_le_bytes(read::<40, 4, _>(block)),
        }
    }
}
