//! How often a standby begins again that cannot read its own store.
//!
//! A log that is cut below what was executed ends the follower; from a snapshot it goes on, and
//! comes further. One that fails again and again where it failed before never will: then the node
//! ends, with the reason, instead of loading snapshots for ever.

use crate::node::NodeError;
use crate::types::{Nanos, Position};

/// Beginnings in a row that come no further than one before, until the node ends.
const RETRIES_MAX: u32 = 5;

/// After so long without a failure the next one is the first again.
const FORGOTTEN_NS: u64 = 60_000_000_000;

/// What has failed. Calling order: `judge` at each failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retries {
    in_a_row: u32,
    /// The furthest position that was executed at a failure.
    furthest: Position,
    failed_at: Nanos,
}

impl Retries {
    /// The follower failed when everything before `applied` was executed.
    ///
    /// # Errors
    /// It failed too often: the node is to end.
    pub(super) fn judge(
        &mut self,
        why: &str,
        applied: Position,
        now: Nanos,
    ) -> Result<(), NodeError> {
        let since_ns = now.get().saturating_sub(self.failed_at.get());
        if applied > self.furthest || since_ns >= FORGOTTEN_NS {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        self.failed_at = now;
        self.furthest = self.furthest.max(applied);
        match self.in_a_row > RETRIES_MAX {
            true => Err(NodeError::State(format!(
                "the store was opened again {RETRIES_MAX} times and cannot be read beyond \
                 {applied}: {why}"
            ))),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn one_that_comes_no_further_ends_with_the_reason() {
        let mut retries = Retries::default();
        let at = |count: u64| Nanos(count * SECOND);
        for count in 1..=5 {
            retries.judge("damaged", Position(960), at(count)).unwrap();
        }
        let ended = retries.judge("damaged", Position(960), at(6)).unwrap_err().to_string();
        assert!(
            ended.contains("5 times") && ended.contains("beyond 960: damaged"),
            "both, and the reason: {ended}"
        );
    }

    #[test]
    fn one_that_comes_further_or_fails_seldom_goes_on() {
        let mut retries = Retries::default();
        for count in 1..100 {
            retries.judge("cut", Position(count * 32), Nanos(count * SECOND)).unwrap();
        }
        let mut retries = Retries::default();
        for count in 1..100 {
            retries.judge("cut", Position(96), Nanos(count * FORGOTTEN_NS)).unwrap();
        }
        // To have been further once is no progress.
        let mut retries = Retries::default();
        let mut failures = (0..100).map(|count| {
            retries.judge("cut", Position(96 - count % 2 * 32), Nanos(SECOND + count)).is_err()
        });
        assert_eq!(failures.position(|ended| ended), Some(5));
    }
}
