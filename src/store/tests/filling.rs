//! Terms that fill: padding, transactions that keep to their room, segments made ahead.

use super::*;

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
