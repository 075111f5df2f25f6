//! Members, users, accounts, limits, transfers, kill switches, phases, instruments, sessions and
//! days of the naive exchange.

use std::collections::VecDeque;

use super::words::*;
use super::{Account, Asset, Exchange, Instrument, Session};

const PRICE_MOST: i64 = 1_000_000_000_000;
const QUANTITY_MOST: u64 = 1_000_000_000;
const NOTIONAL_MOST: i64 = 100_000_000_000_000_000;
const BALANCE_MOST: i64 = 1_000_000_000_000_000_000;
const RATE_MOST: i32 = 100_000;
const BAND_MOST: u32 = 10_000;
const CURRENCIES_MOST: usize = 16;
const MEMBERS: u32 = 1 << 16;
const USERS: u32 = 1 << 20;
const ACCOUNTS: u32 = 1 << 20;
const SESSIONS: u32 = 1 << 20;
const INSTRUMENTS: u32 = 1 << 14;
const RULES: u32 = 1;

impl Exchange {
    /// Judges and applies, then answers with the id that the command is about.
    pub(super) fn administer(&mut self, ask: &Ask) {
        let template = ask.template();
        let (subject, judged) = match ask {
            Ask::DefineMember { member } => (*member, self.define_member(*member)),
            Ask::DefineUser { user, member } => (*user, self.define_user(*user, *member)),
            Ask::OpenAccount { account, member, user } => {
                (*account, self.open_account(*account, *member, *user))
            }
            Ask::SetState { account, state } => (*account, self.set_state(*account, *state)),
            Ask::SetLimits { scope, subject, instrument, limits } => {
                (*subject, self.set_limits(*scope, *subject, *instrument, *limits))
            }
            Ask::SetSelfTrade { account, policy, group } => {
                (*account, self.set_self_trade(*account, *policy, *group))
            }
            Ask::Transfer { account, instrument, currency, amount } => {
                (*account, self.transfer(*account, *instrument, *currency, *amount))
            }
            Ask::Kill { scope, subject, on } => (*subject, self.kill(*scope, *subject, *on)),
            Ask::SetPhase { instrument, phase } => {
                (*instrument, self.set_phase(*instrument, *phase))
            }
            Ask::Define(definition) => (definition.instrument, self.define(definition)),
            Ask::OpenSession { session, member, user, cancel_on_disconnect } => {
                (*session, self.open_session(*session, *member, *user, *cancel_on_disconnect))
            }
            Ask::CloseSession { session, reason } => {
                (*session, self.close_session(*session, *reason))
            }
            Ask::StartDay { date, rules } => (0, self.start_day(*date, *rules)),
            Ask::EndDay { date } => (0, self.judge_end_of_day(*date).map(|()| None)),
            other => panic!("no administration: {other:?}"),
        };
        match judged {
            Err(refusal) => self.tell(News::NotApplied { refusal, subject, template }),
            Ok(more) => {
                self.tell(News::Applied { subject, template });
                match more {
                    // A phase is everybody's.
                    Some(news @ News::Phase { .. }) => self.tell_nobody(news),
                    Some(news) => self.tell(news),
                    None => self.cancel_in_consequence(ask),
                }
            }
        }
    }

    /// The cancels that follow what was applied.
    fn cancel_in_consequence(&mut self, ask: &Ask) {
        match *ask {
            Ask::Kill { scope, subject, on: 1 } => self.kill_orders(scope, subject),
            Ask::CloseSession { session, .. } => self.disconnect(session),
            Ask::EndDay { .. } => self.end_day(),
            _ => {}
        }
    }

    fn define_member(&mut self, member: u32) -> Applied {
        in_range(member, MEMBERS)?;
        self.members.insert(member);
        Ok(None)
    }

    fn define_user(&mut self, user: u32, member: u32) -> Applied {
        in_range(user, USERS)?;
        self.member_known(member)?;
        if *self.users.entry(user).or_insert(member) != member {
            return Err(Rule::AlreadyExists.with(0, user));
        }
        Ok(None)
    }

    fn open_account(&mut self, account: u32, member: u32, user: u32) -> Applied {
        in_range(account, ACCOUNTS)?;
        if self.accounts.contains_key(&account) {
            return Err(Rule::AlreadyExists.with(0, account));
        }
        self.user_of_member(user, member)?;
        let opened = Account {
            member,
            state: APPLIED_FOR,
            policy: CANCEL_NEWEST,
            group: 0,
            transfers: Vec::new(),
            executions: Vec::new(),
            settlements: Vec::new(),
            finished: VecDeque::new(),
        };
        self.accounts.insert(account, opened);
        Ok(None)
    }

    fn set_state(&mut self, account: u32, state: u8) -> Applied {
        let before = self.account_known(account)?.state;
        code(state, APPLIED_FOR..=ACCOUNT_CLOSED)?;
        if before == ACCOUNT_CLOSED && state != ACCOUNT_CLOSED {
            return Err(Rule::StateTransitionInvalid.with(before, state));
        }
        let live = self.live.iter().filter(|o| o.account == account).count();
        if state == ACCOUNT_CLOSED && live > 0 {
            return Err(Rule::AccountHasLiveOrders.with(0, live as i128));
        }
        self.account_known(account)?.state = state;
        Ok(None)
    }

    fn set_limits(&mut self, scope: u8, subject: u32, instrument: u32, limits: Limits) -> Applied {
        code(scope, OF_ACCOUNT..=OF_USER)?;
        self.subject_known(scope, subject)?;
        code(limits.tradable, 0..=1)?;
        if instrument != 0 {
            self.subject_known(OF_INSTRUMENT, instrument)?;
        }
        self.limits.insert((scope, subject, instrument), limits);
        Ok(None)
    }

    fn set_self_trade(&mut self, account: u32, policy: u8, group: u32) -> Applied {
        self.account_known(account)?;
        code(policy, ALLOW..=CANCEL_OLDEST)?;
        let known = self.account_known(account)?;
        (known.policy, known.group) = (policy, group);
        Ok(None)
    }

    fn transfer(
        &mut self,
        account: u32,
        instrument: u32,
        currency: Money3,
        amount: i64,
    ) -> Applied {
        let state = self.account_known(account)?.state;
        let asset = if instrument != 0 {
            self.subject_known(OF_INSTRUMENT, instrument)?;
            Asset::Shares(instrument)
        } else {
            if !self.currencies.contains(&currency) {
                return Err(Rule::UnknownCurrency.with(0, 0));
            }
            Asset::Cash(currency)
        };
        if amount == 0 {
            return Err(Rule::AmountInvalid.with(0, 0));
        }
        if amount > 0 {
            if state == ACCOUNT_CLOSED {
                return Err(Rule::AccountClosed.with(0, state));
            }
            let all: i128 = self.accounts.keys().map(|id| self.transferred(*id, asset)).sum();
            let balance = all + i128::from(amount);
            if balance > i128::from(BALANCE_MOST) {
                return Err(Rule::BalanceMax.with(BALANCE_MOST, balance));
            }
        } else {
            let (available, wanted) = (self.available(account, asset), -i128::from(amount));
            if wanted > available {
                return Err(Rule::ExceedsAvailable.with(available, wanted));
            }
        }
        self.account_known(account)?.transfers.push((asset, amount));
        Ok(Some(News::Balance(self.balance(account, asset))))
    }

    fn kill(&mut self, scope: u8, subject: u32, on: u8) -> Applied {
        code(scope, OF_ACCOUNT..=OF_INSTRUMENT)?;
        code(on, 0..=1)?;
        self.subject_known(scope, subject)?;
        if on == 1 {
            self.kills.insert((scope, subject));
        } else {
            self.kills.remove(&(scope, subject));
        }
        Ok(None)
    }

    fn set_phase(&mut self, instrument: u32, phase: u8) -> Applied {
        if instrument != 0 {
            self.subject_known(OF_INSTRUMENT, instrument)?;
        }
        code(phase, PRE_OPEN..=CLOSED)?;
        let (previous, reference_price) = match self.instruments.get_mut(&instrument) {
            Some(one) => (std::mem::replace(&mut one.phase, phase), one.definition.reference_price),
            None => {
                for one in self.instruments.values_mut() {
                    one.phase = phase;
                }
                (std::mem::replace(&mut self.phase_for_all, phase), 0)
            }
        };
        Ok(Some(News::Phase { instrument, phase, previous, reference_price }))
    }

    fn define(&mut self, new: &Definition) -> Applied {
        in_range(new.instrument, INSTRUMENTS)?;
        code(new.kind, 1..=4)?;
        let end = new.symbol.iter().position(|b| *b == 0).unwrap_or(8);
        let printable = new.symbol[..end].iter().all(|b| (b'!'..=b'~').contains(b));
        if end == 0 || !printable || new.symbol[end..].iter().any(|b| *b != 0) {
            return Err(Rule::SymbolMalformed.with(0, 0));
        }
        for (id, other) in &self.instruments {
            if *id != new.instrument && other.definition.symbol == new.symbol {
                return Err(Rule::SymbolInUse.with(0, *id));
            }
        }
        for currency in [new.settlement, new.quote] {
            if !currency.iter().all(u8::is_ascii_uppercase) {
                return Err(Rule::CurrencyMalformed.with(0, 0));
            }
        }
        if new.settlement != new.quote {
            return Err(Rule::CurrenciesDiffer.with(0, 0));
        }
        let used = self.currencies.len();
        if !self.currencies.contains(&new.settlement) && used == CURRENCIES_MOST {
            return Err(Rule::TooManyCurrencies.with(CURRENCIES_MOST as i128, used as i128));
        }
        judge_numbers(new)?;
        let mut next =
            Instrument { definition: new.clone(), phase: self.phase_for_all, last_trade: None };
        if let Some(old) = self.instruments.get(&new.instrument) {
            let live = self.live.iter().filter(|o| o.instrument == new.instrument).count();
            if live > 0 && fixed(&old.definition) != fixed(new) {
                return Err(Rule::InstrumentHasLiveOrders.with(0, live as i128));
            }
            (next.phase, next.last_trade) = (old.phase, old.last_trade);
        }
        if !self.currencies.contains(&new.settlement) {
            self.currencies.push(new.settlement);
        }
        self.instruments.insert(new.instrument, next);
        Ok(None)
    }

    fn open_session(&mut self, session: u32, member: u32, user: u32, flag: u8) -> Applied {
        in_range(session, SESSIONS)?;
        self.user_of_member(user, member)?;
        if self.sessions.get(&session).is_some_and(|known| known.member != member) {
            return Err(Rule::AlreadyExists.with(0, session));
        }
        code(flag, 0..=1)?;
        let fresh = Session { member, open: true, cancel_on_disconnect: false, outbound: 0 };
        let known = self.sessions.entry(session).or_insert(fresh);
        (known.open, known.cancel_on_disconnect) = (true, flag == 1);
        Ok(None)
    }

    fn close_session(&mut self, session: u32, reason: u8) -> Applied {
        if !self.sessions.get(&session).is_some_and(|known| known.open) {
            return Err(Rule::UnknownSession.with(0, session));
        }
        code(reason, 1..=3)?;
        self.sessions.get_mut(&session).unwrap().open = false;
        Ok(None)
    }

    fn start_day(&mut self, date: u32, rules: u32) -> Applied {
        if !is_date(date) {
            return Err(Rule::TradingDateInvalid.with(0, date));
        }
        if date <= self.trading_date {
            return Err(Rule::TradingDateNotLater.with(self.trading_date, date));
        }
        if rules != RULES {
            return Err(Rule::RulesVersionUnknown.with(RULES, rules));
        }
        (self.trading_date, self.day_runs) = (date, true);
        self.today.clear();
        for session in self.sessions.values_mut() {
            session.outbound = 0;
        }
        Ok(None)
    }

    fn member_known(&self, member: u32) -> Result<(), Refusal> {
        self.subject_known(OF_MEMBER, member)
    }

    fn account_known(&mut self, account: u32) -> Result<&mut Account, Refusal> {
        self.accounts.get_mut(&account).ok_or(Rule::UnknownAccount.with(0, account))
    }

    fn user_of_member(&self, user: u32, member: u32) -> Result<(), Refusal> {
        self.member_known(member)?;
        self.subject_known(OF_USER, user)?;
        let of = self.users[&user];
        if of != member { Err(Rule::UserNotEntitled.with(member, of)) } else { Ok(()) }
    }

    fn subject_known(&self, scope: u8, subject: u32) -> Result<(), Refusal> {
        let (known, rule) = match scope {
            OF_ACCOUNT => (self.accounts.contains_key(&subject), Rule::UnknownAccount),
            OF_USER => (self.users.contains_key(&subject), Rule::UnknownUser),
            OF_SESSION => (self.sessions.contains_key(&subject), Rule::UnknownSession),
            OF_MEMBER => (self.members.contains(&subject), Rule::UnknownMember),
            _ => (self.instruments.contains_key(&subject), Rule::UnknownInstrument),
        };
        if known { Ok(()) } else { Err(rule.with(0, subject)) }
    }
}

/// What a judged command did: perhaps more news than that it was applied.
type Applied = Result<Option<News>, Refusal>;

fn in_range(id: u32, most: u32) -> Result<(), Refusal> {
    if id == 0 || id > most { Err(Rule::IdOutOfRange.with(most, id)) } else { Ok(()) }
}

fn code(code: u8, known: std::ops::RangeInclusive<u8>) -> Result<(), Refusal> {
    if known.contains(&code) { Ok(()) } else { Err(Rule::CodeInvalid.with(0, code)) }
}

/// What an instrument keeps while it has live orders.
fn fixed(definition: &Definition) -> (Money3, Money3, i64, u64, i32, i32) {
    (
        definition.settlement,
        definition.quote,
        definition.tick,
        definition.lot,
        definition.maker_rate,
        definition.taker_rate,
    )
}

fn judge_numbers(new: &Definition) -> Result<(), Refusal> {
    if new.tick < 1 || new.tick > PRICE_MOST {
        return Err(Rule::TickInvalid.with(PRICE_MOST, new.tick));
    }
    if new.lot < 1 || new.lot > QUANTITY_MOST {
        return Err(Rule::LotInvalid.with(QUANTITY_MOST, new.lot));
    }
    let (low, high) = (new.price_lowest, new.price_highest);
    if low < 1 || high < low || high > PRICE_MOST {
        return Err(Rule::PriceRangeInvalid.with(low, high));
    }
    let (least, most) = (new.quantity_least, new.quantity_most);
    if least < 1 || most < least || most > QUANTITY_MOST {
        return Err(Rule::QuantityRangeInvalid.with(least, most));
    }
    if new.notional_most < 1 || new.notional_most > NOTIONAL_MOST {
        return Err(Rule::NotionalInvalid.with(NOTIONAL_MOST, new.notional_most));
    }
    if new.band > BAND_MOST {
        return Err(Rule::BandInvalid.with(BAND_MOST, new.band));
    }
    if new.reference_price < 0 || new.reference_price > PRICE_MOST {
        return Err(Rule::ReferencePriceInvalid.with(PRICE_MOST, new.reference_price));
    }
    for rate in [new.maker_rate, new.taker_rate].map(i64::from) {
        if rate.abs() > i64::from(RATE_MOST) {
            return Err(Rule::FeeRateInvalid.with(RATE_MOST, rate));
        }
    }
    Ok(())
}

/// Whether the number reads yyyymmdd of a day that exists.
fn is_date(date: u32) -> bool {
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    (1_900..=9_999).contains(&year) && (1..=days).contains(&day)
}
