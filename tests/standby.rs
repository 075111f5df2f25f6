//! The executing follower over a real log: state and checkpoints as its writer's, a warm state that
//! a core goes on with, and the alarm where the log says otherwise.

use isochron::agent::Agent;
use isochron::core::{Intake, Options as CoreOptions, Sequencer, Taken};
use isochron::demo::flow::{Flow, Mix, Next};
use isochron::metrics::Counters;
use isochron::snapshot::{MakeSections, SnapshotAgent, SnapshotCounters, SnapshotOptions};
use isochron::standby::{Board, Checkpoint, Fault, Follower, reader_at};
use isochron::state_machine::{Capacity, Replay, StateMachine, command_origin_mut};
use isochron::store::{
    Identity, LogPlace, Options as StoreOptions, RealDisk, Snapshots, StoreReader, StoreWriter,
    framed,
};
use isochron::types::{Nanos, Position};
use isochron_events::{CommandOrigin, Message};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

fn core(directory: &Path) -> CoreOptions {
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 7,
        node: 1,
        schema_id: isochron_events::SCHEMA_ID,
        schema_version: isochron_events::SCHEMA_VERSION,
    };
    let store = StoreOptions { term_bytes: 256 * 1024, ..StoreOptions::new(directory, identity) };
    CoreOptions { store, capacity: Capacity::default() }
}

/// A core with the demo's flow.
struct Trading {
    sequencer: Sequencer,
    flow: Mix,
    sent: u64,
}

impl Trading {
    fn open(directory: &Path) -> Trading {
        let (sequencer, _) = Sequencer::open(&core(directory), Nanos(1)).unwrap();
        let mut trading = Trading { sequencer, flow: Mix::new(5, 20_260_105, 1 << 30), sent: 0 };
        for command in trading.flow.setup() {
            trading.submit(command);
        }
        trading
    }

    fn submit(&mut self, mut command: Message) {
        self.sent += 1;
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence: self.sent };
        }
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).unwrap();
        let now = Nanos(1_800_000_000_000_000_000 + self.sent * 1_000_000);
        let mut taken = self.sequencer.take(&bytes, now);
        loop {
            assert_eq!(taken, Taken::Executed);
            self.sequencer.outcomes().messages().for_each(|outcome| self.flow.on_event(&outcome));
            if !self.sequencer.is_pending() {
                return;
            }
            taken = self.sequencer.go_on(now);
        }
    }

    fn trade(&mut self, commands: usize) {
        for _ in 0..commands {
            match self.flow.next() {
                Next::Command { command, .. } => self.submit(command),
                _ => panic!("the flow goes on"),
            }
        }
    }

    fn state_hash(&self) -> u128 {
        self.sequencer.machine().state_hash()
    }
}

fn empty() -> (Replay, Option<LogPlace>) {
    (Replay::new(StateMachine::with_capacity(Capacity::default())), None)
}

fn follower(
    directory: &Path,
    from: (Replay, Option<LogPlace>),
    every: u64,
) -> (Follower, Arc<Board>) {
    let board = Arc::new(Board::default());
    let (replay, at) = from;
    let reader = reader_at(Arc::new(RealDisk), directory, at).unwrap();
    (Follower::new(reader, replay, Arc::clone(&board), every), board)
}

/// Follows to the end; the checkpoints on the way, of a step as many as are kept.
fn run(follower: &mut Follower, board: &Board, seen: &mut Vec<Checkpoint>) {
    let mut told = board.checkpoints();
    while follower.step() > 0 {
        while let Some(next) = board.checkpoint(told) {
            seen.push(next);
            told += 1;
        }
    }
    assert!(follower.fault().is_none(), "{:?}", follower.fault());
    assert_eq!(board.applied(), follower.position());
}

#[test]
fn a_follower_has_the_writers_state_and_every_node_the_same_checkpoints() {
    const EVERY: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let mut trading = Trading::open(folder.path());
    // The setup is long, and says nothing of checkpoints.
    let (replay, place) = state_at_the_end(folder.path());
    let (mut first, first_board) = follower(folder.path(), (replay, Some(place)), EVERY);
    let mut of_first = Vec::new();
    // One that begins later, with the state of the first, in the middle between two checkpoints.
    while first.replay().sequence().get() % EVERY != EVERY / 2 {
        trading.trade(1);
        run(&mut first, &first_board, &mut of_first);
    }
    let (replay, place) = state_at_the_end(folder.path());
    assert_eq!(place.position, first.position());
    let (mut second, second_board) = follower(folder.path(), (replay, Some(place)), EVERY);
    assert_eq!(second_board.applied(), place.position);
    let (mut later, before) = (Vec::new(), of_first.len());
    for _ in 0..600 {
        trading.trade(1);
        run(&mut first, &first_board, &mut of_first);
        run(&mut second, &second_board, &mut later);
    }
    for follower in [&first, &second] {
        assert_eq!(follower.replay().machine().state_hash(), trading.state_hash());
    }
    assert!(later.len() >= 6, "{} checkpoints", later.len());
    assert_eq!(of_first[before..], later);
    assert_eq!(first_board.difference(), None);
}

#[test]
fn a_core_goes_on_with_a_followers_state() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    let mut trading = Trading::open(directory);
    trading.trade(300);
    let (mut follower, board) = follower(directory, empty(), 1_000);
    run(&mut follower, &board, &mut Vec::new());
    // What the follower has not seen is executed at the change.
    trading.trade(50);
    let (hash, end) = (trading.state_hash(), trading.sequencer.position());
    let Trading { sequencer, flow, sent } = trading;
    drop(sequencer);
    let (replay, at) = follower.into_state().unwrap();
    assert!(at.position < end);
    let options = core(directory);
    let (writer, _) = StoreWriter::open(&options.store, Nanos(1)).unwrap();
    let disk = Arc::new(RealDisk);
    let intake = Intake::default();
    let state = (replay, at);
    let taken = Sequencer::take_over(disk, writer, state, &options, &intake, Nanos(2));
    let sequencer = taken.unwrap();
    assert_eq!(sequencer.machine().state_hash(), hash);
    assert!(sequencer.position() > end, "the epoch has begun");
    let mut trading = Trading { sequencer, flow, sent };
    trading.trade(100);
    let (replay, at) = state_at_the_end(directory);
    assert_eq!(replay.machine().state_hash(), trading.state_hash());
    assert_eq!(at.position, trading.sequencer.position());
}

/// What the whole log leads to.
fn state_at_the_end(directory: &Path) -> (Replay, LogPlace) {
    let (mut follower, board) = follower(directory, empty(), u64::MAX);
    run(&mut follower, &board, &mut Vec::new());
    follower.into_state().unwrap()
}

/// A log of many trades with one outcome that is another, where that is, and what is true there.
fn log_with_a_lie() -> (TempDir, Position, Message) {
    let (log, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Trading::open(log.path()).trade(500);
    let (position, truth) = copy_with_a_lie(log.path(), copy.path());
    (copy, position, truth)
}

/// Copies a log, with one outcome that is another.
fn copy_with_a_lie(from: &Path, to: &Path) -> (Position, Message) {
    let mut reader = StoreReader::attach(from, None).unwrap();
    let (mut writer, _) = StoreWriter::open(&core(to).store, Nanos(1)).unwrap();
    let (mut transaction, mut lie) = (Vec::<Vec<u8>>::new(), None);
    while let Some(frame) = reader.next().unwrap() {
        let mut bytes = frame.message.to_vec();
        if let (None, Ok(Message::OrderFilledEvent(mut filled))) = (&lie, Message::decode(&bytes)) {
            lie = Some((frame.position, filled.into()));
            filled.quantity += 1;
            Message::from(filled).encode(&mut bytes).unwrap();
        }
        transaction.push(bytes);
        if frame.ends_transaction {
            let bytes = transaction.iter().map(|message| framed(message.len())).sum();
            let mut copy = writer.begin(bytes).unwrap();
            for message in transaction.drain(..) {
                copy.append(message.len(), |to| to.copy_from_slice(&message));
            }
            copy.finish();
        }
    }
    writer.close().unwrap();
    lie.expect("somebody traded")
}

#[test]
fn a_log_that_says_otherwise_is_an_alarm_with_both_outcomes_and_no_state() {
    let (folder, position, truth) = log_with_a_lie();
    let (mut follower, board) = follower(folder.path(), empty(), 100);
    while follower.step() > 0 {}
    assert!(follower.fault().is_some_and(Fault::is_difference));
    let said = board.difference().unwrap().to_owned();
    assert!(said.starts_with(&format!("position {position}: execution differs")), "{said}");
    assert!(said.contains(&format!("computed {truth}, logged ")), "{said}");
    assert!(board.applied() <= position, "what differs is not applied");
    assert_eq!(follower.step(), 0);
    assert!(follower.into_state().is_err(), "it can never write that log");
}

#[test]
fn snapshots_of_a_log_that_says_otherwise_end_a_node_that_is_alone_and_no_other() {
    let (folder, position, _) = log_with_a_lie();
    for alone in [true, false] {
        let reader = reader_at(Arc::new(RealDisk), folder.path(), None).unwrap();
        let snapshots =
            Snapshots::new(Arc::new(RealDisk), folder.path(), &core(folder.path()).store.identity);
        let sections = MakeSections::new(Vec::new);
        let options = SnapshotOptions {
            every: Some(u64::MAX),
            ..SnapshotOptions::new(Capacity::default(), sections)
        };
        let counters = SnapshotCounters::new(&Counters::in_memory());
        let agent = SnapshotAgent::new(reader, snapshots, options, counters);
        let mut agent = if alone { agent } else { agent.beside_others() };
        while agent.fault().is_none() {
            assert!(agent.do_work(Nanos(1)) > 0 || agent.fault().is_some());
        }
        let fault = agent.fault().unwrap().to_string();
        assert!(fault.contains(&format!("position {position}")), "{fault}");
        assert_eq!(agent.failure().is_some(), alone);
    }
}
