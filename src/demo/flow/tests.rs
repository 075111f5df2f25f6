//! Flows against a state machine called directly, at once and with events that come late.

use super::refusals::{SPOILED, UNFUNDED};
use super::{Flow, Lobster, Mix, Next};
use crate::demo::tally::Tally;
use crate::matching::BookIndex;
use crate::state_machine::StateMachine;
use crate::types::{InstrumentId, OrderId, Price, Quantity, Side, Symbol};
use isochron_events::{
    BooleanFlag, CancelReason, DayStarted, Message, Phase, RejectReason, TimeInForce,
};
use std::collections::{BTreeSet, VecDeque};
use std::io::{Cursor, Write};

/// Executes commands one after the other. The flow sees the events of a command `lag` commands
/// later, or when it waits.
pub(super) struct Exchange {
    pub(super) machine: StateMachine,
    pub(super) tally: Tally,
    sequence: u64,
    lag: usize,
    unseen: VecDeque<Vec<Message>>,
    /// Commands and outcomes, but for the setup's.
    pub(super) log: Vec<Message>,
    /// When each command was due.
    pub(super) due_ns: Vec<u64>,
}

impl Exchange {
    pub(super) fn new(lag: usize) -> Self {
        Self {
            machine: StateMachine::new(),
            tally: Tally::new(),
            sequence: 0,
            lag,
            unseen: VecDeque::new(),
            log: Vec::new(),
            due_ns: Vec::new(),
        }
    }

    fn submit(&mut self, mut command: Message) {
        let mut events = Vec::new();
        loop {
            self.sequence += 1;
            command.header_mut().sequence = self.sequence;
            events.push(command);
            self.machine.execute(&command, &mut events);
            let Some(pending) = self.machine.pending() else { break };
            command = pending.into();
        }
        events.iter().for_each(|event| self.tally.on_event(event));
        self.log.extend(&events);
        self.unseen.push_back(events);
    }

    /// Shows the flow the events of all but the last `lag` commands.
    fn show(&mut self, flow: &mut dyn Flow, lag: usize) {
        while self.unseen.len() > lag {
            let events = self.unseen.pop_front().unwrap();
            events.iter().for_each(|event| flow.on_event(event));
        }
    }

    /// Plays a flow to its end.
    pub(super) fn play(self, flow: &mut dyn Flow) -> Self {
        self.play_some(flow, usize::MAX)
    }

    /// Plays the first commands of a flow.
    fn play_some(mut self, flow: &mut dyn Flow, commands: usize) -> Self {
        for command in flow.setup() {
            self.submit(command);
        }
        self.show(flow, 0);
        assert_eq!(self.tally.count(isochron_events::AdministrationRejected::TEMPLATE_ID), 0);
        self.log.clear();
        while self.due_ns.len() < commands {
            match flow.next() {
                Next::Command { command, due_ns } => {
                    self.submit(command);
                    self.due_ns.push(due_ns);
                    self.show(flow, self.lag);
                }
                Next::Wait => {
                    assert!(!self.unseen.is_empty(), "every event was seen, and the flow waits");
                    self.show(flow, self.unseen.len() - 1);
                }
                Next::Done => break,
            }
        }
        self.show(flow, 0);
        self.machine.check_conservation().unwrap();
        self
    }
}

/// The day of all tests.
pub(super) const DATE: u32 = 20_120_621;

pub(super) fn note(flow: &dyn Flow, label: &str) -> u64 {
    let notes = flow.notes();
    let found = notes.iter().find(|note| note.0 == label);
    found.unwrap_or_else(|| panic!("{label} is not in {notes:?}")).1
}

/// Whether a share of `count` in `all` is the one that was promised, in thousandths, within five
/// standard deviations of as many independent draws.
fn is_share(count: u64, all: u64, thousandths: u64) -> bool {
    let (all, share) = (all as f64, thousandths as f64 / 1000.0);
    (count as f64 - all * share).abs() < 5.0 * (all * share * (1.0 - share)).sqrt()
}

#[test]
fn the_mix_is_what_it_promises() {
    let mut mix = Mix::new(1, DATE, 200_000);
    let exchange = Exchange::new(0).play_some(&mut mix, 200_000);
    let commands: Vec<_> = exchange.log.iter().filter(|event| event.template_id() < 50).collect();
    assert_eq!(commands.len(), 200_000, "no order sweeps more makers than one step takes");
    let of = |time_in_force: TimeInForce| {
        let is = |c: &&&Message| match c {
            Message::NewOrderEvent(order) => {
                order.time_in_force == time_in_force && order.client_order_id[0] != b'x'
            }
            _ => false,
        };
        commands.iter().filter(is).count() as u64
    };
    let spoiled = note(&mix, "to_be_refused");
    assert!(is_share(spoiled, 200_000, 10), "{spoiled} to be refused");
    assert!(is_share(of(TimeInForce::FILL_OR_KILL), 200_000, 10));
    assert!(is_share(of(TimeInForce::IMMEDIATE_OR_CANCEL), 200_000, 20));
    let replaces = note(&mix, "replaces");
    assert!(is_share(replaces, 200_000, 20), "{replaces} replaces");
    // Of the other 94 %, as far as there is something to trade with.
    let aggressive = note(&mix, "aggressive");
    assert!(is_share(aggressive, 200_000 * 94 / 100, 90), "{aggressive} aggressive");
    let labels = ["passive", "aggressive", "cancels", "replaces", "ioc", "fok", "to_be_refused"];
    let all = labels.map(|label| note(&mix, label)).iter().sum::<u64>();
    assert_eq!(all + note(&mix, "phase_changes"), 200_000);
}

#[test]
fn refusals_of_the_mix_are_those_that_it_means() {
    let mut mix = Mix::new(2, DATE, 60_000);
    let exchange = Exchange::new(0).play_some(&mut mix, 60_000);
    assert_eq!(note(&mix, "refused_as_meant"), note(&mix, "to_be_refused"));
    let [unexpected, accepted, crossed] =
        ["refused_unexpectedly", "accepted_unexpectedly", "no_longer_live"].map(|l| note(&mix, l));
    assert_eq!((unexpected, accepted, crossed), (0, 0, 0));
    let more = [RejectReason::UNKNOWN_ORDER, RejectReason::CLIENT_ORDER_ID_IN_USE];
    let spoiled = SPOILED.iter().map(|(reason, _)| *reason);
    let unfunded = UNFUNDED.iter().map(|(reason, _)| *reason);
    for reason in spoiled.chain(unfunded).chain(more) {
        let refusals = exchange.tally.refusals(reason);
        // 600 over 31 kinds.
        assert!((10..=50).contains(&refusals), "{reason}: {refusals}");
    }
    let phase = exchange.tally.refusals(RejectReason::PHASE);
    assert_eq!(note(&mix, "refused_in_halt"), phase);
}

#[test]
fn one_instrument_is_halted_in_the_middle_and_reopened() {
    let mut mix = Mix::new(3, DATE, 60_000);
    let exchange = Exchange::new(0).play_some(&mut mix, 60_000);
    let at = |phase: Phase| {
        let changed = |e: &Message| match e {
            Message::PhaseChanged(e) => e.phase == phase && e.instrument == 50,
            _ => false,
        };
        exchange.log.iter().position(changed).unwrap()
    };
    let (halt, reopening) = (at(Phase::HALTED), at(Phase::OPEN));
    let commands = |log: &[Message]| log.iter().filter(|e| e.template_id() < 50).count();
    assert_eq!(commands(&exchange.log[..halt]), 30_001);
    assert_eq!(commands(&exchange.log[..reopening]), 33_001);
    let accepted = |log: &[Message]| {
        let is = |e: &&Message| matches!(e, Message::OrderAcceptedEvent(e) if e.instrument == 50);
        log.iter().filter(is).count()
    };
    let refused = |log: &[Message]| {
        let is = |e: &&Message| match e {
            Message::OrderRejectedEvent(e) => e.reason == RejectReason::PHASE && e.instrument == 50,
            _ => false,
        };
        log.iter().filter(is).count()
    };
    let halted = &exchange.log[halt..reopening];
    assert_eq!((accepted(halted), refused(&exchange.log) - refused(halted)), (0, 0));
    assert!(refused(halted) > 0 && accepted(&exchange.log[reopening..]) > 0);
}

#[test]
fn the_mix_knows_its_live_orders_and_the_best_prices() {
    for lag in [0, 1, 700] {
        let mut mix = Mix::new(4, DATE, 60_000);
        let exchange = Exchange::new(lag).play_some(&mut mix, 60_000);
        let books = exchange.machine.books();
        assert_eq!(note(&mix, "live_orders"), books.live() as u64, "lag {lag}");
        for market in 0..100_u32 {
            for side in Side::BOTH {
                let best = books.best(BookIndex(market), side).map(|level| level.price.0 / 100);
                assert_eq!(mix.best(market, side), best, "lag {lag}, market {market}, {side}");
            }
        }
        assert_eq!(note(&mix, "refused_unexpectedly"), 0);
        // Only what is seen late can name what is gone.
        assert_eq!(note(&mix, "no_longer_live") > 0, lag == 700, "lag {lag}");
    }
}

#[test]
fn the_mix_names_each_command_once() {
    let mut mix = Mix::new(5, DATE, 60_000);
    let exchange = Exchange::new(0).play_some(&mut mix, 60_000);
    let mut ids = BTreeSet::new();
    let mut again = 0;
    for event in &exchange.log {
        let id = match event {
            Message::NewOrderEvent(command) => command.client_order_id,
            Message::CancelOrderEvent(command) => command.client_order_id,
            Message::ReplaceOrderEvent(command) => command.client_order_id,
            _ => continue,
        };
        again += u64::from(!ids.insert(id));
    }
    // But for those that are refused because of their client order id.
    let tally = &exchange.tally;
    let in_use = tally.refusals(RejectReason::CLIENT_ORDER_ID_IN_USE);
    let malformed = tally.refusals(RejectReason::CLIENT_ORDER_ID_MALFORMED);
    assert_eq!(again, in_use + malformed - 1);
}

#[test]
fn the_mix_is_the_same_from_the_same_seed() {
    let hash = |seed: u64| {
        let mut mix = Mix::new(seed, DATE, 30_000);
        Exchange::new(0).play_some(&mut mix, 30_000).machine.state_hash()
    };
    let first = hash(6);
    assert_eq!(first, hash(6));
    assert_ne!(first, hash(7));
}

#[test]
fn without_answers_the_mix_waits_in_the_end() {
    let mut mix = Mix::new(8, DATE, 1_000_000);
    let sent = (0..200_000).take_while(|_| mix.next() != Next::Wait).count();
    assert!((65_536..100_000).contains(&sent), "{sent}");
}

fn lobster(text: &str) -> Lobster {
    let name = "TEST_2012-06-21_1_2_message_50.csv";
    Lobster::new(name, DATE, Box::new(Cursor::new(text.to_string())))
}

/// Plays a text; the same comes of it however late the events are seen.
fn played(text: &str) -> (Exchange, Lobster) {
    let mut flow = lobster(text);
    let exchange = Exchange::new(0).play(&mut flow);
    for lag in [1, 3, 1_000] {
        let mut late = lobster(text);
        let other = Exchange::new(lag).play(&mut late);
        assert_eq!(other.log, exchange.log, "lag {lag}");
        assert_eq!(late.notes(), flow.notes(), "lag {lag}");
    }
    (exchange, flow)
}

/// The resting orders of a side of the first instrument: the core's id, price, quantity.
fn resting(exchange: &Exchange, side: Side) -> Vec<(u64, i64, u64)> {
    resting_in(exchange, BookIndex(0), side)
}

/// The resting orders of a side: the core's id, price, quantity.
pub(super) fn resting_in(exchange: &Exchange, book: BookIndex, side: Side) -> Vec<(u64, i64, u64)> {
    let books = exchange.machine.books();
    let orders = books.orders(book, side).map(|slot| books.get(slot));
    orders.map(|order| (order.id.0, order.price.0, order.quantity.0)).collect()
}

#[test]
fn a_file_is_set_up_under_its_symbol_and_without_limits() {
    let mut flow = lobster("");
    let setup = flow.setup();
    let day = DayStarted { trading_date: 20_120_621, rules_version: 1, ..<_>::default() };
    assert!(setup.contains(&day.into()));
    let exchange = Exchange::new(0).play(&mut flow);
    let id = exchange.machine.by_symbol(Symbol::new("TEST").unwrap());
    assert_eq!(id, Some(InstrumentId(1)));
    let terms = exchange.machine.instrument(InstrumentId(1)).unwrap().terms;
    assert_eq!((terms.tick, terms.lot, terms.band), (Price(100), Quantity(1), 0));
    assert_eq!((terms.maker_rate, terms.taker_rate), (0, 0));
    for (name, symbol) in [
        ("A", "A"),
        ("B.csv", "B"),
        ("TOOLONGNAME_2012", "LOBSTER"),
        ("_2012", "LOBSTER"),
        ("\u{e9}", "LOBSTER"),
        ("A B", "LOBSTER"),
        ("", "LOBSTER"),
    ] {
        let mut flow = Lobster::new(name, DATE, Box::new(Cursor::new("")));
        let exchange = Exchange::new(0).play(&mut flow);
        assert!(exchange.machine.by_symbol(Symbol::new(symbol).unwrap()).is_some(), "{name}");
    }
}

#[test]
fn new_orders_rest_in_time_order_and_are_due_at_their_times() {
    let (exchange, flow) = played(
        "34200.5,1,1001,10,1000000,1\n34200.500000007,1,1002,20,1000000,1\n\
         34200.4,1,1003,30,1000100,-1\n34201,1,1004,40,1000000,1\n",
    );
    let bids = [(1, 1_000_000, 10), (2, 1_000_000, 20), (4, 1_000_000, 40)];
    assert_eq!(resting(&exchange, Side::Buy), bids);
    assert_eq!(resting(&exchange, Side::Sell), [(3, 1_000_100, 30)]);
    assert_eq!(exchange.due_ns, [0, 7, 7, 500_000_000]);
    assert_eq!((note(&flow, "rows"), note(&flow, "time runs backwards")), (4, 1));
    assert_eq!(note(&flow, "odd row 1 (time runs backwards), line"), 3);
    let record = exchange.machine.order(OrderId(2)).unwrap();
    assert_eq!(record.client_id.text(), "1002");
    assert_eq!(record.time_in_force, TimeInForce::DAY);
}

#[test]
fn a_partial_cancel_keeps_priority_and_a_deletion_cancels() {
    let (exchange, flow) = played(
        "1,1,7,10,1000000,1\n1,1,8,20,1000000,1\n1,1,9,30,1000000,1\n\
         1,2,7,4,1000000,1\n1,2,7,1,1000000,1\n1,3,8,20,1000000,1\n1,3,8,20,1000000,1\n",
    );
    assert_eq!(resting(&exchange, Side::Buy), [(1, 1_000_000, 5), (3, 1_000_000, 30)]);
    let tally = &exchange.tally;
    assert_eq!((tally.reduced(), tally.cancels(CancelReason::USER)), (2, 1));
    assert_eq!((note(&flow, "reduces"), note(&flow, "cancels")), (2, 2));
    assert_eq!((note(&flow, "no_longer_live"), note(&flow, "refused")), (1, 0));
    let replaced: Vec<_> = exchange
        .log
        .iter()
        .filter_map(|event| match event {
            Message::OrderReplacedEvent(event) => Some((event.quantity, event.priority_lost)),
            _ => None,
        })
        .collect();
    assert_eq!(replaced, [(6, BooleanFlag::NO), (5, BooleanFlag::NO)]);
}

#[test]
fn a_partial_cancel_of_all_ends_the_order() {
    let (exchange, flow) =
        played("1,1,7,10,1000000,1\n1,2,7,12,1000000,1\n1,1,8,10,1000000,1\n1,2,8,10,1000000,1\n");
    assert_eq!(resting(&exchange, Side::Buy), []);
    assert_eq!(exchange.tally.cancels(CancelReason::REPLACED_BELOW_EXECUTED), 2);
    assert_eq!(note(&flow, "partial cancel of all"), 2);
    assert_eq!(note(&flow, "odd row 2 (partial cancel of all), line"), 4);
}

#[test]
fn an_execution_takes_the_opposite_side_and_tells_what_it_hit() {
    let (exchange, flow) = played(
        "1,1,7,10,1000000,1\n1,1,8,20,1000000,1\n\
         1,4,7,4,1000000,1\n1,4,8,7,1000000,1\n1,4,8,30,1000000,1\n1,4,8,1,1000000,1\n",
    );
    let fills: Vec<_> = exchange
        .log
        .iter()
        .filter_map(|event| match event {
            Message::OrderFilledEvent(event) => {
                Some((event.account, event.order_id, event.quantity))
            }
            _ => None,
        })
        .collect();
    // The second names order 8, but order 7 is before it: 6 of it, then 1 of order 8.
    let expected = [(1, 1, 4), (2, 3, 4), (1, 1, 6), (2, 4, 6), (1, 2, 1), (2, 4, 1), (1, 2, 19)];
    assert_eq!(fills[..7], expected);
    assert_eq!(fills[7..], [(2, 5, 19)]);
    let hits = ["ioc_hits_named", "ioc_hits_another", "ioc_hits_nothing"];
    assert_eq!(hits.map(|label| note(&flow, label)), [2, 1, 1]);
    let ioc = exchange.tally.ioc();
    assert_eq!((ioc.accepted, ioc.without_fill, ioc.unfilled_quantity), (4, 1, 12));
    assert_eq!(exchange.tally.trades().trades, 4);
}

#[test]
fn what_is_unknown_or_hidden_or_an_auction_is_skipped() {
    let (exchange, flow) = played(
        "1,2,1,5,1000000,1\n1,3,1,5,1000000,1\n1,4,1,5,1000000,-1\n\
         1,5,0,5,1000050,1\n1,6,0,500,1000000,-1\n",
    );
    assert_eq!(exchange.log, []);
    assert_eq!((note(&flow, "rows"), note(&flow, "unknown_skipped")), (5, 3));
    assert_eq!((note(&flow, "hidden_skipped"), note(&flow, "auctions")), (1, 1));
}

#[test]
fn halts_become_phases_and_refuse_orders() {
    let (exchange, flow) = played(
        "1,1,7,10,1000000,1\n2,7,0,0,-1,-1\n2,1,8,10,1000000,1\n3,7,0,0,0,-1\n\
         3,1,9,10,1000000,1\n4,7,0,0,1,-1\n4,1,10,10,1000000,1\n4,3,8,10,1000000,1\n",
    );
    let phases: Vec<_> = exchange
        .log
        .iter()
        .filter_map(|event| match event {
            Message::PhaseChanged(event) => Some((event.instrument, event.phase)),
            _ => None,
        })
        .collect();
    assert_eq!(phases, [(1, Phase::HALTED), (1, Phase::PRE_OPEN), (1, Phase::OPEN)]);
    assert_eq!(exchange.tally.refusals(RejectReason::PHASE), 2);
    assert_eq!(resting(&exchange, Side::Buy), [(1, 1_000_000, 10), (2, 1_000_000, 10)]);
    assert_eq!((note(&flow, "refused"), note(&flow, "phase_changes")), (2, 3));
    assert_eq!(note(&flow, "odd row 1 (row about an order that was refused), line"), 8);
}

#[test]
fn quirks_are_counted_with_their_lines_and_never_fatal() {
    let (exchange, flow) = played(
        "Time,Type,ID,Size,Price,Direction\r\n1,1,7,10,1000000,1\r\n\r\n1,1,7,99,1000000,1\r\n\
         1,1,8,0,1000000,1\r\n1,1,9,10,1000050,1\r\n1,3,9,10,1000050,1\r\n1,4,7,3,1000050,1\r\n\
         not a row\r\n1,1,10,10,1000000,2\r\n",
    );
    assert_eq!(resting(&exchange, Side::Buy), [(1, 1_000_000, 10)]);
    let expected = [
        ("rows", 8),
        ("crlf_lines", 10),
        ("header lines", 1),
        ("blank lines", 1),
        ("broken rows", 3),
        ("order id a second time", 1),
        ("odd row 1 (order id a second time), line", 4),
        ("odd row 2 (size is zero), line", 5),
        ("price off tick", 2),
        ("odd row 3 (price off tick), line", 6),
        ("odd row 4 (row about an order that was refused), line", 7),
        ("odd row 5 (price off tick), line", 8),
        ("odd row 6 (fewer than six fields), line", 9),
        ("odd row 7 (direction is neither 1 nor -1), line", 10),
    ];
    for (label, number) in expected {
        assert_eq!(note(&flow, label), number, "{label}");
    }
}

#[test]
fn only_the_first_broken_lines_are_named() {
    let (_, flow) = played(&"garbage\n".repeat(10_000).replacen("garbage", "?", 1));
    let lines: Vec<_> = flow.notes().into_iter().filter(|n| n.0.starts_with("odd row ")).collect();
    let expected: Vec<_> =
        (1..=10).map(|n| (format!("odd row {n} (fewer than six fields), line"), n)).collect();
    assert_eq!(lines, expected);
    assert_eq!(note(&flow, "broken rows"), 10_000);
}

#[test]
fn files_are_read_plain_and_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"1,1,7,10,1000000,1\n1,4,7,4,1000000,1\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let gzip = gzip.finish().unwrap();
    let cut = gzip[..gzip.len() - 9].to_vec();
    for (name, bytes, trades) in
        [("A_x.csv", text.to_vec(), 1), ("B.csv.gz", gzip, 1), ("C.csv", Vec::new(), 0)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let exchange = Exchange::new(0).play(&mut Lobster::open(&path, DATE).unwrap());
        assert_eq!(exchange.tally.trades().trades, trades, "{name}");
    }
    let path = folder.path().join("cut.csv.gz");
    std::fs::write(&path, cut).unwrap();
    let mut flow = Lobster::open(&path, DATE).unwrap();
    Exchange::new(0).play(&mut flow);
    assert_eq!(note(&flow, "file cannot be read further"), 1);
    let missing = Lobster::open(&folder.path().join("missing.csv"), DATE).err().unwrap();
    assert!(missing.to_string().contains("missing.csv: No such file"), "{missing}");
    assert!(Lobster::open(folder.path(), DATE).is_err());
}
