//! A book as it stood at any moment of the log: everything up to there is executed again.

use super::select::symbol as parse_symbol;
use crate::cli::output::{End, decimal};
use crate::cli::utc::{self, Utc};
use crate::matching::BookIndex;
use crate::orders::{Instrument, OrderRecord};
use crate::state_machine::{Capacity, Replay, StateMachine};
use crate::store::StoreReader;
use crate::types::{InstrumentId, Nanos, Position, Sequence, Side, Symbol};
use clap::Args as ClapArgs;
use isochron_events::Message;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The options that ask for a book instead of events.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Past {
    /// Shows the book of the instrument with this symbol instead of events.
    #[arg(long, value_name = "SYMBOL", value_parser = parse_symbol, conflicts_with = "Selection")]
    pub(super) book: Option<Symbol>,
    /// The book after the command with this number, or after all up to this time; at the log's
    /// end where nothing is given.
    #[arg(long, value_name = "SEQUENCE|TIME", requires = "book", value_parser = moment)]
    at: Option<Moment>,
    /// The most levels of each side that are shown, with their orders.
    #[arg(long, value_name = "LEVELS", requires = "book", default_value_t = usize::MAX,
        hide_default_value = true)]
    depth: usize,
}

/// How far the log is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Up to this command.
    Sequence(u64),
    /// Up to the last command not logged later.
    Time(u64),
}

fn moment(text: &str) -> Result<Moment, String> {
    let sequence = text.parse().ok().map(Moment::Sequence);
    let time = || utc::parse(text).map(|time| Moment::Time(time.0));
    sequence.or_else(time).ok_or_else(|| format!("a command's number, or a time; {}", utc::FORM))
}

/// An order of the book: what the book knows of it, in its priority.
#[derive(Clone, Copy)]
struct Row<'m> {
    record: &'m OrderRecord,
    /// The account's id.
    account: u32,
}

/// A book that can be shown.
struct View<'m> {
    machine: &'m StateMachine,
    instrument: &'m Instrument,
    book: BookIndex,
    sequence: Sequence,
    time: Nanos,
    depth: usize,
}

/// Shows the book that is asked for.
pub(super) fn show(
    args: &Past,
    symbol: Symbol,
    reader: &mut StoreReader,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), End> {
    let replay = replay_to(reader, args.at)?;
    let machine = replay.machine();
    let sequence = replay.sequence();
    if let Some(Moment::Sequence(asked)) = args.at
        && sequence.0 != asked
    {
        return Err(End::unreadable(format!(
            "the log ends with command {sequence}, before {asked}"
        )));
    }
    let missing =
        || End::unreadable(format!("no instrument has the symbol {symbol} at {sequence}"));
    let InstrumentId(id) = machine.by_symbol(symbol).ok_or_else(missing)?;
    let table = &machine.instruments().table;
    let (Some(instrument), Some(slot)) = (table.get(id), table.slot(id)) else {
        return Err(missing());
    };
    let (book, time, depth) = (BookIndex(slot), Nanos(replay.time()), args.depth);
    let view = View { machine, instrument, book, sequence, time, depth };
    if as_json {
        writeln!(out, "{}", view.to_json())?;
    } else {
        view.write(out)?;
    }
    Ok(())
}

/// Executes the log from its beginning up to a moment.
fn replay_to(reader: &mut StoreReader, at: Option<Moment>) -> Result<Replay, End> {
    let begin = reader.position();
    if begin != Position(0) {
        return Err(End::unreadable(format!(
            "the log begins at position {begin}: past books need it from its first byte"
        )));
    }
    let mut replay = Replay::new(StateMachine::with_capacity(Capacity::default()));
    while let Some(frame) = reader.next().map_err(End::unreadable)? {
        let position = frame.position;
        let failed = |code, error: &dyn std::fmt::Display| {
            End::Failed(code, format!("position {position}: {error}"))
        };
        let event = Message::decode(frame.message)
            .map_err(|error| failed(crate::cli::output::UNREADABLE, &error))?;
        let beyond = match at {
            Some(Moment::Sequence(last)) => event.header().sequence > last,
            Some(Moment::Time(last)) => event.header().timestamp > last,
            None => false,
        };
        if beyond {
            break;
        }
        replay.on_event(&event).map_err(|divergence| failed(1, &divergence))?;
    }
    Ok(replay)
}

impl View<'_> {
    /// Levels of a side with their orders, best first, no more than asked for.
    fn levels(&self, side: Side) -> Vec<Vec<Row<'_>>> {
        let mut levels: Vec<Vec<Row<'_>>> = Vec::new();
        let books = self.machine.books();
        for slot in books.orders(self.book, side) {
            let resting = books.get(slot);
            let record = self.machine.order(resting.id).expect("what rests has a record");
            let account = self.machine.accounts().accounts.id(record.account);
            let row = Row { record, account };
            let is_deep_enough = levels.len() == self.depth;
            match levels.last_mut() {
                Some(level) if level[0].record.price == record.price => level.push(row),
                _ if is_deep_enough => break,
                _ => levels.push(vec![row]),
            }
        }
        levels
    }

    fn to_json(&self) -> Value {
        let side = |side| {
            let level = |rows: &Vec<Row<'_>>| {
                json!({
                    "price": rows[0].record.price.0,
                    "quantity": quantity(rows),
                    "orders": rows.iter().map(order_json).collect::<Vec<_>>(),
                })
            };
            self.levels(side).iter().map(level).collect::<Vec<_>>()
        };
        json!({
            "symbol": self.instrument.terms.symbol.to_string(),
            "instrument": self.instrument.id.0,
            "sequence": self.sequence.0,
            "timestamp": self.time.0,
            "time": Utc(self.time).to_string(),
            "event_goes_on": self.machine.pending().is_some(),
            "phase": self.instrument.phase.name(),
            "last_trade": self.instrument.last_trade.0,
            "orders": self.instrument.live_orders,
            "checksum": self.machine.books().checksum(self.book),
            "bids": side(Side::Buy),
            "asks": side(Side::Sell),
        })
    }

    /// The best prices in the middle, then each order in the order in which it trades.
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Instrument { id, terms, phase, last_trade, live_orders, .. } = self.instrument;
        writeln!(
            out,
            "{} (instrument {id}) after command {}, {}: {}, last trade {}, {live_orders} orders, \
             checksum {:08x}",
            terms.symbol,
            self.sequence,
            Utc(self.time),
            phase.name().unwrap_or("-"),
            if last_trade.0 == 0 { "-".to_owned() } else { decimal(last_trade.0) },
            self.machine.books().checksum(self.book),
        )?;
        let [bids, asks] = Side::BOTH.map(|side| self.levels(side));
        if self.machine.pending().is_some() {
            writeln!(out, "the event goes on in later steps")?;
        }
        writeln!(out, "\n  orders   quantity          bid | ask            quantity   orders")?;
        let cells = |rows: Option<&Vec<Row<'_>>>| {
            rows.map_or_else(Default::default, |rows| {
                (rows.len().to_string(), quantity(rows).to_string(), price(&rows[0]))
            })
        };
        for at in 0..bids.len().max(asks.len()) {
            let (bid, ask) = (cells(bids.get(at)), cells(asks.get(at)));
            let line = format!(
                "{:>8} {:>10} {:>12} | {:<12} {:>10} {:>8}",
                bid.0, bid.1, bid.2, ask.2, ask.1, ask.0
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        if bids.is_empty() && asks.is_empty() {
            return writeln!(out, "  (empty)");
        }
        writeln!(
            out,
            "\nside        price     leaves      total    order  account  client order id"
        )?;
        for row in bids.iter().chain(&asks).flatten() {
            let OrderRecord { id, side, total, client_id, .. } = row.record;
            writeln!(
                out,
                "{:<4} {:>12} {:>10} {:>10} {:>8} {:>8}  {client_id}",
                side.to_string(),
                price(row),
                row.record.leaves().0,
                total.0,
                id.0,
                row.account
            )?;
        }
        Ok(())
    }
}

fn quantity(rows: &[Row<'_>]) -> u64 {
    rows.iter().map(|row| row.record.leaves().0).sum()
}

fn price(row: &Row<'_>) -> String {
    decimal(row.record.price.0)
}

fn order_json(row: &Row<'_>) -> Value {
    let record = row.record;
    json!({
        "order": record.id.0,
        "account": row.account,
        "user": record.user,
        "client_order_id": record.client_id.to_string(),
        "leaves": record.leaves().0,
        "total": record.total.0,
        "cumulative": record.cumulative.0,
        "entry_time": record.entry_time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number_or_a_time() {
        assert_eq!(moment("12"), Ok(Moment::Sequence(12)));
        assert_eq!(moment("12ns"), Ok(Moment::Time(12)));
        assert_eq!(moment("1970-01-01T00:00:01"), Ok(Moment::Time(1_000_000_000)));
        assert!(moment("noon").is_err());
    }
}
