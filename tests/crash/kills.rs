//! kill -9 of a running exchange at random moments, again and again.
//!
//! ```text
//!   log 1:  life ✗ life ✗ start ✗ life ✗ ... life, stopped    log 2: the same ...
//!           │      │              │
//!           └──────┴──────────────┴─▶ after each restart: all that the witness recorded is there,
//!                                     three state hashes are one, nothing was executed twice
//! ```

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::exchange::{self, Files};
use crate::log;
use crate::process::{self, Process};
use crate::script::{Random, SOURCES, Script};
use crate::witness::{self, Transaction};

const NAME: &str = "kills::kill_9_at_random_moments_loses_and_repeats_nothing";

/// More kills by hand, or other moments.
const KILLS: &str = "ISOCHRON_CRASH_KILLS";
const SEED: &str = "ISOCHRON_CRASH_SEED";
const KILLS_DEFAULT: u64 = 100;
const SEED_DEFAULT: u64 = 20_261_122;

/// Kills before a log is begun anew: each restart executes it from its first byte.
const KILLS_PER_LOG: u64 = 5;

/// The longest life after the first command, and the longest start that is not let finish.
const LIFE_MS_MAX: u64 = 100;
const START_US_MAX: u64 = 40_000;

/// Of so many lives one is preceded by a start that is killed before it is done.
const KILLED_START_EVERY: u64 = 5;

/// Of a hundred kills at least so many must find commands on their way.
const IN_FLIGHT_KILLS_MIN_IN_HUNDRED: u64 = 90;

/// What all kills came to.
#[derive(Default)]
struct Tally {
    kills: u64,
    killed_starts: u64,
    in_flight_kills: u64,
    in_flight_most: u64,
    while_executing: u64,
    cuts: u64,
    cut_bytes: u64,
    recorded: u64,
    events: u64,
}

/// One log and those who write and read it.
struct Trial<'a> {
    files: Files,
    script: &'a Script,
    random: &'a mut Random,
    tally: &'a mut Tally,
    /// How far the sources had sent when the exchange was killed.
    sent: Option<Vec<u64>>,
}

impl Trial<'_> {
    /// Starts the exchange and lets it live for a while; `check` runs meanwhile.
    fn life(&mut self, number: u64) {
        if number % KILLED_START_EVERY == KILLED_START_EVERY - 1 {
            let mut process = Process::start(NAME, "shared", &self.files);
            std::thread::sleep(Duration::from_micros(self.random.below(START_US_MAX)));
            process.kill();
            self.tally.killed_starts += 1;
        }
        let role = if number.is_multiple_of(2) { "shared" } else { "dedicated" };
        let mut process = Process::start(NAME, role, &self.files);
        let opened = process.said("opened");
        let lifetime = Duration::from_millis(self.random.below(LIFE_MS_MAX + 1));
        std::thread::scope(|scope| {
            let files = self.files.clone();
            let killed = scope.spawn(move || {
                // From the first command on, however busy the machine is.
                while exchange::sent(&files).iter().all(|sent| *sent == 0) {
                    assert!(process.lives(), "it ended by itself: {}", process.errors());
                    std::thread::yield_now();
                }
                std::thread::sleep(lifetime);
                process.kill();
            });
            self.check(&opened);
            killed.join().expect("it was killed");
        });
        self.tally.kills += 1;
        self.sent = Some(exchange::sent(&self.files));
    }

    /// Holds what a start found against what was there before.
    fn check(&mut self, opened: &[String]) {
        let position: u64 = opened[1].parse().expect("a position");
        let recorded = witness::recorded(&self.files);
        let log = log::read(&self.files.store(), position, self.script);
        // The witness may be behind, or have seen what this life has added meanwhile.
        let common = same(&recorded, &log.transactions);
        let more = recorded.get(common).is_none_or(|(end, _)| *end > position);
        assert!(more, "after {common} transactions the log lacks {:?}", recorded.get(common));
        assert_eq!(log.hash, opened[2], "a start comes to the state of a replay from scratch");
        let hashes = witness::hashes(&self.files);
        for (_, hash) in hashes.iter().filter(|(end, _)| *end == position) {
            assert_eq!(*hash, log.hash, "who followed from the beginning has the same state");
        }
        self.count(opened, &log);
    }

    fn count(&mut self, opened: &[String], log: &log::Log) {
        let Some(sent) = self.sent.take() else { return };
        let in_flight = sent.iter().zip(&log.last).map(|(sent, last)| sent.saturating_sub(*last));
        let in_flight: u64 = in_flight.sum();
        let cut: u64 = opened[3].parse().expect("bytes");
        let tally = &mut *self.tally;
        tally.in_flight_kills += u64::from(in_flight > 0);
        tally.in_flight_most = tally.in_flight_most.max(in_flight);
        tally.cuts += u64::from(cut > 0);
        tally.cut_bytes += cut;
        tally.while_executing += u64::from(opened[4] == "1");
    }

    /// A life that is stopped, not killed: the state it reached by living is that of its log.
    fn last_life(&mut self, witness: Process) {
        let mut process = Process::start(NAME, "dedicated", &self.files);
        let opened = process.said("opened");
        self.check(&opened);
        std::fs::write(self.files.stop("exchange"), "").expect("a file");
        let stopped = process.said("stopped");
        process.stop(&self.files, "exchange");
        witness.stop(&self.files, "witness");
        let position: u64 = stopped[1].parse().expect("a position");
        let log = log::read(&self.files.store(), position, self.script);
        assert_eq!(log.hash, stopped[2], "what was lived is what is replayed");
        let recorded = witness::recorded(&self.files);
        let common = same(&recorded, &log.transactions);
        assert_eq!(common, log.transactions.len(), "the witness saw all of it");
        assert_eq!(common, recorded.len(), "and nothing else");
        for source in 1..=SOURCES as usize {
            let setup = self.script.setup_commands();
            assert!(log.last[source - 1] > setup, "source {source} has traded");
        }
        self.tally.recorded += recorded.len() as u64;
        self.tally.events += log.events;
        let store = self.files.store();
        let mut verify = Command::new(env!("CARGO_BIN_EXE_isochron"));
        let verified = verify.arg("verify").arg(store).output().expect("it runs");
        assert!(verified.status.success(), "{verified:?}");
    }
}

/// How many transactions two records begin with alike.
fn same(recorded: &[Transaction], log: &[Transaction]) -> usize {
    let different = |(recorded, log): (&Transaction, &Transaction)| recorded != log;
    let common = recorded.len().min(log.len());
    recorded.iter().zip(log).position(different).unwrap_or(common)
}

/// Plays the process that another one of this test asked for; false in the one that asks.
fn play() -> bool {
    let Some((role, files)) = process::asked_for() else { return false };
    match role.as_str() {
        "witness" => witness::watch(&files),
        role => exchange::live(&files, role == "shared"),
    }
    true
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")),
        Err(_) => default,
    }
}

#[test]
fn kill_9_at_random_moments_loses_and_repeats_nothing() {
    if play() {
        return;
    }
    let (kills, seed) = (number(KILLS, KILLS_DEFAULT), number(SEED, SEED_DEFAULT));
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    println!("seed {seed} ({SEED} sets it), {kills} kills, logs in {}", parent.display());
    let (script, mut random, mut tally) = (Script::new(), Random(seed), Tally::default());
    while tally.kills < kills {
        let folder = tempfile::tempdir_in(&parent).expect("a folder");
        let files = Files(folder.path().to_owned());
        let (script, random, tally) = (&script, &mut random, &mut tally);
        let first = tally.kills;
        let mut trial = Trial { files: files.clone(), script, random, tally, sent: None };
        // The witness needs a store to attach to: an exchange makes it, and is stopped.
        let mut process = Process::start(NAME, "shared", &files);
        process.said("opened");
        process.stop(&files, "exchange");
        let mut witness = Process::start(NAME, "witness", &files);
        witness.said("attached");
        for number in first..(first + KILLS_PER_LOG).min(kills) {
            trial.life(number);
        }
        trial.last_life(witness);
    }
    report(&tally);
    let least = kills * IN_FLIGHT_KILLS_MIN_IN_HUNDRED / 100;
    assert!(tally.in_flight_kills >= least, "fewer than {least} kills with commands on their way");
}

fn report(tally: &Tally) {
    println!(
        "{} kills while trading, {} with commands in flight (at most {}), {} while one was executed",
        tally.kills, tally.in_flight_kills, tally.in_flight_most, tally.while_executing
    );
    println!("{} kills while starting", tally.killed_starts);
    println!("{} cuts, {} bytes", tally.cuts, tally.cut_bytes);
    println!("{} transactions, {} events, none lost or repeated", tally.recorded, tally.events);
}
