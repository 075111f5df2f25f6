//! The order books: resting orders of every instrument by price and time, and the sweep that
//! trades against them.
//!
//! It decides priority and nothing else: who may trade, what it costs and what is written are
//! the caller's, through [`Taker`]. No clock, no bytes, no order that depends on a hash.
//!
//! ```text
//!  Books ─ one slab of orders, addressed by OrderSlot, shared by all books
//!    │       id ─▶ slot (index.rs)
//!    └─ BookIndex ─ bids, asks: a Ladder each (ladder.rs)
//!                     best ─▶ level ─▶ worse level ─▶ ...        price order
//!                              └─ order ─▶ order ─▶ ...          time order
//! ```
//!
//! Any price that fits an `i64` costs the same memory: a level exists only while an order rests
//! at it.
//!
//! # Example
//!
//! ```
//! use isochron::matching::{Books, Meet, OrderSlot, Resting, SweepEnd, Taker};
//! use isochron::types::{OrderId, Price, Quantity, Side};
//!
//! /// What happened, as text.
//! #[derive(Default)]
//! struct Tape(Vec<String>);
//!
//! impl Taker for Tape {
//!     fn meet(&mut self, _: OrderSlot, _: &Resting) -> Meet {
//!         Meet::Trade
//!     }
//!     fn filled(&mut self, _: OrderSlot, maker: &Resting, quantity: Quantity) {
//!         self.0.push(format!("#{} {quantity} @ {}", maker.id, maker.price));
//!     }
//!     fn canceled(&mut self, _: OrderSlot, _: &Resting) {}
//! }
//!
//! let mut books = Books::with_capacity(1_000);
//! let book = books.add_book(Price(100));
//!
//! // New: trade what crosses, rest what is left.
//! books.insert(book, OrderId(1), Side::Sell, Price(10_100), Quantity(50));
//! books.insert(book, OrderId(2), Side::Sell, Price(10_200), Quantity(50));
//! let mut tape = Tape::default();
//! let sweep = books.sweep(book, Side::Buy, Price(10_100), Quantity(70), 32, &mut tape);
//! assert_eq!(tape.0, ["#1 50 @ 10100"]);
//! assert_eq!((sweep.leaves, sweep.end), (Quantity(20), SweepEnd::NoMoreMakers));
//! books.insert(book, OrderId(3), Side::Buy, Price(10_100), sweep.leaves);
//!
//! // Immediate or cancel: the same without the rest.
//! let sweep = books.sweep(book, Side::Sell, Price(10_000), Quantity(5), 32, &mut tape);
//! assert_eq!(sweep.end, SweepEnd::Filled);
//!
//! // Best prices, and the quantity at a price.
//! let best = books.best(book, Side::Buy).unwrap();
//! assert_eq!((best.price, best.quantity, best.orders), (Price(10_100), Quantity(15), 1));
//! assert_eq!(books.quantity_at(book, Side::Sell, Price(10_200)), Quantity(50));
//!
//! // Replace: a smaller quantity keeps its place, anything else is a new arrival.
//! let slot = books.find(OrderId(2)).unwrap();
//! books.reduce(slot, Quantity(20));
//! books.remove(slot);
//! books.insert(book, OrderId(4), Side::Sell, Price(10_300), Quantity(30));
//!
//! // Cancel.
//! let canceled = books.remove(books.find(OrderId(3)).unwrap());
//! assert_eq!((canceled.side, canceled.quantity), (Side::Buy, Quantity(15)));
//! assert_eq!(books.live(), 1);
//! ```

mod ahead;
mod books;
mod check;
mod index;
mod ladder;
mod sweep;
#[cfg(test)]
mod tests;

pub use books::Books;
pub use sweep::{Meet, Sweep, SweepEnd, Taker};

use crate::types::{OrderId, Price, Quantity, Side};

/// Where a resting order is kept, dense from 0 and below the most orders that ever rested at
/// once: an index for parallel arrays. Used again after the order has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct OrderSlot(pub u32);

/// One instrument's book, dense from 0 in the order of [`Books::add_book`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct BookIndex(pub u32);

/// A copy of a resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The order.
    pub id: OrderId,
    /// The side it rests on.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// What is still open of it, never 0.
    pub quantity: Quantity,
    /// The book it rests in.
    pub book: BookIndex,
}

/// All resting orders of one side at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Their price.
    pub price: Price,
    /// The sum of their open quantities.
    pub quantity: Quantity,
    /// How many they are, never 0.
    pub orders: u32,
}

/// No slot: the end of a list, or a free place.
const NIL: u32 = u32::MAX;
