//! The message `MassCancelDone`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::MassCancelDone;
use crate::types::EventHeader;

/// Writes single fields of a [`MassCancelDone`] in place.
#[derive(Debug)]
pub struct MassCancelDoneWriter<'a> {
    block: &'a mut [u8; 80],
}

impl<'a> MassCancelDoneWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = MassCancelDone::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = MassCancelDone::HEADER;
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

    /// The number of a private message within its session and day, from 1.
    #[inline]
    pub fn outbound(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.to_le_bytes());
        self
    }

    /// A number of things.
    #[inline]
    pub fn canceled_orders(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }

    /// An account, from 1; 0 names none.
    #[inline]
    pub fn account(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A user, from 1; 0 names none.
    #[inline]
    pub fn user(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<52, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 20, _>(block, value);
        self
    }
}
