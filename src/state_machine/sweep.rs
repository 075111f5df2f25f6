//! An incoming order against the book: it trades, meets its own hand, rests, or goes on later.

use super::emit::Emit;
use super::ledger::{Fill, Ledger, Reply};
use super::pending::Work;
use super::{Outcomes, StateMachine};
use crate::limits::{FILLS_PER_STEP_MAX, FOK_ORDERS_MAX};
use crate::matching::{BookIndex, Meet, OrderSlot, Resting, SweepEnd, Taker};
use crate::orders::OrderRecord;
use crate::types::Quantity;
use isochron_events::{CancelReason, Liquidity, SelfTradePolicy, TimeInForce};

/// Whose orders an incoming one must not trade with.
#[derive(Clone, Copy)]
struct Hand {
    account: u32,
    group: u32,
    policy: SelfTradePolicy,
}

impl Hand {
    fn of(ledger: &Ledger, record: &OrderRecord) -> Self {
        let account = ledger.accounts.accounts.at(record.account);
        Self { account: record.account, group: account.group, policy: account.self_trade }
    }

    fn holds(self, ledger: &Ledger, resting: OrderSlot) -> bool {
        let other = ledger.orders.get(resting.0).account;
        other == self.account
            || (self.group != 0 && ledger.accounts.accounts.at(other).group == self.group)
    }

    fn meets(self, ledger: &Ledger, resting: OrderSlot) -> Meet {
        if self.policy == SelfTradePolicy::ALLOW || !self.holds(ledger, resting) {
            Meet::Trade
        } else if self.policy == SelfTradePolicy::CANCEL_OLDEST {
            Meet::CancelMaker
        } else {
            Meet::Stop
        }
    }
}

struct Sweeper<'a, 'b, O: Outcomes> {
    ledger: &'a mut Ledger,
    record: &'a mut OrderRecord,
    hand: Hand,
    emit: &'a mut Emit<'b, O>,
}

impl<O: Outcomes> Taker for Sweeper<'_, '_, O> {
    fn meet(&mut self, slot: OrderSlot, _maker: &Resting) -> Meet {
        self.hand.meets(self.ledger, slot)
    }

    fn filled(&mut self, slot: OrderSlot, maker: &Resting, quantity: Quantity) {
        self.ledger.counters.trade += 1;
        let match_id = self.ledger.counters.trade;
        let fill = Fill { liquidity: Liquidity::MAKER, price: maker.price, quantity, match_id };
        let mut resting = *self.ledger.orders.get(slot.0);
        self.ledger.fill(&mut resting, fill, self.emit);
        if resting.leaves().0 == 0 {
            self.ledger.leave_book(slot);
            self.ledger.finish(&resting);
        } else {
            self.ledger.orders.update(slot.0, resting);
        }
        let fill = Fill { liquidity: Liquidity::TAKER, ..fill };
        self.ledger.fill(self.record, fill, self.emit);
    }

    fn canceled(&mut self, slot: OrderSlot, _maker: &Resting) {
        let resting = self.ledger.leave_book(slot);
        let reply = Reply::unsolicited(&resting);
        self.ledger.cancel_rest(resting, CancelReason::SELF_TRADE, reply, self.emit);
    }
}

impl Ledger {
    /// An order has left its book, or is about to; gives its record.
    pub(super) fn leave_book(&mut self, slot: OrderSlot) -> OrderRecord {
        let record = self.orders.remove(slot.0);
        self.instruments.table.at_mut(record.instrument).live_orders -= 1;
        record
    }
}

impl StateMachine {
    /// One step of an incoming order: at most `FILLS_PER_STEP_MAX` makers.
    pub(super) fn sweep<O: Outcomes>(
        &mut self,
        mut record: OrderRecord,
        steps: u64,
        emit: &mut Emit<'_, O>,
    ) {
        let hand = Hand::of(&self.ledger, &record);
        let (book, leaves) = (BookIndex(record.instrument), record.leaves());
        let (side, limit) = (record.side, record.price);
        let ledger = &mut self.ledger;
        let mut sweeper = Sweeper { ledger, record: &mut record, hand, emit };
        let sweep = self.books.sweep(book, side, limit, leaves, FILLS_PER_STEP_MAX, &mut sweeper);
        assert!(sweep.leaves == record.leaves(), "book and record disagree on what is left");
        match sweep.end {
            SweepEnd::Filled => self.ledger.finish(&record),
            SweepEnd::NoMoreMakers if record.time_in_force == TimeInForce::DAY => self.rest(record),
            SweepEnd::NoMoreMakers => {
                self.cancel_incoming(record, CancelReason::IMMEDIATE_OR_CANCEL, emit);
            }
            SweepEnd::Stopped => self.cancel_incoming(record, CancelReason::SELF_TRADE, emit),
            SweepEnd::StepsUsed => {
                self.pend(Work::Sweep(record), steps, emit);
            }
        }
    }

    pub(super) fn rest(&mut self, record: OrderRecord) {
        let book = BookIndex(record.instrument);
        let slot = self.books.insert(book, record.id, record.side, record.price, record.leaves());
        self.ledger.orders.insert(slot.0, record);
        self.ledger.instruments.table.at_mut(record.instrument).live_orders += 1;
    }

    /// Cancels the rest of an order that is in no book, to the session that entered it.
    pub(super) fn cancel_incoming<O: Outcomes>(
        &mut self,
        record: OrderRecord,
        reason: CancelReason,
        emit: &mut Emit<'_, O>,
    ) {
        self.ledger.cancel_rest(record, reason, Reply::unsolicited(&record), emit);
    }

    /// Why a fill-or-kill order must be killed: `None` if it can be filled whole.
    pub(super) fn kill_reason(&self, record: &OrderRecord) -> Option<CancelReason> {
        let hand = Hand::of(&self.ledger, record);
        let opposite = record.side.opposite();
        let mut missing = record.leaves().0;
        let mut next = self.books.first(BookIndex(record.instrument), opposite);
        let mut seen = 0;
        while let Some(slot) = next {
            let maker = self.books.get(slot);
            if !record.side.accepts(record.price, maker.price) {
                break;
            }
            if seen == FOK_ORDERS_MAX {
                return Some(CancelReason::FILL_OR_KILL_TOO_LONG);
            }
            seen += 1;
            match hand.meets(&self.ledger, slot) {
                Meet::Trade => missing = missing.saturating_sub(maker.quantity.0),
                Meet::CancelMaker => {}
                Meet::Stop => break,
            }
            if missing == 0 {
                return None;
            }
            next = self.books.next(slot);
        }
        Some(CancelReason::FILL_OR_KILL)
    }
}
