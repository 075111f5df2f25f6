//! The network of a drill: what is under way, and what becomes of a datagram on a bad line.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::market::Random;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MS;

/// One way to somewhere, and what it does to datagrams.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Datagrams lost, of a thousand, each by itself.
    pub(crate) loss_per_mille: u64,
    /// Datagrams that come twice, of a thousand.
    pub(crate) double_per_mille: u64,
    /// From when to when nothing gets through.
    pub(crate) dead: Vec<Range<u64>>,
    pub(crate) delay_ns: u64,
    /// What a datagram may take longer than the one before it: reordering.
    pub(crate) jitter_ns: u64,
}

impl Default for Line {
    /// 50 us and nothing lost.
    fn default() -> Line {
        Line {
            loss_per_mille: 0,
            double_per_mille: 0,
            dead: Vec::new(),
            delay_ns: 50_000,
            jitter_ns: 0,
        }
    }
}

impl Line {
    pub(crate) fn lossy(loss_per_mille: u64) -> Line {
        Line { loss_per_mille, ..Line::default() }
    }

    pub(crate) fn dead(dead: Range<u64>) -> Line {
        Line { dead: [dead].into(), ..Line::default() }
    }

    /// When copies of a datagram that is sent now arrive: none, one or two.
    pub(crate) fn arrivals(&self, random: &mut Random, now_ns: u64) -> Vec<u64> {
        let lost = random.per_mille(self.loss_per_mille);
        let doubled = random.per_mille(self.double_per_mille);
        let dead = self.dead.iter().any(|dead| dead.contains(&now_ns));
        let copies = if lost || dead { 0 } else { 1 + u64::from(doubled) };
        let delay_ns = |_| now_ns + self.delay_ns + random.below(self.jitter_ns);
        (0..copies).map(delay_ns).collect()
    }
}

/// What is under way, by the time of its arrival.
#[derive(Debug)]
pub(crate) struct UnderWay<T> {
    arrivals: BTreeMap<(u64, u64), T>,
    sent: u64,
}

impl<T> UnderWay<T> {
    pub(crate) fn new() -> UnderWay<T> {
        UnderWay { arrivals: BTreeMap::new(), sent: 0 }
    }

    pub(crate) fn send(&mut self, arrives_ns: u64, what: T) {
        self.sent += 1;
        self.arrivals.insert((arrives_ns, self.sent), what);
    }

    /// What arrives next, not after `now_ns`, and when.
    pub(crate) fn receive(&mut self, now_ns: u64) -> Option<(u64, T)> {
        let entry = self.arrivals.first_entry().filter(|entry| entry.key().0 <= now_ns)?;
        let ((arrives_ns, _), what) = entry.remove_entry();
        Some((arrives_ns, what))
    }
}
