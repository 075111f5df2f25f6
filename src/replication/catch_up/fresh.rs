//! Fills an empty directory: a snapshot, its day's feed logs, then a store that begins there.
//!
//! ```text
//!   IMAGE  ─▶ snapshots/<P>.snapshot     each chunk checked before it gets its name
//!   LIST   ─▶ feed/<session>/            each a store, filled as a standby's is
//!   LOG    ─▶ meta, marks: the log begins at P, and follows the server's epochs
//!             └ last: until it is there, the directory counts as empty
//! ```
//!
//! A node that is killed meanwhile begins again: a snapshot that is whole is not copied twice, feed
//! logs are, of which a day's are far less. A connection that breaks goes on at the exact byte;
//! only a feed's log that another node gives is begun anew. Where the server has no snapshot, its
//! log begins at 0, and so does the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::client::{Client, Event, Image};
use super::copying::Copying;
use super::dial::{Dial, DialOptions};
use super::fault::Fault;
use super::link::Connector;
use super::progress::{Meter, Progress, Stage};
use super::protocol::{LogName, LogState};
use crate::feed_log;
use crate::store::{
    CopiedSnapshot, Disk, LogPlace, Meta, Options, ReplicaStore, SnapshotError, SnapshotInfo,
    Snapshots, finish_putting_aside,
};
use crate::types::{Nanos, Position};

/// Filling a directory. Calling order: `turn` again and again, until it gives the store;
/// `poll_fault` says what a connection ended with, or what was wrong with what it brought.
pub struct Fresh {
    directory: Directory,
    dial: Dial,
    goal: Goal,
    meter: Meter,
    progress: Progress,
    fault: Option<Fault>,
}

/// Where everything goes.
struct Directory {
    disk: Arc<dyn Disk>,
    options: Options,
    snapshots: Snapshots,
}

/// What is done, and what is next.
struct Goal {
    /// Snapshots at or beyond this were no good.
    below: Position,
    copy: Option<(Image, CopiedSnapshot)>,
    /// The snapshot, once it is there, or known that there is none.
    snapshot: Option<Option<SnapshotInfo>>,
    /// The logs that are still to be copied, the next one last.
    feeds: Option<Vec<LogName>>,
    feed: Option<FeedCopy>,
    store: Option<ReplicaStore>,
}

struct FeedCopy {
    directory: PathBuf,
    store: ReplicaStore,
    copying: Copying,
}

impl Directory {
    /// Removes what was copied of feed logs.
    fn clear_feeds(&self) -> Result<(), Fault> {
        let sessions = feed_log::sessions(&*self.disk, &self.options.directory);
        for session in sessions.map_err(of_disk)? {
            self.clear_feed(&session.directory)?;
        }
        Ok(())
    }

    fn clear_feed(&self, directory: &Path) -> Result<(), Fault> {
        feed_log::remove(&*self.disk, directory).map_err(of_disk)
    }
}

impl Goal {
    fn new() -> Self {
        let below = Position(u64::MAX);
        Self { below, copy: None, snapshot: None, feeds: None, feed: None, store: None }
    }

    fn stage(&self) -> Stage {
        match (&self.snapshot, &self.feeds) {
            (None, _) => Stage::Snapshot,
            (Some(_), Some(left)) if left.is_empty() => Stage::Log,
            (Some(_), _) => Stage::Feed,
        }
    }

    /// Asks for what is next.
    fn ask(&mut self, client: &mut Client) {
        match (&self.snapshot, &self.feeds, &self.copy) {
            (None, _, Some((image, copy))) => {
                let below = Position(image.place.position.get() + 1);
                client.snapshot(below, copy.length_bytes());
            }
            (None, _, None) => client.snapshot(self.below, 0),
            (Some(_), None, _) => client.feeds(),
            (Some(_), Some(left), _) => client.open(*left.last().unwrap_or(&LogName::EVENTS)),
        }
    }
}

fn of_disk(error: impl std::fmt::Display) -> Fault {
    Fault::Store { reason: error.to_string() }
}

impl Fresh {
    /// Begins. What an earlier try left of feed logs is removed, and what a store that is being
    /// put aside left is, too.
    ///
    /// # Errors
    /// The directory has a store, or the system refuses.
    pub fn new(disk: Arc<dyn Disk>, options: Options, dial: DialOptions) -> Result<Self, Fault> {
        let store = &options.directory;
        let disk_now = &*disk;
        if Meta::is_there(disk_now, store).map_err(of_disk)? {
            let reason = format!("{} has a store", store.display());
            return Err(Fault::Store { reason });
        }
        disk.create_directory(store).map_err(of_disk)?;
        finish_putting_aside(disk_now, store).map_err(of_disk)?;
        let snapshots = Snapshots::new(Arc::clone(&disk), store, &options.identity);
        let directory = Directory { disk, options, snapshots };
        directory.clear_feeds()?;
        Ok(Self {
            directory,
            dial: Dial::new(dial),
            goal: Goal::new(),
            meter: Meter::default(),
            progress: Progress::default(),
            fault: None,
        })
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the last connection ended with, since the last call.
    #[must_use]
    pub fn poll_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// A bounded step: how many bytes moved, and the store when it is there, once.
    pub fn turn(
        &mut self,
        connector: &mut dyn Connector,
        now: Nanos,
    ) -> (usize, Option<ReplicaStore>) {
        let turned = self.dial.turn(connector, now);
        let (moved, stepped) = match turned {
            Ok(None) => (0, Ok(())),
            Ok(Some((client, moved))) => {
                let Self { directory, goal, meter, .. } = self;
                (moved, Step { directory, goal, meter, client }.run(now))
            }
            Err(fault) => (0, Err(fault)),
        };
        match stepped {
            Ok(()) if moved > 0 => self.look(now),
            Ok(()) => {}
            Err(fault) => {
                self.dial.end(fault.clone(), now);
                self.progress.stage = Stage::Connecting;
                let cleared = self.give_up_feed(&fault);
                self.fault = Some(cleared.err().unwrap_or(fault));
            }
        }
        let store = self.goal.store.take();
        if store.is_some() {
            self.dial.end(Fault::Closed { reason: "all is here".into() }, now);
        }
        (moved, store)
    }

    /// A feed's log that did not go on where it was broken off is begun anew: each node has the
    /// same messages in frames of its own, and the connection was to another node.
    fn give_up_feed(&mut self, fault: &Fault) -> Result<(), Fault> {
        if matches!(fault, Fault::Closed { .. } | Fault::Silent { .. }) {
            return Ok(());
        }
        match self.goal.feed.take() {
            Some(FeedCopy { directory, store, .. }) => {
                drop(store);
                self.directory.clear_feed(&directory)
            }
            None => Ok(()),
        }
    }

    fn look(&mut self, now: Nanos) {
        let (bytes, bytes_all) = match (&self.goal.copy, &self.goal.feed) {
            (Some((image, copy)), _) => (copy.length_bytes(), image.bytes),
            (None, Some(feed)) => feed.copying.bytes(),
            (None, None) => (0, 0),
        };
        if bytes > 0 {
            self.dial.serves_well();
        }
        let (stage, bytes_per_second) = (self.goal.stage(), self.meter.per_second(now));
        self.progress = Progress { stage, bytes, bytes_all, bytes_per_second };
    }
}

/// One turn's work on what has come.
struct Step<'a> {
    directory: &'a Directory,
    goal: &'a mut Goal,
    meter: &'a mut Meter,
    client: &'a mut Client,
}

impl Step<'_> {
    fn run(&mut self, now: Nanos) -> Result<(), Fault> {
        match self.client.poll_event() {
            Some(Event::Ready(_)) => self.goal.ask(self.client),
            Some(Event::Image(image)) => self.on_image(image)?,
            Some(Event::Feeds(names)) => self.on_feeds(names),
            Some(Event::Log(state)) if self.goal.stage() == Stage::Feed => {
                self.on_feed(&state, now)?;
            }
            Some(Event::Log(state)) => self.on_log(&state, now)?,
            // What is written meanwhile is copied later, or made here.
            Some(Event::Mark { .. }) | None => {}
        }
        match self.goal.stage() {
            Stage::Snapshot => self.take_image(),
            Stage::Feed => self.take_feed(),
            Stage::Connecting | Stage::Log => Ok(()),
        }
    }

    /// Which snapshot comes: it is the one at hand, or another one from its beginning.
    fn on_image(&mut self, image: Option<Image>) -> Result<(), Fault> {
        let goal = &mut *self.goal;
        let begun = goal.copy.take();
        match (image, begun) {
            (Some(image), Some((begun, copy))) if image == begun => {
                goal.copy = Some((begun, copy));
            }
            // The one that was begun is gone: its bytes are of no use.
            (_, Some(_)) => goal.ask(self.client),
            (None, None) => {
                (goal.snapshot, goal.feeds) = (Some(None), Some(Vec::new()));
                goal.ask(self.client);
            }
            (Some(image), None) => {
                let Directory { snapshots, .. } = self.directory;
                let position = image.place.position;
                let whole = snapshots.open(position).and_then(|file| {
                    file.verify()?;
                    Ok(*file.info())
                });
                match whole {
                    Ok(info) if info.place == image.place => {
                        goal.snapshot = Some(Some(info));
                        goal.ask(self.client);
                    }
                    _ => {
                        let copy = snapshots.begin_copy(position).map_err(of_disk)?;
                        goal.copy = Some((image, copy));
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what has come of a snapshot; all of it: checks it.
    fn take_image(&mut self) -> Result<(), Fault> {
        let Some((image, copy)) = &mut self.goal.copy else { return Ok(()) };
        let (_, bytes) = self.client.content();
        let left = usize::try_from(image.bytes - copy.length_bytes()).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(left)];
        if bytes.is_empty() && left > 0 {
            return Ok(());
        }
        copy.write(bytes).map_err(of_disk)?;
        let count = bytes.len();
        self.client.take(count);
        self.meter.add(count as u64);
        if count < left {
            return Ok(());
        }
        let (image, copy) = self.goal.copy.take().expect("it was written");
        match copy.keep() {
            Ok(info) if info.place == image.place => self.goal.snapshot = Some(Some(info)),
            Ok(_) | Err(SnapshotError::Damaged { .. } | SnapshotError::Differs { .. }) => {
                // An older one may be better.
                self.goal.below = image.place.position;
            }
            Err(error @ SnapshotError::Io { .. }) => return Err(of_disk(error)),
        }
        self.goal.ask(self.client);
        Ok(())
    }

    /// The logs of the snapshot's day, and of later ones: nobody needs what is before.
    fn on_feeds(&mut self, names: Vec<LogName>) {
        let date = self.goal.snapshot.flatten().map_or(0, |info| info.trading_date);
        let day = format!("{:06}", date % 1_000_000);
        let is_new = |name: &LogName| {
            let session = name.session();
            session.is_some_and(|session| session.get(..6).is_some_and(|of| of >= day.as_str()))
        };
        self.goal.feeds = Some(names.into_iter().filter(is_new).collect());
        self.goal.ask(self.client);
    }

    /// What the server has of a feed's log: a store is made for it, or the one at hand goes on.
    fn on_feed(&mut self, state: &LogState, now: Nanos) -> Result<(), Fault> {
        let left = self.goal.feeds.as_mut().filter(|left| !left.is_empty());
        let Some(name) = left.and_then(|left| left.last().copied()) else { return Ok(()) };
        if self.goal.feed.is_none() {
            let Directory { disk, options, .. } = self.directory;
            let session = name.session().unwrap_or_default();
            let directory = feed_log::directory_of(&options.directory, session);
            let (Some(directory), Ok(term_bytes)) = (directory, state.term_bytes.try_into()) else {
                return Err(Fault::Table { reason: format!("{name} is no feed's") });
            };
            if state.epochs.is_empty() {
                return Err(Fault::Table { reason: format!("{name} has no epoch") });
            }
            let options = Options { directory, term_bytes, ..options.clone() };
            let disk = Arc::clone(disk);
            let made = ReplicaStore::create_at(disk, &options, state.kept, &state.epochs, now);
            let (store, _) = made.map_err(of_disk)?;
            let copying = Copying::new(store.contiguous(), state);
            self.goal.feed = Some(FeedCopy { directory: options.directory, store, copying });
        } else if let Some(FeedCopy { store, copying, .. }) = &mut self.goal.feed {
            *copying = Copying::new(store.contiguous(), state);
        }
        if let Some(FeedCopy { copying, store, .. }) = &self.goal.feed
            && !copying.is_all()
        {
            self.client.fetch(store.contiguous());
        }
        Ok(())
    }

    /// Gives a feed's log what has come; all of it: the next one.
    fn take_feed(&mut self) -> Result<(), Fault> {
        let Some(FeedCopy { store, copying, .. }) = &mut self.goal.feed else { return Ok(()) };
        copying.take(self.client, store, self.meter)?;
        if !copying.is_all() {
            return Ok(());
        }
        let Some(FeedCopy { mut store, .. }) = self.goal.feed.take() else { return Ok(()) };
        // All of it was sent: the server gives nothing else.
        let LogPlace { position, chain } = store.held();
        store.commit(position, chain).map_err(of_disk)?;
        store.caught_up().map_err(of_disk)?;
        store.close().map_err(of_disk)?;
        if let Some(left) = &mut self.goal.feeds {
            left.pop();
        }
        self.goal.ask(self.client);
        Ok(())
    }

    /// What the server has of the event log: the store is made.
    fn on_log(&mut self, state: &LogState, now: Nanos) -> Result<(), Fault> {
        let Directory { disk, options, .. } = self.directory;
        let place = self.goal.snapshot.flatten().map_or(state.kept, |info| info.place);
        let (position, kept_from) = (place.position, state.kept.position);
        if self.goal.snapshot == Some(None) && position > Position(0) {
            *self.goal = Goal::new();
            let reason = format!("it has no snapshot, and its log begins at {position}");
            return Err(Fault::Refused { reason });
        }
        if position < kept_from || position > state.end {
            // Another snapshot may be of another day.
            *self.goal = Goal::new();
            self.directory.clear_feeds()?;
            return Err(Fault::NotKept { position, kept_from });
        }
        if state.term_bytes != options.term_bytes as u64 {
            let reason = format!("its terms are of {} bytes", state.term_bytes);
            return Err(Fault::Table { reason });
        }
        let disk = Arc::clone(disk);
        // A log that nobody has written yet: this one begins as that one did.
        let made = match state.epochs.is_empty() && position == Position(0) {
            true => ReplicaStore::open_on(disk, options, None, now),
            false if state.epochs.is_empty() => {
                let reason = format!("it begins at {position}, and has no epoch");
                return Err(Fault::Table { reason });
            }
            false => ReplicaStore::create_at(disk, options, place, &state.epochs, now),
        };
        self.goal.store = Some(made.map_err(of_disk)?.0);
        Ok(())
    }
}
