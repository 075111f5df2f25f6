//! One pass: so many messages through the stream, as fast as it goes or at a rate.

use super::ends::{Plan, Primary, Standby, append, message, open_writer};
use super::loss::LossyMedia;
use super::text;
use crate::agent::{
    Agent, Clock, Group, IdleStrategy, StopFlag, SystemClock, cores_available, start_groups, take,
};
use crate::bench::nodes::channel;
use crate::metrics::ThreadUsage;
use crate::net::ReservedPort;
use crate::replication::receiver::ReceiverCounts;
use crate::replication::sender::SenderCounts;
use crate::store::{Chain, LogPlace, StoreWriter, Terms, framed};
use crate::types::{Nanos, Position};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// So much is published ahead of what is sent: it stays in the cache.
const AHEAD_BYTES_MAX: u64 = 256 * 1024;

/// Messages that the publisher appends in one turn.
const APPENDS_PER_TURN: u64 = 256;

/// After so long without progress a pass is given up.
const SILENCE_NS_MAX: u64 = 10_000_000_000;

/// What a pass is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) message_bytes: u64,
    pub(super) messages: u64,
    /// Messages a second; 0 is as fast as it goes.
    pub(super) rate: u64,
    pub(super) loss_percent: u64,
    pub(super) threads: u8,
}

impl Pass {
    pub(super) fn new(message_bytes: u64, messages: u64) -> Self {
        // A term holds a pass.
        let most = (1_u64 << 29) / framed(message_bytes as usize) as u64 - 1;
        Self { message_bytes, messages: messages.min(most), rate: 0, loss_percent: 0, threads: 2 }
    }
}

/// What a pass gave.
pub(super) struct Run {
    messages: u64,
    elapsed_ns: u64,
    pub(super) expected: Position,
    pub(super) chain: Chain,
    pub(super) held: LogPlace,
    pub(super) repairs: Histogram<u64>,
    sent: SenderCounts,
    received: ReceiverCounts,
    receive_calls: u64,
    datagrams_lost: u64,
    buffer_dropped: u64,
    /// Time on a core: publisher and sender, receiver.
    primary_core_ns: u64,
    standby_core_ns: u64,
}

impl Run {
    pub(super) fn messages_per_second(&self) -> f64 {
        self.messages as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    fn cores(&self, core_ns: u64) -> f64 {
        core_ns as f64 / self.elapsed_ns.max(1) as f64
    }

    pub(super) fn note(&self) -> String {
        let Self { sent, received, .. } = self;
        format!(
            "primary {:.2} cores, standby {:.2}; {} datagrams in {} receive calls, lost {} on the \
             way and {} in the buffer, {} sent again for {} requests",
            self.cores(self.primary_core_ns),
            self.cores(self.standby_core_ns),
            received.datagrams,
            self.receive_calls,
            self.datagrams_lost,
            self.buffer_dropped,
            sent.retransmitted_datagrams,
            received.naks,
        )
    }

    pub(super) fn json(&self) -> Value {
        let Self { sent, received, .. } = self;
        json!({
            "messages": self.messages, "elapsed_ns": self.elapsed_ns,
            "primary_cores": self.cores(self.primary_core_ns),
            "standby_cores": self.cores(self.standby_core_ns),
            "datagrams_sent": sent.datagrams, "bytes_sent": sent.data_bytes,
            "heartbeats": sent.heartbeats, "flow_control_limited": sent.flow_control_limited,
            "retransmitted_datagrams": sent.retransmitted_datagrams,
            "naks_over_budget": sent.naks_over_budget, "naks_repeated": sent.naks_repeated,
            "naks_unanswered": sent.naks_unanswered, "naks_overflowed": sent.naks_overflowed,
            "datagrams_received": received.datagrams, "receive_calls": self.receive_calls,
            "datagrams_lost": self.datagrams_lost, "naks": received.naks,
            "buffer_dropped": self.buffer_dropped,
        })
    }
}

/// What the threads of a pass tell each other.
#[derive(Debug, Default)]
struct Shared {
    sent: AtomicU64,
    is_connected: AtomicBool,
    is_over: AtomicBool,
}

/// Publishes.
struct Publisher {
    writer: StoreWriter,
    message: Vec<u8>,
    pass: Pass,
    appended: u64,
    began: Option<Nanos>,
    shared: Arc<Shared>,
    clock: SystemClock,
    usage: Usage,
}

/// Time on a core, from the first turn on, of whichever thread it is.
#[derive(Default)]
struct Usage(Option<ThreadUsage>, u64);

impl Usage {
    fn begin(&mut self) {
        if self.0.is_none() {
            self.0 = Some(ThreadUsage::now());
        }
    }

    fn end(&mut self) {
        self.1 = self.0.map_or(0, |before| ThreadUsage::now().since(before).core_ns);
    }
}

impl Publisher {
    /// How many may be appended now.
    fn due(&self, now: Nanos) -> u64 {
        let left = self.pass.messages - self.appended;
        let Some(began) = self.began else { return 0 };
        if self.pass.rate > 0 {
            let elapsed = u128::from(now.get().saturating_sub(began.get()));
            let due = (elapsed * u128::from(self.pass.rate) / 1_000_000_000) as u64;
            return due.saturating_sub(self.appended).min(left);
        }
        let sent = self.shared.sent.load(Ordering::Acquire);
        let ahead = self.writer.position().get().saturating_sub(sent);
        let room = AHEAD_BYTES_MAX.saturating_sub(ahead) / framed(self.message.len()) as u64;
        room.min(left).min(APPENDS_PER_TURN)
    }
}

impl Agent for Publisher {
    fn name(&self) -> &str {
        "publisher"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.began.is_none() && self.shared.is_connected.load(Ordering::Acquire) {
            self.began = Some(self.clock.now());
            self.usage.begin();
        }
        let due = self.due(now);
        for done in 0..due {
            if !append(&mut self.writer, &self.message) {
                return done as usize;
            }
            self.appended += 1;
        }
        if self.shared.is_over.load(Ordering::Acquire) && self.usage.1 == 0 {
            self.usage.end();
        }
        due as usize
    }

    fn on_close(&mut self) {
        self.usage.end();
    }
}

/// Sends.
struct SendAgent {
    primary: Primary,
    shared: Arc<Shared>,
    usage: Usage,
    fault: Option<String>,
}

impl Agent for SendAgent {
    fn name(&self) -> &str {
        "sender"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let sent = self.primary.turn(now).unwrap_or_else(|fault| {
            self.fault = Some(fault);
            0
        });
        if sent > 0 {
            let position = self.primary.sender.position().get();
            self.shared.sent.store(position, Ordering::Release);
            if self.primary.sender.is_connected() && self.usage.0.is_none() {
                self.usage.begin();
                self.shared.is_connected.store(true, Ordering::Release);
            }
        }
        sent
    }

    fn failure(&self) -> Option<String> {
        self.fault.clone()
    }

    fn on_close(&mut self) {
        self.usage.end();
    }
}

/// Receives, until everything is there.
struct ReceiveAgent {
    standby: Standby<LossyMedia>,
    expected: Position,
    ended: Option<Nanos>,
    heard: Nanos,
    shared: Arc<Shared>,
    stop: StopFlag,
    clock: SystemClock,
    usage: Usage,
    fault: Option<String>,
}

impl Agent for ReceiveAgent {
    fn name(&self) -> &str {
        "receiver"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.shared.is_connected.load(Ordering::Relaxed) {
            self.usage.begin();
        }
        self.standby.media.set_now(now);
        let before = self.standby.store.held().position;
        let received = self.standby.turn(now).unwrap_or_else(|fault| {
            self.fault = Some(fault);
            0
        });
        let contiguous = self.standby.store.contiguous();
        self.standby.media.on_contiguous(contiguous, now);
        let held = self.standby.store.held().position;
        if held > before || self.heard == Nanos(0) {
            self.heard = now;
        }
        let is_silent = now.get().saturating_sub(self.heard.get()) > SILENCE_NS_MAX;
        if self.ended.is_none() && (held >= self.expected || is_silent) {
            self.ended = Some(self.clock.now());
            self.stop.stop();
        }
        received
    }

    fn failure(&self) -> Option<String> {
        self.fault.clone()
    }

    fn on_close(&mut self) {
        self.usage.end();
    }
}

/// Runs a pass.
pub(super) fn run(pass: &Pass, directory: &Path, clock: &SystemClock) -> Result<Run, String> {
    let port = ReservedPort::new().map_err(text)?;
    let message = message(pass.message_bytes as usize);
    let plan = Plan::new(channel(port.get(), 1)?, pass.messages, message.len())?;
    let stores = tempfile::tempdir_in(directory).map_err(text)?;
    let (own, other) = (stores.path().join("primary"), stores.path().join("standby"));
    let now = clock.now();
    let writer = open_writer(&plan, &own, now)?;
    let primary = Primary::open(&plan, &own, now)?;
    let terms = Terms::new(plan.term_bytes).ok_or("the term has an odd size")?;
    let wrap = |media| LossyMedia::new(media, pass.loss_percent, terms);
    let standby = Standby::open(&plan, &other, 1, wrap, now)?;
    let expected = Position(pass.messages * framed(message.len()) as u64);
    let (shared, stop) = (Arc::new(Shared::default()), StopFlag::new());
    let publisher = Publisher {
        writer,
        message,
        pass: *pass,
        appended: 0,
        began: None,
        shared: Arc::clone(&shared),
        clock: *clock,
        usage: Usage::default(),
    };
    let sender =
        SendAgent { primary, shared: Arc::clone(&shared), usage: Usage::default(), fault: None };
    let receiver = ReceiveAgent {
        standby,
        expected,
        ended: None,
        heard: Nanos(0),
        shared,
        stop: stop.clone(),
        clock: *clock,
        usage: Usage::default(),
        fault: None,
    };
    let groups = groups(pass.threads, publisher, sender, receiver);
    let mut agents = start_groups(groups, clock, &stop)
        .map_err(text)?
        .join()
        .map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let gone = "an agent is gone";
    let publisher = take::<Publisher>(&mut agents).ok_or(gone)?;
    let sender = take::<SendAgent>(&mut agents).ok_or(gone)?;
    let receiver = take::<ReceiveAgent>(&mut agents).ok_or(gone)?;
    result(pass, expected, *publisher, &sender, *receiver)
}

fn groups(
    threads: u8,
    publisher: Publisher,
    sender: SendAgent,
    receiver: ReceiveAgent,
) -> Vec<Group> {
    // Two ends on two cores spin; more threads than cores must let each other run.
    let is_pinned = cores_available() >= usize::from(threads);
    let idle = if is_pinned { IdleStrategy::Spin } else { IdleStrategy::Yield };
    let group = |name: &str, agents: Vec<Box<dyn Agent>>, core: usize| Group {
        name: name.to_owned(),
        agents,
        core: is_pinned.then_some(core),
        idle,
    };
    match threads {
        2 => vec![
            group("primary", vec![Box::new(publisher), Box::new(sender)], 0),
            group("standby", vec![Box::new(receiver)], 1),
        ],
        _ => vec![
            group("publisher", vec![Box::new(publisher)], 0),
            group("sender", vec![Box::new(sender)], 2),
            group("standby", vec![Box::new(receiver)], 1),
        ],
    }
}

fn result(
    pass: &Pass,
    expected: Position,
    publisher: Publisher,
    sender: &SendAgent,
    receiver: ReceiveAgent,
) -> Result<Run, String> {
    let (began, ended) = (publisher.began, receiver.ended);
    let (Some(began), Some(ended)) = (began, ended) else {
        let fault = sender.fault.clone().or(receiver.fault);
        return Err(fault.unwrap_or_else(|| "no receiver was heard".to_owned()));
    };
    let media = &receiver.standby.media;
    // On one thread each of the two measured all of it.
    let primary_core_ns = match pass.threads {
        2 => sender.usage.1,
        _ => publisher.usage.1 + sender.usage.1,
    };
    Ok(Run {
        messages: pass.messages,
        elapsed_ns: ended.get().saturating_sub(began.get()),
        expected,
        chain: publisher.writer.chain(),
        held: receiver.standby.store.held(),
        repairs: media.repairs.clone(),
        sent: *sender.primary.sender.counts(),
        received: receiver.standby.receiver.counts(),
        receive_calls: media.calls().1,
        datagrams_lost: media.datagrams_lost,
        buffer_dropped: media.dropped().unwrap_or(0),
        primary_core_ns,
        standby_core_ns: receiver.usage.1,
    })
}
