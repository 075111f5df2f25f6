//! How far a catch-up has come, how fast it goes, and how long it will take.

use std::fmt;

use crate::types::Nanos;

/// The rate is that of about so long: it follows a change, and does not jump.
const RATE_OVER_NS: u64 = 2_000_000_000;
/// From one look at the rate to the next.
const LOOK_NS: u64 = 100_000_000;

/// What is being copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing: there is no connection.
    #[default]
    Connecting,
    /// A snapshot.
    Snapshot,
    /// A feed's log.
    Feed,
    /// The event log.
    Log,
}

impl Stage {
    /// A word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Snapshot => "snapshot",
            Self::Feed => "feed log",
            Self::Log => "event log",
        }
    }
}

/// What an operator is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being copied.
    pub stage: Stage,
    /// Bytes of it that are here.
    pub bytes: u64,
    /// Bytes of it as far as is known; it may grow.
    pub bytes_all: u64,
    /// Bytes a second, lately.
    pub bytes_per_second: u64,
}

impl Progress {
    /// Nanoseconds that the rest takes at this rate; `None` where nothing moves.
    #[must_use]
    pub fn left_ns(&self) -> Option<u64> {
        let left = u128::from(self.bytes_all.saturating_sub(self.bytes));
        let rate = u128::from(self.bytes_per_second);
        let ns = (left * 1_000_000_000).checked_div(rate)?;
        u64::try_from(ns).ok()
    }
}

impl fmt::Display for Progress {
    /// `event log: 12 of 1024 MB, 530 MB/s, 2 s left`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stage == Stage::Connecting {
            return f.write_str(self.stage.word());
        }
        let mb = |bytes: u64| bytes / 1_000_000;
        let (stage, bytes, all) = (self.stage.word(), mb(self.bytes), mb(self.bytes_all));
        write!(f, "{stage}: {bytes} of {all} MB, {} MB/s", mb(self.bytes_per_second))?;
        match self.left_ns() {
            Some(ns) => write!(f, ", {} s left", ns.div_ceil(1_000_000_000)),
            None => f.write_str(", stands still"),
        }
    }
}

/// Measures a rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    looked_at: Nanos,
    bytes_then: u64,
    /// Every byte of all stages.
    bytes: u64,
    per_second: u64,
}

impl Meter {
    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Bytes a second, as of now.
    pub(super) fn per_second(&mut self, now: Nanos) -> u64 {
        let elapsed_ns = now.get().saturating_sub(self.looked_at.get());
        if elapsed_ns >= LOOK_NS {
            let came = u128::from(self.bytes - self.bytes_then);
            let fresh = came * 1_000_000_000 / u128::from(elapsed_ns);
            let weight = u128::from(elapsed_ns.min(RATE_OVER_NS));
            let all = u128::from(RATE_OVER_NS);
            // The first look has nothing before it.
            let mixed = match self.looked_at {
                Nanos(0) => 0,
                _ if self.per_second == 0 => fresh,
                _ => (fresh * weight + u128::from(self.per_second) * (all - weight)) / all,
            };
            self.per_second = u64::try_from(mixed).unwrap_or(u64::MAX);
            (self.looked_at, self.bytes_then) = (now, self.bytes);
        }
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_an_operator_asks() {
        let mut progress = Progress {
            stage: Stage::Log,
            bytes: 12_000_000,
            bytes_all: 1_024_000_000,
            bytes_per_second: 500_000_000,
        };
        assert_eq!(progress.to_string(), "event log: 12 of 1024 MB, 500 MB/s, 3 s left");
        progress.bytes_per_second = 0;
        assert_eq!(progress.to_string(), "event log: 12 of 1024 MB, 0 MB/s, stands still");
        assert_eq!(Progress::default().to_string(), "connecting");
    }

    #[test]
    fn a_steady_rate_is_found_and_a_change_followed() {
        let mut meter = Meter::default();
        let mut now = 1_000_000_000;
        let mut run = |meter: &mut Meter, looks: u64, bytes: u64| {
            let mut rate = 0;
            for _ in 0..looks {
                meter.add(bytes);
                now += LOOK_NS;
                rate = meter.per_second(Nanos(now));
            }
            rate
        };
        assert_eq!(run(&mut meter, 3, 1_000_000), 10_000_000);
        let faster = run(&mut meter, 5, 2_000_000);
        assert!((10_000_001..20_000_000).contains(&faster), "{faster}");
        let settled = run(&mut meter, 200, 2_000_000);
        assert!((19_900_000..=20_000_000).contains(&settled), "{settled}");
        assert!(run(&mut meter, 200, 0) < 10_000, "nothing moves");
    }
}
