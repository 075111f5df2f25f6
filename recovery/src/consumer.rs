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
mod options;

pub use action::{Action, ConnectionId, Service};
pub use event::{Event, Notice};
pub use options::Options;

use isochron_feeds::subscriber::{Refused, Source, State, Subscriber};

use crate::soup::FieldError;

/// One session's client. Calling order: any `on_` function when its thing happens, `on_time` at
/// `next_deadline`; after each, `poll_action` until `None`.
pub struct Consumer {
    subscriber: Subscriber,
}

impl Consumer {
    /// A consumer that has heard nothing yet.
    ///
    /// # Errors
    /// A user or a password that fits no login.
    pub fn new(options: Options) -> Result<Consumer, FieldError> {
        let subscriber = Subscriber::new(options.feed());
        Ok(Consumer { subscriber })
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
        self.subscriber.on_datagram(source, datagram, now_ns, &mut |event| sink(Event::Feed(event)))
    }

    /// A connection that was asked for is established.
    pub fn on_connected(&mut self, connection: ConnectionId, now_ns: u64) {
        let _ = (connection, now_ns);
    }

    /// Takes bytes that a connection received.
    pub fn on_bytes(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let _ = (connection, bytes, now_ns, sink);
    }

    /// A connection could not be established, or was closed by the other side or by an error.
    /// Not to be called for those that an [`Action::Close`] closed.
    pub fn on_disconnected(
        &mut self,
        connection: ConnectionId,
        now_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let _ = (connection, now_ns, sink);
    }

    /// Does what is due.
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        self.subscriber.on_time(now_ns, &mut |event| sink(Event::Feed(event)));
    }

    /// The next thing to do with sockets. Call it until `None`.
    #[must_use]
    pub fn poll_action(&mut self, now_ns: u64) -> Option<Action> {
        let _ = now_ns;
        None
    }

    /// When to call `on_time` although nothing arrived.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.subscriber.next_deadline()
    }

    /// Throws the books away and joins again with a new snapshot, where there are any: what to do
    /// when a checksum does not agree. Whether there are.
    pub fn join_again(&mut self) -> bool {
        false
    }

    /// Gives up what is missing and every connection: nothing more will be heard.
    pub fn give_up(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        self.subscriber.give_up(&mut |event| sink(Event::Feed(event)));
    }
}
