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

mod answer;
mod follow;
mod insert;
mod open;
mod runs;

pub use answer::{ChainDiffers, Discarded, FollowRefused, Inserted, Refused};

use std::io;
use std::ops::Range;

use crate::types::{Epoch, Position};

use super::chain::Chain;
use super::header_crc::HeaderCrc;
use super::helper::SegmentHelper;
use super::holding::Holding;
use super::keeper::Keeper;
use super::marks::EpochStart;
use super::open::Options;
use super::segment::Terms;
use super::snapshots::LogPlace;
use super::sync::SyncHelper;
use super::voter::Voter;
use super::walk::Walk;
use runs::Runs;

/// A standby's store, from [`ReplicaStore::open_on`] to [`ReplicaStore::close`] or
/// [`ReplicaStore::into_writer`]. Dropped, it leaves the store as a killed process does.
#[derive(Debug)]
pub struct ReplicaStore {
    options: Options,
    holding: Holding,
    /// The newest epochs, oldest first, the followed one last.
    epochs: Vec<EpochStart>,
    /// The sessions of the followed epoch and of the one that was asked for last.
    session: i32,
    old_session: (Epoch, i32),
    /// Before the first frame that is missing, or is not walked over yet.
    walk: Walk,
    held: LogPlace,
    /// What is there beyond the first hole; all else there is zero.
    runs: Runs,
    /// What readers may read, with the chain there where it is known.
    committed: (Position, Option<Chain>),
    /// What is committed elsewhere and not held yet.
    told: Option<LogPlace>,
    diverged: Option<ChainDiffers>,
    /// Whether what is appended now comes of another node than the writer, and up to where such
    /// bytes were taken: not the writer's before a commit's chain has said so.
    doubts: bool,
    doubtful_to: Position,
    lossy: bool,
    /// The system's error of a cut that did not come to its end: nothing is taken any more.
    broken: Option<i32>,
    header_crc: Box<HeaderCrc>,
}

impl ReplicaStore {
    /// The followed epoch; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(Epoch(0), |last| last.epoch)
    }

    /// Where the followed epoch began; 0 before the first.
    #[must_use]
    pub fn base(&self) -> Position {
        self.epochs.last().map_or(Position(0), |last| last.base)
    }

    /// The newest epochs, oldest first, the followed one last.
    #[must_use]
    pub fn epochs(&self) -> &[EpochStart] {
        &self.epochs
    }

    /// The Aeron session of the followed epoch.
    #[must_use]
    pub fn session(&self) -> i32 {
        self.session
    }

    /// The exchange's number: the Aeron stream.
    #[must_use]
    pub fn stream(&self) -> i32 {
        self.options.identity.exchange_number
    }

    /// How positions are cut into terms.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.holding.terms
    }

    /// The end of the last whole transaction that no hole is before, and the chain there: what may
    /// be acknowledged. It is published.
    #[must_use]
    #[inline]
    pub fn held(&self) -> LogPlace {
        self.held
    }

    /// The first position whose frame is missing.
    #[must_use]
    #[inline]
    pub fn contiguous(&self) -> Position {
        self.walk.at
    }

    /// The end of the last frame that is there, holes or not.
    #[must_use]
    #[inline]
    pub fn received(&self) -> Position {
        self.runs.end().unwrap_or(self.walk.at)
    }

    /// Where frames may end now: what is prepared, and not more than the window beyond
    /// [`Self::contiguous`].
    #[must_use]
    #[inline]
    pub fn window_end(&self) -> Position {
        let terms = self.holding.terms;
        let window = crate::limits::REPLICA_WINDOW_BYTES_MAX.min(terms.bytes() / 2) as u64;
        let last = self.holding.next.as_ref().unwrap_or(&self.holding.current);
        Position(self.walk.at.get() + window).min(terms.next_base(last.base))
    }

    /// What is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.holding.control.synced()
    }

    /// How far readers may read.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.committed.0
    }

    /// That what was committed elsewhere is another log than this one; see [`Self::commit`].
    #[must_use]
    pub fn diverged(&self) -> Option<ChainDiffers> {
        self.diverged
    }

    /// Whether a loss of power may have taken what was acknowledged: such a store's node neither
    /// votes nor is promoted until it has caught up.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// Holds all that the followed writer had published after this opening: not lossy any more.
    ///
    /// # Errors
    /// The system's; the store is then still lossy.
    pub fn caught_up(&mut self) -> io::Result<()> {
        if self.lossy {
            let syncing = &self.holding.syncing;
            syncing.store_marks(&mut syncing.syncer(), |marks| marks.lossy = false)?;
            self.lossy = false;
        }
        Ok(())
    }

    /// The first hole at or beyond a position, as far as frames are known to follow it.
    #[must_use]
    pub fn next_gap(&self, from: Position) -> Option<Range<Position>> {
        self.runs.next_gap(from.max(self.walk.at))
    }

    /// Lets readers read to a position that the followed writer has committed, as soon as it is
    /// held; how far they may now.
    ///
    /// # Errors
    /// The log here is another one: nothing is committed any more until the log was cut.
    pub fn commit(&mut self, position: Position, chain: Chain) -> Result<Position, ChainDiffers> {
        let newest = self.told.map_or(self.committed.0, |told| told.position);
        if position > newest {
            self.told = Some(LogPlace { position, chain });
            self.release();
        }
        match self.diverged {
            Some(differs) => Err(differs),
            None => Ok(self.committed.0),
        }
    }

    /// Whether what [`Self::append_old`] takes from now on is given by another node than the one
    /// that writes the log.
    pub fn doubt(&mut self, doubts: bool) {
        self.doubts = doubts;
    }

    /// Whether something of such a node is held, and was not committed yet.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.doubtful_to > self.committed.0
    }

    /// Commits what is held of what was told. That a log is the one that was committed is seen
    /// where all of it is held; one that is not yet is the beginning of it, by its epochs, unless
    /// somebody else than its writer gave it.
    fn release(&mut self) {
        let Some(told) = self.told.filter(|_| self.diverged.is_none()) else { return };
        let place = if told.position <= self.held.position {
            // A segment that cannot be read now is tried again with what comes next.
            let Ok(found) = self.chain_at(told.position) else { return };
            if found != Some(told.chain) {
                let LogPlace { position, chain: expected } = told;
                self.diverged = Some(ChainDiffers { position, expected, found });
                return;
            }
            self.told = None;
            told
        } else if self.is_doubtful() {
            return;
        } else {
            self.held
        };
        if place.position > self.committed.0 {
            self.committed = (place.position, Some(place.chain));
            self.holding.control.set_committed(place.position);
        }
    }

    /// Makes all that is held durable. Waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> io::Result<Position> {
        self.holding.sync(self.held)
    }

    /// Closes the store: everything durable, and marked so.
    ///
    /// # Errors
    /// The system's; the store is then as after the death of the process.
    pub fn close(self) -> io::Result<()> {
        self.holding.close(self.held)
    }

    /// As [`StoreWriter::take_helper`](super::StoreWriter::take_helper).
    pub fn take_helper(&mut self) -> Option<SegmentHelper> {
        self.holding.take_helper()
    }

    /// As [`StoreWriter::take_syncer`](super::StoreWriter::take_syncer).
    pub fn take_syncer(&mut self) -> Option<SyncHelper> {
        self.holding.sync_helper.take()
    }

    /// As [`StoreWriter::take_keeper`](super::StoreWriter::take_keeper).
    pub fn take_keeper(&mut self) -> Option<Keeper> {
        self.holding.keeper.take()
    }

    /// What votes for this node; as many as are wanted.
    #[must_use]
    pub fn voter(&self) -> Voter {
        self.holding.voter()
    }
}
