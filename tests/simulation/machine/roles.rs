//! A machine's change of role: from the standby to the primary, and back.

use isochron::cluster::agent::{
    PrimaryAgent, PrimaryOptions, PrimaryParts, RoleChange, StandbyParts,
};
use isochron::cluster::{MayBeLost, NotLeading};
use isochron::core::{self, Intake, Sequencer, StartError};
use isochron::replication::sender::{SenderOptions, StoreLog};
use isochron::standby::{FollowerAgent, LoadState};
use isochron::state_machine::{Replay, StateMachine};
use isochron::store::{FollowRefused, SnapshotFile, Terms, Until, put_aside, session_id};
use isochron::types::{Epoch, Nanos, Position};

use super::opening::counts_executed;
use super::{
    ASKS_AGAIN_NS, EXCHANGE, EXCHANGE_NUMBER, Ground, Machine, Role, Running, Standby, TERM_BYTES,
    channel, directory, snapshots,
};
use crate::calendar::Numbers;
use crate::oracle::Oracle;
use crate::planted::Planted;

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
                let executing = self.running.take().map(|running| running.executing);
                drop(sequencer);
                let warm = executing.and_then(|executing| executing.into_state().ok());
                let asks = passed.then_some(ASKS_AGAIN_NS);
                let followed = self.follow(ground, voice, warm, asks, now);
                Some(self.goes_on(ground, followed))
            }
            (RoleChange::BeginAnew { why }, Role::Standby(agent)) => {
                let may = ground.habits.forgets || self.discards;
                assert!(may, "node {} begins anew: {why}", self.node);
                ground.lived.count("stores put aside", 1);
                let begun = self.begin_anew(ground, *agent);
                match begun {
                    Ok(()) => None,
                    Err(reason) if self.disk_fails => {
                        self.kill(ground);
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

    /// The node runs in its other role, or its process ends.
    fn goes_on(
        &mut self,
        ground: &mut Ground,
        followed: Result<(Running, String), String>,
    ) -> String {
        match followed {
            Ok((running, told)) => {
                self.running = Some(running);
                format!("node {} follows: {told}", self.node)
            }
            Err(reason) => {
                assert!(self.disk_fails, "node {}: {reason}", self.node);
                ground.network.listen(self.node, false);
                format!("node {} ends: {reason}", self.node)
            }
        }
    }

    /// The store is put aside, and the directory filled as an empty one is.
    fn begin_anew(&mut self, ground: &mut Ground, agent: Standby) -> Result<(), String> {
        let (replica, StandbyParts { voice, .. }) = agent.into_parts();
        self.running = None;
        replica.close().map_err(|error| error.to_string())?;
        put_aside(&self.disk, directory()).map_err(|error| error.to_string())?;
        self.begin_filling(ground, voice).map_err(|fault| fault.to_string())
    }

    /// A standby once more, from its store and a snapshot: its log was cut below what was executed.
    pub(super) fn begin_again(&mut self, ground: &mut Ground, now: Nanos) -> Option<String> {
        let Some(Role::Standby(agent)) = self.running.take()?.role else { return None };
        ground.lived.count("nodes that began again", 1);
        let (replica, StandbyParts { voice, .. }) = agent.into_parts();
        let closed = replica.close().map_err(|error| error.to_string());
        let followed = closed.and_then(|()| self.follow(ground, voice, None, None, now));
        Some(self.goes_on(ground, followed))
    }

    /// Its operator ends the node that will not cut what was confirmed, and lets it at its next
    /// start.
    pub(super) fn stop_to_cut(&mut self, ground: &mut Ground) {
        ground.lived.count("nodes that stopped before they cut", 1);
        self.kill(ground);
        self.discards_next = true;
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
        let options = self.follower_options(false);
        let executing = FollowerAgent::loading(self.load(ground), options, counts_executed());
        let running = self.running.as_mut().expect("it changes its role");
        let (replay, at) = std::mem::replace(&mut running.executing, executing).into_state()?;
        let (replica, StandbyParts { voice, executed, .. }) = agent.into_parts();
        let mut epochs = replica.epochs().to_vec();
        let (mut writer, start) = match replica.into_writer(epoch) {
            Ok(writer) => writer,
            Err(error) if self.disk_fails => return Err(error.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        ground.oracle.on_epoch(epoch, node);
        epochs.retain(|known| known.base <= start.base);
        epochs.push(start);
        let (committer, ballot) = (writer.take_committer(), writer.voter());
        let options = self.core_options(ground);
        let (intake, state) = (Intake::default(), (replay, at));
        let taken = Sequencer::take_over(self.disk(), writer, state, &options, &intake, now);
        let sequencer = match taken {
            Ok(sequencer) => sequencer,
            Err(StartError::NoRoom(reason)) => return Err(reason.to_string()),
            Err(error) => panic!("node {node}: {error}"),
        };
        let numbers = self.check_held(ground, forced);
        let terms = Terms::new(TERM_BYTES).expect("a power of two");
        let session = session_id(EXCHANGE, epoch);
        let mut sender =
            SenderOptions::new(&channel(), session, EXCHANGE_NUMBER, terms, start.base);
        sender.line_bytes_per_second = 1_000_000_000;
        let contract = ground.contract(&ground.membership(node));
        let log = StoreLog::attach_on(&self.disk(), directory()).expect("it is open");
        let agent = PrimaryAgent::new(
            PrimaryOptions { sender, contract, start, committed: at },
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
        let running = self.running.as_mut().expect("it changes its role");
        running.role = Some(Role::Primary(Box::new(agent), Box::new(sequencer)));
        (running.epochs, running.numbers) = (epochs, numbers);
        if Planted::reads_by_role(ground.planted) {
            running.follower = None;
        }
        Ok(())
    }

    /// Loads the newest snapshot's state.
    fn load(&self, ground: &Ground) -> LoadState {
        let (snapshots, capacity) =
            (snapshots(&self.disk, self.node), self.core_options(ground).capacity);
        Box::new(move || {
            let restore = |snapshot: &SnapshotFile| core::restore(snapshot, capacity);
            let (newest, _) = snapshots.newest(restore).map_err(|error| error.to_string())?;
            Ok(match newest {
                Some((info, replay)) => (replay, Some(info.place)),
                None => (Replay::new(StateMachine::with_capacity(capacity)), None),
            })
        })
    }

    /// A new primary holds all that is confirmed, as it was confirmed; one that was forced may
    /// not, and then said so. The numbers of the sources' last commands in its log.
    fn check_held(&mut self, ground: &mut Ground, forced: Option<MayBeLost>) -> Numbers {
        let all = self.begin_reading(ground, Until::Published);
        let mut all = all.expect("a primary can read all its log");
        let Ground { oracle, commands, lived, shown, planted, .. } = ground;
        let mut held = oracle.log_up_to(all.at());
        let all_read = all.read(commands, usize::MAX, |transaction| held.push(transaction));
        assert!(all_read, "nobody forgets meanwhile");
        match forced {
            None => oracle.on_promoted(self.node, &held),
            Some(named) => {
                let named = Planted::names(*planted, named);
                let lost = oracle.on_forced(self.node, &held, &named, shown);
                lived.count("transactions lost by force", lost as u64);
            }
        }
        all.numbers()
    }
}

/// Whether a node does not follow an epoch because that lacks what was lost by force.
pub(super) fn lacks_what_was_lost(oracle: &Oracle, why: &FollowRefused) -> bool {
    match why {
        FollowRefused::BelowCommitted { base, .. } | FollowRefused::NotKept { base, .. } => {
            oracle.has_lost_beyond(*base)
        }
        FollowRefused::CommittedDiffers { .. } => oracle.has_lost_beyond(Position(0)),
        _ => false,
    }
}
