//! `isochron stat FILE|DIR`: the counters of a running process, live.
//!
//! The file is opened anew each time: a process that is started again puts a new one in its place.
//! In what form they are shown is in `show.rs`.

mod node;
mod show;
mod store;

use super::output::{End, end};
use crate::agent::{Clock, SystemClock};
use crate::metrics::{Counter, Counters, Row};
use crate::types::Nanos;
use clap::Args as ClapArgs;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::{StoreState, Watch};

/// Options of `isochron stat`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// A counters file, or the directory of a store that has one.
    #[arg(value_name = "FILE|DIR")]
    source: PathBuf,
    /// Shows the counters once and ends.
    #[arg(long)]
    once: bool,
    /// Prints a JSON object on each line, all counters in it.
    #[arg(long)]
    json: bool,
    /// Prints all counters once in the text format of Prometheus.
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
    /// Shows counters that are 0, too.
    #[arg(long)]
    all: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

/// One counter at one moment.
struct Reading {
    row: &'static Row,
    label: String,
    /// The ring, where there is one counter for each.
    ring: Option<usize>,
    value: u64,
}

/// All counters at one moment.
struct Sample {
    time: Nanos,
    pid: u64,
    /// Whether that process still runs.
    lives: bool,
    readings: Vec<Reading>,
    store: Option<StoreState>,
}

impl Sample {
    fn of(counters: &Counters, time: Nanos) -> Self {
        let mut readings: Vec<Reading> = Vec::new();
        for (row, label, value) in counters.rows() {
            let ring = match readings.last() {
                _ if row.instances == 1 => None,
                Some(Reading { row: last, ring: Some(ring), .. }) if last.id == row.id => {
                    Some(ring + 1)
                }
                _ => Some(0),
            };
            readings.push(Reading { row, label, ring, value });
        }
        let pid = counters.pid();
        Self { time, pid, lives: lives(pid), readings, store: None }
    }

    /// A counter's value; that of one of a group, where it is one for each ring or peer.
    fn value(&self, counter: Counter, place: usize) -> u64 {
        let is_it =
            |reading: &&Reading| reading.row.id == counter && reading.ring.unwrap_or(0) == place;
        self.readings.iter().find(is_it).map_or(0, |reading| reading.value)
    }

    /// How much a counter grew each second since an earlier sample of the same process.
    fn rate(&self, at: usize, before: Option<&Sample>) -> Option<u64> {
        let reading = &self.readings[at];
        let before = before.filter(|before| before.pid == self.pid && !reading.row.is_gauge())?;
        let grown = reading.value.checked_sub(before.readings[at].value)?;
        let elapsed_ns = self.time.0.checked_sub(before.time.0).filter(|elapsed| *elapsed > 0)?;
        u64::try_from(u128::from(grown) * 1_000_000_000 / u128::from(elapsed_ns)).ok()
    }
}

/// Runs the command: 0, or 2 if there are no counters.
pub(super) fn run(args: &Args) -> ExitCode {
    end("stat", &args.source.display(), stat(args).map(|()| 0))
}

fn stat(args: &Args) -> Result<(), End> {
    let directory = args.source.is_dir().then(|| args.source.clone());
    let path = directory.as_ref().map_or(args.source.clone(), |store| store.join("counters"));
    let mut watch = Watch::new(directory);
    let clock = SystemClock::new();
    let stdout = std::io::stdout();
    let redraws = stdout.is_terminal() && !args.once && !args.json && !args.prometheus;
    let mut out = BufWriter::new(stdout.lock());
    let mut before: Option<Sample> = None;
    loop {
        let counters = Counters::attach(&path).map_err(End::unreadable)?;
        let mut sample = Sample::of(&counters, clock.now());
        // Without a writer there is nothing that changes, and its end would have to be looked for.
        sample.store = if sample.lives { watch.look(sample.pid) } else { None };
        if args.prometheus {
            show::prometheus(&mut out, &sample)?;
        } else if args.json {
            writeln!(out, "{}", show::json(&sample, before.as_ref()))?;
        } else if redraws || args.once {
            show::table(&mut out, &sample, before.as_ref(), args.all, redraws)?;
        } else {
            writeln!(out, "{}", show::line(&sample, before.as_ref(), args.all))?;
        }
        out.flush()?;
        if args.once || args.prometheus || !sample.lives {
            return Ok(());
        }
        before = Some(sample);
        std::thread::sleep(Duration::from_secs(args.every));
    }
}

/// Whether a process runs, as far as the system says: one that has ended and that nobody has asked
/// about since still has a number. Source: proc(5), `/proc/pid/stat`.
fn lives(pid: u64) -> bool {
    let processes = Path::new("/proc");
    let Ok(status) = std::fs::read(processes.join(pid.to_string()).join("stat")) else {
        return !processes.join("self").exists();
    };
    // The state follows the name, which may hold anything.
    let name_end = status.iter().rposition(|byte| *byte == b')').unwrap_or(0);
    !matches!(status.get(name_end + 2), Some(b'Z' | b'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_counters_of_one_process() {
        let counters = Counters::in_memory();
        let mut executed = counters.writer(Counter::COMMANDS_EXECUTED);
        let mut best = counters.writer(Counter::BEST_BID);
        executed.set(1_000);
        let first = Sample::of(&counters, Nanos(0));
        executed.add(500);
        best.set(10);
        let mut second = Sample::of(&counters, Nanos(250_000_000));
        let at = |counter: Counter| {
            first.readings.iter().position(|reading| reading.row.id == counter).unwrap()
        };
        let (executed, best) = (at(Counter::COMMANDS_EXECUTED), at(Counter::BEST_BID));
        assert_eq!(second.rate(executed, Some(&first)), Some(2_000));
        assert_eq!(second.rate(best, Some(&first)), None);
        assert_eq!(second.rate(executed, None), None);
        assert_eq!(first.rate(executed, Some(&second)), None, "a counter does not fall");
        second.pid += 1;
        assert_eq!(second.rate(executed, Some(&first)), None);
    }

    #[test]
    fn rings_are_numbered() {
        let sample = Sample::of(&Counters::in_memory(), Nanos(0));
        let rings: Vec<_> = sample
            .readings
            .iter()
            .filter(|reading| reading.row.label == "ring-waits")
            .map(|reading| reading.ring)
            .collect();
        assert_eq!(rings, (0..8).map(Some).collect::<Vec<_>>());
    }
}
