//! One machine of the cluster: a disk, and on it, while it runs, a node in one of its two roles.
//!
//! ```text
//!            ┌── starts ──▶ standby ── voted for ──▶ primary
//!   down ◀───┤                 ▲                        │
//!            └── dies, any time└──── another leads ◀────┘
//! ```
//!
//! A node is made of what production runs: the agents, the sequencer, the store's helpers, who
//! serves catch-up. They have no threads here: each does a cycle of its work, in turn or not.
//! Here is how a machine starts and dies; `work` is its cycle, `roles` its change of role, and
//! `seen` what the world asks of it.

#[path = "machine/roles.rs"]
mod roles;
#[path = "machine/seen.rs"]
mod seen;
#[path = "machine/work.rs"]
mod work;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isochron::cluster::agent::{
    Executed, PrimaryAgent, StandbyAgent, StandbyOptions, StandbyParts, Voice,
};
use isochron::cluster::{Contract, Membership, NodeAddress};
use isochron::core::Sequencer;
use isochron::replication::catch_up::{DialOptions, Fresh, Library, Peer, Service, ServiceOptions};
use isochron::replication::channel::Channel;
use isochron::replication::receiver::ReceiverOptions;
use isochron::replication::sender::StoreLog;
use isochron::store::{
    Disk, Durability, EpochStart, Identity, LogPlace, MemoryDisk, Operation, Options, Refusal,
    ReplicaStore, SegmentHelper, SyncHelper, Until,
};
use isochron::types::{Nanos, Position};
use isochron_cluster::Counted;
use isochron_events::{SCHEMA_ID, SCHEMA_VERSION};

use crate::follower::{Follower, Transaction};
use crate::lived::Lived;
use crate::network::{Network, Node, Port, address};
use crate::oracle::Oracle;
use crate::planted::Planted;
use crate::script::{Random, SOURCES, Script};
use crate::shown::Shown;
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

/// Transactions that a follower reads in a cycle.
const READ_MAX: usize = 64;

const CHANNEL: &str = "aeron:udp?endpoint=239.77.0.1:40456|interface=127.0.0.1|fc=min";

/// What all machines of a world share.
pub(crate) struct Ground {
    pub(crate) nodes: usize,
    pub(crate) durability: Durability,
    pub(crate) sync_interval_ns: u64,
    pub(crate) network: Network,
    pub(crate) streams: Streams,
    pub(crate) oracle: Oracle,
    pub(crate) script: Script,
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
    }
}

fn directory() -> &'static Path {
    Path::new("/store")
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

/// How far the node's follower is, for its agent, and the state hashes on the way.
#[derive(Clone, Default)]
struct Applied {
    position: Arc<AtomicU64>,
    hashes: Arc<Mutex<VecDeque<(LogPlace, u128)>>>,
}

impl Applied {
    fn hashes(&self) -> MutexGuard<'_, VecDeque<(LogPlace, u128)>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was executed led there.
    fn note(&self, transaction: &Transaction) {
        if let Some(state) = transaction.state {
            let place = LogPlace { position: transaction.end, chain: transaction.chain };
            self.hashes().push_back((place, state));
        }
    }
}

impl Executed for Applied {
    fn applied(&self) -> Position {
        Position(self.position.load(Ordering::Relaxed))
    }

    fn differs(&self) -> bool {
        false
    }

    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)> {
        self.hashes().pop_front()
    }
}

type Standby = StandbyAgent<Port, Port, Dialer, Applied>;
type Primary = PrimaryAgent<Port, Port, StoreLog, Applied>;

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
    service: Service,
    follower: Follower,
    applied: Applied,
    /// Where the epochs of the log begin, as a primary.
    epochs: Vec<EpochStart>,
    /// The last number of each source, as a primary.
    last: [u64; SOURCES as usize + 1],
}

/// A machine.
pub(crate) struct Machine {
    node: Node,
    disk: MemoryDisk,
    running: Option<Running>,
    disk_fails: bool,
    /// Its operator said that it may cut what is confirmed here and not there.
    discards: bool,
    /// It promised or followed an epoch, or took another role, in its last cycle: moments at which
    /// a death must cost nothing.
    turned: bool,
    /// The disk is an empty one, in place of another.
    is_emptied: bool,
    /// What fills an empty directory, before the node runs.
    filling: Option<Fresh>,
    random: Random,
}

impl Machine {
    pub(crate) fn new(node: Node, seed: u64) -> Self {
        let disk = MemoryDisk::default();
        Self {
            node,
            disk,
            running: None,
            disk_fails: false,
            discards: false,
            turned: false,
            is_emptied: false,
            filling: None,
            random: Random(seed),
        }
    }

    fn store_options(&self, ground: &Ground) -> Options {
        Options {
            term_bytes: TERM_BYTES,
            durability: ground.durability,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_MAX,
            sync_interval_ns: ground.sync_interval_ns,
            ..Options::new(directory(), identity(self.node))
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    /// Starts, as a standby; what it found. On an empty disk it begins by filling that.
    pub(crate) fn start(&mut self, ground: &mut Ground, now: Nanos) -> String {
        self.kill(ground);
        if self.is_emptied {
            self.begin_filling(ground);
            return String::from("an empty directory");
        }
        self.open(ground, now)
    }

    /// Starts with what is on the disk.
    fn open(&mut self, ground: &mut Ground, now: Nanos) -> String {
        self.disk.set_capacity_bytes(None);
        self.disk.refuse(None);
        self.disk_fails = false;
        ground.network.listen(self.node, true);
        let membership = ground.membership(self.node);
        let voice = Voice::new(membership, None, now.get(), ground.network.control(self.node));
        ground.shown.update(self.node, |standing| standing.run = now.get());
        let (running, told) = self.follow(ground, voice, None, now).expect("an undamaged disk");
        self.running = Some(running);
        self.discards = false;
        told
    }

    fn begin_filling(&mut self, ground: &Ground) {
        let servers = ground.membership(self.node).peers().map(|peer| peer.catch_up).collect();
        let dial = DialOptions { me: self.peer(), key: None, servers, secret: self.secret() };
        let fresh = Fresh::new(self.disk(), self.store_options(ground), dial);
        self.filling = Some(fresh.expect("an empty directory"));
        ground.network.listen(self.node, true);
    }

    /// A turn of filling the directory; the node starts when it is full.
    fn fill(&mut self, ground: &mut Ground, now: Nanos) -> Option<String> {
        let node = self.node;
        let (network, streams) = (ground.network.clone(), ground.streams.clone());
        let (_, store) = self.filling.as_mut()?.turn(&mut Dialer { network, streams, node }, now);
        store?.close().expect("memory");
        (self.filling, self.is_emptied) = (None, false);
        ground.lived.count("directories filled", 1);
        Some(self.open(ground, now))
    }

    /// Opens the store as a standby's.
    fn follow(
        &mut self,
        ground: &mut Ground,
        voice: Voice<Port>,
        asks_again_ns: Option<u64>,
        now: Nanos,
    ) -> Result<(Running, String), String> {
        let options = self.store_options(ground);
        let opened = ReplicaStore::open_on(self.disk(), &options, None, now);
        let (mut replica, recovery) = opened.map_err(|error| error.to_string())?;
        ground.lived.count("lossy starts", u64::from(replica.is_lossy()));
        ground.lived.count("tails cut at a start", u64::from(recovery.cut.is_some()));
        let told = format!(
            "holds {}, committed {}, follows epoch {}, knows {}{}",
            replica.held().position,
            replica.committed(),
            replica.epoch(),
            replica.voter().known(),
            if replica.is_lossy() { ", lossy" } else { "" }
        );
        let (helper, syncer) = (replica.take_helper(), replica.take_syncer());
        let applied = Applied::default();
        let node = self.node;
        let dialer =
            Dialer { network: ground.network.clone(), streams: ground.streams.clone(), node };
        let parts = StandbyParts {
            voice,
            data: ground.network.receiver(node),
            connector: dialer,
            executed: applied.clone(),
        };
        let options = StandbyOptions { asks_again_ns, ..self.standby_options(ground) };
        let agent = StandbyAgent::new(options, replica, parts, now);
        let running = Running {
            role: Some(Role::Standby(Box::new(agent))),
            helper: helper.expect("it is taken once"),
            syncer: syncer.expect("it is taken once"),
            service: self.service(),
            follower: Follower::new(&self.disk, directory(), Until::Committed),
            applied,
            epochs: Vec::new(),
            last: [0; SOURCES as usize + 1],
        };
        Ok((running, told))
    }

    fn peer(&self) -> Peer {
        Peer::of(&identity(self.node), TERM_BYTES, RULES_VERSION)
    }

    fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        for part in secret.chunks_exact_mut(8) {
            part.copy_from_slice(&self.random.next().to_le_bytes());
        }
        secret
    }

    fn standby_options(&mut self, ground: &Ground) -> StandbyOptions {
        let membership = ground.membership(self.node);
        let receiver_id = i64::from(membership.own());
        let mut receiver = ReceiverOptions::new(&channel(), EXCHANGE_NUMBER, receiver_id);
        receiver.seed = self.random.next();
        let secret = self.secret();
        StandbyOptions {
            receiver,
            contract: ground.contract(&membership),
            patience_ns: PATIENCE_NS,
            asks_again_ns: None,
            discard: self.discards,
            dial: DialOptions { me: self.peer(), key: None, servers: Vec::new(), secret },
        }
    }

    fn service(&mut self) -> Service {
        let secret = self.secret();
        let (me, connections_max) = (self.peer(), 8);
        let options =
            ServiceOptions { me, key: None, secret, connections_max, bytes_per_second: 0 };
        let (directory, until) = (directory().to_path_buf(), Until::Published);
        let library = Library::new(self.disk(), directory, &identity(self.node), until);
        Service::new(options, library)
    }

    /// The process dies, if it runs; what it wrote is there.
    pub(crate) fn kill(&mut self, ground: &mut Ground) -> bool {
        self.filling = None;
        if self.running.is_none() {
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
        if self.running.is_none() {
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
        self.is_emptied = true;
        ground.shown.update(self.node, |standing| standing.is_bereft = true);
    }

    fn die(&mut self, ground: &mut Ground, image: MemoryDisk) {
        self.running = None;
        self.disk = Planted::after_crash(ground.planted, directory(), image);
        ground.network.listen(self.node, false);
        ground.shown.update(self.node, |standing| standing.is_primary = false);
    }

    /// The disk is full, or fails to sync, until the node starts anew.
    pub(crate) fn fail_disk(&mut self, full: bool) -> bool {
        if self.running.is_none() {
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
