//! The core's duty cycle: pending work first, then a bounded share of each ring, in rotating order.

use super::sequencer::{Sequencer, Taken};
use crate::agent::{Agent, StopFlag, panic_message};
use crate::limits::{CONTINUATIONS_PER_CYCLE_MAX, RING_COMMANDS_PER_CYCLE_MAX};
use crate::matching::BookIndex;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::ring::Consumer;
use crate::store::Executing;
use crate::types::{Nanos, Side};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// What the core counts.
pub struct CoreCounters {
    commands: CounterWriter,
    transactions: CounterWriter,
    events: CounterWriter,
    bytes: CounterWriter,
    refusals: CounterWriter,
    repeats: CounterWriter,
    malformed: CounterWriter,
    quarantined: CounterWriter,
    best: [CounterWriter; 2],
}

impl CoreCounters {
    /// The core's rows of a counters file.
    #[must_use]
    pub fn new(counters: &Counters) -> Self {
        Self {
            commands: counters.writer(Counter::COMMANDS_EXECUTED),
            transactions: counters.writer(Counter::TRANSACTIONS_APPENDED),
            events: counters.writer(Counter::EVENTS_APPENDED),
            bytes: counters.writer(Counter::BYTES_PUBLISHED),
            refusals: counters.writer(Counter::CORE_REFUSALS),
            repeats: counters.writer(Counter::CORE_REPEATS),
            malformed: counters.writer(Counter::CORE_MALFORMED),
            quarantined: counters.writer(Counter::CORE_QUARANTINED),
            best: [Counter::BEST_BID, Counter::BEST_ASK].map(|best| counters.writer(best)),
        }
    }
}

/// The core on its thread.
pub struct CoreAgent {
    sequencer: Sequencer,
    rings: Vec<Consumer>,
    /// The ring that is asked first in the next cycle.
    first: usize,
    counters: CoreCounters,
    gate: Gate,
    intake_end: StopFlag,
}

/// Whether commands are taken from the rings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// No cycle has begun yet.
    Opening,
    /// They are.
    Open,
    /// The end was asked for: what is in the rings stays there.
    Closed,
}

impl CoreAgent {
    /// A core over its rings.
    #[must_use]
    pub fn new(sequencer: Sequencer, rings: Vec<Consumer>, counters: CoreCounters) -> Self {
        let (gate, intake_end) = (Gate::Opening, StopFlag::new());
        Self { sequencer, rings, first: 0, counters, gate, intake_end }
    }

    /// When `end` is set, work that is under way is finished, and nothing more is taken.
    #[must_use]
    pub fn with_intake_end(mut self, end: StopFlag) -> Self {
        self.intake_end = end;
        self
    }

    /// The sequencer, when the agent has stopped.
    #[must_use]
    pub fn into_sequencer(self) -> Sequencer {
        self.sequencer
    }

    /// The sequencer.
    #[must_use]
    pub fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// Shows the first instrument's best prices to those who watch.
    fn show_best(&mut self) {
        let machine = self.sequencer.machine();
        if machine.instruments().table.is_empty() {
            return;
        }
        for (side, counter) in Side::BOTH.into_iter().zip(&mut self.counters.best) {
            let best = machine.books().best(BookIndex(0), side);
            counter.set(best.map_or(0, |level| level.price.0.unsigned_abs()));
        }
    }

    /// Opens or closes the intake where that is due; whether it is open.
    fn is_open(&mut self) -> bool {
        match self.gate {
            Gate::Open if !self.intake_end.is_stopped() => return true,
            Gate::Opening => {
                self.sequencer.accept();
                self.gate = Gate::Open;
                return true;
            }
            Gate::Open => {
                self.sequencer.stop_accepting();
                self.gate = Gate::Closed;
            }
            Gate::Closed => {}
        }
        false
    }

    /// Goes on with pending work; false while some is left, or there is no room for it.
    fn finish_pending(&mut self, now: Nanos, steps: &mut usize) -> bool {
        while self.sequencer.is_pending() {
            if *steps == CONTINUATIONS_PER_CYCLE_MAX {
                return false;
            }
            if self.sequencer.go_on(now) != Taken::Executed {
                self.counters.refusals.add(1);
                return false;
            }
            self.counters.transactions.add(1);
            *steps += 1;
        }
        true
    }

    /// Takes from one ring; false where nothing more can be taken in this cycle: the store has no
    /// room, or what was taken goes on.
    fn drain(&mut self, ring: usize, now: Nanos, taken: &mut usize, steps: &mut usize) -> bool {
        for _ in 0..RING_COMMANDS_PER_CYCLE_MAX {
            let Some(message) = self.rings[ring].peek() else { return true };
            match self.sequencer.take(message, now) {
                Taken::Executed => {
                    self.counters.commands.add(1);
                    self.counters.transactions.add(1);
                }
                Taken::Repeat => self.counters.repeats.add(1),
                Taken::Malformed => self.counters.malformed.add(1),
                // Taken from the ring all the same: it must not fill up and hold its producer.
                Taken::Quarantined => self.counters.quarantined.add(1),
                Taken::NotNow(_) => {
                    self.counters.refusals.add(1);
                    return false;
                }
            }
            self.rings[ring].release();
            *taken += 1;
            if !self.finish_pending(now, steps) {
                return false;
            }
        }
        true
    }
}

impl Agent for CoreAgent {
    fn name(&self) -> &str {
        "core"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let cycle = panic::catch_unwind(AssertUnwindSafe(|| self.cycle(now)));
        cycle.unwrap_or_else(|panic| panic::resume_unwind(self.name_command(panic.as_ref())))
    }
}

impl CoreAgent {
    /// What a panic said, with the command that was executed.
    #[cold]
    fn name_command(&self, panic: &(dyn Any + Send)) -> Box<dyn Any + Send> {
        let text = panic_message(panic);
        Box::new(match self.sequencer.executing() {
            Some(Executing { source, source_sequence, .. }) => {
                format!("executing command {source_sequence} of source {source}: {text}")
            }
            None => text,
        })
    }

    fn cycle(&mut self, now: Nanos) -> usize {
        let (mut taken, mut steps) = (0, 0);
        let takes = self.finish_pending(now, &mut steps) && self.is_open();
        if takes {
            for turn in 0..self.rings.len() {
                let ring = (self.first + turn) % self.rings.len();
                if !self.drain(ring, now, &mut taken, &mut steps) {
                    break;
                }
            }
            self.first = (self.first + 1) % self.rings.len().max(1);
        }
        if taken + steps > 0 {
            self.counters.events.set(self.sequencer.events());
            self.counters.bytes.set(self.sequencer.position().0);
            self.show_best();
        } else if takes {
            self.sequencer.accept();
        }
        taken + steps
    }
}
