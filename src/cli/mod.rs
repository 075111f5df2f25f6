//! The command line: what each command is called, and where it goes.

mod replay;
pub mod subscribe;

use crate::demo;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A stock exchange whose market data reaches every subscriber at the same instant.
#[derive(Parser)]
#[command(version, about, after_help = "Example:\n  isochron demo")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs an exchange, an order source and subscribers, and proves that they agree.
    ///
    /// Exit code 0 if every check holds, 1 if one does not, 2 if it could not run.
    #[command(after_help = "Example:\n  isochron demo --seconds 10 --rate 100000")]
    Demo(demo::Args),
    /// Executes a log again and says what it holds.
    ///
    /// Exit code 0 if re-execution agrees with the log, 1 if not, 2 if it cannot be read.
    #[command(
        after_help = "Example:\n  isochron demo --store /tmp/log && isochron replay /tmp/log"
    )]
    Replay(replay::Args),
    /// Follows the feed and rebuilds the books.
    ///
    /// Exit code 0 if nothing was missed, 1 if something was lost, 2 if it could not run, 3 if it
    /// joined too late for the first message.
    #[command(after_help = "Example:\n  isochron subscribe --group 239.77.1.1 --port 40000 \
                            --session 261122300A --interface 127.0.0.1")]
    Subscribe(subscribe::Args),
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Subscribe(args) => subscribe::run(args),
    }
}
