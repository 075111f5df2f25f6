//! The follower's duty cycle, and what it counts.

use super::follower::{Fault, Follower};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::state_machine::Replay;
use crate::store::LogPlace;
use crate::types::Nanos;

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

/// A follower on its thread. One that differs from the log stands still, its node goes on storing;
/// one that cannot read its store says so, and its node begins again.
pub struct FollowerAgent {
    follower: Follower,
    counters: FollowerCounters,
    alarmed: bool,
}

impl FollowerAgent {
    /// A follower that goes on from where it stands.
    #[must_use]
    pub fn new(follower: Follower, counters: FollowerCounters) -> Self {
        Self { follower, counters, alarmed: false }
    }

    /// The follower.
    #[must_use]
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    /// The state and its place in the log, when the agent has stopped.
    ///
    /// # Errors
    /// Why there is none.
    pub fn into_state(self) -> Result<(Replay, LogPlace), Fault> {
        self.follower.into_state()
    }

    /// Counts what made it stop.
    #[cold]
    fn alarm(&mut self) {
        let Some(fault) = self.follower.fault() else { return };
        self.alarmed = true;
        self.counters.faults.add(1);
        if fault.is_difference() {
            self.counters.differs.set(self.follower.position().get().max(1));
        }
    }
}

impl Agent for FollowerAgent {
    fn name(&self) -> &str {
        "follower"
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        let frames = self.follower.step();
        if frames > 0 {
            self.counters.applied.set(self.follower.position().get());
        } else if !self.alarmed && self.follower.fault().is_some() {
            self.alarm();
        }
        frames
    }

    fn failure(&self) -> Option<String> {
        let fault = self.follower.fault().filter(|fault| !fault.is_difference());
        fault.map(ToString::to_string)
    }
}
