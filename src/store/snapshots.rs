//! Snapshots: all state after one command, in files beside the log that are whole or not there.
//!
//! ```text
//!  snapshots/00000000000012345678.snapshot         named by the position where the log goes on
//!  [ SnapshotHeader ][ chunk, content ][ chunk, content ] ... [ chunk, content ]
//!                     section 1, the state ............  last   section 2 ...  last
//! ```
//!
//! Headers are SBE messages of the exchange's schema; what a chunk holds is canonical bytes, a CRC
//! over each chunk and the hash of the state over all. An SBE message for each order, balance and
//! remembered id would describe the state a second time beside its hash, and take more bytes for
//! headers than for fields: the fields have one description, and it is versioned as a whole.
//!
//! A snapshot is written under another name, made durable, and read back by whoever takes it
//! before it gets its own; so what has the name was whole once. What is read may still be
//! anybody's bytes: a chunk is checked before any of it is given, and what a header says is held
//! against the file's length and the limits.

mod copy;
mod file;
#[cfg(test)]
mod tests;
mod writer;

pub use copy::CopiedSnapshot;
pub use file::{SectionReader, SnapshotFile};
pub use writer::{FinishedSnapshot, SnapshotWriter};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isochron_events::{BooleanFlag, EventHeader, SnapshotChunk, SnapshotHeader};

use crate::limits::{EXCHANGE_NAME_BYTES_MAX, SNAPSHOT_SECTIONS_MAX};
use crate::types::{Epoch, Nanos, Position, Sequence};

use super::chain::Chain;
use super::disk::{Access, Disk, DiskFile};
use super::meta::Identity;

/// The folder in the store's directory.
const DIRECTORY: &str = "snapshots";
/// The end of a snapshot's name.
const SUFFIX: &str = ".snapshot";
/// The end of the name of one that is being taken.
const UNFINISHED: &str = ".snapshot.new";

/// The content of all sections as this version writes it; another one is not read.
pub const SNAPSHOT_FORMAT_VERSION: u32 = 1;

/// The section with the state machine's state.
pub const SECTION_STATE: u32 = 1;
/// The section with the feed's numbers, of every product. Number 2 was the L3 feed's alone.
pub const SECTION_FEED: u32 = 3;

const HEADER_BYTES: usize = SnapshotHeader::ENCODED_LENGTH;
const CHUNK_HEADER_BYTES: usize = SnapshotChunk::ENCODED_LENGTH;
/// The checksum is the last field of both messages.
const CHECKSUM_BYTES: usize = 4;

/// A place in a log: an end of a transaction, and the chain there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// Where.
    pub position: Position,
    /// The chain there.
    pub chain: Chain,
}

/// Of which moment a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Where the log goes on.
    pub place: LogPlace,
    /// The epoch of the last frame before it.
    pub epoch: Epoch,
    /// The number of the last command.
    pub sequence: Sequence,
    /// Its time.
    pub time: Nanos,
    /// The hash of the state.
    pub state_hash: u128,
    /// The trading date, yyyymmdd; 0 before the first.
    pub trading_date: u32,
    /// That day has ended, or there was none yet.
    pub day_ended: bool,
}

/// Why a snapshot is not used.
#[derive(Debug)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum SnapshotError {
    /// It is not what was written.
    Damaged { path: PathBuf, reason: String },
    /// It is another exchange's, or another version's.
    Differs { path: PathBuf, field: &'static str, expected: String, found: String },
    /// The system refused an operation.
    Io { path: PathBuf, error: io::Error },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Differs { path, field, expected, found } => {
                write!(f, "{}: {field} is {found}, expected {expected}", path.display())
            }
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// A snapshot that was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub position: Position,
    /// Why.
    pub reason: String,
}

/// What was made of the newest snapshot that was taken, if there is one, and those passed over.
pub type Newest<T> = (Option<(SnapshotInfo, T)>, Vec<Skipped>);

/// The snapshots of a store.
#[derive(Clone, Debug)]
pub struct Snapshots {
    disk: Arc<dyn Disk>,
    store: PathBuf,
    exchange: [u8; EXCHANGE_NAME_BYTES_MAX],
    exchange_number: i32,
}

impl Snapshots {
    /// Those of the store in a directory, of this exchange alone.
    ///
    /// # Panics
    /// If the exchange's name is longer than a store's may be.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, store: &Path, identity: &Identity) -> Self {
        let name = identity.exchange.as_bytes();
        let mut exchange = [0; EXCHANGE_NAME_BYTES_MAX];
        exchange[..name.len()].copy_from_slice(name);
        let exchange_number = identity.exchange_number;
        Self { disk, store: store.to_path_buf(), exchange, exchange_number }
    }

    fn directory(&self) -> PathBuf {
        self.store.join(DIRECTORY)
    }

    /// The file of the snapshot at a position.
    #[must_use]
    pub fn path(&self, position: Position) -> PathBuf {
        self.directory().join(format!("{:020}{SUFFIX}", position.get()))
    }

    /// The positions of all snapshots, newest first; none where there is no folder.
    ///
    /// # Errors
    /// The system's.
    pub fn list(&self) -> io::Result<Vec<Position>> {
        let names = match self.disk.list(&self.directory()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        let position = |name: &String| {
            let digits = name.strip_suffix(SUFFIX)?;
            let whole = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
            if whole { digits.parse().ok().map(Position) } else { None }
        };
        let mut positions: Vec<_> = names.iter().filter_map(position).collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(positions)
    }

    /// Opens a snapshot and checks its header.
    ///
    /// # Errors
    /// It is not whole, or another's.
    pub fn open(&self, position: Position) -> Result<SnapshotFile, SnapshotError> {
        let file = self.open_path(self.path(position))?;
        match file.info.place.position == position {
            true => Ok(file),
            false => Err(file.damaged(format!("it says it is of {}", file.info.place.position))),
        }
    }

    /// The newest snapshot that `load` takes, with what it made of it, and those that were passed
    /// over, newest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn newest<T>(
        &self,
        mut load: impl FnMut(&SnapshotFile) -> Result<T, String>,
    ) -> io::Result<Newest<T>> {
        let mut skipped = Vec::new();
        for position in self.list()? {
            let opened = self.open(position).map_err(|error| error.to_string());
            match opened.and_then(|file| load(&file).map(|loaded| (file.info, loaded))) {
                Ok(found) => return Ok((Some(found), skipped)),
                Err(reason) => skipped.push(Skipped { position, reason }),
            }
        }
        Ok((None, skipped))
    }

    /// Removes snapshots, and what a crash left of one that was being taken.
    ///
    /// # Errors
    /// The system's; those that come after it stay.
    pub fn remove(&self, positions: &[Position]) -> io::Result<()> {
        for position in positions {
            remove(&*self.disk, &self.path(*position))?;
        }
        let directory = self.directory();
        let names = match self.disk.list(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names?,
        };
        for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
            match self.remove_unfinished(&directory.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                removed => removed?,
            }
        }
        self.disk.sync_directory(&directory)
    }

    /// Removes those that are of more than a log that ends at a position: what it had there is
    /// gone, and what it will have there may be something else.
    pub(super) fn remove_beyond(&self, end: Position) -> io::Result<()> {
        let mut positions = self.list()?;
        positions.retain(|position| *position > end);
        if positions.is_empty() { Ok(()) } else { self.remove(&positions) }
    }

    fn open_path(&self, path: PathBuf) -> Result<SnapshotFile, SnapshotError> {
        let io = |error| SnapshotError::Io { path: path.clone(), error };
        let damaged = |reason| SnapshotError::Damaged { path: path.clone(), reason };
        let file = self.disk.open(&path, Access::Read).map_err(io)?;
        let length = file.length_bytes().map_err(io)?;
        if length < HEADER_BYTES as u64 {
            return Err(damaged(format!("{length} bytes are no header")));
        }
        let mut bytes = [0; HEADER_BYTES];
        file.read_at(0, &mut bytes).map_err(io)?;
        let header = SnapshotHeader::decode(&bytes)
            .ok()
            .filter(|header| header.checksum == checksum(&bytes, &[]))
            .ok_or_else(|| damaged("the header is damaged".into()))?;
        if header.format_version != SNAPSHOT_FORMAT_VERSION {
            let (expected, found) = (SNAPSHOT_FORMAT_VERSION, header.format_version);
            return Err(differs(&path, "format version", expected, found));
        }
        if header.exchange_number != self.exchange_number {
            let (expected, found) = (self.exchange_number, header.exchange_number);
            return Err(differs(&path, "exchange number", expected, found));
        }
        if header.exchange != self.exchange {
            let text = |name: &[u8]| {
                String::from_utf8_lossy(name).trim_end_matches('\0').escape_debug().to_string()
            };
            let (expected, found) = (text(&self.exchange), text(&header.exchange));
            return Err(differs(&path, "exchange", expected, found));
        }
        if header.chunk_bytes != length - HEADER_BYTES as u64
            || header.sections > SNAPSHOT_SECTIONS_MAX
        {
            let SnapshotHeader { chunk_bytes, sections, .. } = header;
            let reason = format!("{length} bytes, of {chunk_bytes} in {sections} sections");
            return Err(damaged(reason));
        }
        Ok(SnapshotFile { path, file, length, info: info_of(&header) })
    }
}

fn differs(
    path: &Path,
    field: &'static str,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> SnapshotError {
    let (expected, found) = (expected.to_string(), found.to_string());
    SnapshotError::Differs { path: path.to_path_buf(), field, expected, found }
}

/// What all messages of a snapshot begin with, so that no two snapshots' chunks are exchanged.
fn event_header(info: &SnapshotInfo) -> EventHeader {
    let (sequence, timestamp) = (info.sequence.get(), info.time.get());
    EventHeader { sequence, timestamp, ..EventHeader::default() }
}

fn info_of(header: &SnapshotHeader) -> SnapshotInfo {
    let (low, high) = (header.state_hash_low, header.state_hash_high);
    SnapshotInfo {
        place: LogPlace { position: Position(header.position), chain: Chain(header.chain) },
        epoch: Epoch(header.epoch),
        sequence: Sequence(header.header.sequence),
        time: Nanos(header.header.timestamp),
        state_hash: u128::from(high) << 64 | u128::from(low),
        trading_date: header.trading_date,
        day_ended: header.day_ended == BooleanFlag::YES,
    }
}

/// Removes a file that may be missing.
fn remove(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The checksum of a message that ends with it, and of what follows.
fn checksum(message: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&message[..message.len() - CHECKSUM_BYTES]);
    crc.update(content);
    crc.finalize()
}
