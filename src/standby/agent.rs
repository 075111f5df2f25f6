//! The follower's duty cycle, and what it counts.
//!
//! ```text
//!   loading ──▶ waiting ──▶ following ──▶ stopped: it differs, or its store cannot be read
//!   a snapshot  until its place is known to be committed
//! ```

use super::board::Board;
use super::follower::{AttachError, Fault, Follower, reader_of, seek_to};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::state_machine::Replay;
use crate::store::{Chain, Disk, LogPlace, ReadError, StoreReader};
use crate::types::{Nanos, Position};
use std::path::PathBuf;
use std::sync::Arc;

/// Time between two looks whether a snapshot's place is known to be committed.
const RETRY_NS: u64 = 20_000_000;

/// What a follower counts.
pub struct FollowerCounters {
    applied: CounterWriter,
    differs: CounterWriter,
    faults: CounterWriter,
}

impl FollowerCounters {
    /// The follower's rows of a counters file.
    #[must_use]
    pub fn new(counters: &Counters) -> Self {
        Self {
            applied: counters.writer(Counter::FOLLOWER_POSITION),
            differs: counters.writer(Counter::FOLLOWER_DIFFERS),
            faults: counters.writer(Counter::FOLLOWER_FAULTS),
        }
    }
}

/// What a follower follows.
#[derive(Clone)]
pub struct FollowerOptions {
    /// Where the store is.
    pub disk: Arc<dyn Disk>,
    /// Its directory.
    pub directory: PathBuf,
    /// What it tells the other nodes by.
    pub board: Arc<Board>,
    /// Commands from one checkpoint to the next.
    pub checkpoint_commands: u64,
    /// Whether its node begins again where it cannot read its store; a primary's goes on.
    pub ends_node: bool,
}

/// A state, and the place in the log that it is of; without one that of its beginning.
pub type State = (Replay, Option<LogPlace>);

/// Loads a state: of the newest snapshot.
pub type LoadState = Box<dyn FnOnce() -> Result<State, String> + Send>;

/// A state whose place is not known to be committed. The reader has looked at the log that the
/// place is in, so that it notices a cut below the place.
struct Waiting {
    state: State,
    reader: StoreReader,
}

enum Stage {
    Loading(LoadState),
    Waiting(Box<Waiting>),
    Following(Box<Follower>),
    Stopped(String),
    /// Between two of the others.
    Changing,
}

/// A follower on its thread. One that differs from the log stands still, its node goes on storing;
/// one that cannot read its store says so.
pub struct FollowerAgent {
    options: FollowerOptions,
    stage: Stage,
    retry_at: Nanos,
    counters: FollowerCounters,
    alarmed: bool,
}

impl FollowerAgent {
    /// A follower that begins with a state as soon as its place is committed. The store bears the
    /// place out now.
    #[must_use]
    pub fn new(state: State, options: FollowerOptions, counters: FollowerCounters) -> Self {
        let mut agent = Self::at(Stage::Changing, options, counters);
        agent.stage = agent.attach(state);
        agent
    }

    /// A follower that loads its state in its first cycle, which takes as long as that takes.
    #[must_use]
    pub fn loading(load: LoadState, options: FollowerOptions, counters: FollowerCounters) -> Self {
        Self::at(Stage::Loading(load), options, counters)
    }

    fn at(stage: Stage, options: FollowerOptions, counters: FollowerCounters) -> Self {
        Self { options, stage, retry_at: Nanos(0), counters, alarmed: false }
    }

    /// The follower, when it has begun.
    #[must_use]
    pub fn follower(&self) -> Option<&Follower> {
        match &self.stage {
            Stage::Following(follower) => Some(follower),
            _ => None,
        }
    }

    /// The state and its place in the log, when the agent has stopped.
    ///
    /// # Errors
    /// Why there is none.
    pub fn into_state(self) -> Result<(Replay, LogPlace), String> {
        let beginning = LogPlace { position: Position(0), chain: Chain::default() };
        match self.stage {
            Stage::Following(follower) => follower.into_state().map_err(|fault| fault.to_string()),
            Stage::Waiting(waiting) => {
                let Waiting { state: (replay, at), mut reader } = *waiting;
                match seek_to(&mut reader, at) {
                    Ok(()) | Err(ReadError::Beyond { .. }) => Ok((replay, at.unwrap_or(beginning))),
                    Err(error) => Err(error.to_string()),
                }
            }
            Stage::Loading(_) | Stage::Changing => Err("no state was loaded".to_owned()),
            Stage::Stopped(why) => Err(why),
        }
    }

    /// Goes on towards following; whether it came nearer.
    fn begin(&mut self, now: Nanos) -> bool {
        if now < self.retry_at {
            return false;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Changing);
        self.stage = match stage {
            Stage::Loading(load) => match load() {
                Ok(state) => self.attach(state),
                Err(why) => Stage::Stopped(why),
            },
            Stage::Waiting(waiting) => self.look(waiting),
            other => other,
        };
        let waits = matches!(self.stage, Stage::Waiting(_));
        if waits {
            self.retry_at = Nanos(now.get().saturating_add(RETRY_NS));
        }
        !waits
    }

    fn attach(&self, state: State) -> Stage {
        let FollowerOptions { disk, directory, .. } = &self.options;
        match reader_of(Arc::clone(disk), directory) {
            Ok(reader) => self.look(Box::new(Waiting { state, reader })),
            Err(error) => Stage::Stopped(AttachError::Open(error).to_string()),
        }
    }

    /// Looks whether the state's place is known to be committed.
    fn look(&self, mut waiting: Box<Waiting>) -> Stage {
        match seek_to(&mut waiting.reader, waiting.state.1) {
            Ok(()) => {
                let Waiting { state: (replay, _), reader } = *waiting;
                let FollowerOptions { board, checkpoint_commands, .. } = &self.options;
                let board = Arc::clone(board);
                let follower = Follower::new(reader, replay, board, *checkpoint_commands);
                Stage::Following(Box::new(follower))
            }
            Err(ReadError::Beyond { .. }) => Stage::Waiting(waiting),
            Err(error) => Stage::Stopped(AttachError::Read(error).to_string()),
        }
    }

    /// Counts what made it stop.
    #[cold]
    fn alarm(&mut self) {
        self.alarmed = true;
        self.counters.faults.add(1);
        let differing = self.follower().filter(|it| it.fault().is_some_and(Fault::is_difference));
        if let Some(position) = differing.map(|follower| follower.position().get()) {
            self.counters.differs.set(position.max(1));
        }
    }
}

impl Agent for FollowerAgent {
    fn name(&self) -> &str {
        "follower"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let follower = match &mut self.stage {
            Stage::Following(follower) => follower,
            Stage::Stopped(_) => return 0,
            _ => return usize::from(self.begin(now)),
        };
        let frames = follower.step();
        if frames > 0 {
            self.counters.applied.set(follower.position().get());
        } else if !self.alarmed && follower.fault().is_some() {
            self.alarm();
        }
        frames
    }

    /// Loading a snapshot takes long, and so does hashing all state.
    fn waits(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<String> {
        match &self.stage {
            _ if !self.options.ends_node => None,
            Stage::Stopped(why) => Some(why.clone()),
            Stage::Following(follower) => {
                let fault = follower.fault().filter(|fault| !fault.is_difference());
                fault.map(ToString::to_string)
            }
            _ => None,
        }
    }
}
