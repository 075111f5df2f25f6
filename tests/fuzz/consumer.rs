//! The whole client of a feed between two lines, re-request servers, replays and snapshots that
//! are all in a stranger's hand.

use isochron_feeds::mold::{HEADER_BYTES, Header, Session};
use isochron_feeds::subscriber::{Event as FeedEvent, Options as FeedOptions, Repair, Source};
use isochron_messages::{SbeMessage, SnapshotComplete, SnapshotStart};
use isochron_recovery::consumer::{Action, ConnectionId, Consumer, Event, Options, Service};
use isochron_recovery::soup::{LoginAccepted, Packet, RejectCode};

use super::{framed, parts};

const SESSION: Session = Session(*b"261122300A");
const HELD_MAX: usize = 50;

fn options() -> Options {
    let feed = FeedOptions::repairing(Repair { udp_messages_max: 40, ..Repair::default() });
    Options {
        feed: FeedOptions { held_messages_max: HELD_MAX, patience_ns: 8_000_000_000, ..feed },
        request_servers: 2,
        replay_servers: 2,
        snapshot_servers: 1,
        user: "alice".to_owned(),
        password: "secret".to_owned(),
    }
}

struct Client {
    consumer: Consumer,
    now_ns: u64,
    /// The next message that may be delivered.
    next: Option<u64>,
    /// The connection of each service that stands, or is to.
    replay: Option<ConnectionId>,
    snapshot: Option<ConnectionId>,
}

impl Client {
    fn call(&mut self, call: impl FnOnce(&mut Consumer, u64, &mut dyn FnMut(Event<'_>))) {
        let Self { consumer, now_ns, next, .. } = self;
        call(consumer, *now_ns, &mut |event| match event {
            Event::Feed(FeedEvent::Joined { sequence, .. }) => {
                assert!(next.is_none_or(|next| next <= sequence), "never back");
                *next = Some(sequence);
            }
            Event::Feed(FeedEvent::Message { sequence, .. }) => {
                assert_eq!(*next, Some(sequence), "in order, and once");
                *next = sequence.checked_add(1);
            }
            Event::Feed(FeedEvent::Lost(gap)) => {
                assert_eq!(*next, Some(gap.first), "nothing is passed over in silence");
                *next = Some(gap.next);
            }
            Event::Feed(FeedEvent::Ended { next: end }) => assert_eq!(*next, Some(end)),
            Event::Feed(FeedEvent::GapOpened(_)) | Event::Cleared | Event::Snapshot(_) => {}
            Event::Notice(notice) => assert!(!notice.to_string().is_empty()),
        });
        self.act();
    }

    fn act(&mut self) {
        let mut actions = 0;
        while let Some(action) = self.consumer.poll_action(self.now_ns) {
            actions += 1;
            assert!(actions <= 16, "{action:?}, and no end");
            match action {
                Action::Connect { service, connection, .. } => {
                    *self.connection(service) = Some(connection);
                }
                Action::Close { connection } => {
                    for service in [Service::Replay, Service::Snapshot] {
                        let known = self.connection(service);
                        *known = known.filter(|known| *known != connection);
                    }
                }
                Action::Send { bytes, .. } => assert!(bytes.len() < 200),
                Action::SendRequest { .. } => {}
            }
        }
        assert!(self.consumer.subscriber().held() <= HELD_MAX);
    }

    fn connection(&mut self, service: Service) -> &mut Option<ConnectionId> {
        match service {
            Service::Replay => &mut self.replay,
            Service::Snapshot => &mut self.snapshot,
        }
    }

    /// Lets time pass, and does what is due when it is.
    fn pass(&mut self, ns: u64) {
        let until_ns = self.now_ns + ns;
        let mut turns = 0;
        while let Some(due_ns) = self.consumer.next_deadline().filter(|due_ns| *due_ns <= until_ns)
        {
            turns += 1;
            assert!(turns < 10_000, "it is due at {due_ns}, and stays due");
            self.now_ns = self.now_ns.max(due_ns);
            self.call(|consumer, now_ns, sink| {
                consumer.on_time(now_ns, &mut |event| sink(event));
            });
        }
        self.now_ns = until_ns;
    }

    fn take(&mut self, what: u8, bytes: &[u8]) {
        let service = if what & 8 == 0 { Service::Replay } else { Service::Snapshot };
        let connection = *self.connection(service);
        match (what % 8, connection) {
            (source @ 0..=2, _) => {
                let source = Source::ALL[usize::from(source)];
                self.call(|consumer, now_ns, sink| {
                    let _ = consumer.on_datagram(source, bytes, now_ns, &mut |it| sink(it));
                });
            }
            (3, Some(id)) => self.call(|consumer, now_ns, _| consumer.on_connected(id, now_ns)),
            (4 | 5, Some(id)) => self.call(|consumer, now_ns, sink| {
                consumer.on_bytes(id, bytes, now_ns, &mut |event| sink(event));
            }),
            (6, Some(id)) => {
                *self.connection(service) = None;
                self.call(|consumer, now_ns, sink| {
                    consumer.on_disconnected(id, now_ns, &mut |event| sink(event));
                });
            }
            (7, _) if bytes.first() == Some(&1) => {
                self.call(|consumer, now_ns, _| {
                    let _ = consumer.join_again(now_ns);
                });
            }
            _ => {}
        }
    }
}

/// Each part is an instruction, a pace in tens of milliseconds, then bytes.
pub(super) fn anybody(bytes: &[u8]) {
    let consumer = Consumer::new(options()).expect("user and password fit");
    let mut client = Client { consumer, now_ns: 0, next: None, replay: None, snapshot: None };
    for part in parts(bytes).take(100) {
        let [what, pace, bytes @ ..] = part else { continue };
        client.take(*what, bytes);
        client.pass(u64::from(*pace) * 10_000_000);
    }
    client.pass(60_000_000_000);
    client.call(|consumer, now_ns, sink| consumer.give_up(now_ns, &mut |event| sink(event)));
    let subscriber = client.consumer.subscriber();
    assert_eq!((subscriber.held(), subscriber.missing().count()), (0, 0), "nothing is left over");
}

fn datagram(first: u64, count: u16) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    let header = Header { session: SESSION, sequence: first, count };
    header.emit(bytes.first_chunk_mut().expect("as long as a header"));
    if count != u16::MAX {
        (0..count).for_each(|_| bytes.extend([0, 2, 7, 7]));
    }
    bytes
}

fn of_server(sequence: u64, packets: &[Packet<'_>]) -> Vec<u8> {
    let accepted = Packet::LoginAccepted(LoginAccepted { session: SESSION, sequence });
    let mut bytes = Vec::new();
    accepted.emit(&mut bytes);
    packets.iter().for_each(|packet| packet.emit(&mut bytes));
    bytes
}

fn encoded(message: &impl SbeMessage) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    let length = message.encode(&mut bytes).expect("it is shorter");
    bytes.truncate(length);
    bytes
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let part = |what: u8, pace: u8, bytes: Vec<u8>| [&[what, pace], &bytes[..]].concat();
    let (last_included_sequence, next_sequence) = (40, 41);
    let start =
        encoded(&SnapshotStart { last_included_sequence, next_sequence, ..Default::default() });
    let complete =
        encoded(&SnapshotComplete { last_included_sequence, next_sequence, ..Default::default() });
    let message = Packet::SequencedData(b"77");
    let repaired = vec![
        part(0, 0, datagram(1, 3)),
        part(1, 0, datagram(2, 3)),
        part(0, 1, datagram(9, 2)),
        part(2, 0, datagram(5, 2)),
        part(2, 9, datagram(7, 1)),
        part(3, 0, Vec::new()),
        part(4, 0, of_server(8, &[message, message, message])),
        part(0, 0, datagram(11, u16::MAX)),
    ];
    let joined = vec![
        part(0, 0, datagram(40, 3)),
        part(11, 0, Vec::new()),
        part(12, 0, of_server(1, &[Packet::SequencedData(&start), message])),
        part(14, 99, Vec::new()),
        part(11, 0, Vec::new()),
        part(
            12,
            0,
            of_server(1, &[Packet::SequencedData(&start), Packet::SequencedData(&complete)]),
        ),
        part(7, 1, vec![1]),
        part(11, 200, Vec::new()),
    ];
    let refused = vec![
        part(0, 0, datagram(1, 1)),
        part(0, 20, datagram(100, 60)),
        part(3, 0, Vec::new()),
        part(4, 99, {
            let mut bytes = Vec::new();
            Packet::Debug(b"later; retry-after 1").emit(&mut bytes);
            Packet::LoginRejected(RejectCode::SessionNotAvailable).emit(&mut bytes);
            bytes
        }),
        part(3, 0, Vec::new()),
        part(4, 0, of_server(2, &[message, Packet::EndOfSession])),
        part(6, 255, Vec::new()),
    ];
    [repaired, joined, refused].map(framed).into()
}
