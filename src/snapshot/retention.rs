//! What the log may forget: moves its beginning when nobody needs what is before.
//!
//! ```text
//!   log       |==== days that are over ====|==== today ====▶
//!   base                                   B   (keep.rs)
//!   readers             r1 ──────▶            r2 ──────▶
//!                       └ holds the log: the beginning stays until it has passed B
//! ```
//!
//! Three things must hold: a snapshot covers it, and a newer one stands beside it; the trading days
//! before it are over; and each registered reader has passed it, alive or not. A reader that
//! holds the log is named by `isochron stat`; only an operator lets go of one.

use super::keep::{Plan, plan};
use crate::agent::Agent;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::store::{
    Disk, Keeper, OpenError, RegisteredReader, SnapshotInfo, Snapshots, registered_readers,
};
use crate::types::{Nanos, Position};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Time from one look at the snapshots and the readers to the next.
const LOOK_NS: u64 = 1_000_000_000;

/// Why the log's beginning could not be moved. There will be another try.
#[derive(Debug)]
pub enum RetentionError {
    /// The snapshots, the marks or a segment.
    Io(io::Error),
    /// A registered reader's position cannot be read: nobody knows what it needs.
    Readers(OpenError),
}

impl fmt::Display for RetentionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "nothing is recycled: {error}"),
            Self::Readers(error) => write!(f, "nothing is recycled: {error}"),
        }
    }
}

impl std::error::Error for RetentionError {}

/// The readers that hold a log which could begin at `base`.
pub fn holders(base: Position, readers: &[RegisteredReader]) -> Vec<&RegisteredReader> {
    readers.iter().filter(|reader| reader.position < base).collect()
}

/// Moves the log's beginning and recycles what is before it.
pub struct RetentionAgent {
    keeper: Keeper,
    snapshots: Snapshots,
    disk: Arc<dyn Disk>,
    store: PathBuf,
    look_at: Nanos,
    held_by: Vec<String>,
    failure: Option<RetentionError>,
    kept_from: CounterWriter,
    holders: CounterWriter,
}

impl RetentionAgent {
    /// The retention of the store that `keeper` is of.
    #[must_use]
    pub fn new(
        keeper: Keeper,
        snapshots: Snapshots,
        disk: Arc<dyn Disk>,
        store: PathBuf,
        counters: &Counters,
    ) -> Self {
        let kept_from = counters.writer(Counter::LOG_KEPT_FROM);
        let holders = counters.writer(Counter::LOG_HOLDERS);
        let (look_at, held_by, failure) = (Nanos(0), Vec::new(), None);
        Self { keeper, snapshots, disk, store, look_at, held_by, failure, kept_from, holders }
    }

    /// The registered readers that the log waited for when it was looked at last.
    #[must_use]
    pub fn held_by(&self) -> &[String] {
        &self.held_by
    }

    /// Why the last try failed; `None` where it did not.
    #[must_use]
    pub fn last_failure(&self) -> Option<&RetentionError> {
        self.failure.as_ref()
    }

    /// Where the log begins.
    #[must_use]
    pub fn kept_from(&self) -> Position {
        self.keeper.kept_from()
    }

    /// Looks whether the log may begin later; true where it does from now on.
    fn look(&mut self) -> Result<bool, RetentionError> {
        let positions = self.snapshots.list().map_err(RetentionError::Io)?;
        let info = |position: &Position| self.snapshots.open(*position).ok().map(|it| *it.info());
        let valid: Vec<SnapshotInfo> = positions.iter().filter_map(info).collect();
        let planned = plan(&valid, valid.len(), Position(u64::MAX));
        let Plan { base: Some(base), .. } = planned else { return Ok(false) };
        let readers = registered_readers(&*self.disk, &self.store);
        let readers = readers.map_err(RetentionError::Readers)?;
        let holders = holders(base.place.position, &readers);
        self.held_by = holders.into_iter().map(|reader| reader.name.clone()).collect();
        self.holders.set(self.held_by.len() as u64);
        if !self.held_by.is_empty() {
            return Ok(false);
        }
        self.keeper.keep_from(base.place).map_err(RetentionError::Io)
    }
}

impl Agent for RetentionAgent {
    fn name(&self) -> &str {
        "retention"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let looked = match now >= self.look_at {
            true => {
                self.look_at = Nanos(now.get().saturating_add(LOOK_NS));
                self.look()
            }
            false => Ok(false),
        };
        let recycled = looked.and_then(|moved| {
            self.kept_from.set(self.keeper.kept_from().get());
            self.keeper.do_work().map(|worked| moved || worked).map_err(RetentionError::Io)
        });
        match recycled {
            Ok(worked) => {
                if worked {
                    self.failure = None;
                }
                usize::from(worked)
            }
            Err(failure) => {
                // A full or failing disk is not asked again at once.
                self.look_at = Nanos(now.get().saturating_add(LOOK_NS));
                self.failure = Some(failure);
                0
            }
        }
    }

    fn waits(&self) -> bool {
        true
    }
}
