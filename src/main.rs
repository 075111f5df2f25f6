//! The `isochron` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    isochron::cli::run()
}
