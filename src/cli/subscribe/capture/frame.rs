//! The headers around a datagram: Ethernet, IPv4 and UDP put on; whatever link layer taken off.
//!
//! ```text
//!  14 Ethernet: group's MAC │ source's MAC │ 0800
//!  20 IPv4: 45 │ 0 │ length │ 0 │ do not fragment │ TTL 1 │ 17 │ checksum │ source │ group
//!   8 UDP: source port │ port │ length │ checksum
//!     the datagram
//! ```
//!
//! A recording has made-up MAC addresses: a socket does not tell them.
//! Spec: RFC 791 (IPv4), RFC 768 (UDP), RFC 1112 6.4 (a group's MAC), RFC 1071 (checksum).

use super::{ETHERNET, IPV4, LINUX_COOKED, LINUX_COOKED_2, RAW, RAW_BSD};
use isochron_feeds::mold::{COUNT_END_OF_SESSION, HEADER_BYTES, Header};
use std::net::{Ipv4Addr, SocketAddrV4};

const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// EtherTypes: IPv4, and the tags of virtual networks (IEEE 802.1Q) that may stand before it.
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_TAGS: [u16; 2] = [0x8100, 0x88a8];

/// Tags one inside the other: more than two are no network.
const TAGS_MAX: usize = 2;

const PROTOCOL_UDP: u8 = 17;

/// A datagram and where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddrV4,
    /// Where to: a group, or this machine.
    pub destination: SocketAddrV4,
    /// What it holds.
    pub payload: &'a [u8],
}

/// Why a captured packet is no datagram for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Another protocol, or a fragment: a feed sends neither.
    Other,
    /// The capture kept only its beginning.
    CutShort,
    /// Its lengths do not fit each other.
    Malformed,
}

/// The Ethernet frame of a datagram, into `frame`.
pub(super) fn compose(
    source: SocketAddrV4,
    destination: SocketAddrV4,
    payload: &[u8],
    frame: &mut Vec<u8>,
) {
    let udp_length = (UDP_BYTES + payload.len()) as u16;
    let ip_length = (IPV4_BYTES + UDP_BYTES + payload.len()) as u16;
    frame.clear();
    frame.extend(mac(*destination.ip()));
    frame.extend(mac(*source.ip()));
    frame.extend(ETHERTYPE_IPV4.to_be_bytes());
    frame.extend([0x45, 0]);
    frame.extend(ip_length.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 1, PROTOCOL_UDP, 0, 0]);
    frame.extend(source.ip().octets());
    frame.extend(destination.ip().octets());
    let sum = checksum(sum(&frame[ETHERNET_BYTES..]));
    frame[ETHERNET_BYTES + 10..ETHERNET_BYTES + 12].copy_from_slice(&sum.to_be_bytes());
    let udp = frame.len();
    frame.extend(source.port().to_be_bytes());
    frame.extend(destination.port().to_be_bytes());
    frame.extend(udp_length.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    // The addresses, the protocol and the length count too; 0 would mean "none".
    let pseudo = u64::from(PROTOCOL_UDP) + u64::from(udp_length);
    let addresses = ETHERNET_BYTES + 12..ETHERNET_BYTES + IPV4_BYTES;
    let whole = pseudo + self::sum(&frame[addresses]) + self::sum(&frame[udp..]);
    let sum = match checksum(whole) {
        0 => 0xffff,
        sum => sum,
    };
    frame[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
}

/// A group's address has its place in Ethernet; any other one gets a locally administered address.
fn mac(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    if ip.is_multicast() { [0x01, 0x00, 0x5e, b & 0x7f, c, d] } else { [0x02, 0, a, b, c, d] }
}

/// The sum of all 16-bit words; a last byte alone is the high half of one.
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2).map(|word| match *word {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => unreachable!("chunks of two"),
    });
    words.sum()
}

/// The ones' complement of the ones' complement sum.
fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The datagram in a captured packet.
///
/// # Errors
/// Why it is none.
pub fn datagram(link: u32, packet: &[u8]) -> Result<Datagram<'_>, NotTaken> {
    let (ethertype, ip) = match link {
        ETHERNET => after_ethernet(packet)?,
        LINUX_COOKED => (word(packet, 14)?, &packet[16..]),
        LINUX_COOKED_2 => {
            let header = packet.split_at_checked(20).ok_or(NotTaken::CutShort)?;
            (word(packet, 0)?, header.1)
        }
        RAW | RAW_BSD | IPV4 => (ETHERTYPE_IPV4, packet),
        _ => return Err(NotTaken::Other),
    };
    if ethertype != ETHERTYPE_IPV4 { Err(NotTaken::Other) } else { from_ipv4(ip) }
}

/// Whether datagrams can be taken from packets of that link layer.
pub(super) fn is_known(link: u32) -> bool {
    matches!(link, ETHERNET | LINUX_COOKED | LINUX_COOKED_2 | RAW | RAW_BSD | IPV4)
}

fn word(bytes: &[u8], at: usize) -> Result<u16, NotTaken> {
    let word = bytes.get(at..at + 2).ok_or(NotTaken::CutShort)?;
    Ok(u16::from_be_bytes([word[0], word[1]]))
}

/// The type of what is inside an Ethernet frame, and that.
fn after_ethernet(frame: &[u8]) -> Result<(u16, &[u8]), NotTaken> {
    let mut at = ETHERNET_BYTES - 2;
    let mut ethertype = word(frame, at)?;
    for _ in 0..TAGS_MAX {
        if !ETHERTYPE_TAGS.contains(&ethertype) {
            break;
        }
        at += 4;
        ethertype = word(frame, at)?;
    }
    Ok((ethertype, &frame[at + 2..]))
}

/// The datagram in an IPv4 packet, which may be followed by what fills a short frame up.
fn from_ipv4(packet: &[u8]) -> Result<Datagram<'_>, NotTaken> {
    let first = *packet.first().ok_or(NotTaken::CutShort)?;
    if first >> 4 != 4 {
        return Err(NotTaken::Other);
    }
    let header = packet.get(..IPV4_BYTES).ok_or(NotTaken::CutShort)?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[9] != PROTOCOL_UDP || fragment != 0 {
        return Err(NotTaken::Other);
    }
    let header_bytes = usize::from(first & 0x0f) * 4;
    let length = usize::from(word(packet, 2)?);
    if header_bytes < IPV4_BYTES || length < header_bytes + UDP_BYTES {
        return Err(NotTaken::Malformed);
    }
    let udp = packet.get(header_bytes..length).ok_or(NotTaken::CutShort)?;
    let udp_length = usize::from(word(udp, 4)?);
    if udp_length < UDP_BYTES {
        return Err(NotTaken::Malformed);
    }
    let payload = udp.get(UDP_BYTES..udp_length).ok_or(NotTaken::Malformed)?;
    let address =
        |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    Ok(Datagram {
        source: SocketAddrV4::new(address(12), word(udp, 0)?),
        destination: SocketAddrV4::new(address(16), word(udp, 2)?),
        payload,
    })
}

/// The MoldUDP64 packets of a datagram: one, but several where it was captured before the sender's
/// network card (or the loopback interface) cut a large send into datagrams. What is no packet is
/// one piece, which whoever takes it refuses by name.
pub fn packets(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload;
    let mut first = true;
    std::iter::from_fn(move || {
        if rest.is_empty() && !first {
            return None;
        }
        first = false;
        let (packet, more) = rest.split_at(packet_bytes(rest).unwrap_or(rest.len()));
        rest = more;
        Some(packet)
    })
}

/// Bytes of the packet that `bytes` begin with.
fn packet_bytes(bytes: &[u8]) -> Option<usize> {
    let header = Header::parse(bytes).ok()?;
    let blocks = if header.count == COUNT_END_OF_SESSION { 0 } else { header.count };
    let mut at = HEADER_BYTES;
    for _ in 0..blocks {
        at += 2 + usize::from(word(bytes, at).ok()?);
    }
    (at <= bytes.len()).then_some(at)
}
