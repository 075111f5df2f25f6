//! Puts a store aside: what a node holds and can do nothing with any more, out of the way and kept.
//!
//! ```text
//!   meta ─────────────── first ──▶ discarded/<from>-<to>.store/   from now on there is no store
//!   *.log, snapshots, feed ──────▶ the same folder
//!   marks ─────────── a copy, last ▶ the same folder: a whole store, for whoever wants to look
//!   marks, control, lock             stay
//! ```
//!
//! The marks stay because a promise outlives the log that it was made with: the store that is made
//! here next takes over the newest epoch and the vote, and is lossy until it has caught up where
//! this one held more. A crash in between leaves a folder without marks, which the next opening
//! goes on with.

use std::io;
use std::path::{Path, PathBuf};

use super::control::Control;
use super::disk::{Access, Disk};
use super::error::OpenError;
use super::marks::{self, MarksFile};
use super::meta;
use super::open::lock;

/// The folder of what was given up, in the store's directory.
pub(super) const DISCARDED: &str = "discarded";

/// The end of the name of a folder with a whole store.
const STORE: &str = ".store";

/// Folders beside the log that are of no use without it.
const FOLDERS: [&str; 2] = ["snapshots", "feed"];

/// Puts the store in a directory aside, durably; where it is now. Nobody may have it open.
///
/// # Errors
/// It is open, or the system refuses: the next opening of the directory goes on with what is left,
/// if it was begun.
pub fn put_aside(disk: &dyn Disk, directory: &Path) -> Result<PathBuf, OpenError> {
    let _lock = lock(disk, directory)?;
    let marks = MarksFile::load(disk, directory, Access::Read)?.marks;
    let io = |error| OpenError::io("putting aside", directory, error);
    let discarded = directory.join(DISCARDED);
    let taken = names(disk, &discarded).map_err(io)?;
    let range = format!("{:020}-{:020}", marks.kept_from.get(), marks.synced.get());
    let name = |count: usize| match count {
        0 => format!("{range}{STORE}"),
        _ => format!("{range}.{count}{STORE}"),
    };
    // One of so many names is free.
    let free = (0..=taken.len()).map(name).find(|name| !taken.contains(name));
    let folder = discarded.join(free.expect("more names than are taken"));
    let begin = || {
        disk.create_directory(&folder)?;
        disk.sync_directory(&discarded)?;
        disk.rename(&directory.join(meta::FILE_NAME), &folder.join(meta::FILE_NAME))?;
        disk.sync_directory(&folder)?;
        disk.sync_directory(directory)
    };
    begin().map_err(io)?;
    finish(disk, directory)?;
    Ok(folder)
}

/// Goes on with what a crash has left of [`put_aside`], where it has; the caller holds the lock.
pub(super) fn finish(disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::io("putting aside", directory, error);
    let Some(folder) = unfinished(disk, directory).map_err(io)? else { return Ok(()) };
    let marks = MarksFile::load(disk, directory, Access::Read)?.marks;
    let go_on = || {
        // Who still reads it is told, before anything is missing.
        Control::open_or_create(disk, directory)?.set_store_made(None);
        for name in names(disk, directory)?.iter().filter(|name| is_of_log(name)) {
            disk.rename(&directory.join(name), &folder.join(name))?;
        }
        disk.sync_directory(&folder)?;
        disk.sync_directory(directory)?;
        MarksFile::create(disk, &folder, marks).map(|_| ())
    };
    go_on().map_err(io)
}

/// Goes on with what a crash has left of [`put_aside`], where it has; takes the lock.
///
/// # Errors
/// Somebody has the store open, or the system refuses.
pub fn finish_putting_aside(disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    let _lock = lock(disk, directory)?;
    finish(disk, directory)
}

/// The folder of a store that is only partly there.
fn unfinished(disk: &dyn Disk, directory: &Path) -> io::Result<Option<PathBuf>> {
    let discarded = directory.join(DISCARDED);
    for name in names(disk, &discarded)?.iter().filter(|name| name.ends_with(STORE)) {
        let folder = discarded.join(name);
        let there = names(disk, &folder)?;
        let has = |name: &str| there.iter().any(|there| there == name);
        if has(meta::FILE_NAME) && !has(marks::FILE_NAME) {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Segments of the log, also those that are none any more or not yet, and what is read with it.
fn is_of_log(name: &str) -> bool {
    let is_base = |base: &str| base.len() == 20 && base.bytes().all(|byte| byte.is_ascii_digit());
    let is_segment = name.split_once(".log").is_some_and(|(base, _)| is_base(base));
    is_segment || FOLDERS.contains(&name)
}

/// What is in a directory; nothing where there is none.
fn names(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<String>> {
    match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names,
    }
}
