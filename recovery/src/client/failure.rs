//! Why a connection was of no more use to a client, and what the server said of it.

use std::fmt;

use isochron_feeds::mold::Session;

use crate::limits::RETRY_AFTER_S_MAX;
use crate::soup::{RejectCode, SoupError};

/// Why a connection was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The login was rejected.
    Rejected {
        /// The packet's word for it.
        code: RejectCode,
        /// What the server said before, in a debug packet.
        reason: String,
        /// When it said to come again; where it did not, it makes no sense to.
        retry_after_s: Option<u64>,
    },
    /// Nothing was heard of the server.
    Silent {
        /// For how long.
        silence_ns: u64,
    },
    /// Bytes that are no packet.
    Malformed(SoupError),
    /// A packet that has no place here.
    Unexpected {
        /// Its type.
        packet_type: u8,
    },
    /// The server let us into another session.
    OtherSession {
        /// The one asked for.
        wanted: Session,
        /// The one it named.
        accepted: Session,
    },
    /// The server begins at another message.
    OtherSequence {
        /// The one asked for.
        wanted: u64,
        /// The one it named.
        accepted: u64,
    },
    /// There is no number for one more message.
    NumbersUsedUp,
}

impl Failure {
    /// Whether connecting again would bring nothing else.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Failure::Rejected { retry_after_s, .. } => retry_after_s.is_none(),
            Failure::OtherSession { .. }
            | Failure::OtherSequence { .. }
            | Failure::NumbersUsedUp => true,
            Failure::Silent { .. } | Failure::Malformed(_) | Failure::Unexpected { .. } => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { code, reason, .. } if reason.is_empty() => {
                write!(f, "login rejected: {code}")
            }
            Self::Rejected { code, reason, .. } => {
                write!(f, "login rejected: {code} ({})", reason.escape_debug())
            }
            Self::Silent { silence_ns } => {
                write!(f, "nothing heard of the server for {} ms", silence_ns / 1_000_000)
            }
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::Unexpected { packet_type } => {
                write!(f, "packet '{}' at a wrong time", packet_type.escape_ascii())
            }
            Self::OtherSession { wanted, accepted } => {
                write!(f, "session {accepted} accepted where {wanted} was asked for")
            }
            Self::OtherSequence { wanted, accepted } => {
                write!(f, "sequence {accepted} accepted where {wanted} was asked for")
            }
            Self::NumbersUsedUp => write!(f, "a message past the largest sequence number"),
        }
    }
}

impl std::error::Error for Failure {}

/// The seconds that a server's text asks to wait, at most [`RETRY_AFTER_S_MAX`]: what our servers
/// write as `retry-after 30`.
pub(super) fn retry_after_s_of(text: &str) -> Option<u64> {
    let (_, after) = text.split_once("retry-after ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    let seconds: u64 = digits.parse().ok()?;
    Some(seconds.min(RETRY_AFTER_S_MAX))
}
