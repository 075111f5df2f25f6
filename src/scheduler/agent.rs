//! The scheduler's duty cycle: it follows the log and submits what is due, one command at a time.
//!
//! The next command is submitted when the last one was seen in the log. One that was lost with the
//! core's process is found missing there by the next start, and submitted again under the same
//! number.

use super::calendar::{Action, Calendar};
use super::due::{Due, Standing};
use crate::agent::Agent;
use crate::limits::{CLOCK_SKEW_NS_MAX, SOURCE_SCHEDULER, TICK_SILENCE_NS};
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::ring::Producer;
use crate::state_machine::{RULES_VERSION, command_origin, command_origin_mut};
use crate::store::{StoreReader, event_header};
use crate::types::Nanos;
use isochron_events::{
    AdministrationApplied, AdministrationRejected, Authority, CommandOrigin, DayEnded, DayEnding,
    DayStarted, EpochStarted, Message, MessageHeader, PhaseChange, Tick,
};

/// Events read in one duty cycle: as many as several full cycles of the core append.
const EVENTS_PER_CYCLE_MAX: usize = 4_096;

/// After a refusal, time to put right what was wrong: an instrument that an operator left open.
const RETRY_NS: u64 = 10_000_000_000;

/// While held, how often the calendar is asked again.
const HELD_NS: u64 = 1_000_000_000;

/// The messages that say how far the calendar was carried out.
const FOLLOWED: &[u16] = &[
    EpochStarted::TEMPLATE_ID,
    DayStarted::TEMPLATE_ID,
    DayEnding::TEMPLATE_ID,
    PhaseChange::TEMPLATE_ID,
    Tick::TEMPLATE_ID,
    AdministrationApplied::TEMPLATE_ID,
    AdministrationRejected::TEMPLATE_ID,
    DayEnded::TEMPLATE_ID,
];

/// What the scheduler counts.
pub struct SchedulerCounters {
    commands: CounterWriter,
    ticks: CounterWriter,
    refused: CounterWriter,
    held: CounterWriter,
    clock_behind_ns: CounterWriter,
}

impl SchedulerCounters {
    /// The scheduler's rows of a counters file.
    #[must_use]
    pub fn new(counters: &Counters) -> Self {
        Self {
            commands: counters.writer(Counter::SCHEDULER_COMMANDS),
            ticks: counters.writer(Counter::SCHEDULER_TICKS),
            refused: counters.writer(Counter::SCHEDULER_REFUSED),
            held: counters.writer(Counter::SCHEDULER_HELD),
            clock_behind_ns: counters.writer(Counter::CLOCK_BEHIND_NS),
        }
    }
}

/// A command of the log whose answer is the next to come.
#[derive(Clone, Copy)]
struct Asked {
    sequence: u64,
    /// The trading date that it begins.
    begins: Option<u32>,
    ends: bool,
    is_own: bool,
}

/// The scheduler on its thread.
pub struct SchedulerAgent {
    calendar: Calendar,
    standing: Standing,
    confirmed: Option<u32>,
    reader: StoreReader,
    ring: Producer,
    counters: SchedulerCounters,
    asked: Option<Asked>,
    /// The number of the command that was submitted and not yet seen in the log.
    in_flight: Option<u64>,
    /// What the calendar said last, from when and until when it holds.
    due: Option<(Due, Nanos, Nanos)>,
    /// Nothing of the calendar is tried again before.
    not_before: Nanos,
    /// When something was last seen appended.
    heard: Option<Nanos>,
    error: Option<String>,
}

impl SchedulerAgent {
    /// A scheduler that goes on from `standing`, which is that of the log up to where `reader`
    /// stands. `confirmed` is the trading date, yyyymmdd, that an operator says comes next, where
    /// one was asked ([`Due::Held`]).
    #[must_use]
    pub fn new(
        calendar: Calendar,
        confirmed: Option<u32>,
        standing: Standing,
        reader: StoreReader,
        ring: Producer,
        counters: SchedulerCounters,
    ) -> Self {
        Self {
            calendar,
            standing,
            confirmed,
            reader,
            ring,
            counters,
            asked: None,
            in_flight: None,
            due: None,
            not_before: Nanos(0),
            heard: None,
            error: None,
        }
    }

    /// How far the calendar was carried out.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What stopped it, if something did: the log could not be read.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Follows the log.
    fn read(&mut self, now: Nanos) -> usize {
        for given in 0..EVENTS_PER_CYCLE_MAX {
            let message = match self.reader.next() {
                Ok(Some(frame)) => frame.message,
                Ok(None) => return given,
                Err(error) => {
                    self.error = Some(error.to_string());
                    return given;
                }
            };
            self.heard = Some(now);
            if let Some(time) = message.get(event_header::TIMESTAMP).and_then(<[u8]>::first_chunk) {
                self.standing.logged = Nanos(u64::from_le_bytes(*time));
            }
            let header = MessageHeader::parse(message);
            if !header.is_ok_and(|header| FOLLOWED.contains(&header.template_id)) {
                continue;
            }
            let event = Message::decode(message);
            match event {
                Ok(event) => self.on_event(&event, now),
                Err(error) => {
                    self.error = Some(format!("before {}: {error}", self.reader.position()));
                    return given;
                }
            }
        }
        EVENTS_PER_CYCLE_MAX
    }

    /// Says how far the clock stands behind the log, if it is more than two cores may differ by.
    fn show_skew(&mut self, now: Nanos) {
        let behind_ns = self.standing.logged.0.saturating_sub(now.0);
        let skew_ns = if behind_ns > CLOCK_SKEW_NS_MAX { behind_ns } else { 0 };
        if skew_ns != self.counters.clock_behind_ns.get() {
            self.counters.clock_behind_ns.set(skew_ns);
        }
    }

    fn on_event(&mut self, event: &Message, now: Nanos) {
        self.due = None;
        if let Some(origin) = command_origin(event) {
            return self.on_command(event, origin);
        }
        let asked = self.asked.filter(|asked| asked.sequence == event.header().sequence);
        match event {
            Message::AdministrationApplied(_) => {
                if let Some(date) = asked.and_then(|asked| asked.begins) {
                    self.standing.date = date;
                    self.standing.running = true;
                    self.standing.ending = false;
                }
                self.standing.ending |= asked.is_some_and(|asked| asked.ends);
            }
            Message::AdministrationRejected(_) if asked.is_some_and(|asked| asked.is_own) => {
                self.counters.refused.add(1);
                self.not_before = Nanos(now.0.saturating_add(RETRY_NS));
            }
            Message::DayEnded(_) => {
                self.standing.running = false;
                self.standing.ending = false;
            }
            _ => {}
        }
    }

    fn on_command(&mut self, command: &Message, origin: CommandOrigin) {
        let is_own = origin.source == SOURCE_SCHEDULER;
        self.asked = Some(Asked {
            sequence: command.header().sequence,
            begins: match command {
                Message::DayStarted(command) => Some(command.trading_date),
                _ => None,
            },
            ends: matches!(command, Message::DayEnding(_)),
            is_own,
        });
        // A new epoch: what lay in the ring is gone.
        let is_lost = matches!(command, Message::EpochStarted(_));
        if is_own {
            self.standing.number = origin.source_sequence;
        }
        self.in_flight = self.in_flight.filter(|number| !is_lost && *number > self.standing.number);
    }

    /// What the calendar says, asked again only when its answer may have changed.
    fn due(&mut self, now: Nanos) -> Due {
        if let Some((due, from, until)) = self.due
            && (from..until).contains(&now)
        {
            return due;
        }
        let due = self.calendar.due(&self.standing, now, self.confirmed);
        let until = match due {
            Due::Now { .. } => self.not_before,
            Due::Later(at) => at.unwrap_or(Nanos(u64::MAX)),
            Due::Held(_) => Nanos(now.0.saturating_add(HELD_NS)),
        };
        self.due = Some((due, now, until));
        let held = if let Due::Held(date) = due { u64::from(date.max(1)) } else { 0 };
        if held != self.counters.held.get() {
            self.counters.held.set(held);
        }
        due
    }

    /// Submits what is due, if anything is.
    fn submit_due(&mut self, now: Nanos) -> usize {
        match self.due(now) {
            Due::Now { date, action, number } if now >= self.not_before => {
                let submitted = self.submit(command(date, action), number);
                self.counters.commands.add(submitted as u64);
                submitted
            }
            Due::Held(_) => 0,
            Due::Now { .. } | Due::Later(_) => self.submit_tick(now),
        }
    }

    /// A Tick, if a day runs and nothing was appended for long enough.
    fn submit_tick(&mut self, now: Nanos) -> usize {
        let silent_ns = now.0.saturating_sub(self.heard.map_or(now.0, |heard| heard.0));
        if !self.standing.running || silent_ns < TICK_SILENCE_NS {
            return 0;
        }
        let submitted = self.submit(Tick::default().into(), self.standing.number + 1);
        self.counters.ticks.add(submitted as u64);
        submitted
    }

    /// Puts a command into the ring; 0 where the ring has no room, and it is tried again.
    fn submit(&mut self, mut command: Message, number: u64) -> usize {
        let origin = command_origin_mut(&mut command).expect("it is a command");
        *origin = CommandOrigin { source: SOURCE_SCHEDULER, source_sequence: number };
        let Ok(mut claim) = self.ring.try_claim(command.encoded_length()) else { return 0 };
        command.encode(&mut claim).expect("the claim has the message's length");
        claim.commit();
        self.in_flight = Some(number);
        1
    }
}

impl Agent for SchedulerAgent {
    fn name(&self) -> &str {
        "scheduler"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.error.is_some() {
            return 0;
        }
        // The silence begins with the first cycle, and anew where the clock was set back.
        self.heard = Some(self.heard.map_or(now, |heard| heard.min(now)));
        let read = self.read(now);
        self.show_skew(now);
        if self.error.is_some() || self.in_flight.is_some() {
            return read;
        }
        read + self.submit_due(now)
    }

    fn failure(&self) -> Option<String> {
        self.error.clone()
    }
}

/// The command that carries out a step.
fn command(date: u32, action: Action) -> Message {
    match action {
        Action::StartDay => {
            let (trading_date, rules_version) = (date, RULES_VERSION);
            DayStarted { trading_date, rules_version, ..DayStarted::default() }.into()
        }
        Action::SetPhase(phase) => {
            let mut why = [0; 32];
            why[..CALENDAR.len()].copy_from_slice(CALENDAR);
            let authority = Authority { by: 0, why };
            PhaseChange { authority, phase, ..PhaseChange::default() }.into()
        }
        Action::EndDay => DayEnding { trading_date: date, ..DayEnding::default() }.into(),
    }
}

/// Why the phase changes.
const CALENDAR: &[u8] = b"calendar";
