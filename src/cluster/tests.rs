//! What the tests of the cluster's cores share.

use std::net::{Ipv4Addr, SocketAddrV4};

use isochron_cluster::{AckPolicy, Counted};

use super::{Membership, NodeAddress};

/// Nodes 1 to `nodes`, seen from one of them.
pub(super) fn members(own: u32, nodes: u32, ack: AckPolicy) -> Membership {
    let list: Vec<NodeAddress> = (1..=nodes)
        .map(|node| NodeAddress { node, control: address(node), catch_up: address(node) })
        .collect();
    Membership::new(("XISO", 1), own, &list, ack, Counted::HELD).expect("a cluster")
}

/// Where a node is.
pub(super) fn address(node: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 40_000 + node as u16)
}
