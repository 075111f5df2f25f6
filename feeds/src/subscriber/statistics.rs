//! What came from where, and what was made of it.
//!
//! A message is *lost on a line* when a later one came on that line and it did not. That is known
//! only afterwards, and can still turn out to be reordering, so each line remembers its latest
//! holes: a bounded number, and what is forgotten stays lost.

use std::collections::VecDeque;

use super::event::Gap;
use super::state::{LineState, SILENCE_NS};
use crate::limits::LINE_HOLES_MAX;

/// Where messages come from. All of them carry the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first line.
    LineA,
    /// The second line.
    LineB,
    /// Answers to re-requests by UDP.
    Retransmission,
    /// A replay over TCP.
    Replay,
}

impl Source {
    /// All of them.
    pub const ALL: [Source; 4] =
        [Source::LineA, Source::LineB, Source::Retransmission, Source::Replay];

    /// Whether it is one of the two lines.
    #[must_use]
    pub fn is_line(self) -> bool {
        matches!(self, Source::LineA | Source::LineB)
    }

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Source::LineA => "line A",
            Source::LineB => "line B",
            Source::Retransmission => "re-request",
            Source::Replay => "replay",
        }
    }
}

/// What came from one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStatistics {
    /// Datagrams, refused ones too.
    pub datagrams: u64,
    /// Messages that were new. Those of [`Source::Retransmission`] and [`Source::Replay`] are
    /// what UDP and TCP repaired.
    pub messages: u64,
    /// Messages that this source had not brought before, but another one had, or that are past.
    pub late: u64,
    /// Messages that this source had brought before.
    pub duplicates: u64,
    /// Heartbeats and ends of session.
    pub heartbeats: u64,
    /// A line's messages that never came on it although later ones did.
    pub lost: u64,
    /// Messages known to exist after the last one that came on a line: on their way, or lost.
    pub behind: u64,
}

/// What was made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages delivered.
    pub delivered: u64,
    /// Messages given up.
    pub lost: u64,
    /// Messages that a snapshot stood for, instead of their being delivered.
    pub covered: u64,
    /// Snapshots that were joined with.
    pub snapshots: u64,
    /// Times that messages were found missing.
    pub gaps: u64,
    /// Missing messages that still came in time, from wherever.
    pub recovered: u64,
    /// Requests by UDP.
    pub requests: u64,
    /// The most messages held at once.
    pub held_peak: u64,
    /// Messages that came and could not be held: a replay brings them again.
    pub unheld: u64,
    /// Datagrams that were no packets.
    pub malformed: u64,
    /// Datagrams of another session, or of one that had ended.
    pub foreign_session: u64,
    /// Datagrams, messages and snapshots too far ahead, past the end, too old, or never asked for.
    pub out_of_range: u64,
}

/// What is remembered of one source.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) counted: SourceStatistics,
    /// The first message that has not come on it yet; 0 before anything has.
    next: u64,
    /// What did not come before `next`, in order.
    holes: VecDeque<Gap>,
    heard_ns: u64,
}

impl Track {
    /// The line said something of the session. What is before `base` is no concern.
    pub(super) fn hear(&mut self, base: u64, now_ns: u64) {
        self.heard_ns = self.heard_ns.max(now_ns);
        if self.next == 0 {
            self.next = base;
        }
    }

    /// Messages `[first, next)` came on this line; how many of them for the first time. An empty
    /// range says that what is before it has been sent.
    #[inline]
    pub(super) fn note(&mut self, first: u64, next: u64) -> u64 {
        if first == self.next {
            self.next = next;
            return next - first;
        }
        self.note_out_of_order(first, next)
    }

    fn note_out_of_order(&mut self, first: u64, next: u64) -> u64 {
        if first > self.next {
            if self.holes.len() == LINE_HOLES_MAX {
                self.holes.pop_front();
            }
            self.holes.push_back(Gap { first: self.next, next: first });
            self.counted.lost += first - self.next;
            self.next = next;
            return next - first;
        }
        let filled = if first < next { self.fill(first, next.min(self.next)) } else { 0 };
        self.counted.lost -= filled;
        let fresh = next.saturating_sub(self.next);
        self.next = self.next.max(next);
        filled + fresh
    }

    /// Takes a range out of the holes; how many messages of it they had.
    fn fill(&mut self, first: u64, next: u64) -> u64 {
        let mut filled = 0;
        let mut index = self.holes.partition_point(|hole| hole.next <= first);
        while let Some(&hole) = self.holes.get(index).filter(|hole| hole.first < next) {
            let (start, end) = (hole.first.max(first), hole.next.min(next));
            filled += end - start;
            let before = Gap { first: hole.first, next: start };
            let after = Gap { first: end, next: hole.next };
            self.holes.remove(index);
            for rest in [before, after] {
                if rest.messages() > 0 && self.holes.len() < LINE_HOLES_MAX {
                    self.holes.insert(index, rest);
                    index += 1;
                }
            }
        }
        filled
    }

    /// What was counted, with `known` messages known to exist.
    pub(super) fn statistics(&self, known: u64) -> SourceStatistics {
        let behind = if self.next == 0 { 0 } else { known.saturating_sub(self.next) };
        SourceStatistics { behind, ..self.counted }
    }

    pub(super) fn line_state(&self, now_ns: u64) -> LineState {
        let silence_ns = now_ns.saturating_sub(self.heard_ns);
        match self.next {
            0 => LineState::Unheard,
            _ if silence_ns >= SILENCE_NS => LineState::Silent(silence_ns),
            _ => LineState::Live,
        }
    }
}
