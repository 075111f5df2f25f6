//! A hash table from tags to slots: open addressing, one or two cache lines a look-up, no order.
//!
//! ```text
//!   places: [ · | tag, slot | · | · | tag, slot | tag, slot | · ]   at home by its upper bits
//! ```
//!
//! It cannot be iterated, so that no outcome can depend on where a tag happens to lie. A place
//! holds a tag, 32 bits of a hash, and a slot: eight bytes, because tables of millions are looked
//! up at random. Whether a slot is the one that is meant is for its owner to say, who has the key
//! there. The table is at least half empty, and a removal closes its hole, so that it does not age.

use crate::memory::{filled_table, prefetch};

/// How far from its home most tags lie at the most: often in the next cache line.
const NEAR: usize = 2;

/// Where nothing is stored.
const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Place {
    tag: u32,
    slot: u32,
}

const VACANT: Place = Place { tag: 0, slot: EMPTY };

/// Slots by their tags; several slots may have the same tag.
#[derive(Clone, Debug)]
pub struct SlotTable {
    places: Vec<Place>,
    /// What is left of a tag when its home is: the places are a power of two.
    shift: u32,
    used: usize,
}

impl SlotTable {
    /// A table that takes so many slots before it grows.
    #[must_use]
    pub fn with_capacity(slots: usize) -> Self {
        let size = (slots.max(8) * 2).next_power_of_two();
        Self { places: filled_table(VACANT, size), shift: shift(size), used: 0 }
    }

    /// Begins to fetch what a look-up of this tag reads.
    #[inline]
    pub fn prefetch(&self, tag: u32) {
        let home = self.home(tag);
        prefetch(&self.places, home);
        prefetch(&self.places, home + NEAR);
    }

    /// The slot under a tag that `is_its` says to be the one.
    #[must_use]
    #[inline]
    pub fn get(&self, tag: u32, is_its: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.places.len() - 1;
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

    /// Stores a slot under a tag; it is not stored yet.
    ///
    /// # Panics
    /// If it is the largest number, which marks an empty place.
    #[inline]
    pub fn insert(&mut self, tag: u32, slot: u32) {
        assert!(slot != EMPTY, "the largest slot marks an empty place");
        if (self.used + 1) * 2 > self.places.len() {
            self.grow();
        }
        self.put(Place { tag, slot });
        self.used += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let larger = filled_table(VACANT, self.places.len() * 2);
        self.shift = shift(larger.len());
        for place in std::mem::replace(&mut self.places, larger) {
            if place.slot != EMPTY {
                self.put(place);
            }
        }
    }

    /// Takes a slot out.
    ///
    /// # Panics
    /// If it was not stored under this tag.
    #[inline]
    pub fn remove(&mut self, tag: u32, slot: u32) {
        let mask = self.places.len() - 1;
        let mut hole = self.home(tag);
        while self.places[hole].slot != slot {
            assert!(self.places[hole].slot != EMPTY, "slot {slot} is not under this tag");
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let moved = self.places[at];
            if moved.slot == EMPTY {
                break;
            }
            // It may fill the hole unless its home lies behind the hole.
            let from_home = at.wrapping_sub(self.home(moved.tag)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.places[hole] = moved;
                hole = at;
            }
        }
        self.places[hole] = VACANT;
        self.used -= 1;
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag.wrapping_shr(self.shift) as usize
    }

    #[inline]
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The naive twin: a map. Tags are few, so that many searches go past others.
    #[test]
    fn it_finds_what_a_map_finds_while_slots_come_and_go() {
        let mut table = SlotTable::with_capacity(0);
        let mut stored: BTreeMap<u32, u32> = BTreeMap::new();
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..30_000 {
            let slot = below(150) as u32;
            if let Some(tag) = stored.remove(&slot) {
                table.remove(tag, slot);
            } else {
                // Neighbours at home, also around the table's end.
                let tag = (below(120) as u32).wrapping_sub(60) << 24;
                stored.insert(slot, tag);
                table.insert(tag, slot);
            }
            let slot = below(150) as u32;
            let tag = stored.get(&slot).copied().unwrap_or_default();
            let due = stored.contains_key(&slot).then_some(slot);
            assert_eq!(table.get(tag, |found| found == slot), due);
            assert_eq!(table.used, stored.len());
            // Half empty, so that a search meets few others.
            let (used, places) = (table.used, table.places.len());
            assert!(used * 2 <= places, "{used} of {places}");
        }
    }

    #[test]
    fn nothing_grows_within_the_capacity() {
        for capacity in [8, 64, 1_000] {
            let mut table = SlotTable::with_capacity(capacity as usize);
            let room = table.places.len();
            (0..capacity).for_each(|n| table.insert(n << 20, n));
            assert_eq!(table.places.len(), room, "{capacity} slots");
        }
    }
}
