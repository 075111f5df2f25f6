//! Where agents run: together or apart, on which cores, and what their threads do without work.

use super::idle::IdleStrategy;
use std::fmt;
use std::thread;

/// How agents share threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All on one thread, one after the other; those that wait for a disk on threads beside it.
    Shared,
    /// Each on a thread of its own.
    Dedicated,
}

/// Where agents run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// One thread, or one each.
    pub mode: Mode,
    /// What each thread does without work.
    pub idle: IdleStrategy,
    /// The cores to pin threads to, in the order of the agents, that of the shared ones first;
    /// threads beyond the list, and
    /// all where it is empty, run where the system puts them.
    pub cores: Vec<usize>,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            Mode::Shared => "on one thread, those that wait for a disk beside it",
            Mode::Dedicated => "each on its own thread",
        })?;
        if !self.cores.is_empty() {
            write!(f, ", pinned to {:?}", self.cores)?;
        }
        write!(f, ", idle: {}", self.idle)
    }
}

impl Placement {
    /// All agents on one thread.
    #[must_use]
    pub const fn shared(idle: IdleStrategy) -> Self {
        Self { mode: Mode::Shared, idle, cores: Vec::new() }
    }

    /// Each agent on its own thread.
    #[must_use]
    pub const fn dedicated(idle: IdleStrategy) -> Self {
        Self { mode: Mode::Dedicated, idle, cores: Vec::new() }
    }

    /// What fits `agents` agents on `cores` cores: dedicated spinning threads where one core
    /// more than agents is there, one thread that backs off otherwise.
    #[must_use]
    pub const fn for_cores(cores: usize, agents: usize) -> Self {
        match IdleStrategy::for_cores(cores, agents) {
            IdleStrategy::Spin => Self::dedicated(IdleStrategy::Spin),
            idle => Self::shared(idle),
        }
    }
}

/// Cores this process may run on, at least 1.
#[must_use]
pub fn cores_available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
