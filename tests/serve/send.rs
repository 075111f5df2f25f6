//! `isochron send`: a source in a process of its own, and the death of either side.

use super::program::{Program, run, wait};
use super::{Place, stop};
use isochron_events::{CommandOrigin, Message};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const SOURCE: u32 = 2;
const RING: &str = "[[sources]]\nid = 2\nring = \"orders.ring\"\n";

/// An order file: so many orders that rest, one a microsecond.
fn orders(path: &Path, first_id: u64, orders: u64) {
    let mut text = String::new();
    for n in 0..orders {
        let (price, micros) = (1_000_000 - n % 500 * 100, n % 1_000_000);
        writeln!(text, "{}.{micros:06},1,{},10,{price},1", 34_200 + n / 1_000_000, first_id + n)
            .unwrap();
    }
    fs::write(path, text).unwrap();
}

impl Place {
    /// `isochron send` of an order file, as fast as it is taken.
    fn send(&self, file: &Path, more: &[&str]) -> Program {
        let (ring, flow) = (self.path().join("orders.ring"), format!("lobster:{}", file.display()));
        let all = ["send", "--ring", ring.to_str().unwrap(), "--flow", &flow];
        Program::start(all.iter().chain(&["--speed", "max", "--json"]).chain(more))
    }

    /// The source sequences of the source's commands, in the order of the log.
    fn sequences(&self) -> Vec<u64> {
        let origin = |message: &Message| match message {
            Message::NewOrderEvent(order) => Some(order.origin),
            Message::DefineMember(command) => Some(command.origin),
            _ => None,
        };
        let of_source = |origin: CommandOrigin| origin.source == SOURCE;
        let log = self.log();
        let origins = log.iter().filter_map(origin).filter(|origin| of_source(*origin));
        origins.map(|origin| origin.source_sequence).collect()
    }
}

fn report(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn a_source_sends_and_sees_what_came_of_it() {
    let place = Place::new(RING);
    let core = place.serve("--only core");
    let file = place.path().join("AAPL_rows.csv");
    orders(&file, 1_000, 5_000);
    // One of a size that no instrument has: refused, and committed as that.
    let text = fs::read_to_string(&file).unwrap() + "34300.0,1,9000000,1,1000000000000,1\n";
    fs::write(&file, text).unwrap();
    let ended = place.send(&file, &[]).end();
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.errors);
    let report = report(&ended.out);
    let log = place.log();
    let commands = log.iter().filter(|message| {
        let origin = isochron::state_machine::command_origin(message);
        origin.is_some_and(|origin| origin.source == SOURCE)
    });
    let commands = commands.count();
    assert_eq!(report["committed"], commands);
    assert_eq!(report["sent"], commands);
    let rejected = log.iter().filter(|m| matches!(m, Message::OrderRejectedEvent(_))).count();
    assert_eq!(report["refused"], rejected);
    let accepted = log.iter().filter(|m| matches!(m, Message::OrderAcceptedEvent(_))).count();
    assert_eq!((accepted + rejected, &report["not_accepted_and_sent_again"]), (5_001, &0.into()));
    assert_eq!(report["latency"]["count"], 5_001);
    assert!(log.iter().any(|m| matches!(m, Message::NewOrderEvent(order) if order.entry_time > 0)));
    stop(core);
}

/// The core is killed again and again while a source sends. In the end the log has each of its
/// commands once, in their order: none is lost, none executed twice, none that a crash left in the
/// ring executed behind the source's back.
#[test]
fn a_source_outlives_the_core_and_each_command_is_executed_once() {
    let place = Place::new(RING);
    let file = place.path().join("AAPL_rows.csv");
    let all = 60_000;
    orders(&file, 1_000, all);
    let mut core = place.serve("--only core");
    let source = place.send(&file, &[]);
    for kill in 1..=3_u64 {
        let reached = (kill * all / 5) as usize;
        wait("the source trades", || (place.sequences().len() > reached).then_some(()));
        core.signal("KILL");
        core.end();
        core = place.serve("--only core");
    }
    let ended = source.end();
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.errors);
    let report = report(&ended.out);
    assert_eq!(report["committed"], report["sent"]);
    let again = report["not_accepted_and_sent_again"].as_u64().unwrap();
    println!("send: 3 kills of the core, {again} commands not accepted and sent again");
    let sequences = place.sequences();
    assert_eq!(sequences.len() as u64, all + 1);
    assert!(sequences.is_sorted_by(|before, after| before < after));
    stop(core);
}

#[test]
fn a_source_that_dies_is_followed_by_another() {
    let place = Place::new(RING);
    let core = place.serve("--only core");
    let files = ["AAPL_one.csv", "AAPL_two.csv"].map(|name| place.path().join(name));
    orders(&files[0], 1_000, 200_000);
    orders(&files[1], 1_000_000, 2_000);
    let first = place.send(&files[0], &[]);
    wait("the first trades", || (place.sequences().len() > 1_000).then_some(()));
    // Two at once are one too many.
    let refused = place.send(&files[1], &["--no-setup"]).end();
    let said = format!("process {} is its producer", first.pid());
    assert_eq!(refused.code, Some(2), "{}", refused.errors);
    assert!(refused.errors.contains(&said), "{said}: {}", refused.errors);
    first.signal("KILL");
    first.end();
    let second = place.send(&files[1], &["--no-setup"]).end();
    assert_eq!(second.code, Some(0), "{}{}", second.out, second.errors);
    let report = report(&second.out);
    assert_eq!((&report["sent"], &report["refused"]), (&2_000.into(), &0.into()));
    let sequences = place.sequences();
    assert!(sequences.is_sorted_by(|before, after| before < after));
    stop(core);
    let verified = run(["verify", place.store().to_str().unwrap()]);
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}

#[test]
fn without_an_exchange_a_source_says_so() {
    let place = Place::new(RING);
    stop(place.serve("--only core"));
    let file = place.path().join("AAPL_rows.csv");
    orders(&file, 1_000, 10);
    let ended = place.send(&file, &["--patience", "1"]).end();
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    let report = report(&ended.out);
    let error = report["error"].as_str().unwrap();
    assert!(
        error.contains("was not committed within 1 s") && error.contains("source 2"),
        "{error}"
    );
    assert!(report["unanswered"].as_u64() > Some(0) && report["committed"] == 0, "{report}");
    // What it left in the ring is not executed by the next core.
    let mut core = place.serve("--only core");
    core.line_with("left in its ring by a crash");
    stop(core);
    assert_eq!(place.sequences(), [] as [u64; 0]);
    let nowhere = run(["send", "--ring", "/nowhere/x.ring"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.errors.contains("no store near the ring; name it: --store DIR"));
    let no_ring = place.path().join("none.ring");
    let missing = run(["send", "--ring", no_ring.to_str().unwrap()]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.contains("none.ring") && missing.errors.contains("No such file"));
}
