//! The cores of the cluster together: a model, scenarios, and what their tests share.

mod ballot;
mod candidate;
mod channel;
mod epochs;
mod follower;
mod hashes;
mod leader;
mod model;
mod scenarios;
mod world;

use std::net::{Ipv4Addr, SocketAddrV4};

use isochron_cluster::{AckPolicy, Counted};

use super::{Envelope, Membership, NodeAddress};
use crate::types::Epoch;

/// Nodes 1 to `nodes`, seen from one of them.
pub(super) fn members(own: u32, nodes: u32, ack: AckPolicy) -> Membership {
    members_counting(own, nodes, ack, Counted::HELD)
}

/// The same, with what counts.
pub(super) fn members_counting(
    own: u32,
    nodes: u32,
    ack: AckPolicy,
    counted: Counted,
) -> Membership {
    let list: Vec<NodeAddress> = (1..=nodes)
        .map(|node| NodeAddress { node, control: address(node), catch_up: address(node) })
        .collect();
    Membership::new(("XISO", 1), own, &list, ack, counted).expect("a cluster")
}

/// Where a node is.
pub(super) fn address(node: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 40_000 + node as u16)
}

/// A message's envelope: from a node's only run, the n-th that it sent.
fn envelope(sender: u32, counter: u64, known_epoch: u32) -> Envelope {
    Envelope { sender, run: 1, counter, known_epoch: Epoch(known_epoch), to_this_run: true }
}
