//! Who listens, and how far they let the sender go.
//!
//! ```text
//!  max:     the furthest end of a window that anybody told
//!  min:     the nearest of all who are there      (fewer than the group asks for: stands still)
//!  tagged:  the nearest of those with the tag     (none with it: as max)
//! ```
//!
//! A receiver is known by its id; one that says nothing for the timeout, or says that it leaves,
//! does not count any more. Source: Aeron's `aeron_flow_control.c` and `aeron_min_flow_control.c`.

use std::net::SocketAddrV4;

use crate::limits::RECEIVERS_MAX;
use crate::replication::channel::{FlowControl, Group};
use crate::replication::frame::StatusMessage;
use crate::types::{Nanos, Position};

/// How long the limit stands still for a receiver that asked for SETUP: the next SETUP is at most
/// 100 ms away, and its first status message follows.
const HOLD_NS: u64 = 200_000_000;

/// Between two such times: who only ever asks stops nobody.
const HOLD_INTERVAL_NS: u64 = 5_000_000_000;

/// A receiver, as it said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverView {
    /// Its id, by which it is told from others.
    pub id: i64,
    /// From where it was heard.
    pub from: SocketAddrV4,
    /// How far it came.
    pub position: Position,
    /// How far it takes.
    pub window_end: Position,
    /// When it was heard.
    pub heard: Nanos,
    /// Whether the sender waits for it.
    pub is_awaited: bool,
}

/// The receivers of one stream.
#[derive(Debug)]
pub(super) struct Receivers {
    strategy: FlowControl,
    all: Vec<ReceiverView>,
    limit: Position,
    /// Until when the limit stands still.
    held_until: Nanos,
    hold_again_at: Nanos,
}

impl Receivers {
    pub(super) fn new(strategy: FlowControl, base: Position) -> Self {
        Self {
            strategy,
            all: Vec::with_capacity(RECEIVERS_MAX),
            limit: base,
            held_until: Nanos(0),
            hold_again_at: Nanos(0),
        }
    }

    pub(super) fn limit(&self) -> Position {
        self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.all.is_empty() && self.awaited().count() >= self.group().size_min
    }

    pub(super) fn views(&self) -> impl Iterator<Item = ReceiverView> + '_ {
        self.all.iter().copied()
    }

    /// The group that is waited for; with max it needs nobody.
    fn group(&self) -> Group {
        match self.strategy {
            FlowControl::Max => Group::default(),
            FlowControl::Min(group) | FlowControl::Tagged { group, .. } => group,
        }
    }

    fn awaited(&self) -> impl Iterator<Item = &ReceiverView> {
        self.all.iter().filter(|receiver| receiver.is_awaited)
    }

    /// The nearest end of a window among those who are waited for.
    fn nearest(&self) -> Option<Position> {
        self.awaited().map(|receiver| receiver.window_end).min()
    }

    /// Whether the strategy waits for who says this, if it came far enough.
    fn is_of_group(&self, status: &StatusMessage) -> bool {
        match self.strategy {
            FlowControl::Max => false,
            FlowControl::Min(_) => true,
            FlowControl::Tagged { tag, .. } => status.group_tag == Some(tag),
        }
    }

    /// A receiver said where it is. False: there are too many, and it is none of them.
    pub(super) fn on_status(
        &mut self,
        status: &StatusMessage,
        position: Position,
        window_end: Position,
        from: SocketAddrV4,
        now: Nanos,
    ) -> bool {
        let id = status.receiver_id;
        if status.leaves {
            self.remove(id);
            return true;
        }
        let nearest = self.nearest();
        let window = status.window_bytes.unsigned_abs() as u64;
        // One that is too far behind would stop all others; it catches up some other way.
        let is_near = nearest.is_none_or(|nearest| window_end.get() + window >= nearest.get());
        let joins = self.is_of_group(status) && is_near;
        let seen = ReceiverView { id, from, position, window_end, heard: now, is_awaited: joins };
        match self.all.iter().position(|receiver| receiver.id == id) {
            Some(at) => {
                let is_awaited = self.all[at].is_awaited || joins;
                self.all[at] = ReceiverView { is_awaited, ..seen };
            }
            None if self.all.len() < RECEIVERS_MAX => {
                self.all.push(seen);
                // Whoever the limit was held for is here.
                self.held_until = Nanos(0);
            }
            None => return false,
        }
        self.advance(window_end, now);
        true
    }

    /// Lets the sender go on as far as the strategy says.
    fn advance(&mut self, window_end: Position, now: Nanos) {
        if self.awaited().count() < self.group().size_min || now < self.held_until {
            return;
        }
        let reached = match self.strategy {
            FlowControl::Max => window_end,
            FlowControl::Min(_) | FlowControl::Tagged { .. } => {
                self.nearest().unwrap_or(window_end)
            }
        };
        self.limit = self.limit.max(reached);
    }

    /// Somebody knows nothing of the stream yet. While it learns, those who are waited for do not
    /// run away from it.
    pub(super) fn on_setup_asked(&mut self, status: &StatusMessage, now: Nanos) {
        let matters = self.is_of_group(status) && self.nearest().is_some();
        if matters && now >= self.hold_again_at {
            self.held_until = Nanos(now.get() + HOLD_NS);
            self.hold_again_at = Nanos(now.get() + HOLD_INTERVAL_NS);
        }
    }

    /// A receiver leaves.
    pub(super) fn remove(&mut self, id: i64) {
        self.all.retain(|receiver| receiver.id != id);
    }

    /// Nothing could be sent: who fell silent does not count any more, and the limit is that of
    /// those who do, also where it is nearer than before. How many fell silent.
    pub(super) fn on_idle(&mut self, now: Nanos) -> u64 {
        let timeout_ns = self.strategy.timeout_ns();
        let before = self.all.len();
        self.all.retain(|receiver| now.get() <= receiver.heard.get().saturating_add(timeout_ns));
        let lost = before - self.all.len();
        if now >= self.held_until && self.awaited().count() >= self.group().size_min {
            self.limit = self.nearest().unwrap_or(self.limit);
        }
        lost as u64
    }
}
