//! A node that is to become the primary: first it asks what the others have, then for their votes.
//!
//! ```text
//!   asking ──── a majority answered, and all, or their grace is over ────▶ promising
//!     │  somebody is ahead; or too few answered in time ─▶ refused              │ its own word,
//!     │                                                                         │ durable
//!     ▼                                                                         ▼
//!   with force: whoever answered in time ─▶ promising ─▶ won        voting ── a majority ─▶ won
//!                                                                     └─ somebody is ahead, has
//!                                                                        promised another; or too
//!                                                                        few in time ─▶ refused
//! ```
//!
//! The round of questions changes nothing at any node, so that a promotion that cannot succeed
//! disturbs nobody (Raft's pre-vote, Ongaro's thesis, 9.6). An operator begins this now; a timer
//! may begin it later.

use std::fmt;

use isochron_cluster::{
    Message, NodeFlags, Promote, PromoteAnswer, PromoteResult, Status, StatusRequest, Vote,
    VoteReason, VoteRequest,
};

use crate::limits::{ASK_GRACE_NS, ASK_INTERVAL_NS, FORCED_EPOCHS_APART, FORCED_EPOCHS_OF_NODE};
use crate::store::Chain;
use crate::types::{Epoch, Nanos, Position};

use super::ballot::barred;
use super::{Envelope, LogStatus, Membership};

/// The node whose answer decided, and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// Its number.
    pub node: u32,
    /// The epoch of its last transaction.
    pub last_epoch: Epoch,
    /// Where its log ends.
    pub end: Position,
    /// The chain there.
    pub chain: Chain,
}

/// Why a node does not become the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It may have lost what it acknowledged, and has not caught up.
    Lossy,
    /// It executed the log to another outcome than the log's, or to another state than the others.
    Diverged,
    /// Another node is ahead.
    Ahead {
        /// Which, and by what.
        other: InTheWay,
        /// Whether it is a primary that lives.
        primary: bool,
    },
    /// Another node ends at the same position with another log.
    ChainDiffers {
        /// Which.
        other: InTheWay,
    },
    /// Too few nodes that may vote answered in time, or voted.
    NoMajority {
        /// Nodes that did, this one included.
        heard: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A node promised this epoch, or a higher one, to another.
    Outvoted {
        /// Which node.
        node: u32,
        /// What it has promised.
        epoch: Epoch,
    },
    /// This node could not make its promise durable.
    Disk,
}

/// What a forced promotion may lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MayBeLost {
    /// The highest commit position that anybody told: beyond this node's end, confirmed orders
    /// are lost.
    pub committed: Position,
    /// Who is ahead, and how far; what they have beyond this node's end is cut.
    pub ahead: Vec<InTheWay>,
    /// Who did not answer: what they alone have is cut.
    pub unheard: Vec<u32>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The node is the primary of this epoch: it opens its store for writing in it.
    Won {
        /// Which.
        epoch: Epoch,
        /// What may be lost: of a promotion that was forced.
        forced: Option<MayBeLost>,
    },
    /// It is not.
    Refused(Refusal),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lossy => f.write_str(
                "this node may have lost what it acknowledged, and has not caught up since",
            ),
            Self::Diverged => {
                f.write_str("this node executed the log to another outcome, or another state")
            }
            Self::Ahead { other, primary } => {
                let InTheWay { node, last_epoch, end, .. } = other;
                write!(f, "node {node} is ahead: its log ends at {end}, in epoch {last_epoch}")?;
                if *primary {
                    f.write_str("; it is the primary, and runs: stop it first")?;
                }
                Ok(())
            }
            Self::ChainDiffers { other } => write!(
                f,
                "node {} has another log that ends at {} too, with the chain {}",
                other.node, other.end, other.chain
            ),
            Self::NoMajority { heard, needed } => {
                write!(
                    f,
                    "too few nodes that may vote answered: {heard} with this one, {needed} needed"
                )
            }
            Self::Outvoted { node, epoch } => {
                write!(f, "node {node} has promised epoch {epoch} to another node")
            }
            Self::Disk => f.write_str("this node's promise could not be made durable"),
        }
    }
}

impl std::error::Error for Refusal {}

/// How far a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The nodes are asked what they have.
    Asking,
    /// This node must promise the epoch to itself, durably.
    Promising(Epoch),
    /// The nodes are asked for their votes.
    Voting(Epoch),
    /// It is over.
    Done,
}

/// What a peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    node: u32,
    /// Its place in the membership.
    place: usize,
    status: Option<Status>,
    known_epoch: Epoch,
    granted: bool,
    /// When it is asked again.
    ask_at: Nanos,
}

/// Becomes the primary, or learns why not. Calling order: `on_*` as answers come; then
/// `poll_promise`, `poll_send` until `None`, `poll_outcome`; wake at `next_deadline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    majority: usize,
    /// This node's place in the membership.
    place: usize,
    own: LogStatus,
    /// The highest epoch that this node knows of.
    known: Epoch,
    force: bool,
    round: u64,
    began_at: Nanos,
    patience_ns: u64,
    step: Step,
    answers: Vec<Answer>,
    outcome: Option<Outcome>,
}

impl Candidate {
    /// Begins. `known` is the highest epoch that this node knows of, `own` what it has; `round` is
    /// a number that no earlier candidate of this run had; after `patience_ns` too few is too few.
    /// With `force` nobody's vote is needed, and nobody who is ahead is in the way.
    #[must_use]
    pub fn new(
        membership: &Membership,
        (known, own): (Epoch, LogStatus),
        force: bool,
        round: u64,
        patience_ns: u64,
        now: Nanos,
    ) -> Self {
        let place = |node| membership.index_of(node).expect("a configured node");
        let answer = |node| Answer {
            node,
            place: place(node),
            status: None,
            known_epoch: Epoch(0),
            granted: false,
            ask_at: now,
        };
        let mut candidate = Self {
            majority: membership.majority(),
            place: place(membership.own()),
            own,
            known,
            force,
            round,
            began_at: now,
            patience_ns,
            step: Step::Asking,
            answers: membership.peers().map(|peer| answer(peer.node)).collect(),
            outcome: None,
        };
        // What this node cannot judge is not forced; what it may have lost is its operator's.
        match own.barred() {
            Some(VoteReason::DIVERGED) => candidate.refuse(Refusal::Diverged),
            Some(_) if !force => candidate.refuse(Refusal::Lossy),
            _ => candidate.judge_answers(now),
        }
        candidate
    }

    /// How far it is.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// The nodes that answered, this one included.
    fn heard(&self) -> usize {
        1 + self.answers.iter().filter(|answer| answer.status.is_some()).count()
    }

    /// The same nodes as a set: bit n is the n-th of the membership.
    #[must_use]
    pub fn heard_set(&self) -> u32 {
        let answered = self.answers.iter().filter(|answer| answer.status.is_some());
        answered.fold(1 << self.place, |set, answer| set | 1 << answer.place)
    }

    /// Those of them that may give their vote: a lossy or diverged one gives it to nobody.
    fn able(&self) -> usize {
        1 + self.answers.iter().filter(|it| it.status.as_ref().is_some_and(may_vote)).count()
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.finish(Outcome::Refused(refusal));
    }

    fn finish(&mut self, outcome: Outcome) {
        self.step = Step::Done;
        self.outcome = Some(outcome);
    }

    /// A node says what it has.
    pub fn on_status(&mut self, from: &Envelope, status: &Status, now: Nanos) {
        if self.step != Step::Asking || status.round != self.round {
            return;
        }
        let answer = self.answers.iter_mut().find(|answer| answer.node == from.sender);
        let Some(answer) = answer else { return };
        answer.status = Some(*status);
        answer.known_epoch = from.known_epoch;
        if !self.force
            && let Some(refusal) = in_the_way(&self.own, from.sender, status)
        {
            self.refuse(refusal);
            return;
        }
        self.judge_answers(now);
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Nanos) {
        if self.step == Step::Asking {
            self.judge_answers(now);
        }
        let over = now >= after(self.began_at, self.patience_ns);
        if over && matches!(self.step, Step::Asking | Step::Voting(_)) {
            let heard = match self.step {
                Step::Asking => self.able(),
                _ => self.votes(),
            };
            self.refuse(Refusal::NoMajority { heard, needed: self.majority });
        }
    }

    fn judge_answers(&mut self, now: Nanos) {
        let (able, needed) = (self.able(), self.majority);
        let all = self.heard() == self.answers.len() + 1;
        if all && able < needed && !self.force {
            self.refuse(Refusal::NoMajority { heard: able, needed });
            return;
        }
        let late = now >= after(self.began_at, ASK_GRACE_NS.min(self.patience_ns));
        if all || (late && (self.force || able >= needed)) {
            let highest = self.answers.iter().map(|answer| answer.known_epoch).max();
            let highest = highest.unwrap_or_default().max(self.known);
            match self.next_epoch(highest, all) {
                Some(epoch) => self.step = Step::Promising(Epoch(epoch)),
                None => self.refuse(Refusal::Disk),
            }
        }
    }

    /// The epoch after the highest that is known. Forced where somebody did not answer, who may
    /// have written higher ones: one that nobody else takes, so that two logs never have frames of
    /// one epoch, and where they meet the higher one leads.
    fn next_epoch(&self, highest: Epoch, all: bool) -> Option<u32> {
        let next = highest.get().checked_add(1);
        if all || !self.force {
            return next;
        }
        // What may be voted for after the highest one lies below it.
        let below = highest.get().checked_add(FORCED_EPOCHS_OF_NODE);
        let base =
            below.and_then(|it| (it / FORCED_EPOCHS_APART + 1).checked_mul(FORCED_EPOCHS_APART));
        let own = self.place as u32 * FORCED_EPOCHS_OF_NODE;
        base.and_then(|base| base.checked_add(own)).or(next)
    }

    /// The epoch that this node must promise to itself, durably; then [`Candidate::on_promised`].
    #[must_use]
    pub fn poll_promise(&self) -> Option<Epoch> {
        match self.step {
            Step::Promising(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// This node's own word is durable, or was refused or failed. `own` is what it has now, and
    /// from here on it takes nothing of a lower epoch.
    pub fn on_promised(&mut self, promised: bool, own: LogStatus, now: Nanos) {
        let Step::Promising(epoch) = self.step else { return };
        if !promised {
            self.refuse(Refusal::Disk);
            return;
        }
        (self.own, self.known) = (own, epoch);
        if self.force {
            let forced = Some(self.may_be_lost());
            self.finish(Outcome::Won { epoch, forced });
            return;
        }
        self.step = Step::Voting(epoch);
        for answer in &mut self.answers {
            answer.ask_at = now;
        }
        self.count_votes();
    }

    /// A node gives its vote, or says why not.
    pub fn on_vote(&mut self, from: &Envelope, vote: &Vote) {
        let Step::Voting(epoch) = self.step else { return };
        let answer = self.answers.iter_mut().find(|answer| answer.node == from.sender);
        let Some(answer) = answer.filter(|_| vote.epoch == epoch.get()) else { return };
        let other = InTheWay {
            node: from.sender,
            last_epoch: Epoch(vote.last_epoch),
            end: Position(vote.end),
            chain: Chain(vote.chain),
        };
        match vote.reason {
            VoteReason::GRANTED => {
                answer.granted = true;
                self.count_votes();
            }
            VoteReason::AHEAD => self.refuse(Refusal::Ahead { other, primary: false }),
            VoteReason::CHAIN_DIFFERS => self.refuse(Refusal::ChainDiffers { other }),
            VoteReason::EPOCH_KNOWN => {
                let (node, epoch) = (from.sender, from.known_epoch);
                self.refuse(Refusal::Outvoted { node, epoch });
            }
            // One that gives its vote to nobody leaves it to the others.
            _ => {}
        }
    }

    /// A node, this one itself too, has promised an epoch to another than this candidate. Its
    /// candidacy is over, also where it has just won: that epoch is over.
    pub fn on_promised_other(&mut self, node: u32, epoch: Epoch) {
        self.refuse(Refusal::Outvoted { node, epoch });
    }

    /// A node leads an epoch, and will be followed. Where that is a later one than this
    /// candidate's, votes for this one make no primary any more.
    pub fn on_primary(&mut self, node: u32, epoch: Epoch) {
        if epoch > self.known {
            self.on_promised_other(node, epoch);
        }
    }

    fn votes(&self) -> usize {
        1 + self.answers.iter().filter(|answer| answer.granted).count()
    }

    fn count_votes(&mut self) {
        if let Step::Voting(epoch) = self.step
            && self.votes() >= self.majority
        {
            self.finish(Outcome::Won { epoch, forced: None });
        }
    }

    fn may_be_lost(&self) -> MayBeLost {
        let statuses =
            || self.answers.iter().filter_map(|a| a.status.map(|status| (a.node, status)));
        let committed = statuses().map(|(_, status)| Position(status.committed)).max();
        let ahead = statuses()
            .map(|(node, status)| of_status(node, &status))
            .filter(|other| {
                (other.last_epoch, other.end) > (self.own.last_epoch, self.own.end.position)
            })
            .collect();
        let unheard = self.answers.iter().filter(|a| a.status.is_none()).map(|a| a.node).collect();
        let committed = committed.unwrap_or_default().max(self.own.committed);
        MayBeLost { committed, ahead, unheard }
    }

    /// What is to be sent, and to which node.
    #[must_use]
    pub fn poll_send(&mut self, now: Nanos) -> Option<(u32, Message)> {
        let voting = match self.step {
            Step::Asking => None,
            Step::Voting(epoch) => Some(epoch),
            _ => return None,
        };
        let answered = |answer: &Answer| match voting {
            None => answer.status.is_some(),
            Some(_) => answer.granted,
        };
        let due = |answer: &&mut Answer| now >= answer.ask_at && !answered(answer);
        let answer = self.answers.iter_mut().find(due)?;
        answer.ask_at = after(now, ASK_INTERVAL_NS);
        let message = match voting {
            None => StatusRequest { round: self.round, ..StatusRequest::default() }.into(),
            Some(epoch) => VoteRequest {
                end: self.own.end.position.get(),
                chain: self.own.end.chain.0,
                epoch: epoch.get(),
                last_epoch: self.own.last_epoch.get(),
                ..VoteRequest::default()
            }
            .into(),
        };
        Some((answer.node, message))
    }

    /// What became of it, once.
    #[must_use]
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// When something is due without anything happening.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if !matches!(self.step, Step::Asking | Step::Voting(_)) {
            return None;
        }
        let grace = after(self.began_at, ASK_GRACE_NS.min(self.patience_ns));
        let over = after(self.began_at, self.patience_ns);
        let asking = self.step == Step::Asking;
        let asked = self.answers.iter().map(|answer| answer.ask_at);
        asked.chain([over]).chain(asking.then_some(grace)).min()
    }
}

fn of_status(node: u32, status: &Status) -> InTheWay {
    let (end, chain) = (Position(status.end), Chain(status.chain));
    InTheWay { node, last_epoch: Epoch(status.last_epoch), end, chain }
}

/// Whether a node that answered may give its vote: not a lossy or diverged one.
fn may_vote(status: &Status) -> bool {
    barred(status.flags).is_none()
}

/// Whether a node that answered is in the way of this one. One that gives its vote to nobody is in
/// nobody's: what is committed, a majority without it has, and where it is ahead it could neither
/// lead nor let another lead.
fn in_the_way(own: &LogStatus, node: u32, status: &Status) -> Option<Refusal> {
    if !may_vote(status) {
        return None;
    }
    let other = of_status(node, status);
    let (ours, theirs) = ((own.last_epoch, own.end.position), (other.last_epoch, other.end));
    if theirs > ours {
        let primary = status.flags.contains(NodeFlags::PRIMARY);
        return Some(Refusal::Ahead { other, primary });
    }
    (theirs == ours && other.chain != own.end.chain).then_some(Refusal::ChainDiffers { other })
}

fn after(now: Nanos, interval_ns: u64) -> Nanos {
    Nanos(now.get().saturating_add(interval_ns))
}

/// What a node answers to an operator's [`Promote`] at once: what stands in the way of even asking.
#[must_use]
pub fn judge_promote(known: Epoch, flags: NodeFlags, promote: &Promote) -> PromoteResult {
    if flags.contains(NodeFlags::PRIMARY) {
        return PromoteResult::ALREADY_PRIMARY;
    }
    if promote.epoch == known.get() {
        PromoteResult::UNDERWAY
    } else {
        PromoteResult::EPOCH_DIFFERS
    }
}

/// An outcome as the answer to the operator's command.
#[must_use]
pub fn answer_promote(round: u64, own: &LogStatus, outcome: Option<&Outcome>) -> PromoteAnswer {
    let mut answer = PromoteAnswer {
        round,
        end: own.end.position.get(),
        committed: own.committed.get(),
        last_epoch: own.last_epoch.get(),
        result: PromoteResult::UNDERWAY,
        ..PromoteAnswer::default()
    };
    let other = |answer: &mut PromoteAnswer, other: &InTheWay| {
        answer.other = other.node;
        answer.other_end = other.end.get();
        answer.other_last_epoch = other.last_epoch.get();
    };
    match outcome {
        None => {}
        Some(Outcome::Won { epoch, forced }) => {
            answer.result = PromoteResult::PROMOTED;
            answer.epoch = epoch.get();
            if let Some(lost) = forced {
                answer.committed = lost.committed.get();
                let furthest = lost.ahead.iter().max_by_key(|o| (o.last_epoch, o.end));
                furthest.into_iter().for_each(|furthest| other(&mut answer, furthest));
            }
        }
        Some(Outcome::Refused(refusal)) => match refusal {
            Refusal::Lossy => answer.result = PromoteResult::LOSSY,
            Refusal::Diverged => answer.result = PromoteResult::DIVERGED,
            Refusal::Disk => answer.result = PromoteResult::DISK,
            Refusal::Ahead { other: ahead, .. } | Refusal::ChainDiffers { other: ahead } => {
                answer.result = PromoteResult::AHEAD;
                other(&mut answer, ahead);
            }
            Refusal::NoMajority { needed, .. } => {
                answer.result = PromoteResult::NO_MAJORITY;
                answer.needed = *needed as u8;
            }
            Refusal::Outvoted { node, epoch } => {
                answer.result = PromoteResult::OUTVOTED;
                (answer.other, answer.epoch) = (*node, epoch.get());
            }
        },
    }
    answer
}
