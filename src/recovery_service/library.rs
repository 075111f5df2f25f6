//! All feed logs of a store, by session: found, opened, followed and let go again.
//!
//! The sessions that are current are followed all the time, so that a login finds them indexed. An
//! older one is opened when somebody asks for it and let go a while after nobody does; while its
//! index is being built it is not there yet, and a client that asks again finds it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use isochron_feeds::mold::Session;
use isochron_recovery::{Library, SequencedLog};

use crate::feed_log::{self, FeedLog, LoggedSession};
use crate::store::Disk;
use crate::types::Nanos;

/// How often new sessions are looked for: a day begins with one.
const LOOK_NS: u64 = 250_000_000;

/// How long a log that nobody reads stays open, and one that could not be opened is left alone.
const UNUSED_NS: u64 = 60_000_000_000;
const REFUSED_NS: u64 = 1_000_000_000;

/// Steps in which a log that somebody asks for is indexed at once, a millisecond or two; the rest
/// follows step by step.
const FIRST_STEPS_MAX: usize = 4;

/// A log that is open.
struct Open {
    log: FeedLog,
    /// Whether its end was reached once: before, it would seem shorter than it is.
    is_indexed: bool,
    used: Nanos,
}

impl Open {
    /// One bounded step; whether there is something new for those who follow.
    fn follow(&mut self) -> bool {
        let before = (self.log.next(), self.log.has_ended(), self.is_indexed);
        self.is_indexed |= self.log.refresh() == 0;
        before != (self.log.next(), self.log.has_ended(), self.is_indexed)
    }
}

/// The logs of one store. Calling order: `follow` in each cycle, then [`Library`]'s methods.
pub(super) struct FeedLibrary {
    disk: Arc<dyn Disk>,
    store: PathBuf,
    known: Vec<LoggedSession>,
    /// Of each channel the last one.
    current: Vec<Session>,
    open: BTreeMap<Session, Open>,
    /// What could not be opened or read, and until when it is left alone.
    refused: BTreeMap<Session, Nanos>,
    look_at: Nanos,
    now: Nanos,
    faults: u64,
}

impl FeedLibrary {
    pub(super) fn new(disk: Arc<dyn Disk>, store: PathBuf) -> Self {
        Self {
            disk,
            store,
            known: Vec::new(),
            current: Vec::new(),
            open: BTreeMap::new(),
            refused: BTreeMap::new(),
            look_at: Nanos(0),
            now: Nanos(0),
            faults: 0,
        }
    }

    /// Logs that could not be found, opened or read, so far.
    pub(super) fn faults(&self) -> u64 {
        self.faults
    }

    /// Follows what is open by a step each; `advanced` hears of those that have more to read.
    /// How many those were.
    pub(super) fn follow(&mut self, now: Nanos, mut advanced: impl FnMut(Session)) -> usize {
        self.now = now;
        if now >= self.look_at {
            self.look_at = Nanos(now.0 + LOOK_NS);
            self.look();
        }
        let mut work = 0;
        for (session, open) in &mut self.open {
            if open.follow() {
                work += 1;
                advanced(*session);
            }
        }
        self.let_go_of_faulty();
        work
    }

    /// Looks for new sessions, opens those that are current, lets go of what nobody reads.
    fn look(&mut self) {
        match feed_log::sessions(&*self.disk, &self.store) {
            Ok(known) if known != self.known => {
                let is_last = |index: usize| {
                    known.get(index + 1).is_none_or(|next| next.channel != known[index].channel)
                };
                let last = (0..known.len()).filter(|index| is_last(*index));
                self.current = last.map(|index| known[index].session).collect();
                self.known = known;
            }
            Ok(_) => {}
            Err(_) => self.faults += 1,
        }
        for index in 0..self.current.len() {
            self.open(self.current[index]);
        }
        let Self { open, current, refused, now, .. } = self;
        open.retain(|session, open| current.contains(session) || open.used.0 + UNUSED_NS > now.0);
        refused.retain(|_, until| *until > *now);
    }

    /// Opens a log where it is known, not open yet, and was not refused just now.
    fn open(&mut self, session: Session) {
        if self.open.contains_key(&session) || self.refused.contains_key(&session) {
            return;
        }
        let Some(known) = self.known.iter().find(|known| known.session == session) else { return };
        match FeedLog::open(Arc::clone(&self.disk), &known.directory, session) {
            Ok(log) => {
                self.open.insert(session, Open { log, is_indexed: false, used: self.now });
            }
            Err(_) => self.refuse(session),
        }
    }

    fn refuse(&mut self, session: Session) {
        self.faults += 1;
        self.refused.insert(session, Nanos(self.now.0 + REFUSED_NS));
    }

    /// A log with a fault is opened anew a moment later: its writer may have put it right.
    fn let_go_of_faulty(&mut self) {
        while let Some((session, _)) = self.open.iter().find(|(_, o)| o.log.fault().is_some()) {
            let session = *session;
            self.open.remove(&session);
            self.refuse(session);
        }
    }
}

impl Library for FeedLibrary {
    fn log(&mut self, session: Session) -> Option<&mut dyn SequencedLog> {
        self.open(session);
        let now = self.now;
        let open = self.open.get_mut(&session)?;
        open.used = now;
        for _ in 0..FIRST_STEPS_MAX {
            if open.is_indexed {
                return Some(&mut open.log);
            }
            open.follow();
        }
        None
    }

    fn current_sessions(&self) -> &[Session] {
        &self.current
    }
}
