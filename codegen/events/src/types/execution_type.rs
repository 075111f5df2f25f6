//! The enumeration `ExecutionType`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What an execution report reports (FIX 150).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionType(pub u8);

impl ExecutionType {
    /// Accepted.
    pub const NEW: Self = Self(0);
    /// Canceled.
    pub const CANCELED: Self = Self(4);
    /// Replaced.
    pub const REPLACED: Self = Self(5);
    /// Refused.
    pub const REJECTED: Self = Self(8);
    /// Expired.
    pub const EXPIRED: Self = Self(12);
    /// Traded.
    pub const TRADE: Self = Self(15);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::NEW, Self::CANCELED, Self::REPLACED, Self::REJECTED, Self::EXPIRED, Self::TRADE];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NEW => Some("new"),
            Self::CANCELED => Some("canceled"),
            Self::REPLACED => Some("replaced"),
            Self::REJECTED => Some("rejected"),
            Self::EXPIRED => Some("expired"),
            Self::TRADE => Some("trade"),
            _ => None,
        }
    }
}

impl fmt::Display for ExecutionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ExecutionType({})", self.0),
        }
    }
}
