//! The repair service as it is written down: where it listens, who may log in, and what for.
//!
//! Whether a text is a password's hash is known to the wiring; here are numbers and texts, and where
//! they stand.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use super::market_data::PRODUCTS;
use super::section::Section;

/// Users, and entries of one user's lists.
const USERS_MAX: usize = 10_000;
const ENTRIES_MAX: usize = 10_000;

/// Networks of the allow-list: each request is compared with all of them.
const NETWORKS_MAX: usize = 64;

/// Characters of a user's name: its field in SoupBinTCP's login.
const NAME_BYTES_MAX: usize = 6;

/// Bytes of a password's hash in PHC form, and of a symbol.
const HASH_BYTES_MAX: usize = 256;

/// Connections that one process serves: each has its buffers.
const CONNECTIONS_MAX: usize = 65_536;

/// Milliseconds of a snapshot's age.
const AGE_MS_MAX: u64 = 60_000;

/// A network of IPv4 addresses, as in `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: Ipv4Addr,
    /// The bits that its addresses share, 0 to 32.
    pub bits: u8,
}

impl Network {
    /// Whether an address is one of the network's.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
        u32::from(self.address) & mask == u32::from(address) & mask
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let network =
            Self { address: address.parse().map_err(drop)?, bits: bits.parse().map_err(drop)? };
        // Bits behind the mask are a slip of somebody's pen.
        let host = u32::MAX.checked_shr(network.bits.into()).unwrap_or(0);
        match network.bits <= 32 && u32::from(network.address) & host == 0 {
            true => Ok(network),
            false => Err(()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryUser {
    /// The line where it begins, for what is found wrong with it later.
    pub line: usize,
    /// The name, letters and digits, at most six; SoupBinTCP ignores case.
    pub name: String,
    /// The password's hash, in PHC form, as `isochron password` prints it.
    pub password: String,
    /// The products that the user may see, by name; `None` for all.
    pub products: Option<Vec<&'static str>>,
    /// The partitions that the user may see; `None` for all.
    pub partitions: Option<Vec<u16>>,
    /// The symbols that the user may see; `None` for all.
    pub symbols: Option<Vec<String>>,
    /// Connections at a time. This and the next two: the library's defaults where left out.
    pub connections_max: Option<u32>,
    /// Logins a minute.
    pub logins_per_minute: Option<u32>,
    /// Messages repeated to the user a day, in replays and snapshots.
    pub messages_per_day: Option<u64>,
}

/// Repair for those who missed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Whether it is there.
    pub enabled: bool,
    /// Where replay listens, TCP.
    pub replay: SocketAddrV4,
    /// Where snapshots are had, TCP.
    pub snapshots: SocketAddrV4,
    /// Where single messages are asked for again, UDP.
    pub rerequests: SocketAddrV4,
    /// Who is answered there.
    pub rerequest_networks: Vec<Network>,
    /// Answers to one address a second, a minute and a day.
    pub rerequests_per_second: u32,
    /// As above, a minute.
    pub rerequests_per_minute: u32,
    /// As above, a day.
    pub rerequests_per_day: u32,
    /// Connections at a time, all users together.
    pub connections_max: usize,
    /// Connections at a time from one address.
    pub connections_per_address_max: usize,
    /// Age up to which a snapshot is given to the next client too, in milliseconds.
    pub snapshot_age_ms: u64,
    /// Who may log in.
    pub users: Vec<RecoveryUser>,
}

impl Default for Recovery {
    fn default() -> Self {
        let here = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        Self {
            enabled: true,
            replay: here(42_001),
            snapshots: here(42_002),
            rerequests: here(42_003),
            rerequest_networks: vec![Network { address: Ipv4Addr::new(127, 0, 0, 0), bits: 8 }],
            rerequests_per_second: 100,
            rerequests_per_minute: 1_500,
            rerequests_per_day: 100_000,
            connections_max: 4_096,
            connections_per_address_max: 256,
            snapshot_age_ms: 1_000,
            users: Vec::new(),
        }
    }
}

impl Recovery {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let mut at = |key: &'static str, default| section.parsed(key, ADDRESS).unwrap_or(default);
        let replay = at("replay", default.replay);
        let snapshots = at("snapshots", default.snapshots);
        let rerequests = at("rerequests", default.rerequests);
        let read = Self {
            enabled: section.boolean("enabled", default.enabled),
            replay,
            snapshots,
            rerequests,
            rerequest_networks: networks(&mut section).unwrap_or(default.rerequest_networks),
            rerequests_per_second: section.integer(
                "rerequests_per_second",
                default.rerequests_per_second,
                1..=u32::MAX,
            ),
            rerequests_per_minute: section.integer(
                "rerequests_per_minute",
                default.rerequests_per_minute,
                1..=u32::MAX,
            ),
            rerequests_per_day: section.integer(
                "rerequests_per_day",
                default.rerequests_per_day,
                1..=u32::MAX,
            ),
            connections_max: section.integer(
                "connections_max",
                default.connections_max,
                1..=CONNECTIONS_MAX,
            ),
            connections_per_address_max: section.integer(
                "connections_per_address_max",
                default.connections_per_address_max,
                1..=CONNECTIONS_MAX,
            ),
            snapshot_age_ms: section.integer(
                "snapshot_age_ms",
                default.snapshot_age_ms,
                0..=AGE_MS_MAX,
            ),
            users: users(&mut section),
        };
        section.finish();
        read
    }
}

const ADDRESS: &str = "an IPv4 address and a port, such as 127.0.0.1:42001; port 0 is any that is \
                       free";

fn networks(section: &mut Section<'_>) -> Option<Vec<Network>> {
    let texts = section.texts("rerequest_networks", NETWORKS_MAX)?;
    let mut networks = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(()) => section.fault(format_args!(
                "rerequest_networks: {text:?} is no network, such as 10.1.0.0/16"
            )),
        }
    }
    Some(networks)
}

fn users(section: &mut Section<'_>) -> Vec<RecoveryUser> {
    let entries = section.sections("users");
    if let Some(first_too_many) = entries.get(USERS_MAX) {
        first_too_many.fault(format_args!("at most {USERS_MAX} users"));
    }
    let mut users: Vec<RecoveryUser> = Vec::new();
    for mut entry in entries.into_iter().take(USERS_MAX) {
        let user = user(&mut entry);
        let is_same = |other: &RecoveryUser| other.name.eq_ignore_ascii_case(&user.name);
        if users.iter().any(is_same) {
            entry.fault(format_args!("there is a user {:?} already (case is ignored)", user.name));
        }
        entry.finish();
        users.push(user);
    }
    users
}

fn user(entry: &mut Section<'_>) -> RecoveryUser {
    entry.require(&["name", "password"]);
    let allowed = format!("1 to {NAME_BYTES_MAX} letters and digits");
    let name = entry.value("name", &allowed, |value| {
        let text = value.text()?;
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| text.to_owned())
    });
    RecoveryUser {
        line: entry.line(),
        name: name.unwrap_or_default(),
        password: entry.text("password", HASH_BYTES_MAX).unwrap_or_default(),
        products: entry.words("products", &PRODUCTS),
        partitions: entry.integers("partitions", ENTRIES_MAX),
        symbols: entry.texts("symbols", ENTRIES_MAX),
        connections_max: entry.optional_integer("connections_max", 1..=u32::MAX),
        logins_per_minute: entry.optional_integer("logins_per_minute", 1..=u32::MAX),
        messages_per_day: entry.optional_integer("messages_per_day", 1..=u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_a_mask() {
        let network = |text: &str| text.parse::<Network>();
        let ten: Network = network("10.1.0.0/16").unwrap();
        assert!(ten.contains(Ipv4Addr::new(10, 1, 255, 1)));
        assert!(!ten.contains(Ipv4Addr::new(10, 2, 0, 0)));
        let one = network("192.0.2.7").unwrap();
        assert_eq!((one.bits, one.to_string().as_str()), (32, "192.0.2.7/32"));
        assert!(one.contains(one.address) && !one.contains(Ipv4Addr::new(192, 0, 2, 6)));
        assert!(network("0.0.0.0/0").unwrap().contains(Ipv4Addr::BROADCAST));
        for wrong in ["", "10.1.0.0/33", "10.1.0.1/16", "10.1.0.0/-1", "ten", "::1/128"] {
            assert_eq!(network(wrong), Err(()), "{wrong}");
        }
    }
}
