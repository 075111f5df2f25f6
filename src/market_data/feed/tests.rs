//! The L3 feed of small scenarios, line by line, and of a random exchange against its own books.

mod exchange;
mod log;
mod products;
mod restore;
mod twin;

use std::collections::{BTreeMap, BTreeSet};

use isochron_events as events;
use isochron_events::{
    AdministrationApplied, AdministrationRejected, BalanceChanged, CancelOrderEvent, Continuation,
    DayEnded, DayEnding, DayStarted, DefineInstrument, MassCancelDone, MassCancelEvent,
    NewOrderEvent, PhaseChange, ReplaceOrderEvent, Side,
};
use isochron_feeds::books::Books;
use isochron_messages::{EventFlags, Message};

use self::exchange::NaiveExchange;
use self::log::{Log, START, accepted, canceled, filled, of, replaced};
use super::*;

fn run(events: &[LogMessage]) -> (Feed, Vec<Message>) {
    run_product(Product::L3, events)
}

/// The messages of one product, of all partitions; a conflated one's every second.
fn run_product(product: Product, events: &[LogMessage]) -> (Feed, Vec<Message>) {
    let mut core = Feed::new(&Plan::new(&[product], SECOND_NS));
    let mut feed = Vec::new();
    for event in events {
        core.on_event(event, &mut |output| {
            if let Output::Message { bytes, .. } = output {
                feed.push(Message::decode(bytes).unwrap());
            }
        });
    }
    (core, feed)
}

fn show(message: &Message) -> String {
    let flags = message.flags();
    let mark = |flag, mark| if flags.contains(flag) { mark } else { "" };
    let text = match message {
        Message::InstrumentDefinition(m) => format!("define {:?}", m.reference_price),
        Message::TradingStatus(m) => format!("status {}", m.phase),
        Message::SystemEvent(m) => format!("{} {}", m.code, m.trading_date),
        Message::OrderAdded(m) => {
            format!("added #{} {} {}@{}", m.order_id, m.side, m.quantity, m.price)
        }
        Message::OrderExecuted(m) => format!(
            "executed #{} match {} {}@{} leaves {}",
            m.order_id, m.match_id, m.executed_quantity, m.price, m.remaining_quantity
        ),
        Message::OrderReduced(m) => {
            format!(
                "reduced #{} by {} to {}",
                m.order_id, m.canceled_quantity, m.remaining_quantity
            )
        }
        Message::OrderDeleted(m) => {
            format!("deleted #{} {} {}", m.order_id, m.canceled_quantity, m.remaining_quantity)
        }
        Message::OrderModified(m) => {
            format!("modified #{} {}@{} {}", m.order_id, m.quantity, m.price, m.priority_lost)
        }
        Message::Trade(m) => {
            format!("trade {} {}@{} {}", m.match_id, m.quantity, m.price, m.aggressor_side)
        }
        Message::BookChecksum(m) => format!("checksum {} {}", m.orders, m.levels),
        Message::LevelChanged(m) => {
            format!("level {} {}@{} of {}", m.side, m.quantity, m.price, m.order_count)
        }
        Message::BestBidOffer(m) => format!(
            "best {} | {}",
            show_level(m.bid_price, m.bid_quantity, m.bid_order_count),
            show_level(m.ask_price, m.ask_quantity, m.ask_order_count)
        ),
        Message::Statistics(m) => {
            let prices = [m.open_price, m.high_price, m.low_price, m.last_price];
            let prices = prices.map(|price| price.map_or("-".to_owned(), |p| p.to_string()));
            format!("day {} {} of {} for {}", prices.join(" "), m.trades, m.volume, m.notional)
        }
        other => panic!("no message of the feed: {other}"),
    };
    format!(
        "{}{}.{} {text}{}",
        mark(EventFlags::START_OF_EVENT, "["),
        message.instrument(),
        message.instrument_sequence(),
        mark(EventFlags::END_OF_EVENT, "]")
    )
}

fn show_level(price: Option<i64>, quantity: u64, orders: u32) -> String {
    price.map_or("-".to_owned(), |price| format!("{quantity}@{price} of {orders}"))
}

fn check(log: &Log, skipped: usize, expected: &str) {
    check_product(Product::L3, log, skipped, expected);
}

fn check_product(product: Product, log: &Log, skipped: usize, expected: &str) {
    let (core, feed) = run_product(product, &log.events);
    let lines: Vec<_> = feed.iter().skip(skipped).map(show).collect();
    let expected: Vec<_> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(lines, expected);
    assert_eq!(core.anomalies(), 0);
}

/// A log with instrument 1 open for trading, and how many feed messages that made.
fn open_market() -> (Log, usize) {
    let mut log = Log::new();
    log.day(20_261_122);
    log.define(1, 100);
    log.phase(0, events::Phase::OPEN);
    (log, 6)
}

#[test]
fn a_session_begins_with_what_was_defined_before() {
    let mut log = Log::new();
    log.define(2, 0);
    log.define(1, 50);
    log.phase(1, events::Phase::PRE_OPEN);
    log.day(20_261_122);
    log.phase(0, events::Phase::OPEN);
    log.define(3, 7);
    let ended = DayEnded { trading_date: 20_261_122, ..Default::default() };
    log.event(vec![ended.into()]);
    check(
        &log,
        0,
        "[0.0 startOfMessages 20261122
         1.1 define Some(50)
         1.2 status preOpen
         2.1 define None
         2.2 status closed
         0.0 startOfDay 20261122
         1.3 checksum 0 0
         2.3 checksum 0 0]
         [1.4 status open
         2.4 status open]
         [3.1 define Some(7)
         3.2 status open
         3.3 checksum 0 0]
         [0.0 endOfDay 20261122]",
    );
}

#[test]
fn refused_administration_says_nothing() {
    let (mut log, skipped) = open_market();
    let define = DefineInstrument { instrument: 2, ..Default::default() };
    log.event(vec![define.into(), AdministrationRejected::default().into()]);
    let day = DayStarted { trading_date: 20_261_121, ..Default::default() };
    log.event(vec![day.into(), AdministrationRejected::default().into()]);
    log.applied(PhaseChange::default());
    check(&log, skipped, "");
}

#[test]
fn an_order_enters_with_what_rests() {
    let (mut log, skipped) = open_market();
    log.now += SECOND_NS;
    log.event(vec![NewOrderEvent::default().into(), accepted(1, Side::SELL, 100, 30)]);
    log.event(vec![NewOrderEvent::default().into(), accepted(2, Side::SELL, 101, 30)]);
    let mut sweep = vec![NewOrderEvent::default().into(), accepted(3, Side::BUY, 100, 50)];
    sweep.extend(filled(1, Side::BUY, 30, (1, 0), (3, 20)));
    log.event(sweep);
    // An IOC that trades a part, and a FOK that does not trade: nothing of theirs rests.
    let mut ioc = vec![NewOrderEvent::default().into(), accepted(4, Side::SELL, 100, 25)];
    ioc.extend(filled(2, Side::SELL, 20, (3, 0), (4, 5)));
    ioc.push(canceled(4));
    log.event(ioc);
    log.event(vec![NewOrderEvent::default().into(), accepted(5, Side::BUY, 100, 9), canceled(5)]);
    log.event(vec![CancelOrderEvent::default().into(), canceled(2)]);
    check(
        &log,
        skipped,
        "[1.5 added #1 sell 30@100
         1.6 checksum 1 1]
         [1.7 added #2 sell 30@101]
         [1.8 executed #1 match 1 30@100 leaves 0
         1.9 trade 1 30@100 buy
         1.10 added #3 buy 20@100]
         [1.11 executed #3 match 2 20@100 leaves 0
         1.12 trade 2 20@100 sell]
         [1.13 deleted #2 30 0]",
    );
}

#[test]
fn replaces_keep_lose_or_leave() {
    let (mut log, skipped) = open_market();
    for (id, side, price) in [(1, Side::SELL, 102), (2, Side::BUY, 100), (3, Side::BUY, 99)] {
        log.event(vec![NewOrderEvent::default().into(), accepted(id, side, price, 30)]);
    }
    let replace = || LogMessage::from(ReplaceOrderEvent::default());
    log.event(vec![replace(), replaced(1, 102, 20, false)]);
    log.event(vec![replace(), replaced(1, 103, 25, true)]);
    // Moved to 100 it trades with #2, and what rests comes back.
    let mut trades = vec![replace(), replaced(1, 100, 45, true)];
    trades.extend(filled(1, Side::SELL, 30, (2, 0), (1, 15)));
    log.event(trades);
    // A total at or below what is executed cancels the rest.
    log.event(vec![replace(), canceled(1)]);
    // Moved over its owner's resting order: that one goes, or it goes itself.
    log.event(vec![NewOrderEvent::default().into(), accepted(4, Side::SELL, 102, 5)]);
    log.event(vec![replace(), replaced(4, 99, 6, true), canceled(3)]);
    log.event(vec![NewOrderEvent::default().into(), accepted(5, Side::BUY, 98, 5)]);
    log.event(vec![replace(), replaced(5, 99, 6, true), canceled(5)]);
    check(
        &log,
        skipped + 3,
        "[1.8 reduced #1 by 10 to 20]
         [1.9 modified #1 25@103 yes]
         [1.10 deleted #1 25 0
         1.11 executed #2 match 1 30@100 leaves 0
         1.12 trade 1 30@100 sell
         1.13 added #1 sell 15@100]
         [1.14 deleted #1 15 0]
         [1.15 added #4 sell 5@102]
         [1.16 deleted #3 30 0
         1.17 modified #4 6@99 yes]
         [1.18 added #5 buy 5@98]
         [1.19 deleted #5 5 0]",
    );
}

#[test]
fn an_event_spans_its_transactions() {
    let (mut log, skipped) = open_market();
    for id in [1, 2] {
        log.event(vec![NewOrderEvent::default().into(), accepted(id, Side::SELL, 100, 10)]);
    }
    let mut first = vec![NewOrderEvent::default().into(), accepted(3, Side::BUY, 100, 30)];
    first.extend(filled(1, Side::BUY, 10, (1, 0), (3, 20)));
    log.transaction(first, false);
    // A restart between the two: an epoch's transaction is no part of the event.
    let cause = std::mem::take(&mut log.cause);
    log.event(vec![events::EpochStarted::default().into()]);
    log.cause = cause;
    log.now += 5;
    let mut second = vec![LogMessage::from(Continuation::default())];
    second.extend(filled(2, Side::BUY, 10, (2, 0), (3, 10)));
    log.transaction(second, true);
    check(
        &log,
        skipped + 2,
        "[1.7 executed #1 match 1 10@100 leaves 0
         1.8 trade 1 10@100 buy
         1.9 executed #2 match 2 10@100 leaves 0
         1.10 trade 2 10@100 buy
         1.11 added #3 buy 10@100]",
    );
    let (_, feed) = run(&log.events);
    let event: Vec<_> = feed.iter().skip(skipped + 2).collect();
    assert!(event.iter().all(|message| message.event_id() == cause));
    let times: Vec<_> = event.iter().map(|message| message.transaction_time()).collect();
    assert_eq!(times, [START, START, START + 5, START + 5, START + 5]);
}

/// Two instruments with two orders each, and how many feed messages that made.
fn two_books() -> (Log, usize) {
    let (mut log, skipped) = open_market();
    log.define(2, 50);
    for order in [
        accepted(1, Side::SELL, 101, 10),
        of(2, accepted(2, Side::BUY, 49, 20)),
        accepted(3, Side::BUY, 99, 30),
        of(2, accepted(4, Side::SELL, 51, 40)),
    ] {
        log.event(vec![NewOrderEvent::default().into(), order]);
    }
    (log, skipped + 3 + 4)
}

#[test]
fn a_mass_cancel_is_one_event_over_instruments_and_steps() {
    let (mut log, skipped) = two_books();
    let cancels = vec![MassCancelEvent::default().into(), canceled(1), of(2, canceled(2))];
    log.transaction(cancels, false);
    let cause = log.cause;
    log.now += SECOND_NS;
    // A step may find nothing to cancel.
    log.transaction(vec![Continuation::default().into()], false);
    let last = vec![Continuation::default().into(), canceled(3), MassCancelDone::default().into()];
    log.transaction(last, true);
    log.event(vec![MassCancelEvent::default().into(), MassCancelDone::default().into()]);
    log.event(vec![CancelOrderEvent::default().into(), of(2, canceled(4))]);
    check(
        &log,
        skipped,
        "[1.7 deleted #1 10 0
         2.6 deleted #2 20 0
         1.8 deleted #3 30 0
         1.9 checksum 0 0
         2.7 checksum 1 1]
         [2.8 deleted #4 40 0]",
    );
    let (_, feed) = run(&log.events);
    let events: Vec<_> = feed.iter().skip(skipped).map(Message::event_id).collect();
    assert_eq!(events, [cause, cause, cause, cause, cause, cause + 4]);
}

#[test]
fn an_end_of_day_is_one_event_from_the_first_expiry_to_its_end() {
    let (mut log, skipped) = two_books();
    let day = DayEnding { trading_date: 20_261_122, ..Default::default() };
    log.event(vec![day.into(), AdministrationRejected::default().into()]);
    log.phase(0, events::Phase::CLOSED);
    let applied = AdministrationApplied::default();
    log.transaction(vec![day.into(), applied.into(), canceled(3), canceled(1)], false);
    let step = || LogMessage::from(Continuation::default());
    log.transaction(vec![step(), of(2, canceled(2)), of(2, canceled(4))], false);
    let settled = || LogMessage::from(BalanceChanged::default());
    log.transaction(vec![step(), settled(), settled()], false);
    let ended = DayEnded { trading_date: 20_261_122, ..Default::default() };
    log.transaction(vec![step(), settled(), ended.into()], true);
    log.day(20_261_123);
    check(
        &log,
        skipped,
        "[1.7 status closed
         2.6 status closed]
         [1.8 deleted #3 30 0
         1.9 deleted #1 10 0
         2.7 deleted #2 20 0
         2.8 deleted #4 40 0
         0.0 endOfDay 20261122]
         [0.0 endOfMessages 20261122]
         [0.0 startOfMessages 20261123
         1.1 define Some(100)
         1.2 status closed
         2.1 define Some(50)
         2.2 status closed
         0.0 startOfDay 20261123
         1.3 checksum 0 0
         2.3 checksum 0 0]",
    );
}

#[test]
fn the_next_day_is_another_session_that_says_everything_again() {
    let (mut log, skipped) = open_market();
    log.event(vec![NewOrderEvent::default().into(), accepted(1, Side::SELL, 101, 10)]);
    log.event(vec![NewOrderEvent::default().into(), accepted(2, Side::BUY, 99, 20)]);
    log.day(20_261_123);
    check(
        &log,
        skipped + 2,
        "[0.0 endOfMessages 20261122]
         [0.0 startOfMessages 20261123
         1.1 define Some(100)
         1.2 status open
         1.3 added #2 buy 20@99
         1.4 added #1 sell 10@101
         0.0 startOfDay 20261123
         1.5 checksum 2 2]",
    );
    let mut sessions = Vec::new();
    let mut core = Feed::new(&Plan::default());
    for event in &log.events {
        core.on_event(event, &mut |output| match output {
            Output::Session { session, .. } => sessions.push((session.to_string(), 0)),
            Output::Message { .. } => sessions.last_mut().unwrap().1 += 1,
        });
    }
    assert_eq!(sessions, [("261122300A".into(), skipped + 3), ("261123300A".into(), 7)]);
}

#[test]
fn outcomes_that_fit_no_book_are_counted() {
    let (mut log, _) = open_market();
    log.event(vec![CancelOrderEvent::default().into(), canceled(9)]);
    log.event(vec![replaced(9, 1, 1, false)]);
    log.event(filled(1, Side::BUY, 5, (9, 0), (8, 0)).to_vec());
    log.transaction(vec![NewOrderEvent::default().into()], false);
    log.cause = 0;
    log.event(vec![NewOrderEvent::default().into()]);
    let (core, _) = run(&log.events);
    // The fill is wrong twice: no such maker, no such taker.
    assert_eq!(core.anomalies(), 5);
}

/// Checks that flags bracket each event, and that an order is named only while it is known.
#[derive(Default)]
struct Rules {
    open: Option<u64>,
    live: BTreeSet<u64>,
    closed: BTreeSet<u64>,
}

impl Rules {
    fn on_message(&mut self, message: &Message) {
        let flags = message.flags();
        let event_id = message.event_id();
        assert_eq!(flags.contains(EventFlags::START_OF_EVENT), self.open.is_none());
        assert_eq!(*self.open.get_or_insert(event_id), event_id);
        if flags.contains(EventFlags::END_OF_EVENT) {
            self.open = None;
            assert!(self.closed.insert(event_id), "event {event_id} was closed before");
        }
        let (order_id, remains) = match message {
            Message::OrderAdded(m) => {
                assert!(self.live.insert(m.order_id), "{} added twice", m.order_id);
                return;
            }
            Message::OrderExecuted(m) => (m.order_id, m.remaining_quantity > 0),
            Message::OrderReduced(m) => (m.order_id, true),
            Message::OrderDeleted(m) => (m.order_id, false),
            Message::OrderModified(m) => (m.order_id, true),
            _ => return,
        };
        assert!(self.live.contains(&order_id), "{order_id} was never added");
        if !remains {
            self.live.remove(&order_id);
        }
    }
}

#[test]
fn a_random_exchange_is_rebuilt_from_its_feed() {
    let mut templates = BTreeMap::<u16, u64>::new();
    for seed in 0..20 {
        let mut exchange = NaiveExchange::new(seed);
        let (mut core, mut books, mut rules) =
            (Feed::new(&Plan::default()), Books::new(), Rules::default());
        let mut done = 0;
        for step in 0..1_500 {
            exchange.step();
            for event in &exchange.log.events[done..] {
                core.on_event(event, &mut |output| {
                    let Output::Message { bytes, .. } = output else { return };
                    let message = Message::decode(bytes).unwrap();
                    *templates.entry(message.template_id()).or_default() += 1;
                    rules.on_message(&message);
                    books.apply(&message).unwrap_or_else(|error| panic!("{seed} {step} {error}"));
                });
            }
            done = exchange.log.events.len();
            assert_eq!(core.anomalies(), 0, "seed {seed} step {step}");
            assert_eq!(rules.open, None, "the event is closed");
            for (instrument, orders) in &exchange.orders {
                let book = &books.get(*instrument).unwrap().book;
                assert!(!book.is_crossed(), "seed {seed} step {step}");
                for side in [messages::Side::BUY, messages::Side::SELL] {
                    let sign = if side == messages::Side::BUY { -1 } else { 1 };
                    let mut expected: Vec<_> =
                        orders.iter().filter(|o| o.side == side).copied().collect();
                    expected.sort_by_key(|o| o.price * sign);
                    assert!(book.orders(side).eq(expected), "seed {seed} step {step}");
                }
                assert_eq!(core.book(*instrument).unwrap().checksum(), book.checksum());
            }
        }
        let statistics = books.statistics();
        assert!(statistics.checksums_verified > 20, "{statistics:?}");
        assert_eq!(statistics.checksums_failed, 0);
    }
    // Definition, status, system, the six of L3, and checksums.
    let seen: Vec<u16> = templates.keys().copied().collect();
    assert_eq!(seen, [1, 2, 3, 10, 11, 12, 13, 14, 15, 42], "{templates:?}");
    assert!(templates.values().all(|count| *count >= 20), "{templates:?}");
}

/// The same log gives the same bytes and numbers, however much of it came before.
#[test]
fn a_feed_is_a_function_of_its_log() {
    let mut exchange = NaiveExchange::new(77);
    for _ in 0..1_000 {
        exchange.step();
    }
    exchange.log.day(20_261_123);
    for _ in 0..100 {
        exchange.step();
    }
    let run = || {
        let (mut core, mut outputs) = (Feed::new(&Plan::default()), Vec::new());
        for event in &exchange.log.events {
            core.on_event(event, &mut |output| {
                outputs.push(match output {
                    Output::Session { session, .. } => (Some(session), Vec::new()),
                    Output::Message { bytes, .. } => (None, bytes.to_vec()),
                });
            });
        }
        outputs
    };
    let first = run();
    assert!(first.len() > 1_000);
    assert_eq!(first.iter().filter(|(session, _)| session.is_some()).count(), 2);
    assert!(first == run());
}
