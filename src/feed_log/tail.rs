//! The publisher's view of a feed log: whole records from a position on, as many as are mapped.

use std::path::Path;
use std::sync::Arc;

use crate::limits::FRAME_HEADER_BYTES;
use crate::store::frame::Frame;
use crate::store::{Disk, OpenError, StoreReader, Terms, Until};
use crate::types::Position;

use super::reader::FeedLogError;
use super::record::Record;
use super::trusting;

/// Reads what is written, sent or not. It has no place of its own: lines do.
#[derive(Debug)]
pub struct RecordTail {
    reader: StoreReader,
}

impl RecordTail {
    /// Attaches to the log in a directory.
    ///
    /// # Errors
    /// The store's.
    pub fn attach(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, OpenError> {
        Self::attach_with(disk, directory, Until::Published)
    }

    pub(super) fn attach_with(
        disk: Arc<dyn Disk>,
        directory: &Path,
        until: Until,
    ) -> Result<Self, OpenError> {
        Ok(Self { reader: StoreReader::attach_on(disk, directory, &trusting(until))? })
    }

    /// Another reader of the log has read to a position.
    pub(super) fn may_read_to(&mut self, position: Position) {
        self.reader.may_read_to(position);
    }

    /// The records from a position, the end of one or the log's beginning, to the end of its
    /// segment or of what is written.
    ///
    /// # Errors
    /// The store's.
    #[inline]
    pub fn records_at(&mut self, position: Position) -> Result<Records<'_>, FeedLogError> {
        let terms = self.reader.meta().terms;
        let bytes = self.reader.bytes_at(position).map_err(FeedLogError::Read)?;
        Ok(Records { bytes, position, terms })
    }

    /// The records of the segment that the byte before `end` lies in.
    pub(super) fn last_term(&mut self, end: Position) -> Result<Records<'_>, FeedLogError> {
        let last = Position(end.get().saturating_sub(1));
        let base = self.reader.meta().terms.base(last);
        self.records_at(base)
    }
}

/// Records that lie one behind the other in a mapped segment.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    position: Position,
    terms: Terms,
}

impl<'a> Records<'a> {
    /// Where the next one begins, padding before it included; behind the last, where this ends.
    #[must_use]
    #[inline]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next record; `None` where no more lie here.
    ///
    /// # Errors
    /// What lies here is no record, at this position.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an error ends it for good")]
    pub fn next(&mut self) -> Result<Option<Record<'a>>, FeedLogError> {
        while !self.bytes.is_empty() {
            let position = self.position;
            let frame = Frame::new_at(self.bytes, position, self.terms);
            let frame = frame.map_err(|fault| FeedLogError::Frame { position, fault })?;
            let (is_pad, length) = (frame.is_pad(), frame.length() as usize);
            let (whole, rest) = self.bytes.split_at(frame.aligned_bytes().min(self.bytes.len()));
            self.bytes = rest;
            self.position = Position(position.get() + whole.len() as u64);
            if !is_pad {
                let message = &whole[FRAME_HEADER_BYTES..length];
                let record = Record::parse(message);
                let record = record.map_err(|fault| FeedLogError::Record { position, fault })?;
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
