//! A customer of the repair service: one connection over TCP, and the books that it leads to.

use crate::program::wait;
use isochron::config::EXAMPLE;
use isochron_feeds::books::{Books, Instrument};
use isochron_feeds::mold::Session;
use isochron_messages::{Message, Side};
use isochron_recovery::access::Purpose;
use isochron_recovery::client::{Client, Event, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Alice of the example, who may see everything.
pub(crate) fn alice() -> String {
    let hash = EXAMPLE.lines().find_map(|line| line.strip_prefix("#password = ")).unwrap();
    format!("\n[[recovery.users]]\nname = \"alice\"\npassword = {hash}\n")
}

/// A connection with its client; the time is counted in looks.
pub(crate) struct Connected {
    socket: TcpStream,
    client: Client,
    pub(crate) session: Option<Session>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) first: u64,
    pub(crate) said: Vec<String>,
}

impl Connected {
    pub(crate) fn new(address: &str, purpose: Purpose, session: Session, sequence: u64) -> Self {
        let options = Options { purpose, session, sequence, ..Options::new("alice", "password") };
        let mut client = Client::new(options).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        client.on_connected(0);
        let (session, messages, said) = (None, Vec::new(), Vec::new());
        Self { socket, client, session, messages, first: 0, said }
    }

    /// One that the service lets in, as soon as there is what it wants.
    pub(crate) fn open(address: &str, purpose: Purpose, session: Session, sequence: u64) -> Self {
        wait("a login", || {
            let mut connected = Self::new(address, purpose, session, sequence);
            connected.until(1);
            (!connected.messages.is_empty()).then_some(connected)
        })
    }

    /// Receives until `is_enough` messages, or the server closes.
    pub(crate) fn until(&mut self, is_enough: usize) {
        let mut looks = 0;
        let mut buffer = vec![0; 1 << 16];
        wait(&format!("{is_enough} messages over TCP"), || {
            // A look is 20 ms: a heartbeat a second.
            looks += 1;
            let now_ns = looks * 20_000_000;
            let _ = self.client.on_time(now_ns);
            let bytes = self.client.outgoing().len();
            self.socket.write_all(self.client.outgoing()).unwrap();
            self.client.on_transmitted(bytes);
            loop {
                let Self { client, session, messages, first, said, .. } = self;
                match self.socket.read(&mut buffer) {
                    Ok(0) => return Some(()),
                    Ok(bytes) => {
                        let sink = &mut |event: Event<'_>| match event {
                            Event::Accepted { session: joined, sequence } => {
                                (*session, *first) = (Some(joined), sequence);
                            }
                            Event::Message { bytes, .. } => messages.push(bytes.to_vec()),
                            other => said.push(format!("{other:?}")),
                        };
                        if let Err(failure) = client.on_bytes(&buffer[..bytes], now_ns, sink) {
                            said.push(failure.to_string());
                            return Some(());
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
            (self.messages.len() >= is_enough).then_some(())
        });
    }
}

pub(crate) fn books(messages: &[Vec<u8>]) -> Books {
    let mut books = Books::new();
    for message in messages {
        books.apply(&Message::decode(message).unwrap()).unwrap();
    }
    books
}

/// An instrument, its next number, and its orders: id, price, quantity.
pub(crate) type Content = (u32, u32, Vec<(u64, i64, u64)>);

pub(crate) fn content(books: &Books) -> Vec<Content> {
    let of = |instrument: &Instrument| {
        let orders = [Side::BUY, Side::SELL].into_iter().flat_map(|s| instrument.book.orders(s));
        orders.map(|order| (order.order_id, order.price, order.quantity)).collect()
    };
    books.instruments().into_iter().map(|(id, one)| (id, one.next_sequence, of(one))).collect()
}
