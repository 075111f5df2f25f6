//! The settlement of a day: what is pending becomes settled, account by account.

use super::emit::Emit;
use super::pending::Work;
use super::{Outcomes, StateMachine};
use crate::limits::{BALANCES_PER_STEP_MAX, VISITS_PER_STEP_MAX};
use crate::orders::Balance;
use isochron_events::{BalanceChanged, DayEnded};

/// Where the work stands: the next balance to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settlement {
    /// The account's id; 0 before the first.
    pub(super) account: u32,
    /// The place of the currency, while it is one of them.
    pub(super) currency: u8,
    /// Then the instrument's id; 0 before the first.
    pub(super) instrument: u32,
}

/// A balance, by its places.
#[derive(Clone, Copy)]
enum Place {
    Cash(u32, u8),
    Shares(u32),
}

impl StateMachine {
    /// One step of a settlement.
    pub(super) fn settle<O: Outcomes>(
        &mut self,
        mut work: Settlement,
        steps: u64,
        emit: &mut Emit<'_, O>,
    ) {
        let (mut balances, mut visits) = (0, 0);
        loop {
            let before = work;
            let Some(place) = self.next_place(&mut work) else { return self.end(emit) };
            if visits == VISITS_PER_STEP_MAX {
                return self.pend(Work::Settlement(before), steps, emit);
            }
            visits += 1;
            let Some(place) = place.filter(|place| self.balance_mut(*place).pending != 0) else {
                continue;
            };
            if balances == BALANCES_PER_STEP_MAX {
                return self.pend(Work::Settlement(before), steps, emit);
            }
            balances += 1;
            let balance = self.balance_mut(place);
            balance.settled += balance.pending;
            balance.pending = 0;
            let balance = *balance;
            self.emit_settled(work.account, place, balance, emit);
        }
    }

    /// The place after the one before: `None` at the end, `Some(None)` where nothing was ever held.
    fn next_place(&self, work: &mut Settlement) -> Option<Option<Place>> {
        let ledger = &self.ledger;
        let accounts = &ledger.accounts.accounts;
        loop {
            if let Some(slot) = accounts.slot(work.account) {
                if usize::from(work.currency) < ledger.instruments.currencies().len() {
                    work.currency += 1;
                    return Some(Some(Place::Cash(slot, work.currency - 1)));
                }
                if let Some(id) = ledger.instruments.table.next_id(work.instrument + 1) {
                    work.instrument = id;
                    return Some(ledger.wallet.find_slot(work.account, id).map(Place::Shares));
                }
            }
            let account = accounts.next_id(work.account + 1)?;
            *work = Settlement { account, ..Settlement::default() };
        }
    }

    fn balance_mut(&mut self, place: Place) -> &mut Balance {
        match place {
            Place::Cash(account, currency) => self.ledger.wallet.cash_mut(account, currency),
            Place::Shares(holding) => &mut self.ledger.wallet.holding_mut(holding).shares,
        }
    }

    fn emit_settled<O: Outcomes>(
        &mut self,
        account: u32,
        place: Place,
        balance: Balance,
        emit: &mut Emit<'_, O>,
    ) {
        let (instrument, currency) = match place {
            Place::Cash(_, place) => {
                (0, self.ledger.instruments.currencies()[usize::from(place)].0)
            }
            Place::Shares(holding) => (self.ledger.wallet.holding(holding).instrument, [0; 3]),
        };
        let Balance { settled, pending, reserved } = balance;
        let header = emit.header(0);
        emit.emit(BalanceChanged {
            header,
            account,
            instrument,
            currency,
            settled,
            pending,
            reserved,
        });
    }

    /// Everything is settled: the day has ended.
    fn end<O: Outcomes>(&mut self, emit: &mut Emit<'_, O>) {
        let day = &mut self.ledger.day;
        day.ended = true;
        let nearest = |sum: i128| if sum < 0 { i64::MIN } else { i64::MAX };
        let shown = |sum: i128| i64::try_from(sum).unwrap_or(nearest(sum));
        let header = emit.header(0);
        emit.emit(DayEnded {
            header,
            trading_date: day.date,
            trades: day.trades,
            quantity: day.quantity,
            notional: shown(day.notional),
            fees: shown(day.fees),
        });
    }
}
