//! One exchange in one process: opens its parts and gives them to whoever runs them.
//!
//! The steps of [`Exchange::open`] are the pipeline, in order: this file alone knows all of it.

use crate::agent::{Agent, StopFlag};
use crate::core::{
    CoreAgent, CoreCounters, Options as CoreOptions, Sequencer, StartError, Started,
};
use crate::market_data::{FeedAgent, FeedOptions};
use crate::metrics::{AttachError, Counters};
use crate::net::{Endpoint, ProbeError, probe};
use crate::ring::{Producer, pair};
use crate::state_machine::Capacity;
use crate::store::{OpenError, Options as StoreOptions, SegmentHelper, StoreReader, SyncHelper};
use crate::types::{Nanos, Position};
use std::fmt;
use std::path::PathBuf;

/// Bytes of the ring before the core: some ten thousand orders.
const RING_BYTES: usize = 2 * 1024 * 1024;

/// What an exchange is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The event store.
    pub store: StoreOptions,
    /// Room in the state machine.
    pub capacity: Capacity,
    /// Where the L3 feed goes, line A.
    pub endpoint: Endpoint,
    /// Routers that a datagram of it may pass, less one; 0 stays on this machine.
    pub ttl: u32,
    /// Rings into the core.
    pub rings: usize,
    /// Where it counts, for others to watch; in memory where none is given.
    pub counters: Option<PathBuf>,
    /// When set, the feed ends its session after what is committed.
    pub end: StopFlag,
}

/// Why an exchange cannot be opened.
#[derive(Debug)]
pub enum NodeError {
    /// Multicast does not work there.
    Network(ProbeError),
    /// The core cannot start.
    Core(StartError),
    /// The feed cannot start.
    Feed(crate::net::OpenError),
    /// The counters file cannot be made.
    Counters(AttachError),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::Core(error) => write!(f, "{error}"),
            Self::Feed(error) => write!(f, "{error}"),
            Self::Counters(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for NodeError {}

/// An exchange that is ready to run.
pub struct Exchange {
    /// What it counts.
    pub counters: Counters,
    /// What its start found.
    pub started: Started,
    /// Its agents, in the order of the pipeline.
    pub agents: Vec<Box<dyn Agent>>,
    /// Into the core, one a ring.
    pub producers: Vec<Producer>,
    store: StoreOptions,
}

impl Exchange {
    /// Opens all parts of an exchange.
    pub fn open(config: &Config, now: Nanos) -> Result<Self, NodeError> {
        // 1. Does multicast work there at all?
        probe(config.endpoint).map_err(NodeError::Network)?;
        // 2. The log, executed again, and the state machine it leads to.
        let options = CoreOptions { store: config.store.clone(), capacity: config.capacity };
        let (mut sequencer, started) = Sequencer::open(&options, now).map_err(NodeError::Core)?;
        // 3. Beside the core the next segment is prepared, and the log made durable.
        let helper = sequencer.writer_mut().take_helper();
        let syncer = sequencer.writer_mut().take_syncer();
        // 4. The rings into the core.
        let (producers, consumers) = (0..config.rings).map(|_| pair(RING_BYTES)).unzip();
        // 5. The core.
        let counters = match &config.counters {
            Some(path) => Counters::create(path).map_err(NodeError::Counters)?,
            None => Counters::in_memory(),
        };
        let core = CoreAgent::new(sequencer, consumers, CoreCounters::new(&counters));
        // 6. The feed reads the log.
        let options = FeedOptions {
            line_a: config.endpoint,
            ttl: config.ttl,
            send_from: Position(0),
            end: config.end.clone(),
        };
        let reader = StoreReader::attach(&config.store.directory, None);
        let reader = reader.map_err(|error| NodeError::Core(StartError::Open(error)))?;
        let feed = FeedAgent::open(reader, &options, &counters).map_err(NodeError::Feed)?;
        let mut agents: Vec<Box<dyn Agent>> = vec![Box::new(core)];
        agents.extend(helper.map(|helper| Box::new(SegmentAgent(helper)) as Box<dyn Agent>));
        agents.extend(syncer.map(|syncer| Box::new(SyncAgent(syncer)) as Box<dyn Agent>));
        agents.push(Box::new(feed));
        Ok(Self { counters, started, agents, producers, store: config.store.clone() })
    }

    /// Another reader of the log.
    pub fn reader(&self) -> Result<StoreReader, OpenError> {
        StoreReader::attach(&self.store.directory, None)
    }
}

/// Prepares the store's next segment.
struct SegmentAgent(SegmentHelper);

impl Agent for SegmentAgent {
    fn name(&self) -> &str {
        "segments"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.0.do_work(now)
    }

    fn waits(&self) -> bool {
        true
    }
}

/// Makes the log durable; with durability `disk` it is what commits.
struct SyncAgent(SyncHelper);

impl Agent for SyncAgent {
    fn name(&self) -> &str {
        "sync"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.0.do_work(now)
    }

    fn waits(&self) -> bool {
        true
    }
}
