//! All who catch up from this node: who is let in, whose turn it is, what they may have.

use std::io::{ErrorKind, Read};

use super::dial::nonce;
use super::fault::Fault;
use super::library::Library;
use super::link::Link;
use super::pace::Pace;
use super::peer::Peer;
use super::server::{After, Connection};
use crate::types::{Key, Nanos};

/// Reads of one connection in one turn: a client has little to say.
const READS_PER_TURN: usize = 16;

/// Whom a node serves, and how.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// This node.
    pub me: Peer,
    /// The cluster's secret, where it has one.
    pub key: Option<Key>,
    /// Random bytes, anew with each start: nonces are made of them.
    pub secret: [u8; 32],
    /// Connections at a time: one for each other node, and a few that are about to end.
    pub connections_max: usize,
    /// Bytes a second for all together; 0 is no cap.
    pub bytes_per_second: u64,
}

/// What the service counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStatistics {
    /// Connections that were let in.
    pub accepted: u64,
    /// Connections for which there was no place.
    pub turned_away: u64,
    /// Connections that this end ended, because of what the other said, or did not.
    pub refused: u64,
    /// Bytes of logs and files that were given.
    pub bytes: u64,
    /// Connections now.
    pub connections: u64,
}

/// Serves connections in turn. Calling order: `let_in` for each that comes, `turn` again and again.
pub struct Service {
    options: ServiceOptions,
    library: Library,
    pace: Pace,
    places: Vec<(Connection, Box<dyn Link>)>,
    /// Who is first in the next turn.
    first: usize,
    count: u64,
    statistics: ServiceStatistics,
    last_refusal: Option<String>,
}

impl Service {
    /// A service without connections.
    #[must_use]
    pub fn new(options: ServiceOptions, library: Library) -> Self {
        Self {
            pace: Pace::new(options.bytes_per_second),
            options,
            library,
            places: Vec::new(),
            first: 0,
            count: 0,
            statistics: ServiceStatistics::default(),
            last_refusal: None,
        }
    }

    /// What it counts.
    #[must_use]
    pub fn statistics(&self) -> &ServiceStatistics {
        &self.statistics
    }

    /// What was said at the last refusal.
    #[must_use]
    pub fn last_refusal(&self) -> Option<&str> {
        self.last_refusal.as_deref()
    }

    /// Takes a connection; it is dropped, and counted, where there are too many.
    pub fn let_in(&mut self, link: Box<dyn Link>, now: Nanos) {
        if self.places.len() >= self.options.connections_max {
            self.statistics.turned_away += 1;
            return;
        }
        self.statistics.accepted += 1;
        self.count += 1;
        let ServiceOptions { me, key, secret, .. } = &self.options;
        let connection = Connection::new(*me, key.clone(), nonce(secret, self.count), now);
        self.places.push((connection, link));
    }

    /// A turn for each connection; how many bytes moved.
    pub fn turn(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        let count = self.places.len();
        // Another one is first each time: the cap is everybody's.
        self.first = (self.first + 1) % count.max(1);
        for index in 0..count {
            let (connection, link) = &mut self.places[(self.first + index) % count];
            let before = connection.given_bytes();
            moved += serve(connection, link.as_mut(), &self.library, &mut self.pace, now);
            self.statistics.bytes += connection.given_bytes() - before;
        }
        let Self { places, statistics, last_refusal, .. } = self;
        places.retain(|(connection, _)| {
            let ended = connection.fault();
            if let Some(fault) = ended.filter(|fault| !is_of_the_client(fault)) {
                statistics.refused += 1;
                *last_refusal = Some(match connection.node() {
                    Some(node) => format!("node {node}: {fault}"),
                    None => fault.to_string(),
                });
            }
            ended.is_none()
        });
        statistics.connections = places.len() as u64;
        moved
    }
}

/// Whether the client ended it, or went.
fn is_of_the_client(fault: &Fault) -> bool {
    matches!(fault, Fault::Closed { .. } | Fault::Refused { .. })
}

/// Reads what a client says and writes what it gets.
fn serve(
    connection: &mut Connection,
    link: &mut dyn Link,
    library: &Library,
    pace: &mut Pace,
    now: Nanos,
) -> usize {
    let mut moved = 0;
    for _ in 0..READS_PER_TURN {
        let space = connection.space();
        if space.is_empty() {
            break;
        }
        match Read::read(link, space) {
            Ok(0) => connection.on_closed("the other end closed it"),
            Ok(bytes) => {
                connection.on_received(bytes, library, now);
                moved += bytes;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => connection.on_closed(&error.to_string()),
        }
    }
    connection.on_time(now);
    let before = connection.given_bytes();
    match connection.turn(link, pace, now) {
        Ok(After::More | After::Waits | After::Done) => {}
        Err(error) => connection.on_closed(&error.to_string()),
    }
    moved + (connection.given_bytes() - before) as usize
}
