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

/// Joined datagrams of one system call, and the bytes of them together: as many as stay in the
/// cache, each as large as the system makes one.
const JOINED_MAX: usize = 8;
const JOINED_BYTES: usize = 64 * 1024;

const _: () = assert!(SEGMENTED_BYTES_MAX <= JOINED_BYTES && JOINED_MAX <= BATCH_DATAGRAMS_MAX);

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

/// The control message that has the system cut a datagram into several of one size, or says of
/// which size those are that it joined (of what it says, an int, the size is the low half).
/// Source: udp(7), UDP_SEGMENT and UDP_GRO.
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
        let pieces = pieces.as_flattened_mut();
        let mut runs = [0; BATCH_DATAGRAMS_MAX];
        let (mut at, mut calls, mut used) = (0, 0, 0);
        while at < chunk.len() {
            let run = if self.segments { run_length(&chunk[at..]) } else { 1 };
            let count = fill_pieces(&mut pieces[used..], &chunk[at..at + run]);
            let header = &mut messages[calls].msg_hdr;
            header.msg_iov = pieces[used..].as_mut_ptr();
            header.msg_iovlen = count;
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
            runs[calls] = run;
            at += run;
            used += count;
            calls += 1;
        }
        let count = calls as libc::c_uint;
        // SAFETY: there are as many headers as calls, at most as many as the arrays are long. Each
        // names the pieces of its run, which lie side by side in the array, and each piece names
        // bytes that outlive the call; control messages are in the arrays too. Sending only reads
        // all of it.
        let result = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        self.calls += 1;
        let taken = taken(result)?;
        let (mut sent, mut cut) = (0, 0);
        for run in &runs[..taken] {
            sent += run;
            cut += if *run > 1 { *run } else { 0 };
        }
        self.segmented += cut as u64;
        Ok(sent)
    }
}

/// Names the bytes of some datagrams in a row, as one piece where they lie side by side; how many
/// pieces that takes.
fn fill_pieces(pieces: &mut [libc::iovec], datagrams: &[Datagram<'_>]) -> usize {
    let mut count: usize = 0;
    let mut end = ptr::null();
    let parts = datagrams.iter().flat_map(|datagram| [datagram.head, datagram.body]);
    for bytes in parts.filter(|bytes| !bytes.is_empty()) {
        if count > 0 && end == bytes.as_ptr() {
            pieces[count - 1].iov_len += bytes.len();
        } else {
            pieces[count].iov_base = bytes.as_ptr().cast_mut().cast();
            pieces[count].iov_len = bytes.len();
            count += 1;
        }
        end = bytes.as_ptr_range().end;
    }
    count
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
    buffers: Box<[u8]>,
    buffer_bytes: usize,
    oversized: u64,
    calls: u64,
}

impl ReceiveBatch {
    /// For datagrams that come one by one.
    pub(super) fn new() -> Self {
        Self::with_buffers(BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES)
    }

    /// For a socket that is handed datagrams of one size as one (UDP_GRO), and longer ones.
    pub(super) fn for_joined() -> Self {
        Self::with_buffers(JOINED_MAX, JOINED_BYTES)
    }

    fn with_buffers(count: usize, buffer_bytes: usize) -> Self {
        let buffers = vec![0; count * buffer_bytes].into_boxed_slice();
        Self { vectors: Vectors::new(), buffers, buffer_bytes, oversized: 0, calls: 0 }
    }

    /// Datagrams that were longer than a buffer, and so were not handed out.
    pub(super) fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Calls of the system.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Hands the datagrams that wait in `socket`, an IPv4 one, at most one batch of them, to
    /// `handler`, each with its sender; returns how many there were.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut handler: impl FnMut(SocketAddrV4, &[u8]),
    ) -> io::Result<usize> {
        let Vectors { messages, pieces, segments, names } = &mut *self.vectors;
        let buffers = self.buffers.chunks_exact_mut(self.buffer_bytes);
        let batch_max = buffers.len() as libc::c_uint;
        for ((((message, [piece, _]), name), size), buffer) in
            messages.iter_mut().zip(&mut *pieces).zip(&mut *names).zip(&mut *segments).zip(buffers)
        {
            message.msg_hdr.msg_name = ptr::from_mut(name).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            piece.iov_base = buffer.as_mut_ptr().cast();
            piece.iov_len = buffer.len();
            message.msg_hdr.msg_iov = ptr::from_mut(piece);
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = ptr::from_mut(size).cast();
            message.msg_hdr.msg_controllen = size_of::<SegmentSize>();
        }
        // SAFETY: the arrays have room for one batch, and at most as many are asked for as there
        // are buffers; each header names one address, one piece and one control message, each
        // piece one buffer, all with their lengths, and all outlive the call.
        let result = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                batch_max,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        self.calls += 1;
        let count = taken(result)?;
        let mut datagrams = 0;
        let buffers = self.buffers.chunks_exact(self.buffer_bytes);
        for (((message, name), size), buffer) in
            messages.iter().zip(&*names).zip(&*segments).zip(buffers).take(count)
        {
            if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                self.oversized += 1;
                datagrams += 1;
                continue;
            }
            let (from, bytes) = (address(name), &buffer[..message.msg_len as usize]);
            let was_joined = message.msg_hdr.msg_controllen >= SEGMENT_SIZE_LENGTH
                && (size.header.cmsg_level, size.header.cmsg_type)
                    == (libc::SOL_UDP, libc::UDP_GRO);
            let each = if was_joined { usize::from(size.bytes) } else { bytes.len() };
            // A datagram of nothing is one too.
            for datagram in bytes.chunks(each.max(1)).chain(bytes.is_empty().then_some(bytes)) {
                handler(from, datagram);
                datagrams += 1;
            }
        }
        Ok(datagrams)
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
    fn bytes_side_by_side_are_one_piece() {
        let bytes = [7; 100];
        let (first, rest) = bytes.split_at(40);
        let mut pieces: [libc::iovec; 8] =
            std::array::from_fn(|_| libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 });
        let mut lengths = |datagrams: &[Datagram<'_>]| {
            let count = fill_pieces(&mut pieces, datagrams);
            pieces[..count].iter().map(|piece| piece.iov_len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[Datagram::whole(first), Datagram::whole(rest)]), [100]);
        assert_eq!(lengths(&[Datagram { head: first, body: rest }]), [100]);
        assert_eq!(lengths(&[Datagram::whole(rest), Datagram::whole(first)]), [60, 40]);
        assert_eq!(lengths(&[Datagram::whole(first), Datagram::whole(&rest[1..])]), [40, 59]);
        assert_eq!(lengths(&[Datagram::whole(&[])]), [0_usize; 0]);
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
