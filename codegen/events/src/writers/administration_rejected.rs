//! The message `AdministrationRejected`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::AdministrationRejected;
use crate::types::{EventHeader, RejectReason};

/// Writes single fields of a [`AdministrationRejected`] in place.
#[derive(Debug)]
pub struct AdministrationRejectedWriter<'a> {
    block: &'a mut [u8; 56],
}

impl<'a> AdministrationRejectedWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = AdministrationRejected::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = AdministrationRejected::HEADER;
        *block = [0; 56];
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

    /// A number that a rule looked at.
    #[inline]
    pub fn limit(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.to_le_bytes());
        self
    }

    /// A number that a rule looked at.
    #[inline]
    pub fn value(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The id that an administrative command is about.
    #[inline]
    pub fn subject(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A message of this schema.
    #[inline]
    pub fn command(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<52, 2, _>(block, value.to_le_bytes());
        self
    }

    /// The rule that refused a command; limit and value stand beside it.
    #[inline]
    pub fn reason(&mut self, value: RejectReason) -> &mut Self {
        let block = &mut *self.block;
        write::<54, 1, _>(block, value.0.to_le_bytes());
        self
    }
}
