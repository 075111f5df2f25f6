//! The message `EpochStarted`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::EpochStarted;
use crate::types::{CommandOrigin, EventHeader};

/// Writes single fields of a [`EpochStarted`] in place.
#[derive(Debug)]
pub struct EpochStartedWriter<'a> {
    block: &'a mut [u8; 80],
}

impl<'a> EpochStartedWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = EpochStarted::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = EpochStarted::HEADER;
        *block = [0; 80];
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

    /// One writer's reign over the log, from 1.
    #[inline]
    pub fn epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 4, _>(block, value.to_le_bytes());
        self
    }

    /// One machine of the exchange.
    #[inline]
    pub fn node(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<52, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Where the epoch's bytes begin. A byte position in the log.
    #[inline]
    pub fn base_position(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    pub fn chain_at_base(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Which rulebook decides.
    #[inline]
    pub fn rules_version(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 4, _>(block, value.to_le_bytes());
        self
    }
}
