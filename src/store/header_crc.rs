//! The CRC of a frame from a header that is known but for its length and offset.
//!
//! A CRC is linear: what one byte of the header adds to it depends on that byte alone. Within a
//! term only length and offset differ from frame to frame, so that six table look-ups take the
//! place of a pass over the 28 covered bytes, which cost as much as the message after it.

use super::frame::{Frame, Header, Kind, SealedHeader};
use crate::limits::FRAME_HEADER_BYTES;
use crate::types::Epoch;

/// What each value of the bytes that differ adds to the CRC of a header.
#[derive(Debug)]
pub(super) struct HeaderCrc {
    length: [[u32; 256]; 2],
    term_offset: [[u32; 256]; 4],
    /// The header of the current term with length and offset 0, and its CRC.
    base: (Header, u32),
}

const ZERO: Header = Header {
    length: 0,
    kind: Kind::Data,
    term_offset: 0,
    session: 0,
    stream: 0,
    term_id: 0,
    epoch: Epoch(0),
};

fn crc(header: &Header) -> u32 {
    crc32fast::hash(&header.covered())
}

impl HeaderCrc {
    pub(super) fn new() -> Box<Self> {
        let zero = crc(&ZERO);
        let value = |byte: usize, value: usize| (value as u32) << (8 * byte);
        let mut tables = Box::new(Self {
            length: [[0; 256]; 2],
            term_offset: [[0; 256]; 4],
            base: (ZERO, zero),
        });
        for (byte, table) in tables.length.iter_mut().enumerate() {
            for (index, adds) in table.iter_mut().enumerate() {
                *adds = crc(&Header { length: value(byte, index), ..ZERO }) ^ zero;
            }
        }
        for (byte, table) in tables.term_offset.iter_mut().enumerate() {
            for (index, adds) in table.iter_mut().enumerate() {
                *adds = crc(&Header { term_offset: value(byte, index), ..ZERO }) ^ zero;
            }
        }
        tables
    }

    /// As [`Header::seal`], of a DATA frame.
    #[inline]
    pub(super) fn seal(&mut self, header: &Header, body: &[u8]) -> SealedHeader {
        let base = Header { length: 0, term_offset: 0, ..*header };
        if base != self.base.0 {
            self.base = (base, crc(&base));
        }
        debug_assert!(header.length < 1 << 16, "a DATA frame");
        let mut of_header = self.base.1;
        for (table, byte) in self.length.iter().zip(header.length.to_le_bytes()) {
            of_header ^= table[usize::from(byte)];
        }
        for (table, byte) in self.term_offset.iter().zip(header.term_offset.to_le_bytes()) {
            of_header ^= table[usize::from(byte)];
        }
        let mut hasher = crc32fast::Hasher::new_with_initial(of_header);
        hasher.update(body);
        header.sealed_with(hasher.finalize())
    }

    /// Whether bytes are a DATA frame exactly as it was sealed. If not, something is wrong with
    /// them, or it is another kind of frame: [`Frame::check_content`] says.
    #[inline]
    pub(super) fn is_sealed(&mut self, frame: &[u8]) -> bool {
        let Some((found, body)) = frame.split_first_chunk::<FRAME_HEADER_BYTES>() else {
            return false;
        };
        let Ok(header) = Header::parse(&Frame::new_unchecked(frame)) else { return false };
        header.kind == Kind::Data
            && header.length < 1 << 16
            && self.seal(&header, body).emit() == *found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_the_whole_frame() {
        let mut tables = HeaderCrc::new();
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 32) as u32
        };
        for round in 0..10_000 {
            let mut header = Header {
                length: random() % 1409,
                term_offset: random() & 0x3fff_ffe0,
                session: random().cast_signed(),
                stream: random().cast_signed(),
                term_id: random(),
                epoch: Epoch(random()),
                kind: Kind::Data,
            };
            let body = [random() as u8; 96];
            let sealed = header.seal(&body);
            assert_eq!(tables.seal(&header, &body), sealed, "round {round}");
            let mut frame = [&sealed.emit()[..], &body].concat();
            assert!(tables.is_sealed(&frame), "round {round}");
            let bit = random() as usize % (frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(!tables.is_sealed(&frame), "round {round}, bit {bit}");
            // Another frame of the same term.
            (header.length, header.term_offset) = (random() % 1409, random() & 0x3fff_ffe0);
            assert_eq!(tables.seal(&header, &body), header.seal(&body), "round {round}");
        }
    }
}
