//! A store that is put aside: kept whole, out of the way, and without its promises forgotten.

use super::*;
use crate::store::{finish_putting_aside, put_aside};

const SNAPSHOT: &str = "snapshots/00000000000000000096.snapshot";
const FEED: &str = "feed/261122300A/meta";

/// A closed standby's store with a vote, and what lies beside its log.
fn closed(bytes: u64) -> (MemoryDisk, MemoryDisk, LogPlace) {
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let (mut writer, _) = open_told(&theirs);
    let (mut replica, _) = open_replica(&ours);
    replica.follow(begin_of(&writer), false).unwrap();
    let mut random = Random(5);
    while writer.position().get() < bytes {
        grow(&mut writer, &mut random);
        feed(&mut replica, &theirs, writer.position());
    }
    assert!(replica.voter().promise(Epoch(7), 3).unwrap());
    replica.voter().bar(true).unwrap();
    let held = replica.held();
    replica.close().unwrap();
    for (name, content) in [(SNAPSHOT, b"state"), (FEED, b"lines")] {
        ours.create(&directory().join(name)).unwrap();
        ours.write(&directory().join(name), content).unwrap();
    }
    (theirs, ours, held)
}

/// That an archive is the whole store.
fn check_archive(disk: &MemoryDisk, archive: &Path, theirs: &MemoryDisk, held: LogPlace) {
    let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
    let mut kept = StoreReader::attach_on(Arc::new(disk.clone()), archive, &options).unwrap();
    let mut truth = attach_published(theirs);
    assert_eq!(kept.end().unwrap(), held.position);
    assert_eq!(read(&mut kept), read(&mut truth));
    assert_eq!(disk.read(&archive.join(SNAPSHOT)).unwrap(), b"state");
    assert_eq!(disk.read(&archive.join(FEED)).unwrap(), b"lines");
}

/// The one archive there is.
fn archive_of(disk: &MemoryDisk) -> PathBuf {
    let folder = directory().join("discarded");
    let names = disk.list(&folder).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    folder.join(&names[0])
}

fn names_beside(disk: &MemoryDisk) -> Vec<String> {
    disk.list(&directory()).unwrap()
}

#[test]
fn it_is_kept_whole_and_the_next_store_keeps_the_promises() {
    let (theirs, disk, held) = closed(3 * TERM_BYTES as u64);
    let archive = put_aside(&disk, &directory()).unwrap();
    assert_eq!(names_beside(&disk), ["control", "discarded", "lock", "marks"]);
    check_archive(&disk, &archive, &theirs, held);
    assert!(!Meta::is_there(&disk, &directory()).unwrap());
    // A store that begins where this one ended, or beyond, lacks nothing that was acknowledged.
    let copy = disk.after_kill().unwrap();
    let epochs = marks_of(&disk).epochs;
    let options = standby();
    let made = ReplicaStore::create_at(Arc::new(copy), &options, held, &epochs, Nanos(9));
    let (store, recovery) = made.unwrap();
    assert!(recovery.created && !store.is_lossy());
    assert!(!recovery.barred, "another state is executed here");
    assert_eq!((store.held(), store.committed()), (held, held.position));
    assert_eq!(store.voter().vote(), (Epoch(7), 3));
    // One that begins before may: it does not vote until it has caught up.
    let (store, recovery) = open_replica(&disk);
    assert!(recovery.created && store.is_lossy());
    let voter = store.voter();
    assert_eq!((voter.vote(), voter.known()), ((Epoch(7), 3), Epoch(7)));
    assert!(!voter.promise(Epoch(7), 2).unwrap(), "the epoch was given to another");
    assert!(voter.promise(Epoch(8), 2).unwrap());
    store.close().unwrap();
    let (store, _) = open_replica(&disk);
    assert!(store.is_lossy(), "nor after a start");
    store.close().unwrap();
    // The next one has another name, though it holds the same.
    let second = put_aside(&disk, &directory()).unwrap();
    assert_ne!(second, archive);
    let (store, _) = open_replica(&disk);
    assert_eq!(store.voter().vote(), (Epoch(8), 2));
    store.close().unwrap();
    let third = put_aside(&disk, &directory()).unwrap();
    assert!(third != second && third != archive, "{}", third.display());
    check_archive(&disk, &archive, &theirs, held);
}

#[test]
fn one_that_is_open_is_not_put_aside() {
    let (_, disk, held) = closed(10_000);
    let (store, _) = open_replica(&disk);
    let refused = put_aside(&disk, &directory()).unwrap_err();
    assert!(matches!(refused, OpenError::Held { .. }), "{refused}");
    let refused = finish_putting_aside(&disk, &directory()).unwrap_err();
    assert!(matches!(refused, OpenError::Held { .. }), "{refused}");
    assert_eq!(store.held(), held);
}

#[test]
fn a_crash_at_each_step_leaves_the_store_or_the_archive() {
    use Operation::{Create, Rename, Sync, SyncDirectory, Write};
    let steps = [
        (SyncDirectory, "/store/discarded"),
        (Rename, "/meta"),
        (SyncDirectory, ".store"),
        (SyncDirectory, "/store"),
        (Rename, "/00000000000000000000.log"),
        (Rename, "/00000000000000065536.log"),
        (Rename, "/00000000000000131072.log"),
        (Rename, "/snapshots"),
        (Rename, "/feed"),
        (Create, ".store/marks"),
        (Write, ".store/marks"),
        (Sync, ".store/marks"),
        (Rename, ".store/marks"),
    ];
    let (mut kept, mut gone) = (0, 0);
    for (seed, (operation, path_contains)) in steps.into_iter().cycle().take(52).enumerate() {
        let what = format!("seed {seed}: {operation:?} {path_contains}");
        let (theirs, disk, held) = closed(2 * TERM_BYTES as u64 + 20_000);
        disk.refuse(Some(Refusal { operation, path_contains, error: 5 }));
        put_aside(&disk, &directory()).unwrap_err();
        disk.refuse(None);
        let mut chance = Random(seed as u64);
        let disk = match seed % 2 {
            0 => disk.after_kill().unwrap(),
            _ => disk.after_power_failure(|| chance.below(2) == 0).unwrap(),
        };
        if Meta::is_there(&disk, &directory()).unwrap() {
            kept += 1;
            let (store, _) = open_replica(&disk);
            assert_eq!((store.held(), store.voter().vote()), (held, (Epoch(7), 3)), "{what}");
            assert!(disk.read(&directory().join(SNAPSHOT)).is_ok(), "{what}");
            continue;
        }
        gone += 1;
        // Whoever comes next goes on with it: who fills the directory, or who opens it.
        if seed % 4 < 2 {
            finish_putting_aside(&disk, &directory()).unwrap();
            check_archive(&disk, &archive_of(&disk), &theirs, held);
        }
        let (store, _) = open_replica(&disk);
        assert_eq!(store.voter().vote(), (Epoch(7), 3), "{what}");
        assert!(store.is_lossy() && store.held().position == Position(0), "{what}");
        check_archive(&disk, &archive_of(&disk), &theirs, held);
    }
    assert!(kept >= 8 && gone >= 30, "{kept} kept, {gone} gone");
}
