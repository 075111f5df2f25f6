//! Opening a store for writing: lock, identity, recovery, then a new epoch made durable.
//!
//! The order matters. The lock comes before the first look at anything that a writer changes.
//! What recovery keeps is made durable before the epoch is, so that an epoch's base is never
//! beyond what a power failure leaves. The control page shows no epoch until all of it is right,
//! and keeps until then what the last writer said.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limits::{
    SEGMENTS_AHEAD_DEFAULT, SEGMENTS_AHEAD_MAX, SYNC_INTERVAL_NS_DEFAULT, TERM_BYTES_DEFAULT,
    TRANSACTION_BYTES_MAX, UNCOMMITTED_BYTES_DEFAULT,
};
use crate::types::{Epoch, Nanos, Position};

use super::aside;
use super::chain::Chain;
use super::control::{Accepting, Control};
use super::disk::{Access, Disk, DiskFile, RealDisk};
use super::error::OpenError;
use super::holding::{Holding, Parts};
use super::marks::{EpochStart, Marks, MarksFile};
use super::meta::{Expected, Identity, Meta};
use super::recovery::{self, Cut, LogEnd, Recovery};
use super::segment::Segments;
use super::snapshots::LogPlace;
use super::sync::{Syncer, Syncing};
use super::tenure::Tenure;
use super::writer::{Durability, StoreWriter};

pub(super) const LOCK_NAME: &str = "lock";

/// Which store to open, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory; made where it is missing.
    pub directory: PathBuf,
    /// Whose it must be.
    pub identity: Identity,
    /// Bytes of a segment: a power of two from 64 KiB to 1 GiB.
    pub term_bytes: usize,
    /// When a transaction is committed.
    pub durability: Durability,
    /// The most that may be published and not committed; at least a transaction.
    pub uncommitted_bytes_max: u64,
    /// Time from one sync to the next where commits do not wait for it; 0 syncs all the time, as
    /// [`Durability::Disk`] does.
    pub sync_interval_ns: u64,
    /// Segments to have ready beyond the one being written, once somebody runs the helper; 1 to
    /// [`SEGMENTS_AHEAD_MAX`].
    pub segments_ahead: usize,
    /// The epoch to begin, where it was voted for; with `None` the next one that is free.
    pub epoch: Option<Epoch>,
}

impl Options {
    /// The defaults for a store in a directory: 64 MiB segments, committed when published.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, identity: Identity) -> Self {
        Self {
            directory: directory.into(),
            identity,
            term_bytes: TERM_BYTES_DEFAULT,
            durability: Durability::Process,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_DEFAULT,
            sync_interval_ns: SYNC_INTERVAL_NS_DEFAULT,
            segments_ahead: SEGMENTS_AHEAD_DEFAULT,
            epoch: None,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), OpenError> {
        if self.uncommitted_bytes_max < TRANSACTION_BYTES_MAX as u64 {
            let bytes = self.uncommitted_bytes_max;
            let reason = format!("{bytes} bytes hold no transaction of {TRANSACTION_BYTES_MAX}");
            return Err(OpenError::Options { field: "uncommitted limit", reason });
        }
        if !(1..=SEGMENTS_AHEAD_MAX).contains(&self.segments_ahead) {
            let reason = format!("{} is not from 1 to {SEGMENTS_AHEAD_MAX}", self.segments_ahead);
            return Err(OpenError::Options { field: "segments ahead", reason });
        }
        Ok(())
    }
}

impl StoreWriter {
    /// Opens a store on the system's disk, or makes it. The caller appends `EpochStarted` as the
    /// first transaction.
    ///
    /// # Errors
    /// Another writer has it, it is another store, it is damaged where it was durable, or the
    /// system refuses.
    pub fn open(options: &Options, now: Nanos) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Arc::new(RealDisk), options, now)
    }

    /// As [`Self::open`], on any disk.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &Options,
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_from(disk, options, None, now)
    }

    /// As [`Self::open_on`], without reading the log before a place that is known: a snapshot was
    /// made of what is before it. It reads from the beginning of the place's segment.
    ///
    /// # Errors
    /// As there, and [`OpenError::Place`] where the log does not bear the place out; nothing was
    /// changed then.
    pub fn open_from(
        disk: Arc<dyn Disk>,
        options: &Options,
        from: Option<LogPlace>,
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        Opening::with(disk, options, None, now, |mut opening| {
            let mut found = opening.find_and_settle(from, options.durability.is_told())?;
            let epoch = opening.free_epoch()?;
            opening.marks.marks.begin_epoch(found.end.start_of(epoch, options.identity.node));
            opening.store_marks()?;
            found.recovery.epochs.clone_from(&opening.marks.marks.epochs);
            let holding = opening.hold(&found)?;
            let (durability, end) = (options.durability, found.end.place());
            let writer = StoreWriter::begin_on(holding, options, durability, epoch, end);
            Ok((writer, found.recovery))
        })
    }
}

/// Whether the log before a place is there as it was written: below *synced* it is durable, and in
/// the boot that wrote it the system has it.
fn check_durable(from: Option<LogPlace>, marks: &Marks, boot_id: u128) -> Result<(), OpenError> {
    match from {
        Some(LogPlace { position, .. }) if position > marks.synced && boot_id != marks.boot_id => {
            let synced = marks.synced;
            let reason = format!("the machine has started anew, and {synced} was durable before");
            Err(OpenError::Place { position, reason })
        }
        _ => Ok(()),
    }
}

/// Takes the lock and writes our process id into its file.
pub(super) fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn DiskFile>, OpenError> {
    let path = directory.join(LOCK_NAME);
    let locked = || {
        let file = disk.create(&path)?;
        if !file.try_lock()? {
            return Ok(Err(holder(&*file, 0)));
        }
        file.write_at(0, format!("{:<10}\n", std::process::id()).as_bytes())?;
        Ok(Ok(file))
    };
    match locked() {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(pid)) => Err(OpenError::Held { directory: directory.to_path_buf(), pid }),
        Err(error) => Err(OpenError::io("locking", path, error)),
    }
}

/// The process id that stands as text in a locked file.
pub(super) fn holder(file: &dyn DiskFile, offset: u64) -> Option<u32> {
    let mut text = [0; 11];
    file.read_at(offset, &mut text).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Checks that the store is the one asked for, or makes it; true if it was made.
fn load_or_create(
    segments: &Segments,
    asked: &Meta,
    begins_at: Option<&Marks>,
    boot_id: u128,
) -> Result<bool, OpenError> {
    let (disk, directory) = (&*segments.disk, &segments.directory);
    match Meta::load(disk, directory) {
        Ok(found) => {
            found.check(&Expected::exactly(&asked.identity, asked.terms.bytes()))?;
            return match begins_at {
                Some(_) => Err(OpenError::NotEmpty { directory: directory.clone() }),
                None => Ok(false),
            };
        }
        Err(OpenError::Missing { .. }) => {}
        Err(error) => return Err(error),
    }
    let io = |error| OpenError::io("creating a store in", directory, error);
    if !segments.list().map_err(io)?.is_empty() {
        let reason = "missing, and there are segments".into();
        return Err(OpenError::Damaged { path: directory.join("meta"), reason });
    }
    let marks = begins_at.cloned().unwrap_or_default();
    let mut marks = Marks { boot_id, clean: true, ..marks };
    match MarksFile::load(disk, directory, Access::Read) {
        Ok(before) => marks.take_over(&before.marks),
        Err(OpenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    MarksFile::create(disk, directory, marks).map_err(io)?;
    // Last: with it, the store is there.
    asked.store(disk, directory)?;
    Ok(true)
}

/// A store that is ours, not yet open.
pub(super) struct Opening<'a> {
    pub(super) options: &'a Options,
    segments: Segments,
    pub(super) marks: MarksFile,
    control: Arc<Control>,
    boot_id: u128,
    tenure: Tenure,
    created: bool,
}

/// What an opening found, and has made durable.
pub(super) struct Found {
    pub(super) end: LogEnd,
    pub(super) recovery: Recovery,
    /// What readers may read, and the chain there if it is known.
    pub(super) committed: (Position, Option<Chain>),
}

impl LogEnd {
    /// The place of the end.
    pub(super) fn place(&self) -> LogPlace {
        LogPlace { position: self.valid_to, chain: self.chain }
    }

    fn start_of(&self, epoch: Epoch, node: u32) -> EpochStart {
        EpochStart { epoch, node, base: self.valid_to, chain: self.chain }
    }
}

impl<'a> Opening<'a> {
    /// Takes a store into its hands, or makes it, to begin with marks where they are given; then
    /// opens it.
    pub(super) fn with<T>(
        disk: Arc<dyn Disk>,
        options: &'a Options,
        begins_at: Option<&Marks>,
        now: Nanos,
        open: impl FnOnce(Self) -> Result<T, OpenError>,
    ) -> Result<T, OpenError> {
        let asked = Meta::new(&options.identity, options.term_bytes, now)?;
        options.check()?;
        let directory = &options.directory;
        let io = |doing, error| OpenError::io(doing, directory, error);
        disk.create_directory(directory).map_err(|error| io("creating", error))?;
        let tenure = Tenure::new(lock(&*disk, directory)?);
        aside::finish(&*disk, directory)?;
        let terms = asked.terms;
        let segments = Segments { disk: Arc::clone(&disk), directory: directory.clone(), terms };
        let boot_id = disk.boot_id().map_err(|error| io("reading the boot id for", error))?;
        let created = load_or_create(&segments, &asked, begins_at, boot_id)?;
        let marks = MarksFile::load(&*disk, directory, Access::Write)?;
        let control = Control::open_or_create(&*disk, directory)
            .map_err(|error| OpenError::io("opening", directory.join("control"), error))?;
        let control = Arc::new(control);
        control.set_store_made(Some(Meta::load(&*disk, directory)?.created));
        let page = Arc::clone(&control);
        let opening = Self { options, segments, marks, control, boot_id, tenure, created };
        page.begin_epoch(Epoch(0), Position(0));
        page.set_accepting(Accepting::Starting);
        let opened = open(opening);
        if opened.is_err() {
            page.set_accepting(Accepting::Stopped);
        }
        opened
    }

    /// Finds the log's end, cuts what is beyond it and makes the rest durable; the marks say so
    /// when they are stored next. `told`: what is committed is what others say.
    pub(super) fn find_and_settle(
        &mut self,
        from: Option<LogPlace>,
        told: bool,
    ) -> Result<Found, OpenError> {
        let found = self.find(from, told)?;
        self.settle(&found, told)?;
        Ok(found)
    }

    fn find(&self, from: Option<LogPlace>, told: bool) -> Result<Found, OpenError> {
        let (marks, directory) = (&self.marks.marks, &self.options.directory);
        let removed = self.segments.remove_unfinished();
        removed.map_err(|error| OpenError::io("cleaning up", directory, error))?;
        check_durable(from, marks, self.boot_id)?;
        // A page of an earlier boot can say anything. One of this boot says what the last writer
        // did, also where an opening since then has failed and left it without an epoch.
        let last = Some(&*self.control).filter(|control| control.is_of_boot(self.boot_id));
        let asked = told.then(|| last.map_or(marks.committed, Control::committed));
        let end = recovery::find_end(&self.segments, &self.options.identity, marks, from, asked)?;
        let executing = last.and_then(Control::executing);
        match (last, executing) {
            (Some(page), Some(executing)) => page.note_death(executing),
            (Some(_), None) => {}
            (None, _) => self.control.forget_deaths(),
        }
        // What was acknowledged only when it was synced is not lost with the power.
        let may_lose = !(told && self.options.durability == Durability::Disk);
        let recovery = Recovery {
            created: self.created,
            kept_from: marks.kept_from,
            valid_to: end.valid_to,
            chain: end.chain,
            frames: end.frames,
            transactions: end.transactions,
            synced: marks.synced,
            published: last.map(Control::published),
            cut: end.cut,
            epochs: Vec::new(),
            clean: marks.clean,
            lossy: marks.lossy || (may_lose && self.boot_id != marks.boot_id && !marks.clean),
            barred: marks.barred,
            executing,
            deaths: self.control.deaths(),
        };
        let committed = asked.unwrap_or(end.valid_to).clamp(marks.kept_from, end.valid_to);
        let chain = match () {
            () if committed == end.valid_to => Some(end.chain),
            () if Some(committed) == asked => end.chain_asked,
            () if committed == marks.kept_from => Some(marks.kept_chain),
            () => None,
        };
        Ok(Found { end, recovery, committed: (committed, chain) })
    }

    fn settle(&mut self, found: &Found, told: bool) -> Result<(), OpenError> {
        let directory = &self.options.directory;
        let io = |doing, error| OpenError::io(doing, directory, error);
        let (segments, end) = (&self.segments, &found.end);
        if let Some(Cut { from, to, .. }) = end.cut {
            recovery::zero(segments, from, to).map_err(|error| io("cutting", error))?;
        }
        let mut from = self.marks.marks.synced;
        while from < end.valid_to {
            let to = end.valid_to.min(segments.terms.next_base(from));
            segments.write_again(from, to).map_err(|error| io("syncing", error))?;
            from = to;
        }
        let marks = &mut self.marks.marks;
        (marks.synced, marks.synced_chain) = (end.valid_to, end.chain);
        (marks.boot_id, marks.clean, marks.told) = (self.boot_id, false, told);
        (marks.lossy, marks.committed) = (found.recovery.lossy, found.committed.0);
        Ok(())
    }

    /// The epoch to begin: the one that was voted for, or the next.
    fn free_epoch(&self) -> Result<Epoch, OpenError> {
        let marks = &self.marks.marks;
        match self.options.epoch {
            Some(epoch) => marks.check_free(epoch).map(|()| epoch),
            None => match marks.epoch.get().checked_add(1) {
                Some(next) => Ok(Epoch(next)),
                None => Err(OpenError::EpochsUsedUp { epoch: marks.epoch }),
            },
        }
    }

    pub(super) fn store_marks(&mut self) -> Result<(), OpenError> {
        let stored = self.marks.store_both();
        stored
            .map_err(|error| OpenError::io("marking the epoch of", &self.options.directory, error))
    }

    /// Maps what is written next, and shows on the control page all but the epoch.
    pub(super) fn hold(self, found: &Found) -> Result<Holding, OpenError> {
        let (control, end) = (self.control, found.end.valid_to);
        let commits = self.options.durability == Durability::Disk && !self.marks.marks.told;
        let at_once = self.options.durability == Durability::Disk;
        let kept_from = self.marks.marks.kept_from;
        let segments = self.segments.clone();
        let syncer = Syncer::new(self.segments, self.marks, Arc::clone(&control), commits);
        let parts = Parts {
            segments: segments.clone(),
            control: Arc::clone(&control),
            syncing: Syncing::new(syncer),
            tenure: self.tenure,
            segments_ahead: self.options.segments_ahead,
            sync_interval_ns: if at_once { 0 } else { self.options.sync_interval_ns },
        };
        let holding = Holding::new(parts, end)
            .map_err(|(base, error)| recovery::size_or_io(&segments, base, error))?;
        control.set_kept_from(kept_from);
        control.set_synced(end);
        control.set_published(end);
        control.set_committed(found.committed.0);
        control.set_executing(None);
        control.set_boot(self.boot_id);
        control.note_ending(end);
        Ok(holding)
    }
}
