//! The message `OrderFilledEvent`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::OrderFilledEvent;
use crate::types::{EventHeader, ExecutionType, Liquidity, OrderStatus, OrderType, Side};

/// Writes single fields of a [`OrderFilledEvent`] in place.
#[derive(Debug)]
pub struct OrderFilledEventWriter<'a> {
    block: &'a mut [u8; 160],
}

impl<'a> OrderFilledEventWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = OrderFilledEvent::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = OrderFilledEvent::HEADER;
        *block = [0; 160];
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

    /// One side of one trade, from 1.
    #[inline]
    pub fn execution_id(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 8, _>(block, value.to_le_bytes());
        self
    }

    /// One trade, from 1.
    #[inline]
    pub fn match_id(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// An order, from 1, never reused.
    #[inline]
    pub fn order_id(&mut self, value: u64) -> &mut Self {
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

    /// The side of an order (FIX 54).
    #[inline]
    pub fn side(&mut self, value: Side) -> &mut Self {
        let block = &mut *self.block;
        write::<76, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Which part an execution took (FIX 851).
    #[inline]
    pub fn liquidity(&mut self, value: Liquidity) -> &mut Self {
        let block = &mut *self.block;
        write::<77, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// Where an order stands (FIX 39).
    #[inline]
    pub fn order_status(&mut self, value: OrderStatus) -> &mut Self {
        let block = &mut *self.block;
        write::<78, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// What an execution report reports (FIX 150).
    #[inline]
    pub fn execution_type(&mut self, value: ExecutionType) -> &mut Self {
        let block = &mut *self.block;
        write::<79, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn leaves_quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn cumulative_quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn cumulative_notional(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 8, _>(block, value.to_le_bytes());
        self
    }

    /// ISO 4217.
    #[inline]
    pub fn fee_currency(&mut self, value: [u8; 3]) -> &mut Self {
        let block = &mut *self.block;
        write::<120, 3, _>(block, value);
        self
    }

    /// The type of an order (FIX 40).
    #[inline]
    pub fn order_type(&mut self, value: OrderType) -> &mut Self {
        let block = &mut *self.block;
        write::<123, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    pub fn fee_rate(&mut self, value: i32) -> &mut Self {
        let block = &mut *self.block;
        write::<124, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Negative is a rebate. 1/10,000 of the currency unit.
    #[inline]
    pub fn fee_amount(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<128, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<136, 20, _>(block, value);
        self
    }
}
