//! The server's side of one SoupBinTCP connection: login, then a replay or a snapshot.
//!
//! ```text
//!            L                 password good,            A, then S S S ... H ... S S
//!  Login ────────▶ Deciding ─── quotas allow ─▶ Opening ─────────▶ Streaming ──┐
//!    │ 5 s            │ no                        │ no: `+` reason, `J`        │ Z, or the
//!    ▼                ▼                           ▼                            ▼ snapshot's end
//!  Closing ◀──────────┴───────────────────────────┴────────────────────────────┘
//!  what is queued leaves, within a time; every end has a reason, told in a `+` packet
//! ```
//!
//! The connection knows neither socket nor clock. Its queue is small, because the log behind it
//! holds every message: a reader that is slow is behind in the log, not in memory. In each turn it
//! queues a slice of at most 2,000 messages, so that one thread serves thousands of connections
//! and none waits for another's replay; the client sees one stream.
//! Spec: Nasdaq SoupBinTCP 3.00; what it leaves open is in the crate's README.

mod closed;
mod login;
mod replay;
mod snapshot;

use std::net::IpAddr;

use isochron_feeds::mold::Session;

use crate::access::{Access, Admission, Refusal};
use crate::limits::{
    CLIENT_PACKET_BYTES_MAX, DEBUG_BYTES_MAX, DECISION_TIMEOUT_NS, HEARTBEAT_INTERVAL_NS,
    IDLE_TIMEOUT_NS, LINGER_NS, LOGIN_TIMEOUT_NS, OUTGOING_BYTES_MAX, PAYLOAD_BYTES_MAX,
    SLICE_MESSAGES_MAX, SLOW_READER_NS, SNAPSHOT_WAIT_NS,
};
use crate::outgoing::Outgoing;
use crate::soup::{Decoder, HEADER_BYTES, LoginRequest, Packet, Sender, SoupError};
pub use closed::{Closed, Rejection};
pub use replay::{Replay, ReplayStream};
pub use snapshot::{
    SnapshotAnswer, SnapshotCursor, SnapshotRequest, SnapshotSource, SnapshotStream, Snapshots,
};

/// What a port has to offer once the user is known: [`Replay`] or [`Snapshots`].
pub trait Service {
    /// Where one connection stands in what it is sent.
    type Stream;

    /// Decides on the session and the sequence that a login asks for.
    fn open(
        &mut self,
        login: &LoginRequest,
        user: &Admission,
        access: &Access,
        now_ns: u64,
    ) -> Opening<Self::Stream>;

    /// Queues what comes next, as long as the slice has room.
    fn fill(
        &mut self,
        stream: &mut Self::Stream,
        user: &Admission,
        access: &mut Access,
        slice: &mut Slice<'_>,
        now_ns: u64,
    ) -> Fill;
}

/// What a service says to a login.
#[derive(Debug)]
pub enum Opening<T> {
    /// Accepted.
    Open {
        /// The session that the client is in.
        session: Session,
        /// The number of the first message.
        sequence: u64,
        /// Where it stands.
        stream: T,
    },
    /// Ask again: what is wanted is not there yet, for this reason if it never comes.
    NotYet(Rejection),
    /// Rejected.
    Rejected(Rejection),
}

/// How a slice ended.
#[derive(Debug)]
pub enum Fill {
    /// With all that there was, or no more room.
    Waiting,
    /// In the middle: there is more.
    More,
    /// With the last message there will be.
    Over(Closed),
}

/// Room for the messages of one turn.
#[derive(Debug)]
pub struct Slice<'a> {
    outgoing: &'a mut Outgoing,
    messages: usize,
    oversized: Option<usize>,
}

impl Slice<'_> {
    /// Whether one more message may be queued in this turn.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.messages < SLICE_MESSAGES_MAX && !self.is_full() && self.oversized.is_none()
    }

    /// Whether the reader has to take something first.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.outgoing.pending().len() >= OUTGOING_BYTES_MAX
    }

    /// Queues a message as sequenced data. One that fits no packet ends the connection.
    pub fn push(&mut self, message: &[u8]) {
        if message.len() > PAYLOAD_BYTES_MAX {
            self.oversized = Some(message.len());
            return;
        }
        self.outgoing.push(&Packet::SequencedData(message));
        self.messages += 1;
    }
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// Nothing to do until something happens.
    Waiting,
    /// More of the same: another turn, after the other connections had theirs.
    More,
}

/// Where a connection stands.
enum Phase<T> {
    /// The client has said nothing yet.
    Login,
    /// Since then it is being found out whether the password is right.
    Deciding(LoginRequest, u64),
    /// The user is in; what is asked for is looked for since then.
    Opening(LoginRequest, u64),
    /// Accepted.
    Streaming(T),
    /// What is queued may leave until then.
    Closing(Closed, u64),
}

/// One connection. Calling order: [`on_bytes`](Connection::on_bytes) with what the socket
/// received; [`on_turn`](Connection::on_turn) after that, when the log has grown, when bytes have
/// left, when a password was verified, at [`next_deadline`](Connection::next_deadline), and again
/// where it says [`Turn::More`]; after each of them write what is in
/// [`outgoing`](Connection::outgoing) and say what left with
/// [`on_transmitted`](Connection::on_transmitted). Once [`is_done`](Connection::is_done), shut the
/// socket's writing side down, and close it: what the client sent meanwhile must be read and
/// thrown away before, or the operating system takes the last bytes back.
pub struct Connection<S: Service> {
    source: IpAddr,
    decoder: Decoder,
    outgoing: Outgoing,
    phase: Phase<S::Stream>,
    user: Option<Admission>,
    session: Option<Session>,
    /// The number of the next message to queue.
    next_sequence: u64,
    messages: u64,
    opened_ns: u64,
    /// The last whole packet of the client.
    heard_ns: u64,
    /// The last packet that was queued.
    sent_ns: u64,
    /// What must have left, and since when it must.
    reader: Option<(u64, u64)>,
    unsequenced: u64,
}

/// What a packet of the client is to a connection.
enum Heard {
    Login(LoginRequest),
    Logout,
    Unsequenced(u8),
    Heartbeat(u8),
    Debug,
}

impl<S: Service> Connection<S> {
    /// A connection that was accepted from `source` at `now_ns`.
    #[must_use]
    pub fn new(source: IpAddr, now_ns: u64) -> Connection<S> {
        Connection {
            source,
            decoder: Decoder::new(Sender::Client, CLIENT_PACKET_BYTES_MAX),
            outgoing: Outgoing::default(),
            phase: Phase::Login,
            user: None,
            session: None,
            next_sequence: 0,
            messages: 0,
            opened_ns: now_ns,
            heard_ns: now_ns,
            sent_ns: now_ns,
            reader: None,
            unsequenced: 0,
        }
    }

    /// Takes what the socket received.
    pub fn on_bytes(&mut self, mut bytes: &[u8], now_ns: u64) {
        while !bytes.is_empty() && self.closed().is_none() {
            let taken = self.decoder.feed(bytes);
            bytes = &bytes[taken..];
            while self.closed().is_none() {
                match self.decoder.next_packet() {
                    Ok(None) => break,
                    Ok(Some(packet)) => {
                        let heard = heard(&packet);
                        self.on_packet(heard, now_ns);
                    }
                    Err(error) => self.close(Closed::Malformed(error), now_ns),
                }
            }
        }
    }

    fn on_packet(&mut self, heard: Heard, now_ns: u64) {
        self.heard_ns = now_ns;
        match (&self.phase, heard) {
            (_, Heard::Debug) => {}
            (_, Heard::Logout) => self.close(Closed::LoggedOut, now_ns),
            (Phase::Login, Heard::Login(login)) => self.phase = Phase::Deciding(login, now_ns),
            (_, Heard::Login(_)) => self.close(Closed::LoginAgain, now_ns),
            (Phase::Login, Heard::Unsequenced(packet_type) | Heard::Heartbeat(packet_type)) => {
                self.close(Closed::NoLogin { packet_type }, now_ns);
            }
            (_, Heard::Unsequenced(_)) => self.unsequenced += 1,
            (_, Heard::Heartbeat(_)) => {}
        }
    }

    /// Does what is due: decides on a login, queues a slice of messages, a heartbeat, or the end.
    pub fn on_turn(&mut self, service: &mut S, access: &mut Access, now_ns: u64) -> Turn {
        self.on_time(now_ns);
        if let Phase::Deciding(login, _) = self.phase {
            self.decide(&login, access, now_ns);
        }
        if let Phase::Opening(login, since_ns) = self.phase {
            self.open(&login, since_ns, service, access, now_ns);
        }
        let turn = self.stream(service, access, now_ns);
        let silent = now_ns.saturating_sub(self.sent_ns) >= HEARTBEAT_INTERVAL_NS;
        if silent && self.outgoing.is_empty() && matches!(self.phase, Phase::Streaming(_)) {
            self.send(&Packet::ServerHeartbeat, now_ns);
        }
        if self.reader.is_none() && !self.outgoing.is_empty() {
            self.reader = Some((self.outgoing.queued(), now_ns));
        }
        turn
    }

    /// Ends what has lasted too long.
    fn on_time(&mut self, now_ns: u64) {
        let since = |from_ns: u64| now_ns.saturating_sub(from_ns);
        let slow = self.reader.is_some_and(|(_, from_ns)| since(from_ns) >= SLOW_READER_NS);
        match self.phase {
            Phase::Closing(..) => {}
            _ if slow => {
                let pending_bytes = self.outgoing.pending().len();
                self.close(Closed::SlowReader { pending_bytes }, now_ns);
            }
            Phase::Login if since(self.opened_ns) >= LOGIN_TIMEOUT_NS => {
                let pending_bytes = self.decoder.pending_bytes();
                self.close(Closed::LoginTimeout { pending_bytes }, now_ns);
            }
            Phase::Streaming(_) if since(self.heard_ns) >= IDLE_TIMEOUT_NS => {
                self.close(Closed::Idle, now_ns);
            }
            Phase::Deciding(_, from_ns) if since(from_ns) >= DECISION_TIMEOUT_NS => {
                let busy = Refusal::Busy { retry_after_s: 2 };
                self.close(Closed::Rejected(Rejection::Refused(busy)), now_ns);
            }
            Phase::Login | Phase::Deciding(..) | Phase::Opening(..) | Phase::Streaming(_) => {}
        }
    }

    /// Queues the next slice.
    fn stream(&mut self, service: &mut S, access: &mut Access, now_ns: u64) -> Turn {
        let (Phase::Streaming(stream), Some(user)) = (&mut self.phase, &self.user) else {
            return Turn::Waiting;
        };
        let outgoing = &mut self.outgoing;
        let mut slice = Slice { outgoing, messages: 0, oversized: None };
        let fill = service.fill(stream, user, access, &mut slice, now_ns);
        let (messages, oversized) = (slice.messages, slice.oversized);
        if messages > 0 {
            self.next_sequence += messages as u64;
            self.messages += messages as u64;
            self.sent_ns = now_ns;
        }
        match (oversized, fill) {
            (Some(bytes), _) => {
                let sequence = self.next_sequence;
                self.close(Closed::Oversized { sequence, bytes }, now_ns);
                Turn::Waiting
            }
            (None, Fill::Waiting) => Turn::Waiting,
            (None, Fill::More) => Turn::More,
            (None, Fill::Over(reason)) => {
                self.close(reason, now_ns);
                Turn::Waiting
            }
        }
    }

    /// The bytes for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.pending()
    }

    /// The first so many of [`outgoing`](Connection::outgoing) were taken by the socket.
    pub fn on_transmitted(&mut self, bytes: usize, now_ns: u64) {
        self.outgoing.take(bytes);
        if self.reader.is_some_and(|(mark, _)| self.outgoing.taken() >= mark) {
            let left = !self.outgoing.is_empty();
            self.reader = left.then(|| (self.outgoing.queued(), now_ns));
        }
    }

    /// When to call [`on_turn`](Connection::on_turn) though nothing happened; `None` while only
    /// something from outside can change anything.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let after = |from_ns: u64, time_ns: u64| Some(from_ns.saturating_add(time_ns));
        let slow = self.reader.and_then(|(_, from_ns)| after(from_ns, SLOW_READER_NS));
        let own = match &self.phase {
            Phase::Login => after(self.opened_ns, LOGIN_TIMEOUT_NS),
            Phase::Deciding(_, since_ns) => after(*since_ns, DECISION_TIMEOUT_NS),
            Phase::Opening(_, since_ns) => after(*since_ns, SNAPSHOT_WAIT_NS),
            Phase::Streaming(_) => {
                let idle = after(self.heard_ns, IDLE_TIMEOUT_NS);
                let heartbeat = after(self.sent_ns, HEARTBEAT_INTERVAL_NS);
                if self.outgoing.is_empty() { idle.min(heartbeat) } else { idle }
            }
            Phase::Closing(_, until_ns) => return Some(*until_ns),
        };
        own.into_iter().chain(slow).min()
    }

    /// Why the connection ends, once it does.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.phase {
            Phase::Closing(reason, _) => Some(reason),
            _ => None,
        }
    }

    /// Whether it has ended and the socket is to be closed: all is sent, or it took too long.
    #[must_use]
    pub fn is_done(&self, now_ns: u64) -> bool {
        match &self.phase {
            Phase::Closing(_, until_ns) => self.outgoing.is_empty() || now_ns >= *until_ns,
            _ => false,
        }
    }

    /// Where the client connected from.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// The user, from the moment that the quotas let it in until the connection ends.
    #[must_use]
    pub fn user(&self) -> Option<&Admission> {
        self.user.as_ref()
    }

    /// The session, once the login is accepted.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session
    }

    /// The number of the next message to be queued, once the login is accepted.
    #[must_use]
    pub fn next_sequence(&self) -> Option<u64> {
        self.session.map(|_| self.next_sequence)
    }

    /// Messages that were queued.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether it was accepted and goes on: it wants a turn when the log has grown.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        matches!(self.phase, Phase::Streaming(_))
    }

    /// Whether it waits for a password to be verified: it wants a turn when one was.
    #[must_use]
    pub fn is_deciding(&self) -> bool {
        matches!(self.phase, Phase::Deciding(..))
    }

    /// Unsequenced messages that the client sent; nothing is done with them.
    #[must_use]
    pub fn unsequenced(&self) -> u64 {
        self.unsequenced
    }

    fn send(&mut self, packet: &Packet<'_>, now_ns: u64) {
        self.outgoing.push(packet);
        self.sent_ns = now_ns;
    }

    fn say(&mut self, text: &str, now_ns: u64) {
        let bytes = text.as_bytes();
        self.send(&Packet::Debug(&bytes[..bytes.len().min(DEBUG_BYTES_MAX)]), now_ns);
    }

    /// Ends the connection, with its reason as the last thing that the client hears.
    fn close(&mut self, reason: Closed, now_ns: u64) {
        let mut linger_ns = LINGER_NS;
        match &reason {
            Closed::LoggedOut => self.outgoing.clear(),
            // What is still to leave is what the client came for.
            Closed::EndOfSession => {
                self.send(&Packet::EndOfSession, now_ns);
                linger_ns = SLOW_READER_NS;
            }
            Closed::SnapshotComplete => linger_ns = SLOW_READER_NS,
            Closed::Rejected(rejection) => {
                self.say(&rejection.to_string(), now_ns);
                self.send(&Packet::LoginRejected(rejection.code()), now_ns);
            }
            _ => self.say(&reason.to_string(), now_ns),
        }
        self.user = None;
        self.phase = Phase::Closing(reason, now_ns.saturating_add(linger_ns));
    }
}

fn heard(packet: &Packet<'_>) -> Heard {
    match packet {
        Packet::LoginRequest(login) => Heard::Login(*login),
        Packet::LogoutRequest => Heard::Logout,
        Packet::UnsequencedData(_) => Heard::Unsequenced(packet.packet_type()),
        Packet::ClientHeartbeat => Heard::Heartbeat(packet.packet_type()),
        // The decoder knows that no client sends the others.
        _ => Heard::Debug,
    }
}

const _: () = assert!(OUTGOING_BYTES_MAX > HEADER_BYTES);

#[cfg(test)]
mod tests;
