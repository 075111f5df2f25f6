//! The enumeration `YesNo`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

/// Yes or no.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YesNo(pub u8);

impl YesNo {
    /// No.
    pub const NO: Self = Self(0);
    /// Yes.
    pub const YES: Self = Self(1);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::NO, Self::YES];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NO => Some("no"),
            Self::YES => Some("yes"),
            _ => None,
        }
    }
}

impl fmt::Display for YesNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "YesNo({})", self.0),
        }
    }
}
