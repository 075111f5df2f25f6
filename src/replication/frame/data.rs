//! DATA and PAD: the store's own frames, several in a datagram, and heartbeats.
//!
//! ```text
//!  datagram:  | DATA | .. | DATA |             contiguous, of one term, aligned to 32 bytes
//!             | DATA | .. | PAD header |       padding goes to the end of its term and travels
//!                                              as its header; its length counts in the log only
//!             | DATA header of length 0 |      heartbeat: where the sender is, what it sends next
//! ```
//!
//! The header is in `store/frame.rs`: the log's bytes are the wire's. Of a heartbeat the flags say
//! S 0x20 (the stream ended there) and R 0x10 (and is withdrawn). Source: the Aeron transport
//! protocol, data frame; `aeron_publication_image_validate_frame` (1.54) for what is accepted.

use std::fmt;

use super::{HEADER_BYTES, Kind as Type, Malformed, need, place, position, put_header};
use crate::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES};
use crate::store::Terms;
use crate::store::frame::{Frame, Kind, UNFRAGMENTED, aligned};
use crate::types::Position;

const END_OF_STREAM: u8 = 0x20;
const REVOKED: u8 = 0x10;

/// Whether the flags of a heartbeat say that the stream ended at its position.
#[inline]
pub(in crate::replication) fn says_end(flags: u8) -> bool {
    flags & (END_OF_STREAM | REVOKED) != 0
}

/// Bytes of a heartbeat.
pub const HEARTBEAT_BYTES: usize = FRAME_HEADER_BYTES;

/// A heartbeat: the sender is at `position`, and if the stream has ended it ended there.
#[must_use]
pub fn heartbeat(
    session: i32,
    stream: i32,
    terms: Terms,
    at: Position,
    is_end: bool,
) -> [u8; HEARTBEAT_BYTES] {
    let (term_id, term_offset) = place(terms, at);
    let mut bytes = [0; HEARTBEAT_BYTES];
    let flags = if is_end { UNFRAGMENTED | END_OF_STREAM } else { UNFRAGMENTED };
    put_header(&mut bytes[..HEADER_BYTES], Type::Data, flags);
    bytes[..4].fill(0);
    for (at, value) in [(8, term_offset), (12, session), (16, stream), (20, term_id)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A datagram of DATA and PAD frames whose headers were checked; its frames' contents were not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataDatagram<'a> {
    bytes: &'a [u8],
    position: Position,
    advance: u64,
}

impl<'a> DataDatagram<'a> {
    /// Checks every frame's header: that each stands where the one before it ends, all in one term
    /// of one session and stream, and that they are all of the datagram.
    ///
    /// # Errors
    /// What is wrong with the first frame that is.
    #[inline]
    pub fn parse(bytes: &'a [u8], terms: Terms) -> Result<Self, Malformed> {
        match Type::of(bytes)? {
            Type::Data | Type::Pad => need(bytes, FRAME_HEADER_BYTES)?,
            other => return Err(Malformed::Kind(other.code())),
        }
        if !bytes.len().is_multiple_of(FRAME_ALIGNMENT_BYTES) {
            return Err(Malformed::Unaligned { bytes: bytes.len() });
        }
        let first = Frame::new_unchecked(bytes);
        let (term_id, offset) = (first.term_id().cast_signed(), first.term_offset().cast_signed());
        let position = position(terms, term_id, offset).ok_or_else(|| {
            let (name, value) =
                if term_id < 0 { ("term id", term_id) } else { ("term offset", offset) };
            Malformed::Field { name, value: i64::from(value) }
        })?;
        let is_heartbeat = first.length() == 0 && !first.is_pad() && bytes.len() == HEARTBEAT_BYTES;
        let advance = if is_heartbeat { 0 } else { walk(bytes, terms.bytes())? };
        Ok(Self { bytes, position, advance })
    }

    fn first(&self) -> Frame<&'a [u8]> {
        Frame::new_unchecked(self.bytes)
    }

    /// The sender's session.
    #[must_use]
    pub fn session(&self) -> i32 {
        self.first().session()
    }

    /// The exchange's number.
    #[must_use]
    pub fn stream(&self) -> i32 {
        self.first().stream()
    }

    /// Where its first frame stands; of a heartbeat: what the sender sends next.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Where its last frame ends in the log: padding counts whole.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(self.position.get() + self.advance)
    }

    /// Whether it only says where the sender is.
    #[must_use]
    pub fn is_heartbeat(&self) -> bool {
        self.advance == 0
    }

    /// Whether it is a heartbeat that says that the stream ended at its position.
    #[must_use]
    pub fn is_end_of_stream(&self) -> bool {
        self.is_heartbeat() && says_end(self.first().flags())
    }

    /// All frames.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Display for DataDatagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first();
        let name = if self.is_heartbeat() { "heartbeat" } else { "DATA" };
        write!(f, "{name} session {}, stream {}, ", first.session(), first.stream())?;
        write!(f, "{} to {}", self.position, self.end())
    }
}

/// How many bytes of the log the frames of a datagram are.
#[inline]
fn walk(bytes: &[u8], term_bytes: usize) -> Result<u64, Malformed> {
    let first = Frame::new_unchecked(bytes);
    let start = first.term_offset() as usize;
    let (mut at, mut advance) = (0, 0);
    while at < bytes.len() {
        let frame = Frame::new_unchecked(&bytes[at..]);
        if frame.version() != 0 {
            return Err(Malformed::Version(frame.version()));
        }
        let wrong = || Malformed::Length(frame.length().cast_signed());
        let length = frame.length() as usize;
        if !(FRAME_HEADER_BYTES..=term_bytes).contains(&length) {
            return Err(wrong());
        }
        let found = frame.term_offset() as usize;
        if found != start + advance {
            return Err(Malformed::Apart { expected: start + advance, found });
        }
        for (name, is, was) in [
            ("term id", frame.term_id().cast_signed(), first.term_id().cast_signed()),
            ("session", frame.session(), first.session()),
            ("stream", frame.stream(), first.stream()),
        ] {
            if is != was {
                return Err(Malformed::Field { name, value: i64::from(is) });
            }
        }
        let log_bytes = aligned(length);
        let wire_bytes = match frame.kind() {
            Ok(Kind::Data) => log_bytes,
            Ok(Kind::Pad) => FRAME_HEADER_BYTES,
            Err(_) => return Err(Malformed::Kind(Type::of(&bytes[at..])?.code())),
        };
        let is_last = at + wire_bytes == bytes.len();
        if at + wire_bytes > bytes.len() || (frame.is_pad() && !is_last) {
            return Err(wrong());
        }
        at += wire_bytes;
        advance += log_bytes;
        if start + advance > term_bytes {
            return Err(wrong());
        }
    }
    Ok(advance as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DATA or PAD frame of session 5, stream 1001, in term 1.
    fn frame(kind: u8, length: u32, term_offset: u32, wire_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0xaa; wire_bytes];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&[0, 0xC0, kind, 0]);
        bytes[8..12].copy_from_slice(&term_offset.to_le_bytes());
        bytes[12..24].copy_from_slice(&[5, 0, 0, 0, 0xe9, 3, 0, 0, 1, 0, 0, 0]);
        bytes
    }

    fn terms() -> Terms {
        Terms::new(64 * 1024).expect("a power of two")
    }

    fn parsed(bytes: &[u8]) -> Result<(u64, u64), Malformed> {
        DataDatagram::parse(bytes, terms())
            .map(|datagram| (datagram.position().get(), datagram.end().get()))
    }

    #[test]
    fn heartbeats_byte_by_byte() {
        let at = Position(65_536 + 41_600);
        let mut expected = [0; 32];
        expected[5] = 0xC0;
        expected[6] = 1;
        expected[8..24].copy_from_slice(&[0x80, 0xa2, 0, 0, 5, 0, 0, 0, 0xe9, 3, 0, 0, 1, 0, 0, 0]);
        assert_eq!(heartbeat(5, 1001, terms(), at, false), expected);
        let read = DataDatagram::parse(&expected, terms()).expect("a heartbeat");
        assert!(read.is_heartbeat() && !read.is_end_of_stream());
        assert_eq!((read.session(), read.stream(), read.position()), (5, 1001, at));

        expected[5] = 0xE0;
        assert_eq!(heartbeat(5, 1001, terms(), at, true), expected);
        let read = DataDatagram::parse(&expected, terms()).expect("a heartbeat");
        assert!(read.is_end_of_stream());
        expected[5] = 0xF0;
        let read = DataDatagram::parse(&expected, terms()).expect("a heartbeat");
        assert!(read.is_end_of_stream(), "a withdrawn stream ended too");
    }

    #[test]
    fn frames_follow_each_other_within_a_term() {
        let two = [frame(1, 100, 64, 128), frame(1, 40, 192, 64)].concat();
        assert_eq!(parsed(&two), Ok((65_600, 65_792)));
        // As it was seen on a wire: a header of 32 bytes that speaks for 96.
        let padded = [frame(1, 32, 65_408, 32), frame(0, 96, 65_440, 32)].concat();
        assert_eq!(parsed(&padded), Ok((65_536 + 65_408, 2 * 65_536)));
        let text = "DATA session 5, stream 1001, 65600 to 65792";
        assert_eq!(DataDatagram::parse(&two, terms()).map(|d| d.to_string()), Ok(text.into()));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let two = |second: Vec<u8>| parsed(&[frame(1, 100, 64, 128), second].concat());
        let expected = 192;
        assert_eq!(two(frame(1, 40, 224, 64)), Err(Malformed::Apart { expected, found: 224 }));
        assert_eq!(two(frame(1, 0, 192, 32)), Err(Malformed::Length(0)));
        assert_eq!(two(frame(1, 31, 192, 32)), Err(Malformed::Length(31)));
        assert_eq!(two(frame(1, 65, 192, 64)), Err(Malformed::Length(65)), "beyond the datagram");
        assert_eq!(two(frame(2, 40, 192, 64)), Err(Malformed::Kind(2)));
        assert_eq!(two(frame(0, 96, 192, 96)), Err(Malformed::Length(96)), "its header travels");
        for (at, name) in [(12, "session"), (16, "stream"), (20, "term id")] {
            let mut other = frame(1, 40, 192, 64);
            other[at..at + 4].copy_from_slice(&9_i32.to_le_bytes());
            assert_eq!(two(other), Err(Malformed::Field { name, value: 9 }));
        }
        let mut other = frame(1, 40, 192, 64);
        other[4] = 1;
        assert_eq!(two(other), Err(Malformed::Version(1)));

        let one = |kind, length, offset, bytes| parsed(&frame(kind, length, offset, bytes));
        assert_eq!(one(1, 40, 65_504, 64), Err(Malformed::Length(40)), "beyond the term");
        assert_eq!(one(0, 64, 65_504, 32), Err(Malformed::Length(64)), "beyond the term");
        assert_eq!(one(0, 0, 0, 32), Err(Malformed::Length(0)), "no heartbeat is padding");
        assert_eq!(one(1, 0, 0, 64), Err(Malformed::Length(0)), "a heartbeat is a header");
        assert_eq!(one(1, 40, 0, 60), Err(Malformed::Unaligned { bytes: 60 }));
        assert_eq!(one(1, u32::MAX, 0, 32), Err(Malformed::Length(-1)));
        let refused = |name, value| Err(Malformed::Field { name, value });
        assert_eq!(one(1, 32, 16, 32), refused("term offset", 16));
        assert_eq!(one(1, 32, 65_536, 32), refused("term offset", 65_536));
        assert_eq!(one(3, 36, 0, 64), Err(Malformed::Kind(3)));
    }
}
