//! The enumeration `Liquidity`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// Which part an execution took (FIX 851).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Liquidity(pub u8);

impl Liquidity {
    /// Rested.
    pub const MAKER: Self = Self(1);
    /// Arrived.
    pub const TAKER: Self = Self(2);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::MAKER, Self::TAKER];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::MAKER => Some("maker"),
            Self::TAKER => Some("taker"),
            _ => None,
        }
    }
}

impl fmt::Display for Liquidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Liquidity({})", self.0),
        }
    }
}
