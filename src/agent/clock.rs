//! The only file that reads a clock: time comes from here and is an argument everywhere else.
//!
//! One reading serves a whole duty cycle, so everything in it happens at one moment, and tests
//! replace the clock by one they move by hand.

use crate::types::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Readings of UTC of which the closest counts.
const ANCHOR_READINGS: usize = 16;

/// Something that tells the time.
pub trait Clock: Send {
    /// Nanoseconds since 1970-01-01 00:00 UTC, never less than it told before.
    fn now(&self) -> Nanos;
}

/// The machine's clock.
///
/// UTC is read once; from then on the monotonic clock is added to it. So the time never steps
/// back and costs no system call; it drifts from a UTC that is corrected later, which the
/// sequencer's rule about logged time bears.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    anchor_ns: u64,
    anchor: Instant,
}

impl SystemClock {
    /// Reads UTC; a clock that stands before 1970 counts as 1970.
    ///
    /// It is read between two readings of the monotonic clock, some times over, and the closest
    /// three count: so the clocks of two processes differ by some tens of nanoseconds, as long as
    /// nobody sets UTC between their beginnings.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is where clocks are read")]
    pub fn new() -> Self {
        let reading = || {
            let before = Instant::now();
            let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (before.elapsed(), before, utc)
        };
        let readings: [_; ANCHOR_READINGS] = std::array::from_fn(|_| reading());
        let (width, before, utc) = readings.into_iter().min().expect("there are some");
        Self { anchor_ns: utc.as_nanos() as u64, anchor: before + width / 2 }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Nanos {
        Nanos(self.anchor_ns + self.anchor.elapsed().as_nanos() as u64)
    }
}

/// A clock that stands still until it is moved; its clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Nanos) -> Self {
        Self(Arc::new(AtomicU64::new(start.get())))
    }

    /// Moves it forward by `duration_ns`.
    pub fn advance(&self, duration_ns: u64) {
        self.0.fetch_add(duration_ns, Ordering::Relaxed);
    }

    /// Moves it to `time`.
    ///
    /// # Panics
    ///
    /// Where `time` lies before what it shows.
    pub fn set(&self, time: Nanos) {
        let before = self.0.fetch_max(time.get(), Ordering::Relaxed);
        assert!(before <= time.get(), "a clock set back from {before} to {time}");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Nanos {
        Nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_shows_utc_and_never_steps_back() {
        let clock = SystemClock::new();
        let mut last = clock.now();
        // 2020-01-01 and 2100-01-01.
        assert!((1_577_836_800_000_000_000..4_102_444_800_000_000_000).contains(&last.get()));
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new(Nanos(5));
        let same = clock.clone();
        assert_eq!(clock.now(), Nanos(5));
        clock.advance(3);
        same.set(Nanos(20));
        assert_eq!((clock.now(), same.now()), (Nanos(20), Nanos(20)));
    }

    #[test]
    #[should_panic(expected = "set back from 5 to 4")]
    fn a_manual_clock_does_not_go_back() {
        ManualClock::new(Nanos(5)).set(Nanos(4));
    }
}
