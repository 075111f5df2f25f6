//! A session's messages by number, for those who repeat them: replay, re-request, snapshots.
//!
//! ```text
//!   index    every 256th message ─▶ the position of its record     0.03 bytes a message
//!   get      index ─▶ record ─▶ record ─▶ block          one after another: no look at the index
//! ```
//!
//! The index is built as the log is followed, by looking at each record's first bytes once.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use isochron_feeds::mold::{LENGTH_BYTES, Session};
use isochron_recovery::SequencedLog;

use crate::store::{Disk, FrameFault, NotAccepted, OpenError, ReadError, StoreReader, Until};
use crate::types::Position;

use super::record::{Record, RecordFault, split_block};
use super::tail::RecordTail;
use super::trusting;

/// Messages from one entry of the index to the next: at most so many records are passed over to
/// find one, and an entry of eight bytes is little beside them.
const INDEX_STRIDE: u64 = 256;

/// Records that one `refresh` follows at most: some hundred microseconds.
const REFRESH_RECORDS_MAX: usize = 4_096;

/// Why a feed log cannot be used.
#[derive(Debug)]
pub enum FeedLogError {
    /// It cannot be opened.
    Open(OpenError),
    /// The store gave no more.
    Read(ReadError),
    /// What stands there is no frame.
    Frame {
        /// Where.
        position: Position,
        /// Why not.
        fault: FrameFault,
    },
    /// What stands there is no record of this session.
    Record {
        /// Where its frame begins, or ends.
        position: Position,
        /// Why not.
        fault: RecordFault,
    },
    /// Its first record could not be written.
    NotAccepted(NotAccepted),
}

impl fmt::Display for FeedLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "{error}"),
            Self::Read(error) => write!(f, "{error}"),
            Self::Frame { position, fault } => write!(f, "no frame at {position}: {fault}"),
            Self::Record { position, fault } => write!(f, "the record at {position}: {fault}"),
            Self::NotAccepted(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for FeedLogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(error) => Some(error),
            Self::Read(error) => Some(error),
            Self::Frame { .. } | Self::NotAccepted(_) => None,
            Self::Record { fault, .. } => Some(fault),
        }
    }
}

impl From<OpenError> for FeedLogError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// The message that was looked up last, and its record.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Where the record's frame begins, and the next one's can.
    record: Position,
    end: Position,
    /// The number behind the record's last message.
    next: u64,
    /// The message's number, and where its block begins in the record's blocks.
    sequence: u64,
    block: usize,
}

/// Every message of one session up to what was sent. Calling order: `refresh` to see what came,
/// then `get` as often as wanted.
///
/// A fault of the log ends it there: what is before stays readable, and [`FeedLog::fault`] says
/// what it was.
#[derive(Debug)]
pub struct FeedLog {
    session: Session,
    /// Where the index has come to.
    follower: StoreReader,
    /// Looks up single messages.
    tail: RecordTail,
    index: Vec<Position>,
    first: u64,
    next: u64,
    ended: bool,
    found: Option<Found>,
    fault: Option<FeedLogError>,
}

impl FeedLog {
    /// Attaches to the log of a session, for what is committed. Nothing was followed yet.
    ///
    /// # Errors
    /// There is no such log, or the system refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        session: Session,
    ) -> Result<Self, FeedLogError> {
        Self::open_until(disk, directory, session, Until::Told)
    }

    /// As [`Self::open`]; also what is published, for the publisher itself.
    ///
    /// # Errors
    /// As there.
    pub fn open_until(
        disk: Arc<dyn Disk>,
        directory: &Path,
        session: Session,
        until: Until,
    ) -> Result<Self, FeedLogError> {
        let options = trusting(until);
        Ok(Self {
            session,
            follower: StoreReader::attach_on(Arc::clone(&disk), directory, &options)?,
            tail: RecordTail::attach_with(disk, directory, until)?,
            index: Vec::new(),
            first: 1,
            next: 1,
            ended: false,
            found: None,
            fault: None,
        })
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session
    }

    /// Why it is not followed any more; `None` as long as it is.
    #[must_use]
    pub fn fault(&self) -> Option<&FeedLogError> {
        self.fault.as_ref()
    }

    /// Bytes of the index: its memory, which grows with the messages.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.index.capacity() * size_of::<Position>()
    }

    /// Follows the log by a bounded step; the records passed, 0 at its end. One that begins with
    /// a long log is called until then.
    pub fn refresh(&mut self) -> usize {
        let mut records = 0;
        while records < REFRESH_RECORDS_MAX && self.fault.is_none() {
            match self.follower.next() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let (position, end) = (frame.position, frame.end);
                    let parsed = Record::parse(frame.message);
                    match parsed.map(|record| (record.sequence, record.count, record.ended)) {
                        Ok((sequence, count, ended)) => {
                            self.on_record(position, sequence, count, ended);
                        }
                        Err(fault) => {
                            self.fault = Some(FeedLogError::Record { position: end, fault });
                        }
                    }
                    records += 1;
                }
                Err(error) => self.fault = Some(FeedLogError::Read(error)),
            }
        }
        // Also where a publisher begins just now, and the log says nothing.
        self.tail.may_read_to(self.follower.position());
        records
    }

    fn on_record(&mut self, position: Position, sequence: u64, count: u16, ended: bool) {
        if self.index.is_empty() && self.next == 1 {
            // Where the log begins: a session can have been begun elsewhere.
            (self.first, self.next) = (sequence, sequence);
        }
        if sequence != self.next {
            let fault = RecordFault::Gap { expected: self.next, found: sequence };
            self.fault = Some(FeedLogError::Record { position, fault });
            return;
        }
        self.next = sequence + u64::from(count);
        self.ended = ended;
        while self.first + self.index.len() as u64 * INDEX_STRIDE < self.next {
            self.index.push(position);
        }
    }

    /// The record, and the block in it, of a message that is there; a fault where the log does
    /// not bear it out.
    fn find(&mut self, sequence: u64) -> Result<Option<Found>, FeedLogError> {
        let start = match self.found {
            Some(found) if (found.sequence..found.next).contains(&sequence) => {
                return self.find_block(found, sequence);
            }
            Some(found) if found.next == sequence => found.end,
            _ => {
                let entry = (sequence - self.first) / INDEX_STRIDE;
                match self.index.get(usize::try_from(entry).unwrap_or(usize::MAX)) {
                    Some(position) => *position,
                    None => return Ok(None),
                }
            }
        };
        let mut position = start;
        // Segment by segment, and record by record in each.
        loop {
            let mut records = self.tail.records_at(position)?;
            let mut before = records.position();
            while let Some(record) = records.next()? {
                let (end, first, next) =
                    (records.position(), record.sequence, record.next_sequence());
                if sequence < first {
                    return Ok(None);
                }
                if sequence < next {
                    let record = before;
                    let found = Found { record, end, next, sequence: first, block: 0 };
                    return self.find_block(found, sequence);
                }
                before = end;
            }
            if records.position() == position {
                return Ok(None);
            }
            position = records.position();
        }
    }

    /// Goes on within a record to a message at or behind the one found.
    fn find_block(
        &mut self,
        mut found: Found,
        sequence: u64,
    ) -> Result<Option<Found>, FeedLogError> {
        let mut records = self.tail.records_at(found.record)?;
        let Some(record) = records.next()? else { return Ok(None) };
        while found.sequence < sequence {
            let rest = record.blocks.get(found.block..).and_then(split_block);
            let Some((message, _)) = rest else { return Ok(None) };
            found.block += LENGTH_BYTES + message.len();
            found.sequence += 1;
        }
        Ok(Some(found))
    }
}

impl SequencedLog for FeedLog {
    fn first(&self) -> u64 {
        self.first
    }

    fn next(&self) -> u64 {
        self.next
    }

    fn get(&mut self, sequence: u64) -> Option<&[u8]> {
        if !(self.first..self.next).contains(&sequence) {
            return None;
        }
        self.found = match self.find(sequence) {
            Ok(found) => found,
            Err(error) => {
                self.fault = Some(error);
                None
            }
        };
        let found = self.found?;
        let mut records = self.tail.records_at(found.record).ok()?;
        let record = records.next().ok()??;
        split_block(record.blocks.get(found.block..)?).map(|(message, _)| message)
    }

    fn has_ended(&self) -> bool {
        self.ended
    }
}
