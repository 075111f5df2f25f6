//! A cap on bytes a second, for all connections together: a token bucket.

use crate::types::Nanos;

/// The bucket holds what a tenth of a second gives: pauses are not made up by a burst.
const PERIOD_NS: u64 = 100_000_000;

/// Bytes that may go now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// 0 is no cap.
    per_second: u64,
    tokens: u64,
    filled_at: Nanos,
}

impl Pace {
    pub(super) fn new(per_second: u64) -> Self {
        Self { per_second, tokens: 0, filled_at: Nanos(0) }
    }

    /// How many bytes may go now, of so many.
    pub(super) fn allows(&mut self, bytes: usize, now: Nanos) -> usize {
        if self.per_second == 0 {
            return bytes;
        }
        let of = |ns: u64| u128::from(self.per_second) * u128::from(ns) / 1_000_000_000;
        let most = of(PERIOD_NS).max(1);
        let elapsed = now.get().saturating_sub(self.filled_at.get());
        let more = of(elapsed);
        if more > 0 {
            self.tokens = (u128::from(self.tokens) + more).min(most) as u64;
            self.filled_at = now;
        }
        bytes.min(usize::try_from(self.tokens).unwrap_or(usize::MAX))
    }

    /// So many went.
    pub(super) fn spend(&mut self, bytes: usize) {
        if self.per_second > 0 {
            self.tokens = self.tokens.saturating_sub(bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_gives_more_than_the_cap_and_a_tenth() {
        let mut pace = Pace::new(1_000_000);
        let mut went = 0;
        for ms in 1..=10_000_u64 {
            // Pauses of half a second now and then.
            if ms % 1_000 < 500 {
                let step = pace.allows(5_000, Nanos(ms * 1_000_000));
                pace.spend(step);
                went += step;
            }
        }
        // Ten halves of a second, and what the bucket gathers in each pause.
        assert!((4_900_000..=6_000_000).contains(&went), "{went}");
        let mut steady = Pace::new(1_000_000);
        let bytes: usize = (1..=10_000_u64)
            .map(|ms| {
                let step = steady.allows(usize::MAX, Nanos(ms * 1_000_000));
                steady.spend(step);
                step
            })
            .sum();
        assert!((9_900_000..=10_100_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn none_is_no_cap_and_the_smallest_still_gives() {
        assert_eq!(Pace::new(0).allows(77, Nanos(0)), 77);
        let mut one = Pace::new(1);
        assert_eq!(one.allows(10, Nanos(2_000_000_000)), 1);
        one.spend(1);
        assert_eq!(one.allows(10, Nanos(2_000_000_001)), 0);
    }
}
