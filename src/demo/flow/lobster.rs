//! A recorded day of a real exchange as a flow: a LOBSTER message file, row by row.
//!
//! ```text
//!   1 new            ─▶ day order of account 1, its client order id is the file's order id
//!   2 partial cancel ─▶ replace with a smaller total at the same price
//!   3 deletion       ─▶ cancel
//!   4 execution      ─▶ IOC order of account 2: the opposite side, that size, that price
//!   5, 6             ─▶ nothing: what was hidden or in an auction is in no lit book
//!   7 halt           ─▶ phase halted, pre-open, open
//! ```
//!
//! A row about an order that the file did not enter is skipped and counted; so is what is no row,
//! with its line. Nothing in a file is fatal. The file is read as it is played; remembered is only
//! what later rows may name, some 48 bytes an order.

use super::administration::{Administration, Limits, TICK, unlimited_share};
use super::rows::{Event, Line, Row, Rows};
use super::{Flow, Next};
use crate::demo::tally::number_of;
use crate::limits::BALANCE_MAX;
use crate::types::{ClientOrderId, Index, Side, Symbol};
use flate2::bufread::MultiGzDecoder;
use isochron_events::{
    CancelOrderEvent, CancelReason, CancelRejectedEvent, EventHeader, Liquidity, Message,
    NewOrderEvent, OrderFilledEvent, OrderType, Phase, RejectReason, ReplaceOrderEvent, Scope,
    SelfTradePolicy, TimeInForce,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The member, the user, the session and the instrument.
const ONE: u32 = 1;
/// The account whose orders rest.
const RESTING: u32 = 1;
/// The account whose IOC orders take.
const TAKING: u32 = 2;

/// Lines that are remembered of those that were not played.
const LINES_NAMED_MAX: usize = 10;

/// Orders that may be on their way before the flow waits for answers.
const UNANSWERED_MAX: usize = 1 << 16;

/// Bytes read from the file at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// Why a file cannot be played.
#[derive(Debug)]
pub enum LobsterError {
    /// It cannot be opened, or not read at all.
    Open {
        /// The file.
        path: String,
        /// What the operating system says.
        error: std::io::Error,
    },
}

impl fmt::Display for LobsterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LobsterError::Open { path, error } = self;
        write!(f, "order file {path}: {error}")
    }
}

impl std::error::Error for LobsterError {}

/// What became of an order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// On its way.
    Sent,
    /// Accepted under this id of the core.
    Known(u64),
    /// Refused by the core, or not submitted because its price has no tick.
    Refused,
}

/// An order that the file entered.
#[derive(Clone, Copy, Debug)]
struct FileOrder {
    id: u64,
    state: State,
    price: i64,
    /// What it was entered for, less its partial cancels.
    total: u64,
}

/// An IOC order on its way, or being executed.
#[derive(Clone, Copy, Debug)]
struct Ioc {
    /// The place of the order that the row names.
    named: u32,
    /// The command's number, known once it was accepted.
    cause: u64,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    rows: u64,
    new: u64,
    reduces: u64,
    cancels: u64,
    ioc: u64,
    ioc_hits_named: u64,
    ioc_hits_another: u64,
    ioc_hits_nothing: u64,
    phase_changes: u64,
    unknown_skipped: u64,
    hidden_skipped: u64,
    no_longer_live: u64,
    refused: u64,
    /// What else was not played as it stands, by what it is.
    quirks: BTreeMap<String, u64>,
    /// The first of those lines.
    lines: Vec<(String, u64)>,
}

impl Counts {
    fn quirk(&mut self, what: &str) {
        *self.quirks.entry(what.to_string()).or_default() += 1;
    }

    fn quirk_at(&mut self, what: &str, line: u64) {
        self.quirk(what);
        if self.lines.len() < LINES_NAMED_MAX {
            let number = self.lines.len() + 1;
            self.lines.push((format!("odd row {number} ({what}), line"), line));
        }
    }
}

/// What a row comes to.
#[expect(clippy::large_enum_variant, reason = "a plain value, never on the heap")]
enum Played {
    Command(Message),
    /// An order id must be known first.
    Held,
    Skipped,
}

/// A LOBSTER message file as a flow.
pub struct Lobster {
    rows: Rows,
    held: Option<Row>,
    symbol: Symbol,
    trading_date: u32,
    /// The first row's time, and the last one's.
    time_ns: Option<(u64, u64)>,
    orders: Vec<FileOrder>,
    /// File's order id to place.
    places: Index,
    unanswered: usize,
    iocs: VecDeque<Ioc>,
    /// The IOC order that was accepted last and has hit nothing yet.
    open_ioc: Option<Ioc>,
    counts: Counts,
}

impl Lobster {
    /// Opens a file, plain or compressed with gzip, to be played on `trading_date` (yyyymmdd). The
    /// symbol is the first part of its name, as LOBSTER gives it: `AAPL_2012-06-21_...`.
    ///
    /// # Errors
    /// The file cannot be opened, or its first bytes cannot be read.
    pub fn open(path: &Path, trading_date: u32) -> Result<Self, LobsterError> {
        let failed = |error| LobsterError::Open { path: path.display().to_string(), error };
        let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        let compressed = input.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        if compressed {
            let input = MultiGzDecoder::new(input);
            let input = Box::new(BufReader::with_capacity(BUFFER_BYTES, input));
            Ok(Self::new(&name, trading_date, input))
        } else {
            Ok(Self::new(&name, trading_date, Box::new(input)))
        }
    }

    /// Plays what `input` says on `trading_date` (yyyymmdd); `name` is a file's name.
    #[must_use]
    pub fn new(name: &str, trading_date: u32, input: Box<dyn BufRead + Send>) -> Self {
        let symbol =
            name.split(['_', '.']).next().and_then(Symbol::new).filter(Symbol::is_well_formed);
        Self {
            rows: Rows::new(input),
            held: None,
            symbol: symbol.unwrap_or(Symbol(*b"LOBSTER\0")),
            trading_date,
            time_ns: None,
            orders: Vec::new(),
            places: Index::with_capacity(1 << 16),
            unanswered: 0,
            iocs: VecDeque::new(),
            open_ioc: None,
            counts: Counts::default(),
        }
    }

    /// The next row that can be read; `None` at the end.
    fn row(&mut self) -> Option<Row> {
        if let Some(row) = self.held.take() {
            return Some(row);
        }
        loop {
            match self.rows.next()? {
                Line::Header => self.counts.quirk("header lines"),
                Line::Blank => self.counts.quirk("blank lines"),
                Line::Broken { line, fault } => {
                    self.counts.rows += 1;
                    self.counts.quirk("broken rows");
                    self.counts.quirk_at(&fault.to_string(), line);
                }
                Line::Row(row) => {
                    self.counts.rows += 1;
                    self.see_time(&row);
                    return Some(row);
                }
            }
        }
    }

    /// A row is never due before the one above it.
    fn see_time(&mut self, row: &Row) {
        let (first, last) = self.time_ns.unwrap_or((row.time_ns, row.time_ns));
        if row.time_ns < last {
            self.counts.quirk_at("time runs backwards", row.line);
        }
        self.time_ns = Some((first, last.max(row.time_ns)));
    }

    fn play(&mut self, row: &Row) -> Played {
        match row.event {
            Event::New { id, side, price, size } => self.enter(row.line, id, (side, price, size)),
            Event::Reduce { id, size } => self.reduce(row, id, size),
            Event::Delete { id } => self.delete(row, id),
            Event::Execute { id, side, price, size } => {
                self.execute(row.line, id, (side.opposite(), price, size))
            }
            Event::Hidden => {
                self.counts.hidden_skipped += 1;
                Played::Skipped
            }
            Event::Cross => {
                self.counts.quirk("auctions");
                Played::Skipped
            }
            Event::Halt(phase) => {
                self.counts.phase_changes += 1;
                let mut administration = Administration::new(ONE, "the file's halt");
                administration.phase(ONE, phase);
                Played::Command(administration.finish()[0])
            }
        }
    }

    fn enter(&mut self, line: u64, id: u64, terms: (Side, i64, u64)) -> Played {
        if self.place(id).is_some() {
            self.counts.quirk_at("order id a second time", line);
            return Played::Skipped;
        }
        let (_, price, total) = terms;
        let place = u32::try_from(self.orders.len()).expect("a file has fewer than 2^32 orders");
        self.places.insert(id, place);
        let on_tick = price % TICK == 0;
        let state = if on_tick { State::Sent } else { State::Refused };
        self.orders.push(FileOrder { id, state, price, total });
        if !on_tick {
            self.counts.quirk_at("price off tick", line);
            return Played::Skipped;
        }
        self.counts.new += 1;
        self.unanswered += 1;
        let order = new_order(RESTING, terms);
        Played::Command(NewOrderEvent { client_order_id: numbered("", id), ..order }.into())
    }

    /// The place of an order of the file.
    fn place(&self, id: u64) -> Option<u32> {
        self.places.get(id, |place| self.orders[place as usize].id == id)
    }

    /// The place of an order that a row names, unless the row is skipped.
    fn named(&mut self, line: u64, id: u64) -> Option<u32> {
        let Some(place) = self.place(id) else {
            self.counts.unknown_skipped += 1;
            return None;
        };
        if self.orders[place as usize].state == State::Refused {
            self.counts.quirk_at("row about an order that was refused", line);
            return None;
        }
        Some(place)
    }

    fn reduce(&mut self, row: &Row, id: u64, size: u64) -> Played {
        let Some(place) = self.named(row.line, id) else { return Played::Skipped };
        let order = &mut self.orders[place as usize];
        let State::Known(order_id) = order.state else { return Played::Held };
        if size >= order.total {
            self.counts.quirk_at("partial cancel of all", row.line);
        }
        order.total = order.total.saturating_sub(size);
        let FileOrder { price, total, .. } = *order;
        self.counts.reduces += 1;
        let replace = ReplaceOrderEvent {
            header: header(),
            account: RESTING,
            user: ONE,
            order_id: Some(order_id),
            client_order_id: numbered("r", row.line),
            price,
            quantity: total,
            ..ReplaceOrderEvent::default()
        };
        Played::Command(replace.into())
    }

    fn delete(&mut self, row: &Row, id: u64) -> Played {
        let Some(place) = self.named(row.line, id) else { return Played::Skipped };
        let State::Known(order_id) = self.orders[place as usize].state else { return Played::Held };
        self.counts.cancels += 1;
        let cancel = CancelOrderEvent {
            header: header(),
            account: RESTING,
            user: ONE,
            order_id: Some(order_id),
            client_order_id: numbered("c", row.line),
            ..CancelOrderEvent::default()
        };
        Played::Command(cancel.into())
    }

    fn execute(&mut self, line: u64, id: u64, terms: (Side, i64, u64)) -> Played {
        let Some(named) = self.named(line, id) else { return Played::Skipped };
        if terms.1 % TICK != 0 {
            self.counts.quirk_at("price off tick", line);
            return Played::Skipped;
        }
        self.counts.ioc += 1;
        self.unanswered += 1;
        self.iocs.push_back(Ioc { named, cause: 0 });
        let (order, time_in_force) = (new_order(TAKING, terms), TimeInForce::IMMEDIATE_OR_CANCEL);
        let client_order_id = numbered("i", line);
        Played::Command(NewOrderEvent { time_in_force, client_order_id, ..order }.into())
    }
}

/// What the committed events tell.
impl Lobster {
    /// A new order of ours was answered, with `state`.
    fn answered(&mut self, account: u32, client_order_id: &[u8; 20], cause: u64, state: State) {
        if account == TAKING && client_order_id[0] == b'i' {
            self.unanswered = self.unanswered.saturating_sub(1);
            let ioc = self.iocs.pop_front();
            self.open_ioc = ioc.map(|ioc| Ioc { cause, ..ioc });
            if state == State::Refused {
                self.open_ioc = None;
            }
        } else if account == RESTING
            && let Some(place) = number_of(client_order_id).and_then(|id| self.place(id))
            && self.orders[place as usize].state == State::Sent
        {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.orders[place as usize].state = state;
        }
    }

    /// The first fill of an IOC order tells whether it hit the order that its row names.
    fn filled(&mut self, event: &OrderFilledEvent) {
        let Some(ioc) = self.open_ioc.filter(|ioc| ioc.cause == event.header.cause) else { return };
        if event.liquidity == Liquidity::MAKER {
            self.open_ioc = None;
            let named = self.orders[ioc.named as usize].state;
            if named == State::Known(event.order_id) {
                self.counts.ioc_hits_named += 1;
            } else {
                self.counts.ioc_hits_another += 1;
            }
        }
    }

    fn request_rejected(&mut self, event: &CancelRejectedEvent) {
        if event.reason == RejectReason::UNKNOWN_ORDER {
            self.counts.no_longer_live += 1;
        } else {
            self.counts.refused += 1;
        }
    }
}

impl Flow for Lobster {
    fn setup(&mut self) -> Vec<Message> {
        let mut setup = Administration::new(ONE, "a LOBSTER file's setup");
        setup.member(ONE);
        setup.user(ONE, ONE);
        setup.session(ONE, ONE, ONE);
        setup.instrument(unlimited_share(ONE, self.symbol));
        setup.limits(Scope::USER, ONE, Limits::default());
        for account in [RESTING, TAKING] {
            setup.account(account, ONE, ONE);
            setup.limits(Scope::ACCOUNT, account, Limits::default());
            setup.self_trade(account, SelfTradePolicy::ALLOW);
            setup.cash(account, BALANCE_MAX / 2);
            setup.shares(account, ONE, BALANCE_MAX / 2);
        }
        setup.day(self.trading_date);
        setup.phase(0, Phase::OPEN);
        setup.finish()
    }

    fn next(&mut self) -> Next {
        while self.unanswered < UNANSWERED_MAX {
            let Some(row) = self.row() else { return Next::Done };
            match self.play(&row) {
                Played::Command(command) => {
                    let (first, last) = self.time_ns.expect("a row was read");
                    return Next::Command { command, due_ns: last - first };
                }
                Played::Held => {
                    self.held = Some(row);
                    break;
                }
                Played::Skipped => {}
            }
        }
        Next::Wait
    }

    fn on_event(&mut self, event: &Message) {
        match event {
            Message::OrderAcceptedEvent(event) => {
                let cause = event.header.cause;
                let state = State::Known(event.order_id);
                self.answered(event.account, &event.client_order_id, cause, state);
            }
            Message::OrderRejectedEvent(event) => {
                self.counts.refused += 1;
                self.answered(event.account, &event.client_order_id, 0, State::Refused);
            }
            Message::OrderFilledEvent(event) => self.filled(event),
            Message::OrderCanceledEvent(event) => {
                let nothing = event.cumulative_quantity == 0;
                if event.reason == CancelReason::IMMEDIATE_OR_CANCEL && nothing {
                    self.counts.ioc_hits_nothing += 1;
                    self.open_ioc = None;
                }
            }
            Message::CancelRejectedEvent(event) => self.request_rejected(event),
            _ => {}
        }
    }

    fn notes(&self) -> Vec<(String, u64)> {
        let counts = &self.counts;
        let mut notes: Vec<_> = [
            ("rows", counts.rows),
            ("new", counts.new),
            ("reduces", counts.reduces),
            ("cancels", counts.cancels),
            ("ioc", counts.ioc),
            ("ioc_hits_named", counts.ioc_hits_named),
            ("ioc_hits_another", counts.ioc_hits_another),
            ("ioc_hits_nothing", counts.ioc_hits_nothing),
            ("phase_changes", counts.phase_changes),
            ("unknown_skipped", counts.unknown_skipped),
            ("hidden_skipped", counts.hidden_skipped),
            ("no_longer_live", counts.no_longer_live),
            ("refused", counts.refused),
            ("crlf_lines", self.rows.crlf()),
        ]
        .map(|(label, number)| (label.to_string(), number))
        .into();
        notes.extend(counts.quirks.iter().map(|(label, number)| (label.clone(), *number)));
        notes.extend(counts.lines.iter().cloned());
        notes
    }
}

fn header() -> EventHeader {
    EventHeader { session: ONE, ..EventHeader::default() }
}

fn new_order(account: u32, (side, price, quantity): (Side, i64, u64)) -> NewOrderEvent {
    NewOrderEvent {
        header: header(),
        account,
        user: ONE,
        instrument: ONE,
        side: match side {
            Side::Buy => isochron_events::Side::BUY,
            Side::Sell => isochron_events::Side::SELL,
        },
        order_type: OrderType::LIMIT,
        time_in_force: TimeInForce::DAY,
        price,
        quantity,
        ..NewOrderEvent::default()
    }
}

/// A client order id: a letter or none, and a number. Lines are below 2^63, so it fits.
fn numbered(kind: &str, number: u64) -> [u8; 20] {
    ClientOrderId::new(&format!("{kind}{number}")).expect("at most 20 characters").0
}
