//! What a subscriber makes of datagrams: books, lines to print, and a verdict. No socket, no clock.

use isochron_feeds::books::{Books, FeedError};
use isochron_feeds::mold::{COUNT_END_OF_SESSION, COUNT_HEARTBEAT, Header, Session};
use isochron_feeds::subscriber::{Event, Options, Source, State, Statistics, Subscriber};
use isochron_messages::{FieldValue, Message, Side};
use serde_json::{Map, Value, json};

/// Faults of one kind that are said; the rest is counted.
const FAULTS_SAID_MAX: u64 = 10;

/// A line for a person or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// On standard output.
    Out(String),
    /// On standard error.
    Error(String),
}

/// How a subscription ended; the numbers are exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    /// Everything from the first message on was delivered, and every checksum agreed.
    Complete = 0,
    /// Something was lost, or wrong, or the line fell silent before the end.
    Broken = 1,
    /// Everything from a later message on was delivered.
    JoinedLate = 3,
}

/// What to follow, and what to say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// `None` is the first session heard.
    pub(super) session: Option<Session>,
    /// The datagram with messages to throw away, from 1.
    pub(super) drop_datagram: Option<u64>,
    /// Whether each message becomes a line.
    pub(super) messages: bool,
    /// Whether such a line is JSON.
    pub(super) json: bool,
}

/// Follows one session. Calling order: `on_datagram` and `on_time`, `take_lines` after them, in
/// the end `finish`.
pub(super) struct Follower {
    setting: Setting,
    subscriber: Subscriber,
    content: Content,
    data_datagrams: u64,
    refusals: u64,
    /// Messages delivered when the last status was made.
    delivered_before: u64,
}

/// What the messages became.
struct Content {
    setting: Setting,
    books: Books,
    undecodable: u64,
    faults: u64,
    joined_late: bool,
    interrupted: bool,
    lines: Vec<Line>,
}

impl Follower {
    pub(super) fn new(setting: Setting) -> Follower {
        let options = Options { session: setting.session, ..Options::default() };
        Follower {
            setting,
            subscriber: Subscriber::new(options),
            content: Content {
                setting,
                books: Books::new(),
                undecodable: 0,
                faults: 0,
                joined_late: false,
                interrupted: false,
                lines: Vec::new(),
            },
            data_datagrams: 0,
            refusals: 0,
            delivered_before: 0,
        }
    }

    pub(super) fn on_datagram(&mut self, datagram: &[u8], now_ns: u64) {
        if self.drops(datagram) {
            let number = self.data_datagrams;
            self.content.error(format!("datagram {number} is thrown away, as asked for"));
            return;
        }
        let Self { subscriber, content, .. } = self;
        let taken = subscriber
            .on_datagram(Source::LineA, datagram, now_ns, &mut |event| content.on_event(event));
        if let Err(refused) = taken {
            self.refusals += 1;
            if self.refusals <= FAULTS_SAID_MAX {
                self.content.error(format!("datagram refused: {refused}"));
            }
        }
    }

    /// Counts datagrams with messages; whether this one is to be thrown away.
    fn drops(&mut self, datagram: &[u8]) -> bool {
        let Ok(header) = Header::parse(datagram) else { return false };
        if matches!(header.count, COUNT_HEARTBEAT | COUNT_END_OF_SESSION) {
            return false;
        }
        self.data_datagrams += 1;
        self.setting.drop_datagram == Some(self.data_datagrams)
    }

    pub(super) fn on_time(&mut self, now_ns: u64) {
        let Self { subscriber, content, .. } = self;
        subscriber.on_time(now_ns, &mut |event| content.on_event(event));
    }

    /// Nothing more will be heard.
    pub(super) fn finish(&mut self) {
        let Self { subscriber, content, .. } = self;
        subscriber.give_up(&mut |event| content.on_event(event));
        if subscriber.session().is_some() && !self.has_ended() {
            self.content.interrupted = true;
            let next = self.subscriber.next_sequence();
            self.content.error(format!("stopped before the session's end, at {next}"));
        }
        if let Some(number) = self.setting.drop_datagram
            && number > self.data_datagrams
        {
            let came = self.data_datagrams;
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

    pub(super) fn datagrams(&self) -> u64 {
        self.subscriber.source(Source::LineA).datagrams
    }

    /// Loss comes before lateness: who joined late can still have missed something since.
    pub(super) fn verdict(&self) -> Verdict {
        let Content { undecodable, faults, joined_late, interrupted, .. } = self.content;
        let heard = self.session().is_some();
        if !heard || self.statistics().lost > 0 || undecodable > 0 || interrupted {
            Verdict::Broken
        } else if joined_late {
            Verdict::JoinedLate
        } else if faults > 0 {
            Verdict::Broken
        } else {
            Verdict::Complete
        }
    }

    /// One line about now.
    pub(super) fn status(&mut self, now_ns: u64) -> String {
        let state = self.subscriber.state(now_ns);
        let delivered = self.statistics().delivered;
        let rate = delivered - std::mem::replace(&mut self.delivered_before, delivered);
        let next = self.next_sequence();
        let mut text = format!("{state}: next {next}, {rate} messages/s");
        let lost = self.statistics().lost;
        if lost > 0 {
            text += &format!(", {lost} lost");
        }
        for (id, instrument) in self.content.books.instruments() {
            let best = |side| instrument.book.best(side);
            if let (Some(bid), Some(ask)) = (best(Side::BUY), best(Side::SELL)) {
                let symbol = symbol(&self.content.books, id);
                let (bid, ask) = (price(bid.price), price(ask.price));
                text += &format!(", {symbol} {bid} x {ask}");
                break;
            }
        }
        text
    }

    /// A line for each instrument's book.
    pub(super) fn books(&self) -> impl Iterator<Item = String> + '_ {
        let books = &self.content.books;
        books.instruments().into_iter().map(|(id, instrument)| {
            let symbol = symbol(books, id);
            let (orders, checksum) = (instrument.book.order_count(), instrument.book.checksum());
            let incomplete = if instrument.complete { "" } else { ", incomplete" };
            format!(
                "instrument {id} {symbol}: checksum {checksum:08x}, {orders} orders{incomplete}"
            )
        })
    }

    /// The last line.
    pub(super) fn summary(&self) -> String {
        let Some(session) = self.session() else {
            return "nothing of the session was heard".to_owned();
        };
        let statistics = self.statistics();
        let books = self.content.books.statistics();
        let (first, next) = (self.subscriber.first_sequence(), self.next_sequence());
        let verdict = match self.verdict() {
            Verdict::Complete => "complete",
            Verdict::Broken => "BROKEN",
            Verdict::JoinedLate => "joined late, books incomplete",
        };
        format!(
            "session {session}: {verdict}; [{first}, {next}), {} lost in {} gaps, {} checksums \
             agreed, {} did not",
            statistics.lost, statistics.gaps, books.checksums_verified, books.checksums_failed
        )
    }

    /// The last line as JSON.
    pub(super) fn report(&self) -> Value {
        let (statistics, line) = (self.statistics(), self.subscriber.source(Source::LineA));
        let books = self.content.books.statistics();
        let checksums: Map<String, Value> = self
            .content
            .books
            .instruments()
            .into_iter()
            .map(|(id, instrument)| {
                let book = &instrument.book;
                let value = json!({
                    "checksum": book.checksum(),
                    "orders": book.order_count(),
                    "complete": instrument.complete,
                });
                (id.to_string(), value)
            })
            .collect();
        json!({
            "pid": std::process::id(),
            "session": self.session().map(|session| session.to_string()),
            "verdict": format!("{:?}", self.verdict()),
            "first_sequence": self.subscriber.first_sequence(),
            "next_sequence": self.next_sequence(),
            "messages": statistics.delivered,
            "lost": statistics.lost,
            "gaps": statistics.gaps,
            "recovered": statistics.recovered,
            "ended": self.has_ended(),
            "datagrams": line.datagrams,
            "data_datagrams": self.data_datagrams,
            "duplicates": line.duplicates,
            "heartbeats": line.heartbeats,
            "refused": self.refusals,
            "undecodable": self.content.undecodable,
            "faults": self.content.faults,
            "trades": books.trades,
            "checksums_verified": books.checksums_verified,
            "checksums_failed": books.checksums_failed,
            "checksums": checksums,
        })
    }
}

impl Content {
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Joined { session, sequence: 1 } => self.out(format!("joined {session}")),
            Event::Joined { session, sequence } => {
                self.joined_late = true;
                self.error(format!("{session}: joined at {sequence}, book incomplete"));
            }
            Event::Message { sequence, bytes } => self.on_message(sequence, bytes),
            Event::GapOpened(gap) => {
                self.error(format!("gap {gap}: {} messages missing", gap.messages()));
            }
            Event::Lost(gap) => {
                self.error(format!("lost {gap}: {} messages, book incomplete", gap.messages()));
            }
            Event::Ended { next } => self.out(format!("session ended, next {next}")),
        }
    }

    fn on_message(&mut self, sequence: u64, bytes: &[u8]) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.undecodable += 1;
                if self.undecodable <= FAULTS_SAID_MAX {
                    self.error(format!("message {sequence}: {error}"));
                }
                return;
            }
        };
        if self.setting.messages {
            let text = if self.setting.json {
                message_json(sequence, &message).to_string()
            } else {
                format!("{sequence} {message}")
            };
            self.lines.push(Line::Out(text));
        }
        if let Err(fault) = self.books.apply(&message) {
            self.on_fault(sequence, fault);
        }
    }

    /// What cannot be. After a late join nothing else is to be expected, and it was said.
    fn on_fault(&mut self, sequence: u64, fault: FeedError) {
        self.faults += 1;
        if self.faults <= FAULTS_SAID_MAX && !self.joined_late {
            self.error(format!("message {sequence}: {fault}"));
        }
    }

    /// For people only: programs wait for the last line.
    fn out(&mut self, text: String) {
        if !self.setting.json {
            self.lines.push(Line::Out(text));
        }
    }

    fn error(&mut self, text: String) {
        self.lines.push(Line::Error(text));
    }
}

fn symbol(books: &Books, instrument: u32) -> String {
    let known = books.get(instrument).and_then(|known| known.definition.as_ref());
    let Some(definition) = known else { return "?".to_owned() };
    match FieldValue::characters(&definition.symbol) {
        FieldValue::Text(text) => text.to_owned(),
        _ => definition.symbol.escape_ascii().to_string(),
    }
}

/// A price in currency units, with its four decimals.
fn price(price: i64) -> String {
    let sign = if price < 0 { "-" } else { "" };
    let (units, parts) = (price.unsigned_abs() / 10_000, price.unsigned_abs() % 10_000);
    format!("{sign}{units}.{parts:04}")
}

fn message_json(sequence: u64, message: &Message) -> Value {
    let mut fields = Map::new();
    fields.insert("sequence".into(), sequence.into());
    fields.insert("message".into(), message.name().into());
    message.fields(&mut |name, value| {
        let value = match value {
            FieldValue::U64(number) => number.into(),
            FieldValue::I64(number) => number.into(),
            FieldValue::F64(number) => number.into(),
            FieldValue::Text(text) | FieldValue::Name(text) => text.into(),
            FieldValue::Bytes(bytes) => bytes.escape_ascii().to_string().into(),
            FieldValue::Null => Value::Null,
        };
        fields.insert(name.to_owned(), value);
    });
    Value::Object(fields)
}

#[cfg(test)]
mod tests;
