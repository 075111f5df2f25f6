//! The enumeration `AccountState`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// How far an account has come (KYC).
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountState(pub u8);

impl AccountState {
    /// Applied for.
    pub const APPLIED: Self = Self(1);
    /// Documents are missing.
    pub const DOCUMENTS_PENDING: Self = Self(2);
    /// May trade.
    pub const VERIFIED: Self = Self(3);
    /// May not trade now.
    pub const SUSPENDED: Self = Self(4);
    /// May not trade again.
    pub const CLOSED: Self = Self(5);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::APPLIED, Self::DOCUMENTS_PENDING, Self::VERIFIED, Self::SUSPENDED, Self::CLOSED];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::APPLIED => Some("applied"),
            Self::DOCUMENTS_PENDING => Some("documentsPending"),
            Self::VERIFIED => Some("verified"),
            Self::SUSPENDED => Some("suspended"),
            Self::CLOSED => Some("closed"),
            _ => None,
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "AccountState({})", self.0),
        }
    }
}
