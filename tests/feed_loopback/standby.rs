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

fn turns(publishing: &mut Ending, now: &mut Nanos, turns: usize) {
    for _ in 0..turns {
        *now = Nanos(now.0 + SECOND_NS / 100);
        publishing.do_work(*now);
        assert!(publishing.agent.fault().is_none(), "{:?}", publishing.agent.fault());
    }
}

#[test]
fn a_silent_publisher_makes_the_same_and_goes_on_where_it_heard_nothing_more() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (theirs, ours) = (theirs.path(), ours.path());
    let port = ReservedPort::new().unwrap();
    let endpoint = endpoint(&port);
    let mut log = Log::create(theirs);
    let mut standby = Standby::of(theirs, ours);
    let mut heard = Heard::listen(endpoint);
    let mut primary = Ending::open(theirs, endpoint);
    let voice = Voice::silent();
    let silent = FeedOptions { voice: voice.clone(), ..options(ours, endpoint) };
    let mut second = Ending::with(ours, &silent);
    let mut now = Nanos(1_000 * SECOND_NS);

    // The standby is first: it has made messages, and nobody has heard one.
    log.open_market(20_261_122);
    log.orders(200);
    standby.follow();
    turns(&mut second, &mut now, 50);
    let made = logged(ours, Until::Published);
    assert!(made[0].1.len() > 100, "{} messages are made", made[0].1.len());
    assert_eq!(logged(ours, Until::Told), [(made[0].0, Vec::new())], "none may be repeated");
    heard.receive(now, None);
    assert_eq!((heard.datagrams, heard.messages.len()), (0, 0), "it is silent");

    // The primary speaks: what was multicast, and no more, may be repeated by both.
    for _ in 0..5 {
        turns(&mut primary, &mut now, 20);
        turns(&mut second, &mut now, 20);
        heard.receive(now, None);
        let (told, all) = (logged(ours, Until::Told), logged(theirs, Until::Told));
        assert_eq!(told, all);
        assert_eq!(told[0].1, heard.messages);
        log.orders(100);
        standby.follow();
    }
    let counters = &second.counters;
    assert_eq!(counters.get(Counter::FEED_DATAGRAMS), 0);
    assert!(counters.get(Counter::FEED_HEARD) > 20);
    assert_eq!(counters.get(Counter::FEED_RESENT), 0);

    // The primary dies with something that it never sent; the standby has all of it.
    drop(primary);
    log.orders(50);
    standby.follow();
    turns(&mut second, &mut now, 50);
    let before = heard.messages.len();
    heard.receive(now, None);
    assert_eq!(heard.messages.len(), before);
    voice.speak_from(standby.store.held().position);
    turns(&mut second, &mut now, 50);
    heard.receive(now, None);
    assert!(heard.messages.len() > before + 100);
    assert_eq!(heard.messages, expected(ours).concat());
    assert_eq!(expected(ours), expected(theirs));
    assert_eq!((heard.lost.len(), heard.first), (0, 1), "one session, its numbers unbroken");
    assert!(heard.subscriber.is_complete());

    // It speaks on, and falls silent when it is told to.
    log.orders(20);
    standby.follow();
    turns(&mut second, &mut now, 30);
    heard.receive(now, None);
    assert_eq!(heard.messages, expected(theirs).concat());
    voice.hush();
    let datagrams = heard.datagrams;
    turns(&mut second, &mut now, 300);
    heard.receive(now, None);
    assert_eq!(heard.datagrams, datagrams, "no heartbeat either");
}

#[test]
fn what_was_heard_is_remembered_over_a_restart() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (theirs, ours) = (theirs.path(), ours.path());
    let port = ReservedPort::new().unwrap();
    let endpoint = endpoint(&port);
    let mut log = Log::create(theirs);
    let mut standby = Standby::of(theirs, ours);
    let mut primary = Ending::open(theirs, endpoint);
    let voice = Voice::silent();
    let silent = FeedOptions { voice: voice.clone(), ..options(ours, endpoint) };
    let mut second = Ending::with(ours, &silent);
    let mut now = Nanos(1_000 * SECOND_NS);
    log.open_market(20_261_122);
    log.orders(100);
    standby.follow();
    // Both lines' ears are there before the first word.
    turns(&mut second, &mut now, 20);
    turns(&mut primary, &mut now, 50);
    turns(&mut second, &mut now, 50);
    let first = logged(ours, Until::Told);
    assert_eq!(first, logged(theirs, Until::Told));
    drop(second);
    log.orders(100);
    standby.follow();
    // The primary speaks while nobody listens here.
    turns(&mut primary, &mut now, 50);
    let mut second = Ending::with(ours, &silent);
    turns(&mut second, &mut now, 80);
    assert_eq!(logged(ours, Until::Told), first, "what it did not hear");
    assert!(logged(ours, Until::Published)[0].1.len() > first[0].1.len());
    // A heartbeat says what was sent meanwhile.
    now = Nanos(now.0 + 2 * SECOND_NS);
    turns(&mut primary, &mut now, 3);
    turns(&mut second, &mut now, 80);
    assert_eq!(logged(ours, Until::Told), logged(theirs, Until::Told));
}

/// What the primary said last may be in the standby's hands before it knows that it is committed:
/// that is not said again.
#[test]
fn what_was_heard_and_not_made_yet_is_not_said_again() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (theirs, ours) = (theirs.path(), ours.path());
    let port = ReservedPort::new().unwrap();
    let endpoint = endpoint(&port);
    let mut log = Log::create(theirs);
    let mut standby = Standby::of(theirs, ours);
    let mut heard = Heard::listen(endpoint);
    let mut primary = Ending::open(theirs, endpoint);
    let voice = Voice::silent();
    let silent = FeedOptions { voice: voice.clone(), ..options(ours, endpoint) };
    let mut second = Ending::with(ours, &silent);
    let mut now = Nanos(1_000 * SECOND_NS);
    log.open_market(20_261_122);
    standby.follow();
    turns(&mut second, &mut now, 20);
    turns(&mut primary, &mut now, 20);
    log.orders(600);
    turns(&mut primary, &mut now, 50);
    drop(primary);
    heard.receive(now, None);
    let said = heard.messages.len();
    assert_eq!(heard.messages, expected(theirs).concat());

    // It is promoted with all of that in its store, and nothing of it committed.
    log.orders(30);
    let base = standby.hold().position;
    voice.speak_from(base);
    turns(&mut second, &mut now, 5);
    heard.receive(now, None);
    assert_eq!(heard.messages.len(), said, "it cannot know yet what comes next");
    standby.follow();
    turns(&mut second, &mut now, 100);
    heard.receive(now, None);
    assert!(heard.messages.len() > said + 20);
    assert_eq!(heard.messages, expected(theirs).concat());
    // A datagram is the least that is sent: the first one may begin with what was heard.
    let shortest = heard.messages.iter().map(|message| LENGTH_BYTES + message.len()).min().unwrap();
    let again = heard.subscriber.source(Source::LineA).duplicates;
    assert!(again < (BLOCKS_BYTES_MAX / shortest) as u64, "{again} of {said} were said again");
}
