//! Fees, and what a buy order must reserve for them. Rounding is stated where it happens.

use crate::limits::FEE_RATE_SCALE;
use crate::types::{Money, Price, Quantity};

/// The fee on a notional, rounded toward zero; negative is a rebate.
///
/// `rate` is in 1/1,000,000.
#[must_use]
#[inline]
pub fn fee(notional: Money, rate: i32) -> Money {
    // Most products fit 64 bits, and dividing 128 takes tens of cycles.
    if let Some(product) = notional.0.checked_mul(i64::from(rate)) {
        return Money(product / FEE_RATE_SCALE);
    }
    let fee = i128::from(notional.0) * i128::from(rate) / i128::from(FEE_RATE_SCALE);
    Money(i64::try_from(fee).expect("a rate is below 1, so a fee is below its notional"))
}

/// What a buy of `leaves` at `price` may cost at the most: the notional, and the highest possible
/// fee on it rounded up. `None` where it does not fit.
#[must_use]
#[inline]
pub fn reservation(price: Price, leaves: Quantity, rate_max: i32) -> Option<Money> {
    let notional = price.checked_notional(leaves)?;
    let product = notional.0.checked_mul(i64::from(rate_max.max(0)));
    if let Some(product) = product.and_then(|product| product.checked_add(FEE_RATE_SCALE - 1)) {
        return notional.0.checked_add(product / FEE_RATE_SCALE).map(Money);
    }
    let fee = i128::from(notional.0) * i128::from(rate_max.max(0));
    let fee = (fee + i128::from(FEE_RATE_SCALE) - 1) / i128::from(FEE_RATE_SCALE);
    notional.0.checked_add(i64::try_from(fee).ok()?).map(Money)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_and_rebates_round_toward_zero() {
        assert_eq!(fee(Money(99_999), 30), Money(2));
        assert_eq!(fee(Money(100_000), 30), Money(3));
        assert_eq!(fee(Money(99_999), -20), Money(-1));
        assert_eq!(fee(Money(49_999), -20), Money(0));
    }

    #[test]
    fn a_reservation_rounds_the_fee_up_and_ignores_rebates() {
        assert_eq!(reservation(Price(10_000), Quantity(10), 30), Some(Money(100_003)));
        assert_eq!(reservation(Price(10_000), Quantity(10), 31), Some(Money(100_004)));
        assert_eq!(reservation(Price(10_000), Quantity(10), -20), Some(Money(100_000)));
        assert_eq!(reservation(Price(10_000), Quantity(0), 30), Some(Money(0)));
        assert_eq!(reservation(Price(i64::MAX / 2), Quantity(3), 0), None);
    }

    #[test]
    fn the_largest_notionals_do_not_fit_64_bits_on_the_way() {
        let (notional, rate) = (100_000_000_000_000_000, 100_000);
        assert_eq!(fee(Money(notional), rate), Money(10_000_000_000_000_000));
        assert_eq!(fee(Money(notional + 9), -rate), Money(-10_000_000_000_000_000));
        let reserved = reservation(Price(notional + 1), Quantity(1), rate);
        assert_eq!(reserved, Some(Money(notional + 1 + 10_000_000_000_000_001)));
    }

    #[test]
    fn what_was_reserved_always_pays_for_a_fill_and_the_rest() {
        for (first, rest, rate) in [(1, 1, 1), (3, 5, 333), (999, 1, 30), (7, 11, 99_999)] {
            let price = Price(10_100);
            let whole = reservation(price, Quantity(first + rest), rate).unwrap().0;
            let paid = price.checked_notional(Quantity(first)).unwrap();
            let left = reservation(price, Quantity(rest), rate).unwrap().0;
            assert!(paid.0 + fee(paid, rate).0 + left <= whole, "{first} {rest} {rate}");
        }
    }
}
