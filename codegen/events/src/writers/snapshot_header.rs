//! The message `SnapshotHeader`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::SnapshotHeader;
use crate::types::{BooleanFlag, EventHeader};

/// Writes single fields of a [`SnapshotHeader`] in place.
#[derive(Debug)]
pub struct SnapshotHeaderWriter<'a> {
    block: &'a mut [u8; 168],
}

impl<'a> SnapshotHeaderWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = SnapshotHeader::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = SnapshotHeader::HEADER;
        *block = [0; 168];
        Ok(Self { block })
    }

    /// Number and time of the last command.
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

    /// Padded with zero bytes.
    #[inline]
    pub fn exchange(&mut self, value: [u8; 64]) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 64, _>(block, value);
        self
    }

    /// One half of a state hash.
    #[inline]
    pub fn state_hash_low(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 8, _>(block, value.to_le_bytes());
        self
    }

    /// One half of a state hash.
    #[inline]
    pub fn state_hash_high(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Where the log goes on. A byte position in the log.
    #[inline]
    pub fn position(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 8, _>(block, value.to_le_bytes());
        self
    }

    /// There. 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    pub fn chain(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<120, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Of all chunks, with their headers. A number of things.
    #[inline]
    pub fn chunk_bytes(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<128, 8, _>(block, value.to_le_bytes());
        self
    }

    /// An exchange's number, the stream of its log.
    #[inline]
    pub fn exchange_number(&mut self, value: i32) -> &mut Self {
        let block = &mut *self.block;
        write::<136, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of the last frame before the position. One writer's reign over the log, from 1.
    #[inline]
    pub fn epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<140, 4, _>(block, value.to_le_bytes());
        self
    }

    /// yyyymmdd.
    #[inline]
    pub fn trading_date(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<144, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of the sections' content. A number of things.
    #[inline]
    pub fn format_version(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<148, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A number of things.
    #[inline]
    pub fn sections(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<152, 4, _>(block, value.to_le_bytes());
        self
    }

    /// No trading day runs.
    #[inline]
    pub fn day_ended(&mut self, value: BooleanFlag) -> &mut Self {
        let block = &mut *self.block;
        write::<156, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// CRC-32 of the message before it, header included. CRC-32 over a book, or over a
    /// message.
    #[inline]
    pub fn checksum(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<164, 4, _>(block, value.to_le_bytes());
        self
    }
}
