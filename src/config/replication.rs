//! The nodes that hold the same log, as they are written down. What a channel is, the wiring says,
//! which alone knows the parts that speak on it; here is its text, and where it stands.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::section::Section;
use crate::limits::NODES_MAX;
use crate::types::{KEY_BYTES, Key};

/// Bytes of a channel's text.
const CHANNEL_BYTES_MAX: usize = 1_024;

/// Programs beside the nodes that follow the log.
const WATCHERS_MAX: usize = 64;

/// Bytes a second of catch-up, and commands between two state hashes.
const BYTES_PER_SECOND_MAX: u64 = 1_000_000_000_000;
const STATE_HASH_COMMANDS_MAX: u64 = 1_000_000_000_000;

/// Whose acknowledgement a transaction waits for before it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Nobody's: a standby may lack what was confirmed.
    None,
    /// That of any one standby.
    One,
    /// Those of a majority of all nodes, the primary among them.
    Quorum,
}

impl Ack {
    /// Its word in a configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One => "one",
            Self::Quorum => "quorum",
        }
    }
}

/// The channel of the log, as a text. Equal ones say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct ChannelText {
    /// The line where it stands, for what is found wrong with it later.
    pub line: usize,
    /// The URI.
    pub text: String,
}

impl PartialEq for ChannelText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ChannelText {}

/// A machine with a copy of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number, the `node` of its own configuration.
    pub node: u32,
    /// Where it speaks with the other nodes, UDP.
    pub control: SocketAddrV4,
    /// Where it hands out what others lack of the log, TCP.
    pub catch_up: SocketAddrV4,
    /// From where it answers on the log's channel, where that is another address than control's.
    pub stream: Option<Ipv4Addr>,
}

/// Which other machines hold the log, and how it comes to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// Where the log is sent.
    pub channel: ChannelText,
    /// Who must hold a transaction before it is committed.
    pub ack: Ack,
    /// The nodes' common secret, where they have one.
    pub key: Option<Key>,
    /// The most that a node sends to all who catch up together; `None` for all that goes.
    pub catch_up_bytes_per_second: Option<u64>,
    /// Commands from one comparison of states to the next.
    pub state_hash_every_commands: u64,
    /// From where programs that are no nodes follow the log's channel.
    pub watchers: Vec<Ipv4Addr>,
    /// All nodes, this one among them; empty for a node that is alone.
    pub nodes: Vec<Node>,
}

impl Default for Replication {
    fn default() -> Self {
        let text = "aeron:udp?endpoint=239.77.0.1:40456|interface=127.0.0.1".to_owned();
        Self {
            channel: ChannelText { line: 0, text },
            ack: Ack::Quorum,
            key: None,
            catch_up_bytes_per_second: Some(100_000_000),
            state_hash_every_commands: 1_000_000,
            watchers: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

impl Replication {
    /// The nodes' section, in the configuration of node `own`.
    pub(super) fn read(mut section: Section<'_>, own: u32) -> Self {
        let default = Self::default();
        let words = [Ack::None, Ack::One, Ack::Quorum].map(|ack| (ack.word(), ack));
        let channel = section.text_and_line("channel", CHANNEL_BYTES_MAX);
        let channel = channel.map(|(text, line)| ChannelText { line, text });
        let bytes = section.optional_integer("catch_up_bytes_per_second", 0..=BYTES_PER_SECOND_MAX);
        let read = Self {
            channel: channel.unwrap_or(default.channel),
            ack: section.choice("ack", default.ack, &words),
            key: key(&mut section),
            catch_up_bytes_per_second: match bytes {
                Some(0) => None,
                Some(bytes) => Some(bytes),
                None => default.catch_up_bytes_per_second,
            },
            state_hash_every_commands: section.integer(
                "state_hash_every_commands",
                default.state_hash_every_commands,
                1..=STATE_HASH_COMMANDS_MAX,
            ),
            watchers: watchers(&mut section),
            nodes: nodes(&mut section, own),
        };
        section.finish();
        read
    }
}

fn key(section: &mut Section<'_>) -> Option<Key> {
    let digits = 2 * KEY_BYTES;
    let allowed = format!("{digits} hexadecimal digits, as `openssl rand -hex {KEY_BYTES}` gives");
    section.secret("key", &allowed, |value| Key::of_hex(value.text()?))
}

fn watchers(section: &mut Section<'_>) -> Vec<Ipv4Addr> {
    let texts = section.texts("watchers", WATCHERS_MAX).unwrap_or_default();
    let address = |text: &String| text.parse().ok().filter(is_a_nodes);
    let addresses: Vec<Ipv4Addr> = texts.iter().filter_map(address).collect();
    if addresses.len() < texts.len() {
        section.fault("watchers: an IPv4 address of each, such as 10.0.0.7");
    }
    addresses
}

fn nodes(section: &mut Section<'_>, own: u32) -> Vec<Node> {
    let entries = section.sections("nodes");
    if let Some(first_too_many) = entries.get(NODES_MAX) {
        first_too_many.fault(format_args!("at most {NODES_MAX} nodes"));
    }
    let (mut nodes, mut complete) = (Vec::<Node>::new(), true);
    for mut entry in entries.into_iter().take(NODES_MAX) {
        let node = node(&mut entry);
        complete &= node.is_some();
        if let Some(node) = node {
            check(&entry, node, &nodes);
            nodes.push(node);
        }
        entry.finish();
    }
    // What could not be read is named already.
    if complete && !nodes.is_empty() {
        if nodes.len() == 1 {
            section.fault("one node alone: list the others too, or none");
        }
        if !nodes.iter().any(|node| node.node == own) {
            let listed: Vec<_> = nodes.iter().map(|node| node.node.to_string()).collect();
            let listed = listed.join(", ");
            section.fault(format_args!(
                "this is node {own} (exchange.node), and the nodes are {listed}"
            ));
        }
    }
    nodes
}

/// Reports what two nodes cannot both have.
fn check(entry: &Section<'_>, node: Node, others: &[Node]) {
    for other in others {
        if other.node == node.node {
            entry.fault(format_args!("there is a node {} already", node.node));
        }
        if other.control == node.control {
            let (control, number) = (node.control, other.node);
            entry.fault(format_args!("control {control} is that of node {number}"));
        }
        if other.catch_up == node.catch_up {
            let (catch_up, number) = (node.catch_up, other.node);
            entry.fault(format_args!("catch_up {catch_up} is that of node {number}"));
        }
    }
}

fn node(entry: &mut Section<'_>) -> Option<Node> {
    let complete = entry.require(&["node", "control", "catch_up"]);
    let node = entry.optional_integer("node", 1..=u32::MAX);
    let control = address(entry, "control");
    let catch_up = address(entry, "catch_up");
    let allowed = "an IPv4 address of that node, such as 10.0.1.1";
    let stream = entry.value("stream", allowed, |value| {
        let address: Ipv4Addr = value.text()?.parse().ok()?;
        is_a_nodes(&address).then_some(address)
    });
    complete.then_some(())?;
    Some(Node { node: node?, control: control?, catch_up: catch_up?, stream })
}

/// Whether a machine can have this address.
fn is_a_nodes(ip: &Ipv4Addr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()
}

/// An address that other machines can name.
fn address(entry: &mut Section<'_>, key: &'static str) -> Option<SocketAddrV4> {
    let allowed = "an IPv4 address of that node and a port, such as 10.0.0.1:40457";
    entry.value(key, allowed, |value| {
        let address: SocketAddrV4 = value.text()?.parse().ok()?;
        (is_a_nodes(address.ip()) && address.port() != 0).then_some(address)
    })
}
