//! The message `KillSwitch`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{Authority, BooleanFlag, CommandOrigin, EventHeader, Scope};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// Blocks new orders and replaces, or ends the block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KillSwitch {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// Where a command came from, so that it is taken exactly once.
    pub origin: CommandOrigin,
    /// Who gave an administrative command, and why.
    pub authority: Authority,
    /// What a kill switch, a limit or a mass cancel is about.
    pub scope: Scope,
    /// Yes or no.
    pub on: BooleanFlag,
    /// The id that an administrative command is about.
    pub subject: u32,
}

impl KillSwitch {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 14;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 96;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 104;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 96,
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
        write::<97, 1, _>(block, self.on.0.to_le_bytes());
        write::<98, 2, _>(block, [0; 2]);
        write::<100, 4, _>(block, self.subject.to_le_bytes());
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
            _ => KillSwitchReader::new(message).map(|reader| reader.read()),
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
            on: BooleanFlag(u8::from_le_bytes(read::<97, 1, _>(block))),
            subject: u32::from_le_bytes(read::<100, 4, _>(block)),
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
        visit("on", self.on.name().map_or(FieldValue::U64(u64::from(self.on.0)), FieldValue::Name));
        visit("subject", FieldValue::U64(u64::from(self.subject)));
    }
}

impl SbeMessage for KillSwitch {
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

impl fmt::Display for KillSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "KillSwitch", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`KillSwitch`] in place.
#[derive(Clone, Copy, Debug)]
pub struct KillSwitchReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 96],
    acting_version: u16,
}

impl<'a> KillSwitchReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [96];
        let (acting_version, block) =
            MessageHeader::open(message, KillSwitch::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = KillSwitch::ENCODED_LENGTH;
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
    pub fn read(&self) -> KillSwitch {
        KillSwitch {
            header: self.header(),
            origin: self.origin(),
            authority: self.authority(),
            scope: self.scope(),
            on: self.on(),
            subject: self.subject(),
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

    /// What a kill switch, a limit or a mass cancel is about.
    #[inline]
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope(u8::from_le_bytes(read::<88, 1, _>(self.fixed)))
    }

    /// Yes or no.
    #[inline]
    #[must_use]
    pub fn on(&self) -> BooleanFlag {
        BooleanFlag(u8::from_le_bytes(read::<89, 1, _>(self.fixed)))
    }

    /// The id that an administrative command is about.
    #[inline]
    #[must_use]
    pub fn subject(&self) -> u32 {
        u32::from_le_bytes(read::<92, 4, _>(self.fixed))
    }
}
