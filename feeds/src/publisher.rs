//! Packs sequenced messages into datagrams, and keeps the line alive in silence.
//!
//! Messages that were given before a poll share datagrams, up to their largest size; nothing
//! ever waits to be packed. The number and the bytes of a message depend on nothing but the
//! messages before it; only how they are packed depends on when the datagrams are polled, and
//! receivers arbitrate by message. No clock and no socket: time is an argument.
//! Spec: MoldUDP64 1.00, "Heartbeats" and "End of Session".

use std::fmt;

use crate::limits::{DATAGRAM_BYTES_MAX, DATAGRAMS_READY_MAX, MESSAGE_BYTES_MAX};
use crate::mold::{
    COUNT_END_OF_SESSION, COUNT_HEARTBEAT, COUNT_MAX, HEADER_BYTES, Header, Kind, LENGTH_BYTES,
    Session,
};

/// Silence after which a heartbeat goes out.
pub const HEARTBEAT_INTERVAL_NS: u64 = 1_000_000_000;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// It does not fit a datagram.
    MessageTooLarge {
        /// Its size; the most is [`MESSAGE_BYTES_MAX`].
        bytes: usize,
    },
    /// As many datagrams are ready as are kept: poll them first.
    Full,
    /// The session has ended.
    Ended {
        /// What would have been the message's number.
        sequence: u64,
    },
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooLarge { bytes } => {
                write!(f, "a message of {bytes} bytes: the most is {MESSAGE_BYTES_MAX}")
            }
            Self::Full => write!(f, "{DATAGRAMS_READY_MAX} datagrams are ready and not sent"),
            Self::Ended { sequence } => {
                write!(f, "the session has ended: no message {sequence} can follow")
            }
        }
    }
}

impl std::error::Error for PublishError {}

/// Bytes to send, once on each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Messages, a heartbeat, or the end of the session.
    pub kind: Kind,
    /// The whole payload.
    pub bytes: &'a [u8],
}

struct Slot {
    sequence: u64,
    count: u16,
    length: usize,
    bytes: [u8; DATAGRAM_BYTES_MAX],
}

impl Slot {
    fn emit_header(&mut self, session: Session) {
        let header = Header { session, sequence: self.sequence, count: self.count };
        header.emit(self.bytes.first_chunk_mut().expect("longer than a header"));
    }
}

/// One session's sender. Calling order: `on_message` for each message, then `poll_datagram`
/// until `None`; wake at `next_deadline`; `on_end` after the last message. Who sends many
/// datagrams at once calls `ready_batch` and `on_sent` first, until nothing is ready.
pub struct Publisher {
    session: Session,
    next_sequence: u64,
    /// A ring: `used` slots from `first`; only the last of them still takes messages.
    slots: Box<[Slot]>,
    first: usize,
    used: usize,
    silence: [u8; HEADER_BYTES],
    silence_due_ns: u64,
    ended: bool,
}

impl Publisher {
    /// A sender whose first message will be `next_sequence`. It announces itself: a heartbeat is
    /// due at `now_ns`.
    ///
    /// # Panics
    /// If `next_sequence` is 0: a session begins with 1.
    #[must_use]
    pub fn new(session: Session, next_sequence: u64, now_ns: u64) -> Publisher {
        assert!(next_sequence > 0, "a session begins with message 1");
        let slot = || Slot { sequence: 0, count: 0, length: 0, bytes: [0; DATAGRAM_BYTES_MAX] };
        Publisher {
            session,
            next_sequence,
            slots: (0..DATAGRAMS_READY_MAX).map(|_| slot()).collect(),
            first: 0,
            used: 0,
            silence: [0; HEADER_BYTES],
            silence_due_ns: now_ns,
            ended: false,
        }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session
    }

    /// The number that the next message will have.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Datagrams with messages that wait to be polled.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.used
    }

    /// Takes a message and says its number.
    ///
    /// # Errors
    /// A message too large, more datagrams ready than are kept, or a session that has ended; the
    /// message was then not taken and has no number.
    pub fn on_message(&mut self, message: &[u8]) -> Result<u64, PublishError> {
        let sequence = self.next_sequence;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(PublishError::MessageTooLarge { bytes: message.len() });
        }
        if self.ended {
            return Err(PublishError::Ended { sequence });
        }
        let block = LENGTH_BYTES + message.len();
        let open = self.used.checked_sub(1).map(|last| (self.first + last) % self.slots.len());
        let fits =
            |slot: &Slot| slot.length + block <= DATAGRAM_BYTES_MAX && slot.count < COUNT_MAX;
        let index = match open {
            Some(index) if fits(&self.slots[index]) => index,
            _ => self.open_slot()?,
        };
        let length = u16::try_from(message.len()).expect("checked above");
        let slot = &mut self.slots[index];
        let (start, end) = (slot.length + LENGTH_BYTES, slot.length + block);
        slot.bytes[slot.length..start].copy_from_slice(&length.to_be_bytes());
        slot.bytes[start..end].copy_from_slice(message);
        slot.length = end;
        slot.count += 1;
        self.next_sequence += 1;
        Ok(sequence)
    }

    /// Counts a message that was sent before, by this publisher's predecessor, and says its number.
    ///
    /// # Panics
    /// If datagrams are ready, or the session has ended: what was sent before comes first.
    pub fn skip(&mut self) -> u64 {
        assert!(self.used == 0 && !self.ended, "messages sent before come before all others");
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    fn open_slot(&mut self) -> Result<usize, PublishError> {
        if self.used == self.slots.len() {
            return Err(PublishError::Full);
        }
        let index = (self.first + self.used) % self.slots.len();
        self.used += 1;
        let slot = &mut self.slots[index];
        (slot.sequence, slot.count, slot.length) = (self.next_sequence, 0, HEADER_BYTES);
        Ok(index)
    }

    /// No message follows: once what is ready has been polled, ends of session take the place of
    /// heartbeats, the first one at once.
    pub fn on_end(&mut self, now_ns: u64) {
        if !self.ended {
            self.ended = true;
            self.silence_due_ns = now_ns;
        }
    }

    /// The datagrams with messages that are ready, in order, as many as `batch` takes; how many.
    /// They stay ready until `on_sent`.
    #[must_use]
    pub fn ready_batch<'a>(&'a mut self, batch: &mut [&'a [u8]]) -> usize {
        let count = self.used.min(batch.len());
        for offset in 0..count {
            let index = (self.first + offset) % self.slots.len();
            self.slots[index].emit_header(self.session);
        }
        for (offset, datagram) in batch.iter_mut().take(count).enumerate() {
            let slot = &self.slots[(self.first + offset) % self.slots.len()];
            *datagram = &slot.bytes[..slot.length];
        }
        count
    }

    /// The first `count` datagrams of the last `ready_batch` were sent.
    ///
    /// # Panics
    /// If fewer are ready.
    pub fn on_sent(&mut self, count: usize, now_ns: u64) {
        assert!(count <= self.used, "{count} datagrams sent of {}", self.used);
        self.first = (self.first + count) % self.slots.len();
        self.used -= count;
        // An end that was announced while messages were ready still goes out at once.
        if count > 0 && !self.ended {
            self.silence_due_ns = now_ns + HEARTBEAT_INTERVAL_NS;
        }
    }

    /// The next datagram to send: messages first, else a heartbeat or an end of session when one
    /// is due.
    #[must_use]
    pub fn poll_datagram(&mut self, now_ns: u64) -> Option<Datagram<'_>> {
        if self.used == 0 {
            return self.poll_silence(now_ns);
        }
        let index = self.first;
        self.slots[index].emit_header(self.session);
        self.on_sent(1, now_ns);
        let slot = &self.slots[index];
        Some(Datagram { kind: Kind::Data, bytes: &slot.bytes[..slot.length] })
    }

    fn poll_silence(&mut self, now_ns: u64) -> Option<Datagram<'_>> {
        if now_ns < self.silence_due_ns {
            return None;
        }
        self.silence_due_ns = now_ns + HEARTBEAT_INTERVAL_NS;
        let (count, kind) = if self.ended {
            (COUNT_END_OF_SESSION, Kind::EndOfSession)
        } else {
            (COUNT_HEARTBEAT, Kind::Heartbeat)
        };
        Header { session: self.session, sequence: self.next_sequence, count }
            .emit(&mut self.silence);
        Some(Datagram { kind, bytes: &self.silence })
    }

    /// When to poll even though no message came: the time of the next heartbeat.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        self.silence_due_ns
    }
}

#[cfg(test)]
mod tests;
