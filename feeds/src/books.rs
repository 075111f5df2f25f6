//! All instruments of a feed: their books, and whether they can be believed.
//!
//! Every message names its instrument and counts within it, so a lost message spoils one book
//! and says which. A checksum in the feed proves a book equal to the exchange's, or names the
//! one that is not.

use std::collections::HashMap;
use std::fmt;

use isochron_messages::{
    BookChecksum, BooleanFlag, EventFlags, InstrumentDefinition, Message, Phase, Trade,
};

use crate::book::{Book, BookError, Order};
use crate::limits::INSTRUMENTS_MAX;

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
    /// A change that cannot be true of the instrument's book.
    Book {
        /// The instrument.
        instrument: u32,
        /// The change.
        error: BookError,
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
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstrumentGap { instrument, expected, found } => {
                write!(f, "instrument {instrument}: message {found} where {expected} was due")
            }
            Self::Book { instrument, error } => write!(f, "instrument {instrument}: {error}"),
            Self::Checksum { instrument, event_id, expected, found } => write!(
                f,
                "instrument {instrument} after event {event_id}: checksum {:08x} of {} orders at \
                 {} levels, here {:08x} of {} orders at {} levels",
                expected.0, expected.1, expected.2, found.0, found.1, found.2
            ),
            Self::NoInstrument { template_id } => {
                write!(f, "a message of template {template_id} that names no instrument")
            }
            Self::TooManyInstruments { instrument } => {
                write!(f, "instrument {instrument}: no more than {INSTRUMENTS_MAX} are kept")
            }
        }
    }
}

impl std::error::Error for FeedError {}

/// How much was applied, and what was wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BooksStatistics {
    /// Messages applied.
    pub messages: u64,
    /// Trades printed.
    pub trades: u64,
    /// Checksums that agreed.
    pub checksums_verified: u64,
    /// Checksums that did not.
    pub checksums_failed: u64,
    /// Times that an instrument's numbers were not in sequence.
    pub instrument_gaps: u64,
    /// Changes of orders that do not rest here.
    pub unknown_orders: u64,
    /// Other changes that cannot be, and messages that name no instrument.
    pub impossible: u64,
}

/// One instrument: what the feed has said of it.
pub struct Instrument {
    /// Its book.
    pub book: Book,
    /// What it is, once that was said.
    pub definition: Option<InstrumentDefinition>,
    /// Its phase, once that was said.
    pub phase: Option<Phase>,
    /// The price that its band is around where nothing has traded, in 1/10,000.
    pub reference_price: Option<i64>,
    /// Its last trade.
    pub last_trade: Option<Trade>,
    /// The number that its next message must have.
    pub next_sequence: u32,
    /// Whether no message of it was missed and no change failed.
    pub complete: bool,
    /// Whether its last event is applied whole.
    pub at_end_of_event: bool,
}

impl Instrument {
    fn new() -> Instrument {
        Instrument {
            book: Book::new(),
            definition: None,
            phase: None,
            reference_price: None,
            last_trade: None,
            next_sequence: 1,
            complete: true,
            at_end_of_event: true,
        }
    }
}

/// The books of all instruments of one session. Calling order: `apply` for each message, in
/// order; a book may be looked at when the message said that its event ended.
#[derive(Default)]
pub struct Books {
    instruments: HashMap<u32, Instrument>,
    statistics: BooksStatistics,
}

impl Books {
    /// No instruments yet.
    #[must_use]
    pub fn new() -> Books {
        Books::default()
    }

    /// What was applied.
    #[must_use]
    pub fn statistics(&self) -> BooksStatistics {
        self.statistics
    }

    /// An instrument that the feed has named.
    #[must_use]
    pub fn get(&self, instrument: u32) -> Option<&Instrument> {
        self.instruments.get(&instrument)
    }

    /// All instruments that the feed has named, by id.
    #[must_use]
    pub fn instruments(&self) -> Vec<(u32, &Instrument)> {
        let mut all: Vec<_> = self.instruments.iter().map(|(id, book)| (*id, book)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Applies the next message.
    ///
    /// # Errors
    /// The first thing wrong with it. It is applied as far as it can be, and everything wrong is
    /// counted; the instrument is no longer complete.
    pub fn apply(&mut self, message: &Message) -> Result<(), FeedError> {
        self.statistics.messages += 1;
        let id = message.instrument();
        let flags = message.flags();
        if id == 0 {
            return self.apply_to_all(message, flags);
        }
        if self.instruments.len() == INSTRUMENTS_MAX && !self.instruments.contains_key(&id) {
            self.statistics.impossible += 1;
            return Err(FeedError::TooManyInstruments { instrument: id });
        }
        let instrument = self.instruments.entry(id).or_insert_with(Instrument::new);
        instrument.at_end_of_event = flags.contains(EventFlags::END_OF_EVENT);
        let gap = instrument.count(message, &mut self.statistics);
        if flags.contains(EventFlags::CLEAR_BOOK) {
            instrument.book.clear();
        }
        let change = instrument.change(message, &mut self.statistics);
        instrument.complete &= change.is_ok();
        gap.and(change)
    }

    fn apply_to_all(&mut self, message: &Message, flags: EventFlags) -> Result<(), FeedError> {
        if flags.contains(EventFlags::CLEAR_BOOK) {
            self.instruments.values_mut().for_each(|instrument| instrument.book.clear());
        }
        let about_a_book = matches!(
            message,
            Message::InstrumentDefinition(_)
                | Message::OrderAdded(_)
                | Message::OrderExecuted(_)
                | Message::OrderReduced(_)
                | Message::OrderDeleted(_)
                | Message::OrderModified(_)
                | Message::BookChecksum(_)
        );
        if about_a_book {
            self.statistics.impossible += 1;
            return Err(FeedError::NoInstrument { template_id: message.template_id() });
        }
        Ok(())
    }
}

impl Instrument {
    /// Checks the message's number within the instrument.
    fn count(
        &mut self,
        message: &Message,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let (expected, found) = (self.next_sequence, message.instrument_sequence());
        self.next_sequence = found.wrapping_add(1);
        if found == expected {
            return Ok(());
        }
        self.complete = false;
        statistics.instrument_gaps += 1;
        Err(FeedError::InstrumentGap { instrument: message.instrument(), expected, found })
    }

    /// Does to the book what the message says.
    fn change(
        &mut self,
        message: &Message,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let book = &mut self.book;
        let changed = match message {
            Message::OrderAdded(m) => book.add(Order {
                order_id: m.order_id,
                side: m.side,
                price: m.price,
                quantity: m.quantity,
            }),
            Message::OrderExecuted(m) => {
                book.take(m.order_id, m.executed_quantity, m.remaining_quantity)
            }
            Message::OrderReduced(m) => {
                book.take(m.order_id, m.canceled_quantity, m.remaining_quantity)
            }
            Message::OrderDeleted(m) => book.take(m.order_id, m.canceled_quantity, 0),
            Message::OrderModified(m) => {
                let priority_lost = m.priority_lost != BooleanFlag::NO;
                book.modify(m.order_id, m.price, m.quantity, priority_lost)
            }
            Message::BookChecksum(m) => return self.verify(m, statistics),
            Message::InstrumentDefinition(m) => {
                self.reference_price = m.reference_price;
                self.definition = Some(*m);
                Ok(())
            }
            Message::TradingStatus(m) => {
                self.phase = Some(m.phase);
                self.reference_price = m.reference_price.or(self.reference_price);
                Ok(())
            }
            Message::Trade(m) => {
                statistics.trades += 1;
                self.last_trade = Some(*m);
                Ok(())
            }
            _ => Ok(()),
        };
        changed.map_err(|error| {
            match error {
                BookError::UnknownOrder { .. } => statistics.unknown_orders += 1,
                _ => statistics.impossible += 1,
            }
            FeedError::Book { instrument: message.instrument(), error }
        })
    }

    fn verify(
        &self,
        message: &BookChecksum,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let expected = (message.checksum, message.orders, message.levels);
        let (orders, levels) = (self.book.order_count(), self.book.level_count());
        let found = (self.book.checksum(), orders as u32, levels as u32);
        if found == expected {
            statistics.checksums_verified += 1;
            return Ok(());
        }
        statistics.checksums_failed += 1;
        let (instrument, event_id) = (message.instrument, message.event_id);
        Err(FeedError::Checksum { instrument, event_id, expected, found })
    }
}

#[cfg(test)]
mod tests;
