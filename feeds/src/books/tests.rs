//! What books make of a feed, and what they say about a wrong one.

use std::collections::HashMap;

use isochron_messages::{
    BestBidOffer, BookChecksum, BooleanFlag, EventFlags, InstrumentDefinition, LevelChanged,
    Message, OrderAdded, OrderDeleted, OrderExecuted, OrderModified, OrderReduced, Phase, Side,
    Statistics, SystemEvent, SystemEventCode, Trade, TradingStatus,
};

use super::*;
use crate::book::{BookError, Level};
use crate::checksum::L3Checksum;
use crate::ladder::LadderError;
use crate::quotes::QuoteError;

const END: EventFlags = EventFlags::END_OF_EVENT;

/// Gives messages their numbers within the instrument, then applies them.
#[derive(Default)]
struct Feed {
    books: Books,
    sequences: HashMap<u32, u32>,
}

impl Feed {
    fn apply(&mut self, message: impl Into<Message>) -> Result<(), FeedError> {
        let mut message = message.into();
        if message.instrument() > 0 {
            let sequence = self.sequences.entry(message.instrument()).or_default();
            *sequence += 1;
            message.set_instrument_sequence(*sequence);
        }
        self.books.apply(&message)
    }

    fn skip(&mut self, instrument: u32) {
        *self.sequences.entry(instrument).or_default() += 1;
    }
}

fn added(instrument: u32, order_id: u64, side: Side, price: i64, quantity: u64) -> OrderAdded {
    OrderAdded { instrument, order_id, side, price, quantity, flags: END, ..Default::default() }
}

#[test]
fn a_feed_becomes_books() {
    let mut feed = Feed::default();
    let definition = InstrumentDefinition {
        instrument: 1,
        symbol: *b"AAPL\0\0\0\0",
        reference_price: Some(100),
        ..Default::default()
    };
    feed.apply(SystemEvent::default()).unwrap();
    feed.apply(definition).unwrap();
    let status = TradingStatus { instrument: 1, phase: Phase::OPEN, ..Default::default() };
    feed.apply(status).unwrap();
    feed.apply(added(1, 1, Side::SELL, 101, 50)).unwrap();
    feed.apply(added(1, 2, Side::SELL, 101, 60)).unwrap();
    feed.apply(added(2, 3, Side::BUY, 7, 8)).unwrap();
    let executed = OrderExecuted {
        instrument: 1,
        order_id: 1,
        executed_quantity: 20,
        remaining_quantity: 30,
        ..Default::default()
    };
    feed.apply(executed).unwrap();
    assert!(!feed.books.is_at_end_of_event());
    let trade = Trade { instrument: 1, price: 101, quantity: 20, flags: END, ..Default::default() };
    feed.apply(trade).unwrap();
    let reduced = OrderReduced {
        instrument: 1,
        order_id: 2,
        canceled_quantity: 10,
        remaining_quantity: 50,
        ..Default::default()
    };
    feed.apply(reduced).unwrap();
    let modified = OrderModified {
        instrument: 1,
        order_id: 1,
        price: 102,
        quantity: 25,
        priority_lost: BooleanFlag::YES,
        ..Default::default()
    };
    feed.apply(modified).unwrap();
    let deleted =
        OrderDeleted { instrument: 2, order_id: 3, canceled_quantity: 8, ..Default::default() };
    feed.apply(deleted).unwrap();

    let mut checksum = L3Checksum::new();
    checksum.order(2, 101, 50);
    checksum.order(1, 102, 25);
    let checksum = BookChecksum {
        instrument: 1,
        checksum: checksum.finish(),
        orders: 2,
        levels: 2,
        flags: END,
        ..Default::default()
    };
    feed.apply(checksum).unwrap();

    let apple = feed.books.get(1).unwrap();
    assert_eq!(apple.definition.unwrap().symbol, *b"AAPL\0\0\0\0");
    assert_eq!((apple.phase, apple.reference_price), (Some(Phase::OPEN), Some(100)));
    assert!(apple.is_current() && feed.books.is_at_end_of_event());
    assert_eq!(apple.last_trade.unwrap().quantity, 20);
    assert_eq!(feed.books.get(2).unwrap().book.order_count(), 0);
    let ids: Vec<u32> = feed.books.instruments().iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1, 2]);
    let statistics = feed.books.statistics();
    assert_eq!((statistics.messages, statistics.trades), (12, 1));
    assert_eq!((statistics.checksums_verified, statistics.checksums_failed), (1, 0));
}

#[test]
fn a_wrong_book_is_named() {
    let mut feed = Feed::default();
    feed.apply(added(1, 1, Side::BUY, 10, 5)).unwrap();
    let message =
        BookChecksum { instrument: 1, event_id: 77, orders: 1, levels: 1, ..Default::default() };
    let mut right = L3Checksum::new();
    right.order(1, 10, 5);
    let right = right.finish();
    assert_eq!(
        feed.apply(BookChecksum { checksum: right ^ 1, ..message }),
        Err(FeedError::Checksum {
            instrument: 1,
            event_id: 77,
            expected: (right ^ 1, 1, 1),
            found: (right, 1, 1)
        })
    );
    feed.apply(BookChecksum { checksum: right, ..message }).unwrap();
    for wrong in [
        BookChecksum { checksum: right, orders: 2, ..message },
        BookChecksum { checksum: right, levels: 0, ..message },
    ] {
        assert!(matches!(feed.apply(wrong), Err(FeedError::Checksum { .. })));
    }
    let statistics = feed.books.statistics();
    assert_eq!((statistics.checksums_verified, statistics.checksums_failed), (1, 3));
    assert!(!feed.books.get(1).unwrap().is_current());
}

#[test]
fn a_lost_message_spoils_one_instrument() {
    let mut feed = Feed::default();
    feed.apply(added(1, 1, Side::BUY, 10, 5)).unwrap();
    feed.apply(added(2, 2, Side::BUY, 10, 5)).unwrap();
    feed.skip(1);
    assert_eq!(
        feed.apply(added(1, 4, Side::BUY, 10, 5)),
        Err(FeedError::InstrumentGap { instrument: 1, expected: 2, found: 3 })
    );
    let deleted = OrderDeleted { instrument: 1, order_id: 3, ..Default::default() };
    let error = BookError::UnknownOrder { order_id: 3 };
    assert_eq!(feed.apply(deleted), Err(FeedError::Book { instrument: 1, error }));
    feed.apply(added(2, 5, Side::BUY, 10, 5)).unwrap();
    let complete = |id| feed.books.get(id).unwrap().is_current();
    assert_eq!((complete(1), complete(2)), (false, true));
    let statistics = feed.books.statistics();
    assert_eq!((statistics.instrument_gaps, statistics.unknown_orders), (1, 1));
    assert_eq!(feed.books.get(1).unwrap().book.order_count(), 2, "it goes on");
}

#[test]
fn a_book_is_cleared_first() {
    let mut feed = Feed::default();
    feed.apply(added(1, 1, Side::BUY, 10, 5)).unwrap();
    feed.apply(added(2, 2, Side::BUY, 10, 5)).unwrap();
    let flags = EventFlags::CLEAR_BOOK | END;
    feed.apply(OrderAdded { flags, ..added(1, 3, Side::BUY, 9, 4) }).unwrap();
    let ids = |feed: &Feed, id| {
        let book = &feed.books.get(id).unwrap().book;
        book.orders(Side::BUY).map(|o| o.order_id).collect::<Vec<_>>()
    };
    assert_eq!((ids(&feed, 1), ids(&feed, 2)), (vec![3], vec![2]));
    feed.apply(SystemEvent { flags, ..Default::default() }).unwrap();
    assert_eq!((ids(&feed, 1), ids(&feed, 2)), (vec![], vec![]));
}

#[test]
fn messages_without_an_instrument_are_refused_where_they_need_one() {
    let mut feed = Feed::default();
    assert_eq!(
        feed.apply(added(0, 1, Side::BUY, 10, 5)),
        Err(FeedError::NoInstrument { template_id: OrderAdded::TEMPLATE_ID })
    );
    for instrument in 1..=INSTRUMENTS_MAX as u32 {
        feed.apply(TradingStatus { instrument, ..Default::default() }).unwrap();
    }
    let instrument = INSTRUMENTS_MAX as u32 + 1;
    let status = TradingStatus { instrument, ..Default::default() };
    assert_eq!(feed.apply(status), Err(FeedError::TooManyInstruments { instrument }));
    assert_eq!(feed.books.statistics().impossible, 2);
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Messages that are well formed and make no sense: errors, never a panic, and each book's levels
/// stay the sum of its orders.
#[test]
fn nonsense_is_counted_and_levels_stay_right() {
    let (mut seed, mut books) = (0xbad, Books::new());
    let quantities = [0, 1, 2, 10, u64::MAX / 2, u64::MAX];
    let prices = [i64::MIN, -1, 0, 1, 100, i64::MAX];
    let mut refused = 0;
    for _ in 0..50_000 {
        let mut pick = |below: usize| (splitmix64(&mut seed) % below as u64) as usize;
        let (order_id, instrument) = (pick(40) as u64, pick(3) as u32);
        let (price, quantity) = (prices[pick(6)], quantities[pick(6)]);
        let (taken, side) = (quantities[pick(6)], Side(pick(4) as u8));
        let mut message: Message = match pick(7) {
            0 | 1 => OrderAdded { order_id, price, quantity, side, ..Default::default() }.into(),
            2 => OrderExecuted {
                order_id,
                executed_quantity: taken,
                remaining_quantity: quantity,
                ..Default::default()
            }
            .into(),
            3 => OrderReduced {
                order_id,
                canceled_quantity: taken,
                remaining_quantity: quantity,
                ..Default::default()
            }
            .into(),
            4 => OrderDeleted { order_id, canceled_quantity: taken, ..Default::default() }.into(),
            5 => {
                let priority_lost = BooleanFlag(pick(3) as u8);
                OrderModified { order_id, price, quantity, priority_lost, ..Default::default() }
                    .into()
            }
            _ => BookChecksum { checksum: pick(9) as u32, ..Default::default() }.into(),
        };
        message.set_instrument(instrument);
        message.set_instrument_sequence(splitmix64(&mut seed) as u32);
        refused += u64::from(books.apply(&message).is_err());
        for (_, known) in books.instruments() {
            for side in [Side::BUY, Side::SELL] {
                let orders = known.book.orders(side);
                let sum: u128 = orders.map(|order| u128::from(order.quantity)).sum();
                let levels = known.book.levels(side);
                assert_eq!(levels.map(|level| u128::from(level.quantity)).sum::<u128>(), sum);
            }
        }
    }
    let statistics = books.statistics();
    assert!(refused > 10_000 && statistics.unknown_orders > 1_000, "{statistics:?}");
    assert!(statistics.impossible > 1_000 && statistics.checksums_failed > 1_000, "{statistics:?}");
}

#[test]
fn a_stale_instrument_says_why_and_since_when() {
    let mut feed = Feed::default();
    for instrument in [1, 2] {
        feed.apply(added(instrument, u64::from(instrument), Side::BUY, 10, 5)).unwrap();
    }
    assert_eq!(feed.books.get(1).unwrap().health, Health::Current);
    feed.skip(1);
    let gap = feed.apply(added(1, 4, Side::BUY, 10, 5)).unwrap_err();
    let unknown = OrderDeleted { instrument: 1, order_id: 3, ..Default::default() };
    feed.apply(unknown).unwrap_err();
    let stale = Health::Stale { since: 2, why: gap };
    assert_eq!(feed.books.get(1).unwrap().health, stale, "what was wrong first");
    assert!(matches!(gap, FeedError::InstrumentGap { expected: 2, found: 3, .. }));
    assert_eq!((feed.books.stale(), feed.books.get(2).unwrap().is_current()), (1, true));

    // All of it told anew, it can be believed, whatever its number.
    feed.skip(1);
    let clear = EventFlags::CLEAR_BOOK | END;
    let definition = InstrumentDefinition { instrument: 1, flags: clear, ..Default::default() };
    feed.apply(definition).unwrap();
    feed.apply(added(1, 8, Side::BUY, 10, 5)).unwrap();
    assert_eq!((feed.books.stale(), feed.books.get(1).unwrap().book.order_count()), (0, 1));

    // And so does a session that begins.
    feed.apply(unknown).unwrap_err();
    let code = SystemEventCode::START_OF_MESSAGES;
    feed.apply(SystemEvent { code, ..Default::default() }).unwrap();
    assert_eq!((feed.books.stale(), feed.books.instruments().len()), (0, 0));
    let first = OrderAdded { instrument_sequence: 1, ..added(1, 1, Side::BUY, 10, 5) };
    feed.books.apply(&first.into()).unwrap();
}

#[test]
fn levels_and_quotes_are_kept_and_judged() {
    let mut feed = Feed { books: Books::of(Product::L2Depth5), ..Feed::default() };
    let level = |price, quantity, order_count| LevelChanged {
        instrument: 1,
        side: Side::BUY,
        price,
        quantity,
        order_count,
        flags: END,
        ..Default::default()
    };
    for price in 1..=5 {
        feed.apply(level(price, 10, 1)).unwrap();
    }
    let known = feed.books.get(1).unwrap();
    let best = Level { price: 5, quantity: 10, orders: 1 };
    assert_eq!((known.levels(Side::BUY).next(), known.levels(Side::BUY).count()), (Some(best), 5));
    let (checksum, orders, levels) = known.checksum();
    assert_eq!((orders, levels), (5, 5));
    let proof =
        BookChecksum { instrument: 1, checksum, orders, levels, flags: END, ..Default::default() };
    feed.apply(proof).unwrap();
    let error = LadderError::TooManyLevels { price: 6, depth: 5 };
    assert_eq!(feed.apply(level(6, 1, 1)), Err(FeedError::Level { instrument: 1, error }));
    assert!(!feed.books.get(1).unwrap().is_current());
    assert!(matches!(
        feed.apply(BookChecksum { checksum: 0, ..proof }),
        Err(FeedError::Checksum { .. })
    ));

    let mut feed = Feed { books: Books::of(Product::L1), ..Feed::default() };
    let crossed = BestBidOffer {
        instrument: 1,
        bid_price: Some(5),
        bid_quantity: 1,
        bid_order_count: 1,
        ask_price: Some(5),
        ask_quantity: 1,
        ask_order_count: 1,
        ..Default::default()
    };
    let error = QuoteError::Crossed { bid: 5, ask: 5 };
    assert_eq!(feed.apply(crossed), Err(FeedError::Quote { instrument: 1, error }));
    let day = Statistics { instrument: 2, ..Default::default() };
    feed.apply(day).unwrap();
    assert_eq!(feed.books.statistics().impossible, 1);
}

/// What a stranger says of orders may be more than both sides' sum can hold.
#[test]
fn a_quote_of_more_orders_than_are_counted_is_no_panic() {
    let mut feed = Feed { books: Books::of(Product::L1), ..Feed::default() };
    let quote = BestBidOffer {
        instrument: 1,
        bid_price: Some(5),
        bid_quantity: u64::from(u32::MAX),
        bid_order_count: u32::MAX,
        ask_price: Some(6),
        ask_quantity: 2,
        ask_order_count: 2,
        ..Default::default()
    };
    feed.apply(quote).unwrap();
    let (_, _, levels) = feed.books.get(1).unwrap().checksum();
    assert_eq!(levels, 2);
}

/// Each product has its own messages, and those of all.
#[test]
fn messages_of_another_product_are_refused() {
    let order = Message::from(added(1, 1, Side::BUY, 10, 5));
    let level = LevelChanged { instrument: 1, ..Default::default() }.into();
    let best = BestBidOffer { instrument: 1, ..Default::default() }.into();
    let day = Statistics { instrument: 1, ..Default::default() }.into();
    let proof = BookChecksum { instrument: 1, ..Default::default() }.into();
    for (product, foreign) in [
        (Product::L1, vec![order, level, proof]),
        (Product::L1Conflated, vec![order, level, proof]),
        (Product::L2, vec![order, best, day]),
        (Product::L2Depth10, vec![order, best, day]),
        (Product::L3, vec![level, best, day]),
    ] {
        for message in foreign {
            let mut feed = Feed { books: Books::of(product), ..Feed::default() };
            let template_id = message.template_id();
            assert_eq!(feed.apply(message), Err(FeedError::Foreign { product, template_id }));
            feed.apply(Trade { instrument: 1, ..Default::default() }).unwrap();
        }
    }
}
