//! The sockets of a channel.

use std::net::Ipv4Addr;

use crate::net::{Endpoint, OpenError, RECEIVE_BUFFER_BYTES, StreamBuffers, UdpMedia};

use super::Channel;

/// Multicast stays on its network where nothing is said: what a system does by itself.
const TTL_DEFAULT: u32 = 1;

impl Channel {
    /// Opens the sender's side: data goes out, what receivers say comes in.
    ///
    /// # Errors
    /// Where the interface is not here, or the system refuses.
    pub fn open_sender(&self) -> Result<UdpMedia, OpenError> {
        match self.is_multicast() {
            true => {
                let control = *self.control().ip();
                UdpMedia::multicast_sender(self.data(), control, self.ttl(), self.buffers())
            }
            false => UdpMedia::unicast_sender(self.endpoint, self.data().interface, self.buffers()),
        }
    }

    /// Opens a receiver's side: data comes in, what it says goes out.
    ///
    /// # Errors
    /// Where the interface or the address is not here, or the system refuses.
    pub fn open_receiver(&self) -> Result<UdpMedia, OpenError> {
        match self.is_multicast() {
            true => {
                let control = *self.control().ip();
                UdpMedia::multicast_receiver(self.data(), control, self.ttl(), self.buffers())
            }
            false => UdpMedia::unicast_receiver(self.endpoint, self.buffers()),
        }
    }

    fn data(&self) -> Endpoint {
        let interface = self.interface.unwrap_or(Ipv4Addr::UNSPECIFIED);
        Endpoint { group: *self.endpoint.ip(), port: self.endpoint.port(), interface }
    }

    fn ttl(&self) -> u32 {
        if self.ttl == 0 { TTL_DEFAULT } else { u32::from(self.ttl) }
    }

    fn buffers(&self) -> StreamBuffers {
        // What the window lets come at once must fit, whatever a smaller default says.
        let receive_bytes = self
            .receive_buffer_bytes
            .unwrap_or_else(|| RECEIVE_BUFFER_BYTES.max(2 * self.receiver_window_bytes));
        StreamBuffers { receive_bytes, send_bytes: self.send_buffer_bytes }
    }
}
