//! How a core begins: the newest valid snapshot, and the rest of the log executed again.
//!
//! ```text
//!   log        |========= executed before =========|== executed again ==|
//!   snapshots        ▲ kept         ▲ bad, skipped ▲
//!                    └─ begin here, if the newer one cannot be used
//! ```
//!
//! A snapshot that cannot be used is passed over with its reason, and the one before it is tried.
//! Without any, the log is executed from its first byte; if that is recycled there is no way to
//! know the state, and the start is refused.

use super::sequencer::{Options, StartError, read_back};
use crate::state_machine::{Capacity, Replay, StateMachine};
use crate::store::{
    Disk, LogPlace, OpenError, ReaderOptions, Recovery, SECTION_STATE, Skipped, SnapshotFile,
    SnapshotInfo, Snapshots, StoreReader, StoreWriter, Until,
};
use crate::types::{Nanos, Position, SourceId};
use std::sync::Arc;

/// What a start found.
#[derive(Debug)]
pub struct Started {
    /// What the store says of its recovery.
    pub recovery: Recovery,
    /// The snapshot that it began from.
    pub snapshot: Option<SnapshotInfo>,
    /// Newer ones that could not be used.
    pub skipped: Vec<Skipped>,
    /// Sources that nothing is taken from.
    pub quarantined: Vec<SourceId>,
    /// Commands executed again.
    pub commands: u64,
    /// Events read.
    pub events: u64,
}

/// Is shown the snapshot that a start begins at, and its state, before the rest of the log is
/// executed: what else begins there need not load the state again.
pub type AtSnapshot<'a> = &'a mut dyn FnMut(&SnapshotFile, &StateMachine);

/// A snapshot's state, to go on with from its position.
///
/// # Errors
/// It is damaged, or not what it says: the reason.
pub fn restore(snapshot: &SnapshotFile, capacity: Capacity) -> Result<Replay, String> {
    let info = snapshot.info();
    let section = snapshot.section(SECTION_STATE).map_err(|error| error.to_string())?;
    let mut section = section.ok_or("it has no state")?;
    let machine = StateMachine::restore(&mut section, capacity, info.state_hash)
        .map_err(|error| error.to_string())?;
    Ok(Replay::resume(machine, info.sequence, info.time.get()))
}

/// A store that was opened at the newest snapshot that it bears out, and not read from there on.
pub struct Begun<S> {
    /// The store, as `open` gave it.
    pub store: S,
    /// The state at the snapshot; that of an empty log without one.
    pub replay: Replay,
    /// The snapshot.
    pub snapshot: Option<SnapshotInfo>,
    /// Newer ones that could not be used.
    pub skipped: Vec<Skipped>,
}

/// Opens a store with `open`, which is given the place of a snapshot, newest first, until the log
/// bears one out; without any it is opened from its beginning.
///
/// # Errors
/// The store cannot be opened, or its beginning is recycled and no snapshot can be used.
pub fn begin<S>(
    disk: &Arc<dyn Disk>,
    options: &Options,
    at_snapshot: AtSnapshot<'_>,
    mut open: impl FnMut(Option<LogPlace>) -> Result<S, OpenError>,
) -> Result<Begun<S>, StartError> {
    let store = &options.store;
    let snapshots = Snapshots::new(Arc::clone(disk), &store.directory, &store.identity);
    let newest = snapshots.newest(|snapshot| {
        let replay = restore(snapshot, options.capacity)?;
        match open(Some(snapshot.info().place)) {
            Err(OpenError::Place { reason, .. }) => Err(reason),
            opened => {
                at_snapshot(snapshot, replay.machine());
                Ok((opened, replay))
            }
        }
    });
    let (used, skipped) = newest.map_err(|error| {
        let path = store.directory.clone();
        StartError::Open(OpenError::Io { doing: "listing snapshots of", path, error })
    })?;
    let (snapshot, (opened, replay)) = match used {
        Some((info, begun)) => (Some(info), begun),
        None => {
            refuse_recycled(&**disk, options, &skipped)?;
            let machine = StateMachine::with_capacity(options.capacity);
            (None, (open(None), Replay::new(machine)))
        }
    };
    let store = opened.map_err(StartError::Open)?;
    Ok(Begun { store, replay, snapshot, skipped })
}

/// Executes the rest of a log again that its writer has open, also what was never committed: it is
/// what goes on. `from` is where the state stands.
pub(super) fn read_rest(
    disk: Arc<dyn Disk>,
    options: &Options,
    from: Option<LogPlace>,
    replay: Replay,
) -> Result<Replay, StartError> {
    let all = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
    let reader = StoreReader::attach_on(disk, &options.store.directory, &all);
    let mut reader = reader.map_err(StartError::Open)?;
    if let Some(LogPlace { position, chain }) = from {
        reader.seek(position, Some(chain)).map_err(StartError::Read)?;
    }
    read_back(&mut reader, replay)
}

/// A store that is open for writing, and not read back yet.
pub(super) struct Opened {
    disk: Arc<dyn Disk>,
    pub(super) writer: StoreWriter,
    pub(super) recovery: Recovery,
    snapshot: Option<SnapshotInfo>,
    skipped: Vec<Skipped>,
    replay: Replay,
}

impl Opened {
    /// Takes the newest snapshot that is valid and that the log bears out.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        options: &Options,
        now: Nanos,
        at_snapshot: AtSnapshot<'_>,
    ) -> Result<Self, StartError> {
        let open = |place| StoreWriter::open_from(Arc::clone(&disk), &options.store, place, now);
        let begun = begin(&disk, options, at_snapshot, open)?;
        let Begun { store: (writer, recovery), replay, snapshot, skipped } = begun;
        Ok(Self { disk, writer, recovery, snapshot, skipped, replay })
    }

    /// Executes the rest of the log again.
    pub(super) fn read_back(
        self,
        options: &Options,
    ) -> Result<(StoreWriter, Replay, Started), StartError> {
        let Self { disk, writer, recovery, snapshot, skipped, replay } = self;
        let place = snapshot.map(|info| info.place);
        let replay = read_rest(disk, options, place, replay)?;
        let (commands, events) = (replay.commands(), replay.events());
        let quarantined = writer.quarantined();
        let started = Started { recovery, snapshot, skipped, quarantined, commands, events };
        Ok((writer, replay, started))
    }
}

/// A log whose beginning is gone cannot be executed from there.
fn refuse_recycled(
    disk: &dyn Disk,
    options: &Options,
    skipped: &[Skipped],
) -> Result<(), StartError> {
    let kept_from = StoreReader::kept_from(disk, &options.store.directory);
    match kept_from.map_err(StartError::Open)? {
        Position(0) => Ok(()),
        kept_from => Err(StartError::NoSnapshot { kept_from, skipped: skipped.to_vec() }),
    }
}
