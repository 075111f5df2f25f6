//! A standby's store opened, begun at a snapshot's place, and made a writer's.

use std::sync::Arc;

use crate::limits::EPOCHS_MAX;
use crate::store::chain::session_id;
use crate::store::control::Accepting;
use crate::store::disk::Disk;
use crate::store::error::OpenError;
use crate::store::header_crc::HeaderCrc;
use crate::store::marks::{EpochStart, Marks};
use crate::store::open::{Opening, Options};
use crate::store::recovery::Recovery;
use crate::store::snapshots::LogPlace;
use crate::store::walk::Walk;
use crate::store::writer::{Durability, StoreWriter};
use crate::types::{Epoch, Nanos, Position};

use super::ReplicaStore;
use super::runs::Runs;

impl ReplicaStore {
    /// Opens a store for following, or makes it. Its log is judged as for a writer; what is beyond
    /// the last whole transaction without a hole before it is cut. No epoch is begun: the last one
    /// goes on.
    ///
    /// [`Options::durability`] says what this node's acknowledgements mean: with
    /// [`Durability::Disk`] that what they name is synced, so that a loss of power takes nothing
    /// acknowledged and makes no store lossy.
    ///
    /// # Errors
    /// As [`StoreWriter::open_from`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &Options,
        from: Option<LogPlace>,
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        Opening::with(disk, options, None, now, |opening| Self::open(opening, from))
    }

    /// Makes a store whose log begins at a snapshot's place, and opens it. The epochs are those of
    /// the log that it will follow, oldest first: what is caught up with is held against them. It
    /// is lossy, for what this node acknowledged before its directory was empty is not here; after
    /// a store that was put aside, only where that held more.
    ///
    /// # Errors
    /// As [`Self::open_on`]; [`OpenError::NotEmpty`] where there is a store.
    ///
    /// # Panics
    /// If there is no epoch, or more than a store remembers.
    pub fn create_at(
        disk: Arc<dyn Disk>,
        options: &Options,
        place: LogPlace,
        epochs: &[EpochStart],
        now: Nanos,
    ) -> Result<(Self, Recovery), OpenError> {
        assert!((1..=EPOCHS_MAX).contains(&epochs.len()), "{} epochs", epochs.len());
        let begins_at = Marks {
            synced: place.position,
            synced_chain: place.chain,
            kept_from: place.position,
            kept_chain: place.chain,
            committed: place.position,
            epoch: epochs.last().map_or(Epoch(0), |last| last.epoch),
            epochs: epochs.to_vec(),
            told: true,
            // What an empty directory once held, nobody knows: it votes when it has caught up.
            lossy: true,
            ..Marks::default()
        };
        let open = |opening| Self::open(opening, None);
        Opening::with(disk, options, Some(&begins_at), now, open)
    }

    fn open(
        mut opening: Opening<'_>,
        from: Option<LogPlace>,
    ) -> Result<(Self, Recovery), OpenError> {
        let mut found = opening.find_and_settle(from, true)?;
        opening.store_marks()?;
        let epochs = opening.marks.marks.epochs.clone();
        found.recovery.epochs.clone_from(&epochs);
        let options = opening.options.clone();
        let holding = opening.hold(&found)?;
        let (epoch, base) =
            epochs.last().map_or((Epoch(0), Position(0)), |last| (last.epoch, last.base));
        let held = found.end.place();
        holding.control.begin_epoch(epoch, base);
        holding.control.set_accepting(Accepting::Standby);
        let store = Self {
            session: session_id(&options.identity.exchange, epoch),
            old_session: (Epoch(0), 0),
            options,
            holding,
            epochs,
            walk: Walk::from(held),
            held,
            runs: Runs::default(),
            committed: found.committed,
            told: None,
            diverged: None,
            doubts: false,
            doubtful_to: Position(0),
            lossy: found.recovery.lossy,
            broken: None,
            header_crc: HeaderCrc::new(),
        };
        Ok((store, found.recovery))
    }

    /// Makes this node the writer, in an epoch that was voted for it, without reading the log
    /// again: cuts what is beyond the last whole transaction, makes the rest durable, then the
    /// epoch. The helpers that were taken go on for the writer. Commits are told to it:
    /// [`Durability::External`]. The caller appends `EpochStarted` as the first transaction.
    ///
    /// # Errors
    /// [`OpenError::EpochUsed`], or the system's.
    pub fn into_writer(mut self, epoch: Epoch) -> Result<(StoreWriter, EpochStart), OpenError> {
        let syncing = Arc::clone(&self.holding.syncing);
        syncing.syncer().marks.marks.check_free(epoch)?;
        let directory = self.options.directory.clone();
        let io = |doing, error| OpenError::io(doing, &directory, error);
        let (end, received) = (self.held, self.received());
        if received > end.position {
            self.forget(end, received).map_err(|error| io("cutting", error))?;
        }
        self.holding.sync(end).map_err(|error| io("syncing", error))?;
        let (node, base, chain) = (self.options.identity.node, end.position, end.chain);
        let start = EpochStart { epoch, node, base, chain };
        let marked = syncing.store_marks(&mut syncing.syncer(), |marks| {
            marks.begin_epoch(start);
            // Its log is the truth from here on: what it may have lacked, an operator gave up.
            marks.lossy = false;
        });
        marked.map_err(|error| io("marking the epoch of", error))?;
        let Self { options, holding, .. } = self;
        holding.control.set_accepting(Accepting::Starting);
        let durability = Durability::External;
        Ok((StoreWriter::begin_on(holding, &options, durability, epoch, end), start))
    }
}
