//! The log's beginning moves: under readers, under crashes, and into new segments.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// Appends so many transactions of one message each, numbered from `next` on; where each ends.
fn append_numbered(writer: &mut StoreWriter, next: &mut u64, count: u64) -> Vec<LogPlace> {
    let mut places = Vec::new();
    for _ in 0..count {
        let message = numbered(*next);
        *next += 1;
        let position = append(writer, std::slice::from_ref(&message));
        places.push(LogPlace { position, chain: writer.chain() });
    }
    places
}

/// A message that is a function of its number.
fn numbered(number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let bytes = 48 + random.below(1_000);
    let mut message = random.message(bytes, true);
    message[40..48].copy_from_slice(&number.to_le_bytes());
    message
}

fn number_of(message: &[u8]) -> u64 {
    let number = u64::from_le_bytes(message[40..48].try_into().unwrap());
    assert_eq!(message, numbered(number), "other bytes");
    number
}

/// All numbers from the log's beginning on.
fn numbers(disk: &MemoryDisk) -> Vec<u64> {
    let mut reader = attach(disk).unwrap();
    read(&mut reader).iter().map(|message| number_of(message)).collect()
}

fn finish(keeper: &mut Keeper) -> usize {
    let mut steps = 0;
    while keeper.do_work().unwrap() {
        steps += 1;
    }
    steps
}

fn files(disk: &MemoryDisk, suffix: &str) -> usize {
    disk.paths().iter().filter(|path| path.to_string_lossy().ends_with(suffix)).count()
}

#[test]
fn old_segments_become_new_ones_and_the_log_begins_later() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let mut keeper = writer.take_keeper().unwrap();
    assert!(writer.take_keeper().is_none());
    let mut early = attach(&disk).unwrap();
    let mut next = 0;
    let places = append_numbered(&mut writer, &mut next, 600);
    assert!(!keeper.keep_from(places[500]).unwrap(), "it is not durable");
    writer.sync().unwrap();
    assert!(keeper.keep_from(places[500]).unwrap());
    assert!(!keeper.keep_from(places[400]).unwrap(), "never back");
    assert_eq!(keeper.kept_from(), places[500].position);
    let segments = files(&disk, ".log");
    assert!(finish(&mut keeper) > 0 && finish(&mut keeper) == 0);
    assert!(files(&disk, ".log") < segments - 2);
    assert_eq!((files(&disk, ".spare"), files(&disk, ".gone")), (2, 0));
    for path in disk.paths().iter().filter(|path| path.to_string_lossy().ends_with(".spare")) {
        assert_eq!(disk.read(path).unwrap(), vec![0; TERM_BYTES]);
    }
    match early.next() {
        Err(ReadError::NotKept { position, kept_from }) => {
            assert_eq!((position, kept_from), (Position(0), places[500].position));
        }
        other => panic!("{other:?}"),
    }
    // The spare ones are used before the disk is asked for more.
    append_numbered(&mut writer, &mut next, 300);
    assert_eq!(files(&disk, ".spare"), 0);
    assert_eq!(numbers(&disk), (501..next).collect::<Vec<_>>());
    writer.close().unwrap();
    drop(keeper);
    let (writer, recovery) = open(&disk);
    assert_eq!((recovery.kept_from, recovery.cut), (places[500].position, None));
    drop(writer);
    assert_eq!(numbers(&disk), (501..next).collect::<Vec<_>>());
}

/// What a reader has mapped is removed and not changed: it reads on in it, and then is told.
#[test]
fn a_reader_in_the_middle_of_an_old_segment_sees_the_old_bytes() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let mut keeper = writer.take_keeper().unwrap();
    let mut next = 0;
    let places = append_numbered(&mut writer, &mut next, 600);
    writer.sync().unwrap();
    let mut reader = attach(&disk).unwrap();
    assert_eq!(number_of(reader.next().unwrap().unwrap().message), 0);
    assert!(keeper.keep_from(places[500]).unwrap());
    finish(&mut keeper);
    let mut read = 1;
    let end = loop {
        match reader.next() {
            Ok(frame) => {
                assert_eq!(number_of(frame.unwrap().message), read);
                read += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(read > 20, "{read} messages of the segment");
    assert!(matches!(end, ReadError::NotKept { position, kept_from }
        if position.get() == TERM_BYTES as u64 && kept_from == places[500].position));
}

/// Killed, or without power, after any step of recycling: the log opens, and is what it was.
#[test]
fn a_crash_in_the_middle_leaves_a_log_that_begins_before_or_after() {
    let mut random = Random(3);
    let mut found = BTreeMap::new();
    for round in 0..6 {
        let disk = MemoryDisk::default();
        let (mut writer, _) = open(&disk);
        let mut keeper = writer.take_keeper().unwrap();
        let mut next = 0;
        let places = append_numbered(&mut writer, &mut next, 500);
        writer.sync().unwrap();
        let kept = 300 + 30 * round;
        let check = |image: MemoryDisk, begins: &[u64]| {
            let (mut writer, _) = open(&image);
            let mut keeper = writer.take_keeper().unwrap();
            finish(&mut keeper);
            assert_eq!((files(&image, ".gone"), files(&image, ".new")), (0, 0));
            let mut more = next;
            append_numbered(&mut writer, &mut more, 150);
            let all = numbers(&image);
            assert!(begins.contains(&all[0]), "begins at {}", all[0]);
            assert_eq!(all, (all[0]..more).collect::<Vec<_>>());
            all[0]
        };
        let after = kept as u64 + 1;
        check(disk.after_kill().unwrap(), &[0]);
        assert!(keeper.keep_from(places[kept]).unwrap());
        loop {
            check(disk.after_kill().unwrap(), &[after]);
            let failed = disk.after_power_failure(|| random.below(2) == 0).unwrap();
            *found.entry(check(failed, &[after])).or_insert(0) += 1;
            if !keeper.do_work().unwrap() {
                break;
            }
        }
    }
    assert!(found.values().sum::<usize>() > 30);
}

/// Readers on threads of their own, slow and fast, while the log goes on and forgets: what they are
/// given is what was written, or the word that it is no longer kept.
#[test]
fn readers_never_see_other_bytes_while_segments_are_used_again() {
    let here = tempfile::tempdir().unwrap();
    let directory = here.path();
    let (mut writer, _) = StoreWriter::open(&options(directory), Nanos(0)).unwrap();
    let mut keeper = writer.take_keeper().unwrap();
    let (ended, told, given) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let read = |pause: u64| {
        let mut reader = StoreReader::attach(directory, None).unwrap();
        let mut expected = None;
        while !ended.load(Ordering::Acquire) {
            match reader.next() {
                Ok(Some(frame)) => {
                    let number = number_of(frame.message);
                    assert!(expected.is_none_or(|expected| expected == number));
                    expected = Some(number + 1);
                    let given = given.fetch_add(1, Ordering::Relaxed);
                    if pause > 0 && given % pause == 0 {
                        std::thread::yield_now();
                    }
                }
                Ok(None) => std::thread::yield_now(),
                Err(ReadError::NotKept { kept_from, .. }) => {
                    told.fetch_add(1, Ordering::Relaxed);
                    expected = None;
                    // It may have moved on since.
                    let _ = reader.seek(kept_from, None);
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let mut next = 0;
    let mut reused = 0;
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            [0, 1, 3].into_iter().map(|pause| scope.spawn(move || read(pause))).collect();
        let mut random = Random(8);
        for _ in 0..120 {
            let places = append_numbered(&mut writer, &mut next, 100);
            writer.sync().unwrap();
            keeper.keep_from(places[random.below(100)]).unwrap();
            while keeper.do_work().unwrap() {}
            let names = std::fs::read_dir(directory).unwrap();
            let is_spare = |name: &std::io::Result<std::fs::DirEntry>| {
                name.as_ref().unwrap().file_name().to_string_lossy().ends_with(".spare")
            };
            reused += usize::from(names.filter(is_spare).count() > 0);
            std::thread::yield_now();
        }
        ended.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    println!(
        "{} messages given, {} times told that a position is not kept, {reused} rounds with spares",
        given.load(Ordering::Relaxed),
        told.load(Ordering::Relaxed)
    );
    assert!(reused > 0 && given.load(Ordering::Relaxed) > 0);
}
