//! What a node of several is, and how far those are that follow it.

use super::Sample;
use crate::metrics::{Counter, RINGS_MAX};
use serde_json::{Value, json};
use std::fmt;

/// A node at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeState {
    /// `standby`, `primary`, or `empty`: a standby without a store.
    pub(super) role: &'static str,
    pub(super) epoch: u64,
    /// The node that writes the log, as far as is known.
    pub(super) primary: Option<u64>,
    /// The position up to which the log is executed here.
    pub(super) applied: u64,
    /// Where execution and log differ here.
    pub(super) differs_at: Option<u64>,
    /// The others, as the primary knows them.
    pub(super) peers: Vec<Peer>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    node: u64,
    held: u64,
    synced: u64,
    applied: u64,
    /// Milliseconds since it was heard.
    silent_ms: Option<u64>,
}

impl NodeState {
    /// Of a process that is one of several nodes.
    pub(super) fn of(sample: &Sample) -> Option<Self> {
        let value = |counter| sample.value(counter, 0);
        let role = match value(Counter::NODE_ROLE) {
            1 => "standby",
            2 => "primary",
            3 => "empty",
            _ => return None,
        };
        let some = |value: u64| (value != 0).then_some(value);
        let peers = (0..RINGS_MAX).filter_map(|place| Peer::of(sample, place)).collect();
        Some(Self {
            role,
            epoch: value(Counter::NODE_EPOCH),
            primary: some(value(Counter::NODE_PRIMARY)),
            applied: value(Counter::FOLLOWER_POSITION),
            differs_at: some(value(Counter::FOLLOWER_DIFFERS)),
            peers,
        })
    }

    pub(super) fn json(&self) -> Value {
        let peer = |peer: &Peer| {
            json!({
                "node": peer.node,
                "held": peer.held,
                "synced": peer.synced,
                "applied": peer.applied,
                "silent_ms": peer.silent_ms,
            })
        };
        json!({
            "role": self.role,
            "epoch": self.epoch,
            "primary": self.primary,
            "applied": self.applied,
            "differs_at": self.differs_at,
            "peers": self.peers.iter().map(peer).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, epoch, applied, .. } = self;
        if *role == "empty" {
            return f.write_str(
                "empty: waits for another node to fill its directory; where none has ever run, \
                 begin with `isochron serve` at one",
            );
        }
        write!(f, "{role} of epoch {epoch}, executed to {applied}")?;
        if *role == "standby" {
            match self.primary {
                Some(node) => write!(f, ", follows node {node}")?,
                None => f.write_str(", nobody leads (`isochron promote` at one node)")?,
            }
        }
        match self.differs_at {
            Some(at) => write!(f, "; EXECUTION DIFFERS FROM THE LOG at {at}: never to be promoted"),
            None => Ok(()),
        }
    }
}

impl Peer {
    fn of(sample: &Sample, place: usize) -> Option<Self> {
        let value = |counter| sample.value(counter, place);
        let node = Some(value(Counter::PEER_NODE)).filter(|node| *node != 0)?;
        let heard = Some(value(Counter::PEER_HEARD_NS)).filter(|heard| *heard != 0);
        Some(Self {
            node,
            held: value(Counter::PEER_HELD),
            synced: value(Counter::PEER_SYNCED),
            applied: value(Counter::PEER_APPLIED),
            silent_ms: heard.map(|heard| sample.time.get().saturating_sub(heard) / 1_000_000),
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, held, synced, applied, silent_ms } = self;
        match silent_ms {
            None => write!(f, "node {node}: not heard"),
            Some(ms) => write!(
                f,
                "node {node}: holds {held}, synced {synced}, executed {applied}, heard {ms} ms ago"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counters;
    use crate::types::Nanos;

    #[test]
    fn a_node_alone_has_no_role_and_a_primary_shows_who_follows() {
        let counters = Counters::in_memory();
        assert_eq!(NodeState::of(&Sample::of(&counters, Nanos(0))), None);
        let set = |counter: Counter, value| counters.writer(counter).set(value);
        set(Counter::NODE_ROLE, 2);
        set(Counter::NODE_EPOCH, 7);
        set(Counter::FOLLOWER_POSITION, 96);
        for (place, heard) in [(0, 0), (1, 5_000_000)] {
            set(Counter::PEER_NODE.of_ring(place), place as u64 + 2);
            set(Counter::PEER_HELD.of_ring(place), 320);
            set(Counter::PEER_HEARD_NS.of_ring(place), heard);
        }
        let state = NodeState::of(&Sample::of(&counters, Nanos(17_000_000))).unwrap();
        assert_eq!(state.to_string(), "primary of epoch 7, executed to 96");
        assert_eq!(state.peers[0].to_string(), "node 2: not heard");
        let heard = "node 3: holds 320, synced 0, executed 0, heard 12 ms ago";
        assert_eq!(state.peers[1].to_string(), heard);
        assert_eq!(state.peers.len(), 2);
        let json = state.json();
        assert_eq!(
            (json["peers"][1]["silent_ms"].as_u64(), json["epoch"].as_u64()),
            (Some(12), Some(7))
        );
        set(Counter::NODE_ROLE, 1);
        set(Counter::FOLLOWER_DIFFERS, 64);
        let state = NodeState::of(&Sample::of(&counters, Nanos(17_000_000))).unwrap();
        assert!(
            state.to_string().starts_with(
                "standby of epoch 7, executed to 96, nobody leads (`isochron promote`"
            )
        );
        set(Counter::NODE_ROLE, 3);
        let state = NodeState::of(&Sample::of(&counters, Nanos(17_000_000))).unwrap();
        assert!(state.to_string().starts_with("empty: waits for another node"), "{state}");
    }
}
