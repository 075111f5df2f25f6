//! The state hash: XXH3-128 over the canonical form of everything that can influence an outcome.
//!
//! Canonical: fixed-width little-endian numbers, in id order, books in priority order, no slots and
//! no capacities, each section with its length. Records are taken apart field by field, so that a
//! new field does not compile until it is decided here whether it counts.

use super::StateMachine;
use super::day::Day;
use super::ledger::Counters;
use super::many_cancels::{ManyCancels, Then, Which};
use super::pending::{Pending, Work};
use super::settlement::Settlement;
use crate::accounts::{Account, AccountLimits, Member, Session, User};
use crate::matching::BookIndex;
use crate::orders::{Balance, Definition, Holding, Instrument, OrderRecord, Override, UserVolume};
use crate::types::Side;
use xxhash_rust::xxh3::Xxh3;

/// Takes numbers and texts in canonical form.
struct Canonical(Xxh3);

impl Canonical {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn number(&mut self, number: impl Into<i128>) {
        self.0.update(&number.into().to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }

    fn numbers<const N: usize>(&mut self, numbers: [i128; N]) {
        for number in numbers {
            self.number(number);
        }
    }
}

impl StateMachine {
    /// 128 bits over all state: equal exactly where every later outcome must be equal.
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let mut canonical = Canonical(Xxh3::new());
        let into = &mut canonical;
        self.hash_accounts(into);
        self.hash_instruments(into);
        self.hash_wallet(into);
        self.hash_client_ids(into);
        let Counters { order, execution, trade } = self.ledger.counters;
        into.numbers([order.into(), execution.into(), trade.into()]);
        hash_day(&self.ledger.day, into);
        into.length(usize::from(self.pending.is_some()));
        if let Some(pending) = &self.pending {
            self.hash_pending(pending, into);
        }
        canonical.0.digest128()
    }

    fn hash_pending(&self, Pending { work, cause, steps }: &Pending, into: &mut Canonical) {
        into.numbers([(*cause).into(), (*steps).into(), work.kind().0.into()]);
        match work {
            Work::Sweep(record) => self.hash_order(record, into),
            Work::Cancels(cancels) => {
                let ManyCancels { which, reason, then, canceled, at, passed } = cancels;
                // The slot of an order is a place in memory; its id says which it is.
                let passed = passed.map_or(0, |slot| self.ledger.orders.get(slot).id.0);
                let instrument = |slot: u32| self.ledger.instruments.table.id(slot);
                let (kind, first, second) = match *which {
                    Which::Account(id) => (1, id, 0),
                    Which::AccountIn(id, slot) => (2, id, instrument(slot)),
                    Which::KilledAccount(id) => (3, id, 0),
                    Which::User(id) => (4, id, 0),
                    Which::Session(id) => (5, id, 0),
                    Which::Member(id) => (6, id, 0),
                    Which::Instrument(id) => (7, id, 0),
                    Which::All => (8, 0, 0),
                };
                into.numbers([kind, first.into(), second.into(), reason.0.into()]);
                into.numbers([(*canceled).into(), (*at).into(), passed.into()]);
                match then {
                    Then::End => into.number(0),
                    Then::Settle => into.number(1),
                    Then::Answer { session, account, user, client_id } => {
                        into.bytes(client_id);
                        into.numbers([2, (*session).into(), (*account).into(), (*user).into()]);
                    }
                }
            }
            Work::Settlement(Settlement { account, currency, instrument }) => {
                into.numbers([(*account).into(), (*currency).into(), (*instrument).into()]);
            }
        }
    }

    fn hash_accounts(&self, into: &mut Canonical) {
        let accounts = &self.ledger.accounts;
        into.length(accounts.members.len());
        for (id, Member { name, blocked }) in accounts.members.iter() {
            into.bytes(name);
            into.numbers([id.into(), (*blocked).into()]);
        }
        into.length(accounts.users.len());
        for (id, User { member, name, blocked, daily_volume_max }) in accounts.users.iter() {
            into.bytes(name);
            into.numbers([
                id.into(),
                member.0.into(),
                (*blocked).into(),
                (*daily_volume_max).into(),
            ]);
        }
        into.length(accounts.accounts.len());
        for (id, account) in accounts.accounts.iter() {
            hash_account(id, account, into);
            // The order in which an account's orders came to rest decides how they are canceled.
            let slot = accounts.accounts.slot(id).expect("iterated");
            let orders = || self.ledger.orders.of_account(slot);
            into.length(orders().count());
            for order in orders() {
                into.number(self.ledger.orders.get(order).id.0);
            }
        }
        into.length(accounts.sessions.len());
        for (id, session) in accounts.sessions.iter() {
            let Session { member, user, open, cancel_on_disconnect, blocked, outbound } = session;
            into.numbers([
                id.into(),
                member.0.into(),
                user.0.into(),
                (*open).into(),
                (*cancel_on_disconnect).into(),
                (*blocked).into(),
                (*outbound).into(),
            ]);
        }
        into.length(accounts.sources.len());
        for (id, highest) in accounts.sources.iter() {
            into.numbers([id.into(), (*highest).into()]);
        }
    }

    fn hash_instruments(&self, into: &mut Canonical) {
        let instruments = &self.ledger.instruments;
        into.number(instruments.phase.0);
        into.length(instruments.currencies().len());
        for currency in instruments.currencies() {
            into.bytes(&currency.0);
        }
        into.length(instruments.table.len());
        for (id, instrument) in instruments.table.iter() {
            hash_instrument(instrument, into);
            let slot = instruments.table.slot(id).expect("iterated");
            for side in Side::BOTH {
                let orders = || self.books.orders(BookIndex(slot), side);
                into.length(orders().count());
                for order in orders() {
                    self.hash_order(self.ledger.orders.get(order.0), into);
                }
            }
        }
    }

    fn hash_order(&self, record: &OrderRecord, into: &mut Canonical) {
        // Slots are places in memory: the ids they stand for count. A reservation follows from
        // price, leaves and rates, and is hashed all the same, because it could be wrong.
        let OrderRecord {
            id,
            price,
            total,
            cumulative,
            cumulative_notional,
            reserved,
            entry_time,
            account,
            user,
            broker,
            session,
            instrument,
            holding: _,
            user_volume: _,
            client_id,
            client_entry: _,
            side,
            time_in_force,
        } = record;
        into.bytes(&client_id.0);
        into.numbers([
            id.0.into(),
            price.0.into(),
            total.0.into(),
            cumulative.0.into(),
            cumulative_notional.0.into(),
            (*reserved).into(),
            (*entry_time).into(),
            self.ledger.accounts.accounts.id(*account).into(),
            (*user).into(),
            (*broker).into(),
            (*session).into(),
            self.ledger.instruments.table.id(*instrument).into(),
            (side.index() as u32).into(),
            time_in_force.0.into(),
        ]);
    }

    fn hash_wallet(&self, into: &mut Canonical) {
        let ledger = &self.ledger;
        for place in 0..ledger.instruments.currencies().len() {
            into.number(ledger.wallet.house[place].0);
            into.number(ledger.wallet.deposited[place]);
        }
        for (id, _) in ledger.accounts.accounts.iter() {
            let slot = ledger.accounts.accounts.slot(id).expect("iterated");
            for place in 0..ledger.instruments.currencies().len() {
                let place = u8::try_from(place).expect("few currencies");
                hash_balance(ledger.wallet.cash(slot, place), into);
            }
        }
        let day = ledger.day.date;
        let is_empty = |holding: &Holding| {
            let idle = holding.open_buys == 0 && holding.executed(day) == 0;
            idle && holding.shares == Balance::default() && ledger.wallet.limits(holding).is_none()
        };
        for holding in ledger.wallet.sorted_holdings() {
            if !is_empty(&holding) {
                hash_holding(&holding, ledger.wallet.limits(&holding), day, into);
            }
        }
        into.length(usize::MAX);
        for volume in ledger.user_volumes.sorted() {
            let UserVolume { user, instrument, open, limit, .. } = volume;
            let executed = volume.executed(day);
            if open == 0 && executed == 0 && limit.is_none() {
                continue;
            }
            into.length(usize::from(limit.is_some()));
            into.numbers([
                user.into(),
                instrument.into(),
                open.into(),
                limit.unwrap_or(0).into(),
                executed.into(),
            ]);
        }
    }

    fn hash_client_ids(&self, into: &mut Canonical) {
        let accounts = &self.ledger.accounts.accounts;
        for (id, _) in accounts.iter() {
            let slot = accounts.slot(id).expect("iterated");
            into.length(self.ledger.client_ids.finished(slot).count());
            for (client_id, order) in self.ledger.client_ids.finished(slot) {
                into.bytes(&client_id.0);
                into.number(order.0);
            }
        }
    }
}

fn hash_account(id: u32, account: &Account, into: &mut Canonical) {
    let Account { member, owner, state, self_trade, group, limits, live_orders, blocked } = account;
    let AccountLimits { tradable, live_orders_max, daily_volume_max, position_max } = limits;
    into.numbers([
        id.into(),
        member.0.into(),
        owner.0.into(),
        state.0.into(),
        self_trade.0.into(),
        (*group).into(),
        (*tradable).into(),
        (*live_orders_max).into(),
        (*daily_volume_max).into(),
        (*position_max).into(),
        (*live_orders).into(),
        (*blocked).into(),
    ]);
}

fn hash_instrument(instrument: &Instrument, into: &mut Canonical) {
    let Instrument { id, terms, currency, phase, last_trade, live_orders, deposited, blocked } =
        instrument;
    let Definition {
        instrument_type,
        symbol,
        display_symbol,
        settlement_currency,
        quote_currency,
        partition,
        tick,
        lot,
        price_min,
        price_max,
        quantity_min,
        quantity_max,
        notional_max,
        reference_price,
        band,
        maker_rate,
        taker_rate,
        description,
    } = terms;
    for text in [&symbol.0[..], display_symbol, &settlement_currency.0, &quote_currency.0] {
        into.bytes(text);
    }
    into.bytes(description);
    into.numbers([
        id.0.into(),
        instrument_type.0.into(),
        (*partition).into(),
        tick.0.into(),
        lot.0.into(),
        price_min.0.into(),
        price_max.0.into(),
        quantity_min.0.into(),
        quantity_max.0.into(),
        notional_max.0.into(),
        reference_price.0.into(),
        (*band).into(),
        (*maker_rate).into(),
        (*taker_rate).into(),
        (*currency).into(),
        phase.0.into(),
        last_trade.0.into(),
        (*live_orders).into(),
        (*deposited).into(),
        (*blocked).into(),
    ]);
}

fn hash_balance(balance: &Balance, into: &mut Canonical) {
    let Balance { settled, pending, reserved } = balance;
    into.numbers([(*settled).into(), (*pending).into(), (*reserved).into()]);
}

fn hash_holding(holding: &Holding, limits: Option<Override>, day: u32, into: &mut Canonical) {
    let Holding { account, instrument, shares, open_buys, .. } = holding;
    into.numbers([(*account).into(), (*instrument).into(), (*open_buys).into()]);
    into.number(holding.executed(day));
    hash_balance(shares, into);
    into.length(usize::from(limits.is_some()));
    if let Some(Override { tradable, daily_volume_max, position_max }) = limits {
        into.numbers([tradable.into(), daily_volume_max.into(), position_max.into()]);
    }
}

fn hash_day(day: &Day, into: &mut Canonical) {
    let Day { date, ended, rules_version, trades, quantity, notional, fees } = *day;
    into.numbers([
        date.into(),
        ended.into(),
        rules_version.into(),
        trades.into(),
        quantity.into(),
        notional,
        fees,
    ]);
}
