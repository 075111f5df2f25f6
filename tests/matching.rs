//! The books against their naive twin under random commands, and against the published totals of
//! the order stream.

#[path = "twin/book.rs"]
mod twin;

use std::collections::BTreeMap;

use isochron::limits::PRICE_MAX;
use isochron::matching::{
    BookIndex, Books, Level, Meet, OrderSlot, Resting, Sweep, SweepEnd, Taker,
};
use isochron::order_stream::{
    Kind, LIVE_TARGET_DEFAULT, Operation, OrderStream, SEED_DEFAULT, TradeTotals,
};
use isochron::types::{OrderId, Price, Quantity, Side};
use twin::{Decision, End, Event, TwinBook};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// Where the prices of a run lie, in ticks.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// A few levels, many orders at each.
    Narrow,
    /// Levels whose tick numbers agree in their low bits.
    Strided,
    /// Anywhere in the range of prices.
    Wide,
}

/// How a run names its orders.
#[derive(Clone, Copy, Debug)]
enum Ids {
    Rising,
    /// Rising with gaps, so that old and new ones share places.
    Gaps,
    /// In no order.
    Scattered,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    tick: i64,
    spread: Spread,
    ids: Ids,
    live_target: usize,
    seed: u64,
}

/// Decides alike for both by the maker's id.
fn decide(maker: OrderId) -> Decision {
    match maker.0 % 11 {
        3 => Decision::CancelMaker,
        7 => Decision::Stop,
        _ => Decision::Trade,
    }
}

/// Writes down what the sweep tells it, in the twin's words.
#[derive(Default)]
struct Recorder(Vec<Event>);

impl Taker for Recorder {
    fn meet(&mut self, _: OrderSlot, maker: &Resting) -> Meet {
        match decide(maker.id) {
            Decision::Trade => Meet::Trade,
            Decision::CancelMaker => Meet::CancelMaker,
            Decision::Stop => Meet::Stop,
        }
    }

    fn filled(&mut self, _: OrderSlot, maker: &Resting, quantity: Quantity) {
        let Resting { id, price, quantity: open, .. } = *maker;
        self.0.push(Event::Fill { maker: id, price, open, quantity });
    }

    fn canceled(&mut self, _: OrderSlot, maker: &Resting) {
        let Resting { id, price, quantity: open, .. } = *maker;
        self.0.push(Event::Cancel { maker: id, price, open });
    }
}

/// The engine and its twin, fed alike.
struct Pair {
    run: Run,
    random: Random,
    books: Books,
    twins: Vec<TwinBook>,
    /// Every live order, and the slot it was given.
    live: Vec<(OrderId, OrderSlot, usize)>,
    last_id: u64,
    ends: BTreeMap<End, u32>,
}

impl Pair {
    fn new(run: Run) -> Pair {
        let mut books = Books::with_capacity(8);
        for number in 0..3 {
            assert_eq!(books.add_book(Price(run.tick)), BookIndex(number));
        }
        let twins = (0..3).map(|_| TwinBook::default()).collect();
        let (random, ends) = (Random(run.seed), BTreeMap::new());
        Pair { run, random, books, twins, live: Vec::new(), last_id: 0, ends }
    }

    fn price(&mut self) -> Price {
        let ticks = match self.run.spread {
            Spread::Narrow => 1_000 + self.random.below(6),
            Spread::Strided => 64 * (1 + self.random.below(8)) + self.random.below(2),
            Spread::Wide => 1 + self.random.below((PRICE_MAX / self.run.tick).cast_unsigned()),
        };
        Price(ticks.cast_signed() * self.run.tick)
    }

    fn next_id(&mut self) -> OrderId {
        match self.run.ids {
            Ids::Rising => self.last_id += 1,
            Ids::Gaps => self.last_id += 1 + self.random.below(40),
            Ids::Scattered => loop {
                self.last_id = 1 + self.random.below(1 << 40);
                if self.live.iter().all(|order| order.0.0 != self.last_id) {
                    break;
                }
            },
        }
        OrderId(self.last_id)
    }

    fn insert(&mut self, book: usize, side: Side, price: Price, quantity: Quantity) {
        let id = self.next_id();
        let slot = self.books.insert(BookIndex(book as u32), id, side, price, quantity);
        self.twins[book].insert(id, side, price, quantity);
        assert!(self.live.iter().all(|order| order.1 != slot), "a slot is given once");
        self.live.push((id, slot, book));
    }

    fn sweep(&mut self, book: usize, side: Side, limit: Price, quantity: Quantity) -> Quantity {
        let steps = self.random.below(6) as usize;
        let mut recorder = Recorder::default();
        let index = BookIndex(book as u32);
        let Sweep { leaves, end } =
            self.books.sweep(index, side, limit, quantity, steps, &mut recorder);
        let end = match end {
            SweepEnd::Filled => End::Filled,
            SweepEnd::NoMoreMakers => End::NoMoreMakers,
            SweepEnd::Stopped => End::Stopped,
            SweepEnd::StepsUsed => End::StepsUsed,
        };
        let expected = self.twins[book].sweep(side, limit, quantity, steps, decide);
        assert_eq!((leaves, end, recorder.0), expected);
        *self.ends.entry(end).or_default() += 1;
        let rests = |id: &OrderId| {
            Side::BOTH.iter().any(|s| self.twins[book].orders(*s).iter().any(|o| o.0 == *id))
        };
        self.live.retain(|order| order.2 != book || rests(&order.0));
        leaves
    }

    fn step(&mut self) {
        let book = self.random.below(3) as usize;
        let side = Side::BOTH[self.random.below(2) as usize];
        let quantity = Quantity(1 + self.random.below(30));
        let price = self.price();
        let grow = self.live.len() < self.run.live_target;
        match self.random.below(10) {
            0..4 => self.insert(book, side, price, quantity),
            4 if grow => self.insert(book, side, price, quantity),
            4..6 => {
                let leaves = self.sweep(book, side, price, quantity);
                if leaves.0 > 0 && quantity.0.is_multiple_of(2) {
                    self.insert(book, side, price, leaves);
                }
            }
            6 if !self.live.is_empty() => {
                let (id, slot, book) =
                    self.live[self.random.below(self.live.len() as u64) as usize];
                let open = self.books.get(slot).quantity.0;
                if open > 1 {
                    let by = Quantity(1 + self.random.below(open - 1));
                    self.books.reduce(slot, by);
                    self.twins[book].reduce(id, by);
                }
            }
            _ if !self.live.is_empty() => {
                let at = self.random.below(self.live.len() as u64) as usize;
                let (id, slot, book) = self.live.swap_remove(at);
                let resting = self.books.get(slot);
                assert_eq!(self.books.remove(slot), resting);
                assert_eq!((resting.id, resting.book), (id, BookIndex(book as u32)));
                assert_eq!(self.books.find(id), None);
                self.twins[book].remove(id);
            }
            _ => {}
        }
        self.compare(book, price);
    }

    fn compare(&self, book: usize, price: Price) {
        self.books.invariants();
        assert_eq!(self.books.live(), self.live.len());
        for (id, slot, book) in &self.live {
            assert_eq!(self.books.find(*id), Some(*slot));
            assert_eq!(self.books.get(*slot).book.0 as usize, *book);
        }
        let (index, twin) = (BookIndex(book as u32), &self.twins[book]);
        for side in Side::BOTH {
            let orders = self.books.orders(index, side).map(|slot| self.books.get(slot));
            let orders: Vec<_> = orders
                .map(|order| {
                    assert_eq!((order.side, order.book), (side, index));
                    (order.id, order.price, order.quantity)
                })
                .collect();
            assert_eq!(orders, twin.orders(side));
            let view = |level: Level| (level.price, level.quantity, level.orders);
            let levels: Vec<_> = self.books.levels(index, side).map(view).collect();
            assert_eq!(levels, twin.levels(side));
            assert_eq!(self.books.best(index, side).map(view), levels.first().copied());
            let at = levels.iter().find(|level| level.0 == price);
            let expected = at.map_or(Quantity(0), |level| level.1);
            assert_eq!(self.books.quantity_at(index, side, price), expected);
        }
    }
}

#[test]
fn the_books_equal_their_naive_twin() {
    let mut ends = BTreeMap::new();
    let mut most_live = 0;
    for (number, spread) in [Spread::Narrow, Spread::Strided, Spread::Wide].into_iter().enumerate()
    {
        for ids in [Ids::Rising, Ids::Gaps, Ids::Scattered] {
            for (tick, live_target) in [(1, 10), (100, 60), (12_345, 150)] {
                let seed = 1_000 + number as u64;
                let run = Run { tick, spread, ids, live_target, seed };
                let mut pair = Pair::new(run);
                for step in 0..2_500 {
                    let seen = std::panic::AssertUnwindSafe(|| pair.step());
                    if let Err(panic) = std::panic::catch_unwind(seen) {
                        eprintln!("step {step} of {run:?}");
                        std::panic::resume_unwind(panic);
                    }
                    most_live = most_live.max(pair.live.len());
                }
                for (end, count) in &pair.ends {
                    *ends.entry(*end).or_insert(0) += count;
                }
            }
        }
    }
    println!("most live {most_live}, sweeps {ends:?}");
    assert!(most_live >= 100, "{most_live}");
    assert!(ends.len() == 4 && ends.values().all(|count| *count >= 100), "{ends:?}");
}

/// Trades with everyone, and adds up.
struct Tape {
    taker: OrderId,
    totals: TradeTotals,
}

impl Taker for Tape {
    fn meet(&mut self, _: OrderSlot, _: &Resting) -> Meet {
        Meet::Trade
    }

    fn filled(&mut self, _: OrderSlot, maker: &Resting, quantity: Quantity) {
        self.totals.add(maker.id, self.taker, maker.price.0.cast_unsigned(), quantity.0);
    }

    fn canceled(&mut self, _: OrderSlot, _: &Resting) {
        unreachable!("the tape cancels nobody");
    }
}

/// Plays a stream through the books; returns what they traded.
fn play(stream: &mut OrderStream, symbols: u16) -> TradeTotals {
    let mut books = Books::with_capacity(1 << 17);
    let index: Vec<_> = (0..symbols).map(|_| books.add_book(Price(1))).collect();
    let mut tape = Tape { taker: OrderId(0), totals: TradeTotals::default() };
    for operation in stream.by_ref() {
        let Operation { kind, symbol, side, price, quantity, order_id } = operation;
        let (book, price) = (index[usize::from(symbol)], Price(i64::from(price)));
        match kind {
            Kind::New => {
                tape.taker = order_id;
                let quantity = Quantity(u64::from(quantity));
                let sweep = books.sweep(book, side, price, quantity, usize::MAX, &mut tape);
                if sweep.leaves.0 > 0 {
                    books.insert(book, order_id, side, price, sweep.leaves);
                }
            }
            Kind::Cancel => {
                let canceled = books.remove(books.find(order_id).expect("a live order"));
                assert_eq!((canceled.book, canceled.side, canceled.price), (book, side, price));
            }
        }
    }
    books.invariants();
    assert_eq!(books.live(), stream.live());
    tape.totals
}

/// The published totals for the stream of the default target and seed.
fn check_published(operations: u64, symbols: u16, expected: TradeTotals) {
    let mut stream = OrderStream::new(operations, symbols, LIVE_TARGET_DEFAULT, SEED_DEFAULT);
    assert_eq!(play(&mut stream, symbols), expected);
    assert_eq!(stream.totals().trades, expected, "the stream's own books");
}

#[test]
fn a_hundred_symbols_trade_as_published() {
    check_published(
        5_000_000,
        100,
        TradeTotals {
            trades: 818_506,
            quantity: 205_933_093,
            notional: 2_160_698_653_112,
            hash: 0x2412_a59a_734f_d8d9,
        },
    );
}

#[test]
fn one_symbol_trades_as_published() {
    check_published(
        2_000_000,
        1,
        TradeTotals {
            trades: 328_104,
            quantity: 82_641_075,
            notional: 823_010_606_784,
            hash: 0xb8de_d532_f9b2_5c1c,
        },
    );
}

#[test]
fn other_seeds_and_symbol_counts_trade_as_the_stream_does() {
    for (symbols, live_target, seed) in [(7, 300, 1), (1_000, 40, 2), (2, 3, 3)] {
        let mut stream = OrderStream::new(300_000, symbols, live_target, seed);
        let traded = play(&mut stream, symbols);
        assert!(traded.trades > 10_000, "{traded}");
        assert_eq!(traded, stream.totals().trades);
    }
}
