//! The SBE messages of `isochron.cluster`.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.
//!
//! A message is a plain struct with `encode` and `decode`; a `...Reader` looks at single
//! fields in place, a `...Writer` sets them in place; `Message` is any of the messages.
//! No bytes make any of them panic, and none allocates. An optional field that is given its
//! null value is written as it is, and so reads as `None`.

mod message;
mod runtime;
mod templates;
mod types;
mod writers;

pub use message::Message;
pub use runtime::{
    DecodeError, EncodeError, FieldValue, FieldVisitor, HEADER_LENGTH, MessageHeader, SbeMessage,
};
pub use templates::*;
pub use types::*;
pub use writers::*;

/// The schema's number in every header.
pub const SCHEMA_ID: u16 = 3;

/// The version of the schema that is written.
pub const SCHEMA_VERSION: u16 = 0;
