//! `isochron password`: the hash of a password, for `[[recovery.users]]`.

use super::output::{End, end};
use clap::Args as ClapArgs;
use isochron_recovery::access::{Cost, hash_password};
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

/// Bytes of a line that is read: more than any password has.
const LINE_BYTES_MAX: u64 = 256;

/// Options of `isochron password`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {}

/// Runs the command: 0, or 2 where that is no password.
pub(super) fn run(_args: &Args) -> ExitCode {
    end("password", &"", print().map(|()| 0))
}

fn print() -> Result<(), End> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        // The terminal shows what is typed; a pipe does not.
        eprintln!("password (1 to 10 characters, case is ignored), then Enter and Ctrl-D:");
    }
    let mut text = String::new();
    let read = input.by_ref().take(LINE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| End::unreadable(format_args!("reading the password: {error}")))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    let salt = salt().map_err(|error| End::unreadable(format_args!("/dev/urandom: {error}")))?;
    let hash = hash_password(password, &salt, Cost::default()).map_err(End::unreadable)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{hash}")?;
    Ok(out.flush()?)
}

/// Random bytes of the system: two users with one password have two hashes.
fn salt() -> std::io::Result<[u8; 16]> {
    let mut salt = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(salt)
}
