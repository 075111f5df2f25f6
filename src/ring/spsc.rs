//! The single-producer single-consumer byte ring, over any memory and any atomics.
//!
//! One source for three homes: process memory, a mapped file shared by two processes, and the
//! atomics of a model checker. A record becomes visible by one store, of its header, with release
//! order, and that store comes last; so a producer that dies while it writes leaves a prefix of
//! its records, and the next producer goes on behind the last whole one.
//! Source: Agrona `OneToOneRingBuffer`, without the message type.
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

use super::block::Block;
use std::fmt;
use std::ops::{Deref, DerefMut};

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

/// Where a ring lives: two positions and `capacity` bytes, all zero when new.
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
    /// The word at `offset`, a multiple of 8 below the capacity.
    fn header(&self, offset: u64) -> &Self::Word;
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

/// The writing side.
pub struct Producer<M: Memory = Block> {
    memory: M,
    tail: u64,
    /// The consumer's position when it was last looked at; the true one is not behind it.
    head_seen: u64,
}

impl<M: Memory> Producer<M> {
    /// Goes on where the memory's last producer stopped, or died.
    ///
    /// # Errors
    ///
    /// Where the positions or the newest header contradict each other.
    ///
    /// # Safety
    ///
    /// The memory has no other producer as long as this one lives.
    pub unsafe fn attach(memory: M) -> Result<Self, AttachError> {
        let head = memory.head().load_acquire();
        let stored = memory.tail().load_acquire();
        let contradiction =
            AttachError::Positions { head, tail: stored, capacity: memory.capacity() };
        if !stored.is_multiple_of(HEADER_BYTES) || stored > u64::MAX / 2 {
            return Err(contradiction);
        }
        // The producer may have died between the newest header and the tail: one record of
        // either kind, because each is followed by its own tail.
        let tail = match parse(&memory, stored).map_err(AttachError::Header)? {
            Record::Absent => stored,
            Record::Message(length) => stored + record_bytes(length),
            Record::Padding(bytes) => stored + bytes,
        };
        if head > tail || tail - head > memory.capacity() {
            return Err(contradiction);
        }
        memory.tail().store_release(tail);
        Ok(Self { memory, tail, head_seen: head })
    }

    /// Bytes of the longest message this ring takes.
    #[must_use]
    pub fn length_max(&self) -> usize {
        length_max(self.memory.capacity())
    }

    /// Bytes written and not yet freed by the consumer.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.tail.wrapping_sub(self.memory.head().load_relaxed())
    }

    /// Writes one message.
    ///
    /// # Errors
    ///
    /// Where it does not fit, now or ever; the ring is then as it was.
    #[inline]
    pub fn try_write(&mut self, message: &[u8]) -> Result<(), Refusal> {
        let mut claim = self.try_claim(message.len())?;
        claim.copy_from_slice(message);
        claim.commit();
        Ok(())
    }

    /// Space for one message of `length` bytes, to be encoded in place. What the space holds at
    /// first is left from earlier messages. Dropped without [`Claim::commit`], it is as if it
    /// had never been asked for.
    ///
    /// # Errors
    ///
    /// Where it does not fit, now or ever.
    #[inline]
    pub fn try_claim(&mut self, length: usize) -> Result<Claim<'_, M>, Refusal> {
        let capacity = self.memory.capacity();
        if length > length_max(capacity) {
            return Err(Refusal::TooLong { length, length_max: length_max(capacity) });
        }
        let record = record_bytes(length);
        let bytes_to_end = capacity - (self.tail & (capacity - 1));
        if record <= bytes_to_end {
            self.reserve(record + HEADER_BYTES)?;
        } else {
            self.reserve(bytes_to_end + record + HEADER_BYTES)?;
            self.publish(KIND_PADDING, bytes_to_end);
        }
        Ok(Claim { producer: self, length })
    }

    /// Makes sure that `needed_bytes` from the tail on are free.
    #[inline]
    fn reserve(&mut self, needed_bytes: u64) -> Result<(), Refusal> {
        let capacity = self.memory.capacity();
        if self.tail.wrapping_sub(self.head_seen).saturating_add(needed_bytes) <= capacity {
            return Ok(());
        }
        self.head_seen = self.memory.head().load_acquire();
        let used_bytes = self.tail.wrapping_sub(self.head_seen);
        if used_bytes.saturating_add(needed_bytes) <= capacity {
            return Ok(());
        }
        let free_bytes = capacity.saturating_sub(used_bytes);
        Err(Refusal::Full { needed_bytes, free_bytes })
    }

    /// Makes the record of `bytes` at the tail visible. The header behind it was reserved too.
    #[inline]
    fn publish(&mut self, kind: u64, bytes: u64) {
        let mask = self.memory.capacity() - 1;
        let next = self.tail + bytes.next_multiple_of(HEADER_BYTES);
        self.memory.header(next & mask).store_relaxed(0);
        self.memory.header(self.tail & mask).store_release(kind << 32 | bytes);
        self.tail = next;
        self.memory.tail().store_release(next);
    }
}

/// Space in a ring that holds a message in the making; nobody sees it before
/// [`commit`](Self::commit).
#[must_use = "what is not committed is not sent"]
pub struct Claim<'a, M: Memory> {
    producer: &'a mut Producer<M>,
    length: usize,
}

impl<M: Memory> Claim<'_, M> {
    /// Hands the message to the consumer.
    #[inline]
    pub fn commit(self) {
        self.producer.publish(KIND_MESSAGE, HEADER_BYTES + self.length as u64);
    }

    /// Where the message's bytes are.
    fn offset(&self) -> u64 {
        (self.producer.tail & (self.producer.memory.capacity() - 1)) + HEADER_BYTES
    }
}

impl<M: Memory> Deref for Claim<'_, M> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `try_claim` found the record whole within this lap and free, so the consumer
        // stays below it until `publish`; `self` is the only access to the producer.
        unsafe { self.producer.memory.bytes(self.offset(), self.length) }
    }
}

impl<M: Memory> DerefMut for Claim<'_, M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `&mut self` excludes another slice of it.
        unsafe { self.producer.memory.bytes_mut(self.offset(), self.length) }
    }
}

/// The reading side.
pub struct Consumer<M: Memory = Block> {
    memory: M,
    head: u64,
    /// Records before it were looked at ahead.
    ahead: u64,
    /// Bytes of the record that `peek` handed out, 0 where it handed out none.
    peeked_bytes: u64,
    fault: Option<Fault>,
}

impl<M: Memory> Consumer<M> {
    /// Goes on at the first record that the memory's last consumer did not free; one that it
    /// had handled but not freed comes again.
    ///
    /// # Errors
    ///
    /// Where the position is not the beginning of a record.
    ///
    /// # Safety
    ///
    /// The memory has no other consumer as long as this one lives.
    pub unsafe fn attach(memory: M) -> Result<Self, AttachError> {
        let head = memory.head().load_acquire();
        if !head.is_multiple_of(HEADER_BYTES) || head > u64::MAX / 2 {
            let (tail, capacity) = (memory.tail().load_acquire(), memory.capacity());
            return Err(AttachError::Positions { head, tail, capacity });
        }
        Ok(Self { memory, head, ahead: head, peeked_bytes: 0, fault: None })
    }

    /// The oldest message, which stays in the ring until [`release`](Self::release); `None`
    /// where there is none, or where the ring is damaged ([`fault`](Self::fault)).
    #[inline]
    #[must_use]
    pub fn peek(&mut self) -> Option<&[u8]> {
        loop {
            match parse(&self.memory, self.head) {
                Ok(Record::Absent) => return None,
                Ok(Record::Padding(bytes)) => self.free(bytes),
                Ok(Record::Message(length)) => {
                    self.peeked_bytes = record_bytes(length);
                    let offset = (self.head & (self.memory.capacity() - 1)) + HEADER_BYTES;
                    // SAFETY: the header was loaded with acquire order after its producer wrote
                    // the bytes; `parse` found them within this lap; the producer leaves them
                    // alone until `free`, which needs `&mut self`.
                    return Some(unsafe { self.memory.bytes(offset, length) });
                }
                Err(fault) => {
                    self.fault = Some(fault);
                    return None;
                }
            }
        }
    }

    /// The oldest message that was not looked at ahead, nor freed; it stays in the ring. For those
    /// who begin to fetch what it will need.
    #[inline]
    #[must_use]
    pub fn look_ahead(&mut self) -> Option<&[u8]> {
        loop {
            let at = self.ahead.max(self.head);
            match parse(&self.memory, at) {
                Ok(Record::Padding(bytes)) => self.ahead = at + bytes,
                Ok(Record::Message(length)) => {
                    self.ahead = at + record_bytes(length);
                    let offset = (at & (self.memory.capacity() - 1)) + HEADER_BYTES;
                    // SAFETY: as in `peek`; all from the head on is left alone until `free`.
                    return Some(unsafe { self.memory.bytes(offset, length) });
                }
                Ok(Record::Absent) | Err(_) => return None,
            }
        }
    }

    /// Frees the message that [`peek`](Self::peek) returned last.
    ///
    /// # Panics
    ///
    /// Where no message was peeked since the last release: it would be lost unseen.
    #[inline]
    pub fn release(&mut self) {
        assert!(self.peeked_bytes > 0, "release without a peeked message");
        let bytes = std::mem::take(&mut self.peeked_bytes);
        self.free(bytes);
    }

    /// Hands at most `limit` messages to `handler`, oldest first, each freed when the handler
    /// returns; returns how many there were.
    #[inline]
    pub fn read(&mut self, limit: usize, mut handler: impl FnMut(&[u8])) -> usize {
        for count in 0..limit {
            let Some(message) = self.peek() else { return count };
            handler(message);
            self.release();
        }
        limit
    }

    /// What stopped this consumer for good, if anything did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Bytes written and not yet freed.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.memory.tail().load_relaxed().saturating_sub(self.head)
    }

    /// Gives the oldest `bytes` back to the producer.
    #[inline]
    fn free(&mut self, bytes: u64) {
        self.head += bytes;
        self.memory.head().store_release(self.head);
    }
}
