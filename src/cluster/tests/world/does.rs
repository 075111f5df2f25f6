//! What the nodes do about it: whatever their cores ask for.

use crate::cluster::{Ballot, Leader, NotLeading, Outcome};
use crate::store::{EpochStart, LogPlace};
use crate::types::{Epoch, Position};

use super::{ENTRY_BYTES, Fault, Node, Role, World, place_of};

impl World {
    /// Does what a node's cores ask for, until they ask for nothing.
    pub(in crate::cluster::tests) fn pump(&mut self, number: u32) {
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
