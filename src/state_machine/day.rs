//! The trading day: its date, and what it has seen so far.

use crate::types::{Money, Quantity};

/// The trading day. Its date is also what daily volumes are counted under.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    /// yyyymmdd; 0 before the first.
    pub(super) date: u32,
    /// It is settled: no date runs until the next day starts.
    pub(super) ended: bool,
    /// The rulebook that decides.
    pub(super) rules_version: u32,
    pub(super) trades: u64,
    pub(super) quantity: u64,
    pub(super) notional: i128,
    pub(super) fees: i128,
}

impl Day {
    /// A new day begins.
    pub(super) fn start(&mut self, date: u32, rules_version: u32) {
        *self = Self { date, rules_version, ..Self::default() };
    }

    /// Counts one side of a trade; the maker's side counts the trade itself.
    pub(super) fn count_fill(
        &mut self,
        quantity: Quantity,
        notional: Money,
        fee: Money,
        maker: bool,
    ) {
        self.fees += i128::from(fee.0);
        if maker {
            self.trades += 1;
            self.quantity += quantity.0;
            self.notional += i128::from(notional.0);
        }
    }
}

/// Whether a number is a date, yyyymmdd in the Gregorian calendar.
pub(super) fn is_date(date: u32) -> bool {
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1900..=9999).contains(&year) && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for date in [20_261_122, 20_240_229, 20_000_229, 19_991_231] {
            assert!(is_date(date), "{date}");
        }
        for date in [0, 20_261_131, 20_261_301, 20_260_229, 21_000_229, 20_261_100, 18_991_231] {
            assert!(!is_date(date), "{date}");
        }
    }
}
