//! A new order: judged, accepted, reserved, swept.

use super::convert::{side, side_code};
use super::emit::Emit;
use super::ledger::Ledger;
use super::{Outcomes, StateMachine};
use crate::limits::ORDERS_MAX;
use crate::orders::{
    ClientTag, Holding, Instrument, OrderRecord, UserVolume, VolumeLimits, check_band, check_terms,
    check_volume, reservation,
};
use crate::types::{
    AccountId, ClientOrderId, Money, OrderId, Price, Quantity, Refusal, SessionId, Side, UserId,
};
use isochron_events::{
    NewOrderEvent, OrderAcceptedEvent, OrderRejectedEvent, OrderStatus, OrderType, Phase,
    RejectReason as Reason, Scope, TimeInForce,
};

/// Where an order's account trades: slots, looked up once.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) account: u32,
    pub(super) instrument: u32,
    /// The account's holding of the instrument, if it has one.
    pub(super) holding: Option<u32>,
    /// The user's volume in the instrument, if there is one.
    pub(super) volume: Option<u32>,
}

/// What a new order was found to be.
struct Judged {
    place: Place,
    side: Side,
    /// Of its client order id.
    tag: ClientTag,
    /// What it reserves: money for a buy, shares for a sell.
    need: i64,
}

impl StateMachine {
    pub(super) fn new_order<O: Outcomes>(
        &mut self,
        command: &NewOrderEvent,
        emit: &mut Emit<'_, O>,
    ) {
        let judged = match self.ledger.judge_new(command, self.books.live()) {
            Ok(judged) => judged,
            Err(refusal) => return self.reject_new(command, refusal, emit),
        };
        let record = self.ledger.accept(command, &judged);
        let (header, outbound) = emit.private(&mut self.ledger.accounts, record.session);
        emit.emit(OrderAcceptedEvent {
            header,
            outbound,
            order_id: record.id.0,
            account: command.account,
            user: command.user,
            broker: command.broker,
            instrument: command.instrument,
            side: side_code(record.side),
            order_type: OrderType::LIMIT,
            time_in_force: record.time_in_force,
            order_status: OrderStatus::NEW,
            price: command.price,
            quantity: command.quantity,
            leaves_quantity: command.quantity,
            client_order_id: command.client_order_id,
            entry_time: command.entry_time,
        });
        if record.time_in_force == TimeInForce::FILL_OR_KILL
            && let Some(reason) = self.kill_reason(&record)
        {
            return self.cancel_incoming(record, reason, emit);
        }
        self.sweep(record, 0, emit);
    }

    fn reject_new<O: Outcomes>(
        &mut self,
        command: &NewOrderEvent,
        Refusal { reason, limit, value }: Refusal,
        emit: &mut Emit<'_, O>,
    ) {
        let (header, outbound) = emit.private(&mut self.ledger.accounts, emit.session());
        emit.emit(OrderRejectedEvent {
            header,
            outbound,
            limit,
            value,
            account: command.account,
            user: command.user,
            instrument: command.instrument,
            reason,
            side: command.side,
            price: command.price,
            quantity: command.quantity,
            client_order_id: command.client_order_id,
        });
    }
}

impl Ledger {
    /// All checks in their order; `live` is how many orders rest in the whole exchange.
    fn judge_new(&self, command: &NewOrderEvent, live: usize) -> Result<Judged, Refusal> {
        let (session, user) = (SessionId(command.header.session), UserId(command.user));
        let account = self.accounts.may_trade(AccountId(command.account), session, user)?;
        let slot = self.instruments.table.slot(command.instrument);
        let slot =
            slot.ok_or_else(|| Refusal::new(Reason::UNKNOWN_INSTRUMENT, 0, command.instrument))?;
        let holding = self.wallet.find_slot(command.account, command.instrument);
        let volume = self.user_volumes.find_slot(command.user, command.instrument);
        let place = Place { account, instrument: slot, holding, volume };
        let client_id = ClientOrderId(command.client_order_id);
        let tag = ClientTag::new(account, client_id);
        let used = self.named(account, tag, client_id);
        let instrument = self.may_trade_in(&place)?;
        if instrument.phase != Phase::OPEN {
            return Err(Refusal::new(Reason::PHASE, 0, instrument.phase.0));
        }
        let side = judge_kind(command)?;
        let (price, quantity) = (Price(command.price), Quantity(command.quantity));
        check_terms(instrument, price, quantity)?;
        check_band(instrument, price)?;
        self.check_live_orders(account, live)?;
        self.check_volumes(&place, command.user, side, (quantity, Quantity(0)))?;
        check_client_id(client_id, used)?;
        let need = reservation_of(instrument, side, price, quantity);
        let need = self.check_funds(&place, side, need, 0)?;
        Ok(Judged { place, side, tag, need })
    }

    /// 2, but for the phase: what the account may trade, and no kill switch on it.
    #[inline]
    pub(super) fn may_trade_in(&self, place: &Place) -> Result<&Instrument, Refusal> {
        let instrument = self.instruments.table.at(place.instrument);
        let limits = place.holding.and_then(|slot| self.wallet.limits(self.wallet.holding(slot)));
        let general = self.accounts.accounts.at(place.account).limits.tradable;
        if !limits.map_or(general, |limits| limits.tradable) {
            return Err(Refusal::new(Reason::INSTRUMENT_NOT_PERMITTED, 0, instrument.id.0));
        }
        if instrument.blocked {
            return Err(Refusal::new(Reason::BLOCKED, Scope::INSTRUMENT.0, instrument.id.0));
        }
        Ok(instrument)
    }

    /// 5.
    pub(super) fn check_live_orders(&self, account: u32, live: usize) -> Result<(), Refusal> {
        let account = self.accounts.accounts.at(account);
        let (limit, value) = (account.limits.live_orders_max, account.live_orders + 1);
        if limit != 0 && value > limit {
            return Err(Refusal::new(Reason::LIVE_ORDERS_MAX, limit, value));
        }
        if live >= ORDERS_MAX {
            return Err(Refusal::new(Reason::EXCHANGE_FULL, ORDERS_MAX, live + 1));
        }
        Ok(())
    }

    /// 6 and 7, with the new leaves in place of the replaced ones.
    #[inline]
    pub(super) fn check_volumes(
        &self,
        place: &Place,
        user: u32,
        side: Side,
        leaves: (Quantity, Quantity),
    ) -> Result<(), Refusal> {
        let holding = place.holding.map_or(&Holding::NONE, |slot| self.wallet.holding(slot));
        let volume = place.volume.map_or(&UserVolume::NONE, |slot| self.user_volumes.get(slot));
        let general = &self.accounts.accounts.at(place.account).limits;
        let own = self.wallet.limits(holding);
        let limits = VolumeLimits {
            user_daily: self.accounts.users.get(user).map_or(0, |user| user.daily_volume_max),
            account_daily: own.map_or(general.daily_volume_max, |own| own.daily_volume_max),
            position: own.map_or(general.position_max, |own| own.position_max),
        };
        let limits =
            VolumeLimits { user_daily: volume.limit.unwrap_or(limits.user_daily), ..limits };
        check_volume(limits, (volume, holding), self.day.date, side, leaves)
    }

    /// 9: what is needed beyond `reserved` is available; gives the need. One that does not fit is
    /// `None`.
    #[inline]
    pub(super) fn check_funds(
        &self,
        place: &Place,
        side: Side,
        need: Option<i64>,
        reserved: i64,
    ) -> Result<i64, Refusal> {
        let instrument = self.instruments.table.at(place.instrument);
        let (available, reason) = match side {
            Side::Buy => {
                let cash = self.wallet.cash(place.account, instrument.currency);
                (cash.available(), Reason::INSUFFICIENT_FUNDS)
            }
            Side::Sell => {
                let available =
                    place.holding.map_or(0, |slot| self.wallet.holding(slot).shares.available());
                (available, Reason::INSUFFICIENT_SHARES)
            }
        };
        let more = need.map_or(i64::MAX, |need| need - reserved);
        match need {
            Some(need) if more <= available => Ok(need),
            _ => Err(Refusal::new(reason, available, more)),
        }
    }

    fn accept(&mut self, command: &NewOrderEvent, judged: &Judged) -> OrderRecord {
        self.counters.order += 1;
        let id = OrderId(self.counters.order);
        let client_id = ClientOrderId(command.client_order_id);
        let Place { account, instrument, holding, volume } = judged.place;
        let holding = holding
            .unwrap_or_else(|| self.wallet.holding_slot(command.account, command.instrument));
        let user_volume =
            volume.unwrap_or_else(|| self.user_volumes.slot(command.user, command.instrument));
        let mut record = OrderRecord {
            id,
            price: Price(command.price),
            total: Quantity(command.quantity),
            cumulative: Quantity(0),
            cumulative_notional: Money(0),
            reserved: 0,
            entry_time: command.entry_time,
            account,
            user: command.user,
            broker: command.broker,
            session: command.header.session,
            instrument,
            holding,
            user_volume,
            client_id,
            client_tag: judged.tag,
            side: judged.side,
            time_in_force: command.time_in_force,
        };
        self.accounts.accounts.at_mut(account).live_orders += 1;
        self.open_with(&mut record, judged.need);
        record
    }
}

/// 8, of an id and of the order that has it already.
pub(super) fn check_client_id(id: ClientOrderId, used: Option<OrderId>) -> Result<(), Refusal> {
    if !id.is_well_formed() {
        return Err(Refusal::new(Reason::CLIENT_ORDER_ID_MALFORMED, 0, 0));
    }
    match used {
        Some(order) => Err(Refusal::new(Reason::CLIENT_ORDER_ID_IN_USE, 0, order.0)),
        None => Ok(()),
    }
}

/// 3, of side, order type and time in force.
fn judge_kind(command: &NewOrderEvent) -> Result<Side, Refusal> {
    let Some(side) = side(command.side) else {
        return Err(Refusal::new(Reason::UNKNOWN_SIDE, 0, command.side.0));
    };
    if command.order_type != OrderType::LIMIT {
        let reason = Reason::ORDER_TYPE_NOT_SUPPORTED;
        return Err(Refusal::new(reason, OrderType::LIMIT.0, command.order_type.0));
    }
    match command.time_in_force {
        TimeInForce::DAY | TimeInForce::IMMEDIATE_OR_CANCEL | TimeInForce::FILL_OR_KILL => Ok(side),
        other => Err(Refusal::new(Reason::TIME_IN_FORCE_NOT_SUPPORTED, 0, other.0)),
    }
}

/// What an order of this size must reserve: money, or shares.
pub(super) fn reservation_of(
    instrument: &Instrument,
    side: Side,
    price: Price,
    leaves: Quantity,
) -> Option<i64> {
    match side {
        Side::Buy => reservation(price, leaves, instrument.rate_max()).map(|money| money.0),
        Side::Sell => i64::try_from(leaves.0).ok(),
    }
}
