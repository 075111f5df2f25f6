//! The message `SnapshotChunk`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{BooleanFlag, EventHeader};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A part of a section of a snapshot; its content follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// Number and time as in the snapshot's header.
    pub header: EventHeader,
    /// 1 the state, 2 the L3 feed. A number of things.
    pub section: u32,
    /// From 0 in each section. A number of things.
    pub index: u32,
    /// What follows this message. A number of things.
    pub content_bytes: u32,
    /// Of its section.
    pub last: BooleanFlag,
    /// CRC-32 of the message before it, header included, and the content. CRC-32 over a book,
    /// or over a message.
    pub checksum: u32,
}

impl SnapshotChunk {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 101;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 56;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 64;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 56,
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
        write::<40, 4, _>(block, self.section.to_le_bytes());
        write::<44, 4, _>(block, self.index.to_le_bytes());
        write::<48, 4, _>(block, self.content_bytes.to_le_bytes());
        write::<52, 1, _>(block, self.last.0.to_le_bytes());
        write::<53, 7, _>(block, [0; 7]);
        write::<60, 4, _>(block, self.checksum.to_le_bytes());
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
            _ => SnapshotChunkReader::new(message).map(|reader| reader.read()),
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
            section: u32::from_le_bytes(read::<40, 4, _>(block)),
            index: u32::from_le_bytes(read::<44, 4, _>(block)),
            content_bytes: u32::from_le_bytes(read::<48, 4, _>(block)),
            last: BooleanFlag(u8::from_le_bytes(read::<52, 1, _>(block))),
            checksum: u32::from_le_bytes(read::<60, 4, _>(block)),
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
        visit("section", FieldValue::U64(u64::from(self.section)));
        visit("index", FieldValue::U64(u64::from(self.index)));
        visit("content_bytes", FieldValue::U64(u64::from(self.content_bytes)));
        visit(
            "last",
            self.last.name().map_or(FieldValue::U64(u64::from(self.last.0)), FieldValue::Name),
        );
        visit("checksum", FieldValue::U64(u64::from(self.checksum)));
    }
}

impl SbeMessage for SnapshotChunk {
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

impl fmt::Display for SnapshotChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "SnapshotChunk", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`SnapshotChunk`] in place.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotChunkReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 56],
    acting_version: u16,
}

impl<'a> SnapshotChunkReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [56];
        let (acting_version, block) =
            MessageHeader::open(message, SnapshotChunk::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = SnapshotChunk::ENCODED_LENGTH;
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
    pub fn read(&self) -> SnapshotChunk {
        SnapshotChunk {
            header: self.header(),
            section: self.section(),
            index: self.index(),
            content_bytes: self.content_bytes(),
            last: self.last(),
            checksum: self.checksum(),
        }
    }

    /// Number and time as in the snapshot's header.
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

    /// 1 the state, 2 the L3 feed. A number of things.
    #[inline]
    #[must_use]
    pub fn section(&self) -> u32 {
        u32::from_le_bytes(read::<32, 4, _>(self.fixed))
    }

    /// From 0 in each section. A number of things.
    #[inline]
    #[must_use]
    pub fn index(&self) -> u32 {
        u32::from_le_bytes(read::<36, 4, _>(self.fixed))
    }

    /// What follows this message. A number of things.
    #[inline]
    #[must_use]
    pub fn content_bytes(&self) -> u32 {
        u32::from_le_bytes(read::<40, 4, _>(self.fixed))
    }

    /// Of its section.
    #[inline]
    #[must_use]
    pub fn last(&self) -> BooleanFlag {
        BooleanFlag(u8::from_le_bytes(read::<44, 1, _>(self.fixed)))
    }

    /// CRC-32 of the message before it, header included, and the content. CRC-32 over a book,
    /// or over a message.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u32 {
        u32::from_le_bytes(read::<52, 4, _>(self.fixed))
    }
}
