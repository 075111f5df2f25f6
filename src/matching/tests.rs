//! What the books promise, case by case; `tests/matching.rs` compares them with a naive twin.

use super::*;
use crate::limits::PRICE_MAX;

/// Trades with everyone but those it was told to cancel or to stop at; writes down what happened.
#[derive(Default)]
struct Recorder {
    cancel: Vec<u64>,
    stop: Vec<u64>,
    events: Vec<(char, u64, u64)>,
}

impl Taker for Recorder {
    fn meet(&mut self, _: OrderSlot, maker: &Resting) -> Meet {
        if self.stop.contains(&maker.id.0) {
            Meet::Stop
        } else if self.cancel.contains(&maker.id.0) {
            Meet::CancelMaker
        } else {
            Meet::Trade
        }
    }

    fn filled(&mut self, _: OrderSlot, maker: &Resting, quantity: Quantity) {
        assert!(quantity <= maker.quantity);
        self.events.push(('f', maker.id.0, quantity.0));
    }

    fn canceled(&mut self, _: OrderSlot, maker: &Resting) {
        self.events.push(('c', maker.id.0, maker.quantity.0));
    }
}

fn books(tick: i64) -> (Books, BookIndex) {
    let mut books = Books::with_capacity(16);
    let book = books.add_book(Price(tick));
    (books, book)
}

/// Sells of the given (id, price, quantity).
fn asks(tick: i64, orders: &[(u64, i64, u64)]) -> (Books, BookIndex) {
    let (mut books, book) = books(tick);
    for (id, price, quantity) in orders {
        books.insert(book, OrderId(*id), Side::Sell, Price(*price), Quantity(*quantity));
        books.invariants();
    }
    (books, book)
}

fn ids(books: &Books, book: BookIndex, side: Side) -> Vec<u64> {
    books.orders(book, side).map(|slot| books.get(slot).id.0).collect()
}

fn buy(
    books: &mut Books,
    book: BookIndex,
    limit: i64,
    quantity: u64,
    steps: usize,
    taker: &mut Recorder,
) -> (u64, SweepEnd) {
    let sweep = books.sweep(book, Side::Buy, Price(limit), Quantity(quantity), steps, taker);
    books.invariants();
    (sweep.leaves.0, sweep.end)
}

#[test]
fn the_whole_range_of_prices_fits_one_book() {
    let (mut books, book) = books(1);
    let prices = [1, PRICE_MAX, 2, -1, i64::MAX, PRICE_MAX / 2, i64::MIN];
    for (id, price) in (1..).zip(prices) {
        for (offset, side) in [(0, Side::Buy), (10, Side::Sell)] {
            books.insert(book, OrderId(id + offset), side, Price(price), Quantity(7));
            books.invariants();
        }
    }
    assert_eq!(ids(&books, book, Side::Buy), [5, 2, 6, 3, 1, 4, 7]);
    assert_eq!(ids(&books, book, Side::Sell), [17, 14, 11, 13, 16, 12, 15]);
    assert_eq!(books.levels.nodes.len(), 14, "a level per price, wherever it lies");
}

#[test]
fn levels_that_share_a_place_near_the_best_are_all_found() {
    // 128 ticks apart: one place for all three.
    let (mut books, book) = asks(100, &[(1, 25_600, 1), (2, 12_800, 2), (3, 38_400, 3)]);
    for (price, quantity) in [(12_800, 2), (25_600, 1), (38_400, 3), (51_200, 0), (12_900, 0)] {
        assert_eq!(books.quantity_at(book, Side::Sell, Price(price)), Quantity(quantity));
    }
    books.remove(books.find(OrderId(2)).unwrap());
    books.insert(book, OrderId(4), Side::Sell, Price(38_400), Quantity(4));
    books.invariants();
    assert_eq!(books.quantity_at(book, Side::Sell, Price(38_400)), Quantity(7));
    assert_eq!(ids(&books, book, Side::Sell), [1, 3, 4]);
}

#[test]
fn a_partial_fill_keeps_the_makers_place() {
    let (mut books, book) = asks(1, &[(1, 10, 5), (2, 10, 5), (3, 9, 1)]);
    let mut tape = Recorder::default();
    assert_eq!(buy(&mut books, book, 10, 3, 9, &mut tape), (0, SweepEnd::Filled));
    assert_eq!(tape.events, [('f', 3, 1), ('f', 1, 2)]);
    assert_eq!(ids(&books, book, Side::Sell), [1, 2]);
    assert_eq!(
        books.best(book, Side::Sell),
        Some(Level { price: Price(10), quantity: Quantity(8), orders: 2 })
    );
    assert_eq!(buy(&mut books, book, 9, 3, 9, &mut tape), (3, SweepEnd::NoMoreMakers));
}

#[test]
fn the_taker_cancels_makers_and_stops() {
    let (mut books, book) = asks(1, &[(1, 10, 5), (2, 11, 5), (3, 12, 5), (4, 13, 5)]);
    let mut tape = Recorder { cancel: vec![2], stop: vec![4], ..Recorder::default() };
    assert_eq!(buy(&mut books, book, 99, 100, 9, &mut tape), (90, SweepEnd::Stopped));
    assert_eq!(tape.events, [('f', 1, 5), ('c', 2, 5), ('f', 3, 5)]);
    assert_eq!(ids(&books, book, Side::Sell), [4]);
}

#[test]
fn steps_are_used_up_only_where_another_maker_waits() {
    let three = [(1, 10, 5), (2, 11, 5), (3, 12, 5)];
    for (limit, quantity, steps, expected) in [
        (12, 15, 3, (0, SweepEnd::Filled)),
        (12, 16, 3, (1, SweepEnd::NoMoreMakers)),
        (12, 15, 2, (5, SweepEnd::StepsUsed)),
        (11, 15, 2, (5, SweepEnd::NoMoreMakers)),
        (12, 10, 2, (0, SweepEnd::Filled)),
        (12, 1, 0, (1, SweepEnd::StepsUsed)),
        (9, 1, 0, (1, SweepEnd::NoMoreMakers)),
        (12, 0, 0, (0, SweepEnd::Filled)),
    ] {
        let (mut books, book) = asks(1, &three);
        let mut tape = Recorder::default();
        let end = buy(&mut books, book, limit, quantity, steps, &mut tape);
        assert_eq!(end, expected, "{quantity} up to {limit} in {steps} steps");
    }
    // A canceled maker is a step too.
    let (mut books, book) = asks(1, &three);
    let mut tape = Recorder { cancel: vec![1], ..Recorder::default() };
    assert_eq!(buy(&mut books, book, 12, 1, 1, &mut tape), (1, SweepEnd::StepsUsed));
}

#[test]
fn reduced_and_removed_orders_leave_the_sums_right() {
    let (mut books, book) = asks(1, &[(1, 10, 5), (2, 10, 6), (3, 10, 7)]);
    let slot = |books: &Books, id| books.find(OrderId(id)).unwrap();
    let first = slot(&books, 1);
    books.reduce(first, Quantity(4));
    let removed = books.remove(slot(&books, 2));
    books.invariants();
    assert_eq!(
        removed,
        Resting { id: OrderId(2), side: Side::Sell, price: Price(10), quantity: Quantity(6), book }
    );
    assert_eq!(books.find(OrderId(2)), None);
    assert_eq!(ids(&books, book, Side::Sell), [1, 3]);
    assert_eq!(books.quantity_at(book, Side::Sell, Price(10)), Quantity(8));
    assert_eq!(books.live(), 2);
}

#[test]
fn slots_stay_below_the_most_that_rested_and_grow_beyond_the_capacity() {
    let (mut books, book) = books(1);
    for round in 0..5u64 {
        for order in 0..100 {
            let id = OrderId(round * 1_000_000_007 + order * 64 + 1);
            let slot = books.insert(book, id, Side::Buy, Price(1), Quantity(1));
            assert!(slot.0 < 100);
        }
        books.invariants();
        while let Some(slot) = books.first(book, Side::Buy) {
            books.remove(slot);
        }
        books.invariants();
    }
}

#[test]
fn nothing_grows_within_the_capacity() {
    const ORDERS: u64 = 1_024;
    let mut books = Books::with_capacity(ORDERS as usize);
    let book = books.add_book(Price(1));
    let sizes = |books: &Books| {
        let Books { orders, levels, index, .. } = books;
        let levels = [levels.nodes.capacity(), levels.links.capacity(), levels.branches.capacity()];
        (orders.capacity(), levels, index.entries())
    };
    let before = sizes(&books);
    // The worst case: each order at a price of its own, each id in the same place as the others.
    for round in 0..3 {
        for order in 0..ORDERS {
            let id = OrderId((round * ORDERS + order + 1) << 20);
            books.insert(book, id, Side::Buy, Price(order.cast_signed() * 999_983), Quantity(1));
        }
        assert_eq!(books.live(), ORDERS as usize);
        books.invariants();
        assert_eq!(sizes(&books), before);
        while let Some(slot) = books.first(book, Side::Buy) {
            books.remove(slot);
        }
    }
    books.invariants();
    assert_eq!(sizes(&books), before);
}

#[test]
fn ids_that_share_a_place_or_a_tag_are_told_apart() {
    let (mut books, book) = books(1);
    // Equal in the low 32 bits, so in every place of the lookup; not in rising order.
    let twins = [3u64 << 32 | 7, 7, 1 << 32 | 7, 2 << 32 | 7];
    for id in twins {
        books.insert(book, OrderId(id), Side::Buy, Price(1), Quantity(id));
        books.invariants();
    }
    assert_eq!(books.find(OrderId(4 << 32 | 7)), None);
    for id in twins {
        let removed = books.remove(books.find(OrderId(id)).unwrap());
        assert_eq!(removed.quantity, Quantity(id));
        books.invariants();
    }
}

#[test]
fn a_tick_changes_while_the_book_is_empty() {
    let (mut books, book) = asks(100, &[(1, 500, 1)]);
    books.remove(books.find(OrderId(1)).unwrap());
    books.set_tick(book, Price(7));
    books.insert(book, OrderId(2), Side::Sell, Price(49), Quantity(1));
    books.invariants();
}

#[test]
fn levels_side_by_side_have_near_places_side_by_side() {
    for tick in [1, 7, 100, 128, 12_345, PRICE_MAX] {
        let (books, _) = books(tick);
        for ticks in 1..=256 {
            let place = books.ladders[0].near_place(Price(ticks * tick));
            assert_eq!(place.cast_signed() as i64, ticks % 128, "{ticks} ticks of {tick}");
        }
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "price 150 is off the tick")]
fn a_price_is_on_the_tick() {
    asks(100, &[(1, 150, 1)]);
}

#[test]
#[should_panic(expected = "tick changed while orders rest")]
fn a_tick_does_not_change_while_orders_rest() {
    let (mut books, book) = asks(100, &[(1, 500, 1)]);
    books.set_tick(book, Price(7));
}

#[test]
#[should_panic(expected = "order 1 rests already")]
fn an_id_rests_once() {
    asks(1, &[(1, 10, 1), (1, 11, 1)]);
}

#[test]
#[should_panic(expected = "reduced by 5")]
fn a_reduction_leaves_something() {
    let (mut books, _) = asks(1, &[(1, 10, 5)]);
    books.reduce(books.find(OrderId(1)).unwrap(), Quantity(5));
}

#[test]
#[should_panic(expected = "no order rests in slot 0")]
fn a_slot_is_empty_after_its_order_left() {
    let (mut books, _) = asks(1, &[(1, 10, 5)]);
    let slot = books.find(OrderId(1)).unwrap();
    books.remove(slot);
    let _ = books.get(slot);
}

#[test]
fn the_checksum_is_the_crc_of_the_records() {
    let (mut books, book) = asks(1, &[(0x0102, 11, 3), (2, 10, 4)]);
    books.insert(book, OrderId(5), Side::Buy, Price(9), Quantity(6));
    // Bids, then asks, best first: id, price, quantity of each.
    let numbers: [u64; 9] = [5, 9, 6, 2, 10, 4, 0x0102, 11, 3];
    let mut crc = u32::MAX;
    for byte in numbers.iter().flat_map(|number| number.to_le_bytes()) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    assert_eq!(books.checksum(book), !crc);
    let empty = books.add_book(Price(1));
    assert_eq!(books.checksum(empty), 0);
}

#[test]
#[should_panic(expected = "live orders")]
fn a_wrong_count_is_noticed() {
    let (mut books, _) = asks(1, &[(1, 10, 100)]);
    books.live += 1;
    books.invariants();
}

#[test]
#[should_panic(expected = "quantity of level")]
fn a_wrong_sum_is_noticed() {
    let (mut books, _) = asks(1, &[(1, 10, 100)]);
    books.levels.nodes[0].quantity += 1;
    books.invariants();
}
