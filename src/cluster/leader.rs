//! A primary's control core: acknowledgements in, commits and announcements out.
//!
//! It knows who is silent, slow, or has another log; whether the quorum is there; when this node
//! may no longer confirm anything: because it gave another node its word, because another one says
//! it is the primary, or because an epoch was passed that nobody leads; and when it may take
//! nothing more: because most nodes executed its log to another state. Status messages of the
//! stream count for nothing here: only an [`Ack`] of this epoch does.

mod said;

use std::collections::VecDeque;

use isochron_cluster::{Ack, Announce, Commit, Counted, Message, NodeFlags, Status};

use crate::limits::{ACK_INTERVAL_NS, ANNOUNCE_INTERVAL_NS, NODE_SILENT_NS, SLOW_BYTES};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Nanos, Position};

use super::ballot::barred;
use super::{Contract, Envelope, Hashes, Membership, Quorum};
pub use said::{AckRefused, Change, MajorityDiffers, NotLeading, PeerStatus};

/// Changes that wait for somebody who asks.
const CHANGES_MAX: usize = 256;

/// What is to be told; where nobody asks, the oldest is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Changes(VecDeque<Change>);

impl Changes {
    fn push(&mut self, change: Change) {
        if self.0.len() == CHANGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(change);
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
    /// What it said of itself last, and when: one that does not follow tells no more than that.
    said: Option<(Status, Nanos)>,
}

impl Peer {
    /// Whether it would give its vote to a primary that wrote up to a position in an epoch, by what
    /// was heard of it lately.
    fn would_vote(&self, ours: (Epoch, Position), now: Nanos) -> bool {
        let able = |flags: NodeFlags| barred(flags).is_none();
        let lately = |at: Nanos| now < after(at, NODE_SILENT_NS);
        let PeerStatus { ack, heard_at, log_differs, .. } = &self.status;
        let follows =
            heard_at.is_some_and(lately) && ack.is_some_and(|ack| able(ack.flags)) && !log_differs;
        let said = self.said.filter(|(_, at)| lately(*at));
        follows || said.is_some_and(|(said, _)| able(said.flags) && last_of(&said) <= ours)
    }
}

fn last_of(said: &Status) -> (Epoch, Position) {
    (Epoch(said.last_epoch), Position(said.end))
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
    /// Since when a node is known to know of a higher epoch.
    passed_at: Option<Nanos>,
    changes: Changes,
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
            said: None,
        };
        let numbers = membership.nodes().iter().map(|node| node.node).enumerate();
        let peers = numbers.filter(|(_, node)| *node != membership.own()).map(peer).collect();
        let quorum = Quorum::new(&membership, committed);
        let (published, changes) = (start.base, Changes::default());
        let (complete, ended, outvoted, passed_at) = (None, None, None, None);
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
            passed_at,
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
        let counts = self.membership.counts(held, synced);
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
            self.changes.push(Change::NodeDiverged { node });
        }
        peer.status.ack = Some(*ack);
        peer.status.heard_at = Some(now);
        if peer.status.silent {
            peer.status.silent = false;
            self.changes.push(Change::NodeHeard { node });
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
                self.changes.push(Change::HigherEpoch { node, epoch });
            }
        }
    }

    /// A node that does not follow says what it has, and by its envelope what it knows of.
    pub fn on_status(&mut self, from: &Envelope, status: &Status, now: Nanos) {
        self.on_known_epoch(from);
        peer(&mut self.peers, from.sender).said = Some((*status, now));
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
            self.changes.push(Change::MajorityDiffers(why));
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
            self.changes.push(Change::NotLeading(why));
        }
    }

    /// What is committed now, if it advanced: for the store's `Committer`, before anybody is told.
    #[must_use]
    pub fn poll_commit(&mut self) -> Option<LogPlace> {
        if self.ended.is_some() {
            return None;
        }
        self.quorum.advance()
    }

    /// What is to be sent, and to which node: announcements and commits that are due.
    #[must_use]
    pub fn poll_send(&mut self, now: Nanos) -> Option<(u32, Message)> {
        if self.ended.is_some() {
            return None;
        }
        // Nobody is told of a commit that this node's own store has not been told of: it advances
        // in `poll_commit` alone.
        let place = self.quorum.committed();
        for peer in &mut self.peers {
            let node = peer.status.node;
            if now >= peer.announce_at {
                peer.announce_at = after(now, ANNOUNCE_INTERVAL_NS);
                let announce = self.contract.announce(&self.start, self.published);
                return Some((node, announce.into()));
            }
            let due = now >= peer.commit_at || place.position > peer.commit;
            if due && place.position.get() != 0 {
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
        self.judge_passed(now);
        self.changes.0.pop_front()
    }

    /// An epoch that a node knows of and nobody leads keeps that node from following this one for
    /// ever. When whoever leads it would have been heard, and enough nodes would give their votes,
    /// this primary ends its epoch for one above. One that some node has a transaction of was won.
    fn judge_passed(&mut self, now: Nanos) {
        let ours = (self.start.epoch, self.published);
        let statuses = self.peers.iter().map(|peer| &peer.status);
        let passed = statuses.filter(|status| status.known_epoch > ours.0);
        let Some(by) = passed.max_by_key(|status| status.known_epoch) else { return };
        let (node, epoch) = (by.node, by.known_epoch);
        let since = *self.passed_at.get_or_insert(now);
        if self.ended.is_some() || now < after(since, NODE_SILENT_NS) {
            return;
        }
        let said = self.peers.iter().filter_map(|peer| peer.said.as_ref());
        let is_over = said.map(|(said, _)| last_of(said).0).any(|last| last > ours.0);
        let votes = 1 + self.peers.iter().filter(|peer| peer.would_vote(ours, now)).count();
        if is_over || votes >= self.membership.majority() {
            self.end(NotLeading::Passed { by: node, epoch }, false);
        }
    }

    fn judge_peers(&mut self, now: Nanos) {
        let mut heard = 1;
        for Peer { status, .. } in &mut self.peers {
            let node = status.node;
            let Some(heard_at) = status.heard_at else { continue };
            if !status.silent && now >= after(heard_at, NODE_SILENT_NS) {
                status.silent = true;
                self.changes.push(Change::NodeSilent { node });
            }
            heard += usize::from(!status.silent && !status.log_differs);
            let held = status.ack.map_or(0, |ack| ack.held);
            let behind_bytes = self.published.get().saturating_sub(held);
            if status.slow != (behind_bytes > SLOW_BYTES) {
                status.slow = !status.slow;
                self.changes.push(match status.slow {
                    true => Change::NodeSlow { node, behind_bytes },
                    false => Change::NodeKeepsUp { node },
                });
            }
        }
        let needed = self.quorum.needed();
        let complete = heard >= needed;
        if complete != self.complete.unwrap_or(false) {
            self.complete = Some(complete);
            self.changes.push(match complete {
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

fn after(now: Nanos, interval_ns: u64) -> Nanos {
    Nanos(now.get().saturating_add(interval_ns))
}
