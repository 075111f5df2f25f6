//! A standby killed, without power, paused and torn, at any moment: it comes back with what it had
//! in order, asks for the rest, and ends with the writer's log.

use super::*;

/// That a standby just opened has the beginning of a log, and nothing else.
fn assert_is_log(replica: &ReplicaStore, ours: &MemoryDisk, theirs: &MemoryDisk) {
    let held = replica.held().position;
    let all = Position(0)..held;
    assert_eq!(log_bytes(ours, all.clone()), log_bytes(theirs, all));
    assert_zero_beyond(ours, held);
    assert_eq!((replica.synced(), replica.contiguous()), (held, held));
}

/// Most of what the writer sends, with commits and syncs now and then.
fn follow_on(
    replica: &mut ReplicaStore,
    theirs: &MemoryDisk,
    ends: &[LogPlace],
    random: &mut Random,
) {
    let all = replica.held().position..ends.last().unwrap().position;
    for datagram in datagrams(theirs, all, 5, random) {
        if random.below(12) > 0 {
            let _ = replica.insert(datagram.range.start, &datagram.bytes);
        }
        if random.below(20) == 0 {
            let index = ends.iter().rposition(|end| *end == replica.held()).unwrap();
            let told = ends[index - random.below(index.min(4) + 1)];
            replica.commit(told.position, told.chain).unwrap();
        }
        if random.below(30) == 0 {
            replica.sync().unwrap();
        }
    }
}

#[test]
fn whatever_kills_it_it_goes_on_with_what_it_had_in_order() {
    let (mut cuts, mut lossy_openings, mut lost) = (0, 0, 0);
    for seed in 0..12 {
        let mut random = Random(7_000 + seed);
        let theirs = MemoryDisk::default();
        let mut ours = MemoryDisk::default();
        let (mut writer, _) = open_told(&theirs);
        let start = begin_of(&writer);
        let mut ends = vec![place_of(&writer)];
        let (mut committed, mut lossy) = (Position(0), false);
        for round in 0..14 {
            let what = format!("seed {seed} round {round}");
            let (mut replica, recovery) = open_replica(&ours);
            cuts += usize::from(recovery.cut.is_some());
            assert_eq!((replica.is_lossy(), recovery.lossy), (lossy, lossy), "{what}");
            lossy_openings += usize::from(lossy);
            let held = replica.held();
            assert!(ends.contains(&held), "{what}: {held:?} is the writer's log");
            assert_is_log(&replica, &ours, &theirs);
            assert_eq!(replica.committed(), committed, "{what}");
            if replica.epoch() == Epoch(0) {
                replica.follow(start, false).unwrap();
            }
            assert_eq!(replica.epochs(), [start]);
            if lossy && random.below(2) == 0 {
                feed(&mut replica, &theirs, writer.position());
                replica.caught_up().unwrap();
                lossy = false;
                assert!(!replica.is_lossy());
            }

            while writer.position().get() < held.position.get() + 20_000 {
                grow(&mut writer, &mut random);
                ends.push(place_of(&writer));
            }
            follow_on(&mut replica, &theirs, &ends, &mut random);
            committed = replica.committed();
            let (before, synced) = (replica.held().position, replica.synced());
            let marked = marks_of(&ours).committed;
            match random.below(4) {
                0 => {
                    replica.close().unwrap();
                    if random.below(2) == 0 {
                        // A clean stop loses nothing with the power.
                        ours = ours.after_power_failure(|| false).unwrap();
                        committed = committed.min(marks_of(&ours).committed);
                    }
                }
                1 => drop(replica),
                2 => ours = ours.after_kill().unwrap(),
                _ => {
                    let odds = 1 + random.below(40);
                    ours = ours.after_power_failure(|| random.below(41) < odds).unwrap();
                    committed = marked;
                    lossy = true;
                    let end = open_end(&ours).valid_to;
                    assert!(end >= synced, "{what}: synced {synced}, found {end}");
                    lost += usize::from(end < before);
                }
            }
        }
    }
    println!("{cuts} cuts, {lossy_openings} lossy openings, {lost} lost a tail");
    assert!(cuts > 30 && lossy_openings > 20 && lost > 10);
}

#[test]
fn a_store_that_acknowledges_what_is_synced_loses_nothing_that_counts() {
    let options = Options { durability: Durability::Disk, ..standby() };
    let open = |disk: &MemoryDisk| {
        ReplicaStore::open_on(Arc::new(disk.clone()), &options, None, Nanos(7)).unwrap().0
    };
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let (mut writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    let mut random = Random(1);
    let synced = grow(&mut writer, &mut random);
    let mut replica = open(&ours);
    replica.follow(start, false).unwrap();
    feed(&mut replica, &theirs, synced);
    let mut syncer = replica.take_syncer().unwrap();
    assert_eq!(syncer.do_work(Nanos(0)), 1);
    assert_eq!(replica.synced(), synced);
    // It syncs as soon as there is something, and commits nothing by itself.
    let end = grow(&mut writer, &mut random);
    feed(&mut replica, &theirs, end);
    assert_eq!((syncer.do_work(Nanos(0)), replica.synced()), (1, end));
    assert_eq!(replica.committed(), Position(0));
    grow(&mut writer, &mut random);
    feed(&mut replica, &theirs, writer.position());
    let ours = ours.after_power_failure(|| false).unwrap();
    let replica = open(&ours);
    assert!(!replica.is_lossy());
    assert_eq!(replica.held().position, end);
}

#[test]
fn a_crash_at_each_step_of_a_cut_leaves_one_log_or_the_other() {
    let (theirs, mut random) = (MemoryDisk::default(), Random(2));
    let (mut writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    let mut base = place_of(&writer);
    while writer.position().get() < 2 * TERM_BYTES as u64 {
        grow(&mut writer, &mut random);
        if writer.position().get() < 40_000 {
            base = place_of(&writer);
        }
    }
    let end = place_of(&writer);
    let next = EpochStart { epoch: Epoch(2), node: 9, base: base.position, chain: base.chain };
    let mut seen = [0; 2];
    for seed in 0..120 {
        let ours = MemoryDisk::default();
        let (mut replica, _) = open_replica(&ours);
        replica.follow(start, false).unwrap();
        feed(&mut replica, &theirs, end.position);
        if seed % 2 == 0 {
            replica.sync().unwrap();
        }
        // The cut fails somewhere; then the power goes, or the process.
        let steps = [
            ("discarded", Operation::Sync),
            ("marks", Operation::Write),
            ("marks", Operation::Sync),
            (".log", Operation::Sync),
            ("nothing", Operation::Sync),
        ];
        let (path_contains, operation) = steps[seed % steps.len()];
        ours.refuse(Some(Refusal { operation, path_contains, error: 5 }));
        let followed = replica.follow(next, false);
        let cut_short = followed.is_err();
        ours.refuse(None);
        if path_contains == ".log" {
            let refused = replica.insert(base.position, &[0; 96]).unwrap_err();
            assert!(matches!(refused, Refused::Disk { error: 5, .. }), "{refused}");
        }
        let mut chance = Random(seed as u64);
        let image = match seed % 3 {
            0 => ours.after_kill().unwrap(),
            _ => ours.after_power_failure(|| chance.below(2) == 0).unwrap(),
        };
        let (replica, _) = open_replica(&image);
        let follows = replica.epoch() == Epoch(2);
        seen[usize::from(follows)] += 1;
        match follows {
            // The power may take what was not synced, also before the base.
            true if seed % 2 == 0 || seed % 3 == 0 => assert_eq!(replica.held(), base, "{seed}"),
            true => assert!(replica.held().position <= base.position, "seed {seed}"),
            false => {
                assert!(cut_short, "seed {seed}: it was told to be followed");
                assert!(seed % 2 > 0 || replica.held() == end, "seed {seed}");
            }
        }
        let all = Position(0)..replica.held().position;
        assert_eq!(log_bytes(&image, all.clone()), log_bytes(&theirs, all), "seed {seed}");
        assert_zero_beyond(&image, replica.held().position);
    }
    println!("{seen:?}");
    assert!(seen[0] > 30 && seen[1] > 30);
}
