//! The message `DayEnded`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::DayEnded;
use crate::types::EventHeader;

/// Writes single fields of a [`DayEnded`] in place.
#[derive(Debug)]
pub struct DayEndedWriter<'a> {
    block: &'a mut [u8; 72],
}

impl<'a> DayEndedWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = DayEnded::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = DayEnded::HEADER;
        *block = [0; 72];
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

    /// yyyymmdd.
    #[inline]
    pub fn trading_date(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A number of things.
    #[inline]
    pub fn trades(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn notional(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn fees(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }
}
