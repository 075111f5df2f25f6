//! From one number to another, both included: `7`, `7..12`, `7..`, `..12`.

use crate::cli::utc;

/// A range of positions, sequences or times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first that is meant.
    pub(super) first: u64,
    /// The last that is meant.
    pub(super) last: u64,
}

impl Span {
    /// Whether a number is in it.
    pub(super) fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

/// A span of plain numbers.
pub(super) fn of_numbers(text: &str) -> Result<Span, String> {
    let form = "a number, FROM..TO, FROM.. or ..TO, both included";
    span(text, |text| text.parse().ok()).ok_or_else(|| form.to_owned())
}

/// A span of times.
pub(super) fn of_times(text: &str) -> Result<Span, String> {
    let read = |text: &str| utc::parse(text).map(|time| time.0);
    span(text, read).ok_or_else(|| format!("FROM..TO, FROM.. or ..TO, where {}", utc::FORM))
}

fn span(text: &str, read: impl Fn(&str) -> Option<u64>) -> Option<Span> {
    let Some((first, last)) = text.split_once("..") else {
        let number = read(text)?;
        return Some(Span { first: number, last: number });
    };
    let bound = |text: &str, open| if text.is_empty() { Some(open) } else { read(text) };
    let span = Span { first: bound(first, 0)?, last: bound(last, u64::MAX)? };
    (span.first <= span.last).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let span = |first, last| Ok(Span { first, last });
        assert_eq!(of_numbers("7"), span(7, 7));
        assert_eq!(of_numbers("7..12"), span(7, 12));
        assert_eq!(of_numbers("7.."), span(7, u64::MAX));
        assert_eq!(of_numbers("..12"), span(0, 12));
        assert_eq!(of_numbers(".."), span(0, u64::MAX));
        assert_eq!(of_times("5ns..1970-01-01T00:00:01"), span(5, 1_000_000_000));
        for text in ["", "x", "12..7", "1..2..3", "-1", "1...2"] {
            assert!(of_numbers(text).is_err(), "{text}");
        }
        assert!(of_times("5..7").is_err());
    }
}
