//! At a rate: from the time at which an event is meant to be in the store to its last datagram.
//!
//! The log's transactions are written once more, into another store, each at its time; one that
//! could not be written in time is late by that much. The feed spins on a core of its own.

use super::publish::{Ready, Setting, beside, open};
use super::text;
use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, Running, StopFlag, SystemClock, cores_available, start,
    take,
};
use crate::bench::report::histogram;
use crate::bench::watch::{Mark, Watched};
use crate::limits::TERM_BYTES_MAX;
use crate::market_data::FeedAgent;
use crate::memory::table;
use crate::metrics::{Counter, Counters};
use crate::store::{Options as StoreOptions, StoreReader, StoreWriter, framed};
use crate::types::{Nanos, Position};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Bytes of the longest transaction, and room for its messages' lengths.
const TRANSACTION_FRAMES: usize = 512;

/// How long the feed may take to come to the end, when all is written.
const END_NS: u64 = 1_000_000_000;

/// How often the end of a run is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What a run came to.
pub(super) struct Paced {
    pub(super) latencies: Histogram<u64>,
    pub(super) held: u64,
}

/// Writes a log's transactions at their times.
struct WriterAgent {
    reader: StoreReader,
    writer: StoreWriter,
    /// The setup is written as fast as it goes, and published before the orders begin.
    setup_to: Position,
    setup_written_to: Position,
    feed: Counters,
    interval_ns: u64,
    orders: usize,
    begin: Option<u64>,
    /// When each was meant to be there, and where it ended.
    intended: Vec<Mark>,
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    last: u64,
    /// Set when all is written.
    done: StopFlag,
    failure: Option<String>,
}

impl WriterAgent {
    /// Reads the next transaction; false at the log's end.
    fn next(&mut self) -> Result<bool, String> {
        self.bytes.clear();
        self.lengths.clear();
        while let Some(frame) = self.reader.next().map_err(text)? {
            self.bytes.extend_from_slice(frame.message);
            self.lengths.push(frame.message.len());
            if frame.ends_transaction {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write(&mut self) -> Result<Position, String> {
        let bytes = self.lengths.iter().map(|length| framed(*length)).sum();
        let mut transaction = self.writer.begin(bytes).map_err(text)?;
        let mut rest = &self.bytes[..];
        for length in &self.lengths {
            let (message, after) = rest.split_at(*length);
            transaction.append(*length, |buffer| buffer.copy_from_slice(message));
            rest = after;
        }
        Ok(transaction.finish())
    }

    fn step(&mut self, now: Nanos) -> Result<usize, String> {
        if self.intended.len() >= self.orders {
            self.done.stop();
            return Ok(0);
        }
        let is_setup = self.reader.position() < self.setup_to;
        let mut due = 0;
        if !is_setup {
            if self.feed.get(Counter::FEED_POSITION) < self.setup_written_to.0 {
                return Ok(0);
            }
            let begin = *self.begin.get_or_insert(now.0 + 100_000_000);
            due = begin + self.intended.len() as u64 * self.interval_ns;
            if now.0 < due {
                return Ok(0);
            }
        }
        if !self.next()? {
            self.orders = self.intended.len();
            return Ok(0);
        }
        let position = self.write()?;
        if is_setup {
            self.setup_written_to = position;
        } else {
            self.intended.push(Mark { position: position.0, time: due });
            self.last = now.0;
        }
        Ok(1)
    }
}

impl Agent for WriterAgent {
    fn name(&self) -> &str {
        "writer"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        match self.step(now) {
            Ok(work) => work,
            Err(error) => {
                self.failure = Some(error);
                0
            }
        }
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }
}

/// Where the log's setup ends: behind the first order.
fn setup_end(setting: &Setting<'_>) -> Result<(Position, u64), String> {
    let mut reader = StoreReader::attach(setting.store, None).map_err(text)?;
    let mut end = Position(0);
    while let Some(frame) = reader.next().map_err(text)? {
        let template = u16::from_le_bytes([frame.message[2], frame.message[3]]);
        if template == isochron_events::NewOrderEvent::TEMPLATE_ID {
            break;
        }
        if frame.ends_transaction {
            end = frame.end;
        }
    }
    let log_end = reader.end().map_err(text)?;
    Ok((end, log_end.get()))
}

/// Runs it at so many orders a second.
pub(super) fn run(setting: &Setting<'_>, rate: u64, seconds: u64) -> Result<Paced, String> {
    let clock = setting.clock;
    let scratch = tempfile::tempdir_in(setting.scratch).map_err(text)?;
    let (directory, logs) = (scratch.path().join("store"), scratch.path().join("logs"));
    std::fs::create_dir(&logs).map_err(text)?;
    let (setup_to, bytes) = setup_end(setting)?;
    let reader = StoreReader::attach(setting.store, None).map_err(text)?;
    let mut store = StoreOptions::new(&directory, reader.meta().identity.clone());
    // One segment, prepared before.
    store.term_bytes = (bytes as usize).next_power_of_two().clamp(1 << 20, TERM_BYTES_MAX);
    let (writer, _) = StoreWriter::open(&store, clock.now()).map_err(text)?;
    let Ready { feed, beside: agents, counters, _port } = open(setting, &directory, &logs)?;
    let orders = (rate * seconds) as usize;
    let done = StopFlag::new();
    let writer = WriterAgent {
        reader,
        writer,
        setup_to,
        setup_written_to: Position(0),
        feed: counters,
        interval_ns: 1_000_000_000 / rate,
        orders,
        begin: None,
        intended: table(orders),
        bytes: Vec::with_capacity(TRANSACTION_FRAMES * 64),
        lengths: Vec::with_capacity(TRANSACTION_FRAMES),
        last: 0,
        done: done.clone(),
        failure: None,
    };
    let helpers = start(agents, &beside(), clock, &StopFlag::new()).map_err(text)?;
    let feed =
        Watched::new(feed, *clock, 2 * orders + (1 << 20), |feed: &FeedAgent| feed.sent_to().0);
    let running =
        start(vec![Box::new(writer), Box::new(feed)], &spinning(), clock, &StopFlag::new());
    let running = running.map_err(text)?;
    wait(clock, &running, &done);
    running.stop();
    let joined = running.join().map_err(|panics| format!("{} agents panicked", panics.len()));
    helpers.stop();
    helpers.join().map_err(|panics| format!("{} helpers panicked", panics.len()))?;
    let mut agents = joined?;
    let writer: Box<WriterAgent> = take(&mut agents).ok_or("the writer is gone")?;
    let feed: Box<Watched<FeedAgent>> = take(&mut agents).ok_or("the feed is gone")?;
    let (feed, sent, _) = feed.finish();
    if let Some(fault) = writer.failure.or(feed.fault().map(text)) {
        return Err(fault);
    }
    join(&writer.intended, &sent, writer.last)
}

/// Writer and feed with a core each and spinning, where there are two.
fn spinning() -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::BACK_OFF),
        _ => Placement { cores: vec![1, 0], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// Waits until all was written and the feed had the time to come to the end.
fn wait(clock: &SystemClock, running: &Running, done: &StopFlag) {
    while !done.is_stopped() && !running.is_finished() {
        std::thread::sleep(LOOK);
    }
    let deadline = clock.now().0 + END_NS;
    while clock.now().0 < deadline && !running.is_finished() {
        std::thread::sleep(LOOK);
    }
}

/// Each event's time in the store and the time at which it was sent.
fn join(intended: &[Mark], sent: &[Mark], last: u64) -> Result<Paced, String> {
    let mut latencies = histogram();
    let mut sent = sent.iter().peekable();
    for event in intended {
        while sent.next_if(|mark| mark.position < event.position).is_some() {}
        let Some(mark) = sent.peek() else { return Err("the feed did not come to the end".into()) };
        latencies.saturating_record(mark.time.saturating_sub(event.time).max(1));
    }
    let elapsed_ns = last.saturating_sub(intended.first().map_or(last, |first| first.time)).max(1);
    let held = (intended.len() as u128 * 1_000_000_000 / u128::from(elapsed_ns)) as u64;
    Ok(Paced { latencies, held })
}
