//! The message `NewOrderEvent`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::NewOrderEvent;
use crate::types::{CommandOrigin, EventHeader, OrderType, Side, TimeInForce};

/// Writes single fields of a [`NewOrderEvent`] in place.
#[derive(Debug)]
pub struct NewOrderEventWriter<'a> {
    block: &'a mut [u8; 120],
}

impl<'a> NewOrderEventWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = NewOrderEvent::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = NewOrderEvent::HEADER;
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

    /// The broker named on an order; 0 names none.
    #[inline]
    pub fn broker(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    pub fn instrument(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<60, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The side of an order (FIX 54).
    #[inline]
    pub fn side(&mut self, value: Side) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// The type of an order (FIX 40).
    #[inline]
    pub fn order_type(&mut self, value: OrderType) -> &mut Self {
        let block = &mut *self.block;
        write::<65, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// How long an order lives (FIX 59).
    #[inline]
    pub fn time_in_force(&mut self, value: TimeInForce) -> &mut Self {
        let block = &mut *self.block;
        write::<66, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    pub fn price(&mut self, value: i64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Shares.
    #[inline]
    pub fn quantity(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    pub fn client_order_id(&mut self, value: [u8; 20]) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 20, _>(block, value);
        self
    }

    /// When the client entered it, as it says. Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    pub fn entry_time(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<112, 8, _>(block, value.to_le_bytes());
        self
    }
}
