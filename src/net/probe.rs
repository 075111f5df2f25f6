//! Asks before the start whether multicast works, and keeps a port for those who will use it.

use super::multicast::{Endpoint, OpenError, Receiver, Sender, set_multicast_all_off};
use socket2::SockRef;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

/// Datagrams that a probe sends before it gives up, one per wait.
const PROBES_MAX: u64 = 10;

/// The longest wait for each of them.
const PROBE_WAIT_MS: u64 = 50;

/// Foreign datagrams that a probe bears on its port before it gives up.
const FOREIGN_MAX: u64 = 10_000;

/// Why multicast cannot be used.
#[derive(Debug)]
pub enum ProbeError {
    /// A socket was not opened.
    Open(OpenError),
    /// Nothing that was sent came back.
    NoMulticast {
        /// Where it was tried.
        endpoint: Endpoint,
        /// Datagrams sent.
        sent: u64,
        /// How long the probe waited.
        waited_ms: u64,
    },
    /// The system refused to send or receive.
    Os {
        /// Where it was tried.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeError::Open(OpenError::Os { endpoint, operation, source }) => write!(
                f,
                "no multicast on interface {}: {operation} {}:{}: {source}",
                endpoint.interface, endpoint.group, endpoint.port
            ),
            ProbeError::Open(error) => error.fmt(f),
            ProbeError::NoMulticast { endpoint, sent, waited_ms } => write!(
                f,
                "no multicast on interface {}: none of {sent} datagrams to {}:{} came back \
                 within {waited_ms} ms",
                endpoint.interface, endpoint.group, endpoint.port
            ),
            ProbeError::Os { endpoint, source } => {
                write!(f, "no multicast on interface {}: {source}", endpoint.interface)
            }
        }
    }
}

impl std::error::Error for ProbeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProbeError::Open(error) => Some(error),
            ProbeError::Os { source, .. } => Some(source),
            ProbeError::NoMulticast { .. } => None,
        }
    }
}

impl From<OpenError> for ProbeError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// Sends datagrams to the endpoint, on this machine only, until one comes back; waits half a
/// second at most. Receivers that are there already get the datagrams too.
///
/// # Errors
///
/// Where a socket cannot be opened, the system refuses, or nothing comes back.
pub fn probe(endpoint: Endpoint) -> Result<(), ProbeError> {
    let os = |source| ProbeError::Os { endpoint, source };
    let mut receiver = Receiver::open(endpoint, 64 * 1024)?;
    let mut sender = Sender::open(endpoint, 0)?;
    // Two probes at the same time know their own. It is shorter than any packet of MoldUDP64, so
    // that who listens already takes it for none, whatever wrote that listener.
    let place = (&raw const receiver).addr() & 0xff_ffff_ffff;
    let token = format!("{:08x}{place:010x}", std::process::id());
    receiver.socket().set_nonblocking(false).map_err(os)?;
    let wait = Duration::from_millis(PROBE_WAIT_MS);
    receiver.socket().set_read_timeout(Some(wait)).map_err(os)?;

    let mut foreign = 0;
    for _ in 0..PROBES_MAX {
        sender.send_batch(&[token.as_bytes()]).map_err(os)?;
        while foreign < FOREIGN_MAX {
            // A peek waits as long as the socket says; the batch never waits.
            if let Err(error) = receiver.socket().peek(&mut [0]) {
                match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => break,
                    io::ErrorKind::Interrupted => continue,
                    _ => return Err(os(error)),
                }
            }
            let mut is_own = false;
            let received = receiver.recv_batch(|datagram| is_own |= datagram == token.as_bytes());
            foreign += received.map_err(os)? as u64;
            if is_own {
                return Ok(());
            }
        }
    }
    let waited_ms = PROBES_MAX * PROBE_WAIT_MS;
    Err(ProbeError::NoMulticast { endpoint, sent: PROBES_MAX, waited_ms })
}

/// A UDP port that was free, kept from other reservations as long as this lives, while
/// [`Receiver`]s may use it.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    _socket: UdpSocket,
}

impl ReservedPort {
    /// Takes a port that no socket of this machine uses.
    ///
    /// # Errors
    ///
    /// Where the system has none left.
    pub fn new() -> io::Result<Self> {
        // Bound to every address and to share with nobody: so the system chooses a port that
        // nobody has.
        let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
        // From here on it does share, with sockets that say so too.
        SockRef::from(&socket).set_reuse_address(true)?;
        set_multicast_all_off(&socket)?;
        Ok(Self { port: socket.local_addr()?.port(), _socket: socket })
    }

    /// Takes the endpoint's port, which no other socket of its interface may use: a second
    /// sender's datagrams would come to the same receivers. Receivers that listen already may.
    ///
    /// # Errors
    ///
    /// Where the interface is not here, or the port is in use.
    pub fn take(endpoint: Endpoint) -> Result<Self, OpenError> {
        let Endpoint { interface, port, .. } = endpoint;
        // On the interface's own address, where receivers, bound to the group, do not meet it.
        let socket = UdpSocket::bind(SocketAddrV4::new(interface, port)).map_err(|source| {
            if source.kind() == io::ErrorKind::AddrNotAvailable {
                return OpenError::NoSuchInterface { interface, source };
            }
            OpenError::Os { endpoint, operation: "take the port", source }
        })?;
        Ok(Self { port, _socket: socket })
    }

    /// The port.
    #[must_use]
    pub fn get(&self) -> u16 {
        self.port
    }
}
