//! The book against literal cases and against a naive twin under random changes.

use super::*;

fn order(order_id: u64, side: Side, price: i64, quantity: u64) -> Order {
    Order { order_id, side, price, quantity }
}

/// A book as text: `bids | asks`, each order as `id:quantity@price`, levels checked on the way.
fn show(book: &Book) -> String {
    let side = |side| {
        let orders: Vec<Order> = book.orders(side).collect();
        let mut levels: Vec<Level> = Vec::new();
        for order in &orders {
            match levels.last_mut() {
                Some(level) if level.price == order.price => {
                    level.quantity += order.quantity;
                    level.orders += 1;
                }
                _ => levels.push(Level { price: order.price, quantity: order.quantity, orders: 1 }),
            }
        }
        assert_eq!(book.levels(side).collect::<Vec<_>>(), levels);
        assert_eq!(book.best(side), levels.first().copied());
        let words = orders.iter().map(|o| format!("{}:{}@{}", o.order_id, o.quantity, o.price));
        words.collect::<Vec<_>>().join(" ")
    };
    format!("{} | {}", side(Side::BUY), side(Side::SELL))
}

#[test]
fn price_then_time() {
    let mut book = Book::new();
    for (id, side, price) in [
        (1, Side::BUY, 100),
        (2, Side::BUY, 101),
        (3, Side::BUY, 100),
        (4, Side::SELL, 103),
        (5, Side::SELL, 102),
        (6, Side::SELL, 103),
    ] {
        book.add(order(id, side, price, 10 * id)).unwrap();
    }
    assert_eq!(show(&book), "2:20@101 1:10@100 3:30@100 | 5:50@102 4:40@103 6:60@103");
    assert_eq!((book.order_count(), book.level_count()), (6, 4));
    assert_eq!(book.order(4), Some(order(4, Side::SELL, 103, 40)));
    assert!(!book.is_crossed());

    book.take(1, 4, 6).unwrap();
    book.take(5, 50, 0).unwrap();
    assert_eq!(show(&book), "2:20@101 1:6@100 3:30@100 | 4:40@103 6:60@103");
    book.modify(1, 100, 5, false).unwrap();
    assert_eq!(show(&book), "2:20@101 1:5@100 3:30@100 | 4:40@103 6:60@103");
    book.modify(1, 100, 5, true).unwrap();
    book.modify(4, 102, 41, true).unwrap();
    assert_eq!(show(&book), "2:20@101 3:30@100 1:5@100 | 4:41@102 6:60@103");
    book.clear();
    assert_eq!(show(&book), " | ");
    assert_eq!(book.order(6), None);
}

#[test]
fn the_largest_prices_sort_too() {
    let mut book = Book::new();
    for (id, price) in [(1, i64::MIN), (2, i64::MAX), (3, 0)] {
        book.add(order(id, Side::BUY, price, 1)).unwrap();
        book.add(order(id + 10, Side::SELL, price, 1)).unwrap();
    }
    let ids = |side| book.orders(side).map(|o| o.order_id).collect::<Vec<_>>();
    assert_eq!((ids(Side::BUY), ids(Side::SELL)), (vec![2, 3, 1], vec![11, 13, 12]));
    assert!(book.is_crossed());
}

#[test]
fn what_cannot_be_is_named() {
    let mut book = Book::new();
    book.add(order(1, Side::BUY, 100, 10)).unwrap();
    let before = show(&book);
    assert_eq!(book.take(2, 1, 1), Err(BookError::UnknownOrder { order_id: 2 }));
    assert_eq!(book.modify(2, 1, 1, true), Err(BookError::UnknownOrder { order_id: 2 }));
    assert_eq!(
        book.add(order(1, Side::SELL, 5, 5)),
        Err(BookError::DuplicateOrder { order_id: 1 })
    );
    assert_eq!(
        book.add(order(3, Side(7), 5, 5)),
        Err(BookError::UnknownSide { order_id: 3, code: 7 })
    );
    assert_eq!(book.add(order(3, Side::BUY, 5, 0)), Err(BookError::QuantityZero { order_id: 3 }));
    assert_eq!(book.modify(1, 5, 0, true), Err(BookError::QuantityZero { order_id: 1 }));
    let overflow = Err(BookError::QuantityOverflow { order_id: 3 });
    assert_eq!(book.add(order(3, Side::BUY, 100, u64::MAX)), overflow);
    assert_eq!(show(&book), before);

    assert_eq!(
        book.take(1, 3, 6),
        Err(BookError::QuantityMismatch { order_id: 1, rested: 10, taken: 3, remaining: 6 })
    );
    assert_eq!(show(&book), "1:6@100 | ", "what remains is believed");
    assert_eq!(
        book.take(1, 9, 0),
        Err(BookError::QuantityMismatch { order_id: 1, rested: 6, taken: 9, remaining: 0 })
    );
    assert_eq!(show(&book), " | ");
}

#[test]
fn an_overflow_in_a_modification_leaves_the_order() {
    let mut book = Book::new();
    book.add(order(1, Side::BUY, 100, u64::MAX)).unwrap();
    book.add(order(2, Side::BUY, 101, 5)).unwrap();
    let overflow = Err(BookError::QuantityOverflow { order_id: 2 });
    assert_eq!(book.modify(2, 100, 5, true), overflow);
    assert_eq!(show(&book), format!("2:5@101 1:{}@100 | ", u64::MAX));
    book.add(order(3, Side::BUY, 101, 1)).unwrap();
    assert_eq!(book.take(3, 0, u64::MAX), Err(BookError::QuantityOverflow { order_id: 3 }));
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A list of orders in the sequence in which they got their priority; sorted when looked at.
#[derive(Default)]
struct NaiveBook {
    orders: Vec<Order>,
}

impl NaiveBook {
    fn side(&self, side: Side) -> Vec<Order> {
        let mut orders: Vec<Order> =
            self.orders.iter().filter(|o| o.side == side).copied().collect();
        orders.sort_by_key(|o| i128::from(o.price) * if side == Side::BUY { -1 } else { 1 });
        orders
    }

    /// CRC-32 over the definition's bytes, computed bit by bit.
    fn checksum(&self) -> u32 {
        let orders = [self.side(Side::BUY), self.side(Side::SELL)].concat();
        let mut bytes = Vec::new();
        for order in orders {
            bytes.extend(order.order_id.to_le_bytes());
            bytes.extend(order.price.to_le_bytes());
            bytes.extend(order.quantity.to_le_bytes());
        }
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1))
            })
        })
    }
}

#[test]
fn a_naive_twin_holds_the_same_orders() {
    let (mut seed, mut next_id, mut peak) = (0xb00c, 1, 0);
    let (mut book, mut twin) = (Book::new(), NaiveBook::default());
    for step in 0..30_000 {
        let choice = splitmix64(&mut seed) % 100;
        let price = 10_000 + (splitmix64(&mut seed) % 40).cast_signed() * 100;
        let quantity = 1 + splitmix64(&mut seed) % 500;
        let growing = step % 2_000 < 1_000;
        if twin.orders.is_empty() || choice < if growing { 60 } else { 30 } {
            let side = [Side::BUY, Side::SELL][(splitmix64(&mut seed) % 2) as usize];
            let new = order(next_id, side, price, quantity);
            next_id += 1;
            book.add(new).unwrap();
            twin.orders.push(new);
        } else {
            let at = (splitmix64(&mut seed) % twin.orders.len() as u64) as usize;
            let resting = twin.orders[at];
            if choice < 90 {
                let taken =
                    if choice < 75 { resting.quantity } else { quantity.min(resting.quantity) };
                let remaining = resting.quantity - taken;
                book.take(resting.order_id, taken, remaining).unwrap();
                twin.orders[at].quantity = remaining;
                twin.orders.retain(|o| o.quantity > 0);
            } else if choice < 93 {
                book.modify(resting.order_id, resting.price, quantity, false).unwrap();
                twin.orders[at].quantity = quantity;
            } else {
                book.modify(resting.order_id, price, quantity, true).unwrap();
                twin.orders.remove(at);
                twin.orders.push(Order { price, quantity, ..resting });
            }
        }
        peak = peak.max(twin.orders.len());
        assert_eq!(book.order_count(), twin.orders.len());
        if step % 50 == 0 {
            show(&book);
            for side in [Side::BUY, Side::SELL] {
                assert!(book.orders(side).eq(twin.side(side)), "step {step}");
            }
            assert_eq!(book.checksum(), twin.checksum(), "step {step}");
        }
    }
    assert!(peak > 200, "{peak}");
    assert!(book.slots.len() == peak, "slots are used again");
}

#[test]
fn an_l2_checksum_covers_its_depth() {
    let mut book = Book::new();
    for (id, side, price) in
        [(1, Side::BUY, 99), (2, Side::BUY, 99), (3, Side::BUY, 98), (4, Side::SELL, 101)]
    {
        book.add(order(id, side, price, 10 * id)).unwrap();
    }
    let of = |levels: &[(i64, u64, u32)]| {
        let mut checksum = L2Checksum::new();
        levels.iter().for_each(|(price, quantity, orders)| {
            checksum.level(*price, *quantity, *orders);
        });
        checksum.finish()
    };
    assert_eq!(book.checksum_l2(1), of(&[(99, 30, 2), (101, 40, 1)]));
    assert_eq!(book.checksum_l2(5), of(&[(99, 30, 2), (98, 30, 1), (101, 40, 1)]));
}
