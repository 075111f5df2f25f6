//! What a consumer says.

use std::fmt;

use isochron_feeds::subscriber::{Event as FeedEvent, Refused};

use super::Service;
use crate::client::Failure;

/// The stream that a consumer makes of all that it is given, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A snapshot begins: throw away all books. Its messages follow, then `FeedEvent::Joined`; if
    /// it breaks off, another `Cleared` comes.
    Cleared,
    /// The next message of a snapshot.
    Snapshot(&'a [u8]),
    /// What the feed's order says: messages, gaps, losses, the end.
    Feed(FeedEvent<'a>),
    /// Something that a person may want to read. Nothing has to be done about it.
    Notice(Notice<'a>),
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// Logged in; the first message will have this number.
    LoggedIn {
        /// What for.
        service: Service,
        /// Where: see `Action`.
        server: usize,
        /// The number.
        sequence: u64,
    },
    /// A server said something: usually why it closes.
    Said {
        /// What the connection is for.
        service: Service,
        /// Its words, from a stranger.
        text: &'a [u8],
    },
    /// No connection, or no more, and nobody said why; another one follows when it is time.
    Disconnected {
        /// What it was for.
        service: Service,
        /// Where.
        server: usize,
    },
    /// A connection was of no use.
    Failed {
        /// What it was for.
        service: Service,
        /// Where.
        server: usize,
        /// Why.
        failure: &'a Failure,
    },
    /// A server brought what cannot be used.
    Refused {
        /// What the connection is for.
        service: Service,
        /// What is wrong with it.
        refused: Refused,
    },
    /// A server brought a snapshot that is none.
    NoSnapshot,
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoggedIn { service, server, sequence } => {
                write!(f, "{service} from message {sequence} on, server {server}")
            }
            Self::Said { service, text } => {
                write!(f, "{service}: the server says \"{}\"", text.escape_ascii())
            }
            Self::Disconnected { service, server } => {
                write!(f, "{service}: no connection to server {server}")
            }
            Self::Failed { service, server, failure } => {
                write!(f, "{service}: server {server}: {failure}")
            }
            Self::Refused { service, refused } => write!(f, "{service}: {refused}"),
            Self::NoSnapshot => write!(f, "snapshot: begins or ends as none does"),
        }
    }
}
