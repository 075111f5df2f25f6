//! The message `StateHash`, written in place.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::StateHash;
use crate::types::ControlHeader;

/// Writes single fields of a [`StateHash`] in place.
#[derive(Debug)]
pub struct StateHashWriter<'a> {
    block: &'a mut [u8; 80],
}

impl<'a> StateHashWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = StateHash::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = StateHash::HEADER;
        *block = [0; 80];
        Ok(Self { block })
    }

    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    #[inline]
    pub fn header(&mut self, value: ControlHeader) -> &mut Self {
        let block = &mut *self.block;
        write::<0, 8, _>(block, value.exchange.to_le_bytes());
        write::<8, 8, _>(block, value.run.to_le_bytes());
        write::<16, 8, _>(block, value.recipient_run.to_le_bytes());
        write::<24, 8, _>(block, value.counter.to_le_bytes());
        write::<32, 4, _>(block, value.sender.to_le_bytes());
        write::<36, 4, _>(block, value.recipient.to_le_bytes());
        write::<40, 4, _>(block, value.known_epoch.to_le_bytes());
        write::<44, 4, _>(block, [0; 4]);
        self
    }

    /// A byte position in the log.
    #[inline]
    pub fn position(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Of the log that was executed: states of two logs are not compared. 64-bit XXH3 over the
    /// frames' checksums up to a position.
    #[inline]
    pub fn chain(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// One half of a state hash.
    #[inline]
    pub fn high(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// One half of a state hash.
    #[inline]
    pub fn low(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }
}
