//! Client order ids of orders that have finished: the last 64 of each account may not be used
//! again.
//!
//! ```text
//!   ring of an account: tags [ 2 bytes each ]   chunks [ · | · | 1 | ... ]   count
//!   chunks of all:      0 [ 8 × (id, order) ]   1 [ ... ]   2 [ ... ]  ◀──┘
//! ```
//!
//! Nearly every look-up ends with the tags, which lie in two cache lines. The ids themselves are
//! written where the oldest ones were, and seldom read. An account gets a chunk when it needs
//! one, because many have few finished orders.

use super::live_ids::ClientTag;
use crate::limits::FINISHED_CLIENT_IDS;
use crate::memory::{prefetch, prefetch_item, push, table};
use crate::types::{ClientOrderId, OrderId};

/// Ids of one chunk.
const CHUNK_IDS: usize = 8;

/// Chunks of an account that has all of its ids.
const CHUNKS: usize = FINISHED_CLIENT_IDS / CHUNK_IDS;

const _: () = assert!(FINISHED_CLIENT_IDS.is_multiple_of(CHUNK_IDS));

/// A finished id, and the order that had it.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Finished {
    id: ClientOrderId,
    order: OrderId,
}

const _: () = assert!(size_of::<Finished>() == 32);

const NOTHING: Finished = Finished { id: ClientOrderId::EMPTY, order: OrderId(0) };

/// The finished ids of an account. It begins with a cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Ring {
    tags: [u16; FINISHED_CLIENT_IDS],
    /// Those that `count` has come to.
    chunks: [u32; CHUNKS],
    /// How many have finished, ever.
    count: u64,
}

impl Ring {
    const NEW: Ring = Ring { tags: [0; FINISHED_CLIENT_IDS], chunks: [0; CHUNKS], count: 0 };

    /// The place of an id, by its number from 0.
    #[inline]
    fn place(number: u64) -> usize {
        number as usize % FINISHED_CLIENT_IDS
    }

    /// The numbers of those that are remembered, oldest first.
    fn remembered(&self) -> std::ops::Range<u64> {
        self.count.saturating_sub(FINISHED_CLIENT_IDS as u64)..self.count
    }
}

/// The finished ids of all accounts.
#[derive(Clone, Debug)]
pub struct FinishedIds {
    /// By account slot.
    rings: Vec<Ring>,
    chunks: Vec<[Finished; CHUNK_IDS]>,
}

impl FinishedIds {
    /// Room for `ids` before memory is asked for, if accounts have them in whole chunks.
    #[must_use]
    pub fn with_capacity(ids: usize) -> Self {
        Self { rings: Vec::new(), chunks: table(ids.div_ceil(CHUNK_IDS)) }
    }

    /// A ring for the next account slot.
    pub fn open(&mut self) {
        push(&mut self.rings, Ring::NEW);
    }

    /// The order that had this id, if it is remembered.
    #[must_use]
    #[inline]
    pub fn find(&self, account: u32, tag: ClientTag, id: ClientOrderId) -> Option<OrderId> {
        let (ring, short) = (&self.rings[account as usize], tag.short());
        // All of them, without a branch: the compiler makes a few wide comparisons of it.
        let found = ring.tags.iter().fold(false, |found, tag| found | (*tag == short));
        if found { self.search(ring, short, id) } else { None }
    }

    #[cold]
    fn search(&self, ring: &Ring, short: u16, id: ClientOrderId) -> Option<OrderId> {
        let mut alike = ring.remembered().filter(|number| ring.tags[Ring::place(*number)] == short);
        let found = alike.find(|number| self.at(ring, *number).id == id);
        found.map(|number| self.at(ring, number).order)
    }

    /// An id finishes that is not remembered; the account's oldest one may be forgotten.
    #[inline]
    pub fn finish(&mut self, account: u32, tag: ClientTag, id: ClientOrderId, order: OrderId) {
        let ring = &mut self.rings[account as usize];
        let place = Ring::place(ring.count);
        let (chunk, within) = (place / CHUNK_IDS, place % CHUNK_IDS);
        if within == 0 && ring.count < FINISHED_CLIENT_IDS as u64 {
            let next = u32::try_from(self.chunks.len());
            ring.chunks[chunk] = next.expect("eight chunks for each of at most 2^20 accounts");
            push(&mut self.chunks, [NOTHING; CHUNK_IDS]);
        }
        ring.count += 1;
        ring.tags[place] = tag.short();
        self.chunks[ring.chunks[chunk] as usize][within] = Finished { id, order };
    }

    /// The finished ids of an account, oldest first, each with its order.
    pub fn of_account(&self, account: u32) -> impl Iterator<Item = (ClientOrderId, OrderId)> {
        let ring = &self.rings[account as usize];
        ring.remembered().map(|number| {
            let Finished { id, order } = *self.at(ring, number);
            (id, order)
        })
    }

    #[inline]
    fn at(&self, ring: &Ring, number: u64) -> &Finished {
        let place = Ring::place(number);
        &self.chunks[ring.chunks[place / CHUNK_IDS] as usize][place % CHUNK_IDS]
    }

    /// Begins to fetch what a look-up, or an id that finishes, reads of an account.
    #[inline]
    pub fn prefetch(&self, account: u32) {
        prefetch(&self.rings, account as usize);
    }

    /// Begins to fetch where an account's next finished id goes; reads what [`Self::prefetch`]
    /// began to fetch.
    #[inline]
    pub fn prefetch_next(&self, account: u32) {
        let Some(ring) = self.rings.get(account as usize) else { return };
        let place = Ring::place(ring.count);
        if let Some(chunk) = self.chunks.get(ring.chunks[place / CHUNK_IDS] as usize) {
            prefetch_item(&chunk[place % CHUNK_IDS]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn id(n: u64) -> ClientOrderId {
        ClientOrderId::new(&format!("c{n}")).unwrap()
    }

    /// The naive twin: a queue an account.
    #[test]
    fn it_agrees_with_queues() {
        let mut ids = FinishedIds::with_capacity(0);
        let mut queues = vec![VecDeque::new(); 3];
        (0..3).for_each(|_| ids.open());
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for order in 1..=10_000_u64 {
            let account = below(3) as u32;
            let id = id(below(200));
            let tag = ClientTag::new(account, id);
            let queue = &mut queues[account as usize];
            let known = queue.iter().find(|(known, _)| *known == id).map(|(_, order)| *order);
            assert_eq!(ids.find(account, tag, id), known);
            if known.is_none() {
                ids.finish(account, tag, id, OrderId(order));
                queue.push_back((id, OrderId(order)));
                if queue.len() > FINISHED_CLIENT_IDS {
                    queue.pop_front();
                }
                assert_eq!(ids.of_account(account).collect::<Vec<_>>(), Vec::from(queue.clone()));
            }
        }
    }

    /// Ids whose tags are alike are told apart, and a place that was never used is no id.
    #[test]
    fn a_tag_alone_decides_nothing() {
        let mut ids = FinishedIds::with_capacity(8);
        ids.open();
        assert_eq!(ids.find(0, ClientTag::default(), ClientOrderId::EMPTY), None);
        let tag = ClientTag::new(0, id(0));
        (1..=64).for_each(|n| ids.finish(0, tag, id(n), OrderId(n)));
        assert_eq!(ids.find(0, tag, id(64)), Some(OrderId(64)));
        assert_eq!(ids.find(0, tag, id(1)), Some(OrderId(1)));
        assert_eq!(ids.find(0, tag, id(65)), None);
    }

    #[test]
    fn nothing_grows_within_the_capacity() {
        for capacity in [8_u64, 64, 128] {
            let mut ids = FinishedIds::with_capacity(capacity as usize);
            let room = ids.chunks.capacity();
            for account in 0..capacity.div_ceil(64) {
                ids.open();
                let account = account as u32;
                for n in 0..if capacity < 64 { capacity } else { 1_000 } {
                    ids.finish(account, ClientTag::new(account, id(n)), id(n), OrderId(n));
                }
            }
            assert_eq!(ids.chunks.capacity(), room, "{capacity} ids");
        }
    }
}
