//! Watches an agent on its thread: when its log position moved, and when it was away from work.
//!
//! A spinning thread sees the clock move by some tens of nanoseconds from cycle to cycle. Where it
//! moved by microseconds, the thread was stopped: the system ran something else on its core, gave
//! it a page, served an interrupt, or the hypervisor ran something else on the core's core. The
//! system says the first two (getrusage); of the others only the time is seen.

use crate::agent::{Agent, Clock, SystemClock};
use crate::demo::source::Progress;
use crate::memory::table;
use crate::metrics::ThreadUsage;
use crate::types::Nanos;

/// The clock's step between two idle cycles that counts as a gap.
pub(super) const GAP_NS: u64 = 2_000;

/// Work of one cycle that counts as a gap: more than the longest step of a usual command.
pub(super) const WORK_NS: u64 = 10_000;

/// Gaps kept: some minutes of a machine's own.
const GAPS_MAX: usize = 1 << 18;

/// Why a thread did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Cause {
    /// Its core was taken away for another thread.
    Switched,
    /// It waited for a page, some time since the gap before.
    Fault,
    /// Neither, while it had nothing to do: an interrupt, or the hypervisor.
    Stopped,
    /// Neither, while it worked: the work itself, an interrupt, or the hypervisor.
    Worked,
}

impl Cause {
    pub(super) const ALL: [Cause; 4] = [Self::Switched, Self::Fault, Self::Stopped, Self::Worked];

    /// In words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Switched => "another thread had its core",
            Self::Fault => "a page fault",
            Self::Stopped => "stopped while idle, by an interrupt or the hypervisor",
            Self::Worked => "long work (a queue, a large step), an interrupt or the hypervisor",
        }
    }
}

/// A time in which a thread did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) cause: Cause,
}

/// How far the log was at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) position: u64,
    pub(super) time: u64,
}

/// What was seen of one thread.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) name: String,
    pub(super) gaps: Vec<Gap>,
    /// Gaps that there was no room for.
    pub(super) missed: u64,
    pub(super) elapsed_ns: u64,
    pub(super) usage: ThreadUsage,
}

/// An agent and what is seen of it.
pub(super) struct Watched<A> {
    agent: A,
    clock: SystemClock,
    position: fn(&A) -> u64,
    marks: Vec<Mark>,
    gaps: Vec<Gap>,
    missed: u64,
    /// What is watched begins with the trading of this source; `None` when it has.
    setup: Option<Progress>,
    /// When the last cycle was over, or began where it had nothing to do; 0 before the first.
    last: u64,
    first: u64,
    begun: ThreadUsage,
    /// When the last gap was seen.
    used: ThreadUsage,
}

impl<A: Agent> Watched<A> {
    /// `position` is how far the agent is in the log; room for so many marks of it.
    pub(super) fn new(agent: A, clock: SystemClock, marks: usize, position: fn(&A) -> u64) -> Self {
        let (marks, gaps) = (table(marks), table(GAPS_MAX));
        let (begun, used) = (ThreadUsage::default(), ThreadUsage::default());
        let (missed, setup, last, first) = (0, None, 0, 0);
        Self { agent, clock, position, marks, gaps, missed, setup, last, first, begun, used }
    }

    /// The same, with what was before the first order left out: the setup is not measured.
    pub(super) fn after_setup(mut self, source: &Progress) -> Self {
        self.setup = Some(source.clone());
        self
    }

    #[cold]
    fn begin(&mut self, now: u64) {
        self.begun = ThreadUsage::now();
        self.used = self.begun;
        self.first = now;
        self.gaps.clear();
    }

    #[cold]
    fn gap(&mut self, from: u64, to: u64, otherwise: Cause) {
        let usage = ThreadUsage::now();
        let since = usage.since(self.used);
        self.used = usage;
        let cause = if since.involuntary_switches + since.voluntary_switches > 0 {
            Cause::Switched
        } else if since.minor_faults + since.major_faults > 0 {
            Cause::Fault
        } else {
            otherwise
        };
        if self.gaps.len() < self.gaps.capacity() {
            self.gaps.push(Gap { from, to, cause });
        } else {
            self.missed += 1;
        }
    }

    /// The agent, its marks, and what was seen of its thread.
    pub(super) fn finish(self) -> (A, Vec<Mark>, Sight) {
        let Self { agent, marks, gaps, missed, last, first, begun, used, .. } = self;
        let name = agent.name().to_owned();
        let sight =
            Sight { name, gaps, missed, elapsed_ns: last - first, usage: used.since(begun) };
        (agent, marks, sight)
    }
}

impl<A: Agent> Agent for Watched<A> {
    fn name(&self) -> &str {
        self.agent.name()
    }

    #[inline]
    fn do_work(&mut self, now: Nanos) -> usize {
        let now_ns = now.0;
        if self.last == 0 || self.setup.take_if(|source| source.is_trading()).is_some() {
            self.begin(now_ns);
        } else if now_ns > self.last + GAP_NS {
            self.gap(self.last, now_ns, Cause::Stopped);
        }
        let work = self.agent.do_work(now);
        self.last = now_ns;
        if work > 0 {
            let end = self.clock.now().0;
            if end > now_ns + WORK_NS {
                self.gap(now_ns, end, Cause::Worked);
            }
            self.last = end;
            let position = (self.position)(&self.agent);
            let moved = self.marks.last().is_none_or(|mark| mark.position < position);
            if moved && self.marks.len() < self.marks.capacity() {
                self.marks.push(Mark { position, time: end });
            }
        }
        work
    }

    fn on_close(&mut self) {
        self.agent.on_close();
        self.used = ThreadUsage::now();
    }
}

/// An agent that has nothing to do: what is seen of its thread is the machine's alone.
pub(super) struct Idle(pub(super) &'static str);

impl Agent for Idle {
    fn name(&self) -> &str {
        self.0
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_clock_between_cycles_is_a_gap() {
        let mut watched = Watched::new(Idle("idle"), SystemClock::new(), 0, |_| 0);
        for now in [1_000, 1_100, 1_100 + GAP_NS, 9_000, 9_050] {
            watched.do_work(Nanos(now));
        }
        let (_, marks, sight) = watched.finish();
        assert!(marks.is_empty());
        let gaps: Vec<_> = sight.gaps.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(gaps, [(1_100 + GAP_NS, 9_000)]);
        assert_eq!((sight.elapsed_ns, sight.missed), (8_050, 0));
    }
}
