//! The components on the reading side as sections of a snapshot, and their start from one.
//!
//! Components do not know each other: here is where the feed meets the snapshots.

use crate::feed_log::{FeedLogError, LoggedSession, next_sequence, sessions};
use crate::market_data::{Feed, OpenChannel, Plan};
use crate::snapshot::{MakeSections, SnapshotSection};
use crate::state_machine::{Capacity, StateMachine};
use crate::store::{RealDisk, SECTION_FEED, SECTION_STATE, SnapshotFile, Snapshots, StoreReader};
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

/// The feed at the newest snapshot that `fits` it, and the reader there; `None` where there is no
/// such snapshot.
///
/// # Errors
/// The folder cannot be read.
pub fn feed_from_snapshot(
    snapshots: &Snapshots,
    reader: &mut StoreReader,
    plan: &Plan,
    mut fits: impl FnMut(&Feed) -> Result<(), String>,
) -> io::Result<Option<Feed>> {
    let (found, _) = snapshots.newest(|snapshot| {
        let place = snapshot.info().place;
        let feed = restore_feed(snapshot, plan)?;
        fits(&feed)?;
        reader.seek(place.position, Some(place.chain)).map_err(|error| error.to_string())?;
        Ok(feed)
    })?;
    Ok(found.map(|(_, feed)| feed))
}

fn restore_feed(snapshot: &SnapshotFile, plan: &Plan) -> Result<Feed, String> {
    let hash = snapshot.info().state_hash;
    let mut state = section(snapshot, SECTION_STATE)?;
    let machine = StateMachine::restore(&mut state, Capacity::default(), hash)
        .map_err(|error| error.to_string())?;
    feed_at(snapshot, plan, &machine)
}

/// The feed at a snapshot whose state is there already.
pub(super) fn feed_at(
    snapshot: &SnapshotFile,
    plan: &Plan,
    machine: &StateMachine,
) -> Result<Feed, String> {
    Feed::restore(plan, &mut section(snapshot, SECTION_FEED)?, machine)
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
