//! The real Aeron C driver at both ends of our replication stream, and beside it in a race.
//!
//! ```text
//!   isochron-aeron driver                      a media driver, until its standard input ends
//!   isochron-aeron bench [--seconds N] [...]   what Aeron itself does on this machine
//! ```
//!
//! Every driver is a process of its own, as it is where people use Aeron; what is configured by
//! environment (threads, loss, buffers) is then its alone.

mod bench;
mod cases;
mod client;
mod driver;
mod java;
mod log;
mod ours;
mod stage;
mod stream;
mod theirs;
mod watch;

use std::process::ExitCode;

use cases::{Case, Side};

type Failure = Box<dyn std::error::Error>;
type Outcome<T = ()> = Result<T, Failure>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["driver"] => driver::run(),
        ["bench", rest @ ..] => bench::run(rest),
        ["themselves", "java"] => judge(&Case::with_java(Side::Aeron)),
        ["judge"] => judge(&Case::judged()),
        ["themselves"] => judge(&Case::all(Side::Aeron, Side::Aeron)),
        _ => Err("usage: isochron-aeron driver | bench".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs cases; the last line says how many were right.
fn judge(cases: &[Case]) -> Outcome {
    let (passed, failed) = cases::run(cases)?;
    println!("{passed} passed, {failed} failed, 0 skipped");
    Ok(())
}
