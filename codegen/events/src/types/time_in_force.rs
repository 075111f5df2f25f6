//! The enumeration `TimeInForce`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// How long an order lives (FIX 59).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeInForce(pub u8);

impl TimeInForce {
    /// Until the close.
    pub const DAY: Self = Self(0);
    /// Refused: not supported.
    pub const GOOD_TILL_CANCEL: Self = Self(1);
    /// Trades what it can, the rest is canceled.
    pub const IMMEDIATE_OR_CANCEL: Self = Self(3);
    /// Trades all of it at once, or none.
    pub const FILL_OR_KILL: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::DAY, Self::GOOD_TILL_CANCEL, Self::IMMEDIATE_OR_CANCEL, Self::FILL_OR_KILL];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::DAY => Some("day"),
            Self::GOOD_TILL_CANCEL => Some("goodTillCancel"),
            Self::IMMEDIATE_OR_CANCEL => Some("immediateOrCancel"),
            Self::FILL_OR_KILL => Some("fillOrKill"),
            _ => None,
        }
    }
}

impl fmt::Display for TimeInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TimeInForce({})", self.0),
        }
    }
}
