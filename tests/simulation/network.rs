//! A network in memory: datagrams that are lost, doubled, late, out of order or from long ago.
//!
//! ```text
//!   node a ── send ──▶ a copy for each receiver ──▶ its link's fate ──▶ on its way ──▶ inbox of b
//!                                                     │     │  └ late, so out of order
//!                                              lost ◀─┘     └─▶ twice; kept, to come again
//! ```
//!
//! A link is directed and has lanes, each with a fate of its own: the data of the stream, what its
//! receivers answer, the control channel, catch-up. Everything follows from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isochron::net::{Datagram, Media};
use isochron_cluster::{Ack, Announce, Commit, Vote};

use crate::script::Random;

/// A node, from 0.
pub(crate) type Node = usize;

/// Datagrams that wait at a socket; what comes then is lost, as from a full socket buffer.
const INBOX_MAX: usize = 300;

/// Datagrams that a socket hands over at once.
const BATCH_MAX: usize = 32;

/// Datagrams of the past that may come again.
const KEPT_MAX: usize = 300;

/// What is lost or stopped on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// SETUP, DATA and heartbeats: from a primary to the group.
    Data,
    /// Status messages and requests: to those who send.
    Answers,
    /// Between two nodes' control addresses.
    Control,
    /// Catch-up: not datagrams, but up or down as they are.
    Stream,
}

impl Lane {
    pub(crate) const ALL: [Self; 4] = [Self::Data, Self::Answers, Self::Control, Self::Stream];
}

/// What becomes of what a link carries on one lane. Odds are of a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) down: bool,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) late: u64,
    /// How late those are, at most.
    pub(crate) late_ns: u64,
}

impl Fate {
    pub(crate) const GOOD: Self =
        Self { down: false, lost: 0, doubled: 5, late: 20, late_ns: 500_000 };
    pub(crate) const DOWN: Self = Self { down: true, ..Self::GOOD };
}

/// Messages of which all can be lost while everything else arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A receiver's answer, by its frame type.
    Answer(u8),
    /// A message of the control channel, by its template.
    Control(u16),
}

impl Kind {
    /// Requests, status messages; announcements, acknowledgements, commits, votes.
    pub(crate) const ALL: [Self; 6] = [
        Self::Answer(2),
        Self::Answer(3),
        Self::Control(Announce::TEMPLATE_ID),
        Self::Control(Ack::TEMPLATE_ID),
        Self::Control(Commit::TEMPLATE_ID),
        Self::Control(Vote::TEMPLATE_ID),
    ];

    fn is_of(self, lane: Lane, bytes: &[u8]) -> bool {
        match self {
            Self::Answer(kind) => lane == Lane::Answers && bytes.get(6) == Some(&kind),
            Self::Control(template) => {
                lane == Lane::Control && bytes.get(2..4) == Some(&template.to_le_bytes())
            }
        }
    }
}

/// What became of all datagrams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) overflowed: u64,
    pub(crate) from_the_past: u64,
    pub(crate) rewritten: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    arrives: u64,
    /// Of two that arrive together the one that was sent first is first.
    serial: u64,
    lane: Lane,
    from: Node,
    to: Node,
    bytes: Arc<[u8]>,
}

/// What a planted fault makes of a control datagram to a node: other bytes, and to whom they go; or
/// nothing.
pub(crate) type Rewrite = Box<dyn FnMut(Node, &[u8]) -> Option<(Node, Vec<u8>)> + Send>;

type Inbox = VecDeque<(Node, Arc<[u8]>)>;

/// All links, and what is on its way on them.
struct Links {
    nodes: usize,
    now: u64,
    serial: u64,
    random: Random,
    fates: BTreeMap<(Node, Node, Lane), Fate>,
    lost_kind: Option<Kind>,
    on_the_way: BinaryHeap<Reverse<Packet>>,
    inboxes: BTreeMap<(Node, Lane), Inbox>,
    listening: Vec<bool>,
    kept: Vec<Packet>,
    rewrite: Option<Rewrite>,
    counts: Counts,
}

impl Links {
    fn fate(&self, from: Node, to: Node, lane: Lane) -> Fate {
        self.fates.get(&(from, to, lane)).copied().unwrap_or(Fate::GOOD)
    }

    fn send(&mut self, from: Node, to: Node, lane: Lane, bytes: &Arc<[u8]>) {
        let fate = self.fate(from, to, lane);
        let kind_lost = self.lost_kind.is_some_and(|kind| kind.is_of(lane, bytes));
        if fate.down || kind_lost || self.random.chance(fate.lost) {
            self.counts.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.random.chance(fate.doubled));
        for _ in 0..copies {
            let mut way_ns = self.random.between(15_000, 45_000);
            if self.random.chance(fate.late) {
                way_ns += self.random.below(fate.late_ns.max(1));
            }
            let (arrives, serial) = (self.now + way_ns, self.serial);
            self.serial += 1;
            let packet = Packet { arrives, serial, lane, from, to, bytes: Arc::clone(bytes) };
            self.keep(&packet);
            self.on_the_way.push(Reverse(packet));
        }
    }

    /// A sample of all that was ever sent.
    fn keep(&mut self, packet: &Packet) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(packet.clone());
        } else if self.random.chance(30) {
            let place = self.random.below(KEPT_MAX as u64) as usize;
            self.kept[place] = packet.clone();
        }
    }

    fn deliver(&mut self) {
        while let Some(Reverse(next)) = self.on_the_way.peek()
            && next.arrives <= self.now
        {
            let Some(Reverse(mut packet)) = self.on_the_way.pop() else { return };
            if let (Lane::Control, Some(rewrite)) = (packet.lane, &mut self.rewrite)
                && let Some((to, other)) = rewrite(packet.to, &packet.bytes)
            {
                (packet.to, packet.bytes) = (to, other.into());
                self.counts.rewritten += 1;
            }
            let inbox = self.inboxes.entry((packet.to, packet.lane)).or_default();
            if !self.listening[packet.to] {
                self.counts.lost += 1;
            } else if inbox.len() == INBOX_MAX {
                self.counts.overflowed += 1;
            } else {
                inbox.push_back((packet.from, packet.bytes));
                self.counts.delivered += 1;
            }
        }
    }
}

/// The network of a world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<Links>>);

impl Network {
    pub(crate) fn new(nodes: usize, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Links {
            nodes,
            now: 0,
            serial: 0,
            random: Random(seed),
            fates: BTreeMap::new(),
            lost_kind: None,
            on_the_way: BinaryHeap::new(),
            inboxes: BTreeMap::new(),
            listening: vec![false; nodes],
            kept: Vec::new(),
            rewrite: None,
            counts: Counts::default(),
        })))
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time goes on: what arrives by then is in the inboxes.
    pub(crate) fn advance(&self, now: u64) {
        let mut links = self.links();
        links.now = now;
        links.deliver();
    }

    /// A node's sockets are open, or closed: then what was in them is gone.
    pub(crate) fn listen(&self, node: Node, open: bool) {
        let mut links = self.links();
        links.listening[node] = open;
        links.inboxes.retain(|(owner, _), _| *owner != node);
    }

    pub(crate) fn set_fate(&self, from: Node, to: Node, lane: Lane, fate: Fate) {
        self.links().fates.insert((from, to, lane), fate);
    }

    pub(crate) fn is_up(&self, from: Node, to: Node, lane: Lane) -> bool {
        let links = self.links();
        !links.fate(from, to, lane).down && links.listening[to]
    }

    /// Whether a node's sockets are open.
    pub(crate) fn is_listening(&self, node: Node) -> bool {
        self.links().listening[node]
    }

    /// Messages of one kind are lost, all of them.
    pub(crate) fn lose_kind(&self, kind: Option<Kind>) {
        self.links().lost_kind = kind;
    }

    /// All links are good again.
    pub(crate) fn heal(&self) {
        let mut links = self.links();
        links.fates.clear();
        links.lost_kind = None;
    }

    /// Datagrams of the past come again, whoever sent them and whatever has become of him.
    pub(crate) fn repeat_past(&self, count: u64) {
        let mut links = self.links();
        for _ in 0..count.min(links.kept.len() as u64) {
            let among = links.kept.len() as u64;
            let place = links.random.below(among) as usize;
            let arrives = links.now + links.random.below(2_000_000);
            let serial = links.serial;
            links.serial += 1;
            links.counts.from_the_past += 1;
            let packet = Packet { arrives, serial, ..links.kept[place].clone() };
            links.on_the_way.push(Reverse(packet));
        }
    }

    pub(crate) fn rewrite_control(&self, rewrite: Rewrite) {
        self.links().rewrite = Some(rewrite);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.links().counts
    }

    /// The socket of a primary that sends the stream and hears the answers.
    pub(crate) fn sender(&self, node: Node) -> Port {
        Port { network: self.clone(), node, out: Some(Lane::Data), hears: Lane::Answers }
    }

    /// The socket of a standby that hears the stream and answers.
    pub(crate) fn receiver(&self, node: Node) -> Port {
        Port { network: self.clone(), node, out: Some(Lane::Answers), hears: Lane::Data }
    }

    /// The socket of a node's control address.
    pub(crate) fn control(&self, node: Node) -> Port {
        Port { network: self.clone(), node, out: None, hears: Lane::Control }
    }
}

const PORT: u16 = 40_456;

/// A node's address, on every lane.
pub(crate) fn address(node: Node) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, node as u8 + 1), PORT)
}

/// Whose address it is.
pub(crate) fn node_at(address: SocketAddrV4) -> Option<Node> {
    match address.ip().octets() {
        [10, 0, 0, last] => usize::from(last).checked_sub(1),
        _ => None,
    }
}

/// One end of it.
pub(crate) struct Port {
    network: Network,
    node: Node,
    /// Where what is sent to the group goes; nowhere on a socket without a fixed destination.
    out: Option<Lane>,
    hears: Lane,
}

impl Media for Port {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        let lane = self.out.ok_or_else(|| io::Error::other("no fixed destination"))?;
        let mut links = self.network.links();
        for datagram in datagrams {
            let bytes: Arc<[u8]> = [datagram.head, datagram.body].concat().into();
            for to in (0..links.nodes).filter(|to| *to != self.node) {
                links.send(self.node, to, lane, &bytes);
            }
        }
        Ok(datagrams.len())
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let waiting: Vec<_> = {
            let mut links = self.network.links();
            let inbox = links.inboxes.entry((self.node, self.hears)).or_default();
            let count = inbox.len().min(BATCH_MAX);
            inbox.drain(..count).collect()
        };
        for (from, bytes) in &waiting {
            each(bytes, address(*from));
        }
        Ok(waiting.len())
    }

    fn send_to(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool> {
        let lane = self.out.unwrap_or(Lane::Control);
        let mut links = self.network.links();
        if let Some(to) = node_at(to).filter(|to| *to < links.nodes) {
            links.send(self.node, to, lane, &datagram.into());
        }
        Ok(true)
    }
}
