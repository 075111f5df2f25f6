//! Opening: what an opening tells, and the stores that are refused.

use super::*;

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
