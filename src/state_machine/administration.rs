//! Administration: members, users, accounts, limits, transfers, kill switches, phases, sessions,
//! days.

use super::day::is_date;
use super::emit::Emit;
use super::ledger::Ledger;
use super::{Outcomes, StateMachine};
use crate::accounts::{Account, Member, Session, User};
use crate::limits::{
    ACCOUNT_ID_MAX, BALANCE_MAX, DAILY_VOLUME_DEFAULT, MEMBER_ID_MAX, SESSION_ID_MAX, USER_ID_MAX,
};
use crate::orders::Override;
use crate::types::{Currency, MemberId, Refusal, UserId};
use isochron_events::{
    AccountState, BalanceChanged, BooleanFlag, DayStarted, DefineMember, DefineUser, KillSwitch,
    Message, OpenAccount, Phase, PhaseChange, PhaseChanged, RejectReason as Reason, Scope,
    SelfTradePolicy, SessionCloseReason, SessionClosed, SessionOpened, SetAccountState, SetLimits,
    SetSelfTrade, Transfer,
};

/// The newest rulebook that this code decides by.
pub const RULES_VERSION: u32 = 1;

pub(super) type Done = Result<(), Refusal>;

impl StateMachine {
    /// Executes what is not trading; what has no answer has no effect.
    pub(super) fn administer<O: Outcomes>(&mut self, command: &Message, emit: &mut Emit<'_, O>) {
        let ledger = &mut self.ledger;
        match command {
            Message::DefineMember(c) => emit.answer(c.member, ledger.define_member(c)),
            Message::DefineUser(c) => emit.answer(c.user, ledger.define_user(c)),
            Message::OpenAccount(c) => emit.answer(c.account, ledger.open_account(c)),
            Message::SetAccountState(c) => emit.answer(c.account, ledger.set_account_state(c)),
            Message::SetLimits(c) => emit.answer(c.subject, ledger.set_limits(c)),
            Message::SetSelfTrade(c) => emit.answer(c.account, ledger.set_self_trade(c)),
            Message::SessionOpened(c) => emit.answer(c.opened_session, ledger.open_session(c)),
            Message::DayStarted(c) => emit.answer(0, ledger.start_day(c)),
            Message::KillSwitch(c) => self.turn_kill_switch(c, emit),
            Message::SessionClosed(c) => self.close_session(c, emit),
            Message::DayEnding(c) => self.end_day(c, emit),
            Message::DefineInstrument(c) => {
                let result = self.define_instrument(c);
                emit.answer(c.instrument, result);
            }
            Message::PhaseChange(c) => ledger.change_phase(c, emit),
            Message::Transfer(c) => ledger.transfer(c, emit),
            _ => {}
        }
    }
}

pub(super) fn refuse(reason: Reason, limit: impl TryInto<i64>, value: impl TryInto<i64>) -> Done {
    Err(Refusal::new(reason, limit, value))
}

fn check_id(id: u32, max: u32) -> Done {
    if (1..=max).contains(&id) { Ok(()) } else { refuse(Reason::ID_OUT_OF_RANGE, max, id) }
}

fn flag(flag: BooleanFlag) -> Result<bool, Refusal> {
    match flag {
        BooleanFlag::YES => Ok(true),
        BooleanFlag::NO => Ok(false),
        BooleanFlag(code) => Err(Refusal::new(Reason::CODE_INVALID, 0, code)),
    }
}

/// Members, users, accounts.
impl Ledger {
    fn known_member(&self, member: u32) -> Done {
        match self.accounts.members.get(member) {
            Some(_) => Ok(()),
            None => refuse(Reason::UNKNOWN_MEMBER, 0, member),
        }
    }

    fn known_user(&self, user: u32) -> Done {
        match self.accounts.users.get(user) {
            Some(_) => Ok(()),
            None => refuse(Reason::UNKNOWN_USER, 0, user),
        }
    }

    pub(super) fn known_instrument(&self, instrument: u32) -> Result<u32, Refusal> {
        let slot = self.instruments.table.slot(instrument);
        slot.ok_or_else(|| Refusal::new(Reason::UNKNOWN_INSTRUMENT, 0, instrument))
    }

    fn account_slot(&self, account: u32) -> Result<u32, Refusal> {
        let slot = self.accounts.accounts.slot(account);
        slot.ok_or_else(|| Refusal::new(Reason::UNKNOWN_ACCOUNT, 0, account))
    }

    fn user_of(&self, user: u32, member: u32) -> Done {
        self.known_member(member)?;
        self.known_user(user)?;
        let found = self.accounts.users.get(user).map_or(0, |user| user.member.0);
        if found == member { Ok(()) } else { refuse(Reason::USER_NOT_ENTITLED, member, found) }
    }

    fn define_member(&mut self, command: &DefineMember) -> Done {
        check_id(command.member, MEMBER_ID_MAX)?;
        match self.accounts.members.get_mut(command.member) {
            Some(member) => member.name = command.name,
            None => {
                let member = Member { name: command.name, blocked: false };
                self.accounts.members.insert(command.member, member);
            }
        }
        Ok(())
    }

    fn define_user(&mut self, command: &DefineUser) -> Done {
        check_id(command.user, USER_ID_MAX)?;
        self.known_member(command.member)?;
        match self.accounts.users.get_mut(command.user) {
            Some(user) if user.member.0 != command.member => {
                refuse(Reason::ALREADY_EXISTS, 0, command.user)
            }
            Some(user) => {
                user.name = command.name;
                Ok(())
            }
            None => {
                let user = User {
                    member: MemberId(command.member),
                    name: command.name,
                    blocked: false,
                    daily_volume_max: DAILY_VOLUME_DEFAULT,
                };
                self.accounts.users.insert(command.user, user);
                Ok(())
            }
        }
    }

    fn open_account(&mut self, command: &OpenAccount) -> Done {
        check_id(command.account, ACCOUNT_ID_MAX)?;
        if self.accounts.accounts.get(command.account).is_some() {
            return refuse(Reason::ALREADY_EXISTS, 0, command.account);
        }
        self.user_of(command.user, command.member)?;
        let account = Account::new(MemberId(command.member), UserId(command.user));
        self.open_account_record(command.account, account);
        Ok(())
    }

    /// An account and all that is kept by its slot, which it gives.
    pub(super) fn open_account_record(&mut self, id: u32, account: Account) -> u32 {
        let slot = self.accounts.accounts.insert(id, account);
        self.wallet.open();
        self.finished_ids.open();
        self.orders.open();
        slot
    }

    fn set_account_state(&mut self, command: &SetAccountState) -> Done {
        let slot = self.account_slot(command.account)?;
        let account = self.accounts.accounts.at_mut(slot);
        let (from, to) = (account.state, command.state);
        if !AccountState::ALL.contains(&to) {
            return refuse(Reason::CODE_INVALID, 0, to.0);
        }
        if from == AccountState::CLOSED && to != AccountState::CLOSED {
            return refuse(Reason::STATE_TRANSITION_INVALID, from.0, to.0);
        }
        if to == AccountState::CLOSED && account.live_orders > 0 {
            return refuse(Reason::ACCOUNT_HAS_LIVE_ORDERS, 0, account.live_orders);
        }
        account.state = to;
        Ok(())
    }

    fn set_limits(&mut self, command: &SetLimits) -> Done {
        match command.scope {
            Scope::ACCOUNT => drop(self.account_slot(command.subject)?),
            Scope::USER => self.known_user(command.subject)?,
            Scope(code) => return refuse(Reason::CODE_INVALID, 0, code),
        }
        let tradable = flag(command.tradable)?;
        if command.instrument != 0 {
            self.known_instrument(command.instrument)?;
        }
        let (daily, position) = (command.daily_volume_maximum, command.position_maximum);
        match (command.scope, command.instrument) {
            (Scope::ACCOUNT, 0) => {
                let account = self.accounts.accounts.get_mut(command.subject);
                let limits = &mut account.expect("looked up above").limits;
                limits.tradable = tradable;
                limits.live_orders_max = command.live_orders_maximum;
                limits.daily_volume_max = daily;
                limits.position_max = position;
            }
            (Scope::ACCOUNT, instrument) => {
                let holding = self.wallet.holding_slot(command.subject, instrument);
                let limits = Override { tradable, daily_volume_max: daily, position_max: position };
                self.wallet.set_limits(holding, limits);
            }
            (_, 0) => {
                let user = self.accounts.users.get_mut(command.subject);
                user.expect("looked up above").daily_volume_max = daily;
            }
            (_, instrument) => {
                let volume = self.user_volumes.slot(command.subject, instrument);
                self.user_volumes.get_mut(volume).limit = Some(daily);
            }
        }
        Ok(())
    }

    fn set_self_trade(&mut self, command: &SetSelfTrade) -> Done {
        let slot = self.account_slot(command.account)?;
        if !SelfTradePolicy::ALL.contains(&command.policy) {
            return refuse(Reason::CODE_INVALID, 0, command.policy.0);
        }
        let account = self.accounts.accounts.at_mut(slot);
        account.self_trade = command.policy;
        account.group = command.group;
        Ok(())
    }

    pub(super) fn kill_switch(&mut self, command: &KillSwitch) -> Done {
        if !Scope::ALL.contains(&command.scope) {
            return refuse(Reason::CODE_INVALID, 0, command.scope.0);
        }
        let on = flag(command.on)?;
        let id = command.subject;
        let accounts = &mut self.accounts;
        let (blocked, reason) = match command.scope {
            Scope::ACCOUNT => {
                (accounts.accounts.get_mut(id).map(|a| &mut a.blocked), Reason::UNKNOWN_ACCOUNT)
            }
            Scope::USER => {
                (accounts.users.get_mut(id).map(|u| &mut u.blocked), Reason::UNKNOWN_USER)
            }
            Scope::SESSION => {
                (accounts.sessions.get_mut(id).map(|s| &mut s.blocked), Reason::UNKNOWN_SESSION)
            }
            Scope::MEMBER => {
                (accounts.members.get_mut(id).map(|m| &mut m.blocked), Reason::UNKNOWN_MEMBER)
            }
            _ => {
                let instrument = self.instruments.table.get_mut(id);
                (instrument.map(|i| &mut i.blocked), Reason::UNKNOWN_INSTRUMENT)
            }
        };
        let Some(blocked) = blocked else { return refuse(reason, 0, id) };
        *blocked = on;
        Ok(())
    }
}

/// Sessions and days.
impl Ledger {
    fn open_session(&mut self, command: &SessionOpened) -> Done {
        check_id(command.opened_session, SESSION_ID_MAX)?;
        self.user_of(command.user, command.member)?;
        let known = self.accounts.sessions.get(command.opened_session);
        if known.is_some_and(|session| session.member.0 != command.member) {
            return refuse(Reason::ALREADY_EXISTS, 0, command.opened_session);
        }
        let cancel_on_disconnect = flag(command.cancel_on_disconnect)?;
        if known.is_none() {
            let session = Session { member: MemberId(command.member), ..Session::default() };
            self.accounts.sessions.insert(command.opened_session, session);
        }
        let session = self.accounts.sessions.get_mut(command.opened_session);
        let session = session.expect("inserted above");
        session.user = UserId(command.user);
        session.open = true;
        session.cancel_on_disconnect = cancel_on_disconnect;
        Ok(())
    }

    pub(super) fn close_session(&mut self, command: &SessionClosed) -> Done {
        let session = self.accounts.sessions.get_mut(command.closed_session);
        let Some(session) = session.filter(|session| session.open) else {
            return refuse(Reason::UNKNOWN_SESSION, 0, command.closed_session);
        };
        if !SessionCloseReason::ALL.contains(&command.reason) {
            return refuse(Reason::CODE_INVALID, 0, command.reason.0);
        }
        session.open = false;
        Ok(())
    }

    fn start_day(&mut self, command: &DayStarted) -> Done {
        if !is_date(command.trading_date) {
            return refuse(Reason::TRADING_DATE_INVALID, 0, command.trading_date);
        }
        if command.trading_date <= self.day.date {
            let reason = Reason::TRADING_DATE_NOT_LATER;
            return refuse(reason, self.day.date, command.trading_date);
        }
        if command.rules_version != RULES_VERSION {
            let reason = Reason::RULES_VERSION_UNKNOWN;
            return refuse(reason, RULES_VERSION, command.rules_version);
        }
        self.day.start(command.trading_date, command.rules_version);
        self.accounts.start_day();
        Ok(())
    }

    fn change_phase<O: Outcomes>(&mut self, command: &PhaseChange, emit: &mut Emit<'_, O>) {
        let result = self.judge_phase(command);
        let valid = result.is_ok();
        emit.answer(command.instrument, result);
        if !valid {
            return;
        }
        let (previous_phase, reference_price) = if command.instrument == 0 {
            let previous = self.instruments.phase;
            self.instruments.phase = command.phase;
            for instrument in self.instruments.table.records_mut() {
                instrument.phase = command.phase;
            }
            (previous, 0)
        } else {
            let instrument = self.instruments.table.get_mut(command.instrument);
            let instrument = instrument.expect("judged above");
            let previous = std::mem::replace(&mut instrument.phase, command.phase);
            (previous, instrument.terms.reference_price.0)
        };
        emit.emit(PhaseChanged {
            header: emit.header(0),
            instrument: command.instrument,
            phase: command.phase,
            previous_phase,
            reference_price,
        });
    }

    fn judge_phase(&self, command: &PhaseChange) -> Done {
        if command.instrument != 0 {
            self.known_instrument(command.instrument)?;
        }
        if !Phase::ALL.contains(&command.phase) {
            return refuse(Reason::CODE_INVALID, 0, command.phase.0);
        }
        Ok(())
    }
}

/// Transfers.
impl Ledger {
    fn transfer<O: Outcomes>(&mut self, command: &Transfer, emit: &mut Emit<'_, O>) {
        let result = if command.instrument == 0 {
            self.transfer_cash(command)
        } else {
            self.transfer_shares(command)
        };
        emit.answer(command.account, result.map(|_| ()));
        let Ok(balance) = result else { return };
        emit.emit(BalanceChanged {
            header: emit.header(emit.session()),
            account: command.account,
            instrument: command.instrument,
            currency: if command.instrument == 0 { command.currency } else { [0; 3] },
            settled: balance.settled,
            pending: balance.pending,
            reserved: balance.reserved,
        });
    }

    fn transfer_cash(&mut self, command: &Transfer) -> Result<crate::orders::Balance, Refusal> {
        let account = self.account_slot(command.account)?;
        let currency = self.instruments.currency(Currency(command.currency));
        let currency = currency.ok_or(Refusal::new(Reason::UNKNOWN_CURRENCY, 0, 0))?;
        let available = self.wallet.cash(account, currency).available();
        let deposited = self.wallet.deposited[currency as usize];
        self.judge_transfer(account, command.amount, available, deposited)?;
        self.wallet.deposited[currency as usize] += command.amount;
        let cash = self.wallet.cash_mut(account, currency);
        cash.settled += command.amount;
        Ok(*cash)
    }

    fn transfer_shares(&mut self, command: &Transfer) -> Result<crate::orders::Balance, Refusal> {
        let account = self.account_slot(command.account)?;
        let instrument = self.known_instrument(command.instrument)?;
        let found = self.wallet.find(command.account, command.instrument);
        let available = found.map_or(0, |holding| holding.shares.available());
        let deposited = self.instruments.table.at(instrument).deposited;
        self.judge_transfer(account, command.amount, available, deposited)?;
        self.instruments.table.at_mut(instrument).deposited += command.amount;
        let holding = self.wallet.holding_slot(command.account, command.instrument);
        let shares = &mut self.wallet.holding_mut(holding).shares;
        shares.settled += command.amount;
        Ok(*shares)
    }

    fn judge_transfer(&self, account: u32, amount: i64, available: i64, deposited: i64) -> Done {
        if amount == 0 {
            return refuse(Reason::AMOUNT_INVALID, 0, amount);
        }
        if amount < 0 {
            if available.checked_add(amount).is_none_or(|left| left < 0) {
                return refuse(Reason::EXCEEDS_AVAILABLE, available, amount.unsigned_abs());
            }
            return Ok(());
        }
        let state = self.accounts.accounts.at(account).state;
        if state == AccountState::CLOSED {
            return refuse(Reason::ACCOUNT_CLOSED, 0, state.0);
        }
        let after = i128::from(deposited) + i128::from(amount);
        if after > i128::from(BALANCE_MAX) {
            return refuse(Reason::BALANCE_MAX, BALANCE_MAX, after);
        }
        Ok(())
    }
}
