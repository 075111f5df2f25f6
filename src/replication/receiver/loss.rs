//! Finds what is missing in a received stream and asks for it again, several holes at once.
//!
//! ```text
//!   contiguous            received      heard: a heartbeat says so much was sent
//!  ──────┴....#######....####┴............┴
//!         [ 1 ]     [ 2 ]    [    3      ]     one request and one timer for each
//! ```
//!
//! A stock receiver asks for one hole at a time, so that each loss waits for the one before it.
//! Here each hole has a timer of its own. The first delay is the protocol's random back-off, drawn
//! for the few receivers there are: one of them asks, and its repair, which all hear, answers the
//! others. A request that brought nothing is repeated later and later, because it or its answer was
//! lost or the sender has a limit. A request begins where a frame does, which is known at the
//! beginning of a hole alone: of one that is longer than a request the rest is asked for when the
//! first part came.
//!
//! Source: Aeron transport protocol, data loss recovery; `aeron_loss_detector.c`.

use super::rebuild::Rebuild;
use crate::limits::{GAPS_WATCHED_MAX, MTU_BYTES, NAK_BYTES_MAX, NAKS_PER_CYCLE_MAX};
use crate::store::Terms;
use crate::types::{Nanos, Position, SplitMix64};

/// When a hole is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NakTiming {
    /// Waits at least so long, so that what only changed places on the way is no loss.
    pub delay_ns: u64,
    /// And a random time up to this, so that one of the receivers asks before the others.
    pub backoff_max_ns: u64,
    /// Receivers that may miss the same, at least 1: the more, the later most of them ask.
    pub group_size: u32,
    /// Asks again after so long, then after twice that, and so on.
    pub retry_ns: u64,
    /// But never waits longer than this.
    pub retry_max_ns: u64,
}

impl NakTiming {
    /// One receiver: asks at once, again after 100 us (Aeron's for unicast), then less and less.
    pub const UNICAST: Self = Self {
        delay_ns: 1_000,
        backoff_max_ns: 0,
        group_size: 1,
        retry_ns: 100_000,
        retry_max_ns: 50_000_000,
    };

    /// A few receivers in one network, where a repair takes some tens of microseconds.
    pub const SMALL_GROUP: Self = Self {
        delay_ns: 20_000,
        backoff_max_ns: 400_000,
        group_size: 3,
        retry_ns: 1_000_000,
        retry_max_ns: 50_000_000,
    };

    /// The protocol's back-off for a uniform `draw` from 0 to below 1: `T/l * ln(1 + u (e^l - 1))`
    /// with `l = ln(group size) + 1`.
    fn backoff_ns(&self, draw: f64) -> u64 {
        let lambda = f64::from(self.group_size.max(1)).ln() + 1.0;
        (self.backoff_max_ns as f64 / lambda * (draw * lambda.exp_m1()).ln_1p()) as u64
    }

    /// How long after the request number `asked` (from 1) the next one is due.
    fn retry_ns(&self, asked: u32) -> u64 {
        let doubled = self.retry_ns.saturating_mul(1 << asked.saturating_sub(1).min(30));
        doubled.min(self.retry_max_ns)
    }
}

/// What one request asks for: a hole, or the first part of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its first missing byte.
    pub from: Position,
    /// The first one behind it, in the same term or its end.
    pub to: Position,
}

impl Gap {
    /// Bytes of it.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.to.0 - self.from.0
    }
}

/// A hole and its timer.
#[derive(Clone, Copy, Debug)]
struct Watched {
    gap: Gap,
    due: Nanos,
    /// How often it was asked for, and up to where.
    asked: u32,
    asked_to: Position,
}

impl Watched {
    /// What remains of a hole that was watched: `gap` lies within it.
    fn now(self, gap: Gap, now: Nanos) -> Self {
        // No frame is longer: the next one is beyond what was asked for.
        let asked_part_came =
            gap.from > self.gap.from && gap.from.0 + MTU_BYTES as u64 > self.asked_to.0;
        match self.asked > 0 && asked_part_came {
            true => Self { gap, due: now, asked: 0, asked_to: gap.from },
            false => Self { gap, ..self },
        }
    }
}

/// Watches one stream. Calling order: `scan` after what arrived was inserted, then `poll` until
/// `None`; wake at `next_deadline`.
#[derive(Debug)]
pub(super) struct LossDetector {
    timing: NakTiming,
    random: SplitMix64,
    /// By position; never longer than made.
    watched: Vec<Watched>,
    /// Those of the scan before.
    before: Vec<Watched>,
    left_this_cycle: usize,
    /// Holes found, and their bytes.
    pub(super) found: u64,
    pub(super) found_bytes: u64,
}

impl LossDetector {
    pub(super) fn new(timing: NakTiming, seed: u64) -> Self {
        Self {
            timing,
            random: SplitMix64(seed),
            watched: Vec::with_capacity(GAPS_WATCHED_MAX),
            before: Vec::with_capacity(GAPS_WATCHED_MAX),
            left_this_cycle: 0,
            found: 0,
            found_bytes: 0,
        }
    }

    /// Forgets all holes: another stream, or nothing is asked for now.
    pub(super) fn clear(&mut self) {
        self.watched.clear();
    }

    /// Whether something is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.watched.is_empty()
    }

    /// Looks for holes up to `heard`, the end of what the sender is known to have sent. A hole
    /// that is only smaller now keeps its timer.
    pub(super) fn scan<R: Rebuild>(
        &mut self,
        rebuild: &R,
        terms: Terms,
        heard: Position,
        now: Nanos,
    ) {
        self.left_this_cycle = NAKS_PER_CYCLE_MAX;
        let mut from = rebuild.contiguous();
        if self.watched.is_empty() && from >= heard.max(rebuild.received()) {
            return;
        }
        std::mem::swap(&mut self.watched, &mut self.before);
        self.watched.clear();
        let mut old = 0;
        while self.watched.len() < GAPS_WATCHED_MAX {
            let Some(hole) = missing(rebuild, from, heard) else { break };
            // A request stays within a term; where the next one begins, a frame does.
            let gap = Gap { from: hole.from, to: hole.to.min(terms.next_base(hole.from)) };
            while self.before.get(old).is_some_and(|known| known.gap.to <= gap.from) {
                old += 1;
            }
            let known = self.before.get(old).filter(|known| known.gap.from < gap.to).copied();
            let watched = known.map_or_else(|| self.first_seen(gap, now), |old| old.now(gap, now));
            self.watched.push(watched);
            from = gap.to;
        }
    }

    fn first_seen(&mut self, gap: Gap, now: Nanos) -> Watched {
        self.found += 1;
        self.found_bytes += gap.bytes();
        let due = Nanos(now.0 + self.timing.delay_ns + self.backoff_ns());
        Watched { gap, due, asked: 0, asked_to: gap.from }
    }

    fn backoff_ns(&mut self) -> u64 {
        // 53 random bits are what an f64 holds.
        let draw = (self.random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        self.timing.backoff_ns(draw)
    }

    /// The next hole to ask for, if one is due and this cycle has asked for few enough.
    #[must_use]
    pub(super) fn poll(&mut self, now: Nanos) -> Option<Gap> {
        if self.left_this_cycle == 0 {
            return None;
        }
        let at = self.watched.iter().position(|watched| watched.due <= now)?;
        self.left_this_cycle -= 1;
        let backoff_ns = self.backoff_ns();
        let watched = &mut self.watched[at];
        watched.asked = watched.asked.saturating_add(1);
        watched.due = Nanos(now.0 + self.timing.retry_ns(watched.asked) + backoff_ns);
        let Gap { from, to } = watched.gap;
        watched.asked_to = to.min(Position(from.0 + NAK_BYTES_MAX));
        Some(Gap { from, to: watched.asked_to })
    }

    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        self.watched.iter().map(|watched| watched.due).min()
    }
}

/// The first hole at or after `from`. Behind the last received frame it reaches to what was heard.
fn missing<R: Rebuild>(rebuild: &R, from: Position, heard: Position) -> Option<Gap> {
    let between = rebuild.next_gap(from).filter(|hole| hole.end > hole.start);
    let hole = between.unwrap_or_else(|| rebuild.received().max(from)..heard);
    let gap = Gap { from: hole.start.max(from), to: hole.end };
    (gap.from < gap.to).then_some(gap)
}

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
