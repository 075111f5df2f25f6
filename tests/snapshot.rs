//! The follower over a real log: snapshots while it is written, starts from each, failures.

#[path = "feed_loopback/publishing.rs"]
mod publishing;

use isochron::agent::Agent;
use isochron::core::{Options as CoreOptions, Sequencer, Taken as Took};
use isochron::demo::flow::{Flow, Mix, Next};
use isochron::market_data::{CHANNEL_L3, Feed, OpenChannel, Output, Plan};
use isochron::metrics::{Counter, Counters};
use isochron::net::{Endpoint, ReservedPort};
use isochron::node::{feed_from_snapshot, read_side_sections};
use isochron::snapshot::{
    Begun, Budget, RetentionAgent, SnapshotAgent, SnapshotCounters, SnapshotOptions,
};
use isochron::state_machine::{Capacity, Replay, StateMachine, command_origin_mut};
use isochron::store::{
    Check, Identity, Options as StoreOptions, ReaderOptions, RealDisk, Registration, SECTION_FEED,
    SECTION_STATE, SnapshotInfo, Snapshots, StoreReader, release_reader,
};
use isochron::types::{Nanos, Position};
use isochron_events::{CommandOrigin, DayEnding, DayStarted, Message, Phase, PhaseChange};
use publishing::Publishing;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn store(directory: &Path) -> StoreOptions {
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 7,
        node: 1,
        schema_id: isochron_events::SCHEMA_ID,
        schema_version: isochron_events::SCHEMA_VERSION,
    };
    StoreOptions { term_bytes: 256 * 1024, ..StoreOptions::new(directory, identity) }
}

fn core(directory: &Path) -> CoreOptions {
    CoreOptions { store: store(directory), capacity: Capacity::default() }
}

/// An exchange with the demo's flow.
struct Trading {
    sequencer: Sequencer,
    flow: Mix,
    sent: u64,
}

const DATE: u32 = 20_260_105;

impl Trading {
    fn open(directory: &Path) -> Trading {
        let (sequencer, _) = Sequencer::open(&core(directory), Nanos(1)).unwrap();
        let mut trading = Trading { sequencer, flow: Mix::new(3, DATE, 1 << 30), sent: 0 };
        for command in trading.flow.setup() {
            trading.submit(command);
        }
        // The setup is long, and one snapshot behind it is enough.
        let (mut agent, begun) = agent(directory, options(u64::MAX));
        assert!(begun.snapshot.is_none() && begun.skipped.is_empty());
        run(&mut agent, 1);
        agent.take(Nanos(1)).unwrap();
        trading
    }

    fn submit(&mut self, command: impl Into<Message>) {
        let mut command = command.into();
        self.sent += 1;
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence: self.sent };
        }
        let mut buffer = [0; 2_048];
        let length = command.encode(&mut buffer).unwrap();
        let now = Nanos(1_800_000_000_000_000_000 + self.sent * 1_000_000);
        let mut took = self.sequencer.take(&buffer[..length], now);
        loop {
            assert_eq!(took, Took::Executed);
            self.sequencer.outcomes().messages().for_each(|outcome| self.flow.on_event(&outcome));
            if !self.sequencer.is_pending() {
                return;
            }
            took = self.sequencer.go_on(now);
        }
    }

    fn trade(&mut self, commands: usize) {
        for _ in 0..commands {
            match self.flow.next() {
                Next::Command { command, .. } => self.submit(command),
                _ => panic!("the flow goes on"),
            }
        }
    }

    fn end_day(&mut self) {
        self.submit(PhaseChange { phase: Phase::CLOSED, ..Default::default() });
        self.submit(DayEnding { trading_date: DATE, ..Default::default() });
    }

    fn start_day(&mut self) {
        let trading_date = DATE + 1;
        self.submit(DayStarted { trading_date, rules_version: 1, ..Default::default() });
        self.submit(PhaseChange { phase: Phase::OPEN, ..Default::default() });
    }
}

fn reader(directory: &Path) -> StoreReader {
    let options = ReaderOptions { check: Check::Content, ..ReaderOptions::default() };
    StoreReader::attach_on(Arc::new(RealDisk), directory, &options).unwrap()
}

fn snapshots(directory: &Path) -> Snapshots {
    Snapshots::new(Arc::new(RealDisk), directory, &store(directory).identity)
}

fn options(every: u64) -> SnapshotOptions {
    SnapshotOptions {
        capacity: Capacity::default(),
        every: Some(every),
        budget: Budget::default(),
        keep: 100,
        make_sections: read_side_sections(&every_product()),
    }
}

fn agent(directory: &Path, options: SnapshotOptions) -> (SnapshotAgent, Begun) {
    let counters = SnapshotCounters::new(&Counters::in_memory());
    let mut agent = SnapshotAgent::new(reader(directory), snapshots(directory), options, counters);
    let Begun { snapshot, skipped } = agent.begin().unwrap();
    let begun = Begun { snapshot: *snapshot, skipped: skipped.clone() };
    (agent, begun)
}

fn run(agent: &mut SnapshotAgent, now: u64) {
    while agent.do_work(Nanos(now)) > 0 {}
    assert!(agent.fault().is_none(), "{:?}", agent.fault());
}

fn infos(directory: &Path) -> Vec<SnapshotInfo> {
    let snapshots = snapshots(directory);
    let open = |position| *snapshots.open(position).unwrap().info();
    snapshots.list().unwrap().into_iter().map(open).collect()
}

/// Conflated often, so that most snapshots have something waiting.
fn every_product() -> Plan {
    Plan::all(40_000_000)
}

/// A channel's number, and a message or the name of a session.
type ChannelMessage = (u16, Vec<u8>);

/// All that a feed sends of a log from its reader's place on.
fn feed_from(mut feed: Feed, reader: &mut StoreReader) -> Vec<ChannelMessage> {
    let mut sent = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        let event = Message::decode(frame.message).unwrap();
        feed.on_event(&event, &mut |output| {
            sent.push(match output {
                Output::Session { channel, session } => (channel.number(), session.0.to_vec()),
                Output::Message { channel, bytes } => (channel.number(), bytes.to_vec()),
            });
        });
    }
    assert_eq!(feed.anomalies(), 0);
    sent
}

/// Snapshots while the exchange trades and over the end of a day: from each of them state and feed
/// go on to where the whole log leads.
#[test]
fn state_and_feed_go_on_from_every_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    let (mut agent, begun) = agent(directory, options(1_000));
    assert!(begun.snapshot.is_some() && begun.skipped.is_empty());
    for _ in 0..6 {
        trading.trade(700);
        run(&mut agent, 1);
    }
    trading.end_day();
    run(&mut agent, 1);
    trading.start_day();
    trading.trade(1_500);
    run(&mut agent, 1);
    let hash = trading.sequencer.machine().state_hash();
    let infos = infos(directory);
    let ended = infos.iter().filter(|info| info.trading_date == DATE && info.day_ended).count();
    assert!(infos.len() >= 6, "{} snapshots", infos.len());
    assert_eq!(ended, 1, "one at the day's end");

    let whole = feed_from(Feed::new(&every_product()), &mut reader(directory));
    let channels: BTreeSet<u16> = whole.iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels.len(), 7);
    for info in infos {
        let file = snapshots(directory).open(info.place.position).unwrap();
        let machine = || {
            let mut state = file.section(SECTION_STATE).unwrap().unwrap();
            StateMachine::restore(&mut state, Capacity::default(), info.state_hash).unwrap()
        };
        let begin = |reader: &mut StoreReader| {
            reader.seek(info.place.position, Some(info.place.chain)).unwrap();
        };
        let mut state_reader = reader(directory);
        begin(&mut state_reader);
        let mut replay = Replay::resume(machine(), info.sequence, info.time.get());
        while let Some(frame) = state_reader.next().unwrap() {
            replay.on_event(&Message::decode(frame.message).unwrap()).unwrap();
        }
        assert_eq!(replay.machine().state_hash(), hash);

        let mut section = file.section(SECTION_FEED).unwrap().unwrap();
        let feed = Feed::restore(&every_product(), &mut section, &machine()).unwrap();
        let open: Vec<_> = feed.channels().collect();
        let mut feed_reader = reader(directory);
        begin(&mut feed_reader);
        let rest = feed_from(feed, &mut feed_reader);
        assert!(whole.ends_with(&rest), "other messages from {}", info.place.position);
        // The number is that of the message in its session.
        let before = &whole[..whole.len() - rest.len()];
        assert_eq!(open.len(), 7);
        for OpenChannel { channel, session, next_sequence } in open {
            let of_channel = before.iter().filter(|(number, _)| *number == channel.number());
            let of_channel: Vec<_> = of_channel.map(|(_, bytes)| bytes).collect();
            let begun = of_channel.iter().rposition(|sent| sent.len() == 10).unwrap();
            assert_eq!(session.0[..], of_channel[begun][..]);
            assert_eq!(next_sequence, (of_channel.len() - begun) as u64);
        }
        // One product of them goes on alone as well.
        let mut section = file.section(SECTION_FEED).unwrap().unwrap();
        let feed = Feed::restore(&Plan::default(), &mut section, &machine()).unwrap();
        let mut l3_reader = reader(directory);
        begin(&mut l3_reader);
        let of_l3 = rest.into_iter().filter(|(number, _)| *number == CHANNEL_L3.number());
        assert!(feed_from(feed, &mut l3_reader).into_iter().eq(of_l3));
    }
}

/// Flipped anywhere, a section is refused, or is not the one that was saved.
#[test]
fn a_feeds_section_with_other_bytes_is_refused_or_another() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    trading.trade(500);
    let (mut feed, mut reader) = (Feed::new(&every_product()), reader(directory));
    while let Some(frame) = reader.next().unwrap() {
        feed.on_event(&Message::decode(frame.message).unwrap(), &mut |_| {});
    }
    let bytes = |feed: &Feed| {
        let mut bytes = Vec::new();
        feed.save(&mut bytes).unwrap();
        bytes
    };
    let (saved, machine) = (bytes(&feed), trading.sequencer.machine());
    let restore = |bytes: &[u8]| Feed::restore(&every_product(), &mut &bytes[..], machine);
    assert_eq!(bytes(&restore(&saved).unwrap()), saved);
    let mut refused = 0;
    for bit in (0..saved.len() * 8).step_by(211) {
        let mut flipped = saved.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused += usize::from(restore(&flipped).is_err());
    }
    assert!(refused > 0);
    for length in (0..saved.len()).step_by(101) {
        assert!(restore(&saved[..length]).is_err(), "{length} bytes");
    }
    let wrong_plan = |plan: &Plan| Feed::restore(plan, &mut &saved[..], machine).err().unwrap();
    assert_eq!(wrong_plan(&Plan::all(1)), "conflated every 40000000 ns, not every 1",);
    let mut l3 = Vec::new();
    Feed::new(&Plan::default()).save(&mut l3).unwrap();
    let refused = Feed::restore(&every_product(), &mut &l3[..], machine).err().unwrap();
    assert_eq!(refused, "the feed that was saved had no l1");
    let other = StateMachine::new();
    assert!(Feed::restore(&Plan::default(), &mut &saved[..], &other).is_err(), "another state's");
}

#[test]
fn a_follower_begins_where_it_stopped_and_passes_over_what_is_bad() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    trading.trade(3_000);
    let (mut first, _) = agent(directory, options(1_000));
    run(&mut first, 1);
    drop(first);
    let positions = snapshots(directory).list().unwrap();
    assert!(positions.len() >= 3);
    let path = snapshots(directory).path(positions[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (mut second, begun) = agent(directory, options(1_000));
    assert_eq!(begun.snapshot.map(|info| info.place.position), Some(positions[1]));
    assert_eq!(begun.skipped.len(), 1);
    assert_eq!(second.position(), positions[1]);
    trading.trade(10);
    run(&mut second, 1);
    let hash = trading.sequencer.machine().state_hash();
    assert_eq!(second.follower().unwrap().replay().machine().state_hash(), hash);
}

#[test]
fn only_the_newest_few_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    let (mut agent, _) = agent(directory, SnapshotOptions { keep: 2, ..options(500) });
    trading.trade(4_000);
    run(&mut agent, 1);
    let newest: Vec<Position> = infos(directory).iter().map(|info| info.place.position).collect();
    assert_eq!(newest.len(), 2, "{newest:?}");
    assert_eq!(Some(newest[0]), agent.last_taken().map(|taken| taken.info.place.position));
}

/// Snapshots cannot be written: the follower follows, the exchange trades, and the next try works.
#[test]
fn a_snapshot_that_fails_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    let counters = Counters::in_memory();
    let counted = SnapshotCounters::new(&counters);
    let (reader, snapshots) = (reader(directory), snapshots(directory));
    let mut agent = SnapshotAgent::new(reader, snapshots, options(500), counted);
    agent.begin().unwrap();
    let count = |counter| counters.get(counter);
    // A file stands where the folder should be.
    std::fs::rename(directory.join("snapshots"), directory.join("aside")).unwrap();
    std::fs::write(directory.join("snapshots"), b"").unwrap();
    trading.trade(1_000);
    run(&mut agent, 1_000);
    assert_eq!((count(Counter::SNAPSHOTS_TAKEN), count(Counter::SNAPSHOT_FAILURES)), (0, 1));
    assert!(agent.last_failure().is_some());
    trading.trade(600);
    run(&mut agent, 2_000);
    assert_eq!(count(Counter::SNAPSHOT_FAILURES), 1, "not at once again");
    let hash = trading.sequencer.machine().state_hash();
    assert_eq!(
        agent.follower().unwrap().replay().machine().state_hash(),
        hash,
        "it follows all the same"
    );
    std::fs::remove_file(directory.join("snapshots")).unwrap();
    trading.trade(1);
    run(&mut agent, 20_000_000_000);
    assert_eq!(count(Counter::SNAPSHOTS_TAKEN), 1);
    assert!(agent.last_failure().is_none());
    assert_eq!(count(Counter::SNAPSHOT_POSITION), infos(directory)[0].place.position.get());
}

/// Two days, the first of them over and covered by two snapshots.
fn two_days(directory: &Path) -> Trading {
    let mut trading = Trading::open(directory);
    let (mut agent, _) = agent(directory, options(1_000));
    trading.trade(1_500);
    trading.end_day();
    run(&mut agent, 1);
    trading.start_day();
    trading.trade(1_500);
    run(&mut agent, 1);
    trading.sequencer.writer_mut().sync().unwrap();
    trading
}

fn retention(directory: &Path, trading: &mut Trading, counters: &Counters) -> RetentionAgent {
    let keeper = trading.sequencer.writer_mut().take_keeper().unwrap();
    let (disk, snapshots) = (Arc::new(RealDisk), snapshots(directory));
    RetentionAgent::new(keeper, snapshots, disk, directory.to_path_buf(), counters)
}

fn recycle(agent: &mut RetentionAgent, now: u64) {
    while agent.do_work(Nanos(now)) > 0 {}
    assert!(agent.last_failure().is_none(), "{:?}", agent.last_failure());
}

/// A dead reader holds the log, by name, until it has passed or is released; then a day that is
/// over goes, and everybody begins at a snapshot.
#[test]
fn a_day_that_is_over_is_recycled_when_every_reader_has_passed_it() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = two_days(directory);
    let base = infos(directory).into_iter().find(|info| info.day_ended).unwrap().place.position;
    let counters = Counters::in_memory();
    let mut agent = retention(directory, &mut trading, &counters);
    let mut feed = Registration::open(&RealDisk, directory, "feed", Position(0)).unwrap();
    let archive = Registration::open(&RealDisk, directory, "archive", Position(96)).unwrap();
    drop(archive);
    recycle(&mut agent, 1);
    assert_eq!(agent.held_by(), ["archive", "feed"]);
    assert_eq!(counters.get(Counter::LOG_HOLDERS), 2);
    assert_eq!((agent.kept_from(), reader(directory).position()), (Position(0), Position(0)));

    feed.pass(base);
    recycle(&mut agent, 2_000_000_000);
    assert_eq!(agent.held_by(), ["archive"], "dead, and it holds all the same");
    assert_eq!(agent.kept_from(), Position(0));

    assert!(release_reader(&RealDisk, directory, "archive").unwrap());
    recycle(&mut agent, 4_000_000_000);
    assert!(agent.held_by().is_empty());
    assert_eq!(agent.kept_from(), base);
    assert_eq!(counters.get(Counter::LOG_KEPT_FROM), base.get());
    assert_eq!(reader(directory).position(), base);
    assert!(!directory.join("00000000000000000000.log").exists());

    // A follower, the exchange and a look from outside begin at a snapshot.
    let hash = trading.sequencer.machine().state_hash();
    trading.sequencer.close().unwrap();
    drop(agent);
    let isochron = |arguments: [&str; 2]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
        let output = command.args(arguments).arg(directory).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let replayed = isochron(["replay", "--json"]);
    assert!(replayed.contains(&format!("{hash:032x}")), "{replayed}");
    let verified = isochron(["verify", "--every=1000"]);
    assert!(verified.contains("what is before is recycled"), "{verified}");
    let (sequencer, started) = Sequencer::open(&core(directory), Nanos(2)).unwrap();
    assert!(started.snapshot.is_some());
    assert_eq!(sequencer.machine().state_hash(), hash);
    drop(sequencer);

    // Without a snapshot nobody knows the state: nothing is begun.
    for position in snapshots(directory).list().unwrap() {
        let path = snapshots(directory).path(position);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let state = bytes.len() / 3;
        bytes[state] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let Err(error) = Sequencer::open(&core(directory), Nanos(3)) else { panic!("it began") };
    let text = error.to_string();
    assert!(text.contains(&format!("the log begins at {base}")), "{text}");
    assert!(text.contains("damaged"), "{text}");
}

/// Snapshots of a day that still runs, or a single one, let nothing go.
#[test]
fn nothing_of_a_day_that_runs_is_recycled() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut trading = Trading::open(directory);
    let counters = Counters::in_memory();
    let (mut follower, _) = agent(directory, SnapshotOptions { keep: 2, ..options(400) });
    trading.trade(2_000);
    run(&mut follower, 1);
    trading.sequencer.writer_mut().sync().unwrap();
    let mut agent = retention(directory, &mut trading, &counters);
    recycle(&mut agent, 1);
    assert_eq!(agent.kept_from(), Position(0));
}

/// A publisher that begins at a snapshot sends what was not sent, under the numbers that it would
/// have from the log's beginning.
#[test]
fn a_publisher_goes_on_from_a_snapshot() {
    let (directory, port) = (tempfile::tempdir().unwrap(), ReservedPort::new().unwrap());
    let directory = directory.path();
    let endpoint = Endpoint {
        group: Ipv4Addr::new(239, 77, 1, 3),
        port: port.get(),
        interface: Ipv4Addr::LOCALHOST,
    };
    let mut trading = Trading::open(directory);
    let (mut follower, _) = agent(directory, options(300));
    trading.trade(1_000);
    run(&mut follower, 1);
    let publish = |from_snapshot: bool| {
        let options = publishing::options(directory, endpoint);
        let fits = |_, _: &Feed| if from_snapshot { Ok(()) } else { Err("none".to_owned()) };
        let core = feed_from_snapshot(&snapshots(directory), &options.plan, fits).unwrap();
        let mut feed = Publishing::at(directory, reader(directory), &options);
        let mut begins_at = Position(0);
        if let Some((place, core)) = core {
            feed.agent = feed.agent.resume(core, place);
            begins_at = place.position;
        }
        feed.publish(Nanos(1));
        assert!(feed.agent.send_error().is_none());
        let count = |counter| feed.counters.get(counter);
        let sent = (count(Counter::FEED_MESSAGES), count(Counter::FEED_RESENT));
        let (_, next) = feed.agent.sessions().next().unwrap();
        (begins_at, next, sent, count(Counter::FEED_COMPARED))
    };
    let (begins_at, first_next, _, compared) = publish(false);
    assert_eq!((begins_at, compared), (Position(0), 0));
    trading.trade(400);
    let (begins_at, next, sent, compared) = publish(true);
    assert!(begins_at > Position(0));
    assert_eq!(sent, (next - first_next, 0), "what was sent before is not sent again");
    assert!(compared > 0, "and what was made again is what was logged");
    let (_, whole, sent, compared) = publish(false);
    assert_eq!((sent, compared), ((0, 0), whole - 1));
    assert_eq!(next, whole);
}
