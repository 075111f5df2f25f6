//! Where a command begins to execute a log: at its first byte, or at the newest valid snapshot.

use crate::core::restore;
use crate::state_machine::{Capacity, Replay, StateMachine};
use crate::store::{RealDisk, Skipped, SnapshotInfo, Snapshots, StoreReader};
use crate::types::Position;
use std::path::Path;
use std::sync::Arc;

/// A re-execution that is about to begin where its reader stands.
pub(super) struct Begun {
    /// With the state there.
    pub(super) replay: Replay,
    /// The snapshot that it is from.
    pub(super) snapshot: Option<SnapshotInfo>,
}

/// Begins at the newest snapshot if that is wanted, or if the log's beginning is recycled.
/// Snapshots that cannot be used are named on stderr.
///
/// # Errors
/// There is none that can be used: what is wrong.
pub(super) fn begin(
    reader: &mut StoreReader,
    directory: &Path,
    wants_snapshot: bool,
) -> Result<Begun, String> {
    let capacity = Capacity::default();
    let log_begins = reader.position();
    if log_begins == Position(0) && !wants_snapshot {
        let replay = Replay::new(StateMachine::with_capacity(capacity));
        return Ok(Begun { replay, snapshot: None });
    }
    let snapshots = Snapshots::new(Arc::new(RealDisk), directory, &reader.meta().identity);
    let newest = snapshots.newest(|snapshot| {
        let place = snapshot.info().place;
        reader.seek(place.position, Some(place.chain)).map_err(|error| error.to_string())?;
        restore(snapshot, capacity)
    });
    let (found, skipped) = newest.map_err(|error| format!("listing snapshots: {error}"))?;
    for Skipped { position, reason } in &skipped {
        eprintln!("the snapshot at {position} is not used: {reason}");
    }
    match found {
        Some((info, replay)) => Ok(Begun { replay, snapshot: Some(info) }),
        None => Err(format!(
            "the log begins at {log_begins}, and none of {} snapshots can be used",
            skipped.len()
        )),
    }
}
