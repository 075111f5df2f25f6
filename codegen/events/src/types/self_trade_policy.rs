//! The enumeration `SelfTradePolicy`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What happens when an order meets one of its own account or group.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SelfTradePolicy(pub u8);

impl SelfTradePolicy {
    /// They trade.
    pub const ALLOW: Self = Self(1);
    /// The rest of the incoming order is canceled.
    pub const CANCEL_NEWEST: Self = Self(2);
    /// The resting order is canceled.
    pub const CANCEL_OLDEST: Self = Self(3);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::ALLOW, Self::CANCEL_NEWEST, Self::CANCEL_OLDEST];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::ALLOW => Some("allow"),
            Self::CANCEL_NEWEST => Some("cancelNewest"),
            Self::CANCEL_OLDEST => Some("cancelOldest"),
            _ => None,
        }
    }
}

impl fmt::Display for SelfTradePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SelfTradePolicy({})", self.0),
        }
    }
}
