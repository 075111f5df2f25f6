//! What the logs of a feed hold.

use isochron::feed_log::{self, FeedLog, FeedLogError, LoggedSession, sessions};
use isochron::store::{RealDisk, Until};
use isochron_feeds::mold::Session;
use isochron_recovery::SequencedLog;
use std::path::Path;
use std::sync::Arc;

/// The messages of each session's log, as far as it may be read.
pub(crate) fn logged(directory: &Path, until: Until) -> Vec<(Session, Vec<Vec<u8>>)> {
    let read = |logged: LoggedSession| {
        let session = logged.session;
        (session, logged_of(directory, session, until).unwrap())
    };
    sessions(&RealDisk, directory).unwrap().into_iter().map(read).collect()
}

/// The messages of one session's log.
pub(crate) fn logged_of(
    directory: &Path,
    session: Session,
    until: Until,
) -> Result<Vec<Vec<u8>>, FeedLogError> {
    let directory = feed_log::directory(directory, session);
    let mut log = FeedLog::open_until(Arc::new(RealDisk), &directory, session, until)?;
    while log.refresh() > 0 {}
    assert!(log.first() == 1 && log.fault().is_none(), "from {}: {:?}", log.first(), log.fault());
    Ok((1..log.next()).map(|sequence| log.get(sequence).unwrap().to_vec()).collect())
}
