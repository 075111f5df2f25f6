//! What a thread does when its agents found no work: spin, yield, or back off.
//!
//! Spinning answers soonest and burns a core; it needs a core of its own. Backing off costs tens
//! of microseconds on the first message after a silence and leaves the machine to others.
//! Source: Agrona `IdleStrategy`.

use std::fmt;
use std::hint;
use std::thread;
use std::time::Duration;

/// How a thread waits for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleStrategy {
    /// Looks again at once. Only for a thread with a core of its own.
    Spin,
    /// Offers the core to other threads, then looks again.
    Yield,
    /// Spins, then yields, then sleeps, each sleep twice as long as the one before.
    BackOff {
        /// Idle cycles that spin, at first.
        spins: u32,
        /// Idle cycles that then yield.
        yields: u32,
        /// The first sleep.
        park_ns_min: u64,
        /// The longest sleep.
        park_ns_max: u64,
    },
}

impl IdleStrategy {
    /// Backs off as Agrona does where nothing is configured, but to 100 µs: longer sleeps save
    /// little, and are added to the latency of the first message.
    pub const BACK_OFF: Self =
        Self::BackOff { spins: 10, yields: 20, park_ns_min: 1_000, park_ns_max: 100_000 };

    /// The strategy for `threads` threads on `cores` cores: spinning only where each thread can
    /// have a core and one more remains for the rest of the machine, never on one or two.
    #[must_use]
    pub const fn for_cores(cores: usize, threads: usize) -> Self {
        if cores > 2 && threads < cores { Self::Spin } else { Self::BACK_OFF }
    }
}

impl fmt::Display for IdleStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdleStrategy::Spin => f.write_str("spin"),
            IdleStrategy::Yield => f.write_str("yield"),
            IdleStrategy::BackOff { park_ns_max, .. } => {
                write!(f, "back off to {} us", park_ns_max / 1_000)
            }
        }
    }
}

/// What to do in one idle cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Work,
    Spin,
    Yield,
    Park { duration_ns: u64 },
}

/// Applies a strategy on one thread. Calling order: [`idle`](Self::idle) once after each cycle.
#[derive(Clone, Debug)]
pub struct Idler {
    strategy: IdleStrategy,
    idle_cycles: u32,
    park_ns: u64,
}

impl Idler {
    /// A thread that has just worked.
    #[must_use]
    pub const fn new(strategy: IdleStrategy) -> Self {
        Self { strategy, idle_cycles: 0, park_ns: 0 }
    }

    /// Waits as the strategy says where the cycle's `work_count` is 0.
    #[inline]
    pub fn idle(&mut self, work_count: usize) {
        match self.step(work_count) {
            Step::Work => (),
            Step::Spin => hint::spin_loop(),
            Step::Yield => thread::yield_now(),
            Step::Park { duration_ns } => thread::park_timeout(Duration::from_nanos(duration_ns)),
        }
    }

    /// Decides the step, so that the decisions can be tested without waiting.
    fn step(&mut self, work_count: usize) -> Step {
        if work_count > 0 {
            (self.idle_cycles, self.park_ns) = (0, 0);
            return Step::Work;
        }
        match self.strategy {
            IdleStrategy::Spin => Step::Spin,
            IdleStrategy::Yield => Step::Yield,
            IdleStrategy::BackOff { spins, yields, park_ns_min, park_ns_max } => {
                self.idle_cycles = self.idle_cycles.saturating_add(1);
                if self.idle_cycles <= spins {
                    Step::Spin
                } else if self.idle_cycles <= spins.saturating_add(yields) {
                    Step::Yield
                } else {
                    self.park_ns = self.park_ns.saturating_mul(2).max(park_ns_min).min(park_ns_max);
                    Step::Park { duration_ns: self.park_ns }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_off_spins_yields_then_doubles_its_sleeps() {
        let strategy =
            IdleStrategy::BackOff { spins: 2, yields: 1, park_ns_min: 10, park_ns_max: 35 };
        let mut idler = Idler::new(strategy);
        let park = |duration_ns| Step::Park { duration_ns };
        for _ in 0..2 {
            let steps: Vec<_> = (0..7).map(|_| idler.step(0)).collect();
            let expected =
                [Step::Spin, Step::Spin, Step::Yield, park(10), park(20), park(35), park(35)];
            assert_eq!(steps, expected);
            // Work starts it over.
            assert_eq!(idler.step(1), Step::Work);
        }
    }

    #[test]
    fn spinning_and_yielding_never_change() {
        for (strategy, expected) in
            [(IdleStrategy::Spin, Step::Spin), (IdleStrategy::Yield, Step::Yield)]
        {
            let mut idler = Idler::new(strategy);
            assert!((0..1_000).all(|_| idler.step(0) == expected));
        }
    }

    #[test]
    fn small_machines_never_spin() {
        for threads in 0..5 {
            assert_eq!(IdleStrategy::for_cores(1, threads), IdleStrategy::BACK_OFF);
            assert_eq!(IdleStrategy::for_cores(2, threads), IdleStrategy::BACK_OFF);
        }
        assert_eq!(IdleStrategy::for_cores(4, 3), IdleStrategy::Spin);
        assert_eq!(IdleStrategy::for_cores(4, 4), IdleStrategy::BACK_OFF);
    }
}
