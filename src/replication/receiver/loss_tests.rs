//! When holes are asked for: the back-off's distribution, and the order of requests.

use super::*;

#[test]
fn the_back_off_is_the_protocols() {
    // Aeron's defaults, for which its documentation and captures give the mean and the median.
    let timing = NakTiming { backoff_max_ns: 10_000_000, group_size: 10, ..NakTiming::SMALL_GROUP };
    let draws = 100_000;
    let all: Vec<_> =
        (0..draws).map(|n| timing.backoff_ns((f64::from(n) + 0.5) / f64::from(draws))).collect();
    assert!(all.is_sorted() && all[0] < 1_000 && all[draws as usize - 1] <= 10_000_000);
    let mean = all.iter().sum::<u64>() / draws as u64;
    assert!((7_340_000..7_360_000).contains(&mean), "{mean}");
    let median = all[draws as usize / 2];
    assert!((7_950_000..8_050_000).contains(&median), "{median}");
    // One receiver alone, and one that does not wait.
    assert_eq!(NakTiming { backoff_max_ns: 0, ..timing }.backoff_ns(0.7), 0);
    assert_eq!(NakTiming { group_size: 1, ..timing }.backoff_ns(0.0), 0);
}

#[test]
fn requests_come_less_and_less_often() {
    let timing = NakTiming { retry_ns: 100, retry_max_ns: 1_000, ..NakTiming::UNICAST };
    let waits: Vec<_> = (1..=6).map(|asked| timing.retry_ns(asked)).collect();
    assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
    assert_eq!(timing.retry_ns(u32::MAX), 1_000);
}

/// Holes at the even hundreds of frames of 32 bytes, so many of them.
struct Holes(usize);

impl Rebuild for Holes {
    fn geometry(&self) -> Option<super::super::Geometry> {
        None
    }

    fn join(
        &mut self,
        _: &crate::replication::frame::Setup,
    ) -> Result<(), super::super::SetupRefused> {
        Ok(())
    }

    fn insert(&mut self, _: Position, _: &[u8]) -> super::super::Verdict {
        super::super::Verdict::Known
    }

    fn make_room(&mut self) {}

    fn consumed(&self) -> Position {
        Position(0)
    }

    fn contiguous(&self) -> Position {
        Position(0)
    }

    fn window_end(&self) -> Position {
        self.received()
    }

    fn received(&self) -> Position {
        Position(self.0 as u64 * 6_400)
    }

    fn next_gap(&self, from: Position) -> Option<std::ops::Range<Position>> {
        let hole = from.0.div_ceil(6_400) * 6_400;
        (hole < self.received().0).then(|| Position(hole)..Position(hole + 3_200))
    }
}

#[test]
fn many_holes_are_watched_and_asked_for_within_bounds() {
    let terms = Terms::new(1024 * 1024).unwrap();
    let mut loss = LossDetector::new(NakTiming::UNICAST, 1);
    let holes = Holes(100);
    loss.scan(&holes, terms, holes.received(), Nanos(0));
    assert_eq!(loss.found, GAPS_WATCHED_MAX as u64);
    let mut asked = Vec::new();
    for cycle in 0..GAPS_WATCHED_MAX / NAKS_PER_CYCLE_MAX {
        loss.scan(&holes, terms, holes.received(), Nanos(1_000));
        let before = asked.len();
        while let Some(gap) = loss.poll(Nanos(1_000)) {
            asked.push(gap.from.0);
        }
        assert_eq!(asked.len() - before, NAKS_PER_CYCLE_MAX, "cycle {cycle}");
    }
    assert!(asked.iter().enumerate().all(|(at, from)| *from == at as u64 * 6_400), "{asked:?}");
    assert_eq!(loss.poll(Nanos(1_000)), None);
    assert_eq!(loss.next_deadline(), Some(Nanos(101_000)));
    assert_eq!(loss.found, GAPS_WATCHED_MAX as u64, "none is found twice");
}
