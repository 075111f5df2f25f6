//! The replication's wire from a stranger's hand: every frame, and what a sender is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use isochron::limits::{MTU_BYTES, RECEIVERS_MAX};
use isochron::net::{Datagram, Media};
use isochron::replication::channel::{Channel, FlowControl, Group};
use isochron::replication::frame::{
    DataDatagram, ErrorFrame, Kind, Nak, RoundTrip, Setup, StatusMessage, heartbeat,
};
use isochron::replication::sender::{LogBytes, Sender, SenderOptions};
use isochron::store::frame::{Header, Kind as FrameKind};
use isochron::store::{ReadError, Terms, framed};
use isochron::types::{Epoch, Nanos, Position};

use super::{framed as in_parts, parts};

const SESSION: i32 = 5;
const STREAM: i32 = 1001;
const TERM: u64 = 64 * 1024;
const MESSAGE_BYTES: usize = 128;

/// Where the epoch of the sender begins: what is before is another's.
const BASE: u64 = 1600;

fn terms() -> Terms {
    Terms::new(TERM as usize).expect("a power of two")
}

/// A datagram: refused, or the same again when it is written.
pub(crate) fn wire(bytes: &[u8]) {
    let _ = Kind::of(bytes);
    if let Ok(setup) = Setup::parse(bytes) {
        assert_eq!(Setup::parse(&setup.emit()), Ok(setup));
        assert!(setup.to_string().starts_with("SETUP"));
    }
    if let Ok(nak) = Nak::parse(bytes) {
        assert_eq!(Nak::parse(&nak.emit()), Ok(nak));
        if let Some(range) = nak.range(terms()) {
            assert_eq!(Nak::of(nak.session, nak.stream, terms(), &range), nak);
        }
    }
    if let Ok(status) = StatusMessage::parse(bytes) {
        let mut written = [0; StatusMessage::BYTES_MAX];
        let length = status.emit(&mut written);
        assert_eq!(StatusMessage::parse(&written[..length]), Ok(status));
        let _ = status.position(terms());
    }
    if let Ok(asked) = RoundTrip::parse(bytes) {
        assert_eq!(RoundTrip::parse(&asked.emit()), Ok(asked));
    }
    if let Ok(error) = ErrorFrame::parse(bytes) {
        assert!(error.text.len() + ErrorFrame::BYTES_MIN <= bytes.len());
        assert!(error.to_string().starts_with("ERR"));
    }
    if let Ok(data) = DataDatagram::parse(bytes, terms()) {
        let (from, end) = (data.position(), data.end());
        assert!(from <= end && end <= terms().next_base(from), "{data}");
        assert_eq!(data.is_heartbeat(), from == end);
        assert!(data.is_heartbeat() || end.get() - from.get() >= bytes.len() as u64);
    }
}

pub(crate) fn wire_seeds() -> Vec<Vec<u8>> {
    let log = Log::new();
    let mut seeds = control();
    seeds.push(heartbeat(SESSION, STREAM, terms(), Position(320), true).to_vec());
    seeds.push(log.0[..1280].to_vec());
    let setup = Setup {
        session: SESSION,
        stream: STREAM,
        initial_term_id: 0,
        active_term_id: 1,
        term_offset: 64,
        terms: terms(),
        mtu_bytes: 1408,
        ttl: 1,
        is_group: true,
    };
    seeds.push(setup.emit().to_vec());
    let mut error = vec![0; 43];
    error[..8].copy_from_slice(&[43, 0, 0, 0, 0, 8, 4, 0]);
    error[36] = 3;
    seeds.push(error);
    seeds
}

/// Two hundred frames of one size.
struct Log(Vec<u8>);

impl Log {
    fn new() -> Self {
        let mut log = Self(Vec::new());
        for _ in 0..200 {
            let body = vec![log.0.len() as u8 | 1; MESSAGE_BYTES];
            let header = Header {
                length: 32 + MESSAGE_BYTES as u32,
                kind: FrameKind::Data,
                term_offset: log.0.len() as u32,
                session: SESSION,
                stream: STREAM,
                term_id: 0,
                epoch: Epoch(1),
            };
            log.0.extend(header.seal(&body).emit());
            log.0.extend(body);
        }
        assert_eq!(log.0.len(), 200 * framed(MESSAGE_BYTES));
        log
    }
}

impl LogBytes for Log {
    fn published(&mut self) -> Result<Position, ReadError> {
        Ok(Position(self.0.len() as u64))
    }

    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let end = Position(self.0.len() as u64);
        match position <= end {
            true => Ok(&self.0[position.get() as usize..]),
            false => Err(ReadError::Beyond { position, end }),
        }
    }
}

/// Checks what goes out.
struct Judge<'a> {
    log: &'a [u8],
    datagrams: usize,
}

impl Media for Judge<'_> {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        for datagram in datagrams {
            let bytes = datagram.body;
            assert!(datagram.head.is_empty() && bytes.len() <= MTU_BYTES);
            if let Ok(data) = DataDatagram::parse(bytes, terms())
                && !data.is_heartbeat()
            {
                let (from, end) = (data.position().get(), data.end().get());
                assert!(from >= BASE, "another epoch's bytes");
                assert_eq!(bytes, &self.log[from as usize..end as usize], "the log's bytes");
            }
        }
        self.datagrams += datagrams.len();
        Ok(datagrams.len())
    }

    fn receive(&mut self, _: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        Ok(0)
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddrV4) -> io::Result<bool> {
        unreachable!("a sender has one destination")
    }
}

/// Datagrams to a sender's control address, with time between them: it sends the log's bytes and
/// nothing else, within its bounds, and panics at nothing.
pub(crate) fn control_input(bytes: &[u8]) {
    let strategies = [
        FlowControl::Max,
        FlowControl::Min(Group { size_min: 1, ..Group::default() }),
        FlowControl::Tagged { tag: 77, group: Group::default() },
    ];
    let (choice, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let endpoint = SocketAddrV4::new(Ipv4Addr::new(239, 77, 0, 1), 40456);
    let channel = Channel::to(endpoint).expect("an odd octet");
    let mut options = SenderOptions::new(&channel, SESSION, STREAM, terms(), Position(BASE));
    options.flow_control = strategies[usize::from(*choice) % strategies.len()];
    let mut now = Nanos(1_000_000_000);
    let mut sender = Sender::new(options, now);
    let mut log = Log::new();
    let copy = log.0.clone();
    let mut judge = Judge { log: &copy, datagrams: 0 };
    let from = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 40456);
    let (mut turns, mut asked) = (0, 0);
    for part in parts(bytes).take(500) {
        sender.on_control(part, from, now);
        asked += 1;
        now = Nanos(now.get() + u64::from(*choice) * 10_000);
        sender.duty(&mut log, &mut judge, now).expect("the log is sound");
        turns += 1;
        assert!(sender.position().get() >= BASE && sender.position().get() <= copy.len() as u64);
        assert!(sender.receivers().count() <= RECEIVERS_MAX);
        assert!(sender.next_deadline().get() > 0);
    }
    // All of the log once, what was asked for, and for each turn a SETUP, a heartbeat and answers.
    assert!(judge.datagrams <= 200 + asked * (64 + 1) + turns * 3, "{} datagrams", judge.datagrams);
}

fn status(receiver_id: i64, at: i32, tag: Option<i64>) -> Vec<u8> {
    let status = StatusMessage {
        term_offset: at,
        window_bytes: 4096,
        asks_setup: false,
        ..StatusMessage::elicit(SESSION, STREAM, receiver_id, tag)
    };
    let mut bytes = [0; StatusMessage::BYTES_MAX];
    let length = status.emit(&mut bytes);
    bytes[..length].to_vec()
}

fn control() -> Vec<Vec<u8>> {
    let mut elicit = [0; StatusMessage::BYTES_MAX];
    let length = StatusMessage::elicit(SESSION, STREAM, 3, Some(77)).emit(&mut elicit);
    let nak = Nak::of(SESSION, STREAM, terms(), &(Position(1760)..Position(4160)));
    let asked = RoundTrip {
        session: SESSION,
        stream: STREAM,
        echo_timestamp: 9,
        reception_delta: 0,
        receiver_id: 1,
        asks_reply: true,
    };
    vec![
        elicit[..length].to_vec(),
        status(1, 1600, None),
        status(2, 1600, Some(77)),
        nak.emit().to_vec(),
        asked.emit().to_vec(),
        status(1, 4800, None),
        status(2, 5120, Some(77)),
        nak.emit().to_vec(),
    ]
}

pub(crate) fn control_seeds() -> Vec<Vec<u8>> {
    let seed = |choice: u8| [vec![choice], in_parts(control())].concat();
    (0..3).chain([60, 61, 62]).map(seed).collect()
}
