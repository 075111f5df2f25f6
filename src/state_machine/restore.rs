//! State from its canonical form: `hash.rs` the other way round.
//!
//! Everything goes in through the same constructors and inserters as in trading, so that indexes,
//! slots and sums are rebuilt. The bytes may be anybody's: what no state can have is refused with
//! its value, lists are as long as they say only as long as bytes follow, and nothing panics. That
//! the state is the one that was saved is what its hash says, computed anew.

use super::canonical::{Reading, RestoreError};
use super::fields::{self, CancelsFields};
use super::hash::{CANCELS, SETTLEMENT, SWEEP};
use super::many_cancels::{ManyCancels, Then, Which};
use super::pending::{Pending, Work};
use super::{Capacity, StateMachine};
use crate::accounts::{Account, Member, Session, User};
use crate::limits::{
    ACCOUNT_ID_MAX, CURRENCIES_MAX, FINISHED_CLIENT_IDS, INSTRUMENT_ID_MAX, MEMBER_ID_MAX,
    ORDERS_MAX, QUANTITY_MAX, SESSION_ID_MAX, SOURCE_ID_MAX, USER_ID_MAX,
};
use crate::matching::{BookIndex, OrderSlot};
use crate::orders::{ClientTag, Definition, Instrument, OrderRecord, Override};
use crate::types::{
    ClientOrderId, Currency, InstrumentId, MemberId, Money, OrderId, Price, Quantity, Side, Symbol,
    UserId,
};
use isochron_events::{CancelReason, InstrumentType, Phase};
use std::io::Read;

type Restored<T = ()> = Result<T, RestoreError>;

fn invalid(what: &'static str, value: impl Into<u64>) -> RestoreError {
    RestoreError::Invalid { what, value: value.into() }
}

/// The next id of a list: above the one before, up to the largest.
fn next_id(from: &mut Reading<'_>, what: &'static str, before: u32, most: u32) -> Restored<u32> {
    let id = from.get()?;
    if id > before && id <= most { Ok(id) } else { Err(invalid(what, id)) }
}

impl StateMachine {
    /// The state that [`StateMachine::save`] wrote and whose hash it gave, with room as in
    /// [`StateMachine::with_capacity`].
    ///
    /// # Errors
    /// The bytes are no state, or another one.
    pub fn restore(
        from: &mut dyn Read,
        capacity: Capacity,
        state_hash: u128,
    ) -> Result<Self, RestoreError> {
        let machine = Self::read_state(from, capacity)?;
        let found = machine.state_hash();
        let expected = state_hash;
        if found == expected { Ok(machine) } else { Err(RestoreError::Hash { expected, found }) }
    }

    fn read_state(from: &mut dyn Read, capacity: Capacity) -> Restored<Self> {
        let mut machine = Self::with_capacity(capacity);
        let mut reading = Reading::new(from);
        let from = &mut reading;
        fields::counters(&mut machine.ledger.counters, from);
        fields::day(&mut machine.ledger.day, from);
        from.check()?;
        machine.restore_instruments(from)?;
        machine.restore_parties(from)?;
        machine.restore_accounts(from)?;
        machine.restore_holdings(from)?;
        machine.restore_user_volumes(from)?;
        let records = machine.restore_books(from)?;
        machine.restore_account_lists(from, records)?;
        if from.get()? {
            machine.pending = Some(machine.restore_pending(from)?);
        }
        reading.finish()?;
        Ok(machine)
    }

    fn restore_instruments(&mut self, from: &mut Reading<'_>) -> Restored {
        let Self { books, ledger, .. } = self;
        ledger.instruments.phase = Phase(from.get()?);
        for place in 0..from.length("currencies", CURRENCIES_MAX)? {
            let currency = Currency(from.get()?);
            if ledger.instruments.add_currency(currency).map(usize::from) != Some(place) {
                return Err(invalid("currency", place as u64));
            }
            ledger.wallet.house[place] = Money(from.get()?);
            ledger.wallet.deposited[place] = from.get()?;
        }
        let mut id = 0;
        for _ in 0..from.length("instruments", INSTRUMENT_ID_MAX as usize)? {
            id = next_id(from, "instrument", id, INSTRUMENT_ID_MAX)?;
            let mut instrument = NO_INSTRUMENT;
            fields::instrument(&mut instrument, from);
            from.check()?;
            let known = usize::from(instrument.currency) < ledger.instruments.currencies().len();
            if !known || instrument.id.0 != id || instrument.terms.tick.0 <= 0 {
                return Err(invalid("instrument", id));
            }
            let tick = instrument.terms.tick;
            let slot = ledger.instruments.table.insert(id, instrument);
            let book = books.add_book(tick);
            assert!(book.0 == slot, "books and instruments share their slots");
        }
        Ok(())
    }

    fn restore_parties(&mut self, from: &mut Reading<'_>) -> Restored {
        let accounts = &mut self.ledger.accounts;
        let mut id = 0;
        for _ in 0..from.length("members", MEMBER_ID_MAX as usize)? {
            id = next_id(from, "member", id, MEMBER_ID_MAX)?;
            let mut member = Member::default();
            fields::member(&mut member, from);
            from.check()?;
            accounts.members.insert(id, member);
        }
        id = 0;
        for _ in 0..from.length("users", USER_ID_MAX as usize)? {
            id = next_id(from, "user", id, USER_ID_MAX)?;
            let mut user = User::default();
            fields::user(&mut user, from);
            from.check()?;
            accounts.users.insert(id, user);
        }
        Ok(())
    }

    fn restore_accounts(&mut self, from: &mut Reading<'_>) -> Restored {
        let ledger = &mut self.ledger;
        let currencies = ledger.instruments.currencies().len();
        let mut id = 0;
        for _ in 0..from.length("accounts", ACCOUNT_ID_MAX as usize)? {
            id = next_id(from, "account", id, ACCOUNT_ID_MAX)?;
            let mut account = Account::new(MemberId(0), UserId(0));
            fields::account(&mut account, from);
            from.check()?;
            let slot = ledger.open_account_record(id, account);
            for (place, _) in (0..).zip(0..currencies) {
                fields::balance(ledger.wallet.cash_mut(slot, place), from);
            }
        }
        id = 0;
        for _ in 0..from.length("sessions", SESSION_ID_MAX as usize)? {
            id = next_id(from, "session", id, SESSION_ID_MAX)?;
            let mut session = Session::default();
            fields::session(&mut session, from);
            from.check()?;
            ledger.accounts.sessions.insert(id, session);
        }
        id = 0;
        for _ in 0..from.length("sources", SOURCE_ID_MAX as usize)? {
            id = next_id(from, "source", id, SOURCE_ID_MAX)?;
            ledger.accounts.sources.insert(id, from.get()?);
        }
        Ok(())
    }

    fn restore_holdings(&mut self, from: &mut Reading<'_>) -> Restored {
        let (wallet, day) = (&mut self.ledger.wallet, self.ledger.day.date);
        for _ in 0..from.length("holdings", u32::MAX as usize)? {
            let (account, instrument) = (from.get()?, from.get()?);
            if wallet.find_slot(account, instrument).is_some() {
                return Err(invalid("a second holding of account", account));
            }
            let slot = wallet.holding_slot(account, instrument);
            let holding = wallet.holding_mut(slot);
            holding.open_buys = from.get()?;
            holding.execute(day, from.get()?);
            fields::balance(&mut holding.shares, from);
            if from.get()? {
                let mut limits = Override { tradable: false, daily_volume_max: 0, position_max: 0 };
                fields::limits(&mut limits, from);
                wallet.set_limits(slot, limits);
            }
        }
        from.check()
    }

    fn restore_user_volumes(&mut self, from: &mut Reading<'_>) -> Restored {
        let (volumes, day) = (&mut self.ledger.user_volumes, self.ledger.day.date);
        for _ in 0..from.length("user volumes", u32::MAX as usize)? {
            let (user, instrument) = (from.get()?, from.get()?);
            if volumes.find_slot(user, instrument).is_some() {
                return Err(invalid("a second volume of user", user));
            }
            let slot = volumes.slot(user, instrument);
            let volume = volumes.get_mut(slot);
            volume.open = from.get()?;
            volume.execute(day, from.get()?);
            volume.limit = if from.get()? { Some(from.get()?) } else { None };
        }
        Ok(())
    }

    /// Puts the orders into their books; their records, by slot.
    fn restore_books(&mut self, from: &mut Reading<'_>) -> Restored<Vec<OrderRecord>> {
        let mut records = Vec::new();
        for book in 0..self.ledger.instruments.table.len() {
            let book = BookIndex(u32::try_from(book).expect("few instruments"));
            for side in Side::BOTH {
                for _ in 0..from.length("orders", ORDERS_MAX - self.books.live())? {
                    let record = self.read_order(from)?;
                    let tick = self.ledger.instruments.table.at(book.0).terms.tick.0;
                    let here = record.instrument == book.0 && record.side == side;
                    if !here || record.price.0 % tick != 0 {
                        return Err(invalid("order", record.id.0));
                    }
                    let OrderRecord { id, price, .. } = record;
                    let slot = self.books.insert(book, id, side, price, record.leaves());
                    assert!(slot.0 as usize == records.len(), "books begin at their first slot");
                    records.push(record);
                }
            }
        }
        Ok(records)
    }

    /// A live order, not in its book yet.
    fn read_order(&mut self, from: &mut Reading<'_>) -> Restored<OrderRecord> {
        let mut record = OrderRecord::VACANT;
        fields::order(&mut record, from);
        from.check()?;
        let OrderRecord { id, total, cumulative, account, instrument, client_id, .. } = record;
        let refused = || invalid("order", id.0);
        let leaves = total.0.checked_sub(cumulative.0);
        if id.0 == 0
            || id.0 > self.ledger.counters.order
            || self.books.find(id).is_some()
            || leaves.is_none_or(|leaves| leaves == 0 || leaves > QUANTITY_MAX)
        {
            return Err(refused());
        }
        let ledger = &mut self.ledger;
        record.account = ledger.accounts.accounts.slot(account).ok_or_else(refused)?;
        record.instrument = ledger.instruments.table.slot(instrument).ok_or_else(refused)?;
        record.holding = ledger.wallet.holding_slot(account, instrument);
        record.user_volume = ledger.user_volumes.slot(record.user, instrument);
        record.client_tag = ClientTag::new(record.account, client_id);
        Ok(record)
    }

    fn restore_account_lists(
        &mut self,
        from: &mut Reading<'_>,
        records: Vec<OrderRecord>,
    ) -> Restored {
        let mut listed = vec![false; records.len()];
        let ids: Vec<u32> = self.ledger.accounts.accounts.iter().map(|(id, _)| id).collect();
        let mut orders_left = records.len();
        for account in ids {
            let slot = self.ledger.accounts.accounts.slot(account).expect("just listed");
            let orders = from.length("orders of an account", orders_left)?;
            orders_left -= orders;
            for _ in 0..orders {
                let id: u64 = from.get()?;
                let refused = || invalid("a listed order", id);
                let OrderSlot(at) = self.books.find(OrderId(id)).ok_or_else(refused)?;
                let record = records[at as usize];
                if record.account != slot || std::mem::replace(&mut listed[at as usize], true) {
                    return Err(refused());
                }
                self.refuse_named(&record)?;
                self.ledger.orders.insert(at, record);
            }
            for _ in 0..from.length("finished client order ids", FINISHED_CLIENT_IDS)? {
                let (client_id, order) = (ClientOrderId(from.get()?), OrderId(from.get()?));
                let tag = ClientTag::new(slot, client_id);
                if self.ledger.named(slot, tag, client_id).is_some() {
                    return Err(invalid("a second client order id of order", order.0));
                }
                self.ledger.finished_ids.finish(slot, tag, client_id, order);
            }
        }
        if orders_left > 0 {
            return Err(invalid("orders in no account's list:", orders_left as u64));
        }
        Ok(())
    }

    /// No two orders of an account have one client order id.
    fn refuse_named(&self, record: &OrderRecord) -> Restored {
        let OrderRecord { account, client_tag, client_id, id, .. } = *record;
        match self.ledger.named(account, client_tag, client_id) {
            Some(_) => Err(invalid("order", id.0)),
            None => Ok(()),
        }
    }

    fn restore_pending(&mut self, from: &mut Reading<'_>) -> Restored<Pending> {
        let (cause, steps) = (from.get()?, from.get()?);
        let work = match from.get()? {
            SWEEP => {
                let record = self.read_order(from)?;
                self.refuse_named(&record)?;
                Work::Sweep(record)
            }
            CANCELS => {
                let mut cancels = CancelsFields::default();
                fields::cancels(&mut cancels, from);
                from.check()?;
                Work::Cancels(self.cancels_of(&cancels)?)
            }
            SETTLEMENT => Work::Settlement,
            code => return Err(invalid("pending work", code)),
        };
        Ok(Pending { work, cause, steps })
    }

    fn cancels_of(&self, fields: &CancelsFields) -> Restored<ManyCancels> {
        let CancelsFields { subject, canceled, at, session, account, user, client_id, .. } =
            *fields;
        let which = match fields.which {
            1 => Which::Account(subject),
            2 => {
                let slot = self.ledger.instruments.table.slot(fields.instrument);
                let slot = slot.ok_or_else(|| invalid("instrument", fields.instrument))?;
                Which::AccountIn(subject, slot)
            }
            3 => Which::KilledAccount(subject),
            4 => Which::User(subject),
            5 => Which::Session(subject),
            6 => Which::Member(subject),
            7 => Which::Instrument(subject),
            8 => Which::All,
            code => return Err(invalid("which orders", code)),
        };
        let then = match fields.then {
            0 => Then::End,
            1 => Then::Settle,
            2 => Then::Answer { session, account, user, client_id },
            code => return Err(invalid("what follows the cancels:", code)),
        };
        let passed = match fields.passed {
            0 => None,
            id => Some(self.books.find(OrderId(id)).ok_or_else(|| invalid("order", id))?.0),
        };
        if at > ACCOUNT_ID_MAX {
            return Err(invalid("cancels at account", at));
        }
        let reason = CancelReason(fields.reason);
        let cancels = ManyCancels { which, reason, then, canceled, at, passed };
        // What a variant does not have is zero, so that no two forms are of one state.
        if self.fields_of(&cancels) == *fields {
            Ok(cancels)
        } else {
            Err(invalid("cancels with a part of others, at", at))
        }
    }
}

/// What an instrument's fields are read into.
const NO_INSTRUMENT: Instrument = Instrument {
    id: InstrumentId(0),
    terms: Definition {
        instrument_type: InstrumentType(0),
        symbol: Symbol([0; 8]),
        display_symbol: [0; 16],
        settlement_currency: Currency([0; 3]),
        quote_currency: Currency([0; 3]),
        partition: 0,
        tick: Price(0),
        lot: Quantity(0),
        price_min: Price(0),
        price_max: Price(0),
        quantity_min: Quantity(0),
        quantity_max: Quantity(0),
        notional_max: Money(0),
        reference_price: Price(0),
        band: 0,
        maker_rate: 0,
        taker_rate: 0,
        description: [0; 64],
    },
    currency: 0,
    phase: Phase::CLOSED,
    last_trade: Price(0),
    live_orders: 0,
    deposited: 0,
    blocked: false,
};
