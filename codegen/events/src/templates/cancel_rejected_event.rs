//! The message `CancelRejectedEvent`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{EventHeader, OrderStatus, RejectReason};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// A cancel or a replace was refused; the order stays as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelRejectedEvent {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// The number of a private message within its session and day, from 1.
    pub outbound: u64,
    /// An order, or none.
    pub order_id: Option<u64>,
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
    /// Rejected where the order is not known.
    pub order_status: OrderStatus,
    /// The template of the cancel or the replace. A message of this schema.
    pub response_to: u16,
    /// The client's name for an order or request, padded with zero bytes.
    pub client_order_id: [u8; 20],
    /// The client's name for an order or request, padded with zero bytes.
    pub original_client_order_id: [u8; 20],
}

impl CancelRejectedEvent {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 54;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 128;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 136;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 128,
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
        write::<48, 8, _>(block, self.order_id.unwrap_or(0_u64).to_le_bytes());
        write::<56, 8, _>(block, self.limit.to_le_bytes());
        write::<64, 8, _>(block, self.value.to_le_bytes());
        write::<72, 4, _>(block, self.account.to_le_bytes());
        write::<76, 4, _>(block, self.user.to_le_bytes());
        write::<80, 4, _>(block, self.instrument.to_le_bytes());
        write::<84, 1, _>(block, self.reason.0.to_le_bytes());
        write::<85, 1, _>(block, self.order_status.0.to_le_bytes());
        write::<86, 2, _>(block, self.response_to.to_le_bytes());
        write::<88, 20, _>(block, self.client_order_id);
        write::<108, 4, _>(block, [0; 4]);
        write::<112, 20, _>(block, self.original_client_order_id);
        write::<132, 4, _>(block, [0; 4]);
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
            _ => CancelRejectedEventReader::new(message).map(|reader| reader.read()),
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
            order_id: Some(u64::from_le_bytes(read::<48, 8, _>(block)))
                .filter(|value| *value != 0_u64),
            limit: i64::from_le_bytes(read::<56, 8, _>(block)),
            value: i64::from_le_bytes(read::<64, 8, _>(block)),
            account: u32::from_le_bytes(read::<72, 4, _>(block)),
            user: u32::from_le_bytes(read::<76, 4, _>(block)),
            instrument: u32::from_le_bytes(read::<80, 4, _>(block)),
            reason: RejectReason(u8::from_le_bytes(read::<84, 1, _>(block))),
            order_status: OrderStatus(u8::from_le_bytes(read::<85, 1, _>(block))),
            response_to: u16::from_le_bytes(read::<86, 2, _>(block)),
            client_order_id: read::<88, 20, _>(block),
            original_client_order_id: read::<112, 20, _>(block),
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
        match &self.order_id {
            Some(value) => {
                visit("order_id", FieldValue::U64(*value));
            }
            None => visit("order_id", FieldValue::Null),
        }
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
            "order_status",
            self.order_status
                .name()
                .map_or(FieldValue::U64(u64::from(self.order_status.0)), FieldValue::Name),
        );
        visit("response_to", FieldValue::U64(u64::from(self.response_to)));
        visit("client_order_id", FieldValue::characters(&self.client_order_id));
        visit("original_client_order_id", FieldValue::characters(&self.original_client_order_id));
    }
}

impl SbeMessage for CancelRejectedEvent {
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

impl fmt::Display for CancelRejectedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "CancelRejectedEvent", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`CancelRejectedEvent`] in place.
#[derive(Clone, Copy, Debug)]
pub struct CancelRejectedEventReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 128],
    acting_version: u16,
}

impl<'a> CancelRejectedEventReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [128];
        let (acting_version, block) =
            MessageHeader::open(message, CancelRejectedEvent::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = CancelRejectedEvent::ENCODED_LENGTH;
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
    pub fn read(&self) -> CancelRejectedEvent {
        CancelRejectedEvent {
            header: self.header(),
            outbound: self.outbound(),
            order_id: self.order_id(),
            limit: self.limit(),
            value: self.value(),
            account: self.account(),
            user: self.user(),
            instrument: self.instrument(),
            reason: self.reason(),
            order_status: self.order_status(),
            response_to: self.response_to(),
            client_order_id: self.client_order_id(),
            original_client_order_id: self.original_client_order_id(),
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

    /// An order, or none.
    #[inline]
    #[must_use]
    pub fn order_id(&self) -> Option<u64> {
        Some(u64::from_le_bytes(read::<40, 8, _>(self.fixed))).filter(|value| *value != 0_u64)
    }

    /// A number that a rule looked at.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// A number that a rule looked at.
    #[inline]
    #[must_use]
    pub fn value(&self) -> i64 {
        i64::from_le_bytes(read::<56, 8, _>(self.fixed))
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

    /// The rule that refused a command; limit and value stand beside it.
    #[inline]
    #[must_use]
    pub fn reason(&self) -> RejectReason {
        RejectReason(u8::from_le_bytes(read::<76, 1, _>(self.fixed)))
    }

    /// Rejected where the order is not known.
    #[inline]
    #[must_use]
    pub fn order_status(&self) -> OrderStatus {
        OrderStatus(u8::from_le_bytes(read::<77, 1, _>(self.fixed)))
    }

    /// The template of the cancel or the replace. A message of this schema.
    #[inline]
    #[must_use]
    pub fn response_to(&self) -> u16 {
        u16::from_le_bytes(read::<78, 2, _>(self.fixed))
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn client_order_id(&self) -> [u8; 20] {
        read::<80, 20, _>(self.fixed)
    }

    /// The client's name for an order or request, padded with zero bytes.
    #[inline]
    #[must_use]
    pub fn original_client_order_id(&self) -> [u8; 20] {
        read::<104, 20, _>(self.fixed)
    }
}
