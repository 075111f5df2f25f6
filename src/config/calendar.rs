//! The trading calendar: which days trade, and which phase begins when.

use super::section::Section;
use isochron_events::Phase;

/// Minutes by which a wall clock may differ from UTC: from -12 to +14 hours.
const UTC_OFFSET_MINUTES_MIN: i32 = -12 * 60;
const UTC_OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// Phases of one day, and holidays, that may be written down.
const PHASES_MAX: usize = 32;
const HOLIDAYS_MAX: usize = 1_000;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Each day and its word.
    const WORDS: [(&'static str, Self); 7] = [
        ("mon", Self::Monday),
        ("tue", Self::Tuesday),
        ("wed", Self::Wednesday),
        ("thu", Self::Thursday),
        ("fri", Self::Friday),
        ("sat", Self::Saturday),
        ("sun", Self::Sunday),
    ];
}

/// When a phase begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseTime {
    /// Seconds after local midnight.
    pub at_s: u32,
    /// The phase of the whole market from then on.
    pub phase: Phase,
}

/// When days begin, what happens in them, and when they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// What is added to UTC to have local time: minutes, the same all year.
    pub utc_offset_minutes: i32,
    /// The days of the week that trade, ascending.
    pub trading_days: Vec<Weekday>,
    /// Local dates (yyyymmdd) that do not trade, ascending.
    pub holidays: Vec<u32>,
    /// The phases of a day, ascending. The first begins the day; the last is closed and ends it.
    pub phases: Vec<PhaseTime>,
}

impl Calendar {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let offsets = UTC_OFFSET_MINUTES_MIN..=UTC_OFFSET_MINUTES_MAX;
        let utc_offset_minutes = section.integer("utc_offset_minutes", 0, offsets);
        let words = Weekday::WORDS.map(|(word, _)| word);
        let allowed = format!("one of {}", super::section::quoted(&words));
        let weekday =
            |text: &str| Weekday::WORDS.iter().find(|(word, _)| *word == text).map(|(_, day)| *day);
        let trading_days = section.list("trading_days", &allowed, weekday);
        let mut trading_days = trading_days
            .unwrap_or_else(|| Weekday::WORDS[..5].iter().map(|(_, day)| *day).collect());
        let holidays = section.list("holidays", "a date as \"2026-12-25\"", date);
        let mut holidays = holidays.unwrap_or_default();
        trading_days.sort_unstable();
        trading_days.dedup();
        holidays.sort_unstable();
        holidays.dedup();
        if trading_days.is_empty() {
            section.fault("no trading_days: no day would ever begin");
        }
        if holidays.len() > HOLIDAYS_MAX {
            section.fault(format_args!("{} holidays: at most {HOLIDAYS_MAX}", holidays.len()));
        }
        let phases = phases(&mut section);
        section.finish();
        Self { utc_offset_minutes, trading_days, holidays, phases }
    }
}

fn phases(section: &mut Section<'_>) -> Vec<PhaseTime> {
    let mut phases = Vec::new();
    let mut is_sound = true;
    for mut entry in section.sections("phases") {
        let at_s = entry.value("at", "a time of day as \"09:30:00\"", |value| {
            value.text().and_then(time_of_day)
        });
        let words =
            [("pre_open", Phase::PRE_OPEN), ("open", Phase::OPEN), ("closed", Phase::CLOSED)];
        let phase = entry.choice("phase", Phase(0), &words);
        entry.require(&["at", "phase"]);
        entry.finish();
        match at_s {
            Some(at_s) if phase != Phase(0) => phases.push(PhaseTime { at_s, phase }),
            _ => is_sound = false,
        }
    }
    if !is_sound {
        return phases;
    }
    if phases.len() > PHASES_MAX {
        section.fault(format_args!("{} phases: at most {PHASES_MAX}", phases.len()));
    }
    if phases.windows(2).any(|two| two[0].at_s >= two[1].at_s) {
        section.fault("phases are written in the order of their times, each once");
    }
    let last = phases.len().saturating_sub(1);
    let closes =
        |(index, entry): (usize, &PhaseTime)| (entry.phase == Phase::CLOSED) == (index == last);
    if phases.len() < 2 || !phases.iter().enumerate().all(closes) {
        section.fault("a day has phases, the last of them \"closed\" and no other");
    }
    phases
}

/// Seconds after midnight of `HH:MM:SS`.
fn time_of_day(text: &str) -> Option<u32> {
    let [hours, minutes, seconds] = numbers(text, ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// `YYYY-MM-DD` as yyyymmdd.
fn date(text: &str) -> Option<u32> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (year >= 1900 && (1..=days).contains(&day)).then_some(year * 10_000 + month * 100 + day)
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_are_read_and_others_refused() {
        assert_eq!(time_of_day("00:00:00"), Some(0));
        assert_eq!(time_of_day("09:30:00"), Some(34_200));
        assert_eq!(time_of_day("23:59:59"), Some(86_399));
        for wrong in ["", "9:30:00", "09:30", "24:00:00", "09:60:00", "09:30:60", "09:30:00:00"] {
            assert_eq!(time_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(date("2026-12-25"), Some(20_261_225));
        assert_eq!(date("2024-02-29"), Some(20_240_229));
        assert_eq!(date("2000-02-29"), Some(20_000_229));
        for wrong in
            ["", "2026-02-29", "2100-02-29", "2026-13-01", "2026-04-31", "1899-01-01", "26-1-1"]
        {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }
}
