//! A disk in memory that knows what a power failure would leave of it.
//!
//! Files are pages of memory, so that mappings work as on the real disk. Beside the content each
//! file keeps what was last synced; [`MemoryDisk::after_power_failure`] makes a new disk in
//! which every sector that changed since then is, by a seed, the old one or the new one: pages
//! reach a disk in any order and the last write tears. Names are kept simpler: creations,
//! renames and removals are durable at once.
#![expect(unsafe_code, reason = "files in memory are mapped like files on a disk")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::disk::{Access, Disk, DiskFile, Mapping};

/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// Zeroed memory on a page boundary.
pub(super) struct Pages {
    pointer: *mut u8,
    layout: Layout,
}

// SAFETY: plain memory, owned; accesses through the pointer state their own reasons.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    fn new(bytes: usize) -> io::Result<Arc<Self>> {
        let layout = Layout::from_size_align(bytes.max(1), 4096).map_err(io::Error::other)?;
        // SAFETY: the size is not zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        if pointer.is_null() {
            handle_alloc_error(layout);
        }
        Ok(Arc::new(Self { pointer, layout }))
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.pointer
    }

    pub(super) fn bytes(&self) -> usize {
        self.layout.size()
    }

    fn copy_out(&self, bytes: usize) -> Vec<u8> {
        let mut copy = vec![0; bytes];
        // SAFETY: both hold so many bytes and do not overlap; the disk is for tests that do not
        // write while they take an image.
        unsafe { std::ptr::copy_nonoverlapping(self.pointer, copy.as_mut_ptr(), bytes) };
        copy
    }

    /// A part that nobody writes meanwhile.
    fn bytes_at(&self, from: usize, to: usize) -> &[u8] {
        assert!(from <= to && to <= self.bytes());
        // SAFETY: in bounds (just checked); only published bytes are synced, which are not written
        // any more.
        unsafe { std::slice::from_raw_parts(self.pointer.add(from), to - from) }
    }

    fn copy_in(&self, offset: usize, content: &[u8]) {
        assert!(offset + content.len() <= self.bytes());
        // SAFETY: in bounds (just checked); as above nobody else is writing.
        unsafe {
            let to = self.pointer.add(offset);
            std::ptr::copy_nonoverlapping(content.as_ptr(), to, content.len());
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and no mapping holds it any more.
        unsafe { dealloc(self.pointer, self.layout) };
    }
}

struct Content {
    pages: Arc<Pages>,
    bytes: usize,
    synced: Vec<u8>,
}

impl Content {
    fn now(&self) -> Vec<u8> {
        self.pages.copy_out(self.bytes)
    }

    fn sync_part(&mut self, from: usize, to: usize) {
        if self.synced.len() < to {
            self.synced.resize(to, 0);
        }
        let now = self.pages.bytes_at(from, to);
        self.synced[from..to].copy_from_slice(now);
    }

    fn resize(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.pages.bytes() {
            let pages = Pages::new(bytes)?;
            pages.copy_in(0, &self.now());
            self.pages = pages;
        }
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }
}

struct Node {
    content: Mutex<Content>,
    locks: Mutex<Locks>,
}

/// Who holds a file: one alone, or some together.
#[derive(Default)]
struct Locks {
    alone: bool,
    together: usize,
}

/// What an open file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Alone,
    Together,
}

impl Node {
    fn new(now: &[u8], synced: Vec<u8>) -> io::Result<Arc<Self>> {
        let pages = Pages::new(now.len())?;
        pages.copy_in(0, now);
        let content = Mutex::new(Content { pages, bytes: now.len(), synced });
        Ok(Arc::new(Self { content, locks: Mutex::default() }))
    }

    fn with<R>(&self, use_content: impl FnOnce(&mut Content) -> R) -> R {
        use_content(&mut self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Files = BTreeMap<PathBuf, Arc<Node>>;

/// What a disk can be asked to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creating a file, or opening it as if to create it.
    Create,
    /// Taking space for a file.
    Allocate,
    /// Writing to a file, other than by a mapping.
    Write,
    /// Making a file's content durable, all or a part.
    Sync,
    /// Making a directory's names durable.
    SyncDirectory,
    /// Giving a file another name.
    Rename,
}

impl Operation {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Allocate, Self::Write, Self::Sync, Self::SyncDirectory, Self::Rename];
}

/// What a disk refuses, of files whose path contains a word, and with which error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The operation.
    pub operation: Operation,
    /// The word; what every path contains is the empty one.
    pub path_contains: &'static str,
    /// The system's number of the error.
    pub error: i32,
}

/// A disk in memory, for tests and simulations. Clones are the same disk.
#[derive(Clone)]
pub struct MemoryDisk {
    files: Arc<Mutex<Files>>,
    boot_id: u128,
    limits: Arc<(Mutex<Limits>, Condvar)>,
}

/// What a disk has no room for, what it refuses, and what does not come to its end.
#[derive(Clone, Copy, Default)]
struct Limits {
    capacity_bytes: Option<u64>,
    refusal: Option<Refusal>,
    held: Option<Operation>,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self { files: Arc::default(), boot_id: 1, limits: Arc::default() }
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryDisk({} files)", self.with(|files| files.len()))
    }
}

impl MemoryDisk {
    fn with<R>(&self, use_files: impl FnOnce(&mut Files) -> R) -> R {
        use_files(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn node(&self, path: &Path) -> io::Result<Arc<Node>> {
        self.with(|files| files.get(path).cloned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn copy(&self, boot_id: u128, mut image: impl FnMut(&Content) -> Vec<u8>) -> io::Result<Self> {
        let mut copied = Files::new();
        for (path, node) in self.with(|files| files.clone()) {
            let bytes = node.with(|content| image(content));
            copied.insert(path, Node::new(&bytes, bytes.clone())?);
        }
        let limits = self.limits(|limits| Limits { held: None, ..*limits });
        let limits = Arc::new((Mutex::new(limits), Condvar::new()));
        Ok(Self { files: Arc::new(Mutex::new(copied)), boot_id, limits })
    }

    /// The disk as a killed process leaves it: everything written is there, no lock is held.
    ///
    /// # Errors
    /// No memory for it.
    pub fn after_kill(&self) -> io::Result<Self> {
        self.copy(self.boot_id, Content::now)
    }

    /// The disk after a power failure: of each sector written since its file was synced, the old
    /// or the new content, as `keep_new` says for each in turn.
    ///
    /// # Errors
    /// No memory for it.
    pub fn after_power_failure(&self, mut keep_new: impl FnMut() -> bool) -> io::Result<Self> {
        self.copy(self.boot_id + 1, |content| {
            let mut image = content.now();
            for (index, sector) in image.chunks_mut(SECTOR_BYTES).enumerate() {
                let start = (index * SECTOR_BYTES).min(content.synced.len());
                let mut old = [0; SECTOR_BYTES];
                let end = (start + sector.len()).min(content.synced.len());
                old[..end - start].copy_from_slice(&content.synced[start..end]);
                if *sector != old[..sector.len()] && !keep_new() {
                    sector.copy_from_slice(&old[..sector.len()]);
                }
            }
            image
        })
    }

    /// The most bytes that files may have together; allocations beyond fail as on a full disk.
    pub fn set_capacity_bytes(&self, capacity: Option<u64>) {
        self.limits(|limits| limits.capacity_bytes = capacity);
    }

    /// What it refuses from now on, as a disk that fails; nothing with `None`.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.limits(|limits| limits.refusal = refusal);
    }

    /// From now on whoever asks for this operation waits until something else is held, as on a
    /// disk that does not answer.
    pub fn hold(&self, operation: Option<Operation>) {
        self.limits(|limits| limits.held = operation);
        self.limits.1.notify_all();
    }

    fn limits<R>(&self, use_limits: impl FnOnce(&mut Limits) -> R) -> R {
        use_limits(&mut self.limits.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let limits = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |limits: &mut Limits| limits.held == Some(operation);
        let limits = self.limits.1.wait_while(limits, held);
        match limits.unwrap_or_else(PoisonError::into_inner).refusal {
            Some(refusal)
                if refusal.operation == operation
                    && path.to_string_lossy().contains(refusal.path_contains) =>
            {
                Err(io::Error::from_raw_os_error(refusal.error))
            }
            _ => Ok(()),
        }
    }

    /// A file's content.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.node(path)?.with(|content| content.now()))
    }

    /// Replaces a file's content, creating it where it is missing; mappings of the old content
    /// stay with the old.
    ///
    /// # Errors
    /// No memory for it.
    pub fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let node = Node::new(content, content.to_vec())?;
        self.with(|files| files.insert(path.to_path_buf(), node));
        Ok(())
    }

    /// Flips one bit of a file where it is, for mappings too. Nobody may use the file meanwhile.
    ///
    /// # Errors
    /// `NotFound`.
    ///
    /// # Panics
    /// If the file has fewer bits.
    pub fn flip_bit(&self, path: &Path, bit: usize) -> io::Result<()> {
        self.node(path)?.with(|content| {
            assert!(bit / 8 < content.bytes);
            // SAFETY: in bounds (just checked); nobody uses it (the caller's word, in a test).
            unsafe { *content.pages.pointer().add(bit / 8) ^= 1 << (bit % 8) };
        });
        Ok(())
    }

    /// The paths of all files, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.with(|files| files.keys().cloned().collect())
    }

    fn used_bytes(&self) -> u64 {
        self.with(|files| files.values().map(|node| node.with(|c| c.bytes as u64)).sum())
    }
}

impl Disk for MemoryDisk {
    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        // The name below the directory, a file's or a directory's.
        let name = |path: &PathBuf| {
            let below = path.strip_prefix(directory).ok()?.components().next()?;
            Some(below.as_os_str().to_string_lossy().into_owned())
        };
        let names = self.with(|files| files.keys().filter_map(name).collect::<BTreeSet<_>>());
        Ok(names.into_iter().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.check(Operation::Create, path)?;
        if self.node(path).is_err() {
            let node = Node::new(&[], Vec::new())?;
            self.with(|files| files.insert(path.to_path_buf(), node));
        }
        self.open(path, Access::Write)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let (disk, path, node) = (self.clone(), path.to_path_buf(), self.node(path)?);
        Ok(Box::new(MemoryFile { disk, path, node, access, held: Mutex::new(Held::Nothing) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Operation::Rename, to)?;
        self.with(|files| {
            // A directory is what its files' paths begin with.
            let of_it = |path: &&PathBuf| path.starts_with(from);
            let moved: Vec<PathBuf> = files.keys().filter(of_it).cloned().collect();
            for path in &moved {
                let below = path.strip_prefix(from).expect("it begins so");
                let name = if below == Path::new("") { to.to_path_buf() } else { to.join(below) };
                if let Some(node) = files.remove(path) {
                    files.insert(name, node);
                }
            }
            match moved.is_empty() {
                true => Err(io::Error::from(io::ErrorKind::NotFound)),
                false => Ok(()),
            }
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.node(path)?;
        self.with(|files| files.remove(path));
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        // There are only files: a directory is there while one of them is.
        match self.with(|files| files.keys().any(|file| file.starts_with(path))) {
            true => Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty)),
            false => Ok(()),
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.check(Operation::SyncDirectory, path)
    }

    fn boot_id(&self) -> io::Result<u128> {
        Ok(self.boot_id)
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
    node: Arc<Node>,
    access: Access,
    held: Mutex<Held>,
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({} bytes, {:?})", self.node.with(|c| c.bytes), self.access)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let _ = self.lock(Held::Nothing);
    }
}

impl MemoryFile {
    /// Holds the lock in one way in place of another, if nobody else stands against it.
    fn lock(&self, wanted: Held) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut locks = self.node.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let others_alone = locks.alone && *held != Held::Alone;
        let others_together = locks.together > usize::from(*held == Held::Together);
        let free = match wanted {
            Held::Nothing => true,
            Held::Alone => !others_alone && !others_together,
            Held::Together => !others_alone,
        };
        if free {
            match std::mem::replace(&mut *held, wanted) {
                Held::Nothing => {}
                Held::Alone => locks.alone = false,
                Held::Together => locks.together -= 1,
            }
            match wanted {
                Held::Nothing => {}
                Held::Alone => locks.alone = true,
                Held::Together => locks.together += 1,
            }
        }
        free
    }
}

fn end_of_file() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter")
}

impl DiskFile for MemoryFile {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.node.with(|content| content.bytes as u64))
    }

    fn allocate(&self, _from: u64, bytes: u64) -> io::Result<()> {
        self.disk.check(Operation::Allocate, &self.path)?;
        let more = bytes.saturating_sub(self.length_bytes()?);
        let capacity = self.disk.limits(|limits| limits.capacity_bytes);
        if more > 0 && capacity.is_some_and(|most| self.disk.used_bytes() + more > most) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        self.node.with(|content| content.resize(bytes))
    }

    fn map(&self, bytes: usize) -> io::Result<Mapping> {
        self.node.with(|content| match bytes <= content.bytes {
            true => {
                let writable = self.access == Access::Write;
                Ok(Mapping::of_pages(Arc::clone(&content.pages), bytes, writable))
            }
            false => Err(end_of_file()),
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let now = self.node.with(|content| content.now());
        let end = start.checked_add(buffer.len()).ok_or_else(end_of_file)?;
        buffer.copy_from_slice(now.get(start..end).ok_or_else(end_of_file)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, buffer: &[u8]) -> io::Result<()> {
        assert_eq!(self.access, Access::Write);
        self.disk.check(Operation::Write, &self.path)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        self.allocate(0, offset + buffer.len() as u64)?;
        self.node.with(|content| content.pages.copy_in(start, buffer));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.check(Operation::Sync, &self.path)?;
        self.node.with(|content| content.synced = content.now());
        Ok(())
    }

    fn sync_part(&self, _mapping: &Mapping, from: usize, to: usize) -> io::Result<()> {
        self.disk.check(Operation::Sync, &self.path)?;
        self.node.with(|content| content.sync_part(from, to));
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(self.lock(Held::Alone))
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        Ok(self.lock(Held::Together))
    }

    fn is_locked(&self) -> io::Result<bool> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let locks = self.node.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(locks.alone && *held != Held::Alone)
    }
}
