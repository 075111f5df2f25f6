//! The set `NodeFlags`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What is to be known of a node.
///
/// Other bits than the named ones are valid: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeFlags(pub u8);

impl NodeFlags {
    /// It may have lost what it once acknowledged, and has not caught up.
    pub const LOSSY: Self = Self(1 << 0);
    /// It executed a command to another outcome than the log's, or has another state than
    /// those who count.
    pub const DIVERGED: Self = Self(1 << 1);
    /// It is the writer of its epoch.
    pub const PRIMARY: Self = Self(1 << 2);
    /// Its configuration differs from the primary's.
    pub const DIFFERS: Self = Self(1 << 3);

    const NAMES: [(Self, &'static str); 4] = [
        (Self::LOSSY, "lossy"),
        (Self::DIVERGED, "diverged"),
        (Self::PRIMARY, "primary"),
        (Self::DIFFERS, "differs"),
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

impl BitOr for NodeFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for NodeFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for NodeFlags {
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
