//! The primary is lost, and another node takes its place.
//!
//! ```text
//!   takes commands ── gone ─▶ waits ── came ─▶ reads on ── its epoch began ─▶ takes commands
//!                  what it had       in another log, from the same place;    what was not seen by
//!                  committed is read        nothing is sent                  then is sent again
//! ```
//!
//! What the source was told stays true: it reads the new primary's log from the place up to which
//! it has read the old one's, and that place must be committed there.

use super::SourceAgent;
use crate::ring::Producer;
use crate::store::{ReadError, StoreReader};
use std::sync::mpsc::Receiver;

/// What the source is told of the node that takes its commands.
pub(crate) enum PrimaryChange {
    /// Its process has ended.
    Gone,
    /// Another node is the primary: its ring and its log.
    Came {
        /// To its core, which reads it already.
        ring: Producer,
        /// From it.
        reader: Box<StoreReader>,
    },
}

/// How the source stands to its primary.
pub(super) enum Link {
    /// Commands are taken.
    Up,
    /// There is none.
    Down,
    /// One has come, and its log is not committed up to where the source has read.
    Joining { reader: Box<StoreReader>, since: u64 },
    /// Its log is read, up to the beginning of its epoch.
    Reading,
}

/// Who tells it of primaries, and what came of it.
pub(super) struct Failover {
    pub(super) changes: Receiver<PrimaryChange>,
    pub(super) link: Link,
    /// Whether what was due meanwhile is still being sent.
    pub(super) behind: bool,
}

impl SourceAgent {
    /// A source that another node may take over from its primary.
    #[must_use]
    pub(crate) fn told_by(mut self, changes: Receiver<PrimaryChange>) -> Self {
        self.failover = Some(Failover { changes, link: Link::Up, behind: false });
        self
    }

    /// Whether there is a core that takes commands.
    pub(super) fn has_primary(&self) -> bool {
        self.failover.as_ref().is_none_or(|failover| matches!(failover.link, Link::Up))
    }

    /// Follows the change of primaries.
    pub(super) fn follow_primary(&mut self, now: u64) {
        let Some(failover) = &mut self.failover else { return };
        let change = failover.changes.try_recv().ok();
        let link = std::mem::replace(&mut failover.link, Link::Down);
        let link = match (link, change) {
            (_, Some(PrimaryChange::Gone)) => {
                // All that it has committed it has told.
                while self.read() > 0 {}
                self.parts.journal.on_gone(self.in_flight.len() as u64);
                Link::Down
            }
            (_, Some(PrimaryChange::Came { ring, reader })) => {
                assert!(ring.generation() > 0, "nobody reads the new primary's ring");
                // The count of full rings goes on.
                self.ring_full_base = ring.refused().wrapping_sub(self.ring_full());
                self.parts.ring = ring;
                Link::Joining { reader, since: now }
            }
            (Link::Joining { reader, since }, None) => self.join(reader, since, now),
            (Link::Reading, None) if self.in_flight.has_seen(self.parts.ring.generation()) => {
                let before = self.in_flight.not_accepted();
                self.in_flight.give_back();
                self.parts.journal.on_came(self.in_flight.not_accepted() - before);
                self.set_behind(true);
                Link::Up
            }
            (link, None) => link,
        };
        if let Some(failover) = &mut self.failover {
            failover.link = link;
        }
    }

    /// Goes on in the new primary's log where the old one's was left.
    fn join(&mut self, mut reader: Box<StoreReader>, since: u64, now: u64) -> Link {
        let place = self.parts.reader.position();
        let limit_ns = self.patience.as_ref().map_or(u64::MAX, |patience| patience.limit_ns);
        match reader.seek(place, None) {
            Ok(()) => {
                self.parts.reader = *reader;
                Link::Reading
            }
            // What the old one confirmed is committed there as soon as its epoch is.
            Err(ReadError::Beyond { .. }) if now.saturating_sub(since) <= limit_ns => {
                Link::Joining { reader, since }
            }
            Err(error) => {
                self.fail(format!(
                    "the new primary's log does not lead on from {place}, up to where the old one \
                     confirmed: {error}"
                ));
                Link::Down
            }
        }
    }

    fn set_behind(&mut self, behind: bool) {
        if let Some(failover) = &mut self.failover {
            failover.behind = behind;
        }
    }

    /// Nothing is due any more that was not sent.
    pub(super) fn on_caught_up(&mut self, now: u64) {
        if self.failover.as_ref().is_some_and(|failover| failover.behind) {
            self.set_behind(false);
            self.parts.journal.on_caught_up(now);
        }
    }
}
