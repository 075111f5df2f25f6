//! The sockets of a stream whose receivers answer: Aeron's, over multicast and unicast.
//!
//! ```text
//!             own port ═══ data ═══▶ group:port        ┌──────────┐
//!   sender                                             │ receiver │  one socket
//!             group + 1:port ◀═ SM, NAK ═ from port ═══└──────────┘
//! ```
//!
//! Unicast: the sender's one socket is connected to the receiver's address, which answers to where
//! the data came from. Source: Aeron's `aeron_udp_channel_transport.c`.

use super::Media;
use super::batch::{Datagram, ReceiveBatch, SendBatch};
use super::multicast::{
    BufferBytes, Endpoint, OpenError, RECEIVE_BUFFER_BYTES, Receiver, Sender, cuts_datagrams,
    dropped, grow_receive_buffer, join_datagrams, open_any_socket, os,
};
use socket2::SockRef;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

/// What to ask the system for.
#[derive(Clone, Copy, Debug)]
pub struct StreamBuffers {
    /// The receive buffer, in bytes.
    pub receive_bytes: usize,
    /// The send buffer, in bytes; none leaves it as it is.
    pub send_bytes: Option<usize>,
}

impl Default for StreamBuffers {
    fn default() -> Self {
        Self { receive_bytes: RECEIVE_BUFFER_BYTES, send_bytes: None }
    }
}

/// Where `send` sends to.
enum Destination {
    /// Through a socket of its own, which is connected.
    Other(UdpSocket, SendBatch),
    /// Through the receiving socket, which is connected.
    Connected(SendBatch),
    /// Through the receiving socket, to there.
    To(SocketAddrV4),
    /// Through the receiving socket, to where the last datagram came from.
    Heard(Option<SocketAddrV4>),
    /// Nowhere: each datagram says where to.
    None,
}

/// One end of a stream over UDP.
pub struct UdpMedia {
    socket: UdpSocket,
    batch: ReceiveBatch,
    buffer: BufferBytes,
    destination: Destination,
}

impl UdpMedia {
    /// Sends to a group, from a port of its own, and hears what receivers send to the group
    /// `control`, same port. Datagrams pass at most `ttl` routers less one.
    ///
    /// # Errors
    /// Where an address is no group, the interface is not here, or the system refuses.
    pub fn multicast_sender(
        data: Endpoint,
        control: Ipv4Addr,
        ttl: u32,
        buffers: StreamBuffers,
    ) -> Result<Self, OpenError> {
        let (sending, batch) = Sender::open(data, ttl)?.into_parts();
        grow_send_buffer(&sending, buffers).map_err(os(data, "ask for a send buffer"))?;
        let answers = Receiver::open(Endpoint { group: control, ..data }, buffers.receive_bytes)?;
        let (socket, buffer) = answers.into_parts();
        Ok(Self::new(socket, buffer, Destination::Other(sending, batch)))
    }

    /// Hears a group, and answers to the group `control`, same port, from that port.
    ///
    /// # Errors
    /// As [`Self::multicast_sender`].
    pub fn multicast_receiver(
        data: Endpoint,
        control: Ipv4Addr,
        ttl: u32,
        buffers: StreamBuffers,
    ) -> Result<Self, OpenError> {
        let (socket, buffer) = Receiver::open(data, buffers.receive_bytes)?.into_parts();
        let answering = SockRef::from(&socket);
        answering.set_multicast_if_v4(&data.interface).map_err(os(data, "choose the interface"))?;
        answering.set_multicast_ttl_v4(ttl).map_err(os(data, "set the TTL"))?;
        answering.set_multicast_loop_v4(true).map_err(os(data, "loop back"))?;
        let destination = Destination::To(SocketAddrV4::new(control, data.port));
        Ok(Self::new(socket, buffer, destination))
    }

    /// Sends to one receiver at `to`, from a port of its own, and hears its answers.
    ///
    /// # Errors
    /// Where the interface is not here, or the system refuses.
    pub fn unicast_sender(
        to: SocketAddrV4,
        interface: Ipv4Addr,
        buffers: StreamBuffers,
    ) -> Result<Self, OpenError> {
        let endpoint = Endpoint { group: *to.ip(), port: to.port(), interface };
        let (socket, buffer) = bound(endpoint, SocketAddrV4::new(interface, 0), buffers)?;
        socket.connect(to).map_err(os(endpoint, "address the receiver"))?;
        let destination = Destination::Connected(SendBatch::new(cuts_datagrams(&socket)));
        Ok(Self::new(socket, buffer, destination))
    }

    /// Hears at `at`, and answers to where the last datagram came from.
    ///
    /// # Errors
    /// Where the address is not here or in use, or the system refuses.
    pub fn unicast_receiver(at: SocketAddrV4, buffers: StreamBuffers) -> Result<Self, OpenError> {
        Self::at(at, buffers, Destination::Heard(None))
    }

    /// Hears at `at`; each datagram that it sends says where to.
    ///
    /// # Errors
    /// As [`Self::unicast_receiver`].
    pub fn addressed(at: SocketAddrV4, buffers: StreamBuffers) -> Result<Self, OpenError> {
        Self::at(at, buffers, Destination::None)
    }

    fn at(
        at: SocketAddrV4,
        buffers: StreamBuffers,
        destination: Destination,
    ) -> Result<Self, OpenError> {
        let endpoint = Endpoint { group: *at.ip(), port: at.port(), interface: *at.ip() };
        let (socket, buffer) = bound(endpoint, at, buffers)?;
        Ok(Self::new(socket, buffer, destination))
    }

    fn new(socket: UdpSocket, buffer: BufferBytes, destination: Destination) -> Self {
        // Where the system does not join datagrams they come one by one, through the same batch.
        join_datagrams(&socket);
        Self { socket, batch: ReceiveBatch::for_joined(), buffer, destination }
    }

    /// Where it hears: the port that the system chose, where none was named.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddrV4> {
        match self.socket.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => unreachable!("every socket here is an IPv4 one"),
        }
    }

    /// The receive buffer asked for and granted.
    #[must_use]
    pub fn buffer(&self) -> BufferBytes {
        self.buffer
    }

    /// Datagrams that the system dropped because the receive buffer was full.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn dropped(&self) -> io::Result<u64> {
        dropped(&self.socket)
    }

    /// Calls of the system: that sent, of a connected end, and that received.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        let sent = match &self.destination {
            Destination::Other(_, batch) | Destination::Connected(batch) => batch.calls(),
            _ => 0,
        };
        (sent, self.batch.calls())
    }

    /// Sends each datagram to one address until the system takes no more.
    fn send_each(&self, datagrams: &[Datagram<'_>], to: SocketAddrV4) -> io::Result<usize> {
        for (sent, Datagram { head, body }) in datagrams.iter().enumerate() {
            let went = match (head.is_empty(), body.is_empty()) {
                (true, _) => send_one(&self.socket, body, to),
                (false, true) => send_one(&self.socket, head, to),
                (false, false) => send_one(&self.socket, &[*head, *body].concat(), to),
            };
            match went {
                Ok(true) => {}
                Ok(false) => return Ok(sent),
                // The next call meets the error again, if it stays.
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
        }
        Ok(datagrams.len())
    }
}

/// A socket that hears at an address of this machine.
fn bound(
    endpoint: Endpoint,
    at: SocketAddrV4,
    buffers: StreamBuffers,
) -> Result<(UdpSocket, BufferBytes), OpenError> {
    let socket = open_any_socket(endpoint)?;
    let asked = buffers.receive_bytes;
    let granted =
        grow_receive_buffer(&socket, asked).map_err(os(endpoint, "ask for a receive buffer"))?;
    socket.bind(&at.into()).map_err(os(endpoint, "bind to the address"))?;
    socket.set_nonblocking(true).map_err(os(endpoint, "not to block"))?;
    let socket = UdpSocket::from(socket);
    grow_send_buffer(&socket, buffers).map_err(os(endpoint, "ask for a send buffer"))?;
    Ok((socket, BufferBytes { asked, granted }))
}

fn grow_send_buffer(socket: &UdpSocket, buffers: StreamBuffers) -> io::Result<()> {
    match buffers.send_bytes {
        Some(bytes) => SockRef::from(socket).set_send_buffer_size(bytes),
        None => Ok(()),
    }
}

/// Whether it went; not, where the socket would block.
fn send_one(socket: &UdpSocket, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool> {
    match socket.send_to(datagram, to) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

impl Media for UdpMedia {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        match &mut self.destination {
            Destination::Other(socket, batch) => batch.send(socket, datagrams),
            Destination::Connected(batch) => batch.send(&self.socket, datagrams),
            Destination::To(to) | Destination::Heard(Some(to)) => {
                let to = *to;
                self.send_each(datagrams, to)
            }
            Destination::Heard(None) | Destination::None => {
                Err(io::Error::from(io::ErrorKind::NotConnected))
            }
        }
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let Self { socket, batch, destination, .. } = self;
        batch.receive(socket, |from, bytes| {
            if let Destination::Heard(heard) = destination {
                *heard = Some(from);
            }
            each(bytes, from);
        })
    }

    fn send_to(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool> {
        send_one(&self.socket, datagram, to)
    }
}
