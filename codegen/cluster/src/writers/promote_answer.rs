//! The message `PromoteAnswer`, written in place.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::PromoteAnswer;
use crate::types::{ControlHeader, PromoteResult};

/// Writes single fields of a [`PromoteAnswer`] in place.
#[derive(Debug)]
pub struct PromoteAnswerWriter<'a> {
    block: &'a mut [u8; 104],
}

impl<'a> PromoteAnswerWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = PromoteAnswer::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = PromoteAnswer::HEADER;
        *block = [0; 104];
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

    /// Chosen by who asks; the answer repeats it.
    #[inline]
    pub fn round(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<48, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Where the node's log ends. A byte position in the log.
    #[inline]
    pub fn end(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<56, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The highest commit position that anybody told; what lies between it and the end may be
    /// lost. A byte position in the log.
    #[inline]
    pub fn committed(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<64, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Where the log of the node that stands in the way ends, or the one furthest ahead. A
    /// byte position in the log.
    #[inline]
    pub fn other_end(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<72, 8, _>(block, value.to_le_bytes());
        self
    }

    /// The epoch that began, or that stands in the way. One writer's reign over the log, from
    /// 1.
    #[inline]
    pub fn epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<80, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of the node's last transaction. One writer's reign over the log, from 1.
    #[inline]
    pub fn last_epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<84, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The node that stands in the way, or is furthest ahead; 0 is none. A node of the
    /// exchange, from 1; 0 is none, or an operator's command.
    #[inline]
    pub fn other(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<88, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Of its last transaction. One writer's reign over the log, from 1.
    #[inline]
    pub fn other_last_epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<92, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The nodes that answered, itself included. Bit n is the n-th configured node, in the
    /// order of their ids.
    #[inline]
    pub fn heard(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<96, 4, _>(block, value.to_le_bytes());
        self
    }

    /// The nodes that must. A number of things.
    #[inline]
    pub fn needed(&mut self, value: u8) -> &mut Self {
        let block = &mut *self.block;
        write::<100, 1, _>(block, value.to_le_bytes());
        self
    }

    /// What became of a wish to promote a node.
    #[inline]
    pub fn result(&mut self, value: PromoteResult) -> &mut Self {
        let block = &mut *self.block;
        write::<101, 1, _>(block, value.0.to_le_bytes());
        self
    }
}
