//! Benchmarks: each measures one part of the way from an order to the log, and checks its result.
//!
//! ```text
//!   matching       the books alone
//!   state-machine  and risk, wallet, fees, encoded outcomes
//!   store          append, and the way to a reader in another process
//!   replay         a log executed again and compared
//!   waits          how long others wait for work that goes on by continuation
//!   books          what a consumer does: messages decoded and applied, snapshots
//!   memory         the state machine's, with many orders and accounts
//!   snapshot       all state saved and loaded, and how often that is needed
//!   feed           from the store to datagrams on both lines, and what a subscriber more costs
//!   subscriber     datagrams of two lines to messages in order
//!   path           from the intended time, through ring and core, to the committed outcome
//!   replication    a primary's store to a standby's: rate, round trip, commit, repair
//!   catch-up       a log from one store into another over TCP
//!   recovery       a snapshot of a large book and a replay over TCP, and the publisher beside them
//! ```
//!
//! Each prints what it measured, and as its last line the figures in a fixed form. Throughput and
//! latency are measured in passes of their own, because reading the clock costs as much as an
//! operation. `docs/benchmarks.md` says what the figures include.

mod books;
mod catch_up;
mod causes;
mod feed;
mod matching;
mod memory;
mod nodes;
mod path;
mod recovery;
mod replay;
mod replication;
mod report;
mod snapshot;
mod state_machine;
mod store;
mod stream;
mod subscriber;
#[cfg(test)]
mod tests;
mod waits;
mod watch;

use clap::Subcommand;
use report::Report;
use std::process::ExitCode;

/// Which part is measured.
#[derive(Clone, Debug, Subcommand)]
pub enum Bench {
    /// The books alone, with the look-up of orders by id.
    #[command(after_help = "Examples:\n  isochron bench matching\n  isochron bench matching \
                            --write orders.bin && isochron bench matching --stream orders.bin")]
    Matching(matching::Args),
    /// The whole state machine: risk, wallet, fees, encoded outcomes; without ring and store.
    #[command(after_help = "Example:\n  isochron bench state-machine --passes 5")]
    StateMachine(state_machine::Args),
    /// The event store: appending, and the delay to a reader in another process.
    #[command(after_help = "Example:\n  isochron bench store --directory /dev/shm")]
    Store(store::Args),
    /// A log of the demo's default flow executed again, every outcome compared.
    #[command(after_help = "Example:\n  isochron bench replay --commands 500000")]
    Replay(replay::Args),
    /// The feed's messages decoded and applied to books, per product, and a snapshot.
    #[command(after_help = "Example:\n  isochron bench books --commands 200000")]
    Books(books::Args),
    /// The memory of many live orders in many accounts.
    #[command(after_help = "Example:\n  isochron bench memory --orders 1000000 --accounts 100000")]
    Memory(memory::Args),
    /// All state saved and loaded, and how far apart snapshots may be for a fast start.
    #[command(after_help = "Example:\n  isochron bench snapshot --finished 64")]
    Snapshot(snapshot::Args),
    /// The feed: from the store to datagrams on both lines; subscribers; latency at a rate.
    #[command(after_help = "Example:\n  isochron bench feed --subscribers 1,4,16")]
    Feed(feed::Args),
    /// The core of a subscriber: datagrams of two lines to messages in order, without sockets.
    #[command(after_help = "Example:\n  isochron bench subscriber --messages 20000000")]
    Subscriber(subscriber::Args),
    /// From the time a command is meant to be sent to its committed outcome, open loop.
    #[command(after_help = "Example:\n  isochron bench path --rates 43000,215000 --seconds 5")]
    Path(path::Args),
    /// A node that catches up: a log from one store into another, over loopback, and whether the
    /// primary notices.
    #[command(after_help = "Example:\n  isochron bench catch-up --megabytes 1000 --rate 43000")]
    CatchUp(catch_up::Args),
    /// The repair service: snapshots of a large book, a replay, and whether the publisher notices.
    #[command(after_help = "Example:\n  isochron bench recovery --orders 1000000 --rate 43000")]
    Recovery(recovery::Args),
    /// The stream from a primary's store to a standby's, over loopback multicast: rate, round trip,
    /// publish to commit, time to repair.
    #[command(after_help = "Examples:\n  isochron bench replication --directory /dev/shm\n  \
                            isochron bench replication --only commit --standbys 1,2")]
    Replication(replication::Args),
    /// The longest wait of another source: expiry, settlement, mass cancel, kill switch.
    #[command(after_help = "Example:\n  isochron bench waits --orders 100000 --accounts 10000")]
    Waits(waits::Args),
}

/// Runs a benchmark: 0 if its result is right, 1 if not, 2 if it could not run.
#[must_use]
pub fn run(bench: &Bench) -> ExitCode {
    let (name, outcome, json) = match bench {
        Bench::Matching(args) => ("matching", matching::run(args), args.stream.json),
        Bench::Books(args) => ("books", books::run(args), args.json),
        Bench::Memory(args) => ("memory", memory::run(args), args.json),
        Bench::Snapshot(args) => ("snapshot", snapshot::run(args), args.json()),
        Bench::Feed(args) => ("feed", feed::run(args), args.json),
        Bench::Subscriber(args) => ("subscriber", subscriber::run(args), args.json),
        Bench::Path(args) => ("path", path::run(args), args.json),
        Bench::CatchUp(args) => ("catch-up", catch_up::run(args), args.json),
        Bench::Recovery(args) => ("recovery", recovery::run(args), args.json),
        Bench::Replication(args) => ("replication", replication::run(args), args.json),
        Bench::Waits(args) => ("waits", waits::run(args), args.json),
        Bench::Store(args) => ("store", store::run(args), args.json),
        Bench::Replay(args) => ("replay", replay::run(args), args.json),
        Bench::StateMachine(args) => ("state-machine", state_machine::run(args), args.stream.json),
    };
    match outcome {
        Ok(report) => finish(name, &report, json),
        Err(error) => {
            eprintln!("isochron bench {name}: {error}");
            ExitCode::from(2)
        }
    }
}

fn finish(name: &str, report: &Report, json: bool) -> ExitCode {
    if json {
        println!("{}", report.json);
    } else {
        report.notes.iter().for_each(|note| println!("{note}"));
        println!("{}", report.line);
    }
    match &report.fault {
        None => ExitCode::SUCCESS,
        Some(fault) => {
            eprintln!("isochron bench {name}: {fault}");
            ExitCode::from(1)
        }
    }
}
