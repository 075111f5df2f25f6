//! Agents on threads: turns, names, panics, ends.

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
    assert_eq!((sharing.name.as_str(), sharing.thread.unwrap().0.as_str()), ("sharing", "agents"));
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
    for placement in
        [Placement::shared(IdleStrategy::BACK_OFF), Placement::dedicated(IdleStrategy::BACK_OFF)]
    {
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
