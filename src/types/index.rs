//! A hash index from a 64-bit key to a slot: open addressing, one cache line a look-up, no order.
//!
//! It cannot be iterated, so that no outcome can depend on where a key happens to lie. Keys come
//! from small ids that the exchange itself checked, so an adversary does not choose them freely;
//! the multiplicative hash spreads neighbours.

/// Where nothing is stored.
const EMPTY: u32 = u32::MAX;

/// Maps keys to slots. Keys are never removed.
#[derive(Clone, Debug)]
pub struct Index {
    entries: Vec<(u64, u32)>,
    len: usize,
}

impl Index {
    /// An index that takes `keys` keys before it grows.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        let size = (keys.max(8) * 2).next_power_of_two();
        Self { entries: vec![(0, EMPTY); size], len: 0 }
    }

    fn home(&self, key: u64) -> usize {
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> (64 - self.entries.len().trailing_zeros())) as usize
    }

    /// The slot stored under a key.
    #[must_use]
    #[inline]
    pub fn get(&self, key: u64) -> Option<u32> {
        let mask = self.entries.len() - 1;
        let mut at = self.home(key);
        loop {
            match self.entries[at] {
                (_, EMPTY) => return None,
                (found, slot) if found == key => return Some(slot),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Begins to fetch what a look-up of this key reads first, and waits for nothing.
    #[inline]
    pub fn touch(&self, key: u64) {
        std::hint::black_box(self.entries[self.home(key)].1);
    }

    /// Stores a slot under a new key.
    pub fn insert(&mut self, key: u64, slot: u32) {
        assert!(slot != EMPTY, "the largest slot marks an empty place");
        if (self.len + 1) * 2 > self.entries.len() {
            let larger = vec![(0, EMPTY); self.entries.len() * 2];
            for (key, slot) in std::mem::replace(&mut self.entries, larger) {
                if slot != EMPTY {
                    self.place(key, slot);
                }
            }
        }
        self.place(key, slot);
        self.len += 1;
    }

    fn place(&mut self, key: u64, slot: u32) {
        let mask = self.entries.len() - 1;
        let mut at = self.home(key);
        while self.entries[at].1 != EMPTY {
            assert!(self.entries[at].0 != key, "key {key} is taken");
            at = (at + 1) & mask;
        }
        self.entries[at] = (key, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_finds_what_a_map_finds_while_it_grows() {
        let mut index = Index::with_capacity(0);
        let mut twin = BTreeMap::new();
        for n in 0..5_000_u32 {
            let key = (u64::from(n % 70) << 32) | u64::from(n / 70);
            index.insert(key, n);
            twin.insert(key, n);
        }
        for key in (0..72_u64).flat_map(|high| (0..75).map(move |low| (high << 32) | low)) {
            assert_eq!(index.get(key), twin.get(&key).copied(), "key {key}");
        }
    }
}
