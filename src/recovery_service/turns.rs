//! Whose turn it is: each connection with work has one slice in a round, in an order that is drawn
//! anew for every round.
//!
//! So nobody is served first because of when or where it logged in, and nobody is served twice
//! while another waits. A round may last several cycles of the agent; who asks meanwhile is in the
//! next one.

/// Draws rounds from a seed. Calling order: `ask` at any time, `begin`, then `next` until `None` or
/// until the cycle has done enough.
pub(super) struct Turns {
    seed: u64,
    /// Those of this round who were not served yet; the last one is next.
    round: Vec<usize>,
    /// Those of the next round.
    asking: Vec<usize>,
    /// Who is in `asking`, by place.
    asks: Vec<bool>,
}

impl Turns {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, round: Vec::new(), asking: Vec::new(), asks: Vec::new() }
    }

    /// A place has work: it gets a turn in the next round, one however often it asks.
    pub(super) fn ask(&mut self, place: usize) {
        if self.asks.len() <= place {
            self.asks.resize(place + 1, false);
        }
        if !std::mem::replace(&mut self.asks[place], true) {
            self.asking.push(place);
        }
    }

    /// Draws the next round where this one is over.
    pub(super) fn begin(&mut self) {
        if !self.round.is_empty() {
            return;
        }
        std::mem::swap(&mut self.round, &mut self.asking);
        self.round.iter().for_each(|place| self.asks[*place] = false);
        // Fisher and Yates.
        for last in (1..self.round.len()).rev() {
            let other = (splitmix64(&mut self.seed) % (last as u64 + 1)) as usize;
            self.round.swap(last, other);
        }
    }

    /// The next place of this round.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.round.pop()
    }
}

/// The pseudo-random generator splitmix64: the same numbers from the same seed.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(turns: &mut Turns) -> Vec<usize> {
        turns.begin();
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn everyone_has_one_turn_in_a_round() {
        let mut turns = Turns::new(1);
        for _ in 0..3 {
            (0..100).for_each(|place| turns.ask(place));
        }
        let mut served = round(&mut turns);
        served.sort_unstable();
        assert_eq!(served, (0..100).collect::<Vec<_>>());
        assert!(round(&mut turns).is_empty());
    }

    #[test]
    fn who_asks_in_the_middle_of_a_round_is_in_the_next() {
        let mut turns = Turns::new(2);
        (0..3).for_each(|place| turns.ask(place));
        turns.begin();
        let first = turns.next().unwrap();
        turns.ask(first);
        turns.begin();
        let others = [turns.next().unwrap(), turns.next().unwrap()];
        assert!(!others.contains(&first), "twice while others wait");
        assert_eq!(turns.next(), None);
        assert_eq!(round(&mut turns), [first]);
    }

    /// Over many rounds each of four is at each place a quarter of the time. The bound is six
    /// standard deviations of a binomial of 4,000 draws at 1/4; the seed is fixed.
    #[test]
    fn the_order_of_logins_is_not_the_order_of_service() {
        let mut turns = Turns::new(20_261_122);
        let mut counts = [[0_i32; 4]; 4];
        for _ in 0..4_000 {
            (0..4).for_each(|place| turns.ask(place));
            for (at, place) in round(&mut turns).into_iter().enumerate() {
                counts[place][at] += 1;
            }
        }
        for count in counts.into_iter().flatten() {
            assert!((count - 1_000).abs() < 165, "{counts:?}");
        }
    }

    #[test]
    fn a_seed_says_the_order() {
        let order = |seed| {
            let mut turns = Turns::new(seed);
            (0..50).for_each(|place| turns.ask(place));
            round(&mut turns)
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
