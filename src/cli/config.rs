//! `isochron config`: an example of a configuration, or whether one is right.

use super::output::{End, UNREADABLE, end};
use crate::config::{Config, EXAMPLE, Faults};
use crate::node;
use clap::Args as ClapArgs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a configuration: what is longer is some other file.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Options of `isochron config`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// Says whether this file is a configuration, and what is wrong with it.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Runs the command: 0, or 2 if the file is no configuration.
pub(super) fn run(args: &Args) -> ExitCode {
    end("config", &"", print(args).map(|()| 0))
}

fn print(args: &Args) -> Result<(), End> {
    let mut out = std::io::stdout().lock();
    match &args.check {
        Some(path) => {
            read(path)?;
            writeln!(out, "{} is a configuration", path.display())?;
        }
        None => out.write_all(EXAMPLE.as_bytes())?,
    }
    Ok(out.flush()?)
}

/// Reads a configuration; what is wrong with it is said with file and line.
pub(super) fn read(path: &Path) -> Result<Config, End> {
    let named = |error: &dyn std::fmt::Display| {
        End::Failed(UNREADABLE, format!("{}: {error}", path.display()))
    };
    let bytes = std::fs::metadata(path).map_err(|error| named(&error))?.len();
    if bytes > CONFIG_BYTES_MAX {
        return Err(named(&format_args!(
            "{bytes} bytes: a configuration has {CONFIG_BYTES_MAX} at most"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
    let checked = Config::parse(&text).and_then(|config| {
        node::calendar(&config).map_err(|fault| Faults(vec![fault]))?;
        let recovery = node::recovery_options(&config.recovery, Path::new(""));
        recovery.map_err(|fault| Faults(vec![fault]))?;
        node::replication_options(&config).map_err(|fault| Faults(vec![fault]))?;
        Ok(config)
    });
    checked.map_err(|faults| {
        let lines = faults.0.iter().map(|fault| format!("{}: {fault}", path.display()));
        End::Failed(UNREADABLE, lines.collect::<Vec<_>>().join("\n"))
    })
}
