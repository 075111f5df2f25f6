//! How a consumer behaves.

use isochron_feeds::subscriber::{Join, Options as FeedOptions, Repair};

/// How a consumer behaves. What has no server is not used: without any, nothing is repaired.
#[derive(Clone, Debug)]
pub struct Options {
    /// Session, way of joining, patience, and how to repair.
    pub feed: FeedOptions,
    /// Re-request servers, by UDP.
    pub request_servers: usize,
    /// Replay servers, by TCP.
    pub replay_servers: usize,
    /// Snapshot servers, by TCP.
    pub snapshot_servers: usize,
    /// Who logs in there, up to 6 characters; case does not matter.
    pub user: String,
    /// The password, up to 10 characters; case does not matter.
    pub password: String,
}

impl Default for Options {
    /// [`Repair::default`] as far as there are servers, of which there are none.
    fn default() -> Options {
        Options {
            feed: FeedOptions::repairing(Repair::default()),
            request_servers: 0,
            replay_servers: 0,
            snapshot_servers: 0,
            user: String::new(),
            password: String::new(),
        }
    }
}

impl Options {
    /// What the subscriber may hope for, with the servers there are.
    pub(super) fn feed(&self) -> FeedOptions {
        let mut feed = self.feed;
        if let Some(repair) = &mut feed.repair {
            if self.request_servers == 0 {
                repair.requests_max = 0;
            }
            repair.replay &= self.replay_servers > 0;
            repair.snapshot &= self.snapshot_servers > 0;
        }
        let repair = feed.repair.filter(|it| it.requests_max > 0 || it.replay || it.snapshot);
        let (replay, snapshot) =
            repair.map_or((false, false), |repair| (repair.replay, repair.snapshot));
        feed.join = match feed.join {
            Join::Snapshot if !snapshot && replay => Join::From(1),
            Join::Snapshot if !snapshot => Join::Live,
            join => join,
        };
        if repair.is_none() && feed.repair.is_some() {
            feed.patience_ns = FeedOptions::default().patience_ns;
        }
        FeedOptions { repair, ..feed }
    }
}
