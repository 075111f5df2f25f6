//! The enumeration `OrderType`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// The type of an order (FIX 40).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderType(pub u8);

impl OrderType {
    /// Refused: not supported.
    pub const MARKET: Self = Self(1);
    /// Trades at its price or better.
    pub const LIMIT: Self = Self(2);
    /// Refused: not supported.
    pub const STOP: Self = Self(3);
    /// Refused: not supported.
    pub const STOP_LIMIT: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::MARKET, Self::LIMIT, Self::STOP, Self::STOP_LIMIT];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::MARKET => Some("market"),
            Self::LIMIT => Some("limit"),
            Self::STOP => Some("stop"),
            Self::STOP_LIMIT => Some("stopLimit"),
            _ => None,
        }
    }
}

impl fmt::Display for OrderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "OrderType({})", self.0),
        }
    }
}
