//! The loop with the sockets: connections for replay and snapshots, datagrams for re-requests.
//!
//! ```text
//!  events ─▶ follow logs, images, passwords ─▶ accept ─▶ re-requests ─▶ a round of turns
//!                                                                       each: read, answer, write
//! ```
//!
//! Every step is bounded, and nothing waits: a socket that takes no more is left until the system
//! says that it does. A turn writes at most a slice of a replay, so that others are served between
//! two slices; the order of a round is drawn anew each time.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use isochron_feeds::mold::{HEADER_BYTES, Session};
use isochron_recovery::access::{Access, User, UserError};
use isochron_recovery::rerequest::{Network, Rates, Responder};
use isochron_recovery::server::{Replay, Service, Snapshots};
use isochron_recovery::soup::Packet;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry, Token};

use super::counters::{RecoveryCounters, RerequestCounters};
use super::doors::Doors;
use super::image_agent::ImageAgent;
use super::images::{ImageSource, Shelf};
use super::library::FeedLibrary;
use super::password_agent::{PasswordAgent, Passwords, passwords};
use super::place::{After, Place, Shared};
use super::turns::Turns;
use crate::agent::{Agent, Clock};
use crate::metrics::Counters;
use crate::store::Disk;
use crate::types::Nanos;

/// Events taken from the system in one cycle; the others come in the next.
const EVENTS_MAX: usize = 1_024;

/// Connections taken in one cycle, and turns given in one: some milliseconds at most.
const ACCEPTS_PER_CYCLE: usize = 256;
const TURNS_PER_CYCLE: usize = 64;

/// Re-requests answered in one cycle.
const DATAGRAMS_PER_CYCLE: usize = 256;

/// How often connections are looked at for what is due by the time.
const TICK_NS: u64 = 50_000_000;

/// How long nothing is accepted where the system has no file left.
const NO_FILES_NS: u64 = 100_000_000;

const REPLAY: usize = 0;
const SNAPSHOTS: usize = 1;
const REREQUESTS: usize = 2;
/// Tokens below are listeners and the re-request socket; then two for each place, one a port.
const FIRST_PLACE: usize = 4;

/// Where the service listens, whom it serves, and how many.
#[derive(Clone, Debug)]
pub struct RecoveryOptions {
    /// The directory of the event store, which the feed's logs lie in.
    pub store: PathBuf,
    /// Where replay listens; port 0 is any that is free.
    pub replay: SocketAddrV4,
    /// Where snapshots are had.
    pub snapshots: SocketAddrV4,
    /// Where single messages are asked for again, UDP.
    pub rerequests: SocketAddrV4,
    /// Who is answered there, at most 256 networks.
    pub rerequest_networks: Vec<Network>,
    /// How often each address is.
    pub rerequest_rates: Rates,
    /// Connections at a time, and from one address.
    pub connections_max: usize,
    /// As above, from one address.
    pub connections_per_address_max: usize,
    /// A snapshot is given to others too while it is no older, in nanoseconds.
    pub snapshot_age_ns_max: u64,
    /// Who may log in.
    pub users: Vec<User>,
    /// Random bytes, anew with each start: they key what is remembered of passwords, and draw the
    /// order in which connections are served.
    pub secret: [u8; 32],
}

/// Where it listens now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Replay, TCP.
    pub replay: SocketAddr,
    /// Snapshots, TCP.
    pub snapshots: SocketAddr,
    /// Re-requests, UDP.
    pub rerequests: SocketAddr,
}

/// Why the service cannot start.
#[derive(Debug)]
pub enum RecoveryError {
    /// It cannot listen there.
    Listen {
        /// What for.
        service: &'static str,
        /// Where.
        address: SocketAddrV4,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not tell of events, or gives no random bytes.
    System(io::Error),
    /// The users cannot be.
    Users(UserError),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { service, address, source } => {
                write!(f, "recovery cannot listen for {service} at {address}: {source}")?;
                match source.kind() {
                    ErrorKind::AddrInUse => write!(
                        f,
                        " (each node on a machine has ports or addresses of its own in [recovery])"
                    ),
                    _ => Ok(()),
                }
            }
            Self::System(error) => write!(f, "recovery cannot start: {error}"),
            Self::Users(error) => write!(f, "recovery: {error}"),
        }
    }
}

impl std::error::Error for RecoveryError {}

/// A listening socket, its connections, and what they are served with.
struct Port<S: Service> {
    number: usize,
    listener: TcpListener,
    /// Whether somebody may wait to be accepted.
    knocks: bool,
    accepts_from: Nanos,
    places: Vec<Option<Place<S, TcpStream>>>,
    free: Vec<usize>,
    turns: Turns,
    /// Places that have all there is of a session.
    followers: BTreeMap<Session, Vec<usize>>,
    service: S,
}

impl<S: Service> Port<S> {
    fn listen(
        number: usize,
        address: SocketAddrV4,
        registry: &Registry,
        seed: u64,
        service: S,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address.into())?;
        registry.register(&mut listener, Token(number), Interest::READABLE)?;
        Ok(Self {
            number,
            listener,
            knocks: true,
            accepts_from: Nanos(0),
            places: Vec::new(),
            free: Vec::new(),
            turns: Turns::new(seed),
            followers: BTreeMap::new(),
            service,
        })
    }

    fn accept(&mut self, registry: &Registry, shared: &mut Shared, now: Nanos) -> usize {
        if !self.knocks || now < self.accepts_from {
            return 0;
        }
        for accepted in 0..ACCEPTS_PER_CYCLE {
            match self.listener.accept() {
                Ok((socket, address)) => self.let_in(socket, address, registry, shared, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.knocks = false;
                    return accepted;
                }
                // One that has gone before it was accepted.
                Err(error) if is_of_the_client(error.kind()) => {}
                Err(_) => {
                    shared.counters.no_files.add(1);
                    self.accepts_from = Nanos(now.0 + NO_FILES_NS);
                    return accepted;
                }
            }
        }
        ACCEPTS_PER_CYCLE
    }

    fn let_in(
        &mut self,
        mut socket: TcpStream,
        address: SocketAddr,
        registry: &Registry,
        shared: &mut Shared,
        now: Nanos,
    ) {
        if let Err(reason) = shared.doors.enter(address.ip()) {
            shared.counters.turned_away.add(1);
            let mut packet = Vec::new();
            Packet::Debug(reason.to_string().as_bytes()).emit(&mut packet);
            // As much as the system takes: nothing is kept for whoever is turned away.
            let _ = socket.write(&packet);
            return;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let token = Token(FIRST_PLACE + 2 * index + self.number);
        let registered =
            registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE);
        if registered.is_err() || socket.set_nodelay(true).is_err() {
            shared.counters.no_files.add(1);
            shared.doors.leave(address.ip());
            self.free.push(index);
            return;
        }
        shared.counters.accepted.add(1);
        self.places[index] = Some(Place::new(socket, address.ip(), now));
        self.turns.ask(index);
    }

    fn on_event(&mut self, index: usize, readable: bool, writable: bool) {
        if let Some(place) = self.places.get_mut(index).and_then(Option::as_mut) {
            place.on_event(readable, writable);
            self.turns.ask(index);
        }
    }

    /// There is more of a session: those who had all of it get a turn.
    fn on_advanced(&mut self, session: Session) {
        for index in self.followers.get_mut(&session).into_iter().flat_map(|all| all.drain(..)) {
            if let Some(place) = &mut self.places[index] {
                place.follows = false;
                self.turns.ask(index);
            }
        }
    }

    /// Gives a turn to all for whom `wants` holds.
    fn ask_all(&mut self, wants: impl Fn(&Place<S, TcpStream>) -> bool) {
        for (index, place) in self.places.iter().enumerate() {
            if place.as_ref().is_some_and(&wants) {
                self.turns.ask(index);
            }
        }
    }

    fn on_tick(&mut self, now: Nanos) {
        self.ask_all(|place| place.is_due(now));
    }

    /// Serves some of this round; how much was done.
    fn serve(&mut self, shared: &mut Shared, now: Nanos) -> usize {
        self.turns.begin();
        let mut served = 0;
        while served < TURNS_PER_CYCLE
            && let Some(index) = self.turns.next()
        {
            served += 1;
            let Some(place) = &mut self.places[index] else { continue };
            match place.turn(&mut self.service, shared, now) {
                After::Again => self.turns.ask(index),
                After::Waits => self.follow(index),
                // The client reads to the end, then closes.
                After::Sent if place.socket.shutdown(Shutdown::Write).is_ok() => {}
                After::Sent | After::Gone => self.leave(index, shared),
            }
        }
        served
    }

    /// A connection has gone: its place is free.
    fn leave(&mut self, index: usize, shared: &mut Shared) {
        let Some(place) = self.places[index].take() else { return };
        shared.doors.leave(place.connection.source());
        self.free.push(index);
        let session = place.connection.session().filter(|_| place.follows);
        if let Some(followers) = session.and_then(|session| self.followers.get_mut(&session)) {
            followers.retain(|other| *other != index);
        }
    }

    /// Notes that a connection has all there is.
    fn follow(&mut self, index: usize) {
        let Some(place) = &mut self.places[index] else { return };
        let session = place.connection.session().filter(|_| place.connection.is_streaming());
        if let Some(session) = session
            && !std::mem::replace(&mut place.follows, true)
        {
            self.followers.entry(session).or_default().push(index);
        }
    }
}

/// Errors of one connection, not of the system.
fn is_of_the_client(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(kind, ConnectionAborted | ConnectionReset | Interrupted)
}

/// The socket that single messages are asked for again at.
struct Rerequests {
    socket: UdpSocket,
    /// Whether datagrams may wait.
    readable: bool,
    responder: Responder,
    /// Answers that the system did not take: the client asks again.
    unsent: u64,
    counters: RerequestCounters,
}

impl Rerequests {
    fn open(
        options: &RecoveryOptions,
        registry: &Registry,
        counters: &Counters,
    ) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(options.rerequests.into())?;
        registry.register(&mut socket, Token(REREQUESTS), Interest::READABLE)?;
        let responder = Responder::new(&options.rerequest_networks, options.rerequest_rates);
        let counters = RerequestCounters::new(counters);
        Ok(Self { socket, readable: true, responder, unsent: 0, counters })
    }

    /// Answers some of the requests that wait, each with one datagram or none; how many came.
    fn answer(&mut self, library: &mut FeedLibrary, now: Nanos) -> usize {
        // One byte more than a request has: a longer one is not taken for its beginning.
        let mut datagram = [0; HEADER_BYTES + 1];
        let mut came = 0;
        while self.readable && came < DATAGRAMS_PER_CYCLE {
            match self.socket.recv_from(&mut datagram) {
                Ok((bytes, source)) => {
                    came += 1;
                    let request = &datagram[..bytes];
                    if let Ok(answer) = self.responder.on_request(source, request, library, now.0)
                        && self.socket.send_to(answer, source).is_err()
                    {
                        self.unsent += 1;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // What an earlier answer met on its way; the socket is well.
                Err(_) => came += 1,
            }
        }
        if came > 0 {
            self.counters.set(self.responder.statistics(), self.unsent);
        }
        came
    }
}

/// The agents of the service, each to be run.
pub struct Opened {
    /// The one with the sockets.
    pub recovery: RecoveryAgent,
    /// The one that verifies passwords.
    pub passwords: PasswordAgent,
    /// The one that makes snapshots.
    pub images: ImageAgent,
}

/// Serves replays, snapshots and re-requests.
pub struct RecoveryAgent {
    poll: Poll,
    events: Events,
    replay: Port<Replay<FeedLibrary>>,
    snapshots: Port<Snapshots<ImageSource>>,
    rerequests: Rerequests,
    shared: Shared,
    passwords: Passwords,
    tick_at: Nanos,
    fault: Option<io::Error>,
}

impl RecoveryAgent {
    /// Opens the sockets, and makes the agents that work for this one.
    ///
    /// # Errors
    /// It cannot listen, or the users cannot be.
    ///
    /// # Panics
    /// If the service's counters have another writer.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: &RecoveryOptions,
        clock: Box<dyn Clock>,
        counters: &Counters,
    ) -> Result<Opened, RecoveryError> {
        let poll = Poll::new().map_err(RecoveryError::System)?;
        let registry = poll.registry();
        let listen =
            |service, address| move |source| RecoveryError::Listen { service, address, source };
        let seeds = options.secret.first_chunk().copied().map_or(0, u64::from_le_bytes);
        let library = FeedLibrary::new(Arc::clone(&disk), options.store.clone());
        let replay = Port::listen(REPLAY, options.replay, registry, seeds, Replay(library))
            .map_err(listen("replay", options.replay))?;
        let shelf = Arc::new(Shelf::default());
        let source = ImageSource::new(Arc::clone(&shelf), options.snapshot_age_ns_max);
        let (address, service) = (options.snapshots, Snapshots(source));
        let snapshots = Port::listen(SNAPSHOTS, address, registry, !seeds, service)
            .map_err(listen("snapshots", address))?;
        let rerequests = Rerequests::open(options, registry, counters)
            .map_err(listen("re-requests", options.rerequests))?;
        let access = Access::new(&options.users, options.secret).map_err(RecoveryError::Users)?;
        let doors = Doors::new(options.connections_max, options.connections_per_address_max);
        let (passwords, password_agent) = passwords();
        let images = ImageAgent::new(disk, options.store.clone(), shelf, clock, counters);
        let recovery = Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            replay,
            snapshots,
            rerequests,
            shared: Shared { doors, access, counters: RecoveryCounters::new(counters) },
            passwords,
            tick_at: Nanos(0),
            fault: None,
        };
        Ok(Opened { recovery, passwords: password_agent, images })
    }

    /// Where it listens, with the ports that the system chose.
    ///
    /// # Errors
    /// The system does not say.
    pub fn listening(&self) -> io::Result<Listening> {
        Ok(Listening {
            replay: self.replay.listener.local_addr()?,
            snapshots: self.snapshots.listener.local_addr()?,
            rerequests: self.rerequests.socket.local_addr()?,
        })
    }

    /// Takes the system's events.
    fn on_events(&mut self) -> usize {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.fault = Some(error);
                return 0;
            }
            _ => {}
        }
        let mut events = 0;
        for event in &self.events {
            events += 1;
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable();
            match event.token().0 {
                REPLAY => self.replay.knocks = true,
                SNAPSHOTS => self.snapshots.knocks = true,
                REREQUESTS => self.rerequests.readable = true,
                token => {
                    let index = (token - FIRST_PLACE) / 2;
                    match token % 2 {
                        REPLAY => self.replay.on_event(index, readable, writable),
                        _ => self.snapshots.on_event(index, readable, writable),
                    }
                }
            }
        }
        events
    }

    /// Follows the logs, the snapshots and the passwords: who waited for them gets a turn.
    fn follow(&mut self, now: Nanos) -> usize {
        let mut advanced: Vec<Session> = Vec::new();
        let mut work = self.replay.service.0.follow(now, |session| advanced.push(session));
        advanced.into_iter().for_each(|session| self.replay.on_advanced(session));
        if self.snapshots.service.0.follow(now) {
            self.snapshots.ask_all(|place| !place.connection.is_streaming());
            work += 1;
        }
        if self.passwords.exchange(&mut self.shared.access) {
            self.replay.ask_all(|place| place.connection.is_deciding());
            self.snapshots.ask_all(|place| place.connection.is_deciding());
            work += 1;
        }
        work
    }
}

impl Agent for RecoveryAgent {
    fn name(&self) -> &str {
        "recovery"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let mut work = self.on_events();
        // Before anybody is answered: who asks for what was just sent must find it.
        work += self.follow(now);
        let Self { poll, replay, snapshots, shared, .. } = self;
        work += replay.accept(poll.registry(), shared, now);
        work += snapshots.accept(poll.registry(), shared, now);
        work += self.rerequests.answer(&mut self.replay.service.0, now);
        if now >= self.tick_at {
            self.tick_at = Nanos(now.0 + TICK_NS);
            self.replay.on_tick(now);
            self.snapshots.on_tick(now);
        }
        work += self.replay.serve(&mut self.shared, now);
        work += self.snapshots.serve(&mut self.shared, now);
        let counters = &mut self.shared.counters;
        counters.connections.set(self.shared.doors.inside() as u64);
        counters.faults.set(self.replay.service.0.faults());
        work
    }

    /// It reads mapped files, which may have to come from a disk.
    fn waits(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<String> {
        self.fault.as_ref().map(|error| format!("recovery cannot wait for events: {error}"))
    }
}
