//! Market data: committed events become the public feed.
//!
//! ```text
//!  store ──▶ Feed ──▶ Publisher ──▶ UDP multicast, line A
//!  events    products   MoldUDP64    ╲
//!            messages                 heartbeats, end of session
//! ```
//!
//! `feed.rs` is the pure core: it rebuilds the books from outcomes and says what the public may
//! know on each product, anonymously, once per event; `plan.rs` says which products. The bytes and numbers it emits are a function of the log
//! alone, so that a restart or another node's publisher sends the same. `sent.rs` notes how far
//! they were sent, `agent.rs` is the loop around them. How messages are packed and received, and
//! how sessions are named, is the crate `isochron-feeds`, which knows nothing of the exchange.

mod agent;
mod feed;
mod plan;
mod sent;

pub use agent::{FeedAgent, FeedError, FeedOptions};
pub use feed::{Feed, OpenChannel, Output};
pub use plan::{CONFLATION_NS_DEFAULT, Plan};
pub use sent::{Mark, Sent};

use isochron_feeds::channel::{Channel, Product};

/// Where every order of the first partition's symbols is.
pub const CHANNEL_L3: Channel = Channel { partition: 0, product: Product::L3 };
