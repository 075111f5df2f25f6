//! A stream put together in memory: each frame by its position, in a sorted map.
//!
//! Slow and plain. It is what the store is judged by, and it takes what a stock Aeron publisher
//! sends: any first term, fragments, no CRC.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::frame::Setup;
use super::rebuild::{Geometry, Rebuild, SetupRefused, Verdict};
use crate::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES, MTU_BYTES};
use crate::store::event_header::ends_transaction;
use crate::store::frame::{Frame, Kind, aligned};
use crate::store::{Terms, session_id};
use crate::types::{Epoch, Position};

/// Whose frames are taken.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Those of an epoch of our own, at or above its base, whose CRC is right. What is held are
    /// whole transactions.
    Ours {
        /// The exchange's name.
        exchange: String,
        /// The epoch.
        epoch: Epoch,
        /// Its first position.
        base: Position,
    },
    /// Those of any session and stream, unchecked: a stock publisher writes no CRC. It begins where
    /// the SETUP says; what is held was delivered.
    Stock,
}

/// A frame that was delivered: a message, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Where it stands.
    pub position: Position,
    /// Its header, and what it carries.
    pub frame: Vec<u8>,
}

/// Where a frame stands, where it ends, and its bytes as they were sent.
type SplitFrame<'a> = (Position, Position, &'a [u8]);

/// A stream in memory.
#[derive(Clone, Debug)]
pub struct MemoryRebuild {
    policy: Policy,
    geometry: Option<Geometry>,
    /// The frames by position, padding as its header, and where each ends.
    frames: BTreeMap<Position, (Position, Vec<u8>)>,
    held: Position,
    contiguous: Position,
}

impl MemoryRebuild {
    /// Our own stream, from a position.
    #[must_use]
    pub fn ours(terms: Terms, exchange: &str, epoch: Epoch, base: Position) -> Self {
        let policy = Policy::Ours { exchange: exchange.into(), epoch, base };
        let geometry = Some(Geometry { terms, initial_term_id: 0 });
        Self { policy, geometry, frames: BTreeMap::new(), held: base, contiguous: base }
    }

    /// A stock publisher's stream, from wherever it is joined.
    #[must_use]
    pub fn stock() -> Self {
        Self {
            policy: Policy::Stock,
            geometry: None,
            frames: BTreeMap::new(),
            held: Position(0),
            contiguous: Position(0),
        }
    }

    /// The end of the last whole transaction that no hole is before; of a stock stream, what was
    /// delivered.
    #[must_use]
    pub fn held(&self) -> Position {
        self.held
    }

    /// The next frame in order, padding passed over.
    pub fn deliver(&mut self) -> Option<Delivered> {
        while self.held < self.contiguous {
            let (position, (end, frame)) = self.frames.pop_first()?;
            assert_eq!(position, self.held, "frames are delivered in order");
            self.held = end;
            if !Frame::new_unchecked(&frame[..]).is_pad() {
                return Some(Delivered { position, frame });
            }
        }
        None
    }

    /// The bytes of the frames from the first on, as they stand in a log: padding is zero.
    #[must_use]
    pub fn log_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let start = self.frames.keys().next().map_or(0, |position| position.0);
        for (position, (end, frame)) in self.frames.range(..self.contiguous) {
            assert_eq!(position.0, start + bytes.len() as u64, "no hole before its end");
            bytes.extend(frame);
            bytes.resize((end.0 - start) as usize, 0);
        }
        bytes
    }

    /// The frames of a datagram: where each stands and ends, and its bytes.
    fn split<'a>(
        &self,
        terms: Terms,
        position: Position,
        mut bytes: &'a [u8],
    ) -> Result<Vec<SplitFrame<'a>>, Verdict> {
        let (mut at, mut frames) = (position, Vec::new());
        if bytes.is_empty() {
            return Err(Verdict::Damaged);
        }
        while !bytes.is_empty() {
            if bytes.len() < FRAME_HEADER_BYTES {
                return Err(Verdict::Damaged);
            }
            let frame = Frame::new_unchecked(bytes);
            let kind = frame.kind().map_err(|_| Verdict::Damaged)?;
            let length = frame.length() as usize;
            let room = (terms.next_base(position).0 - at.0) as usize;
            let stands = frame.term_offset() as usize == terms.offset(at);
            if frame.version() != 0 || !stands || !(FRAME_HEADER_BYTES..=room).contains(&length) {
                return Err(Verdict::Damaged);
            }
            let (log_bytes, wire_bytes) = match kind {
                Kind::Data => (aligned(length), aligned(length)),
                Kind::Pad => (aligned(length), FRAME_HEADER_BYTES),
            };
            // Padding is the last frame of a datagram.
            if wire_bytes > bytes.len() || (kind == Kind::Pad && wire_bytes != bytes.len()) {
                return Err(Verdict::Damaged);
            }
            self.check(&bytes[..wire_bytes], kind == Kind::Pad && log_bytes != room)?;
            let end = Position(at.0 + log_bytes as u64);
            frames.push((at, end, &bytes[..wire_bytes]));
            (at, bytes) = (end, &bytes[wire_bytes..]);
        }
        Ok(frames)
    }

    /// What is checked of our own frames beside their shape.
    fn check(&self, frame: &[u8], short_pad: bool) -> Result<(), Verdict> {
        let Policy::Ours { exchange, epoch, .. } = &self.policy else { return Ok(()) };
        let frame = Frame::new_checked(frame).map_err(|_| Verdict::Damaged)?;
        if short_pad || frame.crc() != frame.content_crc() {
            return Err(Verdict::Damaged);
        }
        let is_of_epoch =
            frame.epoch() == *epoch && frame.session() == session_id(exchange, *epoch);
        if is_of_epoch { Ok(()) } else { Err(Verdict::Foreign) }
    }

    fn grow(&mut self) {
        while let Some((end, frame)) = self.frames.get(&self.contiguous) {
            self.contiguous = *end;
            let frame = Frame::new_unchecked(&frame[..]);
            let is_held = match self.policy {
                Policy::Ours { .. } => ends_transaction(frame.message()),
                Policy::Stock => false,
            };
            if is_held {
                self.held = *end;
            }
        }
    }
}

impl Rebuild for MemoryRebuild {
    fn geometry(&self) -> Option<Geometry> {
        self.geometry
    }

    fn join(&mut self, setup: &Setup) -> Result<(), SetupRefused> {
        let Setup { terms, initial_term_id, active_term_id, term_offset, .. } = *setup;
        match (&self.policy, self.geometry) {
            (Policy::Ours { .. }, Some(geometry)) => geometry.check(setup, MTU_BYTES),
            _ => {
                let geometry = Geometry { terms, initial_term_id };
                let place = SetupRefused::Place { term_id: active_term_id, term_offset };
                let at = geometry.position(active_term_id, term_offset).ok_or(place)?;
                (self.held, self.contiguous) = (at, at);
                self.frames.clear();
                self.geometry = Some(geometry);
                Ok(())
            }
        }
    }

    fn insert(&mut self, position: Position, frames: &[u8]) -> Verdict {
        let Some(Geometry { terms, .. }) = self.geometry else { return Verdict::NoRoom };
        assert!(frames.len().is_multiple_of(FRAME_ALIGNMENT_BYTES), "the receiver checks it");
        if position >= self.window_end() {
            return Verdict::Beyond;
        }
        let frames = match self.split(terms, position, frames) {
            Ok(frames) => frames,
            Err(verdict) => return verdict,
        };
        let end = frames.last().map_or(position, |(_, end, _)| *end);
        if let Policy::Ours { base, .. } = self.policy
            && position < base
        {
            return Verdict::Before;
        }
        if end <= self.contiguous {
            return Verdict::Before;
        }
        if end > self.window_end() {
            return Verdict::Beyond;
        }
        let mut verdict = Verdict::Known;
        for (at, end, frame) in frames {
            if at >= self.contiguous && !self.frames.contains_key(&at) {
                self.frames.insert(at, (end, frame.to_vec()));
                verdict = Verdict::New;
            }
        }
        self.grow();
        verdict
    }

    fn make_room(&mut self) {}

    fn consumed(&self) -> Position {
        match self.policy {
            Policy::Ours { .. } => self.contiguous,
            Policy::Stock => self.held,
        }
    }

    fn contiguous(&self) -> Position {
        self.contiguous
    }

    fn window_end(&self) -> Position {
        let half = self.geometry.map_or(0, |geometry| geometry.terms.bytes() as u64 / 2);
        Position(self.consumed().0 + half)
    }

    fn received(&self) -> Position {
        let last = self.frames.values().next_back().map_or(self.contiguous, |(end, _)| *end);
        last.max(self.contiguous)
    }

    fn next_gap(&self, from: Position) -> Option<Range<Position>> {
        let mut expected = from.max(self.contiguous);
        if let Some((_, (end, _))) = self.frames.range(..expected).next_back() {
            expected = expected.max(*end);
        }
        for (at, (end, _)) in self.frames.range(expected..) {
            if *at > expected {
                return Some(expected..*at);
            }
            expected = *end;
        }
        None
    }
}
