//! The message `SetLimits`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{Authority, BooleanFlag, CommandOrigin, EventHeader, Scope};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// Sets the limits of an account, or of a user over all accounts, for one instrument or
/// all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetLimits {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// Where a command came from, so that it is taken exactly once.
    pub origin: CommandOrigin,
    /// Who gave an administrative command, and why.
    pub authority: Authority,
    /// Account or user.
    pub scope: Scope,
    /// Whether the account may trade the instrument.
    pub tradable: BooleanFlag,
    /// The account or user. The id that an administrative command is about.
    pub subject: u32,
    /// 0 is all without limits of their own. A tradable instrument, from 1; 0 names none, or
    /// all.
    pub instrument: u32,
    /// Account, all instruments; 0 is off. A number of things.
    pub live_orders_maximum: u32,
    /// 0 is off. Shares.
    pub daily_volume_maximum: u64,
    /// Account; 0 is off. Shares.
    pub position_maximum: u64,
}

impl SetLimits {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 11;
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
        write::<56, 4, _>(block, self.authority.by.to_le_bytes());
        write::<60, 4, _>(block, [0; 4]);
        write::<64, 32, _>(block, self.authority.why);
        write::<96, 1, _>(block, self.scope.0.to_le_bytes());
        write::<97, 1, _>(block, self.tradable.0.to_le_bytes());
        write::<98, 2, _>(block, [0; 2]);
        write::<100, 4, _>(block, self.subject.to_le_bytes());
        write::<104, 4, _>(block, self.instrument.to_le_bytes());
        write::<108, 4, _>(block, self.live_orders_maximum.to_le_bytes());
        write::<112, 8, _>(block, self.daily_volume_maximum.to_le_bytes());
        write::<120, 8, _>(block, self.position_maximum.to_le_bytes());
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
            _ => SetLimitsReader::new(message).map(|reader| reader.read()),
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
            authority: Authority {
                by: u32::from_le_bytes(read::<56, 4, _>(block)),
                why: read::<64, 32, _>(block),
            },
            scope: Scope(u8::from_le_bytes(read::<96, 1, _>(block))),
            tradable: BooleanFlag(u8::from_le_bytes(read::<97, 1, _>(block))),
            subject: u32::from_le_bytes(read::<100, 4, _>(block)),
            instrument: u32::from_le_bytes(read::<104, 4, _>(block)),
            live_orders_maximum: u32::from_le_bytes(read::<108, 4, _>(block)),
            daily_volume_maximum: u64::from_le_bytes(read::<112, 8, _>(block)),
            position_maximum: u64::from_le_bytes(read::<120, 8, _>(block)),
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
        visit("authority.by", FieldValue::U64(u64::from(self.authority.by)));
        visit("authority.why", FieldValue::characters(&self.authority.why));
        visit(
            "scope",
            self.scope.name().map_or(FieldValue::U64(u64::from(self.scope.0)), FieldValue::Name),
        );
        visit(
            "tradable",
            self.tradable
                .name()
                .map_or(FieldValue::U64(u64::from(self.tradable.0)), FieldValue::Name),
        );
        visit("subject", FieldValue::U64(u64::from(self.subject)));
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit("live_orders_maximum", FieldValue::U64(u64::from(self.live_orders_maximum)));
        visit("daily_volume_maximum", FieldValue::U64(self.daily_volume_maximum));
        visit("position_maximum", FieldValue::U64(self.position_maximum));
    }
}

impl SbeMessage for SetLimits {
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

impl fmt::Display for SetLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "SetLimits", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`SetLimits`] in place.
#[derive(Clone, Copy, Debug)]
pub struct SetLimitsReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 120],
    acting_version: u16,
}

impl<'a> SetLimitsReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [120];
        let (acting_version, block) =
            MessageHeader::open(message, SetLimits::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = SetLimits::ENCODED_LENGTH;
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
    pub fn read(&self) -> SetLimits {
        SetLimits {
            header: self.header(),
            origin: self.origin(),
            authority: self.authority(),
            scope: self.scope(),
            tradable: self.tradable(),
            subject: self.subject(),
            instrument: self.instrument(),
            live_orders_maximum: self.live_orders_maximum(),
            daily_volume_maximum: self.daily_volume_maximum(),
            position_maximum: self.position_maximum(),
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

    /// Who gave an administrative command, and why.
    #[inline]
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority {
            by: u32::from_le_bytes(read::<48, 4, _>(self.fixed)),
            why: read::<56, 32, _>(self.fixed),
        }
    }

    /// Account or user.
    #[inline]
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope(u8::from_le_bytes(read::<88, 1, _>(self.fixed)))
    }

    /// Whether the account may trade the instrument.
    #[inline]
    #[must_use]
    pub fn tradable(&self) -> BooleanFlag {
        BooleanFlag(u8::from_le_bytes(read::<89, 1, _>(self.fixed)))
    }

    /// The account or user. The id that an administrative command is about.
    #[inline]
    #[must_use]
    pub fn subject(&self) -> u32 {
        u32::from_le_bytes(read::<92, 4, _>(self.fixed))
    }

    /// 0 is all without limits of their own. A tradable instrument, from 1; 0 names none, or
    /// all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<96, 4, _>(self.fixed))
    }

    /// Account, all instruments; 0 is off. A number of things.
    #[inline]
    #[must_use]
    pub fn live_orders_maximum(&self) -> u32 {
        u32::from_le_bytes(read::<100, 4, _>(self.fixed))
    }

    /// 0 is off. Shares.
    #[inline]
    #[must_use]
    pub fn daily_volume_maximum(&self) -> u64 {
        u64::from_le_bytes(read::<104, 8, _>(self.fixed))
    }

    /// Account; 0 is off. Shares.
    #[inline]
    #[must_use]
    pub fn position_maximum(&self) -> u64 {
        u64::from_le_bytes(read::<112, 8, _>(self.fixed))
    }
}
