//! An index from a 64-bit key to a slot. Keys come from small ids that the exchange itself checked,
//! so an adversary does not choose them freely; the multiplicative hash spreads neighbours.

use super::SlotTable;

/// Maps keys to slots. Keys are never removed.
#[derive(Clone, Debug)]
pub struct Index(SlotTable);

impl Index {
    /// An index that takes `keys` keys before it grows.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        Self(SlotTable::with_capacity(keys))
    }

    /// The slot stored under a key; `is_its` says whether a slot belongs to the key.
    #[must_use]
    #[inline]
    pub fn get(&self, key: u64, is_its: impl Fn(u32) -> bool) -> Option<u32> {
        self.0.get(tag(key), is_its)
    }

    /// Begins to fetch what a look-up of this key reads.
    #[inline]
    pub fn prefetch(&self, key: u64) {
        self.0.prefetch(tag(key));
    }

    /// Stores a slot under a key that has none.
    pub fn insert(&mut self, key: u64, slot: u32) {
        self.0.insert(tag(key), slot);
    }
}

/// The upper half of the key's hash.
#[inline]
fn tag(key: u64) -> u32 {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_finds_what_a_map_finds_while_it_grows() {
        let mut index = Index::with_capacity(0);
        let (mut twin, mut keys) = (BTreeMap::new(), Vec::new());
        for n in 0..5_000_u32 {
            let key = (u64::from(n % 70) << 32) | u64::from(n / 70);
            index.insert(key, n);
            twin.insert(key, n);
            keys.push(key);
        }
        for key in (0..72_u64).flat_map(|high| (0..75).map(move |low| (high << 32) | low)) {
            let found = index.get(key, |slot| keys[slot as usize] == key);
            assert_eq!(found, twin.get(&key).copied(), "key {key}");
        }
    }
}
