//! A disk without space, and one that is slow to give some: the core takes nothing that it could
//! not write, says so, waits for nobody, and goes on when there is space.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use isochron::agent::Agent;
use isochron::core::{CoreAgent, CoreCounters, Intake, Options, Sequencer};
use isochron::metrics::{Counter, Counters};
use isochron::ring::{Producer, pair};
use isochron::state_machine::{Capacity, Replay, StateMachine};
use isochron::store::{
    Accepting, Disk, Durability, MemoryDisk, Operation, Options as StoreOptions, ReaderOptions,
    RealDisk, Refusal, SegmentHelper, StoreReader, SyncHelper,
};
use isochron::types::Nanos;
use isochron_events::Message;

use crate::exchange::store_options;
use crate::log::is_sent;
use crate::process::asked_for;
use crate::script::Script;

/// An exchange run by hand, and the one source of its commands.
struct Exchange {
    disk: Arc<dyn Disk>,
    options: Options,
    core: CoreAgent,
    ring: Producer,
    counters: Counters,
    reader: StoreReader,
    script: Script,
    sent: u64,
    now: u64,
}

impl Exchange {
    fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        durability: Durability,
    ) -> (Self, SegmentHelper, SyncHelper) {
        // One command with all its steps may fill more than one of these small segments.
        let segments_ahead = 4;
        let store = StoreOptions { durability, segments_ahead, ..store_options(directory) };
        let options = Options { store, capacity: Capacity::default() };
        let opened = Sequencer::open_on(
            Arc::clone(&disk),
            &options,
            &Intake::default(),
            Nanos(1_000),
            &mut |_, _| {},
        );
        let (mut sequencer, _) = opened.expect("it opens");
        let segments = sequencer.writer_mut().take_helper().expect("it is taken once");
        let syncer = sequencer.writer_mut().take_syncer().expect("it is taken once");
        let (ring, consumer) = pair(64 * 1024);
        let counters = Counters::in_memory();
        let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
        let all = ReaderOptions::default();
        let reader = StoreReader::attach_on(Arc::clone(&disk), directory, &all);
        let (reader, script) = (reader.expect("there is a store"), Script::new());
        let (sent, now) = (0, 1_000);
        let this = Self { disk, options, core, ring, counters, reader, script, sent, now };
        (this, segments, syncer)
    }

    /// Sends a command if the ring has room, and lets the core take what it can.
    fn offer(&mut self) {
        let command = self.script.command(1, self.sent + 1);
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).expect("the buffer has its length");
        self.sent += u64::from(self.ring.try_write(&bytes).is_ok());
        self.idle();
    }

    fn idle(&mut self) {
        self.now += 10_000_000;
        self.core.do_work(Nanos(self.now));
    }

    fn taken(&self) -> u64 {
        self.counters.get(Counter::COMMANDS_EXECUTED)
    }

    /// What must not change while nothing is taken.
    fn state(&self) -> (u64, u64, u128) {
        let sequencer = self.core.sequencer();
        (self.taken(), sequencer.position().0, sequencer.machine().state_hash())
    }

    /// Offers and helps until nothing is taken any more; the state that this leaves.
    fn fill(&mut self, segments: &mut SegmentHelper, syncer: &mut SyncHelper) -> (u64, u64, u128) {
        while self.reader.accepting() != Accepting::Disk {
            self.offer();
            segments.do_work(Nanos(self.now));
            syncer.do_work(Nanos(self.now));
            assert!(self.taken() < 100_000, "the disk is never full");
        }
        let state = self.state();
        for _ in 0..500 {
            self.offer();
            segments.do_work(Nanos(self.now));
            syncer.do_work(Nanos(self.now));
        }
        assert_eq!((self.state(), self.reader.accepting()), (state, Accepting::Disk));
        assert!(self.sent > state.0, "commands wait in the ring");
        state
    }

    /// Goes on with what waits and with more, until so many commands are in the log, and closes.
    /// The log is then what was sent, and leads to the state.
    fn go_on(mut self, segments: &mut SegmentHelper, syncer: &mut SyncHelper, commands: u64) {
        // Nobody offers anything where nothing is taken, so this must be seen by the core itself.
        while self.reader.accepting() != Accepting::Yes {
            assert!(self.now < 1_000_000_000_000, "it does not resume");
            self.idle();
            segments.do_work(Nanos(self.now));
            syncer.do_work(Nanos(self.now));
        }
        while self.taken() < commands {
            self.offer();
            segments.do_work(Nanos(self.now));
            syncer.do_work(Nanos(self.now));
        }
        let taken = self.taken();
        let machine = self.core.into_sequencer().close().expect("it closes");
        let directory = &self.options.store.directory;
        let reader = StoreReader::attach_on(self.disk, directory, &ReaderOptions::default());
        let mut reader = reader.expect("the log is whole");
        let (mut replay, mut number) = (Replay::new(StateMachine::new()), 0);
        while let Some(frame) = reader.next().expect("the log is whole") {
            let event = Message::decode(frame.message).expect("it is of this schema");
            replay.on_event(&event).expect("the log is what its commands lead to");
            if isochron::state_machine::command_origin(&event).is_some_and(|from| from.source == 1)
            {
                assert!(is_sent(&self.script, &event), "{event} was not sent so");
                number += 1;
            }
        }
        assert_eq!((number, replay.machine().state_hash()), (taken, machine.state_hash()));
    }
}

/// What all files have together.
fn used_bytes(disk: &MemoryDisk) -> u64 {
    disk.paths().iter().map(|path| disk.read(path).expect("it is there").len() as u64).sum()
}

#[test]
fn a_full_disk_is_said_and_service_resumes_when_there_is_space() {
    let directory = Path::new("/store");
    for durability in [Durability::Process, Durability::Disk] {
        let disk = MemoryDisk::default();
        let (mut exchange, mut segments, mut syncer) =
            Exchange::open(Arc::new(disk.clone()), directory, durability);
        (0..300).for_each(|_| exchange.offer());
        disk.set_capacity_bytes(Some(used_bytes(&disk) + 100_000));
        let (taken, _, hash) = exchange.fill(&mut segments, &mut syncer);
        // Killed now, it says why it cannot start; with space it starts with all that was taken.
        let image = disk.after_kill().expect("memory");
        let start = || {
            let options = exchange.options.clone();
            let disk = Arc::new(image.clone());
            Sequencer::open_on(disk, &options, &Intake::default(), Nanos(1), &mut |_, _| {})
        };
        let refused = start().err().expect("there is no room for an epoch").to_string();
        assert!(refused.ends_with("No space left on device (os error 28)"), "{refused}");
        image.set_capacity_bytes(None);
        let (_, started) = start().expect("there is space");
        assert_eq!(started.recovery.cut, None);
        let mut replay = Replay::new(StateMachine::new());
        let all = ReaderOptions::default();
        let mut log = StoreReader::attach_on(Arc::new(image.clone()), directory, &all).unwrap();
        while log.position() < started.recovery.valid_to {
            let frame = log.next().expect("it is whole").expect("it is before the end");
            replay.on_event(&Message::decode(frame.message).unwrap()).expect("as it was");
        }
        assert_eq!(replay.machine().state_hash(), hash);
        disk.set_capacity_bytes(None);
        exchange.go_on(&mut segments, &mut syncer, taken + 5_000);
    }
}

#[test]
fn a_full_file_system_is_said_and_service_resumes_when_there_is_space() {
    const NAME: &str =
        "full_disk::a_full_file_system_is_said_and_service_resumes_when_there_is_space";
    if let Some((_, files)) = asked_for() {
        println!("\nmounted");
        let (store, ballast) = (files.store(), files.0.join("ballast"));
        std::fs::write(&ballast, vec![7; 600_000]).expect("there is space for it");
        let (mut exchange, mut segments, mut syncer) =
            Exchange::open(Arc::new(RealDisk), &store, Durability::Disk);
        let (taken, ..) = exchange.fill(&mut segments, &mut syncer);
        // Not a byte is left: what is mapped beside the log is refused too, and ends no process.
        let rest = files.0.join("rest");
        std::fs::write(&rest, vec![7; 200_000]).expect_err("there is no space for it");
        let refused = Counters::create(&files.counters()).expect_err("nor for this").to_string();
        assert!(refused.contains("No space left on device"), "{refused}");
        std::fs::remove_file(&rest).expect("it is there");
        std::fs::remove_file(&ballast).expect("it is there");
        exchange.go_on(&mut segments, &mut syncer, taken + 500);
        println!("\nfilled at {taken} commands");
        return;
    }
    // A file system of its own, of 1.5 MB, where a user may mount one in a namespace of theirs.
    let here = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("unshare");
    let mount = "mount -t tmpfs -o size=1536k tmpfs \"$0\" && exec \"$@\"";
    command.args(["-rm", "sh", "-c", mount]).arg(here.path());
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "--nocapture", NAME]);
    crate::process::ask(&mut command, "fill", here.path());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: unshare does not run: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !said.contains("\nmounted") {
        return println!("skipped: no file system can be mounted here: {}", errors.trim());
    }
    assert!(output.status.success() && said.contains("\nfilled at "), "{said}{errors}");
}

#[test]
fn a_failure_is_said_and_over_also_while_nobody_offers_anything() {
    let disk = MemoryDisk::default();
    let (mut exchange, _segments, mut syncer) =
        Exchange::open(Arc::new(disk.clone()), Path::new("/store"), Durability::Disk);
    exchange.offer();
    let (operation, error) = (Operation::Sync, 5);
    disk.refuse(Some(Refusal { operation, path_contains: "marks", error }));
    for (refusal, said) in [(true, Accepting::Sync), (false, Accepting::Yes)] {
        if !refusal {
            disk.refuse(None);
        }
        exchange.now += 1_000_000_000;
        assert_eq!(syncer.do_work(Nanos(exchange.now)), 1);
        exchange.idle();
        assert_eq!(exchange.reader.accepting(), said);
    }
    assert_eq!((exchange.sent, exchange.taken()), (1, 1));
}

#[test]
fn the_core_never_waits_for_a_segment() {
    let disk = MemoryDisk::default();
    let (mut exchange, mut segments, _syncer) =
        Exchange::open(Arc::new(disk.clone()), Path::new("/store"), Durability::Process);
    let done = AtomicBool::new(false);
    // The helper stands in an allocation that does not end.
    disk.hold(Some(Operation::Allocate));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                segments.do_work(Nanos(0));
                std::thread::yield_now();
            }
        });
        while exchange.reader.accepting() != Accepting::SegmentNotReady {
            exchange.offer();
        }
        let state = exchange.state();
        for _ in 0..1_000 {
            exchange.offer();
        }
        assert_eq!(exchange.state(), state);
        assert!(exchange.counters.get(Counter::CORE_REFUSALS) > 0);
        disk.hold(None);
        while exchange.taken() < state.0 + 2_000 {
            exchange.offer();
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn with_its_helper_at_work_the_core_refuses_nothing() {
    let disk = MemoryDisk::default();
    let (mut exchange, mut segments, mut syncer) =
        Exchange::open(Arc::new(disk), Path::new("/store"), Durability::Process);
    for _ in 0..20_000 {
        exchange.offer();
        segments.do_work(Nanos(exchange.now));
        syncer.do_work(Nanos(exchange.now));
    }
    let position = exchange.core.sequencer().position().0;
    assert!(position > 30 * exchange.options.store.term_bytes as u64, "{position}");
    assert_eq!((exchange.taken(), exchange.counters.get(Counter::CORE_REFUSALS)), (20_000, 0));
}
