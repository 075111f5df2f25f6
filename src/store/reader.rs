//! Readers of a store: any number, in any process, each at its own position.
//!
//! A reader maps files for reading and never waits. With a writer it reads to *committed* (the
//! replication's sender to *published*), which the control page says. Without one it finds the
//! log's end itself, as recovery would, and reads to that: what the page says may be older or
//! newer than what a power failure left. It notices a writer that comes later.
#![expect(unsafe_code, reason = "reads mapped segments")]

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::limits::FRAME_HEADER_BYTES;
use crate::memory::prefetch;
use crate::types::{Epoch, Position, SourceId};

use super::chain::{Chain, session_id};
use super::control::{Accepting, Control, Executing};
use super::disk::{Access, Disk, RealDisk};
use super::error::{OpenError, ReadError};
use super::event_header::ends_transaction;
use super::frame::{Frame, FrameFault};
use super::header_crc::HeaderCrc;
use super::marks::{EpochStart, MarksFile};
use super::meta::{Expected, Meta};
use super::open::LOCK_NAME;
use super::recovery::{self, Cut};
use super::segment::{Segment, Segments};
use super::snapshots::LogPlace;

/// How far before a look ahead the log's bytes are fetched: some transactions.
const FETCH_BYTES: usize = 2048;

/// How far a reader reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// What may be acted on.
    #[default]
    Committed,
    /// All whole transactions: for the one who sends them to standbys.
    Published,
    /// What may be acted on, also where no writer lives: of a log whose commits others decide,
    /// which is not committed where it ends.
    Told,
}

/// What a reader checks of each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// That its header says where it stands: enough for a log whose writer lives.
    #[default]
    Headers,
    /// CRC and session too, and the chain is kept.
    Content,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct ReaderOptions {
    /// What the store must be.
    pub expected: Expected,
    /// How far.
    pub until: Until,
    /// How closely.
    pub check: Check,
    /// Whether what is durable is believed where no writer lives, so that a long log's end is found
    /// without reading all of it.
    pub trusts_durable: bool,
}

/// A message in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFrame<'a> {
    /// Where its frame begins.
    pub position: Position,
    /// Where the next one can begin.
    pub end: Position,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// The CRC of its frame.
    pub crc: u32,
    /// Whether it is the last of its transaction.
    pub ends_transaction: bool,
    /// The SBE message.
    pub message: &'a [u8],
}

/// What is durably known of a log without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Where it begins.
    pub kept: LogPlace,
    /// Where it is durable up to.
    pub durable: LogPlace,
    /// Where its newest epochs began, in order.
    pub epochs: Vec<EpochStart>,
}

/// A reader's place in a store.
#[derive(Debug)]
pub struct StoreReader {
    segments: Segments,
    meta: Meta,
    until: Until,
    check: Check,
    trusts_durable: bool,
    control: Option<Control>,
    /// The epoch that the control page showed; another one means another writer.
    epoch: Epoch,
    /// The end that was found where no writer was.
    found_end: Option<Position>,
    /// What was found beyond it.
    cut: Option<Cut>,
    /// What the last writer had committed, by a control page of this boot.
    told: Option<Position>,
    kept_from: Position,
    /// Everything before it may be read; the control page is asked again when it is reached.
    limit: Position,
    position: Position,
    /// What lies before it was looked at ahead.
    ahead: Position,
    chain: Option<Chain>,
    segment: Option<Segment>,
    /// Made when it is first needed.
    header_crc: Option<Box<HeaderCrc>>,
    session: (Epoch, i32),
}

impl StoreReader {
    /// Attaches to a store on the system's disk for reading what is committed, at the first
    /// position it keeps. Nothing is written, created or locked.
    ///
    /// # Errors
    /// There is no store or another one, or without a writer: it is damaged where it was durable.
    pub fn attach(directory: &Path, expected: Option<&Expected>) -> Result<Self, OpenError> {
        let expected = expected.cloned().unwrap_or_default();
        let options = ReaderOptions { expected, ..ReaderOptions::default() };
        Self::attach_on(Arc::new(RealDisk), directory, &options)
    }

    /// As [`Self::attach`], on any disk and with all options.
    ///
    /// # Errors
    /// As there.
    pub fn attach_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: &ReaderOptions,
    ) -> Result<Self, OpenError> {
        let meta = Meta::load(&*disk, directory)?;
        meta.check(&options.expected)?;
        let terms = meta.terms;
        let control = Control::attach(&*disk, directory)
            .map_err(|error| OpenError::io("attaching to", directory.join("control"), error))?;
        let directory = directory.to_path_buf();
        let segments = Segments { disk, directory, terms };
        let mut reader = Self {
            segments,
            meta,
            until: options.until,
            check: options.check,
            trusts_durable: options.trusts_durable,
            control,
            epoch: Epoch(0),
            found_end: None,
            cut: None,
            told: None,
            kept_from: Position(0),
            limit: Position(0),
            position: Position(0),
            ahead: Position(0),
            chain: None,
            segment: None,
            header_crc: None,
            session: (Epoch(0), 0),
        };
        reader.find_place()?;
        Ok(reader)
    }

    /// The first position that the store in a directory keeps; 0 where there is no store.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn kept_from(disk: &dyn Disk, directory: &Path) -> Result<Position, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => Ok(file.marks.kept_from),
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Position(0))
            }
            Err(error) => Err(error),
        }
    }

    /// Up to where the store in a directory is known to be durable: a place that an opening can
    /// begin at; `None` where there is no store.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn durable_place(disk: &dyn Disk, directory: &Path) -> Result<Option<LogPlace>, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => Ok(Some(file.marks.durable_place())),
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is written beside the log of the store in a directory; `None` where there is none.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn outline(disk: &dyn Disk, directory: &Path) -> Result<Option<Outline>, OpenError> {
        match MarksFile::load(disk, directory, Access::Read) {
            Ok(file) => {
                let marks = file.marks;
                let (kept, durable) = (marks.kept_place(), marks.durable_place());
                Ok(Some(Outline { kept, durable, epochs: marks.epochs }))
            }
            Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where to begin, and whether a writer or the log itself says where to end.
    fn find_place(&mut self) -> Result<(), OpenError> {
        let disk = &*self.segments.disk;
        let marks = MarksFile::load(disk, &self.segments.directory, Access::Read)?.marks;
        self.kept_from = marks.kept_from;
        self.position = marks.kept_from;
        self.limit = marks.kept_from;
        self.chain = (self.check == Check::Content).then_some(marks.kept_chain);
        let io = |error| OpenError::io("reading the boot id for", &self.segments.directory, error);
        let boot_id = self.segments.disk.boot_id().map_err(io)?;
        // What the page shows now is the last writer's; only another epoch is a new one's.
        let shown = self.control.as_ref().map_or(Epoch(0), Control::epoch);
        if self.writer_lives()? {
            // Unless that writer has not come so far, and the page is of another boot.
            if self.control.as_ref().is_some_and(|control| !control.is_of_boot(boot_id)) {
                self.epoch = shown;
                self.found_end = Some(marks.kept_from);
            }
            return Ok(());
        }
        self.epoch = shown;
        let from = Some(marks.durable_place()).filter(|_| self.trusts_durable);
        let found = recovery::find_end(&self.segments, &self.meta.identity, &marks, from, None);
        // A writer that came while we looked has changed what we looked at.
        if self.writer_lives()? {
            self.epoch = Epoch(0);
            return Ok(());
        }
        let found = found?;
        let of_boot = self.control.as_ref().filter(|control| control.is_of_boot(boot_id));
        self.told = of_boot.map(Control::committed);
        // A page of another boot says nothing. What was durable then was committed long before,
        // unless others decide it: then the marks say less than was told, never more.
        let told = self.told.unwrap_or(if marks.told { marks.committed } else { marks.synced });
        self.found_end = Some(match self.until {
            Until::Committed if !marks.told => found.valid_to,
            Until::Published => found.valid_to,
            Until::Committed | Until::Told => told.clamp(marks.kept_from, found.valid_to),
        });
        self.cut = found.cut;
        Ok(())
    }

    /// What was written beyond the end that was found where no writer was: the next opening for
    /// writing cuts it. `None` with a writer.
    #[must_use]
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// What the last writer had committed, where there is none now and its control page is of this
    /// boot. A log that ends before has lost what others may have acted on.
    #[must_use]
    pub fn committed_before(&self) -> Option<Position> {
        self.told
    }

    /// Whether a writer has the store now. Asks the system.
    ///
    /// # Errors
    /// The system's.
    pub fn writer_lives(&self) -> Result<bool, OpenError> {
        let path = self.segments.directory.join(LOCK_NAME);
        let asked = match self.segments.disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.and_then(|file| file.is_locked()),
        };
        asked.map_err(|error| OpenError::io("asking for the lock", path, error))
    }

    /// Whose store it is.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Where the next frame is looked for.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The chain at [`Self::position`]; `None` unless contents are checked from a position whose
    /// chain is known.
    #[must_use]
    pub fn chain(&self) -> Option<Chain> {
        self.chain
    }

    /// Whether commands are taken now.
    #[must_use]
    pub fn accepting(&self) -> Accepting {
        self.control.as_ref().map_or(Accepting::Starting, Control::accepting)
    }

    /// The command being executed now.
    #[must_use]
    pub fn executing(&self) -> Option<Executing> {
        self.control.as_ref().and_then(Control::executing)
    }

    /// The sources that nothing is taken from, in order.
    #[must_use]
    pub fn quarantined(&self) -> Vec<SourceId> {
        self.control.as_ref().map_or_else(Vec::new, Control::quarantined)
    }

    /// Whether nothing is taken from a source: what its gateway answers from.
    #[must_use]
    #[inline]
    pub fn is_quarantined(&self, source: SourceId) -> bool {
        self.control.as_ref().is_some_and(|control| control.is_quarantined(source))
    }

    /// What the control page says is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.control.as_ref().map_or(Position(0), Control::synced)
    }

    /// How far may be read now, also where the log begins beyond the reader's position.
    ///
    /// # Errors
    /// A writer cut the log below the reader's position.
    pub fn end(&mut self) -> Result<Position, ReadError> {
        match self.look() {
            Ok(()) | Err(ReadError::NotKept { .. }) => Ok(self.limit),
            Err(error) => Err(error),
        }
    }

    /// Looks at the control page.
    #[inline]
    fn look(&mut self) -> Result<(), ReadError> {
        if self.control.is_none() {
            self.attach_control()?;
        }
        let Some(control) = &self.control else {
            self.limit = self.found_end.unwrap_or(self.limit);
            return Ok(());
        };
        let epoch = control.epoch();
        // 0: a writer is opening the store, what is behind the end is being decided.
        if epoch != self.epoch && epoch != Epoch(0) {
            let base = control.epoch_base();
            if self.epoch != Epoch(0) && self.position > base {
                return Err(ReadError::Cut { position: self.position, base });
            }
            self.epoch = epoch;
            self.found_end = None;
        }
        let kept_from = control.kept_from();
        if let Some(end) = self.found_end {
            self.limit = end;
        } else if epoch != Epoch(0) {
            self.kept_from = kept_from;
            self.limit = match self.until {
                Until::Committed | Until::Told => control.committed(),
                Until::Published => control.published(),
            };
            if self.position < kept_from {
                return Err(ReadError::NotKept { position: self.position, kept_from });
            }
        }
        Ok(())
    }

    /// A store that is just being made, or was copied without it, has no page yet.
    #[cold]
    fn attach_control(&mut self) -> Result<(), ReadError> {
        let directory = &self.segments.directory;
        let attached = Control::attach(&*self.segments.disk, directory);
        let path = || directory.join("control");
        self.control = attached.map_err(|error| ReadError::Io { path: path(), error })?;
        Ok(())
    }

    /// Goes on at another position: the beginning of a frame, so that what follows is whole, an
    /// end of a transaction. The chain there is the caller's to know.
    ///
    /// # Errors
    /// The position is not kept any more, or beyond what may be read.
    pub fn seek(&mut self, position: Position, chain: Option<Chain>) -> Result<(), ReadError> {
        let before = std::mem::replace(&mut self.position, position);
        self.ahead = position;
        let sought = self.look().and_then(|()| {
            if position < self.kept_from {
                let kept_from = self.kept_from;
                Err(ReadError::NotKept { position, kept_from })
            } else if position > self.limit {
                Err(ReadError::Beyond { position, end: self.limit })
            } else {
                Ok(())
            }
        });
        match sought {
            Ok(()) => self.chain = if self.check == Check::Content { chain } else { None },
            Err(_) => self.position = before,
        }
        sought
    }

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
        // A segment that went away, or that was no part of the log any more when it was locked,
        // was recycled meanwhile. Without a writer a page may say anything, until one comes.
        let control = self.control.as_ref();
        let is_writers = |control: &&Control| {
            self.found_end.is_none() || ![self.epoch, Epoch(0)].contains(&control.epoch())
        };
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
