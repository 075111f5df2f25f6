//! Starts from snapshots: the newest that is valid, the one before it, or none.

use super::*;
use crate::state_machine::StateMachine;
use crate::store::{
    Chain, LogPlace, RealDisk, SECTION_STATE, Skipped, SnapshotFile, SnapshotInfo, Snapshots,
    StoreWriter,
};
use crate::types::{Epoch, Position};
use std::sync::Arc;

fn snapshots(directory: &Path) -> Snapshots {
    Snapshots::new(Arc::new(RealDisk), directory, &options(directory).store.identity)
}

fn keep(directory: &Path, info: SnapshotInfo, machine: &StateMachine) {
    let snapshots = snapshots(directory);
    let mut writer = snapshots.begin(info).unwrap();
    writer.section(SECTION_STATE).unwrap();
    let hash = machine.save(&mut writer).unwrap();
    writer.finish(hash).unwrap().keep().unwrap();
}

/// A snapshot of where a feeder is.
fn take(directory: &Path, feeder: &mut Feeder) -> Position {
    let sequencer = &mut feeder.sequencer;
    let (position, chain) = (sequencer.position(), sequencer.writer_mut().chain());
    let info = SnapshotInfo {
        place: LogPlace { position, chain },
        epoch: sequencer.writer_mut().epoch(),
        sequence: sequencer.sequence(),
        time: Nanos(feeder.now),
        state_hash: 0,
        trading_date: 20_261_122,
        day_ended: false,
    };
    keep(directory, info, sequencer.machine());
    position
}

/// A log over several segments with snapshots at places of all kinds; its end and its state's hash.
fn make(directory: &Path) -> (Vec<Position>, Position, u128) {
    let mut feeder = feeder(directory);
    open_market(&mut feeder);
    let mut places = vec![take(directory, &mut feeder)];
    for n in 0..400 {
        feeder.take(order(1, Side::SELL, 1, n));
    }
    places.push(take(directory, &mut feeder));
    feeder.take(order(2, Side::BUY, 200, 9_999));
    assert!(feeder.sequencer.is_pending());
    feeder.sequencer.go_on(Nanos(feeder.now));
    places.push(take(directory, &mut feeder));
    feeder.finish();
    for n in 0..40 {
        feeder.take(order(2, Side::BUY, 1, 20_000 + n));
    }
    let end = feeder.sequencer.position();
    assert!(end.get() > 2 * 64 * 1024, "several segments");
    (places, end, feeder.sequencer.machine().state_hash())
}

/// What a start from the log alone leads to.
fn hash_without_snapshots(directory: &Path) -> u128 {
    let mut reader = StoreReader::attach(directory, None).unwrap();
    let machine = StateMachine::new();
    let replay = read_back(&mut reader, crate::state_machine::Replay::new(machine)).unwrap();
    replay.machine().state_hash()
}

fn used(started: &Started) -> Option<Position> {
    started.snapshot.map(|info| info.place.position)
}

#[test]
fn others_see_the_snapshot_that_a_start_begins_at_before_the_rest_is_executed() {
    let directory = tempfile::tempdir().unwrap();
    let (places, end, _) = make(directory.path());
    let options = options(directory.path());
    let mut seen = Vec::new();
    let at_snapshot = &mut |snapshot: &SnapshotFile, machine: &StateMachine| {
        seen.push((*snapshot.info(), machine.state_hash()));
    };
    let disk = Arc::new(RealDisk);
    let intake = Intake::default();
    let (_, started) = Sequencer::open_on(disk, &options, &intake, Nanos(1), at_snapshot).unwrap();
    let newest = *places.last().unwrap();
    assert!(newest < end && started.commands > 0, "there is a rest");
    let [(info, hash)] = seen[..] else { panic!("seen {} times", seen.len()) };
    assert_eq!((info.place.position, info.state_hash), (newest, hash));
}

#[test]
fn a_start_is_the_newest_snapshot_and_the_rest_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (mut places, end, hash) = make(directory);
    for life in 0..3 {
        let (sequencer, started) = open(directory, 1_000_000 + life);
        assert_eq!(used(&started), places.last().copied());
        assert_eq!(started.skipped, []);
        assert!(started.commands < 120, "{} commands executed again", started.commands);
        assert!(started.recovery.valid_to >= end);
        let mut feeder = Feeder { sequencer, source_sequence: 50_000 + life * 10, now: 2_000_000 };
        feeder.take(Tick::default());
        assert_ne!(feeder.sequencer.machine().state_hash(), hash, "the tick's number counts");
        places.push(take(directory, &mut feeder));
        feeder.take(Tick::default());
    }
    let (sequencer, _) = open(directory, 3_000_000);
    let hash = sequencer.machine().state_hash();
    let position = sequencer.position();
    drop(sequencer);
    assert_eq!(hash_without_snapshots(directory), hash, "as the whole log says, to {position}");
}

#[test]
fn a_bad_snapshot_is_passed_over_and_the_one_before_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (places, _, hash) = make(directory);
    let damage = |position: Position| {
        let path = snapshots(directory).path(position);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 100;
        bytes[at] ^= 4;
        std::fs::write(&path, bytes).unwrap();
    };
    for (bad, good) in [(Some(2), Some(1)), (Some(1), Some(0)), (Some(0), None)] {
        damage(places[bad.unwrap()]);
        let (sequencer, started) = open(directory, 1_000_000);
        assert_eq!(used(&started), good.map(|good: usize| places[good]));
        let passed: Vec<_> = started.skipped.iter().map(|skipped| skipped.position).collect();
        let expected: Vec<_> = places[bad.unwrap()..].iter().rev().copied().collect();
        assert_eq!(passed, expected);
        for Skipped { reason, .. } in &started.skipped {
            assert!(reason.contains("damaged"), "{reason}");
        }
        // The same state, but for the epochs that were begun meanwhile.
        assert_eq!(sequencer.machine().state_hash(), hash);
    }
}

/// A snapshot of a log that has lost its end since, and one of another log.
#[test]
fn a_snapshot_that_the_log_does_not_bear_out_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (places, end, hash) = make(directory);
    let machine = open(directory, 1_000_000).0.close().unwrap();
    let sequence = crate::types::Sequence(9_999);
    let info = |position: Position, chain: u64| SnapshotInfo {
        place: LogPlace { position, chain: Chain(chain) },
        epoch: Epoch(1),
        sequence,
        time: Nanos(1),
        state_hash: 0,
        trading_date: 20_261_122,
        day_ended: false,
    };
    let far = Position(end.get() + 640_000);
    for (position, chain) in
        [(far, 1), (Position(end.get() + 4_096), 1), (Position(end.get() - 32), 1)]
    {
        keep(directory, info(position, chain), &machine);
    }
    let (sequencer, started) = open(directory, 2_000_000);
    assert_eq!(used(&started), places.last().copied());
    let reasons: Vec<_> = started.skipped.iter().map(|skipped| &skipped.reason[..]).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("ends at") && reasons[1].contains("ends at"), "{reasons:?}");
    assert!(reasons[2].contains("ends there"), "{reasons:?}");
    assert_eq!(sequencer.machine().state_hash(), hash);
}

/// Another machine's start: what was not durable before it is not relied on.
#[test]
fn a_place_that_was_not_durable_is_not_trusted_after_a_power_failure() {
    use crate::store::{Disk, MemoryDisk, OpenError};
    let disk = MemoryDisk::default();
    let options = options(Path::new("/store")).store;
    let shared = |disk: &MemoryDisk| -> Arc<dyn Disk> { Arc::new(disk.clone()) };
    let (mut writer, _) = StoreWriter::open_on(shared(&disk), &options, Nanos(1)).unwrap();
    let append = |writer: &mut StoreWriter| {
        let mut transaction = writer.begin(crate::store::framed(40)).unwrap();
        transaction.append(40, |message| message[36] = 1);
        LogPlace { position: transaction.finish(), chain: Chain(0) }
    };
    let durable = LogPlace { chain: Chain(0), ..append(&mut writer) };
    let durable = LogPlace { chain: writer.chain(), ..durable };
    writer.sync().unwrap();
    let tail = append(&mut writer);
    let tail = LogPlace { chain: writer.chain(), ..tail };
    let killed = disk.after_kill().unwrap();
    let failed = disk.after_power_failure(|| true).unwrap();
    drop(writer);
    let open = |disk: &MemoryDisk, place| {
        StoreWriter::open_from(shared(disk), &options, Some(place), Nanos(2))
            .map(|(_, found)| found)
    };
    for (disk, place) in [(&killed, durable), (&killed, tail), (&failed, durable)] {
        let disk = disk.after_kill().unwrap();
        assert_eq!(open(&disk, place).unwrap().valid_to, tail.position);
    }
    match open(&failed, tail) {
        Err(OpenError::Place { position, .. }) => assert_eq!(position, tail.position),
        other => panic!("{other:?}"),
    }
    // It is as it was before it was refused.
    assert!(StoreWriter::open_on(shared(&failed), &options, Nanos(2)).is_ok());
}
