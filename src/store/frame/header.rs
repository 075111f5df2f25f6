//! A frame's header as fields: read from a frame that was checked, sealed with the CRC over all,
//! and written with its length last.

use crate::limits::FRAME_HEADER_BYTES;
use crate::types::Epoch;

use super::{Frame, FrameFault, Kind, LENGTH, UNFRAGMENTED, frame_crc, header_without_crc};

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
    pub(in crate::store) fn covered(&self) -> [u8; FRAME_HEADER_BYTES - 4] {
        header_without_crc(&self.sealed_with(0).emit())
    }

    /// The header with a CRC that is known.
    #[must_use]
    #[inline]
    pub(in crate::store) fn sealed_with(&self, crc: u32) -> SealedHeader {
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
