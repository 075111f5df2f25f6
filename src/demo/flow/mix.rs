//! The default flow: a mix of orders, cancels and replaces over 100 instruments and 10,000
//! accounts, the same from the same seed and the same events.
//!
//! Six commands in a hundred are replaces (2), IOC orders (2), FOK orders (1) and orders that must
//! be refused (1). The others are those of `order_stream`: each instrument's mid price walks by
//! single ticks; of a thousand, 90 orders are priced at the best opposite price or up to two ticks
//! through it, the rest are orders within 20 ticks of the mid or cancels, whichever brings the
//! instrument nearer to its number of live orders. In the middle one instrument is halted for a
//! while; what is sent to it then is refused.

use super::administration::{Administration, TICK};
use super::population::{self, INSTRUMENTS, MID_START, header_of, new_order, user_of};
use super::refusals::{self, NOBODY, SPOILED, UNFUNDED};
use super::view::{Order, View};
use super::{Flow, Next};
use crate::order_stream::SplitMix64;
use crate::types::Side;
use isochron_events::{
    CancelOrderEvent, CancelRejectedEvent, Message, NewOrderEvent, OrderAcceptedEvent,
    OrderRejectedEvent, Phase, RejectReason, ReplaceOrderEvent, TimeInForce,
};

/// Live orders that each instrument tends to.
const LIVE_TARGET: i64 = 1_000;
/// How far a mid price walks from its start, in ticks: less than the band.
const MID_WALK_MAX: i64 = 400;

/// Orders that may be on their way before the flow waits for answers.
const UNANSWERED_MAX: usize = 1 << 16;

/// The instrument that is halted, from 1.
const HALTED_INSTRUMENT: u32 = 50;

/// What kind of command it is; the first character of its client order id, so that its answer can
/// be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Order = b'o',
    Cancel = b'c',
    Replace = b'r',
    Ioc = b'i',
    Fok = b'f',
    /// Must be refused.
    Refused = b'x',
}

/// How often each kind was submitted, and what else is worth a count.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passive: u64,
    aggressive: u64,
    cancels: u64,
    replaces: u64,
    ioc: u64,
    fok: u64,
    to_be_refused: u64,
    phase_changes: u64,
    refused_as_meant: u64,
    refused_in_halt: u64,
    /// Cancels and replaces that crossed the fill of their order.
    no_longer_live: u64,
    refused_unexpectedly: u64,
    accepted_unexpectedly: u64,
}

/// The default flow.
#[derive(Clone, Debug)]
pub struct Mix {
    random: SplitMix64,
    view: View,
    counts: Counts,
    /// Commands submitted; also what makes client order ids unique.
    submitted: u64,
    trading_date: u32,
    expected: u64,
}

impl Mix {
    /// A flow without end, on `trading_date` (yyyymmdd). The halt begins in the middle of the
    /// commands that are expected after the setup, and lasts a twentieth of them.
    #[must_use]
    pub fn new(seed: u64, trading_date: u32, expected: u64) -> Self {
        let starts = (0..i64::from(INSTRUMENTS)).map(|number| MID_START + 10 * number);
        Self {
            random: SplitMix64(seed),
            view: View::new(starts),
            counts: Counts::default(),
            submitted: 0,
            trading_date,
            expected,
        }
    }

    /// The best price of a side, in ticks, as far as the flow knows.
    #[cfg(test)]
    pub(super) fn best(&self, market: u32, side: Side) -> Option<i64> {
        self.view.markets[market as usize].best(side)
    }

    /// The number of the command that halts, and of the one that reopens.
    fn halt(&self) -> (u64, u64) {
        let middle = self.expected / 2;
        (middle, middle + (self.expected / 20).max(1))
    }

    fn command(&mut self) -> Message {
        let (halt, reopening) = self.halt();
        if self.submitted == halt {
            return self.phase(Phase::HALTED);
        }
        if self.submitted == reopening {
            return self.phase(Phase::OPEN);
        }
        let market = self.random.below(INSTRUMENTS.into()) as u32;
        self.walk(market);
        match self.random.below(100) {
            0 => self.refused(market),
            1 => self.immediate(market, TimeInForce::FILL_OR_KILL),
            2..=3 => self.immediate(market, TimeInForce::IMMEDIATE_OR_CANCEL),
            4..=5 => self.replace(market),
            _ => self.stream(market),
        }
    }

    fn phase(&mut self, phase: Phase) -> Message {
        self.counts.phase_changes += 1;
        let mut administration = Administration::new(1, "the mix's halt and reopening");
        administration.phase(HALTED_INSTRUMENT, phase);
        administration.finish()[0]
    }

    /// Moves the mid price by a tick, one time in fifty.
    fn walk(&mut self, market: u32) {
        if self.random.below(50) == 0 {
            let step = if self.random.below(2) == 0 { -1 } else { 1 };
            let market = &mut self.view.markets[market as usize];
            if (market.mid + step - market.start).abs() <= MID_WALK_MAX {
                market.mid += step;
            }
        }
    }

    /// What `order_stream` would do.
    fn stream(&mut self, market: u32) -> Message {
        let side = self.side();
        if self.random.below(1000) < 90 {
            if self.view.markets[market as usize].best(side.opposite()).is_some() {
                let price = self.crossing(market, side);
                self.counts.aggressive += 1;
                return self.order(market, side, price);
            }
        } else {
            let live = self.view.markets[market as usize].population();
            let share = (500 + LIVE_TARGET - live.cast_signed() as i64).clamp(50, 950);
            if self.random.below(1000).cast_signed() >= share
                && let Some(cancel) = self.cancel(market)
            {
                return cancel;
            }
        }
        self.passive(market, side)
    }

    fn passive(&mut self, market: u32, side: Side) -> Message {
        self.counts.passive += 1;
        let price = self.resting(market, side);
        self.order(market, side, price)
    }

    /// A price within 20 ticks of the mid that does not cross.
    fn resting(&mut self, market: u32, side: Side) -> i64 {
        let away = 1 + self.random.below(20).cast_signed();
        let market = &self.view.markets[market as usize];
        let opposite = market.best(side.opposite());
        market.clamp(match side {
            Side::Buy => (market.mid - away).min(opposite.map_or(i64::MAX, |ask| ask - 1)),
            Side::Sell => (market.mid + away).max(opposite.map_or(i64::MIN, |bid| bid + 1)),
        })
    }

    /// The best opposite price, else the mid, or up to two ticks through it.
    fn crossing(&mut self, market: u32, side: Side) -> i64 {
        let through = self.random.below(3).cast_signed();
        let market = &self.view.markets[market as usize];
        let best = market.best(side.opposite()).unwrap_or(market.mid);
        market.clamp(match side {
            Side::Buy => best + through,
            Side::Sell => best - through,
        })
    }

    fn order(&mut self, market: u32, side: Side, price: i64) -> Message {
        let (account, quantity) = (self.account(market), self.quantity());
        let slot = self.view.send(Order::new(account, market, side, price, quantity));
        let client_order_id = self.client_order_id(Kind::Order, slot);
        self.view.name(slot, client_order_id);
        let order = new_order(account, market, (side, price, quantity));
        NewOrderEvent { client_order_id, ..order }.into()
    }

    fn immediate(&mut self, market: u32, time_in_force: TimeInForce) -> Message {
        let (side, account, quantity) = (self.side(), self.account(market), self.quantity());
        let price = self.crossing(market, side);
        let kind = if time_in_force == TimeInForce::FILL_OR_KILL {
            self.counts.fok += 1;
            Kind::Fok
        } else {
            self.counts.ioc += 1;
            Kind::Ioc
        };
        let client_order_id = self.client_order_id(kind, 0);
        let order = new_order(account, market, (side, price, quantity));
        NewOrderEvent { client_order_id, time_in_force, ..order }.into()
    }

    /// A live order of the market.
    fn draw(&mut self, market: u32) -> Option<u32> {
        let live = self.view.markets[market as usize].live().len();
        if live == 0 {
            return None;
        }
        let place = self.random.below(live as u64) as usize;
        Some(self.view.markets[market as usize].live()[place])
    }

    fn cancel(&mut self, market: u32) -> Option<Message> {
        let slot = self.draw(market)?;
        self.counts.cancels += 1;
        self.view.hide(slot);
        let Order { id, account, .. } = *self.view.order(slot);
        let client_order_id = self.client_order_id(Kind::Cancel, slot);
        let header = header_of(account);
        let (user, order_id) = (user_of(account), Some(id));
        let origin = <_>::default();
        let original_client_order_id = [0; 20];
        let cancel = CancelOrderEvent {
            header,
            origin,
            account,
            user,
            order_id,
            original_client_order_id,
            client_order_id,
        };
        Some(cancel.into())
    }

    /// One half only makes an order smaller, the other half moves it. Without a live order it is a
    /// new one.
    fn replace(&mut self, market: u32) -> Message {
        let Some(slot) = self.draw(market) else {
            let side = self.side();
            return self.passive(market, side);
        };
        self.counts.replaces += 1;
        let order = *self.view.order(slot);
        let (price, quantity) = if self.random.below(2) == 0 {
            let executed = order.total - order.leaves;
            let less = self.random.below(order.leaves.max(2) - 1);
            (order.price, executed + 1 + less)
        } else {
            (self.resting(market, order.side), self.quantity())
        };
        let client_order_id = self.client_order_id(Kind::Replace, slot);
        ReplaceOrderEvent {
            header: header_of(order.account),
            account: order.account,
            user: user_of(order.account),
            order_id: Some(order.id),
            client_order_id,
            price: price * TICK,
            quantity,
            ..ReplaceOrderEvent::default()
        }
        .into()
    }

    /// Each refusal in turn.
    fn refused(&mut self, market: u32) -> Message {
        let turn = self.counts.to_be_refused as usize % (SPOILED.len() + UNFUNDED.len() + 3);
        self.counts.to_be_refused += 1;
        // An instrument that may be halted would refuse for that.
        let market = if market + 1 == HALTED_INSTRUMENT { 0 } else { market };
        let (side, account, quantity) = (self.side(), self.account(market), self.quantity());
        let price = self.resting(market, side);
        let client_order_id = self.client_order_id(Kind::Refused, 0);
        let order = new_order(account, market, (side, price, quantity));
        let mut order = NewOrderEvent { client_order_id, ..order };
        if let Some((_, spoil)) = SPOILED.get(turn) {
            spoil(&mut order);
        } else if let Some((_, side)) = UNFUNDED.get(turn - SPOILED.len()) {
            refusals::unfund(&mut order, *side);
        } else {
            return self.refused_request(turn - SPOILED.len() - UNFUNDED.len(), order);
        }
        order.into()
    }

    /// A cancel and a replace of an order that nobody has, and a client order id that is in use.
    fn refused_request(&mut self, turn: usize, order: NewOrderEvent) -> Message {
        let NewOrderEvent { header, account, user, price, quantity, client_order_id, .. } = order;
        let order_id = Some(u64::MAX);
        match turn {
            0 => {
                let cancel = CancelOrderEvent { header, account, user, ..<_>::default() };
                CancelOrderEvent { order_id, client_order_id, ..cancel }.into()
            }
            1 => {
                let replace = ReplaceOrderEvent { header, account, user, ..<_>::default() };
                ReplaceOrderEvent { order_id, client_order_id, price, quantity, ..replace }.into()
            }
            _ => match self.draw(order.instrument - 1) {
                Some(slot) => {
                    let Order { account, client_order_id, .. } = *self.view.order(slot);
                    let (header, user) = (header_of(account), user_of(account));
                    NewOrderEvent { header, account, user, client_order_id, ..order }.into()
                }
                None => NewOrderEvent { account: NOBODY, ..order }.into(),
            },
        }
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.random.below(2) as usize]
    }

    /// 1 to 1,000 shares.
    fn quantity(&mut self) -> u64 {
        1 + self.random.below(1000)
    }

    fn account(&mut self, market: u32) -> u32 {
        population::trader(market, self.random.below(population::TRADERS.into()) as u32)
    }

    /// The kind, the slot in 6 and the number of the command in 12 hexadecimal digits.
    fn client_order_id(&self, kind: Kind, slot: u32) -> [u8; 20] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut number = (u64::from(slot) << 48) | (self.submitted & 0xffff_ffff_ffff);
        let mut id = [0; 20];
        // A slot's 24 bits are more than 16: its upper 8 are written apart.
        let mut upper = slot >> 16;
        for place in (1..3).rev() {
            id[place] = DIGITS[(upper & 15) as usize];
            upper >>= 4;
        }
        for place in (3..19).rev() {
            id[place] = DIGITS[(number & 15) as usize];
            number >>= 4;
        }
        id[0] = kind as u8;
        id
    }
}

/// The slot in a client order id.
fn slot_of(id: &[u8; 20]) -> Option<u32> {
    id[1..7]
        .iter()
        .try_fold(0, |slot: u32, digit| Some(slot * 16 + char::from(*digit).to_digit(16)?))
}

/// What the committed events tell.
impl Mix {
    fn accepted(&mut self, event: &OrderAcceptedEvent) {
        let id = &event.client_order_id;
        if id[0] == Kind::Refused as u8 {
            self.counts.accepted_unexpectedly += 1;
        }
        if id[0] == Kind::Order as u8
            && let Some(slot) = slot_of(id)
            && self.view.is_sent(slot, id)
        {
            self.view.accepted(slot, event.order_id);
        }
    }

    fn rejected(&mut self, event: &OrderRejectedEvent) {
        let id = &event.client_order_id;
        let meant = [RejectReason::CLIENT_ORDER_ID_IN_USE, RejectReason::CLIENT_ORDER_ID_MALFORMED];
        if id[0] == Kind::Refused as u8 || meant.contains(&event.reason) {
            self.counts.refused_as_meant += 1;
            return;
        }
        self.count_refusal(event.reason);
        if id[0] == Kind::Order as u8
            && let Some(slot) = slot_of(id)
            && self.view.is_sent(slot, id)
        {
            self.view.refused(slot);
        }
    }

    fn request_rejected(&mut self, event: &CancelRejectedEvent) {
        if event.client_order_id[0] == Kind::Refused as u8 {
            self.counts.refused_as_meant += 1;
            return;
        }
        if event.reason == RejectReason::UNKNOWN_ORDER {
            self.counts.no_longer_live += 1;
        } else {
            self.count_refusal(event.reason);
        }
        if let Some(slot) = self.live(&event.client_order_id, event.order_id.unwrap_or(0)) {
            self.view.show(slot);
        }
    }

    fn count_refusal(&mut self, reason: RejectReason) {
        if reason == RejectReason::PHASE {
            self.counts.refused_in_halt += 1;
        } else {
            self.counts.refused_unexpectedly += 1;
        }
    }

    /// The slot of a live order, by a client order id that names it.
    fn live(&self, client_order_id: &[u8; 20], order_id: u64) -> Option<u32> {
        let slot = slot_of(client_order_id)?;
        self.view.is_live(slot, order_id).then_some(slot)
    }
}

impl Flow for Mix {
    fn setup(&mut self) -> Vec<Message> {
        population::setup(self.trading_date)
    }

    fn next(&mut self) -> Next {
        if self.view.unanswered() >= UNANSWERED_MAX {
            return Next::Wait;
        }
        let command = self.command();
        self.submitted += 1;
        Next::Command { command, due_ns: 0 }
    }

    fn on_event(&mut self, event: &Message) {
        match event {
            Message::OrderAcceptedEvent(event) => self.accepted(event),
            Message::OrderRejectedEvent(event) => self.rejected(event),
            Message::CancelRejectedEvent(event) => self.request_rejected(event),
            Message::OrderFilledEvent(event) => {
                if let Some(slot) = self.live(&event.client_order_id, event.order_id) {
                    self.view.filled(slot, event.leaves_quantity);
                }
            }
            Message::OrderCanceledEvent(event) => {
                if let Some(slot) = self.live(&event.original_client_order_id, event.order_id) {
                    self.view.ended(slot);
                }
            }
            Message::OrderReplacedEvent(event) => {
                if let Some(slot) = self.live(&event.client_order_id, event.order_id) {
                    self.view.name(slot, event.client_order_id);
                    let quantities = (event.quantity, event.leaves_quantity);
                    self.view.replaced(slot, event.price / TICK, quantities);
                }
            }
            _ => {}
        }
    }

    fn notes(&self) -> Vec<(String, u64)> {
        let counts = &self.counts;
        let notes = [
            ("commands", self.submitted),
            ("passive", counts.passive),
            ("aggressive", counts.aggressive),
            ("cancels", counts.cancels),
            ("replaces", counts.replaces),
            ("ioc", counts.ioc),
            ("fok", counts.fok),
            ("to_be_refused", counts.to_be_refused),
            ("phase_changes", counts.phase_changes),
            ("refused_as_meant", counts.refused_as_meant),
            ("refused_in_halt", counts.refused_in_halt),
            ("no_longer_live", counts.no_longer_live),
            ("refused_unexpectedly", counts.refused_unexpectedly),
            ("accepted_unexpectedly", counts.accepted_unexpectedly),
            ("live_orders", self.view.live() as u64),
        ];
        notes.map(|(label, number)| (label.to_string(), number)).into()
    }
}
