//! SETUP: what a receiver must know before it can take a stream, and where it would begin.
//!
//! ```text
//!  +---------------------------------------------------------------+
//!  |                        frame length = 40                      |
//!  +---------------+---------------+-------------------------------+
//!  |  version = 0  | flags 0x40: G |            type = 5           |
//!  +---------------+---------------+-------------------------------+
//!  |                   term offset of the sender now               |
//!  +---------------------------------------------------------------+
//!  |                           session id                          |
//!  +---------------------------------------------------------------+
//!  |                           stream id                           |
//!  +---------------------------------------------------------------+
//!  |                     initial term id (ours: 0)                 |
//!  +---------------------------------------------------------------+
//!  |                     term id of the sender now                 |
//!  +---------------------------------------------------------------+
//!  |                          term length                          |
//!  +---------------------------------------------------------------+
//!  |                              MTU                              |
//!  +---------------------------------------------------------------+
//!  |                       TTL (informational)                     |
//!  +---------------------------------------------------------------+
//! ```
//!
//! G: the stream goes to a group. Source: the Aeron transport protocol, setup frame;
//! `aeron_receive_channel_endpoint_is_valid_setup`.

use std::fmt;
use std::ops::Range;

use super::{FLAGS, Kind, Malformed, check, i32_at, put, put_header, word};
use crate::limits::FRAME_ALIGNMENT_BYTES;
use crate::replication::channel::MTU_BYTES_AERON_MAX;
use crate::store::Terms;

const TERM_OFFSET: Range<usize> = 8..12;
const SESSION: Range<usize> = 12..16;
const STREAM: Range<usize> = 16..20;
const INITIAL_TERM_ID: Range<usize> = 20..24;
const ACTIVE_TERM_ID: Range<usize> = 24..28;
const TERM_LENGTH: Range<usize> = 28..32;
const MTU: Range<usize> = 32..36;
const TTL: Range<usize> = 36..40;

const GROUP: u8 = 0x40;

/// A SETUP frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The sender's session: one per epoch.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// The first term of the stream; a log of ours begins at 0.
    pub initial_term_id: i32,
    /// The term of the sender's position.
    pub active_term_id: i32,
    /// The offset in it: a receiver that joins now begins here.
    pub term_offset: i32,
    /// Bytes of a term.
    pub terms: Terms,
    /// Bytes of a datagram at most.
    pub mtu_bytes: i32,
    /// Routers that datagrams pass, plus one; 0 leaves it to the system.
    pub ttl: i32,
    /// Whether the stream goes to a group.
    pub is_group: bool,
}

impl Setup {
    /// Bytes on the wire.
    pub const BYTES: usize = 40;

    /// Reads one.
    ///
    /// # Errors
    /// It is none, or says what no sender can mean.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        check(bytes, Kind::Setup, Self::BYTES)?;
        let field = |range| i32_at(bytes, range);
        let refuse = |name, value: i32| Malformed::Field { name, value: i64::from(value) };
        let term_bytes = field(TERM_LENGTH);
        let terms = usize::try_from(term_bytes).ok().and_then(Terms::new);
        let terms = terms.ok_or_else(|| refuse("term length", term_bytes))?;
        let aligned = |value: i32| value % word(FRAME_ALIGNMENT_BYTES) == 0;
        let term_offset = field(TERM_OFFSET);
        if !(0..term_bytes).contains(&term_offset) || !aligned(term_offset) {
            return Err(refuse("term offset", term_offset));
        }
        let mtu_bytes = field(MTU);
        if !(32..=word(MTU_BYTES_AERON_MAX)).contains(&mtu_bytes) || !aligned(mtu_bytes) {
            return Err(refuse("MTU", mtu_bytes));
        }
        Ok(Self {
            session: field(SESSION),
            stream: field(STREAM),
            initial_term_id: field(INITIAL_TERM_ID),
            active_term_id: field(ACTIVE_TERM_ID),
            term_offset,
            terms,
            mtu_bytes,
            ttl: field(TTL),
            is_group: bytes[FLAGS] & GROUP != 0,
        })
    }

    /// As it is written.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put_header(&mut bytes, Kind::Setup, if self.is_group { GROUP } else { 0 });
        for (field, value) in [
            (TERM_OFFSET, self.term_offset),
            (SESSION, self.session),
            (STREAM, self.stream),
            (INITIAL_TERM_ID, self.initial_term_id),
            (ACTIVE_TERM_ID, self.active_term_id),
            (TERM_LENGTH, word(self.terms.bytes())),
            (MTU, self.mtu_bytes),
            (TTL, self.ttl),
        ] {
            put(&mut bytes, field, &value.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, active_term_id, term_offset, terms, mtu_bytes, .. } = self;
        write!(f, "SETUP session {session}, stream {stream}, at term {active_term_id} offset ")?;
        write!(f, "{term_offset}, {terms}, MTU {mtu_bytes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the C driver 1.54 was seen to send it.
    const SEEN: [u8; 40] = [
        0x28, 0, 0, 0, 0, 0x40, 5, 0, 0, 0, 0, 0, 0xf8, 0xe2, 0x7c, 0x79, 0xe9, 3, 0, 0, 0x98,
        0x63, 0xbc, 0xdc, 0x98, 0x63, 0xbc, 0xdc, 0, 0, 1, 0, 0x80, 5, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn a_setup_as_it_was_seen_on_a_wire() {
        let setup = Setup::parse(&SEEN).expect("a frame of the C driver");
        let terms = Terms::new(64 * 1024).expect("a power of two");
        let expected = Setup {
            session: 0x797c_e2f8,
            stream: 1001,
            initial_term_id: 0xdcbc_6398_u32.cast_signed(),
            active_term_id: 0xdcbc_6398_u32.cast_signed(),
            term_offset: 0,
            terms,
            mtu_bytes: 1408,
            ttl: 0,
            is_group: true,
        };
        assert_eq!(setup, expected);
        assert_eq!(setup.emit(), SEEN);
        assert_eq!(Setup { is_group: false, ..setup }.emit()[FLAGS], 0);
        let text = "SETUP session 2038227704, stream 1001, at term -591633512 offset 0, \
                    terms of 65536 bytes, MTU 1408";
        assert_eq!(setup.to_string(), text);
    }

    #[test]
    fn what_no_sender_can_mean_is_refused() {
        let with = |field: Range<usize>, value: i32| {
            let mut bytes = SEEN;
            put(&mut bytes, field, &value.to_le_bytes());
            Setup::parse(&bytes)
        };
        let refused = |name, value| Err(Malformed::Field { name, value });
        for value in [0, -1, 65_535, 32_768, i32::MIN] {
            assert_eq!(with(TERM_LENGTH, value), refused("term length", i64::from(value)));
        }
        for value in [-32, 16, 65_536] {
            assert_eq!(with(TERM_OFFSET, value), refused("term offset", i64::from(value)));
        }
        for value in [0, -32, 1400, 65_536] {
            assert_eq!(with(MTU, value), refused("MTU", i64::from(value)));
        }
        assert_eq!(with(0..4, 41), Err(Malformed::Length(41)));
        assert_eq!(with(0..4, 39), Err(Malformed::Length(39)));
        let short = Malformed::Short { need_bytes: 40, left_bytes: 39 };
        assert_eq!(Setup::parse(&SEEN[..39]), Err(short));
        assert_eq!(with(4..8, 3 << 16), Err(Malformed::Kind(3)));
    }
}
