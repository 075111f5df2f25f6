//! The consumer against servers that a test writes byte by byte: good ones, absent ones, slow ones,
//! and those that answer nonsense.

use isochron_feeds::mold::{Header, Session};
use isochron_feeds::subscriber::{Options as FeedOptions, Repair};
use isochron_messages::{EventFlags, OrderAdded, SbeMessage, SnapshotComplete, SnapshotStart};

use super::*;
use crate::limits::CONNECT_TIMEOUT_NS;
use crate::soup::{Decoder, LoginAccepted, Packet, RejectCode, Sender};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn session() -> Session {
    Session(*b"261122300A")
}

/// The bytes of message `sequence`.
fn message(sequence: u64) -> Vec<u8> {
    let added = OrderAdded { order_id: sequence, ..Default::default() };
    encoded(&added)
}

fn encoded(message: &impl SbeMessage) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    let length = message.encode(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

fn data(first: u64, next: u64) -> Vec<u8> {
    let count = u16::try_from(next - first).unwrap();
    let mut bytes = vec![0; HEADER_BYTES];
    let header = Header { session: session(), sequence: first, count };
    header.emit(bytes.first_chunk_mut().unwrap());
    for sequence in first..next {
        let message = message(sequence);
        bytes.extend((message.len() as u16).to_be_bytes());
        bytes.extend(message);
    }
    bytes
}

fn heartbeat(next: u64) -> Vec<u8> {
    data(next, next)
}

fn start(next: u64) -> Vec<u8> {
    let last_included_sequence = next - 1;
    let flags = EventFlags::RECOVERY;
    let next_sequence = next;
    encoded(&SnapshotStart { last_included_sequence, next_sequence, flags, ..<_>::default() })
}

fn complete(next: u64) -> Vec<u8> {
    let last_included_sequence = next - 1;
    let flags = EventFlags::RECOVERY;
    let next_sequence = next;
    encoded(&SnapshotComplete { last_included_sequence, next_sequence, flags, ..<_>::default() })
}

fn soup(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    packets.iter().for_each(|packet| packet.emit(&mut bytes));
    bytes
}

fn accepted(sequence: u64) -> Packet<'static> {
    Packet::LoginAccepted(LoginAccepted { session: session(), sequence })
}

/// What a client sent, packet by packet.
fn client_words(bytes: &[u8]) -> String {
    let mut decoder = Decoder::new(Sender::Client, bytes.len());
    assert_eq!(decoder.feed(bytes), bytes.len());
    let mut words = Vec::new();
    while let Some(packet) = decoder.next_packet().unwrap() {
        words.push(match packet {
            Packet::LoginRequest(login) => {
                assert_eq!(login.session(), Ok(session()));
                format!("login{}", login.sequence().unwrap().unwrap())
            }
            Packet::LogoutRequest => "logout".to_owned(),
            Packet::ClientHeartbeat => "beat".to_owned(),
            packet => format!("{packet:?}"),
        });
    }
    words.join(",")
}

/// A consumer, and all that it said and did as words.
struct Rig {
    consumer: Consumer,
    now_ns: u64,
    words: Vec<String>,
}

fn options() -> Options {
    Options {
        request_servers: 2,
        replay_servers: 2,
        snapshot_servers: 1,
        user: "user".to_owned(),
        password: "password".to_owned(),
        ..Options::default()
    }
}

impl Rig {
    fn new(options: Options) -> Rig {
        Rig { consumer: Consumer::new(options).unwrap(), now_ns: 0, words: Vec::new() }
    }

    fn say(words: &mut Vec<String>, event: Event<'_>) {
        words.push(match event {
            Event::Cleared => "cleared".to_owned(),
            Event::Snapshot(_) => "snapshot".to_owned(),
            Event::Feed(FeedEvent::Joined { sequence, .. }) => format!("joined@{sequence}"),
            Event::Feed(FeedEvent::Message { sequence, bytes }) => {
                assert_eq!(bytes, message(sequence));
                sequence.to_string()
            }
            Event::Feed(FeedEvent::GapOpened(gap)) => format!("gap{gap}").replace(' ', ""),
            Event::Feed(FeedEvent::Lost(gap)) => format!("lost{gap}").replace(' ', ""),
            Event::Feed(FeedEvent::Ended { next }) => format!("ended@{next}"),
            Event::Notice(notice) => format!("({notice})"),
        });
    }

    fn line(&mut self, datagram: &[u8]) {
        self.datagram(Source::LineA, datagram).unwrap();
    }

    fn datagram(&mut self, source: Source, datagram: &[u8]) -> Result<(), Refused> {
        let Self { consumer, now_ns, words } = self;
        consumer.on_datagram(source, datagram, *now_ns, &mut |event| Rig::say(words, event))
    }

    fn bytes(&mut self, connection: u64, packets: &[Packet<'_>]) {
        let Self { consumer, now_ns, words } = self;
        let sink = &mut |event: Event<'_>| Rig::say(words, event);
        consumer.on_bytes(ConnectionId(connection), &soup(packets), *now_ns, sink);
    }

    fn connected(&mut self, connection: u64) {
        self.consumer.on_connected(ConnectionId(connection), self.now_ns);
    }

    fn disconnected(&mut self, connection: u64) {
        let Self { consumer, now_ns, words } = self;
        let sink = &mut |event: Event<'_>| Rig::say(words, event);
        consumer.on_disconnected(ConnectionId(connection), *now_ns, sink);
    }

    /// Lets time pass to `now_ns`, doing what is due when it is due; what it wants done, as words.
    fn until(&mut self, now_ns: u64) -> String {
        let mut actions = self.actions();
        while let Some(due_ns) = self.consumer.next_deadline().filter(|due_ns| *due_ns <= now_ns) {
            assert!(due_ns > self.now_ns || actions.len() < 1_000, "no time passes");
            self.now_ns = self.now_ns.max(due_ns);
            let Self { consumer, now_ns, words } = self;
            consumer.on_time(*now_ns, &mut |event| Rig::say(words, event));
            let more = self.actions();
            if more.is_empty() && self.consumer.next_deadline() == Some(due_ns) {
                panic!("nothing is done at {due_ns}, and it stays due");
            }
            actions.extend(more);
        }
        self.now_ns = now_ns;
        actions.extend(self.actions());
        actions.join(" ")
    }

    fn actions(&mut self) -> Vec<String> {
        let now_ns = self.now_ns;
        let poll = || self.consumer.poll_action(now_ns);
        let word = |action| match action {
            Action::SendRequest { server, packet } => {
                let Request { sequence, count, .. } = Request::parse(&packet).unwrap();
                format!("ask{server}:{sequence}+{count}")
            }
            Action::Connect { service, server, connection } => {
                format!("connect{}:{service}{server}", connection.0)
            }
            Action::Send { connection, bytes } => {
                format!("send{}:{}", connection.0, client_words(&bytes))
            }
            Action::Close { connection } => format!("close{}", connection.0),
        };
        std::iter::from_fn(poll).map(word).collect()
    }

    fn expect(&mut self, words: &str) {
        assert_eq!(self.words.join(" "), words);
        self.words.clear();
    }

    /// A consumer that misses message 2, and asks by TCP, as connection 0.
    fn missing_one() -> Rig {
        let mut rig = Rig::new(Options { request_servers: 0, ..options() });
        rig.line(&data(1, 2));
        rig.line(&data(3, 4));
        assert_eq!(rig.until(MS), "connect0:replay0");
        rig.connected(0);
        assert_eq!(rig.until(MS), "send0:login2");
        rig.expect("joined@1 1 gap[2,3)");
        rig
    }

    /// A consumer that joins at 40, and asks for a snapshot, as connection 0.
    fn joining() -> Rig {
        let mut rig = Rig::new(options());
        rig.line(&data(40, 42));
        assert_eq!(rig.until(0), "connect0:snapshot0");
        rig.connected(0);
        assert_eq!(rig.until(0), "send0:login40");
        rig
    }
}

#[test]
fn one_server_after_the_other_is_asked_by_udp_then_the_replay() {
    let mut rig = Rig::new(options());
    rig.line(&data(1, 2));
    rig.line(&data(4, 5));
    assert_eq!(rig.until(MS), "ask0:2+2");
    assert_eq!(rig.until(21 * MS), "ask1:2+2");
    rig.datagram(Source::Retransmission, &data(2, 3)).unwrap();
    assert_eq!(rig.until(21 * MS), "ask1:3+1", "who answered is asked again");
    assert_eq!(rig.until(80 * MS), "ask0:3+1 ask1:3+1");
    assert_eq!(rig.until(81 * MS), "connect0:replay0");
    rig.connected(0);
    assert_eq!(rig.until(81 * MS), "send0:login3");
    rig.bytes(0, &[accepted(3), Packet::SequencedData(&message(3))]);
    rig.expect("joined@1 1 gap[2,4) 2 (replay from message 3 on, server 0) 3 4");
    assert_eq!(rig.consumer.state(rig.now_ns), State::InStep);
    // It stays for the next loss, and goes when none comes.
    assert_eq!(rig.until(rig.now_ns + 999 * MS), "");
    assert!(rig.until(rig.now_ns + 2 * MS).ends_with("send0:beat,logout close0"));
    assert_eq!(rig.consumer.service_state(Service::Replay), None);
}

#[test]
fn a_late_joiner_takes_a_snapshot_and_goes_on() {
    let mut rig = Rig::joining();
    rig.expect("");
    assert_eq!(rig.consumer.state(0), State::Joining);
    rig.bytes(0, &[accepted(1), Packet::SequencedData(&start(41))]);
    rig.bytes(0, &[Packet::SequencedData(&message(7)), Packet::SequencedData(&complete(41))]);
    rig.expect(
        "(snapshot from message 1 on, server 0) cleared snapshot snapshot snapshot \
         joined@41 41",
    );
    assert_eq!(rig.until(0), "send0:logout close0");
    assert!(rig.consumer.subscriber().is_complete());
}

#[test]
fn a_snapshot_that_breaks_off_begins_again() {
    let mut rig = Rig::joining();
    rig.bytes(0, &[accepted(1), Packet::SequencedData(&start(41))]);
    rig.disconnected(0);
    assert_eq!(rig.until(499 * MS), "");
    assert_eq!(rig.until(500 * MS), "connect1:snapshot0");
    rig.connected(1);
    let [start, complete] = [start(43), complete(43)];
    rig.bytes(1, &[accepted(1), Packet::SequencedData(&start), Packet::SequencedData(&complete)]);
    rig.expect(
        "(snapshot from message 1 on, server 0) cleared snapshot \
         (snapshot: no connection to server 0) (snapshot from message 1 on, server 0) cleared \
         snapshot snapshot joined@43",
    );
}

#[test]
fn what_is_no_snapshot_is_refused_and_asked_for_again() {
    let sound = start(40);
    let cases: [(&[Vec<u8>], &str); 6] = [
        (&[message(1)], "(snapshot: begins or ends as none does)"),
        (&[b"nonsense".to_vec()], "(snapshot: begins or ends as none does)"),
        (&[complete(40)], "(snapshot: begins or ends as none does)"),
        (&[sound.clone(), sound.clone()], "(snapshot: begins or ends as none does)"),
        (&[sound.clone(), complete(41)], "(snapshot: begins or ends as none does)"),
        (&[start(1 << 40)], "(snapshot: sequence 1099511627776 is too far ahead of 40)"),
    ];
    for (messages, notice) in cases {
        let mut rig = Rig::joining();
        rig.bytes(0, &[accepted(1)]);
        messages.iter().for_each(|bytes| rig.bytes(0, &[Packet::SequencedData(bytes)]));
        assert_eq!(rig.words.last().unwrap(), notice);
        rig.bytes(0, &[Packet::SequencedData(&message(9))]);
        assert_eq!(rig.words.last().unwrap(), notice, "nothing more is heard of it");
        assert_eq!(rig.until(0), "send0:logout close0");
        assert_eq!(rig.until(500 * MS), "connect1:snapshot0");
        assert_eq!(rig.consumer.state(rig.now_ns), State::Joining);
    }
}

#[test]
fn a_snapshot_without_an_end_is_none() {
    let mut rig = Rig::joining();
    rig.bytes(0, &[accepted(1), Packet::SequencedData(&start(41)), Packet::EndOfSession]);
    assert_eq!(rig.words.last().unwrap(), "(snapshot: begins or ends as none does)");
    assert_eq!(rig.until(500 * MS), "close0 connect1:snapshot0");
}

#[test]
fn without_a_replay_a_snapshot_must_reach_what_is_held() {
    let mut rig = Rig::new(Options { replay_servers: 0, ..options() });
    rig.line(&data(40, 42));
    assert_eq!(rig.until(0), "connect0:snapshot0");
    rig.connected(0);
    rig.bytes(0, &[accepted(1), Packet::SequencedData(&start(39))]);
    rig.expect(
        "(snapshot from message 1 on, server 0) \
         (snapshot: a snapshot up to 39 where 40 is the lowest of use)",
    );
}

#[test]
fn servers_that_say_no_for_good_are_believed_after_a_while() {
    let no =
        [Packet::Debug(b"no longer kept"), Packet::LoginRejected(RejectCode::SessionNotAvailable)];
    let mut rig = Rig::missing_one();
    rig.bytes(0, &no);
    assert_eq!(rig.until(MS), "close0 connect1:replay1", "the other one may have it");
    rig.connected(1);
    rig.bytes(1, &no);
    assert_eq!(rig.until(MS), "send1:login2 close1 connect2:snapshot0");
    rig.expect(
        "(replay: the server says \"no longer kept\") (replay: server 0: login rejected: session \
         not available (no longer kept)) (replay: the server says \"no longer kept\") (replay: \
         server 1: login rejected: session not available (no longer kept))",
    );
    assert_eq!(rig.consumer.state(rig.now_ns), State::Joining);
    // And when there is no snapshot either, the messages are lost.
    for connection in 2..5 {
        rig.connected(connection);
        rig.bytes(connection, &[Packet::LoginRejected(RejectCode::NotAuthorized)]);
        rig.until(rig.now_ns + 4 * SECOND);
    }
    assert!(rig.words.contains(&"lost[2,3)".to_owned()), "{:?}", rig.words);
    assert_eq!(rig.consumer.subscriber().next_sequence(), 4);
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let mut rig = Rig::missing_one();
    let later = b"quota: retry-after 7";
    rig.bytes(0, &[Packet::Debug(later), Packet::LoginRejected(RejectCode::SessionNotAvailable)]);
    assert_eq!(rig.until(7 * SECOND), "close0");
    assert_eq!(rig.until(7 * SECOND + MS), "connect1:replay1");
}

#[test]
fn connections_that_fail_are_tried_elsewhere_at_growing_distances() {
    let mut rig = Rig::new(Options { request_servers: 0, ..options() });
    rig.line(&data(1, 2));
    rig.line(&data(3, 4));
    assert_eq!(rig.until(MS), "connect0:replay0");
    rig.disconnected(0);
    assert_eq!(rig.until(501 * MS), "connect1:replay1");
    // Neither yes nor no.
    assert_eq!(rig.until(501 * MS + CONNECT_TIMEOUT_NS), "close1");
    rig.connected(1);
    assert_eq!(rig.until(rig.now_ns), "", "too late");
    let resting = rig.now_ns + SECOND;
    assert_eq!(rig.until(resting), "connect2:replay0");
    rig.connected(2);
    assert_eq!(rig.until(resting), "send2:login2");
    // A login that is never answered.
    rig.until(resting + 15 * SECOND);
    assert!(rig.words.last().unwrap().starts_with("(replay: server 0: nothing heard"));
    // Until the patience is over, and a snapshot is wanted.
    rig.until(40 * SECOND);
    assert_eq!(rig.consumer.state(rig.now_ns), State::Stale);
    assert_eq!(rig.consumer.subscriber().snapshot_wanted(), Some(3));
}

#[test]
fn a_replay_that_breaks_off_goes_on_where_it_was() {
    let mut rig = Rig::new(Options { request_servers: 0, ..options() });
    rig.line(&data(1, 2));
    rig.line(&heartbeat(6));
    assert_eq!(rig.until(MS), "connect0:replay0");
    rig.connected(0);
    rig.bytes(0, &[accepted(2), Packet::SequencedData(&message(2))]);
    rig.disconnected(0);
    assert_eq!(rig.until(501 * MS), "connect1:replay0", "it was of use, so the same one");
    rig.connected(1);
    assert_eq!(rig.until(501 * MS), "send1:login3");
    let [three, four, five] = [3, 4, 5].map(message);
    let rest = [&three, &four, &five].map(|bytes| Packet::SequencedData(bytes));
    rig.bytes(1, &[accepted(3), rest[0], rest[1], rest[2]]);
    assert_eq!(rig.words.last().unwrap(), "5");
    assert!(rig.consumer.subscriber().is_complete());
}

#[test]
fn a_server_that_makes_no_sense_is_left() {
    // Another session, another sequence, data before the login, more than there can be.
    let other =
        Packet::LoginAccepted(LoginAccepted { session: Session(*b"OTHER     "), sequence: 2 });
    let bytes = message(2);
    let cases: [&[Packet<'_>]; 4] =
        [&[other], &[accepted(9)], &[Packet::SequencedData(&bytes)], &[Packet::LogoutRequest]];
    for packets in cases {
        let mut rig = Rig::missing_one();
        rig.bytes(0, packets);
        let actions = rig.until(600 * MS);
        assert!(actions.starts_with("close0 connect1:replay1"), "{actions}");
        assert!(rig.words[0].starts_with("(replay: server 0: "), "{:?}", rig.words);
        assert_eq!(rig.consumer.subscriber().next_sequence(), 2, "nothing was believed");
    }
}

/// Bytes of a connection that was closed, or never was, are nobody's.
#[test]
fn connections_that_are_not_ours_are_ignored() {
    let mut rig = Rig::missing_one();
    rig.bytes(7, &[accepted(2), Packet::SequencedData(&message(2))]);
    rig.connected(7);
    rig.disconnected(7);
    rig.connected(0);
    rig.expect("");
    assert_eq!(rig.until(MS), "");
    rig.bytes(0, &[accepted(2), Packet::SequencedData(&message(2))]);
    assert_eq!(rig.words.last().unwrap(), "3");
}

#[test]
fn while_both_lines_are_silent_the_replay_takes_over_to_the_end() {
    let mut rig = Rig::new(options());
    rig.line(&data(1, 2));
    assert_eq!(rig.until(3 * SECOND - 1), "");
    assert_eq!(rig.until(3 * SECOND), "connect0:replay0");
    rig.connected(0);
    rig.bytes(0, &[accepted(2), Packet::SequencedData(&message(2)), Packet::EndOfSession]);
    rig.expect("joined@1 1 (replay from message 2 on, server 0) 2 ended@3");
    assert_eq!(rig.consumer.state(rig.now_ns), State::Ended);
    let actions = rig.until(60 * SECOND);
    assert_eq!(actions, "send0:login2 close0", "nothing more is wanted");
}

#[test]
fn books_that_are_wrong_are_made_anew() {
    let mut rig = Rig::new(options());
    rig.line(&data(1, 4));
    assert!(rig.consumer.join_again(rig.now_ns));
    rig.line(&data(4, 6));
    assert_eq!(rig.until(0), "connect0:snapshot0");
    rig.connected(0);
    let (start, complete) = (start(5), complete(5));
    rig.bytes(0, &[accepted(1), Packet::SequencedData(&start), Packet::SequencedData(&complete)]);
    rig.expect(
        "joined@1 1 2 3 (snapshot from message 1 on, server 0) cleared snapshot snapshot \
         joined@5 5",
    );
    let mut without = Rig::new(Options { snapshot_servers: 0, ..options() });
    without.line(&data(1, 4));
    assert!(!without.consumer.join_again(0));
}

#[test]
fn without_servers_a_loss_is_a_loss_and_a_late_joiner_is_late() {
    let mut rig = Rig::new(Options::default());
    rig.line(&data(40, 41));
    rig.line(&data(42, 43));
    assert_eq!(rig.until(20 * MS), "");
    rig.expect("joined@40 40 gap[41,42) lost[41,42) 42");
    let feed = FeedOptions::repairing(Repair::default());
    let whole = Options { feed, ..options() };
    assert!(Consumer::new(Options { user: "too long a name".to_owned(), ..whole }).is_err());
}

#[test]
fn giving_up_ends_everything() {
    let mut rig = Rig::missing_one();
    let Rig { consumer, now_ns, words } = &mut rig;
    consumer.give_up(*now_ns, &mut |event| Rig::say(words, event));
    rig.expect("lost[2,3) 3");
    assert_eq!(rig.until(60 * SECOND), "send0:logout close0");
    assert_eq!(rig.consumer.next_deadline(), None);
}

#[test]
fn events_can_be_polled_and_what_has_no_room_is_repaired() {
    let feed = FeedOptions { held_messages_max: 10, ..FeedOptions::repairing(Repair::default()) };
    let mut polled = PolledConsumer::new(Options { feed, ..options() }).unwrap();
    // With `Joined`, one for each place.
    let many = crate::limits::POLLED_EVENTS_MAX as u64;
    (1..many).for_each(|n| polled.on_datagram(Source::LineA, &data(n, n + 1), 0).unwrap());
    assert!(!polled.has_room());
    polled.on_datagram(Source::LineA, &data(many, many + 1), 0).unwrap();
    assert_eq!(polled.untaken(), 1);
    let joined = PolledEvent::Joined { session: session(), sequence: 1 };
    assert_eq!(polled.poll_event(), Some(joined));
    assert_eq!(
        std::iter::from_fn(|| polled.poll_event()).last(),
        Some(PolledEvent::Message { sequence: many - 1, bytes: message(many - 1) })
    );
    // The next one shows that one is missing, and by then there is room for it.
    polled.on_datagram(Source::LineA, &data(many + 1, many + 2), 0).unwrap();
    polled.on_time(MS);
    assert!(matches!(polled.poll_action(MS), Some(Action::SendRequest { .. })));
    polled.on_datagram(Source::Retransmission, &data(many, many + 1), MS).unwrap();
    let gap = isochron_feeds::subscriber::Gap { first: many, next: many + 1 };
    let events: Vec<_> = std::iter::from_fn(|| polled.poll_event()).collect();
    let of = |sequence| PolledEvent::Message { sequence, bytes: message(sequence) };
    assert_eq!(events, [PolledEvent::GapOpened(gap), of(many), of(many + 1)]);
    polled.give_up(MS);
    assert_eq!(polled.next_deadline(), None);
}
