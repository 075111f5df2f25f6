//! The demo: one exchange, an order source, and subscribers in processes of their own.
//!
//! ```text
//!   flow ─▶ source ─▶ ring ─▶ core ─▶ store ─▶ feed ═══ lines A and B ═══▶ subscribe  (process)
//!             ▲                         │         │                  ╚═══▶ subscribe  (process)
//!             └──────── committed ◀─────┤         ▼                  ╚═══▶ subscribe  (process)
//!                                       │      feed log ─▶ recovery  (process) ◀─ what was missed
//!                                       └─▶ replay: the same state hash?
//! ```
//!
//! It succeeds only if every subscriber rebuilt the engine's books, nothing was lost that was not
//! repaired, money and shares are conserved, and executing the log again leads to the same state.

pub mod flow;
mod in_flight;
mod live;
pub(crate) mod pace;
mod part;
mod repair;
mod report;
mod setup;
pub(crate) mod source;
mod standbys;
mod subscribers;
pub mod tally;
mod verdict;

use crate::agent::{Clock, Placement, StopFlag, SystemClock, cores_available, start};
use crate::metrics::{Collector, Counter, Counters, latencies};
use crate::node::{self, Component, Exchange, Interrupt};
use crate::store::Durability;
use crate::types::{Nanos, Symbol};
use clap::Args as ClapArgs;
use flow::{Flow, Itch, Lobster, Mix};
use isochron_events::Message;
use isochron_feeds::mold::Session;
use live::Live;
use pace::{NumberOrMax, Pace};
use repair::RepairService;
use report::Report;
use setup::{CHANNEL, GROUP_B, Lines};
use source::{Parts, Progress, SourceAgent};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use subscribers::{Place, Subscriber};
use tempfile::TempDir;
use verdict::Finished;

/// How often the demo looks at its parts.
const LOOK: Duration = Duration::from_millis(50);

/// How long subscribers may take to listen, and to end.
const SUBSCRIBERS_NS_MAX: u64 = 20_000_000_000;

/// Commands a second of the mix where none are asked for.
const RATE_DEFAULT: u64 = 43_000;

/// The source's id.
pub(crate) const SOURCE: u32 = 1;

/// The environment variable from which `isochron subscribe` has a password.
pub(crate) const PASSWORD_VARIABLE: &str = "ISOCHRON_PASSWORD";

/// Options of `isochron demo`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Seconds of trading; a file at `max` is played to its end.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Where orders come from: `mix`, `lobster:FILE` or `itch:FILE` (plain or gz).
    #[arg(long, default_value = "mix")]
    flow: String,
    #[command(flatten)]
    tempo: Tempo,
    /// Keeps the event store in this directory; it must hold no log yet.
    #[arg(long)]
    store: Option<PathBuf>,
    /// What a transaction must have survived before anything is told of it: the death of this
    /// process, or the loss of power.
    #[arg(long, default_value = Durability::WORDS[0], value_parser = Durability::WORDS)]
    durability: String,
    /// Counts in this file, for `isochron stat`; in the store's directory where none is given.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// Writes the report as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Multicast group of line A's channel 0; the others follow by their numbers.
    #[arg(long, default_value = "239.77.1.1")]
    group: Ipv4Addr,
    /// Multicast group of line B's channel 0.
    #[arg(long, default_value_t = GROUP_B)]
    group_b: Ipv4Addr,
    /// UDP port of line A's channel 0; one with free ones after it where none is given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Address of the interface to send on.
    #[arg(long, default_value = "127.0.0.1")]
    interface: Ipv4Addr,
    /// Subscribers to start.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=64))]
    subscribers: u8,
    /// Makes the first subscriber throw away its Nth datagram, to see the loss found and repaired.
    #[arg(long, value_name = "N")]
    drop_datagram: Option<u64>,
    /// Starts no repair service: what is missed is lost.
    #[arg(long)]
    no_repair: bool,
    /// Runs the exchange as so many standbys and a primary, each in a process of its own; in the
    /// middle the primary is killed, and a standby promoted.
    #[arg(long, value_name = "N", conflicts_with = "counters",
        value_parser = clap::value_parser!(u8).range(2..=4))]
    standbys: Option<u8>,
}

/// What of a flow is played, and how fast.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Tempo {
    /// Commands a second of the default flow, or `max` [default: 43000].
    #[arg(long)]
    rate: Option<NumberOrMax>,
    /// How many times faster than its own times a file is played, or `max` [default: 1].
    #[arg(long)]
    speed: Option<NumberOrMax>,
    /// Symbols of an ITCH file to play, such as `AAPL,MSFT` [default: the first 100 with an order].
    #[arg(long, value_delimiter = ',', value_name = "SYMBOL")]
    symbols: Vec<String>,
    /// Seed of the default flow.
    #[arg(long, default_value_t = 20_261_122)]
    seed: u64,
}

/// Runs the demo: 0 if every check holds, 1 if one does not, 2 if it could not run.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let ran = match args.standbys {
        Some(standbys) => standbys::demo(args, standbys.into()),
        None => demo(args),
    };
    match ran {
        Ok(report) => {
            say(&report);
            if let Err(error) = write_json(args, &report) {
                eprintln!("isochron demo: {error}");
                return ExitCode::from(2);
            }
            if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("isochron demo: {error}");
            ExitCode::from(2)
        }
    }
}

type Outcome<T> = Result<T, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Prints a line. A reader that has gone away is no reason to stop: the exit code still tells.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// That a report cannot be written should not be found out when the run is over.
fn check_json_path(args: &Args) -> Outcome<()> {
    let Some(path) = &args.json else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(format!("cannot write {}: no file can be there", path.display()));
    }
    Ok(())
}

fn write_json(args: &Args, report: &Report) -> Outcome<()> {
    let Some(path) = &args.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(&report.to_json()).map_err(text)?;
    let named = |error| format!("cannot write {}: {error}", path.display());
    std::fs::write(path, json + "\n").map_err(named)
}

/// What is known before anything runs.
struct Prepared {
    clock: SystemClock,
    interrupt: Interrupt,
    setup: Vec<Message>,
    pace: Pace,
    /// The symbol that the live line shows.
    symbol: String,
    scratch: TempDir,
    /// Where what is kept lies.
    directory: PathBuf,
    lines: Lines,
    session: Session,
}

/// Reads what is asked for, and takes the feed's ports; also the flow, for the source.
fn prepare(args: &Args) -> Outcome<(Prepared, Box<dyn Flow>)> {
    let clock = SystemClock::new();
    let interrupt = Interrupt::watch().map_err(text)?;
    let date = calendar_date(clock.now());
    let (mut flow, pace) = open_flow(&args.flow, &args.tempo, args.seconds, date)?;
    let setup = flow.setup();
    let symbol = first_symbol(&setup);
    let scratch = tempfile::tempdir().map_err(text)?;
    let directory = args.store.clone().unwrap_or_else(|| scratch.path().join("store"));
    let directory = std::path::absolute(directory).map_err(text)?;
    refuse_used(&directory)?;
    check_json_path(args)?;
    let (lines, session) = (Lines::reserve(args)?, CHANNEL.session(date, b'A'));
    let prepared =
        Prepared { clock, interrupt, setup, pace, symbol, scratch, directory, lines, session };
    Ok((prepared, flow))
}

fn demo(args: &Args) -> Outcome<Report> {
    // 1. What to trade, and how fast; where the log lies, and where the feed goes.
    let (prepared, flow) = prepare(args)?;
    let Prepared { clock, interrupt, setup, pace, symbol, .. } = prepared;
    let Prepared { scratch, directory, lines, session, .. } = prepared;
    // 2. The exchange.
    let anywhere = [SocketAddrV4::new(args.interface, 0); 3];
    let repairs = (!args.no_repair).then_some(anywhere);
    let written = setup::text(args, &directory, &lines, repairs);
    let counters = args.counters.clone().unwrap_or_else(|| directory.join("counters"));
    let config = exchange_config(&written, &counters)?;
    let mut exchange = Exchange::open(&config, clock.now()).map_err(text)?;
    // 3. Who repairs what subscribers miss, and the subscribers, listening before anything is sent.
    let mut repair = start_repair(args, &written, scratch.path())?;
    let repair_at =
        repair.as_mut().map(|service| service.addresses(&clock, &interrupt)).transpose()?;
    let repair_at = repair_at.into_iter().collect();
    let session = session.to_string();
    let place = Place { lines: lines.channel(), session, repair: repair_at };
    say(place.pasteable());
    let mut subscribers = start_subscribers(args, &place, scratch.path(), &clock, &interrupt)?;
    let watched = subscribers::watched(&subscribers);
    show_setting(&directory, &counters, args.store.is_some());
    show_subscribers(&watched);
    // 4. The order source.
    let (recorder, mut collector) = latencies(1 << 20);
    let exchange_counters = exchange.counters.clone();
    let trading_end = StopFlag::new();
    let (source, progress) = SourceAgent::new(Parts {
        setup,
        flow,
        pace,
        duration_ns: duration_ns(args, pace),
        source: SOURCE,
        ring: exchange.producers.remove(0),
        reader: exchange.reader().map_err(text)?,
        journal: Box::new(recorder),
        clock: Box::new(clock),
        stop: trading_end.clone(),
    });
    // 5. All of it runs, watched, until the source has seen its last command committed.
    let mut agents = std::mem::take(&mut exchange.agents);
    agents.push(Box::new(source));
    let placement = Placement::for_cores(cores_available(), agents.len());
    say(format_args!("{} agents, {placement}; {} cores", agents.len(), cores_available()));
    let stop = StopFlag::new();
    let running = start(agents, &placement, &clock, &stop).map_err(text)?;
    let live = Live::new(exchange_counters.clone(), watched, symbol);
    let trading_ns = watch_run(live, &mut collector, &progress, &clock, |_, _| {
        // Without all its subscribers the run has failed.
        if interrupt.has_come() || subscribers.iter_mut().any(Subscriber::has_ended) {
            trading_end.stop();
        }
        running.is_finished()
    });
    // 6. The session ends, then the subscribers, then who repairs, then the agents.
    config.feed.end.stop();
    let ended = end_subscribers(subscribers, &clock, &interrupt);
    let repair_fault = repair.map(|service| service.end(&clock));
    running.stop();
    let agents = running
        .join()
        .map_err(|panics| panics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    // 7. The verdict.
    Finished {
        agents,
        counters: exchange_counters,
        collector,
        trading_ns,
        pace,
        interrupted: interrupt.has_come(),
        drop_datagram: args.drop_datagram,
        repair_fault,
    }
    .report(&directory, ended)
}

/// The exchange without what repairs its feed, which has a process of its own.
fn exchange_config(written: &str, counters: &Path) -> Outcome<node::Config> {
    let config = setup::config(written)?;
    let components = [Component::Core, Component::MarketData];
    let config = node::Config::of(&config, Path::new(""), &components).map_err(text)?;
    Ok(node::Config { rings: 1, counters: Some(counters.to_path_buf()), ..config })
}

/// Starts who repairs, unless nobody is to.
fn start_repair(args: &Args, written: &str, scratch: &Path) -> Outcome<Option<RepairService>> {
    if args.no_repair {
        return Ok(None);
    }
    let path = scratch.join("exchange.toml");
    std::fs::write(&path, written).map_err(text)?;
    RepairService::start(&path, scratch.join("repair.log")).map(Some)
}

/// Waits until the subscribers have seen the end of the session, and ends those that have not.
fn end_subscribers(
    mut subscribers: Vec<Subscriber>,
    clock: &SystemClock,
    interrupt: &Interrupt,
) -> Vec<subscribers::Ended> {
    wait_until(clock, SUBSCRIBERS_NS_MAX, || {
        let _ = interrupt.has_come();
        subscribers.iter_mut().all(Subscriber::has_ended)
    });
    subscribers.into_iter().map(Subscriber::end).collect()
}

/// A flow by its name, and its pace; `seconds` is how long it is expected to last.
pub(crate) fn open_flow(
    name: &str,
    args: &Tempo,
    seconds: u64,
    date: u32,
) -> Outcome<(Box<dyn Flow>, Pace)> {
    let symbols = &args.symbols;
    let only_itch = "--symbols chooses from an ITCH file; this flow is none";
    if let Some((kind @ ("lobster" | "itch"), file)) = name.split_once(':') {
        if file.is_empty() {
            return Err(format!("flow {name:?} names no file, as {kind}:FILE does"));
        }
        if let Some(rate) = args.rate {
            return Err(format!("--rate {rate} is the mix's; a file has its times and --speed"));
        }
        let file = Path::new(file);
        let flow: Box<dyn Flow> = match kind {
            "itch" => Box::new(Itch::open(file, date, symbols).map_err(text)?),
            _ if !symbols.is_empty() => return Err(only_itch.to_owned()),
            _ => Box::new(Lobster::open(file, date).map_err(text)?),
        };
        let pace = args.speed.map_or(Some(1), |speed| speed.0).map_or(Pace::Max, Pace::Speed);
        return Ok((flow, pace));
    }
    if name != "mix" {
        return Err(format!("no such flow: {name:?}; there are mix, lobster:FILE and itch:FILE"));
    }
    if !symbols.is_empty() {
        return Err(only_itch.to_owned());
    }
    if let Some(speed) = args.speed {
        return Err(format!("--speed {speed} is a file's; the mix has no times but --rate"));
    }
    let rate = args.rate.map_or(Some(RATE_DEFAULT), |rate| rate.0);
    let pace = rate.map_or(Pace::Max, Pace::Rate);
    let expected = rate.unwrap_or(40_000).saturating_mul(seconds);
    Ok((Box::new(Mix::new(args.seed, date, expected)), pace))
}

/// A file played as fast as it goes is played to its end.
fn duration_ns(args: &Args, pace: Pace) -> Option<u64> {
    let whole_file = args.flow != "mix" && pace == Pace::Max;
    (!whole_file).then(|| args.seconds.saturating_mul(1_000_000_000))
}

/// The symbol that the live line shows: the first that is defined.
fn first_symbol(setup: &[Message]) -> String {
    let defined = setup.iter().find_map(|command| match command {
        Message::DefineInstrument(defined) => Some(Symbol(defined.symbol).to_string()),
        _ => None,
    });
    defined.unwrap_or_default()
}

/// The demo begins a new exchange, so its directory must hold no log.
fn refuse_used(directory: &Path) -> Outcome<()> {
    if directory.join("meta").exists() {
        return Err(format!(
            "{} holds a log already; the demo begins a new one: name another directory, or read \
             this one with `isochron replay`",
            directory.display()
        ));
    }
    Ok(())
}

fn start_subscribers(
    args: &Args,
    place: &Place,
    scratch: &Path,
    clock: &SystemClock,
    interrupt: &Interrupt,
) -> Outcome<Vec<Subscriber>> {
    let mut subscribers = Vec::new();
    for n in 0..args.subscribers {
        let counters = scratch.join(format!("subscriber-{n}"));
        let drop_datagram = args.drop_datagram.filter(|_| n == 0);
        subscribers.push(Subscriber::start(place, &counters, drop_datagram)?);
    }
    let deadline = clock.now().0 + SUBSCRIBERS_NS_MAX;
    for subscriber in &mut subscribers {
        while !subscriber.is_listening()? {
            if interrupt.has_come() {
                return Err("interrupted before trading began".to_owned());
            }
            if clock.now().0 > deadline {
                return Err("a subscriber did not begin to listen".to_owned());
            }
            std::thread::sleep(LOOK);
        }
    }
    Ok(subscribers)
}

fn show_setting(directory: &Path, counters: &Path, kept: bool) {
    let removed = if kept { "" } else { ", removed at the end (--store DIR keeps one)" };
    say(format_args!("store {}{removed}", directory.display()));
    say(subscribers::pasteable(&["stat".to_owned(), counters.display().to_string()]));
}

fn show_subscribers(subscribers: &[Counters]) {
    let granted = subscribers.iter().map(|s| s.get(Counter::RECEIVE_BUFFER_BYTES)).min();
    if let Some(granted) = granted {
        let count = subscribers.len();
        say(format_args!("{count} subscribers, receive buffer {granted} bytes each"));
    }
}

/// Watches until the source has finished, or the agents ended; the time of trading. `died` is told
/// for how long there was trading.
fn watch_run(
    mut live: Live,
    collector: &mut Collector,
    progress: &Progress,
    clock: &SystemClock,
    mut died: impl FnMut(&mut Live, Option<u64>) -> bool,
) -> u64 {
    let mut begun: Option<u64> = None;
    let mut second = 0;
    while !progress.is_finished()
        && !died(&mut live, begun.map(|begun| clock.now().0.saturating_sub(begun)))
    {
        std::thread::sleep(LOOK);
        collector.collect();
        let now = clock.now().0;
        if !progress.is_trading() {
            continue;
        }
        let begun = *begun.get_or_insert_with(|| {
            live.begin();
            now
        });
        if (now - begun) / 1_000_000_000 > second {
            second += 1;
            live.second(collector);
        }
    }
    collector.collect();
    live.end();
    progress.trading_ns()
}

fn wait_until(clock: &SystemClock, wait_ns: u64, mut done: impl FnMut() -> bool) {
    let deadline = clock.now().0 + wait_ns;
    while !done() && clock.now().0 < deadline {
        std::thread::sleep(LOOK);
    }
}

/// The date of a time in UTC, yyyymmdd. Source: H. Hinnant, chrono-compatible low-level date
/// algorithms, `civil_from_days`.
pub(crate) fn calendar_date(now: Nanos) -> u32 {
    let days = now.0 / 86_400_000_000_000 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    u32::try_from(year * 10_000 + month * 100 + day).expect("a date of this era")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, date) in [
            (0, 19_700_101),
            (951_782_399, 20_000_228),
            (951_782_400, 20_000_229),
            (951_868_800, 20_000_301),
            (1_795_305_600, 20_261_122),
            (1_798_761_599, 20_261_231),
            (1_798_761_600, 20_270_101),
        ] {
            assert_eq!(calendar_date(Nanos(seconds * 1_000_000_000)), date, "{seconds}");
        }
    }
}
