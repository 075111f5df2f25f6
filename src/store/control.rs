//! `control`: one mapped page by which a writer and its readers see each other.
//!
//! ```text
//!     0 magic "ISOCTRL1"; 16 the boot it was written under
//!   128 published   the writer's end; before it transactions are whole
//!   256 synced      durable to here; the sync's
//!   384 committed   readers stop here; the commit rule's
//!   512 accepting   what the gateways answer from
//!   640 executing   source and source sequence of the command being executed, and since when
//!   768 kept from   the first position that is kept
//!   896 epoch, base the writer's epoch and where it began
//!  1024 differing   how many nodes have another state than the writer; the primary's; or 0
//!  1152 store       which one it is; how often it was opened or cut, and where it ended then
//!  3072 deaths      see `deaths.rs`
//! ```
//!
//! Each group stands on cache lines of its own (two, for the processor that fetches pairs) and
//! has one writer. The page is never read by recovery: after a power failure it can say
//! anything. It survives a killed process, and readers stay attached to it over a restart.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::types::{Epoch, Nanos, Position, SourceId};

use super::disk::{Access, Disk, Mapping};

pub(super) const FILE_NAME: &str = "control";
pub(super) const BYTES: usize = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"ISOCTRL1");
const BOOT: usize = 16;
const PUBLISHED: usize = 128;
const SYNCED: usize = 256;
const COMMITTED: usize = 384;
const ACCEPTING: usize = 512;
const EXECUTING_SOURCE: usize = 640;
const EXECUTING_SEQUENCE: usize = 648;
const EXECUTING_SINCE: usize = 656;
const KEPT_FROM: usize = 768;
const EPOCH: usize = 896;
const EPOCH_BASE: usize = 904;
const DIFFERING: usize = 1024;
const STORE: usize = 1152;
const ENDINGS: usize = 1160;
const ENDED_AT: usize = 1168;
/// In place of a store's: there is none in the directory.
const PUT_ASIDE: u64 = u64::MAX;

/// Whether commands are taken, and if not why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// Commands are taken.
    Yes,
    /// No writer has the store, or it is not ready yet.
    Starting,
    /// The next segment is not prepared yet.
    SegmentNotReady,
    /// The disk has no space.
    Disk,
    /// Too much is published and not committed.
    Uncommitted,
    /// What was published cannot be made durable.
    Sync,
    /// The writer stopped.
    Stopped,
    /// Another node writes; this one follows.
    Standby,
    /// Most nodes have another state than the writer.
    Differs,
    /// A reason that this version does not know.
    Other(u64),
}

impl Accepting {
    const fn code(self) -> u64 {
        match self {
            Self::Starting => 0,
            Self::Yes => 1,
            Self::SegmentNotReady => 2,
            Self::Disk => 3,
            Self::Uncommitted => 4,
            Self::Stopped => 5,
            Self::Sync => 6,
            Self::Standby => 7,
            Self::Differs => 8,
            Self::Other(code) => code,
        }
    }

    const fn of(code: u64) -> Self {
        match code {
            0 => Self::Starting,
            1 => Self::Yes,
            2 => Self::SegmentNotReady,
            3 => Self::Disk,
            4 => Self::Uncommitted,
            5 => Self::Stopped,
            6 => Self::Sync,
            7 => Self::Standby,
            8 => Self::Differs,
            code => Self::Other(code),
        }
    }
}

impl fmt::Display for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::Starting => "no(starting)",
            Self::SegmentNotReady => "no(segment)",
            Self::Disk => "no(disk)",
            Self::Uncommitted => "no(uncommitted)",
            Self::Sync => "no(sync)",
            Self::Stopped => "no(stopped)",
            Self::Standby => "no(standby)",
            Self::Differs => "no(differs)",
            Self::Other(code) => return write!(f, "no({code})"),
        })
    }
}

/// The command that a core was executing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executing {
    /// Where it came from.
    pub source: SourceId,
    /// Its number there.
    pub source_sequence: u64,
    /// When its execution began, in logged time.
    pub since: Nanos,
}

/// The mapped page.
#[derive(Debug)]
pub(super) struct Control {
    mapping: Mapping,
}

impl Control {
    /// Opens the page for writing, or makes it. One that is no control page is replaced, by name,
    /// so that nobody's mapping is pulled away.
    pub(super) fn open_or_create(disk: &dyn Disk, directory: &Path) -> io::Result<Self> {
        let path = directory.join(FILE_NAME);
        match disk.open(&path, Access::Write) {
            Ok(file) if file.length_bytes()? == BYTES as u64 => {
                file.allocate(0, BYTES as u64)?;
                let control = Self { mapping: file.map(BYTES)? };
                if control.load(0) == MAGIC {
                    return Ok(control);
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let unfinished = directory.join("control.new");
        match disk.remove(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&unfinished)?;
        file.allocate(0, BYTES as u64)?;
        let control = Self { mapping: file.map(BYTES)? };
        control.store(0, MAGIC);
        disk.rename(&unfinished, &path)?;
        Ok(control)
    }

    /// Maps the page for reading; `None` where there is none.
    pub(super) fn attach(disk: &dyn Disk, directory: &Path) -> io::Result<Option<Self>> {
        let file = match disk.open(&directory.join(FILE_NAME), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if file.length_bytes()? != BYTES as u64 {
            return Ok(None);
        }
        let control = Self { mapping: file.map(BYTES)? };
        Ok(if control.load(0) == MAGIC { Some(control) } else { None })
    }

    #[inline]
    pub(super) fn load(&self, offset: usize) -> u64 {
        self.mapping.atomic_u64(offset).load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn store(&self, offset: usize, value: u64) {
        assert!(self.mapping.is_writable());
        self.mapping.atomic_u64(offset).store(value, Ordering::Release);
    }

    /// Whether the page was written under a boot: then what it says is what was last stored.
    pub(super) fn is_of_boot(&self, boot_id: u128) -> bool {
        let words = [self.load(BOOT), self.load(BOOT + 8)];
        words == [boot_id as u64, (boot_id >> 64) as u64]
    }

    pub(super) fn set_boot(&self, boot_id: u128) {
        self.store(BOOT, boot_id as u64);
        self.store(BOOT + 8, (boot_id >> 64) as u64);
    }

    #[inline]
    pub(super) fn published(&self) -> Position {
        Position(self.load(PUBLISHED))
    }

    #[inline]
    pub(super) fn set_published(&self, position: Position) {
        self.store(PUBLISHED, position.get());
    }

    #[inline]
    pub(super) fn synced(&self) -> Position {
        Position(self.load(SYNCED))
    }

    pub(super) fn set_synced(&self, position: Position) {
        self.store(SYNCED, position.get());
    }

    #[inline]
    pub(super) fn committed(&self) -> Position {
        Position(self.load(COMMITTED))
    }

    #[inline]
    pub(super) fn set_committed(&self, position: Position) {
        self.store(COMMITTED, position.get());
    }

    #[inline]
    pub(super) fn accepting(&self) -> Accepting {
        Accepting::of(self.load(ACCEPTING))
    }

    pub(super) fn set_accepting(&self, accepting: Accepting) {
        self.store(ACCEPTING, accepting.code());
    }

    pub(super) fn executing(&self) -> Option<Executing> {
        let source = self.load(EXECUTING_SOURCE);
        let source_sequence = self.load(EXECUTING_SEQUENCE);
        let since = Nanos(self.load(EXECUTING_SINCE));
        // 0: nothing is being executed; else the source + 1, for 0 is a source, the core itself.
        let source = u32::try_from(source.checked_sub(1)?).ok()?;
        Some(Executing { source: SourceId(source), source_sequence, since })
    }

    #[inline]
    pub(super) fn set_executing(&self, executing: Option<Executing>) {
        match executing {
            Some(executing) => {
                self.store(EXECUTING_SEQUENCE, executing.source_sequence);
                self.store(EXECUTING_SINCE, executing.since.get());
                self.store(EXECUTING_SOURCE, u64::from(executing.source.get()) + 1);
            }
            None => self.store(EXECUTING_SOURCE, 0),
        }
    }

    #[inline]
    pub(super) fn kept_from(&self) -> Position {
        Position(self.load(KEPT_FROM))
    }

    pub(super) fn set_kept_from(&self, position: Position) {
        self.store(KEPT_FROM, position.get());
    }

    /// The newest writer's epoch, here or followed; 0 before the first.
    #[inline]
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.load(EPOCH) as u32)
    }

    /// What is beyond it is the newest epoch's: where that began, or where it cut what was here;
    /// set before the epoch.
    #[inline]
    pub(super) fn epoch_base(&self) -> Position {
        Position(self.load(EPOCH_BASE))
    }

    /// How many nodes, a majority, have another state than the writer, which takes nothing then.
    #[inline]
    pub(super) fn differing_nodes(&self) -> u64 {
        self.load(DIFFERING)
    }

    pub(super) fn set_differing_nodes(&self, nodes: u64) {
        self.store(DIFFERING, nodes);
    }

    /// Which store it is of, by when that was made; `None` where it was put aside.
    #[inline]
    pub(super) fn store_made(&self) -> Option<Nanos> {
        Some(self.load(STORE)).filter(|made| *made != PUT_ASIDE).map(Nanos)
    }

    pub(super) fn set_store_made(&self, made: Option<Nanos>) {
        self.store(STORE, made.map_or(PUT_ASIDE, Nanos::get));
    }

    /// How often the store was opened, or cut while it was open: another number is another end. An
    /// opening need not begin an epoch.
    #[inline]
    pub(super) fn endings(&self) -> u64 {
        self.load(ENDINGS)
    }

    /// Where its log ended at the last of them; set before they are counted.
    pub(super) fn ended_at(&self) -> Position {
        Position(self.load(ENDED_AT))
    }

    /// The log ends here now, whatever readers have read.
    pub(super) fn note_ending(&self, position: Position) {
        self.store(ENDED_AT, position.get());
        self.store(ENDINGS, self.endings().wrapping_add(1));
    }

    /// Of another epoch nobody has said yet that it leads to another state.
    pub(super) fn begin_epoch(&self, epoch: Epoch, base: Position) {
        self.set_differing_nodes(0);
        self.store(EPOCH_BASE, base.get());
        self.store(EPOCH, u64::from(epoch.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;

    #[test]
    fn what_is_set_is_seen_by_others() {
        let (disk, directory) = (MemoryDisk::default(), Path::new("/s"));
        assert!(Control::attach(&disk, directory).unwrap().is_none());
        let control = Control::open_or_create(&disk, directory).unwrap();
        let seen = Control::attach(&disk, directory).unwrap().unwrap();
        control.set_published(Position(1));
        control.set_synced(Position(2));
        control.set_committed(Position(3));
        control.set_kept_from(Position(4));
        control.begin_epoch(Epoch(5), Position(6));
        assert_eq!((seen.published(), seen.synced()), (Position(1), Position(2)));
        assert_eq!((seen.committed(), seen.kept_from()), (Position(3), Position(4)));
        assert_eq!((seen.epoch(), seen.epoch_base()), (Epoch(5), Position(6)));
        assert_eq!(seen.executing(), None);
        control.set_boot(1 << 64 | 2);
        assert!(seen.is_of_boot(1 << 64 | 2) && !seen.is_of_boot(2) && !seen.is_of_boot(1 << 64));
        for source in [0, 7, u32::MAX] {
            let (source, since) = (SourceId(source), Nanos(9));
            let executing = Some(Executing { source, source_sequence: 8, since });
            control.set_executing(executing);
            assert_eq!(seen.executing(), executing);
        }
        control.set_executing(None);
        assert_eq!(seen.executing(), None);
        for code in 0..9 {
            assert_eq!(Accepting::of(code).code(), code);
        }
        // Opened again it is the same page; one that is none is replaced.
        Control::open_or_create(&disk, directory).unwrap().set_published(Position(9));
        assert_eq!(seen.published(), Position(9));
        disk.write(&directory.join(FILE_NAME), &[1; BYTES]).unwrap();
        assert!(Control::attach(&disk, directory).unwrap().is_none());
        assert_eq!(Control::open_or_create(&disk, directory).unwrap().published(), Position(0));
    }
}
