//! From what a configuration says of other nodes to the options of the parts that speak with them.

use crate::cluster::{Membership, NodeAddress};
use crate::config::{self, Ack, Durability, Fault};
use crate::replication::channel::Channel;
use crate::types::Key;
use isochron_cluster::{AckPolicy, Counted};
use std::fmt::Display;
use std::net::Ipv4Addr;

/// What a node among several is started with.
#[derive(Clone, Debug)]
pub struct ReplicationOptions {
    /// The nodes, this one among them, and when a transaction is committed.
    pub membership: Membership,
    /// The channel of the log; its interface is the one of the node's control channel where none is
    /// named.
    pub channel: Channel,
    /// From where nodes answer on it, by their numbers.
    pub streams: Vec<(u32, Ipv4Addr)>,
    /// The nodes' secret.
    pub key: Option<Key>,
    /// The most that this node sends to all who catch up together.
    pub catch_up_bytes_per_second: Option<u64>,
    /// Commands from one comparison of states to the next.
    pub state_hash_every_commands: u64,
    /// Whose acknowledgement a commit waits for.
    pub ack: Ack,
}

impl ReplicationOptions {
    /// From where the primary hears receivers; `None` where the nodes' addresses on the channel's
    /// interface are not known, which this node's own one tells: then it hears everybody.
    #[must_use]
    pub fn receivers(&self) -> Option<Vec<Ipv4Addr>> {
        let own = self.streams.iter().find(|(node, _)| *node == self.membership.own());
        let is_known = own.is_some_and(|(_, address)| Some(*address) == self.channel.interface);
        is_known.then(|| self.streams.iter().map(|(_, address)| *address).collect())
    }
}

/// The nodes of a configuration; `None` for a node that is alone.
///
/// # Errors
/// A channel that is none, with its line.
pub fn options(config: &config::Config) -> Result<Option<ReplicationOptions>, Fault> {
    let written = &config.replication;
    let channel = &written.channel;
    let fault = |what: &str, error: &dyn Display| Fault {
        line: channel.line,
        message: format!("replication{what}: {error}"),
    };
    // Judged for a node that is alone too: a channel that is none is no comment.
    let mut channel = channel.text.parse::<Channel>().map_err(|error| fault(".channel", &error))?;
    if written.nodes.is_empty() {
        return Ok(None);
    }
    let address = |node: &config::Node| NodeAddress {
        node: node.node,
        control: node.control,
        catch_up: node.catch_up,
    };
    let nodes: Vec<_> = written.nodes.iter().map(address).collect();
    let stream = |node: &config::Node| (node.node, node.stream.unwrap_or(*node.control.ip()));
    let streams = written.nodes.iter().map(stream).collect();
    let exchange = (config.exchange.name.as_str(), config.exchange.number);
    let policy = match written.ack {
        Ack::None => AckPolicy::NONE,
        Ack::One => AckPolicy::ONE,
        Ack::Quorum => AckPolicy::QUORUM,
    };
    let counted = match config.store.durability {
        Durability::Process => Counted::HELD,
        Durability::Disk => Counted::SYNCED,
    };
    // The configuration's own look has found what can be wrong with nodes, each with its line.
    let membership = Membership::new(exchange, config.exchange.node, &nodes, policy, counted)
        .map_err(|error| fault("", &error))?;
    let own = membership.address_of(membership.own()).expect("a membership has its own node");
    channel.interface.get_or_insert(*own.control.ip());
    Ok(Some(ReplicationOptions {
        membership,
        channel,
        streams,
        key: written.key.clone(),
        catch_up_bytes_per_second: written.catch_up_bytes_per_second,
        state_hash_every_commands: written.state_hash_every_commands,
        ack: written.ack,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<ReplicationOptions>, Fault> {
        options(&config::Config::parse(text).unwrap())
    }

    const NODES: &str = "\
        [[replication.nodes]]\nnode = 1\ncontrol = '10.0.0.1:1'\ncatch_up = '10.0.0.1:2'\n\
        [[replication.nodes]]\nnode = 2\ncontrol = '10.0.0.2:1'\ncatch_up = '10.0.0.2:2'\n";

    #[test]
    fn a_channel_that_is_none_is_refused_with_its_line() {
        assert!(read("").unwrap().is_none());
        for nodes in ["", NODES] {
            let text =
                format!("[replication]\n\nchannel = 'aeron:tcp?endpoint=10.0.0.1:1'\n{nodes}");
            let fault = read(&text).unwrap_err();
            assert_eq!(fault.line, 3, "{fault}");
            assert!(fault.message.starts_with("replication.channel: "), "{fault}");
            assert!(fault.message.contains("tcp"), "it is shown: {fault}");
        }
    }

    #[test]
    fn receivers_are_the_nodes_where_they_answer_from() {
        let of = |channel: &str, nodes: &str| {
            let channel = format!("channel = 'aeron:udp?endpoint=239.7.0.1:1{channel}'");
            let read = read(&format!("[replication]\n{channel}\n{nodes}"));
            read.unwrap().unwrap().receivers()
        };
        let control = ["10.0.0.1", "10.0.0.2"].map(|it| it.parse().unwrap());
        let alone = read(NODES).unwrap().unwrap().channel.interface;
        assert_eq!(alone, Some(Ipv4Addr::LOCALHOST), "as the default channel says");
        assert_eq!(of("", NODES), Some(control.to_vec()), "by the control channel's interface");
        assert_eq!(of("|interface=10.0.0.1", NODES), Some(control.to_vec()));
        // On an interface of its own the nodes have addresses that somebody must tell.
        assert_eq!(of("|interface=10.9.0.1", NODES), None);
        let told = NODES
            .replace("node = 1\n", "node = 1\nstream = '10.9.0.1'\n")
            .replace("node = 2\n", "node = 2\nstream = '10.9.0.2'\n");
        let stream = ["10.9.0.1", "10.9.0.2"].map(|it| it.parse().unwrap());
        assert_eq!(of("|interface=10.9.0.1", &told), Some(stream.to_vec()));
        assert_eq!(of("", &told), None, "this node's answers come from elsewhere");
    }

    #[test]
    fn nodes_and_acknowledgements_are_those_of_the_configuration() {
        for (durability, ack, counted, policy) in [
            ("process", "quorum", Counted::HELD, AckPolicy::QUORUM),
            ("disk", "one", Counted::SYNCED, AckPolicy::ONE),
            ("disk", "none", Counted::SYNCED, AckPolicy::NONE),
        ] {
            let text = format!(
                "store.durability = '{durability}'\n[replication]\nack = '{ack}'\nkey = '{}'\n{NODES}",
                "ab".repeat(32)
            );
            let options = read(&text).unwrap().unwrap();
            let membership = &options.membership;
            assert_eq!((membership.own(), membership.majority()), (1, 2));
            assert_eq!((membership.counted(), membership.ack()), (counted, policy));
            assert!(options.key.is_some());
        }
    }
}
