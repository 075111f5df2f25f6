//! Latency, measured with a clock that is moved by hand.

use super::*;
use crate::agent::ManualClock;
use crate::core::{CoreAgent, CoreCounters, Options, Sequencer};
use crate::demo::flow::Next;
use crate::metrics::{Counters, latencies};
use crate::ring::pair;
use crate::state_machine::Capacity;
use crate::store::{Identity, Options as StoreOptions};
use isochron_events::{SCHEMA_ID, SCHEMA_VERSION, Tick};

/// One tick, then nothing.
struct OneTick(bool);

impl Flow for OneTick {
    fn setup(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn next(&mut self) -> Next {
        let first = std::mem::replace(&mut self.0, false);
        let command = Tick::default().into();
        if first { Next::Command { command, due_ns: 0 } } else { Next::Done }
    }

    fn on_event(&mut self, _event: &Message) {}

    fn notes(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

#[test]
fn latency_ends_when_the_outcome_is_seen_not_when_the_cycle_began() {
    let directory = tempfile::tempdir().unwrap();
    let (exchange, exchange_number) = ("TEST".to_owned(), 1);
    let (schema_id, schema_version) = (SCHEMA_ID, SCHEMA_VERSION);
    let identity = Identity { exchange, exchange_number, node: 1, schema_id, schema_version };
    let store = StoreOptions::new(directory.path(), identity);
    let store = StoreOptions { term_bytes: 64 * 1024, ..store };
    let options = Options { store, capacity: Capacity::default() };
    let (sequencer, _) = Sequencer::open(&options, Nanos(1)).unwrap();
    let (ring, consumer) = pair(1 << 16);
    let counters = Counters::in_memory();
    let mut core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    let clock = ManualClock::new(Nanos(1_000));
    let (recorder, mut collector) = latencies(8);
    let (mut source, progress) = SourceAgent::new(Parts {
        setup: Vec::new(),
        flow: Box::new(OneTick(true)),
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
