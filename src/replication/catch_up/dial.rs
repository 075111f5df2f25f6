//! Finds a server and keeps a connection to it: the next one after a fault, a while later.

use std::net::SocketAddrV4;

use super::client::Client;
use super::fault::Fault;
use super::link::{Connector, Link, pump};
use super::peer::Peer;
use super::protocol::NONCE_BYTES;
use crate::types::{Key, Nanos};

/// How long after a fault the next connection is tried; twice as long after each more, up to the
/// most.
const RETRY_NS_MIN: u64 = 50_000_000;
const RETRY_NS_MAX: u64 = 2_000_000_000;

/// Who asks, and whom.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// This node.
    pub me: Peer,
    /// The cluster's secret, where it has one.
    pub key: Option<Key>,
    /// Where others give what they have, the best first; one's own address is not among them.
    pub servers: Vec<SocketAddrV4>,
    /// Random bytes, anew with each start: nonces are made of them.
    pub secret: [u8; 32],
}

/// A connection, or the wait for one.
pub(super) struct Dial {
    options: DialOptions,
    connected: Option<(Client, Box<dyn Link>)>,
    /// Which server is next, and which connection: nonces count.
    next: usize,
    count: u64,
    retry_at: Nanos,
    retry_ns: u64,
}

impl Dial {
    pub(super) fn new(options: DialOptions) -> Self {
        assert!(!options.servers.is_empty(), "nobody to ask");
        Self {
            options,
            connected: None,
            next: 0,
            count: 0,
            retry_at: Nanos(0),
            retry_ns: RETRY_NS_MIN,
        }
    }

    /// The connection, and the bytes that moved; none while there is no connection. A fault ends
    /// it.
    pub(super) fn turn(
        &mut self,
        connector: &mut dyn Connector,
        now: Nanos,
    ) -> Result<Option<(&mut Client, usize)>, Fault> {
        if self.connected.is_none() {
            if now < self.retry_at {
                return Ok(None);
            }
            let server = self.options.servers[self.next];
            self.next = (self.next + 1) % self.options.servers.len();
            match connector.connect(server) {
                Ok(link) => {
                    let DialOptions { me, key, .. } = &self.options;
                    self.count += 1;
                    let nonce = nonce(&self.options.secret, now, self.count);
                    let client = Client::new(*me, key.clone(), nonce, now);
                    self.connected = Some((client, link));
                }
                Err(error) => {
                    self.back_off(now);
                    return Err(Fault::Closed { reason: error.to_string() });
                }
            }
        }
        let (client, link) = self.connected.as_mut().expect("made above");
        let moved = pump(client, link.as_mut(), now);
        if let Some(fault) = client.fault().cloned() {
            // What it says of the fault goes as far as the socket takes it.
            let _ = link.write(client.outgoing());
            self.connected = None;
            self.back_off(now);
            return Err(fault);
        }
        let (client, _) = self.connected.as_mut().expect("no fault");
        Ok(Some((client, moved)))
    }

    /// The connection is of no use: the next turn makes another one, to the next server.
    pub(super) fn end(&mut self, fault: Fault, now: Nanos) {
        if let Some((mut client, mut link)) = self.connected.take() {
            client.end(fault);
            let _ = link.write(client.outgoing());
            self.back_off(now);
        }
    }

    /// It does what it is for: the next fault is the first again.
    pub(super) fn serves_well(&mut self) {
        self.retry_ns = RETRY_NS_MIN;
    }

    fn back_off(&mut self, now: Nanos) {
        self.retry_at = Nanos(now.get().saturating_add(self.retry_ns));
        self.retry_ns = (self.retry_ns * 2).min(RETRY_NS_MAX);
    }
}

/// The nonce of a connection: 32 bytes that none had before, of this start (its secret), of this
/// use of it (the time), or of another connection (counted).
pub(super) fn nonce(secret: &[u8; 32], now: Nanos, count: u64) -> [u8; NONCE_BYTES] {
    let key = Key::new(secret);
    let (now, count) = (now.get().to_le_bytes(), count.to_le_bytes());
    key.mac(&[b"isochron catch-up nonce", &now, &count])
}
