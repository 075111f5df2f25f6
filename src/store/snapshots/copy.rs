//! A snapshot that is copied from another node: its file's bytes in order, believed when all of
//! them were checked.

use super::writer::is_being_taken;
use super::{DiskFile, SnapshotError, SnapshotInfo, Snapshots, UNFINISHED, remove};
use crate::types::Position;
use std::io;
use std::path::PathBuf;

/// A copy on its way. Calling order: `write` in order, then `keep`. Dropped before, it is not
/// there.
#[derive(Debug)]
pub struct CopiedSnapshot {
    snapshots: Snapshots,
    position: Position,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    at: u64,
}

impl Snapshots {
    /// Begins a copy of the snapshot at a position. As long as it is on its way its file is locked.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::WouldBlock`] where another process writes this very one.
    pub fn begin_copy(&self, position: Position) -> io::Result<CopiedSnapshot> {
        let directory = self.directory();
        self.disk.create_directory(&directory)?;
        let path = directory.join(format!("{:020}{UNFINISHED}", position.get()));
        self.remove_unfinished(&path)?;
        let file = self.disk.create(&path)?;
        if !file.try_lock()? {
            return Err(is_being_taken(&path));
        }
        Ok(CopiedSnapshot { snapshots: self.clone(), position, path, file, at: 0 })
    }
}

impl CopiedSnapshot {
    /// Bytes of the file that are there.
    #[must_use]
    pub fn length_bytes(&self) -> u64 {
        self.at
    }

    /// The file's next bytes.
    ///
    /// # Errors
    /// The system's; they may be given again.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// All of it is there: checks it, and gives it its name, durably.
    ///
    /// # Errors
    /// It is not whole, or another's; it is not there then.
    pub fn keep(self) -> Result<SnapshotInfo, SnapshotError> {
        let checked = self.check();
        if checked.is_err() {
            // What it is, is the error to tell.
            let _ = remove(&*self.snapshots.disk, &self.path);
        }
        let info = checked?;
        let io = |error| SnapshotError::Io { path: self.path.clone(), error };
        let Snapshots { disk, store, .. } = &self.snapshots;
        self.file.sync().map_err(io)?;
        disk.rename(&self.path, &self.snapshots.path(self.position)).map_err(io)?;
        disk.sync_directory(&self.snapshots.directory()).map_err(io)?;
        disk.sync_directory(store).map_err(io)?;
        Ok(info)
    }

    fn check(&self) -> Result<SnapshotInfo, SnapshotError> {
        let file = self.snapshots.open_path(self.path.clone())?;
        if file.info().place.position != self.position {
            return Err(file.damaged(format!("it says it is of {}", file.info().place.position)));
        }
        file.verify()?;
        Ok(*file.info())
    }
}
