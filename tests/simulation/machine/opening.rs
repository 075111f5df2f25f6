//! A machine's parts: what its agents are made of, from what is on the disk.

use std::sync::Arc;

use isochron::cluster::agent::{StandbyAgent, StandbyOptions, StandbyParts, Voice};
use isochron::core::{self, Begun, Options as CoreOptions};
use isochron::metrics::Counters;
use isochron::node::read_side_sections;
use isochron::replication::catch_up::{
    DialOptions, Fault, Fresh, Library, Peer, Service, ServiceOptions,
};
use isochron::replication::receiver::ReceiverOptions;
use isochron::snapshot::{RetentionAgent, SnapshotAgent, SnapshotCounters, SnapshotOptions};
use isochron::standby::{FollowerAgent, FollowerCounters, FollowerOptions, State};
use isochron::state_machine::{Capacity, Replay};
use isochron::store::{
    Check, Keeper, LogPlace, OpenError, Options, ReaderOptions, Recovery, ReplicaStore,
    StoreReader, Until,
};
use isochron::types::{Nanos, Position};

use super::{
    EXCHANGE_NUMBER, Filling, Ground, Machine, PATIENCE_NS, Port, RULES_VERSION, Role, Running,
    STATES_EVERY, TERM_BYTES, Told, UNCOMMITTED_BYTES_MAX, channel, directory, identity, snapshots,
};
use crate::calendar::Numbers;
use crate::follower::{Follower, plan};
use crate::planted::Planted;
use crate::shown::Standing;
use crate::streams::Dialer;

/// A state and the place in the log that it is of, from another role of the node.
pub(super) type Warm = (Replay, LogPlace);

impl Machine {
    pub(super) fn core_options(&self, ground: &Ground) -> CoreOptions {
        let store = Options {
            term_bytes: TERM_BYTES,
            durability: ground.durability,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_MAX,
            sync_interval_ns: ground.sync_interval_ns,
            ..Options::new(directory(), identity(self.node))
        };
        CoreOptions { store, capacity: Capacity::default() }
    }

    pub(super) fn begin_filling(
        &mut self,
        ground: &mut Ground,
        voice: Voice<Port>,
    ) -> Result<(), Fault> {
        let servers = ground.membership(self.node).peers().map(|peer| peer.catch_up).collect();
        let dial = DialOptions { me: self.peer(), key: None, servers, secret: self.secret() };
        let fresh = Fresh::new(self.disk(), self.core_options(ground).store, dial)?;
        self.filling = Some(Filling { fresh, voice });
        ground.shown.update(self.node, |standing| {
            let Standing { run, is_bereft, .. } = *standing;
            *standing = Standing { run, is_bereft, ..Standing::default() };
        });
        Ok(())
    }

    /// A turn of filling the directory; the node starts when it is full.
    pub(super) fn fill(&mut self, ground: &mut Ground, now: Nanos) -> Option<String> {
        let node = self.node;
        let filling = self.filling.as_mut()?;
        filling.voice.answer_empty();
        let (network, streams) = (ground.network.clone(), ground.streams.clone());
        let (_, store) = filling.fresh.turn(&mut Dialer { network, streams, node }, now);
        if let Some(fault) = filling.fresh.poll_fault() {
            ground.lived.count("connections that filled, and ended", 1);
            return Some(format!("node {node} fills its directory: {fault}"));
        }
        let store = store?;
        let Filling { voice, .. } = self.filling.take().expect("it was filled");
        let begins_at = store.held().position;
        let opened = store.close().map_err(|error| error.to_string());
        let opened = opened.and_then(|()| self.follow(ground, voice, None, None, now));
        match opened {
            Ok((running, told)) => {
                self.running = Some(running);
                ground.lived.count("directories filled", 1);
                let from_snapshot = begins_at > Position(0);
                ground.lived.count("directories filled from a snapshot", from_snapshot.into());
                Some(format!("node {node} has filled its directory: {told}"))
            }
            Err(reason) => {
                assert!(self.disk_fails, "node {node}: {reason}");
                ground.network.listen(node, false);
                Some(format!("node {node} ends: {reason}"))
            }
        }
    }

    /// Opens the store as a standby's, and makes all parts of one.
    pub(super) fn follow(
        &mut self,
        ground: &mut Ground,
        voice: Voice<Port>,
        warm: Option<Warm>,
        asks_again_ns: Option<u64>,
        now: Nanos,
    ) -> Result<(Running, String), String> {
        let (mut replica, recovery, state) = self.open_replica(ground, warm, now)?;
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
        let keeper = replica.take_keeper().filter(|_| ground.habits.forgets);
        let node = self.node;
        let dialer =
            Dialer { network: ground.network.clone(), streams: ground.streams.clone(), node };
        let parts = StandbyParts {
            voice,
            data: ground.network.receiver(node),
            connector: dialer,
            executed: self.told(),
        };
        let options = StandbyOptions { asks_again_ns, ..self.standby_options(ground) };
        let agent = StandbyAgent::new(options, replica, parts, now);
        let running = Running {
            role: Some(Role::Standby(Box::new(agent))),
            helper: helper.expect("it is taken once"),
            syncer: syncer.expect("it is taken once"),
            retention: keeper.map(|keeper| self.retention(keeper)),
            snapshot: ground.habits.snapshot_every.map(|every| self.snapshot_agent(every)),
            executing: FollowerAgent::new(state, self.follower_options(true), counts_executed()),
            service: self.service(),
            follower: None,
            epochs: Vec::new(),
            numbers: Numbers::default(),
        };
        Ok((running, told))
    }

    /// The store at a state that is at hand, or at the newest snapshot.
    fn open_replica(
        &self,
        ground: &mut Ground,
        warm: Option<Warm>,
        now: Nanos,
    ) -> Result<(ReplicaStore, Recovery, State), String> {
        let (disk, options) = (self.disk(), self.core_options(ground));
        let open = |place: Option<LogPlace>| {
            ReplicaStore::open_on(Arc::clone(&disk), &options.store, place, now)
        };
        if let Some((replay, place)) = warm {
            match open(Some(place)) {
                Ok((replica, recovery)) => return Ok((replica, recovery, (replay, Some(place)))),
                Err(OpenError::Place { .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let begun = core::begin(&disk, &options, &mut |_, _| {}, open);
        let begun = begun.map_err(|error| error.to_string())?;
        let Begun { store: (replica, recovery), replay, snapshot, skipped } = begun;
        ground.lived.count("starts from a snapshot", snapshot.is_some().into());
        ground.lived.count("snapshots passed over", skipped.len() as u64);
        Ok((replica, recovery, (replay, snapshot.map(|info| info.place))))
    }

    /// What the agents tell of the execution here.
    pub(super) fn told(&self) -> Told {
        Told { board: Arc::clone(&self.board), told: 0 }
    }

    pub(super) fn follower_options(&self, ends_node: bool) -> FollowerOptions {
        FollowerOptions {
            disk: self.disk(),
            directory: directory().to_path_buf(),
            board: Arc::clone(&self.board),
            checkpoint_commands: STATES_EVERY,
            ends_node,
        }
    }

    fn retention(&self, keeper: Keeper) -> RetentionAgent {
        let (store, counters) = (directory().to_path_buf(), Counters::in_memory());
        let snapshots = snapshots(&self.disk, self.node);
        RetentionAgent::new(keeper, snapshots, self.disk(), store, &counters)
    }

    fn snapshot_agent(&self, every: u64) -> SnapshotAgent {
        let content = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
        let reader = StoreReader::attach_on(self.disk(), directory(), &content);
        let reader = reader.expect("a node's store can be read");
        let sections = read_side_sections(&plan());
        let options = SnapshotOptions {
            every: Some(every),
            ..SnapshotOptions::new(Capacity::default(), sections)
        };
        let counters = SnapshotCounters::new(&Counters::in_memory());
        SnapshotAgent::new(reader, snapshots(&self.disk, self.node), options, counters)
            .beside_others()
    }

    /// The reading side; now and then from the log's first byte, though there are snapshots.
    pub(super) fn begin_reading(&mut self, ground: &Ground, until: Until) -> Option<Follower> {
        let anew = self.random.chance(300);
        Follower::begin(&self.disk, self.node, until, &ground.oracle, anew)
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
            discard: self.discards || Planted::discards(ground.planted),
            dial: DialOptions { me: self.peer(), key: None, servers: Vec::new(), secret },
        }
    }

    fn service(&mut self) -> Service {
        let secret = self.secret();
        let (me, connections_max) = (self.peer(), 8);
        let store = directory().to_path_buf();
        let options =
            ServiceOptions { me, key: None, secret, connections_max, bytes_per_second: 0 };
        let library = Library::new(self.disk(), store, &identity(self.node));
        Service::new(options, library)
    }
}

/// Nobody looks at them.
pub(super) fn counts_executed() -> FollowerCounters {
    FollowerCounters::new(&Counters::in_memory())
}
