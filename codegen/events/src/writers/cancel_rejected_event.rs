//! The message `CancelRejectedEvent`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::CancelRejectedEvent;
use crate::types::{EventHeader, OrderStatus, RejectReason};

/// Writes single fields of a [`CancelRejectedEvent`] in place.
#[derive(Debug)]
pub struct CancelRejectedEventWriter<'a> {
    block: &'a mut [u8; 128],
}

impl<'a> CancelRejectedEventWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = CancelRejectedEvent::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = CancelRejectedEvent::HEADER;
        *block = [0; 128];
        write::<40, 8, _>(block, 0_u64.to_le_bytes());
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

    /// An order, or none.
    #[inline]
    pub fn order_id(&mut self, value: Option<u64>) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.unwrap_or(0_u64).to_le_bytes());
        self
    }

    /// A number that a rule looked at.
    #[inline]
    pub fn limit(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// A number that a rule looked at.
    #[inline]
    pub fn value(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// An account, from 1; 0 names none.
    #[inline]
    pub fn account(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A user, from 1; 0 names none.
    #[inline]
    pub fn user(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<68, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The rule that refused a command; limit and value stand beside it.
    #[inline]
    pub fn reason(&mut self, value: RejectReason) -> &mut Self {
        let block = &mut *self.block;
        write::<76, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Rejected where the order is not known.
    #[inline]
    pub fn order_status(&mut self, value: OrderStatus) -> &mut Self {
        let block = &mut *self.block;
        write::<77, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// The template of the cancel or the replace. A message of this schema.
    #[inline]
    pub fn response_to(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<78, 2, _>(block, value.to_le_bytes());
        self
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 20, _>(block, value);
        self
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn original_client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 20, _>(block, value);
        self
    }
}
