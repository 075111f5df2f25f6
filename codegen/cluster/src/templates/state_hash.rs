//! The message `StateHash`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::ControlHeader;
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// The hash of a node's state at an end of an event that all nodes choose alike: the
/// newest one, to all others, every 100 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash {
    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    pub header: ControlHeader,
    /// A byte position in the log.
    pub position: u64,
    /// Of the log that was executed: states of two logs are not compared. 64-bit XXH3 over the
    /// frames' checksums up to a position.
    pub chain: u64,
    /// One half of a state hash.
    pub high: u64,
    /// One half of a state hash.
    pub low: u64,
}

impl StateHash {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 10;
    /// Bytes of the block.
    pub const BLOCK_LENGTH: usize = 80;
    /// Bytes of header and block.
    pub const ENCODED_LENGTH: usize = 88;

    /// The header that this version writes.
    pub(crate) const HEADER: [u8; 8] = MessageHeader {
        block_length: 80,
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
        write::<8, 8, _>(block, self.header.exchange.to_le_bytes());
        write::<16, 8, _>(block, self.header.run.to_le_bytes());
        write::<24, 8, _>(block, self.header.recipient_run.to_le_bytes());
        write::<32, 8, _>(block, self.header.counter.to_le_bytes());
        write::<40, 4, _>(block, self.header.sender.to_le_bytes());
        write::<44, 4, _>(block, self.header.recipient.to_le_bytes());
        write::<48, 4, _>(block, self.header.known_epoch.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 8, _>(block, self.position.to_le_bytes());
        write::<64, 8, _>(block, self.chain.to_le_bytes());
        write::<72, 8, _>(block, self.high.to_le_bytes());
        write::<80, 8, _>(block, self.low.to_le_bytes());
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
            _ => StateHashReader::new(message).map(|reader| reader.read()),
        }
    }

    /// The message in bytes whose header is exactly ours.
    #[inline]
    fn from_whole(block: &[u8; Self::ENCODED_LENGTH]) -> Self {
        Self {
            header: ControlHeader {
                exchange: u64::from_le_bytes(read::<8, 8, _>(block)),
                run: u64::from_le_bytes(read::<16, 8, _>(block)),
                recipient_run: u64::from_le_bytes(read::<24, 8, _>(block)),
                counter: u64::from_le_bytes(read::<32, 8, _>(block)),
                sender: u32::from_le_bytes(read::<40, 4, _>(block)),
                recipient: u32::from_le_bytes(read::<44, 4, _>(block)),
                known_epoch: u32::from_le_bytes(read::<48, 4, _>(block)),
            },
            position: u64::from_le_bytes(read::<56, 8, _>(block)),
            chain: u64::from_le_bytes(read::<64, 8, _>(block)),
            high: u64::from_le_bytes(read::<72, 8, _>(block)),
            low: u64::from_le_bytes(read::<80, 8, _>(block)),
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        visit("header.exchange", FieldValue::U64(self.header.exchange));
        visit("header.run", FieldValue::U64(self.header.run));
        visit("header.recipient_run", FieldValue::U64(self.header.recipient_run));
        visit("header.counter", FieldValue::U64(self.header.counter));
        visit("header.sender", FieldValue::U64(u64::from(self.header.sender)));
        visit("header.recipient", FieldValue::U64(u64::from(self.header.recipient)));
        visit("header.known_epoch", FieldValue::U64(u64::from(self.header.known_epoch)));
        visit("position", FieldValue::U64(self.position));
        visit("chain", FieldValue::U64(self.chain));
        visit("high", FieldValue::U64(self.high));
        visit("low", FieldValue::U64(self.low));
    }
}

impl SbeMessage for StateHash {
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

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "StateHash", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`StateHash`] in place.
#[derive(Clone, Copy, Debug)]
pub struct StateHashReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 80],
    acting_version: u16,
}

impl<'a> StateHashReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [80];
        let (acting_version, block) =
            MessageHeader::open(message, StateHash::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = StateHash::ENCODED_LENGTH;
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
    pub fn read(&self) -> StateHash {
        StateHash {
            header: self.header(),
            position: self.position(),
            chain: self.chain(),
            high: self.high(),
            low: self.low(),
        }
    }

    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    #[inline]
    #[must_use]
    pub fn header(&self) -> ControlHeader {
        ControlHeader {
            exchange: u64::from_le_bytes(read::<0, 8, _>(self.fixed)),
            run: u64::from_le_bytes(read::<8, 8, _>(self.fixed)),
            recipient_run: u64::from_le_bytes(read::<16, 8, _>(self.fixed)),
            counter: u64::from_le_bytes(read::<24, 8, _>(self.fixed)),
            sender: u32::from_le_bytes(read::<32, 4, _>(self.fixed)),
            recipient: u32::from_le_bytes(read::<36, 4, _>(self.fixed)),
            known_epoch: u32::from_le_bytes(read::<40, 4, _>(self.fixed)),
        }
    }

    /// A byte position in the log.
    #[inline]
    #[must_use]
    pub fn position(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// Of the log that was executed: states of two logs are not compared. 64-bit XXH3 over the
    /// frames' checksums up to a position.
    #[inline]
    #[must_use]
    pub fn chain(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// One half of a state hash.
    #[inline]
    #[must_use]
    pub fn high(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// One half of a state hash.
    #[inline]
    #[must_use]
    pub fn low(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }
}
