//! A connection in its place: the bytes between its core and its socket, one turn at a time.
//!
//! ```text
//!  turn:  socket ── read ──▶ Connection ── a slice ──▶ queue ── write ──▶ socket
//!         all sent: the writing side is shut, the rest of what the client says thrown away
//! ```
//!
//! A socket closed while bytes of its client wait to be read makes the system take back what it
//! has not delivered: the reason of an end would be lost. So the end is said first, and the socket
//! closed when the client has closed, or after a while.

use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;

use isochron_recovery::access::Access;
use isochron_recovery::limits::OUTGOING_BYTES_MAX;
use isochron_recovery::server::{Connection, Service, Turn};

use super::counters::RecoveryCounters;
use super::doors::Doors;
use crate::types::Nanos;

/// Reads of one connection in one turn. A client has little to say.
const READS_PER_TURN: usize = 4;
const READ_BYTES: usize = 2_048;

/// How long a connection whose last bytes were sent waits for its client to close.
const DRAIN_NS: u64 = 2_000_000_000;

/// What all connections share.
pub(super) struct Shared {
    pub(super) doors: Doors,
    pub(super) access: Access,
    pub(super) counters: RecoveryCounters,
}

/// One connection and its socket, which does not block.
pub(super) struct Place<S: Service, T> {
    pub(super) socket: T,
    pub(super) connection: Connection<S>,
    /// Whether it is among the followers of its session.
    pub(super) follows: bool,
    /// Whether the socket may have something, or take something.
    readable: bool,
    writable: bool,
    /// Whether its end was counted.
    is_counted: bool,
    /// Everything was sent: what the client says is thrown away until it closes, or until then.
    drains_until: Option<Nanos>,
}

/// What became of a connection in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for something.
    Waits,
    /// It wants another turn.
    Again,
    /// Its last byte was sent: the socket's writing side is to be shut.
    Sent,
    /// Its socket is to be closed.
    Gone,
}

impl<S: Service, T: Read + Write> Place<S, T> {
    pub(super) fn new(socket: T, address: IpAddr, now: Nanos) -> Self {
        Self {
            socket,
            connection: Connection::new(address, now.0),
            follows: false,
            readable: true,
            writable: true,
            is_counted: false,
            drains_until: None,
        }
    }

    /// The system says that the socket has something, or takes something.
    pub(super) fn on_event(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Whether the time alone gives it a turn.
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        match self.drains_until {
            Some(until) => now >= until,
            None => self.connection.next_deadline().is_some_and(|deadline| deadline <= now.0),
        }
    }

    /// Reads, answers, writes.
    pub(super) fn turn(&mut self, service: &mut S, shared: &mut Shared, now: Nanos) -> After {
        if self.read(now).is_err() {
            return After::Gone;
        }
        if let Some(until) = self.drains_until {
            return match (now >= until, self.readable) {
                (true, _) => After::Gone,
                (false, true) => After::Again,
                (false, false) => After::Waits,
            };
        }
        let before = (self.connection.session().is_some(), self.connection.messages());
        let turn = self.connection.on_turn(service, &mut shared.access, now.0);
        self.count(before, &mut shared.counters);
        let is_full = self.connection.outgoing().len() >= OUTGOING_BYTES_MAX;
        match self.write(now) {
            Ok(written) => shared.counters.bytes.add(written),
            Err(_) => return After::Gone,
        }
        if self.connection.is_done(now.0) {
            if !self.connection.outgoing().is_empty() {
                return After::Gone;
            }
            self.drains_until = Some(Nanos(now.0 + DRAIN_NS));
            return After::Sent;
        }
        let has_more = turn == Turn::More || is_full;
        if (has_more && self.writable) || self.readable { After::Again } else { After::Waits }
    }

    /// Counts what a turn did; whether it was logged in before, and the messages it had queued.
    fn count(&mut self, before: (bool, u64), counters: &mut RecoveryCounters) {
        let (was_in, messages) = before;
        let is_in = self.connection.session().is_some();
        counters.logins.add(u64::from(is_in && !was_in));
        counters.messages.add(self.connection.messages() - messages);
        if let Some(reason) = self.connection.closed()
            && !std::mem::replace(&mut self.is_counted, true)
        {
            counters.on_closed(reason);
        }
    }

    /// Takes what the client says; an error where it has gone.
    fn read(&mut self, now: Nanos) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_PER_TURN {
            if !self.readable {
                break;
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) if self.drains_until.is_some() => {}
                Ok(bytes) => self.connection.on_bytes(&buffer[..bytes], now.0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes what the socket takes; how many bytes.
    fn write(&mut self, now: Nanos) -> io::Result<u64> {
        let mut written = 0;
        while self.writable && !self.connection.outgoing().is_empty() {
            match self.socket.write(self.connection.outgoing()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.connection.on_transmitted(bytes, now.0);
                    written += bytes as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}
