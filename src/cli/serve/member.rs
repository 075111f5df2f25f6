//! A node of several: runs its role until it has another, or somebody wants it to end.
//!
//! ```text
//!   empty directory? ─▶ filled ─▶ standby ◀──── a role at a time ────▶ primary
//!                                    │ signal, failure                    │ signal, failure
//!                                    └──────────── store closed ◀─────────┘ drained first
//! ```

use super::super::output::End;
use super::{Days, Ending, FAILED, Watch, finish, log, report};
use crate::agent::{Agent, Clock, Running, SystemClock, cores_available, start_groups};
use crate::config::{Ack, Config};
use crate::node::{self, Component, Exchange, Interrupt, Next, ReplicationOptions, Start, Word};
use crate::replication::catch_up::{Progress, Stage, TcpConnector};
use crate::types::Nanos;
use std::io::{IsTerminal, Write};
use std::os::unix::process::parent_id;
use std::path::Path;
use std::time::Duration;
use tracing::{error, info, warn};

/// How often the role is looked at: a change of it waits for this.
const LOOK: Duration = Duration::from_millis(2);

/// How often the parts are.
const PARTS_LOOK_NS: u64 = 50_000_000;

/// How often progress is a line, where it cannot be drawn again.
const LINE_NS: u64 = 1_000_000_000;

/// How long nobody gives anything until that is said, and said again.
const NOBODY_GIVES_NS: u64 = 5_000_000_000;

/// How long nothing moves until the next look, while a directory is filled.
const FILL_IDLE: Duration = Duration::from_micros(200);

/// A node of several that is to run here.
pub(in crate::cli) struct Served<'a> {
    /// The configuration.
    pub(in crate::cli) config: &'a Config,
    /// What it means.
    pub(in crate::cli) node: &'a node::Config,
    /// The nodes.
    pub(in crate::cli) options: &'a ReplicationOptions,
    /// Where the configuration was read.
    pub(in crate::cli) file: Option<&'a Path>,
    /// The process whose end is this one's too.
    pub(in crate::cli) parent: Option<u32>,
}

/// Where one role ended.
enum Ended {
    /// By itself, with its agents.
    Role(Vec<Box<dyn Agent>>),
    /// For good: the exit code.
    All(u8),
}

impl Served<'_> {
    /// Runs it: 0 after a signal, 1 if a part failed, 2 if it could not start.
    pub(in crate::cli) fn run(&self, start: Start, discards: bool) -> Result<u8, End> {
        let clock = SystemClock::new();
        log::begin(&self.config.log);
        report::begin(self.file, &self.node.components);
        say_nodes(self.options);
        let interrupt = Interrupt::watch().map_err(End::unreadable)?;
        let options = self.options.clone();
        let mut member = node::Member::new(self.node, options, discards, clock.now());
        if start == Start::Follows && !self.fill(&mut member, &interrupt, &clock)? {
            return Ok(0);
        }
        let mut exchange = member.open(start, clock.now()).map_err(End::unreadable)?;
        report::opened(self.node, &exchange);
        report::recovered(&exchange);
        let mut is_first = true;
        loop {
            let counters = exchange.counters.clone();
            let agents = match self.role(&mut member, exchange, &interrupt, &clock, is_first)? {
                Ended::All(code) => return Ok(code),
                Ended::Role(agents) => agents,
            };
            is_first = false;
            exchange = match member.next(counters, agents, clock.now()) {
                Ok(Next::Role(exchange)) => *exchange,
                Ok(Next::Anew { why, archive }) => {
                    let archive = archive.display();
                    warn!(why, %archive, "begins anew: the store was put aside");
                    if !self.fill(&mut member, &interrupt, &clock)? {
                        return Ok(0);
                    }
                    let opened = member.open(Start::Follows, clock.now());
                    opened.map_err(|error| End::Failed(FAILED, error.to_string()))?
                }
                Ok(Next::Stopped(why)) => {
                    error!(why, "stopped");
                    return Err(End::Failed(FAILED, stopped(&why)));
                }
                Ok(Next::End(agents)) => return super::close(agents),
                Err(error) => return Err(End::Failed(FAILED, error.to_string())),
            };
            self.say_role(&mut member, &exchange);
        }
    }

    /// Fills an empty directory from another node; false where somebody wanted the end meanwhile.
    fn fill(
        &self,
        member: &mut node::Member,
        interrupt: &Interrupt,
        clock: &SystemClock,
    ) -> Result<bool, End> {
        let Some(mut fresh) = member.fresh().map_err(End::unreadable)? else { return Ok(true) };
        info!("the directory is empty: it is filled from another node");
        let (mut shown, mut connector, mut said) = (Shown::new(), TcpConnector, String::new());
        let mut moved_at = clock.now();
        loop {
            if interrupt.has_come() || self.is_orphaned() {
                return Ok(false);
            }
            let now = clock.now();
            let (moved, store) = fresh.turn(&mut connector, now);
            // Nobody may be there for long: that is said once.
            let fault = fresh.poll_fault().map(|fault| fault.to_string());
            if let Some(fault) = fault.filter(|fault| *fault != said) {
                shown.clear();
                warn!(fault, "filling the directory: it goes on with the next node");
                said = fault;
            }
            member.answer();
            if moved > 0 {
                moved_at = now;
            } else if now.get().saturating_sub(moved_at.get()) >= NOBODY_GIVES_NS {
                moved_at = now;
                shown.clear();
                warn!(
                    "no node gives what this directory lacks: start the node that leads; where \
                     none has ever run, begin with `isochron serve` at one"
                );
            }
            if let Some(store) = store {
                shown.clear();
                let (begins, held) = (store.contiguous().get(), store.held().position.get());
                info!(begins, held, "the directory is filled");
                // Opened again as any store: with what was found in it.
                store.close().map_err(End::unreadable)?;
                return Ok(true);
            }
            shown.show(fresh.progress(), now);
            if moved == 0 {
                std::thread::sleep(FILL_IDLE);
            }
        }
    }

    fn is_orphaned(&self) -> bool {
        self.parent.is_some_and(|parent| parent_id() != parent)
    }

    /// Runs the agents of one role to its end.
    fn role(
        &self,
        member: &mut node::Member,
        mut exchange: Exchange,
        interrupt: &Interrupt,
        clock: &SystemClock,
        is_first: bool,
    ) -> Result<Ended, End> {
        let has_core = exchange.core.is_some();
        let counters = exchange.counters.clone();
        let reader = exchange.reader().map_err(End::unreadable)?;
        let mut days = Days::new(exchange.reader().map_err(End::unreadable)?);
        // This process fills the store, whatever its role is.
        let mut watch = Watch::new(reader, counters.clone(), true);
        let agents = std::mem::take(&mut exchange.agents);
        let groups = node::groups(agents, &self.config.threads, cores_available());
        if is_first {
            report::threads(&groups);
        }
        let running = start_groups(groups, clock, member.stop()).map_err(End::unreadable)?;
        if is_first {
            report::ready();
        }
        let (mut shown, mut differs, mut due) = (Shown::new(), false, Nanos(0));
        while !interrupt.has_come() && !running.is_finished() && !self.is_orphaned() {
            std::thread::sleep(LOOK);
            let now = clock.now();
            for word in member.words() {
                shown.say(word, now);
            }
            if now < due {
                continue;
            }
            due = Nanos(now.get().saturating_add(PARTS_LOOK_NS));
            watch.look(now);
            days.look();
            if let Some(difference) = member.difference().filter(|_| !differs) {
                differs = true;
                shown.clear();
                error!(
                    difference,
                    "this node decides otherwise than the log: never to be promoted"
                );
            }
        }
        shown.clear();
        if running.is_finished() && !interrupt.has_come() {
            return joined(running);
        }
        report::ending(interrupt.has_come());
        if has_core {
            let ending = Ending {
                node: self.node,
                counters: &counters,
                running: &running,
                clock: *clock,
                ends_sessions: self.config.market_data.end_session_at_stop,
            };
            ending.drain(None, interrupt);
        }
        running.stop();
        finish(running).map(Ended::All)
    }

    /// What the node is now.
    fn say_role(&self, member: &mut node::Member, exchange: &Exchange) {
        match &exchange.core {
            Some(core) => {
                info!(epoch = core.epoch.get(), "this node is the primary");
                report::rings(self.node, core);
            }
            None => {
                warn!("this node is a standby again");
                report::recovered(exchange);
            }
        }
        if let Some(forced) = member.take_forced() {
            let committed = forced.committed.get();
            warn!(committed, unheard = ?forced.unheard, "promoted by force, without a majority");
            for other in forced.ahead {
                let (node, epoch, end) = (other.node, other.last_epoch.get(), other.end.get());
                warn!(node, epoch, end, "was ahead: what it has beyond this node's end is cut");
            }
        }
        if self.node.has(Component::MarketData) {
            report::feed(&self.node.feed);
        }
    }
}

/// The agents of a role that ended by itself.
fn joined(running: Running) -> Result<Ended, End> {
    match running.join() {
        Ok(agents) => Ok(Ended::Role(agents)),
        Err(panics) => Err(super::panicked(&panics)),
    }
}

/// Why a node follows nobody, and what its operator can do.
fn stopped(why: &str) -> String {
    format!("{why}; started with --discard-tail it cuts that, and keeps it in `discarded`")
}

/// The nodes, and what is promised.
fn say_nodes(options: &ReplicationOptions) {
    let membership = &options.membership;
    let others: Vec<_> = membership.peers().map(|node| node.node.to_string()).collect();
    let (node, others) = (membership.own(), others.join(","));
    let (ack, needed) = (options.ack.word(), membership.needed());
    let channel = options.channel.to_string();
    let keyed = options.key.is_some();
    info!(node, others, ack, needed, channel, keyed, "replication");
    if options.ack != Ack::Quorum {
        warn!(ack, "no loss of confirmed orders is NOT promised: a standby may lack them");
    }
    if options.receivers().is_none() {
        let interface = options.channel.interface.map(|address| address.to_string());
        warn!(interface, "anybody may answer the log there: name each node's `stream` address");
    }
    if !keyed {
        warn!("without replication.key anybody on this network can speak for a node");
    }
}

/// Progress, drawn again on a terminal and a line now and then elsewhere; and the words between.
struct Shown {
    is_terminal: bool,
    drawn: bool,
    line_at: Nanos,
}

impl Shown {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { is_terminal, drawn: false, line_at: Nanos(0) }
    }

    fn show(&mut self, progress: &Progress, now: Nanos) {
        if self.is_terminal {
            self.drawn = true;
            // Nobody is told where even this cannot be written.
            let _ = write!(std::io::stderr(), "\r\x1b[2K{progress}");
        } else if now >= self.line_at && progress.stage != Stage::Connecting {
            self.line_at = Nanos(now.get().saturating_add(LINE_NS));
            info!(%progress, "catching up");
        }
    }

    /// Takes the drawn line away, so that another can be written.
    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }

    fn say(&mut self, word: Word, now: Nanos) {
        if let Word::Progress(progress) = &word {
            return self.show(progress, now);
        }
        self.clear();
        report::word(&word);
    }
}
