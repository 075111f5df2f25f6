//! What the tests of the generator compile and compare with: nothing here is part of the exchange.
//!
//! The modules come from the build script: the test schemas of `codegen/tests/schemas` as we
//! generate them, and the real schemas as the crate `sbe_gen` does, with glue between its structs
//! and ours.
#![expect(clippy::too_many_lines, reason = "a test schema's message has a field of every kind")]

pub mod parts;
pub mod random;

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Is shown every message of a schema, each with another generator's encoder and decoder.
pub trait Visitor<Any> {
    /// One message: its name, a maker of random ones, the other encoder, the other decoder.
    fn visit<M>(
        &mut self,
        name: &'static str,
        random: fn(&mut random::Random) -> M,
        encode: fn(&M) -> Vec<u8>,
        decode: fn(&[u8]) -> Option<M>,
    ) where
        M: Copy + PartialEq + std::fmt::Debug + Into<Any>;
}
