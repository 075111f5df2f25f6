//! From the time at which a transaction is meant to be published to the time at which its writer
//! sees it committed: the agents of a primary and its standbys, as nodes have them.
//!
//! ```text
//!   due? ─▶ store ─▶ primary ══▶ standbys, stores     one thread: publisher and primary
//!    seen ◀─ committed ◀─┘   ◀══ Ack                  a thread for each standby
//! ```
//!
//! Open loop: a transaction that could not be published in time is late by that much.

use super::super::nodes::{self, Complete, Nodes, Primary, Standby};
use super::super::report::histogram;
use super::ends::{append, message, term_bytes};
use super::text;
use crate::agent::{
    Agent, Clock, Group, IdleStrategy, StopFlag, SystemClock, cores_available, start_groups, take,
};
use crate::store::{LogPlace, StoreWriter};
use crate::types::{Nanos, Position};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::path::Path;

/// Bytes of a message, as those of the round trip.
const MESSAGE_BYTES: usize = 128;

/// The first of them are not counted: caches and pages are cold.
const WARM_UP: u64 = 1_000;

/// Transactions on their way that there is room for: more than a second's. One more is published
/// when there is room, and is late.
const PENDING_MAX: usize = 1 << 16;

/// After so long without a commit it is given up.
const SILENCE_NS_MAX: u64 = 10_000_000_000;

/// What a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) standbys: u32,
    /// Transactions a second.
    pub(super) rate: u64,
    pub(super) seconds: u64,
}

/// Publishes, and sees what is committed.
struct Publisher {
    writer: StoreWriter,
    message: Vec<u8>,
    /// What is left, and how much was published.
    count: u64,
    published: u64,
    rate: u64,
    complete: Complete,
    began: Option<Nanos>,
    heard: Nanos,
    /// The ends of those on their way, and when they were meant to be published.
    pending: VecDeque<(Position, u64)>,
    seen: u64,
    times: Histogram<u64>,
    clock: SystemClock,
    stop: StopFlag,
    fault: Option<String>,
}

impl Publisher {
    fn publish(&mut self, now: Nanos) -> usize {
        let Some(began) = self.began else {
            if self.complete.is_so() {
                self.began = Some(now);
            }
            return 0;
        };
        let mut done = 0;
        while self.published < self.count && self.pending.len() < PENDING_MAX {
            let ns = u128::from(self.published) * 1_000_000_000 / u128::from(self.rate);
            let due = began.get() + ns as u64;
            if due > now.get() || !append(&mut self.writer, &self.message) {
                break;
            }
            self.published += 1;
            self.pending.push_back((self.writer.position(), due));
            done += 1;
        }
        done
    }

    fn see(&mut self, now: Nanos) -> usize {
        let committed = self.writer.committed();
        let mut seen_at = None;
        let before = self.seen;
        while let Some((_, due)) = self.pending.pop_front_if(|(end, _)| *end <= committed) {
            // The time of the cycle will not do: the commit came within it.
            let seen_at = *seen_at.get_or_insert_with(|| self.clock.now().get());
            self.seen += 1;
            if self.seen > WARM_UP {
                self.times.saturating_record(seen_at.saturating_sub(due).max(1));
            }
        }
        if self.seen > before || self.heard == Nanos(0) {
            self.heard = now;
        }
        if self.seen == self.count {
            self.stop.stop();
        } else if now.get().saturating_sub(self.heard.get()) > SILENCE_NS_MAX {
            let (seen, count) = (self.seen, self.count);
            self.fault = Some(format!("{seen} of {count} transactions were committed"));
            self.stop.stop();
        }
        (self.seen - before) as usize
    }
}

/// The node's way of a transaction on one thread, its two ends beside each other.
struct Node {
    publisher: Publisher,
    primary: Primary,
}

impl Agent for Node {
    fn name(&self) -> &str {
        "primary"
    }

    #[inline]
    fn do_work(&mut self, now: Nanos) -> usize {
        let published = self.publisher.publish(now);
        let work = self.primary.do_work(now);
        published + work + self.publisher.see(now)
    }

    fn failure(&self) -> Option<String> {
        self.primary.failure()
    }
}

/// Room that is touched before: what a page costs is not measured.
fn touched() -> VecDeque<(Position, u64)> {
    let mut room = VecDeque::with_capacity(PENDING_MAX);
    room.resize(PENDING_MAX, (Position(0), 0));
    room.clear();
    room
}

/// Where the threads of a run are, in words.
pub(super) fn placement(standbys: u32) -> String {
    format!("publisher and primary on one thread, {}", nodes::placement(standbys as usize, 1))
}

/// The times of a run.
pub(super) fn run(
    plan: Plan,
    directory: &Path,
    clock: &SystemClock,
) -> Result<Histogram<u64>, String> {
    let stores = tempfile::tempdir_in(directory).map_err(text)?;
    let count = plan.rate * plan.seconds + WARM_UP;
    let term_bytes = term_bytes(count, MESSAGE_BYTES)?;
    let mut nodes = Nodes::new(stores.path(), term_bytes, plan.standbys)?;
    let now = clock.now();
    let (writer, beginning) = nodes.begin(now)?;
    let primary = nodes.primary(beginning, now)?;
    let standbys = nodes.standbys(now)?;
    let stop = StopFlag::new();
    let publisher = Publisher {
        writer,
        message: message(MESSAGE_BYTES),
        count,
        published: 0,
        rate: plan.rate,
        complete: primary.complete(),
        began: None,
        heard: Nanos(0),
        pending: touched(),
        seen: 0,
        times: histogram(),
        clock: *clock,
        stop: stop.clone(),
        fault: None,
    };
    let has_own = cores_available() >= 2;
    let mut groups = vec![Group {
        name: "primary".to_owned(),
        agents: vec![Box::new(Node { publisher, primary })],
        core: has_own.then_some(0),
        idle: if has_own { IdleStrategy::Spin } else { IdleStrategy::Yield },
    }];
    groups.extend(nodes::threads(standbys, 1));
    let running = start_groups(groups, clock, &stop).map_err(text)?;
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let Node { publisher, mut primary } =
        *take::<Node>(&mut agents).ok_or("the primary is gone")?;
    if let Some(fault) = publisher.fault {
        return Err(fault);
    }
    let mut standbys: Vec<Box<Standby>> = std::iter::from_fn(|| take(&mut agents)).collect();
    let Publisher { writer, times, .. } = publisher;
    let end = LogPlace { position: writer.position(), chain: writer.chain() };
    nodes::settle(&mut primary, &mut standbys, end, clock)?;
    Ok(times)
}
