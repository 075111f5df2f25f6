//! `isochron demo` as anybody runs it: real processes, real multicast, files, and exit codes.
//!
//! What a report says is judged against the log that the run leaves, against the subscribers'
//! own reports, and for order files against totals worked out by hand.

#[path = "demo/ends.rs"]
mod ends;
#[path = "demo/files.rs"]
mod files;
#[path = "demo/loss.rs"]
mod loss;
#[path = "demo/mix.rs"]
mod mix;
mod program;
#[path = "demo/report.rs"]
mod report;
#[path = "demo/standbys.rs"]
mod standbys;

use std::path::Path;
use std::process::Command;

use mix::assert_mix;
use program::{Program, content, run};
use report::{Totals, assert_in_step, number, pasted, read, sum};
use serde_json::Value;

#[test]
fn a_short_demo_proves_itself_and_leaves_a_log_that_says_the_same() {
    const COMMANDS: u64 = 10_000;
    let here = tempfile::tempdir().unwrap();
    let (store, json) = (here.path().join("store"), here.path().join("report.json"));
    let (store_text, json) = (store.to_str().unwrap(), json.to_str().unwrap());
    let arguments = ["demo", "--seconds", "1", "--rate", "10000", "--store", store_text];
    let ended = run(arguments.into_iter().chain(["--json", json]));
    let report = read(Path::new(json));
    assert_in_step(&ended, &report);
    assert_mix(&report, COMMANDS);
    Totals::of(&store).assert_equal(&report);

    let replayed = run(["replay", "--json", store_text]);
    assert_eq!((replayed.code, replayed.errors.as_str()), (Some(0), ""));
    let line: Value = serde_json::from_str(&replayed.out).unwrap();
    assert_eq!(line["state_hash"], report["state_hash"]);
    assert_eq!((&line["events"], &line["position"]), (&report["events"], &report["log_bytes"]));
    assert_eq!(number(&line["commands"]), sum(&report["commands_by_kind"]));
    let words = run(["replay", store_text]);
    assert_eq!(words.code, Some(0));
    for part in ["state_hash", "events"] {
        let part = line[part].as_str().map_or_else(|| line[part].to_string(), str::to_owned);
        assert!(words.out.contains(&part), "{part} in {}", words.out);
    }

    // A new exchange is not begun over another one's log, and not a byte of it changes.
    let before = content(&store);
    let refused = run(["demo", "--seconds", "1", "--store", store_text]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.errors.contains(store_text), "{}", refused.errors);
    assert!(content(&store) == before, "the refused demo changed the store");
}

#[test]
fn two_demos_at_once_do_not_meet() {
    let here = tempfile::tempdir().unwrap();
    let start = |name: &str, seed: &str| {
        let json = here.path().join(name);
        let arguments = ["demo", "--seconds", "2", "--rate", "1000", "--seed", seed, "--json"];
        let arguments = arguments.into_iter().chain([json.to_str().unwrap()]);
        (Program::start(arguments), json.clone())
    };
    let mut demos = [start("one", "1"), start("two", "2")];
    let lines = demos.each_mut().map(|(demo, _)| demo.line_with(" subscribe --group "));
    let port =
        |line: &str| pasted(line).1.iter().skip_while(|word| *word != "--port").nth(1).cloned();
    assert!(port(&lines[0]).is_some() && port(&lines[0]) != port(&lines[1]), "{lines:?}");
    let reports = demos.map(|(demo, json)| {
        let ended = demo.end();
        let report = read(&json);
        assert_in_step(&ended, &report);
        report
    });
    assert_ne!(reports[0]["state_hash"], reports[1]["state_hash"], "two seeds, two exchanges");
}

#[test]
fn help_shows_an_example_and_wrong_values_are_named() {
    for command in [&[][..], &["demo"], &["replay"], &["subscribe"]] {
        let ended = run(command.iter().copied().chain(["--help"]));
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        let example = ended.out.split("Example").nth(1).unwrap_or_else(|| panic!("{}", ended.out));
        assert!(example.contains("isochron"), "{}", ended.out);
    }
    for (arguments, value) in [
        (&["--flow", "nasdaq"][..], "nasdaq"),
        (&["--flow", "lobster:"], "lobster:"),
        (&["--rate", "0"], "'0'"),
        (&["--rate", "-5"], "-5"),
        (&["--rate", "fast"], "fast"),
        (&["--rate", "1000000001"], "1000000001"),
        (&["--speed", "0.5"], "0.5"),
        (&["--speed", "maximum"], "maximum"),
        (&["--speed", "10"], "--speed 10"),
        (&["--flow", "lobster:rows.csv", "--rate", "77"], "--rate 77"),
        (&["--seconds", "-1"], "-1"),
        (&["--seconds", "99999999999999999999"], "99999999999999999999"),
        (&["--subscribers", "65"], "65"),
        (&["--port", "65536"], "65536"),
        (&["--drop-datagram", "first"], "first"),
        (&["--standbys", "1"], "'1'"),
        (&["--standbys", "2", "--counters", "here"], "--counters"),
    ] {
        let ended = run(["demo"].into_iter().chain(arguments.iter().copied()));
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.errors.contains(value), "{value} in {}", ended.errors);
    }
}

#[test]
fn a_pipe_that_nobody_reads_changes_nothing() {
    let here = tempfile::tempdir().unwrap();
    let json = here.path().join("report.json");
    let mut command = Command::new("sh");
    let script = "\"$0\" demo --seconds 1 --rate 1000 --json \"$1\" | head -n 1; echo read";
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_isochron")).arg(&json);
    let ended = Program::start_command(command).end();
    assert!(ended.out.ends_with("read\n") && ended.out.lines().count() == 2, "{}", ended.out);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_eq!(read(&json)["holds"], true);
}
