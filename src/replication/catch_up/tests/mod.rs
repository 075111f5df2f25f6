//! Two nodes on disks in memory, and pipes between them that can be cut at any byte.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::store::{
    Check, Durability, EpochStart, Identity, LogPlace, MemoryDisk, Options, ReaderOptions,
    StoreReader, StoreWriter, Until, framed,
};
use crate::types::{Nanos, Position, SplitMix64};

pub(crate) mod filling;
pub(crate) mod giving;
pub(crate) mod joining;
mod lying;
mod sockets;

pub(crate) const TERM_BYTES: usize = 64 * 1024;
pub(crate) const RULES: u32 = 1;

pub(crate) fn identity(node: u32) -> Identity {
    let exchange = String::from("XISO");
    Identity { exchange, exchange_number: 1001, node, schema_id: 1, schema_version: 0 }
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from("/store")
}

pub(crate) fn options(node: u32) -> Options {
    Options { term_bytes: TERM_BYTES, ..Options::new(directory(), identity(node)) }
}

pub(crate) fn peer(node: u32) -> Peer {
    Peer::of(&identity(node), TERM_BYTES, RULES)
}

/// Random numbers from a seed.
struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next()
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.below(end as u64) as usize
    }
}

/// The node that writes.
pub(crate) struct Primary {
    pub(crate) disk: MemoryDisk,
    pub(crate) writer: StoreWriter,
    random: Random,
    /// Logs of two flavours have equal frames and other content.
    pub(crate) flavour: u8,
}

fn open_writer(disk: &MemoryDisk, node: u32) -> StoreWriter {
    let options = Options { durability: Durability::Process, ..options(node) };
    StoreWriter::open_on(Arc::new(disk.clone()), &options, Nanos(7)).unwrap().0
}

impl Primary {
    pub(crate) fn new() -> Self {
        let disk = MemoryDisk::default();
        let writer = open_writer(&disk, 1);
        Self { disk, writer, random: Random::new(1), flavour: 0 }
    }

    /// Appends transactions until so many bytes are there.
    pub(crate) fn append_to(&mut self, bytes: u64) {
        while self.writer.position().get() < bytes {
            let lengths: Vec<usize> =
                (0..1 + self.random.below(3)).map(|_| 40 + self.random.below(700)).collect();
            let all = lengths.iter().map(|length| framed(*length)).sum();
            let last = lengths.len() - 1;
            let mut transaction = self.writer.begin(all).unwrap();
            for (index, length) in lengths.into_iter().enumerate() {
                let byte = self.random.next() as u8 ^ self.flavour;
                transaction.append(length, |message| {
                    message.fill(byte);
                    message[36] = u8::from(index == last);
                });
            }
            transaction.finish();
        }
    }

    /// The writer dies and another one opens the store: a new epoch.
    pub(crate) fn restart(self) -> Self {
        let Self { disk, writer, random, flavour } = self;
        drop(writer);
        let writer = open_writer(&disk, 1);
        Self { disk, writer, random, flavour }
    }

    pub(crate) fn end(&self) -> Position {
        self.writer.position()
    }

    pub(crate) fn library(&self) -> Library {
        library(&self.disk, 1)
    }

    /// The chain at an end of a transaction.
    pub(crate) fn place_at(&self, position: Position) -> LogPlace {
        place_at(&self.disk, position)
    }
}

pub(crate) fn library(disk: &MemoryDisk, node: u32) -> Library {
    Library::new(Arc::new(disk.clone()), directory(), &identity(node))
}

fn read_from(disk: &MemoryDisk) -> StoreReader {
    let options =
        ReaderOptions { until: Until::Published, check: Check::Content, ..Default::default() };
    StoreReader::attach_on(Arc::new(disk.clone()), &directory(), &options).unwrap()
}

pub(crate) fn place_at(disk: &MemoryDisk, position: Position) -> LogPlace {
    let mut reader = read_from(disk);
    while reader.position() < position {
        reader.next().unwrap().expect("within the log");
    }
    assert_eq!(reader.position(), position);
    LogPlace { position, chain: reader.chain().unwrap() }
}

/// The first end of a transaction at or beyond a position.
pub(crate) fn end_beyond(disk: &MemoryDisk, position: u64) -> Position {
    let mut reader = read_from(disk);
    loop {
        let frame = reader.next().unwrap().expect("within the log");
        let (end, ends) = (frame.end, frame.ends_transaction);
        if ends && end.get() >= position {
            return end;
        }
    }
}

pub(crate) fn epochs(disk: &MemoryDisk) -> Vec<EpochStart> {
    StoreReader::outline(disk, &directory()).unwrap().unwrap().epochs
}

/// The bytes of a log between two positions, as its segments hold them.
fn log_bytes(disk: &MemoryDisk, directory: &Path, from: Position, to: Position) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = from.get();
    while at < to.get() {
        let base = at / TERM_BYTES as u64 * TERM_BYTES as u64;
        let segment = disk.read(&directory.join(format!("{base:020}.log"))).unwrap();
        let end = (to.get() - base).min(TERM_BYTES as u64);
        bytes.extend_from_slice(&segment[(at - base) as usize..end as usize]);
        at = base + end;
    }
    bytes
}

/// What a pipe does to the bytes of one direction.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    closed: bool,
    /// Bytes that may still go before the connection breaks.
    cut_after: Option<u64>,
    /// Flips a bit of the byte that so many others go before.
    damage_after: Option<u64>,
    went: u64,
}

/// One end of a connection in memory.
struct End {
    incoming: Arc<Mutex<Way>>,
    outgoing: Arc<Mutex<Way>>,
    /// Bytes that one call moves, and that can wait in one direction.
    step_max: usize,
    room: usize,
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut way = self.incoming.lock().unwrap();
        let count = buffer.len().min(way.bytes.len()).min(self.step_max);
        if count == 0 {
            return if way.closed { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        for (into, byte) in buffer.iter_mut().zip(way.bytes.drain(..count)) {
            *into = byte;
        }
        Ok(count)
    }
}

impl Write for End {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut way = self.outgoing.lock().unwrap();
        if way.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = self.room - way.bytes.len();
        let left = way.cut_after.map_or(usize::MAX, |cut| (cut - way.went) as usize);
        let count = buffer.len().min(room).min(left).min(self.step_max);
        if left == 0 {
            way.closed = true;
            return Err(ErrorKind::ConnectionReset.into());
        }
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let damaged = way.damage_after.and_then(|at| at.checked_sub(way.went));
        way.bytes.extend(&buffer[..count]);
        if let Some(at) = damaged.filter(|at| (*at as usize) < count) {
            let back = count - at as usize;
            let index = way.bytes.len() - back;
            way.bytes[index] ^= 0x10;
        }
        way.went += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.incoming.lock().unwrap().closed = true;
        self.outgoing.lock().unwrap().closed = true;
    }
}

/// Connects to whoever takes what waits.
#[derive(Clone)]
pub(crate) struct Pipes {
    waiting: Arc<Mutex<Vec<Box<dyn Link>>>>,
    step_max: usize,
    room: usize,
    /// Of the connections to come, the first next: where the server's bytes are cut or damaged.
    cuts: Arc<Mutex<VecDeque<u64>>>,
    damages: Arc<Mutex<VecDeque<u64>>>,
    connections: Arc<Mutex<u64>>,
}

impl Pipes {
    pub(crate) fn new(step_max: usize) -> Self {
        Self {
            waiting: Arc::default(),
            step_max,
            room: 256 * 1024,
            cuts: Arc::default(),
            damages: Arc::default(),
            connections: Arc::default(),
        }
    }

    fn pair(&self) -> (End, End) {
        let (there, back) = (
            Arc::new(Mutex::new(Way::default())),
            Arc::new(Mutex::new(Way {
                cut_after: self.cuts.lock().unwrap().pop_front(),
                damage_after: self.damages.lock().unwrap().pop_front(),
                ..Way::default()
            })),
        );
        let (step_max, room) = (self.step_max, self.room);
        let client =
            End { incoming: Arc::clone(&back), outgoing: Arc::clone(&there), step_max, room };
        (client, End { incoming: there, outgoing: back, step_max, room })
    }

    /// Gives the waiting connections to a service.
    pub(crate) fn let_in(&self, service: &mut Service, now: Nanos) {
        for link in self.waiting.lock().unwrap().drain(..) {
            service.let_in(link, now);
        }
    }
}

impl Connector for Pipes {
    fn connect(&mut self, _to: SocketAddrV4) -> io::Result<Box<dyn Link>> {
        let (client, server) = self.pair();
        *self.connections.lock().unwrap() += 1;
        self.waiting.lock().unwrap().push(Box::new(server));
        Ok(Box::new(client))
    }
}

pub(crate) fn service_options(node: u32) -> ServiceOptions {
    ServiceOptions {
        me: peer(node),
        key: None,
        secret: [node as u8; 32],
        connections_max: 4,
        bytes_per_second: 0,
    }
}

pub(crate) fn dial_options(node: u32) -> DialOptions {
    let servers = vec!["127.0.0.1:9".parse().unwrap()];
    DialOptions { me: peer(node), key: None, servers, secret: [node as u8; 32] }
}
