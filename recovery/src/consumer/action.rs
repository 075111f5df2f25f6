//! What a consumer wants done with sockets.

use std::fmt;

use isochron_feeds::mold::HEADER_BYTES;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The session's messages from a number on.
    Replay,
    /// The books as they are, and the number that the feed goes on with.
    Snapshot,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Replay => "replay",
            Service::Snapshot => "snapshot",
        })
    }
}

/// A connection's number, never used twice by one consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something to do with a socket. Servers are counted from 0 in the order in which you know their
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this by UDP to a re-request server.
    SendRequest {
        /// Which of the request servers.
        server: usize,
        /// The datagram.
        packet: [u8; HEADER_BYTES],
    },
    /// Connect by TCP; then call `on_connected`, or `on_disconnected`.
    Connect {
        /// What for.
        service: Service,
        /// Which of that service's servers.
        server: usize,
        /// Its number from now on.
        connection: ConnectionId,
    },
    /// Send these bytes on a connection, after those before them. Some tens of bytes a second.
    Send {
        /// Which.
        connection: ConnectionId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close a connection, once what was to be sent on it has left or cannot leave. Nothing of it
    /// is heard any more.
    Close {
        /// Which.
        connection: ConnectionId,
    },
}
