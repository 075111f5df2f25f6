//! Times as people write them: `2026-11-22T09:30:00.5`, always UTC, or nanoseconds since 1970.

use crate::demo::calendar_date;
use crate::types::Nanos;
use std::fmt;

const SECOND_NS: u64 = 1_000_000_000;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// What a time looks like, for messages.
pub(super) const FORM: &str = "a time is YYYY-MM-DDTHH:MM:SS[.FRACTION], UTC, or nanoseconds since \
                               1970 followed by ns";

/// A time that prints as `2026-11-22T09:30:00.500000000Z`.
pub(super) struct Utc(pub(super) Nanos);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = calendar_date(self.0);
        let (seconds, rest) = (self.0.0 % DAY_NS / SECOND_NS, self.0.0 % SECOND_NS);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{rest:09}Z",
            date / 10_000,
            date / 100 % 100,
            date % 100,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// Reads a time; `None` where it is none, or one before 1970 or after 2554.
pub(super) fn parse(text: &str) -> Option<Nanos> {
    if let Some(number) = text.strip_suffix("ns") {
        return number.parse().ok().map(Nanos);
    }
    let (date, time) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, fraction) = time.split_once('.').map_or((time, None), |(c, f)| (c, Some(f)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction_ns = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) && is_digits(digits) => {
            digits.parse::<u64>().ok()? * 10_u64.pow(9 - digits.len() as u32)
        }
        Some(_) => return None,
    };
    let seconds = hour * 3_600 + minute * 60 + second;
    let day_ns = days_since_1970(year, month, day)?.checked_mul(DAY_NS)?;
    let time = Nanos(day_ns.checked_add(seconds * SECOND_NS + fraction_ns)?);
    // The 31st of April is the 1st of May, and so no date.
    let date = u64::from(calendar_date(time));
    (date == year * 10_000 + month * 100 + day).then_some(time)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Three numbers of so many digits each.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Source: H. Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_printed() {
        for (text, ns, printed) in [
            ("1970-01-01T00:00:00", 0, "1970-01-01T00:00:00.000000000Z"),
            ("2000-02-29T23:59:59.5", 951_868_799_500_000_000, "2000-02-29T23:59:59.500000000Z"),
            ("2026-11-22T00:00:01Z", 1_795_305_601_000_000_000, "2026-11-22T00:00:01.000000000Z"),
            ("1795305600000000007ns", 1_795_305_600_000_000_007, "2026-11-22T00:00:00.000000007Z"),
        ] {
            assert_eq!(parse(text), Some(Nanos(ns)), "{text}");
            assert_eq!(Utc(Nanos(ns)).to_string(), printed);
            assert_eq!(parse(printed), Some(Nanos(ns)), "{printed}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "12",
            "ns",
            "-1ns",
            "2026-11-22",
            "2026-11-22T24:00:00",
            "2026-13-01T00:00:00",
            "2026-02-29T00:00:00",
            "2026-11-22T00:00:00.",
            "2026-11-22T00:00:00.1234567890",
            "1969-12-31T00:00:00",
            "9999-01-01T00:00:00",
            "2026-1-22T00:00:00",
            "2026-11-22T00:00:00.+1",
            "2026-11-22-01T00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
