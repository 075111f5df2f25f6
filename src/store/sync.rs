//! Makes the log durable, and says how far in `marks` and in the control page.
//!
//! The writer owns it and syncs when it is told to. It touches nothing of the writer's but
//! positions, so that a thread of its own can run it.

use std::io;
use std::sync::Arc;

use crate::types::Position;

use super::chain::Chain;
use super::control::Control;
use super::marks::MarksFile;
use super::segment::Segments;

#[derive(Debug)]
pub(super) struct Syncer {
    segments: Segments,
    pub(super) marks: MarksFile,
    control: Arc<Control>,
    failed: bool,
}

impl Syncer {
    pub(super) fn new(segments: Segments, marks: MarksFile, control: Arc<Control>) -> Self {
        Self { segments, marks, control, failed: false }
    }

    /// Makes everything before an end of a transaction durable: first the segments, then the
    /// mark that says so, then the control page.
    ///
    /// After a failure it fails for ever: a system may drop the pages that it could not write and
    /// report success the next time.
    pub(super) fn sync_to(&mut self, position: Position, chain: Chain) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier sync failed: what is durable is unknown"));
        }
        let synced = self.marks.marks.synced;
        if position <= synced {
            return Ok(());
        }
        self.failed = true;
        let terms = self.segments.terms;
        let mut base = terms.base(synced);
        while base < position {
            self.segments.sync(base)?;
            base = terms.next_base(base);
        }
        self.marks.marks.synced = position;
        self.marks.marks.synced_chain = chain;
        self.marks.store()?;
        self.control.set_synced(position);
        self.failed = false;
        Ok(())
    }

    /// Marks the store as closed with everything durable.
    pub(super) fn mark_clean(&mut self) -> io::Result<()> {
        self.marks.marks.clean = true;
        self.marks.store()
    }
}
