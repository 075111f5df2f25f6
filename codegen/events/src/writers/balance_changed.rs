//! The message `BalanceChanged`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::BalanceChanged;
use crate::types::EventHeader;

/// Writes single fields of a [`BalanceChanged`] in place.
#[derive(Debug)]
pub struct BalanceChangedWriter<'a> {
    block: &'a mut [u8; 72],
}

impl<'a> BalanceChangedWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = BalanceChanged::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = BalanceChanged::HEADER;
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

    /// An account, from 1; 0 names none.
    #[inline]
    pub fn account(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 4, _>(block, value.to_le_bytes());
        self
    }

    /// 0 is cash. A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<36, 4, _>(block, value.to_le_bytes());
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 3, _>(block, value);
        self
    }

    /// 1/10,000 of the currency unit, or shares; negative takes away.
    #[inline]
    pub fn settled(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit, or shares; negative takes away.
    #[inline]
    pub fn pending(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit, or shares; negative takes away.
    #[inline]
    pub fn reserved(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }
}
