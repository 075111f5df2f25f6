//! The sequenced logs that replay and re-request read, and where they are found.
//!
//! The servers that repair a feed see its logs through two small traits, so that they know
//! nothing of the exchange and can be tested, and linked by others, over any store.

use isochron_feeds::mold::Session;

/// Every message of one session, by number.
///
/// The numbers have no holes: `first` to `next` are all there. A log that recycles its oldest
/// messages raises `first`; nothing ever changes a message that has a number.
///
/// ```
/// use isochron_recovery::SequencedLog;
///
/// struct InMemory(Vec<Vec<u8>>);
///
/// impl SequencedLog for InMemory {
///     fn first(&self) -> u64 {
///         1
///     }
///     fn next(&self) -> u64 {
///         1 + self.0.len() as u64
///     }
///     fn get(&mut self, sequence: u64) -> Option<&[u8]> {
///         let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
///         self.0.get(index).map(Vec::as_slice)
///     }
///     fn has_ended(&self) -> bool {
///         false
///     }
/// }
///
/// let mut log = InMemory(vec![b"first".to_vec(), b"second".to_vec()]);
/// assert_eq!((log.first(), log.next()), (1, 3));
/// assert_eq!(log.get(2), Some(&b"second"[..]));
/// assert_eq!(log.get(3), None);
/// ```
pub trait SequencedLog {
    /// The number of the oldest message still kept; equal to `next` where there is none.
    fn first(&self) -> u64;

    /// The number that the next message will have, from 1. Messages before it may be repeated to
    /// anyone: they were sent to everyone.
    fn next(&self) -> u64;

    /// The bytes of message `sequence`; `None` outside `first..next`. It may move a window over
    /// a mapped file, so it needs the log for itself.
    fn get(&mut self, sequence: u64) -> Option<&[u8]>;

    /// Whether the session is over: no message `next` will ever be.
    fn has_ended(&self) -> bool;
}

/// All logs of a server.
pub trait Library {
    /// The log of `session`; `None` where there is no such session, or no longer.
    fn log(&mut self, session: Session) -> Option<&mut dyn SequencedLog>;

    /// The session of each channel that is current now, in any order: what a login that names
    /// none may get.
    fn current_sessions(&self) -> &[Session];
}

/// A log in memory: for tests, examples, and small feeds.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    first: u64,
    messages: Vec<Vec<u8>>,
    ended: bool,
}

impl MemoryLog {
    /// An empty log whose first message will have this number, at least 1.
    #[must_use]
    pub fn new(first: u64) -> MemoryLog {
        assert!(first > 0, "a session begins with 1");
        MemoryLog { first, messages: Vec::new(), ended: false }
    }

    /// Appends a message.
    pub fn push(&mut self, message: &[u8]) {
        assert!(!self.ended, "the session has ended");
        self.messages.push(message.to_vec());
    }

    /// Ends the session.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Forgets the messages before `first`.
    pub fn forget(&mut self, first: u64) {
        let gone = first.saturating_sub(self.first).min(self.messages.len() as u64);
        self.messages.drain(..gone as usize);
        self.first += gone;
    }
}

impl SequencedLog for MemoryLog {
    fn first(&self) -> u64 {
        self.first
    }

    fn next(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    fn get(&mut self, sequence: u64) -> Option<&[u8]> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.messages.get(index).map(Vec::as_slice)
    }

    fn has_ended(&self) -> bool {
        self.ended
    }
}

/// Logs in memory, all of them current.
#[derive(Clone, Debug, Default)]
pub struct MemoryLibrary {
    sessions: Vec<Session>,
    logs: Vec<MemoryLog>,
}

impl MemoryLibrary {
    /// Adds a session with its log.
    pub fn add(&mut self, session: Session, log: MemoryLog) {
        assert!(!self.sessions.contains(&session), "{session} is there already");
        self.sessions.push(session);
        self.logs.push(log);
    }

    /// The log of a session that was added.
    pub fn log_mut(&mut self, session: Session) -> Option<&mut MemoryLog> {
        let place = self.sessions.iter().position(|known| *known == session)?;
        Some(&mut self.logs[place])
    }
}

impl Library for MemoryLibrary {
    fn log(&mut self, session: Session) -> Option<&mut dyn SequencedLog> {
        self.log_mut(session).map(|log| log as &mut dyn SequencedLog)
    }

    fn current_sessions(&self) -> &[Session] {
        &self.sessions
    }
}
