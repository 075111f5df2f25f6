//! `isochron inspect`: filters against the log itself, past books against rebuilt ones.

use super::books::{Books, Order};
use super::market::{self, Market, OPEN_NS, log_of_two_epochs, next};
use super::{isochron, run};
use isochron::types::flags::END_OF_EVENT;
use isochron_events::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

/// The positions of the lines that a selection gives.
fn positions(directory: &Path, args: &str) -> Vec<u64> {
    let ran = run("inspect", directory, &format!("{args} --json"));
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "{args}");
    ran.json().iter().map(|line| line["position"].as_u64().unwrap()).collect()
}

/// The positions of the events that `is` chooses; it sees the event and the one that follows.
fn expected(
    log: &[(isochron::types::Position, Message)],
    is: impl Fn(&Message, Option<&Message>) -> bool,
) -> Vec<u64> {
    let following = |at: usize| log.get(at + 1).map(|(_, event)| event);
    let chosen = log.iter().enumerate().filter(|(at, (_, event))| is(event, following(*at)));
    chosen.map(|(_, (position, _))| position.0).collect()
}

/// The order, account and instrument that an outcome of trading names.
fn outcome(event: &Message) -> Option<(u64, u32, u32)> {
    Some(match event {
        Message::OrderAcceptedEvent(e) => (e.order_id, e.account, e.instrument),
        Message::OrderFilledEvent(e) => (e.order_id, e.account, e.instrument),
        Message::OrderCanceledEvent(e) => (e.order_id, e.account, e.instrument),
        Message::OrderReplacedEvent(e) => (e.order_id, e.account, e.instrument),
        Message::CancelRejectedEvent(e) => (e.order_id.unwrap_or(0), e.account, e.instrument),
        Message::OrderRejectedEvent(e) => (0, e.account, e.instrument),
        _ => return None,
    })
}

fn is_trading(event: &Message) -> bool {
    matches!(
        event,
        Message::NewOrderEvent(_) | Message::CancelOrderEvent(_) | Message::ReplaceOrderEvent(_)
    )
}

#[test]
fn every_filter_gives_what_the_log_has() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 1);
    let log = market::read(directory);
    assert_eq!(positions(directory, ""), expected(&log, |_, _| true));

    // Places, numbers and times, in the middle and across segments.
    let mut state = 7;
    for _ in 0..12 {
        let mut two = [0, 0].map(|_: i32| next(&mut state) as usize % log.len());
        two.sort_unstable();
        let [first, last] = two.map(|at| log[at]);
        let [from, to] = [first.1.header().sequence, last.1.header().sequence];
        let chosen = positions(directory, &format!("--sequence {from}..{to}"));
        let within = |e: &Message| (from..=to).contains(&e.header().sequence);
        assert_eq!(chosen, expected(&log, |e, _| within(e)), "sequences {from}..{to}");
        let chosen = positions(directory, &format!("--position {}..{}", first.0, last.0));
        let all = log.iter().map(|(position, _)| position.0);
        let within: Vec<u64> = all.filter(|p| (first.0.0..=last.0.0).contains(p)).collect();
        assert_eq!(chosen, within);
        let [from, to] = [first.1.header().timestamp, last.1.header().timestamp];
        let chosen = positions(directory, &format!("--time {from}ns..{to}ns"));
        let within = |e: &Message| (from..=to).contains(&e.header().timestamp);
        assert_eq!(chosen, expected(&log, |e, _| within(e)), "times {from}..{to}");
    }
    let second = positions(directory, "--time 2026-11-22T00:00:01..");
    assert_eq!(second, expected(&log, |e, _| e.header().timestamp >= OPEN_NS + 1_000_000_000));
    assert!(positions(directory, "--sequence 1000000..").is_empty());

    // Names.
    let steps = positions(directory, "--template continuation");
    assert_eq!(steps, expected(&log, |e, _| matches!(e, Message::Continuation(_))));
    assert_eq!(steps.len(), 2, "the sweep takes three steps");
    let filled = positions(directory, "--template OrderFilled --template continuation");
    let named = |e: &Message| matches!(e, Message::OrderFilledEvent(_) | Message::Continuation(_));
    assert_eq!(filled, expected(&log, |e, _| named(e)));
    assert_eq!(positions(directory, "--limit 7"), expected(&log, |_, _| true)[..7]);
}

#[test]
fn orders_accounts_and_symbols_bring_their_commands() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 2);
    let log = market::read(directory);
    let with = |is: &dyn Fn((u64, u32, u32)) -> bool, e: &Message, next: Option<&Message>| {
        let about = |e: &Message| outcome(e).is_some_and(is);
        about(e) || (is_trading(e) && next.is_some_and(about))
    };
    let mut by_client_name = 0;
    for order in (1..=250).step_by(3) {
        let chosen = positions(directory, &format!("--order {order}"));
        let wanted = expected(&log, |e, next| {
            let names = match e {
                Message::CancelOrderEvent(e) => e.order_id == Some(order),
                Message::ReplaceOrderEvent(e) => e.order_id == Some(order),
                _ => false,
            };
            names || with(&|(id, _, _)| id == order, e, next)
        });
        assert_eq!(chosen, wanted, "order {order}");
        assert!(chosen.len() >= 2, "order {order} has a command and an outcome");
        by_client_name += log
            .iter()
            .filter(|(position, e)| {
                chosen.contains(&position.0)
                    && matches!(e, Message::CancelOrderEvent(e) if e.order_id.is_none())
            })
            .count();
    }
    assert!(by_client_name > 0, "no cancel by the client's name was among them");

    let account = positions(directory, "--account 2 --template OrderFilled");
    let filled = |e: &Message| matches!(e, Message::OrderFilledEvent(e) if e.account == 2);
    assert_eq!(account, expected(&log, |e, _| filled(e)));
    assert!(!account.is_empty());

    let symbol = positions(directory, "--symbol MSFT");
    let wanted = expected(&log, |e, next| {
        let named = match e {
            Message::DefineInstrument(e) => e.instrument == 2,
            Message::Transfer(e) => e.instrument == 2,
            Message::BalanceChanged(e) => e.instrument == 2,
            Message::PhaseChange(e) => [0, 2].contains(&e.instrument),
            Message::PhaseChanged(e) => [0, 2].contains(&e.instrument),
            _ => false,
        };
        named || with(&|(_, _, instrument)| instrument == 2, e, next)
    });
    assert_eq!(symbol, wanted);
    assert_eq!(positions(directory, "--instrument 2"), wanted);
    let ran = run("inspect", directory, "--symbol IBM");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.error.contains("no instrument of the log has the symbol IBM"), "{}", ran.error);
    let both = positions(directory, "--symbol MSFT --account 3 --sequence 50..100");
    assert!(both.iter().all(|position| wanted.contains(position)) && !both.is_empty());
}

#[test]
fn a_symbol_is_the_instrument_that_has_it_then() {
    let directory = tempfile::tempdir().unwrap();
    let mut market = Market::open(directory.path(), OPEN_NS);
    market.set_up();
    let before = market.sequence();
    // Refused: the symbol is in use. Then MSFT is renamed.
    market.define(3, "AAPL");
    market.define(2, "META");
    let renamed = market.sequence();
    market.take(Transfer { account: 1, instrument: 2, amount: 5, ..Default::default() });
    market.take(Transfer { account: 1, instrument: 3, amount: 5, ..Default::default() });
    let last = market.sequence();
    let log = market::read(directory.path());
    let sequences = |symbol: &str| {
        let chosen = positions(directory.path(), &format!("--symbol {symbol}"));
        let at = |position: &u64| log.iter().find(|(p, _)| p.0 == *position).expect("it is there");
        let mut sequences: Vec<u64> =
            chosen.iter().map(|position| at(position).1.header().sequence).collect();
        sequences.dedup();
        sequences
    };
    assert_eq!(sequences("META"), [renamed, last - 1]);
    let microsoft = sequences("MSFT");
    assert!(microsoft.len() == 5 && microsoft.iter().all(|s| *s <= before), "{microsoft:?}");
    assert!(sequences("AAPL").iter().all(|s| *s <= before));
}

#[test]
fn json_has_every_field_as_the_log_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 3);
    let log = market::read(directory);
    let ran = run("inspect", directory, "--json");
    for (line, (position, event)) in ran.json().iter().zip(&log) {
        let header = event.header();
        assert_eq!(line["position"], json!(position.0));
        assert_eq!(line["template"], json!(event.name()));
        assert_eq!(line["sequence"], json!(header.sequence));
        assert_eq!(line["timestamp"], json!(header.timestamp));
        assert_eq!(line["cause"], json!(header.cause));
        assert_eq!(line["session"], json!(header.session));
        assert_eq!(line["flags"], json!(header.flags));
        let mut fields = 0;
        event.fields(&mut |name, value| {
            if name.starts_with("header.") {
                return;
            }
            fields += 1;
            let found = name.split('.').fold(&line["fields"], |value, part| &value[part]);
            let wanted = match value {
                FieldValue::U64(number) => json!(number),
                FieldValue::I64(number) => json!(number),
                FieldValue::Text(text) => json!(text),
                FieldValue::Name(name) => json!(name),
                FieldValue::Null => Value::Null,
                other => panic!("no message has {other:?}"),
            };
            assert_eq!(found, &wanted, "{name} of {event}");
        });
        let count = |value: &Value| value.as_object().map_or(1, serde_json::Map::len);
        let found: usize = line["fields"].as_object().unwrap().values().map(count).sum();
        assert_eq!(found, fields, "{line}");
    }
    // The first lines for people, written out by hand.
    let ran = run("inspect", directory, "--sequence 2");
    assert_eq!(
        ran.out.lines().next().unwrap(),
        "         128         2 2026-11-22T00:00:00.000001000Z DefineMember session=1 \
         origin.source_sequence=1795305600000000001 origin.source=1 authority.by=0 \
         authority.why=- member=1 name=-"
    );
    let ran = run("inspect", directory, "--template OrderAccepted --limit 1");
    assert!(ran.out.contains("   OrderAcceptedEvent ") && ran.out.contains(" price=15.00 "));
}

/// A side of a book as JSON shows it.
fn shown(orders: &[Order]) -> Vec<Value> {
    let levels = orders.chunk_by(|left, right| left.price == right.price);
    let level = |orders: &[Order]| {
        let order = |o: &Order| json!({"order": o.id, "account": o.account, "leaves": o.leaves});
        json!({
            "price": orders[0].price,
            "quantity": orders.iter().map(|order| order.leaves).sum::<u64>(),
            "orders": orders.iter().map(order).collect::<Vec<_>>(),
        })
    };
    levels.map(level).collect()
}

/// A side of a shown book with the fields that a rebuilt one has, too.
fn reduced(side: &Value) -> Vec<Value> {
    let order =
        |o: &Value| json!({"order": o["order"], "account": o["account"], "leaves": o["leaves"]});
    let level = |level: &Value| {
        let orders: Vec<Value> = level["orders"].as_array().unwrap().iter().map(order).collect();
        json!({"price": level["price"], "quantity": level["quantity"], "orders": orders})
    };
    side.as_array().unwrap().iter().map(level).collect()
}

#[test]
fn a_past_book_is_what_the_outcomes_leave() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    log_of_two_epochs(directory, 4);
    let log = market::read(directory);
    let mut rebuilt = Books::default();
    let (mut compared, mut orders) = (0, 0);
    for (at, (_, event)) in log.iter().enumerate() {
        rebuilt.apply(event);
        let header = event.header();
        let is_last = at + 1 == log.len();
        // Every 29th command, between two events, and the last.
        if header.flags & END_OF_EVENT == 0 || !(header.sequence % 29 == 0 || is_last) {
            continue;
        }
        for (instrument, symbol) in [(1, "AAPL"), (2, "MSFT")] {
            let moments = [
                format!("--at {}", header.sequence),
                format!("--at {}ns", header.timestamp),
                if is_last { String::new() } else { format!("--at {}", header.sequence) },
            ];
            for moment in moments {
                let ran = run("inspect", directory, &format!("--book {symbol} {moment} --json"));
                assert_eq!(ran.code, Some(0), "{ran:?}");
                let book = &ran.json()[0];
                assert_eq!(book["sequence"], json!(header.sequence));
                for (name, side) in [("bids", Side::BUY), ("asks", Side::SELL)] {
                    let wanted = rebuilt.side(instrument, side);
                    orders += wanted.len();
                    assert_eq!(reduced(&book[name]), shown(&wanted), "{symbol} {moment} {name}");
                }
                assert_eq!(book["checksum"], json!(rebuilt.checksum(instrument)));
                compared += 1;
            }
        }
    }
    assert!(compared > 60 && orders > 1_000, "{compared} books, {orders} orders");
}

#[test]
fn a_book_is_a_table_for_people() {
    let directory = tempfile::tempdir().unwrap();
    let mut market = Market::open(directory.path(), OPEN_NS);
    market.set_up();
    market.order(1, 1, Side::BUY, 100_000, 30);
    market.order(2, 1, Side::BUY, 100_000, 20);
    market.order(3, 1, Side::SELL, 100_500, 7);
    let sequence = market.sequence();
    // 22 commands of the setup and 3 orders, a microsecond apart.
    let time = "2026-11-22T00:00:00.000025000Z";
    let ran = run("inspect", directory.path(), "--book AAPL");
    let lines: Vec<&str> = ran.out.lines().collect();
    let head = format!(
        "AAPL (instrument 1) after command {sequence}, {time}: open, last trade -, 3 orders, \
         checksum "
    );
    assert!(lines[0].starts_with(&head), "{}\n{head}", lines[0]);
    assert_eq!(
        lines[1..],
        [
            "",
            "  orders   quantity          bid | ask            quantity   orders",
            "       2         50        10.00 | 10.05                 7        1",
            "",
            "side        price     leaves      total    order  account  client order id",
            "buy         10.00         30         30        1        1  c1",
            "buy         10.00         20         20        2        2  c2",
            "sell        10.05          7          7        3        3  c3",
        ]
    );
    for (args, part) in [
        ("--book IBM", "no instrument has the symbol IBM"),
        ("--book AAPL --at 99", "the log ends with command"),
        ("--book AAPL --at 2", "no instrument has the symbol AAPL at 2"),
    ] {
        let ran = run("inspect", directory.path(), args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
        assert!(ran.error.contains(part), "{}", ran.error);
    }
    for args in ["--at 5", "--book AAPL --order 1", "--book AAPL --follow", "--template Nothing"] {
        let ran = run("inspect", directory.path(), args);
        assert_eq!(ran.code, Some(2), "{args}: {ran:?}");
    }
}

#[test]
fn a_book_in_the_middle_of_a_sweep_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut market = Market::open(directory.path(), OPEN_NS);
    market.set_up();
    market.sweep();
    let last = market.sequence();
    let book = |sequence: u64| {
        let ran = run("inspect", directory.path(), &format!("--book AAPL --at {sequence} --json"));
        ran.json().pop().expect("a book")
    };
    // 70 bids, of which a step takes 32 at most.
    for (sequence, bids, goes_on) in
        [(last - 3, 70, false), (last - 2, 38, true), (last - 1, 6, true), (last, 0, false)]
    {
        let book = book(sequence);
        assert_eq!((&book["orders"], &book["event_goes_on"]), (&json!(bids), &json!(goes_on)));
        assert_eq!(book["asks"], json!([]));
    }
    let ran = run("inspect", directory.path(), &format!("--book AAPL --at {}", last - 1));
    assert!(ran.out.contains("the event goes on"), "{}", ran.out);
}

#[test]
fn a_live_log_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let mut market = Market::open(directory.path(), OPEN_NS);
    market.set_up();
    let mut command = isochron(["inspect", "--json", "--follow", "--template", "NewOrder"]);
    let command = command.args(["--limit", "3"]).arg(directory.path()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 1..=3 {
        // Each is read before the next is sent; the last comes from another writer.
        if n == 3 {
            market.close();
            market = Market::open(directory.path(), OPEN_NS + 1_000_000_000);
        }
        market.order(1, 1, Side::BUY, 100_000, n);
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["fields"]["quantity"], json!(n));
        assert_eq!(line["sequence"], json!(market.sequence()));
    }
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let directory = tempfile::tempdir().unwrap();
    log_of_two_epochs(directory.path(), 5);
    let mut command = isochron(["inspect"]);
    let command = command.arg(directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("EpochStarted"), "{line}");
    // More than a pipe holds is still to come.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
}
