//! Cancels of many orders at once, and the end of a day, of the naive exchange.
//!
//! What is to be looked at is listed once, when the command comes: nothing can come between two of
//! its steps.

use std::collections::VecDeque;

use super::words::*;
use super::{Account, Asset, Exchange, Order, Pending, Work};

/// Orders that one step cancels.
const CANCELS_PER_STEP: usize = 64;
/// Balances that one step settles.
const BALANCES_PER_STEP: usize = 64;
/// What one step looks at: accounts, instruments and orders that it leaves.
const VISITS_PER_STEP: usize = 4_096;

/// Orders on their way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cancels {
    why: Why,
    left: VecDeque<Look>,
    then: Then,
}

/// What a step of cancels comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// An account or an instrument, or an order that stays: it counts as a visit.
    Visit,
    Cancel(u64),
}

impl Cancels {
    /// The kind of continuation in which they go on.
    pub(super) fn kind(&self) -> WorkKind {
        if self.why == Why::Expired { WorkKind::Expiry } else { WorkKind::MassCancel }
    }
}

/// What follows the last cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// The session that asked for a mass cancel is told how many there were.
    Tell {
        session: u32,
        account: u32,
        user: u32,
        client: Client,
        canceled: u64,
    },
    Settle,
}

impl Exchange {
    pub(super) fn mass_cancel(
        &mut self,
        session: u32,
        account: u32,
        user: u32,
        scope: u8,
        instrument: u32,
        client: Client,
    ) {
        let judged = self.judge_sender(session, account, user, false);
        let judged = judged.and_then(|()| match (scope, self.instruments.get(&instrument)) {
            (OF_ACCOUNT, _) => Ok(()),
            (OF_INSTRUMENT, None) => Err(Rule::UnknownInstrument.with(0, instrument)),
            (OF_INSTRUMENT, Some(known)) if known.phase == CLOSED => {
                Err(Rule::Phase.with(0, CLOSED))
            }
            (OF_INSTRUMENT, Some(_)) => Ok(()),
            _ => Err(Rule::CodeInvalid.with(0, scope)),
        });
        if let Err(refusal) = judged {
            let news = News::MassCancelRejected { refusal, account, user, client };
            return self.tell_session(session, news);
        }
        let left = self.of_account(account, |order| {
            (scope == OF_ACCOUNT || order.instrument == instrument)
                && self.instruments[&order.instrument].phase != CLOSED
        });
        let canceled = left.iter().filter(|look| **look != Look::Visit).count() as u64;
        let then = Then::Tell { session, account, user, client, canceled };
        self.cancel_many(Cancels { why: Why::MassCancel, left, then }, 0);
    }

    /// What a kill switch does that was just turned on.
    pub(super) fn kill_orders(&mut self, scope: u8, subject: u32) {
        let left = match scope {
            OF_INSTRUMENT => self.of_instrument(subject),
            OF_ACCOUNT => self.of_account(subject, |_| true),
            OF_USER => self.by_account(|_| true, |order| order.user == subject),
            OF_SESSION => self.by_account(|_| true, |order| order.session == subject),
            _ => self.by_account(|account| account.member == subject, |_| true),
        };
        self.cancel_many(Cancels { why: Why::Kill, left, then: Then::Nothing }, 0);
    }

    /// What the end of a session does, if its orders are to go with it.
    pub(super) fn disconnect(&mut self, session: u32) {
        if self.sessions[&session].cancel_on_disconnect {
            let left = self.by_account(|_| true, |order| order.session == session);
            self.cancel_many(Cancels { why: Why::Disconnect, left, then: Then::Nothing }, 0);
        }
    }

    pub(super) fn judge_end_of_day(&self, date: u32) -> Result<(), Refusal> {
        if !self.day_runs || date != self.trading_date {
            let runs = if self.day_runs { self.trading_date } else { 0 };
            return Err(Rule::TradingDateNotCurrent.with(runs, date));
        }
        match self.instruments.iter().find(|(_, known)| known.phase != CLOSED) {
            Some((id, known)) => Err(Rule::InstrumentNotClosed.with(*id, known.phase)),
            None => Ok(()),
        }
    }

    pub(super) fn end_day(&mut self) {
        let left = self.by_instrument();
        self.cancel_many(Cancels { why: Why::Expired, left, then: Then::Settle }, 0);
    }

    /// All accounts by id, and the orders of those whose orders are asked for.
    fn by_account(
        &self,
        asked: impl Fn(&Account) -> bool,
        wanted: impl Fn(&Order) -> bool,
    ) -> VecDeque<Look> {
        let mut looks = VecDeque::new();
        for (id, account) in &self.accounts {
            looks.push_back(Look::Visit);
            if asked(account) {
                looks.extend(self.of_account(*id, &wanted));
            }
        }
        looks
    }

    /// The orders of one account as they came to rest.
    fn of_account(&self, account: u32, wanted: impl Fn(&Order) -> bool) -> VecDeque<Look> {
        let mut orders: Vec<&Order> = self.live.iter().filter(|o| o.account == account).collect();
        orders.sort_by_key(|order| order.arrival);
        let look = |o: &Order| if wanted(o) { Look::Cancel(o.id) } else { Look::Visit };
        orders.into_iter().map(look).collect()
    }

    /// All instruments by id, and their orders.
    fn by_instrument(&self) -> VecDeque<Look> {
        let mut looks = VecDeque::new();
        for instrument in self.instruments.keys() {
            looks.push_back(Look::Visit);
            looks.extend(self.of_instrument(*instrument));
        }
        looks
    }

    /// The orders in one instrument: the bids, then the asks, in priority order.
    fn of_instrument(&self, instrument: u32) -> VecDeque<Look> {
        let sides = [BUY, SELL].into_iter().flat_map(|side| self.book(instrument, side));
        sides.map(|order| Look::Cancel(order.order)).collect()
    }

    /// One step of the cancels.
    pub(super) fn cancel_many(&mut self, mut cancels: Cancels, steps_before: u64) {
        let (steps, cause) = (steps_before + 1, self.now.cause);
        let (mut canceled, mut visits) = (0, 0);
        while let Some(look) = cancels.left.front().copied() {
            let (count, most) = match look {
                Look::Visit => (&mut visits, VISITS_PER_STEP),
                Look::Cancel(_) => (&mut canceled, CANCELS_PER_STEP),
            };
            if *count == most {
                self.pending = Some(Pending { work: Work::Cancel(cancels), steps, cause });
                return;
            }
            *count += 1;
            cancels.left.pop_front();
            if let Look::Cancel(order) = look {
                self.finish(order, cancels.why, None);
            }
        }
        match cancels.then {
            Then::Nothing => {}
            Then::Tell { session, account, user, client, canceled } => {
                let news = News::MassCancelDone { canceled, account, user, client };
                self.tell_session(session, news);
            }
            Then::Settle => {
                let work = Work::Settle(self.balances());
                self.pending = Some(Pending { work, steps, cause });
            }
        }
    }

    /// One step of the settlement.
    pub(super) fn settle(&mut self, mut left: VecDeque<(u32, Asset)>, steps_before: u64) {
        for (account, asset) in left.drain(..left.len().min(BALANCES_PER_STEP)) {
            let pending = self.pending_of(account, asset);
            let known = self.accounts.get_mut(&account).unwrap();
            known.settlements.push((asset, saturated(pending)));
            let balance = News::Balance(self.balance(account, asset));
            self.tell_nobody(balance);
        }
        if !left.is_empty() {
            let (steps, cause) = (steps_before + 1, self.now.cause);
            self.pending = Some(Pending { work: Work::Settle(left), steps, cause });
            return;
        }
        // Both sides of a trade are remembered.
        let sum = |of: fn(&super::Traded) -> i128| self.today.iter().map(of).sum::<i128>();
        let ended = DayEnded {
            date: self.trading_date,
            trades: (self.today.len() / 2) as u64,
            shares: (sum(|side| side.quantity.into()) / 2) as u64,
            notional: saturated(sum(|side| side.notional) / 2),
            fees: saturated(sum(|side| side.fee.into())),
        };
        self.day_runs = false;
        self.tell_nobody(News::DayEnded(ended));
    }

    /// All that is pending: accounts by id, and of each the currencies in the order of their
    /// first use, then the instruments by id.
    fn balances(&self) -> VecDeque<(u32, Asset)> {
        let mut assets: Vec<Asset> = self.currencies.iter().copied().map(Asset::Cash).collect();
        assets.extend(self.instruments.keys().copied().map(Asset::Shares));
        let of_account = |id: &u32| assets.iter().map(|asset| (*id, *asset)).collect::<Vec<_>>();
        let all = self.accounts.keys().flat_map(of_account);
        all.filter(|(account, asset)| self.pending_of(*account, *asset) != 0).collect()
    }

    /// What an account holds of an asset, as it is told.
    pub(super) fn balance(&self, account: u32, asset: Asset) -> Balance {
        let (instrument, currency) = match asset {
            Asset::Cash(currency) => (0, currency),
            Asset::Shares(instrument) => (instrument, [0; 3]),
        };
        Balance {
            account,
            instrument,
            currency,
            settled: saturated(self.settled(account, asset)),
            pending: saturated(self.pending_of(account, asset)),
            reserved: saturated(self.reserved(account, asset)),
        }
    }
}
