//! What a node's follower has come to, for the agent that tells the other nodes.
//!
//! One thread writes, any number look, and nobody waits: each checkpoint has a place in a ring,
//! and the serial there says which checkpoint it is of, odd while it changes.
//!
//! ```text
//!   applied     every command before this position is executed
//!   difference  execution and log do not agree: where and how; never unset
//!   made        checkpoints so far: number n is in slot n modulo the ring's length
//!   slots ───── serial ─┬─ place  an end of an event, and the log's chain there
//!                       └─ hash   of all state there
//! ```

use crate::limits::STATE_HASHES_KEPT_MAX;
use crate::store::{Chain, LogPlace};
use crate::types::Position;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The state at a place of the log that all nodes choose alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// An end of an event.
    pub place: LogPlace,
    /// The hash of all state there.
    pub state_hash: u128,
}

/// A checkpoint in words that are read and written by themselves.
#[derive(Debug, Default)]
struct Slot {
    serial: AtomicU64,
    words: [AtomicU64; 4],
}

impl Slot {
    fn write(&self, serial: u64, checkpoint: Checkpoint) {
        self.serial.store(serial - 1, Ordering::Relaxed);
        // Nothing of the new one is seen before the odd serial is.
        fence(Ordering::Release);
        let Checkpoint { place: LogPlace { position, chain }, state_hash } = checkpoint;
        let words = [position.get(), chain.0, state_hash as u64, (state_hash >> 64) as u64];
        for (word, to) in words.into_iter().zip(&self.words) {
            to.store(word, Ordering::Relaxed);
        }
        self.serial.store(serial, Ordering::Release);
    }

    fn read(&self, serial: u64) -> Option<Checkpoint> {
        if self.serial.load(Ordering::Acquire) != serial {
            return None;
        }
        let [position, chain, low, high] =
            [0, 1, 2, 3].map(|word: usize| self.words[word].load(Ordering::Relaxed));
        // What was read is of one checkpoint if none began meanwhile.
        fence(Ordering::Acquire);
        (self.serial.load(Ordering::Relaxed) == serial).then_some(Checkpoint {
            place: LogPlace { position: Position(position), chain: Chain(chain) },
            state_hash: u128::from(high) << 64 | u128::from(low),
        })
    }
}

/// How far a follower is. It has one writer, the follower.
#[derive(Debug)]
pub struct Board {
    applied: AtomicU64,
    difference: OnceLock<String>,
    made: AtomicU64,
    slots: [Slot; STATE_HASHES_KEPT_MAX],
}

impl Default for Board {
    fn default() -> Self {
        let (applied, difference, made) = Default::default();
        Self { applied, difference, made, slots: std::array::from_fn(|_| Slot::default()) }
    }
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

    /// How many checkpoints were made.
    #[must_use]
    pub fn checkpoints(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// The n-th checkpoint, from 0; `None` for one that is not made yet, or is forgotten: of the
    /// newest ones [`STATE_HASHES_KEPT_MAX`] are kept.
    #[must_use]
    pub fn checkpoint(&self, number: u64) -> Option<Checkpoint> {
        self.slot(number).read(serial(number))
    }

    fn slot(&self, number: u64) -> &Slot {
        &self.slots[(number % STATE_HASHES_KEPT_MAX as u64) as usize]
    }

    pub(super) fn set_applied(&self, position: Position) {
        self.applied.store(position.get(), Ordering::Release);
    }

    /// The first one stays.
    pub(super) fn set_difference(&self, difference: String) {
        let _ = self.difference.set(difference);
    }

    pub(super) fn add_checkpoint(&self, checkpoint: Checkpoint) {
        let number = self.made.load(Ordering::Relaxed);
        self.slot(number).write(serial(number), checkpoint);
        self.made.store(number + 1, Ordering::Release);
    }
}

/// The even serial of a slot that has a checkpoint; no two that share the slot have the same.
fn serial(number: u64) -> u64 {
    2 * (number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: u64 = 200_000;

    /// A checkpoint whose hash and chain follow from its number, so that halves of two are noticed.
    fn checkpoint(number: u64) -> Checkpoint {
        Checkpoint {
            place: LogPlace { position: Position(number), chain: Chain(number ^ 0x55) },
            state_hash: u128::from(number) << 64 | u128::from(!number),
        }
    }

    #[test]
    fn the_newest_checkpoints_are_kept() {
        let board = Board::default();
        assert_eq!((board.checkpoint(0), board.applied()), (None, Position(0)));
        let kept = STATE_HASHES_KEPT_MAX as u64;
        (0..kept + 2).for_each(|number| board.add_checkpoint(checkpoint(number)));
        assert_eq!(board.checkpoints(), kept + 2);
        assert_eq!([0, 1, kept + 2].map(|number| board.checkpoint(number)), [None; 3]);
        for number in 2..kept + 2 {
            assert_eq!(board.checkpoint(number), Some(checkpoint(number)));
        }
    }

    #[test]
    fn a_checkpoint_is_seen_whole_or_not_at_all() {
        let board = Board::default();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..LAST).for_each(|number| board.add_checkpoint(checkpoint(number))));
            loop {
                let made = board.checkpoints();
                let newest = made.saturating_sub(1);
                if let Some(seen) = board.checkpoint(newest) {
                    assert_eq!(seen, checkpoint(newest));
                }
                if made == LAST {
                    break;
                }
            }
        });
        assert_eq!(board.checkpoint(LAST - 1), Some(checkpoint(LAST - 1)));
    }
}
