//! Checks everything the books believe of themselves; for tests.

use super::books::Books;
use super::ladder::{Ladder, key, leaf};
use super::{NIL, OrderSlot};
use crate::types::{OrderId, Price};

impl Books {
    /// Panics where a sum, a count, a link, an order of prices, the tree or the lookup by id is
    /// wrong. It visits every order: not for the trading path.
    pub fn invariants(&self) {
        let (mut live, mut levels) = (0, 0);
        for (at, ladder) in self.ladders.iter().enumerate() {
            let (ladder_orders, ladder_levels) = self.check_ladder(at, ladder);
            live += ladder_orders;
            levels += ladder_levels;
            assert_eq!(self.check_tree(ladder.root, NIL, 64), ladder_levels, "levels in the tree");
        }
        assert_eq!(self.live, live, "live orders");
        assert_eq!(self.index.count(), live, "indexed orders");
        let free = self.chain_length(self.free, |slot| self.orders[slot as usize].next);
        assert_eq!(free + live, self.orders.len(), "free slots");
        assert_eq!(self.levels.free_levels() + levels, self.levels.nodes.len(), "free levels");
    }

    /// Orders and levels of one side.
    fn check_ladder(&self, at: usize, ladder: &Ladder) -> (usize, usize) {
        let (mut orders, mut levels) = (0, 0);
        let (mut level, mut better) = (ladder.best, NIL);
        while level != NIL {
            let node = &self.levels.nodes[level as usize];
            assert_eq!(
                self.levels.links[level as usize].better, better,
                "link to the better level"
            );
            if better != NIL {
                let price = self.levels.nodes[better as usize].price;
                assert!(ladder.side.better(price, node.price), "{price} before {}", node.price);
            }
            assert!(ladder.is_aligned(node.price), "level {} is off the tick", node.price);
            assert_eq!(self.levels.find(ladder, node.price), Some(level), "level by price");
            orders += self.check_level(at, level);
            levels += 1;
            better = level;
            level = node.worse;
        }
        for (place, level) in ladder.near.iter().enumerate().filter(|near| *near.1 != NIL) {
            let price = self.levels.nodes[*level as usize].price;
            assert_eq!(self.levels.closest(ladder, price), Some(*level), "near level {price}");
            assert_eq!(ladder.near_place(price), place, "place of near level {price}");
        }
        (orders, levels)
    }

    /// Orders of one level.
    fn check_level(&self, ladder: usize, level: u32) -> usize {
        let node = &self.levels.nodes[level as usize];
        let (mut count, mut quantity) = (0, 0);
        let (mut slot, mut previous) = (node.head, NIL);
        while slot != NIL {
            let order = &self.orders[slot as usize];
            assert_eq!(order.level, level, "level of order {}", order.id);
            assert_eq!(order.ladder as usize, ladder, "ladder of order {}", order.id);
            assert_eq!(order.previous, previous, "link of order {}", order.id);
            assert!(order.quantity > 0, "order {} without quantity", order.id);
            assert_eq!(self.find(OrderId(order.id)), Some(OrderSlot(slot)), "order by id");
            count += 1;
            quantity += order.quantity;
            previous = slot;
            slot = order.next;
        }
        assert_eq!(node.tail, previous, "tail of level {}", node.price);
        assert_eq!(node.orders, count, "orders of level {}", node.price);
        assert_eq!(node.quantity, quantity, "quantity of level {}", node.price);
        assert!(count > 0, "level {} without orders", node.price);
        count as usize
    }

    /// Levels of a subtree, all of whose forks are below `bit_above`.
    fn check_tree(&self, reference: u32, parent: u32, bit_above: u32) -> usize {
        if reference == NIL {
            return 0;
        }
        if let Some(level) = leaf(reference) {
            assert_eq!(self.levels.links[level as usize].parent, parent, "parent of a level");
            return 1;
        }
        let branch = &self.levels.branches[reference as usize];
        assert_eq!(branch.parent, parent, "parent of a branch");
        assert!(branch.bit < bit_above, "branches descend");
        let sides = branch.children.map(|child| key(self.any_price(child)));
        assert_eq!((sides[0] ^ sides[1]).ilog2(), branch.bit, "the branch's bit decides");
        assert!(sides[0] < sides[1], "children in order");
        branch.children.map(|child| self.check_tree(child, reference, branch.bit)).iter().sum()
    }

    /// The price of one of the levels below.
    fn any_price(&self, mut reference: u32) -> Price {
        loop {
            match leaf(reference) {
                Some(level) => return self.levels.nodes[level as usize].price,
                None => reference = self.levels.branches[reference as usize].children[0],
            }
        }
    }

    fn chain_length(&self, first: u32, next: impl Fn(u32) -> u32) -> usize {
        let some = |at: u32| (at != NIL).then_some(at);
        std::iter::successors(some(first), |at| some(next(*at))).count()
    }
}
