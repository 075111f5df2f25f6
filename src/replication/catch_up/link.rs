//! A connection as a catch-up sees it: bytes both ways, nothing waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddrV4;

use super::client::Client;
use crate::types::Nanos;

/// Bytes both ways. What would wait is [`ErrorKind::WouldBlock`], also while it is being made;
/// a read of nothing is the other end's close.
pub trait Link: Read + Write + Send {}

impl<T: Read + Write + Send> Link for T {}

/// Makes connections: sockets in production, pipes in a simulation.
pub trait Connector: Send {
    /// Begins a connection.
    ///
    /// # Errors
    /// The system's.
    fn connect(&mut self, to: SocketAddrV4) -> io::Result<Box<dyn Link>>;
}

/// Bytes read in one turn, so that the live stream has its turn too.
const TURN_BYTES: usize = 1024 * 1024;

/// Moves bytes between a client and its link until neither has more, or a bound is reached; how
/// many went either way.
pub(super) fn pump(client: &mut Client, link: &mut dyn Link, now: Nanos) -> usize {
    let mut moved = 0;
    while !client.outgoing().is_empty() {
        match link.write(client.outgoing()) {
            Ok(bytes) => {
                client.on_sent(bytes);
                moved += bytes;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                client.on_closed(&error.to_string());
                return moved;
            }
        }
    }
    while moved < TURN_BYTES {
        let space = client.space();
        if space.is_empty() {
            break;
        }
        match link.read(space) {
            Ok(0) => {
                client.on_closed("the other end closed it");
                break;
            }
            Ok(bytes) => {
                client.on_received(bytes, now);
                moved += bytes;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                client.on_closed(&error.to_string());
                break;
            }
        }
    }
    client.on_time(now);
    moved
}
