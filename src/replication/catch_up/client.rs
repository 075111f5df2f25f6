//! The asking end of one connection: bytes in, bytes out, answers in between.
//!
//! ```text
//!   socket ─▶ space, on_received ─▶ poll_event   (LOG, MARK, IMAGE, LIST)
//!                                   content, take (what BYTES carry)
//!   socket ◀─ outgoing, on_sent ◀── open, fetch, snapshot, feeds
//! ```
//!
//! It knows what was asked last, and takes nothing else; what the bytes are worth is judged by
//! whoever takes them ([`super::pieces`], the store).

use super::content::Content;
use super::fault::Fault;
use super::inbox::Inbox;
use super::peer::{Handshake, Peer, Role};
use super::protocol::{Header, Kind, LogName, LogState, MESSAGE_BYTES_MAX, Message, NONCE_BYTES};
use crate::store::LogPlace;
use crate::types::{Key, Nanos, Position};

/// Bytes of the buffer between a socket and what takes them.
const CONTENT_BYTES: usize = 2 * 1024 * 1024;

/// How long an end that has something to say may say nothing: the server marks where it stands
/// far more often.
pub const SILENCE_NS_MAX: u64 = 5_000_000_000;

/// A pause of this end after which the server's silence is counted anew: it was checking a
/// snapshot, or was stopped.
const AWAY_NS: u64 = 1_000_000_000;

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Both ends know each other: it may be asked.
    Ready(Peer),
    /// What it has of the log that was asked for.
    Log(LogState),
    /// Where it stands now.
    Mark {
        /// The end of what it gives.
        end: Position,
        /// A durable place of it.
        durable: LogPlace,
    },
    /// Which snapshot its next bytes are of; none where it has none.
    Image(Option<Image>),
    /// Its feed logs.
    Feeds(Vec<LogName>),
}

/// A snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where the log goes on.
    pub place: LogPlace,
    /// Bytes of its file.
    pub bytes: u64,
}

/// One connection to a server. Calling order: until `fault`, fill `space` and call `on_received`,
/// empty `outgoing` and call `on_sent`, `poll_event` until `None`, take what `content` has. While
/// an event waits, `space` is empty.
pub struct Client {
    handshake: Handshake,
    inbox: Inbox,
    content: Content,
    /// Bytes of a BYTES that are still to come, and whether they are of an earlier request.
    left: usize,
    skips: bool,
    outgoing: Vec<u8>,
    sent: usize,
    /// The number of what was asked last, and the kind of its first answer until that came.
    request: u32,
    waits_for: Option<Kind>,
    /// Whether BYTES and MARK of this request may come.
    streams: bool,
    event: Option<Event>,
    fault: Option<Fault>,
    progress_at: Nanos,
    looked_at: Nanos,
}

impl Client {
    /// A connection that begins now. The nonce is one that was never used.
    #[must_use]
    pub fn new(me: Peer, key: Option<Key>, nonce: [u8; NONCE_BYTES], now: Nanos) -> Self {
        let handshake = Handshake::new(Role::Client, me, key, nonce);
        let mut outgoing = Vec::new();
        handshake.greeting().emit(&mut outgoing);
        Self {
            handshake,
            inbox: Inbox::new(),
            content: Content::new(CONTENT_BYTES),
            left: 0,
            skips: false,
            outgoing,
            sent: 0,
            request: 0,
            waits_for: None,
            streams: false,
            event: None,
            fault: None,
            progress_at: now,
            looked_at: now,
        }
    }

    /// Why it ended; what is still to be sent tells the server.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// What is to be sent.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// So many of it went.
    pub fn on_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        assert!(self.sent <= self.outgoing.len());
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
    }

    /// Where bytes from the server go; empty while something waits to be taken, and at the end.
    #[must_use]
    pub fn space(&mut self) -> &mut [u8] {
        if self.fault.is_some() || self.event.is_some() {
            &mut []
        } else if self.left > 0 {
            self.content.space(self.left)
        } else {
            self.inbox.space()
        }
    }

    /// So many bytes were put there.
    pub fn on_received(&mut self, bytes: usize, now: Nanos) {
        if bytes == 0 {
            return;
        }
        self.progress_at = now;
        if self.left > 0 {
            self.left -= bytes;
            if !self.skips {
                self.content.on_received(bytes);
            }
            return;
        }
        match self.inbox.on_received(bytes) {
            Ok(None) => {}
            Ok(Some(header)) => {
                if let Err(fault) = self.on_message(header) {
                    self.end(fault);
                }
                self.inbox.next();
            }
            Err(fault) => self.end(Fault::Wire(fault)),
        }
    }

    /// Takes any bytes as [`Self::space`] and [`Self::on_received`] do; how many. For connections
    /// that are no sockets.
    pub fn on_bytes(&mut self, bytes: &[u8], now: Nanos) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            let space = self.space();
            let step = space.len().min(bytes.len() - taken);
            if step == 0 {
                break;
            }
            space[..step].copy_from_slice(&bytes[taken..taken + step]);
            self.on_received(step, now);
            taken += step;
        }
        taken
    }

    /// The connection was closed or broken.
    pub fn on_closed(&mut self, reason: &str) {
        if self.fault.is_none() {
            self.fault = Some(Fault::Closed { reason: reason.to_string() });
        }
    }

    /// Looks whether the server has said something in time.
    pub fn on_time(&mut self, now: Nanos) {
        let away_ns = now.get().saturating_sub(self.looked_at.get());
        self.looked_at = now;
        if self.space().is_empty() || away_ns > AWAY_NS {
            // It waits for this end, or this end was elsewhere.
            self.progress_at = now;
        } else if self.next_deadline().is_some_and(|deadline| now >= deadline) {
            self.end(Fault::Silent { ns: SILENCE_NS_MAX });
        }
    }

    /// When it has been silent for too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let deadline = Nanos(self.progress_at.get().saturating_add(SILENCE_NS_MAX));
        self.fault.is_none().then_some(deadline)
    }

    /// Ends the connection from this end, and tells the server why.
    pub fn end(&mut self, fault: Fault) {
        if self.fault.is_some() {
            return;
        }
        if !matches!(fault, Fault::Refused { .. } | Fault::Closed { .. }) {
            Message::Refused(&fault.to_string()).emit(&mut self.outgoing);
        }
        self.fault = Some(fault);
    }

    /// The next answer.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// The place of the first byte that was not taken, in the log or in the snapshot's file, and
    /// all that are there.
    #[must_use]
    pub fn content(&self) -> (u64, &[u8]) {
        self.content.rest()
    }

    /// The first so many bytes of them are done with.
    pub fn take(&mut self, bytes: usize) {
        self.content.take(bytes);
    }

    /// Asks what the server has of a log; the answer is [`Event::Log`].
    pub fn open(&mut self, log: LogName) {
        let request = self.ask(Some(Kind::Log), false);
        Message::Open { request, log }.emit(&mut self.outgoing);
    }

    /// Asks for the bytes of the log that was opened last, from a position on, until something
    /// else is asked; [`Event::Mark`] says now and then where the server stands.
    pub fn fetch(&mut self, from: Position) {
        let request = self.ask(None, true);
        self.content.begin(from.get());
        Message::Fetch { request, from }.emit(&mut self.outgoing);
    }

    /// Asks for the newest snapshot that is of a moment before a position, and for its file's bytes
    /// from an offset on; the answer is [`Event::Image`].
    pub fn snapshot(&mut self, below: Position, from: u64) {
        let request = self.ask(Some(Kind::Image), true);
        self.content.begin(from);
        Message::Snapshot { request, below, from }.emit(&mut self.outgoing);
    }

    /// Asks which feed logs there are; the answer is [`Event::Feeds`].
    pub fn feeds(&mut self) {
        let request = self.ask(Some(Kind::List), false);
        Message::Feeds { request }.emit(&mut self.outgoing);
    }

    fn ask(&mut self, waits_for: Option<Kind>, streams: bool) -> u32 {
        assert!(self.handshake.is_done(), "asked before Ready");
        self.request += 1;
        (self.waits_for, self.streams) = (waits_for, streams);
        self.content.begin(0);
        // What is under way of a BYTES is of an earlier request now.
        self.skips = true;
        self.request
    }

    fn on_message(&mut self, header: Header) -> Result<(), Fault> {
        debug_assert!(header.kind == Kind::Bytes || header.length <= MESSAGE_BYTES_MAX);
        let message = Message::parse(header, self.inbox.message()).map_err(Fault::Wire)?;
        let request = match message {
            Message::Refused(reason) => {
                return Err(Fault::Refused { reason: reason.to_string() });
            }
            Message::Hello(hello) => {
                let answer = self.handshake.on_hello(hello)?;
                answer.iter().for_each(|answer| answer.emit(&mut self.outgoing));
                self.greeted();
                return Ok(());
            }
            Message::Proof(proof) => {
                self.handshake.on_proof(&proof)?;
                self.greeted();
                return Ok(());
            }
            Message::Log { request, .. }
            | Message::Bytes { request, .. }
            | Message::Mark { request, .. }
            | Message::Image { request, .. }
            | Message::List { request, .. } => request,
            _ => return Err(Fault::Unexpected(header.kind)),
        };
        let is_new = request == self.request;
        if !self.handshake.is_done() || request > self.request || request == 0 {
            return Err(Fault::Unexpected(header.kind));
        }
        if let Message::Bytes { at, content, .. } = message {
            (self.left, self.skips) = (content, !is_new);
            return if is_new { self.check_bytes(at) } else { Ok(()) };
        }
        if !is_new {
            return Ok(());
        }
        if let Message::Mark { end, durable, .. } = message {
            self.event = Some(Event::Mark { end, durable });
            return if self.streams { Ok(()) } else { Err(Fault::Unexpected(header.kind)) };
        }
        if self.waits_for.take() != Some(header.kind) {
            return Err(Fault::Unexpected(header.kind));
        }
        self.event = match message {
            Message::Log { state, .. } => Some(Event::Log(state)),
            Message::Image { bytes: 0, .. } => Some(Event::Image(None)),
            Message::Image { place, bytes, .. } => Some(Event::Image(Some(Image { place, bytes }))),
            Message::List { names, .. } => Some(Event::Feeds(names.iter().collect())),
            _ => None,
        };
        Ok(())
    }

    /// Whether content of the request at hand may come, and is what comes next.
    fn check_bytes(&self, found: u64) -> Result<(), Fault> {
        let expected = self.content.came_to();
        if !self.streams || self.waits_for.is_some() {
            return Err(Fault::Unexpected(Kind::Bytes));
        }
        if found != expected {
            return Err(Fault::Place { expected, found });
        }
        Ok(())
    }

    fn greeted(&mut self) {
        if self.handshake.is_done() {
            self.event = self.handshake.peer().map(Event::Ready);
        }
    }
}
