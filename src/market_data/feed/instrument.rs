//! What the feed knows of an instrument, and what each of its channels has said of it.

use isochron_feeds::book::{Book, Level, Order};
use isochron_feeds::channel::Product;
use isochron_messages::{BestBidOffer, InstrumentDefinition, Phase, Side, Statistics};

/// One instrument.
pub(super) struct Instrument {
    pub(super) definition: InstrumentDefinition,
    /// Which channels it is on: the definition's, as it was when the session began.
    pub(super) partition: u16,
    pub(super) phase: Phase,
    pub(super) reference_price: Option<i64>,
    pub(super) book: Book,
    /// The day so far.
    pub(super) day: Statistics,
    /// The event that it was last part of.
    pub(super) touched_by: u64,
    /// Its book's changes in the open event.
    pub(super) changes: Changes,
    /// What each product has said, in the plan's order.
    pub(super) views: Box<[View]>,
}

/// What one channel has said of an instrument.
pub(super) struct View {
    pub(super) count: Count,
    /// Of a conflated product: it changed since the last state was sent.
    pub(super) dirty: bool,
    pub(super) shown: Shown,
}

/// How many messages one channel has sent about an instrument, and when.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    /// The number of the last message in the session.
    pub(super) sequence: u32,
    /// The event that the last message was part of.
    pub(super) touched_by: u64,
    /// The second of logged time in which a checksum was last sent.
    pub(super) checksum_second: Option<u64>,
}

/// What a consumer of the channel sees.
pub(super) enum Shown {
    /// The book itself, or its levels.
    Book,
    /// The best levels of each side, bids first, the best first.
    Ladder(Box<[Vec<Level>; 2]>),
    /// The best prices, and the trades that were in the last statistics.
    Quote(Box<(BestBidOffer, u64)>),
}

impl View {
    pub(super) fn new(product: Product) -> View {
        let shown = match product {
            Product::L2 | Product::L3 => Shown::Book,
            Product::L1 | Product::L1Conflated => Shown::Quote(Box::default()),
            Product::L2Depth5 | Product::L2Depth10 | Product::L2Conflated => {
                Shown::Ladder(Box::default())
            }
        };
        View { count: Count::default(), dirty: false, shown }
    }
}

/// A price level that a change touched, as it was before.
#[derive(Clone, Copy)]
pub(super) struct Before {
    /// 0 for bids, 1 for asks.
    pub(super) place: usize,
    pub(super) price: i64,
    /// Ascends from touch to touch.
    at: u32,
    /// Its quantity and orders; 0 for none.
    pub(super) was: (u64, u32),
}

/// The levels that the open event touched. A sweep of ten thousand levels must not cost their
/// square, so a level may stand here more than once until `settle`.
#[derive(Default)]
pub(super) struct Changes {
    touched: Vec<Before>,
}

/// 0 for bids, 1 for asks.
pub(super) fn place(side: Side) -> usize {
    usize::from(side == Side::SELL)
}

/// The side at a place.
pub(super) const SIDES: [Side; 2] = [Side::BUY, Side::SELL];

impl Changes {
    /// So many shares left an order's level, and the order with them if it is `gone`.
    #[inline]
    pub(super) fn taken(&mut self, book: &Book, order: Order, quantity: u64, gone: bool) {
        self.touch(book, order, |now| (now.0 + quantity, now.1 + u32::from(gone)));
    }

    /// An order joined its level.
    #[inline]
    pub(super) fn added(&mut self, book: &Book, order: Order) {
        self.touch(book, order, |now| (now.0 - order.quantity, now.1 - 1));
    }

    /// An order has another price or quantity, and is last in its level.
    pub(super) fn modified(&mut self, book: &Book, before: Order, after: Order) {
        if before.price == after.price {
            self.touch(book, before, |now| (now.0 + before.quantity - after.quantity, now.1));
        } else {
            self.taken(book, before, before.quantity, true);
            self.added(book, after);
        }
    }

    /// An order's level has changed; `before` says from what it is now what it was.
    #[inline]
    fn touch(&mut self, book: &Book, order: Order, before: impl Fn((u64, u32)) -> (u64, u32)) {
        let (place, price) = (place(order.side), order.price);
        if self.touched.last().is_some_and(|last| (last.place, last.price) == (place, price)) {
            return;
        }
        let was = before(quantity_and_orders(book, order.side, price));
        self.touched.push(Before { place, price, at: self.touched.len() as u32, was });
    }

    /// Each touched level once, as it was before the event: bids, then asks, the best first.
    pub(super) fn settle(&mut self) {
        if self.touched.len() > 1 {
            let best_first = |place, price: i64| if place == 0 { !price } else { price };
            self.touched.sort_unstable_by_key(|level| {
                (level.place, best_first(level.place, level.price), level.at)
            });
            self.touched.dedup_by_key(|level| (level.place, level.price));
        }
    }

    /// The touched levels.
    pub(super) fn levels(&self) -> &[Before] {
        &self.touched
    }

    /// The event is over.
    pub(super) fn clear(&mut self) {
        self.touched.clear();
    }
}

/// What a level has; 0 for a level that there is not.
pub(super) fn quantity_and_orders(book: &Book, side: Side, price: i64) -> (u64, u32) {
    book.level(side, price).map_or((0, 0), |level| (level.quantity, level.orders))
}
