//! The way of a command: from the time it was meant to be sent, through ring and core, to its
//! committed outcome in the hands of a reader; and on to a subscriber in another process.
//!
//! ```text
//!   (a)  core 0:  flow ─▶ due? ─▶ ring ─┐            ┌─▶ reader ─▶ seen
//!        core 1:                        └─▶ core ─▶ store
//!
//!   (b)  core 0:  flow ─▶ due? ─▶ ring ─▶ core ─▶ store ─▶ feed ═══ UDP multicast ═══╗
//!        core 1:  subscriber, a process of its own                        received ◀═╝
//!
//!   (c)  core 0:  flow ─▶ due? ─▶ ring ─▶ core ─▶ store ─▶ reader ─▶ seen
//!        core 1:  sync: with durability `disk` the reader sees what is on the disk
//!
//!   (d)  core 0:  flow ─▶ due? ─▶ ring ─▶ core ─▶ store ─▶ reader ─▶ seen
//!                                          primary ═╪═ UDP multicast ═╗   ▲ committed
//!        core 1:  standbys, in stores of their own ◀╧═════════════════╝ ══╝ acknowledgements
//! ```
//!
//! Open loop: a command that could not be sent in time is late by that much. The flow is the
//! demo's; the log's one segment is prepared before. Nothing else of the program runs meanwhile:
//! what is measured is written to memory that was touched before, and looked at afterwards.

mod machine;
mod parties;
mod standbys;
mod subscriber;
mod trace;

use super::causes;
use super::replay::scratch;
use super::report::{Report, clock_ns, percentiles_json, us_line};
use super::watch::{Idle, Watched};
use crate::agent::{Agent, StopFlag, SystemClock, cores_available, start, take};
use crate::demo::pace::Pace;
use crate::limits::TERM_BYTES_DEFAULT;
use crate::store::Durability;
use clap::{Args as ClapArgs, ValueEnum};
use hdrhistogram::Histogram;
use machine::Machine;
use parties::{Ended, Plan, Route, open, placement, placement_beside_sync, run_agents};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use subscriber::{ReceiveArgs, Received};
use trace::{Row, Rows};

/// A rate is held if all was sent within this of the time, and the p99 stays below that.
const HELD_PERCENT: u64 = 99;
const HELD_P99_NS: u64 = 1_000_000;

/// What the run at the highest rate held is called.
const HIGHEST: &str = "highest held";

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
    /// To committed in memory, and to committed on the disk.
    Durability,
    /// To a subscriber in another process.
    Subscriber,
    /// To committed with no, one and two standbys: at the lowest rate, and as fast as it goes.
    Standbys,
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
        per_second(self.commands, self.elapsed_ns)
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

fn per_second(commands: u64, elapsed_ns: u64) -> u64 {
    (u128::from(commands) * 1_000_000_000 / u128::from(elapsed_ns.max(1))) as u64
}

fn run_at(plan: &Plan<'_>, clock: &SystemClock) -> Result<Run, String> {
    let scratch = scratch(plan.args.directory.as_deref())?;
    let parties = open(plan, &scratch.path().join("store"), clock)?;
    let elapsed = parties.progress.clone();
    let before = Machine::now();
    let ended = run_agents(plan, parties, scratch.path(), clock)?;
    let (machine, machine_json) = Machine::now().since(&before);
    // All of it was sent, and went right.
    let Ended { source, core, committed, sent, sights, received, unequal } = ended;
    let (orders, commands) = (source.orders(), plan.commands());
    let missing = || (orders != commands).then(|| format!("{orders} of {commands} commands sent"));
    let conserved = core.sequencer().machine().check_conservation().err();
    let unheard = received.as_ref().and_then(Received::fault);
    let fault = source.error().map(text).or(conserved).or_else(missing).or(unheard).or(unequal);
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
    let (label, elapsed_ns) = (plan.label, elapsed.trading_ns());
    let rate = match plan.pace {
        Pace::Max => per_second(orders, elapsed_ns),
        _ => plan.rate,
    };
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
        let (label, pace) = (HIGHEST, Pace::Rate(rate));
        let plan = Plan { args, label, pace, rate, seconds: 1, route: Route::Committed };
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
    let plan = |label, pace, rate, route| {
        let seconds = args.seconds;
        Plan { args, label, pace, rate, seconds, route }
    };
    let mut runs = Vec::new();
    if args.runs(Part::Standbys) {
        let rate = args.rates.iter().copied().min().unwrap_or(20);
        for (count, at_rate, most) in standbys::RUNS {
            let route = Route::Standbys(count);
            let fast = plan(most, Pace::Max, standbys::FAST_COMMANDS, route);
            runs.push(run_at(&fast, clock)?);
            runs.push(run_at(&plan(at_rate, Pace::Rate(rate), rate, route), clock)?);
        }
    }
    if args.runs(Part::Subscriber) {
        for &rate in &args.rates {
            let plan = plan("to a subscriber", Pace::Rate(rate), rate, Route::Subscriber);
            runs.push(run_at(&plan, clock)?);
        }
    }
    if args.runs(Part::Durability) {
        let rate = args.rates.iter().copied().min().unwrap_or(20);
        for (label, durability) in
            [("durability process", Durability::Process), ("durability disk", Durability::Disk)]
        {
            let plan = plan(label, Pace::Rate(rate), rate, Route::Durable(durability));
            runs.push(run_at(&plan, clock)?);
        }
    }
    if args.runs(Part::Highest) {
        runs.extend(highest(args, clock)?);
    }
    if args.runs(Part::Bursts) {
        let pace = Pace::Bursts(args.bursts);
        runs.push(run_at(&plan("in bursts", pace, args.bursts, Route::Committed), clock)?);
    }
    if args.runs(Part::Rates) {
        for &rate in &args.rates {
            let plan = plan("path", Pace::Rate(rate), rate, Route::Committed);
            runs.push(run_at(&plan, clock)?);
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
    let beside = placement_beside_sync();
    let core = core.map_or("anywhere".to_owned(), |core| format!("on core {core}"));
    let mut notes = vec![
        format!("{} cores; source and core {}", cores_available(), placement()),
        format!("to a subscriber: source, core and feed {others}; the subscriber {core}"),
        format!("durability: source and core {}; sync: {}", beside.0, beside.1),
        standbys::described(),
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
    if args.runs(Part::Highest) {
        let (ms, none) = (HELD_P99_NS / 1_000_000, !runs.iter().any(|run| run.label == HIGHEST));
        notes.push(format!(
            "highest held: {HELD_PERCENT} % sent in time and p99 below {ms} ms, in a second{}",
            if none { "; none of those tried" } else { "" }
        ));
    }
    json["runs"] = runs.iter().map(Run::json).collect();
    let (side_by_side, list) = standbys::side_by_side(&runs);
    json["standbys"] = list;
    let fault = runs.iter().find_map(|run| run.fault.clone());
    let last = runs.pop().ok_or("nothing is asked for that has a rate")?;
    for run in &runs {
        notes.push(run.line());
        notes.extend(run.notes.iter().cloned());
    }
    notes.push(format!("{}/s: {} commands, {}/s held", last.rate, last.commands, last.sent_rate()));
    notes.extend(last.notes.iter().cloned());
    notes.extend(side_by_side);
    let (line, day) = day(&last);
    notes.push(line);
    json["day"] = day;
    Ok(Report { notes, line: last.line(), json, fault })
}
