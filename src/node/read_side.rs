//! The components on the reading side as sections of a snapshot, and their start from one.
//!
//! Components do not know each other: here is where the feed meets the snapshots.

use crate::market_data::{Feed, Plan};
use crate::snapshot::SnapshotSection;
use crate::state_machine::{Capacity, StateMachine};
use crate::store::{SECTION_FEED, SECTION_STATE, SnapshotFile, Snapshots, StoreReader};
use crate::types::Position;
use isochron_events::Message;
use std::io::{self, Read, Write};

/// All of them, of an empty log.
#[must_use]
pub fn read_side_sections() -> Vec<Box<dyn SnapshotSection>> {
    vec![Box::new(FeedSection(Feed::new(&Plan::default())))]
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

/// The feed at the newest snapshot up to a position, and the reader there; `None` where there is no
/// such snapshot.
///
/// # Errors
/// The folder cannot be read.
pub fn feed_from_snapshot(
    snapshots: &Snapshots,
    reader: &mut StoreReader,
    up_to: Position,
) -> io::Result<Option<Feed>> {
    let (found, _) = snapshots.newest(|snapshot| {
        let place = snapshot.info().place;
        if place.position > up_to {
            return Err(format!("it is beyond {up_to}, which is where the feed goes on"));
        }
        let feed = restore_feed(snapshot)?;
        reader.seek(place.position, Some(place.chain)).map_err(|error| error.to_string())?;
        Ok(feed)
    })?;
    Ok(found.map(|(_, feed)| feed))
}

fn restore_feed(snapshot: &SnapshotFile) -> Result<Feed, String> {
    let hash = snapshot.info().state_hash;
    let mut state = section(snapshot, SECTION_STATE)?;
    let machine = StateMachine::restore(&mut state, Capacity::default(), hash)
        .map_err(|error| error.to_string())?;
    feed_at(snapshot, &machine)
}

/// The feed at a snapshot whose state is there already.
pub(super) fn feed_at(snapshot: &SnapshotFile, machine: &StateMachine) -> Result<Feed, String> {
    Feed::restore(&Plan::default(), &mut section(snapshot, SECTION_FEED)?, machine)
}

fn section(snapshot: &SnapshotFile, number: u32) -> Result<impl Read, String> {
    match snapshot.section(number) {
        Ok(section) => section.ok_or_else(|| format!("it has no section {number}")),
        Err(error) => Err(error.to_string()),
    }
}
