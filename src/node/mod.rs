//! One exchange, or some of its components, in one process: opens the parts and gives them to
//! whoever runs them.
//!
//! The steps of [`Exchange::open`] are the pipeline, in order: this file alone knows all of it.
//! `options.rs` makes them from a configuration, `threads.rs` puts the agents on threads,
//! `interrupt.rs` is the wish to stop, `store_agents.rs` is what works beside a writer.

mod interrupt;
mod member;
mod options;
mod read_side;
mod recovery;
mod replication;
mod store_agents;
mod threads;

pub use interrupt::Interrupt;
pub use member::{Member, Next, PrimaryRole, StandbyRole, Start, WireError, Word};
pub use options::{calendar, store_options};
pub use read_side::{FeedPlace, feed_from_snapshot, read_side_sections};
pub use recovery::options as recovery_options;
pub use replication::{ReplicationOptions, options as replication_options};
pub use store_agents::{SegmentAgent, SyncAgent};
pub use threads::groups;

use crate::agent::{Agent, StopFlag, take};
use crate::config;
use crate::core::{
    CoreAgent, CoreCounters, Inlet, Intake, Left, Options as CoreOptions, Sequencer, StartError,
    Started,
};
use crate::feed_log::FeedLogError;
use crate::market_data::{Feed, FeedAgent, FeedOptions, register};
use crate::metrics::{AttachError, Counters};
use crate::net::{ProbeError, probe};
use crate::recovery_service::{Listening, RecoveryError, RecoveryOptions};
use crate::ring::mapped::MappedError;
use crate::ring::{Producer, pair};
use crate::scheduler::{Calendar, SchedulerAgent, SchedulerCounters, Standing};
use crate::snapshot::{RetentionAgent, SnapshotAgent, SnapshotCounters, SnapshotOptions};
use crate::standby::FollowerAgent;
use crate::state_machine::{Capacity, StateMachine};
use crate::store::{
    Check, Keeper, LogPlace, OpenError, Options as StoreOptions, ReadError, ReaderOptions,
    RealDisk, Recovery, Registration, SegmentHelper, Snapshots, StoreReader, SyncHelper,
};
use crate::types::{Epoch, Nanos, Position, SourceId};
use read_side::Logged;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of the ring before the core: some ten thousand orders.
const RING_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of the scheduler's ring: it submits one command at a time.
const SCHEDULER_RING_BYTES: usize = 4 * 1024;

/// A part of an exchange that can have a process of its own, attached to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Component {
    /// The one writer: rings, sequencer, state machine, log.
    Core,
    /// The public feed, made of the log.
    MarketData,
    /// Snapshots of all state, taken by a follower of the log.
    Snapshot,
    /// Replay, snapshots and re-requests of the feed, for those who missed something.
    Recovery,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Core, Self::MarketData, Self::Snapshot, Self::Recovery];

    /// Its name, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::MarketData => "market-data",
            Self::Snapshot => "snapshot",
            Self::Recovery => "recovery",
        }
    }
}

/// What an exchange is made of.
#[derive(Clone)]
pub struct Config {
    /// The event store.
    pub store: StoreOptions,
    /// Room in the state machine.
    pub capacity: Capacity,
    /// What an operator says about the sources at this start.
    pub intake: Intake,
    /// What of it runs here; other processes may run the rest.
    pub components: Vec<Component>,
    /// When days begin and end; without one, somebody else submits that.
    pub calendar: Option<Calendar>,
    /// The trading date, yyyymmdd, that an operator says comes next, where one was asked.
    pub confirmed_date: Option<u32>,
    /// Whether the log forgets what nobody needs any more.
    pub forgets: bool,
    /// How snapshots are taken, where they are.
    pub snapshots: Option<SnapshotOptions>,
    /// What the public may know, and where it goes.
    pub feed: FeedOptions,
    /// Repair of the feed, where it is.
    pub recovery: Option<RecoveryOptions>,
    /// The nodes that hold the same log; `None` for a node that is alone.
    pub replication: Option<ReplicationOptions>,
    /// Sources in other processes, each with its ring.
    pub sources: Vec<config::Source>,
    /// Rings into the core for sources in this process.
    pub rings: usize,
    /// Where it counts, for others to watch; in memory where none is given.
    pub counters: Option<PathBuf>,
    /// When set, the core takes nothing more.
    pub intake_end: StopFlag,
}

impl Config {
    /// Whether a component runs here.
    #[must_use]
    pub fn has(&self, component: Component) -> bool {
        self.components.contains(&component)
    }
}

/// Why an exchange cannot be opened.
#[derive(Debug)]
pub enum NodeError {
    /// Multicast does not work there.
    Network(ProbeError),
    /// The core cannot start.
    Core(StartError),
    /// The log, or a note beside it, cannot be opened.
    Store(OpenError),
    /// The log cannot be read.
    Read(ReadError),
    /// A source's ring cannot be used.
    Ring(MappedError),
    /// The log begins beyond what the feed has sent, and no snapshot leads there.
    FeedBehind {
        /// Where the log begins.
        log_begins: Position,
        /// Everything before it was sent.
        up_to: Position,
    },
    /// A log of the feed cannot be read.
    FeedLog(FeedLogError),
    /// The repair service cannot start.
    Recovery(RecoveryError),
    /// The counters file cannot be made.
    Counters(AttachError),
    /// The other nodes cannot be reached.
    Wire(WireError),
    /// The system gives no random bytes.
    Random(std::io::Error),
    /// A standby that is to be the primary has no state: the reason.
    State(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::Core(error) => write!(f, "{error}"),
            Self::Store(error) => write!(f, "{error}"),
            Self::Read(error) => write!(f, "{error}"),
            Self::Ring(error) => write!(f, "{error}"),
            Self::FeedBehind { log_begins, up_to } => write!(
                f,
                "the feed was sent up to {up_to}, the log begins at {log_begins}, and there is no \
                 snapshot that the feed could go on from"
            ),
            Self::FeedLog(error) => write!(f, "a log of the feed: {error}"),
            Self::Recovery(error) => write!(f, "{error}"),
            Self::Counters(error) => write!(f, "{error}"),
            Self::Wire(error) => write!(f, "{error}"),
            Self::Random(error) => write!(f, "random bytes: {error}"),
            Self::State(why) => write!(f, "there is no state to go on with: {why}"),
        }
    }
}

impl std::error::Error for NodeError {}

/// What the core's start led to.
#[derive(Debug)]
pub struct CoreStart {
    /// What it found; `None` where it went on with a standby's state.
    pub started: Option<Started>,
    /// The epoch that it began.
    pub epoch: Epoch,
    /// What a crash left in the ring of each configured source.
    pub left: Vec<Left>,
}

/// An exchange that is ready to run.
pub struct Exchange {
    /// What it counts.
    pub counters: Counters,
    /// What the core's start led to, where the core runs here.
    pub core: Option<CoreStart>,
    /// What was found where the store was opened for following.
    pub recovered: Option<Recovery>,
    /// Its agents, in the order of the pipeline.
    pub agents: Vec<Box<dyn Agent>>,
    /// Into the core, one a ring.
    pub producers: Vec<Producer>,
    recovery: Option<Listening>,
    store: StoreOptions,
}

impl Exchange {
    /// Opens all parts of an exchange that run here.
    ///
    /// # Errors
    /// The first part that cannot be opened; those before it are closed again.
    pub fn open(config: &Config, now: Nanos) -> Result<Self, NodeError> {
        // 1. Does multicast work there at all?
        if config.has(Component::MarketData) {
            let lines = std::iter::once(config.feed.line_a).chain(config.feed.line_b);
            lines.into_iter().try_for_each(probe).map_err(NodeError::Network)?;
        }
        // 2. The log, executed again, and the state machine it leads to; of another process's log
        //    only that it is there. Whoever may not write it, or publish its feed, changes nothing.
        let mut feed = None;
        let sequencer = match config.has(Component::Core) {
            true => Some(open_sequencer(config, now, &mut feed)?),
            false => None,
        };
        let registration = match config.has(Component::MarketData) {
            true => Some(register_feed(&config.store)?),
            false => None,
        };
        let mut exchange = Self::around(config)?;
        // 3. to 6. The core, what it takes from, and what works beside it.
        if let Some((mut sequencer, started)) = sequencer {
            let writer = sequencer.writer_mut();
            let helpers = (writer.take_helper(), writer.take_syncer(), writer.take_keeper());
            exchange.add_core(config, sequencer, Some(started))?;
            exchange.add_helpers(config, helpers);
        }
        // 7. The feed reads the log, and goes on where the last one stopped.
        if let Some(registration) = registration {
            exchange.add_feed(config, registration, feed)?;
        }
        // 8. A follower executes the log again and takes snapshots, for the next start.
        if config.has(Component::Snapshot)
            && let Some(options) = &config.snapshots
        {
            let follower = exchange.follower(options)?;
            exchange.add(Some(follower));
        }
        // 9. Who missed some of the feed gets it again.
        if config.has(Component::Recovery)
            && let Some(options) = &config.recovery
        {
            exchange.add_recovery(options)?;
        }
        Ok(exchange)
    }

    /// 3. Beside the core the next segment is prepared, the log made durable, and what nobody needs
    ///    any more forgotten.
    fn add_helpers(&mut self, config: &Config, (helper, syncer, keeper): StoreHelpers) {
        self.add(helper.map(SegmentAgent));
        self.add(syncer.map(SyncAgent));
        let keeper = keeper.filter(|_| config.forgets);
        let retention = keeper.map(|keeper| self.retention(keeper));
        self.add(retention);
    }

    fn add_core(
        &mut self,
        config: &Config,
        sequencer: Sequencer,
        started: Option<Started>,
    ) -> Result<(), NodeError> {
        // 4. The rings into the core.
        let epoch = sequencer.epoch();
        let mut inlets = mapped_inlets(&config.sources, epoch)?;
        for _ in 0..config.rings {
            let (producer, consumer) = pair(RING_BYTES);
            self.producers.push(producer);
            inlets.push(consumer.into());
        }
        // 5. The calendar submits what is due, through a ring as others do.
        let mut scheduler = None;
        if let Some(calendar) = config.calendar.clone() {
            let (ring, consumer) = pair(SCHEDULER_RING_BYTES);
            inlets.push(consumer.into());
            scheduler = Some(self.scheduler(calendar, config.confirmed_date, &sequencer, ring)?);
        }
        // 6. The core.
        let mut core = CoreAgent::with_inlets(sequencer, inlets, CoreCounters::new(&self.counters));
        let left = core.pass_over_left();
        self.core = Some(CoreStart { started, epoch, left });
        self.add(Some(core.with_intake_end(config.intake_end.clone())));
        self.add(scheduler);
        Ok(())
    }

    fn add_feed(
        &mut self,
        config: &Config,
        registration: Registration,
        ready: Option<FeedPlace>,
    ) -> Result<(), NodeError> {
        let up_to = registration.position();
        let mut reader = self.reader().map_err(NodeError::Store)?;
        let core = feed_core(config, &mut reader, up_to, ready)?;
        let (disk, options) = (Arc::new(RealDisk), &config.feed);
        let feed = FeedAgent::open(disk, reader, registration, options, &self.counters);
        let (feed, logs) = feed.map_err(NodeError::Store)?;
        self.add(Some(match core {
            Some((place, core)) => feed.resume(core, place),
            None => feed,
        }));
        self.add(Some(logs));
        Ok(())
    }

    /// What is there before any part is: the counters, beside a log that exists.
    fn around(config: &Config) -> Result<Self, NodeError> {
        let store = config.store.clone();
        let counters = match &config.counters {
            Some(path) => Counters::create(path).map_err(NodeError::Counters)?,
            None => Counters::in_memory(),
        };
        Ok(Self::with(counters, &store, Vec::new()))
    }

    /// Agents that run already, and what they count.
    fn with(counters: Counters, store: &StoreOptions, agents: Vec<Box<dyn Agent>>) -> Self {
        let (core, recovered, producers) = (None, None, Vec::new());
        let store = store.clone();
        Self { counters, core, recovered, agents, producers, recovery: None, store }
    }

    /// A scheduler that goes on from where the log ends.
    fn scheduler(
        &self,
        calendar: Calendar,
        confirmed_date: Option<u32>,
        sequencer: &Sequencer,
        ring: Producer,
    ) -> Result<SchedulerAgent, NodeError> {
        let standing = Standing::of(sequencer.machine(), sequencer.time());
        let mut reader = self.reader().map_err(NodeError::Store)?;
        // At most the beginning of this epoch lies behind it, and says nothing of the calendar.
        let end = reader.end().map_err(NodeError::Read)?;
        reader.seek(end, None).map_err(NodeError::Read)?;
        let counters = SchedulerCounters::new(&self.counters);
        Ok(SchedulerAgent::new(calendar, confirmed_date, standing, reader, ring, counters))
    }

    fn retention(&self, keeper: Keeper) -> RetentionAgent {
        let (disk, store) = (Arc::new(RealDisk), self.store.directory.clone());
        RetentionAgent::new(keeper, self.snapshots(), disk, store, &self.counters)
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::new(Arc::new(RealDisk), &self.store.directory, &self.store.identity)
    }

    /// A follower of the log that takes snapshots.
    fn follower(&self, options: &SnapshotOptions) -> Result<SnapshotAgent, NodeError> {
        let content = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
        let reader = StoreReader::attach_on(Arc::new(RealDisk), &self.store.directory, &content);
        let reader = reader.map_err(NodeError::Store)?;
        let counters = SnapshotCounters::new(&self.counters);
        Ok(SnapshotAgent::new(reader, self.snapshots(), options.clone(), counters))
    }

    fn add<A: Agent>(&mut self, agent: Option<A>) {
        self.agents.extend(agent.map(|agent| Box::new(agent) as Box<dyn Agent>));
    }

    /// Another reader of the log.
    ///
    /// # Errors
    /// The store's.
    pub fn reader(&self) -> Result<StoreReader, OpenError> {
        StoreReader::attach(&self.store.directory, None)
    }
}

/// What works beside the one who fills a store.
type StoreHelpers = (Option<SegmentHelper>, Option<SyncHelper>, Option<Keeper>);

/// Opens the one writer; `feed` is the feed at the snapshot that it begins at.
fn open_sequencer(
    config: &Config,
    now: Nanos,
    feed: &mut Option<FeedPlace>,
) -> Result<(Sequencer, Started), NodeError> {
    let options = CoreOptions { store: config.store.clone(), capacity: config.capacity };
    let at_snapshot = &mut read_side::taking_feed(&config.feed.plan, feed);
    Sequencer::open_on(Arc::new(RealDisk), &options, &config.intake, now, at_snapshot)
        .map_err(NodeError::Core)
}

/// Registers as the publisher of a log's feed, if there is a log.
fn register_feed(store: &StoreOptions) -> Result<Registration, NodeError> {
    StoreReader::attach(&store.directory, None).map_err(NodeError::Store)?;
    register(&RealDisk, &store.directory).map_err(NodeError::Store)
}

/// The rings of sources in other processes.
fn mapped_inlets(sources: &[config::Source], epoch: Epoch) -> Result<Vec<Inlet>, NodeError> {
    let open = |source: &config::Source| {
        Inlet::open(&source.ring, SourceId(source.id), source.ring_bytes, epoch)
    };
    sources.iter().map(open).collect::<Result<_, _>>().map_err(NodeError::Ring)
}

/// The feed at a snapshot from which on it makes all that is not logged, so that it need not read
/// the whole log; `None` from the log's beginning. `ready` is that of the snapshot where the state
/// begins, which a standby's log bears out before it knows all of it to be committed.
fn feed_core(
    config: &Config,
    reader: &mut StoreReader,
    up_to: Position,
    ready: Option<FeedPlace>,
) -> Result<Option<FeedPlace>, NodeError> {
    let directory = &config.store.directory;
    let logged = Logged::of(directory).map_err(NodeError::FeedLog)?;
    let log_begins = reader.position();
    let is_whole = log_begins == Position(0);
    if is_whole && logged.is_empty() {
        return Ok(None);
    }
    let borne_out = ready.as_ref().map_or(log_begins, |(place, _)| place.position);
    if let Some(ready) = ready.filter(|(_, feed)| logged.fit(feed, is_whole).is_ok()) {
        return Ok(Some(ready));
    }
    let snapshots = Snapshots::new(Arc::new(RealDisk), directory, &reader.meta().identity);
    let fits = |place: LogPlace, feed: &Feed| {
        logged.fit(feed, is_whole)?;
        match reader.seek(place.position, Some(place.chain)) {
            Err(ReadError::Beyond { position, .. }) if position <= borne_out => Ok(()),
            sought => sought.map_err(|error| error.to_string()),
        }
    };
    let feed = feed_from_snapshot(&snapshots, &config.feed.plan, fits).map_err(|error| {
        let path = directory.clone();
        NodeError::Store(OpenError::Io { doing: "listing snapshots of", path, error })
    })?;
    match feed {
        None if !is_whole => Err(NodeError::FeedBehind { log_begins, up_to }),
        feed => Ok(feed),
    }
}

/// What a clean end left.
pub struct Closed {
    /// The state.
    pub machine: StateMachine,
    /// Its place in the log: the end, or on a standby up to where it had executed.
    pub position: Position,
}

/// Closes the store of agents that have stopped; `None` where neither the core was among them nor
/// a standby that had executed the log.
///
/// # Errors
/// The system's; the store is then as after the death of the process.
pub fn close(mut agents: Vec<Box<dyn Agent>>) -> std::io::Result<Option<Closed>> {
    if let Some(mut feed) = take::<FeedAgent>(&mut agents) {
        feed.close();
    }
    let Some(core) = take::<CoreAgent>(&mut agents) else {
        let executed = take::<FollowerAgent>(&mut agents).and_then(|it| it.into_state().ok());
        let standby = take::<StandbyRole>(&mut agents);
        drop(agents);
        let Some(standby) = standby else { return Ok(None) };
        standby.close()?;
        return Ok(executed
            .map(|(replay, at)| Closed { machine: replay.into_machine(), position: at.position }));
    };
    // The others hold what the store's writer waits for, or what it unmaps.
    drop(agents);
    let sequencer = core.into_sequencer();
    let position = sequencer.position();
    Ok(Some(Closed { machine: sequencer.close()?, position }))
}
