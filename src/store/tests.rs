//! Tests of the store as a whole: against a naive twin, and what it refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limits::TRANSACTION_BYTES_MAX;
use crate::types::{Epoch, Nanos, Position};

use super::frame::aligned;
use super::*;

mod bus_errors;
mod crashes;
mod filling;
mod flips;
mod opening;
mod processes;
mod reading;
mod recycling;
mod replica;
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

/// Where recovery finds the end of what is on a disk.
fn open_end(disk: &MemoryDisk) -> recovery::LogEnd {
    find_end(disk).unwrap()
}

fn find_end(disk: &MemoryDisk) -> Result<recovery::LogEnd, OpenError> {
    let marks = marks::MarksFile::load(disk, &directory(), Access::Read)?.marks;
    let terms = Terms::new(TERM_BYTES).unwrap();
    let disk = Arc::new(disk.clone());
    let segments = segment::Segments { disk, directory: directory(), terms };
    recovery::find_end(&segments, &identity(), &marks, None, None)
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
