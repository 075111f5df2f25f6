//! The message `Status`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{ControlHeader, NodeFlags};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// What a node has: an answer, or what a primary is told whose epoch was passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    pub header: ControlHeader,
    /// Chosen by who asks; the answer repeats it.
    pub round: u64,
    /// Whole transactions, without a hole before them. A byte position in the log.
    pub end: u64,
    /// 64-bit XXH3 over the frames' checksums up to a position.
    pub chain: u64,
    /// A byte position in the log.
    pub committed: u64,
    /// The epoch of the last transaction; 0 where there is none. One writer's reign over the
    /// log, from 1.
    pub last_epoch: u32,
    /// The epoch of the node's last vote; 0 where there is none. One writer's reign over the
    /// log, from 1.
    pub vote_epoch: u32,
    /// The node that got it. A node of the exchange, from 1; 0 is none, or an operator's
    /// command.
    pub vote_node: u32,
    /// What is to be known of a node.
    pub flags: NodeFlags,
}

impl Status {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 5;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 96;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 104;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 96,
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
        write::<56, 8, _>(block, self.round.to_le_bytes());
        write::<64, 8, _>(block, self.end.to_le_bytes());
        write::<72, 8, _>(block, self.chain.to_le_bytes());
        write::<80, 8, _>(block, self.committed.to_le_bytes());
        write::<88, 4, _>(block, self.last_epoch.to_le_bytes());
        write::<92, 4, _>(block, self.vote_epoch.to_le_bytes());
        write::<96, 4, _>(block, self.vote_node.to_le_bytes());
        write::<100, 1, _>(block, self.flags.0.to_le_bytes());
        write::<101, 3, _>(block, [0; 3]);
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
            _ => StatusReader::new(message).map(|reader| reader.read()),
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
            round: u64::from_le_bytes(read::<56, 8, _>(block)),
            end: u64::from_le_bytes(read::<64, 8, _>(block)),
            chain: u64::from_le_bytes(read::<72, 8, _>(block)),
            committed: u64::from_le_bytes(read::<80, 8, _>(block)),
            last_epoch: u32::from_le_bytes(read::<88, 4, _>(block)),
            vote_epoch: u32::from_le_bytes(read::<92, 4, _>(block)),
            vote_node: u32::from_le_bytes(read::<96, 4, _>(block)),
            flags: NodeFlags(u8::from_le_bytes(read::<100, 1, _>(block))),
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
        visit("round", FieldValue::U64(self.round));
        visit("end", FieldValue::U64(self.end));
        visit("chain", FieldValue::U64(self.chain));
        visit("committed", FieldValue::U64(self.committed));
        visit("last_epoch", FieldValue::U64(u64::from(self.last_epoch)));
        visit("vote_epoch", FieldValue::U64(u64::from(self.vote_epoch)));
        visit("vote_node", FieldValue::U64(u64::from(self.vote_node)));
        visit("flags", FieldValue::U64(u64::from(self.flags.0)));
    }
}

impl SbeMessage for Status {
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "Status", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`Status`] in place.
#[derive(Clone, Copy, Debug)]
pub struct StatusReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 96],
    acting_version: u16,
}

impl<'a> StatusReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [96];
        let (acting_version, block) = MessageHeader::open(message, Status::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = Status::ENCODED_LENGTH;
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
    pub fn read(&self) -> Status {
        Status {
            header: self.header(),
            round: self.round(),
            end: self.end(),
            chain: self.chain(),
            committed: self.committed(),
            last_epoch: self.last_epoch(),
            vote_epoch: self.vote_epoch(),
            vote_node: self.vote_node(),
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

    /// Chosen by who asks; the answer repeats it.
    #[inline]
    #[must_use]
    pub fn round(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// Whole transactions, without a hole before them. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    #[must_use]
    pub fn chain(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// A byte position in the log.
    #[inline]
    #[must_use]
    pub fn committed(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// The epoch of the last transaction; 0 where there is none. One writer's reign over the
    /// log, from 1.
    #[inline]
    #[must_use]
    pub fn last_epoch(&self) -> u32 {
        u32::from_le_bytes(read::<80, 4, _>(self.fixed))
    }

    /// The epoch of the node's last vote; 0 where there is none. One writer's reign over the
    /// log, from 1.
    #[inline]
    #[must_use]
    pub fn vote_epoch(&self) -> u32 {
        u32::from_le_bytes(read::<84, 4, _>(self.fixed))
    }

    /// The node that got it. A node of the exchange, from 1; 0 is none, or an operator's
    /// command.
    #[inline]
    #[must_use]
    pub fn vote_node(&self) -> u32 {
        u32::from_le_bytes(read::<88, 4, _>(self.fixed))
    }

    /// What is to be known of a node.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> NodeFlags {
        NodeFlags(u8::from_le_bytes(read::<92, 1, _>(self.fixed)))
    }
}
