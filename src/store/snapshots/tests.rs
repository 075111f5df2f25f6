//! Snapshots as files: what is written is read; anything else is refused.

use super::*;
use crate::limits::SNAPSHOT_CHUNK_BYTES_MAX;
use crate::store::MemoryDisk;
use std::io::{Read, Write};

fn identity(exchange: &str, exchange_number: i32) -> Identity {
    let exchange = exchange.to_owned();
    Identity { exchange, exchange_number, node: 1, schema_id: 1, schema_version: 0 }
}

fn snapshots(disk: &MemoryDisk) -> Snapshots {
    Snapshots::new(Arc::new(disk.clone()), Path::new("/store"), &identity("XISO", 1001))
}

fn moment(position: u64) -> SnapshotInfo {
    SnapshotInfo {
        place: LogPlace { position: Position(position), chain: Chain(0xfeed_0000_0000_0007) },
        epoch: Epoch(3),
        sequence: Sequence(90),
        time: Nanos(1_700_000_000_000_000_001),
        state_hash: 0,
        trading_date: 20_261_122,
        day_ended: true,
    }
}

const HASH: u128 = 0x1111_2222_3333_4444_5555_6666_7777_8888;

/// Content of a section: more than a chunk, or little.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at * 31) >> 3) as u8).collect()
}

fn take(snapshots: &Snapshots, position: u64, sections: &[(u32, usize)]) {
    let mut writer = snapshots.begin(moment(position)).unwrap();
    for (section, bytes) in sections {
        writer.section(*section).unwrap();
        // In uneven pieces, over the edges of chunks.
        content(*bytes).chunks(100_003).for_each(|piece| writer.write_all(piece).unwrap());
    }
    let finished = writer.finish(HASH).unwrap();
    assert!(!snapshots.list().unwrap().contains(&Position(position)), "it does not count yet");
    assert_eq!(finished.open().unwrap().info().state_hash, HASH);
    finished.keep().unwrap();
}

fn read(file: &SnapshotFile, section: u32) -> Result<Option<Vec<u8>>, String> {
    let Some(mut reader) = file.section(section).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(Some(bytes))
}

#[test]
fn what_is_written_is_read_by_section() {
    let disk = MemoryDisk::default();
    let snapshots = snapshots(&disk);
    assert_eq!(snapshots.list().unwrap(), []);
    let chunk = SNAPSHOT_CHUNK_BYTES_MAX;
    let sections = [(1, chunk + 7), (2, 0), (5, chunk), (9, 3)];
    for position in [64, 320, 96] {
        take(&snapshots, position, &sections);
    }
    assert_eq!(snapshots.list().unwrap(), [320, 96, 64].map(Position));
    let file = snapshots.open(Position(96)).unwrap();
    assert_eq!(*file.info(), SnapshotInfo { state_hash: HASH, ..moment(96) });
    for (section, bytes) in sections {
        assert_eq!(read(&file, section).unwrap().as_deref(), Some(&content(bytes)[..]));
    }
    assert_eq!(read(&file, 3), Ok(None));
    let files = |disk: &MemoryDisk| disk.paths().len();
    drop(snapshots.begin(moment(500)).unwrap());
    assert_eq!(files(&disk), 4, "one that was begun");
    snapshots.remove(&[Position(320), Position(64), Position(7)]).unwrap();
    assert_eq!((snapshots.list().unwrap(), files(&disk)), (vec![Position(96)], 1));
}

/// Two processes that take snapshots of one store leave each other's alone.
#[test]
fn what_another_process_is_writing_stays() {
    let disk = MemoryDisk::default();
    let (ours, others) = (snapshots(&disk), snapshots(&disk));
    let mut writer = others.begin(moment(96)).unwrap();
    let refused = ours.begin(moment(96)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    ours.remove(&[]).unwrap();
    writer.section(1).unwrap();
    writer.write_all(&content(50)).unwrap();
    let finished = writer.finish(HASH).unwrap();
    ours.remove(&[]).unwrap();
    finished.keep().unwrap();
    assert_eq!(read(&ours.open(Position(96)).unwrap(), 1).unwrap(), Some(content(50)));
    // It has its name, and may be taken once more.
    drop(ours.begin(moment(96)).unwrap());
}

#[test]
fn every_flipped_bit_and_every_other_length_is_refused() {
    let disk = MemoryDisk::default();
    let snapshots = snapshots(&disk);
    take(&snapshots, 96, &[(1, 50), (2, 20)]);
    let path = snapshots.path(Position(96));
    let whole = disk.read(&path).unwrap();
    let judge = |bytes: &[u8]| -> Result<(), String> {
        disk.write(&path, bytes).unwrap();
        let file = snapshots.open(Position(96)).map_err(|error| error.to_string())?;
        for section in [1, 2] {
            read(&file, section)?.ok_or("missing")?;
        }
        Ok(())
    };
    assert_eq!(judge(&whole), Ok(()));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&flipped).is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        assert!(judge(&whole[..length]).is_err(), "{length} bytes");
    }
    let longer: Vec<u8> = whole.iter().copied().chain([0; 64]).collect();
    assert!(judge(&longer).is_err());
    // A chunk of another snapshot in the same place.
    let writer = snapshots.begin(SnapshotInfo { sequence: Sequence(91), ..moment(128) });
    let mut writer = writer.unwrap();
    for (section, bytes) in [(1, 50), (2, 20)] {
        writer.section(section).unwrap();
        writer.write_all(&content(bytes)).unwrap();
    }
    writer.finish(HASH).unwrap().keep().unwrap();
    let mut mixed = disk.read(&snapshots.path(Position(128))).unwrap();
    mixed[..HEADER_BYTES].copy_from_slice(&whole[..HEADER_BYTES]);
    let refused = judge(&mixed).expect_err("the chunks are another's");
    assert!(refused.contains("damaged"), "{refused}");
}

#[test]
fn another_exchanges_snapshot_and_another_position_are_named() {
    let disk = MemoryDisk::default();
    take(&snapshots(&disk), 96, &[(1, 5)]);
    let refusal = |exchange: &str, number: i32| {
        let disk = Arc::new(disk.clone());
        let others = Snapshots::new(disk, Path::new("/store"), &identity(exchange, number));
        others.open(Position(96)).expect_err("it is another's").to_string()
    };
    assert!(refusal("OTHER", 1001).ends_with("exchange is XISO, expected OTHER"));
    assert!(refusal("XISO", 7).ends_with("exchange number is 1001, expected 7"));
    let snapshots = snapshots(&disk);
    disk.rename(&snapshots.path(Position(96)), &snapshots.path(Position(128))).unwrap();
    let error = snapshots.open(Position(128)).expect_err("it is of another position");
    assert!(error.to_string().contains("it says it is of 96"), "{error}");
}

#[test]
fn the_newest_that_is_taken_counts_and_the_others_are_named() {
    let disk = MemoryDisk::default();
    let snapshots = snapshots(&disk);
    for position in [32, 64, 96, 128] {
        take(&snapshots, position, &[(1, 40)]);
    }
    disk.flip_bit(&snapshots.path(Position(128)), 77).unwrap();
    let load = |file: &SnapshotFile| match file.info().place.position {
        Position(96) => Err("not this one".to_owned()),
        _ => read(file, 1),
    };
    let (found, skipped) = snapshots.newest(load).unwrap();
    let (info, bytes) = found.expect("two are left");
    assert_eq!((info.place.position, bytes), (Position(64), Some(content(40))));
    assert_eq!(skipped.len(), 2);
    assert_eq!(skipped[0].position, Position(128));
    assert!(skipped[0].reason.contains("damaged"), "{}", skipped[0].reason);
    let reason = "not this one".to_owned();
    assert_eq!(skipped[1], Skipped { position: Position(96), reason });
}

/// Power may fail at any moment of taking one: what has a snapshot's name is whole.
#[test]
fn a_power_failure_leaves_it_whole_or_not_there() {
    for seed in 0..40_u64 {
        let disk = MemoryDisk::default();
        let snapshots = snapshots(&disk);
        let mut writer = snapshots.begin(moment(96)).unwrap();
        writer.section(1).unwrap();
        writer.write_all(&content(5_000)).unwrap();
        let mut state = seed;
        let mut coin = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 63 == 0
        };
        let before = disk.after_power_failure(&mut coin).unwrap();
        writer.finish(HASH).unwrap().keep().unwrap();
        let after = disk.after_power_failure(&mut coin).unwrap();
        assert_eq!(self::snapshots(&before).list().unwrap(), []);
        let file = self::snapshots(&after).open(Position(96)).unwrap();
        assert_eq!(read(&file, 1).unwrap(), Some(content(5_000)));
    }
}
