//! The message `PhaseChanged`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::PhaseChanged;
use crate::types::{EventHeader, Phase};

/// Writes single fields of a [`PhaseChanged`] in place.
#[derive(Debug)]
pub struct PhaseChangedWriter<'a> {
    block: &'a mut [u8; 48],
}

impl<'a> PhaseChangedWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = PhaseChanged::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = PhaseChanged::HEADER;
        *block = [0; 48];
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

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 4, _>(block, value.to_le_bytes());
        self
    }

    /// What an instrument's trading allows.
    #[inline]
    pub fn phase(&mut self, value: Phase) -> &mut Self {
        let block = &mut *self.block;
        write::<36, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// What an instrument's trading allows.
    #[inline]
    pub fn previous_phase(&mut self, value: Phase) -> &mut Self {
        let block = &mut *self.block;
        write::<37, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// 0 is none. 1/10,000 of the currency unit.
    #[inline]
    pub fn reference_price(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }
}
