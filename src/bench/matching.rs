//! The books alone on the order stream.
//!
//! An operation is the look-up of the order, the sweep with a callback for each trade, and the
//! rest resting. Not measured: making or reading the stream, and what fills the books at first.

use super::report::{Report, Share, clock_ns, histogram, median, percentiles, percentiles_json};
use super::stream::{Stream, StreamArgs, write};
use crate::agent::{Clock, SystemClock};
use crate::matching::{BookIndex, Books, Meet, OrderSlot, Resting, Taker};
use crate::order_stream::{Kind, Operation, TradeTotals};
use crate::types::{OrderId, Price, Quantity};
use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use serde_json::json;

/// Options of `isochron bench matching`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    pub(super) stream: StreamArgs,
}

struct Tape {
    taker: OrderId,
    totals: TradeTotals,
}

impl Taker for Tape {
    #[inline]
    fn meet(&mut self, _: OrderSlot, _: &Resting) -> Meet {
        Meet::Trade
    }

    #[inline]
    fn filled(&mut self, _: OrderSlot, maker: &Resting, quantity: Quantity) {
        self.totals.add(maker.id, self.taker, maker.price.0.cast_unsigned(), quantity.0);
    }

    #[inline]
    fn canceled(&mut self, _: OrderSlot, _: &Resting) {}
}

struct Engine {
    books: Books,
    tape: Tape,
    /// Cancels of orders that do not rest; none in a stream of the generator.
    unknown: u64,
}

impl Engine {
    fn new(stream: &Stream) -> Engine {
        let mut books = Books::with_capacity(stream.orders);
        for _ in 0..stream.symbols() {
            books.add_book(Price(1));
        }
        let tape = Tape { taker: OrderId(0), totals: TradeTotals::default() };
        Engine { books, tape, unknown: 0 }
    }

    #[inline]
    fn apply(&mut self, operation: &Operation) {
        let Operation { kind, symbol, side, price, quantity, order_id } = *operation;
        match kind {
            Kind::New => {
                let (book, price) = (BookIndex(u32::from(symbol)), Price(i64::from(price)));
                let quantity = Quantity(u64::from(quantity));
                self.tape.taker = order_id;
                let sweep =
                    self.books.sweep(book, side, price, quantity, usize::MAX, &mut self.tape);
                if sweep.leaves.0 > 0 {
                    self.books.insert(book, order_id, side, price, sweep.leaves);
                }
            }
            Kind::Cancel => match self.books.find(order_id) {
                Some(slot) => drop(self.books.remove(slot)),
                None => self.unknown += 1,
            },
        }
    }
}

/// What the books trade on a stream.
pub(super) fn trades(stream: &Stream) -> TradeTotals {
    let mut engine = Engine::new(stream);
    stream.operations.iter().for_each(|operation| engine.apply(operation));
    engine.tape.totals
}

/// Millions of operations a second, and the engine at its end.
fn throughput(stream: &Stream, clock: &SystemClock) -> (f64, Engine) {
    let mut engine = Engine::new(stream);
    let (filling, timed) = stream.split();
    filling.iter().for_each(|operation| engine.apply(operation));
    let start = clock.now();
    timed.iter().for_each(|operation| engine.apply(operation));
    let elapsed_ns = clock.now().0 - start.0;
    (timed.len() as f64 * 1e3 / elapsed_ns.max(1) as f64, engine)
}

fn latency(stream: &Stream, clock: &SystemClock) -> Histogram<u64> {
    let mut engine = Engine::new(stream);
    let (filling, timed) = stream.split();
    filling.iter().for_each(|operation| engine.apply(operation));
    let mut histogram = histogram();
    for operation in timed {
        let start = clock.now();
        engine.apply(operation);
        histogram.saturating_record(clock.now().0 - start.0);
    }
    histogram
}

/// Measures; or writes the stream, and says so.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let stream = Stream::open(&args.stream)?;
    if let Some(path) = &args.stream.write {
        return write(path, &stream);
    }
    let clock = SystemClock::new();
    let mut rates = Vec::new();
    let mut totals = TradeTotals::default();
    let (mut unknown, mut percent) = (0, None);
    for _ in 0..args.stream.passes {
        let share = Share::begin(&clock);
        let (rate, engine) = throughput(&stream, &clock);
        percent = share.percent(&clock);
        rates.push(rate);
        (totals, unknown) = (engine.tape.totals, engine.unknown);
    }
    let (rate, passes) = median(rates.clone(), "M ops/s");
    let histogram = latency(&stream, &clock);
    let clock_ns = clock_ns(&clock);
    let [p50, p99, p99_9, ..] = percentiles(&histogram);
    let notes = vec![
        format!("{} operations, {} symbols", stream.operations.len(), stream.symbols()),
        format!("{unknown} cancels of orders that do not rest"),
        passes,
        Share::note(percent),
        format!("clock: {clock_ns} ns between two readings, included in the latencies"),
    ];
    let line = format!("matching: {rate:.2} M ops/s, p50 {p50} p99 {p99} p99.9 {p99_9}, {totals}");
    let json = json!({
        "bench": "matching", "operations": stream.operations.len(), "symbols": stream.symbols(),
        "ops_per_second": rate * 1e6, "passes_m_ops": rates, "clock_ns": clock_ns, "core_percent": percent,
        "latency": percentiles_json(&histogram), "trades": totals.trades,
        "quantity": totals.quantity, "notional": totals.notional.to_string(),
        "hash": format!("{:016x}", totals.hash), "unknown": unknown,
        "oracle": stream.expected.is_some(),
    });
    Ok(Report { notes, line, json, fault: stream.fault(&totals) })
}
