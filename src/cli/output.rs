//! How commands write and end: a reader that goes away ends them quietly, a failure has its code.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit code of what could not be read or done.
pub(super) const UNREADABLE: u8 = 2;

/// Why a command ends before its work is done.
#[derive(Debug)]
pub(super) enum End {
    /// Whoever read the output has gone: nothing is left to do.
    Closed,
    /// Something failed: the exit code, and what is said about it.
    Failed(u8, String),
}

impl End {
    /// What was asked for cannot be read.
    pub(super) fn unreadable(error: impl fmt::Display) -> Self {
        Self::Failed(UNREADABLE, error.to_string())
    }
}

impl From<io::Error> for End {
    /// What writing to the standard output failed with.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(UNREADABLE, format!("writing the output: {error}")),
        }
    }
}

/// The exit code of a command, and its last words on stderr, which name what it is about once.
pub(super) fn end(command: &str, about: &dyn fmt::Display, outcome: Result<u8, End>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(End::Closed) => ExitCode::SUCCESS,
        Err(End::Failed(code, error)) => {
            let about = about.to_string();
            let about = if error.contains(&about) { String::new() } else { about + ": " };
            eprintln!("isochron {command}: {about}{error}");
            ExitCode::from(code)
        }
    }
}

/// A price or an amount of money, 1/10,000, with two digits or as many as it needs.
pub(super) fn decimal(ten_thousandths: i64) -> String {
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    let (units, rest) =
        (ten_thousandths.unsigned_abs() / 10_000, ten_thousandths.unsigned_abs() % 10_000);
    let text = format!("{sign}{units}.{rest:04}");
    let trimmed = text.trim_end_matches('0').len();
    let shortest = text.len() - 2;
    text[..trimmed.max(shortest)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_two_digits_or_more() {
        for (number, text) in [
            (0, "0.00"),
            (100_000, "10.00"),
            (100_500, "10.05"),
            (100_550, "10.055"),
            (1, "0.0001"),
            (-15_000, "-1.50"),
            (-1, "-0.0001"),
            (i64::MIN, "-922337203685477.5808"),
        ] {
            assert_eq!(decimal(number), text);
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = End::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(closed, End::Closed));
        let full = End::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, End::Failed(UNREADABLE, _)));
    }
}
