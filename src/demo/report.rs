//! What a demo came to: figures, checks, and whether all of them hold.

use super::standbys::Failover;
use super::subscribers::Ended;
use super::tally::Tally;
use crate::matching::BookIndex;
use crate::metrics::Percentiles;
use crate::state_machine::StateMachine;
use serde_json::{Map, Value, json};
use std::fmt;

/// One thing that must be true.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// What.
    pub(super) name: String,
    /// What was found otherwise; `None` if it is true.
    pub(super) fault: Option<String>,
}

/// Everything about one run.
pub(super) struct Report {
    /// What the log came to.
    pub(super) tally: Tally,
    /// What the flow counted about its input.
    pub(super) notes: Vec<(String, u64)>,
    /// From the intended send time to committed.
    pub(super) latencies: Percentiles,
    /// Latencies that could not be recorded.
    pub(super) latencies_missed: u64,
    /// From the first order to the last one committed.
    pub(super) trading_ns: u64,
    /// Whether commands had times at which they were meant to be sent: latencies of what is sent as
    /// fast as it is taken say nothing about a client's.
    pub(super) open_loop: bool,
    /// Whether a signal ended it early.
    pub(super) interrupted: bool,
    /// Commands after the setup.
    pub(super) commands: u64,
    /// Events in the log.
    pub(super) events: u64,
    /// Bytes of the log.
    pub(super) log_bytes: u64,
    /// Messages on the feed, all channels together.
    pub(super) feed_messages: u64,
    /// Those of the channel that the subscribers follow.
    pub(super) l3_messages: u64,
    /// Datagrams of the feed.
    pub(super) feed_datagrams: u64,
    /// The state at the end.
    pub(super) state_hash: u128,
    /// Each instrument's book at the end, as the engine has it.
    pub(super) checksums: Vec<EngineBook>,
    /// The subscribers' last words.
    pub(super) subscribers: Vec<Ended>,
    /// How the primary was lost, where it was.
    pub(super) failover: Option<Failover>,
    /// What must be true.
    pub(super) checks: Vec<Check>,
}

/// A book as the engine has it.
#[derive(Clone, Debug)]
pub(super) struct EngineBook {
    /// The instrument.
    pub(super) instrument: u32,
    /// Its trading symbol.
    pub(super) symbol: String,
    /// CRC-32 over its orders.
    pub(super) checksum: u32,
    /// Its orders.
    pub(super) orders: u64,
}

/// All books of the engine.
#[must_use]
pub(super) fn engine_books(machine: &StateMachine) -> Vec<EngineBook> {
    let table = &machine.instruments().table;
    let books = table.iter().map(|(id, instrument)| EngineBook {
        instrument: id,
        symbol: instrument.terms.symbol.to_string(),
        checksum: machine.books().checksum(BookIndex(table.slot(id).expect("iterated"))),
        orders: u64::from(instrument.live_orders),
    });
    books.collect()
}

/// What a subscriber must have ended with.
#[must_use]
pub(super) fn check_subscriber(ended: &Ended, published: u64, books: &[EngineBook]) -> Check {
    let number = |name: &str| ended.report.as_ref().and_then(|report| report[name].as_u64());
    let by = |name: &str, word: &str| {
        number(name).filter(|n| *n > 0).map_or_else(String::new, |n| format!(", {n} {word}"))
    };
    let repaired = by("repaired_udp", "repaired by UDP") + &by("repaired_tcp", "repaired by TCP");
    let name = format!("subscriber {} saw everything{repaired}", ended.pid);
    Check { name, fault: subscriber_fault(ended, published, books) }
}

/// That there was a datagram of this number to throw away: a loss that was asked for and did not
/// happen proves nothing.
pub(super) fn check_dropped(ended: &[Ended], number: u64) -> Check {
    let name = format!("the first subscriber threw away datagram {number}, as asked for");
    let report = ended.first().and_then(|ended| ended.report.as_ref());
    let came = report.and_then(|report| report["data_datagrams"].as_u64());
    let fault = match came {
        Some(came) if came >= number => None,
        Some(came) => Some(format!("{came} datagrams with messages came, and none was lost")),
        None => Some("there is no subscriber that says so".to_owned()),
    };
    Check { name, fault }
}

fn subscriber_fault(ended: &Ended, published: u64, books: &[EngineBook]) -> Option<String> {
    if ended.exit_code != Some(0) {
        let code = ended.exit_code.map(|code| format!("exit code {code}"));
        let end = code.unwrap_or_else(|| "ended by a signal".to_owned());
        let said = ended.errors.lines().filter(|line| !line.starts_with("listening to "));
        return Some(format!("{end}: {}", said.collect::<Vec<_>>().join("\n")));
    }
    let Some(report) = &ended.report else { return Some("it left no report".to_owned()) };
    let number = |name: &str| report.get(name).and_then(Value::as_u64);
    let words = |number: Option<u64>| number.map_or("nothing".to_owned(), |n| n.to_string());
    for (name, expected) in
        [("first_sequence", 1), ("lost", 0), ("next_sequence", published.saturating_add(1))]
    {
        let found = number(name);
        if found != Some(expected) {
            return Some(format!("{name} {}, expected {expected}", words(found)));
        }
    }
    for book in books {
        let seen = &report["checksums"][book.instrument.to_string()];
        let (checksum, orders) = (seen["checksum"].as_u64(), seen["orders"].as_u64());
        if checksum != Some(book.checksum.into()) || orders != Some(book.orders) {
            return Some(format!(
                "instrument {} ({}): checksum {} over {} orders, the engine has {} over {}",
                book.instrument,
                book.symbol,
                words(checksum),
                words(orders),
                book.checksum,
                book.orders
            ));
        }
    }
    None
}

impl Report {
    /// Whether every check holds.
    #[must_use]
    pub(super) fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.fault.is_none())
    }

    /// Commands a second while trading.
    #[must_use]
    pub(super) fn rate(&self) -> u64 {
        let rate = u128::from(self.commands) * 1_000_000_000 / u128::from(self.trading_ns.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// The report as JSON; keys in alphabetical order.
    #[must_use]
    pub(super) fn to_json(&self) -> Value {
        let checksums: Map<String, Value> = self
            .checksums
            .iter()
            .map(|book| {
                let value = json!({
                    "symbol": book.symbol, "checksum": book.checksum, "orders": book.orders,
                });
                (book.instrument.to_string(), value)
            })
            .collect();
        let subscribers: Vec<Value> = self
            .subscribers
            .iter()
            .map(|ended| {
                json!({"pid": ended.pid, "exit_code": ended.exit_code, "report": ended.report})
            })
            .collect();
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                json!({"name": check.name, "holds": check.fault.is_none(), "fault": check.fault})
            })
            .collect();
        let mut notes = Map::new();
        for (label, number) in &self.notes {
            notes.insert(label.clone(), json!(number));
        }
        let mut report = self.tally.to_json();
        let more = json!({
            "input": notes,
            "commands": self.commands,
            "commands_per_second": self.rate(),
            "trading_ns": self.trading_ns,
            "interrupted": self.interrupted,
            "events": self.events,
            "log_bytes": self.log_bytes,
            "feed_messages": self.feed_messages,
            "l3_messages": self.l3_messages,
            "feed_datagrams": self.feed_datagrams,
            "open_loop": self.open_loop,
            "latency": self.latencies.to_json(),
            "latencies_missed": self.latencies_missed,
            "state_hash": format!("{:032x}", self.state_hash),
            "checksums": checksums,
            "subscribers": subscribers,
            "failover": self.failover.as_ref().map(Failover::to_json),
            "checks": checks,
            "holds": self.holds(),
        });
        if let (Some(report), Value::Object(more)) = (report.as_object_mut(), more) {
            report.extend(more);
        }
        report
    }
}

impl Report {
    /// What the flow counted: one line, and one for each line of a file that is named.
    fn show_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names_line = |label: &str| label.ends_with(", line") || label.ends_with(", byte");
        write!(f, "input:")?;
        for (label, number) in &self.notes {
            if *number > 0 && !names_line(label) {
                write!(f, "  {label} {number}")?;
            }
        }
        writeln!(f)?;
        for (label, number) in self.notes.iter().filter(|(label, _)| names_line(label)) {
            writeln!(f, "  {label} {number}")?;
        }
        Ok(())
    }
}

impl Report {
    /// What each line brought to each subscriber.
    fn show_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Ended { pid, report, .. } in &self.subscribers {
            let Some(report) = report else { continue };
            write!(f, "subscriber {pid}:")?;
            for (key, name) in [("a", "A"), ("b", "B")] {
                let line = &report["lines"][key];
                let number = |name: &str| line[name].as_u64().unwrap_or(0);
                let (first, lost) = (number("messages"), number("lost"));
                write!(f, "  {name} brought {first} first, lost {lost}")?;
            }
            let number = |name: &str| report[name].as_u64().unwrap_or(0);
            let (udp, tcp) = (number("repaired_udp"), number("repaired_tcp"));
            writeln!(f, "  repaired {udp} by UDP, {tcp} by TCP  lost {}", number("lost"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.trading_ns as f64 / 1e9;
        if self.interrupted {
            writeln!(f, "interrupted: trading ended early")?;
        }
        writeln!(
            f,
            "{} commands in {seconds:.1} s, {} a second; {} events, {:.1} MB of log",
            self.commands,
            self.rate(),
            self.events,
            self.log_bytes as f64 / 1e6
        )?;
        writeln!(f, "{}", self.tally)?;
        self.show_notes(f)?;
        let kind = if self.open_loop { "open-loop" } else { "not open-loop" };
        if self.latencies.count > 0 {
            writeln!(f, "latency to committed, {kind}: {}", self.latencies)?;
        }
        if self.latencies_missed > 0 {
            writeln!(f, "{} latencies were not recorded", self.latencies_missed)?;
        }
        if let Some(failover) = &self.failover {
            write!(f, "{failover}")?;
        }
        let Self { feed_messages, l3_messages, feed_datagrams, .. } = self;
        writeln!(
            f,
            "feed: {feed_messages} messages, {l3_messages} of them L3, in {feed_datagrams} datagrams"
        )?;
        self.show_lines(f)?;
        writeln!(f, "state hash {:032x}", self.state_hash)?;
        for Check { name, fault } in &self.checks {
            match fault {
                None => writeln!(f, "  ok    {name}")?,
                // The further lines of a fault stand below its first.
                Some(fault) => {
                    writeln!(f, "  FAIL  {name}: {}", fault.replace('\n', "\n        "))?;
                }
            }
        }
        let verdict = if self.holds() { "all checks hold" } else { "A CHECK FAILED" };
        write!(f, "{verdict}")
    }
}
