//! A note: a few words in a mapped file that outlive the process that wrote them.
//!
//! For a reader that must know after its death how far it had come. Writing one is a handful of
//! stores: no system call, and a killed process leaves what it stored. Two slots are written in
//! turn and each has a checksum, so that a death between two stores, or a power failure, leaves
//! the note before.
//!
//! ```text
//!     0 magic "ISONOTE1"      64 process id, as text
//!   128 slot: serial, words, XXH3-64 of both
//!  1024 slot: the same; the valid one with the larger serial is the note
//! ```

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::disk::{Access, Disk, DiskFile, Mapping};
use super::error::OpenError;
use super::open::holder;

const BYTES: usize = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"ISONOTE1");
const HOLDER: u64 = 64;
const SLOTS: [usize; 2] = [128, 1024];

/// The words of a note; it has one writer, which holds the file's lock.
#[derive(Debug)]
pub struct Note<const WORDS: usize> {
    mapping: Mapping,
    serial: u64,
    /// Held for its lock.
    _file: Box<dyn DiskFile>,
}

impl<const WORDS: usize> Note<WORDS> {
    /// Opens the note at `path` for writing, or makes it; also what it says, if it says anything.
    ///
    /// # Errors
    /// Another process writes it, it is no note, or the system refuses.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, Option<[u64; WORDS]>), OpenError> {
        const { assert!(128 + 8 * (WORDS + 2) <= 1024) };
        let io = |error| OpenError::io("opening", path, error);
        let file = disk.create(path).map_err(io)?;
        if !file.try_lock().map_err(io)? {
            let (path, pid) = (path.to_path_buf(), holder(&*file, HOLDER));
            return Err(OpenError::NoteHeld { path, pid });
        }
        let found_bytes = file.length_bytes().map_err(io)?;
        if found_bytes != 0 && found_bytes != BYTES as u64 {
            let reason = format!("{found_bytes} bytes, a note has {BYTES}");
            return Err(OpenError::Damaged { path: path.to_path_buf(), reason });
        }
        file.allocate(0, BYTES as u64).map_err(io)?;
        let mapping = file.map(BYTES).map_err(io)?;
        let magic = mapping.atomic_u64(0).load(Ordering::Acquire);
        // One that died before the first word left zeroes.
        if magic != MAGIC && magic != 0 {
            let reason = format!("it begins with {magic:016x}, a note with {MAGIC:016x}");
            return Err(OpenError::Damaged { path: path.to_path_buf(), reason });
        }
        mapping.atomic_u64(0).store(MAGIC, Ordering::Release);
        let pid = format!("{:<10}\n", std::process::id());
        let written: io::Result<()> = file.write_at(HOLDER, pid.as_bytes());
        written.map_err(io)?;
        let newest =
            SLOTS.iter().filter_map(|slot| load(&mapping, *slot)).max_by_key(|slot| slot.0);
        let (serial, words) = newest.map_or((0, None), |(serial, words)| (serial, Some(words)));
        Ok((Self { mapping, serial, _file: file }, words))
    }

    /// What the note at `path` says, if it says anything, and whether somebody writes it now.
    ///
    /// # Errors
    /// It is no note, or the system refuses.
    pub fn look(disk: &dyn Disk, path: &Path) -> Result<(Option<[u64; WORDS]>, bool), OpenError> {
        let io = |error| OpenError::io("reading", path, error);
        let file = disk.open(path, Access::Read).map_err(io)?;
        let lives = file.is_locked().map_err(io)?;
        if file.length_bytes().map_err(io)? != BYTES as u64 {
            return Ok((None, lives));
        }
        let mapping = file.map(BYTES).map_err(io)?;
        let slots = SLOTS.iter().filter_map(|slot| load(&mapping, *slot));
        Ok((slots.max_by_key(|slot| slot.0).map(|(_, words)| words), lives))
    }

    /// Writes the words in the place of those before the last.
    pub fn write(&mut self, words: [u64; WORDS]) {
        self.serial += 1;
        let slot = SLOTS[(self.serial % 2) as usize];
        let store = |index: usize, word| {
            self.mapping.atomic_u64(slot + 8 * index).store(word, Ordering::Release);
        };
        store(0, self.serial);
        for (index, word) in words.into_iter().enumerate() {
            store(1 + index, word);
        }
        store(1 + WORDS, checksum(self.serial, &words));
    }
}

/// A slot's serial and words, where its checksum is theirs.
fn load<const WORDS: usize>(mapping: &Mapping, slot: usize) -> Option<(u64, [u64; WORDS])> {
    let load = |index: usize| mapping.atomic_u64(slot + 8 * index).load(Ordering::Acquire);
    let (serial, words) = (load(0), std::array::from_fn(|index| load(1 + index)));
    (serial > 0 && load(1 + WORDS) == checksum(serial, &words)).then_some((serial, words))
}

fn checksum<const WORDS: usize>(serial: u64, words: &[u64; WORDS]) -> u64 {
    let mut bytes = [0; 1024];
    for (word, place) in std::iter::once(&serial).chain(words).zip(bytes.chunks_exact_mut(8)) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    xxh3_64(&bytes[..8 * (1 + WORDS)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;

    fn open(disk: &MemoryDisk) -> Result<(Note<3>, Option<[u64; 3]>), OpenError> {
        Note::open(disk, Path::new("/note"))
    }

    #[test]
    fn a_note_outlives_its_writer_and_has_one() {
        let disk = MemoryDisk::default();
        let (mut note, found) = open(&disk).unwrap();
        assert_eq!(found, None);
        assert!(matches!(open(&disk), Err(OpenError::NoteHeld { .. })));
        for round in 1..=5 {
            note.write([round, 2 * round, u64::MAX]);
            drop(note);
            let (again, found) = open(&disk).unwrap();
            assert_eq!(found, Some([round, 2 * round, u64::MAX]));
            note = again;
        }
    }

    /// Whatever byte of the newest slot is wrong, the note before it is the note.
    #[test]
    fn a_torn_note_leaves_the_one_before() {
        let disk = MemoryDisk::default();
        let (mut note, _) = open(&disk).unwrap();
        note.write([1, 2, 3]);
        note.write([4, 5, 6]);
        drop(note);
        let whole = disk.read(Path::new("/note")).unwrap();
        // The serial 2 is in the first slot.
        for at in SLOTS[0]..SLOTS[0] + 40 {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            disk.write(Path::new("/note"), &torn).unwrap();
            assert_eq!(open(&disk).unwrap().1, Some([1, 2, 3]), "{at}");
        }
        disk.write(Path::new("/note"), &whole).unwrap();
        assert_eq!(open(&disk).unwrap().1, Some([4, 5, 6]));
    }

    #[test]
    fn what_is_no_note_is_refused_and_left_alone() {
        let disk = MemoryDisk::default();
        for bytes in [&b"x"[..], &[b'x'; BYTES], &[0; BYTES + 1]] {
            disk.write(Path::new("/note"), bytes).unwrap();
            assert!(matches!(open(&disk), Err(OpenError::Damaged { .. })), "{}", bytes.len());
            assert_eq!(disk.read(Path::new("/note")).unwrap(), bytes);
        }
        disk.write(Path::new("/note"), &[0; BYTES]).unwrap();
        assert_eq!(open(&disk).unwrap().1, None);
    }
}
