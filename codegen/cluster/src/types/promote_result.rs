//! The enumeration `PromoteResult`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

/// What became of a wish to promote a node.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromoteResult(pub u8);

impl PromoteResult {
    /// The nodes are being asked.
    pub const UNDERWAY: Self = Self(1);
    /// The node is the primary.
    pub const PROMOTED: Self = Self(2);
    /// It was the primary before.
    pub const ALREADY_PRIMARY: Self = Self(3);
    /// The wish names an epoch that is not the node's.
    pub const EPOCH_DIFFERS: Self = Self(4);
    /// Another node is ahead, or at the same position with another chain.
    pub const AHEAD: Self = Self(5);
    /// Too few nodes answered.
    pub const NO_MAJORITY: Self = Self(6);
    /// A node promised this epoch, or a higher one, to another.
    pub const OUTVOTED: Self = Self(7);
    /// The node is lossy.
    pub const LOSSY: Self = Self(8);
    /// The node diverged.
    pub const DIVERGED: Self = Self(9);
    /// The node could not make its promise durable.
    pub const DISK: Self = Self(10);
    /// The node is doing something else that must end first.
    pub const NOT_NOW: Self = Self(11);
    /// The node has no store yet: another one must fill its directory.
    pub const EMPTY: Self = Self(12);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::UNDERWAY,
        Self::PROMOTED,
        Self::ALREADY_PRIMARY,
        Self::EPOCH_DIFFERS,
        Self::AHEAD,
        Self::NO_MAJORITY,
        Self::OUTVOTED,
        Self::LOSSY,
        Self::DIVERGED,
        Self::DISK,
        Self::NOT_NOW,
        Self::EMPTY,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::UNDERWAY => Some("underway"),
            Self::PROMOTED => Some("promoted"),
            Self::ALREADY_PRIMARY => Some("alreadyPrimary"),
            Self::EPOCH_DIFFERS => Some("epochDiffers"),
            Self::AHEAD => Some("ahead"),
            Self::NO_MAJORITY => Some("noMajority"),
            Self::OUTVOTED => Some("outvoted"),
            Self::LOSSY => Some("lossy"),
            Self::DIVERGED => Some("diverged"),
            Self::DISK => Some("disk"),
            Self::NOT_NOW => Some("notNow"),
            Self::EMPTY => Some("empty"),
            _ => None,
        }
    }
}

impl fmt::Display for PromoteResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "PromoteResult({})", self.0),
        }
    }
}
