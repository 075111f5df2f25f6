//! Prepares the next segment before it is needed, so that the writer never waits for a disk.
//!
//! ```text
//!            at: position                  (the segment that the writer writes)
//!   writer ------------------------------------> helper
//!          <------------------------------------   allocates, maps, touches page by page
//!            ready: segments, in their order       those that follow
//!          ------------------------------------>   unmaps
//!            retired: segment
//! ```
//!
//! Each arrow is a word, exchanged whole; neither side waits for the other. Whoever runs agents
//! runs [`SegmentHelper::do_work`] on another thread than the core's. As long as nobody took the
//! helper from the writer, the writer prepares segments itself where it crosses.
#![expect(unsafe_code, reason = "hands mapped segments over as pointers")]

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use crate::limits::SEGMENTS_AHEAD_MAX;
use crate::types::{Nanos, Position};

use super::disk::PAGE_BYTES;
use super::segment::{Segment, Segments, Unfinished};
use super::tenure::Tenure;

/// Pages touched in one step: some tens of microseconds.
const PAGES_PER_STEP: usize = 64;

/// Bytes taken from the disk in one step: in memory they are zeroed there and then, which takes
/// some hundreds of microseconds.
const ALLOCATION_BYTES_PER_STEP: u64 = 1024 * 1024;

/// Time from a failure of the disk to the next try.
pub(super) const RETRY_NS: u64 = 100_000_000;

/// Nobody waits for segments.
const NONE: u64 = u64::MAX;

/// What the writer and its helper share.
#[derive(Debug)]
pub(super) struct Handoff {
    at: AtomicU64,
    /// A segment's place is its number in the log, so that each finds it empty: there are as many
    /// as may be ahead.
    ready: [AtomicPtr<Segment>; SEGMENTS_AHEAD_MAX],
    retired: AtomicPtr<Segment>,
    /// The system's error number of the last try, 0 where it went well.
    error: AtomicI32,
}

impl Handoff {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            at: AtomicU64::new(NONE),
            ready: Default::default(),
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

    /// The writer writes the segment at `base`: those that follow are wanted.
    pub(super) fn writes_at(&self, base: Position) {
        self.at.store(base.get(), Ordering::Release);
    }

    /// The place of a term's segment.
    fn place(&self, term_id: u32) -> &AtomicPtr<Segment> {
        &self.ready[term_id as usize % SEGMENTS_AHEAD_MAX]
    }

    /// The prepared segment of a term, once.
    pub(super) fn take_ready(&self, term_id: u32) -> Option<Box<Segment>> {
        Self::take(self.place(term_id))
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
        for place in self.ready.iter().chain([&self.retired]) {
            drop(Self::take(place));
        }
    }
}

/// How far the segment that is being prepared has come.
#[derive(Debug)]
enum Preparing {
    /// There is none.
    Nothing,
    /// Its file takes space from the disk.
    Allocating(Unfinished),
    /// It is mapped; the pages before this byte are touched.
    Touching(Box<Segment>, usize),
}

/// Prepares segments; an agent runs it.
#[derive(Debug)]
pub struct SegmentHelper {
    segments: Segments,
    handoff: Arc<Handoff>,
    tenure: Tenure,
    /// Segments beyond the writer's to have ready.
    ahead: usize,
    preparing: Preparing,
    /// The segment to prepare next.
    next: Position,
    retry_at: Nanos,
}

impl SegmentHelper {
    pub(super) fn new(
        segments: Segments,
        handoff: Arc<Handoff>,
        tenure: Tenure,
        ahead: usize,
    ) -> Self {
        let (preparing, next, retry_at) = (Preparing::Nothing, Position(0), Nanos(0));
        Self { segments, handoff, tenure, ahead, preparing, next, retry_at }
    }

    /// The writer lets it prepare from a segment on; until now it prepared by itself.
    pub(super) fn begin_at(&mut self, next: Position) {
        self.next = next;
    }

    /// One bounded step; how much was done, 0 where nothing is due. The longest one makes a whole
    /// segment's size durable, which on a disk takes milliseconds.
    pub fn do_work(&mut self, now: Nanos) -> usize {
        let retired = usize::from(Handoff::take(&self.handoff.retired).is_some());
        let tenure = self.tenure.clone();
        match tenure.step() {
            Some(_step) => retired + usize::from(self.prepare_step(now)),
            None => {
                self.preparing = Preparing::Nothing;
                retired
            }
        }
    }

    /// Whether something was done.
    fn prepare_step(&mut self, now: Nanos) -> bool {
        let step = match std::mem::replace(&mut self.preparing, Preparing::Nothing) {
            Preparing::Nothing => match self.due(now) {
                Some(base) => self.begin(base),
                None => return false,
            },
            Preparing::Allocating(unfinished) => self.allocate(unfinished),
            Preparing::Touching(segment, from) => Ok(self.touch(segment, from)),
        };
        match step {
            Ok(next) => self.preparing = next,
            Err(error) => {
                self.handoff.error.store(error_number(&error), Ordering::Relaxed);
                self.retry_at = Nanos(now.get().saturating_add(RETRY_NS));
            }
        }
        true
    }

    /// The segment to prepare now.
    fn due(&self, now: Nanos) -> Option<Position> {
        let at = self.handoff.at.load(Ordering::Acquire);
        let terms = self.segments.terms;
        let last = at.saturating_add((self.ahead * terms.bytes()) as u64);
        let due = at != NONE && self.next.get() <= last && self.next < terms.end();
        (due && now >= self.retry_at).then_some(self.next)
    }

    fn begin(&mut self, base: Position) -> io::Result<Preparing> {
        match self.segments.open_to_write(base) {
            Ok(segment) => Ok(Preparing::Touching(Box::new(segment), 0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Preparing::Allocating(self.segments.begin(base)?))
            }
            Err(error) => Err(error),
        }
    }

    fn allocate(&mut self, unfinished: Unfinished) -> io::Result<Preparing> {
        match self.segments.allocate(&unfinished, ALLOCATION_BYTES_PER_STEP)? {
            true => Ok(Preparing::Touching(Box::new(self.segments.finish(unfinished)?), 0)),
            false => Ok(Preparing::Allocating(unfinished)),
        }
    }

    fn touch(&mut self, segment: Box<Segment>, from: usize) -> Preparing {
        let to = (from + PAGES_PER_STEP * PAGE_BYTES).min(segment.mapping.length_bytes());
        touch(&segment, from, to);
        if to < segment.mapping.length_bytes() {
            return Preparing::Touching(segment, to);
        }
        self.handoff.error.store(0, Ordering::Relaxed);
        let terms = self.segments.terms;
        self.next = terms.next_base(segment.base);
        let before = Handoff::put(self.handoff.place(terms.term_id(segment.base)), segment);
        assert!(before.is_none(), "the writer takes segments in their order");
        Preparing::Nothing
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
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Writes to each page of a part without changing it, so that no later write waits for one.
pub(super) fn touch(segment: &Segment, from: usize, to: usize) {
    for at in (from..to).step_by(PAGE_BYTES) {
        // Not `fetch_or(0)`: the compiler knows that as a load, which maps a page without making
        // it writable. What the exchange finds does not matter.
        let word = segment.mapping.atomic_u32(at);
        let _ = word.compare_exchange(0, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}
