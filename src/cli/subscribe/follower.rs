//! What a subscriber makes of datagrams: books, lines to print, and a verdict. No socket, no clock.
//!
//! `content.rs` takes the messages, `faults.rs` loses some of them where that is asked for,
//! `report.rs` says what came of it.

use super::content::{Content, FAULTS_SAID_MAX, Line};
use super::faults::{Fate, Faults};
use super::market;
use super::servers::Servers;
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::{
    Options as FeedOptions, Repair, Source, State, Statistics, Subscriber,
};
use isochron_recovery::consumer::{Action, ConnectionId, Consumer, Options};
use isochron_recovery::soup::FieldError;

/// Times that books are thrown away for a checksum that did not agree: a fault that comes again
/// with each snapshot is not the subscriber's to cure.
const REJOINS_MAX: u32 = 3;

/// How a subscription ended; the numbers are exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    /// Everything from the first message on was delivered, or a snapshot stood for it, and every
    /// checksum agreed.
    Complete = 0,
    /// Something was lost, or wrong, or the line fell silent before the end.
    Broken = 1,
    /// Everything from a later message on was delivered.
    JoinedLate = 3,
}

/// What to follow, and what to say of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setting {
    /// `None` is the first session heard.
    pub(super) session: Option<Session>,
    /// The datagram with messages to throw away, from 1.
    pub(super) drop_datagram: Option<u64>,
    /// The line of which everything is thrown away.
    pub(super) drop_line: Option<Source>,
    /// Whether each message becomes a line.
    pub(super) messages: bool,
    /// Whether such a line is JSON.
    pub(super) json: bool,
}

/// Follows one session. Calling order: `on_datagram`, `on_time` and whatever its connections say,
/// then `poll_action` until `None` and `take_lines`; in the end `finish`.
pub(super) struct Follower {
    consumer: Consumer,
    pub(super) content: Content,
    pub(super) faults: Faults,
    pub(super) refusals: u64,
    rejoins: u32,
    interrupted: bool,
    /// Messages delivered when the last second ended, and in it.
    delivered_before: u64,
    pub(super) messages_per_second: u64,
}

impl Follower {
    /// One that repairs with these servers, as far as there are any.
    ///
    /// # Errors
    /// A user or a password that fits no login.
    pub(super) fn new(setting: Setting, servers: &Servers) -> Result<Self, FieldError> {
        let feed =
            FeedOptions { session: setting.session, ..FeedOptions::repairing(Repair::default()) };
        let consumer = Consumer::new(Options {
            feed,
            request_servers: servers.requests.len(),
            replay_servers: servers.replay.len(),
            snapshot_servers: servers.snapshot.len(),
            user: servers.user.clone(),
            password: servers.password.clone(),
        })?;
        Ok(Self {
            consumer,
            content: Content::new(setting),
            faults: Faults::new(setting.drop_datagram, setting.drop_line),
            refusals: 0,
            rejoins: 0,
            interrupted: false,
            delivered_before: 0,
            messages_per_second: 0,
        })
    }

    /// Takes a datagram of a line, or an answer to a request.
    pub(super) fn on_datagram(&mut self, source: Source, datagram: &[u8], now_ns: u64) {
        if source.is_line() {
            match self.faults.judge(source, datagram) {
                Fate::Taken => {}
                Fate::Swallowed => return,
                Fate::ThrownAway => {
                    let number = self.faults.data_datagrams();
                    self.content.error(format!("datagram {number} is thrown away, as asked for"));
                    return;
                }
            }
        }
        let Self { consumer, content, .. } = self;
        let taken =
            consumer.on_datagram(source, datagram, now_ns, &mut |event| content.on_event(event));
        if let Some(session) = self.consumer.subscriber().session() {
            self.content.begin(session);
        }
        if let Err(refused) = taken {
            self.refusals += 1;
            if self.refusals <= FAULTS_SAID_MAX {
                self.content.error(format!("datagram refused: {refused}"));
            }
        }
    }

    pub(super) fn on_time(&mut self, now_ns: u64) {
        let Self { consumer, content, .. } = self;
        consumer.on_time(now_ns, &mut |event| content.on_event(event));
        if self.content.take_differs()
            && self.rejoins < REJOINS_MAX
            && self.consumer.join_again(now_ns)
        {
            self.rejoins += 1;
            self.content.error("a book differs from the exchange's: joining again".to_owned());
        }
    }

    pub(super) fn on_connected(&mut self, connection: ConnectionId, now_ns: u64) {
        self.consumer.on_connected(connection, now_ns);
    }

    pub(super) fn on_bytes(&mut self, connection: ConnectionId, bytes: &[u8], now_ns: u64) {
        let Self { consumer, content, .. } = self;
        consumer.on_bytes(connection, bytes, now_ns, &mut |event| content.on_event(event));
    }

    pub(super) fn on_disconnected(&mut self, connection: ConnectionId, now_ns: u64) {
        let Self { consumer, content, .. } = self;
        consumer.on_disconnected(connection, now_ns, &mut |event| content.on_event(event));
    }

    /// The next thing to do with sockets; call it until `None`.
    pub(super) fn poll_action(&mut self, now_ns: u64) -> Option<Action> {
        self.consumer.poll_action(now_ns)
    }

    /// So many seconds have passed.
    pub(super) fn on_second(&mut self, seconds: u64) {
        let delivered = self.statistics().delivered;
        self.messages_per_second = (delivered - self.delivered_before) / seconds.max(1);
        self.delivered_before = delivered;
    }

    /// Nothing more will be heard. `by_choice` is that somebody has seen enough: then the end of
    /// the session is not missed.
    pub(super) fn finish(&mut self, now_ns: u64, by_choice: bool) {
        let Self { consumer, content, .. } = self;
        consumer.give_up(now_ns, &mut |event| content.on_event(event));
        if self.session().is_some() && !self.has_ended() {
            self.interrupted = !by_choice;
            let next = self.next_sequence();
            self.content.error(format!("stopped before the session's end, at {next}"));
        }
        let came = self.faults.data_datagrams();
        if let Some(number) = self.faults.datagram().filter(|number| *number > came) {
            let text = format!("datagram {number} was not thrown away: {came} with messages came");
            self.content.error(text);
        }
    }

    /// What there is to say since the last call.
    pub(super) fn take_lines(&mut self) -> std::vec::Drain<'_, Line> {
        self.content.lines.drain(..)
    }

    /// The order of the stream, and what came from where.
    pub(super) fn subscriber(&self) -> &Subscriber {
        self.consumer.subscriber()
    }

    /// All instruments by id, with their symbols.
    pub(super) fn symbols(&self) -> Vec<(u32, String)> {
        market::symbols(&self.content.books)
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.subscriber().session()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.subscriber().state(0) == State::Ended
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.subscriber().next_sequence()
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.subscriber().statistics()
    }

    /// Datagrams of both lines.
    pub(super) fn datagrams(&self) -> u64 {
        [Source::LineA, Source::LineB]
            .map(|line| self.subscriber().source(line).datagrams)
            .iter()
            .sum()
    }

    /// Messages that UDP and TCP repaired.
    pub(super) fn repaired(&self) -> (u64, u64) {
        let messages = |source| self.subscriber().source(source).messages;
        (messages(Source::Retransmission), messages(Source::Replay))
    }

    /// Loss comes before lateness: who joined late can still have missed something since.
    pub(super) fn verdict(&self) -> Verdict {
        let Content { undecodable, faults, joined_late, .. } = self.content;
        let heard = self.session().is_some();
        if !heard || self.statistics().lost > 0 || undecodable > 0 || self.interrupted {
            Verdict::Broken
        } else if joined_late {
            Verdict::JoinedLate
        } else if faults > 0 {
            Verdict::Broken
        } else {
            Verdict::Complete
        }
    }
}
