//! Snapshots of channels, made by one agent and given out by another.

use std::sync::Arc;

use isochron_feeds::mold::Session;
use isochron_recovery::server::{SnapshotAnswer, SnapshotCursor, SnapshotRequest, SnapshotSource};

/// Gives out snapshots.
pub struct ImageSource;

impl ImageSource {
    pub(super) fn follow(&mut self) -> bool {
        false
    }
}

/// One client's way through a snapshot.
pub struct ImageCursor(Arc<Vec<u8>>);

impl SnapshotCursor for ImageCursor {
    fn next_message(&mut self) -> Option<&[u8]> {
        let _ = &self.0;
        None
    }
}

impl SnapshotSource for ImageSource {
    type Cursor = ImageCursor;

    fn snapshot(&mut self, _request: &SnapshotRequest) -> SnapshotAnswer<ImageCursor> {
        SnapshotAnswer::NotYet
    }

    fn current_sessions(&self) -> &[Session] {
        &[]
    }
}
