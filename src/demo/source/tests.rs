//! The source beside a core, with a clock that is moved by hand: what a latency is, and what the
//! source does when its primary is lost.

use super::*;
use crate::agent::ManualClock;
use crate::core::{CoreAgent, CoreCounters, Inlet, Options, Sequencer};
use crate::demo::flow::Next;
use crate::metrics::{Counters, latencies};
use crate::ring::mapped::attach;
use crate::ring::pair;
use crate::state_machine::{Capacity, command_origin};
use crate::store::{Identity, Options as StoreOptions};
use crate::types::SourceId;
use isochron_events::{SCHEMA_ID, SCHEMA_VERSION, Tick};
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;

/// So many ticks, then nothing.
struct Ticks(u64);

impl Flow for Ticks {
    fn setup(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn next(&mut self) -> Next {
        let Some(left) = self.0.checked_sub(1) else { return Next::Done };
        self.0 = left;
        Next::Command { command: Tick::default().into(), due_ns: 0 }
    }

    fn on_event(&mut self, _event: &Message) {}

    fn notes(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// The exchange of these tests, its log in a directory.
pub(in crate::demo) fn options(directory: &Path) -> Options {
    let (exchange, exchange_number) = ("TEST".to_owned(), 1);
    let (schema_id, schema_version) = (SCHEMA_ID, SCHEMA_VERSION);
    let identity = Identity { exchange, exchange_number, node: 1, schema_id, schema_version };
    let store = StoreOptions::new(directory, identity);
    let store = StoreOptions { term_bytes: 64 * 1024, ..store };
    Options { store, capacity: Capacity::default() }
}

#[test]
fn latency_ends_when_the_outcome_is_seen_not_when_the_cycle_began() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    let (sequencer, _) = Sequencer::open(&options, Nanos(1)).unwrap();
    let (ring, consumer) = pair(1 << 16);
    let counters = Counters::in_memory();
    let mut core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    let clock = ManualClock::new(Nanos(1_000));
    let (recorder, mut collector) = latencies(8);
    let (mut source, progress) = SourceAgent::new(Parts {
        setup: Vec::new(),
        flow: Box::new(Ticks(1)),
        pace: Pace::Rate(1),
        duration_ns: None,
        source: 1,
        ring,
        reader: StoreReader::attach(directory.path(), None).unwrap(),
        journal: Box::new(recorder),
        clock: Box::new(clock.clone()),
        stop: StopFlag::new(),
    });
    // Sent in the cycle of 1,000; executed and seen in that of 1,100, which has lasted.
    source.do_work(Nanos(1_000));
    core.do_work(Nanos(1_100));
    clock.set(Nanos(3_000));
    source.do_work(Nanos(1_100));
    source.do_work(Nanos(3_100));
    assert!(progress.is_finished());
    assert_eq!(collector.collect(), 1);
    assert_eq!(collector.total().max_ns, 2_000);
}

/// What the journal was told, in order.
#[derive(Clone, Default)]
struct Told(Arc<std::sync::Mutex<Vec<(&'static str, u64)>>>);

impl Told {
    fn say(&self, what: &'static str, number: u64) {
        self.0.lock().unwrap().push((what, number));
    }
}

impl Journal for Told {
    fn on_sent(&mut self) {}

    fn on_seen(&mut self, seen: &[Seen], _now: u64) {
        self.say("seen", seen.len() as u64);
    }

    fn on_gone(&mut self, in_flight: u64) {
        self.say("gone", in_flight);
    }

    fn on_came(&mut self, not_accepted: u64) {
        self.say("came", not_accepted);
    }

    fn on_caught_up(&mut self, _now: u64) {
        self.say("caught up", 0);
    }
}

/// A core with a store and a ring in a folder.
fn core(folder: &Path, store: &Path) -> CoreAgent {
    let (sequencer, _) = Sequencer::open(&options(store), Nanos(1)).unwrap();
    let ring = folder.join(format!("ring{}", sequencer.epoch().get()));
    let inlet = Inlet::open(&ring, SourceId(1), 1 << 16, sequencer.epoch()).unwrap();
    CoreAgent::with_inlets(sequencer, vec![inlet], CoreCounters::new(&Counters::in_memory()))
}

/// Runs a core: in its first cycles it comes to know the ring's producer.
fn run(core: &mut CoreAgent, now: Nanos) {
    for _ in 0..4 {
        core.do_work(now);
    }
}

pub(in crate::demo) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// The numbers of the source's commands in a log.
fn numbers(store: &Path) -> Vec<u64> {
    let (mut reader, mut numbers) = (StoreReader::attach(store, None).unwrap(), Vec::new());
    while let Some(frame) = reader.next().unwrap() {
        let event = Message::decode(frame.message).unwrap();
        let own = command_origin(&event).filter(|origin| origin.source == 1);
        numbers.extend(own.map(|origin| origin.source_sequence));
    }
    numbers
}

/// The primary dies with two commands on their way. The next one's log has the first of them, which
/// was never confirmed before, and not the second: that one is sent again, and nothing else is.
#[test]
fn another_primary_is_followed_from_the_place_up_to_which_the_first_had_confirmed() {
    const SECOND: u64 = 1_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let (store, dead) = (folder.path().join("store"), folder.path().join("dead"));
    let mut first = core(folder.path(), &store);
    let told = Told::default();
    let (changes, changed) = channel();
    let (source, progress) = SourceAgent::new(Parts {
        setup: Vec::new(),
        flow: Box::new(Ticks(5)),
        pace: Pace::Rate(1),
        duration_ns: None,
        source: 1,
        ring: attach(&folder.path().join("ring1")).unwrap().producer,
        reader: StoreReader::attach(&store, None).unwrap(),
        journal: Box::new(told.clone()),
        clock: Box::new(ManualClock::new(Nanos(0))),
        stop: StopFlag::new(),
    });
    let mut source = source.alone(0, 1, 60 * SECOND).told_by(changed);
    let at = |second: u64| Nanos(1_000 + second * SECOND);
    for second in 0..2 {
        source.do_work(at(second));
        run(&mut first, at(second));
    }
    source.do_work(Nanos(at(1).get() + 1));
    // What the first one's log has from here on, it tells nobody.
    copy(&store, &dead);
    let mut reader = StoreReader::attach(&dead, None).unwrap();
    reader.seek(source.parts.reader.position(), None).unwrap();
    source.parts.reader = reader;
    source.do_work(at(2));
    run(&mut first, at(2));
    source.do_work(at(3));
    drop(first);
    changes.send(PrimaryChange::Gone).unwrap();
    // Command 5 is due, and there is nobody to take it.
    source.do_work(at(4));
    assert_eq!(source.counts().sent, 4);
    let mut second = core(folder.path(), &store);
    let ring = attach(&folder.path().join("ring2")).unwrap().producer;
    let reader = StoreReader::attach(&store, None).unwrap();
    changes.send(PrimaryChange::Came { ring, reader: Box::new(reader) }).unwrap();
    for n in 0..6 {
        source.do_work(at(5 + n));
        run(&mut second, at(5 + n));
    }
    assert!(progress.is_finished(), "{:?}", source.error());
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5]);
    let Counts { sent, committed, not_accepted, .. } = source.counts();
    assert_eq!((sent, committed, not_accepted), (5, 5, 1));
    assert_eq!(
        *told.0.lock().unwrap(),
        [("seen", 1), ("seen", 1), ("gone", 2), ("seen", 1), ("came", 1), ("seen", 2),]
    );
}

/// A log that ends before what was confirmed is no log to go on with: that is said, and nothing is
/// sent.
#[test]
fn a_primary_without_what_was_confirmed_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, short) = (folder.path().join("store"), folder.path().join("short"));
    let mut first = core(folder.path(), &store);
    copy(&store, &short);
    let (changes, changed) = channel();
    let (source, progress) = SourceAgent::new(Parts {
        setup: Vec::new(),
        flow: Box::new(Ticks(3)),
        pace: Pace::Max,
        duration_ns: None,
        source: 1,
        ring: attach(&folder.path().join("ring1")).unwrap().producer,
        reader: StoreReader::attach(&store, None).unwrap(),
        journal: Box::new(Told::default()),
        clock: Box::new(ManualClock::new(Nanos(0))),
        stop: StopFlag::new(),
    });
    let mut source = source.alone(0, 1, 1_000).told_by(changed);
    source.do_work(Nanos(1));
    run(&mut first, Nanos(2));
    drop(first);
    changes.send(PrimaryChange::Gone).unwrap();
    source.do_work(Nanos(3));
    assert_eq!(source.counts().committed, 3);
    let _second = core(folder.path(), &short);
    let ring = attach(&folder.path().join("ring2")).unwrap().producer;
    let reader = StoreReader::attach(&short, None).unwrap();
    changes.send(PrimaryChange::Came { ring, reader: Box::new(reader) }).unwrap();
    for now in [4, 500, 2_000] {
        source.do_work(Nanos(now));
    }
    let error = source.error().unwrap();
    assert!(error.contains("does not lead on from"), "{error}");
    source.do_work(Nanos(2_001));
    assert!(progress.is_finished());
}
