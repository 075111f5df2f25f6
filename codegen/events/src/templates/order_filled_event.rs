//! The message `OrderFilledEvent`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{EventHeader, ExecutionType, Liquidity, OrderStatus, OrderType, Side};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// One side of a trade; each trade has two, the maker's first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFilledEvent {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// The number of a private message within its session and day, from 1.
    pub outbound: u64,
    /// One side of one trade, from 1.
    pub execution_id: u64,
    /// One trade, from 1.
    pub match_id: u64,
    /// An order, from 1, never reused.
    pub order_id: u64,
    /// An account, from 1; 0 names none.
    pub account: u32,
    /// A user, from 1; 0 names none.
    pub user: u32,
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// The side of an order (FIX 54).
    pub side: Side,
    /// Which part an execution took (FIX 851).
    pub liquidity: Liquidity,
    /// Where an order stands (FIX 39).
    pub order_status: OrderStatus,
    /// What an execution report reports (FIX 150).
    pub execution_type: ExecutionType,
    /// 1/10,000 of the currency unit.
    pub price: i64,
    /// Shares.
    pub quantity: u64,
    /// Shares.
    pub leaves_quantity: u64,
    /// Shares.
    pub cumulative_quantity: u64,
    /// 1/10,000 of the currency unit.
    pub cumulative_notional: i64,
    /// ISO 4217.
    pub fee_currency: [u8; 3],
    /// The type of an order (FIX 40).
    pub order_type: OrderType,
    /// 1/1,000,000 of the notional; negative is a rebate.
    pub fee_rate: i32,
    /// Negative is a rebate. 1/10,000 of the currency unit.
    pub fee_amount: i64,
    /// The client's name for an order or request, padded with zero bytes.
    pub client_order_id: [u8; 20],
}

impl OrderFilledEvent {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 55;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 160;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 168;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 160,
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
        write::<48, 8, _>(block, self.execution_id.to_le_bytes());
        write::<56, 8, _>(block, self.match_id.to_le_bytes());
        write::<64, 8, _>(block, self.order_id.to_le_bytes());
        write::<72, 4, _>(block, self.account.to_le_bytes());
        write::<76, 4, _>(block, self.user.to_le_bytes());
        write::<80, 4, _>(block, self.instrument.to_le_bytes());
        write::<84, 1, _>(block, self.side.0.to_le_bytes());
        write::<85, 1, _>(block, self.liquidity.0.to_le_bytes());
        write::<86, 1, _>(block, self.order_status.0.to_le_bytes());
        write::<87, 1, _>(block, self.execution_type.0.to_le_bytes());
        write::<88, 8, _>(block, self.price.to_le_bytes());
        write::<96, 8, _>(block, self.quantity.to_le_bytes());
        write::<104, 8, _>(block, self.leaves_quantity.to_le_bytes());
        write::<112, 8, _>(block, self.cumulative_quantity.to_le_bytes());
        write::<120, 8, _>(block, self.cumulative_notional.to_le_bytes());
        write::<128, 3, _>(block, self.fee_currency);
        write::<131, 1, _>(block, self.order_type.0.to_le_bytes());
        write::<132, 4, _>(block, self.fee_rate.to_le_bytes());
        write::<136, 8, _>(block, self.fee_amount.to_le_bytes());
        write::<144, 20, _>(block, self.client_order_id);
        write::<164, 4, _>(block, [0; 4]);
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
            _ => OrderFilledEventReader::new(message).map(|reader| reader.read()),
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
            execution_id: u64::from_le_bytes(read::<48, 8, _>(block)),
            match_id: u64::from_le_bytes(read::<56, 8, _>(block)),
            order_id: u64::from_le_bytes(read::<64, 8, _>(block)),
            account: u32::from_le_bytes(read::<72, 4, _>(block)),
            user: u32::from_le_bytes(read::<76, 4, _>(block)),
            instrument: u32::from_le_bytes(read::<80, 4, _>(block)),
            side: Side(u8::from_le_bytes(read::<84, 1, _>(block))),
            liquidity: Liquidity(u8::from_le_bytes(read::<85, 1, _>(block))),
            order_status: OrderStatus(u8::from_le_bytes(read::<86, 1, _>(block))),
            execution_type: ExecutionType(u8::from_le_bytes(read::<87, 1, _>(block))),
            price: i64::from_le_bytes(read::<88, 8, _>(block)),
            quantity: u64::from_le_bytes(read::<96, 8, _>(block)),
            leaves_quantity: u64::from_le_bytes(read::<104, 8, _>(block)),
            cumulative_quantity: u64::from_le_bytes(read::<112, 8, _>(block)),
            cumulative_notional: i64::from_le_bytes(read::<120, 8, _>(block)),
            fee_currency: read::<128, 3, _>(block),
            order_type: OrderType(u8::from_le_bytes(read::<131, 1, _>(block))),
            fee_rate: i32::from_le_bytes(read::<132, 4, _>(block)),
            fee_amount: i64::from_le_bytes(read::<136, 8, _>(block)),
            client_order_id: read::<144, 20, _>(block),
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
        visit("execution_id", FieldValue::U64(self.execution_id));
        visit("match_id", FieldValue::U64(self.match_id));
        visit("order_id", FieldValue::U64(self.order_id));
        visit("account", FieldValue::U64(u64::from(self.account)));
        visit("user", FieldValue::U64(u64::from(self.user)));
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit(
            "side",
            self.side.name().map_or(FieldValue::U64(u64::from(self.side.0)), FieldValue::Name),
        );
        visit(
            "liquidity",
            self.liquidity
                .name()
                .map_or(FieldValue::U64(u64::from(self.liquidity.0)), FieldValue::Name),
        );
        visit(
            "order_status",
            self.order_status
                .name()
                .map_or(FieldValue::U64(u64::from(self.order_status.0)), FieldValue::Name),
        );
        visit(
            "execution_type",
            self.execution_type
                .name()
                .map_or(FieldValue::U64(u64::from(self.execution_type.0)), FieldValue::Name),
        );
        visit("price", FieldValue::I64(self.price));
        visit("quantity", FieldValue::U64(self.quantity));
        visit("leaves_quantity", FieldValue::U64(self.leaves_quantity));
        visit("cumulative_quantity", FieldValue::U64(self.cumulative_quantity));
        visit("cumulative_notional", FieldValue::I64(self.cumulative_notional));
        visit("fee_currency", FieldValue::characters(&self.fee_currency));
        visit(
            "order_type",
            self.order_type
                .name()
                .map_or(FieldValue::U64(u64::from(self.order_type.0)), FieldValue::Name),
        );
        visit("fee_rate", FieldValue::I64(i64::from(self.fee_rate)));
        visit("fee_amount", FieldValue::I64(self.fee_amount));
        visit("client_order_id", FieldValue::characters(&self.client_order_id));
    }
}

impl SbeMessage for OrderFilledEvent {
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

impl fmt::Display for OrderFilledEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "OrderFilledEvent", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`OrderFilledEvent`] in place.
#[derive(Clone, Copy, Debug)]
pub struct OrderFilledEventReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 160],
    acting_version: u16,
}

impl<'a> OrderFilledEventReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [160];
        let (acting_version, block) =
            MessageHeader::open(message, OrderFilledEvent::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = OrderFilledEvent::ENCODED_LENGTH;
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
    pub fn read(&self) -> OrderFilledEvent {
        OrderFilledEvent {
            header: self.header(),
            outbound: self.outbound(),
            execution_id: self.execution_id(),
            match_id: self.match_id(),
            order_id: self.order_id(),
            account: self.account(),
            user: self.user(),
            instrument: self.instrument(),
            side: self.side(),
            liquidity: self.liquidity(),
            order_status: self.order_status(),
            execution_type: self.execution_type(),
            price: self.price(),
            quantity: self.quantity(),
            leaves_quantity: self.leaves_quantity(),
            cumulative_quantity: self.cumulative_quantity(),
            cumulative_notional: self.cumulative_notional(),
            fee_currency: self.fee_currency(),
            order_type: self.order_type(),
            fee_rate: self.fee_rate(),
            fee_amount: self.fee_amount(),
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

    /// One side of one trade, from 1.
    #[inline]
    #[must_use]
    pub fn execution_id(&self) -> u64 {
        u64::from_le_bytes(read::<40, 8, _>(self.fixed))
    }

    /// One trade, from 1.
    #[inline]
    #[must_use]
    pub fn match_id(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// An order, from 1, never reused.
    #[inline]
    #[must_use]
    pub fn order_id(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// An account, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn account(&self) -> u32 {
        u32::from_le_bytes(read::<64, 4, _>(self.fixed))
    }

    /// A user, from 1; 0 names none.
    #[inline]
    #[must_use]
    pub fn user(&self) -> u32 {
        u32::from_le_bytes(read::<68, 4, _>(self.fixed))
    }

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<72, 4, _>(self.fixed))
    }

    /// The side of an order (FIX 54).
    #[inline]
    #[must_use]
    pub fn side(&self) -> Side {
        Side(u8::from_le_bytes(read::<76, 1, _>(self.fixed)))
    }

    /// Which part an execution took (FIX 851).
    #[inline]
    #[must_use]
    pub fn liquidity(&self) -> Liquidity {
        Liquidity(u8::from_le_bytes(read::<77, 1, _>(self.fixed)))
    }

    /// Where an order stands (FIX 39).
    #[inline]
    #[must_use]
    pub fn order_status(&self) -> OrderStatus {
        OrderStatus(u8::from_le_bytes(read::<78, 1, _>(self.fixed)))
    }

    /// What an execution report reports (FIX 150).
    #[inline]
    #[must_use]
    pub fn execution_type(&self) -> ExecutionType {
        ExecutionType(u8::from_le_bytes(read::<79, 1, _>(self.fixed)))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn price(&self) -> i64 {
        i64::from_le_bytes(read::<80, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn quantity(&self) -> u64 {
        u64::from_le_bytes(read::<88, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn leaves_quantity(&self) -> u64 {
        u64::from_le_bytes(read::<96, 8, _>(self.fixed))
    }

    /// Shares.
    #[inline]
    #[must_use]
    pub fn cumulative_quantity(&self) -> u64 {
        u64::from_le_bytes(read::<104, 8, _>(self.fixed))
    }

    /// 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn cumulative_notional(&self) -> i64 {
        i64::from_le_bytes(read::<112, 8, _>(self.fixed))
    }

    /// ISO 4217.
    #[inline]
    #[must_use]
    pub fn fee_currency(&self) -> [u8; 3] {
        read::<120, 3, _>(self.fixed)
    }

    /// The type of an order (FIX 40).
    #[inline]
    #[must_use]
    pub fn order_type(&self) -> OrderType {
        OrderType(u8::from_le_bytes(read::<123, 1, _>(self.fixed)))
    }

    /// 1/1,000,000 of the notional; negative is a rebate.
    #[inline]
    #[must_use]
    pub fn fee_rate(&self) -> i32 {
        i32::from_le_bytes(read::<124, 4, _>(self.fixed))
    }

    /// Negative is a rebate. 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn fee_amount(&self) -> i64 {
        i64::from_le_bytes(read::<128, 8, _>(self.fixed))
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn client_order_id(&self) -> [u8; 20] {
        read::<136, 20, _>(self.fixed)
    }
}
