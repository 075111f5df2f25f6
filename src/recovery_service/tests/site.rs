//! A site for tests: a publisher's log, the service's agents, and clients on loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use isochron_feeds::channel::Product;
use isochron_feeds::mold::Session;
use isochron_recovery::access::{Cost, Entitlement, Grant, Quota, User, hash_password};
use isochron_recovery::limits::SERVER_PACKET_BYTES_MAX;
use isochron_recovery::rerequest::Rates;
use isochron_recovery::soup::{Decoder, LoginRequest, Packet, Sender};

use crate::agent::{Agent, Clock, ManualClock};
use crate::feed_log::{FeedLogOptions, FeedLogWriter, Origin};
use crate::limits::TERM_BYTES_MIN;
use crate::metrics::{Counter, Counters};
use crate::recovery_service::{Listening, Opened, RecoveryAgent, RecoveryOptions};
use crate::store::{Disk, Identity, MemoryDisk};
use crate::types::Nanos;

/// The first session.
pub(super) const SESSION: Session = Session(*b"261122300A");

/// Cycles within which something must happen: loopback takes a few.
const CYCLES_MAX: usize = 200_000;

const MS: u64 = 1_000_000;

/// What a server said, or that it closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Accepted(Session, u64),
    Rejected(u8),
    Message(Vec<u8>),
    Heartbeat,
    End,
    Debug(String),
    Gone,
}

/// A client with its socket.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    decoder: Decoder,
    pub(super) said: Vec<Said>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let decoder = Decoder::new(Sender::Server, SERVER_PACKET_BYTES_MAX);
        Self { socket, decoder, said: Vec::new() }
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.emit(&mut bytes);
        self.socket.write_all(&bytes).unwrap();
    }

    /// Sends a login, its fields padded as the protocol's text says.
    pub(super) fn login(&mut self, user: &str, password: &str, session: &str, sequence: &str) {
        fn left<const N: usize>(text: &str) -> [u8; N] {
            format!("{text:<N$}").into_bytes().try_into().unwrap()
        }
        let sequence = format!("{sequence:>20}").into_bytes().try_into().unwrap();
        let session = format!("{session:>10}").into_bytes().try_into().unwrap();
        let (user, password) = (left(user), left(password));
        self.send(&Packet::LoginRequest(LoginRequest { user, password, session, sequence }));
    }

    /// Takes what has come.
    pub(super) fn receive(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        while self.said.last() != Some(&Said::Gone) {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.said.push(Said::Gone),
                Ok(bytes) => self.take(&buffer[..bytes]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.said.push(Said::Gone),
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.decoder.feed(bytes)..];
            while let Some(packet) = self.decoder.next_packet().unwrap() {
                self.said.push(match packet {
                    Packet::LoginAccepted(at) => Said::Accepted(at.session, at.sequence),
                    Packet::LoginRejected(code) => Said::Rejected(code as u8),
                    Packet::SequencedData(message) => Said::Message(message.to_vec()),
                    Packet::ServerHeartbeat => Said::Heartbeat,
                    Packet::EndOfSession => Said::End,
                    Packet::Debug(text) => Said::Debug(String::from_utf8_lossy(text).into_owned()),
                    other => panic!("{other:?} from a server"),
                });
            }
        }
    }

    /// The messages that came.
    pub(super) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.said.iter().filter_map(|said| match said {
            Said::Message(message) => Some(&message[..]),
            _ => None,
        })
    }
}

/// Message `sequence` of logs that nobody decodes.
pub(super) fn message(sequence: u64) -> Vec<u8> {
    (0..40 + sequence % 50).map(|at| (at * 7 + sequence) as u8).collect()
}

/// A publisher's log and the service beside it.
pub(super) struct Site {
    disk: Arc<MemoryDisk>,
    options: RecoveryOptions,
    session: Session,
    publisher: Option<FeedLogWriter>,
    service: Opened,
    at: Listening,
    counters: Counters,
    clock: ManualClock,
    asker: UdpSocket,
}

impl Site {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A site whose options are changed.
    pub(super) fn with(change: impl FnOnce(&mut RecoveryOptions)) -> Self {
        let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut options = RecoveryOptions {
            store: PathBuf::from("/store"),
            replay: any_port,
            snapshots: any_port,
            rerequests: any_port,
            rerequest_networks: vec!["127.0.0.0/8".parse().unwrap()],
            rerequest_rates: Rates::default(),
            connections_max: 64,
            connections_per_address_max: 64,
            snapshot_age_ns_max: 1_000 * MS,
            users: users(),
            secret: [7; 32],
        };
        change(&mut options);
        let (disk, counters) = (Arc::new(MemoryDisk::default()), Counters::in_memory());
        let clock = ManualClock::new(Nanos(1_000 * MS));
        let shared: Arc<dyn Disk> = Arc::clone(&disk) as _;
        let service = RecoveryAgent::open(shared, &options, Box::new(clock.clone()), &counters);
        let service = service.unwrap();
        let at = service.recovery.listening().unwrap();
        let asker = UdpSocket::bind(any_port).unwrap();
        asker.set_nonblocking(true).unwrap();
        let (session, publisher) = (SESSION, None);
        let mut site =
            Self { disk, options, session, publisher, service, at, counters, clock, asker };
        site.start_publisher();
        site.run(10);
        site
    }

    /// One cycle of each agent.
    pub(super) fn run(&mut self, cycles: usize) {
        for _ in 0..cycles {
            let Opened { recovery, passwords, images } = &mut self.service;
            let now = self.clock.now();
            recovery.do_work(now);
            passwords.do_work(now);
            images.do_work(now);
            assert_eq!(recovery.failure(), None);
        }
    }

    /// Lets time pass, some milliseconds at a time.
    pub(super) fn pass_ms(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(50) {
            self.clock.advance(50 * MS);
            self.run(3);
        }
    }

    /// Runs until a client has heard enough.
    pub(super) fn until(
        &mut self,
        what: &str,
        client: &mut Client,
        is_enough: impl Fn(&[Said]) -> bool,
    ) {
        for _ in 0..CYCLES_MAX {
            self.run(1);
            client.receive();
            if is_enough(&client.said) {
                return;
            }
            std::thread::yield_now();
        }
        let (count, last) = (client.said.len(), client.said.last());
        panic!("waited in vain: {what}; {count} were said, the last {last:?}");
    }

    pub(super) fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    pub(super) fn until_count(&mut self, counter: Counter, count: u64) {
        for _ in 0..CYCLES_MAX {
            if self.count(counter) >= count {
                assert_eq!(self.count(counter), count);
                return;
            }
            self.run(1);
            std::thread::yield_now();
        }
        panic!("{} instead of {count}", self.count(counter));
    }

    pub(super) fn connect_replay(&self) -> Client {
        Client::connect(self.at.replay)
    }

    pub(super) fn connect_snapshot(&self) -> Client {
        Client::connect(self.at.snapshots)
    }

    pub(super) fn request(&self, session: Session, sequence: u64, count: u16) {
        self.send_datagram(&super::request(session, sequence, count));
    }

    pub(super) fn send_datagram(&self, bytes: &[u8]) {
        self.asker.send_to(bytes, self.at.rerequests).unwrap();
    }

    /// The answers that have come.
    pub(super) fn answers(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 2_048];
        let receive = || self.asker.recv(&mut buffer).ok().map(|bytes| buffer[..bytes].to_vec());
        std::iter::from_fn(receive).collect()
    }

    /// Runs until so many answers have come.
    pub(super) fn until_answers(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for _ in 0..CYCLES_MAX {
            self.run(1);
            answers.extend(self.answers());
            if answers.len() >= count {
                return answers;
            }
            std::thread::yield_now();
        }
        panic!("{} answers instead of {count}", answers.len());
    }

    fn publisher(&mut self) -> &mut FeedLogWriter {
        self.publisher.as_mut().unwrap()
    }

    /// A publisher that goes on where the log ends; what was not sent it sends first.
    pub(super) fn start_publisher(&mut self) {
        let identity = Identity {
            exchange: "XISO".to_owned(),
            exchange_number: 7,
            node: 1,
            schema_id: isochron_events::SCHEMA_ID,
            schema_version: isochron_events::SCHEMA_VERSION,
        };
        let options = FeedLogOptions {
            store: self.options.store.clone(),
            identity,
            term_bytes: 16 * TERM_BYTES_MIN,
            unsent_bytes_max: 1 << 24,
        };
        let disk: Arc<dyn Disk> = Arc::clone(&self.disk) as _;
        let log = FeedLogWriter::open(disk, &options, self.session, 1, self.clock.now()).unwrap();
        self.publisher = Some(log);
        self.commit();
    }

    /// As `kill -9` does: nothing is closed.
    pub(super) fn kill_publisher(&mut self) {
        self.publisher = None;
    }

    pub(super) fn begin_session(&mut self, session: Session) {
        self.session = session;
        self.start_publisher();
    }

    /// Writes messages, and sends nothing.
    pub(super) fn write(&mut self, messages: u64) {
        for _ in 0..messages {
            let sequence = self.publisher().next_sequence();
            self.write_one(&message(sequence));
        }
        self.publisher().flush().unwrap();
    }

    fn write_one(&mut self, message: &[u8]) {
        self.publisher().push(message, Origin::default()).unwrap();
    }

    /// All that was written is sent.
    pub(super) fn commit(&mut self) {
        let position = self.publisher().position();
        self.publisher().commit_to(position);
    }

    pub(super) fn publish(&mut self, messages: u64) {
        self.write(messages);
        self.commit();
    }

    /// Publishes messages of a real feed.
    pub(super) fn publish_all(&mut self, messages: &[Vec<u8>]) {
        messages.iter().for_each(|message| self.write_one(message));
        self.publisher().flush().unwrap();
        self.commit();
    }

    pub(super) fn end_session(&mut self) {
        self.publisher().end(Origin::default()).unwrap();
        self.commit();
    }
}

/// Alice may all, bob nothing but L1, carol one symbol; all have the same password.
fn users() -> Vec<User> {
    let cost = Cost { memory_kib: 8, passes: 1 };
    let password_hash = hash_password("secret", &[1; 16], cost).unwrap();
    let user = |name: &str, entitlement| User {
        name: name.to_owned(),
        password_hash: password_hash.clone(),
        entitlement,
        quota: Quota::default(),
    };
    let l1 = Entitlement { products: [Product::L1].into(), ..Entitlement::all() };
    let one = Grant::Only(["S002".to_owned()].into());
    let one = Entitlement { symbols: one, ..Entitlement::all() };
    vec![user("alice", Entitlement::all()), user("bob", l1), user("carol", one)]
}
