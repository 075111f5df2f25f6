//! Where a log ends: reads it from its start and judges each frame.
//!
//! ```text
//!   kept ............... synced ............. valid end      written
//!    | every frame must be  |  the log ends at  | whatever is   |  zero
//!    | valid, else refused  |  the first bad or | here is cut,  |
//!    |                      |  unfinished       | valid or not  |
//! ```
//!
//! Pages reach a disk in any order, so a zero length proves no end: what follows it is looked at
//! to the end of the last segment, and reported. A whole frame of another log is never cut but
//! refused: somebody's files were mixed up.
#![expect(unsafe_code, reason = "reads mapped segments")]

use std::io;

use crate::types::{Epoch, Position};

use super::chain::{Chain, session_id};
use super::control::Executing;
use super::disk::Access;
use super::error::OpenError;
use super::frame::{Frame, FrameFault, aligned, last_nonzero};
use super::marks::{EpochStart, Marks};
use super::meta::Identity;
use super::segment::{Segment, Segments, Terms, WrongSize};
use super::snapshots::LogPlace;
use super::walk::Walk;

/// What was not part of the log any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The log's end.
    pub from: Position,
    /// The end of what was written beyond it.
    pub to: Position,
    /// Where the first fault stands, at or after `from`.
    pub fault_at: Position,
    /// Why the log ends before it.
    pub fault: FrameFault,
}

/// What opening a store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The store was made by this opening.
    pub created: bool,
    /// The first position that is kept.
    pub kept_from: Position,
    /// The log's end: everything before is valid, an end of a transaction.
    pub valid_to: Position,
    /// The chain there.
    pub chain: Chain,
    /// Frames that were read before it, padding included.
    pub frames: u64,
    /// Transactions that were read before it.
    pub transactions: u64,
    /// What had been durable.
    pub synced: Position,
    /// What the last writer had published by its control page, which a power failure leaves with
    /// any value; `None` without one.
    pub published: Option<Position>,
    /// What was beyond the end and is zero now.
    pub cut: Option<Cut>,
    /// The newest epochs, oldest first, the one that this opening began last.
    pub epochs: Vec<EpochStart>,
    /// The last writer closed the store.
    pub clean: bool,
    /// A tail that was not durable may have been lost, by this boot or an earlier one.
    pub lossy: bool,
    /// What was executed here led to another state than the one that counts; see
    /// [`Voter::bar`](super::Voter::bar).
    pub barred: bool,
    /// The command that the last writer was executing when it died.
    pub executing: Option<Executing>,
    /// The last deaths while a command was executed, the oldest first, that one included.
    pub deaths: Vec<Executing>,
}

/// Where a log ends, and what stands there.
#[derive(Clone, Debug)]
pub(super) struct LogEnd {
    pub(super) valid_to: Position,
    pub(super) chain: Chain,
    pub(super) frames: u64,
    pub(super) transactions: u64,
    pub(super) cut: Option<Cut>,
    /// The chain at the position that was asked for, if a transaction ends there.
    pub(super) chain_asked: Option<Chain>,
}

/// Reads a log, from a place that is known or from its beginning, and finds its end; what chain a
/// position has is told if it is asked for. The log must not be written meanwhile.
pub(super) fn find_end(
    segments: &Segments,
    identity: &Identity,
    marks: &Marks,
    from: Option<LogPlace>,
    asked: Option<Position>,
) -> Result<LogEnd, OpenError> {
    let start = start_of(segments.terms, marks, from)?;
    let knows_chain = start.position == marks.kept_from;
    let mut bases = bases(segments, marks)?;
    bases.retain(|base| *base >= segments.terms.base(start.position));
    let mut scan = Scan {
        segments,
        identity,
        marks,
        from: from.filter(|from| *from != start),
        place: from.map_or(start.position, |from| from.position),
        knows_chain,
        session: (Epoch(0), 0),
        walk: Walk::from(start),
        at_epoch: Epoch(0),
        frames_read: 0,
        asked,
        end: LogEnd {
            valid_to: start.position,
            chain: start.chain,
            frames: 0,
            transactions: 0,
            cut: None,
            chain_asked: (knows_chain && asked == Some(start.position)).then_some(start.chain),
        },
        synced_chain: (marks.synced == start.position).then_some(start.chain),
    };
    let mut fault = None;
    for base in &bases {
        let segment = open(segments, *base)?;
        fault = scan.term(bytes_of(&segment))?;
        if fault.is_some() {
            break;
        }
    }
    scan.check_place()?;
    scan.check_synced(fault)?;
    let fault = fault.unwrap_or(FrameFault::NoLength);
    let written_to = scan.written_to(&bases)?;
    let mut end = scan.end;
    end.cut = written_to.map(|to| Cut { from: end.valid_to, to, fault_at: scan.walk.at, fault });
    Ok(end)
}

/// Where reading begins: at the first position that is kept, or for the sake of a place at the
/// beginning of its segment. The chain there is not known then, and no number until the place.
fn start_of(terms: Terms, marks: &Marks, from: Option<LogPlace>) -> Result<LogPlace, OpenError> {
    let kept = marks.kept_place();
    let Some(place) = from else { return Ok(kept) };
    if place.position < kept.position {
        let reason = format!("the log begins at {}", kept.position);
        return Err(OpenError::Place { position: place.position, reason });
    }
    // What ends with a term lies in it.
    let base = terms.base(Position(place.position.get().saturating_sub(1)));
    match base <= kept.position {
        true => Ok(kept),
        false => Ok(LogPlace { position: base, chain: Chain::default() }),
    }
}

/// The segments from the first kept position on: without a hole, and all that is durable.
fn bases(segments: &Segments, marks: &Marks) -> Result<Vec<Position>, OpenError> {
    let all =
        segments.list().map_err(|error| OpenError::io("listing", &segments.directory, error))?;
    let first = segments.terms.base(marks.kept_from);
    let mut bases = Vec::new();
    let mut expected = first;
    for base in all.into_iter().filter(|base| *base >= first) {
        if base != expected {
            return Err(OpenError::SegmentMissing { path: segments.path(expected) });
        }
        bases.push(base);
        expected = segments.terms.next_base(base);
    }
    // A log that begins where it is durable to has no byte yet, and may have no segment.
    if marks.synced > expected.max(marks.kept_from) {
        return Err(OpenError::SegmentMissing { path: segments.path(expected) });
    }
    Ok(bases)
}

fn open(segments: &Segments, base: Position) -> Result<Segment, OpenError> {
    segments.open(base, Access::Read).map_err(|error| size_or_io(segments, base, error))
}

/// An error of opening a segment, told as what it is.
pub(super) fn size_or_io(segments: &Segments, base: Position, error: io::Error) -> OpenError {
    let path = segments.path(base);
    match error.get_ref().and_then(|inner| inner.downcast_ref::<WrongSize>()) {
        Some(WrongSize { found }) => OpenError::SegmentSize {
            path,
            expected_bytes: segments.terms.bytes() as u64,
            found_bytes: *found,
        },
        None => OpenError::io("opening", path, error),
    }
}

fn bytes_of(segment: &Segment) -> &[u8] {
    // SAFETY: the caller of `find_end` holds the store's lock, or has found that nobody holds it
    // and looks again afterwards; without a writer nobody writes segments.
    unsafe { segment.mapping.slice(0, segment.mapping.length_bytes()) }
}

struct Scan<'a> {
    segments: &'a Segments,
    identity: &'a Identity,
    marks: &'a Marks,
    /// A place that the log must bear out, until it has; its position.
    from: Option<LogPlace>,
    place: Position,
    /// The chain is known from the start on, not only from that place.
    knows_chain: bool,
    /// The session of the epoch asked for last.
    session: (Epoch, i32),
    /// Before the frame to be judged next, and the epoch of the one before.
    walk: Walk,
    at_epoch: Epoch,
    frames_read: u64,
    /// A place whose chain is asked for.
    asked: Option<Position>,
    end: LogEnd,
    /// The chain at the synced position, once it was reached.
    synced_chain: Option<Chain>,
}

impl Scan<'_> {
    /// Reads on to the end of a term; the fault that ends the log, if there is one.
    fn term(&mut self, bytes: &[u8]) -> Result<Option<FrameFault>, OpenError> {
        let terms = self.segments.terms;
        loop {
            let rest = &bytes[terms.offset(self.walk.at)..];
            let frame = match self.judge(rest)? {
                Ok(frame) => frame,
                Err(fault) => return Ok(Some(fault)),
            };
            let epoch = frame.epoch();
            match self.walk.go(&frame, terms) {
                Err(fault) => return Ok(Some(fault)),
                Ok(ends) => {
                    self.at_epoch = epoch;
                    self.frames_read += 1;
                    if ends {
                        self.on_transaction();
                    }
                }
            }
            if terms.offset(self.walk.at) == 0 {
                return Ok(None);
            }
        }
    }

    fn on_transaction(&mut self) {
        if let Some(place) = self.from.take_if(|place| place.position == self.walk.at) {
            match self.walk.chain == place.chain || !self.knows_chain {
                true => self.walk.chain = place.chain,
                false => self.from = Some(place),
            }
        }
        self.end.valid_to = self.walk.at;
        self.end.chain = self.walk.chain;
        self.end.frames = self.frames_read;
        self.end.transactions += 1;
        if self.walk.at == self.marks.synced {
            self.synced_chain = Some(self.walk.chain);
        }
        if Some(self.walk.at) == self.asked && (self.knows_chain || self.from.is_none()) {
            self.end.chain_asked = Some(self.walk.chain);
        }
    }

    /// A frame of this log at this place, or why it is none; refuses another log's.
    fn judge<'b>(
        &mut self,
        rest: &'b [u8],
    ) -> Result<Result<Frame<&'b [u8]>, FrameFault>, OpenError> {
        let whole = Frame::new_checked(rest).and_then(|frame| {
            frame.check_content()?;
            Ok(frame)
        });
        let frame = match whole {
            Ok(frame) => frame,
            Err(fault) => return Ok(Err(fault)),
        };
        self.refuse_foreign(&frame)?;
        if let Err(fault) = Frame::new_at(rest, self.walk.at, self.segments.terms) {
            return Ok(Err(fault));
        }
        match self.marks.epoch_at(self.walk.at) {
            (Some(expected), _) if frame.epoch() != expected => {
                Ok(Err(FrameFault::Epoch { expected, found: frame.epoch() }))
            }
            (None, below) if frame.epoch() < self.at_epoch || frame.epoch() >= below => {
                Ok(Err(FrameFault::Epoch { expected: self.at_epoch, found: frame.epoch() }))
            }
            _ => Ok(Ok(frame)),
        }
    }

    /// Refuses a whole frame that no writer of this store has written.
    fn refuse_foreign(&mut self, frame: &Frame<&[u8]>) -> Result<(), OpenError> {
        let refuse = |field, expected: String, found: String| {
            Err(OpenError::Foreign { position: self.walk.at, field, expected, found })
        };
        let stream = self.identity.exchange_number;
        if frame.stream() != stream {
            return refuse("stream", stream.to_string(), frame.stream().to_string());
        }
        if frame.epoch() == Epoch(0) || frame.epoch() > self.marks.epoch {
            let expected = format!("1 to {}", self.marks.epoch);
            return refuse("epoch", expected, frame.epoch().to_string());
        }
        if self.session.0 != frame.epoch() {
            self.session = (frame.epoch(), session_id(&self.identity.exchange, frame.epoch()));
        }
        if frame.session() != self.session.1 {
            let expected = self.session.1.to_string();
            return refuse("session", expected, frame.session().to_string());
        }
        Ok(())
    }

    /// The log must have been at the place that it was opened from.
    fn check_place(&self) -> Result<(), OpenError> {
        let Some(LogPlace { position, chain }) = self.from else { return Ok(()) };
        let valid_to = self.end.valid_to;
        let reason = match valid_to < position {
            true => format!("the log ends at {valid_to}"),
            false => format!("no transaction with the chain {chain} ends there"),
        };
        Err(OpenError::Place { position, reason })
    }

    /// What is durable must be there, and be what was made durable. The chain of what lies before
    /// the reading's start is not computed again.
    fn check_synced(&self, fault: Option<FrameFault>) -> Result<(), OpenError> {
        let synced = self.marks.synced;
        if !self.knows_chain && synced < self.place && synced <= self.end.valid_to {
            return Ok(());
        }
        if self.end.valid_to < synced {
            let fault = fault.unwrap_or(FrameFault::NoLength);
            return Err(OpenError::Corrupt { position: self.walk.at, synced, fault });
        }
        match self.synced_chain {
            Some(chain) if chain == self.marks.synced_chain => Ok(()),
            Some(chain) => Err(OpenError::ChainDiffers {
                synced,
                expected: self.marks.synced_chain.0,
                found: chain.0,
            }),
            None => Err(OpenError::SyncedTorn { synced, valid_to: self.end.valid_to }),
        }
    }

    /// The end of what was written beyond the log's end, as a frame's alignment has it; `None`
    /// where everything is zero.
    fn written_to(&mut self, bases: &[Position]) -> Result<Option<Position>, OpenError> {
        let terms = self.segments.terms;
        let mut written_to = None;
        let beyond = |base: &&Position| terms.next_base(**base) > self.end.valid_to;
        for base in bases.iter().filter(beyond).copied().collect::<Vec<_>>() {
            let segment = open(self.segments, base)?;
            let bytes = bytes_of(&segment);
            if base > self.walk.at
                && let Ok(frame) = Frame::new_checked(bytes)
                && frame.check_content().is_ok()
            {
                self.refuse_foreign(&frame)?;
            }
            let from = if base < self.end.valid_to { terms.offset(self.end.valid_to) } else { 0 };
            if let Some(last) = last_nonzero(&bytes[from..]) {
                written_to = Some(Position(base.get() + aligned(from + last + 1) as u64));
            }
        }
        Ok(written_to)
    }
}

/// Makes what is beyond a log's end zero, durably.
pub(super) fn zero(segments: &Segments, from: Position, to: Position) -> io::Result<()> {
    let terms = segments.terms;
    let mut at = from;
    while at < to {
        let segment = segments.open_to_write(terms.base(at))?;
        let end = terms.next_base(at).min(to);
        let (from, until) = (terms.offset(at), terms.offset_in(segment.base, end));
        // SAFETY: the caller holds the store's lock, and no reader reads beyond the log's end.
        unsafe { segment.mapping.slice_mut(from, until) }.fill(0);
        segment.file.sync()?;
        at = end;
    }
    Ok(())
}
