//! An hour of Apple on NASDAQ through the state machine: every total that an independent, naive
//! simulation of the same file has, exactly.
//!
//! The file is LOBSTER's free sample and not part of the project. It is looked for where
//! `ISOCHRON_LOBSTER` says, else in `../shared/data`; without it the test says that it is skipped.

use isochron::demo::flow::{Flow, Lobster, Next};
use isochron::demo::tally::Tally;
use isochron::matching::BookIndex;
use isochron::state_machine::StateMachine;
use isochron::types::{Price, Side};
use isochron_events::{CancelReason, Message, RejectReason, TimeInForce};
use std::path::{Path, PathBuf};

const FILE: &str = "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz";

fn file() -> Option<PathBuf> {
    let named = std::env::var_os("ISOCHRON_LOBSTER").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(FILE);
    named.into_iter().chain([beside]).find(|path| path.is_file())
}

/// Executes commands one after the other; flow and tally see every event at once.
struct Exchange {
    machine: StateMachine,
    tally: Tally,
    sequence: u64,
}

impl Exchange {
    fn submit(&mut self, mut command: Message, flow: &mut Lobster) {
        let mut outcomes = Vec::new();
        loop {
            self.sequence += 1;
            command.header_mut().sequence = self.sequence;
            self.machine.execute(&command, &mut outcomes);
            for event in [command].iter().chain(&outcomes) {
                self.tally.on_event(event);
                flow.on_event(event);
            }
            outcomes.clear();
            let Some(pending) = self.machine.pending() else { return };
            command = pending.into();
        }
    }
}

fn played(flow: &mut Lobster) -> Exchange {
    let (machine, tally) = (StateMachine::new(), Tally::new());
    let mut exchange = Exchange { machine, tally, sequence: 0 };
    for command in flow.setup() {
        exchange.submit(command, flow);
    }
    loop {
        match flow.next() {
            Next::Command { command, .. } => exchange.submit(command, flow),
            Next::Wait => panic!("every event was seen, and the flow waits"),
            Next::Done => return exchange,
        }
    }
}

#[test]
fn an_hour_of_apple_has_the_totals_of_a_naive_simulation() {
    let Some(path) = file() else {
        println!("skipped: {FILE} is neither at ISOCHRON_LOBSTER nor in ../shared/data");
        return;
    };
    let mut flow = Lobster::open(&path, 20_120_621).unwrap();
    let exchange = played(&mut flow);
    let notes = flow.notes();
    let note = |label: &str| notes.iter().find(|note| note.0 == label).map(|note| note.1);
    assert_eq!(note("rows"), Some(91_997));
    assert_eq!(note("new"), Some(44_256));
    assert_eq!(note("unknown_skipped"), Some(84));
    assert_eq!(note("hidden_skipped"), Some(2_201));
    assert_eq!(note("ioc"), Some(4_055));
    assert_eq!(note("ioc_hits_named"), Some(3_990));
    assert_eq!(note("ioc_hits_another"), Some(63));
    assert_eq!(note("ioc_hits_nothing"), Some(2));
    assert_eq!(note("no_longer_live"), Some(4));
    assert_eq!(note("refused"), Some(0));

    let tally = &exchange.tally;
    assert_eq!(tally.accepted_as(TimeInForce::DAY), 44_256);
    assert_eq!(tally.cancels(CancelReason::USER), 40_928);
    assert_eq!(tally.reduced(), 469);
    assert_eq!(tally.refusals(RejectReason::UNKNOWN_ORDER), 4);
    let ioc = tally.ioc();
    assert_eq!((ioc.accepted, ioc.without_fill, ioc.unfilled_quantity), (4_055, 2, 10));
    let trades = tally.trades();
    assert_eq!((trades.trades, trades.quantity), (4_104, 349_714));
    assert_eq!(trades.notional, 2_049_211_821_900);
    assert_eq!(tally.trade_hash_lobster(), Some(0xa1bf_fd1a_58d6_59f8));

    let (books, book) = (exchange.machine.books(), BookIndex(0));
    assert_eq!(books.live(), 380);
    assert_eq!(Side::BOTH.map(|side| books.levels(book, side).count()), [121, 103]);
    let levels = Side::BOTH.into_iter().flat_map(|side| books.levels(book, side));
    assert_eq!(levels.map(|level| level.quantity.0).sum::<u64>(), 88_574);
    let best = Side::BOTH.map(|side| books.best(book, side).unwrap().price);
    assert_eq!(best, [Price(5_856_900), Price(5_859_500)]);
    exchange.machine.check_conservation().unwrap();
}
