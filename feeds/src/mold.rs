//! MoldUDP64 packets: what every datagram of a feed, and of a re-request, looks like.
//!
//! ```text
//!  0         10                18      20
//! ┌─────────┬─────────────────┬───────┬────────┬───────────┬────────┬─────
//! │ session │ sequence number │ count │ length │ message   │ length │ ...
//! │ 10 ANUM │ u64             │ u16   │ u16    │ `length`  │ u16    │
//! └─────────┴─────────────────┴───────┴────────┴───────────┴────────┴─────
//! ```
//!
//! Integers are big-endian. The sequence number is the first message's; the others follow by
//! one. Count 0 is a heartbeat and 0xFFFF the end of the session: both carry the *next* sequence
//! and no blocks. A request has the same 20 bytes and nothing after them.
//! Spec: Nasdaq MoldUDP64 1.00, "Downstream Packet" and "Request Packet".

use std::fmt;

mod field {
    use std::ops::{Range, RangeFrom};

    pub(super) const SESSION: Range<usize> = 0..10;
    pub(super) const SEQUENCE: Range<usize> = 10..18;
    pub(super) const COUNT: Range<usize> = 18..20;
    pub(super) const BLOCKS: RangeFrom<usize> = 20..;
}

/// Bytes of the header, and of a request.
pub const HEADER_BYTES: usize = field::BLOCKS.start;

/// Bytes of the length before each message.
pub const LENGTH_BYTES: usize = 2;

/// The count of a heartbeat.
pub const COUNT_HEARTBEAT: u16 = 0;

/// The count that ends a session.
pub const COUNT_END_OF_SESSION: u16 = 0xFFFF;

/// The most messages of one packet: the next count means something else.
pub const COUNT_MAX: u16 = 0xFFFE;

/// The name of a session: ten characters, letters, digits and blanks, compared as raw bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(pub [u8; 10]);

impl Session {
    /// Ten blanks: in a request for "the current session".
    pub const BLANK: Session = Session([b' '; 10]);

    /// The name, padded with blanks on the right; `None` where it is longer than ten characters
    /// or has others than ASCII letters, digits and blanks.
    #[must_use]
    pub fn new(name: &str) -> Option<Session> {
        let fits = name.len() <= 10;
        if !fits || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ') {
            return None;
        }
        let mut bytes = Self::BLANK.0;
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Session(bytes))
    }

    /// Whether it is all blanks.
    #[must_use]
    pub fn is_blank(self) -> bool {
        self == Self::BLANK
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1);
        self.0[..end].iter().try_for_each(|b| {
            let printable = (0x20..=0x7e).contains(b);
            write!(f, "{}", if printable { char::from(*b) } else { '?' })
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Why bytes are no MoldUDP64 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoldError {
    /// Shorter than a header.
    TooShort {
        /// Bytes there are.
        bytes: usize,
    },
    /// Fewer whole blocks than the count claims.
    CountTooHigh {
        /// The count field.
        claimed: u16,
        /// Whole blocks there are.
        found: u16,
    },
    /// A block's length passes the end of the packet.
    LengthTooHigh {
        /// Which block, from 0.
        block: u16,
        /// The length field.
        claimed: u16,
        /// Bytes left after it.
        found: usize,
    },
    /// Bytes after the last block, or after a heartbeat, an end of session or a request.
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// A session's first message is number 1.
    SequenceZero,
    /// The last message's number would not fit its 64 bits.
    SequenceOverflow {
        /// The first message's number.
        sequence: u64,
        /// The count field.
        count: u16,
    },
    /// A request for no message, or for the count that means the end of a session.
    RequestCount {
        /// The count field.
        count: u16,
    },
}

impl fmt::Display for MoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes } => {
                write!(f, "{bytes} bytes are no MoldUDP64 packet: its header has {HEADER_BYTES}")
            }
            Self::CountTooHigh { claimed, found } => {
                write!(f, "the packet claims {claimed} messages and has {found}")
            }
            Self::LengthTooHigh { block, claimed, found } => {
                write!(f, "message block {block} claims {claimed} bytes and has {found}")
            }
            Self::TrailingBytes { bytes } => write!(f, "{bytes} bytes after the packet's end"),
            Self::SequenceZero => write!(f, "sequence 0: a session begins with 1"),
            Self::SequenceOverflow { sequence, count } => {
                write!(f, "sequence {sequence} and {count} messages pass the largest number")
            }
            Self::RequestCount { count } => write!(f, "a request for {count} messages"),
        }
    }
}

impl std::error::Error for MoldError {}

/// What a downstream packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has messages.
    Data,
    /// It says which sequence comes next, and that the sender lives.
    Heartbeat,
    /// It says that nothing comes at or after its sequence.
    EndOfSession,
}

/// A downstream packet over bytes.
#[derive(Clone, Copy, Debug)]
pub struct Packet<T: AsRef<[u8]>> {
    buffer: T,
}

impl<T: AsRef<[u8]>> Packet<T> {
    /// The packet, once every count and length in it has been found true.
    ///
    /// # Errors
    /// Says which part is not: see [`MoldError`].
    pub fn new_checked(buffer: T) -> Result<Self, MoldError> {
        let packet = Self { buffer };
        packet.check()?;
        Ok(packet)
    }

    fn check(&self) -> Result<(), MoldError> {
        let bytes = self.buffer.as_ref();
        if bytes.len() < HEADER_BYTES {
            return Err(MoldError::TooShort { bytes: bytes.len() });
        }
        let (sequence, count) = (self.sequence(), self.count());
        if sequence == 0 {
            return Err(MoldError::SequenceZero);
        }
        let blocks = if self.kind() == Kind::Data { count } else { 0 };
        if sequence.checked_add(u64::from(blocks)).is_none() {
            return Err(MoldError::SequenceOverflow { sequence, count });
        }
        let mut rest = &bytes[field::BLOCKS];
        for block in 0..blocks {
            let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
                return Err(MoldError::CountTooHigh { claimed: count, found: block });
            };
            let claimed = u16::from_be_bytes(*length);
            let Some((_, next)) = after.split_at_checked(usize::from(claimed)) else {
                return Err(MoldError::LengthTooHigh { block, claimed, found: after.len() });
            };
            rest = next;
        }
        if !rest.is_empty() {
            return Err(MoldError::TrailingBytes { bytes: rest.len() });
        }
        Ok(())
    }

    /// The session that the packet belongs to.
    #[must_use]
    pub fn session(&self) -> Session {
        Session(array(&self.buffer.as_ref()[field::SESSION]))
    }

    /// The number of the first message; of the next one to come where there is none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        u64::from_be_bytes(array(&self.buffer.as_ref()[field::SEQUENCE]))
    }

    /// The count field as it stands.
    #[must_use]
    pub fn count(&self) -> u16 {
        u16::from_be_bytes(array(&self.buffer.as_ref()[field::COUNT]))
    }

    /// What the packet is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.count() {
            COUNT_HEARTBEAT => Kind::Heartbeat,
            COUNT_END_OF_SESSION => Kind::EndOfSession,
            _ => Kind::Data,
        }
    }

    /// The number of the first message after this packet.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        match self.kind() {
            Kind::Data => self.sequence() + u64::from(self.count()),
            Kind::Heartbeat | Kind::EndOfSession => self.sequence(),
        }
    }

    /// The messages with their numbers, in order.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        let count = if self.kind() == Kind::Data { self.count() } else { 0 };
        Messages {
            sequence: self.sequence(),
            left: count,
            rest: &self.buffer.as_ref()[field::BLOCKS],
        }
    }
}

impl<T: AsRef<[u8]>> fmt::Display for Packet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (session, sequence) = (self.session(), self.sequence());
        match self.kind() {
            Kind::Data => {
                write!(f, "MoldUDP64 {session} {sequence} +{}", self.count())
            }
            Kind::Heartbeat => write!(f, "MoldUDP64 {session} heartbeat, next {sequence}"),
            Kind::EndOfSession => write!(f, "MoldUDP64 {session} ended, next {sequence}"),
        }
    }
}

/// The messages of a packet: number and bytes of each.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    sequence: u64,
    left: u16,
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = (u64, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let (length, after) = self.rest.split_first_chunk::<LENGTH_BYTES>()?;
        let (message, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let sequence = self.sequence;
        self.rest = rest;
        self.left -= 1;
        self.sequence += 1;
        Some((sequence, message))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

/// The header of a downstream packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The session.
    pub session: Session,
    /// The number of the first message, or of the next one to come.
    pub sequence: u64,
    /// Messages that follow, or [`COUNT_HEARTBEAT`], or [`COUNT_END_OF_SESSION`].
    pub count: u16,
}

impl Header {
    /// The header of bytes that are long enough; nothing after it is looked at.
    ///
    /// # Errors
    /// [`MoldError::TooShort`].
    pub fn parse(bytes: &[u8]) -> Result<Header, MoldError> {
        if bytes.len() < HEADER_BYTES {
            return Err(MoldError::TooShort { bytes: bytes.len() });
        }
        let packet = Packet { buffer: bytes };
        Ok(Header { session: packet.session(), sequence: packet.sequence(), count: packet.count() })
    }

    /// Writes the header.
    pub fn emit(&self, buffer: &mut [u8; HEADER_BYTES]) {
        buffer[field::SESSION].copy_from_slice(&self.session.0);
        buffer[field::SEQUENCE].copy_from_slice(&self.sequence.to_be_bytes());
        buffer[field::COUNT].copy_from_slice(&self.count.to_be_bytes());
    }
}

/// A request for messages again, from a client to a re-request server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The session they belong to.
    pub session: Session,
    /// The number of the first one wanted, from 1.
    pub sequence: u64,
    /// How many, 1 to [`COUNT_MAX`].
    pub count: u16,
}

impl Request {
    /// The request in exactly [`HEADER_BYTES`] bytes.
    ///
    /// # Errors
    /// Another length, sequence 0, a count of 0 or 0xFFFF, or numbers past the largest.
    pub fn parse(bytes: &[u8]) -> Result<Request, MoldError> {
        let Header { session, sequence, count } = Header::parse(bytes)?;
        if bytes.len() > HEADER_BYTES {
            return Err(MoldError::TrailingBytes { bytes: bytes.len() - HEADER_BYTES });
        }
        if sequence == 0 {
            return Err(MoldError::SequenceZero);
        }
        if count == 0 || count > COUNT_MAX {
            return Err(MoldError::RequestCount { count });
        }
        if sequence.checked_add(u64::from(count)).is_none() {
            return Err(MoldError::SequenceOverflow { sequence, count });
        }
        Ok(Request { session, sequence, count })
    }

    /// Writes the request.
    pub fn emit(&self, buffer: &mut [u8; HEADER_BYTES]) {
        let Request { session, sequence, count } = *self;
        Header { session, sequence, count }.emit(buffer);
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MoldUDP64 {} request {} +{}", self.session, self.sequence, self.count)
    }
}

/// The bytes of a field; the caller has cut it to the array's length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests;
