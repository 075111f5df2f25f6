//! Products, channels, and the names of their sessions: how the whole feed is cut into streams.
//!
//! ```text
//!  2 6 1 1 2 2  3  0 0  A
//!  trading date │  │    └ A, and B where a day had to be numbered anew
//!   (YYMMDD)    │  └ partition of the symbols
//!               └ product
//! ```
//!
//! A channel is one product of one partition: a MoldUDP64 session a day, with a multicast group
//! and a port of its own on each line. All of a session's name comes from the exchange's log, so
//! that every node, and every restart, gives the same.

use std::fmt;
use std::net::Ipv4Addr;

use crate::mold::Session;

/// Channel numbers that one partition has.
const CHANNELS_PER_PARTITION: u16 = 8;

/// The most partitions: two digits name them.
pub const PARTITIONS_MAX: u16 = 100;

/// What a stream says of its instruments. The codes are characters of session names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Product {
    /// Best bid and offer, last trade, statistics.
    L1 = b'1',
    /// Every price level.
    L2 = b'2',
    /// Every order.
    L3 = b'3',
    /// The five best price levels of each side.
    L2Depth5 = b'5',
    /// The ten best price levels of each side.
    L2Depth10 = b'T',
    /// As `L1`, the latest state at intervals of logged time.
    L1Conflated = b'C',
    /// As `L2Depth10`, the latest state at intervals of logged time.
    L2Conflated = b'D',
}

impl Product {
    /// All of them, in the order of their channel numbers.
    pub const ALL: [Product; 7] = [
        Product::L1,
        Product::L2,
        Product::L3,
        Product::L2Depth5,
        Product::L2Depth10,
        Product::L1Conflated,
        Product::L2Conflated,
    ];

    /// Its character in a session's name.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The product with that character.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Product> {
        Product::ALL.into_iter().find(|product| product.code() == code)
    }

    /// Its name in configurations and on command lines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Product::L1 => "l1",
            Product::L2 => "l2",
            Product::L3 => "l3",
            Product::L2Depth5 => "l2-5",
            Product::L2Depth10 => "l2-10",
            Product::L1Conflated => "l1-conflated",
            Product::L2Conflated => "l2-conflated",
        }
    }

    /// The product with that name.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Product> {
        Product::ALL.into_iter().find(|product| product.word() == word)
    }

    /// The price levels of each side that it shows; `None` for all, and for what shows no levels.
    #[must_use]
    pub const fn depth(self) -> Option<usize> {
        match self {
            Product::L2Depth5 => Some(5),
            Product::L2Depth10 | Product::L2Conflated => Some(10),
            Product::L1 | Product::L2 | Product::L3 | Product::L1Conflated => None,
        }
    }

    /// Whether it shows the latest state at intervals rather than every change.
    #[must_use]
    pub const fn is_conflated(self) -> bool {
        matches!(self, Product::L1Conflated | Product::L2Conflated)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One product of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// Which symbols, below [`PARTITIONS_MAX`].
    pub partition: u16,
    /// What of them.
    pub product: Product,
}

impl Channel {
    /// The channel's number, from 0: what is added to the first group's address and to the first
    /// port of a line. It does not depend on which other channels there are.
    #[must_use]
    pub fn number(self) -> u16 {
        let place = Product::ALL.iter().position(|product| *product == self.product);
        self.partition * CHANNELS_PER_PARTITION + place.expect("ALL has all") as u16
    }

    /// The channel with that number.
    #[must_use]
    pub fn of_number(number: u16) -> Option<Channel> {
        let product = *Product::ALL.get(usize::from(number % CHANNELS_PER_PARTITION))?;
        let partition = number / CHANNELS_PER_PARTITION;
        (partition < PARTITIONS_MAX).then_some(Channel { partition, product })
    }

    /// Its group and port on a line whose first are these; `None` beyond the last port or address.
    #[must_use]
    pub fn address(self, first_group: Ipv4Addr, first_port: u16) -> Option<(Ipv4Addr, u16)> {
        let group = u32::from(first_group).checked_add(u32::from(self.number()))?;
        Some((group.into(), first_port.checked_add(self.number())?))
    }

    /// The name of a day's numbering, `A` the first. `trading_date` is yyyymmdd; what does not fit
    /// its field is cut to the last digits.
    #[must_use]
    pub fn session(self, trading_date: u32, numbering: u8) -> Session {
        let mut name = [0; 10];
        digits(&mut name[..6], trading_date);
        name[6] = self.product.code();
        digits(&mut name[7..9], u32::from(self.partition));
        name[9] = numbering;
        Session(name)
    }

    /// The channel that a session's name says; `None` for a name that is made otherwise.
    #[must_use]
    pub fn of_session(session: Session) -> Option<Channel> {
        let [_, _, _, _, _, _, product, tens, units, _] = session.0;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let partition = digit(tens)? * 10 + digit(units)?;
        Some(Channel { partition, product: Product::of_code(product)? })
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of partition {}", self.product, self.partition)
    }
}

/// Writes the last digits of `value`, as many as fit.
fn digits(field: &mut [u8], mut value: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const L3: Channel = Channel { partition: 0, product: Product::L3 };

    #[test]
    fn a_session_is_named_after_day_product_and_partition() {
        assert_eq!(L3.session(20_261_122, b'A').0, *b"261122300A");
        let channel = Channel { partition: 42, product: Product::L1 };
        assert_eq!(channel.session(20_050_103, b'B').0, *b"050103142B");
        assert_eq!(Channel::of_session(Session(*b"050103142B")), Some(channel));
        assert_eq!(Channel::of_session(Session(*b"0501039x2B")), None);
        assert!(Session::new(&L3.session(0, b'A').to_string()).is_some());
    }

    #[test]
    fn each_channel_has_a_number_and_an_address_of_its_own() {
        for number in 0..PARTITIONS_MAX * CHANNELS_PER_PARTITION {
            if let Some(channel) = Channel::of_number(number) {
                assert_eq!(channel.number(), number);
            }
        }
        assert_eq!(Channel::of_number(7), None, "seven products");
        let channel = Channel { partition: 31, ..L3 };
        let first = Ipv4Addr::new(239, 77, 1, 1);
        assert_eq!(channel.address(first, 40_000), Some((Ipv4Addr::new(239, 77, 1, 251), 40_250)));
        assert_eq!(channel.address(first, 65_500), None, "no such port");
    }

    #[test]
    fn a_product_is_found_by_its_code_and_its_name() {
        for product in Product::ALL {
            assert_eq!(Product::of_code(product.code()), Some(product));
            assert_eq!(Product::of_word(product.word()), Some(product));
        }
        assert_eq!((Product::of_code(b'9'), Product::of_word("l4")), (None, None));
    }
}
