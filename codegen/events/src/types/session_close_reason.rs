//! The enumeration `SessionCloseReason`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// Why a session ended.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionCloseReason(pub u8);

impl SessionCloseReason {
    /// The client logged out.
    pub const LOGOUT: Self = Self(1);
    /// The connection was lost.
    pub const DISCONNECT: Self = Self(2);
    /// The exchange ended it.
    pub const ADMINISTRATIVE: Self = Self(3);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::LOGOUT, Self::DISCONNECT, Self::ADMINISTRATIVE];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::LOGOUT => Some("logout"),
            Self::DISCONNECT => Some("disconnect"),
            Self::ADMINISTRATIVE => Some("administrative"),
            _ => None,
        }
    }
}

impl fmt::Display for SessionCloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SessionCloseReason({})", self.0),
        }
    }
}
