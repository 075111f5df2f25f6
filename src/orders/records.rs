//! Order records: all that an order is beside its place in the book.

use crate::types::{ClientOrderId, Money, OrderId, Price, Quantity, Side};
use isochron_events::{OrderStatus, TimeInForce};

/// One live order. Ids name things outside; slots find them in constant time. Two cache lines that
/// the processor fetches as a pair.
#[derive(Clone, Copy, Debug)]
#[repr(align(128))]
pub struct OrderRecord {
    /// The order.
    pub id: OrderId,
    /// Its limit.
    pub price: Price,
    /// Shares wanted in all.
    pub total: Quantity,
    /// Shares executed.
    pub cumulative: Quantity,
    /// What they cost.
    pub cumulative_notional: Money,
    /// What the order has reserved: money for a buy, shares for a sell.
    pub reserved: i64,
    /// When the client entered it, as it says; nanoseconds UTC.
    pub entry_time: u64,
    /// The account's slot.
    pub account: u32,
    /// The user who entered it.
    pub user: u32,
    /// The broker named on it.
    pub broker: u32,
    /// The session that entered it.
    pub session: u32,
    /// The instrument's slot.
    pub instrument: u32,
    /// The holding's slot.
    pub holding: u32,
    /// The slot of the user's volume in this symbol.
    pub user_volume: u32,
    /// The client's name for it.
    pub client_id: ClientOrderId,
    /// That name's entry among the client order ids.
    pub client_entry: u32,
    /// Which side.
    pub side: Side,
    /// How long it lives.
    pub time_in_force: TimeInForce,
}

const _: () = assert!(size_of::<OrderRecord>() == 128);

impl OrderRecord {
    /// Shares not yet executed.
    #[must_use]
    #[inline]
    pub fn leaves(&self) -> Quantity {
        Quantity(self.total.0 - self.cumulative.0)
    }

    /// Where it stands while it is live.
    #[must_use]
    #[inline]
    pub fn status(&self) -> OrderStatus {
        if self.leaves().0 == 0 {
            OrderStatus::FILLED
        } else if self.cumulative.0 == 0 {
            OrderStatus::NEW
        } else {
            OrderStatus::PARTIALLY_FILLED
        }
    }
}

/// The records of resting orders, under the slots of the books.
#[derive(Clone, Debug)]
pub struct Orders {
    records: Vec<OrderRecord>,
    vacant: OrderRecord,
}

impl Orders {
    /// Room for `orders` records before memory is asked for.
    #[must_use]
    pub fn with_capacity(orders: usize) -> Self {
        let vacant = OrderRecord {
            id: OrderId(0),
            price: Price(0),
            total: Quantity(0),
            cumulative: Quantity(0),
            cumulative_notional: Money(0),
            reserved: 0,
            entry_time: 0,
            account: 0,
            user: 0,
            broker: 0,
            session: 0,
            instrument: 0,
            holding: 0,
            user_volume: 0,
            client_id: ClientOrderId::EMPTY,
            client_entry: 0,
            side: Side::Buy,
            time_in_force: TimeInForce::DAY,
        };
        Self { records: Vec::with_capacity(orders), vacant }
    }

    /// Puts a record under a slot that the books have just given out.
    #[inline]
    pub fn put(&mut self, slot: u32, record: OrderRecord) {
        let at = slot as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, self.vacant);
        }
        self.records[at] = record;
    }

    /// The record under a live slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: u32) -> &OrderRecord {
        &self.records[slot as usize]
    }

    /// The record under a live slot.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut OrderRecord {
        &mut self.records[slot as usize]
    }
}
