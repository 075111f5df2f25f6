//! The trading calendar as it is written down. What makes sense of dates, times and zones is the
//! scheduler, which alone knows them; here are texts, and where they stand.

use super::section::Section;

/// Entries of one list.
const ENTRIES_MAX: usize = 1_000;

/// Bytes of a name, a date or a time.
const TEXT_BYTES_MAX: usize = 64;

/// When days begin, what happens in them, and when they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The line where it begins, for what is found wrong with it later.
    pub line: usize,
    /// The time zone's name in the IANA database.
    pub time_zone: String,
    /// The days of the week that trade.
    pub trading_days: Vec<String>,
    /// Dates that do not trade.
    pub holidays: Vec<String>,
    /// When the trading date begins.
    pub day_start: String,
    /// When it ends: orders expire, the day is settled.
    pub day_end: String,
    /// Times and the phases that begin then, in order.
    pub phases: Vec<(String, String)>,
    /// Dates on which the market closes early, and when.
    pub early_closes: Vec<(String, String)>,
}

impl Calendar {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        section.require(&["day_start", "day_end", "phases"]);
        let weekdays = || ["mon", "tue", "wed", "thu", "fri"].map(str::to_owned).to_vec();
        let read = Self {
            line: section.line(),
            time_zone: section.text("time_zone", TEXT_BYTES_MAX).unwrap_or("UTC".to_owned()),
            trading_days: section.texts("trading_days", ENTRIES_MAX).unwrap_or_else(weekdays),
            holidays: section.texts("holidays", ENTRIES_MAX).unwrap_or_default(),
            day_start: section.text("day_start", TEXT_BYTES_MAX).unwrap_or_default(),
            day_end: section.text("day_end", TEXT_BYTES_MAX).unwrap_or_default(),
            phases: pairs(&mut section, "phases", "at", "phase"),
            early_closes: pairs(&mut section, "early_closes", "date", "at"),
        };
        section.finish();
        read
    }
}

/// The two texts of each of a list's tables.
fn pairs(
    section: &mut Section<'_>,
    list: &'static str,
    first: &'static str,
    second: &'static str,
) -> Vec<(String, String)> {
    let entries = section.sections(list);
    if entries.len() > ENTRIES_MAX {
        section.fault(format_args!("{} {list}: at most {ENTRIES_MAX}", entries.len()));
    }
    let read = |mut entry: Section<'_>| {
        entry.require(&[first, second]);
        let mut text = |key| entry.text(key, TEXT_BYTES_MAX).unwrap_or_default();
        let pair = (text(first), text(second));
        entry.finish();
        pair
    };
    entries.into_iter().map(read).collect()
}
