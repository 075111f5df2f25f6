//! When a source is no longer heard: its commands have ended the core again and again.
//!
//! ```text
//!   executing source 7's ✗ ── at most 60 s ── executing source 7's ✗ ─▶ source 7 is quarantined
//!   executing source 7's ✗ ── at most 60 s ── executing source 8's ✗ ─▶ nobody is
//! ```
//!
//! A command that ends the core is not in the log, so after a restart its source sends it again.
//! Nobody knows who ended a process: a kill from outside counts like a panic. Times are those at
//! which the command was begun, so that it does not matter how long a restart waited.

use crate::limits::QUARANTINE_WITHIN_NS;
use crate::store::Executing;
use crate::types::SourceId;

/// The source to quarantine, after the newest of the deaths that are remembered, the oldest first.
///
/// Where the newest is before an older one the clock was set back: the distance is not known, and
/// counts as near.
#[must_use]
pub(super) fn due(deaths: &[Executing]) -> Option<SourceId> {
    let (newest, before) = deaths.split_last()?;
    let near = |death: &&Executing| {
        death.source == newest.source
            && newest.since.0.saturating_sub(death.since.0) <= QUARANTINE_WITHIN_NS
    };
    before.iter().find(near).map(|death| death.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Nanos;

    const SECOND: u64 = 1_000_000_000;

    #[track_caller]
    fn check(deaths: &[(u32, u64)], expected: Option<u32>) {
        let deaths: Vec<_> = (1..)
            .zip(deaths)
            .map(|(source_sequence, (source, since))| Executing {
                source: SourceId(*source),
                source_sequence,
                since: Nanos(*since),
            })
            .collect();
        assert_eq!(due(&deaths), expected.map(SourceId));
    }

    #[test]
    fn two_deaths_of_one_source_within_a_minute_quarantine_it() {
        check(&[], None);
        check(&[(7, 5)], None);
        check(&[(7, 5), (7, 5)], Some(7));
        check(&[(7, 5), (7, 5 + 60 * SECOND)], Some(7));
        check(&[(7, 5), (7, 6 + 60 * SECOND)], None);
    }

    #[test]
    fn each_source_is_judged_by_its_own_deaths() {
        check(&[(7, 0), (8, SECOND)], None);
        check(&[(7, 0), (8, SECOND), (7, 2 * SECOND)], Some(7));
        check(&[(7, 0), (7, SECOND), (8, 2 * SECOND)], None);
        check(&[(7, 0), (8, 61 * SECOND), (7, 62 * SECOND)], None);
    }

    #[test]
    fn any_two_may_be_the_near_ones_as_long_as_the_newest_is_one_of_them() {
        check(&[(7, 0), (7, 70 * SECOND), (7, 100 * SECOND)], Some(7));
        check(&[(7, 0), (7, 10 * SECOND), (7, 100 * SECOND)], None);
    }

    #[test]
    fn a_clock_that_was_set_back_counts_as_near() {
        check(&[(7, 500 * SECOND), (7, 5)], Some(7));
        check(&[(7, u64::MAX), (7, 0)], Some(7));
    }
}
