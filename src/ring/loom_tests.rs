//! The ring under a model checker: every interleaving, with the orders that were asked for.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --lib ring -- --nocapture`.
#![expect(unsafe_code, reason = "implements the ring's memory with watched cells")]

use super::{Consumer, Memory, Producer, Refusal, Word};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as PlainU64, Ordering as PlainOrdering};

const CAPACITY: u64 = 64;
const WORDS: usize = CAPACITY as usize / 8;

impl Word for AtomicU64 {
    fn load_relaxed(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn store_relaxed(&self, value: u64) {
        self.store(value, Ordering::Relaxed);
    }

    fn store_release(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
}

/// A ring's words, each as an atomic (the header it may be) and as a watched cell (the part of a
/// message it may be): the checker reports each cell that two threads touch without order.
struct Watched {
    head: AtomicU64,
    tail: AtomicU64,
    headers: [AtomicU64; WORDS],
    cells: [UnsafeCell<u64>; WORDS],
}

impl Watched {
    /// An empty ring at `position`, with `rubbish` from earlier laps in all words but one.
    fn new(position: u64, rubbish: u64) -> Arc<Self> {
        let first = (position % CAPACITY / 8) as usize;
        let header = |word| AtomicU64::new(if word == first { 0 } else { rubbish });
        Arc::new(Self {
            head: AtomicU64::new(position),
            tail: AtomicU64::new(position),
            headers: std::array::from_fn(header),
            cells: std::array::from_fn(|_| UnsafeCell::new(rubbish)),
        })
    }
}

// SAFETY: an `Arc` keeps the words in their place; 64 bytes.
unsafe impl Memory for Arc<Watched> {
    type Word = AtomicU64;

    fn capacity(&self) -> u64 {
        CAPACITY
    }

    fn head(&self) -> &AtomicU64 {
        &self.head
    }

    fn tail(&self) -> &AtomicU64 {
        &self.tail
    }

    fn header(&self, offset: u64) -> &AtomicU64 {
        &self.headers[offset as usize / 8]
    }

    // The tests' messages are one whole word, so a slice is one cell.
    unsafe fn bytes(&self, offset: u64, length: usize) -> &[u8] {
        assert_eq!(length, 8);
        let cell = self.cells[offset as usize / 8].with(|cell| cell);
        // SAFETY: the ring's contract, which the checker watches.
        unsafe { slice::from_raw_parts(cell.cast(), length) }
    }

    unsafe fn bytes_mut(&self, offset: u64, length: usize) -> &mut [u8] {
        assert_eq!(length, 8);
        let word = offset as usize / 8;
        // In real memory the message lies over what may be a header in the next lap.
        self.headers[word].store(u64::MAX, Ordering::Relaxed);
        let cell = self.cells[word].with_mut(|cell| cell);
        // SAFETY: the ring's contract, which the checker watches.
        unsafe { slice::from_raw_parts_mut(cell.cast(), length) }
    }
}

/// Explores every interleaving of a producer and a consumer of `messages` messages that start
/// at `start`, the first `waiting` of them written before; prints how many there were.
fn explore(name: &str, start: u64, waiting: u64, messages: u64) {
    let executions = Arc::new(PlainU64::new(0));
    let full = Arc::new(PlainU64::new(0));
    let (executions_seen, full_seen) = (Arc::clone(&executions), Arc::clone(&full));
    loom::model::Builder::new().check(move || {
        executions_seen.fetch_add(1, PlainOrdering::Relaxed);
        let memory = Watched::new(start, u64::MAX);
        // SAFETY: the only producer and the only consumer of this memory.
        let mut producer = unsafe { Producer::attach(Arc::clone(&memory)) }.unwrap();
        // SAFETY: as above.
        let mut consumer = unsafe { Consumer::attach(memory) }.unwrap();
        for number in 1..=waiting {
            producer.try_write(&number.to_le_bytes()).unwrap();
        }
        let full_seen = Arc::clone(&full_seen);
        let writing = loom::thread::spawn(move || {
            for number in waiting + 1..=messages {
                while let Err(refusal) = producer.try_write(&number.to_le_bytes()) {
                    assert!(matches!(refusal, Refusal::Full { .. }), "{refusal}");
                    full_seen.fetch_add(1, PlainOrdering::Relaxed);
                    loom::thread::yield_now();
                }
            }
        });
        let mut next = 1;
        while next <= messages {
            let read = consumer.read(2, |bytes| {
                assert_eq!(bytes, next.to_le_bytes());
                next += 1;
            });
            assert_eq!(consumer.fault(), None);
            if read == 0 {
                loom::thread::yield_now();
            }
        }
        writing.join().unwrap();
        assert_eq!(consumer.peek(), None);
    });
    let executions = executions.load(PlainOrdering::Relaxed);
    let full = full.load(PlainOrdering::Relaxed);
    println!(
        "loom: ring {name}: {executions} executions, the producer met a full ring {full} times"
    );
    assert!(executions > 1);
}

#[test]
fn wrapping_with_padding() {
    explore("wrapping with padding", CAPACITY * 3 - 24, 0, 3);
}

#[test]
fn full_until_released() {
    explore("full until released", CAPACITY * 3 - 40, 2, 4);
}
