//! One instrument's L2 book: its price levels, each with all its shares and orders.
//!
//! A feed says what a level is now, never what changed of it, so a ladder cannot drift: a level
//! that is told again is right again. Prices are in 1/10,000 of the currency unit, quantities in
//! shares. What cannot be is an error with its values.

use std::collections::BTreeMap;
use std::fmt;

use isochron_messages::Side;

use crate::book::{Level, key, place};
use crate::checksum::L2Checksum;

/// A level that cannot be true of the ladder it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LadderError {
    /// Neither buy nor sell. Nothing was changed.
    UnknownSide {
        /// The level.
        price: i64,
        /// Its side's code.
        code: u8,
    },
    /// A level is gone that was not there.
    UnknownLevel {
        /// The level.
        price: i64,
    },
    /// Fewer shares than orders, or shares without an order. Nothing was changed.
    ImpossibleLevel {
        /// The level.
        price: i64,
        /// Its shares.
        quantity: u64,
        /// Its orders.
        orders: u32,
    },
    /// As many levels on the side as the product shows. Nothing was changed.
    TooManyLevels {
        /// The level.
        price: i64,
        /// The most that there may be.
        depth: usize,
    },
}

impl fmt::Display for LadderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSide { price, code } => write!(f, "level {price}: side {code}"),
            Self::UnknownLevel { price } => write!(f, "level {price} is gone, and was not there"),
            Self::ImpossibleLevel { price, quantity, orders } => {
                write!(f, "level {price}: {quantity} shares of {orders} orders")
            }
            Self::TooManyLevels { price, depth } => {
                write!(f, "level {price}: the side has {depth}, which is all that is shown")
            }
        }
    }
}

impl std::error::Error for LadderError {}

/// The price levels of one instrument. `set` follows the L2 messages.
pub struct Ladder {
    /// Bids, then asks, by a key that sorts the best price first: shares and orders.
    sides: [BTreeMap<i64, (u64, u32)>; 2],
    depth: usize,
}

impl Ladder {
    /// An empty ladder of at most so many levels a side.
    #[must_use]
    pub fn new(depth: usize) -> Ladder {
        Ladder { sides: [BTreeMap::new(), BTreeMap::new()], depth }
    }

    /// Price levels of both sides.
    #[must_use]
    pub fn level_count(&self) -> usize {
        self.sides.iter().map(BTreeMap::len).sum()
    }

    /// Orders of all levels.
    #[must_use]
    pub fn order_count(&self) -> u64 {
        let orders = |side: &BTreeMap<i64, (u64, u32)>| -> u64 {
            side.values().map(|(_, orders)| u64::from(*orders)).sum()
        };
        self.sides.iter().map(orders).sum()
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        place(side).into_iter().flat_map(move |place| {
            self.sides[place].iter().map(move |(sorted, (quantity, orders))| Level {
                price: key(place, *sorted),
                quantity: *quantity,
                orders: *orders,
            })
        })
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// The L2 checksum of all that is here.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut checksum = L2Checksum::new();
        for level in self.levels(Side::BUY).chain(self.levels(Side::SELL)) {
            checksum.level(level.price, level.quantity, level.orders);
        }
        checksum.finish()
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(BTreeMap::clear);
    }

    /// A level is now this; with no shares it is gone.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn set(&mut self, side: Side, level: Level) -> Result<(), LadderError> {
        let Level { price, quantity, orders } = level;
        let Some(place) = place(side) else {
            return Err(LadderError::UnknownSide { price, code: side.0 });
        };
        if quantity < u64::from(orders) || (quantity > 0 && orders == 0) {
            return Err(LadderError::ImpossibleLevel { price, quantity, orders });
        }
        let levels = &mut self.sides[place];
        let sorted = key(place, price);
        if quantity == 0 {
            let gone = levels.remove(&sorted);
            return gone.map(|_| ()).ok_or(LadderError::UnknownLevel { price });
        }
        if let Some(known) = levels.get_mut(&sorted) {
            *known = (quantity, orders);
            return Ok(());
        }
        if levels.len() >= self.depth {
            return Err(LadderError::TooManyLevels { price, depth: self.depth });
        }
        levels.insert(sorted, (quantity, orders));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: i64, quantity: u64, orders: u32) -> Level {
        Level { price, quantity, orders }
    }

    fn levels(ladder: &Ladder, side: Side) -> Vec<(i64, u64, u32)> {
        ladder.levels(side).map(|level| (level.price, level.quantity, level.orders)).collect()
    }

    #[test]
    fn levels_are_replaced_and_sorted() {
        let mut ladder = Ladder::new(3);
        for (side, price) in
            [(Side::BUY, 99), (Side::BUY, 100), (Side::SELL, 102), (Side::SELL, 101)]
        {
            ladder.set(side, level(price, 10, 1)).unwrap();
        }
        ladder.set(Side::BUY, level(99, 30, 2)).unwrap();
        assert_eq!(levels(&ladder, Side::BUY), [(100, 10, 1), (99, 30, 2)]);
        assert_eq!(levels(&ladder, Side::SELL), [(101, 10, 1), (102, 10, 1)]);
        assert_eq!((ladder.level_count(), ladder.order_count()), (4, 5));
        assert_eq!(ladder.best(Side::SELL), Some(level(101, 10, 1)));
        let mut checksum = L2Checksum::new();
        for (price, quantity, orders) in [(100, 10, 1), (99, 30, 2), (101, 10, 1), (102, 10, 1)] {
            checksum.level(price, quantity, orders);
        }
        assert_eq!(ladder.checksum(), checksum.finish());
        ladder.set(Side::SELL, level(101, 0, 0)).unwrap();
        assert_eq!(levels(&ladder, Side::SELL), [(102, 10, 1)]);
        ladder.clear();
        assert_eq!((ladder.level_count(), ladder.checksum()), (0, 0));
    }

    #[test]
    fn what_cannot_be_is_named_and_changes_nothing() {
        let mut ladder = Ladder::new(2);
        ladder.set(Side::BUY, level(100, 10, 1)).unwrap();
        ladder.set(Side::BUY, level(98, 10, 1)).unwrap();
        let before = levels(&ladder, Side::BUY);
        for (side, told, error) in [
            (Side(9), level(1, 1, 1), LadderError::UnknownSide { price: 1, code: 9 }),
            (Side::BUY, level(99, 0, 0), LadderError::UnknownLevel { price: 99 }),
            (Side::SELL, level(100, 0, 0), LadderError::UnknownLevel { price: 100 }),
            (Side::BUY, level(99, 1, 1), LadderError::TooManyLevels { price: 99, depth: 2 }),
            (
                Side::BUY,
                level(98, 3, 0),
                LadderError::ImpossibleLevel { price: 98, quantity: 3, orders: 0 },
            ),
            (
                Side::BUY,
                level(98, 3, 4),
                LadderError::ImpossibleLevel { price: 98, quantity: 3, orders: 4 },
            ),
            (
                Side::BUY,
                level(98, 0, 4),
                LadderError::ImpossibleLevel { price: 98, quantity: 0, orders: 4 },
            ),
        ] {
            assert_eq!(ladder.set(side, told), Err(error));
            assert_eq!(levels(&ladder, Side::BUY), before);
        }
    }
}
