//! The words of the exchange as types: prices, quantities, money, ids, positions and times.
//!
//! Each is a number with a unit, so that a price can never be passed where a quantity belongs.
//! Nothing here knows a byte, a clock or another module.

pub mod flags;
mod index;
mod refusal;
mod table;

pub use index::Index;
pub use refusal::Refusal;
pub use table::Table;

use std::fmt;

/// Defines a newtype over an integer that prints as the number it holds.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number itself.
            #[must_use]
            #[inline]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            #[inline]
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number!(
    /// A price per share, in 1/10,000 of the currency unit.
    Price, i64);
number!(
    /// An amount of money, in 1/10,000 of the currency unit.
    Money, i64);
number!(
    /// A number of shares.
    Quantity, u64);
number!(
    /// A point in time, nanoseconds since 1970-01-01 00:00 UTC.
    Nanos, u64);
number!(
    /// The number of a command in the log, from 1.
    Sequence, u64);
number!(
    /// A byte position in the event store, counted over all segments from 0; also Aeron's.
    Position, u64);
number!(
    /// One writer's reign over the store, from 1.
    Epoch, u32);
number!(
    /// An order, from 1, never reused; public in the L3 feed.
    OrderId, u64);
number!(
    /// One side of one trade, from 1.
    ExecutionId, u64);
number!(
    /// One trade, from 1; both executions of it carry it.
    MatchId, u64);
number!(
    /// An account, from 1. 0 names none.
    AccountId, u32);
number!(
    /// A person or program that trades for a member, from 1. 0 names none.
    UserId, u32);
number!(
    /// A member firm, from 1. 0 names none.
    MemberId, u32);
number!(
    /// A client's session with a gateway, from 1. 0 names none.
    SessionId, u32);
number!(
    /// Where commands come from (a gateway, the scheduler), from 1. 0 is the core itself.
    SourceId, u32);
number!(
    /// A tradable instrument, from 1. 0 names all of them.
    InstrumentId, u32);

impl Price {
    /// Price times quantity, `None` where it does not fit.
    #[must_use]
    #[inline]
    pub fn checked_notional(self, quantity: Quantity) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(quantity.0);
        i64::try_from(product).ok().map(Money)
    }
}

/// The side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// Bids for shares.
    Buy = 1,
    /// Offers shares.
    Sell = 2,
}

impl Side {
    /// Both sides, bids first.
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    /// The other side.
    #[must_use]
    #[inline]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// 0 for bids, 1 for asks: the place of the side in a pair.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// Whether an order of this side limited to `limit` may trade at `price`.
    #[must_use]
    #[inline]
    pub const fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Side::Buy => price.0 <= limit.0,
            Side::Sell => price.0 >= limit.0,
        }
    }

    /// Whether `left` comes before `right` in this side's book: higher bids, lower asks.
    #[must_use]
    #[inline]
    pub const fn better(self, left: Price, right: Price) -> bool {
        match self {
            Side::Buy => left.0 > right.0,
            Side::Sell => left.0 < right.0,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        })
    }
}

/// Defines a fixed-width text: printable ASCII, padded with zero bytes on the right.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The most characters it holds.
            pub const LENGTH: usize = $length;

            /// No characters.
            pub const EMPTY: Self = Self([0; $length]);

            /// The text, padded; `None` where it is too long, or not printable ASCII.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let printable = text.bytes().all(|b| (0x20..=0x7e).contains(&b));
                if text.len() > $length || !printable {
                    return None;
                }
                let mut bytes = [0; $length];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                Some(Self(bytes))
            }

            /// The characters before the padding; `?` for what is not printable.
            #[must_use]
            pub fn text(&self) -> String {
                let end = self.0.iter().position(|b| *b == 0).unwrap_or($length);
                let show = |b: &u8| if (0x20..=0x7e).contains(b) { char::from(*b) } else { '?' };
                self.0[..end].iter().map(show).collect()
            }

            /// Whether it is 1 to the full number of printable, non-blank-led characters, then
            /// only padding.
            #[must_use]
            pub fn is_well_formed(&self) -> bool {
                // All bytes are looked at, without a branch: where a text ends is not foreseeable.
                let known = self.0.iter().fold(true, |all, byte| {
                    all & ((*byte == 0) | (0x21..=0x7e).contains(byte))
                });
                let pairs = self.0.iter().zip(&self.0[1..]);
                let padded =
                    pairs.fold(true, |all, (byte, next)| all & ((*byte != 0) | (*next == 0)));
                known & padded & (self.0[0] != 0)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::EMPTY
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.text())
            }
        }
    };
}

text!(
    /// A trading symbol, such as `AAPL`.
    Symbol, 8);
text!(
    /// A currency, ISO 4217.
    Currency, 3);
text!(
    /// The name that a client gives to an order.
    ClientOrderId, 20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_mirror_each_other() {
        for side in Side::BOTH {
            assert_eq!(side.opposite().opposite(), side);
            assert!(side.accepts(Price(10), Price(10)));
            assert!(!side.better(Price(10), Price(10)));
        }
        assert!(Side::Buy.accepts(Price(10), Price(9)) && !Side::Buy.accepts(Price(10), Price(11)));
        assert!(Side::Sell.better(Price(9), Price(10)) && Side::Buy.better(Price(10), Price(9)));
    }

    #[test]
    fn texts_are_padded_and_judged() {
        assert_eq!(Symbol::new("AAPL").unwrap().0, *b"AAPL\0\0\0\0");
        assert_eq!(Symbol::new("AAPL").unwrap().to_string(), "AAPL");
        assert_eq!(Symbol::new("NINECHARS"), None);
        assert_eq!(Symbol::new("tab\t"), None);
        assert!(!Symbol::EMPTY.is_well_formed());
        assert!(!Symbol(*b"A\0A\0\0\0\0\0").is_well_formed());
        assert!(!Symbol(*b"A A\0\0\0\0\0").is_well_formed());
        assert!(Symbol(*b"ABCDEFGH").is_well_formed());
    }

    #[test]
    fn a_notional_that_does_not_fit_is_none() {
        assert_eq!(Price(5).checked_notional(Quantity(7)), Some(Money(35)));
        assert_eq!(Price(i64::MAX).checked_notional(Quantity(2)), None);
    }
}
