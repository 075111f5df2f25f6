//! The follower's core: executes the log again and saves what it leads to.

use crate::state_machine::{Capacity, Replay, ReplayError, ReplayFault, StateMachine};
use crate::store::{
    Chain, LogPlace, ReadError, SECTION_STATE, Skipped, SnapshotError, SnapshotFile, SnapshotInfo,
    Snapshots, StoreReader, StoredFrame,
};
use crate::types::{Epoch, Nanos, Position};
use isochron_events::Message;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// What a component on the reading side has in each snapshot, so that it can begin there.
pub trait SnapshotSection: Send {
    /// Its number in a snapshot; ascending from component to component, above the state's.
    fn section(&self) -> u32;

    /// Takes the log's next event.
    fn on_event(&mut self, event: &Message);

    /// Writes what the component must know beside the state; only between events.
    ///
    /// # Errors
    /// Those of `to`.
    fn save(&self, to: &mut dyn Write) -> io::Result<()>;

    /// Becomes what was saved beside a state.
    ///
    /// # Errors
    /// It is not what was saved: the reason.
    fn restore(&mut self, from: &mut dyn Read, machine: &StateMachine) -> Result<(), String>;
}

/// Components of an empty log, as sections; made anew for each snapshot that is read, so that one
/// that turns out bad leaves nothing behind.
#[derive(Clone)]
pub struct MakeSections(Arc<dyn Fn() -> Vec<Box<dyn SnapshotSection>> + Send + Sync>);

impl MakeSections {
    /// Made by `make`.
    #[must_use]
    pub fn new(make: impl Fn() -> Vec<Box<dyn SnapshotSection>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for MakeSections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeSections")
    }
}

/// Why the log cannot be followed.
#[derive(Debug)]
pub enum FollowError {
    /// The store gave no more.
    Read(ReadError),
    /// The log cannot be executed again.
    Replay(ReplayFault),
    /// The log's beginning is recycled, and no snapshot can be used.
    NoSnapshot {
        /// Where the log begins.
        kept_from: Position,
        /// The snapshots, and what is wrong with each.
        skipped: Vec<Skipped>,
    },
    /// The snapshots cannot be listed.
    List(io::Error),
}

impl FollowError {
    /// Whether the log says otherwise than its re-execution.
    pub(super) fn is_divergence(&self) -> bool {
        matches!(self, Self::Replay(fault) if fault.is_divergence())
    }
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Replay(fault) => write!(f, "{fault}"),
            Self::NoSnapshot { kept_from, skipped } => {
                write!(f, "the log begins at {kept_from}, and there is no snapshot to begin from")?;
                skipped.iter().try_for_each(|Skipped { position, reason }| {
                    write!(f, "; the one at {position}: {reason}")
                })
            }
            Self::List(error) => write!(f, "listing snapshots: {error}"),
        }
    }
}

impl std::error::Error for FollowError {}

/// Why no snapshot was taken. The follower goes on.
#[derive(Debug)]
pub enum TakeError {
    /// The system refused.
    Io(io::Error),
    /// What was read back is not what was written.
    ReadBack(String),
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "no snapshot was taken: {error}"),
            Self::ReadBack(reason) => write!(f, "the snapshot that was taken is bad: {reason}"),
        }
    }
}

impl std::error::Error for TakeError {}

/// A snapshot that was taken and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Of which moment.
    pub info: SnapshotInfo,
    /// Bytes of its file.
    pub bytes: u64,
}

/// What a follower began with.
#[derive(Debug, Default)]
pub struct Begun {
    /// The snapshot.
    pub snapshot: Option<SnapshotInfo>,
    /// Newer ones that could not be used.
    pub skipped: Vec<Skipped>,
}

/// Follows a log. Calling order: `begin`, then `on_frame` with every frame from the reader's place
/// on; `take` whenever `may_take`.
pub struct Follower {
    replay: Replay,
    capacity: Capacity,
    make_sections: MakeSections,
    sections: Vec<Box<dyn SnapshotSection>>,
    epoch: Epoch,
    /// Commands up to the last snapshot.
    covered: u64,
    /// A day has ended since the last snapshot.
    day_ended: bool,
}

impl Follower {
    /// Begins at the newest snapshot, or without one at the log's beginning, and takes the reader
    /// there.
    ///
    /// # Errors
    /// There is no snapshot, and the log's beginning is recycled.
    pub fn begin(
        reader: &mut StoreReader,
        snapshots: &Snapshots,
        capacity: Capacity,
        make_sections: MakeSections,
    ) -> Result<(Self, Begun), FollowError> {
        let begin = reader.position();
        let newest = snapshots.newest(|snapshot| {
            let place = snapshot.info().place;
            reader.seek(place.position, Some(place.chain)).map_err(|error| error.to_string())?;
            restore(snapshot, capacity, &make_sections)
        });
        let (found, skipped) = newest.map_err(FollowError::List)?;
        let (snapshot, (replay, sections)) = match found {
            Some((info, restored)) => (Some(info), restored),
            None if begin == Position(0) => {
                reader.seek(begin, Some(Chain::default())).map_err(FollowError::Read)?;
                (None, (Replay::new(StateMachine::with_capacity(capacity)), make_sections.0()))
            }
            None => return Err(FollowError::NoSnapshot { kept_from: begin, skipped }),
        };
        let epoch = snapshot.map_or(Epoch(0), |info| info.epoch);
        let covered = replay.sequence().get();
        let day_ended = false;
        let follower =
            Self { replay, capacity, make_sections, sections, epoch, covered, day_ended };
        Ok((follower, Begun { snapshot, skipped }))
    }

    /// Takes the log's next frame.
    ///
    /// # Errors
    /// It is not what its re-execution says.
    pub fn on_frame(&mut self, frame: &StoredFrame<'_>) -> Result<(), FollowError> {
        let position = frame.position;
        let fault = |error| FollowError::Replay(ReplayFault { position, error });
        let event = Message::decode(frame.message);
        let event = event.map_err(|error| fault(ReplayError::Decode(error)))?;
        let executed = self.replay.on_event(&event);
        executed.map_err(|divergence| fault(ReplayError::Diverged(divergence)))?;
        self.sections.iter_mut().for_each(|section| section.on_event(&event));
        self.day_ended |= matches!(event, Message::DayEnded(_));
        self.epoch = frame.epoch;
        Ok(())
    }

    /// Whether all that one command caused is complete: components on the reading side have sent
    /// what they know of it.
    #[must_use]
    pub fn may_take(&self) -> bool {
        self.replay.is_between_transactions() && self.replay.machine().pending().is_none()
    }

    /// Commands since the last snapshot.
    #[must_use]
    pub fn commands_since(&self) -> u64 {
        self.replay.sequence().get() - self.covered
    }

    /// Whether a day has ended since the last snapshot.
    #[must_use]
    pub fn day_has_ended(&self) -> bool {
        self.day_ended
    }

    /// The re-execution.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Saves all state at a place of the log, reads it back, and goes on with what was read.
    ///
    /// # Errors
    /// The system's, or what was read back is another state; then there is no such snapshot.
    ///
    /// # Panics
    /// If it may not be taken now.
    pub fn take(&mut self, snapshots: &Snapshots, place: LogPlace) -> Result<Taken, TakeError> {
        assert!(self.may_take(), "only whole events are saved");
        // The next try is as far away as if this one went well.
        (self.covered, self.day_ended) = (self.replay.sequence().get(), false);
        let machine = self.replay.machine();
        let (trading_date, runs) = machine.trading_day();
        let moment = SnapshotInfo {
            place,
            epoch: self.epoch,
            sequence: self.replay.sequence(),
            time: Nanos(self.replay.time()),
            state_hash: 0,
            trading_date,
            day_ended: !runs,
        };
        let write = || {
            let mut writer = snapshots.begin(moment)?;
            writer.section(SECTION_STATE)?;
            let state_hash = machine.save(&mut writer)?;
            for section in &self.sections {
                writer.section(section.section())?;
                section.save(&mut writer)?;
            }
            writer.finish(state_hash)
        };
        let finished = write().map_err(TakeError::Io)?;
        let written = finished.open();
        let written = written.map_err(|error| TakeError::ReadBack(error.to_string()))?;
        let restored = restore(&written, self.capacity, &self.make_sections);
        (self.replay, self.sections) = restored.map_err(TakeError::ReadBack)?;
        let taken = Taken { info: *written.info(), bytes: written.length_bytes() };
        finished.keep().map_err(TakeError::Io)?;
        Ok(taken)
    }
}

/// The state and the sections of a snapshot.
fn restore(
    snapshot: &SnapshotFile,
    capacity: Capacity,
    make_sections: &MakeSections,
) -> Result<(Replay, Vec<Box<dyn SnapshotSection>>), String> {
    let text = |error: SnapshotError| error.to_string();
    let info = snapshot.info();
    let mut state = snapshot.section(SECTION_STATE).map_err(text)?.ok_or("it has no state")?;
    let machine = StateMachine::restore(&mut state, capacity, info.state_hash)
        .map_err(|error| error.to_string())?;
    let mut sections = make_sections.0();
    for section in &mut sections {
        let number = section.section();
        let found = snapshot.section(number).map_err(text)?;
        let mut from = found.ok_or_else(|| format!("it has no section {number}"))?;
        section.restore(&mut from, &machine).map_err(|why| format!("section {number}: {why}"))?;
    }
    Ok((Replay::resume(machine, info.sequence, info.time.get()), sections))
}
