//! Commands that panic the core: never in the log, and twice within a minute the source's last.

use super::*;
use crate::types::SourceId;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SECOND: u64 = 1_000_000_000;
const POISON: u64 = 666;

fn drill() -> Drill {
    Drill { client_order_id: name(&format!("c{POISON}")) }
}

/// A core whose ring holds commands, and what it counts.
struct Core {
    agent: CoreAgent,
    started: Started,
    counters: Counters,
}

fn core(directory: &Path, intake: &Intake, now: u64, commands: &[Vec<u8>]) -> Core {
    let opened = Sequencer::open_with(&options(directory), intake, Nanos(now));
    let (sequencer, started) = opened.expect("the store opens");
    let (mut producer, consumer) = pair(1 << 16);
    commands.iter().for_each(|command| producer.try_write(command).expect("there is room"));
    let counters = Counters::in_memory();
    let agent = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    Core { agent, started, counters }
}

impl Core {
    /// What the panic of the next cycle says.
    fn dies(mut self, now: u64) -> String {
        let cycle = catch_unwind(AssertUnwindSafe(|| self.agent.do_work(Nanos(now))));
        *cycle.expect_err("it panics").downcast::<String>().expect("a text")
    }
}

/// A market, and after it the number that source 1 uses next.
fn market(directory: &Path) -> u64 {
    let mut feeder = feeder(directory);
    open_market(&mut feeder);
    feeder.source_sequence + 1
}

fn names_of(directory: &Path) -> Vec<String> {
    let orders = log(directory).into_iter().filter_map(|message| match message {
        Message::NewOrderEvent(order) => Some(order.client_order_id),
        _ => None,
    });
    let text = |id: [u8; 20]| String::from_utf8_lossy(&id).trim_end_matches('\0').to_owned();
    orders.map(text).collect()
}

#[test]
fn a_command_that_panics_is_named_and_in_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let next = market(directory.path());
    let intake = Intake { drill: Some(drill()), ..Intake::default() };
    let commands = [(1, next), (POISON, next + 1), (2, next + 2)]
        .map(|(id, number)| bytes(order(1, Side::SELL, 1, id), 1, number));
    let said = core(directory.path(), &intake, 50 * SECOND, &commands).dies(51 * SECOND);
    let named = format!("executing command {} of source 1: a drill", next + 1);
    assert!(said.starts_with(&named), "{said}");
    assert_eq!(names_of(directory.path()), ["c1"]);
    let (sequencer, started) = open(directory.path(), 52 * SECOND);
    let (source, source_sequence, since) = (SourceId(1), next + 1, Nanos(51 * SECOND));
    let died = Executing { source, source_sequence, since };
    assert_eq!(started.recovery.executing, Some(died));
    assert_eq!((started.recovery.deaths, started.quarantined), (vec![died], vec![]));
    assert_eq!(sequencer.executing(), None);
}

#[test]
fn two_deaths_within_a_minute_quarantine_the_source_and_nobody_else() {
    for (apart, quarantined) in [(59 * SECOND, true), (61 * SECOND, false)] {
        let directory = tempfile::tempdir().unwrap();
        let next = market(directory.path());
        let intake = Intake { drill: Some(drill()), ..Intake::default() };
        let poison = bytes(order(1, Side::SELL, 1, POISON), 1, next);
        let good = bytes(order(1, Side::SELL, 1, 1), 1, next + 1);
        let other = bytes(order(2, Side::BUY, 1, 2), 2, 1);
        for now in [SECOND, SECOND + apart] {
            let core = core(directory.path(), &intake, now, std::slice::from_ref(&poison));
            assert_eq!(core.started.quarantined, []);
            core.dies(now);
        }
        // A start without the fault: what is taken and what is not is the quarantine's doing.
        let now = 2 * SECOND + apart;
        let commands = [poison, good, other];
        let mut core = core(directory.path(), &Intake::default(), now, &commands);
        assert_eq!(core.agent.do_work(Nanos(now)), 3, "the ring is emptied");
        let counted = |counter| core.counters.get(counter);
        if quarantined {
            assert_eq!(core.started.quarantined, [SourceId(1)]);
            assert_eq!(names_of(directory.path()), ["c2"]);
            assert_eq!(counted(Counter::CORE_QUARANTINED), 2);
            assert_eq!(counted(Counter::COMMANDS_EXECUTED), 1);
        } else {
            assert_eq!(core.started.quarantined, []);
            assert_eq!(names_of(directory.path()), ["c666", "c1", "c2"]);
            assert_eq!(counted(Counter::CORE_QUARANTINED), 0);
        }
    }
}

#[test]
fn a_quarantine_outlives_clean_restarts_and_ends_by_a_release() {
    let directory = tempfile::tempdir().unwrap();
    let next = market(directory.path());
    let intake = Intake { drill: Some(drill()), ..Intake::default() };
    let poison = bytes(order(1, Side::SELL, 1, POISON), 1, next);
    for now in [SECOND, 2 * SECOND] {
        core(directory.path(), &intake, now, std::slice::from_ref(&poison)).dies(now);
    }
    for now in [3 * SECOND, 500 * SECOND] {
        let (sequencer, started) = open(directory.path(), now);
        assert_eq!(started.quarantined, [SourceId(1)]);
        let reader = StoreReader::attach(directory.path(), None).unwrap();
        assert!(reader.is_quarantined(SourceId(1)) && !reader.is_quarantined(SourceId(2)));
        sequencer.close().unwrap();
    }
    let intake = Intake { release: vec![SourceId(1)], drill: Some(drill()) };
    let released = core(directory.path(), &intake, 501 * SECOND, std::slice::from_ref(&poison));
    assert_eq!(released.started.quarantined, []);
    // One more death is the first again.
    released.dies(501 * SECOND);
    let (mut sequencer, started) = open(directory.path(), 502 * SECOND);
    assert_eq!((started.quarantined, started.recovery.deaths.len()), (vec![], 1));
    assert_eq!(sequencer.take(&poison, Nanos(503 * SECOND)), Taken::Executed);
}
