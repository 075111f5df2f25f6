//! The state hashes of all nodes, held side by side: who executed the log to another state.
//!
//! ```text
//!   this node executes ─▶ own hashes ──── the newest, every so often ────▶ all others
//!                             │ equal places
//!   the others' hashes ─▶ wait until ─▶ comparison, one a node: the last place, equal or not
//!                         execution is there      │
//!                                                 ▼  who differs from how many
//!                         the primary: a majority differs from it, so it takes nothing more
//!                         a standby:   barred from becoming the primary, until a majority agrees
//! ```
//!
//! Nodes hash their state at places that follow from the log alone, and only of what is committed.
//! A place is a position and the log's chain there: of two logs, which a forced promotion can
//! leave, nothing is compared. Each node compares with each by itself. A lost datagram costs
//! nothing, because states that are once different stay so and the next hash says it too; for the
//! same reason a comparison counts until there is another with the same node.
//!
//! Two states that differ do not say who is wrong. The majority of the configured nodes does; where
//! there is none, the primary's word counts against a standby's, as it does for the log.

use std::collections::BTreeMap;
use std::fmt;

use isochron_cluster::{Message, StateHash};

use crate::limits::{STATE_HASH_INTERVAL_NS, STATE_HASHES_KEPT_MAX};
use crate::store::{Chain, LogPlace};
use crate::types::{Nanos, Position};

use super::{Envelope, Membership};

/// Two nodes' states at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The other node.
    pub node: u32,
    /// Where.
    pub position: Position,
    /// The hash here.
    pub ours: u128,
    /// The hash there.
    pub theirs: u128,
}

impl Comparison {
    /// Whether the states are one.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.ours == self.theirs
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, position, ours, theirs } = self;
        match self.is_equal() {
            true => write!(f, "node {node} has the same state at {position}"),
            false => write!(
                f,
                "at {position} the state of node {node} is {theirs:032x}, and here {ours:032x}"
            ),
        }
    }
}

/// Why this node's state is not the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outvoted {
    /// The last comparison that is against it.
    pub by: Comparison,
    /// How many nodes have another state than this one.
    pub nodes: usize,
}

impl fmt::Display for Outvoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; nodes with another state than this one: {}", self.by, self.nodes)
    }
}

/// Hashes by the position of their place, the newest ones.
#[derive(Clone, Debug, Default)]
struct Kept(BTreeMap<Position, (Chain, u128)>);

impl Kept {
    fn add(&mut self, LogPlace { position, chain }: LogPlace, hash: u128) {
        self.0.insert(position, (chain, hash));
        if self.0.len() > STATE_HASHES_KEPT_MAX {
            self.0.pop_first();
        }
    }

    fn newest(&self) -> Option<(LogPlace, u128)> {
        let (position, (chain, hash)) = self.0.last_key_value()?;
        Some((LogPlace { position: *position, chain: *chain }, *hash))
    }
}

/// What is known of another node.
#[derive(Clone, Debug)]
struct Peer {
    node: u32,
    /// Its hashes of places where this node is not yet.
    waiting: Kept,
    last: Option<Comparison>,
    /// What `poll_comparison` has said: whether the states were equal.
    told: Option<bool>,
    send_at: Nanos,
}

/// Compares. Calling order: `on_own` for this node's hashes, `on_hash` for the others'; then
/// `poll_send` and `poll_comparison` until `None`.
#[derive(Clone, Debug)]
pub struct Hashes {
    majority: usize,
    own: Kept,
    peers: Vec<Peer>,
    compared: u64,
    differed: u64,
}

impl Hashes {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(membership: &Membership) -> Self {
        let peer = |node: u32| Peer {
            node,
            waiting: Kept::default(),
            last: None,
            told: None,
            send_at: Nanos(0),
        };
        Self {
            majority: membership.majority(),
            own: Kept::default(),
            peers: membership.peers().map(|other| peer(other.node)).collect(),
            compared: 0,
            differed: 0,
        }
    }

    /// This node's hash at a place. One below those before is of an execution that began again:
    /// what lies above was another's.
    pub fn on_own(&mut self, place: LogPlace, hash: u128) {
        drop(self.own.0.split_off(&place.position));
        self.own.add(place, hash);
        for at in 0..self.peers.len() {
            let peer = &mut self.peers[at];
            let later = peer.waiting.0.split_off(&Position(place.position.get() + 1));
            let passed = std::mem::replace(&mut peer.waiting.0, later);
            if let Some((chain, theirs)) = passed.get(&place.position)
                && *chain == place.chain
            {
                self.compare(at, place.position, hash, *theirs);
            }
        }
    }

    /// Another node says its hash at a place.
    pub fn on_hash(&mut self, from: &Envelope, told: &StateHash) {
        let Some(at) = self.peers.iter().position(|peer| peer.node == from.sender) else { return };
        let place = LogPlace { position: Position(told.position), chain: Chain(told.chain) };
        let theirs = u128::from(told.high) << 64 | u128::from(told.low);
        match self.own.0.get(&place.position) {
            Some((chain, ours)) if *chain == place.chain => {
                self.compare(at, place.position, *ours, theirs);
            }
            Some(_) => {}
            // Where this node was without a hash, it will have none.
            None if self.own.newest().is_some_and(|(own, _)| own.position > place.position) => {}
            None => self.peers[at].waiting.add(place, theirs),
        }
    }

    fn compare(&mut self, at: usize, position: Position, ours: u128, theirs: u128) {
        let peer = &mut self.peers[at];
        let comparison = Comparison { node: peer.node, position, ours, theirs };
        // The same hash comes again and again.
        if peer.last != Some(comparison) {
            peer.last = Some(comparison);
            self.compared += 1;
            self.differed += u64::from(!comparison.is_equal());
        }
    }

    /// This node's newest hash, and where it is of.
    #[must_use]
    pub fn newest(&self) -> Option<(LogPlace, u128)> {
        self.own.newest()
    }

    /// The other nodes, in the order of their numbers, and the last comparison with each.
    pub fn peers(&self) -> impl Iterator<Item = (u32, Option<&Comparison>)> {
        self.peers.iter().map(|peer| (peer.node, peer.last.as_ref()))
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.peers.iter().filter_map(|peer| peer.last.as_ref())
    }

    /// The last comparison with a node.
    #[must_use]
    pub fn with(&self, node: u32) -> Option<&Comparison> {
        self.comparisons().find(|comparison| comparison.node == node)
    }

    /// Comparisons so far, and how many of them found two states.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.compared, self.differed)
    }

    /// Why this node's state is not the one that counts, if it is not: a majority has another one,
    /// or nobody has a majority and the primary has another one.
    #[must_use]
    pub fn outvoted(&self, primary: Option<u32>) -> Option<Outvoted> {
        let against = || self.comparisons().filter(|comparison| !comparison.is_equal());
        let nodes = against().count();
        let by = if nodes >= self.majority {
            against().max_by_key(|comparison| comparison.position)
        } else if self.most_agree() {
            None
        } else {
            against().find(|comparison| Some(comparison.node) == primary)
        };
        by.map(|by| Outvoted { by: *by, nodes })
    }

    /// Whether a majority of the configured nodes, this one included, has this node's state.
    #[must_use]
    pub fn most_agree(&self) -> bool {
        let equal = self.comparisons().filter(|comparison| comparison.is_equal()).count();
        1 + equal >= self.majority
    }

    /// A comparison that came out other than the one before with that node, or is the first.
    #[must_use]
    pub fn poll_comparison(&mut self) -> Option<Comparison> {
        self.peers.iter_mut().find_map(|peer| {
            let last = peer.last?;
            let equal = Some(last.is_equal());
            (std::mem::replace(&mut peer.told, equal) != equal).then_some(last)
        })
    }

    /// What is to be sent, and to which node: this node's newest hash, when it is due.
    #[must_use]
    pub fn poll_send(&mut self, now: Nanos) -> Option<(u32, Message)> {
        let (LogPlace { position, chain }, hash) = self.own.newest()?;
        let peer = self.peers.iter_mut().find(|peer| now >= peer.send_at)?;
        peer.send_at = Nanos(now.get().saturating_add(STATE_HASH_INTERVAL_NS));
        let (position, chain) = (position.get(), chain.0);
        let (high, low) = ((hash >> 64) as u64, hash as u64);
        let tells = StateHash { position, chain, high, low, ..StateHash::default() };
        Some((peer.node, tells.into()))
    }
}
