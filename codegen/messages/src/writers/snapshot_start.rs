//! The message `SnapshotStart`, written in place.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::SnapshotStart;
use crate::types::EventFlags;

/// Writes single fields of a [`SnapshotStart`] in place.
#[derive(Debug)]
pub struct SnapshotStartWriter<'a> {
    block: &'a mut [u8; 56],
}

impl<'a> SnapshotStartWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = SnapshotStart::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = SnapshotStart::HEADER;
        *block = [0; 56];
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

    /// The number of a message within its session, from 1.
    #[inline]
    pub fn last_included_sequence(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The number of a message within its session, from 1.
    #[inline]
    pub fn next_sequence(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }

    /// A number of things.
    #[inline]
    pub fn instruments(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Orders on L3, price levels on L2, 0 on L1. A number of things.
    #[inline]
    pub fn orders(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<52, 4, _>(block, value.to_le_bytes());
        self
    }
}
