//! Where a subscriber and its lines stand, in words that a person would use.

use std::fmt;

/// Silence after which a line counts as silent: three heartbeats.
pub const SILENCE_NS: u64 = 3_000_000_000;

/// Where a subscriber stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing of the session was heard yet.
    Waiting,
    /// The session is heard, and a snapshot must come before its messages can be delivered.
    Joining,
    /// Everything known to exist was delivered, or given up.
    InStep,
    /// Messages are missing, and waited for.
    Repairing,
    /// Nothing was heard on any line for [`SILENCE_NS`].
    Stale,
    /// The session has ended and nothing more will come.
    Ended,
}

impl State {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Joining => "joining",
            State::InStep => "in step",
            State::Repairing => "repairing",
            State::Stale => "stale",
            State::Ended => "ended",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a line speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// Nothing of the session ever came on it.
    Unheard,
    /// Something came within [`SILENCE_NS`].
    Live,
    /// It spoke, and has been silent for so many nanoseconds.
    Silent(u64),
}

impl fmt::Display for LineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineState::Unheard => f.write_str("never heard"),
            LineState::Live => f.write_str("live"),
            LineState::Silent(ns) => write!(f, "silent for {} s", ns / 1_000_000_000),
        }
    }
}
