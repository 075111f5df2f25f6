//! Fetches what the books will touch for an operation that is still to come.
//!
//! Each function reads what an earlier one began to fetch, and begins to fetch what that leads to.
//! Meanwhile the books may change: what is fetched in vain costs a little time and nothing else.

use super::books::{Books, ladder_of};
use super::{BookIndex, NIL, OrderSlot};
use crate::memory::prefetch;
use crate::types::{OrderId, Price, Quantity, Side};

impl Books {
    /// First for an order that is named by its id.
    #[inline]
    pub fn prefetch_id(&self, id: OrderId) {
        self.index.prefetch(id.0);
    }

    /// Second: the slot that the order has, unless it is an older one or gone.
    #[inline]
    pub fn likely_slot(&self, id: OrderId) -> Option<OrderSlot> {
        self.index.likely(id.0).map(OrderSlot)
    }

    /// Third: what is in the slot.
    #[inline]
    pub fn prefetch_order(&self, slot: OrderSlot) {
        prefetch(&self.orders, slot.0 as usize);
    }

    /// Fourth: the order's level and its neighbours in it.
    #[inline]
    pub fn prefetch_neighbours(&self, slot: OrderSlot) {
        if let Some(order) = self.orders.get(slot.0 as usize) {
            prefetch(&self.levels.nodes, order.level as usize);
            prefetch(&self.orders, order.previous as usize);
            prefetch(&self.orders, order.next as usize);
        }
    }

    /// The quantity of an order that will be met, and the order that is met after it: of the same
    /// level, or of the next worse one.
    #[inline]
    pub fn after(&self, slot: OrderSlot) -> (Quantity, Option<OrderSlot>) {
        let Some(order) = self.orders.get(slot.0 as usize) else { return (Quantity(0), None) };
        let mut next = order.next;
        if next == NIL {
            let worse = self.levels.nodes.get(order.level as usize).map_or(NIL, |node| node.worse);
            next = self.levels.nodes.get(worse as usize).map_or(NIL, |node| node.head);
        }
        (Quantity(order.quantity), (next != NIL).then_some(OrderSlot(next)))
    }

    /// First for an order that will come in: the level that it may rest at, and the best it may
    /// meet.
    #[inline]
    pub fn prefetch_levels(&self, book: BookIndex, side: Side, price: Price) {
        let (own, other) = (ladder_of(book, side), ladder_of(book, side.opposite()));
        if let (Some(own), Some(other)) = (self.ladders.get(own), self.ladders.get(other)) {
            prefetch(&self.levels.nodes, own.near[own.near_place(price)] as usize);
            prefetch(&self.levels.nodes, other.best as usize);
        }
    }

    /// Second: the slot of the order that it meets first; where it meets none, fetches the one that
    /// it may come to rest behind.
    #[inline]
    pub fn prefetch_meeting(&self, book: BookIndex, side: Side, price: Price) -> Option<OrderSlot> {
        let (own, other) = (ladder_of(book, side), ladder_of(book, side.opposite()));
        let (own, other) = (self.ladders.get(own)?, self.ladders.get(other)?);
        let best = self.levels.nodes.get(other.best as usize);
        if let Some(best) = best.filter(|best| side.accepts(price, best.price) && best.head != NIL)
        {
            return Some(OrderSlot(best.head));
        }
        let near = self.levels.nodes.get(own.near[own.near_place(price)] as usize)?;
        prefetch(&self.orders, near.tail as usize);
        None
    }
}
