//! A log as the core would write it, for tests of the feed.

use isochron_events as events;
use isochron_events::{
    AdministrationApplied, DayStarted, DefineInstrument, EventHeader, Liquidity, Message,
    NewOrderEvent, OrderAcceptedEvent, OrderCanceledEvent, OrderFilledEvent, OrderReplacedEvent,
    PhaseChange, PhaseChanged, Side, Tick,
};

use super::super::SECOND_NS;
use crate::types::flags::END_OF_EVENT;

pub(super) const START: u64 = 1_795_000_000 * SECOND_NS;

/// Writes a log as the core would: commands with their outcomes, transactions, events.
pub(super) struct Log {
    sequence: u64,
    pub(super) cause: u64,
    pub(super) now: u64,
    pub(super) events: Vec<Message>,
}

impl Log {
    pub(super) fn new() -> Log {
        Log { sequence: 0, cause: 0, now: START, events: Vec::new() }
    }

    /// One transaction; `last` ends the event, and the next transaction begins another.
    pub(super) fn transaction(&mut self, messages: Vec<Message>, last: bool) {
        self.sequence += 1;
        if self.cause == 0 {
            self.cause = self.sequence;
        }
        let count = messages.len();
        for (index, mut message) in messages.into_iter().enumerate() {
            let end = index + 1 == count;
            let flags = u16::from(end) | if end && last { END_OF_EVENT } else { 0 };
            let (sequence, cause, timestamp) = (self.sequence, self.cause, self.now);
            *message.header_mut() = EventHeader { sequence, timestamp, cause, session: 0, flags };
            self.events.push(message);
        }
        if last {
            self.cause = 0;
        }
    }

    pub(super) fn event(&mut self, messages: Vec<Message>) {
        self.transaction(messages, true);
    }

    pub(super) fn applied(&mut self, command: impl Into<Message>) {
        let command = command.into();
        let applied =
            AdministrationApplied { command: command.template_id(), ..Default::default() };
        self.event(vec![command, applied.into()]);
    }

    pub(super) fn day(&mut self, trading_date: u32) {
        self.applied(DayStarted { trading_date, ..Default::default() });
    }

    pub(super) fn define(&mut self, instrument: u32, reference_price: i64) {
        self.define_on(0, instrument, reference_price);
    }

    pub(super) fn define_on(&mut self, partition: u16, instrument: u32, reference_price: i64) {
        let symbol = *b"ISO\0\0\0\0\0";
        self.applied(DefineInstrument {
            partition,
            instrument,
            symbol,
            reference_price,
            ..Default::default()
        });
    }

    pub(super) fn tick(&mut self) {
        self.event(vec![Tick::default().into()]);
    }

    /// An order that rests.
    pub(super) fn order(&mut self, order_id: u64, side: Side, price: i64, quantity: u64) {
        let accepted = accepted(order_id, side, price, quantity);
        self.event(vec![NewOrderEvent::default().into(), accepted]);
    }

    pub(super) fn phase(&mut self, instrument: u32, phase: events::Phase) {
        let changed = PhaseChanged { instrument, phase, ..Default::default() };
        let applied = AdministrationApplied::default();
        self.event(vec![PhaseChange::default().into(), applied.into(), changed.into()]);
    }
}

pub(super) fn accepted(order_id: u64, side: Side, price: i64, quantity: u64) -> Message {
    let leaves_quantity = quantity;
    OrderAcceptedEvent {
        instrument: 1,
        order_id,
        side,
        price,
        quantity,
        leaves_quantity,
        ..Default::default()
    }
    .into()
}

pub(super) fn canceled(order_id: u64) -> Message {
    OrderCanceledEvent { instrument: 1, order_id, ..Default::default() }.into()
}

/// The same in another instrument.
pub(super) fn of(instrument: u32, mut message: Message) -> Message {
    match &mut message {
        Message::OrderAcceptedEvent(accepted) => accepted.instrument = instrument,
        Message::OrderCanceledEvent(canceled) => canceled.instrument = instrument,
        other => panic!("no order's outcome: {other:?}"),
    }
    message
}

pub(super) fn replaced(order_id: u64, price: i64, leaves_quantity: u64, lost: bool) -> Message {
    let priority_lost = if lost { events::BooleanFlag::YES } else { events::BooleanFlag::NO };
    OrderReplacedEvent {
        instrument: 1,
        order_id,
        price,
        leaves_quantity,
        priority_lost,
        ..Default::default()
    }
    .into()
}

/// Both executions of a match at 100: `maker` and `taker` are order id and what is left.
pub(super) fn filled(
    match_id: u64,
    side: Side,
    quantity: u64,
    maker: (u64, u64),
    taker: (u64, u64),
) -> [Message; 2] {
    let opposite = if side == Side::BUY { Side::SELL } else { Side::BUY };
    let execution = |(order_id, leaves_quantity), side, liquidity| OrderFilledEvent {
        instrument: 1,
        match_id,
        order_id,
        side,
        liquidity,
        price: 100,
        quantity,
        leaves_quantity,
        ..Default::default()
    };
    [
        execution(maker, opposite, Liquidity::MAKER).into(),
        execution(taker, side, Liquidity::TAKER).into(),
    ]
}
