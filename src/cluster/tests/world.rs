//! A cluster of real cores on disks and a network of the simplest kind.
//!
//! A log is a list of entries of 32 bytes. Each node has the cores that production gives it; what a
//! store does (promise, follow, cut, append) is done here to a plain value, so that a world can be
//! copied and compared, and every order of events be tried. The checks are here too: one primary
//! an epoch, and no committed entry ever missing from a log that a vote made the primary's.

use std::collections::BTreeMap;
use std::io;

use isochron_cluster::{AckPolicy, Message, NodeFlags, StatusRequest, VoteReason, VoteRequest};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::members;
use crate::cluster::{
    AnnounceRefused, Ballot, Candidate, Contract, Envelope, Follower, Leader, LogStatus, Membership, NotLeading,
    Outcome, answer_status, answer_vote, last_epoch,
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

    // What happens to nodes.

    /// A node comes up as a standby.
    pub(super) fn start(&mut self, number: u32) {
        let (membership, contract) = (self.membership(number), self.contract(number));
        let node = self.node_mut(number);
        node.run += 1;
        let disk = &node.disk;
        let followed = disk.epochs.last().copied();
        let (known, held, lossy) = (disk.known, disk.end(), disk.lossy);
        let follower = Follower::new(membership, contract, known, followed, held, lossy);
        node.role = Role::Standby { follower: Box::new(follower), candidate: None };
    }

    /// A node's process dies, or its power fails.
    pub(super) fn stop(&mut self, number: u32, power: bool) {
        let forgets = self.fault == Fault::VoteForgotten;
        let node = self.node_mut(number);
        node.role = Role::Down;
        let disk = &mut node.disk;
        if power && disk.synced < disk.log.len() {
            disk.log.truncate(disk.synced);
            let end = disk.end().position;
            disk.epochs.retain(|start| start.base <= end);
            disk.committed = disk.committed.min(end);
            disk.lossy = true;
        }
        if forgets {
            disk.vote = (Epoch(0), 0);
            disk.known = disk.epochs.last().map_or(Epoch(0), |start| start.epoch);
        }
    }

    /// A node is to become the primary.
    pub(super) fn promote(&mut self, number: u32, force: bool) {
        self.round += 1;
        let (membership, status) = (self.membership(number), self.status(number));
        let (round, now) = (self.round, self.now);
        let known = self.node(number).disk.known;
        let Role::Standby { candidate, .. } = &mut self.node_mut(number).role else { return };
        let new = Candidate::new(&membership, (known, status), force, round, PATIENCE_NS, now);
        *candidate = Some(Box::new(new));
        self.forced |= force;
        self.pump(number);
    }

    /// A standby promises itself the next epoch, and dies before it asks anybody for votes.
    pub(super) fn promise(&mut self, number: u32) {
        let disk = &mut self.node_mut(number).disk;
        let epoch = Epoch(disk.known.get() + 1);
        disk.promise(epoch, number).expect("a disk");
        self.stop(number, false);
    }

    /// A primary's core appends a transaction.
    pub(super) fn write(&mut self, number: u32) {
        let node = self.node_mut(number);
        let Role::Primary(leader) = &mut node.role else { return };
        node.disk.append(leader.start().epoch, number);
        leader.on_end(node.disk.end());
        self.pump(number);
    }

    /// What a node has is on its disk.
    pub(super) fn sync(&mut self, number: u32) {
        let disk = &mut self.node_mut(number).disk;
        disk.synced = disk.log.len();
    }

    /// A node executed a command to another outcome.
    pub(super) fn diverge(&mut self, number: u32) {
        let node = self.node_mut(number);
        node.diverged = true;
        if let Role::Standby { follower, .. } = &mut node.role {
            follower.on_diverged();
        }
        self.pump(number);
    }

    /// The primary that a standby follows, if that still is one, and it has more than the standby.
    pub(super) fn next_entry(&self, number: u32) -> Option<(u32, Entry)> {
        let node = self.node(number);
        let Role::Standby { follower, .. } = &node.role else { return None };
        let start = follower.following().filter(|_| !node.stalled)?;
        let primary = self.node(start.node);
        let Role::Primary(leader) = &primary.role else { return None };
        let entry = primary.disk.log.get(self.node(number).disk.log.len())?;
        (leader.start() == start).then_some((start.node, *entry))
    }

    /// The stream brings a standby one entry.
    pub(super) fn stream(&mut self, number: u32) {
        let Some((_, entry)) = self.next_entry(number) else { return };
        let node = self.node_mut(number);
        node.disk.log.push(entry);
        let held = node.disk.end();
        if let Role::Standby { follower, .. } = &mut node.role {
            follower.on_progress(held, Position(0), held.position);
            node.disk.lossy &= follower.flags().contains(NodeFlags::LOSSY);
        }
        self.pump(number);
    }

    /// A message arrives.
    pub(super) fn deliver(&mut self, at: usize) {
        let Flight { to, envelope, message } = self.flying.remove(at);
        let (now, status) = (self.now, self.status(to));
        let fault = self.fault;
        let node = self.node_mut(to);
        match (&mut node.role, message) {
            (Role::Down, _) => return,
            (_, Message::StatusRequest(request)) => {
                let answer = answer_status(&node.disk, &status, &request);
                self.send(to, envelope.sender, answer.into());
            }
            (_, Message::VoteRequest(request)) => self.vote(to, &envelope, &request),
            (Role::Primary(leader), Message::Ack(mut ack)) => {
                if fault == Fault::OldAckCounts {
                    ack.epoch = leader.start().epoch.get();
                    let log = &node.disk.log;
                    let held = (ack.held / ENTRY_BYTES) as usize;
                    ack.chain_at_held = place_of(&log[..held.min(log.len())]).chain.0;
                }
                let refused = leader.on_ack(&envelope, &ack, now).err();
                refused.into_iter().for_each(|why| self.say(format!("{to}: {why}")));
            }
            (Role::Primary(leader), Message::Announce(it)) => leader.on_announce(&envelope, &it),
            (Role::Primary(leader), Message::Status(it)) => leader.on_status(&envelope, &it, now),
            (Role::Standby { follower, .. }, Message::Announce(it)) => {
                let refused = follower.on_announce(&envelope, &it, now).err();
                // One whose epoch was passed is told so. Where no time passes that changes nothing.
                if matches!(refused, Some(AnnounceRefused::LowerEpoch { .. })) && !self.unordered {
                    let node = self.node(to);
                    let status = answer_status(&node.disk, &status, &StatusRequest::default());
                    self.send(to, envelope.sender, status.into());
                }
                refused.into_iter().for_each(|why| self.say(format!("{to}: {why}")));
            }
            (Role::Standby { follower, .. }, Message::Commit(it)) => {
                let refused = follower.on_commit(&envelope, &it, now).err();
                let told = refused.filter(|_| follower.following().is_some());
                told.into_iter().for_each(|why| self.say(format!("{to}: {why}")));
            }
            (Role::Standby { candidate: Some(candidate), .. }, Message::Status(it)) => {
                candidate.on_status(&envelope, &it, now);
            }
            (Role::Standby { candidate: Some(candidate), .. }, Message::Vote(it)) => {
                candidate.on_vote(&envelope, &it);
            }
            _ => {}
        }
        self.pump(to);
    }

    /// Time has passed for a node.
    pub(super) fn on_time(&mut self, number: u32) {
        let now = self.now;
        if let Role::Standby { candidate: Some(candidate), .. } = &mut self.node_mut(number).role {
            candidate.on_time(now);
        }
        self.pump(number);
    }

    /// How many epochs began.
    pub(super) fn epochs_begun(&self) -> u32 {
        self.began.len() as u32
    }

    /// Whether a node would give its vote.
    pub(super) fn would_vote(&self, number: u32, from: &Envelope, request: &VoteRequest) -> bool {
        let mut ballot = self.node(number).disk.clone();
        let up = self.node(number).role != Role::Down;
        let vote = answer_vote(&mut ballot, &self.status(number), from, request);
        up && vote.reason == VoteReason::GRANTED
    }

    /// Whether an acknowledgement means anything once its epoch is over.
    pub(super) fn counts_old_acks(&self) -> bool {
        self.fault == Fault::OldAckCounts
    }

    fn vote(&mut self, number: u32, envelope: &Envelope, request: &VoteRequest) {
        let status = self.status(number);
        let node = self.node_mut(number);
        let vote = answer_vote(&mut node.disk, &status, envelope, request);
        if vote.reason == VoteReason::GRANTED {
            let epoch = Epoch(request.epoch);
            match &mut node.role {
                Role::Primary(leader) => leader.on_promised(epoch),
                Role::Standby { follower, candidate } => {
                    follower.on_promised(epoch);
                    if let Some(candidate) = candidate {
                        candidate.on_promised_other(epoch, envelope.sender);
                    }
                }
                Role::Down => {}
            }
            self.say(format!("{number} votes for {} in {epoch}", envelope.sender));
        } else {
            let sender = envelope.sender;
            self.say(format!(
                "{number} has no vote for {sender} in {}: {}",
                request.epoch, vote.reason
            ));
        }
        self.send(number, envelope.sender, vote.into());
    }

    fn send(&mut self, from: u32, to: u32, message: Message) {
        let unordered = self.unordered;
        let node = self.node_mut(from);
        match &message {
            Message::Ack(ack) if unordered => node.sent = ack.held + 1,
            _ => node.sent += u64::from(!unordered),
        }
        let envelope = Envelope {
            sender: from,
            run: node.run,
            counter: node.sent,
            known_epoch: node.disk.known,
            to_this_run: true,
        };
        self.flying.push(Flight { to, envelope, message });
    }

    // What nodes do about it.

    /// Does what a node's cores ask for, until they ask for nothing.
    pub(super) fn pump(&mut self, number: u32) {
        match &self.node(number).role {
            Role::Down => {}
            Role::Standby { .. } => self.pump_standby(number),
            Role::Primary(_) => self.pump_primary(number),
        }
    }

    fn pump_standby(&mut self, number: u32) {
        let now = self.now;
        if let Role::Standby { follower, .. } = &mut self.node_mut(number).role
            && let Some(start) = follower.poll_follow()
        {
            self.follow(number, start);
        }
        let mut out = Vec::new();
        if let Node { disk, role: Role::Standby { follower, .. }, .. } = self.node_mut(number) {
            if let Some(place) = follower.poll_commit() {
                let reached = place.position.min(disk.end().position);
                disk.committed = disk.committed.max(reached);
            }
            out.extend(follower.poll_ack(now));
        }
        out.into_iter().for_each(|(to, message)| self.send(number, to, message));
        self.pump_candidate(number);
    }

    /// A store follows: what is not of the epoch's log is cut, and never what is committed.
    fn follow(&mut self, number: u32, start: EpochStart) {
        let primary = self.node(start.node).disk.clone();
        // The table of one that was deposed since is another one.
        if !primary.epochs.contains(&start) || start.epoch < self.node(number).disk.known {
            return;
        }
        let node = self.node_mut(number);
        let equal = node.disk.log.iter().zip(&primary.log).take_while(|(a, b)| a == b).count();
        let cut = node.disk.log.len() - equal;
        let (committed, kept) = (node.disk.committed, equal as u64 * ENTRY_BYTES);
        if committed.get() > kept && !node.discards {
            let said = std::mem::replace(&mut node.stopped_at, start.epoch) == start.epoch;
            let why = format!(
                "{number} does not follow {} in {}: it would cut to {kept}, and {committed} was \
                 committed",
                start.node, start.epoch
            );
            if !self.forced {
                self.violate(why);
            } else if !said {
                self.say(why);
            }
            return;
        }
        node.disk.committed = committed.min(Position(kept));
        node.disk.log.truncate(equal);
        node.disk.synced = node.disk.synced.min(equal);
        node.disk.epochs =
            primary.epochs.iter().filter(|s| s.epoch <= start.epoch).copied().collect();
        node.disk.known = node.disk.known.max(start.epoch);
        let held = node.disk.end();
        if let Role::Standby { follower, .. } = &mut node.role {
            follower.on_followed(start, held);
        }
        self.say(format!("{number} follows {} in {}", start.node, start.epoch));
        if cut != 0 {
            self.say(format!("{number} cuts {cut} beyond {kept}"));
        }
    }

    fn pump_candidate(&mut self, number: u32) {
        let now = self.now;
        let promise = match &self.node(number).role {
            Role::Standby { candidate: Some(candidate), .. } => candidate.poll_promise(),
            _ => return,
        };
        if let Some(epoch) = promise {
            let promised = self.node_mut(number).disk.promise(epoch, number).expect("a disk");
            let status = self.status(number);
            if let Role::Standby { follower, candidate: Some(candidate) } =
                &mut self.node_mut(number).role
            {
                if promised {
                    follower.on_promised(epoch);
                }
                candidate.on_promised(promised, status, now);
            }
        }
        let (mut out, mut outcome) = (Vec::new(), None);
        if let Role::Standby { candidate: Some(candidate), .. } = &mut self.node_mut(number).role {
            while let Some(message) = candidate.poll_send(now) {
                out.push(message);
            }
            outcome = candidate.poll_outcome();
        }
        out.into_iter().for_each(|(to, message)| self.send(number, to, message));
        match outcome {
            None => {}
            Some(Outcome::Won { epoch, forced }) => {
                if let Some(lost) = &forced {
                    let ahead: Vec<u32> = lost.ahead.iter().map(|other| other.node).collect();
                    self.say(format!(
                        "{number} is forced: {} was committed, ahead {ahead:?}, not heard {:?}",
                        lost.committed, lost.unheard
                    ));
                }
                self.lead(number, epoch);
            }
            Some(Outcome::Refused(refusal)) => {
                self.say(format!("{number} is not promoted: {refusal}"));
                if let Role::Standby { candidate, .. } = &mut self.node_mut(number).role {
                    *candidate = None;
                }
            }
        }
    }

    /// A store is opened for writing in an epoch that was voted for its node.
    fn lead(&mut self, number: u32, epoch: Epoch) {
        if let Some(other) = self.began.insert(epoch.get(), number) {
            self.violate(format!("epoch {epoch} has two primaries, {other} and {number}"));
        }
        // What a higher epoch committed is no business of one that was voted before it: that one
        // commits nothing any more.
        let before = self.committed_in.iter().take_while(|other| **other < epoch).count();
        let whole = self.node(number).disk.log.starts_with(&self.committed[..before]);
        if !whole && !self.forced {
            self.violate(format!("{number} leads {epoch} without what was committed"));
        }
        let (membership, contract) = (self.membership(number), self.contract(number));
        let (now, no_floor) = (self.now, self.fault == Fault::NoFloor);
        let node = self.node_mut(number);
        let LogPlace { position: base, chain } = node.disk.end();
        let start = EpochStart { epoch, node: number, base, chain };
        node.disk.epochs.retain(|known| known.base <= base);
        node.disk.epochs.push(start);
        let known = node.disk.committed.get() / ENTRY_BYTES;
        let committed = place_of(&node.disk.log[..known as usize]);
        let mut leader = Leader::new(membership, contract, start, committed, now);
        if no_floor {
            leader
                .forget_floor((1..=node.disk.log.len()).map(|end| place_of(&node.disk.log[..end])));
        }
        node.role = Role::Primary(Box::new(leader));
        self.say(format!("{number} leads {epoch} from {base}"));
        self.write(number);
    }

    fn pump_primary(&mut self, number: u32) {
        let now = self.now;
        let Role::Primary(leader) = &mut self.node_mut(number).role else { return };
        let place = leader.poll_commit();
        let (mut out, mut changes) = (Vec::new(), Vec::new());
        while let Some(message) = leader.poll_send(now) {
            out.push(message);
        }
        while let Some(change) = leader.poll_change(now) {
            changes.push(change);
        }
        let ended = leader.ended();
        if let Some(place) = place {
            self.commit(number, place.position);
        }
        for change in changes {
            self.say(format!("{number}: {change}"));
        }
        out.into_iter().for_each(|(to, message)| self.send(number, to, message));
        match ended {
            Some(NotLeading::Promised { .. } | NotLeading::Deposed { .. }) => self.start(number),
            Some(NotLeading::Passed { .. }) => {
                self.start(number);
                self.promote(number, false);
            }
            _ => {}
        }
    }

    fn commit(&mut self, number: u32, position: Position) {
        self.node_mut(number).disk.committed = position;
        let entries = (position.get() / ENTRY_BYTES) as usize;
        let log = self.node(number).disk.log[..entries].to_vec();
        let both = entries.min(self.committed.len());
        if log[..both] != self.committed[..both] && !self.forced {
            self.violate(format!("{number} commits {position}, other bytes than before"));
        }
        if entries > self.committed.len() {
            let epoch = self.node(number).disk.epochs.last().map_or(Epoch(0), |start| start.epoch);
            self.committed_in.resize(entries, epoch);
            self.committed = log;
        }
        self.say(format!("{number} commits {position}"));
    }
}
