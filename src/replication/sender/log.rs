//! Where a sender's bytes come from: the store, read to what is published.

use std::path::Path;
use std::sync::Arc;

use crate::store::{Disk, OpenError, ReadError, ReaderOptions, StoreReader, Until};
use crate::types::Position;

/// A log's bytes, as they lie in the store.
pub trait LogBytes {
    /// The end of the last whole transaction.
    ///
    /// # Errors
    /// The log was cut, or the system refuses.
    fn published(&mut self) -> Result<Position, ReadError>;

    /// The bytes from `position`, where a frame begins, to the end of its term or of what is
    /// published; none at that end.
    ///
    /// # Errors
    /// They are not kept any more, the log was cut, or the system refuses.
    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError>;

    /// As `bytes_at`, of older bytes: a place of its own, so that neither fetches the segment of
    /// the other each time.
    ///
    /// # Errors
    /// As there.
    fn bytes_again(&mut self, position: Position) -> Result<&[u8], ReadError> {
        self.bytes_at(position)
    }
}

/// A store's two readers: one at the end, one where something is sent again.
#[derive(Debug)]
pub struct StoreLog {
    live: StoreReader,
    again: StoreReader,
}

impl StoreLog {
    /// Attaches to the store in a directory.
    ///
    /// # Errors
    /// As [`StoreReader::attach_on`].
    pub fn attach_on(disk: &Arc<dyn Disk>, directory: &Path) -> Result<Self, OpenError> {
        let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
        let attach = || StoreReader::attach_on(Arc::clone(disk), directory, &options);
        Ok(Self { live: attach()?, again: attach()? })
    }
}

impl LogBytes for StoreLog {
    fn published(&mut self) -> Result<Position, ReadError> {
        self.live.end()
    }

    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        // The reader goes along: one that stayed behind would fail where the log was recycled.
        self.live.seek(position, None)?;
        self.live.bytes_at(position)
    }

    fn bytes_again(&mut self, position: Position) -> Result<&[u8], ReadError> {
        self.again.seek(position, None)?;
        self.again.bytes_at(position)
    }
}
