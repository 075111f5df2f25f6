//! The enumeration `Phase`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What an instrument's trading allows.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phase(pub u8);

impl Phase {
    /// Cancels and reducing replaces only.
    pub const PRE_OPEN: Self = Self(1);
    /// Everything.
    pub const OPEN: Self = Self(2);
    /// Cancels and reducing replaces only.
    pub const HALTED: Self = Self(3);
    /// Nothing but administration.
    pub const CLOSED: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::PRE_OPEN, Self::OPEN, Self::HALTED, Self::CLOSED];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::PRE_OPEN => Some("preOpen"),
            Self::OPEN => Some("open"),
            Self::HALTED => Some("halted"),
            Self::CLOSED => Some("closed"),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Phase({})", self.0),
        }
    }
}
