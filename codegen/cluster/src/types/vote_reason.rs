//! The enumeration `VoteReason`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

/// A vote, or why there is none.
///
/// Other codes than the named ones are valid bytes: they are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoteReason(pub u8);

impl VoteReason {
    /// The promise is durable.
    pub const GRANTED: Self = Self(1);
    /// The epoch is not above the one that the node has promised.
    pub const EPOCH_KNOWN: Self = Self(2);
    /// The node's log is ahead of the candidate's.
    pub const AHEAD: Self = Self(3);
    /// The logs end at one position and are not equal.
    pub const CHAIN_DIFFERS: Self = Self(4);
    /// The node is lossy.
    pub const LOSSY: Self = Self(5);
    /// The node diverged.
    pub const DIVERGED: Self = Self(6);
    /// The node could not make its promise durable.
    pub const DISK: Self = Self(7);

    /// Every named value, in the schema's order.
    pub const ALL: &'static [Self] = &[
        Self::GRANTED,
        Self::EPOCH_KNOWN,
        Self::AHEAD,
        Self::CHAIN_DIFFERS,
        Self::LOSSY,
        Self::DIVERGED,
        Self::DISK,
    ];

    /// The schema's name of the value; `None` for a code without one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::GRANTED => Some("granted"),
            Self::EPOCH_KNOWN => Some("epochKnown"),
            Self::AHEAD => Some("ahead"),
            Self::CHAIN_DIFFERS => Some("chainDiffers"),
            Self::LOSSY => Some("lossy"),
            Self::DIVERGED => Some("diverged"),
            Self::DISK => Some("disk"),
            _ => None,
        }
    }
}

impl fmt::Display for VoteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "VoteReason({})", self.0),
        }
    }
}
