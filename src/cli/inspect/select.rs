//! Which events are shown: by place, number, time, and by what they are about.
//!
//! A whole transaction is judged at once, because a command does not always say what it is about:
//! a new order has no id yet, a cancel may name an order by the client's name for it. Such a
//! command is about what the first of its outcomes is about, which answers it.

use super::span::{self, Span};
use crate::types::{Position, Symbol};
use clap::Args as ClapArgs;
use isochron_events::{FieldValue, HEADER_LENGTH, Message, MessageHeader, SCHEMA_ID};

/// An event and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where its frame begins.
    pub(super) position: Position,
    /// The epoch it was written in.
    pub(super) epoch: u32,
    /// The event.
    pub(super) message: Message,
}

/// The options that say which events are shown; all that are given must hold.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Selection {
    /// Frames that begin at these byte positions.
    #[arg(long, value_name = "FROM..TO", value_parser = span::of_numbers)]
    pub(super) position: Option<Span>,
    /// Commands with these numbers, and their outcomes.
    #[arg(long, value_name = "FROM..TO", value_parser = span::of_numbers)]
    pub(super) sequence: Option<Span>,
    /// Commands logged at these times, and their outcomes.
    #[arg(long, value_name = "FROM..TO", value_parser = span::of_times)]
    pub(super) time: Option<Span>,
    /// Events about this order, by its order id.
    #[arg(long, value_name = "ID")]
    order: Option<u64>,
    /// Events about this account.
    #[arg(long, value_name = "ID")]
    account: Option<u64>,
    /// Events about the instrument with this trading symbol.
    #[arg(long, value_parser = symbol)]
    pub(super) symbol: Option<Symbol>,
    /// Events about the instrument with this id.
    #[arg(long, value_name = "ID", conflicts_with = "symbol")]
    instrument: Option<u64>,
    /// Events of this template, with or without `Event` at its end; may be given again.
    #[arg(long, value_name = "NAME", value_parser = template)]
    template: Vec<&'static str>,
}

/// A trading symbol.
pub(super) fn symbol(text: &str) -> Result<Symbol, String> {
    let symbol = Symbol::new(text).filter(Symbol::is_well_formed);
    symbol.ok_or_else(|| "one to eight printable characters".to_owned())
}

/// The full name of a template.
fn template(text: &str) -> Result<&'static str, String> {
    let short = |name: &str| name.strip_suffix("Event").unwrap_or(name).to_ascii_lowercase();
    let known: Vec<&'static str> = templates().collect();
    let found = known.iter().find(|name| short(name) == short(text));
    found.copied().ok_or_else(|| format!("there are {}", known.join(", ")))
}

/// The names of all templates of the log: each is what a block of zeros is read as.
fn templates() -> impl Iterator<Item = &'static str> {
    (0..u16::from(u8::MAX)).filter_map(|template_id| {
        let block_length = Message::ENCODED_LENGTH_MAX - HEADER_LENGTH;
        let mut bytes = [0; Message::ENCODED_LENGTH_MAX];
        let header = MessageHeader {
            block_length: block_length as u16,
            template_id,
            schema_id: SCHEMA_ID,
            version: 0,
        };
        bytes[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
        Message::decode(&bytes).ok().map(|message| message.name())
    })
}

/// What an event says it is about.
#[derive(Clone, Copy, Debug, Default)]
struct Subjects {
    order: Option<u64>,
    account: Option<u64>,
    instrument: Option<u64>,
    /// It is about every instrument: a phase of the whole market.
    all_instruments: bool,
}

impl Subjects {
    fn of(message: &Message) -> Self {
        let mut subjects = Self::default();
        let (mut scope, mut subject) = ("", None);
        message.fields(&mut |name, value| match (name, value) {
            ("order_id", FieldValue::U64(id)) => subjects.order = Some(id),
            ("account", FieldValue::U64(id)) => subjects.account = Some(id),
            ("instrument", FieldValue::U64(id)) => subjects.instrument = Some(id),
            ("scope", FieldValue::Name(name)) => scope = name,
            ("subject", FieldValue::U64(id)) => subject = Some(id),
            _ => {}
        });
        match scope {
            "account" => subjects.account = subjects.account.or(subject),
            "instrument" => subjects.instrument = subjects.instrument.or(subject),
            _ => {}
        }
        let is_phase = matches!(message, Message::PhaseChange(_) | Message::PhaseChanged(_));
        subjects.all_instruments = is_phase && subjects.instrument == Some(0);
        subjects
    }
}

/// Judges the transactions of one log, in its order.
#[derive(Debug)]
pub(super) struct Filter {
    selection: Selection,
    /// The instruments that have the symbol now.
    named: Vec<u64>,
    /// Whether one ever had it.
    is_known: bool,
}

impl Filter {
    /// A filter before the first transaction.
    pub(super) fn new(selection: Selection) -> Self {
        Self { selection, named: Vec::new(), is_known: false }
    }

    /// The events of a transaction that are to be shown.
    pub(super) fn select<'t>(&mut self, transaction: &'t [Entry]) -> Vec<&'t Entry> {
        self.learn(transaction);
        let mut chosen = Vec::new();
        for (at, entry) in transaction.iter().enumerate() {
            if self.is_placed(entry) && self.is_about(transaction, at) {
                chosen.push(entry);
            }
        }
        chosen
    }

    /// Whether nothing after this event can be selected.
    pub(super) fn is_past(&self, entry: &Entry) -> bool {
        let header = entry.message.header();
        let past = |span: Option<Span>, number| span.is_some_and(|span| number > span.last);
        past(self.selection.position, entry.position.0)
            || past(self.selection.sequence, header.sequence)
            || past(self.selection.time, header.timestamp)
    }

    /// A symbol that no instrument of the whole log ever had is a mistake.
    pub(super) fn judge_symbol(&self) -> Result<(), String> {
        match self.selection.symbol {
            Some(symbol) if !self.is_known => {
                Err(format!("no instrument of the log has the symbol {symbol}"))
            }
            _ => Ok(()),
        }
    }

    /// Symbols belong to instruments from the command that says so, where it took effect.
    fn learn(&mut self, transaction: &[Entry]) {
        let Some(symbol) = self.selection.symbol else { return };
        let [command, outcome, ..] = transaction else { return };
        let (Message::DefineInstrument(defined), Message::AdministrationApplied(_)) =
            (&command.message, &outcome.message)
        else {
            return;
        };
        let id = u64::from(defined.instrument);
        self.named.retain(|named| *named != id);
        if Symbol(defined.symbol) == symbol {
            self.named.push(id);
            self.is_known = true;
        }
    }

    /// Whether place, number, time and template are those that are asked for.
    fn is_placed(&self, entry: &Entry) -> bool {
        let header = entry.message.header();
        let within = |span: Option<Span>, number| span.is_none_or(|span| span.contains(number));
        let template = &self.selection.template;
        within(self.selection.position, entry.position.0)
            && within(self.selection.sequence, header.sequence)
            && within(self.selection.time, header.timestamp)
            && (template.is_empty() || template.contains(&entry.message.name()))
    }

    /// Whether an event is about what is asked for, or is answered by one that is.
    fn is_about(&self, transaction: &[Entry], at: usize) -> bool {
        let Selection { order, account, symbol, instrument, .. } = &self.selection;
        if order.is_none() && account.is_none() && symbol.is_none() && instrument.is_none() {
            return true;
        }
        let message = &transaction[at].message;
        let answered = matches!(
            message,
            Message::NewOrderEvent(_)
                | Message::CancelOrderEvent(_)
                | Message::ReplaceOrderEvent(_)
                | Message::MassCancelEvent(_)
        );
        let answer = if answered { transaction.get(at + 1) } else { None };
        self.holds(message) || answer.is_some_and(|answer| self.holds(&answer.message))
    }

    fn holds(&self, message: &Message) -> bool {
        let found = Subjects::of(message);
        let is = |asked: Option<u64>, found: Option<u64>| asked.is_none() || asked == found;
        let all = found.all_instruments;
        let named = |id: u64| self.named.contains(&id) || (all && !self.named.is_empty());
        is(self.selection.order, found.order)
            && is(self.selection.account, found.account)
            && (all || is(self.selection.instrument, found.instrument))
            && (self.selection.symbol.is_none() || found.instrument.is_some_and(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_by_name() {
        assert!(templates().count() > 30);
        assert_eq!(template("NewOrderEvent"), Ok("NewOrderEvent"));
        assert_eq!(template("neworder"), Ok("NewOrderEvent"));
        assert_eq!(template("PhaseChange"), Ok("PhaseChange"));
        assert_eq!(template("phasechanged"), Ok("PhaseChanged"));
        let error = template("Order").unwrap_err();
        assert!(error.contains("OrderFilledEvent") && error.contains("Tick"), "{error}");
    }
}
