//! Two publishers of one log: one speaks; the other, at a standby's store, makes the same bytes in
//! silence, serves what it heard, and goes on when the first one dies.

use std::path::Path;
use std::sync::Arc;

use isochron::feed_log::BLOCKS_BYTES_MAX;
use isochron::limits::FRAME_HEADER_BYTES;
use isochron::market_data::{FeedOptions, Voice};
use isochron::metrics::Counter;
use isochron::net::ReservedPort;
use isochron::store::frame::Frame;
use isochron::store::{
    Chain, EpochStart, LogPlace, Options as StoreOptions, RealDisk, ReplicaStore, StoreReader,
    Until,
};
use isochron::types::{Epoch, Nanos, Position};
use isochron_feeds::mold::LENGTH_BYTES;
use isochron_feeds::subscriber::Source;
use tempfile::TempDir;

use super::heard::{Heard, endpoint, expected};
use super::logged::logged;
use super::publishing::options;
use super::{Ending, Log, SECOND_NS};

/// A standby of a log, and how far it has it.
struct Standby {
    store: ReplicaStore,
    reader: StoreReader,
}

impl Standby {
    fn of(theirs: &Path, ours: &Path) -> Self {
        let reader = StoreReader::attach(theirs, None).unwrap();
        let meta = reader.meta();
        let identity = isochron::store::Identity { node: 2, ..meta.identity.clone() };
        let options =
            StoreOptions { term_bytes: meta.terms.bytes(), ..StoreOptions::new(ours, identity) };
        let (mut store, _) =
            ReplicaStore::open_on(Arc::new(RealDisk), &options, None, Nanos(0)).unwrap();
        let start = EpochStart { epoch: Epoch(1), node: 1, base: Position(0), chain: Chain(0) };
        store.follow(start, false).unwrap();
        Self { store, reader }
    }

    /// Takes all that there is; its end.
    fn hold(&mut self) -> LogPlace {
        loop {
            let bytes = self.reader.bytes_at(self.store.contiguous()).unwrap();
            if bytes.is_empty() {
                break;
            }
            let frame = Frame::new_unchecked(bytes);
            let sent = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
            self.store.append_old(&bytes[..sent]).unwrap();
        }
        self.store.held()
    }

    /// Takes all that there is, and may act on it.
    fn follow(&mut self) {
        let held = self.hold();
        assert_eq!(self.store.commit(held.position, held.chain), Ok(held.position));
    }
}

/// A primary that speaks of its log, a standby whose publisher is silent, and one who hears them.
struct Scene {
    theirs: TempDir,
    ours: TempDir,
    _port: ReservedPort,
    log: Log,
    standby: Standby,
    heard: Heard,
    /// None while it is dead.
    primary: Option<Ending>,
    second: Option<Ending>,
    /// What the second was opened with.
    silent: FeedOptions,
    now: Nanos,
}

impl Scene {
    fn new() -> Self {
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let port = ReservedPort::new().unwrap();
        let endpoint = endpoint(&port);
        let log = Log::create(theirs.path());
        let standby = Standby::of(theirs.path(), ours.path());
        let silent = FeedOptions { voice: Voice::silent(), ..options(ours.path(), endpoint) };
        Self {
            heard: Heard::listen(endpoint),
            primary: Some(Ending::open(theirs.path(), endpoint)),
            second: Some(Ending::with(ours.path(), &silent)),
            now: Nanos(1_000 * SECOND_NS),
            _port: port,
            theirs,
            ours,
            log,
            standby,
            silent,
        }
    }

    /// Turns of the primary's publisher.
    fn first(&mut self, count: usize) {
        turns(self.primary.as_mut().expect("it lives"), &mut self.now, count);
    }

    /// Turns of the standby's publisher.
    fn second(&mut self, count: usize) {
        turns(self.second.as_mut().expect("it lives"), &mut self.now, count);
    }

    /// Hears what was multicast; how many messages it has heard by now.
    fn hear(&mut self) -> usize {
        self.heard.receive(self.now, None);
        self.heard.messages.len()
    }

    /// The primary's log becomes longer by so many orders, and the standby has and may use them.
    fn orders(&mut self, count: u64) {
        self.log.orders(count);
        self.standby.follow();
    }
}

fn turns(publishing: &mut Ending, now: &mut Nanos, turns: usize) {
    for _ in 0..turns {
        *now = Nanos(now.0 + SECOND_NS / 100);
        publishing.do_work(*now);
        assert!(publishing.agent.fault().is_none(), "{:?}", publishing.agent.fault());
    }
}

#[test]
fn a_silent_publisher_makes_the_same_and_goes_on_where_it_heard_nothing_more() {
    let mut scene = Scene::new();
    let (theirs, ours) = (scene.theirs.path().to_owned(), scene.ours.path().to_owned());
    let voice = scene.silent.voice.clone();

    // The standby is first: it has made messages, and nobody has heard one.
    scene.log.open_market(20_261_122);
    scene.orders(200);
    scene.second(50);
    let made = logged(&ours, Until::Published);
    assert!(made[0].1.len() > 100, "{} messages are made", made[0].1.len());
    assert_eq!(logged(&ours, Until::Told), [(made[0].0, Vec::new())], "none may be repeated");
    assert_eq!((scene.hear(), scene.heard.datagrams), (0, 0), "it is silent");

    // The primary speaks: what was multicast, and no more, may be repeated by both.
    for _ in 0..5 {
        scene.first(20);
        scene.second(20);
        scene.hear();
        let (told, all) = (logged(&ours, Until::Told), logged(&theirs, Until::Told));
        assert_eq!(told, all);
        assert_eq!(told[0].1, scene.heard.messages);
        scene.orders(100);
    }
    let counters = &scene.second.as_ref().unwrap().counters;
    assert_eq!(counters.get(Counter::FEED_DATAGRAMS), 0);
    assert!(counters.get(Counter::FEED_HEARD) > 20);
    assert_eq!(counters.get(Counter::FEED_RESENT), 0);

    // The primary dies with something that it never sent; the standby has all of it.
    scene.primary = None;
    scene.orders(50);
    scene.second(50);
    let before = scene.heard.messages.len();
    assert_eq!(scene.hear(), before);
    voice.speak_from(scene.standby.store.held().position);
    scene.second(50);
    assert!(scene.hear() > before + 100);
    assert_eq!(scene.heard.messages, expected(&ours).concat());
    assert_eq!(expected(&ours), expected(&theirs));
    let (lost, first) = (scene.heard.lost.len(), scene.heard.first);
    assert_eq!((lost, first), (0, 1), "one session, its numbers unbroken");
    assert!(scene.heard.subscriber.is_complete());

    // It speaks on, and falls silent when it is told to.
    scene.orders(20);
    scene.second(30);
    scene.hear();
    assert_eq!(scene.heard.messages, expected(&theirs).concat());
    voice.hush();
    let datagrams = scene.heard.datagrams;
    scene.second(300);
    scene.hear();
    assert_eq!(scene.heard.datagrams, datagrams, "no heartbeat either");
}

#[test]
fn what_was_heard_is_remembered_over_a_restart() {
    let mut scene = Scene::new();
    let (theirs, ours) = (scene.theirs.path().to_owned(), scene.ours.path().to_owned());
    scene.log.open_market(20_261_122);
    scene.orders(100);
    // Both lines' ears are there before the first word.
    scene.second(20);
    scene.first(50);
    scene.second(50);
    let first = logged(&ours, Until::Told);
    assert_eq!(first, logged(&theirs, Until::Told));
    scene.second = None;
    scene.orders(100);
    // The primary speaks while nobody listens here.
    scene.first(50);
    scene.second = Some(Ending::with(&ours, &scene.silent));
    scene.second(80);
    assert_eq!(logged(&ours, Until::Told), first, "what it did not hear");
    assert!(logged(&ours, Until::Published)[0].1.len() > first[0].1.len());
    // A heartbeat says what was sent meanwhile.
    scene.now = Nanos(scene.now.0 + 2 * SECOND_NS);
    scene.first(3);
    scene.second(80);
    assert_eq!(logged(&ours, Until::Told), logged(&theirs, Until::Told));
}

/// What the primary said last may be in the standby's hands before it knows that it is committed:
/// that is not said again.
#[test]
fn what_was_heard_and_not_made_yet_is_not_said_again() {
    let mut scene = Scene::new();
    let theirs = scene.theirs.path().to_owned();
    scene.log.open_market(20_261_122);
    scene.standby.follow();
    scene.second(20);
    scene.first(20);
    scene.log.orders(600);
    scene.first(50);
    scene.primary = None;
    let said = scene.hear();
    assert_eq!(scene.heard.messages, expected(&theirs).concat());

    // It is promoted with all of that in its store, and nothing of it committed.
    scene.log.orders(30);
    let base = scene.standby.hold().position;
    scene.silent.voice.speak_from(base);
    scene.second(5);
    assert_eq!(scene.hear(), said, "it cannot know yet what comes next");
    scene.standby.follow();
    scene.second(100);
    assert!(scene.hear() > said + 20);
    let heard = &scene.heard;
    assert_eq!(heard.messages, expected(&theirs).concat());
    // A datagram is the least that is sent: the first one may begin with what was heard.
    let shortest = heard.messages.iter().map(|message| LENGTH_BYTES + message.len()).min().unwrap();
    let again = heard.subscriber.source(Source::LineA).duplicates;
    assert!(again < (BLOCKS_BYTES_MAX / shortest) as u64, "{again} of {said} were said again");
}
