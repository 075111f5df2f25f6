//! What the naive exchange judges before it accepts, and the sums that it judges by.
//!
//! Every sum is taken anew over all live orders, all of today's trades and all that an account
//! ever moved: there is no running total that could go wrong in the same way as the engine's.

use super::words::*;
use super::{Account, Asset, Exchange, Order};

/// A rate is in millionths.
const MILLION: i128 = 1_000_000;
/// A price band is in ten-thousandths.
const BAND: i128 = 10_000;
/// Live orders of the whole exchange.
const LIVE_ORDERS: usize = 16 * 1024 * 1024;

/// The limits where nothing was set.
const DEFAULTS: Limits =
    Limits { tradable: 1, live_orders: 10_000, daily_volume: 1_000_000, position: 0 };

/// What is judged: an order as it would be, without the order that it replaces.
pub(super) struct Wanted {
    pub(super) account: u32,
    /// Whose daily volume it counts in.
    pub(super) user: u32,
    pub(super) instrument: u32,
    pub(super) side: u8,
    pub(super) price: i64,
    pub(super) total: u64,
    pub(super) leaves: u64,
    pub(super) client: Client,
    /// The live order that it stands in place of.
    pub(super) replaces: Option<u64>,
}

impl Exchange {
    /// Rule 1: account, session, user and kill switches. A cancel is only asked who it is.
    pub(super) fn judge_sender(
        &self,
        session: u32,
        account: u32,
        user: u32,
        may_trade: bool,
    ) -> Result<(), Refusal> {
        let Some(of_account) = self.accounts.get(&account) else {
            return Err(Rule::UnknownAccount.with(0, account));
        };
        if may_trade {
            match of_account.state {
                VERIFIED => {}
                SUSPENDED => return Err(Rule::AccountSuspended.with(0, SUSPENDED)),
                ACCOUNT_CLOSED => return Err(Rule::AccountClosed.with(0, ACCOUNT_CLOSED)),
                state => return Err(Rule::AccountNotVerified.with(0, state)),
            }
        }
        let member = of_account.member;
        match self.sessions.get(&session) {
            Some(open) if open.open && open.member == member => {}
            Some(open) if open.open => {
                return Err(Rule::SessionNotEntitled.with(member, open.member));
            }
            _ => return Err(Rule::SessionNotOpen.with(0, session)),
        }
        match self.users.get(&user) {
            None => return Err(Rule::UnknownUser.with(0, user)),
            Some(other) if *other != member => {
                return Err(Rule::UserNotEntitled.with(member, *other));
            }
            Some(_) => {}
        }
        if may_trade {
            let switches = [
                (OF_ACCOUNT, account),
                (OF_USER, user),
                (OF_SESSION, session),
                (OF_MEMBER, member),
            ];
            for (scope, subject) in switches {
                self.judge_kill(scope, subject)?;
            }
        }
        Ok(())
    }

    fn judge_kill(&self, scope: u8, subject: u32) -> Result<(), Refusal> {
        if self.kills.contains(&(scope, subject)) {
            return Err(Rule::Blocked.with(scope, subject));
        }
        Ok(())
    }

    /// Rule 2: the instrument, and whether one of these phases is on.
    pub(super) fn judge_instrument(
        &self,
        account: u32,
        instrument: u32,
        phases: &[u8],
    ) -> Result<(), Refusal> {
        let Some(known) = self.instruments.get(&instrument) else {
            return Err(Rule::UnknownInstrument.with(0, instrument));
        };
        if self.limits_of(OF_ACCOUNT, account, instrument).tradable == 0 {
            return Err(Rule::InstrumentNotPermitted.with(0, instrument));
        }
        self.judge_kill(OF_INSTRUMENT, instrument)?;
        if !phases.contains(&known.phase) {
            return Err(Rule::Phase.with(0, known.phase));
        }
        Ok(())
    }

    /// Rules 3 to 9, but for side, type and time in force.
    pub(super) fn judge_order(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let definition = &self.instruments[&wanted.instrument].definition;
        judge_terms(definition, wanted.price, wanted.total)?;
        self.judge_band(wanted.instrument, wanted.price)?;
        self.judge_live_orders(wanted)?;
        self.judge_volume(wanted)?;
        self.judge_position(wanted)?;
        self.judge_client(wanted.account, &wanted.client)?;
        self.judge_wallet(wanted)
    }

    /// Rule 4.
    fn judge_band(&self, instrument: u32, price: i64) -> Result<(), Refusal> {
        let known = &self.instruments[&instrument];
        let base = i128::from(known.last_trade.unwrap_or(known.definition.reference_price));
        if known.definition.band == 0 || base <= 0 {
            return Ok(());
        }
        let distance = base * i128::from(known.definition.band) / BAND;
        if i128::from(price) < base - distance {
            return Err(Rule::PriceBelowBand.with(base - distance, price));
        }
        if i128::from(price) > base + distance {
            return Err(Rule::PriceAboveBand.with(base + distance, price));
        }
        Ok(())
    }

    /// Rule 5. A replace adds nothing, so there is nothing to refuse, however many there are.
    fn judge_live_orders(&self, wanted: &Wanted) -> Result<(), Refusal> {
        if wanted.replaces.is_some() {
            return Ok(());
        }
        let of_account = |o: &&Order| o.account == wanted.account;
        let with_this = self.live.iter().filter(of_account).count() + 1;
        let limit = self.limits_of(OF_ACCOUNT, wanted.account, 0).live_orders;
        if limit != 0 && with_this > limit as usize {
            return Err(Rule::LiveOrdersMax.with(limit, with_this as i128));
        }
        if self.live.len() + 1 > LIVE_ORDERS {
            return Err(Rule::ExchangeFull.with(LIVE_ORDERS as i128, 0));
        }
        Ok(())
    }

    /// Rule 6.
    fn judge_volume(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let instrument = wanted.instrument;
        let both = [
            (OF_USER, wanted.user, Rule::DailyVolumeUser),
            (OF_ACCOUNT, wanted.account, Rule::DailyVolumeAccount),
        ];
        for (scope, subject, rule) in both {
            let limit = self.limits_of(scope, subject, instrument).daily_volume;
            let mut volume = i128::from(wanted.leaves);
            for trade in self.today.iter().filter(|t| t.instrument == instrument) {
                if subject == if scope == OF_USER { trade.user } else { trade.account } {
                    volume += i128::from(trade.quantity);
                }
            }
            for order in self.live.iter().filter(|o| o.instrument == instrument) {
                let whose = if scope == OF_USER { order.user } else { order.account };
                if whose == subject && Some(order.id) != wanted.replaces {
                    volume += i128::from(order.leaves());
                }
            }
            if limit != 0 && volume > i128::from(limit) {
                return Err(rule.with(limit, volume));
            }
        }
        Ok(())
    }

    /// Rule 7.
    fn judge_position(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let limit =
            i128::from(self.limits_of(OF_ACCOUNT, wanted.account, wanted.instrument).position);
        let mut open = i128::from(wanted.leaves);
        for order in &self.live {
            let same = (order.account, order.instrument, order.side)
                == (wanted.account, wanted.instrument, wanted.side);
            if same && Some(order.id) != wanted.replaces {
                open += i128::from(order.leaves());
            }
        }
        let shares = Asset::Shares(wanted.instrument);
        let now = self.settled(wanted.account, shares) + self.pending_of(wanted.account, shares);
        let position = if wanted.side == BUY { now + open } else { now - open };
        let beyond = if wanted.side == BUY { position > limit } else { position < -limit };
        if limit != 0 && beyond {
            return Err(Rule::PositionMax.with(limit, position));
        }
        Ok(())
    }

    /// Rule 8.
    pub(super) fn judge_client(&self, account: u32, client: &Client) -> Result<(), Refusal> {
        if !well_formed(client) {
            return Err(Rule::ClientOrderIdMalformed.with(0, 0));
        }
        let live = self.live.iter().find(|o| o.account == account && o.client == *client);
        let finished = self.accounts[&account].finished.iter().find(|(id, _)| id == client);
        match live.map(|o| o.id).or(finished.map(|(_, order)| *order)) {
            Some(order) => Err(Rule::ClientOrderIdInUse.with(0, order)),
            None => Ok(()),
        }
    }

    /// Rule 9.
    fn judge_wallet(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let definition = &self.instruments[&wanted.instrument].definition;
        let mut needed = reservation(definition, wanted.side, wanted.price, wanted.leaves);
        if let Some(old) = self.live.iter().find(|o| Some(o.id) == wanted.replaces) {
            needed -= reservation(definition, old.side, old.price, old.leaves());
        }
        let (asset, rule) = match wanted.side {
            BUY => (Asset::Cash(definition.settlement), Rule::InsufficientFunds),
            _ => (Asset::Shares(wanted.instrument), Rule::InsufficientShares),
        };
        let available = self.available(wanted.account, asset);
        if needed > available { Err(rule.with(available, needed)) } else { Ok(()) }
    }

    /// What was set for the one instrument, else for all, else nothing was set.
    pub(super) fn limits_of(&self, scope: u8, subject: u32, instrument: u32) -> Limits {
        let one = self.limits.get(&(scope, subject, instrument));
        *one.or(self.limits.get(&(scope, subject, 0))).unwrap_or(&DEFAULTS)
    }

    /// What transfers brought.
    pub(super) fn transferred(&self, account: u32, asset: Asset) -> i128 {
        self.accounts.get(&account).map_or(0, |known| total(&known.transfers, asset))
    }

    /// What the ends of days made of executions.
    fn settled_of_executions(&self, account: u32, asset: Asset) -> i128 {
        self.accounts.get(&account).map_or(0, |known| total(&known.settlements, asset))
    }

    /// What transfers and settlements brought.
    pub(crate) fn settled(&self, account: u32, asset: Asset) -> i128 {
        self.transferred(account, asset) + self.settled_of_executions(account, asset)
    }

    /// What executions brought that is not settled yet.
    pub(crate) fn pending_of(&self, account: u32, asset: Asset) -> i128 {
        let executed =
            self.accounts.get(&account).map_or(0, |known| total(&known.executions, asset));
        executed - self.settled_of_executions(account, asset)
    }

    /// What the account's live orders need.
    pub(crate) fn reserved(&self, account: u32, asset: Asset) -> i128 {
        let mut sum = 0;
        for order in self.live.iter().filter(|o| o.account == account) {
            let definition = &self.instruments[&order.instrument].definition;
            let needs = match order.side {
                BUY => Asset::Cash(definition.settlement),
                _ => Asset::Shares(order.instrument),
            };
            if needs == asset {
                sum += reservation(definition, order.side, order.price, order.leaves());
            }
        }
        sum
    }

    /// What the account may still use.
    pub(crate) fn available(&self, account: u32, asset: Asset) -> i128 {
        self.settled(account, asset) + self.pending_of(account, asset)
            - self.reserved(account, asset)
    }
}

/// The price and quantity part of rule 3.
fn judge_terms(definition: &Definition, price: i64, quantity: u64) -> Result<(), Refusal> {
    if price % definition.tick != 0 {
        return Err(Rule::PriceOffTick.with(definition.tick, price));
    }
    if price < definition.price_lowest {
        return Err(Rule::PriceBelowMinimum.with(definition.price_lowest, price));
    }
    if price > definition.price_highest {
        return Err(Rule::PriceAboveMaximum.with(definition.price_highest, price));
    }
    judge_lot(definition, quantity)?;
    if quantity < definition.quantity_least {
        return Err(Rule::QuantityBelowMinimum.with(definition.quantity_least, quantity));
    }
    if quantity > definition.quantity_most {
        return Err(Rule::QuantityAboveMaximum.with(definition.quantity_most, quantity));
    }
    let notional = i128::from(price) * i128::from(quantity);
    if notional > i128::from(definition.notional_most) {
        return Err(Rule::NotionalAboveMaximum.with(definition.notional_most, notional));
    }
    Ok(())
}

/// The lot alone, which is all that a reducing replace is asked of rule 3.
pub(super) fn judge_lot(definition: &Definition, quantity: u64) -> Result<(), Refusal> {
    if !quantity.is_multiple_of(definition.lot) {
        return Err(Rule::QuantityOffLot.with(definition.lot, quantity));
    }
    Ok(())
}

/// What an order of these leaves needs: cash with the worst fee, rounded up, or the shares.
fn reservation(definition: &Definition, side: u8, price: i64, leaves: u64) -> i128 {
    if side != BUY {
        return i128::from(leaves);
    }
    let notional = i128::from(price) * i128::from(leaves);
    let rate = i128::from(definition.taker_rate.max(definition.maker_rate).max(0));
    notional + (notional * rate + MILLION - 1) / MILLION
}

/// 1 to 20 printable characters without blanks, then nothing but zero bytes.
fn well_formed(client: &Client) -> bool {
    let text = client.split(|b| *b == 0).next().unwrap_or(&[]);
    let rest = &client[text.len()..];
    !text.is_empty()
        && text.iter().all(|b| (b'!'..=b'~').contains(b))
        && rest.iter().all(|b| *b == 0)
}

fn total(moves: &[(Asset, i64)], asset: Asset) -> i128 {
    moves.iter().filter(|(of, _)| *of == asset).map(|(_, amount)| i128::from(*amount)).sum()
}

/// The fee on a notional, toward zero; negative is a rebate.
pub(super) fn fee(notional: i128, rate: i32) -> i64 {
    saturated(notional * i128::from(rate) / MILLION)
}

impl Account {
    /// Remembers a finished client order id, and forgets the oldest of more than 64.
    pub(super) fn finish(&mut self, client: Client, order: u64) {
        self.finished.push_back((client, order));
        if self.finished.len() > super::FINISHED {
            self.finished.pop_front();
        }
    }
}
