//! The way of a command: from the time it was meant to be sent, through ring and core, to its
//! committed outcome in the hands of a reader.
//!
//! ```text
//!   core 0:  flow ─▶ due? ─▶ ring ─┐            ┌─▶ reader ─▶ latency from the intended time
//!   core 1:                        └─▶ core ─▶ store
//! ```
//!
//! Open loop: a command that could not be sent in time is late by that much. The flow is the
//! demo's; the log's segment is prepared before. Subscribers and feed are not there.

use super::replay::{identity, scratch};
use super::report::{Report, clock_ns};
use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, cores_available, start, take,
};
use crate::core::{CoreAgent, CoreCounters, Options, Sequencer};
use crate::demo::flow::{Flow, Mix};
use crate::demo::pace::Pace;
use crate::demo::source::{Parts, SourceAgent, Watch};
use crate::limits::TERM_BYTES_MAX;
use crate::metrics::{Counters, Percentiles, latencies};
use crate::ring::pair;
use crate::state_machine::Capacity;
use crate::store::{Options as StoreOptions, StoreReader};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const RING_BYTES: usize = 2 * 1024 * 1024;
const CAPACITY: Capacity = Capacity { orders: 1 << 18, holdings: 1 << 20, client_ids: 1 << 21 };

/// Latencies between two collections, a millisecond apart at the highest rates.
const LATENCIES: usize = 1 << 20;
const LOOK: Duration = Duration::from_millis(50);

/// A log this long fits one segment of the largest size: bytes of a command with its outcomes.
const BYTES_PER_COMMAND: u64 = 600;

/// Options of `isochron bench path`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Commands a second, one run each; the last line is of the last one.
    #[arg(long, value_delimiter = ',', default_value = "43000,215000",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(super) rates: Vec<u64>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(super) seconds: u64,
    /// Seed of the flow.
    #[arg(long, default_value_t = 20_261_122)]
    pub(super) seed: u64,
    /// Where the logs are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Each on a core of its own and spinning, where there are two.
fn placement() -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::BACK_OFF),
        _ => Placement { cores: vec![0, 1], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// What one run came to.
struct Run {
    rate: u64,
    commands: u64,
    elapsed_ns: u64,
    latencies: Percentiles,
    fault: Option<String>,
}

impl Run {
    fn held(&self) -> u64 {
        (u128::from(self.commands) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1))) as u64
    }

    fn json(&self) -> Value {
        json!({
            "rate": self.rate, "held": self.held(), "commands": self.commands,
            "latency": self.latencies.to_json(),
        })
    }

    /// Nanoseconds as microseconds to the hundredth.
    fn line(&self) -> String {
        let us = |ns: u64| format!("{}.{:02}", ns / 1_000, ns % 1_000 / 10);
        let Percentiles { p50_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns, .. } = self.latencies;
        let [p50, p99, p99_9, p99_99, max] = [p50_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns].map(us);
        format!("path: {}/s p50 {p50} p99 {p99} p99.9 {p99_9} p99.99 {p99_99} max {max}", self.rate)
    }
}

fn run_at(args: &Args, rate: u64, clock: &SystemClock) -> Result<Run, String> {
    let commands = rate * args.seconds;
    if commands * BYTES_PER_COMMAND > TERM_BYTES_MAX as u64 {
        return Err(format!("{commands} commands do not fit one segment: fewer --seconds"));
    }
    // 1. The core; nobody takes its segment helper, because one segment holds the whole run.
    let scratch = scratch(args.directory.as_deref())?;
    let directory = scratch.path().join("store");
    let mut store = StoreOptions::new(&directory, identity());
    store.term_bytes = TERM_BYTES_MAX;
    let options = Options { store, capacity: CAPACITY };
    let (sequencer, _) = Sequencer::open(&options, clock.now()).map_err(text)?;
    let (producer, consumer) = pair(RING_BYTES);
    let counters = Counters::in_memory();
    let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    // 2. The source.
    let mut flow = Mix::new(args.seed, 20_260_105, commands);
    let (recorder, mut collector) = latencies(LATENCIES);
    let (source, progress) = SourceAgent::new(Parts {
        setup: flow.setup(),
        flow: Box::new(flow),
        pace: Pace::Rate(rate),
        duration_ns: Some(args.seconds * 1_000_000_000),
        source: 1,
        ring: producer,
        reader: StoreReader::attach(&directory, None).map_err(text)?,
        latencies: recorder,
        clock: Box::new(*clock),
        watch: Watch { exchange: counters, subscribers: Vec::new() },
        stop: StopFlag::new(),
    });
    // 3. Both run until the last command is seen committed.
    let agents: Vec<Box<dyn Agent>> = vec![Box::new(source), Box::new(core)];
    let stop = StopFlag::new();
    let running = start(agents, &placement(), clock, &stop).map_err(text)?;
    while !progress.is_finished() && !running.is_finished() {
        std::thread::sleep(LOOK);
        collector.collect();
    }
    running.stop();
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    collector.collect();
    // 4. All of it was sent, and went right.
    let source: Box<SourceAgent> = take(&mut agents).ok_or("the source is gone")?;
    let core: Box<CoreAgent> = take(&mut agents).ok_or("the core is gone")?;
    let conserved = core.sequencer().machine().check_conservation().err();
    let sent = source.orders();
    let missing = || (sent != commands).then(|| format!("{sent} of {commands} commands sent"));
    let fault = source.error().map(text).or(conserved).or_else(missing);
    let elapsed_ns = progress.trading_ns();
    Ok(Run { rate, commands: sent, elapsed_ns, latencies: collector.total(), fault })
}

/// Measures each rate in turn.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let clock = SystemClock::new();
    let clock_ns = clock_ns(&clock);
    let mut notes = vec![
        format!("{} cores; source and core {}", cores_available(), placement()),
        format!("clock: {clock_ns} ns between two readings"),
    ];
    let mut runs = Vec::new();
    for &rate in &args.rates {
        let run = run_at(args, rate, &clock)?;
        notes.push(format!("{rate}/s: {} commands, {}/s held", run.commands, run.held()));
        runs.push(run);
    }
    let fault = runs.iter().find_map(|run| run.fault.clone());
    let json = json!({
        "bench": "path", "clock_ns": clock_ns, "placement": placement().to_string(),
        "runs": runs.iter().map(Run::json).collect::<Vec<_>>(),
    });
    let mut lines: Vec<_> = runs.iter().map(Run::line).collect();
    let line = lines.pop().ok_or("no rate")?;
    notes.extend(lines);
    Ok(Report { notes, line, json, fault })
}
