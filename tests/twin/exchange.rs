//! A second exchange, as naive as it can be, written from `docs/rulebook.md` alone.
//!
//! The engine is held against it under random commands and in every scenario. It shares nothing
//! with the engine: plain numbers, sorted maps, one list of live orders that is searched from end
//! to end, and sums that are added up from scratch each time they are needed.

#[path = "exchange_administration.rs"]
mod administration;
#[path = "exchange_day.rs"]
mod day;
#[path = "exchange_orders.rs"]
mod orders;
#[path = "exchange_risk.rs"]
mod risk;
#[path = "exchange_words.rs"]
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use day::Cancels;
use words::*;

/// Makers that one step takes.
const MAKERS_PER_STEP: u32 = 32;
/// Orders that a fill-or-kill order looks at.
const WHOLE_LOOKS: usize = 1_000;
/// Finished client order ids that an account still may not use.
const FINISHED: usize = 64;

/// The whole exchange.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    members: BTreeSet<u32>,
    /// The member of each user.
    users: BTreeMap<u32, u32>,
    accounts: BTreeMap<u32, Account>,
    sessions: BTreeMap<u32, Session>,
    instruments: BTreeMap<u32, Instrument>,
    /// Currencies that an instrument has ever had, in the order of their first use.
    currencies: Vec<Money3>,
    /// By scope, subject and instrument (0 is all).
    limits: BTreeMap<(u8, u32, u32), Limits>,
    /// By scope and subject.
    kills: BTreeSet<(u8, u32)>,
    /// The phase of all instruments defined later; 0 stands for closed, the first of all.
    phase_for_all: u8,
    trading_date: u32,
    /// From its start to its end.
    day_runs: bool,
    /// Every live order, those on their way through a sweep included, in no order that matters.
    live: Vec<Order>,
    today: Vec<Traded>,
    /// What the house got, by currency.
    house: Vec<(Money3, i64)>,
    /// Highest number taken from each source.
    sources: BTreeMap<u32, u64>,
    orders_ever: u64,
    executions_ever: u64,
    trades_ever: u64,
    arrivals_ever: u64,
    pending: Option<Pending>,
    /// The command now executed, and what it has brought so far.
    now: Envelope,
    outcomes: Vec<Outcome>,
}

/// What every outcome of a command carries.
#[derive(Clone, Copy, Debug, Default)]
struct Envelope {
    sequence: u64,
    time: u64,
    cause: u64,
    session: u32,
    goes_on: bool,
}

/// Work that has not reached its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    work: Work,
    pub(crate) steps: u64,
    pub(crate) cause: u64,
}

/// What goes on in the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// An order on its way through the other side.
    Sweep(u64),
    Cancel(Cancels),
    /// Balances that are still to be looked at.
    Settle(VecDeque<(u32, Asset)>),
}

impl Pending {
    /// The kind of continuation that it asks for.
    pub(crate) fn kind(&self) -> WorkKind {
        match &self.work {
            Work::Sweep(_) => WorkKind::Sweep,
            Work::Cancel(cancels) => cancels.kind(),
            Work::Settle(_) => WorkKind::Settlement,
        }
    }
}

#[derive(Clone, Debug)]
struct Account {
    member: u32,
    state: u8,
    policy: u8,
    group: u32,
    /// Deposits and withdrawals.
    transfers: Vec<(Asset, i64)>,
    /// What executions brought and took.
    executions: Vec<(Asset, i64)>,
    /// What of that the ends of days have settled.
    settlements: Vec<(Asset, i64)>,
    /// Finished client order ids and their orders, the oldest first.
    finished: VecDeque<(Client, u64)>,
}

/// What can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asset {
    Cash(Money3),
    Shares(u32),
}

#[derive(Clone, Copy, Debug)]
struct Session {
    member: u32,
    open: bool,
    cancel_on_disconnect: bool,
    outbound: u64,
}

#[derive(Clone, Debug)]
struct Instrument {
    definition: Definition,
    phase: u8,
    last_trade: Option<i64>,
}

/// A live order.
#[derive(Clone, Debug)]
struct Order {
    id: u64,
    account: u32,
    user: u32,
    session: u32,
    instrument: u32,
    side: u8,
    lifetime: u8,
    price: i64,
    total: u64,
    executed: u64,
    notional: i64,
    client: Client,
    /// When it came to rest, for priority; `None` while it sweeps.
    arrival: Option<u64>,
}

impl Order {
    fn leaves(&self) -> u64 {
        self.total - self.executed
    }

    fn status(&self) -> u8 {
        match (self.executed, self.leaves()) {
            (0, _) => STATUS_NEW,
            (_, 0) => STATUS_FILLED,
            _ => STATUS_PARTIAL,
        }
    }
}

/// One side of one of today's trades.
#[derive(Clone, Copy, Debug)]
struct Traded {
    user: u32,
    account: u32,
    instrument: u32,
    quantity: u64,
    notional: i128,
    fee: i64,
}

/// A resting order as both exchanges are compared by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rests {
    pub(crate) order: u64,
    pub(crate) price: i64,
    pub(crate) leaves: u64,
}

impl Exchange {
    /// An exchange in which nothing is defined.
    pub(crate) fn new() -> Exchange {
        Exchange { phase_for_all: CLOSED, ..Exchange::default() }
    }

    /// Whether the source's command was taken before.
    pub(crate) fn is_repeat(&self, source: u32, number: u64) -> bool {
        source != 0 && self.sources.get(&source).is_some_and(|highest| number <= *highest)
    }

    /// The work that goes on before any other command.
    pub(crate) fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// Executes one command, which is not a repeat, and says what came of it.
    pub(crate) fn execute(&mut self, sequence: u64, time: u64, command: &Command) -> Vec<Outcome> {
        let session = command.session;
        self.now = Envelope { sequence, time, cause: sequence, session, goes_on: false };
        if command.source != 0 {
            self.sources.insert(command.source, command.source_number);
        }
        match &command.ask {
            Ask::New(new) => self.new_order(session, new),
            Ask::Cancel { account, user, order, original, client } => {
                self.cancel(session, *account, *user, *order, *original, *client);
            }
            Ask::Replace(replace) => self.replace(session, replace),
            Ask::MassCancel { account, user, instrument, scope, client } => {
                self.mass_cancel(session, *account, *user, *scope, *instrument, *client);
            }
            Ask::Continue { .. } => self.go_on(),
            Ask::StartEpoch { .. } | Ask::Tick => {}
            other => self.administer(other),
        }
        std::mem::take(&mut self.outcomes)
    }

    /// Adds an outcome that is nobody's in particular.
    fn tell_nobody(&mut self, news: News) {
        let session = std::mem::take(&mut self.now.session);
        self.tell(news);
        self.now.session = session;
    }

    /// Adds an outcome without a number, for the session that asked.
    fn tell(&mut self, news: News) {
        let Envelope { sequence, time, cause, session, goes_on } = self.now;
        self.outcomes.push(Outcome { sequence, time, cause, session, goes_on, outbound: 0, news });
    }

    /// Adds an outcome for one session, under that session's next number.
    fn tell_session(&mut self, session: u32, news: News) {
        let outbound = self.sessions.get_mut(&session).map_or(0, |known| {
            known.outbound += 1;
            known.outbound
        });
        let Envelope { sequence, time, cause, goes_on, .. } = self.now;
        self.outcomes.push(Outcome { sequence, time, cause, session, goes_on, outbound, news });
    }

    /// The book of one side, in priority order.
    pub(crate) fn book(&self, instrument: u32, side: u8) -> Vec<Rests> {
        let of_book = |o: &&Order| (o.instrument, o.side) == (instrument, side);
        let mut resting: Vec<&Order> =
            self.live.iter().filter(of_book).filter(|o| o.arrival.is_some()).collect();
        resting.sort_by_key(|o| (if side == BUY { -o.price } else { o.price }, o.arrival));
        let shown = |o: &Order| Rests { order: o.id, price: o.price, leaves: o.leaves() };
        resting.into_iter().map(shown).collect()
    }

    /// What the house got of a currency.
    pub(crate) fn house(&self, currency: Money3) -> i128 {
        self.house.iter().filter(|(of, _)| *of == currency).map(|(_, fee)| i128::from(*fee)).sum()
    }

    /// Every account with every asset that it ever held.
    pub(crate) fn holdings(&self) -> Vec<(u32, Asset)> {
        let mut all = BTreeSet::new();
        for (id, account) in &self.accounts {
            let moves = account.transfers.iter().chain(&account.executions);
            all.extend(moves.map(|(asset, _)| (*id, *asset)));
        }
        all.into_iter().collect()
    }

    /// Adds up everything there is and holds it against what came in and went out.
    pub(crate) fn check_conservation(&self) -> Result<(), String> {
        let mut held: BTreeMap<Asset, i128> = BTreeMap::new();
        let mut brought: BTreeMap<Asset, i128> = BTreeMap::new();
        for account in self.accounts.values() {
            for (asset, amount) in &account.transfers {
                *brought.entry(*asset).or_default() += i128::from(*amount);
                *held.entry(*asset).or_default() += i128::from(*amount);
            }
            for (asset, amount) in &account.executions {
                *held.entry(*asset).or_default() += i128::from(*amount);
                brought.entry(*asset).or_default();
            }
        }
        for (currency, amount) in &self.house {
            *held.entry(Asset::Cash(*currency)).or_default() += i128::from(*amount);
        }
        if held != brought {
            return Err(format!("held {held:?}, brought {brought:?}"));
        }
        for (account, asset) in self.holdings() {
            let available = self.available(account, asset);
            if available < 0 {
                return Err(format!("account {account}: {available} of {asset:?} available"));
            }
        }
        Ok(())
    }
}
