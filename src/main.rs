//! The `isochron` command.

use std::process::ExitCode;

/// The tables of an exchange are large and touched at random.
#[global_allocator]
static ALLOCATOR: isochron::memory::Allocator = isochron::memory::Allocator;

fn main() -> ExitCode {
    isochron::cli::run()
}
