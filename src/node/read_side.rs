//! The components on the reading side as sections of a snapshot, and their start from one.
//!
//! Components do not know each other: here is where the feed meets the snapshots.

use crate::feed_log::{FeedLogError, LoggedSession, next_sequence, sessions};
use crate::market_data::{Feed, OpenChannel, Plan};
use crate::snapshot::{MakeSections, SnapshotSection};
use crate::state_machine::{Capacity, StateMachine};
use crate::store::{LogPlace, RealDisk, SECTION_FEED, SECTION_STATE, SnapshotFile, Snapshots};
use isochron_events::Message;
use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// All of them, of an empty log, for a feed of these products.
#[must_use]
pub fn read_side_sections(plan: &Plan) -> MakeSections {
    let plan = plan.clone();
    MakeSections::new(move || vec![Box::new(FeedSection(Feed::new(&plan)))])
}

/// The feed, which numbers its messages and sends none.
struct FeedSection(Feed);

impl SnapshotSection for FeedSection {
    fn section(&self) -> u32 {
        SECTION_FEED
    }

    fn on_event(&mut self, event: &Message) {
        self.0.on_event(event, &mut |_| {});
    }

    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        self.0.save(to)
    }

    fn restore(&mut self, from: &mut dyn Read, machine: &StateMachine) -> Result<(), String> {
        self.0 = Feed::restore(self.0.plan(), from, machine)?;
        Ok(())
    }
}

/// A feed, and the place in the log that it goes on from.
pub type FeedPlace = (LogPlace, Feed);

/// The feed at the newest snapshot that `fits`; `None` where there is none.
///
/// # Errors
/// The folder cannot be read.
pub fn feed_from_snapshot(
    snapshots: &Snapshots,
    plan: &Plan,
    mut fits: impl FnMut(LogPlace, &Feed) -> Result<(), String>,
) -> io::Result<Option<FeedPlace>> {
    let (found, _) = snapshots.newest(|snapshot| {
        let feed = restore_feed(snapshot, plan)?;
        fits(snapshot.info().place, &feed)?;
        Ok(feed)
    })?;
    Ok(found.map(|(info, feed)| (info.place, feed)))
}

fn restore_feed(snapshot: &SnapshotFile, plan: &Plan) -> Result<Feed, String> {
    let hash = snapshot.info().state_hash;
    let mut state = section(snapshot, SECTION_STATE)?;
    let machine = StateMachine::restore(&mut state, Capacity::default(), hash)
        .map_err(|error| error.to_string())?;
    feed_at(snapshot, plan, &machine)
}

/// The feed at a snapshot whose state is there already.
fn feed_at(snapshot: &SnapshotFile, plan: &Plan, machine: &StateMachine) -> Result<Feed, String> {
    Feed::restore(plan, &mut section(snapshot, SECTION_FEED)?, machine)
}

/// Takes the feed of each snapshot that a start looks at, so that the state is loaded once for
/// both; the last one is of the snapshot that was used. One that cannot be restored is looked at
/// again, with its reason, where the feed begins.
pub(super) fn taking_feed(
    plan: &Plan,
    found: &mut Option<FeedPlace>,
) -> impl FnMut(&SnapshotFile, &StateMachine) {
    |snapshot, machine| {
        let feed = feed_at(snapshot, plan, machine).ok();
        *found = feed.map(|feed| (snapshot.info().place, feed));
    }
}

/// What the logs of the feed's channels end with: how far a feed was written.
pub(super) struct Logged {
    newest: BTreeMap<Channel, (Session, u64)>,
}

impl Logged {
    /// Of the logs beside a store; the newest of each channel is read.
    pub(super) fn of(store: &Path) -> Result<Self, FeedLogError> {
        let mut newest = BTreeMap::new();
        // By channel and day: the last of each is the newest.
        let mut logged = sessions(&RealDisk, store)?.into_iter().peekable();
        while let Some(LoggedSession { channel, session, directory }) = logged.next() {
            if logged.peek().is_none_or(|next| next.channel != channel) {
                let next = next_sequence(Arc::new(RealDisk), &directory)?;
                newest.insert(channel, (session, next));
            }
        }
        Ok(Self { newest })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// Whether a feed can go on: all that it has numbered is logged, and so is no message missing
    /// between; where the event log `is_whole`, a channel without a log must be made from there.
    pub(super) fn fit(&self, feed: &Feed, is_whole: bool) -> Result<(), String> {
        for OpenChannel { channel, session, next_sequence } in feed.channels() {
            match self.newest.get(&channel) {
                Some((newest, _)) if session < *newest => {}
                Some((newest, next)) if session == *newest && next_sequence <= *next => {}
                None if !is_whole => {}
                _ => {
                    return Err(format!(
                        "the feed's session {session} is not logged up to its message \
                         {next_sequence}, where it would go on"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn section(snapshot: &SnapshotFile, number: u32) -> Result<impl Read, String> {
    match snapshot.section(number) {
        Ok(section) => section.ok_or_else(|| format!("it has no section {number}")),
        Err(error) => Err(error.to_string()),
    }
}
