//! What becomes of orders: the books, L3, the tape, and the day's statistics.

use isochron_events as events;
use isochron_events::Liquidity;
use isochron_feeds::book::Order;
use isochron_messages as messages;
use isochron_messages::{BooleanFlag, Statistics};

use super::{Feed, Output, slot};

/// The order that an event is about, until the event's end says what rests of it.
pub(super) struct Incoming {
    instrument: u32,
    order: Order,
    /// A replaced order stands in the book as it was until it trades, or the event ends.
    stands: bool,
}

impl Feed {
    pub(super) fn on_accepted(&mut self, accepted: &events::OrderAcceptedEvent) {
        let order = Order {
            order_id: accepted.order_id,
            side: messages::Side(accepted.side.0),
            price: accepted.price,
            quantity: accepted.leaves_quantity,
        };
        self.incoming = Some(Incoming { instrument: accepted.instrument, order, stands: false });
    }

    pub(super) fn on_filled(
        &mut self,
        filled: &events::OrderFilledEvent,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        self.withdraw_replaced(sink);
        let instrument = filled.instrument;
        if filled.liquidity == Liquidity::MAKER {
            let (executed, remaining) = (filled.quantity, filled.leaves_quantity);
            self.take(instrument, filled.order_id, executed, remaining);
            let executed = messages::OrderExecuted {
                order_id: filled.order_id,
                match_id: filled.match_id,
                price: filled.price,
                executed_quantity: executed,
                remaining_quantity: remaining,
                ..Default::default()
            };
            self.push_l3(instrument, &executed, sink);
            return;
        }
        let trade = messages::Trade {
            match_id: filled.match_id,
            price: filled.price,
            quantity: filled.quantity,
            aggressor_side: messages::Side(filled.side.0),
            ..Default::default()
        };
        self.push(instrument, &trade, |product| !product.is_conflated(), sink);
        if let Some(known) = slot(&mut self.instruments, instrument) {
            sum_up(&mut known.day, filled.price, filled.quantity);
        }
        match &mut self.incoming {
            Some(incoming) if incoming.order.order_id == filled.order_id => {
                incoming.order.quantity = filled.leaves_quantity;
            }
            _ => self.anomalies += 1,
        }
    }

    pub(super) fn on_canceled(
        &mut self,
        canceled: &events::OrderCanceledEvent,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let order_id = canceled.order_id;
        let incoming = self.incoming.take_if(|incoming| incoming.order.order_id == order_id);
        if incoming.as_ref().is_none_or(|incoming| incoming.stands) {
            self.delete(canceled.instrument, order_id, sink);
        }
    }

    pub(super) fn on_replaced(
        &mut self,
        replaced: &events::OrderReplacedEvent,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let (instrument, order_id) = (replaced.instrument, replaced.order_id);
        let remaining = replaced.leaves_quantity;
        let Some(rested) = self.book(instrument).and_then(|book| book.order(order_id)) else {
            self.anomalies += 1;
            return;
        };
        if replaced.priority_lost != events::BooleanFlag::NO {
            let order = Order { price: replaced.price, quantity: remaining, ..rested };
            self.incoming = Some(Incoming { instrument, order, stands: true });
        } else if remaining == 0 {
            self.delete(instrument, order_id, sink);
        } else if remaining < rested.quantity {
            let canceled = rested.quantity - remaining;
            self.take(instrument, order_id, canceled, remaining);
            let reduced = messages::OrderReduced {
                order_id,
                canceled_quantity: canceled,
                remaining_quantity: remaining,
                ..Default::default()
            };
            self.push_l3(instrument, &reduced, sink);
        } else if remaining > rested.quantity {
            self.anomalies += 1;
        }
    }

    /// A replaced order is about to trade: it leaves the book as it stood.
    fn withdraw_replaced(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        let Some(incoming) = &mut self.incoming else { return };
        if std::mem::replace(&mut incoming.stands, false) {
            let (instrument, order_id) = (incoming.instrument, incoming.order.order_id);
            self.delete(instrument, order_id, sink);
        }
    }

    fn delete(&mut self, instrument: u32, order_id: u64, sink: &mut impl FnMut(Output<'_>)) {
        let known = slot(&mut self.instruments, instrument);
        let deleted = known.and_then(|known| {
            let order = known.book.delete(order_id).ok()?;
            if self.shows_levels {
                known.changes.taken(&known.book, order, order.quantity, true);
            }
            Some(order)
        });
        let Some(order) = deleted else {
            self.anomalies += 1;
            return;
        };
        let deleted = messages::OrderDeleted {
            order_id,
            canceled_quantity: order.quantity,
            remaining_quantity: 0,
            ..Default::default()
        };
        self.push_l3(instrument, &deleted, sink);
    }

    /// Shares leave the book.
    fn take(&mut self, instrument: u32, order_id: u64, taken: u64, remaining: u64) {
        let known = slot(&mut self.instruments, instrument);
        let order = known.and_then(|known| {
            let order = known.book.take(order_id, taken, remaining).ok()?;
            if self.shows_levels {
                known.changes.taken(&known.book, order, taken, remaining == 0);
            }
            Some(order)
        });
        self.anomalies += u64::from(order.is_none());
    }

    /// What rests of the event's order enters the feed.
    pub(super) fn rest(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        let Some(Incoming { instrument, order, stands }) = self.incoming.take() else { return };
        let Order { order_id, side, price, quantity } = order;
        if quantity == 0 {
            if stands {
                self.delete(instrument, order_id, sink);
            }
            return;
        }
        let Some(known) = slot(&mut self.instruments, instrument) else {
            self.anomalies += 1;
            return;
        };
        if stands {
            match known.book.modify(order_id, price, quantity, true) {
                Ok(before) if self.shows_levels => {
                    known.changes.modified(&known.book, before, order);
                }
                Ok(_) => {}
                Err(_) => self.anomalies += 1,
            }
            let priority_lost = BooleanFlag::YES;
            let modified = messages::OrderModified {
                order_id,
                price,
                quantity,
                priority_lost,
                ..Default::default()
            };
            self.push_l3(instrument, &modified, sink);
        } else {
            match known.book.add(order) {
                Ok(()) if self.shows_levels => known.changes.added(&known.book, order),
                Ok(()) => {}
                Err(_) => self.anomalies += 1,
            }
            let added =
                messages::OrderAdded { order_id, price, quantity, side, ..Default::default() };
            self.push_l3(instrument, &added, sink);
        }
    }
}

/// Adds a trade to the day.
fn sum_up(day: &mut Statistics, price: i64, quantity: u64) {
    let notional = i128::from(price) * i128::from(quantity);
    day.open_price = day.open_price.or(Some(price));
    day.high_price = day.high_price.max(Some(price));
    day.low_price = Some(day.low_price.map_or(price, |low| low.min(price)));
    day.last_price = Some(price);
    day.volume = day.volume.saturating_add(quantity);
    let sum = i128::from(day.notional).saturating_add(notional);
    day.notional = i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
    day.trades = day.trades.saturating_add(1);
}
