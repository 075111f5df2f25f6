//! The few bytes of an SBE event that the store itself looks at: the end of a transaction.
//!
//! ```text
//!  0      2      4      6      8        16          24      32        36      38     40
//!  | block| templ| schem| vers | sequence | timestamp | cause | session | flags | pad |  fields..
//!  '------- SBE header --------'------------- common to every block -----------------'
//! ```
//!
//! Everything else of a message is opaque here. Source: `schemas/events.xml`, SBE 1.0 message
//! header; all little endian.

use std::ops::Range;

/// Bytes of the SBE message header and of the fields every event begins with. A shorter message
/// is no event.
pub const EVENT_BYTES_MIN: usize = 40;

/// Where the command's sequence number stands in a message, u64.
pub const SEQUENCE: Range<usize> = 8..16;

/// Where the logged time stands in a message, u64 nanoseconds since 1970 UTC.
pub const TIMESTAMP: Range<usize> = 16..24;

/// Where the flags stand in a message, u16.
pub const FLAGS: Range<usize> = crate::types::flags::PLACE;

pub use crate::types::flags::END_OF_TRANSACTION;

/// The flags of a message.
///
/// # Panics
/// If the message is shorter than [`EVENT_BYTES_MIN`].
#[must_use]
#[inline]
pub fn flags(message: &[u8]) -> u16 {
    u16::from_le_bytes([message[FLAGS.start], message[FLAGS.start + 1]])
}

/// Whether a message is the last of its transaction; false for what is too short to be an event.
#[must_use]
#[inline]
pub fn ends_transaction(message: &[u8]) -> bool {
    message.len() >= EVENT_BYTES_MIN && flags(message) & END_OF_TRANSACTION != 0
}
