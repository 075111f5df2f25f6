//! An empty directory is filled: snapshot, feed logs, then the log from the snapshot's place.

use super::giving::take_snapshot;
use super::joining::{Scene, Standby, assert_same, open_replica};
use super::*;
use crate::store::{Keeper, Meta, Operation, Refusal, ReplicaStore, Snapshots};

const TODAY: &str = "261122300A";
const YESTERDAY: &str = "261121300A";

/// A feed's log is a store of its own beside the event log.
fn write_feed(primary: &mut Primary, name: &str, bytes: u64, unsent_bytes: u64) -> Vec<u8> {
    let directory = directory().join("feed").join(name);
    let options =
        Options { directory: directory.clone(), durability: Durability::External, ..options(1) };
    let disk: Arc<dyn crate::store::Disk> = Arc::new(primary.disk.clone());
    let (mut writer, _) = StoreWriter::open_on(disk, &options, Nanos(7)).unwrap();
    let append = |writer: &mut StoreWriter, random: &mut Random, to: u64| {
        while writer.position().get() < to {
            let length = 100 + random.below(1_000);
            let mut transaction = writer.begin(framed(length)).unwrap();
            transaction.append(length, |message| {
                message.fill(length as u8);
                message[36] = 1;
            });
            transaction.finish();
        }
    };
    append(&mut writer, &mut primary.random, bytes);
    let sent = writer.position();
    writer.commit_to(sent);
    append(&mut writer, &mut primary.random, bytes + unsent_bytes);
    // Its writer dies: what was sent is what its page says.
    drop(writer);
    log_bytes(&primary.disk, &directory, Position(0), sent)
}

/// A primary with two snapshots, whose log begins at the first, and feed logs of two days.
fn primary() -> (Primary, LogPlace, Vec<u8>) {
    let (primary, place, feed, _keeper) = kept_primary();
    (primary, place, feed)
}

/// As `primary`, and what lets its log begin later.
fn kept_primary() -> (Primary, LogPlace, Vec<u8>, Keeper) {
    let mut primary = Primary::new();
    primary.append_to(150_000);
    let mut primary = primary.restart();
    primary.append_to(400_000);
    let places = [180_000, 300_000].map(|at| primary.place_at(end_beyond(&primary.disk, at)));
    places.iter().for_each(|place| {
        take_snapshot(&primary.disk, *place, 20_261_122, &[200_000, 3_000]);
    });
    write_feed(&mut primary, YESTERDAY, 20_000, 0);
    let feed = write_feed(&mut primary, TODAY, 90_000, 5_000);
    primary.writer.sync().unwrap();
    let mut keeper = primary.writer.take_keeper().unwrap();
    assert!(keeper.keep_from(places[0]).unwrap());
    while keeper.do_work().unwrap() {}
    (primary, places[1], feed, keeper)
}

pub(crate) struct Filling {
    pub(crate) fresh: Fresh,
    service: Service,
    pipes: Pipes,
    now: u64,
}

fn fresh(disk: &MemoryDisk) -> Result<Fresh, Fault> {
    Fresh::new(Arc::new(disk.clone()), options(2), dial_options(2))
}

impl Filling {
    pub(crate) fn new(primary: &Primary, disk: &MemoryDisk, pipes: Pipes) -> Self {
        let service = Service::new(service_options(1), primary.library());
        Self { fresh: fresh(disk).unwrap(), service, pipes, now: 1 }
    }

    fn turn(&mut self) -> Option<ReplicaStore> {
        let (moved, store) = self.fresh.turn(&mut self.pipes, Nanos(self.now));
        self.pipes.let_in(&mut self.service, Nanos(self.now));
        let served = self.service.turn(Nanos(self.now));
        self.now += if moved + served == 0 { 50_000_000 } else { 1_000 };
        store
    }

    pub(crate) fn fill(&mut self) -> (ReplicaStore, Vec<Fault>) {
        let mut faults = Vec::new();
        for _ in 0..500_000 {
            if let Some(store) = self.turn() {
                return (store, faults);
            }
            faults.extend(self.fresh.poll_fault());
        }
        panic!("never filled; {:?}", faults.last());
    }
}

/// The directory has all of it, and the store goes on to the end of the log.
fn check(primary: &Primary, disk: &MemoryDisk, store: ReplicaStore, place: LogPlace, feed: &[u8]) {
    assert_eq!(store.held(), place);
    let snapshots = Snapshots::new(Arc::new(disk.clone()), &directory(), &identity(2));
    let file = snapshots.open(place.position).unwrap();
    assert_eq!(file.info().place, place);
    file.verify().unwrap();
    let name = format!("snapshots/{:020}.snapshot", place.position.get());
    let path = directory().join(name);
    assert!(disk.read(&path).unwrap() == primary.disk.read(&path).unwrap());
    check_feed(disk, feed);
    let mut standby = Standby { disk: disk.clone(), store };
    let follow = *epochs(&primary.disk).last().unwrap();
    let mut scene = Scene::new(primary.library(), follow, Pipes::new(10_000));
    scene.arrive(&mut standby.store);
    assert_same(primary, &standby);
}

/// Today's feed log is there, to what was sent, for whoever opens it next; yesterday's is not.
fn check_feed(disk: &MemoryDisk, feed: &[u8]) {
    let logs = crate::feed_log::sessions(disk, &directory()).unwrap();
    let names: Vec<_> = logs.iter().map(|log| log.session.to_string()).collect();
    assert_eq!(names, [TODAY]);
    let options = ReaderOptions { until: Until::Told, ..ReaderOptions::default() };
    let mut reader =
        StoreReader::attach_on(Arc::new(disk.clone()), &logs[0].directory, &options).unwrap();
    let end = reader.end().unwrap();
    assert!(log_bytes(disk, &logs[0].directory, Position(0), end) == feed);
    let Meta { identity: found, .. } = reader.meta();
    assert_eq!(found, &identity(2));
}

#[test]
fn a_recycled_log_a_snapshot_and_feed_logs_become_a_standby() {
    let (primary, place, feed) = primary();
    for step_max in [1 << 20, 999] {
        let disk = MemoryDisk::default();
        let mut filling = Filling::new(&primary, &disk, Pipes::new(step_max));
        let (store, faults) = filling.fill();
        assert!(faults.is_empty(), "{faults:?}");
        check(&primary, &disk, store, place, &feed);
        let refused = fresh(&disk).err().expect("a store is never filled over").to_string();
        assert!(refused.contains("/store has a store"), "{refused}");
    }
}

#[test]
fn where_there_is_no_snapshot_the_log_is_copied_from_its_beginning() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    let disk = MemoryDisk::default();
    let (store, faults) = Filling::new(&primary, &disk, Pipes::new(5_000)).fill();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(store.held().position, Position(0));
    let mut standby = Standby { disk, store };
    let follow = epochs(&primary.disk)[0];
    Scene::new(primary.library(), follow, Pipes::new(10_000)).arrive(&mut standby.store);
    assert_same(&primary, &standby);
}

#[test]
fn it_goes_on_at_the_exact_byte_wherever_it_is_cut() {
    let (primary, place, feed) = primary();
    let disk = MemoryDisk::default();
    let pipes = Pipes::new(1 << 20);
    // Each connection brings a little more than its greeting; the greeting is cut everywhere.
    let cuts = (0..400).chain((0..200).map(|cut| 400 + cut * 13));
    pipes.cuts.lock().unwrap().extend(cuts);
    let mut filling = Filling::new(&primary, &disk, pipes.clone());
    let (store, faults) = filling.fill();
    assert!(faults.iter().all(|fault| matches!(fault, Fault::Closed { .. })), "{faults:?}");
    assert!(faults.len() > 300, "{}", faults.len());
    check(&primary, &disk, store, place, &feed);
    let given = filling.service.statistics().bytes;
    // Of what was under way when a connection broke only a part of a frame comes again.
    let needed = 203_000 + feed.len() as u64;
    assert!(given < needed + faults.len() as u64 * 1_200, "{given} bytes for {needed}");
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_an_older_one() {
    let (primary, newest, feed) = primary();
    let snapshots = Snapshots::new(Arc::new(primary.disk.clone()), &directory(), &identity(1));
    let older = snapshots.list().unwrap()[1];
    let bit = 8 * 150_000;
    primary.disk.flip_bit(&snapshots.path(newest.position), bit).unwrap();
    let disk = MemoryDisk::default();
    let (store, faults) = Filling::new(&primary, &disk, Pipes::new(1 << 20)).fill();
    assert!(faults.is_empty(), "{faults:?}");
    let place = primary.place_at_kept(older);
    check(&primary, &disk, store, place, &feed);
    assert!(disk.read(&snapshots.path(newest.position)).is_err(), "nothing damaged stays");
}

impl Primary {
    /// As `place_at`, in a log that does not begin at 0.
    fn place_at_kept(&self, position: Position) -> LogPlace {
        let outline = StoreReader::outline(&self.disk, &directory()).unwrap().unwrap();
        assert_eq!(outline.kept.position, position);
        outline.kept
    }
}

#[test]
fn a_node_that_is_killed_begins_again_in_an_empty_directory() {
    let (primary, place, feed) = primary();
    let mut random = Random::new(9);
    for round in 0..10 {
        let mut disk = MemoryDisk::default();
        let pipes = Pipes { room: 3_000, ..Pipes::new(2_000) };
        let mut filling = Filling::new(&primary, &disk, pipes);
        let turns = random.below(150);
        let mut filled = None;
        for _ in 0..turns {
            filled = filled.or(filling.turn());
        }
        if filled.is_none() {
            drop(filling);
            disk = match round % 2 {
                0 => disk.after_kill().unwrap(),
                _ => disk.after_power_failure(|| random.below(2) == 0).unwrap(),
            };
            filling = Filling::new(&primary, &disk, Pipes::new(2_000));
            filled = Some(filling.fill().0);
        }
        check(&primary, &disk, filled.unwrap(), place, &feed);
    }
}

#[test]
fn a_kill_at_each_step_leaves_a_directory_that_the_next_start_fills() {
    let (primary, place, feed) = primary();
    let pipes = || Pipes { room: 6_000, ..Pipes::new(5_000) };
    let (mut killed, mut with_marks) = (0, 0);
    for turns in 0.. {
        let disk = MemoryDisk::default();
        let mut filling = Filling::new(&primary, &disk, pipes());
        let filled = (0..turns).any(|_| filling.turn().is_some());
        drop(filling);
        if filled {
            break;
        }
        killed += 1;
        let disk = disk.after_kill().unwrap();
        let (store, faults) = Filling::new(&primary, &disk, pipes()).fill();
        assert!(faults.is_empty(), "{faults:?}");
        // Each one is compared with the primary's where it is cheap.
        if turns % 8 == 0 {
            check(&primary, &disk, store, place, &feed);
        }
    }
    assert!(killed > 30, "{killed}");
    // The last steps are the store's own: the disk refuses one after the other.
    for path_contains in ["marks", "meta", "control", ".log"] {
        for operation in
            [Operation::Create, Operation::Write, Operation::Rename, Operation::SyncDirectory]
        {
            let disk = MemoryDisk::default();
            let mut filling = Filling::new(&primary, &disk, pipes());
            while filling.fresh.progress().stage != Stage::Log {
                assert!(filling.turn().is_none());
            }
            disk.refuse(Some(Refusal { operation, path_contains, error: libc::EIO }));
            let refused = (0..50).all(|_| filling.turn().is_none());
            drop(filling);
            disk.refuse(None);
            let disk = disk.after_kill().unwrap();
            let has_marks = disk.read(&directory().join("marks")).is_ok();
            let has_meta = disk.read(&directory().join("meta")).is_ok();
            with_marks += usize::from(has_marks && !has_meta);
            let store = match has_meta {
                // There is a store: it is opened as any other.
                true => open_replica(&disk, 2),
                false => {
                    assert!(refused, "{path_contains} {operation:?}");
                    Filling::new(&primary, &disk, pipes()).fill().0
                }
            };
            check(&primary, &disk, store, place, &feed);
        }
    }
    assert!(with_marks > 0, "the last step but one is among them");
}

#[test]
fn where_the_log_begins_later_by_then_a_newer_snapshot_is_copied() {
    let (mut primary, older, feed, mut keeper) = kept_primary();
    let disk = MemoryDisk::default();
    let mut filling = Filling::new(&primary, &disk, Pipes::new(5_000));
    while filling.fresh.progress().stage != Stage::Log {
        assert!(filling.turn().is_none());
    }
    // The snapshot and the feed log are here; the log behind them is not there any more.
    let newer = primary.place_at(end_beyond(&primary.disk, 380_000));
    take_snapshot(&primary.disk, newer, 20_261_122, &[150_000, 3_000]);
    primary.writer.sync().unwrap();
    assert!(keeper.keep_from(newer).unwrap());
    while keeper.do_work().unwrap() {}
    let (store, faults) = filling.fill();
    let expected = Fault::NotKept { position: older.position, kept_from: newer.position };
    assert_eq!(faults, [expected]);
    check(&primary, &disk, store, newer, &feed);
}

/// Each node packs the same messages of a feed in its own way.
#[test]
fn a_feed_log_that_one_node_began_to_give_another_one_gives_whole() {
    let (primary, place, feed) = primary();
    let disk = primary.disk.after_kill().unwrap();
    let today = directory().join("feed").join(TODAY);
    crate::feed_log::remove(&disk, &today).unwrap();
    let writer = open_writer(&disk, 1);
    let mut other = Primary { disk, writer, random: Random::new(77), flavour: 0 };
    let others = write_feed(&mut other, TODAY, 90_000, 0);
    assert!(others != feed);
    let disk = MemoryDisk::default();
    let pipes = Pipes { room: 3_000, ..Pipes::new(2_000) };
    let mut filling = Filling::new(&primary, &disk, pipes);
    let is_begun = |it: &Progress| it.stage == Stage::Feed && (60_000..80_000).contains(&it.bytes);
    while !is_begun(filling.fresh.progress()) {
        assert!(filling.turn().is_none());
    }
    // The first node dies.
    filling.service = Service::new(service_options(1), other.library());
    let (store, faults) = filling.fill();
    assert!(faults.len() >= 2, "{faults:?}");
    check(&other, &disk, store, place, &others);
}

#[test]
fn a_server_that_can_give_no_beginning_is_named() {
    let (primary, _, _) = primary();
    let snapshots = Snapshots::new(Arc::new(primary.disk.clone()), &directory(), &identity(1));
    snapshots.remove(&snapshots.list().unwrap()).unwrap();
    let disk = MemoryDisk::default();
    let mut filling = Filling::new(&primary, &disk, Pipes::new(1 << 20));
    let fault = loop {
        assert!(filling.turn().is_none());
        if let Some(fault) = filling.fresh.poll_fault() {
            break fault.to_string();
        }
    };
    assert!(fault.contains("it has no snapshot, and its log begins at"), "{fault}");
}
