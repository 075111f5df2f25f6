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
use crate::market_data::{FeedAgent, LogAgent};
use crate::node::{Component, Exchange, FeedPlace, NodeError, register_feed};
use crate::recovery_service::{ImageAgent, PasswordAgent, RecoveryAgent};
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

impl Member {
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
