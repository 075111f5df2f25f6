//! A primary's control core: acknowledgements in, commits and announcements out.
//!
//! It knows who is silent, slow, or has another log; whether the quorum is there; when this node
//! may no longer confirm anything: because it gave another node its word, or because another one
//! says it is the primary; and when it may take nothing more: because most nodes executed its log
//! to another state. Status messages of the stream count for nothing here: only an [`Ack`] of this
//! epoch does.

use std::collections::VecDeque;
use std::fmt;

use isochron_cluster::{Ack, Announce, Commit, Counted, Message, NodeFlags};

use crate::limits::{ACK_INTERVAL_NS, ANNOUNCE_INTERVAL_NS, NODE_SILENT_NS, SLOW_BYTES};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Nanos, Position};

use super::{Comparison, Contract, Envelope, Hashes, Membership, Quorum};

/// Why an acknowledgement does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckRefused {
    /// It is of another epoch.
    Epoch {
        /// Whose.
        node: u32,
        /// The epoch that the node follows.
        epoch: Epoch,
        /// This primary's.
        ours: Epoch,
    },
    /// One that was sent later came before it.
    Overtaken {
        /// Whose.
        node: u32,
    },
    /// It names what was never written in this epoch.
    Beyond {
        /// Whose.
        node: u32,
        /// What it says it holds.
        held: Position,
        /// What was written.
        published: Position,
    },
    /// It says that more is durable than is held.
    Contradiction {
        /// Whose.
        node: u32,
        /// What it says it holds.
        held: Position,
        /// What it says is durable.
        synced: Position,
    },
    /// The node's log is another one.
    ChainDiffers {
        /// Whose.
        node: u32,
        /// Where.
        position: Position,
        /// The node's chain there.
        theirs: Chain,
        /// This primary's.
        ours: Chain,
    },
}

impl fmt::Display for AckRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch { node, epoch, ours } => {
                write!(f, "node {node} acknowledges in epoch {epoch}, this is epoch {ours}")
            }
            Self::Overtaken { node } => write!(f, "an acknowledgement of node {node} came late"),
            Self::Beyond { node, held, published } => {
                write!(f, "node {node} says it holds {held}, and {published} was written")
            }
            Self::Contradiction { node, held, synced } => {
                write!(f, "node {node} says {synced} is durable, of {held} that it holds")
            }
            Self::ChainDiffers { node, position, theirs, ours } => write!(
                f,
                "node {node} has another log: at {position} its chain is {theirs}, here {ours}"
            ),
        }
    }
}

impl std::error::Error for AckRefused {}

/// Why a primary confirms nothing any more, and takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLeading {
    /// This node promised a higher epoch.
    Promised {
        /// Which.
        epoch: Epoch,
    },
    /// A node is the primary of a higher epoch.
    Deposed {
        /// Which node.
        by: u32,
        /// Its epoch, and where it began.
        start: EpochStart,
    },
    /// Another node says that it is the primary of this epoch too.
    TwoPrimaries {
        /// Which node.
        other: u32,
        /// The epoch.
        epoch: Epoch,
    },
}

impl fmt::Display for NotLeading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promised { epoch } => write!(f, "this node has promised epoch {epoch}"),
            Self::Deposed { by, start } => write!(
                f,
                "node {by} is the primary of epoch {}, which began at {}",
                start.epoch, start.base
            ),
            Self::TwoPrimaries { other, epoch } => write!(
                f,
                "node {other} says that it is the primary of epoch {epoch}, as this node is: \
                 a promotion was forced twice, or a node's number is used twice"
            ),
        }
    }
}

/// Most nodes do not have the state that this primary's log leads to here. What is in the log is
/// confirmed as ever, and followed; nothing is added until somebody has decided whose state is
/// right: for the rest of the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MajorityDiffers {
    /// How many nodes say so.
    pub nodes: usize,
    /// How many are configured.
    pub of: usize,
}

impl fmt::Display for MajorityDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, of } = self;
        write!(f, "{nodes} of {of} nodes executed this log to another state: nothing is taken")
    }
}

/// What a person, or the node, should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enough nodes are there to commit.
    QuorumReached {
        /// Nodes that are heard, this one included.
        heard: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Too few are. What is accepted waits for them, up to the bound of what may be uncommitted.
    QuorumLost {
        /// Nodes that are heard, this one included.
        heard: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A node follows this epoch now, or again.
    NodeHeard {
        /// Which.
        node: u32,
    },
    /// Nothing came from a node for a while.
    NodeSilent {
        /// Which.
        node: u32,
    },
    /// A node is far behind; it falls back to catching up by itself, and nobody waits for it.
    NodeSlow {
        /// Which.
        node: u32,
        /// By so much.
        behind_bytes: u64,
    },
    /// It is not any more.
    NodeKeepsUp {
        /// Which.
        node: u32,
    },
    /// A node knows of a higher epoch, and follows this one no longer. Nobody may have become its
    /// primary: only another promotion helps that node.
    HigherEpoch {
        /// Which node.
        node: u32,
        /// The epoch.
        epoch: Epoch,
    },
    /// A node executed the log to another outcome, or has another state: it is not promoted.
    NodeDiverged {
        /// Which.
        node: u32,
    },
    /// A node's state was compared with this one's, and it came out otherwise than before.
    State(Comparison),
    /// This primary takes nothing any more.
    MajorityDiffers(MajorityDiffers),
    /// This primary confirms nothing any more.
    NotLeading(NotLeading),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QuorumReached { heard, needed } => {
                write!(f, "quorum reached: nodes heard {heard}, needed {needed}")
            }
            Self::QuorumLost { heard, needed } => {
                write!(f, "quorum lost: nodes heard {heard}, needed {needed}")
            }
            Self::NodeHeard { node } => write!(f, "node {node} follows"),
            Self::NodeSilent { node } => write!(f, "node {node} is silent"),
            Self::NodeSlow { node, behind_bytes } => {
                write!(f, "node {node} is slow: {behind_bytes} bytes behind")
            }
            Self::NodeKeepsUp { node } => write!(f, "node {node} keeps up"),
            Self::HigherEpoch { node, epoch } => write!(
                f,
                "node {node} knows of epoch {epoch} and follows this one no longer; another \
                 promotion helps it"
            ),
            Self::NodeDiverged { node } => {
                write!(f, "node {node} executed the log to another state: it is not promoted")
            }
            Self::State(comparison) => write!(f, "{comparison}"),
            Self::MajorityDiffers(why) => write!(f, "{why}"),
            Self::NotLeading(why) => write!(f, "leads no longer: {why}"),
        }
    }
}

/// What a primary knows of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its number.
    pub node: u32,
    /// Its last acknowledgement in this epoch.
    pub ack: Option<Ack>,
    /// When that came.
    pub heard_at: Option<Nanos>,
    /// Nothing came for a while.
    pub silent: bool,
    /// It is far behind.
    pub slow: bool,
    /// Its log is another one.
    pub log_differs: bool,
    /// The highest epoch it knows of.
    pub known_epoch: Epoch,
}

impl PeerStatus {
    /// Whether it says that its execution differs.
    fn diverged(&self) -> bool {
        self.ack.is_some_and(|ack| ack.flags.contains(NodeFlags::DIVERGED))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    status: PeerStatus,
    /// Its place in the membership.
    place: usize,
    /// The run and number of the last acknowledgement that counts.
    order: (u64, u64),
    announce_at: Nanos,
    commit_at: Nanos,
    /// The last commit that was sent.
    commit: Position,
}

/// Leads one epoch. Calling order: `on_*` as things happen (a transaction's end before its bytes
/// are sent); then `poll_commit` and `poll_send` until `None`; `poll_change` until `None`; wake at
/// `next_deadline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    membership: Membership,
    contract: Contract,
    start: EpochStart,
    quorum: Quorum,
    published: Position,
    peers: Vec<Peer>,
    /// `None` before the quorum was there for the first time.
    complete: Option<bool>,
    ended: Option<NotLeading>,
    outvoted: Option<MajorityDiffers>,
    /// What `poll_commit` has said.
    told: Position,
    changes: VecDeque<Change>,
}

impl Leader {
    /// This node's epoch begins: it was voted for, and its `EpochStarted` will be the first end
    /// that [`Leader::on_end`] is told. `committed` is what the node knows of from before.
    #[must_use]
    pub fn new(
        membership: Membership,
        contract: Contract,
        start: EpochStart,
        committed: LogPlace,
        now: Nanos,
    ) -> Self {
        let peer = |(place, node): (usize, u32)| Peer {
            status: PeerStatus {
                node,
                ack: None,
                heard_at: None,
                silent: true,
                slow: false,
                log_differs: false,
                known_epoch: Epoch(0),
            },
            place,
            order: (0, 0),
            announce_at: now,
            commit_at: now,
            commit: Position(0),
        };
        let numbers = membership.nodes().iter().map(|node| node.node).enumerate();
        let peers = numbers.filter(|(_, node)| *node != membership.own()).map(peer).collect();
        let quorum = Quorum::new(&membership, committed);
        let told = committed.position;
        let (published, changes) = (start.base, VecDeque::new());
        let (complete, ended, outvoted) = (None, None, None);
        Self {
            membership,
            contract,
            start,
            quorum,
            published,
            peers,
            complete,
            ended,
            outvoted,
            told,
            changes,
        }
    }

    /// The epoch, and where it began.
    #[must_use]
    pub fn start(&self) -> EpochStart {
        self.start
    }

    /// What is committed.
    #[must_use]
    pub fn committed(&self) -> LogPlace {
        self.quorum.committed()
    }

    /// Why this node confirms nothing any more; `None` while it leads.
    #[must_use]
    pub fn ended(&self) -> Option<NotLeading> {
        self.ended
    }

    /// Why this node takes nothing any more; `None` while it may.
    #[must_use]
    pub fn outvoted(&self) -> Option<MajorityDiffers> {
        self.outvoted
    }

    /// Whether enough nodes are heard to commit.
    #[must_use]
    pub fn has_quorum(&self) -> bool {
        self.complete == Some(true)
    }

    /// What is known of the other nodes.
    pub fn peers(&self) -> impl Iterator<Item = &PeerStatus> {
        self.peers.iter().map(|peer| &peer.status)
    }

    /// A transaction ends here, in this epoch; told before its bytes are sent to anybody. Ends may
    /// be left out (a commit is then coarser), but not the first one for long: nothing is committed
    /// before an end of this epoch is known.
    pub fn on_end(&mut self, end: LogPlace) {
        assert!(end.position > self.start.base, "an epoch's ends lie beyond its base");
        self.published = end.position;
        self.quorum.on_end(end);
        if self.membership.counted() != Counted::SYNCED {
            self.quorum.on_own(end.position);
        }
    }

    /// So much is durable at this node.
    pub fn on_synced(&mut self, synced: Position) {
        if self.membership.counted() == Counted::SYNCED {
            self.quorum.on_own(synced);
        }
    }

    /// A standby says how far it has come.
    ///
    /// # Errors
    /// Why it does not count.
    ///
    /// # Panics
    /// The sender is no other configured node, which [`super::ControlChannel::open`] sees to.
    pub fn on_ack(&mut self, from: &Envelope, ack: &Ack, now: Nanos) -> Result<(), AckRefused> {
        self.on_known_epoch(from);
        let (node, ours) = (from.sender, self.start.epoch);
        let (held, synced) = (Position(ack.held), Position(ack.synced));
        if ack.epoch != ours.get() {
            return Err(AckRefused::Epoch { node, epoch: Epoch(ack.epoch), ours });
        }
        if synced > held {
            return Err(AckRefused::Contradiction { node, held, synced });
        }
        if held > self.published {
            return Err(AckRefused::Beyond { node, held, published: self.published });
        }
        let end = self.quorum.ends().at_or_before(held);
        let counts = if self.membership.counted() == Counted::SYNCED { synced } else { held };
        let peer = peer(&mut self.peers, node);
        if (from.run, from.counter) <= peer.order {
            return Err(AckRefused::Overtaken { node });
        }
        peer.order = (from.run, from.counter);
        let theirs = Chain(ack.chain_at_held);
        let other = end.filter(|end| end.position == held && end.chain != theirs);
        peer.status.log_differs = other.is_some();
        self.quorum.on_node(peer.place, if other.is_some() { None } else { Some(counts) });
        if let Some(LogPlace { position, chain: ours }) = other {
            return Err(AckRefused::ChainDiffers { node, position, theirs, ours });
        }
        if ack.flags.contains(NodeFlags::DIVERGED) && !peer.status.diverged() {
            self.changes.push_back(Change::NodeDiverged { node });
        }
        peer.status.ack = Some(*ack);
        peer.status.heard_at = Some(now);
        if peer.status.silent {
            peer.status.silent = false;
            self.changes.push_back(Change::NodeHeard { node });
        }
        Ok(())
    }

    /// A message of any kind came: its sender may know of a higher epoch.
    pub fn on_known_epoch(&mut self, from: &Envelope) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.status.node == from.sender) else {
            return;
        };
        if from.known_epoch > peer.status.known_epoch {
            peer.status.known_epoch = from.known_epoch;
            if from.known_epoch > self.start.epoch {
                let (node, epoch) = (from.sender, from.known_epoch);
                self.changes.push_back(Change::HigherEpoch { node, epoch });
            }
        }
    }

    /// A node announces itself: of a higher epoch it deposes this one; of the same one, neither
    /// may go on; one of a lower epoch will learn of this one.
    pub fn on_announce(&mut self, from: &Envelope, announce: &Announce) {
        let (epoch, node) = (Epoch(announce.epoch), from.sender);
        peer(&mut self.peers, node).status.known_epoch = from.known_epoch;
        if epoch > self.start.epoch {
            let base = Position(announce.base);
            let start = EpochStart { epoch, node, base, chain: Chain(announce.chain_at_base) };
            // The newest one is the one to follow, whatever ended the epoch before.
            let known = match self.ended {
                Some(NotLeading::Deposed { start, .. }) => start.epoch,
                _ => self.start.epoch,
            };
            if epoch > known {
                self.end(NotLeading::Deposed { by: node, start }, true);
            }
        } else if epoch == self.start.epoch {
            self.end(NotLeading::TwoPrimaries { other: node, epoch }, false);
        }
    }

    /// This node promised an epoch to another node: from here on it confirms nothing.
    pub fn on_promised(&mut self, epoch: Epoch) {
        if epoch > self.start.epoch {
            self.end(NotLeading::Promised { epoch }, false);
        }
    }

    /// How the states of all nodes compare with this one's, and whether this node itself executed
    /// its log to another outcome than it wrote. A node counts as another state by its hash, and by
    /// its own word.
    pub fn on_states(&mut self, hashes: &Hashes, own_differs: bool) {
        let differs = |status: &&PeerStatus| {
            let comparison = hashes.with(status.node);
            status.diverged() || comparison.is_some_and(|comparison| !comparison.is_equal())
        };
        let nodes = usize::from(own_differs) + self.peers().filter(differs).count();
        if self.outvoted.is_none() && nodes >= self.membership.majority() {
            let why = MajorityDiffers { nodes, of: self.membership.nodes().len() };
            self.outvoted = Some(why);
            self.changes.push_back(Change::MajorityDiffers(why));
        }
    }

    /// Commits what older epochs left by itself: what the model must find out.
    #[cfg(test)]
    pub(super) fn forget_floor(&mut self, ends: impl Iterator<Item = LogPlace>) {
        self.quorum.forget_floor(ends);
    }

    fn end(&mut self, why: NotLeading, in_any_case: bool) {
        if self.ended.is_none() || in_any_case {
            self.ended = Some(why);
            self.changes.push_back(Change::NotLeading(why));
        }
    }

    /// What is committed now, if it advanced: for the store's `Committer`, before anybody is told.
    #[must_use]
    pub fn poll_commit(&mut self) -> Option<LogPlace> {
        if self.ended.is_some() {
            return None;
        }
        self.quorum.advance();
        let committed = self.quorum.committed();
        (committed.position > self.told).then(|| {
            self.told = committed.position;
            committed
        })
    }

    /// What is to be sent, and to which node: announcements and commits that are due.
    #[must_use]
    pub fn poll_send(&mut self, now: Nanos) -> Option<(u32, Message)> {
        if self.ended.is_some() {
            return None;
        }
        let place = self.quorum.committed();
        let told = self.told;
        for peer in &mut self.peers {
            let node = peer.status.node;
            if now >= peer.announce_at {
                peer.announce_at = after(now, ANNOUNCE_INTERVAL_NS);
                return Some((node, announce(&self.start, self.published, &self.contract).into()));
            }
            // Nobody is told of a commit that this node's own store has not been told of.
            let due = now >= peer.commit_at || place.position > peer.commit;
            if due && place.position == told && told.get() != 0 {
                peer.commit_at = after(now, ACK_INTERVAL_NS);
                peer.commit = place.position;
                let (position, chain) = (place.position.get(), place.chain.0);
                let epoch = self.start.epoch.get();
                return Some((node, Commit { position, chain, epoch, ..Commit::default() }.into()));
            }
        }
        None
    }

    /// What is to be known, as of now.
    #[must_use]
    pub fn poll_change(&mut self, now: Nanos) -> Option<Change> {
        self.judge_peers(now);
        self.changes.pop_front()
    }

    fn judge_peers(&mut self, now: Nanos) {
        let mut heard = 1;
        for Peer { status, .. } in &mut self.peers {
            let node = status.node;
            let Some(heard_at) = status.heard_at else { continue };
            if !status.silent && now >= after(heard_at, NODE_SILENT_NS) {
                status.silent = true;
                self.changes.push_back(Change::NodeSilent { node });
            }
            heard += usize::from(!status.silent && !status.log_differs);
            let held = status.ack.map_or(0, |ack| ack.held);
            let behind_bytes = self.published.get().saturating_sub(held);
            if status.slow != (behind_bytes > SLOW_BYTES) {
                status.slow = !status.slow;
                self.changes.push_back(match status.slow {
                    true => Change::NodeSlow { node, behind_bytes },
                    false => Change::NodeKeepsUp { node },
                });
            }
        }
        let needed = self.quorum.needed();
        let complete = heard >= needed;
        if complete != self.complete.unwrap_or(false) {
            self.complete = Some(complete);
            self.changes.push_back(match complete {
                true => Change::QuorumReached { heard, needed },
                false => Change::QuorumLost { heard, needed },
            });
        }
    }

    /// When something is due without anything happening.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if self.ended.is_some() {
            return None;
        }
        let due = |peer: &Peer| {
            let status = &peer.status;
            let silent = status.heard_at.filter(|_| !status.silent);
            let silent = silent.map_or(peer.announce_at, |at| after(at, NODE_SILENT_NS));
            peer.announce_at.min(peer.commit_at).min(silent)
        };
        self.peers.iter().map(due).min()
    }

    /// What this node says of itself in its status.
    #[must_use]
    pub fn flags(&self) -> NodeFlags {
        let diverged = match self.outvoted {
            Some(_) => NodeFlags::DIVERGED,
            None => NodeFlags::default(),
        };
        match self.ended {
            None => NodeFlags::PRIMARY | diverged,
            Some(_) => diverged,
        }
    }
}

fn peer(peers: &mut [Peer], node: u32) -> &mut Peer {
    peers.iter_mut().find(|peer| peer.status.node == node).expect("another configured node")
}

fn announce(start: &EpochStart, published: Position, contract: &Contract) -> Announce {
    let mut announce = Announce {
        base: start.base.get(),
        chain_at_base: start.chain.0,
        published: published.get(),
        epoch: start.epoch.get(),
        ..Announce::default()
    };
    contract.put(&mut announce);
    announce
}

fn after(now: Nanos, interval_ns: u64) -> Nanos {
    Nanos(now.get().saturating_add(interval_ns))
}
