//! Frames into a standby's store: each at its position, judged before a byte of it is written.
//!
//! ```text
//!   in order:      [ contiguous | frame frame frame ]      walked over as they are judged
//!   beyond a hole: [ contiguous ]   ...   [ frame frame ]  a run, walked over when it is reached
//! ```
//!
//! A frame proves itself by its CRC, which says nothing about who made it: one that lies across
//! others, where no writer has put it, is refused, but in a datagram that fills the first hole,
//! which goes before whatever lies in its way, so that no stranger's frame ever stops the log.
#![expect(unsafe_code, reason = "writes mapped segments")]

use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::limits::{FRAME_ALIGNMENT_BYTES, FRAME_HEADER_BYTES};
use crate::store::chain::session_id;
use crate::store::frame::{Frame, FrameFault};
use crate::store::segment::Segment;
use crate::store::snapshots::LogPlace;
use crate::store::walk::Walk;
use crate::types::{Epoch, Position};

use super::runs::Relation;
use super::{Inserted, Refused, ReplicaStore};

/// Frames that were judged: where they end, and in order, what is behind them.
struct Judged {
    end: Position,
    in_order: Option<(Walk, LogPlace)>,
}

impl ReplicaStore {
    /// Takes the frames of a datagram: whole ones of one term and of the followed epoch, padding as
    /// its header alone. Those that are there already are passed over: the first that came stays.
    ///
    /// # Errors
    /// Why none of them was taken.
    pub fn insert(&mut self, position: Position, frames: &[u8]) -> Result<Inserted, Refused> {
        let followed = self.check_following()?;
        let base = self.base();
        if position < base {
            return Err(Refused::BelowBase { position, base });
        }
        self.cross()?;
        let window_end = self.window_end();
        let outside = Refused::Window { position, from: self.walk.at, to: window_end };
        if position >= window_end {
            return Err(outside);
        }
        let used_bytes = frames.len();
        if position.get() + used_bytes as u64 <= self.walk.at.get() {
            let repeated_bytes = used_bytes as u64;
            return Ok(Inserted { new_bytes: 0, repeated_bytes, used_bytes });
        }
        let judged = self.judge(position, frames, followed)?;
        if judged.end > window_end {
            return Err(outside);
        }
        let new_bytes = match judged.in_order {
            Some((walk, held)) if self.runs.relation(&(position..judged.end)) == Relation::Free => {
                self.put(position, frames);
                self.walk = walk;
                self.join(held);
                judged.end.get() - position.get()
            }
            _ => self.insert_apart(position, frames)?,
        };
        let repeated_bytes = judged.end.get() - position.get() - new_bytes;
        Ok(Inserted { new_bytes, repeated_bytes, used_bytes })
    }

    /// The followed epoch, unless something is against taking its frames.
    fn check_following(&self) -> Result<Epoch, Refused> {
        if let Some(error) = self.broken {
            return Err(Refused::Disk { base: self.holding.current.base, error });
        }
        let (followed, known) = (self.epoch(), self.holding.syncing.epoch());
        match followed {
            Epoch(0) => Err(Refused::NoEpoch),
            _ if known != followed => Err(Refused::Deposed { followed, known }),
            _ => Ok(followed),
        }
    }

    /// Enters the next segment where all before it is there, and sees to the one after.
    fn cross(&mut self) -> Result<(), Refused> {
        let holding = &mut self.holding;
        if self.walk.at >= holding.terms.next_base(holding.current.base) {
            if holding.next.is_none() {
                holding.fetch_next()?;
            }
            holding.go_on();
        }
        if holding.next.is_none() {
            // Without it the window is smaller; asked again each time.
            let _ = holding.fetch_next();
        }
        Ok(())
    }

    /// Judges all frames of a datagram.
    fn judge(&mut self, position: Position, bytes: &[u8], epoch: Epoch) -> Result<Judged, Refused> {
        let terms = self.holding.terms;
        let (mut at, mut rest) = (position, bytes);
        let mut in_order = (position == self.walk.at).then_some((self.walk, self.held));
        while !rest.is_empty() {
            let fault = |fault| Refused::Fault { position: at, fault };
            if at > position && terms.offset(at) == 0 {
                return Err(fault(FrameFault::Torn));
            }
            let frame = self.frame(rest, at, epoch, self.session).map_err(fault)?;
            if let Some((walk, held)) = &mut in_order
                && walk.go(&frame, terms).map_err(fault)?
            {
                *held = LogPlace { position: walk.at, chain: walk.chain };
            }
            let (sent_bytes, log_bytes) = self.extent(&frame, at);
            rest = &rest[sent_bytes..];
            at = Position(at.get() + log_bytes);
        }
        Ok(Judged { end: at, in_order })
    }

    /// A frame of an epoch for a position, whole and intact.
    #[inline]
    fn frame<'b>(
        &mut self,
        bytes: &'b [u8],
        position: Position,
        epoch: Epoch,
        session: i32,
    ) -> Result<Frame<&'b [u8]>, FrameFault> {
        let frame = Frame::new_sent(bytes, position, self.holding.terms)?;
        if !position.get().is_multiple_of(FRAME_ALIGNMENT_BYTES as u64) {
            let found = frame.term_offset();
            let expected = found / FRAME_ALIGNMENT_BYTES as u32 * FRAME_ALIGNMENT_BYTES as u32;
            return Err(FrameFault::TermOffset { expected, found });
        }
        let stream = self.options.identity.exchange_number;
        if frame.stream() != stream {
            return Err(FrameFault::Stream { expected: stream, found: frame.stream() });
        }
        if frame.epoch() != epoch {
            return Err(FrameFault::Epoch { expected: epoch, found: frame.epoch() });
        }
        if frame.session() != session {
            return Err(FrameFault::Session { expected: session, found: frame.session() });
        }
        let sent = match frame.is_pad() {
            true => FRAME_HEADER_BYTES,
            false => frame.aligned_bytes(),
        };
        if !self.header_crc.is_sealed(&bytes[..sent]) {
            Frame::new_unchecked(&bytes[..sent]).check_content()?;
        }
        Ok(frame)
    }

    /// The bytes of a frame as it was sent, and as it stands in the log.
    #[inline]
    fn extent(&self, frame: &Frame<&[u8]>, at: Position) -> (usize, u64) {
        match frame.is_pad() {
            true => (FRAME_HEADER_BYTES, self.holding.terms.next_base(at).get() - at.get()),
            false => (frame.aligned_bytes(), frame.aligned_bytes() as u64),
        }
    }

    /// The segment of a position within the window.
    fn segment(&self, position: Position) -> &Segment {
        let (current, terms) = (&self.holding.current, self.holding.terms);
        match &self.holding.next {
            Some(next) if position >= next.base => next,
            _ => {
                assert!((current.base..terms.next_base(current.base)).contains(&position));
                current
            }
        }
    }

    /// Writes frames where nothing is, the first one's length last: what is cut short by a crash
    /// ends the log before it.
    #[inline]
    fn put(&self, position: Position, frames: &[u8]) {
        let segment = self.segment(position);
        let at = self.holding.terms.offset_in(segment.base, position);
        let (length, body) = frames.split_first_chunk().expect("frames were judged");
        let from = at + length.len();
        // SAFETY: within the window beyond `published`: nobody else reads or writes it, and the
        // helper has handed the segment over.
        unsafe { segment.mapping.slice_mut(from, from + body.len()) }.copy_from_slice(body);
        let length = u32::from_ne_bytes(*length);
        segment.mapping.atomic_u32(at).store(length, Ordering::Release);
    }

    /// Makes a part of the window zero again.
    fn clear(&self, range: Range<Position>) {
        let terms = self.holding.terms;
        let mut at = range.start;
        while at < range.end {
            let segment = self.segment(at);
            let end = terms.next_base(at).min(range.end);
            let (from, to) = (terms.offset(at), terms.offset_in(segment.base, end));
            // SAFETY: as in `put`.
            unsafe { segment.mapping.slice_mut(from, to) }.fill(0);
            at = end;
        }
    }

    /// Takes frames that are not all new and in order, each by itself. The bytes of those that are
    /// new.
    #[cold]
    fn insert_apart(&mut self, position: Position, frames: &[u8]) -> Result<u64, Refused> {
        let first = self.walk.at;
        // What fills the first hole goes before whatever lies in its way.
        let leads = position <= first;
        for (range, _) in self.ranges(position, frames) {
            match self.runs.relation(&range) {
                _ if range.end <= first => {}
                _ if range.start < first => return Err(Refused::Overlap { position: range.start }),
                Relation::Within => {}
                Relation::Across if leads => {}
                Relation::Across => return Err(Refused::Overlap { position: range.start }),
                Relation::Free if leads || self.runs.has_room(&range) => {}
                Relation::Free => return Err(Refused::Holes),
            }
        }
        let mut new_bytes = 0;
        let ranges: Vec<_> = self.ranges(position, frames).collect();
        for (range, bytes) in ranges {
            if range.end <= first || self.runs.relation(&range) == Relation::Within {
                continue;
            }
            while let Some(run) = self.runs.take_over(&range) {
                self.clear(run);
            }
            self.put(range.start, bytes);
            new_bytes += range.end.get() - range.start.get();
            self.runs.add(range);
        }
        self.join(self.held);
        Ok(new_bytes)
    }

    /// Where judged frames lie in the log, and their bytes.
    fn ranges<'b>(
        &self,
        position: Position,
        frames: &'b [u8],
    ) -> impl Iterator<Item = (Range<Position>, &'b [u8])> {
        let terms = self.holding.terms;
        let (mut at, mut rest) = (position, frames);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let frame = Frame::new_unchecked(rest);
            let (sent_bytes, end) = match frame.is_pad() {
                true => (FRAME_HEADER_BYTES, terms.next_base(at)),
                false => {
                    let bytes = frame.aligned_bytes();
                    (bytes, Position(at.get() + bytes as u64))
                }
            };
            let (bytes, behind) = rest.split_at(sent_bytes);
            let range = at..end;
            (at, rest) = (end, behind);
            Some((range, bytes))
        })
    }

    /// Walks over the runs that are reached now, and publishes what is held behind them.
    #[inline]
    fn join(&mut self, held: LogPlace) {
        let before = std::mem::replace(&mut self.held, held);
        if !self.runs.is_empty() {
            while let Some(run) = self.runs.take_at(self.walk.at) {
                if !self.walk_over(run.end) {
                    // What no transaction can be is no part of the log; it is asked for again.
                    self.clear(self.walk.at..run.end);
                    break;
                }
            }
        }
        self.publish(before);
    }

    /// Publishes what is held, if it is more than before.
    fn publish(&mut self, before: LogPlace) {
        if self.held != before {
            self.holding.control.set_published(self.held.position);
            if self.told.is_some() {
                self.release();
            }
        }
    }

    /// Walks over frames that were judged when they came; false at one that cannot stand there.
    fn walk_over(&mut self, end: Position) -> bool {
        let terms = self.holding.terms;
        while self.walk.at < end {
            if self.walk.at >= terms.next_base(self.holding.current.base) {
                self.holding.go_on();
            }
            let segment = &self.holding.current;
            let (from, to) = (terms.offset(self.walk.at), terms.bytes());
            // SAFETY: as in `put`; the window is this thread's.
            let frame = Frame::new_unchecked(unsafe { segment.mapping.slice(from, to) });
            match self.walk.go(&frame, terms) {
                Ok(true) => {
                    let Walk { at: position, chain, .. } = self.walk;
                    self.held = LogPlace { position, chain };
                }
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes a piece of the log that goes on at [`Self::contiguous`], of any epoch that the table
    /// has there: frames as on the wire, padding as its header alone, over the ends of terms; the
    /// last may be cut. Ask again with what was not used up and what follows it. What live frames
    /// have brought meanwhile is passed over.
    ///
    /// # Errors
    /// Why the first frame was not taken. Where frames before it were, they are answered, and the
    /// next call says why.
    pub fn append_old(&mut self, frames: &[u8]) -> Result<Inserted, Refused> {
        self.check_following()?;
        let (before, doubtful_to) = (self.held, self.doubtful_to);
        if self.doubts {
            // Also while runs that are reached are published.
            self.doubtful_to = self.holding.terms.end();
        }
        let mut inserted = Inserted::default();
        let mut refused = None;
        while frames.len() - inserted.used_bytes >= FRAME_HEADER_BYTES {
            match self.append_frame(&frames[inserted.used_bytes..]) {
                Ok((sent_bytes, log_bytes, is_new)) => {
                    let count = match is_new {
                        true => &mut inserted.new_bytes,
                        false => &mut inserted.repeated_bytes,
                    };
                    *count += log_bytes;
                    inserted.used_bytes += sent_bytes;
                }
                Err(Refused::Fault { fault: FrameFault::Short { .. }, .. }) => break,
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        if self.doubts {
            self.doubtful_to = if inserted.new_bytes > 0 { self.walk.at } else { doubtful_to };
        }
        self.publish(before);
        match refused {
            Some(error) if inserted.used_bytes == 0 => Err(error),
            _ => Ok(inserted),
        }
    }

    /// Takes the first frame of a piece; its bytes as sent and in the log, and whether it was not
    /// there.
    fn append_frame(&mut self, bytes: &[u8]) -> Result<(usize, u64, bool), Refused> {
        self.cross()?;
        let terms = self.holding.terms;
        let frame = Frame::new_unchecked(bytes);
        let told = u64::from(frame.term_id()) * terms.bytes() as u64;
        let told = Position(told + u64::from(frame.term_offset()));
        let at = told.min(self.walk.at);
        let epoch = self.epoch_for(at, bytes)?;
        if self.old_session.0 != epoch {
            self.old_session = (epoch, session_id(&self.options.identity.exchange, epoch));
        }
        let fault = |fault| Refused::Fault { position: at, fault };
        let frame = self.frame(bytes, at, epoch, self.old_session.1).map_err(fault)?;
        let (sent_bytes, log_bytes) = self.extent(&frame, at);
        // A run of live frames that was reached: what follows in the piece is in it.
        if at < self.walk.at {
            return Ok((sent_bytes, log_bytes, false));
        }
        let mut walk = self.walk;
        let ends = walk.go(&frame, self.holding.terms).map_err(fault)?;
        while let Some(run) = self.runs.take_over(&(at..walk.at)) {
            self.clear(run);
        }
        self.put(at, &bytes[..sent_bytes]);
        self.walk = walk;
        if ends {
            self.held = LogPlace { position: walk.at, chain: walk.chain };
        }
        if !self.runs.is_empty() {
            self.join(self.held);
        }
        Ok((sent_bytes, log_bytes, true))
    }

    /// The epoch that the table has at a position, where the log here is the one that it began
    /// with.
    fn epoch_for(&self, at: Position, bytes: &[u8]) -> Result<Epoch, Refused> {
        let after = self.epochs.partition_point(|start| start.base <= at);
        let Some(start) = after.checked_sub(1).map(|index| self.epochs[index]) else {
            // Older than the table: epochs rise, up to the oldest that it knows.
            let found = Frame::new_unchecked(bytes).epoch();
            let oldest = self.epochs[0].epoch;
            return match self.old_session.0 <= found && found < oldest && found != Epoch(0) {
                true => Ok(found),
                false => {
                    let fault = FrameFault::Epoch { expected: self.old_session.0, found };
                    Err(Refused::Fault { position: at, fault })
                }
            };
        };
        if start.base == at && at == self.walk.at {
            let (expected, found) = (start.chain, self.walk.chain);
            if found != expected || !self.walk.is_between_transactions() {
                return Err(Refused::Chain { base: at, expected, found });
            }
        }
        Ok(start.epoch)
    }
}
