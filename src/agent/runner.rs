//! Puts agents on threads and takes them off again: the only file that starts a thread.
//!
//! One panic stops everything: an exchange that lost a part must not seem to run. The panic is
//! reported with the agent's name when the threads are joined.

use super::Agent;
use super::clock::Clock;
use super::idle::{IdleStrategy, Idler};
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

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
mod tests {
    use super::super::clock::{ManualClock, SystemClock};
    use super::*;
    use crate::types::Nanos;

    /// Counts its cycles, then stops everything or panics.
    struct Counting {
        name: String,
        cycles: usize,
        cycles_max: usize,
        closed: usize,
        last: Nanos,
        thread: Option<(String, thread::ThreadId)>,
        stop: Option<StopFlag>,
        panics_at_close: bool,
        waits: bool,
    }

    impl Counting {
        fn new(name: &str, cycles_max: usize, stop: Option<&StopFlag>) -> Self {
            Self {
                name: name.to_owned(),
                cycles: 0,
                cycles_max,
                closed: 0,
                last: Nanos(0),
                thread: None,
                stop: stop.cloned(),
                panics_at_close: false,
                waits: false,
            }
        }
    }

    impl Agent for Counting {
        fn name(&self) -> &str {
            &self.name
        }

        fn do_work(&mut self, now: Nanos) -> usize {
            assert!(now >= self.last);
            self.last = now;
            let current = thread::current();
            self.thread = Some((current.name().unwrap_or_default().to_owned(), current.id()));
            self.cycles += 1;
            if self.cycles == self.cycles_max {
                match &self.stop {
                    Some(stop) => stop.stop(),
                    None => panic!("{} reached {}", self.name, self.cycles),
                }
            }
            usize::from(self.cycles < self.cycles_max)
        }

        fn waits(&self) -> bool {
            self.waits
        }

        fn on_close(&mut self) {
            assert!(!self.panics_at_close, "closing failed");
            self.closed += 1;
        }
    }

    /// Something else, so that `take` has a choice.
    struct Silent;

    impl Agent for Silent {
        fn name(&self) -> &str {
            "silent"
        }

        fn do_work(&mut self, _now: Nanos) -> usize {
            0
        }
    }

    fn run_to_the_end(placement: &Placement) -> Vec<Counting> {
        let stop = StopFlag::new();
        let agents: Vec<Box<dyn Agent>> = vec![
            Box::new(Silent),
            Box::new(Counting::new("first", 100, Some(&stop))),
            Box::new(Counting::new("second", usize::MAX, Some(&stop))),
        ];
        let running = start(agents, placement, &SystemClock::new(), &stop).unwrap();
        let mut agents = running.join().unwrap();
        assert_eq!(agents.len(), 3);
        let first = *take::<Counting>(&mut agents).unwrap();
        let second = *take::<Counting>(&mut agents).unwrap();
        assert!(take::<Counting>(&mut agents).is_none() && agents.len() == 1);
        assert_eq!((first.name.as_str(), second.name.as_str()), ("first", "second"));
        assert!(first.cycles >= 100 && first.closed == 1 && second.closed == 1);
        vec![first, second]
    }

    #[test]
    fn shared_agents_take_turns_on_one_thread() {
        let agents = run_to_the_end(&Placement::shared(IdleStrategy::BACK_OFF));
        assert_eq!(agents[0].thread, agents[1].thread);
        assert_eq!(agents[0].thread.as_ref().unwrap().0, "agents");
        assert_ne!(agents[0].thread.as_ref().unwrap().1, thread::current().id());
        assert_eq!((agents[0].cycles, agents[1].cycles), (100, 100));
        assert_eq!(agents[0].last, agents[1].last);
    }

    #[test]
    fn an_agent_that_waits_for_a_disk_shares_no_thread() {
        let stop = StopFlag::new();
        let mut waiting = Counting::new("waiting", usize::MAX, None);
        waiting.waits = true;
        let sharing = Counting::new("sharing", 100, Some(&stop));
        let agents: Vec<Box<dyn Agent>> = vec![Box::new(waiting), Box::new(sharing)];
        let placement = Placement::shared(IdleStrategy::BACK_OFF);
        let running = start(agents, &placement, &SystemClock::new(), &stop).unwrap();
        let mut agents = running.join().unwrap();
        let sharing = *take::<Counting>(&mut agents).unwrap();
        assert_eq!(
            (sharing.name.as_str(), sharing.thread.unwrap().0.as_str()),
            ("sharing", "agents")
        );
        let waiting = *take::<Counting>(&mut agents).unwrap();
        assert!(waiting.closed == 1 && waiting.thread.is_none_or(|thread| thread.0 == "waiting"));
    }

    #[test]
    fn dedicated_agents_have_a_thread_named_after_each() {
        for idle in [IdleStrategy::Yield, IdleStrategy::BACK_OFF] {
            let agents = run_to_the_end(&Placement::dedicated(idle));
            for agent in agents.iter().filter(|agent| agent.cycles > 0) {
                assert_eq!(agent.thread.as_ref().unwrap().0, agent.name);
            }
            assert_ne!(agents[0].thread, agents[1].thread);
        }
    }

    #[test]
    fn threads_are_pinned_to_the_cores_given() {
        let core = core_affinity::get_core_ids().unwrap()[0].id;
        let cores = vec![core, core, core];
        run_to_the_end(&Placement { cores, ..Placement::dedicated(IdleStrategy::Yield) });
    }

    #[test]
    fn an_unknown_core_is_refused_with_those_there_are() {
        let placement = Placement { cores: vec![9_999], ..Placement::shared(IdleStrategy::Yield) };
        let clock = ManualClock::default();
        let error = start(Vec::new(), &placement, &clock, &StopFlag::new()).unwrap_err();
        assert!(error.to_string().starts_with("no core 9999 to pin a thread to, there are [0"));
    }

    #[test]
    fn a_panic_stops_all_and_is_reported_by_name() {
        for placement in [
            Placement::shared(IdleStrategy::BACK_OFF),
            Placement::dedicated(IdleStrategy::BACK_OFF),
        ] {
            let stop = StopFlag::new();
            let agents: Vec<Box<dyn Agent>> = vec![
                Box::new(Counting::new("healthy", usize::MAX, Some(&stop))),
                Box::new(Counting::new("faulty", 10, None)),
            ];
            let running = start(agents, &placement, &SystemClock::new(), &stop).unwrap();
            let panics = running.join().map(|agents| agents.len()).unwrap_err();
            assert_eq!(panics.len(), 1);
            assert_eq!(panics[0].to_string(), "agent faulty panicked: faulty reached 10");
            assert!(stop.is_stopped());
        }
    }

    #[test]
    fn a_panic_at_close_is_reported_and_the_others_are_closed() {
        let stop = StopFlag::new();
        let mut faulty = Counting::new("faulty", 1, Some(&stop));
        faulty.panics_at_close = true;
        let agents: Vec<Box<dyn Agent>> =
            vec![Box::new(faulty), Box::new(Counting::new("healthy", 9, Some(&stop)))];
        let (agents, panics) = run(agents, IdleStrategy::Yield, &ManualClock::default(), &stop);
        assert_eq!(panics.len(), 1);
        assert_eq!(panics[0].to_string(), "agent faulty panicked: closing failed");
        let mut agents = agents;
        assert_eq!(take::<Counting>(&mut agents).unwrap().closed, 0);
        assert_eq!(take::<Counting>(&mut agents).unwrap().closed, 1);
    }

    #[test]
    fn dropping_it_ends_the_threads() {
        let stop = StopFlag::new();
        let agents: Vec<Box<dyn Agent>> = vec![Box::new(Silent)];
        let placement = Placement::shared(IdleStrategy::BACK_OFF);
        drop(start(agents, &placement, &ManualClock::default(), &stop).unwrap());
        assert!(stop.is_stopped());
    }

    #[test]
    fn placement_follows_the_cores() {
        assert_eq!(Placement::for_cores(2, 1), Placement::shared(IdleStrategy::BACK_OFF));
        assert_eq!(Placement::for_cores(8, 4), Placement::dedicated(IdleStrategy::Spin));
        assert_eq!(Placement::for_cores(4, 4), Placement::shared(IdleStrategy::BACK_OFF));
    }
}
