//! Tests of the store as a whole: against a naive twin, and what it refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limits::TRANSACTION_BYTES_MAX;
use crate::types::{Epoch, Nanos, Position};

use super::frame::aligned;
use super::*;

mod bus_errors;
mod crashes;
mod flips;
mod processes;
mod recycling;
mod syncing;

const TERM_BYTES: usize = 64 * 1024;

/// Random numbers from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A message of random content, with or without the end flag.
    fn message(&mut self, bytes: usize, ends: bool) -> Vec<u8> {
        let mut message: Vec<u8> = (0..bytes).map(|_| self.next() as u8).collect();
        message[36] = message[36] & !1 | u8::from(ends);
        message
    }

    /// The messages of a transaction.
    fn transaction(&mut self, messages_max: usize, bytes_max: usize) -> Vec<Vec<u8>> {
        let count = 1 + self.below(messages_max);
        let bytes = |random: &mut Self| 40 + random.below(bytes_max - 39);
        (1..=count)
            .map(|index| (bytes(self), index))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(bytes, index)| self.message(bytes, index == count))
            .collect()
    }
}

fn directory() -> PathBuf {
    PathBuf::from("/store")
}

fn identity() -> Identity {
    let exchange = String::from("XISO");
    Identity { exchange, exchange_number: 1001, node: 1, schema_id: 1, schema_version: 0 }
}

fn options(directory: &Path) -> Options {
    Options { term_bytes: TERM_BYTES, ..Options::new(directory, identity()) }
}

fn open(disk: &MemoryDisk) -> (StoreWriter, Recovery) {
    open_with(disk, &options(&directory())).unwrap()
}

fn open_with(disk: &MemoryDisk, options: &Options) -> Result<(StoreWriter, Recovery), OpenError> {
    StoreWriter::open_on(Arc::new(disk.clone()), options, Nanos(7))
}

fn attach(disk: &MemoryDisk) -> Result<StoreReader, OpenError> {
    let options = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &options)
}

fn size(messages: &[Vec<u8>]) -> usize {
    messages.iter().map(|message| framed(message.len())).sum()
}

fn append(writer: &mut StoreWriter, messages: &[Vec<u8>]) -> Position {
    let mut transaction = writer.begin(size(messages)).unwrap();
    for message in messages {
        transaction.append(message.len(), |place| {
            assert!(place.iter().all(|byte| *byte == 0), "the place of a message is zero");
            place.copy_from_slice(message);
        });
    }
    transaction.finish()
}

/// All messages that a reader gives from where it is.
fn read(reader: &mut StoreReader) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    reader.poll(usize::MAX, |frame| messages.push(frame.message.to_vec())).unwrap();
    messages
}

/// A log as a list: where each message stands by the rules alone.
#[derive(Default)]
struct Twin {
    frames: Vec<(u64, Epoch, Vec<u8>)>,
    end: u64,
}

impl Twin {
    fn append(&mut self, epoch: Epoch, messages: &[Vec<u8>]) {
        let term = TERM_BYTES as u64;
        if self.end % term + size(messages) as u64 > term {
            self.end = self.end.next_multiple_of(term);
        }
        for message in messages {
            self.frames.push((self.end, epoch, message.clone()));
            self.end += aligned(32 + message.len()) as u64;
        }
    }
}

#[test]
fn random_transactions_read_as_the_twin_has_them() {
    let (mut crossings, mut abandoned, mut reopened) = (0, 0, 0);
    for seed in 0..6 {
        let mut random = Random(seed);
        let (disk, mut twin) = (MemoryDisk::default(), Twin::default());
        let (mut writer, recovery) = open(&disk);
        assert!(recovery.created && recovery.cut.is_none() && recovery.clean);
        let mut live = attach(&disk).unwrap();
        let mut live_frames = 0;
        for step in 0..900 {
            let messages = random.transaction(8, 1376);
            if random.below(10) == 0 {
                let mut transaction = writer.begin(size(&messages)).unwrap();
                transaction.append(messages[0].len(), |place| place.copy_from_slice(&messages[0]));
                drop(transaction);
                abandoned += 1;
            }
            let base = writer.position().get() / TERM_BYTES as u64;
            twin.append(writer.epoch(), &messages);
            assert_eq!(append(&mut writer, &messages), Position(twin.end), "seed {seed}");
            crossings += usize::from(writer.position().get() / TERM_BYTES as u64 != base);
            let given = live.poll(3, |frame| {
                let (position, epoch, message) = &twin.frames[live_frames];
                assert_eq!((frame.position.get(), frame.epoch), (*position, *epoch));
                assert_eq!(frame.message, message);
                live_frames += 1;
            });
            assert!(given.unwrap() > 0);
            if random.below(300) == 0 {
                let (position, chain, epoch) = (writer.position(), writer.chain(), writer.epoch());
                if random.below(2) == 0 {
                    writer.close().unwrap();
                } else {
                    drop(writer);
                }
                let recovery;
                (writer, recovery) = open(&disk);
                assert_eq!((recovery.valid_to, recovery.chain), (position, chain), "step {step}");
                assert_eq!((recovery.cut, recovery.created), (None, false));
                assert_eq!(writer.epoch(), Epoch(epoch.get() + 1));
                reopened += 1;
            }
        }
        let mut reader = attach(&disk).unwrap();
        let mut at = 0;
        while let Some(frame) = reader.next().unwrap() {
            let (position, epoch, message) = &twin.frames[at];
            assert_eq!((frame.position.get(), frame.epoch), (*position, *epoch));
            assert_eq!(frame.message, message);
            at += 1;
        }
        assert_eq!(at, twin.frames.len());
        assert_eq!(reader.chain(), Some(writer.chain()));
        assert_eq!(reader.position(), writer.position());
    }
    println!("{crossings} crossings, {abandoned} abandoned, {reopened} reopened");
    assert!(crossings > 100 && abandoned > 100 && reopened > 5);
}

#[test]
fn a_term_is_filled_to_its_end_or_padded() {
    let mut random = Random(1);
    for (left, padded) in [(0, false), (32, true), (96, true)] {
        let disk = MemoryDisk::default();
        let (mut writer, _) = open(&disk);
        let term = TERM_BYTES as u64;
        let mut truth = Vec::new();
        while writer.position().get() < term - left {
            let room = (term - left - writer.position().get()) as usize;
            let bytes = if room >= 1376 + 128 { 1376 } else { room.min(1408) - 32 };
            let message = random.message(bytes, true);
            append(&mut writer, std::slice::from_ref(&message));
            truth.push(message);
        }
        assert_eq!(writer.position(), Position(term - left));
        // 40 bytes take 96: with 96 left, two of them do not fit.
        let two = vec![random.message(40, false), random.message(40, true)];
        assert_eq!(append(&mut writer, &two), Position(term + 192));
        truth.extend(two);
        let mut reader = attach(&disk).unwrap();
        assert_eq!(read(&mut reader), truth);
        assert_eq!(reader.chain(), Some(writer.chain()));
        let bytes = reader.bytes_at(Position(term - left)).unwrap();
        if padded {
            let pad = frame::Frame::new_checked(bytes).unwrap();
            assert!(pad.is_pad());
            assert_eq!((u64::from(pad.length()), pad.check_content()), (left, Ok(())));
        }
        assert_eq!(open_end(&disk).cut, None);
    }
}

/// Where recovery finds the end of what is on a disk.
fn open_end(disk: &MemoryDisk) -> recovery::LogEnd {
    find_end(disk).unwrap()
}

fn find_end(disk: &MemoryDisk) -> Result<recovery::LogEnd, OpenError> {
    let marks = marks::MarksFile::load(disk, &directory(), Access::Read)?.marks;
    let terms = Terms::new(TERM_BYTES).unwrap();
    let disk = Arc::new(disk.clone());
    let segments = segment::Segments { disk, directory: directory(), terms };
    recovery::find_end(&segments, &identity(), &marks, None)
}

#[test]
fn a_second_writer_is_told_who_has_the_store() {
    let here = tempfile::tempdir().unwrap();
    let options = options(here.path());
    let (writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    let refused = StoreWriter::open(&options, Nanos(0)).unwrap_err();
    let text = refused.to_string();
    assert!(text.ends_with(&format!("in process {}", std::process::id())), "{text}");
    drop(writer);
    StoreWriter::open(&options, Nanos(0)).unwrap();
}

#[test]
fn another_store_is_refused_with_both_values() {
    let disk = MemoryDisk::default();
    drop(open(&disk));
    let refused = |change: fn(&mut Options)| {
        let mut options = options(&directory());
        change(&mut options);
        open_with(&disk, &options).unwrap_err().to_string()
    };
    assert_eq!(
        [
            refused(|o| o.identity.exchange = "XOTH".into()),
            refused(|o| o.identity.schema_id = 2),
            refused(|o| o.identity.schema_version = 9),
            refused(|o| o.term_bytes = 2 * TERM_BYTES),
            refused(|o| o.term_bytes = 3),
            refused(|o| o.uncommitted_bytes_max = 5),
        ],
        [
            "the store's exchange is XISO, expected XOTH",
            "the store's schema id is 1, expected 2",
            "the store's schema version is 0, expected 9",
            "the store's term length is 65536, expected 131072",
            "term length: 3 is no power of two from 64 KiB to 1 GiB",
            "uncommitted limit: 5 bytes hold no transaction of 16384",
        ]
    );
    let expected = Expected::schema(1, 4);
    let read = ReaderOptions { expected, ..ReaderOptions::default() };
    let refused = StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &read).unwrap_err();
    assert_eq!(refused.to_string(), "the store's schema version is 0, expected 4");
    let nowhere = StoreReader::attach_on(Arc::new(disk), Path::new("/none"), &read).unwrap_err();
    assert_eq!(nowhere.to_string(), "no store in /none");
}

/// A disk with a store of so many terms, closed.
fn written(terms: usize, seed: u64) -> MemoryDisk {
    let (disk, mut random) = (MemoryDisk::default(), Random(seed));
    let (mut writer, _) = open(&disk);
    while writer.position().get() < (terms * TERM_BYTES - TERM_BYTES / 2) as u64 {
        append(&mut writer, &random.transaction(8, 600));
    }
    writer.close().unwrap();
    disk
}

#[test]
fn truncated_and_missing_segments_are_refused() {
    let segment = |index: usize| directory().join(format!("{:020}.log", index * TERM_BYTES));
    // Of the durable ones, and of one that is only prepared.
    for (terms, index) in [(3, 0), (3, 1), (3, 2), (1, 1)] {
        for bytes in [0, 4096, TERM_BYTES - 1, TERM_BYTES + 1] {
            let disk = written(terms, 5);
            let mut content = disk.read(&segment(index)).unwrap();
            content.resize(bytes, 0);
            disk.write(&segment(index), &content).unwrap();
            let expected = format!(
                "{} has {bytes} bytes, a segment of this store has 65536",
                segment(index).display()
            );
            assert_eq!(open_with(&disk, &options(&directory())).unwrap_err().to_string(), expected);
            assert_eq!(attach(&disk).unwrap_err().to_string(), expected);
        }
    }
    for index in 0..3 {
        let disk = written(3, 5);
        disk.remove(&segment(index)).unwrap();
        let expected = format!("{} is missing", segment(index).display());
        assert_eq!(open_with(&disk, &options(&directory())).unwrap_err().to_string(), expected);
    }
}

#[test]
fn segments_of_another_store_are_refused() {
    let name = directory().join("00000000000000000000.log");
    let other = |identity: Identity| {
        let disk = MemoryDisk::default();
        let options = Options { identity, ..options(&directory()) };
        let (mut writer, _) = open_with(&disk, &options).unwrap();
        append(&mut writer, &Random(3).transaction(1, 99));
        disk.read(&name).unwrap()
    };
    let refused = |content: &[u8]| {
        let disk = MemoryDisk::default();
        drop(open(&disk));
        disk.write(&name, content).unwrap();
        let before = disk.read(&name).unwrap();
        let error = open_with(&disk, &options(&directory())).unwrap_err();
        assert_eq!(disk.read(&name).unwrap(), before, "what is refused is not touched");
        error.to_string()
    };
    let (ours, theirs) = (session_id("XISO", Epoch(1)), session_id("XOTH", Epoch(1)));
    assert_eq!(
        refused(&other(Identity { exchange: "XOTH".into(), ..identity() })),
        format!("the frame at 0 is another log's: session {theirs}, expected {ours}")
    );
    assert_eq!(
        refused(&other(Identity { exchange_number: 7, ..identity() })),
        "the frame at 0 is another log's: stream 7, expected 1001"
    );
    // Our own, of an epoch that this store never had.
    let disk = MemoryDisk::default();
    drop(open(&disk));
    let (mut writer, _) = open(&disk);
    append(&mut writer, &Random(3).transaction(1, 99));
    assert_eq!(
        refused(&disk.read(&name).unwrap()),
        "the frame at 0 is another log's: epoch 2, expected 1 to 1"
    );
}

#[test]
fn without_its_helper_the_writer_refuses_instead_of_waiting() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let mut helper = writer.take_helper().unwrap();
    assert!(writer.take_helper().is_none());
    assert_eq!(helper.do_work(Nanos(0)), 0, "the next segment is there since the opening");
    let mut random = Random(9);
    // One large transaction after the other, until the second segment is full too.
    let refused = loop {
        let messages: Vec<_> = (1..=11).map(|index| random.message(1376, index == 11)).collect();
        if let Err(refused) = writer.check_room(size(&messages)) {
            break refused;
        }
        append(&mut writer, &messages);
    };
    let base = Position(2 * TERM_BYTES as u64);
    assert_eq!(refused, NotAccepted::SegmentNotReady { base });
    assert_eq!(writer.check_room(TRANSACTION_BYTES_MAX), Err(refused));

    disk.set_capacity_bytes(Some(0));
    assert_eq!(helper.do_work(Nanos(10)), 2, "the first segment is unmapped, the next one begun");
    assert_eq!(helper.do_work(Nanos(10)), 1, "it gets no space");
    let full = NotAccepted::Disk { base, error: libc::ENOSPC };
    assert_eq!(writer.check_room(TRANSACTION_BYTES_MAX), Err(full));
    assert_eq!(helper.do_work(Nanos(11)), 0, "it does not try all the time");
    disk.set_capacity_bytes(None);
    let later = Nanos(1_000_000_000);
    assert_eq!((helper.do_work(later), helper.do_work(later)), (1, 1), "begun and allocated");
    assert!(writer.check_room(TRANSACTION_BYTES_MAX).is_err(), "its pages are not touched yet");
    while helper.do_work(later) > 0 {}
    assert_eq!(writer.check_room(TRANSACTION_BYTES_MAX), Ok(()));
    append(&mut writer, &random.transaction(8, 600));
    assert_eq!(open_end(&disk).valid_to, writer.position());
}

#[test]
fn a_helper_taken_late_or_kept_too_long_does_no_harm() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let mut random = Random(10);
    let mut truth = Vec::new();
    let mut write = |writer: &mut StoreWriter| {
        truth.push(random.message(1376, true));
        append(writer, &truth[truth.len() - 1..]);
    };
    // The writer crosses by itself, twice, and into the middle of the third term.
    while writer.position().get() < 5 * TERM_BYTES as u64 / 2 {
        write(&mut writer);
    }
    let mut helper = writer.take_helper().unwrap();
    while writer.position().get() < 6 * TERM_BYTES as u64 {
        while writer.check_room(TRANSACTION_BYTES_MAX).is_err() {
            assert!(helper.do_work(Nanos(0)) > 0);
        }
        write(&mut writer);
    }
    let mut reader = attach(&disk).unwrap();
    assert_eq!(read(&mut reader), truth);
    writer.close().unwrap();
    // The store is free although the helper, with a segment begun or not, was not run since.
    drop(open(&disk));
    assert_eq!(helper.do_work(Nanos(0)), 1, "unmaps what the writer left");
    assert_eq!(helper.do_work(Nanos(0)), 0);
    assert_eq!(read(&mut attach(&disk).unwrap()), truth);
}

#[test]
fn with_disk_durability_nothing_is_committed_before_it_is_synced() {
    let disk = MemoryDisk::default();
    let durability = Durability::Disk;
    let options = Options { durability, uncommitted_bytes_max: 20_000, ..options(&directory()) };
    let (mut writer, _) = open_with(&disk, &options).unwrap();
    let mut reader = attach(&disk).unwrap();
    let until = Until::Published;
    let all = ReaderOptions { until, ..ReaderOptions::default() };
    let mut sender = StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &all).unwrap();
    let messages = Random(4).transaction(3, 600);
    let end = append(&mut writer, &messages);
    assert_eq!(read(&mut reader), Vec::<Vec<u8>>::new());
    assert_eq!(read(&mut sender), messages);
    assert_eq!(writer.sync().unwrap(), end);
    assert_eq!(read(&mut reader), messages);
    assert_eq!((reader.synced(), writer.committed()), (end, end));

    append(&mut writer, &[Random(5).message(1376, true)]);
    append(&mut writer, &[Random(6).message(1376, true)]);
    append(&mut writer, &[Random(7).message(1376, true)]);
    let refused = NotAccepted::Uncommitted { bytes: 3 * 1408, bytes_max: 20_000 };
    assert_eq!(writer.check_room(TRANSACTION_BYTES_MAX), Err(refused));
    writer.sync().unwrap();
    assert_eq!(writer.check_room(TRANSACTION_BYTES_MAX), Ok(()));
}

#[test]
fn with_external_commits_readers_stop_where_they_are_told() {
    let disk = MemoryDisk::default();
    let options = Options { durability: Durability::External, ..options(&directory()) };
    let (mut writer, _) = open_with(&disk, &options).unwrap();
    let mut reader = attach(&disk).unwrap();
    let first = vec![Random(1).message(40, true)];
    let told = append(&mut writer, &first);
    append(&mut writer, &[Random(2).message(40, true)]);
    writer.sync().unwrap();
    assert_eq!(reader.end().unwrap(), Position(0));
    writer.commit_to(told);
    assert_eq!(read(&mut reader), first);
    // A restart makes no commit by itself, and takes none back.
    drop(writer);
    let (writer, recovery) = open_with(&disk, &options).unwrap();
    assert_eq!((writer.committed(), recovery.valid_to), (told, Position(192)));
    assert_eq!(read(&mut reader), Vec::<Vec<u8>>::new());
}

#[test]
fn a_reader_notices_the_next_writer() {
    let disk = MemoryDisk::default();
    let mut random = Random(2);
    let (mut writer, _) = open(&disk);
    let first = random.transaction(3, 99);
    let end = append(&mut writer, &first);
    drop(writer);
    let mut reader = attach(&disk).unwrap();
    assert!(!reader.writer_lives().unwrap());
    assert_eq!(read(&mut reader), first);
    let (mut writer, _) = open(&disk);
    assert!(reader.writer_lives().unwrap());
    let second = random.transaction(3, 99);
    append(&mut writer, &second);
    assert_eq!(read(&mut reader), second);
    assert_eq!(reader.chain(), Some(writer.chain()));
    // Back to an end of a transaction, and to places where none is.
    reader.seek(end, None).unwrap();
    assert_eq!(read(&mut reader), second);
    let beyond = reader.seek(Position(1 << 40), None).unwrap_err();
    assert!(matches!(beyond, ReadError::Beyond { .. }), "{beyond}");
    reader.seek(Position(32), None).unwrap();
    assert!(matches!(reader.next(), Err(ReadError::Invalid { position: Position(32), .. })));
}

#[test]
fn a_reader_may_be_earlier_than_the_control_page() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let first = Random(1).transaction(3, 99);
    append(&mut writer, &first);
    // A copy of the store without the page, and its next writer.
    let copy = disk.after_kill().unwrap();
    copy.remove(&directory().join("control")).unwrap();
    let mut reader = attach(&copy).unwrap();
    assert_eq!(read(&mut reader), first);
    let (mut writer, _) = open(&copy);
    let second = Random(2).transaction(3, 99);
    append(&mut writer, &second);
    assert_eq!(read(&mut reader), second);
}

#[test]
fn a_page_of_an_earlier_boot_is_not_believed() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let first = Random(1).transaction(3, 99);
    append(&mut writer, &first);
    writer.sync().unwrap();
    append(&mut writer, &Random(2).transaction(3, 99));
    // The page reached the disk, the last transaction did not.
    let page = disk.read(&directory().join("control")).unwrap();
    let disk = disk.after_power_failure(|| false).unwrap();
    disk.write(&directory().join("control"), &page).unwrap();
    // A writer has the lock and is not further yet.
    let lock = disk.create(&directory().join("lock")).unwrap();
    assert!(lock.try_lock().unwrap());
    let mut reader = attach(&disk).unwrap();
    assert_eq!(read(&mut reader), Vec::<Vec<u8>>::new());
    drop(lock);
    let (_writer, recovery) = open(&disk);
    assert_eq!((recovery.published, recovery.lossy), (None, true));
    assert_eq!(read(&mut reader), first);
}

#[test]
fn a_position_that_is_not_kept_is_refused() {
    let disk = written(3, 8);
    let (mut writer, _) = open(&disk);
    let mut slow = attach(&disk).unwrap();
    assert!(slow.poll(1, |_| ()).unwrap() > 0);
    // What recycling will do: move the mark, then take the file away.
    let kept_from = Position(TERM_BYTES as u64);
    writer.control.set_kept_from(kept_from);
    disk.remove(&directory().join("00000000000000000000.log")).unwrap();
    append(&mut writer, &Random(1).transaction(1, 99));
    let refused = slow.seek(Position(0), None).unwrap_err();
    let text = "position 0 is no longer kept, the log begins at 65536";
    assert_eq!(refused.to_string(), text);
    assert!(matches!(slow.bytes_at(Position(0)), Err(ReadError::NotKept { .. })));
    slow.seek(kept_from, None).unwrap();
    assert!(!read(&mut slow).is_empty());
}

#[test]
#[should_panic(expected = "the last message does not end the transaction")]
fn a_transaction_without_an_end_is_not_published() {
    let (mut writer, _) = open(&MemoryDisk::default());
    let mut transaction = writer.begin(200).unwrap();
    transaction.append(40, |_| ());
    transaction.finish();
}

#[test]
#[should_panic(expected = "192 bytes of a transaction, 100 were asked for")]
fn a_transaction_keeps_to_what_it_asked_for() {
    let (mut writer, _) = open(&MemoryDisk::default());
    let mut transaction = writer.begin(100).unwrap();
    transaction.append(40, |_| ());
    transaction.append(40, |_| ());
}

#[test]
fn a_panic_while_a_message_is_written_leaves_nothing() {
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut transaction = writer.begin(1000).unwrap();
        transaction.append(40, |place| place.fill(0xfe));
        transaction.append(40, |place| {
            place.fill(7);
            panic!("planted");
        });
    }));
    assert!(caught.is_err());
    assert_eq!(open_end(&disk).cut, None);
    let messages = Random(1).transaction(4, 99);
    append(&mut writer, &messages);
    assert_eq!(read(&mut attach(&disk).unwrap()), messages);
}

#[test]
fn opening_tells_what_the_last_writer_did() {
    use crate::types::SourceId;
    let disk = MemoryDisk::default();
    let (mut writer, _) = open(&disk);
    let end = append(&mut writer, &Random(1).transaction(1, 99));
    writer.set_accepting(Accepting::Yes);
    let (source, since) = (SourceId(4), Nanos(5));
    let executing = Executing { source, source_sequence: 77, since };
    writer.set_executing(Some(executing));
    let reader = attach(&disk).unwrap();
    assert_eq!((reader.accepting(), reader.executing()), (Accepting::Yes, Some(executing)));
    drop(writer);
    assert_eq!(reader.accepting(), Accepting::Stopped);
    let (writer, recovery) = open(&disk);
    assert_eq!((recovery.executing, &recovery.deaths[..]), (Some(executing), &[executing][..]));
    assert_eq!((recovery.clean, recovery.published), (false, Some(end)));
    assert_eq!(
        recovery.epochs.iter().map(|e| (e.epoch.get(), e.base)).collect::<Vec<_>>(),
        [(1, Position(0)), (2, end)]
    );
    writer.close().unwrap();
    let (mut writer, recovery) = open(&disk);
    assert_eq!((recovery.executing, recovery.clean, recovery.synced), (None, true, end));
    assert_eq!(recovery.deaths, [executing], "a death is remembered over a clean end");
    writer.quarantine(source);
    drop(writer);
    let (writer, _) = open(&disk);
    assert!(writer.is_quarantined(source) && writer.quarantined() == [source]);
    assert_eq!(attach(&disk).unwrap().quarantined(), [source]);
    // The page of another boot can say anything.
    let disk = disk.after_power_failure(|| true).unwrap();
    let (writer, recovery) = open(&disk);
    assert_eq!((recovery.deaths, writer.quarantined()), (vec![], vec![]));
}

/// Page faults of this thread so far.
#[expect(unsafe_code, reason = "the system's count has no safe form")]
fn page_faults() -> i64 {
    // SAFETY: all fields of the C structure may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives over the call.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) }, 0);
    usage.ru_minflt + usage.ru_majflt
}

#[test]
fn a_prepared_segment_is_written_without_page_faults() {
    let here = tempfile::tempdir().unwrap();
    let term_bytes = 4 * 1024 * 1024;
    let options = Options { term_bytes, ..options(here.path()) };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    let mut helper = writer.take_helper().unwrap();
    let message = Random(1).message(1376, true);
    // The opening's two segments, then one that the helper made in its steps.
    for term in 0..3 {
        while helper.do_work(Nanos(0)) > 0 {}
        let before = page_faults();
        while writer.position().get() < (term + 1) * term_bytes as u64 - 1408 {
            append(&mut writer, std::slice::from_ref(&message));
        }
        let faults = page_faults() - before;
        // Of 1,024 pages; some come from elsewhere (the stack, a page written back meanwhile).
        assert!(faults < 100, "{faults} page faults in term {term}");
    }
}
