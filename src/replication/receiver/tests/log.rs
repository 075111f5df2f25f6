//! A log as its writer makes it, in memory, and the datagrams that carry it.

use std::ops::Range;

use crate::limits::{FRAME_HEADER_BYTES, MTU_BYTES};
use crate::replication::frame::{Setup, heartbeat};
use crate::replication::sender::LogBytes;
use crate::store::frame::{Frame, Header, Kind, aligned};
use crate::store::{ReadError, Terms, event_header, session_id};
use crate::types::{Epoch, Position, SplitMix64};

pub(super) const EXCHANGE: &str = "XISO";
pub(super) const STREAM: i32 = 1001;

/// One epoch's part of a log.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) terms: Terms,
    pub(super) epoch: Epoch,
    pub(super) base: Position,
    bytes: Vec<u8>,
    /// What a sender may see of it.
    pub(super) published: Position,
    random: SplitMix64,
}

impl Log {
    pub(super) fn new(epoch: u32, base: u64, seed: u64) -> Self {
        let terms = Terms::new(64 * 1024).unwrap();
        let (epoch, base) = (Epoch(epoch), Position(base));
        let random = SplitMix64(seed);
        Self { terms, epoch, base, bytes: Vec::new(), published: base, random }
    }

    pub(super) fn session(&self) -> i32 {
        session_id(EXCHANGE, self.epoch)
    }

    pub(super) fn end(&self) -> Position {
        Position(self.base.0 + self.bytes.len() as u64)
    }

    /// Appends transactions of one to four messages until there are so many bytes, and publishes
    /// them. Padding goes before a transaction that does not fit in its term.
    pub(super) fn grow(&mut self, bytes: usize) {
        let until = self.end().0 + bytes as u64;
        while self.end().0 < until {
            let count = 1 + self.random.below(4);
            let lengths: Vec<_> =
                (0..count).map(|_| 40 + self.random.below(400) as usize).collect();
            let whole: usize = lengths.iter().map(|length| aligned(32 + length)).sum();
            let room = (self.terms.next_base(self.end()).0 - self.end().0) as usize;
            if whole > room {
                self.append(Kind::Pad, room, &[]);
            }
            for (at, length) in lengths.iter().enumerate() {
                let mut message: Vec<_> =
                    (0..*length).map(|_| self.random.next() as u8 | 1).collect();
                message[event_header::FLAGS].copy_from_slice(&match at + 1 == lengths.len() {
                    true => event_header::END_OF_TRANSACTION.to_le_bytes(),
                    false => [0, 0],
                });
                self.append(Kind::Data, FRAME_HEADER_BYTES + length, &message);
            }
        }
        self.published = self.end();
    }

    fn append(&mut self, kind: Kind, length: usize, message: &[u8]) {
        let at = self.end();
        let header = Header {
            length: length as u32,
            kind,
            term_offset: self.terms.offset(at) as u32,
            session: self.session(),
            stream: STREAM,
            term_id: self.terms.term_id(at),
            epoch: self.epoch,
        };
        let mut body = message.to_vec();
        if kind == Kind::Data {
            body.resize(aligned(length) - FRAME_HEADER_BYTES, 0);
        }
        self.bytes.extend(header.seal(&body).emit());
        self.bytes.extend(&body);
        self.bytes.resize((at.0 - self.base.0) as usize + aligned(length), 0);
    }

    pub(super) fn part(&self, range: Range<Position>) -> &[u8] {
        &self.bytes[(range.start.0 - self.base.0) as usize..(range.end.0 - self.base.0) as usize]
    }

    /// The log as datagrams: where each stands and ends, and its bytes.
    pub(super) fn datagrams(&self) -> Vec<(Position, Position, Vec<u8>)> {
        let mut datagrams: Vec<(Position, Position, Vec<u8>)> = Vec::new();
        let (mut at, mut ended) = (self.base, true);
        while at < self.end() {
            let frame = Frame::new_unchecked(self.part(at..self.end()));
            let end = Position(at.0 + frame.aligned_bytes() as u64);
            let wire = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
            let bytes = &self.part(at..end)[..wire];
            match datagrams.last_mut() {
                Some((_, to, last)) if !ended && last.len() + wire <= MTU_BYTES => {
                    last.extend(bytes);
                    *to = end;
                }
                _ => datagrams.push((at, end, bytes.to_vec())),
            }
            ended = self.terms.base(end) == end;
            at = end;
        }
        datagrams
    }

    pub(super) fn setup(&self, at: Position) -> Setup {
        Setup {
            session: self.session(),
            stream: STREAM,
            initial_term_id: 0,
            active_term_id: self.terms.term_id(at).cast_signed(),
            term_offset: (self.terms.offset(at) as u32).cast_signed(),
            terms: self.terms,
            mtu_bytes: (MTU_BYTES as u32).cast_signed(),
            ttl: 0,
            is_group: true,
        }
    }

    pub(super) fn heartbeat(&self, at: Position, is_end: bool) -> Vec<u8> {
        heartbeat(self.session(), STREAM, self.terms, at, is_end).to_vec()
    }
}

impl LogBytes for Log {
    fn published(&mut self) -> Result<Position, ReadError> {
        Ok(self.published)
    }

    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let end = self.published.min(self.terms.next_base(position));
        Ok(self.part(position..end.max(position)))
    }
}
