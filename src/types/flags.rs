//! The flags of an event's header (`schemas/events.xml`, EventHeader).

use std::ops::Range;

/// Where the flags stand in an encoded event, u16, little endian.
pub const PLACE: Range<usize> = 36..38;

/// The last message of a transaction: readers see all up to here, or nothing.
pub const END_OF_TRANSACTION: u16 = 1;

/// The last message of all that one root command caused, however many transactions it took.
pub const END_OF_EVENT: u16 = 2;

/// Part of a transaction that goes on with what an earlier one began.
pub const CONTINUATION: u16 = 4;

/// The smallest template id of an outcome; all below are commands.
pub const OUTCOME_TEMPLATE_MIN: u16 = 50;

/// Whether an encoded message is an outcome, by its template id; a command, or nothing known,
/// otherwise.
#[must_use]
#[inline]
pub fn is_outcome(message: &[u8]) -> bool {
    matches!(message, [_, _, low, high, ..]
        if u16::from_le_bytes([*low, *high]) >= OUTCOME_TEMPLATE_MIN)
}
