//! The message `FeedRecord`, written in place.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use crate::runtime::{EncodeError, write};
use crate::templates::FeedRecord;
use crate::types::{BooleanFlag, EventHeader};

/// Writes single fields of a [`FeedRecord`] in place.
#[derive(Debug)]
pub struct FeedRecordWriter<'a> {
    block: &'a mut [u8; 48],
}

impl<'a> FeedRecordWriter<'a> {
    /// Writes the header and a block without values: optional fields are null, others zero.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {
        let available = buffer.len();
        let needed = FeedRecord::ENCODED_LENGTH;
        let parts = buffer.split_first_chunk_mut::<8>();
        let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));
        let Some((header, block)) = parts else {
            return Err(EncodeError::BufferTooShort { needed, available });
        };
        *header = FeedRecord::HEADER;
        *block = [0; 48];
        Ok(Self { block })
    }

    /// Number of the first message, or of the next where there is none; time and cause of the
    /// event that the last was made of.
    #[inline]
    pub fn header(&mut self, value: EventHeader) -> &mut Self {
        let block = &mut *self.block;
        write::<0, 8, _>(block, value.sequence.to_le_bytes());
        write::<8, 8, _>(block, value.timestamp.to_le_bytes());
        write::<16, 8, _>(block, value.cause.to_le_bytes());
        write::<24, 4, _>(block, value.session.to_le_bytes());
        write::<28, 2, _>(block, value.flags.to_le_bytes());
        write::<30, 2, _>(block, [0; 2]);
        self
    }

    /// Where that event's message begins in the event log. A byte position in the log.
    #[inline]
    pub fn position(&mut self, value: u64) -> &mut Self {
        let block = &mut *self.block;
        write::<32, 8, _>(block, value.to_le_bytes());
        self
    }

    /// Of that message. One writer's reign over the log, from 1.
    #[inline]
    pub fn epoch(&mut self, value: u32) -> &mut Self {
        let block = &mut *self.block;
        write::<40, 4, _>(block, value.to_le_bytes());
        self
    }

    /// Messages that follow. A number of things.
    #[inline]
    pub fn count(&mut self, value: u16) -> &mut Self {
        let block = &mut *self.block;
        write::<44, 2, _>(block, value.to_le_bytes());
        self
    }

    /// The session is over: no message follows.
    #[inline]
    pub fn ended(&mut self, value: BooleanFlag) -> &mut Self {
        let block = &mut *self.block;
        write::<46, 1, _>(block, value.0.to_le_bytes());
        self
    }
}
