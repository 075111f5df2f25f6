//! The loop that publishes the feed: from committed events to datagrams.
//!
//! Nothing is read from the store while messages of the last reading wait for the network, so
//! what is kept here is bounded by one reading: its largest part is the start of a session,
//! which repeats every definition.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use isochron_events::{DecodeError, Message as LogMessage};
use isochron_feeds::limits as feed_limits;
use isochron_feeds::mold::{Kind, Session};
use isochron_feeds::publisher::{PublishError, Publisher};

use super::CHANNEL_L3;
use super::feed::{Feed, Output};
use super::plan::Plan;
use super::sent::{Mark, Sent};
use crate::agent::{Agent, StopFlag};
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::metrics::{Counter, CounterWriter, Counters};
use crate::net::{BATCH_DATAGRAMS_MAX, Endpoint, OpenError, Sender};
use crate::store::{ReadError, StoreReader};
use crate::types::{Epoch, Nanos, Position};

/// Messages read from the store in one cycle: some 20 datagrams, so that the first of them does
/// not wait long for the last.
const FRAMES_PER_CYCLE: usize = 256;

/// How long the end of a session is repeated after the next one has begun.
const END_REPEATED_NS: u64 = 60_000_000_000;

/// Cycles without progress after which closing gives up what the network does not take.
const CLOSE_CYCLES_MAX: usize = 100_000;

const _: () = assert!(DATAGRAM_BYTES_MAX == feed_limits::DATAGRAM_BYTES_MAX);

/// Where the feed goes.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Group, port and interface of line A.
    pub line_a: Endpoint,
    /// Routers that a datagram may pass, less one; 0 stays on this machine.
    pub ttl: u32,
    /// When set, the agent publishes what is committed, then ends the session and repeats that
    /// once a second until it is closed. Without it the session goes on with the next publisher.
    pub end: StopFlag,
}

/// Why the feed stopped.
#[derive(Debug)]
pub enum FeedError {
    /// The store gave no more.
    Read(ReadError),
    /// A message in the log is not of this program's schema.
    Decode {
        /// Where its frame begins.
        position: Position,
        /// What is wrong with it.
        error: DecodeError,
    },
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the feed cannot read the log: {error}"),
            Self::Decode { position, error } => {
                write!(f, "the feed cannot read the message at {position}: {error}")
            }
        }
    }
}

impl std::error::Error for FeedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Decode { error, .. } => Some(error),
        }
    }
}

/// Something read that is not with the publisher yet.
enum Pending {
    Session(Session),
    /// A message of so many bytes, made of the event at a position, of an epoch.
    Message {
        bytes: usize,
        position: Position,
        epoch: Epoch,
    },
}

/// What was read and waits for the publisher, in order.
#[derive(Default)]
struct Backlog {
    items: VecDeque<Pending>,
    bytes: Vec<u8>,
    taken: usize,
}

impl Backlog {
    fn push(&mut self, output: Output<'_>, position: Position, epoch: Epoch) {
        match output {
            Output::Session { channel: CHANNEL_L3, session } => {
                self.items.push_back(Pending::Session(session));
            }
            Output::Message { channel: CHANNEL_L3, bytes: message } => {
                self.items.push_back(Pending::Message { bytes: message.len(), position, epoch });
                self.bytes.extend_from_slice(message);
            }
            _ => {}
        }
    }

    /// The first item is done with.
    fn pop(&mut self) {
        if let Some(Pending::Message { bytes, .. }) = self.items.pop_front() {
            self.taken += bytes;
        }
        if self.items.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
    }
}

struct FeedCounters {
    messages: CounterWriter,
    datagrams: CounterWriter,
    heartbeats: CounterWriter,
    send_waits: CounterWriter,
    position: CounterWriter,
}

/// Publishes the L3 feed on line A.
pub struct FeedAgent {
    reader: StoreReader,
    core: Feed,
    backlog: Backlog,
    publisher: Option<Publisher>,
    /// The session before, whose end is repeated until then.
    ended: Option<(Publisher, u64)>,
    sender: Sender,
    sent: Option<Sent>,
    /// The position before which everything was sent, and the epoch of the last event read.
    sent_to: Position,
    epoch: Epoch,
    /// Whether the end of the log was reached once: before, there is nothing to say in silence.
    caught_up: bool,
    end: StopFlag,
    end_said: bool,
    now: Nanos,
    fault: Option<FeedError>,
    send_error: Option<io::Error>,
    counters: FeedCounters,
}

impl FeedAgent {
    /// Opens the socket. `reader` stands at the beginning of the log. What `sent` says was sent is
    /// numbered and not sent again; without it, everything is sent.
    ///
    /// # Errors
    /// Where the group, the interface or the system refuses.
    ///
    /// # Panics
    /// If the feed's counters have another writer.
    pub fn open(
        reader: StoreReader,
        options: &FeedOptions,
        sent: Option<Sent>,
        counters: &Counters,
    ) -> Result<FeedAgent, OpenError> {
        Ok(FeedAgent {
            reader,
            core: Feed::new(&Plan::default()),
            backlog: Backlog::default(),
            publisher: None,
            ended: None,
            sender: Sender::open(options.line_a, options.ttl)?,
            sent,
            sent_to: Position(0),
            epoch: Epoch(0),
            caught_up: false,
            end: options.end.clone(),
            end_said: false,
            now: Nanos(0),
            fault: None,
            send_error: None,
            counters: FeedCounters {
                messages: counters.writer(Counter::FEED_MESSAGES),
                datagrams: counters.writer(Counter::FEED_DATAGRAMS),
                heartbeats: counters.writer(Counter::FEED_HEARTBEATS),
                send_waits: counters.writer(Counter::FEED_SEND_WAITS),
                position: counters.writer(Counter::FEED_POSITION),
            },
        })
    }

    /// Goes on with a feed that was restored from a snapshot, in place of that of an empty log;
    /// `reader` stands where the snapshot does.
    #[must_use]
    pub fn resume(mut self, core: Feed, now: Nanos) -> Self {
        self.publisher = core
            .channel(CHANNEL_L3)
            .map(|open| Publisher::new(open.session, open.next_sequence, now.get()));
        self.core = core;
        self
    }

    /// Why it stopped; `None` as long as it goes on.
    #[must_use]
    pub fn fault(&self) -> Option<&FeedError> {
        self.fault.as_ref()
    }

    /// The last refusal of the network. Nothing is lost by it: what was refused is offered again.
    #[must_use]
    pub fn send_error(&self) -> Option<&io::Error> {
        self.send_error.as_ref()
    }

    /// The feed's core: session, books and anomalies.
    #[must_use]
    pub fn core(&self) -> &Feed {
        &self.core
    }

    /// The number that the session's next message will have; 0 before there is a session.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.publisher.as_ref().map_or(0, Publisher::next_sequence)
    }

    /// Where the log was read to.
    #[must_use]
    pub fn position(&self) -> Position {
        self.reader.position()
    }

    fn read(&mut self) -> usize {
        let Self { core, backlog, epoch, .. } = self;
        let mut decode_error = None;
        let read = self.reader.poll(FRAMES_PER_CYCLE, |frame| {
            *epoch = frame.epoch;
            match LogMessage::decode(frame.message) {
                Ok(event) => core.on_event(&event, &mut |output| {
                    backlog.push(output, frame.position, frame.epoch);
                }),
                Err(error) => {
                    let position = frame.position;
                    decode_error.get_or_insert(FeedError::Decode { position, error });
                }
            }
        });
        match read {
            Ok(_) if decode_error.is_some() => self.fault = decode_error,
            Ok(frames) => return frames,
            Err(error) => self.fault = Some(FeedError::Read(error)),
        }
        0
    }

    /// Gives the publisher what it takes of the backlog.
    fn pack(&mut self) -> usize {
        let mut packed = 0;
        let Self { backlog, publisher, now, .. } = self;
        let before = self.sent.as_ref().and_then(|sent| sent.before);
        while let Some(pending) = backlog.items.front() {
            match *pending {
                Pending::Session(session) => {
                    if publisher.as_ref().is_some_and(|publisher| publisher.ready() > 0) {
                        break;
                    }
                    let last = publisher.replace(Publisher::new(session, 1, now.0));
                    // One that ended before this publisher began was ended by another.
                    if let Some(mut last) = last.filter(|_| self.caught_up) {
                        last.on_end(now.0);
                        self.ended = Some((last, now.0 + END_REPEATED_NS));
                    }
                }
                Pending::Message { bytes, position, epoch } => {
                    let publisher = publisher.as_mut().expect("a message follows its session");
                    let message = &backlog.bytes[backlog.taken..backlog.taken + bytes];
                    let (session, sequence) = (publisher.session(), publisher.next_sequence());
                    if before.is_some_and(|mark| mark.covers(session, sequence, position, epoch)) {
                        publisher.skip();
                    } else {
                        match publisher.on_message(message) {
                            Err(PublishError::Full) => break,
                            taken => taken.expect("a short message of a session that goes on"),
                        };
                        self.counters.messages.add(1);
                    }
                }
            }
            backlog.pop();
            packed += 1;
        }
        packed
    }

    /// Sends what is ready; whether the network took all of it.
    fn send(&mut self) -> bool {
        let Some(publisher) = &mut self.publisher else { return true };
        while publisher.ready() > 0 {
            let mut batch = [&[][..]; BATCH_DATAGRAMS_MAX];
            let offered = publisher.ready_batch(&mut batch);
            let sent = self.sender.send_batch(&batch[..offered]).unwrap_or_else(|error| {
                self.send_error = Some(error);
                0
            });
            publisher.on_sent(sent, self.now.0);
            self.counters.datagrams.add(sent as u64);
            if sent < offered {
                self.counters.send_waits.add(1);
                return false;
            }
        }
        true
    }

    /// Notes how far was sent: nothing waits for the network now.
    fn note(&mut self) {
        let (Some(sent), Some(publisher)) = (&mut self.sent, &self.publisher) else { return };
        let (session, next_sequence) = (publisher.session(), publisher.next_sequence());
        let mark = Mark { session, next_sequence, position: self.sent_to, epoch: self.epoch };
        // While what was sent before is gone through, the note stays.
        let is_behind = |before: Mark| {
            let in_session = session == before.session && next_sequence < before.next_sequence;
            mark.epoch <= before.epoch && (mark.position < before.position || in_session)
        };
        if !sent.before.is_some_and(is_behind) {
            sent.set(mark);
        }
    }

    /// Whether all that was read was sent.
    fn is_drained(&self) -> bool {
        let ready = self.publisher.as_ref().map_or(0, Publisher::ready);
        self.backlog.items.is_empty() && ready == 0
    }

    /// Sends a heartbeat or an end of session where one is due.
    fn keep_alive(&mut self) -> usize {
        let mut sent = 0;
        self.ended.take_if(|(_, until_ns)| *until_ns < self.now.0);
        let before = self.ended.as_mut().map(|(publisher, _)| publisher);
        for publisher in before.into_iter().chain(&mut self.publisher) {
            let Some(datagram) = publisher.poll_datagram(self.now.0) else { continue };
            debug_assert_ne!(datagram.kind, Kind::Data, "messages were sent before");
            match self.sender.send_batch(&[datagram.bytes]) {
                Ok(count) => sent += count,
                Err(error) => self.send_error = Some(error),
            }
        }
        self.counters.datagrams.add(sent as u64);
        self.counters.heartbeats.add(sent as u64);
        sent
    }
}

impl Agent for FeedAgent {
    fn name(&self) -> &str {
        "feed"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.now = now;
        let ending = self.end.is_stopped();
        let mut work = 0;
        if self.backlog.items.is_empty() && self.fault.is_none() && !self.end_said {
            let read = self.read();
            self.caught_up |= read < FRAMES_PER_CYCLE;
            work += read;
        }
        let nothing_more = ending && work == 0;
        work += self.pack();
        if !self.send() {
            return work;
        }
        if self.backlog.items.is_empty() {
            self.sent_to = self.reader.position();
            self.counters.position.set(self.reader.position().0);
            if nothing_more && let Some(publisher) = &mut self.publisher {
                publisher.on_end(now.0);
                self.end_said = true;
            }
        }
        self.note();
        // A feed that stopped must not seem alive: its lines fall silent.
        work + if self.fault.is_none() && self.caught_up { self.keep_alive() } else { 0 }
    }

    fn failure(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }

    fn on_close(&mut self) {
        for _ in 0..CLOSE_CYCLES_MAX {
            if self.do_work(self.now) == 0 && self.is_drained() {
                break;
            }
            std::thread::yield_now();
        }
        // The last word once more: a receiver that was full may have missed it.
        if let Some(publisher) = &mut self.publisher {
            let after = self.now.0 + END_REPEATED_NS;
            if let Some(end) = publisher.poll_datagram(after)
                && end.kind == Kind::EndOfSession
            {
                let sent = self.sender.send_batch(&[end.bytes]).unwrap_or(0);
                self.counters.datagrams.add(sent as u64);
            }
        }
    }
}
