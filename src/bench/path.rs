//! The way of a command: from the time it was meant to be sent, through ring and core, to its
//! committed outcome in the hands of a reader; and on to a subscriber in another process.
//!
//! ```text
//!   (a)  core 0:  flow ─▶ due? ─▶ ring ─┐            ┌─▶ reader ─▶ seen
//!        core 1:                        └─▶ core ─▶ store
//!
//!   (b)  core 0:  flow ─▶ due? ─▶ ring ─▶ core ─▶ store ─▶ feed ═══ UDP multicast ═══╗
//!        core 1:  subscriber, a process of its own                        received ◀═╝
//! ```
//!
//! Open loop: a command that could not be sent in time is late by that much. The flow is the
//! demo's; the log's one segment is prepared before. Nothing else of the program runs meanwhile:
//! what is measured is written to memory that was touched before, and looked at afterwards.

mod machine;
mod subscriber;
mod trace;

use super::causes;
use super::replay::{identity, scratch};
use super::report::{Report, clock_ns, percentiles_json, us_line};
use super::watch::{Idle, Mark, Sight, Watched};
use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, cores_available, start, take,
};
use crate::core::{CoreAgent, CoreCounters, Options, Sequencer};
use crate::demo::flow::{Flow, Mix};
use crate::demo::pace::Pace;
use crate::demo::source::{Parts, Progress, SourceAgent, Watch};
use crate::limits::{TERM_BYTES_DEFAULT, TERM_BYTES_MAX, TERM_BYTES_MIN};
use crate::market_data::{FeedAgent, FeedOptions};
use crate::metrics::Counters;
use crate::net::{Endpoint, ReservedPort};
use crate::ring::pair;
use crate::state_machine::Capacity;
use crate::store::{Options as StoreOptions, StoreReader};
use clap::{Args as ClapArgs, ValueEnum};
use hdrhistogram::Histogram;
use machine::Machine;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use subscriber::{ReceiveArgs, Received, Receiving};
use trace::{Row, Rows};

const RING_BYTES: usize = 2 * 1024 * 1024;
const CAPACITY: Capacity = Capacity { orders: 1 << 18, holdings: 1 << 18, client_ids: 1 << 21 };

/// A log this long fits one segment: bytes of a command with its outcomes, and of the setup.
const BYTES_PER_COMMAND: u64 = 600;
const SETUP_BYTES: u64 = 64 * 1024 * 1024;

/// Commands of the setup, continuations and epochs, for those who count by sequence.
const SETUP_COMMANDS: usize = 200_000;

/// A rate is held if all was sent within this of the time, and the p99 stays below that.
const HELD_PERCENT: u64 = 99;
const HELD_P99_NS: u64 = 1_000_000;

/// The steps of the search for the highest rate, in percent, and the most steps.
const STEP_PERCENT: u64 = 10;
const STEPS_MAX: u32 = 24;

/// Which part is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// The same threads with nothing to do: what the machine adds.
    Control,
    /// Ring to committed at even rates.
    Rates,
    /// Ring to committed in bursts.
    Bursts,
    /// Ring to committed at the highest rate held.
    Highest,
    /// To a subscriber in another process.
    Subscriber,
}

/// Options of `isochron bench path`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Commands a second, one run each; the last line is of the last one.
    #[arg(long, value_delimiter = ',', default_value = "43000,215000",
          value_parser = clap::value_parser!(u64).range(20..=10_000_000))]
    rates: Vec<u64>,
    /// Commands a second on the average, a tenth of the time at five times that.
    #[arg(long, default_value_t = 43_000,
          value_parser = clap::value_parser!(u64).range(20..=1_000_000))]
    bursts: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Runs these parts only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Seed of the flow.
    #[arg(long, default_value_t = 20_261_122)]
    seed: u64,
    /// Where the logs are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    receive: ReceiveArgs,
}

impl Args {
    fn runs(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Source and core each on a core of its own and spinning, where there are two.
fn placement() -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::BACK_OFF),
        _ => Placement { cores: vec![0, 1], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// What is asked of one run.
struct Plan<'a> {
    args: &'a Args,
    label: &'static str,
    pace: Pace,
    rate: u64,
    seconds: u64,
    to_subscriber: bool,
}

impl Plan<'_> {
    fn commands(&self) -> u64 {
        self.rate * self.seconds
    }

    fn term_bytes(&self) -> Result<usize, String> {
        let bytes = self.commands() * BYTES_PER_COMMAND + SETUP_BYTES;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > TERM_BYTES_MAX {
            let commands = self.commands();
            return Err(format!("{commands} commands do not fit one segment: fewer --seconds"));
        }
        Ok(bytes.next_power_of_two().max(TERM_BYTES_MIN))
    }
}

/// What one run came to.
struct Run {
    label: &'static str,
    rate: u64,
    commands: u64,
    elapsed_ns: u64,
    latencies: Histogram<u64>,
    bytes_per_command: u64,
    notes: Vec<String>,
    json: Value,
    fault: Option<String>,
}

impl Run {
    fn sent_rate(&self) -> u64 {
        (u128::from(self.commands) * 1_000_000_000 / u128::from(self.elapsed_ns.max(1))) as u64
    }

    fn is_held(&self) -> bool {
        self.sent_rate() * 100 >= self.rate * HELD_PERCENT
            && self.latencies.value_at_quantile(0.99) < HELD_P99_NS
    }

    fn line(&self) -> String {
        format!("{}: {}/s {}", self.label, self.rate, us_line(&self.latencies))
    }

    fn json(&self) -> Value {
        json!({
            "label": self.label, "rate": self.rate, "held": self.sent_rate(),
            "commands": self.commands, "bytes_per_command": self.bytes_per_command,
            "latency": percentiles_json(&self.latencies), "details": self.json,
        })
    }
}

/// The exchange of one run, and its source.
struct Parties {
    source: SourceAgent,
    progress: Progress,
    core: CoreAgent,
    feed: Option<(FeedAgent, StopFlag, ReservedPort)>,
}

fn open(plan: &Plan<'_>, directory: &Path, clock: &SystemClock) -> Result<Parties, String> {
    // 1. The core; nobody takes its segment helper, because one segment holds the whole run.
    let mut store = StoreOptions::new(directory, identity());
    store.term_bytes = plan.term_bytes()?;
    let (sequencer, _) =
        Sequencer::open(&Options { store, capacity: CAPACITY }, clock.now()).map_err(text)?;
    let (ring, consumer) = pair(RING_BYTES);
    let counters = Counters::in_memory();
    let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    let reader = || StoreReader::attach(directory, None).map_err(text);
    // 2. The feed.
    let feed = match plan.to_subscriber {
        false => None,
        true => {
            let (reserved, end) = (ReservedPort::new().map_err(text)?, StopFlag::new());
            let (group, interface) = (subscriber::GROUP, subscriber::INTERFACE);
            let line_a = Endpoint { group, port: reserved.get(), interface };
            let options = FeedOptions { line_a, ttl: 0, end: end.clone() };
            let feed = FeedAgent::open(reader()?, &options, None, &counters).map_err(text)?;
            Some((feed, end, reserved))
        }
    };
    // 3. The source.
    let commands = plan.commands();
    let mut flow = Mix::new(plan.args.seed, 20_260_105, commands);
    let (source, progress) = SourceAgent::new(Parts {
        setup: flow.setup(),
        flow: Box::new(flow),
        pace: plan.pace,
        duration_ns: Some(plan.seconds * 1_000_000_000),
        source: 1,
        ring,
        reader: reader()?,
        journal: Box::new(Rows::new(*clock, usize::try_from(commands).map_err(text)?)),
        clock: Box::new(*clock),
        watch: Watch { exchange: counters, subscribers: Vec::new() },
        stop: StopFlag::new(),
    });
    Ok(Parties { source, progress, core, feed })
}

/// Waits for a run's end, and takes no core while it lasts.
fn wait(seconds: u64, mut is_over: impl FnMut() -> bool) {
    std::thread::sleep(Duration::from_secs(seconds));
    while !is_over() {
        std::thread::sleep(subscriber::LOOK);
    }
}

/// What is left of a run when its threads have ended.
struct Ended {
    source: SourceAgent,
    core: CoreAgent,
    committed: Vec<Mark>,
    sent: Vec<Mark>,
    /// Of source and core.
    sights: Vec<Sight>,
    received: Option<Received>,
}

/// Runs the agents until the last command is seen committed, and received.
fn run_agents(
    plan: &Plan<'_>,
    parties: Parties,
    scratch: &Path,
    clock: &SystemClock,
) -> Result<Ended, String> {
    let Parties { source, progress, core, feed } = parties;
    // Each command is at most a cycle of its own.
    let marks = SETUP_COMMANDS + usize::try_from(plan.commands()).map_err(text)?;
    let mut agents: Vec<Box<dyn Agent>> = vec![
        Box::new(Watched::new(source, *clock, 0, |_| 0)),
        Box::new(Watched::new(core, *clock, marks, |core| core.sequencer().position().0)),
    ];
    let (mut place, mut receiving) = (placement(), None);
    // The port stays reserved until the run is over.
    let mut _kept = None;
    if let Some((feed, end, reserved)) = feed {
        let (own, core) = subscriber::placement();
        place = own;
        receiving = Some((Receiving::start(scratch, reserved.get(), marks, core)?, end));
        _kept = Some(reserved);
        let at = |feed: &FeedAgent| feed.position().0;
        agents.push(Box::new(Watched::new(feed, *clock, marks, at)));
    }
    let stop = StopFlag::new();
    let running = start(agents, &place, clock, &stop).map_err(text)?;
    wait(plan.seconds, || progress.is_finished() || running.is_finished());
    let received = match receiving {
        None => None,
        Some((receiving, end)) => {
            end.stop();
            Some(receiving.finish()?)
        }
    };
    running.stop();
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let source: Box<Watched<SourceAgent>> = take(&mut agents).ok_or("the source is gone")?;
    let core: Box<Watched<CoreAgent>> = take(&mut agents).ok_or("the core is gone")?;
    let feed: Option<Box<Watched<FeedAgent>>> = take(&mut agents);
    let (source, _, source_sight) = source.finish();
    let (core, committed, core_sight) = core.finish();
    let sent = feed.map_or(Vec::new(), |feed| feed.finish().1);
    let sights = vec![source_sight, core_sight];
    Ok(Ended { source, core, committed, sent, sights, received })
}

fn run_at(plan: &Plan<'_>, clock: &SystemClock) -> Result<Run, String> {
    let scratch = scratch(plan.args.directory.as_deref())?;
    let parties = open(plan, &scratch.path().join("store"), clock)?;
    let elapsed = parties.progress.clone();
    let before = Machine::now();
    let ended = run_agents(plan, parties, scratch.path(), clock)?;
    let (machine, machine_json) = Machine::now().since(&before);
    // All of it was sent, and went right.
    let Ended { source, core, committed, sent, sights, received } = ended;
    let (orders, commands) = (source.orders(), plan.commands());
    let missing = || (orders != commands).then(|| format!("{orders} of {commands} commands sent"));
    let conserved = core.sequencer().machine().check_conservation().err();
    let unheard = received.as_ref().and_then(Received::fault);
    let fault = source.error().map(text).or(conserved).or_else(missing).or(unheard);
    // Hop by hop.
    let mut rows = source.into_journal::<Rows>().ok_or("the rows are gone")?.finish();
    let bytes_per_command = bytes_per_command(&rows);
    trace::join_committed(&mut rows, &committed);
    trace::join_sent(&mut rows, &sent);
    let mut hops = &trace::TO_COMMITTED;
    let mut json = json!({ "machine": machine_json, "committed": rows.len() });
    let mut notes = vec![machine];
    if let Some(received) = received {
        let committed = rows.len();
        trace::join_received(&mut rows, &received.times);
        notes.push(format!("  {} of {committed} commands were heard of in public", rows.len()));
        notes.extend(received.report["note"].as_str().map(str::to_owned));
        json["subscriber"] = received.report;
        hops = &trace::TO_SUBSCRIBER;
    }
    let (lines, hops) = trace::hops(&rows, hops);
    json["hops"] = hops;
    notes.extend(lines);
    let ways: Vec<_> = rows.iter().map(Row::way).collect();
    let (lines, causes) = causes::report(&ways, &sights);
    json["causes"] = causes;
    notes.extend(lines);
    let threads = sights.iter().map(causes::sight);
    let (lines, threads): (Vec<_>, Vec<_>) = threads.unzip();
    json["threads"] = threads.into();
    notes.extend(lines);
    let latencies = trace::latencies(&rows);
    let (label, rate, elapsed_ns) = (plan.label, plan.rate, elapsed.trading_ns());
    let commands = orders;
    Ok(Run { label, rate, commands, elapsed_ns, latencies, bytes_per_command, notes, json, fault })
}

/// Bytes of log for one command with all that it led to.
fn bytes_per_command(rows: &[Row]) -> u64 {
    match rows {
        [first, .., last] => first.bytes_to(last) / (rows.len() as u64 - 1),
        _ => 0,
    }
}

/// The highest rate held, by runs of one second: steps up until one fails, the best counts.
fn highest(args: &Args, clock: &SystemClock) -> Result<Option<Run>, String> {
    let mut rate = args.rates.iter().copied().max().unwrap_or(20);
    let mut best = None;
    for _ in 0..STEPS_MAX {
        let label = "highest held";
        let pace = Pace::Rate(rate);
        let plan = Plan { args, label, pace, rate, seconds: 1, to_subscriber: false };
        if plan.term_bytes().is_err() {
            break;
        }
        // Once more, lest something else of the machine be taken for the limit.
        let mut run = run_at(&plan, clock)?;
        if !run.is_held() {
            run = run_at(&plan, clock)?;
        }
        if !run.is_held() {
            break;
        }
        best = Some(run);
        rate += rate * STEP_PERCENT / 100;
    }
    Ok(best)
}

/// The same threads with nothing to do.
fn control(seconds: u64, clock: &SystemClock) -> Result<(Vec<String>, Value), String> {
    let idle = |name| Watched::new(Idle(name), *clock, 0, |_| 0);
    let agents: Vec<Box<dyn Agent>> =
        vec![Box::new(idle("in place of the source")), Box::new(idle("in place of the core"))];
    let before = Machine::now();
    let running = start(agents, &placement(), clock, &StopFlag::new()).map_err(text)?;
    std::thread::sleep(Duration::from_secs(seconds));
    running.stop();
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let (machine, machine_json) = Machine::now().since(&before);
    let mut notes = vec!["control: the same threads with nothing to do".to_owned(), machine];
    let mut threads = Vec::new();
    while let Some(watched) = take::<Watched<Idle>>(&mut agents) {
        let (line, json) = causes::sight(&watched.finish().2);
        notes.push(line);
        threads.push(json);
    }
    Ok((notes, json!({ "machine": machine_json, "threads": threads })))
}

/// The runs that are asked for; the last is that of the last line.
fn runs(args: &Args, clock: &SystemClock) -> Result<Vec<Run>, String> {
    let plan = |label, pace, rate, to_subscriber| {
        let seconds = args.seconds;
        Plan { args, label, pace, rate, seconds, to_subscriber }
    };
    let mut runs = Vec::new();
    if args.runs(Part::Subscriber) {
        for &rate in &args.rates {
            runs.push(run_at(&plan("to a subscriber", Pace::Rate(rate), rate, true), clock)?);
        }
    }
    if args.runs(Part::Highest) {
        runs.extend(highest(args, clock)?);
    }
    if args.runs(Part::Bursts) {
        let pace = Pace::Bursts(args.bursts);
        runs.push(run_at(&plan("in bursts", pace, args.bursts, false), clock)?);
    }
    if args.runs(Part::Rates) {
        for &rate in &args.rates {
            runs.push(run_at(&plan("path", Pace::Rate(rate), rate, false), clock)?);
        }
    }
    Ok(runs)
}

/// A day of a billion commands like these.
fn day(run: &Run) -> (String, Value) {
    const COMMANDS: u64 = 1_000_000_000;
    let bytes = run.bytes_per_command * COMMANDS;
    let segments = bytes.div_ceil(TERM_BYTES_DEFAULT as u64);
    let line = format!(
        "log: {} bytes a command; a day of 1,000,000,000 commands: {} GB in {segments} segments \
         of {} MiB",
        run.bytes_per_command,
        bytes / 1_000_000_000,
        TERM_BYTES_DEFAULT >> 20,
    );
    (line, json!({ "commands": COMMANDS, "bytes": bytes, "segments": segments }))
}

/// Measures; or receives, in the other process.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    if let Some(report) = subscriber::receive(&args.receive) {
        return report;
    }
    let clock = SystemClock::new();
    let clock_ns = clock_ns(&clock);
    let (others, core) = subscriber::placement();
    let core = core.map_or("anywhere".to_owned(), |core| format!("on core {core}"));
    let mut notes = vec![
        format!("{} cores; source and core {}", cores_available(), placement()),
        format!("to a subscriber: source, core and feed {others}; the subscriber {core}"),
        format!("clock: {clock_ns} ns between two readings"),
    ];
    let mut json = json!({ "bench": "path", "clock_ns": clock_ns,
                           "placement": placement().to_string() });
    if args.runs(Part::Control) {
        let (lines, control) = control(args.seconds, &clock)?;
        notes.extend(lines);
        json["control"] = control;
    }
    let mut runs = runs(args, &clock)?;
    json["runs"] = runs.iter().map(Run::json).collect();
    let fault = runs.iter().find_map(|run| run.fault.clone());
    let last = runs.pop().ok_or("nothing is asked for that has a rate")?;
    for run in &runs {
        notes.push(run.line());
        notes.extend(run.notes.iter().cloned());
    }
    notes.push(format!("{}/s: {} commands, {}/s held", last.rate, last.commands, last.sent_rate()));
    notes.extend(last.notes.iter().cloned());
    let (line, day) = day(&last);
    notes.push(line);
    json["day"] = day;
    Ok(Report { notes, line: last.line(), json, fault })
}
