//! The message `FairnessCommit`, written in place.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::FairnessCommit;
use crate::types::EventFlags;

/// Writes single fields of a [`FairnessCommit`] in place.
#[derive(Debug)]
pub struct FairnessCommitWriter<'a> {
    block: &'a mut [u8; 72],
}

impl<'a> FairnessCommitWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = FairnessCommit::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = FairnessCommit::HEADER;
        *block = [0; 72];
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

    /// SHA-256.
    #[inline]
    pub fn seed_hash(&mut self, value: [u8; 32]) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 32, _>(block, value);
        self
    }

    /// One machine of the exchange.
    #[inline]
    pub fn node(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 4, _>(block, value.to_le_bytes());
        self
    }
}
