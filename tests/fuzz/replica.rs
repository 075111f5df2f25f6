//! A standby's store that strangers send frames to: it takes them or refuses them, and what it
//! holds is a log that any recovery finds again.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use isochron::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES};
use isochron::store::frame::{Frame, Header};
use isochron::store::{
    Chain, Durability, EpochStart, Identity, MemoryDisk, Options, ReaderOptions, ReplicaStore,
    StoreReader, StoreWriter, Until, framed,
};
use isochron::types::{Epoch, Nanos, Position};

use super::{framed as in_parts, parts};

const TERM_BYTES: usize = 64 * 1024;

/// Datagrams looked at: more of them find nothing else.
const PARTS_MAX: usize = 64;

/// Each part: what to do, where, and bytes of a datagram or of a log.
pub(super) fn frames(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let mut replica = open(&disk);
    let start = EpochStart { epoch: Epoch(1), node: 1, base: Position(0), chain: Chain(0) };
    replica.follow(start, false).expect("it is the first");
    for part in parts(bytes).take(PARTS_MAX) {
        let Some((&[what, low, high], rest)) = part.split_first_chunk() else { continue };
        let units = u64::from(u16::from_le_bytes([low, high]));
        let at = Position(units * FRAME_ALIGNMENT_BYTES as u64 + u64::from(what >> 6));
        let mut frames = rest.to_vec();
        if what & 8 != 0 {
            seal(&mut frames, at, replica.session());
        }
        match what % 8 {
            0..3 => drop(replica.insert(at, &frames)),
            3 => drop(replica.insert(replica.contiguous(), &frames)),
            4 => drop(replica.append_old(&frames)),
            5 => drop(replica.commit(at, replica.held().chain)),
            6 => {
                replica = {
                    let held = replica.held();
                    drop(replica);
                    let replica = open(&disk);
                    assert_eq!(replica.held(), held, "a kill takes nothing that was held");
                    replica
                };
            }
            _ => drop(replica.forget_uncommitted().expect("the disk is well")),
        }
        check(&replica);
    }
    let held = replica.held();
    drop(replica);
    let image = disk.after_kill().expect("there is memory");
    assert_eq!(open(&image).held(), held);
    // The writer's log can be had whatever was sent: what was not committed is given up.
    let replica = &mut open(&disk);
    if replica.committed() > Position(0) {
        return;
    }
    replica.forget_uncommitted().expect("the disk is well");
    let log = log();
    assert_eq!(replica.append_old(log).map(|inserted| inserted.used_bytes), Ok(log.len()));
}

/// What must hold of a standby's store at all times.
fn check(replica: &ReplicaStore) {
    let (held, contiguous) = (replica.held().position, replica.contiguous());
    assert!(replica.committed() <= held && held <= contiguous);
    assert!(contiguous <= replica.received() && replica.received() <= replica.window_end());
    let mut from = contiguous;
    while let Some(gap) = replica.next_gap(from) {
        assert!(from <= gap.start && gap.start < gap.end && gap.end < replica.received());
        from = gap.end;
    }
}

pub(super) fn frame_seeds() -> Vec<Vec<u8>> {
    let mut cut = Vec::new();
    let (mut at, mut rest) = (Position(0), log());
    while !rest.is_empty() && cut.len() < 24 {
        let frame = Frame::new_unchecked(rest);
        let travels = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
        let (bytes, behind) = rest.split_at(travels);
        cut.push((at, bytes.to_vec()));
        at = Position(at.get() + frame.aligned_bytes() as u64);
        rest = behind;
    }
    let part = |what: u8, at: Position, bytes: &[u8]| {
        let units = (at.get() / FRAME_ALIGNMENT_BYTES as u64) as u16;
        [&[what][..], &units.to_le_bytes(), bytes].concat()
    };
    let sent = |order: &mut dyn Iterator<Item = &(Position, Vec<u8>)>| {
        in_parts(order.map(|(at, bytes)| part(0, *at, bytes)))
    };
    let in_order = sent(&mut cut.iter());
    let backwards = sent(&mut cut.iter().rev());
    let old = in_parts([part(4, Position(0), &log()[..4_096]), part(6, Position(0), &[])]);
    // Sealed by a stranger, beside and over the writer's, and given up again.
    let (at, bytes) = &cut[2];
    let beside = Position(at.get() + 32);
    let stranger = in_parts([
        part(8, beside, bytes),
        part(0, *at, bytes),
        part(8 + 3, *at, bytes),
        part(5, *at, &[]),
        part(7, *at, &[]),
    ]);
    vec![in_order, backwards, old, stranger]
}

/// Makes the first bytes a frame of the followed log at a place, as who knows the rules can.
fn seal(bytes: &mut [u8], at: Position, session: i32) {
    let Ok(frame) = Frame::new_checked(&*bytes) else { return };
    let Ok(header) = Header::parse(&frame) else { return };
    let travels = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
    let term_offset = (at.get() % TERM_BYTES as u64) as u32;
    let term_id = (at.get() / TERM_BYTES as u64) as u32;
    let (stream, epoch) = (1001, Epoch(1));
    let header = Header { session, stream, term_offset, term_id, epoch, ..header };
    let sealed = header.seal(&bytes[FRAME_HEADER_BYTES..travels]).emit();
    bytes[..FRAME_HEADER_BYTES].copy_from_slice(&sealed);
}

fn options(node: u32) -> Options {
    let exchange = String::from("XISO");
    let identity =
        Identity { exchange, exchange_number: 1001, node, schema_id: 1, schema_version: 0 };
    let durability = Durability::External;
    Options {
        term_bytes: TERM_BYTES,
        durability,
        ..Options::new(PathBuf::from("/store"), identity)
    }
}

fn open(disk: &MemoryDisk) -> ReplicaStore {
    let opened = ReplicaStore::open_on(Arc::new(disk.clone()), &options(2), None, Nanos(7));
    opened.expect("what a standby left opens").0
}

/// The bytes of a writer's log of more than a term, as they travel.
fn log() -> &'static [u8] {
    static LOG: OnceLock<Vec<u8>> = OnceLock::new();
    LOG.get_or_init(|| {
        let disk = Arc::new(MemoryDisk::default());
        let (mut writer, _) =
            StoreWriter::open_on(disk.clone(), &options(1), Nanos(7)).expect("it opens");
        while writer.position() < Position(TERM_BYTES as u64 + 4_000) {
            let lengths = [40, 200, 333, 1_376];
            let room = lengths.map(framed).iter().sum();
            let mut transaction = writer.begin(room).expect("there is room");
            for length in lengths {
                transaction.append(length, |message| {
                    message.fill(length as u8);
                    message[36] = u8::from(length == 1_376);
                });
            }
            transaction.finish();
        }
        let reader = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
        let mut reader = StoreReader::attach_on(disk, &PathBuf::from("/store"), &reader)
            .expect("there is a store");
        let (mut at, mut sent) = (Position(0), Vec::new());
        while at < writer.position() {
            let bytes = reader.bytes_at(at).expect("it is written");
            let frame = Frame::new_unchecked(bytes);
            let travels = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
            sent.extend_from_slice(&bytes[..travels]);
            at = Position(at.get() + frame.aligned_bytes() as u64);
        }
        sent
    })
}
