//! Networks of an allow-list: an address and the bits that count, `10.1.0.0/16`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network of IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The bits after the prefix are 0.
    address: IpAddr,
    prefix_bits: u32,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// No address before the `/`.
    Address {
        /// The text.
        text: String,
    },
    /// No number after it, or more bits than the address has.
    Prefix {
        /// The text.
        text: String,
        /// The bits of such an address.
        max: u32,
    },
    /// Bits of the address after the prefix are set: one of the two is a mistake.
    HostBits {
        /// The text.
        text: String,
        /// The network that it lies in.
        network: Network,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text } => {
                write!(f, "\"{}\" is no network, such as 10.1.0.0/16", text.escape_debug())
            }
            Self::Prefix { text, max } => {
                write!(f, "\"{}\": a prefix has 0 to {max} bits", text.escape_debug())
            }
            Self::HostBits { text, network } => {
                write!(f, "\"{}\" has bits after its prefix: is it {network}?", text.escape_debug())
            }
        }
    }
}

impl std::error::Error for NetworkError {}

impl Network {
    /// The network of the first so many bits of an address, at most as many as it has.
    #[must_use]
    pub fn of(address: IpAddr, prefix_bits: u32) -> Network {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & mask_v4(prefix_bits)).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & mask_v6(prefix_bits)).into()),
        };
        Network { address, prefix_bits: prefix_bits.min(bits_of(address)) }
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same_kind = address.is_ipv4() == self.address.is_ipv4();
        same_kind && Network::of(address, self.prefix_bits) == *self
    }

    /// Whether it is the address that all of the network's hosts hear. Networks of two hosts or
    /// one have none, and IPv6 has none; nor has all of IPv4, which no link is.
    #[must_use]
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(v4) = address else { return false };
        let link = (1..=30).contains(&self.prefix_bits);
        link && self.contains(address) && v4.to_bits() | mask_v4(self.prefix_bits) == u32::MAX
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `10.1.0.0/16`, `2001:db8::/32`; an address alone is a network of one.
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let wrong = |_| NetworkError::Address { text: text.to_string() };
        let address: IpAddr = address.parse().map_err(wrong)?;
        let max = bits_of(address);
        let bits = prefix.map_or(Some(max), |prefix| prefix.parse().ok().filter(|b| *b <= max));
        let bits = bits.ok_or(NetworkError::Prefix { text: text.to_string(), max })?;
        let network = Network::of(address, bits);
        if network.address != address {
            return Err(NetworkError::HostBits { text: text.to_string(), network });
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether an answer to the address would reach one host.
pub(super) fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_multicast() || address.is_unspecified() || broadcast)
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask_v4(prefix_bits: u32) -> u32 {
    !u32::MAX.checked_shr(prefix_bits).unwrap_or(0)
}

fn mask_v6(prefix_bits: u32) -> u128 {
    !u128::MAX.checked_shr(prefix_bits).unwrap_or(0)
}
