//! A small real feed: two instruments with orders, as L3 shows them.

use isochron_messages::{
    EventFlags, InstrumentDefinition, Message, OrderAdded, OrderDeleted, Phase, SbeMessage, Side,
    TradingStatus,
};

/// Messages in the order of the session, each an event of its own.
#[derive(Default)]
pub(super) struct Market {
    pub(super) messages: Vec<Vec<u8>>,
    instruments: Vec<u32>,
    event: u64,
}

impl Market {
    /// Two instruments, open.
    pub(super) fn open() -> Self {
        let mut market = Self { instruments: vec![0; 3], ..Self::default() };
        for instrument in [1, 2] {
            let symbol = if instrument == 1 { *b"S001    " } else { *b"S002    " };
            let whole = market.place(instrument);
            let definition = InstrumentDefinition { symbol, ..Default::default() };
            market.add(&InstrumentDefinition {
                instrument,
                instrument_sequence: whole.0,
                event_id: whole.1,
                flags: ALONE,
                ..definition
            });
            let whole = market.place(instrument);
            market.add(&TradingStatus {
                instrument,
                instrument_sequence: whole.0,
                event_id: whole.1,
                flags: ALONE,
                phase: Phase::OPEN,
                ..Default::default()
            });
        }
        market
    }

    pub(super) fn add_order(&mut self, instrument: u32, order_id: u64, side: Side, price: i64) {
        let whole = self.place(instrument);
        self.add(&OrderAdded {
            instrument,
            instrument_sequence: whole.0,
            event_id: whole.1,
            flags: ALONE,
            order_id,
            price,
            quantity: quantity(order_id),
            side,
            ..Default::default()
        });
    }

    pub(super) fn delete_order(&mut self, instrument: u32, order_id: u64) {
        let whole = self.place(instrument);
        self.add(&OrderDeleted {
            instrument,
            instrument_sequence: whole.0,
            event_id: whole.1,
            flags: ALONE,
            order_id,
            canceled_quantity: quantity(order_id),
            ..Default::default()
        });
    }

    /// The next number of an instrument, and of the events.
    fn place(&mut self, instrument: u32) -> (u32, u64) {
        self.event += 1;
        let number = &mut self.instruments[instrument as usize];
        *number += 1;
        (*number, self.event)
    }

    fn add(&mut self, message: &impl SbeMessage) {
        let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
        let bytes = message.encode(&mut buffer).unwrap();
        self.messages.push(buffer[..bytes].to_vec());
    }
}

/// An event of one message.
const ALONE: EventFlags = EventFlags(EventFlags::START_OF_EVENT.0 | EventFlags::END_OF_EVENT.0);

fn quantity(order_id: u64) -> u64 {
    100 + order_id
}
