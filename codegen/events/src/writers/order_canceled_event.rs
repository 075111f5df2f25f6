//! The message `OrderCanceledEvent`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::OrderCanceledEvent;
use crate::types::{CancelReason, EventHeader, OrderStatus, Side};

/// Writes single fields of a [`OrderCanceledEvent`] in place.
#[derive(Debug)]
pub struct OrderCanceledEventWriter<'a> {
    block: &'a mut [u8; 144],
}

impl<'a> OrderCanceledEventWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = OrderCanceledEvent::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = OrderCanceledEvent::HEADER;
        *block = [0; 144];
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

    /// An order, from 1, never reused.
    #[inline]
    pub fn order_id(&mut self, value: u64) -> &mut Self {
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

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The side of an order (FIX 54).
    #[inline]
    pub fn side(&mut self, value: Side) -> &mut Self {
        let block = &mut *self.block;
        write::<60, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Where an order stands (FIX 39).
    #[inline]
    pub fn order_status(&mut self, value: OrderStatus) -> &mut Self {
        let block = &mut *self.block;
        write::<61, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Why an order was canceled.
    #[inline]
    pub fn reason(&mut self, value: CancelReason) -> &mut Self {
        let block = &mut *self.block;
        write::<62, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn canceled_quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn cumulative_quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn cumulative_notional(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The request's, else the order's. The client's name for an order or request, padded with
    /// zero bytes.
    #[inline]
    pub fn client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 20, _>(block, value);
        self
    }

    /// The order's. The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn original_client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<120, 20, _>(block, value);
        self
    }
}
