//! The runs of frames beyond the first hole, and so the holes between them.

use std::ops::Range;

use crate::limits::REPLICA_RUNS_MAX;
use crate::types::Position;

/// How a range lies to the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// In a hole, all of it.
    Free,
    /// In a run, all of it.
    Within,
    /// Partly in a run.
    Across,
}

/// Ranges in order that do not touch each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs(Vec<Range<Position>>);

impl Runs {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end(&self) -> Option<Position> {
        self.0.last().map(|run| run.end)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The index of the first run that ends beyond a position.
    fn after(&self, position: Position) -> usize {
        self.0.partition_point(|run| run.end <= position)
    }

    pub(super) fn relation(&self, range: &Range<Position>) -> Relation {
        match self.0.get(self.after(range.start)) {
            Some(run) if run.start <= range.start && range.end <= run.end => Relation::Within,
            Some(run) if run.start < range.end => Relation::Across,
            _ => Relation::Free,
        }
    }

    /// Whether a free range can be added: it makes no further run, or there may be one.
    pub(super) fn has_room(&self, range: &Range<Position>) -> bool {
        let touches = |run: &Range<Position>| run.start == range.end || run.end == range.start;
        let near = self.0.partition_point(|run| run.end < range.start);
        self.0.len() < REPLICA_RUNS_MAX || self.0[near..].iter().take(2).any(touches)
    }

    /// Adds a free range.
    pub(super) fn add(&mut self, range: Range<Position>) {
        let at = self.after(range.start);
        let joins_next = self.0.get(at).is_some_and(|next| next.start == range.end);
        let joins_last = at > 0 && self.0[at - 1].end == range.start;
        match (joins_last, joins_next) {
            (true, true) => {
                self.0[at - 1].end = self.0[at].end;
                self.0.remove(at);
            }
            (true, false) => self.0[at - 1].end = range.end,
            (false, true) => self.0[at].start = range.start,
            (false, false) => self.0.insert(at, range),
        }
    }

    /// Takes the first run out if it begins at a position.
    pub(super) fn take_at(&mut self, position: Position) -> Option<Range<Position>> {
        match self.0.first() {
            Some(run) if run.start == position => Some(self.0.remove(0)),
            _ => None,
        }
    }

    /// Takes out one run that a range lies across or within.
    pub(super) fn take_over(&mut self, range: &Range<Position>) -> Option<Range<Position>> {
        let at = self.after(range.start);
        match self.0.get(at) {
            Some(run) if run.start < range.end => Some(self.0.remove(at)),
            _ => None,
        }
    }

    /// The first hole at or beyond a position, before a run; what is before `from` is there.
    pub(super) fn next_gap(&self, from: Position) -> Option<Range<Position>> {
        let at = self.after(from);
        let run = self.0.get(at)?;
        match run.start > from {
            true => Some(from..run.start),
            false => self.0.get(at + 1).map(|next| run.end..next.start),
        }
    }

    #[cfg(test)]
    pub(super) fn ranges(&self) -> &[Range<Position>] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Random;

    const UNITS: usize = 60;

    /// A flag for each unit, and what follows from them.
    struct Twin([bool; UNITS]);

    impl Twin {
        fn runs(&self) -> Vec<Range<Position>> {
            let mut runs: Vec<Range<Position>> = Vec::new();
            for unit in (0..UNITS).filter(|unit| self.0[*unit]) {
                let (from, to) = (Position(unit as u64), Position(unit as u64 + 1));
                match runs.last_mut() {
                    Some(last) if last.end == from => last.end = to,
                    _ => runs.push(from..to),
                }
            }
            runs
        }

        fn next_gap(&self, from: usize) -> Option<Range<Position>> {
            let start = (from..UNITS).find(|unit| !self.0[*unit])?;
            let end = (start..UNITS).find(|unit| self.0[*unit])?;
            Some(Position(start as u64)..Position(end as u64))
        }
    }

    #[test]
    fn they_are_what_a_flag_for_each_unit_says() {
        let mut seen = [0; 3];
        for seed in 0..200 {
            let mut random = Random(seed);
            let (mut runs, mut twin) = (Runs::default(), Twin([false; UNITS]));
            for _ in 0..60 {
                let from = random.below(UNITS - 6);
                let to = from + 1 + random.below(6);
                let range = Position(from as u64)..Position(to as u64);
                let set = twin.0[from..to].iter().filter(|set| **set).count();
                let relation = match set {
                    0 => Relation::Free,
                    set if set == to - from => Relation::Within,
                    _ => Relation::Across,
                };
                assert_eq!(runs.relation(&range), relation, "{range:?} of {runs:?}");
                seen[relation as usize] += 1;
                match relation {
                    Relation::Free => {
                        assert!(runs.has_room(&range));
                        runs.add(range);
                        twin.0[from..to].fill(true);
                    }
                    Relation::Across if random.below(8) == 0 => {
                        while let Some(taken) = runs.take_over(&range) {
                            assert!(taken.start < range.end && taken.end > range.start);
                            twin.0[taken.start.get() as usize..taken.end.get() as usize]
                                .fill(false);
                        }
                        assert_eq!(runs.relation(&range), Relation::Free);
                    }
                    _ => {}
                }
                assert_eq!(runs.ranges(), twin.runs());
                for from in 0..UNITS {
                    assert_eq!(runs.next_gap(Position(from as u64)), twin.next_gap(from));
                }
            }
            while let Some(first) = runs.ranges().first().cloned() {
                assert_eq!(runs.take_at(Position(first.start.get() + 1)), None);
                assert_eq!(runs.take_at(first.start), Some(first));
            }
        }
        assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut runs = Runs::default();
        let range = |index: usize| Position(index as u64 * 2)..Position(index as u64 * 2 + 1);
        (0..REPLICA_RUNS_MAX).for_each(|index| runs.add(range(index)));
        assert!(!runs.has_room(&range(REPLICA_RUNS_MAX)));
        // What fills a hole makes none.
        let hole = range(7).end..range(8).start;
        assert!(runs.has_room(&hole));
        runs.add(hole);
        assert!(runs.has_room(&range(REPLICA_RUNS_MAX)));
    }
}
