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

/// A word of a ring: an atomic as the header it may be, and real bytes as the part of a message
/// it may be. In real memory the two are one; so the checker is told of each plain access, and
/// reports those that meet an access of the other thread without order. Two threads may only
/// meet in the header, and only as atomic.
struct Watched {
    header: AtomicU64,
    /// Read and written as part of a message, and written with each store to the header.
    message: UnsafeCell<u64>,
    /// Written as part of a message, and read with each load of the header.
    header_loads: UnsafeCell<()>,
}

impl Watched {
    fn new(value: u64) -> Self {
        Self {
            header: AtomicU64::new(value),
            message: UnsafeCell::new(value),
            header_loads: UnsafeCell::new(()),
        }
    }

    fn load(&self, order: Ordering) -> u64 {
        self.header_loads.with(|_| ());
        self.header.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.message.with_mut(|_| ());
        self.header.store(value, order);
    }
}

impl Word for Watched {
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

/// The words of a ring and its two positions.
struct Words {
    head: Watched,
    tail: Watched,
    words: [Watched; WORDS],
}

impl Words {
    /// An empty ring at `position`, with rubbish of earlier laps in all words but one.
    fn new(position: u64) -> Arc<Self> {
        let first = (position % CAPACITY / 8) as usize;
        let word = |index| Watched::new(if index == first { 0 } else { u64::MAX });
        let (head, tail) = (Watched::new(position), Watched::new(position));
        Arc::new(Self { head, tail, words: std::array::from_fn(word) })
    }

    /// Reads a message's word once more.
    fn touch(&self, bytes: &[u8]) {
        let base = (&raw const self.words).addr();
        let word = &self.words[(bytes.as_ptr().addr() - base) / size_of::<Watched>()];
        word.message.with(|cell| assert_eq!(cell.cast(), bytes.as_ptr()));
    }
}

// SAFETY: an `Arc` keeps the words in their place; 64 bytes.
unsafe impl Memory for Arc<Words> {
    type Word = Watched;

    fn capacity(&self) -> u64 {
        CAPACITY
    }

    fn head(&self) -> &Watched {
        &self.head
    }

    fn tail(&self) -> &Watched {
        &self.tail
    }

    fn header(&self, offset: u64) -> &Watched {
        &self.words[offset as usize / 8]
    }

    // The tests' messages are one whole word, so a slice is one cell.
    unsafe fn bytes(&self, offset: u64, length: usize) -> &[u8] {
        assert_eq!(length, 8);
        let cell = self.words[offset as usize / 8].message.with(|cell| cell);
        // SAFETY: the ring's contract, which the checker watches.
        unsafe { slice::from_raw_parts(cell.cast(), length) }
    }

    unsafe fn bytes_mut(&self, offset: u64, length: usize) -> &mut [u8] {
        assert_eq!(length, 8);
        let word = &self.words[offset as usize / 8];
        word.header_loads.with_mut(|_| ());
        // What a reader of this word as a header would meet.
        word.header.store(u64::MAX, Ordering::Relaxed);
        let cell = word.message.with_mut(|cell| cell);
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
        let memory = Words::new(start);
        // SAFETY: the only producer and the only consumer of this memory.
        let mut producer = unsafe { Producer::attach(Arc::clone(&memory)) }.unwrap();
        // SAFETY: as above.
        let mut consumer = unsafe { Consumer::attach(Arc::clone(&memory)) }.unwrap();
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
                // What the handler still reads is still its own; this load lets the producer in.
                memory.tail.load_relaxed();
                memory.touch(bytes);
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
    explore("wrapping with padding", CAPACITY * 3 - 24, 1, 3);
}

#[test]
fn full_until_released() {
    // A, B, padding and C fill the ring; D lies over A.
    explore("full until released", CAPACITY * 3 - 40, 3, 4);
}

#[test]
fn full_to_the_last_word() {
    // A to D would fill the ring to its last byte, and leave no header behind D.
    explore("full to the last word", CAPACITY * 3, 3, 4);
}
