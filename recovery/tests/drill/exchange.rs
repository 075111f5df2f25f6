//! The exchange's end of a drill: two publishers, which pack differently, and the real servers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use isochron_feeds::books::Books;
use isochron_feeds::mold::{Kind, Packet, Session};
use isochron_feeds::publisher::Publisher;
use isochron_feeds::snapshot;
use isochron_messages::Message;
use isochron_recovery::access::{Access, Cost, Entitlement, Quota, User, hash_password};
use isochron_recovery::consumer::{ConnectionId, Service};
use isochron_recovery::library::{MemoryLibrary, MemoryLog};
use isochron_recovery::rerequest::{Network, Rates, Responder};
use isochron_recovery::server::{
    Connection, Replay, SnapshotAnswer, SnapshotCursor, SnapshotRequest, SnapshotSource, Snapshots,
};

use crate::market::Market;

pub(crate) const USER: &str = "drill";
pub(crate) const PASSWORD: &str = "lossy";

/// How often each line sends what there is: so they pack differently.
const PACE_NS: [u64; 2] = [100_000, 300_000];

/// What a publisher that starts again sends again: it notes what it sent a moment later.
const SENT_AGAIN: usize = 20;

/// Bytes that one connection carries in a step of 100 us: 1 Gbit/s.
const CARRIED_BYTES: usize = 12_500;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));

pub(crate) fn session() -> Session {
    Session::new("261122300A").expect("a session's name")
}

/// What is committed, as books: a snapshot of it takes no time.
pub(crate) struct Source {
    books: Books,
    next: u64,
    sessions: Vec<Session>,
    /// How many were made.
    made: u64,
}

/// A snapshot's messages.
pub(crate) struct Cursor {
    messages: Vec<Vec<u8>>,
    next: usize,
}

impl SnapshotCursor for Cursor {
    fn next_message(&mut self) -> Option<&[u8]> {
        self.next += 1;
        self.messages.get(self.next - 1).map(Vec::as_slice)
    }
}

impl SnapshotSource for Source {
    type Cursor = Cursor;

    fn snapshot(&mut self, request: &SnapshotRequest) -> SnapshotAnswer<Cursor> {
        if request.session != session() {
            return SnapshotAnswer::Unknown;
        }
        if self.next < request.next_at_least {
            return SnapshotAnswer::NotYet;
        }
        let mut messages = Vec::new();
        let mut sink = |message: &[u8]| messages.push(message.to_vec());
        snapshot::write(&self.books, self.next - 1, &mut sink).expect("between two events");
        self.made += 1;
        SnapshotAnswer::Ready(Cursor { messages, next: 0 })
    }

    fn current_sessions(&self) -> &[Session] {
        &self.sessions
    }
}

enum Peer {
    Replay(Connection<Replay<MemoryLibrary>>),
    Snapshot(Connection<Snapshots<Source>>),
}

/// The exchange.
pub(crate) struct Exchange {
    pub(crate) market: Market,
    /// All messages of the session.
    pub(crate) messages: Vec<Vec<u8>>,
    publishers: [Publisher; 2],
    /// How many of them each line was given.
    given: [usize; 2],
    /// How many both lines have sent: what servers may repeat.
    committed: usize,
    ended: bool,
    replay: Replay<MemoryLibrary>,
    snapshots: Snapshots<Source>,
    responder: Responder,
    access: Access,
    peers: BTreeMap<ConnectionId, Peer>,
}

impl Exchange {
    pub(crate) fn new(seed: u64) -> Exchange {
        let mut library = MemoryLibrary::default();
        library.add(session(), MemoryLog::new(1));
        let cost = Cost { memory_kib: 8, passes: 1 };
        let user = User {
            name: USER.to_owned(),
            password_hash: hash_password(PASSWORD, &[7; 16], cost).expect("it fits"),
            entitlement: Entitlement::all(),
            quota: Quota::default(),
        };
        let source = Source { books: Books::new(), next: 1, sessions: vec![session()], made: 0 };
        Exchange {
            market: Market::new(seed),
            messages: Vec::new(),
            publishers: [Publisher::new(session(), 1, 0), Publisher::new(session(), 1, 0)],
            given: [0; 2],
            committed: 0,
            ended: false,
            replay: Replay(library),
            snapshots: Snapshots(source),
            responder: Responder::new(&[Network::of(CLIENT, 8)], Rates::default()),
            access: Access::new(&[user], [1; 32]).expect("a user"),
            peers: BTreeMap::new(),
        }
    }

    /// An event happens.
    pub(crate) fn event(&mut self, now_ns: u64) {
        self.messages.extend(self.market.event(now_ns));
    }

    /// No event happens any more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The publishers start again.
    pub(crate) fn restart(&mut self, now_ns: u64) {
        for (publisher, given) in self.publishers.iter_mut().zip(&mut self.given) {
            *given = given.saturating_sub(SENT_AGAIN);
            *publisher = Publisher::new(session(), 1 + *given as u64, now_ns);
        }
    }

    /// Sends what there is on both lines: a datagram and the numbers of its messages.
    pub(crate) fn publish(&mut self, now_ns: u64, send: &mut impl FnMut(usize, &[u8], Range<u64>)) {
        for (line, pace_ns) in PACE_NS.into_iter().enumerate() {
            if now_ns.is_multiple_of(pace_ns) {
                self.publish_on(line, now_ns, send);
            }
        }
        let sent = self.given[0].min(self.given[1]);
        for message in &self.messages[self.committed.min(sent)..sent] {
            self.replay.0.log_mut(session()).expect("it was added").push(message);
            let source = &mut self.snapshots.0;
            let decoded = Message::decode(message).expect("our own bytes");
            source.books.apply(&decoded).expect("our own books");
            source.next += 1;
        }
        self.committed = self.committed.max(sent);
        if self.ended && self.committed == self.messages.len() {
            self.replay.0.log_mut(session()).expect("it was added").end();
        }
    }

    fn publish_on(
        &mut self,
        line: usize,
        now_ns: u64,
        send: &mut impl FnMut(usize, &[u8], Range<u64>),
    ) {
        let (publisher, given) = (&mut self.publishers[line], &mut self.given[line]);
        loop {
            while let Some(message) = self.messages.get(*given)
                && publisher.on_message(message).is_ok()
            {
                *given += 1;
            }
            if self.ended && *given == self.messages.len() {
                publisher.on_end(now_ns);
            }
            let Some(datagram) = publisher.poll_datagram(now_ns) else { return };
            let packet = Packet::new_checked(datagram.bytes).expect("our own datagram");
            let numbers = packet.sequence()..packet.next_sequence();
            send(line, datagram.bytes, numbers);
            if datagram.kind != Kind::Data {
                return;
            }
        }
    }

    /// Messages before this one are gone.
    pub(crate) fn forget(&mut self, first: u64) {
        self.replay.0.log_mut(session()).expect("it was added").forget(first);
    }

    /// The answer to a re-request.
    pub(crate) fn on_request(&mut self, packet: &[u8], now_ns: u64) -> Option<Vec<u8>> {
        let source = SocketAddr::new(CLIENT, 40_000);
        let answer = self.responder.on_request(source, packet, &mut self.replay.0, now_ns);
        answer.ok().map(<[u8]>::to_vec)
    }

    pub(crate) fn accept(&mut self, connection: ConnectionId, service: Service, now_ns: u64) {
        let peer = match service {
            Service::Replay => Peer::Replay(Connection::new(CLIENT, now_ns)),
            Service::Snapshot => Peer::Snapshot(Connection::new(CLIENT, now_ns)),
        };
        self.peers.insert(connection, peer);
    }

    pub(crate) fn on_bytes(&mut self, connection: ConnectionId, bytes: &[u8], now_ns: u64) {
        match self.peers.get_mut(&connection) {
            Some(Peer::Replay(peer)) => peer.on_bytes(bytes, now_ns),
            Some(Peer::Snapshot(peer)) => peer.on_bytes(bytes, now_ns),
            None => {}
        }
    }

    /// The client closed a connection, or the service is gone with all of them.
    pub(crate) fn close(&mut self, connection: ConnectionId) {
        self.peers.remove(&connection);
    }

    /// Ends the service: all connections break.
    pub(crate) fn kill_service(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.peers).into_keys().collect()
    }

    /// A turn of every connection: bytes for the client, and which connections end.
    pub(crate) fn serve(
        &mut self,
        now_ns: u64,
        send: &mut impl FnMut(ConnectionId, &[u8]),
    ) -> Vec<ConnectionId> {
        while let Some(verification) = self.access.poll_verification() {
            self.access.on_verified(verification.run());
        }
        let (access, mut done) = (&mut self.access, Vec::new());
        for (id, peer) in &mut self.peers {
            let is_done = match peer {
                Peer::Replay(peer) => {
                    let _ = peer.on_turn(&mut self.replay, access, now_ns);
                    let count = peer.outgoing().len().min(CARRIED_BYTES);
                    send(*id, &peer.outgoing()[..count]);
                    peer.on_transmitted(count, now_ns);
                    peer.is_done(now_ns)
                }
                Peer::Snapshot(peer) => {
                    let _ = peer.on_turn(&mut self.snapshots, access, now_ns);
                    let count = peer.outgoing().len().min(CARRIED_BYTES);
                    send(*id, &peer.outgoing()[..count]);
                    peer.on_transmitted(count, now_ns);
                    peer.is_done(now_ns)
                }
            };
            if is_done {
                done.push(*id);
            }
        }
        done.iter().for_each(|id| drop(self.peers.remove(id)));
        done
    }
}
