//! One instrument's L3 book: every resting order, by price and then by time.
//!
//! ```text
//!  levels, best first          a level's orders, first come first
//!  bids  100.20 ──▶ queue ───▶ #7  250 ⇄ #9  100 ⇄ #12  50
//!        100.10 ──▶ queue ───▶ #3  900
//!  index  order id ─▶ slot of the slab that all orders of the book live in
//! ```
//!
//! An order knows its queue, so the levels are searched only when an order comes, and when a queue
//! empties: most changes cost one look-up by order id.
//!
//! Prices are in 1/10,000 of the currency unit, quantities in shares. Nothing here matches
//! orders: a feed says what happened, and a book only follows. What cannot be is an error with
//! its values, and the book goes on from what the feed said.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::fmt;

use isochron_messages::Side;

use crate::checksum::{L2Checksum, L3Checksum};
use crate::index::IdMap;
use crate::limits::ORDERS_MAX;

/// No slot.
const NONE: u32 = u32::MAX;

/// A change that cannot be true of the book it was applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookError {
    /// No such order rests here. Nothing was changed.
    UnknownOrder {
        /// The order.
        order_id: u64,
    },
    /// The order rests here already. Nothing was changed.
    DuplicateOrder {
        /// The order.
        order_id: u64,
    },
    /// Neither buy nor sell. Nothing was changed.
    UnknownSide {
        /// The order.
        order_id: u64,
        /// Its side's code.
        code: u8,
    },
    /// An order of no shares. Nothing was changed.
    QuantityZero {
        /// The order.
        order_id: u64,
    },
    /// What was taken and what remains are not what was there. The book has what remains.
    QuantityMismatch {
        /// The order.
        order_id: u64,
        /// Shares that rested.
        rested: u64,
        /// Shares said to be taken.
        taken: u64,
        /// Shares said to remain.
        remaining: u64,
    },
    /// A price level's shares would pass the largest number. Nothing was changed.
    QuantityOverflow {
        /// The order.
        order_id: u64,
    },
    /// As many orders rest as a book holds. Nothing was changed.
    TooManyOrders {
        /// The order.
        order_id: u64,
    },
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOrder { order_id } => write!(f, "order {order_id} does not rest"),
            Self::DuplicateOrder { order_id } => write!(f, "order {order_id} rests already"),
            Self::UnknownSide { order_id, code } => write!(f, "order {order_id}: side {code}"),
            Self::QuantityZero { order_id } => write!(f, "order {order_id}: no shares"),
            Self::QuantityMismatch { order_id, rested, taken, remaining } => write!(
                f,
                "order {order_id}: {taken} of {rested} shares taken do not leave {remaining}"
            ),
            Self::QuantityOverflow { order_id } => {
                write!(f, "order {order_id}: its level's shares pass the largest number")
            }
            Self::TooManyOrders { order_id } => {
                write!(f, "order {order_id}: the book holds no more than {ORDERS_MAX}")
            }
        }
    }
}

impl std::error::Error for BookError {}

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub order_id: u64,
    /// Its side.
    pub side: Side,
    /// Its limit price.
    pub price: i64,
    /// What is left of it.
    pub quantity: u64,
}

/// A price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: i64,
    /// Shares of all its orders.
    pub quantity: u64,
    /// Its orders.
    pub orders: u32,
}

/// A slot of the slab: an order, its neighbours in its level, and the level's queue. Free slots are
/// chained by `next`.
#[derive(Clone, Copy)]
struct Slot {
    order: Order,
    previous: u32,
    next: u32,
    queue: u32,
}

/// A level's orders, first and last in priority. Free queues are chained by `first`.
#[derive(Clone, Copy)]
struct Queue {
    quantity: u64,
    orders: u32,
    first: u32,
    last: u32,
}

/// A book. `add`, `take`, `delete` and `modify` follow the L3 messages of the same purpose.
pub struct Book {
    slots: Vec<Slot>,
    free: u32,
    index: IdMap<u64, u32>,
    queues: Vec<Queue>,
    free_queue: u32,
    /// Queues of bids, then asks, by a key that sorts the best price first.
    levels: [BTreeMap<i64, u32>; 2],
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

/// 0 for bids, 1 for asks.
pub(crate) fn place(side: Side) -> Option<usize> {
    match side {
        Side::BUY => Some(0),
        Side::SELL => Some(1),
        _ => None,
    }
}

/// Sorts the best price first; its own inverse. The complement turns the order around without
/// an overflow at the smallest number.
pub(crate) fn key(place: usize, price: i64) -> i64 {
    if place == 0 { !price } else { price }
}

impl Book {
    /// An empty book. It allocates as it grows.
    #[must_use]
    pub fn new() -> Book {
        Book {
            slots: Vec::new(),
            free: NONE,
            index: IdMap::default(),
            queues: Vec::new(),
            free_queue: NONE,
            levels: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    /// Resting orders.
    #[must_use]
    pub fn order_count(&self) -> usize {
        self.index.len()
    }

    /// Price levels of both sides.
    #[must_use]
    pub fn level_count(&self) -> usize {
        self.levels.iter().map(BTreeMap::len).sum()
    }

    /// A resting order.
    #[must_use]
    pub fn order(&self, order_id: u64) -> Option<Order> {
        let slot = *self.index.get(&order_id)?;
        Some(self.slots[slot as usize].order)
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        place(side).into_iter().flat_map(move |place| {
            self.levels[place].iter().map(move |(sorted, queue)| {
                let Queue { quantity, orders, .. } = self.queues[*queue as usize];
                Level { price: key(place, *sorted), quantity, orders }
            })
        })
    }

    /// The level of a side at a price.
    #[must_use]
    pub fn level(&self, side: Side, price: i64) -> Option<Level> {
        let place = place(side)?;
        let queue = *self.levels[place].get(&key(place, price))?;
        let Queue { quantity, orders, .. } = self.queues[queue as usize];
        Some(Level { price, quantity, orders })
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// The orders of a side: best level first, in priority order.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = Order> + '_ {
        let queues = place(side).into_iter().flat_map(|place| self.levels[place].values());
        queues.flat_map(move |queue| Orders {
            slots: &self.slots,
            next: self.queues[*queue as usize].first,
        })
    }

    /// Whether the best bid is at or above the best ask: after an event, never.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        match (self.best(Side::BUY), self.best(Side::SELL)) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            _ => false,
        }
    }

    /// The L3 checksum: every order.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut checksum = L3Checksum::new();
        for order in self.orders(Side::BUY).chain(self.orders(Side::SELL)) {
            checksum.order(order.order_id, order.price, order.quantity);
        }
        checksum.finish()
    }

    /// The L2 checksum over at most `depth` levels of each side.
    #[must_use]
    pub fn checksum_l2(&self, depth: usize) -> u32 {
        let mut checksum = L2Checksum::new();
        for side in [Side::BUY, Side::SELL] {
            for level in self.levels(side).take(depth) {
                checksum.level(level.price, level.quantity, level.orders);
            }
        }
        checksum.finish()
    }

    /// Forgets every order.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.free = NONE;
        self.index.clear();
        self.queues.clear();
        self.free_queue = NONE;
        self.levels.iter_mut().for_each(BTreeMap::clear);
    }

    /// An order rests, last in its level.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn add(&mut self, order: Order) -> Result<(), BookError> {
        let order_id = order.order_id;
        let Some(place) = place(order.side) else {
            return Err(BookError::UnknownSide { order_id, code: order.side.0 });
        };
        if order.quantity == 0 {
            return Err(BookError::QuantityZero { order_id });
        }
        if self.index.len() == ORDERS_MAX {
            return Err(BookError::TooManyOrders { order_id });
        }
        let Entry::Vacant(entry) = self.index.entry(order_id) else {
            return Err(BookError::DuplicateOrder { order_id });
        };
        let slot = if self.free == NONE { self.slots.len() as u32 } else { self.free };
        let at = *self.levels[place].entry(key(place, order.price)).or_insert_with(|| {
            let empty = Queue { quantity: 0, orders: 0, first: slot, last: NONE };
            keep(&mut self.queues, &mut self.free_queue, empty)
        });
        let queue = &mut self.queues[at as usize];
        let Some(quantity) = queue.quantity.checked_add(order.quantity) else {
            return Err(BookError::QuantityOverflow { order_id });
        };
        let previous = queue.last;
        (queue.quantity, queue.orders, queue.last) = (quantity, queue.orders + 1, slot);
        entry.insert(slot);
        let resting = Slot { order, previous, next: NONE, queue: at };
        if let Some(reused) = self.slots.get_mut(slot as usize) {
            self.free = reused.next;
            *reused = resting;
        } else {
            self.slots.push(resting);
        }
        if previous != NONE {
            self.slots[previous as usize].next = slot;
        }
        Ok(())
    }

    /// Shares of an order were executed or canceled; at 0 remaining it is gone. The order as it
    /// was before.
    ///
    /// # Errors
    /// The order is unknown, or the numbers are not those of the order that rests.
    #[inline]
    pub fn take(&mut self, order_id: u64, taken: u64, remaining: u64) -> Result<Order, BookError> {
        let before = if remaining == 0 {
            self.delete(order_id)?
        } else {
            let slot = self.find(order_id)?;
            let before = self.slots[slot as usize].order;
            self.resize(slot, remaining)?;
            before
        };
        let rested = before.quantity;
        if rested.checked_sub(taken) != Some(remaining) {
            return Err(BookError::QuantityMismatch { order_id, rested, taken, remaining });
        }
        Ok(before)
    }

    /// An order is gone. The order as it was before.
    ///
    /// # Errors
    /// The order is unknown.
    #[inline]
    pub fn delete(&mut self, order_id: u64) -> Result<Order, BookError> {
        let slot = self.index.remove(&order_id).ok_or(BookError::UnknownOrder { order_id })?;
        Ok(self.unlink(slot))
    }

    /// An order has a new price or quantity; `priority_lost` puts it last in its level. The order
    /// as it was before.
    ///
    /// # Errors
    /// The order is unknown, or the quantity cannot be.
    pub fn modify(
        &mut self,
        order_id: u64,
        price: i64,
        quantity: u64,
        priority_lost: bool,
    ) -> Result<Order, BookError> {
        let slot = self.find(order_id)?;
        if quantity == 0 {
            return Err(BookError::QuantityZero { order_id });
        }
        let order = self.slots[slot as usize].order;
        if !priority_lost && price == order.price {
            self.resize(slot, quantity)?;
            return Ok(order);
        }
        self.delete(order_id)?;
        if let Err(error) = self.add(Order { price, quantity, ..order }) {
            // Only the level's sum can refuse it: what rested before still fits its own level.
            self.add(order)?;
            return Err(error);
        }
        Ok(order)
    }

    fn find(&self, order_id: u64) -> Result<u32, BookError> {
        self.index.get(&order_id).copied().ok_or(BookError::UnknownOrder { order_id })
    }

    fn resize(&mut self, slot: u32, quantity: u64) -> Result<(), BookError> {
        let Slot { order, queue, .. } = &mut self.slots[slot as usize];
        let queue = &mut self.queues[*queue as usize];
        let rest = queue.quantity - order.quantity;
        let Some(sum) = rest.checked_add(quantity) else {
            return Err(BookError::QuantityOverflow { order_id: order.order_id });
        };
        (queue.quantity, order.quantity) = (sum, quantity);
        Ok(())
    }

    /// Takes an order out of its queue and frees its slot.
    fn unlink(&mut self, slot: u32) -> Order {
        let Slot { order, previous, next, queue: at } = self.slots[slot as usize];
        if previous != NONE {
            self.slots[previous as usize].next = next;
        }
        if next != NONE {
            self.slots[next as usize].previous = previous;
        }
        let queue = &mut self.queues[at as usize];
        queue.quantity -= order.quantity;
        queue.orders -= 1;
        if previous == NONE {
            queue.first = next;
        }
        if next == NONE {
            queue.last = previous;
        }
        if queue.orders == 0 {
            queue.first = self.free_queue;
            self.free_queue = at;
            let place = place(order.side).expect("only orders of a known side rest");
            self.levels[place].remove(&key(place, order.price));
        }
        self.slots[slot as usize].next = self.free;
        self.free = slot;
        order
    }
}

/// Puts a queue where one is free.
fn keep(queues: &mut Vec<Queue>, free: &mut u32, queue: Queue) -> u32 {
    let at = if *free == NONE { queues.len() as u32 } else { *free };
    if let Some(reused) = queues.get_mut(at as usize) {
        *free = reused.first;
        *reused = queue;
    } else {
        queues.push(queue);
    }
    at
}

/// The orders of one level.
struct Orders<'a> {
    slots: &'a [Slot],
    next: u32,
}

impl Iterator for Orders<'_> {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        let slot = self.slots.get(self.next as usize)?;
        self.next = slot.next;
        Some(slot.order)
    }
}

#[cfg(test)]
mod tests;
