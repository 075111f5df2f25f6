//! Trading against one side of a book, maker by maker.
//!
//! The sweep knows who is next; whether they trade is the taker's word, so that self-trade
//! prevention, fees and reports stay outside. It stops after a number of steps, and its caller
//! goes on later with what is left.

use super::books::{Books, ladder_of};
use super::{BookIndex, NIL, OrderSlot, Resting};
use crate::types::{OrderId, Price, Quantity, Side};

/// What a taker does about the next maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meet {
    /// Trade with it, as much as both have.
    Trade,
    /// Take the maker out of the book, then meet the next one.
    CancelMaker,
    /// End the sweep; the maker stays.
    Stop,
}

/// Decides and receives what happens in a sweep. Per maker: `meet`, then `filled` or `canceled`
/// according to its answer.
pub trait Taker {
    /// Before each maker.
    fn meet(&mut self, slot: OrderSlot, maker: &Resting) -> Meet;

    /// It traded `quantity` at the maker's price. `maker` is as it was before; if it is filled
    /// whole it leaves its slot after this returns.
    fn filled(&mut self, slot: OrderSlot, maker: &Resting, quantity: Quantity);

    /// The maker is canceled; it leaves its slot after this returns.
    fn canceled(&mut self, slot: OrderSlot, maker: &Resting);
}

/// How a sweep went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What the taker still wants.
    pub leaves: Quantity,
    /// Why it ended.
    pub end: SweepEnd,
}

/// Why a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepEnd {
    /// Nothing is left to trade.
    Filled,
    /// Something is left, and no order rests within the limit.
    NoMoreMakers,
    /// The taker said [`Meet::Stop`].
    Stopped,
    /// Something is left, and another order within the limit, but the steps are used up.
    StepsUsed,
}

impl Books {
    /// Trades an order of `side` against the other side of the book, best price first and in
    /// time order, as long as prices are within `limit`. Each trade and each canceled maker is a
    /// step; at most `steps_max` are done.
    #[inline]
    pub fn sweep<T: Taker>(
        &mut self,
        book: BookIndex,
        side: Side,
        limit: Price,
        quantity: Quantity,
        steps_max: usize,
        taker: &mut T,
    ) -> Sweep {
        let makers = side.opposite();
        let ladder = ladder_of(book, makers);
        let mut leaves = quantity.0;
        let mut steps = 0;
        let end = loop {
            if leaves == 0 {
                break SweepEnd::Filled;
            }
            let best = self.ladders[ladder].best;
            if best == NIL {
                break SweepEnd::NoMoreMakers;
            }
            let level = &mut self.levels.nodes[best as usize];
            if !side.accepts(limit, level.price) {
                break SweepEnd::NoMoreMakers;
            }
            if steps == steps_max {
                break SweepEnd::StepsUsed;
            }
            steps += 1;

            let slot = level.head;
            let order = &mut self.orders[slot as usize];
            let maker = Resting {
                id: OrderId(order.id),
                side: makers,
                price: level.price,
                quantity: Quantity(order.quantity),
                book,
            };
            match taker.meet(OrderSlot(slot), &maker) {
                Meet::Trade => {
                    let fill = leaves.min(order.quantity);
                    leaves -= fill;
                    taker.filled(OrderSlot(slot), &maker, Quantity(fill));
                    if fill == order.quantity {
                        self.detach(slot);
                    } else {
                        order.quantity -= fill;
                        level.quantity -= fill;
                    }
                }
                Meet::CancelMaker => {
                    taker.canceled(OrderSlot(slot), &maker);
                    self.detach(slot);
                }
                Meet::Stop => break SweepEnd::Stopped,
            }
        };
        Sweep { leaves: Quantity(leaves), end }
    }
}
