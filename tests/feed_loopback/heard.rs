//! What a subscriber on this machine hears of the feed, and what the log says that it must hear.

use isochron::market_data::{Feed, Output, Plan};
use isochron::net::{Endpoint, Receiver, ReservedPort};
use isochron::store::StoreReader;
use isochron::types::{Nanos, Position};
use isochron_events::Message;
use isochron_feeds::books::Books;
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::{Event, Gap, Options, Source, Subscriber};
use std::net::Ipv4Addr;
use std::path::Path;

/// A receive buffer that holds all that these tests send.
pub(crate) const BUFFER_BYTES: usize = 4 << 20;

/// What a subscriber heard.
pub(crate) struct Heard {
    receiver: Receiver,
    pub(crate) subscriber: Subscriber,
    pub(crate) books: Books,
    pub(crate) first: u64,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) lost: Vec<Gap>,
    pub(crate) datagrams: u64,
}

impl Heard {
    pub(crate) fn listen(endpoint: Endpoint) -> Heard {
        Heard::listen_to(endpoint, None, BUFFER_BYTES)
    }

    pub(crate) fn listen_to(
        endpoint: Endpoint,
        session: Option<Session>,
        buffer_bytes: usize,
    ) -> Heard {
        Heard {
            receiver: Receiver::open(endpoint, buffer_bytes).unwrap(),
            subscriber: Subscriber::new(Options { session, ..Options::default() }),
            books: Books::new(),
            first: 0,
            messages: Vec::new(),
            lost: Vec::new(),
            datagrams: 0,
        }
    }

    /// Takes what waits; the datagram with the number `drop` is thrown away.
    pub(crate) fn receive(&mut self, now: Nanos, drop: Option<u64>) {
        let Self { receiver, subscriber, books, first, messages, lost, datagrams } = self;
        let mut sink = |event: Event<'_>| match event {
            Event::Joined { sequence, .. } => *first = sequence,
            Event::Message { bytes, .. } => {
                messages.push(bytes.to_vec());
                let message = isochron_messages::Message::decode(bytes).unwrap();
                let applied = books.apply(&message);
                assert!(applied.is_ok() || !lost.is_empty() || *first > 1, "{applied:?}");
            }
            Event::Lost(gap) => lost.push(gap),
            Event::GapOpened(_) | Event::Ended { .. } => {}
        };
        loop {
            let mut on_datagram = |datagram: &[u8]| {
                *datagrams += 1;
                if drop != Some(*datagrams) {
                    // Another day's session is refused, and that is right.
                    let _ = subscriber.on_datagram(Source::LineA, datagram, now.0, &mut sink);
                }
            };
            if receiver.recv_batch(&mut on_datagram).unwrap() == 0 {
                break;
            }
        }
        subscriber.on_time(now.0, &mut sink);
    }
}

/// The feed of the log, straight from the core: one list of messages per session.
pub(crate) fn expected(directory: &Path) -> Vec<Vec<Vec<u8>>> {
    expected_before(directory, Position(u64::MAX))
}

/// The feed of the log before `position`.
pub(crate) fn expected_before(directory: &Path, position: Position) -> Vec<Vec<Vec<u8>>> {
    let mut reader = StoreReader::attach(directory, None).unwrap();
    let mut core = Feed::new(&Plan::default());
    let mut sessions = Vec::<Vec<Vec<u8>>>::new();
    while let Some(frame) = reader.next().unwrap().filter(|frame| frame.position < position) {
        let event = Message::decode(frame.message).unwrap();
        core.on_event(&event, &mut |output| match output {
            Output::Session { .. } => sessions.push(Vec::new()),
            Output::Message { bytes, .. } => sessions.last_mut().unwrap().push(bytes.to_vec()),
        });
    }
    sessions
}

pub(crate) fn endpoint(port: &ReservedPort) -> Endpoint {
    Endpoint {
        group: Ipv4Addr::new(239, 77, 1, 9),
        port: port.get(),
        interface: Ipv4Addr::LOCALHOST,
    }
}
