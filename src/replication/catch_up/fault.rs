//! Why a catch-up ends before it is done: each with the values, for both ends.

use std::fmt;

use super::peer::Difference;
use super::protocol::{Kind, WireFault};
use crate::store::{Chain, FrameFault};
use crate::types::{Epoch, Position};

/// Why an end does not go on. A later connection may.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum Fault {
    /// The nodes are not of one exchange, or of different versions.
    Differs { difference: Difference, node: u32, other: u32 },
    /// Two nodes have one number, or a node asks itself.
    SameNode { node: u32 },
    /// One of them has the cluster's key and one has not.
    Keys { with_key: u32, without: u32 },
    /// Another key.
    Proof { node: u32 },
    /// What the other end said before it closed.
    Refused { reason: String },
    /// No message of the protocol.
    Wire(WireFault),
    /// A message that has no place here.
    Unexpected(Kind),
    /// A greeting or a proof that came twice, or that nobody asked for.
    Twice,
    /// Nothing came, or went, for so long.
    Silent { ns: u64 },
    /// The connection was closed or broken.
    Closed { reason: String },
    /// Bytes of another place than the one that comes next.
    Place { expected: u64, found: u64 },
    /// What stands there is no frame of that log.
    Frame { position: Position, fault: FrameFault },
    /// Two logs that should be the same are not.
    Chain { position: Position, here: Chain, there: Chain },
    /// No frame ends where the other end says that a transaction does.
    Torn { position: Position },
    /// The other end does not know the epoch that is to be followed, or knows another one.
    Epoch { epoch: Epoch, base: Position },
    /// A table of epochs that no log has.
    Table { reason: String },
    /// The log that the other end has begins later.
    NotKept { position: Position, kept_from: Position },
    /// The other end does not write the log, and has no more of it than what is here.
    NoMore { end: Position },
    /// A table of epochs that is against what is here.
    Contradicts { reason: String },
    /// This end's own store or disk refuses.
    Store { reason: String },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { difference: Difference { field, here, there }, node, other } => {
                write!(f, "{field} is {here} at node {node}, {there} at node {other}")
            }
            Self::SameNode { node } => write!(f, "both ends are node {node}"),
            Self::Keys { with_key, without } => {
                write!(f, "node {with_key} has a key and node {without} has none")
            }
            Self::Proof { node } => write!(f, "node {node} has another key"),
            Self::Refused { reason } => write!(f, "refused: {}", reason.escape_debug()),
            Self::Wire(fault) => write!(f, "{fault}"),
            Self::Unexpected(kind) => write!(f, "{kind:?} has no place here"),
            Self::Twice => write!(f, "a greeting or a proof that nobody waits for"),
            Self::Silent { ns } => write!(f, "no progress for {} ms", ns / 1_000_000),
            Self::Closed { reason } => write!(f, "the connection ended: {reason}"),
            Self::Place { expected, found } => {
                write!(f, "bytes of {found}, expected those of {expected}")
            }
            Self::Frame { position, fault } => write!(f, "no frame at {position}: {fault}"),
            Self::Chain { position, here, there } => {
                write!(f, "the chain at {position} is {here} here and {there} there")
            }
            Self::Torn { position } => write!(f, "no transaction ends at {position}"),
            Self::Epoch { epoch, base } => {
                write!(f, "the other end has no epoch {epoch} that begins at {base}")
            }
            Self::Table { reason } => write!(f, "no log has these epochs: {reason}"),
            Self::NotKept { position, kept_from } => {
                write!(f, "{position} is not kept any more, the log begins at {kept_from}")
            }
            Self::NoMore { end } => write!(f, "its log ends at {end} too: it has no more"),
            Self::Contradicts { reason } | Self::Store { reason } => write!(f, "{reason}"),
        }
    }
}

impl std::error::Error for Fault {}
