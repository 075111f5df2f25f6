//! How many commands may lie between two snapshots, so that a start is fast enough at any moment.
//!
//! ```text
//!   snapshot n ready            snapshot n+1 begun      ready      ← killed just before this
//!   ───┼─────────────────────────────┼────────────────────┼
//!      |◀──── commands between ─────▶|◀─ taking it: more ─▶|
//!      |◀──────────── executed again by a start ──────────▶|
//! ```
//!
//! A start loads the newest snapshot, checks what follows it in the log and executes that again.
//! The worst moment to be killed is just before the next snapshot counts.

/// What a start may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// From the start of the process until it accepts.
    pub start_ns: u64,
    /// Of that, what is neither loading nor executing: the process itself, the first segment, a
    /// machine that is busier than when it was measured.
    pub margin_ns: u64,
}

impl Default for Budget {
    /// Five seconds, of which one is a margin.
    fn default() -> Self {
        Self { start_ns: 5_000_000_000, margin_ns: 1_000_000_000 }
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Commands a second that a start reads, checks and executes again.
    pub replay_per_second: u64,
    /// To load a snapshot.
    pub load_ns: u64,
    /// To take one, read it back and make it count.
    pub take_ns: u64,
    /// Commands a second that are logged meanwhile, at most.
    pub arriving_per_second: u64,
}

/// Commands from one snapshot to the next; `None` where no cadence keeps the budget.
///
/// `replay × (start − margin − load) − arriving × take`
#[must_use]
pub fn commands_between(budget: Budget, speed: Speed) -> Option<u64> {
    const SECOND_NS: u128 = 1_000_000_000;
    let left_ns = budget.start_ns.checked_sub(budget.margin_ns)?.checked_sub(speed.load_ns)?;
    let executed = u128::from(speed.replay_per_second) * u128::from(left_ns) / SECOND_NS;
    let meanwhile = u128::from(speed.arriving_per_second) * u128::from(speed.take_ns);
    let commands = executed.checked_sub(meanwhile.div_ceil(SECOND_NS))?;
    u64::try_from(commands).ok().filter(|commands| *commands > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEED: Speed = Speed {
        replay_per_second: 2_000_000,
        load_ns: 1_500_000_000,
        take_ns: 3_000_000_000,
        arriving_per_second: 200_000,
    };

    #[test]
    fn it_is_what_replay_does_in_the_time_that_is_left() {
        // (5 - 1 - 1.5) s at 2 M a second, less 3 s of 200,000.
        assert_eq!(commands_between(Budget::default(), SPEED), Some(5_000_000 - 600_000));
        let still = Speed { arriving_per_second: 0, ..SPEED };
        assert_eq!(commands_between(Budget::default(), still), Some(5_000_000));
    }

    #[test]
    fn where_nothing_is_left_there_is_no_cadence() {
        let slow_to_load = Speed { load_ns: 4_000_000_000, ..SPEED };
        let slower_to_load = Speed { load_ns: 4_000_000_001, ..SPEED };
        let slow_to_replay = Speed { replay_per_second: 240_000, ..SPEED };
        for speed in [slow_to_load, slower_to_load, slow_to_replay] {
            assert_eq!(commands_between(Budget::default(), speed), None, "{speed:?}");
        }
        let no_margin = Budget { start_ns: 1, margin_ns: 2 };
        assert_eq!(commands_between(no_margin, SPEED), None);
    }

    /// Whatever the values: killed at the worst moment, the start keeps its budget.
    #[test]
    fn the_worst_start_keeps_the_budget() {
        let mut state = 5_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut found = 0;
        for _ in 0..2_000 {
            let budget =
                Budget { start_ns: below(10_000_000_000), margin_ns: below(2_000_000_000) };
            let speed = Speed {
                replay_per_second: 1 + below(20_000_000),
                load_ns: below(4_000_000_000),
                take_ns: below(8_000_000_000),
                arriving_per_second: below(2_000_000),
            };
            let Some(commands) = commands_between(budget, speed) else { continue };
            found += 1;
            let tail = u128::from(commands) * 1_000_000_000
                + u128::from(speed.arriving_per_second) * u128::from(speed.take_ns);
            let start_ns = u128::from(budget.margin_ns)
                + u128::from(speed.load_ns)
                + tail / u128::from(speed.replay_per_second);
            assert!(start_ns <= budget.start_ns.into(), "{budget:?} {speed:?} {commands}");
        }
        assert!(found > 100, "{found} of 2,000");
    }
}
