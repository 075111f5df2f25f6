//! The sending side of a snapshot: all that books hold, as messages, one at a time.
//!
//! ```text
//!  SnapshotStart                             last included and next number, what follows
//!  for each instrument, by id
//!    InstrumentDefinition                    forget what there was (CLEAR_BOOK)
//!    TradingStatus
//!    OrderAdded.. │ LevelChanged.. │ BestBidOffer, Statistics      L3, L2, L1
//!    BookChecksum                            L3, L2
//!  SnapshotComplete                          the same numbers, counts, checksum over all books
//! ```
//!
//! Orders come in priority order, bids first. Every message has the flag `RECOVERY`, the event and
//! the time of the last event included, and as its number in the instrument the last included one.
//! A consumer gives them to [`Books::apply`](crate::books::Books::apply), and goes on with the
//! session's next number.

use std::fmt;

use isochron_messages::{
    BookChecksum, EventFlags, LevelChanged, Message, OrderAdded, SbeMessage, Side,
    SnapshotComplete, SnapshotStart, TradingStatus,
};

use crate::book::{Level, Order};
use crate::books::{Books, Instrument};
use crate::channel::Product;
use crate::checksum::SnapshotChecksum;
use crate::envelope::{Envelope, add_flags};

/// Why books make no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// An event is applied in part only.
    WithinEvent,
    /// An instrument cannot be believed.
    Stale {
        /// The instrument.
        instrument: u32,
    },
    /// An instrument was never defined.
    Undefined {
        /// The instrument.
        instrument: u32,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithinEvent => write!(f, "no snapshot within an event"),
            Self::Stale { instrument } => write!(f, "instrument {instrument} is stale"),
            Self::Undefined { instrument } => write!(f, "instrument {instrument} is not defined"),
        }
    }
}

impl std::error::Error for WriteError {}

/// What is written next.
enum Stage<'a> {
    Start,
    /// Of the next instrument, or the end where there is none.
    Definition,
    Status,
    /// Its orders or levels.
    Entries(Box<dyn Iterator<Item = Entry> + Send + 'a>),
    Best,
    Day,
    Checksum,
    Done,
}

/// What a book has many of.
enum Entry {
    Order(Order),
    Level(Side, Level),
}

/// Writes a snapshot of books that stand still. Calling order: `next_message` until `None`.
pub struct Writer<'a> {
    product: Product,
    /// Those that are not written yet, the next one last.
    instruments: Vec<(u32, &'a Instrument)>,
    stage: Stage<'a>,
    /// What every message about the whole begins with.
    envelope: Envelope,
    start: SnapshotStart,
    checksum: SnapshotChecksum,
    buffer: [u8; Message::ENCODED_LENGTH_MAX],
}

impl<'a> Writer<'a> {
    /// Of books to which the channel's messages up to `last_included` were applied.
    ///
    /// # Errors
    /// Why there can be none of them now.
    pub fn new(books: &'a Books, last_included: u64) -> Result<Writer<'a>, WriteError> {
        Self::of_those(books, last_included, |_| true)
    }

    /// As [`Writer::new`], of the instruments that `shows` wants, as if there were no others.
    ///
    /// # Errors
    /// As there.
    pub fn of_those(
        books: &'a Books,
        last_included: u64,
        shows: impl Fn(&Instrument) -> bool,
    ) -> Result<Writer<'a>, WriteError> {
        if !books.is_at_end_of_event() {
            return Err(WriteError::WithinEvent);
        }
        let mut instruments = books.instruments();
        instruments.retain(|(_, instrument)| shows(instrument));
        let mut orders = 0;
        for (id, instrument) in &instruments {
            if !instrument.is_current() {
                return Err(WriteError::Stale { instrument: *id });
            }
            if instrument.definition.is_none() {
                return Err(WriteError::Undefined { instrument: *id });
            }
            orders += instrument.book.order_count() + instrument.ladder.level_count();
        }
        instruments.reverse();
        let start = SnapshotStart {
            last_included_sequence: last_included,
            next_sequence: last_included + 1,
            instruments: instruments.len() as u32,
            orders: orders as u32,
            ..Default::default()
        };
        Ok(Writer {
            product: books.product(),
            instruments,
            stage: Stage::Start,
            envelope: books.envelope(),
            start,
            checksum: SnapshotChecksum::new(),
            buffer: [0; Message::ENCODED_LENGTH_MAX],
        })
    }

    /// Orders, or levels, of all its instruments.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.start.orders
    }

    /// The next message, encoded; `None` after the last.
    pub fn next_message(&mut self) -> Option<&[u8]> {
        let bytes = self.step()?;
        Some(&self.buffer[..bytes])
    }

    /// Writes the next message to the buffer; its length.
    fn step(&mut self) -> Option<usize> {
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Definition);
            let (id, instrument) = match (stage, self.instruments.last()) {
                (Stage::Start, _) => return Some(self.encode(0, 0, &self.start.clone())),
                (Stage::Definition, None) => {
                    self.stage = Stage::Done;
                    let complete = self.complete();
                    return Some(self.encode(0, 0, &complete));
                }
                (Stage::Done, _) | (_, None) => {
                    self.stage = Stage::Done;
                    return None;
                }
                (stage, Some((id, instrument))) => {
                    self.stage = stage;
                    (*id, *instrument)
                }
            };
            if let Some(bytes) = self.step_instrument(id, instrument) {
                return Some(bytes);
            }
        }
    }

    /// The next message about an instrument; `None` if the stage had no more.
    fn step_instrument(&mut self, id: u32, instrument: &'a Instrument) -> Option<usize> {
        let sequence = instrument.next_sequence.wrapping_sub(1);
        let stage = std::mem::replace(&mut self.stage, Stage::Definition);
        match stage {
            Stage::Definition => {
                self.stage = Stage::Status;
                let definition = instrument.definition?;
                let bytes = self.encode(id, sequence, &definition);
                add_flags(&mut self.buffer, EventFlags::CLEAR_BOOK);
                Some(bytes)
            }
            Stage::Status => {
                self.stage = first_content(self.product, instrument);
                let (phase, reference_price) = (instrument.phase?, instrument.reference_price);
                let status = TradingStatus { phase, reference_price, ..Default::default() };
                Some(self.encode(id, sequence, &status))
            }
            Stage::Entries(mut entries) => {
                let Some(entry) = entries.next() else {
                    self.stage = Stage::Checksum;
                    return None;
                };
                self.stage = Stage::Entries(entries);
                Some(self.encode_entry(id, sequence, &entry))
            }
            Stage::Best => {
                self.stage = Stage::Day;
                Some(self.encode(id, sequence, &instrument.quotes.best))
            }
            Stage::Day => {
                self.end_instrument(instrument.quotes.checksum());
                Some(self.encode(id, sequence, &instrument.quotes.day))
            }
            Stage::Checksum => {
                let (checksum, orders, levels) = instrument.checksum();
                self.end_instrument(checksum);
                let proof = BookChecksum { checksum, orders, levels, ..Default::default() };
                Some(self.encode(id, sequence, &proof))
            }
            Stage::Start | Stage::Done => None,
        }
    }

    fn end_instrument(&mut self, checksum: u32) {
        self.checksum.instrument(checksum);
        self.instruments.pop();
        self.stage = Stage::Definition;
    }

    fn encode_entry(&mut self, id: u32, sequence: u32, entry: &Entry) -> usize {
        match *entry {
            Entry::Order(Order { order_id, side, price, quantity }) => {
                let added = OrderAdded { order_id, side, price, quantity, ..Default::default() };
                self.encode(id, sequence, &added)
            }
            Entry::Level(side, Level { price, quantity, orders }) => {
                let level = LevelChanged {
                    side,
                    price,
                    quantity,
                    order_count: orders,
                    ..Default::default()
                };
                self.encode(id, sequence, &level)
            }
        }
    }

    fn complete(&self) -> SnapshotComplete {
        SnapshotComplete {
            last_included_sequence: self.start.last_included_sequence,
            next_sequence: self.start.next_sequence,
            instruments: self.start.instruments,
            orders: self.start.orders,
            checksum: self.checksum.clone().finish(),
            ..Default::default()
        }
    }

    fn encode(&mut self, instrument: u32, sequence: u32, message: &impl SbeMessage) -> usize {
        let bytes = message.encode(&mut self.buffer).expect("the buffer fits the longest message");
        let instrument_sequence = sequence;
        Envelope { instrument, instrument_sequence, ..self.envelope }.write(&mut self.buffer);
        bytes
    }
}

/// What an instrument of a product has after its status.
fn first_content(product: Product, instrument: &Instrument) -> Stage<'_> {
    let both = [Side::BUY, Side::SELL].into_iter();
    match product {
        Product::L1 | Product::L1Conflated => Stage::Best,
        Product::L3 => {
            let orders = both.flat_map(|side| instrument.book.orders(side));
            Stage::Entries(Box::new(orders.map(Entry::Order)))
        }
        _ => {
            let of = |side| instrument.ladder.levels(side).map(move |l| Entry::Level(side, l));
            Stage::Entries(Box::new(both.flat_map(of)))
        }
    }
}

/// Writes a whole snapshot at once: each message to `sink`, in order.
///
/// # Errors
/// Why there can be none of these books now; nothing was written.
pub fn write(
    books: &Books,
    last_included: u64,
    sink: &mut impl FnMut(&[u8]),
) -> Result<(), WriteError> {
    let mut writer = Writer::new(books, last_included)?;
    while let Some(message) = writer.next_message() {
        sink(message);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
