//! `isochron snapshot DIR`: follows a log and takes snapshots of all state.

use super::output::{End, end};
use crate::agent::{Agent, Clock, IdleStrategy, Idler, SystemClock};
use crate::config::MarketData;
use crate::market_data::Plan;
use crate::metrics::Counters;
use crate::node::{Interrupt, read_side_sections};
use crate::snapshot::{Begun, Budget, SnapshotAgent, SnapshotCounters, SnapshotOptions, Taken};
use crate::state_machine::Capacity;
use crate::store::{Check, Expected, ReaderOptions, RealDisk, Snapshots, StoreReader, Until};
use clap::Args as ClapArgs;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The log does not execute as it says.
const DIVERGED: u8 = 1;

/// Options of `isochron snapshot`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The store's directory.
    directory: PathBuf,
    /// Commands from one snapshot to the next; derived from the measured speed and the budget
    /// where none is given.
    #[arg(long, value_name = "COMMANDS", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
    /// Takes one snapshot where the log ends now, and ends.
    #[arg(long)]
    once: bool,
    /// The newest snapshots that are kept.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    keep: u8,
    /// Seconds that a start may take until it accepts orders.
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(2..=3_600))]
    budget: u64,
    /// Where to count, for `isochron stat`; in memory where none is given.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// Prints an object a line.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0 if snapshots were taken as asked, 1 if the log does not execute as it says,
/// 2 if it cannot be read or a snapshot cannot be written.
pub(super) fn run(args: &Args) -> ExitCode {
    end("snapshot", &args.directory.display(), follow(args).map(|()| 0))
}

/// What a feed of any products can go on from; conflated ones at the interval of the defaults.
fn every_product() -> Plan {
    Plan::all(MarketData::default().conflation_ms * 1_000_000)
}

fn follow(args: &Args) -> Result<(), End> {
    let interrupt = Interrupt::watch().map_err(End::unreadable)?;
    let schema = (isochron_events::SCHEMA_ID, isochron_events::SCHEMA_VERSION);
    let options = ReaderOptions {
        expected: Expected::schema(schema.0, schema.1),
        until: Until::Committed,
        check: Check::Content,
        ..ReaderOptions::default()
    };
    let disk = Arc::new(RealDisk);
    let reader = StoreReader::attach_on(disk.clone(), &args.directory, &options);
    let mut reader = reader.map_err(End::unreadable)?;
    let log_end = reader.end().map_err(End::unreadable)?;
    let snapshots = Snapshots::new(disk, &args.directory, &reader.meta().identity);
    let counters = match &args.counters {
        Some(path) => Counters::create(path).map_err(End::unreadable)?,
        None => Counters::in_memory(),
    };
    let budget = Budget { start_ns: args.budget * 1_000_000_000, ..Budget::default() };
    let options = SnapshotOptions {
        capacity: Capacity::default(),
        every: args.every,
        budget,
        keep: args.keep.into(),
        make_sections: read_side_sections(&every_product()),
    };
    let counters = SnapshotCounters::new(&counters);
    let mut agent = SnapshotAgent::new(reader, snapshots, options, counters);
    show_begun(agent.begin().map_err(End::unreadable)?);
    let clock = SystemClock::new();
    let mut idler = Idler::new(IdleStrategy::BACK_OFF);
    let mut shown = None;
    while !interrupt.has_come() {
        let now = clock.now();
        let work = agent.do_work(now);
        if let Some(fault) = agent.fault() {
            return Err(End::Failed(DIVERGED, fault.to_string()));
        }
        if args.once && agent.position() >= log_end {
            if agent.follower().is_none_or(|follower| !follower.may_take()) {
                let reason = "work is under way where the log ends; take one when it goes on";
                return Err(End::unreadable(reason));
            }
            let taken = agent.take(now).map_err(End::unreadable)?;
            return show_taken(args, &agent, &taken);
        }
        if agent.last_taken() != shown.as_ref() {
            shown = agent.last_taken().copied();
            shown.iter().try_for_each(|taken| show_taken(args, &agent, taken))?;
        }
        if let Some(failure) = agent.last_failure().filter(|_| work > 0) {
            eprintln!("isochron snapshot: {failure}");
        }
        idler.idle(work);
    }
    Ok(())
}

/// What it begins with goes to stderr: it is no result.
fn show_begun(begun: &Begun) {
    for skipped in &begun.skipped {
        eprintln!("isochron snapshot: not used: {}", skipped.reason);
    }
    match &begun.snapshot {
        Some(info) => eprintln!("follows the log from the snapshot at {}", info.place.position),
        None => eprintln!("follows the log from its beginning"),
    }
}

fn show_taken(args: &Args, agent: &SnapshotAgent, taken: &Taken) -> Result<(), End> {
    let Taken { info, bytes } = taken;
    let hash = format!("{:032x}", info.state_hash);
    let (position, sequence) = (info.place.position, info.sequence);
    let (speed, between) = (agent.measured(), agent.commands_between());
    let mut out = std::io::stdout().lock();
    if args.json {
        let measured = speed.map(|(speed, derived)| {
            json!({
                "replay_per_second": speed.replay_per_second,
                "take_ns": speed.take_ns,
                "commands_derived": derived,
            })
        });
        let line = json!({
            "position": position.get(), "sequence": sequence.get(), "state_hash": hash,
            "trading_date": info.trading_date, "bytes": bytes, "commands_between": between,
            "measured": measured,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "position {position}, command {sequence}, {bytes} bytes, state hash {hash}")?;
        if let Some((speed, derived)) = speed {
            let derived = derived.map_or("none".to_owned(), |commands| commands.to_string());
            let seconds = args.budget;
            writeln!(
                out,
                "replay {} commands/s, taking {} ms: a start within {seconds} s needs a snapshot \
                 each {derived} commands; taken each {between}",
                speed.replay_per_second,
                speed.take_ns / 1_000_000,
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
