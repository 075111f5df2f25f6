//! The exchange that is killed: a core on a persistent store, its segment helper, and two sources
//! that send as fast as they are taken, in a process of its own.
//!
//! ```text
//!   source 1 ══ ring ══▶ ┐                    ┌──▶ the sources: what is committed
//!                        core ══▶ store ══════┤
//!   source 2 ══ ring ══▶ ┘                    └──▶ the witness, another process
//!       └─▶ sent: how far each source has sent, in a file that survives the process
//! ```
//!
//! A source starts from what the log says, and sends the last commands in the log once more: what
//! was taken must not be taken again.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use isochron::agent::{Agent, IdleStrategy, Placement, StopFlag, SystemClock, start, take};
use isochron::agent::{Clock, Running};
use isochron::core::{CoreAgent, CoreCounters, Intake, Options, Sequencer};
use isochron::metrics::Counters;
use isochron::ring::{Producer, pair};
use isochron::state_machine::{Capacity, command_origin};
use isochron::store::{Identity, Options as StoreOptions, SegmentHelper, StoreReader};
use isochron::types::{Nanos, SourceId};
use isochron_events::{Message, SCHEMA_ID, SCHEMA_VERSION};

use crate::script::{SOURCES, Script};

/// Commands of one source that may be on their way: the core never waits for a source.
const IN_FLIGHT_MAX: u64 = 2_048;

/// Commands that a source sends in one cycle.
const COMMANDS_PER_CYCLE_MAX: usize = 256;

/// Commands of the log that a source sends again when it starts.
const RESENT: u64 = 100;

const RING_BYTES: usize = 1024 * 1024;

/// How often a process looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(1);

/// The files of one trial.
#[derive(Clone, Debug)]
pub(crate) struct Files(pub(crate) PathBuf);

impl Files {
    /// The store.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// How far each source has sent: a word each, little endian.
    pub(crate) fn sent(&self) -> PathBuf {
        self.0.join("sent")
    }

    /// What the witness saw.
    pub(crate) fn witness(&self) -> PathBuf {
        self.0.join("witness")
    }

    /// What the exchange counts.
    pub(crate) fn counters(&self) -> PathBuf {
        self.store().join("counters")
    }

    /// Asks a process to stop, by being there.
    pub(crate) fn stop(&self, who: &str) -> PathBuf {
        self.0.join(format!("stop-{who}"))
    }

    /// Waits until there is a file that asks for the end, or whoever started this process died.
    pub(crate) fn wait_for_stop(&self, who: &str, mut beside: impl FnMut() -> bool) {
        let parent = std::os::unix::process::parent_id();
        while !self.stop(who).exists() && std::os::unix::process::parent_id() == parent && beside()
        {
            std::thread::sleep(LOOK);
        }
    }
}

pub(crate) fn store_options(directory: &Path) -> StoreOptions {
    let identity = Identity {
        exchange: "CRASH".to_owned(),
        exchange_number: 11,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    StoreOptions { term_bytes: 64 * 1024, ..StoreOptions::new(directory, identity) }
}

/// One life of the exchange; it says on its standard output what it found and how it ended.
pub(crate) fn live(files: &Files, shared: bool) {
    let clock = SystemClock::new();
    let store = store_options(&files.store());
    let options = Options { store, capacity: Capacity::default() };
    // Nobody but this test ends it: as an operator who knows that would, it forgives the sources.
    let intake = Intake { release: (1..=SOURCES).map(SourceId).collect(), ..Intake::default() };
    let opened = Sequencer::open_with(&options, &intake, clock.now());
    let (mut sequencer, started) = opened.expect("it opens");
    let helper = sequencer.writer_mut().take_helper().expect("it is taken once");
    let sent = File::create(files.sent()).expect("a file for what is sent");
    let (mut sources, mut rings) = (Vec::<Box<dyn Agent>>::new(), Vec::new());
    for source in 1..=SOURCES {
        let (producer, consumer) = pair(RING_BYTES);
        rings.push(consumer);
        let sent = sent.try_clone().expect("the file once more");
        sources.push(Box::new(Source::new(source, &sequencer, files, producer, sent)));
    }
    let (position, hash) = (sequencer.position(), sequencer.machine().state_hash());
    // The harness may have begun a line of its own.
    let cut = started.recovery.cut.map_or(0, |cut| cut.to.0 - cut.from.0);
    let executing = u8::from(started.recovery.executing.is_some());
    println!("\nopened {position} {hash:032x} {cut} {executing}");
    let core = CoreAgent::new(sequencer, rings, CoreCounters::new(&Counters::in_memory()));
    let mut agents = sources;
    agents.push(Box::new(core));
    agents.push(Box::new(Segments(helper)));
    let running = run(agents, shared, &clock);
    files.wait_for_stop("exchange", || !running.is_finished());
    running.stop();
    let mut agents = running.join().expect("no agent panics");
    let core = take::<CoreAgent>(&mut agents).expect("there is a core");
    let sequencer = core.into_sequencer();
    let (position, hash) = (sequencer.position(), sequencer.machine().state_hash());
    sequencer.close().expect("it closes");
    println!("\nstopped {position} {hash:032x}");
}

/// One thread for all, or one for each.
pub(crate) fn run(agents: Vec<Box<dyn Agent>>, shared: bool, clock: &SystemClock) -> Running {
    let placement = match shared {
        true => Placement::shared(IdleStrategy::BACK_OFF),
        false => Placement::dedicated(IdleStrategy::BACK_OFF),
    };
    start(agents, &placement, clock, &StopFlag::new()).expect("the threads start")
}

/// Prepares segments.
pub(crate) struct Segments(pub(crate) SegmentHelper);

impl Agent for Segments {
    fn name(&self) -> &str {
        "segments"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        self.0.do_work(now)
    }
}

/// Sends the script of one source.
struct Source {
    source: u32,
    script: Script,
    reader: StoreReader,
    ring: Producer,
    sent: File,
    /// The number of the last command that is in the log, and of the one to send next.
    committed: u64,
    next: u64,
}

impl Source {
    /// Goes on behind what is in the log.
    fn new(source: u32, core: &Sequencer, files: &Files, ring: Producer, sent: File) -> Self {
        let mut reader = StoreReader::attach(&files.store(), None).expect("there is a store");
        reader.seek(core.position(), None).expect("it is the end of the log");
        let committed = core.machine().accounts().sources.get(source).copied().unwrap_or(0);
        let next = committed.saturating_sub(RESENT) + 1;
        Self { source, script: Script::new(), reader, ring, sent, committed, next }
    }

    fn read(&mut self) -> usize {
        let Self { reader, committed, source, .. } = self;
        let read = reader.poll(512, |frame| {
            let event = Message::decode(frame.message).expect("it is of this schema");
            if let Some(origin) = command_origin(&event).filter(|o| o.source == *source) {
                *committed = origin.source_sequence;
            }
        });
        read.expect("the log can be read")
    }

    fn send(&mut self) -> usize {
        let mut count = 0;
        while count < COMMANDS_PER_CYCLE_MAX && self.next <= self.committed + IN_FLIGHT_MAX {
            let command = self.script.command(self.source, self.next);
            let Ok(mut claim) = self.ring.try_claim(command.encoded_length()) else { break };
            command.encode(&mut claim).expect("the claim has the message's length");
            claim.commit();
            self.next += 1;
            count += 1;
        }
        if count > 0 {
            // After the ring has them: what the file says was sent.
            let place = u64::from(self.source - 1) * 8;
            let written = self.sent.write_all_at(&(self.next - 1).to_le_bytes(), place);
            written.expect("the file can be written");
        }
        count
    }
}

impl Agent for Source {
    fn name(&self) -> &str {
        if self.source == 1 { "source-1" } else { "source-2" }
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        self.read() + self.send()
    }
}

/// How far each source has sent, as the last process left it.
pub(crate) fn sent(files: &Files) -> Vec<u64> {
    let bytes = fs::read(files.sent()).unwrap_or_default();
    let mut words = vec![0; SOURCES as usize];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    }
    words
}
