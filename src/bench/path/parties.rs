//! Who takes part in a run, on which threads, and what is left of them.

use super::Args;
use super::standbys::{self, Replicas, SoMany};
use super::subscriber::{self, Received, Receiving};
use super::trace::Rows;
use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, Running, StopFlag, SystemClock, cores_available, start,
    start_groups, take,
};
use crate::bench::nodes::{self, Complete, Nodes, Primary, Standby};
use crate::bench::replay::{TRADING_DATE, identity};
use crate::bench::watch::{Mark, Sight, Watched};
use crate::core::{CoreAgent, CoreCounters, Options, Sequencer};
use crate::demo::flow::{Flow, Mix};
use crate::demo::pace::Pace;
use crate::demo::source::{Parts, Progress, SourceAgent};
use crate::limits::{TERM_BYTES_DEFAULT, TERM_BYTES_MAX, TERM_BYTES_MIN};
use crate::market_data::{CHANNEL_L3, FeedAgent, FeedOptions, LogAgent, register};
use crate::metrics::{Counter, Counters};
use crate::net::{Endpoint, ReservedPort};
use crate::node::SyncAgent;
use crate::ring::pair;
use crate::state_machine::Capacity;
use crate::store::{Durability, Options as StoreOptions, RealDisk, StoreReader};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const RING_BYTES: usize = 2 * 1024 * 1024;
pub(super) const CAPACITY: Capacity =
    Capacity { orders: 1 << 18, holdings: 1 << 18, client_ids: 1 << 21 };

/// A log this long fits one segment: bytes of a command with its outcomes, and of the setup.
const BYTES_PER_COMMAND: u64 = 600;
const SETUP_BYTES: u64 = 64 * 1024 * 1024;

/// Commands of the setup, continuations and epochs, for those who count by sequence.
const SETUP_COMMANDS: usize = 200_000;

/// Which of the pictures above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// (a)
    Committed,
    /// (b)
    Subscriber,
    /// (c)
    Durable(Durability),
    /// (d)
    Standbys(u32),
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Source and core each on a core of its own and spinning, where there are two.
pub(super) fn placement() -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::BACK_OFF),
        _ => Placement { cores: vec![0, 1], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// Source and core take turns on one core, so that the sync has the other.
pub(super) fn placement_beside_sync() -> (Placement, Placement) {
    let alone = Placement::dedicated(IdleStrategy::BACK_OFF);
    match cores_available() {
        0 | 1 => (Placement::shared(IdleStrategy::BACK_OFF), alone),
        _ => (
            Placement { cores: vec![0], ..Placement::shared(IdleStrategy::Spin) },
            Placement { cores: vec![1], ..alone },
        ),
    }
}

/// What is asked of one run.
pub(super) struct Plan<'a> {
    pub(super) args: &'a Args,
    pub(super) label: &'static str,
    pub(super) pace: Pace,
    pub(super) rate: u64,
    pub(super) seconds: u64,
    pub(super) route: Route,
}

impl Plan<'_> {
    pub(super) fn commands(&self) -> u64 {
        self.rate * self.seconds
    }

    pub(super) fn term_bytes(&self) -> Result<usize, String> {
        let bytes = self.commands() * BYTES_PER_COMMAND + SETUP_BYTES;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > TERM_BYTES_MAX {
            let commands = self.commands();
            return Err(format!("{commands} commands do not fit one segment: fewer --seconds"));
        }
        Ok(bytes.next_power_of_two().max(TERM_BYTES_MIN))
    }
}

/// The exchange of one run, and its source.
pub(super) struct Parties {
    source: SourceAgent,
    pub(super) progress: Progress,
    core: CoreAgent,
    sync: Option<SyncAgent>,
    feed: Option<Publishing>,
    replicas: Option<Replicas>,
}

/// The feed of one run.
struct Publishing {
    feed: FeedAgent,
    logs: LogAgent,
    end: StopFlag,
    reserved: ReservedPort,
}

/// The core of a run, and who lets it commit.
struct Opened {
    sequencer: Sequencer,
    /// Where its store is.
    directory: PathBuf,
    sync: Option<SyncAgent>,
    replicas: Option<Replicas>,
}

/// Nobody takes the core's segment helper, because one segment holds the whole run.
fn open_core(plan: &Plan<'_>, directory: &Path, clock: &SystemClock) -> Result<Opened, String> {
    let mut store = StoreOptions::new(directory, identity());
    store.term_bytes = plan.term_bytes()?;
    if let Route::Standbys(count @ 1..) = plan.route {
        let nodes = Nodes::new(directory, store.term_bytes, count)?;
        let directory = nodes.store(1).directory;
        let (sequencer, replicas) = standbys::open(nodes, clock)?;
        return Ok(Opened { sequencer, directory, sync: None, replicas: Some(replicas) });
    }
    if let Route::Durable(durability) = plan.route {
        store.durability = durability;
    }
    let options = Options { store, capacity: CAPACITY };
    let (mut sequencer, _) = Sequencer::open(&options, clock.now()).map_err(text)?;
    let sync = match plan.route {
        Route::Durable(Durability::Disk) => sequencer.writer_mut().take_syncer().map(SyncAgent),
        _ => None,
    };
    Ok(Opened { sequencer, directory: directory.to_path_buf(), sync, replicas: None })
}

fn open_feed(directory: &Path, counters: &Counters) -> Result<Publishing, String> {
    let (reserved, end) = (ReservedPort::new().map_err(text)?, StopFlag::new());
    let (group, interface) = (subscriber::GROUP, subscriber::INTERFACE);
    let endpoint = Endpoint { group, port: reserved.get(), interface };
    let line = FeedOptions::line_with(CHANNEL_L3, endpoint).ok_or("no such port")?;
    let store = StoreOptions::new(directory, identity());
    let mut options = FeedOptions { end: end.clone(), ..FeedOptions::new(&store, line) };
    options.log.term_bytes = TERM_BYTES_DEFAULT;
    let disk = Arc::new(RealDisk);
    let registration = register(&RealDisk, directory).map_err(text)?;
    let reader = StoreReader::attach(directory, None).map_err(text)?;
    let feed = FeedAgent::open(disk, reader, registration, &options, counters);
    let (feed, logs) = feed.map_err(text)?;
    Ok(Publishing { feed, logs, end, reserved })
}

pub(super) fn open(
    plan: &Plan<'_>,
    directory: &Path,
    clock: &SystemClock,
) -> Result<Parties, String> {
    // 1. The core.
    let Opened { sequencer, directory, sync, replicas } = open_core(plan, directory, clock)?;
    let (ring, consumer) = pair(RING_BYTES);
    let counters = Counters::in_memory();
    let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
    // 2. The feed.
    let feed = match plan.route {
        Route::Subscriber => Some(open_feed(&directory, &counters)?),
        Route::Committed | Route::Durable(_) | Route::Standbys(_) => None,
    };
    // 3. The source.
    let (commands, has_feed) = (plan.commands(), feed.is_some());
    let mut flow = SoMany(Mix::new(plan.args.seed, TRADING_DATE, commands), commands);
    let (source, progress) = SourceAgent::new(Parts {
        setup: flow.setup(),
        flow: Box::new(flow),
        pace: plan.pace,
        duration_ns: (plan.pace != Pace::Max).then_some(plan.seconds * 1_000_000_000),
        source: 1,
        ring,
        reader: StoreReader::attach(&directory, None).map_err(text)?,
        journal: Box::new(Rows::new(*clock, usize::try_from(commands).map_err(text)?)),
        clock: Box::new(*clock),
        stop: StopFlag::new(),
    });
    // With the setup the feed opens its logs, once a day: no command waits for that. Standbys are
    // all there.
    let complete = replicas.as_ref().map(|replicas| replicas.primary.complete());
    let source = source.beginning_when(move |setup_to| {
        complete.as_ref().is_none_or(Complete::is_so)
            && (!has_feed || counters.get(Counter::FEED_POSITION) >= setup_to.0)
    });
    Ok(Parties { source, progress, core, sync, feed, replicas })
}

/// Waits for a run's end, and takes no core while it lasts.
fn wait(seconds: u64, mut is_over: impl FnMut() -> bool) {
    std::thread::sleep(Duration::from_secs(seconds));
    while !is_over() {
        std::thread::sleep(subscriber::LOOK);
    }
}

/// What is left of a run when its threads have ended.
pub(super) struct Ended {
    pub(super) source: SourceAgent,
    pub(super) core: CoreAgent,
    pub(super) committed: Vec<Mark>,
    pub(super) sent: Vec<Mark>,
    /// Of source and core.
    pub(super) sights: Vec<Sight>,
    pub(super) received: Option<Received>,
    /// Why the standbys do not have what the primary has.
    pub(super) unequal: Option<String>,
}

/// What runs beside the agents on the way of a command, and what they need kept.
#[derive(Default)]
struct Beside {
    running: Option<Running>,
    receiving: Option<(Receiving, StopFlag)>,
    /// What keeps ports from others until the run is over.
    kept: Vec<Box<dyn Any>>,
}

/// Starts what runs beside, and gives its agents on the way to the others; where those are placed.
fn start_beside(
    plan: &Plan<'_>,
    (sync, feed, replicas): (Option<SyncAgent>, Option<Publishing>, Option<Replicas>),
    (agents, marks): (&mut Vec<Box<dyn Agent>>, usize),
    scratch: &Path,
    (clock, stop): (&SystemClock, &StopFlag),
) -> Result<(Placement, Beside), String> {
    let (own, other) = placement_beside_sync();
    let mut beside = Beside::default();
    let mut place = match plan.route {
        Route::Durable(_) => own,
        Route::Standbys(_) => standbys::placement(),
        Route::Committed | Route::Subscriber => placement(),
    };
    if let Some(sync) = sync {
        beside.running = Some(start(vec![Box::new(sync)], &other, clock, stop).map_err(text)?);
    }
    if let Some(Publishing { feed, logs, end, reserved }) = feed {
        beside.running = Some(start(vec![Box::new(logs)], &other, clock, stop).map_err(text)?);
        let (own, core) = subscriber::placement();
        place = own;
        let receiving = Receiving::start(scratch, reserved.get(), marks, core)?;
        beside.receiving = Some((receiving, end));
        beside.kept.push(Box::new(reserved));
        let at = |feed: &FeedAgent| feed.position().0;
        agents.push(Box::new(Watched::new(feed, *clock, marks, at)));
    }
    if let Some(Replicas { primary, standbys, nodes }) = replicas {
        agents.push(Box::new(primary));
        let threads = nodes::threads(standbys, standbys::cores_taken());
        beside.running = Some(start_groups(threads, clock, stop).map_err(text)?);
        beside.kept.push(Box::new(nodes));
    }
    Ok((place, beside))
}

/// Runs the agents until the last command is seen committed, and received.
pub(super) fn run_agents(
    plan: &Plan<'_>,
    parties: Parties,
    scratch: &Path,
    clock: &SystemClock,
) -> Result<Ended, String> {
    let Parties { source, progress, core, sync, feed, replicas } = parties;
    // Each command is at most a cycle of its own.
    let marks = SETUP_COMMANDS + usize::try_from(plan.commands()).map_err(text)?;
    let mut agents: Vec<Box<dyn Agent>> = vec![
        Box::new(Watched::new(source, *clock, 0, |_| 0).after_setup(&progress)),
        Box::new(
            Watched::new(core, *clock, marks, |core| core.sequencer().position().0)
                .after_setup(&progress),
        ),
    ];
    let stop = StopFlag::new();
    let others = (sync, feed, replicas);
    let (place, beside) =
        start_beside(plan, others, (&mut agents, marks), scratch, (clock, &stop))?;
    let running = start(agents, &place, clock, &stop).map_err(text)?;
    let seconds = if plan.pace == Pace::Max { 0 } else { plan.seconds };
    wait(seconds, || progress.is_finished() || running.is_finished());
    let received = match beside.receiving {
        None => None,
        Some((receiving, end)) => {
            end.stop();
            Some(receiving.finish()?)
        }
    };
    running.stop();
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let mut others = match beside.running {
        Some(running) => running.join().map_err(|_| "an agent beside it panicked")?,
        None => Vec::new(),
    };
    let source: Box<Watched<SourceAgent>> = take(&mut agents).ok_or("the source is gone")?;
    let core: Box<Watched<CoreAgent>> = take(&mut agents).ok_or("the core is gone")?;
    let feed: Option<Box<Watched<FeedAgent>>> = take(&mut agents);
    let (source, _, source_sight) = source.finish();
    let (core, committed, core_sight) = core.finish();
    let unequal = take::<Primary>(&mut agents).and_then(|mut primary| {
        let mut standbys: Vec<Box<Standby>> = std::iter::from_fn(|| take(&mut others)).collect();
        nodes::settle(&mut primary, &mut standbys, core.sequencer().end(), clock).err()
    });
    let sent = feed.map_or(Vec::new(), |feed| feed.finish().1);
    let sights = vec![source_sight, core_sight];
    Ok(Ended { source, core, committed, sent, sights, received, unequal })
}
