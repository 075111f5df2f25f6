//! The message `TradingStatus`, written in place.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::TradingStatus;
use crate::types::{EventFlags, Phase};

/// Writes single fields of a [`TradingStatus`] in place.
#[derive(Debug)]
pub struct TradingStatusWriter<'a> {
    block: &'a mut [u8; 48],
}

impl<'a> TradingStatusWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = TradingStatus::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = TradingStatus::HEADER;
        *block = [0; 48];
        write::<32, 8, _>(block, i64::MIN.to_le_bytes());
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

    /// 1/10,000 of the currency unit, or none.
    #[inline]
    pub fn reference_price(&mut self, value: Option<i64>) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.unwrap_or(i64::MIN).to_le_bytes());
        self
    }

    /// What an instrument's trading allows.
    #[inline]
    pub fn phase(&mut self, value: Phase) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 1, _>(block, value.0.to_le_bytes());
        self
    }
}
