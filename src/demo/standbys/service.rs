//! What the order source was served with: when, how fast, and what was confirmed to it.
//!
//! ```text
//!          killed        promote    first new confirmation     nothing overdue
//!   before   │   no service  │                │    during            │     after
//!   ─────────┼───────────────┼────────────────┼──────────────────────┼──────────
//!            └── without service ─────────────┘
//! ```
//!
//! A command belongs to the time in which it was due; one that was on its way at the kill waited
//! too, and belongs to what follows it.

use super::super::source::{Journal, Seen};
use crate::metrics::{Collector, Percentiles, Recorder, latencies};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Latencies that may wait to be collected.
const LATENCIES_MAX: usize = 1 << 20;

/// The beginning of FNV-1a, and what it multiplies with.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

/// A time, or a number, that one thread sets and another reads; 0 before.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark(Arc<AtomicU64>);

impl Mark {
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What the source and the operator tell each other, in nanoseconds UTC, and numbers of commands.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// The primary was killed.
    pub(super) killed_at: Mark,
    /// The new primary confirmed a command that was sent to it.
    pub(super) confirmed_at: Mark,
    /// Nothing was overdue any more.
    pub(super) caught_up_at: Mark,
    /// Sent to the old primary and not confirmed by it.
    pub(super) in_flight: Mark,
    /// Those of them that nobody had executed.
    pub(super) not_accepted: Mark,
}

/// The commands that were confirmed, and where: enough to know them again in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// How many.
    pub(super) count: u64,
    /// FNV-1a over the number and time that the core gave each, and its end in the log.
    pub(super) digest: u64,
    /// The end of the last of them.
    pub(super) end: u64,
}

impl Default for Confirmed {
    fn default() -> Self {
        Self { count: 0, digest: FNV_BASIS, end: 0 }
    }
}

impl Confirmed {
    /// Adds the next in the log.
    pub(super) fn add(&mut self, sequence: u64, timestamp: u64, end: u64) {
        for word in [sequence, timestamp, end] {
            self.digest = (self.digest ^ word).wrapping_mul(FNV_PRIME);
        }
        (self.count, self.end) = (self.count + 1, end);
    }
}

/// The source's journal.
pub(super) struct Service {
    all: Recorder,
    phases: [Recorder; 3],
    marks: Marks,
    /// What the primary that was killed confirmed.
    confirmed: Confirmed,
    stage: Stage,
}

/// Which primary confirms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first.
    First,
    /// None takes commands.
    None,
    /// The promoted one, nothing yet.
    Promoted,
    /// The promoted one.
    Second,
}

impl Service {
    /// A journal, its latencies all together, and those of each phase.
    pub(super) fn new() -> (Self, Marks, Collector, Phases) {
        let (all, collector) = latencies(LATENCIES_MAX);
        let (phases, collectors) = {
            let [before, during, after] = std::array::from_fn(|_| latencies(LATENCIES_MAX));
            ([before.0, during.0, after.0], [before.1, during.1, after.1])
        };
        let (marks, confirmed) = (Marks::default(), Confirmed::default());
        let service = Self { all, phases, marks: marks.clone(), confirmed, stage: Stage::First };
        (service, marks, collector, Phases(collectors))
    }

    /// What the primary that was killed confirmed; all, where none was.
    pub(super) fn confirmed(&self) -> Confirmed {
        self.confirmed
    }
}

impl Journal for Service {
    fn on_sent(&mut self) {}

    fn on_seen(&mut self, seen: &[Seen], now: u64) {
        match self.stage {
            Stage::First => {
                let confirmed = &mut self.confirmed;
                seen.iter().for_each(|seen| confirmed.add(seen.sequence, seen.timestamp, seen.end));
            }
            Stage::Promoted => {
                self.marks.confirmed_at.set(now);
                self.stage = Stage::Second;
            }
            Stage::None | Stage::Second => {}
        }
        let (killed_at, caught_up_at) = (self.marks.killed_at.get(), self.marks.caught_up_at.get());
        for seen in seen {
            let latency = now.saturating_sub(seen.intended);
            let phase = match (killed_at, caught_up_at) {
                (0, _) => 0,
                (_, caught_up_at) if caught_up_at == 0 || seen.intended < caught_up_at => 1,
                _ => 2,
            };
            self.all.record(latency);
            self.phases[phase].record(latency);
        }
    }

    fn on_gone(&mut self, in_flight: u64) {
        self.stage = Stage::None;
        self.marks.in_flight.set(in_flight);
    }

    fn on_came(&mut self, not_accepted: u64) {
        self.stage = Stage::Promoted;
        self.marks.not_accepted.set(not_accepted);
    }

    fn on_caught_up(&mut self, now: u64) {
        self.marks.caught_up_at.set(now);
    }
}

/// Latencies before the kill, from it until nothing was overdue, and after.
pub(super) struct Phases([Collector; 3]);

/// What each phase is called.
const PHASES: [&str; 3] = ["before", "during", "after"];

impl Phases {
    /// Takes what was recorded.
    pub(super) fn collect(&mut self) {
        for phase in &mut self.0 {
            phase.collect();
        }
    }

    /// What they came to.
    pub(super) fn end(mut self) -> Latencies {
        self.collect();
        Latencies(self.0.map(|phase| phase.total()))
    }
}

/// What the latencies of each phase came to.
#[derive(Clone, Debug)]
pub(super) struct Latencies([Percentiles; 3]);

impl Latencies {
    pub(super) fn to_json(&self) -> Value {
        let named = PHASES.into_iter().zip(&self.0);
        named.map(|(name, of)| (name.to_owned(), of.to_json())).collect::<Map<_, _>>().into()
    }

    /// A line each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let named = PHASES.into_iter().zip(&self.0).filter(|(_, of)| of.count > 0);
        named.map(|(name, of)| format!("latency to committed {name}: {of}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(intended: u64, sequence: u64) -> Seen {
        Seen { intended, sequence, timestamp: 7, end: 64 * sequence }
    }

    #[test]
    fn a_command_belongs_to_the_time_in_which_it_was_due_and_to_who_confirmed_it() {
        let (mut service, marks, mut all, phases) = Service::new();
        service.on_seen(&[seen(10, 1), seen(20, 2)], 30);
        marks.killed_at.set(40);
        // Due before the kill, confirmed by the old primary: seen after it.
        service.on_seen(&[seen(35, 3)], 45);
        service.on_gone(2);
        // Confirmed with the new primary's first transaction: it was sent to the old one.
        service.on_seen(&[seen(38, 4)], 90);
        service.on_came(1);
        assert_eq!(marks.confirmed_at.get(), 0);
        service.on_seen(&[seen(39, 5)], 100);
        service.on_seen(&[seen(60, 6)], 110);
        assert_eq!(marks.confirmed_at.get(), 100);
        service.on_caught_up(120);
        service.on_seen(&[seen(119, 7), seen(125, 8)], 130);
        let mut expected = Confirmed::default();
        (1..=3).for_each(|n| expected.add(n, 7, 64 * n));
        assert_eq!((service.confirmed(), expected.count, expected.end), (expected, 3, 192));
        assert_eq!((marks.in_flight.get(), marks.not_accepted.get()), (2, 1));
        assert_eq!(all.collect(), 8);
        let Latencies([before, during, after]) = phases.end();
        assert_eq!((before.count, during.count, after.count), (2, 5, 1));
        assert_eq!((before.max_ns, during.max_ns, after.max_ns), (20, 61, 5));
    }

    #[test]
    fn a_digest_knows_a_missing_and_a_moved_command() {
        let of = |list: &[(u64, u64, u64)]| {
            let mut confirmed = Confirmed::default();
            list.iter().for_each(|(a, b, c)| confirmed.add(*a, *b, *c));
            confirmed
        };
        let whole = of(&[(1, 5, 64), (2, 5, 128), (3, 6, 192)]);
        assert_eq!(whole, of(&[(1, 5, 64), (2, 5, 128), (3, 6, 192)]));
        for other in [
            &[(1, 5, 64), (3, 6, 192)][..],
            &[(1, 5, 64), (2, 5, 128), (3, 6, 224)],
            &[(2, 5, 64), (1, 5, 128), (3, 6, 192)],
        ] {
            assert_ne!(whole.digest, of(other).digest);
        }
    }
}
