//! Runs `rustfmt` over generated text, with this workspace's settings spelled out.
//!
//! The settings are stated here and not looked up, so that the output is the same wherever it is
//! made.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

/// What rustfmt.toml says, too.
const SETTINGS: &str = "max_width=100,use_small_heuristics=Max";

/// Why text could not be formatted.
#[derive(Debug)]
pub enum FormatError {
    /// The program did not run.
    NotRun(std::io::Error),
    /// The program refused the text: what it said.
    Refused(String),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun(error) => write!(f, "rustfmt did not run: {error}"),
            Self::Refused(said) => write!(f, "rustfmt refused the generated text: {said}"),
        }
    }
}

impl std::error::Error for FormatError {}

/// `text` as rustfmt would have it.
///
/// # Errors
/// Where rustfmt is missing or refuses the text.
pub fn rustfmt(text: &str) -> Result<String, FormatError> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--config", SETTINGS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(FormatError::NotRun)?;
    if let Some(mut input) = child.stdin.take() {
        // rustfmt reads everything before it writes anything, so this cannot block for good.
        input.write_all(text.as_bytes()).map_err(FormatError::NotRun)?;
    }
    let output = child.wait_with_output().map_err(FormatError::NotRun)?;
    if !output.status.success() {
        return Err(FormatError::Refused(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| FormatError::Refused(error.to_string()))
}
