//! The repair protocols from a stranger's hand: SoupBinTCP on both ends, and re-requests.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use isochron_feeds::limits::DATAGRAM_BYTES_MAX;
use isochron_feeds::mold::{Header, Packet as MoldPacket, Session};
use isochron_recovery::access::{Access, Cost, Entitlement, Quota, User, hash_password};
use isochron_recovery::client::{Client, Event, Options, State, Wish};
use isochron_recovery::library::{MemoryLibrary, MemoryLog};
use isochron_recovery::limits::{CLIENT_OUTGOING_BYTES_MAX, OUTGOING_BYTES_MAX};
use isochron_recovery::rerequest::{Rates, Responder};
use isochron_recovery::server::{Connection, Replay};
use isochron_recovery::soup::{Decoder, LoginAccepted, LoginRequest, Packet, RejectCode, Sender};
use isochron_recovery::{Library, SequencedLog};

use super::{framed, parts};

const SESSION: Session = Session(*b"261122300A");
const MESSAGES: u64 = 2_500;
const PACKET_BYTES_MAX: usize = u16::MAX as usize;

type Server = Connection<Replay<MemoryLibrary>>;

fn library() -> MemoryLibrary {
    let mut log = MemoryLog::new(3);
    (3..3 + MESSAGES).for_each(|number| log.push(&number.to_be_bytes()[..(number % 9) as usize]));
    let mut library = MemoryLibrary::default();
    library.add(SESSION, log);
    library
}

fn users() -> &'static [User; 1] {
    static USERS: OnceLock<[User; 1]> = OnceLock::new();
    USERS.get_or_init(|| {
        let cheap = Cost { memory_kib: 8, passes: 1 };
        let quota = Quota { logins_per_minute: 20, connections_max: 4, ..Quota::default() };
        let password_hash = hash_password("secret", &[7; 16], cheap).expect("a good password");
        let entitlement = Entitlement::all();
        [User { name: "alice".to_string(), password_hash, entitlement, quota }]
    })
}

fn bytes_of(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.emit(&mut bytes);
    bytes
}

fn login(sequence: u64) -> Vec<u8> {
    let login = LoginRequest::new("alice", "secret", SESSION, sequence).expect("it fits");
    bytes_of(&Packet::LoginRequest(login))
}

/// A service, its users, and a clock.
struct Host {
    replay: Replay<MemoryLibrary>,
    access: Access,
    now_ns: u64,
}

/// One connection and what it was sent.
struct Peer {
    server: Server,
    decoder: Decoder,
    next: Option<u64>,
}

impl Peer {
    fn new(host: &Host, address: u8) -> Peer {
        let server = Server::new([10, 0, 0, address].into(), host.now_ns);
        Peer { server, decoder: Decoder::new(Sender::Server, PACKET_BYTES_MAX), next: None }
    }

    /// A turn, and `most` bytes taken of what there is.
    fn turn(&mut self, host: &mut Host, most: usize) {
        let now_ns = host.now_ns;
        let _ = self.server.on_turn(&mut host.replay, &mut host.access, now_ns);
        if let Some(verification) = host.access.poll_verification() {
            host.access.on_verified(verification.run());
        }
        let outgoing = self.server.outgoing();
        assert!(outgoing.len() < OUTGOING_BYTES_MAX + 4_096, "{} bytes wait", outgoing.len());
        let taken = outgoing[..outgoing.len().min(most)].to_vec();
        self.server.on_transmitted(taken.len(), now_ns);
        let deadline_ns = self.server.next_deadline();
        assert!(self.server.closed().is_none() || deadline_ns.is_some(), "it ends some time");
        let log = host.replay.0.log(SESSION).expect("it is there");
        let mut rest = &taken[..];
        while !rest.is_empty() {
            rest = &rest[self.decoder.feed(rest)..];
            while let Some(packet) = self.decoder.next_packet().expect("a server's packet") {
                match (packet, self.next) {
                    (Packet::LoginAccepted(accepted), None) => self.next = Some(accepted.sequence),
                    (Packet::SequencedData(bytes), Some(next)) => {
                        assert_eq!(log.get(next), Some(bytes), "in order, and whole");
                        self.next = Some(next + 1);
                    }
                    (Packet::Debug(_), _) | (Packet::ServerHeartbeat, Some(_)) => {}
                    (Packet::LoginRejected(_), None) => {}
                    (packet, next) => panic!("{packet:?} where {next:?} was next"),
                }
            }
        }
    }
}

/// What clients send: each part is an instruction, then bytes for one of three connections.
pub(super) fn server(bytes: &[u8]) {
    let access = Access::new(users(), [5; 32]).expect("a good user");
    let mut host = Host { replay: Replay(library()), access, now_ns: 0 };
    let mut bystander = Peer::new(&host, 1);
    bystander.server.on_bytes(&login(3), 0);
    let mut peers = [2, 3, 4].map(|address| Peer::new(&host, address));
    for part in parts(bytes).take(100) {
        let Some((&what, bytes)) = part.split_first() else { continue };
        let address = usize::from(what % 3);
        let peer = &mut peers[address];
        if what & 0x10 != 0 {
            host.now_ns += u64::from(what >> 5) * 700_000_000;
        }
        if peer.server.is_done(host.now_ns) {
            *peer = Peer::new(&host, 2 + address as u8);
        }
        peer.server.on_bytes(bytes, host.now_ns);
        peer.turn(&mut host, if what & 8 == 0 { usize::MAX } else { 10 });
        bystander.server.on_bytes(&bytes_of(&Packet::ClientHeartbeat), host.now_ns);
        bystander.turn(&mut host, usize::MAX);
    }
    for _ in 0..6 {
        bystander.turn(&mut host, usize::MAX);
    }
    assert!(bystander.server.closed().is_none(), "{:?}", bystander.server.closed());
    assert_eq!(bystander.next, Some(3 + MESSAGES), "whatever others do");
}

pub(super) fn server_seeds() -> Vec<Vec<u8>> {
    let say = |what: u8, bytes: &[u8]| [&[what], bytes].concat();
    let beat = bytes_of(&Packet::ClientHeartbeat);
    let good = [say(0, &login(3)), say(0x30, &beat), say(0x30, &bytes_of(&Packet::LogoutRequest))];
    let slow = [say(1, &login(1_000)), say(8 + 1, b""), say(8 + 1, &beat), say(0xf0 + 1, b"")];
    let (first, second) = (login(0), login(0));
    let cut = [say(2, &first[..9]), say(2, &first[9..]), say(2, &second), say(2, b"")];
    let data = bytes_of(&Packet::UnsequencedData(b"data"));
    let debug = bytes_of(&Packet::Debug(b"hello"));
    let odd = [say(0, &debug), say(0, &login(9_999)), say(1, &data), say(2, &login(1))];
    let blank = LoginRequest::new("x", "y", Session::BLANK, 7).expect("it fits");
    let wrong = [say(0, &bytes_of(&Packet::LoginRequest(blank))), say(0, b""), say(0, b"")];
    [&good[..], &slow, &cut, &odd, &wrong].iter().map(|seed| framed(seed.to_vec())).collect()
}

/// What a server sends: each part is an instruction, then bytes for the client's connection.
pub(super) fn client(bytes: &[u8]) {
    let options = Options { session: SESSION, sequence: 3, ..Options::new("alice", "secret") };
    let mut client = Client::new(options).expect("good credentials");
    let (mut now_ns, mut next, mut ended) = (0, 3, false);
    for part in parts(bytes).take(200) {
        let Some((&what, bytes)) = part.split_first() else { continue };
        now_ns += u64::from(what) * 100_000_000;
        match client.wish(now_ns) {
            Wish::Connect => client.on_connected(now_ns),
            Wish::Disconnect => client.on_disconnected(now_ns),
            Wish::Finished => return,
            Wish::Stay => {}
        }
        let connected = matches!(client.state(), State::LoggingIn | State::Streaming);
        let _ = client.on_bytes(bytes, now_ns, &mut |event| {
            assert!(connected && !ended, "{event:?} out of place");
            match event {
                Event::Accepted { session, sequence } => {
                    assert_eq!((session, sequence), (SESSION, next), "as it was asked for");
                }
                Event::Message { sequence, .. } => {
                    assert_eq!(sequence, next, "in order, and once");
                    next += 1;
                }
                Event::Ended { next: end } => {
                    assert_eq!(end, next);
                    ended = true;
                }
                Event::Debug(_) => {}
            }
        });
        let _ = client.on_time(now_ns);
        assert_eq!((client.next_sequence(), client.session()), (next, SESSION));
        assert!(client.outgoing().len() <= CLIENT_OUTGOING_BYTES_MAX);
        let failed = matches!(client.state(), State::Leaving { .. }) && !ended;
        assert!(!failed || client.failure().is_some(), "a reason for every failure");
        if what % 2 == 0 {
            client.on_transmitted(client.outgoing().len());
        }
    }
}

pub(super) fn client_seeds() -> Vec<Vec<u8>> {
    let say = |what: u8, bytes: &[u8]| [&[what], bytes].concat();
    let accept = |sequence| {
        let accepted = LoginAccepted { session: SESSION, sequence };
        bytes_of(&Packet::LoginAccepted(accepted))
    };
    let data = bytes_of(&Packet::SequencedData(b"message"));
    let beat = bytes_of(&Packet::ServerHeartbeat);
    let end = bytes_of(&Packet::EndOfSession);
    let good = [say(0, &accept(3)), say(1, &data), say(10, &beat), say(2, &data), say(0, &end)];
    let stream = [accept(3), data.clone(), data.clone(), beat].concat();
    let mut cut: Vec<_> = stream.chunks(5).map(|bytes| say(0, bytes)).collect();
    // Silence, another connection, and the rest.
    cut.extend([say(160, b""), say(10, b""), say(10, &accept(5)), say(0, &data), say(0, &end)]);
    let later = bytes_of(&Packet::Debug(b"quota; retry-after 3"));
    let reject = bytes_of(&Packet::LoginRejected(RejectCode::SessionNotAvailable));
    let rejected = [say(0, &later), say(0, &reject), say(1, b""), say(40, &accept(3))];
    [&good[..], &cut, &rejected].iter().map(|seed| framed(seed.to_vec())).collect()
}

/// Requests: each part is a source and a pause, then a datagram.
pub(super) fn rerequest(bytes: &[u8]) {
    let allowed = ["10.0.0.0/24", "224.0.0.0/4"].map(|text| text.parse().expect(text));
    let mut responder = Responder::new(&allowed, Rates::default());
    let mut library = library();
    let (mut now_ns, mut answers) = (0, 0);
    for (requests, part) in (1..).zip(parts(bytes).take(300)) {
        let Some((&[network, host, pause], datagram)) = part.split_first_chunk() else { return };
        now_ns += u64::from(pause) * 1_000_000;
        let ip = IpAddr::from([network, 0, 0, host]);
        let source = SocketAddr::new(ip, 30_000);
        if let Ok(answer) = responder.on_request(source, datagram, &mut library, now_ns) {
            answers += 1;
            assert!(network == 10 && host != 255, "{source} is not to be answered");
            assert!(answer.len() <= DATAGRAM_BYTES_MAX);
            let packet = MoldPacket::new_checked(answer).expect("a packet");
            assert_eq!(Header::parse(datagram).map(|asked| asked.sequence), Ok(packet.sequence()));
            let log = library.log_mut(packet.session()).expect("a session that there is");
            for (sequence, message) in packet.messages() {
                assert_eq!(log.get(sequence), Some(message));
            }
        }
        let statistics = responder.statistics();
        let dropped: u64 = statistics.dropped.iter().sum();
        assert_eq!((statistics.requests, statistics.answers), (requests, answers));
        assert_eq!(requests, answers + dropped, "every one is counted");
    }
}

pub(super) fn rerequest_seeds() -> Vec<Vec<u8>> {
    let ask = |network: u8, host: u8, sequence: u64, count: u16| {
        let mut bytes = [0; 20];
        Header { session: SESSION, sequence, count }.emit(&mut bytes);
        [&[network, host, 1], &bytes[..]].concat()
    };
    let good = [ask(10, 1, 3, 1), ask(10, 2, 100, 50), ask(10, 1, 2_502, 5), ask(10, 1, 9, 0xFFFE)];
    let bad = [ask(10, 255, 3, 1), ask(224, 1, 3, 1), ask(9, 1, 3, 1), ask(10, 1, 1, 1)];
    let odd = [ask(10, 1, 9_999, 1), ask(10, 1, 0, 1), ask(10, 1, 3, 0), ask(10, 1, 3, 0xFFFF)];
    let flood = vec![ask(10, 1, 3, 1); 250];
    vec![framed(good), framed(bad), framed(odd), framed(flood)]
}
