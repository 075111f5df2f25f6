//! RTTM: a receiver measures the way to the sender and back.
//!
//! ```text
//!  +---------------------------------------------------------------+
//!  |                        frame length = 40                      |
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  |R|   flags     |            type = 6           |
//!  +---------------+---------------+-------------------------------+
//!  |                           session id                          |
//!  +---------------------------------------------------------------+
//!  |                           stream id                           |
//!  +---------------------------------------------------------------+
//!  |                 echo timestamp (64 bits)                      |
//!  +---------------------------------------------------------------+
//!  |                 reception delta (64 bits)                     |
//!  +---------------------------------------------------------------+
//!  |                 receiver id (64 bits)                         |
//!  +---------------------------------------------------------------+
//! ```
//!
//! R 0x80: send it back, please. Source: the Aeron transport protocol, RTT measurement.

use std::fmt;
use std::ops::Range;

use super::{FLAGS, Kind, Malformed, check, i32_at, i64_at, put, put_header};

const SESSION: Range<usize> = 8..12;
const STREAM: Range<usize> = 12..16;
const ECHO_TIMESTAMP: Range<usize> = 16..24;
const RECEPTION_DELTA: Range<usize> = 24..32;
const RECEIVER_ID: Range<usize> = 32..40;

const REPLY: u8 = 0x80;

/// An RTTM frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The sender's session.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// When the receiver sent it, by its own clock.
    pub echo_timestamp: i64,
    /// How long whoever answers held it, in nanoseconds.
    pub reception_delta: i64,
    /// The receiver that measures.
    pub receiver_id: i64,
    /// Whether it is to be sent back.
    pub asks_reply: bool,
}

impl RoundTrip {
    /// Bytes on the wire.
    pub const BYTES: usize = 40;

    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        check(bytes, Kind::RoundTrip, Self::BYTES)?;
        Ok(Self {
            session: i32_at(bytes, SESSION),
            stream: i32_at(bytes, STREAM),
            echo_timestamp: i64_at(bytes, ECHO_TIMESTAMP),
            reception_delta: i64_at(bytes, RECEPTION_DELTA),
            receiver_id: i64_at(bytes, RECEIVER_ID),
            asks_reply: bytes[FLAGS] & REPLY != 0,
        })
    }

    /// The answer, sent back at once.
    #[must_use]
    pub fn reply(&self) -> Self {
        Self { reception_delta: 0, asks_reply: false, ..*self }
    }

    /// As it is written.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put_header(&mut bytes, Kind::RoundTrip, if self.asks_reply { REPLY } else { 0 });
        put(&mut bytes, SESSION, &self.session.to_le_bytes());
        put(&mut bytes, STREAM, &self.stream.to_le_bytes());
        put(&mut bytes, ECHO_TIMESTAMP, &self.echo_timestamp.to_le_bytes());
        put(&mut bytes, RECEPTION_DELTA, &self.reception_delta.to_le_bytes());
        put(&mut bytes, RECEIVER_ID, &self.receiver_id.to_le_bytes());
        bytes
    }
}

impl fmt::Display for RoundTrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, echo_timestamp, receiver_id, .. } = self;
        write!(f, "RTTM session {session}, stream {stream}, receiver {receiver_id} at ")?;
        write!(f, "{echo_timestamp}")?;
        if self.asks_reply { write!(f, ", asks for a reply") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_and_its_answer_byte_by_byte() {
        let asked = RoundTrip {
            session: 5,
            stream: 1001,
            echo_timestamp: 0x0102_0304_0506_0708,
            reception_delta: 9,
            receiver_id: -2,
            asks_reply: true,
        };
        let mut bytes = [
            40, 0, 0, 0, 0, 0x80, 6, 0, 5, 0, 0, 0, 0xe9, 3, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0,
            0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        assert_eq!(asked.emit(), bytes);
        assert_eq!(RoundTrip::parse(&bytes), Ok(asked));
        (bytes[5], bytes[24]) = (0, 0);
        assert_eq!(asked.reply().emit(), bytes);
        let short = Malformed::Short { need_bytes: 40, left_bytes: 39 };
        assert_eq!(RoundTrip::parse(&bytes[..39]), Err(short));
    }
}
