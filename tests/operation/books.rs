//! Books rebuilt from outcomes alone: shares nothing with the exchange's matching.

use isochron_events::{Message, OrderStatus, Side};
use std::collections::BTreeMap;

/// A live order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: u32,
    pub(crate) instrument: u32,
    pub(crate) side: Side,
    pub(crate) price: i64,
    pub(crate) leaves: u64,
    /// Which of two orders at one price came first.
    rank: u64,
}

/// The live orders of all instruments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    live: BTreeMap<u64, Order>,
    ranks: u64,
}

impl Books {
    /// Takes the next event of a log.
    pub(crate) fn apply(&mut self, event: &Message) {
        self.ranks += 1;
        match event {
            Message::OrderAcceptedEvent(accepted) => {
                let order = Order {
                    id: accepted.order_id,
                    account: accepted.account,
                    instrument: accepted.instrument,
                    side: accepted.side,
                    price: accepted.price,
                    leaves: accepted.quantity,
                    rank: self.ranks,
                };
                self.live.insert(order.id, order);
            }
            Message::OrderFilledEvent(filled) => {
                let order = self.live.get_mut(&filled.order_id).expect("it was accepted");
                order.leaves -= filled.quantity;
                assert_eq!(filled.order_status == OrderStatus::FILLED, order.leaves == 0);
                if order.leaves == 0 {
                    self.live.remove(&filled.order_id);
                }
            }
            Message::OrderCanceledEvent(canceled) => {
                self.live.remove(&canceled.order_id).expect("it was accepted");
            }
            Message::OrderReplacedEvent(replaced) => {
                let order = self.live.get_mut(&replaced.order_id).expect("it was accepted");
                order.price = replaced.price;
                order.leaves = replaced.quantity - replaced.cumulative_quantity;
                if replaced.priority_lost.0 != 0 {
                    order.rank = self.ranks;
                }
            }
            _ => {}
        }
    }

    /// The orders of a side in the order in which they trade.
    pub(crate) fn side(&self, instrument: u32, side: Side) -> Vec<Order> {
        let of = |order: &&Order| order.instrument == instrument && order.side == side;
        let mut orders: Vec<Order> = self.live.values().filter(of).cloned().collect();
        orders.sort_by_key(|order| {
            (if side == Side::BUY { -order.price } else { order.price }, order.rank)
        });
        orders
    }

    /// The book's checksum as the feed defines it.
    pub(crate) fn checksum(&self, instrument: u32) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        for order in [Side::BUY, Side::SELL].iter().flat_map(|side| self.side(instrument, *side)) {
            crc.update(&order.id.to_le_bytes());
            crc.update(&order.price.to_le_bytes());
            crc.update(&order.leaves.to_le_bytes());
        }
        crc.finalize()
    }
}
