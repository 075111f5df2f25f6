//! The enumeration `OrderStatus`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// Where an order stands (FIX 39).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderStatus(pub u8);

impl OrderStatus {
    /// Rests, nothing executed.
    pub const NEW: Self = Self(0);
    /// Rests, something executed.
    pub const PARTIALLY_FILLED: Self = Self(1);
    /// Finished: executed whole.
    pub const FILLED: Self = Self(2);
    /// Finished: canceled.
    pub const CANCELED: Self = Self(4);
    /// Refused, or not known.
    pub const REJECTED: Self = Self(8);
    /// Finished: the day ended.
    pub const EXPIRED: Self = Self(12);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::NEW,
        Self::PARTIALLY_FILLED,
        Self::FILLED,
        Self::CANCELED,
        Self::REJECTED,
        Self::EXPIRED,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NEW => Some("new"),
            Self::PARTIALLY_FILLED => Some("partiallyFilled"),
            Self::FILLED => Some("filled"),
            Self::CANCELED => Some("canceled"),
            Self::REJECTED => Some("rejected"),
            Self::EXPIRED => Some("expired"),
            _ => None,
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "OrderStatus({})", self.0),
        }
    }
}
