//! The sockets of a repair: one for requests by UDP, and connections as the consumer wants them.
//!
//! Nothing here waits: whoever calls `work` often has the lines served between two looks.

use super::follower::Follower;
use super::servers::Servers;
use isochron_feeds::subscriber::Source;
use isochron_recovery::consumer::{Action, ConnectionId, Service};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};

/// Time in which a connection must come about, or its last bytes leave.
const PATIENCE_NS: u64 = 5_000_000_000;

/// Bytes taken from a connection at once, and pieces of that in one look: the lines come first.
const READ_BYTES: usize = 64 * 1024;
const READS_MAX: usize = 4;

/// Answers taken by UDP in one look.
const ANSWERS_MAX: usize = 64;

/// Bytes kept for one answer. Ours are shorter; a longer one is no packet.
const ANSWER_BYTES: usize = 2_048;

/// Bytes that may wait to be sent: a client says little, so a server that reads nothing is dead.
const OUTGOING_BYTES_MAX: usize = 64 * 1024;

/// A connection of the consumer's.
struct Connection {
    id: ConnectionId,
    stream: TcpStream,
    /// Until when it must be established, or closed.
    deadline_ns: Option<u64>,
    established: bool,
    closing: bool,
    outgoing: Vec<u8>,
}

/// All sockets of a repair.
pub(super) struct Connections {
    servers: Servers,
    requests: UdpSocket,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
}

impl Connections {
    /// Opens the socket that requests are sent from.
    pub(super) fn open(servers: Servers) -> io::Result<Self> {
        let requests = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        requests.set_nonblocking(true)?;
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        Ok(Self { servers, requests, connections: Vec::new(), buffer })
    }

    /// Where answers come to.
    pub(super) fn local_port(&self) -> u16 {
        self.requests.local_addr().map_or(0, |address| address.port())
    }

    /// Takes what came, does what the consumer wants done; `on_answer` is given each answer by UDP.
    /// Returns how much there was to do.
    pub(super) fn work(
        &mut self,
        follower: &mut Follower,
        now_ns: u64,
        mut on_answer: impl FnMut(SocketAddrV4, &[u8]),
    ) -> usize {
        let mut done = self.take_answers(follower, now_ns, &mut on_answer);
        for connection in &mut self.connections {
            done += connection.work(&mut self.buffer, follower, now_ns);
        }
        while let Some(action) = follower.poll_action(now_ns) {
            self.act(action, follower, now_ns);
            done += 1;
        }
        self.connections.retain_mut(|connection| connection.flush(follower, now_ns));
        done
    }

    fn take_answers(
        &mut self,
        follower: &mut Follower,
        now_ns: u64,
        on_answer: &mut impl FnMut(SocketAddrV4, &[u8]),
    ) -> usize {
        let mut taken = 0;
        while taken < ANSWERS_MAX {
            // An error is an answer of its own (nobody is there): the next request meets it.
            let Ok((bytes, from)) = self.requests.recv_from(&mut self.buffer[..ANSWER_BYTES])
            else {
                break;
            };
            taken += 1;
            // Anybody can send to a port; only who was asked answers.
            if let SocketAddr::V4(from) = from
                && self.servers.requests.contains(&from.into())
            {
                on_answer(from, &self.buffer[..bytes]);
                follower.on_datagram(Source::Retransmission, &self.buffer[..bytes], now_ns);
            }
        }
        taken
    }

    fn act(&mut self, action: Action, follower: &mut Follower, now_ns: u64) {
        match action {
            Action::SendRequest { server, packet } => {
                // What does not leave is a request without an answer.
                let _ = self.requests.send_to(&packet, self.servers.requests[server]);
            }
            Action::Connect { service, server, connection } => {
                let servers = match service {
                    Service::Replay => &self.servers.replay,
                    Service::Snapshot => &self.servers.snapshot,
                };
                match connect(servers[server]) {
                    Ok(stream) => self.connections.push(Connection {
                        id: connection,
                        stream,
                        deadline_ns: Some(now_ns + PATIENCE_NS),
                        established: false,
                        closing: false,
                        outgoing: Vec::new(),
                    }),
                    Err(_) => follower.on_disconnected(connection, now_ns),
                }
            }
            Action::Send { connection, bytes } => {
                if let Some(found) = self.find(connection) {
                    found.outgoing.extend(bytes);
                }
            }
            Action::Close { connection } => {
                if let Some(found) = self.find(connection) {
                    (found.closing, found.deadline_ns) = (true, Some(now_ns + PATIENCE_NS));
                }
            }
        }
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|found| found.id == id)
    }
}

/// Begins to connect.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

impl Connection {
    /// Looks whether it is established, then takes what came.
    fn work(&mut self, buffer: &mut [u8], follower: &mut Follower, now_ns: u64) -> usize {
        if self.closing {
            return 0;
        }
        if !self.established {
            if self.stream.peer_addr().is_err() {
                return 0;
            }
            (self.established, self.deadline_ns) = (true, None);
            follower.on_connected(self.id, now_ns);
        }
        for done in 0..READS_MAX {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.lose(follower, now_ns);
                    return done + 1;
                }
                Ok(bytes) => follower.on_bytes(self.id, &buffer[..bytes], now_ns),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return done,
                Err(_) => {
                    self.lose(follower, now_ns);
                    return done + 1;
                }
            }
        }
        READS_MAX
    }

    /// It is gone.
    fn lose(&mut self, follower: &mut Follower, now_ns: u64) {
        if !self.closing {
            follower.on_disconnected(self.id, now_ns);
        }
        (self.closing, self.deadline_ns) = (true, Some(now_ns));
        self.outgoing.clear();
    }

    /// Sends what can be sent; whether the connection is still of use.
    fn flush(&mut self, follower: &mut Follower, now_ns: u64) -> bool {
        if self.established && !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.lose(follower, now_ns),
            }
        }
        let failed = !self.established && matches!(self.stream.take_error(), Ok(Some(_)) | Err(_));
        let late = self.deadline_ns.is_some_and(|deadline| now_ns >= deadline);
        if failed || late || self.outgoing.len() > OUTGOING_BYTES_MAX {
            self.lose(follower, now_ns);
        }
        !self.closing || !(self.outgoing.is_empty() || late)
    }
}
