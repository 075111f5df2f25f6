//! Sends what is due: the administration first, then the flow at its pace.

use super::{COMMANDS_PER_CYCLE_MAX, LATE_NS_MAX, SourceAgent};
use crate::demo::flow::Next;
use crate::demo::in_flight::Sent;
use crate::demo::pace::Pace;
use crate::ring::Refusal;
use isochron_events::{CommandOrigin, Message};
use std::sync::atomic::Ordering;

impl SourceAgent {
    /// Sends the administration that comes first, as fast as it is taken.
    pub(super) fn send_setup(&mut self) -> usize {
        let mut sent = 0;
        while let Some(command) = self.setup.front().copied() {
            if !self.send(command, 0) {
                break;
            }
            self.setup.pop_front();
            sent += 1;
        }
        sent
    }

    /// Sends what is due.
    pub(super) fn send_due(&mut self, now: u64) -> usize {
        let start = *self.start.get_or_insert(now);
        self.progress.trading.store(true, Ordering::Release);
        // A rate that nobody can keep does not make a short run a long one.
        let late_ns = now.saturating_sub(start);
        self.ended |= late_ns >= LATE_NS_MAX && self.is_over(late_ns - LATE_NS_MAX);
        let mut sent = 0;
        while sent < COMMANDS_PER_CYCLE_MAX && !self.ended {
            // Before the flow is asked: it counts what it gives as sent.
            if self.ready.is_none() && self.is_over(self.due(start, now, 0) - start) {
                self.ended = true;
                break;
            }
            let Some((command, due)) = self.next_command(start, now) else { break };
            if due > now {
                self.ready = Some((command, due));
                self.on_caught_up(now);
                break;
            }
            if self.is_over(due - start) {
                self.ended = true;
                break;
            }
            if !self.send(command, due) {
                self.ready = Some((command, due));
                break;
            }
            self.orders += 1;
            sent += 1;
        }
        sent
    }

    /// When the next command is due, nanoseconds UTC; `own_ns` is the flow's own time for it, and
    /// 0 gives the earliest that it can be.
    fn due(&self, start: u64, now: u64, own_ns: u64) -> u64 {
        let due = self.parts.pace.due_ns(self.orders, own_ns);
        due.map_or(now, |due| start + due)
    }

    /// Whether what is due so long after the start comes too late to be sent.
    fn is_over(&self, due_ns: u64) -> bool {
        self.parts.duration_ns.is_some_and(|duration| due_ns >= duration)
    }

    /// The next command and when it is due, nanoseconds UTC.
    fn next_command(&mut self, start: u64, now: u64) -> Option<(Message, u64)> {
        if let Some(ready) = self.ready.take() {
            return Some(ready);
        }
        match self.parts.flow.next() {
            Next::Command { command, due_ns } => Some((command, self.due(start, now, due_ns))),
            Next::Wait => None,
            Next::Done => {
                self.ended = true;
                None
            }
        }
    }

    /// Sends a command; false where there is no room, or enough is on its way.
    fn send(&mut self, mut command: Message, intended: u64) -> bool {
        if self.in_flight.is_full(self.parts.pace != Pace::Max) {
            return false;
        }
        let (source, sequence) = (self.parts.source, self.sequence + 1);
        stamp(&mut command, CommandOrigin { source, source_sequence: sequence }, intended);
        if !self.write(&command) {
            return false;
        }
        self.sequence = sequence;
        self.in_flight.on_sent(Sent { sequence, intended, command });
        if intended > 0 {
            self.parts.journal.on_sent();
        }
        true
    }

    /// Puts a command into the ring, if there is room.
    pub(super) fn write(&mut self, command: &Message) -> bool {
        match self.parts.ring.try_claim(command.encoded_length()) {
            Ok(mut claim) => {
                command.encode(&mut claim).expect("the claim has the message's length");
                claim.commit();
                true
            }
            Err(refusal @ Refusal::TooLong { .. }) => {
                self.fail(refusal.to_string());
                false
            }
            // Full, or another core has come, which is looked after in each cycle.
            Err(_) => false,
        }
    }
}

/// Stamps source, source sequence and entry time on a command.
fn stamp(command: &mut Message, stamped: CommandOrigin, entry_time: u64) {
    if let Some(origin) = crate::state_machine::command_origin_mut(command) {
        *origin = stamped;
    }
    if let Message::NewOrderEvent(order) = command {
        order.entry_time = entry_time;
    }
}
