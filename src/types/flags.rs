//! The flags of an event's header (`schemas/events.xml`, EventHeader).

/// The last message of a transaction: readers see all up to here, or nothing.
pub const END_OF_TRANSACTION: u16 = 1;

/// The last message of all that one root command caused, however many transactions it took.
pub const END_OF_EVENT: u16 = 2;

/// Part of a transaction that goes on with what an earlier one began.
pub const CONTINUATION: u16 = 4;

/// The smallest template id of an outcome; all below are commands.
pub const OUTCOME_TEMPLATE_MIN: u16 = 50;
