//! The message `SetLimits`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::SetLimits;
use crate::types::{Authority, BooleanFlag, CommandOrigin, EventHeader, Scope};

/// Writes single fields of a [`SetLimits`] in place.
#[derive(Debug)]
pub struct SetLimitsWriter<'a> {
    block: &'a mut [u8; 120],
}

impl<'a> SetLimitsWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = SetLimits::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = SetLimits::HEADER;
        *block = [0; 120];
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

    /// Account or user.
    #[inline]
    pub fn scope(&mut self, value: Scope) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Whether the account may trade the instrument.
    #[inline]
    pub fn tradable(&mut self, value: BooleanFlag) -> &mut Self {
        let block = &mut *self.block;
        write::<89, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// The account or user. The id that an administrative command is about.
    #[inline]
    pub fn subject(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<92, 4, _>(block, value.to_le_bytes());
        self
    }

    /// 0 is all without limits of their own. A tradable instrument, from 1; 0 names none, or
    /// all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Account, all instruments; 0 is off. A number of things.
    #[inline]
    pub fn live_orders_maximum(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<100, 4, _>(block, value.to_le_bytes());
        self
    }

    /// 0 is off. Shares.
    #[inline]
    pub fn daily_volume_maximum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Account; 0 is off. Shares.
    #[inline]
    pub fn position_maximum(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 8, _>(block, value.to_le_bytes());
        self
    }
}
