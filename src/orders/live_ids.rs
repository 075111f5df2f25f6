//! Finds a resting order by its client order id.
//!
//! ```text
//!   places: [ · | tag, slot | · | · | tag, slot | tag, slot | · ]   at home by the tag's low bits
//! ```
//!
//! A hash table of open addressing, at least half empty; a removal closes its hole, so that the
//! table does not age. The ids themselves lie in the order records: whether a slot is the one that
//! is meant is for their owner to say.

use crate::memory::{filled_table, prefetch};
use crate::types::ClientOrderId;

const EMPTY: u32 = u32::MAX;

/// How far from its home most ids lie at the most: often in the next cache line.
const NEAR: usize = 2;

/// The hash of an account and a client order id of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTag(u32);

impl ClientTag {
    /// Of no order.
    pub(super) const NONE: Self = Self(0);

    /// By the account's slot.
    #[must_use]
    #[inline]
    pub fn new(account: u32, id: ClientOrderId) -> Self {
        let mut hash = u64::from(account).wrapping_add(0x9E37_79B9_7F4A_7C15);
        for word in words(id) {
            hash = (hash ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            hash ^= hash >> 31;
        }
        Self((hash >> 8) as u32)
    }

    /// Sixteen bits of it, other ones than those that a home is made of.
    #[must_use]
    #[inline]
    pub(super) fn short(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

/// The bytes of an id as numbers; the pieces have fixed places, so that each is one load.
#[inline]
fn words(id: ClientOrderId) -> [u64; 3] {
    let ([low, middle], tail) = id.0.as_chunks::<8>() else {
        unreachable!("twenty bytes are two words and a half")
    };
    let tail = tail.first_chunk::<4>().map_or(0, |tail| u32::from_le_bytes(*tail));
    [u64::from_le_bytes(*low), u64::from_le_bytes(*middle), tail.into()]
}

#[derive(Clone, Copy, Debug)]
struct Place {
    tag: ClientTag,
    slot: u32,
}

const VACANT: Place = Place { tag: ClientTag::NONE, slot: EMPTY };

/// Slots of resting orders by their tags.
#[derive(Clone, Debug)]
pub(super) struct LiveIds {
    places: Vec<Place>,
    used: usize,
}

impl LiveIds {
    /// Room for `ids` before memory is asked for.
    pub(super) fn with_capacity(ids: usize) -> Self {
        Self { places: filled_table(VACANT, (ids.max(8) * 2).next_power_of_two()), used: 0 }
    }

    /// Begins to fetch what a look-up reads.
    #[inline]
    pub(super) fn prefetch(&self, tag: ClientTag) {
        let home = self.home(tag);
        prefetch(&self.places, home);
        prefetch(&self.places, home + NEAR);
    }

    /// The slot under a tag that `is_its` says to be the one.
    #[inline]
    pub(super) fn get(&self, tag: ClientTag, is_its: impl Fn(u32) -> bool) -> Option<u32> {
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

    /// An order comes to rest in a slot.
    #[inline]
    pub(super) fn insert(&mut self, tag: ClientTag, slot: u32) {
        if (self.used + 1) * 2 > self.places.len() {
            let larger = filled_table(VACANT, self.places.len() * 2);
            for place in std::mem::replace(&mut self.places, larger) {
                if place.slot != EMPTY {
                    self.put(place);
                }
            }
        }
        self.put(Place { tag, slot });
        self.used += 1;
    }

    /// The order in a slot leaves. Panics if it was not inserted under this tag.
    #[inline]
    pub(super) fn remove(&mut self, tag: ClientTag, slot: u32) {
        let mask = self.places.len() - 1;
        let mut hole = self.home(tag);
        while self.places[hole].slot != slot {
            assert!(self.places[hole].slot != EMPTY, "the order in slot {slot} has no client id");
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
    fn home(&self, tag: ClientTag) -> usize {
        tag.0 as usize & (self.places.len() - 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn id(n: u64) -> ClientOrderId {
        ClientOrderId::new(&format!("order-{n:012}")).unwrap()
    }

    /// The naive twin: a map. Tags are few, so that many searches go past others.
    #[test]
    fn it_finds_what_a_map_finds_while_orders_come_and_go() {
        let mut ids = LiveIds::with_capacity(0);
        let mut live: BTreeMap<u32, ClientTag> = BTreeMap::new();
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..30_000 {
            let slot = below(150) as u32;
            if let Some(tag) = live.remove(&slot) {
                ids.remove(tag, slot);
            } else {
                let tag = ClientTag::new(below(3) as u32, id(below(40)));
                live.insert(slot, tag);
                ids.insert(tag, slot);
            }
            let slot = below(150) as u32;
            let tag = live.get(&slot).copied().unwrap_or_default();
            let due = live.contains_key(&slot).then_some(slot);
            assert_eq!(ids.get(tag, |found| found == slot), due);
            assert_eq!(ids.used, live.len());
            // Half empty, so that a search meets few others.
            assert!(ids.used * 2 <= ids.places.len(), "{} of {}", ids.used, ids.places.len());
        }
    }

    #[test]
    fn nothing_grows_within_the_capacity() {
        for capacity in [8, 64, 1_000] {
            let mut ids = LiveIds::with_capacity(capacity as usize);
            let room = ids.places.len();
            (0..capacity).for_each(|n| ids.insert(ClientTag::new(0, id(n)), n as u32));
            assert_eq!(ids.places.len(), room, "{capacity} ids");
        }
    }

    /// A search meets few others, also among ids that differ in their last digit or account only.
    #[test]
    fn ids_are_spread_over_the_places() {
        let mut ids = LiveIds::with_capacity(1_024);
        let tag = |n: u64| ClientTag::new(n as u32 % 2, id(n / 2));
        (0..1_024).for_each(|n| ids.insert(tag(n), n as u32));
        let mask = ids.places.len() - 1;
        let behind = |n: u64| {
            let place = ids.places.iter().position(|place| place.slot == n as u32).unwrap();
            place.wrapping_sub(ids.home(tag(n))) & mask
        };
        let (sum, most) = (0..1_024)
            .map(behind)
            .fold((0, 0), |(sum, most), behind| (sum + behind, most.max(behind)));
        // Half full, random places give a half on average (Knuth, linear probing).
        assert!(sum <= 1_024 && most <= 32, "{sum} places behind home, at most {most}");
    }
}
