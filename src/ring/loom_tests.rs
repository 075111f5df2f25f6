//! The ring under a model checker: every interleaving, with the orders that were asked for.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --lib ring -- --nocapture`.
#![expect(unsafe_code, reason = "implements the ring's memory with watched cells")]

use super::{Consumer, Mark, Memory, Producer, Refusal, Word};
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

/// The words of a ring, its two positions and its marks.
struct Words {
    head: Watched,
    tail: Watched,
    marks: [Watched; 4],
    words: [Watched; WORDS],
}

impl Words {
    /// An empty ring at `position`, with rubbish of earlier laps in all words but one.
    fn new(position: u64) -> Arc<Self> {
        let first = (position % CAPACITY / 8) as usize;
        let word = |index| Watched::new(if index == first { 0 } else { u64::MAX });
        let (head, tail) = (Watched::new(position), Watched::new(position));
        let marks = std::array::from_fn(|_| Watched::new(0));
        Arc::new(Self { head, tail, marks, words: std::array::from_fn(word) })
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

    fn mark(&self, mark: Mark) -> &Watched {
        &self.marks[mark as usize]
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

/// The producer dies at its second message, in a process of its own that the next one waits for
/// (it has the lock); the next one goes on, while the consumer reads. `whole` is how far the dead
/// one had come with it.
fn explore_death(name: &str, whole: bool) {
    let executions = Arc::new(PlainU64::new(0));
    let executions_seen = Arc::clone(&executions);
    loom::model::Builder::new().check(move || {
        executions_seen.fetch_add(1, PlainOrdering::Relaxed);
        // The second message wraps, so that the dead producer leaves padding behind too.
        let memory = Words::new(CAPACITY * 3 - 24);
        // SAFETY: the only consumer of this memory.
        let mut consumer = unsafe { Consumer::attach(Arc::clone(&memory)) }.unwrap();
        let theirs = Arc::clone(&memory);
        let first = loom::thread::spawn(move || {
            // SAFETY: the only producer until it is dropped.
            let mut producer = unsafe { Producer::attach(theirs) }.unwrap();
            producer.try_write(&1_u64.to_le_bytes()).unwrap();
            let mut claim = producer.try_claim(8).unwrap();
            claim.copy_from_slice(&2_u64.to_le_bytes());
            if whole {
                claim.commit_and_die();
            }
        });
        let second = loom::thread::spawn(move || {
            first.join().unwrap();
            // SAFETY: the first has died.
            let mut producer = unsafe { Producer::attach(memory) }.unwrap();
            for number in if whole { 3..=3_u64 } else { 2..=3_u64 } {
                producer.try_write(&number.to_le_bytes()).unwrap();
            }
        });
        let mut next = 1_u64;
        while next <= 3 {
            let read = consumer.read(1, |bytes| {
                assert_eq!(bytes, next.to_le_bytes());
                next += 1;
            });
            assert_eq!(consumer.fault(), None);
            if read == 0 {
                loom::thread::yield_now();
            }
        }
        second.join().unwrap();
        assert_eq!(consumer.peek(), None);
    });
    let executions = executions.load(PlainOrdering::Relaxed);
    println!("loom: ring {name}: {executions} executions");
    assert!(executions > 1);
}

#[test]
fn a_producer_that_dies_between_claim_and_publish_is_followed() {
    explore_death("producer dies before publishing", false);
}

#[test]
fn a_producer_that_dies_between_header_and_tail_is_followed() {
    explore_death("producer dies after publishing", true);
}

/// A consumer dies and another takes its place while the producer writes: nothing that was
/// written before the producer knew of it reaches the new one, everything after does, in order.
#[test]
fn a_new_consumer_is_joined() {
    let executions = Arc::new(PlainU64::new(0));
    let renewals = Arc::new(PlainU64::new(0));
    let passed = Arc::new(PlainU64::new(0));
    let (executions_seen, renewals_seen) = (Arc::clone(&executions), Arc::clone(&renewals));
    let passed_seen = Arc::clone(&passed);
    loom::model::Builder::new().check(move || {
        executions_seen.fetch_add(1, PlainOrdering::Relaxed);
        let memory = Words::new(0);
        // SAFETY: the only producer and, until it is dropped, the only consumer.
        let mut producer = unsafe { Producer::attach(Arc::clone(&memory)) }.unwrap();
        // SAFETY: as above.
        drop(unsafe { Consumer::attach(Arc::clone(&memory)) }.unwrap());
        producer.try_write(&1_u64.to_le_bytes()).unwrap();
        let renewals_seen = Arc::clone(&renewals_seen);
        let writing = loom::thread::spawn(move || {
            // The number of the first message meant for the new consumer.
            let mut joined = u64::MAX;
            for number in 2..=3_u64 {
                while let Err(refusal) = producer.try_write(&number.to_le_bytes()) {
                    assert_eq!(refusal, Refusal::Renewed { generation: 1 });
                    assert_eq!(producer.rejoin(), Ok(1));
                    renewals_seen.fetch_add(1, PlainOrdering::Relaxed);
                    joined = number;
                }
            }
            joined
        });
        // SAFETY: the other consumer is gone.
        let mut consumer = unsafe { Consumer::renew(memory, 1) }.unwrap();
        let (mut skipped, mut read) = (Vec::new(), Vec::new());
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        consumer.skip(3, |bytes| skipped.push(number(bytes)));
        consumer.read(3, |bytes| read.push(number(bytes)));
        let joined = writing.join().unwrap();
        consumer.skip(3, |bytes| skipped.push(number(bytes)));
        consumer.read(3, |bytes| read.push(number(bytes)));
        assert_eq!(consumer.fault(), None);
        assert_eq!(skipped, (1..joined.min(4)).collect::<Vec<_>>());
        assert_eq!(read, (joined.min(4)..4).collect::<Vec<_>>());
        assert_eq!(consumer.is_joining(), joined == u64::MAX);
        passed_seen.fetch_add(skipped.len() as u64, PlainOrdering::Relaxed);
    });
    let executions = executions.load(PlainOrdering::Relaxed);
    let renewals = renewals.load(PlainOrdering::Relaxed);
    let passed = passed.load(PlainOrdering::Relaxed);
    println!(
        "loom: ring with a new consumer: {executions} executions, the producer noticed in \
         {renewals}, {passed} messages passed over"
    );
    assert!(executions > 1 && renewals > 0 && renewals < executions);
}
