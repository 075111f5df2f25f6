//! The demo with standbys: the primary is killed in the middle, and a standby takes its place.
//!
//! ```text
//!   source ─▶ ring ─▶ node 1 ══ log ══▶ node 2, node 3       a process each: serve, standby
//!      ▲                │ ╚═ feed ═══▶ subscribers           a process each
//!      └── committed ◀──┘
//!                          kill -9 node 1, promote node 2
//!   source ─▶ ring ─▶ node 2 ══ log ══▶ node 3, and node 1, which returns and follows
//!      ▲                │ ╚═ feed ═══▶ the same subscribers, by the same numbers
//!      └── committed ◀──┘
//! ```
//!
//! This process is the source of the orders, which knows what was confirmed, and the operator. It
//! succeeds only if nothing confirmed is missing, all nodes have one log and one state, and every
//! subscriber has the engine's books by the numbers of one session.

mod audit;
mod cluster;
mod node;
mod operator;
mod report;
mod service;
#[cfg(test)]
mod tests;
mod verdict;

use super::flow::Flow;
use super::live::Live;
use super::report::Report;
use super::source::{Parts, Progress, SourceAgent};
use super::subscribers::{self, Place as SubscriberPlace, Subscriber};
use super::{Args, Outcome, Prepared, SOURCE, duration_ns, prepare, say, text};
use crate::agent::{Agent, Placement, StopFlag, cores_available, start, take};
use crate::metrics::{Collector, Counter, Counters};
use crate::ring::mapped::attach;
use cluster::Cluster;
use node::{Nodes, Place};
use operator::Takeover;
use service::{Marks, Phases, Service};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use verdict::Finished;

pub(super) use report::Failover;

/// How long the source waits for a commit, also while there is no primary.
const PATIENCE_NS: u64 = 60_000_000_000;

/// Runs it.
pub(super) fn demo(args: &Args, standbys: u32) -> Outcome<Report> {
    // 1. What to trade, how fast, and where the feed goes.
    let (prepared, flow) = prepare(args)?;
    let Prepared { clock, interrupt, scratch, directory, lines, session, pace, .. } = &prepared;
    // 2. The nodes, the first of which becomes the primary.
    let nodes = Nodes::configure(args, standbys + 1, directory, lines, clock)?;
    let mut cluster = Cluster::start(&nodes, *clock, interrupt)?;
    // 3. The subscribers, listening before anything is sent.
    let (name, repair) = (session.to_string(), nodes.repairers(args));
    let place = SubscriberPlace { lines: lines.channel(), session: name, repair };
    say(place.pasteable());
    let mut subscribers = super::start_subscribers(args, &place, scratch.path(), clock, interrupt)?;
    show_setting(&nodes, directory, args.store.is_some());
    super::show_subscribers(&subscribers::watched(&subscribers));
    // 4. Trading, with the loss of the primary in the middle.
    let counters = cluster.primary().counters()?;
    let setup_commands = prepared.setup.len() as u64;
    let traded = Trading::begin(args, &prepared, flow, cluster.primary())?;
    let traded = traded.run(&prepared, &counters, &mut cluster, &mut subscribers)?;
    // 5. The node that was killed returns; all nodes and subscribers get all of it.
    let kept = cluster.bring_back(interrupt);
    cluster.wait_in_step(*session, &mut subscribers, interrupt)?;
    // 6. The session ends, then the subscribers, then the other nodes.
    let mut primaries = vec![cluster.primary().counters()?];
    primaries.extend(traded.takeover.as_ref().map(|_| counters));
    let mut ended_nodes = vec![cluster.end_primary()];
    let ended = super::end_subscribers(subscribers, clock, interrupt);
    ended_nodes.extend(cluster.end());
    // 7. The verdict.
    Finished {
        source: traded.source,
        collector: traded.collector,
        trading_ns: traded.trading_ns,
        pace: *pace,
        interrupted: interrupt.has_come(),
        takeover: traded.takeover,
        marks: traded.marks,
        phases: traded.phases,
        setup_commands,
        kept,
        nodes: ended_nodes,
        feed_datagrams: primaries.iter().map(|one| one.get(Counter::FEED_DATAGRAMS)).sum(),
        drop_datagram: args.drop_datagram,
    }
    .report(&session.to_string(), ended)
}

/// A source that trades, and what is needed to watch it.
struct Trading {
    agent: SourceAgent,
    progress: Progress,
    stop: StopFlag,
    changes: Sender<super::source::PrimaryChange>,
    marks: Marks,
    collector: Collector,
    phases: Phases,
    /// When the primary is killed, from the first order on.
    kill_ns: u64,
}

/// What trading came to.
struct Traded {
    source: Box<SourceAgent>,
    trading_ns: u64,
    takeover: Option<Takeover>,
    marks: Marks,
    collector: Collector,
    phases: Phases,
}

impl Trading {
    /// The order source, at the primary.
    fn begin(
        args: &Args,
        prepared: &Prepared,
        flow: Box<dyn Flow>,
        primary: &Place,
    ) -> Outcome<Self> {
        let (service, marks, collector, phases) = Service::new();
        let (changes, told) = channel();
        let stop = StopFlag::new();
        let attached = attach(&primary.ring()).map_err(text)?;
        let generation = attached.producer.generation();
        let (agent, progress) = SourceAgent::new(Parts {
            setup: prepared.setup.clone(),
            flow,
            pace: prepared.pace,
            duration_ns: duration_ns(args, prepared.pace),
            source: SOURCE,
            ring: attached.producer,
            reader: primary.reader()?,
            journal: Box::new(service),
            clock: Box::new(prepared.clock),
            stop: stop.clone(),
        });
        let agent = agent.alone(0, generation, PATIENCE_NS).told_by(told);
        let kill_ns = args.seconds.saturating_mul(1_000_000_000) / 2;
        Ok(Self { agent, progress, stop, changes, marks, collector, phases, kill_ns })
    }

    /// Trades to the end; in the middle the primary is killed.
    fn run(
        self,
        prepared: &Prepared,
        counters: &Counters,
        cluster: &mut Cluster,
        subscribers: &mut [Subscriber],
    ) -> Outcome<Traded> {
        let Self { agent, progress, stop, changes, marks, mut collector, mut phases, kill_ns } =
            self;
        let Prepared { clock, interrupt, symbol, .. } = prepared;
        let threads = Placement::for_cores(cores_available(), usize::MAX);
        let end = StopFlag::new();
        let agents = vec![Box::new(agent) as Box<dyn Agent>];
        let running = start(agents, &threads, clock, &end).map_err(text)?;
        let watched = subscribers::watched(subscribers);
        let live = Live::new(counters.clone(), watched, symbol.clone());
        let (mut takeover, mut fault) = (None, None);
        let trading_ns =
            super::watch_run(live, &mut collector, &progress, clock, |live, traded| {
                phases.collect();
                if interrupt.has_come() || subscribers.iter_mut().any(Subscriber::has_ended) {
                    stop.stop();
                } else if takeover.is_none() && traded >= Some(kill_ns) {
                    let done = cluster.fail_over(&changes, &marks).and_then(|done| {
                        live.moved(cluster.primary().counters()?);
                        Ok(done)
                    });
                    match done {
                        Ok(done) => takeover = Some(done),
                        Err(error) => fault = Some(error),
                    }
                }
                fault = fault.take().or_else(|| {
                    cluster.fallen().map(|node| format!("node {node} has ended by itself"))
                });
                fault.is_some() || running.is_finished()
            });
        end.stop();
        let mut agents = running.join().map_err(|panics| {
            panics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        })?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let source = take(&mut agents).ok_or("the source is gone")?;
        Ok(Traded { source, trading_ns, takeover, marks, collector, phases })
    }
}

fn show_setting(nodes: &Nodes, directory: &Path, kept: bool) {
    let removed = if kept { "" } else { ", removed at the end (--store DIR keeps them)" };
    let count = nodes.places.len();
    say(format_args!("{count} nodes in {}{removed}; node 1 is the primary", directory.display()));
    for place in &nodes.places {
        let store = place.store().display().to_string();
        say(subscribers::pasteable(&["stat".to_owned(), store]));
    }
}
