//! A datagram of the control channel.
//!
//! ```text
//!   0            8                                  8 + block               + 16
//!  ┌────────────┬──────────────────────────────────┬──────────────────────┐
//!  │ SBE header │ control header (48), then fields │ MAC, if there is a key │
//!  └────────────┴──────────────────────────────────┴──────────────────────┘
//! ```
//!
//! One message, and nothing behind it but the MAC. A block that is longer than this version's is a
//! newer version's: its end is skipped (SBE 1.0, section 5). Messages: `schemas/cluster.xml`.

use std::fmt;
use std::net::SocketAddrV4;

use isochron_cluster::{DecodeError, Message, MessageHeader};

use crate::limits::CONTROL_DATAGRAM_BYTES_MAX;
use crate::types::{Key, SHORT_MAC_BYTES};

/// Bytes of the SBE header.
const HEADER_BYTES: usize = isochron_cluster::HEADER_LENGTH;

const _: () = assert!(Message::ENCODED_LENGTH_MAX + SHORT_MAC_BYTES <= CONTROL_DATAGRAM_BYTES_MAX);

/// Bytes that are no datagram of this channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// More bytes, or fewer, than the message says.
    Length {
        /// What came.
        bytes: usize,
        /// What the message says, its MAC included.
        expected: usize,
    },
    /// It is no message of this schema.
    Message(DecodeError),
    /// The MAC is another: other bytes, or another key.
    Mac,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { bytes, expected } => {
                write!(f, "{bytes} bytes where there should be {expected}")?;
                match bytes.checked_sub(*expected) {
                    Some(SHORT_MAC_BYTES) => f.write_str(": a MAC, and no key is configured here"),
                    _ if expected.checked_sub(*bytes) == Some(SHORT_MAC_BYTES) => {
                        f.write_str(": a MAC is missing, or no key is configured there")
                    }
                    _ => Ok(()),
                }
            }
            Self::Message(error) => write!(f, "{error}"),
            Self::Mac => f.write_str("the MAC is wrong: another key, or changed on the way"),
        }
    }
}

/// Why a datagram is not taken. All of them are counted; none changes anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no datagram of this channel.
    Malformed(Malformed),
    /// It is of another exchange.
    OtherExchange {
        /// The digest of that exchange's name and number.
        theirs: u64,
        /// Of this one's.
        ours: u64,
    },
    /// It is for another node.
    OtherRecipient {
        /// The node it is for.
        recipient: u32,
        /// This node.
        own: u32,
    },
    /// Its sender is no configured node.
    UnknownNode {
        /// The number it gives.
        node: u32,
    },
    /// Its sender has this node's number.
    OwnNode {
        /// The number.
        node: u32,
        /// Where it came from.
        from: SocketAddrV4,
    },
    /// A configured node's number, from another address than that node's.
    OtherAddress {
        /// The number.
        node: u32,
        /// Where it came from.
        from: SocketAddrV4,
        /// Where that node is.
        configured: SocketAddrV4,
    },
    /// A run of the sender's that is older than one that was heard.
    OlderRun {
        /// Who.
        node: u32,
        /// The datagram's run.
        run: u64,
        /// The newest one that was heard.
        newest: u64,
    },
    /// It came before, or so long ago that it cannot be told.
    Repeated {
        /// Who.
        node: u32,
        /// Its number.
        counter: u64,
        /// The highest number that was heard.
        newest: u64,
    },
    /// It was sent to a run of this node that is over.
    ForAnotherRun {
        /// Who sent it.
        node: u32,
        /// The run it is for; 0 where the sender did not know any.
        run: u64,
    },
    /// Operators do not send this, or nodes do not.
    NotTheirs {
        /// Who.
        node: u32,
        /// The message's template.
        template: u16,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "{malformed}"),
            Self::OtherExchange { theirs, ours } => write!(
                f,
                "of another exchange: the digest of its name and number is {theirs:016x}, \
                 here {ours:016x}"
            ),
            Self::OtherRecipient { recipient, own } => {
                write!(f, "for node {recipient}, and this is node {own}")
            }
            Self::UnknownNode { node } => write!(f, "from node {node}, which is not configured"),
            Self::OwnNode { node, from } => write!(
                f,
                "from {from}, which says it is node {node}, as this one is: the number is used twice"
            ),
            Self::OtherAddress { node, from, configured } => write!(
                f,
                "from {from}, which says it is node {node}, and that is {configured}: the number \
                 is used twice, or the configurations differ"
            ),
            Self::OlderRun { node, run, newest } => write!(
                f,
                "from node {node}'s run {run}, and run {newest} was heard: an old datagram, or \
                 the node was started with its clock set back"
            ),
            Self::Repeated { node, counter, newest } => {
                write!(f, "number {counter} of node {node} again, and {newest} was heard")
            }
            Self::ForAnotherRun { node, run } => {
                write!(f, "from node {node} to run {run} of this node, which is not this one")
            }
            Self::NotTheirs { node: 0, template } => {
                write!(f, "template {template} from an operator's command")
            }
            Self::NotTheirs { node, template } => {
                write!(f, "template {template} from node {node}")
            }
        }
    }
}

impl std::error::Error for Refused {}

/// The message in a datagram, its length and its MAC judged.
pub(super) fn parse(datagram: &[u8], key: Option<&Key>) -> Result<Message, Malformed> {
    let header = MessageHeader::parse(datagram).map_err(Malformed::Message)?;
    let length = HEADER_BYTES + usize::from(header.block_length);
    let mac_bytes = if key.is_some() { SHORT_MAC_BYTES } else { 0 };
    let expected = length + mac_bytes;
    if datagram.len() != expected || expected > CONTROL_DATAGRAM_BYTES_MAX {
        return Err(Malformed::Length { bytes: datagram.len(), expected });
    }
    let (message, mac) = datagram.split_at(length);
    if key.is_some_and(|key| !key.shortly_proves(message, mac)) {
        return Err(Malformed::Mac);
    }
    Message::decode(message).map_err(Malformed::Message)
}

/// Writes a message and its MAC; returns their length.
pub(super) fn emit(
    message: &Message,
    key: Option<&Key>,
    buffer: &mut [u8; CONTROL_DATAGRAM_BYTES_MAX],
) -> usize {
    let length = message.encode(buffer).expect("the longest message fits");
    let Some(key) = key else { return length };
    let mac = key.short_mac(&buffer[..length]);
    buffer[length..length + SHORT_MAC_BYTES].copy_from_slice(&mac);
    length + SHORT_MAC_BYTES
}
