//! A store that is filled by frames from elsewhere: a standby's.
//!
//! ```text
//!   kept ........ committed ....... held ... contiguous    ▒▒▒▒      ▒▒     received
//!    | whole transactions, in order  | one that |   hole   frames  hole  ..   |
//!    | readers: to committed         | has begun|  <──────── window ────────>
//! ```
//!
//! The store is the reorder buffer: a frame is written at its position, where it stays. What is
//! published is *held*: the end of the last whole transaction that no hole is before. The log's
//! writer is elsewhere, so that an epoch is followed, not begun; what this node held beyond the
//! followed epoch's base was never committed, is archived, and cut. Promoted, the store becomes
//! its own writer where it stands.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::types::{Epoch, Nanos, Position};

use super::chain::Chain;
use super::disk::Disk;
use super::error::OpenError;
use super::frame::FrameFault;
use super::helper::SegmentHelper;
use super::keeper::Keeper;
use super::marks::EpochStart;
use super::open::Options;
use super::recovery::Recovery;
use super::segment::Terms;
use super::snapshots::LogPlace;
use super::sync::SyncHelper;
use super::voter::Voter;
use super::writer::StoreWriter;

/// What became of frames that were given to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Bytes of the frames that are new, as they take them in the log.
    pub new_bytes: u64,
    /// Bytes of those that were there before.
    pub repeated_bytes: u64,
    /// Bytes of the given ones that were used up: all of a datagram's; of a piece of a log all but
    /// the frame that its end cuts.
    pub used_bytes: usize,
}

/// Why frames were not taken; nothing of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum Refused {
    /// No epoch is followed: nothing is known of whose frames to take.
    NoEpoch,
    /// A newer epoch than the followed one is known or promised.
    Deposed { followed: Epoch, known: Epoch },
    /// They are before the followed epoch's base.
    BelowBase { position: Position, base: Position },
    /// They do not lie within the window.
    Window { position: Position, from: Position, to: Position },
    /// They are not the followed log's frames at this place.
    Fault { position: Position, fault: FrameFault },
    /// The chain at an epoch's base is not the one that the epoch began with.
    Chain { base: Position, expected: Chain, found: Chain },
    /// Some of them lie over others that are there and begin elsewhere.
    Overlap { position: Position },
    /// There are as many holes as are kept account of.
    Holes { holes_max: usize },
    /// The segment is not prepared yet.
    SegmentNotReady { base: Position },
    /// The disk gave no space for the segment, with the system's error number.
    Disk { base: Position, error: i32 },
}

/// Why an epoch is not followed; nothing was changed.
#[derive(Debug)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum FollowRefused {
    /// A newer one is known or promised.
    Older { asked: Epoch, known: Epoch },
    /// The same epoch is known to have begun otherwise: it has two writers.
    Twice { known: EpochStart, asked: EpochStart },
    /// It began beyond what is held: its log has to be caught up with first.
    Behind { base: Position, held: Position },
    /// It began below what is committed here, so that it lacks what was confirmed.
    BelowCommitted { base: Position, committed: Position },
    /// It began below what this store still keeps.
    NotKept { base: Position, kept_from: Position },
    /// The log here is another one at its base, or no transaction ends there (no chain).
    OtherLog { base: Position, expected: Chain, found: Option<Chain> },
    /// A table of epochs that does not rise, or has none.
    Table { reason: String },
    /// The system refused an operation.
    Io { doing: &'static str, path: PathBuf, error: std::io::Error },
}

/// What was held and is no part of the log any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// Where the log ends now.
    pub from: Position,
    /// The end of what was there.
    pub to: Position,
    /// Whole transactions among it.
    pub transactions: u64,
    /// The committed position before; beyond `from` only where that was asked for.
    pub committed: Position,
    /// Where the bytes are.
    pub archive: PathBuf,
}

/// The log is not the one whose commit was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainDiffers {
    /// The position that was told.
    pub position: Position,
    /// The chain that was told.
    pub expected: Chain,
    /// The chain here; `None` where no transaction ends there.
    pub found: Option<Chain>,
}

/// A standby's store, from [`ReplicaStore::open_on`] to [`ReplicaStore::close`] or
/// [`ReplicaStore::into_writer`]. Dropped, it leaves the store as a killed process does.
#[derive(Debug)]
pub struct ReplicaStore {
    _private: (),
}

impl ReplicaStore {
    /// Opens a store for following. Its log is judged as for a writer; what is beyond the last whole
    /// transaction without a hole before it is cut. No epoch is begun: the last one goes on.
    ///
    /// [`Options::durability`] says what this node's acknowledgements mean: with
    /// [`Durability::Disk`](super::Durability::Disk) that what they name is synced, so that a loss
    /// of power takes nothing acknowledged and makes no store lossy.
    ///
    /// # Errors
    /// As [`StoreWriter::open_from`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &Options,
        from: Option<LogPlace>,
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        let _ = (disk, options, from, now);
        unimplemented!()
    }

    /// Makes a store whose log begins at a snapshot's place, and opens it. The epochs are those of
    /// the log that it will follow, oldest first: what is caught up with is held against them.
    ///
    /// # Errors
    /// As [`Self::open_on`]; [`OpenError::NotEmpty`] where there is a store.
    pub fn create_at(
        disk: Arc<dyn Disk>,
        options: &Options,
        place: LogPlace,
        epochs: &[EpochStart],
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        let _ = (disk, options, place, epochs, now);
        unimplemented!()
    }

    /// The followed epoch; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        unimplemented!()
    }

    /// Where the followed epoch began.
    #[must_use]
    pub fn base(&self) -> Position {
        unimplemented!()
    }

    /// The newest epochs, oldest first, the followed one last.
    #[must_use]
    pub fn epochs(&self) -> Vec<EpochStart> {
        unimplemented!()
    }

    /// The Aeron session of the followed epoch.
    #[must_use]
    pub fn session(&self) -> i32 {
        unimplemented!()
    }

    /// The exchange's number: the Aeron stream.
    #[must_use]
    pub fn stream(&self) -> i32 {
        unimplemented!()
    }

    /// How positions are cut into terms.
    #[must_use]
    pub fn terms(&self) -> Terms {
        unimplemented!()
    }

    /// The end of the last whole transaction that no hole is before, and the chain there: what may
    /// be acknowledged. It is published.
    #[must_use]
    pub fn held(&self) -> LogPlace {
        unimplemented!()
    }

    /// The first position whose frame is missing.
    #[must_use]
    pub fn contiguous(&self) -> Position {
        unimplemented!()
    }

    /// The end of the last frame that is there, holes or not.
    #[must_use]
    pub fn received(&self) -> Position {
        unimplemented!()
    }

    /// Where frames may end now: what is prepared, and not more than the window beyond *contiguous*.
    #[must_use]
    pub fn window_end(&self) -> Position {
        unimplemented!()
    }

    /// What is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        unimplemented!()
    }

    /// How far readers may read.
    #[must_use]
    pub fn committed(&self) -> Position {
        unimplemented!()
    }

    /// Whether a loss of power may have taken what was acknowledged: such a store's node neither
    /// votes nor is promoted until it has caught up.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        unimplemented!()
    }

    /// Holds all that the followed writer had published after this opening: not lossy any more.
    ///
    /// # Errors
    /// The system's; the store is then still lossy.
    pub fn caught_up(&mut self) -> std::io::Result<()> {
        unimplemented!()
    }

    /// Follows an epoch from now on. Durable before it returns, in both slots of the marks; what was
    /// held beyond the epoch's base is archived and cut. `None` where nothing had to be; also where
    /// the epoch was followed already.
    ///
    /// `discard` lets it cut below what is committed.
    ///
    /// # Errors
    /// Why not.
    pub fn follow(
        &mut self,
        start: EpochStart,
        discard: bool,
    ) -> Result<Option<Discarded>, FollowRefused> {
        let _ = (start, discard);
        unimplemented!()
    }

    /// As [`Self::follow`], from the followed writer's whole table: for a store that is behind by
    /// more than an epoch. What was held and is in no epoch of the table is archived and cut, and
    /// the last epoch may have begun beyond what is held: [`Self::append_old`] takes what is
    /// between, live frames are taken as soon as the window reaches them.
    ///
    /// # Errors
    /// Why not; never [`FollowRefused::Behind`].
    pub fn adopt(
        &mut self,
        table: &[EpochStart],
        discard: bool,
    ) -> Result<Option<Discarded>, FollowRefused> {
        let _ = (table, discard);
        unimplemented!()
    }

    /// Takes the frames of a datagram: whole ones of one term and of the followed epoch, padding as
    /// its header alone. Those that are there already are passed over: the first that came stays.
    ///
    /// # Errors
    /// Why none of them was taken.
    pub fn insert(&mut self, position: Position, frames: &[u8]) -> Result<Inserted, Refused> {
        let _ = (position, frames);
        unimplemented!()
    }

    /// Takes a piece of the log at [`Self::contiguous`], of any epoch that the table has there:
    /// frames as on the wire, padding as its header alone, over the ends of terms; the last may be
    /// cut. Ask again with what was not used up and what follows it.
    ///
    /// # Errors
    /// Why the first frame that was not taken was not; those before it were.
    pub fn append_old(&mut self, frames: &[u8]) -> Result<Inserted, Refused> {
        let _ = frames;
        unimplemented!()
    }

    /// The first hole at or beyond a position, as far as frames are known to follow it.
    #[must_use]
    pub fn next_gap(&self, from: Position) -> Option<Range<Position>> {
        let _ = from;
        unimplemented!()
    }

    /// Lets readers read to a position that the followed writer has committed, as soon as it is
    /// held; how far they may now.
    ///
    /// # Errors
    /// The log here is another one: nothing is committed any more until an epoch is followed.
    pub fn commit(&mut self, position: Position, chain: Chain) -> Result<Position, ChainDiffers> {
        let _ = (position, chain);
        unimplemented!()
    }

    /// That what was committed elsewhere is another log than this one; see [`Self::commit`].
    #[must_use]
    pub fn diverged(&self) -> Option<ChainDiffers> {
        unimplemented!()
    }

    /// Makes all that is held durable. Waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> std::io::Result<Position> {
        unimplemented!()
    }

    /// Closes the store: everything durable, and marked so.
    ///
    /// # Errors
    /// The system's; the store is then as after the death of the process.
    pub fn close(self) -> std::io::Result<()> {
        unimplemented!()
    }

    /// As [`StoreWriter::take_helper`].
    pub fn take_helper(&mut self) -> Option<SegmentHelper> {
        unimplemented!()
    }

    /// As [`StoreWriter::take_syncer`].
    pub fn take_syncer(&mut self) -> Option<SyncHelper> {
        unimplemented!()
    }

    /// As [`StoreWriter::take_keeper`].
    pub fn take_keeper(&mut self) -> Option<Keeper> {
        unimplemented!()
    }

    /// What votes for this node; as many as are wanted.
    #[must_use]
    pub fn voter(&self) -> Voter {
        unimplemented!()
    }

    /// Makes this node the writer, in an epoch that was voted for it, without reading the log again:
    /// cuts what is beyond the last whole transaction, makes the rest durable, then the epoch. The
    /// helpers that were taken go on for the writer. Commits are told to it:
    /// [`Durability::External`](super::Durability::External). The caller appends `EpochStarted` as
    /// the first transaction.
    ///
    /// # Errors
    /// [`OpenError::EpochUsed`], or the system's.
    pub fn into_writer(self, epoch: Epoch) -> Result<(StoreWriter, EpochStart), OpenError> {
        let _ = epoch;
        unimplemented!()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEpoch => f.write_str("no epoch is followed"),
            Self::Deposed { followed, known } => {
                write!(f, "epoch {followed} is followed, {known} is known")
            }
            Self::BelowBase { position, base } => {
                write!(f, "{position} is below the epoch's base {base}")
            }
            Self::Window { position, from, to } => {
                write!(f, "the frames at {position} are not within {from} to {to}")
            }
            Self::Fault { position, fault } => write!(f, "no frame for {position}: {fault}"),
            Self::Chain { base, expected, found } => {
                write!(
                    f,
                    "the chain at the base {base} is {found}, the epoch began with {expected}"
                )
            }
            Self::Overlap { position } => {
                write!(f, "the frame at {position} lies over others that begin elsewhere")
            }
            Self::Holes { holes_max } => write!(f, "there are {holes_max} holes"),
            Self::SegmentNotReady { base } => write!(f, "the segment at {base} is not ready"),
            Self::Disk { base, error } => {
                let error = std::io::Error::from_raw_os_error(*error);
                write!(f, "no space for the segment at {base}: {error}")
            }
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for FollowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older { asked, known } => write!(f, "epoch {asked} is over, {known} is known"),
            Self::Twice { known, asked } => write!(
                f,
                "epoch {} has two writers: node {} from {} with chain {}, and node {} from {} with \
                 chain {}",
                asked.epoch,
                known.node,
                known.base,
                known.chain,
                asked.node,
                asked.base,
                asked.chain
            ),
            Self::Behind { base, held } => {
                write!(f, "the epoch began at {base}, only {held} is held")
            }
            Self::BelowCommitted { base, committed } => {
                write!(f, "the epoch began at {base}, below what is committed here, {committed}")
            }
            Self::NotKept { base, kept_from } => {
                write!(f, "the logs part at {base}, the log here is kept from {kept_from}")
            }
            Self::OtherLog { base, expected, found: Some(found) } => {
                write!(f, "the chain at {base} is {found}, the epoch began with {expected}")
            }
            Self::OtherLog { base, expected, found: None } => write!(
                f,
                "no transaction ends at {base}, where the epoch began with the chain {expected}"
            ),
            Self::Table { reason } => write!(f, "no table of epochs: {reason}"),
            Self::Io { doing, path, error } => write!(f, "{doing} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FollowRefused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ChainDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, expected, found } = self;
        match found {
            Some(found) => write!(f, "the chain at {position} is {found}, committed is {expected}"),
            None => write!(f, "no transaction ends at {position}, which was told as committed"),
        }
    }
}

impl std::error::Error for ChainDiffers {}
