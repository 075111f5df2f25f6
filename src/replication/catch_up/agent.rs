//! The sockets of catching up: the agent that gives, and connections for those who ask.
//!
//! The agent has a thread of its own: it reads marks, snapshots and old segments from the disk,
//! and nobody waits with it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, SocketAddrV4, TcpListener};

use mio::net::TcpStream;

use super::library::Library;
use super::link::{Connector, Link};
use super::service::{Service, ServiceOptions};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::types::Nanos;

/// From one look for newcomers to the next.
const ACCEPT_NS: u64 = 5_000_000;

/// Newcomers taken in one look.
const ACCEPTS_MAX: usize = 64;

/// Why nobody can be served.
#[derive(Debug)]
pub struct ListenError {
    /// Where it was to listen.
    pub address: SocketAddrV4,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "catch-up cannot listen at {}: {}", self.address, self.source)
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Gives to other nodes what this one has.
pub struct CatchUpAgent {
    listener: TcpListener,
    service: Service,
    accept_at: Nanos,
    counted: [CounterWriter; 5],
}

impl CatchUpAgent {
    /// Listens, at a port of the system's choice where 0 is asked for.
    ///
    /// # Errors
    /// It cannot listen there.
    ///
    /// # Panics
    /// If the counters have another writer.
    pub fn open(
        address: SocketAddrV4,
        options: ServiceOptions,
        library: Library,
        counters: &Counters,
    ) -> Result<Self, ListenError> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen().map_err(|source| ListenError { address, source })?;
        let counted = [
            Counter::CATCH_UP_CONNECTIONS,
            Counter::CATCH_UP_ACCEPTED,
            Counter::CATCH_UP_TURNED_AWAY,
            Counter::CATCH_UP_REFUSED,
            Counter::CATCH_UP_BYTES,
        ]
        .map(|counter| counters.writer(counter));
        let service = Service::new(options, library);
        Ok(Self { listener, service, accept_at: Nanos(0), counted })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Who is served, and how much.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    fn accept(&mut self, now: Nanos) -> usize {
        if now < self.accept_at {
            return 0;
        }
        self.accept_at = Nanos(now.get().saturating_add(ACCEPT_NS));
        for accepted in 0..ACCEPTS_MAX {
            // One that has gone already, or no file left: what comes later is taken later.
            let Ok((socket, _)) = self.listener.accept() else { return accepted };
            if socket.set_nonblocking(true).is_ok() && socket.set_nodelay(true).is_ok() {
                self.service.let_in(Box::new(socket), now);
            }
        }
        ACCEPTS_MAX
    }
}

impl Agent for CatchUpAgent {
    fn name(&self) -> &str {
        "catch-up"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let work = self.accept(now) + self.service.turn(now);
        if work > 0 {
            let statistics = self.service.statistics();
            let values = [
                statistics.connections,
                statistics.accepted,
                statistics.turned_away,
                statistics.refused,
                statistics.bytes,
            ];
            for (counter, value) in self.counted.iter_mut().zip(values) {
                counter.set(value);
            }
        }
        work
    }

    fn waits(&self) -> bool {
        true
    }
}

/// Makes connections of the system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect(&mut self, to: SocketAddrV4) -> io::Result<Box<dyn Link>> {
        let socket = TcpStream::connect(to.into())?;
        Ok(Box::new(Connecting { socket, is_made: false }))
    }
}

/// A socket that may still be on its way to the other end.
struct Connecting {
    socket: TcpStream,
    is_made: bool,
}

impl Connecting {
    /// Would block until the connection is there; what the system met on the way is an error.
    fn made(&mut self) -> io::Result<()> {
        if self.is_made {
            return Ok(());
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.is_made = true;
                self.socket.set_nodelay(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                Err(ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }
}

impl io::Read for Connecting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.made()?;
        self.socket.read(buffer)
    }
}

impl io::Write for Connecting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.made()?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
