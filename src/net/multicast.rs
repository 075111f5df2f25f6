//! Opens multicast sockets, and says which interface, group or port was wrong.
#![expect(unsafe_code, reason = "the standard library and socket2 lack four socket options")]

use super::batch::{BATCH_DATAGRAMS_MAX, Datagram, ReceiveBatch, SendBatch};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// The receive buffer asked for: by Linux's accounting room for 5,000 small datagrams, a
/// tenth of a second in which a subscriber may be away from its core.
pub const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// A multicast group and port on one interface, named by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The group, 224.0.0.0 to 239.255.255.255.
    pub group: Ipv4Addr,
    /// The UDP port.
    pub port: u16,
    /// The address of the interface that sends and listens, such as 127.0.0.1.
    pub interface: Ipv4Addr,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} on {}", self.group, self.port, self.interface)
    }
}

/// Why a socket was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The group is no multicast address.
    NotMulticast {
        /// The group asked for.
        group: Ipv4Addr,
    },
    /// No interface of this machine has the address.
    NoSuchInterface {
        /// The interface asked for.
        interface: Ipv4Addr,
        /// What the system said.
        source: io::Error,
    },
    /// Something else refused.
    Os {
        /// Where it was to be opened.
        endpoint: Endpoint,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NotMulticast { group } => {
                write!(f, "{group} is no multicast group (224.0.0.0 to 239.255.255.255)")
            }
            OpenError::NoSuchInterface { interface, source } => {
                write!(f, "no such interface {interface}: {source}")
            }
            OpenError::Os { endpoint, operation, source } => {
                write!(f, "{endpoint}: {operation}: {source}")
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::NotMulticast { .. } => None,
            OpenError::NoSuchInterface { source, .. } | OpenError::Os { source, .. } => {
                Some(source)
            }
        }
    }
}

/// A receive buffer as asked for and as granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferBytes {
    /// What was asked for.
    pub asked: usize,
    /// What the system accounts against. Linux doubles what it grants, because it counts its
    /// own cost of each datagram in: about 800 bytes for a small one, 2,300 for a full one.
    pub granted: usize,
}

impl fmt::Display for BufferBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, granted } = self;
        write!(f, "receive buffer {granted} bytes (asked for {asked})")
    }
}

/// Adds where and what to an error of the system.
pub(super) fn os(
    endpoint: Endpoint,
    operation: &'static str,
) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Os { endpoint, operation, source }
}

/// A UDP socket, after the group and the interface were checked.
fn open_socket(endpoint: Endpoint) -> Result<Socket, OpenError> {
    if !endpoint.group.is_multicast() {
        return Err(OpenError::NotMulticast { group: endpoint.group });
    }
    open_any_socket(endpoint)
}

/// A UDP socket for whatever address, after the interface was checked.
pub(super) fn open_any_socket(endpoint: Endpoint) -> Result<Socket, OpenError> {
    let Endpoint { interface, .. } = endpoint;
    // Binding tells whether the address is this machine's; the other calls fail in various ways.
    UdpSocket::bind(SocketAddrV4::new(interface, 0))
        .map_err(|source| OpenError::NoSuchInterface { interface, source })?;
    Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).map_err(os(endpoint, "open"))
}

/// Sends datagrams to one group.
pub struct Sender {
    socket: UdpSocket,
    batch: SendBatch,
}

impl Sender {
    /// Opens the socket. Datagrams pass at most `ttl` routers less one (0: they stay on this
    /// machine), and receivers on this machine get them too.
    ///
    /// # Errors
    ///
    /// Where the group is no multicast group, the interface is not here, or the system refuses.
    pub fn open(endpoint: Endpoint, ttl: u32) -> Result<Self, OpenError> {
        let socket = open_socket(endpoint)?;
        socket
            .set_multicast_if_v4(&endpoint.interface)
            .map_err(os(endpoint, "choose the interface"))?;
        socket.set_multicast_ttl_v4(ttl).map_err(os(endpoint, "set the TTL"))?;
        socket.set_multicast_loop_v4(true).map_err(os(endpoint, "loop back"))?;
        let own = SocketAddrV4::new(endpoint.interface, 0);
        socket.bind(&own.into()).map_err(os(endpoint, "bind to the interface"))?;
        let group = SocketAddrV4::new(endpoint.group, endpoint.port);
        socket.connect(&group.into()).map_err(os(endpoint, "address the group"))?;
        socket.set_nonblocking(true).map_err(os(endpoint, "not to block"))?;
        let segments = cuts_datagrams(&socket);
        Ok(Self { socket: socket.into(), batch: SendBatch::new(segments) })
    }

    /// Sends `datagrams` in order; returns how many the system took. Fewer than there are: its
    /// queue is full, and the rest is to be offered again.
    ///
    /// # Errors
    ///
    /// Where the system refuses the first of them for another reason.
    pub fn send_batch(&mut self, datagrams: &[&[u8]]) -> io::Result<usize> {
        let mut whole = [Datagram::default(); BATCH_DATAGRAMS_MAX];
        let mut sent = 0;
        for chunk in datagrams.chunks(BATCH_DATAGRAMS_MAX) {
            for (datagram, body) in whole.iter_mut().zip(chunk) {
                datagram.body = body;
            }
            match self.send_datagrams(&whole[..chunk.len()]) {
                Ok(count) if count == chunk.len() => sent += count,
                Ok(count) => return Ok(sent + count),
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// As `send_batch`, of datagrams in two pieces. Those of one size that follow each other are
    /// one for the system until it cuts them, where it can.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_datagrams(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        self.batch.send(&self.socket, datagrams)
    }

    /// Calls of the system that sent, or tried to.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.batch.calls()
    }

    /// The socket and what a batch needs, for who takes the group's answers too.
    pub(super) fn into_parts(self) -> (UdpSocket, SendBatch) {
        (self.socket, self.batch)
    }

    /// Datagrams that the system cut from larger ones.
    #[must_use]
    pub fn segmented(&self) -> u64 {
        self.batch.segmented()
    }
}

/// Receives the datagrams of one group.
pub struct Receiver {
    socket: UdpSocket,
    batch: ReceiveBatch,
    buffer: BufferBytes,
}

impl Receiver {
    /// Opens the socket and joins the group, with a receive buffer of `buffer_bytes` if the
    /// system grants them. Several receivers may share a port; each gets every datagram.
    ///
    /// # Errors
    ///
    /// Where the group is no multicast group, the interface is not here, or the system refuses.
    pub fn open(endpoint: Endpoint, buffer_bytes: usize) -> Result<Self, OpenError> {
        let receiver = Self::open_unjoined(endpoint, buffer_bytes)?;
        receiver
            .socket
            .join_multicast_v4(&endpoint.group, &endpoint.interface)
            .map_err(os(endpoint, "join the group"))?;
        Ok(receiver)
    }

    /// As `open`, but for the joining: it hears nothing, whoever else on this machine joined.
    pub(super) fn open_unjoined(
        endpoint: Endpoint,
        buffer_bytes: usize,
    ) -> Result<Self, OpenError> {
        let socket = open_socket(endpoint)?;
        socket.set_reuse_address(true).map_err(os(endpoint, "share the port"))?;
        set_multicast_all_off(&socket).map_err(os(endpoint, "hear only what it joined"))?;
        let granted = grow_receive_buffer(&socket, buffer_bytes)
            .map_err(os(endpoint, "ask for a receive buffer"))?;
        // Bound to the group, so that other groups and unicast on this port stay out.
        let group = SocketAddrV4::new(endpoint.group, endpoint.port);
        socket.bind(&group.into()).map_err(os(endpoint, "bind to the group"))?;
        socket.set_nonblocking(true).map_err(os(endpoint, "not to block"))?;
        let buffer = BufferBytes { asked: buffer_bytes, granted };
        Ok(Self { socket: socket.into(), batch: ReceiveBatch::new(), buffer })
    }

    /// The receive buffer asked for and granted.
    #[must_use]
    pub fn buffer(&self) -> BufferBytes {
        self.buffer
    }

    /// Hands waiting datagrams, at most [`BATCH_DATAGRAMS_MAX`](super::BATCH_DATAGRAMS_MAX), to
    /// `handler` in the order of their arrival; returns how many there were, 0 where none waited.
    /// One longer than [`DATAGRAM_BYTES`](super::DATAGRAM_BYTES) is counted, and not handed out.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub fn recv_batch(&mut self, mut handler: impl FnMut(&[u8])) -> io::Result<usize> {
        self.recv_batch_from(|_, datagram| handler(datagram))
    }

    /// As [`recv_batch`](Self::recv_batch), each datagram with its sender.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub fn recv_batch_from(
        &mut self,
        handler: impl FnMut(SocketAddrV4, &[u8]),
    ) -> io::Result<usize> {
        self.batch.receive(&self.socket, handler)
    }

    /// Datagrams too long to be ours, so far.
    #[must_use]
    pub fn oversized(&self) -> u64 {
        self.batch.oversized()
    }

    /// Datagrams that the system dropped because this socket's buffer was full.
    ///
    /// # Errors
    ///
    /// Where the system does not tell.
    pub fn dropped(&self) -> io::Result<u64> {
        dropped(&self.socket)
    }

    /// The socket and the receive buffer, for who takes datagrams some other way.
    pub(super) fn into_parts(self) -> (UdpSocket, BufferBytes) {
        (self.socket, self.buffer)
    }

    /// The socket itself, to wait on it.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

/// Without this Linux hands a socket the datagrams of every group that any socket of the machine
/// joined, from every interface (ip(7), IP_MULTICAST_ALL).
pub(super) fn set_multicast_all_off(socket: &impl AsRawFd) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)
}

/// Datagrams that the system dropped because a socket's buffer was full.
pub(super) fn dropped(socket: &impl AsRawFd) -> io::Result<u64> {
    // SK_MEMINFO_VARS counters; the drops are the last (linux/sock_diag.h).
    const VARS: usize = 9;
    const DROPS: usize = 8;
    let mut counters = [0_u32; VARS];
    let mut length = size_of_val(&counters) as libc::socklen_t;
    // SAFETY: the option writes at most `length` bytes, which is the array's size.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            counters.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(u64::from(counters[DROPS])) } else { Err(io::Error::last_os_error()) }
}

/// Whether a socket's system cuts datagrams: one that does not know the option would send the
/// larger one as it is.
pub(super) fn cuts_datagrams(socket: &impl AsRawFd) -> bool {
    get_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT).is_ok()
}

/// Has the system hand datagrams of one size that follow each other over as one, where it can.
pub(super) fn join_datagrams(socket: &impl AsRawFd) -> bool {
    set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok()
}

/// Asks for a receive buffer of `bytes`, past the system's limit where that is allowed; returns
/// what was granted.
pub(super) fn grow_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<usize> {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.recv_buffer_size()
}

/// The value of an option that is one int.
fn get_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the option writes at most one int, which is what the pointer and the length name.
    let result = unsafe {
        let value = (&raw mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), level, option, value, &raw mut length)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the option reads one int, which is what the pointer and the length name.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
