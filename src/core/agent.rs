//! The core's duty cycle: pending work first, then a bounded share of each ring, in rotating order.

use super::inlet::{Inlet, Left};
use super::sequencer::{Sequencer, Taken};
use crate::agent::{Agent, StopFlag, panic_message};
use crate::limits::{CONTINUATIONS_PER_CYCLE_MAX, RING_COMMANDS_PER_CYCLE_MAX};
use crate::matching::BookIndex;
use crate::metrics::{Counter, CounterWriter, Counters, RINGS_MAX};
use crate::ring::{Consumer, Fault};
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
    rings: [RingCounters; RINGS_MAX],
}

/// What it counts of each ring.
struct RingCounters {
    refusals: CounterWriter,
    left: CounterWriter,
    damaged: CounterWriter,
}

impl RingCounters {
    fn new(counters: &Counters, ring: usize) -> Self {
        Self {
            refusals: counters.writer(Counter::RING_REFUSALS.of_ring(ring)),
            left: counters.writer(Counter::RING_LEFT.of_ring(ring)),
            damaged: counters.writer(Counter::RING_DAMAGED.of_ring(ring)),
        }
    }
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
            rings: std::array::from_fn(|ring| RingCounters::new(counters, ring)),
        }
    }
}

/// The core on its thread.
pub struct CoreAgent {
    sequencer: Sequencer,
    rings: Vec<Inlet>,
    /// The ring that is asked first in the next cycle.
    first: usize,
    counters: CoreCounters,
    /// When set, nothing more is taken; what is in the rings stays there.
    intake_end: StopFlag,
    closed: bool,
}

impl CoreAgent {
    /// A core over rings within its process.
    #[must_use]
    pub fn new(sequencer: Sequencer, rings: Vec<Consumer>, counters: CoreCounters) -> Self {
        let inlets = rings.into_iter().map(Inlet::from).collect();
        Self::with_inlets(sequencer, inlets, counters)
    }

    /// A core over any rings.
    #[must_use]
    pub fn with_inlets(sequencer: Sequencer, rings: Vec<Inlet>, counters: CoreCounters) -> Self {
        let (intake_end, closed) = (StopFlag::new(), false);
        Self { sequencer, rings, first: 0, counters, intake_end, closed }
    }

    /// When `end` is set, work that is under way is finished, and nothing more is taken.
    #[must_use]
    pub fn with_intake_end(mut self, end: StopFlag) -> Self {
        self.intake_end = end;
        self
    }

    /// Passes over what a crash left in the rings, as far as it is there now: a start that says
    /// how much it was calls this before the first cycle. What comes before the sources know of
    /// this core is passed over later. In the order of the rings.
    pub fn pass_over_left(&mut self) -> Vec<Left> {
        for ring in 0..self.rings.len() {
            while self.attend(ring) > 0 {}
        }
        self.rings.iter().map(|inlet| inlet.left).collect()
    }

    /// What made the core give up a ring, in the order of the rings.
    pub fn faults(&self) -> impl Iterator<Item = Option<Fault>> {
        self.rings.iter().map(|inlet| inlet.ring.fault())
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

    /// Whether commands are taken from the rings; says so when their end was asked for.
    fn is_open(&mut self) -> bool {
        let is_open = !self.intake_end.is_stopped();
        if !is_open && !self.closed {
            self.sequencer.stop_accepting();
            self.closed = true;
        }
        is_open
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

    /// Looks after a ring that has nothing to read: a crash may have left something in it, or it
    /// is damaged, which concerns no other ring. Returns how many messages it passed over.
    fn attend(&mut self, ring: usize) -> usize {
        let inlet = &mut self.rings[ring];
        let left = inlet.pass_over(RING_COMMANDS_PER_CYCLE_MAX);
        let Some(counters) = self.counters.rings.get_mut(ring) else { return left };
        if left > 0 {
            counters.left.add(left as u64);
        }
        if let Some(fault) = inlet.ring.fault() {
            counters.damaged.set(fault.position + 1);
        }
        left
    }

    /// Takes from one ring; false where nothing more can be taken in this cycle: the store has no
    /// room, or what was taken goes on.
    fn drain(&mut self, ring: usize, now: Nanos, taken: &mut usize, steps: &mut usize) -> bool {
        let source = self.rings[ring].source;
        for _ in 0..RING_COMMANDS_PER_CYCLE_MAX {
            let Some(message) = self.rings[ring].next(self.sequencer.machine()) else {
                *taken += self.attend(ring);
                return true;
            };
            match self.sequencer.take_from(source, message, now) {
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
            for (inlet, counters) in self.rings.iter().zip(&mut self.counters.rings) {
                counters.refusals.set(inlet.ring.refused());
            }
            self.show_best();
        } else if takes {
            self.sequencer.accept();
        }
        taken + steps
    }
}
