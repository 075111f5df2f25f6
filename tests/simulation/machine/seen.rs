//! A machine as others see it: what the world asks of it, and the last look in silence.

use isochron::state_machine::{Capacity, StateMachine};
use isochron::types::{Epoch, Position};

use super::{Machine, Role, Running};
use crate::follower::Follower;

impl Machine {
    pub(crate) fn is_down(&self) -> bool {
        self.running.is_none() && self.filling.is_none()
    }

    /// Whether it follows, or tries to.
    pub(crate) fn is_standby(&self) -> bool {
        matches!(&self.running, Some(Running { role: Some(Role::Standby(_)), .. }))
    }

    /// Whether it leads, or may come to without its operator's wish.
    pub(crate) fn may_lead(&self) -> bool {
        match &self.running {
            Some(Running { role: Some(Role::Standby(agent)), .. }) => agent.may_lead(),
            Some(_) => true,
            None => false,
        }
    }

    /// Whether its last cycle was one of those that must survive a death.
    pub(crate) fn has_turned(&self) -> bool {
        self.turned && self.running.is_some()
    }

    /// The epoch that its store follows.
    pub(super) fn follows(&self) -> Option<Epoch> {
        match &self.running.as_ref()?.role {
            Some(Role::Standby(agent)) => Some(agent.replica().epoch()),
            _ => None,
        }
    }

    /// The end of what it holds.
    pub(crate) fn held(&self) -> Position {
        match self.running.as_ref().and_then(|running| running.role.as_ref()) {
            Some(Role::Standby(agent)) => agent.replica().held().position,
            Some(Role::Primary(_, sequencer)) => sequencer.position(),
            None => Position(0),
        }
    }

    /// The epoch that it leads.
    pub(crate) fn leads(&self) -> Option<Epoch> {
        match &self.running.as_ref()?.role {
            Some(Role::Primary(agent, _)) => Some(agent.leader().start().epoch),
            _ => None,
        }
    }

    /// The highest epoch that it knows of, while it runs.
    pub(crate) fn known(&self) -> Option<Epoch> {
        match &self.running.as_ref()?.role {
            Some(Role::Standby(agent)) => Some(agent.replica().voter().known()),
            _ => self.leads(),
        }
    }

    /// A primary that can confirm.
    pub(crate) fn is_serving(&self) -> bool {
        match &self.running {
            Some(Running { role: Some(Role::Primary(agent, _)), .. }) => {
                agent.leader().has_quorum() && agent.leader().ended().is_none()
            }
            _ => false,
        }
    }

    /// Whether it runs and is not lossy: what a loss of power took is here again.
    pub(crate) fn has_caught_up(&self) -> bool {
        match &self.running {
            Some(Running { role: Some(Role::Standby(agent)), .. }) => !agent.replica().is_lossy(),
            Some(Running { role: Some(Role::Primary(..)), .. }) => true,
            _ => false,
        }
    }

    /// Whether all up to a position was released, and nothing beyond it is written.
    pub(crate) fn has_released(&self, end: Position) -> bool {
        let Some(running) = &self.running else { return false };
        let written = match &running.role {
            Some(Role::Primary(_, sequencer)) => sequencer.position(),
            _ => end,
        };
        running.has_read(end) && running.has_executed(end) && written == end
    }

    /// Whether only a start helps it.
    pub(crate) fn must_restart(&self) -> bool {
        self.is_down() || self.disk_fails
    }

    /// Its state in a line.
    pub(crate) fn describe(&self) -> String {
        let node = self.node;
        let Some(running) = &self.running else {
            let filling = self.filling.as_ref().map(|filling| filling.fresh.progress());
            return format!("node {node} is down, or fills its directory: {filling:?}");
        };
        let released = running.follower.as_ref().map_or(Position(0), Follower::position);
        match &running.role {
            Some(Role::Standby(agent)) => format!(
                "node {node} follows epoch {} (knows {}), holds {}, contiguous {}, received {}, \
                 committed {}, released {released}, {:?}, flags {:?}",
                agent.replica().epoch(),
                agent.replica().voter().known(),
                agent.replica().held().position,
                agent.replica().contiguous(),
                agent.replica().received(),
                agent.replica().committed(),
                agent.receiver().standing(agent.replica()),
                agent.follower().flags(),
            ),
            Some(Role::Primary(agent, sequencer)) => format!(
                "node {node} leads epoch {}, wrote {}, sent {}, committed {}, released {released}, \
                 quorum {}, ended {:?}",
                agent.leader().start().epoch,
                sequencer.position(),
                agent.sender().position(),
                agent.leader().committed().position,
                agent.leader().has_quorum(),
                agent.leader().ended(),
            ),
            None => format!("node {node} changes its role"),
        }
    }

    /// In silence: the state that a primary lives with, and one from a snapshot, are the
    /// followers'.
    pub(crate) fn conclude(&self) {
        let Some(running) = &self.running else { return };
        let follower = running.executing.follower().expect("it has executed all");
        let executed = follower.replay().machine();
        let hash = executed.state_hash();
        if let Some(Role::Primary(_, sequencer)) = &running.role {
            let live = sequencer.machine().state_hash();
            assert_eq!(live, hash, "node {}: live and replayed", self.node);
        }
        let mut saved = Vec::new();
        let of_saved = executed.save(&mut saved).expect("memory");
        let restored = StateMachine::restore(&mut &saved[..], Capacity::default(), of_saved);
        let restored = restored.expect("what was saved is whole");
        assert_eq!(restored.state_hash(), hash, "node {}: from a snapshot", self.node);
    }
}

impl Running {
    fn has_read(&self, end: Position) -> bool {
        self.follower.as_ref().is_some_and(|follower| follower.position() == end)
    }

    fn has_executed(&self, end: Position) -> bool {
        self.executing.follower().is_some_and(|follower| follower.position() == end)
    }
}
