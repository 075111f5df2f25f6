//! A store in the hands of whoever holds its lock: what a writer and a standby's store share.
//!
//! ```text
//!   [ current ][ next ] ◀── Handoff ── SegmentHelper     segments, in their order
//!   control page, marks and syncs, the helpers until somebody takes them, the lock
//! ```

use std::io;
use std::sync::Arc;

use crate::types::Position;

use super::control::{Accepting, Control};
use super::disk::PAGE_BYTES;
use super::error::NotAccepted;
use super::helper::{Handoff, SegmentHelper, error_number, touch};
use super::keeper::Keeper;
use super::segment::{Segment, Segments, Terms};
use super::snapshots::LogPlace;
use super::sync::{SyncHelper, Syncing};
use super::tenure::Tenure;
use super::voter::Voter;

/// Dropped, it gives the store back as a killed process does.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) terms: Terms,
    pub(super) current: Box<Segment>,
    pub(super) next: Option<Box<Segment>>,
    /// Segments before this one were handed over once: they are there.
    handed_to: Position,
    pub(super) handoff: Arc<Handoff>,
    pub(super) helper: Option<SegmentHelper>,
    pub(super) control: Arc<Control>,
    pub(super) segments: Segments,
    pub(super) syncing: Arc<Syncing>,
    pub(super) sync_helper: Option<SyncHelper>,
    pub(super) keeper: Option<Keeper>,
    pub(super) tenure: Tenure,
}

/// What a holding is made of.
pub(super) struct Parts {
    pub(super) segments: Segments,
    pub(super) control: Arc<Control>,
    pub(super) syncing: Arc<Syncing>,
    pub(super) tenure: Tenure,
    pub(super) segments_ahead: usize,
    pub(super) sync_interval_ns: u64,
}

impl Holding {
    /// Maps the segment that a log's end lies in, and prepares the next.
    ///
    /// # Errors
    /// The system's, and of which segment.
    pub(super) fn new(parts: Parts, end: Position) -> Result<Self, (Position, io::Error)> {
        let Parts { segments, control, syncing, tenure, segments_ahead, sync_interval_ns } = parts;
        let terms = segments.terms;
        let current = open_at(&segments, end)?;
        let handoff = Handoff::new();
        let (shared, lock) = (Arc::clone(&handoff), tenure.clone());
        let mut helper = SegmentHelper::new(segments.clone(), shared, lock, segments_ahead);
        let next_base = terms.next_base(current.base);
        let next = match next_base < terms.end() {
            true => Some(helper.prepare_now(next_base).map_err(|error| (next_base, error))?),
            false => None,
        };
        let handed_to = terms.next_base(next.as_ref().map_or(current.base, |next| next.base));
        let (syncs, page) = (Arc::clone(&syncing), Arc::clone(&control));
        let sync_helper = SyncHelper::new(syncs, page, tenure.clone(), sync_interval_ns);
        let (kept, page) = (Arc::clone(&syncing), Arc::clone(&control));
        let keeper = Some(Keeper::new(segments.clone(), kept, page, tenure.clone()));
        Ok(Self {
            terms,
            current,
            next,
            handed_to,
            handoff,
            helper: Some(helper),
            control,
            segments,
            syncing,
            sync_helper: Some(sync_helper),
            keeper,
            tenure,
        })
    }

    /// Sees that the next segment is there.
    #[cold]
    pub(super) fn fetch_next(&mut self) -> Result<(), NotAccepted> {
        let base = self.terms.next_base(self.current.base);
        if base >= self.terms.end() {
            return Err(NotAccepted::PositionsUsedUp { end: self.terms.end() });
        }
        let disk = |error: io::Error| NotAccepted::Disk { base, error: error_number(&error) };
        if base < self.handed_to {
            let segment = open_at(&self.segments, base).map_err(|(_, error)| disk(error))?;
            self.next = Some(segment);
            return Ok(());
        }
        if let Some(helper) = &mut self.helper {
            self.next = Some(helper.prepare_now(base).map_err(disk)?);
        } else {
            match self.handoff.take_ready(self.terms.term_id(base)) {
                Some(segment) => {
                    assert_eq!(segment.base, base, "the helper prepares what was wanted");
                    self.next = Some(segment);
                }
                None => match self.handoff.error() {
                    0 => return Err(NotAccepted::SegmentNotReady { base }),
                    error => return Err(NotAccepted::Disk { base, error }),
                },
            }
        }
        self.handed_to = self.terms.next_base(base);
        Ok(())
    }

    /// Leaves the current segment for the next, which is there.
    #[cold]
    pub(super) fn go_on(&mut self) {
        let next = self.next.take().expect("begin has made sure of the next segment");
        let left = std::mem::replace(&mut self.current, next);
        match self.helper {
            Some(_) => drop(left),
            None => {
                self.handoff.retire(left);
                self.handoff.writes_at(self.current.base);
            }
        }
    }

    /// Goes back to the segment of a position that the log was cut at. What is behind it is there,
    /// and is not asked of the helper again.
    pub(super) fn go_back(&mut self, position: Position) -> Result<(), (Position, io::Error)> {
        if position < self.current.base {
            self.current = open_at(&self.segments, position)?;
            self.next = None;
        }
        Ok(())
    }

    /// Makes everything to the log's end durable.
    pub(super) fn sync(&self, end: LogPlace) -> io::Result<Position> {
        let mut syncer = self.syncing.syncer();
        self.syncing.sync_to(&mut syncer, end.position)?;
        let synced = (end.position, end.chain);
        assert_eq!(syncer.synced(), synced, "the log is what was written");
        Ok(end.position)
    }

    /// Makes everything durable, and marks the store as closed so.
    pub(super) fn close(self, end: LogPlace) -> io::Result<()> {
        self.control.set_accepting(Accepting::Stopped);
        self.sync(end)?;
        self.syncing.syncer().mark_clean()
    }

    pub(super) fn voter(&self) -> Voter {
        Voter::new(Arc::clone(&self.syncing), self.tenure.clone())
    }

    pub(super) fn take_helper(&mut self) -> Option<SegmentHelper> {
        let mut helper = self.helper.take()?;
        helper.begin_at(self.handed_to);
        self.handoff.writes_at(self.current.base);
        Some(helper)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.control.set_accepting(Accepting::Stopped);
        self.tenure.end();
    }
}

/// The segment of a position, to be written from there on without a page fault: the page of the
/// log's end holds frames, what was not written yet begins behind it.
fn open_at(segments: &Segments, position: Position) -> Result<Box<Segment>, (Position, io::Error)> {
    let terms = segments.terms;
    let base = terms.base(position);
    let segment = segments.open_or_create(base).map_err(|error| (base, error))?;
    touch(&segment, terms.offset(position).next_multiple_of(PAGE_BYTES), terms.bytes());
    Ok(Box::new(segment))
}
