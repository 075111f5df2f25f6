//! `isochron serve`: an exchange, or some of its components, until a signal ends it.
//!
//! ```text
//!  configuration ─▶ parts opened ─▶ threads, the core's last ─▶ ready ─▶ looked at
//!                                                                            │ signal
//!   exit 0 ◀─ store closed ◀─ feed has sent what is committed ◀─ intake ends ◀┘
//! ```
//!
//! No agent writes a log line: this thread says what changed, from what they count and from the
//! store's control page. An agent that panics or cannot go on ends the process with code 1: an
//! exchange that lost a part must not seem to run.

mod days;
mod log;
mod member;
mod report;
mod source;
mod watch;

use super::output::{End, end};
use crate::agent::{
    Agent, AgentPanic, Clock, Running, StopFlag, SystemClock, cores_available, start_groups,
};
use crate::config::Config;
use crate::demo::{self, Tempo};
use crate::limits::SOURCE_ID_MAX;
use crate::metrics::{Counter, Counters};
use crate::node::{self, Component, Exchange, Interrupt, Start};
use crate::store::{Accepting, ReaderOptions, RealDisk, StoreReader, Until};
use crate::types::{Position, SourceId};
use clap::Args as ClapArgs;
use days::Days;
use source::{OrderSource, Trading};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use watch::Watch;

pub(super) use member::Served;

/// How often the parts are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a part may take to end what it is doing, before the others are stopped all the same.
const END_NS_MAX: u64 = 10_000_000_000;

/// The exit code where a part of the exchange failed.
const FAILED: u8 = 1;

/// Options of `isochron serve`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration; without one all defaults hold, and paths begin at the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Runs only these components here, attached to the same store as the others.
    #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
    only: Vec<Component>,
    /// Ends the quarantine of a source, whose commands ended the core twice within a minute.
    #[arg(long, value_name = "SOURCE", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=i64::from(SOURCE_ID_MAX)))]
    release: Vec<u32>,
    /// Says that this trading date, yyyymmdd, comes next, where the scheduler asks: whole trading
    /// days were missed, or the clock was wrong.
    #[arg(long, value_name = "DATE")]
    confirm_date: Option<u32>,
    /// Ends, as by a signal, when the process that started it has ended.
    #[arg(long)]
    end_with_parent: bool,
    /// Trades by itself, for trials: orders of `mix`, `lobster:FILE` or `itch:FILE` (plain or gz).
    #[arg(long)]
    flow: Option<String>,
    #[command(flatten)]
    tempo: Tempo,
}

/// Runs the command: 0 after a signal, 1 if a part failed, 2 if it could not start.
pub(super) fn run(args: &Args) -> ExitCode {
    end("serve", &"", serve(args))
}

fn serve(args: &Args) -> Result<u8, End> {
    // 1. What to run.
    let parent = parent_id();
    let (config, base) = configuration(args)?;
    let components = if args.only.is_empty() { Component::ALL.to_vec() } else { args.only.clone() };
    let mut node = node::Config::of(&config, &base, &components).map_err(End::unreadable)?;
    let has_core = node.has(Component::Core);
    if args.flow.is_some() && !has_core {
        return Err(End::unreadable("--flow gives orders to the core, which does not run here"));
    }
    node.intake.release = args.release.iter().map(|source| SourceId(*source)).collect();
    if let Some(options) = node.replication.clone().filter(|_| has_core) {
        if args.flow.is_some() {
            return Err(End::unreadable("--flow is for a node that is alone: use `isochron send`"));
        }
        node.confirmed_date = args.confirm_date;
        let (file, parent) = (args.config.as_deref(), args.end_with_parent.then_some(parent));
        let member = Served { config: &config, node: &node, options: &options, file, parent };
        return member.run(Start::Votes, false);
    }
    if args.flow.is_some() && config.sources.iter().any(|source| source.id == demo::SOURCE) {
        let error = format!("--flow is source {}, which the configuration has too", demo::SOURCE);
        return Err(End::unreadable(error));
    }
    node.confirmed_date = args.confirm_date;
    node.rings = usize::from(args.flow.is_some());
    let clock = SystemClock::new();
    let source = match &args.flow {
        Some(flow) => Some(OrderSource::open(flow, &args.tempo, &node.store, clock)?),
        None => None,
    };
    log::begin(&config.log);
    report::begin(args.config.as_deref(), &components);
    // 2. Its parts.
    let mut exchange = Exchange::open(&node, clock.now()).map_err(End::unreadable)?;
    report::opened(&node, &exchange);
    let source = match source {
        Some(source) => Some(source.trade(&mut exchange)?),
        None => None,
    };
    // 3. Their threads. From here on a signal is a wish; before, it is the end, as a crash is.
    let interrupt = Interrupt::watch().map_err(End::unreadable)?;
    let (stop, counters) = (StopFlag::new(), exchange.counters.clone());
    let reader = exchange.reader().map_err(End::unreadable)?;
    let mut days = Days::new(exchange.reader().map_err(End::unreadable)?);
    let agents = std::mem::take(&mut exchange.agents);
    let groups = node::groups(agents, &config.threads, cores_available());
    report::threads(&groups);
    let running = start_groups(groups, &clock, &stop).map_err(End::unreadable)?;
    // 4. It runs, until somebody wants it to end, or it ends by itself.
    let orphaned = || args.end_with_parent && parent_id() != parent;
    let mut watch = Watch::new(reader, counters.clone(), has_core);
    report::ready();
    while !interrupt.has_come() && !running.is_finished() && !orphaned() {
        std::thread::sleep(LOOK);
        watch.look(clock.now());
        days.look();
        source.as_ref().inspect(|source| source.look());
    }
    // 5. It ends, in the order of the pipeline.
    report::ending(interrupt.has_come());
    let ends_sessions = config.market_data.end_session_at_stop;
    let ending =
        Ending { node: &node, counters: &counters, running: &running, clock, ends_sessions };
    ending.drain(source.as_ref(), &interrupt);
    running.stop();
    finish(running)
}

/// The configuration, and where its paths begin.
fn configuration(args: &Args) -> Result<(Config, PathBuf), End> {
    let Some(path) = &args.config else { return Ok((Config::default(), PathBuf::new())) };
    let config = super::config::read(path)?;
    Ok((config, path.parent().map(Path::to_path_buf).unwrap_or_default()))
}

/// The parts of an exchange that is about to end.
struct Ending<'a> {
    node: &'a node::Config,
    counters: &'a Counters,
    running: &'a Running,
    clock: SystemClock,
    /// The feed's sessions end too, whatever day it is.
    ends_sessions: bool,
}

impl Ending<'_> {
    /// First the orders end, then the core takes nothing more, then all that was taken is
    /// committed, then the feed has sent it, and may end its sessions. A part that takes too long
    /// is named and left.
    fn drain(&self, source: Option<&Trading>, interrupt: &Interrupt) {
        if let Some(source) = source {
            source.stop();
            self.wait("order source", interrupt, || source.has_ended());
        }
        let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
        let directory = &self.node.store.directory;
        let attach = || StoreReader::attach_on(Arc::new(RealDisk), directory, &options);
        let (Ok(mut published), Ok(mut committed)) =
            (attach(), StoreReader::attach(directory, None))
        else {
            return;
        };
        let end = |reader: &mut StoreReader| reader.end().unwrap_or(Position(0));
        if self.node.has(Component::Core) {
            self.node.intake_end.stop();
            self.wait("core", interrupt, || {
                committed.accepting() == Accepting::Stopped
                    && end(&mut committed) == end(&mut published)
            });
        }
        if self.node.has(Component::MarketData) {
            // Of another process's log: what is committed now.
            let to = end(&mut committed).0;
            self.wait("feed", interrupt, || self.counters.get(Counter::FEED_POSITION) >= to);
        }
        if self.ends_sessions {
            self.node.feed.end.stop();
        }
    }

    fn wait(&self, part: &str, interrupt: &Interrupt, mut has_ended: impl FnMut() -> bool) {
        let deadline = self.clock.now().0 + END_NS_MAX;
        while !has_ended() && !self.running.is_finished() {
            if self.clock.now().0 > deadline {
                tracing::warn!(part, seconds = END_NS_MAX / 1_000_000_000, "does not end");
                return;
            }
            std::thread::sleep(LOOK);
            // So that a second signal ends at once.
            let _ = interrupt.has_come();
        }
    }
}

/// Waits for the threads and closes the store.
fn finish(running: Running) -> Result<u8, End> {
    match running.join() {
        Ok(agents) => close(agents),
        Err(panics) => Err(panicked(&panics)),
    }
}

/// What panicked left the store as a kill does: the next start recovers it.
fn panicked(panics: &[AgentPanic]) -> End {
    for panic in panics {
        tracing::error!(agent = panic.agent, message = panic.message, "panicked");
    }
    let panics: Vec<_> = panics.iter().map(ToString::to_string).collect();
    End::Failed(FAILED, panics.join("; "))
}

/// Closes the store of agents that have ended; says which of them could not go on.
fn close(agents: Vec<Box<dyn Agent>>) -> Result<u8, End> {
    let failures =
        agents.iter().filter_map(|agent| Some((agent.name().to_owned(), agent.failure()?)));
    let failures: Vec<(String, String)> = failures.collect();
    for (agent, failure) in &failures {
        tracing::error!(agent, failure, "cannot go on");
    }
    let closed = node::close(agents).map_err(|error| End::Failed(FAILED, error.to_string()))?;
    report::ended(closed.as_ref());
    match failures.first() {
        None => Ok(0),
        Some((agent, failure)) => Err(End::Failed(FAILED, format!("agent {agent}: {failure}"))),
    }
}
