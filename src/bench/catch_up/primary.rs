//! Does a primary notice that somebody catches up with its log? Orders at a rate, open loop, from
//! the intended time to the outcome seen committed: for a while alone, then beside a standby with
//! an empty store.
//!
//! ```text
//!   core 0   flow ─▶ due? ─▶ ring ─▶ core ─▶ store ─▶ reader ─▶ seen
//!   core 1                                     └─▶ agent ══ TCP ══▶ standby's store
//! ```
//!
//! The log is one of the default flow, as long as is asked for, when the first order comes; its
//! core goes on. It is alone, so that a commit waits for nobody. With more than two cores the agent
//! and the standby have one each.

use super::super::replay::{Intake, TRADING_DATE};
use super::super::report::{Report, histogram, percentiles_json, us, us_line};
use super::{Args, JoinAgent, check, helpers, joining, serve, text};
use crate::agent::{
    Agent, Clock, Group, IdleStrategy, StopFlag, SystemClock, cores_available, start_groups, take,
};
use crate::core::{CoreAgent, CoreCounters};
use crate::demo::flow::Mix;
use crate::demo::pace::Pace;
use crate::demo::source::{Journal, Parts, Seen, SourceAgent};
use crate::memory::table;
use crate::metrics::Counters;
use crate::ring::pair;
use crate::store::StoreReader;
use crate::types::{Nanos, Position};
use hdrhistogram::Histogram;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const RING_BYTES: usize = 2 * 1024 * 1024;

/// How long the primary is alone.
const ALONE_NS: u64 = 2_000_000_000;

/// The orders of so many seconds are noted: more than a catch-up of some gigabytes takes.
const NOTED_SECONDS: u64 = 30;

/// With a log that goes on, the last bytes are the live stream's.
const REACH_BYTES: u64 = 4 * 1024 * 1024;

/// Between two looks at whether the run is over.
const LOOK: Duration = Duration::from_millis(100);

/// Without any answer for so long the source gives up.
const PATIENCE_NS: u64 = 10_000_000_000;

/// Orders until the flow's halt, as good as never.
const NEVER: u64 = u64::MAX / 1_000;

/// When each order was meant to be sent, and when its outcome was seen; those beyond the room that
/// was made are not noted.
struct Times(Vec<(u64, u64)>);

impl Journal for Times {
    fn on_sent(&mut self) {}

    fn on_seen(&mut self, seen: &[Seen], now: u64) {
        let left = self.0.capacity() - self.0.len();
        self.0.extend(seen.iter().take(left).map(|seen| (seen.intended, now)));
    }
}

/// A log of so many bytes; its core and flow, which go on.
fn make(directory: &Path, args: &Args, clock: &SystemClock) -> Result<Intake, String> {
    // A billionth of a second apart: the log's time is over when the orders come.
    let flow = Mix::new(20_261_122, TRADING_DATE, NEVER);
    let mut intake = Intake::open(directory, flow, (clock.now().get(), 1))?;
    while intake.sequencer.position().get() < args.megabytes * 1_000_000 {
        intake.command()?;
    }
    intake.sequencer.writer_mut().sync().map_err(text)?;
    Ok(intake)
}

/// Measures.
pub(super) fn run(args: &Args, root: &Path, clock: &SystemClock) -> Result<Report, String> {
    let (there, here) = (root.join("primary"), root.join("standby"));
    // 1. The primary.
    let Intake { mut sequencer, flow, sent, .. } = make(&there, args, clock)?;
    let writer = sequencer.writer_mut();
    let mut beside_stores = helpers(writer.take_helper(), writer.take_syncer())?;
    let from = writer.position();
    let (ring, consumer) = pair(RING_BYTES);
    let mut reader = StoreReader::attach(&there, None).map_err(text)?;
    reader.seek(from, None).map_err(text)?;
    let orders = usize::try_from(args.rate * NOTED_SECONDS).map_err(text)?;
    let end = StopFlag::new();
    let (source, progress) = SourceAgent::new(Parts {
        setup: Vec::new(),
        flow: Box::new(flow),
        pace: Pace::Rate(args.rate),
        duration_ns: None,
        source: 1,
        ring,
        reader,
        journal: Box::new(Times(table(orders))),
        clock: Box::new(*clock),
        stop: end.clone(),
    });
    let source = source.alone(sent, 0, PATIENCE_NS);
    let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&Counters::in_memory()));
    // 2. Who catches up, after a while: then the orders end.
    let (server, address) = serve(&there, args.bytes_per_second)?;
    let (mut joining, more) = joining((&there, &here), address, REACH_BYTES, clock, &end)?;
    beside_stores.extend(more);
    joining.after = Nanos(clock.now().get() + ALONE_NS);
    // 3. Until it has arrived, and the last order is seen.
    let groups = threads(
        vec![Box::new(source), Box::new(core)],
        vec![Box::new(server)],
        vec![Box::new(joining)],
        beside_stores,
    );
    let running = start_groups(groups, clock, &StopFlag::new()).map_err(text)?;
    while !progress.is_finished() && !running.is_finished() {
        std::thread::sleep(LOOK);
    }
    running.stop();
    let mut agents = running.join().map_err(|panics| format!("{panics:?}"))?;
    let joined: Box<JoinAgent> = take(&mut agents).ok_or("the standby is gone")?;
    let source: Box<SourceAgent> = take(&mut agents).ok_or("the source is gone")?;
    let (begun, arrived) = joined.times()?;
    check(&there, joined.store.held(), Position(from.get().saturating_sub(REACH_BYTES)))?;
    let fault = source.error().map(str::to_owned);
    let bytes = joined.store.contiguous().get();
    let Times(times) = source.into_journal().ok_or("the times are gone")?;
    let before = latencies(&times, Nanos(0), begun);
    let beside = latencies(&times, begun, arrived);
    Ok(Report { fault, ..report(args, bytes, arrived.get() - begun.get(), &before, &beside) })
}

fn report(
    args: &Args,
    bytes: u64,
    elapsed_ns: u64,
    before: &Histogram<u64>,
    beside: &Histogram<u64>,
) -> Report {
    let megabytes = bytes as f64 * 1e3 / elapsed_ns.max(1) as f64;
    let rate = args.rate;
    let notes = vec![
        format!("{rate} orders a second, from the intended time to seen committed, in us"),
        format!("  alone:  {}", us_line(before)),
        format!("  beside: {}", us_line(beside)),
        format!("  a catch-up of {bytes} bytes at {megabytes:.0} MB/s; {}", placement()),
    ];
    let [alone, beside_p99] = [before, beside].map(|times| us(times.value_at_quantile(0.99)));
    let line = format!("catch-up: orders {rate}/s p99 alone {alone} beside {beside_p99} us");
    let json = json!({
        "rate": rate, "bytes": bytes, "bytes_per_second": megabytes * 1e6,
        "placement": placement(),
        "alone": percentiles_json(before), "beside": percentiles_json(beside),
    });
    Report { notes, line, json, fault: None }
}

/// Of the orders that were meant to be sent in a time.
fn latencies(times: &[(u64, u64)], from: Nanos, to: Nanos) -> Histogram<u64> {
    let mut histogram = histogram();
    for (intended, seen) in times {
        if (from.get()..to.get()).contains(intended) {
            histogram.saturating_record(seen.saturating_sub(*intended).max(1));
        }
    }
    histogram
}

fn placement() -> &'static str {
    match cores_available() {
        1 => "all on one core",
        2 => "source and core on core 0, all else on core 1",
        _ => "source and core on core 0, server and standby on cores of their own",
    }
}

type Agents = Vec<Box<dyn Agent>>;

/// The primary spins on a core; nobody else has that.
fn threads(primary: Agents, server: Agents, standby: Agents, helpers: Agents) -> Vec<Group> {
    let cores = cores_available();
    let core = |wanted: usize| (cores >= 2).then_some(wanted.min(cores - 1));
    let idle = if cores >= 2 { IdleStrategy::Spin } else { IdleStrategy::BACK_OFF };
    let group =
        |name: &str, agents, core, idle| Group { name: name.to_owned(), agents, core, idle };
    let slow = IdleStrategy::BACK_OFF;
    let mut groups = vec![
        group("primary", primary, core(0), idle),
        group("catch-up", server, core(1), slow),
        group("standby", standby, core(2), slow),
    ];
    let helpers = helpers.into_iter().map(|helper| group("helper", vec![helper], core(1), slow));
    groups.extend(helpers);
    groups
}
