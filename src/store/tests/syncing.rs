//! The sync helper beside a writer: what it marks, what it commits, and disks that fail.

use super::*;

const ERRORS: [i32; 3] = [libc::ENOSPC, libc::EDQUOT, libc::EIO];

fn with(durability: Durability, sync_interval_ns: u64) -> Options {
    Options { durability, sync_interval_ns, ..options(&directory()) }
}

fn marks(disk: &MemoryDisk) -> marks::Marks {
    marks::MarksFile::load(disk, &directory(), Access::Read).unwrap().marks
}

#[test]
fn marks_are_ends_of_transactions_with_the_writers_chain_there() {
    let (mut synced, mut crossings) = (0, 0);
    for (seed, durability) in [(0, Durability::Process), (1, Durability::Disk)] {
        let (disk, mut random) = (MemoryDisk::default(), Random(500 + seed));
        let (mut writer, _) = open_with(&disk, &with(durability, 0)).unwrap();
        let mut syncer = writer.take_syncer().unwrap();
        assert!(writer.take_syncer().is_none());
        let mut reader = attach(&disk).unwrap();
        // The writer's own ends and chains, noted one by one.
        let mut twin = vec![(writer.position(), writer.chain())];
        for _ in 0..1_500 {
            append(&mut writer, &random.transaction(8, 1376));
            twin.push((writer.position(), writer.chain()));
            let before = marks(&disk).synced;
            if random.below(4) == 0 {
                assert_eq!(syncer.do_work(Nanos(0)), 1);
                assert_eq!(syncer.do_work(Nanos(0)), 0, "nothing was published since");
                let marks = marks(&disk);
                assert_eq!((marks.synced, marks.synced_chain), *twin.last().unwrap());
                crossings += usize::from(
                    marks.synced.get() / TERM_BYTES as u64 != before.get() / TERM_BYTES as u64,
                );
                synced += 1;
            } else {
                assert_eq!(marks(&disk).synced, before, "nobody else moves the mark");
            }
            let end = match durability {
                Durability::Disk => marks(&disk).synced,
                _ => writer.position(),
            };
            assert_eq!((writer.committed(), reader.end().unwrap()), (end, end));
            assert_eq!(reader.synced(), marks(&disk).synced);
        }
        // The writer may sync too, and closes what the helper has left.
        append(&mut writer, &random.transaction(8, 1376));
        let end = (writer.position(), writer.chain());
        assert_eq!(writer.sync().unwrap(), end.0);
        assert_eq!(syncer.do_work(Nanos(0)), 0);
        writer.close().unwrap();
        let marks = marks(&disk);
        assert_eq!(((marks.synced, marks.synced_chain), marks.clean), (end, true));
    }
    println!("{synced} syncs, {crossings} of them over a segment's end");
    assert!(synced > 500 && crossings > 100);
}

#[test]
fn without_need_it_syncs_now_and_then() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open_with(&disk, &with(Durability::Process, 1_000)).unwrap();
    let mut syncer = writer.take_syncer().unwrap();
    assert_eq!(syncer.do_work(Nanos(5)), 0, "nothing was published");
    let first = append(&mut writer, &Random(1).transaction(3, 99));
    assert_eq!(syncer.do_work(Nanos(10)), 1);
    let second = append(&mut writer, &Random(2).transaction(3, 99));
    assert_eq!(syncer.do_work(Nanos(1_009)), 0);
    assert_eq!((writer.synced(), writer.committed()), (first, second));
    assert_eq!(syncer.do_work(Nanos(1_010)), 1);
    assert_eq!((writer.synced(), marks(&disk).synced), (second, second));
    assert_eq!(syncer.do_work(Nanos(9_999)), 0);
}

#[test]
fn a_helper_never_touches_the_next_writers_store() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open_with(&disk, &with(Durability::Disk, 0)).unwrap();
    let (mut syncer, mut helper) = (writer.take_syncer().unwrap(), writer.take_helper().unwrap());
    append(&mut writer, &Random(1).transaction(3, 99));
    drop(writer);
    // Opened again at once, though neither helper was run.
    let (mut writer, _) = open_with(&disk, &with(Durability::Disk, 0)).unwrap();
    let before = (writer.committed(), marks(&disk));
    append(&mut writer, &Random(2).transaction(3, 99));
    assert_eq!((syncer.do_work(Nanos(1)), helper.do_work(Nanos(1))), (0, 0));
    assert_eq!((writer.committed(), marks(&disk)), before);
    assert_eq!(writer.take_syncer().unwrap().do_work(Nanos(1)), 1);
    assert_eq!(writer.committed(), writer.position());
}

#[test]
fn a_log_that_does_not_reach_the_disk_is_never_committed() {
    for error in ERRORS {
        for durability in [Durability::Process, Durability::Disk] {
            let disk = MemoryDisk::default();
            let (mut writer, _) = open_with(&disk, &with(durability, 0)).unwrap();
            let mut syncer = writer.take_syncer().unwrap();
            let kept = append(&mut writer, &Random(1).transaction(3, 99));
            assert_eq!(syncer.do_work(Nanos(0)), 1);
            let end = append(&mut writer, &Random(2).transaction(3, 99));
            disk.refuse(Some(Refusal { operation: Operation::Sync, path_contains: ".log", error }));
            assert_eq!(syncer.do_work(Nanos(0)), 1);
            let refused = NotAccepted::Sync { error };
            assert_eq!(refused.accepting(), Accepting::Sync);
            assert_eq!(writer.check_room(99), Err(refused));
            assert_eq!((writer.synced(), marks(&disk).synced), (kept, kept));
            let committed = if durability == Durability::Disk { kept } else { end };
            assert_eq!(writer.committed(), committed);
            // The disk says that all is well now. What became of the pages nobody knows.
            disk.refuse(None);
            for second in 1..5 {
                syncer.do_work(Nanos(second * 1_000_000_000));
                assert_eq!(writer.check_room(99), Err(refused));
            }
            assert_eq!(writer.sync().unwrap_err().raw_os_error(), Some(error));
            assert_eq!((writer.synced(), marks(&disk).synced), (kept, kept));
            assert_eq!(writer.committed(), committed);
            // A restart reads what there is, and writes it again.
            drop(writer);
            let (writer, recovery) = open_with(&disk, &with(durability, 0)).unwrap();
            assert_eq!((recovery.valid_to, recovery.cut, recovery.clean), (end, None, false));
            assert_eq!((writer.synced(), writer.committed()), (end, end));
        }
    }
}

#[test]
fn a_mark_that_fails_is_written_again() {
    for error in ERRORS {
        for operation in [Operation::Write, Operation::Sync] {
            let disk = MemoryDisk::default();
            let (mut writer, _) = open_with(&disk, &with(Durability::Disk, 0)).unwrap();
            let mut syncer = writer.take_syncer().unwrap();
            let mut random = Random(error as u64);
            let mut kept = append(&mut writer, &random.transaction(3, 99));
            assert_eq!(syncer.do_work(Nanos(0)), 1);
            for round in 1..4 {
                let now = |tenths: u64| Nanos(round * 1_000_000_000 + tenths * 100_000_000);
                let end = append(&mut writer, &random.transaction(3, 99));
                disk.refuse(Some(Refusal { operation, path_contains: "marks", error }));
                assert_eq!((syncer.do_work(now(0)), syncer.do_work(now(0))), (1, 0));
                assert_eq!(writer.check_room(99), Err(NotAccepted::Sync { error }));
                assert_eq!((writer.synced(), writer.committed()), (kept, kept));
                assert_eq!(syncer.do_work(now(1)), 1, "tried again a tenth of a second later");
                // A power failure keeps any part of what was written in vain, twice: all that was
                // committed is there.
                for _ in 0..20 {
                    let image = disk.after_power_failure(|| random.below(2) == 0).unwrap();
                    image.refuse(None);
                    assert!(open_end(&image).valid_to >= kept);
                }
                disk.refuse(None);
                assert_eq!(syncer.do_work(now(2)), 1);
                assert_eq!(writer.check_room(99), Ok(()));
                assert_eq!((writer.synced(), writer.committed()), (end, end));
                assert_eq!(marks(&disk).synced, end);
                kept = end;
            }
        }
    }
}

#[test]
fn a_segment_that_cannot_be_made_is_tried_again() {
    let operations = [
        (Operation::Create, ".new"),
        (Operation::Allocate, ".new"),
        (Operation::Sync, ".new"),
        (Operation::Rename, ".log"),
        (Operation::SyncDirectory, ""),
    ];
    for (operation, path_contains) in operations {
        for error in ERRORS {
            let disk = MemoryDisk::default();
            let (mut writer, _) = open(&disk);
            let mut helper = writer.take_helper().unwrap();
            let mut random = Random(8);
            disk.refuse(Some(Refusal { operation, path_contains, error }));
            let mut now = 0;
            let full = loop {
                now += 1_000_000_000;
                helper.do_work(Nanos(now));
                match writer.check_room(TRANSACTION_BYTES_MAX) {
                    Ok(()) => append(&mut writer, &random.transaction(8, 1376)),
                    Err(NotAccepted::SegmentNotReady { .. }) => continue,
                    Err(full) => break full,
                };
            };
            let base = Position(2 * TERM_BYTES as u64);
            assert_eq!(full, NotAccepted::Disk { base, error }, "{operation:?}");
            assert_eq!(full.accepting(), Accepting::Disk);
            let end = open_end(&disk);
            assert_eq!((end.valid_to, end.cut), (writer.position(), None), "the store is whole");
            // A kill now leaves a store that opens when there is space again.
            let image = disk.after_kill().unwrap();
            image.refuse(None);
            assert_eq!(open(&image).1.valid_to, writer.position(), "{operation:?}");
            disk.refuse(None);
            while writer.check_room(TRANSACTION_BYTES_MAX).is_err() {
                now += 1_000_000_000;
                assert!(helper.do_work(Nanos(now)) > 0);
            }
            let messages = random.transaction(8, 1376);
            append(&mut writer, &messages);
            let names = disk.paths();
            let left = names.iter().filter(|path| path.to_string_lossy().ends_with(".new"));
            assert_eq!(left.count(), 0, "{operation:?}");
            writer.close().unwrap();
            let mut reader = attach(&disk).unwrap();
            assert_eq!(read(&mut reader).last(), messages.last());
        }
    }
}

#[test]
fn an_opening_that_fails_forgets_nothing() {
    let disk = MemoryDisk::default();
    let external = with(Durability::External, 0);
    let (mut writer, _) = open_with(&disk, &external).unwrap();
    let told = append(&mut writer, &Random(1).transaction(3, 99));
    let end = append(&mut writer, &Random(2).transaction(3, 99));
    writer.commit_to(told);
    let (source, since) = (crate::types::SourceId(3), Nanos(4));
    writer.set_executing(Some(Executing { source, source_sequence: 9, since }));
    drop(writer);
    let mut failed = 0;
    for operation in Operation::ALL {
        for path_contains in ["", "marks", ".log", ".new"] {
            let (image, error) = (disk.after_kill().unwrap(), libc::ENOSPC);
            image.refuse(Some(Refusal { operation, path_contains, error }));
            let Err(refused) = open_with(&image, &external) else { continue };
            assert!(refused.to_string().ends_with("No space left on device (os error 28)"));
            failed += 1;
            image.refuse(None);
            let mut reader = attach(&image).unwrap();
            assert_eq!((reader.committed_before(), reader.end().unwrap()), (Some(told), told));
            assert_eq!(reader.accepting(), Accepting::Stopped);
            let (writer, recovery) = open_with(&image, &external).unwrap();
            assert_eq!((writer.committed(), recovery.valid_to), (told, end), "{operation:?}");
            assert_eq!(recovery.published, Some(end));
            assert_eq!(recovery.executing.map(|executing| executing.source_sequence), Some(9));
        }
    }
    println!("{failed} openings failed");
    assert!(failed > 8);
}

/// Whether a file has got the space for all its bytes.
fn is_allocated(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).unwrap();
    metadata.blocks() * 512 >= metadata.len()
}

#[test]
fn segments_with_holes_get_their_space_before_they_are_written() {
    let here = tempfile::tempdir().unwrap();
    let (mut writer, _) = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap();
    append(&mut writer, &Random(1).transaction(3, 99));
    writer.close().unwrap();
    let paths = ["00000000000000000000.log", "00000000000000065536.log", "control"];
    let paths = paths.map(|name| here.path().join(name));
    // As a copy leaves them that makes holes of zeroes.
    for path in &paths {
        let content = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        let mut file = std::fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, &content[..1_024]).unwrap();
        file.set_len(content.len() as u64).unwrap();
        file.sync_all().unwrap();
        assert_eq!(std::fs::read(path).unwrap().len(), content.len());
    }
    if paths[..2].iter().any(|path| is_allocated(path)) {
        return println!("skipped: no holes in files here");
    }
    let (_writer, recovery) = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap();
    assert_eq!((recovery.transactions, recovery.cut), (1, None));
    assert!(paths.iter().all(|path| is_allocated(path)));
}

#[test]
fn a_store_is_synced_while_it_is_written_and_read() {
    const TRANSACTIONS: usize = 2_000;
    let here = tempfile::tempdir().unwrap();
    let options = Options {
        durability: Durability::Disk,
        term_bytes: 4 * TERM_BYTES,
        ..options(here.path())
    };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    let (mut syncer, mut helper) = (writer.take_syncer().unwrap(), writer.take_helper().unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    let is_done = || done.load(std::sync::atomic::Ordering::Relaxed);
    let syncs = std::thread::scope(|scope| {
        let syncs = scope.spawn(|| {
            let mut syncs = 0;
            while !is_done() {
                syncs += syncer.do_work(Nanos(0));
                std::thread::yield_now();
            }
            syncs
        });
        scope.spawn(|| {
            while !is_done() {
                helper.do_work(Nanos(0));
                std::thread::yield_now();
            }
        });
        let reader = scope.spawn(|| {
            let checked = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
            let disk = Arc::new(RealDisk);
            let mut reader = StoreReader::attach_on(disk, here.path(), &checked).unwrap();
            let mut transactions = 0;
            while transactions < TRANSACTIONS {
                let Some(frame) = reader.next().unwrap() else {
                    std::thread::yield_now();
                    continue;
                };
                transactions += usize::from(frame.ends_transaction);
                let end = frame.end;
                assert!(end <= reader.synced(), "{end} was given, {} is synced", reader.synced());
            }
            reader.chain()
        });
        let mut random = Random(90);
        for _ in 0..TRANSACTIONS {
            let messages = random.transaction(6, 400);
            while writer.check_room(size(&messages)).is_err() {
                std::thread::yield_now();
            }
            append(&mut writer, &messages);
        }
        assert_eq!(reader.join().unwrap(), Some(writer.chain()));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        syncs.join().unwrap()
    });
    println!("{syncs} groups of {TRANSACTIONS} transactions");
    assert!(syncs > 0 && writer.committed() == writer.position());
    writer.close().unwrap();
}
