//! The message `FairnessReport`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::EventFlags;
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// How even a window's deliveries were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FairnessReport {
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// The number of a message within its instrument and session, from 1; 0 where it has none.
    /// In a snapshot, the last one included.
    pub instrument_sequence: u32,
    /// The sequence of the command that caused it: the same on L1, L2 and L3.
    pub event_id: u64,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub transaction_time: u64,
    /// Where a message stands in its event.
    pub flags: EventFlags,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub window_start: u64,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub window_end: u64,
    /// A number of things.
    pub updates: u64,
    /// Nanoseconds. A number of things.
    pub spread_p50: u64,
    /// Nanoseconds. A number of things.
    pub spread_p99: u64,
    /// Nanoseconds. A number of things.
    pub spread_maximum: u64,
    /// A number of things.
    pub subscribers: u32,
    /// One machine of the exchange.
    pub node: u32,
}

impl FairnessReport {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 52;
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
        write::<8, 4, _>(block, self.instrument.to_le_bytes());
        write::<12, 4, _>(block, self.instrument_sequence.to_le_bytes());
        write::<16, 8, _>(block, self.event_id.to_le_bytes());
        write::<24, 8, _>(block, self.transaction_time.to_le_bytes());
        write::<32, 1, _>(block, self.flags.0.to_le_bytes());
        write::<33, 7, _>(block, [0; 7]);
        write::<40, 8, _>(block, self.window_start.to_le_bytes());
        write::<48, 8, _>(block, self.window_end.to_le_bytes());
        write::<56, 8, _>(block, self.updates.to_le_bytes());
        write::<64, 8, _>(block, self.spread_p50.to_le_bytes());
        write::<72, 8, _>(block, self.spread_p99.to_le_bytes());
        write::<80, 8, _>(block, self.spread_maximum.to_le_bytes());
        write::<88, 4, _>(block, self.subscribers.to_le_bytes());
        write::<92, 4, _>(block, self.node.to_le_bytes());
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
            _ => FairnessReportReader::new(message).map(|reader| reader.read()),
        }
    }

    /// The message in bytes whose header is exactly ours.
    #[inline]
    fn from_whole(block: &[u8; Self::ENCODED_LENGTH]) -> Self {
        Self {
            instrument: u32::from_le_bytes(read::<8, 4, _>(block)),
            instrument_sequence: u32::from_le_bytes(read::<12, 4, _>(block)),
            event_id: u64::from_le_bytes(read::<16, 8, _>(block)),
            transaction_time: u64::from_le_bytes(read::<24, 8, _>(block)),
            flags: EventFlags(u8::from_le_bytes(read::<32, 1, _>(block))),
            window_start: u64::from_le_bytes(read::<40, 8, _>(block)),
            window_end: u64::from_le_bytes(read::<48, 8, _>(block)),
            updates: u64::from_le_bytes(read::<56, 8, _>(block)),
            spread_p50: u64::from_le_bytes(read::<64, 8, _>(block)),
            spread_p99: u64::from_le_bytes(read::<72, 8, _>(block)),
            spread_maximum: u64::from_le_bytes(read::<80, 8, _>(block)),
            subscribers: u32::from_le_bytes(read::<88, 4, _>(block)),
            node: u32::from_le_bytes(read::<92, 4, _>(block)),
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit("instrument_sequence", FieldValue::U64(u64::from(self.instrument_sequence)));
        visit("event_id", FieldValue::U64(self.event_id));
        visit("transaction_time", FieldValue::U64(self.transaction_time));
        visit("flags", FieldValue::U64(u64::from(self.flags.0)));
        visit("window_start", FieldValue::U64(self.window_start));
        visit("window_end", FieldValue::U64(self.window_end));
        visit("updates", FieldValue::U64(self.updates));
        visit("spread_p50", FieldValue::U64(self.spread_p50));
        visit("spread_p99", FieldValue::U64(self.spread_p99));
        visit("spread_maximum", FieldValue::U64(self.spread_maximum));
        visit("subscribers", FieldValue::U64(u64::from(self.subscribers)));
        visit("node", FieldValue::U64(u64::from(self.node)));
    }
}

impl SbeMessage for FairnessReport {
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

impl fmt::Display for FairnessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "FairnessReport", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`FairnessReport`] in place.
#[derive(Clone, Copy, Debug)]
pub struct FairnessReportReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 88],
    acting_version: u16,
}

impl<'a> FairnessReportReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [88];
        let (acting_version, block) =
            MessageHeader::open(message, FairnessReport::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = FairnessReport::ENCODED_LENGTH;
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
    pub fn read(&self) -> FairnessReport {
        FairnessReport {
            instrument: self.instrument(),
            instrument_sequence: self.instrument_sequence(),
            event_id: self.event_id(),
            transaction_time: self.transaction_time(),
            flags: self.flags(),
            window_start: self.window_start(),
            window_end: self.window_end(),
            updates: self.updates(),
            spread_p50: self.spread_p50(),
            spread_p99: self.spread_p99(),
            spread_maximum: self.spread_maximum(),
            subscribers: self.subscribers(),
            node: self.node(),
        }
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<0, 4, _>(self.fixed))
    }

    /// The number of a message within its instrument and session, from 1; 0 where it has none.
    /// In a snapshot, the last one included.
    #[inline]
    #[must_use]
    pub fn instrument_sequence(&self) -> u32 {
        u32::from_le_bytes(read::<4, 4, _>(self.fixed))
    }

    /// The sequence of the command that caused it: the same on L1, L2 and L3.
    #[inline]
    #[must_use]
    pub fn event_id(&self) -> u64 {
        u64::from_le_bytes(read::<8, 8, _>(self.fixed))
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    #[must_use]
    pub fn transaction_time(&self) -> u64 {
        u64::from_le_bytes(read::<16, 8, _>(self.fixed))
    }

    /// Where a message stands in its event.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> EventFlags {
        EventFlags(u8::from_le_bytes(read::<24, 1, _>(self.fixed)))
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    #[must_use]
    pub fn window_start(&self) -> u64 {
        u64::from_le_bytes(read::<32, 8, _>(self.fixed))
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    #[must_use]
    pub fn window_end(&self) -> u64 {
        u64::from_le_bytes(read::<40, 8, _>(self.fixed))
    }

    /// A number of things.
    #[inline]
    #[must_use]
    pub fn updates(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// Nanoseconds. A number of things.
    #[inline]
    #[must_use]
    pub fn spread_p50(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// Nanoseconds. A number of things.
    #[inline]
    #[must_use]
    pub fn spread_p99(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// Nanoseconds. A number of things.
    #[inline]
    #[must_use]
    pub fn spread_maximum(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// A number of things.
    #[inline]
    #[must_use]
    pub fn subscribers(&self) -> u32 {
        u32::from_le_bytes(read::<80, 4, _>(self.fixed))
    }

    /// One machine of the exchange.
    #[inline]
    #[must_use]
    pub fn node(&self) -> u32 {
        u32::from_le_bytes(read::<84, 4, _>(self.fixed))
    }
}
