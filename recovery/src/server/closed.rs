//! Why logins are rejected and connections end: for the client, the log, and the counters.

use std::borrow::Cow;
use std::fmt;

use isochron_feeds::mold::Session;

use super::SoupError;
use crate::access::Refusal;
use crate::soup::{FieldError, RejectCode};

/// Why a login was rejected. What may be otherwise in a moment says when to come again: a server
/// that reads its log a moment later than the client hears the multicast does not know the newest
/// session, or message, yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The password, or a quota.
    Refused(Refusal),
    /// The requested session is no name, or the requested sequence no number.
    Field(FieldError),
    /// The requested sequence is blank.
    NoSequence,
    /// No such session, or no longer.
    NoSession {
        /// The one asked for.
        session: Session,
    },
    /// None was asked for, and none of the current ones is the user's.
    NoCurrentSession,
    /// The user has no right to it.
    NotEntitled {
        /// The one asked for.
        session: Session,
    },
    /// The client has more of the session than there is: it has another one, or we lost some.
    Ahead {
        /// The one asked for.
        asked: u64,
        /// The next one there will be.
        next: u64,
    },
    /// The oldest messages are gone.
    NoLongerKept {
        /// The one asked for.
        asked: u64,
        /// The first that is kept.
        first: u64,
    },
    /// No snapshot was made in time that goes so far.
    SnapshotNotYet {
        /// The message that it must reach: all before this one are in it.
        next_at_least: u64,
    },
    /// There is no snapshot for this user, for that reason.
    SnapshotRefused(Cow<'static, str>),
}

impl Rejection {
    /// What the rejection packet says: that name or password are wrong, or anything else.
    #[must_use]
    pub fn code(&self) -> RejectCode {
        match self {
            Rejection::Refused(Refusal::Unauthorized) => RejectCode::NotAuthorized,
            _ => RejectCode::SessionNotAvailable,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Field(error) => error.fmt(f),
            Self::NoSequence => write!(f, "no requested sequence number: 1 is the first, 0 new"),
            Self::NoSession { session } => write!(f, "no session {session}; retry-after 1"),
            Self::NoCurrentSession => {
                write!(f, "no current session that you may have; retry-after 1")
            }
            Self::NotEntitled { session } => write!(f, "you may not have session {session}"),
            Self::Ahead { asked, next } => {
                let ahead = "is ahead of this session";
                write!(f, "sequence {asked} {ahead}: its next is {next}; retry-after 1")
            }
            Self::NoLongerKept { asked, first } => {
                write!(f, "sequence {asked} is no longer kept: the first kept is {first}")
            }
            Self::SnapshotNotYet { next_at_least } => {
                write!(f, "no snapshot up to sequence {next_at_least} yet; retry-after 1")
            }
            Self::SnapshotRefused(reason) => write!(f, "no snapshot: {reason}"),
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No whole login in time.
    LoginTimeout {
        /// Bytes of one that came.
        pending_bytes: usize,
    },
    /// Something else came before a login.
    NoLogin {
        /// Its type.
        packet_type: u8,
    },
    /// A second login.
    LoginAgain,
    /// Bytes that are no packet.
    Malformed(SoupError),
    /// The login was rejected.
    Rejected(Rejection),
    /// The client has logged out.
    LoggedOut,
    /// Nothing was heard of the client.
    Idle,
    /// The client does not take what it is sent.
    SlowReader {
        /// Bytes that wait.
        pending_bytes: usize,
    },
    /// All of the session was sent, and no more comes.
    EndOfSession,
    /// All of the snapshot was sent.
    SnapshotComplete,
    /// The quota was used up on the way.
    Quota(Refusal),
    /// The session is not kept any more.
    Withdrawn {
        /// Which.
        session: Session,
    },
    /// The next message is not kept any more: the client was too far behind.
    FellBehind {
        /// Which.
        sequence: u64,
        /// The first that is kept.
        first: u64,
    },
    /// A message that fits no packet.
    Oversized {
        /// Which.
        sequence: u64,
        /// Its bytes.
        bytes: usize,
    },
}

impl Closed {
    /// A short name of the kind, for counters.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::LoginTimeout { .. } => "login-timeout",
            Self::NoLogin { .. } => "no-login",
            Self::LoginAgain => "login-again",
            Self::Malformed(_) => "malformed",
            Self::Rejected(Rejection::Refused(Refusal::Unauthorized)) => "unauthorized",
            Self::Rejected(Rejection::Refused(_)) | Self::Quota(_) => "quota",
            Self::Rejected(_) => "rejected",
            Self::LoggedOut => "logged-out",
            Self::Idle => "idle",
            Self::SlowReader { .. } => "slow-reader",
            Self::EndOfSession => "end-of-session",
            Self::SnapshotComplete => "snapshot-complete",
            Self::Withdrawn { .. } => "withdrawn",
            Self::FellBehind { .. } => "fell-behind",
            Self::Oversized { .. } => "oversized",
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginTimeout { pending_bytes } => {
                write!(f, "no login within 5 s; {pending_bytes} bytes of one came")
            }
            Self::NoLogin { packet_type } => {
                write!(f, "packet '{}' before a login", packet_type.escape_ascii())
            }
            Self::LoginAgain => write!(f, "a second login on one connection"),
            Self::Malformed(error) => error.fmt(f),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::LoggedOut => write!(f, "logged out"),
            Self::Idle => write!(f, "nothing heard for 15 s"),
            Self::SlowReader { pending_bytes } => {
                write!(f, "slow reader: {pending_bytes} bytes not taken within 10 s")
            }
            Self::EndOfSession => write!(f, "the session has ended"),
            Self::SnapshotComplete => write!(f, "the snapshot is complete"),
            Self::Quota(refusal) => refusal.fmt(f),
            Self::Withdrawn { session } => write!(f, "session {session} is no longer kept"),
            Self::FellBehind { sequence, first } => {
                write!(f, "sequence {sequence} is no longer kept: the first kept is {first}")
            }
            Self::Oversized { sequence, bytes } => {
                write!(f, "message {sequence} of {bytes} bytes fits no packet")
            }
        }
    }
}
