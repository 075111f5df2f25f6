//! The feed's logs are opened, prepared, synced and removed beside the feed, which waits for none
//! of it.
//!
//! ```text
//!   FeedAgent ── open session, closed session ──▶ LogAgent      (a thread that may wait
//!             ◀── the log, and what to compare ──                for the disk)
//! ```
//!
//! Each channel has one request open at most, so the queues between them are as short as there
//! are channels.

mod agent;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use isochron_feeds::mold::Session;

use crate::feed_log::{FeedLog, FeedLogError, FeedLogOptions, FeedLogWriter, RecordTail};
use crate::store::Disk;

pub use agent::LogAgent;

/// What the feed asks for.
enum Request {
    /// The log of a session, whose next message has this number if the log is new.
    Open { session: Session, next_sequence: u64 },
    /// A session is over: its log is complete.
    Close(Box<FeedLogWriter>),
}

/// A log that is ready to be written.
pub(super) struct Opened {
    pub(super) writer: FeedLogWriter,
    pub(super) tail: RecordTail,
    /// What is written from the number on that was asked for, where something is.
    pub(super) written: Option<FeedLog>,
}

type Answer = (Session, Result<Box<Opened>, FeedLogError>);

/// The feed's side.
pub(super) struct Logs {
    requests: Sender<Request>,
    answers: Receiver<Answer>,
}

impl Logs {
    /// The feed's side and the agent that works for it; the logs of ended sessions are removed
    /// when they are more than so many days older than the newest.
    pub(super) fn new(disk: Arc<dyn Disk>, options: FeedLogOptions, days: u32) -> (Self, LogAgent) {
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        (Self { requests, answers }, LogAgent::new(disk, options, days, asked, answer))
    }

    /// Asks for a session's log. An agent that is gone answers nothing, as one that is slow.
    pub(super) fn open(&self, session: Session, next_sequence: u64) {
        let _ = self.requests.send(Request::Open { session, next_sequence });
    }

    /// A session is over.
    pub(super) fn close(&self, writer: FeedLogWriter) {
        let _ = self.requests.send(Request::Close(Box::new(writer)));
    }

    /// What was asked for and is there.
    pub(super) fn poll(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
