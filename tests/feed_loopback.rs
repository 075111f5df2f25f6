//! The feed end to end: a log on disk, the agent, real multicast on the loopback interface, and
//! a subscriber that rebuilds the books.
//!
//! Everything runs on the test's thread: the agent and the receiver take turns, and the time is
//! moved by hand.

#[path = "feed_loopback/heard.rs"]
mod heard;
#[path = "feed_loopback/lines.rs"]
mod lines;
#[path = "feed_loopback/logged.rs"]
mod logged;
#[path = "feed_loopback/publishing.rs"]
mod publishing;
#[path = "feed_loopback/standby.rs"]
mod standby;
#[path = "feed_loopback/told.rs"]
mod told;

use std::path::Path;

use heard::{BUFFER_BYTES, Heard, endpoint, expected, expected_before};
use isochron::agent::{Agent, StopFlag};
use isochron::market_data::FeedOptions;
use isochron::metrics::Counter;
use isochron::net::{Endpoint, ReservedPort};
use isochron::store::{Identity, Options as StoreOptions, StoreReader, StoreWriter, framed};
use isochron::types::flags::{END_OF_EVENT, END_OF_TRANSACTION};
use isochron::types::{Nanos, Position};
use isochron_events::{
    AdministrationApplied, CancelOrderEvent, DayStarted, DefineInstrument, EventHeader, Message,
    NewOrderEvent, OrderAcceptedEvent, OrderCanceledEvent, Phase, PhaseChange, PhaseChanged, Side,
};
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::{Source, State};
use publishing::{Publishing, options};
use std::ops::{Deref, DerefMut};

const SECOND_NS: u64 = 1_000_000_000;
const INSTRUMENTS: u32 = 3;

/// A log that is written as the core would write it.
pub(crate) struct Log {
    writer: StoreWriter,
    sequence: u64,
    next_order: u64,
    resting: Vec<(u32, u64)>,
    end: Position,
}

impl Log {
    pub(crate) fn create(directory: &Path) -> Log {
        let exchange = String::from("LOOPBACK");
        let identity =
            Identity { exchange, exchange_number: 1, node: 1, schema_id: 1, schema_version: 0 };
        let options =
            StoreOptions { term_bytes: 1 << 20, ..StoreOptions::new(directory, identity) };
        let (writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
        Log { writer, sequence: 0, next_order: 1, resting: Vec::new(), end: Position(0) }
    }

    /// One event in one transaction.
    fn event(&mut self, messages: &mut [Message]) {
        self.sequence += 1;
        let (sequence, timestamp) = (self.sequence, self.sequence * SECOND_NS / 100);
        let bytes = messages.iter().map(|message| framed(message.encoded_length())).sum();
        let mut transaction = self.writer.begin(bytes).unwrap();
        let last = messages.len() - 1;
        for (index, message) in messages.iter_mut().enumerate() {
            let flags = if index == last { END_OF_TRANSACTION | END_OF_EVENT } else { 0 };
            *message.header_mut() =
                EventHeader { sequence, timestamp, cause: sequence, session: 0, flags };
            let length = message.encoded_length();
            transaction.append(length, |buffer| assert_eq!(message.encode(buffer), Ok(length)));
        }
        self.end = transaction.finish();
    }

    pub(crate) fn open_market(&mut self, trading_date: u32) {
        for instrument in 1..=INSTRUMENTS {
            let define = DefineInstrument { instrument, ..Default::default() };
            self.event(&mut [define.into(), AdministrationApplied::default().into()]);
        }
        self.day(trading_date);
        let changed = PhaseChanged { phase: Phase::OPEN, ..Default::default() };
        let applied = AdministrationApplied::default();
        self.event(&mut [PhaseChange::default().into(), applied.into(), changed.into()]);
    }

    pub(crate) fn day(&mut self, trading_date: u32) {
        let started = DayStarted { trading_date, ..Default::default() };
        self.event(&mut [started.into(), AdministrationApplied::default().into()]);
    }

    /// An order's number that no order has.
    pub(crate) fn skip_order(&mut self) {
        self.next_order += 1;
    }

    /// Orders that rest, with a cancel after every third.
    pub(crate) fn orders(&mut self, count: u64) {
        for _ in 0..count {
            let order_id = self.next_order;
            self.next_order += 1;
            let instrument = 1 + u32::try_from(order_id % u64::from(INSTRUMENTS)).unwrap();
            let (side, price) = if order_id.is_multiple_of(2) {
                (Side::BUY, 900 - (order_id % 7).cast_signed())
            } else {
                (Side::SELL, 1_000 + (order_id % 7).cast_signed())
            };
            let accepted = OrderAcceptedEvent {
                instrument,
                order_id,
                side,
                price,
                quantity: order_id,
                leaves_quantity: order_id,
                ..Default::default()
            };
            self.event(&mut [NewOrderEvent::default().into(), accepted.into()]);
            self.resting.push((instrument, order_id));
            if order_id.is_multiple_of(3) {
                let (instrument, order_id) = self.resting.swap_remove(self.resting.len() / 2);
                let canceled = OrderCanceledEvent { instrument, order_id, ..Default::default() };
                self.event(&mut [CancelOrderEvent::default().into(), canceled.into()]);
            }
        }
    }
}

/// A publisher that can be told to end its sessions.
pub(crate) struct Ending {
    publishing: Publishing,
    end: StopFlag,
}

impl Ending {
    pub(crate) fn open(directory: &Path, endpoint: Endpoint) -> Self {
        Self::with(directory, &options(directory, endpoint))
    }

    pub(crate) fn with(directory: &Path, options: &FeedOptions) -> Self {
        let reader = StoreReader::attach(directory, None).unwrap();
        let options = FeedOptions { end: StopFlag::new(), ..options.clone() };
        Self { publishing: Publishing::at(directory, reader, &options), end: options.end }
    }
}

impl Deref for Ending {
    type Target = Publishing;

    fn deref(&self) -> &Publishing {
        &self.publishing
    }
}

impl DerefMut for Ending {
    fn deref_mut(&mut self) -> &mut Publishing {
        &mut self.publishing
    }
}

/// Turns of publisher and subscriber, 10 ms each, until both have nothing to do.
fn run(publishing: &mut Ending, heard: &mut Heard, now: &mut Nanos, drop: Option<u64>) {
    let mut idle = 0;
    while idle < 5 {
        *now = Nanos(now.0 + SECOND_NS / 100);
        let work = publishing.do_work(*now);
        heard.receive(*now, drop);
        idle = if work == 0 { idle + 1 } else { 0 };
        assert!(publishing.agent.fault().is_none(), "{:?}", publishing.agent.fault());
    }
}

#[test]
fn a_subscriber_rebuilds_the_books_from_multicast() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut heard = Heard::listen(endpoint);
    let mut publishing = Ending::open(directory, endpoint);
    let mut now = Nanos(1_000 * SECOND_NS);

    run(&mut publishing, &mut heard, &mut now, None);
    assert_eq!(heard.datagrams, 0, "nothing is sent before the first trading day");
    log.open_market(20_261_122);
    log.orders(300);
    run(&mut publishing, &mut heard, &mut now, None);
    log.orders(200);
    run(&mut publishing, &mut heard, &mut now, None);
    assert_eq!(heard.subscriber.state(now.0), State::InStep);

    // A second of silence brings a heartbeat, the end of the session its own mark.
    let before = publishing.counters.get(Counter::FEED_HEARTBEATS);
    now = Nanos(now.0 + SECOND_NS);
    run(&mut publishing, &mut heard, &mut now, None);
    assert_eq!(publishing.counters.get(Counter::FEED_HEARTBEATS), before + 1);
    publishing.end.stop();
    run(&mut publishing, &mut heard, &mut now, None);
    assert_eq!(heard.subscriber.state(now.0), State::Ended);

    assert_eq!(heard.first, 1);
    assert!(heard.subscriber.is_complete());
    assert_eq!(heard.messages, expected(directory).concat());
    assert_eq!(publishing.counters.get(Counter::FEED_MESSAGES), heard.messages.len() as u64);
    assert_eq!(publishing.counters.get(Counter::FEED_DATAGRAMS), heard.datagrams);
    assert_eq!(publishing.counters.get(Counter::FEED_POSITION), log.end.0);
    assert!(heard.datagrams < heard.messages.len() as u64 / 5, "messages share datagrams");
    assert_eq!(publishing.agent.core().anomalies(), 0);
    assert!(heard.books.statistics().checksums_verified >= 9);
    let resting: usize =
        heard.books.instruments().iter().map(|(_, known)| known.book.order_count()).sum();
    assert_eq!(resting, log.resting.len());
    for instrument in 1..=INSTRUMENTS {
        let sent = publishing.agent.core().book(instrument).unwrap().checksum();
        assert_eq!(heard.books.get(instrument).unwrap().book.checksum(), sent);
    }
}

#[test]
fn a_lost_datagram_is_named() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut heard = Heard::listen(endpoint);
    let mut publishing = Ending::open(directory, endpoint);
    log.open_market(20_261_122);
    log.orders(300);
    publishing.end.stop();
    run(&mut publishing, &mut heard, &mut Nanos(SECOND_NS), Some(4));
    assert_eq!(heard.lost.len(), 1);
    let gap = heard.lost[0];
    let all = expected(directory).concat();
    let index = |sequence: u64| usize::try_from(sequence - 1).unwrap();
    let kept = [&all[..index(gap.first)], &all[index(gap.next)..]].concat();
    assert_eq!(heard.messages, kept);
    assert_eq!(heard.subscriber.statistics().lost, gap.messages());
    assert!(gap.messages() > 1 && !heard.subscriber.is_complete());
}

/// Publishers that die at any cycle, one after the other, send one sequence of numbers and bytes.
#[test]
fn a_publisher_goes_on_after_another() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut heard = Heard::listen(endpoint);
    let mut now = Nanos(SECOND_NS);
    log.open_market(20_261_122);
    for life in 0..12 {
        log.orders(90);
        let mut publishing = Ending::open(directory, endpoint);
        // The first ones die before they have caught up, or had sent anything.
        for _ in 0..life {
            publishing.do_work(now);
            heard.receive(now, None);
        }
    }
    let mut last = Ending::open(directory, endpoint);
    last.end.stop();
    run(&mut last, &mut heard, &mut now, None);
    assert_eq!(heard.subscriber.state(now.0), State::Ended);
    assert!(heard.subscriber.is_complete());
    assert_eq!(heard.messages, expected(directory).concat());
    let again = heard.subscriber.source(Source::LineA).duplicates;
    assert_eq!(again, 0, "each cycle committed what it sent");
}

/// What was sent and not committed is sent again: the same bytes under the same numbers.
#[test]
fn a_death_between_sending_and_committing_repeats_and_changes_nothing() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut heard = Heard::listen(endpoint);
    let mut now = Nanos(SECOND_NS);
    log.open_market(20_261_122);
    log.orders(100);
    run(&mut Ending::open(directory, endpoint), &mut heard, &mut now, None);
    let page = directory.join("feed/261122300A/control");
    let committed = std::fs::read(&page).unwrap();
    let committed_at = heard.messages.len();
    log.orders(100);
    run(&mut Ending::open(directory, endpoint), &mut heard, &mut now, None);
    let sent_at = heard.messages.len();
    std::fs::write(&page, committed).unwrap();
    log.orders(100);
    let mut last = Ending::open(directory, endpoint);
    last.end.stop();
    run(&mut last, &mut heard, &mut now, None);
    assert!(heard.subscriber.is_complete());
    assert_eq!(heard.messages, expected(directory).concat());
    let again = heard.subscriber.source(Source::LineA).duplicates;
    assert_eq!(again, (sent_at - committed_at) as u64);
    assert!(again > 100);
}

#[test]
fn a_late_joiner_knows_it() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut publishing = Ending::open(directory, endpoint);
    let mut now = Nanos(SECOND_NS);
    log.open_market(20_261_122);
    log.orders(50);
    publishing.publish(now);
    let (_, joined_at) = publishing.agent.sessions().next().unwrap();
    let mut heard = Heard::listen(endpoint);
    log.orders(50);
    publishing.end.stop();
    run(&mut publishing, &mut heard, &mut now, None);
    assert_eq!(heard.first, joined_at);
    assert!(joined_at > 50 && !heard.subscriber.is_complete());
    assert_eq!(heard.subscriber.statistics().lost, 0);
}

/// What the feed cannot read ends it by name, and then it is silent: no heartbeat claims that all
/// is well.
#[test]
fn a_log_of_another_schema_silences_the_feed() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut heard = Heard::listen(endpoint);
    let mut publishing = Ending::open(directory, endpoint);
    let mut now = Nanos(SECOND_NS);
    log.open_market(20_261_122);
    run(&mut publishing, &mut heard, &mut now, None);
    let position = log.end;
    let mut transaction = log.writer.begin(framed(40)).unwrap();
    transaction.append(40, |message| message[36] = 1);
    transaction.finish();
    for _ in 0..300 {
        now = Nanos(now.0 + SECOND_NS / 100);
        publishing.do_work(now);
        heard.receive(now, None);
    }
    let fault = publishing.agent.fault().map(ToString::to_string).unwrap_or_default();
    let named = format!("the feed cannot read the message at {position}: ");
    assert!(fault.starts_with(&named), "{fault}");
    assert_eq!(heard.subscriber.state(now.0), State::Stale);
    assert_eq!(heard.messages, expected_before(directory, position).concat());
}

/// The next day is a session of its own: its subscriber is complete from its first message.
#[test]
fn the_next_day_is_a_session_of_its_own() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let (directory, endpoint) = (directory.path(), endpoint(&port));
    let mut log = Log::create(directory);
    let mut now = Nanos(SECOND_NS);
    let mut publishing = Ending::open(directory, endpoint);
    let mut first = Heard::listen(endpoint);
    log.open_market(20_261_122);
    log.orders(50);
    run(&mut publishing, &mut first, &mut now, None);
    let mut second = Heard::listen_to(endpoint, Session::new("261123300A"), BUFFER_BYTES);
    log.day(20_261_123);
    log.orders(50);
    run(&mut publishing, &mut first, &mut now, None);
    assert_eq!(first.subscriber.state(now.0), State::Ended);
    publishing.end.stop();
    publishing.agent.on_close();
    second.receive(now, None);

    let sessions = expected(directory);
    assert_eq!(sessions.len(), 2);
    assert_eq!(first.messages, sessions[0]);
    assert_eq!(second.subscriber.state(now.0), State::Ended);
    assert_eq!((second.first, second.lost.len()), (1, 0));
    assert_eq!(second.messages, sessions[1]);
    let resting: usize =
        second.books.instruments().iter().map(|(_, known)| known.book.order_count()).sum();
    assert_eq!(resting, log.resting.len(), "what rested overnight is said again");
}
