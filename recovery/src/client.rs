//! The client's side of SoupBinTCP: one session, over as many connections as it takes.
//!
//! ```text
//!             on_connected         A                          Z, J without retry-after
//!  Resting ───────────────▶ LoggingIn ─────▶ Streaming ────────────────────▶ Finished
//!     ▲   a pause passes        │                │
//!     └─────────────────────────┴────────────────┘
//!       the connection is gone, silent or wrong: log in again with session and next number
//! ```
//!
//! Sequenced data carries no number, so the client counts from the one in `A`. A replay goes on
//! after a lost connection where it was; a snapshot begins anew, because half of one is nothing.
//! Spec: Nasdaq SoupBinTCP 3.00.

mod failure;

use isochron_feeds::mold::Session;

use crate::access::Purpose;
use crate::limits::{
    CLIENT_OUTGOING_BYTES_MAX, DEBUG_BYTES_MAX, HEARTBEAT_INTERVAL_NS, PAYLOAD_BYTES_MAX,
    RECONNECT_PAUSE_NS, RECONNECT_PAUSE_NS_MAX, SERVER_PACKET_BYTES_MAX, SILENCE_TIMEOUT_NS,
};
use crate::outgoing::Outgoing;
use crate::soup::{
    Decoder, FieldError, HEADER_BYTES, LoginAccepted, LoginRequest, Packet, RejectCode, Sender,
};
pub use failure::Failure;
use failure::retry_after_s_of;

/// What a client wants, and as whom.
#[derive(Clone)]
pub struct Options {
    /// Up to six characters; case does not matter.
    pub user: String,
    /// Up to ten characters; case does not matter.
    pub password: String,
    /// Messages by number, or the state.
    pub purpose: Purpose,
    /// The session; `Session::BLANK` takes the current one, and stays with it in a replay.
    pub session: Session,
    /// In a replay the first message wanted: 1 is the session's first, 0 is the next that is new.
    /// In a snapshot the lowest acceptable one: all messages before it are in the snapshot.
    pub sequence: u64,
    /// Silence of the server after which the connection is given up, in nanoseconds.
    pub silence_timeout_ns: u64,
}

impl Options {
    /// A replay of the current session from its first message.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Options {
        Options {
            user: user.to_string(),
            password: password.to_string(),
            purpose: Purpose::Replay,
            session: Session::BLANK,
            sequence: 1,
            silence_timeout_ns: SILENCE_TIMEOUT_NS,
        }
    }
}

impl std::fmt::Debug for Options {
    /// Without the password: this ends in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Options { user, purpose, session, sequence, .. } = self;
        write!(f, "Options {{ user: {user:?}, {purpose:?} of {session:?} from {sequence} }}")
    }
}

/// What a connection brings, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The login is accepted. A snapshot begins here, also when it began before.
    Accepted {
        /// The session that the client is in.
        session: Session,
        /// The number of the first message that will come.
        sequence: u64,
    },
    /// The next message.
    Message {
        /// Its number.
        sequence: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// What the server tells people: reasons, mostly.
    Debug(&'a [u8]),
    /// The session is over.
    Ended {
        /// The number that its next message would have had.
        next: u64,
    },
}

/// What the shell should do with its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Connect, and say [`on_connected`](Client::on_connected), or
    /// [`on_disconnected`](Client::on_disconnected) if that fails.
    Connect,
    /// Nothing else than reading and writing, or waiting.
    Stay,
    /// Write what is still outgoing, close the connection and say
    /// [`on_disconnected`](Client::on_disconnected).
    Disconnect,
    /// Nothing, ever: it is over, well or not.
    Finished,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected; it may connect from that time on.
    Resting {
        /// The time.
        until_ns: u64,
    },
    /// The login is sent.
    LoggingIn,
    /// The login is accepted.
    Streaming,
    /// The connection is of no more use. `again` says whether another one is.
    Leaving {
        /// Whether to connect again.
        again: bool,
    },
    /// It is over: the session has ended, or the server said no for good.
    Finished,
}

/// One client. Calling order: ask [`wish`](Client::wish) and do it; give what the socket received
/// to [`on_bytes`](Client::on_bytes); call [`on_time`](Client::on_time) at
/// [`next_deadline`](Client::next_deadline); write what is in [`outgoing`](Client::outgoing) and
/// say what left with [`on_transmitted`](Client::on_transmitted).
#[derive(Debug)]
pub struct Client {
    options: Options,
    /// Who we are; the rest is filled in for each connection.
    login: LoginRequest,
    decoder: Decoder,
    outgoing: Outgoing,
    state: State,
    /// The session that a replay has joined.
    joined: Option<Session>,
    /// The number of the next message.
    next_sequence: u64,
    heard_ns: u64,
    sent_ns: u64,
    /// Connections in a row that brought no message.
    failures: u32,
    /// What the server said last on this connection.
    reason: String,
    retry_after_s: Option<u64>,
    failure: Option<Failure>,
}

impl Client {
    /// A client that is not connected yet.
    ///
    /// # Errors
    /// Where user or password do not fit their fields.
    pub fn new(options: Options) -> Result<Client, FieldError> {
        let Options { user, password, session, sequence, .. } = &options;
        let login = LoginRequest::new(user, password, *session, *sequence)?;
        Ok(Client {
            login,
            decoder: Decoder::new(Sender::Server, SERVER_PACKET_BYTES_MAX),
            outgoing: Outgoing::default(),
            state: State::Resting { until_ns: 0 },
            joined: None,
            next_sequence: options.sequence,
            heard_ns: 0,
            sent_ns: 0,
            failures: 0,
            reason: String::new(),
            retry_after_s: None,
            failure: None,
            options,
        })
    }

    /// What to do with the socket at `now_ns`.
    #[must_use]
    pub fn wish(&self, now_ns: u64) -> Wish {
        match self.state {
            State::Resting { until_ns } if now_ns >= until_ns => Wish::Connect,
            State::Resting { .. } | State::LoggingIn | State::Streaming => Wish::Stay,
            State::Leaving { .. } => Wish::Disconnect,
            State::Finished => Wish::Finished,
        }
    }

    /// A connection stands: the login is queued. In a replay it asks for what comes next.
    pub fn on_connected(&mut self, now_ns: u64) {
        assert!(matches!(self.state, State::Resting { .. }), "one connection at a time");
        self.decoder = Decoder::new(Sender::Server, SERVER_PACKET_BYTES_MAX);
        self.outgoing.clear();
        self.reason.clear();
        self.retry_after_s = None;
        self.heard_ns = now_ns;
        self.state = State::LoggingIn;
        let sequence = match self.options.purpose {
            Purpose::Replay => self.next_sequence,
            Purpose::Snapshot => self.options.sequence,
        };
        let login = self.login.asking_for(self.session(), sequence);
        self.send(&Packet::LoginRequest(login), now_ns);
    }

    /// The connection is gone, or could not be made.
    pub fn on_disconnected(&mut self, now_ns: u64) {
        self.outgoing.clear();
        self.state = match self.state {
            State::Finished | State::Leaving { again: false } => State::Finished,
            State::Resting { .. }
            | State::LoggingIn
            | State::Streaming
            | State::Leaving { again: true } => {
                let pause_ns = RECONNECT_PAUSE_NS << self.failures.min(16);
                let asked_ns = self.retry_after_s.unwrap_or(0) * 1_000_000_000;
                let pause_ns = pause_ns.min(RECONNECT_PAUSE_NS_MAX).max(asked_ns);
                self.failures = self.failures.saturating_add(1);
                State::Resting { until_ns: now_ns.saturating_add(pause_ns) }
            }
        };
    }

    /// Takes what the socket received; what follows from it goes to `sink`, in order.
    ///
    /// # Errors
    /// Why the connection is of no more use; [`wish`](Client::wish) says so too.
    pub fn on_bytes(
        &mut self,
        mut bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        while !bytes.is_empty() && self.is_connected() {
            let taken = self.decoder.feed(bytes);
            bytes = &bytes[taken..];
            while self.is_connected() {
                match self.take_packet(now_ns, sink) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(failure) => return Err(self.fail(failure)),
                }
            }
        }
        Ok(())
    }

    /// Takes one packet; says whether there was one.
    fn take_packet(
        &mut self,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, Failure> {
        let packet = self.decoder.next_packet().map_err(Failure::Malformed)?;
        let Some(packet) = packet else { return Ok(false) };
        self.heard_ns = now_ns;
        let unexpected = Failure::Unexpected { packet_type: packet.packet_type() };
        match (self.state, packet) {
            (_, Packet::Debug(text)) => {
                let end = text.len().min(DEBUG_BYTES_MAX);
                self.reason = String::from_utf8_lossy(&text[..end]).into_owned();
                self.retry_after_s = retry_after_s_of(&self.reason);
                sink(Event::Debug(text));
            }
            (State::Streaming, Packet::SequencedData(bytes)) => {
                let sequence = self.next_sequence;
                self.next_sequence = sequence.checked_add(1).ok_or(Failure::NumbersUsedUp)?;
                self.failures = 0;
                sink(Event::Message { sequence, bytes });
            }
            (State::LoggingIn | State::Streaming, Packet::ServerHeartbeat) => {}
            (State::Streaming, Packet::EndOfSession) => {
                self.state = State::Leaving { again: false };
                sink(Event::Ended { next: self.next_sequence });
            }
            (State::LoggingIn, Packet::LoginAccepted(accepted)) => {
                self.accept(accepted)?;
                let LoginAccepted { session, sequence } = accepted;
                sink(Event::Accepted { session, sequence });
            }
            (State::LoggingIn, Packet::LoginRejected(code)) => return Err(self.rejected(code)),
            _ => return Err(unexpected),
        }
        Ok(true)
    }

    fn accept(&mut self, accepted: LoginAccepted) -> Result<(), Failure> {
        let LoginAccepted { session, sequence } = accepted;
        let wanted = self.joined.unwrap_or(self.options.session);
        if session != wanted && !wanted.is_blank() {
            return Err(Failure::OtherSession { wanted, accepted: session });
        }
        let replay = self.options.purpose == Purpose::Replay;
        let wanted = self.next_sequence;
        if sequence == 0 || (replay && wanted > 0 && sequence != wanted) {
            return Err(Failure::OtherSequence { wanted, accepted: sequence });
        }
        if replay {
            self.joined = Some(session);
        }
        self.next_sequence = sequence;
        self.state = State::Streaming;
        Ok(())
    }

    fn rejected(&self, code: RejectCode) -> Failure {
        let (reason, retry_after_s) = (self.reason.clone(), self.retry_after_s);
        Failure::Rejected { code, reason, retry_after_s }
    }

    /// Sends a heartbeat, or finds that the server is silent, where it is time.
    ///
    /// # Errors
    /// The server was silent for too long; [`wish`](Client::wish) says so too.
    pub fn on_time(&mut self, now_ns: u64) -> Result<(), Failure> {
        let silence_ns = now_ns.saturating_sub(self.heard_ns);
        if self.is_connected() && silence_ns >= self.options.silence_timeout_ns {
            return Err(self.fail(Failure::Silent { silence_ns }));
        }
        let quiet = now_ns.saturating_sub(self.sent_ns) >= HEARTBEAT_INTERVAL_NS;
        if quiet && self.state == State::Streaming && self.outgoing.is_empty() {
            self.send(&Packet::ClientHeartbeat, now_ns);
        }
        Ok(())
    }

    /// When to call [`on_time`](Client::on_time), or to ask for the wish again, though nothing
    /// happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let silent = self.heard_ns.saturating_add(self.options.silence_timeout_ns);
        let heartbeat = self.sent_ns.saturating_add(HEARTBEAT_INTERVAL_NS);
        match self.state {
            State::Resting { until_ns } => Some(until_ns),
            State::LoggingIn => Some(silent),
            State::Streaming if self.outgoing.is_empty() => Some(silent.min(heartbeat)),
            State::Streaming => Some(silent),
            State::Leaving { .. } | State::Finished => None,
        }
    }

    /// The bytes for the socket.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.pending()
    }

    /// The first so many of [`outgoing`](Client::outgoing) were taken by the socket.
    pub fn on_transmitted(&mut self, bytes: usize) {
        self.outgoing.take(bytes);
    }

    /// Queues an unsequenced message; says whether it was taken. It may be lost.
    pub fn send_unsequenced(&mut self, message: &[u8], now_ns: u64) -> bool {
        let bytes = self.outgoing.pending().len() + HEADER_BYTES + message.len();
        let fits = message.len() <= PAYLOAD_BYTES_MAX && bytes <= CLIENT_OUTGOING_BYTES_MAX;
        let taken = fits && self.state == State::Streaming;
        if taken {
            self.send(&Packet::UnsequencedData(message), now_ns);
        }
        taken
    }

    /// Nothing more is wanted: a snapshot has brought its last message, or the user goes. The
    /// server is told, and the client is finished.
    pub fn log_out(&mut self, now_ns: u64) {
        if self.is_connected() {
            self.send(&Packet::LogoutRequest, now_ns);
            self.state = State::Leaving { again: false };
        } else if !matches!(self.state, State::Leaving { .. }) {
            self.state = State::Finished;
        } else {
            self.state = State::Leaving { again: false };
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The session: the one joined, or else the one asked for.
    #[must_use]
    pub fn session(&self) -> Session {
        self.joined.unwrap_or(self.options.session)
    }

    /// The number of the next message: in a replay what the next login asks for.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Why the last connection failed, if one did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn is_connected(&self) -> bool {
        matches!(self.state, State::LoggingIn | State::Streaming)
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        self.state = State::Leaving { again: !failure.is_final() };
        self.failure = Some(failure.clone());
        failure
    }

    fn send(&mut self, packet: &Packet<'_>, now_ns: u64) {
        self.outgoing.push(packet);
        self.sent_ns = now_ns;
    }
}

#[cfg(test)]
mod tests;
