//! Which snapshots are kept, and which of them the log may begin at.
//!
//! ```text
//!   days      |──── yesterday ────|E|──── today ───────────────▶
//!   snapshots   ·     ·     ·     B     ·     ·    n   n   n
//!                                 └ base: all before it is of days that are over
//! ```
//!
//! The newest few are for starts. The base is for recycling: the newest snapshot before which no
//! byte belongs to a day that still runs, with a newer one beside it in case it cannot be read.
//!
//! A loss of power takes the log beyond what is durable, and with it what newer snapshots are of.
//! The newest one that is not of more stays, until there is a newer such one.

use crate::store::SnapshotInfo;
use crate::types::Position;

/// What is to be done with the snapshots of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Where the log may begin, once all who read it have passed.
    pub base: Option<SnapshotInfo>,
    /// Snapshots that nobody needs any more.
    pub remove: Vec<Position>,
}

/// Plans for snapshots, newest first, of which the newest `keep` stay in any case, of a log that is
/// durable up to a position.
#[must_use]
pub fn plan(snapshots: &[SnapshotInfo], keep: usize, durable: Position) -> Plan {
    let Some(newest) = snapshots.first() else { return Plan::default() };
    let is_over = |snapshot: &&SnapshotInfo| {
        let of_today = snapshot.trading_date == newest.trading_date;
        !of_today || newest.day_ended
    };
    let base = snapshots.iter().skip(1).find(is_over).copied();
    let position = |snapshot: &SnapshotInfo| snapshot.place.position;
    let removed = snapshots.iter().skip(keep.max(1)).map(position);
    let last_durable = snapshots.iter().map(position).find(|position| *position <= durable);
    let needed = [base.as_ref().map(position), last_durable];
    let remove = removed.filter(|found| !needed.contains(&Some(*found))).collect();
    Plan { base, remove }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Chain, LogPlace};
    use crate::types::{Epoch, Nanos, Sequence};

    fn snapshot(position: u64, trading_date: u32, day_ended: bool) -> SnapshotInfo {
        SnapshotInfo {
            place: LogPlace { position: Position(position), chain: Chain(0) },
            epoch: Epoch(1),
            sequence: Sequence(1),
            time: Nanos(0),
            state_hash: 0,
            trading_date,
            day_ended,
        }
    }

    /// Snapshots as position, date and whether the day has ended; the base and what goes.
    fn check(snapshots: &[(u64, u32, bool)], keep: usize, base: Option<u64>, remove: &[u64]) {
        let infos: Vec<_> =
            snapshots.iter().map(|&(at, day, end)| snapshot(at, day, end)).collect();
        let found = plan(&infos, keep, Position(u64::MAX));
        assert_eq!(found.base.map(|base| base.place.position.get()), base, "{snapshots:?}");
        let removed: Vec<_> = found.remove.iter().map(|position| position.get()).collect();
        assert_eq!(removed, remove, "{snapshots:?}");
    }

    #[test]
    fn the_newest_stay_and_the_end_of_the_last_day_stays_with_them() {
        check(&[], 3, None, &[]);
        check(&[(9, 1, false)], 3, None, &[]);
        check(&[(9, 1, false), (8, 1, false), (7, 1, false), (6, 1, false)], 3, None, &[6]);
        let days = [(9, 2, false), (8, 2, false), (7, 2, false), (6, 1, true), (5, 1, false)];
        check(&days, 3, Some(6), &[5]);
        check(&days, 1, Some(6), &[8, 7, 5]);
        check(&days, 0, Some(6), &[8, 7, 5]);
        check(&days, 9, Some(6), &[]);
        // Before the first day nothing runs.
        check(&[(9, 1, false), (8, 0, false)], 3, Some(8), &[]);
    }

    #[test]
    fn a_day_that_has_ended_is_covered_and_never_by_the_newest_alone() {
        check(&[(9, 1, true)], 3, None, &[]);
        check(&[(9, 1, true), (8, 1, false), (7, 1, false)], 1, Some(8), &[7]);
        check(&[(9, 2, false), (8, 1, true), (7, 1, false)], 1, Some(8), &[7]);
    }

    #[test]
    fn the_newest_that_a_loss_of_power_leaves_stays() {
        let infos = [9, 8, 7, 6, 5, 4].map(|position| snapshot(position, 1, false));
        let removed = |durable| plan(&infos, 2, Position(durable)).remove;
        let positions =
            |positions: &[u64]| positions.iter().copied().map(Position).collect::<Vec<_>>();
        assert_eq!(removed(9), positions(&[7, 6, 5, 4]));
        assert_eq!(removed(8), positions(&[7, 6, 5, 4]));
        assert_eq!(removed(6), positions(&[7, 5, 4]));
        assert_eq!(removed(3), positions(&[7, 6, 5, 4]), "none is durable");
    }
}
