//! The set `EventFlags`.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Where a message stands in its event.
///
/// Other bits than the named ones are valid: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventFlags(pub u8);

impl EventFlags {
    /// The first message of the event on this channel.
    pub const START_OF_EVENT: Self = Self(1 << 0);
    /// The last message of the event on this channel: the books are consistent.
    pub const END_OF_EVENT: Self = Self(1 << 1);
    /// Part of a snapshot.
    pub const RECOVERY: Self = Self(1 << 2);
    /// Forget the instrument's book first.
    pub const CLEAR_BOOK: Self = Self(1 << 3);

    const NAMES: [(Self, &'static str); 4] = [
        (Self::START_OF_EVENT, "startOfEvent"),
        (Self::END_OF_EVENT, "endOfEvent"),
        (Self::RECOVERY, "recovery"),
        (Self::CLEAR_BOOK, "clearBook"),
    ];

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for EventFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for EventFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for EventFlags {
    /// The names with `|` between them, bits without a name as one number, `0` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "";
        for (choice, name) in Self::NAMES {
            if self.contains(choice) {
                write!(f, "{separator}{name}")?;
                separator = "|";
                rest &= !choice.0;
            }
        }
        if rest != 0 || separator.is_empty() {
            write!(f, "{separator}{rest}")?;
        }
        Ok(())
    }
}
