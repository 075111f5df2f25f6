//! A publisher of a log's feed on the test's thread, with the agent that works for its logs.

use std::path::Path;
use std::sync::Arc;

use isochron::agent::Agent;
use isochron::limits::TERM_BYTES_MIN;
use isochron::market_data::{CHANNEL_L3, FeedAgent, FeedOptions, LogAgent, register};
use isochron::metrics::Counters;
use isochron::net::Endpoint;
use isochron::store::{Options as StoreOptions, RealDisk, StoreReader};
use isochron::types::Nanos;

pub(crate) struct Publishing {
    pub(crate) agent: FeedAgent,
    logs: LogAgent,
    pub(crate) counters: Counters,
}

/// The L3 feed of the store in a directory, L3 at `endpoint` on line A alone.
pub(crate) fn options(directory: &Path, endpoint: Endpoint) -> FeedOptions {
    let identity = StoreReader::attach(directory, None).unwrap().meta().identity.clone();
    let line = FeedOptions::line_with(CHANNEL_L3, endpoint).unwrap();
    let mut options = FeedOptions::new(&StoreOptions::new(directory, identity), line);
    options.log.term_bytes = TERM_BYTES_MIN;
    options
}

impl Publishing {
    pub(crate) fn at(directory: &Path, reader: StoreReader, options: &FeedOptions) -> Self {
        let counters = Counters::in_memory();
        let registration = register(&RealDisk, directory).expect("nobody else publishes");
        let disk = Arc::new(RealDisk);
        let feed = FeedAgent::open(disk, reader, registration, options, &counters);
        let (agent, logs) = feed.unwrap();
        Self { agent, logs, counters }
    }

    /// A turn of each.
    pub(crate) fn do_work(&mut self, now: Nanos) -> usize {
        self.logs.do_work(now) + self.agent.do_work(now)
    }

    /// Publishes all that is committed.
    pub(crate) fn publish(&mut self, now: Nanos) {
        let mut idle = 0;
        while idle < 3 {
            idle = if self.do_work(now) == 0 { idle + 1 } else { 0 };
        }
        assert!(self.agent.fault().is_none(), "{:?}", self.agent.fault());
    }
}
