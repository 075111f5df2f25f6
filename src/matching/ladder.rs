//! The price levels of one side of a book, in price order, for any prices.
//!
//! Levels live in one slab for all books. Each side links its levels from best to worst, finds a
//! level near the best through a small table over the tick number, and any other one, or the
//! neighbor of a new one, through a binary radix tree over the bits of the price. A tree of that
//! kind needs no balancing: no choice of prices makes it deeper than 64, and a level costs the
//! same memory wherever it lies.
//!
//! ```text
//!  near[tick number mod 128] ─┐        tree: branch(bit 9)
//!                             ▼               ├ 0: level 10,000
//!  best ─▶ level 10,100 ─▶ level 10,000       └ 1: level 10,100
//! ```

use super::NIL;
use crate::types::{Price, Quantity, Side};

/// Entries of the table over the levels near the best: the span of an active market in ticks.
const NEAR: usize = 128;

/// Marks a tree reference to a level; without it, it is one to a branch.
const LEAF: u32 = 1 << 31;

/// What each operation touches of a level: half a cache line.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(super) struct LevelNode {
    pub(super) price: Price,
    /// The sum over its orders.
    pub(super) quantity: u64,
    /// First order in time.
    pub(super) head: u32,
    /// Last order in time.
    pub(super) tail: u32,
    /// How many orders; 0 only between creation and the first order, and while free.
    pub(super) orders: u32,
    /// The next worse level, or the next free one.
    pub(super) worse: u32,
}

const _: () = assert!(size_of::<LevelNode>() == 32);

/// What only the creation and the removal of a level touch.
#[derive(Clone, Copy)]
pub(super) struct LevelLinks {
    /// The next better level.
    pub(super) better: u32,
    /// Its branch of the tree, `NIL` where it is the root.
    pub(super) parent: u32,
}

/// A fork of the tree: below it, prices agree in all bits above `bit`.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// Which bit of the key decides; smaller at each step down.
    pub(super) bit: u32,
    /// `NIL` at the root; the next free branch while free.
    pub(super) parent: u32,
    /// References for the bit being 0 and 1.
    pub(super) children: [u32; 2],
}

/// One side of one book.
#[derive(Clone)]
pub(super) struct Ladder {
    pub(super) side: Side,
    /// The best level.
    pub(super) best: u32,
    /// The tree, `NIL` when empty.
    pub(super) root: u32,
    tick: Price,
    /// The tick is an odd number times 2 to this.
    tick_shift: u32,
    /// The inverse of that odd number modulo 2^64: dividing an aligned price by the tick is a
    /// shift and a multiplication.
    tick_inverse: u64,
    /// The level of a price near the best, or `NIL`, at the price's tick number modulo length.
    pub(super) near: [u32; NEAR],
}

impl Ladder {
    pub(super) fn new(side: Side, tick: Price) -> Ladder {
        let mut ladder = Ladder {
            side,
            best: NIL,
            root: NIL,
            tick,
            tick_shift: 0,
            tick_inverse: 1,
            near: [NIL; NEAR],
        };
        ladder.set_tick(tick);
        ladder
    }

    /// The tick steers only where `near` keeps a level; it must not change while there is one.
    pub(super) fn set_tick(&mut self, tick: Price) {
        assert!(tick.0 > 0, "tick {tick} is not positive");
        assert!(self.best == NIL, "tick changed while orders rest");
        self.tick = tick;
        self.tick_shift = tick.0.trailing_zeros();
        let odd = tick.0.cast_unsigned() >> self.tick_shift;
        // Newton: each round doubles the number of correct low bits, 3 at the start.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        self.tick_inverse = inverse;
    }

    pub(super) const fn is_aligned(&self, price: Price) -> bool {
        price.0 % self.tick.0 == 0
    }

    #[inline]
    pub(super) fn near_place(&self, price: Price) -> usize {
        let ticks = (price.0.cast_unsigned() >> self.tick_shift).wrapping_mul(self.tick_inverse);
        ticks as usize % NEAR
    }
}

/// The price as bits whose unsigned order is the price's.
#[inline]
pub(super) const fn key(price: Price) -> u64 {
    price.0.cast_unsigned() ^ (1 << 63)
}

#[inline]
const fn bit_of(key: u64, bit: u32) -> usize {
    (key >> bit & 1) as usize
}

/// The level behind a tree reference, if it is one.
#[inline]
pub(super) const fn leaf(reference: u32) -> Option<u32> {
    if reference & LEAF != 0 && reference != NIL { Some(reference & !LEAF) } else { None }
}

/// The levels of all ladders.
#[derive(Clone)]
pub(super) struct Levels {
    pub(super) nodes: Vec<LevelNode>,
    pub(super) links: Vec<LevelLinks>,
    pub(super) branches: Vec<Branch>,
    free_level: u32,
    free_branch: u32,
}

impl Levels {
    /// Room for one level per order, reserved but not touched: few orders have one alone.
    pub(super) fn with_capacity(orders: usize) -> Levels {
        Levels {
            nodes: Vec::with_capacity(orders),
            links: Vec::with_capacity(orders),
            branches: Vec::with_capacity(orders),
            free_level: NIL,
            free_branch: NIL,
        }
    }

    /// The level at a price.
    #[inline]
    pub(super) fn find(&self, ladder: &Ladder, price: Price) -> Option<u32> {
        let near = ladder.near[ladder.near_place(price)];
        if near != NIL && self.nodes[near as usize].price == price {
            return Some(near);
        }
        let level = self.closest(ladder, price)?;
        (self.nodes[level as usize].price == price).then_some(level)
    }

    /// The level at a price, made without orders if there is none.
    #[inline]
    pub(super) fn find_or_add(&mut self, ladder: &mut Ladder, price: Price) -> u32 {
        let place = ladder.near_place(price);
        let near = ladder.near[place];
        if near != NIL && self.nodes[near as usize].price == price {
            return near;
        }
        let level = self.find_or_add_far(ladder, price);
        // Of two levels that share a place the better one is wanted more often.
        if near == NIL || ladder.side.better(price, self.nodes[near as usize].price) {
            ladder.near[place] = level;
        }
        level
    }

    #[cold]
    #[inline(never)]
    fn find_or_add_far(&mut self, ladder: &mut Ladder, price: Price) -> u32 {
        let Some(closest) = self.closest(ladder, price) else {
            let level = self.take_level(price);
            ladder.root = level | LEAF;
            ladder.best = level;
            return level;
        };
        let different = key(price) ^ key(self.nodes[closest as usize].price);
        if different == 0 {
            return closest;
        }
        self.add_beside(ladder, price, different.ilog2())
    }

    /// A level that agrees with the price in as many leading bits as any.
    pub(super) fn closest(&self, ladder: &Ladder, price: Price) -> Option<u32> {
        if ladder.root == NIL {
            return None;
        }
        let key = key(price);
        let mut at = ladder.root;
        loop {
            if let Some(level) = leaf(at) {
                return Some(level);
            }
            let branch = &self.branches[at as usize];
            at = branch.children[bit_of(key, branch.bit)];
        }
    }

    /// Adds a level whose price first differs from all of some subtree in `bit`.
    fn add_beside(&mut self, ladder: &mut Ladder, price: Price, bit: u32) -> u32 {
        let key = key(price);
        let (mut at, mut parent) = (ladder.root, NIL);
        while leaf(at).is_none() && self.branches[at as usize].bit > bit {
            parent = at;
            let branch = &self.branches[at as usize];
            at = branch.children[bit_of(key, branch.bit)];
        }
        // All of the subtree lies on one side of the new price, and nothing else in between.
        let high = bit_of(key, bit);
        let mut neighbor = at;
        while leaf(neighbor).is_none() {
            neighbor = self.branches[neighbor as usize].children[high];
        }
        let neighbor = neighbor & !LEAF;

        let level = self.take_level(price);
        let branch = self.take_branch();
        let mut children = [at; 2];
        children[high] = level | LEAF;
        self.branches[branch as usize] = Branch { bit, parent, children };
        self.links[level as usize].parent = branch;
        self.set_parent(at, branch);
        self.replace_child(ladder, parent, at, branch);

        // The new level is better than its neighbor if it is higher among bids, lower among asks.
        if ladder.side.better(price, self.nodes[neighbor as usize].price) {
            let better = self.links[neighbor as usize].better;
            self.join(ladder, better, level);
            self.join(ladder, level, neighbor);
        } else {
            let worse = self.nodes[neighbor as usize].worse;
            self.join(ladder, neighbor, level);
            self.join(ladder, level, worse);
        }
        level
    }

    /// Takes an empty level out of its ladder.
    #[cold]
    #[inline(never)]
    pub(super) fn remove(&mut self, ladder: &mut Ladder, level: u32) {
        let LevelNode { price, worse, .. } = self.nodes[level as usize];
        let LevelLinks { better, parent } = self.links[level as usize];
        self.join(ladder, better, worse);
        let place = ladder.near_place(price);
        if ladder.near[place] == level {
            ladder.near[place] = NIL;
        }
        if parent == NIL {
            ladder.root = NIL;
        } else {
            let branch = self.branches[parent as usize];
            let other = usize::from(branch.children[0] == level | LEAF);
            let sibling = branch.children[other];
            self.set_parent(sibling, branch.parent);
            self.replace_child(ladder, branch.parent, parent, sibling);
            self.branches[parent as usize].parent = self.free_branch;
            self.free_branch = parent;
        }
        self.nodes[level as usize].orders = 0;
        self.nodes[level as usize].worse = self.free_level;
        self.free_level = level;
    }

    /// Makes two levels neighbors; `NIL` is the end on either side.
    #[inline]
    fn join(&mut self, ladder: &mut Ladder, better: u32, worse: u32) {
        if better == NIL {
            ladder.best = worse;
        } else {
            self.nodes[better as usize].worse = worse;
        }
        if worse != NIL {
            self.links[worse as usize].better = better;
        }
    }

    fn set_parent(&mut self, reference: u32, parent: u32) {
        match leaf(reference) {
            Some(level) => self.links[level as usize].parent = parent,
            None => self.branches[reference as usize].parent = parent,
        }
    }

    fn replace_child(&mut self, ladder: &mut Ladder, parent: u32, old: u32, new: u32) {
        if parent == NIL {
            ladder.root = new;
        } else {
            let children = &mut self.branches[parent as usize].children;
            children[usize::from(children[0] != old)] = new;
        }
    }

    fn take_level(&mut self, price: Price) -> u32 {
        let node = LevelNode { price, quantity: 0, head: NIL, tail: NIL, orders: 0, worse: NIL };
        let links = LevelLinks { better: NIL, parent: NIL };
        let level = self.free_level;
        if level == NIL {
            let level = self.nodes.len() as u32;
            assert!(level < LEAF - 1, "more levels than references");
            self.nodes.push(node);
            self.links.push(links);
            return level;
        }
        self.free_level = self.nodes[level as usize].worse;
        self.nodes[level as usize] = node;
        self.links[level as usize] = links;
        level
    }

    fn take_branch(&mut self) -> u32 {
        let branch = self.free_branch;
        if branch == NIL {
            self.branches.push(Branch { bit: 0, parent: NIL, children: [NIL; 2] });
            return self.branches.len() as u32 - 1;
        }
        self.free_branch = self.branches[branch as usize].parent;
        branch
    }

    /// How many levels are free.
    pub(super) fn free_levels(&self) -> usize {
        let some = |level: u32| (level != NIL).then_some(level);
        let next = |level: &u32| some(self.nodes[*level as usize].worse);
        std::iter::successors(some(self.free_level), next).count()
    }

    /// A level as others see it.
    #[inline]
    pub(super) fn view(&self, level: u32) -> super::Level {
        let node = &self.nodes[level as usize];
        super::Level { price: node.price, quantity: Quantity(node.quantity), orders: node.orders }
    }
}
