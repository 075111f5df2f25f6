//! What a subscriber makes of datagrams, and why it refuses some: its vocabulary.

use std::fmt;

use crate::mold::{MoldError, Session};

/// Messages from `first` up to, not including, `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first one missing.
    pub first: u64,
    /// The first one after them.
    pub next: u64,
}

impl Gap {
    /// How many they are.
    #[must_use]
    pub fn messages(self) -> u64 {
        self.next - self.first
    }

    /// Whether that message is one of them.
    #[must_use]
    pub fn contains(self, sequence: u64) -> bool {
        (self.first..self.next).contains(&sequence)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.first, self.next)
    }
}

/// The stream that a subscriber makes of datagrams, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session is known, and `sequence` is the next message that will be delivered. Above 1
    /// something came before: the books of a snapshot, or else books that are incomplete. After
    /// a snapshot that stood for messages which no repair had, it comes again.
    Joined {
        /// The session.
        session: Session,
        /// The next message's number.
        sequence: u64,
    },
    /// The next message.
    Message {
        /// Its number: one more than the last, or what `Joined` or `Lost` said.
        sequence: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// These are missing and waited for. The only event that is not in its place in the stream:
    /// messages before them may still follow.
    GapOpened(Gap),
    /// These will never be delivered: the next message is `next`.
    Lost(Gap),
    /// The session has ended, and everything before `next` was delivered or lost.
    Ended {
        /// What would have been the next message.
        next: u64,
    },
}

/// Why something that arrived was not taken. None of these changes anything but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no MoldUDP64 packet.
    Malformed(MoldError),
    /// It belongs to another session.
    ForeignSession {
        /// The one subscribed to.
        expected: Session,
        /// The one heard.
        heard: Session,
    },
    /// No session was asked for, and this one is over.
    AlreadyEnded {
        /// The one heard.
        heard: Session,
    },
    /// It claims a number that cannot be reached yet.
    TooFarAhead {
        /// The next message to deliver.
        next: u64,
        /// The number claimed.
        sequence: u64,
    },
    /// It has messages after the session's end, or ends the session before messages that exist.
    PastEnd {
        /// Where the session ends, or the end claimed.
        end: u64,
        /// The message that cannot be.
        sequence: u64,
    },
    /// It is an answer, and nothing like it can have been asked for.
    Unasked {
        /// The first message of it.
        sequence: u64,
    },
    /// A snapshot that ends before what was delivered already, or that nobody waits for.
    SnapshotTooOld {
        /// The lowest next sequence that would do.
        lowest: u64,
        /// The one that it has.
        next: u64,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::ForeignSession { expected, heard } => {
                write!(f, "session {heard} heard where {expected} was expected")
            }
            Self::AlreadyEnded { heard } => write!(f, "session {heard} has already ended"),
            Self::TooFarAhead { next, sequence } => {
                write!(f, "sequence {sequence} is too far ahead of {next}")
            }
            Self::PastEnd { end, sequence } => {
                write!(f, "message {sequence} is past the session's end at {end}")
            }
            Self::Unasked { sequence } => {
                write!(f, "an answer from message {sequence} on, which was not asked for")
            }
            Self::SnapshotTooOld { lowest, next } => {
                write!(f, "a snapshot up to {next} where {lowest} is the lowest of use")
            }
        }
    }
}

impl std::error::Error for Refused {}
