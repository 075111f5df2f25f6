//! One record of a feed log: as many messages as one datagram carries, framed as on the wire.
//!
//! ```text
//!  SBE FeedRecord: first number, event, count │ length │ message │ length │ message │ ...
//!                                             └── MoldUDP64 message blocks, as they are sent
//! ```
//!
//! So a datagram is a packet header and the bytes of a record, and a record is read no further
//! than its block to be sent.

use std::fmt;

use isochron_events::{BooleanFlag, DecodeError, EventHeader, FeedRecord};
use isochron_feeds::mold::{HEADER_BYTES, LENGTH_BYTES};

use crate::limits::{DATAGRAM_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::store::event_header::END_OF_TRANSACTION;
use crate::types::{Epoch, Nanos, Position};

/// Bytes of the message blocks of one record: what is left of a frame.
pub const BLOCKS_BYTES_MAX: usize = MESSAGE_BYTES_MAX - FeedRecord::ENCODED_LENGTH;

/// Bytes of one message of a feed that is logged.
pub const FEED_MESSAGE_BYTES_MAX: usize = BLOCKS_BYTES_MAX - LENGTH_BYTES;

const _: () = assert!(HEADER_BYTES + BLOCKS_BYTES_MAX <= DATAGRAM_BYTES_MAX);

/// The event that a message was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where its message begins in the event log.
    pub position: Position,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// Its logged time.
    pub time: Nanos,
    /// The sequence of its root command.
    pub cause: u64,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// No message of this schema, or another one.
    Decode(DecodeError),
    /// A session begins with message 1, and ends before the largest number.
    Sequence {
        /// The first message's number.
        sequence: u64,
        /// Messages that follow.
        count: u16,
    },
    /// Its messages are not where its lengths say.
    Blocks {
        /// Messages it claims.
        count: u16,
        /// Bytes there are.
        bytes: usize,
    },
    /// It does not go on where the one before ended.
    Gap {
        /// The number that was expected.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "no record of a feed: {error}"),
            Self::Sequence { sequence, count } => {
                write!(f, "no session has message {sequence} and {count} more")
            }
            Self::Blocks { count, bytes } => {
                write!(f, "{count} messages are not what its {bytes} bytes hold")
            }
            Self::Gap { expected, found } => {
                write!(f, "message {found} where {expected} was expected")
            }
        }
    }
}

impl std::error::Error for RecordFault {}

/// A record over bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The number of its first message; of the next one to come where it has none.
    pub sequence: u64,
    /// Messages in it.
    pub count: u16,
    /// Whether the session is over.
    pub ended: bool,
    /// The event that its last message was made of.
    pub origin: Origin,
    /// The messages, each behind its length.
    pub blocks: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record in a message of a feed log; the blocks are not looked at.
    ///
    /// # Errors
    /// It is none.
    #[inline]
    pub fn parse(message: &'a [u8]) -> Result<Record<'a>, RecordFault> {
        let record = FeedRecord::decode(message).map_err(RecordFault::Decode)?;
        let (sequence, count) = (record.header.sequence, record.count);
        if sequence == 0 || sequence.checked_add(u64::from(count)).is_none() {
            return Err(RecordFault::Sequence { sequence, count });
        }
        let blocks = message.get(FeedRecord::ENCODED_LENGTH..).unwrap_or_default();
        if blocks.len() < usize::from(count) * LENGTH_BYTES || (count == 0) != blocks.is_empty() {
            return Err(RecordFault::Blocks { count, bytes: blocks.len() });
        }
        let origin = Origin {
            position: Position(record.position),
            epoch: Epoch(record.epoch),
            time: Nanos(record.header.timestamp),
            cause: record.header.cause,
        };
        let ended = record.ended != BooleanFlag::NO;
        Ok(Record { sequence, count, ended, origin, blocks })
    }

    /// The number of the first message behind it.
    #[must_use]
    #[inline]
    pub fn next_sequence(&self) -> u64 {
        self.sequence + u64::from(self.count)
    }

    /// Bytes of its message in the log.
    #[must_use]
    #[inline]
    pub fn encoded_length(&self) -> usize {
        FeedRecord::ENCODED_LENGTH + self.blocks.len()
    }

    /// Writes its message.
    ///
    /// # Panics
    /// If the buffer has another length than that.
    #[inline]
    pub fn encode(&self, buffer: &mut [u8]) {
        let record = FeedRecord {
            header: EventHeader {
                sequence: self.sequence,
                timestamp: self.origin.time.get(),
                cause: self.origin.cause,
                session: 0,
                flags: END_OF_TRANSACTION,
            },
            position: self.origin.position.get(),
            epoch: self.origin.epoch.get(),
            count: self.count,
            ended: if self.ended { BooleanFlag::YES } else { BooleanFlag::NO },
        };
        record.encode(buffer).expect("as long as a record");
        buffer[FeedRecord::ENCODED_LENGTH..].copy_from_slice(self.blocks);
    }
}

/// Where the first message of some blocks ends, and the message; `None` where they are cut off.
#[inline]
pub(super) fn split_block(blocks: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = blocks.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
