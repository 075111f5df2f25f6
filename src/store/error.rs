//! Why a store is not opened, not read on, or takes nothing now: each with the values.

use super::control::Accepting;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::types::{Epoch, Nanos, Position};

use super::frame::FrameFault;

/// Why a store was not opened.
#[derive(Debug)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum OpenError {
    /// Another writer has it.
    Held { directory: PathBuf, pid: Option<u32> },
    /// Another process keeps the note.
    NoteHeld { path: PathBuf, pid: Option<u32> },
    /// It is another store than the one asked for.
    Differs { field: &'static str, expected: String, found: String },
    /// Options that no store can have.
    Options { field: &'static str, reason: String },
    /// There is no store here.
    Missing { directory: PathBuf },
    /// A file beside the segments is damaged.
    Damaged { path: PathBuf, reason: String },
    /// A segment's file has another size than a term.
    SegmentSize { path: PathBuf, expected_bytes: u64, found_bytes: u64 },
    /// A segment between others, or one with durable content, is not there.
    SegmentMissing { path: PathBuf },
    /// A whole frame that this store's writers did not write.
    Foreign { position: Position, field: &'static str, expected: String, found: String },
    /// The log is damaged where it was durable.
    Corrupt { position: Position, synced: Position, fault: FrameFault },
    /// The log is valid to its synced position, but is not the log that was synced.
    ChainDiffers { synced: Position, expected: u64, found: u64 },
    /// No transaction ends at the synced position.
    SyncedTorn { synced: Position, valid_to: Position },
    /// The log does not bear out the place that it was to be opened from.
    Place { position: Position, reason: String },
    /// No number is left for another epoch.
    EpochsUsedUp { epoch: Epoch },
    /// The epoch to begin was begun before, or a newer one is known.
    EpochUsed { asked: Epoch, known: Epoch },
    /// There is a store where one was to be made.
    NotEmpty { directory: PathBuf },
    /// The system refused an operation.
    Io { doing: &'static str, path: PathBuf, error: io::Error },
}

impl OpenError {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::Io { doing, path: path.into(), error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { directory, pid: Some(pid) } => {
                write!(f, "the store {} is open for writing in process {pid}", directory.display())
            }
            Self::Held { directory, pid: None } => {
                write!(f, "the store {} is open for writing elsewhere", directory.display())
            }
            Self::NoteHeld { path, pid } => {
                let pid = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
                write!(f, "{} is kept by {pid}", path.display())
            }
            Self::Differs { field, expected, found } => {
                write!(f, "the store's {field} is {found}, expected {expected}")
            }
            Self::Options { field, reason } => write!(f, "{field}: {reason}"),
            Self::Missing { directory } => write!(f, "no store in {}", directory.display()),
            Self::Damaged { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::SegmentSize { path, expected_bytes, found_bytes } => write!(
                f,
                "{} has {found_bytes} bytes, a segment of this store has {expected_bytes}",
                path.display()
            ),
            Self::SegmentMissing { path } => write!(f, "{} is missing", path.display()),
            Self::Foreign { position, field, expected, found } => write!(
                f,
                "the frame at {position} is another log's: {field} {found}, expected {expected}"
            ),
            Self::Corrupt { position, synced, fault } => {
                write!(f, "damaged at {position}, below the synced position {synced}: {fault}")
            }
            Self::ChainDiffers { synced, expected, found } => write!(
                f,
                "the chain at the synced {synced} is {found:016x}, expected {expected:016x}"
            ),
            Self::SyncedTorn { synced, valid_to } => write!(
                f,
                "no transaction ends at the synced position {synced}; the log ends at {valid_to}"
            ),
            Self::Place { position, reason } => write!(f, "from {position}: {reason}"),
            Self::EpochsUsedUp { epoch } => write!(f, "no epoch follows {epoch}"),
            Self::EpochUsed { asked, known } => {
                write!(f, "epoch {asked} cannot be begun, {known} is known")
            }
            Self::NotEmpty { directory } => {
                write!(f, "there is a store in {}", directory.display())
            }
            Self::Io { doing, path, error } => write!(f, "{doing} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Corrupt { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

/// Why the store takes no transaction now. Nothing was changed; the caller may ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum NotAccepted {
    /// The next segment is not prepared yet.
    SegmentNotReady { base: Position },
    /// The disk gave no space for the next segment, with the system's error number.
    Disk { base: Position, error: i32 },
    /// What was published cannot be made durable, with the system's error number.
    Sync { error: i32 },
    /// Too much is published and not committed.
    Uncommitted { bytes: u64, bytes_max: u64 },
    /// The last term is full.
    PositionsUsedUp { end: Position },
    /// So many nodes, a majority, executed the log to another state than this one.
    Differs { nodes: u64 },
}

impl NotAccepted {
    /// What the control page says of it.
    #[must_use]
    pub const fn accepting(&self) -> Accepting {
        match self {
            Self::SegmentNotReady { .. } => Accepting::SegmentNotReady,
            Self::Disk { .. } | Self::PositionsUsedUp { .. } => Accepting::Disk,
            Self::Sync { .. } => Accepting::Sync,
            Self::Uncommitted { .. } => Accepting::Uncommitted,
            Self::Differs { .. } => Accepting::Differs,
        }
    }
}

impl fmt::Display for NotAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SegmentNotReady { base } => write!(f, "the segment at {base} is not ready"),
            Self::Disk { base, error } => {
                let error = io::Error::from_raw_os_error(*error);
                write!(f, "no space for the segment at {base}: {error}")
            }
            Self::Sync { error } => {
                let error = io::Error::from_raw_os_error(*error);
                write!(f, "the log cannot be made durable: {error}")
            }
            Self::Uncommitted { bytes, bytes_max } => {
                write!(f, "{bytes} bytes are not committed, at most {bytes_max} may be")
            }
            Self::PositionsUsedUp { end } => write!(f, "the log ends at {end}"),
            Self::Differs { nodes } => {
                write!(f, "{nodes} nodes, a majority, executed the log to another state")
            }
        }
    }
}

impl std::error::Error for NotAccepted {}

/// Why a reader cannot go on.
#[derive(Debug)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum ReadError {
    /// The log begins later: what was there is recycled.
    NotKept { position: Position, kept_from: Position },
    /// The position is beyond the end of what may be read.
    Beyond { position: Position, end: Position },
    /// A writer opened the store and cut it below this position: what was read there is no part
    /// of the log.
    Cut { position: Position, base: Position },
    /// The store that was read is not in the directory any more: it was put aside, and another one
    /// may be there. Both by when they were made.
    OtherStore { directory: PathBuf, made: Nanos, found: Option<Nanos> },
    /// What stands at the position is no frame.
    Invalid { position: Position, fault: FrameFault },
    /// The system refused an operation.
    Io { path: PathBuf, error: io::Error },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKept { position, kept_from } => {
                write!(f, "position {position} is no longer kept, the log begins at {kept_from}")
            }
            Self::Beyond { position, end } => {
                write!(f, "position {position} is beyond the end, {end}")
            }
            Self::Cut { position, base } => {
                write!(f, "the log was cut at {base}, below the reader's position {position}")
            }
            Self::OtherStore { directory, made, found } => {
                let (directory, made) = (directory.display(), made.get());
                write!(f, "the store of {made} was put aside, and is not in {directory} any more")?;
                match found {
                    Some(found) => write!(f, ": that of {} is", found.get()),
                    None => Ok(()),
                }
            }
            Self::Invalid { position, fault } => write!(f, "no frame at {position}: {fault}"),
            Self::Io { path, error } => write!(f, "reading {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Invalid { fault, .. } => Some(fault),
            _ => None,
        }
    }
}
