//! A standby's control core: announcements and commits in, acknowledgements out.
//!
//! It decides whom the node follows. The store does it: an epoch is followed when the store has
//! made that durable and cut what is not the epoch's ([`Follower::on_followed`]), and nothing is
//! acknowledged before. What the node has promised it keeps: nothing of a lower epoch is followed,
//! acknowledged or committed.

use std::fmt;

use isochron_cluster::{Ack, Announce, Commit, Message, NodeFlags};

use crate::limits::{ACK_INTERVAL_NS, NODE_SILENT_NS};
use crate::store::{Chain, EpochStart, LogPlace};
use crate::types::{Epoch, Nanos, Position};

use super::{Contract, Difference, Envelope, Membership};

/// Why a primary is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnounceRefused {
    /// This node knows of a higher epoch, or has promised one.
    LowerEpoch {
        /// Who announces.
        node: u32,
        /// Its epoch.
        epoch: Epoch,
        /// What this node knows of.
        known: Epoch,
    },
    /// Its terms are other than this node's.
    Differs {
        /// Who announces.
        node: u32,
        /// What is not the same.
        difference: Difference,
    },
    /// Two nodes say they are the primary of one epoch, or one says it began at two places.
    TwoPrimaries {
        /// What this node follows.
        followed: EpochStart,
        /// What is announced.
        announced: EpochStart,
    },
}

impl fmt::Display for AnnounceRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LowerEpoch { node, epoch, known } => write!(
                f,
                "node {node} is the primary of epoch {epoch}, and this node has promised or \
                 followed epoch {known}"
            ),
            Self::Differs { node, difference } => {
                write!(f, "node {node} is not followed: {difference}")
            }
            Self::TwoPrimaries { followed, announced } => write!(
                f,
                "epoch {} began twice: by node {} at {}, chain {}, and by node {} at {}, chain {}; \
                 the first is followed",
                followed.epoch,
                followed.node,
                followed.base,
                followed.chain,
                announced.node,
                announced.base,
                announced.chain
            ),
        }
    }
}

impl std::error::Error for AnnounceRefused {}

/// Why a commit is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRefused {
    /// It is not of the epoch that is followed.
    Epoch {
        /// Whose.
        node: u32,
        /// Its epoch.
        epoch: Epoch,
        /// The one that is followed; 0 where none is.
        followed: Epoch,
    },
    /// It is not of the node that is followed.
    Node {
        /// Whose.
        node: u32,
        /// The one that is followed.
        followed: u32,
    },
}

impl fmt::Display for CommitRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch { node, epoch, followed } => {
                write!(f, "a commit of node {node} in epoch {epoch}, and {followed} is followed")
            }
            Self::Node { node, followed } => {
                write!(f, "a commit of node {node}, and node {followed} is followed")
            }
        }
    }
}

impl std::error::Error for CommitRefused {}

/// The primary that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Its epoch, where that began, and its node.
    pub start: EpochStart,
    /// When it was heard last.
    pub heard_at: Nanos,
    /// What it had written then.
    pub published: Position,
}

/// Follows. Calling order: `on_*` as things happen; then `poll_follow`, `poll_commit`, `poll_ack`
/// until `None`; wake at `next_deadline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    membership: Membership,
    contract: Contract,
    /// The highest epoch that this node knows of; it never falls.
    known: Epoch,
    /// What the store follows.
    followed: Option<EpochStart>,
    primary: Option<Primary>,
    /// `poll_follow` has not said it since the last announcement.
    follow_due: bool,
    held: LogPlace,
    synced: Position,
    applied: Position,
    /// What was acknowledged last, as far as it counts, and the flags.
    acked: Option<(Position, NodeFlags)>,
    ack_at: Nanos,
    commit: Option<LogPlace>,
    /// What `poll_commit` has said.
    committed: Position,
    flags: NodeFlags,
    /// What a lossy node must have, as it counts, to be whole again: all that its primary had
    /// written when it first heard this run of the node. Whatever the node ever acknowledged lies
    /// below.
    whole_at: Option<Position>,
    /// The log is another one than the primary's: nothing is acknowledged any more.
    log_differs: bool,
}

impl Follower {
    /// A standby with a store: the highest epoch that is known to it, what it follows (the last
    /// entry of its table of epochs), what it holds, and whether it is lossy.
    #[must_use]
    pub fn new(
        membership: Membership,
        contract: Contract,
        known: Epoch,
        followed: Option<EpochStart>,
        held: LogPlace,
        lossy: bool,
    ) -> Self {
        Self {
            membership,
            contract,
            known,
            followed,
            primary: None,
            follow_due: false,
            held,
            synced: Position(0),
            applied: Position(0),
            acked: None,
            ack_at: Nanos(0),
            commit: None,
            committed: Position(0),
            flags: if lossy { NodeFlags::LOSSY } else { NodeFlags::default() },
            whole_at: None,
            log_differs: false,
        }
    }

    /// The highest epoch that this node knows of.
    #[must_use]
    pub fn known(&self) -> Epoch {
        self.known
    }

    /// The primary whose announcements this node accepts, followed yet or not.
    #[must_use]
    pub fn primary(&self) -> Option<&Primary> {
        self.primary.as_ref()
    }

    /// What the store follows and the primary leads: only then is anything acknowledged.
    #[must_use]
    pub fn following(&self) -> Option<EpochStart> {
        let primary = self.primary?.start;
        (self.followed == Some(primary) && primary.epoch >= self.known).then_some(primary)
    }

    /// Whether nothing was heard of the primary for a while, or there is none.
    #[must_use]
    pub fn is_primary_silent(&self, now: Nanos) -> bool {
        let since = |primary: Primary| now.get().saturating_sub(primary.heard_at.get());
        self.primary.is_none_or(|primary| since(primary) >= NODE_SILENT_NS)
    }

    /// Lossy or diverged.
    #[must_use]
    pub fn flags(&self) -> NodeFlags {
        self.flags
    }

    /// A node announces that it is a primary.
    ///
    /// # Errors
    /// Why it is not followed.
    pub fn on_announce(
        &mut self,
        from: &Envelope,
        announce: &Announce,
        now: Nanos,
    ) -> Result<(), AnnounceRefused> {
        let (node, epoch) = (from.sender, Epoch(announce.epoch));
        let (base, published) = (Position(announce.base), Position(announce.published));
        let start = EpochStart { epoch, node, base, chain: Chain(announce.chain_at_base) };
        if epoch < self.known {
            return Err(AnnounceRefused::LowerEpoch { node, epoch, known: self.known });
        }
        if let Some(difference) = self.contract.difference(&Contract::of(announce)) {
            return Err(AnnounceRefused::Differs { node, difference });
        }
        let known = self.primary.map(|primary| primary.start).or(self.followed);
        if let Some(followed) = known.filter(|known| known.epoch == epoch && *known != start) {
            return Err(AnnounceRefused::TwoPrimaries { followed, announced: start });
        }
        if self.primary.is_none_or(|primary| primary.start != start) {
            self.commit = None;
            self.acked = None;
        }
        self.known = epoch;
        self.primary = Some(Primary { start, heard_at: now, published });
        self.follow_due = self.followed != Some(start);
        if from.to_this_run && self.whole_at.is_none() {
            self.whole_at = Some(published);
        }
        Ok(())
    }

    /// What the store should follow, again with each announcement until it does: a store that must
    /// catch up first refuses for now.
    #[must_use]
    pub fn poll_follow(&mut self) -> Option<EpochStart> {
        let due = std::mem::take(&mut self.follow_due);
        self.primary.filter(|_| due).map(|primary| primary.start)
    }

    /// The store follows an epoch: that is durable, and what is not the epoch's was cut.
    pub fn on_followed(&mut self, start: EpochStart, held: LogPlace) {
        self.followed = Some(start);
        self.known = self.known.max(start.epoch);
        self.follow_due = false;
        self.held = held;
        self.synced = self.synced.min(held.position);
        self.applied = self.applied.min(held.position);
        // What an operator let it cut is committed anew, as the other log has it.
        self.committed = self.committed.min(held.position);
        self.acked = None;
    }

    /// This node promised an epoch, to itself or another: lower ones are over for it.
    pub fn on_promised(&mut self, epoch: Epoch) {
        self.known = self.known.max(epoch);
        if self.primary.is_some_and(|primary| primary.start.epoch < self.known) {
            self.primary = None;
            self.follow_due = false;
            self.commit = None;
        }
    }

    /// What the store holds, what of it is durable, and what was executed again.
    pub fn on_progress(&mut self, held: LogPlace, synced: Position, applied: Position) {
        self.held = held;
        self.synced = synced.min(held.position);
        self.applied = applied.min(held.position);
        let whole = self.whole_at.is_some_and(|at| self.counts() >= at);
        if whole && self.following().is_some() {
            self.flags.0 &= !NodeFlags::LOSSY.0;
        }
    }

    /// What this node has, as an acknowledgement counts.
    fn counts(&self) -> Position {
        self.membership.counts(self.held.position, self.synced)
    }

    /// Whether this node executed the log to another outcome than the log's, or to another state
    /// than the one that counts. While it did, it goes on storing and acknowledging, and is no
    /// candidate and no voter.
    pub fn on_execution(&mut self, differs: bool) {
        self.flags.0 &= !NodeFlags::DIVERGED.0;
        if differs {
            self.flags |= NodeFlags::DIVERGED;
        }
    }

    /// The store found that a commit's chain is not its own: it has another log than the primary.
    /// Nothing is acknowledged any more in this epoch.
    pub fn on_log_differs(&mut self) {
        self.log_differs = true;
    }

    /// What was not committed was cut, to be caught up with anew: it is acknowledged again as it
    /// comes.
    pub fn on_cut(&mut self, held: LogPlace, committed: Position) {
        self.held = held;
        self.synced = self.synced.min(held.position);
        self.applied = self.applied.min(held.position);
        self.committed = self.committed.min(committed);
        self.log_differs = false;
        self.acked = None;
    }

    /// The primary says what is committed.
    ///
    /// # Errors
    /// It is not the one that is followed.
    pub fn on_commit(
        &mut self,
        from: &Envelope,
        commit: &Commit,
        now: Nanos,
    ) -> Result<(), CommitRefused> {
        let (node, epoch) = (from.sender, Epoch(commit.epoch));
        let Some(start) = self.following().filter(|start| start.epoch == epoch) else {
            let followed = self.following().map_or(Epoch(0), |start| start.epoch);
            return Err(CommitRefused::Epoch { node, epoch, followed });
        };
        if start.node != node {
            return Err(CommitRefused::Node { node, followed: start.node });
        }
        if let Some(primary) = &mut self.primary {
            primary.heard_at = now;
        }
        let place = LogPlace { position: Position(commit.position), chain: Chain(commit.chain) };
        if self.commit.is_none_or(|known| known.position < place.position) {
            self.commit = Some(place);
        }
        Ok(())
    }

    /// What the store should commit: the primary's last word, again as more of it is held.
    #[must_use]
    pub fn poll_commit(&mut self) -> Option<LogPlace> {
        let commit = self.commit?;
        self.following()?;
        let reached = commit.position.min(self.held.position);
        (reached > self.committed).then(|| {
            self.committed = reached;
            commit
        })
    }

    /// The acknowledgement that is due, and the node it goes to.
    #[must_use]
    pub fn poll_ack(&mut self, now: Nanos) -> Option<(u32, Message)> {
        let start = self.following()?;
        if self.log_differs {
            return None;
        }
        let state = (self.counts(), self.flags);
        if self.acked == Some(state) && now < self.ack_at {
            return None;
        }
        self.acked = Some(state);
        self.ack_at = Nanos(now.get().saturating_add(ACK_INTERVAL_NS));
        let ack = Ack {
            held: self.held.position.get(),
            synced: self.synced.get(),
            applied: self.applied.get(),
            chain_at_held: self.held.chain.0,
            epoch: start.epoch.get(),
            flags: self.flags,
            ..Ack::default()
        };
        Some((start.node, ack.into()))
    }

    /// When something is due without anything happening.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.following().filter(|_| !self.log_differs).map(|_| self.ack_at)
    }
}
