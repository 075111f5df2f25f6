//! The single-producer single-consumer byte ring, over any memory and any atomics.
//!
//! One source for three homes: process memory, a mapped file shared by two processes, and the
//! atomics of a model checker. A record becomes visible by one store, of its header, with release
//! order, and that store comes last; so a producer that dies while it writes leaves a prefix of
//! its records, and the next producer goes on behind the last whole one.
//! Source: Agrona `OneToOneRingBuffer`, without the message type.
//!
//! A consumer that takes another's place takes nothing that was written before the producer knew
//! of it: those messages may have been half handled, so they are passed over
//! ([`Consumer::skip`]), and the producer is told ([`Refusal::Renewed`]). Three words carry that:
//!
//! ```text
//!  consumer: generation = g ───────────▶ producer: refuses to claim, once it has seen g
//!            passes over what is there             rejoin: joined at = its tail
//!            reads from joined at on ◀─────────────        joined = g
//! ```
//!
//! ```text
//!  0       4       8                  8 + length     aligned to 8
//!  +-------+-------+------------------+--------------+
//!  | bytes | kind  | message          | left as it is|   position = place in the endless stream
//!  +-------+-------+------------------+--------------+   offset = position modulo capacity
//!  \ header: one 64-bit word, bytes = 8 + length; 0 where no record is yet
//! ```
//!
//! Invariant: before a header is published, the header behind its record is 0. The consumer
//! therefore never reads a word of an earlier lap as a header.
#![expect(unsafe_code, reason = "bytes are shared between two threads, ordered by the headers")]

mod consumer;
mod producer;

pub use consumer::Consumer;
pub use producer::{Claim, Producer};

use std::fmt;
use std::slice;

/// Bytes of a header, and what records are aligned to.
pub(super) const HEADER_BYTES: u64 = 8;

/// A whole record that the consumer hands out.
const KIND_MESSAGE: u64 = 1;

/// The unused rest of a lap, behind which the next record begins at offset 0.
const KIND_PADDING: u64 = 2;

/// An atomic 64-bit word of the ring's memory.
pub trait Word {
    /// Loads without order.
    fn load_relaxed(&self) -> u64;
    /// Loads; what the storing thread did before its release store has then happened.
    fn load_acquire(&self) -> u64;
    /// Stores without order.
    fn store_relaxed(&self, value: u64);
    /// Stores after everything this thread did before.
    fn store_release(&self, value: u64);
}

/// The words of a ring beside its two positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The consumer's: which consumer reads, or that it has given the ring up.
    Generation,
    /// The producer's: the consumer that it knows of.
    Joined,
    /// The producer's: its position when it came to know of that consumer; set before `Joined`.
    JoinedAt,
    /// The producer's: messages that the ring was too full for.
    Refused,
}

/// The generation of a ring whose consumer met what no producer writes: nobody reads it any more.
pub(super) const DAMAGED: u64 = u64::MAX;

/// Where a ring lives: two positions, the marks and `capacity` bytes, all zero when new.
///
/// # Safety
///
/// All methods name the same memory for as long as the value lives, wherever it is moved;
/// `capacity` is a power of two, at least 64; headers are 8-byte aligned words of the bytes.
pub unsafe trait Memory {
    /// The atomics it is made of.
    type Word: Word;
    /// Bytes for records.
    fn capacity(&self) -> u64;
    /// The consumer's position: everything below it is free again.
    fn head(&self) -> &Self::Word;
    /// The producer's position, as it was before or after its newest record.
    fn tail(&self) -> &Self::Word;
    /// Another word.
    fn mark(&self, mark: Mark) -> &Self::Word;
    /// The word at `offset`, a multiple of 8 below the capacity.
    fn header(&self, offset: u64) -> &Self::Word;
    /// Whether the producer is a stranger, who may write bytes whenever he likes: then a consumer
    /// never makes a slice of them, and hands out a copy of its own.
    fn is_foreign(&self) -> bool {
        false
    }
    /// The bytes `offset..offset + length`.
    ///
    /// # Safety
    ///
    /// They lie within the capacity, and nobody writes them while the slice lives.
    unsafe fn bytes(&self, offset: u64, length: usize) -> &[u8];
    /// The bytes `offset..offset + length`, to be written.
    ///
    /// # Safety
    ///
    /// They lie within the capacity, and nobody else reads or writes them while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "exclusive by position, as the contract says")]
    unsafe fn bytes_mut(&self, offset: u64, length: usize) -> &mut [u8];
}

/// Why a ring did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The consumer has not yet freed enough; the same call succeeds later.
    Full {
        /// Bytes the record needs, with its header and what it wastes at the end of a lap.
        needed_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
    },
    /// The message never fits this ring.
    TooLong {
        /// Bytes of the message.
        length: usize,
        /// Bytes of the longest message.
        length_max: usize,
    },
    /// Another consumer has come. Of what was written so far it takes nothing; what its
    /// predecessor did not execute either was not accepted. [`Producer::rejoin`] goes on.
    Renewed {
        /// Which consumer it is.
        generation: u64,
    },
    /// The consumer met bytes that no producer writes, and reads no more.
    Damaged,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Full { needed_bytes, free_bytes } => {
                write!(f, "the ring is full: {needed_bytes} bytes needed, {free_bytes} free")
            }
            Refusal::TooLong { length, length_max } => {
                write!(f, "a message of {length} bytes, the ring takes {length_max} at most")
            }
            Refusal::Renewed { generation } => {
                write!(f, "consumer {generation} has come; it takes nothing written before")
            }
            Refusal::Damaged => write!(f, "the ring is damaged and not read any more"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a producer or consumer cannot go on from the positions it found in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The positions contradict each other or the capacity.
    Positions {
        /// The consumer's position.
        head: u64,
        /// The producer's position.
        tail: u64,
        /// Bytes for records.
        capacity: u64,
    },
    /// The header at the producer's position is none that a producer writes.
    Header(Fault),
    /// The consumer gave the ring up.
    Damaged,
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttachError::Positions { head, tail, capacity } => write!(
                f,
                "the ring's positions contradict each other: head {head}, tail {tail}, \
                 capacity {capacity}"
            ),
            AttachError::Header(fault) => fault.fmt(f),
            AttachError::Damaged => Refusal::Damaged.fmt(f),
        }
    }
}

impl std::error::Error for AttachError {}

/// A header that no producer writes: the other side damaged the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The position it was found at.
    pub position: u64,
    /// The word found there.
    pub header: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { position, header } = self;
        write!(f, "the ring is damaged: header {header:#018x} at position {position}")
    }
}

impl std::error::Error for Fault {}

/// What a header says.
enum Record {
    /// Not yet written.
    Absent,
    /// A message of that many bytes.
    Message(usize),
    /// Nothing up to the end of the lap, that many bytes.
    Padding(u64),
}

/// Bytes of a message's record with its header, aligned.
const fn record_bytes(length: usize) -> u64 {
    (HEADER_BYTES + length as u64).next_multiple_of(HEADER_BYTES)
}

/// Bytes of the longest message: its record is a quarter of the ring, so that a record and the
/// padding before it always fit an empty ring, and a few messages are under way at once.
const fn length_max(capacity: u64) -> usize {
    (capacity / 4 - HEADER_BYTES) as usize
}

/// Reads the header at `position`, which a damaged neighbour may have written.
fn parse<M: Memory>(memory: &M, position: u64) -> Result<Record, Fault> {
    let capacity = memory.capacity();
    let offset = position & (capacity - 1);
    let header = memory.header(offset).load_acquire();
    if header == 0 {
        return Ok(Record::Absent);
    }
    let (kind, bytes) = (header >> 32, header & 0xffff_ffff);
    let bytes_to_end = capacity - offset;
    let is_message = kind == KIND_MESSAGE
        && bytes >= HEADER_BYTES
        && bytes <= bytes_to_end
        && bytes - HEADER_BYTES <= length_max(capacity) as u64;
    if is_message {
        Ok(Record::Message((bytes - HEADER_BYTES) as usize))
    } else if kind == KIND_PADDING && bytes == bytes_to_end && offset != 0 {
        Ok(Record::Padding(bytes))
    } else {
        Err(Fault { position, header })
    }
}

/// The message in the record at `position`: itself, or a copy where a stranger might change it.
#[inline]
fn message<'a, M: Memory>(
    memory: &'a M,
    copy: &'a mut [u64],
    position: u64,
    length: usize,
) -> &'a [u8] {
    let offset = (position & (memory.capacity() - 1)) + HEADER_BYTES;
    if !memory.is_foreign() {
        // SAFETY: its header was loaded with acquire order after its producer wrote the bytes;
        // `parse` found them within this lap; the producer leaves them alone until they are
        // freed, and the caller borrows the consumer until then.
        return unsafe { memory.bytes(offset, length) };
    }
    let words = &mut copy[..length.div_ceil(HEADER_BYTES as usize)];
    for (word, offset) in words.iter_mut().zip((offset..).step_by(HEADER_BYTES as usize)) {
        *word = memory.header(offset).load_relaxed();
    }
    // SAFETY: initialized words of our own, at least `length` bytes of them.
    unsafe { slice::from_raw_parts(words.as_ptr().cast(), length) }
}
