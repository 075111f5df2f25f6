//! A standby's agent whose log is not the primary's, or is too old for it, and what it tells of
//! primaries that it does not follow: with a real store, a real server, and no network.

mod barred;
mod givers;
mod leading;
mod primary;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

use isochron_cluster::{AckPolicy, Announce, Commit, Message, NodeFlags, StateHash, StatusRequest};

use super::*;
use crate::cluster::tests::{address, members};
use crate::cluster::{Contract, ControlChannel, Refusal};
use crate::net::{Datagram, Media};
use crate::replication::catch_up::tests::filling::Filling;
use crate::replication::catch_up::tests::giving::take_snapshot;
use crate::replication::catch_up::tests::joining::{self, assert_same, open_replica};
use crate::replication::catch_up::tests::{
    Pipes, Primary, RULES, TERM_BYTES, dial_options, directory, end_beyond, epochs, service_options,
};
use crate::replication::catch_up::{Outcome, Service};
use crate::replication::frame::Setup;
use crate::replication::receiver::ReceiverOptions;
use crate::store::{
    Discarded, EpochStart, FollowRefused, LogPlace, MemoryDisk, ReaderOptions, StoreReader, Terms,
    Until, put_aside,
};
use crate::types::{Epoch, Nanos, Position};

/// Three nodes; this one is the second, and the first leads.
const NODES: u32 = 3;

/// Who said it, and the datagram.
type SaidBy = (u32, Vec<u8>);

/// What was said to the node and not heard yet; what the node says is lost.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<SaidBy>>>);

impl Media for Said {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        Ok(datagrams.len())
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        let said = std::mem::take(&mut *self.0.lock().unwrap());
        said.iter().for_each(|(from, bytes)| take(bytes, address(*from)));
        Ok(said.len())
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddrV4) -> io::Result<bool> {
        Ok(true)
    }
}

fn contract() -> Contract {
    Contract::new(&members(2, NODES, AckPolicy::QUORUM), TERM_BYTES as u32, (1, 0), RULES)
}

/// The states that the log led to here; nothing executed it to another outcome.
#[derive(Default)]
struct States(VecDeque<(LogPlace, u128)>);

impl Executed for States {
    fn applied(&self) -> Position {
        Position(0)
    }

    fn differs(&self) -> bool {
        false
    }

    fn poll_checkpoint(&mut self) -> Option<(LogPlace, u128)> {
        self.0.pop_front()
    }
}

struct Scene {
    agent: StandbyAgent<Said, Said, Pipes, States>,
    said: Said,
    /// What comes by the log's channel.
    stream: Said,
    /// The other nodes' ends of the control channel.
    voices: Vec<ControlChannel>,
    service: Service,
    pipes: Pipes,
    now: u64,
    news: Vec<News>,
    /// Whether the stream says where the primary's log ends, and brings nothing of it.
    hears_stream: bool,
}

impl Scene {
    /// A standby with what is on a disk, and a primary that gives.
    fn new(disk: &MemoryDisk, primary: &Primary, discard: bool) -> Self {
        Self::with(disk, primary, discard, States::default())
    }

    /// The same where the log was executed.
    fn with(disk: &MemoryDisk, primary: &Primary, discard: bool, states: States) -> Self {
        let (pipes, said, stream) = (Pipes::new(10_000), Said::default(), Said::default());
        let channel = "aeron:udp?endpoint=239.77.0.1:40456".parse().unwrap();
        let options = StandbyOptions {
            receiver: ReceiverOptions::new(&channel, 1001, 2),
            contract: contract(),
            patience_ns: 1_000_000_000,
            asks_again_ns: None,
            discard,
            dial: dial_options(2),
        };
        let membership = |own| members(own, NODES, AckPolicy::QUORUM);
        let parts = StandbyParts {
            voice: Voice::new(membership(2), None, 1, said.clone()),
            data: stream.clone(),
            connector: pipes.clone(),
            executed: states,
        };
        let voices = (1..=NODES).map(|own| ControlChannel::new(&membership(own), None, 1));
        Self {
            agent: StandbyAgent::new(options, open_replica(disk, 2), parts, Nanos(1)),
            said,
            stream,
            voices: voices.collect(),
            service: Service::new(service_options(1), primary.library()),
            pipes,
            now: 1,
            news: Vec::new(),
            hears_stream: false,
        }
    }

    fn say(&mut self, from: u32, message: impl Into<Message>) {
        self.say_knowing(from, Epoch(0), message);
    }

    /// The same by a node that knows of an epoch.
    fn say_knowing(&mut self, from: u32, known: Epoch, message: impl Into<Message>) {
        let voice = &mut self.voices[from as usize - 1];
        let bytes = voice.seal(2, known, message).to_vec();
        self.said.0.lock().unwrap().push_back((from, bytes));
    }

    /// The other nodes have heard this run of the node: their answers are to it.
    fn is_heard(&mut self) {
        let own = members(2, NODES, AckPolicy::QUORUM);
        for (voice, node) in self.voices.iter_mut().zip(1..).filter(|(_, node)| *node != 2) {
            let mut this = ControlChannel::new(&own, None, 1);
            let asked = this.seal(node, Epoch(0), StatusRequest::default());
            voice.open(asked, address(2)).unwrap();
        }
    }

    fn announce(&mut self, primary: &Primary) {
        let start = *epochs(&primary.disk).last().unwrap();
        self.say(1, contract().announce(&start, primary.end()));
    }

    /// Whether it is refused as a candidate because of its state, when it has asked for a second.
    fn is_refused(&mut self, force: bool) -> bool {
        assert!(self.agent.promote(force, Nanos(self.now)));
        while self.agent.is_candidate() {
            self.turn();
        }
        self.turn();
        let refused = |news: &News| matches!(news, News::NotPromoted { why: Refusal::Diverged });
        self.news.drain(..).any(|news| refused(&news))
    }

    fn turn(&mut self) {
        let moved = self.agent.cycle(Nanos(self.now));
        self.pipes.let_in(&mut self.service, Nanos(self.now));
        let served = self.service.turn(Nanos(self.now));
        self.now += if moved + served == 0 { 50_000_000 } else { 1_000 };
        self.news.extend(std::iter::from_fn(|| self.agent.poll_news()));
    }

    /// Turns, with the primary heard now and then, until the agent wants another role.
    fn until_role(&mut self, primary: &Primary) -> RoleChange {
        for turn in 0..200_000 {
            if turn % 100 == 0 {
                self.announce(primary);
            }
            self.turn();
            if let Some(role) = self.agent.poll_role_change() {
                return role;
            }
        }
        panic!("it wants no other role: {:?}", self.news.last());
    }

    /// Turns until it has caught up, within reach of the stream.
    fn until_arrived(&mut self, primary: &Primary) {
        let arrived = |news: &News| matches!(news, News::CaughtUp(Outcome::Arrived { .. }));
        self.until(primary, |scene| scene.news.iter().any(arrived));
    }

    /// What the stream would bring: then both logs are the same.
    fn finish(self, primary: &Primary, disk: MemoryDisk) {
        let (store, _) = self.agent.into_parts();
        let mut standby = joining::Standby { disk, store };
        let follow = *epochs(&primary.disk).last().unwrap();
        let mut scene = joining::Scene::new(primary.library(), follow, Pipes::new(10_000));
        assert_eq!(scene.arrive(&mut standby.store), Vec::<String>::new());
        assert_same(primary, &standby);
    }

    /// From now on another node gives, or the same one another log.
    fn served_by(&mut self, node: u32, log: &Primary) {
        self.service = Service::new(service_options(node), log.library());
    }

    /// The nodes that were found to give another log.
    fn contradicted(&self) -> Vec<u32> {
        let node = |news: &News| match news {
            News::Contradicts { node, .. } => Some(*node),
            _ => None,
        };
        self.news.iter().filter_map(node).collect()
    }

    /// Turns, with the primary heard now and then, until something is so.
    fn until(&mut self, primary: &Primary, is_so: impl Fn(&Self) -> bool) {
        for turn in 0..200_000 {
            if turn % 100 == 0 {
                self.announce(primary);
                if self.hears_stream {
                    let setup = self.setup(primary.end(), TERM_BYTES);
                    self.stream.0.lock().unwrap().push_back((1, setup));
                }
            }
            self.turn();
            let role = self.agent.poll_role_change();
            assert!(role.is_none(), "{role:?}");
            if is_so(self) {
                return;
            }
        }
        panic!("it is never so: {:?}", self.news.last());
    }

    /// What a sender says of its stream, which stands at a position.
    fn setup(&self, position: Position, term_bytes: usize) -> Vec<u8> {
        let setup = Setup {
            session: self.agent.replica().session(),
            stream: 1001,
            initial_term_id: 0,
            active_term_id: (position.get() / term_bytes as u64) as i32,
            term_offset: (position.get() % term_bytes as u64) as i32,
            terms: Terms::new(term_bytes).unwrap(),
            mtu_bytes: 1_408,
            ttl: 0,
            is_group: true,
        };
        setup.emit().to_vec()
    }

    /// The primary says that its log is committed up to about a position.
    fn commit(&mut self, primary: &Primary, position: u64) {
        let LogPlace { position, chain } = primary.place_at(end_beyond(&primary.disk, position));
        let (position, chain) = (position.get(), chain.0);
        self.say(1, Commit { position, chain, epoch: 1, ..Commit::default() });
    }

    fn holds(&self, bytes: u64) -> bool {
        self.agent.replica().held().position >= Position(bytes)
    }

    fn cuts(&self) -> Vec<&Discarded> {
        self.news
            .iter()
            .filter_map(|news| match news {
                News::Cut(discarded) => Some(discarded),
                _ => None,
            })
            .collect()
    }

    fn told(&self) -> Vec<String> {
        let refused = |news: &News| match news {
            News::NotHeard { why } => Some(why.to_string()),
            News::StreamRefused { why } => Some(why.to_string()),
            _ => None,
        };
        self.news.iter().filter_map(refused).collect()
    }
}

/// Two writers of one epoch: the same up to 100,000, then of equal frames and other content.
fn two_writers(bytes: u64) -> (Primary, Primary, LogPlace) {
    let (mut ours, mut theirs) = (Primary::new(), Primary::new());
    ours.append_to(100_000);
    theirs.append_to(100_000);
    let common = ours.place_at(ours.end());
    assert_eq!(theirs.place_at(theirs.end()), common);
    theirs.flavour = 0x55;
    ours.append_to(bytes);
    theirs.append_to(bytes);
    assert!(ours.end() == theirs.end() && ours.place_at(ours.end()) != theirs.place_at(ours.end()));
    (ours, theirs, common)
}

/// The disk of a standby that has caught up with a primary, and knows so much to be committed.
fn standby_of(primary: &Primary, committed: LogPlace) -> MemoryDisk {
    let mut standby = joining::Standby::new();
    let follow = *epochs(&primary.disk).last().unwrap();
    let mut scene = joining::Scene::new(primary.library(), follow, Pipes::new(10_000));
    scene.arrive(&mut standby.store);
    assert_eq!(standby.store.held(), primary.place_at(primary.end()));
    standby.store.commit(committed.position, committed.chain).unwrap();
    assert_eq!(standby.store.committed(), committed.position);
    standby.store.close().unwrap();
    standby.disk
}

/// A primary with a snapshot, whose log begins there, and the disk of a standby that has only what
/// was before.
fn forgotten() -> (Primary, MemoryDisk, LogPlace) {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    let disk = standby_of(&primary, primary.place_at(end_beyond(&primary.disk, 50_000)));
    primary.append_to(120_000);
    let mut primary = primary.restart();
    primary.append_to(400_000);
    let place = primary.place_at(end_beyond(&primary.disk, 300_000));
    take_snapshot(&primary.disk, place, 20_261_122, &[2_000]);
    primary.writer.sync().unwrap();
    let mut keeper = primary.writer.take_keeper().unwrap();
    assert!(keeper.keep_from(place).unwrap());
    while keeper.do_work().unwrap() {}
    (primary, disk, place)
}

#[test]
fn a_log_that_nobody_can_continue_is_put_aside_and_the_node_begins_anew_with_its_promises() {
    let (primary, disk, place) = forgotten();
    let mut scene = Scene::new(&disk, &primary, false);
    let held = scene.agent.replica().held().position;
    let voter = scene.agent.replica().voter();
    assert!(voter.promise(Epoch(2), 1).unwrap(), "the primary has its vote");
    let role = scene.until_role(&primary);
    let RoleChange::BeginAnew { why } = role else { panic!("{role:?}") };
    for value in [held, place.position] {
        assert!(why.contains(&value.to_string()), "both positions are named: {why}");
    }
    // What the node does then: `src/node/member`.
    let (replica, _) = scene.agent.into_parts();
    replica.close().unwrap();
    let archive = put_aside(&disk, &directory()).unwrap();
    let (store, faults) = Filling::new(&primary, &disk, Pipes::new(10_000)).fill();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!((store.held(), store.is_lossy()), (place, false));
    let voter = store.voter();
    assert_eq!((voter.vote(), voter.known()), ((Epoch(2), 1), Epoch(2)));
    assert!(!voter.promise(Epoch(2), 3).unwrap(), "nobody else gets that epoch");
    // It goes on as any standby.
    let mut standby = joining::Standby { disk: disk.clone(), store };
    let follow = *epochs(&primary.disk).last().unwrap();
    let mut scene = joining::Scene::new(primary.library(), follow, Pipes::new(10_000));
    scene.arrive(&mut standby.store);
    assert_same(&primary, &standby);
    // What it had can still be read.
    let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
    let mut kept = StoreReader::attach_on(Arc::new(disk), &archive, &options).unwrap();
    assert_eq!(kept.end().unwrap(), held);
    let mut frames = 0;
    while kept.next().unwrap().is_some() {
        frames += 1;
    }
    assert!(frames > 100, "{frames}");
}

#[test]
fn a_tail_that_nobody_committed_is_cut_and_comes_anew() {
    let (ours, theirs, common) = two_writers(200_000);
    let disk = standby_of(&theirs, common);
    let mut ours = ours.restart();
    ours.append_to(300_000);
    let mut scene = Scene::new(&disk, &ours, false);
    let end = theirs.end();
    scene.until_arrived(&ours);
    let cuts = scene.cuts();
    assert_eq!(cuts.len(), 1, "{:?}", scene.news);
    assert_eq!((cuts[0].from, cuts[0].committed), (common.position, common.position));
    assert!(cuts[0].to >= end, "all of it is archived: {:?}", cuts[0]);
    let archived = disk.read(&cuts[0].archive).unwrap();
    assert_eq!(archived.len() as u64, cuts[0].to.get() - cuts[0].from.get());
    scene.finish(&ours, disk);
}

#[test]
fn a_commit_of_another_log_cuts_what_was_not_committed() {
    let (ours, theirs, common) = two_writers(200_000);
    let disk = standby_of(&theirs, common);
    let mut scene = Scene::new(&disk, &ours, false);
    scene.announce(&ours);
    scene.turn();
    let LogPlace { position, chain } = ours.place_at(end_beyond(&ours.disk, 150_000));
    let (position, chain) = (position.get(), chain.0);
    let commit = Commit { position, chain, epoch: 1, ..Commit::default() };
    scene.say(1, commit);
    scene.until_arrived(&ours);
    assert_eq!(scene.cuts().len(), 1, "{:?}", scene.news);
    // It is told again, and is what is here now.
    scene.say(1, commit);
    scene.turn();
    assert_eq!(scene.agent.replica().committed(), Position(position));
    scene.finish(&ours, disk);
}

#[test]
fn what_was_committed_and_differs_waits_for_an_operator() {
    let (ours, theirs, _) = two_writers(200_000);
    let committed = theirs.place_at(theirs.end());
    let mut ours = ours.restart();
    let base = ours.end();
    ours.append_to(300_000);
    for discard in [false, true] {
        let disk = standby_of(&theirs, committed);
        let mut scene = Scene::new(&disk, &ours, discard);
        let role = scene.until_role(&ours);
        let said = role.to_string();
        assert!(said.contains(&format!(" {base} ")), "where they differ: {said}");
        match role {
            RoleChange::Stop { .. } if !discard => {
                let committed = committed.position.to_string();
                assert!(said.contains(&committed), "what is committed: {said}");
            }
            RoleChange::BeginAnew { .. } if discard => {}
            role => panic!("{role:?}"),
        }
        assert_eq!(scene.agent.replica().committed(), committed.position, "nothing is cut");
    }
}

#[test]
fn an_epoch_that_parted_below_what_is_committed_is_not_followed() {
    // Epoch 2 began at 100,000; here epoch 1 went on, and was committed.
    let (mut ours, mut theirs) = (Primary::new(), Primary::new());
    ours.append_to(100_000);
    let mut ours = ours.restart();
    let base = ours.end();
    ours.append_to(300_000);
    let ours = ours.restart();
    theirs.append_to(200_000);
    let committed = theirs.place_at(theirs.end());
    let disk = standby_of(&theirs, committed);
    let mut scene = Scene::new(&disk, &ours, false);
    let role = scene.until_role(&ours);
    let said = role.to_string();
    assert!(matches!(role, RoleChange::Stop { .. }), "{said}");
    for value in [base, committed.position] {
        assert!(said.contains(&value.to_string()), "both positions are named: {said}");
    }
    // With the operator's word it is cut, and the rest comes.
    drop(scene);
    let mut scene = Scene::new(&disk, &ours, true);
    scene.until_arrived(&ours);
    scene.finish(&ours, disk);
}

/// All that was known to be confirmed here would be cut by following it.
#[test]
fn an_epoch_that_began_below_what_is_committed_stops_the_node() {
    let mut primary = Primary::new();
    primary.append_to(50_000);
    let committed = primary.place_at(primary.end());
    let disk = standby_of(&primary, committed);
    let LogPlace { position: base, chain } = primary.place_at(end_beyond(&primary.disk, 20_000));
    let mut scene = Scene::new(&disk, &primary, false);
    let start = EpochStart { epoch: Epoch(2), node: 3, base, chain };
    scene.say(3, contract().announce(&start, base));
    scene.turn();
    let role = scene.agent.poll_role_change();
    let below = |why: &FollowRefused| matches!(why, FollowRefused::BelowCommitted { .. });
    assert!(matches!(&role, Some(RoleChange::Stop { why }) if below(why)), "{role:?}");
    assert_eq!(scene.agent.replica().held(), committed);
    assert_eq!(scene.agent.replica().committed(), committed.position);
}

#[test]
fn an_epoch_that_two_nodes_began_waits_for_an_operator() {
    // Both were promoted by force, and then one of them won.
    let (mut ours, mut theirs) = (Primary::new(), Primary::new());
    ours.append_to(100_000);
    theirs.append_to(120_000);
    let (mut ours, mut theirs) = (ours.restart(), theirs.restart());
    let bases = [&ours, &theirs].map(|of| epochs(&of.disk).last().unwrap().base);
    assert_ne!(bases[0], bases[1]);
    ours.append_to(200_000);
    theirs.append_to(200_000);
    let mut ours = ours.restart();
    ours.append_to(300_000);
    for discard in [false, true] {
        let disk = standby_of(&theirs, theirs.place_at(Position(0)));
        let mut scene = Scene::new(&disk, &ours, discard);
        let role = scene.until_role(&ours);
        let said = role.to_string();
        assert!(said.contains("epoch 2 has two writers"), "{said}");
        assert!(bases.iter().all(|base| said.contains(&format!("from {base} "))), "{said}");
        match role {
            RoleChange::Stop { .. } if !discard => {}
            RoleChange::BeginAnew { .. } if discard => {}
            role => panic!("{role:?}"),
        }
    }
}

#[test]
fn a_primary_that_is_not_followed_is_told_with_both_values() {
    let mut primary = Primary::new();
    primary.append_to(10_000);
    let disk = standby_of(&primary, primary.place_at(Position(0)));
    let start = epochs(&primary.disk)[0];
    let ours = contract();
    let told = |announces: &[(u32, Announce)]| {
        let mut scene = Scene::new(&disk, &primary, false);
        for (from, announce) in announces {
            scene.say(*from, *announce);
            scene.turn();
        }
        assert_eq!(scene.agent.replica().epoch(), Epoch(1));
        let told = scene.told();
        assert_eq!(told.len(), 1, "{:?}", scene.news);
        told.into_iter().next().unwrap()
    };
    let differs = |change: fn(&mut Contract)| {
        let mut theirs = ours.clone();
        change(&mut theirs);
        told(&[(1, theirs.announce(&start, primary.end()))])
    };
    for (said, values) in [
        (differs(|it| it.term_bytes *= 2), ["131072", "65536"]),
        (differs(|it| it.rules_version = 9), ["9", "1"]),
        (differs(|it| it.schema_version = 8), ["version 8", "version 0"]),
        (differs(|it| it.nodes = 5), ["5 nodes", "3 here"]),
        (differs(|it| it.ack = AckPolicy::ONE), ["one", "quorum"]),
    ] {
        assert!(values.iter().all(|value| said.contains(value)), "{values:?}: {said}");
        assert!(said.starts_with("node 1 is not followed: "), "{said}");
    }
    // A second primary of the same epoch.
    let first = ours.announce(&start, primary.end());
    let second = ours.announce(&EpochStart { node: 3, ..start }, primary.end());
    let said = told(&[(1, first), (3, second), (3, second)]);
    assert!(said.contains("began twice: by node 1 at 0") && said.contains("node 3 at 0"), "{said}");
    // One of an epoch that is over.
    let newer = EpochStart { epoch: Epoch(2), base: primary.end(), ..start };
    let newer = EpochStart { chain: primary.place_at(primary.end()).chain, ..newer };
    let mut scene = Scene::new(&disk, &primary, false);
    scene.say(3, ours.announce(&EpochStart { node: 3, ..newer }, primary.end()));
    scene.turn();
    scene.say(1, first);
    scene.turn();
    let said = scene.told().concat();
    assert!(said.contains("of epoch 1") && said.contains("epoch 2"), "{said}");
}

#[test]
fn a_stream_of_another_shape_is_told_with_both_values() {
    let mut primary = Primary::new();
    primary.append_to(10_000);
    let disk = standby_of(&primary, primary.place_at(Position(0)));
    let mut scene = Scene::new(&disk, &primary, false);
    scene.announce(&primary);
    scene.turn();
    let setup = scene.setup(Position(0), 2 * TERM_BYTES);
    for _ in 0..3 {
        scene.stream.0.lock().unwrap().push_back((1, setup.clone()));
        scene.turn();
    }
    let told = scene.told();
    assert_eq!(told, ["the stream has terms of 131072 bytes, the store of 65536"]);
}
