//! What befalls a world, done to it.

use isochron::store::Durability;

use super::{MS, Mend, World};
use crate::network::{Fate, Kind, Lane, Node};
use crate::trouble::{Event, Ways};

impl World {
    pub(super) fn happens(&mut self, event: Event) {
        self.tell(&format!("{event:?}"));
        let now = self.now;
        match event {
            Event::Kill(node) => {
                if self.machines[node].kill(&mut self.ground) {
                    self.ground.lived.count("kills", 1);
                    self.starts.insert(node, now + self.random.between(1, 400) * MS);
                }
            }
            Event::LosePower(node, kept) => self.lose_power(node, kept),
            Event::Pause(node, for_ns) => {
                self.ground.lived.count("pauses", 1);
                self.pauses.insert(node, now + for_ns);
            }
            Event::Fate(from, to, lane, fate, for_ns) => {
                self.ground.lived.count("links disturbed", 1);
                self.ground.network.set_fate(from, to, lane, fate);
                self.mend_at(now + for_ns, Mend::Link(from, to, lane));
            }
            Event::Around(node, lane, ways, fate, for_ns) => {
                self.ground.lived.count("lanes around a node disturbed", 1);
                self.disturb(&[node], &[lane], ways, fate, now + for_ns);
            }
            Event::Part(some, ways, for_ns) => {
                let both = ways == Ways::Both;
                self.ground.lived.count("partitions", both.into());
                self.ground.lived.count("partitions of one way", (!both).into());
                self.disturb(&some, &Lane::ALL, ways, Fate::DOWN, now + for_ns);
            }
            Event::LoseKind(kind, for_ns) => {
                let what = match kind {
                    Kind::Answer(_) => "answers of one kind lost",
                    Kind::Control(_) => "control messages of one kind lost",
                };
                self.ground.lived.count(what, 1);
                self.ground.network.lose_kind(Some(kind));
                self.mend_at(now + for_ns, Mend::Kind);
            }
            Event::RepeatPast(count) => {
                self.ground.lived.count("repetitions of the past", 1);
                self.ground.network.repeat_past(count);
            }
            Event::Promote(node) => self.promote(node),
            Event::Force(node) => self.force(node),
            Event::Empty(node) => self.empty(node),
            Event::FailDisk(node, full) => {
                if self.machines[node].fail_disk(full) {
                    self.ground.lived.count("disks that failed", 1);
                    self.starts.insert(node, now + self.random.between(20, 400) * MS);
                }
            }
        }
    }

    /// Only so many may lose what they hold as a quorum can spare.
    pub(super) fn can_be_bereft(&self, node: Node) -> bool {
        let spare = (self.ground.nodes - 1) / 2;
        self.bereft.iter().filter(|other| **other != node).count() < spare
    }

    /// Where what is held counts as kept, a loss of power is a loss of it: that is what
    /// `durability = process` promises.
    fn lose_power(&mut self, node: Node, kept: u64) {
        let loses = self.ground.durability == Durability::Process;
        if loses && !self.can_be_bereft(node) {
            return;
        }
        if self.machines[node].lose_power(&mut self.ground, kept, &mut self.random) {
            self.ground.lived.count("power losses", 1);
            if loses {
                self.bereft.insert(node);
            }
            self.starts.insert(node, self.now + self.random.between(1, 400) * MS);
        }
    }

    /// A node dies at the end of a step that must survive it.
    pub(super) fn strike(&mut self, node: Node) {
        if let Some(event) = self.trouble.strikes(node, &mut self.random) {
            self.happens(event);
        }
    }

    /// The links between some nodes and the others.
    fn disturb(&mut self, some: &[Node], lanes: &[Lane], ways: Ways, fate: Fate, until: u64) {
        for from in 0..self.ground.nodes {
            for to in 0..self.ground.nodes {
                let leads_to = some.contains(&to);
                if some.contains(&from) == leads_to || !ways.has(leads_to) {
                    continue;
                }
                for lane in lanes {
                    self.ground.network.set_fate(from, to, *lane, fate);
                    self.mend_at(until, Mend::Link(from, to, *lane));
                }
            }
        }
    }
}
