//! A ring in a file that two processes map: a source writes, the exchange reads.
//!
//! ```text
//!  line 0, 64-bit words                              line 1: tail   line 2: head   line 3 on:
//!  +-------+---------+----------+--------+------+    +-----------+  +-----------+  +---------
//!  | magic | version | capacity | source | boot │    |           |  |           |  | records
//!  +-------+---------+----------+--------+------+    +-----------+  +-----------+  +---------
//!  0       1         2          3        4, 5   \ 6 consumer's pid, 7 producer's pid, 8 on: marks
//! ```
//!
//! The file is the consumer's: it makes it, and makes it anew where no producer has it and what is
//! there is of no use. Each side holds a lock on one byte of the file for as long as its process
//! lives, however that ends; so a side is alone, and a dead one's place is free at once. The pids
//! only tell people who it is.
//!
//! All that is read here was written by another process: nothing of it is believed.
#![expect(unsafe_code, reason = "maps a file that two processes share")]

use super::block::{Block, block_bytes, is_capacity};
use super::spsc::{AttachError, Consumer, DAMAGED, Mark, Memory, Producer, Word};
use crate::types::SourceId;
use memmap2::{MmapOptions, MmapRaw};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const MAGIC: u64 = u64::from_le_bytes(*b"ISORING1");
const VERSION: u64 = 1;

/// Places of the file's words.
const CAPACITY_WORD: usize = 2;
const SOURCE_WORD: usize = 3;
const BOOT_WORD: usize = 4;
const PID_WORD: usize = 6;

/// Words that a file begins with, before the marks.
const HEADER_WORDS: usize = 8;

/// What a consumer makes a ring with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes for records: a power of two from 64 to 1 GiB.
    pub capacity_bytes: usize,
    /// Whose commands the ring carries.
    pub source: SourceId,
    /// Which consumer this is: the store's epoch, which is never the same twice.
    pub generation: u64,
}

/// A ring's producer, and whose commands it is for.
pub struct Attached {
    /// The writing side.
    pub producer: Producer,
    /// The source that the exchange takes commands of from this ring.
    pub source: SourceId,
}

/// A side of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It reads: the exchange.
    Consumer,
    /// It writes: a source.
    Producer,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "consumer",
            Self::Producer => "producer",
        })
    }
}

/// Why a ring's file cannot be used.
#[derive(Debug)]
pub enum MappedError {
    /// The system did not do what was asked.
    Os {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No ring can have this capacity.
    Capacity {
        /// The file.
        path: PathBuf,
        /// The bytes asked for.
        bytes: u64,
    },
    /// Another process is that side of the ring.
    Held {
        /// The file.
        path: PathBuf,
        /// Which side.
        side: Side,
        /// Its process, as it says; 0 while it has not yet said so.
        pid: u64,
    },
    /// It is no ring of this version, or not a whole one.
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was made before the machine was started last; the exchange makes it anew.
    Stale {
        /// The file.
        path: PathBuf,
    },
    /// Its positions are none that the other side left.
    Positions {
        /// The file.
        path: PathBuf,
        /// What was found.
        error: AttachError,
    },
}

impl fmt::Display for MappedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os { path, operation, source } => {
                write!(f, "ring {}: {operation}: {source}", path.display())
            }
            Self::Capacity { path, bytes } => write!(
                f,
                "ring {}: a capacity of {bytes} bytes is no power of two from 64 bytes to 1 GiB",
                path.display()
            ),
            Self::Held { path, side, pid } => {
                write!(f, "ring {}: process {pid} is its {side}", path.display())
            }
            Self::Shape { path, reason } => write!(f, "ring {}: {reason}", path.display()),
            Self::Stale { path } => write!(
                f,
                "ring {}: made before the machine was started; the exchange makes it anew",
                path.display()
            ),
            Self::Positions { path, error } => write!(f, "ring {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for MappedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os { source, .. } => Some(source),
            Self::Positions { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Becomes the consumer of the ring at `path`, which is made where there is none.
///
/// What is in it, left by a producer that lives or has died, is passed over: the consumer is
/// [joining](Consumer::is_joining) at first. Where no producer has the ring, and it is damaged, of
/// another shape, or from before the machine was started, it is made anew.
///
/// # Errors
///
/// Where another process is the consumer, where a producer holds a ring that is of no use, and
/// where the system does not give the file or its space.
pub fn create(path: &Path, options: &Options) -> Result<Consumer, MappedError> {
    let capacity = options.capacity_bytes as u64;
    if !is_capacity(capacity) {
        return Err(MappedError::Capacity { path: path.to_owned(), bytes: capacity });
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(os(path, "make its directory"))?;
    }
    let mut open = OpenOptions::new();
    let file = open.read(true).write(true).create(true).truncate(false).open(path);
    let file = Opened { file: file.map_err(os(path, "open"))?, path };
    file.lock(Side::Consumer)?;
    let boot = boot_id().map_err(os(path, "read the boot id"))?;
    let sound = file.check(Some((options, boot)));
    if file.try_lock(Side::Producer)? {
        // Nobody else can come while it is made: an attaching producer finds its place taken.
        if sound.is_err() || !file.map(options.capacity_bytes)?.proves_sound() {
            file.make(options, boot)?;
        }
        file.unlock(Side::Producer)?;
    } else {
        sound?;
    }
    let block = file.map(options.capacity_bytes)?.claim(Side::Consumer);
    // SAFETY: the lock makes this the only consumer, until the block, which owns it, is dropped.
    unsafe { Consumer::renew(block, options.generation) }
        .map_err(|error| MappedError::Positions { path: path.to_owned(), error })
}

/// Becomes the producer of the ring at `path`, behind the last whole message in it.
///
/// # Errors
///
/// Where there is no ring, where another process is its producer, and where it is damaged, of
/// another version, or from before the machine was started.
pub fn attach(path: &Path) -> Result<Attached, MappedError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = Opened { file: file.map_err(os(path, "open"))?, path };
    file.lock(Side::Producer)?;
    let header = file.check(None)?;
    let boot = boot_id().map_err(os(path, "read the boot id"))?;
    if header[BOOT_WORD..PID_WORD] != boot {
        return Err(MappedError::Stale { path: path.to_owned() });
    }
    let shape = |reason: &str| MappedError::Shape { path: path.to_owned(), reason: reason.into() };
    let source = u32::try_from(header[SOURCE_WORD]).map_err(|_| shape("its source is no id"))?;
    let capacity = usize::try_from(header[CAPACITY_WORD]).expect("checked: at most 1 GiB");
    let block = file.map(capacity)?.claim(Side::Producer);
    // SAFETY: the lock makes this the only producer, until the block, which owns it, is dropped.
    let producer = unsafe { Producer::attach(block) }
        .map_err(|error| MappedError::Positions { path: path.to_owned(), error })?;
    Ok(Attached { producer, source: SourceId(source) })
}

fn os<'a>(path: &'a Path, operation: &'static str) -> impl Fn(io::Error) -> MappedError + 'a {
    move |source| MappedError::Os { path: path.to_owned(), operation, source }
}

/// A number that changes with each start of the machine: after one, pages of a file may be older
/// than others.
fn boot_id() -> io::Result<[u64; 2]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let boot = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    Ok([boot as u64, (boot >> 64) as u64])
}

/// A ring's file, open.
struct Opened<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> Opened<'a> {
    /// Takes a side; it is given back when the open file is closed, however its process ends.
    fn lock(&self, side: Side) -> Result<(), MappedError> {
        if self.try_lock(side)? {
            return Ok(());
        }
        let mut pid = [0; 8];
        // A file that is too short has no pid yet.
        let at = (PID_WORD + side as usize) as u64 * 8;
        let _ = self.file.read_exact_at(&mut pid, at);
        let pid = u64::from_le_bytes(pid);
        Err(MappedError::Held { path: self.path.to_owned(), side, pid })
    }

    fn try_lock(&self, side: Side) -> Result<bool, MappedError> {
        match self.record_lock(side, libc::F_WRLCK) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(os(self.path, "lock")(error)),
        }
    }

    fn unlock(&self, side: Side) -> Result<(), MappedError> {
        self.record_lock(side, libc::F_UNLCK).map_err(os(self.path, "unlock"))
    }

    /// A lock of the open file, not of the process, on the byte that stands for a side.
    fn record_lock(&self, side: Side, kind: libc::c_int) -> io::Result<()> {
        // SAFETY: all fields of the C structure may be zero.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = side as libc::off_t;
        lock.l_len = 1;
        // SAFETY: the descriptor is open, and the structure lives over the call.
        match unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// The file's words, where they are those of a whole ring of this version, and of the shape and
    /// boot that are wanted.
    fn check(
        &self,
        wanted: Option<(&Options, [u64; 2])>,
    ) -> Result<[u64; HEADER_WORDS], MappedError> {
        let shape = |reason| Err(MappedError::Shape { path: self.path.to_owned(), reason });
        let length = self.file.metadata().map_err(os(self.path, "read its length"))?.len();
        let mut bytes = [0; HEADER_WORDS * 8];
        if length < bytes.len() as u64 {
            return shape(format!("{length} bytes are no ring"));
        }
        self.file.read_exact_at(&mut bytes, 0).map_err(os(self.path, "read its header"))?;
        let word = |n: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[n * 8 + i]));
        let header: [u64; HEADER_WORDS] = std::array::from_fn(word);
        let [magic, version, capacity, source, ..] = header;
        if magic != MAGIC || version != VERSION {
            return shape(format!("begins with {magic:#x}, {version}: no ring of version 1"));
        }
        if !is_capacity(capacity) || length != block_bytes(capacity as usize) as u64 {
            return shape(format!("{length} bytes do not fit its capacity of {capacity}"));
        }
        let Some((options, boot)) = wanted else { return Ok(header) };
        let (bytes, id) = (options.capacity_bytes, options.source);
        if (capacity, source) != (bytes as u64, u64::from(id.get())) || header[4..6] != boot {
            return shape(format!(
                "a producer holds a ring of {capacity} bytes for source {source}; wanted are \
                 {bytes} bytes for source {id}"
            ));
        }
        Ok(header)
    }

    /// Makes the file a new ring, all its space taken from the disk now.
    fn make(&self, options: &Options, boot: [u64; 2]) -> Result<(), MappedError> {
        let bytes = block_bytes(options.capacity_bytes);
        self.file.set_len(0).map_err(os(self.path, "empty it"))?;
        let length = i64::try_from(bytes).expect("at most a little more than 1 GiB");
        // SAFETY: the descriptor is open; no memory is passed.
        match unsafe { libc::posix_fallocate(self.file.as_raw_fd(), 0, length) } {
            0 => {}
            error => {
                return Err(os(self.path, "take its space")(io::Error::from_raw_os_error(error)));
            }
        }
        let mut header = [0; HEADER_WORDS * 8];
        let source = u64::from(options.source.get());
        let words = [MAGIC, VERSION, options.capacity_bytes as u64, source, boot[0], boot[1]];
        for (place, word) in header.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        // The magic last, for whoever is interrupted between the two.
        self.file.write_all_at(&header[8..], 8).map_err(os(self.path, "write its header"))?;
        self.file.write_all_at(&header[..8], 0).map_err(os(self.path, "write its header"))
    }

    /// Maps the file, whose length was checked.
    fn map(&self, capacity_bytes: usize) -> Result<Mapped, MappedError> {
        let file = self.file.try_clone().map_err(os(self.path, "open again"))?;
        let bytes = block_bytes(capacity_bytes);
        let map = MmapOptions::new().len(bytes).populate().map_raw(&file);
        Ok(Mapped { map: map.map_err(os(self.path, "map"))?, file, capacity_bytes })
    }
}

/// A ring's memory, and the open file whose locks it keeps.
struct Mapped {
    map: MmapRaw,
    #[expect(dead_code, reason = "held for its locks")]
    file: File,
    capacity_bytes: usize,
}

impl Mapped {
    fn into_block(self) -> Block {
        let words = NonNull::new(self.map.as_mut_ptr().cast()).expect("a map is never at 0");
        let capacity_bytes = self.capacity_bytes;
        // SAFETY: the map is `block_bytes` of the capacity long, begins on a page, and is
        // unmapped with its owner only; a file is shortened only while nobody has a side of it.
        unsafe { Block::mapped(words, capacity_bytes, Arc::new(self)) }
    }

    /// The ring's block, claimed for one side.
    fn claim(self, side: Side) -> Block {
        let block = self.into_block();
        set_pid(&block, side, std::process::id().into());
        block
    }

    /// Whether a consumer can go on from what is there, where both sides are this process's.
    fn proves_sound(self) -> bool {
        let block = self.into_block();
        // The last producer has died.
        set_pid(&block, Side::Producer, 0);
        // SAFETY: this process has both sides, and gives this one back at once.
        block.mark(Mark::Generation).load_relaxed() != DAMAGED
            && unsafe { Producer::attach(block) }.is_ok()
    }
}

/// Says who has a side.
fn set_pid(block: &Block, side: Side, pid: u64) {
    block.word(PID_WORD + side as usize).store(pid.to_le(), Ordering::Relaxed);
}
