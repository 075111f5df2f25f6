//! The naive twin of the order books: sorted maps and queues, nothing else.
//!
//! It is written to be obviously right, and shares only the words of `types` with what it judges.

use std::collections::{BTreeMap, VecDeque};

use isochron::types::{OrderId, Price, Quantity, Side};

/// A resting order: id and open quantity.
type Entry = (OrderId, Quantity);

/// One book.
#[derive(Default)]
pub(crate) struct TwinBook {
    sides: [BTreeMap<Price, VecDeque<Entry>>; 2],
}

/// What the taker does about a maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Trade,
    CancelMaker,
    Stop,
}

/// What happened to a maker in a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Fill { maker: OrderId, price: Price, open: Quantity, quantity: Quantity },
    Cancel { maker: OrderId, price: Price, open: Quantity },
}

/// Why a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Filled,
    NoMoreMakers,
    Stopped,
    StepsUsed,
}

impl TwinBook {
    pub(crate) fn insert(&mut self, id: OrderId, side: Side, price: Price, quantity: Quantity) {
        self.sides[side.index()].entry(price).or_default().push_back((id, quantity));
    }

    pub(crate) fn remove(&mut self, id: OrderId) {
        for levels in &mut self.sides {
            for queue in levels.values_mut() {
                queue.retain(|entry| entry.0 != id);
            }
            levels.retain(|_, queue| !queue.is_empty());
        }
    }

    pub(crate) fn reduce(&mut self, id: OrderId, by: Quantity) {
        let queues = self.sides.iter_mut().flat_map(BTreeMap::values_mut);
        for entry in queues.flatten().filter(|entry| entry.0 == id) {
            entry.1.0 -= by.0;
        }
    }

    /// Levels of a side, best first.
    fn queues(&self, side: Side) -> Vec<(Price, &VecDeque<Entry>)> {
        let rising = self.sides[side.index()].iter().map(|(price, queue)| (*price, queue));
        match side {
            Side::Buy => rising.rev().collect(),
            Side::Sell => rising.collect(),
        }
    }

    /// Orders of a side in priority order.
    pub(crate) fn orders(&self, side: Side) -> Vec<(OrderId, Price, Quantity)> {
        let queues = self.queues(side).into_iter();
        queues.flat_map(|(price, queue)| queue.iter().map(move |e| (e.0, price, e.1))).collect()
    }

    /// Price, open quantity and number of orders of each level, best first.
    pub(crate) fn levels(&self, side: Side) -> Vec<(Price, Quantity, u32)> {
        let sum = |queue: &VecDeque<Entry>| Quantity(queue.iter().map(|entry| entry.1.0).sum());
        let queues = self.queues(side).into_iter();
        queues.map(|(price, queue)| (price, sum(queue), queue.len() as u32)).collect()
    }

    pub(crate) fn sweep(
        &mut self,
        side: Side,
        limit: Price,
        mut leaves: Quantity,
        steps_max: usize,
        decide: impl Fn(OrderId) -> Decision,
    ) -> (Quantity, End, Vec<Event>) {
        let mut events = Vec::new();
        loop {
            if leaves.0 == 0 {
                return (leaves, End::Filled, events);
            }
            let makers = self.orders(side.opposite());
            let within = |price: Price| match side {
                Side::Buy => price <= limit,
                Side::Sell => price >= limit,
            };
            let Some(&(maker, price, open)) = makers.first().filter(|maker| within(maker.1)) else {
                return (leaves, End::NoMoreMakers, events);
            };
            if events.len() == steps_max {
                return (leaves, End::StepsUsed, events);
            }
            match decide(maker) {
                Decision::Stop => return (leaves, End::Stopped, events),
                Decision::CancelMaker => {
                    events.push(Event::Cancel { maker, price, open });
                    self.remove(maker);
                }
                Decision::Trade => {
                    let quantity = leaves.min(open);
                    events.push(Event::Fill { maker, price, open, quantity });
                    leaves.0 -= quantity.0;
                    if quantity == open {
                        self.remove(maker);
                    } else {
                        self.reduce(maker, quantity);
                    }
                }
            }
        }
    }
}
