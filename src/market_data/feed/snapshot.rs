//! The feed's section of a snapshot: what the next publisher must know beside the state.
//!
//! ```text
//!   the plan, the day, the general phase, the next interval's end
//!   for each channel      its session's numbers, and the event it changed with last
//!   for each instrument   definition, partition, phase, the day's statistics, its book's checksum
//!     for each product      its numbers; of a conflated one, what it showed last
//! ```
//!
//! Numbers are little endian, 8 bytes each; a definition is its public message. The books are those
//! of the state that the section is saved with, and must have the section's checksums. What a
//! channel that is not conflated shows follows from the book, because sections are saved between
//! events only: then nothing is held back, and no order is on its way.

use std::io::{self, Read, Write};

use isochron_feeds::book::{Book, Level, Order};
use isochron_feeds::channel::{Channel, PARTITIONS_MAX, Product};
use isochron_messages as messages;
use isochron_messages::{BestBidOffer, InstrumentDefinition, Phase, Statistics};

use super::instrument::{Changes, Count, Instrument, SIDES, Shown, View};
use super::show::best_of;
use super::stream::{Moment, Stream};
use super::{Feed, Plan};
use crate::limits::INSTRUMENT_ID_MAX;
use crate::matching::BookIndex;
use crate::state_machine::StateMachine;
use crate::types::Side;

/// An instrument's book, where there is one.
pub(super) type BookOf<'a> = &'a dyn Fn(u32) -> Result<Book, String>;

/// Stands for no price.
const NONE: u64 = i64::MIN.cast_unsigned();

impl Feed {
    /// Writes what the next publisher must know beside the state.
    ///
    /// # Errors
    /// Those of `to`.
    ///
    /// # Panics
    /// In the middle of an event.
    pub fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        assert!(self.moment.event_id == 0 && self.incoming.is_none(), "only between events");
        let products = self.plan.products();
        put(to, products.len() as u64)?;
        for product in products {
            put(to, u64::from(product.code()))?;
        }
        put(to, self.plan.conflation_ns())?;
        put(to, u64::from(self.trading_date))?;
        put(to, u64::from(self.day_runs))?;
        put(to, u64::from(self.general_phase.0))?;
        put(to, self.boundary)?;
        put(to, self.partitions.iter().flatten().count() as u64)?;
        for (partition, streams) in self.partitions.iter().enumerate() {
            let Some(streams) = streams else { continue };
            put(to, partition as u64)?;
            for stream in streams {
                let Moment { event_id, time } = stream.changed_at;
                put(to, u64::from(stream.session.is_some()))?;
                put(to, stream.numbered)?;
                put(to, event_id)?;
                put(to, time)?;
            }
        }
        put(to, self.instruments.iter().flatten().count() as u64)?;
        self.instruments.iter().flatten().try_for_each(|known| save_instrument(to, known))
    }

    /// The feed that was saved beside a state, for a plan whose products the saved one has all.
    ///
    /// # Errors
    /// It is not the section of that state, or of another plan: the reason.
    pub fn restore(
        plan: &Plan,
        from: &mut dyn Read,
        machine: &StateMachine,
    ) -> Result<Feed, String> {
        Self::restore_with(plan, from, &|id| book_of(id, machine))
    }

    /// The same with the books that `book_of` knows.
    pub(super) fn restore_with(
        plan: &Plan,
        from: &mut dyn Read,
        book_of: BookOf<'_>,
    ) -> Result<Feed, String> {
        let mut feed = Feed::new(plan);
        let saved = read_plan(plan, from)?;
        feed.trading_date = get_u32(from, "trading date")?;
        feed.day_runs = get_below(from, "day", 2)? == 1;
        feed.general_phase = get_phase(from)?;
        let boundary = get(from)?;
        if feed.boundary != u64::MAX {
            feed.boundary = boundary;
        }
        for _ in 0..get_below(from, "partitions", u64::from(PARTITIONS_MAX) + 1)? {
            let partition = get_below(from, "partition", u64::from(PARTITIONS_MAX))? as u16;
            feed.streams(partition);
            for product in &saved {
                let channel = Channel { partition, product: *product };
                let read = read_stream(from, channel, feed.trading_date)?;
                let streams = feed.streams(partition).iter_mut();
                if let Some(stream) = streams.into_iter().find(|s| s.channel == channel) {
                    *stream = read;
                }
            }
        }
        for _ in 0..get_below(from, "instruments", u64::from(INSTRUMENT_ID_MAX) + 1)? {
            feed.restore_instrument(&saved, from, book_of)?;
        }
        match from.read(&mut [0]) {
            Ok(0) => Ok(feed),
            Ok(_) => Err("bytes follow the section".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn restore_instrument(
        &mut self,
        saved: &[Product],
        from: &mut dyn Read,
        book_of: BookOf<'_>,
    ) -> Result<(), String> {
        let instrument = read_instrument(saved, self.plan.products(), from, book_of)?;
        let id = instrument.definition.instrument;
        if self.instruments.len() > id as usize {
            return Err(format!("instrument {id} out of its order"));
        }
        if !matches!(self.partitions.get(usize::from(instrument.partition)), Some(Some(_))) {
            return Err(format!("instrument {id}: no partition {}", instrument.partition));
        }
        for (stream, view) in self.streams(instrument.partition).iter_mut().zip(&instrument.views) {
            if view.dirty {
                stream.dirty.push(id);
            }
        }
        self.instruments.resize_with(id as usize, || None);
        self.instruments.push(Some(Box::new(instrument)));
        Ok(())
    }
}

fn save_instrument(to: &mut dyn Write, known: &Instrument) -> io::Result<()> {
    let mut buffer = [0; InstrumentDefinition::ENCODED_LENGTH];
    known.definition.encode(&mut buffer).expect("the buffer has the message's length");
    to.write_all(&buffer)?;
    put(to, u64::from(known.partition))?;
    put(to, u64::from(known.phase.0))?;
    put_price(to, known.reference_price)?;
    let Statistics { open_price, high_price, low_price, last_price, .. } = known.day;
    for price in [open_price, high_price, low_price, last_price] {
        put_price(to, price)?;
    }
    put(to, known.day.volume)?;
    put(to, known.day.notional.cast_unsigned())?;
    put(to, known.day.trades)?;
    put(to, u64::from(known.book.checksum()))?;
    known.views.iter().try_for_each(|view| save_view(to, view))
}

fn save_view(to: &mut dyn Write, view: &View) -> io::Result<()> {
    let Count { sequence, checksum_second, .. } = view.count;
    put(to, u64::from(sequence))?;
    put(to, checksum_second.map_or(0, |second| second + 1))?;
    put(to, u64::from(view.dirty))?;
    match &view.shown {
        Shown::Book => Ok(()),
        Shown::Quote(quote) => {
            let (best, trades) = &**quote;
            put_price(to, best.bid_price)?;
            put(to, best.bid_quantity)?;
            put(to, u64::from(best.bid_order_count))?;
            put_price(to, best.ask_price)?;
            put(to, best.ask_quantity)?;
            put(to, u64::from(best.ask_order_count))?;
            put(to, *trades)
        }
        Shown::Ladder(sides) => sides.iter().try_for_each(|side| {
            put(to, side.len() as u64)?;
            side.iter().try_for_each(|level| {
                put(to, level.price.cast_unsigned())?;
                put(to, level.quantity)?;
                put(to, u64::from(level.orders))
            })
        }),
    }
}

/// The saved plan's products, if they hold the wanted one's.
fn read_plan(plan: &Plan, from: &mut dyn Read) -> Result<Vec<Product>, String> {
    let mut saved = Vec::new();
    for _ in 0..get_below(from, "products", Product::ALL.len() as u64 + 1)? {
        let code = get_below(from, "product", 256)? as u8;
        saved.push(Product::of_code(code).ok_or_else(|| format!("product {code}"))?);
    }
    let missing = plan.products().iter().find(|product| !saved.contains(product));
    if let Some(product) = missing {
        return Err(format!("the feed that was saved had no {product}"));
    }
    let conflates = plan.products().iter().any(|product| product.is_conflated());
    let (saved_ns, wanted_ns) = (get(from)?, plan.conflation_ns());
    if conflates && saved_ns != wanted_ns {
        return Err(format!("conflated every {saved_ns} ns, not every {wanted_ns}"));
    }
    Ok(saved)
}

fn read_stream(from: &mut dyn Read, channel: Channel, date: u32) -> Result<Stream, String> {
    let mut stream = Stream::new(channel);
    let has_session = get_below(from, "session", 2)? == 1;
    stream.session = has_session.then(|| channel.session(date, b'A'));
    stream.numbered = get_below(from, "messages", 1 << 62)?;
    stream.changed_at = Moment { event_id: get(from)?, time: get(from)? };
    Ok(stream)
}

/// An instrument with the state's book.
fn read_instrument(
    saved: &[Product],
    planned: &[Product],
    from: &mut dyn Read,
    book_of: BookOf<'_>,
) -> Result<Instrument, String> {
    let mut buffer = [0; InstrumentDefinition::ENCODED_LENGTH];
    from.read_exact(&mut buffer).map_err(|error| error.to_string())?;
    let definition = InstrumentDefinition::decode(&buffer).map_err(|error| error.to_string())?;
    let id = definition.instrument;
    if id == 0 || id > INSTRUMENT_ID_MAX {
        return Err(format!("instrument {id}"));
    }
    let partition = get_below(from, "partition", u64::from(PARTITIONS_MAX))? as u16;
    let phase = get_phase(from)?;
    let reference_price = get_price(from)?;
    let day = Statistics {
        open_price: get_price(from)?,
        high_price: get_price(from)?,
        low_price: get_price(from)?,
        last_price: get_price(from)?,
        volume: get(from)?,
        notional: get(from)?.cast_signed(),
        trades: get(from)?,
        ..Default::default()
    };
    let (book, expected) = (book_of(id)?, get_u32(from, "checksum")?);
    let found = book.checksum();
    if found != expected {
        return Err(format!("instrument {id}: checksum {found:08x}, the feed had {expected:08x}"));
    }
    let mut views: Vec<View> = Vec::new();
    for product in saved {
        let view = read_view(*product, from, &book, &day)?;
        if planned.contains(product) {
            views.push(view);
        }
    }
    Ok(Instrument {
        definition,
        partition,
        phase,
        reference_price,
        book,
        day,
        touched_by: 0,
        changes: Changes::default(),
        views: views.into(),
    })
}

fn read_view(
    product: Product,
    from: &mut dyn Read,
    book: &Book,
    day: &Statistics,
) -> Result<View, String> {
    let mut view = View::new(product);
    view.count.sequence = get_u32(from, "sequence")?;
    view.count.checksum_second = get(from)?.checked_sub(1);
    view.dirty = get_below(from, "dirty", 2)? == 1;
    if view.dirty && !product.is_conflated() {
        return Err(format!("{product} waits for nothing"));
    }
    let depth = product.depth().unwrap_or(0);
    let as_of_now = match &mut view.shown {
        Shown::Book => return Ok(view),
        Shown::Quote(quote) => {
            let best = BestBidOffer {
                bid_price: get_price(from)?,
                bid_quantity: get(from)?,
                bid_order_count: get_u32(from, "orders")?,
                ask_price: get_price(from)?,
                ask_quantity: get(from)?,
                ask_order_count: get_u32(from, "orders")?,
                ..Default::default()
            };
            **quote = (best, get(from)?);
            **quote == (best_of(book), day.trades)
        }
        Shown::Ladder(sides) => {
            for side in sides.iter_mut() {
                for _ in 0..get_below(from, "levels", depth as u64 + 1)? {
                    let price = get(from)?.cast_signed();
                    let (quantity, orders) = (get(from)?, get_u32(from, "orders")?);
                    side.push(Level { price, quantity, orders });
                }
            }
            let mut of_book = SIDES.iter().map(|side| book.levels(*side).take(depth));
            sides.iter().all(|side| of_book.next().is_some_and(|l| l.eq(side.iter().copied())))
        }
    };
    // What is not waiting for an interval's end was shown already.
    if !view.dirty && !as_of_now {
        return Err(format!("{product} shows another book"));
    }
    Ok(view)
}

/// A book as the state has it.
fn book_of(id: u32, machine: &StateMachine) -> Result<Book, String> {
    let Some(slot) = machine.instruments().table.slot(id) else {
        return Err(format!("instrument {id} is not in the state"));
    };
    let (books, mut book) = (machine.books(), Book::new());
    for (side, code) in [(Side::Buy, messages::Side::BUY), (Side::Sell, messages::Side::SELL)] {
        for order in books.orders(BookIndex(slot), side) {
            let resting = books.get(order);
            let order = Order {
                order_id: resting.id.0,
                side: code,
                price: resting.price.0,
                quantity: resting.quantity.0,
            };
            book.add(order).map_err(|error| format!("instrument {id}: {error}"))?;
        }
    }
    Ok(book)
}

fn put(to: &mut dyn Write, value: u64) -> io::Result<()> {
    to.write_all(&value.to_le_bytes())
}

fn put_price(to: &mut dyn Write, price: Option<i64>) -> io::Result<()> {
    put(to, price.map_or(NONE, i64::cast_unsigned))
}

fn get(from: &mut dyn Read) -> Result<u64, String> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes).map_err(|error| error.to_string())?;
    Ok(u64::from_le_bytes(bytes))
}

fn get_below(from: &mut dyn Read, what: &str, limit: u64) -> Result<u64, String> {
    let value = get(from)?;
    if value < limit { Ok(value) } else { Err(format!("{what} {value}")) }
}

fn get_u32(from: &mut dyn Read, what: &str) -> Result<u32, String> {
    Ok(get_below(from, what, 1 << 32)? as u32)
}

fn get_phase(from: &mut dyn Read) -> Result<Phase, String> {
    Ok(Phase(get_below(from, "phase", 256)? as u8))
}

fn get_price(from: &mut dyn Read) -> Result<Option<i64>, String> {
    let price = get(from)?;
    Ok((price != NONE).then_some(price.cast_signed()))
}
