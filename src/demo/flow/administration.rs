//! The administrative commands that a flow begins with, in the words of the rulebook's defaults.

use crate::limits::{NOTIONAL_MAX, PRICE_MAX, QUANTITY_MAX};
use crate::types::Symbol;
use isochron_events::{
    AccountState, Authority, BooleanFlag, DayStarted, DefineInstrument, DefineMember, DefineUser,
    InstrumentType, KillSwitch, Message, OpenAccount, Phase, PhaseChange, Scope, SelfTradePolicy,
    SessionOpened, SetAccountState, SetLimits, SetSelfTrade, Transfer,
};

/// The rulebook that flows are made for.
const RULES_VERSION: u32 = 1;

/// What every flow trades in.
const CURRENCY: [u8; 3] = *b"USD";

/// A text in a field of its length, padded with zero bytes; what is too long is cut.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let length = text.len().min(N);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
    field
}

/// A list of commands, all by one user for one reason.
pub(crate) struct Administration {
    authority: Authority,
    commands: Vec<Message>,
}

impl Administration {
    pub(crate) fn new(by: u32, why: &str) -> Self {
        Self { authority: Authority { by, why: padded(why) }, commands: Vec::new() }
    }

    pub(crate) fn finish(self) -> Vec<Message> {
        self.commands
    }

    fn push(&mut self, command: impl Into<Message>) {
        self.commands.push(command.into());
    }

    pub(crate) fn member(&mut self, member: u32) {
        let (authority, name) = (self.authority, padded(&format!("Member {member}")));
        self.push(DefineMember { authority, member, name, ..DefineMember::default() });
    }

    pub(crate) fn user(&mut self, user: u32, member: u32) {
        let (authority, name) = (self.authority, padded(&format!("User {user}")));
        self.push(DefineUser { authority, user, member, name, ..DefineUser::default() });
    }

    pub(crate) fn session(&mut self, opened_session: u32, member: u32, user: u32) {
        let cancel_on_disconnect = BooleanFlag::NO;
        self.push(SessionOpened {
            opened_session,
            member,
            user,
            cancel_on_disconnect,
            ..SessionOpened::default()
        });
    }

    pub(crate) fn instrument(&mut self, instrument: DefineInstrument) {
        let authority = self.authority;
        self.push(DefineInstrument { authority, ..instrument });
    }

    /// Opens an account and verifies it.
    pub(crate) fn account(&mut self, account: u32, member: u32, user: u32) {
        let authority = self.authority;
        self.push(OpenAccount { authority, account, member, user, ..OpenAccount::default() });
        self.state(account, AccountState::VERIFIED);
    }

    pub(crate) fn state(&mut self, account: u32, state: AccountState) {
        let authority = self.authority;
        self.push(SetAccountState { authority, account, state, ..SetAccountState::default() });
    }

    /// Limits of an account or a user in all instruments; 0 is off.
    pub(crate) fn limits(&mut self, scope: Scope, subject: u32, limits: Limits) {
        self.push(SetLimits {
            authority: self.authority,
            scope,
            tradable: if limits.barred { BooleanFlag::NO } else { BooleanFlag::YES },
            subject,
            live_orders_maximum: limits.live_orders_max,
            daily_volume_maximum: limits.daily_volume_max,
            position_maximum: limits.position_max,
            ..SetLimits::default()
        });
    }

    pub(crate) fn self_trade(&mut self, account: u32, policy: SelfTradePolicy) {
        let authority = self.authority;
        self.push(SetSelfTrade { authority, account, policy, ..SetSelfTrade::default() });
    }

    /// Deposits cash, in 1/10,000.
    pub(crate) fn cash(&mut self, account: u32, amount: i64) {
        let (authority, currency) = (self.authority, CURRENCY);
        self.push(Transfer { authority, account, currency, amount, ..Transfer::default() });
    }

    /// Deposits shares.
    pub(crate) fn shares(&mut self, account: u32, instrument: u32, amount: i64) {
        let authority = self.authority;
        self.push(Transfer { authority, account, instrument, amount, ..Transfer::default() });
    }

    pub(crate) fn kill(&mut self, scope: Scope, subject: u32) {
        let (authority, on) = (self.authority, BooleanFlag::YES);
        self.push(KillSwitch { authority, scope, on, subject, ..KillSwitch::default() });
    }

    pub(crate) fn day(&mut self, trading_date: u32) {
        let rules_version = RULES_VERSION;
        self.push(DayStarted { trading_date, rules_version, ..DayStarted::default() });
    }

    /// A new phase of one instrument, or of all (0).
    pub(crate) fn phase(&mut self, instrument: u32, phase: Phase) {
        let authority = self.authority;
        self.push(PhaseChange { authority, instrument, phase, ..PhaseChange::default() });
    }
}

/// The limits of an account or a user; 0 is off.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    /// It may not trade at all.
    pub(crate) barred: bool,
    pub(crate) live_orders_max: u32,
    pub(crate) daily_volume_max: u64,
    pub(crate) position_max: u64,
}

/// A share in dollars with tick 0.01, lot 1, no fees, no band, and no limit but the exchange's.
pub(crate) fn unlimited_share(instrument: u32, symbol: Symbol) -> DefineInstrument {
    let name = symbol.text();
    DefineInstrument {
        instrument,
        instrument_type: InstrumentType::COMMON_SHARE,
        settlement_currency: CURRENCY,
        symbol: symbol.0,
        display_symbol: padded(&name),
        quote_currency: CURRENCY,
        tick: TICK,
        lot: 1,
        price_minimum: TICK,
        price_maximum: PRICE_MAX,
        quantity_minimum: 1,
        quantity_maximum: QUANTITY_MAX,
        notional_maximum: NOTIONAL_MAX,
        description: padded(&format!("Common share of {name}")),
        ..DefineInstrument::default()
    }
}

/// The tick of every flow's instruments: 0.01, in 1/10,000.
pub(crate) const TICK: i64 = 100;
