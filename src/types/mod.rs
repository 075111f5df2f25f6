//! The words of the exchange as types: prices, quantities, money, ids, positions and times.
//!
//! Each is a number with a unit, so that a price can never be passed where a quantity belongs.
//! Nothing here knows a byte, a clock or another module.

pub mod flags;
mod index;
mod key;
mod random;
mod refusal;
mod slot_table;
mod table;

pub use index::Index;
pub use key::{KEY_BYTES, Key, MAC_BYTES, SHORT_MAC_BYTES};
pub use random::SplitMix64;
pub use refusal::Refusal;
pub use slot_table::SlotTable;
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

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// Judges eight bytes of a text at once, without a branch, because where a text ends is not
/// foreseeable: whether each is 0 or printable and no blank, and the high bits of those that are
/// not 0. Adding 0x80 less a bound moves a byte's comparison with the bound into its high bit;
/// bytes below 0x80 do not carry.
#[inline]
const fn judge_word(word: u64) -> (bool, u64) {
    const fn all(byte: u64) -> u64 {
        byte * LOW_BITS
    }
    let seven = word & !HIGH_BITS;
    let filled = (seven + all(0x80 - 0x01)) & HIGH_BITS;
    let not_blank = (seven + all(0x80 - 0x21)) & HIGH_BITS;
    let beyond = (seven + all(0x80 - 0x7f)) & HIGH_BITS;
    (word & HIGH_BITS == 0 && not_blank == filled && beyond == 0, filled)
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
                let mut well_formed = self.0[0] != 0;
                let mut filled_before = HIGH_BITS;
                for piece in self.0.chunks(8) {
                    let mut word = [0; 8];
                    word[..piece.len()].copy_from_slice(piece);
                    let (known, filled) = judge_word(u64::from_le_bytes(word));
                    // Before each character stands another one.
                    let padded = filled & !(filled << 8 | filled_before >> 56) == 0;
                    well_formed &= known & padded;
                    filled_before = filled;
                }
                well_formed
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

    /// The naive twin: byte by byte.
    #[test]
    fn texts_are_judged_as_byte_by_byte() {
        let twin = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            end > 0
                && bytes[..end].iter().all(|byte| (0x21..=0x7e).contains(byte))
                && bytes[end..].iter().all(|byte| *byte == 0)
        };
        for place in 0..20 {
            for byte in 0..=u8::MAX {
                for length in 0..=20 {
                    let mut id = [0; 20];
                    id[..length].fill(b'x');
                    id[place] = byte;
                    assert_eq!(ClientOrderId(id).is_well_formed(), twin(&id), "{id:?}");
                }
                let mut code = *b"EUR";
                code[place % 3] = byte;
                assert_eq!(Currency(code).is_well_formed(), twin(&code), "{code:?}");
            }
        }
    }

    #[test]
    fn a_notional_that_does_not_fit_is_none() {
        assert_eq!(Price(5).checked_notional(Quantity(7)), Some(Money(35)));
        assert_eq!(Price(i64::MAX).checked_notional(Quantity(2)), None);
    }
}
