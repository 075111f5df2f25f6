//! One frame of the log: Aeron's DATA (or PAD) header and one message.
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |  frame length: 32 + message, without the alignment (written last)
//!  +---------------+---------------+-------------------------------+
//!  |   version 0   |  flags 0xC0   |     type: 0 PAD, 1 DATA       |
//!  +---------------+---------------+-------------------------------+
//!  |                          term offset                          |
//!  +---------------------------------------------------------------+
//!  |            session: the exchange's name and the epoch         |
//!  +---------------------------------------------------------------+
//!  |                stream: the exchange's number                  |
//!  +---------------------------------------------------------------+
//!  |            term id: which segment, counted from 0             |
//!  +-------------------------------------------------- reserved ---+
//!  |                        CRC-32 (low half)                      |
//!  +-------------------------------------------------- value ------+
//!  |                       epoch (high half)                       |
//!  +---------------------------------------------------------------+
//!  |  message, then zeroes to the next multiple of 32 ...
//! ```
//!
//! All little endian. Source: the Aeron transport protocol, data frame; `aeron_udp_protocol.h`.
//! Aeron leaves the reserved value to the application: here it says whose frame it is and
//! proves it whole. The CRC covers the aligned frame without the CRC's own four bytes; of a PAD
//! it covers the header, which is all of it that ever travels, and the body must be zero.

use std::fmt;
use std::ops::Range;

use crate::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, MESSAGE_BYTES_MAX, TERM_BYTES_MAX};
use crate::types::{Epoch, Position};

use super::event_header::EVENT_BYTES_MIN;
use super::segment::Terms;

const LENGTH: Range<usize> = 0..4;
const VERSION: usize = 4;
const FLAGS: usize = 5;
const KIND: Range<usize> = 6..8;
const TERM_OFFSET: Range<usize> = 8..12;
const SESSION: Range<usize> = 12..16;
const STREAM: Range<usize> = 16..20;
const TERM_ID: Range<usize> = 20..24;
const CRC: Range<usize> = 24..28;
const EPOCH: Range<usize> = 28..32;

const _: () = assert!(EPOCH.end == FRAME_HEADER_BYTES);

/// Begin and end of a message in one frame: a frame is never fragmented.
pub const UNFRAGMENTED: u8 = 0xC0;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Fills a term's rest where the next transaction did not fit.
    Pad,
    /// Carries a message.
    Data,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Kind::Pad => 0,
            Kind::Data => 1,
        }
    }
}

/// Bytes that a frame of `length` bytes takes in its term.
#[must_use]
#[inline]
pub const fn aligned(length: usize) -> usize {
    (length + FRAME_ALIGNMENT_BYTES - 1) & !(FRAME_ALIGNMENT_BYTES - 1)
}

/// Bytes that a message takes in its term, header and alignment included.
#[must_use]
#[inline]
pub const fn framed(message_bytes: usize) -> usize {
    aligned(FRAME_HEADER_BYTES + message_bytes)
}

/// Why bytes are no frame of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum FrameFault {
    /// Nothing was written here, or the write did not come to its end.
    NoLength,
    /// Fewer bytes are left than a frame of this length needs.
    Short { need_bytes: usize, left_bytes: usize },
    /// No frame has this length.
    Length(u32),
    /// Another version of the framing.
    Version(u8),
    /// Neither DATA nor PAD.
    Kind(u16),
    /// A fragment, or flags that no writer sets.
    Flags(u8),
    /// Says it stands elsewhere in the term.
    TermOffset { expected: u32, found: u32 },
    /// Says it stands in another term: old bytes of a segment used again.
    TermId { expected: u32, found: u32 },
    /// The content is not what was written.
    Crc { expected: u32, found: u32 },
    /// Padding has content.
    PadBody,
    /// A frame of another epoch than the one that wrote this position: an older writer's tail.
    Epoch { expected: Epoch, found: Epoch },
    /// Another exchange's number.
    Stream { expected: i32, found: i32 },
    /// Another exchange's name, or another epoch than the frame says.
    Session { expected: i32, found: i32 },
    /// Messages of a transaction lie in two terms, or padding lies inside it.
    Torn,
    /// A transaction longer than any writer makes.
    Transaction { bytes: u64 },
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength => write!(f, "no frame length was written"),
            Self::Short { need_bytes, left_bytes } => {
                write!(f, "the frame needs {need_bytes} bytes, {left_bytes} are left")
            }
            Self::Length(length) => write!(f, "no frame is {length} bytes long"),
            Self::Version(version) => write!(f, "frame version {version}, expected 0"),
            Self::Kind(kind) => write!(f, "frame type {kind}, expected 0 or 1"),
            Self::Flags(flags) => write!(f, "frame flags {flags:#04x}, expected 0xc0"),
            Self::TermOffset { expected, found } => {
                write!(f, "term offset {found}, expected {expected}")
            }
            Self::TermId { expected, found } => write!(f, "term {found}, expected {expected}"),
            Self::Crc { expected, found } => {
                write!(f, "CRC {found:08x}, the content gives {expected:08x}")
            }
            Self::PadBody => write!(f, "padding is not zero"),
            Self::Epoch { expected, found } => {
                write!(f, "a frame of epoch {found} where epoch {expected} wrote")
            }
            Self::Stream { expected, found } => write!(f, "stream {found}, expected {expected}"),
            Self::Session { expected, found } => write!(f, "session {found}, expected {expected}"),
            Self::Torn => write!(f, "a transaction is torn by padding or the end of a term"),
            Self::Transaction { bytes } => write!(f, "a transaction of {bytes} bytes has no end"),
        }
    }
}

impl std::error::Error for FrameFault {}

/// A frame's header over bytes, and with enough of them its message.
#[derive(Clone, Copy, Debug)]
pub struct Frame<T> {
    bytes: T,
}

impl<T: AsRef<[u8]>> Frame<T> {
    /// Looks at bytes as a frame without checking what they say.
    ///
    /// # Panics
    /// If there are fewer bytes than a header has.
    pub fn new_unchecked(bytes: T) -> Self {
        assert!(bytes.as_ref().len() >= FRAME_HEADER_BYTES, "no room for a frame header");
        Self { bytes }
    }

    /// Checks that the header is one this log writes and that the whole frame is there (of
    /// padding: its header). Where it stands, whose it is and its CRC are not looked at.
    ///
    /// # Errors
    /// What is wrong with the first field that is.
    #[inline]
    pub fn new_checked(bytes: T) -> Result<Self, FrameFault> {
        let left_bytes = bytes.as_ref().len();
        if left_bytes < FRAME_HEADER_BYTES {
            return Err(FrameFault::Short { need_bytes: FRAME_HEADER_BYTES, left_bytes });
        }
        let frame = Self { bytes };
        let length = frame.length();
        if length == 0 {
            return Err(FrameFault::NoLength);
        }
        if frame.version() != 0 {
            return Err(FrameFault::Version(frame.version()));
        }
        if frame.flags() != UNFRAGMENTED {
            return Err(FrameFault::Flags(frame.flags()));
        }
        let need_bytes = match frame.kind()? {
            Kind::Pad if (FRAME_HEADER_BYTES..=TERM_BYTES_MAX).contains(&(length as usize)) => {
                FRAME_HEADER_BYTES
            }
            Kind::Data if (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&(length as usize)) => {
                aligned(length as usize)
            }
            _ => return Err(FrameFault::Length(length)),
        };
        if left_bytes < need_bytes {
            return Err(FrameFault::Short { need_bytes, left_bytes });
        }
        Ok(frame)
    }

    /// [`Self::new_checked`] over the bytes from `position` to the end of its term, and that the
    /// frame says so itself.
    ///
    /// # Errors
    /// What is wrong with the first field that is.
    #[inline]
    pub fn new_at(rest: T, position: Position, terms: Terms) -> Result<Self, FrameFault> {
        let left_bytes = rest.as_ref().len();
        let frame = Self::new_checked(rest)?;
        let expected = terms.term_id(position);
        if frame.term_id() != expected {
            return Err(FrameFault::TermId { expected, found: frame.term_id() });
        }
        let expected = terms.offset(position) as u32;
        if frame.term_offset() != expected {
            return Err(FrameFault::TermOffset { expected, found: frame.term_offset() });
        }
        // Padding always reaches to the end of its term.
        if frame.is_pad() && frame.length() as usize != left_bytes {
            return Err(FrameFault::Length(frame.length()));
        }
        Ok(frame)
    }

    #[inline]
    fn u32_at(&self, field: Range<usize>) -> u32 {
        let bytes = &self.bytes.as_ref()[field];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Bytes of header and message, without the alignment; 0 where nothing was written.
    #[inline]
    pub fn length(&self) -> u32 {
        self.u32_at(LENGTH)
    }

    /// Version of the framing, 0.
    #[inline]
    pub fn version(&self) -> u8 {
        self.bytes.as_ref()[VERSION]
    }

    /// [`UNFRAGMENTED`].
    #[inline]
    pub fn flags(&self) -> u8 {
        self.bytes.as_ref()[FLAGS]
    }

    /// What the frame is.
    ///
    /// # Errors
    /// The number of a type that no log holds.
    #[inline]
    pub fn kind(&self) -> Result<Kind, FrameFault> {
        let bytes = &self.bytes.as_ref()[KIND];
        match u16::from_le_bytes([bytes[0], bytes[1]]) {
            0 => Ok(Kind::Pad),
            1 => Ok(Kind::Data),
            other => Err(FrameFault::Kind(other)),
        }
    }

    /// Whether it is padding.
    #[inline]
    pub fn is_pad(&self) -> bool {
        self.kind() == Ok(Kind::Pad)
    }

    /// Bytes from the term's start to this frame.
    #[inline]
    pub fn term_offset(&self) -> u32 {
        self.u32_at(TERM_OFFSET)
    }

    /// One number per exchange and epoch.
    #[inline]
    pub fn session(&self) -> i32 {
        self.u32_at(SESSION).cast_signed()
    }

    /// The exchange's number.
    #[inline]
    pub fn stream(&self) -> i32 {
        self.u32_at(STREAM).cast_signed()
    }

    /// The term (segment) it stands in, from 0.
    #[inline]
    pub fn term_id(&self) -> u32 {
        self.u32_at(TERM_ID)
    }

    /// The CRC it carries.
    #[inline]
    pub fn crc(&self) -> u32 {
        self.u32_at(CRC)
    }

    /// The epoch of its writer.
    #[inline]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.u32_at(EPOCH))
    }

    /// Bytes it takes in its term.
    #[inline]
    pub fn aligned_bytes(&self) -> usize {
        aligned(self.length() as usize)
    }

    /// The message; empty for padding.
    ///
    /// # Panics
    /// If the frame was not checked and says more than there is.
    #[inline]
    pub fn message(&self) -> &[u8] {
        match self.is_pad() {
            true => &[],
            false => &self.bytes.as_ref()[FRAME_HEADER_BYTES..self.length() as usize],
        }
    }

    /// The CRC that the content gives.
    ///
    /// # Panics
    /// If the frame was not checked and says more than there is.
    #[must_use]
    pub fn content_crc(&self) -> u32 {
        let bytes = self.bytes.as_ref();
        let header = header_without_crc(bytes);
        match self.is_pad() {
            true => frame_crc(&header, &[]),
            false => frame_crc(&header, &bytes[FRAME_HEADER_BYTES..self.aligned_bytes()]),
        }
    }

    /// Checks the content against the CRC, and padding (given whole) for zeroes.
    ///
    /// # Errors
    /// Both CRCs, or that padding has content.
    pub fn check_content(&self) -> Result<(), FrameFault> {
        let expected = self.content_crc();
        if self.crc() != expected {
            return Err(FrameFault::Crc { expected, found: self.crc() });
        }
        if self.is_pad() {
            let body = &self.bytes.as_ref()[FRAME_HEADER_BYTES..];
            let body = &body[..body.len().min(self.length() as usize - FRAME_HEADER_BYTES)];
            if !is_zero(body) {
                return Err(FrameFault::PadBody);
            }
        }
        Ok(())
    }
}

impl<T: AsRef<[u8]>> fmt::Display for Frame<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_pad() { "PAD" } else { "DATA" };
        write!(
            f,
            "{kind} {} bytes at term {} offset {}, session {}, stream {}, epoch {}, crc {:08x}",
            self.length(),
            self.term_id(),
            self.term_offset(),
            self.session(),
            self.stream(),
            self.epoch(),
            self.crc()
        )
    }
}

/// The smallest DATA frame's length.
pub const FRAME_BYTES_MIN: usize = FRAME_HEADER_BYTES + EVENT_BYTES_MIN;

/// The largest DATA frame's length.
pub const FRAME_BYTES_MAX: usize = FRAME_HEADER_BYTES + MESSAGE_BYTES_MAX;

/// A header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of header and message.
    pub length: u32,
    /// DATA or PAD.
    pub kind: Kind,
    /// Bytes from the term's start.
    pub term_offset: u32,
    /// One number per exchange and epoch.
    pub session: i32,
    /// The exchange's number.
    pub stream: i32,
    /// The term, from 0.
    pub term_id: u32,
    /// The writer's epoch.
    pub epoch: Epoch,
}

impl Header {
    /// The fields of a frame that was checked.
    ///
    /// # Errors
    /// The number of a type that no log holds.
    pub fn parse<T: AsRef<[u8]>>(frame: &Frame<T>) -> Result<Self, FrameFault> {
        Ok(Self {
            length: frame.length(),
            kind: frame.kind()?,
            term_offset: frame.term_offset(),
            session: frame.session(),
            stream: frame.stream(),
            term_id: frame.term_id(),
            epoch: frame.epoch(),
        })
    }

    /// The header with its CRC over itself and `body`: the message with its alignment, of
    /// padding nothing.
    #[must_use]
    #[inline]
    pub fn seal(&self, body: &[u8]) -> SealedHeader {
        self.sealed_with(frame_crc(&self.covered(), body))
    }

    /// The header's bytes that the CRC covers.
    #[inline]
    pub(super) fn covered(&self) -> [u8; FRAME_HEADER_BYTES - 4] {
        header_without_crc(&self.sealed_with(0).emit())
    }

    /// The header with a CRC that is known.
    #[must_use]
    #[inline]
    pub(super) fn sealed_with(&self, crc: u32) -> SealedHeader {
        // Words, not fields: narrow stores read back as wide ones would stall the writer.
        let low = |value: u32| u64::from(value);
        let high = |value: u32| u64::from(value) << 32;
        let shape = u32::from_le_bytes([0, UNFRAGMENTED, self.kind.code() as u8, 0]);
        let words = [
            low(self.length) | high(shape),
            low(self.term_offset) | high(self.session.cast_unsigned()),
            low(self.stream.cast_unsigned()) | high(self.term_id),
        ];
        let [first, second, third] = words;
        SealedHeader { words: [first, second, third, low(crc) | high(self.epoch.get())] }
    }
}

/// A header as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHeader {
    words: [u64; FRAME_HEADER_BYTES / 8],
}

impl SealedHeader {
    /// Its CRC.
    #[must_use]
    #[inline]
    pub fn crc(&self) -> u32 {
        self.words[3] as u32
    }

    /// Its length word, which goes last.
    #[must_use]
    #[inline]
    pub fn length(&self) -> u32 {
        self.words[0] as u32
    }

    /// All of it.
    #[must_use]
    pub fn emit(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        self.emit_without_length(&mut bytes);
        bytes[LENGTH].copy_from_slice(&self.length().to_le_bytes());
        bytes
    }

    /// All of it but the length, whose bytes stay as they are.
    #[inline]
    pub fn emit_without_length(&self, bytes: &mut [u8; FRAME_HEADER_BYTES]) {
        bytes[4..8].copy_from_slice(&((self.words[0] >> 32) as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.words[1].to_le_bytes());
        bytes[16..24].copy_from_slice(&self.words[2].to_le_bytes());
        bytes[24..32].copy_from_slice(&self.words[3].to_le_bytes());
    }
}

/// A header's bytes before and after its CRC.
#[inline]
fn header_without_crc(bytes: &[u8]) -> [u8; FRAME_HEADER_BYTES - 4] {
    let mut covered = [0; FRAME_HEADER_BYTES - 4];
    covered[..CRC.start].copy_from_slice(&bytes[..CRC.start]);
    covered[CRC.start..].copy_from_slice(&bytes[EPOCH]);
    covered
}

#[inline]
fn frame_crc(header: &[u8; FRAME_HEADER_BYTES - 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

/// Whether all bytes are zero.
#[must_use]
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    last_nonzero(bytes).is_none()
}

/// The index of the last byte that is not zero.
#[must_use]
pub(super) fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 4096;
    let mut end = bytes.len();
    while end > 0 {
        let start = (end - 1) / STEP * STEP;
        let block = &bytes[start..end];
        // A fold over the block is vectorized; a search for the byte is not.
        if block.iter().fold(0, |all, byte| all | byte) != 0 {
            return block.iter().rposition(|byte| *byte != 0).map(|at| start + at);
        }
        end = start;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 40-byte message at offset 64 of term 2, written out by hand from the specification.
    fn literal() -> Vec<u8> {
        let mut bytes = vec![
            0x48, 0, 0, 0, // length 72
            0, 0xC0, 1, 0, // version, flags, DATA
            0x40, 0, 0, 0, // term offset 64
            0x44, 0x33, 0x22, 0x11, // session
            0xE9, 3, 0, 0, // stream 1001
            2, 0, 0, 0, // term 2
            0, 0, 0, 0, // CRC, below
            5, 0, 0, 0, // epoch 5
        ];
        bytes.extend((1..=40).collect::<Vec<u8>>());
        bytes.resize(96, 0);
        // CRC-32 (IEEE) bit by bit over all but the CRC itself: no table, no library.
        let mut crc = u32::MAX;
        for byte in bytes[..24].iter().chain(&bytes[28..]) {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        bytes[24..28].copy_from_slice(&(!crc).to_le_bytes());
        bytes
    }

    fn header() -> Header {
        Header {
            length: 72,
            kind: Kind::Data,
            term_offset: 64,
            session: 0x1122_3344,
            stream: 1001,
            term_id: 2,
            epoch: Epoch(5),
        }
    }

    #[test]
    fn literal_bytes_are_read_and_written() {
        let bytes = literal();
        let terms = Terms::new(64 * 1024).unwrap();
        let position = Position(2 * 64 * 1024 + 64);
        let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
        frame.check_content().unwrap();
        assert_eq!(Header::parse(&frame).unwrap(), header());
        assert_eq!(frame.message(), (1..=40).collect::<Vec<u8>>());
        assert_eq!(frame.aligned_bytes(), 96);

        let sealed = header().seal(&bytes[32..]);
        assert_eq!(sealed.emit(), bytes[..32]);
        assert_eq!((sealed.length(), sealed.crc()), (72, frame.crc()));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let terms = Terms::new(64 * 1024).unwrap();
        let good = literal();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let position = Position(2 * 64 * 1024 + 64);
            let judged = Frame::new_at(&bytes[..], position, terms).and_then(|f| f.check_content());
            assert!(judged.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn strange_bytes_are_refused_with_their_values() {
        let fault = |change: fn(&mut Vec<u8>)| {
            let mut bytes = literal();
            change(&mut bytes);
            Frame::new_checked(&bytes[..]).unwrap_err()
        };
        assert_eq!(fault(|b| b.truncate(31)), FrameFault::Short { need_bytes: 32, left_bytes: 31 });
        assert_eq!(fault(|b| b.truncate(80)), FrameFault::Short { need_bytes: 96, left_bytes: 80 });
        assert_eq!(fault(|b| b[0] = 0), FrameFault::NoLength);
        assert_eq!(fault(|b| b[0] = 71), FrameFault::Length(71));
        assert_eq!(fault(|b| b[3] = 0x80), FrameFault::Length(0x8000_0048));
        assert_eq!(fault(|b| b[1] = 6), FrameFault::Length(0x648));
        assert_eq!(fault(|b| b[4] = 1), FrameFault::Version(1));
        assert_eq!(fault(|b| b[5] = 0x80), FrameFault::Flags(0x80));
        assert_eq!(fault(|b| b[6] = 5), FrameFault::Kind(5));
    }

    #[test]
    fn padding_is_a_header_and_zeroes() {
        let terms = Terms::new(64 * 1024).unwrap();
        let header = Header { length: 96, kind: Kind::Pad, term_offset: 65440, ..header() };
        let mut bytes = header.seal(&[]).emit().to_vec();
        bytes.resize(96, 0);
        let position = Position(2 * 65536 + 65440);
        let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
        assert_eq!((frame.check_content(), frame.message()), (Ok(()), &[][..]));
        bytes[95] = 1;
        let frame = Frame::new_at(&bytes[..], position, terms).unwrap();
        assert_eq!(frame.check_content(), Err(FrameFault::PadBody));
    }

    #[test]
    fn the_last_byte_that_is_not_zero_is_found() {
        let mut bytes = vec![0; 10_000];
        assert!(is_zero(&bytes));
        for at in [0, 1, 4095, 4096, 9_999] {
            bytes[at] = 1;
            assert_eq!(last_nonzero(&bytes), Some(at));
        }
    }
}
