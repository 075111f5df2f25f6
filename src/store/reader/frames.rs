//! What stands at a reader's place: frames, judged as closely as was asked, and their bytes.
#![expect(unsafe_code, reason = "reads mapped segments")]

use std::io;

use crate::limits::FRAME_HEADER_BYTES;
use crate::memory::prefetch;
use crate::store::chain::session_id;
use crate::store::control::Control;
use crate::store::disk::Access;
use crate::store::error::ReadError;
use crate::store::event_header::ends_transaction;
use crate::store::frame::{Frame, FrameFault};
use crate::store::header_crc::HeaderCrc;
use crate::types::{Epoch, Position};

use super::{Check, StoreReader, StoredFrame};

/// How far before a look ahead the log's bytes are fetched: some transactions.
const FETCH_BYTES: usize = 2048;

impl StoreReader {
    /// The next message, `None` at the end of what may be read. The end is that of a
    /// transaction, so that once its first message is given the others follow.
    ///
    /// # Errors
    /// The position is not kept any more, what stands there is no frame, or the system refuses.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "lends from the mapped segment")]
    pub fn next(&mut self) -> Result<Option<StoredFrame<'_>>, ReadError> {
        let Some(position) = self.advance()? else {
            return Ok(None);
        };
        let end = self.position;
        let bytes = self.mapped(position, end);
        let frame = Frame::new_unchecked(bytes);
        let (epoch, crc) = (frame.epoch(), frame.crc());
        let message = &bytes[FRAME_HEADER_BYTES..frame.length() as usize];
        let ends_transaction = ends_transaction(message);
        Ok(Some(StoredFrame { position, end, epoch, crc, ends_transaction, message }))
    }

    /// The next message that was not looked at ahead, unchecked but for its frame's header: for
    /// those who begin to fetch what it will need. The reader's place stays. `None` at the end of
    /// the mapped segment, and of what was known to be readable when [`Self::next`] last looked.
    #[inline]
    pub fn look_ahead(&mut self) -> Option<&[u8]> {
        let terms = self.segments.terms;
        loop {
            let from = self.ahead.max(self.position);
            let segment = self.segment.as_ref()?;
            if from >= terms.next_base(segment.base).min(self.limit) || from < segment.base {
                return None;
            }
            let rest = self.mapped(from, terms.next_base(from).min(self.limit));
            // The log itself is read for the first time here.
            for line in [0, 64, 128] {
                prefetch(rest, FETCH_BYTES + line);
            }
            let frame = Frame::new_at(rest, from, terms).ok()?;
            let (is_pad, length) = (frame.is_pad(), frame.length() as usize);
            let to = Position(from.get() + frame.aligned_bytes() as u64);
            self.ahead = to;
            if !is_pad {
                return Some(&self.mapped(from, to)[FRAME_HEADER_BYTES..length]);
            }
        }
    }

    /// Gives messages to `receive` until so many were given and a transaction ends, or the end of
    /// what may be read is reached. How many were given.
    ///
    /// # Errors
    /// As [`Self::next`]; what was given before stays given.
    pub fn poll(
        &mut self,
        frames_max: usize,
        mut receive: impl FnMut(&StoredFrame<'_>),
    ) -> Result<usize, ReadError> {
        let mut given = 0;
        while let Some(frame) = self.next()? {
            receive(&frame);
            given += 1;
            if given >= frames_max && frame.ends_transaction {
                break;
            }
        }
        Ok(given)
    }

    /// The log's bytes from a position to the end of its term or of what may be read, whatever
    /// frames they hold, padding included: what goes on the wire. The reader's place stays.
    ///
    /// # Errors
    /// The position is not kept any more or beyond what may be read, or the system refuses.
    pub fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        if position >= self.limit {
            self.look()?;
        }
        if position > self.limit {
            return Err(ReadError::Beyond { position, end: self.limit });
        }
        if position < self.kept_from {
            return Err(ReadError::NotKept { position, kept_from: self.kept_from });
        }
        if position == self.limit {
            return Ok(&[]);
        }
        self.map_segment(position)?;
        Ok(self.mapped(position, self.segments.terms.next_base(position).min(self.limit)))
    }

    /// Checks the next message's frame and goes behind it; where it begins.
    #[inline]
    fn advance(&mut self) -> Result<Option<Position>, ReadError> {
        let terms = self.segments.terms;
        loop {
            let position = self.position;
            if position >= self.limit {
                self.look()?;
                if position >= self.limit {
                    return Ok(None);
                }
            }
            self.map_segment(position)?;
            let header_crc = (self.check == Check::Content)
                .then(|| self.header_crc.take().unwrap_or_else(HeaderCrc::new));
            let rest = self.mapped(position, terms.next_base(position).min(self.limit));
            let invalid = |fault| ReadError::Invalid { position, fault };
            let frame = Frame::new_at(rest, position, terms).map_err(invalid)?;
            if frame.stream() != self.meta.identity.exchange_number {
                let fault = FrameFault::Stream {
                    expected: self.meta.identity.exchange_number,
                    found: frame.stream(),
                };
                return Err(invalid(fault));
            }
            let (is_pad, crc) = (frame.is_pad(), frame.crc());
            let frame_bytes = frame.aligned_bytes();
            if let Some(mut header_crc) = header_crc {
                let (epoch, session) = (frame.epoch(), frame.session());
                let sealed = header_crc.is_sealed(&rest[..frame_bytes.min(rest.len())]);
                let checked = if sealed { Ok(()) } else { frame.check_content() };
                self.header_crc = Some(header_crc);
                checked.map_err(invalid)?;
                self.check_session(epoch, session).map_err(invalid)?;
                self.chain = self.chain.map(|chain| chain.then(crc));
            }
            self.position = Position(position.get() + frame_bytes as u64);
            if !is_pad {
                return Ok(Some(position));
            }
        }
    }

    fn check_session(&mut self, epoch: Epoch, found: i32) -> Result<(), FrameFault> {
        if self.session.0 != epoch {
            self.session = (epoch, session_id(&self.meta.identity.exchange, epoch));
        }
        let expected = self.session.1;
        if found == expected { Ok(()) } else { Err(FrameFault::Session { expected, found }) }
    }

    /// Maps the segment that a position lies in, in place of the one before.
    #[inline]
    fn map_segment(&mut self, position: Position) -> Result<(), ReadError> {
        let base = self.segments.terms.base(position);
        match &self.segment {
            Some(segment) if segment.base == base => Ok(()),
            _ => self.open_segment(position, base),
        }
    }

    #[cold]
    fn open_segment(&mut self, position: Position, base: Position) -> Result<(), ReadError> {
        self.segment = None;
        // As long as it is mapped here, its bytes stay: the keeper sees the lock.
        let opened = self.segments.open(base, Access::Read).and_then(|segment| {
            match segment.file.try_lock_shared()? {
                true => Ok(segment),
                false => Err(io::Error::from(io::ErrorKind::WouldBlock)),
            }
        });
        self.check_store()?;
        // A segment that went away, or that was no part of the log any more when it was locked,
        // was recycled meanwhile. Without a writer a page may say anything, until one comes.
        let control = self.control.as_ref();
        let is_writers = |control: &&Control| self.found_end.is_none() || self.has_ended(control);
        let kept_from = control.filter(is_writers).map_or(self.kept_from, Control::kept_from);
        if position < kept_from {
            return Err(ReadError::NotKept { position, kept_from });
        }
        let path = || self.segments.path(base);
        self.segment = Some(opened.map_err(|error| ReadError::Io { path: path(), error })?);
        Ok(())
    }

    /// Mapped bytes between two positions of the mapped term.
    #[inline]
    fn mapped(&self, from: Position, to: Position) -> &[u8] {
        let segment = self.segment.as_ref().expect("map_segment went before");
        let offset = |position: Position| (position.get() - segment.base.get()) as usize;
        // SAFETY: callers stay below `limit`: what is published is not written any more, and the
        // acquiring load that gave the limit makes it visible.
        unsafe { segment.mapping.slice(offset(from), offset(to)) }
    }
}
