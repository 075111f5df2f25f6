//! The message `PromoteAnswer`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{ControlHeader, PromoteResult};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromoteAnswer {
    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    pub header: ControlHeader,
    /// Chosen by who asks; the answer repeats it.
    pub round: u64,
    /// Where the node's log ends. A byte position in the log.
    pub end: u64,
    /// The highest commit position that anybody told; what lies between it and the end may be
    /// lost. A byte position in the log.
    pub committed: u64,
    /// Where the log of the node that stands in the way ends, or the one furthest ahead. A
    /// byte position in the log.
    pub other_end: u64,
    /// The epoch that began, or that stands in the way. One writer's reign over the log, from
    /// 1.
    pub epoch: u32,
    /// Of the node's last transaction. One writer's reign over the log, from 1.
    pub last_epoch: u32,
    /// The node that stands in the way, or is furthest ahead; 0 is none. A node of the
    /// exchange, from 1; 0 is none, or an operator's command.
    pub other: u32,
    /// Of its last transaction. One writer's reign over the log, from 1.
    pub other_last_epoch: u32,
    /// The nodes that answered, itself included. Bit n is the n-th configured node, in the
    /// order of their ids.
    pub heard: u32,
    /// The nodes that must. A number of things.
    pub needed: u8,
    /// What became of a wish to promote a node.
    pub result: PromoteResult,
}

impl PromoteAnswer {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 9;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 104;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 112;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 104,
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
        write::<72, 8, _>(block, self.committed.to_le_bytes());
        write::<80, 8, _>(block, self.other_end.to_le_bytes());
        write::<88, 4, _>(block, self.epoch.to_le_bytes());
        write::<92, 4, _>(block, self.last_epoch.to_le_bytes());
        write::<96, 4, _>(block, self.other.to_le_bytes());
        write::<100, 4, _>(block, self.other_last_epoch.to_le_bytes());
        write::<104, 4, _>(block, self.heard.to_le_bytes());
        write::<108, 1, _>(block, self.needed.to_le_bytes());
        write::<109, 1, _>(block, self.result.0.to_le_bytes());
        write::<110, 2, _>(block, [0; 2]);
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
            _ => PromoteAnswerReader::new(message).map(|reader| reader.read()),
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
            committed: u64::from_le_bytes(read::<72, 8, _>(block)),
            other_end: u64::from_le_bytes(read::<80, 8, _>(block)),
            epoch: u32::from_le_bytes(read::<88, 4, _>(block)),
            last_epoch: u32::from_le_bytes(read::<92, 4, _>(block)),
            other: u32::from_le_bytes(read::<96, 4, _>(block)),
            other_last_epoch: u32::from_le_bytes(read::<100, 4, _>(block)),
            heard: u32::from_le_bytes(read::<104, 4, _>(block)),
            needed: u8::from_le_bytes(read::<108, 1, _>(block)),
            result: PromoteResult(u8::from_le_bytes(read::<109, 1, _>(block))),
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
        visit("committed", FieldValue::U64(self.committed));
        visit("other_end", FieldValue::U64(self.other_end));
        visit("epoch", FieldValue::U64(u64::from(self.epoch)));
        visit("last_epoch", FieldValue::U64(u64::from(self.last_epoch)));
        visit("other", FieldValue::U64(u64::from(self.other)));
        visit("other_last_epoch", FieldValue::U64(u64::from(self.other_last_epoch)));
        visit("heard", FieldValue::U64(u64::from(self.heard)));
        visit("needed", FieldValue::U64(u64::from(self.needed)));
        visit(
            "result",
            self.result.name().map_or(FieldValue::U64(u64::from(self.result.0)), FieldValue::Name),
        );
    }
}

impl SbeMessage for PromoteAnswer {
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

impl fmt::Display for PromoteAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "PromoteAnswer", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`PromoteAnswer`] in place.
#[derive(Clone, Copy, Debug)]
pub struct PromoteAnswerReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 104],
    acting_version: u16,
}

impl<'a> PromoteAnswerReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [104];
        let (acting_version, block) =
            MessageHeader::open(message, PromoteAnswer::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = PromoteAnswer::ENCODED_LENGTH;
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
    pub fn read(&self) -> PromoteAnswer {
        PromoteAnswer {
            header: self.header(),
            round: self.round(),
            end: self.end(),
            committed: self.committed(),
            other_end: self.other_end(),
            epoch: self.epoch(),
            last_epoch: self.last_epoch(),
            other: self.other(),
            other_last_epoch: self.other_last_epoch(),
            heard: self.heard(),
            needed: self.needed(),
            result: self.result(),
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

    /// Where the node's log ends. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// The highest commit position that anybody told; what lies between it and the end may be
    /// lost. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn committed(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// Where the log of the node that stands in the way ends, or the one furthest ahead. A
    /// byte position in the log.
    #[inline]
    #[must_use]
    pub fn other_end(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// The epoch that began, or that stands in the way. One writer's reign over the log, from
    /// 1.
    #[inline]
    #[must_use]
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes(read::<80, 4, _>(self.fixed))
    }

    /// Of the node's last transaction. One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn last_epoch(&self) -> u32 {
        u32::from_le_bytes(read::<84, 4, _>(self.fixed))
    }

    /// The node that stands in the way, or is furthest ahead; 0 is none. A node of the
    /// exchange, from 1; 0 is none, or an operator's command.
    #[inline]
    #[must_use]
    pub fn other(&self) -> u32 {
        u32::from_le_bytes(read::<88, 4, _>(self.fixed))
    }

    /// Of its last transaction. One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn other_last_epoch(&self) -> u32 {
        u32::from_le_bytes(read::<92, 4, _>(self.fixed))
    }

    /// The nodes that answered, itself included. Bit n is the n-th configured node, in the
    /// order of their ids.
    #[inline]
    #[must_use]
    pub fn heard(&self) -> u32 {
        u32::from_le_bytes(read::<96, 4, _>(self.fixed))
    }

    /// The nodes that must. A number of things.
    #[inline]
    #[must_use]
    pub fn needed(&self) -> u8 {
        u8::from_le_bytes(read::<100, 1, _>(self.fixed))
    }

    /// What became of a wish to promote a node.
    #[inline]
    #[must_use]
    pub fn result(&self) -> PromoteResult {
        PromoteResult(u8::from_le_bytes(read::<101, 1, _>(self.fixed)))
    }
}
