//! Why a command was refused: the rule, and the numbers that it compared.

use isochron_events::RejectReason;

/// A rule that refused: which, and the limit and value that it compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub reason: RejectReason,
    /// What the rule allows; `schemas/events.xml` says in which unit.
    pub limit: i64,
    /// What it was given.
    pub value: i64,
}

impl Refusal {
    /// A refusal; numbers beyond `i64` are shown as its largest.
    #[must_use]
    pub fn new(reason: RejectReason, limit: impl TryInto<i64>, value: impl TryInto<i64>) -> Self {
        let saturated = |number: Option<i64>| number.unwrap_or(i64::MAX);
        Self {
            reason,
            limit: saturated(limit.try_into().ok()),
            value: saturated(value.try_into().ok()),
        }
    }
}
