//! The enumeration `Scope`.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What a kill switch, a limit or a mass cancel is about.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub u8);

impl Scope {
    /// One account.
    pub const ACCOUNT: Self = Self(1);
    /// One user.
    pub const USER: Self = Self(2);
    /// One session.
    pub const SESSION: Self = Self(3);
    /// One member.
    pub const MEMBER: Self = Self(4);
    /// One instrument.
    pub const INSTRUMENT: Self = Self(5);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::ACCOUNT, Self::USER, Self::SESSION, Self::MEMBER, Self::INSTRUMENT];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::ACCOUNT => Some("account"),
            Self::USER => Some("user"),
            Self::SESSION => Some("session"),
            Self::MEMBER => Some("member"),
            Self::INSTRUMENT => Some("instrument"),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Scope({})", self.0),
        }
    }
}
