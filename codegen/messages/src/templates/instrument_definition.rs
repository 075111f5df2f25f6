//! The message `InstrumentDefinition`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{EventFlags, InstrumentType};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// What an instrument is; sent before anything else about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentDefinition {
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
    /// Padded with zero bytes.
    pub symbol: [u8; 8],
    /// Padded with zero bytes.
    pub display_symbol: [u8; 16],
    /// What is traded.
    pub instrument_type: InstrumentType,
    /// ISO 4217.
    pub settlement_currency: [u8; 3],
    /// ISO 4217.
    pub quote_currency: [u8; 3],
    /// 1/10,000 of the currency unit.
    pub tick: i64,
    /// Shares.
    pub lot: u64,
    /// 1/10,000 of the currency unit.
    pub price_minimum: i64,
    /// 1/10,000 of the currency unit.
    pub price_maximum: i64,
    /// Shares.
    pub quantity_minimum: u64,
    /// Shares.
    pub quantity_maximum: u64,
    /// 1/10,000 of the currency unit.
    pub notional_maximum: i64,
    /// 1/10,000 of the currency unit, or none.
    pub reference_price: Option<i64>,
    /// 0 is off. 1/10,000.
    pub band: u32,
    /// The channel that an instrument belongs to.
    pub partition: u16,
    /// Padded with zero bytes.
    pub description: [u8; 64],
}

impl Default for InstrumentDefinition {
    fn default() -> Self {
        Self {
            instrument: u32::default(),
            instrument_sequence: u32::default(),
            event_id: u64::default(),
            transaction_time: u64::default(),
            flags: EventFlags::default(),
            symbol: [0; 8],
            display_symbol: [0; 16],
            instrument_type: InstrumentType::default(),
            settlement_currency: [0; 3],
            quote_currency: [0; 3],
            tick: i64::default(),
            lot: u64::default(),
            price_minimum: i64::default(),
            price_maximum: i64::default(),
            quantity_minimum: u64::default(),
            quantity_maximum: u64::default(),
            notional_maximum: i64::default(),
            reference_price: Option::<i64>::default(),
            band: u32::default(),
            partition: u16::default(),
            description: [0; 64],
        }
    }
}

impl InstrumentDefinition {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 1;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 200;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 208;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 200,
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
        write::<40, 8, _>(block, self.symbol);
        write::<48, 16, _>(block, self.display_symbol);
        write::<64, 1, _>(block, self.instrument_type.0.to_le_bytes());
        write::<65, 3, _>(block, self.settlement_currency);
        write::<68, 3, _>(block, self.quote_currency);
        write::<71, 1, _>(block, [0; 1]);
        write::<72, 8, _>(block, self.tick.to_le_bytes());
        write::<80, 8, _>(block, self.lot.to_le_bytes());
        write::<88, 8, _>(block, self.price_minimum.to_le_bytes());
        write::<96, 8, _>(block, self.price_maximum.to_le_bytes());
        write::<104, 8, _>(block, self.quantity_minimum.to_le_bytes());
        write::<112, 8, _>(block, self.quantity_maximum.to_le_bytes());
        write::<120, 8, _>(block, self.notional_maximum.to_le_bytes());
        write::<128, 8, _>(block, self.reference_price.unwrap_or(i64::MIN).to_le_bytes());
        write::<136, 4, _>(block, self.band.to_le_bytes());
        write::<140, 2, _>(block, self.partition.to_le_bytes());
        write::<142, 2, _>(block, [0; 2]);
        write::<144, 64, _>(block, self.description);
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
            _ => InstrumentDefinitionReader::new(message).map(|reader| reader.read()),
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
            symbol: read::<40, 8, _>(block),
            display_symbol: read::<48, 16, _>(block),
            instrument_type: InstrumentType(u8::from_le_bytes(read::<64, 1, _>(block))),
            settlement_currency: read::<65, 3, _>(block),
            quote_currency: read::<68, 3, _>(block),
            tick: i64::from_le_bytes(read::<72, 8, _>(block)),
            lot: u64::from_le_bytes(read::<80, 8, _>(block)),
            price_minimum: i64::from_le_bytes(read::<88, 8, _>(block)),
            price_maximum: i64::from_le_bytes(read::<96, 8, _>(block)),
            quantity_minimum: u64::from_le_bytes(read::<104, 8, _>(block)),
            quantity_maximum: u64::from_le_bytes(read::<112, 8, _>(block)),
            notional_maximum: i64::from_le_bytes(read::<120, 8, _>(block)),
            reference_price: Some(i64::from_le_bytes(read::<128, 8, _>(block)))
                .filter(|value| *value != i64::MIN),
            band: u32::from_le_bytes(read::<136, 4, _>(block)),
            partition: u16::from_le_bytes(read::<140, 2, _>(block)),
            description: read::<144, 64, _>(block),
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
        visit("symbol", FieldValue::characters(&self.symbol));
        visit("display_symbol", FieldValue::characters(&self.display_symbol));
        visit(
            "instrument_type",
            self.instrument_type
                .name()
                .map_or(FieldValue::U64(u64::from(self.instrument_type.0)), FieldValue::Name),
        );
        visit("settlement_currency", FieldValue::characters(&self.settlement_currency));
        visit("quote_currency", FieldValue::characters(&self.quote_currency));
        visit("tick", FieldValue::I64(self.tick));
        visit("lot", FieldValue::U64(self.lot));
        visit("price_minimum", FieldValue::I64(self.price_minimum));
        visit("price_maximum", FieldValue::I64(self.price_maximum));
        visit("quantity_minimum", FieldValue::U64(self.quantity_minimum));
        visit("quantity_maximum", FieldValue::U64(self.quantity_maximum));
        visit("notional_maximum", FieldValue::I64(self.notional_maximum));
        match &self.reference_price {
            Some(value) => {
                visit("reference_price", FieldValue::I64(*value));
            }
            None => visit("reference_price", FieldValue::Null),
        }
        visit("band", FieldValue::U64(u64::from(self.band)));
        visit("partition", FieldValue::U64(u64::from(self.partition)));
        visit("description", FieldValue::characters(&self.description));
    }
}

impl SbeMessage for InstrumentDefinition {
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

impl fmt::Display for InstrumentDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "InstrumentDefinition", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`InstrumentDefinition`] in place.
#[derive(Clone, Copy, Debug)]
pub struct InstrumentDefinitionReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 200],
    acting_version: u16,
}

impl<'a> InstrumentDefinitionReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [200];
        let (acting_version, block) =
            MessageHeader::open(message, InstrumentDefinition::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = InstrumentDefinition::ENCODED_LENGTH;
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
    pub fn read(&self) -> InstrumentDefinition {
        InstrumentDefinition {
            instrument: self.instrument(),
            instrument_sequence: self.instrument_sequence(),
            event_id: self.event_id(),
            transaction_time: self.transaction_time(),
            flags: self.flags(),
            symbol: self.symbol(),
            display_symbol: self.display_symbol(),
            instrument_type: self.instrument_type(),
            settlement_currency: self.settlement_currency(),
            quote_currency: self.quote_currency(),
            tick: self.tick(),
            lot: self.lot(),
            price_minimum: self.price_minimum(),
            price_maximum: self.price_maximum(),
            quantity_minimum: self.quantity_minimum(),
            quantity_maximum: self.quantity_maximum(),
            notional_maximum: self.notional_maximum(),
            reference_price: self.reference_price(),
            band: self.band(),
            partition: self.partition(),
            description: self.description(),
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

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn symbol(&self) -> [u8; 8] {
        read::<32, 8, _>(self.fixed)
    }

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn display_symbol(&self) -> [u8; 16] {
        read::<40, 16, _>(self.fixed)
    }

    /// What is traded.
    #[inline]
    #[must_use]
    pub fn instrument_type(&self) -> InstrumentType {
        InstrumentType(u8::from_le_bytes(read::<56, 1, _>(self.fixed)))
    }

    /// ISO 4217.
    #[inline]
    #[must_use]
    pub fn settlement_currency(&self) -> [u8; 3] {
        read::<57, 3, _>(self.fixed)
    }

    /// ISO 4217.
    #[inline]
    #[must_use]
    pub fn quote_currency(&self) -> [u8; 3] {
        read::<60, 3, _>(self.fixed)
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn tick(&self) -> i64 {
        i64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn lot(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price_minimum(&self) -> i64 {
        i64::from_le_bytes(read::<80, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price_maximum(&self) -> i64 {
        i64::from_le_bytes(read::<88, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity_minimum(&self) -> u64 {
        u64::from_le_bytes(read::<96, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity_maximum(&self) -> u64 {
        u64::from_le_bytes(read::<104, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn notional_maximum(&self) -> i64 {
        i64::from_le_bytes(read::<112, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit, or none.
    #[inline]
    #[must_use]
    pub fn reference_price(&self) -> Option<i64> {
        Some(i64::from_le_bytes(read::<120, 8, _>(self.fixed))).filter(|value| *value != i64::MIN)
    }

    /// 0 is off. 1/10,000.
    #[inline]
    #[must_use]
    pub fn band(&self) -> u32 {
        u32::from_le_bytes(read::<128, 4, _>(self.fixed))
    }

    /// The channel that an instrument belongs to.
    #[inline]
    #[must_use]
    pub fn partition(&self) -> u16 {
        u16::from_le_bytes(read::<132, 2, _>(self.fixed))
    }

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn description(&self) -> [u8; 64] {
        read::<136, 64, _>(self.fixed)
    }
}
