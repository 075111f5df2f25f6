//! What the public may know of each event: the L3 feed, made of the log's outcomes.
//!
//! ```text
//!  log    NewOrder │ Accepted │ Filled (maker) │ Filled (taker) │ ... end of event
//!  feed                         Executed         Trade            Added, what rests
//!                                                                 BookChecksum, once a second
//! ```
//!
//! An event is everything that one root command caused, over all its transactions. Its first and
//! last feed messages carry flags, so one message is always held back until it is known whether
//! another follows. An order enters the feed with what rests of it, at the end of its event: the
//! public never sees a book that crosses. A replace that trades leaves the book first and comes
//! back with what rests.
//!
//! Before the log's first trading day nothing is sent; what was defined by then opens the
//! session. The next day begins another session, which repeats the definitions.
//! Spec: docs/rulebook.md and schemas/market-data.xml.

mod snapshot;

use isochron_events as events;
use isochron_events::{Liquidity, Message as LogMessage};
use isochron_feeds::book::{Book, Order};
use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::Session;
use isochron_messages as messages;
use isochron_messages::{BooleanFlag, EventFlags, InstrumentDefinition, Message, SystemEventCode};

use crate::limits::INSTRUMENT_ID_MAX;
use crate::types::Nanos;
use crate::types::flags::END_OF_EVENT;

const SECOND_NS: u64 = 1_000_000_000;

/// Where every order of every symbol is.
pub const CHANNEL_L3: Channel = Channel { partition: 0, product: Product::L3 };

/// What goes out, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// A session begins: the next message is its first. The session before it has ended.
    Session(Session),
    /// The session's next message, encoded.
    Message(&'a [u8]),
}

/// An instrument as the feed knows it.
struct Instrument {
    definition: InstrumentDefinition,
    phase: messages::Phase,
    reference_price: Option<i64>,
    book: Book,
    /// The number of its last message in the session.
    sequence: u32,
    /// The event that it was last part of.
    touched_by: u64,
    /// The second of logged time in which its checksum was last sent.
    checksum_second: Option<u64>,
}

/// The order that an event is about, until the event's end says what rests of it.
struct Incoming {
    instrument: u32,
    order: Order,
    /// A replaced order stands in the book as it was until it trades, or the event ends.
    stands: bool,
}

/// The command whose answer is awaited.
enum Asked {
    Nothing,
    Day { trading_date: u32 },
    Definition(Box<InstrumentDefinition>),
}

/// The feed's core. Calling order: `on_event` for every message of the log, from its beginning or
/// from where it was saved.
pub struct L3 {
    /// By id.
    instruments: Vec<Option<Box<Instrument>>>,
    /// Of instruments that have none of their own yet.
    general_phase: messages::Phase,
    session: Option<Session>,
    trading_date: u32,
    asked: Asked,
    /// The event that is open, 0 between events.
    event_id: u64,
    time: Nanos,
    incoming: Option<Incoming>,
    touched: Vec<u32>,
    held: Option<Message>,
    start_said: bool,
    anomalies: u64,
    /// Messages of the session so far, the one held back included.
    numbered: u64,
}

impl Default for L3 {
    fn default() -> Self {
        Self::new()
    }
}

impl L3 {
    /// A feed of an empty log: a new exchange is closed.
    #[must_use]
    pub fn new() -> L3 {
        L3 {
            instruments: Vec::new(),
            general_phase: messages::Phase::CLOSED,
            session: None,
            trading_date: 0,
            asked: Asked::Nothing,
            event_id: 0,
            time: Nanos(0),
            incoming: None,
            touched: Vec::new(),
            held: None,
            start_said: false,
            anomalies: 0,
            numbered: 0,
        }
    }

    /// The session that messages belong to; `None` before the log's first trading day.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session
    }

    /// The number of the session's next message; 1 before there is a session.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.numbered + 1
    }

    /// Outcomes that do not fit the books made of the outcomes before them. Anything but 0 is a
    /// fault of the program that wrote the log, or of this one.
    #[must_use]
    pub fn anomalies(&self) -> u64 {
        self.anomalies
    }

    /// An instrument's book, as it stands after the last whole event.
    #[must_use]
    pub fn book(&self, instrument: u32) -> Option<&Book> {
        Some(&self.instruments.get(instrument as usize)?.as_ref()?.book)
    }

    /// Takes the log's next message.
    pub fn on_event(&mut self, event: &LogMessage, sink: &mut impl FnMut(Output<'_>)) {
        // They change nothing public, and an epoch may begin between an event's transactions.
        if matches!(event, LogMessage::EpochStarted(_) | LogMessage::Tick(_)) {
            return;
        }
        let header = *event.header();
        if self.event_id != header.cause {
            if self.event_id != 0 {
                self.anomalies += 1;
                self.end_event(sink);
            }
            self.event_id = header.cause;
        }
        self.time = Nanos(header.timestamp);
        self.on_content(event, sink);
        if header.flags & END_OF_EVENT != 0 {
            self.end_event(sink);
        }
    }

    fn on_content(&mut self, event: &LogMessage, sink: &mut impl FnMut(Output<'_>)) {
        match event {
            LogMessage::OrderAcceptedEvent(accepted) => {
                let order = Order {
                    order_id: accepted.order_id,
                    side: messages::Side(accepted.side.0),
                    price: accepted.price,
                    quantity: accepted.leaves_quantity,
                };
                let instrument = accepted.instrument;
                self.incoming = Some(Incoming { instrument, order, stands: false });
            }
            LogMessage::OrderFilledEvent(filled) => self.on_filled(filled, sink),
            LogMessage::OrderCanceledEvent(canceled) => self.on_canceled(canceled, sink),
            LogMessage::OrderReplacedEvent(replaced) => self.on_replaced(replaced, sink),
            LogMessage::PhaseChanged(changed) => self.on_phase(changed, sink),
            LogMessage::DayEnded(ended) => {
                self.push_system(SystemEventCode::END_OF_DAY, ended.trading_date, sink);
            }
            LogMessage::DayStarted(started) => {
                self.asked = Asked::Day { trading_date: started.trading_date };
            }
            LogMessage::DefineInstrument(define) => {
                self.asked = Asked::Definition(Box::new(definition(define)));
            }
            LogMessage::AdministrationApplied(_) => {
                match std::mem::replace(&mut self.asked, Asked::Nothing) {
                    Asked::Nothing => {}
                    Asked::Day { trading_date } => self.start_session(trading_date, sink),
                    Asked::Definition(definition) => self.define(*definition, sink),
                }
            }
            LogMessage::AdministrationRejected(_) => self.asked = Asked::Nothing,
            _ => {}
        }
    }

    fn on_filled(&mut self, filled: &events::OrderFilledEvent, sink: &mut impl FnMut(Output<'_>)) {
        self.withdraw_replaced(sink);
        let instrument = filled.instrument;
        if filled.liquidity == Liquidity::MAKER {
            let (executed, remaining) = (filled.quantity, filled.leaves_quantity);
            self.take(instrument, filled.order_id, executed, remaining);
            let executed = messages::OrderExecuted {
                instrument,
                order_id: filled.order_id,
                match_id: filled.match_id,
                price: filled.price,
                executed_quantity: executed,
                remaining_quantity: remaining,
                ..Default::default()
            };
            self.push(executed.into(), sink);
            return;
        }
        let trade = messages::Trade {
            instrument,
            match_id: filled.match_id,
            price: filled.price,
            quantity: filled.quantity,
            aggressor_side: messages::Side(filled.side.0),
            ..Default::default()
        };
        self.push(trade.into(), sink);
        match &mut self.incoming {
            Some(incoming) if incoming.order.order_id == filled.order_id => {
                incoming.order.quantity = filled.leaves_quantity;
            }
            _ => self.anomalies += 1,
        }
    }

    fn on_canceled(
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

    fn on_replaced(
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
                instrument,
                order_id,
                canceled_quantity: canceled,
                remaining_quantity: remaining,
                ..Default::default()
            };
            self.push(reduced.into(), sink);
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
        let Some(rested) = self.book(instrument).and_then(|book| book.order(order_id)) else {
            self.anomalies += 1;
            return;
        };
        self.take(instrument, order_id, rested.quantity, 0);
        let deleted = messages::OrderDeleted {
            instrument,
            order_id,
            canceled_quantity: rested.quantity,
            remaining_quantity: 0,
            ..Default::default()
        };
        self.push(deleted.into(), sink);
    }

    fn take(&mut self, instrument: u32, order_id: u64, taken: u64, remaining: u64) {
        let slot = slot(&mut self.instruments, instrument);
        let taken = slot.map(|instrument| instrument.book.take(order_id, taken, remaining));
        if !matches!(taken, Some(Ok(()))) {
            self.anomalies += 1;
        }
    }

    /// What rests of the event's order enters the feed.
    fn rest(&mut self, sink: &mut impl FnMut(Output<'_>)) {
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
        let (changed, message) = if stands {
            let modified = messages::OrderModified {
                instrument,
                order_id,
                price,
                quantity,
                priority_lost: BooleanFlag::YES,
                ..Default::default()
            };
            (known.book.modify(order_id, price, quantity, true), Message::from(modified))
        } else {
            let added = messages::OrderAdded {
                instrument,
                order_id,
                price,
                quantity,
                side,
                ..Default::default()
            };
            (known.book.add(order), Message::from(added))
        };
        self.anomalies += u64::from(changed.is_err());
        self.push(message, sink);
    }

    fn define(&mut self, definition: InstrumentDefinition, sink: &mut impl FnMut(Output<'_>)) {
        let id = definition.instrument;
        if id == 0 || id > INSTRUMENT_ID_MAX {
            self.anomalies += 1;
            return;
        }
        let index = id as usize;
        if self.instruments.len() <= index {
            self.instruments.resize_with(index + 1, || None);
        }
        let reference_price = definition.reference_price;
        if let Some(known) = &mut self.instruments[index] {
            (known.definition, known.reference_price) = (definition, reference_price);
            self.push(definition.into(), sink);
            return;
        }
        self.instruments[index] = Some(Box::new(Instrument {
            definition,
            phase: self.general_phase,
            reference_price,
            book: Book::new(),
            sequence: 0,
            touched_by: 0,
            checksum_second: None,
        }));
        self.push(definition.into(), sink);
        self.push_status(id, sink);
    }

    fn on_phase(&mut self, changed: &events::PhaseChanged, sink: &mut impl FnMut(Output<'_>)) {
        let phase = messages::Phase(changed.phase.0);
        let all = changed.instrument == 0;
        if all {
            self.general_phase = phase;
        } else if self.book(changed.instrument).is_none() {
            self.anomalies += 1;
        }
        for id in self.ids() {
            if all || id == changed.instrument {
                if let Some(instrument) = slot(&mut self.instruments, id) {
                    instrument.phase = phase;
                    if changed.reference_price != 0 {
                        instrument.reference_price = Some(changed.reference_price);
                    }
                }
                self.push_status(id, sink);
            }
        }
    }

    /// The ids of all instruments. They are a range with holes, which messages to them skip.
    fn ids(&self) -> std::ops::Range<u32> {
        1..u32::try_from(self.instruments.len()).unwrap_or(u32::MAX)
    }

    fn push_status(&mut self, id: u32, sink: &mut impl FnMut(Output<'_>)) {
        let Some(instrument) = slot(&mut self.instruments, id) else { return };
        let status = messages::TradingStatus {
            instrument: id,
            reference_price: instrument.reference_price,
            phase: instrument.phase,
            ..Default::default()
        };
        self.push(status.into(), sink);
    }

    fn push_system(
        &mut self,
        code: SystemEventCode,
        trading_date: u32,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let system = messages::SystemEvent { trading_date, code, ..Default::default() };
        self.push(system.into(), sink);
    }

    /// A trading day begins: the session before it ends, and the new one says all that is known.
    fn start_session(&mut self, trading_date: u32, sink: &mut impl FnMut(Output<'_>)) {
        self.push_system(SystemEventCode::END_OF_MESSAGES, self.trading_date, sink);
        self.end_bracket(sink);
        let session = CHANNEL_L3.session(trading_date, b'A');
        (self.session, self.trading_date) = (Some(session), trading_date);
        self.numbered = 0;
        for instrument in self.instruments.iter_mut().flatten() {
            (instrument.sequence, instrument.touched_by) = (0, 0);
            instrument.checksum_second = None;
        }
        sink(Output::Session(session));
        self.push_system(SystemEventCode::START_OF_MESSAGES, trading_date, sink);
        for id in self.ids() {
            let Some(instrument) = slot(&mut self.instruments, id) else { continue };
            let sides = [messages::Side::BUY, messages::Side::SELL];
            let resting: Vec<Order> =
                sides.iter().flat_map(|side| instrument.book.orders(*side)).collect();
            let definition = instrument.definition;
            self.push(definition.into(), sink);
            self.push_status(id, sink);
            for Order { order_id, side, price, quantity } in resting {
                let added = messages::OrderAdded {
                    instrument: id,
                    order_id,
                    price,
                    quantity,
                    side,
                    ..Default::default()
                };
                self.push(added.into(), sink);
            }
        }
        self.push_system(SystemEventCode::START_OF_DAY, trading_date, sink);
    }

    /// Numbers a message and sends the one held back before it.
    fn push(&mut self, mut message: Message, sink: &mut impl FnMut(Output<'_>)) {
        if self.session.is_none() {
            return;
        }
        self.numbered += 1;
        if let Some(instrument) = slot(&mut self.instruments, message.instrument()) {
            instrument.sequence += 1;
            message.set_instrument_sequence(instrument.sequence);
            if instrument.touched_by != self.event_id {
                instrument.touched_by = self.event_id;
                self.touched.push(message.instrument());
            }
        }
        message.set_event_id(self.event_id);
        message.set_transaction_time(self.time.0);
        if !std::mem::replace(&mut self.start_said, true) {
            message.set_flags(EventFlags::START_OF_EVENT);
        }
        if let Some(before) = self.held.replace(message) {
            send(&before, sink);
        }
    }

    fn end_event(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        self.rest(sink);
        self.asked = Asked::Nothing;
        for index in 0..self.touched.len() {
            self.push_checksum(self.touched[index], sink);
        }
        self.end_bracket(sink);
        self.event_id = 0;
    }

    /// Sends the message held back: it is the last of its event.
    fn end_bracket(&mut self, sink: &mut impl FnMut(Output<'_>)) {
        if let Some(mut last) = self.held.take() {
            last.set_flags(last.flags() | EventFlags::END_OF_EVENT);
            send(&last, sink);
        }
        self.start_said = false;
        self.touched.clear();
    }

    /// The instrument's checksum, on its first event in each second of logged time.
    fn push_checksum(&mut self, id: u32, sink: &mut impl FnMut(Output<'_>)) {
        let second = self.time.0 / SECOND_NS;
        let Some(instrument) = slot(&mut self.instruments, id) else { return };
        if instrument.checksum_second.replace(second) == Some(second) {
            return;
        }
        let checksum = messages::BookChecksum {
            instrument: id,
            checksum: instrument.book.checksum(),
            orders: instrument.book.order_count() as u32,
            levels: instrument.book.level_count() as u32,
            ..Default::default()
        };
        self.push(checksum.into(), sink);
    }
}

/// An instrument that was defined.
fn slot(instruments: &mut [Option<Box<Instrument>>], id: u32) -> Option<&mut Instrument> {
    instruments.get_mut(id as usize)?.as_deref_mut()
}

fn send(message: &Message, sink: &mut impl FnMut(Output<'_>)) {
    let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
    let length = message.encode(&mut buffer).expect("the buffer fits the longest message");
    sink(Output::Message(&buffer[..length]));
}

/// What the public may know of an instrument; 0 is no reference price.
fn definition(define: &events::DefineInstrument) -> InstrumentDefinition {
    InstrumentDefinition {
        instrument: define.instrument,
        symbol: define.symbol,
        display_symbol: define.display_symbol,
        instrument_type: messages::InstrumentType(define.instrument_type.0),
        settlement_currency: define.settlement_currency,
        quote_currency: define.quote_currency,
        tick: define.tick,
        lot: define.lot,
        price_minimum: define.price_minimum,
        price_maximum: define.price_maximum,
        quantity_minimum: define.quantity_minimum,
        quantity_maximum: define.quantity_maximum,
        notional_maximum: define.notional_maximum,
        reference_price: Some(define.reference_price).filter(|price| *price != 0),
        band: define.band,
        partition: define.partition,
        description: define.description,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
