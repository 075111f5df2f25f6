//! The stream from a primary's store to a standby's, over loopback multicast: stores, CRC and flow
//! control on.
//!
//! ```text
//!   publisher ─▶ store ─▶ sender ══ multicast ══▶ receiver ─▶ store        (throughput, loss)
//!   ping: store ─▶ ══▶ store, pong: its own store ─▶ ══▶ store             (round trip)
//! ```
//!
//! Every message is a transaction of its own, so that what counts is the message and not how many a
//! transaction happens to have. A pass is right when both stores end at the same position with the
//! same chain. The terms hold a whole pass, so that their pages are touched before: preparing
//! segments is the helpers' work.

mod ends;
mod loss;
mod round_trip;
mod stream;

use super::replay::scratch;
use super::report::{Report, median, percentiles_json, us, us_line};
use crate::agent::SystemClock;
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::path::PathBuf;
use stream::{Pass, Run};

/// Options of `isochron bench replication`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
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
    /// Threads: 2, one for each end, or 3, with the publisher on its own.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) threads: u8,
    /// Round trips of a message of 128 bytes; 0 leaves them out.
    #[arg(long, default_value_t = 100_000)]
    pub(super) round_trips: u64,
    /// Lost datagrams in a hundred, a pass for each; none leaves them out.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 5],
          value_parser = clap::value_parser!(u64).range(0..=50))]
    pub(super) loss: Vec<u64>,
    /// Messages a second while the time to repair is measured.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) loss_rate: u64,
    /// Where the stores are made, for the time of the run; memory (/dev/shm) needs no disk.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let clock = SystemClock::new();
    let (mut notes, mut lines, mut faults) = (vec![setting(args)], Vec::new(), Vec::new());
    let mut json = json!({
        "bench": "replication", "mtu_bytes": 1408, "window_bytes": stream::WINDOW_BYTES,
        "threads": args.threads, "messages": args.messages, "throughput": [], "loss": [],
    });
    // 1. As fast as it goes.
    for &bytes in &args.sizes {
        let mut rates = Vec::new();
        let mut last = None;
        for _ in 0..args.passes {
            let pass = Pass { threads: args.threads, ..Pass::new(bytes, args.messages) };
            let run = stream::run(&pass, scratch.path(), &clock)?;
            rates.push(run.messages_per_second() / 1e6);
            faults.extend(run.fault(&pass));
            last = Some(run);
        }
        let (rate, passes) = median(rates.clone(), "M messages/s");
        let last = last.ok_or("no pass")?;
        notes.push(format!("{bytes} B: {passes}"));
        notes.push(format!("  {}", last.note()));
        push(
            &mut json["throughput"],
            json!({
                "message_bytes": bytes, "messages_per_second": rate * 1e6, "passes_m": rates,
                "last_pass": last.json(),
            }),
        );
        lines.push(format!("replication: {bytes} B {rate:.2} M messages/s"));
    }
    // 2. There and back.
    if args.round_trips > 0 {
        let times = round_trip::run(args.round_trips, scratch.path(), &clock)?;
        notes.push(format!("round trip of 128 B: {} us", us_line(&times)));
        let [p50, p99] = [0.5, 0.99].map(|at| us(times.value_at_quantile(at)));
        lines.push(format!("replication: round trip p50 {p50} p99 {p99} us"));
        json["round_trip"] = percentiles_json(&times);
    }
    // 3. With loss.
    for &percent in &args.loss {
        let run = lossy(args, percent, scratch.path(), &clock, &mut faults)?;
        notes.extend(run.0);
        push(&mut json["loss"], run.1);
    }
    let fault = (!faults.is_empty()).then(|| faults.join("; "));
    Ok(Report { notes, line: lines.join("\n"), json, fault })
}

fn setting(args: &Args) -> String {
    format!(
        "loopback multicast, MTU 1408, windows of 2 MiB, fc=min, {} threads, {} messages a pass, \
         each a transaction",
        args.threads, args.messages
    )
}

fn push(list: &mut Value, value: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

/// Time to repair at a rate, and what gets through at the most.
fn lossy(
    args: &Args,
    percent: u64,
    directory: &std::path::Path,
    clock: &SystemClock,
    faults: &mut Vec<String>,
) -> Result<(Vec<String>, Value), String> {
    let pass =
        Pass { threads: args.threads, loss_percent: percent, ..Pass::new(128, args.messages) };
    let fast = stream::run(&pass, directory, clock)?;
    faults.extend(fast.fault(&pass));
    // Two seconds.
    let messages = args.messages.min(2 * args.loss_rate);
    let paced = Pass { rate: args.loss_rate, messages, ..pass };
    let slow = stream::run(&paced, directory, clock)?;
    faults.extend(slow.fault(&paced));
    let notes = vec![
        format!(
            "loss {percent} %: at {} messages/s a hole is repaired within {} us ({} holes)",
            args.loss_rate,
            us_line(&slow.repairs),
            slow.repairs.len()
        ),
        format!(
            "  at the most {:.2} M messages/s of 128 B get through, {}",
            fast.messages_per_second() / 1e6,
            fast.note()
        ),
    ];
    let json = json!({
        "loss_percent": percent, "rate": args.loss_rate,
        "repair": percentiles_json(&slow.repairs),
        "goodput_messages_per_second": fast.messages_per_second(), "fast": fast.json(),
        "paced": slow.json(),
    });
    Ok((notes, json))
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
