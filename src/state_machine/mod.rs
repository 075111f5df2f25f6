//! The exchange as a pure function: a command and the state so far give outcomes and a new state.
//!
//! ```text
//!   command ─▶ execute ─┬─ administration ─▶ accounts, instruments, wallet
//!                       └─ trading ─▶ risk ─▶ reserve ─▶ sweep the book ─▶ rest or cancel
//!                                                          │
//!                              outcomes ◀──────────────────┴─▶ pending: goes on in a Continuation
//! ```
//!
//! No bytes, files, clocks or random numbers: the same commands give the same outcomes and the same
//! `state_hash` on every machine. `docs/rulebook.md` is what it decides.

mod administration;
mod audit;
mod cancel;
mod canonical;
mod convert;
mod day;
mod definition;
mod emit;
mod encoded;
mod fields;
mod hash;
mod ledger;
mod look_ahead;
mod many_cancels;
mod new_order;
mod pending;
mod replace;
mod replay;
mod restore;
mod settlement;
mod sweep;
#[cfg(test)]
mod tests;

use crate::accounts::Accounts;
use crate::matching::Books;
use crate::orders::{Balance, Instrument, Instruments, OrderRecord};
use crate::types::{AccountId, Currency, InstrumentId, OrderId, Symbol};
pub use administration::RULES_VERSION;
pub use canonical::RestoreError;
pub use convert::{origin as command_origin, origin_mut as command_origin_mut};
use emit::Emit;
pub use encoded::EncodedOutcomes;
use isochron_events::{Continuation, EventHeader, Message, SbeMessage};
use ledger::Ledger;
pub use look_ahead::LookAhead;
use pending::Pending;
pub use replay::{Divergence, Replay, ReplayError, ReplayFault, end_flags};
use settlement::Unsettled;

/// Takes the outcomes of a command, in order.
pub trait Outcomes {
    /// Takes one. Its header is complete but for the end-of-transaction and end-of-event flags,
    /// which belong to whoever knows that it is the last.
    fn emit<M: SbeMessage + Into<Message>>(&mut self, outcome: M);
}

impl Outcomes for Vec<Message> {
    fn emit<M: SbeMessage + Into<Message>>(&mut self, outcome: M) {
        self.push(outcome.into());
    }
}

/// How much the state machine makes room for at its start, so that it asks for no memory later.
/// Beyond it grows.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Live orders.
    pub orders: usize,
    /// Pairs of account and instrument that hold, or have open orders.
    pub holdings: usize,
    /// Client order ids, live and remembered; those of an account are remembered eight at a time.
    pub client_ids: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { orders: 1 << 10, holdings: 1 << 10, client_ids: 1 << 12 }
    }
}

/// All state of the exchange. Calling order: `execute` each command; while `pending` is some,
/// execute that before anything else.
#[derive(Clone)]
pub struct StateMachine {
    books: Books,
    ledger: Ledger,
    pending: Option<Pending>,
    /// What a settlement under way has left to settle; empty where that is not listed yet.
    unsettled: Vec<Unsettled>,
}

impl Default for StateMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl StateMachine {
    /// An exchange with nothing in it, with little room.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Capacity::default())
    }

    /// An exchange with nothing in it.
    #[must_use]
    pub fn with_capacity(capacity: Capacity) -> Self {
        Self {
            books: Books::with_capacity(capacity.orders),
            ledger: Ledger::with_capacity(capacity),
            pending: None,
            // Each holding stands for at most two balances that a day leaves pending.
            unsettled: Vec::with_capacity(2 * capacity.holdings),
        }
    }

    /// Whether this command of a source was taken before, and must not be executed again.
    #[must_use]
    #[inline]
    pub fn is_repeat(&self, source: u32, source_sequence: u64) -> bool {
        self.ledger.accounts.is_repeat(source, source_sequence)
    }

    /// The work that must be done next, before any other command. Sequence and timestamp are for
    /// the caller to stamp.
    #[must_use]
    #[inline]
    pub fn pending(&self) -> Option<Continuation> {
        let pending = self.pending.as_ref()?;
        Some(Continuation {
            header: EventHeader { cause: pending.cause, ..EventHeader::default() },
            kind: pending.work.kind(),
            cursor: pending.steps,
            ..Continuation::default()
        })
    }

    /// Executes a command whose header is stamped. What is no command has no effect.
    pub fn execute<O: Outcomes>(&mut self, command: &Message, outcomes: &mut O) {
        let emit = &mut Emit::new(command, outcomes);
        if let Some(origin) = convert::origin(command) {
            self.ledger.accounts.note_source(origin.source, origin.source_sequence);
        }
        match command {
            Message::NewOrderEvent(command) => self.new_order(command, emit),
            Message::CancelOrderEvent(command) => self.cancel_order(command, emit),
            Message::ReplaceOrderEvent(command) => self.replace_order(command, emit),
            Message::MassCancelEvent(command) => self.mass_cancel(command, emit),
            Message::Continuation(_) => self.go_on(emit),
            other => self.administer(other, emit),
        }
    }
}

/// What others may look at.
impl StateMachine {
    /// The books; a book's index is its instrument's slot.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Members, users, accounts, sessions.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.ledger.accounts
    }

    /// Instruments and currencies.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.ledger.instruments
    }

    /// The trading date that began last, yyyymmdd, or 0; and whether it still runs.
    #[must_use]
    pub fn trading_day(&self) -> (u32, bool) {
        (self.ledger.day.date, self.ledger.day.date != 0 && !self.ledger.day.ended)
    }

    /// An instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.ledger.instruments.table.get(id.0)
    }

    /// The instrument with this trading symbol.
    #[must_use]
    pub fn by_symbol(&self, symbol: Symbol) -> Option<InstrumentId> {
        self.ledger.instruments.by_symbol(symbol)
    }

    /// The record of a resting order.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&OrderRecord> {
        self.books.find(id).map(|slot| self.ledger.orders.get(slot.0))
    }

    /// An account's cash; `None` where account or currency is not known.
    #[must_use]
    pub fn cash(&self, account: AccountId, currency: Currency) -> Option<Balance> {
        let slot = self.ledger.accounts.accounts.slot(account.0)?;
        let place = self.ledger.instruments.currency(currency)?;
        Some(*self.ledger.wallet.cash(slot, place))
    }

    /// An account's shares; zeros where it never had any.
    #[must_use]
    pub fn shares(&self, account: AccountId, instrument: InstrumentId) -> Balance {
        let holding = self.ledger.wallet.find(account.0, instrument.0);
        holding.map_or_else(Balance::default, |holding| holding.shares)
    }

    /// Fees less rebates that the house has collected in a currency.
    #[must_use]
    pub fn house(&self, currency: Currency) -> Option<crate::types::Money> {
        let place = self.ledger.instruments.currency(currency)?;
        Some(self.ledger.wallet.house[place as usize])
    }
}
