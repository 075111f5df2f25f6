//! The records of members, users, accounts and sessions.

use crate::limits::{DAILY_VOLUME_DEFAULT, LIVE_ORDERS_DEFAULT};
use crate::types::{MemberId, Table, UserId};
use isochron_events::{AccountState, SelfTradePolicy};

/// A member firm.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// Its name, padded with zero bytes.
    pub name: [u8; 32],
    /// A kill switch is on.
    pub blocked: bool,
}

/// A person or program that trades for a member.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The member.
    pub member: MemberId,
    /// The name, padded with zero bytes.
    pub name: [u8; 32],
    /// A kill switch is on.
    pub blocked: bool,
    /// Shares of one symbol that the user may trade a day over all accounts; 0 is off.
    pub daily_volume_max: u64,
}

/// The limits of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Whether the account may trade.
    pub tradable: bool,
    /// Live orders at one time; 0 is off.
    pub live_orders_max: u32,
    /// Shares of one symbol a day; 0 is off.
    pub daily_volume_max: u64,
    /// The largest position in one symbol, either sign; 0 is off.
    pub position_max: u64,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            tradable: true,
            live_orders_max: LIVE_ORDERS_DEFAULT,
            daily_volume_max: DAILY_VOLUME_DEFAULT,
            position_max: 0,
        }
    }
}

/// A trading account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The member it belongs to.
    pub member: MemberId,
    /// The user who owns it.
    pub owner: UserId,
    /// How far it has come (KYC).
    pub state: AccountState,
    /// What happens when it meets itself or its group.
    pub self_trade: SelfTradePolicy,
    /// Accounts it must not trade with; 0 is none but itself.
    pub group: u32,
    /// Limits for all instruments.
    pub limits: AccountLimits,
    /// Orders that are live now.
    pub live_orders: u32,
    /// A kill switch is on.
    pub blocked: bool,
}

impl Account {
    /// A new account, applied for.
    #[must_use]
    pub fn new(member: MemberId, owner: UserId) -> Self {
        Self {
            member,
            owner,
            state: AccountState::APPLIED,
            self_trade: SelfTradePolicy::CANCEL_NEWEST,
            group: 0,
            limits: AccountLimits::default(),
            live_orders: 0,
            blocked: false,
        }
    }
}

/// A client's session, kept when it closes: its numbers go on when the client returns.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The member it belongs to, for good.
    pub member: MemberId,
    /// The user who opened it.
    pub user: UserId,
    /// Whether it is open.
    pub open: bool,
    /// Whether its orders are canceled when it closes.
    pub cancel_on_disconnect: bool,
    /// A kill switch is on.
    pub blocked: bool,
    /// The outbound number given last today.
    pub outbound: u64,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Member firms.
    pub members: Table<Member>,
    /// Users.
    pub users: Table<User>,
    /// Trading accounts; their slots index the wallet.
    pub accounts: Table<Account>,
    /// Sessions.
    pub sessions: Table<Session>,
    /// The highest source sequence taken, by source.
    pub sources: Table<u64>,
}

impl Accounts {
    /// The next outbound number of a session; 0 for a session that was never opened.
    #[must_use]
    #[inline]
    pub fn next_outbound(&mut self, session: u32) -> u64 {
        let Some(session) = self.sessions.get_mut(session) else { return 0 };
        session.outbound += 1;
        session.outbound
    }

    /// A new trading day: outbound numbers begin at 1 again.
    pub fn start_day(&mut self) {
        for session in self.sessions.records_mut() {
            session.outbound = 0;
        }
    }

    /// Whether a command of this source was taken before.
    #[must_use]
    #[inline]
    pub fn is_repeat(&self, source: u32, source_sequence: u64) -> bool {
        source != 0 && self.sources.get(source).is_some_and(|highest| source_sequence <= *highest)
    }

    /// The highest number taken from a source; 0 for a source that sent nothing.
    #[must_use]
    pub fn highest(&self, source: u32) -> u64 {
        self.sources.get(source).copied().unwrap_or(0)
    }

    /// Remembers that a source's command was taken.
    pub fn note_source(&mut self, source: u32, source_sequence: u64) {
        if source == 0 {
            return;
        }
        match self.sources.get_mut(source) {
            Some(highest) => *highest = source_sequence,
            None => {
                self.sources.insert(source, source_sequence);
            }
        }
    }
}
