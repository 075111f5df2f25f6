//! All books over one slab of orders.
//!
//! An order is half a cache line. Its slot never moves while it rests, so that other modules can
//! keep what they know of it in an array of their own under the same number.

use super::index::IdIndex;
use super::ladder::{Ladder, Levels};
use super::{BookIndex, Level, NIL, OrderSlot, Resting};
use crate::memory::table;
use crate::types::{OrderId, Price, Quantity, Side};

/// A place in the slab.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) quantity: u64,
    /// Its level, `NIL` while the place is free.
    pub(super) level: u32,
    /// The order before it in its level.
    pub(super) previous: u32,
    /// The order behind it in its level, or the next free place.
    pub(super) next: u32,
    /// Its ladder: twice the book, plus the side.
    pub(super) ladder: u32,
}

const _: () = assert!(size_of::<Order>() == 32);

const FREE: Order = Order { id: 0, quantity: 0, level: NIL, previous: NIL, next: NIL, ladder: 0 };

/// The books of all instruments.
#[derive(Clone)]
pub struct Books {
    pub(super) orders: Vec<Order>,
    pub(super) levels: Levels,
    /// Bids and asks of each book in turn.
    pub(super) ladders: Vec<Ladder>,
    pub(super) index: IdIndex,
    /// The first free place.
    pub(super) free: u32,
    pub(super) live: usize,
}

impl Books {
    /// Room for this many resting orders over all books: up to there nothing allocates but
    /// [`Books::add_book`]. Beyond, it grows. Takes 64 bytes per order (96 if the number is just
    /// above a power of two), and up to 56 more where each order has a price of its own.
    #[must_use]
    pub fn with_capacity(orders: usize) -> Books {
        Books {
            orders: table(orders),
            levels: Levels::with_capacity(orders),
            ladders: Vec::new(),
            index: IdIndex::with_capacity(orders),
            free: NIL,
            live: 0,
        }
    }

    /// Adds an empty book whose prices will be multiples of `tick`.
    ///
    /// Panics if the tick is not positive.
    pub fn add_book(&mut self, tick: Price) -> BookIndex {
        let book = self.ladders.len() / 2;
        for side in Side::BOTH {
            self.ladders.push(Ladder::new(side, tick));
        }
        BookIndex(u32::try_from(book).expect("fewer books than 2^32"))
    }

    /// Changes the tick of an empty book.
    ///
    /// Panics if an order rests in it, or if the tick is not positive.
    pub fn set_tick(&mut self, book: BookIndex, tick: Price) {
        for side in Side::BOTH {
            let ladder = ladder_of(book, side);
            self.ladders[ladder].set_tick(tick);
        }
    }

    /// Rests an order, last at its price. It does not trade: see [`Books::sweep`].
    ///
    /// Panics if the id rests already, or the quantity is 0.
    #[inline]
    pub fn insert(
        &mut self,
        book: BookIndex,
        id: OrderId,
        side: Side,
        price: Price,
        quantity: Quantity,
    ) -> OrderSlot {
        assert!(quantity.0 > 0, "order {id} without quantity");
        let ladder = ladder_of(book, side);
        debug_assert!(self.ladders[ladder].is_aligned(price), "price {price} is off the tick");
        let level = self.levels.find_or_add(&mut self.ladders[ladder], price);
        let slot = self.take_slot();
        self.index.insert(&self.orders, id.0, slot);

        let node = &mut self.levels.nodes[level as usize];
        let previous = node.tail;
        node.tail = slot;
        node.orders += 1;
        node.quantity += quantity.0;
        if previous == NIL {
            node.head = slot;
        } else {
            self.orders[previous as usize].next = slot;
        }
        self.orders[slot as usize] = Order {
            id: id.0,
            quantity: quantity.0,
            level,
            previous,
            next: NIL,
            ladder: ladder as u32,
        };
        self.live += 1;
        OrderSlot(slot)
    }

    /// Takes a resting order out of its book; returns it as it was.
    ///
    /// Panics if no order rests in the slot.
    #[inline]
    pub fn remove(&mut self, slot: OrderSlot) -> Resting {
        let resting = self.get(slot);
        self.detach(slot.0);
        resting
    }

    /// Makes a resting order smaller; it keeps its place.
    ///
    /// Panics if no order rests in the slot, or if it has no more than `by`.
    #[inline]
    pub fn reduce(&mut self, slot: OrderSlot, by: Quantity) {
        let order = &mut self.orders[slot.0 as usize];
        assert!(order.level != NIL, "no order rests in slot {}", slot.0);
        assert!(by.0 < order.quantity, "order {} reduced by {by}", order.id);
        order.quantity -= by.0;
        self.levels.nodes[order.level as usize].quantity -= by.0;
    }

    /// Where an order rests, if it does.
    #[must_use]
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<OrderSlot> {
        self.index.find(&self.orders, id.0).map(OrderSlot)
    }

    /// The order that rests in a slot.
    ///
    /// Panics if none does.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: OrderSlot) -> Resting {
        let order = &self.orders[slot.0 as usize];
        assert!(order.level != NIL, "no order rests in slot {}", slot.0);
        Resting {
            id: OrderId(order.id),
            side: Side::BOTH[order.ladder as usize % 2],
            price: self.levels.nodes[order.level as usize].price,
            quantity: Quantity(order.quantity),
            book: BookIndex(order.ladder / 2),
        }
    }

    /// The best level of a side.
    #[must_use]
    #[inline]
    pub fn best(&self, book: BookIndex, side: Side) -> Option<Level> {
        let best = self.ladders[ladder_of(book, side)].best;
        (best != NIL).then(|| self.levels.view(best))
    }

    /// The open quantity at a price, 0 if nothing rests there.
    #[must_use]
    #[inline]
    pub fn quantity_at(&self, book: BookIndex, side: Side, price: Price) -> Quantity {
        let ladder = &self.ladders[ladder_of(book, side)];
        let level = self.levels.find(ladder, price);
        Quantity(level.map_or(0, |level| self.levels.nodes[level as usize].quantity))
    }

    /// The order of a side that trades first.
    #[must_use]
    #[inline]
    pub fn first(&self, book: BookIndex, side: Side) -> Option<OrderSlot> {
        self.first_of(self.ladders[ladder_of(book, side)].best)
    }

    /// The order of the same side that trades after this one.
    ///
    /// Panics if no order rests in the slot.
    #[must_use]
    #[inline]
    pub fn next(&self, slot: OrderSlot) -> Option<OrderSlot> {
        let order = &self.orders[slot.0 as usize];
        assert!(order.level != NIL, "no order rests in slot {}", slot.0);
        if order.next != NIL {
            return Some(OrderSlot(order.next));
        }
        self.first_of(self.levels.nodes[order.level as usize].worse)
    }

    #[inline]
    fn first_of(&self, level: u32) -> Option<OrderSlot> {
        (level != NIL).then(|| OrderSlot(self.levels.nodes[level as usize].head))
    }

    /// The orders of a side in the order in which they trade.
    pub fn orders(&self, book: BookIndex, side: Side) -> impl Iterator<Item = OrderSlot> {
        std::iter::successors(self.first(book, side), |slot| self.next(*slot))
    }

    /// The levels of a side, best first.
    pub fn levels(&self, book: BookIndex, side: Side) -> impl Iterator<Item = Level> {
        let some = |level: u32| (level != NIL).then_some(level);
        let best = some(self.ladders[ladder_of(book, side)].best);
        let worse = move |level: &u32| some(self.levels.nodes[*level as usize].worse);
        std::iter::successors(best, worse).map(|level| self.levels.view(level))
    }

    /// Resting orders over all books.
    #[must_use]
    #[inline]
    pub fn live(&self) -> usize {
        self.live
    }

    /// CRC-32 (IEEE) over bids, then asks, best first and in priority order: of each order its
    /// id (u64), price (i64) and open quantity (u64), little endian. Source: the book checksum of
    /// the market data feed.
    #[must_use]
    pub fn checksum(&self, book: BookIndex) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        for side in Side::BOTH {
            for slot in self.orders(book, side) {
                let order = self.get(slot);
                let mut record = [0; 24];
                record[..8].copy_from_slice(&order.id.0.to_le_bytes());
                record[8..16].copy_from_slice(&order.price.0.to_le_bytes());
                record[16..].copy_from_slice(&order.quantity.0.to_le_bytes());
                crc.update(&record);
            }
        }
        crc.finalize()
    }

    #[inline]
    fn take_slot(&mut self) -> u32 {
        let slot = self.free;
        if slot != NIL {
            self.free = self.orders[slot as usize].next;
            return slot;
        }
        self.orders.push(FREE);
        let slot = self.orders.len() - 1;
        assert!(slot < NIL as usize, "more orders than slots");
        slot as u32
    }

    /// Takes an order out of its level, the level out of its ladder if it was alone, and frees
    /// its place.
    #[inline]
    pub(super) fn detach(&mut self, slot: u32) {
        let order = self.orders[slot as usize];
        self.index.remove(&self.orders, order.id, slot);
        self.orders[slot as usize] = Order { next: self.free, ..FREE };
        self.free = slot;
        self.live -= 1;

        let node = &mut self.levels.nodes[order.level as usize];
        node.orders -= 1;
        node.quantity -= order.quantity;
        if order.previous == NIL {
            node.head = order.next;
        }
        if order.next == NIL {
            node.tail = order.previous;
        }
        if node.orders == 0 {
            self.levels.remove(&mut self.ladders[order.ladder as usize], order.level);
            return;
        }
        if order.previous != NIL {
            self.orders[order.previous as usize].next = order.next;
        }
        if order.next != NIL {
            self.orders[order.next as usize].previous = order.previous;
        }
    }
}

/// The place of one side of a book among the ladders.
#[inline]
pub(super) const fn ladder_of(book: BookIndex, side: Side) -> usize {
    book.0 as usize * 2 + side.index()
}
