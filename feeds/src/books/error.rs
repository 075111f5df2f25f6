//! What can be wrong with a message, and with a snapshot.

use std::fmt;

use crate::book::BookError;
use crate::channel::Product;
use crate::ladder::LadderError;
use crate::limits::{INSTRUMENTS_MAX, ORDERS_MAX};
use crate::quotes::QuoteError;

/// What is wrong with a message, or with the book it was applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// Messages of the instrument are missing, or came twice: its book is no longer complete.
    InstrumentGap {
        /// The instrument.
        instrument: u32,
        /// The number that was due.
        expected: u32,
        /// The number that came.
        found: u32,
    },
    /// A change of an order that cannot be true of the instrument's book.
    Book {
        /// The instrument.
        instrument: u32,
        /// The change.
        error: BookError,
    },
    /// A price level that cannot be true.
    Level {
        /// The instrument.
        instrument: u32,
        /// The level.
        error: LadderError,
    },
    /// Best prices or statistics that cannot be true.
    Quote {
        /// The instrument.
        instrument: u32,
        /// What of them.
        error: QuoteError,
    },
    /// The book is not the exchange's.
    Checksum {
        /// The instrument.
        instrument: u32,
        /// The event after which it was not.
        event_id: u64,
        /// Checksum, orders and levels of the exchange.
        expected: (u32, u32, u32),
        /// Checksum, orders and levels here.
        found: (u32, u32, u32),
    },
    /// A message that the product does not have.
    Foreign {
        /// The product.
        product: Product,
        /// The message's template.
        template_id: u16,
    },
    /// A message about a book that names no instrument.
    NoInstrument {
        /// The message's template.
        template_id: u16,
    },
    /// More instruments than are kept.
    TooManyInstruments {
        /// The instrument.
        instrument: u32,
    },
    /// More orders or levels, over all instruments, than are kept.
    Full {
        /// The instrument.
        instrument: u32,
    },
    /// A snapshot that cannot be believed. The books are as they were.
    Snapshot(SnapshotError),
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstrumentGap { instrument, expected, found } => {
                write!(f, "instrument {instrument}: message {found} where {expected} was due")
            }
            Self::Book { instrument, error } => write!(f, "instrument {instrument}: {error}"),
            Self::Level { instrument, error } => write!(f, "instrument {instrument}: {error}"),
            Self::Quote { instrument, error } => write!(f, "instrument {instrument}: {error}"),
            Self::Checksum { instrument, event_id, expected, found } => write!(
                f,
                "instrument {instrument} after event {event_id}: checksum {:08x} of {} orders at \
                 {} levels, here {:08x} of {} orders at {} levels",
                expected.0, expected.1, expected.2, found.0, found.1, found.2
            ),
            Self::Foreign { product, template_id } => {
                write!(f, "a message of template {template_id}, which {product} does not have")
            }
            Self::NoInstrument { template_id } => {
                write!(f, "a message of template {template_id} that names no instrument")
            }
            Self::TooManyInstruments { instrument } => {
                write!(f, "instrument {instrument}: no more than {INSTRUMENTS_MAX} are kept")
            }
            Self::Full { instrument } => {
                write!(f, "instrument {instrument}: no more than {ORDERS_MAX} orders are kept")
            }
            Self::Snapshot(error) => write!(f, "snapshot: {error}"),
        }
    }
}

impl std::error::Error for FeedError {}

/// Why a snapshot cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Part of a snapshot that has not begun, or was refused before.
    NotBegun {
        /// The message's template.
        template_id: u16,
    },
    /// It ended, or another began, before it was complete.
    CutShort {
        /// Instruments that came.
        instruments: u32,
        /// Instruments that were announced.
        announced: u32,
    },
    /// A message where another was due: instruments come one by one, by ascending id, each with its
    /// definition first and its checksum last.
    OutOfPlace {
        /// Its instrument.
        instrument: u32,
        /// Its template.
        template_id: u16,
    },
    /// A message that cannot be true of the instrument.
    Wrong {
        /// The instrument.
        instrument: u32,
        /// The message's template.
        template_id: u16,
    },
    /// An instrument's book is not the exchange's.
    BookChecksum {
        /// The instrument.
        instrument: u32,
        /// Checksum, orders and levels of the exchange.
        expected: (u32, u32, u32),
        /// Checksum, orders and levels here.
        found: (u32, u32, u32),
    },
    /// What it says at its end is not what came.
    Counts {
        /// Instruments and orders (levels on L2) that it says.
        expected: (u32, u32),
        /// Instruments and orders that came.
        found: (u32, u32),
    },
    /// Its beginning and its end name other messages of the session.
    Place {
        /// The last included number at its beginning.
        start: u64,
        /// The last included and the next number at its end.
        end: (u64, u64),
    },
    /// The checksum over all books is another.
    Checksum {
        /// What it says.
        expected: u32,
        /// That of the books that came.
        found: u32,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBegun { template_id } => {
                write!(f, "a message of template {template_id}, and none has begun")
            }
            Self::CutShort { instruments, announced } => {
                write!(f, "cut short with {instruments} of {announced} instruments")
            }
            Self::OutOfPlace { instrument, template_id } => {
                write!(f, "instrument {instrument}: template {template_id} was not due")
            }
            Self::Wrong { instrument, template_id } => {
                write!(f, "instrument {instrument}: template {template_id} cannot be true")
            }
            Self::BookChecksum { instrument, expected, found } => write!(
                f,
                "instrument {instrument}: checksum {:08x} of {} orders at {} levels, here {:08x} \
                 of {} orders at {} levels",
                expected.0, expected.1, expected.2, found.0, found.1, found.2
            ),
            Self::Counts { expected, found } => write!(
                f,
                "{} instruments and {} orders announced, {} and {} came",
                expected.0, expected.1, found.0, found.1
            ),
            Self::Place { start, end } => {
                write!(
                    f,
                    "it began after message {start} and ended after {}, next {}",
                    end.0, end.1
                )
            }
            Self::Checksum { expected, found } => {
                write!(f, "checksum {expected:08x}, of what came {found:08x}")
            }
        }
    }
}

impl std::error::Error for SnapshotError {}
