//! What others may watch while a subscriber runs.

use super::follower::Follower;
use crate::metrics::{AttachError, Counter, CounterWriter, Counters};
use crate::net::BufferBytes;
use std::path::Path;

/// Counters in a file.
pub(super) struct Progress {
    buffer: CounterWriter,
    next: CounterWriter,
    messages: CounterWriter,
    datagrams: CounterWriter,
    lost: CounterWriter,
    repaired: CounterWriter,
    gaps: CounterWriter,
    ended: CounterWriter,
}

impl Progress {
    /// Goes on in a file that is there, else makes one.
    pub(super) fn open(path: &Path) -> Result<Self, AttachError> {
        let counters =
            if path.exists() { Counters::attach_writable(path) } else { Counters::create(path) }?;
        Ok(Self {
            buffer: counters.writer(Counter::RECEIVE_BUFFER_BYTES),
            next: counters.writer(Counter::SUBSCRIBER_NEXT),
            messages: counters.writer(Counter::SUBSCRIBER_MESSAGES),
            datagrams: counters.writer(Counter::SUBSCRIBER_DATAGRAMS),
            lost: counters.writer(Counter::SUBSCRIBER_LOST),
            repaired: counters.writer(Counter::SUBSCRIBER_REPAIRED),
            gaps: counters.writer(Counter::SUBSCRIBER_GAPS),
            ended: counters.writer(Counter::SUBSCRIBER_ENDED),
        })
    }

    /// From now on every datagram reaches the buffer.
    pub(super) fn listening(&mut self, buffer: BufferBytes) {
        self.buffer.set(buffer.granted as u64);
    }

    pub(super) fn update(&mut self, follower: &Follower) {
        let statistics = follower.statistics();
        self.next.set(follower.next_sequence());
        self.messages.set(statistics.delivered);
        self.datagrams.set(follower.datagrams());
        self.lost.set(statistics.lost);
        let (udp, tcp) = follower.repaired();
        self.repaired.set(udp + tcp);
        self.gaps.set(statistics.gaps);
        self.ended.set(u64::from(follower.has_ended()));
    }
}
