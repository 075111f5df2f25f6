//! Snapshots written, read again, and spoiled.

use isochron_messages::{
    BestBidOffer, InstrumentDefinition, OrderDeleted, Phase, Statistics, Trade, TradingStatus,
};

use super::*;
use crate::book::Book;
use crate::books::{FeedError, Health, SnapshotError};

const END: EventFlags = EventFlags::END_OF_EVENT;

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Numbers a message within its instrument, and applies it.
fn apply(books: &mut Books, message: impl Into<Message>) -> Result<(), FeedError> {
    let mut message = message.into();
    let known = books.get(message.instrument()).map_or(1, |instrument| instrument.next_sequence);
    message.set_instrument_sequence(known);
    message.set_event_id(77);
    message.set_transaction_time(1_234);
    message.set_flags(message.flags() | END);
    books.apply(&message)
}

/// A few instruments with random orders, as a product shows them.
fn random_books(product: Product, seed: u64, orders: u64) -> Books {
    let (mut random, mut books, mut order_id) = (seed, Books::of(product), 0);
    for instrument in [3, 4, 9, 1_000] {
        let symbol = [b'A' + instrument as u8 % 26; 8];
        let definition = InstrumentDefinition { instrument, symbol, tick: 5, ..Default::default() };
        apply(&mut books, definition).unwrap();
        let (phase, reference_price) = (Phase::OPEN, Some(i64::from(instrument)));
        let status = TradingStatus { instrument, phase, reference_price, ..Default::default() };
        apply(&mut books, status).unwrap();
        let mut book = Book::new();
        // One of them stays empty.
        for _ in 0..if instrument == 9 { 0 } else { splitmix64(&mut random) % orders } {
            order_id += 1;
            let side = [Side::BUY, Side::SELL][(splitmix64(&mut random) % 2) as usize];
            let away = (splitmix64(&mut random) % 40).cast_signed();
            let price = if side == Side::BUY { 999 - away } else { 1_001 + away };
            let quantity = 1 + splitmix64(&mut random) % 500;
            let order = Order { order_id, side, price, quantity };
            book.add(order).unwrap();
            if product == Product::L3 {
                let added = OrderAdded {
                    instrument,
                    order_id,
                    side,
                    price,
                    quantity,
                    ..Default::default()
                };
                apply(&mut books, added).unwrap();
            }
        }
        show(&mut books, instrument, &book);
    }
    books
}

/// Tells books of L1 or L2 what a book has.
fn show(books: &mut Books, instrument: u32, book: &Book) {
    let product = books.product();
    if product == Product::L1 {
        let [bid, ask] = [Side::BUY, Side::SELL].map(|side| book.best(side));
        let best = BestBidOffer {
            instrument,
            bid_price: bid.map(|level| level.price),
            bid_quantity: bid.map_or(0, |level| level.quantity),
            bid_order_count: bid.map_or(0, |level| level.orders),
            ask_price: ask.map(|level| level.price),
            ask_quantity: ask.map_or(0, |level| level.quantity),
            ask_order_count: ask.map_or(0, |level| level.orders),
            ..Default::default()
        };
        apply(books, best).unwrap();
        let price = Some(1_000);
        let day = Statistics {
            instrument,
            open_price: price,
            high_price: price,
            low_price: price,
            last_price: price,
            volume: 40,
            notional: 40_000,
            trades: 4,
            ..Default::default()
        };
        apply(books, day).unwrap();
    } else if product != Product::L3 {
        for side in [Side::BUY, Side::SELL] {
            for level in book.levels(side).take(product.depth().unwrap_or(usize::MAX)) {
                let changed = LevelChanged {
                    instrument,
                    side,
                    price: level.price,
                    quantity: level.quantity,
                    order_count: level.orders,
                    ..Default::default()
                };
                apply(books, changed).unwrap();
            }
        }
    }
}

/// All that books hold, as text.
fn text(books: &Books) -> Vec<String> {
    let instruments = books.instruments();
    let of = |(id, known): &(u32, &Instrument)| {
        let orders: Vec<_> =
            known.book.orders(Side::BUY).chain(known.book.orders(Side::SELL)).collect();
        let levels: Vec<_> = known.levels(Side::BUY).chain(known.levels(Side::SELL)).collect();
        let day =
            Statistics { flags: EventFlags::default(), instrument_sequence: 0, ..known.quotes.day };
        let symbol = known.definition.map(|definition| definition.symbol);
        let status = (known.phase, known.reference_price, known.next_sequence);
        format!("{id} {symbol:?} {status:?} {orders:?} {levels:?} {day} {:?}", known.checksum())
    };
    instruments.iter().map(of).collect()
}

fn messages(books: &Books, last_included: u64) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut take = |bytes: &[u8]| messages.push(Message::decode(bytes).unwrap());
    write(books, last_included, &mut take).unwrap();
    messages
}

const PRODUCTS: [Product; 4] = [Product::L1, Product::L2, Product::L3, Product::L2Depth5];

#[test]
fn a_snapshot_makes_the_same_books() {
    for product in PRODUCTS {
        for seed in 0..20 {
            let books = random_books(product, seed, 60);
            let snapshot = messages(&books, 41);
            let mut read = Books::of(product);
            for (at, message) in snapshot.iter().enumerate() {
                assert_eq!(read.is_recovering(), at > 0);
                assert!(message.flags().contains(EventFlags::RECOVERY));
                assert_eq!((message.event_id(), message.transaction_time()), (77, 1_234));
                read.apply(message).unwrap_or_else(|error| panic!("{product} {seed}: {error}"));
            }
            assert!(!read.is_recovering() && read.is_at_end_of_event());
            assert_eq!(text(&read), text(&books), "{product} {seed}");
            assert_eq!(read.statistics().snapshots_applied, 1);
            // And what it makes of them is again the same snapshot.
            assert_eq!(messages(&read, 41), snapshot);
        }
    }
}

#[test]
fn its_messages_have_their_order() {
    let mut books = random_books(Product::L3, 5, 6);
    apply(&mut books, OrderAdded { instrument: 9, order_id: 90, ..added(9, 5) }).unwrap();
    let snapshot = messages(&books, 41);
    let Some(Message::SnapshotStart(start)) = snapshot.first() else { panic!("it starts") };
    let Some(Message::SnapshotComplete(end)) = snapshot.last() else { panic!("it ends") };
    assert_eq!((start.last_included_sequence, start.next_sequence, start.instruments), (41, 42, 4));
    assert_eq!((end.last_included_sequence, end.next_sequence, end.instruments), (41, 42, 4));
    assert_eq!(start.orders, end.orders);
    let of_9: Vec<_> = snapshot.iter().filter(|message| message.instrument() == 9).collect();
    let names: Vec<_> = of_9.iter().map(|message| message.name()).collect();
    assert_eq!(names, ["InstrumentDefinition", "TradingStatus", "OrderAdded", "BookChecksum"]);
    assert!(of_9[0].flags().contains(EventFlags::CLEAR_BOOK));
    // Definition, status and order were its three messages.
    assert!(of_9.iter().all(|message| message.instrument_sequence() == 3));
}

fn added(instrument: u32, quantity: u64) -> OrderAdded {
    OrderAdded { instrument, price: 900, quantity, side: Side::BUY, ..Default::default() }
}

#[test]
fn books_go_on_behind_a_snapshot() {
    let mut books = random_books(Product::L3, 6, 20);
    let mut late = Books::new();
    let trade = Trade { instrument: 3, price: 1_000, quantity: 7, ..Default::default() };
    apply(&mut late, trade).unwrap();
    messages(&books, 10).iter().for_each(|message| late.apply(message).unwrap());
    for order_id in 5_000..5_010 {
        let instrument = 3 + order_id as u32 % 2;
        let mut message = Message::from(OrderAdded { order_id, ..added(instrument, 5) });
        message.set_instrument_sequence(books.get(instrument).unwrap().next_sequence);
        message.set_flags(END);
        books.apply(&message).unwrap();
        late.apply(&message).unwrap();
    }
    assert_eq!(text(&late), text(&books));
    let printed = late.get(3).unwrap().last_trade.unwrap();
    assert_eq!(printed.quantity, 7, "what a snapshot does not say stays");
}

/// Whatever is wrong with a snapshot, the books are as they were, and it is counted.
#[test]
fn a_snapshot_that_is_wrong_changes_nothing() {
    for product in PRODUCTS {
        let snapshot = messages(&random_books(product, 7, 12), 99);
        let mut books = random_books(product, 8, 12);
        let before = text(&books);
        let mut refused = 0;
        let mut check = |spoiled: &[Message], what: &str| {
            let first = spoiled.iter().find_map(|message| books.apply(message).err());
            let error = first.map(|error| match error {
                FeedError::Snapshot(error) => error,
                other => panic!("{product} {what}: {other}"),
            });
            let error = error.or(books.abandon_snapshot().err());
            let error = error.unwrap_or_else(|| panic!("{product} {what}: taken"));
            refused += 1;
            assert_eq!(text(&books), before, "{product} {what}");
            assert_eq!(books.statistics().snapshots_refused, refused);
            error
        };
        for at in 1..snapshot.len() {
            let cut = check(&snapshot[..at], "cut short");
            assert!(matches!(cut, SnapshotError::CutShort { announced: 4, .. }), "{cut}");
            let mut without = snapshot.clone();
            without.remove(at);
            let mut twice = snapshot.clone();
            twice.insert(at, snapshot[at]);
            // A status is not counted; best prices that are told twice are the same.
            match snapshot[at] {
                Message::TradingStatus(_) => {}
                Message::BestBidOffer(best) if best.bid_price.or(best.ask_price).is_none() => {}
                Message::BestBidOffer(_) | Message::SnapshotComplete(_) => {
                    check(&without, "without one");
                }
                _ => {
                    check(&without, "without one");
                    check(&twice, "one twice");
                }
            }
        }
    }
}

#[test]
fn wrong_counts_and_checksums_are_named() {
    let books = random_books(Product::L2, 9, 30);
    let snapshot = messages(&books, 99);
    let refuse = |spoil: &dyn Fn(&mut Message)| {
        let mut read = Books::of(Product::L2);
        let mut found = None;
        for message in &snapshot {
            let mut message = *message;
            spoil(&mut message);
            if let Err(FeedError::Snapshot(error)) = read.apply(&message) {
                found.get_or_insert(error);
            }
        }
        assert_eq!(read.instruments().len(), 0);
        found.expect("it is refused")
    };
    let complete = |change: fn(&mut SnapshotComplete)| {
        refuse(&|message| {
            if let Message::SnapshotComplete(end) = message {
                change(end);
            }
        })
    };
    assert!(matches!(complete(|end| end.instruments += 1), SnapshotError::Counts { .. }));
    assert!(matches!(complete(|end| end.orders -= 1), SnapshotError::Counts { .. }));
    assert!(matches!(complete(|end| end.checksum ^= 1), SnapshotError::Checksum { .. }));
    let place = SnapshotError::Place { start: 99, end: (99, 99) };
    assert_eq!(complete(|end| end.next_sequence = 99), place);
    let place = SnapshotError::Place { start: 99, end: (98, 99) };
    assert_eq!(complete(|end| (end.last_included_sequence, end.next_sequence) = (98, 99)), place);
    let level = refuse(&|message| {
        if let Message::LevelChanged(level) = message {
            level.quantity += 1;
        }
    });
    assert!(matches!(level, SnapshotError::BookChecksum { instrument: 3, .. }), "{level}");
    let number = refuse(&|message| {
        if let Message::LevelChanged(level) = message {
            level.instrument_sequence += 1;
        }
    });
    let template_id = LevelChanged::TEMPLATE_ID;
    assert_eq!(number, SnapshotError::Wrong { instrument: 3, template_id });
    let announced = refuse(&|message| {
        if let Message::SnapshotStart(start) = message {
            start.instruments = u32::MAX;
        }
    });
    assert!(matches!(announced, SnapshotError::Wrong { instrument: 0, .. }), "{announced}");
    let foreign = refuse(&|message| {
        if let Message::LevelChanged(level) = *message {
            let (instrument, instrument_sequence) = (level.instrument, level.instrument_sequence);
            *message =
                OrderDeleted { instrument, instrument_sequence, ..Default::default() }.into();
            message.set_flags(EventFlags::RECOVERY);
        }
    });
    let template_id = OrderDeleted::TEMPLATE_ID;
    assert_eq!(foreign, SnapshotError::OutOfPlace { instrument: 3, template_id });
    let mut read = Books::of(Product::L2);
    let error = SnapshotError::NotBegun { template_id: SnapshotComplete::TEMPLATE_ID };
    assert_eq!(read.apply(snapshot.last().unwrap()), Err(FeedError::Snapshot(error)));
}

#[test]
fn books_that_are_wrong_make_no_snapshot() {
    let mut books = random_books(Product::L3, 10, 20);
    let write = |books: &Books| Writer::new(books, 1).err();
    assert_eq!(write(&books), None);
    let mut within = Message::from(added(4, 5));
    within.set_instrument_sequence(books.get(4).unwrap().next_sequence);
    books.apply(&within).unwrap();
    assert_eq!(write(&books), Some(WriteError::WithinEvent));
    apply(&mut books, OrderAdded { order_id: 7_000, ..added(8, 1) }).unwrap();
    assert_eq!(write(&books), Some(WriteError::Undefined { instrument: 8 }));
    let duplicate = apply(&mut books, added(4, 5)).unwrap_err();
    assert_eq!(write(&books), Some(WriteError::Stale { instrument: 4 }));
    let Health::Stale { why, .. } = books.get(4).unwrap().health else { panic!("it is stale") };
    assert_eq!(why, duplicate);
    // A good snapshot makes all of them current.
    let good = messages(&random_books(Product::L3, 10, 20), 50);
    good.iter().for_each(|message| books.apply(message).unwrap());
    assert_eq!((books.stale(), write(&books)), (0, None));
}
