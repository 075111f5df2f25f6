//! Older bytes of the log, over TCP: for a node that was away, and for one that begins.
//!
//! ```text
//!  asking node                                              giving node
//!  .----------.    OPEN     what has it?  epochs, end  LOG    .----------.
//!  |  Join    |─────────────────────────────────────────────▶|          |── StoreReader
//!  |  Fresh   |    FETCH    ══ BYTES, straight from the map ▶|  Server  |── feed logs
//!  '----┬-----'    SNAPSHOT ══ BYTES of its file            ▶|          |── snapshots
//!       ▼ append_old, create_at                               '----------'
//!  ReplicaStore
//! ```
//!
//! The live stream repairs what is lost in flight; what is older than its reach comes here. Any
//! node can give what it holds. The asking node believes nothing: it adopts the epochs of a log
//! that has the epoch announced to it, its store judges each frame, and chains are compared. A
//! connection that breaks, or lies, costs its bytes that were not taken yet; the next one goes on
//! at the exact byte.
//!
//! `protocol.rs` is the wire; `peer.rs` the greeting; `client.rs` and `server.rs` the two ends of
//! a connection; `join.rs` and `fresh.rs` what the asking node does with it, `service.rs` who is
//! served; `agent.rs` has the sockets.

mod agent;
mod client;
mod content;
mod copying;
mod dial;
mod fault;
mod fresh;
mod inbox;
mod join;
mod library;
mod link;
mod pace;
mod peer;
mod pieces;
mod progress;
pub mod protocol;
mod server;
mod service;

pub use agent::{CatchUpAgent, ListenError, TcpConnector};
pub use client::{Client, Event, Image, SILENCE_NS_MAX};
pub use dial::DialOptions;
pub use fault::Fault;
pub use fresh::Fresh;
pub use join::{Join, Outcome};
pub use library::Library;
pub use link::{Connector, Link};
pub use pace::Pace;
pub use peer::{Difference, Peer};
pub use progress::{Progress, Stage};
pub use server::{After, Connection, STALL_NS_MAX};
pub use service::{Service, ServiceOptions, ServiceStatistics};

#[cfg(test)]
pub(crate) mod tests;
