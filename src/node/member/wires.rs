//! Opens what a node's agents speak by, and makes their options of the configuration's.

use super::{AnyMedia, Member, Start};
use crate::cluster::agent::{PrimaryOptions, StandbyOptions};
use crate::core::RULES_VERSION;
use crate::limits::CATCH_UP_CONNECTIONS_MAX;
use crate::net::{OpenError, StreamBuffers, UdpMedia};
use crate::node::recovery::secret;
use crate::node::{Exchange, NodeError, ReplicationOptions};
use crate::replication::catch_up::{
    CatchUpAgent, DialOptions, Library, ListenError, Peer, ServiceOptions,
};
use crate::replication::receiver::ReceiverOptions;
use crate::replication::sender::SenderOptions;
use crate::store::{EpochStart, LogPlace, Terms, Until, session_id};
use std::fmt;
use std::sync::Arc;

/// Buffers of the control channel: its datagrams are short and few.
const CONTROL_BUFFER_BYTES: usize = 256 * 1024;

/// How long a promotion waits for the other nodes.
const PATIENCE_NS: u64 = 1_500_000_000;

/// Time from a refusal to the next asking for votes, where a node is to serve and follows nobody.
const VOTES_AGAIN_NS: u64 = 1_000_000_000;

/// Why a node cannot speak with others.
#[derive(Debug)]
pub enum WireError {
    /// The control channel's address.
    Control(OpenError),
    /// The log's channel.
    Channel(OpenError),
    /// The address where others catch up.
    CatchUp(ListenError),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(error) => write!(f, "the nodes' control channel: {error}"),
            Self::Channel(error) => write!(f, "replication.channel: {error}"),
            Self::CatchUp(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for WireError {}

/// The node's end of the control channel.
pub(super) fn control(options: &ReplicationOptions) -> Result<AnyMedia, WireError> {
    let membership = &options.membership;
    let own = membership.address_of(membership.own()).expect("a membership has its own node");
    let buffers = StreamBuffers { receive_bytes: CONTROL_BUFFER_BYTES, send_bytes: None };
    let media = UdpMedia::addressed(own.control, buffers).map_err(WireError::Control)?;
    Ok(Box::new(media))
}

/// The primary's end of the log's channel.
pub(super) fn sending(options: &ReplicationOptions) -> Result<AnyMedia, WireError> {
    Ok(Box::new(options.channel.open_sender().map_err(WireError::Channel)?))
}

/// A standby's end of it.
pub(super) fn receiving(options: &ReplicationOptions) -> Result<AnyMedia, WireError> {
    Ok(Box::new(options.channel.open_receiver().map_err(WireError::Channel)?))
}

impl Member {
    fn peer(&self) -> Peer {
        let store = &self.config.store;
        Peer::of(&store.identity, store.term_bytes, RULES_VERSION)
    }

    /// A standby's options, as the configuration has them.
    pub(super) fn standby_options(&self, start: Start) -> Result<StandbyOptions, NodeError> {
        let (identity, channel) = (&self.config.store.identity, &self.options.channel);
        let receiver_id = identity.node.into();
        Ok(StandbyOptions {
            receiver: ReceiverOptions::new(channel, identity.exchange_number, receiver_id),
            contract: self.contract(),
            patience_ns: PATIENCE_NS,
            asks_again_ns: (start == Start::Votes).then_some(VOTES_AGAIN_NS),
            discard: self.discards,
            dial: self.dial()?,
        })
    }

    /// A primary's options: its epoch, what it knows to be committed, and how its log is cut.
    pub(super) fn primary_options(
        &self,
        start: EpochStart,
        committed: LogPlace,
        terms: Terms,
    ) -> PrimaryOptions {
        let identity = &self.config.store.identity;
        let session = session_id(&identity.exchange, start.epoch);
        let (stream, channel) = (identity.exchange_number, &self.options.channel);
        let sender = SenderOptions {
            allowed: self.options.receivers().unwrap_or_default(),
            ..SenderOptions::new(channel, session, stream, terms, start.base)
        };
        PrimaryOptions { sender, contract: self.contract(), start, committed }
    }

    /// How this node asks others for what it lacks.
    pub(super) fn dial(&self) -> Result<DialOptions, NodeError> {
        let membership = &self.options.membership;
        Ok(DialOptions {
            me: self.peer(),
            key: self.options.key.clone(),
            servers: membership.peers().map(|node| node.catch_up).collect(),
            secret: secret().map_err(NodeError::Random)?,
        })
    }

    /// Adds the agent that gives to other nodes what this one has.
    pub(super) fn add_catch_up(&self, exchange: &mut Exchange) -> Result<(), NodeError> {
        let membership = &self.options.membership;
        let own = membership.address_of(membership.own()).expect("a membership has its own node");
        let options = ServiceOptions {
            me: self.peer(),
            key: self.options.key.clone(),
            secret: secret().map_err(NodeError::Random)?,
            connections_max: CATCH_UP_CONNECTIONS_MAX,
            bytes_per_second: self.options.catch_up_bytes_per_second.unwrap_or(0),
        };
        let store = &self.config.store;
        // To the end of what is held: the asking node's own rules say what it makes of it.
        let library = Library::new(
            Arc::clone(&self.disk),
            store.directory.clone(),
            &store.identity,
            Until::Published,
        );
        let agent = CatchUpAgent::open(own.catch_up, options, library, &exchange.counters);
        exchange.add(Some(agent.map_err(|error| NodeError::Wire(WireError::CatchUp(error)))?));
        Ok(())
    }
}
