//! Registered readers: those that the log waits for before its beginning is recycled.
//!
//! A file each, `readers/<name>`, which is a [`Note`] with the position up to which the reader has
//! done its work. Whoever holds the file's lock is the reader, so that a dead one is told from a
//! living one by the system and never by a guess.
//!
//! A reader that has died still holds the log, and so does one that has ended: it will come back
//! and go on where it stopped. Only an operator lets go of it (`isochron readers DIR --release
//! NAME`): what it has not read yet is then lost to it, and no limit decides that by itself.

use std::io;
use std::path::{Path, PathBuf};

use crate::types::Position;

use super::disk::Disk;
use super::error::OpenError;
use super::note::Note;

const DIRECTORY: &str = "readers";

/// Characters of a reader's name.
const NAME_LENGTH_MAX: usize = 32;

fn path(store: &Path, name: &str) -> PathBuf {
    store.join(DIRECTORY).join(name)
}

/// Whether a reader may have this name: letters, digits and hyphens, at most 32.
fn is_name(name: &str) -> bool {
    let fits = (1..=NAME_LENGTH_MAX).contains(&name.len());
    fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A reader's word on how far it has come, as long as it lives.
#[derive(Debug)]
pub struct Registration {
    note: Note<1>,
    position: Position,
}

impl Registration {
    /// Registers a reader, or takes up a registration that nobody holds. A new one begins at
    /// `position`; one that was there, where it stopped.
    ///
    /// # Errors
    /// Another process is that reader, or the system refuses.
    ///
    /// # Panics
    /// If the name is none.
    pub fn open(
        disk: &dyn Disk,
        store: &Path,
        name: &str,
        position: Position,
    ) -> Result<Self, OpenError> {
        assert!(is_name(name), "{name} is no name of a reader");
        let directory = store.join(DIRECTORY);
        let made = disk.create_directory(&directory);
        made.map_err(|error| OpenError::io("creating", &directory, error))?;
        let (note, found) = Note::open(disk, &path(store, name))?;
        let found = found.map(|[position]| Position(position));
        let mut registration = Self { note, position: found.unwrap_or(position) };
        if found.is_none() {
            registration.note.write([position.get()]);
        }
        Ok(registration)
    }

    /// Where the reader stands.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Everything before a position is done with.
    pub fn pass(&mut self, position: Position) {
        if position != self.position {
            self.position = position;
            self.note.write([position.get()]);
        }
    }
}

/// A registered reader, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredReader {
    /// Its name.
    pub name: String,
    /// Everything before it is done with.
    pub position: Position,
    /// Its process, while it lives.
    pub lives: bool,
}

/// All registered readers, by name.
///
/// # Errors
/// The system's, or a file that says nothing: as long as it is there, nobody knows what may go.
pub fn registered_readers(
    disk: &dyn Disk,
    store: &Path,
) -> Result<Vec<RegisteredReader>, OpenError> {
    let directory = store.join(DIRECTORY);
    let mut names = match disk.list(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(|error| OpenError::io("listing", &directory, error))?,
    };
    names.sort_unstable();
    let reader = |name: String| {
        let (words, lives) = Note::<1>::look(disk, &path(store, &name))?;
        // One that is just being made stands at the beginning.
        let position = words.map_or(Position(0), |[position]| Position(position));
        Ok(RegisteredReader { name, position, lives })
    };
    names.into_iter().filter(|name| is_name(name)).map(reader).collect()
}

/// Lets go of a reader: the log does not wait for it any more. False where there is none.
///
/// # Errors
/// It lives, or the system refuses.
pub fn release_reader(disk: &dyn Disk, store: &Path, name: &str) -> Result<bool, OpenError> {
    let path = path(store, name);
    let exists = is_name(name) && registered_readers(disk, store)?.iter().any(|it| it.name == name);
    if !exists {
        return Ok(false);
    }
    // With the lock, nobody becomes that reader meanwhile.
    let (note, _) = Note::<1>::open(disk, &path)?;
    disk.remove(&path).map_err(|error| OpenError::io("removing", &path, error))?;
    drop(note);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;

    #[test]
    fn a_registration_outlives_its_reader_until_it_is_released() {
        let (disk, store) = (MemoryDisk::default(), Path::new("/store"));
        let all = || registered_readers(&disk, store).unwrap();
        let reader = |name: &str, position, lives| RegisteredReader {
            name: name.to_owned(),
            position: Position(position),
            lives,
        };
        assert_eq!(all(), []);
        let mut feed = Registration::open(&disk, store, "feed", Position(64)).unwrap();
        let other = Registration::open(&disk, store, "archive", Position(0)).unwrap();
        feed.pass(Position(640));
        assert_eq!(all(), [reader("archive", 0, true), reader("feed", 640, true)]);
        assert!(Registration::open(&disk, store, "feed", Position(0)).is_err(), "it lives");
        assert!(release_reader(&disk, store, "feed").is_err(), "it lives");
        drop((feed, other));
        assert_eq!(all(), [reader("archive", 0, false), reader("feed", 640, false)]);
        let feed = Registration::open(&disk, store, "feed", Position(9_999)).unwrap();
        assert_eq!(feed.position(), Position(640), "it goes on where it stopped");
        assert!(release_reader(&disk, store, "archive").unwrap());
        assert!(!release_reader(&disk, store, "archive").unwrap());
        assert!(!release_reader(&disk, store, "../marks").unwrap());
        assert_eq!(all(), [reader("feed", 640, true)]);
    }

    #[test]
    fn names_are_plain() {
        for name in ["feed-l3", "A", &"x".repeat(32)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a/b", "..", "a b", &"x".repeat(33)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
