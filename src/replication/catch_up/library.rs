//! What a node can give of what it has: its event log, its feed logs, its snapshots.
//!
//! Everything is read as any other process reads it: nothing is locked, the writer does not
//! notice.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::protocol::{FEEDS_MAX, LogName, LogState};
use crate::feed_log;
use crate::store::{
    Disk, Identity, LogPlace, Outline, ReadError, ReaderOptions, SnapshotFile, Snapshots,
    StoreReader, Until,
};
use crate::types::Position;

/// The logs and snapshots of one node.
#[derive(Clone, Debug)]
pub struct Library {
    disk: Arc<dyn Disk>,
    store: PathBuf,
    snapshots: Snapshots,
    until: Until,
}

/// Why something is not given; the text is for the other end's operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotGiven(pub(super) String);

impl fmt::Display for NotGiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn not_given(error: impl fmt::Display) -> NotGiven {
    NotGiven(error.to_string())
}

/// A log that is being given.
#[derive(Debug)]
pub(super) struct OpenLog {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    reader: StoreReader,
}

/// A snapshot that is being given. Its file stays, whoever removes its name.
#[derive(Debug)]
pub(super) struct OpenImage {
    pub(super) place: LogPlace,
    pub(super) bytes: u64,
    file: SnapshotFile,
}

impl Library {
    /// What the node with the store in a directory has.
    ///
    /// A node of several gives what is *published*, all whole transactions that it holds: what who
    /// asks lacks of it may be what a commit waits for. That it is part of the followed epoch's
    /// log, the table of epochs says.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, store: PathBuf, identity: &Identity, until: Until) -> Self {
        let snapshots = Snapshots::new(Arc::clone(&disk), &store, identity);
        Self { disk, store, snapshots, until }
    }

    /// Attaches to a log, and says what there is of it.
    pub(super) fn open(&self, log: LogName) -> Result<(OpenLog, LogState), NotGiven> {
        let (directory, until) = match log {
            LogName::EVENTS => (self.store.clone(), self.until),
            // What was sent on the lines: a standby's recovery is not ahead of the multicast.
            _ => (self.feed_directory(log)?, Until::Told),
        };
        let options = ReaderOptions { until, trusts_durable: true, ..ReaderOptions::default() };
        let disk = Arc::clone(&self.disk);
        let reader = StoreReader::attach_on(Arc::clone(&disk), &directory, &options);
        let mut log = OpenLog { reader: reader.map_err(not_given)?, directory, disk };
        let state = log.state()?;
        Ok((log, state))
    }

    /// Only a directory that is listed: a stranger's name is never made a path.
    fn feed_directory(&self, log: LogName) -> Result<PathBuf, NotGiven> {
        let sessions = feed_log::sessions(&*self.disk, &self.store).map_err(not_given)?;
        let found = sessions.into_iter().find(|it| log.is_feed(&it.session.to_string()));
        found.map(|it| it.directory).ok_or_else(|| NotGiven(format!("there is no {log}")))
    }

    /// The newest feed logs.
    pub(super) fn feeds(&self) -> Result<Vec<LogName>, NotGiven> {
        let sessions = feed_log::sessions(&*self.disk, &self.store).map_err(not_given)?;
        let mut names: Vec<_> = sessions.iter().map(|it| it.session.to_string()).collect();
        // Names begin with the day.
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names.iter().take(FEEDS_MAX).map(|name| LogName::feed(name)).collect())
    }

    /// The newest snapshot before a position.
    pub(super) fn snapshot(&self, below: Position) -> Result<Option<OpenImage>, NotGiven> {
        let positions = self.snapshots.list().map_err(not_given)?;
        let before = positions.into_iter().filter(|position| *position < below);
        for position in before {
            // One that was just removed, or is damaged, is as good as none.
            if let Ok(file) = self.snapshots.open(position) {
                let (place, bytes) = (file.info().place, file.length_bytes());
                return Ok(Some(OpenImage { place, bytes, file }));
            }
        }
        Ok(None)
    }
}

impl OpenLog {
    /// What there is of it now.
    pub(super) fn state(&mut self) -> Result<LogState, NotGiven> {
        let Outline { kept, durable, epochs } = self.outline()?;
        let term_bytes = self.reader.meta().terms.bytes() as u64;
        let end = self.reader.end().map_err(not_given)?;
        Ok(LogState { kept, durable, end, term_bytes, epochs })
    }

    fn outline(&self) -> Result<Outline, NotGiven> {
        let outline = StoreReader::outline(&*self.disk, &self.directory).map_err(not_given)?;
        outline.ok_or_else(|| NotGiven(format!("{} is no store", self.directory.display())))
    }

    /// A durable place of it, and where it ends.
    pub(super) fn mark(&mut self) -> Result<(Position, LogPlace), NotGiven> {
        let durable = self.outline()?.durable;
        Ok((self.end()?, durable))
    }

    /// Where it ends; an error where it was cut.
    pub(super) fn end(&mut self) -> Result<Position, NotGiven> {
        self.reader.end().map_err(not_given)
    }

    /// Its bytes from a position on, to the end of the term or of what is given.
    pub(super) fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        self.reader.bytes_at(position)
    }
}

impl OpenImage {
    /// Fills a buffer from an offset of the file.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_raw(offset, buffer)
    }
}
