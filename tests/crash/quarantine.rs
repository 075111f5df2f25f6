//! A command that panics the core, sent again after each restart: twice, then nobody hears its
//! source, and the exchange is there for all others.
//!
//! ```text
//!   life 1   B trades, A's poison ✗      life 3   A is quarantined, B trades
//!   life 2   B trades, A's poison ✗      life 4   released, and the fault is mended: A trades
//! ```

use std::path::Path;
use std::process::Command;

use isochron::agent::{Clock, SystemClock};
use isochron::core::{CoreAgent, CoreCounters, Drill, Intake, Options, Sequencer};
use isochron::metrics::{Counter, Counters};
use isochron::ring::{Producer, pair};
use isochron::state_machine::{Capacity, command_origin};
use isochron::store::StoreReader;
use isochron::types::SourceId;
use isochron_events::{Message, NewOrderEvent, Side};
use serde_json::{Value, json};

use crate::exchange::{Files, Segments, run, store_options};
use crate::process::{self, Process};
use crate::script::{Script, name, order, stamp};

const NAME: &str = "quarantine::two_deaths_quarantine_a_source_and_the_others_trade_on";

/// The sources: A of the poison, and B.
const A: u32 = 1;
const B: u32 = 2;
const POISON: &str = "poison";

/// A life of the exchange: A sends the setup, then its poison and a good order, again and again in
/// each life, as a source does that never saw them in the log; B sends an order of this life.
fn live(files: &Files, life: u64) {
    let clock = SystemClock::new();
    let options = Options { store: store_options(&files.store()), capacity: Capacity::default() };
    let drill = (life < 4).then_some(Drill { client_order_id: name(POISON) });
    let release = if life == 4 { vec![SourceId(A)] } else { Vec::new() };
    let intake = Intake { release, drill };
    let opened = Sequencer::open_with(&options, &intake, clock.now());
    let (mut sequencer, started) = opened.expect("it opens");
    let helper = sequencer.writer_mut().take_helper().expect("it is taken once");
    let counters = Counters::create(&files.counters()).expect("a counters file");
    let (mut producers, consumers): (Vec<_>, Vec<_>) = (0..2).map(|_| pair(1 << 20)).unzip();
    println!("\nopened {:?}", started.quarantined);
    let core = CoreAgent::new(sequencer, consumers, CoreCounters::new(&counters));
    let running = run(vec![Box::new(core), Box::new(Segments(helper))], false, &clock);
    let script = Script::new();
    let setup = script.setup_commands();
    for number in 1..=setup {
        send(&mut producers[0], script.command(A, number));
    }
    let mut log = StoreReader::attach(&files.store(), None).expect("there is a store");
    wait_for(&mut log, A, setup);
    let bought =
        NewOrderEvent { client_order_id: name(&format!("b{life}")), ..order(5, Side::BUY, 0, 1) };
    send(&mut producers[1], stamped(bought, B, life));
    wait_for(&mut log, B, life);
    for (number, id) in (setup + 1..).zip([POISON, "good"]) {
        let sold = NewOrderEvent { client_order_id: name(id), ..order(1, Side::SELL, 0, 1) };
        send(&mut producers[0], stamped(sold, A, number));
    }
    let done = || {
        counters.get(Counter::CORE_QUARANTINED) == 2
            || counters.get(Counter::COMMANDS_EXECUTED) == 3
    };
    files.wait_for_stop("life", || !running.is_finished() && !done());
    if !running.is_finished() {
        println!("\nready");
        files.wait_for_stop("life", || !running.is_finished());
        running.stop();
    }
    match running.join() {
        Ok(_) => {}
        Err(panics) => panic!("{}", panics[0]),
    }
}

fn stamped(order: NewOrderEvent, source: u32, number: u64) -> Message {
    let mut command = order.into();
    stamp(&mut command, source, number);
    command
}

fn send(ring: &mut Producer, command: Message) {
    let mut claim = ring.try_claim(command.encoded_length()).expect("the ring has room");
    command.encode(&mut claim).expect("the claim has the message's length");
    claim.commit();
}

/// Waits until a command is in the log.
fn wait_for(log: &mut StoreReader, source: u32, number: u64) {
    let mut seen = false;
    while !seen {
        let read = log.poll(100, |frame| {
            let event = Message::decode(frame.message).expect("it is of this schema");
            let origin = command_origin(&event);
            seen |= origin.is_some_and(|o| o.source == source && o.source_sequence == number);
        });
        if read.expect("the log can be read") == 0 {
            std::thread::yield_now();
        }
    }
}

/// The orders in the log, by their names.
fn orders(files: &Files) -> Vec<String> {
    let mut log = StoreReader::attach(&files.store(), None).expect("there is a store");
    let mut orders = Vec::new();
    while let Some(frame) = log.next().expect("it is whole") {
        if let Ok(Message::NewOrderEvent(order)) = Message::decode(frame.message) {
            let id = String::from_utf8_lossy(&order.client_order_id).into_owned();
            orders.push(id.trim_end_matches('\0').to_owned());
        }
    }
    orders
}

/// What `isochron stat` says of the exchange that runs.
fn stat(store: &Path) -> Value {
    let mut stat = Command::new(env!("CARGO_BIN_EXE_isochron"));
    let said = stat.arg("stat").arg(store).args(["--once", "--json"]).output().expect("it runs");
    serde_json::from_slice(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

#[test]
fn two_deaths_quarantine_a_source_and_the_others_trade_on() {
    if let Some((life, files)) = process::asked_for() {
        return live(&files, life.parse().expect("a number"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files(folder.path().to_owned());
    let poison = Script::new().setup_commands() + 1;
    for life in ["1", "2"] {
        let mut process = Process::start(NAME, life, &files);
        assert_eq!(process.said("opened")[1], "[]");
        let said = process.dies();
        let named = format!("agent core panicked: executing command {poison} of source {A}: ");
        assert!(said.contains(&named), "{said}");
    }
    assert_eq!(orders(&files), ["b1", "b2"]);

    let mut process = Process::start(NAME, "3", &files);
    assert_eq!(process.said("opened")[1], format!("[SourceId({A})]"));
    process.said("ready");
    let shown = stat(&files.store());
    assert_eq!(shown["store"]["quarantined"], json!([A]), "{shown}");
    assert_eq!(shown["store"]["accepting"], "yes", "{shown}");
    assert_eq!(shown["counters"]["core-quarantined"], 2, "{shown}");
    process.stop(&files, "life");
    assert_eq!(orders(&files), ["b1", "b2", "b3"]);

    let mut process = Process::start(NAME, "4", &files);
    assert_eq!(process.said("opened")[1], "[]");
    process.said("ready");
    process.stop(&files, "life");
    assert_eq!(orders(&files), ["b1", "b2", "b3", "b4", "poison", "good"]);
}
