//! `isochron send`: an order source in a process of its own.
//!
//! ```text
//!   flow ─▶ source ─▶ ring file ─▶ core of a served exchange ─▶ log ─┐
//!             ▲                                                     │
//!             └──────────────── what was committed ◀────────────────┘
//! ```
//!
//! It outlives the exchange: after a crash of the core it waits for the next one, and sends again,
//! under the same numbers, what neither was executed before the crash nor will be.

use super::output::{End, end};
use crate::agent::{Agent, Clock, Placement, StopFlag, SystemClock, cores_available, start, take};
use crate::demo::flow::Flow;
use crate::demo::pace::Pace;
use crate::demo::source::{Counts, Parts, Progress, SourceAgent};
use crate::demo::{Tempo, calendar_date, open_flow};
use crate::metrics::{Collector, Percentiles, latencies};
use crate::node::Interrupt;
use crate::ring::mapped::{Attached, attach};
use crate::store::StoreReader;
use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often the source is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Latencies that may wait to be collected.
const LATENCIES_MAX: usize = 1 << 18;

/// Threads of an exchange that may share this machine: core, feed and this source.
const THREADS_EXPECTED: usize = 3;

/// The exit code where not all was sent and committed.
const NOT_ALL: u8 = 1;

/// Options of `isochron send`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The ring's file, as the exchange's configuration has it under `[[sources]]`.
    #[arg(long, value_name = "FILE")]
    ring: PathBuf,
    /// The exchange's store; where none is given it is looked for near the ring.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Where orders come from: `mix`, `lobster:FILE` or `itch:FILE` (plain or gz).
    #[arg(long, default_value = "mix")]
    flow: String,
    /// Seconds of trading; a file at `max` is played to its end.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    tempo: Tempo,
    /// Leaves out the administration that the flow begins with: it was done before.
    #[arg(long)]
    no_setup: bool,
    /// How long a command may stay without being committed, also while the exchange is down.
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0 if all that was sent was committed, 1 if not, 2 if it could not run.
pub(super) fn run(args: &Args) -> ExitCode {
    end("send", &args.ring.display(), send(args))
}

fn send(args: &Args) -> Result<u8, End> {
    // 1. What to send.
    let clock = SystemClock::new();
    let date = calendar_date(clock.now());
    let opened = open_flow(&args.flow, &args.tempo, args.seconds, date);
    let (flow, pace) = opened.map_err(End::unreadable)?;
    // 2. The log first: whatever core the ring knows of, its epoch then begins behind us, or before
    //    anything that we send.
    let mut reader = StoreReader::attach(&store(args)?, None).map_err(End::unreadable)?;
    let log_end = reader.end().map_err(End::unreadable)?;
    reader.seek(log_end, None).map_err(End::unreadable)?;
    let attached = attach(&args.ring).map_err(End::unreadable)?;
    // 3. The source, until it has seen its last command committed.
    let interrupt = Interrupt::watch().map_err(End::unreadable)?;
    let (recorder, mut collector) = latencies(LATENCIES_MAX);
    let trading_end = StopFlag::new();
    let paced = pace != Pace::Max;
    let parts = |setup, flow, Attached { producer, source }| Parts {
        setup,
        flow,
        pace,
        duration_ns: duration_ns(args, pace),
        source: source.get(),
        ring: producer,
        reader,
        journal: Box::new(recorder),
        clock: Box::new(clock),
        stop: trading_end.clone(),
    };
    let (agent, progress) = source(args, flow, attached, clock, parts);
    let stop = StopFlag::new();
    let placement = Placement::for_cores(cores_available(), THREADS_EXPECTED);
    let running = start(vec![Box::new(agent) as Box<dyn Agent>], &placement, &clock, &stop);
    let running = running.map_err(End::unreadable)?;
    watch(&mut collector, &progress, || {
        if interrupt.has_come() {
            trading_end.stop();
        }
        running.is_finished()
    });
    running.stop();
    // 4. What became of it.
    let mut agents = running
        .join()
        .map_err(|panics| End::Failed(NOT_ALL, panics.iter().map(ToString::to_string).collect()))?;
    collector.collect();
    let source: Box<SourceAgent> = take(&mut agents).expect("it was started");
    let report = Report::of(&source, &collector, progress.trading_ns(), paced);
    report.print(args.json)?;
    Ok(if report.holds() { 0 } else { NOT_ALL })
}

/// The agent: its numbers begin at the time, in nanoseconds, so that they ascend from one run to
/// the next without a look at what the last one sent.
fn source(
    args: &Args,
    mut flow: Box<dyn Flow>,
    attached: Attached,
    clock: SystemClock,
    parts: impl FnOnce(Vec<isochron_events::Message>, Box<dyn Flow>, Attached) -> Parts,
) -> (SourceAgent, Progress) {
    let setup = flow.setup();
    let setup = if args.no_setup { Vec::new() } else { setup };
    let (generation, number) = (attached.producer.generation(), clock.now().0);
    let (agent, progress) = SourceAgent::new(parts(setup, flow, attached));
    (agent.alone(number, generation, args.patience * 1_000_000_000), progress)
}

/// The exchange's store: usually the ring lies in it, in a directory of it, or beside it.
fn store(args: &Args) -> Result<PathBuf, End> {
    if let Some(store) = &args.store {
        return Ok(store.clone());
    }
    let beside = args.ring.parent().map_or(Path::new("."), |folder| folder);
    let near = [beside.to_path_buf(), beside.join(".."), beside.join("store")];
    let found = near.into_iter().find(|folder| folder.join("meta").exists());
    let none = "no store near the ring; name it: --store DIR";
    found.ok_or_else(|| End::unreadable(none))
}

/// A file played as fast as it goes is played to its end.
fn duration_ns(args: &Args, pace: Pace) -> Option<u64> {
    let whole_file = args.flow != "mix" && pace == Pace::Max;
    (!whole_file).then(|| args.seconds.saturating_mul(1_000_000_000))
}

/// Waits for the end of the source.
fn watch(collector: &mut Collector, progress: &Progress, mut is_over: impl FnMut() -> bool) {
    while !is_over() && !progress.is_finished() {
        std::thread::sleep(LOOK);
        collector.collect();
    }
}

/// What became of what was sent.
struct Report {
    counts: Counts,
    ring_full: u64,
    latencies: Percentiles,
    trading_ns: u64,
    open_loop: bool,
    notes: Vec<(String, u64)>,
    error: Option<String>,
}

impl Report {
    fn of(source: &SourceAgent, collector: &Collector, trading_ns: u64, open_loop: bool) -> Self {
        Self {
            counts: source.counts(),
            ring_full: source.ring_full(),
            latencies: collector.total(),
            trading_ns,
            open_loop,
            notes: source.notes(),
            error: source.error().map(str::to_owned).or_else(|| source.flow_error()),
        }
    }

    /// Whether all was sent, and all that was sent was committed.
    fn holds(&self) -> bool {
        self.error.is_none() && self.counts.committed == self.counts.sent
    }

    fn print(&self, as_json: bool) -> Result<(), End> {
        let text = if as_json { self.to_json().to_string() } else { self.to_string() };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }

    fn to_json(&self) -> Value {
        let Counts { sent, committed, refused, not_accepted, unanswered } = self.counts;
        let notes = self.notes.iter().map(|(label, number)| (label.clone(), json!(number)));
        json!({
            "sent": sent,
            "committed": committed,
            "refused": refused,
            "not_accepted_and_sent_again": not_accepted,
            "unanswered": unanswered,
            "ring_full": self.ring_full,
            "trading_ns": self.trading_ns,
            "open_loop": self.open_loop,
            "latency": self.latencies.to_json(),
            "input": notes.collect::<Map<_, _>>(),
            "error": self.error,
            "holds": self.holds(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { sent, committed, refused, not_accepted, unanswered } = self.counts;
        let seconds = self.trading_ns as f64 / 1e9;
        writeln!(f, "sent {sent}  committed {committed}  refused {refused}  in {seconds:.1} s")?;
        if not_accepted > 0 {
            writeln!(f, "not accepted after a crash of the core, sent again: {not_accepted}")?;
        }
        if self.ring_full > 0 {
            writeln!(f, "the ring was full {} times", self.ring_full)?;
        }
        write!(f, "input:")?;
        for (label, number) in self.notes.iter().filter(|(_, number)| *number > 0) {
            write!(f, "  {label} {number}")?;
        }
        writeln!(f)?;
        if self.latencies.count > 0 {
            let kind = if self.open_loop { "open-loop" } else { "not open-loop" };
            writeln!(f, "latency to committed, {kind}: {}", self.latencies)?;
        }
        match &self.error {
            Some(error) => write!(f, "ended early, {unanswered} not seen committed: {error}"),
            None if committed == sent => write!(f, "all that was sent was committed"),
            None => write!(f, "{} commands were not executed", sent - committed),
        }
    }
}
