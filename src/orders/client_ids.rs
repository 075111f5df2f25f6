//! Client order ids: which of an account's are in use, and the last 64 that were.
//!
//! One table of entries for all accounts, found by hash. A finished id stays in its account's
//! first-in-first-out list, threaded through the entries, until 64 newer ones have finished.
//!
//! ```text
//!   places:  [ · | 3 | · | 1 | 2 | · ]      by hash of (account, id), open addressing
//!   entries: 1 {account, id, order}   2 {..., next ─▶ 3}   3 {...}
//!   list of an account: oldest ─▶ 2, newest ─▶ 3, length 2
//! ```

use crate::limits::FINISHED_CLIENT_IDS;
use crate::types::{ClientOrderId, OrderId};

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: ClientOrderId,
    /// The account's slot.
    account: u32,
    order: OrderId,
    /// The next finished one of the account, or the next free entry.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    newest: u32,
    length: u32,
}

/// The client order ids of all accounts.
#[derive(Clone, Debug)]
pub struct ClientIds {
    places: Vec<u32>,
    entries: Vec<Entry>,
    free: u32,
    used: usize,
    /// By account slot.
    finished: Vec<List>,
}

impl ClientIds {
    /// Room for `ids` before memory is asked for.
    #[must_use]
    pub fn with_capacity(ids: usize) -> Self {
        Self {
            places: vec![NONE; (ids.max(8) * 2).next_power_of_two()],
            entries: Vec::with_capacity(ids),
            free: NONE,
            used: 0,
            finished: Vec::new(),
        }
    }

    /// A list for the next account slot.
    pub fn open(&mut self) {
        self.finished.push(List { oldest: NONE, newest: NONE, length: 0 });
    }

    /// The order, live or finished, that has this id.
    #[must_use]
    #[inline]
    pub fn find(&self, account: u32, id: ClientOrderId) -> Option<OrderId> {
        let entry = self.places[self.place_of(account, id)];
        (entry != NONE).then(|| self.entries[entry as usize].order)
    }

    /// Takes an id that is not in use.
    #[inline]
    pub fn insert(&mut self, account: u32, id: ClientOrderId, order: OrderId) {
        if (self.used + 1) * 2 > self.places.len() {
            self.grow();
        }
        let entry = Entry { id, account, order, next: NONE };
        let at = if self.free == NONE {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 ids")
        } else {
            let at = self.free;
            self.free = self.entries[at as usize].next;
            self.entries[at as usize] = entry;
            at
        };
        let place = self.place_of(account, id);
        assert!(self.places[place] == NONE, "client order id {id} is in use");
        self.places[place] = at;
        self.used += 1;
    }

    /// An id that is in use finishes; the oldest finished one may be forgotten.
    #[inline]
    pub fn finish(&mut self, account: u32, id: ClientOrderId) {
        let entry = self.places[self.place_of(account, id)];
        assert!(entry != NONE, "client order id {id} is not in use");
        let list = &mut self.finished[account as usize];
        if list.newest == NONE {
            list.oldest = entry;
        } else {
            self.entries[list.newest as usize].next = entry;
        }
        list.newest = entry;
        if list.length as usize == FINISHED_CLIENT_IDS {
            let oldest = list.oldest;
            list.oldest = self.entries[oldest as usize].next;
            self.forget(oldest);
        } else {
            list.length += 1;
        }
    }

    /// The finished ids of an account, oldest first, each with its order.
    pub fn finished(&self, account: u32) -> impl Iterator<Item = (ClientOrderId, OrderId)> {
        let mut at = self.finished[account as usize].oldest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.next;
            Some((entry.id, entry.order))
        })
    }

    /// Where an id is, or would be put.
    #[inline]
    fn place_of(&self, account: u32, id: ClientOrderId) -> usize {
        let mask = self.places.len() - 1;
        let mut place = self.home(account, id);
        loop {
            let entry = self.places[place];
            if entry == NONE {
                return place;
            }
            let found = &self.entries[entry as usize];
            if found.id == id && found.account == account {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn home(&self, account: u32, id: ClientOrderId) -> usize {
        let word = |from: usize| {
            u64::from_le_bytes(std::array::from_fn(|n| *id.0.get(from + n).unwrap_or(&0)))
        };
        let mut hash = u64::from(account).wrapping_add(0x9E37_79B9_7F4A_7C15);
        for word in [word(0), word(8), word(16)] {
            hash = (hash ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            hash ^= hash >> 31;
        }
        (hash >> 8) as usize & (self.places.len() - 1)
    }

    /// Takes an entry out and closes the hole it leaves among the places.
    fn forget(&mut self, entry: u32) {
        let Entry { id, account, .. } = self.entries[entry as usize];
        let mask = self.places.len() - 1;
        let mut hole = self.place_of(account, id);
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let moved = self.places[place];
            if moved == NONE {
                break;
            }
            let Entry { id, account, .. } = self.entries[moved as usize];
            let home = self.home(account, id);
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                self.places[hole] = moved;
                hole = place;
            }
        }
        self.places[hole] = NONE;
        self.entries[entry as usize].next = self.free;
        self.free = entry;
        self.used -= 1;
    }

    fn grow(&mut self) {
        let larger = vec![NONE; self.places.len() * 2];
        for entry in std::mem::replace(&mut self.places, larger) {
            if entry != NONE {
                let Entry { id, account, .. } = self.entries[entry as usize];
                let place = self.place_of(account, id);
                self.places[place] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::btree_map::Entry;
    use std::collections::{BTreeMap, VecDeque};

    /// The naive twin: a map of ids in use, and a queue of finished ones an account.
    #[test]
    fn it_agrees_with_a_map_and_queues() {
        let mut ids = ClientIds::with_capacity(0);
        let mut in_use: BTreeMap<(u32, ClientOrderId), OrderId> = BTreeMap::new();
        let mut live: Vec<(u32, ClientOrderId)> = Vec::new();
        let mut queues = vec![VecDeque::new(); 3];
        (0..3).for_each(|_| ids.open());
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for order in 1..=30_000_u64 {
            let account = below(3) as u32;
            let id = ClientOrderId::new(&format!("c{}", below(400))).unwrap();
            assert_eq!(ids.find(account, id), in_use.get(&(account, id)).copied());
            if let Entry::Vacant(vacant) = in_use.entry((account, id)) {
                ids.insert(account, id, OrderId(order));
                vacant.insert(OrderId(order));
                live.push((account, id));
            }
            if live.len() > 100 {
                let (account, id) = live.swap_remove(below(100) as usize);
                ids.finish(account, id);
                let queue = &mut queues[account as usize];
                queue.push_back(id);
                if queue.len() > FINISHED_CLIENT_IDS {
                    in_use.remove(&(account, queue.pop_front().unwrap()));
                }
                let listed: Vec<_> = ids.finished(account).map(|(id, _)| id).collect();
                assert_eq!(listed, Vec::from(queue.clone()));
            }
            // Half empty, so that a search meets few others.
            assert!(ids.used * 2 <= ids.places.len(), "{} of {}", ids.used, ids.places.len());
        }
    }

    /// No memory is asked for after the start, and none is lost.
    #[test]
    fn nothing_grows_within_the_capacity() {
        for capacity in [8, 64, 1_000] {
            let mut ids = ClientIds::with_capacity(capacity);
            ids.open();
            let room = (ids.places.len(), ids.entries.capacity());
            let id = |n: usize| ClientOrderId::new(&format!("c{n}")).unwrap();
            (0..capacity).for_each(|n| ids.insert(0, id(n), OrderId(n as u64 + 1)));
            (0..capacity).for_each(|n| ids.finish(0, id(n)));
            // What was forgotten makes room for as many new ones.
            let forgotten = capacity.saturating_sub(FINISHED_CLIENT_IDS);
            (0..forgotten).for_each(|n| ids.insert(0, id(n), OrderId(1)));
            assert_eq!((ids.places.len(), ids.entries.capacity()), room, "{capacity} ids");
        }
    }

    /// A search meets few others, also among ids that differ in their last digit or account only.
    #[test]
    fn ids_are_spread_over_the_places() {
        let mut ids = ClientIds::with_capacity(1_024);
        let id = |n: u64| ClientOrderId::new(&format!("order-{n:012}")).unwrap();
        (0..1_024).for_each(|n| ids.insert(n as u32 % 2, id(n / 2), OrderId(n + 1)));
        let mask = ids.places.len() - 1;
        let behind = |n: u64| {
            let (account, id) = (n as u32 % 2, id(n / 2));
            ids.place_of(account, id).wrapping_sub(ids.home(account, id)) & mask
        };
        let (sum, most) = (0..1_024)
            .map(behind)
            .fold((0, 0), |(sum, most), behind| (sum + behind, most.max(behind)));
        // Half full, random places give a half on average (Knuth, linear probing).
        assert!(sum <= 1_024 && most <= 32, "{sum} places behind home, at most {most}");
    }
}
