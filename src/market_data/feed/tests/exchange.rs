//! An exchange with no cleverness, whose random log tests of the feed are run on.

use std::collections::BTreeMap;

use isochron_events as events;
use isochron_events::{
    AdministrationApplied, CancelOrderEvent, Continuation, DayEnded, DayEnding, Liquidity, Message,
    NewOrderEvent, OrderAcceptedEvent, OrderCanceledEvent, OrderFilledEvent, OrderReplacedEvent,
    ReplaceOrderEvent, Side,
};
use isochron_feeds::book::Order;
use isochron_messages as messages;

use super::super::SECOND_NS;
use super::log::Log;

pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// An exchange with no cleverness: resting orders in a list, in the sequence of their priority.
pub(super) struct NaiveExchange {
    pub(super) log: Log,
    seed: u64,
    pub(super) orders: BTreeMap<u32, Vec<Order>>,
    next_order: u64,
    next_match: u64,
}

impl NaiveExchange {
    pub(super) const INSTRUMENTS: u32 = 3;

    pub(super) fn new(seed: u64) -> NaiveExchange {
        Self::on_partitions(seed, [0; 3])
    }

    /// Each instrument on its partition.
    pub(super) fn on_partitions(seed: u64, partitions: [u16; 3]) -> NaiveExchange {
        let mut log = Log::new();
        for (instrument, partition) in (1..).zip(partitions) {
            log.define_on(partition, instrument, 100);
        }
        log.day(20_261_122);
        log.phase(0, events::Phase::OPEN);
        let orders = (1..=Self::INSTRUMENTS).map(|instrument| (instrument, Vec::new())).collect();
        NaiveExchange { log, seed, orders, next_order: 1, next_match: 1 }
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        splitmix64(&mut self.seed) % below
    }

    /// The resting orders that `order` may trade with, best first.
    pub(super) fn best(&self, instrument: u32, order: Order) -> Option<usize> {
        let buys = order.side == messages::Side::BUY;
        let sign = if buys { 1 } else { -1 };
        let resting = self.orders[&instrument].iter().enumerate();
        let crossing =
            resting.filter(|(_, o)| o.side != order.side && o.price * sign <= order.price * sign);
        crossing.min_by_key(|(index, o)| (o.price * sign, *index)).map(|(index, _)| index)
    }

    /// Trades, a few makers a step; then rests, or is canceled. Writes the event.
    pub(super) fn take(
        &mut self,
        instrument: u32,
        mut order: Order,
        mut step: Vec<Message>,
        rests: bool,
    ) {
        let mut fills = 0;
        while order.quantity > 0
            && let Some(index) = self.best(instrument, order)
        {
            if fills == 3 {
                self.log.transaction(std::mem::take(&mut step), false);
                step.push(Continuation::default().into());
                fills = 0;
            }
            fills += 1;
            // Now and then the maker is of the same hand: it goes, or the taker does.
            match self.random(12) {
                0 => {
                    let maker = self.orders.get_mut(&instrument).unwrap().remove(index);
                    step.push(cancel_of(instrument, maker.order_id));
                    continue;
                }
                1 => {
                    step.push(cancel_of(instrument, order.order_id));
                    return self.log.event(step);
                }
                _ => {}
            }
            let maker = &mut self.orders.get_mut(&instrument).unwrap()[index];
            let quantity = maker.quantity.min(order.quantity);
            maker.quantity -= quantity;
            order.quantity -= quantity;
            let (made, match_id) = (*maker, self.next_match);
            self.next_match += 1;
            for (side_of, liquidity) in [(made, Liquidity::MAKER), (order, Liquidity::TAKER)] {
                let fill = OrderFilledEvent {
                    instrument,
                    match_id,
                    order_id: side_of.order_id,
                    side: Side(side_of.side.0),
                    liquidity,
                    price: made.price,
                    quantity,
                    leaves_quantity: side_of.quantity,
                    ..Default::default()
                };
                step.push(fill.into());
            }
            self.orders.get_mut(&instrument).unwrap().retain(|o| o.quantity > 0);
        }
        if order.quantity > 0 && rests {
            self.orders.get_mut(&instrument).unwrap().push(order);
        } else if order.quantity > 0 {
            step.push(cancel_of(instrument, order.order_id));
        }
        self.log.event(step);
    }

    pub(super) fn new_order(&mut self, instrument: u32) {
        let order = Order {
            order_id: self.next_order,
            side: [messages::Side::BUY, messages::Side::SELL][self.random(2) as usize],
            price: 90 + self.random(20).cast_signed(),
            quantity: 1 + self.random(50),
        };
        self.next_order += 1;
        let accepted = OrderAcceptedEvent {
            instrument,
            order_id: order.order_id,
            side: Side(order.side.0),
            price: order.price,
            quantity: order.quantity,
            leaves_quantity: order.quantity,
            ..Default::default()
        };
        let rests = self.random(8) > 0;
        self.take(instrument, order, vec![NewOrderEvent::default().into(), accepted.into()], rests);
    }

    pub(super) fn change(&mut self, instrument: u32) {
        let count = self.orders[&instrument].len() as u64;
        if count == 0 {
            return;
        }
        let index = self.random(count) as usize;
        let order = self.orders[&instrument][index];
        let (price, quantity) = (90 + self.random(20).cast_signed(), 1 + self.random(50));
        let orders = self.orders.get_mut(&instrument).unwrap();
        if quantity > 35 {
            orders.remove(index);
            let cancel = cancel_of(instrument, order.order_id);
            return self.log.event(vec![CancelOrderEvent::default().into(), cancel]);
        }
        let keeps = quantity < order.quantity && price < 95;
        let replaced = OrderReplacedEvent {
            instrument,
            order_id: order.order_id,
            side: Side(order.side.0),
            price: if keeps { order.price } else { price },
            leaves_quantity: quantity,
            priority_lost: events::BooleanFlag(u8::from(!keeps)),
            ..Default::default()
        };
        let step = vec![ReplaceOrderEvent::default().into(), replaced.into()];
        if keeps {
            orders[index].quantity = quantity;
            self.log.event(step);
        } else {
            orders.remove(index);
            self.take(instrument, Order { price, quantity, ..order }, step, true);
        }
    }

    /// The day ends: about half of the orders are for the day only. The next one begins.
    pub(super) fn next_day(&mut self, today: u32) {
        let mut step = vec![DayEnding { trading_date: today, ..Default::default() }.into()];
        step.push(AdministrationApplied::default().into());
        for instrument in 1..=Self::INSTRUMENTS {
            let seed = &mut self.seed;
            let orders = self.orders.get_mut(&instrument).unwrap();
            let expired = orders.extract_if(.., |_| splitmix64(seed).is_multiple_of(2));
            step.extend(expired.map(|order| cancel_of(instrument, order.order_id)));
            self.log.transaction(std::mem::take(&mut step), false);
            step.push(Continuation::default().into());
            self.log.now += 1_000;
        }
        step.push(DayEnded { trading_date: today, ..Default::default() }.into());
        self.log.event(step);
        self.log.phase(0, events::Phase::CLOSED);
        self.log.now += 1_000;
        self.log.day(today + 1);
        self.log.phase(0, events::Phase::OPEN);
    }

    pub(super) fn step(&mut self) {
        self.log.now += self.random(SECOND_NS / 50);
        let instrument = 1 + self.random(u64::from(Self::INSTRUMENTS)) as u32;
        match self.random(100) {
            0 => self.log.phase(instrument, events::Phase::HALTED),
            1 => {
                self.log.event(vec![Message::from(events::Tick::default())]);
            }
            2..40 => self.change(instrument),
            _ => self.new_order(instrument),
        }
    }
}

pub(super) fn cancel_of(instrument: u32, order_id: u64) -> Message {
    OrderCanceledEvent { instrument, order_id, ..Default::default() }.into()
}
