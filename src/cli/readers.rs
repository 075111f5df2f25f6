//! `isochron readers DIR`: who the log waits for, and how an operator lets go of one.

use super::output::{End, end};
use crate::store::{RealDisk, RegisteredReader, StoreReader, registered_readers, release_reader};
use clap::Args as ClapArgs;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The reader that was to be released is none, or lives.
const NOT_RELEASED: u8 = 1;

/// Options of `isochron readers`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The store's directory.
    directory: PathBuf,
    /// Lets go of a reader that does not run: the log waits for it no more. What it has not read
    /// may be gone when it comes back.
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// Prints an object a line.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0, 1 if the reader to release is none or lives, 2 if it cannot be read.
pub(super) fn run(args: &Args) -> ExitCode {
    end("readers", &args.directory.display(), show(args).map(|()| 0))
}

fn show(args: &Args) -> Result<(), End> {
    let directory = &args.directory;
    let mut reader = StoreReader::attach(directory, None).map_err(End::unreadable)?;
    if let Some(name) = &args.release {
        let released = release_reader(&RealDisk, directory, name);
        return match released.map_err(|error| End::Failed(NOT_RELEASED, error.to_string()))? {
            true => Ok(()),
            false => Err(End::Failed(NOT_RELEASED, format!("no reader is registered as {name}"))),
        };
    }
    let log_end = reader.end().map_err(End::unreadable)?;
    let readers = registered_readers(&RealDisk, directory).map_err(End::unreadable)?;
    let mut out = std::io::stdout().lock();
    for RegisteredReader { name, position, lives } in &readers {
        let behind = log_end.get().saturating_sub(position.get());
        if args.json {
            let position = position.get();
            let line =
                json!({"name": name, "position": position, "behind_bytes": behind, "lives": lives});
            writeln!(out, "{line}")?;
        } else {
            let state = if *lives { "lives" } else { "does not run, and holds the log" };
            writeln!(out, "{name:<32} position {position}, {behind} bytes behind, {state}")?;
        }
    }
    if readers.is_empty() && !args.json {
        writeln!(out, "no readers are registered")?;
    }
    out.flush()?;
    Ok(())
}
