//! What a server gives, to a client that is handed bytes: without a store at the asking end.

use super::joining::{Scene, Standby};
use super::*;
use crate::replication::catch_up::link;
use crate::replication::catch_up::pace::Pace;
use crate::replication::catch_up::protocol::{Hello, Kind, LogName, Message};
use crate::replication::catch_up::server::Connection;
use crate::store::{Chain, SnapshotInfo, Snapshots};
use crate::types::{Epoch, Key, Sequence};

/// A client and the service at the other end of a pipe.
struct Talk {
    client: Client,
    link: Box<dyn Link>,
    service: Service,
    pipes: Pipes,
    now: Nanos,
}

impl Talk {
    fn new(service: ServiceOptions, library: Library, me: Peer, key: Option<Key>) -> Self {
        let mut pipes = Pipes::new(70_000);
        let link = pipes.connect("127.0.0.1:9".parse().unwrap()).unwrap();
        let client = Client::new(me, key, [7; 32], Nanos(1));
        let service = Service::new(service, library);
        Self { client, link, service, pipes, now: Nanos(1) }
    }

    fn with(primary: &Primary) -> Self {
        let mut talk = Self::new(service_options(1), primary.library(), peer(2), None);
        assert_eq!(talk.event(), Event::Ready(peer(1)));
        talk
    }

    fn turn(&mut self) {
        self.now = Nanos(self.now.get() + 1_000_000);
        self.pipes.let_in(&mut self.service, self.now);
        self.service.turn(self.now);
        link::pump(&mut self.client, self.link.as_mut(), self.now);
    }

    /// Turns until something is answered, or the connection ends.
    fn answer(&mut self) -> Result<Event, Fault> {
        for _ in 0..100_000 {
            if let Some(event) = self.client.poll_event() {
                return Ok(event);
            }
            if let Some(fault) = self.client.fault() {
                return Err(fault.clone());
            }
            self.turn();
        }
        panic!("no answer");
    }

    fn event(&mut self) -> Event {
        self.answer().unwrap()
    }

    /// The first so many bytes of what is asked for.
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            let _ = self.client.poll_event();
            let there = self.client.content().1;
            let taken = there.len().min(count - bytes.len());
            bytes.extend_from_slice(&there[..taken]);
            self.client.take(taken);
            if bytes.len() == count {
                return bytes;
            }
            assert_eq!(self.client.fault(), None);
            self.turn();
        }
        panic!("{} of {count} bytes", bytes.len());
    }
}

#[test]
fn a_log_is_given_as_it_is_from_any_position() {
    let mut primary = Primary::new();
    primary.append_to(200_000);
    let mut primary = primary.restart();
    primary.append_to(400_000);
    let end = primary.end();
    let mut talk = Talk::with(&primary);
    talk.client.open(LogName::EVENTS);
    let Event::Log(state) = talk.event() else { panic!() };
    assert_eq!((state.end, state.term_bytes), (end, TERM_BYTES as u64));
    assert_eq!(state.kept, LogPlace { position: Position(0), chain: Chain(0) });
    assert_eq!(state.epochs, epochs(&primary.disk));
    assert_eq!(state.epochs.len(), 2);
    for from in [0, 65_536, 131_040, 300_000 / 32 * 32] {
        talk.client.fetch(Position(from));
        let found = talk.bytes((end.get() - from) as usize);
        assert!(found == log_bytes(&primary.disk, &directory(), Position(from), end), "{from}");
    }
    // What is written later comes without being asked for again.
    primary.append_to(450_000);
    let found = talk.bytes((primary.end().get() - end.get()) as usize);
    assert!(found == log_bytes(&primary.disk, &directory(), end, primary.end()));
}

#[test]
fn a_mark_says_where_the_log_ends_and_a_durable_place() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    let mut primary = primary.restart();
    primary.append_to(120_000);
    let mut talk = Talk::with(&primary);
    talk.client.open(LogName::EVENTS);
    talk.event();
    talk.client.fetch(primary.end());
    let Event::Mark { end, durable } = talk.event() else { panic!() };
    assert_eq!(end, primary.end());
    assert!(durable.position > Position(0), "the opening made the log durable");
    assert_eq!(durable, primary.place_at(durable.position));
    // Another one comes in a while, with nothing else to say.
    let before = talk.now;
    assert!(matches!(talk.event(), Event::Mark { .. }));
    assert!(talk.now.get() - before.get() >= 90_000_000);
}

fn key(byte: u8) -> Option<Key> {
    Some(Key::new(&[byte; 32]))
}

/// What the two ends say to each other's greeting: the client's fault, and the server's.
fn greet(here: (Peer, Option<Key>), there: (Peer, Option<Key>)) -> (Result<Event, Fault>, String) {
    let primary = Primary::new();
    let service = ServiceOptions { me: there.0, key: there.1, ..service_options(1) };
    let mut talk = Talk::new(service, primary.library(), here.0, here.1);
    let answer = talk.answer();
    (0..5).for_each(|_| talk.turn());
    (answer, talk.service.last_refusal().unwrap_or_default().to_string())
}

#[test]
fn a_difference_is_told_at_both_ends_with_both_values() {
    type Change = fn(&mut Peer);
    let cases: [(Change, &str, &str); 6] = [
        (|it| it.exchange_digest = 0xab, "exchange digest", "00000000000000ab"),
        (|it| it.exchange_number = -7, "exchange number", "-7"),
        (|it| it.term_bytes = 131_072, "term length", "131072"),
        (|it| it.schema_id = 9, "schema id", "9"),
        (|it| it.schema_version = 3, "schema version", "3"),
        (|it| it.rules_version = 4, "rules version", "4"),
    ];
    for (change, field, value) in cases {
        let mut other = peer(2);
        change(&mut other);
        let (client, server) = greet((other, None), (peer(1), None));
        let client = client.unwrap_err().to_string();
        for text in [client, server] {
            let named = [field, value, "node 1", "node 2"].iter().all(|word| text.contains(word));
            assert!(named, "{field}: {text}");
        }
    }
    assert_eq!(
        greet((peer(2), None), (peer(1), None)).0,
        Ok(Event::Ready(peer(1))),
        "the same is welcome"
    );
    let (client, server) = greet((peer(1), None), (peer(1), None));
    assert_eq!(client, Err(Fault::SameNode { node: 1 }));
    assert!(server.contains("both ends are node 1"), "{server}");
}

#[test]
fn a_key_is_proven_by_both_or_nothing_is_told() {
    let ready = Ok(Event::Ready(peer(1)));
    assert_eq!(greet((peer(2), key(5)), (peer(1), key(5))).0, ready);
    let (client, server) = greet((peer(2), key(5)), (peer(1), None));
    let fault = Fault::Keys { with_key: 2, without: 1 };
    assert_eq!(client, Err(fault.clone()));
    assert!(server.contains(&fault.to_string()), "{server}");
    assert_eq!(
        greet((peer(2), None), (peer(1), key(5))).0,
        Err(Fault::Keys { with_key: 1, without: 2 })
    );
    let (client, server) = greet((peer(2), key(6)), (peer(1), key(5)));
    assert!(client.is_err_and(|fault| fault.to_string().contains("another key")));
    assert!(server.contains("node 2 has another key"), "{server}");
}

/// Who asks at once, or after a greeting that it has not proven, gets no answer.
#[test]
fn who_has_not_proven_itself_is_told_nothing() {
    let library = Primary::new().library();
    let mut greeting = Vec::new();
    let hello = Hello { peer: peer(2), is_keyed: true, nonce: [7; 32] };
    Message::Hello(hello).emit(&mut greeting);
    for mut said in [Vec::new(), greeting] {
        Message::Open { request: 1, log: LogName::EVENTS }.emit(&mut said);
        let mut connection = Connection::new(peer(1), key(5), [9; 32], Nanos(1));
        let mut rest = &said[..];
        while !rest.is_empty() && connection.fault().is_none() {
            // What it answers is taken: until then it hears nothing further.
            connection.turn(&mut io::sink(), &mut Pace::new(0), Nanos(1)).unwrap();
            let space = connection.space();
            let count = space.len().min(rest.len());
            assert!(count > 0);
            space[..count].copy_from_slice(&rest[..count]);
            connection.on_received(count, &library, Nanos(1));
            rest = &rest[count..];
        }
        assert_eq!(connection.fault(), Some(&Fault::Unexpected(Kind::Open)));
    }
}

#[test]
fn what_is_not_there_is_refused_with_a_reason() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    type Ask = fn(&mut Client);
    let ask: [(Ask, &str); 4] = [
        (|client| client.open(LogName::feed("261122300A")), "there is no the feed log 261122300A"),
        (|client| client.open(LogName::feed("../../etc")), "there is no"),
        (|client| client.fetch(Position(0)), "no log was opened"),
        (
            |client| {
                client.open(LogName::EVENTS);
                client.fetch(Position(1 << 40));
            },
            "1099511627776 is beyond the end of the log here",
        ),
    ];
    for (ask, reason) in ask {
        let mut talk = Talk::with(&primary);
        ask(&mut talk.client);
        let fault = loop {
            match talk.answer() {
                Err(fault) => break fault.to_string(),
                Ok(event) => assert!(matches!(event, Event::Log(_)), "{event:?}"),
            }
        };
        assert!(fault.contains(reason), "{fault}");
    }
}

#[test]
fn there_are_so_many_places_and_one_is_free_again_when_its_client_goes() {
    let primary = Primary::new();
    let mut service = Service::new(service_options(1), primary.library());
    let mut pipes = Pipes::new(1_000);
    let connect = |pipes: &mut Pipes| pipes.connect("127.0.0.1:9".parse().unwrap()).unwrap();
    let mut links: Vec<_> = (0..6).map(|_| connect(&mut pipes)).collect();
    pipes.let_in(&mut service, Nanos(1));
    service.turn(Nanos(1));
    let statistics = *service.statistics();
    assert_eq!((statistics.accepted, statistics.turned_away, statistics.connections), (4, 2, 4));
    links.remove(0);
    service.turn(Nanos(2));
    assert_eq!(service.statistics().connections, 3);
    // One that says nothing at all goes in a while.
    service.turn(Nanos(STALL_NS_MAX + 2));
    assert_eq!((service.statistics().connections, service.statistics().refused), (0, 3));
}

#[test]
fn who_asks_and_takes_no_answer_is_not_heard_further() {
    let primary = Primary::new();
    let mut service = Service::new(service_options(1), primary.library());
    let mut pipes = Pipes { room: 1_000, ..Pipes::new(1_000) };
    let mut link = pipes.connect("127.0.0.1:9".parse().unwrap()).unwrap();
    pipes.let_in(&mut service, Nanos(1));
    let mut said = Client::new(peer(2), None, [7; 32], Nanos(1)).outgoing().to_vec();
    let greeting = said.len();
    for request in 1..=2_000 {
        Message::Open { request, log: LogName::EVENTS }.emit(&mut said);
    }
    let mut heard = 0;
    let mut now = 1;
    while service.statistics().refused == 0 {
        assert!(now < 3 * STALL_NS_MAX, "it is served for ever, {heard} bytes of it were heard");
        now += 10_000_000;
        heard += link.write(&said[heard..]).unwrap_or(0);
        service.turn(Nanos(now));
    }
    // A few answers fill the way back, and as many questions the way there.
    assert!((greeting..greeting + 2_500).contains(&heard), "{heard}");
    assert_eq!(service.last_refusal(), Some("node 2: no progress for 30000 ms"));
}

#[test]
fn no_more_goes_than_the_cap_allows() {
    let mut primary = Primary::new();
    primary.append_to(600_000);
    let options = ServiceOptions { bytes_per_second: 1_000_000, ..service_options(1) };
    let mut talk = Talk::new(options, primary.library(), peer(2), None);
    talk.event();
    talk.client.open(LogName::EVENTS);
    talk.event();
    let before = talk.now.get();
    talk.client.fetch(Position(0));
    talk.bytes(550_000);
    let elapsed_ms = (talk.now.get() - before) / 1_000_000;
    // A tenth of a second's worth may have been saved, and a tenth is the bucket's step.
    assert!((400..=700).contains(&elapsed_ms), "{elapsed_ms} ms");
}

pub(super) fn moment(place: LogPlace, trading_date: u32) -> SnapshotInfo {
    SnapshotInfo {
        place,
        epoch: Epoch(1),
        sequence: Sequence(9),
        time: Nanos(3),
        state_hash: 0,
        trading_date,
        day_ended: false,
    }
}

/// Takes a snapshot with sections of so many bytes.
pub(crate) fn take_snapshot(disk: &MemoryDisk, place: LogPlace, date: u32, sections: &[usize]) {
    let snapshots = Snapshots::new(Arc::new(disk.clone()), &directory(), &identity(1));
    let mut writer = snapshots.begin(moment(place, date)).unwrap();
    for (index, bytes) in sections.iter().enumerate() {
        writer.section(1 + 2 * index as u32).unwrap();
        let content: Vec<u8> = (0..*bytes).map(|at| ((at * 31) >> 3) as u8).collect();
        writer.write_all(&content).unwrap();
    }
    writer.finish(77).unwrap().keep().unwrap();
}

#[test]
fn a_snapshot_is_given_as_its_file_is_the_newest_before_a_position() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    let places = [30_000, 60_000].map(|at| primary.place_at(end_beyond(&primary.disk, at)));
    places.iter().for_each(|place| {
        take_snapshot(&primary.disk, *place, 20_261_122, &[300_000, 5_000]);
    });
    let file = |place: LogPlace| {
        let name = format!("snapshots/{:020}.snapshot", place.position.get());
        primary.disk.read(&directory().join(name)).unwrap()
    };
    let mut talk = Talk::with(&primary);
    let below = [(u64::MAX, places[1]), (places[1].position.get(), places[0])];
    for (below, place) in below {
        let expected = file(place);
        for from in [0, 1, 299_999] {
            talk.client.snapshot(Position(below), from);
            let image = Image { place, bytes: expected.len() as u64 };
            assert_eq!(talk.event(), Event::Image(Some(image)));
            assert!(talk.bytes(expected.len() - from as usize) == expected[from as usize..]);
        }
    }
    talk.client.snapshot(places[0].position, 0);
    assert_eq!(talk.event(), Event::Image(None));
    // The connection is good for something else.
    talk.client.feeds();
    assert_eq!(talk.event(), Event::Feeds(Vec::new()));
}

#[test]
fn a_log_that_is_cut_is_not_given_further() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    // Another node takes over from here; the old one goes on for a while.
    let image = primary.disk.after_kill().unwrap();
    primary.append_to(150_000);
    let mut standby = Standby::new();
    let follow = epochs(&primary.disk)[0];
    Scene::new(primary.library(), follow, Pipes::new(10_000)).arrive(&mut standby.store);
    let writer = open_writer(&image, 1);
    let mut other = Primary { disk: image, writer, random: Random::new(2), flavour: 1 };
    other.append_to(200_000);

    let given = library(&standby.disk, 1);
    let mut talk = Talk::new(service_options(1), given, peer(2), None);
    talk.event();
    talk.client.open(LogName::EVENTS);
    talk.event();
    talk.client.fetch(Position(0));
    talk.bytes(primary.end().get() as usize);
    let follow = *epochs(&other.disk).last().unwrap();
    assert!(follow.base < primary.end());
    Scene::new(other.library(), follow, Pipes::new(10_000)).arrive(&mut standby.store);
    assert!(standby.store.held().position > primary.end(), "what was cut is another log's now");
    // Some marks may have been on their way.
    let fault = (0..10).find_map(|_| talk.answer().err()).expect("it is told").to_string();
    assert!(fault.contains(&format!("was cut at {}", follow.base)), "{fault}");
    assert_eq!(talk.client.content().1.len(), 0, "nothing of the other log");
}

#[test]
fn a_log_whose_beginning_is_recycled_is_given_further() {
    let mut primary = Primary::new();
    primary.append_to(300_000);
    let mut talk = Talk::with(&primary);
    talk.client.open(LogName::EVENTS);
    talk.event();
    let end = primary.end();
    talk.client.fetch(end);
    (0..5).for_each(|_| talk.turn());
    primary.writer.sync().unwrap();
    let mut keeper = primary.writer.take_keeper().unwrap();
    assert!(keeper.keep_from(primary.place_at(end_beyond(&primary.disk, 200_000))).unwrap());
    while keeper.do_work().unwrap() {}
    (0..5).for_each(|_| talk.turn());
    primary.append_to(310_000);
    let found = talk.bytes((primary.end().get() - end.get()) as usize);
    assert!(found == log_bytes(&primary.disk, &directory(), end, primary.end()));
}
