//! A standby's receiver and its store, told anything by anybody who can send to the stream's group.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use isochron::limits::{FRAME_HEADER_BYTES, MTU_BYTES};
use isochron::replication::channel::Channel;
use isochron::replication::frame::{Nak, Setup, StatusMessage, heartbeat};
use isochron::replication::receiver::{Receiver, ReceiverOptions};
use isochron::store::frame::Frame;
use isochron::store::{
    Chain, Check, EpochStart, Identity, MemoryDisk, Options, ReaderOptions, ReplicaStore,
    SegmentHelper, StoreReader, StoreWriter, Terms, Until, framed, session_id,
};
use isochron::types::{Epoch, Nanos, Position};

use super::{framed as in_parts, parts};

const EXCHANGE: &str = "XISO";
const STREAM: i32 = 1001;
const TERM_BYTES: usize = 64 * 1024;
const STEPS_MAX: usize = 300;
const SENDER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 50_037);
const CRC_AT: usize = 24;

fn terms() -> Terms {
    Terms::new(TERM_BYTES).expect("the smallest term")
}

fn options(directory: &str) -> Options {
    let identity = Identity {
        exchange: EXCHANGE.into(),
        exchange_number: STREAM,
        node: 1,
        schema_id: 1,
        schema_version: 0,
    };
    Options { term_bytes: TERM_BYTES, ..Options::new(directory, identity) }
}

/// The datagrams of a log of a term and a half: where each stands, and its bytes.
fn log() -> &'static [(Position, Vec<u8>)] {
    static LOG: OnceLock<Vec<(Position, Vec<u8>)>> = OnceLock::new();
    LOG.get_or_init(|| {
        let disk = MemoryDisk::default();
        let opened = StoreWriter::open_on(Arc::new(disk.clone()), &options("/log"), Nanos(0));
        let (mut writer, _) = opened.expect("an empty disk");
        let mut helper = writer.take_helper().expect("nobody took it");
        while writer.position() < Position(TERM_BYTES as u64 * 3 / 2) {
            while helper.do_work(Nanos(0)) > 0 {}
            let lengths = [40, 333, 200];
            let bytes = lengths.map(framed).iter().sum();
            let mut transaction = writer.begin(bytes).expect("there is room");
            for length in lengths {
                transaction.append(length, |message| {
                    message.fill(length as u8);
                    message[36..38].fill(0);
                    message[36] = u8::from(length == 200);
                });
            }
            transaction.finish();
        }
        let end = writer.position();
        let segment = |number: u64| {
            let name = format!("/log/{:020}.log", number * TERM_BYTES as u64);
            disk.read(Path::new(&name)).expect("a segment")
        };
        cut(&[segment(0), segment(1)].concat()[..end.get() as usize])
    })
}

/// A log's bytes as datagrams.
fn cut(log: &[u8]) -> Vec<(Position, Vec<u8>)> {
    let mut datagrams: Vec<(Position, Vec<u8>)> = Vec::new();
    let mut at = 0;
    while at < log.len() {
        let frame = Frame::new_unchecked(&log[at..]);
        let wire_bytes = if frame.is_pad() { FRAME_HEADER_BYTES } else { frame.aligned_bytes() };
        let bytes = &log[at..at + wire_bytes];
        match datagrams.last_mut() {
            Some((_, last)) if last.len() + wire_bytes <= MTU_BYTES && at != TERM_BYTES => {
                last.extend(bytes);
            }
            _ => datagrams.push((Position(at as u64), bytes.to_vec())),
        }
        at += frame.aligned_bytes();
    }
    datagrams
}

struct Standby {
    receiver: Receiver,
    store: ReplicaStore,
    helper: SegmentHelper,
    now: Nanos,
}

impl Standby {
    fn new(disk: &MemoryDisk) -> Self {
        let channel: Channel = "aeron:udp?endpoint=239.77.0.1:40456".parse().expect("a channel");
        let opened =
            ReplicaStore::open_on(Arc::new(disk.clone()), &options("/standby"), None, Nanos(0));
        let (mut store, _) = opened.expect("an empty disk");
        let start = EpochStart { epoch: Epoch(1), node: 1, base: Position(0), chain: Chain(0) };
        store.follow(start, false).expect("the first epoch");
        let helper = store.take_helper().expect("nobody took it");
        let mut receiver = Receiver::new(ReceiverOptions::new(&channel, STREAM, 7));
        let now = Nanos(1_000_000);
        receiver.follow(store.session(), start.base, now);
        Self { receiver, store, helper, now }
    }

    fn arrives(&mut self, datagram: &[u8]) {
        self.receiver.on_datagram(&mut self.store, datagram, SENDER, self.now);
    }

    /// One step: what it is, and what with.
    fn step(&mut self, step: &[u8]) {
        let Some((what, rest)) = step.split_first() else { return };
        let number = usize::from(rest.first().copied().unwrap_or(0)) % log().len();
        let (position, datagram) = &log()[number];
        match what % 8 {
            0 => self.arrives(rest),
            1 | 2 => self.arrives(datagram),
            3 => {
                let mut datagram = datagram.clone();
                if let Some([low, high, byte]) = rest.get(1..4) {
                    let at = usize::from(u16::from_le_bytes([*low, *high])) % datagram.len();
                    datagram[at] ^= byte;
                    seal(&mut datagram);
                }
                self.arrives(&datagram);
            }
            4 => {
                let setup = Setup {
                    session: session_id(EXCHANGE, Epoch(1)),
                    stream: STREAM,
                    initial_term_id: 0,
                    active_term_id: terms().term_id(*position).cast_signed(),
                    term_offset: i32::try_from(terms().offset(*position)).expect("below a GiB"),
                    terms: terms(),
                    mtu_bytes: i32::try_from(MTU_BYTES).expect("some kilobytes"),
                    ttl: 0,
                    is_group: true,
                };
                self.arrives(&setup.emit());
            }
            5 => {
                let session = session_id(EXCHANGE, Epoch(1));
                let is_end = rest.get(1).is_some_and(|byte| byte % 16 == 1);
                self.arrives(&heartbeat(session, STREAM, terms(), *position, is_end));
            }
            6 => self.now = Nanos(self.now.get() + 1_000_000 * number as u64),
            _ => while self.helper.do_work(self.now) > 0 {},
        }
    }

    /// What it says is what a receiver may say.
    fn check(&mut self) {
        let store = &self.store;
        let (held, contiguous) = (store.held().position, store.contiguous());
        assert!(held <= contiguous && contiguous <= store.received());
        assert!(store.received() <= store.window_end());
        self.receiver.advance(store, self.now);
        let mut said = 0;
        while let Some(feedback) = self.receiver.poll_feedback(store, self.now) {
            said += 1;
            assert!(said <= 16, "it says {said} things in one cycle");
            let bytes = feedback.as_ref();
            if let Ok(nak) = Nak::parse(bytes) {
                let range = nak.range(terms()).expect("a range of one term");
                assert!(range.start >= contiguous && range.end <= store.window_end());
                assert_eq!(
                    store.next_gap(range.start).map_or(range.start, |gap| gap.start),
                    range.start
                );
            } else {
                let status = StatusMessage::parse(bytes).expect("nothing else is said");
                let at = status.position(terms()).expect("a place and a window");
                assert!(status.asks_setup || at == contiguous);
            }
        }
        if let Some(deadline) = self.receiver.next_deadline() {
            let asks = self.receiver.poll_feedback(&self.store, self.now).is_some();
            assert!(deadline > self.now || asks || said >= 8, "it would spin");
        }
    }
}

/// Makes the CRCs of a datagram's frames those of their content.
fn seal(datagram: &mut [u8]) {
    let mut at = 0;
    while at < datagram.len() {
        let Ok(frame) = Frame::new_checked(&datagram[at..]) else { return };
        let (crc, bytes) = (frame.content_crc(), frame.aligned_bytes());
        datagram[at + CRC_AT..at + CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        at += bytes;
    }
}

/// Steps of a standby whose stream anybody can send to.
pub(crate) fn datagrams(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let mut standby = Standby::new(&disk);
    for step in parts(bytes).take(STEPS_MAX) {
        standby.step(step);
        standby.check();
    }
    let (held, received) = (standby.store.held().position, standby.store.received());
    // Nothing stands behind what was received.
    for path in disk.paths() {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
        let Some(base) = name.strip_suffix(".log").and_then(|base| base.parse::<u64>().ok()) else {
            continue;
        };
        let content = disk.read(&path).expect("it is there");
        let from = received.get().saturating_sub(base).min(content.len() as u64) as usize;
        assert!(content[from..].iter().all(|byte| *byte == 0), "{name} beyond {received}");
    }
    // Killed, it opens again with all that it held, and every frame of it is right.
    let killed = disk.after_kill().expect("there is memory");
    drop(standby);
    let opened =
        ReplicaStore::open_on(Arc::new(killed.clone()), &options("/standby"), None, Nanos(7));
    let (store, recovery) = opened.expect("a killed standby's store opens");
    assert_eq!((recovery.valid_to, store.held().position), (held, held));
    let options = ReaderOptions {
        check: Check::Content,
        until: Until::Published,
        ..ReaderOptions::default()
    };
    let attached = StoreReader::attach_on(Arc::new(killed), Path::new("/standby"), &options);
    let mut reader = attached.expect("a standby has it");
    let mut end = Position(0);
    while let Some(frame) = reader.next().expect("it was held") {
        end = frame.end;
    }
    assert!(end <= held && terms().base(held) <= end, "{end} of {held}");
}

pub(crate) fn datagram_seeds() -> Vec<Vec<u8>> {
    let all = log().len();
    let data = |number: usize| vec![1, number as u8];
    let (setup, heartbeat, work) = (vec![4, 0], |number: u8| vec![5, number, 0], vec![7]);
    let mut whole = vec![setup.clone(), work.clone()];
    for number in 0..all {
        whole.push(data(number));
        if number % 8 == 7 {
            whole.push(work.clone());
        }
    }
    whole.push(vec![5, all as u8 - 1, 1]);
    let mut lossy = vec![setup.clone(), work.clone()];
    for number in (0..30).filter(|number| number % 3 != 1) {
        lossy.push(data(number));
    }
    lossy.extend([heartbeat(29), vec![6, 5], vec![6, 50], data(1), data(4), work.clone()]);
    let mut backwards = vec![setup.clone(), work.clone()];
    backwards.extend((0..20).rev().map(data));
    let late = vec![data(40), vec![4, 40], vec![6, 20], heartbeat(60), vec![6, 90], heartbeat(90)];
    let changed = vec![
        setup,
        vec![3, 0, 70, 0, 1],
        vec![3, 1, 0, 0, 64],
        vec![3, 2, 8, 0, 32],
        vec![3, 0, 28, 0, 2],
        [&[0], &log()[0].1[..]].concat(),
        work,
    ];
    [whole, lossy, backwards, late, changed].map(in_parts).into()
}
