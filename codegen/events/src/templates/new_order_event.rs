//! The message `NewOrderEvent`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{CommandOrigin, EventHeader, OrderType, Side, TimeInForce};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A new order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewOrderEvent {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// Where a command came from, so that it is taken exactly once.
    pub origin: CommandOrigin,
    /// An account, from 1; 0 names none.
    pub account: u32,
    /// A user, from 1; 0 names none.
    pub user: u32,
    /// The broker named on an order; 0 names none.
    pub broker: u32,
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// The side of an order (FIX 54).
    pub side: Side,
    /// The type of an order (FIX 40).
    pub order_type: OrderType,
    /// How long an order lives (FIX 59).
    pub time_in_force: TimeInForce,
    /// 1/10,000 of the currency unit.
    pub price: i64,
    /// Shares.
    pub quantity: u64,
    /// The client's name for an order or request, padded with zero bytes.
    pub client_order_id: [u8; 20],
    /// When the client entered it, as it says. Nanoseconds since 1970-01-01 00:00 UTC.
    pub entry_time: u64,
}

impl NewOrderEvent {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 20;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 120;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 128;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 120,
        template_id: Self::TEMPLATE_ID,
        schema_id: SCHEMA_ID,
        version: SCHEMA_VERSION,
    }
    .to_bytes();

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let available = buffer.len();
        let Some(block) = buffer.first_chunk_mut::<{ Self::ENCODED_LENGTH }>() else {
            let needed = Self::ENCODED_LENGTH;
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        write::<0, 8, _>(block, Self::HEADER);
        write::<8, 8, _>(block, self.header.sequence.to_le_bytes());
        write::<16, 8, _>(block, self.header.timestamp.to_le_bytes());
        write::<24, 8, _>(block, self.header.cause.to_le_bytes());
        write::<32, 4, _>(block, self.header.session.to_le_bytes());
        write::<36, 2, _>(block, self.header.flags.to_le_bytes());
        write::<38, 2, _>(block, [0; 2]);
        write::<40, 8, _>(block, self.origin.source_sequence.to_le_bytes());
        write::<48, 4, _>(block, self.origin.source.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 4, _>(block, self.account.to_le_bytes());
        write::<60, 4, _>(block, self.user.to_le_bytes());
        write::<64, 4, _>(block, self.broker.to_le_bytes());
        write::<68, 4, _>(block, self.instrument.to_le_bytes());
        write::<72, 1, _>(block, self.side.0.to_le_bytes());
        write::<73, 1, _>(block, self.order_type.0.to_le_bytes());
        write::<74, 1, _>(block, self.time_in_force.0.to_le_bytes());
        write::<75, 5, _>(block, [0; 5]);
        write::<80, 8, _>(block, self.price.to_le_bytes());
        write::<88, 8, _>(block, self.quantity.to_le_bytes());
        write::<96, 20, _>(block, self.client_order_id);
        write::<116, 4, _>(block, [0; 4]);
        write::<120, 8, _>(block, self.entry_time.to_le_bytes());
        Ok(Self::ENCODED_LENGTH)
    }

    /// Reads header and block. A longer block's end is skipped; what an older writer did not
    /// know is `None`.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        match message.first_chunk::<{ Self::ENCODED_LENGTH }>() {
            Some(whole) if whole.starts_with(&Self::HEADER) => Ok(Self::from_whole(whole)),
            _ => NewOrderEventReader::new(message).map(|reader| reader.read()),
        }
    }

    /// The message in bytes whose header is exactly ours.
    #[inline]
    fn from_whole(block: &[u8; Self::ENCODED_LENGTH]) -> Self {
        Self {
            header: EventHeader {
                sequence: u64::from_le_bytes(read::<8, 8, _>(block)),
                timestamp: u64::from_le_bytes(read::<16, 8, _>(block)),
                cause: u64::from_le_bytes(read::<24, 8, _>(block)),
                session: u32::from_le_bytes(read::<32, 4, _>(block)),
                flags: u16::from_le_bytes(read::<36, 2, _>(block)),
            },
            origin: CommandOrigin {
                source_sequence: u64::from_le_bytes(read::<40, 8, _>(block)),
                source: u32::from_le_bytes(read::<48, 4, _>(block)),
            },
            account: u32::from_le_bytes(read::<56, 4, _>(block)),
            user: u32::from_le_bytes(read::<60, 4, _>(block)),
            broker: u32::from_le_bytes(read::<64, 4, _>(block)),
            instrument: u32::from_le_bytes(read::<68, 4, _>(block)),
            side: Side(u8::from_le_bytes(read::<72, 1, _>(block))),
            order_type: OrderType(u8::from_le_bytes(read::<73, 1, _>(block))),
            time_in_force: TimeInForce(u8::from_le_bytes(read::<74, 1, _>(block))),
            price: i64::from_le_bytes(read::<80, 8, _>(block)),
            quantity: u64::from_le_bytes(read::<88, 8, _>(block)),
            client_order_id: read::<96, 20, _>(block),
            entry_time: u64::from_le_bytes(read::<120, 8, _>(block)),
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        visit("header.sequence", FieldValue::U64(self.header.sequence));
        visit("header.timestamp", FieldValue::U64(self.header.timestamp));
        visit("header.cause", FieldValue::U64(self.header.cause));
        visit("header.session", FieldValue::U64(u64::from(self.header.session)));
        visit("header.flags", FieldValue::U64(u64::from(self.header.flags)));
        visit("origin.source_sequence", FieldValue::U64(self.origin.source_sequence));
        visit("origin.source", FieldValue::U64(u64::from(self.origin.source)));
        visit("account", FieldValue::U64(u64::from(self.account)));
        visit("user", FieldValue::U64(u64::from(self.user)));
        visit("broker", FieldValue::U64(u64::from(self.broker)));
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit(
            "side",
            self.side.name().map_or(FieldValue::U64(u64::from(self.side.0)), FieldValue::Name),
        );
        visit(
            "order_type",
            self.order_type
                .name()
                .map_or(FieldValue::U64(u64::from(self.order_type.0)), FieldValue::Name),
        );
        visit(
            "time_in_force",
            self.time_in_force
                .name()
                .map_or(FieldValue::U64(u64::from(self.time_in_force.0)), FieldValue::Name),
        );
        visit("price", FieldValue::I64(self.price));
        visit("quantity", FieldValue::U64(self.quantity));
        visit("client_order_id", FieldValue::characters(&self.client_order_id));
        visit("entry_time", FieldValue::U64(self.entry_time));
    }
}

impl SbeMessage for NewOrderEvent {
    const TEMPLATE_ID: u16 = Self::TEMPLATE_ID;
    const BLOCK_LENGTH: usize = Self::BLOCK_LENGTH;
    const ENCODED_LENGTH: usize = Self::ENCODED_LENGTH;

    #[inline]
    fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        self.encode(buffer)
    }

    #[inline]
    fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(message)
    }
}

impl fmt::Display for NewOrderEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "NewOrderEvent", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`NewOrderEvent`] in place.
#[derive(Clone, Copy, Debug)]
pub struct NewOrderEventReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 120],
    acting_version: u16,
}

impl<'a> NewOrderEventReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [120];
        let (acting_version, block) =
            MessageHeader::open(message, NewOrderEvent::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = NewOrderEvent::ENCODED_LENGTH;
            return Err(DecodeError::MessageTooShort { needed, available: message.len() });
        };
        Ok(Self { fixed, acting_version })
    }

    /// The version by which the block is read: the writer's, or ours where the writer's is
    /// newer.
    #[inline]
    #[must_use]
    pub const fn acting_version(&self) -> u16 {
        self.acting_version
    }

    /// All fields.
    #[inline]
    #[must_use]
    pub fn read(&self) -> NewOrderEvent {
        NewOrderEvent {
            header: self.header(),
            origin: self.origin(),
            account: self.account(),
            user: self.user(),
            broker: self.broker(),
            instrument: self.instrument(),
            side: self.side(),
            order_type: self.order_type(),
            time_in_force: self.time_in_force(),
            price: self.price(),
            quantity: self.quantity(),
            client_order_id: self.client_order_id(),
            entry_time: self.entry_time(),
        }
    }

    /// What every event of the log begins with.
    #[inline]
    #[must_use]
    pub fn header(&self) -> EventHeader {
        EventHeader {
            sequence: u64::from_le_bytes(read::<0, 8, _>(self.fixed)),
            timestamp: u64::from_le_bytes(read::<8, 8, _>(self.fixed)),
            cause: u64::from_le_bytes(read::<16, 8, _>(self.fixed)),
            session: u32::from_le_bytes(read::<24, 4, _>(self.fixed)),
            flags: u16::from_le_bytes(read::<28, 2, _>(self.fixed)),
        }
    }

    /// Where a command came from, so that it is taken exactly once.
    #[inline]
    #[must_use]
    pub fn origin(&self) -> CommandOrigin {
        CommandOrigin {
            source_sequence: u64::from_le_bytes(read::<32, 8, _>(self.fixed)),
            source: u32::from_le_bytes(read::<40, 4, _>(self.fixed)),
        }
    }

    /// An account, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn account(&self) -> u32 {
        u32::from_le_bytes(read::<48, 4, _>(self.fixed))
    }

    /// A user, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn user(&self) -> u32 {
        u32::from_le_bytes(read::<52, 4, _>(self.fixed))
    }

    /// The broker named on an order; 0 names none.
    #[inline]
    #[must_use]
    pub fn broker(&self) -> u32 {
        u32::from_le_bytes(read::<56, 4, _>(self.fixed))
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<60, 4, _>(self.fixed))
    }

    /// The side of an order (FIX 54).
    #[inline]
    #[must_use]
    pub fn side(&self) -> Side {
        Side(u8::from_le_bytes(read::<64, 1, _>(self.fixed)))
    }

    /// The type of an order (FIX 40).
    #[inline]
    #[must_use]
    pub fn order_type(&self) -> OrderType {
        OrderType(u8::from_le_bytes(read::<65, 1, _>(self.fixed)))
    }

    /// How long an order lives (FIX 59).
    #[inline]
    #[must_use]
    pub fn time_in_force(&self) -> TimeInForce {
        TimeInForce(u8::from_le_bytes(read::<66, 1, _>(self.fixed)))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price(&self) -> i64 {
        i64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity(&self) -> u64 {
        u64::from_le_bytes(read::<80, 8, _>(self.fixed))
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn client_order_id(&self) -> [u8; 20] {
        read::<88, 20, _>(self.fixed)
    }

    /// When the client entered it, as it says. Nanoseconds since 1970-01-01 00:00 UTC.
    #[inline]
    #[must_use]
    pub fn entry_time(&self) -> u64 {
        u64::from_le_bytes(read::<112, 8, _>(self.fixed))
    }
}
