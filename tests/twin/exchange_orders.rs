//! New orders, cancels, replaces and the matching of the naive exchange.
//!
//! There is no book: the best maker is looked for among all live orders, each time anew.

use super::risk::{Wanted, fee, judge_lot};
use super::words::*;
use super::{Asset, Exchange, MAKERS_PER_STEP, Order, Pending, Traded, WHOLE_LOOKS, Work};

impl Exchange {
    pub(super) fn new_order(&mut self, session: u32, new: &NewOrder) {
        if let Err(refusal) = self.judge_new(session, new) {
            let new = Refused {
                account: new.account,
                user: new.user,
                instrument: new.instrument,
                side: new.side,
                price: new.price,
                quantity: new.quantity,
                client: new.client,
            };
            return self.tell_session(session, News::Rejected { refusal, new });
        }
        self.orders_ever += 1;
        let id = self.orders_ever;
        self.live.push(Order {
            id,
            account: new.account,
            user: new.user,
            session,
            instrument: new.instrument,
            side: new.side,
            lifetime: new.lifetime,
            price: new.price,
            total: new.quantity,
            executed: 0,
            notional: 0,
            client: new.client,
            arrival: None,
        });
        let leaves = new.quantity;
        let news = News::Accepted { order: id, new: new.clone(), status: STATUS_NEW, leaves };
        self.tell_session(session, news);
        match if new.lifetime == WHOLE { self.count_whole(id) } else { Ok(()) } {
            Ok(()) => self.sweep(id, 0),
            Err(why) => self.cancel_rest(id, why),
        }
    }

    fn judge_new(&self, session: u32, new: &NewOrder) -> Result<(), Refusal> {
        self.judge_sender(session, new.account, new.user, true)?;
        self.judge_instrument(new.account, new.instrument, &[OPEN])?;
        if new.side != BUY && new.side != SELL {
            return Err(Rule::UnknownSide.with(0, new.side));
        }
        if new.kind != LIMIT_ORDER {
            return Err(Rule::OrderTypeNotSupported.with(LIMIT_ORDER, new.kind));
        }
        if ![DAY, IMMEDIATE, WHOLE].contains(&new.lifetime) {
            return Err(Rule::TimeInForceNotSupported.with(0, new.lifetime));
        }
        self.judge_order(&Wanted {
            account: new.account,
            user: new.user,
            instrument: new.instrument,
            side: new.side,
            price: new.price,
            total: new.quantity,
            leaves: new.quantity,
            client: new.client,
            replaces: None,
        })
    }

    pub(super) fn cancel(
        &mut self,
        session: u32,
        account: u32,
        user: u32,
        order: u64,
        original: Client,
        client: Client,
    ) {
        let found = self.find(account, order, original).cloned();
        let judged = self.judge_sender(session, account, user, false);
        let judged = judged.and_then(|()| match &found {
            None => Err(Rule::UnknownOrder.with(0, order)),
            Some(found) => match self.instruments[&found.instrument].phase {
                CLOSED => Err(Rule::Phase.with(0, CLOSED)),
                _ => Ok(found.id),
            },
        });
        match judged {
            Ok(id) => self.finish(id, Why::User, Some((session, client))),
            Err(refusal) => {
                let named = Named { account, user, order, original, client, template: 21 };
                self.refuse_change(session, refusal, &named, found);
            }
        }
    }

    pub(super) fn replace(&mut self, session: u32, replace: &ReplaceOrder) {
        let ReplaceOrder { account, user, order, original, client, price, quantity } = *replace;
        let named = Named { account, user, order, original, client, template: 22 };
        let found = self.find(account, order, original).cloned();
        if let Err(refusal) = self.judge_sender(session, account, user, true) {
            return self.refuse_change(session, refusal, &named, found);
        }
        let Some(old) = found else {
            let refusal = Rule::UnknownOrder.with(0, order);
            return self.refuse_change(session, refusal, &named, None);
        };
        let reduces = price == old.price && quantity < old.total;
        if let Err(refusal) = self.judge_replace(&old, replace, reduces) {
            return self.refuse_change(session, refusal, &named, Some(old));
        }
        if quantity <= old.executed {
            let why = Why::ReplacedBelowExecuted;
            self.finish(old.id, why, Some((session, client)));
            return self.accounts.get_mut(&account).unwrap().finish(client, old.id);
        }
        self.accounts.get_mut(&account).unwrap().finish(old.client, old.id);
        let order = self.live.iter_mut().find(|o| o.id == old.id).unwrap();
        order.client = client;
        order.price = price;
        order.total = quantity;
        if !reduces {
            order.arrival = None;
        }
        let news = News::Replaced(Replaced {
            order: old.id,
            account,
            user: old.user,
            instrument: old.instrument,
            side: old.side,
            status: order.status(),
            priority_lost: !reduces,
            price,
            quantity,
            leaves: order.leaves(),
            executed: old.executed,
            notional: old.notional,
            client,
            original: old.client,
        });
        self.tell_session(session, news);
        if !reduces {
            self.sweep(old.id, 0);
        }
    }

    fn judge_replace(
        &self,
        old: &Order,
        replace: &ReplaceOrder,
        reduces: bool,
    ) -> Result<(), Refusal> {
        let phases: &[u8] = if reduces { &[PRE_OPEN, OPEN, HALTED] } else { &[OPEN] };
        self.judge_instrument(old.account, old.instrument, phases)?;
        if reduces {
            judge_lot(&self.instruments[&old.instrument].definition, replace.quantity)?;
            return self.judge_client(old.account, &replace.client);
        }
        self.judge_order(&Wanted {
            account: old.account,
            user: old.user,
            instrument: old.instrument,
            side: old.side,
            price: replace.price,
            total: replace.quantity,
            leaves: replace.quantity.saturating_sub(old.executed),
            client: replace.client,
            replaces: Some(old.id),
        })
    }

    /// The account's live order of this id, else of this client order id.
    fn find(&self, account: u32, order: u64, original: Client) -> Option<&Order> {
        let own = |o: &&Order| o.account == account;
        let named = |o: &&Order| if order != 0 { o.id == order } else { o.client == original };
        self.live.iter().filter(own).find(named)
    }

    fn refuse_change(
        &mut self,
        session: u32,
        refusal: Refusal,
        named: &Named,
        found: Option<Order>,
    ) {
        let may_act = self.judge_sender(session, named.account, named.user, false).is_ok();
        let found = found.filter(|_| may_act);
        let news = News::CancelRejected(CancelRejected {
            refusal,
            order: found.as_ref().map_or(named.order, |o| o.id),
            account: named.account,
            user: named.user,
            instrument: found.as_ref().map_or(0, |o| o.instrument),
            status: found.as_ref().map_or(STATUS_REJECTED, Order::status),
            template: named.template,
            client: named.client,
            original: named.original,
        });
        self.tell_session(session, news);
    }

    /// Takes an order away for good. A request is answered in the session that asked, under its
    /// own client order id.
    pub(super) fn finish(&mut self, id: u64, why: Why, request: Option<(u32, Client)>) {
        let place = self.live.iter().position(|o| o.id == id).unwrap();
        let order = self.live.remove(place);
        let (session, client) = request.unwrap_or((order.session, order.client));
        self.accounts.get_mut(&order.account).unwrap().finish(order.client, id);
        let news = News::Canceled(Canceled {
            order: id,
            account: order.account,
            user: order.user,
            instrument: order.instrument,
            side: order.side,
            status: if why == Why::Expired { STATUS_EXPIRED } else { STATUS_CANCELED },
            why,
            price: order.price,
            quantity: order.leaves(),
            executed: order.executed,
            notional: order.notional,
            client,
            original: order.client,
        });
        self.tell_session(session, news);
    }

    fn cancel_rest(&mut self, id: u64, why: Why) {
        self.finish(id, why, None);
    }

    /// Whether a fill-or-kill order could be filled whole; if not, why it is canceled.
    fn count_whole(&self, id: u64) -> Result<(), Why> {
        let taker = self.order(id);
        let policy = self.accounts[&taker.account].policy;
        let other = if taker.side == BUY { SELL } else { BUY };
        let mut counted = 0;
        let book = self.book(taker.instrument, other);
        let within = book.iter().filter(|maker| crosses(taker, maker.price));
        for (looked_at, maker) in within.enumerate() {
            if counted >= taker.total {
                break;
            }
            if looked_at == WHOLE_LOOKS {
                return Err(Why::FillOrKillTooLong);
            }
            let own = self.same_hand(taker.account, self.order(maker.order).account);
            if own && policy == CANCEL_NEWEST {
                break;
            }
            if !(own && policy == CANCEL_OLDEST) {
                counted += maker.leaves;
            }
        }
        if counted >= taker.total { Ok(()) } else { Err(Why::FillOrKill) }
    }

    /// One step of an order's way through the other side.
    fn sweep(&mut self, id: u64, steps_before: u64) {
        let mut makers = 0;
        while let Some(taker) = self.live.iter().find(|o| o.id == id).cloned() {
            let Some(maker) = self.best_against(&taker) else {
                return self.rest(id);
            };
            if makers == MAKERS_PER_STEP {
                let (steps, cause) = (steps_before + 1, self.now.cause);
                self.pending = Some(Pending { work: Work::Sweep(id), steps, cause });
                return;
            }
            makers += 1;
            let own = self.same_hand(taker.account, maker.account);
            match self.accounts[&taker.account].policy {
                CANCEL_NEWEST if own => self.cancel_rest(id, Why::SelfTrade),
                CANCEL_OLDEST if own => self.cancel_rest(maker.id, Why::SelfTrade),
                _ => self.trade(&maker, &taker),
            }
        }
    }

    /// The next step of the work that was left unfinished.
    pub(super) fn go_on(&mut self) {
        if let Some(Pending { work, steps, cause }) = self.pending.take() {
            (self.now.cause, self.now.goes_on) = (cause, true);
            match work {
                Work::Sweep(order) => self.sweep(order, steps),
                Work::Cancel(cancels) => self.cancel_many(cancels, steps),
                Work::Settle(left) => self.settle(left, steps),
            }
        }
    }

    /// What is left of an order when nobody is left to trade with.
    fn rest(&mut self, id: u64) {
        if self.order(id).lifetime == DAY {
            self.arrivals_ever += 1;
            let arrival = Some(self.arrivals_ever);
            self.live.iter_mut().find(|o| o.id == id).unwrap().arrival = arrival;
        } else {
            self.cancel_rest(id, Why::ImmediateOrCancel);
        }
    }

    fn order(&self, id: u64) -> &Order {
        self.live.iter().find(|o| o.id == id).unwrap()
    }

    fn same_hand(&self, incoming: u32, resting: u32) -> bool {
        let group = self.accounts[&incoming].group;
        incoming == resting || (group != 0 && group == self.accounts[&resting].group)
    }

    fn best_against(&self, taker: &Order) -> Option<Order> {
        let mut best: Option<&Order> = None;
        for maker in &self.live {
            let other = maker.instrument == taker.instrument && maker.side != taker.side;
            if !other || maker.arrival.is_none() || !crosses(taker, maker.price) {
                continue;
            }
            let first = best.is_none_or(|best| {
                let better = match maker.side {
                    BUY => maker.price > best.price,
                    _ => maker.price < best.price,
                };
                better || (maker.price == best.price && maker.arrival < best.arrival)
            });
            if first {
                best = Some(maker);
            }
        }
        best.cloned()
    }

    fn trade(&mut self, maker: &Order, taker: &Order) {
        self.trades_ever += 1;
        let trade = self.trades_ever;
        let quantity = maker.leaves().min(taker.leaves());
        let price = maker.price;
        for (id, liquidity) in [(maker.id, MAKER), (taker.id, TAKER)] {
            self.fill(id, liquidity, trade, price, quantity);
        }
        self.instruments.get_mut(&maker.instrument).unwrap().last_trade = Some(price);
    }

    /// One side of a trade: the order, the money, the shares, the fee and the report.
    fn fill(&mut self, id: u64, liquidity: u8, trade: u64, price: i64, quantity: u64) {
        self.executions_ever += 1;
        let notional = i128::from(price) * i128::from(quantity);
        let order = self.live.iter_mut().find(|o| o.id == id).unwrap();
        order.executed += quantity;
        order.notional += saturated(notional);
        let order = order.clone();
        let definition = &self.instruments[&order.instrument].definition;
        let currency = definition.settlement;
        let rate = if liquidity == MAKER { definition.maker_rate } else { definition.taker_rate };
        let fee = fee(notional, rate);
        let account = self.accounts.get_mut(&order.account).unwrap();
        let sign = if order.side == BUY { 1 } else { -1 };
        account.executions.push((Asset::Cash(currency), -sign * saturated(notional) - fee));
        account
            .executions
            .push((Asset::Shares(order.instrument), sign * saturated(quantity.into())));
        self.house.push((currency, fee));
        self.today.push(Traded {
            user: order.user,
            account: order.account,
            instrument: order.instrument,
            quantity,
            notional,
            fee,
        });
        if order.leaves() == 0 {
            account.finish(order.client, id);
            self.live.retain(|o| o.id != id);
        }
        let news = News::Filled(Filled {
            execution: self.executions_ever,
            trade,
            order: id,
            account: order.account,
            user: order.user,
            instrument: order.instrument,
            side: order.side,
            liquidity,
            status: order.status(),
            price,
            quantity,
            leaves: order.leaves(),
            executed: order.executed,
            notional: order.notional,
            currency,
            rate,
            fee,
            client: order.client,
        });
        self.tell_session(order.session, news);
    }
}

/// Who and what a cancel or a replace names.
struct Named {
    account: u32,
    user: u32,
    order: u64,
    original: Client,
    client: Client,
    template: u16,
}

/// Whether the order may trade at the price.
fn crosses(taker: &Order, price: i64) -> bool {
    if taker.side == BUY { price <= taker.price } else { price >= taker.price }
}
