//! A store whose files anybody may have written: it opens or is refused, and what opens is right.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use isochron::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, TERM_BYTES_MAX};
use isochron::store::frame::{Frame, Header};
use isochron::store::{
    Check, Disk, Identity, MemoryDisk, Options, ReaderOptions, StoreReader, StoreWriter, Terms,
    framed,
};
use isochron::types::{Nanos, Position};
use xxhash_rust::xxh3::xxh3_64;

const TERM_BYTES: usize = 64 * 1024;

/// Where a frame keeps its CRC.
const CRC_AT: usize = 24;

/// The checked parts of the files beside the segments: all but the last eight bytes, which are
/// the checksum.
const META_BYTES: usize = 128;
const SLOT_BYTES: usize = 4096;

const PATCHES_MAX: usize = 32;

/// Bytes at any place of a term: a frame of this log, or why not.
pub(super) fn frames(bytes: &[u8]) {
    let Some((place, rest)) = bytes.split_first_chunk() else { return };
    let position = Position(u64::from(u32::from_le_bytes(*place)) * FRAME_ALIGNMENT_BYTES as u64);
    let terms = Terms::new(TERM_BYTES).expect("the smallest term");
    if let Ok(frame) = Frame::new_checked(rest)
        && frame.check_content().is_ok()
    {
        // Padding is a header only; how much it covers is held against the term in `new_at`.
        let bytes_max = if frame.is_pad() { TERM_BYTES_MAX } else { rest.len() };
        assert!(frame.aligned_bytes() <= bytes_max);
        let header = Header::parse(&frame).expect("its header was checked");
        assert_eq!(header.length, frame.length());
        assert!(frame.message().len() <= rest.len());
    }
    if let Ok(frame) = Frame::new_at(rest, position, terms) {
        assert_eq!(frame.term_offset() as usize, position.0 as usize % TERM_BYTES);
        assert!(frame.term_offset() as usize + frame.aligned_bytes() <= TERM_BYTES);
    }
}

pub(super) fn frame_seeds() -> Vec<Vec<u8>> {
    let segment = image().read(&segment(0)).expect("it was written");
    let at = |offset: usize| {
        let place = (offset / FRAME_ALIGNMENT_BYTES) as u32;
        [&place.to_le_bytes(), &segment[offset..offset + 512]].concat()
    };
    [0, framed(40), TERM_BYTES - 512].map(at).into()
}

/// Patches on the files of a good store, each: what to do, with which file, where, how long, and
/// bytes. Then the store is read, opened, read again, written and opened again.
pub(super) fn recovery(patches: &[u8]) {
    let disk = image().after_kill().expect("there is memory");
    patches.chunks(16).take(PATCHES_MAX).for_each(|patch| apply(&disk, patch));
    if let Ok(mut reader) = attach(&disk) {
        // Without a writer it found the end itself, so it can read to it.
        assert!(read_all(&mut reader, &disk).is_ok(), "what recovery takes can be read");
    }
    let Ok((mut writer, recovery)) = open(&disk) else { return };
    let mut reader = attach(&disk).expect("a writer has it");
    let read = read_all(&mut reader, &disk).expect("a reader reads what a writer opened");
    assert_eq!(read.transactions, recovery.transactions);
    assert_eq!((read.end, reader.chain()), (recovery.valid_to, Some(recovery.chain)));
    // The last position of all may be near.
    let appended = append(&mut writer);
    let end = writer.position();
    drop(writer);
    let (_, again) = open(&disk).expect("what a writer left can be opened");
    assert_eq!((again.valid_to, again.cut), (end, None));
    assert_eq!(again.transactions, recovery.transactions + u64::from(appended));
}

pub(super) fn recovery_seeds() -> Vec<Vec<u8>> {
    let patch = |what: u8, file: u8, at: u16, bytes: &[u8]| {
        let mut patch = vec![what, file, at as u8, (at >> 8) as u8, bytes.len() as u8];
        patch.extend(bytes);
        patch.resize(16, 0);
        patch
    };
    // A torn frame; one changed and sealed again; a lost segment; a page of another time.
    vec![
        Vec::new(),
        patch(0, 3, 200, &[0; 8]),
        [patch(0, 3, 128, &[1, 2, 3]), patch(3, 3, 96, &[])].concat(),
        patch(4, 4, 0, &[]),
        patch(0, 2, 128, &[0xff; 8]),
        [patch(0, 1, 32, &[0, 1]), patch(2, 1, 0, &[])].concat(),
        [patch(0, 0, 24, &[0, 0, 2]), patch(2, 0, 0, &[])].concat(),
        patch(1, 5, 0x100, &[]),
    ]
}

fn directory() -> PathBuf {
    PathBuf::from("/store")
}

fn segment(number: usize) -> PathBuf {
    directory().join(format!("{:020}.log", number * TERM_BYTES))
}

fn files() -> [PathBuf; 6] {
    let [meta, marks, control] = ["meta", "marks", "control"].map(|name| directory().join(name));
    [meta, marks, control, segment(0), segment(1), segment(2)]
}

fn options() -> Options {
    let exchange = String::from("XISO");
    let identity =
        Identity { exchange, exchange_number: 1001, node: 1, schema_id: 1, schema_version: 0 };
    Options { term_bytes: TERM_BYTES, ..Options::new(directory(), identity) }
}

fn open(
    disk: &MemoryDisk,
) -> Result<(StoreWriter, isochron::store::Recovery), isochron::store::OpenError> {
    StoreWriter::open_on(Arc::new(disk.clone()), &options(), Nanos(7))
}

fn attach(disk: &MemoryDisk) -> Result<StoreReader, isochron::store::OpenError> {
    let options = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    StoreReader::attach_on(Arc::new(disk.clone()), Path::new("/store"), &options)
}

/// A store of two epochs over two terms and a little more, synced in the middle.
fn image() -> &'static MemoryDisk {
    static IMAGE: OnceLock<MemoryDisk> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let disk = MemoryDisk::default();
        let (mut writer, _) = open(&disk).expect("it opens");
        (0..60).for_each(|_| assert!(append(&mut writer)));
        writer.sync().expect("it syncs");
        drop(writer);
        let (mut writer, _) = open(&disk).expect("it opens");
        while writer.position() < Position(2 * TERM_BYTES as u64 + 1_000) {
            assert!(append(&mut writer));
        }
        disk
    })
}

/// A transaction of three messages; whether there was room.
fn append(writer: &mut StoreWriter) -> bool {
    let lengths = [40, 200, 333];
    let bytes = lengths.map(framed).iter().sum();
    let Ok(mut transaction) = writer.begin(bytes) else { return false };
    for length in lengths {
        transaction.append(length, |message| {
            message.fill(length as u8);
            message[36] = u8::from(length == lengths[2]);
        });
    }
    transaction.finish();
    true
}

struct Read {
    transactions: u64,
    end: Position,
}

/// Reads to the end, which comes before there is no more that a frame could stand in.
fn read_all(reader: &mut StoreReader, disk: &MemoryDisk) -> Result<Read, String> {
    let bytes: usize = disk.paths().iter().map(|path| disk.read(path).map_or(0, |f| f.len())).sum();
    let mut read = Read { transactions: 0, end: reader.position() };
    for _ in 0..=bytes / FRAME_HEADER_BYTES {
        let frame = reader.next().map_err(|error| error.to_string())?;
        let Some(frame) = frame else { return Ok(read) };
        read.end = frame.end;
        read.transactions += u64::from(frame.ends_transaction);
    }
    panic!("more frames than the files have room for");
}

/// Does one patch.
fn apply(disk: &MemoryDisk, patch: &[u8]) {
    let Some((&[what, file, low, high, length], rest)) = patch.split_first_chunk() else { return };
    let files = files();
    let path = &files[usize::from(file) % files.len()];
    let Ok(mut content) = disk.read(path) else { return };
    let at = usize::from(u16::from_le_bytes([low, high]));
    match what % 6 {
        0 => {
            let bytes = &rest[..usize::from(length).min(rest.len())];
            if let Some(place) = content.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        1 => content.truncate(at),
        2 => seal_checksum(path, &mut content),
        3 => seal_frame(&mut content, at / FRAME_ALIGNMENT_BYTES * FRAME_ALIGNMENT_BYTES),
        4 => {
            let removed = Disk::remove(disk, path);
            removed.expect("it was read");
            return;
        }
        // Old bytes of a segment used again.
        _ => match disk.read(&files[3 + at % 3]) {
            Ok(other) => content = other,
            Err(_) => return,
        },
    }
    disk.write(path, &content).expect("there is memory");
}

/// Makes a frame's CRC that of its content.
fn seal_frame(content: &mut [u8], at: usize) {
    let Some(rest) = content.get_mut(at..) else { return };
    let crc = match Frame::new_checked(&rest[..]) {
        Ok(frame) => frame.content_crc(),
        Err(_) => return,
    };
    rest[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Makes the checksums of `meta` and `marks` those of their content.
fn seal_checksum(path: &Path, content: &mut [u8]) {
    let bytes = if path.ends_with("meta") { META_BYTES } else { SLOT_BYTES };
    for part in content.chunks_exact_mut(bytes) {
        let (checked, checksum) = part.split_at_mut(bytes - 8);
        checksum.copy_from_slice(&xxh3_64(checked).to_le_bytes());
    }
}
