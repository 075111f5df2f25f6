//! A log executed again: read, checked, decoded, executed, and every outcome compared.
//!
//! The log is that of the demo's default flow, made first and not timed.

use super::report::{Report, Share, median};
use crate::agent::{Clock, SystemClock};
use crate::core::{Options, Sequencer, Taken, read_back};
use crate::demo::flow::{Flow, Mix, Next};
use crate::state_machine::{Capacity, Replay, StateMachine, command_origin_mut};
use crate::store::{
    Check, Expected, Identity, Options as StoreOptions, ReaderOptions, RealDisk, StoreReader, Until,
};
use crate::types::Nanos;
use clap::Args as ClapArgs;
use isochron_events::{CommandOrigin, Message};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Room for what the default flow has at one time.
const CAPACITY: Capacity = Capacity { orders: 1 << 18, holdings: 1 << 20, client_ids: 1 << 20 };

/// The day of the flow.
pub(super) const TRADING_DATE: u32 = 20_260_105;

/// Options of `isochron bench replay`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Commands of the default flow in the log, after its setup.
    #[arg(long, default_value_t = 2_000_000)]
    pub(super) commands: u64,
    /// Seed of the flow.
    #[arg(long, default_value_t = 20_261_122)]
    pub(super) seed: u64,
    /// Where the log is made, for the time of the run; a temporary directory where none is given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Passes; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Whose stores the benchmarks make.
pub(super) fn identity() -> Identity {
    Identity {
        exchange: "BENCH".to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: isochron_events::SCHEMA_ID,
        schema_version: isochron_events::SCHEMA_VERSION,
    }
}

/// A directory for the time of a run.
pub(super) fn scratch(directory: Option<&Path>) -> Result<tempfile::TempDir, String> {
    match directory {
        Some(directory) => tempfile::tempdir_in(directory),
        None => tempfile::tempdir(),
    }
    .map_err(|error| format!("no temporary directory: {error}"))
}

/// Commands of the default flow through the core into a log.
pub(super) struct Intake {
    pub(super) sequencer: Sequencer,
    pub(super) flow: Mix,
    buffer: Vec<u8>,
    pub(super) sent: u64,
    /// Logged time of the first command, and between two.
    start_ns: u64,
    step_ns: u64,
}

impl Intake {
    /// A log with the flow's setup in it.
    pub(super) fn open(
        directory: &Path,
        flow: Mix,
        (start_ns, step_ns): (u64, u64),
    ) -> Result<Self, String> {
        let store = StoreOptions::new(directory, identity());
        let options = Options { store, capacity: CAPACITY };
        let (sequencer, _) = Sequencer::open(&options, Nanos(start_ns)).map_err(text)?;
        let buffer = vec![0; 2048];
        let mut intake = Self { sequencer, flow, buffer, sent: 0, start_ns, step_ns };
        for command in intake.flow.setup() {
            intake.submit(command)?;
        }
        Ok(intake)
    }

    /// The flow's next command.
    pub(super) fn command(&mut self) -> Result<(), String> {
        match self.flow.next() {
            Next::Command { command, .. } => self.submit(command),
            Next::Wait | Next::Done => Err("the flow stopped".to_owned()),
        }
    }

    fn submit(&mut self, mut command: Message) -> Result<(), String> {
        self.sent += 1;
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence: self.sent };
        }
        let length = command.encode(&mut self.buffer).map_err(text)?;
        let now = Nanos(self.start_ns + self.sent * self.step_ns);
        let mut taken = self.sequencer.take(&self.buffer[..length], now);
        loop {
            if taken != Taken::Executed {
                return Err(format!("the core did not take command {}: {taken:?}", self.sent));
            }
            self.sequencer.outcomes().messages().for_each(|outcome| self.flow.on_event(&outcome));
            if !self.sequencer.is_pending() {
                return Ok(());
            }
            taken = self.sequencer.go_on(now);
        }
    }
}

/// Makes a log of the default flow, its commands so far apart in logged time; the hash of the state
/// that it leads to.
pub(super) fn make(
    directory: &Path,
    seed: u64,
    commands: u64,
    step_ns: u64,
) -> Result<u128, String> {
    let flow = Mix::new(seed, TRADING_DATE, commands);
    let mut intake = Intake::open(directory, flow, (0, step_ns))?;
    for _ in 0..commands {
        intake.command()?;
    }
    let machine = intake.sequencer.close().map_err(text)?;
    Ok(machine.state_hash())
}

/// Executes the log again; how long that took.
fn replay(directory: &Path, clock: &SystemClock) -> Result<(Replay, u64, u64), String> {
    let schema = (isochron_events::SCHEMA_ID, isochron_events::SCHEMA_VERSION);
    let options = ReaderOptions {
        expected: Expected::schema(schema.0, schema.1),
        until: Until::Committed,
        check: Check::Content,
        ..ReaderOptions::default()
    };
    let mut reader =
        StoreReader::attach_on(Arc::new(RealDisk), directory, &options).map_err(text)?;
    let replay = Replay::new(StateMachine::with_capacity(CAPACITY));
    let start = clock.now();
    let replay = read_back(&mut reader, replay).map_err(text)?;
    let elapsed_ns = (clock.now().0 - start.0).max(1);
    Ok((replay, elapsed_ns, reader.position().0))
}

/// Makes a log and measures its re-execution.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let directory = scratch.path().join("store");
    let expected = make(&directory, args.seed, args.commands, 1)?;
    let clock = SystemClock::new();
    let (mut rates, mut percent, mut fault) = (Vec::new(), None, None);
    let (mut commands, mut events, mut bytes) = (0, 0, 0);
    for _ in 0..args.passes {
        let share = Share::begin(&clock);
        let (replay, elapsed_ns, position) = replay(&directory, &clock)?;
        percent = share.percent(&clock);
        (commands, events, bytes) = (replay.commands(), replay.events(), position);
        rates.push(commands as f64 * 1e3 / elapsed_ns as f64);
        let found = replay.machine().state_hash();
        if found != expected {
            fault = Some(format!("state hash {found:032x}, the core had {expected:032x}"));
        }
    }
    let (rate, passes) = median(rates.clone(), "M commands/s");
    let events_rate = rate * events as f64 / commands as f64;
    let notes = vec![
        format!("{commands} commands, {events} events, {bytes} bytes; state hash {expected:032x}"),
        passes,
        Share::note(percent),
    ];
    let line = format!("replay: {rate:.2} M commands/s, {events_rate:.2} M events/s");
    let json = json!({
        "bench": "replay", "commands": commands, "events": events, "bytes": bytes,
        "commands_per_second": rate * 1e6, "events_per_second": events_rate * 1e6,
        "passes_m_commands": rates, "core_percent": percent,
        "state_hash": format!("{expected:032x}"),
    });
    Ok(Report { notes, line, json, fault })
}
