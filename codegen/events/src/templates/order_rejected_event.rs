//! The message `OrderRejectedEvent`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{EventHeader, RejectReason, Side};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A new order was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderRejectedEvent {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// The number of a private message within its session and day, from 1.
    pub outbound: u64,
    /// A number that a rule looked at.
    pub limit: i64,
    /// A number that a rule looked at.
    pub value: i64,
    /// An account, from 1; 0 names none.
    pub account: u32,
    /// A user, from 1; 0 names none.
    pub user: u32,
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// The rule that refused a command; limit and value stand beside it.
    pub reason: RejectReason,
    /// The side of an order (FIX 54).
    pub side: Side,
    /// 1/10,000 of the currency unit.
    pub price: i64,
    /// Shares.
    pub quantity: u64,
    /// The client's name for an order or request, padded with zero bytes.
    pub client_order_id: [u8; 20],
}

impl OrderRejectedEvent {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 51;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 112;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 120;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 112,
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
        write::<40, 8, _>(block, self.outbound.to_le_bytes());
        write::<48, 8, _>(block, self.limit.to_le_bytes());
        write::<56, 8, _>(block, self.value.to_le_bytes());
        write::<64, 4, _>(block, self.account.to_le_bytes());
        write::<68, 4, _>(block, self.user.to_le_bytes());
        write::<72, 4, _>(block, self.instrument.to_le_bytes());
        write::<76, 1, _>(block, self.reason.0.to_le_bytes());
        write::<77, 1, _>(block, self.side.0.to_le_bytes());
        write::<78, 2, _>(block, [0; 2]);
        write::<80, 8, _>(block, self.price.to_le_bytes());
        write::<88, 8, _>(block, self.quantity.to_le_bytes());
        write::<96, 20, _>(block, self.client_order_id);
        write::<116, 4, _>(block, [0; 4]);
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
            _ => OrderRejectedEventReader::new(message).map(|reader| reader.read()),
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
            outbound: u64::from_le_bytes(read::<40, 8, _>(block)),
            limit: i64::from_le_bytes(read::<48, 8, _>(block)),
            value: i64::from_le_bytes(read::<56, 8, _>(block)),
            account: u32::from_le_bytes(read::<64, 4, _>(block)),
            user: u32::from_le_bytes(read::<68, 4, _>(block)),
            instrument: u32::from_le_bytes(read::<72, 4, _>(block)),
            reason: RejectReason(u8::from_le_bytes(read::<76, 1, _>(block))),
            side: Side(u8::from_le_bytes(read::<77, 1, _>(block))),
            price: i64::from_le_bytes(read::<80, 8, _>(block)),
            quantity: u64::from_le_bytes(read::<88, 8, _>(block)),
            client_order_id: read::<96, 20, _>(block),
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
        visit("outbound", FieldValue::U64(self.outbound));
        visit("limit", FieldValue::I64(self.limit));
        visit("value", FieldValue::I64(self.value));
        visit("account", FieldValue::U64(u64::from(self.account)));
        visit("user", FieldValue::U64(u64::from(self.user)));
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit(
            "reason",
            self.reason.name().map_or(FieldValue::U64(u64::from(self.reason.0)), FieldValue::Name),
        );
        visit(
            "side",
            self.side.name().map_or(FieldValue::U64(u64::from(self.side.0)), FieldValue::Name),
        );
        visit("price", FieldValue::I64(self.price));
        visit("quantity", FieldValue::U64(self.quantity));
        visit("client_order_id", FieldValue::characters(&self.client_order_id));
    }
}

impl SbeMessage for OrderRejectedEvent {
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

impl fmt::Display for OrderRejectedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "OrderRejectedEvent", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`OrderRejectedEvent`] in place.
#[derive(Clone, Copy, Debug)]
pub struct OrderRejectedEventReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 112],
    acting_version: u16,
}

impl<'a> OrderRejectedEventReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [112];
        let (acting_version, block) =
            MessageHeader::open(message, OrderRejectedEvent::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = OrderRejectedEvent::ENCODED_LENGTH;
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
    pub fn read(&self) -> OrderRejectedEvent {
        OrderRejectedEvent {
            header: self.header(),
            outbound: self.outbound(),
            limit: self.limit(),
            value: self.value(),
            account: self.account(),
            user: self.user(),
            instrument: self.instrument(),
            reason: self.reason(),
            side: self.side(),
            price: self.price(),
            quantity: self.quantity(),
            client_order_id: self.client_order_id(),
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

    /// The number of a private message within its session and day, from 1.
    #[inline]
    #[must_use]
    pub fn outbound(&self) -> u64 {
        u64::from_le_bytes(read::<32, 8, _>(self.fixed))
    }

    /// A number that a rule looked at.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from_le_bytes(read::<40, 8, _>(self.fixed))
    }

    /// A number that a rule looked at.
    #[inline]
    #[must_use]
    pub fn value(&self) -> i64 {
        i64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// An account, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn account(&self) -> u32 {
        u32::from_le_bytes(read::<56, 4, _>(self.fixed))
    }

    /// A user, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn user(&self) -> u32 {
        u32::from_le_bytes(read::<60, 4, _>(self.fixed))
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<64, 4, _>(self.fixed))
    }

    /// The rule that refused a command; limit and value stand beside it.
    #[inline]
    #[must_use]
    pub fn reason(&self) -> RejectReason {
        RejectReason(u8::from_le_bytes(read::<68, 1, _>(self.fixed)))
    }

    /// The side of an order (FIX 54).
    #[inline]
    #[must_use]
    pub fn side(&self) -> Side {
        Side(u8::from_le_bytes(read::<69, 1, _>(self.fixed)))
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
}
