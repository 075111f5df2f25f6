//! A ring's memory: one block with the positions beside the bytes.
//!
//! Everything a ring is lies in the block, at fixed places, so the same layout serves process
//! memory and a file mapped by two processes.
//!
//! ```text
//!  line 0: the file's header, the marks   line 1: tail   line 2: head   line 3 on: the bytes
//! ```
#![expect(unsafe_code, reason = "hands out parts of one shared block by position")]

use super::spsc::{Consumer, Mark, Memory, Producer, Word};
use std::any::Any;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of a line: 128 bytes, because processors fetch cache lines of 64 in pairs.
const LINE_WORDS: usize = 16;

const TAIL_LINE: usize = 1;
const HEAD_LINE: usize = 2;
const BYTES_LINE: usize = 3;

/// Where the marks are in line 0, behind the file's own words: they change when a side comes, and
/// when the ring is full, so that one line for all of them costs nothing.
const MARKS_WORD: usize = 8;

/// The smallest ring: four records of eight bytes.
const CAPACITY_BYTES_MIN: usize = 64;

/// The largest ring: a length is 32 bits wide, and more than this is a log.
const CAPACITY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Whether a ring can have this capacity.
pub(super) fn is_capacity(bytes: u64) -> bool {
    let range = CAPACITY_BYTES_MIN as u64..=CAPACITY_BYTES_MAX as u64;
    bytes.is_power_of_two() && range.contains(&bytes)
}

/// Bytes of a block with room for `capacity_bytes`.
pub(super) const fn block_bytes(capacity_bytes: usize) -> usize {
    (BYTES_LINE * LINE_WORDS * 8 + capacity_bytes).next_multiple_of(LINE_WORDS * 8)
}

#[repr(align(128))]
struct Line(
    #[expect(dead_code, reason = "reached by position in the block")] [AtomicU64; LINE_WORDS],
);

const _: () = assert!(size_of::<Line>() == LINE_WORDS * 8);

/// A block of memory that holds a ring.
pub struct Block {
    /// The first word; `owner` keeps the memory alive and in its place.
    words: NonNull<AtomicU64>,
    capacity: u64,
    /// Whether a stranger may write it at any time.
    foreign: bool,
    owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the words are atomics; the bytes between them are reached only through the unsafe
// methods of `Memory`, whose callers order them.
unsafe impl Send for Block {}

impl Block {
    /// A new, empty block in this process.
    ///
    /// # Panics
    ///
    /// Where the capacity is no power of two from 64 bytes to 1 GiB.
    pub(super) fn new(capacity_bytes: usize) -> Self {
        assert!(
            is_capacity(capacity_bytes as u64),
            "a ring of {capacity_bytes} bytes: not a power of two from {CAPACITY_BYTES_MIN} to \
             {CAPACITY_BYTES_MAX}"
        );
        let lines = block_bytes(capacity_bytes) / (LINE_WORDS * 8);
        let zero = || Line([const { AtomicU64::new(0) }; LINE_WORDS]);
        let owner: Arc<[Line]> = (0..lines).map(|_| zero()).collect();
        let words = NonNull::from(&*owner).cast();
        Self { words, capacity: capacity_bytes as u64, foreign: false, owner: Arc::new(owner) }
    }

    /// A block that lies in memory of `owner`, from `words` on, which other processes write too.
    ///
    /// # Safety
    ///
    /// `owner` keeps [`block_bytes`] of `capacity_bytes` from `words` on alive, in their place and
    /// writable; `words` is aligned as a line; the capacity is one that a ring can have.
    pub(super) unsafe fn mapped(
        words: NonNull<AtomicU64>,
        capacity_bytes: usize,
        owner: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self { words, capacity: capacity_bytes as u64, foreign: true, owner }
    }

    /// The same block again, for the other side.
    #[must_use]
    pub(super) fn share(&self) -> Self {
        Self { owner: Arc::clone(&self.owner), ..*self }
    }

    /// The word `index`, counted from the block's beginning.
    #[inline]
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the callers' indexes lie within the block, which lives as long as `owner`;
        // the one word named here is never part of a slice while another thread uses it.
        unsafe { self.words.add(index).as_ref() }
    }

    /// The byte at `offset` of the ring.
    #[inline]
    fn byte(&self, offset: u64) -> *mut u8 {
        // SAFETY: callers stay within the capacity.
        unsafe {
            self.words.as_ptr().add(BYTES_LINE * LINE_WORDS).cast::<u8>().add(offset as usize)
        }
    }
}

impl Word for AtomicU64 {
    #[inline]
    fn load_relaxed(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn load_acquire(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    #[inline]
    fn store_relaxed(&self, value: u64) {
        self.store(value, Ordering::Relaxed);
    }

    #[inline]
    fn store_release(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
}

// SAFETY: `owner` keeps the block in its place; `new` checked the capacity and made whole lines.
unsafe impl Memory for Block {
    type Word = AtomicU64;

    #[inline]
    fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.word(HEAD_LINE * LINE_WORDS)
    }

    #[inline]
    fn tail(&self) -> &AtomicU64 {
        self.word(TAIL_LINE * LINE_WORDS)
    }

    #[inline]
    fn mark(&self, mark: Mark) -> &AtomicU64 {
        self.word(MARKS_WORD + mark as usize)
    }

    #[inline]
    fn is_foreign(&self) -> bool {
        self.foreign
    }

    #[inline]
    fn header(&self, offset: u64) -> &AtomicU64 {
        debug_assert!(offset < self.capacity && offset.is_multiple_of(8));
        self.word(BYTES_LINE * LINE_WORDS + offset as usize / 8)
    }

    #[inline]
    unsafe fn bytes(&self, offset: u64, length: usize) -> &[u8] {
        debug_assert!(offset + length as u64 <= self.capacity);
        // SAFETY: within the block, and unwritten meanwhile, as the caller promises.
        unsafe { slice::from_raw_parts(self.byte(offset), length) }
    }

    #[inline]
    unsafe fn bytes_mut(&self, offset: u64, length: usize) -> &mut [u8] {
        debug_assert!(offset + length as u64 <= self.capacity);
        // SAFETY: within the block, and untouched by others meanwhile, as the caller promises.
        unsafe { slice::from_raw_parts_mut(self.byte(offset), length) }
    }
}

/// A new ring in this process, `capacity_bytes` long, with its two sides.
///
/// # Panics
///
/// Where the capacity is no power of two from 64 bytes to 1 GiB.
///
/// ```
/// let (mut producer, mut consumer) = isochron::ring::pair(1024);
/// producer.try_write(b"first")?;
/// assert_eq!(consumer.read(10, |message| assert_eq!(message, b"first")), 1);
/// # Ok::<(), isochron::ring::Refusal>(())
/// ```
#[must_use]
pub fn pair(capacity_bytes: usize) -> (Producer, Consumer) {
    let block = Block::new(capacity_bytes);
    // SAFETY: the block is new, so these are its only producer and its only consumer.
    let sides = unsafe { (Producer::attach(block.share()), Consumer::attach(block)) };
    (sides.0.expect("a new block is consistent"), sides.1.expect("a new block is consistent"))
}
