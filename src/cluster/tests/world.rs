//! A cluster of real cores on disks and a network of the simplest kind.
//!
//! A log is a list of entries of 32 bytes. Each node has the cores that production gives it; what a
//! store does (promise, follow, cut, append) is done here to a plain value, so that a world can be
//! copied and compared, and every order of events be tried. The checks are here too: one primary
//! an epoch, and no committed entry ever missing from a log that a vote made the primary's.

mod does;
mod happens;

use std::collections::BTreeMap;
use std::io;

use isochron_cluster::{AckPolicy, Message, NodeFlags};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::members;
use crate::cluster::{
    Ballot, Candidate, Contract, Envelope, Follower, Leader, LogStatus, Membership, last_epoch,
};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Nanos, Position};

pub(super) const ENTRY_BYTES: u64 = 32;
const PATIENCE_NS: u64 = 1_000_000_000;

/// What is done wrongly on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A crash forgets the vote.
    VoteForgotten,
    /// An acknowledgement counts in whatever epoch it was made.
    OldAckCounts,
    /// One node fewer is taken for a majority.
    MajorityTooSmall,
    /// A node that lost what it acknowledged votes, and is voted for.
    LossyVotes,
    /// What an older epoch left is committed before anything of this one is.
    NoFloor,
}

/// A transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    epoch: Epoch,
    chain: Chain,
}

/// What a node keeps over a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    known: Epoch,
    vote: (Epoch, u32),
    epochs: Vec<EpochStart>,
    log: Vec<Entry>,
    /// Entries that a loss of power leaves.
    synced: usize,
    committed: Position,
    lossy: bool,
}

impl Disk {
    fn end(&self) -> LogPlace {
        place_of(&self.log)
    }

    fn append(&mut self, epoch: Epoch, node: u32) {
        let content = [epoch.get().to_le_bytes(), node.to_le_bytes()].concat();
        let chain = Chain(xxh3_64_with_seed(&content, self.end().chain.0));
        self.log.push(Entry { epoch, chain });
    }
}

fn place_of(log: &[Entry]) -> LogPlace {
    let position = Position(log.len() as u64 * ENTRY_BYTES);
    LogPlace { position, chain: log.last().map_or(Chain(0), |entry| entry.chain) }
}

impl Ballot for Disk {
    fn known(&self) -> Epoch {
        self.known
    }

    fn vote(&self) -> (Epoch, u32) {
        self.vote
    }

    fn promise(&mut self, epoch: Epoch, node: u32) -> io::Result<bool> {
        let begun = self.epochs.iter().any(|start| start.epoch == epoch);
        if begun || epoch < self.known || (epoch == self.known && self.vote != (epoch, node)) {
            return Ok(false);
        }
        (self.known, self.vote) = (epoch, (epoch, node));
        Ok(true)
    }
}

/// What a node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Down,
    Standby { follower: Box<Follower>, candidate: Option<Box<Candidate>> },
    Primary(Box<Leader>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) disk: Disk,
    pub(super) role: Role,
    run: u64,
    sent: u64,
    diverged: bool,
    /// The stream brings it nothing.
    pub(super) stalled: bool,
    /// It may cut what is committed.
    pub(super) discards: bool,
    /// The epoch that it would not follow, and said so.
    stopped_at: Epoch,
}

impl Node {
    /// What the node has come to, in a line.
    pub(super) fn summary(&self) -> String {
        let role = match &self.role {
            Role::Down => String::from("is down"),
            Role::Standby { follower, .. } => match follower.following() {
                Some(start) => format!("follows {} in {}", start.node, start.epoch),
                None => String::from("follows nobody"),
            },
            Role::Primary(leader) => format!("leads {}", leader.start().epoch),
        };
        let lossy = if self.disk.lossy { ", lossy" } else { "" };
        let (end, committed) = (self.disk.end().position, self.disk.committed);
        format!("{} {role}: holds {end}, committed {committed}{lossy}", self.number)
    }
}

/// A message that was sent and has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) to: u32,
    pub(super) envelope: Envelope,
    pub(super) message: Message,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) flying: Vec<Flight>,
    pub(super) now: Nanos,
    ack: AckPolicy,
    fault: Fault,
    round: u64,
    /// Who began each epoch.
    began: BTreeMap<u32, u32>,
    /// Everything that was ever committed, and in which epoch each entry was.
    pub(super) committed: Vec<Entry>,
    committed_in: Vec<Epoch>,
    /// A promotion was forced, or fewer than a majority commit: what was committed may be lost.
    forced: bool,
    /// What must never be.
    pub(super) violation: Option<String>,
    /// What a reader of a scenario is told.
    pub(super) said: Vec<String>,
    /// Messages are numbered by what they say, so that worlds which came about in other orders
    /// are equal.
    pub(super) unordered: bool,
}

impl World {
    /// Nodes that are all up and have nothing.
    pub(super) fn new(nodes: u32, ack: AckPolicy, fault: Fault) -> Self {
        let node = |number| Node {
            number,
            disk: Disk {
                known: Epoch(0),
                vote: (Epoch(0), 0),
                epochs: Vec::new(),
                log: Vec::new(),
                synced: 0,
                committed: Position(0),
                lossy: false,
            },
            role: Role::Down,
            run: 0,
            sent: 0,
            diverged: false,
            stalled: false,
            discards: false,
            stopped_at: Epoch(0),
        };
        let mut world = Self {
            nodes: (1..=nodes).map(node).collect(),
            flying: Vec::new(),
            now: Nanos(1_000_000_000),
            ack,
            fault,
            round: 0,
            began: BTreeMap::new(),
            committed: Vec::new(),
            committed_in: Vec::new(),
            // A weaker policy promises less.
            forced: ack != AckPolicy::QUORUM,
            violation: None,
            said: Vec::new(),
            unordered: false,
        };
        (1..=nodes).for_each(|node| world.start(node));
        world
    }

    pub(super) fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize - 1]
    }

    fn node_mut(&mut self, number: u32) -> &mut Node {
        &mut self.nodes[number as usize - 1]
    }

    fn membership(&self, own: u32) -> Membership {
        let members = members(own, self.nodes.len() as u32, self.ack);
        match self.fault {
            Fault::MajorityTooSmall => {
                let majority = members.majority() - 1;
                members.with_majority(majority)
            }
            _ => members,
        }
    }

    fn contract(&self, own: u32) -> Contract {
        Contract::new(&self.membership(own), 65_536, (1, 0), 1)
    }

    /// What a node says of its log.
    fn status(&self, number: u32) -> LogStatus {
        let node = self.node(number);
        let mut flags = NodeFlags::default();
        if let Role::Primary(leader) = &node.role {
            flags |= leader.flags();
        }
        if node.disk.lossy && self.fault != Fault::LossyVotes {
            flags |= NodeFlags::LOSSY;
        }
        if node.diverged {
            flags |= NodeFlags::DIVERGED;
        }
        let end = node.disk.end();
        let last_epoch = last_epoch(&node.disk.epochs, end.position);
        assert_eq!(last_epoch, node.disk.log.last().map_or(Epoch(0), |entry| entry.epoch));
        LogStatus { last_epoch, end, committed: node.disk.committed, flags }
    }

    fn say(&mut self, text: String) {
        self.said.push(text);
    }

    fn violate(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }
}
