//! What carries a stream's datagrams: sockets in production, a simulated network in tests.
//!
//! Everything above is generic over it and is handed times, so that the same cores run under one
//! seed on one thread.

use super::batch::Datagram;
use std::io;
use std::net::SocketAddrV4;

/// One end of a stream of datagrams, which never blocks.
///
/// A datagram may be lost, come twice, late, or before one that was sent earlier. It is never
/// changed on the way unseen: who needs more than UDP's checksum brings it along.
pub trait Media: Send {
    /// Sends `datagrams` in order to this end's fixed destination (a group, or the other end);
    /// returns how many went. Fewer than there are, 0 too: it would block, and the rest is to be
    /// offered again.
    ///
    /// # Errors
    ///
    /// Where the first of them is refused for another reason, or this end has no destination.
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize>;

    /// Hands waiting datagrams, a bounded batch of them, to `each` with their sender, in the order
    /// of their arrival; returns how many there were, 0 where none waited.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize>;

    /// Sends one datagram to `to`; false: it would block, and did not go.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    fn send_to(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool>;
}

impl<M: Media + ?Sized> Media for Box<M> {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        (**self).send(datagrams)
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        (**self).receive(each)
    }

    fn send_to(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool> {
        (**self).send_to(datagram, to)
    }
}
