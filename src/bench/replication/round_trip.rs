//! There and back: a message to the other node's store, and one of its own back.
//!
//! ```text
//!   ping: append ─▶ sender ══▶ receiver, store :pong
//!         held ◀─ receiver ◀══ sender ◀─ append :pong
//! ```
//!
//! Each node is a thread that spins; the next message goes when the last one is back.

use super::super::nodes::channel;
use super::super::report::histogram;
use super::ends::{Plan, Primary, Standby, append, message, open_writer};
use super::text;
use crate::agent::{
    Agent, Clock, Group, IdleStrategy, StopFlag, SystemClock, cores_available, start_groups, take,
};
use crate::net::{ReservedPort, UdpMedia};
use crate::store::StoreWriter;
use crate::types::{Nanos, Position};
use hdrhistogram::Histogram;
use std::path::Path;

/// Bytes of a message, as Aeron's ping has them.
const MESSAGE_BYTES: usize = 128;

/// After so long without an answer it is given up.
const SILENCE_NS_MAX: u64 = 10_000_000_000;

/// The first of them are not counted: caches and pages are cold.
const WARM_UP: u64 = 1_000;

/// A node with a stream of its own and the other's.
struct Node {
    name: &'static str,
    writer: StoreWriter,
    primary: Primary,
    standby: Standby<UdpMedia>,
    message: Vec<u8>,
    clock: SystemClock,
    stop: StopFlag,
    /// What of the other's it has seen.
    seen: Position,
    heard: Nanos,
    fault: Option<String>,
    /// Of the one that asks: what is left, when the last one went, and how long they took.
    asks: Option<Asking>,
}

struct Asking {
    left: u64,
    /// The last so many count.
    counted: u64,
    sent_at: Option<Nanos>,
    times: Histogram<u64>,
}

impl Node {
    fn cycle(&mut self, now: Nanos) -> Result<usize, String> {
        let received = self.standby.turn(now)?;
        let held = self.standby.store.held().position;
        let is_new = held > self.seen;
        if is_new {
            self.seen = held;
            self.heard = now;
        }
        let goes = match &mut self.asks {
            None => is_new,
            Some(asks) => {
                if is_new && let Some(sent_at) = asks.sent_at.take() {
                    let elapsed_ns = self.clock.now().get() - sent_at.get();
                    asks.left -= 1;
                    if asks.left < asks.counted {
                        asks.times.saturating_record(elapsed_ns);
                    }
                }
                if asks.left == 0 {
                    self.stop.stop();
                }
                asks.left > 0 && asks.sent_at.is_none() && self.primary.sender.is_connected()
            }
        };
        if goes {
            if let Some(asks) = &mut self.asks {
                asks.sent_at = Some(self.clock.now());
            }
            if !append(&mut self.writer, &self.message) {
                return Err("the segment is too small".to_owned());
            }
        }
        if self.heard == Nanos(0) {
            self.heard = now;
        }
        if now.get().saturating_sub(self.heard.get()) > SILENCE_NS_MAX {
            return Err(format!("{} has heard nothing for ten seconds", self.name));
        }
        Ok(received + self.primary.turn(now)?)
    }
}

impl Agent for Node {
    fn name(&self) -> &str {
        self.name
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.cycle(now).unwrap_or_else(|fault| {
            self.fault = Some(fault);
            self.stop.stop();
            0
        })
    }
}

/// The times of so many round trips.
pub(super) fn run(
    count: u64,
    directory: &Path,
    clock: &SystemClock,
) -> Result<Histogram<u64>, String> {
    let ports = [ReservedPort::new().map_err(text)?, ReservedPort::new().map_err(text)?];
    let stores = tempfile::tempdir_in(directory).map_err(text)?;
    let plan = |at: usize, last_octet| -> Result<Plan, String> {
        let channel = channel(ports[at].get(), last_octet)?;
        Plan::new(channel, count + WARM_UP + 1, MESSAGE_BYTES)
    };
    let plans = [plan(0, 3)?, plan(1, 5)?];
    let stop = StopFlag::new();
    let now = clock.now();
    let node = |name: &'static str, at: usize, receiver_id, asks| -> Result<Node, String> {
        let (own, other) = (&plans[at], &plans[1 - at]);
        let place = stores.path().join(name);
        std::fs::create_dir_all(&place).map_err(text)?;
        let (own_store, other_store) = (place.join("own"), place.join("other"));
        let writer = open_writer(own, &own_store, now)?;
        Ok(Node {
            name,
            writer,
            primary: Primary::open(own, &own_store, now)?,
            standby: Standby::open(other, &other_store, receiver_id, |media| media, now)?,
            message: message(MESSAGE_BYTES),
            clock: *clock,
            stop: stop.clone(),
            seen: Position(0),
            heard: Nanos(0),
            fault: None,
            asks,
        })
    };
    let asks = Asking { left: count + WARM_UP, counted: count, sent_at: None, times: histogram() };
    let nodes = [node("ping", 0, 1, Some(asks))?, node("pong", 1, 2, None)?];
    let is_pinned = cores_available() >= 2;
    let idle = if is_pinned { IdleStrategy::Spin } else { IdleStrategy::Yield };
    let groups = nodes.into_iter().enumerate().map(|(at, node)| Group {
        name: node.name.to_owned(),
        core: is_pinned.then_some(at),
        idle,
        agents: vec![Box::new(node)],
    });
    let mut agents = start_groups(groups.collect(), clock, &stop)
        .map_err(text)?
        .join()
        .map_err(|panics| format!("{} agents panicked", panics.len()))?;
    while let Some(node) = take::<Node>(&mut agents) {
        if let Some(fault) = node.fault {
            return Err(fault);
        }
        if let Some(asks) = node.asks {
            return Ok(asks.times);
        }
    }
    Err("an agent is gone".to_owned())
}
