//! `isochron demo` as anybody runs it: real processes, real multicast, files, and exit codes.
//!
//! What a report says is judged against the log that the run leaves, against the subscribers'
//! own reports, and for order files against totals worked out by hand.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use isochron::store::StoreReader;
use isochron_events::{Liquidity, Message};
use program::{Ended, Program, content, run, send_signal, wait};
use serde_json::Value;

/// The beginning of FNV-1a, and what it multiplies with.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn fnv(words: &[u64]) -> u64 {
    words.iter().fold(FNV_BASIS, |hash, word| (hash ^ word).wrapping_mul(FNV_PRIME))
}

/// The report in a file.
fn report(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a demo, and reads its report.
fn demo(arguments: &[&str]) -> (Ended, Value) {
    let here = tempfile::tempdir().unwrap();
    let json = here.path().join("report.json");
    let all = ["demo", "--json", json.to_str().unwrap()];
    let ended = run(all.into_iter().chain(arguments.iter().copied()));
    let report = report(&json);
    (ended, report)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(number).sum()
}

/// The arguments of a command line that was printed to be pasted, without the program's name.
fn pasted(line: &str) -> Vec<String> {
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

/// Whether a process has not ended, whoever may still have to take note of its end.
fn is_running(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// What holds for every report of a run that went well.
fn assert_in_step(ended: &Ended, report: &Value) {
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(0), Some(true)), "{}", ended.out);
    assert!(ended.out.ends_with("all checks hold\n"), "{}", ended.out);
    assert_eq!(ended.errors, "");
    assert_eq!(ended.left, [] as [PathBuf; 0], "temporary files stay behind");
    assert!(!ended.out.contains('\x1b'), "no escape codes into a file: {}", ended.out);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 7 && checks.iter().all(|check| check["holds"] == true), "{checks:?}");

    let subscribers = report["subscribers"].as_array().unwrap();
    assert_eq!(subscribers.len(), 3);
    let engine = report["checksums"].as_object().unwrap();
    let mut pids = Vec::new();
    for subscriber in subscribers {
        let own = &subscriber["report"];
        assert_eq!(own["pid"], subscriber["pid"]);
        assert_eq!((&subscriber["exit_code"], &own["lost"]), (&0.into(), &0.into()));
        assert_eq!(number(&own["first_sequence"]), 1);
        assert_eq!(number(&own["next_sequence"]), number(&report["feed_messages"]) + 1);
        assert_eq!(own["trades"], report["trades"]);
        let books = own["checksums"].as_object().unwrap();
        assert_eq!(books.len(), engine.len());
        for (id, book) in engine {
            assert_eq!(books[id]["checksum"], book["checksum"], "instrument {id}");
            assert_eq!(books[id]["orders"], book["orders"], "instrument {id}");
        }
        pids.push(number(&own["pid"]));
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3, "each in a process of its own");
    assert!(!pids.into_iter().any(is_running), "and none is left");
    let open_loop = report["open_loop"].as_bool().unwrap();
    assert!(!open_loop || number(&report["waited_ns"]) == 0);
}

/// What a log adds up to, computed from its events alone.
#[derive(Debug, Default)]
struct Totals {
    events: u64,
    by_name: BTreeMap<&'static str, u64>,
    /// Maker, taker, price, quantity of each trade.
    trades: Vec<u64>,
}

impl Totals {
    fn of(directory: &Path) -> Totals {
        let mut reader = StoreReader::attach(directory, None).unwrap();
        let (mut totals, mut maker) = (Totals::default(), 0);
        while let Some(frame) = reader.next().unwrap() {
            let event = Message::decode(frame.message).unwrap();
            totals.events += 1;
            *totals.by_name.entry(event.name()).or_default() += 1;
            let Message::OrderFilledEvent(fill) = event else { continue };
            if fill.liquidity == Liquidity::MAKER {
                maker = fill.order_id;
            } else {
                let price = fill.price.cast_unsigned();
                totals.trades.extend([maker, fill.order_id, price, fill.quantity]);
            }
        }
        totals
    }

    fn assert_equal(&self, report: &Value) {
        assert_eq!(number(&report["events"]), self.events);
        for (name, count) in &self.by_name {
            let section = ["commands_by_kind", "outcomes"]
                .into_iter()
                .find(|section| report[section].get(name).is_some())
                .unwrap_or_else(|| panic!("{name} is counted nowhere"));
            assert_eq!(number(&report[section][name]), *count, "{name}");
        }
        let kinds = sum(&report["commands_by_kind"]) + sum(&report["outcomes"]);
        assert_eq!(kinds, self.events, "every event is counted");
        let quantities = self.trades.chunks(4).map(|trade| trade[3]);
        let notionals = self.trades.chunks(4).map(|trade| trade[2] * trade[3]);
        assert_eq!(number(&report["trades"]), self.trades.len() as u64 / 4);
        assert_eq!(number(&report["traded_quantity"]), quantities.sum::<u64>());
        assert_eq!(number(&report["notional"]), notionals.sum::<u64>());
        assert_eq!(report["trade_hash"], format!("{:016x}", fnv(&self.trades)));
    }
}

/// Everything that the mix promises to be refused, once in so many commands.
const REFUSALS: [&str; 31] = [
    "accountClosed",
    "accountNotVerified",
    "accountSuspended",
    "blocked",
    "clientOrderIdInUse",
    "clientOrderIdMalformed",
    "dailyVolumeAccount",
    "dailyVolumeUser",
    "instrumentNotPermitted",
    "insufficientFunds",
    "insufficientShares",
    "notionalAboveMaximum",
    "orderTypeNotSupported",
    "phase",
    "positionMax",
    "priceAboveBand",
    "priceAboveMaximum",
    "priceBelowBand",
    "priceBelowMinimum",
    "priceOffTick",
    "quantityAboveMaximum",
    "quantityBelowMinimum",
    "sessionNotEntitled",
    "sessionNotOpen",
    "timeInForceNotSupported",
    "unknownAccount",
    "unknownInstrument",
    "unknownOrder",
    "unknownSide",
    "unknownUser",
    "userNotEntitled",
];

/// What a report of the mix must say about itself.
fn assert_mix(report: &Value, commands: u64) {
    for reason in REFUSALS {
        assert!(number(&report["refusals"][reason]) > 0, "nothing was refused for {reason}");
    }
    for reason in ["user", "immediateOrCancel", "fillOrKill"] {
        assert!(number(&report["cancels"][reason]) > 0, "nothing was canceled: {reason}");
    }
    let input = |name: &str| number(&report["input"][name]);
    let kinds = ["passive", "aggressive", "cancels", "replaces", "ioc", "fok", "to_be_refused"];
    let sent = kinds.map(input).iter().sum::<u64>() + input("phase_changes");
    assert_eq!((number(&report["commands"]), input("commands")), (commands, commands));
    assert_eq!(sent, commands, "each command is of one kind");
    assert_eq!(input("phase_changes"), 2, "a halt and a reopening");
    assert_eq!(input("refused_as_meant"), input("to_be_refused"));
    assert_eq!((input("refused_unexpectedly"), input("accepted_unexpectedly")), (0, 0));
    // One in a hundred, two and one: twice as many or half would be another mix.
    for (kind, percent) in [("to_be_refused", 1), ("replaces", 2), ("ioc", 2), ("fok", 1)] {
        let expected = commands * percent / 100;
        assert!((expected / 2..expected * 2).contains(&input(kind)), "{kind}: {}", input(kind));
    }
    assert_eq!(report["checksums"].as_object().unwrap().len(), 100, "instruments");
    let accounts = number(&report["commands_by_kind"]["OpenAccount"]);
    assert!(accounts >= 10_000, "{accounts} accounts");

    let latency = |name: &str| number(&report["latency"][name]);
    assert_eq!(latency("count") + number(&report["latencies_missed"]), commands);
    let names = ["p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"];
    let percentiles = names.map(latency);
    assert!(percentiles[0] > 0 && percentiles.is_sorted(), "{percentiles:?}");
    let elapsed = u128::from(number(&report["trading_ns"]));
    let rate = u128::from(commands) * 1_000_000_000 / elapsed;
    assert_eq!(u128::from(number(&report["commands_per_second"])), rate);
}

#[test]
fn a_short_demo_proves_itself_and_leaves_a_log_that_says_the_same() {
    const COMMANDS: u64 = 10_000;
    let here = tempfile::tempdir().unwrap();
    let (store, json) = (here.path().join("store"), here.path().join("report.json"));
    let (store_text, json) = (store.to_str().unwrap(), json.to_str().unwrap());
    let arguments = ["demo", "--seconds", "1", "--rate", "10000", "--store", store_text];
    let ended = run(arguments.into_iter().chain(["--json", json]));
    let report = report(Path::new(json));
    assert_in_step(&ended, &report);
    assert_mix(&report, COMMANDS);
    Totals::of(&store).assert_equal(&report);

    let replayed = run(["replay", "--json", store_text]);
    assert_eq!((replayed.code, replayed.errors.as_str()), (Some(0), ""));
    let line: Value = serde_json::from_str(&replayed.out).unwrap();
    assert_eq!(line["state_hash"], report["state_hash"]);
    assert_eq!((&line["events"], &line["position"]), (&report["events"], &report["log_bytes"]));
    assert_eq!(number(&line["commands"]), sum(&report["commands_by_kind"]));
    let words = run(["replay", store_text]);
    assert_eq!(words.code, Some(0));
    for part in ["state_hash", "events"] {
        let part = line[part].as_str().map_or_else(|| line[part].to_string(), str::to_owned);
        assert!(words.out.contains(&part), "{part} in {}", words.out);
    }

    // A new exchange is not begun over another one's log, and not a byte of it changes.
    let before = content(&store);
    let refused = run(["demo", "--seconds", "1", "--store", store_text]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.errors.contains(store_text), "{}", refused.errors);
    assert!(content(&store) == before, "the refused demo changed the store");
}

#[test]
fn a_lost_datagram_fails_the_demo_and_the_gap_is_named() {
    // The hundred definitions fill more than so many, however much goes into one datagram.
    let arguments = ["--seconds", "1", "--rate", "2000", "--drop-datagram", "5"];
    let (ended, report) = demo(&arguments);
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(1), Some(false)), "{}", ended.out);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    let subscribers = report["subscribers"].as_array().unwrap();
    let codes: Vec<_> = subscribers.iter().map(|s| s["exit_code"].as_i64()).collect();
    assert_eq!(codes, [Some(1), Some(0), Some(0)]);
    let lost = number(&subscribers[0]["report"]["lost"]);
    assert!(lost > 0);
    let line = ended.out.lines().find(|line| line.contains("FAIL")).unwrap();
    let (pid, named) = (&subscribers[0]["pid"], format!("{lost} messages"));
    assert!(line.contains(&pid.to_string()) && ended.out.contains(&named), "{}", ended.out);
    // The gap is the messages [first, next) of that datagram.
    let place = ended.out.split("lost [").nth(1).unwrap().split(')').next().unwrap();
    let (first, next) = place.split_once(", ").unwrap();
    let (first, next): (u64, u64) = (first.parse().unwrap(), next.parse().unwrap());
    assert_eq!(next - first, lost);
    assert!(1 < first && next <= number(&report["feed_messages"]) + 1, "{first} {next}");
    // The others, and the engine, are as they should be.
    let failed = |check: &&Value| check["holds"] == false;
    assert_eq!(report["checks"].as_array().unwrap().iter().filter(failed).count(), 1);
}

#[test]
fn a_datagram_that_never_came_cannot_be_lost_and_that_is_said() {
    let arguments =
        ["--seconds", "1", "--rate", "2000", "--subscribers", "1", "--drop-datagram", "1000000"];
    let (ended, report) = demo(&arguments);
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(1), Some(false)), "{}", ended.out);
    let failed: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|c| c["holds"] == false).collect();
    assert_eq!(failed.len(), 1, "{report}");
    let came = &report["subscribers"][0]["report"]["data_datagrams"];
    let said = format!("{came} datagrams with messages came, and none was lost");
    assert!(number(came) > 0 && ended.out.contains(&said), "{}", ended.out);
}

#[test]
fn who_subscribes_late_is_told_that_its_books_are_incomplete() {
    let mut demo = Program::start(["demo", "--seconds", "3", "--rate", "2000"]);
    let line = demo.line_with(" subscribe --group ");
    assert!(line.contains("--group 239.77.1.1") && line.contains("--interface 127.0.0.1"));
    demo.line_with("  1 s ");
    let arguments = pasted(&line);
    let late = Program::start(&arguments);
    let json = Program::start(arguments.iter().map(String::as_str).chain(["--json"]));
    let demo = demo.end();
    assert_eq!(demo.code, Some(0), "a subscriber more or less does not matter: {}", demo.out);

    let late = late.end();
    assert_eq!(late.code, Some(3), "{}{}", late.out, late.errors);
    let joined = late.errors.split("joined at ").nth(1).unwrap_or_else(|| panic!("{late:?}"));
    let (sequence, rest) = joined.split_once(',').unwrap();
    assert!(sequence.parse::<u64>().unwrap() > 1);
    assert!(rest.starts_with(" book incomplete"), "{}", late.errors);
    let json = json.end();
    let report: Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!((json.code, number(&report["lost"])), (Some(3), 0));
    assert!(number(&report["first_sequence"]) > 1 && json.errors.contains("book incomplete"));
}

/// An order file as it should not be, and what is to come of it. Each line's fate in a remark
/// would make the line a broken one, so it stands beside it here.
const LINES: [(&[u8], &str); 18] = [
    (b"34200.000000001,1,1001,100,1000000,1", "order 1: buys 100 at 100.00"),
    (b"34200.1,1,1002,50,1000100,-1", "order 2: sells 50 at 100.01"),
    (b"34200.2,1,1003,70,1000200,-1", "order 3: sells 70 at 100.02"),
    (b"sell 50 at best", "broken: no fields"),
    (b"34200.3,4,1002,20,1000100,-1", "order 4: 20 at 100.01 of order 2"),
    (b"34200.4,2,1001,30,1000000,1", "order 1 becomes 70"),
    (b"34200.4,1,1004,0,1000000,1", "broken: nothing to buy"),
    (b"34200.5,3,1003,70,1000200,-1", "order 3 is canceled"),
    (b"34200.5,5,0,10,1000050,1", "hidden"),
    (b"34200.6,3,9999,10,1000000,1", "unknown"),
    (b"34200.7,4,1001,70,1000000,1", "order 5: 70 at 100.00 of order 1"),
    (b"34200.8,4,1002,40,1000100,-1", "order 6: 30 at 100.01 of order 2, 10 unfilled"),
    (b"34200.9,4,1002,5,1000100,-1", "order 7: nothing is left, 5 unfilled"),
    (b"34201,3,1002,30,1000100,-1", "order 2 is no longer live"),
    (b"34201.1,1,1005,10,999900,1", "order 8: buys 10 at 99.99, and stays"),
    (b"\xff\xfe\x00,1,2,3,4,5", "broken: no text"),
    (b"34201.2,1,1005,10,999900,1", "odd: a second order 1005"),
    (b"34201.3,1,1006,10,1000050,-1", "odd: a price that no book of tick 100 has"),
];

fn order_file(folder: &Path) -> String {
    let path = folder.join("TEST_2026-11-22_34200000_34201300_message_1.csv");
    fs::write(&path, LINES.map(|line| line.0).join(&b'\n')).unwrap();
    format!("lobster:{}", path.display())
}

fn assert_small_file(report: &Value) {
    let input = |name: &str| number(&report["input"][name]);
    for (name, count) in [
        ("rows", 18),
        ("new", 4),
        ("reduces", 1),
        ("cancels", 2),
        ("ioc", 4),
        ("ioc_hits_named", 3),
        ("ioc_hits_another", 0),
        ("ioc_hits_nothing", 1),
        ("unknown_skipped", 1),
        ("hidden_skipped", 1),
        ("no_longer_live", 1),
        ("refused", 0),
        ("broken rows", 3),
    ] {
        assert_eq!(input(name), count, "{name}");
    }
    let input = report["input"].as_object().unwrap();
    let odd: Vec<u64> = input
        .iter()
        .filter(|(name, _)| name.starts_with("odd row"))
        .map(|(_, line)| number(line))
        .collect();
    assert_eq!(odd, [4, 7, 16, 17, 18], "the lines that were not played: {input:?}");

    let trades = [[2, 4, 1_000_100, 20], [1, 5, 1_000_000, 70], [2, 6, 1_000_100, 30]];
    let of_file = [1002, 1_000_100, 20, 1001, 1_000_000, 70, 1002, 1_000_100, 30];
    assert_eq!(number(&report["commands"]), 4 + 1 + 2 + 4);
    assert_eq!((number(&report["trades"]), number(&report["traded_quantity"])), (3, 120));
    assert_eq!(number(&report["notional"]), 50 * 1_000_100 + 70 * 1_000_000);
    assert_eq!(report["trade_hash"], format!("{:016x}", fnv(trades.as_flattened())));
    assert_eq!(report["trade_hash_lobster"], format!("{:016x}", fnv(&of_file)));
    assert_eq!(report["fees"], 0);
    assert_eq!(report["cancels"], serde_json::json!({"user": 1, "immediateOrCancel": 2}));
    assert_eq!(report["refusals"], serde_json::json!({"unknownOrder": 1}));
    let ioc = serde_json::json!({"accepted": 4, "without_fill": 1, "unfilled_quantity": 15});
    assert_eq!(report["ioc"], ioc);
    // What stays: order 8.
    let words = [8_u64, 999_900, 10].map(u64::to_le_bytes);
    let book = &report["checksums"]["1"];
    assert_eq!((number(&book["orders"]), book["symbol"].as_str()), (1, Some("TEST")));
    assert_eq!(number(&book["checksum"]), u64::from(crc32fast::hash(words.as_flattened())));
}

#[test]
fn an_order_file_is_played_and_its_broken_rows_are_named() {
    let here = tempfile::tempdir().unwrap();
    let flow = order_file(here.path());
    let (ended, report) = demo(&["--flow", &flow, "--speed", "max"]);
    assert_in_step(&ended, &report);
    assert_small_file(&report);
    assert_eq!(report["open_loop"], false, "as fast as it goes is not open-loop");
    for line in [4, 7, 16, 17, 18] {
        let named = ended
            .out
            .lines()
            .any(|text| text.starts_with("  odd row") && text.ends_with(&format!(" {line}")));
        assert!(named, "line {line} in {}", ended.out);
    }
    // At its own times it comes to the same, and never ahead of them: 1.3 s, ten times faster.
    let (ended, report) = demo(&["--flow", &flow, "--speed", "10"]);
    assert_in_step(&ended, &report);
    assert_small_file(&report);
    // The last row that is played is 1.1 s after the first.
    assert!(number(&report["trading_ns"]) >= 109_999_999, "{}", report["trading_ns"]);
}

#[test]
fn an_hour_of_apple_ends_with_the_totals_of_a_naive_simulation() {
    const FILE: &str = "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz";
    let named = std::env::var_os("ISOCHRON_LOBSTER").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(FILE);
    let Some(path) = named.into_iter().chain([beside]).find(|path| path.is_file()) else {
        println!("skipped: {FILE} is neither at ISOCHRON_LOBSTER nor in ../shared/data");
        return;
    };
    let (ended, report) =
        demo(&["--flow", &format!("lobster:{}", path.display()), "--speed", "max"]);
    assert_in_step(&ended, &report);
    for (name, count) in [
        ("rows", 91_997),
        ("new", 44_256),
        ("reduces", 469),
        ("unknown_skipped", 84),
        ("hidden_skipped", 2_201),
        ("ioc", 4_055),
        ("ioc_hits_named", 3_990),
        ("ioc_hits_another", 63),
        ("ioc_hits_nothing", 2),
        ("no_longer_live", 4),
        ("refused", 0),
    ] {
        assert_eq!(number(&report["input"][name]), count, "{name}");
    }
    assert_eq!(number(&report["cancels"]["user"]), 40_928);
    assert_eq!(number(&report["ioc"]["unfilled_quantity"]), 10);
    assert_eq!((number(&report["trades"]), number(&report["traded_quantity"])), (4_104, 349_714));
    assert_eq!(number(&report["notional"]), 2_049_211_821_900);
    assert_eq!(report["trade_hash_lobster"], "a1bffd1a58d659f8");
    assert_eq!(number(&report["checksums"]["1"]["orders"]), 380);
    assert_eq!(report["checksums"]["1"]["symbol"], "AAPL");
}

#[test]
fn two_demos_at_once_do_not_meet() {
    let here = tempfile::tempdir().unwrap();
    let start = |name: &str, seed: &str| {
        let json = here.path().join(name);
        let arguments = ["demo", "--seconds", "2", "--rate", "1000", "--seed", seed, "--json"];
        let arguments = arguments.into_iter().chain([json.to_str().unwrap()]);
        (Program::start(arguments), json.clone())
    };
    let mut demos = [start("one", "1"), start("two", "2")];
    let lines = demos.each_mut().map(|(demo, _)| demo.line_with(" subscribe --group "));
    let port =
        |line: &str| pasted(line).iter().skip_while(|word| *word != "--port").nth(1).cloned();
    assert!(port(&lines[0]).is_some() && port(&lines[0]) != port(&lines[1]), "{lines:?}");
    let reports = demos.map(|(demo, json)| {
        let ended = demo.end();
        let report = report(&json);
        assert_in_step(&ended, &report);
        report
    });
    assert_ne!(reports[0]["state_hash"], reports[1]["state_hash"], "two seeds, two exchanges");
}

#[test]
fn help_shows_an_example_and_wrong_values_are_named() {
    for command in [&[][..], &["demo"], &["replay"], &["subscribe"]] {
        let ended = run(command.iter().copied().chain(["--help"]));
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        let example = ended.out.split("Example").nth(1).unwrap_or_else(|| panic!("{}", ended.out));
        assert!(example.contains("isochron"), "{}", ended.out);
    }
    for (arguments, value) in [
        (&["--flow", "nasdaq"][..], "nasdaq"),
        (&["--flow", "lobster:"], "lobster:"),
        (&["--rate", "0"], "'0'"),
        (&["--rate", "-5"], "-5"),
        (&["--rate", "fast"], "fast"),
        (&["--rate", "1000000001"], "1000000001"),
        (&["--speed", "0.5"], "0.5"),
        (&["--speed", "maximum"], "maximum"),
        (&["--speed", "10"], "--speed 10"),
        (&["--flow", "lobster:rows.csv", "--rate", "77"], "--rate 77"),
        (&["--seconds", "-1"], "-1"),
        (&["--seconds", "99999999999999999999"], "99999999999999999999"),
        (&["--subscribers", "65"], "65"),
        (&["--port", "65536"], "65536"),
        (&["--drop-datagram", "first"], "first"),
    ] {
        let ended = run(["demo"].into_iter().chain(arguments.iter().copied()));
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.errors.contains(value), "{value} in {}", ended.errors);
    }
}

#[test]
fn a_demo_that_is_interrupted_early_ends_in_order_too() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    // The line comes just before the administration is sent.
    demo.line_with(" agents, ");
    // Two at once, as some senders do, are one wish.
    let script = format!("kill -INT {0} && kill -INT {0}", demo.pid());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let ended = demo.end();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(ended.out.contains("interrupted"), "{}", ended.out);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
}

#[test]
fn a_demo_that_is_interrupted_again_ends_at_once() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    // A subscriber that does not answer would hold the end up.
    let subscribers = children(demo.pid());
    send_signal(subscribers[0], "STOP");
    wait("the demo ends", || {
        demo.signal("INT");
        std::thread::sleep(Duration::from_millis(300));
        (!is_running(demo.pid().into())).then_some(())
    });
    assert_eq!(demo.end().code, Some(130));
    send_signal(subscribers[0], "KILL");
    for pid in subscribers {
        wait("the subscriber ends", || (!is_running(pid.into())).then_some(()));
    }
}

#[test]
fn a_demo_that_is_interrupted_ends_in_order() {
    for signal in ["INT", "TERM"] {
        let here = tempfile::tempdir().unwrap();
        let json = here.path().join("report.json");
        let arguments = ["demo", "--seconds", "600", "--rate", "1000", "--json"];
        let mut demo = Program::start(arguments.into_iter().chain([json.to_str().unwrap()]));
        demo.line_with("  1 s ");
        send_signal(demo.pid(), signal);
        let ended = demo.end();
        let report = report(&json);
        assert_in_step(&ended, &report);
        assert_eq!(report["interrupted"], true);
        assert!(ended.out.contains("interrupted") && number(&report["commands"]) > 0);
    }
}

/// The processes that this one started and that still run.
fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(child) = entry.unwrap().file_name().to_string_lossy().parse() else { continue };
        // pid (name) state parent ...: proc_pid_stat(5).
        let Ok(stat) = fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let mut fields = after.split(' ');
        let runs = fields.next() != Some("Z");
        if runs && fields.next() == Some(&pid.to_string()) {
            found.push(child);
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn a_demo_that_loses_a_subscriber_fails_and_does_not_wait_for_it() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    let subscribers = children(demo.pid());
    assert_eq!(subscribers.len(), 3);
    send_signal(subscribers[1], "KILL");
    let ended = demo.end();
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    let failed: Vec<_> = ended.out.lines().filter(|line| line.starts_with("  FAIL ")).collect();
    assert!(failed.len() == 1 && failed[0].contains(&subscribers[1].to_string()), "{failed:?}");
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    assert!(!subscribers.into_iter().any(|pid| is_running(pid.into())));
}

#[test]
fn subscribers_of_a_demo_that_was_killed_are_not_the_terminals() {
    let mut demo = Program::start(["demo", "--seconds", "600", "--rate", "1000"]);
    demo.line_with("  1 s ");
    let subscribers = children(demo.pid());
    assert_eq!(subscribers.len(), 3);
    let command_line = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    for pid in &subscribers {
        let words = command_line(*pid);
        let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let timeout = words.iter().skip_while(|word| *word != "--idle-timeout").nth(1).unwrap();
        assert!((1..=60).contains(&timeout.parse::<u64>().unwrap()), "{words:?}");
        let group = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let group = group.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned();
        assert_eq!(group, pid.to_string(), "a group of its own, which no terminal signals");
    }
    // Nobody is left to end them, as after a power cut of the demo alone: they are told by hand.
    demo.signal("KILL");
    assert_eq!(demo.end().code, None);
    for pid in subscribers {
        send_signal(pid, "TERM");
        wait("the subscriber ends", || (!is_running(pid.into())).then_some(()));
    }
}

#[test]
fn a_pipe_that_nobody_reads_changes_nothing() {
    let here = tempfile::tempdir().unwrap();
    let json = here.path().join("report.json");
    let mut command = Command::new("sh");
    let script = "\"$0\" demo --seconds 1 --rate 1000 --json \"$1\" | head -n 1; echo read";
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_isochron")).arg(&json);
    let ended = Program::start_command(command).end();
    assert!(ended.out.ends_with("read\n") && ended.out.lines().count() == 2, "{}", ended.out);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_eq!(report(&json)["holds"], true);
}
