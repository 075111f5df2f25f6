//! Datagrams that are lost, and subscribers that come late: with repair, and without.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::program::Program;
use crate::report::{demo, number, pasted};

#[test]
fn a_lost_datagram_is_asked_for_again_and_nothing_is_missing() {
    // The hundred definitions fill more than so many, however much goes into one datagram.
    let arguments = ["--seconds", "1", "--rate", "2000", "--drop-datagram", "5"];
    let (ended, report) = demo(&arguments);
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(0), Some(true)), "{}", ended.out);
    assert_eq!(ended.left, [] as [PathBuf; 0]);
    let own = &report["subscribers"][0]["report"];
    let repaired = number(&own["repaired_udp"]) + number(&own["repaired_tcp"]);
    let lost = number(&own["lines"]["a"]["lost"]);
    assert!(lost > 0 && number(&own["lines"]["b"]["lost"]) > 0, "on both lines: {own}");
    assert!(repaired >= lost.min(number(&own["lines"]["b"]["lost"])) && repaired > 0, "{own}");
    assert!(number(&own["gaps"]) > 0 && own["lost"] == 0, "{own}");
    let line = ended.out.lines().find(|line| line.contains(" saw everything, ")).unwrap();
    assert!(line.contains(&own["pid"].to_string()) && line.contains("repaired by"), "{line}");
}

#[test]
fn a_lost_datagram_without_repair_fails_the_demo_and_the_gap_is_named() {
    let arguments = ["--seconds", "1", "--rate", "2000", "--drop-datagram", "5", "--no-repair"];
    let (ended, report) = demo(&arguments);
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(1), Some(false)), "{}", ended.out);
    let subscribers = report["subscribers"].as_array().unwrap();
    let codes: Vec<_> = subscribers.iter().map(|s| s["exit_code"].as_i64()).collect();
    assert_eq!(codes, [Some(1), Some(0), Some(0)]);
    let lost = number(&subscribers[0]["report"]["lost"]);
    assert!(lost > 0);
    let line = ended.out.lines().find(|line| line.contains("FAIL")).unwrap();
    let (pid, named) = (&subscribers[0]["pid"], format!("{lost} messages"));
    assert!(line.contains(&pid.to_string()) && ended.out.contains(&named), "{}", ended.out);
    // The gap is the messages [first, next) of that datagram.
    let place = ended.out.split("lost [").nth(1).unwrap().split(')').next().unwrap();
    let (first, next) = place.split_once(", ").unwrap();
    let (first, next): (u64, u64) = (first.parse().unwrap(), next.parse().unwrap());
    assert_eq!(next - first, lost);
    assert!(1 < first && next <= number(&report["l3_messages"]) + 1, "{first} {next}");
    // The others, and the engine, are as they should be.
    let failed = |check: &&Value| check["holds"] == false;
    assert_eq!(report["checks"].as_array().unwrap().iter().filter(failed).count(), 1);
}

#[test]
fn a_datagram_that_never_came_cannot_be_lost_and_that_is_said() {
    let arguments =
        ["--seconds", "1", "--rate", "2000", "--subscribers", "1", "--drop-datagram", "1000000"];
    let (ended, report) = demo(&arguments);
    assert_eq!((ended.code, report["holds"].as_bool()), (Some(1), Some(false)), "{}", ended.out);
    let failed: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|c| c["holds"] == false).collect();
    assert_eq!(failed.len(), 1, "{report}");
    let came = &report["subscribers"][0]["report"]["data_datagrams"];
    let said = format!("{came} datagrams with messages came, and none was lost");
    assert!(number(came) > 0 && ended.out.contains(&said), "{}", ended.out);
}

#[test]
fn who_subscribes_late_joins_with_a_snapshot_and_without_repair_is_told_what_is_missing() {
    let mut demo = Program::start(["demo", "--seconds", "4", "--rate", "2000"]);
    let line = demo.line_with(" subscribe --group ");
    assert!(line.contains("--group 239.77.1.3") && line.contains("--group-b 239.78.1.3"), "{line}");
    demo.line_with("  1 s ");
    let (environment, arguments) = pasted(&line);
    let start = |arguments: &[String], more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
        command.args(arguments).args(more).envs(environment.iter().cloned());
        Program::start_command(command)
    };
    let repaired = start(&arguments, &["--json"]);
    let late = start(&arguments, &["--no-repair"]);
    let json = start(&arguments, &["--no-repair", "--json"]);
    // Without a server for requests a replay brings what is lost after the snapshot.
    let mut replaying = arguments.clone();
    let at = replaying.iter().position(|word| word == "--rerequest").unwrap();
    replaying.drain(at..at + 2);
    let replaying = start(&replaying, &["--json", "--drop-datagram", "100"]);
    let demo = demo.end();
    assert_eq!(demo.code, Some(0), "a subscriber more or less does not matter: {}", demo.out);

    let repaired = repaired.end();
    assert_eq!(repaired.code, Some(0), "{}{}", repaired.out, repaired.errors);
    let report: Value = serde_json::from_str(repaired.out.trim()).unwrap();
    assert_eq!((number(&report["lost"]), number(&report["snapshots"])), (0, 1), "{report}");
    assert!(number(&report["covered_by_snapshots"]) > 0, "{report}");
    let books = report["checksums"].as_object().unwrap();
    assert!(books.len() == 100 && books.values().all(|book| book["complete"] == true));

    let replaying = replaying.end();
    assert_eq!(replaying.code, Some(0), "{}{}", replaying.out, replaying.errors);
    let report: Value = serde_json::from_str(replaying.out.trim()).unwrap();
    assert!(number(&report["repaired_tcp"]) > 0, "{report}");
    assert_eq!((number(&report["lost"]), number(&report["repaired_udp"])), (0, 0), "{report}");

    let late = late.end();
    assert_eq!(late.code, Some(3), "{}{}", late.out, late.errors);
    let joined = late.errors.split("joined at ").nth(1).unwrap_or_else(|| panic!("{late:?}"));
    let (sequence, rest) = joined.split_once(',').unwrap();
    assert!(sequence.parse::<u64>().unwrap() > 1);
    assert!(rest.starts_with(" book incomplete"), "{}", late.errors);
    let json = json.end();
    let report: Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!((json.code, number(&report["lost"])), (Some(3), 0));
    assert!(number(&report["first_sequence"]) > 1 && json.errors.contains("book incomplete"));
}
