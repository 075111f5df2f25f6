//! The writing side: space is claimed, filled, and shown by one store.
//!
//! What another process may have done to the memory is looked at where it is attached and where
//! the consumer's position is read; a producer that is refused has changed nothing.
#![expect(unsafe_code, reason = "bytes are shared between two threads, ordered by the headers")]

use super::super::block::Block;
use super::{
    AttachError, DAMAGED, HEADER_BYTES, KIND_MESSAGE, KIND_PADDING, Mark, Memory, Record, Refusal,
    Word, length_max, parse, record_bytes,
};
use std::ops::{Deref, DerefMut};

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
    pub(in crate::ring) fn commit_and_die(self) {
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
