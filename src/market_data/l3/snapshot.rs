//! The feed's section of a snapshot: the numbers that the next publisher goes on with.
//!
//! ```text
//!   SnapshotStart          next message of the session, instruments, orders
//!   SystemEvent            trading date; 0 before the first session
//!   TradingStatus          of instrument 0: the phase of instruments to come
//!   for each instrument
//!     InstrumentDefinition TradingStatus BookChecksum      each with the instrument's number
//! ```
//!
//! Its own public messages, each behind its length (u16), say all that the feed knows; the books
//! are those of the state that the section is saved with, and must have the section's checksums.
//! Only between events: then nothing is held back, and no order is on its way.

use std::io::{self, Read, Write};

use isochron_feeds::book::{Book, Order};
use isochron_messages as messages;
use isochron_messages::{BookChecksum, InstrumentDefinition, Message, SystemEvent, TradingStatus};

use super::{CHANNEL_L3, Instrument, L3, SECOND_NS};
use crate::limits::INSTRUMENT_ID_MAX;
use crate::matching::BookIndex;
use crate::state_machine::StateMachine;
use crate::types::Side;

/// The time in a checksum message says in which second the last one was sent; 0 is in none.
fn time_of(second: Option<u64>) -> u64 {
    second.map_or(0, |second| second * SECOND_NS + 1)
}

fn second_of(time: u64) -> Option<u64> {
    (time > 0).then_some(time / SECOND_NS)
}

fn write(to: &mut dyn Write, message: impl Into<Message>) -> io::Result<()> {
    let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
    let length = message.into().encode(&mut buffer).expect("the buffer fits the longest message");
    to.write_all(&(length as u16).to_le_bytes())?;
    to.write_all(&buffer[..length])
}

fn read(from: &mut dyn Read) -> Result<Message, String> {
    let mut length = [0; 2];
    from.read_exact(&mut length).map_err(|error| error.to_string())?;
    let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
    let length = usize::from(u16::from_le_bytes(length));
    let bytes = buffer.get_mut(..length).ok_or_else(|| format!("a message of {length} bytes"))?;
    from.read_exact(bytes).map_err(|error| error.to_string())?;
    Message::decode(bytes).map_err(|error| error.to_string())
}

/// Reads the message that is due, and no other.
macro_rules! due {
    ($from:expr, $kind:ident) => {
        match read($from)? {
            Message::$kind(message) => Ok(message),
            other => Err(format!("{other} where {} was due", stringify!($kind))),
        }
    };
}

impl L3 {
    /// Writes what the next publisher must know beside the state.
    ///
    /// # Errors
    /// Those of `to`.
    ///
    /// # Panics
    /// In the middle of an event.
    pub fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        assert!(self.event_id == 0 && self.held.is_none() && self.incoming.is_none());
        let known = || self.instruments.iter().flatten();
        let orders: usize = known().map(|instrument| instrument.book.order_count()).sum();
        let start = messages::SnapshotStart {
            last_included_sequence: self.numbered,
            next_sequence: self.numbered + 1,
            instruments: known().count() as u32,
            orders: orders as u32,
            ..Default::default()
        };
        write(to, start)?;
        let trading_date = self.trading_date;
        write(to, SystemEvent { trading_date, ..Default::default() })?;
        write(to, TradingStatus { phase: self.general_phase, ..Default::default() })?;
        for instrument in known() {
            let (id, sequence) = (instrument.definition.instrument, instrument.sequence);
            let instrument_sequence = sequence;
            write(to, InstrumentDefinition { instrument_sequence, ..instrument.definition })?;
            let status = TradingStatus {
                instrument: id,
                instrument_sequence,
                reference_price: instrument.reference_price,
                phase: instrument.phase,
                ..Default::default()
            };
            write(to, status)?;
            let checksum = BookChecksum {
                instrument: id,
                instrument_sequence,
                transaction_time: time_of(instrument.checksum_second),
                checksum: instrument.book.checksum(),
                orders: instrument.book.order_count() as u32,
                levels: instrument.book.level_count() as u32,
                ..Default::default()
            };
            write(to, checksum)?;
        }
        Ok(())
    }

    /// The feed that was saved beside a state.
    ///
    /// # Errors
    /// It is not the section of that state: the reason.
    pub fn restore(from: &mut dyn Read, machine: &StateMachine) -> Result<L3, String> {
        let mut feed = L3::new();
        let start = due!(from, SnapshotStart)?;
        let day = due!(from, SystemEvent)?;
        let general = due!(from, TradingStatus)?;
        (feed.trading_date, feed.general_phase) = (day.trading_date, general.phase);
        feed.session = (day.trading_date != 0).then(|| CHANNEL_L3.session(day.trading_date, b'A'));
        feed.numbered = start.last_included_sequence;
        for _ in 0..start.instruments {
            let (id, instrument) = read_instrument(from, machine)?;
            if feed.instruments.len() > id as usize {
                return Err(format!("instrument {id} out of its order"));
            }
            feed.instruments.resize_with(id as usize, || None);
            feed.instruments.push(Some(Box::new(instrument)));
        }
        match from.read(&mut [0]) {
            Ok(0) => Ok(feed),
            Ok(_) => Err("bytes follow the section".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// An instrument with the state's book, and its id.
fn read_instrument(
    from: &mut dyn Read,
    machine: &StateMachine,
) -> Result<(u32, Instrument), String> {
    let definition = due!(from, InstrumentDefinition)?;
    let status = due!(from, TradingStatus)?;
    let checksum = due!(from, BookChecksum)?;
    let (id, sequence) = (definition.instrument, definition.instrument_sequence);
    if id == 0 || id > INSTRUMENT_ID_MAX || [status.instrument, checksum.instrument] != [id; 2] {
        return Err(format!("instrument {id}"));
    }
    let book = book_of(id, machine)?;
    if book.checksum() != checksum.checksum {
        let (found, expected) = (book.checksum(), checksum.checksum);
        return Err(format!("instrument {id}: checksum {found:08x}, the feed had {expected:08x}"));
    }
    let instrument = Instrument {
        definition: InstrumentDefinition { instrument_sequence: 0, ..definition },
        phase: status.phase,
        reference_price: status.reference_price,
        book,
        sequence,
        touched_by: 0,
        checksum_second: second_of(checksum.transaction_time),
    };
    Ok((id, instrument))
}

/// A book as the state has it.
fn book_of(id: u32, machine: &StateMachine) -> Result<Book, String> {
    let Some(slot) = machine.instruments().table.slot(id) else {
        return Err(format!("instrument {id} is not in the state"));
    };
    let (books, mut book) = (machine.books(), Book::new());
    for (side, code) in [(Side::Buy, messages::Side::BUY), (Side::Sell, messages::Side::SELL)] {
        for order in books.orders(BookIndex(slot), side) {
            let resting = books.get(order);
            let order = Order {
                order_id: resting.id.0,
                side: code,
                price: resting.price.0,
                quantity: resting.quantity.0,
            };
            book.add(order).map_err(|error| format!("instrument {id}: {error}"))?;
        }
    }
    Ok(book)
}
