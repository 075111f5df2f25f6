//! `isochron replay DIR`: executes a log again, and says what it holds and how fast that went.

use super::begin::{Begun, begin};
use crate::agent::{Clock, SystemClock};
use crate::core::show_ahead;
use crate::state_machine::{Replay, ReplayError};
use crate::store::{Check, Expected, ReaderOptions, RealDisk, SnapshotInfo, StoreReader, Until};
use crate::types::{Nanos, Position};
use clap::Args as ClapArgs;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u64 = 100_000;

/// Options of `isochron replay`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The store's directory.
    directory: PathBuf,
    /// Begins at the newest snapshot, not at the log's first byte. Without it that is done only
    /// where the log's beginning was recycled.
    #[arg(long)]
    from_snapshot: bool,
    /// Prints one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0 if re-execution agrees with the log, 1 if not, 2 if it cannot be read.
pub(super) fn run(args: &Args) -> ExitCode {
    match replay(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("isochron replay: {error}");
            ExitCode::from(code)
        }
    }
}

fn replay(args: &Args) -> Result<(), (u8, String)> {
    let directory = args.directory.display();
    let unreadable = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        let named = text.contains(&directory.to_string());
        (2, if named { text } else { format!("{directory}: {text}") })
    };
    let schema = (isochron_events::SCHEMA_ID, isochron_events::SCHEMA_VERSION);
    let options = ReaderOptions {
        expected: Expected::schema(schema.0, schema.1),
        until: Until::Committed,
        check: Check::Content,
        ..ReaderOptions::default()
    };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), &args.directory, &options)
        .map_err(|error| unreadable(&error))?;
    let clock = SystemClock::new();
    let start = clock.now();
    let begun = begin(&mut reader, &args.directory, args.from_snapshot);
    let Begun { mut replay, snapshot } = begun.map_err(|error| unreadable(&error))?;
    let shows_progress = !args.json && std::io::stderr().is_terminal();
    loop {
        show_ahead(&mut reader, &mut replay);
        let Some(frame) = reader.next().map_err(|error| unreadable(&error))? else { break };
        let position = frame.position;
        replay.on_message(frame.message).map_err(|error| match error {
            ReplayError::Decode(error) => unreadable(&format_args!("position {position}: {error}")),
            ReplayError::Diverged(error) => {
                (1, format!("{directory}: position {position}: {error}"))
            }
        })?;
        if shows_progress && replay.events().is_multiple_of(EVENTS_PER_LOOK) {
            eprint!("\r{} events, position {position}", replay.events());
        }
    }
    if shows_progress {
        eprint!("\r\x1b[2K");
    }
    show(args, &replay, snapshot.as_ref(), reader.position().0, (start, clock.now()));
    Ok(())
}

fn show(
    args: &Args,
    replay: &Replay,
    snapshot: Option<&SnapshotInfo>,
    position: u64,
    (start, end): (Nanos, Nanos),
) {
    let begin = snapshot.map_or(Position(0), |info| info.place.position);
    let hash = format!("{:032x}", replay.machine().state_hash());
    let (events, commands) = (replay.events(), replay.commands());
    let elapsed_ns = (end.0 - start.0).max(1);
    let a_second = u128::from(events) * 1_000_000_000 / u128::from(elapsed_ns);
    if args.json {
        let line = json!({
            "begin": begin.get(),
            "events": events, "commands": commands, "position": position, "state_hash": hash,
            "elapsed_ns": elapsed_ns, "events_per_second": a_second as u64,
        });
        println!("{line}");
    } else {
        let from = match snapshot {
            Some(info) => format!("from the snapshot at {} on: ", info.place.position),
            None => String::new(),
        };
        println!(
            "{from}{events} events, {commands} commands, {} bytes; executed again, every outcome \
             as logged",
            position - begin.get()
        );
        println!("state hash {hash}");
        println!("{a_second} events/s");
    }
}
