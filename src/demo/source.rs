//! The order source: it paces a flow's commands into the core's ring and reads the log back.
//!
//! ```text
//!   flow ─▶ due? ─▶ ring ─▶ core ─▶ log ───────────────┐
//!    ▲                                                 │
//!    └── committed events (order ids, fills), latencies ◀┘
//! ```
//!
//! Latency is from the time at which a command was meant to be sent to the time at which this
//! agent sees it committed. The source waits for the ring alone: a subscriber that cannot follow
//! repairs what it missed.
//!
//! `send.rs` sends what is due, `read.rs` reads what was committed, `again.rs` looks after the
//! core: what a dead one did not accept, and one that takes nothing; `failover.rs` goes on at
//! another node.

mod again;
mod failover;
mod read;
mod send;
#[cfg(test)]
pub(super) mod tests;

use super::flow::Flow;
use super::in_flight::InFlight;
use super::pace::Pace;
use super::tally::Tally;
use crate::agent::{Agent, Clock, StopFlag};
use crate::metrics::Recorder;
use crate::ring::Producer;
use crate::store::StoreReader;
use crate::types::{Nanos, Position};
use isochron_events::Message;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) use failover::PrimaryChange;

/// Commands sent, and events read, in one duty cycle.
const COMMANDS_PER_CYCLE_MAX: usize = 64;
const EVENTS_PER_CYCLE_MAX: usize = 512;

/// How long after the end of its time a run goes on with what was due before.
const LATE_NS_MAX: u64 = 5_000_000_000;

/// After so long without a commit a source looks whether it is quarantined.
const STALLED_NS: u64 = 500_000_000;

/// What the agent tells the others while it runs.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    finished: Arc<AtomicBool>,
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
    /// The primary is gone; so many commands were sent to it and not seen committed.
    fn on_gone(&mut self, _in_flight: u64) {}
    /// Another one takes commands, and so many of those were not accepted.
    fn on_came(&mut self, _not_accepted: u64) {}
    /// At `now` all was sent that became due while there was none.
    fn on_caught_up(&mut self, _now: u64) {}
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
    failover: Option<failover::Failover>,
    /// Whether the flow can begin, when the administration is committed up to a position.
    can_begin: Box<dyn FnMut(Position) -> bool + Send>,
    /// What the ring had counted before.
    ring_full_base: u64,
    orders: u64,
    start: Option<u64>,
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
            failover: None,
            can_begin: Box::new(|_| true),
            ring_full_base,
            orders: 0,
            start: None,
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

    /// A source whose flow begins, with its clock, once `can_begin` says so of the position up to
    /// which the administration is committed: another part may have to be ready by then.
    #[must_use]
    pub(crate) fn beginning_when(
        mut self,
        can_begin: impl FnMut(Position) -> bool + Send + 'static,
    ) -> Self {
        self.can_begin = Box::new(can_begin);
        self
    }

    /// Whether the flow has begun, or begins now: the administration is committed whole before
    /// its clock starts.
    fn begins(&mut self) -> bool {
        self.start.is_some()
            || (self.in_flight.is_empty() && (self.can_begin)(self.parts.reader.position()))
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
        self.parts.ring.refused().wrapping_sub(self.ring_full_base)
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

    fn fail(&mut self, error: String) -> usize {
        self.error.get_or_insert(error);
        self.ended = true;
        self.counts.unanswered += self.in_flight.len() as u64;
        self.in_flight.clear();
        0
    }
}

impl Agent for SourceAgent {
    fn name(&self) -> &str {
        "source"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let read = self.read();
        self.follow_primary(now.0);
        if self.has_primary() {
            self.follow_core();
        }
        self.lose_patience(now.0);
        // Not within the administration: subscribers can end only what has begun.
        self.ended |= self.setup.is_empty() && self.parts.stop.is_stopped();
        let mut again = 0;
        let sent = if !self.has_primary() || !self.send_again(&mut again) || self.ended {
            0
        } else if !self.setup.is_empty() {
            self.send_setup()
        } else if self.begins() {
            self.send_due(now.0)
        } else {
            0
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
