//! The message `DayStarted`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{CommandOrigin, EventHeader};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A trading day begins: daily volumes and outbound numbers start anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayStarted {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// Where a command came from, so that it is taken exactly once.
    pub origin: CommandOrigin,
    /// yyyymmdd.
    pub trading_date: u32,
    /// Which rulebook decides.
    pub rules_version: u32,
}

impl DayStarted {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 2;
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
        write::<40, 8, _>(block, self.origin.source_sequence.to_le_bytes());
        write::<48, 4, _>(block, self.origin.source.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 4, _>(block, self.trading_date.to_le_bytes());
        write::<60, 4, _>(block, self.rules_version.to_le_bytes());
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
            _ => DayStartedReader::new(message).map(|reader| reader.read()),
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
            origin: CommandOrigin {
                source_sequence: u64::from_le_bytes(read::<40, 8, _>(block)),
                source: u32::from_le_bytes(read::<48, 4, _>(block)),
            },
            trading_date: u32::from_le_bytes(read::<56, 4, _>(block)),
            rules_version: u32::from_le_bytes(read::<60, 4, _>(block)),
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
        visit("origin.source_sequence", FieldValue::U64(self.origin.source_sequence));
        visit("origin.source", FieldValue::U64(u64::from(self.origin.source)));
        visit("trading_date", FieldValue::U64(u64::from(self.trading_date)));
        visit("rules_version", FieldValue::U64(u64::from(self.rules_version)));
    }
}

impl SbeMessage for DayStarted {
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

impl fmt::Display for DayStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "DayStarted", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`DayStarted`] in place.
#[derive(Clone, Copy, Debug)]
pub struct DayStartedReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 56],
    acting_version: u16,
}

impl<'a> DayStartedReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [56];
        let (acting_version, block) =
            MessageHeader::open(message, DayStarted::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = DayStarted::ENCODED_LENGTH;
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
    pub fn read(&self) -> DayStarted {
        DayStarted {
            header: self.header(),
            origin: self.origin(),
            trading_date: self.trading_date(),
            rules_version: self.rules_version(),
        }
    }

    /// What every event of the log begins with.
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

    /// Where a command came from, so that it is taken exactly once.
    #[inline]
    #[must_use]
    pub fn origin(&self) -> CommandOrigin {
        CommandOrigin {
            source_sequence: u64::from_le_bytes(read::<32, 8, _>(self.fixed)),
            source: u32::from_le_bytes(read::<40, 4, _>(self.fixed)),
        }
    }

    /// yyyymmdd.
    #[inline]
    #[must_use]
    pub fn trading_date(&self) -> u32 {
        u32::from_le_bytes(read::<48, 4, _>(self.fixed))
    }

    /// Which rulebook decides.
    #[inline]
    #[must_use]
    pub fn rules_version(&self) -> u32 {
        u32::from_le_bytes(read::<52, 4, _>(self.fixed))
    }
}
