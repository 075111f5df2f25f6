//! One instrument: what the feed has said of it, and whether that can be believed.

use isochron_messages::{
    BookChecksum, BooleanFlag, EventFlags, InstrumentDefinition, Message, Phase, Side, Trade,
};

use super::{BooksStatistics, FeedError};
use crate::book::{Book, BookError, Level, Order};
use crate::channel::Product;
use crate::ladder::Ladder;
use crate::limits::ORDERS_MAX;
use crate::quotes::Quotes;

/// Whether an instrument's data can be believed. Others are not touched by one that is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// No message of it was missed, no change failed, every checksum agreed.
    #[default]
    Current,
    /// From a message on it may be wrong. It goes on from what the feed says, and is current again
    /// after a snapshot, a message with the flag `CLEAR_BOOK`, or the start of a session.
    Stale {
        /// The first of its numbers that cannot be believed.
        since: u32,
        /// What was wrong first.
        why: FeedError,
    },
}

/// One instrument: what the feed has said of it. Of `book`, `ladder` and `quotes` the product fills
/// one; the others stay empty.
pub struct Instrument {
    product: Product,
    /// Its orders (L3).
    pub book: Book,
    /// Its price levels (L2).
    pub ladder: Ladder,
    /// Its best prices and its day (L1).
    pub quotes: Quotes,
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
    /// Whether it can be believed.
    pub health: Health,
}

impl Instrument {
    pub(super) fn new(product: Product) -> Instrument {
        Instrument {
            product,
            book: Book::new(),
            ladder: Ladder::new(product.depth().unwrap_or(ORDERS_MAX)),
            quotes: Quotes::default(),
            definition: None,
            phase: None,
            reference_price: None,
            last_trade: None,
            next_sequence: 1,
            health: Health::Current,
        }
    }

    /// Whether no message of it was missed and no change failed.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.health == Health::Current
    }

    /// The price levels of a side that the product shows, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let of_orders = self.book.levels(side);
        of_orders.chain(self.ladder.levels(side)).chain(self.quotes.level(side))
    }

    /// Checksum, orders and levels of what the product shows.
    #[must_use]
    pub fn checksum(&self) -> (u32, u32, u32) {
        match self.product {
            Product::L3 => {
                let (orders, levels) = (self.book.order_count(), self.book.level_count());
                (self.book.checksum(), orders as u32, levels as u32)
            }
            Product::L1 | Product::L1Conflated => {
                let levels = [Side::BUY, Side::SELL].map(|side| self.quotes.level(side));
                let orders: u64 =
                    levels.iter().flatten().map(|level| u64::from(level.orders)).sum();
                (self.quotes.checksum(), orders as u32, levels.iter().flatten().count() as u32)
            }
            _ => {
                let (orders, levels) = (self.ladder.order_count(), self.ladder.level_count());
                (self.ladder.checksum(), orders as u32, levels as u32)
            }
        }
    }

    /// Orders and levels that take memory.
    pub(super) fn entries(&self) -> usize {
        self.book.order_count() + self.ladder.level_count()
    }

    /// Forgets what it shows, and with it what was wrong.
    pub(super) fn clear(&mut self) {
        self.book.clear();
        self.ladder.clear();
        self.quotes = Quotes::default();
        self.health = Health::Current;
    }

    /// Applies the next message about it.
    #[inline]
    pub(super) fn apply(
        &mut self,
        message: &Message,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let (expected, found) = (self.next_sequence, message.instrument_sequence());
        let clears = message.flags().contains(EventFlags::CLEAR_BOOK);
        if clears {
            self.clear();
        }
        self.next_sequence = found.wrapping_add(1);
        let mut outcome = self.change(message, statistics);
        if found != expected && !clears {
            statistics.instrument_gaps += 1;
            let instrument = message.instrument();
            outcome = Err(FeedError::InstrumentGap { instrument, expected, found });
        }
        if let Err(why) = outcome
            && self.is_current()
        {
            let since = if found == expected { found } else { expected };
            self.health = Health::Stale { since, why };
        }
        outcome
    }

    /// Does what the message says.
    #[inline]
    fn change(
        &mut self,
        message: &Message,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        match (message, self.product) {
            (
                Message::OrderAdded(_)
                | Message::OrderExecuted(_)
                | Message::OrderReduced(_)
                | Message::OrderDeleted(_)
                | Message::OrderModified(_),
                Product::L3,
            ) => return self.change_order(message, statistics),
            (Message::Trade(m), _) => {
                statistics.trades += 1;
                self.last_trade = Some(*m);
            }
            (Message::InstrumentDefinition(m), _) => {
                self.reference_price = m.reference_price;
                self.definition = Some(*m);
            }
            (Message::TradingStatus(m), _) => {
                self.phase = Some(m.phase);
                self.reference_price = m.reference_price.or(self.reference_price);
            }
            (_, Product::L1 | Product::L1Conflated) => {
                return self.change_quote(message, statistics);
            }
            (Message::BookChecksum(m), _) => return self.verify(m, statistics),
            (Message::LevelChanged(m), product) if product != Product::L3 => {
                let level = Level { price: m.price, quantity: m.quantity, orders: m.order_count };
                return self.ladder.set(m.side, level).map_err(|error| {
                    statistics.impossible += 1;
                    FeedError::Level { instrument: m.instrument, error }
                });
            }
            (other, product) => return foreign(product, other, statistics),
        }
        Ok(())
    }

    #[inline]
    fn change_order(
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
                book.take(m.order_id, m.executed_quantity, m.remaining_quantity).map(drop)
            }
            Message::OrderReduced(m) => {
                book.take(m.order_id, m.canceled_quantity, m.remaining_quantity).map(drop)
            }
            Message::OrderDeleted(m) => book.take(m.order_id, m.canceled_quantity, 0).map(drop),
            Message::OrderModified(m) => {
                let priority_lost = m.priority_lost != BooleanFlag::NO;
                book.modify(m.order_id, m.price, m.quantity, priority_lost).map(drop)
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

    fn change_quote(
        &mut self,
        message: &Message,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let changed = match message {
            Message::BestBidOffer(m) => self.quotes.set_best(m),
            Message::Statistics(m) => self.quotes.set_day(m),
            other => return foreign(self.product, other, statistics),
        };
        changed.map_err(|error| {
            statistics.impossible += 1;
            FeedError::Quote { instrument: message.instrument(), error }
        })
    }

    fn verify(
        &self,
        message: &BookChecksum,
        statistics: &mut BooksStatistics,
    ) -> Result<(), FeedError> {
        let expected = (message.checksum, message.orders, message.levels);
        let found = self.checksum();
        if found == expected {
            statistics.checksums_verified += 1;
            return Ok(());
        }
        statistics.checksums_failed += 1;
        let (instrument, event_id) = (message.instrument, message.event_id);
        Err(FeedError::Checksum { instrument, event_id, expected, found })
    }
}

fn foreign(
    product: Product,
    message: &Message,
    statistics: &mut BooksStatistics,
) -> Result<(), FeedError> {
    statistics.impossible += 1;
    Err(FeedError::Foreign { product, template_id: message.template_id() })
}
