//! The message `SnapshotHeader`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{BooleanFlag, EventHeader};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A snapshot: all state after one command. Its chunks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Number and time of the last command.
    pub header: EventHeader,
    /// Padded with zero bytes.
    pub exchange: [u8; 64],
    /// One half of a state hash.
    pub state_hash_low: u64,
    /// One half of a state hash.
    pub state_hash_high: u64,
    /// Where the log goes on. A byte position in the log.
    pub position: u64,
    /// There. 64-bit XXH3 over the frames' checksums up to a position.
    pub chain: u64,
    /// Of all chunks, with their headers. A number of things.
    pub chunk_bytes: u64,
    /// An exchange's number, the stream of its log.
    pub exchange_number: i32,
    /// Of the last frame before the position. One writer's reign over the log, from 1.
    pub epoch: u32,
    /// yyyymmdd.
    pub trading_date: u32,
    /// Of the sections' content. A number of things.
    pub format_version: u32,
    /// A number of things.
    pub sections: u32,
    /// No trading day runs.
    pub day_ended: BooleanFlag,
    /// CRC-32 of the message before it, header included. CRC-32 over a book, or over a
    /// message.
    pub checksum: u32,
}

impl Default for SnapshotHeader {
    fn default() -> Self {
        Self {
            header: EventHeader::default(),
            exchange: [0; 64],
            state_hash_low: u64::default(),
            state_hash_high: u64::default(),
            position: u64::default(),
            chain: u64::default(),
            chunk_bytes: u64::default(),
            exchange_number: i32::default(),
            epoch: u32::default(),
            trading_date: u32::default(),
            format_version: u32::default(),
            sections: u32::default(),
            day_ended: BooleanFlag::default(),
            checksum: u32::default(),
        }
    }
}

impl SnapshotHeader {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 100;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 168;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 176;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 168,
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
        write::<40, 64, _>(block, self.exchange);
        write::<104, 8, _>(block, self.state_hash_low.to_le_bytes());
        write::<112, 8, _>(block, self.state_hash_high.to_le_bytes());
        write::<120, 8, _>(block, self.position.to_le_bytes());
        write::<128, 8, _>(block, self.chain.to_le_bytes());
        write::<136, 8, _>(block, self.chunk_bytes.to_le_bytes());
        write::<144, 4, _>(block, self.exchange_number.to_le_bytes());
        write::<148, 4, _>(block, self.epoch.to_le_bytes());
        write::<152, 4, _>(block, self.trading_date.to_le_bytes());
        write::<156, 4, _>(block, self.format_version.to_le_bytes());
        write::<160, 4, _>(block, self.sections.to_le_bytes());
        write::<164, 1, _>(block, self.day_ended.0.to_le_bytes());
        write::<165, 7, _>(block, [0; 7]);
        write::<172, 4, _>(block, self.checksum.to_le_bytes());
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
            _ => SnapshotHeaderReader::new(message).map(|reader| reader.read()),
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
            exchange: read::<40, 64, _>(block),
            state_hash_low: u64::from_le_bytes(read::<104, 8, _>(block)),
            state_hash_high: u64::from_le_bytes(read::<112, 8, _>(block)),
            position: u64::from_le_bytes(read::<120, 8, _>(block)),
            chain: u64::from_le_bytes(read::<128, 8, _>(block)),
            chunk_bytes: u64::from_le_bytes(read::<136, 8, _>(block)),
            exchange_number: i32::from_le_bytes(read::<144, 4, _>(block)),
            epoch: u32::from_le_bytes(read::<148, 4, _>(block)),
            trading_date: u32::from_le_bytes(read::<152, 4, _>(block)),
            format_version: u32::from_le_bytes(read::<156, 4, _>(block)),
            sections: u32::from_le_bytes(read::<160, 4, _>(block)),
            day_ended: BooleanFlag(u8::from_le_bytes(read::<164, 1, _>(block))),
            checksum: u32::from_le_bytes(read::<172, 4, _>(block)),
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
        visit("exchange", FieldValue::characters(&self.exchange));
        visit("state_hash_low", FieldValue::U64(self.state_hash_low));
        visit("state_hash_high", FieldValue::U64(self.state_hash_high));
        visit("position", FieldValue::U64(self.position));
        visit("chain", FieldValue::U64(self.chain));
        visit("chunk_bytes", FieldValue::U64(self.chunk_bytes));
        visit("exchange_number", FieldValue::I64(i64::from(self.exchange_number)));
        visit("epoch", FieldValue::U64(u64::from(self.epoch)));
        visit("trading_date", FieldValue::U64(u64::from(self.trading_date)));
        visit("format_version", FieldValue::U64(u64::from(self.format_version)));
        visit("sections", FieldValue::U64(u64::from(self.sections)));
        visit(
            "day_ended",
            self.day_ended
                .name()
                .map_or(FieldValue::U64(u64::from(self.day_ended.0)), FieldValue::Name),
        );
        visit("checksum", FieldValue::U64(u64::from(self.checksum)));
    }
}

impl SbeMessage for SnapshotHeader {
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

impl fmt::Display for SnapshotHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "SnapshotHeader", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`SnapshotHeader`] in place.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotHeaderReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 168],
    acting_version: u16,
}

impl<'a> SnapshotHeaderReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [168];
        let (acting_version, block) =
            MessageHeader::open(message, SnapshotHeader::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = SnapshotHeader::ENCODED_LENGTH;
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
    pub fn read(&self) -> SnapshotHeader {
        SnapshotHeader {
            header: self.header(),
            exchange: self.exchange(),
            state_hash_low: self.state_hash_low(),
            state_hash_high: self.state_hash_high(),
            position: self.position(),
            chain: self.chain(),
            chunk_bytes: self.chunk_bytes(),
            exchange_number: self.exchange_number(),
            epoch: self.epoch(),
            trading_date: self.trading_date(),
            format_version: self.format_version(),
            sections: self.sections(),
            day_ended: self.day_ended(),
            checksum: self.checksum(),
        }
    }

    /// Number and time of the last command.
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

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn exchange(&self) -> [u8; 64] {
        read::<32, 64, _>(self.fixed)
    }

    /// One half of a state hash.
    #[inline]
    #[must_use]
    pub fn state_hash_low(&self) -> u64 {
        u64::from_le_bytes(read::<96, 8, _>(self.fixed))
    }

    /// One half of a state hash.
    #[inline]
    #[must_use]
    pub fn state_hash_high(&self) -> u64 {
        u64::from_le_bytes(read::<104, 8, _>(self.fixed))
    }

    /// Where the log goes on. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn position(&self) -> u64 {
        u64::from_le_bytes(read::<112, 8, _>(self.fixed))
    }

    /// There. 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    #[must_use]
    pub fn chain(&self) -> u64 {
        u64::from_le_bytes(read::<120, 8, _>(self.fixed))
    }

    /// Of all chunks, with their headers. A number of things.
    #[inline]
    #[must_use]
    pub fn chunk_bytes(&self) -> u64 {
        u64::from_le_bytes(read::<128, 8, _>(self.fixed))
    }

    /// An exchange's number, the stream of its log.
    #[inline]
    #[must_use]
    pub fn exchange_number(&self) -> i32 {
        i32::from_le_bytes(read::<136, 4, _>(self.fixed))
    }

    /// Of the last frame before the position. One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes(read::<140, 4, _>(self.fixed))
    }

    /// yyyymmdd.
    #[inline]
    #[must_use]
    pub fn trading_date(&self) -> u32 {
        u32::from_le_bytes(read::<144, 4, _>(self.fixed))
    }

    /// Of the sections' content. A number of things.
    #[inline]
    #[must_use]
    pub fn format_version(&self) -> u32 {
        u32::from_le_bytes(read::<148, 4, _>(self.fixed))
    }

    /// A number of things.
    #[inline]
    #[must_use]
    pub fn sections(&self) -> u32 {
        u32::from_le_bytes(read::<152, 4, _>(self.fixed))
    }

    /// No trading day runs.
    #[inline]
    #[must_use]
    pub fn day_ended(&self) -> BooleanFlag {
        BooleanFlag(u8::from_le_bytes(read::<156, 1, _>(self.fixed)))
    }

    /// CRC-32 of the message before it, header included. CRC-32 over a book, or over a
    /// message.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u32 {
        u32::from_le_bytes(read::<164, 4, _>(self.fixed))
    }
}
