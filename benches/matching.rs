//! The books alone on the order stream: throughput, and then latency per operation.
//!
//! Options: `--stream FILE` plays a recorded stream instead of the default one, `--operations`,
//! `--symbols`, `--live` and `--seed` change the generated one, `--write FILE` records it,
//! `--orders` says how many live orders the books are made for.
//! An operation is the lookup of the order, the sweep with a callback per trade, and the rest
//! resting. Excluded: making and decoding the stream, and the first 300,000 operations, which
//! fill the books. Latency is measured in a pass of its own because reading the clock costs as
//! much as an operation; its cost is printed, and not subtracted.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::time::Instant;

use hdrhistogram::Histogram;
use isochron::matching::{BookIndex, Books, Meet, OrderSlot, Resting, Taker};
use isochron::order_stream::{
    Kind, LIVE_TARGET_DEFAULT, OPERATION_BYTES, OPERATIONS_DEFAULT, Operation, OrderStream,
    SEED_DEFAULT, SYMBOLS_DEFAULT, TradeTotals,
};
use isochron::types::{OrderId, Price, Quantity};

/// Operations that fill the books before the clock starts.
const WARM_UP: usize = 300_000;

/// Orders the books are made for where nothing is said; the default stream keeps 96,000 alive.
const ORDERS_DEFAULT: u64 = 1 << 17;

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
    fn new(operations: &[Operation], orders: usize) -> Engine {
        let symbols = operations.iter().map(|operation| operation.symbol).max();
        let mut books = Books::with_capacity(orders);
        for _ in 0..=symbols.unwrap_or(0) {
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

/// Millions of operations a second after the warm-up, and what was traded in all.
fn throughput(operations: &[Operation], orders: usize) -> (f64, TradeTotals) {
    let mut engine = Engine::new(operations, orders);
    let (filling, timed) = operations.split_at(WARM_UP.min(operations.len() / 2));
    filling.iter().for_each(|operation| engine.apply(operation));
    let start = Instant::now();
    timed.iter().for_each(|operation| engine.apply(operation));
    let seconds = start.elapsed().as_secs_f64();
    if engine.unknown > 0 {
        println!("{} cancels of orders that do not rest", engine.unknown);
    }
    (timed.len() as f64 / seconds / 1e6, engine.tape.totals)
}

fn latency(operations: &[Operation], orders: usize) -> Histogram<u64> {
    let mut engine = Engine::new(operations, orders);
    let (filling, timed) = operations.split_at(WARM_UP.min(operations.len() / 2));
    filling.iter().for_each(|operation| engine.apply(operation));
    let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("valid bounds");
    for operation in timed {
        let start = Instant::now();
        engine.apply(operation);
        histogram.saturating_record(start.elapsed().as_nanos() as u64);
    }
    histogram
}

/// The median time between two readings of the clock.
fn clock_cost() -> u64 {
    let mut histogram = Histogram::<u64>::new(3).expect("valid precision");
    for _ in 0..100_000 {
        let start = Instant::now();
        histogram.saturating_record(start.elapsed().as_nanos() as u64);
    }
    histogram.value_at_quantile(0.5)
}

fn read(path: &str) -> std::io::Result<Vec<Operation>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut operations = Vec::new();
    let mut record = [0; OPERATION_BYTES];
    loop {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let at = operations.len() * OPERATION_BYTES;
        let operation = Operation::decode(&record)
            .map_err(|error| std::io::Error::other(format!("{path}, byte {at}: {error}")))?;
        operations.push(operation);
    }
    Ok(operations)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo passes `--bench` by itself.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let options: HashMap<_, _> = arguments
        .chunks(2)
        .map(|pair| (pair[0].as_str(), pair.get(1).map_or("", String::as_str)))
        .collect();
    let number = |name: &str, default: u64| -> Result<u64, std::num::ParseIntError> {
        options.get(name).map_or(Ok(default), |text| text.parse())
    };
    let operations = if let Some(path) = options.get("--stream") {
        read(path)?
    } else {
        OrderStream::new(
            number("--operations", OPERATIONS_DEFAULT)?,
            number("--symbols", u64::from(SYMBOLS_DEFAULT))?.try_into()?,
            number("--live", u64::from(LIVE_TARGET_DEFAULT))?.try_into()?,
            number("--seed", SEED_DEFAULT)?,
        )
        .collect()
    };
    if let Some(path) = options.get("--write") {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        operations.iter().try_for_each(|operation| file.write_all(&operation.encode()))?;
        file.flush()?;
        return Ok(());
    }

    let orders = number("--orders", ORDERS_DEFAULT)? as usize;
    let (rate, totals) = throughput(&operations, orders);
    let histogram = latency(&operations, orders);
    println!("clock: {} ns between two readings, included in the latencies", clock_cost());
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| histogram.value_at_quantile(q));
    println!("matching: {rate:.2} M ops/s, p50 {p50} p99 {p99} p99.9 {p999}, {totals}");
    Ok(())
}
