//! NAK: a receiver asks for a range of one term again.
//!
//! ```text
//!  +---------------------------------------------------------------+
//!  |                        frame length = 28                      |
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  |   flags = 0   |            type = 2           |
//!  +---------------+---------------+-------------------------------+
//!  |                           session id                          |
//!  +---------------------------------------------------------------+
//!  |                           stream id                           |
//!  +---------------------------------------------------------------+
//!  |                            term id                            |
//!  +---------------------------------------------------------------+
//!  |                          term offset                          |
//!  +---------------------------------------------------------------+
//!  |                             length                            |
//!  +---------------------------------------------------------------+
//! ```
//!
//! Source: the Aeron transport protocol, data loss recovery;
//! `aeron_send_channel_endpoint_is_valid_nak`.

use std::fmt;
use std::ops::Range;

use super::{Kind, Malformed, check, i32_at, place, position, put, put_header};
use crate::store::Terms;
use crate::types::Position;

const SESSION: Range<usize> = 8..12;
const STREAM: Range<usize> = 12..16;
const TERM_ID: Range<usize> = 16..20;
const TERM_OFFSET: Range<usize> = 20..24;
const RANGE_LENGTH: Range<usize> = 24..28;

/// A NAK frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nak {
    /// The sender's session.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// The term in which bytes are missing.
    pub term_id: i32,
    /// Where they begin in it.
    pub term_offset: i32,
    /// How many.
    pub length: i32,
}

impl Nak {
    /// Bytes on the wire.
    pub const BYTES: usize = 28;

    /// Asks for a range.
    ///
    /// # Panics
    /// If the range is empty or not within one term.
    #[must_use]
    pub fn of(session: i32, stream: i32, terms: Terms, range: &Range<Position>) -> Self {
        let Range { start, end } = range;
        assert!(start < end && *end <= terms.next_base(*start), "{start}..{end} in no term");
        let (term_id, term_offset) = place(terms, *start);
        Self { session, stream, term_id, term_offset, length: (end.get() - start.get()) as i32 }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        check(bytes, Kind::Nak, Self::BYTES)?;
        Ok(Self {
            session: i32_at(bytes, SESSION),
            stream: i32_at(bytes, STREAM),
            term_id: i32_at(bytes, TERM_ID),
            term_offset: i32_at(bytes, TERM_OFFSET),
            length: i32_at(bytes, RANGE_LENGTH),
        })
    }

    /// The bytes that it asks for; `None` where that is no range of one term, or an empty one.
    #[must_use]
    pub fn range(&self, terms: Terms) -> Option<Range<Position>> {
        let start = position(terms, self.term_id, self.term_offset)?;
        let length = u64::try_from(self.length).ok().filter(|length| *length > 0)?;
        let end = Position(start.get() + length);
        (end <= terms.next_base(start)).then_some(start..end)
    }

    /// As it is written.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put_header(&mut bytes, Kind::Nak, 0);
        for (field, value) in [
            (SESSION, self.session),
            (STREAM, self.stream),
            (TERM_ID, self.term_id),
            (TERM_OFFSET, self.term_offset),
            (RANGE_LENGTH, self.length),
        ] {
            put(&mut bytes, field, &value.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Display for Nak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, term_id, term_offset, length } = self;
        write!(f, "NAK session {session}, stream {stream}, {length} bytes at term {term_id} ")?;
        write!(f, "offset {term_offset}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_byte_by_byte() {
        let nak =
            Nak { session: 0x0102_0304, stream: 1001, term_id: 7, term_offset: 3840, length: 160 };
        let bytes = [
            28, 0, 0, 0, 0, 0, 2, 0, 4, 3, 2, 1, 0xe9, 3, 0, 0, 7, 0, 0, 0, 0, 0x0f, 0, 0, 0xa0, 0,
            0, 0,
        ];
        assert_eq!(nak.emit(), bytes);
        assert_eq!(Nak::parse(&bytes), Ok(nak));
        let text = "NAK session 16909060, stream 1001, 160 bytes at term 7 offset 3840";
        assert_eq!(nak.to_string(), text);
        let short = Malformed::Short { need_bytes: 28, left_bytes: 27 };
        assert_eq!(Nak::parse(&bytes[..27]), Err(short));
    }

    #[test]
    fn a_range_lies_in_one_term() {
        let terms = Terms::new(64 * 1024).expect("a power of two");
        let range = |term_id, term_offset, length| {
            Nak { session: 1, stream: 2, term_id, term_offset, length }.range(terms)
        };
        assert_eq!(range(1, 64, 32), Some(Position(65_600)..Position(65_632)));
        assert_eq!(range(0, 65_504, 32), Some(Position(65_504)..Position(65_536)));
        assert_eq!(range(0, 0, 65_536), Some(Position(0)..Position(65_536)));
        for (term_id, term_offset, length) in [
            (-1, 0, 32),
            (0, -32, 32),
            (0, 16, 32),
            (0, 65_536, 32),
            (0, 65_504, 33),
            (0, 0, i32::MAX),
            (0, 0, 0),
            (0, 0, -1),
        ] {
            let found = range(term_id, term_offset, length);
            assert_eq!(found, None, "{term_id} {term_offset} {length}");
        }
        let asked = Position(65_600)..Position(65_632);
        assert_eq!(Nak::of(1, 2, terms, &asked).range(terms), Some(asked));
    }
}
