//! Whole nodes under every kind of trouble: one thread, one seed, a network, disks and a clock in
//! memory, and the agents that production runs.
//!
//! ```text
//!  cargo test --test simulation                         a thousand seeds, and the planted faults
//!  cargo test --test simulation -- --seeds 100000       more of them, or fewer
//!  cargo test --test simulation -- --seed 4711          one, with its story
//! ```
//!
//! A seed that fails is named, and fails again the same way. The seeds are always the same ones; to
//! begin with others, `--first N`.

#[path = "simulation/calendar.rs"]
mod calendar;
#[path = "simulation/follower.rs"]
mod follower;
#[path = "simulation/lived.rs"]
mod lived;
#[path = "simulation/machine.rs"]
mod machine;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/oracle.rs"]
mod oracle;
#[path = "simulation/planted.rs"]
mod planted;
#[path = "simulation/runs.rs"]
mod runs;
#[path = "crash/script.rs"]
mod script;
#[path = "simulation/shown.rs"]
mod shown;
#[path = "simulation/streams.rs"]
mod streams;
#[path = "simulation/trouble.rs"]
mod trouble;
#[path = "simulation/world.rs"]
mod world;

use std::process::ExitCode;

use planted::Planted;
use runs::{Runs, run_all};
use world::World;

/// Worlds that together meet every kind of trouble.
const SEEDS: u64 = 1_000;

/// Worlds in which a planted fault must be found at the latest.
const PLANTED_SEEDS_MAX: u64 = 500;

/// What the command line asks for.
struct Asked {
    /// How many worlds.
    seeds: u64,
    first: u64,
    one: Option<u64>,
    /// A test's name, as the test command filters; other programs' words are none of ours.
    only: Option<String>,
    lists: bool,
}

impl Asked {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self { seeds: SEEDS, first: 0, one: None, only: None, lists: false };
        while let Some(word) = words.next() {
            let mut number = |option: &str| {
                let value = words.next().ok_or_else(|| format!("{option} wants a number"))?;
                value.parse::<u64>().map_err(|_| format!("{option} {value}: no number"))
            };
            match word.as_str() {
                "--seeds" => asked.seeds = number("--seeds")?,
                "--first" => asked.first = number("--first")?,
                "--seed" => asked.one = Some(number("--seed")?),
                // Its threads are as many as there are cores.
                "--test-threads" => drop(number("--test-threads")?),
                "--list" => asked.lists = true,
                word if word.starts_with('-') => {}
                _ => asked.only = Some(word),
            }
        }
        Ok(asked)
    }

    fn wants(&self, test: &str) -> bool {
        self.only.as_deref().is_none_or(|only| test.contains(only))
    }
}

const WORLDS: &str = "worlds_keep_what_was_confirmed";
const FOUND: &str = "planted_faults_are_found";
const REPEATS: &str = "a_seed_repeats_exactly";

fn main() -> ExitCode {
    let asked = match Asked::parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    if asked.lists {
        [WORLDS, FOUND, REPEATS].iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = asked.one {
        World::new(seed, None).telling().live();
        println!("seed {seed} went well");
        return ExitCode::SUCCESS;
    }
    let results = [
        asked.wants(WORLDS).then(|| worlds(&asked)),
        asked.wants(REPEATS).then(repeats),
        asked.wants(FOUND).then(planted_faults),
    ];
    let count = |wanted| results.iter().filter(|result| **result == wanted).count();
    let (passed, failed, left_out) = (count(Some(true)), count(Some(false)), count(None));
    // As the test harness ends, for those who add its lines up.
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "test result: {verdict}. {passed} passed; {failed} failed; 0 ignored; {left_out} filtered out"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every seed: its checks hold, and together they saw every kind of trouble.
fn worlds(asked: &Asked) -> bool {
    let Runs { failed, lived } = run_all(asked.first..asked.first + asked.seeds, None, usize::MAX);
    println!("{WORLDS}: {} seeds, {} failed", asked.seeds, failed.len());
    print!("{lived}");
    for (seed, why) in failed.iter().take(10) {
        println!("seed {seed} failed: {why}");
        println!("  again: cargo test --test simulation -- --seed {seed}");
    }
    // A few worlds do not meet everything; a thousand do.
    let missing = if asked.seeds < SEEDS { Vec::new() } else { lived.missing() };
    if !missing.is_empty() {
        println!("{WORLDS}: never met: {}", missing.join(", "));
    }
    failed.is_empty() && missing.is_empty()
}

fn repeats() -> bool {
    let twice = [3, 17, 42].map(|seed| [(); 2].map(|()| World::new(seed, None).live()));
    let same = twice.iter().all(|[first, second]| first == second);
    println!("{REPEATS}: {}", if same { "ok" } else { "FAILED" });
    same
}

/// A check that never fails proves nothing: each planted fault must make one fail.
fn planted_faults() -> bool {
    let mut good = true;
    for fault in Planted::ALL {
        let runs = run_all(0..PLANTED_SEEDS_MAX, Some(fault), 1);
        match runs.failed.first() {
            Some((seed, why)) => println!("{FOUND}: {fault:?} by seed {seed}: {why}"),
            None => {
                println!("{FOUND}: {fault:?} was NOT found in {PLANTED_SEEDS_MAX} seeds");
                good = false;
            }
        }
    }
    good
}
