//! Writes what the model says in other languages: Rust, so far.

pub mod rust;
