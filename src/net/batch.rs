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

/// The most datagrams that the system cuts from one (Linux, UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;

/// The most bytes of them together: what one UDP datagram over IPv4 could hold.
const SEGMENTED_BYTES_MAX: usize = 65_507;

/// A datagram whose bytes lie in two places, so that no copy puts a header before a payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datagram<'a> {
    /// Its first bytes.
    pub head: &'a [u8],
    /// The others.
    pub body: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// One whose bytes lie in one place.
    #[must_use]
    pub fn whole(body: &'a [u8]) -> Self {
        Self { head: &[], body }
    }

    fn length(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// The system's view of one batch: a message header, two pieces of memory and, of what is received,
/// the sender's address for each datagram.
struct Vectors {
    messages: [libc::mmsghdr; BATCH_DATAGRAMS_MAX],
    pieces: [[libc::iovec; 2]; BATCH_DATAGRAMS_MAX],
    segments: [SegmentSize; BATCH_DATAGRAMS_MAX],
    names: [libc::sockaddr_in; BATCH_DATAGRAMS_MAX],
}

/// The control message that has the system cut a datagram into several of one size.
/// Source: udp(7), UDP_SEGMENT.
#[repr(C)]
struct SegmentSize {
    header: libc::cmsghdr,
    bytes: u16,
    padding: [u8; 6],
}

// SAFETY: it computes with constants only.
const SEGMENT_SIZE_LENGTH: usize = unsafe { libc::CMSG_LEN(2) } as usize;

// SAFETY: so does this.
const SEGMENT_SIZE_SPACE: usize = unsafe { libc::CMSG_SPACE(2) } as usize;

const _: () = assert!(size_of::<SegmentSize>() == SEGMENT_SIZE_SPACE);

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
    /// Whether the system cuts datagrams.
    segments: bool,
    segmented: u64,
    calls: u64,
}

impl SendBatch {
    /// For a socket that cuts datagrams, or does not.
    pub(super) fn new(segments: bool) -> Self {
        Self { vectors: Vectors::new(), segments, segmented: 0, calls: 0 }
    }

    /// Datagrams that the system cut from larger ones.
    pub(super) fn segmented(&self) -> u64 {
        self.segmented
    }

    /// Calls of the system.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Sends `datagrams` to where `socket` is connected; returns how many the system took, fewer
    /// where its queue is full.
    pub(super) fn send(
        &mut self,
        socket: &UdpSocket,
        datagrams: &[Datagram<'_>],
    ) -> io::Result<usize> {
        in_chunks(datagrams, |chunk| {
            let sent = self.send_chunk(socket, chunk);
            match &sent {
                // A route without what the cutting needs: from now on each goes by itself.
                Err(error) if self.segments && refuses_segments(error) => {
                    self.segments = false;
                    self.send_chunk(socket, chunk)
                }
                _ => sent,
            }
        })
    }

    fn send_chunk(&mut self, socket: &UdpSocket, chunk: &[Datagram<'_>]) -> io::Result<usize> {
        let Vectors { messages, pieces, segments, .. } = &mut *self.vectors;
        for (pieces, datagram) in pieces.iter_mut().zip(chunk) {
            for (piece, bytes) in pieces.iter_mut().zip([datagram.head, datagram.body]) {
                piece.iov_base = bytes.as_ptr().cast_mut().cast();
                piece.iov_len = bytes.len();
            }
        }
        let (mut at, mut calls) = (0, 0);
        while at < chunk.len() {
            let run = if self.segments { run_length(&chunk[at..]) } else { 1 };
            let header = &mut messages[calls].msg_hdr;
            header.msg_iov = pieces[at].as_mut_ptr();
            header.msg_iovlen = 2 * run;
            (header.msg_control, header.msg_controllen) = (ptr::null_mut(), 0);
            if run > 1 {
                let size = &mut segments[calls];
                size.header.cmsg_level = libc::SOL_UDP;
                size.header.cmsg_type = libc::UDP_SEGMENT;
                size.header.cmsg_len = SEGMENT_SIZE_LENGTH;
                size.bytes = chunk[at].length() as u16;
                header.msg_control = ptr::from_mut(size).cast();
                header.msg_controllen = size_of::<SegmentSize>();
            }
            at += run;
            calls += 1;
        }
        let count = calls as libc::c_uint;
        // SAFETY: there are as many headers as calls, at most as many as the arrays are long. Each
        // names two pieces for each datagram of its run, which lie side by side, and each piece
        // names bytes that outlive the call; control messages are in the arrays too. Sending only
        // reads all of it.
        let result = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        self.calls += 1;
        let taken = taken(result)?;
        let runs = messages[..taken].iter().map(|message| message.msg_hdr.msg_iovlen / 2);
        let (mut sent, mut cut) = (0, 0);
        for run in runs {
            sent += run;
            cut += if run > 1 { run } else { 0 };
        }
        self.segmented += cut as u64;
        Ok(sent)
    }
}

/// How many datagrams can be cut from one: those of one size, and a last one that is shorter.
fn run_length(datagrams: &[Datagram<'_>]) -> usize {
    let Some(size) = datagrams.first().map(Datagram::length) else { return 0 };
    let fits = (SEGMENTED_BYTES_MAX / size.max(1)).min(SEGMENTS_MAX);
    let mut run = 0;
    for datagram in datagrams.iter().take(fits) {
        let length = datagram.length();
        if length > size || length == 0 {
            break;
        }
        run += 1;
        if length < size {
            break;
        }
    }
    run.max(1)
}

/// Whether a route says that it does not cut datagrams.
fn refuses_segments(error: &io::Error) -> bool {
    let refusals = [libc::EIO, libc::EINVAL, libc::EOPNOTSUPP, libc::ENOPROTOOPT];
    error.raw_os_error().is_some_and(|number| refusals.contains(&number))
}

/// Offers `datagrams` in chunks of one system call, and stops at the first that is not taken
/// whole: what is behind it must not overtake it.
fn in_chunks<T>(
    datagrams: &[T],
    mut send_chunk: impl FnMut(&[T]) -> io::Result<usize>,
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
        let Vectors { messages, pieces, names, .. } = &mut *self.vectors;
        for (((message, [piece, _]), name), buffer) in
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
        let sent = in_chunks(&datagrams, |chunk: &[&[u8]]| {
            offers.push(chunk.len());
            results[offers.len() - 1].ok_or_else(|| io::Error::other("refused"))
        });
        (sent.ok(), offers)
    }

    #[test]
    fn equal_sizes_and_one_shorter_are_cut_from_one() {
        let run = |lengths: &[usize]| {
            let bytes = [0; 2_048];
            let datagrams: Vec<_> = lengths
                .iter()
                .map(|length| Datagram {
                    head: &bytes[..length / 3],
                    body: &bytes[length / 3..*length],
                })
                .collect();
            run_length(&datagrams)
        };
        assert_eq!(run(&[100]), 1);
        assert_eq!(run(&[100, 100, 100]), 3);
        assert_eq!(run(&[100, 100, 60, 100]), 3);
        assert_eq!(run(&[100, 101, 100]), 1);
        assert_eq!(run(&[100, 60, 60]), 2);
        assert_eq!(run(&[0, 0]), 1);
        assert_eq!(run(&[100, 0]), 1);
        assert_eq!(run(&[1; 90]), SEGMENTS_MAX);
        assert_eq!(run(&[1_400; 60]), 46, "65,507 bytes");
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
