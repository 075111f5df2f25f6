//! Any message of the schema.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::SCHEMA_ID;
use crate::runtime::{DecodeError, EncodeError, FieldVisitor, MessageHeader, SbeMessage};
use crate::templates::{
    Ack, Announce, Commit, Promote, PromoteAnswer, StateHash, Status, StatusRequest, Vote,
    VoteRequest,
};
use crate::types::ControlHeader;

/// Any message of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The primary of an epoch says so: to each node on a change, and every 100 ms.
    Announce(Announce),
    /// How far a standby has come in the primary's epoch: at each advance, and every 20 ms.
    Ack(Ack),
    /// What is committed: at each advance, and every 20 ms.
    Commit(Commit),
    /// Asks a node what it has; changes nothing.
    StatusRequest(StatusRequest),
    /// What a node has: an answer, or what a primary is told whose epoch was passed.
    Status(Status),
    /// A node wants to be the primary of an epoch.
    VoteRequest(VoteRequest),
    /// The answer. A vote is sent when its promise is durable, never before.
    Vote(Vote),
    /// An operator wants a node to become the primary; repeated until the result is another
    /// than underway.
    Promote(Promote),
    /// What became of it.
    PromoteAnswer(PromoteAnswer),
    /// The hash of a node's state at an end of an event that all nodes choose alike: the
    /// newest one, to all others, every 100 ms.
    StateHash(StateHash),
}

impl Message {
    /// Bytes of header and block of the longest message.
    pub const ENCODED_LENGTH_MAX: usize = 120;

    /// Reads header and block, by what the header says.
    ///
    /// # Errors
    /// The bytes are no message of this schema, or end before it does.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let header = MessageHeader::parse(message)?;
        if header.schema_id != SCHEMA_ID {
            return Err(DecodeError::SchemaUnknown { schema_id: header.schema_id });
        }
        match header.template_id {
            Announce::TEMPLATE_ID => read::<Announce>(message),
            Ack::TEMPLATE_ID => read::<Ack>(message),
            Commit::TEMPLATE_ID => read::<Commit>(message),
            StatusRequest::TEMPLATE_ID => read::<StatusRequest>(message),
            Status::TEMPLATE_ID => read::<Status>(message),
            VoteRequest::TEMPLATE_ID => read::<VoteRequest>(message),
            Vote::TEMPLATE_ID => read::<Vote>(message),
            Promote::TEMPLATE_ID => read::<Promote>(message),
            PromoteAnswer::TEMPLATE_ID => read::<PromoteAnswer>(message),
            StateHash::TEMPLATE_ID => read::<StateHash>(message),
            template_id => Err(DecodeError::TemplateUnknown { template_id }),
        }
    }

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short; nothing was written then.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::Announce(message) => message.encode(buffer),
            Self::Ack(message) => message.encode(buffer),
            Self::Commit(message) => message.encode(buffer),
            Self::StatusRequest(message) => message.encode(buffer),
            Self::Status(message) => message.encode(buffer),
            Self::VoteRequest(message) => message.encode(buffer),
            Self::Vote(message) => message.encode(buffer),
            Self::Promote(message) => message.encode(buffer),
            Self::PromoteAnswer(message) => message.encode(buffer),
            Self::StateHash(message) => message.encode(buffer),
        }
    }

    /// Which message.
    #[must_use]
    pub const fn template_id(&self) -> u16 {
        match self {
            Self::Announce(_) => Announce::TEMPLATE_ID,
            Self::Ack(_) => Ack::TEMPLATE_ID,
            Self::Commit(_) => Commit::TEMPLATE_ID,
            Self::StatusRequest(_) => StatusRequest::TEMPLATE_ID,
            Self::Status(_) => Status::TEMPLATE_ID,
            Self::VoteRequest(_) => VoteRequest::TEMPLATE_ID,
            Self::Vote(_) => Vote::TEMPLATE_ID,
            Self::Promote(_) => Promote::TEMPLATE_ID,
            Self::PromoteAnswer(_) => PromoteAnswer::TEMPLATE_ID,
            Self::StateHash(_) => StateHash::TEMPLATE_ID,
        }
    }

    /// Bytes of header and block.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        match self {
            Self::Announce(_) => Announce::ENCODED_LENGTH,
            Self::Ack(_) => Ack::ENCODED_LENGTH,
            Self::Commit(_) => Commit::ENCODED_LENGTH,
            Self::StatusRequest(_) => StatusRequest::ENCODED_LENGTH,
            Self::Status(_) => Status::ENCODED_LENGTH,
            Self::VoteRequest(_) => VoteRequest::ENCODED_LENGTH,
            Self::Vote(_) => Vote::ENCODED_LENGTH,
            Self::Promote(_) => Promote::ENCODED_LENGTH,
            Self::PromoteAnswer(_) => PromoteAnswer::ENCODED_LENGTH,
            Self::StateHash(_) => StateHash::ENCODED_LENGTH,
        }
    }

    /// The schema's name of the message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Announce(_) => "Announce",
            Self::Ack(_) => "Ack",
            Self::Commit(_) => "Commit",
            Self::StatusRequest(_) => "StatusRequest",
            Self::Status(_) => "Status",
            Self::VoteRequest(_) => "VoteRequest",
            Self::Vote(_) => "Vote",
            Self::Promote(_) => "Promote",
            Self::PromoteAnswer(_) => "PromoteAnswer",
            Self::StateHash(_) => "StateHash",
        }
    }

    /// Gives each field's name and value to `visit`, in wire order; those of a composite are
    /// named after it, as in `header.sequence`.
    pub fn fields(&self, visit: &mut FieldVisitor<'_>) {
        match self {
            Self::Announce(message) => message.fields(visit),
            Self::Ack(message) => message.fields(visit),
            Self::Commit(message) => message.fields(visit),
            Self::StatusRequest(message) => message.fields(visit),
            Self::Status(message) => message.fields(visit),
            Self::VoteRequest(message) => message.fields(visit),
            Self::Vote(message) => message.fields(visit),
            Self::Promote(message) => message.fields(visit),
            Self::PromoteAnswer(message) => message.fields(visit),
            Self::StateHash(message) => message.fields(visit),
        }
    }

    /// From whom, to whom, and which of the sender's datagrams: what every message begins
    /// with.
    #[must_use]
    pub const fn header(&self) -> &ControlHeader {
        match self {
            Self::Announce(message) => &message.header,
            Self::Ack(message) => &message.header,
            Self::Commit(message) => &message.header,
            Self::StatusRequest(message) => &message.header,
            Self::Status(message) => &message.header,
            Self::VoteRequest(message) => &message.header,
            Self::Vote(message) => &message.header,
            Self::Promote(message) => &message.header,
            Self::PromoteAnswer(message) => &message.header,
            Self::StateHash(message) => &message.header,
        }
    }

    /// The same, to be changed.
    pub const fn header_mut(&mut self) -> &mut ControlHeader {
        match self {
            Self::Announce(message) => &mut message.header,
            Self::Ack(message) => &mut message.header,
            Self::Commit(message) => &mut message.header,
            Self::StatusRequest(message) => &mut message.header,
            Self::Status(message) => &mut message.header,
            Self::VoteRequest(message) => &mut message.header,
            Self::Vote(message) => &mut message.header,
            Self::Promote(message) => &mut message.header,
            Self::PromoteAnswer(message) => &mut message.header,
            Self::StateHash(message) => &mut message.header,
        }
    }
}

impl fmt::Display for Message {
    /// The message's name, then ` name=value` for each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announce(message) => message.fmt(f),
            Self::Ack(message) => message.fmt(f),
            Self::Commit(message) => message.fmt(f),
            Self::StatusRequest(message) => message.fmt(f),
            Self::Status(message) => message.fmt(f),
            Self::VoteRequest(message) => message.fmt(f),
            Self::Vote(message) => message.fmt(f),
            Self::Promote(message) => message.fmt(f),
            Self::PromoteAnswer(message) => message.fmt(f),
            Self::StateHash(message) => message.fmt(f),
        }
    }
}

/// A message of its own becomes any message.
macro_rules! conversions {
    ($($name:ident),*) => {
        $(impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

conversions! {
    Announce, Ack, Commit, StatusRequest, Status, VoteRequest, Vote, Promote, PromoteAnswer,
    StateHash
}

fn read<M: SbeMessage + Into<Message>>(message: &[u8]) -> Result<Message, DecodeError> {
    M::decode(message).map(Into::into)
}
