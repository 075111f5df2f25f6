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

use super::block::Block;
use std::fmt;
use std::ops::{Deref, DerefMut};
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
    /// The consumer's: which consumer reads, or [`DAMAGED`].
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

/// The writing side.
pub struct Producer<M: Memory = Block> {
    memory: M,
    tail: u64,
    /// The consumer's position when it was last looked at; the true one is not behind it.
    head_seen: u64,
    /// The consumer that this producer knows of.
    generation: u64,
    refused: u64,
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
        let aligned = head.is_multiple_of(HEADER_BYTES) && stored.is_multiple_of(HEADER_BYTES);
        if !aligned || stored > u64::MAX / 2 {
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
        let generation = memory.mark(Mark::Generation).load_acquire();
        if generation == DAMAGED {
            return Err(AttachError::Damaged);
        }
        memory.tail().store_release(tail);
        let refused = memory.mark(Mark::Refused).load_relaxed();
        let mut producer = Self { memory, tail, head_seen: head, generation, refused };
        // What the last producer wrote for this same consumer is still to be taken.
        if producer.memory.mark(Mark::Joined).load_relaxed() != generation {
            producer.join(generation);
        }
        Ok(producer)
    }

    /// Tells the consumer from where on everything is meant for it.
    fn join(&mut self, generation: u64) {
        self.generation = generation;
        self.memory.mark(Mark::JoinedAt).store_relaxed(self.tail);
        self.memory.mark(Mark::Joined).store_release(generation);
    }

    /// Goes on after [`Refusal::Renewed`]: what is written from now on is meant for the consumer
    /// that came; returns its generation. Whoever wants to know first what of the messages
    /// before was executed finds out before this call.
    ///
    /// # Errors
    ///
    /// Where the consumer has given the ring up.
    pub fn rejoin(&mut self) -> Result<u64, Refusal> {
        let generation = self.memory.mark(Mark::Generation).load_acquire();
        if generation == DAMAGED {
            return Err(Refusal::Damaged);
        }
        self.join(generation);
        Ok(generation)
    }

    /// Whether the consumer is the one that this producer knows of; [`try_claim`](Self::try_claim)
    /// asks too, this is for a producer that has nothing to write.
    ///
    /// # Errors
    ///
    /// [`Refusal::Renewed`] or [`Refusal::Damaged`] where it is not.
    #[inline]
    pub fn check(&self) -> Result<(), Refusal> {
        match self.memory.mark(Mark::Generation).load_acquire() {
            generation if generation == self.generation => Ok(()),
            DAMAGED => Err(Refusal::Damaged),
            generation => Err(Refusal::Renewed { generation }),
        }
    }

    /// The consumer that this producer knows of; 0 where none has come yet.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Messages that the ring was too full for, by this producer and those before it.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
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
    /// Where it does not fit, now or ever; where another consumer has come, or none will read it.
    #[inline]
    pub fn try_claim(&mut self, length: usize) -> Result<Claim<'_, M>, Refusal> {
        self.check()?;
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
        self.refused += 1;
        self.memory.mark(Mark::Refused).store_relaxed(self.refused);
        Err(Refusal::Full { needed_bytes, free_bytes })
    }

    /// Makes the record of `bytes` at the tail visible. The header behind it was reserved too.
    #[inline]
    fn publish(&mut self, kind: u64, bytes: u64) {
        let next = self.show(kind, bytes);
        self.tail = next;
        self.memory.tail().store_release(next);
    }

    /// The first half of it: after this the consumer has the record, also where the producer dies
    /// before it moves its tail. Returns the next position.
    #[inline]
    fn show(&self, kind: u64, bytes: u64) -> u64 {
        let mask = self.memory.capacity() - 1;
        let next = self.tail + bytes.next_multiple_of(HEADER_BYTES);
        self.memory.header(next & mask).store_relaxed(0);
        self.memory.header(self.tail & mask).store_release(kind << 32 | bytes);
        next
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

    /// Hands the message over and dies before the tail follows.
    #[cfg(all(test, loom))]
    pub(super) fn commit_and_die(self) {
        self.producer.show(KIND_MESSAGE, HEADER_BYTES + self.length as u64);
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

/// What a consumer does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It passes over what was written before the producer knew of it.
    Joining,
    /// It reads.
    Reading,
    /// It met what no producer writes, and reads no more.
    Damaged(Fault),
}

/// The reading side.
pub struct Consumer<M: Memory = Block> {
    memory: M,
    head: u64,
    /// Records before it were looked at ahead.
    ahead: u64,
    /// Bytes of the record that `peek` handed out, 0 where it handed out none.
    peeked_bytes: u64,
    generation: u64,
    state: State,
    /// Room for one message, where the memory is a stranger's too.
    copy: Box<[u64]>,
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
        let generation = memory.mark(Mark::Generation).load_relaxed();
        let words = if memory.is_foreign() { memory.capacity() as usize / 4 / 8 } else { 0 };
        let copy = vec![0; words].into();
        let (ahead, state) = (head, State::Reading);
        Ok(Self { memory, head, ahead, peeked_bytes: 0, generation, state, copy })
    }

    /// Takes the place of the memory's last consumer, which may have died, as `generation`; no two
    /// consumers of a memory have the same. It is [joining](Self::is_joining) at first.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    ///
    /// # Safety
    ///
    /// The memory has no other consumer as long as this one lives.
    ///
    /// # Panics
    ///
    /// Where the generation is 0, no consumer's, or the one that stands for damage.
    pub unsafe fn renew(memory: M, generation: u64) -> Result<Self, AttachError> {
        assert!(generation != 0 && generation != DAMAGED, "generation {generation}");
        // SAFETY: the caller's word.
        let mut consumer = unsafe { Self::attach(memory) }?;
        (consumer.generation, consumer.state) = (generation, State::Joining);
        consumer.memory.mark(Mark::Generation).store_release(generation);
        Ok(consumer)
    }

    /// Whether the producer does not know of this consumer yet, or what it wrote before has not
    /// been passed over: until then there is nothing to read, and [`skip`](Self::skip) is to be
    /// called.
    #[must_use]
    #[inline]
    pub fn is_joining(&self) -> bool {
        self.state == State::Joining
    }

    /// Passes over at most `limit` messages that were written before the producer knew of this
    /// consumer, oldest first; they are handed to `handler` for the record, not to be executed.
    /// Returns how many there were.
    pub fn skip(&mut self, limit: usize, mut handler: impl FnMut(&[u8])) -> usize {
        if !self.is_joining() {
            return 0;
        }
        // In this order: a tail that lies behind the joint was stored after it, so that the joint
        // is seen too.
        let tail = self.memory.tail().load_acquire();
        let joined = self.memory.mark(Mark::Joined).load_acquire() == self.generation;
        let joined_at = self.memory.mark(Mark::JoinedAt).load_relaxed();
        let end = if joined { joined_at } else { tail.max(self.head) };
        if end.wrapping_sub(self.head) > self.memory.capacity() {
            self.damage(Fault { position: end, header: self.head });
            return 0;
        }
        let mut count = 0;
        while self.head < end && count < limit {
            match parse(&self.memory, self.head) {
                Ok(Record::Message(length)) => {
                    handler(message(&self.memory, &mut self.copy, self.head, length));
                    self.free(record_bytes(length));
                    count += 1;
                }
                Ok(Record::Padding(bytes)) => self.free(bytes),
                Ok(Record::Absent) => {
                    self.damage(Fault { position: self.head, header: 0 });
                    return count;
                }
                Err(fault) => {
                    self.damage(fault);
                    return count;
                }
            }
        }
        if joined && self.head > end {
            self.damage(Fault { position: end, header: self.head });
        } else if joined && self.head == end {
            self.state = State::Reading;
        }
        count
    }

    /// The oldest message, which stays in the ring until [`release`](Self::release); `None`
    /// where there is none, where the ring is damaged ([`fault`](Self::fault)), or while it is
    /// [joining](Self::is_joining).
    #[inline]
    #[must_use]
    pub fn peek(&mut self) -> Option<&[u8]> {
        if self.state != State::Reading {
            return None;
        }
        loop {
            match parse(&self.memory, self.head) {
                Ok(Record::Absent) => return None,
                Ok(Record::Padding(bytes)) => self.free(bytes),
                Ok(Record::Message(length)) => {
                    self.peeked_bytes = record_bytes(length);
                    return Some(message(&self.memory, &mut self.copy, self.head, length));
                }
                Err(fault) => {
                    self.damage(fault);
                    return None;
                }
            }
        }
    }

    /// The oldest message that was not looked at ahead, nor freed; it stays in the ring. For those
    /// who begin to fetch what it will need. `None` as with [`peek`](Self::peek).
    #[inline]
    #[must_use]
    pub fn look_ahead(&mut self) -> Option<&[u8]> {
        loop {
            let at = self.ahead.max(self.head);
            if self.state != State::Reading || at - self.head >= self.memory.capacity() {
                return None;
            }
            match parse(&self.memory, at) {
                Ok(Record::Padding(bytes)) => self.ahead = at + bytes,
                Ok(Record::Message(length)) => {
                    self.ahead = at + record_bytes(length);
                    return Some(message(&self.memory, &mut self.copy, at, length));
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
    #[inline]
    pub fn fault(&self) -> Option<Fault> {
        match self.state {
            State::Damaged(fault) => Some(fault),
            State::Joining | State::Reading => None,
        }
    }

    /// Messages that the ring was too full for, as its producer counts them.
    #[must_use]
    #[inline]
    pub fn refused(&self) -> u64 {
        self.memory.mark(Mark::Refused).load_relaxed()
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

    /// Gives the ring up, and says so.
    #[cold]
    fn damage(&mut self, fault: Fault) {
        self.state = State::Damaged(fault);
        self.memory.mark(Mark::Generation).store_release(DAMAGED);
    }
}
