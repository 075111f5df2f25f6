//! One instrument's L1: its best prices and its day so far.
//!
//! Each message says all of what it is about, so the last one is what is true. What cannot be is
//! an error with its values; it is believed all the same, as the exchange's word.

use std::fmt;

use isochron_messages::{BestBidOffer, Side, Statistics};

use crate::book::Level;
use crate::checksum::L2Checksum;

/// A message that cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteError {
    /// The best bid is at or above the best ask.
    Crossed {
        /// The best bid.
        bid: i64,
        /// The best ask.
        ask: i64,
    },
    /// Shares without a price or an order, or the other way round.
    ImpossibleLevel {
        /// The price, where there is one.
        price: Option<i64>,
        /// Its shares.
        quantity: u64,
        /// Its orders.
        orders: u32,
    },
    /// The day has fewer trades or shares than it had.
    DayShrank {
        /// Trades and shares before.
        had: (u64, u64),
        /// Trades and shares now.
        has: (u64, u64),
    },
    /// Prices without trades, trades without prices, or a price beyond the day's extremes.
    ImpossiblePrices {
        /// Open, high, low, last.
        prices: [Option<i64>; 4],
        /// The day's trades.
        trades: u64,
    },
}

impl fmt::Display for QuoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crossed { bid, ask } => write!(f, "best bid {bid}, best ask {ask}"),
            Self::ImpossibleLevel { price, quantity, orders } => {
                write!(f, "best price {price:?}: {quantity} shares of {orders} orders")
            }
            Self::DayShrank { had, has } => write!(
                f,
                "{} trades of {} shares today, where there were {} of {}",
                has.0, has.1, had.0, had.1
            ),
            Self::ImpossiblePrices { prices, trades } => {
                write!(f, "open, high, low, last {prices:?} of {trades} trades")
            }
        }
    }
}

impl std::error::Error for QuoteError {}

/// What L1 says of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotes {
    /// The best prices.
    pub best: BestBidOffer,
    /// The day so far.
    pub day: Statistics,
}

impl Quotes {
    /// The best level of a side.
    #[must_use]
    pub fn level(&self, side: Side) -> Option<Level> {
        let BestBidOffer { bid_quantity, ask_quantity, .. } = self.best;
        let (price, quantity, orders) = match side {
            Side::BUY => (self.best.bid_price?, bid_quantity, self.best.bid_order_count),
            Side::SELL => (self.best.ask_price?, ask_quantity, self.best.ask_order_count),
            _ => return None,
        };
        Some(Level { price, quantity, orders })
    }

    /// The L2 checksum of the best level of each side.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut checksum = L2Checksum::new();
        for level in [Side::BUY, Side::SELL].into_iter().filter_map(|side| self.level(side)) {
            checksum.level(level.price, level.quantity, level.orders);
        }
        checksum.finish()
    }

    /// The best prices are now these.
    ///
    /// # Errors
    /// Why they cannot be.
    pub fn set_best(&mut self, best: &BestBidOffer) -> Result<(), QuoteError> {
        self.best = *best;
        for (price, quantity, orders) in [
            (best.bid_price, best.bid_quantity, best.bid_order_count),
            (best.ask_price, best.ask_quantity, best.ask_order_count),
        ] {
            let stands = price.is_some();
            if stands != (quantity > 0) || stands != (orders > 0) || quantity < u64::from(orders) {
                return Err(QuoteError::ImpossibleLevel { price, quantity, orders });
            }
        }
        match (best.bid_price, best.ask_price) {
            (Some(bid), Some(ask)) if bid >= ask => Err(QuoteError::Crossed { bid, ask }),
            _ => Ok(()),
        }
    }

    /// The day so far is now this.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn set_day(&mut self, day: &Statistics) -> Result<(), QuoteError> {
        let had = (self.day.trades, self.day.volume);
        let has = (day.trades, day.volume);
        self.day = *day;
        if has.0 < had.0 || has.1 < had.1 {
            return Err(QuoteError::DayShrank { had, has });
        }
        let prices = [day.open_price, day.high_price, day.low_price, day.last_price];
        let possible = match prices {
            [Some(open), Some(high), Some(low), Some(last)] => {
                day.trades > 0 && [open, last].iter().all(|price| (low..=high).contains(price))
            }
            [None, None, None, None] => day.trades == 0,
            _ => false,
        };
        if possible {
            Ok(())
        } else {
            Err(QuoteError::ImpossiblePrices { prices, trades: day.trades })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(bid: (i64, u64, u32), ask: (i64, u64, u32)) -> BestBidOffer {
        BestBidOffer {
            bid_price: Some(bid.0),
            bid_quantity: bid.1,
            bid_order_count: bid.2,
            ask_price: Some(ask.0),
            ask_quantity: ask.1,
            ask_order_count: ask.2,
            ..Default::default()
        }
    }

    #[test]
    fn the_last_word_is_true() {
        let mut quotes = Quotes::default();
        assert_eq!((quotes.level(Side::BUY), quotes.checksum()), (None, 0));
        quotes.set_best(&best((99, 10, 1), (101, 20, 2))).unwrap();
        assert_eq!(quotes.level(Side::SELL), Some(Level { price: 101, quantity: 20, orders: 2 }));
        let mut checksum = L2Checksum::new();
        checksum.level(99, 10, 1);
        checksum.level(101, 20, 2);
        assert_eq!(quotes.checksum(), checksum.finish());
        quotes.set_best(&BestBidOffer::default()).unwrap();
        assert_eq!(quotes.level(Side::SELL), None);
    }

    #[test]
    fn best_prices_that_cannot_be_are_named() {
        let mut quotes = Quotes::default();
        let crossed = Err(QuoteError::Crossed { bid: 100, ask: 100 });
        assert_eq!(quotes.set_best(&best((100, 1, 1), (100, 1, 1))), crossed);
        let no_bid = BestBidOffer { bid_quantity: 5, ..Default::default() };
        let impossible =
            |price, quantity, orders| Err(QuoteError::ImpossibleLevel { price, quantity, orders });
        assert_eq!(quotes.set_best(&no_bid), impossible(None, 5, 0));
        for (quantity, orders) in [(0, 0), (0, 1), (1, 0), (1, 2)] {
            let told = best((99, 9, 9), (100, quantity, orders));
            assert_eq!(quotes.set_best(&told), impossible(Some(100), quantity, orders));
        }
    }

    #[test]
    fn days_that_cannot_be_are_named() {
        let mut quotes = Quotes::default();
        let day = Statistics {
            open_price: Some(10),
            high_price: Some(12),
            low_price: Some(9),
            last_price: Some(11),
            volume: 30,
            notional: 310,
            trades: 3,
            ..Default::default()
        };
        quotes.set_day(&day).unwrap();
        for wrong in [
            Statistics { last_price: Some(13), ..day },
            Statistics { open_price: Some(8), ..day },
            Statistics { low_price: None, ..day },
        ] {
            let refused = quotes.set_day(&wrong);
            assert!(matches!(refused, Err(QuoteError::ImpossiblePrices { trades: 3, .. })));
        }
        for (trades, volume) in [(2, 30), (3, 29)] {
            let shrank = QuoteError::DayShrank { had: (3, 30), has: (trades, volume) };
            quotes = Quotes { day, ..quotes };
            assert_eq!(quotes.set_day(&Statistics { trades, volume, ..day }), Err(shrank));
        }
        let none = Statistics { trades: 1, ..Default::default() };
        assert!(Quotes::default().set_day(&none).is_err(), "a trade has a price");
    }
}
