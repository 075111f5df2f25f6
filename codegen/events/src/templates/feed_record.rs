//! The message `FeedRecord`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{BooleanFlag, EventHeader};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// Messages of one channel of the public feed, in its own log. They follow, each behind
/// its length (u16, big-endian).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedRecord {
    /// Number of the first message, or of the next where there is none; time and cause of the
    /// event that the last was made of.
    pub header: EventHeader,
    /// Where that event's message begins in the event log. A byte position in the log.
    pub position: u64,
    /// Of that message. One writer's reign over the log, from 1.
    pub epoch: u32,
    /// Messages that follow. A number of things.
    pub count: u16,
    /// The session is over: no message follows.
    pub ended: BooleanFlag,
}

impl FeedRecord {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 70;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 48;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 56;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 48,
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
        write::<8, 8, _>(block, self.header.sequence.to_le_bytes());
        write::<16, 8, _>(block, self.header.timestamp.to_le_bytes());
        write::<24, 8, _>(block, self.header.cause.to_le_bytes());
        write::<32, 4, _>(block, self.header.session.to_le_bytes());
        write::<36, 2, _>(block, self.header.flags.to_le_bytes());
        write::<38, 2, _>(block, [0; 2]);
        write::<40, 8, _>(block, self.position.to_le_bytes());
        write::<48, 4, _>(block, self.epoch.to_le_bytes());
        write::<52, 2, _>(block, self.count.to_le_bytes());
        write::<54, 1, _>(block, self.ended.0.to_le_bytes());
        write::<55, 1, _>(block, [0; 1]);
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
            _ => FeedRecordReader::new(message).map(|reader| reader.read()),
        }
    }

    /// The message in bytes whose header is exactly ours.
    #[inline]
    fn from_whole(block: &[u8; Self::ENCODED_LENGTH]) -> Self {
        Self {
            header: EventHeader {
                sequence: u64::from_le_bytes(read::<8, 8, _>(block)),
                timestamp: u64::from_le_bytes(read::<16, 8, _>(block)),
                cause: u64::from_le_bytes(read::<24, 8, _>(block)),
                session: u32::from_le_bytes(read::<32, 4, _>(block)),
                flags: u16::from_le_bytes(read::<36, 2, _>(block)),
            },
            position: u64::from_le_bytes(read::<40, 8, _>(block)),
            epoch: u32::from_le_bytes(read::<48, 4, _>(block)),
            count: u16::from_le_bytes(read::<52, 2, _>(block)),
            ended: BooleanFlag(u8::from_le_bytes(read::<54, 1, _>(block))),
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        visit("header.sequence", FieldValue::U64(self.header.sequence));
        visit("header.timestamp", FieldValue::U64(self.header.timestamp));
        visit("header.cause", FieldValue::U64(self.header.cause));
        visit("header.session", FieldValue::U64(u64::from(self.header.session)));
        visit("header.flags", FieldValue::U64(u64::from(self.header.flags)));
        visit("position", FieldValue::U64(self.position));
        visit("epoch", FieldValue::U64(u64::from(self.epoch)));
        visit("count", FieldValue::U64(u64::from(self.count)));
        visit(
            "ended",
            self.ended.name().map_or(FieldValue::U64(u64::from(self.ended.0)), FieldValue::Name),
        );
    }
}

impl SbeMessage for FeedRecord {
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

impl fmt::Display for FeedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "FeedRecord", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`FeedRecord`] in place.
#[derive(Clone, Copy, Debug)]
pub struct FeedRecordReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 48],
    acting_version: u16,
}

impl<'a> FeedRecordReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [48];
        let (acting_version, block) =
            MessageHeader::open(message, FeedRecord::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = FeedRecord::ENCODED_LENGTH;
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
    pub fn read(&self) -> FeedRecord {
        FeedRecord {
            header: self.header(),
            position: self.position(),
            epoch: self.epoch(),
            count: self.count(),
            ended: self.ended(),
        }
    }

    /// Number of the first message, or of the next where there is none; time and cause of the
    /// event that the last was made of.
    #[inline]
    #[must_use]
    pub fn header(&self) -> EventHeader {
        EventHeader {
            sequence: u64::from_le_bytes(read::<0, 8, _>(self.fixed)),
            timestamp: u64::from_le_bytes(read::<8, 8, _>(self.fixed)),
            cause: u64::from_le_bytes(read::<16, 8, _>(self.fixed)),
            session: u32::from_le_bytes(read::<24, 4, _>(self.fixed)),
            flags: u16::from_le_bytes(read::<28, 2, _>(self.fixed)),
        }
    }

    /// Where that event's message begins in the event log. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn position(&self) -> u64 {
        u64::from_le_bytes(read::<32, 8, _>(self.fixed))
    }

    /// Of that message. One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes(read::<40, 4, _>(self.fixed))
    }

    /// Messages that follow. A number of things.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u16 {
        u16::from_le_bytes(read::<44, 2, _>(self.fixed))
    }

    /// The session is over: no message follows.
    #[inline]
    #[must_use]
    pub fn ended(&self) -> BooleanFlag {
        BooleanFlag(u8::from_le_bytes(read::<46, 1, _>(self.fixed)))
    }
}
