//! What a node's follower has come to, for the agent that tells the other nodes.
//!
//! One thread writes, any number look, and nobody waits: the pair of position and hash is told by
//! a serial that is odd while it changes.
//!
//! ```text
//!   applied    every command before this position is executed
//!   difference execution and log do not agree: where and how; never unset
//!   serial ─┬─ position    the last checkpoint, and the hash of all state there
//!           └─ hash
//! ```

use crate::types::Position;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The state at a place of the log that all nodes choose alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// An end of an event.
    pub position: Position,
    /// The hash of all state there.
    pub state_hash: u128,
}

/// How far a follower is. It has one writer, the follower.
#[derive(Debug, Default)]
pub struct Board {
    applied: AtomicU64,
    difference: OnceLock<String>,
    serial: AtomicU64,
    position: AtomicU64,
    hash: [AtomicU64; 2],
}

impl Board {
    /// Every command before this position is executed.
    #[must_use]
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    /// Where execution and log differ, with both outcomes, if they do somewhere before.
    #[must_use]
    pub fn difference(&self) -> Option<&str> {
        self.difference.get().map(String::as_str)
    }

    /// The newest checkpoint; `None` before the first, and while the next is being written.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let before = self.serial.load(Ordering::Acquire);
        if before == 0 || before % 2 == 1 {
            return None;
        }
        let position = Position(self.position.load(Ordering::Relaxed));
        let [low, high] = [0, 1].map(|half| u128::from(self.hash[half].load(Ordering::Relaxed)));
        // What was read is of one checkpoint if none began meanwhile.
        fence(Ordering::Acquire);
        let is_whole = self.serial.load(Ordering::Relaxed) == before;
        is_whole.then_some(Checkpoint { position, state_hash: high << 64 | low })
    }

    pub(super) fn set_applied(&self, position: Position) {
        self.applied.store(position.get(), Ordering::Release);
    }

    /// The first one stays.
    pub(super) fn set_difference(&self, difference: String) {
        let _ = self.difference.set(difference);
    }

    pub(super) fn set_checkpoint(&self, checkpoint: Checkpoint) {
        let serial = self.serial.load(Ordering::Relaxed);
        self.serial.store(serial + 1, Ordering::Relaxed);
        // Nothing of the new one is seen before the odd serial is.
        fence(Ordering::Release);
        self.position.store(checkpoint.position.get(), Ordering::Relaxed);
        let halves = [checkpoint.state_hash, checkpoint.state_hash >> 64];
        for (half, to) in halves.into_iter().zip(&self.hash) {
            to.store(half as u64, Ordering::Relaxed);
        }
        self.serial.store(serial + 2, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: u64 = 200_000;

    #[test]
    fn a_checkpoint_is_seen_whole_or_not_at_all() {
        let board = Board::default();
        assert_eq!((board.checkpoint(), board.applied()), (None, Position(0)));
        // A checkpoint whose hash follows from its position, so that halves of two are noticed.
        let checkpoint = |number: u64| Checkpoint {
            position: Position(number),
            state_hash: u128::from(number) << 64 | u128::from(!number),
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=LAST).for_each(|number| board.set_checkpoint(checkpoint(number))));
            let mut last = 0;
            while last < LAST {
                let Some(seen) = board.checkpoint() else { continue };
                assert_eq!(seen, checkpoint(seen.position.get()));
                assert!(seen.position.get() >= last, "checkpoints come in order");
                last = seen.position.get();
            }
        });
    }
}
