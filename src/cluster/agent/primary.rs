//! The primary's agent: what was published goes out, what is acknowledged becomes a commit.
//!
//! ```text
//!   1  published   the ends of new transactions are told to the leader, before their bytes go out
//!   2  control     acknowledgements, wishes for votes, other primaries, other nodes' states
//!   3  commit      to the store first, then to everybody
//!   4  stream      data, repairs, heartbeats; answers in
//! ```

use std::collections::VecDeque;

use isochron_cluster::{Message, NodeFlags, PromoteAnswer, PromoteResult};

use super::bar::Bar;
use super::role::{Executed, RoleChange};
use super::voice::{Heard, Voice};
use crate::agent::Agent;
use crate::cluster::{
    Ballot, Change, Contract, Hashes, Leader, LogStatus, answer_status, answer_vote,
};
use crate::net::Media;
use crate::replication::sender::{LogBytes, Sender, SenderOptions};
use crate::store::frame::Frame;
use crate::store::{Committer, EpochStart, LogPlace, ReadError, Terms, Voter, event_header};
use crate::types::{Nanos, Position};

/// Bytes of the log whose ends are looked at in one cycle: what is sent stays behind it.
const SCANNED_BYTES_MAX: u64 = 1024 * 1024;

/// Changes that wait to be told to a person; the oldest are dropped.
const CHANGES_MAX: usize = 64;

/// What a primary is started with.
#[derive(Clone, Debug)]
pub struct PrimaryOptions {
    /// The stream that it sends.
    pub sender: SenderOptions,
    /// What all nodes must have in common.
    pub contract: Contract,
    /// The epoch that it was voted for, and where it begins.
    pub start: EpochStart,
    /// What the node knew to be committed before.
    pub committed: LogPlace,
}

/// The log as the sender may see it: to the last end that the leader was told, so that no
/// acknowledgement names what the leader does not know.
struct Told<L> {
    log: L,
    terms: Terms,
    end: LogPlace,
    /// The end of the frames that were looked at, and the chain there: within a transaction too.
    looked: LogPlace,
}

impl<L: LogBytes> Told<L> {
    /// Looks at the frames that were published since, a bounded part; tells each end.
    fn look(&mut self, mut each: impl FnMut(LogPlace)) -> Result<usize, ReadError> {
        let published = self.log.published()?;
        let most = Position(self.looked.position.get().saturating_add(SCANNED_BYTES_MAX));
        let mut ends = 0;
        while self.looked.position < published.min(most) {
            let Self { log, terms, looked, .. } = self;
            let from = looked.position;
            let bytes = log.bytes_at(from)?;
            let mut at = 0;
            while at < bytes.len() {
                let position = Position(from.get() + at as u64);
                let frame = Frame::new_at(&bytes[at..], position, *terms)
                    .map_err(|fault| ReadError::Invalid { position, fault })?;
                at += frame.aligned_bytes();
                looked.position = Position(from.get() + at as u64);
                looked.chain = looked.chain.then(frame.crc());
                if event_header::ends_transaction(frame.message()) {
                    self.end = *looked;
                    each(self.end);
                    ends += 1;
                }
            }
            if at == 0 {
                break;
            }
        }
        Ok(ends)
    }
}

impl<L: LogBytes> LogBytes for Told<L> {
    fn published(&mut self) -> Result<Position, ReadError> {
        Ok(self.end.position)
    }

    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let left = (self.end.position.get().saturating_sub(position.get())) as usize;
        let bytes = self.log.bytes_at(position)?;
        Ok(&bytes[..left.min(bytes.len())])
    }

    fn bytes_again(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let left = (self.end.position.get().saturating_sub(position.get())) as usize;
        let bytes = self.log.bytes_again(position)?;
        Ok(&bytes[..left.min(bytes.len())])
    }
}

/// What an agent is made of that it does not make itself: of a writer that has begun its epoch.
pub struct PrimaryParts<D, C, L, X> {
    /// The control channel.
    pub voice: Voice<C>,
    /// The writer's.
    pub committer: Committer,
    /// The store's.
    pub ballot: Voter,
    /// What reads what was published, and how that is cut into segments.
    pub log: (L, Terms),
    /// What carries the stream.
    pub data: D,
    /// Who executes the log again.
    pub executed: X,
}

/// Leads an epoch. `D` carries the stream, `C` the control channel, `L` is the log, `X` executes it
/// again.
pub struct PrimaryAgent<D, C, L, X> {
    voice: Voice<C>,
    ballot: Voter,
    leader: Leader,
    committer: Committer,
    log: Told<L>,
    sender: Sender,
    data: D,
    executed: X,
    hashes: Hashes,
    bar: Bar,
    changes: VecDeque<Change>,
    role: Option<RoleChange>,
    /// Told once; nothing is done any more.
    ended: bool,
    failure: Option<String>,
}

impl<D: Media, C: Media, L: LogBytes, X: Executed> PrimaryAgent<D, C, L, X> {
    /// The agent of a writer.
    #[must_use]
    pub fn new(options: PrimaryOptions, parts: PrimaryParts<D, C, L, X>, now: Nanos) -> Self {
        let PrimaryOptions { sender, contract, start, committed } = options;
        let PrimaryParts { voice, committer, ballot, log: (log, terms), data, executed } = parts;
        let base = LogPlace { position: start.base, chain: start.chain };
        Self {
            hashes: Hashes::new(&voice.membership),
            bar: Bar::new(&ballot),
            leader: Leader::new(voice.membership.clone(), contract, start, committed, now),
            voice,
            ballot,
            committer,
            log: Told { log, terms, end: base, looked: base },
            sender: Sender::new(sender, now),
            data,
            executed,
            changes: VecDeque::new(),
            role: None,
            ended: false,
            failure: None,
        }
    }

    /// What it is to become, once; from then on it does nothing.
    #[must_use]
    pub fn poll_role_change(&mut self) -> Option<RoleChange> {
        self.role.take()
    }

    /// What a person should know, in order.
    #[must_use]
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Its control core: who is there, what is committed.
    #[must_use]
    pub fn leader(&self) -> &Leader {
        &self.leader
    }

    /// Its stream's core: what was sent, who receives it.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// How its state compares with the others'.
    #[must_use]
    pub fn hashes(&self) -> &Hashes {
        &self.hashes
    }

    /// Whether it will not lead again, because of its state or an earlier one.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.bar.is_set()
    }

    /// Its voice.
    pub fn voice_mut(&mut self) -> &mut Voice<C> {
        &mut self.voice
    }

    /// The voice, for the agent that comes after it, and what carried the stream.
    #[must_use]
    pub fn into_parts(self) -> (Voice<C>, D) {
        (self.voice, self.data)
    }

    /// What this node's log is, for those who ask.
    fn status(&self) -> LogStatus {
        let LogPlace { position, .. } = self.log.end;
        let start = self.leader.start();
        LogStatus {
            last_epoch: if position > start.base { start.epoch } else { Default::default() },
            end: self.log.end,
            committed: self.committer.committed(),
            flags: self.leader.flags(),
        }
    }

    /// One duty cycle; how much was done.
    ///
    /// # Errors
    /// The log cannot be read: the node cannot go on.
    pub fn cycle(&mut self, now: Nanos) -> Result<usize, ReadError> {
        if self.ended {
            return Ok(0);
        }
        let Self { log, leader, .. } = self;
        let mut work = log.look(|end| leader.on_end(end))?;
        work += self.hear(now);
        self.leader.on_synced(self.committer.synced());
        work += self.commit();
        self.compare_states();
        while let Some((node, message)) = self.leader.poll_send(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        while let Some((node, message)) = self.hashes.poll_send(now) {
            self.voice.tell(&self.ballot, node, message);
            work += 1;
        }
        work += self.sender.duty(&mut self.log, &mut self.data, now)?;
        self.note_changes(now);
        Ok(work)
    }

    fn commit(&mut self) -> usize {
        let Some(place) = self.leader.poll_commit() else { return 0 };
        usize::from(self.committer.commit_to(place.position))
    }

    /// Holds the state that the log leads to here against the others'. Where most have another one,
    /// the writer takes nothing more, and the node is barred from leading again.
    fn compare_states(&mut self) {
        while let Some((place, hash)) = self.executed.poll_checkpoint() {
            self.hashes.on_own(place, hash);
        }
        let differs = self.executed.differs();
        self.leader.on_states(&self.hashes, differs);
        let outvoted = self.leader.outvoted();
        if let Some(why) = outvoted {
            self.committer.take_nothing(why.nodes as u64);
        }
        self.bar.judge(&self.ballot, &self.hashes, outvoted.is_some() || differs);
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
            Message::Ack(ack) => {
                // What does not count is kept as the node's state by the leader.
                let _ = self.leader.on_ack(from, ack, now);
            }
            Message::Announce(announce) => self.leader.on_announce(from, announce),
            Message::Status(status) => self.leader.on_status(from, status, now),
            Message::StatusRequest(request) => {
                let status = answer_status(&self.ballot, &self.status(), request);
                self.voice.answer(&self.ballot, heard, status);
            }
            Message::VoteRequest(request) => {
                let status = self.status();
                let vote = answer_vote(&mut self.ballot, &status, from, request);
                let known = Ballot::known(&self.ballot);
                self.leader.on_promised(known);
                self.voice.answer(&self.ballot, heard, vote);
            }
            Message::Promote(wish) => {
                let answer = PromoteAnswer {
                    round: wish.round,
                    result: PromoteResult::ALREADY_PRIMARY,
                    epoch: self.leader.start().epoch.get(),
                    end: self.log.end.position.get(),
                    committed: self.committer.committed().get(),
                    ..PromoteAnswer::default()
                };
                self.voice.answer(&self.ballot, heard, answer);
            }
            Message::StateHash(hash) => {
                self.leader.on_known_epoch(from);
                self.hashes.on_hash(from, hash);
            }
            _ => self.leader.on_known_epoch(from),
        }
    }

    fn note_changes(&mut self, now: Nanos) {
        while let Some(comparison) = self.hashes.poll_comparison() {
            self.note(Change::State(comparison));
        }
        while let Some(change) = self.leader.poll_change(now) {
            self.note(change);
        }
        let Some(why) = self.leader.ended() else { return };
        debug_assert!(!self.leader.flags().contains(NodeFlags::PRIMARY));
        self.ended = true;
        self.role = Some(RoleChange::Follow { why });
    }

    fn note(&mut self, change: Change) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}

impl<D, C, L, X> Agent for PrimaryAgent<D, C, L, X>
where
    D: Media + 'static,
    C: Media + 'static,
    L: LogBytes + Send + 'static,
    X: Executed + 'static,
{
    fn name(&self) -> &str {
        "primary"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.failure.is_some() {
            return 0;
        }
        self.cycle(now).unwrap_or_else(|error| {
            self.failure = Some(error.to_string());
            0
        })
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }
}
