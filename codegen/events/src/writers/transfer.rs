//! The message `Transfer`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::Transfer;
use crate::types::{Authority, CommandOrigin, EventHeader};

/// Writes single fields of a [`Transfer`] in place.
#[derive(Debug)]
pub struct TransferWriter<'a> {
    block: &'a mut [u8; 136],
}

impl<'a> TransferWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = Transfer::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = Transfer::HEADER;
        *block = [0; 136];
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

    /// An account, from 1; 0 names none.
    #[inline]
    pub fn account(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The shares moved; 0 is cash. A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<92, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The cash moved. ISO 4217.
    #[inline]
    pub fn currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 3, _>(block, value);
        self
    }

    /// 1/10,000 of the currency unit, or shares; negative takes away.
    #[inline]
    pub fn amount(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The outside world's reference, padded with zero bytes.
    #[inline]
    pub fn reference(&mut self, value: [u8; 24]) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 24, _>(block, value);
        self
    }
}
