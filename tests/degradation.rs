//! What happens when something fails: one test for each row of the table in `docs/operations.md`
//! that has none elsewhere, and one that holds the table against the tests it names.

mod day;
#[path = "feed_loopback/heard.rs"]
mod heard;
#[path = "feed_loopback/publishing.rs"]
mod publishing;

use day::{World, at, new_york};
use heard::{Heard, endpoint, expected};
use isochron::limits::RING_COMMANDS_PER_CYCLE_MAX;
use isochron::metrics::Counter;
use isochron::net::ReservedPort;
use isochron::ring::Refusal;
use isochron::state_machine::command_origin;
use isochron::types::Nanos;
use isochron_events::{DayEnding, Message, Phase, PhaseChange, Tick};
use publishing::Publishing;
use std::fs;
use std::path::Path;

const HEADING: &str = "## When something fails";

/// What the table speaks of, at least.
const ROWS: &[&str] = &["disk is full", "floods", "publisher", "reader", "snapshot", "clock"];

/// The rows of the table, without its head: the cells between the bars.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let section = page.split_once(HEADING).expect("the page has the heading").1;
    let section = section.split("\n## ").next().expect("there is a first part");
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    table.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn each_row_of_the_table_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/operations.md")).expect("the page is there");
    let rows = rows(&page);
    for row in &rows {
        let [what, .., test] = row[..] else { panic!("a row without cells: {row:?}") };
        assert!(row.len() == 5 && row.iter().all(|cell| !cell.is_empty()), "{what}: {row:?}");
        let named: Vec<_> = test.split('`').skip(1).step_by(2).collect();
        let [file, name] = named[..] else { panic!("{what}: `file` `name` is not {test:?}") };
        let text = fs::read_to_string(root.join(file));
        let text = text.unwrap_or_else(|error| panic!("{what}: {file}: {error}"));
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        let is_there = lines.join("\n").contains(&format!("#[test]\nfn {name}()"));
        assert!(is_there, "{what}: {file} has no test {name}");
    }
    for expected in ROWS {
        let found = rows.iter().any(|row| row[0].contains(expected));
        assert!(found, "no row says what happens: {expected}");
    }
}

/// An exchange at noon of a trading day, open.
fn open() -> World {
    let mut world = World::with_market(new_york(), at("2026-11-24T11:00:00Z"));
    world.settle_at("2026-11-24T17:00:00Z");
    world
}

/// The sources of all commands in the log.
fn sources(world: &World) -> Vec<u32> {
    world.log().iter().filter_map(command_origin).map(|origin| origin.source).collect()
}

#[test]
fn a_source_that_floods_its_ring_delays_the_others_by_a_bounded_share() {
    let mut world = open();
    let mut waits = Vec::new();
    for cycle in 0..30 {
        // As fast as it can: until its ring refuses, which loses nothing that it took.
        let refusal = loop {
            let order = world.order(1);
            if let Err(refusal) = world.send(1, order) {
                break refusal;
            }
        };
        assert!(matches!(refusal, Refusal::Full { .. }), "{refusal}");
        let before = sources(&world).len();
        world.send(2, Tick::default()).expect("the other's ring has room");
        world.core();
        let taken = &sources(&world)[before..];
        assert_eq!(taken.len(), RING_COMMANDS_PER_CYCLE_MAX + 1, "cycle {cycle}");
        waits.push(taken.iter().position(|source| *source == 2).expect("taken in this cycle"));
    }
    assert_eq!(world.count(Counter::RING_REFUSALS.of_ring(0)), 30);
    assert_eq!(world.count(Counter::RING_REFUSALS.of_ring(1)), 0);
    // What comes between is the flooding source's share of a cycle, or nothing where its turn is
    // later.
    assert!(waits.iter().all(|wait| [0, RING_COMMANDS_PER_CYCLE_MAX].contains(wait)), "{waits:?}");
    assert!(waits.contains(&RING_COMMANDS_PER_CYCLE_MAX));
}

#[test]
fn nothing_is_taken_before_the_last_step_of_work_that_goes_on() {
    let mut world = open();
    for _ in 0..2_500 {
        let order = world.order(1);
        world.send(1, order).expect("there is room");
        world.core();
    }
    world.send(1, PhaseChange { phase: Phase::CLOSED, ..PhaseChange::default() }).unwrap();
    world.core();
    let from = world.log().len();
    world.send(1, DayEnding { trading_date: 20_261_124, ..DayEnding::default() }).unwrap();
    world.core();
    assert!(world.sequencer().is_pending(), "2,500 orders are more than a cycle cancels");
    // Both wait in their rings while the day ends, cycle after cycle.
    world.send(1, Tick::default()).unwrap();
    world.send(2, Tick::default()).unwrap();
    let mut cycles = 0;
    while world.core() > 0 {
        cycles += 1;
    }
    assert!(cycles > 1);
    let log = world.log();
    let ended = log.iter().position(|message| matches!(message, Message::DayEnded(_)));
    let (within, after) = log[from..].split_at(ended.expect("the day ended") - from + 1);
    let cause = within[0].header().sequence;
    assert!(within.iter().all(|message| message.header().cause == cause), "one event");
    assert!(matches!(after, [Message::Tick(_), Message::Tick(_)]), "{after:?}");
}

#[test]
fn a_clock_set_back_stops_logged_time_and_nothing_else() {
    let mut world = open();
    let noon = world.now;
    let steps = world.steps();
    world.kill();
    world.now = Nanos(noon.0 - 3_600_000_000_000);
    world.start();
    world.settle();
    let order = world.order(1);
    world.send(1, order).unwrap();
    world.settle();
    // It trades on, at the time that was logged last, and repeats nothing.
    let log = world.log();
    let accepted = log.last().expect("it is not empty");
    assert!(matches!(accepted, Message::OrderAcceptedEvent(_)), "{accepted}");
    assert_eq!(accepted.header().timestamp, noon.0);
    assert_eq!(world.steps(), steps);
    assert_eq!(world.count(Counter::CLOCK_BEHIND_NS), 3_600_000_000_000);
    // When the clock has caught up, time goes on.
    world.now = Nanos(noon.0 + 1_000_000_000);
    let order = world.order(1);
    world.send(1, order).unwrap();
    world.settle();
    assert_eq!(world.log().last().map(|m| m.header().timestamp), Some(world.now.0));
    assert_eq!(world.count(Counter::CLOCK_BEHIND_NS), 0);
}

#[test]
fn a_clock_far_ahead_runs_through_no_day() {
    let mut world = open();
    let steps = world.steps();
    let resting = world.order(1);
    world.send(1, resting).unwrap();
    world.settle();
    // Ten years, within the process and at the next start.
    world.now = at("2036-11-24T17:00:00Z");
    world.settle();
    world.kill();
    world.start();
    world.settle();
    assert_eq!(world.steps(), steps);
    assert_eq!(world.sequencer().machine().trading_day(), (20_261_124, true));
    assert_eq!(world.count(Counter::SCHEDULER_HELD), 20_361_124);
    let expired = |message: &Message| matches!(message, Message::OrderCanceledEvent(_));
    assert!(!world.log().iter().any(expired), "orders stay");
    // The clock is put right: the day goes on by it.
    world.kill();
    world.now = at("2026-11-24T18:00:00Z");
    world.start();
    world.settle();
    assert_eq!(world.count(Counter::SCHEDULER_HELD), 0);
    world.settle_at("2026-11-24T21:00:00Z");
    assert_eq!(world.steps().last().map(|logged| logged.step), Some("closed"));
    assert!(world.count(Counter::CLOCK_BEHIND_NS) > 0, "logged time stands ten years ahead");
}

/// The feed of an exchange, on loopback multicast.
fn publishing(world: &World, port: &ReservedPort) -> Publishing {
    let directory = world.directory.path();
    Publishing::at(directory, world.reader(), &publishing::options(directory, endpoint(port)))
}

/// Orders that rest, each of them a message of the feed.
fn trade(world: &mut World, orders: u64) {
    for _ in 0..orders {
        let order = world.order(1);
        world.send(1, order).expect("there is room");
        assert_eq!(world.core(), 1, "the core waits for nobody");
    }
}

#[test]
fn a_feed_publisher_that_stands_still_or_dies_goes_on_with_the_same_bytes() {
    let port = ReservedPort::new().unwrap();
    let mut world = open();
    let mut heard = Heard::listen(endpoint(&port));
    let mut feed = publishing(&world, &port);
    trade(&mut world, 100);
    feed.publish(world.now);
    heard.receive(world.now, None);
    let before = heard.messages.len();
    // Behind: the core goes on, and what was missed comes when the publisher goes on.
    trade(&mut world, 500);
    heard.receive(world.now, None);
    assert_eq!(heard.messages.len(), before, "nothing is published");
    assert!(feed.counters.get(Counter::FEED_POSITION) < world.sequencer().position().0);
    feed.publish(world.now);
    heard.receive(world.now, None);
    assert!(heard.messages.len() >= before + 500);
    // Dead: another one goes on where it stopped.
    drop(feed);
    trade(&mut world, 500);
    let mut feed = publishing(&world, &port);
    feed.publish(world.now);
    heard.receive(world.now, None);
    assert_eq!(heard.messages, expected(world.directory.path()).concat());
    assert_eq!((heard.first, heard.lost.len()), (1, 0));
    assert_eq!(feed.counters.get(Counter::FEED_POSITION), world.sequencer().position().0);
}

#[test]
fn a_subscriber_that_is_too_slow_loses_by_name_and_nobody_waits_for_it() {
    const NARROW_BYTES: usize = 8 * 1024;
    let port = ReservedPort::new().unwrap();
    let mut world = open();
    let mut quick = Heard::listen(endpoint(&port));
    let mut slow = Heard::listen_to(endpoint(&port), None, NARROW_BYTES);
    let mut feed = publishing(&world, &port);
    feed.publish(world.now);
    slow.receive(world.now, None);
    // It does not read while much more is published than its buffer holds.
    trade(&mut world, 3_000);
    feed.publish(world.now);
    quick.receive(world.now, None);
    for _ in 0..100 {
        // A heartbeat says what else there was; after a while a gap is lost.
        world.now = Nanos(world.now.0 + 100_000_000);
        feed.publish(world.now);
        slow.receive(world.now, None);
        quick.receive(world.now, None);
    }
    let all = expected(world.directory.path()).concat();
    assert_eq!((&quick.messages, quick.lost.len()), (&all, 0));
    let lost: u64 = slow.lost.iter().map(|gap| gap.messages()).sum();
    assert!(lost > 1_000, "{lost} messages lost");
    assert_eq!(slow.messages.len() as u64 + lost, all.len() as u64, "each is there, or named");
    assert_eq!(feed.counters.get(Counter::FEED_MESSAGES), all.len() as u64);
}
