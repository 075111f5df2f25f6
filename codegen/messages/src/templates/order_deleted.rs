//! The message `OrderDeleted`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::EventFlags;
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// L3: a resting order is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderDeleted {
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
    /// An order, from 1, never reused.
    pub order_id: u64,
    /// Shares.
    pub canceled_quantity: u64,
    /// Always 0. Shares.
    pub remaining_quantity: u64,
}

impl OrderDeleted {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 13;
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
        write::<8, 4, _>(block, self.instrument.to_le_bytes());
        write::<12, 4, _>(block, self.instrument_sequence.to_le_bytes());
        write::<16, 8, _>(block, self.event_id.to_le_bytes());
        write::<24, 8, _>(block, self.transaction_time.to_le_bytes());
        write::<32, 1, _>(block, self.flags.0.to_le_bytes());
        write::<33, 7, _>(block, [0; 7]);
        write::<40, 8, _>(block, self.order_id.to_le_bytes());
        write::<48, 8, _>(block, self.canceled_quantity.to_le_bytes());
        write::<56, 8, _>(block, self.remaining_quantity.to_le_bytes());
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
            _ => OrderDeletedReader::new(message).map(|reader| reader.read()),
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
            order_id: u64::from_le_bytes(read::<40, 8, _>(block)),
            canceled_quantity: u64::from_le_bytes(read::<48, 8, _>(block)),
            remaining_quantity: u64::from_le_bytes(read::<56, 8, _>(block)),
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
        visit("order_id", FieldValue::U64(self.order_id));
        visit("canceled_quantity", FieldValue::U64(self.canceled_quantity));
        visit("remaining_quantity", FieldValue::U64(self.remaining_quantity));
    }
}

impl SbeMessage for OrderDeleted {
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

impl fmt::Display for OrderDeleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "OrderDeleted", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`OrderDeleted`] in place.
#[derive(Clone, Copy, Debug)]
pub struct OrderDeletedReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 56],
    acting_version: u16,
}

impl<'a> OrderDeletedReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [56];
        let (acting_version, block) =
            MessageHeader::open(message, OrderDeleted::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = OrderDeleted::ENCODED_LENGTH;
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
    pub fn read(&self) -> OrderDeleted {
        OrderDeleted {
            instrument: self.instrument(),
            instrument_sequence: self.instrument_sequence(),
            event_id: self.event_id(),
            transaction_time: self.transaction_time(),
            flags: self.flags(),
            order_id: self.order_id(),
            canceled_quantity: self.canceled_quantity(),
            remaining_quantity: self.remaining_quantity(),
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

    /// An order, from 1, never reused.
    #[inline]
    #[must_use]
    pub fn order_id(&self) -> u64 {
        u64::from_le_bytes(read::<32, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn canceled_quantity(&self) -> u64 {
        u64::from_le_bytes(read::<40, 8, _>(self.fixed))
    }

    /// Always 0. Shares.
    #[inline]
    #[must_use]
    pub fn remaining_quantity(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }
}
