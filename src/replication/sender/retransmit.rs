//! What is sent again: bounded in number, in bytes for each request, for each receiver and in all.
//!
//! Source: Aeron's `aeron_retransmit_handler.c`, with a linger that does not swallow the request
//! that follows a second loss.

use std::net::SocketAddrV4;
use std::ops::Range;

use crate::limits::{MTU_BYTES, NAK_BYTES_MAX, RECEIVERS_MAX, RETRANSMITS_MAX};
use crate::types::{Nanos, Position};

use super::bucket::Bucket;
use super::{SenderCounts, SenderOptions};

/// A range that was asked for.
#[derive(Clone, Debug)]
struct Action {
    range: Range<Position>,
    /// What of it is sent next.
    next: Position,
    /// Until when it is remembered, once it has been sent.
    sent_until: Option<Nanos>,
}

/// Ranges that are being sent again, and those that were just now.
#[derive(Debug)]
pub(super) struct Retransmits {
    actions: Vec<Action>,
    linger_ns: u64,
    /// For all: a tenth of the line.
    bucket: Bucket,
    /// For each who asks: half of that. Receivers on one machine are told apart by their ports.
    budgets: Vec<(SocketAddrV4, Bucket)>,
    full_budget: Bucket,
}

impl Retransmits {
    pub(super) fn new(options: &SenderOptions) -> Self {
        let bytes_per_second = options.again_bytes_per_second();
        // Ten milliseconds at once, and never less than all that may be asked for at once.
        let burst_bytes = (bytes_per_second / 100).max(RETRANSMITS_MAX as u64 * NAK_BYTES_MAX);
        let half = (bytes_per_second / 2).max(1);
        Self {
            actions: Vec::with_capacity(RETRANSMITS_MAX),
            linger_ns: options.linger_ns,
            bucket: Bucket::new(bytes_per_second, burst_bytes),
            budgets: Vec::with_capacity(RECEIVERS_MAX),
            full_budget: Bucket::new(half, burst_bytes / 2),
        }
    }

    /// A receiver asks for `range`; `sent` is what may be sent again.
    pub(super) fn on_nak(
        &mut self,
        range: Range<Position>,
        sent: &Range<Position>,
        from: SocketAddrV4,
        now: Nanos,
        counts: &mut SenderCounts,
    ) {
        if !sent.contains(&range.start) {
            counts.naks_unanswered += 1;
            return;
        }
        let clamp = Position(range.start.get() + NAK_BYTES_MAX);
        counts.naks_clamped += u64::from(range.end > clamp);
        let range = range.start..range.end.min(clamp).min(sent.end);
        self.actions.retain(|action| action.sent_until.is_none_or(|until| now < until));
        let covers =
            |action: &Action| action.range.start <= range.start && range.end <= action.range.end;
        if self.actions.iter().any(covers) {
            counts.naks_repeated += 1;
            return;
        }
        if self.actions.len() == RETRANSMITS_MAX {
            // What was sent is remembered for as long as there is room.
            let oldest = self.actions.iter().position(|action| action.sent_until.is_some());
            let Some(oldest) = oldest else {
                counts.naks_overflowed += 1;
                return;
            };
            self.actions.remove(oldest);
        }
        let bytes = (range.end.get() - range.start.get()).max(MTU_BYTES as u64);
        if !self.charge(from, bytes, now) {
            counts.naks_over_budget += 1;
            return;
        }
        self.actions.push(Action { next: range.start, range, sent_until: None });
    }

    /// Charges who asks; false where it has asked for too much.
    fn charge(&mut self, address: SocketAddrV4, bytes: u64, now: Nanos) -> bool {
        let at =
            self.budgets.iter().position(|(known, _)| *known == address).unwrap_or_else(|| {
                if self.budgets.len() == RECEIVERS_MAX {
                    // Forget whom forgetting gives least.
                    let fullest = (0..RECEIVERS_MAX).min_by_key(|at| self.budgets[*at].1.full_at());
                    self.budgets.swap_remove(fullest.unwrap_or(0));
                }
                self.budgets.push((address, self.full_budget));
                self.budgets.len() - 1
            });
        let budget = &mut self.budgets[at].1;
        let is_ready = budget.is_ready(now);
        if is_ready {
            budget.take(bytes, now);
        }
        is_ready
    }

    fn pending(&mut self) -> Option<&mut Action> {
        self.actions.iter_mut().find(|action| action.sent_until.is_none())
    }

    /// What is sent again now, oldest request first, as far as the line's share allows.
    pub(super) fn next(&mut self, now: Nanos) -> Option<Range<Position>> {
        if !self.bucket.is_ready(now) {
            return None;
        }
        self.pending().map(|action| action.next..action.range.end)
    }

    /// So many bytes of the log went, as so many on the wire.
    pub(super) fn on_sent(&mut self, log_bytes: u64, wire_bytes: u64, now: Nanos) {
        self.bucket.take(wire_bytes, now);
        let until = Nanos(now.get() + self.linger_ns);
        if let Some(action) = self.pending() {
            action.next = Position(action.next.get() + log_bytes);
            if action.next >= action.range.end {
                action.sent_until = Some(until);
            }
        }
    }

    /// Nothing more of the oldest request can be sent. Whether anything was.
    pub(super) fn finish(&mut self, now: Nanos) -> bool {
        let until = Nanos(now.get() + self.linger_ns);
        let Some(action) = self.pending() else { return false };
        action.range.end = action.next;
        action.sent_until = Some(until);
        !action.range.is_empty()
    }

    /// When something can be sent again.
    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        let is_pending = self.actions.iter().any(|action| action.sent_until.is_none());
        is_pending.then(|| self.bucket.ready_at())
    }
}
