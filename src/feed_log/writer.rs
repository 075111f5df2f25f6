//! The one writer of a feed log: messages become records, records become published.

use std::path::Path;
use std::sync::Arc;

use isochron_feeds::mold::{LENGTH_BYTES, Session};

use crate::store::{
    Disk, Durability, NotAccepted, Options, SegmentHelper, StoreReader, StoreWriter, SyncHelper,
    Until, framed,
};
use crate::types::{Nanos, Position};

use super::reader::FeedLogError;
use super::record::{BLOCKS_BYTES_MAX, FEED_MESSAGE_BYTES_MAX, Origin, Record};
use super::tail::RecordTail;
use super::{FeedLogOptions, directory, trusting};

/// Time between two syncs: what a loss of power takes is sent again, or repaired from what is
/// made of the event log again.
const SYNC_INTERVAL_NS: u64 = 200_000_000;

/// Writes one session's log. Calling order: `push` for each message, then `flush`, so that
/// nothing waits to be packed; `commit_to` once it was sent; `end` behind the last message.
#[derive(Debug)]
pub struct FeedLogWriter {
    store: StoreWriter,
    session: Session,
    /// The number of the next message.
    next_sequence: u64,
    ended: bool,
    /// The record that still takes messages.
    blocks: Box<[u8; BLOCKS_BYTES_MAX]>,
    used: usize,
    count: u16,
    origin: Origin,
}

/// What must be run beside a log on a thread that may wait for the disk.
#[derive(Debug)]
pub struct LogHelpers {
    segments: SegmentHelper,
    syncer: SyncHelper,
}

impl LogHelpers {
    /// One bounded step; how much was done.
    pub fn do_work(&mut self, now: Nanos) -> usize {
        self.segments.do_work(now) + self.syncer.do_work(now)
    }
}

impl FeedLogWriter {
    /// Opens the log of a session, or makes it; `first` is then the number of its first message.
    /// It waits for the disk.
    ///
    /// # Errors
    /// Another process writes it, it is damaged, or the system refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: &FeedLogOptions,
        session: Session,
        first: u64,
        now: Nanos,
    ) -> Result<Self, FeedLogError> {
        let directory = directory(&options.store, session);
        let store = Options {
            term_bytes: options.term_bytes,
            durability: Durability::External,
            uncommitted_bytes_max: options.unsent_bytes_max,
            sync_interval_ns: SYNC_INTERVAL_NS,
            ..Options::new(directory.clone(), options.identity.clone())
        };
        // A day's log is long: of what is durable only the last segment is read.
        let from = StoreReader::durable_place(&*disk, &directory)?;
        let (store, _) = StoreWriter::open_from(Arc::clone(&disk), &store, from, now)?;
        let mut next_sequence = first.max(1);
        let mut ended = false;
        if store.position() > Position(0) {
            let last = last_record(disk, &directory, store.position())?;
            (next_sequence, ended) = last.unwrap_or((next_sequence, false));
        }
        let mut writer = Self {
            store,
            session,
            next_sequence,
            ended,
            blocks: Box::new([0; BLOCKS_BYTES_MAX]),
            used: 0,
            count: 0,
            origin: Origin::default(),
        };
        if writer.store.position() == Position(0) && next_sequence > 1 {
            // A session that was begun elsewhere: an empty record says where the log begins.
            writer.write(next_sequence, false).map_err(FeedLogError::NotAccepted)?;
        }
        Ok(writer)
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session
    }

    /// The number that the next message will have.
    #[must_use]
    #[inline]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Whether the last that was written is the end of the session. A message behind it takes it
    /// back: a stop may end a day's session for its receivers, and a start go on with it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The end of what is written.
    #[must_use]
    pub fn position(&self) -> Position {
        self.store.position()
    }

    /// What was handed to the kernel on both lines.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.store.committed()
    }

    /// What is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.store.synced()
    }

    /// Takes the next message, made of an event; its number. It is written when its record is
    /// full, or by `flush`.
    ///
    /// # Errors
    /// The log takes nothing now, because too much is not sent or the disk is behind; the message
    /// was not taken.
    ///
    /// # Panics
    /// If it is longer than any message of a feed.
    #[inline]
    pub fn push(&mut self, message: &[u8], origin: Origin) -> Result<u64, NotAccepted> {
        assert!(message.len() <= FEED_MESSAGE_BYTES_MAX, "a message of {} bytes", message.len());
        let block = LENGTH_BYTES + message.len();
        if self.used + block > BLOCKS_BYTES_MAX || self.count == u16::MAX - 1 {
            self.flush()?;
        }
        let (start, end) = (self.used + LENGTH_BYTES, self.used + block);
        self.blocks[self.used..start].copy_from_slice(&(message.len() as u16).to_be_bytes());
        self.blocks[start..end].copy_from_slice(message);
        (self.used, self.count, self.origin) = (end, self.count + 1, origin);
        self.next_sequence += 1;
        Ok(self.next_sequence - 1)
    }

    /// Writes what was taken and is not written yet.
    ///
    /// # Errors
    /// The log takes nothing now; nothing is lost, and the next call tries again.
    #[inline]
    pub fn flush(&mut self) -> Result<(), NotAccepted> {
        if self.count == 0 {
            return Ok(());
        }
        self.write(self.next_sequence - u64::from(self.count), false)?;
        (self.used, self.count, self.ended) = (0, 0, false);
        Ok(())
    }

    /// Ends the session, behind all that was taken; nothing where it has ended.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn end(&mut self, origin: Origin) -> Result<(), NotAccepted> {
        self.flush()?;
        if !self.ended {
            self.origin = origin;
            self.write(self.next_sequence, true)?;
            self.ended = true;
        }
        Ok(())
    }

    fn write(&mut self, sequence: u64, ended: bool) -> Result<(), NotAccepted> {
        let blocks = &self.blocks[..self.used];
        let record = Record { sequence, count: self.count, ended, origin: self.origin, blocks };
        let length = record.encoded_length();
        let mut transaction = self.store.begin(framed(length))?;
        transaction.append(length, |buffer| record.encode(buffer));
        transaction.finish();
        Ok(())
    }

    /// Everything before a position, the end of a record, was handed to the kernel on both lines.
    ///
    /// # Panics
    /// If it is below what was, or beyond what is written.
    #[inline]
    pub fn commit_to(&mut self, position: Position) {
        self.store.commit_to(position);
    }

    /// What works beside the log, once: from then on the log waits for nothing.
    pub fn take_helpers(&mut self) -> Option<LogHelpers> {
        let segments = self.store.take_helper()?;
        Some(LogHelpers { segments, syncer: self.store.take_syncer()? })
    }

    /// Closes the log: everything durable. It waits for the disk.
    ///
    /// # Errors
    /// The system's; the log is then as after the death of the process.
    pub fn close(self) -> std::io::Result<()> {
        self.store.close()
    }
}

/// The number of the next message of the log in a directory, sent or not; 1 of one that is empty.
///
/// # Errors
/// There is no such log, or it is damaged.
pub fn next_sequence(disk: Arc<dyn Disk>, directory: &Path) -> Result<u64, FeedLogError> {
    let options = trusting(Until::Published);
    let mut reader = StoreReader::attach_on(Arc::clone(&disk), directory, &options)?;
    let end = reader.end().map_err(FeedLogError::Read)?;
    if end == Position(0) {
        return Ok(1);
    }
    Ok(last_record(disk, directory, end)?.map_or(1, |(next, _)| next))
}

/// The next number after the log's last record, and whether that ends the session.
fn last_record(
    disk: Arc<dyn Disk>,
    directory: &Path,
    end: Position,
) -> Result<Option<(u64, bool)>, FeedLogError> {
    let mut tail = RecordTail::attach(disk, directory)?;
    // Padding comes before a transaction, never last: the term of the last byte has the last one.
    let mut records = tail.last_term(end)?;
    let mut last = None;
    while let Some(record) = records.next()? {
        last = Some((record.next_sequence(), record.ended));
    }
    Ok(last)
}
