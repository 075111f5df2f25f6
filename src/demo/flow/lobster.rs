//! A recorded day of a real exchange as a flow: a LOBSTER message file, row by row.
//!
//! ```text
//!   1 new · 2 partial cancel · 3 deletion · 4 execution · 7 halt  ─▶ as `recorded.rs` has them
//!   5, 6  ─▶ nothing: what was hidden or in an auction is in no lit book
//! ```
//!
//! What is no row is counted, with its line. Nothing in a file is fatal. The file is read as it is
//! played.

use super::administration::TICK;
use super::input;
use super::recorded::{Act, Played, Recorded, Step, Words};
use super::rows::{Event, Line, Row, Rows};
use super::{Flow, Next};
use crate::types::Symbol;
use isochron_events::Message;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

/// The instrument.
const ONE: u32 = 1;

/// Why a file cannot be played.
#[derive(Debug)]
pub enum LobsterError {
    /// It cannot be opened, or not read at all.
    Open {
        /// The file.
        path: String,
        /// What the operating system says.
        error: std::io::Error,
    },
}

impl fmt::Display for LobsterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LobsterError::Open { path, error } = self;
        write!(f, "order file {path}: {error}")
    }
}

impl std::error::Error for LobsterError {}

/// A LOBSTER message file as a flow.
pub struct Lobster {
    rows: Rows,
    held: Option<Row>,
    symbol: Symbol,
    trading_date: u32,
    /// The first row's time, and the last one's.
    time_ns: Option<(u64, u64)>,
    read: u64,
    hidden_skipped: u64,
    recorded: Recorded,
}

impl Lobster {
    /// Opens a file, plain or compressed with gzip, to be played on `trading_date` (yyyymmdd). The
    /// symbol is the first part of its name, as LOBSTER gives it: `AAPL_2012-06-21_...`.
    ///
    /// # Errors
    /// The file cannot be opened, or its first bytes cannot be read.
    pub fn open(path: &Path, trading_date: u32) -> Result<Self, LobsterError> {
        let failed = |error| LobsterError::Open { path: path.display().to_string(), error };
        let input = input::open(path).map_err(failed)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self::new(&name.unwrap_or_default(), trading_date, input))
    }

    /// Plays what `input` says on `trading_date` (yyyymmdd); `name` is a file's name.
    #[must_use]
    pub fn new(name: &str, trading_date: u32, input: Box<dyn BufRead + Send>) -> Self {
        let symbol =
            name.split(['_', '.']).next().and_then(Symbol::new).filter(Symbol::is_well_formed);
        Self {
            rows: Rows::new(input),
            held: None,
            symbol: symbol.unwrap_or(Symbol(*b"LOBSTER\0")),
            trading_date,
            time_ns: None,
            read: 0,
            hidden_skipped: 0,
            recorded: Recorded::new(Words { part: "row", place: "line" }, TICK),
        }
    }

    /// The next row that can be read; `None` at the end.
    fn row(&mut self) -> Option<Row> {
        if let Some(row) = self.held.take() {
            return Some(row);
        }
        loop {
            match self.rows.next()? {
                Line::Header => self.recorded.quirk("header lines"),
                Line::Blank => self.recorded.quirk("blank lines"),
                Line::Broken { line, fault } => {
                    self.read += 1;
                    self.recorded.quirk("broken rows");
                    self.recorded.quirk_at(&fault.to_string(), line);
                }
                Line::Row(row) => {
                    self.read += 1;
                    self.see_time(&row);
                    return Some(row);
                }
            }
        }
    }

    /// A row is never due before the one above it.
    fn see_time(&mut self, row: &Row) {
        let (first, last) = self.time_ns.unwrap_or((row.time_ns, row.time_ns));
        if row.time_ns < last {
            self.recorded.quirk_at("time runs backwards", row.line);
        }
        self.time_ns = Some((first, last.max(row.time_ns)));
    }

    fn play(&mut self, row: &Row) -> Played {
        let act = match row.event {
            Event::New { id, side, price, size } => Act::Enter { id, side, price, size },
            Event::Reduce { id, size } => Act::Reduce { id, size },
            Event::Delete { id } => Act::Delete { id },
            Event::Execute { id, side, price, size } => {
                Act::Execute { id, terms: Some((side, price)), size }
            }
            Event::Halt(phase) => Act::Phase(phase),
            Event::Hidden => {
                self.hidden_skipped += 1;
                return Played::Skipped;
            }
            Event::Cross => {
                self.recorded.quirk("auctions");
                return Played::Skipped;
            }
        };
        self.recorded.play(&Step { at: row.line, instrument: ONE, act })
    }
}

impl Flow for Lobster {
    fn setup(&mut self) -> Vec<Message> {
        self.recorded.setup(&[self.symbol], self.trading_date, "a LOBSTER file's setup")
    }

    fn next(&mut self) -> Next {
        while !self.recorded.is_waiting() {
            let Some(row) = self.row() else { return Next::Done };
            match self.play(&row) {
                Played::Command(command) => {
                    let (first, last) = self.time_ns.expect("a row was read");
                    return Next::Command { command, due_ns: last - first };
                }
                Played::Held => {
                    self.held = Some(row);
                    break;
                }
                Played::Skipped => {}
            }
        }
        Next::Wait
    }

    fn on_event(&mut self, event: &Message) {
        self.recorded.on_event(event);
    }

    fn notes(&self) -> Vec<(String, u64)> {
        self.recorded.notes(&[
            ("rows", self.read),
            ("hidden_skipped", self.hidden_skipped),
            ("crlf_lines", self.rows.crlf()),
        ])
    }
}
