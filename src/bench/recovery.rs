//! The repair service under one client: snapshots of a large book, and a replay of all that made
//! it; and whether the publisher notices.
//!
//! ```text
//!   feed log ─▶ books ─▶ image ─▶ SoupBinTCP ═ loopback ═▶ client: counts, and checks the last
//! ```
//!
//! A snapshot's time is from the connection to its last message: it is made anew each time, nothing
//! is kept ready but the books. Beside the publisher, snapshots are taken without a pause, while
//! the feed publishes another exchange's day at a rate: the service on the core of the writer,
//! where there are two, because it is the publisher's that must be left alone.

use super::feed;
use super::replay::{identity, scratch};
use super::report::{Report, percentiles_json, us};
use crate::agent::{
    Agent, Clock, Group, IdleStrategy, Running, StopFlag, SystemClock, cores_available,
    start_groups, take,
};
use crate::feed_log::{FeedLogOptions, FeedLogWriter, LogHelpers, Origin};
use crate::metrics::{Counter, Counters};
use crate::recovery_service::{Listening, Opened, RecoveryAgent, RecoveryOptions};
use crate::store::RealDisk;
use crate::types::Nanos;
use clap::Args as ClapArgs;
use isochron_feeds::books::Books;
use isochron_feeds::envelope::Envelope;
use isochron_feeds::mold::Session;
use isochron_messages::{
    EventFlags, InstrumentDefinition, Message, OrderAdded, Phase, SbeMessage, Side, TradingStatus,
};
use isochron_recovery::access::{Cost, Entitlement, Purpose, Quota, User, hash_password};
use isochron_recovery::client::{Client, Event, Options};
use isochron_recovery::rerequest::Rates;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const SESSION: Session = Session(*b"261122300A");

/// Instruments that the orders are spread over.
const INSTRUMENTS: u64 = 100;

/// Price levels of each side of an instrument.
const LEVELS: u64 = 50;

/// Bytes of one file of the log.
const TERM_BYTES: usize = 64 << 20;

/// How long a client waits for the next bytes.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// After so long an image is made anew.
const IMAGE_AGE: Duration = Duration::from_millis(300);

/// Bytes of one read.
const READ_BYTES: usize = 256 * 1024;

/// Options of `isochron bench recovery`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Orders in the books, and messages in the log that made them.
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..=4_000_000))]
    orders: u64,
    /// Snapshots that are taken; the median of their times counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    passes: u8,
    /// Orders a second beside the publisher; 0 leaves the publisher out, whose threads spin on two
    /// cores: on a machine with no third one the service's share of them is too small.
    #[arg(long, default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    rate: u64,
    /// Seconds of the publisher's runs, without snapshots and with them.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Where the logs are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A log that is being written, and the last number of each instrument.
struct Made {
    log: FeedLogWriter,
    helpers: LogHelpers,
    numbers: Vec<u32>,
    events: u64,
}

impl Made {
    fn new(store: &Path) -> Result<Self, String> {
        let options = FeedLogOptions {
            store: store.to_path_buf(),
            identity: identity(),
            term_bytes: TERM_BYTES,
            unsent_bytes_max: 1 << 40,
        };
        let disk = Arc::new(RealDisk);
        let mut log = FeedLogWriter::open(disk, &options, SESSION, 1, Nanos(1)).map_err(text)?;
        let helpers = log.take_helpers().ok_or("the log has no helpers")?;
        Ok(Self { log, helpers, numbers: vec![0; 1 + INSTRUMENTS as usize], events: 0 })
    }

    /// Appends an instrument's next message, an event of its own.
    fn push(&mut self, instrument: u64, message: &impl SbeMessage) {
        let number = &mut self.numbers[instrument as usize];
        *number += 1;
        self.events += 1;
        let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
        let bytes = message.encode(&mut buffer).expect("as long as the longest message");
        let envelope = Envelope {
            instrument: instrument as u32,
            instrument_sequence: *number,
            event_id: self.events,
            flags: EventFlags::START_OF_EVENT | EventFlags::END_OF_EVENT,
            ..Envelope::default()
        };
        envelope.write(&mut buffer[..bytes]);
        while self.log.push(&buffer[..bytes], Origin::default()).is_err() {
            self.helpers.do_work(Nanos(1));
        }
    }

    /// Everything counts as sent; the session's next number.
    fn finish(mut self) -> Result<u64, String> {
        while self.log.flush().is_err() {
            self.helpers.do_work(Nanos(1));
        }
        self.log.commit_to(self.log.position());
        let next = self.log.next_sequence();
        drop(self.helpers);
        self.log.close().map_err(text)?;
        Ok(next)
    }
}

/// Writes a session that leads to so many orders; its next number.
fn write_log(store: &Path, orders: u64) -> Result<u64, String> {
    let mut made = Made::new(store)?;
    for id in 1..=INSTRUMENTS {
        let symbol = format!("S{id:<7}").into_bytes().try_into().map_err(|_| "no symbol")?;
        made.push(id, &InstrumentDefinition { symbol, ..Default::default() });
        made.push(id, &TradingStatus { phase: Phase::OPEN, ..Default::default() });
    }
    for order_id in 1..=orders {
        let round = order_id / INSTRUMENTS;
        let level = (1 + round % LEVELS).cast_signed() * 100;
        let (side, price) = match round.is_multiple_of(2) {
            true => (Side::BUY, 1_000_000 - level),
            false => (Side::SELL, 1_000_000 + level),
        };
        let order = OrderAdded { order_id, price, quantity: 100, side, ..Default::default() };
        made.push(1 + order_id % INSTRUMENTS, &order);
    }
    made.finish()
}

/// The service, running.
struct Service {
    running: Running,
    at: Listening,
    counters: Counters,
}

/// Starts the service on one core, where there is one for it.
fn serve(store: &Path, clock: &SystemClock) -> Result<Service, String> {
    let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let cost = Cost { memory_kib: 8, passes: 1 };
    let user = User {
        name: "bench".to_owned(),
        password_hash: hash_password("bench", &[1; 16], cost).map_err(text)?,
        entitlement: Entitlement::all(),
        quota: Quota {
            logins_per_minute: u32::MAX,
            connections_max: 16,
            replayed_messages_per_day: u64::MAX,
        },
    };
    let options = RecoveryOptions {
        store: store.to_path_buf(),
        replay: any_port,
        snapshots: any_port,
        rerequests: any_port,
        rerequest_networks: Vec::new(),
        rerequest_rates: Rates::default(),
        connections_max: 16,
        connections_per_address_max: 16,
        // The least there is.
        snapshot_age_ns_max: 0,
        users: vec![user],
        secret: [1; 32],
    };
    let counters = Counters::in_memory();
    let opened = RecoveryAgent::open(Arc::new(RealDisk), &options, Box::new(*clock), &counters);
    let Opened { recovery, passwords, images } = opened.map_err(text)?;
    let at = recovery.listening().map_err(text)?;
    let agents: Vec<Box<dyn Agent>> =
        vec![Box::new(recovery), Box::new(passwords), Box::new(images)];
    let groups = agents.into_iter().map(group).collect();
    let running = start_groups(groups, clock, &StopFlag::new()).map_err(text)?;
    Ok(Service { running, at, counters })
}

/// A thread for an agent, off the publisher's core.
fn group(agent: Box<dyn Agent>) -> Group {
    let core = (cores_available() > 1).then_some(1);
    let name = agent.name().to_owned();
    Group { name, agents: vec![agent], core, idle: IdleStrategy::BACK_OFF }
}

/// What a client got.
#[derive(Default)]
struct Fetched {
    messages: u64,
    elapsed_ns: u64,
    last: Vec<u8>,
    /// All of them, where they are wanted.
    all: Vec<Vec<u8>>,
}

/// Connects and receives so many messages, or until the server has said all; each goes to `take`.
fn fetch(
    address: SocketAddr,
    purpose: Purpose,
    messages_max: u64,
    clock: &SystemClock,
    keep: bool,
) -> Result<Fetched, String> {
    let options = Options { purpose, session: SESSION, ..Options::new("bench", "bench") };
    let mut client = Client::new(options).map_err(text)?;
    let begun = clock.now().0;
    let mut socket = TcpStream::connect(address).map_err(text)?;
    socket.set_read_timeout(Some(READ_TIMEOUT)).map_err(text)?;
    client.on_connected(begun);
    let mut buffer = vec![0; READ_BYTES];
    let mut fetched = Fetched::default();
    while fetched.messages < messages_max {
        let out = client.outgoing().len();
        socket.write_all(client.outgoing()).map_err(text)?;
        client.on_transmitted(out);
        let bytes = socket.read(&mut buffer).map_err(text)?;
        if bytes == 0 {
            break;
        }
        let now = clock.now().0;
        let sink = &mut |event: Event<'_>| {
            if let Event::Message { bytes, .. } = event {
                fetched.messages += 1;
                if keep {
                    fetched.all.push(bytes.to_vec());
                }
                fetched.last.clear();
                fetched.last.extend_from_slice(bytes);
            }
        };
        client.on_bytes(&buffer[..bytes], now, sink).map_err(text)?;
        // Heartbeats, in a replay that takes long.
        client.on_time(now).map_err(text)?;
    }
    fetched.elapsed_ns = (clock.now().0 - begun).max(1);
    Ok(fetched)
}

/// What is wrong with a snapshot, by its last message.
fn fault(fetched: &Fetched, orders: u64, next: u64) -> Option<String> {
    match Message::decode(&fetched.last) {
        Ok(Message::SnapshotComplete(complete)) => {
            let found = (u64::from(complete.orders), complete.next_sequence);
            (found != (orders, next)).then(|| format!("{found:?} instead of {:?}", (orders, next)))
        }
        other => Some(format!("the last message of a snapshot is {other:?}")),
    }
}

/// Takes snapshots without a pause.
struct Taker {
    at: SocketAddr,
    clock: SystemClock,
    orders: u64,
    next: u64,
    taken: u64,
    failure: Option<String>,
}

impl Agent for Taker {
    fn name(&self) -> &str {
        "client"
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        if self.failure.is_some() {
            return 0;
        }
        match fetch(self.at, Purpose::Snapshot, u64::MAX, &self.clock, false) {
            Ok(fetched) => {
                self.failure = fault(&fetched, self.orders, self.next);
                self.taken += 1;
            }
            Err(error) => self.failure = Some(error),
        }
        1
    }

    fn waits(&self) -> bool {
        true
    }
}

/// The publisher's delays at a rate, without snapshots and with them.
fn beside_publisher(
    args: &Args,
    service: &Service,
    scratch: &Path,
    next: u64,
    clock: &SystemClock,
) -> Result<(Vec<String>, serde_json::Value), String> {
    let (orders, at) = (args.orders, service.at.snapshots);
    let day = scratch.join("day");
    let commands = args.rate * args.seconds;
    let alone = feed::delays(&day, scratch, clock, commands, args.rate, args.seconds)?;
    let taker = Taker { at, clock: *clock, orders, next, taken: 0, failure: None };
    let stop = StopFlag::new();
    let running = start_groups(vec![group(Box::new(taker))], clock, &stop).map_err(text)?;
    let with = feed::delays(&day, scratch, clock, commands, args.rate, args.seconds);
    running.stop();
    let mut agents = running.join().map_err(|_| "the client panicked")?;
    let taker: Box<Taker> = take(&mut agents).ok_or("the client is gone")?;
    if let Some(failure) = taker.failure {
        return Err(failure);
    }
    let with = with?;
    let [p50, p99] = [0.5, 0.99].map(|at| us(alone.value_at_quantile(at)));
    let [with_p50, with_p99] = [0.5, 0.99].map(|at| us(with.value_at_quantile(at)));
    let notes = vec![
        format!("publisher at {} orders/s, event in the store to datagrams sent:", args.rate),
        format!("  no snapshots           p50 {p50} p99 {p99} us"),
        format!("  {:>3} snapshots meanwhile p50 {with_p50} p99 {with_p99} us", taker.taken),
    ];
    let json = json!({
        "rate": args.rate, "snapshots": taker.taken,
        "without": percentiles_json(&alone), "with": percentiles_json(&with),
    });
    Ok((notes, json))
}

/// Measures.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    let scratch = scratch(args.directory.as_deref())?;
    let clock = SystemClock::new();
    let store = scratch.path().join("store");
    let next = write_log(&store, args.orders)?;
    let service = serve(&store, &clock)?;
    // 1. One that waits until the books have come to the end; it is the one that is checked.
    let first = wait_for_books(&service, &clock)?;
    let mut wrong = fault(&first, args.orders, next);
    let mut books = Books::new();
    for message in &first.all {
        let applied = Message::decode(message).map_err(text)?;
        books.apply(&applied).map_err(text)?;
    }
    let bytes: usize = first.all.iter().map(Vec::len).sum();
    drop(first);
    // 2. Those that count.
    let mut times = Vec::new();
    let mut made_ns = 0;
    for _ in 0..args.passes {
        // Until the one before is too old to be given again.
        std::thread::sleep(IMAGE_AGE);
        let taken = fetch(service.at.snapshots, Purpose::Snapshot, u64::MAX, &clock, false)?;
        wrong = wrong.or(fault(&taken, args.orders, next));
        made_ns = service.counters.get(Counter::BOOK_IMAGE_NS);
        times.push(taken.elapsed_ns);
    }
    times.sort_unstable();
    let seconds = |ns: u64| ns as f64 / 1e9;
    let all: Vec<_> = times.iter().map(|ns| format!("{:.3}", seconds(*ns))).collect();
    // 3. All of the log.
    let replay = fetch(service.at.replay, Purpose::Replay, next - 1, &clock, false)?;
    wrong = wrong.or((replay.messages != next - 1).then(|| "the replay was cut".to_owned()));
    let rate = replay.messages as f64 * 1e9 / replay.elapsed_ns as f64;
    let mut notes = vec![
        format!("snapshots: {} s; the median counts", all.join(" ")),
        format!("  {} MB, made in {:.3} s of that", bytes / 1_000_000, seconds(made_ns)),
        format!("replay: {} messages in {:.3} s", replay.messages, seconds(replay.elapsed_ns)),
    ];
    let mut json = json!({
        "bench": "recovery", "orders": args.orders, "snapshot_bytes": bytes,
        "snapshots_ns": times, "image_ns": made_ns,
        "replay": { "messages": replay.messages, "elapsed_ns": replay.elapsed_ns },
    });
    // 4. Whether the publisher notices.
    if args.rate > 0 {
        let (more, beside) = beside_publisher(args, &service, scratch.path(), next, &clock)?;
        notes.extend(more);
        json["publisher"] = beside;
    }
    let line = format!(
        "recovery: snapshot of {} orders {:.3} s, replay {:.2} M messages/s",
        args.orders,
        seconds(times[times.len() / 2]),
        rate / 1e6
    );
    service.running.stop();
    let ended = service.running.join().map_err(|panics| format!("{} panics", panics.len()))?;
    drop(ended);
    Ok(Report { notes, line, json, fault: wrong })
}

/// The first snapshot that is given: when the service has found the log and its books are there.
fn wait_for_books(service: &Service, clock: &SystemClock) -> Result<Fetched, String> {
    let mut last = String::new();
    for _ in 0..60 {
        match fetch(service.at.snapshots, Purpose::Snapshot, u64::MAX, clock, true) {
            Ok(fetched) if fetched.messages > 0 => return Ok(fetched),
            Ok(_) => last = "nothing came".to_owned(),
            Err(error) => last = error,
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(format!("the service gives no snapshot: {last}"))
}
