//! A snapshot on its way: where it begins and ends, and whether it is one.
//!
//! What is in it is for the books to judge; here it must begin with `SnapshotStart`, end with a
//! `SnapshotComplete` that says the same, and end where the feed can go on.

use isochron_messages::{Message, SnapshotComplete, SnapshotStart};

/// What a message of a snapshot is to whoever joins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first: all messages before `next` are in it.
    Start {
        /// The message that the feed goes on with.
        next: u64,
    },
    /// One in between.
    Content,
    /// The last.
    Complete {
        /// As at the start.
        next: u64,
    },
    /// It has no place here.
    Wrong,
}

/// Follows one snapshot after the other.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What the start said; `None` before it.
    start: Option<SnapshotStart>,
}

impl Progress {
    /// A new one begins, or none.
    pub(super) fn begin(&mut self) {
        self.start = None;
    }

    pub(super) fn on_message(&mut self, bytes: &[u8]) -> Part {
        match (self.start, Message::decode(bytes)) {
            (None, Ok(Message::SnapshotStart(start))) if is_sound(&start) => {
                self.start = Some(start);
                Part::Start { next: start.next_sequence }
            }
            (Some(start), Ok(Message::SnapshotComplete(complete))) if agree(&start, &complete) => {
                self.start = None;
                Part::Complete { next: complete.next_sequence }
            }
            (None, _) | (_, Ok(Message::SnapshotStart(_) | Message::SnapshotComplete(_))) => {
                Part::Wrong
            }
            (Some(_), _) => Part::Content,
        }
    }
}

/// Two ways to say one thing, because feeds differ in which they use.
fn is_sound(start: &SnapshotStart) -> bool {
    start.last_included_sequence.checked_add(1) == Some(start.next_sequence)
}

fn agree(start: &SnapshotStart, complete: &SnapshotComplete) -> bool {
    let said = |last, next, instruments, orders| (last, next, instruments, orders);
    said(start.last_included_sequence, start.next_sequence, start.instruments, start.orders)
        == said(
            complete.last_included_sequence,
            complete.next_sequence,
            complete.instruments,
            complete.orders,
        )
}
