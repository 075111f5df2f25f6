//! A machine's change of role: from the standby to the primary, and back.

use isochron::cluster::agent::{
    PrimaryAgent, PrimaryOptions, PrimaryParts, RoleChange, StandbyParts,
};
use isochron::cluster::{MayBeLost, NotLeading};
use isochron::core::{Intake, Options as CoreOptions, Sequencer, StartError};
use isochron::replication::sender::{SenderOptions, StoreLog};
use isochron::state_machine::{Capacity, Replay, StateMachine};
use isochron::store::{Chain, FollowRefused, LogPlace, Terms, Until, session_id};
use isochron::types::{Epoch, Nanos, Position};

use super::{
    ASKS_AGAIN_NS, EXCHANGE, EXCHANGE_NUMBER, Ground, Machine, Role, Standby, TERM_BYTES, channel,
    directory,
};
use crate::follower::Follower;
use crate::oracle::Oracle;
use crate::script::SOURCES;

impl Machine {
    /// Becomes what its agent says.
    pub(super) fn change_role(
        &mut self,
        ground: &mut Ground,
        change: RoleChange,
        now: Nanos,
    ) -> Option<String> {
        let role = self.running.as_mut()?.role.take()?;
        match (change, role) {
            (RoleChange::Lead { epoch, forced }, Role::Standby(agent)) => {
                let led = self.lead(ground, *agent, (epoch, forced), now);
                if let Err(reason) = led {
                    // The process ends; its operator starts it again.
                    self.kill(ground);
                    return Some(format!("node {} does not lead: {reason}", self.node));
                }
                None
            }
            (RoleChange::Follow { why }, Role::Primary(agent, sequencer)) => {
                ground.lived.count("primaries deposed", 1);
                let passed = matches!(why, NotLeading::Passed { .. });
                ground.lived.count("primaries passed", passed.into());
                let (voice, _) = agent.into_parts();
                drop((sequencer, self.running.take()));
                let asks = passed.then_some(ASKS_AGAIN_NS);
                match self.follow(ground, voice, asks, now) {
                    Ok((running, told)) => {
                        self.running = Some(running);
                        Some(format!("node {} follows: {told}", self.node))
                    }
                    Err(reason) if self.disk_fails => {
                        ground.network.listen(self.node, false);
                        Some(format!("node {} ends: {reason}", self.node))
                    }
                    Err(reason) => panic!("node {}: {reason}", self.node),
                }
            }
            // What was confirmed here is not in the log of one that was forced: that is its
            // operator's to judge, who starts it again and lets it cut.
            (RoleChange::Stop { why }, _) if lacks_what_was_lost(&ground.oracle, &why) => {
                self.stop_to_cut(ground);
                Some(format!("node {} stops: {why}", self.node))
            }
            (RoleChange::Stop { why }, _) => panic!("node {} must stop: {why}", self.node),
            (change, _) => panic!("node {}: {change} in this role", self.node),
        }
    }

    /// Its operator ends the node that will not cut what was confirmed, and lets it at its next
    /// start.
    pub(super) fn stop_to_cut(&mut self, ground: &mut Ground) {
        ground.lived.count("nodes that stopped before they cut", 1);
        self.kill(ground);
        self.discards = true;
    }

    /// Becomes the primary of an epoch.
    fn lead(
        &mut self,
        ground: &mut Ground,
        agent: Standby,
        (epoch, forced): (Epoch, Option<MayBeLost>),
        now: Nanos,
    ) -> Result<(), String> {
        let node = self.node;
        let (replica, StandbyParts { voice, executed, .. }) = agent.into_parts();
        let mut epochs = replica.epochs().to_vec();
        let into = replica.into_writer(epoch);
        let (mut writer, start) = match into {
            Ok(writer) => writer,
            Err(error) if self.disk_fails => return Err(error.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        ground.oracle.on_epoch(epoch, node);
        epochs.retain(|known| known.base <= start.base);
        epochs.push(start);
        let (committer, ballot) = (writer.take_committer(), writer.voter());
        let store = self.store_options(ground);
        let options = CoreOptions { store, capacity: Capacity::default() };
        let replay = Replay::new(StateMachine::with_capacity(options.capacity));
        let beginning = LogPlace { position: Position(0), chain: Chain::default() };
        let intake = Intake::default();
        let taken =
            Sequencer::take_over(self.disk(), writer, (replay, beginning), &options, &intake, now);
        let sequencer = match taken {
            Ok(sequencer) => sequencer,
            Err(StartError::NoRoom(reason)) => return Err(reason.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        let last = self.check_held(ground, forced.as_ref());
        let terms = Terms::new(TERM_BYTES).expect("a power of two");
        let session = session_id(EXCHANGE, epoch);
        let mut sender =
            SenderOptions::new(&channel(), session, EXCHANGE_NUMBER, terms, start.base);
        sender.line_bytes_per_second = 1_000_000_000;
        let contract = ground.contract(&ground.membership(node));
        let log = StoreLog::attach_on(&self.disk(), directory()).expect("it is open");
        // Nobody is told of a commit before one of this epoch.
        let committed = beginning;
        let agent = PrimaryAgent::new(
            PrimaryOptions { sender, contract, start, committed },
            PrimaryParts {
                voice,
                committer: committer.expect("it is taken once"),
                ballot,
                log: (log, terms),
                data: ground.network.sender(node),
                executed,
            },
            now,
        );
        let service = self.service(Until::Published);
        let running = self.running.as_mut().expect("it changes its role");
        running.role = Some(Role::Primary(Box::new(agent), Box::new(sequencer)));
        (running.service, running.epochs, running.last) = (service, epochs, last);
        Ok(())
    }

    /// A new primary holds all that was confirmed, as it was confirmed; one that was forced may
    /// not, and then said so. The last number of each source in its log.
    fn check_held(
        &self,
        ground: &mut Ground,
        forced: Option<&MayBeLost>,
    ) -> [u64; SOURCES as usize + 1] {
        let Ground { oracle, script, lived, shown, .. } = ground;
        let mut all = Follower::new(&self.disk, directory(), Until::Published);
        let mut held = Vec::new();
        all.read(script, usize::MAX, |transaction| held.push(transaction));
        match forced {
            None => oracle.on_promoted(self.node, &held),
            Some(named) => {
                let lost = oracle.on_forced(self.node, &held, named, shown);
                lived.count("transactions lost by force", lost as u64);
            }
        }
        std::array::from_fn(|source| all.last_of(source as u32))
    }
}

/// Whether a node does not follow an epoch because that lacks what was lost by force.
pub(super) fn lacks_what_was_lost(oracle: &Oracle, why: &FollowRefused) -> bool {
    match why {
        FollowRefused::BelowCommitted { base, .. } => oracle.has_lost_beyond(*base),
        FollowRefused::CommittedDiffers { .. } => oracle.has_lost_beyond(Position(0)),
        _ => false,
    }
}
