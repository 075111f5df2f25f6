//! When the sender is told how far the receiver is: flow control, never an acknowledgement.
//!
//! A status message goes out at once on joining, whenever what the sender may send has grown by a
//! quarter of the window, and every 200 ms. Unlike a stock receiver's, the timer's carries the
//! position of now, and a sender that says it stands at the limit it was given is told again at
//! once: its limit has moved, or the message that moved it was lost.
//!
//! Source: Aeron transport protocol, flow control; `aeron_publication_image.c`.

use crate::limits::MTU_BYTES;
use crate::types::{Nanos, Position};

/// Time from one status message to the next where nothing is consumed (Aeron).
const STATUS_NS: u64 = 200_000_000;

/// A leaving receiver says so this often, because nobody answers (Aeron).
const GOODBYES: u32 = 5;

/// No limit, before the first was told: beyond all terms.
const UNTOLD: Position = Position(u64::MAX / 2);

/// What the receiver takes: everything from one position to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// What is before it was consumed.
    pub(super) from: Position,
    /// The sender's limit.
    pub(super) to: Position,
}

/// What a status message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// So much was consumed, and is taken.
    Consumed(Window),
    /// The receiver leaves; nobody need wait for it.
    Goodbye(Window),
}

/// How the sender stands to this receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is told nothing.
    Quiet,
    /// It is told what was consumed.
    Consuming,
    /// It is told goodbye so many times more.
    Leaving(u32),
}

/// Decides when. Calling order: `on_window` and `on_heartbeat` as they come, then `poll`; wake at
/// `next_deadline`.
#[derive(Debug)]
pub(super) struct StatusSchedule {
    stage: Stage,
    /// The limits that the last status messages told, oldest first. Each step is a quarter of the
    /// window, so that a sender that goes on has not used up the oldest.
    limits: [Position; 4],
    due: Nanos,
}

impl StatusSchedule {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Quiet, limits: [UNTOLD; 4], due: Nanos(0) }
    }

    /// From now on the sender is told, the first time at once.
    pub(super) fn begin(&mut self, now: Nanos) {
        (self.stage, self.due) = (Stage::Consuming, now);
        self.limits = [UNTOLD; 4];
    }

    /// The sender is told again at once.
    pub(super) fn remind(&mut self, now: Nanos) {
        self.due = self.due.min(now);
    }

    /// Nothing more is told.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Quiet;
    }

    /// The sender is told that nobody consumes any more, if it was told anything.
    pub(super) fn leave(&mut self, now: Nanos) {
        if self.stage == Stage::Consuming {
            (self.stage, self.due) = (Stage::Leaving(GOODBYES), now);
        }
    }

    /// Whether there is nothing more to tell.
    pub(super) fn is_quiet(&self) -> bool {
        self.stage == Stage::Quiet
    }

    /// What is taken now; `full_bytes` of it at most.
    pub(super) fn on_window(&mut self, window: Window, full_bytes: u64, now: Nanos) {
        if self.stage == Stage::Consuming && window.to.0 > self.limits[3].0 + full_bytes / 4 {
            self.due = self.due.min(now);
        }
    }

    /// The sender has nothing to send, or may not, beyond a position: tells it again if it has used
    /// up one of the last limits, because it may know of no later one.
    pub(super) fn on_heartbeat(&mut self, at: Position, now: Nanos) {
        // A frame that does not fit in what is left is not begun.
        let used_up = at.0 + MTU_BYTES as u64 > self.limits[0].0;
        if self.stage == Stage::Consuming && used_up {
            self.due = self.due.min(now);
        }
    }

    /// What to tell now.
    #[must_use]
    pub(super) fn poll(&mut self, window: Window, now: Nanos) -> Option<Status> {
        if now < self.due {
            return None;
        }
        let status = match self.stage {
            Stage::Quiet => return None,
            Stage::Consuming => Status::Consumed(window),
            Stage::Leaving(left) => {
                self.stage = if left > 1 { Stage::Leaving(left - 1) } else { Stage::Quiet };
                Status::Goodbye(window)
            }
        };
        match self.limits[3] {
            UNTOLD => self.limits = [window.to; 4],
            _ => {
                self.limits.rotate_left(1);
                self.limits[3] = window.to;
            }
        }
        self.due = Nanos(now.0 + STATUS_NS);
        Some(status)
    }

    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        (self.stage != Stage::Quiet).then_some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u64 = 32 * 1024;
    const MS: u64 = 1_000_000;

    fn window(from: u64) -> Window {
        Window { from: Position(from), to: Position(from + FULL) }
    }

    fn begun() -> StatusSchedule {
        let mut schedule = StatusSchedule::new();
        assert_eq!(schedule.poll(window(0), Nanos(0)), None);
        schedule.begin(Nanos(0));
        assert_eq!(schedule.poll(window(64), Nanos(0)), Some(Status::Consumed(window(64))));
        schedule
    }

    #[test]
    fn a_quarter_of_the_window_or_two_tenths_of_a_second() {
        let mut schedule = begun();
        let quarter = window(64 + FULL / 4);
        schedule.on_window(quarter, FULL, Nanos(MS));
        assert_eq!(schedule.poll(quarter, Nanos(MS)), None);
        let more = window(64 + FULL / 4 + 32);
        schedule.on_window(more, FULL, Nanos(2 * MS));
        assert_eq!(schedule.poll(more, Nanos(2 * MS)), Some(Status::Consumed(more)));
        assert_eq!(schedule.poll(more, Nanos(2 * MS)), None);
        assert_eq!(schedule.next_deadline(), Some(Nanos(202 * MS)));
        assert_eq!(schedule.poll(more, Nanos(202 * MS - 1)), None);
        assert_eq!(schedule.poll(more, Nanos(202 * MS)), Some(Status::Consumed(more)));
    }

    #[test]
    fn a_window_that_could_not_grow_is_told_when_it_can() {
        let mut schedule = begun();
        // All is consumed, but the next segment is not there.
        let shut = Window { from: Position(64 + FULL), to: Position(64 + FULL) };
        schedule.on_window(shut, FULL, Nanos(MS));
        assert_eq!(schedule.poll(shut, Nanos(MS)), None);
        schedule.on_window(window(64 + FULL), FULL, Nanos(2 * MS));
        let told = schedule.poll(window(64 + FULL), Nanos(2 * MS));
        assert_eq!(told, Some(Status::Consumed(window(64 + FULL))));
    }

    #[test]
    fn a_sender_at_a_limit_is_told_again() {
        let mut schedule = begun();
        let mut now = 0;
        for step in 1..=4 {
            now += MS;
            let next = window(64 + step * (FULL / 4 + 32));
            schedule.on_window(next, FULL, Nanos(now));
            assert!(schedule.poll(next, Nanos(now)).is_some());
        }
        let last = window(64 + 4 * (FULL / 4 + 32));
        // It sends nothing because it has nothing.
        now += MS;
        schedule.on_heartbeat(last.from, Nanos(now));
        assert_eq!(schedule.poll(last, Nanos(now)), None);
        // It stands at the limit of three status messages ago, as if they were lost.
        schedule.on_heartbeat(window(64 + FULL / 4 + 32).to, Nanos(now));
        assert_eq!(schedule.poll(last, Nanos(now)), Some(Status::Consumed(last)));
        // And at the last one, a little of which was consumed since.
        now += MS;
        schedule.on_heartbeat(last.to, Nanos(now));
        let little = window(last.from.0 + 96);
        assert_eq!(schedule.poll(little, Nanos(now)), Some(Status::Consumed(little)));
        assert_eq!(schedule.poll(little, Nanos(now)), None);
    }

    #[test]
    fn a_goodbye_is_said_five_times() {
        let mut schedule = begun();
        schedule.leave(Nanos(MS));
        let mut said = Vec::new();
        while let Some(due) = schedule.next_deadline() {
            assert_eq!(schedule.poll(window(64), due), Some(Status::Goodbye(window(64))));
            said.push(due.0 / MS);
        }
        assert_eq!(said, [1, 201, 401, 601, 801]);
        assert!(schedule.is_quiet());
        // To nobody who was told nothing.
        schedule.leave(Nanos(900 * MS));
        assert!(schedule.is_quiet());
    }
}
