//! Cancels: an order, named by its id or by its client order id, leaves the book.

use super::emit::Emit;
use super::ledger::Reply;
use super::{Outcomes, StateMachine};
use crate::matching::OrderSlot;
use crate::orders::{ClientTag, OrderRecord};
use crate::types::{AccountId, ClientOrderId, OrderId, Refusal, SessionId, UserId};
use isochron_events::{
    CancelOrderEvent, CancelReason, CancelRejectedEvent, OrderStatus, Phase, RejectReason as Reason,
};

/// What a cancel or a replace was about, for its refusal.
pub(super) struct Request {
    pub(super) template: u16,
    pub(super) account: u32,
    pub(super) user: u32,
    pub(super) order_id: Option<u64>,
    pub(super) client_id: [u8; 20],
    pub(super) original: [u8; 20],
}

impl StateMachine {
    pub(super) fn cancel_order<O: Outcomes>(
        &mut self,
        command: &CancelOrderEvent,
        emit: &mut Emit<'_, O>,
    ) {
        let request = Request {
            template: CancelOrderEvent::TEMPLATE_ID,
            account: command.account,
            user: command.user,
            order_id: command.order_id,
            client_id: command.client_order_id,
            original: command.original_client_order_id,
        };
        match self.judge_cancel(&request, emit.session()) {
            Ok(slot) => {
                let record = self.take_out(slot);
                let client_id = ClientOrderId(command.client_order_id);
                let reply =
                    Reply { session: emit.session(), client_id, original: record.client_id };
                self.ledger.cancel_rest(record, CancelReason::USER, reply, emit);
            }
            Err(refusal) => self.reject_request(&request, refusal, emit),
        }
    }

    fn judge_cancel(&self, request: &Request, session: u32) -> Result<OrderSlot, Refusal> {
        let (account, user) = (AccountId(request.account), UserId(request.user));
        let account = self.ledger.accounts.may_act(account, SessionId(session), user)?;
        let slot = self.live_order(account, request)?;
        let instrument = self.ledger.orders.get(slot.0).instrument;
        let phase = self.ledger.instruments.table.at(instrument).phase;
        match phase {
            Phase::PRE_OPEN | Phase::OPEN | Phase::HALTED => Ok(slot),
            _ => Err(Refusal::new(Reason::PHASE, 0, phase.0)),
        }
    }

    /// The live order of the account that a request names: by order id, else by its original
    /// client order id.
    pub(super) fn live_order(&self, account: u32, request: &Request) -> Result<OrderSlot, Refusal> {
        let by_client_id = || {
            let original = ClientOrderId(request.original);
            self.ledger.named(account, ClientTag::new(account, original), original)
        };
        let id = request.order_id.map(OrderId).or_else(by_client_id);
        let slot = id.and_then(|id| self.books.find(id));
        let unknown = || Refusal::new(Reason::UNKNOWN_ORDER, 0, request.order_id.unwrap_or(0));
        let slot = slot.ok_or_else(unknown)?;
        let record = self.ledger.orders.get(slot.0);
        // A finished client order id may name an order that lives on under another.
        let named = request.order_id.is_some() || record.client_id.0 == request.original;
        if record.account == account && named { Ok(slot) } else { Err(unknown()) }
    }

    /// Refuses a cancel or a replace; the order stays as it was.
    pub(super) fn reject_request<O: Outcomes>(
        &mut self,
        request: &Request,
        Refusal { reason, limit, value }: Refusal,
        emit: &mut Emit<'_, O>,
    ) {
        // Nobody learns of an order that he may not act for.
        let (account, user) = (AccountId(request.account), UserId(request.user));
        let account = self.ledger.accounts.may_act(account, SessionId(emit.session()), user);
        let order = account.and_then(|account| self.live_order(account, request)).ok();
        let order = order.map(|slot| *self.ledger.orders.get(slot.0));
        let (header, outbound) = emit.private(&mut self.ledger.accounts, emit.session());
        emit.emit(CancelRejectedEvent {
            header,
            outbound,
            order_id: order.map_or(request.order_id, |order| Some(order.id.0)),
            limit,
            value,
            account: request.account,
            user: request.user,
            instrument: order.map_or(0, |order| self.ledger.instruments.table.id(order.instrument)),
            reason,
            order_status: order.map_or(OrderStatus::REJECTED, |order| order.status()),
            response_to: request.template,
            client_order_id: request.client_id,
            original_client_order_id: request.original,
        });
    }

    /// Takes an order out of its book and gives its record.
    pub(super) fn take_out(&mut self, slot: OrderSlot) -> OrderRecord {
        self.books.remove(slot);
        self.ledger.leave_book(slot)
    }
}
