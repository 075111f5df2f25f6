//! The message `SnapshotChunk`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::SnapshotChunk;
use crate::types::{BooleanFlag, EventHeader};

/// Writes single fields of a [`SnapshotChunk`] in place.
#[derive(Debug)]
pub struct SnapshotChunkWriter<'a> {
    block: &'a mut [u8; 56],
}

impl<'a> SnapshotChunkWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = SnapshotChunk::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = SnapshotChunk::HEADER;
        *block = [0; 56];
        Ok(Self { block })
    }

    /// Number and time as in the snapshot's header.
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

    /// 1 the state, 2 the L3 feed. A number of things.
    #[inline]
    pub fn section(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 4, _>(block, value.to_le_bytes());
        self
    }

    /// From 0 in each section. A number of things.
    #[inline]
    pub fn index(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<36, 4, _>(block, value.to_le_bytes());
        self
    }

    /// What follows this message. A number of things.
    #[inline]
    pub fn content_bytes(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of its section.
    #[inline]
    pub fn last(&mut self, value: BooleanFlag) -> &mut Self {
        let block = &mut *self.block;
        write::<44, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// CRC-32 of the message before it, header included, and the content. CRC-32 over a book,
    /// or over a message.
    #[inline]
    pub fn checksum(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<52, 4, _>(block, value.to_le_bytes());
        self
    }
}
