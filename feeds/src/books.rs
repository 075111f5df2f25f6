//! All instruments of a channel: their books, and whether they can be believed.
//!
//! Every message names its instrument and counts within it, so a lost message spoils one book
//! and says which; the others go on. A checksum in the feed proves a book equal to the
//! exchange's, or names the one that is not. A snapshot is built beside the books and takes their
//! place when all of it has come and agreed: one that is cut short changes nothing.

mod error;
mod instrument;
mod recovery;

use isochron_messages::{EventFlags, Message, SystemEventCode};

pub use error::{FeedError, SnapshotError};
pub use instrument::{Health, Instrument};

use self::recovery::Incoming;
use crate::channel::Product;
use crate::envelope::Envelope;
use crate::index::IdMap;
use crate::limits::{INSTRUMENTS_MAX, ORDERS_MAX};

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
    /// Snapshots that took the place of the books.
    pub snapshots_applied: u64,
    /// Snapshots that were cut short, or were wrong.
    pub snapshots_refused: u64,
}

/// Where the feed stands: the event of the last message applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    event_id: u64,
    time: u64,
    at_end_of_event: bool,
}

/// The books of all instruments of one channel. Calling order: `apply` for each message, in order;
/// books may be looked at when `is_at_end_of_event`. The messages of a snapshot are applied by the
/// same method, whenever they come.
pub struct Books {
    product: Product,
    index: IdMap<u32, u32>,
    all: Vec<(u32, Instrument)>,
    /// Orders and levels of all instruments.
    entries: usize,
    place: Place,
    incoming: Option<Box<Incoming>>,
    statistics: BooksStatistics,
}

impl Default for Books {
    fn default() -> Self {
        Self::new()
    }
}

impl Books {
    /// Of L3, no instruments yet.
    #[must_use]
    pub fn new() -> Books {
        Books::of(Product::L3)
    }

    /// Of a product, no instruments yet.
    #[must_use]
    pub fn of(product: Product) -> Books {
        Books {
            product,
            index: IdMap::default(),
            all: Vec::new(),
            entries: 0,
            place: Place { event_id: 0, time: 0, at_end_of_event: true },
            incoming: None,
            statistics: BooksStatistics::default(),
        }
    }

    /// The product whose messages they are made of.
    #[must_use]
    pub fn product(&self) -> Product {
        self.product
    }

    /// What was applied.
    #[must_use]
    pub fn statistics(&self) -> BooksStatistics {
        self.statistics
    }

    /// Whether the last event is applied whole: only then do books agree with each other.
    #[must_use]
    pub fn is_at_end_of_event(&self) -> bool {
        self.place.at_end_of_event
    }

    /// An instrument that the feed has named.
    #[must_use]
    pub fn get(&self, instrument: u32) -> Option<&Instrument> {
        let index = *self.index.get(&instrument)?;
        Some(&self.all[index as usize].1)
    }

    /// All instruments that the feed has named, by id.
    #[must_use]
    pub fn instruments(&self) -> Vec<(u32, &Instrument)> {
        let mut all: Vec<_> = self.all.iter().map(|(id, known)| (*id, known)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Instruments that cannot be believed.
    #[must_use]
    pub fn stale(&self) -> usize {
        self.all.iter().filter(|(_, instrument)| !instrument.is_current()).count()
    }

    /// Applies the next message.
    ///
    /// # Errors
    /// The first thing wrong with it. It is applied as far as it can be, and everything wrong is
    /// counted; the instrument is stale, and the others go on.
    pub fn apply(&mut self, message: &Message) -> Result<(), FeedError> {
        self.statistics.messages += 1;
        let flags = message.flags();
        let of_snapshot =
            matches!(message, Message::SnapshotStart(_) | Message::SnapshotComplete(_));
        if of_snapshot || flags.contains(EventFlags::RECOVERY) {
            return self.apply_recovery(message).map_err(FeedError::Snapshot);
        }
        self.place = Place {
            event_id: message.event_id(),
            time: message.transaction_time(),
            at_end_of_event: flags.contains(EventFlags::END_OF_EVENT),
        };
        if message.instrument() == 0 {
            return self.apply_to_all(message, flags);
        }
        self.apply_to_one(message)
    }

    #[inline]
    fn apply_to_one(&mut self, message: &Message) -> Result<(), FeedError> {
        let id = message.instrument();
        let Some(index) = self.find_or_add(id) else {
            self.statistics.impossible += 1;
            return Err(FeedError::TooManyInstruments { instrument: id });
        };
        let instrument = &mut self.all[index].1;
        let grows = matches!(message, Message::OrderAdded(_) | Message::LevelChanged(_));
        if grows && self.entries >= ORDERS_MAX {
            self.statistics.impossible += 1;
            let why = FeedError::Full { instrument: id };
            instrument.health = Health::Stale { since: message.instrument_sequence(), why };
            return Err(why);
        }
        let before = instrument.entries();
        let outcome = instrument.apply(message, &mut self.statistics);
        self.entries = self.entries + instrument.entries() - before;
        outcome
    }

    /// Where an instrument is; `None` where there is no more room.
    #[inline]
    fn find_or_add(&mut self, id: u32) -> Option<usize> {
        if let Some(index) = self.index.get(&id) {
            return Some(*index as usize);
        }
        if self.all.len() == INSTRUMENTS_MAX {
            return None;
        }
        self.index.insert(id, self.all.len() as u32);
        self.all.push((id, Instrument::new(self.product)));
        Some(self.all.len() - 1)
    }

    fn apply_to_all(&mut self, message: &Message, flags: EventFlags) -> Result<(), FeedError> {
        match message {
            // It says everything anew.
            Message::SystemEvent(system) if system.code == SystemEventCode::START_OF_MESSAGES => {
                self.forget();
            }
            _ if flags.contains(EventFlags::CLEAR_BOOK) => {
                self.all.iter_mut().for_each(|(_, instrument)| instrument.clear());
                self.entries = 0;
            }
            _ => {}
        }
        if matches!(message, Message::SystemEvent(_)) {
            return Ok(());
        }
        self.statistics.impossible += 1;
        Err(FeedError::NoInstrument { template_id: message.template_id() })
    }

    fn forget(&mut self) {
        self.index.clear();
        self.all.clear();
        self.entries = 0;
    }

    /// What a message about all that is here would begin with.
    pub(crate) fn envelope(&self) -> Envelope {
        let Place { event_id, time, .. } = self.place;
        Envelope {
            event_id,
            transaction_time: time,
            flags: EventFlags::RECOVERY,
            ..Envelope::default()
        }
    }
}

#[cfg(test)]
mod tests;
