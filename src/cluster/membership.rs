//! The configured nodes of an exchange, and how many of them it takes.

use std::fmt;
use std::net::SocketAddrV4;

use isochron_cluster::{AckPolicy, Counted};
use xxhash_rust::xxh3::xxh3_64;

use crate::limits::{EXCHANGE_NAME_BYTES_MAX, NODES_MAX};
use crate::types::Position;

/// A node and where it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Its number within the exchange, from 1.
    pub node: u32,
    /// Where its control channel's datagrams come from and go to.
    pub control: SocketAddrV4,
    /// Where it serves those who must catch up, by TCP.
    pub catch_up: SocketAddrV4,
}

/// What a list of nodes cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipError {
    /// None, or more than [`NODES_MAX`].
    Count {
        /// How many.
        nodes: usize,
    },
    /// 0 is the number of no node.
    Zero,
    /// A number that is there twice.
    NodeTwice {
        /// Which.
        node: u32,
    },
    /// An address that two nodes have, or one node twice.
    AddressTwice {
        /// Which.
        address: SocketAddrV4,
    },
    /// This node is not among them.
    OwnMissing {
        /// Its number.
        node: u32,
    },
    /// A name without a character, or too long.
    Exchange {
        /// Its bytes.
        bytes: usize,
    },
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { nodes } => write!(f, "{nodes} nodes: there are 1 to {NODES_MAX}"),
            Self::Zero => f.write_str("a node's number is 1 or more"),
            Self::NodeTwice { node } => write!(f, "node {node} is there twice"),
            Self::AddressTwice { address } => write!(f, "address {address} is there twice"),
            Self::OwnMissing { node } => {
                write!(f, "this is node {node}, which is not among the nodes")
            }
            Self::Exchange { bytes } => write!(
                f,
                "an exchange's name of {bytes} bytes: it has 1 to {EXCHANGE_NAME_BYTES_MAX}"
            ),
        }
    }
}

impl std::error::Error for MembershipError {}

/// The nodes of an exchange, seen from one of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Membership {
    exchange_digest: u64,
    own: u32,
    /// By their numbers.
    nodes: Vec<NodeAddress>,
    majority: usize,
    ack: AckPolicy,
    counted: Counted,
}

impl Membership {
    /// The exchange's name and number, this node's number, all nodes (this one among them, in any
    /// order), how many must have a transaction before it is committed, and what "have" means.
    ///
    /// # Errors
    /// What cannot be a cluster, by its values.
    pub fn new(
        exchange: (&str, i32),
        own: u32,
        nodes: &[NodeAddress],
        ack: AckPolicy,
        counted: Counted,
    ) -> Result<Self, MembershipError> {
        let bytes = exchange.0.len();
        if bytes == 0 || bytes > EXCHANGE_NAME_BYTES_MAX {
            return Err(MembershipError::Exchange { bytes });
        }
        if nodes.is_empty() || nodes.len() > NODES_MAX {
            return Err(MembershipError::Count { nodes: nodes.len() });
        }
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|node| node.node);
        if nodes[0].node == 0 {
            return Err(MembershipError::Zero);
        }
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].node == pair[1].node) {
            return Err(MembershipError::NodeTwice { node: pair[0].node });
        }
        // A control channel is UDP and catching up is TCP: one number may stand for both.
        for list in [|node: &NodeAddress| node.control, |node: &NodeAddress| node.catch_up] {
            let mut addresses: Vec<SocketAddrV4> = nodes.iter().map(list).collect();
            addresses.sort_unstable();
            if let Some(pair) = addresses.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(MembershipError::AddressTwice { address: pair[0] });
            }
        }
        if !nodes.iter().any(|node| node.node == own) {
            return Err(MembershipError::OwnMissing { node: own });
        }
        let majority = nodes.len() / 2 + 1;
        let exchange_digest = digest_of_exchange(exchange.0, exchange.1);
        Ok(Self { exchange_digest, own, nodes, majority, ack, counted })
    }

    /// This node's number.
    #[must_use]
    pub fn own(&self) -> u32 {
        self.own
    }

    /// All nodes, by their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[NodeAddress] {
        &self.nodes
    }

    /// All nodes but this one.
    pub fn peers(&self) -> impl Iterator<Item = &NodeAddress> {
        self.nodes.iter().filter(|node| node.node != self.own)
    }

    /// A node's place in the list.
    #[must_use]
    pub fn index_of(&self, node: u32) -> Option<usize> {
        self.nodes.binary_search_by_key(&node, |known| known.node).ok()
    }

    /// A node's addresses.
    #[must_use]
    pub fn address_of(&self, node: u32) -> Option<&NodeAddress> {
        self.index_of(node).map(|index| &self.nodes[index])
    }

    /// How many nodes a vote takes: more than half of the configured ones.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.majority
    }

    /// How many nodes must have a transaction before it is committed.
    #[must_use]
    pub fn needed(&self) -> usize {
        match self.ack {
            AckPolicy::NONE => 1,
            AckPolicy::ONE => self.nodes.len().min(2),
            _ => self.majority,
        }
    }

    /// The same as a policy.
    #[must_use]
    pub fn ack(&self) -> AckPolicy {
        self.ack
    }

    /// What it means that a node has a transaction.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// What counts of a log of which so much is held and so much is durable.
    #[must_use]
    pub fn counts(&self, held: Position, synced: Position) -> Position {
        if self.counted == Counted::SYNCED { synced } else { held }
    }

    /// XXH3-64 over the exchange's name and number: what tells its datagrams from another's.
    #[must_use]
    pub fn exchange_digest(&self) -> u64 {
        self.exchange_digest
    }

    /// XXH3-64 over the nodes, their numbers and addresses.
    #[must_use]
    pub fn nodes_digest(&self) -> u64 {
        let mut bytes = Vec::with_capacity(self.nodes.len() * 16);
        for node in &self.nodes {
            bytes.extend_from_slice(&node.node.to_le_bytes());
            for address in [node.control, node.catch_up] {
                bytes.extend_from_slice(&address.ip().octets());
                bytes.extend_from_slice(&address.port().to_le_bytes());
            }
        }
        xxh3_64(&bytes)
    }

    /// A majority that is none: what the model must find out.
    #[cfg(test)]
    pub(super) fn with_majority(mut self, majority: usize) -> Self {
        self.majority = majority;
        self
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.nodes.iter().map(|node| node.node).collect::<Vec<u32>>();
        write!(f, "Membership({} of {numbers:?}, {}, {})", self.own, self.ack, self.counted)
    }
}

fn digest_of_exchange(name: &str, number: i32) -> u64 {
    let mut bytes = Vec::with_capacity(name.len() + 4);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn node(node: u32, port: u16) -> NodeAddress {
        let address = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        NodeAddress { node, control: address(port), catch_up: address(port) }
    }

    fn membership(own: u32, nodes: &[NodeAddress]) -> Result<Membership, MembershipError> {
        Membership::new(("XISO", 1), own, nodes, AckPolicy::QUORUM, Counted::HELD)
    }

    #[test]
    fn a_majority_is_more_than_half() {
        for (nodes, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 5)] {
            let list: Vec<NodeAddress> =
                (1..=nodes).map(|number| node(number, 100 + number as u16)).collect();
            for (ack, needed) in [
                (AckPolicy::NONE, 1),
                (AckPolicy::ONE, 2.min(nodes as usize)),
                (AckPolicy::QUORUM, majority),
            ] {
                let it = Membership::new(("XISO", 1), 1, &list, ack, Counted::HELD).unwrap();
                assert_eq!((it.majority(), it.needed()), (majority, needed), "{nodes} {ack}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_values() {
        let refused = |own, nodes: &[NodeAddress]| membership(own, nodes).unwrap_err().to_string();
        let ten: Vec<NodeAddress> = (1..=10).map(|n| node(n, n as u16)).collect();
        assert_eq!(refused(1, &[]), "0 nodes: there are 1 to 9");
        assert_eq!(refused(1, &ten), "10 nodes: there are 1 to 9");
        assert_eq!(refused(0, &[node(0, 1)]), "a node's number is 1 or more");
        assert_eq!(refused(2, &[node(2, 1), node(2, 2)]), "node 2 is there twice");
        assert_eq!(refused(2, &[node(2, 1), node(3, 1)]), "address 127.0.0.1:1 is there twice");
        let own = "this is node 4, which is not among the nodes";
        assert_eq!(refused(4, &[node(2, 1), node(3, 2)]), own);
        let name = Membership::new(("", 1), 1, &[node(1, 1)], AckPolicy::NONE, Counted::HELD);
        let text = "an exchange's name of 0 bytes: it has 1 to 64";
        assert_eq!(name.unwrap_err().to_string(), text);
    }

    #[test]
    fn the_digests_tell_lists_and_exchanges_apart() {
        let one = membership(1, &[node(1, 1), node(2, 2)]).unwrap();
        let other_order = membership(2, &[node(2, 2), node(1, 1)]).unwrap();
        assert_eq!(one.nodes_digest(), other_order.nodes_digest());
        let other_port = membership(1, &[node(1, 1), node(2, 3)]).unwrap();
        assert_ne!(one.nodes_digest(), other_port.nodes_digest());
        let other_number = membership(1, &[node(1, 1), node(3, 2)]).unwrap();
        assert_ne!(one.nodes_digest(), other_number.nodes_digest());
        assert_ne!(digest_of_exchange("XISO", 1), digest_of_exchange("XISO", 2));
        assert_ne!(digest_of_exchange("XISO", 1), digest_of_exchange("XISA", 1));
    }
}
