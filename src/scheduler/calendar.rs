//! The calendar: which dates are trading days, and at which instants their steps are due.
//!
//! Wall times are those of the exchange's time zone, daylight saving included. The zones come with
//! the program and not from the machine, so that all nodes agree. A step is due at the first
//! instant at which a clock on the wall shows its time or a later one: a time that the clock is set
//! forward over comes when it is set, one that comes twice counts the first time. So the order of
//! wall times is the order of instants, on every date.

#[cfg(test)]
mod tests;

use crate::types::Nanos;
use isochron_events::Phase;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Dates that the next trading day is looked for on: more than a year of holidays is none.
const SEARCH_DAYS_MAX: usize = 400;

/// The last date of the calendar: wall seconds fit 32 bits.
const LAST_DATE: Date = Date::constant(2105, 12, 31);

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

const PHASES: [(&str, Phase); 4] = [
    ("pre-open", Phase::PRE_OPEN),
    ("open", Phase::OPEN),
    ("halted", Phase::HALTED),
    ("closed", Phase::CLOSED),
];

/// A calendar as it is written down. Dates are `YYYY-MM-DD`, times `HH:MM` or `HH:MM:SS` on the
/// wall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarOptions {
    /// By its name in the IANA database, such as `America/New_York`, or `UTC`.
    pub time_zone: String,
    /// `mon` to `sun`.
    pub trading_days: Vec<String>,
    /// Dates without trading.
    pub holidays: Vec<String>,
    /// Dates on which it ends early.
    pub early_closes: Vec<EarlyClose>,
    /// When the trading date begins.
    pub day_start: String,
    /// The phases of the market, in order; the last one is `closed`.
    pub phases: Vec<PhaseAt>,
    /// When orders expire and the day is settled; an early close brings it forward as much.
    pub day_end: String,
}

/// A phase that begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseAt {
    /// When.
    pub at: String,
    /// `pre-open`, `open`, `halted` or `closed`.
    pub phase: String,
}

/// A day that ends early.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlyClose {
    /// Which one.
    pub date: String,
    /// When the market closes.
    pub at: String,
}

/// Why a calendar cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarError {
    /// No such time zone.
    TimeZone(String),
    /// No such day of the week.
    TradingDay(String),
    /// Not one day of the week has trading.
    NoTradingDay,
    /// What is no date.
    Date {
        /// Where it stands.
        key: &'static str,
        /// What stands there.
        text: String,
    },
    /// What is no time.
    Time {
        /// Where it stands.
        key: &'static str,
        /// What stands there.
        text: String,
    },
    /// No such phase.
    Phase(String),
    /// The steps of a day are not one after the other.
    Order {
        /// The step.
        step: String,
        /// When it is.
        at: String,
        /// The step before.
        before: String,
        /// When that is.
        before_at: String,
    },
    /// A phase that is there already.
    Repeated {
        /// The phase.
        phase: String,
        /// When it is to begin again.
        at: String,
    },
    /// The market does not close: no day could end.
    NotClosed,
    /// An early close on a date without trading, or twice on one.
    EarlyCloseDate(String),
    /// An early close that is not within the hours of the market.
    EarlyCloseTime {
        /// Which one.
        date: String,
        /// When.
        at: String,
        /// The first phase begins then.
        from: String,
        /// The market closes anyway then.
        to: String,
    },
}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeZone(name) => {
                write!(f, "time_zone: no zone {name:?} in the IANA database, e.g. Europe/Berlin")
            }
            Self::TradingDay(text) => {
                write!(f, "trading_days: {text:?} is none of mon, tue, wed, thu, fri, sat, sun")
            }
            Self::NoTradingDay => write!(f, "trading_days: not one day of the week"),
            Self::Date { key, text } => {
                write!(f, "{key}: {text:?} is no date from 1970 to 2105, YYYY-MM-DD")
            }
            Self::Time { key, text } => write!(f, "{key}: {text:?} is no time, HH:MM or HH:MM:SS"),
            Self::Phase(text) => {
                write!(f, "phases: {text:?} is none of pre-open, open, halted, closed")
            }
            Self::Order { step, at, before, before_at } => {
                write!(f, "{step} at {at} does not come after {before} at {before_at}")
            }
            Self::Repeated { phase, at } => {
                write!(f, "phases: {phase} at {at}, although the market is {phase} by then")
            }
            Self::NotClosed => {
                write!(f, "phases: the last one is not closed, so no day could end")
            }
            Self::EarlyCloseDate(date) => {
                write!(f, "early_closes: {date} is no trading day, or is there twice")
            }
            Self::EarlyCloseTime { date, at, from, to } => write!(
                f,
                "early_closes: {at} on {date} is not after {from} and before {to}, when the market \
                 opens its first phase and closes"
            ),
        }
    }
}

impl std::error::Error for CalendarError {}

/// What a step of a day does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The trading date begins.
    StartDay,
    /// The market goes to a phase.
    SetPhase(Phase),
    /// Orders expire, the day is settled.
    EndDay,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartDay => f.write_str("day_start"),
            Self::SetPhase(phase) => f.write_str(phase_name(*phase)),
            Self::EndDay => f.write_str("day_end"),
        }
    }
}

/// A step of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The date and the time on the wall, in seconds since 1970-01-01 00:00 on that wall. Unique
    /// and ascending over all dates.
    pub wall: u32,
    /// The instant at which it is due.
    pub at: Nanos,
    /// What is due.
    pub action: Action,
}

impl Step {
    /// The time on the wall, `HH:MM:SS`.
    #[must_use]
    pub fn wall_time(&self) -> String {
        let second = self.wall % 86_400;
        format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
    }
}

/// What the calendar has for one date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// yyyymmdd.
    pub date: u32,
    /// Its start, its phases, its end.
    pub steps: Vec<Step>,
}

impl Day {
    /// When it starts.
    #[must_use]
    pub fn start(&self) -> Step {
        *self.steps.first().expect("a day has a start")
    }

    /// When it ends.
    #[must_use]
    pub fn end(&self) -> Step {
        *self.steps.last().expect("a day has an end")
    }
}

/// The trading days of an exchange.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    trading_days: Vec<Weekday>,
    holidays: BTreeSet<Date>,
    early_closes: BTreeMap<Date, Time>,
    /// Start, phases, end, on an ordinary day.
    steps: Vec<(Time, Action)>,
}

impl Calendar {
    /// The calendar that is written down so.
    ///
    /// # Errors
    ///
    /// The first thing in it that makes no sense, with its values.
    pub fn new(options: &CalendarOptions) -> Result<Self, CalendarError> {
        let zone = TimeZoneDatabase::bundled().get(&options.time_zone);
        let zone = zone.map_err(|_| CalendarError::TimeZone(options.time_zone.clone()))?;
        let weekday = |text: &String| {
            let found = WEEKDAYS.iter().find(|(name, _)| name == text);
            found.map(|(_, day)| *day).ok_or_else(|| CalendarError::TradingDay(text.clone()))
        };
        let trading_days: Vec<_> =
            options.trading_days.iter().map(weekday).collect::<Result<_, _>>()?;
        if trading_days.is_empty() {
            return Err(CalendarError::NoTradingDay);
        }
        let holidays = options.holidays.iter().map(|text| date("holidays", text));
        let holidays = holidays.collect::<Result<_, _>>()?;
        let early_closes = BTreeMap::new();
        let steps = ordinary_steps(options)?;
        let mut calendar = Self { zone, trading_days, holidays, early_closes, steps };
        for early in &options.early_closes {
            calendar.close_early(early)?;
        }
        Ok(calendar)
    }

    fn close_early(&mut self, early: &EarlyClose) -> Result<(), CalendarError> {
        let date = date("early_closes", &early.date)?;
        let at = time("early_closes", &early.at)?;
        if !self.is_trading_day(date) || self.early_closes.contains_key(&date) {
            return Err(CalendarError::EarlyCloseDate(early.date.clone()));
        }
        let (from, to) = (self.steps[1].0, self.close());
        if at <= from || at >= to {
            let (date, at) = (early.date.clone(), early.at.clone());
            let (from, to) = (from.to_string(), to.to_string());
            return Err(CalendarError::EarlyCloseTime { date, at, from, to });
        }
        self.early_closes.insert(date, at);
        Ok(())
    }

    /// When the market closes on an ordinary day: the step before the last.
    fn close(&self) -> Time {
        self.steps[self.steps.len() - 2].0
    }

    fn is_trading_day(&self, date: Date) -> bool {
        date <= LAST_DATE
            && self.trading_days.contains(&date.weekday())
            && !self.holidays.contains(&date)
    }

    /// Whether there is trading on a date, yyyymmdd.
    #[must_use]
    pub fn has_trading(&self, trading_date: u32) -> bool {
        date_of(trading_date).is_some_and(|date| self.is_trading_day(date))
    }

    /// What is due on a date, whether or not it is a trading day; `None` for what is no date.
    #[must_use]
    pub fn day(&self, trading_date: u32) -> Option<Day> {
        date_of(trading_date).map(|date| self.day_of(date))
    }

    fn day_of(&self, date: Date) -> Day {
        let early = self.early_closes.get(&date).copied();
        let earlier =
            early.map_or(SignedDuration::ZERO, |early| self.close().duration_since(early));
        let step = |&(time, action): &(Time, Action)| {
            let time = match (early, action) {
                (Some(early), Action::SetPhase(Phase::CLOSED)) if time == self.close() => early,
                (Some(early), Action::SetPhase(_)) if time >= early => return None,
                (Some(_), Action::EndDay) => time.saturating_sub(earlier),
                _ => time,
            };
            Some(Step { wall: wall_second(date, time), at: self.instant(date, time), action })
        };
        Day { date: number_of(date), steps: self.steps.iter().filter_map(step).collect() }
    }

    /// The first trading day after a date (yyyymmdd; 0 is none) that is not over at `now`.
    #[must_use]
    pub fn next_day(&self, after: u32, now: Nanos) -> Option<Day> {
        let today = self.zone.to_datetime(timestamp(now)?).date();
        let first = match date_of(after) {
            Some(after) => after.tomorrow().ok()?.max(today),
            None => today,
        };
        self.first_from(first, |day| day.end().at > now)
    }

    /// The first trading day after a date, yyyymmdd.
    #[must_use]
    pub fn day_after(&self, after: u32) -> Option<Day> {
        self.first_from(date_of(after)?.tomorrow().ok()?, |_| true)
    }

    fn first_from(&self, first: Date, fits: impl Fn(&Day) -> bool) -> Option<Day> {
        let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        let trading = dates.take(SEARCH_DAYS_MAX).filter(|date| self.is_trading_day(*date));
        trading.map(|date| self.day_of(date)).find(fits)
    }

    /// The first instant of the date at which a clock on the wall shows `time` or later.
    fn instant(&self, date: Date, time: Time) -> Nanos {
        let wall = date.to_datetime(time);
        let instant = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall),
            // By the clock that was not set forward yet, it is at the change or soon after.
            AmbiguousOffset::Gap { before, .. } => before.to_timestamp(wall).map(|after| {
                let just_after = after.saturating_add(SignedDuration::from_nanos(1));
                let just_after = just_after.unwrap_or(after);
                self.zone.preceding(just_after).next().map_or(after, |change| change.timestamp())
            }),
        };
        let since_1970 = instant.map_or(i128::MAX, Timestamp::as_nanosecond);
        Nanos(u64::try_from(since_1970.max(0)).unwrap_or(u64::MAX))
    }
}

/// The steps of an ordinary day, in order.
fn ordinary_steps(options: &CalendarOptions) -> Result<Vec<(Time, Action)>, CalendarError> {
    let mut steps = vec![(time("day_start", &options.day_start)?, Action::StartDay)];
    for PhaseAt { at, phase } in &options.phases {
        let known = PHASES.iter().find(|(name, _)| name == phase);
        let (_, known) = known.ok_or_else(|| CalendarError::Phase(phase.clone()))?;
        let action = Action::SetPhase(*known);
        if steps.last().is_some_and(|(_, before)| *before == action) {
            return Err(CalendarError::Repeated { phase: phase.clone(), at: at.clone() });
        }
        steps.push((time("phases", at)?, action));
    }
    if steps.last().is_none_or(|(_, action)| *action != Action::SetPhase(Phase::CLOSED)) {
        return Err(CalendarError::NotClosed);
    }
    steps.push((time("day_end", &options.day_end)?, Action::EndDay));
    let disorder = steps.windows(2).find(|pair| pair[1].0 <= pair[0].0);
    match disorder {
        None => Ok(steps),
        Some(pair) => Err(CalendarError::Order {
            step: pair[1].1.to_string(),
            at: pair[1].0.to_string(),
            before: pair[0].1.to_string(),
            before_at: pair[0].0.to_string(),
        }),
    }
}

fn phase_name(phase: Phase) -> &'static str {
    PHASES.iter().find(|(_, known)| *known == phase).map_or("unknown", |(name, _)| name)
}

/// The number, yyyymmdd, of a date written YYYY-MM-DD.
///
/// # Errors
///
/// It is no date that a calendar can have.
pub fn parse_date(text: &str) -> Result<u32, CalendarError> {
    date("date", text).map(number_of)
}

fn date(key: &'static str, text: &str) -> Result<Date, CalendarError> {
    let parsed = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-22".len());
    let parsed = parsed.filter(|date| (1970..=LAST_DATE.year()).contains(&date.year()));
    parsed.ok_or_else(|| CalendarError::Date { key, text: text.to_owned() })
}

fn time(key: &'static str, text: &str) -> Result<Time, CalendarError> {
    let shaped = matches!(text.len(), 5 | 8) && text.as_bytes()[2] == b':';
    let parsed = text.parse::<Time>().ok().filter(|_| shaped);
    parsed.ok_or_else(|| CalendarError::Time { key, text: text.to_owned() })
}

/// The date of a number, yyyymmdd.
fn date_of(number: u32) -> Option<Date> {
    let year = i16::try_from(number / 10_000).ok()?;
    let (month, day) = (number / 100 % 100, number % 100);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn number_of(date: Date) -> u32 {
    let year = u32::from(date.year().unsigned_abs());
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    year * 10_000 + u32::from(month) * 100 + u32::from(day)
}

/// Seconds since 1970-01-01 00:00 on the wall, as far as 32 bits go.
fn wall_second(date: Date, time: Time) -> u32 {
    let since = date.to_datetime(time).duration_since(Date::constant(1970, 1, 1).at(0, 0, 0, 0));
    u32::try_from(since.as_secs().max(0)).unwrap_or(u32::MAX)
}

fn timestamp(now: Nanos) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(now.0)).ok()
}
