//! The loop that publishes the feed: from committed events, by the feed's logs, to datagrams.
//!
//! ```text
//!   event store ─▶ Feed ─▶ a log for each channel ─▶ its lines ═▶ A, B
//!                                    ▲                  │
//!                                    └── committed ─────┘
//! ```
//!
//! Nothing is read from the store while messages of the last reading wait, for a log or for the
//! network, so what is kept here is bounded by one reading: its largest part is the start of a
//! session, which repeats every definition and every order.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use isochron_events::{DecodeError, Message as LogMessage};
use isochron_feeds::channel::Channel;
use isochron_feeds::limits as feed_limits;
use isochron_feeds::mold::Session;

use super::broadcast::Outlet;
use super::channels::{ChannelError, Channels};
use super::counters::FeedCounters;
use super::feed::{Feed, Output};
use super::hearing::{Ear, Voice};
use super::logs::{LogAgent, Logs};
use super::plan::Plan;
use crate::agent::{Agent, StopFlag};
use crate::feed_log::{FeedLogOptions, Origin, sessions};
use crate::limits::{DATAGRAM_BYTES_MAX, UNCOMMITTED_BYTES_DEFAULT};
use crate::metrics::Counters;
use crate::net::{Datagram, Endpoint, Receiver, Sender};
use crate::store::{
    Disk, LogPlace, OpenError, Options as StoreOptions, ReadError, Registration, StoreReader,
    StoredFrame,
};
use crate::types::{Nanos, Position};

/// Messages read from the store in one cycle: some 20 datagrams, so that the first of them does
/// not wait long for the last.
const FRAMES_PER_CYCLE: usize = 256;

/// Cycles without progress after which closing gives up what the network does not take.
const CLOSE_CYCLES_MAX: usize = 100_000;

/// What a silent publisher asks for to listen with: some milliseconds of the highest rate.
const EAR_BYTES: usize = 4 * 1024 * 1024;

/// How often the log is told what it need not keep for the feed.
const PASS_INTERVAL_NS: u64 = 50_000_000;

/// Bytes of one file of a feed log, and days that old ones are kept, where nothing is configured.
const LOG_TERM_BYTES_DEFAULT: usize = 8 * 1024 * 1024;
const LOG_DAYS_DEFAULT: u32 = 7;

/// The feed's name among the registered readers.
pub const FEED_READER: &str = "feed";

const _: () = assert!(DATAGRAM_BYTES_MAX == feed_limits::DATAGRAM_BYTES_MAX);

/// What is published, and where it goes.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Which products.
    pub plan: Plan,
    /// Group and port of channel 0 on line A, and its interface.
    pub line_a: Endpoint,
    /// The same of line B, where there is one.
    pub line_b: Option<Endpoint>,
    /// Routers that a datagram may pass, less one; 0 stays on this machine.
    pub ttl: u32,
    /// The feed's logs.
    pub log: FeedLogOptions,
    /// Days that the logs of ended sessions are kept beside the newest.
    pub log_days: u32,
    /// When set, the agent publishes what is committed, then ends the sessions and repeats that
    /// once a second until it is closed. Without it they go on with the next publisher.
    pub end: StopFlag,
    /// Whether it speaks. While it is silent it listens on the lines instead, and takes what it
    /// heard for sent; `end` has no effect then.
    pub voice: Voice,
}

impl FeedOptions {
    /// The L3 feed alone, beside an event store, on line A alone and this machine alone.
    #[must_use]
    pub fn new(store: &StoreOptions, line_a: Endpoint) -> Self {
        Self {
            plan: Plan::default(),
            line_a,
            line_b: None,
            ttl: 0,
            log: FeedLogOptions {
                store: store.directory.clone(),
                identity: store.identity.clone(),
                term_bytes: LOG_TERM_BYTES_DEFAULT,
                unsent_bytes_max: UNCOMMITTED_BYTES_DEFAULT,
            },
            log_days: LOG_DAYS_DEFAULT,
            end: StopFlag::new(),
            voice: Voice::speaking(),
        }
    }

    /// The line, by its channel 0, on which a channel is at an endpoint; `None` where there is no
    /// such group or port.
    #[must_use]
    pub fn line_with(channel: Channel, endpoint: Endpoint) -> Option<Endpoint> {
        let number = channel.number();
        let group = u32::from(endpoint.group).checked_sub(u32::from(number))?.into();
        let port = endpoint.port.checked_sub(number)?;
        Some(Endpoint { group, port, ..endpoint })
    }

    /// Where a channel goes on each line; `None` where one has no such group or port.
    #[must_use]
    pub fn endpoints(&self, channel: Channel) -> Option<Vec<Endpoint>> {
        let lines = std::iter::once(self.line_a).chain(self.line_b);
        lines
            .map(|line| {
                let (group, port) = channel.address(line.group, line.port)?;
                Some(Endpoint { group, port, interface: line.interface })
            })
            .collect()
    }
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
    /// A session cannot go on.
    Channel {
        /// Its name.
        session: Session,
        /// Why not.
        error: ChannelError,
    },
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the feed cannot read the log: {error}"),
            Self::Decode { position, error } => {
                write!(f, "the feed cannot read the message at {position}: {error}")
            }
            Self::Channel { session, error } => {
                write!(f, "the feed's session {session} cannot go on: {error}")
            }
        }
    }
}

impl std::error::Error for FeedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Decode { error, .. } => Some(error),
            Self::Channel { error, .. } => Some(error),
        }
    }
}

impl Ear for Receiver {
    fn listen(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        self.recv_batch(each)
    }
}

impl Outlet for Sender {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        self.send_datagrams(datagrams)
    }
}

/// Something made that its channel has not taken yet.
enum Pending {
    Session(Session),
    /// A message of so many bytes.
    Message(usize),
}

/// What waits for its log, in order.
#[derive(Default)]
struct Backlog {
    items: VecDeque<(Channel, Pending, Origin)>,
    bytes: VecDeque<u8>,
}

impl Backlog {
    fn push(&mut self, output: Output<'_>, origin: Origin) {
        match output {
            Output::Session { channel, session } => {
                self.items.push_back((channel, Pending::Session(session), origin));
            }
            Output::Message { channel, bytes } => {
                self.items.push_back((channel, Pending::Message(bytes.len()), origin));
                self.bytes.extend(bytes);
            }
        }
    }

    /// Gives the channels what they take of it.
    fn unload(
        &mut self,
        channels: &mut Channels<Sender>,
        now: Nanos,
    ) -> Result<usize, (Session, ChannelError)> {
        let before = self.items.len();
        while let Some((channel, pending, origin)) = self.items.front() {
            let taken = match *pending {
                Pending::Session(session) => channels.begin(*channel, session, now),
                Pending::Message(bytes) => {
                    let message = &self.bytes.make_contiguous()[..bytes];
                    let taken = channels.push(*channel, message, *origin)?;
                    if taken {
                        self.bytes.drain(..bytes);
                    }
                    taken
                }
            };
            if !taken {
                break;
            }
            self.items.pop_front();
        }
        Ok(before - self.items.len())
    }
}

/// A position of the event log that is done with once the feed's logs are durable to here.
struct Passing {
    position: Position,
    written: Vec<(Session, Position)>,
}

/// Publishes every product of the plan on its lines.
pub struct FeedAgent {
    reader: StoreReader,
    /// Where it is to begin, until it has.
    begins_at: Option<LogPlace>,
    core: Feed,
    channels: Channels<Sender>,
    backlog: Backlog,
    registration: Registration,
    passing: Option<Passing>,
    pass_due_ns: u64,
    /// Whether the end of the log was reached once: before, there is nothing to say in silence.
    caught_up: bool,
    sent_to: Position,
    end: StopFlag,
    end_said: bool,
    voice: Voice,
    /// Whether it speaks now.
    speaks: bool,
    now: Nanos,
    fault: Option<FeedError>,
    send_error: Option<io::Error>,
    counters: FeedCounters,
}

/// Registers as the one who publishes the feed of a store, before anything is changed.
///
/// # Errors
/// Another process publishes it, or the system refuses.
pub fn register(disk: &dyn Disk, store: &Path) -> Result<Registration, OpenError> {
    Registration::open(disk, store, FEED_READER, Position(0))
}

impl FeedAgent {
    /// The feed of a log that is read from its beginning, where `reader` stands, and the agent
    /// that works for its logs, which is run beside it. What is logged already is made again and
    /// compared; of that, what is not known to be sent is sent again.
    ///
    /// # Errors
    /// The folder of the logs cannot be read.
    ///
    /// # Panics
    /// If the feed's counters have another writer.
    pub fn open(
        disk: Arc<dyn Disk>,
        reader: StoreReader,
        registration: Registration,
        options: &FeedOptions,
        counters: &Counters,
    ) -> Result<(FeedAgent, LogAgent), OpenError> {
        let logged = sessions(&*disk, &options.log.store)?;
        let (logs, log_agent) = Logs::new(disk, options.log.clone(), options.log_days);
        let lines = options.clone();
        let open_lines = move |channel| {
            let endpoints = lines.endpoints(channel).ok_or(ChannelError::Address)?;
            let open = |endpoint| Sender::open(endpoint, lines.ttl).map_err(ChannelError::Line);
            endpoints.into_iter().map(open).collect()
        };
        let lines = options.clone();
        let open_ears = move |channel| {
            let endpoints = lines.endpoints(channel).ok_or(ChannelError::Address)?;
            let open = |endpoint| match Receiver::open(endpoint, EAR_BYTES) {
                Ok(ear) => Ok(Box::new(ear) as Box<dyn Ear>),
                Err(error) => Err(ChannelError::Line(error)),
            };
            endpoints.into_iter().map(open).collect()
        };
        let feed = FeedAgent {
            reader,
            begins_at: None,
            core: Feed::new(&options.plan),
            channels: Channels::new(logs, &logged, Box::new(open_lines), Box::new(open_ears)),
            backlog: Backlog::default(),
            registration,
            passing: None,
            pass_due_ns: 0,
            caught_up: false,
            sent_to: Position(0),
            end: options.end.clone(),
            end_said: false,
            voice: options.voice.clone(),
            speaks: true,
            now: Nanos(0),
            fault: None,
            send_error: None,
            counters: FeedCounters::new(counters),
        };
        Ok((feed, log_agent))
    }

    /// Goes on with a feed that was restored from a snapshot, in place of that of an empty log:
    /// from the snapshot's place in the log, as soon as that is known to be committed.
    #[must_use]
    pub fn resume(mut self, core: Feed, place: LogPlace) -> Self {
        core.channels().for_each(|open| self.channels.resume(open));
        (self.core, self.begins_at) = (core, Some(place));
        self
    }

    /// Why it stopped; `None` as long as it goes on.
    #[must_use]
    pub fn fault(&self) -> Option<&FeedError> {
        self.fault.as_ref()
    }

    /// The last refusal of the network. Nothing is lost by it while another line works: what was
    /// refused is offered again.
    #[must_use]
    pub fn send_error(&self) -> Option<&io::Error> {
        self.send_error.as_ref()
    }

    /// The feed's core: books and anomalies.
    #[must_use]
    pub fn core(&self) -> &Feed {
        &self.core
    }

    /// The sessions that are written, and the number of each one's next message.
    pub fn sessions(&self) -> impl Iterator<Item = (Session, u64)> + '_ {
        self.channels.sessions()
    }

    /// Everything made of events before it was handed over on all lines.
    #[must_use]
    pub fn sent_to(&self) -> Position {
        self.sent_to
    }

    /// Where the log was read to.
    #[must_use]
    pub fn position(&self) -> Position {
        self.reader.position()
    }

    /// Closes the logs, so that all is durable: the last that is done with it. It waits for the
    /// disk. Without it the next start finds them as after the death of the process.
    pub fn close(&mut self) {
        self.channels.close();
    }

    /// Goes to where it is to begin; whether it is there.
    fn has_begun(&mut self) -> bool {
        let Some(LogPlace { position, chain }) = self.begins_at else { return true };
        match self.reader.seek(position, Some(chain)) {
            Ok(()) => self.begins_at = None,
            Err(ReadError::Beyond { .. }) => {}
            Err(error) => self.fault = Some(FeedError::Read(error)),
        }
        self.begins_at.is_none()
    }

    fn read(&mut self) -> usize {
        let Self { core, channels, backlog, now, .. } = self;
        let mut error = None;
        let read = self.reader.poll(FRAMES_PER_CYCLE, |frame| {
            if error.is_none() {
                error = on_frame(core, channels, backlog, frame, *now).err();
            }
        });
        match (read, error) {
            (_, Some(error)) => self.fault = Some(error),
            (Ok(frames), None) => return frames,
            (Err(error), None) => self.fault = Some(FeedError::Read(error)),
        }
        0
    }

    /// Logs what was read and sends what is logged; how much was done, and whether nothing waits.
    fn publish(&mut self) -> Result<(usize, bool), (Session, ChannelError)> {
        let speaks_from = self.voice.speaks_from();
        self.speaks &= speaks_from.is_some();
        let mut work = self.channels.poll(self.now)?;
        if !self.speaks {
            work += self.channels.listen()?;
        }
        work += self.backlog.unload(&mut self.channels, self.now)?;
        let flushed = self.channels.flush();
        let sent = self.channels.send(self.now)?;
        let is_sent = self.channels.is_sent();
        let nothing_waits = flushed && is_sent && self.backlog.items.is_empty();
        if let Some(from) = speaks_from.filter(|_| !self.speaks) {
            // What was heard of the publisher before is passed in silence, until a message comes
            // that nobody heard, or all that could be another's is passed.
            let is_unheard = sent == 0 && !is_sent;
            if is_unheard || (nothing_waits && self.reader.position() >= from) {
                self.speaks = true;
                self.channels.speak();
                work += 1;
            }
        }
        Ok((work + sent, nothing_waits))
    }

    /// What the lines' sockets count themselves.
    fn count_calls(&mut self) {
        self.counters.segmented.set(self.channels.outlets(Sender::segmented));
        self.counters.calls.set(self.channels.outlets(Sender::calls));
    }

    /// The event log need not keep what is durable in the feed's logs.
    fn pass(&mut self) {
        if self.now.get() < self.pass_due_ns || self.begins_at.is_some() {
            return;
        }
        self.pass_due_ns = self.now.get() + PASS_INTERVAL_NS;
        self.count_calls();
        if let Some(passing) = &self.passing {
            if !self.channels.is_synced(&passing.written) {
                return;
            }
            self.registration.pass(passing.position);
        }
        let written = self.channels.written();
        self.passing = Some(Passing { position: self.reader.position(), written });
    }
}

/// What one message of the log leads to.
fn on_frame(
    core: &mut Feed,
    channels: &mut Channels<Sender>,
    backlog: &mut Backlog,
    frame: &StoredFrame<'_>,
    now: Nanos,
) -> Result<(), FeedError> {
    let (position, epoch) = (frame.position, frame.epoch);
    let event =
        LogMessage::decode(frame.message).map_err(|error| FeedError::Decode { position, error })?;
    let header = event.header();
    let (time, cause) = (Nanos(header.timestamp), header.cause);
    let origin = Origin { position, epoch, time, cause };
    let mut fault = None;
    core.on_event(&event, &mut |output| {
        if backlog.items.is_empty() && fault.is_none() {
            let taken = match output {
                Output::Session { channel, session } => Ok(channels.begin(channel, session, now)),
                Output::Message { channel, bytes } => channels.push(channel, bytes, origin),
            };
            match taken {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => fault = Some(error),
            }
        }
        backlog.push(output, origin);
    });
    match fault {
        None => Ok(()),
        Some((session, error)) => Err(FeedError::Channel { session, error }),
    }
}

impl Agent for FeedAgent {
    fn name(&self) -> &str {
        "feed"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.now = now;
        if self.fault.is_some() {
            // A feed that stopped must not seem alive: its lines fall silent.
            return 0;
        }
        let ending = self.end.is_stopped() && self.voice.speaks();
        let (mut work, mut nothing_more) = (0, false);
        let may_read = self.backlog.items.is_empty() && self.channels.is_sent() && !self.end_said;
        if may_read && self.has_begun() {
            work = self.read();
            self.caught_up |= work < FRAMES_PER_CYCLE;
            nothing_more = ending && work == 0 && self.fault.is_none();
        }
        let nothing_waits = match self.publish() {
            Ok((done, nothing_waits)) => {
                work += done;
                nothing_waits
            }
            Err((session, error)) => {
                self.fault = Some(FeedError::Channel { session, error });
                false
            }
        };
        if nothing_waits {
            self.sent_to = self.reader.position();
            self.counters.position.set(self.sent_to.0);
            self.pass();
            if nothing_more && !self.end_said {
                self.end_said = self.channels.end();
                work += 1;
            }
        }
        if self.caught_up && self.speaks && self.fault.is_none() {
            work += self.channels.keep_alive(now);
        }
        if let Some(error) = self.channels.take_error() {
            self.send_error = Some(error);
        }
        self.counters.add(&mut self.channels);
        work
    }

    fn failure(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }

    fn on_close(&mut self) {
        for _ in 0..CLOSE_CYCLES_MAX {
            let idle = self.do_work(self.now) == 0;
            // What a silent one did not hear may be said by nobody.
            let done = self.backlog.items.is_empty() && self.channels.is_sent();
            if idle && (done || !self.speaks) {
                break;
            }
            std::thread::yield_now();
        }
        if self.end_said {
            // The last word once more: a receiver that was full may have missed it.
            let later = Nanos(self.now.get() + 2 * super::broadcast::RETRY_NS);
            self.channels.keep_alive(later);
            self.counters.add(&mut self.channels);
        }
        self.count_calls();
    }
}
