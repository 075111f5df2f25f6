//! `marks`: the few things that must survive a power failure beside the log itself.
//!
//! ```text
//!  [ slot 0, 4096 bytes ][ slot 1, 4096 bytes ]     written in turn, the newer valid one counts
//!
//!    0 magic "ISOMARKS"   8 generation u64    16 boot id u128
//!   32 synced u64        40 chain at synced   48 committed u64
//!   56 kept from u64     64 chain at kept     72 epoch u32
//!   76 vote: epoch u32   80 vote: node u32    84 flags u32: 1 clean, 2 lossy, 4 told, 8 barred
//!   88 epochs u32        92 zero              96 epoch table: 24 bytes each
//!                                           4088 XXH3-64 over bytes 0..4088
//! ```
//!
//! A write that tears loses only itself. What must never be forgotten once it was told (a new
//! epoch, a vote) goes to both slots, so that damage to one cannot bring an older number back.

use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::EPOCHS_MAX;
use crate::types::{Epoch, Position};

use super::chain::Chain;
use super::disk::{Access, Disk, DiskFile};
use super::error::OpenError;
use super::meta::{u32_at, u64_at};
use super::snapshots::LogPlace;

pub(super) const FILE_NAME: &str = "marks";
pub(super) const SLOT_BYTES: usize = 4096;
const CHECKED: usize = SLOT_BYTES - 8;
const TABLE: usize = 96;
const ENTRY_BYTES: usize = 24;
const MAGIC: &[u8; 8] = b"ISOMARKS";
const CLEAN: u32 = 1;
const LOSSY: u32 = 2;
const TOLD: u32 = 4;
const BARRED: u32 = 8;

const _: () = assert!(TABLE + EPOCHS_MAX * ENTRY_BYTES <= CHECKED);

/// Where an epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// Its number.
    pub epoch: Epoch,
    /// The node that wrote in it.
    pub node: u32,
    /// The first position that is its own.
    pub base: Position,
    /// The chain there.
    pub chain: Chain,
}

/// The content of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The boot under which it was written.
    pub(super) boot_id: u128,
    /// Everything before this position is durable; an end of a transaction.
    pub(super) synced: Position,
    pub(super) synced_chain: Chain,
    /// What others had said to be committed when the marks were written, at most *synced*; the
    /// control page may have more, while the machine runs.
    pub(super) committed: Position,
    /// The first position that is kept, and the chain there.
    pub(super) kept_from: Position,
    pub(super) kept_chain: Chain,
    /// The newest epoch this store ever saw.
    pub(super) epoch: Epoch,
    /// The node that got this node's vote, and in which epoch; 0 and 0 without one.
    pub(super) vote: (Epoch, u32),
    /// The writer closed the store with everything synced.
    pub(super) clean: bool,
    /// An unsynced tail may have been lost with a boot.
    pub(super) lossy: bool,
    /// What is committed is what others say: it does not follow from the log.
    pub(super) told: bool,
    /// What was executed here led to another state than the one that counts.
    pub(super) barred: bool,
    /// The newest epochs, oldest first, by base and by number.
    pub(super) epochs: Vec<EpochStart>,
}

impl Marks {
    /// Where the log is durable up to.
    pub(super) fn durable_place(&self) -> LogPlace {
        LogPlace { position: self.synced, chain: self.synced_chain }
    }

    /// Where the log begins.
    pub(super) fn kept_place(&self) -> LogPlace {
        LogPlace { position: self.kept_from, chain: self.kept_chain }
    }

    /// Takes in an epoch that begins now; the oldest is forgotten when there are too many.
    pub(super) fn begin_epoch(&mut self, start: EpochStart) {
        assert!(start.epoch >= self.epoch && !self.has_begun(start.epoch), "epochs rise");
        // An epoch whose base is beyond the new one's kept no frame.
        self.epochs.retain(|known| known.base <= start.base);
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.remove(0);
        }
        self.epoch = start.epoch;
        self.epochs.push(start);
    }

    /// Takes over what this node has promised with the store that was here before, so that nothing
    /// is unknown. Where that held more than this one begins with, some of it may have been
    /// acknowledged: lossy. What it was barred for went with its state.
    pub(super) fn take_over(&mut self, before: &Self) {
        (self.epoch, self.vote) = (self.epoch.max(before.epoch), before.vote);
        self.lossy = before.lossy || before.synced > self.synced;
    }

    /// Whether an epoch, or one after it, has begun as far as is known here.
    pub(super) fn has_begun(&self, epoch: Epoch) -> bool {
        self.epochs.last().is_some_and(|last| last.epoch >= epoch)
    }

    /// That an epoch can be begun here.
    pub(super) fn check_free(&self, epoch: Epoch) -> Result<(), OpenError> {
        match epoch < self.epoch || self.has_begun(epoch) || epoch == Epoch(0) {
            true => Err(OpenError::EpochUsed { asked: epoch, known: self.epoch }),
            false => Ok(()),
        }
    }

    /// The epoch that wrote at a position; where the table does not reach back so far, `None` and
    /// the oldest epoch that it knows.
    pub(super) fn epoch_at(&self, position: Position) -> (Option<Epoch>, Epoch) {
        let known = &self.epochs;
        let after = known.partition_point(|start| start.base <= position);
        let oldest = known.first().map_or(Epoch(u32::MAX), |start| start.epoch);
        (after.checked_sub(1).map(|index| known[index].epoch), oldest)
    }

    fn emit(&self, generation: u64) -> Vec<u8> {
        assert!(self.epochs.len() <= EPOCHS_MAX);
        let mut bytes = vec![0; SLOT_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, MAGIC);
        put(8, &generation.to_le_bytes());
        put(16, &self.boot_id.to_le_bytes());
        put(32, &self.synced.get().to_le_bytes());
        put(40, &self.synced_chain.0.to_le_bytes());
        put(48, &self.committed.get().to_le_bytes());
        put(56, &self.kept_from.get().to_le_bytes());
        put(64, &self.kept_chain.0.to_le_bytes());
        put(72, &self.epoch.get().to_le_bytes());
        put(76, &self.vote.0.get().to_le_bytes());
        put(80, &self.vote.1.to_le_bytes());
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = [
            flag(self.clean, CLEAN),
            flag(self.lossy, LOSSY),
            flag(self.told, TOLD),
            flag(self.barred, BARRED),
        ];
        let flags = flags.into_iter().fold(0, |all, flag| all | flag);
        put(84, &flags.to_le_bytes());
        put(88, &(self.epochs.len() as u32).to_le_bytes());
        for (index, start) in self.epochs.iter().enumerate() {
            let at = TABLE + index * ENTRY_BYTES;
            put(at, &start.base.get().to_le_bytes());
            put(at + 8, &start.chain.0.to_le_bytes());
            put(at + 16, &start.epoch.get().to_le_bytes());
            put(at + 20, &start.node.to_le_bytes());
        }
        let checksum = xxh3_64(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The generation and content of a slot; `None` where the write did not come to its end.
    fn parse(bytes: &[u8]) -> Option<(u64, Self)> {
        let whole = &bytes[..8] == MAGIC && u64_at(bytes, CHECKED) == xxh3_64(&bytes[..CHECKED]);
        let count = u32_at(bytes, 88) as usize;
        if !whole || count > EPOCHS_MAX {
            return None;
        }
        let entry = |index: usize| {
            let at = TABLE + index * ENTRY_BYTES;
            EpochStart {
                epoch: Epoch(u32_at(bytes, at + 16)),
                node: u32_at(bytes, at + 20),
                base: Position(u64_at(bytes, at)),
                chain: Chain(u64_at(bytes, at + 8)),
            }
        };
        let flags = u32_at(bytes, 84);
        let marks = Self {
            boot_id: u128::from(u64_at(bytes, 16)) | u128::from(u64_at(bytes, 24)) << 64,
            synced: Position(u64_at(bytes, 32)),
            synced_chain: Chain(u64_at(bytes, 40)),
            committed: Position(u64_at(bytes, 48)),
            kept_from: Position(u64_at(bytes, 56)),
            kept_chain: Chain(u64_at(bytes, 64)),
            epoch: Epoch(u32_at(bytes, 72)),
            vote: (Epoch(u32_at(bytes, 76)), u32_at(bytes, 80)),
            clean: flags & CLEAN != 0,
            lossy: flags & LOSSY != 0,
            told: flags & TOLD != 0,
            barred: flags & BARRED != 0,
            epochs: (0..count).map(entry).collect(),
        };
        Some((u64_at(bytes, 8), marks))
    }
}

/// The file, and what it says.
#[derive(Debug)]
pub(super) struct MarksFile {
    file: Box<dyn DiskFile>,
    generation: u64,
    pub(super) marks: Marks,
}

impl MarksFile {
    /// Makes the file of a new store, both slots the same.
    pub(super) fn create(disk: &dyn Disk, directory: &Path, marks: Marks) -> io::Result<Self> {
        let path = directory.join(FILE_NAME);
        let unfinished = directory.join("marks.new");
        let file = disk.create(&unfinished)?;
        let mut this = Self { file, generation: 0, marks };
        this.store_both()?;
        disk.rename(&unfinished, &path)?;
        disk.sync_directory(directory)?;
        Ok(this)
    }

    /// Reads the newer slot that is whole.
    pub(super) fn load(
        disk: &dyn Disk,
        directory: &Path,
        access: Access,
    ) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        let file =
            disk.open(&path, access).map_err(|error| OpenError::io("opening", &path, error))?;
        let length = file.length_bytes().map_err(|e| OpenError::io("reading", &path, e))?;
        if length != 2 * SLOT_BYTES as u64 {
            let reason = format!("{length} bytes, expected {}", 2 * SLOT_BYTES);
            return Err(OpenError::Damaged { path, reason });
        }
        let mut newest = None;
        for slot in 0..2 {
            let mut bytes = vec![0; SLOT_BYTES];
            file.read_at(slot * SLOT_BYTES as u64, &mut bytes)
                .map_err(|error| OpenError::io("reading", &path, error))?;
            let found = Marks::parse(&bytes);
            newest = match (newest, found) {
                (Some((old, _)), Some((new, marks))) if new > old => Some((new, marks)),
                (None, found) => found,
                (newest, _) => newest,
            };
        }
        let Some((generation, marks)) = newest else {
            return Err(OpenError::Damaged { path, reason: "both slots are damaged".into() });
        };
        Ok(Self { file, generation, marks })
    }

    /// Writes the next slot, durably. After a failure the same slot is the next one again: the
    /// other holds what still counts.
    pub(super) fn store(&mut self) -> io::Result<()> {
        let generation = self.generation + 1;
        let slot = generation % 2;
        self.file.write_at(slot * SLOT_BYTES as u64, &self.marks.emit(generation))?;
        self.file.sync()?;
        self.generation = generation;
        Ok(())
    }

    /// Writes both slots, one after the other, so that one of them is always whole.
    pub(super) fn store_both(&mut self) -> io::Result<()> {
        self.store()?;
        self.store()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;

    fn marks(synced: u64) -> Marks {
        let start = |epoch: u32| EpochStart {
            epoch: Epoch(epoch),
            node: 9,
            base: Position(u64::from(epoch) * 96),
            chain: Chain(u64::from(epoch) << 40),
        };
        Marks {
            boot_id: 0x1234_5678_9abc_def0_1111_2222_3333_4444,
            synced: Position(synced),
            synced_chain: Chain(77),
            committed: Position(3),
            kept_from: Position(32),
            kept_chain: Chain(8),
            epoch: Epoch(EPOCHS_MAX as u32),
            vote: (Epoch(6), 2),
            clean: true,
            lossy: true,
            told: true,
            barred: true,
            epochs: (1..=EPOCHS_MAX as u32).map(start).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Marks::parse(&marks(5).emit(12)), Some((12, marks(5))));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = marks(5).emit(12);
        for bit in 0..SLOT_BYTES * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Marks::parse(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_torn_write_leaves_the_one_before() {
        let (disk, directory) = (MemoryDisk::default(), Path::new("/s"));
        let path = directory.join(FILE_NAME);
        let mut file = MarksFile::create(&disk, directory, marks(1)).unwrap();
        for synced in 2..6 {
            file.marks.synced = Position(synced);
            let before = disk.read(&path).unwrap();
            file.store().unwrap();
            let after = disk.read(&path).unwrap();
            let read = || MarksFile::load(&disk, directory, Access::Read).unwrap().marks.synced;
            assert_eq!(read(), Position(synced));
            // Half of what changed is the old content again.
            let mut torn = after.clone();
            let changed = (0..after.len()).filter(|at| after[*at] != before[*at]);
            changed.step_by(2).for_each(|at| torn[at] = before[at]);
            disk.write(&path, &torn).unwrap();
            assert_eq!(read(), Position(synced - 1));
            disk.write(&path, &after).unwrap();
            file = MarksFile::load(&disk, directory, Access::Write).unwrap();
        }
    }

    #[test]
    fn the_epoch_table_is_bounded_and_forgets_what_kept_nothing() {
        let mut marks = marks(5);
        let start = |epoch, base| EpochStart {
            epoch: Epoch(epoch),
            node: 1,
            base: Position(base),
            chain: Chain(0),
        };
        marks.begin_epoch(start(1_000, 1_000_000));
        assert_eq!(marks.epochs.len(), EPOCHS_MAX);
        assert_eq!(marks.epochs[0].epoch, Epoch(2));
        // The tail of epoch 1,000 and more was lost.
        marks.begin_epoch(start(1_001, 96 * 10 + 32));
        let numbers: Vec<_> = marks.epochs.iter().map(|start| start.epoch.get()).collect();
        assert_eq!(numbers, [2, 3, 4, 5, 6, 7, 8, 9, 10, 1_001]);
    }
}
