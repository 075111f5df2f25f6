//! Orders that must be refused: a good order, spoiled in one way.

use super::administration::{Administration, Limits};
use super::population::{ACCOUNTS, PRICE_MAX_OF_MIX, QUANTITY_MAX_OF_MIX, SESSIONS, USERS};
use crate::types::ClientOrderId;
use isochron_events::{
    AccountState, NewOrderEvent, OrderType, RejectReason as Reason, Scope, Side, TimeInForce,
};

/// An id that nothing has.
pub(super) const NOBODY: u32 = 999_999;

/// The accounts that only refused orders name; all belong to member 1, as session 1 and user 1 do.
const UNVERIFIED: u32 = ACCOUNTS + 1;
const SUSPENDED: u32 = ACCOUNTS + 2;
const CLOSED: u32 = ACCOUNTS + 3;
const BLOCKED: u32 = ACCOUNTS + 4;
const BARRED: u32 = ACCOUNTS + 5;
const SMALL_VOLUME: u32 = ACCOUNTS + 6;
const SMALL_POSITION: u32 = ACCOUNTS + 7;
const POOR: u32 = ACCOUNTS + 8;

/// A user who may trade one share a day.
const SMALL_USER: u32 = USERS + 1;

/// Spoils an order.
type Spoil = fn(&mut NewOrderEvent);

/// The orders that must be refused, each with the rule that does it.
pub(super) const SPOILED: [(Reason, Spoil); 26] = [
    (Reason::UNKNOWN_ACCOUNT, |order| order.account = NOBODY),
    (Reason::ACCOUNT_NOT_VERIFIED, |order| by(order, UNVERIFIED)),
    (Reason::ACCOUNT_SUSPENDED, |order| by(order, SUSPENDED)),
    (Reason::ACCOUNT_CLOSED, |order| by(order, CLOSED)),
    (Reason::SESSION_NOT_OPEN, |order| order.header.session = NOBODY),
    // The next session, and the next user, is of another member.
    (Reason::SESSION_NOT_ENTITLED, |order| {
        order.header.session = order.header.session % SESSIONS + 1;
    }),
    (Reason::UNKNOWN_USER, |order| order.user = NOBODY),
    (Reason::USER_NOT_ENTITLED, |order| order.user = order.user % USERS + 1),
    (Reason::BLOCKED, |order| by(order, BLOCKED)),
    (Reason::UNKNOWN_INSTRUMENT, |order| order.instrument = NOBODY),
    (Reason::INSTRUMENT_NOT_PERMITTED, |order| by(order, BARRED)),
    (Reason::UNKNOWN_SIDE, |order| order.side = Side(9)),
    (Reason::ORDER_TYPE_NOT_SUPPORTED, |order| order.order_type = OrderType::MARKET),
    (Reason::TIME_IN_FORCE_NOT_SUPPORTED, |order| {
        order.time_in_force = TimeInForce::GOOD_TILL_CANCEL;
    }),
    (Reason::PRICE_OFF_TICK, |order| order.price += 1),
    (Reason::PRICE_BELOW_MINIMUM, |order| order.price = 0),
    (Reason::PRICE_ABOVE_MAXIMUM, |order| order.price += PRICE_MAX_OF_MIX),
    (Reason::QUANTITY_BELOW_MINIMUM, |order| order.quantity = 0),
    (Reason::QUANTITY_ABOVE_MAXIMUM, |order| order.quantity = QUANTITY_MAX_OF_MIX + 1),
    (Reason::NOTIONAL_ABOVE_MAXIMUM, |order| {
        (order.price, order.quantity) = (PRICE_MAX_OF_MIX, QUANTITY_MAX_OF_MIX);
    }),
    // Half and twice a price near the mid are beyond any band; the multiple keeps it on tick.
    (Reason::PRICE_BELOW_BAND, |order| order.price = order.price / 200 * 100),
    (Reason::PRICE_ABOVE_BAND, |order| order.price *= 2),
    (Reason::DAILY_VOLUME_USER, |order| {
        by(order, POOR);
        (order.user, order.quantity) = (SMALL_USER, 2);
    }),
    (Reason::DAILY_VOLUME_ACCOUNT, |order| {
        by(order, SMALL_VOLUME);
        order.quantity = 2;
    }),
    (Reason::POSITION_MAX, |order| {
        by(order, SMALL_POSITION);
        (order.side, order.quantity) = (Side::BUY, 2);
    }),
    (Reason::CLIENT_ORDER_ID_MALFORMED, |order| {
        order.client_order_id = ClientOrderId::new("a b").map_or([0; 20], |id| id.0);
    }),
];

/// Poor in both ways: nothing to pay with, nothing to sell.
pub(super) const UNFUNDED: [(Reason, Side); 2] =
    [(Reason::INSUFFICIENT_FUNDS, Side::BUY), (Reason::INSUFFICIENT_SHARES, Side::SELL)];

/// The order is the poor account's.
pub(super) fn unfund(order: &mut NewOrderEvent, side: Side) {
    by(order, POOR);
    order.side = side;
}

/// The order is an account's of member 1.
fn by(order: &mut NewOrderEvent, account: u32) {
    (order.account, order.user, order.header.session) = (account, 1, 1);
}

/// Defines the accounts and the user that refused orders name.
pub(super) fn define(administration: &mut Administration) {
    administration.user(SMALL_USER, 1);
    let one = Limits { daily_volume_max: 1, ..Limits::default() };
    administration.limits(Scope::USER, SMALL_USER, one);
    for account in UNVERIFIED..=POOR {
        administration.account(account, 1, 1);
    }
    administration.state(UNVERIFIED, AccountState::DOCUMENTS_PENDING);
    administration.state(SUSPENDED, AccountState::SUSPENDED);
    administration.state(CLOSED, AccountState::CLOSED);
    administration.kill(Scope::ACCOUNT, BLOCKED);
    administration.limits(Scope::ACCOUNT, BARRED, Limits { barred: true, ..Limits::default() });
    administration.limits(Scope::ACCOUNT, SMALL_VOLUME, one);
    let small = Limits { position_max: 1, ..Limits::default() };
    administration.limits(Scope::ACCOUNT, SMALL_POSITION, small);
}
