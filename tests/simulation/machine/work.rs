//! A cycle of a machine's work: orders in, each part's turn, and what came of it.

use isochron::agent::Agent;
use isochron::cluster::agent::News;
use isochron::cluster::{Change, Comparison};
use isochron::core::Taken;
use isochron::replication::catch_up::Outcome;
use isochron::types::Nanos;

use super::roles::lacks_what_was_lost;
use super::{Ground, Machine, READ_MAX, Role, Running};
use crate::calendar::CALENDAR;
use crate::lived::Lived;
use crate::oracle::Oracle;
use crate::planted::Planted;
use crate::script;

impl Machine {
    /// An operator wants it to be the primary; whether it tries from now on.
    pub(crate) fn promote(&mut self, ground: &mut Ground, force: bool, now: Nanos) -> bool {
        let Some(Running { role: Some(Role::Standby(agent)), .. }) = &mut self.running else {
            return false;
        };
        let begun = agent.promote(force, now);
        ground.lived.count("promotions asked for", u64::from(begun && !force));
        ground.lived.count("promotions by force", u64::from(begun && force));
        begun
    }

    /// New commands, if it is the primary.
    pub(crate) fn take_orders(&mut self, ground: &mut Ground, count: u64, now: Nanos) {
        let Some(running) = &mut self.running else { return };
        let Some(Role::Primary(_, sequencer)) = &mut running.role else { return };
        for _ in 0..count {
            if sequencer.is_pending() {
                if sequencer.go_on(now) != Taken::Executed {
                    return;
                }
                continue;
            }
            let setup = running.numbers[1] < ground.commands.setup_commands();
            let is_noon = !setup && ground.habits.has_days && self.random.chance(10);
            let source = match (setup, is_noon) {
                (true, _) => 1,
                (_, true) => CALENDAR,
                _ => self.random.id(script::SOURCES),
            };
            let number = running.numbers[source as usize] + 1;
            let command = ground.commands.command(source, number);
            let mut bytes = vec![0; command.encoded_length()];
            command.encode(&mut bytes).expect("the buffer has its length");
            match sequencer.take(&bytes, now) {
                Taken::Executed => running.numbers[source as usize] = number,
                Taken::NotNow(_) => return ground.lived.count("orders that had no room", 1),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A cycle of each of its parts, or of some; what is worth telling.
    pub(crate) fn work(&mut self, ground: &mut Ground, now: Nanos) -> Vec<String> {
        let mut told: Vec<String> = self.fill(ground, now).into_iter().collect();
        let before = (self.known(), self.follows(), self.leads());
        if self.running.is_none() {
            return told;
        }
        self.help(ground, now);
        let Some(running) = &mut self.running else { return told };
        let mut will_not_cut = false;
        let change = match &mut running.role {
            Some(Role::Standby(agent)) => {
                agent.cycle(now);
                while let Some(news) = agent.poll_news() {
                    note_news(&news, &mut ground.lived);
                    will_not_cut |= will_not_follow(&news, &ground.oracle);
                    // What was read and is cut is read no more.
                    if cut_below_commit(&news) {
                        let node = self.node;
                        assert!(
                            self.discards,
                            "node {node} cut what is committed, unasked: {news:?}"
                        );
                        running.follower = None;
                    }
                    told.push(format!("node {}: {}", self.node, show(&news)));
                }
                agent.poll_role_change()
            }
            Some(Role::Primary(agent, sequencer)) => {
                sequencer.accept();
                agent.cycle(now).unwrap_or_else(|error| panic!("node {}: {error}", self.node));
                while let Some(change) = agent.poll_change() {
                    if let Change::State(comparison) = &change {
                        compared(comparison, &mut ground.lived);
                    }
                    told.push(format!("node {}: {change:?}", self.node));
                }
                agent.poll_role_change()
            }
            None => None,
        };
        if will_not_cut {
            self.stop_to_cut(ground);
        }
        told.extend(self.execute(ground, now));
        self.observe(ground);
        if let Some(change) = change {
            told.push(format!("node {} {change}", self.node));
            told.extend(self.change_role(ground, change, now));
        }
        self.turned = before != (self.known(), self.follows(), self.leads());
        self.save(ground, now);
        told
    }

    /// Some of what works beside the agent of its role.
    fn help(&mut self, ground: &mut Ground, now: Nanos) {
        let mut does = |in_thousand| self.random.chance(in_thousand);
        let (syncs, prepares, serves, forgets) = (does(500), does(700), does(900), does(300));
        let waiting = ground.streams.accept(&ground.network, self.node);
        let Some(running) = &mut self.running else { return };
        waiting.into_iter().for_each(|link| running.service.let_in(link, now));
        if prepares {
            running.helper.do_work(now);
        }
        if syncs {
            running.syncer.do_work(now);
        }
        if serves {
            running.service.turn(now);
        }
        if let Some(retention) = running.retention.as_mut().filter(|_| forgets) {
            let before = retention.kept_from();
            retention.do_work(now);
            ground.lived.count("logs that begin later", (retention.kept_from() > before).into());
        }
    }

    /// Executes what is committed; the states on the way are the ones that all have there.
    fn execute(&mut self, ground: &mut Ground, now: Nanos) -> Option<String> {
        let executes = self.random.chance(800);
        let running = self.running.as_mut()?;
        if executes {
            running.executing.do_work(now);
        }
        if let Some(difference) = self.board.difference() {
            panic!("node {}: re-execution differs: {difference}", self.node);
        }
        while self.looked < self.board.checkpoints() {
            if let Some(checkpoint) = self.board.checkpoint(self.looked) {
                let place = (checkpoint.place.position, checkpoint.place.chain.0);
                ground.oracle.on_state(self.node, place, checkpoint.state_hash);
            }
            self.looked += 1;
        }
        let why = running.executing.failure()?;
        // Only a log that was cut below what was executed cannot be read on, and one that does not
        // wait for who executes it. Without its operator's word a node that lost power, and with
        // it what it knew to be committed, cuts where a promotion by force gave that up.
        let overtaken = ground.habits.forgets && why.contains("no longer kept");
        let given_up = match &running.role {
            Some(Role::Standby(agent)) => {
                let base = agent.replica().epochs().last().map(|start| start.base);
                base.is_some_and(|base| ground.oracle.has_lost_beyond(base))
            }
            _ => false,
        };
        let is_cut = why.contains("the log was cut at") && given_up;
        assert!(self.discards || overtaken || is_cut, "node {}: {why}", self.node);
        self.begin_again(ground, now)
    }

    /// A snapshot, when one is due.
    fn save(&mut self, ground: &mut Ground, now: Nanos) {
        let saves = self.random.chance(700);
        let Some(running) = self.running.as_mut().filter(|_| saves) else { return };
        let Some(agent) = &mut running.snapshot else { return };
        let before = agent.last_taken().map(|taken| taken.info.place);
        agent.do_work(now);
        let taken = agent.last_taken().map(|taken| taken.info.place) != before;
        ground.lived.count("snapshots", taken.into());
    }

    /// What it released, held against what was confirmed. A primary is watched at every step: what
    /// it confirms is the truth from then on, and a majority must have it at that moment.
    fn observe(&mut self, ground: &mut Ground) {
        self.show(ground);
        let reads = self.random.chance(800);
        let Some(running) = &self.running else { return };
        let leads = matches!(running.role, Some(Role::Primary(..)));
        if !leads && !reads {
            return;
        }
        if running.follower.is_none() {
            let until = Planted::reads(ground.planted, leads);
            let follower = self.begin_reading(ground, until);
            self.running.as_mut().expect("it was there").follower = follower;
        }
        let (node, Some(running)) = (self.node, &mut self.running) else { return };
        let Running { role, follower: Some(follower), epochs, .. } = running else { return };
        let Ground { oracle, commands, shown, .. } = ground;
        let goes_on = match role {
            Some(Role::Primary(..)) => {
                let before = oracle.end();
                let goes_on = follower.read(commands, usize::MAX, |transaction| {
                    oracle.on_confirmed(node, epochs, transaction);
                });
                let (end, majority) = (oracle.end(), ground.nodes / 2 + 1);
                if end > before {
                    let holders = shown.holders(node, end);
                    assert!(
                        holders >= majority,
                        "node {node} confirmed up to {end}: {holders} nodes have it, not {majority}"
                    );
                }
                goes_on
            }
            Some(Role::Standby(agent)) => {
                let epochs = agent.replica().epochs();
                follower.read(commands, READ_MAX, |transaction| {
                    oracle.on_released(node, epochs, &transaction);
                })
            }
            None => true,
        };
        if !goes_on {
            ground.lived.count("readers overtaken", 1);
            running.follower = None;
        }
    }

    /// Where it stands, for those who see all nodes.
    fn show(&self, ground: &Ground) {
        let Some(running) = &self.running else { return };
        ground.shown.update(self.node, |standing| {
            standing.is_primary = matches!(running.role, Some(Role::Primary(..)));
            let epochs = match &running.role {
                Some(Role::Standby(agent)) => {
                    let replica = agent.replica();
                    standing.epoch = replica.epoch();
                    standing.held = Some(replica.held());
                    standing.end = replica.held().position;
                    standing.is_bereft = replica.is_lossy();
                    replica.epochs()
                }
                Some(Role::Primary(agent, sequencer)) => {
                    standing.epoch = agent.leader().start().epoch;
                    (standing.held, standing.end) = (None, sequencer.position());
                    standing.is_bereft = false;
                    &running.epochs
                }
                None => return,
            };
            if standing.epochs != epochs {
                standing.epochs = epochs.to_vec();
            }
        });
    }
}

fn note_news(news: &News, lived: &mut Lived) {
    match news {
        News::Follows { discarded: Some(_), .. } => lived.count("tails discarded", 1),
        News::CaughtUp(Outcome::Arrived { .. }) => lived.count("catch-ups", 1),
        News::CaughtUp(Outcome::Discarded(_)) => lived.count("tails discarded", 1),
        News::NotPromoted { .. } => lived.count("promotions refused", 1),
        News::Whole => lived.count("lossy nodes made whole", 1),
        News::LogDiffers(differs) => {
            panic!("a standby has another log than its primary: {differs}")
        }
        News::Contradicts { node, why } => panic!("node {node} gives another log: {why}"),
        News::State(comparison) => compared(comparison, lived),
        News::Outvoted(_) => panic!("a standby has another state than the others"),
        _ => {}
    }
}

/// All nodes execute one log, so what they tell each other of their states must be equal.
fn compared(comparison: &Comparison, lived: &mut Lived) {
    assert!(comparison.is_equal(), "{comparison}");
    lived.count("states compared", 1);
}

/// Whether a node does not follow an epoch that lacks what was lost by force.
fn will_not_follow(news: &News, oracle: &Oracle) -> bool {
    let News::CaughtUp(Outcome::NotFollowed(why)) = news else { return false };
    lacks_what_was_lost(oracle, why)
}

/// Whether what was confirmed here was cut, as its operator said.
fn cut_below_commit(news: &News) -> bool {
    let cut = match news {
        News::Follows { discarded: Some(cut), .. } => cut,
        News::CaughtUp(Outcome::Discarded(cut)) => cut,
        _ => return false,
    };
    cut.committed > cut.from
}

fn show(news: &News) -> String {
    format!("{news:?}")
}
