//! The sections of a configuration, each with its defaults and its limits.

use std::path::PathBuf;

use super::section::Section;
use crate::limits::{
    EXCHANGE_NAME_BYTES_MAX, ORDERS_MAX, SEGMENTS_AHEAD_DEFAULT, SEGMENTS_AHEAD_MAX,
    SOURCE_SCHEDULER, SYNC_INTERVAL_MS_MAX, SYNC_INTERVAL_NS_DEFAULT, TERM_BYTES_DEFAULT,
    TERM_BYTES_MAX, TERM_BYTES_MIN, TRANSACTION_BYTES_MAX, UNCOMMITTED_BYTES_DEFAULT,
};
use crate::metrics::RINGS_MAX;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 4_095;

/// Entries of a table of the state machine, and bytes that may wait for their commit.
const ENTRIES_MAX: usize = 1 << 30;
const UNCOMMITTED_BYTES_MAX: u64 = 1 << 40;

/// Cores that a machine may have (Linux' largest).
const CORE_MAX: usize = 8_191;

/// Commands between two snapshots, and snapshots that are kept.
const SNAPSHOT_COMMANDS_MAX: u64 = 1_000_000_000_000;
const SNAPSHOTS_KEPT_MAX: usize = 1_000;

/// Seconds that a start may take: less than two leave nothing to execute again.
const START_SECONDS_MIN: u64 = 2;
const START_SECONDS_MAX: u64 = 3_600;

/// Sources in other processes: one ring is the scheduler's, one a flow's of this process.
const SOURCES_MAX: usize = RINGS_MAX - 2;

/// Bytes of a ring in a file.
const RING_BYTES_MIN: usize = 4 * 1024;
const RING_BYTES_MAX: usize = 1024 * 1024 * 1024;
const RING_BYTES_DEFAULT: usize = 2 * 1024 * 1024;

/// The agents that an exchange has, by name: those that may be placed.
pub const AGENTS: [&str; 16] = [
    "core",
    "feed",
    "feed-log",
    "source",
    "sync",
    "segments",
    "retention",
    "snapshot",
    "scheduler",
    "recovery",
    "images",
    "passwords",
    "primary",
    "standby",
    "follower",
    "catch-up",
];

/// Who the exchange is: what its store, and its feed, are marked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its name, 1 to 64 bytes.
    pub name: String,
    /// Its number: the stream of its log.
    pub number: i32,
    /// This machine's number within it.
    pub node: u32,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { name: "ISOCHRON".to_owned(), number: 1, node: 1 }
    }
}

impl Exchange {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            name: section.text("name", EXCHANGE_NAME_BYTES_MAX).unwrap_or(default.name),
            number: section.integer("number", default.number, 1..=i32::MAX),
            node: section.integer("node", default.node, 1..=u32::MAX),
        };
        section.finish();
        read
    }
}

/// When a transaction is committed, so that others may act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it survives the death of the process.
    Process,
    /// When it survives the loss of power.
    Disk,
}

/// How long the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For ever.
    All,
    /// Until a snapshot covers it, its day is over, and every registered reader has passed it.
    Snapshots,
}

/// Where the log lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its directory.
    pub directory: PathBuf,
    /// Bytes of one of its files, a power of two.
    pub term_bytes: usize,
    /// When a transaction is committed.
    pub durability: Durability,
    /// The most that may be published and not committed.
    pub uncommitted_bytes_max: u64,
    /// Segments that are ready beyond the one being written.
    pub segments_ahead: usize,
    /// Milliseconds between two syncs that no commit waits for; 0 syncs all the time.
    pub sync_interval_ms: u64,
    /// How long it is kept.
    pub retention: Retention,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("store"),
            term_bytes: TERM_BYTES_DEFAULT,
            durability: Durability::Process,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_DEFAULT,
            segments_ahead: SEGMENTS_AHEAD_DEFAULT,
            sync_interval_ms: SYNC_INTERVAL_NS_DEFAULT / 1_000_000,
            retention: Retention::All,
        }
    }
}

impl Store {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let directory = section.text("directory", PATH_BYTES_MAX).map(PathBuf::from);
        let allowed = format!("a power of two from {TERM_BYTES_MIN} to {TERM_BYTES_MAX}");
        let term_bytes = section.integer_of("term_bytes", &allowed, |bytes: &usize| {
            bytes.is_power_of_two() && (TERM_BYTES_MIN..=TERM_BYTES_MAX).contains(bytes)
        });
        let read = Self {
            directory: directory.unwrap_or(default.directory),
            term_bytes: term_bytes.unwrap_or(default.term_bytes),
            durability: section.choice(
                "durability",
                default.durability,
                &[("process", Durability::Process), ("disk", Durability::Disk)],
            ),
            uncommitted_bytes_max: section.integer(
                "uncommitted_bytes_max",
                default.uncommitted_bytes_max,
                TRANSACTION_BYTES_MAX as u64..=UNCOMMITTED_BYTES_MAX,
            ),
            segments_ahead: section.integer(
                "segments_ahead",
                default.segments_ahead,
                1..=SEGMENTS_AHEAD_MAX,
            ),
            sync_interval_ms: section.integer(
                "sync_interval_ms",
                default.sync_interval_ms,
                0..=SYNC_INTERVAL_MS_MAX,
            ),
            retention: section.choice(
                "retention",
                default.retention,
                &[("all", Retention::All), ("snapshots", Retention::Snapshots)],
            ),
        };
        section.finish();
        read
    }
}

/// Room that the state machine has before anything grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Live orders.
    pub orders: usize,
    /// Pairs of account and instrument that hold, or have open orders.
    pub holdings: usize,
    /// Client order ids, live and remembered.
    pub client_ids: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { orders: 1 << 18, holdings: 1 << 20, client_ids: 1 << 20 }
    }
}

impl Capacity {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            orders: section.integer("orders", default.orders, 1..=ORDERS_MAX),
            holdings: section.integer("holdings", default.holdings, 1..=ENTRIES_MAX),
            client_ids: section.integer("client_ids", default.client_ids, 1..=ENTRIES_MAX),
        };
        section.finish();
        read
    }
}

/// How agents share threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As the machine's cores allow.
    Auto,
    /// All on one thread, except those that are named.
    Shared,
    /// Each on a thread of its own.
    Dedicated,
}

/// What a thread does without work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// As the machine's cores allow.
    Auto,
    /// Looks again at once.
    Spin,
    /// Offers the core to others.
    Yield,
    /// Sleeps, longer each time.
    BackOff,
}

impl Idle {
    fn read(section: &mut Section<'_>) -> Self {
        let words = [
            ("auto", Self::Auto),
            ("spin", Self::Spin),
            ("yield", Self::Yield),
            ("back_off", Self::BackOff),
        ];
        section.choice("idle", Self::Auto, &words)
    }
}

/// An agent that has a thread of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedicated {
    /// The agent's name, one of [`AGENTS`].
    pub agent: &'static str,
    /// The core that its thread is pinned to.
    pub core: Option<usize>,
    /// What its thread does without work.
    pub idle: Idle,
}

/// Which agents share threads and cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threads {
    /// How agents share threads.
    pub placement: Placement,
    /// What threads do without work.
    pub idle: Idle,
    /// The agents that are placed one by one.
    pub dedicated: Vec<Dedicated>,
}

impl Default for Threads {
    fn default() -> Self {
        Self { placement: Placement::Auto, idle: Idle::Auto, dedicated: Vec::new() }
    }
}

impl Threads {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let placement = section.choice(
            "placement",
            Placement::Auto,
            &[
                ("auto", Placement::Auto),
                ("shared", Placement::Shared),
                ("dedicated", Placement::Dedicated),
            ],
        );
        let idle = Idle::read(&mut section);
        let mut dedicated: Vec<Dedicated> = Vec::new();
        for mut entry in section.sections("dedicated") {
            let agent = entry.choice("agent", "", &AGENTS.map(|agent| (agent, agent)));
            let core = entry.optional_integer("core", 0..=CORE_MAX);
            let idle = Idle::read(&mut entry);
            if entry.require(&["agent"]) && dedicated.iter().any(|other| other.agent == agent) {
                entry.fault(format_args!("agent {agent:?} has a thread already"));
            }
            entry.finish();
            dedicated.push(Dedicated { agent, core, idle });
        }
        section.finish();
        Self { placement, idle, dedicated }
    }
}

/// When the state is written down, so that a start need not execute the whole log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// Whether it is.
    pub enabled: bool,
    /// The seconds within which a start accepts orders: the cadence follows from it and from the
    /// speed that is measured.
    pub start_seconds: u64,
    /// Commands from one snapshot to the next, where they are told.
    pub every_commands: Option<u64>,
    /// The newest snapshots that are kept.
    pub keep: usize,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { enabled: true, start_seconds: 5, every_commands: None, keep: 3 }
    }
}

impl Snapshots {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            enabled: section.boolean("enabled", default.enabled),
            start_seconds: section.integer(
                "start_seconds",
                default.start_seconds,
                START_SECONDS_MIN..=START_SECONDS_MAX,
            ),
            every_commands: section.optional_integer("every_commands", 1..=SNAPSHOT_COMMANDS_MAX),
            keep: section.integer("keep", default.keep, 1..=SNAPSHOTS_KEPT_MAX),
        };
        section.finish();
        read
    }
}

/// A source of commands in another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The id that its commands carry.
    pub id: u32,
    /// The file of its ring.
    pub ring: PathBuf,
    /// Bytes of the ring, a power of two.
    pub ring_bytes: usize,
}

impl Source {
    pub(super) fn read_all(root: &mut Section<'_>) -> Vec<Self> {
        let mut sources: Vec<Self> = Vec::new();
        let entries = root.sections("sources");
        if let Some(first_too_many) = entries.get(SOURCES_MAX) {
            first_too_many.fault(format_args!("at most {SOURCES_MAX} sources"));
        }
        for mut entry in entries {
            let id = entry.optional_integer("id", 1..=SOURCE_SCHEDULER - 1);
            let allowed = format!("a power of two from {RING_BYTES_MIN} to {RING_BYTES_MAX}");
            let ring_bytes = entry.integer_of("ring_bytes", &allowed, |bytes: &usize| {
                bytes.is_power_of_two() && (RING_BYTES_MIN..=RING_BYTES_MAX).contains(bytes)
            });
            let ring_bytes = ring_bytes.unwrap_or(RING_BYTES_DEFAULT);
            let ring = entry.text("ring", PATH_BYTES_MAX).map(PathBuf::from);
            entry.require(&["id", "ring"]);
            if let (Some(id), Some(ring)) = (id, ring) {
                if sources.iter().any(|other| other.id == id || other.ring == ring) {
                    entry.fault(format_args!("another has id {id} or ring {}", ring.display()));
                }
                sources.push(Self { id, ring, ring_bytes });
            }
            entry.finish();
        }
        sources
    }
}

/// What is logged at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the usual five")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for a reader's eye.
    Text,
    /// A JSON object a line.
    Json,
}

/// The log of what happened to the program; the exchange's log is the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// What is logged at least.
    pub level: LogLevel,
    /// How it is written.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let read = Self {
            level: section.choice("level", default.level, &levels),
            format: section.choice("format", default.format, &formats),
        };
        section.finish();
        read
    }
}
