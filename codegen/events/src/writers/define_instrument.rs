//! The message `DefineInstrument`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::DefineInstrument;
use crate::types::{Authority, CommandOrigin, EventHeader, InstrumentType};

/// Writes single fields of a [`DefineInstrument`] in place.
#[derive(Debug)]
pub struct DefineInstrumentWriter<'a> {
    block: &'a mut [u8; 272],
}

impl<'a> DefineInstrumentWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = DefineInstrument::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = DefineInstrument::HEADER;
        *block = [0; 272];
        Ok(Self { block })
    }

    /// What every event of the log begins with.
    #[inline]
    pub fn header(&mut self, value: EventHeader) -> &mut Self {
        let block = &mut *self.block;
        write::<0, 8, _>(block, value.sequence.to_le_bytes());
        write::<8, 8, _>(block, value.timestamp.to_le_bytes());
        write::<16, 8, _>(block, value.cause.to_le_bytes());
        write::<24, 4, _>(block, value.session.to_le_bytes());
        write::<28, 2, _>(block, value.flags.to_le_bytes());
        write::<30, 2, _>(block, [0; 2]);
        self
    }

    /// Where a command came from, so that it is taken exactly once.
    #[inline]
    pub fn origin(&mut self, value: CommandOrigin) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.source_sequence.to_le_bytes());
        write::<40, 4, _>(block, value.source.to_le_bytes());
        write::<44, 4, _>(block, [0; 4]);
        self
    }

    /// Who gave an administrative command, and why.
    #[inline]
    pub fn authority(&mut self, value: Authority) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 4, _>(block, value.by.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 32, _>(block, value.why);
        self
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 4, _>(block, value.to_le_bytes());
        self
    }

    /// What is traded.
    #[inline]
    pub fn instrument_type(&mut self, value: InstrumentType) -> &mut Self {
        let block = &mut *self.block;
        write::<92, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn settlement_currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<93, 3, _>(block, value);
        self
    }

    /// The trading symbol. Padded with zero bytes.
    #[inline]
    pub fn symbol(&mut self, value: [u8; 8]) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 8, _>(block, value);
        self
    }

    /// Padded with zero bytes.
    #[inline]
    pub fn display_symbol(&mut self, value: [u8; 16]) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 16, _>(block, value);
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn quote_currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<120, 3, _>(block, value);
        self
    }

    /// The channel that an instrument belongs to.
    #[inline]
    pub fn partition(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<124, 2, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn tick(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<128, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn lot(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<136, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price_minimum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<144, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price_maximum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<152, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity_minimum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<160, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity_maximum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<168, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn notional_maximum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<176, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 0 is none: then there is no band until the first trade. 1/10,000 of the currency unit.
    #[inline]
    pub fn reference_price(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<184, 8, _>(block, value.to_le_bytes());
        self
    }

    /// How far a price may be from the last trade, else from the reference price (0 is off).
    /// 1/10,000.
    #[inline]
    pub fn band(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<192, 4, _>(block, value.to_le_bytes());
        self
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    pub fn maker_rate(&mut self, value: i32) -> &mut Self {
        let block = &mut *self.block;
        write::<196, 4, _>(block, value.to_le_bytes());
        self
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    pub fn taker_rate(&mut self, value: i32) -> &mut Self {
        let block = &mut *self.block;
        write::<200, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Padded with zero bytes.
    #[inline]
    pub fn description(&mut self, value: [u8; 64]) -> &mut Self {
        let block = &mut *self.block;
        write::<208, 64, _>(block, value);
        self
    }
}
