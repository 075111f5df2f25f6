//! All state but the books, and what an order does to it: reserve, fill, release, finish.

use super::convert::side_code;
use super::day::Day;
use super::emit::Emit;
use super::{Capacity, Outcomes};
use crate::accounts::Accounts;
use crate::orders::{
    ClientTag, FinishedIds, Instruments, OrderRecord, Orders, UserVolumes, Wallet, fee, reservation,
};
use crate::types::{ClientOrderId, OrderId, Price, Quantity, Side};
use isochron_events::{
    CancelReason, ExecutionType, Liquidity, OrderCanceledEvent, OrderFilledEvent, OrderStatus,
    OrderType,
};

/// The ids given last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) order: u64,
    pub(super) execution: u64,
    pub(super) trade: u64,
}

/// All state but the books.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) accounts: Accounts,
    pub(super) instruments: Instruments,
    pub(super) orders: Orders,
    pub(super) finished_ids: FinishedIds,
    pub(super) wallet: Wallet,
    pub(super) user_volumes: UserVolumes,
    pub(super) counters: Counters,
    pub(super) day: Day,
}

/// One side of a trade.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub(super) liquidity: Liquidity,
    pub(super) price: Price,
    pub(super) quantity: Quantity,
    pub(super) match_id: u64,
}

/// Whom a cancel is reported to, and under which client order ids.
#[derive(Clone, Copy)]
pub(super) struct Reply {
    pub(super) session: u32,
    /// The request's, else the order's.
    pub(super) client_id: ClientOrderId,
    /// The order's, before the request.
    pub(super) original: ClientOrderId,
}

impl Reply {
    /// A report that nobody asked for goes to the session that entered the order.
    pub(super) fn unsolicited(record: &OrderRecord) -> Self {
        let id = record.client_id;
        Self { session: record.session, client_id: id, original: id }
    }
}

impl Ledger {
    pub(super) fn with_capacity(capacity: Capacity) -> Self {
        Self {
            accounts: Accounts::default(),
            instruments: Instruments::default(),
            orders: Orders::with_capacity(capacity.orders),
            finished_ids: FinishedIds::with_capacity(
                capacity.client_ids.saturating_sub(capacity.orders),
            ),
            wallet: Wallet::with_capacity(capacity.holdings),
            // Users trade for many accounts; a table that is mostly empty costs more look-ups.
            user_volumes: UserVolumes::with_capacity(capacity.holdings / 16),
            counters: Counters::default(),
            day: Day::default(),
        }
    }

    /// What a record's leaves need at its price.
    fn need(&self, record: &OrderRecord) -> i64 {
        match record.side {
            Side::Buy => {
                let rate = self.instruments.table.at(record.instrument).rate_max();
                let need = reservation(record.price, record.leaves(), rate);
                need.expect("risk let only reservations in that fit").0
            }
            Side::Sell => i64::try_from(record.leaves().0).expect("quantities are below 2^63"),
        }
    }

    /// Moves the record's reservation to what its leaves need now.
    fn reserve_anew(&mut self, record: &mut OrderRecord) {
        let need = self.need(record);
        self.reserve(record, need);
    }

    #[inline]
    fn reserve(&mut self, record: &mut OrderRecord, need: i64) {
        let balance = match record.side {
            Side::Buy => {
                let currency = self.instruments.table.at(record.instrument).currency;
                self.wallet.cash_mut(record.account, currency)
            }
            Side::Sell => &mut self.wallet.holding_mut(record.holding).shares,
        };
        balance.reserved += need - record.reserved;
        record.reserved = need;
        debug_assert!(balance.available() >= 0, "a reservation beyond what is available");
    }

    /// Opens an order's leaves: reserves for them and counts them as open.
    fn open(&mut self, record: &mut OrderRecord) {
        let need = self.need(record);
        self.open_with(record, need);
    }

    /// Opens the leaves of an order that need this.
    #[inline]
    pub(super) fn open_with(&mut self, record: &mut OrderRecord, need: i64) {
        debug_assert_eq!(need, self.need(record));
        let leaves = record.leaves().0;
        self.reserve(record, need);
        self.user_volumes.get_mut(record.user_volume).open += leaves;
        if record.side == Side::Buy {
            self.wallet.holding_mut(record.holding).open_buys += leaves.cast_signed();
        }
    }

    /// Changes an order's price and total and all that follows from them. The total is above what
    /// is executed.
    pub(super) fn amend(&mut self, record: &mut OrderRecord, price: Price, total: Quantity) {
        self.close_leaves(record);
        record.price = price;
        record.total = total;
        self.open(record);
    }

    /// Takes an order's leaves out of the open volumes; the reservation stays.
    fn close_leaves(&mut self, record: &OrderRecord) {
        let leaves = record.leaves().0;
        self.user_volumes.get_mut(record.user_volume).open -= leaves;
        if record.side == Side::Buy {
            self.wallet.holding_mut(record.holding).open_buys -= leaves.cast_signed();
        }
    }

    /// Books one side of a trade and emits its execution.
    pub(super) fn fill<O: Outcomes>(
        &mut self,
        record: &mut OrderRecord,
        fill: Fill,
        emit: &mut Emit<'_, O>,
    ) {
        let Fill { liquidity, price, quantity, match_id } = fill;
        let instrument = self.instruments.table.at_mut(record.instrument);
        instrument.last_trade = price;
        let maker = liquidity == Liquidity::MAKER;
        let rate = if maker { instrument.terms.maker_rate } else { instrument.terms.taker_rate };
        let (currency, code) = (instrument.currency, instrument.terms.settlement_currency);
        let instrument_id = instrument.id.0;
        let notional = price.checked_notional(quantity).expect("risk let only these in");
        let fee = fee(notional, rate);
        record.cumulative.0 += quantity.0;
        record.cumulative_notional.0 += notional.0;
        let shares = quantity.0.cast_signed();
        let holding = self.wallet.holding_mut(record.holding);
        holding.execute(self.day.date, quantity.0);
        let paid = match record.side {
            Side::Buy => {
                holding.open_buys -= shares;
                holding.shares.pending += shares;
                notional.0 + fee.0
            }
            Side::Sell => {
                holding.shares.pending -= shares;
                fee.0 - notional.0
            }
        };
        self.wallet.cash_mut(record.account, currency).pending -= paid;
        self.wallet.house[currency as usize].0 += fee.0;
        let volume = self.user_volumes.get_mut(record.user_volume);
        volume.open -= quantity.0;
        volume.execute(self.day.date, quantity.0);
        self.reserve_anew(record);
        self.day.count_fill(quantity, notional, fee, maker);
        self.counters.execution += 1;
        let (header, outbound) = emit.private(&mut self.accounts, record.session);
        emit.emit(OrderFilledEvent {
            header,
            outbound,
            execution_id: self.counters.execution,
            match_id,
            order_id: record.id.0,
            account: self.accounts.accounts.id(record.account),
            user: record.user,
            instrument: instrument_id,
            side: side_code(record.side),
            liquidity,
            order_status: record.status(),
            execution_type: ExecutionType::TRADE,
            price: price.0,
            quantity: quantity.0,
            leaves_quantity: record.leaves().0,
            cumulative_quantity: record.cumulative.0,
            cumulative_notional: record.cumulative_notional.0,
            fee_currency: code.0,
            order_type: OrderType::LIMIT,
            fee_rate: rate,
            fee_amount: fee.0,
            client_order_id: record.client_id.0,
        });
    }

    /// A live order is no more: its account has one less, its client order id is finished.
    pub(super) fn finish(&mut self, record: &OrderRecord) {
        debug_assert!(record.leaves().0 == 0 && record.reserved == 0);
        self.accounts.accounts.at_mut(record.account).live_orders -= 1;
        let OrderRecord { account, client_tag, client_id, id, .. } = *record;
        self.finished_ids.finish(account, client_tag, client_id, id);
    }

    /// The order, at rest or finished, that has this client order id of an account.
    #[inline]
    pub(super) fn named(&self, account: u32, tag: ClientTag, id: ClientOrderId) -> Option<OrderId> {
        match self.orders.by_client_id(account, tag, id) {
            Some(slot) => Some(self.orders.get(slot).id),
            None => self.finished_ids.find(account, tag, id),
        }
    }

    /// Cancels what is left of an order, releases all of it, and emits it. The order is no longer
    /// in a book.
    pub(super) fn cancel_rest<O: Outcomes>(
        &mut self,
        mut record: OrderRecord,
        reason: CancelReason,
        reply: Reply,
        emit: &mut Emit<'_, O>,
    ) {
        let canceled = record.leaves();
        self.close_leaves(&record);
        record.total = record.cumulative;
        self.reserve_anew(&mut record);
        self.finish(&record);
        let (header, outbound) = emit.private(&mut self.accounts, reply.session);
        emit.emit(OrderCanceledEvent {
            header,
            outbound,
            order_id: record.id.0,
            account: self.accounts.accounts.id(record.account),
            user: record.user,
            instrument: self.instruments.table.id(record.instrument),
            side: side_code(record.side),
            order_status: match reason {
                CancelReason::EXPIRED => OrderStatus::EXPIRED,
                _ => OrderStatus::CANCELED,
            },
            reason,
            price: record.price.0,
            canceled_quantity: canceled.0,
            cumulative_quantity: record.cumulative.0,
            cumulative_notional: record.cumulative_notional.0,
            client_order_id: reply.client_id.0,
            original_client_order_id: reply.original.0,
        });
    }
}
