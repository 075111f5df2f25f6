//! The message `InstrumentDefinition`, written in place.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::InstrumentDefinition;
use crate::types::{EventFlags, InstrumentType};

/// Writes single fields of a [`InstrumentDefinition`] in place.
#[derive(Debug)]
pub struct InstrumentDefinitionWriter<'a> {
    block: &'a mut [u8; 200],
}

impl<'a> InstrumentDefinitionWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = InstrumentDefinition::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = InstrumentDefinition::HEADER;
        *block = [0; 200];
        write::<120, 8, _>(block, i64::MIN.to_le_bytes());
        Ok(Self { block })
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<0, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The number of a message within its instrument and session, from 1; 0 where it has none.
    /// In a snapshot, the last one included.
    #[inline]
    pub fn instrument_sequence(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<4, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The sequence of the command that caused it: the same on L1, L2 and L3.
    #[inline]
    pub fn event_id(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<8, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    pub fn transaction_time(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<16, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Where a message stands in its event.
    #[inline]
    pub fn flags(&mut self, value: EventFlags) -> &mut Self {
        let block = &mut *self.block;
        write::<24, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Padded with zero bytes.
    #[inline]
    pub fn symbol(&mut self, value: [u8; 8]) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value);
        self
    }

    /// Padded with zero bytes.
    #[inline]
    pub fn display_symbol(&mut self, value: [u8; 16]) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 16, _>(block, value);
        self
    }

    /// What is traded.
    #[inline]
    pub fn instrument_type(&mut self, value: InstrumentType) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn settlement_currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<57, 3, _>(block, value);
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn quote_currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<60, 3, _>(block, value);
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn tick(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn lot(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price_minimum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price_maximum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity_minimum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity_maximum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn notional_maximum(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit, or none.
    #[inline]
    pub fn reference_price(&mut self, value: Option<i64>) -> &mut Self {
        let block = &mut *self.block;
        write::<120, 8, _>(block, value.unwrap_or(i64::MIN).to_le_bytes());
        self
    }

    /// 0 is off. 1/10,000.
    #[inline]
    pub fn band(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<128, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The channel that an instrument belongs to.
    #[inline]
    pub fn partition(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<132, 2, _>(block, value.to_le_bytes());
        self
    }

    /// Padded with zero bytes.
    #[inline]
    pub fn description(&mut self, value: [u8; 64]) -> &mut Self {
        let block = &mut *self.block;
        write::<136, 64, _>(block, value);
        self
    }
}
