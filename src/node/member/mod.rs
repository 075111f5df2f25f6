//! One node of several, and what it is now: a standby, or the primary.
//!
//! ```text
//!            ┌────────── standby ──────────┐   a vote, or --force    ┌───────── primary ─────────┐
//!   start ──▶│ standby  follower  catch-up │ ───────────────────────▶│ core  primary  scheduler  │
//!            │ segments sync  snapshot ..  │ ◀───────────────────────│ follower  catch-up  ..    │
//!            │ feed, silent   repair       │   a higher epoch        │ feed  repair              │
//!            └─────────────────────────────┘                         └───────────────────────────┘
//! ```
//!
//! A change of role is a change of agents: the threads end, what lives on is taken out of the
//! agents that had it, and the others are made around it. Towards the primary the store is not
//! read again and the state is not executed again: both go on where the standby left them. Its
//! first transaction is the beginning of its epoch, and nothing is confirmed before a majority has
//! that. `wires.rs` opens what the agents speak by, `roles.rs` counts and tells what they say,
//! `read_side.rs` is what runs in both roles.

mod read_side;
mod retries;
mod roles;
mod wires;

pub use roles::{PrimaryRole, StandbyRole, Word};
pub use wires::WireError;

use super::read_side::taking_feed;
use super::{Component, Config, Exchange, FeedPlace, NodeError, ReplicationOptions};
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
    Disk, LogPlace, Meta, OpenError, RealDisk, Recovery, ReplicaStore, SnapshotFile, Snapshots,
    put_aside,
};
use crate::types::{Epoch, Nanos};
use read_side::{reads_anew, take_read_side};
use retries::Retries;
use roles::{NodeCounters, OfBoard, Speaking};
use std::path::PathBuf;
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
    /// A standby's log is of no use any more: its store was put aside, its directory is to be
    /// filled (`fresh`), and it is opened again.
    Anew {
        /// Why.
        why: String,
        /// Where the store is now.
        archive: PathBuf,
    },
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
    /// What lives on while the directory is filled.
    waiting: Option<Waiting>,
    retries: Retries,
}

/// A node without a store: what it counts, and its voice, in which it says so.
struct Waiting {
    counters: Counters,
    voice: Voice<AnyMedia>,
}

impl Member {
    /// A node that has its part of a configuration; `discards` lets it cut what it has committed
    /// and the others have not.
    #[must_use]
    pub fn new(config: &Config, options: ReplicationOptions, discards: bool, now: Nanos) -> Self {
        let (words, heard) = sync_channel(WORDS_MAX);
        // Until it is the primary.
        config.feed.voice.hush();
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
            waiting: None,
            retries: Retries::default(),
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

    /// What fills the node's directory from another node, where it has no store yet. Meanwhile
    /// [`Self::answer`] is to be called now and then.
    ///
    /// # Errors
    /// The directory cannot be read or made, or an address not be had.
    pub fn fresh(&mut self) -> Result<Option<Fresh>, NodeError> {
        let store = &self.config.store;
        if Meta::is_there(&*self.disk, &store.directory).map_err(NodeError::Store)? {
            return Ok(None);
        }
        let fresh = Fresh::new(Arc::clone(&self.disk), store.clone(), self.dial()?);
        let fresh = fresh.map_err(|fault| NodeError::State(fault.to_string()))?;
        let waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                Waiting { counters: Exchange::around(&self.config)?.counters, voice: self.voice()? }
            }
        };
        roles::show_empty(&waiting.counters);
        self.waiting = Some(waiting);
        Ok(Some(fresh))
    }

    /// Tells an operator who asks that there is no store here yet. The other nodes hear nothing of
    /// a node that can promise them nothing.
    pub fn answer(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.voice.answer_empty());
    }

    fn voice(&self) -> Result<Voice<AnyMedia>, NodeError> {
        let control = wires::control(&self.options).map_err(NodeError::Wire)?;
        let (membership, key) = (self.options.membership.clone(), self.options.key.clone());
        Ok(Voice::new(membership, key, self.run, control))
    }

    /// Opens the node's store and all agents of a standby.
    ///
    /// # Errors
    /// The first part that cannot be opened.
    pub fn open(&mut self, start: Start, now: Nanos) -> Result<Exchange, NodeError> {
        let (counters, voice) = match self.waiting.take() {
            Some(Waiting { counters, voice }) => (Some(counters), voice),
            None => (None, self.voice()?),
        };
        self.follow(counters, voice, (None, None), start, now)
    }

    /// Makes the agents of a standby around a store that nobody has, with what goes on of another
    /// role: a state, and the reading side.
    fn follow(
        &mut self,
        counters: Option<Counters>,
        voice: Voice<AnyMedia>,
        (warm, read_side): (Option<(Replay, LogPlace)>, Option<Agents>),
        start: Start,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        // 1. The log, from where its state is known.
        self.stop = StopFlag::new();
        let (mut replica, recovery, state, feed) = self.open_replica(warm, now)?;
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
        // 5. The public's side of it, in silence.
        match read_side {
            Some(agents) => exchange.agents.extend(agents),
            None => self.add_read_side(&mut exchange, feed)?,
        }
        Ok(exchange)
    }

    /// The store at a state that is at hand, or at the newest snapshot; then the feed there too.
    fn open_replica(
        &self,
        warm: Option<(Replay, LogPlace)>,
        now: Nanos,
    ) -> Result<(ReplicaStore, Recovery, State, Option<FeedPlace>), NodeError> {
        let options = self.core_options();
        let open = |place: Option<LogPlace>| {
            ReplicaStore::open_on(Arc::clone(&self.disk), &options.store, place, now)
        };
        if let Some((replay, place)) = warm {
            match open(Some(place)) {
                Ok((replica, recovery)) => {
                    return Ok((replica, recovery, (replay, Some(place)), None));
                }
                // The log was cut below it: the snapshot before it is the state to begin with.
                Err(OpenError::Place { .. }) => {}
                Err(error) => return Err(NodeError::Store(error)),
            }
        }
        let mut feed = None;
        let plan = &self.config.feed.plan;
        let begun = core::begin(&self.disk, &options, &mut taking_feed(plan, &mut feed), open);
        let Begun { store: (replica, recovery), replay, snapshot, .. } =
            begun.map_err(NodeError::Core)?;
        Ok((replica, recovery, (replay, snapshot.map(|info| info.place)), feed))
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
            exchange.add(Some(follower.beside_others()));
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
                Some(RoleChange::BeginAnew { why }) => {
                    let archive = self.put_aside(counters, *standby, agents)?;
                    Ok(Next::Anew { why, archive })
                }
                // The log was cut below what was executed: the state before it is a snapshot's.
                None => match self.reading_failure(&agents) {
                    Some(why) => {
                        self.retries.judge(&why, self.board.applied(), now)?;
                        self.begin_again(counters, *standby, agents, now)
                            .map(|exchange| Next::Role(Box::new(exchange)))
                    }
                    None => {
                        agents.push(standby);
                        Ok(Next::End(agents))
                    }
                },
                Some(RoleChange::Follow { .. }) => unreachable!("a standby follows already"),
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

    /// Why what reads the store cannot, where nothing else has failed.
    fn reading_failure(&self, agents: &Agents) -> Option<String> {
        let mut failed = agents.iter().filter(|agent| agent.failure().is_some()).peekable();
        let why = failed.peek().and_then(|agent| agent.failure());
        why.filter(|_| failed.all(|agent| reads_anew(agent.as_ref(), self.discards)))
    }

    /// Closes the store and puts it aside; where it is then.
    fn put_aside(
        &mut self,
        counters: Counters,
        standby: StandbyRole,
        agents: Agents,
    ) -> Result<PathBuf, NodeError> {
        let voice = self.close(standby, agents)?;
        self.waiting = Some(Waiting { counters, voice });
        put_aside(&*self.disk, &self.config.store.directory).map_err(NodeError::Store)
    }

    /// Closes a standby's store, when nobody else has a part of it.
    fn close(&self, standby: StandbyRole, agents: Agents) -> Result<Voice<AnyMedia>, NodeError> {
        let (replica, StandbyParts { voice, .. }) = standby.into_agent().into_parts();
        drop(agents);
        replica.close().map_err(|error| {
            let path = self.config.store.directory.clone();
            NodeError::Store(OpenError::Io { doing: "closing", path, error })
        })?;
        Ok(voice)
    }

    /// A standby once more, from its store and a snapshot.
    fn begin_again(
        &mut self,
        counters: Counters,
        standby: StandbyRole,
        agents: Agents,
        now: Nanos,
    ) -> Result<Exchange, NodeError> {
        let voice = self.close(standby, agents)?;
        self.put_feed_aside(now)?;
        self.follow(Some(counters), voice, (None, None), Start::Follows, now)
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
        // 4. The feed speaks: where its own epoch begins nobody else did any more.
        self.config.feed.voice.speak_from(epoch_start.base);
        // 5. A follower of this log, from a snapshot: the state at hand is the core's now.
        let counters = FollowerCounters::new(&exchange.counters);
        let follower = FollowerAgent::loading(self.load(), self.follower_options(false), counters);
        exchange.add(Some(follower));
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
        self.config.feed.voice.hush();
        let read_side = Some(take_read_side(&mut agents));
        // The others hold what the store's writer waits for, or what it unmaps; with the writer the
        // store is given back, as after the death of the process.
        drop((agents, data));
        drop(core);
        self.follow(Some(counters), voice, (warm, read_side), start, now)
    }
}
