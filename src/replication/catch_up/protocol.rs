//! What the two ends of a catch-up say to each other: messages of fixed fields over one TCP
//! connection.
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |               length: the whole message, these bytes too      |
//!  +---------------+---------------+-------------------------------+
//!  |     kind      |   version 1   |               0               |
//!  +---------------+---------------+-------------------------------+
//!  |  the kind's fields ...
//!
//!  1 HELLO     both      8 magic u64   16 exchange digest u64   24 term bytes u64
//!                       32 exchange's number i32   36 node u32   40 rules version u32
//!                       44 schema id u16   46 schema version u16   48 keyed u32   52 0
//!                       56 nonce, 32 bytes
//!  2 PROOF     both      8 keyed hash of both HELLOs, 32 bytes
//!  3 REFUSED   both      8 why, UTF-8
//!  4 OPEN      client    8 request u32   12 0   16 log, 16 bytes
//!  5 LOG       server    8 request u32   12 epochs u32   16 kept from u64   24 chain there u64
//!                       32 durable u64   40 chain there u64   48 end u64
//!                       56 term bytes u64
//!                       64 epochs: 8 base u64, 8 chain u64, 4 epoch u32, 4 node u32, each
//!  6 FETCH     client    8 request u32   12 0   16 from u64
//!  7 BYTES     server    8 request u32   12 0   16 at u64   24 bytes of a log or a file
//!  8 MARK      server    8 request u32   12 0   16 end u64   24 durable u64   32 chain there u64
//!  9 SNAPSHOT  client    8 request u32   12 0   16 below u64   24 from u64
//! 10 IMAGE     server    8 request u32   12 0   16 position u64   24 chain there u64
//!                       32 bytes of the file u64
//! 11 FEEDS     client    8 request u32   12 0
//! 12 LIST      server    8 request u32   12 logs u32   16 their names, 16 bytes each
//! ```
//!
//! All little endian. The protocol is this exchange's own. An answer carries the number of its
//! request, so that what is still under way of an earlier one is told from it. A log is named by
//! its feed's session, space after it, and the event log by sixteen spaces.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use super::peer::Peer;

use crate::limits::EPOCHS_MAX;
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Position};

/// Bytes that every message begins with.
pub const HEADER_BYTES: usize = 8;
/// Bytes of a [`Hello`].
pub const HELLO_BYTES: usize = 88;
/// Bytes before the content of BYTES.
pub const BYTES_HEADER_BYTES: usize = 24;
/// Content of one BYTES.
pub const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the reason of a refusal; a longer one is cut.
pub const REASON_BYTES_MAX: usize = 1024;
/// Feed logs of one list: some years of all channels.
pub const FEEDS_MAX: usize = 4096;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

const VERSION: u8 = 1;
const MAGIC: u64 = u64::from_le_bytes(*b"ISOCATCH");

const LENGTH: Range<usize> = 0..4;
const KIND: usize = 4;
const VERSION_AT: usize = 5;

const LOG_EPOCHS: usize = 64;
const EPOCH_BYTES: usize = 24;
const LIST_NAMES: usize = 16;
const NAME_BYTES: usize = 16;

/// The longest message that is parsed as a whole: all but BYTES.
pub const MESSAGE_BYTES_MAX: usize = LIST_NAMES + FEEDS_MAX * NAME_BYTES;

const _: () = assert!(LOG_EPOCHS + EPOCHS_MAX * EPOCH_BYTES <= MESSAGE_BYTES_MAX);

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the picture above says what each is")]
pub enum Kind {
    Hello = 1,
    Proof,
    Refused,
    Open,
    Log,
    Fetch,
    Bytes,
    Mark,
    Snapshot,
    Image,
    Feeds,
    List,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Hello,
        Self::Proof,
        Self::Refused,
        Self::Open,
        Self::Log,
        Self::Fetch,
        Self::Bytes,
        Self::Mark,
        Self::Snapshot,
        Self::Image,
        Self::Feeds,
        Self::List,
    ];

    /// The lengths that a message of this kind can have.
    fn lengths(self) -> (usize, usize) {
        let same = |bytes| (bytes, bytes);
        match self {
            Self::Hello => same(HELLO_BYTES),
            Self::Proof => same(HEADER_BYTES + NONCE_BYTES),
            Self::Refused => (HEADER_BYTES, HEADER_BYTES + REASON_BYTES_MAX),
            Self::Open | Self::Snapshot => same(32),
            Self::Log => (LOG_EPOCHS, LOG_EPOCHS + EPOCHS_MAX * EPOCH_BYTES),
            Self::Fetch => same(24),
            Self::Bytes => (BYTES_HEADER_BYTES + 1, BYTES_HEADER_BYTES + CONTENT_BYTES_MAX),
            Self::Mark | Self::Image => same(40),
            Self::Feeds => same(16),
            Self::List => (LIST_NAMES, MESSAGE_BYTES_MAX),
        }
    }
}

/// Why bytes are no message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum WireFault {
    /// No such kind.
    Kind(u8),
    /// Another version of the protocol.
    Version(u8),
    /// No message of this kind is so long.
    Length { kind: Kind, bytes: u32 },
    /// A greeting that does not begin as one.
    Magic(u64),
    /// More entries than the message has, or than there can be.
    Count { kind: Kind, count: u32 },
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "no message is of kind {kind}"),
            Self::Version(version) => write!(f, "protocol version {version}, expected {VERSION}"),
            Self::Length { kind, bytes } => write!(f, "{kind:?} of {bytes} bytes"),
            Self::Magic(magic) => write!(f, "a greeting that begins with {magic:016x}"),
            Self::Count { kind, count } => write!(f, "{kind:?} of {count} entries"),
        }
    }
}

impl std::error::Error for WireFault {}

/// What a message begins with: its kind, and the bytes of all of it, which its kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its kind.
    pub kind: Kind,
    /// Bytes of the whole message.
    pub length: usize,
}

impl Header {
    /// The header at the beginning of a message.
    ///
    /// # Errors
    /// What is wrong with the first field that is.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, WireFault> {
        if bytes[VERSION_AT] != VERSION {
            return Err(WireFault::Version(bytes[VERSION_AT]));
        }
        let code = usize::from(bytes[KIND]);
        let kind = code.checked_sub(1).and_then(|index| Kind::ALL.get(index)).copied();
        let kind = kind.ok_or(WireFault::Kind(bytes[KIND]))?;
        let length = u32_at(bytes, LENGTH.start);
        let (least, most) = kind.lengths();
        match (least..=most).contains(&(length as usize)) {
            true => Ok(Self { kind, length: length as usize }),
            false => Err(WireFault::Length { kind, bytes: length }),
        }
    }
}

/// The first message of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Whose logs it has.
    pub peer: Peer,
    /// Whether it proves that it has the cluster's key, and wants the same.
    pub is_keyed: bool,
    /// Bytes that it never sent before.
    pub nonce: [u8; NONCE_BYTES],
}

/// The name of a log, 16 characters at most: a feed's session, or empty for the event log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogName([u8; NAME_BYTES]);

impl LogName {
    /// The event log.
    pub const EVENTS: Self = Self([b' '; NAME_BYTES]);

    /// The log of a feed's session.
    ///
    /// # Panics
    /// If no session has such a name.
    #[must_use]
    pub fn feed(session: &str) -> Self {
        let bytes = session.as_bytes();
        assert!(bytes.len() <= NAME_BYTES, "{session} is no session");
        let mut name = [b' '; NAME_BYTES];
        name[..bytes.len()].copy_from_slice(bytes);
        Self(name)
    }

    /// Whether it is the log of this feed's session.
    #[must_use]
    pub fn is_feed(&self, session: &str) -> bool {
        self.0.trim_ascii_end() == session.as_bytes()
    }

    /// The feed's session, if it could be one's: letters and digits, so that it can be a name of a
    /// directory too.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        let name = self.0.trim_ascii_end();
        let fits = !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric);
        fits.then(|| std::str::from_utf8(name).expect("letters and digits"))
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self == Self::EVENTS {
            true => f.write_str("the event log"),
            false => write!(f, "the feed log {}", self.0.trim_ascii_end().escape_ascii()),
        }
    }
}

impl fmt::Debug for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogName({})", self.0.escape_ascii())
    }
}

/// What a server has of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Where it begins.
    pub kept: LogPlace,
    /// An end of a transaction at or before the end, and the chain there: what bytes are held
    /// against when they have come so far.
    pub durable: LogPlace,
    /// As far as it gives it.
    pub end: Position,
    /// Bytes of its terms.
    pub term_bytes: u64,
    /// Where its newest epochs began, in order.
    pub epochs: Vec<EpochStart>,
}

/// A message, but for BYTES, of which this is the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the picture above says what each is")]
pub enum Message<'a> {
    Hello(Hello),
    Proof([u8; NONCE_BYTES]),
    Refused(&'a str),
    Open { request: u32, log: LogName },
    Log { request: u32, state: LogState },
    Fetch { request: u32, from: Position },
    Bytes { request: u32, at: u64, content: usize },
    Mark { request: u32, end: Position, durable: LogPlace },
    Snapshot { request: u32, below: Position, from: u64 },
    Image { request: u32, place: LogPlace, bytes: u64 },
    Feeds { request: u32 },
    List { request: u32, names: Names<'a> },
}

/// The names of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a>(pub(super) &'a [u8]);

/// Names as [`Names`] holds them.
pub(super) fn bytes_of_names(names: &[LogName]) -> Vec<u8> {
    names.iter().flat_map(|name| name.0).collect()
}

impl Names<'_> {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = LogName> {
        self.0
            .chunks_exact(NAME_BYTES)
            .map(|name| LogName(*name.first_chunk().expect("chunks of this length")))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("within the message"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("within the message"))
}

fn nonce_at(bytes: &[u8], at: usize) -> [u8; NONCE_BYTES] {
    *bytes[at..].first_chunk().expect("within the message")
}

fn place_at(bytes: &[u8], at: usize) -> LogPlace {
    LogPlace { position: Position(u64_at(bytes, at)), chain: Chain(u64_at(bytes, at + 8)) }
}

impl<'a> Message<'a> {
    /// The message in bytes, all of it, and of BYTES what stands before the content.
    ///
    /// # Errors
    /// What is wrong with the first field that is.
    ///
    /// # Panics
    /// If there are fewer bytes than the header says, of BYTES fewer than stand before its content.
    pub fn parse(header: Header, bytes: &'a [u8]) -> Result<Self, WireFault> {
        let Header { kind, length } = header;
        let bytes = match kind {
            Kind::Bytes => &bytes[..BYTES_HEADER_BYTES],
            _ => &bytes[..length],
        };
        if let Kind::Hello = kind {
            return Hello::parse(bytes).map(Self::Hello);
        }
        if let Kind::Proof = kind {
            return Ok(Self::Proof(nonce_at(bytes, HEADER_BYTES)));
        }
        if let Kind::Refused = kind {
            let text = &bytes[HEADER_BYTES..];
            let whole = std::str::from_utf8(text).unwrap_or_else(|error| {
                std::str::from_utf8(&text[..error.valid_up_to()]).expect("valid up to there")
            });
            return Ok(Self::Refused(whole));
        }
        let request = u32_at(bytes, 8);
        let position_at = |at| Position(u64_at(bytes, at));
        Ok(match kind {
            Kind::Hello | Kind::Proof | Kind::Refused => unreachable!("returned above"),
            Kind::Open => {
                let log = LogName(*bytes[16..].first_chunk().expect("within the message"));
                Self::Open { request, log }
            }
            Kind::Log => Self::Log { request, state: LogState::parse(bytes)? },
            Kind::Fetch => Self::Fetch { request, from: position_at(16) },
            Kind::Bytes => {
                Self::Bytes { request, at: u64_at(bytes, 16), content: length - BYTES_HEADER_BYTES }
            }
            Kind::Mark => {
                Self::Mark { request, end: position_at(16), durable: place_at(bytes, 24) }
            }
            Kind::Snapshot => {
                Self::Snapshot { request, below: position_at(16), from: u64_at(bytes, 24) }
            }
            Kind::Image => {
                Self::Image { request, place: place_at(bytes, 16), bytes: u64_at(bytes, 32) }
            }
            Kind::Feeds => Self::Feeds { request },
            Kind::List => {
                let (count, names) = (u32_at(bytes, 12), &bytes[LIST_NAMES..]);
                if names.len() != count as usize * NAME_BYTES {
                    return Err(WireFault::Count { kind, count });
                }
                Self::List { request, names: Names(names) }
            }
        })
    }

    /// Writes it behind what the buffer holds; of BYTES what stands before the content.
    pub fn emit(&self, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&[0, 0, 0, 0, self.kind() as u8, VERSION, 0, 0]);
        let mut content_bytes = 0;
        let mut word = |value: u64| into.extend_from_slice(&value.to_le_bytes());
        match self {
            Self::Hello(hello) => hello.emit(into),
            Self::Proof(proof) => into.extend_from_slice(proof),
            Self::Refused(reason) => {
                let end = reason.floor_char_boundary(REASON_BYTES_MAX);
                into.extend_from_slice(&reason.as_bytes()[..end]);
            }
            Self::Open { request, log } => {
                word(u64::from(*request));
                into.extend_from_slice(&log.0);
            }
            Self::Log { request, state } => {
                assert!(state.epochs.len() <= EPOCHS_MAX);
                word(u64::from(*request) | (state.epochs.len() as u64) << 32);
                state.emit(into);
            }
            Self::Fetch { request, from } => {
                word(u64::from(*request));
                word(from.get());
            }
            Self::Bytes { request, at, content } => {
                word(u64::from(*request));
                word(*at);
                content_bytes = *content;
            }
            Self::Mark { request, end, durable } => {
                let fields = [end.get(), durable.position.get(), durable.chain.0];
                word(u64::from(*request));
                fields.into_iter().for_each(word);
            }
            Self::Snapshot { request, below, from } => {
                word(u64::from(*request));
                word(below.get());
                word(*from);
            }
            Self::Image { request, place, bytes } => {
                word(u64::from(*request));
                [place.position.get(), place.chain.0, *bytes].into_iter().for_each(word);
            }
            Self::Feeds { request } => word(u64::from(*request)),
            Self::List { request, names } => {
                word(u64::from(*request) | ((names.0.len() / NAME_BYTES) as u64) << 32);
                into.extend_from_slice(names.0);
            }
        }
        let length = (into.len() - start + content_bytes) as u32;
        into[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Proof(_) => Kind::Proof,
            Self::Refused(_) => Kind::Refused,
            Self::Open { .. } => Kind::Open,
            Self::Log { .. } => Kind::Log,
            Self::Fetch { .. } => Kind::Fetch,
            Self::Bytes { .. } => Kind::Bytes,
            Self::Mark { .. } => Kind::Mark,
            Self::Snapshot { .. } => Kind::Snapshot,
            Self::Image { .. } => Kind::Image,
            Self::Feeds { .. } => Kind::Feeds,
            Self::List { .. } => Kind::List,
        }
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(hello) => write!(f, "HELLO of node {}", hello.peer.node),
            Self::Proof(_) => write!(f, "PROOF"),
            Self::Refused(reason) => write!(f, "REFUSED: {reason}"),
            Self::Open { log, .. } => write!(f, "OPEN {log}"),
            Self::Log { state, .. } => {
                write!(f, "LOG {}..{}", state.kept.position, state.end)
            }
            Self::Fetch { from, .. } => write!(f, "FETCH from {from}"),
            Self::Bytes { at, content, .. } => write!(f, "BYTES {content} at {at}"),
            Self::Mark { end, .. } => write!(f, "MARK, end {end}"),
            Self::Snapshot { below, .. } => write!(f, "SNAPSHOT below {below}"),
            Self::Image { place, bytes, .. } => {
                write!(f, "IMAGE of {}, {bytes} bytes", place.position)
            }
            Self::Feeds { .. } => write!(f, "FEEDS"),
            Self::List { names, .. } => write!(f, "LIST of {}", names.0.len() / NAME_BYTES),
        }
    }
}

impl Hello {
    fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let magic = u64_at(bytes, 8);
        if magic != MAGIC {
            return Err(WireFault::Magic(magic));
        }
        let peer = Peer {
            exchange_digest: u64_at(bytes, 16),
            term_bytes: u64_at(bytes, 24),
            exchange_number: u32_at(bytes, 32).cast_signed(),
            node: u32_at(bytes, 36),
            rules_version: u32_at(bytes, 40),
            schema_id: u16_at(bytes, 44),
            schema_version: u16_at(bytes, 46),
        };
        Ok(Self { peer, is_keyed: u32_at(bytes, 48) != 0, nonce: nonce_at(bytes, 56) })
    }

    fn emit(&self, into: &mut Vec<u8>) {
        let peer = &self.peer;
        into.extend_from_slice(&MAGIC.to_le_bytes());
        into.extend_from_slice(&peer.exchange_digest.to_le_bytes());
        into.extend_from_slice(&peer.term_bytes.to_le_bytes());
        into.extend_from_slice(&peer.exchange_number.to_le_bytes());
        into.extend_from_slice(&peer.node.to_le_bytes());
        into.extend_from_slice(&peer.rules_version.to_le_bytes());
        into.extend_from_slice(&peer.schema_id.to_le_bytes());
        into.extend_from_slice(&peer.schema_version.to_le_bytes());
        into.extend_from_slice(&u64::from(self.is_keyed).to_le_bytes());
        into.extend_from_slice(&self.nonce);
    }
}

impl LogState {
    fn parse(bytes: &[u8]) -> Result<Self, WireFault> {
        let count = u32_at(bytes, 12);
        let table = &bytes[LOG_EPOCHS..];
        if table.len() != (count as usize).saturating_mul(EPOCH_BYTES) {
            return Err(WireFault::Count { kind: Kind::Log, count });
        }
        let entry = |bytes: &[u8]| {
            let LogPlace { position: base, chain } = place_at(bytes, 0);
            EpochStart { base, chain, epoch: Epoch(u32_at(bytes, 16)), node: u32_at(bytes, 20) }
        };
        Ok(Self {
            kept: place_at(bytes, 16),
            durable: place_at(bytes, 32),
            end: Position(u64_at(bytes, 48)),
            term_bytes: u64_at(bytes, 56),
            epochs: table.chunks_exact(EPOCH_BYTES).map(entry).collect(),
        })
    }

    fn emit(&self, into: &mut Vec<u8>) {
        let mut word = |value: u64| into.extend_from_slice(&value.to_le_bytes());
        for place in [self.kept, self.durable] {
            word(place.position.get());
            word(place.chain.0);
        }
        word(self.end.get());
        word(self.term_bytes);
        for start in &self.epochs {
            word(start.base.get());
            word(start.chain.0);
            word(u64::from(start.epoch.get()) | u64::from(start.node) << 32);
        }
    }
}
