//! What works beside whoever fills a store, as agents, on a thread that may wait for the disk.

use crate::agent::Agent;
use crate::store::{SegmentHelper, SyncHelper};
use crate::types::Nanos;

/// Prepares the store's next segment.
pub struct SegmentAgent(pub SegmentHelper);

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
pub struct SyncAgent(pub SyncHelper);

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
