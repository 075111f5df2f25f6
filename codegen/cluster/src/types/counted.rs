//! The enumeration `Counted`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What it means that a node has a transaction.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted(pub u8);

impl Counted {
    /// It survives the death of the process.
    pub const HELD: Self = Self(1);
    /// It survives the loss of power.
    pub const SYNCED: Self = Self(2);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::HELD, Self::SYNCED];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::HELD => Some("held"),
            Self::SYNCED => Some("synced"),
            _ => None,
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Counted({})", self.0),
        }
    }
}
