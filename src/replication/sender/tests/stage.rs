//! A sender with a log, a media and a clock that tests hold in their hands.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::limits::FRAME_HEADER_BYTES;
use crate::net::{Datagram, Media};
use crate::replication::channel::{Channel, FlowControl};
use crate::replication::frame::{
    DataDatagram, Kind, Nak, RoundTrip, Setup, StatusMessage, position,
};
use crate::replication::sender::{LogBytes, Sender, SenderOptions};
use crate::store::frame::{Frame, Header, Kind as FrameKind, aligned, framed};
use crate::store::{ReadError, Terms};
use crate::types::{Epoch, Nanos, Position};

pub(super) const MS: u64 = 1_000_000;
pub(super) const TERM: u64 = 64 * 1024;
pub(super) const WINDOW: i32 = 32 * 1024;
pub(super) const SESSION: i32 = 5;
pub(super) const STREAM: i32 = 1001;

/// Bytes of a frame with so long a message.
pub(super) fn frame_bytes(message_bytes: usize) -> u64 {
    framed(message_bytes) as u64
}

pub(super) fn terms() -> Terms {
    Terms::new(TERM as usize).expect("a power of two")
}

/// A log in one piece of memory.
#[derive(Default)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// Where its memory begins: what is before was recycled.
    pub(super) kept_from: Position,
}

impl Log {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn end(&self) -> Position {
        Position(self.bytes.len() as u64)
    }

    /// Appends `count` messages of so many bytes, with padding where a term ends.
    pub(super) fn append(&mut self, count: usize, message_bytes: usize) {
        for _ in 0..count {
            let left = TERM - self.end().get() % TERM;
            if frame_bytes(message_bytes) > left {
                self.push(FrameKind::Pad, left as usize, &[]);
                self.bytes.resize(self.bytes.len() + left as usize - FRAME_HEADER_BYTES, 0);
            }
            let number = self.end().get() as u8 | 1;
            let mut body = vec![number; aligned(message_bytes)];
            body[message_bytes..].fill(0);
            body.truncate(framed(message_bytes) - FRAME_HEADER_BYTES);
            self.push(FrameKind::Data, FRAME_HEADER_BYTES + message_bytes, &body);
        }
    }

    fn push(&mut self, kind: FrameKind, length: usize, body: &[u8]) {
        let at = self.end();
        let header = Header {
            length: length as u32,
            kind,
            term_offset: terms().offset(at) as u32,
            session: SESSION,
            stream: STREAM,
            term_id: terms().term_id(at),
            epoch: Epoch(1),
        };
        self.bytes.extend(header.seal(body).emit());
        self.bytes.extend(body);
    }
}

impl LogBytes for Log {
    fn published(&mut self) -> Result<Position, ReadError> {
        Ok(self.end())
    }

    fn bytes_at(&mut self, position: Position) -> Result<&[u8], ReadError> {
        let end = self.end();
        if position < self.kept_from {
            return Err(ReadError::NotKept { position, kept_from: self.kept_from });
        }
        if position > end {
            return Err(ReadError::Beyond { position, end });
        }
        let to = terms().next_base(position).min(end);
        Ok(&self.bytes[position.get() as usize..to.get() as usize])
    }
}

/// Keeps what is sent.
pub(super) struct Wire {
    pub(super) sent: Vec<Vec<u8>>,
    /// Datagrams that it takes in each call.
    pub(super) room: usize,
    pub(super) is_down: bool,
}

impl Media for Wire {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        if self.is_down {
            return Err(io::Error::from(io::ErrorKind::NetworkUnreachable));
        }
        let taken = datagrams.len().min(self.room);
        self.sent.extend(datagrams[..taken].iter().map(|d| [d.head, d.body].concat()));
        Ok(taken)
    }

    fn receive(&mut self, _: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        Ok(0)
    }

    fn send_to(&mut self, _: &[u8], _: SocketAddrV4) -> io::Result<bool> {
        unreachable!("a sender has one destination")
    }
}

/// What a datagram says, in a line.
pub(super) fn shown(bytes: &[u8]) -> String {
    match Kind::of(bytes).expect("a frame") {
        Kind::Setup => {
            let setup = Setup::parse(bytes).expect("SETUP");
            let at = position(setup.terms, setup.active_term_id, setup.term_offset);
            format!("SETUP {}", at.expect("a position"))
        }
        Kind::RoundTrip => {
            format!("RTTM {}", RoundTrip::parse(bytes).expect("RTTM").echo_timestamp)
        }
        Kind::Data | Kind::Pad => {
            let data = DataDatagram::parse(bytes, terms()).expect("frames");
            assert_eq!((data.session(), data.stream()), (SESSION, STREAM));
            assert!(bytes.len() <= 1408, "{} bytes", bytes.len());
            let (from, end) = (data.position(), data.end());
            let pad_at = Position(from.get() + bytes.len() as u64 - FRAME_HEADER_BYTES as u64);
            let last = Frame::new_unchecked(&bytes[bytes.len() - FRAME_HEADER_BYTES..]);
            let is_padded = end > Position(from.get() + bytes.len() as u64)
                || (last.is_pad() && last.length() as usize == FRAME_HEADER_BYTES);
            match () {
                () if data.is_end_of_stream() => format!("END {from}"),
                () if data.is_heartbeat() => format!("heartbeat {from}"),
                () if is_padded && pad_at == from => format!("PAD {from}..{end}"),
                () if is_padded => format!("DATA {from}..{pad_at} PAD..{end}"),
                () => format!("DATA {from}..{end}"),
            }
        }
        other => panic!("a sender sends no {other:?}"),
    }
}

/// All of it.
pub(super) struct Stage {
    pub(super) sender: Sender,
    pub(super) log: Log,
    pub(super) media: Wire,
    pub(super) now: Nanos,
    /// From where the next datagram comes.
    pub(super) from: SocketAddrV4,
}

impl Stage {
    pub(super) fn new(flow_control: FlowControl) -> Self {
        Self::with(|options| options.flow_control = flow_control)
    }

    pub(super) fn with(change: impl FnOnce(&mut SenderOptions)) -> Self {
        let endpoint = SocketAddrV4::new(Ipv4Addr::new(239, 77, 0, 1), 40456);
        let channel = Channel::to(endpoint).expect("an odd octet");
        let mut options = SenderOptions::new(&channel, SESSION, STREAM, terms(), Position(0));
        change(&mut options);
        let now = Nanos(1_000_000 * MS);
        Self {
            sender: Sender::new(options, now),
            log: Log::default(),
            media: Wire { sent: Vec::new(), room: usize::MAX, is_down: false },
            now,
            from: SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 40456),
        }
    }

    /// Moves the clock.
    pub(super) fn clock(&mut self, ns: u64) {
        self.now = Nanos(self.now.get() + ns);
    }

    /// A turn, after so long a time: what was sent.
    pub(super) fn after(&mut self, ns: u64) -> Vec<String> {
        self.clock(ns);
        let before = self.media.sent.len();
        self.sender.duty(&mut self.log, &mut self.media, self.now).expect("the log is sound");
        self.media.sent[before..].iter().map(|bytes| shown(bytes)).collect()
    }

    pub(super) fn turn(&mut self) -> Vec<String> {
        self.after(0)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.sender.on_control(bytes, self.from, self.now);
    }

    pub(super) fn hear(&mut self, status: &StatusMessage) {
        let mut bytes = [0; StatusMessage::BYTES_MAX];
        let length = status.emit(&mut bytes);
        self.bytes(&bytes[..length]);
    }

    /// A status message of a receiver at a position.
    pub(super) fn message(&self, receiver_id: i64, at: u64, window_bytes: i32) -> StatusMessage {
        StatusMessage {
            term_id: (at / TERM) as i32,
            term_offset: (at % TERM) as i32,
            window_bytes,
            asks_setup: false,
            ..StatusMessage::elicit(SESSION, STREAM, receiver_id, None)
        }
    }

    pub(super) fn status(&mut self, receiver_id: i64, at: u64, window_bytes: i32) {
        let message = self.message(receiver_id, at, window_bytes);
        self.hear(&message);
    }

    pub(super) fn elicit(&self, receiver_id: i64) -> StatusMessage {
        StatusMessage::elicit(SESSION, STREAM, receiver_id, None)
    }

    pub(super) fn ask_setup(&mut self, receiver_id: i64) {
        let message = self.elicit(receiver_id);
        self.hear(&message);
    }

    pub(super) fn nak(&mut self, from: u64, to: u64) {
        let nak = Nak::of(SESSION, STREAM, terms(), &(Position(from)..Position(to)));
        self.bytes(&nak.emit());
    }

    pub(super) fn round_trip(&self, echo_timestamp: i64, asks_reply: bool) -> RoundTrip {
        RoundTrip {
            session: SESSION,
            stream: STREAM,
            echo_timestamp,
            reception_delta: 3,
            receiver_id: 1,
            asks_reply,
        }
    }
}
