//! Catching up, with a stranger at the other end: as the one who gives, and as the one who asks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use isochron::replication::catch_up::protocol::{
    BYTES_HEADER_BYTES, HEADER_BYTES, Header, Hello, Kind, LogName, LogState, Message, NONCE_BYTES,
};
use isochron::replication::catch_up::{
    Connector, DialOptions, Join, Library, Link, Peer, Service, ServiceOptions,
};
use isochron::store::{
    EpochStart, Identity, MemoryDisk, Options, ReplicaStore, StoreReader, StoreWriter, framed,
};
use isochron::types::{Nanos, Position};

use super::{framed as part, parts};

const TERM_BYTES: usize = 64 * 1024;
const LOG_BYTES: u64 = 90_000;

/// Connections of one input: each waits a while after the one before.
const CONNECTIONS_MAX: usize = 8;

fn directory() -> PathBuf {
    PathBuf::from("/store")
}

fn options(node: u32) -> Options {
    let exchange = "FUZZ".to_owned();
    let identity = Identity { exchange, exchange_number: 7, node, schema_id: 1, schema_version: 0 };
    Options { term_bytes: TERM_BYTES, ..Options::new(directory(), identity) }
}

fn peer(node: u32) -> Peer {
    Peer::of(&options(node).identity, TERM_BYTES, 1)
}

/// A log of one epoch over two terms, whose writer is gone.
struct Log {
    disk: MemoryDisk,
    bytes: Vec<u8>,
    epoch: EpochStart,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let disk = MemoryDisk::default();
        let opened = StoreWriter::open_on(Arc::new(disk.clone()), &options(1), Nanos(1));
        let (mut writer, _) = opened.expect("an empty disk");
        let mut count = 0;
        while writer.position().get() < LOG_BYTES {
            count += 1;
            let length = 40 + count * 37 % 900;
            let mut transaction = writer.begin(framed(length)).expect("there is room");
            transaction.append(length, |message| {
                message.fill(count as u8);
                message[36] = 1;
            });
            transaction.finish();
        }
        let end = writer.position().get();
        writer.close().expect("memory does not fail");
        let segment = |base: u64| {
            let name = format!("{base:020}.log");
            disk.read(&directory().join(name)).expect("it was written")
        };
        let mut bytes = [segment(0), segment(TERM_BYTES as u64)].concat();
        bytes.truncate(end as usize);
        let outline = StoreReader::outline(&disk, Path::new("/store")).expect("it was written");
        let epoch = outline.expect("it is there").epochs[0];
        Log { disk, bytes, epoch }
    })
}

/// One end of a connection whose other end says what it was told to, and then waits.
struct Told {
    says: Vec<u8>,
    said: usize,
    /// All that it was told.
    hears: Arc<Mutex<Vec<u8>>>,
}

impl Read for Told {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.says.len() - self.said);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..count].copy_from_slice(&self.says[self.said..self.said + count]);
        self.said += count;
        Ok(count)
    }
}

impl Write for Told {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.hears.lock().expect("one thread").extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Strangers(VecDeque<Vec<u8>>);

impl Connector for Strangers {
    fn connect(&mut self, _: SocketAddrV4) -> io::Result<Box<dyn Link>> {
        let says = self.0.pop_front().ok_or(ErrorKind::ConnectionRefused)?;
        Ok(Box::new(Told { says, said: 0, hears: Arc::default() }))
    }
}

/// What servers say, each on a connection of its own: what the store takes is the log's beginning,
/// and it opens again with the same.
pub(super) fn asking(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let opened = ReplicaStore::open_on(Arc::new(disk.clone()), &options(2), None, Nanos(1));
    let (mut store, _) = opened.expect("an empty disk");
    let servers = vec!["127.0.0.1:9".parse().expect("an address")];
    let dial = DialOptions { me: peer(2), key: None, servers, secret: [2; 32] };
    let mut join = Join::new(dial, log().epoch, 0, false);
    let said = parts(bytes).take(CONNECTIONS_MAX).map(<[u8]>::to_vec).collect();
    let mut strangers = Strangers(said);
    for turn in 1..=60 {
        // A stranger that is silent is left after some of these.
        join.turn(&mut store, &mut strangers, Nanos(turn * 900_000_000));
        while join.poll_outcome().is_some() {}
    }
    let held = store.held();
    let name = directory().join(format!("{:020}.log", 0));
    let taken = usize::try_from(held.position.get()).expect("two terms").min(TERM_BYTES);
    if taken > 0 {
        let segment = disk.read(&name).expect("it holds frames");
        assert!(segment[..taken] == log().bytes[..taken], "only the log's own frames are taken");
    }
    drop(store);
    let opened = ReplicaStore::open_on(Arc::new(disk), &options(2), None, Nanos(1));
    assert_eq!(opened.expect("its own store").0.held(), held);
}

fn emitted(messages: &[Message<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.emit(&mut bytes));
    bytes
}

fn hello(node: u32) -> Message<'static> {
    Message::Hello(Hello { peer: peer(node), is_keyed: false, nonce: [3; NONCE_BYTES] })
}

/// What an honest server says, of the log's bytes between two places.
fn honest(from: usize, to: usize) -> Vec<u8> {
    let Log { bytes, epoch, .. } = log();
    let none = isochron::store::LogPlace { position: Position(0), chain: epoch.chain };
    let state = LogState {
        kept: none,
        durable: none,
        end: Position(bytes.len() as u64),
        term_bytes: TERM_BYTES as u64,
        epochs: vec![*epoch],
    };
    let content = Message::Bytes { request: 2, at: from as u64, content: to - from };
    let head = emitted(&[hello(1), Message::Log { request: 1, state }, content]);
    [head, bytes[from..to].to_vec()].concat()
}

pub(super) fn asking_seeds() -> Vec<Vec<u8>> {
    let whole = part([honest(0, 60_000)]);
    let twice = part([honest(0, 1_000), honest(0, 20_000)]);
    let refused = part([emitted(&[hello(1), Message::Refused("no")])]);
    vec![whole, twice, refused]
}

/// What clients say, each on a connection of its own: what they are told is messages, and what
/// those carry is the log's.
pub(super) fn giving(bytes: &[u8]) {
    let Log { disk, bytes: log, .. } = log();
    let identity = options(1).identity;
    let disk = Arc::new(disk.clone());
    let library = Library::new(disk, directory(), &identity);
    let options = ServiceOptions {
        me: peer(1),
        key: None,
        secret: [1; 32],
        connections_max: CONNECTIONS_MAX,
        bytes_per_second: 0,
    };
    let mut service = Service::new(options, library);
    let mut heard = Vec::new();
    for says in parts(bytes).take(CONNECTIONS_MAX) {
        let hears: Arc<Mutex<Vec<u8>>> = Arc::default();
        heard.push(Arc::clone(&hears));
        service.let_in(Box::new(Told { says: says.to_vec(), said: 0, hears }), Nanos(1));
    }
    for turn in 1..=4 {
        service.turn(Nanos(turn * 200_000_000));
    }
    heard.iter().for_each(|heard| check_heard(&heard.lock().expect("one thread"), log));
}

/// Whole messages that a server may send, up to one that may be under way.
fn check_heard(mut heard: &[u8], log: &[u8]) {
    while let Some(first) = heard.first_chunk::<HEADER_BYTES>() {
        let header = Header::parse(first).expect("a server sends messages");
        if heard.len() < header.length {
            return;
        }
        let message = Message::parse(header, heard).expect("a server sends messages");
        if let Message::Bytes { at, content, .. } = message {
            let at = usize::try_from(at).expect("within the log");
            let found = &heard[BYTES_HEADER_BYTES..BYTES_HEADER_BYTES + content];
            assert!(found == &log[at..at + content], "the log's bytes at {at}");
        }
        let asks = [Kind::Open, Kind::Fetch, Kind::Snapshot, Kind::Feeds];
        assert!(!asks.contains(&header.kind), "a server asks nothing");
        heard = &heard[header.length..];
    }
}

pub(super) fn giving_seeds() -> Vec<Vec<u8>> {
    let open = Message::Open { request: 1, log: LogName::EVENTS };
    let fetch = |request, from| Message::Fetch { request, from: Position(from) };
    let log = emitted(&[hello(2), open.clone(), fetch(2, 320), fetch(3, 65_536)]);
    let below = Position(u64::MAX);
    let others = [Message::Feeds { request: 1 }, Message::Snapshot { request: 2, below, from: 0 }];
    let rest = emitted(&[hello(2), others[0].clone(), others[1].clone(), open]);
    vec![part([log.clone()]), part([rest, log, emitted(&[hello(3)])])]
}
