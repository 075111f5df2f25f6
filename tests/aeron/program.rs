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
mod client;
mod driver;

use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;
type Outcome<T = ()> = Result<T, Failure>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["driver"] => driver::run(),
        ["bench", rest @ ..] => bench::run(rest),
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
