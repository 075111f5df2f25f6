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

mod header;

pub use header::{Header, SealedHeader};

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

/// The smallest DATA frame's length.
pub const FRAME_BYTES_MIN: usize = FRAME_HEADER_BYTES + EVENT_BYTES_MIN;

/// The largest DATA frame's length.
pub const FRAME_BYTES_MAX: usize = FRAME_HEADER_BYTES + MESSAGE_BYTES_MAX;

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
        frame.check_place(position, terms)?;
        // Padding always reaches to the end of its term.
        if frame.is_pad() && frame.length() as usize != left_bytes {
            return Err(FrameFault::Length(frame.length()));
        }
        Ok(frame)
    }

    /// As [`Self::new_at`], over bytes as they travel: of padding there is the header alone.
    ///
    /// # Errors
    /// What is wrong with the first field that is.
    #[inline]
    pub fn new_sent(sent: T, position: Position, terms: Terms) -> Result<Self, FrameFault> {
        let frame = Self::new_checked(sent)?;
        frame.check_place(position, terms)?;
        let left_bytes = terms.bytes() - terms.offset(position);
        let fits = match frame.is_pad() {
            true => frame.length() as usize == left_bytes,
            false => frame.aligned_bytes() <= left_bytes,
        };
        if fits { Ok(frame) } else { Err(FrameFault::Length(frame.length())) }
    }

    #[inline]
    fn check_place(&self, position: Position, terms: Terms) -> Result<(), FrameFault> {
        let (expected, found) = (terms.term_id(position), self.term_id());
        if found != expected {
            return Err(FrameFault::TermId { expected, found });
        }
        let (expected, found) = (terms.offset(position) as u32, self.term_offset());
        if found != expected {
            return Err(FrameFault::TermOffset { expected, found });
        }
        Ok(())
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
mod tests;
