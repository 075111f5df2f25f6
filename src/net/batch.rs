//! Sends and receives many datagrams in one system call, from and into memory made beforehand.
//!
//! Source: sendmmsg(2), recvmmsg(2).
#![expect(unsafe_code, reason = "the standard library has no sendmmsg and recvmmsg")]

use crate::limits::{DATAGRAM_BYTES_MAX, MTU_BYTES};
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams of one system call: enough that the call no longer counts, few enough that their
/// buffers stay in the second-level cache.
pub const BATCH_DATAGRAMS_MAX: usize = 64;

/// Bytes kept for one received datagram. Ours are shorter; a longer one is foreign.
pub const DATAGRAM_BYTES: usize = 2048;

const _: () = assert!(DATAGRAM_BYTES_MAX <= DATAGRAM_BYTES && MTU_BYTES <= DATAGRAM_BYTES);

/// The system's view of one batch: a message header, one piece of memory and, of what is
/// received, the sender's address for each datagram.
struct Vectors {
    messages: [libc::mmsghdr; BATCH_DATAGRAMS_MAX],
    pieces: [libc::iovec; BATCH_DATAGRAMS_MAX],
    names: [libc::sockaddr_in; BATCH_DATAGRAMS_MAX],
}

impl Vectors {
    fn new() -> Box<Self> {
        // SAFETY: all are plain C structures, for which zero is "none".
        unsafe { Box::new(mem::zeroed()) }
    }
}

// SAFETY: the pointers are set before each call and not followed after it.
unsafe impl Send for Vectors {}

/// What [`send`](Self::send) needs.
pub(super) struct SendBatch {
    vectors: Box<Vectors>,
}

impl SendBatch {
    pub(super) fn new() -> Self {
        Self { vectors: Vectors::new() }
    }

    /// Sends `datagrams` to where `socket` is connected; returns how many the system took, fewer
    /// where its queue is full.
    pub(super) fn send(&mut self, socket: &UdpSocket, datagrams: &[&[u8]]) -> io::Result<usize> {
        in_chunks(datagrams, |chunk| self.send_chunk(socket, chunk))
    }

    fn send_chunk(&mut self, socket: &UdpSocket, chunk: &[&[u8]]) -> io::Result<usize> {
        let Vectors { messages, pieces, .. } = &mut *self.vectors;
        for ((message, piece), datagram) in messages.iter_mut().zip(&mut *pieces).zip(chunk) {
            piece.iov_base = datagram.as_ptr().cast_mut().cast();
            piece.iov_len = datagram.len();
            message.msg_hdr.msg_iov = ptr::from_mut(piece);
            message.msg_hdr.msg_iovlen = 1;
        }
        let count = chunk.len() as libc::c_uint;
        // SAFETY: `chunk` is at most as long as the arrays; each header names one piece, each
        // piece one datagram that outlives the call, and sending only reads it.
        let result = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        taken(result)
    }
}

/// Offers `datagrams` in chunks of one system call, and stops at the first that is not taken
/// whole: what is behind it must not overtake it.
fn in_chunks(
    datagrams: &[&[u8]],
    mut send_chunk: impl FnMut(&[&[u8]]) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut sent = 0;
    for chunk in datagrams.chunks(BATCH_DATAGRAMS_MAX) {
        match send_chunk(chunk) {
            Ok(count) => {
                sent += count;
                if count < chunk.len() {
                    break;
                }
            }
            // The next call meets the error again, if it stays.
            Err(_) if sent > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// What [`receive`](Self::receive) needs.
pub(super) struct ReceiveBatch {
    vectors: Box<Vectors>,
    buffers: Box<[[u8; DATAGRAM_BYTES]]>,
    oversized: u64,
}

impl ReceiveBatch {
    pub(super) fn new() -> Self {
        let buffers = vec![[0; DATAGRAM_BYTES]; BATCH_DATAGRAMS_MAX].into_boxed_slice();
        Self { vectors: Vectors::new(), buffers, oversized: 0 }
    }

    /// Datagrams that were longer than a buffer, and so were not handed out.
    pub(super) fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Hands the datagrams that wait in `socket`, an IPv4 one, at most one batch of them, to
    /// `handler`, each with its sender; returns how many the system gave.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut handler: impl FnMut(SocketAddrV4, &[u8]),
    ) -> io::Result<usize> {
        let Vectors { messages, pieces, names } = &mut *self.vectors;
        for (((message, piece), name), buffer) in
            messages.iter_mut().zip(&mut *pieces).zip(&mut *names).zip(&mut self.buffers)
        {
            message.msg_hdr.msg_name = ptr::from_mut(name).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            piece.iov_base = buffer.as_mut_ptr().cast();
            piece.iov_len = buffer.len();
            message.msg_hdr.msg_iov = ptr::from_mut(piece);
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the arrays and the buffers have one batch each; each header names one address and
        // one piece, each piece one buffer, all with their lengths, and all outlive the call.
        let result = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH_DATAGRAMS_MAX as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let count = taken(result)?;
        for ((message, name), buffer) in messages.iter().zip(&*names).zip(&self.buffers).take(count)
        {
            if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                self.oversized += 1;
            } else {
                handler(address(name), &buffer[..message.msg_len as usize]);
            }
        }
        Ok(count)
    }
}

/// An address as the system writes it: in the network's order of bytes.
fn address(name: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(
        Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)),
        u16::from_be(name.sin_port),
    )
}

/// The datagrams that a call moved: none where the queue is full or empty, or a signal came.
fn taken(result: libc::c_int) -> io::Result<usize> {
    if let Ok(count) = usize::try_from(result) {
        return Ok(count);
    }
    let error = io::Error::last_os_error();
    let passes = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || error.raw_os_error() == Some(libc::ENOBUFS);
    if passes { Ok(0) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `in_chunks` returns, and the sizes it offered, where calls end as `results` says.
    fn offered(count: usize, results: &[Option<usize>]) -> (Option<usize>, Vec<usize>) {
        let datagrams = vec![&[][..]; count];
        let mut offers = Vec::new();
        let sent = in_chunks(&datagrams, |chunk| {
            offers.push(chunk.len());
            results[offers.len() - 1].ok_or_else(|| io::Error::other("refused"))
        });
        (sent.ok(), offers)
    }

    #[test]
    fn nothing_overtakes_what_was_not_taken() {
        assert_eq!(offered(130, &[Some(64), Some(64), Some(2)]), (Some(130), vec![64, 64, 2]));
        assert_eq!(offered(130, &[Some(64), Some(63)]), (Some(127), vec![64, 64]));
        assert_eq!(offered(130, &[Some(64), Some(0)]), (Some(64), vec![64, 64]));
        assert_eq!(offered(130, &[Some(0)]), (Some(0), vec![64]));
        assert_eq!(offered(130, &[Some(64), None]), (Some(64), vec![64, 64]));
        assert_eq!(offered(130, &[None]), (None, vec![64]));
        assert_eq!(offered(0, &[]), (Some(0), vec![]));
    }
}
