//! A publisher that is silent: what it hears of the one who speaks.
//!
//! ```text
//!   speaking   log │ record │ record │ record │ ═══▶ A, B
//!   silent     log │ record │ record │ record │ ◀─── A, B     what was heard counts as sent
//!                                    ▲ committed
//! ```
//!
//! A standby makes the same messages under the same numbers, says nothing, and listens on its own
//! lines. What it heard is committed in its logs, as what it sent would be: so whoever repeats
//! messages from them repeats nothing that was not multicast, and a publisher that begins to speak
//! goes on with the first message that nobody heard. A heartbeat says which number comes next, and
//! a later session that the one before was sent to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use isochron_feeds::channel::Channel;
use isochron_feeds::mold::{Kind, Packet, Session};

use crate::types::Position;

/// Turns of one line in a cycle: a line that never falls silent does not stop the publisher.
const BATCHES_MAX: usize = 8;

/// Whether a publisher speaks on its lines, or listens on them. Clones are the same one.
///
/// It is the position of the event log from which on nobody else spoke.
#[derive(Clone, Debug)]
pub struct Voice(Arc<AtomicU64>);

/// The position of one that is silent.
const SILENT: u64 = u64::MAX;

impl Voice {
    /// Of a publisher that speaks.
    #[must_use]
    pub fn speaking() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Of one that listens.
    #[must_use]
    pub fn silent() -> Self {
        Self(Arc::new(AtomicU64::new(SILENT)))
    }

    /// It speaks from now on. Events before a position may have been another publisher's to tell:
    /// what is made of them is said from the first message on that was not heard.
    pub fn speak_from(&self, position: Position) {
        self.0.store(position.get().min(SILENT - 1), Ordering::Release);
    }

    /// Falls silent, and listens.
    pub fn hush(&self) {
        self.0.store(SILENT, Ordering::Release);
    }

    /// Whether it is to speak.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.speaks_from().is_some()
    }

    /// From where on nobody else spoke; `None` while it is silent.
    pub(super) fn speaks_from(&self) -> Option<Position> {
        Some(self.0.load(Ordering::Acquire)).filter(|at| *at != SILENT).map(Position)
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self::speaking()
    }
}

/// A line of a channel, listened on.
pub(super) trait Ear: Send {
    /// Gives what waits, at most a batch; how many datagrams.
    ///
    /// # Errors
    /// The system's.
    fn listen(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<usize>;
}

/// What was heard of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeardTo {
    /// Everything before this number was sent.
    pub(super) next_sequence: u64,
    /// And that nothing follows.
    pub(super) ended: bool,
}

/// Listens on the lines of a channel.
pub(super) struct Hearing {
    channel: Channel,
    ears: Vec<Box<dyn Ear>>,
    /// The newest session that was heard.
    newest: Option<(Session, HeardTo)>,
}

impl Hearing {
    pub(super) fn new(channel: Channel, ears: Vec<Box<dyn Ear>>) -> Self {
        Self { channel, ears, newest: None }
    }

    /// Hears what waits on all lines; how many datagrams, and the last refusal of the system.
    pub(super) fn listen(&mut self) -> (usize, Option<io::Error>) {
        let Self { channel, ears, newest } = self;
        let (mut heard, mut refused) = (0, None);
        for ear in ears {
            for _ in 0..BATCHES_MAX {
                match ear.listen(&mut |datagram| take(newest, *channel, datagram)) {
                    Ok(0) => break,
                    Ok(datagrams) => heard += datagrams,
                    Err(error) => {
                        refused = Some(error);
                        break;
                    }
                }
            }
        }
        (heard, refused)
    }

    /// How far a session was heard.
    pub(super) fn of(&self, session: Session) -> HeardTo {
        match self.newest {
            Some((newest, heard)) if newest == session => heard,
            Some((newest, _)) if newest > session => {
                HeardTo { next_sequence: u64::MAX, ended: true }
            }
            _ => HeardTo::default(),
        }
    }
}

/// Takes in a datagram; what is none of the channel's says nothing.
fn take(newest: &mut Option<(Session, HeardTo)>, channel: Channel, datagram: &[u8]) {
    let Ok(packet) = Packet::new_checked(datagram) else { return };
    let session = packet.session();
    if Channel::of_session(session) != Some(channel) {
        return;
    }
    let next_sequence = packet.next_sequence();
    let ended = packet.kind() == Kind::EndOfSession;
    match newest {
        Some((known, _)) if session < *known => {}
        Some((known, heard)) if session == *known => {
            if next_sequence >= heard.next_sequence {
                // A message behind an end takes it back; a heartbeat that was late does not.
                let goes_on = next_sequence > heard.next_sequence;
                heard.ended = ended || (heard.ended && !goes_on);
                heard.next_sequence = next_sequence;
            }
        }
        _ => *newest = Some((session, HeardTo { next_sequence, ended })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isochron_feeds::channel::Product;
    use isochron_feeds::mold::{COUNT_END_OF_SESSION, COUNT_HEARTBEAT, HEADER_BYTES, Header};

    const CHANNEL: Channel = Channel { partition: 0, product: Product::L3 };

    fn heard(datagrams: &[(&str, u64, u16)]) -> Option<(String, HeardTo)> {
        let mut newest = None;
        for (session, sequence, count) in datagrams {
            let session = Session::new(session).unwrap();
            let mut bytes = [0; HEADER_BYTES];
            Header { session, sequence: *sequence, count: *count }.emit(&mut bytes);
            let mut datagram = bytes.to_vec();
            if *count != COUNT_END_OF_SESSION {
                datagram.resize(HEADER_BYTES + 2 * usize::from(*count), 0);
            }
            take(&mut newest, CHANNEL, &datagram);
        }
        newest.map(|(session, heard)| (session.to_string(), heard))
    }

    #[test]
    fn the_highest_number_of_the_newest_session_counts() {
        let today = CHANNEL.session(20_261_122, b'A').to_string();
        let tomorrow = CHANNEL.session(20_261_123, b'A').to_string();
        let other = Channel { partition: 1, ..CHANNEL }.session(20_261_122, b'A').to_string();
        let (today, tomorrow) = (&today[..], &tomorrow[..]);
        let check = |datagrams: &[(&str, u64, u16)], session: &str, next_sequence, ended| {
            let expected = (session.to_owned(), HeardTo { next_sequence, ended });
            assert_eq!(heard(datagrams), Some(expected), "{datagrams:?}");
        };
        check(&[(today, 5, 3)], today, 8, false);
        // Late, and repeated; the other line, in silence.
        check(&[(today, 5, 3), (today, 2, 1), (today, 5, 3)], today, 8, false);
        check(&[(today, 5, 3), (today, 9, COUNT_HEARTBEAT)], today, 9, false);
        // The end, heard again, passed by a late heartbeat, and taken back.
        let end = (today, 8, COUNT_END_OF_SESSION);
        check(&[(today, 5, 3), end, end], today, 8, true);
        check(&[end, (today, 8, COUNT_HEARTBEAT), (today, 5, 3)], today, 8, true);
        check(&[end, (today, 8, 1)], today, 9, false);
        // The next day, and what is late of the one before.
        check(&[(today, 5, 3), (tomorrow, 1, 0), (today, 9, 4)], tomorrow, 1, false);
        // Another channel's, which shares no group with this one unless somebody errs.
        assert_eq!(heard(&[(&other, 5, 3)]), None);
        let mut newest = None;
        for bytes in [&b""[..], &[0xff; 7], &[b'2'; 64]] {
            take(&mut newest, CHANNEL, bytes);
        }
        assert_eq!(newest, None);
    }

    #[test]
    fn an_older_session_was_sent_to_its_end() {
        let session = |date| CHANNEL.session(date, b'A');
        let mut hearing = Hearing::new(CHANNEL, Vec::new());
        assert_eq!(hearing.of(session(20_261_122)), HeardTo::default());
        hearing.newest = Some((session(20_261_122), HeardTo { next_sequence: 7, ended: false }));
        let all = HeardTo { next_sequence: u64::MAX, ended: true };
        assert_eq!(hearing.of(session(20_261_121)), all);
        assert_eq!(hearing.of(session(20_261_122)).next_sequence, 7);
        assert_eq!(hearing.of(session(20_261_123)), HeardTo::default());
    }
}
