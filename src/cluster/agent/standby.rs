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

use std::collections::VecDeque;

use isochron_cluster::{
    Message, NodeFlags, Promote, PromoteAnswer, PromoteResult, StatusRequest, VoteReason,
};

use super::asking::Asking;
use super::role::{Executed, RoleChange};
use super::voice::{Heard, Voice};
use crate::agent::Agent;
use crate::cluster::{
    AnnounceRefused, Ballot, Candidate, Comparison, Contract, Follower, Hashes, LogStatus,
    NodeAddress, Outcome as Promoted, Outvoted, Refusal, answer_promote, answer_status,
    answer_vote, judge_promote, last_epoch,
};
use crate::net::{Datagram, Media};
use crate::replication::catch_up::{Connector, DialOptions, Join, Outcome, Progress};
use crate::replication::receiver::{Receiver, ReceiverOptions, Standing};
use crate::store::{Discarded, EpochStart, FollowRefused, ReplicaStore, Voter};
use crate::types::{Epoch, Nanos, Position};

/// Batches of datagrams taken in one cycle, so that what was received is acknowledged soon.
const BATCHES_MAX: usize = 8;

/// What a person should know, until it is told; the oldest is dropped.
const NEWS_MAX: usize = 64;

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
    /// The log is another one than the primary's.
    LogDiffers,
    /// It may have lost what it acknowledged, and has caught up.
    Whole,
    /// Its state was compared with another node's, and it came out otherwise than before.
    State(Comparison),
    /// Its state is not the one that counts: it is not promoted.
    Outvoted(Outvoted),
    /// It is again.
    Vindicated,
}

/// The promotion that goes on, and who waits for its end.
struct Promotion {
    candidate: Candidate,
    /// What the node knew when it began.
    known: Epoch,
    operator: Option<Heard>,
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
    executed: X,
    hashes: Hashes,
    /// Why its state is not the one that counts.
    outvoted: Option<Outvoted>,
    /// The epoch that is announced began beyond what is held.
    is_behind: bool,
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
        let followed = followed.filter(|start| start.epoch == replica.epoch());
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
            executed,
            hashes,
            outvoted: None,
            is_behind: false,
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

    /// The store, for its helpers.
    pub fn replica_mut(&mut self) -> &mut ReplicaStore {
        &mut self.replica
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

    /// Begins to become the primary, as an operator's command or a start wants it; false where it
    /// already tries.
    pub fn promote(&mut self, force: bool, now: Nanos) -> bool {
        self.begin(force, None, now)
    }

    fn begin(&mut self, force: bool, operator: Option<Heard>, now: Nanos) -> bool {
        if self.promotion.is_some() || self.ended {
            return false;
        }
        self.rounds += 1;
        let known = Ballot::known(&self.ballot);
        // Who was heard to know a higher epoch may not answer now, and gives no vote below it.
        let own = (known.max(self.voice.highest_known()), self.status());
        let patience_ns = self.options.patience_ns;
        let membership = &self.voice.membership;
        let candidate = Candidate::new(membership, own, force, self.rounds, patience_ns, now);
        self.promotion = Some(Promotion { candidate, known, operator });
        true
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
            Message::Announce(announce) => {
                // Who is not followed, and why, the follower's state says. One whose epoch was
                // passed must learn of it: this node, which follows no longer, is silent otherwise.
                let refused = self.follower.on_announce(from, announce, now).err();
                if let Some(AnnounceRefused::LowerEpoch { node, .. }) = refused {
                    let asked = StatusRequest::default();
                    let status = answer_status(&self.ballot, &self.status(), &asked);
                    self.voice.tell(&self.ballot, node, status);
                }
            }
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
                    self.give_way(from.sender, Epoch(vote.epoch), now);
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

    /// The node gave its word to another: it is no candidate any more.
    fn give_way(&mut self, node: u32, epoch: Epoch, now: Nanos) {
        if let Some(asking) = &mut self.asking {
            asking.wait(now);
        }
        if let Some(promotion) = self.promotion.take() {
            self.finish(&promotion, Promoted::Refused(Refusal::Outvoted { node, epoch }), now);
        }
    }

    /// Asks for votes by itself, where that is wanted.
    fn ask(&mut self, now: Nanos) {
        if self.follower.primary().is_some() {
            self.asking = None;
        }
        if self.asking.is_some_and(|asking| asking.is_due(now)) && !self.is_candidate() {
            self.begin(false, None, now);
        }
    }

    fn on_wish(&mut self, heard: &Heard, wish: &Promote, now: Nanos) {
        if let Some(answer) = self.decided.filter(|answer| answer.round == wish.round) {
            self.voice.answer(&self.ballot, heard, answer);
            return;
        }
        let known = Ballot::known(&self.ballot);
        let mut answer = answer_promote(wish.round, &self.status(), None);
        match &mut self.promotion {
            // The operator asks again while it goes on.
            Some(Promotion { operator: Some(asked), .. }) if round_of(asked) == wish.round => {
                *asked = *heard;
            }
            Some(_) => answer.result = PromoteResult::NOT_NOW,
            None => {
                answer.result = judge_promote(known, self.follower.flags(), wish);
                answer.epoch = known.get();
                if answer.result == PromoteResult::UNDERWAY {
                    let force = wish.force == isochron_cluster::YesNo::YES;
                    self.begin(force, Some(*heard), now);
                }
            }
        }
        self.voice.answer(&self.ballot, heard, answer);
    }

    /// Lets the store follow whom the follower names.
    fn follow(&mut self, now: Nanos) {
        let Some(start) = self.follower.poll_follow().filter(|_| !self.stopped) else { return };
        match self.replica.follow(start, self.options.discard) {
            Ok(discarded) => self.on_followed(start, discarded, now),
            // What lies between the epochs that are known here and the announced one, its primary's
            // table says.
            Err(FollowRefused::Behind { .. } | FollowRefused::OtherLog { .. }) => {
                self.is_behind = true;
            }
            Err(why @ (FollowRefused::Older { .. } | FollowRefused::Io { .. })) => {
                self.tell_news(News::NotFollowed { why });
            }
            Err(why) => {
                self.stopped = true;
                self.role = Some(RoleChange::Stop { why });
            }
        }
    }

    fn on_followed(&mut self, start: EpochStart, discarded: Option<Discarded>, now: Nanos) {
        self.is_behind = false;
        self.follower.on_followed(start, self.replica.held());
        self.receiver.follow(self.replica.session(), start.base, now);
        self.tell_news(News::Follows { start, discarded });
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

    /// What the stream does not bring any more: over TCP, from the announced primary or another
    /// node that has its epoch.
    fn catch_up(&mut self, now: Nanos) -> usize {
        let standing = self.receiver.standing(&self.replica);
        let wanted = self.is_behind || matches!(standing, Standing::CatchUpFrom { .. });
        let primary = self.follower.primary().map(|primary| primary.start);
        let Some(start) = primary.filter(|_| wanted && !self.stopped) else {
            self.join = None;
            return 0;
        };
        if self.join.as_ref().is_none_or(|join| join.follows() != start) {
            let from = self.replica.contiguous();
            self.tell_news(News::CatchesUp { from });
            self.join = Some(self.begin_join(start));
        }
        let Some(join) = &mut self.join else { return 0 };
        let before = self.replica.epoch();
        let work = join.turn(&mut self.replica, &mut self.connector, now);
        let outcomes: Vec<Outcome> = std::iter::from_fn(|| join.poll_outcome()).collect();
        // The table that was adopted may have brought the store into the epoch.
        if self.replica.epoch() > before {
            self.on_followed(start, None, now);
        }
        for outcome in outcomes {
            if let Outcome::Arrived { .. } = outcome {
                (self.join, self.is_behind) = (None, false);
            }
            self.tell_news(News::CaughtUp(outcome));
        }
        work
    }

    /// The primary is asked first, then the others. It goes on until the stream is half as far
    /// ahead as may be where it is joined: while that happens, the stream goes on.
    fn begin_join(&self, start: EpochStart) -> Join {
        let StandbyOptions { dial, discard, .. } = &self.options;
        let reach_bytes = self.receiver.join_bytes(&self.replica) / 2;
        let mut peers: Vec<&NodeAddress> = self.voice.membership.peers().collect();
        peers.sort_by_key(|peer| peer.node != start.node);
        let servers = peers.iter().map(|peer| peer.catch_up).collect();
        Join::new(DialOptions { servers, ..dial.clone() }, start, reach_bytes, *discard)
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
            if self.replica.commit(place.position, place.chain).is_err() {
                self.follower.on_log_differs();
                self.tell_news(News::LogDiffers);
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
        self.follower.on_execution(outvoted.is_some() || self.executed.differs());
        let before = std::mem::replace(&mut self.outvoted, outvoted);
        if before.is_some() != outvoted.is_some() {
            self.tell_news(outvoted.map_or(News::Vindicated, News::Outvoted));
        }
    }

    fn promotion(&mut self, now: Nanos) -> usize {
        self.ask(now);
        let Some(mut promotion) = self.promotion.take() else { return 0 };
        let candidate = &mut promotion.candidate;
        candidate.on_time(now);
        if let Some(epoch) = candidate.poll_promise() {
            let promised = self.ballot.promise(epoch, self.voice.membership.own());
            let promised = promised.unwrap_or(false);
            self.follower.on_promised(Ballot::known(&self.ballot));
            candidate.on_promised(promised, self.status(), now);
        }
        let mut work = 0;
        while let Some((node, message)) = candidate.poll_send(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        match candidate.poll_outcome() {
            Some(outcome) => self.finish(&promotion, outcome, now),
            None => self.promotion = Some(promotion),
        }
        work
    }

    fn finish(&mut self, promotion: &Promotion, outcome: Promoted, now: Nanos) {
        if let Some(asked) = &promotion.operator {
            let mut answer = answer_promote(round_of(asked), &self.status(), Some(&outcome));
            answer.heard = promotion.candidate.heard_set();
            self.voice.answer(&self.ballot, asked, answer);
            self.decided = Some(answer);
        }
        match outcome {
            Promoted::Won { epoch, forced } => {
                self.ended = true;
                self.role = Some(RoleChange::Lead { epoch, forced });
            }
            Promoted::Refused(why) => {
                if let Some(asking) = &mut self.asking {
                    asking.on_refused(Ballot::known(&self.ballot) > promotion.known, now);
                }
                self.tell_news(News::NotPromoted { why });
            }
        }
    }
}

/// The round of an operator's wish.
fn round_of(heard: &Heard) -> u64 {
    match heard.message {
        Message::Promote(wish) => wish.round,
        _ => 0,
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
