//! Client order ids: which of an account's are in use, and the last 64 that were.
//!
//! One table of entries for all accounts, found by hash. A finished id stays in its account's ring
//! until 64 newer ones have finished.
//!
//! ```text
//!   places:  [ · | 3 | · | 1 | 2 | · ]      by hash of (account, id), open addressing
//!   entries: 1 {account, id, order}   2 {...}   3 {...}
//!   ring of an account: [ 2 | 3 | · | ... ], the place after the newest is the oldest's
//! ```
//!
//! Places and rings hold the hash beside the entry, so that a look-up reads an entry only if it is
//! the one, and an id is forgotten without reading any: each of them is a wait for memory.

use crate::limits::FINISHED_CLIENT_IDS;
use crate::memory::{filled_table, prefetch, push, table};
use crate::types::{ClientOrderId, OrderId};

const NONE: u32 = u32::MAX;

/// How far from its home most ids lie at the most: often in the next cache line.
const NEAR: usize = 2;

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: ClientOrderId,
    /// The account's slot.
    account: u32,
    order: OrderId,
}

/// An id that was taken: what it is finished by.
#[derive(Clone, Copy, Debug)]
pub struct ClientEntry {
    /// The hash of the entry's account and id; its low bits are its home among the places.
    tag: u32,
    entry: u32,
}

impl ClientEntry {
    /// No id.
    pub(super) const NONE: Self = Self { tag: 0, entry: NONE };

    /// Whether it is none.
    #[inline]
    fn is_none(self) -> bool {
        self.entry == NONE
    }
}

/// Where an id that is not in use can be put.
#[derive(Clone, Copy, Debug)]
pub struct Vacancy {
    tag: u32,
    place: usize,
}

/// The finished ids of an account. It begins with a cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Ring([ClientEntry; FINISHED_CLIENT_IDS]);

/// The client order ids of all accounts.
#[derive(Clone, Debug)]
pub struct ClientIds {
    places: Vec<ClientEntry>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    used: usize,
    /// By account slot.
    finished: Vec<Ring>,
    /// How many have finished, ever, by account slot.
    counts: Vec<u64>,
}

impl ClientIds {
    /// Room for `ids` before memory is asked for.
    #[must_use]
    pub fn with_capacity(ids: usize) -> Self {
        Self {
            places: filled_table(ClientEntry::NONE, (ids.max(8) * 2).next_power_of_two()),
            entries: table(ids),
            free: table(ids),
            used: 0,
            finished: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// A ring for the next account slot.
    pub fn open(&mut self) {
        push(&mut self.finished, Ring([ClientEntry::NONE; FINISHED_CLIENT_IDS]));
        push(&mut self.counts, 0);
    }

    /// The order, live or finished, that has this id.
    #[must_use]
    #[inline]
    pub fn find(&self, account: u32, id: ClientOrderId) -> Option<OrderId> {
        self.look_up(account, id).err()
    }

    /// Where an id can be put by [`Self::insert_at`], as long as nothing else is changed; or the
    /// order, live or finished, that has it.
    #[inline]
    pub fn look_up(&self, account: u32, id: ClientOrderId) -> Result<Vacancy, OrderId> {
        let tag = hash(account, id);
        let place = self.place_of(tag, account, id);
        match self.places[place].entry {
            NONE => Ok(Vacancy { tag, place }),
            entry => Err(self.entries[entry as usize].order),
        }
    }

    /// Begins to fetch what a look-up of this id reads.
    #[inline]
    pub fn prefetch(&self, account: u32, id: ClientOrderId) {
        self.prefetch_places(hash(account, id));
    }

    /// Begins to fetch where an account's oldest finished id is named, which is forgotten when the
    /// next one finishes.
    #[inline]
    pub fn prefetch_oldest(&self, account: u32) {
        if let (Some(ring), Some(place)) = self.oldest_place(account) {
            prefetch(&ring.0, place);
        }
    }

    /// Begins to fetch the place of an account's oldest finished id, and its entry, which the next
    /// id will be put in.
    #[inline]
    pub fn prefetch_forgotten(&self, account: u32) {
        let (Some(ring), Some(place)) = self.oldest_place(account) else { return };
        let ClientEntry { tag, entry } = ring.0[place];
        if entry != NONE {
            self.prefetch_places(tag);
            prefetch(&self.entries, entry as usize);
        }
    }

    #[inline]
    fn prefetch_places(&self, tag: u32) {
        let home = tag as usize & (self.places.len() - 1);
        prefetch(&self.places, home);
        prefetch(&self.places, home + NEAR);
    }

    #[inline]
    fn oldest_place(&self, account: u32) -> (Option<&Ring>, Option<usize>) {
        let (ring, count) =
            (self.finished.get(account as usize), self.counts.get(account as usize));
        (ring, count.map(|count| *count as usize % FINISHED_CLIENT_IDS))
    }

    /// Takes an id that is not in use; gives what to finish it by.
    #[inline]
    pub fn insert(&mut self, account: u32, id: ClientOrderId, order: OrderId) -> ClientEntry {
        let vacancy = self.look_up(account, id).unwrap_or_else(|order| {
            panic!("client order id {id} is in use by order {order}");
        });
        self.insert_at(vacancy, account, id, order)
    }

    /// Takes an id at the place that was found for it; gives what to finish it by.
    #[inline]
    pub fn insert_at(
        &mut self,
        Vacancy { tag, mut place }: Vacancy,
        account: u32,
        id: ClientOrderId,
        order: OrderId,
    ) -> ClientEntry {
        if (self.used + 1) * 2 > self.places.len() {
            self.grow();
            place = self.place_of(tag, account, id);
        }
        assert!(self.places[place].is_none(), "client order id {id} is in use");
        let entry = Entry { id, account, order };
        let at = if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            at
        } else {
            push(&mut self.entries, entry);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 ids")
        };
        let taken = ClientEntry { tag, entry: at };
        self.places[place] = taken;
        self.used += 1;
        taken
    }

    /// An id finishes, once; the account's oldest finished one may be forgotten.
    #[inline]
    pub fn finish(&mut self, account: u32, entry: ClientEntry) {
        let count = &mut self.counts[account as usize];
        let place = *count as usize % FINISHED_CLIENT_IDS;
        let oldest = std::mem::replace(&mut self.finished[account as usize].0[place], entry);
        *count += 1;
        if !oldest.is_none() {
            self.forget(oldest);
        }
    }

    /// The finished ids of an account, oldest first, each with its order.
    pub fn finished(&self, account: u32) -> impl Iterator<Item = (ClientOrderId, OrderId)> {
        let ring = &self.finished[account as usize];
        let count = self.counts[account as usize];
        let oldest = count.saturating_sub(FINISHED_CLIENT_IDS as u64);
        (oldest..count).map(|n| {
            let finished = ring.0[n as usize % FINISHED_CLIENT_IDS];
            let entry = &self.entries[finished.entry as usize];
            (entry.id, entry.order)
        })
    }

    /// Where an id is, or would be put.
    #[inline]
    fn place_of(&self, tag: u32, account: u32, id: ClientOrderId) -> usize {
        let mask = self.places.len() - 1;
        let mut place = tag as usize & mask;
        loop {
            let ClientEntry { tag: found, entry } = self.places[place];
            if entry == NONE {
                return place;
            }
            if found == tag {
                let found = &self.entries[entry as usize];
                if found.id == id && found.account == account {
                    return place;
                }
            }
            place = (place + 1) & mask;
        }
    }

    /// Takes an entry out and closes the hole it leaves among the places.
    fn forget(&mut self, ClientEntry { tag, entry }: ClientEntry) {
        let mask = self.places.len() - 1;
        let mut hole = tag as usize & mask;
        while self.places[hole].entry != entry {
            hole = (hole + 1) & mask;
        }
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let moved = self.places[place];
            if moved.is_none() {
                break;
            }
            let home = moved.tag as usize & mask;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                self.places[hole] = moved;
                hole = place;
            }
        }
        self.places[hole] = ClientEntry::NONE;
        self.free.push(entry);
        self.used -= 1;
    }

    fn grow(&mut self) {
        let larger = filled_table(ClientEntry::NONE, self.places.len() * 2);
        let mask = larger.len() - 1;
        for moved in std::mem::replace(&mut self.places, larger) {
            if !moved.is_none() {
                let mut place = moved.tag as usize & mask;
                while self.places[place].entry != NONE {
                    place = (place + 1) & mask;
                }
                self.places[place] = moved;
            }
        }
    }
}

#[inline]
fn hash(account: u32, id: ClientOrderId) -> u32 {
    let [low, middle, high] = words(id);
    let mut hash = u64::from(account).wrapping_add(0x9E37_79B9_7F4A_7C15);
    for word in [low, middle, high] {
        hash = (hash ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash ^= hash >> 31;
    }
    (hash >> 8) as u32
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
        let mut live: Vec<(u32, ClientOrderId, ClientEntry)> = Vec::new();
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
                let entry = ids.insert(account, id, OrderId(order));
                vacant.insert(OrderId(order));
                live.push((account, id, entry));
            }
            if live.len() > 100 {
                let (account, id, entry) = live.swap_remove(below(100) as usize);
                ids.finish(account, entry);
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
            let entries: Vec<ClientEntry> =
                (0..capacity).map(|n| ids.insert(0, id(n), OrderId(n as u64 + 1))).collect();
            entries.into_iter().for_each(|entry| ids.finish(0, entry));
            // What was forgotten makes room for as many new ones.
            for n in 0..capacity.saturating_sub(FINISHED_CLIENT_IDS) {
                ids.insert(0, id(n), OrderId(1));
            }
            assert_eq!((ids.places.len(), ids.entries.capacity()), room, "{capacity} ids");
        }
    }

    /// A search meets few others, also among ids that differ in their last digit or account only.
    #[test]
    fn ids_are_spread_over_the_places() {
        let mut ids = ClientIds::with_capacity(1_024);
        let id = |n: u64| ClientOrderId::new(&format!("order-{n:012}")).unwrap();
        for n in 0..1_024 {
            ids.insert(n as u32 % 2, id(n / 2), OrderId(n + 1));
        }
        let mask = ids.places.len() - 1;
        let behind = |n: u64| {
            let (account, id) = (n as u32 % 2, id(n / 2));
            let tag = hash(account, id);
            ids.place_of(tag, account, id).wrapping_sub(tag as usize) & mask
        };
        let (sum, most) = (0..1_024)
            .map(behind)
            .fold((0, 0), |(sum, most), behind| (sum + behind, most.max(behind)));
        // Half full, random places give a half on average (Knuth, linear probing).
        assert!(sum <= 1_024 && most <= 32, "{sum} places behind home, at most {most}");
    }
}
