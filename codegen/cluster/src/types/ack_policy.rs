//! The enumeration `AckPolicy`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

/// How many nodes must have a transaction before it is committed.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckPolicy(pub u8);

impl AckPolicy {
    /// The primary alone.
    pub const NONE: Self = Self(1);
    /// The primary, or any other, and one more.
    pub const ONE: Self = Self(2);
    /// A majority of the configured nodes.
    pub const QUORUM: Self = Self(3);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[Self::NONE, Self::ONE, Self::QUORUM];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::NONE => Some("none"),
            Self::ONE => Some("one"),
            Self::QUORUM => Some("quorum"),
            _ => None,
        }
    }
}

impl fmt::Display for AckPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "AckPolicy({})", self.0),
        }
    }
}
