//! Counters in a mapped file, so that another process watches them without asking.
//!
//! A new file is written beside the old one and renamed over it: who still has the old one open
//! keeps reading it, and nobody sees a file half made.
//!
//! ```text
//!  0       8         12      16            24    32               128            256
//!  +-------+---------+-------+-------------+-----+--- reserved ---+--------------+----
//!  | magic | version | slots | fingerprint | pid |                | counter 0 …  | counter 1 …
//!  +-------+---------+-------+-------------+-----+----------------+--------------+----
//! ```
//!
//! Each counter is the first word of 128 bytes: a pair of cache lines that only its writer dirties.
#![expect(unsafe_code, reason = "maps a file that several processes share")]

use super::table::{Counter, Row, SLOTS, TABLE, fingerprint};
use memmap2::{MmapMut, MmapOptions};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const MAGIC: u64 = u64::from_le_bytes(*b"ISOCOUNT");
const VERSION: u32 = 1;
const SLOT_BYTES: usize = 128;
const FILE_BYTES: usize = SLOT_BYTES * (1 + SLOTS);

/// The header's words, little-endian in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Header {
    magic: u64,
    version: u32,
    slots: u32,
    fingerprint: u64,
    pid: u64,
}

const HEADER_BYTES: usize = 32;

impl Header {
    /// The header of this program's files.
    const fn own(pid: u64) -> Self {
        let fingerprint = fingerprint(TABLE);
        Self { magic: MAGIC, version: VERSION, slots: SLOTS as u32, fingerprint, pid }
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Self {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            magic: u64_at(0),
            version: u32_at(8),
            slots: u32_at(12),
            fingerprint: u64_at(16),
            pid: u64_at(24),
        }
    }

    fn emit(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&self.magic.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.slots.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.pid.to_le_bytes());
        bytes
    }
}

/// Why a file is not taken as a counters file of this program.
#[derive(Debug)]
pub enum AttachError {
    /// The system did not open, make or map it.
    Os {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Its length is not that of this program's counters file.
    Length {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// The bytes expected.
        bytes_expected: u64,
    },
    /// It is no counters file.
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first word.
        magic: u64,
    },
    /// It is one of another version, or of another table of counters.
    Shape {
        /// The file.
        path: PathBuf,
        /// Its version, counters, and fingerprint of the table.
        found: (u32, u32, u64),
        /// Those of this program.
        expected: (u32, u32, u64),
    },
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttachError::Os { path, operation, source } => {
                write!(f, "counters file {}: {operation}: {source}", path.display())
            }
            AttachError::Length { path, bytes, bytes_expected } => write!(
                f,
                "counters file {} has {bytes} bytes instead of {bytes_expected}",
                path.display()
            ),
            AttachError::Magic { path, magic } => write!(
                f,
                "{} is no counters file: it begins with {magic:#018x} instead of {MAGIC:#018x}",
                path.display()
            ),
            AttachError::Shape { path, found, expected } => write!(
                f,
                "counters file {} has version {}, {} counters, table {:#018x}; \
                 this program has version {}, {} counters, table {:#018x}",
                path.display(),
                found.0,
                found.1,
                found.2,
                expected.0,
                expected.1,
                expected.2
            ),
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AttachError::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The mapped bytes, and who may write which counter.
struct Shared {
    words: NonNull<AtomicU64>,
    pid: u64,
    /// Counters that have a writer in this process; all, where it may only read.
    taken: [AtomicBool; SLOTS],
    /// Keeps the bytes in their place.
    _map: Map,
}

enum Map {
    Writable { _map: MmapMut },
    ReadOnly { _map: memmap2::Mmap },
}

// SAFETY: the map stays in its place wherever `Shared` goes, and its words are only used as
// atomics.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(map: Map, words: *const u8, pid: u64) -> Arc<Self> {
        let read_only = matches!(map, Map::ReadOnly { .. });
        let words = NonNull::new(words.cast_mut().cast()).expect("a map is never at 0");
        let taken = std::array::from_fn(|_| AtomicBool::new(read_only));
        Arc::new(Self { words, pid, taken, _map: map })
    }

    #[inline]
    fn slot(&self, slot: usize) -> &AtomicU64 {
        assert!(slot < SLOTS);
        // SAFETY: the map is as long as the file of `SLOTS` counters (checked when it was made)
        // and starts at a page, so the word is within it and aligned; it is stored to only
        // through writers, which a read-only map has none of.
        unsafe { self.words.add((1 + slot) * (SLOT_BYTES / 8)).as_ref() }
    }
}

/// All counters of one process, in its own memory or in a file. Clones are the same counters.
#[derive(Clone)]
pub struct Counters(Arc<Shared>);

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.rows().map(|(_, label, value)| (label, value))).finish()
    }
}

impl Counters {
    /// A new file at `path` with all counters 0, in the place of one that is there.
    ///
    /// # Errors
    ///
    /// Where the system does not make, map or rename the file.
    pub fn create(path: &Path) -> Result<Self, AttachError> {
        let pid = u64::from(std::process::id());
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{pid}.new"));
        let beside = PathBuf::from(beside);
        let os =
            |operation| move |source| AttachError::Os { path: path.to_owned(), operation, source };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&beside);
        let file = file.map_err(os("create"))?;
        // With its space: a counter in a hole of a file would end the process on a full disk.
        // SAFETY: the descriptor is open; no memory is passed.
        match unsafe {
            libc::posix_fallocate(file.as_raw_fd(), 0, FILE_BYTES.cast_signed() as libc::off_t)
        } {
            0 => {}
            error => {
                let _ = fs::remove_file(&beside);
                return Err(os("take space for")(io::Error::from_raw_os_error(error)));
            }
        }
        // SAFETY: the file is as long as the map; nobody shortens a counters file.
        let mut map = unsafe { MmapMut::map_mut(&file) }.map_err(os("map"))?;
        map[..HEADER_BYTES].copy_from_slice(&Header::own(pid).emit());
        fs::rename(&beside, path).map_err(os("rename"))?;
        Ok(Self::writable(map, pid))
    }

    /// Counters that only this process sees.
    ///
    /// # Panics
    ///
    /// Where the system has no page of memory left.
    #[must_use]
    pub fn in_memory() -> Self {
        let map = MmapMut::map_anon(FILE_BYTES).expect("a few pages of memory");
        Self::writable(map, u64::from(std::process::id()))
    }

    /// The counters in the file at `path`, to read them while their process counts.
    ///
    /// # Errors
    ///
    /// Where there is no such file, or one of another shape; the error names what differs.
    pub fn attach(path: &Path) -> Result<Self, AttachError> {
        let (file, header) = open_checked(path, false)?;
        // SAFETY: the file is as long as `FILE_BYTES`; nobody shortens a counters file.
        let map = unsafe { MmapOptions::new().len(FILE_BYTES).map(&file) };
        let map = map.map_err(|source| AttachError::Os {
            path: path.to_owned(),
            operation: "map",
            source,
        })?;
        let words = map.as_ptr();
        Ok(Self(Shared::new(Map::ReadOnly { _map: map }, words, header.pid)))
    }

    /// The counters in the file at `path`, to write those that no other process writes.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub fn attach_writable(path: &Path) -> Result<Self, AttachError> {
        let (file, header) = open_checked(path, true)?;
        // SAFETY: as in `attach`.
        let map = unsafe { MmapOptions::new().len(FILE_BYTES).map_mut(&file) };
        let map = map.map_err(|source| AttachError::Os {
            path: path.to_owned(),
            operation: "map",
            source,
        })?;
        Ok(Self::writable(map, header.pid))
    }

    fn writable(mut map: MmapMut, pid: u64) -> Self {
        let words = map.as_mut_ptr().cast_const();
        Self(Shared::new(Map::Writable { _map: map }, words, pid))
    }

    /// The value of a counter now.
    #[must_use]
    #[inline]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.slot(counter.slot()).load(Ordering::Acquire)
    }

    /// The writer of a counter. It goes on from the value that is there.
    ///
    /// # Panics
    ///
    /// Where this process has one already, or attached only to read: a counter has one writer.
    #[must_use]
    pub fn writer(&self, counter: Counter) -> CounterWriter {
        let taken = self.0.taken[counter.slot()].swap(true, Ordering::Relaxed);
        assert!(!taken, "{counter:?} has a writer already, or is only read here");
        CounterWriter { shared: Arc::clone(&self.0), slot: counter.slot() }
    }

    /// The process that made the file.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.0.pid
    }

    /// Every counter in the order of the table: its row, its label (with the ring's number where
    /// there are several), its value.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Row, String, u64)> {
        TABLE.iter().flat_map(move |row| {
            (0..row.instances).map(move |instance| {
                let label = match row.instances {
                    1 => row.label.to_owned(),
                    _ => format!("{}-{instance}", row.label),
                };
                let slot = self.0.slot(row.id.slot() + instance);
                (row, label, slot.load(Ordering::Acquire))
            })
        })
    }
}

/// Opens a file and compares its length and header with this program's.
fn open_checked(path: &Path, write: bool) -> Result<(File, Header), AttachError> {
    let os = |operation| move |source| AttachError::Os { path: path.to_owned(), operation, source };
    let file = OpenOptions::new().read(true).write(write).open(path).map_err(os("open"))?;
    let bytes = file.metadata().map_err(os("read its length"))?.len();
    let mut header = [0; HEADER_BYTES];
    if bytes >= HEADER_BYTES as u64 {
        io::Read::read_exact(&mut &file, &mut header).map_err(os("read its header"))?;
    }
    let found = Header::parse(&header);
    let expected = Header::own(found.pid);
    let shape = |header: &Header| (header.version, header.slots, header.fingerprint);
    if bytes >= HEADER_BYTES as u64 && found.magic != MAGIC {
        Err(AttachError::Magic { path: path.to_owned(), magic: found.magic })
    } else if bytes >= HEADER_BYTES as u64 && found != expected {
        let (found, expected) = (shape(&found), shape(&expected));
        Err(AttachError::Shape { path: path.to_owned(), found, expected })
    } else if bytes != FILE_BYTES as u64 {
        let bytes_expected = FILE_BYTES as u64;
        Err(AttachError::Length { path: path.to_owned(), bytes, bytes_expected })
    } else {
        Ok((file, found))
    }
}

/// The one writer of one counter.
pub struct CounterWriter {
    shared: Arc<Shared>,
    slot: usize,
}

impl CounterWriter {
    /// Adds `count`, wrapping around after 2^64.
    #[inline]
    pub fn add(&mut self, count: u64) {
        let slot = self.shared.slot(self.slot);
        // The only writer needs no atomic addition; release lets a reader of a position see
        // what was done before.
        slot.store(slot.load(Ordering::Relaxed).wrapping_add(count), Ordering::Release);
    }

    /// Sets the value.
    #[inline]
    pub fn set(&mut self, value: u64) {
        self.shared.slot(self.slot).store(value, Ordering::Release);
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn get(&self) -> u64 {
        self.shared.slot(self.slot).load(Ordering::Relaxed)
    }
}

impl Drop for CounterWriter {
    fn drop(&mut self) {
        self.shared.taken[self.slot].store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("counters");
        (directory, path)
    }

    #[test]
    fn what_one_writes_another_reads() {
        let (_directory, path) = path();
        let counters = Counters::create(&path).unwrap();
        let other = Counters::attach(&path).unwrap();
        let mut writers: Vec<_> = TABLE.iter().map(|row| counters.writer(row.id)).collect();
        for (index, writer) in writers.iter_mut().enumerate() {
            writer.set(index as u64 * 1_000);
            writer.add(index as u64);
            assert_eq!(writer.get(), index as u64 * 1_001);
        }
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(other.get(row.id), index as u64 * 1_001, "{}", row.label);
        }
        // No counter lies on another.
        assert_eq!(other.rows().count(), SLOTS);
        let sum: u64 = other.rows().map(|(_, _, value)| value).sum();
        assert_eq!(sum, (0..TABLE.len() as u64).map(|index| index * 1_001).sum::<u64>());
        assert_eq!(other.pid(), u64::from(std::process::id()));
        assert_eq!(fs::metadata(&path).unwrap().len(), FILE_BYTES as u64);
    }

    #[test]
    fn counters_of_rings_have_their_numbers() {
        let counters = Counters::in_memory();
        counters.writer(Counter::RING_WAITS.of_ring(3)).add(5);
        let named: Vec<_> = counters.rows().filter(|row| row.2 != 0).collect();
        assert_eq!(named.len(), 1);
        assert_eq!((named[0].1.as_str(), named[0].2), ("ring-waits-3", 5));
    }

    #[test]
    fn a_writable_attachment_goes_on_counting() {
        let (_directory, path) = path();
        let counters = Counters::create(&path).unwrap();
        counters.writer(Counter::FEED_MESSAGES).set(7);
        let again = Counters::attach_writable(&path).unwrap();
        again.writer(Counter::FEED_MESSAGES).add(3);
        assert_eq!(counters.get(Counter::FEED_MESSAGES), 10);
    }

    #[test]
    #[should_panic(expected = "has a writer already")]
    fn a_counter_has_one_writer() {
        let counters = Counters::in_memory();
        let _first = counters.writer(Counter::FEED_MESSAGES);
        let _second = counters.clone().writer(Counter::FEED_MESSAGES);
    }

    #[test]
    #[should_panic(expected = "only read here")]
    fn a_reader_writes_nothing() {
        let (_directory, path) = path();
        Counters::create(&path).unwrap();
        let _writer = Counters::attach(&path).unwrap().writer(Counter::FEED_MESSAGES);
    }

    #[test]
    fn a_new_file_leaves_readers_of_the_old_one_alone() {
        let (directory, path) = path();
        let counters = Counters::create(&path).unwrap();
        let reader = Counters::attach(&path).unwrap();
        counters.writer(Counter::FEED_MESSAGES).set(7);
        Counters::create(&path).unwrap();
        assert_eq!(reader.get(Counter::FEED_MESSAGES), 7);
        assert_eq!(Counters::attach(&path).unwrap().get(Counter::FEED_MESSAGES), 0);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn foreign_files_are_refused_with_what_differs() {
        let (_directory, path) = path();
        let refusal = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let error = Counters::attach(&path).err().unwrap();
            let writable = Counters::attach_writable(&path).err().unwrap();
            assert_eq!(error.to_string(), writable.to_string());
            error
        };
        let mut good = vec![0; FILE_BYTES];
        good[..HEADER_BYTES].copy_from_slice(&Header::own(1).emit());

        assert!(matches!(refusal(b""), AttachError::Length { bytes: 0, .. }));
        assert!(matches!(refusal(&good[..31]), AttachError::Length { bytes: 31, .. }));
        let short = refusal(&good[..FILE_BYTES - 1]);
        assert!(matches!(short, AttachError::Length { .. }), "{short}");
        let long: Vec<_> = good.iter().copied().chain([0]).collect();
        assert!(matches!(refusal(&long), AttachError::Length { .. }));
        assert!(matches!(refusal(&vec![b'x'; FILE_BYTES]), AttachError::Magic { .. }));
        for (at, field) in [(8, "version 0,"), (12, "counters,"), (16, "table")] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            let error = refusal(&bytes);
            assert!(matches!(error, AttachError::Shape { .. }), "{error}");
            assert!(error.to_string().contains(field), "{error}");
        }
        let missing = Counters::attach(&path.join("missing")).err().unwrap();
        assert!(matches!(missing, AttachError::Os { operation: "open", .. }), "{missing}");
        fs::write(&path, &good).unwrap();
        assert_eq!(Counters::attach(&path).unwrap().pid(), 1);
    }
}
