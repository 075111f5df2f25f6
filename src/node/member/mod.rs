//! One node of several, and what it is now: a standby, or the primary.
//!
//! ```text
//!            ┌────────── standby ──────────┐   a vote, or --force    ┌───────── primary ─────────┐
//!   start ──▶│ standby  follower  catch-up │ ───────────────────────▶│ core  primary  scheduler  │
//!            │ segments sync  snapshot ..  │ ◀───────────────────────│ feed  follower  catch-up  │
//!            └─────────────────────────────┘   a higher epoch        └───────────────────────────┘
//! ```
//!
//! A change of role is a change of agents: the threads end, what lives on is taken out of the
//! agents that had it, and the others are made around it. Towards the primary the store is not
//! read again and the state is not executed again: both go on where the standby left them. Its
//! first transaction is the beginning of its epoch, and nothing is confirmed before a majority has
//! that. `wires.rs` opens what the agents speak by, `roles.rs` counts and tells what they say.

mod roles;
mod wires;

pub use roles::{PrimaryRole, StandbyRole, Word};
pub use wires::WireError;

use super::{Component, Config, Exchange, NodeError, ReplicationOptions};
use crate::agent::{Agent, StopFlag, take};
use crate::cluster::agent::{
    PrimaryAgent, PrimaryParts, RoleChange, StandbyAgent, StandbyParts, Voice,
};
use crate::cluster::{Contract, MayBeLost, NotLeading};
use crate::core::{self, Begun, CoreAgent, Options as CoreOptions, RULES_VERSION, Sequencer};
use crate::metrics::Counters;
use crate::net::Media;
use crate::replication::catch_up::{Fresh, TcpConnector};
use crate::replication::sender::StoreLog;
use crate::standby::{Board, FollowerAgent, FollowerCounters, FollowerOptions, LoadState, State};
use crate::state_machine::Replay;
use crate::store::{
    Disk, LogPlace, OpenError, RealDisk, Recovery, ReplicaStore, SnapshotFile, Snapshots,
};
use crate::types::{Epoch, Nanos};
use roles::{NodeCounters, OfBoard, Speaking};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What is said and not yet told to a person; the newest is dropped when nobody listens.
const WORDS_MAX: usize = 256;

/// What carries datagrams, of a socket or of none.
type AnyMedia = Box<dyn Media>;
type Standby = StandbyAgent<AnyMedia, AnyMedia, TcpConnector, OfBoard>;
type Primary = PrimaryAgent<AnyMedia, AnyMedia, StoreLog, OfBoard>;
type Agents = Vec<Box<dyn Agent>>;

/// What a node does about its role when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It asks for the votes of the next epoch, and follows where it does not get them.
    Votes,
    /// It follows.
    Follows,
}

/// What became of the agents that have ended.
pub enum Next {
    /// They go on in another role.
    Role(Box<Exchange>),
    /// A standby holds another log than the one it should follow, and somebody must say what is to
    /// become of it: the reason.
    Stopped(String),
    /// No role was changed: the end was asked for, or a part failed.
    End(Agents),
}

/// A node of several. Calling order: `open`; when its agents have ended, `next` with them.
pub struct Member {
    config: Config,
    options: ReplicationOptions,
    disk: Arc<dyn Disk>,
    board: Arc<Board>,
    /// This start of the process, in the nodes' words to each other.
    run: u64,
    discards: bool,
    stop: StopFlag,
    words: SyncSender<Word>,
    heard: Receiver<Word>,
    /// What a forced promotion may have lost.
    forced: Option<MayBeLost>,
}

impl Member {
    /// A node that has its part of a configuration; `discards` lets it cut what it has committed
    /// and the others have not.
    #[must_use]
    pub fn new(config: &Config, options: ReplicationOptions, discards: bool, now: Nanos) -> Self {
        let (words, heard) = sync_channel(WORDS_MAX);
        Self {
            config: config.clone(),
            options,
            disk: Arc::new(RealDisk),
            board: Arc::default(),
            run: now.get().max(1),
            discards,
            stop: StopFlag::new(),
            words,
            heard,
            forced: None,
        }
    }

    /// Ends the agents of the present role.
    #[must_use]
    pub fn stop(&self) -> &StopFlag {
        &self.stop
    }

    /// What is to be told to a person.
    pub fn words(&self) -> impl Iterator<Item = Word> {
        self.heard.try_iter()
    }

    /// Where execution and log differ here, with both outcomes.
    #[must_use]
    pub fn difference(&self) -> Option<&str> {
        self.board.difference()
    }

    /// The nodes.
    #[must_use]
    pub fn options(&self) -> &ReplicationOptions {
        &self.options
    }

    /// What a forced promotion may have lost; told once.
    pub fn take_forced(&mut self) -> Option<MayBeLost> {
        self.forced.take()
    }

    fn core_options(&self) -> CoreOptions {
        CoreOptions { store: self.config.store.clone(), capacity: self.config.capacity }
    }

    fn contract(&self) -> Contract {
        let identity = &self.config.store.identity;
        let schema = (identity.schema_id, identity.schema_version);
        let term_bytes = self.config.store.term_bytes as u32;
        Contract::new(&self.options.membership, term_bytes, schema, RULES_VERSION)
            .comparing_states_every(self.options.state_hash_every_commands)
    }

    /// What fills the node's directory from another node, where it has no store yet.
    ///
    /// # Errors
    /// The directory cannot be read or made.
    pub fn fresh(&self) -> Result<Option<Fresh>, NodeError> {
        let store = &self.config.store;
        if store.directory.join("meta").exists() {
            return Ok(None);
        }
        let fresh = Fresh::new(Arc::clone(&self.disk), store.clone(), self.dial()?);
        fresh.map(Some).map_err(|fault| NodeError::State(fault.to_string()))
    }

    /// Opens the node's store and all agents of a standby.
    ///
    /// # Errors
    /// The first part that cannot be opened.
    pub fn open(&mut self, start: Start, now: Nanos) -> Result<Exchange, NodeError> {
        let control = wires::control(&self.options).map_err(NodeError::Wire)?;
        let (membership, key) = (self.options.membership.clone(), self.options.key.clone());
        let voice = Voice::new(membership, key, self.run, control);
        self.follow(None, voice, None, start, now)
    }

    /// Makes the agents of a standby around a store that nobody has.
    fn follow(
        &mut self,
        counters: Option<Counters>,
        voice: Voice<AnyMedia>,
        warm: Option<(Replay, LogPlace)>,
        start: Start,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        // 1. The log, from where its state is known.
        self.stop = StopFlag::new();
        let (mut replica, recovery, state) = self.open_replica(warm, now)?;
        let mut exchange = match counters {
            Some(counters) => Exchange::with(counters, &self.config.store, Vec::new()),
            None => Exchange::around(&self.config)?,
        };
        exchange.recovered = Some(recovery);
        // 2. Beside it the next segment is prepared, the log made durable, and forgotten.
        let helpers = (replica.take_helper(), replica.take_syncer(), replica.take_keeper());
        exchange.add_helpers(&self.config, helpers);
        // 3. What the others send comes into it, and is acknowledged.
        let parts = StandbyParts {
            voice,
            data: wires::receiving(&self.options).map_err(NodeError::Wire)?,
            connector: TcpConnector,
            executed: OfBoard::new(&self.board),
        };
        let options = self.standby_options(start)?;
        let agent = Standby::new(options, replica, parts, now);
        let counters = NodeCounters::new(&exchange.counters);
        let speaking = Speaking::new(counters, self.words.clone(), self.stop.clone());
        exchange.add(Some(StandbyRole::new(agent, speaking)));
        // 4. What is committed is executed here too.
        exchange.add(Some(FollowerAgent::new(
            state,
            self.follower_options(true),
            FollowerCounters::new(&exchange.counters),
        )));
        self.add_snapshots(&mut exchange)?;
        self.add_catch_up(&mut exchange)?;
        Ok(exchange)
    }

    /// The store at a state that is at hand, or at the newest snapshot.
    fn open_replica(
        &self,
        warm: Option<(Replay, LogPlace)>,
        now: Nanos,
    ) -> Result<(ReplicaStore, Recovery, State), NodeError> {
        let options = self.core_options();
        let open = |place: Option<LogPlace>| {
            ReplicaStore::open_on(Arc::clone(&self.disk), &options.store, place, now)
        };
        if let Some((replay, place)) = warm {
            match open(Some(place)) {
                Ok((replica, recovery)) => return Ok((replica, recovery, (replay, Some(place)))),
                // The log was cut below it: the snapshot before it is the state to begin with.
                Err(OpenError::Place { .. }) => {}
                Err(error) => return Err(NodeError::Store(error)),
            }
        }
        let begun = core::begin(&self.disk, &options, &mut |_, _| {}, open);
        let Begun { store: (replica, recovery), replay, snapshot, .. } =
            begun.map_err(NodeError::Core)?;
        Ok((replica, recovery, (replay, snapshot.map(|info| info.place))))
    }

    fn follower_options(&self, ends_node: bool) -> FollowerOptions {
        FollowerOptions {
            disk: Arc::clone(&self.disk),
            directory: self.config.store.directory.clone(),
            board: Arc::clone(&self.board),
            checkpoint_commands: self.options.state_hash_every_commands,
            ends_node,
        }
    }

    fn add_snapshots(&self, exchange: &mut Exchange) -> Result<(), NodeError> {
        if let Some(options) = &self.config.snapshots
            && self.config.has(Component::Snapshot)
        {
            let follower = exchange.follower(options)?;
            exchange.add(Some(follower));
        }
        Ok(())
    }

    /// What the ended agents say is next.
    ///
    /// # Errors
    /// The other role cannot be taken.
    pub fn next(
        &mut self,
        counters: Counters,
        mut agents: Agents,
        now: Nanos,
    ) -> Result<Next, NodeError> {
        if let Some(mut standby) = take::<StandbyRole>(&mut agents) {
            return match standby.take_change() {
                Some(RoleChange::Lead { epoch, forced }) => {
                    self.forced = forced;
                    self.lead(counters, *standby, agents, epoch, now)
                        .map(|exchange| Next::Role(Box::new(exchange)))
                }
                Some(stopped @ RoleChange::Stop { .. }) => Ok(Next::Stopped(stopped.to_string())),
                // The log was cut below what was executed: the state before it is a snapshot's.
                None if Self::follower_failed(&agents) => self
                    .begin_again(counters, *standby, agents, now)
                    .map(|exchange| Next::Role(Box::new(exchange))),
                _ => {
                    agents.push(standby);
                    Ok(Next::End(agents))
                }
            };
        }
        if let Some(mut primary) = take::<PrimaryRole>(&mut agents) {
            if let Some(RoleChange::Follow { why }) = primary.take_change() {
                let start = match why {
                    NotLeading::Passed { .. } => Start::Votes,
                    _ => Start::Follows,
                };
                return self
                    .resign(counters, *primary, agents, start, now)
                    .map(|exchange| Next::Role(Box::new(exchange)));
            }
            agents.push(primary);
        }
        Ok(Next::End(agents))
    }

    fn follower_failed(agents: &Agents) -> bool {
        let is_follower = |agent: &dyn Agent| (agent as &dyn std::any::Any).is::<FollowerAgent>();
        let mut failed = agents.iter().filter(|agent| agent.failure().is_some()).peekable();
        failed.peek().is_some() && failed.all(|agent| is_follower(agent.as_ref()))
    }

    /// A standby once more, from its store and a snapshot.
    fn begin_again(
        &mut self,
        counters: Counters,
        standby: StandbyRole,
        agents: Agents,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        let (replica, StandbyParts { voice, .. }) = standby.into_agent().into_parts();
        drop(agents);
        replica.close().map_err(|error| {
            let path = self.config.store.directory.clone();
            NodeError::Store(OpenError::Io { doing: "closing", path, error })
        })?;
        self.follow(Some(counters), voice, None, Start::Follows, now)
    }

    /// From the standby to the primary of an epoch that it was voted for: the store and the state
    /// go on where they are.
    fn lead(
        &mut self,
        counters: Counters,
        standby: StandbyRole,
        mut agents: Agents,
        epoch: Epoch,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        self.stop = StopFlag::new();
        let follower = take::<FollowerAgent>(&mut agents).expect("a standby executes");
        let (replica, parts) = standby.into_agent().into_parts();
        let StandbyParts { voice, data, .. } = parts;
        // Their sockets are the next ones' too.
        drop(data);
        // 1. The state, and everything that is held executed.
        let (replay, at) = follower.into_state().map_err(NodeError::State)?;
        let (ballot, terms) = (replica.voter(), replica.terms());
        let (mut writer, epoch_start) = replica.into_writer(epoch).map_err(NodeError::Store)?;
        let committer = writer.take_committer().expect("a promoted writer has one");
        // 2. The epoch begins: that is its first transaction.
        let options = self.core_options();
        let (disk, state) = (Arc::clone(&self.disk), (replay, at));
        let intake = &self.config.intake;
        let sequencer = Sequencer::take_over(disk, writer, state, &options, intake, now);
        let sequencer = sequencer.map_err(NodeError::Core)?;
        // 3. What was there for the standby's store goes on for the writer's; the rest is new.
        let mut exchange = Exchange::with(counters, &self.config.store, agents);
        exchange.add_core(&self.config, sequencer, None)?;
        let options = self.primary_options(epoch_start, at, terms);
        let log = StoreLog::attach_on(&self.disk, &self.config.store.directory);
        let log = log.map_err(NodeError::Store)?;
        let data = wires::sending(&self.options).map_err(NodeError::Wire)?;
        let (executed, log) = (OfBoard::new(&self.board), (log, terms));
        let parts = PrimaryParts { voice, committer, ballot, log, data, executed };
        let agent = Primary::new(options, parts, now);
        let speaking = Speaking::new(
            NodeCounters::new(&exchange.counters),
            self.words.clone(),
            self.stop.clone(),
        );
        exchange.add(Some(PrimaryRole::new(agent, speaking)));
        // 4. The feed speaks.
        if self.config.has(Component::MarketData) {
            exchange.open_feed(&self.config)?;
        }
        // 5. A follower of this log, from a snapshot: the state at hand is the core's now.
        let counters = FollowerCounters::new(&exchange.counters);
        let follower = FollowerAgent::loading(self.load(), self.follower_options(false), counters);
        exchange.add(Some(follower));
        if let Some(options) = &self.config.recovery
            && self.config.has(Component::Recovery)
        {
            exchange.add_recovery(options)?;
        }
        Ok(exchange)
    }

    /// Loads the newest snapshot's state.
    fn load(&self) -> LoadState {
        let (disk, options) = (Arc::clone(&self.disk), self.core_options());
        Box::new(move || {
            let store = &options.store;
            let snapshots = Snapshots::new(disk, &store.directory, &store.identity);
            let restore = |snapshot: &SnapshotFile| core::restore(snapshot, options.capacity);
            let newest = snapshots.newest(restore).map_err(|error| error.to_string())?;
            Ok(match newest.0 {
                Some((info, replay)) => (replay, Some(info.place)),
                None => {
                    let machine =
                        crate::state_machine::StateMachine::with_capacity(options.capacity);
                    (Replay::new(machine), None)
                }
            })
        })
    }

    /// From a primary that is none any more to a standby: the store is opened again.
    fn resign(
        &mut self,
        counters: Counters,
        primary: PrimaryRole,
        mut agents: Agents,
        start: Start,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        let core = take::<CoreAgent>(&mut agents);
        let warm = take::<FollowerAgent>(&mut agents).and_then(|it| it.into_state().ok());
        let (voice, data) = primary.into_agent().into_parts();
        // The others hold what the store's writer waits for, or what it unmaps; with the writer the
        // store is given back, as after the death of the process.
        drop((agents, data));
        drop(core);
        self.follow(Some(counters), voice, warm, start, now)
    }
}
