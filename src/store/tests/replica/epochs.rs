//! Whose log it is: epochs followed and refused, tails given up, tables taken over, votes.

use super::*;
use crate::store::{SnapshotInfo, Snapshots};
use crate::types::Sequence;

/// A writer's log over epochs: each opening goes on, or forks off a copy of what was there before.
struct Writer {
    disk: MemoryDisk,
    ends: Vec<LogPlace>,
    epochs: Vec<EpochStart>,
}

fn told() -> Options {
    Options { durability: Durability::External, ..options(&directory()) }
}

/// A store that a fork goes on with: all of a log to a place, opened in an epoch of its own.
fn fork(from: &MemoryDisk, end: LogPlace, epoch: u32, random: &mut Random) -> Writer {
    let disk = MemoryDisk::default();
    if end != NOWHERE {
        let mut epochs = marks_of(from).epochs;
        epochs.retain(|start| start.base <= end.position);
        let created = Arc::new(disk.clone());
        let (mut copy, _) =
            ReplicaStore::create_at(created, &standby(), NOWHERE, &epochs, Nanos(7)).unwrap();
        let bytes = travelling(from, Position(0)..end.position);
        assert_eq!(copy.append_old(&bytes).unwrap().used_bytes, bytes.len());
        assert_eq!(copy.held(), end);
        copy.close().unwrap();
    }
    let identity = standby().identity;
    let options = Options { epoch: Some(Epoch(epoch)), identity, ..told() };
    let (mut writer, recovery) = open_with(&disk, &options).unwrap();
    assert_eq!((writer.epoch(), recovery.valid_to), (Epoch(epoch), end.position));
    let mut ends = vec![end];
    for _ in 0..5 + random.below(40) {
        grow(&mut writer, random);
        ends.push(place_of(&writer));
    }
    drop(writer);
    Writer { disk, ends, epochs: recovery.epochs }
}

const NOWHERE: LogPlace = LogPlace { position: Position(0), chain: Chain(0) };

#[test]
fn what_an_epoch_has_not_is_archived_and_cut() {
    let mut random = Random(1);
    let first = fork(&MemoryDisk::default(), NOWHERE, 1, &mut random);
    let base = first.ends[3];
    let second = fork(&first.disk, base, 4, &mut random);
    let ours = MemoryDisk::default();
    let (mut replica, _) = open_replica(&ours);
    replica.follow(first.epochs[0], false).unwrap();
    let end = *first.ends.last().unwrap();
    feed(&mut replica, &first.disk, end.position);
    // A frame beyond a hole, of the epoch that ends.
    replica.sync().unwrap();
    replica.commit(first.ends[2].position, first.ends[2].chain).unwrap();
    let mut ahead = attach_published(&ours);
    let whole = read(&mut ahead).len();
    let discarded = replica.follow(second.epochs[1], false).unwrap().unwrap();
    assert_eq!((discarded.from, discarded.to), (base.position, end.position));
    assert_eq!(discarded.transactions, first.ends.len() as u64 - 4);
    assert_eq!(discarded.committed, first.ends[2].position);
    let archived = ours.read(&discarded.archive).unwrap();
    assert_eq!(archived, log_bytes(&first.disk, base.position..end.position));
    assert_zero_beyond(&ours, base.position);
    assert_eq!((replica.held(), replica.epoch()), (base, Epoch(4)));
    let marks = marks_of(&ours);
    assert_eq!(
        (marks.epoch, marks.synced, &marks.epochs),
        (Epoch(4), base.position, &second.epochs)
    );
    assert!(matches!(ahead.next(), Err(ReadError::Cut { .. })), "{whole} messages were read");
    // The same again is no news; the older epoch's frames are none of this log's.
    assert_eq!(replica.follow(second.epochs[1], false).unwrap(), None);
    let old = &datagrams(&first.disk, base.position..end.position, 1, &mut random)[0];
    let refused = replica.insert(old.range.start, &old.bytes).unwrap_err();
    let fault = FrameFault::Epoch { expected: Epoch(4), found: Epoch(1) };
    assert_eq!(refused, Refused::Fault { position: base.position, fault });
    let below = &datagrams(&first.disk, Position(0)..base.position, 1, &mut random)[0];
    let refused = replica.insert(below.range.start, &below.bytes).unwrap_err();
    let position = Position(0);
    assert_eq!(refused, Refused::BelowBase { position, base: base.position });
    feed(&mut replica, &second.disk, second.ends.last().unwrap().position);
    assert_eq!(replica.held(), *second.ends.last().unwrap());
    // All of it is there after a kill.
    drop(replica);
    let (replica, recovery) = open_replica(&ours);
    assert_eq!((recovery.cut, recovery.epochs), (None, second.epochs));
    assert_eq!((replica.held(), replica.epoch()), (*second.ends.last().unwrap(), Epoch(4)));
}

#[test]
fn epochs_that_cannot_be_followed_are_refused_with_both_values() {
    let mut random = Random(2);
    let first = fork(&MemoryDisk::default(), NOWHERE, 3, &mut random);
    let ours = MemoryDisk::default();
    let (mut replica, _) = open_replica(&ours);
    let start = first.epochs[0];
    replica.follow(start, false).unwrap();
    let end = *first.ends.last().unwrap();
    feed(&mut replica, &first.disk, end.position);
    let committed = first.ends[4];
    replica.commit(committed.position, committed.chain).unwrap();
    let before = marks_of(&ours);
    let mut refuse = |start: EpochStart, expected: String| {
        let refused = replica.follow(start, false).unwrap_err().to_string();
        assert_eq!(refused, expected);
    };
    let of = |epoch: u32, place: LogPlace| EpochStart {
        epoch: Epoch(epoch),
        node: 9,
        base: place.position,
        chain: place.chain,
    };
    refuse(of(2, end), "epoch 2 is over, 3 is known".into());
    refuse(of(0, end), format!("no table of epochs: epoch 0 at {}", end.position));
    let twice = format!(
        "epoch 3 has two writers: node 2 from 0 with chain {}, and node 9 from {} with chain {}",
        Chain(0),
        end.position,
        end.chain
    );
    refuse(of(3, end), twice);
    let (beyond, held) = (Position(end.position.get() + 320), end.position);
    refuse(
        of(4, LogPlace { position: beyond, ..end }),
        format!("the epoch began at {beyond}, only {held} is held"),
    );
    let below = first.ends[3];
    refuse(
        of(4, below),
        format!(
            "the epoch began at {}, below what is committed here, {}",
            below.position, committed.position
        ),
    );
    refuse(
        of(4, LogPlace { chain: Chain(5), ..end }),
        format!(
            "the chain at {} is {}, the epoch began with {}",
            end.position,
            end.chain,
            Chain(5)
        ),
    );
    let within = Position(committed.position.get() + 32);
    refuse(
        of(4, LogPlace { position: within, chain: Chain(5) }),
        format!(
            "no transaction ends at {within}, where the epoch began with the chain {}",
            Chain(5)
        ),
    );
    assert_eq!((marks_of(&ours), replica.held()), (before, end));
    // Told to, it cuts below what was committed, and says where that was.
    let discarded = replica.follow(of(4, below), true).unwrap().unwrap();
    assert_eq!((discarded.from, discarded.committed), (below.position, committed.position));
    assert_eq!((replica.held(), replica.committed()), (below, below.position));
    drop(replica);
    let (replica, _) = open_replica(&ours);
    assert_eq!((replica.held(), replica.committed()), (below, below.position));
}

/// A snapshot of what is cut is none of what comes in its place.
#[test]
fn what_is_cut_takes_its_snapshots_with_it() {
    let mut random = Random(6);
    let first = fork(&MemoryDisk::default(), NOWHERE, 3, &mut random);
    let ours = MemoryDisk::default();
    let (mut replica, _) = open_replica(&ours);
    replica.follow(first.epochs[0], false).unwrap();
    feed(&mut replica, &first.disk, first.ends.last().unwrap().position);
    let [older, below, committed] = [1, 3, 4].map(|index: usize| first.ends[index]);
    replica.commit(committed.position, committed.chain).unwrap();
    let snapshots = snapshots_of(&ours, &[older, below, committed]);
    let (base, chain) = (below.position, below.chain);
    let start = EpochStart { epoch: Epoch(4), node: 9, base, chain };
    replica.follow(start, true).unwrap().unwrap();
    let kept = [below.position, older.position];
    assert_eq!(snapshots.list().unwrap(), kept);
    drop(replica);
    // Nor is one that a loss of power, or a crash in between, has left.
    snapshots_of(&ours, &[committed]);
    let (replica, _) = open_replica(&ours);
    assert_eq!((replica.held(), snapshots.list().unwrap()), (below, kept.to_vec()));
}

/// Snapshots at these places of a store.
fn snapshots_of(disk: &MemoryDisk, places: &[LogPlace]) -> Snapshots {
    let snapshots = Snapshots::new(Arc::new(disk.clone()), &directory(), &standby().identity);
    for place in places {
        let (epoch, sequence, time) = (Epoch(3), Sequence(1), Nanos(1));
        let (state_hash, trading_date, day_ended) = (0, 20_261_122, false);
        let place = *place;
        let moment =
            SnapshotInfo { place, epoch, sequence, time, state_hash, trading_date, day_ended };
        snapshots.begin(moment).unwrap().finish(0).unwrap().keep().unwrap();
    }
    snapshots
}

#[test]
fn tables_bring_any_stale_store_to_the_newest_log() {
    let (mut cut, mut kept, mut archived) = (0, 0, 0);
    for seed in 0..25 {
        let mut random = Random(300 + seed);
        // A history of epochs, each forked somewhere off the one before or an older one.
        let mut writers = vec![fork(&MemoryDisk::default(), NOWHERE, 1, &mut random)];
        for epoch in 2..6 {
            let from = &writers[writers.len() - 1 - random.below(writers.len().min(2))];
            let at = from.ends[random.below(from.ends.len())];
            let next = fork(&from.disk.clone(), at, epoch * 2, &mut random);
            writers.push(next);
        }
        let newest = writers.last().unwrap();
        let end = *newest.ends.last().unwrap();
        // A store that followed one of them, some way.
        let ours = MemoryDisk::default();
        let (mut replica, _) = open_replica(&ours);
        let stale = &writers[random.below(writers.len())];
        replica.adopt(&stale.epochs, false).unwrap();
        let to = stale.ends[random.below(stale.ends.len())];
        let bytes = travelling(&stale.disk, Position(0)..to.position);
        replica.append_old(&bytes).unwrap();
        assert_eq!(replica.held(), to);
        if random.below(2) == 0 {
            drop(replica);
            (replica, _) = open_replica(&ours);
        }
        let what = format!("seed {seed}: {:?} to {to:?}, then {:?}", stale.epochs, newest.epochs);
        let discarded = replica.adopt(&newest.epochs, false).unwrap();
        assert_eq!(replica.epochs(), newest.epochs, "{what}");
        let held = replica.held().position;
        let same =
            log_bytes(&ours, Position(0)..held) == log_bytes(&newest.disk, Position(0)..held);
        assert!(same, "{what}: what is kept is the newest log's beginning");
        if held < to.position {
            cut += 1;
            let discarded = discarded.expect("whole transactions were cut");
            assert_eq!((discarded.from, discarded.to), (held, to.position), "{what}");
            let tail = log_bytes(&stale.disk, held..to.position);
            assert_eq!(ours.read(&discarded.archive).unwrap(), tail);
            archived += 1;
            // Nothing more was cut than had to be.
            let next = newest.ends.iter().chain(&stale.ends).map(|end| end.position);
            let next = next.filter(|next| *next > held && *next <= to.position.min(end.position));
            for next in next {
                let bytes = |disk| log_bytes(disk, Position(0)..next);
                assert!(bytes(&newest.disk) != bytes(&stale.disk), "{what}: {held} and {next}");
            }
        } else {
            kept += 1;
            assert_eq!(discarded, None);
        }
        // Live frames of the newest epoch first, as far as the window reaches; then the old bytes.
        let base = newest.epochs.last().unwrap().base;
        let from = base.max(held);
        for datagram in datagrams(&newest.disk, from..end.position, 3, &mut random) {
            let early = random.below(3) == 0;
            let answer = early.then(|| replica.insert(datagram.range.start, &datagram.bytes));
            assert!(
                matches!(answer, None | Some(Ok(_) | Err(Refused::Window { .. }))),
                "{answer:?}"
            );
        }
        catch_up(&mut replica, &newest.disk, end.position, &mut random);
        assert_eq!(replica.held(), end, "{what}");
        assert_eq!(replica.commit(end.position, end.chain), Ok(end.position));
        let all = Position(0)..end.position;
        assert_eq!(log_bytes(&ours, all.clone()), log_bytes(&newest.disk, all));
        drop(replica);
        let (replica, recovery) = open_replica(&ours);
        assert_eq!((replica.held(), recovery.cut), (end, None));
        assert_eq!(replica.committed(), end.position);
    }
    println!("{cut} cut, {kept} kept, {archived} archived");
    assert!(cut > 5 && kept > 5);
}

/// Gives a standby the log's bytes in pieces of any length, as a stream brings them.
fn catch_up(replica: &mut ReplicaStore, disk: &MemoryDisk, end: Position, random: &mut Random) {
    let bytes = travelling(disk, replica.contiguous()..end);
    let (mut left, mut buffer) = (&bytes[..], Vec::new());
    while !left.is_empty() || !buffer.is_empty() {
        let (now, rest) = left.split_at(left.len().min(1 + random.below(5_000)));
        buffer.extend_from_slice(now);
        left = rest;
        let used = replica.append_old(&buffer).unwrap().used_bytes;
        buffer.drain(..used);
        assert!(!left.is_empty() || buffer.is_empty() || used > 0);
    }
}

#[test]
fn old_bytes_of_another_log_are_refused_at_the_epochs_border() {
    let mut random = Random(8);
    let first = fork(&MemoryDisk::default(), NOWHERE, 1, &mut random);
    let base = *first.ends.last().unwrap();
    let second = fork(&first.disk, base, 2, &mut random);
    // The epoch is said to have begun with another log than the one that was appended.
    let (mut replica, _) = open_replica(&MemoryDisk::default());
    let mut table = second.epochs.clone();
    table[1].chain = Chain(4);
    replica.adopt(&table, false).unwrap();
    let bytes = travelling(&first.disk, Position(0)..base.position);
    assert_eq!(replica.append_old(&bytes).unwrap().used_bytes, bytes.len());
    let next = travelling(&second.disk, base.position..second.ends[1].position);
    let refused = replica.append_old(&next).unwrap_err();
    let (expected, found) = (Chain(4), base.chain);
    assert_eq!(refused, Refused::Chain { base: base.position, expected, found });
    // Frames of an epoch that the table has elsewhere.
    let (mut replica, _) = open_replica(&MemoryDisk::default());
    replica.adopt(&second.epochs, false).unwrap();
    let refused = replica.append_old(&next).unwrap_err();
    assert!(matches!(refused, Refused::Fault { .. }), "{refused}");
}

#[test]
fn a_log_begins_at_a_snapshots_place() {
    let mut random = Random(12);
    let mut log = fork(&MemoryDisk::default(), NOWHERE, 1, &mut random);
    while log.ends.last().unwrap().position.get() < 2 * TERM_BYTES as u64 {
        let (end, epoch) = (*log.ends.last().unwrap(), log.epochs.last().unwrap().epoch.get());
        let before = log.ends;
        log = fork(&log.disk, end, epoch + 1, &mut random);
        log.ends.splice(0..0, before);
    }
    let end = *log.ends.last().unwrap();
    let places = log.ends.iter().step_by(7);
    for place in places.copied() {
        let ours = MemoryDisk::default();
        let disk = || Arc::new(ours.clone());
        let (replica, recovery) =
            ReplicaStore::create_at(disk(), &standby(), place, &log.epochs, Nanos(7)).unwrap();
        assert_eq!((recovery.kept_from, replica.held()), (place.position, place));
        assert_eq!((replica.committed(), replica.epochs()), (place.position, &log.epochs[..]));
        assert!(replica.is_lossy(), "what stood here before may have been acknowledged");
        // Killed before the first byte, and at some place.
        drop(replica);
        let again = ReplicaStore::create_at(disk(), &standby(), place, &log.epochs, Nanos(7));
        assert_eq!(again.err().unwrap().to_string(), "there is a store in /store");
        let (mut replica, _) = open_replica(&ours);
        assert!(replica.held() == place && replica.is_lossy());
        let bytes = travelling(&log.disk, place.position..end.position);
        let half = replica.append_old(&bytes[..bytes.len() / 2]).unwrap();
        drop(replica);
        let (mut replica, recovery) = open_replica(&ours);
        assert_eq!(recovery.kept_from, place.position);
        let rest = travelling(&log.disk, replica.held().position..end.position);
        assert!(rest.len() <= bytes.len() - half.used_bytes + 16 * 1024);
        replica.append_old(&rest).unwrap();
        assert_eq!(replica.held(), end);
        assert_eq!(replica.commit(end.position, end.chain), Ok(end.position));
        let mut reader = attach(&ours).unwrap();
        let mut truth = attach_published(&log.disk);
        truth.seek(place.position, Some(place.chain)).unwrap();
        assert_eq!(read(&mut reader), read(&mut truth));
        assert_eq!(reader.chain(), Some(end.chain));
        let refused = reader.seek(Position(0), None);
        assert!(place.position == Position(0) || matches!(refused, Err(ReadError::NotKept { .. })));
    }
}

#[test]
fn a_vote_is_given_once_and_never_forgotten() {
    let disk = MemoryDisk::default();
    let (mut replica, _) = open_replica(&disk);
    let start = EpochStart { epoch: Epoch(2), node: 1, base: Position(0), chain: Chain(0) };
    replica.follow(start, false).unwrap();
    let voter = replica.voter();
    assert_eq!((voter.known(), voter.vote()), (Epoch(2), (Epoch(0), 0)));
    // An epoch that is over, or has begun.
    assert!(!voter.promise(Epoch(1), 1).unwrap() && !voter.promise(Epoch(2), 2).unwrap());
    // Not promised before it is durable: asked again after the disk's failure, also by another.
    for operation in [Operation::Write, Operation::Sync] {
        disk.refuse(Some(Refusal { operation, path_contains: "marks", error: 5 }));
        assert_eq!(voter.promise(Epoch(3), 7).unwrap_err().raw_os_error(), Some(5));
        assert_eq!((voter.known(), voter.vote()), (Epoch(2), (Epoch(0), 0)));
        disk.refuse(None);
    }
    assert!(voter.promise(Epoch(3), 8).unwrap());
    assert_eq!((voter.known(), voter.vote()), (Epoch(3), (Epoch(3), 8)));
    // The same node may ask again, another one gets nothing, also after a loss of power with
    // either slot damaged.
    for image in 0..3 {
        let disk = disk.after_power_failure(|| false).unwrap();
        if image > 0 {
            let bit = (image - 1) * 4096 * 8 + 76 * 8;
            disk.flip_bit(&directory().join("marks"), bit).unwrap();
        }
        let (replica, _) = open_replica(&disk);
        let voter = replica.voter();
        assert_eq!((voter.known(), voter.vote()), (Epoch(3), (Epoch(3), 8)), "image {image}");
        assert!(voter.promise(Epoch(3), 8).unwrap() && !voter.promise(Epoch(3), 7).unwrap());
        assert!(!voter.promise(Epoch(2), 7).unwrap());
        assert_eq!(replica.epoch(), Epoch(2));
    }
    // From then on nothing of the older epoch is taken, and the older one is not followed.
    let (followed, known) = (Epoch(2), Epoch(3));
    let refused = replica.insert(Position(0), &[0; 96]).unwrap_err();
    assert_eq!(refused, Refused::Deposed { followed, known });
    assert_eq!(replica.append_old(&[0; 96]).unwrap_err(), Refused::Deposed { followed, known });
    let older = EpochStart { epoch: Epoch(2), node: 5, ..start };
    assert!(matches!(replica.follow(older, false), Err(FollowRefused::Older { .. })));
    // Whoever began it, with this vote or without.
    replica.follow(EpochStart { epoch: Epoch(3), node: 4, ..start }, false).unwrap();
    assert!(!voter.promise(Epoch(3), 8).unwrap(), "it has begun");
    assert!(voter.promise(Epoch(9), 2).unwrap());
    // A store that is closed promises nothing.
    replica.close().unwrap();
    assert!(!voter.promise(Epoch(10), 2).unwrap());
}

#[test]
fn a_disk_that_refuses_leaves_the_followed_epoch_as_it_was() {
    let mut random = Random(21);
    let first = fork(&MemoryDisk::default(), NOWHERE, 1, &mut random);
    let end = *first.ends.last().unwrap();
    for operation in [Operation::Create, Operation::Write, Operation::Sync] {
        for word in ["discarded", "marks"] {
            let ours = MemoryDisk::default();
            let (mut replica, _) = open_replica(&ours);
            replica.follow(first.epochs[0], false).unwrap();
            feed(&mut replica, &first.disk, end.position);
            let base = first.ends[2];
            let (position, chain) = (base.position, base.chain);
            let start = EpochStart { epoch: Epoch(2), node: 9, base: position, chain };
            ours.refuse(Some(Refusal { operation, path_contains: word, error: 28 }));
            let followed = replica.follow(start, false);
            ours.refuse(None);
            if (operation, word) == (Operation::Create, "marks") {
                assert!(followed.unwrap().is_some(), "marks are there already");
                continue;
            }
            assert!(matches!(followed, Err(FollowRefused::Io { .. })), "{operation:?} {word}");
            assert_eq!((replica.held(), replica.epoch()), (end, Epoch(1)));
            assert!(replica.follow(start, false).unwrap().is_some());
            assert_eq!((replica.held(), replica.epoch()), (base, Epoch(2)));
        }
    }
}
