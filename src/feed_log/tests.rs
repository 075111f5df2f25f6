//! A feed log as a publisher writes it and as others read it.

use std::sync::Arc;

use isochron_feeds::mold::Session;
use isochron_recovery::SequencedLog;

use super::*;
use crate::limits::{FRAME_HEADER_BYTES, TERM_BYTES_MIN, TRANSACTION_BYTES_MAX};
use crate::store::{MemoryDisk, Until};
use crate::types::{Epoch, Nanos, Position};

const SESSION: Session = Session(*b"261122300A");
const NOW: Nanos = Nanos(0);

fn options() -> FeedLogOptions {
    let exchange = "XISO".to_owned();
    FeedLogOptions {
        store: PathBuf::from("/store"),
        identity: Identity {
            exchange,
            exchange_number: 7,
            node: 1,
            schema_id: isochron_events::SCHEMA_ID,
            schema_version: isochron_events::SCHEMA_VERSION,
        },
        term_bytes: TERM_BYTES_MIN,
        unsent_bytes_max: 1 << 20,
    }
}

fn writer(disk: &Arc<MemoryDisk>) -> FeedLogWriter {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    FeedLogWriter::open(disk, &options(), SESSION, 1, NOW).unwrap()
}

fn reader(disk: &Arc<MemoryDisk>) -> FeedLog {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    FeedLog::open(disk, &directory(&options().store, SESSION), SESSION).unwrap()
}

fn published(disk: &Arc<MemoryDisk>) -> FeedLog {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    let directory = directory(&options().store, SESSION);
    FeedLog::open_until(disk, &directory, SESSION, Until::Published).unwrap()
}

/// Message `sequence`: length and bytes follow from the number, some have none.
fn message(sequence: u64) -> Vec<u8> {
    let length = if sequence.is_multiple_of(97) { 0 } else { (sequence * 31 % 200) as usize };
    (0..length).map(|at| (at as u64 * 7 + sequence) as u8).collect()
}

fn origin(sequence: u64) -> Origin {
    let (position, epoch) = (Position(sequence * 64), Epoch(3));
    Origin { position, epoch, time: Nanos(sequence * 1_000), cause: sequence / 2 }
}

/// Writes so many messages in records of a few, and commits them.
fn write(log: &mut FeedLogWriter, messages: u64) {
    for index in 0..messages {
        let sequence = log.next_sequence();
        assert_eq!(log.push(&message(sequence), origin(sequence)).unwrap(), sequence);
        if index % 11 == 0 {
            log.flush().unwrap();
            log.commit_to(log.position());
        }
    }
    log.flush().unwrap();
    log.commit_to(log.position());
}

fn follow(log: &mut FeedLog) {
    while log.refresh() > 0 {}
    assert!(log.fault().is_none(), "{:?}", log.fault());
}

/// Every message is there, in any order of asking.
fn check(log: &mut FeedLog, next: u64) {
    follow(log);
    assert_eq!((log.first(), log.next()), (1, next));
    for sequence in 1..next {
        assert_eq!(log.get(sequence), Some(&message(sequence)[..]), "{sequence}");
    }
    let mut random = 1_u64;
    for _ in 0..2_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let place = (random >> 33) % next;
        let expected = (place > 0).then(|| message(place));
        assert_eq!(log.get(place), expected.as_deref(), "{place}");
        let before = place.saturating_sub(1);
        let expected = (before > 0).then(|| message(before));
        assert_eq!(log.get(before), expected.as_deref(), "{before} after {place}");
    }
    for absent in [0, next, u64::MAX] {
        assert_eq!(log.get(absent), None, "{absent}");
    }
    assert!(log.fault().is_none());
}

#[test]
fn what_was_written_is_read_at_random_across_segments_and_after_reopening() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    let mut early = reader(&disk);
    follow(&mut early);
    assert_eq!((early.first(), early.next()), (1, 1));
    write(&mut log, 5_000);
    assert!(log.position().get() > 5 * TERM_BYTES_MIN as u64, "several segments");
    check(&mut early, 5_001);
    log.close().unwrap();
    check(&mut reader(&disk), 5_001);

    let mut log = writer(&disk);
    assert_eq!((log.next_sequence(), log.has_ended()), (5_001, false));
    write(&mut log, 3_000);
    check(&mut early, 8_001);
    check(&mut reader(&disk), 8_001);
    assert!(early.index_bytes() <= 8_001 / 16, "{} bytes", early.index_bytes());
}

/// A publisher dies with messages written and not sent: they are there for the next publisher,
/// and for nobody else until they are sent.
#[test]
fn what_was_not_sent_is_seen_by_the_publisher_alone() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    write(&mut log, 500);
    let sent = log.position();
    let mut others = reader(&disk);
    for sequence in 501..=520 {
        log.push(&message(sequence), origin(sequence)).unwrap();
        log.flush().unwrap();
    }
    log.push(&message(521), origin(521)).unwrap();
    check(&mut others, 501);
    // A killed process closes nothing, and what was not flushed never was.
    drop(log);
    check(&mut others, 501);
    check(&mut reader(&disk), 501);
    check(&mut published(&disk), 521);

    let mut log = writer(&disk);
    assert_eq!((log.committed(), log.next_sequence()), (sent, 521));
    let directory = directory(&options().store, SESSION);
    let mut tail = RecordTail::attach(Arc::clone(&disk) as _, &directory).unwrap();
    let mut records = tail.records_at(log.committed()).unwrap();
    let mut again = 501;
    while let Some(record) = records.next().unwrap() {
        let expected = message(again);
        assert_eq!((record.sequence, record.count, record.origin), (again, 1, origin(again)));
        assert_eq!(record.blocks[2..], expected, "{again}");
        again = record.next_sequence();
    }
    assert_eq!((again, records.position()), (521, log.position()));
    check(&mut others, 501);
    log.commit_to(log.position());
    check(&mut others, 521);
    write(&mut log, 10);
    check(&mut others, 531);
}

/// An opening that fails says nothing of what was sent, and forgets nothing of it.
#[test]
fn a_failed_opening_forgets_nothing() {
    use crate::store::{Operation, Refusal};
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    write(&mut log, 100);
    let sent = log.committed();
    log.push(&message(101), origin(101)).unwrap();
    log.flush().unwrap();
    drop(log);
    let mut others = reader(&disk);
    for operation in [Operation::Sync, Operation::SyncDirectory, Operation::Create] {
        disk.refuse(Some(Refusal { operation, path_contains: "", error: libc::EIO }));
        let opened = FeedLogWriter::open(Arc::clone(&disk) as _, &options(), SESSION, 1, NOW);
        assert!(opened.is_err(), "{operation:?}");
        disk.refuse(None);
        check(&mut others, 101);
        check(&mut reader(&disk), 101);
    }
    let log = writer(&disk);
    assert_eq!((log.committed(), log.next_sequence()), (sent, 102));
}

/// After a start of the machine nothing says what was sent, but a sync takes longer than a send.
#[test]
fn after_another_start_of_the_machine_what_was_durable_counts_as_sent() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    write(&mut log, 300);
    log.close().unwrap();
    let mut log = writer(&disk);
    for sequence in 301..=310 {
        log.push(&message(sequence), origin(sequence)).unwrap();
    }
    log.flush().unwrap();
    drop(log);
    // All of it had come to the disk, without anybody having waited for that.
    let disk = Arc::new(disk.after_power_failure(|| true).unwrap());
    check(&mut reader(&disk), 301);
    let mut log = writer(&disk);
    assert_eq!(log.next_sequence(), 311);
    check(&mut reader(&disk), 301);
    log.commit_to(log.position());
    check(&mut reader(&disk), 311);
}

#[test]
fn an_end_is_read_and_can_be_taken_back() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    write(&mut log, 10);
    let mut others = reader(&disk);
    log.push(&message(11), origin(11)).unwrap();
    log.end(origin(11)).unwrap();
    log.end(origin(11)).unwrap();
    check(&mut others, 11);
    assert!(!others.has_ended(), "not sent yet");
    log.commit_to(log.position());
    check(&mut others, 12);
    assert!(others.has_ended() && log.has_ended());
    drop(log);
    let mut log = writer(&disk);
    assert!(log.has_ended() && log.next_sequence() == 12);
    write(&mut log, 1);
    check(&mut others, 13);
    assert!(!others.has_ended() && !log.has_ended());
}

#[test]
fn a_log_can_begin_within_a_session() {
    let disk = Arc::new(MemoryDisk::default());
    let open = |first| FeedLogWriter::open(Arc::clone(&disk) as _, &options(), SESSION, first, NOW);
    let mut log = open(4_000).unwrap();
    log.commit_to(log.position());
    let mut others = reader(&disk);
    follow(&mut others);
    assert_eq!((others.first(), others.next()), (4_000, 4_000));
    assert_eq!(others.get(3_999), None);
    write(&mut log, 600);
    drop(log);
    assert_eq!(open(1).unwrap().next_sequence(), 4_600, "only a new log is told where it begins");
    follow(&mut others);
    assert_eq!((others.first(), others.next()), (4_000, 4_600));
    for sequence in [4_599, 4_000, 4_255, 4_256, 4_257] {
        assert_eq!(others.get(sequence), Some(&message(sequence)[..]));
    }
}

/// One record is one datagram: as many messages as fit are in it, and no more.
#[test]
fn records_are_full_before_the_next_begins() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    let one = [7; 64];
    let per_record = BLOCKS_BYTES_MAX / 66;
    for _ in 0..3 * per_record {
        log.push(&one, origin(1)).unwrap();
    }
    log.push(&[8; FEED_MESSAGE_BYTES_MAX], origin(2)).unwrap();
    log.flush().unwrap();
    let directory = directory(&options().store, SESSION);
    let mut tail = RecordTail::attach(Arc::clone(&disk) as _, &directory).unwrap();
    let mut records = tail.records_at(Position(0)).unwrap();
    let mut counts = Vec::new();
    while let Some(record) = records.next().unwrap() {
        counts.push(usize::from(record.count));
    }
    assert_eq!(counts, [per_record, per_record, per_record, 1]);
}

/// What is not sent has a limit: then nothing is taken, nothing is lost, and it goes on.
#[test]
fn a_log_that_is_not_sent_takes_nothing_more() {
    let disk = Arc::new(MemoryDisk::default());
    let unsent_bytes_max = TRANSACTION_BYTES_MAX as u64;
    let options = FeedLogOptions { unsent_bytes_max, ..options() };
    let mut log = FeedLogWriter::open(Arc::clone(&disk) as _, &options, SESSION, 1, NOW).unwrap();
    let mut sequence = 1;
    while log.push(&message(sequence), origin(sequence)).is_ok() {
        sequence += 1;
    }
    assert!(log.position().get() + 2_048 > unsent_bytes_max, "{}", log.position());
    assert!(log.flush().is_err() && log.next_sequence() == sequence);
    log.commit_to(log.position());
    write(&mut log, 100);
    check(&mut reader(&disk), sequence + 100);
}

#[test]
fn sessions_are_listed_by_channel_and_day() {
    let disk = Arc::new(MemoryDisk::default());
    assert_eq!(sessions(&*disk, &options().store).unwrap(), []);
    for name in ["261123300A", "261122300A", "261122100A", "261122301A"] {
        let session = Session::new(name).unwrap();
        FeedLogWriter::open(Arc::clone(&disk) as _, &options(), session, 1, NOW).unwrap();
    }
    disk.write(Path::new("/store/feed/readme"), b"x").unwrap();
    let found = sessions(&*disk, &options().store).unwrap();
    let names: Vec<_> = found.iter().map(|logged| logged.session.to_string()).collect();
    assert_eq!(names, ["261122100A", "261122300A", "261123300A", "261122301A"]);
    assert_eq!(found[1].directory, directory(&options().store, SESSION));
}

/// Whatever byte of the log is another one, nothing panics, and no message is made up.
#[test]
fn damaged_bytes_are_refused_or_cut() {
    let disk = Arc::new(MemoryDisk::default());
    let mut log = writer(&disk);
    write(&mut log, 40);
    drop(log);
    let path = directory(&options().store, SESSION).join(format!("{:020}.log", 0));
    let whole = disk.read(&path).unwrap();
    for at in (0..4_096).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        disk.write(&path, &damaged).unwrap();
        let directory = directory(&options().store, SESSION);
        let Ok(mut log) = FeedLog::open(Arc::clone(&disk) as _, &directory, SESSION) else {
            continue;
        };
        while log.refresh() > 0 {}
        for sequence in 1..log.next() {
            assert_eq!(log.get(sequence), Some(&message(sequence)[..]), "byte {at}");
        }
    }
    assert!(whole.len() > FRAME_HEADER_BYTES);
}

#[test]
fn a_record_lies_about_nothing_unseen() {
    let blocks = [0, 2, b'a', b'b', 0, 0];
    let record = Record { sequence: 9, count: 2, ended: false, origin: origin(9), blocks: &blocks };
    let mut bytes = vec![0; record.encoded_length()];
    record.encode(&mut bytes);
    assert_eq!(Record::parse(&bytes), Ok(record));
    assert_eq!(record.next_sequence(), 11);
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Record::parse(&bytes).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(parse(&|bytes| bytes[8..16].fill(0)), "no session has message 0 and 2 more");
    assert_eq!(
        parse(&|bytes| bytes[8..16].fill(0xff)),
        "no session has message 18446744073709551615 and 2 more"
    );
    assert_eq!(parse(&|bytes| bytes[52] = 9), "9 messages are not what its 6 bytes hold");
    assert_eq!(parse(&|bytes| bytes[52] = 0), "0 messages are not what its 6 bytes hold");
    assert!(parse(&|bytes| bytes.truncate(50)).starts_with("no record of a feed: "));
}
