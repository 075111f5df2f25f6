//! What the messages became: books, lines to print, and what was wrong.

use super::follower::Setting;
use super::market;
use crate::cli::output::decimal;
use isochron_feeds::books::{Books, FeedError};
use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::Event as FeedEvent;
use isochron_messages::{FieldValue, Message, Side};
use isochron_recovery::consumer::Event;
use serde_json::{Map, Value, json};

/// Faults of one kind that are said; the rest is counted.
pub(super) const FAULTS_SAID_MAX: u64 = 10;

/// A line for a person or a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// On standard output.
    Out(String),
    /// On standard error.
    Error(String),
}

/// Takes the events of a stream.
pub(super) struct Content {
    setting: Setting,
    pub(super) books: Books,
    pub(super) undecodable: u64,
    pub(super) faults: u64,
    pub(super) joined_late: bool,
    /// Whether the product is known.
    begun: bool,
    /// Whether the books are those of a snapshot that has not been joined with yet.
    snapshot: bool,
    /// Whether a book was found to differ from the exchange's.
    differs: bool,
    pub(super) lines: Vec<Line>,
}

impl Content {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            setting,
            books: Books::new(),
            undecodable: 0,
            faults: 0,
            joined_late: false,
            begun: false,
            snapshot: false,
            differs: false,
            lines: Vec::new(),
        }
    }

    pub(super) fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Feed(event) => self.on_feed_event(event),
            // The books take its place when it is complete: until then what was true is shown.
            Event::Cleared => self.snapshot = true,
            Event::Snapshot(bytes) => self.on_message(0, bytes),
            Event::Notice(notice) => self.error(notice.to_string()),
        }
    }

    /// The session is known, and with it the product, before the first message of either.
    pub(super) fn begin(&mut self, session: Session) {
        if !std::mem::replace(&mut self.begun, true)
            && let Some(channel) = Channel::of_session(session)
        {
            self.books = Books::of(channel.product);
        }
    }

    fn on_feed_event(&mut self, event: FeedEvent<'_>) {
        match event {
            FeedEvent::Joined { session, sequence: 1 } => {
                self.begin(session);
                self.out(format!("joined {session}"));
            }
            FeedEvent::Joined { session, sequence } => {
                self.begin(session);
                if std::mem::take(&mut self.snapshot) {
                    self.error(format!("{session}: joined at {sequence} with a snapshot"));
                } else {
                    self.joined_late = true;
                    self.error(format!("{session}: joined at {sequence}, book incomplete"));
                }
            }
            FeedEvent::Message { sequence, bytes } => self.on_message(sequence, bytes),
            FeedEvent::GapOpened(gap) => {
                self.error(format!("gap {gap}: {} messages missing", gap.messages()));
            }
            FeedEvent::Lost(gap) => {
                self.error(format!("lost {gap}: {} messages, book incomplete", gap.messages()));
            }
            FeedEvent::Ended { next } => self.out(format!("session ended, next {next}")),
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
        self.differs |= matches!(fault, FeedError::Checksum { .. });
        if self.faults <= FAULTS_SAID_MAX && !self.joined_late {
            self.error(format!("message {sequence}: {fault}"));
        }
    }

    /// Whether a checksum did not agree since the last call.
    pub(super) fn take_differs(&mut self) -> bool {
        std::mem::take(&mut self.differs)
    }

    /// For people only: programs wait for the last line.
    pub(super) fn out(&mut self, text: String) {
        if !self.setting.json {
            self.lines.push(Line::Out(text));
        }
    }

    pub(super) fn error(&mut self, text: String) {
        self.lines.push(Line::Error(text));
    }

    /// The first instrument that has both a best bid and a best offer.
    pub(super) fn a_quote(&self) -> Option<String> {
        self.books.instruments().into_iter().find_map(|(_, instrument)| {
            let bid = instrument.levels(Side::BUY).next()?;
            let ask = instrument.levels(Side::SELL).next()?;
            let symbol = market::symbol(instrument);
            Some(format!("{symbol} {} x {}", decimal(bid.price), decimal(ask.price)))
        })
    }

    /// A line for each instrument's book.
    pub(super) fn book_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.books.instruments().into_iter().map(|(id, instrument)| {
            let symbol = market::symbol(instrument);
            let (checksum, orders, _) = instrument.checksum();
            let incomplete = if instrument.is_current() { "" } else { ", incomplete" };
            format!(
                "instrument {id} {symbol}: checksum {checksum:08x}, {orders} orders{incomplete}"
            )
        })
    }

    /// An object for each instrument's book, by id.
    pub(super) fn books_json(&self) -> Value {
        let books = self.books.instruments().into_iter().map(|(id, instrument)| {
            let (checksum, orders, levels) = instrument.checksum();
            let complete = instrument.is_current();
            let value = json!({
                "checksum": checksum, "orders": orders, "levels": levels, "complete": complete,
            });
            (id.to_string(), value)
        });
        Value::Object(books.collect())
    }
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
