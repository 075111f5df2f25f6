//! What BYTES carry, in one piece: a log's or a file's bytes from one place on.
//!
//! ```text
//!   buffer  | taken |  to be taken  |  space  |
//!                   ▲ at            ▲ came to
//! ```

/// Bytes that came and were not taken yet. The buffer is full where nobody takes them, and then
/// no more is read.
pub(super) struct Content {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The place of the byte at `start`.
    at: u64,
}

/// Space below which what is left to be taken is moved to the front.
const SPACE_BYTES_MIN: usize = 128 * 1024;

impl Content {
    pub(super) fn new(bytes: usize) -> Self {
        assert!(bytes > 2 * SPACE_BYTES_MIN);
        Self { buffer: vec![0; bytes].into_boxed_slice(), start: 0, end: 0, at: 0 }
    }

    /// Forgets what there is: what comes next is of this place.
    pub(super) fn begin(&mut self, at: u64) {
        (self.start, self.end, self.at) = (0, 0, at);
    }

    /// The place of the next byte that comes.
    pub(super) fn came_to(&self) -> u64 {
        self.at + (self.end - self.start) as u64
    }

    /// Where the next bytes go, at most so many; empty where nothing was taken for too long.
    pub(super) fn space(&mut self, most: usize) -> &mut [u8] {
        if self.start > 0 && self.buffer.len() - self.end < most.min(SPACE_BYTES_MIN) {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let to = self.end + most.min(self.buffer.len() - self.end);
        &mut self.buffer[self.end..to]
    }

    pub(super) fn on_received(&mut self, bytes: usize) {
        self.end += bytes;
        assert!(self.end <= self.buffer.len(), "no more than there was space for");
    }

    /// The place of the first byte that was not taken, and all of them.
    pub(super) fn rest(&self) -> (u64, &[u8]) {
        (self.at, &self.buffer[self.start..self.end])
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.start += bytes;
        self.at += bytes as u64;
        assert!(self.start <= self.end, "no more than there is");
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}
