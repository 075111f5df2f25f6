//! Replaces: a new price and a new total for a live order.

use super::cancel::Request;
use super::convert::side_code;
use super::emit::Emit;
use super::ledger::Reply;
use super::new_order::{Place, check_client_id, reservation_of};
use super::{Outcomes, StateMachine};
use crate::matching::OrderSlot;
use crate::orders::{ClientTag, OrderRecord, check_band, check_terms, check_total};
use crate::types::{AccountId, ClientOrderId, Price, Quantity, Refusal, SessionId, UserId};
use isochron_events::{
    BooleanFlag, CancelReason, OrderReplacedEvent, OrderStatus, Phase, RejectReason as Reason,
    ReplaceOrderEvent,
};

impl StateMachine {
    pub(super) fn replace_order<O: Outcomes>(
        &mut self,
        command: &ReplaceOrderEvent,
        emit: &mut Emit<'_, O>,
    ) {
        let request = Request {
            template: ReplaceOrderEvent::TEMPLATE_ID,
            account: command.account,
            user: command.user,
            order_id: command.order_id,
            client_id: command.client_order_id,
            original: command.original_client_order_id,
        };
        match self.judge_replace(command, &request) {
            Ok(slot) => self.replace(slot, command, emit),
            Err(refusal) => self.reject_request(&request, refusal, emit),
        }
    }

    fn judge_replace(
        &self,
        command: &ReplaceOrderEvent,
        request: &Request,
    ) -> Result<OrderSlot, Refusal> {
        let (session, user) = (SessionId(command.header.session), UserId(command.user));
        let ledger = &self.ledger;
        let account = ledger.accounts.may_trade(AccountId(command.account), session, user)?;
        let slot = self.live_order(account, request)?;
        let record = ledger.orders.get(slot.0);
        let (holding, volume) = (Some(record.holding), Some(record.user_volume));
        let place = Place { account, instrument: record.instrument, holding, volume };
        let instrument = ledger.may_trade_in(&place)?;
        let client_id = ClientOrderId(command.client_order_id);
        let used = ledger.named(account, ClientTag::new(account, client_id), client_id);
        let (price, total) = (Price(command.price), Quantity(command.quantity));
        let reducing = reduces(record, price, total);
        let allowed = match instrument.phase {
            Phase::OPEN => true,
            Phase::PRE_OPEN | Phase::HALTED => reducing,
            _ => false,
        };
        if !allowed {
            return Err(Refusal::new(Reason::PHASE, 0, instrument.phase.0));
        }
        if reducing {
            check_total(instrument, total)?;
            check_client_id(client_id, used)?;
            return Ok(slot);
        }
        check_terms(instrument, price, total)?;
        check_band(instrument, price)?;
        let leaves = Quantity(total.0.saturating_sub(record.cumulative.0));
        let instead = (leaves, record.leaves());
        ledger.check_volumes(&place, record.user, record.side, instead)?;
        check_client_id(client_id, used)?;
        let need = reservation_of(instrument, record.side, price, leaves);
        ledger.check_funds(&place, record.side, need, record.reserved)?;
        Ok(slot)
    }

    fn replace<O: Outcomes>(
        &mut self,
        slot: OrderSlot,
        command: &ReplaceOrderEvent,
        emit: &mut Emit<'_, O>,
    ) {
        let mut record = *self.ledger.orders.get(slot.0);
        let (price, total) = (Price(command.price), Quantity(command.quantity));
        let original = record.client_id;
        let keeps = reduces(&record, price, total);
        let before = record.leaves();
        self.rename(&mut record, ClientOrderId(command.client_order_id));
        if total <= record.cumulative {
            self.take_out(slot);
            let client_id = record.client_id;
            let reply = Reply { session: emit.session(), client_id, original };
            let reason = CancelReason::REPLACED_BELOW_EXECUTED;
            return self.ledger.cancel_rest(record, reason, reply, emit);
        }
        self.ledger.amend(&mut record, price, total);
        if keeps {
            self.books.reduce(slot, Quantity(before.0 - record.leaves().0));
            self.ledger.orders.update(slot.0, record);
        } else {
            self.take_out(slot);
        }
        self.emit_replaced(&record, original, keeps, emit);
        if !keeps {
            self.sweep(record, 0, emit);
        }
    }

    /// The order's client order id finishes and another takes its place.
    fn rename(&mut self, record: &mut OrderRecord, id: ClientOrderId) {
        let OrderRecord { account, client_tag, client_id, .. } = *record;
        self.ledger.finished_ids.finish(account, client_tag, client_id, record.id);
        (record.client_id, record.client_tag) = (id, ClientTag::new(account, id));
    }

    fn emit_replaced<O: Outcomes>(
        &mut self,
        record: &OrderRecord,
        original: ClientOrderId,
        keeps: bool,
        emit: &mut Emit<'_, O>,
    ) {
        let (header, outbound) = emit.private(&mut self.ledger.accounts, emit.session());
        let partly = record.cumulative.0 > 0;
        emit.emit(OrderReplacedEvent {
            header,
            outbound,
            order_id: record.id.0,
            account: self.ledger.accounts.accounts.id(record.account),
            user: record.user,
            instrument: self.ledger.instruments.table.id(record.instrument),
            side: side_code(record.side),
            order_status: if partly { OrderStatus::PARTIALLY_FILLED } else { OrderStatus::NEW },
            priority_lost: if keeps { BooleanFlag::NO } else { BooleanFlag::YES },
            price: record.price.0,
            quantity: record.total.0,
            leaves_quantity: record.leaves().0,
            cumulative_quantity: record.cumulative.0,
            cumulative_notional: record.cumulative_notional.0,
            client_order_id: record.client_id.0,
            original_client_order_id: original.0,
        });
    }
}

/// Whether a replace only makes the order smaller, and so keeps its priority.
fn reduces(record: &OrderRecord, price: Price, total: Quantity) -> bool {
    price == record.price && total < record.total
}
