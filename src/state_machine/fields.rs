//! The fields of each record in canonical order, passed one way by the hash and by a snapshot, the
//! other way by a start from it.
//!
//! Records are taken apart field by field, so that a new field does not compile until it is
//! decided here whether it counts. Slots are places in memory: whoever passes a record puts the
//! ids in their place that they stand for.

use super::canonical::{Through, pass};
use super::day::Day;
use super::ledger::Counters;
use crate::accounts::{Account, AccountLimits, Member, Session, User};
use crate::orders::{Balance, Definition, Instrument, OrderRecord, Override};
use crate::types::Side;

pub(super) fn member(record: &mut Member, through: &mut impl Through) {
    let Member { name, blocked } = record;
    pass!(through; *name, *blocked);
}

pub(super) fn user(record: &mut User, through: &mut impl Through) {
    let User { member, name, blocked, daily_volume_max } = record;
    pass!(through; member.0, *name, *blocked, *daily_volume_max);
}

pub(super) fn account(record: &mut Account, through: &mut impl Through) {
    let Account { member, owner, state, self_trade, group, limits, live_orders, blocked } = record;
    let AccountLimits { tradable, live_orders_max, daily_volume_max, position_max } = limits;
    pass!(through; member.0, owner.0, state.0, self_trade.0, *group);
    pass!(through; *tradable, *live_orders_max, *daily_volume_max, *position_max);
    pass!(through; *live_orders, *blocked);
}

pub(super) fn session(record: &mut Session, through: &mut impl Through) {
    let Session { member, user, open, cancel_on_disconnect, blocked, outbound } = record;
    pass!(through; member.0, user.0, *open, *cancel_on_disconnect, *blocked, *outbound);
}

pub(super) fn instrument(record: &mut Instrument, through: &mut impl Through) {
    let Instrument { id, terms, currency, phase, last_trade, live_orders, deposited, blocked } =
        record;
    pass!(through; id.0);
    definition(terms, through);
    pass!(through; *currency, phase.0, last_trade.0, *live_orders, *deposited, *blocked);
}

fn definition(record: &mut Definition, through: &mut impl Through) {
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
    } = record;
    pass!(through; instrument_type.0, symbol.0, *display_symbol);
    pass!(through; settlement_currency.0, quote_currency.0, *partition, tick.0, lot.0);
    pass!(through; price_min.0, price_max.0, quantity_min.0, quantity_max.0, notional_max.0);
    pass!(through; reference_price.0, *band, *maker_rate, *taker_rate, *description);
}

/// `account` and `instrument` are ids here. A reservation follows from price, leaves and rates, and
/// counts all the same, because it could be wrong.
pub(super) fn order(record: &mut OrderRecord, through: &mut impl Through) {
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
        client_tag: _,
        side,
        time_in_force,
    } = record;
    let mut code = *side as u8;
    pass!(through; id.0, price.0, total.0, cumulative.0, cumulative_notional.0, *reserved);
    pass!(through; *entry_time, *account, *user, *broker, *session, *instrument);
    pass!(through; client_id.0, code, time_in_force.0);
    match Side::BOTH.into_iter().find(|side| *side as u8 == code) {
        Some(known) => *side = known,
        None => through.invalid("side", code.into()),
    }
}

pub(super) fn balance(record: &mut Balance, through: &mut impl Through) {
    let Balance { settled, pending, reserved } = record;
    pass!(through; *settled, *pending, *reserved);
}

pub(super) fn limits(record: &mut Override, through: &mut impl Through) {
    let Override { tradable, daily_volume_max, position_max } = record;
    pass!(through; *tradable, *daily_volume_max, *position_max);
}

pub(super) fn day(record: &mut Day, through: &mut impl Through) {
    let Day { date, ended, rules_version, trades, quantity, notional, fees } = record;
    pass!(through; *date, *ended, *rules_version, *trades, *quantity, *notional, *fees);
}

pub(super) fn counters(record: &mut Counters, through: &mut impl Through) {
    let Counters { order, execution, trade } = record;
    pass!(through; *order, *execution, *trade);
}

/// Work of many cancels, with ids in the place of slots and codes in the place of variants.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CancelsFields {
    pub(super) which: u8,
    /// What the kind of work is about, then the instrument; 0 is none.
    pub(super) subject: u32,
    pub(super) instrument: u32,
    pub(super) reason: u8,
    pub(super) canceled: u64,
    pub(super) at: u32,
    /// The order that was passed; 0 is none.
    pub(super) passed: u64,
    pub(super) then: u8,
    /// Of the answer.
    pub(super) session: u32,
    pub(super) account: u32,
    pub(super) user: u32,
    pub(super) client_id: [u8; 20],
}

pub(super) fn cancels(record: &mut CancelsFields, through: &mut impl Through) {
    let CancelsFields {
        which,
        subject,
        instrument,
        reason,
        canceled,
        at,
        passed,
        then,
        session,
        account,
        user,
        client_id,
    } = record;
    pass!(through; *which, *subject, *instrument, *reason, *canceled, *at, *passed);
    pass!(through; *then, *session, *account, *user, *client_id);
}
