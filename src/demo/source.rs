//! The order source: it paces a flow's commands into the core's ring and reads the log back.
//!
//! ```text
//!   flow ─▶ due? ─▶ subscribers close enough? ─▶ ring ─▶ core ─▶ log ─┐
//!    ▲                                                               │
//!    └────── committed events (order ids, fills), latencies ◀────────┘
//! ```
//!
//! Latency is from the time at which a command was meant to be sent to the time at which this
//! agent sees it committed. Until subscribers can repair what they miss, the source, never the core
//! or the publisher, waits for the slowest of them; the time waited moves the schedule, and is
//! reported.

use super::flow::{Flow, Next};
use super::in_flight::{InFlight, Sent};
use super::pace::Pace;
use super::tally::Tally;
use crate::agent::{Agent, Clock, StopFlag};
use crate::metrics::{Counter, Counters, Recorder};
use crate::ring::{Producer, Refusal};
use crate::store::StoreReader;
use crate::types::Nanos;
use isochron_events::{CommandOrigin, EventHeader, Message};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Commands sent, and events read, in one duty cycle.
const COMMANDS_PER_CYCLE_MAX: usize = 64;
const EVENTS_PER_CYCLE_MAX: usize = 512;

/// How long after the end of its time a run goes on with what was due before.
const LATE_NS_MAX: u64 = 5_000_000_000;

/// Bytes of a receive buffer that a small datagram takes (Linux accounts for more than it holds).
const BUFFER_BYTES_PER_DATAGRAM: u64 = 830;

/// Bytes of log that make about one feed message.
const LOG_BYTES_PER_MESSAGE: u64 = 200;

/// What the agent tells the others while it runs.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    finished: Arc<AtomicBool>,
    waited_ns: Arc<AtomicU64>,
    trading: Arc<AtomicBool>,
    trading_ns: Arc<AtomicU64>,
    flow_error: Arc<OnceLock<String>>,
}

impl Progress {
    /// Whether all was sent and seen committed.
    #[must_use]
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Whether the first order was sent.
    #[must_use]
    pub(crate) fn is_trading(&self) -> bool {
        self.trading.load(Ordering::Acquire)
    }

    /// From the first order to the last one seen committed, when it has finished.
    #[must_use]
    pub(crate) fn trading_ns(&self) -> u64 {
        self.trading_ns.load(Ordering::Acquire)
    }

    /// What is wrong with the flow's input, when it has finished.
    #[must_use]
    pub(crate) fn flow_error(&self) -> Option<&str> {
        self.flow_error.get().map(String::as_str)
    }

    /// Time waited for subscribers.
    #[must_use]
    pub(crate) fn waited_ns(&self) -> u64 {
        self.waited_ns.load(Ordering::Acquire)
    }
}

/// How far subscribers may fall behind.
pub(crate) struct Watch {
    /// The exchange's own counters.
    pub(crate) exchange: Counters,
    /// Each subscriber's.
    pub(crate) subscribers: Vec<Counters>,
}

impl Watch {
    /// Whether the slowest subscriber's buffer could be full soon.
    fn is_behind(&self) -> bool {
        // Where nobody can be behind, the core's counters are left to its own cache.
        if self.subscribers.is_empty() {
            return false;
        }
        let position = self.exchange.get(Counter::FEED_POSITION);
        let unpublished = self.exchange.get(Counter::BYTES_PUBLISHED).saturating_sub(position);
        let published = self.exchange.get(Counter::FEED_MESSAGES);
        self.subscribers.iter().any(|subscriber| {
            let buffer = subscriber.get(Counter::RECEIVE_BUFFER_BYTES);
            let next = subscriber.get(Counter::SUBSCRIBER_NEXT).max(1);
            let behind = (published + 1).saturating_sub(next);
            let coming = unpublished / LOG_BYTES_PER_MESSAGE;
            behind + coming > buffer / BUFFER_BYTES_PER_DATAGRAM
        })
    }
}

/// A command that was seen committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When it was meant to be sent.
    pub(crate) intended: u64,
    /// Its number, given by the core.
    pub(crate) sequence: u64,
    /// Its time, given by the core.
    pub(crate) timestamp: u64,
    /// The end of its own frame in the log.
    pub(crate) end: u64,
}

/// Is told of each command of the flow, in the order in which they are sent.
pub(crate) trait Journal: Any + Send {
    /// One is in the ring.
    fn on_sent(&mut self);
    /// These were seen committed at `now`.
    fn on_seen(&mut self, seen: &[Seen], now: u64);
}

/// Latencies from the intended time alone.
impl Journal for Recorder {
    fn on_sent(&mut self) {}

    fn on_seen(&mut self, seen: &[Seen], now: u64) {
        seen.iter().for_each(|seen| self.record(now.saturating_sub(seen.intended)));
    }
}

/// What the agent works with.
pub(crate) struct Parts {
    /// The administration that comes first.
    pub(crate) setup: Vec<Message>,
    /// The commands.
    pub(crate) flow: Box<dyn Flow>,
    /// When they are due.
    pub(crate) pace: Pace,
    /// The time of trading after which nothing new is sent; `None` is to the flow's end.
    pub(crate) duration_ns: Option<u64>,
    /// The source's id.
    pub(crate) source: u32,
    /// To the core.
    pub(crate) ring: Producer,
    /// From the core.
    pub(crate) reader: StoreReader,
    /// Is told what was sent and seen.
    pub(crate) journal: Box<dyn Journal>,
    /// The time at which an event is seen. The time of a duty cycle will not do: on a shared
    /// thread the core may have executed the command since.
    pub(crate) clock: Box<dyn Clock>,
    /// The subscribers.
    pub(crate) watch: Watch,
    /// When set, nothing more is sent.
    pub(crate) stop: StopFlag,
}

/// What became of this source's own commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Given numbers and put into the ring.
    pub(crate) sent: u64,
    /// Seen in the log.
    pub(crate) committed: u64,
    /// Answered with a refusal there.
    pub(crate) refused: u64,
    /// Left in the ring by a crash, and sent again.
    pub(crate) not_accepted: u64,
    /// Sent, and not seen when the source ended.
    pub(crate) unanswered: u64,
}

/// How long the oldest command on its way may stay there.
struct Patience {
    limit_ns: u64,
    /// That command, and since when it is the oldest.
    oldest: Option<(u64, u64)>,
}

/// The order source on its thread.
pub(crate) struct SourceAgent {
    parts: Parts,
    setup: VecDeque<Message>,
    /// The next command and when it is due.
    ready: Option<(Message, u64)>,
    /// Commands sent and not yet seen committed.
    in_flight: InFlight,
    /// Those that were seen committed in this cycle.
    seen: Vec<Seen>,
    /// The number of the last command, and the one before the first.
    sequence: u64,
    sequence_base: u64,
    /// Whether the events that are read answer a command of ours.
    own: bool,
    counts: Counts,
    patience: Option<Patience>,
    /// What the ring had counted before.
    ring_full_base: u64,
    orders: u64,
    start: Option<u64>,
    waiting_since: Option<u64>,
    waited_ns: u64,
    ended: bool,
    error: Option<String>,
    /// What the log came to.
    pub(crate) tally: Tally,
    progress: Progress,
}

impl SourceAgent {
    /// A source, and where it tells its progress.
    #[must_use]
    pub(crate) fn new(mut parts: Parts) -> (Self, Progress) {
        let progress = Progress::default();
        let setup = std::mem::take(&mut parts.setup).into();
        let ring_full_base = parts.ring.refused();
        let agent = Self {
            parts,
            setup,
            ready: None,
            in_flight: InFlight::new(0),
            seen: Vec::with_capacity(EVENTS_PER_CYCLE_MAX),
            sequence: 0,
            sequence_base: 0,
            own: false,
            counts: Counts::default(),
            patience: None,
            ring_full_base,
            orders: 0,
            start: None,
            waiting_since: None,
            waited_ns: 0,
            ended: false,
            error: None,
            tally: Tally::new(),
            progress: progress.clone(),
        };
        (agent, progress)
    }

    /// A source in a process of its own: its numbers begin above `sequence`, its ring's consumer is
    /// of `epoch`, and it gives up when a command is not committed for `patience_ns`.
    #[must_use]
    pub(crate) fn alone(mut self, sequence: u64, epoch: u64, patience_ns: u64) -> Self {
        (self.sequence, self.sequence_base) = (sequence, sequence);
        self.in_flight = InFlight::new(epoch);
        self.patience = Some(Patience { limit_ns: patience_ns, oldest: None });
        self
    }

    /// What became of its commands.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sent: self.sequence - self.sequence_base,
            not_accepted: self.in_flight.not_accepted(),
            ..self.counts
        }
    }

    /// Times that the ring was too full for a command.
    #[must_use]
    pub(crate) fn ring_full(&self) -> u64 {
        self.parts.ring.refused() - self.ring_full_base
    }

    /// What went wrong, if something did: the log could not be read, or the ring not be written.
    #[must_use]
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// What is wrong with the flow's input, so that it ended early.
    #[must_use]
    pub(crate) fn flow_error(&self) -> Option<String> {
        self.parts.flow.error()
    }

    /// What the flow counted about its input.
    #[must_use]
    pub(crate) fn notes(&self) -> Vec<(String, u64)> {
        self.parts.flow.notes()
    }

    /// Commands sent after the setup.
    #[must_use]
    pub(crate) fn orders(&self) -> u64 {
        self.orders
    }

    /// The journal, when the agent has stopped; `None` where it is another one.
    #[must_use]
    pub(crate) fn into_journal<J: Journal>(self) -> Option<J> {
        let journal: Box<dyn Any> = self.parts.journal;
        journal.downcast().ok().map(|journal| *journal)
    }

    /// Reads what was committed.
    fn read(&mut self) -> usize {
        let Self { parts, tally, in_flight, seen, own, counts, .. } = self;
        let mut failed = None;
        seen.clear();
        let given = parts.reader.poll(EVENTS_PER_CYCLE_MAX, |frame| {
            let event = match Message::decode(frame.message) {
                Ok(event) => event,
                Err(error) => {
                    failed.get_or_insert(format!("position {}: {error}", frame.position));
                    return;
                }
            };
            if let Some(origin) = crate::state_machine::command_origin(&event) {
                *own = origin.source == parts.source;
                if *own && let Some(intended) = in_flight.on_committed(origin.source_sequence) {
                    counts.committed += 1;
                    let EventHeader { sequence, timestamp, .. } = *event.header();
                    let one = Seen { intended, sequence, timestamp, end: frame.end.0 };
                    seen.extend(Some(one).filter(|seen| seen.intended > 0));
                }
            }
            if let Message::EpochStarted(started) = &event {
                in_flight.on_epoch(started.epoch.into());
            }
            counts.refused += u64::from(*own && is_refusal(&event));
            tally.on_event(&event);
            parts.flow.on_event(&event);
        });
        if !seen.is_empty() {
            parts.journal.on_seen(seen, parts.clock.now().0);
        }
        match (given, failed) {
            (Ok(given), None) => given,
            (Err(error), _) => self.fail(error.to_string()),
            (_, Some(error)) => self.fail(error),
        }
    }

    fn fail(&mut self, error: String) -> usize {
        self.error.get_or_insert(error);
        self.ended = true;
        self.counts.unanswered += self.in_flight.len() as u64;
        self.in_flight.clear();
        0
    }

    /// Looks whether the core is the one that the commands on their way were sent to. After the
    /// death of one, what it did not execute is not accepted by the next, and is sent again.
    fn follow_core(&mut self) {
        match self.parts.ring.check() {
            Ok(()) => {}
            Err(Refusal::Renewed { generation }) if self.in_flight.has_seen(generation) => {
                match self.parts.ring.rejoin() {
                    Ok(_) => self.in_flight.give_back(),
                    Err(refusal) => drop(self.fail(refusal.to_string())),
                }
            }
            Err(Refusal::Renewed { .. }) => {}
            Err(refusal) => drop(self.fail(refusal.to_string())),
        }
    }

    /// Sends what was given back; false while there is more of it.
    fn send_again(&mut self, sent: &mut usize) -> bool {
        while let Some(Sent { command, .. }) = self.in_flight.next_again() {
            if !self.write(&command) {
                return false;
            }
            self.in_flight.on_sent_again();
            *sent += 1;
        }
        true
    }

    /// Gives up when nothing is committed any more.
    fn lose_patience(&mut self, now: u64) {
        let Some(patience) = &mut self.patience else { return };
        let oldest = self.in_flight.oldest();
        match (oldest, patience.oldest) {
            (Some(sequence), Some((waiting, since))) if sequence == waiting => {
                if now.saturating_sub(since) > patience.limit_ns {
                    let (seconds, source) = (patience.limit_ns / 1_000_000_000, self.parts.source);
                    self.fail(format!(
                        "command {sequence} was not committed within {seconds} s: the exchange \
                         does not run, or takes nothing from source {source}"
                    ));
                }
            }
            _ => patience.oldest = oldest.map(|sequence| (sequence, now)),
        }
    }

    /// Sends the administration that comes first, as fast as it is taken.
    fn send_setup(&mut self) -> usize {
        let mut sent = 0;
        while let Some(command) = self.setup.front().copied() {
            if !self.send(command, 0) {
                break;
            }
            self.setup.pop_front();
            sent += 1;
        }
        sent
    }

    /// Sends what is due.
    fn send_due(&mut self, now: u64) -> usize {
        let start = *self.start.get_or_insert(now);
        self.progress.trading.store(true, Ordering::Release);
        let behind = self.parts.watch.is_behind();
        if let Some(since) = self.waiting_since.take() {
            self.waited_ns += now.saturating_sub(since);
            self.progress.waited_ns.store(self.waited_ns, Ordering::Release);
        }
        if behind {
            self.waiting_since = Some(now);
            return 0;
        }
        // A rate that nobody can keep does not make a short run a long one.
        let late_ns = now.saturating_sub(start + self.waited_ns);
        self.ended |= late_ns >= LATE_NS_MAX && self.is_over(late_ns - LATE_NS_MAX);
        let mut sent = 0;
        while sent < COMMANDS_PER_CYCLE_MAX && !self.ended {
            // Before the flow is asked: it counts what it gives as sent.
            if self.ready.is_none() && self.is_over(self.due(start, now, 0) - start) {
                self.ended = true;
                break;
            }
            let Some((command, due)) = self.next_command(start, now) else { break };
            if due > now {
                self.ready = Some((command, due));
                break;
            }
            if self.is_over(due - start) {
                self.ended = true;
                break;
            }
            if !self.send(command, due) {
                self.ready = Some((command, due));
                break;
            }
            self.orders += 1;
            sent += 1;
        }
        sent
    }

    /// When the next command is due, nanoseconds UTC; `own_ns` is the flow's own time for it, and
    /// 0 gives the earliest that it can be.
    fn due(&self, start: u64, now: u64, own_ns: u64) -> u64 {
        let due = self.parts.pace.due_ns(self.orders, own_ns);
        due.map_or(now, |due| start + self.waited_ns + due)
    }

    /// Whether what is due so long after the start comes too late to be sent.
    fn is_over(&self, due_ns: u64) -> bool {
        self.parts.duration_ns.is_some_and(|duration| due_ns >= duration)
    }

    /// The next command and when it is due, nanoseconds UTC.
    fn next_command(&mut self, start: u64, now: u64) -> Option<(Message, u64)> {
        if let Some(ready) = self.ready.take() {
            return Some(ready);
        }
        match self.parts.flow.next() {
            Next::Command { command, due_ns } => Some((command, self.due(start, now, due_ns))),
            Next::Wait => None,
            Next::Done => {
                self.ended = true;
                None
            }
        }
    }

    /// Sends a command; false where there is no room, or enough is on its way.
    fn send(&mut self, mut command: Message, intended: u64) -> bool {
        if self.in_flight.is_full(self.parts.pace != Pace::Max) {
            return false;
        }
        let (source, sequence) = (self.parts.source, self.sequence + 1);
        stamp(&mut command, CommandOrigin { source, source_sequence: sequence }, intended);
        if !self.write(&command) {
            return false;
        }
        self.sequence = sequence;
        self.in_flight.on_sent(Sent { sequence, intended, command });
        if intended > 0 {
            self.parts.journal.on_sent();
        }
        true
    }

    /// Puts a command into the ring, if there is room.
    fn write(&mut self, command: &Message) -> bool {
        match self.parts.ring.try_claim(command.encoded_length()) {
            Ok(mut claim) => {
                command.encode(&mut claim).expect("the claim has the message's length");
                claim.commit();
                true
            }
            Err(refusal @ Refusal::TooLong { .. }) => {
                self.fail(refusal.to_string());
                false
            }
            // Full, or another core has come, which is looked after in each cycle.
            Err(_) => false,
        }
    }
}

impl Agent for SourceAgent {
    fn name(&self) -> &str {
        "source"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let read = self.read();
        self.follow_core();
        self.lose_patience(now.0);
        // Not within the administration: subscribers can end only what has begun.
        self.ended |= self.setup.is_empty() && self.parts.stop.is_stopped();
        let mut again = 0;
        let sent = if !self.send_again(&mut again) || self.ended {
            0
        } else if !self.setup.is_empty() {
            self.send_setup()
        } else if self.start.is_none() && !self.in_flight.is_empty() {
            // The administration is committed whole before the clock of the flow starts.
            0
        } else {
            self.send_due(now.0)
        };
        if self.ended && self.in_flight.is_empty() && read == 0 && !self.progress.is_finished() {
            let trading_ns = now.0 - self.start.unwrap_or(now.0);
            self.progress.trading_ns.store(trading_ns, Ordering::Release);
            if let Some(error) = self.flow_error() {
                let _ = self.progress.flow_error.set(error);
            }
            self.progress.finished.store(true, Ordering::Release);
        }
        read + again + sent
    }
}

/// Whether an event refuses a command.
fn is_refusal(event: &Message) -> bool {
    matches!(
        event,
        Message::OrderRejectedEvent(_)
            | Message::CancelRejectedEvent(_)
            | Message::MassCancelRejected(_)
            | Message::AdministrationRejected(_)
    )
}

/// Stamps source, source sequence and entry time on a command.
fn stamp(command: &mut Message, stamped: CommandOrigin, entry_time: u64) {
    if let Some(origin) = crate::state_machine::command_origin_mut(command) {
        *origin = stamped;
    }
    if let Message::NewOrderEvent(order) = command {
        order.entry_time = entry_time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::ManualClock;
    use crate::core::{CoreAgent, CoreCounters, Options, Sequencer};
    use crate::metrics::latencies;
    use crate::ring::pair;
    use crate::state_machine::Capacity;
    use crate::store::{Identity, Options as StoreOptions};
    use isochron_events::{SCHEMA_ID, SCHEMA_VERSION, Tick};

    /// One tick, then nothing.
    struct OneTick(bool);

    impl Flow for OneTick {
        fn setup(&mut self) -> Vec<Message> {
            Vec::new()
        }

        fn next(&mut self) -> Next {
            let first = std::mem::replace(&mut self.0, false);
            let command = Tick::default().into();
            if first { Next::Command { command, due_ns: 0 } } else { Next::Done }
        }

        fn on_event(&mut self, _event: &Message) {}

        fn notes(&self) -> Vec<(String, u64)> {
            Vec::new()
        }
    }

    #[test]
    fn latency_ends_when_the_outcome_is_seen_not_when_the_cycle_began() {
        let directory = tempfile::tempdir().unwrap();
        let (exchange, exchange_number) = ("TEST".to_owned(), 1);
        let (schema_id, schema_version) = (SCHEMA_ID, SCHEMA_VERSION);
        let identity = Identity { exchange, exchange_number, node: 1, schema_id, schema_version };
        let store = StoreOptions::new(directory.path(), identity);
        let store = StoreOptions { term_bytes: 64 * 1024, ..store };
        let options = Options { store, capacity: Capacity::default() };
        let (sequencer, _) = Sequencer::open(&options, Nanos(1)).unwrap();
        let (ring, consumer) = pair(1 << 16);
        let counters = Counters::in_memory();
        let mut core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
        let clock = ManualClock::new(Nanos(1_000));
        let (recorder, mut collector) = latencies(8);
        let (mut source, progress) = SourceAgent::new(Parts {
            setup: Vec::new(),
            flow: Box::new(OneTick(true)),
            pace: Pace::Rate(1),
            duration_ns: None,
            source: 1,
            ring,
            reader: StoreReader::attach(directory.path(), None).unwrap(),
            journal: Box::new(recorder),
            clock: Box::new(clock.clone()),
            watch: Watch { exchange: counters, subscribers: Vec::new() },
            stop: StopFlag::new(),
        });
        // Sent in the cycle of 1,000; executed and seen in that of 1,100, which has lasted.
        source.do_work(Nanos(1_000));
        core.do_work(Nanos(1_100));
        clock.set(Nanos(3_000));
        source.do_work(Nanos(1_100));
        source.do_work(Nanos(3_100));
        assert!(progress.is_finished());
        assert_eq!(collector.collect(), 1);
        assert_eq!(collector.total().max_ns, 2_000);
    }
}
