//! All state in canonical form: what the state hash is taken over, and what a snapshot holds.
//!
//! In id order, books in priority order, no slots and no capacities, each list with its length.
//! `restore.rs` reads the same back, list by list. The hash is XXH3-128: equal exactly where every
//! later outcome must be equal.

use super::StateMachine;
use super::canonical::{Saving, Writing};
use super::fields::{self, CancelsFields};
use super::many_cancels::{ManyCancels, Then, Which};
use super::pending::{Pending, Work};
use crate::matching::BookIndex;
use crate::orders::{Balance, Holding, OrderRecord, UserVolume};
use crate::types::Side;
use std::io::{self, Write};
use xxhash_rust::xxh3::Xxh3;

impl StateMachine {
    /// 128 bits over all state.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let mut hash = Xxh3::new();
        self.write_state(&mut |bytes| hash.update(bytes));
        hash.digest128()
    }

    /// Writes all state; its hash. [`StateMachine::restore`] reads it back.
    ///
    /// # Errors
    /// The first of `to`.
    pub fn save(&self, to: &mut dyn Write) -> io::Result<u128> {
        let mut hash = Xxh3::new();
        let mut saving = Saving { to, result: Ok(()) };
        self.write_state(&mut |bytes| {
            hash.update(bytes);
            saving.take(bytes);
        });
        saving.result.map(|()| hash.digest128())
    }

    fn write_state(&self, to: &mut dyn FnMut(&[u8])) {
        let mut writing = Writing::new(to);
        let into = &mut writing;
        let (mut counters, mut day) = (self.ledger.counters, self.ledger.day);
        fields::counters(&mut counters, into);
        fields::day(&mut day, into);
        self.write_instruments(into);
        self.write_accounts(into);
        self.write_holdings(into);
        self.write_user_volumes(into);
        self.write_books(into);
        self.write_account_lists(into);
        into.put(self.pending.is_some());
        if let Some(pending) = &self.pending {
            self.write_pending(pending, into);
        }
        writing.finish();
    }

    fn write_instruments(&self, into: &mut Writing<'_>) {
        let ledger = &self.ledger;
        into.put(ledger.instruments.phase.0);
        into.length(ledger.instruments.currencies().len());
        for (place, currency) in ledger.instruments.currencies().iter().enumerate() {
            into.put(currency.0);
            into.put(ledger.wallet.house[place].0);
            into.put(ledger.wallet.deposited[place]);
        }
        into.length(ledger.instruments.table.len());
        for (id, instrument) in ledger.instruments.table.iter() {
            into.put(id);
            fields::instrument(&mut instrument.clone(), into);
        }
    }

    fn write_accounts(&self, into: &mut Writing<'_>) {
        let accounts = &self.ledger.accounts;
        into.length(accounts.members.len());
        for (id, member) in accounts.members.iter() {
            into.put(id);
            fields::member(&mut member.clone(), into);
        }
        into.length(accounts.users.len());
        for (id, user) in accounts.users.iter() {
            into.put(id);
            fields::user(&mut user.clone(), into);
        }
        into.length(accounts.accounts.len());
        for (id, account) in accounts.accounts.iter() {
            into.put(id);
            fields::account(&mut account.clone(), into);
            let slot = accounts.accounts.slot(id).expect("iterated");
            for (place, _) in (0..).zip(self.ledger.instruments.currencies()) {
                let mut balance = *self.ledger.wallet.cash(slot, place);
                fields::balance(&mut balance, into);
            }
        }
        into.length(accounts.sessions.len());
        for (id, session) in accounts.sessions.iter() {
            into.put(id);
            fields::session(&mut session.clone(), into);
        }
        into.length(accounts.sources.len());
        for (id, highest) in accounts.sources.iter() {
            into.put(id);
            into.put(*highest);
        }
    }

    /// Those that say something: whether an empty one was ever made is nobody's matter.
    fn write_holdings(&self, into: &mut Writing<'_>) {
        let (wallet, day) = (&self.ledger.wallet, self.ledger.day.date);
        let mut holdings = wallet.sorted_holdings();
        holdings.retain(|holding| {
            let idle = holding.open_buys == 0 && holding.executed(day) == 0;
            !idle || holding.shares != Balance::default() || wallet.limits(holding).is_some()
        });
        into.length(holdings.len());
        for holding in &mut holdings {
            let (executed, limits) = (holding.executed(day), wallet.limits(holding));
            let Holding { account, instrument, shares, open_buys, .. } = holding;
            into.put(*account);
            into.put(*instrument);
            into.put(*open_buys);
            into.put(executed);
            fields::balance(shares, into);
            into.put(limits.is_some());
            if let Some(mut limits) = limits {
                fields::limits(&mut limits, into);
            }
        }
    }

    fn write_user_volumes(&self, into: &mut Writing<'_>) {
        let day = self.ledger.day.date;
        let mut volumes = self.ledger.user_volumes.sorted();
        volumes.retain(|volume| {
            volume.open != 0 || volume.executed(day) != 0 || volume.limit.is_some()
        });
        into.length(volumes.len());
        for volume in &volumes {
            let UserVolume { user, instrument, open, limit, .. } = volume;
            into.put(*user);
            into.put(*instrument);
            into.put(*open);
            into.put(volume.executed(day));
            into.put(limit.is_some());
            if let Some(limit) = limit {
                into.put(*limit);
            }
        }
    }

    fn write_books(&self, into: &mut Writing<'_>) {
        let instruments = &self.ledger.instruments.table;
        for (id, _) in instruments.iter() {
            let slot = instruments.slot(id).expect("iterated");
            for side in Side::BOTH {
                let orders = || self.books.orders(BookIndex(slot), side);
                into.length(orders().count());
                for order in orders() {
                    self.write_order(self.ledger.orders.get(order.0), into);
                }
            }
        }
    }

    fn write_order(&self, record: &OrderRecord, into: &mut Writing<'_>) {
        let account = self.ledger.accounts.accounts.id(record.account);
        let instrument = self.ledger.instruments.table.id(record.instrument);
        fields::order(&mut OrderRecord { account, instrument, ..*record }, into);
    }

    /// Of each account: its orders as they came to rest, which decides how they are canceled, and
    /// the client order ids that it may not use again.
    fn write_account_lists(&self, into: &mut Writing<'_>) {
        let ledger = &self.ledger;
        for (id, _) in ledger.accounts.accounts.iter() {
            let slot = ledger.accounts.accounts.slot(id).expect("iterated");
            into.length(ledger.orders.of_account(slot).count());
            for order in ledger.orders.of_account(slot) {
                into.put(ledger.orders.get(order).id.0);
            }
            into.length(ledger.finished_ids.of_account(slot).count());
            for (client_id, order) in ledger.finished_ids.of_account(slot) {
                into.put(client_id.0);
                into.put(order.0);
            }
        }
    }

    fn write_pending(&self, Pending { work, cause, steps }: &Pending, into: &mut Writing<'_>) {
        into.put(*cause);
        into.put(*steps);
        match *work {
            Work::Sweep(record) => {
                into.put(SWEEP);
                self.write_order(&record, into);
            }
            Work::Cancels(cancels) => {
                into.put(CANCELS);
                fields::cancels(&mut self.fields_of(&cancels), into);
            }
            // Where it stands is what is pending.
            Work::Settlement => into.put(SETTLEMENT),
        }
    }

    pub(super) fn fields_of(&self, cancels: &ManyCancels) -> CancelsFields {
        let ManyCancels { which, reason, then, canceled, at, passed } = *cancels;
        let instrument = |slot: u32| self.ledger.instruments.table.id(slot);
        let (which, subject, instrument) = match which {
            Which::Account(id) => (1, id, 0),
            Which::AccountIn(id, slot) => (2, id, instrument(slot)),
            Which::KilledAccount(id) => (3, id, 0),
            Which::User(id) => (4, id, 0),
            Which::Session(id) => (5, id, 0),
            Which::Member(id) => (6, id, 0),
            Which::Instrument(id) => (7, id, 0),
            Which::All => (8, 0, 0),
        };
        let passed = passed.map_or(0, |slot| self.ledger.orders.get(slot).id.0);
        let (then, answer) = match then {
            Then::End => (0, (0, 0, 0, [0; 20])),
            Then::Settle => (1, (0, 0, 0, [0; 20])),
            Then::Answer { session, account, user, client_id } => {
                (2, (session, account, user, client_id))
            }
        };
        let (session, account, user, client_id) = answer;
        CancelsFields {
            which,
            subject,
            instrument,
            reason: reason.0,
            canceled,
            at,
            passed,
            then,
            session,
            account,
            user,
            client_id,
        }
    }
}

/// The kinds of pending work.
pub(super) const SWEEP: u8 = 1;
pub(super) const CANCELS: u8 = 2;
pub(super) const SETTLEMENT: u8 = 3;
