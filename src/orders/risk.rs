//! The risk checks 3, 4, 6 and 7 of the rulebook, each over plain numbers.

use super::instruments::Instrument;
use super::volumes::UserVolume;
use super::wallet::Holding;
use crate::limits::BAND_SCALE;
use crate::types::{Price, Quantity, Refusal, Side};
use isochron_events::RejectReason as Reason;

/// 3, of prices and quantities: tick, price range, then the total.
pub fn check_terms(
    instrument: &Instrument,
    price: Price,
    quantity: Quantity,
) -> Result<(), Refusal> {
    let terms = &instrument.terms;
    if price.0 % terms.tick.0 != 0 {
        return Err(Refusal::new(Reason::PRICE_OFF_TICK, terms.tick.0, price.0));
    }
    if price < terms.price_min {
        return Err(Refusal::new(Reason::PRICE_BELOW_MINIMUM, terms.price_min.0, price.0));
    }
    if price > terms.price_max {
        return Err(Refusal::new(Reason::PRICE_ABOVE_MAXIMUM, terms.price_max.0, price.0));
    }
    check_total(instrument, quantity)?;
    if quantity < terms.quantity_min {
        let reason = Reason::QUANTITY_BELOW_MINIMUM;
        return Err(Refusal::new(reason, terms.quantity_min.0, quantity.0));
    }
    if quantity > terms.quantity_max {
        let reason = Reason::QUANTITY_ABOVE_MAXIMUM;
        return Err(Refusal::new(reason, terms.quantity_max.0, quantity.0));
    }
    let notional = price.checked_notional(quantity);
    if notional.is_none_or(|notional| notional > terms.notional_max) {
        let value = notional.map_or(i64::MAX, |notional| notional.0);
        return Err(Refusal::new(Reason::NOTIONAL_ABOVE_MAXIMUM, terms.notional_max.0, value));
    }
    Ok(())
}

/// The lot alone: all that is asked of a total that only becomes smaller.
pub fn check_total(instrument: &Instrument, quantity: Quantity) -> Result<(), Refusal> {
    let lot = instrument.terms.lot;
    if !quantity.0.is_multiple_of(lot.0) {
        return Err(Refusal::new(Reason::QUANTITY_OFF_LOT, lot.0, quantity.0));
    }
    Ok(())
}

/// 4: the price lies within the band around the last trade, else the reference price.
pub fn check_band(instrument: &Instrument, price: Price) -> Result<(), Refusal> {
    let (base, band) = (instrument.band_base().0, i64::from(instrument.terms.band));
    if base == 0 || band == 0 {
        return Ok(());
    }
    let distance = base * band / BAND_SCALE;
    if price.0 < base - distance {
        return Err(Refusal::new(Reason::PRICE_BELOW_BAND, base - distance, price.0));
    }
    if price.0 > base + distance {
        return Err(Refusal::new(Reason::PRICE_ABOVE_BAND, base + distance, price.0));
    }
    Ok(())
}

/// The limits that 6 and 7 compare with; 0 is off.
#[derive(Clone, Copy, Debug)]
pub struct VolumeLimits {
    /// Shares a day, per user and symbol.
    pub user_daily: u64,
    /// Shares a day, per account and symbol.
    pub account_daily: u64,
    /// The largest position.
    pub position: u64,
}

/// 6 and 7: what has been traded today and what is open, with `quantity` in place of `replaced`
/// shares of an old order (0 for a new one).
pub fn check_volume(
    limits: VolumeLimits,
    (user, holding): (&UserVolume, &Holding),
    day: u32,
    side: Side,
    (quantity, replaced): (Quantity, Quantity),
) -> Result<(), Refusal> {
    let user_total = user.executed(day) + user.open - replaced.0 + quantity.0;
    if limits.user_daily != 0 && user_total > limits.user_daily {
        return Err(Refusal::new(Reason::DAILY_VOLUME_USER, limits.user_daily, user_total));
    }
    let total = holding.executed(day) + holding.open() - replaced.0 + quantity.0;
    if limits.account_daily != 0 && total > limits.account_daily {
        return Err(Refusal::new(Reason::DAILY_VOLUME_ACCOUNT, limits.account_daily, total));
    }
    let open = match side {
        Side::Buy => holding.open_buys,
        Side::Sell => holding.shares.reserved,
    };
    let open = i128::from(open) - i128::from(replaced.0) + i128::from(quantity.0);
    let owned = i128::from(holding.shares.owned());
    let position = if side == Side::Buy { owned + open } else { owned - open };
    let beyond = match side {
        Side::Buy => position > i128::from(limits.position),
        Side::Sell => position < -i128::from(limits.position),
    };
    if limits.position != 0 && beyond {
        return Err(Refusal::new(Reason::POSITION_MAX, limits.position, position));
    }
    Ok(())
}
