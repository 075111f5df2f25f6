//! A deterministic stream of orders and cancels, the same bytes from the same seed, on which
//! matching engines are compared.
//!
//! Each symbol has a mid price that walks by single ticks. Of a thousand operations 90 are
//! aggressive (priced at the best opposite price or up to two ticks through it), the others
//! rest within 20 ticks of the mid or cancel a random live order, whichever brings the number of
//! live orders nearer to its target. Order ids are 1, 2, 3, ... over all symbols.
//!
//! To know the best prices and the live orders the stream keeps books of its own, in plain
//! sorted maps: they share nothing with `matching`, so their [`Totals`] are an oracle for it.
//! Draws are made by splitmix64 in a fixed order; changing one changes every byte after it.

use std::collections::BTreeMap;
use std::fmt;

use crate::types::{OrderId, Side};

pub(crate) use crate::types::SplitMix64;

/// Operations where nothing else is asked for.
pub const OPERATIONS_DEFAULT: u64 = 5_000_000;
/// Symbols where nothing else is asked for.
pub const SYMBOLS_DEFAULT: u16 = 100;
/// Live orders that each symbol tends to, where nothing else is asked for.
pub const LIVE_TARGET_DEFAULT: u32 = 1_000;
/// The seed of the published totals.
pub const SEED_DEFAULT: u64 = 20_261_122;

/// Bytes of an encoded operation.
pub const OPERATION_BYTES: usize = 20;

/// The mid price of symbol 0, in ticks; each next symbol starts 10 ticks higher.
const MID_START: i64 = 10_000;
/// How far a mid price walks from its start, in ticks.
const MID_WALK_MAX: i64 = 400;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A new limit order, good till canceled; what does not trade rests.
    New = 1,
    /// Cancels a live order.
    Cancel = 2,
}

/// One operation of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub kind: Kind,
    /// The symbol, from 0.
    pub symbol: u16,
    /// The side of the order, also of the one it cancels.
    pub side: Side,
    /// The limit in ticks, also of the order it cancels.
    pub price: u32,
    /// Shares; 0 in a cancel.
    pub quantity: u32,
    /// The new order, or the one to cancel.
    pub order_id: OrderId,
}

/// Why bytes are no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationError {
    /// The first byte is neither 1 (new) nor 2 (cancel).
    Kind(u8),
    /// The side is neither 0 (buy) nor 1 (sell).
    Side(u8),
    /// A new order without shares.
    Quantity(OrderId),
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperationError::Kind(kind) => write!(f, "operation {kind} is neither 1 nor 2"),
            OperationError::Side(side) => write!(f, "side {side} is neither 0 nor 1"),
            OperationError::Quantity(id) => write!(f, "order {id} is for 0 shares"),
        }
    }
}

impl std::error::Error for OperationError {}

/// Copies the bytes of a field at a fixed place.
fn field<const N: usize>(bytes: &[u8; OPERATION_BYTES], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

impl Operation {
    /// Little endian, packed: kind u8, symbol u16, side u8 (0 buy, 1 sell), price u32, quantity
    /// u32, order id u64.
    #[must_use]
    pub fn encode(&self) -> [u8; OPERATION_BYTES] {
        let mut bytes = [0; OPERATION_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1..3].copy_from_slice(&self.symbol.to_le_bytes());
        bytes[3] = self.side.index() as u8;
        bytes[4..8].copy_from_slice(&self.price.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.quantity.to_le_bytes());
        bytes[12..].copy_from_slice(&self.order_id.0.to_le_bytes());
        bytes
    }

    /// The inverse of [`Operation::encode`], for any bytes.
    pub fn decode(bytes: &[u8; OPERATION_BYTES]) -> Result<Operation, OperationError> {
        let kind = match bytes[0] {
            1 => Kind::New,
            2 => Kind::Cancel,
            other => return Err(OperationError::Kind(other)),
        };
        let side = match bytes[3] {
            0 => Side::Buy,
            1 => Side::Sell,
            other => return Err(OperationError::Side(other)),
        };
        let quantity = u32::from_le_bytes(field(bytes, 8));
        let order_id = OrderId(u64::from_le_bytes(field(bytes, 12)));
        if kind == Kind::New && quantity == 0 {
            return Err(OperationError::Quantity(order_id));
        }
        let symbol = u16::from_le_bytes(field(bytes, 1));
        let price = u32::from_le_bytes(field(bytes, 4));
        Ok(Operation { kind, symbol, side, price, quantity, order_id })
    }
}

/// What trades add up to; two engines that agree on it made the same trades in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeTotals {
    /// How many trades.
    pub trades: u64,
    /// Shares traded.
    pub quantity: u64,
    /// The sum of price times shares.
    pub notional: u128,
    /// FNV-1a over the words maker id, taker id, price and quantity of each trade.
    pub hash: u64,
}

impl Default for TradeTotals {
    fn default() -> Self {
        TradeTotals { trades: 0, quantity: 0, notional: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl TradeTotals {
    /// Adds a trade; the price in whatever unit the totals are to be in.
    #[inline]
    pub fn add(&mut self, maker: OrderId, taker: OrderId, price: u64, quantity: u64) {
        self.trades += 1;
        self.quantity += quantity;
        self.notional += u128::from(price) * u128::from(quantity);
        for word in [maker.0, taker.0, price, quantity] {
            self.hash = (self.hash ^ word).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl fmt::Display for TradeTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TradeTotals { trades, quantity, notional, hash } = self;
        write!(f, "trades {trades} qty {quantity} notional {notional} hash {hash:016x}")
    }
}

/// What the stream consists of so far, and what it must lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Orders priced to trade.
    pub aggressive: u64,
    /// Orders priced to rest.
    pub passive: u64,
    /// Cancels.
    pub cancels: u64,
    /// What a correct engine trades.
    pub trades: TradeTotals,
}

impl SplitMix64 {
    fn side(&mut self) -> Side {
        Side::BOTH[self.below(2) as usize]
    }

    /// 1 to 1,000 shares.
    fn quantity(&mut self) -> u32 {
        1 + self.below(1000) as u32
    }
}

/// No order: the end of a queue.
const NIL: u32 = u32::MAX;

/// A live order of the stream's own books.
#[derive(Clone, Copy, Debug)]
struct Live {
    id: OrderId,
    side: Side,
    price: u32,
    quantity: u32,
    /// Its place among the live orders of its symbol.
    place: u32,
    /// Its neighbors in the queue at its price.
    previous: u32,
    next: u32,
}

/// First and last order at a price.
type Queue = (u32, u32);

#[derive(Clone, Debug)]
struct Symbol {
    start: i64,
    mid: i64,
    bids: BTreeMap<u32, Queue>,
    asks: BTreeMap<u32, Queue>,
    /// Cancels draw from here: an order leaves by swapping the last one into its place.
    live: Vec<u32>,
}

impl Symbol {
    fn queues(&mut self, side: Side) -> &mut BTreeMap<u32, Queue> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn best(&self, side: Side) -> Option<(u32, u32)> {
        let best = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        };
        best.map(|(price, queue)| (*price, queue.0))
    }
}

/// The stream: an iterator over its operations.
///
/// It looks at nothing ahead: operation `n` is the same however many follow.
#[derive(Clone, Debug)]
pub struct OrderStream {
    remaining: u64,
    live_target: i64,
    random: SplitMix64,
    symbols: Vec<Symbol>,
    orders: Vec<Live>,
    free: Vec<u32>,
    last_id: u64,
    totals: Totals,
}

impl OrderStream {
    /// A stream of `operations` over `symbols`, which tend to `live_target` live orders each.
    ///
    /// Panics if there is no symbol.
    #[must_use]
    pub fn new(operations: u64, symbols: u16, live_target: u32, seed: u64) -> OrderStream {
        assert!(symbols > 0, "a stream without symbols");
        let symbol = |number: u16| {
            let start = MID_START + 10 * i64::from(number);
            let (bids, asks) = (BTreeMap::new(), BTreeMap::new());
            Symbol { start, mid: start, bids, asks, live: Vec::new() }
        };
        OrderStream {
            remaining: operations,
            live_target: i64::from(live_target),
            random: SplitMix64(seed),
            symbols: (0..symbols).map(symbol).collect(),
            orders: Vec::new(),
            free: Vec::new(),
            last_id: 0,
            totals: Totals::default(),
        }
    }

    /// What the operations so far consist of and lead to.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Orders that rest after the operations so far.
    #[must_use]
    pub fn live(&self) -> usize {
        self.symbols.iter().map(|symbol| symbol.live.len()).sum()
    }

    fn operation(&mut self) -> Operation {
        let number = self.random.below(self.symbols.len() as u64) as usize;
        self.walk(number);
        if self.random.below(1000) < 90 {
            let side = self.random.side();
            if let Some((best, _)) = self.symbols[number].best(side.opposite()) {
                return self.aggressive(number, side, best);
            }
        } else {
            let live = self.symbols[number].live.len();
            let share = (500 + self.live_target - live.cast_signed() as i64).clamp(50, 950);
            // The draw is made also where its result does not matter.
            let passive = self.random.below(1000).cast_signed() < share;
            if !passive && live > 0 {
                return self.cancel(number);
            }
        }
        self.passive(number)
    }

    /// Moves the mid price by a tick, one time in fifty.
    fn walk(&mut self, number: usize) {
        if self.random.below(50) == 0 {
            let step = if self.random.below(2) == 0 { -1 } else { 1 };
            let symbol = &mut self.symbols[number];
            if (symbol.mid + step - symbol.start).abs() <= MID_WALK_MAX {
                symbol.mid += step;
            }
        }
    }

    fn aggressive(&mut self, number: usize, side: Side, best: u32) -> Operation {
        let through = self.random.below(3) as u32;
        let price = match side {
            Side::Buy => best.wrapping_add(through),
            Side::Sell => best.wrapping_sub(through),
        };
        let quantity = self.random.quantity();
        self.totals.aggressive += 1;
        self.new_order(number, side, price, quantity)
    }

    fn passive(&mut self, number: usize) -> Operation {
        let side = self.random.side();
        let distance = 1 + self.random.below(20).cast_signed();
        let symbol = &self.symbols[number];
        let opposite = symbol.best(side.opposite()).map(|(price, _)| i64::from(price));
        let price = match side {
            Side::Buy => (symbol.mid - distance).min(opposite.map_or(i64::MAX, |ask| ask - 1)),
            Side::Sell => (symbol.mid + distance).max(opposite.map_or(i64::MIN, |bid| bid + 1)),
        };
        let quantity = self.random.quantity();
        self.totals.passive += 1;
        self.new_order(number, side, price as u32, quantity)
    }

    fn cancel(&mut self, number: usize) -> Operation {
        let live = &self.symbols[number].live;
        let slot = live[self.random.below(live.len() as u64) as usize];
        let Live { id, side, price, .. } = self.orders[slot as usize];
        self.leave(number, slot);
        self.totals.cancels += 1;
        let symbol = number as u16;
        Operation { kind: Kind::Cancel, symbol, side, price, quantity: 0, order_id: id }
    }

    /// Trades what crosses and rests what is left.
    fn new_order(&mut self, number: usize, side: Side, price: u32, quantity: u32) -> Operation {
        self.last_id += 1;
        let id = OrderId(self.last_id);
        let mut leaves = quantity;
        while leaves > 0 {
            let Some((best, slot)) = self.symbols[number].best(side.opposite()) else { break };
            let crosses = if side == Side::Buy { best <= price } else { best >= price };
            if !crosses {
                break;
            }
            let maker = &mut self.orders[slot as usize];
            let fill = leaves.min(maker.quantity);
            maker.quantity -= fill;
            leaves -= fill;
            self.totals.trades.add(maker.id, id, u64::from(best), u64::from(fill));
            if maker.quantity == 0 {
                self.leave(number, slot);
            }
        }
        if leaves > 0 {
            self.rest(number, id, side, price, leaves);
        }
        let symbol = number as u16;
        Operation { kind: Kind::New, symbol, side, price, quantity, order_id: id }
    }

    fn rest(&mut self, number: usize, id: OrderId, side: Side, price: u32, quantity: u32) {
        let slot = self.free.pop().unwrap_or(self.orders.len() as u32);
        let symbol = &mut self.symbols[number];
        let place = symbol.live.len() as u32;
        symbol.live.push(slot);
        let queue = symbol.queues(side).entry(price).or_insert((slot, NIL));
        let previous = std::mem::replace(&mut queue.1, slot);
        if previous != NIL {
            self.orders[previous as usize].next = slot;
        }
        let order = Live { id, side, price, quantity, place, previous, next: NIL };
        match self.orders.get_mut(slot as usize) {
            Some(free) => *free = order,
            None => self.orders.push(order),
        }
    }

    fn leave(&mut self, number: usize, slot: u32) {
        let Live { side, price, place, previous, next, .. } = self.orders[slot as usize];
        self.free.push(slot);
        let symbol = &mut self.symbols[number];
        symbol.live.swap_remove(place as usize);
        if let Some(moved) = symbol.live.get(place as usize) {
            self.orders[*moved as usize].place = place;
        }
        if previous == NIL && next == NIL {
            symbol.queues(side).remove(&price);
            return;
        }
        if previous != NIL {
            self.orders[previous as usize].next = next;
        }
        if next != NIL {
            self.orders[next as usize].previous = previous;
        }
        if previous == NIL || next == NIL {
            let queue = symbol.queues(side).get_mut(&price).expect("the queue of a live order");
            if previous == NIL {
                queue.0 = next;
            } else {
                queue.1 = previous;
            }
        }
    }
}

impl Iterator for OrderStream {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        self.remaining = self.remaining.checked_sub(1)?;
        Some(self.operation())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let remaining = usize::try_from(self.remaining);
        (remaining.unwrap_or(usize::MAX), remaining.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_survive_their_bytes() {
        let operation = Operation {
            kind: Kind::New,
            symbol: 0x0102,
            side: Side::Sell,
            price: 0x0304_0506,
            quantity: 0x0708_090A,
            order_id: OrderId(0x0B0C_0D0E_0F10_1112),
        };
        let bytes =
            [1, 2, 1, 1, 6, 5, 4, 3, 0x0A, 9, 8, 7, 0x12, 0x11, 0x10, 0x0F, 0x0E, 0x0D, 0x0C, 0x0B];
        assert_eq!(operation.encode(), bytes);
        assert_eq!(Operation::decode(&bytes), Ok(operation));
        for operation in OrderStream::new(1_000, 3, 50, 1) {
            assert_eq!(Operation::decode(&operation.encode()), Ok(operation));
        }
    }

    #[test]
    fn bytes_that_are_no_operation_are_refused() {
        let mut bytes = [0; OPERATION_BYTES];
        assert_eq!(Operation::decode(&bytes), Err(OperationError::Kind(0)));
        bytes[0] = 2;
        bytes[3] = 7;
        assert_eq!(Operation::decode(&bytes), Err(OperationError::Side(7)));
        bytes[0] = 1;
        bytes[3] = 1;
        bytes[12] = 9;
        assert_eq!(Operation::decode(&bytes), Err(OperationError::Quantity(OrderId(9))));
    }

    #[test]
    fn a_longer_stream_begins_with_the_shorter_one() {
        let short: Vec<_> = OrderStream::new(2_000, 5, 40, 7).collect();
        let long: Vec<_> = OrderStream::new(9_000, 5, 40, 7).take(2_000).collect();
        assert_eq!(short, long);
        let other: Vec<_> = OrderStream::new(2_000, 5, 40, 8).collect();
        assert_ne!(short, other);
    }
}
