//! Every product on both lines, from its log: the same messages on each, whatever dies in between.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use isochron::feed_log::{FeedLog, sessions};
use isochron::market_data::{CHANNEL_L3, Feed, FeedOptions, Output, Plan};
use isochron::metrics::Counter;
use isochron::net::{Endpoint, Receiver, ReservedPort};
use isochron::store::{RealDisk, StoreReader};
use isochron::types::Nanos;
use isochron_events::Message;
use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::{Kind, Packet, Session};
use isochron_recovery::SequencedLog;

use super::publishing::{self, options};
use super::{Ending, Log, SECOND_NS};
use crate::heard::{BUFFER_BYTES, endpoint};

const PRODUCTS: [Product; 4] = [Product::L1, Product::L2, Product::L3, Product::L1Conflated];

/// What came on one line of one channel, without any arbitration.
struct Heard {
    receiver: Receiver,
    messages: BTreeMap<(Session, u64), Vec<u8>>,
    again: u64,
    heartbeats: Vec<(Session, u64)>,
    ends: Vec<(Session, u64)>,
}

impl Heard {
    fn listen(endpoint: Endpoint) -> Self {
        let receiver = Receiver::open(endpoint, BUFFER_BYTES).unwrap();
        let (messages, again, heartbeats, ends) = Default::default();
        Self { receiver, messages, again, heartbeats, ends }
    }

    fn receive(&mut self) {
        let Self { receiver, messages, again, heartbeats, ends } = self;
        let mut on_datagram = |datagram: &[u8]| {
            assert!(datagram.len() <= 1_400);
            let packet = Packet::new_checked(datagram).unwrap();
            let session = packet.session();
            match packet.kind() {
                Kind::Heartbeat => heartbeats.push((session, packet.sequence())),
                Kind::EndOfSession => ends.push((session, packet.sequence())),
                Kind::Data => {}
            }
            for (sequence, message) in packet.messages() {
                match messages.insert((session, sequence), message.to_vec()) {
                    None => {}
                    Some(before) => {
                        assert_eq!(before, message, "{session} {sequence}");
                        *again += 1;
                    }
                }
            }
        };
        while receiver.recv_batch(&mut on_datagram).unwrap() > 0 {}
    }
}

fn both_lines(directory: &Path, port: &ReservedPort) -> FeedOptions {
    let line_b = Endpoint { group: Ipv4Addr::new(239, 78, 1, 9), ..endpoint(port) };
    FeedOptions {
        plan: Plan::new(&PRODUCTS, SECOND_NS / 10),
        line_b: FeedOptions::line_with(CHANNEL_L3, line_b),
        ..options(directory, endpoint(port))
    }
}

/// All lines of all channels of the first partition.
fn listen(options: &FeedOptions) -> Vec<(Product, [Heard; 2])> {
    let of = |product| {
        let endpoints = options.endpoints(Channel { partition: 0, product }).unwrap();
        let [a, b] = endpoints[..] else { panic!("two lines") };
        (product, [Heard::listen(a), Heard::listen(b)])
    };
    PRODUCTS.map(of).into()
}

/// What the core makes of the log, by product, session and number.
fn made(directory: &Path, plan: &Plan) -> BTreeMap<Product, BTreeMap<(Session, u64), Vec<u8>>> {
    let mut reader = StoreReader::attach(directory, None).unwrap();
    let mut core = Feed::new(plan);
    let mut made = BTreeMap::<Product, BTreeMap<_, _>>::new();
    let mut places = BTreeMap::new();
    while let Some(frame) = reader.next().unwrap() {
        let event = Message::decode(frame.message).unwrap();
        core.on_event(&event, &mut |output| match output {
            Output::Session { channel, session } => {
                places.insert(channel, (session, 0));
            }
            Output::Message { channel, bytes } => {
                let (session, sequence) = places.get_mut(&channel).unwrap();
                *sequence += 1;
                made.entry(channel.product)
                    .or_default()
                    .insert((*session, *sequence), bytes.to_vec());
            }
        });
    }
    made
}

/// Both lines and the logs, as others read them, have what the core makes, and nothing else.
fn check(directory: &Path, plan: &Plan, lines: &mut [(Product, [Heard; 2])]) {
    let made = made(directory, plan);
    assert_eq!(made.len(), PRODUCTS.len());
    let disk = || Arc::new(RealDisk);
    let mut logged = BTreeMap::<Product, BTreeMap<(Session, u64), Vec<u8>>>::new();
    for found in sessions(&RealDisk, directory).unwrap() {
        let mut log = FeedLog::open(disk(), &found.directory, found.session).unwrap();
        while log.refresh() > 0 {}
        assert!(log.fault().is_none());
        let messages = logged.entry(found.channel.product).or_default();
        for sequence in log.first()..log.next() {
            let message = log.get(sequence).unwrap().to_vec();
            messages.insert((found.session, sequence), message);
        }
    }
    for (product, heard) in lines {
        for (line, heard) in heard.iter_mut().enumerate() {
            heard.receive();
            assert_eq!(heard.receiver.dropped().unwrap(), 0, "the buffer was too small");
            assert!(heard.messages == made[product], "{product} on line {line}");
        }
        assert!(logged[product] == made[product], "the log of {product}");
    }
}

#[test]
fn both_lines_and_the_logs_have_every_message_of_every_product() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let directory = directory.path();
    let mut log = Log::create(directory);
    let options = both_lines(directory, &port);
    let mut lines = listen(&options);
    let mut publishing = Ending::with(directory, &options);
    log.open_market(20_261_122);
    let now = Nanos(SECOND_NS);
    for _ in 0..40 {
        log.orders(60);
        publishing.publish(now);
        lines.iter_mut().flat_map(|(_, heard)| heard).for_each(Heard::receive);
    }
    check(directory, &options.plan, &mut lines);
    // Lines take turns to be first.
    let count = |counter| publishing.counters.get(counter);
    let first = [count(Counter::FEED_A_FIRST), count(Counter::FEED_B_FIRST)];
    assert!(first[0].abs_diff(first[1]) <= 1 && first[0] > 40, "{first:?}");
    let datagrams = [count(Counter::FEED_A_DATAGRAMS), count(Counter::FEED_B_DATAGRAMS)];
    assert_eq!(datagrams[0], datagrams[1]);
    assert_eq!(count(Counter::FEED_DATAGRAMS), datagrams[0] + datagrams[1]);

    // A second of silence: a heartbeat on each line of each channel, with the next number.
    lines.iter_mut().flat_map(|(_, heard)| heard).for_each(|heard| heard.heartbeats.clear());
    publishing.publish(Nanos(now.0 + SECOND_NS));
    publishing.end.stop();
    publishing.publish(Nanos(now.0 + SECOND_NS));
    publishing.publish(Nanos(now.0 + 2 * SECOND_NS));
    for (product, heard) in &mut lines {
        for heard in heard {
            heard.receive();
            let (session, last) = *heard.messages.keys().next_back().unwrap();
            assert_eq!(heard.heartbeats, [(session, last + 1)], "{product}");
            assert_eq!(heard.ends, [(session, last + 1); 2], "{product}: the end, repeated");
        }
    }
}

/// Publishers die at any cycle, also before the first, one after the other, over two days.
#[test]
fn publishers_that_die_lose_and_change_nothing_on_any_line() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let directory = directory.path();
    let mut log = Log::create(directory);
    let options = both_lines(directory, &port);
    let mut lines = listen(&options);
    let mut now = Nanos(SECOND_NS);
    log.open_market(20_261_122);
    let mut random = 20_261_122_u64;
    for life in 0..30 {
        if life == 15 {
            log.day(20_261_123);
        }
        log.orders(40);
        let mut publishing = Ending::with(directory, &options);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for _ in 0..random >> 60 {
            now = Nanos(now.0 + SECOND_NS / 100);
            publishing.do_work(now);
        }
        assert!(publishing.agent.fault().is_none(), "{:?}", publishing.agent.fault());
        lines.iter_mut().flat_map(|(_, heard)| heard).for_each(Heard::receive);
    }
    Ending::with(directory, &options).publish(now);
    check(directory, &options.plan, &mut lines);
    for (product, heard) in &lines {
        assert_eq!((heard[0].again, heard[1].again), (0, 0), "{product}");
    }
}

/// A log that does not agree with what is made again ends the feed, and nothing of it is sent.
#[test]
fn a_message_that_is_made_otherwise_than_it_was_logged_is_never_sent() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let directory = directory.path();
    let mut log = Log::create(directory);
    log.open_market(20_261_122);
    log.orders(50);
    let options = options(directory, endpoint(&port));
    Ending::with(directory, &options).publish(Nanos(SECOND_NS));
    // Another log of events: the same day, other orders.
    let other = tempfile::tempdir().unwrap();
    let mut log = Log::create(other.path());
    log.open_market(20_261_122);
    log.skip_order();
    log.orders(80);
    std::fs::rename(directory.join("feed"), other.path().join("feed")).unwrap();
    let options = publishing::options(other.path(), endpoint(&port));
    let mut heard = Heard::listen(endpoint(&port));
    let mut publishing = Ending::with(other.path(), &options);
    for _ in 0..20 {
        publishing.do_work(Nanos(2 * SECOND_NS));
    }
    let messages = |directory| made(directory, &options.plan).remove(&Product::L3).unwrap();
    let (logged, other) = (messages(directory), messages(other.path()));
    let differs = logged.iter().zip(&other).find(|(logged, other)| logged != other);
    let ((_, sequence), _) = differs.unwrap().0;
    let fault = publishing.agent.fault().map(ToString::to_string).unwrap_or_default();
    let named = "the feed's session 261122300A cannot go on: message";
    assert!(fault.starts_with(&format!("{named} {sequence} is made otherwise")), "{fault}");
    heard.receive();
    assert!(heard.messages.is_empty(), "{} messages", heard.messages.len());
}
