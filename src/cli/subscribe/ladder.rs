//! One instrument's market as people look at it: a ladder of bids and asks, live.
//!
//! ```text
//!  books, choice ─▶ View ─┬▶ draw     a terminal, ten times a second
//!                         ├▶ line     a pipe, a line each second
//!                         └▶ json     a program, an object each second
//! ```
//!
//! A view holds what is shown at one moment and nothing of how: so what is drawn follows from it
//! alone. `screen.rs` is the only file that touches a terminal.

mod choice;
mod draw;
mod lines;
mod screen;
#[cfg(test)]
mod tests;

pub(super) use choice::Choice;
pub(super) use screen::{Key, Screen};

use isochron_feeds::channel::Product;
use isochron_messages::Side;

/// How much of a market is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Level {
    /// Best bid and offer, last trade, statistics.
    L1,
    /// Price levels.
    L2,
    /// Every order.
    L3,
}

impl Level {
    /// The most that a product can show.
    pub(super) fn of(product: Product) -> Self {
        match product {
            Product::L1 | Product::L1Conflated => Self::L1,
            Product::L3 => Self::L3,
            _ => Self::L2,
        }
    }

    /// Its name, as on the command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::L3 => "l3",
        }
    }

    /// What the third number of a row is.
    fn detail(self) -> &'static str {
        if self == Self::L3 { "order" } else { "orders" }
    }
}

/// A line of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// In 1/10,000 of the currency unit.
    pub(super) price: i64,
    /// Shares.
    pub(super) quantity: u64,
    /// On L3 the order's id, else how many orders there are.
    pub(super) detail: u64,
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traded {
    pub(super) price: i64,
    pub(super) quantity: u64,
    /// The side of the order that came later.
    pub(super) aggressor: Side,
}

/// What the day came to so far. Prices are `None` before the first trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) open: Option<i64>,
    pub(super) high: Option<i64>,
    pub(super) low: Option<i64>,
    pub(super) last: Option<i64>,
    /// Shares.
    pub(super) volume: u64,
    /// Money, in 1/10,000.
    pub(super) notional: i64,
    pub(super) trades: u64,
}

/// One instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Market {
    pub(super) instrument: u32,
    pub(super) symbol: String,
    /// Its phase, once that was said.
    pub(super) phase: Option<&'static str>,
    /// Whether what is shown is all there is.
    pub(super) complete: bool,
    /// Bids and asks, best first, in priority order.
    pub(super) sides: [Vec<Row>; 2],
    pub(super) last: Option<Traded>,
    /// Where the feed tells it.
    pub(super) day: Option<Day>,
}

/// One line of the feed, as far as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineView {
    pub(super) datagrams: u64,
    /// Messages that the other line had and this one did not.
    pub(super) lost: u64,
}

/// Where the subscriber stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: String,
    pub(super) session: String,
    pub(super) next_sequence: u64,
    pub(super) messages_per_second: u64,
    pub(super) lines: Vec<LineView>,
    pub(super) gaps: u64,
    pub(super) lost: u64,
    pub(super) repaired_udp: u64,
    pub(super) repaired_tcp: u64,
    pub(super) snapshots: u64,
}

/// All that is shown at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) level: Level,
    /// `None` before an instrument is known, or where there is none of that symbol.
    pub(super) market: Option<Market>,
    /// The symbol that is waited for where there is no market.
    pub(super) wanted: Option<String>,
    /// Which of how many instruments, from 1.
    pub(super) place: (usize, usize),
    pub(super) status: Status,
    /// The last thing that was said about errors.
    pub(super) said: Option<String>,
}
