//! What strangers' bytes are fed to: a function for each kind of bytes, run by the fuzzer
//! (`fuzzer.rs`) and, on seeds and their mutations, by `tests/fuzz.rs` on any toolchain.
//!
//! A target fails by a panic: its own, where something that must hold does not, or that of the
//! code it feeds. What a target takes as several parts is framed by [`parts`].

#[path = "books.rs"]
mod books;
#[path = "capture.rs"]
mod capture;
#[path = "catch_up.rs"]
mod catch_up;
#[path = "cluster.rs"]
mod cluster;
#[path = "consumer.rs"]
mod consumer;
#[path = "receiver.rs"]
mod receiver;
#[path = "recovery.rs"]
mod recovery;
#[path = "replica.rs"]
mod replica;
#[path = "ring.rs"]
mod ring;
#[path = "../crash/script.rs"]
mod script;
#[path = "sender.rs"]
mod sender;
#[path = "state.rs"]
mod state;
#[path = "store.rs"]
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::OnceLock;

use isochron::config::Config;
use isochron::demo::flow::{Flow, Itch, Lobster, Next};
use isochron::limits::{MESSAGE_BYTES_MAX, SOURCE_ID_MAX};
use isochron::market_data::{Feed, Output, Plan};
use isochron::order_stream::{OPERATION_BYTES, Operation, OrderStream};
use isochron::state_machine::{StateMachine, command_origin, end_flags};
use isochron::types::{Symbol, flags};
use isochron_events::Message;
use isochron_feeds::books::Books;
use isochron_feeds::mold;
use isochron_feeds::subscriber::{Event, Options, Source, Subscriber};
use script::{SOURCES, Script};

/// A kind of bytes.
pub(crate) struct Target {
    /// What the fuzzer is told, and the name of its test.
    pub(crate) name: &'static str,
    /// Takes any bytes.
    pub(crate) run: fn(&[u8]),
    /// Bytes to begin with: good ones, from which bad ones are near.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// All kinds of bytes that come from a disk, a network or a file of somebody else's.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "events", run: events, seeds: event_seeds },
    Target { name: "messages", run: messages, seeds: message_seeds },
    Target { name: "commands", run: commands, seeds: command_seeds },
    Target { name: "feed", run: feed, seeds: feed_seeds },
    Target { name: "books", run: books::messages, seeds: books::message_seeds },
    Target { name: "capture", run: capture::capture, seeds: capture::capture_seeds },
    Target { name: "frames", run: store::frames, seeds: store::frame_seeds },
    Target { name: "store", run: store::recovery, seeds: store::recovery_seeds },
    Target { name: "replica", run: replica::frames, seeds: replica::frame_seeds },
    Target { name: "state", run: state::restore, seeds: state::restore_seeds },
    Target { name: "snapshot", run: state::snapshot, seeds: state::snapshot_seeds },
    Target { name: "ring", run: ring::stranger, seeds: ring::stranger_seeds },
    Target { name: "config", run: config, seeds: config_seeds },
    Target { name: "soup_server", run: recovery::server, seeds: recovery::server_seeds },
    Target { name: "soup_client", run: recovery::client, seeds: recovery::client_seeds },
    Target { name: "rerequest", run: recovery::rerequest, seeds: recovery::rerequest_seeds },
    Target { name: "consumer", run: consumer::anybody, seeds: consumer::seeds },
    Target { name: "cluster", run: cluster::datagrams, seeds: cluster::seeds },
    Target { name: "lobster", run: lobster, seeds: lobster_seeds },
    Target { name: "itch", run: itch, seeds: itch_seeds },
    Target { name: "replication_wire", run: sender::wire, seeds: sender::wire_seeds },
    Target { name: "catch_up_asking", run: catch_up::asking, seeds: catch_up::asking_seeds },
    Target { name: "catch_up_giving", run: catch_up::giving, seeds: catch_up::giving_seeds },
    Target { name: "receiver", run: receiver::datagrams, seeds: receiver::datagram_seeds },
    Target { name: "sender", run: sender::control_input, seeds: sender::control_seeds },
    Target { name: "order_stream", run: order_stream, seeds: order_stream_seeds },
];

/// Bytes as parts, each behind its length in two bytes; the last one may be cut short.
fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        bytes = rest;
        Some(part)
    })
}

/// The inverse of [`parts`].
fn framed(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let frame = |part: Vec<u8>| [&(part.len() as u16).to_le_bytes(), &part[..]].concat();
    parts.into_iter().flat_map(frame).collect()
}

/// A message of the log or the ring: refused, or the same again when it is written.
pub(crate) fn events(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    assert!(message.to_string().starts_with(message.name()));
    let mut written = [0; MESSAGE_BYTES_MAX];
    let length = message.encode(&mut written).expect("no event is longer than a frame");
    assert_eq!(Message::decode(&written[..length]), Ok(message));
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = vec![0; message.encoded_length()];
    message.encode(&mut bytes).expect("the buffer has the message's length");
    bytes
}

fn event_seeds() -> Vec<Vec<u8>> {
    outcomes_too().iter().map(encoded).collect()
}

/// The commands of both sources, so many of each, behind the first one's setup.
fn script_commands(trading: u64) -> Vec<Message> {
    let script = Script::new();
    let setup = script.setup_commands();
    let mut commands: Vec<_> = (1..=setup).map(|number| script.command(1, number)).collect();
    for number in 1..=trading {
        commands.push(script.command(1, setup + number));
        commands.extend((2..=SOURCES).map(|source| script.command(source, number)));
    }
    commands
}

/// One message of each kind that a little trading makes.
fn outcomes_too() -> Vec<Message> {
    let mut exchange = Exchange::default();
    let mut all = BTreeMap::new();
    for command in script_commands(500) {
        for message in exchange.execute(command) {
            all.entry(message.template_id()).or_insert(message);
        }
    }
    all.into_values().collect()
}

/// A message of a public feed: refused, or the same again when it is written.
pub(crate) fn messages(bytes: &[u8]) {
    use isochron_messages::Message;
    let Ok(message) = Message::decode(bytes) else { return };
    assert!(message.to_string().starts_with(message.name()));
    let mut written = [0; Message::ENCODED_LENGTH_MAX];
    let length = message.encode(&mut written).expect("the longest message fits");
    let again = Message::decode(&written[..length]).expect("our own bytes");
    // By its bytes: it may hold floats.
    let mut second = [0; Message::ENCODED_LENGTH_MAX];
    assert_eq!(again.encode(&mut second), Ok(length));
    assert_eq!(second[..length], written[..length]);
}

fn message_seeds() -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    let mut seeds = feed_messages();
    seeds.retain(|message| seen.insert(message[2..4].to_vec()));
    seeds
}

/// Commands as they lie in a ring, from anybody: nothing panics the state machine, and money and
/// shares are conserved.
pub(crate) fn commands(bytes: &[u8]) {
    let mut exchange = ready().clone();
    for part in parts(bytes).take(200) {
        let Ok(command) = Message::decode(part) else { continue };
        // As the sequencer does.
        let Some(origin) = command_origin(&command) else { continue };
        let inner = matches!(command, Message::Continuation(_) | Message::EpochStarted(_));
        let foreign = origin.source == 0 || origin.source > SOURCE_ID_MAX || inner;
        if foreign || exchange.machine.is_repeat(origin.source, origin.source_sequence) {
            continue;
        }
        exchange.execute(command);
    }
    exchange.machine.check_conservation().expect("money and shares are conserved");
}

/// A market with a few orders in its books.
fn ready() -> &'static Exchange {
    static READY: OnceLock<Exchange> = OnceLock::new();
    READY.get_or_init(|| {
        let mut exchange = Exchange::default();
        for command in script_commands(60) {
            exchange.execute(command);
        }
        exchange
    })
}

fn command_seeds() -> Vec<Vec<u8>> {
    let commands = script_commands(260);
    let (setup, trading) = commands.split_at(Script::new().setup_commands() as usize);
    let mut seeds: Vec<_> =
        trading[120..].chunks(20).map(|some| framed(some.iter().map(encoded))).collect();
    seeds.push(framed(setup.iter().map(encoded)));
    // Every command there is, with nothing in it.
    let templates = 0..flags::OUTCOME_TEMPLATE_MIN;
    seeds.push(framed(templates.filter_map(blank)));
    seeds
}

/// A command of nothing but zeroes from the second source.
fn blank(template_id: u16) -> Option<Vec<u8>> {
    let of_template = |block_length: u16| {
        let header = [block_length, template_id, isochron_events::SCHEMA_ID, 0];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(8 + usize::from(block_length), 0);
        Message::decode(&bytes).ok()
    };
    let mut command = (0..1_000).find_map(of_template)?;
    script::stamp(&mut command, 2, 100_000 + u64::from(template_id));
    Some(encoded(&command))
}

/// A state machine and the number of its last command, as the sequencer has them.
#[derive(Clone, Default)]
struct Exchange {
    machine: StateMachine,
    number: u64,
}

impl Exchange {
    /// Executes a command and what goes on from it; all messages of it.
    fn execute(&mut self, command: Message) -> Vec<Message> {
        let mut all = Vec::new();
        let mut next = Some(command);
        while let Some(mut command) = next.take() {
            self.number += 1;
            let number = self.number;
            let continuation = matches!(command, Message::Continuation(_));
            let header = command.header_mut();
            (header.sequence, header.timestamp, header.flags) = (number, number, 0);
            if !continuation {
                header.cause = number;
            }
            let mut transaction = vec![command];
            self.machine.execute(&command, &mut transaction);
            let end = end_flags(&self.machine, &command);
            transaction.last_mut().expect("the command").header_mut().flags |= end;
            all.append(&mut transaction);
            next = self.machine.pending().map(Message::from);
        }
        all
    }
}

/// Datagrams of a feed from anybody: the subscriber keeps its invariants, and the books take or
/// refuse what it delivers.
pub(crate) fn feed(bytes: &[u8]) {
    let mut subscriber = Subscriber::new(Options::default());
    let mut books = Books::new();
    let mut now_ns = 0;
    let mut next = None;
    for datagram in parts(bytes).take(200) {
        let Some((&pace, datagram)) = datagram.split_first() else { continue };
        now_ns += u64::from(pace) * 1_000_000;
        let _ = mold::Request::parse(datagram);
        let line = if pace % 2 == 0 { Source::LineA } else { Source::LineB };
        let _ = subscriber.on_datagram(line, datagram, now_ns, &mut |event| match event {
            Event::Joined { sequence, .. } => next = Some(sequence),
            Event::Message { sequence, bytes } => {
                assert_eq!(next, Some(sequence), "in order, and once");
                next = sequence.checked_add(1);
                if let Ok(message) = isochron_messages::Message::decode(bytes) {
                    let _ = books.apply(&message);
                }
            }
            Event::Lost(gap) => {
                assert_eq!(next, Some(gap.first), "nothing is passed over in silence");
                next = Some(gap.next);
            }
            Event::GapOpened(_) | Event::Ended { .. } => {}
        });
    }
}

/// The feed of a little trading.
fn feed_messages() -> Vec<Vec<u8>> {
    let (mut exchange, mut core) = (Exchange::default(), Feed::new(&Plan::default()));
    let mut messages = Vec::new();
    for command in script_commands(60) {
        for event in exchange.execute(command) {
            core.on_event(&event, &mut |output| {
                if let Output::Message { bytes: message, .. } = output {
                    messages.push(message.to_vec());
                }
            });
        }
    }
    messages
}

fn feed_seeds() -> Vec<Vec<u8>> {
    let session = mold::Session::new("26112230A0").expect("ten characters");
    let datagram = |(index, messages): (usize, &[Vec<u8>])| {
        let sequence = 1 + 3 * index as u64;
        let header = mold::Header { session, sequence, count: messages.len() as u16 };
        let mut bytes = vec![0; mold::HEADER_BYTES];
        header.emit(bytes.first_chunk_mut().expect("as long as a header"));
        for message in messages {
            bytes.extend((message.len() as u16).to_be_bytes());
            bytes.extend(message);
        }
        // How long after the one before, and on which line.
        bytes.insert(0, index as u8 % 3);
        bytes
    };
    let messages = feed_messages();
    let datagrams: Vec<_> = messages.chunks(3).enumerate().map(datagram).collect();
    let mut with_a_gap = datagrams.clone();
    with_a_gap.remove(5);
    let mut disordered = datagrams.clone();
    disordered.swap(3, 4);
    [datagrams, with_a_gap, disordered].map(framed).into()
}

/// An order file in LOBSTER's form, from anybody.
pub(crate) fn lobster(bytes: &[u8]) {
    let input = Box::new(Cursor::new(bytes.to_vec()));
    play(Lobster::new("AAPL_2012-06-21", 20_261_122, input), bytes.len());
}

/// A NASDAQ file, from anybody.
pub(crate) fn itch(bytes: &[u8]) {
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let symbols = ["AAPL", "MSFT"].map(|text| Symbol::new(text).expect("four characters"));
    play(Itch::new(input, 20_261_122, symbols.into()), bytes.len());
}

/// Plays a file to its end on an exchange.
fn play(mut flow: impl Flow, file_bytes: usize) {
    let mut exchange = Exchange::default();
    for (number, mut command) in (1..).zip(flow.setup()) {
        script::stamp(&mut command, 1, number);
        exchange.execute(command).iter().for_each(|event| flow.on_event(event));
    }
    // Whatever the file says, each of its parts is a few commands.
    for number in 0..4 * file_bytes as u64 + 100 {
        let Next::Command { mut command, .. } = flow.next() else { return };
        let session = command.header().session;
        script::stamp(&mut command, 1, 1_000_000 + number);
        command.header_mut().session = session;
        exchange.execute(command).iter().for_each(|event| flow.on_event(event));
    }
    panic!("{file_bytes} bytes are a flow without end");
}

fn lobster_seeds() -> Vec<Vec<u8>> {
    let good = "34200.017459617,5,0,1,2238200,-1\n\
        34200.189607670,1,11885113,21,2238100,1\n\
        34200.189607670,1,11885114,10,2239000,-1\n\
        34200.372779672,2,11885113,1,2238100,1\n\
        34200.375671205,4,11885113,5,2238100,1\n\
        34200.383971366,3,11885113,15,2238100,1\n\
        34201.000000000,7,0,0,-1,-1\n";
    vec![good.into(), good.replace('\n', "\r\n").into(), Vec::new()]
}

/// A recorded stream of operations.
pub(crate) fn order_stream(bytes: &[u8]) {
    for record in bytes.chunks_exact(OPERATION_BYTES) {
        let record = record.try_into().expect("cut to this length");
        if let Ok(operation) = Operation::decode(record) {
            assert_eq!(operation.encode()[..], *record);
        }
    }
}

fn order_stream_seeds() -> Vec<Vec<u8>> {
    vec![OrderStream::new(50, 3, 10, 1).flat_map(|operation| operation.encode()).collect()]
}

/// A configuration that anybody wrote: taken, or refused with what is wrong and where.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(faults) = Config::parse(text) {
        assert!(!faults.0.is_empty() && !faults.to_string().is_empty());
    }
}

fn config_seeds() -> Vec<Vec<u8>> {
    let example = include_str!("../../src/config/example.toml");
    // Every key that it shows, the commented ones too.
    let all =
        example.lines().map(|line| match line.strip_prefix("# ").or(line.strip_prefix('#')) {
            Some(key) if key.contains(" = ") || key.starts_with('[') => key,
            _ => line,
        });
    let all: Vec<&str> = all.collect();
    vec![example.into(), all.join("\n").into_bytes()]
}

/// A message of each kind that is played: kind, locate, tracking number and time, then its fields.
/// Source: NASDAQ TotalView-ITCH 5.0.
fn itch_seeds() -> Vec<Vec<u8>> {
    let message = |kind: u8, length: usize, fields: &[&[u8]]| {
        let mut bytes = (length as u16).to_be_bytes().to_vec();
        bytes.extend([kind, 0, 1, 0, 0, 0, 0x1f, 0x1a, 0xce, 0xd8, 0x40]);
        bytes.extend(fields.concat());
        bytes.resize(2 + length, 0);
        bytes
    };
    let id = |number: u64| number.to_be_bytes();
    let four = |number: u32| number.to_be_bytes();
    let add = |number, side, shares, price| {
        let fields: [&[u8]; 5] = [&id(number), &[side], &four(shares), b"AAPL    ", &four(price)];
        message(b'A', 36, &fields)
    };
    let all = [
        message(b'S', 12, &[b"O"]),
        message(b'R', 39, &[b"AAPL    "]),
        message(b'H', 25, &[b"AAPL    T"]),
        add(1, b'B', 100, 1_000_000),
        add(2, b'S', 200, 1_010_000),
        add(3, b'B', 300, 990_000),
        message(b'E', 31, &[&id(1), &four(40)]),
        message(b'C', 36, &[&id(2), &four(50), &id(9), b"Y", &four(1_010_000)]),
        message(b'X', 23, &[&id(3), &four(100)]),
        message(b'U', 35, &[&id(3), &id(4), &four(60), &four(980_000)]),
        message(b'D', 19, &[&id(4)]),
    ];
    vec![all.concat(), Vec::new()]
}
