//! The message `Announce`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::runtime::{
    self, DecodeError, EncodeError, FieldValue, FieldVisitor, MessageHeader, SbeMessage, read,
    write,
};
use crate::types::{AckPolicy, ControlHeader, Counted};
use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// The primary of an epoch says so: to each node on a change, and every 100 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announce {
    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    pub header: ControlHeader,
    /// Where the epoch begins. A byte position in the log.
    pub base: u64,
    /// 64-bit XXH3 over the frames' checksums up to a position.
    pub chain_at_base: u64,
    /// What the primary has written. A byte position in the log.
    pub published: u64,
    /// Over the configured nodes, their ids and addresses. 64-bit XXH3.
    pub nodes_digest: u64,
    /// From one comparison of states to the next. A number of commands.
    pub state_hash_every: u64,
    /// One writer's reign over the log, from 1.
    pub epoch: u32,
    /// A segment of the log. A number of bytes.
    pub term_length: u32,
    /// Which rulebook decides.
    pub rules_version: u32,
    /// Of the log's messages. An SBE schema's id, or its version.
    pub schema_id: u16,
    /// An SBE schema's id, or its version.
    pub schema_version: u16,
    /// How many nodes must have a transaction before it is committed.
    pub ack: AckPolicy,
    /// What it means that a node has a transaction.
    pub counted: Counted,
    /// The configured nodes. A number of things.
    pub nodes: u8,
}

impl Announce {
    /// Which message.
    pub const TEMPLATE_ID: u16 = 1;
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
        write::<8, 8, _>(block, self.header.exchange.to_le_bytes());
        write::<16, 8, _>(block, self.header.run.to_le_bytes());
        write::<24, 8, _>(block, self.header.recipient_run.to_le_bytes());
        write::<32, 8, _>(block, self.header.counter.to_le_bytes());
        write::<40, 4, _>(block, self.header.sender.to_le_bytes());
        write::<44, 4, _>(block, self.header.recipient.to_le_bytes());
        write::<48, 4, _>(block, self.header.known_epoch.to_le_bytes());
        write::<52, 4, _>(block, [0; 4]);
        write::<56, 8, _>(block, self.base.to_le_bytes());
        write::<64, 8, _>(block, self.chain_at_base.to_le_bytes());
        write::<72, 8, _>(block, self.published.to_le_bytes());
        write::<80, 8, _>(block, self.nodes_digest.to_le_bytes());
        write::<88, 8, _>(block, self.state_hash_every.to_le_bytes());
        write::<96, 4, _>(block, self.epoch.to_le_bytes());
        write::<100, 4, _>(block, self.term_length.to_le_bytes());
        write::<104, 4, _>(block, self.rules_version.to_le_bytes());
        write::<108, 2, _>(block, self.schema_id.to_le_bytes());
        write::<110, 2, _>(block, self.schema_version.to_le_bytes());
        write::<112, 1, _>(block, self.ack.0.to_le_bytes());
        write::<113, 1, _>(block, self.counted.0.to_le_bytes());
        write::<114, 1, _>(block, self.nodes.to_le_bytes());
        write::<115, 5, _>(block, [0; 5]);
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
            _ => AnnounceReader::new(message).map(|reader| reader.read()),
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
            base: u64::from_le_bytes(read::<56, 8, _>(block)),
            chain_at_base: u64::from_le_bytes(read::<64, 8, _>(block)),
            published: u64::from_le_bytes(read::<72, 8, _>(block)),
            nodes_digest: u64::from_le_bytes(read::<80, 8, _>(block)),
            state_hash_every: u64::from_le_bytes(read::<88, 8, _>(block)),
            epoch: u32::from_le_bytes(read::<96, 4, _>(block)),
            term_length: u32::from_le_bytes(read::<100, 4, _>(block)),
            rules_version: u32::from_le_bytes(read::<104, 4, _>(block)),
            schema_id: u16::from_le_bytes(read::<108, 2, _>(block)),
            schema_version: u16::from_le_bytes(read::<110, 2, _>(block)),
            ack: AckPolicy(u8::from_le_bytes(read::<112, 1, _>(block))),
            counted: Counted(u8::from_le_bytes(read::<113, 1, _>(block))),
            nodes: u8::from_le_bytes(read::<114, 1, _>(block)),
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
        visit("base", FieldValue::U64(self.base));
        visit("chain_at_base", FieldValue::U64(self.chain_at_base));
        visit("published", FieldValue::U64(self.published));
        visit("nodes_digest", FieldValue::U64(self.nodes_digest));
        visit("state_hash_every", FieldValue::U64(self.state_hash_every));
        visit("epoch", FieldValue::U64(u64::from(self.epoch)));
        visit("term_length", FieldValue::U64(u64::from(self.term_length)));
        visit("rules_version", FieldValue::U64(u64::from(self.rules_version)));
        visit("schema_id", FieldValue::U64(u64::from(self.schema_id)));
        visit("schema_version", FieldValue::U64(u64::from(self.schema_version)));
        visit(
            "ack",
            self.ack.name().map_or(FieldValue::U64(u64::from(self.ack.0)), FieldValue::Name),
        );
        visit(
            "counted",
            self.counted
                .name()
                .map_or(FieldValue::U64(u64::from(self.counted.0)), FieldValue::Name),
        );
        visit("nodes", FieldValue::U64(u64::from(self.nodes)));
    }
}

impl SbeMessage for Announce {
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

impl fmt::Display for Announce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        runtime::display(f, "Announce", |visit| self.fields(visit))
    }
}

/// Reads single fields of a [`Announce`] in place.
#[derive(Clone, Copy, Debug)]
pub struct AnnounceReader<'a> {
    /// The fields that every version has.
    fixed: &'a [u8; 112],
    acting_version: u16,
}

impl<'a> AnnounceReader<'a> {
    /// Looks at header and lengths, once; no getter can fail after that.
    ///
    /// # Errors
    /// The bytes are no such message, or end before it does.
    #[inline]
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        let lengths = [112];
        let (acting_version, block) =
            MessageHeader::open(message, Announce::TEMPLATE_ID, &lengths)?;
        let Some(fixed) = block.first_chunk() else {
            let needed = Announce::ENCODED_LENGTH;
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
    pub fn read(&self) -> Announce {
        Announce {
            header: self.header(),
            base: self.base(),
            chain_at_base: self.chain_at_base(),
            published: self.published(),
            nodes_digest: self.nodes_digest(),
            state_hash_every: self.state_hash_every(),
            epoch: self.epoch(),
            term_length: self.term_length(),
            rules_version: self.rules_version(),
            schema_id: self.schema_id(),
            schema_version: self.schema_version(),
            ack: self.ack(),
            counted: self.counted(),
            nodes: self.nodes(),
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

    /// Where the epoch begins. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn base(&self) -> u64 {
        u64::from_le_bytes(read::<48, 8, _>(self.fixed))
    }

    /// 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    #[must_use]
    pub fn chain_at_base(&self) -> u64 {
        u64::from_le_bytes(read::<56, 8, _>(self.fixed))
    }

    /// What the primary has written. A byte position in the log.
    #[inline]
    #[must_use]
    pub fn published(&self) -> u64 {
        u64::from_le_bytes(read::<64, 8, _>(self.fixed))
    }

    /// Over the configured nodes, their ids and addresses. 64-bit XXH3.
    #[inline]
    #[must_use]
    pub fn nodes_digest(&self) -> u64 {
        u64::from_le_bytes(read::<72, 8, _>(self.fixed))
    }

    /// From one comparison of states to the next. A number of commands.
    #[inline]
    #[must_use]
    pub fn state_hash_every(&self) -> u64 {
        u64::from_le_bytes(read::<80, 8, _>(self.fixed))
    }

    /// One writer's reign over the log, from 1.
    #[inline]
    #[must_use]
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes(read::<88, 4, _>(self.fixed))
    }

    /// A segment of the log. A number of bytes.
    #[inline]
    #[must_use]
    pub fn term_length(&self) -> u32 {
        u32::from_le_bytes(read::<92, 4, _>(self.fixed))
    }

    /// Which rulebook decides.
    #[inline]
    #[must_use]
    pub fn rules_version(&self) -> u32 {
        u32::from_le_bytes(read::<96, 4, _>(self.fixed))
    }

    /// Of the log's messages. An SBE schema's id, or its version.
    #[inline]
    #[must_use]
    pub fn schema_id(&self) -> u16 {
        u16::from_le_bytes(read::<100, 2, _>(self.fixed))
    }

    /// An SBE schema's id, or its version.
    #[inline]
    #[must_use]
    pub fn schema_version(&self) -> u16 {
        u16::from_le_bytes(read::<102, 2, _>(self.fixed))
    }

    /// How many nodes must have a transaction before it is committed.
    #[inline]
    #[must_use]
    pub fn ack(&self) -> AckPolicy {
        AckPolicy(u8::from_le_bytes(read::<104, 1, _>(self.fixed)))
    }

    /// What it means that a node has a transaction.
    #[inline]
    #[must_use]
    pub fn counted(&self) -> Counted {
        Counted(u8::from_le_bytes(read::<105, 1, _>(self.fixed)))
    }

    /// The configured nodes. A number of things.
    #[inline]
    #[must_use]
    pub fn nodes(&self) -> u8 {
        u8::from_le_bytes(read::<106, 1, _>(self.fixed))
    }
}
