//! What is missing, since when, and how far asking for it has come.
//!
//! ```text
//!             grace              no answer, `requests_max` times
//!   missed ──────────▶ Ask ─────────────────────────────────────▶ Replay
//!                       │  or more missing than UDP is for           │
//!                       └── an answer: what is left is asked anew    └── refused: a snapshot
//! ```
//!
//! Without a replay the last step is to wait until the patience is over.

use std::collections::VecDeque;

use super::event::Gap;
use super::options::Repair;
use crate::limits::GAPS_OPEN_MAX;

/// How a missing range is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// By UDP, at `due_ns`: again if it was asked for before.
    Ask,
    /// By replay.
    Replay,
    /// Nobody is asked.
    Wait,
}

/// A range that is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) gap: Gap,
    pub(super) since_ns: u64,
    stage: Stage,
    /// Requests by UDP since something of it last came so.
    asked: u8,
    due_ns: u64,
}

/// What to ask a re-request server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The messages.
    pub gap: Gap,
    /// Which request for them it is, from 1: above 1 an answer did not come, and another server
    /// may be better.
    pub attempt: u8,
}

/// All that is missing, in order.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    open: VecDeque<Missing>,
    messages: u64,
}

impl Gaps {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn front(&self) -> Option<&Missing> {
        self.open.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Gap> + '_ {
        self.open.iter().map(|missing| missing.gap)
    }

    fn missing(gap: Gap, repair: Option<&Repair>, now_ns: u64) -> Missing {
        let (stage, grace_ns) = match repair {
            Some(repair) => (Stage::Ask, repair.grace_ns),
            None => (Stage::Wait, 0),
        };
        let due_ns = now_ns.saturating_add(grace_ns);
        Missing { gap, since_ns: now_ns, stage, asked: 0, due_ns }
    }

    /// `gap` lies after all others.
    pub(super) fn push_back(&mut self, gap: Gap, repair: Option<&Repair>, now_ns: u64) {
        self.messages += gap.messages();
        self.open.push_back(Self::missing(gap, repair, now_ns));
    }

    /// `gap` lies before all others.
    pub(super) fn push_front(&mut self, gap: Gap, repair: Option<&Repair>, now_ns: u64) {
        self.messages += gap.messages();
        self.open.push_front(Self::missing(gap, repair, now_ns));
    }

    /// The last gap goes on up to `next`, and by replay; whether there is one.
    pub(super) fn extend_back(&mut self, next: u64) -> bool {
        let Some(last) = self.open.back_mut() else { return false };
        self.messages += next - last.gap.next;
        last.gap.next = next;
        last.stage = Stage::Replay;
        true
    }

    pub(super) fn back(&self) -> Option<Gap> {
        self.open.back().map(|missing| missing.gap)
    }

    pub(super) fn pop_front(&mut self) -> Option<Gap> {
        let gap = self.open.pop_front()?.gap;
        self.messages -= gap.messages();
        Some(gap)
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        let index = self.open.partition_point(|missing| missing.gap.next <= sequence);
        self.open.get(index).is_some_and(|missing| missing.gap.contains(sequence))
    }

    /// Takes one message out of what is missing; whether it was missing.
    pub(super) fn fill(&mut self, sequence: u64) -> bool {
        let index = self.open.partition_point(|missing| missing.gap.next <= sequence);
        let Some(found) = self.open.get_mut(index) else { return false };
        let Gap { first, next } = found.gap;
        if sequence < first {
            return false;
        }
        self.messages -= 1;
        match (sequence == first, sequence + 1 == next) {
            (true, true) => drop(self.open.remove(index)),
            (true, false) => found.gap.first += 1,
            (false, true) => found.gap.next -= 1,
            (false, false) => {
                found.gap.next = sequence;
                let rest = Missing { gap: Gap { first: sequence + 1, next }, ..*found };
                self.open.insert(index + 1, rest);
            }
        }
        true
    }

    /// Forgets what is before `next`.
    pub(super) fn cut_before(&mut self, next: u64) {
        while let Some(front) = self.open.front_mut().filter(|front| front.gap.first < next) {
            if front.gap.next > next {
                self.messages -= next - front.gap.first;
                front.gap.first = next;
                return;
            }
            self.pop_front();
        }
    }

    /// An answer by UDP brought something, up to `next`. If more was asked for, it did not fit the
    /// datagram: that is due at once, as if it had never been asked for.
    pub(super) fn answered(&mut self, next: u64, now_ns: u64) {
        let index = self.open.partition_point(|missing| missing.gap.next <= next);
        if let Some(rest) = self.open.get_mut(index)
            && rest.gap.first == next
            && rest.asked > 0
        {
            (rest.asked, rest.due_ns) = (0, now_ns);
        }
    }

    /// Hands what UDP did not bring, or is too much for it, to the replay.
    pub(super) fn escalate(&mut self, repair: &Repair, now_ns: u64) {
        let too_many = repair.replay && self.messages > repair.udp_messages_max;
        let last = if repair.replay { Stage::Replay } else { Stage::Wait };
        for missing in &mut self.open {
            let asked_enough = missing.asked >= repair.requests_max || !repair.uses_udp();
            let due = missing.stage == Stage::Ask && missing.due_ns <= now_ns;
            if due && (too_many || asked_enough) {
                missing.stage = last;
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.open.iter().filter(|missing| missing.stage == Stage::Ask && missing.asked > 0).count()
    }

    /// The next part to ask for by UDP, which is then in flight.
    pub(super) fn poll(&mut self, repair: &Repair, now_ns: u64) -> Option<Asked> {
        let may_ask = self.in_flight() < repair.requests_in_flight_max;
        let is_due = |missing: &Missing| {
            let due = missing.stage == Stage::Ask && missing.due_ns <= now_ns;
            due && missing.asked < repair.requests_max && (may_ask || missing.asked > 0)
        };
        let index = self.open.iter().position(is_due)?;
        let missing = &mut self.open[index];
        let rest = missing.gap.first.saturating_add(repair.part_max());
        let part = Gap { next: rest.min(missing.gap.next), ..missing.gap };
        let after = Missing { gap: Gap { first: part.next, ..missing.gap }, ..*missing };
        missing.asked += 1;
        missing.due_ns = now_ns.saturating_add(repair.retry_ns);
        let attempt = missing.asked;
        // The parts are asked for apart, unless they would be too many to keep.
        if after.gap.messages() > 0 && self.open.len() < GAPS_OPEN_MAX {
            self.open[index].gap = part;
            self.open.insert(index + 1, after);
        }
        Some(Asked { gap: part, attempt })
    }

    /// When something is to be asked for, or was asked for long enough.
    pub(super) fn next_due(&self, repair: &Repair) -> Option<u64> {
        let may_ask = self.in_flight() < repair.requests_in_flight_max;
        let counts = |missing: &&Missing| {
            missing.stage == Stage::Ask && (may_ask || missing.asked > 0 || !repair.uses_udp())
        };
        self.open.iter().filter(counts).map(|missing| missing.due_ns).min()
    }

    /// Whether nobody is asked for the oldest gap any more.
    pub(super) fn waits(&self) -> bool {
        self.open.front().is_some_and(|oldest| oldest.stage == Stage::Wait)
    }

    /// Whether something is to come by replay.
    pub(super) fn wants_replay(&self) -> bool {
        self.open.iter().any(|missing| missing.stage == Stage::Replay)
    }
}
