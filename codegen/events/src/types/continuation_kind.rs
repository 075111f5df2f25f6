//! The enumeration `ContinuationKind`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What work goes on.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContinuationKind(pub u8);

impl ContinuationKind {
    /// An order that trades with more makers than one step may take.
    pub const SWEEP: Self = Self(1);
    /// The expiry of day orders.
    pub const EXPIRY: Self = Self(2);
    /// The settlement of a day.
    pub const SETTLEMENT: Self = Self(3);
    /// A mass cancel.
    pub const MASS_CANCEL: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::SWEEP, Self::EXPIRY, Self::SETTLEMENT, Self::MASS_CANCEL];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::SWEEP => Some("sweep"),
            Self::EXPIRY => Some("expiry"),
            Self::SETTLEMENT => Some("settlement"),
            Self::MASS_CANCEL => Some("massCancel"),
            _ => None,
        }
    }
}

impl fmt::Display for ContinuationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ContinuationKind({})", self.0),
        }
    }
}
