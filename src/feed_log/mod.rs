//! The feed log: every sequenced message of a channel's session, in the event store's format.
//!
//! ```text
//!   <store>/feed/261122300A/      one store for each channel and day
//!
//!   publisher ── push, flush ──▶ FeedLogWriter ── published ──▶ RecordTail ══▶ lines A and B
//!                                     ▲                                          │
//!                                     └──────────── commit_to ◀── both sent ─────┘
//!   recovery: replay, re-request, snapshots ◀── committed ── FeedLog     (any process)
//! ```
//!
//! Published is what is written, committed is what was handed to the kernel on both lines. The
//! publisher sends what it reads here, up to published; everyone else reads up to committed, so
//! that no replay overtakes the multicast. After a death of the publisher what was written and
//! not committed is sent again, the same bytes under the same numbers, and nothing before it.
//!
//! After a start of the machine the page that says what was committed may say anything. Then what
//! was committed when the log was last made durable counts as sent, and what is behind is sent
//! again.

mod reader;
mod record;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;

use crate::store::{Disk, Identity, OpenError, ReaderOptions, Until};

pub use reader::{FeedLog, FeedLogError};
pub use record::{BLOCKS_BYTES_MAX, FEED_MESSAGE_BYTES_MAX, Origin, Record, RecordFault};
pub use tail::{RecordTail, Records};
pub use writer::{FeedLogWriter, LogHelpers, next_sequence};

/// The folder of the feed logs in a store's directory.
const DIRECTORY: &str = "feed";

/// Which feed logs, and how they are written.
#[derive(Clone, Debug)]
pub struct FeedLogOptions {
    /// The directory of the event store.
    pub store: PathBuf,
    /// Whose feed it is.
    pub identity: Identity,
    /// Bytes of one file of a log, a power of two from 64 KiB.
    pub term_bytes: usize,
    /// The most that may be written and not sent.
    pub unsent_bytes_max: u64,
}

/// A session that has a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedSession {
    /// Its channel.
    pub channel: Channel,
    /// Its name; those of one channel are in the order of their days.
    pub session: Session,
    /// The directory of its log.
    pub directory: PathBuf,
}

/// How a log is read: of what is durable only the last segment is judged before.
fn trusting(until: Until) -> ReaderOptions {
    ReaderOptions { until, trusts_durable: true, ..ReaderOptions::default() }
}

/// The directory of a session's log.
#[must_use]
pub fn directory(store: &Path, session: Session) -> PathBuf {
    store.join(DIRECTORY).join(session.to_string())
}

/// The directory of the log that a session of this name has; `None` for a name that none has.
#[must_use]
pub fn directory_of(store: &Path, name: &str) -> Option<PathBuf> {
    let session = Session::new(name).filter(|session| session.to_string() == name)?;
    Channel::of_session(session).map(|_| directory(store, session))
}

/// All sessions that have a log beside the event store in a directory, by channel and day.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn sessions(disk: &dyn Disk, store: &Path) -> Result<Vec<LoggedSession>, OpenError> {
    let folder = store.join(DIRECTORY);
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(OpenError::Io { doing: "listing", path: folder, error });
        }
        Ok(names) => names,
    };
    let logged = |name: String| {
        let session = Session::new(&name).filter(|session| session.to_string() == name)?;
        let channel = Channel::of_session(session)?;
        Some(LoggedSession { channel, session, directory: folder.join(name) })
    };
    let mut sessions: Vec<_> = names.into_iter().filter_map(logged).collect();
    sessions.sort_unstable();
    Ok(sessions)
}

/// Moves all logs beside the event store in a directory to a folder that is not there yet, which is
/// on the same disk. Nobody writes one.
///
/// # Errors
/// The system's; then all of them are where they were.
pub fn put_aside(disk: &dyn Disk, store: &Path, to: &Path) -> Result<(), OpenError> {
    match disk.rename(&store.join(DIRECTORY), to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Io { doing: "moving the feed logs to", path: to.to_path_buf(), error })
        }
        _ => Ok(()),
    }
}

/// Removes a session's log; those who have it mapped keep what they see.
///
/// # Errors
/// Somebody writes it, or the system refuses: then a part may be gone.
pub fn remove(disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { doing: "removing", path: directory.to_path_buf(), error };
    let lock = disk.create(&directory.join("lock")).map_err(io)?;
    if !lock.try_lock().map_err(io)? {
        return Err(OpenError::Held { directory: directory.to_path_buf(), pid: None });
    }
    // Its name first: without it there is no log, whatever else is left.
    let mut names = disk.list(directory).map_err(io)?;
    names.sort_unstable_by_key(|name| name != "meta");
    for name in names {
        disk.remove(&directory.join(name)).map_err(io)?;
    }
    disk.remove_directory(directory).map_err(io)
}
