//! What a standby's store answers: what it took, and why it did not, each with the values.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::limits::REPLICA_RUNS_MAX;
use crate::store::chain::Chain;
use crate::store::error::NotAccepted;
use crate::store::frame::FrameFault;
use crate::store::marks::EpochStart;
use crate::types::{Epoch, Position};

/// What became of frames that were given to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Bytes of the frames that are new, as they take them in the log.
    pub new_bytes: u64,
    /// Bytes of those that were there before.
    pub repeated_bytes: u64,
    /// Bytes of the given ones that were used up: all of a datagram's; of a piece of a log all but
    /// the frame that its end cuts.
    pub used_bytes: usize,
}

/// Why frames were not taken; nothing of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum Refused {
    /// No epoch is followed: nothing is known of whose frames to take.
    NoEpoch,
    /// A newer epoch than the followed one is known or promised.
    Deposed { followed: Epoch, known: Epoch },
    /// They are before the followed epoch's base.
    BelowBase { position: Position, base: Position },
    /// They do not lie within the window.
    Window { position: Position, from: Position, to: Position },
    /// They are not the followed log's frames at this place.
    Fault { position: Position, fault: FrameFault },
    /// The chain at an epoch's base is not the one that the epoch began with.
    Chain { base: Position, expected: Chain, found: Chain },
    /// Some of them lie over others that are there and begin elsewhere.
    Overlap { position: Position },
    /// There are as many holes as are kept account of.
    Holes,
    /// The segment is not prepared yet.
    SegmentNotReady { base: Position },
    /// The disk gave no space for the segment, with the system's error number.
    Disk { base: Position, error: i32 },
}

/// Why an epoch is not followed; nothing was changed.
#[derive(Debug)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum FollowRefused {
    /// A newer one is known or promised.
    Older { asked: Epoch, known: Epoch },
    /// The same epoch is known to have begun otherwise: it has two writers.
    Twice { known: EpochStart, asked: EpochStart },
    /// It began beyond what is held: its log has to be caught up with first.
    Behind { base: Position, held: Position },
    /// It began below what is committed here, so that it lacks what was confirmed.
    BelowCommitted { base: Position, committed: Position },
    /// It began below what this store still keeps.
    NotKept { base: Position, kept_from: Position },
    /// The log here is another one at its base, or no transaction ends there (no chain).
    OtherLog { base: Position, expected: Chain, found: Option<Chain> },
    /// The log here is another one in what is committed here, of the same epochs.
    CommittedDiffers { committed: Position, differs: ChainDiffers },
    /// A table of epochs that does not rise, or has none.
    Table { reason: String },
    /// The system refused an operation.
    Io { doing: &'static str, path: PathBuf, error: io::Error },
}

/// What was held and is no part of the log any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// Where the log ends now.
    pub from: Position,
    /// The end of what was there.
    pub to: Position,
    /// Whole transactions among it.
    pub transactions: u64,
    /// The committed position before; beyond `from` only where that was asked for.
    pub committed: Position,
    /// Where the bytes are.
    pub archive: PathBuf,
}

/// The log is not the one whose commit was told, or that is caught up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainDiffers {
    /// The position that was told.
    pub position: Position,
    /// The chain that was told.
    pub expected: Chain,
    /// The chain here; `None` where no transaction ends there.
    pub found: Option<Chain>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEpoch => f.write_str("no epoch is followed"),
            Self::Deposed { followed, known } => {
                write!(f, "epoch {followed} is followed, {known} is known")
            }
            Self::BelowBase { position, base } => {
                write!(f, "{position} is below the epoch's base {base}")
            }
            Self::Window { position, from, to } => {
                write!(f, "the frames at {position} are not within {from} to {to}")
            }
            Self::Fault { position, fault } => write!(f, "no frame for {position}: {fault}"),
            Self::Chain { base, expected, found } => {
                write!(
                    f,
                    "the chain at the base {base} is {found}, the epoch began with {expected}"
                )
            }
            Self::Overlap { position } => {
                write!(f, "the frame at {position} lies over others that begin elsewhere")
            }
            Self::Holes => write!(f, "there are {REPLICA_RUNS_MAX} holes"),
            Self::SegmentNotReady { base } => write!(f, "the segment at {base} is not ready"),
            Self::Disk { base, error } => {
                let error = io::Error::from_raw_os_error(*error);
                write!(f, "no space for the segment at {base}: {error}")
            }
        }
    }
}

impl std::error::Error for Refused {}

impl From<NotAccepted> for Refused {
    fn from(reason: NotAccepted) -> Self {
        match reason {
            NotAccepted::SegmentNotReady { base } => Self::SegmentNotReady { base },
            NotAccepted::Disk { base, error } => Self::Disk { base, error },
            NotAccepted::PositionsUsedUp { end } => {
                Self::Window { position: end, from: end, to: end }
            }
            NotAccepted::Sync { .. }
            | NotAccepted::Uncommitted { .. }
            | NotAccepted::Differs { .. } => unreachable!("asked of a segment"),
        }
    }
}

impl FollowRefused {
    /// Whether the log that was to be followed is the reason, and neither this node's promises nor
    /// its disk.
    #[must_use]
    pub fn is_of_table(&self) -> bool {
        !matches!(self, Self::Older { .. } | Self::Io { .. })
    }
}

impl fmt::Display for FollowRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older { asked, known } => write!(f, "epoch {asked} is over, {known} is known"),
            Self::Twice { known, asked } => write!(
                f,
                "epoch {} has two writers: node {} from {} with chain {}, and node {} from {} with \
                 chain {}",
                asked.epoch,
                known.node,
                known.base,
                known.chain,
                asked.node,
                asked.base,
                asked.chain
            ),
            Self::Behind { base, held } => {
                write!(f, "the epoch began at {base}, only {held} is held")
            }
            Self::BelowCommitted { base, committed } => {
                write!(f, "the epoch began at {base}, below what is committed here, {committed}")
            }
            Self::NotKept { base, kept_from } => {
                write!(f, "the logs part at {base}, the log here is kept from {kept_from}")
            }
            Self::OtherLog { base, expected, found: Some(found) } => {
                write!(f, "the chain at {base} is {found}, the epoch began with {expected}")
            }
            Self::OtherLog { base, expected, found: None } => write!(
                f,
                "no transaction ends at {base}, where the epoch began with the chain {expected}"
            ),
            Self::CommittedDiffers { committed, differs } => write!(
                f,
                "{committed} is committed here, of another log than the one that is followed: \
                 {differs}"
            ),
            Self::Table { reason } => write!(f, "no table of epochs: {reason}"),
            Self::Io { doing, path, error } => write!(f, "{doing} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FollowRefused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ChainDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, expected, found } = self;
        match found {
            Some(found) => {
                write!(f, "the chain at {position} is {found} here and {expected} there")
            }
            None => write!(f, "no transaction ends at {position} here, {expected} is there"),
        }
    }
}

impl std::error::Error for ChainDiffers {}
