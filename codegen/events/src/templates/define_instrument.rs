//! The message `DefineInstrument`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{Authority, CommandOrigin, EventHeader, InstrumentType};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// Defines an instrument, or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefineInstrument {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// Where a command came from, so that it is taken exactly once.
    pub origin: CommandOrigin,
    /// Who gave an administrative command, and why.
    pub authority: Authority,
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// What is traded.
    pub instrument_type: InstrumentType,
    /// ISO 4217.
    pub settlement_currency: [u8; 3],
    /// The trading symbol. Padded with zero bytes.
    pub symbol: [u8; 8],
    /// Padded with zero bytes.
    pub display_symbol: [u8; 16],
    /// ISO 4217.
    pub quote_currency: [u8; 3],
    /// The channel that an instrument belongs to.
    pub partition: u16,
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
    /// 0 is none: then there is no band until the first trade. 1/10,000 of the currency unit.
    pub reference_price: i64,
    /// How far a price may be from the last trade, else from the reference price (0 is off).
    /// 1/10,000.
    pub band: u32,
    /// 1/1,000,000 of the notional; negative is a rebate.
    pub maker_rate: i32,
    /// 1/1,000,000 of the notional; negative is a rebate.
    pub taker_rate: i32,
    /// Padded with zero bytes.
    pub description: [u8; 64],
}

impl Default for DefineInstrument {
    fn default() -> Self {
        Self {
            header: EventHeader::default(),
            origin: CommandOrigin::default(),
            authority: Authority::default(),
            instrument: u32::default(),
            instrument_type: InstrumentType::default(),
            settlement_currency: [0; 3],
            symbol: [0; 8],
            display_symbol: [0; 16],
            quote_currency: [0; 3],
            partition: u16::default(),
            tick: i64::default(),
            lot: u64::default(),
            price_minimum: i64::default(),
            price_maximum: i64::default(),
            quantity_minimum: u64::default(),
            quantity_maximum: u64::default(),
            notional_maximum: i64::default(),
            reference_price: i64::default(),
            band: u32::default(),
            maker_rate: i32::default(),
            taker_rate: i32::default(),
            description: [0; 64],
        }
    }
}

impl DefineInstrument {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 8;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 272;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 280;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 272,
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
        write::<56, 4, _>(block, self.authority.by.to_le_bytes());
        write::<60, 4, _>(block, [0; 4]);
        write::<64, 32, _>(block, self.authority.why);
        write::<96, 4, _>(block, self.instrument.to_le_bytes());
        write::<100, 1, _>(block, self.instrument_type.0.to_le_bytes());
        write::<101, 3, _>(block, self.settlement_currency);
        write::<104, 8, _>(block, self.symbol);
        write::<112, 16, _>(block, self.display_symbol);
        write::<128, 3, _>(block, self.quote_currency);
        write::<131, 1, _>(block, [0; 1]);
        write::<132, 2, _>(block, self.partition.to_le_bytes());
        write::<134, 2, _>(block, [0; 2]);
        write::<136, 8, _>(block, self.tick.to_le_bytes());
        write::<144, 8, _>(block, self.lot.to_le_bytes());
        write::<152, 8, _>(block, self.price_minimum.to_le_bytes());
        write::<160, 8, _>(block, self.price_maximum.to_le_bytes());
        write::<168, 8, _>(block, self.quantity_minimum.to_le_bytes());
        write::<176, 8, _>(block, self.quantity_maximum.to_le_bytes());
        write::<184, 8, _>(block, self.notional_maximum.to_le_bytes());
        write::<192, 8, _>(block, self.reference_price.to_le_bytes());
        write::<200, 4, _>(block, self.band.to_le_bytes());
        write::<204, 4, _>(block, self.maker_rate.to_le_bytes());
        write::<208, 4, _>(block, self.taker_rate.to_le_bytes());
        write::<212, 4, _>(block, [0; 4]);
        write::<216, 64, _>(block, self.description);
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
            _ => DefineInstrumentReader::new(message).map(|reader| reader.read()),
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
            authority: Authority {
                by: u32::from_le_bytes(read::<56, 4, _>(block)),
                why: read::<64, 32, _>(block),
            },
            instrument: u32::from_le_bytes(read::<96, 4, _>(block)),
            instrument_type: InstrumentType(u8::from_le_bytes(read::<100, 1, _>(block))),
            settlement_currency: read::<101, 3, _>(block),
            symbol: read::<104, 8, _>(block),
            display_symbol: read::<112, 16, _>(block),
            quote_currency: read::<128, 3, _>(block),
            partition: u16::from_le_bytes(read::<132, 2, _>(block)),
            tick: i64::from_le_bytes(read::<136, 8, _>(block)),
            lot: u64::from_le_bytes(read::<144, 8, _>(block)),
            price_minimum: i64::from_le_bytes(read::<152, 8, _>(block)),
            price_maximum: i64::from_le_bytes(read::<160, 8, _>(block)),
            quantity_minimum: u64::from_le_bytes(read::<168, 8, _>(block)),
            quantity_maximum: u64::from_le_bytes(read::<176, 8, _>(block)),
            notional_maximum: i64::from_le_bytes(read::<184, 8, _>(block)),
            reference_price: i64::from_le_bytes(read::<192, 8, _>(block)),
            band: u32::from_le_bytes(read::<200, 4, _>(block)),
            maker_rate: i32::from_le_bytes(read::<204, 4, _>(block)),
            taker_rate: i32::from_le_bytes(read::<208, 4, _>(block)),
            description: read::<216, 64, _>(block),
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
        visit("authority.by", FieldValue::U64(u64::from(self.authority.by)));
        visit("authority.why", FieldValue::characters(&self.authority.why));
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit(
            "instrument_type",
            self.instrument_type
                .name()
                .map_or(FieldValue::U64(u64::from(self.instrument_type.0)), FieldValue::Name),
        );
        visit("settlement_currency", FieldValue::characters(&self.settlement_currency));
        visit("symbol", FieldValue::characters(&self.symbol));
        visit("display_symbol", FieldValue::characters(&self.display_symbol));
        visit("quote_currency", FieldValue::characters(&self.quote_currency));
        visit("partition", FieldValue::U64(u64::from(self.partition)));
        visit("tick", FieldValue::I64(self.tick));
        visit("lot", FieldValue::U64(self.lot));
        visit("price_minimum", FieldValue::I64(self.price_minimum));
        visit("price_maximum", FieldValue::I64(self.price_maximum));
        visit("quantity_minimum", FieldValue::U64(self.quantity_minimum));
        visit("quantity_maximum", FieldValue::U64(self.quantity_maximum));
        visit("notional_maximum", FieldValue::I64(self.notional_maximum));
        visit("reference_price", FieldValue::I64(self.reference_price));
        visit("band", FieldValue::U64(u64::from(self.band)));
        visit("maker_rate", FieldValue::I64(i64::from(self.maker_rate)));
        visit("taker_rate", FieldValue::I64(i64::from(self.taker_rate)));
        visit("description", FieldValue::characters(&self.description));
    }
}

impl SbeMessage for DefineInstrument {
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

impl fmt::Display for DefineInstrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "DefineInstrument", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`DefineInstrument`] in place.
#[derive(Clone, Copy, Debug)]
pub struct DefineInstrumentReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 272],
    acting_version: u16,
}

impl<'a> DefineInstrumentReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [272];
        let (acting_version, block) =
            MessageHeader::open(message, DefineInstrument::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = DefineInstrument::ENCODED_LENGTH;
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
    pub fn read(&self) -> DefineInstrument {
        DefineInstrument {
            header: self.header(),
            origin: self.origin(),
            authority: self.authority(),
            instrument: self.instrument(),
            instrument_type: self.instrument_type(),
            settlement_currency: self.settlement_currency(),
            symbol: self.symbol(),
            display_symbol: self.display_symbol(),
            quote_currency: self.quote_currency(),
            partition: self.partition(),
            tick: self.tick(),
            lot: self.lot(),
            price_minimum: self.price_minimum(),
            price_maximum: self.price_maximum(),
            quantity_minimum: self.quantity_minimum(),
            quantity_maximum: self.quantity_maximum(),
            notional_maximum: self.notional_maximum(),
            reference_price: self.reference_price(),
            band: self.band(),
            maker_rate: self.maker_rate(),
            taker_rate: self.taker_rate(),
            description: self.description(),
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

    /// Who gave an administrative command, and why.
    #[inline]
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority {
            by: u32::from_le_bytes(read::<48, 4, _>(self.fixed)),
            why: read::<56, 32, _>(self.fixed),
        }
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<88, 4, _>(self.fixed))
    }

    /// What is traded.
    #[inline]
    #[must_use]
    pub fn instrument_type(&self) -> InstrumentType {
        InstrumentType(u8::from_le_bytes(read::<92, 1, _>(self.fixed)))
    }

    /// ISO 4217.
    #[inline]
    #[must_use]
    pub fn settlement_currency(&self) -> [u8; 3] {
        read::<93, 3, _>(self.fixed)
    }

    /// The trading symbol. Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn symbol(&self) -> [u8; 8] {
        read::<96, 8, _>(self.fixed)
    }

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn display_symbol(&self) -> [u8; 16] {
        read::<104, 16, _>(self.fixed)
    }

    /// ISO 4217.
    #[inline]
    #[must_use]
    pub fn quote_currency(&self) -> [u8; 3] {
        read::<120, 3, _>(self.fixed)
    }

    /// The channel that an instrument belongs to.
    #[inline]
    #[must_use]
    pub fn partition(&self) -> u16 {
        u16::from_le_bytes(read::<124, 2, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn tick(&self) -> i64 {
        i64::from_le_bytes(read::<128, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn lot(&self) -> u64 {
        u64::from_le_bytes(read::<136, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price_minimum(&self) -> i64 {
        i64::from_le_bytes(read::<144, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price_maximum(&self) -> i64 {
        i64::from_le_bytes(read::<152, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity_minimum(&self) -> u64 {
        u64::from_le_bytes(read::<160, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity_maximum(&self) -> u64 {
        u64::from_le_bytes(read::<168, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn notional_maximum(&self) -> i64 {
        i64::from_le_bytes(read::<176, 8, _>(self.fixed))
    }

    /// 0 is none: then there is no band until the first trade. 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn reference_price(&self) -> i64 {
        i64::from_le_bytes(read::<184, 8, _>(self.fixed))
    }

    /// How far a price may be from the last trade, else from the reference price (0 is off).
    /// 1/10,000.
    #[inline]
    #[must_use]
    pub fn band(&self) -> u32 {
        u32::from_le_bytes(read::<192, 4, _>(self.fixed))
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    #[must_use]
    pub fn maker_rate(&self) -> i32 {
        i32::from_le_bytes(read::<196, 4, _>(self.fixed))
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    #[must_use]
    pub fn taker_rate(&self) -> i32 {
        i32::from_le_bytes(read::<200, 4, _>(self.fixed))
    }

    /// Padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn description(&self) -> [u8; 64] {
        read::<208, 64, _>(self.fixed)
    }
}
