//! How far a feed has sent, noted beside the log, so that the next publisher goes on from there.
//!
//! What is noted was sent. What was sent and not noted, because the process died in between, is
//! sent again: the same messages under the same numbers, which receivers know and throw away. The
//! note names the epoch of what it was made of: messages of a later epoch were never sent, even
//! where a power failure had cut the log below the note.

use isochron_feeds::mold::Session;
use std::path::Path;

use crate::store::{Disk, Note, OpenError, Registration};
use crate::types::{Epoch, Position};

/// The note's name in a store's directory.
const FILE_NAME: &str = "sent-l3";

/// The feed's name among the registered readers.
const READER_NAME: &str = "feed-l3";

/// How far a feed has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The session.
    pub session: Session,
    /// The number of its first message that is not known to be sent.
    pub next_sequence: u64,
    /// Everything made of events before this position was sent.
    pub position: Position,
    /// The epoch of the last event that was read.
    pub epoch: Epoch,
}

impl Mark {
    /// Whether a message was sent before: made of the event at `position`, of that epoch, with
    /// that number in the session.
    #[must_use]
    pub fn covers(
        &self,
        session: Session,
        sequence: u64,
        position: Position,
        epoch: Epoch,
    ) -> bool {
        let in_session = session == self.session && sequence < self.next_sequence;
        epoch <= self.epoch && (position < self.position || in_session)
    }

    fn words(&self) -> [u64; 4] {
        let name = self.session.0;
        let (low, high) = name.split_first_chunk().expect("ten characters");
        let high = u64::from(u16::from_le_bytes([high[0], high[1]]));
        let high = high | u64::from(self.epoch.0) << 32;
        [u64::from_le_bytes(*low), high, self.next_sequence, self.position.0]
    }

    fn of([low, high, next_sequence, position]: [u64; 4]) -> Self {
        let mut name = [0; 10];
        name[..8].copy_from_slice(&low.to_le_bytes());
        name[8..].copy_from_slice(&(high as u16).to_le_bytes());
        let epoch = Epoch((high >> 32) as u32);
        Self { session: Session(name), next_sequence, position: Position(position), epoch }
    }
}

/// The note of one feed; held by the one process that publishes it.
#[derive(Debug)]
pub struct Sent {
    note: Note<4>,
    /// The log waits for what was not sent.
    registration: Registration,
    /// What was noted before this publisher.
    pub before: Option<Mark>,
    last: Option<Mark>,
}

impl Sent {
    /// Opens the note in a store's directory, or makes it.
    ///
    /// # Errors
    /// Another process publishes the feed, the file is no note, or the system refuses.
    pub fn open(disk: &dyn Disk, store: &Path) -> Result<Self, OpenError> {
        let (note, words) = Note::open(disk, &store.join(FILE_NAME))?;
        let before = words.map(Mark::of);
        let position = before.map_or(Position(0), |mark| mark.position);
        let mut registration = Registration::open(disk, store, READER_NAME, position)?;
        registration.pass(position);
        Ok(Self { note, registration, before, last: before })
    }

    /// Notes how far has been sent.
    pub fn set(&mut self, mark: Mark) {
        if self.last != Some(mark) {
            self.note.write(mark.words());
            self.registration.pass(mark.position);
            self.last = Some(mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryDisk;

    const MARK: Mark = Mark {
        session: Session(*b"261122300A"),
        next_sequence: 8,
        position: Position(1_000),
        epoch: Epoch(3),
    };

    #[test]
    fn a_mark_is_found_again() {
        let (disk, store) = (MemoryDisk::default(), Path::new("/store"));
        let mut sent = Sent::open(&disk, store).unwrap();
        assert_eq!(sent.before, None);
        sent.set(Mark { next_sequence: 7, ..MARK });
        sent.set(MARK);
        assert!(Sent::open(&disk, store).is_err(), "two publishers");
        drop(sent);
        assert_eq!(Sent::open(&disk, store).unwrap().before, Some(MARK));
    }

    #[test]
    fn a_mark_covers_what_was_sent_and_no_more() {
        let (day, next) = (Session(*b"261122300A"), Session(*b"261123300A"));
        let covers = |session, sequence, position, epoch| {
            MARK.covers(session, sequence, Position(position), Epoch(epoch))
        };
        assert!(covers(day, 1, 0, 1), "long before");
        assert!(covers(day, 7, 1_200, 3), "sent, though not all of its reading was");
        assert!(!covers(day, 8, 1_200, 3), "the next one");
        assert!(!covers(next, 7, 1_200, 3), "another session");
        assert!(covers(day, 9, 900, 3), "another session of an earlier day");
        assert!(!covers(day, 7, 900, 4), "the log was cut: this was never sent");
    }
}
