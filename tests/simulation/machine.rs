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

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isochron::cluster::agent::{
    Executed, News, PrimaryAgent, PrimaryOptions, PrimaryParts, RoleChange, StandbyAgent,
    StandbyOptions, StandbyParts, Voice,
};
use isochron::cluster::{Contract, Membership, NodeAddress};
use isochron::core::{Intake, Options as CoreOptions, Sequencer, StartError, Taken};
use isochron::replication::catch_up::{
    DialOptions, Library, Outcome, Peer, Service, ServiceOptions,
};
use isochron::replication::channel::Channel;
use isochron::replication::receiver::ReceiverOptions;
use isochron::replication::sender::{SenderOptions, StoreLog};
use isochron::state_machine::{Capacity, Replay, StateMachine};
use isochron::store::{
    Chain, Disk, Durability, Identity, LogPlace, MemoryDisk, Operation, Options, Refusal,
    ReplicaStore, SegmentHelper, SyncHelper, Terms, Until, session_id,
};
use isochron::types::{Epoch, Nanos, Position};
use isochron_cluster::Counted;
use isochron_events::{SCHEMA_ID, SCHEMA_VERSION};

use crate::follower::{Follower, Transaction};
use crate::lived::Lived;
use crate::network::{Network, Node, Port, address};
use crate::oracle::Oracle;
use crate::planted::{Planted, Shown};
use crate::script::{Random, SOURCES, Script};
use crate::streams::{Dialer, Streams};

const EXCHANGE: &str = "SIMULATED";
const EXCHANGE_NUMBER: i32 = 1_001;
const RULES_VERSION: u32 = 1;
const TERM_BYTES: usize = 64 * 1024;

/// Small, so that the core meets it.
const UNCOMMITTED_BYTES_MAX: u64 = 40 * 1024;

/// How long a promotion waits for answers.
const PATIENCE_NS: u64 = 400_000_000;

/// Transactions that a follower reads in a cycle.
const READ_MAX: usize = 64;

const CHANNEL: &str = "aeron:udp?endpoint=239.77.0.1:40456|interface=127.0.0.1|fc=min";

/// What all machines of a world share.
pub(crate) struct Ground {
    pub(crate) nodes: usize,
    pub(crate) durability: Durability,
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
    /// The last number of each source, as a primary.
    last: [u64; SOURCES as usize + 1],
}

/// A machine.
pub(crate) struct Machine {
    node: Node,
    disk: MemoryDisk,
    running: Option<Running>,
    disk_fails: bool,
    random: Random,
}

impl Machine {
    pub(crate) fn new(node: Node, seed: u64) -> Self {
        let disk = MemoryDisk::default();
        Self { node, disk, running: None, disk_fails: false, random: Random(seed) }
    }

    fn store_options(&self, ground: &Ground) -> Options {
        Options {
            term_bytes: TERM_BYTES,
            durability: ground.durability,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_MAX,
            sync_interval_ns: 3_000_000,
            ..Options::new(directory(), identity(self.node))
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    /// Starts, as a standby; what it found.
    pub(crate) fn start(&mut self, ground: &mut Ground, now: Nanos) -> String {
        self.kill(ground);
        self.disk.set_capacity_bytes(None);
        self.disk.refuse(None);
        self.disk_fails = false;
        ground.network.listen(self.node, true);
        let membership = ground.membership(self.node);
        let voice = Voice::new(membership, None, now.get(), ground.network.control(self.node));
        let (running, told) = self.follow(ground, voice, now).expect("an undamaged disk");
        self.running = Some(running);
        told
    }

    /// Opens the store as a standby's.
    fn follow(
        &mut self,
        ground: &mut Ground,
        voice: Voice<Port>,
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
        let agent = StandbyAgent::new(self.standby_options(ground), replica, parts, now);
        let running = Running {
            role: Some(Role::Standby(Box::new(agent))),
            helper: helper.expect("it is taken once"),
            syncer: syncer.expect("it is taken once"),
            service: self.service(Until::Committed),
            follower: Follower::new(&self.disk, directory(), Until::Committed),
            applied,
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
            discard: false,
            dial: DialOptions { me: self.peer(), key: None, servers: Vec::new(), secret },
        }
    }

    fn service(&mut self, until: Until) -> Service {
        let secret = self.secret();
        let (me, connections_max) = (self.peer(), 8);
        let options =
            ServiceOptions { me, key: None, secret, connections_max, bytes_per_second: 0 };
        let library =
            Library::new(self.disk(), directory().to_path_buf(), &identity(self.node), until);
        Service::new(options, library)
    }

    /// The process dies, if it runs; what it wrote is there.
    pub(crate) fn kill(&mut self, ground: &mut Ground) -> bool {
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
        true
    }

    fn die(&mut self, ground: &mut Ground, image: MemoryDisk) {
        self.running = None;
        self.disk = Planted::after_crash(ground.planted, directory(), image);
        ground.network.listen(self.node, false);
        ground.shown.set(self.node, 0, None);
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

    /// An operator wants it to be the primary.
    pub(crate) fn promote(&mut self, ground: &mut Ground, now: Nanos) {
        if let Some(Running { role: Some(Role::Standby(agent)), .. }) = &mut self.running
            && agent.promote(false, now)
        {
            ground.lived.count("promotions asked for", 1);
        }
    }

    /// New commands, if it is the primary.
    pub(crate) fn take_orders(&mut self, ground: &mut Ground, count: u64, now: Nanos) {
        let Some(running) = &mut self.running else { return };
        let Some(Role::Primary(_, sequencer)) = &mut running.role else { return };
        for _ in 0..count {
            if sequencer.is_pending() {
                if sequencer.go_on(now) != Taken::Executed {
                    return;
                }
                continue;
            }
            let setup = running.last[1] < ground.script.setup_commands();
            let source = if setup { 1 } else { self.random.id(SOURCES) };
            let number = running.last[source as usize] + 1;
            let command = ground.script.command(source, number);
            let mut bytes = vec![0; command.encoded_length()];
            command.encode(&mut bytes).expect("the buffer has its length");
            match sequencer.take(&bytes, now) {
                Taken::Executed => running.last[source as usize] = number,
                Taken::NotNow(_) => return ground.lived.count("orders that had no room", 1),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A cycle of each of its parts, or of some; what is worth telling.
    pub(crate) fn work(&mut self, ground: &mut Ground, now: Nanos) -> Vec<String> {
        let mut told = Vec::new();
        if self.running.is_none() {
            return told;
        }
        let mut does = |in_thousand| self.random.chance(in_thousand);
        let (syncs, prepares, serves, reads) = (does(500), does(700), does(900), does(800));
        let waiting = ground.streams.accept(&ground.network, self.node);
        let Some(running) = &mut self.running else { return told };
        waiting.into_iter().for_each(|link| running.service.let_in(link, now));
        if prepares {
            running.helper.do_work(now);
        }
        if syncs {
            running.syncer.do_work(now);
        }
        let change = match &mut running.role {
            Some(Role::Standby(agent)) => {
                agent.cycle(now);
                while let Some(news) = agent.poll_news() {
                    note_news(&news, &mut ground.lived);
                    told.push(format!("node {}: {}", self.node, show(&news)));
                }
                agent.poll_role_change()
            }
            Some(Role::Primary(agent, sequencer)) => {
                sequencer.accept();
                agent.cycle(now).unwrap_or_else(|error| panic!("node {}: {error}", self.node));
                while let Some(change) = agent.poll_change() {
                    told.push(format!("node {}: {change:?}", self.node));
                }
                agent.poll_role_change()
            }
            None => None,
        };
        self.observe(ground, reads);
        if let Some(change) = change {
            told.push(format!("node {} {change}", self.node));
            told.extend(self.change_role(ground, change, now));
        }
        if serves && let Some(running) = &mut self.running {
            running.service.turn(now);
        }
        told
    }

    /// What it released, held against what was confirmed. A primary is watched at every step: what
    /// it confirms is the truth from then on.
    fn observe(&mut self, ground: &mut Ground, reads: bool) {
        let (node, Some(running)) = (self.node, &mut self.running) else { return };
        let Ground { oracle, script, shown, .. } = ground;
        let (epoch, held) = match &running.role {
            Some(Role::Standby(agent)) => (agent.replica().epoch(), Some(agent.replica().held())),
            Some(Role::Primary(agent, _)) => (agent.leader().start().epoch, None),
            None => return,
        };
        shown.set(node, epoch.get(), held);
        match &running.role {
            Some(Role::Primary(..)) => {
                let confirm = |index, transaction| {
                    running.applied.note(&transaction);
                    oracle.on_confirmed(node, index, transaction);
                };
                running.follower.read(script, usize::MAX, confirm);
            }
            _ if reads => {
                let release = |index, transaction| {
                    running.applied.note(&transaction);
                    oracle.on_released(node, index, transaction);
                };
                running.follower.read(script, READ_MAX, release);
            }
            _ => {}
        }
        running.applied.position.store(running.follower.position().get(), Ordering::Relaxed);
    }

    /// Becomes what its agent says.
    fn change_role(
        &mut self,
        ground: &mut Ground,
        change: RoleChange,
        now: Nanos,
    ) -> Option<String> {
        let role = self.running.as_mut()?.role.take()?;
        match (change, role) {
            (RoleChange::Lead { epoch, .. }, Role::Standby(agent)) => {
                let led = self.lead(ground, *agent, epoch, now);
                if let Err(reason) = led {
                    // The process ends; its operator starts it again.
                    self.kill(ground);
                    return Some(format!("node {} does not lead: {reason}", self.node));
                }
                None
            }
            (RoleChange::Follow { .. }, Role::Primary(agent, sequencer)) => {
                ground.lived.count("primaries deposed", 1);
                let (voice, _) = agent.into_parts();
                drop((sequencer, self.running.take()));
                match self.follow(ground, voice, now) {
                    Ok((running, told)) => {
                        self.running = Some(running);
                        Some(format!("node {} follows: {told}", self.node))
                    }
                    Err(reason) if self.disk_fails => {
                        ground.network.listen(self.node, false);
                        Some(format!("node {} ends: {reason}", self.node))
                    }
                    Err(reason) => panic!("node {}: {reason}", self.node),
                }
            }
            (RoleChange::Stop { why }, _) => panic!("node {} must stop: {why}", self.node),
            (change, _) => panic!("node {}: {change} in this role", self.node),
        }
    }

    /// Becomes the primary of an epoch.
    fn lead(
        &mut self,
        ground: &mut Ground,
        agent: Standby,
        epoch: Epoch,
        now: Nanos,
    ) -> Result<(), String> {
        let node = self.node;
        let (replica, StandbyParts { voice, executed, .. }) = agent.into_parts();
        let into = replica.into_writer(epoch);
        let (mut writer, start) = match into {
            Ok(writer) => writer,
            Err(error) if self.disk_fails => return Err(error.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        ground.oracle.on_epoch(epoch, node);
        let (committer, ballot) = (writer.take_committer(), writer.voter());
        let store = self.store_options(ground);
        let options = CoreOptions { store, capacity: Capacity::default() };
        let replay = Replay::new(StateMachine::with_capacity(options.capacity));
        let beginning = LogPlace { position: Position(0), chain: Chain::default() };
        let intake = Intake::default();
        let taken =
            Sequencer::take_over(self.disk(), writer, (replay, beginning), &options, &intake, now);
        let sequencer = match taken {
            Ok(sequencer) => sequencer,
            Err(StartError::NoRoom(reason)) => return Err(reason.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        let last = self.check_held(ground);
        let terms = Terms::new(TERM_BYTES).expect("a power of two");
        let session = session_id(EXCHANGE, epoch);
        let mut sender =
            SenderOptions::new(&channel(), session, EXCHANGE_NUMBER, terms, start.base);
        sender.line_bytes_per_second = 1_000_000_000;
        let contract = ground.contract(&ground.membership(node));
        let log = StoreLog::attach_on(&self.disk(), directory()).expect("it is open");
        // Nobody is told of a commit before one of this epoch.
        let committed = beginning;
        let agent = PrimaryAgent::new(
            PrimaryOptions { sender, contract, start, committed },
            PrimaryParts {
                voice,
                committer: committer.expect("it is taken once"),
                ballot,
                log: (log, terms),
                data: ground.network.sender(node),
                executed,
            },
            now,
        );
        let service = self.service(Until::Published);
        let running = self.running.as_mut().expect("it changes its role");
        running.role = Some(Role::Primary(Box::new(agent), Box::new(sequencer)));
        (running.service, running.last) = (service, last);
        Ok(())
    }

    /// A new primary holds all that was confirmed, as it was confirmed. The last number of each
    /// source in its log.
    fn check_held(&self, ground: &Ground) -> [u64; SOURCES as usize + 1] {
        let Ground { oracle, script, .. } = ground;
        let (node, confirmed) = (self.node, oracle.confirmed().len());
        let mut all = Follower::new(&self.disk, directory(), Until::Published);
        let mut held = 0;
        all.read(script, usize::MAX, |index, transaction| {
            if index < confirmed {
                oracle.on_released(node, index, transaction);
            }
            held = index + 1;
        });
        oracle.on_promoted(node, held);
        std::array::from_fn(|source| all.last_of(source as u32))
    }

    pub(crate) fn is_down(&self) -> bool {
        self.running.is_none()
    }

    pub(crate) fn node(&self) -> Node {
        self.node
    }

    pub(crate) fn is_primary(&self) -> bool {
        matches!(&self.running, Some(Running { role: Some(Role::Primary(..)), .. }))
    }

    /// A primary that can confirm.
    pub(crate) fn is_serving(&self) -> bool {
        match &self.running {
            Some(Running { role: Some(Role::Primary(agent, _)), .. }) => {
                agent.leader().has_quorum() && agent.leader().ended().is_none()
            }
            _ => false,
        }
    }

    /// The highest epoch that it knows of.
    pub(crate) fn known(&self) -> Option<Epoch> {
        match &self.running.as_ref()?.role {
            Some(Role::Standby(agent)) => Some(agent.replica().voter().known()),
            Some(Role::Primary(agent, _)) => Some(agent.leader().start().epoch),
            None => None,
        }
    }

    /// Whether it runs and is not lossy: what a loss of power took is here again.
    pub(crate) fn has_caught_up(&self) -> bool {
        match &self.running {
            Some(Running { role: Some(Role::Standby(agent)), .. }) => !agent.replica().is_lossy(),
            Some(Running { role: Some(Role::Primary(..)), .. }) => true,
            _ => false,
        }
    }

    /// Whether all up to a position was released, and nothing beyond it is written.
    pub(crate) fn has_released(&self, end: Position) -> bool {
        let Some(running) = &self.running else { return false };
        let written = match &running.role {
            Some(Role::Primary(_, sequencer)) => sequencer.position(),
            _ => end,
        };
        running.follower.position() == end && written == end
    }

    /// Whether only a start helps it.
    pub(crate) fn must_restart(&self) -> bool {
        self.running.is_none() || self.disk_fails
    }

    /// Its state in a line.
    pub(crate) fn describe(&self) -> String {
        let node = self.node;
        let Some(running) = &self.running else { return format!("node {node} is down") };
        let released = running.follower.position();
        match &running.role {
            Some(Role::Standby(agent)) => format!(
                "node {node} follows epoch {} (knows {}), holds {}, contiguous {}, received {}, \
                 committed {}, released {released}, {:?}, flags {:?}",
                agent.replica().epoch(),
                agent.replica().voter().known(),
                agent.replica().held().position,
                agent.replica().contiguous(),
                agent.replica().received(),
                agent.replica().committed(),
                agent.receiver().standing(agent.replica()),
                agent.follower().flags(),
            ),
            Some(Role::Primary(agent, sequencer)) => format!(
                "node {node} leads epoch {}, wrote {}, sent {}, committed {}, released {released}, \
                 quorum {}, ended {:?}",
                agent.leader().start().epoch,
                sequencer.position(),
                agent.sender().position(),
                agent.leader().committed().position,
                agent.leader().has_quorum(),
                agent.leader().ended(),
            ),
            None => format!("node {node} changes its role"),
        }
    }

    /// In silence: the state that a primary lives with, and one from a snapshot, are the
    /// followers'.
    pub(crate) fn conclude(&mut self, ground: &Ground) {
        let Some(running) = &self.running else { return };
        let executed = running.follower.machine();
        let hash = executed.state_hash();
        if let Some(Role::Primary(_, sequencer)) = &running.role {
            let live = sequencer.machine().state_hash();
            assert_eq!(live, hash, "node {}: live and replayed", self.node);
        }
        let mut saved = Vec::new();
        let of_saved = executed.save(&mut saved).expect("memory");
        let restored = StateMachine::restore(&mut &saved[..], Capacity::default(), of_saved);
        let restored = restored.expect("what was saved is whole");
        assert_eq!(restored.state_hash(), hash, "node {}: from a snapshot", self.node);
        let _ = ground;
    }
}

fn note_news(news: &News, lived: &mut Lived) {
    match news {
        News::Follows { discarded: Some(_), .. } => lived.count("tails discarded", 1),
        News::CaughtUp(Outcome::Arrived { .. }) => lived.count("catch-ups", 1),
        News::CaughtUp(Outcome::Discarded(_)) => lived.count("tails discarded", 1),
        News::NotPromoted { .. } => lived.count("promotions refused", 1),
        News::Whole => lived.count("lossy nodes made whole", 1),
        News::LogDiffers => panic!("a standby has another log than its primary"),
        _ => {}
    }
}

fn show(news: &News) -> String {
    format!("{news:?}")
}
