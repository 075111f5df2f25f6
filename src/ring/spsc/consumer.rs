//! The reading side: records are handed out in order, and freed one by one.
//!
//! It believes nothing that a header says before it fits the ring; at the first that does not, it
//! stops for good.
#![expect(unsafe_code, reason = "bytes are shared between two threads, ordered by the headers")]

use super::super::block::Block;
use super::{
    AttachError, DAMAGED, Fault, HEADER_BYTES, Mark, Memory, Record, Word, message, parse,
    record_bytes,
};

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
