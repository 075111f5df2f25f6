//! The one writer of a store.
//!
//! ```text
//!   begin(bytes) --> append, append, append(end flag) --> finish
//!     |                 |                                   |
//!     does it fit?      encodes into the mapped segment,    stores the lengths, last frame
//!     PAD wanted?       CRC set, length still zero          first, then `published`
//! ```
//!
//! Until `finish` a reader, and a recovery, see nothing; dropped, a transaction leaves zeroes.
//! The path from `begin` to `finish` does not allocate, lock or make a system call (with the
//! helper taken; without, crossing into a new segment does).
#![expect(unsafe_code, reason = "writes mapped segments")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::limits::{FRAME_HEADER_BYTES, MESSAGE_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::types::{Epoch, Position, SourceId};

use super::chain::{Chain, session_id};
use super::committer::Committer;
use super::control::{Accepting, Executing};
use super::error::NotAccepted;
use super::event_header::{EVENT_BYTES_MIN, ends_transaction};
use super::frame::{Header, Kind, SealedHeader, aligned, framed};
use super::header_crc::HeaderCrc;
use super::helper::SegmentHelper;
use super::holding::Holding;
use super::keeper::Keeper;
use super::open::Options;
use super::segment::Segment;
use super::snapshots::LogPlace;
use super::sync::SyncHelper;
use super::voter::Voter;

/// Frames of one transaction: as many of the smallest as fit.
const TRANSACTION_FRAMES_MAX: usize = TRANSACTION_BYTES_MAX / framed(EVENT_BYTES_MIN);

/// What a transaction must have survived before readers may act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process: committed is published.
    Process,
    /// The loss of power: committed is synced.
    Disk,
    /// What others say: committed is what [`StoreWriter::commit_to`] was told.
    External,
}

impl Durability {
    /// What may be configured: `process` and `disk`.
    pub const WORDS: [&str; 2] = ["process", "disk"];

    /// Whether what is committed does not follow from the log itself.
    pub(super) const fn is_told(self) -> bool {
        matches!(self, Self::External)
    }

    /// The durability that a word of a configuration names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "process" => Some(Self::Process),
            "disk" => Some(Self::Disk),
            _ => None,
        }
    }
}

/// The writer of a store, from [`StoreWriter::open`] to [`StoreWriter::close`].
///
/// Dropped without being closed it leaves the store as a killed process does.
#[derive(Debug)]
pub struct StoreWriter {
    pub(super) epoch: Epoch,
    pub(super) session: i32,
    pub(super) stream: i32,
    pub(super) durability: Durability,
    pub(super) uncommitted_bytes_max: u64,
    /// Where its epoch begins.
    pub(super) base: Position,
    pub(super) position: Position,
    pub(super) chain: Chain,
    pub(super) header_crc: Box<HeaderCrc>,
    pub(super) lengths: [u32; TRANSACTION_FRAMES_MAX],
    pub(super) holding: Holding,
    /// Somebody else says what is committed.
    pub(super) committer_taken: bool,
}

const NO_LENGTHS: [u32; TRANSACTION_FRAMES_MAX] = [0; TRANSACTION_FRAMES_MAX];

impl StoreWriter {
    /// Writes on at a log's end, in an epoch that is durable and begins there.
    pub(super) fn begin_on(
        holding: Holding,
        options: &Options,
        durability: Durability,
        epoch: Epoch,
        end: LogPlace,
    ) -> Self {
        holding.control.set_executing(None);
        holding.control.begin_epoch(epoch, end.position);
        Self {
            epoch,
            session: session_id(&options.identity.exchange, epoch),
            stream: options.identity.exchange_number,
            durability,
            uncommitted_bytes_max: options.uncommitted_bytes_max,
            base: end.position,
            position: end.position,
            chain: end.chain,
            header_crc: HeaderCrc::new(),
            lengths: NO_LENGTHS,
            holding,
            committer_taken: false,
        }
    }

    /// The epoch of this writer.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The end of the last transaction; what was opened with, before the first.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The chain at [`Self::position`].
    #[must_use]
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// How far readers may read.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.holding.control.committed()
    }

    /// What is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.holding.control.synced()
    }

    /// Whether a transaction of so many bytes (see [`framed`]) can be begun now; on `Ok` the next
    /// [`Self::begin`] of at most as many will do.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Panics
    /// If no transaction may be so large.
    #[inline]
    pub fn check_room(&mut self, bytes_max: usize) -> Result<(), NotAccepted> {
        assert!(bytes_max <= TRANSACTION_BYTES_MAX, "a transaction of {bytes_max} bytes");
        match self.holding.syncing.error() {
            0 => {}
            error => return Err(NotAccepted::Sync { error }),
        }
        match self.holding.control.differing_nodes() {
            0 => {}
            nodes => return Err(NotAccepted::Differs { nodes }),
        }
        // The epoch's first transaction is let in whatever the epochs before it left uncommitted:
        // nothing of theirs can be committed without it.
        if self.durability != Durability::Process && self.position > self.base {
            let bytes = self.position.get().saturating_sub(self.holding.control.committed().get());
            if bytes + bytes_max as u64 > self.uncommitted_bytes_max {
                let bytes_max = self.uncommitted_bytes_max;
                return Err(NotAccepted::Uncommitted { bytes, bytes_max });
            }
        }
        match self.fits_current(bytes_max) || self.holding.next.is_some() {
            true => Ok(()),
            false => self.holding.fetch_next(),
        }
    }

    #[inline]
    fn fits_current(&self, bytes: usize) -> bool {
        (self.position.get() - self.holding.current.base.get()) as usize + bytes
            <= self.holding.terms.bytes()
    }

    /// Begins a transaction of at most so many bytes, each message counted as [`framed`]. If they
    /// do not fit the term's rest, it will begin with the next term.
    ///
    /// # Errors
    /// Why none can be begun now.
    ///
    /// # Panics
    /// If no transaction may be so large.
    #[inline]
    pub fn begin(&mut self, bytes_max: usize) -> Result<Transaction<'_>, NotAccepted> {
        self.check_room(bytes_max)?;
        let (crossing, chain, start) = match self.fits_current(bytes_max) {
            true => (
                None,
                self.chain,
                self.holding.terms.offset_in(self.holding.current.base, self.position),
            ),
            false => {
                let crossing = self.padding();
                (Some(crossing), crossing.chain, 0)
            }
        };
        let (at, end_max, frames, ended) = (start, start + bytes_max, 0, false);
        Ok(Transaction { writer: self, crossing, chain, start, at, end_max, frames, ended })
    }

    /// The padding to the end of the current term, and the chain behind it. A term that is full
    /// to its end needs none.
    #[cold]
    fn padding(&self) -> Crossing {
        let offset = self.holding.terms.offset_in(self.holding.current.base, self.position);
        let length = self.holding.terms.bytes() - offset;
        if length == 0 {
            return Crossing { pad: None, chain: self.chain };
        }
        let pad = self.header(Kind::Pad, length, offset, self.holding.current.base).seal(&[]);
        Crossing { pad: Some(pad), chain: self.chain.then(pad.crc()) }
    }

    #[inline]
    fn header(&self, kind: Kind, length: usize, offset: usize, base: Position) -> Header {
        Header {
            length: length as u32,
            kind,
            term_offset: offset as u32,
            session: self.session,
            stream: self.stream,
            term_id: self.holding.terms.term_id(base),
            epoch: self.epoch,
        }
    }

    /// Crosses into the next term: the transaction there is whole, now the padding before it.
    #[cold]
    fn cross(&mut self, pad: Option<SealedHeader>) {
        if let Some(pad) = pad {
            let offset = self.holding.terms.offset_in(self.holding.current.base, self.position);
            write_header(&self.holding.current, offset, &pad);
            store_length(&self.holding.current, offset, pad.length());
        }
        self.holding.go_on();
    }

    /// Lets readers read to a position: an end of a transaction, at or above the one before.
    ///
    /// # Panics
    /// If it is below the committed position or beyond the published one, or if committed follows
    /// something else than this.
    pub fn commit_to(&mut self, position: Position) {
        assert_eq!(self.durability, Durability::External, "committed has one writer");
        assert!(!self.committer_taken, "committed has one writer");
        let committed = self.holding.control.committed();
        assert!(
            committed <= position && position <= self.position,
            "commit {position} is not within {committed} to {}",
            self.position
        );
        self.holding.control.set_committed(position);
    }

    /// Makes everything durable, and with [`Durability::Disk`] committed. Waits for the disk.
    ///
    /// # Errors
    /// The system's. Until a sync goes well the store takes nothing; if the log's own bytes did not
    /// reach the disk none will, and the store should be closed by dropping it.
    pub fn sync(&mut self) -> io::Result<Position> {
        self.holding.sync(self.end())
    }

    /// The log's end.
    fn end(&self) -> LogPlace {
        LogPlace { position: self.position, chain: self.chain }
    }

    /// Closes the store: everything durable, and marked so.
    ///
    /// # Errors
    /// The system's; the store is then as after the death of the process.
    pub fn close(self) -> io::Result<()> {
        let end = self.end();
        self.holding.close(end)
    }

    /// Tells the gateways whether commands are taken.
    pub fn set_accepting(&mut self, accepting: Accepting) {
        self.holding.control.set_accepting(accepting);
    }

    /// Notes the command that is executed now, so that it is known should it end the process;
    /// `None` when it is done.
    #[inline]
    pub fn set_executing(&mut self, executing: Option<Executing>) {
        self.holding.control.set_executing(executing);
    }

    /// The command that is executed now, or ended its execution by a panic.
    #[must_use]
    pub fn executing(&self) -> Option<Executing> {
        self.holding.control.executing()
    }

    /// Whether nothing is taken from a source.
    #[must_use]
    #[inline]
    pub fn is_quarantined(&self, source: SourceId) -> bool {
        self.holding.control.is_quarantined(source)
    }

    /// The sources that nothing is taken from, in order.
    #[must_use]
    pub fn quarantined(&self) -> Vec<SourceId> {
        self.holding.control.quarantined()
    }

    /// Takes nothing more from a source, in this process and in those after it.
    ///
    /// # Panics
    /// If there can be no such source.
    pub fn quarantine(&mut self, source: SourceId) {
        self.holding.control.quarantine(source);
    }

    /// Ends a source's quarantine, and forgets the deaths while its commands were executed.
    pub fn release(&mut self, source: SourceId) {
        self.holding.control.release(source);
    }

    /// The helper that prepares segments, once: from now on the writer waits for nothing and
    /// refuses what does not fit until the helper, run by another thread, is done.
    pub fn take_helper(&mut self) -> Option<SegmentHelper> {
        self.holding.take_helper()
    }

    /// The helper that syncs, once: from now on what is published becomes durable, and with
    /// [`Durability::Disk`] committed, when the helper, run by another thread, has done it.
    pub fn take_syncer(&mut self) -> Option<SyncHelper> {
        self.holding.sync_helper.take()
    }

    /// Who says what is committed in place of [`Self::commit_to`], once, for a writer with
    /// [`Durability::External`]; `None` for others.
    pub fn take_committer(&mut self) -> Option<Committer> {
        if self.durability != Durability::External || self.committer_taken {
            return None;
        }
        self.committer_taken = true;
        let holding = &self.holding;
        Some(Committer::new(self.epoch, Arc::clone(&holding.control), holding.tenure.clone()))
    }

    /// What votes for this node; as many as are wanted.
    #[must_use]
    pub fn voter(&self) -> Voter {
        self.holding.voter()
    }

    /// The keeper that moves the log's beginning and recycles what is before it, once.
    pub fn take_keeper(&mut self) -> Option<Keeper> {
        self.holding.keeper.take()
    }
}

/// What goes before a transaction that begins with the next term.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    /// The padding of the term that is left, unless it is full.
    pad: Option<SealedHeader>,
    /// The chain behind it.
    chain: Chain,
}

/// A transaction being written. Dropped before [`Transaction::finish`], it never was.
#[derive(Debug)]
pub struct Transaction<'w> {
    writer: &'w mut StoreWriter,
    /// Set if it begins with the next term.
    crossing: Option<Crossing>,
    chain: Chain,
    /// Offsets in its term: where it begins, where the next frame goes, what was asked for.
    start: usize,
    at: usize,
    end_max: usize,
    frames: usize,
    ended: bool,
}

impl Transaction<'_> {
    #[inline]
    fn segment(&self) -> &Segment {
        match (&self.crossing, &self.writer.holding.next) {
            (Some(_), Some(next)) => next,
            _ => &self.writer.holding.current,
        }
    }

    /// Writes one message of exactly so many bytes: `write` gets them, zero, in the segment.
    ///
    /// # Panics
    /// If the message is shorter than an event or longer than a frame holds, if it is more than
    /// was asked for at `begin`, or if the message before was the last.
    #[inline]
    pub fn append(&mut self, message_bytes: usize, write: impl FnOnce(&mut [u8])) {
        assert!(
            (EVENT_BYTES_MIN..=MESSAGE_BYTES_MAX).contains(&message_bytes),
            "no message has {message_bytes} bytes"
        );
        assert!(!self.ended, "a message after the transaction's last");
        let length = FRAME_HEADER_BYTES + message_bytes;
        let (from, to) = (self.at, self.at + aligned(length));
        assert!(
            to <= self.end_max,
            "{} bytes of a transaction, {} were asked for",
            to - self.start,
            self.end_max - self.start
        );
        self.at = to;
        let segment = match (&self.crossing, &self.writer.holding.next) {
            (Some(_), Some(next)) => next,
            _ => &self.writer.holding.current,
        };
        // SAFETY: the transaction's part of the segment, which is the writer's alone: readers
        // stop at `published`, and the helper has handed the segment over.
        let frame = unsafe { segment.mapping.slice_mut(from, to) };
        let (head, body) = frame.split_first_chunk_mut().expect("longer than a header");
        write(&mut body[..message_bytes]);
        let ended = ends_transaction(&body[..message_bytes]);
        let header = self.writer.header(Kind::Data, length, from, segment.base);
        let header = self.writer.header_crc.seal(&header, body);
        // The length stays zero until the whole transaction is there.
        header.emit_without_length(head);
        self.ended = ended;
        self.chain = self.chain.then(header.crc());
        self.writer.lengths[self.frames] = length as u32;
        self.frames += 1;
    }

    /// Bytes written so far, headers and alignment included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.at - self.start
    }

    /// Ends the transaction and publishes it; with [`Durability::Process`] it is committed. The
    /// new end of the log.
    ///
    /// # Panics
    /// If its last message does not carry the end flag.
    #[inline]
    pub fn finish(mut self) -> Position {
        assert!(self.ended, "the last message does not end the transaction");
        let segment = self.segment();
        let mut at = self.at;
        // Backwards: whoever goes by lengths finds the first one when all others are there.
        for length in self.writer.lengths[..self.frames].iter().rev() {
            at -= aligned(*length as usize);
            store_length(segment, at, *length);
        }
        let position = Position(segment.base.get() + self.at as u64);
        if let Some(crossing) = self.crossing.take() {
            self.writer.cross(crossing.pad);
        }
        // Nothing is left for `drop` to undo.
        self.start = self.at;
        let writer = &mut *self.writer;
        writer.position = position;
        writer.chain = self.chain;
        writer.holding.control.set_published(position);
        if writer.durability == Durability::Process {
            writer.holding.control.set_committed(position);
        }
        position
    }
}

impl Drop for Transaction<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.start < self.at {
            let segment = self.segment();
            // SAFETY: as in `append`: nothing of this was published.
            unsafe { segment.mapping.slice_mut(self.start, self.at) }.fill(0);
        }
    }
}

/// Writes a header without its length.
fn write_header(segment: &Segment, offset: usize, header: &SealedHeader) {
    // SAFETY: beyond `published`, so the writer's alone.
    let bytes = unsafe { segment.mapping.slice_mut(offset, offset + FRAME_HEADER_BYTES) };
    header.emit_without_length(bytes.first_chunk_mut().expect("as long as a header"));
}

/// Stores a frame's length, behind all that was written before.
#[inline]
fn store_length(segment: &Segment, offset: usize, length: u32) {
    segment.mapping.atomic_u32(offset).store(length.to_le(), Ordering::Release);
}
