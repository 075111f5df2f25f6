//! The disk, as little of it as the store needs, behind two traits.
//!
//! [`RealDisk`] is the operating system's. [`MemoryDisk`](super::MemoryDisk) keeps files in
//! memory and can show what a power failure would have left of them. Nothing here is called
//! between a command and its append: that path only writes through a [`Mapping`].
#![expect(unsafe_code, reason = "shared mappings and record locks have no safe form")]

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

use super::bus_error::{self, Named};
use super::memory_disk::Pages;

/// What mappings are made of, where pages are small.
pub(super) const PAGE_BYTES: usize = 4096;

/// A multiple of every system's pages.
const PAGES_ALIGNED_BYTES: usize = 64 * 1024;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only; its mappings cannot be written.
    Read,
    /// Reading and writing.
    Write,
}

/// A place for files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a directory and those above it where they are missing.
    ///
    /// # Errors
    /// The system's.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// The names of a directory's files, in no order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for reading and writing, creating it empty where it is missing.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists.
    ///
    /// # Errors
    /// The system's, `NotFound` where it is missing.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name; what had that name is gone. Or a directory one that is free.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory without files.
    ///
    /// # Errors
    /// The system's.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// A number that changes with each start of the machine: what was not synced under another
    /// number may be gone.
    ///
    /// # Errors
    /// The system's.
    fn boot_id(&self) -> io::Result<u128>;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Its length.
    ///
    /// # Errors
    /// The system's.
    fn length_bytes(&self) -> io::Result<u64>;
    /// Takes the space for a range from the disk now, holes included, and extends the file with
    /// zeroes to the range's end. What stands there stays.
    ///
    /// # Errors
    /// The system's; a full disk is found here, never by a later write to a mapping, which would
    /// end the process.
    fn allocate(&self, from: u64, to: u64) -> io::Result<()>;
    /// Maps its first bytes, shared with everyone who maps them; writable if it was opened so.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file is shorter.
    fn map(&self, bytes: usize) -> io::Result<Mapping>;
    /// Fills a buffer from an offset.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes a buffer at an offset.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&self, offset: u64, buffer: &[u8]) -> io::Result<()>;
    /// Makes its content, also what was written through mappings, durable.
    ///
    /// # Errors
    /// The system's.
    fn sync(&self) -> io::Result<()>;
    /// Makes a part of its content durable that was written through this mapping of it. What was
    /// written elsewhere in it stays as it is: neither waited for nor, page by page, mapped anew.
    ///
    /// # Errors
    /// The system's. What of the part is durable is unknown then.
    fn sync_part(&self, mapping: &Mapping, from: usize, to: usize) -> io::Result<()>;
    /// Locks it for this open file until it is closed; false if another one holds it.
    ///
    /// # Errors
    /// The system's.
    fn try_lock(&self) -> io::Result<bool>;
    /// As [`Self::try_lock`], together with others that ask for it so, and with nobody else.
    ///
    /// # Errors
    /// The system's.
    fn try_lock_shared(&self) -> io::Result<bool>;
    /// Whether another open file holds the lock alone. Asking takes nothing.
    ///
    /// # Errors
    /// The system's.
    fn is_locked(&self) -> io::Result<bool>;
}

/// Memory that is a file's content, shared with other processes.
///
/// Only raw access: who may touch which bytes when is the store's rule (one writer beyond
/// *published*, anyone may read below it), and the callers say why they keep it.
pub struct Mapping {
    pointer: *mut u8,
    bytes: usize,
    writable: bool,
    _owner: Owner,
}

/// Keeps the memory alive; read by nobody.
enum Owner {
    /// No longer named when it is no longer mapped.
    #[expect(dead_code, reason = "held for their drop")]
    File(Option<Named<'static>>, MmapRaw),
    Memory(#[expect(dead_code, reason = "held for its drop")] Arc<Pages>),
}

// SAFETY: a mapping is an address range that lives as long as its owner; it is not tied to a
// thread, and each access through it states its own reason.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared use only hands out pointers, atomics and `unsafe` slices.
unsafe impl Sync for Mapping {}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({} bytes, writable: {})", self.bytes, self.writable)
    }
}

impl Mapping {
    fn of_file(map: MmapRaw, writable: bool, path: &Path) -> Self {
        let (pointer, bytes) = (map.as_mut_ptr(), map.len());
        let named = bus_error::name(pointer, bytes, path);
        Self { pointer, bytes, writable, _owner: Owner::File(named, map) }
    }

    /// The first bytes of pages in memory.
    pub(super) fn of_pages(pages: Arc<Pages>, bytes: usize, writable: bool) -> Self {
        assert!(bytes <= pages.bytes());
        Self { pointer: pages.pointer(), bytes, writable, _owner: Owner::Memory(pages) }
    }

    /// Its length.
    #[must_use]
    pub fn length_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes as they are now.
    ///
    /// # Safety
    /// Nobody, in this process or another, writes these bytes while the slice lives.
    #[must_use]
    #[inline]
    pub(super) unsafe fn slice(&self, from: usize, to: usize) -> &[u8] {
        assert!(from <= to && to <= self.bytes, "{from}..{to} of {} mapped bytes", self.bytes);
        // SAFETY: in bounds (just checked) of memory that lives as long as self; nobody writes
        // it (the caller's word).
        unsafe { std::slice::from_raw_parts(self.pointer.add(from), to - from) }
    }

    /// Bytes to write.
    ///
    /// # Safety
    /// Nobody else, in this process or another, reads or writes these bytes while the slice
    /// lives.
    #[must_use]
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "a shared mapping; the caller owns the range")]
    pub(super) unsafe fn slice_mut(&self, from: usize, to: usize) -> &mut [u8] {
        assert!(self.writable, "a mapping for reading");
        assert!(from <= to && to <= self.bytes, "{from}..{to} of {} mapped bytes", self.bytes);
        // SAFETY: in bounds (just checked) of writable memory that lives as long as self; nobody
        // else touches it (the caller's word).
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(from), to - from) }
    }

    /// A word that several processes share. Loads are fine on a mapping for reading.
    #[must_use]
    #[inline]
    pub(super) fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.bytes);
        // SAFETY: in bounds and aligned (the mapping begins on a page); a word used through this
        // is used as an atomic by everyone, and one of this size may be loaded from memory that
        // cannot be written.
        unsafe { AtomicU64::from_ptr(self.pointer.add(offset).cast()) }
    }

    /// As [`Self::atomic_u64`], of four bytes.
    #[must_use]
    #[inline]
    pub(super) fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes);
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.pointer.add(offset).cast()) }
    }

    /// Whether it can be written.
    #[must_use]
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }
}

/// The operating system's disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: File,
    path: PathBuf,
    access: Access,
}

impl Disk for RealDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            // A name that is no UTF-8 is none of the store's.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(RealFile { file, path: path.to_path_buf(), access: Access::Write }))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let write = access == Access::Write;
        let file = OpenOptions::new().read(true).write(write).open(path)?;
        Ok(Box::new(RealFile { file, path: path.to_path_buf(), access }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn boot_id(&self) -> io::Result<u128> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
        u128::from_str_radix(&digits, 16).map_err(io::Error::other)
    }
}

impl RealFile {
    /// Takes a lock of a kind; false if another open file stands against it.
    fn set_lock(&self, kind: libc::c_int) -> io::Result<bool> {
        match self.record_lock(libc::F_OFD_SETLK, kind) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// An open file description's record lock over the whole file: unlike a process's it belongs
    /// to the open file, and unlike `flock` one can ask for it without taking it.
    fn record_lock(&self, command: libc::c_int, kind: libc::c_int) -> io::Result<libc::flock> {
        // SAFETY: all fields of the C structure may be zero.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        // SAFETY: the descriptor is open, and the structure lives over the call.
        match unsafe { libc::fcntl(self.file.as_raw_fd(), command, &mut lock) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(lock),
        }
    }
}

impl DiskFile for RealFile {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, from: u64, to: u64) -> io::Result<()> {
        let Some(bytes) = to.checked_sub(from).filter(|bytes| *bytes > 0) else {
            return Ok(());
        };
        let from = i64::try_from(from).map_err(io::Error::other)?;
        let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
        loop {
            // SAFETY: the descriptor is open; no memory is passed.
            match unsafe { libc::posix_fallocate(self.file.as_raw_fd(), from, bytes) } {
                0 => return Ok(()),
                libc::EINTR => {}
                error => return Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    fn map(&self, bytes: usize) -> io::Result<Mapping> {
        let found = self.length_bytes()?;
        if found < bytes as u64 {
            let text = format!("{found} bytes in the file, {bytes} to map");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let mut options = MmapOptions::new();
        options.len(bytes);
        let map = match self.access {
            Access::Read => options.map_raw_read_only(&self.file)?,
            Access::Write => options.map_raw(&self.file)?,
        };
        Ok(Mapping::of_file(map, self.access == Access::Write, &self.path))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, offset: u64, buffer: &[u8]) -> io::Result<()> {
        self.file.write_all_at(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_part(&self, mapping: &Mapping, from: usize, to: usize) -> io::Result<()> {
        assert!(from <= to && to <= mapping.bytes, "{from}..{to} of {} bytes", mapping.bytes);
        let from = from - from % PAGES_ALIGNED_BYTES;
        // SAFETY: in bounds (just checked) and page-aligned, of a mapping that lives over the call.
        match unsafe { libc::msync(mapping.pointer.add(from).cast(), to - from, libc::MS_SYNC) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.set_lock(libc::F_WRLCK)
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.set_lock(libc::F_RDLCK)
    }

    fn is_locked(&self) -> io::Result<bool> {
        let lock = self.record_lock(libc::F_OFD_GETLK, libc::F_RDLCK)?;
        Ok(libc::c_int::from(lock.l_type) != libc::F_UNLCK)
    }
}
