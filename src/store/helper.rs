//! Prepares the next segment before it is needed, so that the writer never waits for a disk.
//!
//! ```text
//!            wanted: position              (the writer will cross into it)
//!   writer ------------------------------------> helper
//!          <------------------------------------   allocates, maps, touches page by page
//!            ready: segment
//!          ------------------------------------>   unmaps
//!            retired: segment
//! ```
//!
//! Each arrow is one word, exchanged whole; neither side waits for the other. Whoever runs agents
//! runs [`SegmentHelper::do_work`] on another thread than the core's. As long as nobody took the
//! helper from the writer, the writer prepares segments itself where it crosses.
#![expect(unsafe_code, reason = "hands mapped segments over as pointers and touches their pages")]

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use crate::types::{Nanos, Position};

use super::segment::{Segment, Segments};

const PAGE_BYTES: usize = 4096;

/// Pages touched in one step: some tens of microseconds.
const PAGES_PER_STEP: usize = 64;

/// Time from a failed allocation to the next try.
const RETRY_NS: u64 = 100_000_000;

/// No segment is wanted.
const NONE: u64 = u64::MAX;

/// What the writer and its helper share.
#[derive(Debug)]
pub(super) struct Handoff {
    wanted: AtomicU64,
    ready: AtomicPtr<Segment>,
    retired: AtomicPtr<Segment>,
    /// The system's error number of the last try, 0 where it went well.
    error: AtomicI32,
}

impl Handoff {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            wanted: AtomicU64::new(NONE),
            ready: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicPtr::new(ptr::null_mut()),
            error: AtomicI32::new(0),
        })
    }

    fn put(place: &AtomicPtr<Segment>, segment: Box<Segment>) -> Option<Box<Segment>> {
        let before = place.swap(Box::into_raw(segment), Ordering::AcqRel);
        Self::own(before)
    }

    fn take(place: &AtomicPtr<Segment>) -> Option<Box<Segment>> {
        // A load first: most calls find nothing, and then write nothing.
        match place.load(Ordering::Relaxed).is_null() {
            true => None,
            false => Self::own(place.swap(ptr::null_mut(), Ordering::AcqRel)),
        }
    }

    fn own(pointer: *mut Segment) -> Option<Box<Segment>> {
        match pointer.is_null() {
            true => None,
            // SAFETY: what is not null came from `Box::into_raw` in `put`, and the swap that gave
            // it to us took it from everyone else.
            false => Some(unsafe { Box::from_raw(pointer) }),
        }
    }

    /// The writer will need the segment at `base` next.
    pub(super) fn want(&self, base: Position) {
        self.wanted.store(base.get(), Ordering::Release);
    }

    /// The prepared segment.
    pub(super) fn take_ready(&self) -> Option<Box<Segment>> {
        Self::take(&self.ready)
    }

    /// The writer left a segment; unmapping it is the helper's.
    pub(super) fn retire(&self, segment: Box<Segment>) {
        // A helper that is a whole segment late leaves the one before to us.
        drop(Self::put(&self.retired, segment));
    }

    /// The system's error number of the last try to prepare, 0 where it went well.
    pub(super) fn error(&self) -> i32 {
        self.error.load(Ordering::Relaxed)
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        drop(Self::take(&self.ready));
        drop(Self::take(&self.retired));
    }
}

/// Prepares segments; an agent runs it.
#[derive(Debug)]
pub struct SegmentHelper {
    segments: Segments,
    handoff: Arc<Handoff>,
    touching: Option<(Box<Segment>, usize)>,
    delivered: Option<Position>,
    retry_at: Nanos,
}

impl SegmentHelper {
    pub(super) fn new(segments: Segments, handoff: Arc<Handoff>) -> Self {
        Self { segments, handoff, touching: None, delivered: None, retry_at: Nanos(0) }
    }

    /// One bounded step; how much was done, 0 where nothing is due. Allocating a segment is one
    /// system call that may take milliseconds.
    pub fn do_work(&mut self, now: Nanos) -> usize {
        let retired = usize::from(Handoff::take(&self.handoff.retired).is_some());
        retired + self.prepare_step(now)
    }

    fn prepare_step(&mut self, now: Nanos) -> usize {
        if let Some((segment, from)) = self.touching.take() {
            let to = (from + PAGES_PER_STEP * PAGE_BYTES).min(segment.mapping.length_bytes());
            touch(&segment, from, to);
            if to < segment.mapping.length_bytes() {
                self.touching = Some((segment, to));
            } else {
                self.delivered = Some(segment.base);
                drop(Handoff::put(&self.handoff.ready, segment));
            }
            return 1;
        }
        let wanted = self.handoff.wanted.load(Ordering::Acquire);
        let due = wanted != NONE && self.delivered != Some(Position(wanted));
        if !due || now < self.retry_at {
            return 0;
        }
        match self.segments.open_or_create(Position(wanted)) {
            Ok(segment) => {
                self.handoff.error.store(0, Ordering::Relaxed);
                self.touching = Some((Box::new(segment), 0));
            }
            Err(error) => {
                self.handoff.error.store(error_number(&error), Ordering::Relaxed);
                self.retry_at = Nanos(now.get().saturating_add(RETRY_NS));
            }
        }
        1
    }

    /// Prepares a segment at once, for a writer that has nobody to do it.
    pub(super) fn prepare_now(&mut self, base: Position) -> io::Result<Box<Segment>> {
        let segment = self.segments.open_or_create(base)?;
        touch(&segment, 0, segment.mapping.length_bytes());
        Ok(Box::new(segment))
    }
}

/// The system's number of an error, EIO where it has none.
pub(super) fn error_number(error: &io::Error) -> i32 {
    match error.kind() {
        io::ErrorKind::StorageFull => libc::ENOSPC,
        _ => error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// Writes a zero to each page of a part that is zero, so that no later write waits for one.
pub(super) fn touch(segment: &Segment, from: usize, to: usize) {
    for at in (from..to).step_by(PAGE_BYTES) {
        // SAFETY: the segment is not yet the writer's, or this part of it is beyond the log's
        // end and the writer is the one who calls; readers do not read there.
        let byte = unsafe { segment.mapping.slice_mut(at, at + 1) };
        // SAFETY: a reference is valid for writes. Volatile, because a zero over a zero is
        // otherwise nothing to do.
        unsafe { ptr::write_volatile(byte.as_mut_ptr(), 0) };
    }
}
