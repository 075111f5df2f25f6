//! Readers: where they stop, what they notice, and what they do not believe.

use super::*;

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
    writer.holding.control.set_kept_from(kept_from);
    disk.remove(&directory().join("00000000000000000000.log")).unwrap();
    append(&mut writer, &Random(1).transaction(1, 99));
    let refused = slow.seek(Position(0), None).unwrap_err();
    let text = "position 0 is no longer kept, the log begins at 65536";
    assert_eq!(refused.to_string(), text);
    assert!(matches!(slow.bytes_at(Position(0)), Err(ReadError::NotKept { .. })));
    slow.seek(kept_from, None).unwrap();
    assert!(!read(&mut slow).is_empty());
}
