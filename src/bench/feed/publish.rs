//! One pass: a whole log, from its first event to the last datagram on both lines.

use super::text;
use crate::agent::{Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, start};
use crate::limits::TERM_BYTES_DEFAULT;
use crate::market_data::{Feed, FeedAgent, FeedOptions, LogAgent, Output, Plan, register};
use crate::metrics::{Counter, Counters, ThreadUsage};
use crate::net::{Endpoint, Receiver, ReservedPort};
use crate::store::{Options as StoreOptions, RealDisk, StoreReader};
use crate::types::{Nanos, Position};
use isochron_events::Message;
use isochron_feeds::channel::{Channel, Product};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

/// Where the lines begin; the ports are free ones.
const GROUPS: [Ipv4Addr; 2] = [Ipv4Addr::new(239, 77, 2, 1), Ipv4Addr::new(239, 78, 2, 1)];

/// What a subscriber's socket asks for: nobody reads it fast.
const RECEIVE_BYTES: usize = 256 * 1024;

/// Cycles without work after which a feed that has not come to the end is given up.
const IDLE_CYCLES_MAX: u64 = 20_000_000;

/// What is published, and who listens.
pub(super) struct Setting<'a> {
    pub(super) name: &'static str,
    /// The event store.
    pub(super) store: &'a Path,
    /// Where the feed's logs are made.
    pub(super) scratch: &'a Path,
    pub(super) products: &'a [Product],
    /// Sockets that listen to each line of each product.
    pub(super) subscribers: usize,
    pub(super) clock: &'a SystemClock,
}

/// What one pass came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Published {
    pub(super) events: u64,
    pub(super) messages: u64,
    pub(super) datagrams: u64,
    pub(super) segmented: u64,
    pub(super) calls: u64,
    pub(super) bytes: u64,
    pub(super) elapsed_ns: u64,
    pub(super) usage: ThreadUsage,
}

impl Published {
    /// User and system time of one event of the log.
    pub(super) fn cpu_ns_per_event(&self) -> (u64, u64) {
        let ThreadUsage { core_ns, system_ns, .. } = self.usage;
        let events = self.events.max(1);
        (core_ns.saturating_sub(system_ns) / events, system_ns / events)
    }

    pub(super) fn cpu(&self) -> String {
        let (user_ns, system_ns) = self.cpu_ns_per_event();
        let percent = self.usage.core_ns * 100 / self.elapsed_ns.max(1);
        let of_core = self.messages as f64 * 1e3 / self.usage.core_ns.max(1) as f64;
        format!(
            "{user_ns} ns user, {system_ns} ns system; the thread had a core {percent} % of the \
             time: {of_core:.2} M messages in a second of it"
        )
    }

    pub(super) fn json(&self) -> Value {
        let (user_ns, system_ns) = self.cpu_ns_per_event();
        json!({
            "events": self.events, "messages": self.messages, "datagrams": self.datagrams,
            "segmented": self.segmented, "calls": self.calls, "bytes": self.bytes,
            "elapsed_ns": self.elapsed_ns, "core_ns": self.usage.core_ns, "user_ns_per_event": user_ns,
            "system_ns_per_event": system_ns,
        })
    }
}

/// Sockets that listen, and a thread that empties them when it comes to it.
struct Listeners(Vec<Receiver>);

impl Agent for Listeners {
    fn name(&self) -> &str {
        "listeners"
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        // What a socket does not give is another subscriber's trouble.
        self.0.iter_mut().map(|receiver| receiver.recv_batch(|_| ()).unwrap_or(0)).sum()
    }
}

/// A feed that is ready to be run, and what runs beside it.
pub(super) struct Ready {
    pub(super) feed: FeedAgent,
    pub(super) beside: Vec<Box<dyn Agent>>,
    pub(super) counters: Counters,
    /// Kept from others while it lives.
    pub(super) _port: ReservedPort,
}

/// Opens a feed of an event store with logs of its own in a new folder, and its subscribers.
pub(super) fn open(setting: &Setting<'_>, store: &Path, logs: &Path) -> Result<Ready, String> {
    let port = ReservedPort::new().map_err(text)?;
    let [line_a, line_b] = GROUPS.map(|group| {
        let interface = Ipv4Addr::LOCALHOST;
        Endpoint { group, port: port.get(), interface }
    });
    let reader = StoreReader::attach(store, None).map_err(text)?;
    let identity = reader.meta().identity.clone();
    let mut options = FeedOptions {
        plan: Plan::new(setting.products, 100_000_000),
        line_b: Some(line_b),
        ..FeedOptions::new(&StoreOptions::new(logs, identity), line_a)
    };
    options.log.term_bytes = TERM_BYTES_DEFAULT;
    let mut receivers = Vec::new();
    for product in setting.products {
        let channel = Channel { partition: 0, product: *product };
        for endpoint in options.endpoints(channel).ok_or("no such port")? {
            for _ in 0..setting.subscribers {
                receivers.push(Receiver::open(endpoint, RECEIVE_BYTES).map_err(text)?);
            }
        }
    }
    let counters = Counters::in_memory();
    let registration = register(&RealDisk, logs).map_err(text)?;
    let disk = Arc::new(RealDisk);
    let feed = FeedAgent::open(disk, reader, registration, &options, &counters);
    let (feed, logs): (FeedAgent, LogAgent) = feed.map_err(text)?;
    let beside: Vec<Box<dyn Agent>> = vec![Box::new(logs), Box::new(Listeners(receivers))];
    Ok(Ready { feed, beside, counters, _port: port })
}

/// The threads beside the feed's: on another core, where there is one.
pub(super) fn beside() -> Placement {
    Placement { cores: vec![1], ..Placement::dedicated(IdleStrategy::BACK_OFF) }
}

/// What a log leads to.
struct Expected {
    /// Its events from a position on.
    events: u64,
    /// Messages of all of it.
    messages: u64,
}

fn expected(setting: &Setting<'_>, from: Position) -> Result<Expected, String> {
    let mut reader = StoreReader::attach(setting.store, None).map_err(text)?;
    let mut core = Feed::new(&Plan::new(setting.products, 100_000_000));
    let (mut events, mut messages) = (0, 0);
    while let Some(frame) = reader.next().map_err(text)? {
        events += u64::from(frame.position >= from);
        let event = Message::decode(frame.message).map_err(text)?;
        core.on_event(&event, &mut |output| {
            messages += u64::from(matches!(output, Output::Message { .. }));
        });
    }
    Ok(Expected { events, messages })
}

/// Publishes the whole log. What is measured begins when the sessions' logs are open, which is
/// once a day.
pub(super) fn publish(setting: &Setting<'_>) -> Result<Published, String> {
    let logs = tempfile::tempdir_in(setting.scratch).map_err(text)?;
    let Ready { mut feed, beside: agents, counters, _port } =
        open(setting, setting.store, logs.path())?;
    let mut reader = StoreReader::attach(setting.store, None).map_err(text)?;
    let end = reader.end().map_err(text)?;
    let running = start(agents, &beside(), setting.clock, &StopFlag::new()).map_err(text)?;
    let clock = setting.clock;
    let mut idle = 0;
    let mut run_while = |feed: &mut FeedAgent, goes_on: &dyn Fn(&FeedAgent) -> bool| {
        while goes_on(feed) && feed.fault().is_none() && idle < IDLE_CYCLES_MAX {
            idle = if feed.do_work(clock.now()) == 0 { idle + 1 } else { 0 };
        }
    };
    let products = setting.products.len();
    run_while(&mut feed, &|feed| feed.sessions().count() < products && feed.sent_to() < end);
    let (from, sent_before) = (feed.position(), counters.get(Counter::FEED_MESSAGES));
    let (began, before) = (clock.now(), ThreadUsage::now());
    run_while(&mut feed, &|feed| feed.sent_to() < end);
    let (elapsed_ns, usage) = (clock.now().0 - began.0, ThreadUsage::now().since(before));
    feed.on_close();
    running.stop();
    running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    if let Some(fault) = feed.fault() {
        return Err(text(fault));
    }
    let Expected { events, messages: expected } = expected(setting, from)?;
    let count = |counter| counters.get(counter);
    let messages = count(Counter::FEED_MESSAGES);
    if messages != expected {
        return Err(format!("{messages} messages were published, {expected} are made of the log"));
    }
    Ok(Published {
        events,
        messages: messages - sent_before,
        datagrams: count(Counter::FEED_DATAGRAMS),
        segmented: count(Counter::FEED_SEGMENTED),
        calls: count(Counter::FEED_SEND_CALLS),
        bytes: count(Counter::FEED_BYTES),
        elapsed_ns,
        usage,
    })
}
