//! A recorded day of NASDAQ as a flow: a TotalView-ITCH 5.0 file, message by message.
//!
//! ```text
//!   A, F add        ─▶ enter
//!   E, C executed   ─▶ execute, at the order's own price
//!   X cancel        ─▶ reduce
//!   D delete        ─▶ delete
//!   U replace       ─▶ delete, then enter: it has lost its priority
//!   H trading action ─▶ phase, where it changes
//!   P, Q, B, others ─▶ nothing: they change no lit book
//! ```
//!
//! What these come to is in `recorded.rs`. Played are the symbols that were chosen; of the others
//! only the number of messages is counted. The file is read as it is played, never whole. What is
//! no ITCH ends the flow with an error that names the byte.

use super::input;
use super::itch_messages::{Event, Malformed, Message as ItchMessage, Messages};
use super::recorded::{Act, Played, Recorded, Step, Words};
use super::{Flow, Next};
use crate::limits::QUANTITY_MAX;
use crate::types::Symbol;
use isochron_events::{Message, Phase};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead};
use std::path::Path;

/// Symbols that are played where none are named: the first that have an order.
const SYMBOLS_DEFAULT: usize = 100;

/// Symbols that can be named.
const SYMBOLS_MAX: usize = 1_000;

/// Messages that are looked through for those symbols.
const MESSAGES_LOOKED_THROUGH_MAX: u64 = 1 << 20;

/// The step of prices: ITCH's own, for stocks below a dollar have them.
const TICK: i64 = 1;

/// Why a file cannot be played.
#[derive(Debug)]
pub enum ItchError {
    /// It cannot be opened, or not read at all.
    Open {
        /// The file.
        path: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// It is no ITCH 5.0, or has no order in its first million messages.
    Content {
        /// The file.
        path: String,
        /// What is wrong with it, and where.
        fault: String,
    },
    /// The symbols cannot be played.
    Symbols(String),
}

impl fmt::Display for ItchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ItchError::Open { path, error } => write!(f, "order file {path}: {error}"),
            ItchError::Content { path, fault } => write!(f, "order file {path}: {fault}"),
            ItchError::Symbols(fault) => f.write_str(fault),
        }
    }
}

impl std::error::Error for ItchError {}

/// What is read and not played yet: a replace is two steps.
type Waiting = VecDeque<Step>;

/// The messages that were not played, by why.
#[derive(Clone, Debug, Default)]
struct Skipped {
    /// About symbols that are not played.
    other_symbols: u64,
    hidden: u64,
    crosses: u64,
    broken: u64,
    system: u64,
    directory: u64,
    /// A phase that the symbol was in already.
    same_phase: u64,
    /// Of other types, by type.
    others: BTreeMap<u8, u64>,
}

/// A TotalView-ITCH 5.0 file as a flow.
pub struct Itch {
    messages: Messages,
    /// What is played, the instruments from 1.
    symbols: Vec<Symbol>,
    /// The instrument of each, and of each locate code, 0 for none.
    instruments: BTreeMap<Symbol, u32>,
    by_locate: Vec<u32>,
    /// Each instrument's.
    phases: Vec<Phase>,
    trading_date: u32,
    waiting: Waiting,
    /// The first played message's time, and the last one's.
    time_ns: Option<(u64, u64)>,
    read: u64,
    skipped: Skipped,
    recorded: Recorded,
    error: Option<Malformed>,
}

impl Itch {
    /// Opens a file, plain or compressed with gzip, to be played on `trading_date` (yyyymmdd):
    /// these symbols, or where none are named the first hundred that have an order.
    ///
    /// # Errors
    /// The file cannot be opened, is no ITCH where it was looked through for symbols, or the
    /// symbols are none.
    pub fn open(path: &Path, trading_date: u32, symbols: &[String]) -> Result<Self, ItchError> {
        let name = || path.display().to_string();
        let open = || input::open(path).map_err(|error| ItchError::Open { path: name(), error });
        let symbols = if symbols.is_empty() {
            let found = first_symbols(open()?);
            let found = found.map_err(|fault| fault.to_string()).and_then(|found| {
                let none = "none of its first million messages adds an order";
                if found.is_empty() { Err(none.to_owned()) } else { Ok(found) }
            });
            found.map_err(|fault| ItchError::Content { path: name(), fault })?
        } else {
            named(symbols).map_err(ItchError::Symbols)?
        };
        Ok(Self::new(open()?, trading_date, symbols))
    }

    /// Plays of `input` what is about `symbols`, all different, on `trading_date` (yyyymmdd).
    #[must_use]
    pub fn new(input: Box<dyn BufRead + Send>, trading_date: u32, symbols: Vec<Symbol>) -> Self {
        Self {
            messages: Messages::new(input),
            instruments: symbols.iter().copied().zip(1..).collect(),
            by_locate: vec![0; 1 << 16],
            phases: vec![Phase::OPEN; symbols.len()],
            symbols,
            trading_date,
            waiting: Waiting::new(),
            time_ns: None,
            read: 0,
            skipped: Skipped::default(),
            recorded: Recorded::new(Words { part: "message", place: "byte" }, TICK),
            error: None,
        }
    }

    /// The instrument of a stock, which has this locate code from now on; 0 where it is not played.
    fn see(&mut self, locate: u16, stock: Symbol) -> u32 {
        let instrument = self.instruments.get(&stock).copied().unwrap_or(0);
        self.by_locate[usize::from(locate)] = instrument;
        instrument
    }

    /// What the next message comes to, if it comes to anything; false at the end.
    fn read(&mut self) -> bool {
        let message = match self.messages.next() {
            Ok(Some(message)) => message,
            Ok(None) => return false,
            Err(malformed) => {
                self.error = Some(malformed);
                return false;
            }
        };
        self.read += 1;
        let instrument = match message.event {
            Event::Directory { stock }
            | Event::Trading { stock, .. }
            | Event::Add { stock, .. } => self.see(message.locate, stock),
            _ => self.by_locate[usize::from(message.locate)],
        };
        match message.event {
            Event::System => self.skipped.system += 1,
            Event::Directory { .. } => self.skipped.directory += 1,
            Event::Other => *self.skipped.others.entry(message.kind).or_default() += 1,
            _ if instrument == 0 => self.skipped.other_symbols += 1,
            Event::Hidden => self.skipped.hidden += 1,
            Event::Cross => self.skipped.crosses += 1,
            Event::Broken => self.skipped.broken += 1,
            _ => self.take(&message, instrument),
        }
        true
    }

    /// Makes steps of a message about a symbol that is played.
    fn take(&mut self, message: &ItchMessage, instrument: u32) {
        let at = message.at;
        let mut push = |act| self.waiting.push_back(Step { at, instrument, act });
        match message.event {
            Event::Add { id, side, shares, price, .. } => {
                push(Act::Enter { id, side, price: price.into(), size: shares.into() });
            }
            Event::Execute { id, shares, price } => {
                push(Act::Execute { id, terms: None, size: shares.into() });
                if price.is_some() {
                    self.recorded.quirk("executions at a price of their own");
                }
            }
            Event::Cancel { id, shares } => push(Act::Reduce { id, size: shares.into() }),
            Event::Delete { id } => push(Act::Delete { id }),
            Event::Replace { old, new, shares, price } => {
                push(Act::Delete { id: old });
                if let Some(side) = self.recorded.side(old) {
                    push(Act::Enter { id: new, side, price: price.into(), size: shares.into() });
                }
            }
            Event::Trading { phase, .. } => {
                let now = &mut self.phases[instrument as usize - 1];
                if std::mem::replace(now, phase) == phase {
                    self.skipped.same_phase += 1;
                } else {
                    push(Act::Phase(phase));
                }
            }
            _ => unreachable!("the caller has counted it"),
        }
        self.see_time(message);
    }

    /// A message is never due before the one above it.
    fn see_time(&mut self, message: &ItchMessage) {
        let (first, last) = self.time_ns.unwrap_or((message.time_ns, message.time_ns));
        if message.time_ns < last {
            self.recorded.quirk_at("time runs backwards", message.at);
        }
        self.time_ns = Some((first, last.max(message.time_ns)));
    }

    fn play(&mut self, step: &Step) -> Played {
        let size = match step.act {
            Act::Enter { size, .. } | Act::Execute { size, .. } | Act::Reduce { size, .. } => size,
            Act::Delete { .. } | Act::Phase(_) => 1,
        };
        if !(1..=QUANTITY_MAX).contains(&size) {
            self.recorded.quirk_at("shares out of range", step.at);
            return Played::Skipped;
        }
        if matches!(step.act, Act::Enter { price: 0, .. }) {
            self.recorded.quirk_at("price is zero", step.at);
            return Played::Skipped;
        }
        self.recorded.play(step)
    }
}

impl Flow for Itch {
    fn setup(&mut self) -> Vec<Message> {
        self.recorded.setup(&self.symbols, self.trading_date, "an ITCH file's setup")
    }

    fn next(&mut self) -> Next {
        while !self.recorded.is_waiting() {
            let Some(step) = self.waiting.pop_front() else {
                if !self.read() {
                    return Next::Done;
                }
                continue;
            };
            match self.play(&step) {
                Played::Command(command) => {
                    let (first, last) = self.time_ns.expect("a message was taken");
                    return Next::Command { command, due_ns: last - first };
                }
                Played::Held => {
                    self.waiting.push_front(step);
                    break;
                }
                Played::Skipped => {}
            }
        }
        Next::Wait
    }

    fn on_event(&mut self, event: &Message) {
        self.recorded.on_event(event);
    }

    fn notes(&self) -> Vec<(String, u64)> {
        let skipped = &self.skipped;
        let mut notes = self.recorded.notes(&[
            ("messages", self.read),
            ("symbols", self.symbols.len() as u64),
            ("other_symbols_skipped", skipped.other_symbols),
            ("hidden_skipped", skipped.hidden),
            ("auctions", skipped.crosses),
            ("broken_trades_skipped", skipped.broken),
            ("system_events", skipped.system),
            ("directory_entries", skipped.directory),
            ("same_phase_skipped", skipped.same_phase),
        ]);
        let others = skipped.others.iter();
        notes.extend(
            others.map(|(kind, number)| (format!("type {} skipped", kind.escape_ascii()), *number)),
        );
        notes
    }

    fn error(&self) -> Option<String> {
        self.error.map(|malformed| malformed.to_string())
    }
}

/// The symbols that were named.
fn named(symbols: &[String]) -> Result<Vec<Symbol>, String> {
    if symbols.len() > SYMBOLS_MAX {
        return Err(format!("{} symbols; at most {SYMBOLS_MAX} are played", symbols.len()));
    }
    let mut found = Vec::new();
    for name in symbols {
        let symbol = Symbol::new(name).filter(Symbol::is_well_formed);
        let symbol = symbol.ok_or(format!("{name:?} is no symbol"))?;
        if found.contains(&symbol) {
            return Err(format!("symbol {symbol} is named twice"));
        }
        found.push(symbol);
    }
    Ok(found)
}

/// The first symbols that have an order.
fn first_symbols(input: Box<dyn BufRead + Send>) -> Result<Vec<Symbol>, Malformed> {
    let (mut messages, mut found) = (Messages::new(input), Vec::new());
    for _ in 0..MESSAGES_LOOKED_THROUGH_MAX {
        let Some(message) = messages.next()? else { break };
        if let Event::Add { stock, .. } = message.event
            && !found.contains(&stock)
        {
            found.push(stock);
            if found.len() == SYMBOLS_DEFAULT {
                break;
            }
        }
    }
    Ok(found)
}
