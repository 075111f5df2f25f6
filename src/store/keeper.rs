//! Moves the log's beginning, and makes new segments of those before it.
//!
//! ```text
//!   00..0.log   00..65536.log   00..131072.log          the log begins in the third now
//!       │             │               └ kept from here
//!       ▼             ▼
//!   .gone ─▶ zeroed ─▶ .spare ─▶ the next segment       (nobody has it mapped)
//!   .gone ─▶ removed                                    (somebody has, or there are enough)
//! ```
//!
//! The order is what keeps a reader from ever seeing other bytes. First the mark moves, durably, in
//! both slots; then the control page says so; then a segment loses its name; and only when nobody
//! has it mapped are its bytes changed. A reader locks a segment for reading when it maps it, and
//! then looks whether its position is kept: either it is seen here, and the segment is not touched
//! but removed, which leaves its mapping as it is; or it sees that the position is gone.
//!
//! A crash in between leaves files that the next keeper finds by their names.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::types::Position;

use super::control::Control;
use super::disk::{Access, DiskFile};
use super::segment::{Segments, base_of};
use super::snapshots::LogPlace;
use super::sync::Syncing;
use super::tenure::Tenure;

/// The end of the name of a segment that is no part of the log any more.
const GONE: &str = ".gone";

/// The end of the name of one that is zero again.
pub(super) const SPARE: &str = ".spare";

/// Spare segments that are kept; those beyond give their space back to the disk.
const SPARES_MAX: usize = 2;

/// Bytes zeroed in one step: some hundreds of microseconds.
const ZERO_BYTES_PER_STEP: usize = 1024 * 1024;

/// Recycles what is before the log's beginning; an agent runs it, off the core's thread.
#[derive(Debug)]
pub struct Keeper {
    segments: Segments,
    syncing: Arc<Syncing>,
    control: Arc<Control>,
    tenure: Tenure,
    zeroing: Option<Zeroing>,
    /// Whether there may be something to recycle.
    looks: bool,
}

/// A segment on its way to become a spare one.
#[derive(Debug)]
struct Zeroing {
    path: PathBuf,
    /// Held for its lock: nobody maps it.
    file: Box<dyn DiskFile>,
    at: usize,
}

impl Keeper {
    pub(super) fn new(
        segments: Segments,
        syncing: Arc<Syncing>,
        control: Arc<Control>,
        tenure: Tenure,
    ) -> Self {
        Self { segments, syncing, control, tenure, zeroing: None, looks: true }
    }

    /// Where the log begins.
    #[must_use]
    pub fn kept_from(&self) -> Position {
        self.control.kept_from()
    }

    /// Lets the log begin at a place from now on, durably; false where it does so already, where
    /// the place is not durable itself, or where the writer is gone.
    ///
    /// # Errors
    /// The system's; the log then begins where it did.
    pub fn keep_from(&mut self, place: LogPlace) -> io::Result<bool> {
        let Some(_step) = self.tenure.step() else { return Ok(false) };
        let mut syncer = self.syncing.syncer();
        let marks = &mut syncer.marks.marks;
        if place.position <= marks.kept_from || place.position > marks.synced {
            return Ok(false);
        }
        let before = (marks.kept_from, marks.kept_chain);
        (marks.kept_from, marks.kept_chain) = (place.position, place.chain);
        // Both slots: damage to one must not bring a beginning back that is gone.
        if let Err(error) = syncer.marks.store_both() {
            let marks = &mut syncer.marks.marks;
            (marks.kept_from, marks.kept_chain) = before;
            return Err(error);
        }
        self.control.set_kept_from(place.position);
        self.looks = true;
        Ok(true)
    }

    /// One bounded step of recycling; whether there was something to do.
    ///
    /// # Errors
    /// The system's; the next step goes on with what is left.
    pub fn do_work(&mut self) -> io::Result<bool> {
        let tenure = self.tenure.clone();
        let Some(_step) = tenure.step() else {
            self.zeroing = None;
            return Ok(false);
        };
        match self.zeroing.take() {
            Some(zeroing) => self.zero(zeroing).map(|()| true),
            None if self.looks => self.next(),
            None => Ok(false),
        }
    }

    /// Takes up the next file that is no part of the log.
    fn next(&mut self) -> io::Result<bool> {
        let (disk, directory) = (Arc::clone(&self.segments.disk), self.segments.directory.clone());
        let first = self.segments.terms.base(self.control.kept_from());
        let names = disk.list(&directory)?;
        let is_spare = |name: &&String| name.ends_with(SPARE);
        let spares = names.iter().filter(is_spare).count();
        if let Some(gone) = names.iter().find(|name| name.ends_with(GONE)) {
            return self.recycle(&directory.join(gone), spares).map(|()| true);
        }
        let old = names.iter().filter_map(|name| base_of(name)).filter(|base| *base < first).min();
        let Some(base) = old else {
            self.looks = false;
            return Ok(false);
        };
        let path = self.segments.path(base);
        disk.rename(&path, &path.with_extension(format!("log{GONE}")))?;
        disk.sync_directory(&directory)?;
        Ok(true)
    }

    /// A segment without its name: zeroed if nobody looks at it and it is wanted, else removed.
    fn recycle(&mut self, path: &Path, spares: usize) -> io::Result<()> {
        let disk = &*self.segments.disk;
        let file = disk.open(path, Access::Write)?;
        let whole = file.length_bytes()? == self.segments.terms.bytes() as u64;
        if !whole || spares >= SPARES_MAX || !file.try_lock()? {
            disk.remove(path)?;
            return disk.sync_directory(&self.segments.directory);
        }
        self.zeroing = Some(Zeroing { path: path.to_path_buf(), file, at: 0 });
        Ok(())
    }

    fn zero(&mut self, zeroing: Zeroing) -> io::Result<()> {
        let Zeroing { path, file, at } = zeroing;
        let end = (at + ZERO_BYTES_PER_STEP).min(self.segments.terms.bytes());
        if at < end {
            file.write_at(at as u64, &vec![0; end - at])?;
            self.zeroing = Some(Zeroing { path, file, at: end });
            return Ok(());
        }
        file.sync()?;
        let disk = &*self.segments.disk;
        disk.rename(&path, &path.with_extension(&SPARE[1..]))?;
        disk.sync_directory(&self.segments.directory)
    }
}

impl Segments {
    /// Gives a spare segment, which is zero and whole, the name of one that is being made; false
    /// where there is none.
    pub(super) fn take_spare(&self, path: &Path) -> io::Result<bool> {
        let names = self.disk.list(&self.directory)?;
        let Some(spare) = names.iter().find(|name| name.ends_with(SPARE)) else { return Ok(false) };
        self.disk.rename(&self.directory.join(spare), path).map(|()| true)
    }
}
