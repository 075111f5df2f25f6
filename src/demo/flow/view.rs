//! What the mix knows of the exchange: its live orders, by instrument, and where the best prices
//! are. Learned from committed events alone, cheap enough to keep up with the fastest run.
//!
//! ```text
//!   orders:  slab of Order, its slot written into each client order id
//!   market:  live ─▶ slots, drawn from at random, left by swapping the last one in
//!            levels ─▶ orders at each tick around the start, and a bit for each that has any
//! ```

use crate::memory::table;
use crate::types::Side;

/// Ticks that levels are kept for: prices walk far less around their start.
const TICKS: usize = 1024;

/// Orders that there is room for at first: somewhat more than the mix tends to.
const ORDERS: usize = 1 << 17;

/// Live orders of one market that there is room for at first: twice what it tends to.
const LIVE: usize = 2_048;

/// No place among the live orders of a market.
const NOWHERE: u32 = u32::MAX;

/// An order of ours, from its submission to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// The core's id; 0 before it is accepted.
    pub(super) id: u64,
    pub(super) account: u32,
    /// From 0.
    pub(super) market: u32,
    pub(super) side: Side,
    /// In ticks.
    pub(super) price: i64,
    pub(super) total: u64,
    pub(super) leaves: u64,
    pub(super) client_order_id: [u8; 20],
    /// Among the market's live orders.
    place: u32,
    free: bool,
}

impl Order {
    pub(super) fn new(account: u32, market: u32, side: Side, price: i64, total: u64) -> Self {
        Self {
            id: 0,
            account,
            market,
            side,
            price,
            total,
            leaves: total,
            client_order_id: [0; 20],
            place: NOWHERE,
            free: false,
        }
    }
}

/// How many orders rest at each tick of one side.
#[derive(Clone, Debug)]
struct Levels {
    orders: Vec<u32>,
    /// A bit for each tick that has any.
    taken: [u64; TICKS / 64],
}

impl Levels {
    fn new() -> Self {
        Self { orders: vec![0; TICKS], taken: [0; TICKS / 64] }
    }

    fn add(&mut self, tick: usize) {
        self.orders[tick] += 1;
        self.taken[tick / 64] |= 1 << (tick % 64);
    }

    fn remove(&mut self, tick: usize) {
        self.orders[tick] -= 1;
        if self.orders[tick] == 0 {
            self.taken[tick / 64] &= !(1 << (tick % 64));
        }
    }

    fn lowest(&self) -> Option<usize> {
        let word = self.taken.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.taken[word].trailing_zeros() as usize)
    }

    fn highest(&self) -> Option<usize> {
        let word = self.taken.iter().rposition(|word| *word != 0)?;
        Some(word * 64 + 63 - self.taken[word].leading_zeros() as usize)
    }
}

/// One instrument. Prices are in ticks.
#[derive(Clone, Debug)]
pub(super) struct Market {
    /// The price that levels are kept around.
    pub(super) start: i64,
    pub(super) mid: i64,
    /// Slots of live orders that no cancel is on its way for.
    live: Vec<u32>,
    /// Orders submitted and not answered.
    sent: usize,
    sides: [Levels; 2],
}

impl Market {
    fn new(start: i64) -> Self {
        let sides = [Levels::new(), Levels::new()];
        let live = table(LIVE);
        Self { start, mid: start, live, sent: 0, sides }
    }

    /// The lowest price that has a level.
    fn floor(&self) -> i64 {
        self.start - TICKS.cast_signed() as i64 / 2
    }

    /// The nearest price that has a level.
    pub(super) fn clamp(&self, price: i64) -> i64 {
        price.clamp(self.floor(), self.floor() + TICKS.cast_signed() as i64 - 1)
    }

    fn tick(&self, price: i64) -> usize {
        usize::try_from(self.clamp(price) - self.floor()).expect("clamped to the floor")
    }

    /// The best price of a side.
    pub(super) fn best(&self, side: Side) -> Option<i64> {
        let levels = &self.sides[side.index()];
        let tick = match side {
            Side::Buy => levels.highest(),
            Side::Sell => levels.lowest(),
        };
        tick.map(|tick| self.floor() + tick.cast_signed() as i64)
    }

    /// Live orders, and those that will be once they are answered.
    pub(super) fn population(&self) -> usize {
        self.live.len() + self.sent
    }

    /// Live orders that can be named.
    pub(super) fn live(&self) -> &[u32] {
        &self.live
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) markets: Vec<Market>,
    orders: Vec<Order>,
    free: Vec<u32>,
    sent: usize,
}

impl View {
    pub(super) fn new(starts: impl Iterator<Item = i64>) -> Self {
        let markets = starts.map(Market::new).collect();
        // What a flow waits for is taken for the exchange's latency.
        let (orders, free) = (table(ORDERS), table(ORDERS));
        Self { markets, orders, free, sent: 0 }
    }

    /// Orders submitted and not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.sent
    }

    /// Live orders that can be named, over all markets.
    pub(super) fn live(&self) -> usize {
        self.markets.iter().map(|market| market.live.len()).sum()
    }

    pub(super) fn order(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    /// An order is about to be submitted. Its client order id, which names the slot, is to be set.
    pub(super) fn send(&mut self, order: Order) -> u32 {
        self.sent += 1;
        self.markets[order.market as usize].sent += 1;
        if let Some(slot) = self.free.pop() {
            self.orders[slot as usize] = order;
            return slot;
        }
        self.orders.push(order);
        u32::try_from(self.orders.len() - 1).expect("bounded by the orders of the exchange")
    }

    pub(super) fn name(&mut self, slot: u32, client_order_id: [u8; 20]) {
        self.orders[slot as usize].client_order_id = client_order_id;
    }

    /// Whether the slot holds an order that waits for its answer under this client order id.
    pub(super) fn is_sent(&self, slot: u32, client_order_id: &[u8; 20]) -> bool {
        self.orders.get(slot as usize).is_some_and(|order| {
            !order.free && order.id == 0 && order.client_order_id == *client_order_id
        })
    }

    /// Whether the slot holds this accepted order.
    pub(super) fn is_live(&self, slot: u32, id: u64) -> bool {
        self.orders.get(slot as usize).is_some_and(|order| !order.free && order.id == id && id != 0)
    }

    /// A submitted order has been accepted under this id.
    pub(super) fn accepted(&mut self, slot: u32, id: u64) {
        self.orders[slot as usize].id = id;
        self.answered(slot);
        self.enter_level(slot);
        self.show(slot);
    }

    /// A submitted order has been refused.
    pub(super) fn refused(&mut self, slot: u32) {
        self.answered(slot);
        self.release(slot);
    }

    fn answered(&mut self, slot: u32) {
        self.sent -= 1;
        self.markets[self.orders[slot as usize].market as usize].sent -= 1;
    }

    /// A live order has traded; it ends when nothing is left.
    pub(super) fn filled(&mut self, slot: u32, leaves: u64) {
        self.orders[slot as usize].leaves = leaves;
        if leaves == 0 {
            self.ended(slot);
        }
    }

    /// A live order has ended.
    pub(super) fn ended(&mut self, slot: u32) {
        self.leave_level(slot);
        self.hide(slot);
        self.release(slot);
    }

    /// A live order has been replaced.
    pub(super) fn replaced(&mut self, slot: u32, price: i64, (total, leaves): (u64, u64)) {
        self.leave_level(slot);
        let order = &mut self.orders[slot as usize];
        (order.price, order.total, order.leaves) = (price, total, leaves);
        self.enter_level(slot);
    }

    /// A cancel is on its way: the order is not drawn again.
    pub(super) fn hide(&mut self, slot: u32) {
        let Order { place, market, .. } = self.orders[slot as usize];
        if place == NOWHERE {
            return;
        }
        self.orders[slot as usize].place = NOWHERE;
        let live = &mut self.markets[market as usize].live;
        live.swap_remove(place as usize);
        if let Some(moved) = live.get(place as usize) {
            self.orders[*moved as usize].place = place;
        }
    }

    /// The order may be drawn (again).
    pub(super) fn show(&mut self, slot: u32) {
        let order = &mut self.orders[slot as usize];
        if order.place == NOWHERE {
            let live = &mut self.markets[order.market as usize].live;
            order.place = u32::try_from(live.len()).expect("bounded by the slots");
            live.push(slot);
        }
    }

    fn release(&mut self, slot: u32) {
        self.orders[slot as usize].free = true;
        self.free.push(slot);
    }

    fn enter_level(&mut self, slot: u32) {
        let Order { market, side, price, .. } = self.orders[slot as usize];
        let market = &mut self.markets[market as usize];
        let tick = market.tick(price);
        market.sides[side.index()].add(tick);
    }

    fn leave_level(&mut self, slot: u32) {
        let Order { market, side, price, .. } = self.orders[slot as usize];
        let market = &mut self.markets[market as usize];
        let tick = market.tick(price);
        market.sides[side.index()].remove(tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_stream::SplitMix64;
    use std::collections::BTreeMap;

    /// Beside the view runs a map of the orders, looked through for the best price.
    #[test]
    fn best_prices_and_live_orders_are_those_of_a_plain_map() {
        let (mut random, mut view) = (SplitMix64(3), View::new([5_000].into_iter()));
        let mut twin: BTreeMap<u32, (Side, i64)> = BTreeMap::new();
        for id in 1..20_000_u64 {
            let live = view.markets[0].live().len();
            if live > 0 && random.below(100) < 49 {
                let slot = view.markets[0].live()[random.below(live as u64) as usize];
                if random.below(3) == 0 {
                    let price = 4_600 + random.below(800).cast_signed();
                    view.replaced(slot, price, (5, 5));
                    twin.get_mut(&slot).unwrap().1 = price;
                } else {
                    view.filled(slot, 0);
                    twin.remove(&slot).unwrap();
                }
            } else {
                let side = Side::BOTH[random.below(2) as usize];
                let price = 4_600 + random.below(800).cast_signed();
                let slot = view.send(Order::new(1, 0, side, price, 5));
                if random.below(10) == 0 {
                    view.refused(slot);
                } else {
                    view.accepted(slot, id);
                    twin.insert(slot, (side, price));
                }
            }
            let prices = |of: Side| twin.values().filter(move |o| o.0 == of).map(|o| o.1);
            assert_eq!(view.markets[0].best(Side::Buy), prices(Side::Buy).max());
            assert_eq!(view.markets[0].best(Side::Sell), prices(Side::Sell).min());
            assert_eq!((view.live(), view.unanswered()), (twin.len(), 0));
        }
    }

    #[test]
    fn a_hidden_order_is_not_drawn_until_it_is_shown() {
        let mut view = View::new([5_000].into_iter());
        let slots = [10, 11, 12].map(|id| {
            let slot = view.send(Order::new(1, 0, Side::Buy, 4_990, 5));
            view.accepted(slot, id);
            slot
        });
        view.hide(slots[0]);
        view.hide(slots[0]);
        assert_eq!(view.markets[0].live(), [slots[2], slots[1]]);
        view.show(slots[0]);
        view.ended(slots[1]);
        assert_eq!(view.markets[0].live(), [slots[2], slots[0]]);
        assert!(view.is_live(slots[0], 10) && !view.is_live(slots[1], 11));
    }
}
