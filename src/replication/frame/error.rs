//! ERR: a receiver refuses the stream and says why. Never sent by us; tolerated, because a stock
//! program may reject what it reads.
//!
//! ```text
//!  +---------------------------------------------------------------+
//!  |                    frame length = 40 + text                   |
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  |  flags 0x08:T |            type = 4           |
//!  +---------------+---------------+-------------------------------+
//!  |                           session id                          |
//!  +---------------------------------------------------------------+
//!  |                           stream id                           |
//!  +---------------------------------------------------------------+
//!  |                  receiver id (64 bits)                        |
//!  +---------------------------------------------------------------+
//!  |                  group tag (64 bits)                          |
//!  +---------------------------------------------------------------+
//!  |                           error code                          |
//!  +---------------------------------------------------------------+
//!  |                          error length                         |
//!  +---------------------------------------------------------------+
//!  |  text ...
//! ```
//!
//! T: there is a group tag. Source: `aeron_udp_protocol.h` since 1.48, `aeron_error_t`.

use std::fmt;
use std::ops::Range;

use super::{FLAGS, Kind, Malformed, check, i32_at, i64_at};

const SESSION: Range<usize> = 8..12;
const STREAM: Range<usize> = 12..16;
const RECEIVER_ID: Range<usize> = 16..24;
const GROUP_TAG: Range<usize> = 24..32;
const CODE: Range<usize> = 32..36;
const TEXT_LENGTH: Range<usize> = 36..40;

const HAS_GROUP_TAG: u8 = 0x08;

/// An ERR frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFrame<'a> {
    /// The sender's session.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// The receiver that refuses.
    pub receiver_id: i64,
    /// Its group, if it is in one.
    pub group_tag: Option<i64>,
    /// Why, as a number of Aeron's.
    pub code: i32,
    /// Why, as a text: anybody's bytes.
    pub text: &'a [u8],
}

impl<'a> ErrorFrame<'a> {
    /// Bytes before the text.
    pub const BYTES_MIN: usize = TEXT_LENGTH.end;

    /// Reads one.
    ///
    /// # Errors
    /// It is none, or its text is not all there.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        check(bytes, Kind::Error, Self::BYTES_MIN)?;
        let length = i32_at(bytes, TEXT_LENGTH);
        let text =
            usize::try_from(length).ok().and_then(|length| bytes[Self::BYTES_MIN..].get(..length));
        let value = i64::from(length);
        Ok(Self {
            session: i32_at(bytes, SESSION),
            stream: i32_at(bytes, STREAM),
            receiver_id: i64_at(bytes, RECEIVER_ID),
            group_tag: (bytes[FLAGS] & HAS_GROUP_TAG != 0).then(|| i64_at(bytes, GROUP_TAG)),
            code: i32_at(bytes, CODE),
            text: text.ok_or(Malformed::Field { name: "error length", value })?,
        })
    }
}

impl fmt::Display for ErrorFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, receiver_id, code, text, .. } = self;
        write!(f, "ERR session {session}, stream {stream}, receiver {receiver_id}: {code} ")?;
        write!(f, "{}", text.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_byte_by_byte() {
        let mut bytes = vec![
            43, 0, 0, 0, 0, 8, 4, 0, 5, 0, 0, 0, 0xe9, 3, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 77, 0, 0,
            0, 0, 0, 0, 0, 12, 0, 0, 0, 3, 0, 0, 0, b'n', b'o', b'!',
        ];
        let expected = ErrorFrame {
            session: 5,
            stream: 1001,
            receiver_id: 7,
            group_tag: Some(77),
            code: 12,
            text: b"no!",
        };
        assert_eq!(ErrorFrame::parse(&bytes), Ok(expected));
        assert_eq!(expected.to_string(), "ERR session 5, stream 1001, receiver 7: 12 no!");
        bytes[36] = 4;
        let refused = Malformed::Field { name: "error length", value: 4 };
        assert_eq!(ErrorFrame::parse(&bytes), Err(refused));
        bytes[36..40].fill(0xff);
        let refused = Malformed::Field { name: "error length", value: -1 };
        assert_eq!(ErrorFrame::parse(&bytes), Err(refused));
        let short = Malformed::Short { need_bytes: 40, left_bytes: 39 };
        assert_eq!(ErrorFrame::parse(&bytes[..39]), Err(short));
    }
}
