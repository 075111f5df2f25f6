//! Recordings of datagrams: written as tcpdump would, read as tcpdump and Wireshark write them.
//!
//! ```text
//!  datagram, addresses, time ─▶ frame ─▶ write ─▶ FILE.pcap ─▶ read ─▶ frame ─▶ the same again
//! ```
//!
//! `frame.rs` puts the headers of Ethernet, IPv4 and UDP around a datagram and takes them off
//! again, `write.rs` writes packet captures of the classic kind, `read.rs` reads these and
//! `pcapng.rs` those of the next generation. A file may come from anybody: nothing is believed.

mod frame;
mod pcapng;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use frame::{Datagram, NotTaken, datagram, packets};
pub use read::{Captured, Reader};
pub use write::Recorder;

use std::fmt;
use std::io;

/// Bytes of one captured packet: what tcpdump and Wireshark allow at most (`MAXIMUM_SNAPLEN` of
/// libpcap).
const PACKET_BYTES_MAX: usize = 262_144;

/// Interfaces of one section of a capture: more than any machine listens on at once.
const INTERFACES_MAX: usize = 256;

/// Link-layer header types (the registry of draft-ietf-opsawg-pcaplinktype).
const ETHERNET: u32 = 1;
/// Raw IP, as some systems number it in their files.
const RAW_BSD: u32 = 12;
const RAW: u32 = 101;
const LINUX_COOKED: u32 = 113;
const IPV4: u32 = 228;
const LINUX_COOKED_2: u32 = 276;

/// What is wrong with a capture; `offset` is where in the file, in bytes.
#[derive(Debug)]
pub enum CaptureError {
    /// The system's, or the end of the file in the middle of something.
    Read {
        /// Where what was being read begins.
        offset: u64,
        /// What the system said.
        error: io::Error,
    },
    /// The first bytes are those of no capture.
    NoCapture {
        /// The first four bytes, little endian.
        magic: u32,
    },
    /// A version that is not understood.
    Version {
        /// Where it stands.
        offset: u64,
        /// Its first number.
        major: u16,
        /// Its second.
        minor: u16,
    },
    /// A length that cannot be.
    Length {
        /// Where what has it begins.
        offset: u64,
        /// What has it.
        what: &'static str,
        /// The length.
        bytes: u64,
        /// The longest that there can be.
        max: u64,
    },
    /// A packet of an interface that was not described.
    UnknownInterface {
        /// Where the packet begins.
        offset: u64,
        /// The number of its interface.
        interface: u32,
        /// How many were described before.
        known: usize,
    },
    /// A time in units that are not understood.
    TimeUnit {
        /// Where the interface is described.
        offset: u64,
        /// The code of the unit.
        code: u8,
    },
    /// The link layer is none that a feed is captured from.
    LinkType {
        /// Where it is said, or the packet begins.
        offset: u64,
        /// Its number in the registry.
        link: u32,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { offset, error } if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, "the capture is cut off: it ends within what begins at byte {offset}")
            }
            Self::Read { offset, error } => write!(f, "byte {offset}: {error}"),
            Self::NoCapture { magic } => {
                write!(f, "neither pcap nor pcapng: it begins with {magic:08x}")
            }
            Self::Version { offset, major, minor } => {
                write!(f, "byte {offset}: version {major}.{minor} of the format is not known")
            }
            Self::Length { offset, what, bytes, max } => {
                write!(f, "byte {offset}: a {what} of {bytes} bytes; there can be {max}")
            }
            Self::UnknownInterface { offset, interface, known } => write!(
                f,
                "byte {offset}: a packet of interface {interface}, and {known} were described"
            ),
            Self::TimeUnit { offset, code } => {
                write!(f, "byte {offset}: times in units of code {code} are not understood")
            }
            Self::LinkType { offset, link } => write!(
                f,
                "byte {offset}: link type {link}; a feed is read from Ethernet ({ETHERNET}), Linux \
                 cooked ({LINUX_COOKED}, {LINUX_COOKED_2}) and raw IP ({RAW}, {IPV4})"
            ),
        }
    }
}

impl std::error::Error for CaptureError {}
