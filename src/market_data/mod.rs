//! Market data: committed events become the public feed.
//!
//! ```text
//!  store ──▶ Feed ──▶ feed logs, one a channel ──▶ Broadcast ═══▶ UDP multicast, lines A and B
//!  events    products    (src/feed_log)             MoldUDP64 ╲
//!            messages                                          heartbeats, end of session
//! ```
//!
//! `feed.rs` is the pure core: it rebuilds the books from outcomes and says what the public may
//! know on each product, anonymously, once per event; `plan.rs` says which products. The bytes
//! and numbers it emits are a function of the log alone, so that a restart or another node's
//! publisher sends the same. `channels.rs` puts them into a log for each channel, `broadcast.rs`
//! sends a log on both lines, `logs/` does beside all this what has to wait for the disk, and
//! `agent.rs` is the loop. On a standby all of this runs but for the sending: `hearing.rs`. How
//! packets look, and how sessions are named, is the crate `isochron-feeds`, which knows nothing of
//! the exchange.

mod agent;
mod broadcast;
mod channels;
mod counters;
mod feed;
mod hearing;
mod logs;
mod plan;

pub use agent::{FEED_READER, FeedAgent, FeedError, FeedOptions, register};
pub use channels::ChannelError;
pub use feed::{Feed, OpenChannel, Output};
pub use hearing::Voice;
pub use logs::LogAgent;
pub use plan::{CONFLATION_NS_DEFAULT, Plan};

use isochron_feeds::channel::{Channel, Product};

/// Where every order of the first partition's symbols is.
pub const CHANNEL_L3: Channel = Channel { partition: 0, product: Product::L3 };
