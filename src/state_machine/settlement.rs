//! The settlement of a day: what is pending becomes settled, account by account.
//!
//! What is left to settle is what is pending, so the state itself says where the work stands. The
//! list of it is made once, when the settlement begins or a restart goes on with it, and says
//! nothing that the state does not: balances without pending amounts, of which an exchange of many
//! instruments has a thousand times as many, are not looked at again in each step.

use super::emit::Emit;
use super::pending::Work;
use super::{Outcomes, StateMachine};
use crate::limits::{BALANCES_PER_STEP_MAX, CURRENCIES_MAX};
use crate::orders::Balance;
use isochron_events::{BalanceChanged, DayEnded};

/// A balance, in the order in which they are settled: account, then currency or instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unsettled(u64);

/// Places of shares come after those of all currencies.
const SHARES: u32 = CURRENCIES_MAX as u32;

impl Unsettled {
    fn cash(account: u32, currency: u8) -> Self {
        Self(u64::from(account) << 32 | u64::from(currency))
    }

    fn shares(account: u32, instrument: u32) -> Self {
        Self(u64::from(account) << 32 | u64::from(SHARES + instrument))
    }

    /// The account's id.
    fn account(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The place of the currency, or the instrument's id.
    fn asset(self) -> Result<u8, u32> {
        let place = self.0 as u32;
        if place < SHARES { Ok(place as u8) } else { Err(place - SHARES) }
    }
}

/// A balance, by its slots.
#[derive(Clone, Copy)]
enum Place {
    Cash(u32, u8),
    Shares(u32),
}

impl StateMachine {
    /// One step of a settlement.
    pub(super) fn settle<O: Outcomes>(&mut self, steps: u64, emit: &mut Emit<'_, O>) {
        if self.unsettled.is_empty() {
            self.list_unsettled();
        }
        for _ in 0..BALANCES_PER_STEP_MAX {
            let Some(next) = self.unsettled.pop() else { break };
            let place = self.place(next);
            let balance = self.balance_mut(place);
            balance.settled += balance.pending;
            balance.pending = 0;
            let balance = *balance;
            self.emit_settled(next.account(), place, balance, emit);
        }
        match self.unsettled.is_empty() {
            true => self.end(emit),
            false => self.pend(Work::Settlement, steps, emit),
        }
    }

    /// Lists all balances with a pending amount, the last one first.
    fn list_unsettled(&mut self) {
        let Self { ledger, unsettled, .. } = self;
        let currencies = ledger.instruments.currencies().len() as u8;
        let accounts = &ledger.accounts.accounts;
        for slot in 0..accounts.len() as u32 {
            let pending = |currency: &u8| ledger.wallet.cash(slot, *currency).pending != 0;
            let of_account = (0..currencies).filter(pending);
            unsettled.extend(of_account.map(|place| Unsettled::cash(accounts.id(slot), place)));
        }
        let holdings = ledger.wallet.holdings().iter();
        let pending = holdings.filter(|holding| holding.shares.pending != 0);
        unsettled.extend(pending.map(|of| Unsettled::shares(of.account, of.instrument)));
        unsettled.sort_unstable_by(|left, right| right.cmp(left));
    }

    fn place(&self, unsettled: Unsettled) -> Place {
        let account = unsettled.account();
        match unsettled.asset() {
            Ok(currency) => {
                let slot = self.ledger.accounts.accounts.slot(account);
                Place::Cash(slot.expect("it was listed"), currency)
            }
            Err(instrument) => {
                let slot = self.ledger.wallet.find_slot(account, instrument);
                Place::Shares(slot.expect("it was listed"))
            }
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
