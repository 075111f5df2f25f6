//! A drill: exchange, network and client on one thread, in steps of 100 us, from one seed.

use std::ops::Range;

use isochron_feeds::subscriber::{Source, State};
use isochron_recovery::consumer::{Action, ConnectionId, Options, Service};

use crate::client::Client;
use crate::exchange::{Exchange, PASSWORD, USER};
use crate::market::Random;
use crate::network::{Line, MS, SECOND, UnderWay};

const STEP: u64 = 100_000;

/// After its last event a session's client must have come to its end within this time.
const PATIENCE: u64 = 60 * SECOND;

/// One way of TCP, loss and all.
const TCP_DELAY: u64 = 200_000;

/// What happens in a drill.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) events: u64,
    pub(crate) event_every_ns: u64,
    pub(crate) lines: [Line; 2],
    /// Requests and answers by UDP.
    pub(crate) requests: Line,
    /// When the client begins to listen.
    pub(crate) joins_ns: u64,
    /// When both publishers are dead.
    pub(crate) publisher_dead: Option<Range<u64>>,
    /// When nobody listens on the TCP ports, and connections break.
    pub(crate) service_dead: Option<Range<u64>>,
    /// When all messages sent so far are no longer kept.
    pub(crate) forgotten_ns: Option<u64>,
    pub(crate) options: Options,
}

impl Setting {
    pub(crate) fn new(seed: u64) -> Setting {
        Setting {
            seed,
            events: 30_000,
            event_every_ns: 2 * STEP,
            lines: [Line::default(), Line { delay_ns: 60_000, ..Line::default() }],
            requests: Line::default(),
            joins_ns: 0,
            publisher_dead: None,
            service_dead: None,
            forgotten_ns: None,
            options: Options {
                request_servers: 2,
                replay_servers: 2,
                snapshot_servers: 1,
                user: USER.to_owned(),
                password: PASSWORD.to_owned(),
                ..Options::default()
            },
        }
    }
}

enum Arrival {
    Datagram(Source, Vec<u8>),
    Request(Vec<u8>),
    Accept(ConnectionId, Service),
    Connected(ConnectionId),
    ToServer(ConnectionId, Vec<u8>),
    ClosedByClient(ConnectionId),
    ToClient(ConnectionId, Vec<u8>),
    ClosedByServer(ConnectionId),
}

/// How a drill went.
pub(crate) struct Outcome {
    /// Of the messages from the first one heard on: what never came on line A, on B, on both.
    pub(crate) lost: [u64; 3],
    pub(crate) client: Client,
    pub(crate) books_equal: bool,
    pub(crate) messages: u64,
}

pub(crate) struct World {
    setting: Setting,
    random: Random,
    now_ns: u64,
    exchange: Exchange,
    client: Client,
    under_way: UnderWay<Arrival>,
    /// Which messages arrived on each line.
    arrived: [Vec<bool>; 2],
    events: u64,
}

impl World {
    pub(crate) fn new(setting: Setting) -> World {
        World {
            random: Random(setting.seed),
            now_ns: 0,
            exchange: Exchange::new(setting.seed),
            client: Client::new(setting.options.clone()),
            under_way: UnderWay::new(),
            arrived: [Vec::new(), Vec::new()],
            events: 0,
            setting,
        }
    }

    /// Runs until the client's session has ended, or it cannot any more, and a little longer, so
    /// that the slower line ends too.
    pub(crate) fn run(mut self) -> Outcome {
        let last_ns = self.setting.events * self.setting.event_every_ns + PATIENCE;
        while self.client.consumer.state(self.now_ns) != State::Ended && self.now_ns < last_ns {
            self.step();
        }
        let over_ns = self.now_ns + 2 * SECOND;
        while self.now_ns < over_ns {
            self.step();
        }
        self.outcome()
    }

    fn step(&mut self) {
        let now_ns = self.now_ns;
        let is_dead =
            |dead: &Option<Range<u64>>| dead.as_ref().is_some_and(|it| it.contains(&now_ns));
        if self.events < self.setting.events && now_ns.is_multiple_of(self.setting.event_every_ns) {
            self.events += 1;
            self.exchange.event(now_ns);
            if self.events == self.setting.events {
                self.exchange.end();
            }
        }
        if self.setting.publisher_dead.as_ref().is_some_and(|dead| dead.end == now_ns) {
            self.exchange.restart(now_ns);
        }
        if !is_dead(&self.setting.publisher_dead) {
            self.publish();
        }
        if self.setting.forgotten_ns == Some(now_ns) {
            self.exchange.forget(self.exchange.messages.len() as u64);
        }
        if self.setting.service_dead.as_ref().is_some_and(|dead| dead.start == now_ns) {
            for connection in self.exchange.kill_service() {
                self.under_way.send(now_ns + TCP_DELAY, Arrival::ClosedByServer(connection));
            }
        }
        self.receive(is_dead(&self.setting.service_dead));
        self.serve();
        if now_ns >= self.setting.joins_ns {
            self.act();
            self.client.check(now_ns);
        }
        self.now_ns += STEP;
    }

    fn publish(&mut self) {
        let Self { setting, random, exchange, under_way, arrived, now_ns, .. } = self;
        exchange.publish(*now_ns, &mut |line, bytes, numbers| {
            for arrives_ns in setting.lines[line].arrivals(random, *now_ns) {
                let source = [Source::LineA, Source::LineB][line];
                if arrives_ns >= setting.joins_ns {
                    let there = &mut arrived[line];
                    there.resize(there.len().max(numbers.end as usize), false);
                    numbers.clone().for_each(|number| there[number as usize] = true);
                    under_way.send(arrives_ns, Arrival::Datagram(source, bytes.to_vec()));
                }
            }
        });
    }

    fn receive(&mut self, service_dead: bool) {
        while let Some((at_ns, arrival)) = self.under_way.receive(self.now_ns) {
            let published = &self.exchange.messages;
            match arrival {
                Arrival::Datagram(source, bytes) => {
                    let taken = self.client.call(published, |consumer, sink| {
                        consumer.on_datagram(source, &bytes, at_ns, &mut |event| sink(event))
                    });
                    assert_eq!(taken, Ok(()), "everything on this network is honest");
                }
                Arrival::Request(packet) => {
                    if let Some(answer) = self.exchange.on_request(&packet, at_ns) {
                        for arrives_ns in self.setting.requests.arrivals(&mut self.random, at_ns) {
                            let answer = Arrival::Datagram(Source::Retransmission, answer.clone());
                            self.under_way.send(arrives_ns, answer);
                        }
                    }
                }
                Arrival::Accept(connection, service) => {
                    let answer = if service_dead {
                        Arrival::ClosedByServer(connection)
                    } else {
                        self.exchange.accept(connection, service, at_ns);
                        Arrival::Connected(connection)
                    };
                    self.under_way.send(at_ns + TCP_DELAY, answer);
                }
                Arrival::Connected(connection) => {
                    self.client.consumer.on_connected(connection, at_ns);
                }
                Arrival::ToServer(connection, bytes) => {
                    self.exchange.on_bytes(connection, &bytes, at_ns);
                }
                Arrival::ClosedByClient(connection) => self.exchange.close(connection),
                Arrival::ToClient(connection, bytes) => {
                    self.client.call(published, |consumer, sink| {
                        consumer.on_bytes(connection, &bytes, at_ns, &mut |event| sink(event));
                    });
                }
                Arrival::ClosedByServer(connection) => {
                    self.client.call(published, |consumer, sink| {
                        consumer.on_disconnected(connection, at_ns, &mut |event| sink(event));
                    });
                }
            }
        }
    }

    fn serve(&mut self) {
        let Self { exchange, under_way, random, now_ns, .. } = self;
        let arrives_ns = *now_ns + TCP_DELAY;
        let done = exchange.serve(*now_ns, &mut |connection, bytes| {
            // TCP cuts its stream anywhere.
            let (first, second) = bytes.split_at(random.below(1 + bytes.len() as u64) as usize);
            for part in [first, second] {
                if !part.is_empty() {
                    under_way.send(arrives_ns, Arrival::ToClient(connection, part.to_vec()));
                }
            }
        });
        for connection in done {
            under_way.send(arrives_ns, Arrival::ClosedByServer(connection));
        }
    }

    /// The consumer's turn.
    fn act(&mut self) {
        let now_ns = self.now_ns;
        let due = self.client.consumer.next_deadline().is_some_and(|due_ns| due_ns <= now_ns);
        if due {
            self.client.call(&self.exchange.messages, |consumer, sink| {
                consumer.on_time(now_ns, &mut |event| sink(event));
            });
        }
        let mut actions = 0;
        while let Some(action) = self.client.consumer.poll_action(now_ns) {
            actions += 1;
            assert!(actions < 100, "{action:?}, and no end");
            let arrives_ns = now_ns + TCP_DELAY;
            match action {
                Action::SendRequest { server, packet } => {
                    assert!(server < self.setting.options.request_servers);
                    for arrives_ns in self.setting.requests.arrivals(&mut self.random, now_ns) {
                        self.under_way.send(arrives_ns, Arrival::Request(packet.to_vec()));
                    }
                }
                Action::Connect { service, connection, .. } => {
                    self.under_way.send(arrives_ns, Arrival::Accept(connection, service));
                }
                Action::Send { connection, bytes } => {
                    self.under_way.send(arrives_ns, Arrival::ToServer(connection, bytes));
                }
                Action::Close { connection } => {
                    self.under_way.send(arrives_ns, Arrival::ClosedByClient(connection));
                }
            }
        }
    }

    fn outcome(self) -> Outcome {
        let messages = self.exchange.messages.len() as u64;
        let first = self.client.consumer.subscriber().first_sequence().max(1);
        let came = |line: usize, number: u64| {
            self.arrived[line].get(number as usize).copied().unwrap_or(false)
        };
        let count = |lost: &dyn Fn(u64) -> bool| {
            (first..=messages).filter(|number| lost(*number)).count() as u64
        };
        let lost = [
            count(&|number| !came(0, number)),
            count(&|number| !came(1, number)),
            count(&|number| !came(0, number) && !came(1, number)),
        ];
        let (ours, theirs) = (&self.client.heard.books, &self.exchange.market.books);
        let proof = |books: &isochron_feeds::books::Books| -> Vec<_> {
            let all = books.instruments().into_iter();
            all.map(|(id, known)| (id, known.checksum(), known.is_current())).collect()
        };
        let books_equal = proof(ours) == proof(theirs);
        Outcome { lost, client: self.client, books_equal, messages }
    }
}

/// 1 ms in steps, for settings.
pub(crate) const fn ms(ms: u64) -> u64 {
    ms * MS
}
