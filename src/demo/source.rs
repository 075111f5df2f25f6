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
use super::pace::Pace;
use super::tally::Tally;
use crate::agent::{Agent, Clock, StopFlag};
use crate::metrics::{Counter, Counters, Recorder};
use crate::ring::Producer;
use crate::store::StoreReader;
use crate::types::Nanos;
use isochron_events::{CommandOrigin, EventHeader, Message};
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Commands on their way: sent, not yet seen committed.
const IN_FLIGHT_MAX: usize = 1_024;

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

/// The order source on its thread.
pub(crate) struct SourceAgent {
    parts: Parts,
    setup: VecDeque<Message>,
    /// The next command and when it is due.
    ready: Option<(Message, u64)>,
    /// Commands sent and not yet seen committed, by when they were meant to be sent.
    in_flight: VecDeque<(u64, u64)>,
    /// Those that were seen committed in this cycle.
    seen: Vec<Seen>,
    sequence: u64,
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
        let agent = Self {
            parts,
            setup,
            ready: None,
            in_flight: VecDeque::with_capacity(IN_FLIGHT_MAX),
            seen: Vec::with_capacity(IN_FLIGHT_MAX),
            sequence: 0,
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

    /// What went wrong, if something did: the log could not be read.
    #[must_use]
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
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
        let Self { parts, tally, in_flight, seen, .. } = self;
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
            let origin = crate::state_machine::command_origin(&event);
            if origin.is_some_and(|origin| origin.source == parts.source)
                && let Some((_, intended)) = in_flight.pop_front()
                && intended > 0
            {
                let EventHeader { sequence, timestamp, .. } = *event.header();
                seen.push(Seen { intended, sequence, timestamp, end: frame.end.0 });
            }
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
        self.in_flight.clear();
        0
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

    /// Puts a command into the ring; false where there is no room, or enough is on its way.
    fn send(&mut self, mut command: Message, intended: u64) -> bool {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            return false;
        }
        let source = self.parts.source;
        let origin = CommandOrigin { source, source_sequence: self.sequence + 1 };
        stamp(&mut command, origin, intended);
        let Ok(mut claim) = self.parts.ring.try_claim(command.encoded_length()) else {
            return false;
        };
        command.encode(&mut claim).expect("the claim has the message's length");
        claim.commit();
        self.sequence += 1;
        self.in_flight.push_back((self.sequence, intended));
        if intended > 0 {
            self.parts.journal.on_sent();
        }
        true
    }
}

impl Agent for SourceAgent {
    fn name(&self) -> &str {
        "source"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let read = self.read();
        // Not within the administration: subscribers can end only what has begun.
        self.ended |= self.setup.is_empty() && self.parts.stop.is_stopped();
        let sent = if self.ended {
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
            self.progress.finished.store(true, Ordering::Release);
        }
        read + sent
    }
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
