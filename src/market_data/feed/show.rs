//! What L1 and L2 show: the best prices, the levels that changed, checksums, and the states of
//! the conflated channels.

use isochron_feeds::book::{Book, Level};
use isochron_feeds::channel::Product;
use isochron_messages::{BestBidOffer, BookChecksum, LevelChanged, OrderAdded, Side, Statistics};

use super::instrument::{Before, Instrument, SIDES, Shown, View, quantity_and_orders};
use super::stream::{Moment, Stream};
use super::{Feed, Output, SECOND_NS, slot};

/// Levels of the deepest product whose depth is limited.
const DEPTH_MAX: usize = 10;

impl Feed {
    /// What the open event changed of an instrument, on each of its channels.
    pub(super) fn show_changes(&mut self, id: u32, sink: &mut impl FnMut(Output<'_>)) {
        let moment = self.moment;
        let Some((instrument, streams)) = self.parts(id) else { return };
        let Instrument { book, day, changes, views, .. } = instrument;
        changes.settle();
        let facts = Facts { id, book, day, changes: changes.levels(), moment };
        for (stream, view) in streams.iter_mut().zip(views) {
            if !stream.channel.product.is_conflated() {
                facts.show(stream, view, sink);
            } else if stream.session.is_some() {
                stream.changed_at = moment;
                if !std::mem::replace(&mut view.dirty, true) {
                    stream.dirty.push(id);
                }
            }
        }
        changes.clear();
    }
}

/// The conflated channel shows what changed since it last did.
pub(super) fn flush(
    stream: &mut Stream,
    instruments: &mut [Option<Box<Instrument>>],
    products: &[Product],
    moment: Moment,
    sink: &mut impl FnMut(Output<'_>),
) {
    if stream.dirty.is_empty() {
        return;
    }
    let product = stream.channel.product;
    let index = products.iter().position(|planned| *planned == product);
    let index = index.expect("a stream's product is planned");
    let mut dirty = std::mem::take(&mut stream.dirty);
    dirty.sort_unstable();
    for id in dirty.drain(..) {
        let Some(instrument) = slot(instruments, id) else { continue };
        let Instrument { book, day, views, .. } = instrument;
        let view = &mut views[index];
        view.dirty = false;
        Facts { id, book, day, changes: &[], moment }.show(stream, view, sink);
    }
    // Its memory is used again.
    stream.dirty = dirty;
}

/// An instrument as an event left it.
pub(super) struct Facts<'a> {
    pub(super) id: u32,
    pub(super) book: &'a Book,
    pub(super) day: &'a Statistics,
    /// The levels that the event touched; a conflated channel does not look.
    pub(super) changes: &'a [Before],
    pub(super) moment: Moment,
}

impl Facts<'_> {
    /// Sends what the channel's consumers do not see yet.
    fn show(&self, stream: &mut Stream, view: &mut View, sink: &mut impl FnMut(Output<'_>)) {
        let (product, about) = (stream.channel.product, &mut view.count);
        match &mut view.shown {
            Shown::Quote(quote) => {
                let (best, trades) = &mut **quote;
                let now = best_of(self.book);
                if now != *best {
                    *best = now;
                    stream.push(self.moment, (self.id, about), best, sink);
                }
                if std::mem::replace(trades, self.day.trades) != self.day.trades {
                    stream.push(self.moment, (self.id, about), self.day, sink);
                }
            }
            Shown::Ladder(_) => self.show_ladder(stream, view, sink),
            Shown::Book if product == Product::L2 => {
                for Before { place, price, was, .. } in self.changes {
                    let now = quantity_and_orders(self.book, SIDES[*place], *price);
                    if now != *was {
                        let changed = level_changed(SIDES[*place], *price, now);
                        stream.push(self.moment, (self.id, about), &changed, sink);
                    }
                }
            }
            Shown::Book => {}
        }
        self.push_checksum(stream, view, sink);
    }

    /// Sends the levels that are new or other among the best, and before them those that no
    /// longer are: a consumer never has more than the product's depth.
    fn show_ladder(&self, stream: &mut Stream, view: &mut View, sink: &mut impl FnMut(Output<'_>)) {
        let Shown::Ladder(sides) = &mut view.shown else { return };
        let depth = stream.channel.product.depth().unwrap_or(DEPTH_MAX);
        for (place, shown) in sides.iter_mut().enumerate() {
            let side = SIDES[place];
            if !stream.channel.product.is_conflated() && !self.changes_among(place, shown, depth) {
                continue;
            }
            let mut best = [Level { price: 0, quantity: 0, orders: 0 }; DEPTH_MAX];
            let mut count = 0;
            for (slot, level) in best.iter_mut().zip(self.book.levels(side).take(depth)) {
                *slot = level;
                count += 1;
            }
            let best = &best[..count];
            if best == &shown[..] {
                continue;
            }
            let gone = shown.iter().filter(|old| best.iter().all(|new| new.price != old.price));
            let gone = gone.map(|old| level_changed(side, old.price, (0, 0)));
            let new = best.iter().filter(|new| !shown.contains(new));
            let new = new.map(|new| level_changed(side, new.price, (new.quantity, new.orders)));
            for changed in gone.chain(new) {
                stream.push(self.moment, (self.id, &mut view.count), &changed, sink);
            }
            shown.clear();
            shown.extend_from_slice(best);
        }
    }

    /// Whether the event touched one of the levels shown, or one that might come among them.
    fn changes_among(&self, place: usize, shown: &[Level], depth: usize) -> bool {
        let worst = shown.last().filter(|_| shown.len() == depth);
        let mut touched = self.changes.iter().filter(|change| change.place == place);
        touched.any(|change| {
            worst.is_none_or(|worst| match SIDES[place] {
                Side::BUY => change.price >= worst.price,
                _ => change.price <= worst.price,
            })
        })
    }

    /// Sends all that the channel shows, to consumers that have nothing.
    pub(super) fn repeat(
        &self,
        stream: &mut Stream,
        view: &mut View,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let product = stream.channel.product;
        let depth = product.depth().unwrap_or(usize::MAX);
        let about = &mut view.count;
        if let Shown::Quote(quote) = &mut view.shown {
            **quote = (best_of(self.book), self.day.trades);
            stream.push(self.moment, (self.id, about), &quote.0, sink);
            stream.push(self.moment, (self.id, about), self.day, sink);
            return;
        }
        for (place, side) in SIDES.into_iter().enumerate() {
            if product == Product::L3 {
                for order in self.book.orders(side) {
                    let added = OrderAdded {
                        order_id: order.order_id,
                        price: order.price,
                        quantity: order.quantity,
                        side,
                        ..Default::default()
                    };
                    stream.push(self.moment, (self.id, about), &added, sink);
                }
                continue;
            }
            for level in self.book.levels(side).take(depth) {
                let changed = level_changed(side, level.price, (level.quantity, level.orders));
                stream.push(self.moment, (self.id, about), &changed, sink);
            }
            if let Shown::Ladder(sides) = &mut view.shown {
                sides[place] = self.book.levels(side).take(depth).collect();
            }
        }
    }

    /// The day's statistics, whether or not they changed.
    pub(super) fn push_statistics(
        &self,
        stream: &mut Stream,
        view: &mut View,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        stream.push(self.moment, (self.id, &mut view.count), self.day, sink);
    }

    /// The book's checksum, on the instrument's first event in each second of logged time.
    fn push_checksum(
        &self,
        stream: &mut Stream,
        view: &mut View,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let product = stream.channel.product;
        let second = self.moment.time / SECOND_NS;
        if matches!(product, Product::L1 | Product::L1Conflated)
            || view.count.touched_by != self.moment.event_id
            || view.count.checksum_second.replace(second) == Some(second)
        {
            return;
        }
        let checksum = checksum_of(self.book, product);
        stream.push(self.moment, (self.id, &mut view.count), &checksum, sink);
    }
}

/// What a product's consumers must hold.
pub(super) fn checksum_of(book: &Book, product: Product) -> BookChecksum {
    if product == Product::L3 {
        return BookChecksum {
            checksum: book.checksum(),
            orders: book.order_count() as u32,
            levels: book.level_count() as u32,
            ..Default::default()
        };
    }
    let depth = product.depth().unwrap_or(usize::MAX);
    let levels = SIDES.into_iter().flat_map(|side| book.levels(side).take(depth));
    let (orders, levels) =
        levels.fold((0, 0), |(orders, levels), level| (orders + level.orders, levels + 1));
    BookChecksum { checksum: book.checksum_l2(depth), orders, levels, ..Default::default() }
}

/// The best prices of a book.
pub(super) fn best_of(book: &Book) -> BestBidOffer {
    let [bid, ask] = SIDES.map(|side| book.best(side));
    BestBidOffer {
        bid_price: bid.map(|level| level.price),
        bid_quantity: bid.map_or(0, |level| level.quantity),
        bid_order_count: bid.map_or(0, |level| level.orders),
        ask_price: ask.map(|level| level.price),
        ask_quantity: ask.map_or(0, |level| level.quantity),
        ask_order_count: ask.map_or(0, |level| level.orders),
        ..Default::default()
    }
}

fn level_changed(side: Side, price: i64, (quantity, order_count): (u64, u32)) -> LevelChanged {
    LevelChanged { side, price, quantity, order_count, ..Default::default() }
}
