//! Finds a resting order by its client order id, by way of a tag: a hash of the account and the id.

use crate::types::{ClientOrderId, SlotTable};

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

    /// Sixteen bits of it, other ones than those that its place in a table follows from.
    #[must_use]
    #[inline]
    pub(super) fn short(self) -> u16 {
        self.0 as u16
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

/// Slots of resting orders by their tags.
#[derive(Clone, Debug)]
pub(super) struct LiveIds(SlotTable);

impl LiveIds {
    /// Room for `ids` before memory is asked for.
    pub(super) fn with_capacity(ids: usize) -> Self {
        Self(SlotTable::with_capacity(ids))
    }

    /// Begins to fetch what a look-up reads.
    #[inline]
    pub(super) fn prefetch(&self, tag: ClientTag) {
        self.0.prefetch(tag.0);
    }

    /// The slot under a tag that `is_its` says to be the one.
    #[inline]
    pub(super) fn get(&self, tag: ClientTag, is_its: impl Fn(u32) -> bool) -> Option<u32> {
        self.0.get(tag.0, is_its)
    }

    /// An order comes to rest in a slot.
    #[inline]
    pub(super) fn insert(&mut self, tag: ClientTag, slot: u32) {
        self.0.insert(tag.0, slot);
    }

    /// The order in a slot leaves. Panics if it was not inserted under this tag.
    #[inline]
    pub(super) fn remove(&mut self, tag: ClientTag, slot: u32) {
        self.0.remove(tag.0, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids that differ in their last digit or account only have homes far apart: as many of 2,048
    /// places are taken by 1,024 tags as by random ones, 1 - exp(-1/2) = 39 % of them (806).
    #[test]
    fn ids_are_spread_over_the_places() {
        let id = |n: u32| ClientOrderId::new(&format!("order-{n:012}")).unwrap();
        let home = |n: u32| ClientTag::new(n % 2, id(n / 2)).0 >> (32 - 11);
        let taken: std::collections::BTreeSet<_> = (0..1_024).map(home).collect();
        // Four standard deviations of 11.
        assert!((762..=850).contains(&taken.len()), "{} places", taken.len());
        let low: std::collections::BTreeSet<_> =
            (0..1_024).map(|n| ClientTag::new(n % 2, id(n / 2)).short()).collect();
        assert!(low.len() > 1_000, "{} short tags", low.len());
    }
}
