//! What a start says of what it runs on, and an end of what it leaves.

use crate::agent::{Group, cores_available};
use crate::cluster::agent::News;
use crate::cluster::{Change, Comparison, MajorityDiffers};
use crate::market_data::FeedOptions;
use crate::net::Endpoint;
use crate::node::{Closed, Component, Config, CoreStart, Exchange, Word};
use crate::replication::catch_up::Outcome;
use crate::store::{Discarded, Durability, Options as StoreOptions, Recovery, Skipped};
use crate::types::Epoch;
use isochron_feeds::channel::{Channel, Product};
use std::path::Path;
use tracing::{error, info, warn};

pub(super) fn begin(config: Option<&Path>, components: &[Component]) {
    let names: Vec<_> = components.iter().map(|component| component.name()).collect();
    let config = config.map_or("defaults".into(), |path| path.display().to_string());
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    info!(version, pid, config, components = names.join(","), "starts");
}

pub(super) fn opened(config: &Config, exchange: &Exchange) {
    store(&config.store);
    if let Some(core) = &exchange.core {
        recovery(core);
        rings(config, core);
    }
    if config.has(Component::MarketData) {
        feed(&config.feed);
    }
    repair(config, exchange);
    if let Some(counters) = &config.counters {
        info!(counters = %counters.display(), "watched by `isochron stat`");
    }
}

fn repair(config: &Config, exchange: &Exchange) {
    let (Some(listening), Some(options)) = (exchange.recovery(), &config.recovery) else { return };
    let (replay, snapshots) = (listening.replay.to_string(), listening.snapshots.to_string());
    let (rerequests, users) = (listening.rerequests.to_string(), options.users.len());
    info!(replay, snapshots, rerequests, users, "recovery");
}

/// Products, and where those of the first partition go on each line.
pub(super) fn feed(feed: &FeedOptions) {
    let products: Vec<_> = feed.plan.products().iter().map(|product| product.word()).collect();
    let of_line = |line: Option<Endpoint>| {
        let Some(line) = line else { return "none".to_owned() };
        let at = |product: &Product| {
            let channel = Channel { partition: 0, product: *product };
            let address = channel.address(line.group, line.port);
            address.map_or("nowhere".to_owned(), |(group, port)| format!("{group}:{port}"))
        };
        let places: Vec<_> = feed.plan.products().iter().map(at).collect();
        format!("{} on {}", places.join(","), line.interface)
    };
    let (products, ttl) = (products.join(","), feed.ttl);
    let (line_a, line_b) = (of_line(Some(feed.line_a)), of_line(feed.line_b));
    match feed.voice.speaks() {
        true => info!(products, line_a, line_b, ttl, "feed"),
        false => info!(products, line_a, line_b, "feed, silent: it listens"),
    }
}

fn store(store: &StoreOptions) {
    let durability = match store.durability {
        Durability::Process => "process",
        Durability::Disk => "disk",
        Durability::External => "external",
    };
    let segment_bytes = store.term_bytes;
    let bytes = bytes_in(&store.directory);
    info!(directory = %store.directory.display(), segment_bytes, bytes, durability, "store");
    discarded(&store.directory);
}

/// What was given up and is kept until its operator removes it.
fn discarded(store: &Path) {
    let folder = store.join("discarded");
    let archives = std::fs::read_dir(&folder).map_or(0, Iterator::count);
    if archives > 0 {
        let bytes = bytes_below(&folder);
        info!(archives, bytes, folder = %folder.display(), "kept of what was given up");
    }
}

/// Bytes of the files in a folder and below it, as far as they can be seen.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

/// Bytes of the segments in a store's directory, as far as they can be seen.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let segments = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    segments.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

fn cut(found: &Recovery) {
    if let Some(cut) = &found.cut {
        let (from, to, at) = (cut.from.0, cut.to.0, cut.fault_at.0);
        warn!(from, to, at, fault = %cut.fault, "the log was cut: what was not committed is gone");
    }
    if found.lossy {
        warn!("what this node once acknowledged may be gone: no vote before it has caught up");
    }
}

fn recovery(core: &CoreStart) {
    let Some(started) = &core.started else { return };
    let found = &started.recovery;
    cut(found);
    if let Some(executing) = &found.executing {
        let (source, sequence) = (executing.source.0, executing.source_sequence);
        warn!(source, sequence, "the last core died while it executed this command");
    }
    for source in &started.quarantined {
        let source = source.0;
        warn!(source, "quarantined: its commands ended the core twice, nothing is taken from it");
    }
    skipped(&started.skipped);
    if let Some(info) = &started.snapshot {
        let (position, commands) = (info.place.position.0, info.sequence.0);
        info!(position, commands, "snapshot loaded");
    }
    info!(
        epoch = core.epoch.0,
        created = found.created,
        clean = found.clean,
        end = found.valid_to.0,
        commands = started.commands,
        events = started.events,
        "log executed again"
    );
}

/// What was found where a store was opened for following.
pub(super) fn recovered(exchange: &Exchange) {
    let Some(found) = &exchange.recovered else { return };
    cut(found);
    if found.barred {
        warn!(
            "this node had another state than it should: no promotion before most have its state"
        );
    }
    info!(created = found.created, clean = found.clean, end = found.valid_to.0, "log opened");
    if found.created {
        warn!(
            "the directory was empty: a new log begins, and this node votes; one that had a log \
             before, and lost its disk, is started with `isochron standby` on an empty directory"
        );
    }
}

/// What a node of several has to say.
pub(super) fn word(word: &Word) {
    match word {
        Word::News(news) => of_standby(news),
        Word::Change(change) => of_primary(*change),
        Word::Progress(progress) => info!(%progress, "catching up"),
        Word::Refused(refused) => warn!(%refused, "a datagram between nodes was not believed"),
        Word::NobodyLeads { epoch } => nobody_leads(*epoch),
        Word::Media(error) => warn!(error, "datagrams between nodes"),
    }
}

/// Nothing happens before somebody acts.
fn nobody_leads(epoch: Epoch) {
    let epoch = epoch.get();
    warn!(epoch, "nobody leads: make one node the primary, with `isochron promote` beside it");
}

fn of_standby(news: &News) {
    match news {
        News::Follows { start, discarded } => {
            let (epoch, node, base) = (start.epoch.get(), start.node, start.base.get());
            info!(epoch, node, base, "follows");
            discarded.iter().for_each(discard);
        }
        News::NotFollowed { why } => warn!(%why, "does not follow"),
        News::CatchesUp { from } => info!(from = from.get(), "catches up over TCP"),
        News::CaughtUp(outcome) => caught_up(outcome),
        News::NotPromoted { why } => warn!(%why, "not promoted"),
        News::NotHeard { why } => warn!(%why, "a primary is not followed"),
        News::StreamRefused { why } => warn!(%why, "the log's stream is not taken"),
        News::Contradicts { node, why } => {
            error!(node, why, "gives another log than the primary's, and is not asked again");
        }
        News::LogDiffers(differs) => error!(%differs, "the log here is not the primary's"),
        News::Cut(cut) => discard(cut),
        News::Whole => info!("caught up: nothing that was acknowledged is missing"),
        News::State(comparison) => compared(comparison),
        News::Outvoted(why) => {
            error!(%why, "this node has another state than it should: it is not promoted");
        }
        News::Vindicated => info!("most nodes have this node's state: it may be promoted"),
    }
}

/// Nobody acted on it, unless the node was told to cut below its own commit.
fn discard(cut: &Discarded) {
    let (from, to, transactions) = (cut.from.get(), cut.to.get(), cut.transactions);
    let archive = cut.archive.display();
    match cut.committed > cut.from {
        false => warn!(from, to, transactions, %archive, "cut what was never committed"),
        true => {
            let committed = cut.committed.get();
            warn!(from, to, committed, transactions, %archive, "cut what was CONFIRMED here");
        }
    }
}

fn caught_up(outcome: &Outcome) {
    match outcome {
        Outcome::Arrived { held, end } => {
            info!(held = held.get(), end = end.get(), "caught up: the stream is within reach");
        }
        Outcome::Discarded(cut) => discard(cut),
        Outcome::NotKept { held, kept_from } => {
            let (held, kept_from) = (held.get(), kept_from.get());
            warn!(held, kept_from, "too old to catch up: no node keeps what comes next");
        }
        Outcome::NotFollowed(why) => warn!(%why, "does not follow"),
        Outcome::Differs(differs) => error!(%differs, "the log here is not the primary's"),
        Outcome::Contradicts { node, why } => error!(node, why, "gives another log"),
        Outcome::Broken(fault) => warn!(%fault, "a connection for catching up ended"),
    }
}

/// Two nodes' states, side by side.
fn compared(comparison: &Comparison) {
    let (node, position) = (comparison.node, comparison.position.get());
    let (ours, theirs) = (comparison.ours, comparison.theirs);
    match comparison.is_equal() {
        true => info!(node, position, "has the same state"),
        false => {
            let (ours, theirs) = (format!("{ours:032x}"), format!("{theirs:032x}"));
            error!(node, position, ours, theirs, "has ANOTHER STATE");
        }
    }
}

fn of_primary(change: Change) {
    match change {
        Change::QuorumReached { heard, .. } => info!(heard, "enough nodes are there to commit"),
        Change::QuorumLost { heard, needed } => {
            warn!(heard, needed, "too few nodes: nothing is committed until more are there");
        }
        Change::NodeHeard { node } => info!(node, "follows this node"),
        Change::NodeSilent { node } => warn!(node, "is silent"),
        Change::NodeSlow { node, behind_bytes } => warn!(node, behind_bytes, "is far behind"),
        Change::NodeKeepsUp { node } => info!(node, "keeps up"),
        Change::HigherEpoch { node, epoch } => {
            warn!(node, epoch = epoch.get(), "knows a higher epoch, and follows no longer");
        }
        Change::NodeDiverged { node } => {
            error!(node, "executed the log to another state: it is not promoted");
        }
        Change::State(comparison) => compared(&comparison),
        Change::MajorityDiffers(MajorityDiffers { nodes, of }) => error!(
            nodes,
            of,
            "most nodes executed this node's log to another state: NOTHING IS TAKEN until another \
             is promoted"
        ),
        Change::NotLeading(why) => warn!(%why, "is the primary no longer"),
    }
}

fn skipped(skipped: &[Skipped]) {
    for Skipped { position, reason } in skipped {
        warn!(position = position.0, reason, "a snapshot cannot be used: the one before it is");
    }
}

pub(super) fn rings(config: &Config, core: &CoreStart) {
    for (source, left) in config.sources.iter().zip(&core.left) {
        let (id, bytes) = (source.id, source.ring_bytes);
        info!(source = id, ring = %source.ring.display(), bytes, "ring");
        if let Some((first, last)) = left.source_sequences {
            let messages = left.messages;
            warn!(source = id, messages, first, last, "left in its ring by a crash: not accepted");
        }
    }
}

pub(super) fn threads(groups: &[Group]) {
    info!(cores = cores_available(), threads = groups.len(), "machine");
    for group in groups {
        let agents: Vec<_> = group.agents.iter().map(|agent| agent.name()).collect();
        let pinned = group.core.map_or("no".to_owned(), |core| format!("core {core}"));
        let (thread, idle) = (group.name.as_str(), group.idle.to_string());
        info!(thread, agents = agents.join(","), pinned, idle, "thread");
    }
}

pub(super) fn ready() {
    info!("ready");
}

pub(super) fn ending(interrupted: bool) {
    let why = if interrupted { "signal" } else { "a part has ended" };
    info!(why, "ending");
}

pub(super) fn ended(closed: Option<&Closed>) {
    match closed {
        Some(closed) => {
            let state_hash = format!("{:032x}", closed.machine.state_hash());
            info!(end = closed.position.0, state_hash, "ended, the store is closed");
        }
        None => info!("ended"),
    }
}
