//! From ring to append the core makes no system call, seen by `strace` over 100,000 commands.
//!
//! The test runs itself again under `strace`: there a core spins on a thread of its own, as an
//! exchange's does, while the test's thread sends commands and prepares segments. Between two
//! marks that the test's thread makes, the core's thread must not appear in the trace at all; so
//! its readings of the clock are none either.

use isochron::agent::{IdleStrategy, Placement, StopFlag, SystemClock, start};
use isochron::core::{CoreAgent, CoreCounters, Options, Sequencer};
use isochron::demo::flow::{Flow, Mix, Next};
use isochron::metrics::{Counter, Counters};
use isochron::ring::{Producer, pair};
use isochron::state_machine::{Capacity, command_origin, command_origin_mut};
use isochron::store::{Identity, Options as StoreOptions, SegmentHelper, StoreReader};
use isochron::types::Nanos;
use isochron_events::{CommandOrigin, Message, SCHEMA_ID, SCHEMA_VERSION};
use std::path::Path;
use std::process::{Command, Stdio};

const COMMANDS: u64 = 100_000;
const TERM_BYTES: usize = 2 * 1024 * 1024;
const CAPACITY: Capacity = Capacity { orders: 1 << 17, holdings: 1 << 17, client_ids: 1 << 18 };

/// Looks for something to read, in vain, before the core gets this thread's core.
const IDLE_POLLS_PER_YIELD: u64 = 20_000;

/// Set for the run under `strace`.
const TRACED: &str = "ISOCHRON_TRACED";

/// Files that nobody has: a look for one is a mark in the trace.
const BEGIN: &str = "/isochron-steady-begin";
const END: &str = "/isochron-steady-end";

/// Sends commands, and does what the core leaves to others.
struct Source {
    ring: Producer,
    reader: StoreReader,
    helper: SegmentHelper,
    flow: Mix,
    sent: u64,
    executed: u64,
    time: u64,
    idle_polls: u64,
}

impl Source {
    fn send(&mut self, mut command: Message) {
        self.sent += 1;
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence: self.sent };
        }
        let mut bytes = [0; 1024];
        let length = command.encode(&mut bytes).unwrap();
        while self.ring.try_write(&bytes[..length]).is_err() {
            self.listen();
        }
        self.listen();
    }

    fn listen(&mut self) {
        // A failed preparation is tried again after a time: none of it stands still here.
        self.time += 1_000_000;
        self.helper.do_work(Nanos(self.time));
        let (flow, executed) = (&mut self.flow, &mut self.executed);
        let read = self.reader.poll(1_000, |frame| {
            let event = Message::decode(frame.message).unwrap();
            *executed += u64::from(command_origin(&event).is_some_and(|origin| origin.source == 1));
            flow.on_event(&event);
        });
        self.idle_polls = if read.unwrap() == 0 { self.idle_polls + 1 } else { 0 };
        // Seldom: under a trace each takes long, and there is a trace.
        if self.idle_polls % IDLE_POLLS_PER_YIELD == IDLE_POLLS_PER_YIELD - 1 {
            std::thread::yield_now();
        }
    }

    fn settle(&mut self) {
        while self.executed < self.sent {
            self.listen();
        }
    }
}

fn mark(path: &str) {
    assert!(!Path::new(path).exists());
}

/// What is traced.
fn trade() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    let store = StoreOptions::new(directory.path(), identity);
    let store = StoreOptions { term_bytes: TERM_BYTES, ..store };
    let options = Options { store, capacity: CAPACITY };
    let (mut sequencer, _) = Sequencer::open(&options, Nanos(1)).unwrap();
    let helper = sequencer.writer_mut().take_helper().unwrap();
    let (ring, consumer) = pair(1 << 16);
    let counters = Counters::in_memory();
    let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    let reader = StoreReader::attach(directory.path(), None).unwrap();
    let flow = Mix::new(7, 20_260_105, COMMANDS);
    let (sent, executed, time, idle_polls) = (0, 0, 0, 0);
    let mut source = Source { ring, reader, helper, flow, sent, executed, time, idle_polls };
    let placement = Placement::dedicated(IdleStrategy::Spin);
    let (clock, stop) = (SystemClock::new(), StopFlag::new());
    let running = start(vec![Box::new(core)], &placement, &clock, &stop).unwrap();
    source.flow.setup().into_iter().for_each(|command| source.send(command));
    source.settle();
    let begun = source.reader.position().0;
    mark(BEGIN);
    for _ in 0..COMMANDS {
        match source.flow.next() {
            Next::Command { command, .. } => source.send(command),
            Next::Wait | Next::Done => panic!("the flow goes on"),
        }
    }
    source.settle();
    mark(END);
    let written = source.reader.position().0 - begun;
    assert!(written > 5 * TERM_BYTES as u64, "{written} bytes: segments were to be crossed");
    assert!(counters.get(Counter::COMMANDS_EXECUTED) >= COMMANDS);
    running.stop();
    running.join().unwrap();
}

/// The system calls of the thread called `core` between the marks, and how many calls the others
/// made meanwhile.
fn calls_of_core(trace: &str) -> (Vec<&str>, usize) {
    let named = trace.lines().find(|line| line.contains("PR_SET_NAME, \"core\""));
    let core = named.and_then(|line| line.split_whitespace().next()).expect("a thread named core");
    let between = trace.lines().skip_while(|line| !line.contains(BEGIN)).skip(1);
    let between: Vec<_> = between.take_while(|line| !line.contains(END)).collect();
    let of_core = |line: &&&str| line.split_whitespace().next() == Some(core);
    let calls: Vec<_> = between.iter().filter(of_core).copied().collect();
    let others = between.len() - calls.len();
    (calls, others)
}

#[test]
fn the_core_makes_no_system_call_between_ring_and_append() {
    if std::env::var_os(TRACED).is_some() {
        return trade();
    }
    let works = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        println!("skipped: no strace, or it may not trace");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace");
    let name = "the_core_makes_no_system_call_between_ring_and_append";
    let output = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&path)
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(TRACED, "1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let trace = std::fs::read_to_string(&path).unwrap();
    assert!(trace.contains(BEGIN) && trace.contains(END));
    let (calls, others) = calls_of_core(&trace);
    assert_eq!(calls, [] as [&str; 0], "system calls of the core's thread");
    // The trace saw what there was: segments were made meanwhile.
    assert!(others > 50, "{others} calls of other threads");
}

#[test]
fn a_call_of_the_core_would_be_found() {
    let trace = format!(
        "10 prctl(PR_SET_NAME, \"test\") = 0\n11 prctl(PR_SET_NAME, \"core\") = 0\n\
         11 futex(1) = 0\n10 statx(\"{BEGIN}\") = -1\n10 write(2) = 1\n11 write(1) = 1\n\
         11 +++ killed +++\n10 statx(\"{END}\") = -1\n11 exit(0) = ?\n"
    );
    assert_eq!(calls_of_core(&trace), (vec!["11 write(1) = 1", "11 +++ killed +++"], 1));
}
