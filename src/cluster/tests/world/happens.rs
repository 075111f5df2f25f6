//! What happens to the nodes: they come and go, write, hear each other, and time passes.

use isochron_cluster::{Message, NodeFlags, StatusRequest, VoteReason, VoteRequest};

use super::{ENTRY_BYTES, Entry, Fault, Flight, PATIENCE_NS, Role, World, place_of};
use crate::cluster::{
    AnnounceRefused, Ballot, Candidate, Envelope, Follower, answer_status, answer_vote,
};
use crate::types::{Epoch, Position};

impl World {
    /// A node comes up as a standby.
    pub(in crate::cluster::tests) fn start(&mut self, number: u32) {
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
    pub(in crate::cluster::tests) fn stop(&mut self, number: u32, power: bool) {
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
    pub(in crate::cluster::tests) fn promote(&mut self, number: u32, force: bool) {
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
    pub(in crate::cluster::tests) fn promise(&mut self, number: u32) {
        let disk = &mut self.node_mut(number).disk;
        let epoch = Epoch(disk.known.get() + 1);
        disk.promise(epoch, number).expect("a disk");
        self.stop(number, false);
    }

    /// A primary's core appends a transaction.
    pub(in crate::cluster::tests) fn write(&mut self, number: u32) {
        let node = self.node_mut(number);
        let Role::Primary(leader) = &mut node.role else { return };
        node.disk.append(leader.start().epoch, number);
        leader.on_end(node.disk.end());
        self.pump(number);
    }

    /// What a node has is on its disk.
    pub(in crate::cluster::tests) fn sync(&mut self, number: u32) {
        let disk = &mut self.node_mut(number).disk;
        disk.synced = disk.log.len();
    }

    /// A node executed a command to another outcome.
    pub(in crate::cluster::tests) fn diverge(&mut self, number: u32) {
        let node = self.node_mut(number);
        node.diverged = true;
        if let Role::Standby { follower, .. } = &mut node.role {
            follower.on_execution(true);
        }
        self.pump(number);
    }

    /// The primary that a standby follows, if that still is one, and it has more than the standby.
    pub(in crate::cluster::tests) fn next_entry(&self, number: u32) -> Option<(u32, Entry)> {
        let node = self.node(number);
        let Role::Standby { follower, .. } = &node.role else { return None };
        let start = follower.following().filter(|_| !node.stalled)?;
        let primary = self.node(start.node);
        let Role::Primary(leader) = &primary.role else { return None };
        let entry = primary.disk.log.get(self.node(number).disk.log.len())?;
        (leader.start() == start).then_some((start.node, *entry))
    }

    /// The stream brings a standby one entry.
    pub(in crate::cluster::tests) fn stream(&mut self, number: u32) {
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
    pub(in crate::cluster::tests) fn deliver(&mut self, at: usize) {
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
            (Role::Standby { follower, candidate }, Message::Announce(it)) => {
                let refused = follower.on_announce(&envelope, &it, now).err();
                if let Some(candidate) = candidate.as_mut().filter(|_| refused.is_none()) {
                    candidate.on_primary(envelope.sender, Epoch(it.epoch));
                }
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
    pub(in crate::cluster::tests) fn on_time(&mut self, number: u32) {
        let now = self.now;
        if let Role::Standby { candidate: Some(candidate), .. } = &mut self.node_mut(number).role {
            candidate.on_time(now);
        }
        self.pump(number);
    }

    /// How many epochs began.
    pub(in crate::cluster::tests) fn epochs_begun(&self) -> u32 {
        self.began.len() as u32
    }

    /// Whether a node would give its vote.
    pub(in crate::cluster::tests) fn would_vote(
        &self,
        number: u32,
        from: &Envelope,
        request: &VoteRequest,
    ) -> bool {
        let mut ballot = self.node(number).disk.clone();
        let up = self.node(number).role != Role::Down;
        let vote = answer_vote(&mut ballot, &self.status(number), from, request);
        up && vote.reason == VoteReason::GRANTED
    }

    /// Whether an acknowledgement means anything once its epoch is over.
    pub(in crate::cluster::tests) fn counts_old_acks(&self) -> bool {
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
                        candidate.on_promised_other(number, epoch);
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

    pub(super) fn send(&mut self, from: u32, to: u32, message: Message) {
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
}
