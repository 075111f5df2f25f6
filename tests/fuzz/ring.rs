//! A mapped ring whose other side is a stranger: it may write anything at any time.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use isochron::ring::mapped::{self, Options};
use isochron::ring::{Consumer, Producer};
use isochron::types::SourceId;

const CAPACITY: usize = 512;

/// The header's lines and the records.
const FILE_BYTES: u64 = 384 + CAPACITY as u64;

/// Records that a sound ring can hold.
const RECORDS_MAX: usize = CAPACITY / 8;

fn options(generation: u64) -> Options {
    Options { capacity_bytes: CAPACITY, source: SourceId(7), generation }
}

/// Steps of two bytes and more: write, read, write over the file, attach again.
pub(super) fn stranger(mut steps: &[u8]) {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(parent).expect("a folder");
    let path = folder.path().join("ring");
    let mut generation = 1;
    let mut consumer = mapped::create(&path, &options(generation)).ok();
    let mut producer = mapped::attach(&path).ok().map(|attached| attached.producer);
    while let Some((&[what, argument], rest)) = steps.split_first_chunk() {
        steps = rest;
        match what % 8 {
            0..3 => write(producer.as_mut(), usize::from(argument)),
            3 | 4 => read(consumer.as_mut()),
            5 => steps = scribble(&path, argument, rest),
            6 => {
                drop(producer.take());
                producer = mapped::attach(&path).ok().map(|attached| attached.producer);
            }
            _ => {
                drop(consumer.take());
                generation += 1;
                consumer = mapped::create(&path, &options(generation)).ok();
            }
        }
    }
    drop((producer, consumer));
    // When nobody has it, whatever it is, it is made to be of use: at once, or at the next start
    // after one that found the damage.
    let used = (1..=2).any(|start| is_of_use(&path, generation + start));
    assert!(used, "damaged for ever");
    fs::remove_file(&path).expect("it is there");
}

/// Whether a message comes through the ring that both sides have opened again.
fn is_of_use(path: &Path, generation: u64) -> bool {
    let mut consumer = mapped::create(path, &options(generation)).expect("nobody has it");
    let mut producer = mapped::attach(path).expect("there is a ring").producer;
    while consumer.skip(RECORDS_MAX, |_| {}) > 0 {}
    if producer.rejoin().is_err() {
        return false;
    }
    while consumer.skip(RECORDS_MAX, |_| {}) > 0 {}
    let sent = b"after all";
    producer.try_write(sent).expect("it is empty");
    assert_eq!(consumer.peek(), Some(&sent[..]));
    true
}

fn write(producer: Option<&mut Producer>, length: usize) {
    let Some(producer) = producer else { return };
    if producer.try_write(&vec![length as u8; length]).is_err() {
        // As a source does whose consumer is another one now.
        let _ = producer.rejoin();
    }
}

/// Reads as much as a ring can hold: a stranger can always write on.
fn read(consumer: Option<&mut Consumer>) {
    let Some(consumer) = consumer else { return };
    let check = |message: &[u8]| assert!(message.len() <= CAPACITY);
    if consumer.is_joining() {
        consumer.skip(RECORDS_MAX, check);
    }
    consumer.read(RECORDS_MAX, check);
}

/// Writes up to eight of the next bytes over the file, somewhere.
fn scribble<'a>(path: &Path, at: u8, bytes: &'a [u8]) -> &'a [u8] {
    let Some((&fine, rest)) = bytes.split_first() else { return bytes };
    let (over, rest) = rest.split_at(rest.len().min(8));
    let at = (u64::from(at) * 4 + u64::from(fine % 4)) % FILE_BYTES;
    let over = &over[..over.len().min((FILE_BYTES - at) as usize)];
    let file = OpenOptions::new().write(true).open(path).expect("it is there");
    file.write_all_at(over, at).expect("it can be written");
    rest
}

pub(super) fn stranger_seeds() -> Vec<Vec<u8>> {
    // Sound use; a torn header; the positions; the marks; a kill of either side.
    let mut padding = vec![0, 200, 0, 200, 3, 0, 0, 200, 3, 0];
    padding.extend([5, 96, 0, 0, 2, 0, 0, 2, 0, 0, 0, 3, 0]);
    vec![
        vec![0, 10, 1, 60, 3, 0, 0, 100, 3, 0, 0, 200, 0, 200, 3, 0],
        padding,
        vec![0, 30, 5, 96, 0, 255, 255, 255, 255, 1, 0, 0, 0, 3, 0],
        vec![0, 30, 5, 32, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 6, 0, 0, 9, 3, 0],
        vec![0, 30, 5, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 0, 7, 0, 3, 0],
        vec![0, 30, 7, 0, 0, 40, 3, 0, 6, 0, 0, 50, 3, 0],
    ]
}
