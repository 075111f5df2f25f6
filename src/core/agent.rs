//! The core's duty cycle: pending work first, then a bounded share of each ring, in rotating order.

use super::sequencer::{Sequencer, Taken};
use crate::agent::{Agent, panic_message};
use crate::limits::RING_COMMANDS_PER_CYCLE_MAX;
use crate::matching::BookIndex;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::ring::Consumer;
use crate::state_machine::LookAhead;
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

/// A ring, and what of it was shown to the state machine ahead of its turn.
struct Intake {
    ring: Consumer,
    ahead: LookAhead,
}

/// The core on its thread.
pub struct CoreAgent {
    sequencer: Sequencer,
    rings: Vec<Intake>,
    /// The ring that is asked first in the next cycle.
    first: usize,
    counters: CoreCounters,
}

impl CoreAgent {
    /// A core over its rings.
    #[must_use]
    pub fn new(sequencer: Sequencer, rings: Vec<Consumer>, counters: CoreCounters) -> Self {
        let intake = |ring| Intake { ring, ahead: LookAhead::default() };
        let rings = rings.into_iter().map(intake).collect();
        Self { sequencer, rings, first: 0, counters }
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

    /// Finishes pending work; false while there is no room for it.
    fn finish_pending(&mut self, now: Nanos) -> bool {
        while self.sequencer.is_pending() {
            if self.sequencer.go_on(now) != Taken::Executed {
                self.counters.refusals.add(1);
                return false;
            }
            self.counters.transactions.add(1);
        }
        true
    }

    /// Takes from one ring; false where the store has no room for more.
    fn drain(&mut self, ring: usize, now: Nanos, taken: &mut usize) -> bool {
        for _ in 0..RING_COMMANDS_PER_CYCLE_MAX {
            let Intake { ring, ahead } = &mut self.rings[ring];
            let machine = self.sequencer.machine();
            while ahead.wants_more()
                && let Some(message) = ring.look_ahead()
            {
                machine.show_bytes(message, ahead);
            }
            let Some(message) = ring.peek() else { return true };
            machine.ready(ahead);
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
            ring.release();
            ahead.pass();
            *taken += 1;
            if !self.finish_pending(now) {
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
        let mut taken = 0;
        if !self.finish_pending(now) {
            return 0;
        }
        for turn in 0..self.rings.len() {
            let ring = (self.first + turn) % self.rings.len();
            if !self.drain(ring, now, &mut taken) {
                break;
            }
        }
        self.first = (self.first + 1) % self.rings.len().max(1);
        if taken > 0 {
            self.counters.events.set(self.sequencer.events());
            self.counters.bytes.set(self.sequencer.position().0);
            self.show_best();
        }
        taken
    }
}
