//! The operator: who is made primary, by force too; who starts on an empty directory.
//!
//! He does what the handbook lets him do, at any moment and often in vain. By force he promotes a
//! node when no other one leads or may come to lead, and from then on no other one before a
//! majority has heard of that epoch: who forces two nodes has two primaries, and no check could
//! tell which of them is right.

use isochron::types::{Epoch, Nanos};

use super::{MS, World};
use crate::machine::Machine;
use crate::network::Node;

/// A promotion by force that not enough nodes know of yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forced {
    node: Node,
    /// Before it leads, none.
    epoch: Option<Epoch>,
}

impl World {
    /// In the time of trouble: where nothing is confirmed he makes a node the primary, the one that
    /// has most or any, and sometimes where it goes on. He may try two at once.
    pub(super) fn tend(&mut self) {
        if self.now < self.tend_at {
            return;
        }
        self.tend_at = self.now + self.tends_ns;
        let confirmed = self.ground.oracle.confirmed().len();
        let stands_still = std::mem::replace(&mut self.tended, confirmed) == confirmed;
        if stands_still || self.random.chance(50) {
            let most = (0..self.machines.len())
                .filter(|node| self.machines[*node].is_standby())
                .max_by_key(|node| self.machines[*node].held());
            let any = self.random.below(self.machines.len() as u64) as Node;
            let two = self.random.chance(300);
            let first = if self.random.chance(500) { most.unwrap_or(any) } else { any };
            self.promote(first);
            if two {
                self.promote(any);
            }
        }
    }

    /// After all trouble: where nobody serves he makes a node the primary.
    pub(super) fn operate(&mut self, node: Node) {
        if !self.is_served() {
            self.promote(node);
        }
    }

    pub(super) fn is_served(&self) -> bool {
        self.machines.iter().any(Machine::is_serving)
    }

    /// A node is to become the primary; while a forced epoch is not known to a majority, only the
    /// node that was forced.
    pub(super) fn promote(&mut self, node: Node) {
        let (node, force) = match self.forced {
            None => (node, false),
            Some(Forced { node, .. }) => (node, true),
        };
        if self.machines[node].promote(&mut self.ground, force, Nanos(self.now)) {
            let by_force = if force { " by force" } else { "" };
            self.tell(&format!("the operator promotes node {node}{by_force}"));
        }
    }

    /// The primary is lost, and others with it; what is left must serve.
    pub(super) fn force(&mut self, node: Node) {
        // Nobody forces one that has not even heard of who led last.
        let is_late = self.machines[node].known() < self.ground.oracle.newest_epoch();
        if self.forced.is_some() || is_late || !self.machines[node].is_standby() {
            return;
        }
        for other in (0..self.machines.len()).filter(|other| *other != node) {
            if self.machines[other].may_lead() || self.random.chance(500) {
                self.machines[other].kill(&mut self.ground);
                let back_at = self.now + self.random.between(300, 900) * MS;
                self.starts.insert(other, back_at);
            }
        }
        self.forced = Some(Forced { node, epoch: None });
        self.promote(node);
    }

    /// Looks whether a majority knows of the epoch that was forced.
    pub(super) fn look_after_forced(&mut self) {
        let Some(Forced { node, epoch }) = &mut self.forced else { return };
        *epoch = self.machines[*node].leads().or(*epoch);
        let Some(epoch) = *epoch else { return };
        let knows = |machine: &&Machine| machine.known().is_some_and(|known| known >= epoch);
        if self.machines.iter().filter(knows).count() > self.machines.len() / 2 {
            self.forced = None;
        }
    }

    /// A node's disk is replaced by an empty one. An empty directory knows neither what the node
    /// acknowledged nor whom it promised what: the handbook lets only one node of a whole cluster
    /// that serves begin so.
    pub(super) fn empty(&mut self, node: Node) {
        let serving = self.machines.iter().find(|machine| machine.is_serving());
        let Some(epoch) = serving.and_then(Machine::leads) else { return };
        let mut others = self.machines.iter().enumerate().filter(|(other, _)| *other != node);
        let is_whole = others.all(|(_, machine)| machine.known() == Some(epoch));
        if self.forced.is_none()
            && is_whole
            && self.machines[node].is_standby()
            && self.can_be_bereft(node)
        {
            self.machines[node].lose_disk(&mut self.ground);
            self.ground.lived.count("disks replaced", 1);
            self.bereft.insert(node);
            self.starts.insert(node, self.now + self.random.between(1, 400) * MS);
        }
    }
}
