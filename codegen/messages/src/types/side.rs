//! The enumeration `Side`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

/// The side of an order (FIX 54).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Side(pub u8);

impl Side {
    /// Bids for shares.
    pub const BUY: Self = Self(1);
    /// Offers shares.
    pub const SELL: Self = Self(2);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::BUY, Self::SELL];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::BUY => Some("buy"),
            Self::SELL => Some("sell"),
            _ => None,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Side({})", self.0),
        }
    }
}
