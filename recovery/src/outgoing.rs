//! The bytes that wait for one connection's socket.

use crate::soup::Packet;

/// Memory that an empty queue keeps: most connections are quiet most of the time.
const KEPT_BYTES: usize = 4 * 1024;

/// Whole packets in order, taken away by the byte.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    buffer: Vec<u8>,
    start: usize,
    /// Bytes queued and bytes taken since the beginning.
    queued: u64,
    taken: u64,
}

impl Outgoing {
    pub(crate) fn push(&mut self, packet: &Packet<'_>) {
        let before = self.buffer.len();
        packet.emit(&mut self.buffer);
        self.queued += (self.buffer.len() - before) as u64;
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// Bytes that waited or wait: a mark to compare `taken` with.
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The first `bytes` of `pending` have left.
    pub(crate) fn take(&mut self, bytes: usize) {
        assert!(bytes <= self.pending().len(), "no more leaves than was there");
        self.start += bytes;
        self.taken += bytes as u64;
        if self.is_empty() {
            self.start = 0;
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_BYTES);
        } else if self.start >= self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        let pending = self.pending().len();
        self.take(pending);
    }
}
