//! Client cores against server cores, over connections that cut, stall and break.

use isochron_feeds::mold::Session;

use crate::access::{Access, Cost, Entitlement, Purpose, Quota, User, hash_password};
use crate::client::{Client, Event, Options, State, Wish};
use crate::library::{MemoryLibrary, MemoryLog};
use crate::server::{
    Connection, Replay, Service, SnapshotAnswer, SnapshotCursor, SnapshotRequest, SnapshotSource,
    Snapshots, Turn,
};

const MS: u64 = 1_000_000;
const L3: Session = Session(*b"261122300A");

/// Random numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

fn access() -> Access {
    let cheap = Cost { memory_kib: 8, passes: 1 };
    let password_hash = hash_password("secret", &[7; 16], cheap).expect("a good password");
    let quota = Quota { logins_per_minute: 1_000_000, connections_max: 100, ..Quota::default() };
    let (name, entitlement) = ("alice".to_string(), Entitlement::all());
    Access::new(&[User { name, password_hash, entitlement, quota }], [1; 32]).expect("a good user")
}

/// What message `number` is.
fn message(number: u64) -> Vec<u8> {
    vec![number as u8; (number % 61) as usize]
}

/// A client, its connection, and what lies in the network between them.
struct Pair<S: Service> {
    client: Client,
    server: Option<Connection<S>>,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// The next message that should come; 1 again where a snapshot begins.
    expected: u64,
    complete: bool,
    connections: u32,
}

impl<S: Service> Pair<S> {
    fn new(options: Options) -> Pair<S> {
        let expected = options.sequence.max(1);
        let client = Client::new(options).expect("good credentials");
        let (to_server, to_client) = (Vec::new(), Vec::new());
        let (server, complete, connections) = (None, false, 0);
        Pair { client, server, to_server, to_client, expected, complete, connections }
    }

    /// Something happens on this pair: bytes travel, some of them, or the connection breaks.
    fn step(&mut self, host: &mut S, access: &mut Access, random: &mut Random, now_ns: u64) {
        match self.client.wish(now_ns) {
            Wish::Connect => {
                self.client.on_connected(now_ns);
                self.server = Some(Connection::new([192, 0, 2, 7].into(), now_ns));
                self.connections += 1;
            }
            Wish::Disconnect => self.hang_up(now_ns),
            Wish::Stay | Wish::Finished => {}
        }
        if self.server.is_some() && random.below(400) == 0 {
            self.hang_up(now_ns);
        }
        let Some(server) = &mut self.server else { return };
        let turn = server.on_turn(host, access, now_ns);
        assert!(turn == Turn::Waiting || server.is_streaming());
        if let Some(verification) = access.poll_verification() {
            access.on_verified(verification.run());
        }
        let taken = random.below(1 + server.outgoing().len());
        self.to_client.extend_from_slice(&server.outgoing()[..taken]);
        server.on_transmitted(taken, now_ns);
        let taken = random.below(1 + self.client.outgoing().len());
        self.to_server.extend_from_slice(&self.client.outgoing()[..taken]);
        self.client.on_transmitted(taken);

        let some = random.below(1 + self.to_server.len());
        let bytes: Vec<u8> = self.to_server.drain(..some).collect();
        server.on_bytes(&bytes, now_ns);
        let some = random.below(1 + self.to_client.len());
        let bytes: Vec<u8> = self.to_client.drain(..some).collect();
        self.hear(&bytes, now_ns);
        let server = self.server.as_ref().expect("it was there");
        let drained = self.to_client.is_empty();
        if server.is_done(now_ns) && drained {
            self.hang_up(now_ns);
        }
    }

    fn hear(&mut self, bytes: &[u8], now_ns: u64) {
        let (expected, complete) = (&mut self.expected, &mut self.complete);
        let mut sink = |event: Event<'_>| match event {
            Event::Accepted { session, sequence } => {
                assert_eq!(session, L3);
                if sequence == 1 {
                    *expected = 1;
                }
                assert_eq!(sequence, *expected);
            }
            Event::Message { sequence, bytes } => {
                assert_eq!(sequence, *expected, "in order, and once");
                *complete |= bytes == b"complete";
                assert!(*complete || bytes == message(sequence));
                *expected += 1;
            }
            Event::Ended { next } => {
                assert_eq!(next, *expected);
                *complete = true;
            }
            Event::Debug(text) => panic!("{}", String::from_utf8_lossy(text)),
        };
        self.client.on_bytes(bytes, now_ns, &mut sink).expect("a good server");
        self.client.on_time(now_ns).expect("a server that is not silent");
        if self.complete {
            self.client.log_out(now_ns);
        }
    }

    fn hang_up(&mut self, now_ns: u64) {
        self.server = None;
        self.to_server.clear();
        self.to_client.clear();
        self.client.on_disconnected(now_ns);
    }
}

#[test]
fn replays_over_breaking_connections_bring_every_message_once() {
    for seed in 1..=5 {
        let (mut random, mut access) = (Random(seed), access());
        let mut library = MemoryLibrary::default();
        let mut log = MemoryLog::new(1);
        (1..=6_000).for_each(|number| log.push(&message(number)));
        library.add(L3, log);
        let mut host = Replay(library);
        let start = |sequence| Options { sequence, ..Options::new("alice", "secret") };
        let starts = [1, 2, 3_000, 6_000, 6_001];
        let mut pairs: Vec<_> = starts.map(|sequence| Pair::new(start(sequence))).into();
        let mut last = 6_000;
        for round in 0.. {
            let now_ns = round * 20 * MS;
            let log = host.0.log_mut(L3).expect("it is there");
            if last < 9_000 && random.below(3) == 0 {
                (last + 1..=last + 20).for_each(|number| log.push(&message(number)));
                last += 20;
            } else if last == 9_000 {
                log.end();
                last += 1;
            }
            for pair in &mut pairs {
                pair.step(&mut host, &mut access, &mut random, now_ns);
            }
            if pairs.iter().all(|pair| pair.client.state() == State::Finished) {
                break;
            }
            assert!(round < 20_000, "seed {seed}: nothing comes to an end");
        }
        assert!(pairs.iter().all(|pair| pair.complete && pair.expected == 9_001), "seed {seed}");
        let connections: u32 = pairs.iter().map(|pair| pair.connections).sum();
        assert!(connections > 5, "seed {seed}: {connections} connections, none broke");
    }
}

/// A snapshot of so many messages, and a last one.
struct Source(u64);

struct Cursor {
    next: u64,
    last: u64,
    bytes: Vec<u8>,
}

impl SnapshotCursor for Cursor {
    fn next_message(&mut self) -> Option<&[u8]> {
        self.bytes = match self.next {
            next if next < self.last => message(next),
            next if next == self.last => b"complete".to_vec(),
            _ => return None,
        };
        self.next += 1;
        Some(&self.bytes)
    }
}

impl SnapshotSource for Source {
    type Cursor = Cursor;

    fn snapshot(&mut self, request: &SnapshotRequest) -> SnapshotAnswer<Cursor> {
        assert_eq!(request.next_at_least, 40);
        SnapshotAnswer::Ready(Cursor { next: 1, last: self.0, bytes: Vec::new() })
    }

    fn current_sessions(&self) -> &[Session] {
        &[L3]
    }
}

#[test]
fn a_snapshot_over_breaking_connections_is_whole_in_the_end() {
    let mut broken = 0;
    for seed in 1..=20 {
        let (mut random, mut access) = (Random(seed), access());
        let mut host = Snapshots(Source(5_000));
        let options = Options {
            purpose: Purpose::Snapshot,
            session: L3,
            sequence: 40,
            ..Options::new("alice", "secret")
        };
        let mut pair: Pair<Snapshots<Source>> = Pair::new(options);
        let mut now_ns = 0;
        while pair.client.state() != State::Finished {
            now_ns += 20 * MS;
            assert!(now_ns < 1_000_000 * MS, "seed {seed}: nothing comes to an end");
            pair.step(&mut host, &mut access, &mut random, now_ns);
        }
        assert!(pair.complete && pair.expected == 5_001, "seed {seed}");
        broken += pair.connections - 1;
    }
    assert!(broken > 0, "no connection broke");
}
