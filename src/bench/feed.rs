//! The feed: from events in the store to datagrams that the kernel has, on both lines.
//!
//! ```text
//!   core 0:  event store ─▶ Feed ─▶ feed logs ─▶ sendmmsg ═ A, B ═╗ (the kernel copies to each
//!   core 1:  the logs' helper; subscribers' sockets ◀═════════════╝  socket inside the call)
//! ```
//!
//! The log is that of the demo's default flow, made before; its commands are as far apart in logged
//! time as at the average rate. Throughput: the whole log at once, from its first byte to the last
//! datagram. Table: the same with more sockets that listen, and once more over TCP, where each
//! subscriber is a stream of its own. Latency: the log's transactions are written into another
//! store at their times, open loop, by the other core.

mod paced;
mod publish;
mod tcp;

use super::replay::{make, scratch};
use super::report::{Report, median, percentiles_json, us};
use crate::agent::SystemClock;
use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use isochron_feeds::channel::Product;
use publish::{Published, Setting, publish};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Commands a second on the average of a busy day, which sets the log's times.
const RATE: u64 = 43_000;

/// The products of the second figure.
const ALL: [Product; 3] = [Product::L1, Product::L2, Product::L3];

/// Options of `isochron bench feed`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Commands of the default flow in the log, after its setup.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    commands: u64,
    /// Passes of the throughput; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    passes: u8,
    /// Subscribers of the table, a row each.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16",
          value_parser = clap::value_parser!(u16).range(0..=64))]
    subscribers: Vec<u16>,
    /// Commands a second of the latency, a run each.
    #[arg(long, value_delimiter = ',', default_value = "43000,215000",
          value_parser = clap::value_parser!(u64).range(20..=10_000_000))]
    rates: Vec<u64>,
    /// Seconds of each of those runs, as far as the log goes.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Seed of the flow.
    #[arg(long, default_value_t = 20_261_122)]
    seed: u64,
    /// Where the logs are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Passes of one setting: the median rate, and the last of them.
fn passes(args: &Args, setting: &Setting<'_>) -> Result<(f64, Vec<String>, Published), String> {
    let mut rates = Vec::new();
    let mut last = Published::default();
    for _ in 0..args.passes {
        last = publish(setting)?;
        rates.push(last.messages as f64 * 1e3 / last.elapsed_ns as f64);
    }
    let (rate, note) = median(rates, "M messages/s");
    let Published { messages, events, datagrams, segmented, calls, bytes, .. } = last;
    let share = segmented * 100 / datagrams.max(1);
    let notes = vec![
        format!("{}: {note}", setting.name),
        format!(
            "  {events} events, {messages} messages once, {datagrams} datagrams and {bytes} bytes \
             on both lines in {calls} calls; {share} % of the datagrams cut by the system"
        ),
        format!("  CPU of an event: {}", last.cpu()),
    ];
    Ok((rate, notes, last))
}

/// The rows of the table: multicast to so many subscribers, and TCP to as many.
fn table(
    args: &Args,
    store: &Path,
    scratch: &Path,
    clock: &SystemClock,
) -> Result<(Vec<String>, Value), String> {
    let mut notes = vec![
        "subscribers  wire       calls   datagrams  MB handed over  user ns/event  system \
         ns/event"
            .to_owned(),
    ];
    let mut rows = Vec::new();
    let mut row = |wire: &str, subscribers: u16, published: &Published| {
        let Published { calls, datagrams, bytes, .. } = *published;
        let (user_ns, system_ns) = published.cpu_ns_per_event();
        notes.push(format!(
            "{subscribers:>11}  {wire:<9} {calls:>6}  {datagrams:>10}  {:>14}  {user_ns:>13}  \
             {system_ns:>15}",
            bytes / 1_000_000
        ));
        rows.push(json!({
            "wire": wire, "subscribers": subscribers, "calls": calls, "datagrams": datagrams,
            "bytes": bytes, "user_ns_per_event": user_ns, "system_ns_per_event": system_ns,
        }));
    };
    for &subscribers in &args.subscribers {
        let setting = Setting {
            name: "L3 to subscribers",
            store,
            scratch,
            products: &[Product::L3],
            subscribers: subscribers.into(),
            clock,
        };
        let published = publish(&setting)?;
        row("multicast", subscribers, &published);
        if subscribers > 0 {
            row("TCP", subscribers, &tcp::fan_out(&setting, &published)?);
        }
    }
    notes.push(
        "  multicast: two lines, whoever listens; the kernel copies to each local socket inside \
         the sender's call, which on a network is the switch's work"
            .to_owned(),
    );
    notes.push("  TCP: one stream for each, the same messages in as many batches".to_owned());
    Ok((notes, rows.into()))
}

/// The delays from an event in the store to its datagrams, of so many commands at a rate, all
/// products; the log is made in `store` where it is not there yet.
pub(super) fn delays(
    store: &Path,
    scratch: &Path,
    clock: &SystemClock,
    commands: u64,
    rate: u64,
    seconds: u64,
) -> Result<Histogram<u64>, String> {
    if !store.exists() {
        make(store, 20_261_122, commands, 1_000_000_000 / RATE)?;
    }
    let setting = Setting { name: "delays", store, scratch, products: &ALL, subscribers: 1, clock };
    Ok(paced::run(&setting, rate, seconds)?.latencies)
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let (store, clock) = (scratch.path().join("store"), SystemClock::new());
    make(&store, args.seed, args.commands, 1_000_000_000 / RATE)?;
    let setting = |name, products| Setting {
        name,
        store: &store,
        scratch: scratch.path(),
        products,
        subscribers: 1,
        clock: &clock,
    };
    // 1. L3, then everything.
    let (rate, mut notes, l3) = passes(args, &setting("L3", &[Product::L3]))?;
    let (all_rate, more, all) = passes(args, &setting("L1 + L2 + L3", &ALL))?;
    notes.extend(more);
    // 2. More subscribers.
    let (more, table) = table(args, &store, scratch.path(), &clock)?;
    notes.extend(more);
    // 3. At a rate.
    let mut json = json!({
        "bench": "feed", "commands": args.commands,
        "l3": { "messages_per_second": rate * 1e6, "run": l3.json() },
        "l1_l2_l3": { "messages_per_second": all_rate * 1e6, "run": all.json() },
        "table": table,
    });
    let (mut paced, mut latency) = (Vec::new(), String::new());
    for &rate in &args.rates {
        let run = paced::run(&setting("paced", &ALL), rate, args.seconds)?;
        let [p50, p99] = [0.5, 0.99].map(|at| us(run.latencies.value_at_quantile(at)));
        notes.push(format!(
            "{rate} orders/s: event in the store to datagrams sent p50 {p50} p99 {p99} us, {} \
             events, {} orders/s held",
            run.latencies.len(),
            run.held
        ));
        paced.push(json!({
            "rate": rate, "held": run.held, "latency": percentiles_json(&run.latencies),
        }));
        latency = format!(", at {rate}/s p50 {p50} p99 {p99}");
    }
    json["paced"] = paced.into();
    let line = format!("feed: {rate:.2} M messages/s on both lines, all {all_rate:.2} M{latency}");
    Ok(Report { notes, line, json, fault: None })
}
