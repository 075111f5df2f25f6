//! From what a configuration says to the options of the parts.

use super::{Component, Config, read_side_sections};
use crate::agent::StopFlag;
use crate::config;
use crate::core::Intake;
use crate::market_data::{FeedOptions, Plan};
use crate::net::Endpoint;
use crate::scheduler::{Calendar, CalendarOptions, EarlyClose, PhaseAt};
use crate::snapshot::{Budget, SnapshotOptions};
use crate::state_machine::Capacity;
use crate::store::{Durability, Identity, Options as StoreOptions};
use isochron_feeds::channel::Product;
use std::path::Path;

/// The store of a configuration; relative paths begin at `base`.
#[must_use]
pub fn store_options(config: &config::Config, base: &Path) -> StoreOptions {
    let identity = Identity {
        exchange: config.exchange.name.clone(),
        exchange_number: config.exchange.number,
        node: config.exchange.node,
        schema_id: isochron_events::SCHEMA_ID,
        schema_version: isochron_events::SCHEMA_VERSION,
    };
    StoreOptions {
        term_bytes: config.store.term_bytes,
        durability: match config.store.durability {
            config::Durability::Process => Durability::Process,
            config::Durability::Disk => Durability::Disk,
        },
        uncommitted_bytes_max: config.store.uncommitted_bytes_max,
        segments_ahead: config.store.segments_ahead,
        sync_interval_ns: config.store.sync_interval_ms * 1_000_000,
        ..StoreOptions::new(base.join(&config.store.directory), identity)
    }
}

/// The calendar of a configuration.
///
/// # Errors
/// What makes no sense in it, with the line where it begins.
pub fn calendar(config: &config::Config) -> Result<Option<Calendar>, config::Fault> {
    let Some(written) = &config.calendar else { return Ok(None) };
    let options = CalendarOptions {
        time_zone: written.time_zone.clone(),
        trading_days: written.trading_days.clone(),
        holidays: written.holidays.clone(),
        early_closes: written
            .early_closes
            .iter()
            .map(|(date, at)| EarlyClose { date: date.clone(), at: at.clone() })
            .collect(),
        day_start: written.day_start.clone(),
        phases: written
            .phases
            .iter()
            .map(|(at, phase)| PhaseAt { at: at.clone(), phase: phase.clone() })
            .collect(),
        day_end: written.day_end.clone(),
    };
    let named = |error| config::Fault { line: written.line, message: format!("calendar: {error}") };
    Calendar::new(&options).map(Some).map_err(named)
}

/// The feed of a configuration, beside its store.
fn feed(config: &config::MarketData, store: &StoreOptions) -> FeedOptions {
    let products = config.products.iter().filter_map(|word| Product::of_word(word));
    let plan = Plan::new(&products.collect::<Vec<_>>(), config.conflation_ms * 1_000_000);
    let endpoint = |line: config::Line| {
        let config::Line { group, port, interface } = line;
        Endpoint { group, port, interface }
    };
    let mut feed = FeedOptions::new(store, endpoint(config.line_a));
    feed.log.term_bytes = config.log_term_bytes;
    let line_b = config.line_b.map(endpoint);
    FeedOptions { plan, line_b, ttl: config.ttl, log_days: config.log_days, ..feed }
}

fn snapshots(config: &config::Snapshots, plan: &Plan) -> Option<SnapshotOptions> {
    let start_ns = config.start_seconds * 1_000_000_000;
    config.enabled.then(|| SnapshotOptions {
        // Off the way of an order: it grows as it must.
        capacity: Capacity::default(),
        every: config.every_commands,
        budget: Budget { start_ns, ..Budget::default() },
        keep: config.keep,
        make_sections: read_side_sections(plan),
    })
}

/// A source whose ring's path begins at `base`.
fn based(source: &config::Source, base: &Path) -> config::Source {
    config::Source { ring: base.join(&source.ring), ..source.clone() }
}

impl Config {
    /// The parts of a configured exchange that run here.
    ///
    /// # Errors
    /// What makes no sense in the configuration, though it is well written.
    pub fn of(
        config: &config::Config,
        base: &Path,
        components: &[Component],
    ) -> Result<Self, config::Fault> {
        let store = store_options(config, base);
        // A process without the core counts for itself.
        let name = match components {
            [one] if *one != Component::Core => format!("counters-{}", one.name()),
            _ => "counters".to_owned(),
        };
        let feed = feed(&config.market_data, &store);
        Ok(Self {
            counters: Some(store.directory.join(name)),
            capacity: Capacity {
                orders: config.capacity.orders,
                holdings: config.capacity.holdings,
                client_ids: config.capacity.client_ids,
            },
            intake: Intake::default(),
            components: components.to_vec(),
            calendar: calendar(config)?,
            confirmed_date: None,
            forgets: config.store.retention == config::Retention::Snapshots,
            snapshots: snapshots(&config.snapshots, &feed.plan),
            recovery: super::recovery::options(&config.recovery, &store.directory)?,
            replication: super::replication::options(config)?,
            store,
            feed,
            sources: config.sources.iter().map(|source| based(source, base)).collect(),
            rings: 0,
            intake_end: StopFlag::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_knows_the_products_of_the_feed() {
        let words = Product::ALL.map(Product::word);
        assert_eq!(words, config::PRODUCTS);
    }
}
