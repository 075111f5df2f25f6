//! Generates Rust from SBE 1.0 schemas.
//!
//! Three steps, each in its own module: [`mod@parse`] reads XML and refuses what it does not
//! support, with the line; [`model`] holds what was read, every layout resolved to numbers;
//! [`emit`] writes one language from the model. Another output is another emitter and nothing else.

pub mod emit;
pub mod format;
pub mod model;
pub mod parse;

pub use parse::{SchemaError, parse};
