//! The channels of the feed: what the core makes goes into each one's log, once.
//!
//! ```text
//!   core ── message ──▶ made before? ── no ──▶ the log's next record
//!                          │
//!                          └─ yes: the same bytes? ── no ──▶ a fault: it is never sent
//! ```
//!
//! The core numbers its messages from the log of events alone, so after a restart it makes some
//! again that are logged already. A session that has a later one beside it is over: its messages
//! are made again and passed over.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;
use isochron_recovery::SequencedLog;

use super::broadcast::{Broadcast, Outlet, Sent, Tally};
use super::feed::OpenChannel;
use super::hearing::{Ear, Hearing};
use super::logs::{Logs, Opened};
use crate::feed_log::{FeedLog, FeedLogError, FeedLogWriter, LoggedSession, Origin};
use crate::net::OpenError;
use crate::types::{Nanos, Position};

/// How long the end of a session is repeated after the next one has begun.
const END_REPEATED_NS: u64 = 60_000_000_000;

/// Why a channel cannot go on.
#[derive(Debug)]
pub enum ChannelError {
    /// Its log cannot be used.
    Log(FeedLogError),
    /// A message that was made again is another one than was logged.
    Differs {
        /// Its number.
        sequence: u64,
    },
    /// The log ends before the first message that is made: some are missing in between.
    Hole {
        /// The log's next number.
        logged: u64,
        /// The number of the message made.
        made: u64,
    },
    /// A line of it cannot be opened.
    Line(OpenError),
    /// Its group or port is beyond the last.
    Address,
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => write!(f, "its log: {error}"),
            Self::Differs { sequence } => write!(
                f,
                "message {sequence} is made otherwise now than it was logged, and perhaps sent"
            ),
            Self::Hole { logged, made } => {
                write!(f, "its log ends before message {logged}, and {made} is the next one made")
            }
            Self::Line(error) => write!(f, "{error}"),
            Self::Address => write!(f, "its group or its port is beyond the last"),
        }
    }
}

impl std::error::Error for ChannelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            Self::Line(error) => Some(error),
            Self::Differs { .. } | Self::Hole { .. } | Self::Address => None,
        }
    }
}

/// A session's log and lines.
struct Live<O> {
    writer: FeedLogWriter,
    broadcast: Broadcast<O>,
    /// What is logged already, as long as the core makes it again.
    written: Option<FeedLog>,
    /// The event that its last message was made of.
    origin: Origin,
}

/// How a channel's session stands.
enum Stage<O> {
    /// A later one is beside it.
    Over,
    /// Its log is not there yet.
    Opening,
    /// It is written and sent.
    Live(Box<Live<O>>),
}

struct State<O> {
    session: Session,
    /// The number of the message that the core makes next.
    made: u64,
    stage: Stage<O>,
}

/// Opens the lines of a channel.
pub(super) type OpenLines<O> = Box<dyn Fn(Channel) -> Result<Vec<O>, ChannelError> + Send>;

/// Opens the ears of a channel, one for each of its lines.
pub(super) type OpenEars = Box<dyn Fn(Channel) -> Result<Vec<Box<dyn Ear>>, ChannelError> + Send>;

/// All channels. Calling order: `poll` for logs that were opened; `listen` while it is silent, and
/// `speak` when it is not any more; `begin` and `push` what the core makes; `flush`; `send`.
pub(super) struct Channels<O> {
    logs: Logs,
    open_lines: OpenLines<O>,
    open_ears: OpenEars,
    /// Of a silent publisher: by number, and the system's last refusal.
    hearing: BTreeMap<u16, Hearing>,
    hearing_error: Option<std::io::Error>,
    /// The newest session of each channel that has a log.
    newest: BTreeMap<Channel, Session>,
    /// By number.
    states: Vec<Option<Box<State<O>>>>,
    /// The numbers that are there.
    numbers: Vec<u16>,
    /// Sessions before, whose end is repeated until then.
    ended: Vec<(Broadcast<O>, Position, u64)>,
    /// Batches sent: which line is first, and which channel, follows from it.
    batches: usize,
    /// Messages that were made again and found as they were logged, since they were last taken.
    pub(super) compared: u64,
    /// Messages logged.
    pub(super) logged: u64,
    /// Times a log took nothing.
    pub(super) waits: u64,
    pub(super) tally: Tally,
}

impl<O: Outlet> Channels<O> {
    pub(super) fn new(
        logs: Logs,
        logged: &[LoggedSession],
        open_lines: OpenLines<O>,
        open_ears: OpenEars,
    ) -> Self {
        // By channel and day: the last of each is the newest.
        let newest = logged.iter().map(|logged| (logged.channel, logged.session)).collect();
        Self {
            logs,
            open_lines,
            open_ears,
            hearing: BTreeMap::new(),
            hearing_error: None,
            newest,
            states: Vec::new(),
            numbers: Vec::new(),
            ended: Vec::new(),
            batches: 0,
            compared: 0,
            logged: 0,
            waits: 0,
            tally: Tally::default(),
        }
    }

    /// Hears what another publisher sends, and counts that as sent; the lines are silent from now
    /// on. How many datagrams were heard.
    ///
    /// # Errors
    /// A line cannot be listened on.
    pub(super) fn listen(&mut self) -> Result<usize, (Session, ChannelError)> {
        let mut heard = 0;
        for state in self.states.iter_mut().flatten() {
            let Some(channel) = Channel::of_session(state.session) else { continue };
            let hearing = match self.hearing.entry(channel.number()) {
                Entry::Occupied(hearing) => hearing.into_mut(),
                Entry::Vacant(place) => {
                    let ears = (self.open_ears)(channel).map_err(|error| (state.session, error))?;
                    place.insert(Hearing::new(channel, ears))
                }
            };
            let (datagrams, refused) = hearing.listen();
            heard += datagrams;
            self.hearing_error = refused.or(self.hearing_error.take());
            if let Stage::Live(live) = &mut state.stage {
                live.broadcast.set_heard(Some(hearing.of(state.session)));
            }
        }
        Ok(heard)
    }

    /// Speaks from now on: what was not heard is sent.
    pub(super) fn speak(&mut self) {
        self.hearing.clear();
        self.live().for_each(|live| live.broadcast.set_heard(None));
        self.ended.iter_mut().for_each(|(broadcast, ..)| broadcast.set_heard(None));
    }

    /// Goes on with a channel of a core that was restored.
    pub(super) fn resume(&mut self, open: OpenChannel) {
        let OpenChannel { channel, session, next_sequence } = open;
        self.set(channel, session, next_sequence);
    }

    /// Begins a channel's session; false where it must be asked again, because the session before
    /// is not sent to its end yet.
    pub(super) fn begin(&mut self, channel: Channel, session: Session, now: Nanos) -> bool {
        let number = usize::from(channel.number());
        if let Some(state) = self.states.get_mut(number).and_then(Option::as_mut) {
            match &mut state.stage {
                Stage::Over => {}
                Stage::Opening => return false,
                Stage::Live(live) => {
                    if live.writer.end(live.origin).is_err() {
                        self.waits += 1;
                        return false;
                    }
                    // A session has a log only when the one before it was sent to its end: so
                    // that nobody has to look at that one again.
                    if live.broadcast.sent_to() < live.writer.position() {
                        return false;
                    }
                    self.retire(number, now);
                }
            }
        }
        self.set(channel, session, 1);
        true
    }

    /// A session that was sent to its end makes room for the next.
    fn retire(&mut self, number: usize, now: Nanos) {
        let Some(state) = self.states[number].take() else { return };
        if let Stage::Live(live) = state.stage {
            let Live { mut writer, broadcast, .. } = *live;
            let position = writer.position();
            commit(&mut writer, &broadcast);
            self.logs.close(writer);
            self.ended.push((broadcast, position, now.get() + END_REPEATED_NS));
        }
    }

    fn set(&mut self, channel: Channel, session: Session, made: u64) {
        let number = channel.number();
        let is_over = self.newest.get(&channel).is_some_and(|newest| session < *newest);
        let stage = if is_over { Stage::Over } else { Stage::Opening };
        if !is_over {
            self.newest.insert(channel, session);
            self.logs.open(session, made);
        }
        let index = usize::from(number);
        if self.states.len() <= index {
            self.states.resize_with(index + 1, || None);
        }
        if let Err(place) = self.numbers.binary_search(&number) {
            self.numbers.insert(place, number);
        }
        self.states[index] = Some(Box::new(State { session, made, stage }));
    }

    /// Takes the logs that were opened; how many.
    ///
    /// # Errors
    /// A session's log or line cannot be opened.
    pub(super) fn poll(&mut self, now: Nanos) -> Result<usize, (Session, ChannelError)> {
        let mut taken = 0;
        while let Some((session, opened)) = self.logs.poll() {
            let opened = opened.map_err(|error| (session, ChannelError::Log(error)))?;
            self.on_opened(session, *opened, now).map_err(|error| (session, error))?;
            taken += 1;
        }
        Ok(taken)
    }

    fn on_opened(
        &mut self,
        session: Session,
        opened: Opened,
        now: Nanos,
    ) -> Result<(), ChannelError> {
        let Some(channel) = Channel::of_session(session) else { return Ok(()) };
        let state = self.states.get_mut(usize::from(channel.number())).and_then(Option::as_mut);
        let Some(state) = state.filter(|state| state.session == session) else { return Ok(()) };
        let Opened { writer, mut tail, written } = opened;
        let logged = writer.next_sequence();
        if logged < state.made {
            return Err(ChannelError::Hole { logged, made: state.made });
        }
        let committed = writer.committed();
        let first = tail.records_at(committed).and_then(|mut records| records.next());
        let first = first.map_err(ChannelError::Log)?.map_or(logged, |record| record.sequence);
        let outlets = (self.open_lines)(channel)?;
        let place = (committed, first);
        let mut broadcast = Broadcast::new(session, tail, outlets, place, writer.position(), now);
        if writer.has_ended() && committed == writer.position() {
            broadcast.set_ended();
        }
        let origin = Origin::default();
        state.stage = Stage::Live(Box::new(Live { writer, broadcast, written, origin }));
        Ok(())
    }

    /// Takes a channel's next message; false where it must be given again, because its log takes
    /// nothing now or is not there yet.
    ///
    /// # Errors
    /// It is made otherwise than it was logged.
    #[inline]
    pub(super) fn push(
        &mut self,
        channel: Channel,
        message: &[u8],
        origin: Origin,
    ) -> Result<bool, (Session, ChannelError)> {
        let state = self.states.get_mut(usize::from(channel.number())).and_then(Option::as_mut);
        let state = state.expect("a message follows its session");
        let live = match &mut state.stage {
            Stage::Live(live) => live,
            Stage::Opening => return Ok(false),
            Stage::Over => {
                state.made += 1;
                return Ok(true);
            }
        };
        if state.made < live.writer.next_sequence() {
            let sequence = state.made;
            // A log can begin within its session: what was before it is nobody's to compare.
            let written = live.written.as_mut().filter(|written| sequence >= written.first());
            if let Some(written) = written {
                if written.get(sequence) != Some(message) {
                    return Err((state.session, ChannelError::Differs { sequence }));
                }
                self.compared += 1;
            }
        } else {
            live.written = None;
            if live.writer.push(message, origin).is_err() {
                self.waits += 1;
                return Ok(false);
            }
            self.logged += 1;
        }
        live.origin = origin;
        state.made += 1;
        Ok(true)
    }

    fn live(&mut self) -> impl Iterator<Item = &mut Live<O>> {
        self.states.iter_mut().flatten().filter_map(|state| match &mut state.stage {
            Stage::Live(live) => Some(&mut **live),
            _ => None,
        })
    }

    /// Writes what was taken, so that nothing waits to be packed; whether the logs took it all.
    pub(super) fn flush(&mut self) -> bool {
        let mut taken = true;
        for live in self.live() {
            taken &= live.writer.flush().is_ok();
        }
        self.waits += u64::from(!taken);
        taken
    }

    /// Ends every session behind what was taken; whether the logs are there and took it all.
    pub(super) fn end(&mut self) -> bool {
        let opening = |state: &State<O>| matches!(state.stage, Stage::Opening);
        let mut taken = !self.states.iter().flatten().any(|state| opening(state));
        for live in self.live() {
            let origin = live.origin;
            taken &= live.writer.end(origin).is_ok();
        }
        taken
    }

    /// Sends what is written: batch by batch, the channels in turn, the lines in turn. How many
    /// batches.
    ///
    /// # Errors
    /// A log cannot be read.
    pub(super) fn send(&mut self, now: Nanos) -> Result<usize, (Session, ChannelError)> {
        let Self { states, numbers, batches, tally, .. } = self;
        let before = *batches;
        let count = numbers.len();
        let mut idle = 0;
        for state in states.iter_mut().flatten() {
            if let Stage::Live(live) = &mut state.stage {
                live.broadcast.begin_cycle();
            }
        }
        let mut turn = *batches;
        while idle < count {
            let number = usize::from(numbers[turn % count]);
            turn += 1;
            idle += 1;
            let Some(State { session, stage: Stage::Live(live), .. }) =
                states[number].as_deref_mut()
            else {
                continue;
            };
            let published = live.writer.position();
            let sent = live.broadcast.send(published, *batches, now, tally);
            let sent = sent.map_err(|error| (*session, ChannelError::Log(error)))?;
            *batches += usize::from(sent == Sent::Batch);
            if sent != Sent::Nothing {
                idle = 0;
            }
            commit(&mut live.writer, &live.broadcast);
        }
        Ok(*batches - before)
    }

    /// Whether all that is written was handed over on all lines.
    pub(super) fn is_sent(&mut self) -> bool {
        self.live().all(|live| live.broadcast.sent_to() == live.writer.position())
    }

    /// Sends what is due in silence; how many.
    pub(super) fn keep_alive(&mut self, now: Nanos) -> usize {
        let mut tally = std::mem::take(&mut self.tally);
        self.ended.retain(|(_, _, until_ns)| now.get() <= *until_ns);
        let mut sent = 0;
        for (broadcast, published, _) in &mut self.ended {
            broadcast.begin_cycle();
            sent += broadcast.keep_alive(*published, now, &mut tally);
        }
        for live in self.live() {
            let published = live.writer.position();
            sent += live.broadcast.keep_alive(published, now, &mut tally);
        }
        self.tally = tally;
        sent
    }

    /// The last refusal of the system on any line.
    pub(super) fn take_error(&mut self) -> Option<std::io::Error> {
        let heard = self.hearing_error.take();
        self.live().filter_map(|live| live.broadcast.take_error()).last().or(heard)
    }

    /// The channels that are live: session and next number.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (Session, u64)> + '_ {
        self.states.iter().flatten().filter_map(|state| match &state.stage {
            Stage::Live(live) => Some((state.session, live.writer.next_sequence())),
            _ => None,
        })
    }

    /// What each live log has written, by session.
    pub(super) fn written(&mut self) -> Vec<(Session, Position)> {
        self.live().map(|live| (live.writer.session(), live.writer.position())).collect()
    }

    /// Whether each of the logs is durable up to a position; one that was closed is.
    pub(super) fn is_synced(&mut self, written: &[(Session, Position)]) -> bool {
        self.live().all(|live| {
            let session = live.writer.session();
            let to = written.iter().find(|(of, _)| *of == session);
            to.is_none_or(|(_, position)| live.writer.synced() >= *position)
        })
    }

    /// A sum over the lines of all live channels.
    pub(super) fn outlets(&mut self, count: impl Fn(&O) -> u64) -> u64 {
        self.live().flat_map(|live| live.broadcast.outlets()).map(count).sum()
    }

    /// Closes all logs, so that all is durable. It waits for the disk.
    pub(super) fn close(&mut self) {
        for state in self.states.iter_mut().filter_map(Option::take) {
            if let Stage::Live(live) = state.stage {
                // What a disk did not take is made of the event log again.
                let _ = live.writer.close();
            }
        }
        self.numbers.clear();
    }
}

/// What was handed over on all lines is committed.
#[inline]
fn commit<O: Outlet>(writer: &mut FeedLogWriter, broadcast: &Broadcast<O>) {
    let sent = broadcast.sent_to();
    if sent > writer.committed() {
        writer.commit_to(sent);
    }
}
