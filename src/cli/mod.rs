//! The command line: what each command is called, and where it goes.

mod begin;
mod calendar;
mod config;
mod inspect;
mod output;
mod password;
mod progress;
mod promote;
mod readers;
mod replay;
mod send;
mod serve;
mod snapshot;
mod standby;
mod stat;
pub mod subscribe;
mod utc;
mod verify;

use crate::store::end_on_bus_error;
use crate::{bench, demo};
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
    /// Measures one part of the exchange, and checks that it works right.
    ///
    /// Exit code 0 if the result is right, 1 if not, 2 if it could not run.
    #[command(after_help = "Example:\n  isochron bench matching")]
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Shows when a configured calendar begins and ends a date and its phases.
    ///
    /// Exit code 0, 1 if there is no trading on that date, 2 if there is no calendar.
    #[command(
        after_help = "Example:\n  isochron calendar --config exchange.toml --date 2026-11-27"
    )]
    Calendar(calendar::Args),
    /// Prints an example of a configuration: every key, with its default and what it does.
    ///
    /// Exit code 0, 2 if a file to check is no configuration.
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(config::Args),
    /// Runs an exchange, an order source and subscribers, and proves that they agree.
    ///
    /// Exit code 0 if every check holds, 1 if one does not, 2 if it could not run.
    #[command(after_help = "Examples:\n  isochron demo --seconds 10 --rate 100000\n  \
                            isochron demo --standbys 2")]
    Demo(demo::Args),
    /// Prints the hash of a password, for a user of the repair service: reads it from stdin.
    ///
    /// Exit code 0, 2 if the password does not fit SoupBinTCP's ten characters.
    #[command(after_help = "Example:\n  printf %s secret | isochron password")]
    Password(password::Args),
    /// Asks this machine's standby to become the primary: a vote of all nodes, begun by hand.
    ///
    /// Exit code 0 if the node is the primary, 1 if it refused, with the reason and the node that
    /// is in the way, 2 if it could not be asked.
    #[command(after_help = "Example:\n  isochron promote --config isochron.toml\n  \
                            isochron promote --config isochron.toml --json | jq .result")]
    Promote(promote::Args),
    /// Executes a log again and says what it holds.
    ///
    /// Exit code 0 if re-execution agrees with the log, 1 if not, 2 if it cannot be read.
    #[command(
        after_help = "Example:\n  isochron demo --store /tmp/log && isochron replay /tmp/log"
    )]
    Replay(replay::Args),
    /// Sends orders to a served exchange, through a ring, from a process of its own.
    ///
    /// Exit code 0 if all that was sent was committed, 1 if not, 2 if it could not run.
    #[command(after_help = SEND_EXAMPLES)]
    Send(send::Args),
    /// Runs an exchange until a signal ends it; its log goes to stderr.
    ///
    /// SIGINT or SIGTERM ends it in order, a second one at once. Exit code 0 after a signal, 1 if a
    /// part of it failed, 2 if it could not start.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(serve::Args),
    /// Shows the registered readers of a log, which it waits for before it forgets anything.
    ///
    /// Exit code 0, 1 if the reader to release is none or lives, 2 if the store cannot be read.
    #[command(after_help = "Example:\n  isochron readers /tmp/log\n  \
                            isochron readers /tmp/log --release feed")]
    Readers(readers::Args),
    /// Follows a log and takes snapshots of all state, from which an exchange starts fast.
    ///
    /// Each is read back and compared before it counts. Exit code 0, 1 if the log does not execute
    /// as it says, 2 if it cannot be read or a snapshot cannot be written.
    #[command(after_help = "Example:\n  isochron snapshot /tmp/log --once\n  \
                            isochron snapshot /tmp/log --every 5000000 --keep 5")]
    Snapshot(snapshot::Args),
    /// Follows the feed, repairs what is missing, and rebuilds the books.
    ///
    /// Exit code 0 if nothing was missed, or all of it was repaired, 1 if something was lost or a
    /// book differs, 2 if it could not run, 3 if it joined too late for the first message and there
    /// was no snapshot.
    #[command(after_help = SUBSCRIBE_EXAMPLES)]
    Subscribe(subscribe::Args),
    /// Shows the events of a log, or a book as it stood at any moment.
    ///
    /// Times are UTC. Exit code 0, 1 if the log does not execute as it says, 2 if it cannot be
    /// read.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(inspect::Args),
    /// Checks a log: every frame, the chain, the numbers, re-execution, money and shares.
    ///
    /// Exit code 0 if it is sound, 1 if it has a fault, which is named with its position, 2 if it
    /// cannot be read.
    #[command(
        after_help = "Example:\n  isochron verify /tmp/log\n  isochron verify /tmp/log --json"
    )]
    Verify(verify::Args),
    /// Runs a node that follows the primary of its exchange, ready to become it.
    ///
    /// An empty directory is filled from another node first. SIGINT or SIGTERM ends it in order.
    /// Exit code 0 after a signal, 1 if a part of it failed, or its log is not the one to follow,
    /// 2 if it could not start.
    #[command(after_help = STANDBY_EXAMPLES)]
    Standby(standby::Args),
    /// Shows the counters of a running exchange or subscriber, live.
    ///
    /// A terminal gets a table that is drawn again, a pipe a line each time, until the process that
    /// counts has ended. Exit code 0, 2 if there are no counters.
    #[command(after_help = STAT_EXAMPLES)]
    Stat(stat::Args),
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  isochron config > isochron.toml
  isochron config --check isochron.toml";

const SEND_EXAMPLES: &str = "\
Examples:
  isochron send --ring store/rings/orders.ring --rate 10000 --seconds 60
  isochron send --ring orders.ring --store store --flow itch:01302020.NASDAQ_ITCH50.gz \
--symbols AAPL,MSFT --speed 10
  isochron send --ring orders.ring --store store --flow lobster:AAPL_message_50.csv --speed max \
--json";

const SERVE_EXAMPLES: &str = "\
Examples:
  isochron serve --config isochron.toml
  isochron serve --config isochron.toml --flow mix --rate 1000
  isochron serve --config isochron.toml --only core &
  isochron serve --config isochron.toml --only market-data";

const STANDBY_EXAMPLES: &str = "\
Examples:
  isochron standby --config isochron.toml
  isochron standby --config isochron.toml --discard-tail";

const INSPECT_EXAMPLES: &str = "\
Examples:
  isochron inspect /tmp/log --sequence 100..120
  isochron inspect /tmp/log --order 17 --json
  isochron inspect /tmp/log --symbol AAPL --template OrderFilled --time 2026-11-22T09:30:00..
  isochron inspect /tmp/log --account 7 --follow
  isochron inspect /tmp/log --book AAPL --at 5000
  isochron inspect /tmp/log --book AAPL --at 2026-11-22T09:30:00.25 --depth 5";

const SUBSCRIBE_EXAMPLES: &str = "\
Examples:
  isochron subscribe --group 239.77.1.3 --port 40003 --group-b 239.78.1.3 --port-b 41003
  ISOCHRON_PASSWORD=... isochron subscribe --group 239.77.1.3 --port 40003 \
--rerequest 127.0.0.1:42003 --replay 127.0.0.1:42001 --snapshot 127.0.0.1:42002 --user alice
  isochron subscribe --group 239.77.1.3 --port 40003 --level l3 --symbol S001
  isochron subscribe --group 239.77.1.3 --port 40003 --record day.pcap
  isochron subscribe --from day.pcap --level l2 --symbol S001";

const STAT_EXAMPLES: &str = "\
Examples:
  isochron demo --store /tmp/log & isochron stat /tmp/log
  isochron stat /tmp/log --once
  isochron stat /tmp/log --json | jq .rates
  isochron stat /tmp/log/counters --prometheus > /var/lib/node_exporter/isochron.prom";

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    // A machine that lets no handler be set still runs an exchange.
    if let Err(error) = end_on_bus_error() {
        eprintln!("isochron: lost files will not be named: {error}");
    }
    match Cli::parse().command {
        Command::Bench { bench } => bench::run(&bench),
        Command::Calendar(args) => calendar::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Password(args) => password::run(&args),
        Command::Promote(args) => promote::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Readers(args) => readers::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Subscribe(args) => subscribe::run(args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Standby(args) => standby::run(&args),
        Command::Stat(args) => stat::run(&args),
    }
}
