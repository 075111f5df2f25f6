//! What a node reads its log for, whatever its role is: the feed, and its repair.
//!
//! ```text
//!             standby                               primary
//!   feed      makes the same messages, listens      speaks, from the first that nobody heard
//!   repair    gives what was heard                  gives what was sent
//! ```
//!
//! A change of role changes the feed's voice and nothing else: books, logs, numbers and the
//! connections of customers go on as they are. Where the log was cut below what was read, all of it
//! begins anew.

use super::{Agents, Member};
use crate::agent::Agent;
use crate::feed_log::put_aside;
use crate::market_data::{ChannelError, FeedAgent, FeedError, LogAgent};
use crate::node::{Component, Exchange, FeedPlace, NodeError, register_feed};
use crate::recovery_service::{ImageAgent, PasswordAgent, RecoveryAgent};
use crate::standby::FollowerAgent;
use crate::store::OpenError;
use crate::types::Nanos;
use std::any::Any;

/// Whether an agent is one of the reading side.
fn reads(agent: &dyn Agent) -> bool {
    let agent = agent as &dyn Any;
    agent.is::<FeedAgent>()
        || agent.is::<LogAgent>()
        || agent.is::<RecoveryAgent>()
        || agent.is::<PasswordAgent>()
        || agent.is::<ImageAgent>()
}

/// Takes the reading side out of the agents of a role that has ended.
pub(super) fn take_read_side(agents: &mut Agents) -> Agents {
    agents.extract_if(.., |agent| reads(agent.as_ref())).collect()
}

/// Whether what reads the log has failed because that was cut below what was read: it goes on
/// from an older state. Where the node may discard, so does a feed whose own logs say other than
/// the log.
pub(super) fn reads_anew(agent: &dyn Agent, discards: bool) -> bool {
    let agent = agent as &dyn Any;
    match agent.downcast_ref::<FeedAgent>().and_then(FeedAgent::fault) {
        Some(FeedError::Read(_)) => true,
        Some(FeedError::Channel { error: ChannelError::Differs { .. }, .. }) => discards,
        Some(_) => false,
        None => agent.is::<FollowerAgent>(),
    }
}

impl Member {
    /// Puts the feed's logs beside what was cut of the log, where this node may discard: they may
    /// have what that has no more, and are made again.
    pub(super) fn put_feed_aside(&self, now: Nanos) -> Result<(), NodeError> {
        if !self.discards {
            return Ok(());
        }
        let store = &self.config.store.directory;
        let folder = store.join("discarded");
        let made = self.disk.create_directory(&folder).map_err(|error| OpenError::Io {
            doing: "creating",
            path: folder.clone(),
            error,
        });
        let to = folder.join(format!("feed-{}", now.get()));
        made.and_then(|()| put_aside(&*self.disk, store, &to)).map_err(NodeError::Store)
    }

    /// Adds the parts of it that are configured. The feed begins where the state did, or at an
    /// older snapshot, or at the log's beginning.
    pub(super) fn add_read_side(
        &self,
        exchange: &mut Exchange,
        ready: Option<FeedPlace>,
    ) -> Result<(), NodeError> {
        let config = &self.config;
        if config.has(Component::MarketData) {
            exchange.add_feed(config, register_feed(&config.store)?, ready)?;
        }
        if let Some(options) = &config.recovery
            && config.has(Component::Recovery)
        {
            exchange.add_recovery(options)?;
        }
        Ok(())
    }
}
