//! Writes what the model says in other languages: Rust, Lua for Wireshark, Markdown for people.

pub mod lua;
pub mod markdown;
mod names;
pub mod rust;
