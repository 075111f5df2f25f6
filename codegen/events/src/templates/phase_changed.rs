//! The message `PhaseChanged`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{EventHeader, Phase};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// An instrument's phase is now this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseChanged {
    /// What every event of the log begins with.
    pub header: EventHeader,
    /// A tradable instrument, from 1; 0 names none, or all.
    pub instrument: u32,
    /// What an instrument's trading allows.
    pub phase: Phase,
    /// What an instrument's trading allows.
    pub previous_phase: Phase,
    /// 0 is none. 1/10,000 of the currency unit.
    pub reference_price: i64,
}

impl PhaseChanged {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 63;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 48;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 56;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 48,
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
        write::<40, 4, _>(block, self.instrument.to_le_bytes());
        write::<44, 1, _>(block, self.phase.0.to_le_bytes());
        write::<45, 1, _>(block, self.previous_phase.0.to_le_bytes());
        write::<46, 2, _>(block, [0; 2]);
        write::<48, 8, _>(block, self.reference_price.to_le_bytes());
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
            _ => PhaseChangedReader::new(message).map(|reader| reader.read()),
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
            instrument: u32::from_le_bytes(read::<40, 4, _>(block)),
            phase: Phase(u8::from_le_bytes(read::<44, 1, _>(block))),
            previous_phase: Phase(u8::from_le_bytes(read::<45, 1, _>(block))),
            reference_price: i64::from_le_bytes(read::<48, 8, _>(block)),
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
        visit("instrument", FieldValue::U64(u64::from(self.instrument)));
        visit(
            "phase",
            self.phase.name().map_or(FieldValue::U64(u64::from(self.phase.0)), FieldValue::Name),
        );
        visit(
            "previous_phase",
            self.previous_phase
                .name()
                .map_or(FieldValue::U64(u64::from(self.previous_phase.0)), FieldValue::Name),
        );
        visit("reference_price", FieldValue::I64(self.reference_price));
    }
}

impl SbeMessage for PhaseChanged {
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

impl fmt::Display for PhaseChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "PhaseChanged", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`PhaseChanged`] in place.
#[derive(Clone, Copy, Debug)]
pub struct PhaseChangedReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 48],
    acting_version: u16,
}

impl<'a> PhaseChangedReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [48];
        let (acting_version, block) =
            MessageHeader::open(message, PhaseChanged::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = PhaseChanged::ENCODED_LENGTH;
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
    pub fn read(&self) -> PhaseChanged {
        PhaseChanged {
            header: self.header(),
            instrument: self.instrument(),
            phase: self.phase(),
            previous_phase: self.previous_phase(),
            reference_price: self.reference_price(),
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

    /// A tradable instrument, from 1; 0 names none, or all.
    #[inline]
    #[must_use]
    pub fn instrument(&self) -> u32 {
        u32::from_le_bytes(read::<32, 4, _>(self.fixed))
    }

    /// What an instrument's trading allows.
    #[inline]
    #[must_use]
    pub fn phase(&self) -> Phase {
        Phase(u8::from_le_bytes(read::<36, 1, _>(self.fixed)))
    }

    /// What an instrument's trading allows.
    #[inline]
    #[must_use]
    pub fn previous_phase(&self) -> Phase {
        Phase(u8::from_le_bytes(read::<37, 1, _>(self.fixed)))
    }

    /// 0 is none. 1/10,000 of the currency unit.
    #[inline]
    #[must_use]
    pub fn reference_price(&self) -> i64 {
        i64::from_le_bytes(read::<40, 8, _>(self.fixed))
    }
}
