//! Makes the log durable, a group of transactions at a time, and says how far.
//!
//! ```text
//!                  core: published ─────────────────────────┐
//!                                                           ▼
//!   synced ▶ frames up to there: their chain ▶ the disk ▶ mark ▶ synced (▶ committed)
//!      ▲                                                              │
//!      └── what was published meanwhile is the next group ◀───────────┘
//! ```
//!
//! The chain that a mark needs is computed from the frames themselves, so that the core hands over
//! nothing but *published*. The mark comes before anything is said to be synced: from then on
//! damage is refused instead of cut. Only the part of a segment that was written is asked for:
//! what was prepared beyond it stays writable for the core without a page fault.
#![expect(unsafe_code, reason = "reads mapped segments")]

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::types::{Epoch, Nanos, Position};

use super::chain::Chain;
use super::control::Control;
use super::disk::Access;
use super::frame::{Frame, FrameFault};
use super::helper::{RETRY_NS, error_number};
use super::marks::{Marks, MarksFile};
use super::segment::{Segment, Segments, Terms};
use super::snapshots::LogPlace;
use super::tenure::Tenure;

/// Syncs for whoever holds it: the writer, or its [`SyncHelper`].
#[derive(Debug)]
pub(super) struct Syncer {
    segments: Segments,
    pub(super) marks: MarksFile,
    control: Arc<Control>,
    /// What is synced is committed.
    commits: bool,
    /// The segment that was synced last.
    segment: Option<Segment>,
    /// The log is on the disk up to here, with the chain there; the mark may be behind.
    durable: (Position, Chain),
    /// The error number of the sync that failed.
    failed: Option<i32>,
}

impl Syncer {
    pub(super) fn new(
        segments: Segments,
        marks: MarksFile,
        control: Arc<Control>,
        commits: bool,
    ) -> Self {
        let durable = (marks.marks.synced, marks.marks.synced_chain);
        Self { segments, marks, control, commits, segment: None, durable, failed: None }
    }

    /// Makes everything before an end of a transaction durable, at most *published*: first the
    /// segments, then the mark that says so, then the control page.
    ///
    /// When the disk fails to take a segment's bytes, this fails for ever: a system may drop the
    /// pages that it could not write and report success the next time. A mark that fails is tried
    /// again: it is written anew each time.
    pub(super) fn sync_to(&mut self, position: Position) -> io::Result<()> {
        if let Some(error) = self.failed {
            return Err(io::Error::from_raw_os_error(error));
        }
        while self.durable.0 < position {
            let end = position.min(self.segments.terms.next_base(self.durable.0));
            self.durable = (end, self.sync_part(end)?);
        }
        let marks = &mut self.marks.marks;
        if marks.synced < self.durable.0 {
            let before = (marks.synced, marks.synced_chain);
            (marks.synced, marks.synced_chain) = self.durable;
            marks.committed = self.control.committed().min(self.durable.0);
            if let Err(error) = self.marks.store() {
                (self.marks.marks.synced, self.marks.marks.synced_chain) = before;
                return Err(error);
            }
            self.control.set_synced(self.durable.0);
            if self.commits {
                self.control.set_committed(self.durable.0);
            }
        }
        Ok(())
    }

    /// Makes the log durable to `end`, in the term where it is durable up to now; the chain there.
    fn sync_part(&mut self, end: Position) -> io::Result<Chain> {
        let (from, chain) = self.durable;
        let terms = self.segments.terms;
        let base = terms.base(from);
        let segment = match self.segment.take() {
            Some(segment) if segment.base == base => segment,
            _ => self.segments.open(base, Access::Write)?,
        };
        let chain = chain_over(&segment, terms, from, end, chain).map_err(io::Error::other)?;
        let (from, to) = (terms.offset_in(base, from), terms.offset_in(base, end));
        if let Err(error) = segment.file.sync_part(&segment.mapping, from, to) {
            self.failed = Some(error_number(&error));
            return Err(error);
        }
        self.segment = Some(segment);
        Ok(chain)
    }

    /// Where the log is durable and marked so, and the chain there.
    pub(super) fn synced(&self) -> (Position, Chain) {
        (self.marks.marks.synced, self.marks.marks.synced_chain)
    }

    /// Marks the store as closed with everything durable.
    pub(super) fn mark_clean(&mut self) -> io::Result<()> {
        let marks = &mut self.marks.marks;
        marks.committed = self.control.committed().min(marks.synced);
        marks.clean = true;
        self.marks.store()
    }

    /// The log ends at a place now, which may be below what was durable: the marks say so already.
    pub(super) fn cut_to(&mut self, place: LogPlace) {
        if self.durable.0 > place.position {
            self.durable = (place.position, place.chain);
        }
        self.segment = None;
    }

    /// Writes marks that must never be forgotten once they are told, to both slots; where that
    /// fails they are as they were, and may be asked for again.
    pub(super) fn store_marks(&mut self, change: impl FnOnce(&mut Marks)) -> io::Result<()> {
        let before = self.marks.marks.clone();
        change(&mut self.marks.marks);
        let stored = self.marks.store_both();
        if stored.is_err() {
            self.marks.marks = before;
        }
        stored
    }
}

/// The chain over the frames between two positions of a segment, both published.
fn chain_over(
    segment: &Segment,
    terms: Terms,
    from: Position,
    to: Position,
    mut chain: Chain,
) -> Result<Chain, FrameFault> {
    let offset = |position| terms.offset_in(segment.base, position);
    // SAFETY: what is published is not written any more, and the acquiring load that said so makes
    // it visible.
    let bytes = unsafe { segment.mapping.slice(offset(from), offset(to)) };
    let mut at = 0;
    while at < bytes.len() {
        let frame = Frame::new_at(&bytes[at..], Position(from.get() + at as u64), terms)?;
        chain = chain.then(frame.crc());
        at += frame.aligned_bytes();
    }
    Ok(chain)
}

/// What the writer and its sync helper share.
#[derive(Debug)]
pub(super) struct Syncing {
    syncer: Mutex<Syncer>,
    error: Apart<AtomicI32>,
    /// The newest epoch of the marks.
    epoch: Apart<AtomicU32>,
}

/// On cache lines of its own: the core looks at it before each command, a standby before each
/// datagram.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

impl Syncing {
    pub(super) fn new(syncer: Syncer) -> Arc<Self> {
        let epoch = Apart(AtomicU32::new(syncer.marks.marks.epoch.get()));
        Arc::new(Self { syncer: Mutex::new(syncer), error: Apart(AtomicI32::new(0)), epoch })
    }

    pub(super) fn syncer(&self) -> MutexGuard<'_, Syncer> {
        self.syncer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The system's error number of the last sync, 0 where it went well.
    #[inline]
    pub(super) fn error(&self) -> i32 {
        self.error.0.load(Ordering::Relaxed)
    }

    /// The newest epoch that is known here.
    #[inline]
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.0.load(Ordering::Acquire))
    }

    /// As [`Syncer::store_marks`], with everybody told of the newest epoch.
    pub(super) fn store_marks(
        &self,
        syncer: &mut Syncer,
        change: impl FnOnce(&mut Marks),
    ) -> io::Result<()> {
        syncer.store_marks(change)?;
        self.epoch.0.store(syncer.marks.marks.epoch.get(), Ordering::Release);
        Ok(())
    }

    /// As [`Syncer::sync_to`]; the writer learns how it went.
    pub(super) fn sync_to(&self, syncer: &mut Syncer, position: Position) -> io::Result<()> {
        let synced = syncer.sync_to(position);
        let error = synced.as_ref().err().map_or(0, error_number);
        if self.error() != error {
            self.error.0.store(error, Ordering::Relaxed);
        }
        synced
    }
}

/// Makes durable what is published; an agent runs it on a thread that may wait for the disk.
#[derive(Debug)]
pub struct SyncHelper {
    syncing: Arc<Syncing>,
    control: Arc<Control>,
    tenure: Tenure,
    interval_ns: u64,
    due_at: Nanos,
}

impl SyncHelper {
    pub(super) fn new(
        syncing: Arc<Syncing>,
        control: Arc<Control>,
        tenure: Tenure,
        interval_ns: u64,
    ) -> Self {
        Self { syncing, control, tenure, interval_ns, due_at: Nanos(0) }
    }

    /// Syncs what was published, if it is time to; 1 where it did, whether or not the disk took it.
    /// A failure is the writer's to see: it refuses transactions until a sync goes well.
    pub fn do_work(&mut self, now: Nanos) -> usize {
        if now < self.due_at {
            return 0;
        }
        if self.control.published() == self.control.synced() {
            return 0;
        }
        let Some(_step) = self.tenure.step() else { return 0 };
        let mut syncer = self.syncing.syncer();
        // Asked again: who holds the marks meanwhile may cut the log.
        let published = self.control.published();
        let synced = self.syncing.sync_to(&mut syncer, published);
        let wait_ns = if synced.is_ok() { self.interval_ns } else { RETRY_NS };
        self.due_at = Nanos(now.get().saturating_add(wait_ns));
        1
    }
}
