//! A standby's store: filled by datagrams that come as a network brings them, held against a naive
//! twin, against the writer's own files, and against what it must refuse.

use std::collections::BTreeMap;
use std::ops::Range;

use super::*;
use crate::store::frame::Frame;
use crate::store::marks::MarksFile;

mod aside;
mod crashes;
mod epochs;
mod promotion;
mod readers;
mod strangers;

const WINDOW_BYTES: u64 = TERM_BYTES as u64 / 2;
const WRITER_NODE: u32 = 1;
const STANDBY_NODE: u32 = 2;

/// Frames as they travel, and where they lie in the log.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) range: Range<Position>,
    pub(super) bytes: Vec<u8>,
}

/// A standby's options.
pub(super) fn standby() -> Options {
    let identity = Identity { node: STANDBY_NODE, ..identity() };
    Options { identity, ..options(&directory()) }
}

pub(super) fn open_replica(disk: &MemoryDisk) -> (ReplicaStore, Recovery) {
    try_replica(disk).unwrap()
}

fn try_replica(disk: &MemoryDisk) -> Result<(ReplicaStore, Recovery), OpenError> {
    ReplicaStore::open_on(Arc::new(disk.clone()), &standby(), None, Nanos(7))
}

/// A writer's store whose commits are told.
pub(super) fn open_told(disk: &MemoryDisk) -> (StoreWriter, Recovery) {
    let options = Options { durability: Durability::External, ..options(&directory()) };
    open_with(disk, &options).unwrap()
}

pub(super) fn begin_of(writer: &StoreWriter) -> EpochStart {
    let LogPlace { position: base, chain } = place_of(writer);
    EpochStart { epoch: writer.epoch(), node: WRITER_NODE, base, chain }
}

pub(super) fn place_of(writer: &StoreWriter) -> LogPlace {
    LogPlace { position: writer.position(), chain: writer.chain() }
}

/// A transaction of random size; the writer's end behind it.
pub(super) fn grow(writer: &mut StoreWriter, random: &mut Random) -> Position {
    append(writer, &random.transaction(6, 700))
}

/// A log's frames between two places, one to `frames_max` in a datagram, as the writer sends them.
pub(super) fn datagrams(
    disk: &MemoryDisk,
    range: Range<Position>,
    frames_max: usize,
    random: &mut Random,
) -> Vec<Datagram> {
    let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
    let mut reader =
        StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &options).unwrap();
    let mut sent: Vec<Datagram> = Vec::new();
    let (mut at, mut room, mut frames) = (range.start, 0, 0);
    while at < range.end {
        let bytes = reader.bytes_at(at).unwrap();
        let frame = Frame::new_unchecked(bytes);
        let travels = if frame.is_pad() { 32 } else { frame.aligned_bytes() };
        let end = Position(at.get() + frame.aligned_bytes() as u64);
        if frames == 0 || travels > room || at.get().is_multiple_of(TERM_BYTES as u64) {
            sent.push(Datagram { range: at..at, bytes: Vec::new() });
            (room, frames) = (1408, 1 + random.below(frames_max));
        }
        let last = sent.last_mut().unwrap();
        last.bytes.extend_from_slice(&bytes[..travels]);
        last.range.end = end;
        (at, room, frames) = (end, room - travels, frames - 1);
    }
    sent
}

/// The bytes of a log as they travel.
pub(super) fn travelling(disk: &MemoryDisk, range: Range<Position>) -> Vec<u8> {
    let sent = datagrams(disk, range, 1, &mut Random(0));
    sent.into_iter().flat_map(|datagram| datagram.bytes).collect()
}

/// The files of a log from a place to another, as one run of bytes.
pub(super) fn log_bytes(disk: &MemoryDisk, range: Range<Position>) -> Vec<u8> {
    let term = TERM_BYTES as u64;
    let bases = (range.start.get() / term..range.end.get().div_ceil(term)).map(|id| id * term);
    let mut bytes = Vec::new();
    for base in bases {
        let content = disk.read(&directory().join(format!("{base:020}.log"))).unwrap();
        let from = range.start.get().saturating_sub(base).min(term) as usize;
        let to = (range.end.get() - base).min(term) as usize;
        bytes.extend_from_slice(&content[from..to]);
    }
    bytes
}

/// That nothing is in a log's files beyond a place.
pub(super) fn assert_zero_beyond(disk: &MemoryDisk, end: Position) {
    for path in disk.paths().iter().filter(|path| path.extension().is_some_and(|e| e == "log")) {
        let base: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let from = end.get().saturating_sub(base).min(TERM_BYTES as u64) as usize;
        let content = disk.read(path).unwrap();
        let set = content[from..].iter().position(|byte| *byte != 0);
        assert_eq!(set, None, "{} beyond {from}", path.display());
    }
}

/// Gives a standby everything between what it lacks and an end, in order.
pub(super) fn feed(replica: &mut ReplicaStore, disk: &MemoryDisk, end: Position) {
    let sent = datagrams(disk, replica.held().position..end, 9, &mut Random(3));
    for datagram in sent {
        replica.insert(datagram.range.start, &datagram.bytes).unwrap();
    }
}

pub(super) fn marks_of(disk: &MemoryDisk) -> marks::Marks {
    MarksFile::load(disk, &directory(), Access::Read).unwrap().marks
}

/// What a standby holds by the rules alone: its frames by position.
#[derive(Default)]
struct Held {
    frames: BTreeMap<u64, (u64, bool)>,
}

impl Held {
    fn take(&mut self, datagram: &Datagram) {
        let (mut at, mut rest) = (datagram.range.start.get(), &datagram.bytes[..]);
        while !rest.is_empty() {
            let frame = Frame::new_unchecked(rest);
            let ends = !frame.is_pad() && event_header::ends_transaction(frame.message());
            self.frames.insert(at, (at + frame.aligned_bytes() as u64, ends));
            at += frame.aligned_bytes() as u64;
            rest = &rest[if frame.is_pad() { 32 } else { frame.aligned_bytes() }..];
        }
    }

    fn places(&self) -> (Position, Position, Position) {
        let (mut contiguous, mut held) = (0, 0);
        while let Some((end, ends)) = self.frames.get(&contiguous) {
            contiguous = *end;
            held = if *ends { *end } else { held };
        }
        let received = self.frames.values().map(|(end, _)| *end).max().unwrap_or(0);
        (Position(held), Position(contiguous), Position(received))
    }

    fn gaps(&self) -> Vec<Range<Position>> {
        let (mut gaps, mut at) = (Vec::new(), 0);
        for (start, (end, _)) in &self.frames {
            if *start > at {
                gaps.push(Position(at)..Position(*start));
            }
            at = *end;
        }
        gaps
    }
}

fn gaps_of(replica: &ReplicaStore) -> Vec<Range<Position>> {
    let (mut gaps, mut from) = (Vec::new(), Position(0));
    while let Some(gap) = replica.next_gap(from) {
        from = gap.end;
        gaps.push(gap);
    }
    gaps
}

#[test]
fn datagrams_in_any_order_make_the_writers_log() {
    let (mut repeated, mut refused, mut holes, mut committed_late) = (0, 0, 0, 0);
    for seed in 0..5 {
        let mut random = Random(500 + seed);
        let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
        let (writer, start, ends) = long_log(&theirs, &mut random);
        let end = writer.position();
        let sent = datagrams(&theirs, Position(0)..end, 12, &mut random);

        let (mut replica, _) = open_replica(&ours);
        assert_eq!(replica.insert(Position(0), &sent[0].bytes), Err(Refused::NoEpoch));
        assert_eq!(replica.follow(start, false).unwrap(), None);
        let mut reader = attach(&ours).unwrap();
        let mut truth = attach_published(&theirs);
        let mut held = Held::default();
        let mut missing: Vec<usize> = (0..sent.len()).collect();
        let mut told = 0;
        while replica.held().position < end {
            // Near the first that is missing, now and then one that is there or far ahead.
            let near = random.below(missing.len().clamp(1, 30));
            let index = match random.below(10) {
                0 => random.below(sent.len()),
                _ => missing.get(near).copied().unwrap_or(0),
            };
            let datagram = &sent[index];
            let before = held.places().1;
            let fits = datagram.range.end.get() <= before.get() + WINDOW_BYTES;
            let answer = replica.insert(datagram.range.start, &datagram.bytes);
            match answer {
                Ok(inserted) => {
                    assert!(fits, "{answer:?}");
                    assert_eq!(inserted.used_bytes, datagram.bytes.len());
                    repeated += usize::from(inserted.new_bytes == 0);
                    held.take(datagram);
                    missing.retain(|other| *other != index);
                }
                Err(Refused::Window { .. }) => {
                    assert!(!fits, "{answer:?} at {before} of {:?}", datagram.range);
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            let found = (replica.held().position, replica.contiguous(), replica.received());
            assert_eq!(found, held.places(), "seed {seed}");
            let gaps = gaps_of(&replica);
            holes = holes.max(gaps.len());
            assert_eq!(gaps, held.gaps());
            if random.below(4) == 0 {
                told = (told + random.below(30)).min(ends.len() - 1);
                let LogPlace { position, chain } = ends[told];
                replica.commit(position, chain).unwrap();
                committed_late += usize::from(position > replica.held().position);
            }
            let expected = ends[told].position.min(replica.held().position);
            assert_eq!(replica.committed(), expected);
            assert_eq!(reader.end().unwrap(), replica.committed());
            for message in read(&mut reader) {
                assert_eq!(truth.next().unwrap().unwrap().message, message);
            }
        }
        assert_eq!(replica.held(), place_of(&writer), "the same log");
        assert_eq!(replica.commit(end, writer.chain()), Ok(end));
        let rest = read(&mut reader);
        assert_eq!(rest, read(&mut truth));
        assert_eq!(reader.chain(), Some(writer.chain()));
        assert_eq!(log_bytes(&ours, Position(0)..end), log_bytes(&theirs, Position(0)..end));
        replica.close().unwrap();
        assert_zero_beyond(&ours, end);
    }
    println!("{repeated} repeated, {refused} beyond the window, up to {holes} holes");
    assert!(repeated > 100 && refused > 100 && holes > 5 && committed_late > 100);
}

/// A writer's log of four terms, and where its transactions end.
fn long_log(disk: &MemoryDisk, random: &mut Random) -> (StoreWriter, EpochStart, Vec<LogPlace>) {
    let (mut writer, _) = open_told(disk);
    let start = begin_of(&writer);
    let mut ends = vec![place_of(&writer)];
    while writer.position().get() < 4 * TERM_BYTES as u64 {
        grow(&mut writer, random);
        ends.push(place_of(&writer));
    }
    (writer, start, ends)
}

fn attach_published(disk: &MemoryDisk) -> StoreReader {
    let until = Until::Published;
    let options = ReaderOptions { until, check: Check::Content, ..ReaderOptions::default() };
    StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &options).unwrap()
}

#[test]
fn a_commit_is_released_when_what_it_names_is_held() {
    let (theirs, ours) = (MemoryDisk::default(), MemoryDisk::default());
    let mut random = Random(1);
    let (mut writer, _) = open_told(&theirs);
    let start = begin_of(&writer);
    let ends: Vec<_> = (0..4)
        .map(|_| {
            grow(&mut writer, &mut random);
            place_of(&writer)
        })
        .collect();
    let (mut replica, _) = open_replica(&ours);
    replica.follow(start, false).unwrap();
    let mut reader = attach(&ours).unwrap();
    // Told first, held later: released with the last frame.
    assert_eq!(replica.commit(ends[1].position, ends[1].chain), Ok(Position(0)));
    feed(&mut replica, &theirs, ends[2].position);
    assert_eq!(replica.committed(), ends[1].position);
    assert_eq!(reader.end().unwrap(), ends[1].position);
    // Below what is committed is no news, whatever chain it has.
    assert_eq!(replica.commit(ends[0].position, Chain(1)), Ok(ends[1].position));
    // Another log: nothing more is released, also not what is right.
    let differs =
        ChainDiffers { position: ends[2].position, expected: Chain(9), found: Some(ends[2].chain) };
    assert_eq!(replica.commit(ends[2].position, Chain(9)), Err(differs));
    assert_eq!(replica.commit(ends[3].position, ends[3].chain), Err(differs));
    feed(&mut replica, &theirs, ends[3].position);
    assert_eq!((replica.committed(), replica.diverged()), (ends[1].position, Some(differs)));
    // Given up and caught up with again, it goes on.
    let discarded = replica.forget_uncommitted().unwrap().unwrap();
    assert_eq!((discarded.from, discarded.to), (ends[1].position, ends[3].position));
    assert_eq!((discarded.transactions, replica.held()), (2, ends[1]));
    feed(&mut replica, &theirs, ends[3].position);
    assert_eq!(replica.commit(ends[3].position, ends[3].chain), Ok(ends[3].position));
    assert_eq!(replica.forget_uncommitted().unwrap(), None);
    // No transaction ends between two frames.
    grow(&mut writer, &mut random);
    feed(&mut replica, &theirs, writer.position());
    let between = Position(ends[3].position.get() + 32);
    let differs = ChainDiffers { position: between, expected: Chain(1), found: None };
    assert_eq!(replica.commit(between, Chain(1)), Err(differs));
}

#[test]
fn a_standbys_page_says_so() {
    let disk = MemoryDisk::default();
    let (replica, recovery) = open_replica(&disk);
    assert!(recovery.created && recovery.epochs.is_empty());
    assert_eq!((replica.epoch(), replica.committed()), (Epoch(0), Position(0)));
    let reader = attach(&disk).unwrap();
    assert_eq!(reader.accepting(), Accepting::Standby);
    assert!(reader.writer_lives().unwrap());
    let refused = open_with(&disk, &standby()).unwrap_err();
    assert!(matches!(refused, OpenError::Held { .. }), "{refused}");
    drop(replica);
    assert_eq!(reader.accepting(), Accepting::Stopped);
    assert!(!reader.writer_lives().unwrap());
}
