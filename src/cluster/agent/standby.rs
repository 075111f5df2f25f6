//! The standby's agent: what arrives is in the store, and acknowledged, when the cycle ends.
//!
//! ```text
//!   1  control    whom to follow, what is committed, wishes for votes, an operator's wish
//!   2  follow     the store first: durable, and cut; behind by too much: catch-up
//!   3  data       datagrams ─▶ receiver ─▶ store; requests and status messages out
//!   4  progress   held, synced, executed ─▶ commit, acknowledgement; states compared
//!   5  candidate  this node's own promise, questions, votes
//! ```
//!
//! A promise counts from the moment it is durable: the store refuses frames of lower epochs by
//! itself, and nothing is acknowledged to their primaries any more.

mod following;
mod leading;

use std::collections::VecDeque;

use isochron_cluster::{Message, NodeFlags, PromoteAnswer, StatusRequest, VoteReason};

use super::asking::Asking;
use super::bar::Bar;
use super::role::{Executed, RoleChange};
use super::voice::{Heard, Voice};
use crate::agent::Agent;
use crate::cluster::{
    AnnounceRefused, Ballot, Comparison, Contract, Follower, Hashes, LogStatus, Outvoted, Refusal,
    answer_status, answer_vote, last_epoch,
};
use crate::net::{Datagram, Media};
use crate::replication::catch_up::{Connector, DialOptions, Join, Outcome, Progress};
use crate::replication::receiver::{Receiver, ReceiverOptions, SetupRefused};
use crate::store::{ChainDiffers, Discarded, EpochStart, FollowRefused, ReplicaStore, Voter};
use crate::types::{Epoch, Nanos, Position};
use leading::Promotion;

/// Batches of datagrams taken in one cycle, so that what was received is acknowledged soon.
const BATCHES_MAX: usize = 8;

/// What a person should know, until it is told; the oldest is dropped.
const NEWS_MAX: usize = 64;

/// From one telling that somebody is not followed to the next.
const REFUSED_NS: u64 = 5_000_000_000;

/// What a standby is started with.
#[derive(Clone, Debug)]
pub struct StandbyOptions {
    /// How the stream is received.
    pub receiver: ReceiverOptions,
    /// What all nodes must have in common.
    pub contract: Contract,
    /// How long a promotion waits for answers.
    pub patience_ns: u64,
    /// Asks for votes by itself, about so long after each refusal again, until it follows somebody.
    pub asks_again_ns: Option<u64>,
    /// Whether what is committed here may be cut, if the log that is followed lacks it: an
    /// operator's word, after a forced promotion.
    pub discard: bool,
    /// Who catches up; from whom, the agent knows.
    pub dial: DialOptions,
}

/// What a person should know of a standby.
#[derive(Debug)]
pub enum News {
    /// It follows an epoch, and what it held beyond its base was cut.
    Follows {
        /// The epoch.
        start: EpochStart,
        /// What was cut.
        discarded: Option<Discarded>,
    },
    /// An epoch is not followed, for now or for ever.
    NotFollowed {
        /// Why.
        why: FollowRefused,
    },
    /// The stream is too far ahead: the rest comes over TCP.
    CatchesUp {
        /// From where on.
        from: Position,
    },
    /// What came of it.
    CaughtUp(Outcome),
    /// It is not promoted.
    NotPromoted {
        /// Why.
        why: Refusal,
    },
    /// A node that says it is the primary is not listened to; one of many, now and then.
    NotHeard {
        /// Why.
        why: AnnounceRefused,
    },
    /// The stream of the followed session is not taken; told now and then.
    StreamRefused {
        /// Why.
        why: SetupRefused,
    },
    /// Another node gave another log than the primary's, or what is held here; it is not asked
    /// again while this epoch is followed.
    Contradicts {
        /// Which node.
        node: u32,
        /// What it gave or said.
        why: String,
    },
    /// The log is another one than the primary's.
    LogDiffers(ChainDiffers),
    /// What of it was not committed was cut: it comes anew.
    Cut(Discarded),
    /// It may have lost what it acknowledged, and has caught up.
    Whole,
    /// Its state was compared with another node's, and it came out otherwise than before.
    State(Comparison),
    /// Its state is not the one that counts: it is not promoted.
    Outvoted(Outvoted),
    /// Most nodes have its state again, after it was barred.
    Vindicated,
}

/// Follows. `D` carries the stream, `C` the control channel, `K` connects to who has
/// older bytes, `X` executes.
pub struct StandbyAgent<D, C, K, X> {
    options: StandbyOptions,
    voice: Voice<C>,
    ballot: Voter,
    replica: ReplicaStore,
    follower: Follower,
    receiver: Receiver,
    data: D,
    connector: K,
    /// What is caught up with now.
    join: Option<Join>,
    /// Nodes, the primary not among them: of whom something is held that no commit has proven, and
    /// whose log is not the primary's, as long as its epoch is followed.
    givers: Vec<u32>,
    distrusted: Vec<u32>,
    executed: X,
    hashes: Hashes,
    /// Why its state is not the one that counts.
    outvoted: Option<Outvoted>,
    bar: Bar,
    /// The epoch that is announced began beyond what is held, or what is held is another log.
    is_behind: bool,
    /// What was committed when the log turned out to be another one and was cut down to that.
    cut_to: Option<Position>,
    /// When something that is refused is told again.
    refused_at: Nanos,
    promotion: Option<Promotion>,
    asking: Option<Asking>,
    rounds: u64,
    /// The last operator's wish that was decided, and the answer to it.
    decided: Option<PromoteAnswer>,
    news: VecDeque<News>,
    role: Option<RoleChange>,
    /// Told to lead: nothing is done any more.
    ended: bool,
    stopped: bool,
}

/// What an agent is made of that it does not make itself.
pub struct StandbyParts<D, C, K, X> {
    /// The control channel.
    pub voice: Voice<C>,
    /// What carries the stream.
    pub data: D,
    /// What connects to other nodes, to catch up with them.
    pub connector: K,
    /// Who executes.
    pub executed: X,
}

impl<D: Media, C: Media, K: Connector, X: Executed> StandbyAgent<D, C, K, X> {
    /// The agent of a store.
    #[must_use]
    pub fn new(
        options: StandbyOptions,
        replica: ReplicaStore,
        parts: StandbyParts<D, C, K, X>,
        now: Nanos,
    ) -> Self {
        let StandbyParts { voice, data, connector, executed } = parts;
        let ballot = replica.voter();
        let followed = replica.epochs().last().copied();
        let mut receiver = Receiver::new(options.receiver.clone());
        if let Some(start) = followed {
            receiver.follow(replica.session(), start.base, now);
        }
        let follower = Follower::new(
            voice.membership.clone(),
            options.contract.clone(),
            Ballot::known(&ballot),
            followed,
            replica.held(),
            replica.is_lossy(),
        );
        let asking = options.asks_again_ns.map(|again_ns| Asking::new(again_ns, &voice.membership));
        let hashes = Hashes::new(&voice.membership);
        let bar = Bar::new(&ballot);
        Self {
            options,
            voice,
            ballot,
            replica,
            follower,
            receiver,
            data,
            connector,
            join: None,
            givers: Vec::new(),
            distrusted: Vec::new(),
            executed,
            hashes,
            outvoted: None,
            bar,
            is_behind: false,
            cut_to: None,
            refused_at: Nanos(0),
            promotion: None,
            asking,
            rounds: 0,
            decided: None,
            news: VecDeque::new(),
            role: None,
            ended: false,
            stopped: false,
        }
    }

    /// What it is to become, once.
    #[must_use]
    pub fn poll_role_change(&mut self) -> Option<RoleChange> {
        self.role.take()
    }

    /// What a person should know, in order.
    #[must_use]
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// The store.
    #[must_use]
    pub fn replica(&self) -> &ReplicaStore {
        &self.replica
    }

    /// Its control core.
    #[must_use]
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Its stream's core.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// How its state compares with the others'.
    #[must_use]
    pub fn hashes(&self) -> &Hashes {
        &self.hashes
    }

    /// Why its state is not the one that counts, if it is not.
    #[must_use]
    pub fn outvoted(&self) -> Option<Outvoted> {
        self.outvoted
    }

    /// Whether it may not lead, because of its state or an earlier one.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.bar.is_set()
    }

    /// Its voice.
    pub fn voice_mut(&mut self) -> &mut Voice<C> {
        &mut self.voice
    }

    /// How far catching up over TCP has come, while it goes on.
    #[must_use]
    pub fn catch_up_progress(&self) -> Option<&Progress> {
        self.join.as_ref().map(Join::progress)
    }

    /// Whether it may come to lead without another wish: it is a candidate, or asks by itself.
    #[must_use]
    pub fn may_lead(&self) -> bool {
        self.promotion.is_some() || self.asking.is_some()
    }

    /// Whether it is a candidate now.
    #[must_use]
    pub fn is_candidate(&self) -> bool {
        self.promotion.is_some()
    }

    /// The store and all that was given to the agent, for what comes after it.
    #[must_use]
    pub fn into_parts(self) -> (ReplicaStore, StandbyParts<D, C, K, X>) {
        let Self { replica, voice, data, connector, executed, .. } = self;
        (replica, StandbyParts { voice, data, connector, executed })
    }

    /// What this node's log is, for those who ask and vote.
    fn status(&self) -> LogStatus {
        let end = self.replica.held();
        LogStatus {
            last_epoch: last_epoch(self.replica.epochs(), end.position),
            end,
            committed: self.replica.committed(),
            flags: self.follower.flags(),
        }
    }

    fn tell_news(&mut self, news: News) {
        if self.news.len() == NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }

    /// What is refused comes again, ten times a second and more.
    fn tell_refused(&mut self, news: News, now: Nanos) {
        if now >= self.refused_at {
            self.refused_at = Nanos(now.get().saturating_add(REFUSED_NS));
            self.tell_news(news);
        }
    }

    /// One duty cycle; how much was done.
    pub fn cycle(&mut self, now: Nanos) -> usize {
        if self.ended {
            return 0;
        }
        let mut work = self.hear(now);
        self.follow(now);
        work += self.receive(now);
        work += self.catch_up(now);
        work += self.progress(now);
        work += self.promotion(now);
        work
    }

    fn hear(&mut self, now: Nanos) -> usize {
        let heard = self.voice.hear();
        for one in &heard {
            self.on_message(one, now);
        }
        let work = heard.len();
        self.voice.done(heard);
        work
    }

    fn on_message(&mut self, heard: &Heard, now: Nanos) {
        let Heard { from, message, .. } = heard;
        match message {
            Message::Announce(announce) => match self.follower.on_announce(from, announce, now) {
                Ok(()) => {
                    if let Some(promotion) = &mut self.promotion {
                        promotion.candidate.on_primary(from.sender, Epoch(announce.epoch));
                    }
                }
                Err(why) => {
                    // One whose epoch was passed must learn of it: this node, which follows it no
                    // longer, is silent otherwise.
                    if let AnnounceRefused::LowerEpoch { node, .. } = why {
                        let asked = StatusRequest::default();
                        let status = answer_status(&self.ballot, &self.status(), &asked);
                        self.voice.tell(&self.ballot, node, status);
                    }
                    self.tell_refused(News::NotHeard { why }, now);
                }
            },
            // Whose commits are not taken, the follower's state says.
            Message::Commit(commit) => drop(self.follower.on_commit(from, commit, now)),
            Message::StatusRequest(request) => {
                let status = answer_status(&self.ballot, &self.status(), request);
                self.voice.answer(&self.ballot, heard, status);
            }
            Message::VoteRequest(request) => {
                let status = self.status();
                let vote = answer_vote(&mut self.ballot, &status, from, request);
                self.follower.on_promised(Ballot::known(&self.ballot));
                if vote.reason == VoteReason::GRANTED {
                    self.give_way(Epoch(vote.epoch), now);
                }
                self.voice.answer(&self.ballot, heard, vote);
            }
            Message::Status(status) => {
                if let Some(promotion) = &mut self.promotion {
                    promotion.candidate.on_status(from, status, now);
                }
            }
            Message::Vote(vote) => {
                if let Some(promotion) = &mut self.promotion {
                    promotion.candidate.on_vote(from, vote);
                }
            }
            Message::StateHash(hash) => self.hashes.on_hash(from, hash),
            Message::Promote(wish) => self.on_wish(heard, wish, now),
            _ => {}
        }
    }

    /// Takes what arrived, and tells the sender what is missing and how much is taken.
    fn receive(&mut self, now: Nanos) -> usize {
        let mut work = 0;
        for _ in 0..BATCHES_MAX {
            let Self { receiver, replica, data, .. } = self;
            let received = data
                .receive(&mut |bytes, from| receiver.on_datagram(replica, bytes, from, now))
                .unwrap_or(0);
            work += received;
            if received == 0 {
                break;
            }
        }
        self.receiver.advance(&self.replica, now);
        while let Some(feedback) = self.receiver.poll_feedback(&self.replica, now) {
            // What does not go is due again.
            let _ = self.data.send(&[Datagram::whole(feedback.as_ref())]);
            work += 1;
        }
        work
    }

    fn progress(&mut self, now: Nanos) -> usize {
        let (held, synced) = (self.replica.held(), self.replica.synced());
        self.follower.on_progress(held, synced, self.executed.applied());
        if self.replica.is_lossy()
            && !self.follower.flags().contains(NodeFlags::LOSSY)
            && self.replica.caught_up().is_ok()
        {
            self.tell_news(News::Whole);
        }
        while let Some(place) = self.follower.poll_commit() {
            if let Err(differs) = self.replica.commit(place.position, place.chain) {
                self.on_differs(differs, now);
                break;
            }
        }
        self.compare_states();
        let mut work = 0;
        while let Some((node, message)) = self.hashes.poll_send(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        while let Some((node, message)) = self.follower.poll_ack(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        work
    }

    /// Holds this node's execution against the others'. The last primary's word counts until there
    /// is another one.
    fn compare_states(&mut self) {
        while let Some((place, hash)) = self.executed.poll_checkpoint() {
            self.hashes.on_own(place, hash);
        }
        while let Some(comparison) = self.hashes.poll_comparison() {
            self.tell_news(News::State(comparison));
        }
        let primary = self.follower.primary().map(|primary| primary.start.node);
        let primary = primary.or_else(|| Some(self.replica.epochs().last()?.node));
        let outvoted = self.hashes.outvoted(primary);
        let was_barred = self.bar.is_set();
        let is_wrong = outvoted.is_some() || self.executed.differs();
        self.bar.judge(&self.ballot, &self.hashes, is_wrong);
        self.follower.on_execution(is_wrong);
        let before = std::mem::replace(&mut self.outvoted, outvoted);
        match outvoted.filter(|_| before.is_none()) {
            Some(why) => self.tell_news(News::Outvoted(why)),
            None if was_barred && !self.bar.is_set() => self.tell_news(News::Vindicated),
            None => {}
        }
    }
}

impl<D, C, K, X> Agent for StandbyAgent<D, C, K, X>
where
    D: Media + 'static,
    C: Media + 'static,
    K: Connector + 'static,
    X: Executed + 'static,
{
    fn name(&self) -> &str {
        "standby"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.cycle(now)
    }
}
