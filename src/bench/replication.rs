//! The stream from a primary's store to a standby's, over loopback multicast: stores, CRC and flow
//! control on.
//!
//! ```text
//!   publisher ─▶ store ─▶ sender ══ multicast ══▶ receiver ─▶ store        (throughput, loss)
//!   ping: store ─▶ ══▶ store, pong: its own store ─▶ ══▶ store             (round trip)
//!   publisher ─▶ store ─▶ primary ══▶ standbys, acknowledgements ─▶ committed       (commit)
//! ```
//!
//! Every message is a transaction of its own, so that what counts is the message and not how many a
//! transaction happens to have. Of a pass the time is from the first append to the end of the cycle
//! in which the standby's store held the last message: the CRC made by the one and checked by the
//! other is in it. A pass is right when both stores end at the same position with the same chain.
//! The terms hold a whole pass, so that their pages are touched before: preparing segments is the
//! helpers' work.

mod commit;
mod ends;
mod loss;
mod round_trip;
mod stream;

use super::nodes::WINDOW_BYTES;
use super::replay::scratch;
use super::report::{Report, median, percentiles_json, us, us_line};
use crate::agent::SystemClock;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use stream::{Pass, Run};

/// Which part is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Messages as fast as they go.
    Throughput,
    /// A message there, and one back.
    RoundTrip,
    /// Publish to commit, with the agents of nodes.
    Commit,
    /// With loss: the time to repair at a rate, and what gets through at the most.
    Loss,
}

/// Options of `isochron bench replication`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Runs these parts only.
    #[arg(long, value_delimiter = ',')]
    pub(super) only: Vec<Part>,
    /// Messages of one pass.
    #[arg(long, default_value_t = 2_000_000,
          value_parser = clap::value_parser!(u64).range(1_000..=3_000_000))]
    pub(super) messages: u64,
    /// Bytes of a message, a line of figures for each.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 128, 288],
          value_parser = clap::value_parser!(u64).range(48..=1_376))]
    pub(super) sizes: Vec<u64>,
    /// Passes that measure throughput; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Threads of a pass: 2, one for each end, or 3, with the publisher on its own.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) threads: u8,
    /// Round trips of a message of 128 bytes.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) round_trips: u64,
    /// Standbys that transactions of 128 bytes are committed with, a run for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2],
          value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(super) standbys: Vec<u32>,
    /// Transactions a second that are committed.
    #[arg(long, default_value_t = 43_000,
          value_parser = clap::value_parser!(u64).range(1..=500_000))]
    pub(super) commit_rate: u64,
    /// Seconds of each run of commits.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub(super) seconds: u64,
    /// Lost datagrams in a hundred, a pass for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 5],
          value_parser = clap::value_parser!(u64).range(0..=50))]
    pub(super) loss: Vec<u64>,
    /// Messages a second while the time to repair is measured.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) loss_rate: u64,
    /// Where the stores are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Args {
    fn runs(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What the parts have found.
struct Found<'a> {
    args: &'a Args,
    directory: &'a Path,
    clock: SystemClock,
    notes: Vec<String>,
    lines: Vec<String>,
    faults: Vec<String>,
    json: Value,
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let mut found = Found {
        args,
        directory: scratch.path(),
        clock: SystemClock::new(),
        notes: vec![setting(args, scratch.path())],
        lines: Vec::new(),
        faults: Vec::new(),
        json: json!({
            "bench": "replication", "mtu_bytes": 1408, "window_bytes": WINDOW_BYTES,
            "threads": args.threads, "messages": args.messages, "throughput": [], "commit": [],
            "loss": [],
        }),
    };
    if args.runs(Part::Throughput) {
        args.sizes.iter().try_for_each(|bytes| found.throughput(*bytes))?;
    }
    if args.runs(Part::RoundTrip) {
        found.round_trip()?;
    }
    if args.runs(Part::Commit) {
        args.standbys.iter().try_for_each(|standbys| found.commit(*standbys))?;
    }
    if args.runs(Part::Loss) {
        args.loss.iter().try_for_each(|percent| found.lossy(*percent))?;
    }
    let Found { notes, lines, faults, json, .. } = found;
    let fault = (!faults.is_empty()).then(|| faults.join("; "));
    Ok(Report { notes, line: lines.join("\n"), json, fault })
}

fn setting(args: &Args, directory: &Path) -> String {
    format!(
        "loopback multicast, MTU 1408, windows of 2 MiB, fc=min, {} threads, {} messages a pass, \
         each a transaction; stores in {}",
        args.threads,
        args.messages,
        directory.parent().unwrap_or(directory).display()
    )
}

impl Found<'_> {
    fn push(&mut self, list: &str, value: Value) {
        if let Some(list) = self.json[list].as_array_mut() {
            list.push(value);
        }
    }

    /// As fast as it goes.
    fn throughput(&mut self, bytes: u64) -> Result<(), String> {
        let args = self.args;
        let (mut rates, mut last) = (Vec::new(), None);
        for _ in 0..args.passes {
            let pass = Pass { threads: args.threads, ..Pass::new(bytes, args.messages) };
            let run = stream::run(&pass, self.directory, &self.clock)?;
            rates.push(run.messages_per_second() / 1e6);
            self.faults.extend(run.fault(&pass));
            last = Some(run);
        }
        let (rate, passes) = median(rates.clone(), "M messages/s");
        let last = last.ok_or("no pass")?;
        self.notes.push(format!("{bytes} B: {passes}"));
        self.notes.push(format!("  {}", last.note()));
        self.push(
            "throughput",
            json!({
                "message_bytes": bytes, "messages_per_second": rate * 1e6, "passes_m": rates,
                "last_pass": last.json(),
            }),
        );
        self.lines.push(format!("replication: {bytes} B {rate:.2} M messages/s"));
        Ok(())
    }

    /// There and back.
    fn round_trip(&mut self) -> Result<(), String> {
        let times = round_trip::run(self.args.round_trips, self.directory, &self.clock)?;
        self.notes.push(format!("round trip of 128 B: {} us", us_line(&times)));
        let [p50, p99] = [0.5, 0.99].map(|at| us(times.value_at_quantile(at)));
        self.lines.push(format!("replication: round trip p50 {p50} p99 {p99} us"));
        self.json["round_trip"] = percentiles_json(&times);
        Ok(())
    }

    /// Publish to commit.
    fn commit(&mut self, standbys: u32) -> Result<(), String> {
        let Args { commit_rate: rate, seconds, .. } = *self.args;
        let plan = commit::Plan { standbys, rate, seconds };
        let times = commit::run(plan, self.directory, &self.clock)?;
        let nodes = standbys + 1;
        let needed = nodes / 2 + 1;
        self.notes.push(format!(
            "{rate} transactions a second of 128 B to commit at {needed} of {nodes} nodes: {} us",
            us_line(&times)
        ));
        self.notes.push(format!("  {}", commit::placement(standbys)));
        let [p50, p99] = [0.5, 0.99].map(|at| us(times.value_at_quantile(at)));
        self.lines.push(format!(
            "replication: standbys {standbys}, {rate}/s to commit p50 {p50} p99 {p99} us"
        ));
        let json = json!({
            "standbys": standbys, "rate": rate, "placement": commit::placement(standbys),
            "publish_to_commit": percentiles_json(&times),
        });
        self.push("commit", json);
        Ok(())
    }

    /// Time to repair at a rate, and what gets through at the most.
    fn lossy(&mut self, percent: u64) -> Result<(), String> {
        let args = self.args;
        let pass =
            Pass { threads: args.threads, loss_percent: percent, ..Pass::new(128, args.messages) };
        let fast = stream::run(&pass, self.directory, &self.clock)?;
        self.faults.extend(fast.fault(&pass));
        // Two seconds.
        let messages = args.messages.min(2 * args.loss_rate);
        let paced = Pass { rate: args.loss_rate, messages, ..pass };
        let slow = stream::run(&paced, self.directory, &self.clock)?;
        self.faults.extend(slow.fault(&paced));
        let goodput = fast.messages_per_second();
        self.notes.push(format!(
            "loss {percent} %: at {} messages/s a hole is repaired within {} us ({} holes)",
            args.loss_rate,
            us_line(&slow.repairs),
            slow.repairs.len()
        ));
        self.notes.push(format!(
            "  at the most {:.2} M messages/s of 128 B get through, {}",
            goodput / 1e6,
            fast.note()
        ));
        let [p50, p99] = [0.5, 0.99].map(|at| us(slow.repairs.value_at_quantile(at)));
        self.lines.push(format!(
            "replication: loss {percent} % repaired p50 {p50} p99 {p99} us, goodput {:.2} M \
             messages/s",
            goodput / 1e6
        ));
        let json = json!({
            "loss_percent": percent, "rate": args.loss_rate,
            "repair": percentiles_json(&slow.repairs),
            "goodput_messages_per_second": goodput, "fast": fast.json(),
            "paced": slow.json(),
        });
        self.push("loss", json);
        Ok(())
    }
}

impl Run {
    /// Why the pass is wrong, if it is.
    fn fault(&self, pass: &Pass) -> Option<String> {
        let lost = self.expected.get() - self.held.position.get().min(self.expected.get());
        if lost > 0 {
            return Some(format!("{} B: the standby is {lost} bytes short", pass.message_bytes));
        }
        (self.held.chain != self.chain).then(|| {
            format!(
                "{} B: the standby's chain is {}, the primary's {}",
                pass.message_bytes, self.held.chain, self.chain
            )
        })
    }
}
