//! Demos that lose their primary.

use std::path::{Path, PathBuf};

use isochron::state_machine::command_origin;
use isochron::store::StoreReader;
use isochron_events::Message;
use serde_json::Value;

use crate::ends::children;
use crate::program::{Program, run, send_signal, wait};
use crate::report::{Totals, assert_in_step, is_running, number, read};

/// A demo of three nodes, slow enough for a machine that does much else.
const SMALL: [&str; 7] = ["demo", "--standbys", "2", "--rate", "300", "--seconds", "6"];

/// All messages of a log.
fn messages(store: &Path) -> Vec<Vec<u8>> {
    let (mut reader, mut messages) = (StoreReader::attach(store, None).unwrap(), Vec::new());
    while let Some(frame) = reader.next().unwrap() {
        messages.push(frame.message.to_vec());
    }
    messages
}

/// The demo's own commands in a log, by their numbers.
fn numbers(log: &[Vec<u8>]) -> Vec<u64> {
    let commands = log.iter().filter_map(|message| {
        let origin = command_origin(&Message::decode(message).unwrap())?;
        (origin.source == 1).then_some(origin.source_sequence)
    });
    commands.collect()
}

#[test]
fn the_primary_is_killed_and_a_standby_goes_on_with_all_that_was_confirmed() {
    let here = tempfile::tempdir().unwrap();
    let (nodes, json) = (here.path().join("nodes"), here.path().join("report.json"));
    let arguments = ["--store", nodes.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let ended = run(SMALL.into_iter().chain(arguments));
    let report = read(&json);
    assert_in_step(&ended, &report);
    for subscriber in report["subscribers"].as_array().unwrap() {
        let own = &subscriber["report"];
        assert_eq!(own["session"], report["subscribers"][0]["report"]["session"]);
        assert_eq!(number(&own["snapshots"]), 0, "nobody began anew");
    }
    let failover = &report["failover"];
    assert_eq!((number(&failover["killed"]), number(&failover["epoch"])), (1, 2));
    let held = number(&failover["in_flight_held"]);
    let in_flight = held + number(&failover["in_flight_not_accepted"]);
    assert_eq!(number(&failover["in_flight"]), in_flight);
    let confirmed = number(&failover["confirmed_before"]);
    let commands = number(&report["commands"]);
    assert!(0 < confirmed && confirmed + in_flight <= commands, "{failover}");
    let phase = |name: &str| number(&failover["latency"][name]["count"]);
    assert_eq!(phase("before") + phase("during") + phase("after"), commands);
    assert!(
        number(&failover["without_service_ns"]) > number(&failover["promote_to_confirmation_ns"])
    );
    assert!(ended.out.contains(" s without service; a day of 99.99 % allows 8.64 s\n"));

    // The same from the logs alone.
    let stores: Vec<PathBuf> = (1..=3).map(|n| nodes.join(format!("node{n}/store"))).collect();
    let logs: Vec<_> = stores.iter().map(|store| messages(store)).collect();
    assert!(logs[0] == logs[1] && logs[0] == logs[2], "one log");
    let own = numbers(&logs[0]);
    let expected: Vec<u64> = (1..=own.len() as u64).collect();
    assert!(own == expected, "each command is there, once, in its order");
    assert!(own.len() as u64 > commands, "the administration too");
    assert_eq!(number(&report["events"]), logs[0].len() as u64);
    Totals::of(&stores[0]).assert_equal(&report);
    for store in &stores {
        let replayed = run(["replay", "--json", store.to_str().unwrap()]);
        let line: Value = serde_json::from_str(&replayed.out).unwrap();
        assert_eq!(line["state_hash"], report["state_hash"]);
    }
}

/// The processes of a demo's nodes.
fn nodes(demo: &Program) -> Vec<u32> {
    let of = |command| children(demo.pid(), command);
    let (primary, standbys) = (of("serve"), of("standby"));
    assert_eq!((primary.len(), standbys.len()), (1, 2));
    primary.into_iter().chain(standbys).collect()
}

/// A demo that trades, long before its primary is killed.
fn trading() -> (Program, Vec<u32>) {
    let mut demo = Program::start(SMALL.into_iter().take(5).chain(["--seconds", "600"]));
    demo.line_with("  1 s ");
    let nodes = nodes(&demo);
    (demo, nodes)
}

#[test]
fn a_demo_with_standbys_leaves_no_process_however_it_ends() {
    let (demo, interrupted) = trading();
    demo.signal("INT");
    let ended = demo.end();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(ended.out.contains("interrupted: trading ended early"), "{}", ended.out);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    assert!(!interrupted.into_iter().any(|pid| is_running(pid.into())));
    let (demo, orphaned) = trading();
    let subscribers = children(demo.pid(), "subscribe");
    demo.signal("KILL");
    assert_eq!(demo.end().code, None);
    for pid in orphaned {
        wait("the node ends", || (!is_running(pid.into())).then_some(()));
    }
    for pid in subscribers {
        send_signal(pid, "TERM");
        wait("the subscriber ends", || (!is_running(pid.into())).then_some(()));
    }
}

#[test]
fn a_node_that_nobody_killed_must_not_end() {
    let (demo, nodes) = trading();
    send_signal(nodes[2], "KILL");
    let ended = demo.end();
    assert_eq!(ended.code, Some(2), "{}", ended.out);
    assert!(ended.errors.contains(" has ended by itself"), "{}", ended.errors);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    assert!(!nodes.into_iter().any(|pid| is_running(pid.into())));
}
