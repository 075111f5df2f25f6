//! One service over TCP: which server, which connection, and when to try again.
//!
//! [`Client`] logs in, counts and reconnects. A link adds what it leaves to its owner: a number
//! for each connection, the next server after each failure, an end to connecting that never ends,
//! and a new client after a server said no for good, because another one may say yes.

use super::{Action, ConnectionId, Service};
use crate::client::{Client, Event, Failure, Options, State, Wish};
use crate::limits::{CONNECT_TIMEOUT_NS, RECONNECT_PAUSE_NS, RECONNECT_PAUSE_NS_MAX};

/// A connection, established or on its way.
#[derive(Clone, Copy, Debug)]
struct Connection {
    id: ConnectionId,
    /// Since when it is on its way; `None` once it stands.
    pending_since_ns: Option<u64>,
    /// Whether it brought a message.
    useful: bool,
}

#[derive(Debug)]
pub(super) struct Link {
    service: Service,
    servers: usize,
    server: usize,
    client: Option<Client>,
    connection: Option<Connection>,
    /// Times in a row that a server said no for good.
    refusals: u32,
    not_before_ns: u64,
}

impl Link {
    pub(super) fn new(service: Service, servers: usize) -> Link {
        let (client, connection) = (None, None);
        Link { service, servers, server: 0, client, connection, refusals: 0, not_before_ns: 0 }
    }

    pub(super) fn server(&self) -> usize {
        self.server
    }

    /// How often each server has said no for good, since one was of use.
    pub(super) fn rounds(&self) -> u32 {
        self.refusals / self.servers.max(1) as u32
    }

    pub(super) fn is_open(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn has(&self, id: ConnectionId) -> bool {
        self.connection.is_some_and(|connection| connection.id == id)
    }

    /// The number of the next message that it will bring.
    pub(super) fn next_sequence(&self) -> Option<u64> {
        self.client.as_ref().map(Client::next_sequence)
    }

    /// Where its client stands, if it has one.
    pub(super) fn state(&self) -> Option<State> {
        self.client.as_ref().map(Client::state)
    }

    /// Opens the link at `now_ns`, unless it is too early after a refusal.
    pub(super) fn open(&mut self, now_ns: u64, options: impl FnOnce() -> Options) {
        if self.client.is_none() && self.servers > 0 && now_ns >= self.not_before_ns {
            let client = Client::new(options());
            self.client = Some(client.expect("the consumer has checked user and password"));
        }
    }

    /// What it brought was enough, or is of no use any more.
    pub(super) fn log_out(&mut self, now_ns: u64) {
        if let Some(client) = &mut self.client {
            client.log_out(now_ns);
        }
        self.finish();
    }

    /// It served its purpose.
    pub(super) fn succeed(&mut self) {
        self.refusals = 0;
    }

    /// What the server brings makes no sense: logs out, and counts it as its no.
    pub(super) fn refuse(&mut self, now_ns: u64) {
        if let Some(client) = &mut self.client {
            client.log_out(now_ns);
        }
        self.refused(now_ns);
        self.finish();
    }

    /// It is not opened again at once.
    pub(super) fn pause(&mut self, now_ns: u64) {
        let pause_ns = RECONNECT_PAUSE_NS << self.rounds().min(16);
        self.not_before_ns = now_ns.saturating_add(pause_ns.min(RECONNECT_PAUSE_NS_MAX));
    }

    /// A server said no for good: the next one is asked, after a pause if all of them said it.
    fn refused(&mut self, now_ns: u64) {
        if (self.refusals + 1).is_multiple_of(self.servers.max(1) as u32) {
            self.pause(now_ns);
        }
        self.refusals = self.refusals.saturating_add(1);
        self.next_server();
    }

    fn next_server(&mut self) {
        self.server = (self.server + 1) % self.servers.max(1);
    }

    /// Forgets a client that wants nothing any more.
    fn finish(&mut self) {
        let finished = self.client.as_ref().is_some_and(|it| it.state() == State::Finished);
        if finished && self.connection.is_none() {
            self.client = None;
        }
    }

    pub(super) fn on_connected(&mut self, now_ns: u64) {
        let (Some(client), Some(connection)) = (&mut self.client, &mut self.connection) else {
            return;
        };
        if connection.pending_since_ns.take().is_some()
            && matches!(client.state(), State::Resting { .. })
        {
            client.on_connected(now_ns);
        }
    }

    pub(super) fn on_bytes(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        let (Some(client), Some(connection)) = (&mut self.client, &mut self.connection) else {
            return Ok(());
        };
        let result = client.on_bytes(bytes, now_ns, &mut |event| {
            connection.useful |= matches!(event, Event::Message { .. });
            sink(event);
        });
        if let Err(failure) = &result
            && failure.is_final()
        {
            self.refused(now_ns);
        }
        result
    }

    /// The connection is gone.
    pub(super) fn on_disconnected(&mut self, now_ns: u64) {
        let Some(connection) = self.connection.take() else { return };
        if let Some(client) = &mut self.client {
            client.on_disconnected(now_ns);
            if !connection.useful && client.state() != State::Finished {
                self.next_server();
            }
        }
        self.finish();
    }

    pub(super) fn on_time(&mut self, now_ns: u64) -> Result<(), Failure> {
        self.client.as_mut().map_or(Ok(()), |client| client.on_time(now_ns))
    }

    fn connect_deadline(&self) -> Option<u64> {
        let since_ns = self.connection?.pending_since_ns?;
        Some(since_ns.saturating_add(CONNECT_TIMEOUT_NS))
    }

    /// When something is due, if it is open; else when it may be opened.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        match (&self.client, &self.connection) {
            (None, _) => Some(self.not_before_ns),
            (Some(_), Some(Connection { pending_since_ns: Some(_), .. })) => {
                self.connect_deadline()
            }
            (Some(client), _) => client.next_deadline(),
        }
    }

    pub(super) fn poll_action(&mut self, now_ns: u64, ids: &mut u64) -> Option<Action> {
        let client = self.client.as_mut()?;
        let Some(connection) = self.connection else {
            if client.wish(now_ns) != Wish::Connect {
                return None;
            }
            let connection = ConnectionId(*ids);
            *ids += 1;
            let pending_since_ns = Some(now_ns);
            self.connection = Some(Connection { id: connection, pending_since_ns, useful: false });
            return Some(Action::Connect {
                service: self.service,
                server: self.server,
                connection,
            });
        };
        let id = connection.id;
        if !client.outgoing().is_empty() {
            let bytes = client.outgoing().to_vec();
            client.on_transmitted(bytes.len());
            return Some(Action::Send { connection: id, bytes });
        }
        let wish = client.wish(now_ns);
        let timed_out = self.connect_deadline().is_some_and(|deadline| deadline <= now_ns);
        if matches!(wish, Wish::Disconnect | Wish::Finished) || timed_out {
            self.on_disconnected(now_ns);
            return Some(Action::Close { connection: id });
        }
        None
    }
}
