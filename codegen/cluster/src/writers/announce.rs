//! The message `Announce`, written in place.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::Announce;
use crate::types::{AckPolicy, ControlHeader, Counted};

/// Writes single fields of a [`Announce`] in place.
#[derive(Debug)]
pub struct AnnounceWriter<'a> {
    block: &'a mut [u8; 112],
}

impl<'a> AnnounceWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = Announce::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = Announce::HEADER;
        *block = [0; 112];
        Ok(Self { block })
    }

    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    #[inline]
    pub fn header(&mut self, value: ControlHeader) -> &mut Self {
        let block = &mut *self.block;
        write::<0, 8, _>(block, value.exchange.to_le_bytes());
        write::<8, 8, _>(block, value.run.to_le_bytes());
        write::<16, 8, _>(block, value.recipient_run.to_le_bytes());
        write::<24, 8, _>(block, value.counter.to_le_bytes());
        write::<32, 4, _>(block, value.sender.to_le_bytes());
        write::<36, 4, _>(block, value.recipient.to_le_bytes());
        write::<40, 4, _>(block, value.known_epoch.to_le_bytes());
        write::<44, 4, _>(block, [0; 4]);
        self
    }

    /// Where the epoch begins. A byte position in the log.
    #[inline]
    pub fn base(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// 64-bit XXH3 over the frames' checksums up to a position.
    #[inline]
    pub fn chain_at_base(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// What the primary has written. A byte position in the log.
    #[inline]
    pub fn published(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Over the configured nodes, their ids and addresses. 64-bit XXH3.
    #[inline]
    pub fn nodes_digest(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }

    /// From one comparison of states to the next. A number of commands.
    #[inline]
    pub fn state_hash_every(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 8, _>(block, value.to_le_bytes());
        self
    }

    /// One writer's reign over the log, from 1.
    #[inline]
    pub fn epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 4, _>(block, value.to_le_bytes());
        self
    }

    /// A segment of the log. A number of bytes.
    #[inline]
    pub fn term_length(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<92, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Which rulebook decides.
    #[inline]
    pub fn rules_version(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of the log's messages. An SBE schema's id, or its version.
    #[inline]
    pub fn schema_id(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<100, 2, _>(block, value.to_le_bytes());
        self
    }

    /// An SBE schema's id, or its version.
    #[inline]
    pub fn schema_version(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<102, 2, _>(block, value.to_le_bytes());
        self
    }

    /// How many nodes must have a transaction before it is committed.
    #[inline]
    pub fn ack(&mut self, value: AckPolicy) -> &mut Self {
        let block = &mut *self.block;
        write::<104, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// What it means that a node has a transaction.
    #[inline]
    pub fn counted(&mut self, value: Counted) -> &mut Self {
        let block = &mut *self.block;
        write::<105, 1, _>(block, value.0.to_le_bytes());
        self
    }

    /// The configured nodes. A number of things.
    #[inline]
    pub fn nodes(&mut self, value: u8) -> &mut Self {
        let block = &mut *self.block;
        write::<106, 1, _>(block, value.to_le_bytes());
        self
    }
}
