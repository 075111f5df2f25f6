//! The event store alone: frames of 128 bytes in transactions of three.
//!
//! ```text
//!   throughput:  append as fast as it goes, beside a plain copy of the same bytes
//!   delay:       append at a steady pace ─▶ segment ─▶ a reader in another process
//! ```
//!
//! In the delay pass writer and reader spin, each on a core of its own where there are two. The
//! reader says which of the late transactions met a gap in its own time, and of what kind.
//!
//! All frames of a pass fit the first segment, whose pages the store has touched before: preparing
//! segments is the helper's work, on another thread, and not measured here.

use super::causes;
use super::replay::{identity, scratch};
use super::report::{Report, Share, clock_ns, histogram, median, percentiles_json, us_line};
use super::watch::Watched;
use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, cores_available, start, take,
};
use crate::limits::{FRAME_HEADER_BYTES, TERM_BYTES_MAX, TERM_BYTES_MIN};
use crate::memory::table;
use crate::store::{Options, StoreReader, StoreWriter, framed};
use crate::types::{Nanos, flags};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::hint;
use std::io::{BufRead, BufReader};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FRAME_BYTES: usize = 128;
const MESSAGE_BYTES: usize = FRAME_BYTES - FRAME_HEADER_BYTES;
const FRAMES_PER_TRANSACTION: usize = 3;

/// Where an event's flags are, and where the benchmark puts the time of its publication.
const FLAGS_AT: usize = 36;
const STAMP_AT: usize = 40;

/// The pace of the delay pass: slow enough that the reader waits for each transaction.
const INTERVAL_NS: u64 = 20_000;

/// After so long without a transaction the reader gives up.
const SILENCE_NS_MAX: u64 = 10_000_000_000;

/// Options of `isochron bench store`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Frames that are appended in one pass.
    #[arg(long, default_value_t = 6_000_000,
          value_parser = clap::value_parser!(u64).range(3..=8_000_000))]
    pub(super) frames: u64,
    /// Transactions whose delay is measured.
    #[arg(long, default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) transactions: u64,
    /// Where the stores are made, for the time of the run; a temporary directory where none is
    /// given.
    #[arg(long)]
    pub(super) directory: Option<PathBuf>,
    /// Passes that measure throughput; their median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) passes: u8,
    /// Reads this store, as the other process of a run.
    #[arg(long, hide = true)]
    pub(super) read: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A store whose first segment holds so many frames.
fn open(directory: &Path, frames: u64) -> Result<StoreWriter, String> {
    // Each transaction is whole in its term, and a term is never filled to its last byte.
    let bytes = (frames as usize + FRAMES_PER_TRANSACTION) * FRAME_BYTES;
    let term_bytes = bytes.next_power_of_two().clamp(TERM_BYTES_MIN, TERM_BYTES_MAX);
    let options = Options { term_bytes, ..Options::new(directory, identity()) };
    let (writer, _) = StoreWriter::open(&options, SystemClock::new().now()).map_err(text)?;
    Ok(writer)
}

/// Appends one transaction; the last message is stamped.
#[inline]
fn append(writer: &mut StoreWriter, message: &[u8; MESSAGE_BYTES], stamp: u64) -> Option<()> {
    let mut transaction = writer.begin(FRAMES_PER_TRANSACTION * framed(MESSAGE_BYTES)).ok()?;
    for n in 1..=FRAMES_PER_TRANSACTION {
        transaction.append(MESSAGE_BYTES, |bytes| {
            bytes.copy_from_slice(message);
            if n == FRAMES_PER_TRANSACTION {
                bytes[FLAGS_AT] = flags::END_OF_TRANSACTION as u8;
                bytes[STAMP_AT..STAMP_AT + 8].copy_from_slice(&stamp.to_le_bytes());
            }
        });
    }
    transaction.finish();
    Some(())
}

/// A message of no meaning to anybody, whose flags are clear.
fn message() -> [u8; MESSAGE_BYTES] {
    let mut message = std::array::from_fn(|n| n as u8 | 1);
    message[FLAGS_AT..FLAGS_AT + 2].fill(0);
    message
}

/// Millions of frames a second.
fn throughput(args: &Args, directory: &Path, clock: &SystemClock) -> Result<f64, String> {
    let mut writer = open(directory, args.frames)?;
    let message = message();
    let transactions = args.frames / FRAMES_PER_TRANSACTION as u64;
    let start = clock.now();
    for _ in 0..transactions {
        append(&mut writer, &message, 0).ok_or("the segment is too small")?;
    }
    let elapsed_ns = (clock.now().0 - start.0).max(1);
    let frames = transactions * FRAMES_PER_TRANSACTION as u64;
    let found = writer.position().0;
    if found != frames * FRAME_BYTES as u64 {
        return Err(format!("{frames} frames came to {found} bytes"));
    }
    Ok(frames as f64 * 1e3 / elapsed_ns as f64)
}

/// The same bytes copied into memory that was touched before, in pieces of a transaction.
fn copy(args: &Args, clock: &SystemClock) -> f64 {
    let piece = [1; FRAMES_PER_TRANSACTION * FRAME_BYTES];
    let mut target = vec![1_u8; args.frames as usize * FRAME_BYTES];
    let start = clock.now();
    for bytes in target.chunks_exact_mut(piece.len()) {
        bytes.copy_from_slice(hint::black_box(&piece));
    }
    let elapsed_ns = (clock.now().0 - start.0).max(1);
    hint::black_box(&target);
    args.frames as f64 * 1e3 / elapsed_ns as f64
}

/// The other process.
struct Reader(Child);

impl Reader {
    fn start(directory: &Path, transactions: u64) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(text)?;
        let child = Command::new(program)
            .args(["bench", "store", "--transactions", &transactions.to_string(), "--read"])
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a reader: {error}"))?;
        Ok(Self(child))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// On a core of its own, spinning, where there are two; else it must let the other run.
fn placement(core: usize) -> Placement {
    match cores_available() {
        0 | 1 => Placement::shared(IdleStrategy::Yield),
        _ => Placement { cores: vec![core], ..Placement::dedicated(IdleStrategy::Spin) },
    }
}

/// Runs an agent on a thread until it stops itself.
fn run_alone<A: Agent>(
    agent: A,
    core: usize,
    clock: &SystemClock,
    stop: &StopFlag,
) -> Result<Box<A>, String> {
    let running = start(vec![Box::new(agent)], &placement(core), clock, stop).map_err(text)?;
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    take(&mut agents).ok_or_else(|| "the agent is gone".to_owned())
}

/// Appends a transaction each [`INTERVAL_NS`].
struct WriteAgent {
    writer: StoreWriter,
    message: [u8; MESSAGE_BYTES],
    clock: SystemClock,
    left: u64,
    due: u64,
    full: bool,
    stop: StopFlag,
}

impl Agent for WriteAgent {
    fn name(&self) -> &str {
        "writer"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        if self.left == 0 || self.full {
            self.stop.stop();
            return 0;
        }
        if now.0 < self.due {
            return 0;
        }
        // One that comes late does not hurry the next ones.
        self.due = (self.due + INTERVAL_NS).max(now.0);
        let stamp = self.clock.now().0;
        self.full = append(&mut self.writer, &self.message, stamp).is_none();
        self.left -= 1;
        1
    }
}

/// What the reader says of the delays.
fn delay(args: &Args, directory: &Path, clock: &SystemClock) -> Result<Value, String> {
    let writer = open(directory, args.transactions * FRAMES_PER_TRANSACTION as u64)?;
    let mut reader = Reader::start(directory, args.transactions)?;
    let stdout = reader.0.stdout.take().ok_or("the reader has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut line = || lines.next().ok_or("the reader ended at once")?.map_err(text);
    // It listens.
    line()?;
    let stop = StopFlag::new();
    let (message, left, due, full) = (message(), args.transactions, 0, false);
    let agent = WriteAgent { writer, message, clock: *clock, left, due, full, stop: stop.clone() };
    // It holds the store until the reader has seen all of it.
    let agent = run_alone(agent, 0, clock, &stop)?;
    if agent.full {
        return Err("the segment is too small".to_owned());
    }
    serde_json::from_str(&line()?).map_err(text)
}

/// Notes for each transaction when it was stamped and when it was there.
struct ReadAgent {
    reader: StoreReader,
    clock: SystemClock,
    ways: Vec<causes::Way>,
    heard: u64,
    error: Option<String>,
    stop: StopFlag,
}

impl ReadAgent {
    fn end(&mut self, error: impl Into<String>) -> usize {
        self.error = Some(error.into());
        self.stop.stop();
        0
    }
}

impl Agent for ReadAgent {
    fn name(&self) -> &str {
        "reader"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let Self { reader, clock, ways, .. } = self;
        match reader.next() {
            Ok(Some(frame)) => {
                if frame.ends_transaction {
                    let there = clock.now().0;
                    let stamp = frame.message[STAMP_AT..].first_chunk().copied();
                    ways.push((u64::from_le_bytes(stamp.unwrap_or_default()), there));
                    self.heard = there;
                }
            }
            Ok(None) if self.ways.len() == self.ways.capacity() => self.stop.stop(),
            Ok(None) if now.0 > self.heard + SILENCE_NS_MAX => {
                return self.end("nothing more comes");
            }
            Ok(None) => return 0,
            Err(error) => return self.end(error.to_string()),
        }
        1
    }
}

/// The reader's process: reads until it has seen all transactions, and prints their delays.
fn read(args: &Args, directory: &Path) -> Result<Report, String> {
    let reader = StoreReader::attach(directory, None).map_err(text)?;
    let (clock, stop) = (SystemClock::new(), StopFlag::new());
    let ways = table(usize::try_from(args.transactions).map_err(text)?);
    let heard = clock.now().0;
    let agent = ReadAgent { reader, clock, ways, heard, error: None, stop: stop.clone() };
    println!("listening");
    let (mut agent, _, sight) =
        run_alone(Watched::new(agent, clock, 0, |_| 0), 1, &clock, &stop)?.finish();
    if let Some(error) = agent.error {
        return Err(error);
    }
    let ways = mem::take(&mut agent.ways);
    let mut histogram = histogram();
    ways.iter().for_each(|(from, to)| histogram.saturating_record(to.saturating_sub(*from)));
    let mut json = percentiles_json(&histogram);
    let (thread, thread_json) = causes::sight(&sight);
    let (mut notes, causes) = causes::report(&ways, &[sight]);
    notes.insert(0, format!("to a reader, in us: {}", us_line(&histogram)));
    notes.push(thread);
    (json["notes"], json["causes"], json["thread"]) = (notes.into(), causes, thread_json);
    let line = json.to_string();
    Ok(Report { notes: Vec::new(), line, json, fault: None })
}

/// Measures; or reads, in the other process.
pub(super) fn run(args: &Args) -> Result<Report, String> {
    if let Some(directory) = &args.read {
        return read(args, directory);
    }
    let clock = SystemClock::new();
    let (mut rates, mut copies, mut percent) = (Vec::new(), Vec::new(), None);
    for _ in 0..args.passes {
        let scratch = scratch(args.directory.as_deref())?;
        let share = Share::begin(&clock);
        rates.push(throughput(args, scratch.path(), &clock)?);
        percent = share.percent(&clock);
        copies.push(copy(args, &clock));
    }
    let scratch = scratch(args.directory.as_deref())?;
    let delays = delay(args, scratch.path(), &clock)?;
    let clock_ns = clock_ns(&clock);
    let (rate, passes) = median(rates.clone(), "M frames/s");
    let (copied, copied_passes) = median(copies.clone(), "M frames/s by plain copy");
    let [p50, p99] = ["p50_ns", "p99_ns"].map(|name| delays[name].as_u64().unwrap_or(0));
    let seen = delays["count"].as_u64().unwrap_or(0);
    let fault = (seen != args.transactions)
        .then(|| format!("the reader saw {seen} of {} transactions", args.transactions));
    let mut notes = vec![
        format!(
            "{} frames of {FRAME_BYTES} bytes, {FRAMES_PER_TRANSACTION} a transaction",
            args.frames
        ),
        passes,
        copied_passes,
        Share::note(percent),
        format!("clock: {clock_ns} ns between two readings, included in the delays"),
        format!("{seen} transactions seen by another process, one each {INTERVAL_NS} ns"),
    ];
    let said = delays["notes"].as_array().cloned().unwrap_or_default();
    notes.extend(said.iter().filter_map(Value::as_str).map(str::to_owned));
    let line = format!(
        "store: {rate:.2} M frames/s, plain copy {copied:.2} M frames/s, to a reader p50 {p50} \
         p99 {p99}"
    );
    let json = json!({
        "bench": "store", "frames": args.frames, "frame_bytes": FRAME_BYTES,
        "frames_per_second": rate * 1e6, "copied_per_second": copied * 1e6,
        "passes_m_frames": rates, "passes_m_copied": copies, "core_percent": percent,
        "clock_ns": clock_ns, "delay": delays,
    });
    Ok(Report { notes, line, json, fault })
}
