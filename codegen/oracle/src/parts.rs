//! Messages with groups and data, owned: random ones, written and read by us and by `sbe_gen`.

pub mod car;
pub mod groups;

use crate::random::Random;

/// Random bytes, `most` of them at most.
fn bytes(random: &mut Random, most: u64) -> Vec<u8> {
    (0..random.below(most + 1)).map(|_| random.value()).collect()
}

/// Random things, `most` of them at most.
fn several<T>(random: &mut Random, most: u64, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.below(most + 1)).map(|_| one(random)).collect()
}
