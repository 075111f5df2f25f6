//! What a start says of what it runs on, and an end of what it leaves.

use crate::agent::{Group, cores_available};
use crate::market_data::FeedOptions;
use crate::net::Endpoint;
use crate::node::{Closed, Component, Config, CoreStart, Exchange};
use crate::store::{Durability, Options as StoreOptions, Skipped};
use isochron_feeds::channel::{Channel, Product};
use std::path::Path;
use tracing::{info, warn};

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
fn feed(feed: &FeedOptions) {
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
    info!(products, line_a, line_b, ttl, "feed");
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
}

/// Bytes of the segments in a store's directory, as far as they can be seen.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let segments = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    segments.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

fn recovery(core: &CoreStart) {
    let Some(started) = &core.started else { return };
    let found = &started.recovery;
    if let Some(cut) = &found.cut {
        let (from, to, at) = (cut.from.0, cut.to.0, cut.fault_at.0);
        warn!(from, to, at, fault = %cut.fault, "the log was cut: what was not committed is gone");
    }
    if found.lossy {
        warn!("the machine was restarted since: what was not synced may be gone");
    }
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

fn skipped(skipped: &[Skipped]) {
    for Skipped { position, reason } in skipped {
        warn!(position = position.0, reason, "a snapshot cannot be used: the one before it is");
    }
}

fn rings(config: &Config, core: &CoreStart) {
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
