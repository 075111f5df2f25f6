//! Aeron and our stream in turns: same machine, sizes, MTU, windows, buffers, and who was faster.
//!
//! A round is every lane once, so that what else the machine does meets all of them. Ours is
//! `isochron bench replication`, a process of its own, with store and CRC; Aeron is its driver with
//! a thread for each part, as it comes and with the most datagrams in a system call.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::bench::{Lane, round_trip, throughput};
use crate::driver::Threading;

const SIZES: [usize; 3] = [64, 128, 288];

/// What the rounds gave for one size: messages a second in millions, and processors in use.
#[derive(Default)]
struct Rates {
    ours: Vec<(f64, f64)>,
    aeron: Vec<(f64, f64)>,
    aeron_wide: Vec<(f64, f64)>,
}

/// What the rounds gave there and back, in microseconds: p50 and p99.
#[derive(Default)]
struct Trips {
    ours: Vec<(f64, f64)>,
    aeron: Vec<(f64, f64)>,
}

/// `compare PROGRAM [ROUNDS]`: a line for each size and one for the round trip.
pub fn run(program: &Path, rounds: usize) -> Outcome {
    let (mut rates, mut trips) = (SIZES.map(|_| Rates::default()), Trips::default());
    for _ in 0..rounds {
        for (size, rates) in SIZES.into_iter().zip(&mut rates) {
            rates.aeron.push(aeron(size, 4)?);
            rates.ours.push(ours(program, size)?);
            rates.aeron_wide.push(aeron(size, 64)?);
        }
        trips.aeron.push(aeron_trip()?);
        trips.ours.push(our_trip(program)?);
    }
    for (size, rates) in SIZES.into_iter().zip(&rates) {
        let [ours, aeron, wide] =
            [&rates.ours, &rates.aeron, &rates.aeron_wide].map(|runs| median(runs));
        println!(
            "compare: {size} B isochron {:.2} M messages/s with {:.1} CPUs, \
             aeron {:.2} with {:.1}, \
             with 64 datagrams a call {:.2} with {:.1}; {:.2} x the better of the two",
            ours.0,
            ours.1,
            aeron.0,
            aeron.1,
            wide.0,
            wide.1,
            ours.0 / aeron.0.max(wide.0)
        );
    }
    let (ours, aeron) = (median(&trips.ours), median(&trips.aeron));
    println!(
        "compare: 128 B there and back isochron p50 {:.1} p99 {:.1} us, \
         aeron p50 {:.1} p99 {:.1} us",
        ours.0, ours.1, aeron.0, aeron.1
    );
    println!(
        "compare: medians of {rounds} rounds, {} processors",
        std::thread::available_parallelism()?
    );
    Ok(())
}

/// The run whose first figure is the median.
fn median(runs: &[(f64, f64)]) -> (f64, f64) {
    let mut runs = runs.to_vec();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    runs[runs.len() / 2]
}

fn aeron(bytes: usize, io_vector: u32) -> Outcome<(f64, f64)> {
    let lane = Lane { threading: Threading::Dedicated, io_vector, idle: "backoff" };
    let ran = throughput(lane, bytes, Duration::from_secs(1))?;
    Ok((ran.messages_per_second / 1e6, ran.driver_cpus + ran.clients_cpus))
}

/// With one thread, its fastest on few processors: the better of one that spins and one that backs
/// off.
fn aeron_trip() -> Outcome<(f64, f64)> {
    let trip = |idle| -> Outcome<(f64, f64)> {
        let lane = Lane { threading: Threading::Shared, io_vector: 4, idle };
        let trip = round_trip(lane, 128, Duration::from_secs(1))?;
        Ok((trip.p50_ns as f64 / 1e3, trip.p99_ns as f64 / 1e3))
    };
    let (spinning, backing_off) = (trip("spin")?, trip("backoff")?);
    Ok(if spinning.0 < backing_off.0 { spinning } else { backing_off })
}

fn ours(program: &Path, bytes: usize) -> Outcome<(f64, f64)> {
    let size = bytes.to_string();
    let words = ["--only", "throughput", "--sizes", &size, "--passes", "1", "--messages", "1000000"];
    let json = bench(program, &words)?;
    let pass = &json["throughput"][0];
    let last = &pass["last_pass"];
    let number = |value: &serde_json::Value| value.as_f64().ok_or("a figure is missing");
    let cores = number(&last["primary_cores"])? + number(&last["standby_cores"])?;
    Ok((number(&pass["messages_per_second"])? / 1e6, cores))
}

fn our_trip(program: &Path) -> Outcome<(f64, f64)> {
    let words = ["--only", "round-trip", "--round-trips", "5000"];
    let json = bench(program, &words)?;
    let trip = &json["round_trip"];
    let us = |name: &str| trip[name].as_f64().map(|ns| ns / 1e3).ok_or("no round trip");
    Ok((us("p50_ns")?, us("p99_ns")?))
}

/// One run of our benchmark; what it found wrong is an error.
fn bench(program: &Path, words: &[&str]) -> Outcome<serde_json::Value> {
    let mut command = Command::new(program);
    command.args(["bench", "replication", "--json"]).args(words);
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("isochron bench replication: {}", said.trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
