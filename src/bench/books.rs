//! What a consumer does with the feed: messages decoded and applied to books, per product; and a
//! snapshot of many orders, written and taken.
//!
//! The messages are those of the demo's default flow, made first and not timed. An update is a
//! message that changes what is shown; the time includes all others, checksums above all.

use super::replay;
use super::report::{Report, Share, median};
use crate::agent::{Clock, SystemClock};
use crate::market_data::{CONFLATION_NS_DEFAULT, Feed, Output, Plan};
use crate::store::StoreReader;
use clap::Args as ClapArgs;
use isochron_events::Message as Event;
use isochron_feeds::books::Books;
use isochron_feeds::channel::Product;
use isochron_feeds::snapshot;
use isochron_messages::{
    EventFlags, InstrumentDefinition, Message, OrderAdded, Side, TradingStatus,
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Logged time between two commands: 43,000 a second, so that checksums come as often as then.
const STEP_NS: u64 = 1_000_000_000 / 43_000;

/// Options of `isochron bench books`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Commands of the default flow whose feed is applied, after its setup.
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) commands: u64,
    /// Orders of the snapshot.
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) orders: u64,
    /// Seed of the flow.
    #[arg(long, default_value_t = 20_261_122)]
    pub(super) seed: u64,
    /// Where the log is made, for the time of the run; a temporary directory where none is given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Passes; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The products that are measured.
const PRODUCTS: [Product; 3] = [Product::L3, Product::L2, Product::L1];

/// A channel's messages, one behind the other, each behind its length.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    messages: u64,
    /// Messages that change what is shown.
    updates: u64,
}

impl Stream {
    fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(&(message.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(message);
        self.messages += 1;
        let decoded = Message::decode(message).expect("our own bytes");
        self.updates += u64::from(matches!(
            decoded,
            Message::OrderAdded(_)
                | Message::OrderExecuted(_)
                | Message::OrderReduced(_)
                | Message::OrderDeleted(_)
                | Message::OrderModified(_)
                | Message::LevelChanged(_)
                | Message::BestBidOffer(_)
                | Message::Statistics(_)
        ));
    }

    fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (message, after) = after.split_at(usize::from(u16::from_le_bytes(*length)));
            rest = after;
            Some(message)
        })
    }
}

/// The log's events.
fn events(args: &Args, directory: &Path) -> Result<Vec<Event>, String> {
    replay::make(directory, args.seed, args.commands, STEP_NS)?;
    let mut reader = StoreReader::attach(directory, None).map_err(|error| error.to_string())?;
    let mut events = Vec::new();
    while let Some(frame) = reader.next().map_err(|error| error.to_string())? {
        events.push(Event::decode(frame.message).map_err(|error| error.to_string())?);
    }
    Ok(events)
}

/// Makes the feed of a plan: nanoseconds per event, and what `take` is given.
fn feed(plan: &Plan, events: &[Event], take: &mut impl FnMut(Product, &[u8])) -> f64 {
    let (clock, mut core) = (SystemClock::new(), Feed::new(plan));
    let start = clock.now();
    for event in events {
        core.on_event(event, &mut |output| {
            if let Output::Message { channel, bytes } = output {
                take(channel.product, bytes);
            }
        });
    }
    (clock.now().0 - start.0) as f64 / events.len().max(1) as f64
}

/// Decodes and applies a stream; the books, and nanoseconds.
fn apply(product: Product, stream: &Stream) -> Result<(Books, u64), String> {
    let clock = SystemClock::new();
    let mut books = Books::of(product);
    let start = clock.now();
    for bytes in stream.messages() {
        let message = Message::decode(bytes).map_err(|error| error.to_string())?;
        books.apply(&message).map_err(|error| error.to_string())?;
    }
    let elapsed_ns = (clock.now().0 - start.0).max(1);
    Ok((books, elapsed_ns))
}

/// Books of so many orders, over a hundred instruments.
fn many_orders(orders: u64) -> Books {
    let mut books = Books::new();
    let mut sequences = [0; 100];
    let mut apply = |mut message: Message| {
        let count: &mut u32 = &mut sequences[message.instrument() as usize - 1];
        *count += 1;
        message.set_instrument_sequence(*count);
        message.set_flags(EventFlags::END_OF_EVENT);
        books.apply(&message).expect("a good message");
    };
    for instrument in 1..=100 {
        apply(InstrumentDefinition { instrument, ..Default::default() }.into());
        apply(TradingStatus { instrument, ..Default::default() }.into());
    }
    for order_id in 1..=orders {
        let away = (order_id / 200 % 50).cast_signed();
        let buys = order_id % 2 == 0;
        let added = OrderAdded {
            instrument: (order_id % 100) as u32 + 1,
            order_id,
            price: if buys { 9_999 - away } else { 10_001 + away },
            quantity: 100,
            side: if buys { Side::BUY } else { Side::SELL },
            ..Default::default()
        };
        apply(added.into());
    }
    books
}

/// Milliseconds to write a snapshot and to take it.
fn snapshot(orders: u64) -> Result<(f64, f64), String> {
    let (clock, books) = (SystemClock::new(), many_orders(orders));
    let mut stream = Vec::new();
    let start = clock.now();
    let mut take = |message: &[u8]| {
        stream.extend_from_slice(&(message.len() as u16).to_le_bytes());
        stream.extend_from_slice(message);
    };
    snapshot::write(&books, 1, &mut take).map_err(|error| error.to_string())?;
    let written = clock.now();
    let stream = Stream { bytes: stream, ..Stream::default() };
    let (taken, elapsed_ns) = apply(Product::L3, &stream)?;
    if taken.statistics().snapshots_applied != 1 {
        return Err("the snapshot was not taken".to_owned());
    }
    Ok(((written.0 - start.0) as f64 / 1e6, elapsed_ns as f64 / 1e6))
}

/// Measures books, the feed's core, and a snapshot.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = replay::scratch(args.directory.as_deref())?;
    let events = events(args, &scratch.path().join("store"))?;
    let clock = SystemClock::new();
    let mut streams = PRODUCTS.map(|_| Stream::default());
    feed(&Plan::new(&PRODUCTS, CONFLATION_NS_DEFAULT), &events, &mut |product, bytes| {
        let place = PRODUCTS.iter().position(|measured| *measured == product);
        streams[place.expect("it is measured")].push(bytes);
    });
    let (mut notes, mut rates) = (Vec::new(), Vec::new());
    for (product, stream) in PRODUCTS.iter().zip(&streams) {
        let (mut passes, mut percent) = (Vec::new(), None);
        for _ in 0..args.passes {
            let share = Share::begin(&clock);
            let (books, elapsed_ns) = apply(*product, stream)?;
            percent = share.percent(&clock);
            passes.push(stream.updates as f64 * 1e3 / elapsed_ns as f64);
            if books.statistics().checksums_failed + books.stale() as u64 > 0 {
                return Err(format!("{product}: {:?}", books.statistics()));
            }
        }
        let (rate, note) = median(passes, "M updates/s");
        let (messages, updates) = (stream.messages, stream.updates);
        notes.push(format!("{product}: {messages} messages, {updates} updates; {note}"));
        notes.push(Share::note(percent));
        rates.push(rate);
    }
    let ns_l3 = feed(&Plan::default(), &events, &mut |_, _| {});
    let ns_all = feed(&Plan::all(CONFLATION_NS_DEFAULT), &events, &mut |_, _| {});
    let per_event = format!("{ns_l3:.0} ns for L3 alone, {ns_all:.0} ns for all seven products");
    notes.push(format!("the feed's core, per message of the log: {per_event}"));
    let (write_ms, take_ms) = snapshot(args.orders)?;
    let orders = args.orders;
    notes.push(format!(
        "a snapshot of {orders} orders: written in {write_ms:.0} ms, taken in {take_ms:.0} ms"
    ));
    let [l3, l2, l1] = rates[..] else { unreachable!("three products are measured") };
    let line =
        format!("books: {l3:.2} M updates/s L3, {l2:.2} L2, {l1:.2} L1; snapshot {write_ms:.0} ms");
    let json = json!({
        "bench": "books", "l3_updates_per_second": l3 * 1e6, "l2_updates_per_second": l2 * 1e6,
        "l1_updates_per_second": l1 * 1e6, "feed_l3_ns_per_event": ns_l3,
        "feed_all_ns_per_event": ns_all, "snapshot_orders": orders,
        "snapshot_write_ms": write_ms, "snapshot_take_ms": take_ms,
    });
    Ok(Report { notes, line, json, fault: None })
}
