//! Writes a packet capture of the classic kind, with times in nanoseconds.
//!
//! ```text
//!  file    magic a1b23c4d │ major 2 │ minor 4 │ 0 │ 0 │ bytes kept of a packet │ link type 1
//!  packet  seconds u32 │ nanoseconds u32 │ bytes kept u32 │ bytes it had u32 │ the packet
//! ```
//!
//! Integers are little endian. tcpdump, Wireshark and this program read it.
//! Spec: draft-ietf-opsawg-pcap, sections 4 and 5.

use super::{ETHERNET, PACKET_BYTES_MAX, frame};
use std::io::{self, Write};
use std::net::SocketAddrV4;

/// Times are in seconds and nanoseconds.
pub(super) const MAGIC_NS: u32 = 0xa1b2_3c4d;

const SECOND_NS: u64 = 1_000_000_000;

/// Records datagrams, each with the headers that it came with as far as a socket tells them.
pub struct Recorder<W: Write> {
    out: W,
    packet: Vec<u8>,
    packets: u64,
}

impl<W: Write> Recorder<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: W) -> io::Result<Self> {
        let mut header = [0; 24];
        header[..4].copy_from_slice(&MAGIC_NS.to_le_bytes());
        header[4..6].copy_from_slice(&2_u16.to_le_bytes());
        header[6..8].copy_from_slice(&4_u16.to_le_bytes());
        header[16..20].copy_from_slice(&(PACKET_BYTES_MAX as u32).to_le_bytes());
        header[20..].copy_from_slice(&ETHERNET.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out, packet: Vec::new(), packets: 0 })
    }

    /// Packets recorded.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Records a datagram that was received at `time_ns`, nanoseconds since 1970.
    ///
    /// # Errors
    /// The writer's; the recording then ends within this packet.
    pub fn record(
        &mut self,
        time_ns: u64,
        source: SocketAddrV4,
        destination: SocketAddrV4,
        payload: &[u8],
    ) -> io::Result<()> {
        frame::compose(source, destination, payload, &mut self.packet);
        let bytes = self.packet.len() as u32;
        // Seconds in 32 bits without a sign last until 2106.
        let (seconds, rest) = ((time_ns / SECOND_NS) as u32, (time_ns % SECOND_NS) as u32);
        for word in [seconds, rest, bytes, bytes] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&self.packet)?;
        self.packets += 1;
        Ok(())
    }

    /// Gives what is buffered to the system.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
