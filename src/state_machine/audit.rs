//! What must be true after every command: nothing is made or lost, nothing is owed.

use super::StateMachine;
use super::pending::Work;
use crate::limits::CURRENCIES_MAX;
use crate::matching::BookIndex;
use crate::orders::{OrderRecord, reservation};
use crate::types::Side;
use std::collections::BTreeMap;

/// What live orders need, computed from the orders alone.
#[derive(Default)]
struct Needs {
    /// By account slot and currency place.
    cash: BTreeMap<(u32, u8), i128>,
    /// By account and instrument id: shares to sell, shares to buy.
    shares: BTreeMap<(u32, u32), (i128, i128)>,
    /// By user and instrument id: shares of the orders that the user entered.
    volumes: BTreeMap<(u32, u32), u64>,
    /// Live orders by account slot.
    orders: BTreeMap<u32, u32>,
}

impl StateMachine {
    /// Checks that money and shares are conserved, that no account's available is negative, and
    /// that reservations and counts are exactly what the live orders need. Says what is wrong.
    pub fn check_conservation(&self) -> Result<(), String> {
        let needs = self.needs()?;
        self.check_cash(&needs)?;
        self.check_shares(&needs)?;
        for volume in self.ledger.user_volumes.sorted() {
            let key = (volume.user, volume.instrument);
            let open = needs.volumes.get(&key).copied().unwrap_or(0);
            if volume.open != open {
                return Err(format!("{volume:?}: the user's orders have {open} shares open"));
            }
        }
        for (id, account) in self.ledger.accounts.accounts.iter() {
            let slot = self.ledger.accounts.accounts.slot(id).expect("iterated");
            let live = needs.orders.get(&slot).copied().unwrap_or(0);
            let listed = self.ledger.orders.of_account(slot).count();
            let sweeping = usize::from(self.sweeping().is_some_and(|o| o.account == slot));
            if listed + sweeping != live as usize {
                return Err(format!("account {id}: {listed} orders in its list, counted {live}"));
            }
            if live != account.live_orders {
                return Err(format!(
                    "account {id}: {} live orders, counted {live}",
                    account.live_orders
                ));
            }
        }
        Ok(())
    }

    /// The order that is live and in no book.
    fn sweeping(&self) -> Option<&OrderRecord> {
        match self.pending.as_ref().map(|pending| &pending.work) {
            Some(Work::Sweep(record)) => Some(record),
            _ => None,
        }
    }

    fn needs(&self) -> Result<Needs, String> {
        let mut needs = Needs::default();
        let mut records: Vec<_> = self.sweeping().into_iter().copied().collect();
        for (id, instrument) in self.ledger.instruments.table.iter() {
            let slot = self.ledger.instruments.table.slot(id).expect("iterated");
            let before = records.len();
            for order in
                Side::BOTH.iter().flat_map(|side| self.books.orders(BookIndex(slot), *side))
            {
                let record = *self.ledger.orders.get(order.0);
                let resting = self.books.get(order);
                if (resting.id, resting.price, resting.quantity)
                    != (record.id, record.price, record.leaves())
                {
                    return Err(format!("order {}: book and record differ", record.id));
                }
                records.push(record);
            }
            if records.len() - before != instrument.live_orders as usize {
                return Err(format!("instrument {id}: wrong count of live orders"));
            }
        }
        for record in records {
            let instrument = self.ledger.instruments.table.at(record.instrument);
            let account = self.ledger.accounts.accounts.id(record.account);
            let shares = needs.shares.entry((account, instrument.id.0)).or_default();
            *needs.orders.entry(record.account).or_default() += 1;
            let volume = needs.volumes.entry((record.user, instrument.id.0)).or_default();
            *volume += record.leaves().0;
            match record.side {
                Side::Sell => shares.0 += i128::from(record.leaves().0),
                Side::Buy => {
                    shares.1 += i128::from(record.leaves().0);
                    let need = reservation(record.price, record.leaves(), instrument.rate_max());
                    let need = need.ok_or("a reservation does not fit")?;
                    let key = (record.account, instrument.currency);
                    *needs.cash.entry(key).or_default() += i128::from(need.0);
                }
            }
        }
        Ok(needs)
    }

    fn check_cash(&self, needs: &Needs) -> Result<(), String> {
        let ledger = &self.ledger;
        let mut owned = [0_i128; CURRENCIES_MAX];
        for (id, _) in ledger.accounts.accounts.iter() {
            let slot = ledger.accounts.accounts.slot(id).expect("iterated");
            for (place, currency) in (0..).zip(ledger.instruments.currencies()) {
                let cash = ledger.wallet.cash(slot, place);
                owned[place as usize] += i128::from(cash.owned());
                let need = needs.cash.get(&(slot, place)).copied().unwrap_or(0);
                if cash.available() < 0 || i128::from(cash.reserved) != need {
                    return Err(format!("account {id}, {currency}: {cash:?}, orders need {need}"));
                }
            }
        }
        for (place, currency) in ledger.instruments.currencies().iter().enumerate() {
            let owned = owned[place] + i128::from(ledger.wallet.house[place].0);
            let deposited = i128::from(ledger.wallet.deposited[place]);
            if owned != deposited {
                return Err(format!("{currency}: {owned} owned, {deposited} deposited"));
            }
        }
        Ok(())
    }

    fn check_shares(&self, needs: &Needs) -> Result<(), String> {
        let mut owned: BTreeMap<u32, i128> = BTreeMap::new();
        for holding in self.ledger.wallet.sorted_holdings() {
            *owned.entry(holding.instrument).or_default() += i128::from(holding.shares.owned());
            let key = (holding.account, holding.instrument);
            let (sells, buys) = needs.shares.get(&key).copied().unwrap_or_default();
            let open = (i128::from(holding.shares.reserved), i128::from(holding.open_buys));
            if holding.shares.available() < 0 || open != (sells, buys) {
                return Err(format!("{holding:?}: orders need {sells} to sell, {buys} to buy"));
            }
        }
        for (id, instrument) in self.ledger.instruments.table.iter() {
            let owned = owned.get(&id).copied().unwrap_or(0);
            if owned != i128::from(instrument.deposited) {
                return Err(format!(
                    "instrument {id}: {owned} shares owned, {} deposited",
                    instrument.deposited
                ));
            }
        }
        Ok(())
    }
}
