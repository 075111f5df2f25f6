//! Bytes per second, with a burst: what is sent again may not displace what is sent first.
//!
//! One number is kept, the time at which all that was taken would have been earned (the generic
//! cell rate algorithm): nothing is added up, so nothing is rounded away.

use crate::types::Nanos;

/// An allowance of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    bytes_per_second: u64,
    burst_ns: u64,
    earned_at: Nanos,
}

impl Bucket {
    /// A full one: `burst_bytes` at once, then so many a second.
    ///
    /// # Panics
    /// If nothing may ever be taken.
    pub(super) fn new(bytes_per_second: u64, burst_bytes: u64) -> Self {
        assert!(bytes_per_second > 0, "an allowance of nothing");
        let mut bucket = Self { bytes_per_second, burst_ns: 0, earned_at: Nanos(0) };
        bucket.burst_ns = bucket.cost_ns(burst_bytes);
        bucket
    }

    fn cost_ns(&self, bytes: u64) -> u64 {
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// When something may be taken: now, or later where more was taken than is earned.
    pub(super) fn ready_at(&self) -> Nanos {
        Nanos(self.earned_at.get().saturating_sub(self.burst_ns))
    }

    /// Whether something may be taken.
    pub(super) fn is_ready(&self, now: Nanos) -> bool {
        self.ready_at() <= now
    }

    /// Takes what was used, also where it is more than is left: later ones wait for it.
    pub(super) fn take(&mut self, bytes: u64, now: Nanos) {
        let from = self.earned_at.max(now).get();
        self.earned_at = Nanos(from.saturating_add(self.cost_ns(bytes)));
    }

    /// When it is full again, for who must choose which to forget.
    pub(super) fn full_at(&self) -> Nanos {
        self.earned_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        // 1 byte a microsecond, 1,000 at once.
        let mut bucket = Bucket::new(1_000_000, 1_000);
        let mut taken = 0;
        for us in 0..10_000 {
            let now = Nanos(1_000_000_000 + us * 1_000);
            while bucket.is_ready(now) {
                bucket.take(100, now);
                taken += 100;
            }
        }
        // The burst, what 9,999 us earn, and the piece that was begun last.
        assert!((10_900..=11_200).contains(&taken), "{taken}");
        let later = Nanos(1_000_000_000 + 10_000 * 1_000);
        assert!(!bucket.is_ready(Nanos(later.get() - 1_000_000)), "a clock set back earns nothing");
    }
}
