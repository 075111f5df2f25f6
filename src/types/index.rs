//! A hash index from a 64-bit key to a slot: open addressing, one cache line a look-up, no order.
//!
//! It cannot be iterated, so that no outcome can depend on where a key happens to lie. Keys come
//! from small ids that the exchange itself checked, so an adversary does not choose them freely;
//! the multiplicative hash spreads neighbours. A place holds half of the hash and the slot: eight
//! bytes, because tables of millions are looked up at random. Whether a slot is the key's is for
//! its owner to say, who has the key there.

use crate::memory::{filled_table, prefetch};

/// How far from its home most keys lie at the most: often in the next cache line.
const NEAR: usize = 2;

/// Where nothing is stored.
const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The upper half of the key's hash; its own upper bits are the home.
    tag: u32,
    slot: u32,
}

const VACANT: Place = Place { tag: 0, slot: EMPTY };

/// Maps keys to slots. Keys are never removed.
#[derive(Clone, Debug)]
pub struct Index {
    places: Vec<Place>,
    /// What is left of a tag when its home is: the places are a power of two.
    shift: u32,
    len: usize,
}

impl Index {
    /// An index that takes `keys` keys before it grows.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        let size = (keys.max(8) * 2).next_power_of_two();
        Self { places: filled_table(VACANT, size), shift: shift(size), len: 0 }
    }

    /// The slot stored under a key; `is_its` says whether a slot belongs to the key.
    #[must_use]
    #[inline]
    pub fn get(&self, key: u64, is_its: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.places.len() - 1;
        let tag = tag(key);
        let mut at = self.home(tag);
        loop {
            let place = self.places[at];
            if place.slot == EMPTY {
                return None;
            }
            if place.tag == tag && is_its(place.slot) {
                return Some(place.slot);
            }
            at = (at + 1) & mask;
        }
    }

    /// Begins to fetch what a look-up of this key reads.
    #[inline]
    pub fn prefetch(&self, key: u64) {
        let home = self.home(tag(key));
        prefetch(&self.places, home);
        prefetch(&self.places, home + NEAR);
    }

    /// Stores a slot under a key that has none.
    pub fn insert(&mut self, key: u64, slot: u32) {
        assert!(slot != EMPTY, "the largest slot marks an empty place");
        if (self.len + 1) * 2 > self.places.len() {
            let larger = filled_table(VACANT, self.places.len() * 2);
            self.shift = shift(larger.len());
            for place in std::mem::replace(&mut self.places, larger) {
                if place.slot != EMPTY {
                    self.put(place);
                }
            }
        }
        self.put(Place { tag: tag(key), slot });
        self.len += 1;
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag.wrapping_shr(self.shift) as usize
    }

    fn put(&mut self, place: Place) {
        let mask = self.places.len() - 1;
        let mut at = self.home(place.tag);
        while self.places[at].slot != EMPTY {
            at = (at + 1) & mask;
        }
        self.places[at] = place;
    }
}

/// By how much a tag is shifted to give one of so many places.
fn shift(places: usize) -> u32 {
    u32::BITS - places.trailing_zeros()
}

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
