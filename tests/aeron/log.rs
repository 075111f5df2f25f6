//! A stream as one peer knows it: what it sent, or what it received, frame by frame.

use std::ops::Range;

/// Bytes of a frame's header, and what frames are aligned to.
const HEADER_BYTES: usize = 32;

/// A frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins.
    pub position: u64,
    /// Its session.
    pub session: i32,
    /// Its stream.
    pub stream: i32,
    /// What its header carries for the application.
    pub reserved: i64,
    /// Its payload, among the log's bytes.
    payload: Range<usize>,
}

/// Frames in the order of their positions; padding is not among them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Where it begins: 0, or where its peer joined.
    pub from: u64,
    /// The bytes of a term.
    pub term_bytes: u64,
    frames: Vec<Frame>,
    bytes: Vec<u8>,
}

/// What a frame takes in its term.
pub fn framed(payload_bytes: usize) -> u64 {
    (HEADER_BYTES + payload_bytes).next_multiple_of(HEADER_BYTES) as u64
}

impl Log {
    /// An empty one.
    pub fn new(from: u64, term_bytes: u64) -> Self {
        Self { from, term_bytes, ..Self::default() }
    }

    /// Adds a frame that begins at a position.
    pub fn push(&mut self, position: u64, header: (i32, i32, i64), payload: &[u8]) {
        let (session, stream, reserved) = header;
        let from = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        let payload = from..self.bytes.len();
        self.frames.push(Frame { position, session, stream, reserved, payload });
    }

    /// The end of the last frame.
    pub fn end(&self) -> u64 {
        self.frames.last().map_or(self.from, |frame| frame.position + framed(frame.payload.len()))
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// The frames with their payloads.
    pub fn frames(&self) -> impl Iterator<Item = (&Frame, &[u8])> {
        self.frames.iter().map(|frame| (frame, self.payload(frame)))
    }

    /// Moves all positions by whole terms, so that the first frame stands where `sent` has its
    /// payload, and takes the reserved values from there: for a follower that knows neither.
    pub fn place_by(&mut self, sent: &Self) {
        let Some(first) = self.frames.first() else { return };
        let payload = self.payload(first);
        let Some((found, _)) = sent.frames().find(|(_, other)| *other == payload) else { return };
        let terms = found.position / self.term_bytes - first.position / self.term_bytes;
        self.from += terms * self.term_bytes;
        for frame in &mut self.frames {
            frame.position += terms * self.term_bytes;
            let at = sent.frames.binary_search_by_key(&frame.position, |sent| sent.position);
            frame.reserved = at.map_or(0, |at| sent.frames[at].reserved);
        }
    }

    fn payload(&self, frame: &Frame) -> &[u8] {
        &self.bytes[frame.payload.clone()]
    }

    /// Whether `followed` is this log from where it joined to the end, and what differs first.
    pub fn check(&self, followed: &Self) -> Result<(), String> {
        let first = self.frames.partition_point(|frame| frame.position < followed.from);
        // Padding may stand where it joined; then the first frame begins with the next term.
        let begins = |frame: &Frame| {
            frame.position == followed.from || frame.position % self.term_bytes == 0
        };
        let expected = &self.frames[first..];
        match expected.first() {
            None => return Err(format!("it joined at {}, behind the end", followed.from)),
            Some(frame) if !begins(frame) => {
                let (from, at) = (followed.from, frame.position);
                return Err(format!("it joined at {from}, where no frame begins; one does at {at}"));
            }
            Some(_) => {}
        }
        for (expected, found) in expected.iter().zip(&followed.frames) {
            let heads = |frame: &Frame| {
                (frame.position, frame.session, frame.stream, frame.reserved)
            };
            if heads(expected) != heads(found) {
                let at = expected.position;
                return Err(format!("a frame at {at} is {found:?}, expected {expected:?}"));
            }
            if self.payload(expected) != followed.payload(found) {
                return Err(format!("the message at {} is not what was sent", expected.position));
            }
        }
        if expected.len() != followed.frames.len() {
            let (found, expected) = (followed.frames.len(), expected.len());
            return Err(format!("{found} frames came, of {expected}"));
        }
        Ok(())
    }
}

/// The message with a number: an event's shape, and content that no other one has.
///
/// The flags (offset 36) say that it is a transaction of its own.
pub fn message(number: u64, into: &mut Vec<u8>) {
    const BYTES_MIN: u64 = 40;
    const BYTES_MAX: u64 = 1376;
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = || {
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 32;
        state
    };
    // Most events are small; some fill a datagram.
    let spread = if random() % 16 == 0 { BYTES_MAX - BYTES_MIN } else { 260 };
    let bytes = BYTES_MIN + random() % (spread + 1);
    into.clear();
    // Letters, so that a program that prints its messages can be compared too.
    into.extend((0..bytes).map(|_| b'a' + (random() % 26) as u8));
    into[36..38].copy_from_slice(&1_u16.to_le_bytes());
}

/// Makes a message one of SBE's: block length, template, schema, version, and its sequence.
pub fn as_event(number: u64, message: &mut [u8]) {
    let block = (message.len() - 8) as u16;
    for (at, value) in [(0, block), (2, 1 + (number % 40) as u16), (4, 1), (6, 0)] {
        message[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    message[8..16].copy_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(from: u64, numbers: Range<u64>) -> Log {
        let mut log = Log::new(from, 65_536);
        let mut payload = Vec::new();
        for number in numbers {
            message(number, &mut payload);
            log.push(log.end(), (7, 1001, number as i64), &payload);
        }
        log
    }

    #[test]
    fn a_follower_is_right_only_with_every_frame_from_where_it_joined() {
        let sent = log(0, 0..50);
        assert_eq!(sent.check(&sent), Ok(()));
        let joined = sent.frames[20].position;
        assert_eq!(sent.check(&log(joined, 20..50)), Ok(()));
        assert!(sent.check(&log(joined, 20..49)).is_err());
        assert!(sent.check(&log(joined, 21..50)).is_err());
        assert!(sent.check(&log(joined + 32, 20..50)).is_err());
        let mut changed = sent.clone();
        *changed.bytes.last_mut().unwrap() ^= 1;
        assert!(sent.check(&changed).is_err());
        let mut of_another = sent.clone();
        of_another.frames[3].reserved += 1;
        assert!(sent.check(&of_another).is_err());
    }
}
