//! What a recorded day of another exchange comes to on this one, whatever file it was read from.
//!
//! ```text
//!   enter    ─▶ day order of account 1, its client order id is the file's order id
//!   reduce   ─▶ replace with a smaller total at the same price
//!   delete   ─▶ cancel
//!   execute  ─▶ IOC order of account 2: the opposite side, that size, that price
//!   phase    ─▶ the instrument's phase
//! ```
//!
//! A step about an order that the file did not enter is skipped and counted. Remembered is only
//! what later steps may name, some 64 bytes an order.

use super::administration::{Administration, Limits, unlimited_share};
use crate::demo::tally::number_of;
use crate::limits::BALANCE_MAX;
use crate::types::{ClientOrderId, Index, Side, Symbol};
use isochron_events::{
    CancelOrderEvent, CancelReason, CancelRejectedEvent, DefineInstrument, EventHeader, Liquidity,
    Message, NewOrderEvent, OrderFilledEvent, OrderType, Phase, RejectReason, ReplaceOrderEvent,
    Scope, SelfTradePolicy, TimeInForce,
};
use std::collections::{BTreeMap, VecDeque};

/// The member, the user and the session.
const ONE: u32 = 1;
/// The account whose orders rest.
const RESTING: u32 = 1;
/// The account whose IOC orders take.
const TAKING: u32 = 2;

/// Places that are remembered of what was not played.
const PLACES_NAMED_MAX: usize = 10;

/// Orders that may be on their way before the flow waits for answers.
const UNANSWERED_MAX: usize = 1 << 16;

/// What happened in a recorded day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A new limit order.
    Enter { id: u64, side: Side, price: i64, size: u64 },
    /// A resting order becomes smaller by `size`.
    Reduce { id: u64, size: u64 },
    /// A resting order is deleted.
    Delete { id: u64 },
    /// A resting order is executed: on its side and at its price, unless they are given.
    Execute { id: u64, terms: Option<(Side, i64)>, size: u64 },
    /// The instrument's phase changes.
    Phase(Phase),
}

/// One of them, and where the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The line, or the byte.
    pub(super) at: u64,
    /// From 1.
    pub(super) instrument: u32,
    pub(super) act: Act,
}

/// What a step comes to.
#[expect(clippy::large_enum_variant, reason = "a plain value, never on the heap")]
pub(super) enum Played {
    Command(Message),
    /// An order id must be known first.
    Held,
    Skipped,
}

/// What a file's parts are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// What it consists of: `row`, `message`.
    pub(super) part: &'static str,
    /// What tells where one is: `line`, `byte`.
    pub(super) place: &'static str,
}

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
    side: Side,
    instrument: u32,
    price: i64,
    /// What it was entered for, less its partial cancels.
    total: u64,
}

/// An IOC order on its way, or being executed.
#[derive(Clone, Copy, Debug)]
struct Ioc {
    /// The place of the order that the step names.
    named: u32,
    /// The command's number, known once it was accepted.
    cause: u64,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    new: u64,
    reduces: u64,
    cancels: u64,
    ioc: u64,
    ioc_hits_named: u64,
    ioc_hits_another: u64,
    ioc_hits_nothing: u64,
    phase_changes: u64,
    unknown_skipped: u64,
    no_longer_live: u64,
    refused: u64,
    /// What else was not played as it stands, by what it is.
    quirks: BTreeMap<String, u64>,
    /// The first of their places.
    places: Vec<(String, u64)>,
}

/// A recorded day, as far as it was played.
pub(super) struct Recorded {
    words: Words,
    tick: i64,
    orders: Vec<FileOrder>,
    /// File's order id to place.
    places: Index,
    unanswered: usize,
    iocs: VecDeque<Ioc>,
    /// The IOC order that was accepted last and has hit nothing yet.
    open_ioc: Option<Ioc>,
    counts: Counts,
}

impl Recorded {
    /// Nothing played yet; prices are multiples of `tick`.
    pub(super) fn new(words: Words, tick: i64) -> Self {
        Self {
            words,
            tick,
            orders: Vec::new(),
            places: Index::with_capacity(1 << 16),
            unanswered: 0,
            iocs: VecDeque::new(),
            open_ioc: None,
            counts: Counts::default(),
        }
    }

    /// The administration that comes first: instruments from 1, in the order of their symbols,
    /// and two accounts without limits; `why` says what it is for.
    pub(super) fn setup(&self, symbols: &[Symbol], trading_date: u32, why: &str) -> Vec<Message> {
        let mut setup = Administration::new(ONE, why);
        setup.member(ONE);
        setup.user(ONE, ONE);
        setup.session(ONE, ONE, ONE);
        let (tick, price_minimum) = (self.tick, self.tick);
        for (symbol, instrument) in symbols.iter().zip(1..) {
            let share = unlimited_share(instrument, *symbol);
            setup.instrument(DefineInstrument { tick, price_minimum, ..share });
        }
        setup.limits(Scope::USER, ONE, Limits::default());
        for account in [RESTING, TAKING] {
            setup.account(account, ONE, ONE);
            setup.limits(Scope::ACCOUNT, account, Limits::default());
            setup.self_trade(account, SelfTradePolicy::ALLOW);
            setup.cash(account, BALANCE_MAX / 2);
            for (_, instrument) in symbols.iter().zip(1..) {
                setup.shares(account, instrument, BALANCE_MAX / 2);
            }
        }
        setup.day(trading_date);
        setup.phase(0, Phase::OPEN);
        setup.finish()
    }

    /// Whether so many orders are unanswered that none may be added.
    pub(super) fn is_waiting(&self) -> bool {
        self.unanswered >= UNANSWERED_MAX
    }

    /// The side of an order that the file entered.
    pub(super) fn side(&self, id: u64) -> Option<Side> {
        self.place(id).map(|place| self.orders[place as usize].side)
    }

    /// The place of an order of the file.
    fn place(&self, id: u64) -> Option<u32> {
        self.places.get(id, |place| self.orders[place as usize].id == id)
    }

    /// Something was not played as it stands.
    pub(super) fn quirk(&mut self, what: &str) {
        *self.counts.quirks.entry(what.to_string()).or_default() += 1;
    }

    /// Something was not played as it stands, and where.
    pub(super) fn quirk_at(&mut self, what: &str, at: u64) {
        self.quirk(what);
        let Words { part, place } = self.words;
        let places = &mut self.counts.places;
        if places.len() < PLACES_NAMED_MAX {
            let number = places.len() + 1;
            places.push((format!("odd {part} {number} ({what}), {place}"), at));
        }
    }

    /// The command that a step comes to.
    pub(super) fn play(&mut self, step: &Step) -> Played {
        match step.act {
            Act::Enter { id, side, price, size } => self.enter(step, id, (side, price, size)),
            Act::Reduce { id, size } => self.reduce(step.at, id, size),
            Act::Delete { id } => self.delete(step.at, id),
            Act::Execute { id, terms, size } => self.execute(step.at, id, terms, size),
            Act::Phase(phase) => {
                self.counts.phase_changes += 1;
                let mut administration = Administration::new(ONE, "the file's halt");
                administration.phase(step.instrument, phase);
                Played::Command(administration.finish()[0])
            }
        }
    }

    fn enter(&mut self, step: &Step, id: u64, terms: (Side, i64, u64)) -> Played {
        if self.place(id).is_some() {
            self.quirk_at("order id a second time", step.at);
            return Played::Skipped;
        }
        let (side, price, total) = terms;
        let place = u32::try_from(self.orders.len()).expect("a file has fewer than 2^32 orders");
        self.places.insert(id, place);
        let on_tick = price % self.tick == 0;
        let state = if on_tick { State::Sent } else { State::Refused };
        let instrument = step.instrument;
        self.orders.push(FileOrder { id, state, side, instrument, price, total });
        if !on_tick {
            self.quirk_at("price off tick", step.at);
            return Played::Skipped;
        }
        self.counts.new += 1;
        self.unanswered += 1;
        let order = new_order(RESTING, instrument, terms);
        Played::Command(NewOrderEvent { client_order_id: numbered("", id), ..order }.into())
    }

    /// The place of an order that a step names, unless the step is skipped.
    fn named(&mut self, at: u64, id: u64) -> Option<u32> {
        let Some(place) = self.place(id) else {
            self.counts.unknown_skipped += 1;
            return None;
        };
        if self.orders[place as usize].state == State::Refused {
            self.quirk_at(&format!("{} about an order that was refused", self.words.part), at);
            return None;
        }
        Some(place)
    }

    fn reduce(&mut self, at: u64, id: u64, size: u64) -> Played {
        let Some(place) = self.named(at, id) else { return Played::Skipped };
        let FileOrder { state: State::Known(order_id), price, total, .. } =
            self.orders[place as usize]
        else {
            return Played::Held;
        };
        if size >= total {
            self.quirk_at("partial cancel of all", at);
        }
        let total = total.saturating_sub(size);
        self.orders[place as usize].total = total;
        self.counts.reduces += 1;
        let replace = ReplaceOrderEvent {
            header: header(),
            account: RESTING,
            user: ONE,
            order_id: Some(order_id),
            client_order_id: numbered("r", at),
            price,
            quantity: total,
            ..ReplaceOrderEvent::default()
        };
        Played::Command(replace.into())
    }

    fn delete(&mut self, at: u64, id: u64) -> Played {
        let Some(place) = self.named(at, id) else { return Played::Skipped };
        let State::Known(order_id) = self.orders[place as usize].state else { return Played::Held };
        self.counts.cancels += 1;
        let cancel = CancelOrderEvent {
            header: header(),
            account: RESTING,
            user: ONE,
            order_id: Some(order_id),
            client_order_id: numbered("c", at),
            ..CancelOrderEvent::default()
        };
        Played::Command(cancel.into())
    }

    fn execute(&mut self, at: u64, id: u64, terms: Option<(Side, i64)>, size: u64) -> Played {
        let Some(named) = self.named(at, id) else { return Played::Skipped };
        let FileOrder { side, price, instrument, .. } = self.orders[named as usize];
        let (side, price) = terms.unwrap_or((side, price));
        if price % self.tick != 0 {
            self.quirk_at("price off tick", at);
            return Played::Skipped;
        }
        self.counts.ioc += 1;
        self.unanswered += 1;
        self.iocs.push_back(Ioc { named, cause: 0 });
        let order = new_order(TAKING, instrument, (side.opposite(), price, size));
        let (time_in_force, client_order_id) =
            (TimeInForce::IMMEDIATE_OR_CANCEL, numbered("i", at));
        Played::Command(NewOrderEvent { time_in_force, client_order_id, ..order }.into())
    }
}

/// What the committed events tell.
impl Recorded {
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

    /// The first fill of an IOC order tells whether it hit the order that its step names.
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

    /// A committed event, a command or an outcome.
    pub(super) fn on_event(&mut self, event: &Message) {
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

    /// What was counted: `first`, which is the reader's own, then what came of it.
    pub(super) fn notes(&self, first: &[(&str, u64)]) -> Vec<(String, u64)> {
        let counts = &self.counts;
        let played = [
            ("new", counts.new),
            ("reduces", counts.reduces),
            ("cancels", counts.cancels),
            ("ioc", counts.ioc),
            ("ioc_hits_named", counts.ioc_hits_named),
            ("ioc_hits_another", counts.ioc_hits_another),
            ("ioc_hits_nothing", counts.ioc_hits_nothing),
            ("phase_changes", counts.phase_changes),
            ("unknown_skipped", counts.unknown_skipped),
            ("no_longer_live", counts.no_longer_live),
            ("refused", counts.refused),
        ];
        let labeled = first.iter().chain(&played);
        let mut notes: Vec<_> =
            labeled.map(|(label, number)| ((*label).to_string(), *number)).collect();
        notes.extend(counts.quirks.iter().map(|(label, number)| (label.clone(), *number)));
        notes.extend(counts.places.iter().cloned());
        notes
    }
}

fn header() -> EventHeader {
    EventHeader { session: ONE, ..EventHeader::default() }
}

fn new_order(
    account: u32,
    instrument: u32,
    (side, price, quantity): (Side, i64, u64),
) -> NewOrderEvent {
    NewOrderEvent {
        header: header(),
        account,
        user: ONE,
        instrument,
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

/// A client order id: a letter or none, and a number. Those after a letter are places in a file,
/// below 2^63, so it fits.
fn numbered(kind: &str, number: u64) -> [u8; 20] {
    ClientOrderId::new(&format!("{kind}{number}")).expect("at most 20 characters").0
}
