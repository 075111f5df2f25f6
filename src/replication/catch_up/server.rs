//! The giving end of one connection: answers go out before bytes, and bytes straight from the log.
//!
//! ```text
//!   socket ─▶ Inbox ─▶ request ─▶ answer ─▶ outgoing ─┐
//!                         │                           ├═▶ socket, in one write
//!                         ▼                           │
//!                     Giving: the log's mapped bytes ─┘
//! ```
//!
//! A connection gives one thing at a time, the last that was asked for. It waits for nothing:
//! what the socket does not take is offered again in the next turn, from the log, which is the
//! queue.

use std::io::{self, ErrorKind, IoSlice, Write};

use super::fault::Fault;
use super::inbox::Inbox;
use super::library::{Library, NotGiven, OpenImage, OpenLog};
use super::pace::Pace;
use super::peer::{Handshake, Peer, Role};
use super::protocol::{
    CONTENT_BYTES_MAX, Header, Kind, LogName, Message, NONCE_BYTES, Names, bytes_of_names,
};
use crate::store::{Chain, LogPlace};
use crate::types::{Key, Nanos, Position};

/// Bytes given in one turn, so that the others have theirs.
const TURN_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of one BYTES of a file, which is read to be given.
const IMAGE_STEP_BYTES: usize = 256 * 1024;

/// From one MARK to the next: what tells the client that this end lives, and how far it is behind.
const MARK_NS: u64 = 100_000_000;

/// How long a client may take nothing of what it asked for, or say nothing in the greeting.
pub const STALL_NS_MAX: u64 = 30_000_000_000;

/// What is being given.
#[derive(Debug)]
enum Giving {
    Nothing,
    Log { at: Position },
    Image { image: OpenImage, at: u64 },
}

/// A BYTES whose head is written or queued, and whose content is not all gone.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    at: u64,
    left: usize,
}

/// One client. Calling order: fill `space` and call `on_received`; `turn` writes what there is to
/// write; `next_deadline` is asked, `on_time` called.
#[derive(Debug)]
pub struct Connection {
    handshake: Handshake,
    inbox: Inbox,
    outgoing: Vec<u8>,
    sent: usize,
    request: u32,
    log: Option<OpenLog>,
    giving: Giving,
    chunk: Option<Chunk>,
    /// Content of the chunk at hand, of a file.
    buffer: Vec<u8>,
    mark_at: Nanos,
    /// When something went last, while there was something; else when it was looked at.
    moved_at: Nanos,
    fault: Option<Fault>,
    given_bytes: u64,
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing to do until the log grows, the client speaks, or a time comes.
    Waits,
    /// There is more to give at once.
    More,
    /// Everything was said: the connection is to be closed.
    Done,
}

impl Connection {
    /// A client that has just come. The nonce is one that was never used.
    #[must_use]
    pub fn new(me: Peer, key: Option<Key>, nonce: [u8; NONCE_BYTES], now: Nanos) -> Self {
        let handshake = Handshake::new(Role::Server, me, key, nonce);
        let mut outgoing = Vec::new();
        handshake.greeting().emit(&mut outgoing);
        Self {
            handshake,
            inbox: Inbox::new(),
            outgoing,
            sent: 0,
            request: 0,
            log: None,
            giving: Giving::Nothing,
            chunk: None,
            buffer: Vec::new(),
            mark_at: now,
            moved_at: now,
            fault: None,
            given_bytes: 0,
        }
    }

    /// Why it ended.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The other end's node, once it has greeted.
    #[must_use]
    pub fn node(&self) -> Option<u32> {
        self.handshake.peer().map(|peer| peer.node)
    }

    /// Bytes of logs and files that went.
    #[must_use]
    pub fn given_bytes(&self) -> u64 {
        self.given_bytes
    }

    /// Where the client's bytes go; empty at the end, while an answer is not all gone, because who
    /// takes none is not asked for more, and while a chunk is not: an answer would stand in its
    /// middle.
    #[must_use]
    pub fn space(&mut self) -> &mut [u8] {
        match self.fault.is_some() || self.chunk.is_some() || !self.outgoing.is_empty() {
            true => &mut [],
            false => self.inbox.space(),
        }
    }

    /// So many bytes were put there.
    pub fn on_received(&mut self, bytes: usize, library: &Library, now: Nanos) {
        match self.inbox.on_received(bytes) {
            Ok(None) => {}
            Ok(Some(header)) => {
                if let Err(fault) = self.on_message(header, library, now) {
                    self.end(fault);
                }
                self.inbox.next();
            }
            Err(fault) => self.end(Fault::Wire(fault)),
        }
    }

    /// The connection was closed or broken.
    pub fn on_closed(&mut self, reason: &str) {
        if self.fault.is_none() {
            self.fault = Some(Fault::Closed { reason: reason.to_string() });
        }
    }

    /// Looks whether the client has taken something in time.
    pub fn on_time(&mut self, now: Nanos) {
        if self.fault.is_none() && now.get() >= self.moved_at.get().saturating_add(STALL_NS_MAX) {
            self.end(Fault::Silent { ns: STALL_NS_MAX });
        }
    }

    /// Ends it from this end, and tells the client why.
    fn end(&mut self, fault: Fault) {
        if self.fault.is_some() {
            return;
        }
        if self.chunk.take().is_some() {
            // In the middle of a chunk a message would be taken for its content.
            self.outgoing.clear();
            self.sent = 0;
        } else if !matches!(fault, Fault::Refused { .. }) {
            Message::Refused(&fault.to_string()).emit(&mut self.outgoing);
        }
        self.giving = Giving::Nothing;
        self.fault = Some(fault);
    }

    fn on_message(&mut self, header: Header, library: &Library, now: Nanos) -> Result<(), Fault> {
        // Nothing that a client says is long, but the reason of a refusal.
        if matches!(header.kind, Kind::Bytes | Kind::Log | Kind::List) {
            return Err(Fault::Unexpected(header.kind));
        }
        let message = Message::parse(header, self.inbox.message()).map_err(Fault::Wire)?;
        let (request, given) = match message {
            Message::Hello(hello) => {
                self.moved_at = now;
                let answer = self.handshake.on_hello(hello)?;
                answer.iter().for_each(|answer| answer.emit(&mut self.outgoing));
                return Ok(());
            }
            Message::Proof(proof) => return self.handshake.on_proof(&proof),
            Message::Refused(reason) => {
                return Err(Fault::Refused { reason: reason.to_string() });
            }
            _ if !self.handshake.is_done() => return Err(Fault::Unexpected(header.kind)),
            Message::Open { request, log } => (request, self.on_open(request, log, library)),
            Message::Fetch { request, from } => (request, self.on_fetch(from)),
            Message::Snapshot { request, below, from } => {
                (request, self.on_snapshot(request, below, from, library))
            }
            Message::Feeds { request } => (request, self.on_feeds(request, library)),
            _ => return Err(Fault::Unexpected(header.kind)),
        };
        if request <= self.request {
            return Err(Fault::Unexpected(header.kind));
        }
        (self.request, self.moved_at, self.mark_at) = (request, now, now);
        given.map_err(|NotGiven(reason)| Fault::Store { reason })
    }

    fn on_open(&mut self, request: u32, log: LogName, library: &Library) -> Result<(), NotGiven> {
        self.giving = Giving::Nothing;
        let (log, state) = library.open(log)?;
        self.log = Some(log);
        self.answer(&Message::Log { request, state });
        Ok(())
    }

    fn on_fetch(&mut self, from: Position) -> Result<(), NotGiven> {
        let log = self.log.as_mut().ok_or_else(|| NotGiven("no log was opened".into()))?;
        let end = log.end()?;
        if from > end {
            return Err(NotGiven(format!("{from} is beyond the end of the log here, {end}")));
        }
        log.bytes_at(from).map_err(|error| NotGiven(error.to_string()))?;
        self.giving = Giving::Log { at: from };
        Ok(())
    }

    fn on_snapshot(
        &mut self,
        request: u32,
        below: Position,
        from: u64,
        library: &Library,
    ) -> Result<(), NotGiven> {
        self.giving = Giving::Nothing;
        let image = library.snapshot(below)?;
        let (place, bytes) = match &image {
            Some(image) => (image.place, image.bytes),
            None => (LogPlace { position: Position(0), chain: Chain(0) }, 0),
        };
        self.answer(&Message::Image { request, place, bytes });
        if let Some(image) = image {
            // From beyond its end there is nothing: it is another one than the client thinks.
            let at = from.min(image.bytes);
            self.giving = Giving::Image { image, at };
        }
        Ok(())
    }

    fn on_feeds(&mut self, request: u32, library: &Library) -> Result<(), NotGiven> {
        self.giving = Giving::Nothing;
        let names = bytes_of_names(&library.feeds()?);
        self.answer(&Message::List { request, names: Names(&names) });
        Ok(())
    }

    /// Queues an answer. No chunk is half gone: then nothing is read.
    fn answer(&mut self, message: &Message<'_>) {
        message.emit(&mut self.outgoing);
    }

    /// Writes what there is, a bounded part of it, as far as the socket takes it.
    ///
    /// # Errors
    /// The socket's.
    pub fn turn(
        &mut self,
        socket: &mut dyn Write,
        pace: &mut Pace,
        now: Nanos,
    ) -> io::Result<After> {
        let mut turned = 0;
        while turned < TURN_BYTES {
            if self.chunk.is_none()
                && let Err(NotGiven(reason)) = self.next_chunk(pace, now)
            {
                self.end(Fault::Store { reason });
            }
            if self.chunk.is_none() && self.outgoing.is_empty() {
                let is_done = self.fault.is_some();
                if !is_done && !self.waits_for_client() {
                    self.moved_at = now;
                }
                return Ok(if is_done { After::Done } else { After::Waits });
            }
            match self.write(socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.moved_at = now;
                    turned += bytes;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(After::Waits),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(After::More)
    }

    /// Whether the client has still to say what it wants.
    fn waits_for_client(&self) -> bool {
        matches!(self.giving, Giving::Nothing)
    }

    /// Begins the next chunk, or marks where the log stands, if there is something to give.
    fn next_chunk(&mut self, pace: &mut Pace, now: Nanos) -> Result<(), NotGiven> {
        let request = self.request;
        let (at, there) = match &mut self.giving {
            Giving::Nothing => return Ok(()),
            Giving::Log { at } => {
                let log = self.log.as_mut().expect("fetched from it");
                if now >= self.mark_at {
                    let (end, durable) = log.mark()?;
                    Message::Mark { request, end, durable }.emit(&mut self.outgoing);
                    self.mark_at = Nanos(now.get().saturating_add(MARK_NS));
                }
                let rest = log.bytes_at(*at).map_err(|error| NotGiven(error.to_string()))?;
                (at.get(), rest.len())
            }
            Giving::Image { image, at } => {
                let left = usize::try_from(image.bytes - *at).unwrap_or(usize::MAX);
                (*at, left.min(IMAGE_STEP_BYTES))
            }
        };
        let content = pace.allows(there.min(CONTENT_BYTES_MAX), now);
        if content == 0 {
            return Ok(());
        }
        if let Giving::Image { image, .. } = &self.giving {
            self.buffer.resize(content, 0);
            image.read_at(at, &mut self.buffer).map_err(|error| NotGiven(error.to_string()))?;
        }
        pace.spend(content, now);
        Message::Bytes { request, at, content }.emit(&mut self.outgoing);
        self.chunk = Some(Chunk { at, left: content });
        Ok(())
    }

    /// One write: what is queued before the chunk, and the chunk's content behind it.
    fn write(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        let Self { outgoing, sent, log, giving, chunk, buffer, .. } = self;
        let queued = &outgoing[*sent..];
        let content: &[u8] = match (&*chunk, &mut *giving, log) {
            (Some(chunk), Giving::Log { .. }, Some(log)) => {
                let rest = log.bytes_at(Position(chunk.at)).map_err(io::Error::other)?;
                &rest[..chunk.left.min(rest.len())]
            }
            (Some(chunk), ..) => &buffer[buffer.len() - chunk.left..],
            (None, ..) => &[],
        };
        let bytes = socket.write_vectored(&[IoSlice::new(queued), IoSlice::new(content)])?;
        let of_queue = bytes.min(queued.len());
        let of_content = bytes - of_queue;
        *sent += of_queue;
        if *sent == outgoing.len() {
            outgoing.clear();
            *sent = 0;
        }
        if let Some(there) = chunk {
            there.at += of_content as u64;
            there.left -= of_content;
            let (at, is_gone) = (there.at, there.left == 0);
            match giving {
                Giving::Log { at: log_at } => *log_at = Position(at),
                Giving::Image { at: image_at, .. } => *image_at = at,
                Giving::Nothing => {}
            }
            if is_gone {
                *chunk = None;
                if matches!(giving, Giving::Image { image, at } if *at == image.bytes) {
                    *giving = Giving::Nothing;
                }
            }
        }
        self.given_bytes += of_content as u64;
        Ok(bytes)
    }
}
