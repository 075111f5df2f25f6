//! What a subscriber makes of datagrams: books, lines to print, and a verdict. No socket, no clock.
//!
//! `content.rs` takes the messages, `faults.rs` loses some of them where that is asked for,
//! `report.rs` says what came of it.

use super::content::{Content, FAULTS_SAID_MAX, Line};
use super::faults::{Fate, Faults};
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::{Options, Source, State, Statistics, Subscriber};

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

/// Follows one session. Calling order: `on_datagram` and `on_time`, `take_lines` after them, in
/// the end `finish`.
pub(super) struct Follower {
    pub(super) subscriber: Subscriber,
    pub(super) content: Content,
    pub(super) faults: Faults,
    pub(super) refusals: u64,
    pub(super) interrupted: bool,
    /// Messages delivered when the last second ended, and in it.
    delivered_before: u64,
    pub(super) messages_per_second: u64,
}

impl Follower {
    pub(super) fn new(setting: Setting) -> Self {
        let options = Options { session: setting.session, ..Options::default() };
        Self {
            subscriber: Subscriber::new(options),
            content: Content::new(setting),
            faults: Faults::new(setting.drop_datagram, setting.drop_line),
            refusals: 0,
            interrupted: false,
            delivered_before: 0,
            messages_per_second: 0,
        }
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
        let Self { subscriber, content, .. } = self;
        let taken =
            subscriber.on_datagram(source, datagram, now_ns, &mut |event| content.on_event(event));
        if let Err(refused) = taken {
            self.refusals += 1;
            if self.refusals <= FAULTS_SAID_MAX {
                self.content.error(format!("datagram refused: {refused}"));
            }
        }
    }

    pub(super) fn on_time(&mut self, now_ns: u64) {
        let Self { subscriber, content, .. } = self;
        subscriber.on_time(now_ns, &mut |event| content.on_event(event));
    }

    /// A second has passed.
    pub(super) fn on_second(&mut self) {
        let delivered = self.statistics().delivered;
        self.messages_per_second = delivered - self.delivered_before;
        self.delivered_before = delivered;
    }

    /// Nothing more will be heard.
    pub(super) fn finish(&mut self) {
        let Self { subscriber, content, .. } = self;
        subscriber.give_up(&mut |event| content.on_event(event));
        if subscriber.session().is_some() && !self.has_ended() {
            self.interrupted = true;
            let next = self.subscriber.next_sequence();
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

    pub(super) fn session(&self) -> Option<Session> {
        self.subscriber.session()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.subscriber.state(0) == State::Ended
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.subscriber.next_sequence()
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.subscriber.statistics()
    }

    /// Datagrams of both lines.
    pub(super) fn datagrams(&self) -> u64 {
        [Source::LineA, Source::LineB].map(|line| self.subscriber.source(line).datagrams).iter().sum()
    }

    /// Messages that UDP and TCP repaired.
    pub(super) fn repaired(&self) -> (u64, u64) {
        let messages = |source| self.subscriber.source(source).messages;
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
