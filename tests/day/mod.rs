//! An exchange with its scheduler on the test's thread, whose clock is moved by hand and which can
//! be killed between any two duty cycles.

use isochron::agent::Agent;
use isochron::core::{CoreAgent, CoreCounters, Options, Sequencer};
use isochron::demo::flow::{Flow, Lobster};
use isochron::limits::SOURCE_SCHEDULER;
use isochron::metrics::{Counter, Counters};
use isochron::ring::{Producer, Refusal, pair};
use isochron::scheduler::{
    Calendar, CalendarOptions, EarlyClose, PhaseAt, SchedulerAgent, SchedulerCounters, Standing,
};
use isochron::state_machine::{Capacity, command_origin, command_origin_mut};
use isochron::store::{Identity, Options as StoreOptions, StoreReader};
use isochron::types::Nanos;
use isochron_events::{
    CommandOrigin, Message, NewOrderEvent, OrderType, Phase, SCHEMA_ID, SCHEMA_VERSION, Side,
};
use std::path::Path;

/// Bytes of a ring here.
pub(crate) const RING_BYTES: usize = 1 << 16;

/// Rings beside the scheduler's, each with a source of that number, from 1.
pub(crate) const SOURCES: usize = 2;

/// A UTC time.
pub(crate) fn at(text: &str) -> Nanos {
    let since_1970 = text.parse::<jiff::Timestamp>().expect("a UTC time").as_nanosecond();
    Nanos(u64::try_from(since_1970).expect("after 1970"))
}

/// New York: 26 November 2026, a Thursday, is a holiday, and the 27th ends early.
pub(crate) fn new_york() -> Calendar {
    let phases = [("09:00", "pre-open"), ("09:30", "open"), ("16:00", "closed")];
    let phase = |(at, phase): (&str, &str)| PhaseAt { at: at.to_owned(), phase: phase.to_owned() };
    let options = CalendarOptions {
        time_zone: "America/New_York".to_owned(),
        trading_days: ["mon", "tue", "wed", "thu", "fri"].map(str::to_owned).into(),
        holidays: vec!["2026-11-26".to_owned()],
        early_closes: vec![EarlyClose { date: "2026-11-27".to_owned(), at: "13:00".to_owned() }],
        day_start: "07:00".to_owned(),
        phases: phases.map(phase).into(),
        day_end: "16:30".to_owned(),
    };
    Calendar::new(&options).expect("the calendar makes sense")
}

pub(crate) fn store(directory: &Path) -> StoreOptions {
    let identity = Identity {
        exchange: "DAY".to_owned(),
        exchange_number: 1,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    StoreOptions { term_bytes: 64 * 1024, ..StoreOptions::new(directory, identity) }
}

/// A step of the calendar as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) time: u64,
    pub(crate) date: u32,
    pub(crate) step: &'static str,
}

/// What runs, until it is killed.
struct Running {
    core: CoreAgent,
    scheduler: SchedulerAgent,
    sources: Vec<Producer>,
}

/// The exchange. Calling order: `start`; then cycles; `kill` and `start` again.
pub(crate) struct World {
    /// Its store.
    pub(crate) directory: tempfile::TempDir,
    calendar: Calendar,
    pub(crate) confirmed: Option<u32>,
    pub(crate) now: Nanos,
    pub(crate) counters: Counters,
    running: Option<Running>,
    /// The last number of each source.
    numbers: [u64; SOURCES],
}

impl World {
    /// Not started yet.
    pub(crate) fn new(calendar: Calendar, now: Nanos) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let counters = Counters::in_memory();
        let (confirmed, running, numbers) = (None, None, [0; SOURCES]);
        Self { directory, calendar, confirmed, now, counters, running, numbers }
    }

    /// Started, with a market of two accounts of much money, before its first day.
    pub(crate) fn with_market(calendar: Calendar, now: Nanos) -> Self {
        let mut world = Self::new(calendar, now);
        world.start();
        let empty = Box::new(std::io::Cursor::new(Vec::new()));
        let setup = Lobster::new("TEST_1_message.csv", 20_261_122, empty).setup();
        for command in setup {
            if !matches!(command, Message::DayStarted(_) | Message::PhaseChange(_)) {
                world.send(1, command).expect("the ring has room");
                world.settle();
            }
        }
        world
    }

    /// Opens the store and starts everything.
    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let options =
            Options { store: store(self.directory.path()), capacity: Capacity::default() };
        let (sequencer, _) = Sequencer::open(&options, self.now).expect("the store opens");
        let standing = Standing::of(sequencer.machine(), sequencer.time());
        let mut reader = self.reader();
        reader.seek(sequencer.position(), None).expect("it is the end of the log");
        let (ring, consumer) = pair(RING_BYTES);
        let (sources, mut consumers): (Vec<_>, Vec<_>) =
            (0..SOURCES).map(|_| pair(RING_BYTES)).unzip();
        consumers.push(consumer);
        self.counters = Counters::in_memory();
        let core = CoreAgent::new(sequencer, consumers, CoreCounters::new(&self.counters));
        let counters = SchedulerCounters::new(&self.counters);
        let calendar = self.calendar.clone();
        let scheduler =
            SchedulerAgent::new(calendar, self.confirmed, standing, reader, ring, counters);
        self.running = Some(Running { core, scheduler, sources });
    }

    /// What was in the rings is lost, and the store is not closed.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    pub(crate) fn reader(&self) -> StoreReader {
        StoreReader::attach(self.directory.path(), None).expect("there is a store")
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it runs")
    }

    /// One duty cycle of the core.
    pub(crate) fn core(&mut self) -> usize {
        let now = self.now;
        self.running().core.do_work(now)
    }

    /// One duty cycle of the scheduler.
    pub(crate) fn scheduler(&mut self) -> usize {
        let now = self.now;
        let worked = self.running().scheduler.do_work(now);
        assert_eq!(self.running().scheduler.error(), None);
        worked
    }

    /// Runs both until neither has anything to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            if self.scheduler() + self.core() == 0 {
                return;
            }
        }
        panic!("there is always something to do");
    }

    /// The clock moves to `text`, and everything runs.
    pub(crate) fn settle_at(&mut self, text: &str) {
        self.now = at(text);
        self.settle();
    }

    pub(crate) fn sequencer(&mut self) -> &Sequencer {
        self.running().core.sequencer()
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// Puts a command of a source, from 1, into its ring.
    pub(crate) fn send(
        &mut self,
        source: usize,
        command: impl Into<Message>,
    ) -> Result<(), Refusal> {
        let mut command = command.into();
        let number = self.numbers[source - 1] + 1;
        *command_origin_mut(&mut command).expect("a command") =
            CommandOrigin { source: source as u32, source_sequence: number };
        let mut bytes = vec![0; command.encoded_length()];
        command.encode(&mut bytes).expect("it fits");
        self.running().sources[source - 1].try_write(&bytes)?;
        self.numbers[source - 1] = number;
        Ok(())
    }

    /// An order of the source's that rests.
    pub(crate) fn order(&self, source: usize) -> NewOrderEvent {
        let mut order = NewOrderEvent {
            account: 1,
            user: 1,
            instrument: 1,
            side: Side::SELL,
            order_type: OrderType::LIMIT,
            price: 100_000,
            quantity: 1,
            ..NewOrderEvent::default()
        };
        order.header.session = 1;
        let name = format!("c{source}-{}", self.numbers[source - 1] + 1);
        order.client_order_id[..name.len()].copy_from_slice(name.as_bytes());
        order
    }

    /// All messages of the log.
    pub(crate) fn log(&self) -> Vec<Message> {
        let mut reader = self.reader();
        let mut log = Vec::new();
        while let Some(frame) = reader.next().expect("the log is sound") {
            log.push(Message::decode(frame.message).expect("a message of the schema"));
        }
        log
    }

    /// The scheduler's commands in the log, without its ticks.
    pub(crate) fn steps(&self) -> Vec<Logged> {
        let mut date = 0;
        let mut steps = Vec::new();
        for message in self.log() {
            let own = command_origin(&message).is_some_and(|o| o.source == SOURCE_SCHEDULER);
            let step = match &message {
                Message::DayStarted(command) => {
                    date = command.trading_date;
                    "day_start"
                }
                Message::PhaseChange(command) => match command.phase {
                    Phase::PRE_OPEN => "pre-open",
                    Phase::OPEN => "open",
                    Phase::HALTED => "halted",
                    _ => "closed",
                },
                Message::DayEnding(command) => {
                    assert_eq!(command.trading_date, date);
                    "day_end"
                }
                _ => continue,
            };
            if own {
                steps.push(Logged { time: message.header().timestamp, date, step });
            }
        }
        steps
    }
}
