//! A snapshot as it comes: built beside the books, and checked until nothing is left to doubt.
//!
//! ```text
//!  SnapshotStart ─▶ for each instrument, by ascending id ─▶ SnapshotComplete
//!                   InstrumentDefinition TradingStatus
//!                   orders or levels, BookChecksum    (L3, L2)
//!                   BestBidOffer, Statistics          (L1)
//! ```

use isochron_messages::{EventFlags, Message, SnapshotComplete, SnapshotStart};

use super::{Books, FeedError, Health, Place, SnapshotError};
use crate::channel::Product;
use crate::checksum::SnapshotChecksum;
use crate::limits::INSTRUMENTS_MAX;

/// A snapshot that is not complete yet.
pub(super) struct Incoming {
    start: SnapshotStart,
    books: Books,
    /// The instrument whose messages come, and whether its last one has.
    current: u32,
    ended: bool,
    orders: u64,
    checksum: SnapshotChecksum,
}

impl Books {
    /// Whether a snapshot has begun and is not complete.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.incoming.is_some()
    }

    /// The source of the snapshot that has begun is gone: what came of it is forgotten.
    ///
    /// # Errors
    /// How much of it came, if one had begun.
    pub fn abandon_snapshot(&mut self) -> Result<(), SnapshotError> {
        match self.incoming.take() {
            None => Ok(()),
            Some(incoming) => {
                self.statistics.snapshots_refused += 1;
                Err(incoming.cut_short())
            }
        }
    }

    /// Takes a snapshot's next message.
    pub(super) fn apply_recovery(&mut self, message: &Message) -> Result<(), SnapshotError> {
        if let Message::SnapshotStart(start) = message {
            let cut = self.abandon_snapshot();
            if start.instruments as usize > INSTRUMENTS_MAX {
                self.statistics.snapshots_refused += 1;
                let template_id = message.template_id();
                return Err(SnapshotError::Wrong { instrument: 0, template_id });
            }
            self.incoming = Some(Box::new(Incoming::new(self.product, *start)));
            return cut;
        }
        let Some(incoming) = &mut self.incoming else {
            return Err(SnapshotError::NotBegun { template_id: message.template_id() });
        };
        let taken = match message {
            Message::SnapshotComplete(complete) => incoming.complete(complete).map(|()| true),
            other => incoming.take(other).map(|()| false),
        };
        match taken {
            Ok(false) => {}
            Ok(true) => self.replace(),
            Err(_) => {
                self.statistics.snapshots_refused += 1;
                self.incoming = None;
            }
        }
        taken.map(|_| ())
    }

    /// The snapshot is complete: it is what is true now.
    fn replace(&mut self) {
        let Some(incoming) = self.incoming.take() else { return };
        let Incoming { start, books, .. } = *incoming;
        let before = std::mem::replace(&mut self.all, books.all);
        let index = std::mem::replace(&mut self.index, books.index);
        self.entries = books.entries;
        let (event_id, time) = (start.event_id, start.transaction_time);
        self.place = Place { event_id, time, at_end_of_event: true };
        self.statistics.snapshots_applied += 1;
        self.statistics.checksums_verified += books.statistics.checksums_verified;
        // A snapshot does not say what traded last.
        for (id, instrument) in &mut self.all {
            if let Some(index) = index.get(id) {
                instrument.last_trade = before[*index as usize].1.last_trade;
            }
        }
    }
}

impl Incoming {
    fn new(product: Product, start: SnapshotStart) -> Incoming {
        Incoming {
            start,
            books: Books::of(product),
            current: 0,
            ended: true,
            orders: 0,
            checksum: SnapshotChecksum::new(),
        }
    }

    fn cut_short(&self) -> SnapshotError {
        let instruments = self.books.all.len() as u32;
        SnapshotError::CutShort { instruments, announced: self.start.instruments }
    }

    /// Takes a message about an instrument.
    fn take(&mut self, message: &Message) -> Result<(), SnapshotError> {
        let (instrument, template_id) = (message.instrument(), message.template_id());
        let out_of_place = Err(SnapshotError::OutOfPlace { instrument, template_id });
        match message {
            Message::InstrumentDefinition(_) => {
                if instrument <= self.current || !self.end_instrument() {
                    return out_of_place;
                }
                (self.current, self.ended) = (instrument, false);
            }
            _ if instrument != self.current || self.ended => return out_of_place,
            Message::OrderAdded(_) | Message::LevelChanged(_) => self.orders += 1,
            // An instrument's last message: the statistics on L1.
            Message::BookChecksum(_) | Message::Statistics(_) => self.ended = true,
            Message::TradingStatus(_) | Message::BestBidOffer(_) => {}
            _ => return out_of_place,
        }
        let mut message = *message;
        let wrong = SnapshotError::Wrong { instrument, template_id };
        // Each of an instrument's messages has its last included number.
        let index = self.books.find_or_add(instrument).ok_or(wrong)?;
        let known = &mut self.books.all[index].1;
        if !matches!(message, Message::InstrumentDefinition(_)) {
            if known.next_sequence != message.instrument_sequence().wrapping_add(1) {
                return Err(wrong);
            }
            known.next_sequence = message.instrument_sequence();
            message.set_flags(EventFlags::default());
        } else {
            message.set_flags(EventFlags::CLEAR_BOOK);
        }
        match self.books.apply_to_one(&message) {
            Ok(()) => Ok(()),
            Err(FeedError::Checksum { instrument, expected, found, .. }) => {
                Err(SnapshotError::BookChecksum { instrument, expected, found })
            }
            Err(_) => Err(wrong),
        }
    }

    /// The instrument whose messages came is done; whether nothing of it is missing.
    fn end_instrument(&mut self) -> bool {
        if self.current == 0 {
            return true;
        }
        let Some(instrument) = self.books.get(self.current) else { return false };
        self.checksum.instrument(instrument.checksum().0);
        instrument.health == Health::Current && self.ended
    }

    /// Judges the whole by its last message.
    fn complete(&mut self, end: &SnapshotComplete) -> Result<(), SnapshotError> {
        if !self.end_instrument() {
            return Err(self.cut_short());
        }
        let expected = (end.instruments, end.orders);
        let instruments = self.books.all.len() as u32;
        let orders = u32::try_from(self.orders).unwrap_or(u32::MAX);
        let announced = (self.start.instruments, self.start.orders);
        if (instruments, orders) != expected || announced != expected {
            return Err(SnapshotError::Counts { expected, found: (instruments, orders) });
        }
        let start = self.start.last_included_sequence;
        let (last, next) = (end.last_included_sequence, end.next_sequence);
        if start != last || last.checked_add(1) != Some(next) || self.start.next_sequence != next {
            return Err(SnapshotError::Place { start, end: (last, next) });
        }
        let found = self.checksum.clone().finish();
        if found != end.checksum {
            return Err(SnapshotError::Checksum { expected: end.checksum, found });
        }
        Ok(())
    }
}
