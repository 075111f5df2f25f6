//! What a store's control page says while its writer lives.

use crate::store::{RealDisk, RegisteredReader, StoreReader, registered_readers};
use crate::types::Position;
use std::path::PathBuf;

/// A store at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreState {
    /// `yes`, or `no` with the reason.
    pub(super) accepting: String,
    /// Everything before this position is committed.
    pub(super) committed: u64,
    /// Everything before this position is durable.
    pub(super) synced: u64,
    /// Sources that nothing is taken from.
    pub(super) quarantined: Vec<u32>,
    /// The registered readers, those that are furthest behind first: the log waits for them.
    pub(super) readers: Vec<RegisteredReader>,
}

/// Looks at a store's control page, as long as one process writes it.
pub(super) struct Watch {
    directory: Option<PathBuf>,
    attached: Option<(u64, StoreReader)>,
}

impl Watch {
    /// Watches the store in a directory, or none.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, attached: None }
    }

    /// What the store says now; `pid` is the process that has it. `None` where there is no store,
    /// or it cannot be read: the counters are shown without it.
    pub(super) fn look(&mut self, pid: u64) -> Option<StoreState> {
        let directory = self.directory.as_ref()?;
        if self.attached.as_ref().is_none_or(|(of, _)| *of != pid) {
            self.attached = StoreReader::attach(directory, None).ok().map(|reader| (pid, reader));
        }
        let (_, reader) = self.attached.as_mut()?;
        let Ok(Position(committed)) = reader.end() else {
            // It was cut, or is another store now: the next look is at that.
            self.attached = None;
            return None;
        };
        Some(StoreState {
            accepting: reader.accepting().to_string(),
            committed,
            synced: reader.synced().0,
            quarantined: reader.quarantined().iter().map(|source| source.0).collect(),
            readers: {
                let mut readers = registered_readers(&RealDisk, directory).unwrap_or_default();
                readers.sort_by_key(|reader| reader.position);
                readers
            },
        })
    }
}
