//! The follower's duty cycle, and what it counts.
//!
//! ```text
//!   loading ──▶ waiting ──▶ following ──▶ stopped: it differs, or its store cannot be read
//!   a snapshot  until its place is known to be committed
//! ```

use super::board::Board;
use super::follower::{AttachError, Fault, Follower, reader_at};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::state_machine::Replay;
use crate::store::{Chain, Disk, LogPlace, ReadError};
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

enum Stage {
    Loading(LoadState),
    Waiting(Box<State>),
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
    /// A follower that begins with a state as soon as its place is committed.
    #[must_use]
    pub fn new(state: State, options: FollowerOptions, counters: FollowerCounters) -> Self {
        Self::at(Stage::Waiting(Box::new(state)), options, counters)
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
            Stage::Waiting(state) => {
                let (replay, at) = *state;
                Ok((replay, at.unwrap_or(beginning)))
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
                Ok(state) => Stage::Waiting(Box::new(state)),
                Err(why) => Stage::Stopped(why),
            },
            Stage::Waiting(state) => self.attach(*state, now),
            other => other,
        };
        self.retry_at <= now
    }

    fn attach(&mut self, (replay, at): State, now: Nanos) -> Stage {
        let FollowerOptions { disk, directory, board, checkpoint_commands, .. } = &self.options;
        match reader_at(Arc::clone(disk), directory, at) {
            Ok(reader) => {
                let board = Arc::clone(board);
                let follower = Follower::new(reader, replay, board, *checkpoint_commands);
                Stage::Following(Box::new(follower))
            }
            Err(AttachError::Read(ReadError::Beyond { .. })) => {
                self.retry_at = Nanos(now.get().saturating_add(RETRY_NS));
                Stage::Waiting(Box::new((replay, at)))
            }
            Err(error) => Stage::Stopped(error.to_string()),
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
