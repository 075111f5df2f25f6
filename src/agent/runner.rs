//! Puts agents on threads and takes them off again: the only file that starts a thread.
//!
//! One panic stops everything: an exchange that lost a part must not seem to run. The panic is
//! reported with the agent's name when the threads are joined.

use super::Agent;
use super::clock::Clock;
use super::idle::{IdleStrategy, Idler};
use super::placement::{Mode, Placement};
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// Tells threads to end; clones are the same flag. Any agent may hold one and set it.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end: each thread finishes its cycle and closes its agents.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Why agents did not start; those that had are stopped and closed.
#[derive(Debug)]
pub enum StartError {
    /// A core to pin to that this process may not use.
    NoSuchCore {
        /// The core asked for.
        core: usize,
        /// Those there are.
        cores: Vec<usize>,
    },
    /// The system did not pin a thread.
    NotPinned {
        /// The thread's name.
        thread: String,
        /// The core asked for.
        core: usize,
    },
    /// The system did not start a thread.
    Thread {
        /// The thread's name.
        thread: String,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NoSuchCore { core, cores } => {
                write!(f, "no core {core} to pin a thread to, there are {cores:?}")
            }
            StartError::NotPinned { thread, core } => {
                write!(f, "thread {thread} was not pinned to core {core}")
            }
            StartError::Thread { thread, source } => {
                write!(f, "thread {thread} did not start: {source}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Thread { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An agent that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPanic {
    /// The agent's name.
    pub agent: String,
    /// What the panic said.
    pub message: String,
}

impl fmt::Display for AgentPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent {} panicked: {}", self.agent, self.message)
    }
}

impl std::error::Error for AgentPanic {}

type Agents = Vec<Box<dyn Agent>>;

/// What a thread gives back: its agents, and those that panicked.
type Ended = (Agents, Vec<AgentPanic>);

/// Agents on their threads.
#[derive(Debug)]
pub struct Running {
    threads: Vec<JoinHandle<Ended>>,
    stop: StopFlag,
}

impl Running {
    /// Asks all threads to end, without waiting.
    pub fn stop(&self) {
        self.stop.stop();
        for thread in &self.threads {
            thread.thread().unpark();
        }
    }

    /// Whether every thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for all threads, and gives the agents back in the order of the threads. It does not
    /// ask the threads to end.
    ///
    /// # Errors
    ///
    /// Every agent that panicked, in its work or at its close.
    pub fn join(mut self) -> Result<Agents, Vec<AgentPanic>> {
        self.collect()
    }

    fn collect(&mut self) -> Result<Agents, Vec<AgentPanic>> {
        let (mut agents, mut panics) = (Vec::new(), Vec::new());
        for thread in self.threads.drain(..) {
            let (ended, panicked) = thread.join().expect("a thread catches its agents' panics");
            agents.extend(ended);
            panics.extend(panicked);
        }
        if panics.is_empty() { Ok(agents) } else { Err(panics) }
    }
}

impl Drop for Running {
    /// No thread outlives this: it may hold memory that its owner unmaps next.
    fn drop(&mut self) {
        self.stop();
        // What panicked was printed by the panic hook.
        let _ = self.collect();
    }
}

/// The first agent of type `A`, taken out of `agents`.
#[must_use]
pub fn take<A: Agent>(agents: &mut Vec<Box<dyn Agent>>) -> Option<Box<A>> {
    let is_a = |agent: &dyn Agent| (agent as &dyn Any).is::<A>();
    let index = agents.iter().position(|agent| is_a(agent.as_ref()))?;
    let agent: Box<dyn Any> = agents.remove(index);
    agent.downcast().ok()
}

/// Starts `agents` as `placement` says; they run as those of [`start_groups`].
///
/// # Errors
///
/// Where a thread cannot be started or pinned.
pub fn start<C: Clock + Clone + 'static>(
    agents: Vec<Box<dyn Agent>>,
    placement: &Placement,
    clock: &C,
    stop: &StopFlag,
) -> Result<Running, StartError> {
    let (sharing, alone) = match placement.mode {
        Mode::Shared => agents.into_iter().partition(|agent| !agent.waits()),
        Mode::Dedicated => (Vec::new(), agents),
    };
    let shared = (placement.mode == Mode::Shared).then(|| ("agents".to_owned(), sharing));
    let alone =
        alone.into_iter().map(|agent: Box<dyn Agent>| (agent.name().to_owned(), vec![agent]));
    let named: Vec<(String, Agents)> = shared.into_iter().chain(alone).collect();
    let groups = named.into_iter().enumerate().map(|(index, (name, agents))| Group {
        name,
        agents,
        core: placement.cores.get(index).copied(),
        idle: placement.idle,
    });
    // Also those of cores that no thread is left for.
    check_cores(&placement.cores)?;
    start_groups(groups.collect(), clock, stop)
}

/// Agents that share a thread.
pub struct Group {
    /// The thread's name.
    pub name: String,
    /// Its agents, in their order.
    pub agents: Vec<Box<dyn Agent>>,
    /// The core that it is pinned to.
    pub core: Option<usize>,
    /// What it does without work.
    pub idle: IdleStrategy,
}

/// Starts a thread for each group, in their order; they run until `stop` is set, an agent panics,
/// or one says that it cannot go on.
///
/// # Errors
///
/// Where a thread cannot be started or pinned.
pub fn start_groups<C: Clock + Clone + 'static>(
    groups: Vec<Group>,
    clock: &C,
    stop: &StopFlag,
) -> Result<Running, StartError> {
    check_cores(&groups.iter().filter_map(|group| group.core).collect::<Vec<_>>())?;
    let mut running = Running { threads: Vec::new(), stop: stop.clone() };
    for Group { name, agents, core, idle } in groups {
        let (clock, stop) = (clock.clone(), stop.clone());
        let (pinned_sender, pinned) = mpsc::sync_channel(1);
        let body = move || {
            let id = core.map(|id| core_affinity::CoreId { id });
            let is_pinned = id.is_none_or(core_affinity::set_for_current);
            // The starter waits for this, so it is there.
            let _ = pinned_sender.send(is_pinned);
            run(agents, idle, &clock, &stop)
        };
        let thread = thread::Builder::new()
            .name(name.clone())
            .spawn(body)
            .map_err(|source| StartError::Thread { thread: name.clone(), source })?;
        running.threads.push(thread);
        if let (Ok(false), Some(core)) = (pinned.recv(), core) {
            return Err(StartError::NotPinned { thread: name, core });
        }
    }
    Ok(running)
}

/// Whether this process may use each of `wanted`.
fn check_cores(wanted: &[usize]) -> Result<(), StartError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let cores: Vec<usize> = ids.iter().map(|core| core.id).collect();
    match wanted.iter().find(|core| !cores.contains(core)) {
        Some(&core) => Err(StartError::NoSuchCore { core, cores }),
        None => Ok(()),
    }
}

/// One thread's life.
fn run<C: Clock>(mut agents: Agents, idle: IdleStrategy, clock: &C, stop: &StopFlag) -> Ended {
    let mut panics = Vec::new();
    let mut idler = Idler::new(idle);
    let mut current = 0;
    let work = panic::catch_unwind(AssertUnwindSafe(|| {
        while !stop.is_stopped() {
            let now = clock.now();
            let mut work_count = 0;
            for (index, agent) in agents.iter_mut().enumerate() {
                current = index;
                let done = agent.do_work(now);
                if done == 0 && agent.failure().is_some() {
                    stop.stop();
                }
                work_count += done;
            }
            idler.idle(work_count);
        }
    }));
    if let Err(payload) = work {
        stop.stop();
        let message = panic_message(payload.as_ref());
        let agent = agents.get(current).map_or("(none)", |agent| agent.name()).to_owned();
        panics.push(AgentPanic { agent, message });
    }
    // One that panicked is in no state to be closed.
    let broken = (!panics.is_empty()).then_some(current);
    for (index, agent) in agents.iter_mut().enumerate() {
        if Some(index) == broken {
            continue;
        }
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| agent.on_close())) {
            stop.stop();
            let message = panic_message(payload.as_ref());
            panics.push(AgentPanic { agent: agent.name().to_owned(), message });
        }
    }
    (agents, panics)
}

/// The text of a panic.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no text)").to_owned()
}

#[cfg(test)]
mod tests;
