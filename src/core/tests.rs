//! The sequencer over a real store: restarts, repeats, continuations, refusals, rotation.

mod quarantine;

use super::*;
use crate::agent::Agent;
use crate::limits::{FILLS_PER_STEP_MAX, RING_COMMANDS_PER_CYCLE_MAX};
use crate::metrics::{Counter, Counters};
use crate::ring::mapped::attach;
use crate::ring::{Producer, Refusal, pair};
use crate::state_machine::Capacity;
use crate::store::{
    Accepting, Durability, Executing, Identity, NotAccepted, Options as StoreOptions, StoreReader,
};
use crate::types::{Nanos, SourceId, flags};
use isochron_events::*;
use std::path::Path;

mod start;

fn options(directory: &Path) -> Options {
    let identity = Identity {
        exchange: "TEST".to_owned(),
        exchange_number: 7,
        node: 1,
        schema_id: SCHEMA_ID,
        schema_version: SCHEMA_VERSION,
    };
    let store = StoreOptions { term_bytes: 64 * 1024, ..StoreOptions::new(directory, identity) };
    Options { store, capacity: Capacity::default() }
}

fn open(directory: &Path, now: u64) -> (Sequencer, Started) {
    Sequencer::open(&options(directory), Nanos(now)).expect("the store opens")
}

fn bytes(command: impl Into<Message>, source: u32, source_sequence: u64) -> Vec<u8> {
    let mut command = command.into();
    let origin = crate::state_machine::command_origin_mut(&mut command).expect("a command");
    *origin = CommandOrigin { source, source_sequence };
    command.header_mut().session = 1;
    let mut bytes = vec![0; command.encoded_length()];
    command.encode(&mut bytes).expect("it fits");
    bytes
}

/// Takes commands of source 1, continuations included; all must be executed.
struct Feeder {
    sequencer: Sequencer,
    source_sequence: u64,
    now: u64,
}

impl Feeder {
    fn take(&mut self, command: impl Into<Message>) {
        self.source_sequence += 1;
        self.now += 10;
        let bytes = bytes(command, 1, self.source_sequence);
        assert_eq!(self.sequencer.take(&bytes, Nanos(self.now)), Taken::Executed);
    }

    fn finish(&mut self) {
        while self.sequencer.is_pending() {
            assert_eq!(self.sequencer.go_on(Nanos(self.now)), Taken::Executed);
        }
    }
}

fn name<const N: usize>(text: &str) -> [u8; N] {
    let mut name = [0; N];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

/// An exchange with two accounts that may trade one instrument, without a band.
fn open_market(feeder: &mut Feeder) {
    feeder.take(DefineMember { member: 1, ..Default::default() });
    feeder.take(DefineUser { user: 1, member: 1, ..Default::default() });
    feeder.take(DefineInstrument {
        instrument: 1,
        instrument_type: InstrumentType::COMMON_SHARE,
        symbol: name("AAPL"),
        settlement_currency: *b"USD",
        quote_currency: *b"USD",
        tick: 100,
        lot: 1,
        price_minimum: 100,
        price_maximum: 10_000_000,
        quantity_minimum: 1,
        quantity_maximum: 1_000_000,
        notional_maximum: 10_000_000_000_000,
        ..Default::default()
    });
    feeder.take(SessionOpened { opened_session: 1, member: 1, user: 1, ..Default::default() });
    feeder.take(DayStarted { trading_date: 20_261_122, rules_version: 1, ..Default::default() });
    feeder.take(PhaseChange { phase: Phase::OPEN, ..Default::default() });
    for account in [1, 2] {
        feeder.take(OpenAccount { account, member: 1, user: 1, ..Default::default() });
        let state = AccountState::VERIFIED;
        feeder.take(SetAccountState { account, state, ..Default::default() });
        let (currency, amount) = (*b"USD", 1_000_000_000_000);
        feeder.take(Transfer { account, currency, amount, ..Default::default() });
        feeder.take(Transfer { account, instrument: 1, amount: 10_000, ..Default::default() });
    }
}

fn order(account: u32, side: Side, quantity: u64, id: u64) -> NewOrderEvent {
    NewOrderEvent {
        account,
        user: 1,
        instrument: 1,
        side,
        order_type: OrderType::LIMIT,
        price: 100_000,
        quantity,
        client_order_id: name(&format!("c{id}")),
        ..Default::default()
    }
}

fn feeder(directory: &Path) -> Feeder {
    let (sequencer, _) = open(directory, 1_000);
    Feeder { sequencer, source_sequence: 0, now: 1_000 }
}

/// All messages of a log.
fn log(directory: &Path) -> Vec<Message> {
    let mut reader = StoreReader::attach(directory, None).expect("there is a store");
    let mut messages = Vec::new();
    while let Some(frame) = reader.next().expect("it is whole") {
        messages.push(Message::decode(frame.message).expect("it is of this schema"));
    }
    messages
}

#[test]
fn a_transaction_is_a_command_and_its_outcomes_stamped_and_flagged() {
    let directory = tempfile::tempdir().unwrap();
    let mut feeder = feeder(directory.path());
    open_market(&mut feeder);
    feeder.take(order(1, Side::SELL, 5, 1));
    feeder.take(order(2, Side::BUY, 5, 2));
    let log = log(directory.path());
    assert!(matches!(log[0], Message::EpochStarted(started) if started.epoch == 1));
    let last: Vec<_> = log[log.len() - 4..].iter().map(Message::name).collect();
    let names = ["NewOrderEvent", "OrderAcceptedEvent", "OrderFilledEvent", "OrderFilledEvent"];
    assert_eq!(last, names);
    let both = flags::END_OF_TRANSACTION | flags::END_OF_EVENT;
    let sequence = feeder.sequencer.sequence().0;
    for (n, message) in log[log.len() - 4..].iter().enumerate() {
        let header = message.header();
        assert_eq!((header.sequence, header.cause), (sequence, sequence));
        assert_eq!(header.timestamp, feeder.now);
        assert_eq!(header.flags, if n == 3 { both } else { 0 });
    }
}

#[test]
fn a_restart_executes_the_log_again_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = feeder(directory.path());
    open_market(&mut first);
    for n in 0..300 {
        let side = if n % 2 == 0 { Side::SELL } else { Side::BUY };
        first.take(order(1 + n as u32 % 2, side, 1 + n % 7, n));
    }
    let (hash, sequence) = (first.sequencer.machine().state_hash(), first.sequencer.sequence());
    let events = log(directory.path()).len() as u64;
    drop(first);
    let (second, started) = open(directory.path(), 500);
    assert_eq!((started.commands, started.events), (sequence.0, events));
    assert_eq!(second.machine().state_hash(), hash);
    assert_eq!(second.sequence().0, sequence.0 + 1, "the new epoch is a command");
    let epoch = log(directory.path()).pop().expect("it is not empty");
    assert!(matches!(epoch, Message::EpochStarted(started) if started.epoch == 2));
    assert_eq!(epoch.header().timestamp, 1_000 + 10 * (sequence.0 - 1), "time does not run back");
}

#[test]
fn repeats_and_what_is_no_command_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut feeder = feeder(directory.path());
    open_market(&mut feeder);
    let before = (feeder.sequencer.machine().state_hash(), feeder.sequencer.position());
    let take = |feeder: &mut Feeder, bytes: &[u8]| feeder.sequencer.take(bytes, Nanos(9_000));
    let repeated = bytes(Tick::default(), 1, feeder.source_sequence);
    assert_eq!(take(&mut feeder, &repeated), Taken::Repeat);
    let forged: [Message; 2] = [Continuation::default().into(), EpochStarted::default().into()];
    for command in forged {
        assert_eq!(take(&mut feeder, &bytes(command, 1, 1_000)), Taken::Malformed);
    }
    for source in [0, 1_025, u32::MAX] {
        assert_eq!(take(&mut feeder, &bytes(Tick::default(), source, 1)), Taken::Malformed);
    }
    let mut outcome = vec![0; OrderAcceptedEvent::ENCODED_LENGTH];
    OrderAcceptedEvent::default().encode(&mut outcome).unwrap();
    for junk in [&outcome[..], &[], &[0; 3], &[255; 200], &repeated[..repeated.len() - 1]] {
        assert_eq!(take(&mut feeder, junk), Taken::Malformed);
    }
    let after = (feeder.sequencer.machine().state_hash(), feeder.sequencer.position());
    assert_eq!(after, before);
    let other_source = bytes(Tick::default(), 2, 1);
    assert_eq!(take(&mut feeder, &other_source), Taken::Executed);
}

#[test]
fn a_long_sweep_goes_on_by_continuation_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = feeder(directory.path());
    open_market(&mut first);
    let makers = 2 * FILLS_PER_STEP_MAX as u64 + 6;
    for n in 0..makers {
        first.take(order(1, Side::SELL, 1, n));
    }
    first.take(order(2, Side::BUY, makers, 999));
    let cause = first.sequencer.sequence().0;
    assert!(first.sequencer.is_pending());
    drop(first);

    let (sequencer, _) = open(directory.path(), 2_000_000);
    let mut second = Feeder { sequencer, source_sequence: 10_000, now: 2_000_000 };
    second.finish();
    second.take(Tick::default());
    let log = log(directory.path());
    let of_event: Vec<_> = log.iter().filter(|message| message.header().cause == cause).collect();
    let fills = of_event.iter().filter(|m| matches!(m, Message::OrderFilledEvent(_))).count();
    assert_eq!(fills as u64, 2 * makers);
    let ends: Vec<_> =
        of_event.iter().map(|m| m.header().flags & flags::END_OF_EVENT != 0).collect();
    assert_eq!(ends.iter().filter(|end| **end).count(), 1);
    assert_eq!(ends.last(), Some(&true), "the event ends with its last step");
    let continued = |m: &&&Message| m.header().flags & flags::CONTINUATION != 0;
    let steps: std::collections::BTreeSet<_> =
        of_event.iter().filter(continued).map(|m| m.header().sequence).collect();
    assert_eq!(steps.len(), 2, "32 + 32 + 6 makers are three steps");
    assert_eq!(second.sequencer.machine().check_conservation(), Ok(()));
    // The log with an epoch between two steps of an event is executed again like any other.
    let hash = second.sequencer.machine().state_hash();
    drop(second);
    assert_eq!(open(directory.path(), 3_000_000).0.machine().state_hash(), hash);
}

#[test]
fn a_log_that_says_otherwise_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    {
        // Another writer, which answers a command as no rulebook would.
        let (mut writer, _) =
            crate::store::StoreWriter::open(&options.store, Nanos(1)).expect("it opens");
        let header = EventHeader { sequence: 1, timestamp: 1, cause: 1, ..Default::default() };
        let command = DefineMember { header, member: 1, ..Default::default() };
        let header = EventHeader { flags: 3, ..header };
        let answer = AdministrationApplied { header, subject: 2, command: 15 };
        let mut transaction = writer.begin(1_024).expect("there is room");
        for message in [Message::from(command), answer.into()] {
            transaction.append(message.encoded_length(), |bytes| {
                message.encode(bytes).expect("it fits");
            });
        }
        transaction.finish();
        writer.close().expect("it closes");
    }
    let Err(error) = Sequencer::open(&options, Nanos(2)) else { panic!("it was taken") };
    let diverges = matches!(&error, StartError::Replay(fault) if fault.is_divergence());
    assert!(diverges, "{error}");
    let error = error.to_string();
    assert!(error.contains("subject=1") && error.contains("subject=2"), "{error}");
}

#[test]
fn without_room_nothing_is_taken_and_the_control_page_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.store.durability = Durability::External;
    options.store.uncommitted_bytes_max = 32 * 1024;
    let (mut sequencer, _) = Sequencer::open(&options, Nanos(1)).expect("it opens");
    let reader = StoreReader::attach(directory.path(), None).expect("there is a store");
    let mut taken = 0;
    let refused = loop {
        match sequencer.take(&bytes(Tick::default(), 1, taken + 1), Nanos(2)) {
            Taken::Executed => taken += 1,
            other => break other,
        }
    };
    assert!(taken > 0 && matches!(refused, Taken::NotNow(_)), "{refused:?} after {taken}");
    assert_eq!(reader.accepting(), Accepting::Uncommitted);
    let (hash, position) = (sequencer.machine().state_hash(), sequencer.position());
    assert!(matches!(
        sequencer.take(&bytes(Tick::default(), 1, taken + 1), Nanos(2)),
        Taken::NotNow(_)
    ));
    assert_eq!((sequencer.machine().state_hash(), sequencer.position()), (hash, position));
    // It resumes by itself.
    sequencer.writer_mut().commit_to(position);
    let again = sequencer.take(&bytes(Tick::default(), 1, taken + 1), Nanos(2));
    assert_eq!((again, reader.accepting()), (Taken::Executed, Accepting::Yes));
}

#[test]
fn a_writer_whose_state_most_nodes_do_not_have_takes_nothing_in_its_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.store.durability = Durability::External;
    let (mut sequencer, _) = Sequencer::open(&options, Nanos(1)).expect("it opens");
    let mut committer = sequencer.writer_mut().take_committer().expect("once");
    let reader = StoreReader::attach(directory.path(), None).expect("there is a store");
    let offer = |sequencer: &mut Sequencer, number| {
        sequencer.take(&bytes(Tick::default(), 1, number), Nanos(2))
    };
    assert_eq!(offer(&mut sequencer, 1), Taken::Executed);
    committer.take_nothing(2);
    committer.take_nothing(3);
    let refused = Taken::NotNow(NotAccepted::Differs { nodes: 2 });
    assert_eq!((offer(&mut sequencer, 2), reader.accepting()), (refused, Accepting::Differs));
    let end = sequencer.position();
    assert!(committer.commit_to(end) && reader.accepting() == Accepting::Differs);
    sequencer.close().expect("it closes");
    committer.take_nothing(2);
    let (mut sequencer, _) = Sequencer::open(&options, Nanos(3)).expect("it opens");
    assert_eq!((offer(&mut sequencer, 2), reader.accepting()), (Taken::Executed, Accepting::Yes));
}

#[test]
fn rings_take_turns_and_none_waits_for_a_full_one() {
    let directory = tempfile::tempdir().unwrap();
    let (sequencer, _) = open(directory.path(), 1);
    let (mut producers, consumers): (Vec<Producer>, Vec<_>) = (0..3).map(|_| pair(1 << 20)).unzip();
    let counters = Counters::in_memory();
    let mut core = CoreAgent::new(sequencer, consumers, CoreCounters::new(&counters));
    let bound = RING_COMMANDS_PER_CYCLE_MAX as u64;
    for (source, commands) in [(1, 3 * bound), (2, 1), (3, bound + 1)] {
        for n in 1..=commands {
            let command = bytes(Tick::default(), source, n);
            producers[source as usize - 1].try_write(&command).expect("the ring has room");
        }
    }
    let mut cycles = Vec::new();
    while cycles.last() != Some(&0) {
        cycles.push(core.do_work(Nanos(5)));
    }
    let bound = bound as usize;
    assert_eq!(cycles, [2 * bound + 1, bound + 1, bound, 0]);
    assert_eq!(counters.get(Counter::COMMANDS_EXECUTED), 4 * bound as u64 + 2);
    assert_eq!(counters.get(Counter::TRANSACTIONS_APPENDED), 4 * bound as u64 + 2);
    producers[0].try_write(&bytes(Tick::default(), 1, 1)).expect("the ring has room");
    producers[0].try_write(&[1, 2, 3]).expect("the ring has room");
    assert_eq!(core.do_work(Nanos(6)), 2);
    let counted = [Counter::CORE_REPEATS, Counter::CORE_MALFORMED, Counter::TRANSACTIONS_APPENDED];
    assert_eq!(counted.map(|counter| counters.get(counter)), [1, 1, 4 * bound as u64 + 2]);
    let sources: Vec<u32> = log(directory.path())[1..]
        .iter()
        .map(|m| crate::state_machine::command_origin(m).expect("ticks have no outcomes").source)
        .collect();
    let turns: Vec<u32> = sources.chunk_by(|a, b| a == b).map(|turn| turn[0]).collect();
    // The first cycle begins with the first ring, the second with the second.
    assert_eq!(turns, [1, 2, 3, 1]);
    let lengths: Vec<usize> = sources.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    assert_eq!(lengths, [bound, 1, bound + 1, 2 * bound]);
}

/// A core in `directory` that takes commands of `source` from the ring file beside it.
fn core_with_ring(directory: &Path, source: u32, counters: &Counters) -> CoreAgent {
    let (sequencer, _) = open(&directory.join("store"), 1);
    let (path, epoch) = (directory.join("rings/a.ring"), sequencer.epoch());
    let inlet = Inlet::open(&path, SourceId(source), 1 << 16, epoch).expect("the ring is free");
    CoreAgent::with_inlets(sequencer, vec![inlet], CoreCounters::new(counters))
}

#[test]
fn what_a_crash_left_in_a_ring_is_not_executed_and_may_be_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let counters = Counters::in_memory();
    let mut core = core_with_ring(directory.path(), 3, &counters);
    let mut producer = attach(&directory.path().join("rings/a.ring")).unwrap().producer;
    let send = |producer: &mut Producer, n| producer.try_write(&bytes(Tick::default(), 3, n));
    (1..=5).for_each(|n| send(&mut producer, n).expect("the ring has room"));
    // The first cycle sees that there is a producer.
    assert_eq!([core.do_work(Nanos(2)), core.do_work(Nanos(2))], [0, 5]);
    (6..=9).for_each(|n| send(&mut producer, n).expect("the ring has room"));
    drop(core);

    let counters = Counters::in_memory();
    let mut core = core_with_ring(directory.path(), 3, &counters);
    let left = Left { messages: 4, source_sequences: Some((6, 9)) };
    assert_eq!(core.pass_over_left(), [left]);
    // The source finds out before it sends anything more, and sends those again.
    assert_eq!(send(&mut producer, 10), Err(Refusal::Renewed { generation: 2 }));
    assert_eq!(core.do_work(Nanos(3)), 0);
    assert_eq!(producer.rejoin(), Ok(2));
    (6..=10).for_each(|n| send(&mut producer, n).expect("the ring has room"));
    assert_eq!([core.do_work(Nanos(4)), core.do_work(Nanos(4))], [0, 5]);
    let counted = [Counter::COMMANDS_EXECUTED, Counter::CORE_REPEATS, Counter::RING_LEFT];
    assert_eq!(counted.map(|counter| counters.get(counter)), [5, 0, 4]);
    let origins = log(&directory.path().join("store"))
        .iter()
        .filter_map(crate::state_machine::command_origin)
        .filter(|origin| origin.source == 3)
        .map(|origin| origin.source_sequence)
        .collect::<Vec<_>>();
    assert_eq!(origins, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_source_sends_only_in_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let counters = Counters::in_memory();
    let mut core = core_with_ring(directory.path(), 3, &counters);
    let mut producer = attach(&directory.path().join("rings/a.ring")).unwrap().producer;
    for source in [2, 3, 4] {
        producer.try_write(&bytes(Tick::default(), source, 1)).expect("the ring has room");
    }
    core.pass_over_left();
    assert_eq!(core.do_work(Nanos(2)), 3);
    let counted = [Counter::COMMANDS_EXECUTED, Counter::CORE_MALFORMED];
    assert_eq!(counted.map(|counter| counters.get(counter)), [1, 2]);
}

#[test]
fn a_damaged_ring_is_given_up_and_the_others_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let counters = Counters::in_memory();
    let (sequencer, _) = open(&directory.path().join("store"), 1);
    let path = directory.path().join("a.ring");
    let spoilt = Inlet::open(&path, SourceId(1), 1 << 16, sequencer.epoch()).unwrap();
    let (mut sound, consumer) = pair(1 << 16);
    let rings = vec![spoilt, consumer.into()];
    let mut core = CoreAgent::with_inlets(sequencer, rings, CoreCounters::new(&counters));
    let mut producer = attach(&path).unwrap().producer;
    producer.try_write(&bytes(Tick::default(), 1, 1)).expect("the ring has room");
    let records = 384;
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8], records).unwrap();
    for n in 1..=3 {
        sound.try_write(&bytes(Tick::default(), 2, n)).expect("the ring has room");
        core.do_work(Nanos(n));
    }
    assert_eq!(counters.get(Counter::COMMANDS_EXECUTED), 3);
    assert_eq!(counters.get(Counter::RING_DAMAGED.of_ring(0)), 1);
    assert_eq!(counters.get(Counter::RING_DAMAGED.of_ring(1)), 0);
    let faults: Vec<_> = core.faults().map(|fault| fault.map(|fault| fault.position)).collect();
    assert_eq!(faults, [Some(0), None]);
    assert_eq!(producer.check(), Err(Refusal::Damaged));
}
