//! Opening a store for writing: lock, identity, recovery, then a new epoch made durable.
//!
//! The order matters. The lock comes before the first look at anything that a writer changes.
//! What recovery keeps is made durable before the epoch is, so that an epoch's base is never
//! beyond what a power failure leaves. The control page shows no epoch until all of it is right.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::limits::{TERM_BYTES_DEFAULT, TRANSACTION_BYTES_MAX, UNCOMMITTED_BYTES_DEFAULT};
use crate::types::{Epoch, Nanos, Position};

use super::chain::session_id;
use super::control::{Accepting, Control};
use super::disk::{Access, Disk, DiskFile, RealDisk};
use super::error::OpenError;
use super::header_crc::HeaderCrc;
use super::helper::{Handoff, SegmentHelper, touch};
use super::marks::{EpochStart, Marks, MarksFile};
use super::meta::{Expected, Identity, Meta};
use super::recovery::{self, LogEnd, Recovery};
use super::segment::Segments;
use super::snapshots::LogPlace;
use super::sync::Syncer;
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
        }
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
        if options.uncommitted_bytes_max < TRANSACTION_BYTES_MAX as u64 {
            let reason = format!(
                "{} bytes hold no transaction of {TRANSACTION_BYTES_MAX}",
                options.uncommitted_bytes_max
            );
            return Err(OpenError::Options { field: "uncommitted limit", reason });
        }
        let directory = &options.directory;
        let io = |doing, error| OpenError::io(doing, directory, error);
        disk.create_directory(directory).map_err(|error| io("creating", error))?;
        let lock: Arc<dyn DiskFile> = Arc::from(lock(&*disk, directory)?);
        let terms = asked.terms;
        let segments = Segments { disk: Arc::clone(&disk), directory: directory.clone(), terms };
        let boot_id = disk.boot_id().map_err(|error| io("reading the boot id for", error))?;
        let created = load_or_create(&segments, &asked, boot_id)?;
        let marks = MarksFile::load(&*disk, directory, Access::Write)?;
        let control = Control::open_or_create(&*disk, directory)
            .map_err(|error| OpenError::io("opening", directory.join("control"), error))?;
        // A page of an earlier boot can say anything.
        let shown = control.is_of_boot(boot_id) && control.epoch() != Epoch(0);
        let published = shown.then(|| control.published());
        let told = shown.then(|| control.committed());
        let executing = if control.is_of_boot(boot_id) { control.executing() } else { None };
        match executing {
            Some(executing) => control.note_death(executing),
            None if !control.is_of_boot(boot_id) => control.forget_deaths(),
            None => {}
        }
        control.begin_epoch(Epoch(0), Position(0));
        control.set_accepting(Accepting::Starting);

        segments.remove_unfinished().map_err(|error| io("cleaning up", error))?;
        check_durable(from, &marks.marks, boot_id)?;
        let end = recovery::find_end(&segments, &asked.identity, &marks.marks, from)?;
        let mut recovery = Recovery {
            created,
            kept_from: marks.marks.kept_from,
            valid_to: end.valid_to,
            chain: end.chain,
            frames: end.frames,
            transactions: end.transactions,
            synced: marks.marks.synced,
            published,
            cut: end.cut,
            epochs: Vec::new(),
            clean: marks.marks.clean,
            lossy: marks.marks.lossy || (boot_id != marks.marks.boot_id && !marks.marks.clean),
            executing,
            deaths: control.deaths(),
        };
        let committed = match options.durability {
            Durability::External => told.unwrap_or(recovery.kept_from),
            Durability::Process | Durability::Disk => end.valid_to,
        };
        let committed = committed.clamp(recovery.kept_from, end.valid_to);
        let control = Arc::new(control);
        let opening = Opening { options, segments, marks, control, committed, lock };
        let writer = opening.begin(&end, boot_id, recovery.lossy)?;
        recovery.epochs.clone_from(&writer.syncer.marks.marks.epochs);
        Ok((writer, recovery))
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

/// A store whose end is known, not yet open.
struct Opening<'a> {
    options: &'a Options,
    segments: Segments,
    marks: MarksFile,
    control: Arc<Control>,
    committed: Position,
    lock: Arc<dyn DiskFile>,
}

impl Opening<'_> {
    /// Cuts, makes durable, begins the epoch and maps what is written next.
    fn begin(mut self, end: &LogEnd, boot_id: u128, lossy: bool) -> Result<StoreWriter, OpenError> {
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
        let mut base = terms.base(self.marks.marks.synced);
        while base < end.valid_to {
            self.segments.sync(base).map_err(|error| io("syncing", error))?;
            base = terms.next_base(base);
        }
        let marks = &mut self.marks.marks;
        (marks.synced, marks.synced_chain) = (end.valid_to, end.chain);
        (marks.boot_id, marks.clean, marks.lossy) = (boot_id, false, lossy);
        let node = self.options.identity.node;
        marks.begin_epoch(EpochStart { epoch, node, base: end.valid_to, chain: end.chain });
        self.marks.store_both().map_err(|error| io("marking the epoch of", error))?;
        self.writer(end, epoch)
    }

    fn writer(self, end: &LogEnd, epoch: Epoch) -> Result<StoreWriter, OpenError> {
        let terms = self.segments.terms;
        let base = terms.base(end.valid_to);
        let failed = |base| {
            let segments = &self.segments;
            move |error| recovery::size_or_io(segments, base, error)
        };
        let current = self.segments.open_or_create(base).map_err(failed(base))?;
        let offset = terms.offset(end.valid_to);
        // The page of the log's end holds frames; what was not written yet begins behind it.
        touch(&current, offset.next_multiple_of(4096), terms.bytes());
        let handoff = Handoff::new();
        let mut helper =
            SegmentHelper::new(self.segments.clone(), Arc::clone(&handoff), Arc::clone(&self.lock));
        let next_base = terms.next_base(base);
        let next = match next_base < terms.end() {
            true => Some(helper.prepare_now(next_base).map_err(failed(next_base))?),
            false => None,
        };

        let control = &self.control;
        control.set_kept_from(self.marks.marks.kept_from);
        control.set_synced(end.valid_to);
        control.set_published(end.valid_to);
        control.set_committed(self.committed);
        control.set_executing(None);
        control.set_boot(self.marks.marks.boot_id);
        control.begin_epoch(epoch, end.valid_to);
        let syncer = Syncer::new(self.segments, self.marks, Arc::clone(control));
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
            syncer,
            _lock: self.lock,
        })
    }
}
