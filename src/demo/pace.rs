//! When a flow's commands are due.

use std::fmt;
use std::str::FromStr;

/// How fast commands are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many a second, evenly.
    Rate(u64),
    /// So many a second on the average: of each tenth of a second a tenth at five times the rate,
    /// the rest evenly over the other nine.
    Bursts(u64),
    /// At the flow's own times, so many times faster.
    Speed(u64),
    /// As fast as they are taken.
    Max,
}

impl Pace {
    /// When the `n`th command (from 0) is due after the start, in nanoseconds; `None` is at once.
    /// `own_ns` is the flow's own time.
    #[must_use]
    pub(crate) fn due_ns(self, n: u64, own_ns: u64) -> Option<u64> {
        match self {
            Pace::Rate(rate) => {
                let due = u128::from(n) * 1_000_000_000 / u128::from(rate);
                Some(u64::try_from(due).unwrap_or(u64::MAX / 2))
            }
            Pace::Bursts(rate) => Some(burst_due_ns(n, rate)),
            Pace::Speed(times) => Some(own_ns / times),
            Pace::Max => None,
        }
    }
}

/// A tenth of a second in two parts, by time and by commands: the burst and the rest.
fn burst_due_ns(n: u64, rate: u64) -> u64 {
    const PERIOD_NS: u64 = 100_000_000;
    const BURST_NS: u64 = 10_000_000;
    let commands = (rate / 10).max(2);
    let (period, place) = (n / commands, n % commands);
    let burst = commands / 2;
    let within = if place < burst {
        place * BURST_NS / burst
    } else {
        BURST_NS + (place - burst) * (PERIOD_NS - BURST_NS) / (commands - burst)
    };
    period.saturating_mul(PERIOD_NS).saturating_add(within)
}

/// A number from 1, or `max`: a rate or a speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberOrMax(pub(crate) Option<u64>);

impl FromStr for NumberOrMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(number @ 1..=1_000_000_000) => Ok(Self(Some(number))),
            _ => Err(format!("{text:?} is neither a number from 1 to 1000000000 nor max")),
        }
    }
}

impl fmt::Display for NumberOrMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_due_evenly_or_at_their_own_times_or_at_once() {
        assert_eq!(Pace::Rate(43_000).due_ns(43_000, 7), Some(1_000_000_000));
        assert_eq!(Pace::Rate(3).due_ns(1, 0), Some(333_333_333));
        // Half of them in the first 10 ms of each 100 ms, the other half in the 90 ms after.
        let bursts = |n| Pace::Bursts(1_000).due_ns(n, 0);
        assert_eq!((bursts(0), bursts(1)), (Some(0), Some(200_000)));
        assert_eq!((bursts(50), bursts(51)), (Some(10_000_000), Some(11_800_000)));
        assert_eq!((bursts(99), bursts(100)), (Some(98_200_000), Some(100_000_000)));
        assert_eq!(Pace::Speed(10).due_ns(5, 25_000), Some(2_500));
        assert_eq!(Pace::Max.due_ns(5, 25_000), None);
    }

    #[test]
    fn numbers_or_max_are_read_and_nothing_else() {
        assert_eq!("10".parse(), Ok(NumberOrMax(Some(10))));
        assert_eq!("max".parse(), Ok(NumberOrMax(None)));
        for wrong in ["0", "-1", "fast", "", "1e6"] {
            assert!(wrong.parse::<NumberOrMax>().is_err(), "{wrong}");
        }
    }
}
