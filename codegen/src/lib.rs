//! Generates Rust from SBE 1.0 schemas.
