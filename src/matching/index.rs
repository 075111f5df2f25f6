//! Finds the slot of an order by its id.
//!
//! Ids are given in order, and most orders leave young. So the newest order of each residue has
//! a place of its own in a flat table, where inserts walk along the cache lines; an older one
//! whose place is wanted moves to a hash table of open addressing, which deletes by shifting
//! back, so that neither ages. Any ids work; rising ones are fast. Memory: 16 bytes per order of
//! capacity for the flat table, 16 for the hash table.

use super::NIL;
use super::books::Order;
use crate::memory::{filled_table, prefetch};

/// Places of the flat table per order of capacity.
const FLAT_FACTOR: usize = 4;

/// An older order: the low half of its id, which gives its home, and its slot.
#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    slot: u32,
}

const VACANT: Entry = Entry { tag: 0, slot: NIL };

#[derive(Clone)]
pub(super) struct IdIndex {
    /// Slots at id modulo length, a power of two.
    flat: Vec<u32>,
    /// The older ones, at most half full, length a power of two.
    older: Vec<Entry>,
    older_count: usize,
    older_shift: u32,
    /// The highest id ever seen: what lies above it is surely new.
    newest: u64,
}

impl IdIndex {
    /// Room for this many orders before [`IdIndex::insert`] may allocate.
    pub(super) fn with_capacity(orders: usize) -> IdIndex {
        let orders = orders.next_power_of_two().max(16);
        let older = orders * 2;
        IdIndex {
            flat: filled_table(NIL, orders * FLAT_FACTOR),
            older: filled_table(VACANT, older),
            older_count: 0,
            older_shift: 32 - older.ilog2().min(32),
            newest: 0,
        }
    }

    #[inline]
    fn place(&self, id: u64) -> usize {
        id as usize & (self.flat.len() - 1)
    }

    /// Fibonacci hashing of the tag: consecutive ids spread evenly.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        (tag.wrapping_mul(0x9E37_79B1) >> self.older_shift) as usize
    }

    /// Begins to fetch what [`IdIndex::likely`] reads.
    #[inline]
    pub(super) fn prefetch(&self, id: u64) {
        prefetch(&self.flat, self.place(id));
    }

    /// The slot that an order has unless it is an older one or gone.
    #[inline]
    pub(super) fn likely(&self, id: u64) -> Option<u32> {
        let slot = self.flat[self.place(id)];
        (slot != NIL).then_some(slot)
    }

    #[inline]
    pub(super) fn find(&self, orders: &[Order], id: u64) -> Option<u32> {
        let slot = self.flat[self.place(id)];
        if slot != NIL && orders[slot as usize].id == id {
            return Some(slot);
        }
        self.find_older(orders, id).map(|at| self.older[at].slot)
    }

    fn find_older(&self, orders: &[Order], id: u64) -> Option<usize> {
        let tag = id as u32;
        let mut at = self.home(tag);
        loop {
            let entry = self.older[at];
            if entry.slot == NIL {
                return None;
            }
            if entry.tag == tag && orders[entry.slot as usize].id == id {
                return Some(at);
            }
            at = (at + 1) & (self.older.len() - 1);
        }
    }

    /// Adds an order that already stands in its slot. Panics if the id is there already.
    #[inline]
    pub(super) fn insert(&mut self, orders: &[Order], id: u64, slot: u32) {
        if id > self.newest {
            self.newest = id;
        } else {
            assert!(self.find(orders, id).is_none(), "order {id} rests already");
        }
        let place = self.place(id);
        let previous = std::mem::replace(&mut self.flat[place], slot);
        if previous != NIL {
            self.insert_older(orders[previous as usize].id, previous);
        }
    }

    fn insert_older(&mut self, id: u64, slot: u32) {
        if (self.older_count + 1) * 2 > self.older.len() {
            self.grow();
        }
        self.place_older(Entry { tag: id as u32, slot });
        self.older_count += 1;
    }

    fn place_older(&mut self, entry: Entry) {
        let mut at = self.home(entry.tag);
        while self.older[at].slot != NIL {
            at = (at + 1) & (self.older.len() - 1);
        }
        self.older[at] = entry;
    }

    fn grow(&mut self) {
        let length = self.older.len() * 2;
        let entries = std::mem::replace(&mut self.older, filled_table(VACANT, length));
        self.older_shift = 32 - length.ilog2().min(32);
        for entry in entries.into_iter().filter(|entry| entry.slot != NIL) {
            self.place_older(entry);
        }
    }

    /// Forgets an order that still stands in its slot.
    #[inline]
    pub(super) fn remove(&mut self, orders: &[Order], id: u64, slot: u32) {
        let place = self.place(id);
        if self.flat[place] == slot {
            self.flat[place] = NIL;
        } else {
            self.remove_older(orders, id);
        }
    }

    fn remove_older(&mut self, orders: &[Order], id: u64) {
        let mask = self.older.len() - 1;
        let mut hole = self.find_older(orders, id).expect("a resting order is indexed");
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.older[at];
            if entry.slot == NIL {
                break;
            }
            // It may fill the hole unless its home lies behind the hole.
            let from_home = at.wrapping_sub(self.home(entry.tag)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.older[hole] = entry;
                hole = at;
            }
        }
        self.older[hole] = VACANT;
        self.older_count -= 1;
    }

    /// Places of both tables; for tests.
    #[cfg(test)]
    pub(super) fn entries(&self) -> (usize, usize) {
        (self.flat.len(), self.older.len())
    }

    /// How many orders it knows, counted entry by entry.
    pub(super) fn count(&self) -> usize {
        let flat = self.flat.iter().filter(|slot| **slot != NIL).count();
        let older = self.older.iter().filter(|entry| entry.slot != NIL).count();
        assert_eq!(older, self.older_count, "count of older orders");
        assert!(older * 2 <= self.older.len(), "the hash table is at most half full");
        flat + older
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::matching::Books;
    use crate::types::{OrderId, Price, Quantity, Side};

    #[test]
    fn young_orders_of_rising_ids_are_found_without_hashing() {
        let mut books = Books::with_capacity(64);
        let book = books.add_book(Price(1));
        for id in 1..=64 * FLAT_FACTOR as u64 {
            books.insert(book, OrderId(id), Side::Buy, Price(1), Quantity(1));
        }
        assert_eq!(books.index.older_count, 0);
        books.insert(book, OrderId(1_000), Side::Buy, Price(1), Quantity(1));
        assert_eq!(books.index.older_count, 1);
    }

    #[test]
    fn older_orders_are_spread_over_the_hash_table() {
        let index = IdIndex::with_capacity(1_024);
        for stride in [1, 2, 100, 1 << 12, 1 << 20] {
            let homes: BTreeSet<_> = (1..=1_024).map(|n| index.home(n * stride)).collect();
            assert!(homes.len() > 512, "{} homes at a stride of {stride}", homes.len());
        }
    }
}
