//! Status message: how far a receiver came and how many bytes it takes beyond. Flow control only:
//! it says nothing about what is held.
//!
//! ```text
//!  +---------------------------------------------------------------+
//!  |               frame length = 36, or 44 with a tag             |
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  |S|E|  flags    |            type = 3           |
//!  +---------------+---------------+-------------------------------+
//!  |                           session id                          |
//!  +---------------------------------------------------------------+
//!  |                           stream id                           |
//!  +---------------------------------------------------------------+
//!  |                      consumption term id                      |
//!  +---------------------------------------------------------------+
//!  |                    consumption term offset                    |
//!  +---------------------------------------------------------------+
//!  |                        receiver window                        |
//!  +---------------------------------------------------------------+
//!  |                  receiver id (64 bits)                        |
//!  +---------------------------------------------------------------+
//!  |                  group tag (64 bits, optional)                |
//!  +---------------------------------------------------------------+
//! ```
//!
//! S 0x80: send SETUP, please (place and window are 0). E 0x40: the receiver leaves. Source: the
//! Aeron transport protocol, flow control; `aeron_send_channel_endpoint_on_status_message`.

use std::fmt;
use std::ops::Range;

use super::{
    FLAGS, Kind, LENGTH, Malformed, check, i32_at, i64_at, position, put, put_header, word,
};
use crate::store::Terms;
use crate::types::Position;

const SESSION: Range<usize> = 8..12;
const STREAM: Range<usize> = 12..16;
const TERM_ID: Range<usize> = 16..20;
const TERM_OFFSET: Range<usize> = 20..24;
const WINDOW: Range<usize> = 24..28;
const RECEIVER_ID: Range<usize> = 28..36;
const GROUP_TAG: Range<usize> = 36..44;

const SEND_SETUP: u8 = 0x80;
const END_OF_STREAM: u8 = 0x40;

/// A status message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusMessage {
    /// The sender's session.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// The term of the receiver's position.
    pub term_id: i32,
    /// The offset in it.
    pub term_offset: i32,
    /// Bytes that the receiver takes beyond its position.
    pub window_bytes: i32,
    /// Which receiver: unique among all of a stream.
    pub receiver_id: i64,
    /// Its group, if it is in one.
    pub group_tag: Option<i64>,
    /// It knows nothing of the stream, and asks for SETUP.
    pub asks_setup: bool,
    /// It leaves the stream.
    pub leaves: bool,
}

impl StatusMessage {
    /// The most bytes on the wire.
    pub const BYTES_MAX: usize = TAGGED_BYTES;

    /// Asks for SETUP.
    #[must_use]
    pub fn elicit(session: i32, stream: i32, receiver_id: i64, group_tag: Option<i64>) -> Self {
        Self {
            session,
            stream,
            term_id: 0,
            term_offset: 0,
            window_bytes: 0,
            receiver_id,
            group_tag,
            asks_setup: true,
            leaves: false,
        }
    }

    /// Reads one. A length that is neither 36 nor 44 has no tag, as in Aeron.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        check(bytes, Kind::StatusMessage, UNTAGGED_BYTES)?;
        let is_tagged = i32_at(bytes, LENGTH) == word(TAGGED_BYTES);
        Ok(Self {
            session: i32_at(bytes, SESSION),
            stream: i32_at(bytes, STREAM),
            term_id: i32_at(bytes, TERM_ID),
            term_offset: i32_at(bytes, TERM_OFFSET),
            window_bytes: i32_at(bytes, WINDOW),
            receiver_id: i64_at(bytes, RECEIVER_ID),
            group_tag: is_tagged.then(|| i64_at(bytes, GROUP_TAG)),
            asks_setup: bytes[FLAGS] & SEND_SETUP != 0,
            leaves: bytes[FLAGS] & END_OF_STREAM != 0,
        })
    }

    /// Where the receiver is; `None` where nobody can be, or its window is no window: negative, or
    /// more than half a term.
    #[must_use]
    pub fn position(&self, terms: Terms) -> Option<Position> {
        let window = usize::try_from(self.window_bytes).ok()?;
        let position = position(terms, self.term_id, self.term_offset)?;
        (window <= terms.bytes() / 2).then_some(position)
    }

    /// Writes it; how many bytes.
    #[must_use]
    pub fn emit(&self, bytes: &mut [u8; Self::BYTES_MAX]) -> usize {
        let length = if self.group_tag.is_some() { TAGGED_BYTES } else { UNTAGGED_BYTES };
        let setup = if self.asks_setup { SEND_SETUP } else { 0 };
        let leaves = if self.leaves { END_OF_STREAM } else { 0 };
        put_header(&mut bytes[..length], Kind::StatusMessage, setup | leaves);
        for (field, value) in [
            (SESSION, self.session),
            (STREAM, self.stream),
            (TERM_ID, self.term_id),
            (TERM_OFFSET, self.term_offset),
            (WINDOW, self.window_bytes),
        ] {
            put(bytes, field, &value.to_le_bytes());
        }
        put(bytes, RECEIVER_ID, &self.receiver_id.to_le_bytes());
        if let Some(tag) = self.group_tag {
            put(bytes, GROUP_TAG, &tag.to_le_bytes());
        }
        length
    }
}

const UNTAGGED_BYTES: usize = RECEIVER_ID.end;
const TAGGED_BYTES: usize = GROUP_TAG.end;

impl fmt::Display for StatusMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, term_id, term_offset, window_bytes, receiver_id, .. } = self;
        write!(f, "SM session {session}, stream {stream}, receiver {receiver_id} ")?;
        if self.asks_setup {
            return write!(f, "asks for SETUP");
        }
        write!(f, "at term {term_id} offset {term_offset}, window {window_bytes}")?;
        if self.leaves { write!(f, ", leaves") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: StatusMessage = StatusMessage {
        session: 0x0102_0304,
        stream: 1001,
        term_id: 2,
        term_offset: 41_600,
        window_bytes: 32_768,
        receiver_id: 0x1122_3344_5566_7788,
        group_tag: None,
        asks_setup: false,
        leaves: false,
    };

    /// The first 36 bytes of [`MESSAGE`].
    const BYTES: [u8; 36] = [
        36, 0, 0, 0, 0, 0, 3, 0, 4, 3, 2, 1, 0xe9, 3, 0, 0, 2, 0, 0, 0, 0x80, 0xa2, 0, 0, 0, 0x80,
        0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
    ];

    fn emitted(message: StatusMessage) -> Vec<u8> {
        let mut bytes = [0; StatusMessage::BYTES_MAX];
        let length = message.emit(&mut bytes);
        bytes[..length].to_vec()
    }

    #[test]
    fn with_and_without_a_tag_byte_by_byte() {
        assert_eq!(emitted(MESSAGE), BYTES);
        assert_eq!(StatusMessage::parse(&BYTES), Ok(MESSAGE));

        let tagged = StatusMessage { group_tag: Some(77), leaves: true, ..MESSAGE };
        let mut bytes = BYTES.to_vec();
        bytes.extend([0x4d, 0, 0, 0, 0, 0, 0, 0]);
        (bytes[0], bytes[5]) = (44, 0x40);
        assert_eq!(emitted(tagged), bytes);
        assert_eq!(StatusMessage::parse(&bytes), Ok(tagged));

        // What is longer than said is no tag; what is shorter is no frame.
        bytes[0] = 36;
        let untagged = StatusMessage { group_tag: None, ..tagged };
        assert_eq!(StatusMessage::parse(&bytes), Ok(untagged));
        bytes[0] = 40;
        assert_eq!(StatusMessage::parse(&bytes), Ok(untagged));
        bytes[0] = 44;
        assert_eq!(StatusMessage::parse(&bytes[..43]), Err(Malformed::Length(44)));
        let short = Malformed::Short { need_bytes: 36, left_bytes: 35 };
        assert_eq!(StatusMessage::parse(&BYTES[..35]), Err(short));
    }

    #[test]
    fn a_receiver_that_knows_nothing_asks_for_setup() {
        let asks = StatusMessage::elicit(5, 6, 7, None);
        let mut expected = [0; 36];
        expected[..8].copy_from_slice(&[36, 0, 0, 0, 0, 0x80, 3, 0]);
        (expected[8], expected[12], expected[28]) = (5, 6, 7);
        assert_eq!(emitted(asks), expected);
        assert_eq!(StatusMessage::parse(&expected), Ok(asks));
        assert_eq!(asks.to_string(), "SM session 5, stream 6, receiver 7 asks for SETUP");
    }

    #[test]
    fn places_and_windows_that_nobody_has() {
        let terms = Terms::new(64 * 1024).expect("a power of two");
        assert_eq!(MESSAGE.position(terms), Some(Position(2 * 65_536 + 41_600)));
        for wrong in [
            StatusMessage { window_bytes: 32_769, ..MESSAGE },
            StatusMessage { window_bytes: -1, ..MESSAGE },
            StatusMessage { term_offset: 65_536, ..MESSAGE },
            StatusMessage { term_offset: 1, ..MESSAGE },
            StatusMessage { term_offset: -32, ..MESSAGE },
            StatusMessage { term_id: -1, ..MESSAGE },
        ] {
            assert_eq!(wrong.position(terms), None, "{wrong}");
        }
    }
}
