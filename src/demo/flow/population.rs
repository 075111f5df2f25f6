//! Who and what the mix trades with: members, users, sessions, accounts and instruments, and how
//! they belong together.
//!
//! ```text
//!   member of account, user, session n = (n - 1) % 10 + 1
//!   account ─▶ two instruments, 37 apart        instrument ─▶ 200 accounts
//! ```

use super::administration::{Administration, Limits, TICK, unlimited_share};
use super::refusals;
use crate::limits::LIVE_ORDERS_DEFAULT;
use crate::types::{Side, Symbol};
use isochron_events::{
    DefineInstrument, EventHeader, Message, NewOrderEvent, OrderType, Phase, Scope, TimeInForce,
};

/// Funded accounts, from 1.
pub(super) const ACCOUNTS: u32 = 10_000;
/// Instruments, from 1.
pub(super) const INSTRUMENTS: u32 = 100;
/// Member firms, from 1; account, user and session `n` are of member `(n - 1) % 10 + 1`.
const MEMBERS: u32 = 10;
/// Users of the members.
pub(super) const USERS: u32 = 50;
/// Sessions of the members.
pub(super) const SESSIONS: u32 = 20;

/// The mid price of the first instrument, in ticks; each next one starts 10 ticks higher.
pub(super) const MID_START: i64 = 10_000;

/// The rulebook's defaults, and 10,000.00 as the highest price.
pub(super) const PRICE_MAX_OF_MIX: i64 = 100_000_000;
pub(super) const QUANTITY_MAX_OF_MIX: u64 = 1_000_000;
const NOTIONAL_MAX_OF_MIX: i64 = 10_000_000_000_000;
const BAND: u32 = 1_000;
const MAKER_RATE: i32 = -20;
const TAKER_RATE: i32 = 30;

/// What each account has at first, and may trade a day: an hour at the full rate moves an
/// account's shares by some 20,000 either way, and trades less than a million.
const CASH: i64 = 10_000_000_000_000;
const SHARES: i64 = 1_000_000;
const DAILY_VOLUME_MAX: u64 = 1_000_000_000;
const USER_DAILY_VOLUME_MAX: u64 = 1_000_000_000_000;

/// An account trades two instruments, this far apart.
const SECOND_INSTRUMENT: u32 = 37;

/// The accounts that trade one instrument.
pub(super) const TRADERS: u32 = 2 * ACCOUNTS / INSTRUMENTS;

/// One of the accounts that trade an instrument (from 0), by a number below `TRADERS`.
pub(super) fn trader(market: u32, number: u32) -> u32 {
    let half = TRADERS / 2;
    let (group, place) = if number < half {
        (number, market)
    } else {
        (number - half, (market + INSTRUMENTS - SECOND_INSTRUMENT) % INSTRUMENTS)
    };
    1 + place + INSTRUMENTS * group
}

fn member_of(number: u32) -> u32 {
    (number - 1) % MEMBERS + 1
}

pub(super) fn user_of(account: u32) -> u32 {
    member_of(account) + MEMBERS * (account / 10 % (USERS / MEMBERS))
}

pub(super) fn header_of(account: u32) -> EventHeader {
    let session = member_of(account) + MEMBERS * (account / 50 % (SESSIONS / MEMBERS));
    EventHeader { session, ..EventHeader::default() }
}

/// A good day order for an instrument, from 0; the price in ticks.
pub(super) fn new_order(account: u32, market: u32, terms: (Side, i64, u64)) -> NewOrderEvent {
    let (side, price, quantity) = terms;
    NewOrderEvent {
        header: header_of(account),
        account,
        user: user_of(account),
        broker: member_of(account),
        instrument: market + 1,
        side: match side {
            Side::Buy => isochron_events::Side::BUY,
            Side::Sell => isochron_events::Side::SELL,
        },
        order_type: OrderType::LIMIT,
        time_in_force: TimeInForce::DAY,
        price: price * TICK,
        quantity,
        ..NewOrderEvent::default()
    }
}

fn instrument(number: u32) -> DefineInstrument {
    let symbol = Symbol::new(&format!("S{number:03}")).expect("four characters");
    DefineInstrument {
        price_maximum: PRICE_MAX_OF_MIX,
        quantity_maximum: QUANTITY_MAX_OF_MIX,
        notional_maximum: NOTIONAL_MAX_OF_MIX,
        reference_price: (MID_START + 10 * i64::from(number - 1)) * TICK,
        band: BAND,
        maker_rate: MAKER_RATE,
        taker_rate: TAKER_RATE,
        ..unlimited_share(number, symbol)
    }
}

/// The administration that the mix begins with.
pub(super) fn setup(trading_date: u32) -> Vec<Message> {
    let mut setup = Administration::new(1, "the mix's setup");
    (1..=MEMBERS).for_each(|member| setup.member(member));
    (1..=USERS).for_each(|user| setup.user(user, member_of(user)));
    (1..=SESSIONS).for_each(|session| {
        let member = member_of(session);
        setup.session(session, member, member);
    });
    (1..=INSTRUMENTS).for_each(|number| setup.instrument(instrument(number)));
    let volume = Limits { daily_volume_max: USER_DAILY_VOLUME_MAX, ..Limits::default() };
    (1..=USERS).for_each(|user| setup.limits(Scope::USER, user, volume));
    let limits = Limits {
        barred: false,
        live_orders_max: LIVE_ORDERS_DEFAULT,
        daily_volume_max: DAILY_VOLUME_MAX,
        position_max: DAILY_VOLUME_MAX,
    };
    for account in 1..=ACCOUNTS {
        setup.account(account, member_of(account), user_of(account));
        setup.limits(Scope::ACCOUNT, account, limits);
        setup.cash(account, CASH);
        for apart in [0, SECOND_INSTRUMENT] {
            setup.shares(account, (account - 1 + apart) % INSTRUMENTS + 1, SHARES);
        }
    }
    refusals::define(&mut setup);
    setup.day(trading_date);
    setup.phase(0, Phase::OPEN);
    setup.finish()
}
