//! The agents of a role, with what the node makes of what they say: counters for those who watch,
//! words for the one who writes the log, and the change of role, which ends their threads.

use super::{Primary, Standby};
use crate::agent::{Agent, StopFlag};
use crate::cluster::agent::{Executed, News, RoleChange};
use crate::cluster::{Change, Hashes, Refused};
use crate::limits::STATE_HASHES_KEPT_MAX;
use crate::metrics::{Counter, CounterWriter, Counters, RINGS_MAX};
use crate::replication::catch_up::Progress;
use crate::replication::receiver::ReceiverCounters;
use crate::replication::sender::SenderCounters;
use crate::standby::{Board, Checkpoint};
use crate::store::LogPlace;
use crate::types::{Epoch, Nanos, Position};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// How often counters are set, and words are looked for.
const LOOK_NS: u64 = 10_000_000;

/// How often progress is told.
const PROGRESS_NS: u64 = 100_000_000;

/// How often it is told that nobody leads.
pub(super) const NOBODY_LEADS_NS: u64 = 5_000_000_000;

/// How often a datagram that was not believed is told: there may be a million a second.
const REFUSED_NS: u64 = 1_000_000_000;

/// What a person should know.
#[derive(Debug)]
pub enum Word {
    /// Of a standby.
    News(News),
    /// Of a primary.
    Change(Change),
    /// How far catching up has come.
    Progress(Progress),
    /// A datagram of the control channel was not believed; one of many, once a second.
    Refused(Refused),
    /// The system did not send or receive.
    Media(String),
    /// No node is heard that leads: nothing will happen here before one is promoted.
    NobodyLeads {
        /// The highest epoch that is known here; 0 is none.
        epoch: Epoch,
    },
}

/// A node whose directory is being filled has no store, and no part runs.
pub(super) fn show_empty(counters: &Counters) {
    counters.writer(Counter::NODE_ROLE).set(3);
    counters.writer(Counter::NODE_PRIMARY).set(0);
}

/// What the other nodes are told of the execution here.
pub(super) struct OfBoard {
    board: Arc<Board>,
    /// Checkpoints that were told, or are forgotten.
    told: u64,
}

impl OfBoard {
    /// Tells what the board has from before, too: the states of two roles are one.
    pub(super) fn new(board: &Arc<Board>) -> Self {
        let told = board.checkpoints().saturating_sub(STATE_HASHES_KEPT_MAX as u64);
        Self { board: Arc::clone(board), told }
    }
}

impl Executed for OfBoard {
    fn applied(&self) -> Position {
        self.board.applied()
    }

    fn differs(&self) -> bool {
        self.board.difference().is_some()
    }

    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)> {
        let made = self.board.checkpoints();
        // What was overwritten meanwhile is left out.
        while self.told < made {
            let checkpoint = self.board.checkpoint(self.told);
            self.told += 1;
            if let Some(Checkpoint { place, state_hash }) = checkpoint {
                return Some((place, state_hash));
            }
        }
        None
    }
}

/// What a node's role is, and how far the others are.
pub(super) struct NodeCounters {
    role: CounterWriter,
    epoch: CounterWriter,
    primary: CounterWriter,
    refused: CounterWriter,
    contradicted: CounterWriter,
    peers: [PeerCounters; RINGS_MAX],
    states: StateCounters,
    sender: SenderCounters,
    receiver: ReceiverCounters,
}

struct PeerCounters {
    node: CounterWriter,
    held: CounterWriter,
    synced: CounterWriter,
    applied: CounterWriter,
    heard: CounterWriter,
    state_at: CounterWriter,
    state_differs: CounterWriter,
}

impl PeerCounters {
    fn clear(&mut self) {
        let Self { node, held, synced, applied, heard, state_at, state_differs } = self;
        let all = [node, held, synced, applied, heard, state_at, state_differs];
        all.into_iter().for_each(|counter| counter.set(0));
    }
}

/// How this node's state compares with the others'.
struct StateCounters {
    at: CounterWriter,
    halves: [CounterWriter; 2],
    compared: CounterWriter,
    differed: CounterWriter,
    outvoted: CounterWriter,
    barred: CounterWriter,
    /// Of the roles before this one.
    before: (u64, u64),
}

impl StateCounters {
    fn new(counters: &Counters) -> Self {
        let writer = |counter: Counter| counters.writer(counter);
        let counts = [Counter::STATES_COMPARED, Counter::STATES_DIFFERED];
        let [compared, differed] = counts.map(|counter| counters.get(counter));
        Self {
            at: writer(Counter::STATE_HASH_AT),
            halves: [Counter::STATE_HASH_HIGH, Counter::STATE_HASH_LOW].map(writer),
            compared: writer(Counter::STATES_COMPARED),
            differed: writer(Counter::STATES_DIFFERED),
            outvoted: writer(Counter::STATE_OUTVOTED),
            barred: writer(Counter::NODE_BARRED),
            before: (compared, differed),
        }
    }
}

impl NodeCounters {
    /// The node's rows of a counters file.
    pub(super) fn new(counters: &Counters) -> Self {
        let of_peer = |place: usize| {
            let writer = |counter: Counter| counters.writer(counter.of_ring(place));
            PeerCounters {
                node: writer(Counter::PEER_NODE),
                held: writer(Counter::PEER_HELD),
                synced: writer(Counter::PEER_SYNCED),
                applied: writer(Counter::PEER_APPLIED),
                heard: writer(Counter::PEER_HEARD_NS),
                state_at: writer(Counter::PEER_STATE_AT),
                state_differs: writer(Counter::PEER_STATE_DIFFERS),
            }
        };
        let mut this = Self {
            role: counters.writer(Counter::NODE_ROLE),
            epoch: counters.writer(Counter::NODE_EPOCH),
            primary: counters.writer(Counter::NODE_PRIMARY),
            refused: counters.writer(Counter::NODE_REFUSED),
            contradicted: counters.writer(Counter::NODE_CONTRADICTED),
            peers: std::array::from_fn(of_peer),
            states: StateCounters::new(counters),
            sender: SenderCounters::new(counters),
            receiver: ReceiverCounters::new(counters),
        };
        this.peers.iter_mut().for_each(PeerCounters::clear);
        this
    }

    /// Shows the node's state beside the others'; `outvoted`: so many nodes are against it.
    fn show_states(&mut self, hashes: &Hashes, outvoted: usize, is_barred: bool) {
        let Self { peers, states, .. } = self;
        for ((node, last), counters) in hashes.peers().zip(peers) {
            counters.node.set(node.into());
            let at = last.map_or(0, |last| last.position.get());
            counters.state_at.set(at);
            let differs = last.is_some_and(|last| !last.is_equal());
            counters.state_differs.set(if differs { at } else { 0 });
        }
        if let Some((place, hash)) = hashes.newest() {
            let (at, halves) = (place.position.get(), [(hash >> 64) as u64, hash as u64]);
            if states.at.get() != at {
                // Nowhere, while its halves are of two.
                states.at.set(0);
                states.halves.iter_mut().zip(halves).for_each(|(to, half)| to.set(half));
                states.at.set(at);
            }
        }
        let (compared, differed) = hashes.counts();
        states.compared.set(states.before.0 + compared);
        states.differed.set(states.before.1 + differed);
        states.outvoted.set(outvoted as u64);
        states.barred.set(u64::from(is_barred));
    }
}

/// How a role's agent speaks to the rest of its node.
pub(super) struct Speaking {
    counters: NodeCounters,
    words: SyncSender<Word>,
    /// Ends all threads of the role.
    stop: StopFlag,
    change: Option<RoleChange>,
    look_at: Nanos,
    refused_at: Nanos,
    tell_at: Nanos,
}

impl Speaking {
    pub(super) fn new(counters: NodeCounters, words: SyncSender<Word>, stop: StopFlag) -> Self {
        let at = Nanos(0);
        let (look_at, refused_at, tell_at) = (at, at, at);
        Self { counters, words, stop, change: None, look_at, refused_at, tell_at }
    }

    /// Whoever reads is behind, or gone: it misses a word, and nobody waits.
    fn say(&self, word: Word) {
        let _ = self.words.try_send(word);
    }

    fn is_due(&mut self, now: Nanos) -> bool {
        let due = now >= self.look_at;
        if due {
            self.look_at = Nanos(now.get().saturating_add(LOOK_NS));
        }
        due
    }

    fn change_role(&mut self, change: RoleChange) {
        self.change = Some(change);
        self.stop.stop();
    }

    /// What the voice met.
    fn voice<C: crate::net::Media>(
        &mut self,
        voice: &mut crate::cluster::agent::Voice<C>,
        now: Nanos,
    ) {
        self.counters.refused.set(voice.counts().refused);
        if now < self.refused_at {
            return;
        }
        let (refused, error) = (voice.take_refused(), voice.take_error());
        if refused.is_some() || error.is_some() {
            self.refused_at = Nanos(now.get().saturating_add(REFUSED_NS));
        }
        refused.into_iter().for_each(|refused| self.say(Word::Refused(refused)));
        error.into_iter().for_each(|error| self.say(Word::Media(error.to_string())));
    }
}

/// A standby's agent on its thread.
pub struct StandbyRole {
    agent: Standby,
    speaking: Speaking,
    /// When it is told that nobody leads, if nobody does until then.
    nobody_at: Option<Nanos>,
}

impl StandbyRole {
    pub(super) fn new(agent: Standby, mut speaking: Speaking) -> Self {
        speaking.counters.role.set(1);
        Self { agent, speaking, nobody_at: None }
    }

    /// What it is to become, when the agent has stopped; once.
    pub fn take_change(&mut self) -> Option<RoleChange> {
        self.speaking.change.take()
    }

    /// Closes the store, when nobody else has a part of it.
    ///
    /// # Errors
    /// The system's; the store is then as after the death of the process.
    pub fn close(self) -> std::io::Result<()> {
        self.into_agent().into_parts().0.close()
    }

    /// The agent, when what happened in its last cycles is told too.
    pub(super) fn into_agent(mut self) -> Standby {
        self.tell_news();
        self.agent
    }

    fn tell_news(&mut self) {
        while let Some(news) = self.agent.poll_news() {
            if matches!(news, News::Contradicts { .. }) {
                self.speaking.counters.contradicted.add(1);
            }
            self.speaking.say(Word::News(news));
        }
    }

    /// Nobody leads: that is told for as long as it is so, but not by who asks for votes itself.
    fn look_for_primary(&mut self, now: Nanos) {
        if self.agent.may_lead() || !self.agent.follower().is_primary_silent(now) {
            self.nobody_at = None;
            return;
        }
        let again = Nanos(now.get().saturating_add(NOBODY_LEADS_NS));
        let at = *self.nobody_at.get_or_insert(again);
        if now >= at {
            self.nobody_at = Some(again);
            self.speaking.say(Word::NobodyLeads { epoch: self.agent.follower().known() });
        }
    }

    fn look(&mut self, now: Nanos) {
        self.look_for_primary(now);
        self.tell_news();
        let Self { agent, speaking, .. } = self;
        if let Some(progress) =
            agent.catch_up_progress().copied().filter(|_| now >= speaking.tell_at)
        {
            speaking.tell_at = Nanos(now.get().saturating_add(PROGRESS_NS));
            speaking.say(Word::Progress(progress));
        }
        speaking.voice(agent.voice_mut(), now);
        let epoch = agent.replica().epoch();
        speaking.counters.epoch.set(epoch.get().into());
        let follower = agent.follower();
        let primary = follower.primary().filter(|_| !follower.is_primary_silent(now));
        speaking.counters.primary.set(primary.map_or(0, |primary| primary.start.node.into()));
        speaking.counters.receiver.show(&agent.receiver().counts());
        let outvoted = agent.outvoted().map_or(0, |outvoted| outvoted.nodes);
        speaking.counters.show_states(agent.hashes(), outvoted, agent.is_barred());
    }
}

impl Agent for StandbyRole {
    fn name(&self) -> &str {
        "standby"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let work = self.agent.cycle(now);
        if let Some(change) = self.agent.poll_role_change() {
            self.look(now);
            self.speaking.change_role(change);
        } else if self.speaking.is_due(now) {
            self.look(now);
        }
        work
    }
}

/// A primary's agent on its thread.
pub struct PrimaryRole {
    agent: Primary,
    speaking: Speaking,
}

impl PrimaryRole {
    pub(super) fn new(agent: Primary, mut speaking: Speaking) -> Self {
        let start = agent.leader().start();
        speaking.counters.role.set(2);
        speaking.counters.epoch.set(start.epoch.get().into());
        speaking.counters.primary.set(start.node.into());
        Self { agent, speaking }
    }

    /// What it is to become, when the agent has stopped; once.
    pub fn take_change(&mut self) -> Option<RoleChange> {
        self.speaking.change.take()
    }

    /// The epoch that it leads.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.agent.leader().start().epoch
    }

    /// The agent, when what happened in its last cycles is told too.
    pub(super) fn into_agent(mut self) -> Primary {
        self.tell_changes();
        self.agent
    }

    fn tell_changes(&mut self) {
        while let Some(change) = self.agent.poll_change() {
            self.speaking.say(Word::Change(change));
        }
    }

    fn look(&mut self, now: Nanos) {
        self.tell_changes();
        let Self { agent, speaking } = self;
        speaking.voice(agent.voice_mut(), now);
        speaking.counters.sender.show(agent.sender());
        let outvoted = agent.leader().outvoted().map_or(0, |why| why.nodes);
        speaking.counters.show_states(agent.hashes(), outvoted, agent.is_barred());
        for (peer, counters) in agent.leader().peers().zip(&mut speaking.counters.peers) {
            counters.node.set(peer.node.into());
            counters.heard.set(peer.heard_at.map_or(0, Nanos::get));
            if let Some(ack) = &peer.ack {
                counters.held.set(ack.held);
                counters.synced.set(ack.synced);
                counters.applied.set(ack.applied);
            }
        }
    }
}

impl Agent for PrimaryRole {
    fn name(&self) -> &str {
        "primary"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let work = self.agent.do_work(now);
        if let Some(change) = self.agent.poll_role_change() {
            self.look(now);
            self.speaking.change_role(change);
        } else if self.speaking.is_due(now) {
            self.look(now);
        }
        work
    }

    fn failure(&self) -> Option<String> {
        self.agent.failure()
    }
}
