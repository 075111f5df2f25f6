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
    /// The last state hash here, and its place.
    pub(super) state: Option<(u64, u128)>,
    /// By how many nodes that have another state this one's counts for nothing.
    pub(super) outvoted_by: Option<u64>,
    /// A wrong state, now or before, bars it from leading.
    pub(super) is_barred: bool,
    /// The others, as this node knows them.
    pub(super) peers: Vec<Peer>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    node: u64,
    /// What it acknowledges: to a primary.
    acks: Option<Acks>,
    /// Where its state was last compared with this node's, and whether it was the same.
    state: Option<(u64, bool)>,
}

/// How far a node is that follows this one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Acks {
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
        let of_place = |place| Peer::of(sample, place, role == "primary");
        let peers = (0..RINGS_MAX).filter_map(of_place).collect();
        let half = |counter| u128::from(value(counter));
        let hash = half(Counter::STATE_HASH_HIGH) << 64 | half(Counter::STATE_HASH_LOW);
        Some(Self {
            role,
            epoch: value(Counter::NODE_EPOCH),
            primary: some(value(Counter::NODE_PRIMARY)),
            applied: value(Counter::FOLLOWER_POSITION),
            differs_at: some(value(Counter::FOLLOWER_DIFFERS)),
            state: some(value(Counter::STATE_HASH_AT)).map(|at| (at, hash)),
            outvoted_by: some(value(Counter::STATE_OUTVOTED)),
            is_barred: value(Counter::NODE_BARRED) != 0,
            peers,
        })
    }

    pub(super) fn json(&self) -> Value {
        let peer = |peer: &Peer| {
            let acks = peer.acks.as_ref();
            json!({
                "node": peer.node,
                "held": acks.map(|acks| acks.held),
                "synced": acks.map(|acks| acks.synced),
                "applied": acks.map(|acks| acks.applied),
                "silent_ms": acks.and_then(|acks| acks.silent_ms),
                "state_compared_at": peer.state.map(|(at, _)| at),
                "state_is_equal": peer.state.map(|(_, is_equal)| is_equal),
            })
        };
        json!({
            "role": self.role,
            "epoch": self.epoch,
            "primary": self.primary,
            "applied": self.applied,
            "differs_at": self.differs_at,
            "state_at": self.state.map(|(at, _)| at),
            "state_hash": self.state.map(|(_, hash)| format!("{hash:032x}")),
            "outvoted_by": self.outvoted_by,
            "barred": self.is_barred,
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
        if let Some((at, hash)) = self.state {
            write!(f, ", state {hash:032x} at {at}")?;
        }
        if let Some(nodes) = self.outvoted_by {
            let what = if *role == "primary" { "NOTHING IS TAKEN" } else { "not to be promoted" };
            write!(f, "; OUTVOTED: {nodes} nodes have another state: {what}")?;
        }
        match self.differs_at {
            Some(at) => write!(f, "; EXECUTION DIFFERS FROM THE LOG at {at}: never to be promoted"),
            None if self.is_barred && self.outvoted_by.is_none() => f.write_str(
                "; BARRED: it had a wrong state: not to be promoted before most nodes have its state",
            ),
            None => Ok(()),
        }
    }
}

impl Peer {
    fn of(sample: &Sample, place: usize, acknowledges: bool) -> Option<Self> {
        let value = |counter| sample.value(counter, place);
        let node = Some(value(Counter::PEER_NODE)).filter(|node| *node != 0)?;
        let heard = Some(value(Counter::PEER_HEARD_NS)).filter(|heard| *heard != 0);
        let acks = acknowledges.then(|| Acks {
            held: value(Counter::PEER_HELD),
            synced: value(Counter::PEER_SYNCED),
            applied: value(Counter::PEER_APPLIED),
            silent_ms: heard.map(|heard| sample.time.get().saturating_sub(heard) / 1_000_000),
        });
        let compared = Some(value(Counter::PEER_STATE_AT)).filter(|at| *at != 0);
        let differs = value(Counter::PEER_STATE_DIFFERS) != 0;
        Some(Self { node, acks, state: compared.map(|at| (at, !differs)) })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: ", self.node)?;
        if let Some(acks) = &self.acks {
            write!(f, "{acks}, ")?;
        }
        match self.state {
            None => f.write_str("state not compared"),
            Some((at, true)) => write!(f, "the same state at {at}"),
            Some((at, false)) => write!(f, "ANOTHER STATE at {at}"),
        }
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, synced, applied, silent_ms } = self;
        let Some(ms) = silent_ms else { return f.write_str("not heard") };
        write!(f, "holds {held}, synced {synced}, executed {applied}, heard {ms} ms ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counters;
    use crate::types::Nanos;

    fn set(counters: &Counters, values: &[(Counter, u64)]) -> NodeState {
        values.iter().for_each(|(counter, value)| counters.writer(*counter).set(*value));
        NodeState::of(&Sample::of(counters, Nanos(17_000_000))).expect("it has a role")
    }

    #[test]
    fn a_node_alone_has_no_role_and_a_primary_shows_who_follows() {
        let counters = Counters::in_memory();
        assert_eq!(NodeState::of(&Sample::of(&counters, Nanos(0))), None);
        let state = set(
            &counters,
            &[
                (Counter::NODE_ROLE, 2),
                (Counter::NODE_EPOCH, 7),
                (Counter::FOLLOWER_POSITION, 96),
                (Counter::PEER_NODE, 2),
                (Counter::PEER_NODE.of_ring(1), 3),
                (Counter::PEER_HELD.of_ring(1), 320),
                (Counter::PEER_HEARD_NS.of_ring(1), 5_000_000),
            ],
        );
        assert_eq!(state.to_string(), "primary of epoch 7, executed to 96");
        let peers: Vec<String> = state.peers.iter().map(ToString::to_string).collect();
        let heard = "node 3: holds 320, synced 0, executed 0, heard 12 ms ago, state not compared";
        assert_eq!(peers, ["node 2: not heard, state not compared", heard]);
        let json = state.json();
        assert_eq!(
            (json["peers"][1]["silent_ms"].as_u64(), json["epoch"].as_u64()),
            (Some(12), Some(7))
        );
        assert!(json["state_hash"].is_null() && json["peers"][1]["state_is_equal"].is_null());
    }

    #[test]
    fn a_standby_that_differs_from_its_log_says_so() {
        let counters = Counters::in_memory();
        let role = [(Counter::NODE_ROLE, 1), (Counter::FOLLOWER_DIFFERS, 64)];
        let text = set(&counters, &role).to_string();
        assert!(
            text.starts_with("standby of epoch 0, executed to 0, nobody leads (`isochron promote`"),
            "{text}"
        );
        let barred = [(Counter::FOLLOWER_DIFFERS, 0), (Counter::NODE_BARRED, 1)];
        let state = set(&counters, &barred);
        assert_eq!(state.json()["barred"].as_bool(), Some(true));
        let text = state.to_string();
        assert!(text.ends_with("; BARRED: it had a wrong state: not to be promoted before most nodes have its state"), "{text}");
        let text = set(&counters, &[(Counter::NODE_ROLE, 3)]).to_string();
        assert!(text.starts_with("empty: waits for another node"), "{text}");
    }

    #[test]
    fn states_are_shown_side_by_side() {
        let counters = Counters::in_memory();
        let state = set(
            &counters,
            &[
                (Counter::NODE_ROLE, 1),
                (Counter::NODE_PRIMARY, 1),
                (Counter::STATE_HASH_AT, 640),
                (Counter::STATE_HASH_HIGH, 0xab),
                (Counter::STATE_HASH_LOW, 0xcd),
                (Counter::STATE_OUTVOTED, 1),
                (Counter::NODE_BARRED, 1),
                (Counter::PEER_NODE, 1),
                (Counter::PEER_STATE_AT, 576),
                (Counter::PEER_STATE_DIFFERS, 576),
                (Counter::PEER_NODE.of_ring(1), 3),
                (Counter::PEER_STATE_AT.of_ring(1), 640),
            ],
        );
        let hash = "00000000000000ab00000000000000cd";
        assert_eq!(
            state.to_string(),
            format!(
                "standby of epoch 0, executed to 0, follows node 1, state {hash} at 640; OUTVOTED: \
                 1 nodes have another state: not to be promoted"
            )
        );
        let peers: Vec<String> = state.peers.iter().map(ToString::to_string).collect();
        assert_eq!(peers, ["node 1: ANOTHER STATE at 576", "node 3: the same state at 640"]);
        let json = state.json();
        assert_eq!(
            (json["state_hash"].as_str(), json["state_at"].as_u64()),
            (Some(hash), Some(640))
        );
        let of = |place: usize| {
            let peer = &json["peers"][place];
            (peer["state_compared_at"].as_u64(), peer["state_is_equal"].as_bool())
        };
        assert_eq!([of(0), of(1)], [(Some(576), Some(false)), (Some(640), Some(true))]);
    }
}
