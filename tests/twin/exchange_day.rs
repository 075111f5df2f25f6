//! Cancels of many orders at once, and the end of a day, of the naive exchange.
//!
//! What is to be canceled is listed once, when the command comes: nothing can come between two of
//! its steps. What is to be settled is looked for anew in each step.

use std::collections::VecDeque;

use super::words::*;
use super::{Asset, Exchange, Order, Pending, Work};

/// Orders that one step cancels.
const CANCELS_PER_STEP: usize = 64;
/// Balances that one step settles.
const BALANCES_PER_STEP: usize = 64;

/// Orders on their way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cancels {
    why: Why,
    left: VecDeque<u64>,
    then: Then,
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
    Tell { session: u32, account: u32, user: u32, client: Client, canceled: u64 },
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
        let left = self.by_account(|exchange, order| {
            order.account == account
                && (scope == OF_ACCOUNT || order.instrument == instrument)
                && exchange.instruments[&order.instrument].phase != CLOSED
        });
        let canceled = left.len() as u64;
        let then = Then::Tell { session, account, user, client, canceled };
        self.cancel_many(Cancels { why: Why::MassCancel, left, then }, 0);
    }

    /// What a kill switch does that was just turned on.
    pub(super) fn kill_orders(&mut self, scope: u8, subject: u32) {
        let left = match scope {
            OF_INSTRUMENT => self.by_instrument(|order| order.instrument == subject),
            _ => self.by_account(|exchange, order| {
                subject
                    == match scope {
                        OF_ACCOUNT => order.account,
                        OF_USER => order.user,
                        OF_SESSION => order.session,
                        _ => exchange.accounts[&order.account].member,
                    }
            }),
        };
        self.cancel_many(Cancels { why: Why::Kill, left, then: Then::Nothing }, 0);
    }

    /// What the end of a session does, if its orders are to go with it.
    pub(super) fn disconnect(&mut self, session: u32) {
        if self.sessions[&session].cancel_on_disconnect {
            let left = self.by_account(|_, order| order.session == session);
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
        let left = self.by_instrument(|_| true);
        self.cancel_many(Cancels { why: Why::Expired, left, then: Then::Settle }, 0);
    }

    /// Accounts by id, and of each the orders as they came to rest.
    fn by_account(&self, wanted: impl Fn(&Exchange, &Order) -> bool) -> VecDeque<u64> {
        let mut found: Vec<&Order> = self.live.iter().filter(|o| wanted(self, o)).collect();
        found.sort_by_key(|order| (order.account, order.arrival));
        found.into_iter().map(|order| order.id).collect()
    }

    /// Instruments by id, and of each the bids, then the asks, in priority order.
    fn by_instrument(&self, wanted: impl Fn(&Order) -> bool) -> VecDeque<u64> {
        let mut found = VecDeque::new();
        for instrument in self.instruments.keys() {
            for side in [BUY, SELL] {
                let book = self.book(*instrument, side);
                found.extend(book.iter().map(|o| o.order).filter(|id| wanted(self.order(*id))));
            }
        }
        found
    }

    /// One step of the cancels.
    pub(super) fn cancel_many(&mut self, mut cancels: Cancels, steps_before: u64) {
        let cause = self.now.cause;
        for _ in 0..CANCELS_PER_STEP {
            if let Some(order) = cancels.left.pop_front() {
                self.finish(order, cancels.why, None);
            }
        }
        let steps = steps_before + 1;
        if !cancels.left.is_empty() {
            self.pending = Some(Pending { work: Work::Cancel(cancels), steps, cause });
            return;
        }
        match cancels.then {
            Then::Nothing => {}
            Then::Tell { session, account, user, client, canceled } => {
                let news = News::MassCancelDone { canceled, account, user, client };
                self.tell_session(session, news);
            }
            Then::Settle => self.pending = Some(Pending { work: Work::Settle, steps, cause }),
        }
    }

    /// One step of the settlement.
    pub(super) fn settle(&mut self, steps_before: u64) {
        let unsettled = self.unsettled();
        for (account, asset) in unsettled.iter().take(BALANCES_PER_STEP) {
            let pending = self.pending_of(*account, *asset);
            let known = self.accounts.get_mut(account).unwrap();
            known.settlements.push((*asset, saturated(pending)));
            let balance = News::Balance(self.balance(*account, *asset));
            self.tell_nobody(balance);
        }
        if unsettled.len() > BALANCES_PER_STEP {
            let (steps, cause) = (steps_before + 1, self.now.cause);
            self.pending = Some(Pending { work: Work::Settle, steps, cause });
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

    /// What is still pending: accounts by id, currencies in the order of their first use, then
    /// instruments by id.
    pub(crate) fn unsettled(&self) -> Vec<(u32, Asset)> {
        let mut assets: Vec<Asset> = self.currencies.iter().copied().map(Asset::Cash).collect();
        assets.extend(self.instruments.keys().copied().map(Asset::Shares));
        let mut found = Vec::new();
        for account in self.accounts.keys() {
            for asset in &assets {
                if self.pending_of(*account, *asset) != 0 {
                    found.push((*account, *asset));
                }
            }
        }
        found
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
