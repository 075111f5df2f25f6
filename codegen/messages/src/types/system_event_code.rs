//! The enumeration `SystemEventCode`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What the whole feed has come to.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemEventCode(pub u8);

impl SystemEventCode {
    /// The first message of the session.
    pub const START_OF_MESSAGES: Self = Self(1);
    /// A trading day begins.
    pub const START_OF_DAY: Self = Self(2);
    /// A trading day is settled.
    pub const END_OF_DAY: Self = Self(3);
    /// The last message of the session.
    pub const END_OF_MESSAGES: Self = Self(4);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] =
        &[Self::START_OF_MESSAGES, Self::START_OF_DAY, Self::END_OF_DAY, Self::END_OF_MESSAGES];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::START_OF_MESSAGES => Some("startOfMessages"),
            Self::START_OF_DAY => Some("startOfDay"),
            Self::END_OF_DAY => Some("endOfDay"),
            Self::END_OF_MESSAGES => Some("endOfMessages"),
            _ => None,
        }
    }
}

impl fmt::Display for SystemEventCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SystemEventCode({})", self.0),
        }
    }
}
