//! A cap on bytes a second, for all connections together: a token bucket.

use crate::types::Nanos;

/// What was not used of so long may still be used: pauses are not made up by a burst.
const PERIOD_NS: u64 = 100_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// Less than so many bytes are not worth a system call, where the cap leaves a choice.
const STEP_BYTES: u128 = 16 * 1024;

/// Bytes that may go now, kept as the time up to which the cap is used up.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// 0 is no cap.
    per_second: u64,
    used_to_ns: u64,
}

impl Pace {
    /// A cap of so many bytes a second; 0 is none.
    #[must_use]
    pub fn new(per_second: u64) -> Self {
        Self { per_second, used_to_ns: 0 }
    }

    /// From when on what was not used counts.
    fn used_to_ns(&self, now: Nanos) -> u64 {
        // One byte at least must come together.
        let period_ns = PERIOD_NS.max(SECOND_NS.div_ceil(self.per_second));
        self.used_to_ns.max(now.get().saturating_sub(period_ns))
    }

    /// How many bytes may go now, of so many; none where it is better to wait for more.
    pub(super) fn allows(&self, bytes: usize, now: Nanos) -> usize {
        if self.per_second == 0 {
            return bytes;
        }
        let unused_ns = now.get().saturating_sub(self.used_to_ns(now));
        let of = |ns: u64| u128::from(self.per_second) * u128::from(ns) / u128::from(SECOND_NS);
        let allowed = of(unused_ns).min(bytes as u128);
        let step = STEP_BYTES.min(of(PERIOD_NS / 2)).min(bytes as u128);
        if allowed < step { 0 } else { allowed as usize }
    }

    /// So many went.
    pub(super) fn spend(&mut self, bytes: usize, now: Nanos) {
        if self.per_second > 0 {
            let ns = (bytes as u128 * u128::from(SECOND_NS)).div_ceil(self.per_second.into());
            let ns = u64::try_from(ns).unwrap_or(u64::MAX);
            self.used_to_ns = self.used_to_ns(now).saturating_add(ns);
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
                let now = Nanos(ms * 1_000_000);
                let step = pace.allows(5_000, now);
                pace.spend(step, now);
                went += step;
            }
        }
        // Ten halves of a second, and what the bucket gathers in each pause.
        assert!((4_900_000..=6_000_000).contains(&went), "{went}");
        let mut steady = Pace::new(1_000_000);
        let bytes: usize = (1..=10_000_u64)
            .map(|ms| {
                let now = Nanos(ms * 1_000_000);
                let step = steady.allows(usize::MAX, now);
                steady.spend(step, now);
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
        one.spend(1, Nanos(2_000_000_000));
        assert_eq!(one.allows(10, Nanos(2_000_000_001)), 0);
    }
}
