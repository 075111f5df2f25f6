//! What is configured, what a start says of it, and what a stop leaves.

use super::program::{Program, run};
use super::{Place, stop};
use isochron::config::EXAMPLE;
use isochron_events::Message;
use std::fs;
use std::process::Command;

#[test]
fn the_example_is_printed_and_is_what_no_configuration_means() {
    let printed = run(["config"]);
    assert_eq!(
        (printed.code, printed.out.as_str(), printed.errors.as_str()),
        (Some(0), EXAMPLE, "")
    );
    let place = Place::new("");
    let example = place.path().join("example.toml");
    fs::write(&example, &printed.out).unwrap();
    let checked = run(["config", "--check", example.to_str().unwrap()]);
    assert_eq!(checked.code, Some(0), "{}", checked.errors);
    // What it says of itself is the same, but for the number of the process and the file.
    let mut said = Vec::new();
    for arguments in [&["serve", "--config", "example.toml"][..], &["serve"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
        command.args(arguments).current_dir(place.path());
        let mut program = Program::start_command(command);
        program.line_with(" ready");
        let errors = stop(program);
        let settings = ["INFO store ", "INFO feed ", "INFO machine ", "INFO thread "];
        let lines = errors.lines().filter(|line| settings.iter().any(|word| line.contains(word)));
        let times_cut = lines.map(|line| line.split_once("INFO").unwrap().1.to_owned());
        said.push(times_cut.collect::<Vec<_>>());
        fs::remove_dir_all(place.store()).unwrap();
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].len() >= 5, "{said:?}");
    assert!(said[0][0].contains("segment_bytes=67108864"), "{said:?}");
    assert!(said[0][0].contains("durability=\"process\""), "{said:?}");
}

#[test]
fn a_wrong_configuration_is_named_with_its_lines_and_nothing_is_made() {
    let place = Place::new("");
    let path = place.config();
    let path = path.to_str().unwrap();
    let calendar = "[calendar]\nday_start = '08:00'\nday_end = '17:00'\ntrading_days = ['mo']\n\
                    [[calendar.phases]]\nat = '09:00'\nphase = 'open'\n\
                    [[calendar.phases]]\nat = '16:00'\nphase = 'closed'\n";
    for (text, lines) in [
        (
            "[market_data]\nttl = 256\n\n[stor]\n",
            &[
                "line 2: market_data.ttl = 256: it is an integer from 0 to 255",
                "line 4: no such key: stor; did you mean store?",
            ][..],
        ),
        ("[log]\nlevel = 1\nlevel = 2\n", &["line 3: duplicate key"][..]),
        (
            calendar,
            &[
                "line 1: calendar: trading_days: \"mo\" is none of mon, tue, wed, thu, fri, sat, sun",
            ],
        ),
    ] {
        fs::write(place.config(), text).unwrap();
        for arguments in [&["serve", "--config", path][..], &["config", "--check", path]] {
            let ended = run(arguments);
            assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
            let named: Vec<_> = lines.iter().map(|line| format!("{path}: {line}")).collect();
            let named = format!("isochron {}: {}\n", arguments[0], named.join("\n"));
            assert_eq!(ended.errors, named);
        }
    }
    let missing = run(["serve", "--config", "/nowhere/isochron.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.errors.starts_with("isochron serve: /nowhere/isochron.toml: "));
    assert_eq!(missing.errors.lines().count(), 1, "{}", missing.errors);
    assert!(!place.store().exists());
}

#[test]
fn it_serves_stops_and_goes_on() {
    let place = Place::new("[threads.more]\n");
    let refused = place.begin("").end();
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("no such key: threads.more"), "{}", refused.errors);

    let place = Place::new("");
    let mut first = place.serve("--flow mix --rate 2000");
    first.line_with("accepting accepts=\"yes\"");
    let second = place.begin("").end();
    let held = format!("is open for writing in process {}", first.pid());
    assert_eq!(second.code, Some(2));
    assert!(second.errors.contains(&held), "{}", second.errors);
    // Until orders trade.
    super::program::wait("orders are in the log", || {
        let is_order = |message: &Message| matches!(message, Message::OrderFilledEvent(_));
        place.log().iter().any(is_order).then_some(())
    });
    let store = place.store();
    let store = store.to_str().unwrap();
    let stat = run(["stat", store, "--once"]);
    assert!(stat.out.contains("store accepting yes, committed "), "{}{}", stat.out, stat.errors);
    assert!(stat.out.contains("\nfeed-messages "), "{}", stat.out);
    let said = stop(first);
    let state = said.rsplit_once("state_hash=").unwrap().1.to_owned();
    let flow_again = place.begin("--flow mix").end();
    assert_eq!(flow_again.code, Some(2));
    assert!(flow_again.errors.contains("--flow begins a new exchange"), "{}", flow_again.errors);

    let said = stop(place.serve(""));
    assert!(said.contains("created=false clean=true"), "{said}");
    // Nothing happened but the beginning of an epoch, which is no state.
    assert_eq!(said.rsplit_once("state_hash=").unwrap().1, state);
    let verified = run(["verify", store]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.errors);
    assert!(verified.out.contains("2 epochs"), "{}", verified.out);
    assert!(verified.out.contains(state.trim().trim_matches('"')), "{state} {}", verified.out);
    let inspected = run(["inspect", store, "--template", "EpochStarted"]);
    assert_eq!(inspected.out.lines().count(), 2, "{}", inspected.out);
}

#[test]
fn its_log_is_json_where_a_machine_reads_it() {
    let place = Place::new("");
    let text = fs::read_to_string(place.config()).unwrap();
    fs::write(place.config(), text.replace("format = \"text\"", "format = \"json\"")).unwrap();
    let mut program = place.begin("");
    program.line_with("\"message\":\"ready\"");
    program.signal("INT");
    let ended = program.end();
    assert_eq!(ended.code, Some(0));
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<serde_json::Value> = ended.errors.lines().map(line).collect();
    let store = lines.iter().find(|line| line["message"] == "store").unwrap();
    assert_eq!(store["segment_bytes"], 1_048_576);
    assert_eq!(store["level"], "INFO");
}

/// With durability `disk` nothing that was sent is missing after a stop, and all is synced.
#[test]
fn it_serves_from_what_is_on_the_disk() {
    let place = Place::new("");
    let text = fs::read_to_string(place.config()).unwrap();
    let text = text.replace("durability = \"process\"", "durability = \"disk\"");
    fs::write(place.config(), text.replace("\"store\"", "\"log of the disk\"")).unwrap();
    let mut program = place.serve("--flow mix --rate 500");
    program.line_with("durability=\"disk\"");
    program.line_with("accepting accepts=\"yes\"");
    stop(program);
    let store = place.path().join("log of the disk");
    let verified = run(["verify", store.to_str().unwrap()]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.errors);
}
