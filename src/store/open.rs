//! Opening a store for writing: lock, identity, recovery, then a new epoch made durable.
//!
//! The order matters. The lock comes before the first look at anything that a writer changes.
//! What recovery keeps is made durable before the epoch is, so that an epoch's base is never
//! beyond what a power failure leaves. The control page shows no epoch until all of it is right,
//! and keeps until then what the last writer said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limits::{
    SEGMENTS_AHEAD_DEFAULT, SEGMENTS_AHEAD_MAX, SYNC_INTERVAL_NS_DEFAULT, TERM_BYTES_DEFAULT,
    TRANSACTION_BYTES_MAX, UNCOMMITTED_BYTES_DEFAULT,
};
use crate::types::{Epoch, Nanos, Position};

use super::chain::session_id;
use super::control::{Accepting, Control};
use super::disk::{Access, Disk, DiskFile, PAGE_BYTES, RealDisk};
use super::error::OpenError;
use super::header_crc::HeaderCrc;
use super::helper::{Handoff, SegmentHelper, touch};
use super::keeper::Keeper;
use super::marks::{EpochStart, Marks, MarksFile};
use super::meta::{Expected, Identity, Meta};
use super::recovery::{self, LogEnd, Recovery};
use super::segment::Segments;
use super::snapshots::LogPlace;
use super::sync::{SyncHelper, Syncer, Syncing};
use super::tenure::Tenure;
use super::writer::{Durability, NO_LENGTHS, StoreWriter};

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
    /// The epoch to begin, where it was voted for; the next one that is known to be free with `None`.
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
        let asked = Meta::new(&options.identity, options.term_bytes, now)?;
        options.check()?;
        let directory = &options.directory;
        let io = |doing, error| OpenError::io(doing, directory, error);
        disk.create_directory(directory).map_err(|error| io("creating", error))?;
        let tenure = Tenure::new(lock(&*disk, directory)?);
        let terms = asked.terms;
        let segments = Segments { disk: Arc::clone(&disk), directory: directory.clone(), terms };
        let boot_id = disk.boot_id().map_err(|error| io("reading the boot id for", error))?;
        let created = load_or_create(&segments, &asked, boot_id)?;
        let marks = MarksFile::load(&*disk, directory, Access::Write)?;
        let control = Control::open_or_create(&*disk, directory)
            .map_err(|error| OpenError::io("opening", directory.join("control"), error))?;
        let control = Arc::new(control);
        let opening =
            Opening { options, segments, marks, control: Arc::clone(&control), boot_id, tenure };
        control.begin_epoch(Epoch(0), Position(0));
        control.set_accepting(Accepting::Starting);
        let opened = opening.open(created, from);
        if opened.is_err() {
            control.set_accepting(Accepting::Stopped);
        }
        opened
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
fn lock(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn DiskFile>, OpenError> {
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
fn load_or_create(segments: &Segments, asked: &Meta, boot_id: u128) -> Result<bool, OpenError> {
    let (disk, directory) = (&*segments.disk, &segments.directory);
    match Meta::load(disk, directory) {
        Ok(found) => {
            found.check(&Expected::exactly(&asked.identity, asked.terms.bytes()))?;
            return Ok(false);
        }
        Err(OpenError::Missing { .. }) => {}
        Err(error) => return Err(error),
    }
    let io = |error| OpenError::io("creating a store in", directory, error);
    if !segments.list().map_err(io)?.is_empty() {
        let reason = "missing, and there are segments".into();
        return Err(OpenError::Damaged { path: directory.join("meta"), reason });
    }
    let marks = Marks { boot_id, clean: true, ..Marks::default() };
    MarksFile::create(disk, directory, marks).map_err(io)?;
    // Last: with it, the store is there.
    asked.store(disk, directory)?;
    Ok(true)
}

/// A store that is ours, not yet open.
struct Opening<'a> {
    options: &'a Options,
    segments: Segments,
    marks: MarksFile,
    control: Arc<Control>,
    boot_id: u128,
    tenure: Tenure,
}

impl Opening<'_> {
    fn open(
        self,
        created: bool,
        from: Option<LogPlace>,
    ) -> Result<(StoreWriter, Recovery), OpenError> {
        let (marks, directory) = (&self.marks.marks, &self.options.directory);
        let removed = self.segments.remove_unfinished();
        removed.map_err(|error| OpenError::io("cleaning up", directory, error))?;
        check_durable(from, marks, self.boot_id)?;
        let end = recovery::find_end(&self.segments, &self.options.identity, marks, from)?;
        // A page of an earlier boot can say anything. One of this boot says what the last writer
        // did, also where an opening since then has failed and left it without an epoch.
        let last = Some(&*self.control).filter(|control| control.is_of_boot(self.boot_id));
        let told = last.map(Control::committed);
        let executing = last.and_then(Control::executing);
        match (last, executing) {
            (Some(page), Some(executing)) => page.note_death(executing),
            (Some(_), None) => {}
            (None, _) => self.control.forget_deaths(),
        }
        let mut recovery = Recovery {
            created,
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
            lossy: marks.lossy || (self.boot_id != marks.boot_id && !marks.clean),
            executing,
            deaths: self.control.deaths(),
        };
        let committed = match self.options.durability {
            Durability::External => told.unwrap_or(recovery.kept_from),
            Durability::Process | Durability::Disk => end.valid_to,
        };
        let committed = committed.clamp(recovery.kept_from, end.valid_to);
        let writer = self.begin(&end, committed, recovery.lossy)?;
        recovery.epochs.clone_from(&writer.syncing.syncer().marks.marks.epochs);
        Ok((writer, recovery))
    }

    /// Cuts, makes durable, begins the epoch and maps what is written next.
    fn begin(
        mut self,
        end: &LogEnd,
        committed: Position,
        lossy: bool,
    ) -> Result<StoreWriter, OpenError> {
        let directory = &self.options.directory;
        let io = |doing, error| OpenError::io(doing, directory, error);
        let terms = self.segments.terms;
        if let Some(cut) = &end.cut {
            recovery::zero(&self.segments, cut).map_err(|error| io("cutting", error))?;
        }
        let epoch = self.marks.marks.epoch;
        let epoch = match epoch.get().checked_add(1) {
            Some(next) => Epoch(next),
            None => return Err(OpenError::EpochsUsedUp { epoch }),
        };
        let mut from = self.marks.marks.synced;
        while from < end.valid_to {
            let to = end.valid_to.min(terms.next_base(from));
            self.segments.write_again(from, to).map_err(|error| io("syncing", error))?;
            from = to;
        }
        let marks = &mut self.marks.marks;
        (marks.synced, marks.synced_chain) = (end.valid_to, end.chain);
        (marks.boot_id, marks.clean, marks.lossy) = (self.boot_id, false, lossy);
        let node = self.options.identity.node;
        marks.begin_epoch(EpochStart { epoch, node, base: end.valid_to, chain: end.chain });
        self.marks.store_both().map_err(|error| io("marking the epoch of", error))?;
        self.writer(end, committed, epoch)
    }

    fn writer(
        self,
        end: &LogEnd,
        committed: Position,
        epoch: Epoch,
    ) -> Result<StoreWriter, OpenError> {
        let terms = self.segments.terms;
        let base = terms.base(end.valid_to);
        let failed = |base| {
            let segments = &self.segments;
            move |error| recovery::size_or_io(segments, base, error)
        };
        let current = self.segments.open_or_create(base).map_err(failed(base))?;
        let offset = terms.offset(end.valid_to);
        // The page of the log's end holds frames; what was not written yet begins behind it.
        touch(&current, offset.next_multiple_of(PAGE_BYTES), terms.bytes());
        let handoff = Handoff::new();
        let mut helper = SegmentHelper::new(
            self.segments.clone(),
            Arc::clone(&handoff),
            self.tenure.clone(),
            self.options.segments_ahead,
        );
        let next_base = terms.next_base(base);
        let next = match next_base < terms.end() {
            true => Some(helper.prepare_now(next_base).map_err(failed(next_base))?),
            false => None,
        };

        let control = &self.control;
        control.set_kept_from(self.marks.marks.kept_from);
        control.set_synced(end.valid_to);
        control.set_published(end.valid_to);
        control.set_committed(committed);
        control.set_executing(None);
        control.set_boot(self.marks.marks.boot_id);
        control.begin_epoch(epoch, end.valid_to);
        let commits = self.options.durability == Durability::Disk;
        let segments = self.segments.clone();
        let syncer = Syncer::new(self.segments, self.marks, Arc::clone(control), commits);
        let syncing = Syncing::new(syncer);
        let sync_helper = SyncHelper::new(
            Arc::clone(&syncing),
            Arc::clone(control),
            self.tenure.clone(),
            if commits { 0 } else { self.options.sync_interval_ns },
        );
        let (kept, page) = (Arc::clone(&syncing), Arc::clone(control));
        let keeper = Some(Keeper::new(segments, kept, page, self.tenure.clone()));
        Ok(StoreWriter {
            terms,
            epoch,
            session: session_id(&self.options.identity.exchange, epoch),
            stream: self.options.identity.exchange_number,
            durability: self.options.durability,
            uncommitted_bytes_max: self.options.uncommitted_bytes_max,
            position: end.valid_to,
            chain: end.chain,
            current: Box::new(current),
            next,
            header_crc: HeaderCrc::new(),
            lengths: NO_LENGTHS,
            handoff,
            helper: Some(helper),
            control: self.control,
            syncing,
            sync_helper: Some(sync_helper),
            keeper,
            tenure: self.tenure,
        })
    }
}
