//! A consumer of one feed session, whole: two lines, repair by UDP and TCP, snapshots. No sockets.
//!
//! ```text
//!  lines A and B ─▶┌──────────┐  Event ─▶ your sink: a snapshot, then messages in order
//!  answers by UDP ▶│ Consumer │
//!  bytes by TCP ──▶│          │  Action ─▶ your sockets: send, connect, close
//!  time ──────────▶└──────────┘
//! ```
//!
//! What is missing is asked for by UDP, from one server after the other; what is too much for
//! that, or gets no answer, comes by a replay over TCP; and a snapshot stands for what no replay
//! has any more, and for what came before a late joiner. [`Subscriber`] decides which, this module
//! does it. Your thread, your sockets and your clock: give what arrives to the `on_` functions, do
//! what `poll_action` says until it says nothing, and come back at `next_deadline`.

mod action;
mod event;
mod link;
mod options;
mod polled;
mod snapshot;

pub use action::{Action, ConnectionId, Service};
pub use event::{Event, Notice};
pub use options::Options;
pub use polled::{PolledConsumer, PolledEvent};

use isochron_feeds::mold::{HEADER_BYTES, Request, Session};
use isochron_feeds::subscriber::{Event as FeedEvent, Refused, Source, State, Subscriber};

use crate::access::Purpose;
use crate::client::{
    Event as ClientEvent, Failure, Options as ClientOptions, State as ClientState,
};
use crate::limits::{REFUSALS_MAX, REPLAY_LINGER_NS};
use crate::soup::{FieldError, LoginRequest};
use link::Link;
use snapshot::{Part, Progress};

/// One session's client. Calling order: any `on_` function when its thing happens, `on_time` at
/// `next_deadline`; after each, `poll_action` until `None`. After `give_up` there is nothing to
/// do any more but those last actions.
pub struct Consumer {
    options: Options,
    subscriber: Subscriber,
    /// Re-request server to ask next.
    request_server: usize,
    replay: Link,
    /// Until when a replay stays although nothing wants it.
    replay_until_ns: u64,
    snapshot: Link,
    progress: Progress,
    /// Number of the next connection.
    connections: u64,
    given_up: bool,
}

impl Consumer {
    /// A consumer that has heard nothing yet.
    ///
    /// # Errors
    /// A user or a password that fits no login, where there are servers to log in to.
    pub fn new(options: Options) -> Result<Consumer, FieldError> {
        if options.replay_servers + options.snapshot_servers > 0 {
            LoginRequest::new(&options.user, &options.password, Session::BLANK, 1)?;
        }
        Ok(Consumer {
            subscriber: Subscriber::new(options.feed()),
            request_server: 0,
            replay: Link::new(Service::Replay, options.replay_servers),
            replay_until_ns: 0,
            snapshot: Link::new(Service::Snapshot, options.snapshot_servers),
            progress: Progress::default(),
            connections: 0,
            given_up: false,
            options,
        })
    }

    /// The order of the stream: its statistics, lines, gaps.
    #[must_use]
    pub fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// Where the consumer stands at `now_ns`.
    #[must_use]
    pub fn state(&self, now_ns: u64) -> State {
        self.subscriber.state(now_ns)
    }

    /// Where the connection of a service stands; `None` while nothing is wanted of it.
    #[must_use]
    pub fn service_state(&self, service: Service) -> Option<ClientState> {
        self.link(service).state()
    }

    fn link(&self, service: Service) -> &Link {
        match service {
            Service::Replay => &self.replay,
            Service::Snapshot => &self.snapshot,
        }
    }

    fn link_mut(&mut self, service: Service) -> &mut Link {
        match service {
            Service::Replay => &mut self.replay,
            Service::Snapshot => &mut self.snapshot,
        }
    }

    fn service_of(&self, connection: ConnectionId) -> Option<Service> {
        [Service::Replay, Service::Snapshot]
            .into_iter()
            .find(|service| self.link(*service).has(connection))
    }

    /// Takes a datagram of a line, or ([`Source::Retransmission`]) one that came to the socket of
    /// the requests from a server's address.
    ///
    /// # Errors
    /// Why it was refused; that is counted, and the consumer goes on.
    pub fn on_datagram(
        &mut self,
        source: Source,
        datagram: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        self.subscriber.on_datagram(source, datagram, now_ns, &mut feed(sink))
    }

    /// A connection that was asked for is established.
    pub fn on_connected(&mut self, connection: ConnectionId, now_ns: u64) {
        if let Some(service) = self.service_of(connection) {
            self.link_mut(service).on_connected(now_ns);
        }
    }

    /// Takes bytes that a connection received.
    pub fn on_bytes(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        match self.service_of(connection) {
            Some(Service::Replay) => self.on_replay_bytes(bytes, now_ns, sink),
            Some(Service::Snapshot) => self.on_snapshot_bytes(bytes, now_ns, sink),
            None => {}
        }
    }

    fn on_replay_bytes(&mut self, bytes: &[u8], now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        let Self { subscriber, replay, .. } = self;
        let (service, server) = (Service::Replay, replay.server());
        let (mut refused, mut ended) = (None, false);
        let result = replay.on_bytes(bytes, now_ns, &mut |event| match event {
            ClientEvent::Message { sequence, bytes } if refused.is_none() => {
                let feed = &mut feed(sink);
                refused = subscriber.on_replayed(sequence, bytes, now_ns, feed).err();
            }
            ClientEvent::Message { .. } => {}
            ClientEvent::Ended { next } => {
                ended = true;
                subscriber.on_replay_ended(next, now_ns, &mut feed(sink));
            }
            event => say(service, server, event, sink),
        });
        if let Some(refused) = refused {
            sink(Event::Notice(Notice::Refused { service, refused }));
            self.replay.refuse(now_ns);
        }
        if ended {
            self.replay.pause(now_ns);
        }
        self.failed(service, server, result, now_ns, sink);
    }

    fn on_snapshot_bytes(&mut self, bytes: &[u8], now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        let Self { subscriber, snapshot, progress, .. } = self;
        let (service, server) = (Service::Snapshot, snapshot.server());
        let (mut outcome, mut ended) = (None, false);
        let result = snapshot.on_bytes(bytes, now_ns, &mut |event| match event {
            ClientEvent::Message { bytes, .. } if outcome.is_none() => {
                outcome = on_snapshot_message(subscriber, progress, bytes, now_ns, sink);
            }
            ClientEvent::Message { .. } => {}
            event => {
                match event {
                    ClientEvent::Accepted { .. } => progress.begin(),
                    ClientEvent::Ended { .. } => ended = true,
                    ClientEvent::Message { .. } | ClientEvent::Debug(_) => {}
                }
                say(service, server, event, sink);
            }
        });
        match outcome {
            Some(true) => {
                self.snapshot.succeed();
                self.snapshot.log_out(now_ns);
            }
            Some(false) => self.snapshot.refuse(now_ns),
            None if ended => {
                sink(Event::Notice(Notice::NoSnapshot));
                self.snapshot.refuse(now_ns);
            }
            None => {}
        }
        self.failed(service, server, result, now_ns, sink);
    }

    /// Says why a connection was of no use, and draws the consequence when all servers have said
    /// no often enough: once where a snapshot can stand in, else with pauses, because the next
    /// thing is a loss.
    fn failed(
        &mut self,
        service: Service,
        server: usize,
        result: Result<(), Failure>,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        if let Err(failure) = &result {
            sink(Event::Notice(Notice::Failed { service, server, failure }));
        }
        let last_resort = service == Service::Snapshot || self.options.snapshot_servers == 0;
        let rounds = if last_resort { REFUSALS_MAX } else { 1 };
        if self.link(service).rounds() < rounds {
            return;
        }
        self.link_mut(service).succeed();
        let feed = &mut feed(sink);
        match service {
            Service::Replay => self.subscriber.on_replay_refused(now_ns, feed),
            Service::Snapshot => self.subscriber.join_without_snapshot(feed),
        }
    }

    /// A connection could not be established, or was closed by the other side or by an error.
    /// Not to be called for those that an [`Action::Close`] closed.
    pub fn on_disconnected(
        &mut self,
        connection: ConnectionId,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let Some(service) = self.service_of(connection) else { return };
        let link = self.link_mut(service);
        let (server, before) = (link.server(), link.state());
        link.on_disconnected(now_ns);
        if !matches!(before, Some(ClientState::Leaving { .. } | ClientState::Finished)) {
            sink(Event::Notice(Notice::Disconnected { service, server }));
        }
    }

    /// Does what is due.
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        self.subscriber.on_time(now_ns, &mut feed(sink));
        for service in [Service::Replay, Service::Snapshot] {
            let link = self.link_mut(service);
            let (server, result) = (link.server(), link.on_time(now_ns));
            self.failed(service, server, result, now_ns, sink);
        }
    }

    /// The next thing to do with sockets. Call it until `None`.
    #[must_use]
    pub fn poll_action(&mut self, now_ns: u64) -> Option<Action> {
        if !self.given_up {
            if let Some(request) = self.poll_request(now_ns) {
                return Some(request);
            }
            self.want_replay(now_ns);
            self.want_snapshot(now_ns);
        }
        let Self { replay, snapshot, connections, .. } = self;
        replay
            .poll_action(now_ns, connections)
            .or_else(|| snapshot.poll_action(now_ns, connections))
    }

    fn poll_request(&mut self, now_ns: u64) -> Option<Action> {
        let asked = self.subscriber.poll_request(now_ns)?;
        if asked.attempt > 1 {
            self.request_server = (self.request_server + 1) % self.options.request_servers.max(1);
        }
        let session = self.subscriber.session()?;
        let count = u16::try_from(asked.gap.messages()).expect("parts have at most u16::MAX - 1");
        let mut packet = [0; HEADER_BYTES];
        Request { session, sequence: asked.gap.first, count }.emit(&mut packet);
        Some(Action::SendRequest { server: self.request_server, packet })
    }

    /// Opens or closes the replay. It stays for a moment after it was wanted, because the next
    /// loss is near, and a login for each would use the quota up.
    fn want_replay(&mut self, now_ns: u64) {
        let wanted = self.subscriber.replay_wanted(now_ns);
        let is_past = |wanted| self.replay.next_sequence().is_some_and(|next| next > wanted);
        match wanted {
            Some(sequence) if is_past(sequence) => self.replay.log_out(now_ns),
            Some(sequence) => {
                self.replay_until_ns = now_ns.saturating_add(REPLAY_LINGER_NS);
                let login = || login(&self.options, &self.subscriber, Purpose::Replay, sequence);
                self.replay.open(now_ns, login);
            }
            None if now_ns >= self.replay_until_ns => self.replay.log_out(now_ns),
            None => {}
        }
    }

    fn want_snapshot(&mut self, now_ns: u64) {
        match self.subscriber.snapshot_wanted() {
            Some(lowest) => {
                let login = || login(&self.options, &self.subscriber, Purpose::Snapshot, lowest);
                self.snapshot.open(now_ns, login);
            }
            None => self.snapshot.log_out(now_ns),
        }
    }

    /// When to call `on_time` although nothing arrived.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.given_up {
            return None;
        }
        let snapshot = self
            .snapshot
            .next_deadline()
            .filter(|_| self.snapshot.is_open() || self.subscriber.snapshot_wanted().is_some());
        [self.subscriber.next_deadline(), self.replay_deadline(), snapshot]
            .into_iter()
            .flatten()
            .min()
    }

    fn replay_deadline(&self) -> Option<u64> {
        let link = self.replay.next_deadline()?;
        if self.replay.is_open() {
            return Some(link.min(self.replay_until_ns));
        }
        // At time 0 no line is silent yet: what is wanted then, is wanted for a gap, now.
        let for_a_gap = self.subscriber.replay_wanted(0).map(|_| 0);
        let wanted = for_a_gap.or(self.subscriber.silence_deadline());
        wanted.map(|wanted| wanted.max(link))
    }

    /// Throws the books away and joins again with a new snapshot: what to do when a checksum does
    /// not agree. Nothing is delivered until it is there. Whether there are snapshots.
    pub fn join_again(&mut self, now_ns: u64) -> bool {
        self.subscriber.join_again(now_ns)
    }

    /// Gives up what is missing and every connection: nothing more will be heard.
    pub fn give_up(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        self.given_up = true;
        self.replay.log_out(now_ns);
        self.snapshot.log_out(now_ns);
        self.subscriber.give_up(&mut feed(sink));
    }
}

fn login(
    options: &Options,
    subscriber: &Subscriber,
    purpose: Purpose,
    sequence: u64,
) -> ClientOptions {
    let session = subscriber.session().expect("nothing is wanted of an unknown session");
    let (user, password) = (&options.user, &options.password);
    ClientOptions { purpose, session, sequence, ..ClientOptions::new(user, password) }
}

/// Takes a message of a snapshot; whether it was the last, and the snapshot is taken over. `None`
/// if more follow.
fn on_snapshot_message(
    subscriber: &mut Subscriber,
    progress: &mut Progress,
    bytes: &[u8],
    now_ns: u64,
    sink: &mut impl FnMut(Event<'_>),
) -> Option<bool> {
    let mut refuse = |refused| {
        let service = Service::Snapshot;
        sink(Event::Notice(Notice::Refused { service, refused }));
        Some(false)
    };
    match progress.on_message(bytes) {
        Part::Start { next } => {
            if let Err(refused) = subscriber.takes_snapshot(next) {
                return refuse(refused);
            }
            sink(Event::Cleared);
            sink(Event::Snapshot(bytes));
        }
        Part::Content => sink(Event::Snapshot(bytes)),
        Part::Complete { next } => {
            // What is held may have moved on since the start.
            if let Err(refused) = subscriber.takes_snapshot(next) {
                return refuse(refused);
            }
            sink(Event::Snapshot(bytes));
            let feed = &mut feed(sink);
            let taken = subscriber.on_snapshot_complete(next, now_ns, feed);
            return Some(taken.is_ok());
        }
        Part::Wrong => {
            sink(Event::Notice(Notice::NoSnapshot));
            return Some(false);
        }
    }
    subscriber.on_snapshot_progress(now_ns);
    None
}

/// A sink for what the order of the feed says.
fn feed(sink: &mut impl FnMut(Event<'_>)) -> impl FnMut(FeedEvent<'_>) {
    |event: FeedEvent<'_>| sink(Event::Feed(event))
}

/// Says what a person may want to know of a connection.
fn say(service: Service, server: usize, event: ClientEvent<'_>, sink: &mut impl FnMut(Event<'_>)) {
    match event {
        ClientEvent::Accepted { sequence, .. } => {
            sink(Event::Notice(Notice::LoggedIn { service, server, sequence }));
        }
        ClientEvent::Debug(text) => sink(Event::Notice(Notice::Said { service, text })),
        ClientEvent::Message { .. } | ClientEvent::Ended { .. } => {}
    }
}

#[cfg(test)]
mod tests;
