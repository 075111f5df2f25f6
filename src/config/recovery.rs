//! The repair service as it is written down: where it listens, who may log in, and what for.
//!
//! Whether a text is a network, or a password's hash, is known to the wiring; here are numbers and
//! texts, and where they stand.

use std::net::{Ipv4Addr, SocketAddrV4};

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

/// Milliseconds of a snapshot's age: those who wait for it must get it before it is too old.
const AGE_MS_MIN: u64 = 250;
const AGE_MS_MAX: u64 = 60_000;

/// Networks such as `10.1.0.0/16`, as they are written. Equal ones say the same, wherever they
/// stand.
#[derive(Clone, Debug)]
pub struct Networks {
    /// The line of the section, for what is found wrong with them later.
    pub line: usize,
    /// Their texts.
    pub texts: Vec<String>,
}

impl PartialEq for Networks {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Networks {}

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
    pub rerequest_networks: Networks,
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
            rerequest_networks: Networks { line: 0, texts: vec!["127.0.0.0/8".to_owned()] },
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
            rerequest_networks: Networks {
                line: section.line(),
                texts: section
                    .texts("rerequest_networks", NETWORKS_MAX)
                    .unwrap_or(default.rerequest_networks.texts),
            },
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
                AGE_MS_MIN..=AGE_MS_MAX,
            ),
            users: users(&mut section),
        };
        section.finish();
        read
    }
}

const ADDRESS: &str = "an IPv4 address and a port, such as 127.0.0.1:42001; port 0 is any that is \
                       free";

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
