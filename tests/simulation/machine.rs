//! One machine of the cluster: a disk, and on it, while it runs, a node in one of its two roles.
//!
//! ```text
//!            ┌── starts ──▶ standby ── voted for ──▶ primary
//!   down ◀───┤                 ▲                        │
//!            └── dies, any time└──── another leads ◀────┘
//! ```
//!
//! A node is made of what production runs: the agents, the sequencer, who executes, the store's
//! helpers, snapshots, what a log may forget, who serves catch-up and who fills a directory. They
//! have no threads here: each does a cycle of its work, in turn or not. Here is how a machine
//! starts and dies; `opening` makes its parts, `work` is its cycle, `roles` its change of role, and
//! `seen` what the world asks of it.

#[path = "machine/opening.rs"]
mod opening;
#[path = "machine/roles.rs"]
mod roles;
#[path = "machine/seen.rs"]
mod seen;
#[path = "machine/work.rs"]
mod work;

use std::path::Path;
use std::sync::Arc;

use isochron::cluster::agent::{Executed, PrimaryAgent, StandbyAgent, Voice};
use isochron::cluster::{Contract, Membership, NodeAddress};
use isochron::core::Sequencer;
use isochron::replication::catch_up::{Fresh, Service};
use isochron::replication::channel::Channel;
use isochron::replication::sender::StoreLog;
use isochron::snapshot::{RetentionAgent, SnapshotAgent};
use isochron::standby::{Board, FollowerAgent};
use isochron::store::{
    Disk, Durability, EpochStart, Identity, LogPlace, MemoryDisk, Meta, Operation, Refusal,
    SegmentHelper, Snapshots, SyncHelper,
};
use isochron::types::{Nanos, Position};
use isochron_cluster::Counted;
use isochron_events::{SCHEMA_ID, SCHEMA_VERSION};

use crate::calendar::{Commands, Numbers};
use crate::follower::Follower;
use crate::lived::Lived;
use crate::network::{Network, Node, Port, address};
use crate::oracle::Oracle;
use crate::planted::Planted;
use crate::script::Random;
use crate::shown::{Shown, Standing};
use crate::streams::{Dialer, Streams};

const EXCHANGE: &str = "SIMULATED";
const EXCHANGE_NUMBER: i32 = 1_001;
const RULES_VERSION: u32 = 1;
const TERM_BYTES: usize = 64 * 1024;

/// Small, so that the core meets it.
const UNCOMMITTED_BYTES_MAX: u64 = 40 * 1024;

/// How long a promotion waits for answers.
const PATIENCE_NS: u64 = 400_000_000;

/// Time from one asking for votes to the next, where nobody wishes for it.
const ASKS_AGAIN_NS: u64 = 300_000_000;

/// Commands from one comparison of states to the next.
const STATES_EVERY: u64 = 32;

/// Transactions that a follower reads in a cycle.
const READ_MAX: usize = 64;

const CHANNEL: &str = "aeron:udp?endpoint=239.77.0.1:40456|interface=127.0.0.1|fc=min";

/// What the nodes of a world do beside the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// Commands from one snapshot to the next; none are taken without.
    pub(crate) snapshot_every: Option<u64>,
    /// Logs begin later, when the days before are over.
    pub(crate) forgets: bool,
    /// Days end and begin.
    pub(crate) has_days: bool,
}

impl Habits {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let snapshot_every = random.one_of(&[None, Some(40), Some(100), Some(250)]);
        let (forgets, has_days) = (random.chance(700), random.chance(700));
        Self { snapshot_every, forgets, has_days }
    }
}

/// What all machines of a world share.
pub(crate) struct Ground {
    pub(crate) nodes: usize,
    pub(crate) durability: Durability,
    pub(crate) sync_interval_ns: u64,
    pub(crate) habits: Habits,
    pub(crate) network: Network,
    pub(crate) streams: Streams,
    pub(crate) oracle: Oracle,
    pub(crate) commands: Commands,
    pub(crate) lived: Lived,
    pub(crate) planted: Option<Planted>,
    pub(crate) shown: Shown,
}

impl Ground {
    fn membership(&self, node: Node) -> Membership {
        let address = |node: Node| NodeAddress {
            node: node as u32 + 1,
            control: address(node),
            catch_up: address(node),
        };
        let all: Vec<NodeAddress> = (0..self.nodes).map(address).collect();
        let counted = match self.durability {
            Durability::Disk => Counted::SYNCED,
            _ => Counted::HELD,
        };
        let exchange = (EXCHANGE, EXCHANGE_NUMBER);
        let ack = Planted::ack(self.planted);
        Membership::new(exchange, node as u32 + 1, &all, ack, counted).expect("a cluster")
    }

    fn contract(&self, membership: &Membership) -> Contract {
        Contract::new(membership, TERM_BYTES as u32, (SCHEMA_ID, SCHEMA_VERSION), RULES_VERSION)
            .comparing_states_every(STATES_EVERY)
    }
}

pub(crate) fn directory() -> &'static Path {
    Path::new("/store")
}

/// The snapshots of a node.
pub(crate) fn snapshots(disk: &MemoryDisk, node: Node) -> Snapshots {
    Snapshots::new(Arc::new(disk.clone()), directory(), &identity(node))
}

fn channel() -> Channel {
    CHANNEL.parse().expect("a channel")
}

fn identity(node: Node) -> Identity {
    Identity {
        exchange: EXCHANGE.to_owned(),
        exchange_number: EXCHANGE_NUMBER,
        node: node as u32 + 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    }
}

/// What the other nodes are told of the execution here, as a node's wiring tells it.
struct Told {
    board: Arc<Board>,
    /// Checkpoints that were told.
    told: u64,
}

impl Executed for Told {
    fn applied(&self) -> Position {
        self.board.applied()
    }

    fn differs(&self) -> bool {
        self.board.difference().is_some()
    }

    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)> {
        while self.told < self.board.checkpoints() {
            let checkpoint = self.board.checkpoint(self.told);
            self.told += 1;
            if let Some(checkpoint) = checkpoint {
                return Some((checkpoint.place, checkpoint.state_hash));
            }
        }
        None
    }
}

type Standby = StandbyAgent<Port, Port, Dialer, Told>;
type Primary = PrimaryAgent<Port, Port, StoreLog, Told>;

enum Role {
    Standby(Box<Standby>),
    Primary(Box<Primary>, Box<Sequencer>),
}

/// A node while it runs.
struct Running {
    /// `None` only while the role changes.
    role: Option<Role>,
    helper: SegmentHelper,
    syncer: SyncHelper,
    retention: Option<RetentionAgent>,
    snapshot: Option<SnapshotAgent>,
    executing: FollowerAgent,
    service: Service,
    /// `None` until it can begin.
    follower: Option<Follower>,
    /// Where the epochs of the log begin, as a primary.
    epochs: Vec<EpochStart>,
    /// The last number of each source, as a primary.
    numbers: Numbers,
}

/// A node that fills its empty directory, and says so.
struct Filling {
    fresh: Fresh,
    voice: Voice<Port>,
}

/// A machine.
pub(crate) struct Machine {
    node: Node,
    disk: MemoryDisk,
    running: Option<Running>,
    filling: Option<Filling>,
    /// How far this run of the process has executed.
    board: Arc<Board>,
    /// Checkpoints of it that were looked at.
    looked: u64,
    disk_fails: bool,
    /// Its operator says, at its next start, that it may cut what is confirmed here and not there.
    discards_next: bool,
    /// He said so at its last one.
    discards: bool,
    /// It promised or followed an epoch, or took another role, in its last cycle: moments at which
    /// a death must cost nothing.
    turned: bool,
    /// It had a store once: an empty directory is to be filled.
    has_begun: bool,
    random: Random,
}

impl Machine {
    pub(crate) fn new(node: Node, seed: u64) -> Self {
        Self {
            node,
            disk: MemoryDisk::default(),
            running: None,
            filling: None,
            board: Arc::default(),
            looked: 0,
            disk_fails: false,
            discards_next: false,
            discards: false,
            turned: false,
            has_begun: false,
            random: Random(seed),
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    /// Starts, as a standby; what it found. On an empty disk it begins by filling that.
    pub(crate) fn start(&mut self, ground: &mut Ground, now: Nanos) -> String {
        self.kill(ground);
        self.disk.set_capacity_bytes(None);
        self.disk.refuse(None);
        self.disk_fails = false;
        self.discards = std::mem::take(&mut self.discards_next);
        (self.board, self.looked) = (Arc::default(), 0);
        ground.network.listen(self.node, true);
        ground.shown.update(self.node, |standing| standing.run = now.get());
        let membership = ground.membership(self.node);
        let voice = Voice::new(membership, None, now.get(), ground.network.control(self.node));
        let has_store = Meta::is_there(&self.disk, directory()).expect("memory");
        if self.has_begun && !has_store {
            self.begin_filling(ground, voice).expect("an undamaged disk");
            return String::from("an empty directory");
        }
        self.has_begun = true;
        let (running, told) =
            self.follow(ground, voice, None, None, now).expect("an undamaged disk");
        self.running = Some(running);
        told
    }

    /// The process dies, if it runs; what it wrote is there.
    pub(crate) fn kill(&mut self, ground: &mut Ground) -> bool {
        if self.is_down() {
            return false;
        }
        let image = self.disk.after_kill().expect("memory");
        self.die(ground, image);
        true
    }

    /// The machine loses power, if it runs.
    pub(crate) fn lose_power(
        &mut self,
        ground: &mut Ground,
        kept: u64,
        random: &mut Random,
    ) -> bool {
        if self.is_down() {
            return false;
        }
        let image = self.disk.after_power_failure(|| random.chance(kept)).expect("memory");
        self.die(ground, image);
        ground.shown.update(self.node, |standing| standing.is_bereft = true);
        true
    }

    /// The machine's disk is lost with all that was on it, and replaced.
    pub(crate) fn lose_disk(&mut self, ground: &mut Ground) {
        self.die(ground, MemoryDisk::default());
        ground.shown.update(self.node, |standing| {
            let run = standing.run;
            *standing = Standing { run, is_bereft: true, ..Standing::default() };
        });
    }

    fn die(&mut self, ground: &mut Ground, image: MemoryDisk) {
        (self.running, self.filling) = (None, None);
        self.disk = Planted::after_crash(ground.planted, self.node, image);
        ground.network.listen(self.node, false);
        ground.shown.update(self.node, |standing| standing.is_primary = false);
    }

    /// The disk is full, or fails to sync, until the node starts anew.
    pub(crate) fn fail_disk(&mut self, full: bool) -> bool {
        if self.is_down() {
            return false;
        }
        match full {
            true => self.disk.set_capacity_bytes(Some(0)),
            false => {
                let (operation, path_contains, error) = (Operation::Sync, "", libc::EIO);
                self.disk.refuse(Some(Refusal { operation, path_contains, error }));
            }
        }
        self.disk_fails = true;
        true
    }
}
