//! What travels between a sender and its receivers: Aeron's frames, one or more in a datagram.
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +---------------------------------------------------------------+
//!  |   frame length: all of the frame without alignment; 0: heartbeat
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  |     flags     |             type              |
//!  +---------------+---------------+-------------------------------+
//!  |  fields of the type ...
//! ```
//!
//! All little endian. The file of a type has its picture. Source: the Aeron transport protocol,
//! `aeron_udp_protocol.h`; what is accepted is what `aeron_is_frame_valid` accepts.

mod data;
mod error;
mod nak;
mod rttm;
mod setup;
mod status;

pub(super) use data::says_end;
pub use data::{DataDatagram, HEARTBEAT_BYTES, heartbeat};
pub use error::ErrorFrame;
pub use nak::Nak;
pub use rttm::RoundTrip;
pub use setup::Setup;
pub use status::StatusMessage;

use std::fmt;
use std::ops::Range;

use crate::limits::FRAME_ALIGNMENT_BYTES;
use crate::store::Terms;
use crate::types::Position;

const LENGTH: Range<usize> = 0..4;
const VERSION: usize = 4;
const FLAGS: usize = 5;
const KIND: Range<usize> = 6..8;

/// Bytes that begin every frame.
const HEADER_BYTES: usize = 8;

/// What a frame is. Types of response channels, of name resolution and of transport security are
/// none of a log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Fills the rest of a term; only its header travels.
    Pad,
    /// A message, or a heartbeat.
    Data,
    /// A receiver asks for a range again.
    Nak,
    /// How far a receiver came, and how much it takes.
    StatusMessage,
    /// A receiver refuses the stream.
    Error,
    /// What a receiver must know to begin.
    Setup,
    /// Measures the way there and back.
    RoundTrip,
    /// Another type, which is not ours.
    Other(u16),
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Kind::Pad => 0,
            Kind::Data => 1,
            Kind::Nak => 2,
            Kind::StatusMessage => 3,
            Kind::Error => 4,
            Kind::Setup => 5,
            Kind::RoundTrip => 6,
            Kind::Other(code) => code,
        }
    }

    /// What a datagram is by its first frame.
    ///
    /// # Errors
    /// Fewer bytes than a header, or a version or length that no frame has.
    pub fn of(bytes: &[u8]) -> Result<Self, Malformed> {
        need(bytes, HEADER_BYTES)?;
        if bytes[VERSION] != 0 {
            return Err(Malformed::Version(bytes[VERSION]));
        }
        if i32_at(bytes, LENGTH) < 0 {
            return Err(Malformed::Length(i32_at(bytes, LENGTH)));
        }
        Ok(match u16::from_le_bytes([bytes[KIND.start], bytes[KIND.start + 1]]) {
            0 => Kind::Pad,
            1 => Kind::Data,
            2 => Kind::Nak,
            3 => Kind::StatusMessage,
            4 => Kind::Error,
            5 => Kind::Setup,
            6 => Kind::RoundTrip,
            other => Kind::Other(other),
        })
    }
}

/// Why bytes are no frame: what is counted as an invalid packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum Malformed {
    /// Fewer bytes than the frame has.
    Short { need_bytes: usize, left_bytes: usize },
    /// Another version of the framing.
    Version(u8),
    /// No frame of this type has this length.
    Length(i32),
    /// The frame is of another type than the caller takes it for.
    Kind(u16),
    /// A field has a value that it cannot have.
    Field { name: &'static str, value: i64 },
    /// A datagram of DATA frames is no multiple of 32 bytes.
    Unaligned { bytes: usize },
    /// A frame does not stand where the one before it ends.
    Apart { expected: usize, found: usize },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { need_bytes, left_bytes } => {
                write!(f, "the frame needs {need_bytes} bytes, {left_bytes} are left")
            }
            Self::Version(version) => write!(f, "frame version {version}, expected 0"),
            Self::Length(length) => write!(f, "no such frame is {length} bytes long"),
            Self::Kind(kind) => write!(f, "frame type {kind} is not expected here"),
            Self::Field { name, value } => write!(f, "{name} is {value}"),
            Self::Unaligned { bytes } => write!(f, "{bytes} bytes are no multiple of 32"),
            Self::Apart { expected, found } => {
                write!(f, "a frame of term offset {found} where {expected} follows")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// Where a position stands on the wire: its term, counted from 0, and the offset in it.
///
/// # Panics
/// If the position is beyond the last term.
#[must_use]
pub fn place(terms: Terms, position: Position) -> (i32, i32) {
    assert!(position <= terms.end(), "position {position} is beyond the last term");
    (terms.term_id(position).cast_signed(), word(terms.offset(position)))
}

/// The position of a place on the wire; `None` where no frame can begin.
#[must_use]
pub fn position(terms: Terms, term_id: i32, term_offset: i32) -> Option<Position> {
    let (term, offset) = (u64::try_from(term_id).ok()?, usize::try_from(term_offset).ok()?);
    let begins = offset < terms.bytes() && offset.is_multiple_of(FRAME_ALIGNMENT_BYTES);
    begins.then(|| Position(term * terms.bytes() as u64 + offset as u64))
}

/// A control frame of the type `kind`: all of its fixed fields are there, and no more is said to be
/// than came.
fn check(bytes: &[u8], kind: Kind, fixed_bytes: usize) -> Result<(), Malformed> {
    let found = Kind::of(bytes)?;
    if found != kind {
        return Err(Malformed::Kind(found.code()));
    }
    need(bytes, fixed_bytes)?;
    let length = i32_at(bytes, LENGTH);
    match (fixed_bytes..=bytes.len()).contains(&(length as usize)) {
        true => Ok(()),
        false => Err(Malformed::Length(length)),
    }
}

/// Writes a frame's first eight bytes; its length is the buffer's.
fn put_header(bytes: &mut [u8], kind: Kind, flags: u8) {
    put(bytes, LENGTH, &word(bytes.len()).to_le_bytes());
    bytes[VERSION] = 0;
    bytes[FLAGS] = flags;
    put(bytes, KIND, &kind.code().to_le_bytes());
}

/// A number of bytes as a field says it; nothing on this wire is longer than a term.
pub(super) fn word(bytes: usize) -> i32 {
    (bytes as u32).cast_signed()
}

fn need(bytes: &[u8], need_bytes: usize) -> Result<(), Malformed> {
    let left_bytes = bytes.len();
    if left_bytes < need_bytes { Err(Malformed::Short { need_bytes, left_bytes }) } else { Ok(()) }
}

fn i32_at(bytes: &[u8], field: Range<usize>) -> i32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[field]);
    i32::from_le_bytes(value)
}

fn i64_at(bytes: &[u8], field: Range<usize>) -> i64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[field]);
    i64::from_le_bytes(value)
}

fn put(bytes: &mut [u8], field: Range<usize>, value: &[u8]) {
    bytes[field].copy_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_known_by_its_first_frame() {
        let of = |bytes: &[u8]| Kind::of(bytes);
        assert_eq!(of(&[28, 0, 0, 0, 0, 0, 2, 0]), Ok(Kind::Nak));
        assert_eq!(of(&[0, 0, 0, 0, 0, 0xC0, 1, 0]), Ok(Kind::Data));
        assert_eq!(of(&[8, 0, 0, 0, 0, 0, 0xff, 0xff]), Ok(Kind::Other(0xffff)));
        assert_eq!(of(&[8, 0, 0, 0, 1, 0, 2, 0]), Err(Malformed::Version(1)));
        assert_eq!(of(&[0, 0, 0, 0x80, 0, 0, 2, 0]), Err(Malformed::Length(i32::MIN)));
        assert_eq!(of(&[0; 7]), Err(Malformed::Short { need_bytes: 8, left_bytes: 7 }));
        for code in 0..12 {
            assert_eq!(of(&[8, 0, 0, 0, 0, 0, code, 0]).map(Kind::code), Ok(u16::from(code)));
        }
    }

    #[test]
    fn a_position_is_a_term_and_an_offset() {
        let terms = Terms::new(64 * 1024).expect("a power of two");
        assert_eq!(place(terms, Position(0)), (0, 0));
        assert_eq!(place(terms, Position(65_536 * 3 + 96)), (3, 96));
        assert_eq!(position(terms, 3, 96), Some(Position(65_536 * 3 + 96)));
        assert_eq!(position(terms, i32::MAX, 65_504), Some(Position(terms.end().get() - 32)));
        for (term_id, term_offset) in [(-1, 0), (0, -32), (0, 65_536), (0, 16), (i32::MIN, 0)] {
            assert_eq!(position(terms, term_id, term_offset), None, "{term_id} {term_offset}");
        }
    }
}
