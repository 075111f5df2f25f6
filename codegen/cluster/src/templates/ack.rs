//! The message `Ack`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{ControlHeader, NodeFlags};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// How far a standby has come in the primary's epoch: at each advance, and every 20 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    pub header: ControlHeader,
    /// Whole transactions, without a hole before them. A byte position in the log.
    pub held: u64,
    /// What of it is durable. A byte position in the log.
    pub synced: u64,
    /// What of it was executed again. A byte position in the log.
    pub applied: u64,
    /// 64-bit XXH3 over the frames' checksums up to a position.
    pub chain_at_held: u64,
    /// The epoch that the node follows. One writer's reign over the log, from 1.
    pub epoch: u32,
    /// What is to be known of a node.
    pub flags: NodeFlags,
}

impl Ack {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 2;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 88;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 96;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 88,
        template_id: Self::TEMPLATE_ID,
        schema_id: SCHEMA_ID,
        version: SCHEMA_VERSION,
    }
    .to_bytes();

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let available = buffer.len();
        let Some(block) = buffer.first_chunk_mut::<{ Self::ENCODED_LENGTH }>() else {
            let needed = Self::ENCODED_LENGTH;
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        write::<0, 8, _>(block, Self::HEADER);
        write::<8, 8, _>(block, self.header.exchange.to_le_bytes());
        write::<16, 8, _>(block, self.header.run.to_le_bytes());
        write::<24, 8, _>(block, self.header.recipient_run.to_le_bytes());
        write::<32, 8, _>(block, self.header.counter.to_le_bytes());
        write::<40, 4, _>(block, self.header.sender.to_le_bytes());
        write::<44, 4, _>(block, self.header.recipient.to_le_bytes());
        write::<48, 4, _>(block, self.header.known_epoch.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 8, _>(block, self.held.to_le_bytes());
        write::<64, 8, _>(block, self.synced.to_le_bytes());
        write::<72, 8, _>(block, self.applied.to_le_bytes());
        write::<80, 8, _>(block, self.chain_at_held.to_le_bytes());
        write::<88, 4, _>(block, self.epoch.to_le_bytes());
        write::<92, 1, _>(block, self.flags.0.to_le_bytes());
        write::<93, 3, _>(block, [0; 3]);
        Ok(Self::ENCODED_LENGTH)
    }

    /// Reads header and block. A longer block's end is skipped; what an older writer did not
    /// know is `None`.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        match message.first_chunk::<{ Self::ENCODED_LENGTH }>() {
            Some(whole) if whole.starts_with(&Self::HEADER) => Ok(Self::from_whole(whole)),
            _ => AckReader::new(message).map(|reader| reader.read()),
        }
    }

    /// The message in bytes whose header is exactly ours.
    #[inline]
    fn from_whole(block: &[u8; Self::ENCODED_LENGTH]) -> Self {
        Self {
            header: ControlHeader {
                exchange: u64::from_le_bytes(read::<8, 8, _>(block)),
                run: u64::from_le_bytes(read::<16, 8, _>(block)),
                recipient_run: u64::from_le_bytes(read::<24, 8, _>(block)),
                counter: u64::from_le_bytes(read::<32, 8, _>(block)),
                sender: u32::from_le_bytes(read::<40, 4, _>(block)),
                recipient: u32::from_le_bytes(read::<44, 4, _>(block)),
                known_epoch: u32::from_le_bytes(read::<48, 4, _>(block)),
            },
            held: u64::from_le_bytes(read::<56, 8, _>(block)),
            synced: u64::from_le_bytes(read::<64, 8, _>(block)),
            applied: u64::from_le_bytes(read::<72, 8, _>(block)),
            chain_at_held: u64::from_le_bytes(read::<80, 8, _>(block)),
            epoch: u32::from_le_bytes(read::<88, 4, _>(block)),
            flags: NodeFlags(u8::from_le_bytes(read::<92, 1, _>(block))),
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        visit("header.exchange", FieldValue::U64(self.header.exchange));
        visit("header.run", FieldValue::U64(self.header.run));
        visit("header.recipient_run", FieldValue::U64(self.header.recipient_run));
        visit("header.counter", FieldValue::U64(self.header.counter));
        visit("header.sender", FieldValue::U64(u64::from(self.header.sender)));
        visit("header.recipient", FieldValue::U64(u64::from(self.header.recipient)));
        visit("header.known_epoch", FieldValue::U64(u64::from(self.header.known_epoch)));
        visit("held", FieldValue::U64(self.held));
        visit("synced", FieldValue::U64(self.synced));
        visit("applied", FieldValue::U64(self.applied));
        visit("chain_at_held", FieldValue::U64(self.chain_at_held));
        visit("epoch", FieldValue::U64(u64::from(self.epoch)));
        visit("flags", FieldValue::U64(u64::from(self.flags.0)));
    }
}

impl SbeMessage for Ack {
    const TEMPLATE_ID: u16 = Self::TEMPLATE_ID;
    const BLOCK_LENGTH: usize = Self::BLOCK_LENGTH;
    const ENCODED_LENGTH: usize = Self::ENCODED_LENGTH;

    #[inline]
    fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        self.encode(buffer)
    }

    #[inline]
    fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(message)
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "Ack", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`Ack`] in place.
#[derive(Clone, Copy, Debug)]
pub struct AckReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 88],
    acting_version: u16,
}

impl<'a> AckReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [88];
        let (acting_version, block) = MessageHeader::open(message, Ack::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = Ack::ENCODED_LENGTH;
            return Err(DecodeError::MessageTooShort { needed, available: message.len() });
        };
        Ok(Self { fixed, acting_version })
    }

    /// The version by which the block is read: the writer's, or ours where the writer's is
    /// newer.
    #[inline]
    #[must_use]
    pub const fn acting_version(&self) -> u16 {
        self.acting_version
    }

    /// All fields.
    #[inline]
    #[must_use]
    pub fn read(&self) -> Ack {
        Ack {
            header: self.header(),
            held: self.held(),
            synced: self.synced(),
            applied: self.applied(),
            chain_at_held: self.chain_at_held(),
            epoch: self.epoch(),
            flags: self.flags(),
        }
    }

    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    #[inline]
    #[must_use]
    pub fn header(&self) -> ControlHeader {
        ControlHeader {
            exchange: u64::from_le_bytes(read::<0, 8, _>(self.fixed)),
            run: u64::from_le_bytes(read::<8, 8, _>(self.fixed)),
            recipient_run: u64::from_le_bytes(read::<16, 8, _>(self.fixed)),
            counter: u64::from_le_bytes(read::<24, 8, _>(self.fixed)),
            sender: u32::from_le_bytes(read::<32, 4, _>(self.fixed)),
            recipient: u32::from_le_bytes(read::<36, 4, _>(self.fixed)),
            known_epoch: u32::from_le_bytes(read::<40, 4, _>(self.fixed)),
        }
    }

    /// Whole transactions, without a hole before them. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn held(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// What of it is durable. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn synced(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// What of it was executed again. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn applied(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    #[must_use]
    pub fn chain_at_held(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// The epoch that the node follows. One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes(read::<80, 4, _>(self.fixed))
    }

    /// What is to be known of a node.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> NodeFlags {
        NodeFlags(u8::from_le_bytes(read::<84, 1, _>(self.fixed)))
    }
}
