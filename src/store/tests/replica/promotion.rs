//! A standby's store that becomes the writer's where it stands, and whom it then tells.

use super::*;

/// A standby with all of a writer's log but what lies beyond some hole, and that writer.
fn standby_of(seed: u64, bytes: u64) -> (MemoryDisk, StoreWriter, MemoryDisk, ReplicaStore) {
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let mut random = Random(seed);
    let (mut writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    while writer.position().get() < bytes {
        grow(&mut writer, &mut random);
    }
    let (mut replica, _) = open_replica(&ours);
    replica.follow(start, false).unwrap();
    feed(&mut replica, &theirs, writer.position());
    (theirs, writer, ours, replica)
}

#[test]
fn a_standby_writes_on_where_it_stands() {
    let (mut cut, mut crossed) = (0, 0);
    for seed in 0..30 {
        let mut random = Random(4_000 + seed);
        let bytes = (1 + random.below(3)) * TERM_BYTES - random.below(20_000);
        let (theirs, mut writer, ours, mut replica) = standby_of(seed, bytes as u64);
        let held = replica.held();
        // Then some frames of what follows, not all, in any order.
        while writer.position().get() < held.position.get() + 20_000 {
            grow(&mut writer, &mut random);
        }
        let sent = datagrams(&theirs, held.position..writer.position(), 5, &mut random);
        for datagram in &sent {
            if random.below(3) > 0 {
                replica.insert(datagram.range.start, &datagram.bytes).unwrap();
            }
        }
        let held = replica.held();
        cut += usize::from(replica.received() > held.position);
        crossed += usize::from(replica.contiguous().get() / 65_536 > held.position.get() / 65_536);
        let helpers = (seed % 2 == 0)
            .then(|| (replica.take_helper().unwrap(), replica.take_syncer().unwrap()));
        let voter = replica.voter();
        assert!(voter.promise(Epoch(5), STANDBY_NODE).unwrap());
        let mut reader = attach(&ours).unwrap();
        let mut published = attach_published(&ours);
        let before = read(&mut published);

        let (mut promoted, start) = replica.into_writer(Epoch(5)).unwrap();
        let expected = EpochStart {
            epoch: Epoch(5),
            node: STANDBY_NODE,
            base: held.position,
            chain: held.chain,
        };
        assert_eq!((start, voter.known()), (expected, Epoch(5)));
        assert_eq!((place_of(&promoted), promoted.synced()), (held, held.position));
        assert_zero_beyond(&ours, held.position);
        assert!(!voter.promise(Epoch(5), STANDBY_NODE).unwrap(), "it has begun");
        let mut more = Vec::new();
        let (mut helper, mut syncer) = match helpers {
            Some((helper, syncer)) => (Some(helper), syncer),
            None => (None, promoted.take_syncer().unwrap()),
        };
        let mut now = 0;
        while more.len() < 120 {
            let messages = random.transaction(6, 700);
            // The helpers that were the standby's prepare and sync for the writer.
            while promoted.check_room(size(&messages)).is_err() {
                now += 1;
                helper.as_mut().expect("a helper is late").do_work(Nanos(now));
            }
            append(&mut promoted, &messages);
            more.extend(messages);
        }
        assert_eq!(syncer.do_work(Nanos(u64::MAX / 2)), 1);
        assert_eq!(promoted.synced(), promoted.position());
        assert_eq!(promoted.committed(), Position(0), "nobody has told");
        promoted.commit_to(promoted.position());
        let all = [before, more].concat();
        assert_eq!(read(&mut reader), all);
        let end = place_of(&promoted);
        drop(promoted);
        let (again, recovery) = open_replica(&ours);
        assert_eq!((again.held(), recovery.cut), (end, None));
        assert_eq!(again.epochs().last(), Some(&start));
    }
    println!("{cut} with a tail to cut, {crossed} with padding behind what is held");
    assert!(cut > 20);
}

#[test]
fn padding_that_nothing_follows_is_cut_by_a_promotion() {
    let (theirs, mut writer, ours, mut replica) = standby_of(3, TERM_BYTES as u64 - 20_000);
    let mut random = Random(1);
    while writer.position().get() <= TERM_BYTES as u64 {
        grow(&mut writer, &mut random);
    }
    let from = replica.held().position;
    let sent = datagrams(&theirs, from..writer.position(), 1, &mut random);
    let in_term = sent.iter().filter(|one| one.range.end.get() <= TERM_BYTES as u64);
    for datagram in in_term {
        replica.insert(datagram.range.start, &datagram.bytes).unwrap();
    }
    let held = replica.held();
    assert_eq!(replica.contiguous(), Position(TERM_BYTES as u64));
    assert!(held.position < replica.contiguous(), "the last frame is padding");
    // Asked again, the store has entered the next term.
    let next = sent.iter().find(|one| one.range.start.get() == TERM_BYTES as u64).unwrap();
    replica.insert(next.range.start, &next.bytes[..aligned(72).min(next.bytes.len())]).ok();
    let (mut promoted, start) = replica.into_writer(Epoch(2)).unwrap();
    assert_eq!((start.base, place_of(&promoted)), (held.position, held));
    assert_zero_beyond(&ours, held.position);
    for _ in 0..300 {
        grow(&mut promoted, &mut random);
    }
    let end = place_of(&promoted);
    drop(promoted);
    assert_eq!(open_replica(&ours).0.held(), end);
}

#[test]
fn an_epoch_that_is_known_is_not_begun_again() {
    for epoch in [0, 1] {
        let (_, _, _, replica) = standby_of(1, 1_000);
        let refused = replica.into_writer(Epoch(epoch)).unwrap_err().to_string();
        assert_eq!(refused, format!("epoch {epoch} cannot be begun, 1 is known"));
    }
    let (_, _, ours, replica) = standby_of(1, 1_000);
    assert!(replica.voter().promise(Epoch(7), 3).unwrap());
    let refused = replica.into_writer(Epoch(6)).unwrap_err().to_string();
    assert_eq!(refused, "epoch 6 cannot be begun, 7 is known");
    // By an opening too; the one that was promised can be, and else the next.
    let with = |epoch| Options { epoch, identity: standby().identity, ..options(&directory()) };
    let refused = open_with(&ours, &with(Some(Epoch(6)))).unwrap_err().to_string();
    assert_eq!(refused, "epoch 6 cannot be begun, 7 is known");
    let (writer, _) = open_with(&ours, &with(Some(Epoch(7)))).unwrap();
    assert_eq!(writer.epoch(), Epoch(7));
    drop(writer);
    assert_eq!(open_with(&ours, &with(None)).unwrap().0.epoch(), Epoch(8));
}

#[test]
fn one_committer_says_what_readers_may_read() {
    let disk = MemoryDisk::default();
    assert!(open(&disk).0.take_committer().is_none(), "it commits by itself");
    let disk = MemoryDisk::default();
    let (mut writer, _) = open_told(&disk);
    let mut committer = writer.take_committer().unwrap();
    assert!(writer.take_committer().is_none());
    let mut random = Random(1);
    let first = grow(&mut writer, &mut random);
    let second = grow(&mut writer, &mut random);
    assert_eq!((committer.epoch(), committer.published()), (Epoch(1), second));
    assert_eq!((committer.synced(), committer.committed()), (Position(0), Position(0)));
    let mut reader = attach(&disk).unwrap();
    assert!(committer.commit_to(first));
    assert_eq!((reader.end().unwrap(), writer.committed()), (first, first));
    assert!(committer.commit_to(Position(0)), "no news");
    assert_eq!(committer.committed(), first);
    let beyond = Position(second.get() + 32);
    let commit = std::panic::AssertUnwindSafe(|| committer.commit_to(beyond));
    assert!(std::panic::catch_unwind(commit).is_err());
    // Without its writer it touches nothing.
    drop(writer);
    assert!(!committer.commit_to(second));
    let (writer, _) = open_told(&disk);
    assert_eq!(writer.committed(), first);
}

#[test]
fn a_log_without_a_writer_is_read_to_what_was_told() {
    let (_, writer, ours, mut replica) = standby_of(5, 9_000);
    let end = place_of(&writer);
    let (mut told, mut whole) = (None, 0);
    let mut truth = attach_published(&ours);
    while let Some(frame) = truth.next().unwrap() {
        whole += 1;
        if frame.ends_transaction && frame.end.get() > 4_000 && told.is_none() {
            told = Some((whole, frame.end, truth.chain().unwrap()));
        }
    }
    let (messages, position, chain) = told.unwrap();
    assert!(messages < whole);
    assert_eq!(replica.commit(position, chain), Ok(position));
    drop(replica);
    assert_eq!(read(&mut attach(&ours).unwrap()).len(), messages);
    assert_eq!(read(&mut attach_published(&ours)).len(), whole);
    let (mut replica, _) = open_replica(&ours);
    assert_eq!(replica.committed(), position);
    // The page is lost with the power; the marks keep what they knew, and never say more.
    replica.sync().unwrap();
    replica.close().unwrap();
    let disk = ours.after_power_failure(|| true).unwrap();
    assert_eq!(read(&mut attach(&disk).unwrap()).len(), messages);
    let (mut replica, _) = open_replica(&disk);
    assert_eq!((replica.held(), replica.committed()), (end, position));
    assert_eq!(replica.commit(end.position, end.chain), Ok(end.position));
}

#[test]
fn an_epoch_can_begin_whatever_is_uncommitted_before_it() {
    // What two epochs left, none of it committed, is all that the bound allows, and more.
    let (theirs, writer, ours, replica) = standby_of(3, 60_000);
    let held = replica.held().position;
    drop((theirs, writer, replica));
    let bytes_max = 32 * 1024;
    assert!(held.get() > bytes_max, "{held}");
    let options = Options { uncommitted_bytes_max: bytes_max, ..standby() };
    let open = || ReplicaStore::open_on(Arc::new(ours.clone()), &options, None, Nanos(7));
    let (replica, _) = open().unwrap();
    assert!(replica.voter().promise(Epoch(5), STANDBY_NODE).unwrap());
    let (mut promoted, start) = replica.into_writer(Epoch(5)).unwrap();
    let mut random = Random(1);
    // Its first transaction is let in, and only that.
    let first = random.transaction(1, 100);
    assert!(promoted.check_room(size(&first)).is_ok(), "without it nothing is ever committed");
    append(&mut promoted, &first);
    let bytes = promoted.position().get();
    let refused = promoted.check_room(100).unwrap_err();
    assert_eq!(refused, NotAccepted::Uncommitted { bytes, bytes_max });
    // As soon as it is committed, with all before it, there is room again.
    assert!(promoted.position() > start.base);
    promoted.commit_to(promoted.position());
    assert!(promoted.check_room(100).is_ok());
}

#[test]
fn a_bar_outlives_the_process_until_it_is_lifted() {
    let disk = MemoryDisk::default();
    let (replica, recovery) = open_replica(&disk);
    assert!(!recovery.barred && !replica.voter().is_barred());
    drop(replica);
    for barred in [true, false] {
        let (replica, _) = open_replica(&disk);
        replica.voter().bar(barred).unwrap();
        // Killed, then closed, then without power.
        drop(replica);
        let (replica, recovery) = open_replica(&disk);
        assert_eq!((recovery.barred, replica.voter().is_barred()), (barred, barred));
        replica.close().unwrap();
        let disk = disk.after_power_failure(|| false).unwrap();
        let (_, recovery) = open_replica(&disk);
        assert_eq!(recovery.barred, barred);
    }
}

#[test]
fn who_was_made_to_lead_without_all_it_had_lacks_nothing_from_then_on() {
    let (ours, theirs) = (MemoryDisk::default(), MemoryDisk::default());
    let (writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    let beginning = LogPlace { position: start.base, chain: start.chain };
    let disk = || Arc::new(ours.clone());
    let made = ReplicaStore::create_at(disk(), &standby(), beginning, &[start], Nanos(7));
    let (replica, _) = made.unwrap();
    assert!(replica.is_lossy());
    assert!(replica.voter().promise(Epoch(5), STANDBY_NODE).unwrap());
    // Only an operator's force comes here: what is missing was given up.
    drop(replica.into_writer(Epoch(5)).unwrap());
    let (replica, recovery) = open_replica(&ours);
    assert_eq!((replica.is_lossy(), recovery.lossy), (false, false));
    assert_eq!(replica.epoch(), Epoch(5));
}
